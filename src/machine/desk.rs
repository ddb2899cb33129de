//! The room `desk`: the task document as it was read last, the inbox, and the look at both: before each model call, before
//! completing, at each heartbeat in every phase.
//!
//! The task is read before the inbox is listed. A sender writes both in one commit, so whoever completes under the
//! version of that task read has seen every message sent before it.

mod reading;

use super::Ctx;
use super::refusal::check_fresh;
use crate::effect::Input;
use crate::error::EngineError;
use crate::facts::fold::Facts;
use crate::facts::task::TaskDocument;
use crate::limits::Settings;
use crate::sorted::SortedSet;
use crate::storage::head::Head;
use crate::storage::inbox::InboxItem;
use crate::storage::io::{Fetch, Want};
use crate::store::StoredDocument;
use crate::time::Instant;
use reading::{Reading, Rest, Sweep};

#[derive(Debug)]
enum State {
    Idle,
    Task(Fetch),
    /// The task is gone: was it our own delete()?
    Head(Fetch),
    Inbox(Fetch, Reading),
    Sweep(Sweep, Reading),
}

/// What others have to know of a look.
#[derive(Debug)]
pub(crate) enum Event {
    /// The task document is another now.
    TaskChanged,
    /// The task is gone.
    TaskGone,
    /// It was taken, or deleted, under this run.
    Superseded,
    /// It cannot be read.
    Fails(EngineError),
}

/// What a look depends on.
#[derive(Clone, Copy)]
pub(crate) struct Around<'a> {
    pub facts: &'a Facts,
    pub settings: &'a Settings,
    pub head: &'a Head,
    /// A commit on its way writes the task document.
    pub writes_task: bool,
    /// Some commit is on its way.
    pub commits: bool,
    /// The lease is fresh.
    pub may_start: bool,
}

#[derive(Debug)]
pub(crate) struct Desk {
    task: TaskDocument,
    version: String,
    /// Seen in the inbox and not yet in the journal.
    inbox: Vec<InboxItem>,
    state: State,
    last: Instant,
    heartbeat_ms: u64,
    /// Looked since the last turn, call or wait.
    fresh: bool,
    /// Something has changed that no look has seen.
    changed: bool,
    /// Where the last look stopped, if not at the end of the inbox.
    rest: Option<Rest>,
    /// Documents of the inbox that are left there, of which the log tells once a run.
    noted: SortedSet<String>,
    /// Of so many that were deleted the log has told.
    told: usize,
    /// The store refuses deletions.
    cannot_sweep: bool,
    /// The version of the task document that shows all progress.
    rolled_up: Option<String>,
    /// The version of the task document in which nothing is completed that the journal lacks.
    adopted: Option<String>,
    /// Conflicts of the roll-up in a row.
    conflicts: u32,
}

impl Desk {
    /// With the task as it was read when it was acquired.
    pub fn new(task: TaskDocument, version: String, heartbeat_ms: u64, now: Instant) -> Self {
        Desk {
            task,
            version,
            inbox: Vec::new(),
            state: State::Idle,
            last: now,
            heartbeat_ms,
            fresh: false,
            changed: false,
            rest: None,
            noted: SortedSet::default(),
            told: 0,
            cannot_sweep: false,
            rolled_up: None,
            adopted: None,
            conflicts: 0,
        }
    }

    /// As it is stored, as far as is known.
    pub fn task(&self) -> &TaskDocument {
        &self.task
    }

    /// Of the task document.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Seen in the inbox and not yet in the journal.
    pub fn inbox(&self) -> &[InboxItem] {
        &self.inbox
    }

    pub fn timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Idle => Some(self.last + self.heartbeat_ms),
            State::Task(fetch) | State::Head(fetch) | State::Inbox(fetch, _) => Some(fetch.timeout()),
            State::Sweep(sweep, _) => Some(sweep.until),
        }
    }

    /// Looked since the last turn, call or wait.
    pub fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// The last look counts, and saw all of the inbox: only then is anything completed.
    pub fn is_whole(&self) -> bool {
        self.fresh && self.rest.is_none()
    }

    /// What follows has to be looked for anew.
    pub fn grow_stale(&mut self) {
        self.fresh = false;
    }

    /// Something has changed that no look has seen.
    pub fn hear_of_change(&mut self) {
        self.changed = true;
    }

    /// What is being read may be older than what was just written: read again, the task first.
    fn invalidate(&mut self, ctx: &mut Ctx) {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Task(fetch) | State::Inbox(fetch, _) => {
                fetch.cancel(&mut ctx.io);
                self.changed = true;
            }
            State::Sweep(..) => self.changed = true,
            other => self.state = other,
        }
    }

    /// The version that shows all progress.
    pub fn is_rolled_up(&self) -> bool {
        self.rolled_up.as_ref() == Some(&self.version)
    }

    /// Conflicts of the roll-up in a row.
    pub fn conflicts(&self) -> u32 {
        self.conflicts
    }

    /// Nothing is completed in the document that the journal lacks.
    pub fn is_adopted(&self) -> bool {
        self.adopted.as_ref() == Some(&self.version)
    }

    /// Nothing is completed in the document as it is now that the journal lacks.
    pub fn adopt(&mut self) {
        self.adopted = Some(self.version.clone());
    }

    /// A commit that depended on the document met another version of it.
    pub fn conflicted(
        &mut self,
        ctx: &mut Ctx,
        around: Around<'_>,
        document: StoredDocument,
    ) -> Option<Event> {
        self.conflicts += 1;
        self.invalidate(ctx);
        self.read(around.head, document)
    }

    /// An entry is stored that took these from the inbox.
    pub fn stored(&mut self, taken: &[String]) {
        self.conflicts = 0;
        self.inbox.retain(|item| !taken.iter().any(|id| id == item.id()));
    }

    /// The document shows all progress, without having been written.
    pub fn shows_progress(&mut self, version: Option<String>) {
        self.rolled_up = version.or(self.rolled_up.take());
    }

    /// The document was written by this run.
    pub fn written(
        &mut self,
        ctx: &mut Ctx,
        task: Option<TaskDocument>,
        version: &str,
        shows_progress: bool,
    ) {
        if let Some(task) = task {
            self.rolled_up = shows_progress.then(|| version.to_owned());
            (self.task, self.version) = (task, version.to_owned());
        }
        self.invalidate(ctx);
    }

    /// Begins a look, unless one is under way.
    pub fn look(&mut self, ctx: &mut Ctx, settings: &Settings) {
        if !matches!(self.state, State::Idle) || !ctx.cfg.drives {
            return;
        }
        self.changed = false;
        let want = Want::Changed { path: ctx.paths.task.clone(), known: self.version.clone() };
        self.state = State::Task(Fetch::new(ctx.now.mono, want, settings.store_timeout_ms, &mut ctx.io));
    }

    /// Takes an input in.
    pub fn handle(&mut self, ctx: &mut Ctx, around: Around<'_>, input: &Input) -> Option<Event> {
        let now = ctx.now.mono;
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Idle => {
                let due = now >= self.last + self.heartbeat_ms;
                if ctx.cfg.drives && !around.writes_task && (self.changed || due) {
                    self.look(ctx, around.settings);
                } else if due {
                    self.last = now;
                    self.changed = ctx.cfg.drives;
                }
            }
            State::Task(mut fetch) => match fetch.handle(now, input, &mut ctx.io) {
                None => self.state = State::Task(fetch),
                Some(Err(e)) => return Some(Event::Fails(e)),
                // It may or may not show what is on its way: look again when that has landed.
                Some(Ok(_)) if around.writes_task => self.changed = true,
                Some(Ok(found)) => return self.task_found(ctx, around, found.into_iter().next().flatten()),
            },
            State::Head(mut fetch) => match fetch.handle(now, input, &mut ctx.io) {
                None => self.state = State::Head(fetch),
                Some(Err(e)) => return Some(Event::Fails(e)),
                Some(Ok(found)) => {
                    let head = found.into_iter().next().flatten();
                    let head = head.and_then(|d| Head::read(&d.path, &d.data).ok());
                    return Some(
                        match head.filter(|h| h.is_under(&around.head.history, around.head.epoch)) {
                            Some(_) => Event::TaskGone,
                            None => Event::Superseded,
                        },
                    );
                }
            },
            State::Inbox(mut fetch, reading) => match fetch.handle(now, input, &mut ctx.io) {
                None => self.state = State::Inbox(fetch, reading),
                Some(Err(e)) => return Some(Event::Fails(e)),
                Some(Ok(found)) => self.inbox_listed(ctx, around, reading, found.into_iter().flatten()),
            },
            State::Sweep(sweep, reading) => self.swept(ctx, around, sweep, reading, input),
        }
        None
    }

    fn task_found(
        &mut self,
        ctx: &mut Ctx,
        around: Around<'_>,
        task: Option<StoredDocument>,
    ) -> Option<Event> {
        let Some(task) = task else {
            let want = Want::Documents(vec![ctx.paths.head.clone()]);
            let timeout = around.settings.store_timeout_ms;
            self.state = State::Head(Fetch::new(ctx.now.mono, want, timeout, &mut ctx.io));
            return None;
        };
        let event = self.read(around.head, task);
        if !matches!(event, Some(Event::Fails(_))) {
            self.read_inbox(ctx, around.settings);
        }
        event
    }

    fn inbox_read(&mut self, ctx: &mut Ctx, around: Around<'_>) {
        self.last = ctx.now.mono;
        // What changed since is for the next look: a document that is written all the time must not keep the run
        // from going on, and what depends on it carries its version.
        self.fresh = true;
        if self.changed && !around.writes_task {
            self.look(ctx, around.settings);
        }
    }

    /// The task document as it is now.
    fn read(&mut self, head: &Head, document: StoredDocument) -> Option<Event> {
        if document.version == self.version {
            return None;
        }
        let read = TaskDocument::read(&document.path, document.data)
            .and_then(|task| check_fresh(head, &task).map(|()| task));
        match read {
            Err(e) => Some(Event::Fails(e)),
            Ok(task) => {
                (self.task, self.version) = (task, document.version);
                // What the inbox holds under this version has not been seen.
                self.fresh = false;
                Some(Event::TaskChanged)
            }
        }
    }
}
