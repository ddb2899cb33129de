//! The look at task and inbox: before each model call, before completing, at each heartbeat in every phase.
//!
//! The task is read before the inbox is listed. A sender writes both in one commit, so whoever completes under the
//! version of that task read has seen every message sent before it.

use super::Ctx;
use super::refusal::check_fresh;
use super::run::Run;
use super::wishes::How;
use crate::effect::{Effect, Input};
use crate::facts::task::TaskDocument;
use crate::lifecycle::Status;
use crate::storage::head::Head;
use crate::storage::io::{Fetch, Want};
use crate::store::StoredDocument;
use crate::time::Instant;
use reading::{Reading, Rest, Sweep};
use std::collections::HashSet;

mod reading;

#[derive(Debug)]
enum State {
    Idle,
    Task(Fetch),
    /// The task is gone: was it our own delete()?
    Head(Fetch),
    Inbox(Fetch, Reading),
    Sweep(Sweep, Reading),
}

#[derive(Debug)]
pub(crate) struct SafePoint {
    state: State,
    last: Instant,
    heartbeat_ms: u64,
    /// Looked since the last turn, call or wait.
    pub fresh: bool,
    /// Something has changed that no look has seen.
    pub changed: bool,
    /// Where the last look stopped, if not at the end of the inbox.
    rest: Option<Rest>,
    /// Documents of the inbox that are left there, of which the log tells once a run.
    noted: HashSet<String>,
    /// Of so many that were deleted the log has told.
    told: usize,
    /// The store refuses deletions.
    cannot_sweep: bool,
}

impl SafePoint {
    pub fn new(now: Instant) -> Self {
        SafePoint {
            state: State::Idle,
            last: now,
            heartbeat_ms: 10_000,
            fresh: false,
            changed: false,
            rest: None,
            noted: HashSet::new(),
            told: 0,
            cannot_sweep: false,
        }
    }

    pub fn timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Idle => Some(self.last + self.heartbeat_ms),
            State::Task(fetch) | State::Head(fetch) | State::Inbox(fetch, _) => Some(fetch.timeout()),
            State::Sweep(sweep, _) => Some(sweep.until),
        }
    }

    /// The last look counts, and saw all of the inbox: only then is anything completed.
    pub fn is_whole(&self) -> bool {
        self.fresh && self.rest.is_none()
    }

    /// What is being read may be older than what was just written: read again, the task first.
    pub fn invalidate(&mut self, ctx: &mut Ctx) {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Task(fetch) | State::Inbox(fetch, _) => {
                fetch.cancel(&mut ctx.io);
                self.changed = true;
            }
            State::Sweep(..) => self.changed = true,
            other => self.state = other,
        }
    }
}

impl Run {
    /// Begins a look, unless one is under way.
    pub(super) fn look_now(&mut self, ctx: &mut Ctx) {
        if !matches!(self.look.state, State::Idle) || !ctx.cfg.drives {
            return;
        }
        self.look.changed = false;
        self.look.heartbeat_ms = self.settings.heartbeat_ms();
        let want = Want::Changed { path: ctx.paths.task.clone(), known: self.task_version.clone() };
        let timeout = self.settings.store_timeout_ms;
        self.look.state = State::Task(Fetch::new(ctx.now.mono, want, timeout, &mut ctx.io));
    }

    pub(super) fn looked(&mut self, ctx: &mut Ctx, input: &Input) {
        let now = ctx.now.mono;
        let writes_task = self.writes_task();
        match std::mem::replace(&mut self.look.state, State::Idle) {
            State::Idle => {
                let due = now >= self.look.last + self.look.heartbeat_ms;
                if ctx.cfg.drives && !writes_task && (self.look.changed || due) {
                    self.look_now(ctx);
                } else if due {
                    self.look.last = now;
                    self.look.changed = ctx.cfg.drives;
                }
            }
            State::Task(mut fetch) => match fetch.handle(now, input, &mut ctx.io) {
                None => self.look.state = State::Task(fetch),
                Some(Err(e)) => self.interrupt(ctx, e),
                // It may or may not show what is on its way: look again when that has landed.
                Some(Ok(_)) if writes_task => self.look.changed = true,
                Some(Ok(found)) => match found.into_iter().next().flatten() {
                    None => {
                        let want = Want::Documents(vec![ctx.paths.head.clone()]);
                        let timeout = self.settings.store_timeout_ms;
                        self.look.state = State::Head(Fetch::new(now, want, timeout, &mut ctx.io));
                    }
                    Some(task) => {
                        self.task_read(ctx, task);
                        if self.outcome.is_none() {
                            self.read_inbox(ctx);
                        }
                    }
                },
            },
            State::Head(mut fetch) => match fetch.handle(now, input, &mut ctx.io) {
                None => self.look.state = State::Head(fetch),
                Some(Err(e)) => self.interrupt(ctx, e),
                Some(Ok(found)) => {
                    let head = found.into_iter().next().flatten();
                    let head = head.and_then(|d| Head::read(&d.path, &d.data).ok());
                    match head.filter(|h| h.epoch == self.lease.head().epoch && !h.deleted) {
                        Some(_) => self.task_gone(ctx),
                        None => self.superseded(),
                    }
                }
            },
            State::Inbox(mut fetch, reading) => match fetch.handle(now, input, &mut ctx.io) {
                None => self.look.state = State::Inbox(fetch, reading),
                Some(Err(e)) => self.interrupt(ctx, e),
                Some(Ok(found)) => self.inbox_listed(ctx, reading, found.into_iter().flatten()),
            },
            State::Sweep(sweep, reading) => self.swept(ctx, sweep, reading, input),
        }
    }

    fn inbox_read(&mut self, ctx: &mut Ctx) {
        self.look.last = ctx.now.mono;
        // What changed since is for the next look: a document that is written all the time must not keep the run
        // from going on, and what depends on it carries its version.
        self.look.fresh = true;
        if self.look.changed && !self.writes_task() {
            self.look_now(ctx);
        }
    }

    /// The task document as it is now: its status is a register that others may have set.
    pub(super) fn task_read(&mut self, ctx: &mut Ctx, document: StoredDocument) {
        if document.version == self.task_version {
            return;
        }
        let read = TaskDocument::read(&document.path, document.data)
            .and_then(|task| check_fresh(self.lease.head(), &task).map(|()| task));
        match read {
            Err(e) => self.interrupt(ctx, e),
            Ok(task) => {
                self.take_task(task, document.version);
                // What the inbox holds under this version has not been seen.
                self.look.fresh = false;
                self.obey(ctx);
            }
        }
    }

    /// The stored status is a register.
    fn obey(&mut self, ctx: &mut Ctx) {
        let status = self.task.status;
        let how = match status {
            Status::InProgress => {
                if self.wishes.taken_back() {
                    self.look.fresh = false;
                    // What was aborted and has not answered has an unknown outcome.
                    self.calls.give_up_aborted();
                }
                return;
            }
            Status::Paused => How::by_register(self.task.abort_reason.as_deref()),
            Status::Completed | Status::Failed | Status::NotStarted => How::External,
        };
        // The run has not stored its beginning: the status is still the one that it began from.
        if self.beginning.is_from(&self.task) {
            return;
        }
        if how == How::External {
            ctx.io.push(Effect::Status { status });
        }
        self.wishes.registered(how, ctx.now.mono);
        self.obey_wishes(ctx);
    }
}
