//! The look at task and inbox: before each model call, before completing, at each heartbeat in every phase.
//!
//! The task is read before the inbox is listed. A sender writes both in one commit, so whoever completes under the
//! version of that task read has seen every message sent before it.

use super::Ctx;
use super::closing::{Control, Ending, How};
use super::opening::check_fresh;
use super::run::Run;
use crate::effect::{Effect, Input, LogLevel};
use crate::facts::task::TaskDocument;
use crate::lifecycle::Status;
use crate::storage::inbox::InboxItem;
use crate::storage::io::{Fetch, Found, Want};
use crate::store::StoredDocument;
use crate::time::Instant;

/// Inbox documents taken in at once; more wait for the next look.
const INBOX_PAGE: u32 = 100;

#[derive(Debug)]
enum State {
    Idle,
    Task(Fetch),
    Inbox(Fetch),
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
}

impl SafePoint {
    pub fn new(now: Instant) -> Self {
        SafePoint { state: State::Idle, last: now, heartbeat_ms: 10_000, fresh: false, changed: false }
    }

    pub fn timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Idle => Some(self.last + self.heartbeat_ms),
            State::Task(fetch) | State::Inbox(fetch) => Some(fetch.timeout()),
        }
    }

    /// What is being read may be older than what was just written: read again.
    pub fn invalidate(&mut self, ctx: &mut Ctx) {
        if let State::Task(fetch) = std::mem::replace(&mut self.state, State::Idle) {
            fetch.cancel(&mut ctx.io);
            self.changed = true;
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
        let want = Want::Documents(vec![ctx.paths.task.clone()]);
        let timeout = self.settings.store_timeout_ms;
        self.look.state = State::Task(Fetch::new(ctx.now.mono, want, timeout, &mut ctx.io));
    }

    pub(super) fn looked(&mut self, ctx: &mut Ctx, input: &Input) {
        let now = ctx.now.mono;
        let writes_task = self.on_its_way.as_ref().is_some_and(|sent| !sent.task_fields.is_empty());
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
                Some(Ok(found)) => {
                    self.task_read(ctx, found.into_iter().next().flatten());
                    if self.outcome.is_none() {
                        let want = Want::Page {
                            collection: ctx.paths.inbox.clone(),
                            after: None,
                            limit: INBOX_PAGE,
                        };
                        let timeout = self.settings.store_timeout_ms;
                        self.look.state = State::Inbox(Fetch::new(now, want, timeout, &mut ctx.io));
                    }
                }
            },
            State::Inbox(mut fetch) => match fetch.handle(now, input, &mut ctx.io) {
                None => self.look.state = State::Inbox(fetch),
                Some(Err(e)) => self.interrupt(ctx, e),
                Some(Ok(found)) => {
                    self.inbox_read(ctx, found);
                    self.look.fresh = true;
                    self.look.last = now;
                }
            },
        }
    }

    /// The task document as it is now: its status is a register that others may have set.
    pub(super) fn task_read(&mut self, ctx: &mut Ctx, document: Option<StoredDocument>) {
        let Some(document) = document else {
            self.task_gone(ctx);
            return;
        };
        if document.version == self.task_version {
            return;
        }
        let read = TaskDocument::read(&document.path, document.data)
            .and_then(|task| check_fresh(&self.head, &task).map(|()| task));
        match read {
            Err(e) => self.interrupt(ctx, e),
            Ok(task) => {
                self.task = task;
                self.task_version = document.version;
                self.obey(ctx);
            }
        }
    }

    fn obey(&mut self, ctx: &mut Ctx) {
        let status = self.task.status;
        let external = match status {
            Status::InProgress => {
                if self.control.is_by_register() {
                    self.control = Control::Running;
                    self.look.fresh = false;
                }
                return;
            }
            // The run has not stored its beginning: the status is still the one that it began from.
            _ if self.begins => status == Status::Completed,
            Status::Paused => {
                let ending = Ending::by_register(&self.task);
                self.end(ctx, ending);
                return;
            }
            Status::Completed | Status::Failed | Status::NotStarted => true,
        };
        if external {
            ctx.io.push(Effect::Status { status });
            self.end(ctx, Ending::new(How::External));
        }
    }

    fn inbox_read(&mut self, ctx: &mut Ctx, found: Found) {
        self.inbox.clear();
        for document in found.into_iter().flatten() {
            match InboxItem::read(&document) {
                Ok(item) if self.facts.is_journaled(item.id()) => {
                    if !self.stale_inbox.iter().any(|id| id == item.id()) {
                        self.stale_inbox.push(item.id().to_owned());
                    }
                }
                Ok(item) => self.inbox.push(item),
                Err(what) => {
                    ctx.io.log(LogLevel::Warn, format!("{} is left where it is: {what}", document.path));
                }
            }
        }
    }
}
