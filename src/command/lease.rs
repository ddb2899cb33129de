//! Taking the task to commit one entry, by a command where no run does it.

use super::head::{Seen, SeenHead, not_found};
use super::script::{Ctx, Loaded, Step};
use crate::effect::Effect;
use crate::error::{Code, EngineError};
use crate::facts::announce::announce;
use crate::facts::fact::{Entry, Fact};
use crate::facts::fold::Facts;
use crate::facts::task::TaskDocument;
use crate::lifecycle::Status;
use crate::machine::import;
use crate::machine::lease::{self, Acquiring, Commit, Lease, Outcome, Terms};
use crate::storage::commit::{Draft, TaskUpdate, compose};
use crate::storage::head::{FencedOff, Head, LastRun, Owner};
use crate::storage::loader::Loader;
use crate::storage::writer::{Loss, Purpose};
use crate::time::Instant;
use std::rc::Rc;

/// The task is held by this command.
pub(crate) struct Held {
    lease: Box<Lease<()>>,
    pub task: TaskDocument,
    pub task_version: String,
    pub facts: Facts,
    /// The run before ended without releasing the lease, or cut something.
    unclean: bool,
    since: Instant,
}

/// How taking it went.
pub(crate) enum Taken {
    Mine(Box<Held>),
    /// Somebody else was faster.
    Overtaken,
    Refused(EngineError),
}

/// What an entry makes true.
pub(crate) struct Change {
    pub facts: Vec<Fact>,
    pub last_run: LastRun,
    pub task: TaskUpdate,
    /// The status that it stores.
    pub status: Option<Status>,
}

/// How the entry went.
pub(crate) enum Committed {
    /// It is stored and announced; the lease is given back.
    Stored,
    /// It is not, because the task document changed; the lease has its present state.
    TaskChanged(Box<Held>),
    /// Somebody else took the task.
    Overtaken,
    Refused(EngineError),
}

/// Whether no lease is held that may still be good. A lease may be good where neither the document's age nor this
/// process, whose run it was, nor the holder's process says otherwise.
pub(crate) fn is_free(
    ctx: &mut Ctx,
    seen: Seen,
    then: impl FnOnce(&mut Ctx, Seen, bool) -> Step + 'static,
) -> Step {
    let Some((owner, age)) = seen.owner() else {
        return then(ctx, seen, true);
    };
    if age.is_some_and(|age| age > owner.ttl_ms) {
        return then(ctx, seen, true);
    }
    if owner.is_of(ctx.cfg.instance.as_deref()) {
        return ctx.runs(move |ctx, runs| then(ctx, seen, !runs));
    }
    match owner.holder.clone() {
        Some(holder) if ctx.cfg.holder.is_some() => {
            ctx.alive(holder, move |ctx, alive| then(ctx, seen, !alive))
        }
        _ => then(ctx, seen, false),
    }
}

/// Takes the epoch and loads the journal. `may_live`: the owner before may still be at work, which the head tells of
/// until it is over, as it does of one that was fenced off before.
pub(crate) fn acquire(
    ctx: &mut Ctx,
    seen: Seen,
    may_live: bool,
    then: impl FnOnce(&mut Ctx, Taken) -> Step + 'static,
) -> Step {
    let options = ctx.cfg.options;
    let terms = Terms {
        ttl_ms: options.lease_ttl_ms(),
        heartbeat_ms: options.lease_ttl_ms() / 3,
        store_timeout_ms: options.store_timeout_ms(),
    };
    let owner = Owner {
        id: ctx.io.rng.id(),
        holder: ctx.cfg.holder.clone(),
        ttl_ms: terms.ttl_ms,
        heartbeat_ms: terms.heartbeat_ms,
        grace_ms: options.grace_ms(),
        store_timeout_ms: terms.store_timeout_ms,
    };
    let write_id = ctx.io.rng.id();
    let head = match &seen.head {
        None => Head::first(ctx.io.rng.id(), seen.task.created_at.clone(), owner, write_id),
        Some(SeenHead { head, .. }) => {
            let epoch = head.epoch + 1;
            let lives = head.owner.as_ref().filter(|_| may_live).map(|o| o.ttl_ms);
            let survivor_ttl_ms = lives.max(seen.survived_ms());
            let fenced_off = survivor_ttl_ms.map(|ttl_ms| FencedOff { by_epoch: epoch, ttl_ms });
            Head { epoch, owner: Some(owner), write_id, fenced_off, ..head.clone() }
        }
    };
    let stored = seen.head.as_ref().map(|h| (&h.stored, h.version.as_str()));
    let acquiring = Acquiring::new(&ctx.paths, stored, head, terms, &ctx.clock, &mut ctx.io);
    let taken = move |ctx: &mut Ctx, taken| match taken {
        lease::Taken::Mine(lease) => load(ctx, seen, lease, then),
        lease::Taken::Refused(e) => then(ctx, Taken::Refused(e)),
        lease::Taken::Overtaken => then(ctx, Taken::Overtaken),
    };
    Step::Acquiring(Box::new(acquiring), Box::new(taken))
}

fn load(
    ctx: &mut Ctx,
    seen: Seen,
    lease: Box<Lease<()>>,
    then: impl FnOnce(&mut Ctx, Taken) -> Step + 'static,
) -> Step {
    let since = ctx.now.mono;
    let (head, timeout) = (lease.head(), ctx.cfg.options.store_timeout_ms());
    let loader = Loader::new(since, ctx.paths.clone(), head, timeout, &mut ctx.io);
    let loaded = move |ctx: &mut Ctx, (lease, loaded)| {
        let (facts, broken) = match loaded {
            Loaded::Facts(facts) => (*facts, None),
            Loaded::Broken(e) | Loaded::Lost(Loss::Refused(e)) => (Facts::default(), Some(e)),
            Loaded::Lost(Loss::Unknown(e)) => return then(ctx, Taken::Refused(e)),
            Loaded::Lost(Loss::TaskGone) => return not_found(ctx),
            Loaded::Lost(Loss::Superseded) => return then(ctx, Taken::Overtaken),
        };
        let unclean = seen.head.as_ref().is_some_and(|h| h.head.unclean());
        let (task, task_version) = (seen.task, seen.task_version);
        let held = Held { lease, task, task_version, facts, unclean, since };
        match broken {
            None => then(ctx, Taken::Mine(Box::new(held))),
            Some(e) => held.release(ctx, move |ctx| then(ctx, Taken::Refused(e))),
        }
    };
    Step::Loading(lease, Box::new(loader), Box::new(loaded))
}

impl Held {
    /// As it is stored.
    pub fn head(&self) -> &Head {
        self.lease.head()
    }

    /// How the last run ended, for an entry that changes nothing of it.
    pub fn last_run(&self) -> LastRun {
        self.lease.head().last_run.given_back(self.unclean)
    }

    /// The wall clock of the next entry: later than everything in the journal.
    pub fn wall(&self, ctx: &Ctx) -> i64 {
        ctx.now.wall.max(self.facts.last_wall.saturating_add(1))
    }

    /// Until when an owner that was fenced off may still be at work.
    pub fn survived(&self) -> Option<Instant> {
        self.head().survived_ms().map(|ms| self.since + ms)
    }

    /// Commits one entry and gives the lease back with it. The first entry of a history brings the old one along.
    pub fn commit(
        self,
        ctx: &mut Ctx,
        change: Change,
        then: impl FnOnce(&mut Ctx, Committed) -> Step + 'static,
    ) -> Step {
        let Change { mut facts, last_run, task, status } = change;
        let stored = self.lease.head();
        if self.facts.is_unwritten() && self.task.old_history {
            facts.insert(0, import(&self.task));
        }
        let entry = Entry {
            seq: stored.seq + 1,
            epoch: stored.epoch,
            write_id: ctx.io.rng.id(),
            wall: self.wall(ctx),
            active_ms: 0,
            facts,
        };
        let head = Head {
            seq: entry.seq,
            write_id: entry.write_id.clone(),
            owner: None,
            last_run,
            ..stored.clone()
        };
        let composed = compose(&Draft {
            paths: &ctx.paths,
            task_id: &ctx.cfg.task_id,
            stored,
            head_version: self.lease.version(),
            head: &head,
            entry: &entry,
            task: Some(&task),
            taken: &[],
            document_bytes: ctx.cfg.limits.document_bytes,
        });
        if composed.bytes > ctx.cfg.limits.commit_bytes {
            let e = too_large(composed.bytes, ctx.cfg.limits.commit_bytes);
            return self.release(ctx, move |ctx| then(ctx, Committed::Refused(e)));
        }
        let entry = Rc::new(entry);
        let purpose = Purpose::Entry(Rc::clone(&entry));
        let (writes, task_version) = (composed.writes, task.if_version);
        let commit = Commit { purpose, head, writes, task_version, carries: () };
        self.submit(ctx, commit, move |ctx, held, outcome| match outcome {
            Outcome::Stored { .. } => {
                if let Some(status) = status {
                    ctx.io.push(Effect::Status { status });
                }
                for event in announce(&ctx.cfg.task_id, &entry) {
                    ctx.io.push(Effect::Emit { event });
                }
                then(ctx, Committed::Stored)
            }
            Outcome::TaskChanged { task } => match TaskDocument::read(&task.path, task.data) {
                Ok(document) => {
                    let held = Held { task: document, task_version: task.version, ..held };
                    then(ctx, Committed::TaskChanged(Box::new(held)))
                }
                Err(e) => held.release(ctx, move |ctx| then(ctx, Committed::Refused(e))),
            },
            Outcome::Lost { loss: Loss::Superseded, .. } => then(ctx, Committed::Overtaken),
            Outcome::Lost { loss: Loss::TaskGone, .. } => not_found(ctx),
            Outcome::Lost { loss: Loss::Unknown(e), .. } => then(ctx, Committed::Refused(e)),
            Outcome::Lost { loss: Loss::Refused(e), .. } => {
                held.release(ctx, move |ctx| then(ctx, Committed::Refused(e)))
            }
        })
    }

    fn submit(
        self,
        ctx: &mut Ctx,
        commit: Commit<()>,
        then: impl FnOnce(&mut Ctx, Held, Outcome<()>) -> Step + 'static,
    ) -> Step {
        let Held { mut lease, task, task_version, facts, unclean, since } = self;
        lease.submit(commit, &ctx.clock, &mut ctx.io);
        let resolved = move |ctx: &mut Ctx, (lease, outcome)| {
            then(ctx, Held { lease, task, task_version, facts, unclean, since }, outcome)
        };
        Step::Committing(lease, Box::new(resolved))
    }

    /// Gives the lease back without an entry. Where that fails, it runs out.
    pub fn release(self, ctx: &mut Ctx, then: impl FnOnce(&mut Ctx) -> Step + 'static) -> Step {
        let Held { mut lease, unclean, .. } = self;
        let attempts = lease.head().attempts;
        lease.give_back(unclean, attempts, &ctx.clock, &mut ctx.io);
        Step::Committing(lease, Box::new(move |ctx, _| then(ctx)))
    }
}

/// TOO_LARGE, with what would fit.
pub(crate) fn too_large(bytes: usize, limit: usize) -> EngineError {
    EngineError::new(
        Code::TooLarge,
        format!("It would store {bytes} bytes at once; {limit} are taken at most. Make it smaller."),
    )
    .with("bytes", bytes as u64)
    .with("limit", limit as u64)
}
