//! The queue of effects, and reading from the store with a deadline and retries.

use crate::effect::{Effect, Input, LogLevel, Ticket};
use crate::error::{Code, EngineError};
use crate::ids::Rng;
use crate::store::{StoreError, StoreErrorCode, StoredDocument};
use crate::time::Instant;
use std::collections::VecDeque;

/// Effects on their way out, tickets, and the randomness that ids and jitter are made of.
#[derive(Debug)]
pub struct Io {
    effects: VecDeque<Effect>,
    next: u64,
    /// For ids and jitter.
    pub rng: Rng,
}

impl Io {
    /// An empty queue.
    pub fn new(seed: u64) -> Self {
        Io { effects: VecDeque::new(), next: Ticket::FIRST.0, rng: Rng::new(seed) }
    }

    /// A ticket that no other effect has.
    pub fn ticket(&mut self) -> Ticket {
        let ticket = Ticket(self.next);
        self.next += 1;
        ticket
    }

    /// Queues an effect.
    pub fn push(&mut self, effect: Effect) {
        self.effects.push_back(effect);
    }

    /// The next effect.
    pub fn pop(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Nothing is queued.
    pub fn is_empty(&self) -> bool {
        self.effects.is_empty()
    }

    /// Queues a line for the host's logger.
    pub fn log(&mut self, level: LogLevel, message: impl Into<String>) {
        self.push(Effect::Log { level, message: message.into() });
    }
}

/// The user's error for a store's.
pub fn store_error(error: &StoreError, doing: &str) -> EngineError {
    let (code, advice) = match error.code {
        StoreErrorCode::Denied => {
            (Code::StoreDenied, "Check the credentials and the rules that the store runs under.")
        }
        // Found out here, and not said by the store.
        StoreErrorCode::Invalid if error.cause.is_none() => (
            Code::StoreRejected,
            "It breaks the contract of TaskStore: the conformance suite of task-execution-engine/testing shows where.",
        ),
        StoreErrorCode::Invalid => (Code::StoreRejected, "The store does not accept what it was given."),
        StoreErrorCode::TooLarge => (Code::TooLarge, "It is over the store's limits."),
        _ => (Code::StoreUnavailable, "Nothing stored was lost; try again when the store answers."),
    };
    EngineError::new(code, format!("{doing} failed: {}. {advice}", error.message.trim_end_matches('.')))
        .caused_by(error.cause)
}

/// How long one attempt at a store call may take before it is aborted and made again, as a part of the deadline.
const ATTEMPTS_PER_DEADLINE: u64 = 3;
const FIRST_BACK_OFF_MS: u64 = 50;
const LAST_BACK_OFF_MS: u64 = 2_000;

/// Pause before the next attempt: full jitter on an exponential.
pub fn store_back_off(attempt: u32, random: f64) -> u64 {
    let ceiling = FIRST_BACK_OFF_MS.saturating_mul(1 << attempt.min(10)).min(LAST_BACK_OFF_MS);
    1 + (ceiling as f64 * random) as u64
}

/// When an attempt sent at `now` is given up.
pub fn attempt_deadline(now: Instant, timeout_ms: u64, deadline: Instant) -> Instant {
    (now + (timeout_ms / ATTEMPTS_PER_DEADLINE).max(1)).min(deadline)
}

/// What to read.
#[derive(Clone, Debug, PartialEq)]
pub enum Want {
    /// Documents by path.
    Documents(Vec<String>),
    /// A document, of which the version `known` needs no data.
    Changed {
        /// Its path.
        path: String,
        /// What is here already.
        known: String,
    },
    /// A page of a collection.
    Page {
        /// Its path.
        collection: String,
        /// Only ids after this one.
        after: Option<String>,
        /// At most so many.
        limit: u32,
    },
}

impl Want {
    fn paths(&self) -> &[String] {
        match self {
            Want::Documents(paths) => paths,
            Want::Changed { path, .. } => std::slice::from_ref(path),
            Want::Page { .. } => &[],
        }
    }

    /// What a page is that the store must not return: read on after it, a listing might never end.
    fn breach_of(&self, page: &[StoredDocument]) -> Option<String> {
        let Want::Page { collection, after, limit } = self else { return None };
        if page.len() > *limit as usize {
            return Some(format!("list() returned {} documents for a limit of {limit}", page.len()));
        }
        let belongs = |d: &StoredDocument| {
            d.path
                .strip_prefix(collection.as_str())
                .is_some_and(|rest| rest.strip_prefix('/') == Some(d.id()))
        };
        if let Some(other) = page.iter().find(|d| !belongs(d)) {
            return Some(format!("list() returned {}, which is not in {collection}", other.path));
        }
        let again = page.iter().find(|d| after.as_deref() == Some(d.id()))?;
        Some(format!("list() returned {} although it was told to begin after it", again.path))
    }
}

/// What was read: one element a path, or the documents of the page.
pub type Found = Vec<Option<StoredDocument>>;

/// A read that is tried again until its deadline.
#[derive(Debug)]
pub struct Fetch {
    want: Want,
    timeout_ms: u64,
    deadline: Instant,
    attempt: u32,
    state: FetchState,
}

#[derive(Debug)]
enum FetchState {
    Sent { ticket: Ticket, until: Instant },
    BackingOff { until: Instant },
}

impl Fetch {
    /// Sends the first attempt; `timeout_ms` covers all of them.
    pub fn new(now: Instant, want: Want, timeout_ms: u64, io: &mut Io) -> Self {
        let mut fetch = Fetch {
            want,
            timeout_ms,
            deadline: now + timeout_ms,
            attempt: 0,
            state: FetchState::BackingOff { until: now },
        };
        fetch.send(now, io);
        fetch
    }

    fn send(&mut self, now: Instant, io: &mut Io) {
        let ticket = io.ticket();
        io.push(match &self.want {
            Want::Documents(paths) => Effect::Read { ticket, paths: paths.clone(), known: None },
            Want::Changed { path, known } => {
                Effect::Read { ticket, paths: vec![path.clone()], known: Some(known.clone()) }
            }
            Want::Page { collection, after, limit } => {
                Effect::List { ticket, collection: collection.clone(), after: after.clone(), limit: *limit }
            }
        });
        self.state =
            FetchState::Sent { ticket, until: attempt_deadline(now, self.timeout_ms, self.deadline) };
    }

    /// Takes an input in; Some when the read is over.
    pub fn handle(&mut self, now: Instant, input: &Input, io: &mut Io) -> Option<Result<Found, EngineError>> {
        match (&self.state, input) {
            (FetchState::Sent { ticket, .. }, Input::Read { ticket: t, result }) if t == ticket => {
                match (result, &self.want) {
                    (Ok(found), want) if found.len() == want.paths().len() => {
                        let asked = found.iter().zip(want.paths());
                        match asked.filter_map(|(d, path)| d.as_ref().filter(|d| d.path != *path)).next() {
                            None => Some(Ok(found.clone())),
                            Some(other) => {
                                let what =
                                    format!("read() returned {} in place of another document", other.path);
                                self.failed(now, &breach(what), io)
                            }
                        }
                    }
                    (Ok(_), _) => self.failed(now, &wrong_answer(), io),
                    (Err(e), _) => self.failed(now, e, io),
                }
            }
            (FetchState::Sent { ticket, .. }, Input::Listed { ticket: t, result }) if t == ticket => {
                match result.as_ref().map(|page| (page, self.want.breach_of(page))) {
                    Ok((page, None)) => Some(Ok(page.iter().cloned().map(Some).collect())),
                    Ok((_, Some(what))) => self.failed(now, &breach(what), io),
                    Err(e) => self.failed(now, e, io),
                }
            }
            (FetchState::Sent { ticket, until }, _) if now >= *until => {
                io.push(Effect::Cancel { ticket: *ticket });
                self.failed(now, &StoreError::silence(), io)
            }
            (FetchState::BackingOff { until }, _) if now >= *until => {
                self.send(now, io);
                None
            }
            _ => None,
        }
    }

    fn failed(
        &mut self,
        now: Instant,
        error: &StoreError,
        io: &mut Io,
    ) -> Option<Result<Found, EngineError>> {
        let permanent =
            matches!(error.code, StoreErrorCode::Denied | StoreErrorCode::Invalid | StoreErrorCode::TooLarge);
        self.attempt += 1;
        let until = now + store_back_off(self.attempt, io.rng.unit());
        // An attempt at the deadline could only be given up, and would hide what the store has said.
        if permanent || until >= self.deadline {
            return Some(Err(store_error(error, "Reading from the store")));
        }
        self.state = FetchState::BackingOff { until };
        None
    }

    /// When to call `handle` with [`Input::Timeout`].
    pub fn timeout(&self) -> Instant {
        match self.state {
            FetchState::Sent { until, .. } | FetchState::BackingOff { until } => until,
        }
    }

    /// Gives the read up.
    pub fn cancel(self, io: &mut Io) {
        if let FetchState::Sent { ticket, .. } = self.state {
            io.push(Effect::Cancel { ticket });
        }
    }
}

fn breach(what: String) -> StoreError {
    StoreError { code: StoreErrorCode::Invalid, message: format!("The store's {what}"), cause: None }
}

/// A store that answers another question than it was asked.
pub fn wrong_answer() -> StoreError {
    StoreError {
        code: StoreErrorCode::Unavailable,
        message: "the store returned another number of documents than it was asked for".into(),
        cause: None,
    }
}

#[cfg(test)]
mod tests;
