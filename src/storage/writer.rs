//! The one serial pipeline of commits: entries, heartbeats, acquisition and release.
//!
//! Nothing is sent until the commit before is resolved. After an unclear reply the same bytes are sent again, so that
//! at most one of the attempts can land; which one landed is told by the `write_id`. After a definite conflict the
//! journal entry is read first and the head after it: the other way round, a commit that lands in between, and whose
//! head others have written since, would look lost.

use super::head::Head;
use super::io::{Io, attempt_deadline, store_back_off, store_error};
use crate::effect::{Effect, Input, Ticket};
use crate::error::{Code, EngineError};
use crate::facts::fact::Entry;
use crate::facts::fact::corrupt;
use crate::ids::Paths;
use crate::store::{StoreError, StoreErrorCode, StoreWrite, StoredDocument};
use crate::time::Instant;
use std::rc::Rc;

/// What a commit is for.
#[derive(Clone, Debug)]
pub enum Purpose {
    /// Takes the lease: the head alone.
    Acquire,
    /// Stores an entry with all that belongs to it.
    Entry(Rc<Entry>),
    /// Renews the lease.
    Heartbeat,
    /// Gives the lease back without an entry.
    Release,
}

/// One commit, sent as often as needed with the same bytes.
#[derive(Clone, Debug)]
pub struct Batch {
    /// What for.
    pub purpose: Purpose,
    /// In the head, and in the entry where there is one.
    pub write_id: String,
    /// The history that it is part of: another begins with the same epochs.
    pub history: String,
    /// The epoch under which it is written.
    pub epoch: u64,
    /// All or nothing.
    pub writes: Rc<Vec<StoreWrite>>,
    /// The version of the task document that it depends on.
    pub task_version: Option<String>,
}

/// A commit that is resolved.
#[derive(Debug)]
pub enum Resolved {
    /// It is stored.
    Landed {
        /// Which.
        batch: Batch,
        /// The new version of the head and of everything else in it; none where it is known to be superseded.
        version: Option<String>,
    },
    /// It is not stored, because the task document changed; the document as it is now.
    TaskChanged {
        /// Which.
        batch: Batch,
        /// As it is now.
        task: StoredDocument,
    },
    /// It is not stored.
    Lost {
        /// Which.
        batch: Batch,
        /// Why.
        loss: Loss,
    },
}

/// Why a commit is not stored.
#[derive(Debug)]
pub enum Loss {
    /// Another run has the lease.
    Superseded,
    /// There is no task document any more.
    TaskGone,
    /// The store refused it, or its documents contradict each other: for good.
    Refused(EngineError),
    /// No clear answer before the deadline: it may or may not be stored.
    Unknown(EngineError),
}

#[derive(Debug)]
struct Attempt {
    batch: Batch,
    deadline: Instant,
    timeout_ms: u64,
    tries: u32,
    unclear: bool,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Idle,
    Sent {
        attempt: Attempt,
        ticket: Ticket,
        until: Instant,
    },
    BackingOff {
        attempt: Attempt,
        until: Instant,
    },
    ReadingEntry {
        attempt: Attempt,
        ticket: Ticket,
        until: Instant,
        error: StoreError,
    },
    ReadingHead {
        attempt: Attempt,
        ticket: Ticket,
        until: Instant,
        error: StoreError,
        mine: Option<bool>,
    },
}

/// The pipeline.
#[derive(Debug)]
pub struct Writer {
    paths: Paths,
    state: State,
}

impl Writer {
    /// An idle pipeline.
    pub fn new(paths: Paths) -> Self {
        Writer { paths, state: State::Idle }
    }

    /// The commit before is resolved.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    /// Sends a commit. Only when idle.
    pub fn submit(&mut self, now: Instant, batch: Batch, timeout_ms: u64, io: &mut Io) {
        debug_assert!(self.is_idle(), "one commit at a time");
        let attempt = Attempt { batch, deadline: now + timeout_ms, timeout_ms, tries: 0, unclear: false };
        self.state = send(now, attempt, io);
    }

    /// No commit may go on past this point.
    pub fn limit(&mut self, by: Instant) {
        match &mut self.state {
            State::Idle => {}
            State::Sent { attempt, .. }
            | State::BackingOff { attempt, .. }
            | State::ReadingEntry { attempt, .. }
            | State::ReadingHead { attempt, .. } => attempt.deadline = attempt.deadline.min(by),
        }
    }

    /// When to call `handle` with [`Input::Timeout`].
    pub fn timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Idle => None,
            State::Sent { attempt, until, .. }
            | State::BackingOff { attempt, until }
            | State::ReadingEntry { attempt, until, .. }
            | State::ReadingHead { attempt, until, .. } => Some((*until).min(attempt.deadline)),
        }
    }

    /// Takes an input in; Some when the commit is resolved.
    pub fn handle(&mut self, now: Instant, input: &Input, io: &mut Io) -> Option<Resolved> {
        let (next, resolved) = self.transition(now, input, io);
        self.state = next;
        resolved
    }

    fn transition(&mut self, now: Instant, input: &Input, io: &mut Io) -> (State, Option<Resolved>) {
        match std::mem::take(&mut self.state) {
            State::Idle => (State::Idle, None),
            State::Sent { mut attempt, ticket, until } => match input {
                Input::Committed { ticket: t, result } if *t == ticket => match result {
                    Ok(version) => landed(attempt, Some(version.clone())),
                    Err(e) => self.refused(now, attempt, e, io),
                },
                _ if now >= until || now >= attempt.deadline => {
                    io.push(Effect::Cancel { ticket });
                    attempt.unclear = true;
                    (back_off(now, attempt, StoreError::silence(), io)).or_unknown(now)
                }
                _ => (State::Sent { attempt, ticket, until }, None),
            },
            State::BackingOff { attempt, .. } if now >= attempt.deadline => {
                back_off(now, attempt, StoreError::silence(), io).or_unknown(now)
            }
            State::BackingOff { attempt, until } if now >= until => (send(now, attempt, io), None),
            State::ReadingEntry { attempt, ticket, until, error } => match input {
                Input::Read { ticket: t, result } if *t == ticket => match result.as_deref() {
                    Ok([entry]) => {
                        let mine = entry.as_ref().map(|d| {
                            d.data.get("write_id").and_then(|v| v.as_str())
                                == Some(attempt.batch.write_id.as_str())
                        });
                        (self.read_head(now, attempt, error, mine, io), None)
                    }
                    Ok(_) => back_off(now, attempt, super::io::wrong_answer(), io).or_unknown(now),
                    Err(e) => back_off(now, attempt, e.clone(), io).or_unknown(now),
                },
                _ if now >= until || now >= attempt.deadline => {
                    io.push(Effect::Cancel { ticket });
                    back_off(now, attempt, StoreError::silence(), io).or_unknown(now)
                }
                _ => (State::ReadingEntry { attempt, ticket, until, error }, None),
            },
            State::ReadingHead { attempt, ticket, until, error, mine } => match input {
                Input::Read { ticket: t, result } if *t == ticket => match result.as_deref() {
                    Ok([head, task]) => self.judge(now, attempt, error, mine, head, task, io),
                    Ok(_) => back_off(now, attempt, super::io::wrong_answer(), io).or_unknown(now),
                    Err(e) => back_off(now, attempt, e.clone(), io).or_unknown(now),
                },
                _ if now >= until || now >= attempt.deadline => {
                    io.push(Effect::Cancel { ticket });
                    back_off(now, attempt, StoreError::silence(), io).or_unknown(now)
                }
                _ => (State::ReadingHead { attempt, ticket, until, error, mine }, None),
            },
            waiting @ State::BackingOff { .. } => (waiting, None),
        }
    }

    fn refused(
        &mut self,
        now: Instant,
        mut attempt: Attempt,
        error: &StoreError,
        io: &mut Io,
    ) -> (State, Option<Resolved>) {
        match error.code {
            StoreErrorCode::Unavailable => {
                attempt.unclear = true;
                back_off(now, attempt, error.clone(), io).or_unknown(now)
            }
            StoreErrorCode::Denied | StoreErrorCode::Invalid | StoreErrorCode::TooLarge
                if !attempt.unclear =>
            {
                let loss = Loss::Refused(store_error(error, "Writing to the store"));
                (State::Idle, Some(Resolved::Lost { batch: attempt.batch, loss }))
            }
            _ => match &attempt.batch.purpose {
                Purpose::Entry(entry) => {
                    let ticket = io.ticket();
                    io.push(Effect::Read { ticket, paths: vec![self.paths.entry(entry.seq)], known: None });
                    let until = attempt_deadline(now, attempt.timeout_ms, attempt.deadline);
                    (State::ReadingEntry { attempt, ticket, until, error: error.clone() }, None)
                }
                _ => (self.read_head(now, attempt, error.clone(), None, io), None),
            },
        }
    }

    fn read_head(
        &self,
        now: Instant,
        attempt: Attempt,
        error: StoreError,
        mine: Option<bool>,
        io: &mut Io,
    ) -> State {
        let ticket = io.ticket();
        let paths = vec![self.paths.head.clone(), self.paths.task.clone()];
        io.push(Effect::Read { ticket, paths, known: None });
        let until = attempt_deadline(now, attempt.timeout_ms, attempt.deadline);
        State::ReadingHead { attempt, ticket, until, error, mine }
    }

    #[allow(clippy::too_many_arguments)] // one decision over everything that was read
    fn judge(
        &mut self,
        now: Instant,
        attempt: Attempt,
        error: StoreError,
        entry_mine: Option<bool>,
        head: &Option<StoredDocument>,
        task: &Option<StoredDocument>,
        io: &mut Io,
    ) -> (State, Option<Resolved>) {
        let lost =
            |attempt: Attempt, loss| (State::Idle, Some(Resolved::Lost { batch: attempt.batch, loss }));
        let parsed = match head.as_ref().map(|d| Head::read(&d.path, &d.data)).transpose() {
            Ok(parsed) => parsed,
            Err(e) => return lost(attempt, Loss::Refused(e)),
        };
        let head_mine = parsed.as_ref().is_some_and(|h| h.write_id == attempt.batch.write_id);
        // Where there was no entry an earlier attempt may have landed since: the head was read after it.
        let is_stored = entry_mine.unwrap_or(head_mine);
        let (history, epoch) = (&attempt.batch.history, attempt.batch.epoch);
        let same_epoch = parsed.as_ref().is_some_and(|h| h.is_under(history, epoch));
        if is_stored {
            let version = if same_epoch { head.as_ref().map(|d| d.version.clone()) } else { None };
            return landed(attempt, version);
        }
        let acquiring = matches!(attempt.batch.purpose, Purpose::Acquire);
        if acquiring || !same_epoch {
            return lost(attempt, Loss::Superseded);
        }
        let Some(task) = task else { return lost(attempt, Loss::TaskGone) };
        if let (Purpose::Entry(entry), Some(false)) = (&attempt.batch.purpose, entry_mine) {
            let loss = Loss::Refused(corrupt(entry.seq, "the entry exists while the head is behind it"));
            return lost(attempt, loss);
        }
        let changed = attempt.batch.task_version.as_ref().is_some_and(|v| *v != task.version);
        if changed {
            return (State::Idle, Some(Resolved::TaskChanged { batch: attempt.batch, task: task.clone() }));
        }
        match error.code {
            StoreErrorCode::Denied | StoreErrorCode::Invalid | StoreErrorCode::TooLarge => {
                lost(attempt, Loss::Refused(store_error(&error, "Writing to the store")))
            }
            _ => back_off(now, attempt, error, io).or_unknown(now),
        }
    }
}

fn landed(attempt: Attempt, version: Option<String>) -> (State, Option<Resolved>) {
    (State::Idle, Some(Resolved::Landed { batch: attempt.batch, version }))
}

fn send(now: Instant, mut attempt: Attempt, io: &mut Io) -> State {
    attempt.tries += 1;
    let ticket = io.ticket();
    io.push(Effect::Commit { ticket, writes: Rc::clone(&attempt.batch.writes) });
    let until = attempt_deadline(now, attempt.timeout_ms, attempt.deadline);
    State::Sent { attempt, ticket, until }
}

/// Another attempt, or the end of them.
struct Again {
    attempt: Attempt,
    until: Instant,
    error: StoreError,
}

fn back_off(now: Instant, attempt: Attempt, error: StoreError, io: &mut Io) -> Again {
    let until = now + store_back_off(attempt.tries, io.rng.unit());
    Again { attempt, until, error }
}

impl Again {
    fn or_unknown(self, now: Instant) -> (State, Option<Resolved>) {
        if now < self.attempt.deadline && self.until < self.attempt.deadline {
            return (State::BackingOff { attempt: self.attempt, until: self.until }, None);
        }
        let mut error = store_error(&self.error, "Writing to the store");
        error.code = Code::StoreUnavailable;
        error.retryable = true;
        (State::Idle, Some(Resolved::Lost { batch: self.attempt.batch, loss: Loss::Unknown(error) }))
    }
}

#[cfg(test)]
mod tests;
