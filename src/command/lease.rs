//! Taking the task to commit one entry, by a command where no run does it.

use super::head::{Seen, SeenHead, not_found};
use super::script::{Ctx, Step};
use crate::effect::Effect;
use crate::error::{Code, EngineError};
use crate::facts::announce::announce;
use crate::facts::fact::{Entry, Fact};
use crate::facts::fold::Facts;
use crate::facts::task::TaskDocument;
use crate::lifecycle::Status;
use crate::machine::import;
use crate::storage::commit::{Draft, TaskUpdate, compose, write_head};
use crate::storage::head::{FencedOff, Head, LastRun, Owner, storable};
use crate::storage::writer::{Batch, Loss, Purpose, Resolved};
use crate::store::StoreWrite;
use crate::time::Instant;
use std::rc::Rc;

/// The task is held by this command.
pub(crate) struct Lease {
    pub head: Head,
    version: String,
    pub task: TaskDocument,
    pub task_version: String,
    pub facts: Facts,
    /// Who held it before.
    pub before: Option<Owner>,
    pub since: Instant,
}

/// How taking it went.
pub(crate) enum Taken {
    Mine(Box<Lease>),
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
    /// How long an owner before may still be at work. Milliseconds.
    pub survivor_ttl_ms: Option<u64>,
}

/// How the entry went.
pub(crate) enum Committed {
    /// It is stored and announced; the lease is given back.
    Stored,
    /// It is not, because the task document changed; the lease has its present state.
    TaskChanged(Box<Lease>),
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

/// Takes the epoch and loads the journal.
pub(crate) fn acquire(
    ctx: &mut Ctx,
    seen: Seen,
    then: impl FnOnce(&mut Ctx, Taken) -> Step + 'static,
) -> Step {
    let options = ctx.cfg.options;
    let owner = Owner {
        id: ctx.io.rng.id(),
        holder: ctx.cfg.holder.clone(),
        ttl_ms: storable(options.lease_ttl_ms()),
        heartbeat_ms: storable(options.lease_ttl_ms() / 3),
        grace_ms: storable(options.grace_ms()),
        store_timeout_ms: storable(options.store_timeout_ms()),
    };
    let write_id = ctx.io.rng.id();
    let head = match &seen.head {
        None => Head::first(ctx.io.rng.id(), seen.task.created_at.clone(), owner, write_id),
        Some(SeenHead { head, .. }) => {
            Head { epoch: head.epoch + 1, owner: Some(owner), write_id, ..head.clone() }
        }
    };
    let stored = seen.head.as_ref().map(|h| (&h.stored, h.version.as_str()));
    let write = write_head(&ctx.paths, stored, &head);
    let batch = batch(Purpose::Acquire, &head, vec![write], None);
    ctx.commit(batch, move |ctx, resolved| match resolved {
        Resolved::Landed { version: Some(version), .. } => load(ctx, seen, head, version, then),
        Resolved::Lost { loss: Loss::Refused(e) | Loss::Unknown(e), .. } => then(ctx, Taken::Refused(e)),
        _ => then(ctx, Taken::Overtaken),
    })
}

fn load(
    ctx: &mut Ctx,
    seen: Seen,
    head: Head,
    version: String,
    then: impl FnOnce(&mut Ctx, Taken) -> Step + 'static,
) -> Step {
    let since = ctx.now.mono;
    ctx.load(&head.clone(), move |ctx, facts| {
        let (facts, broken) = match facts {
            Ok(facts) => (facts, None),
            Err(e) => (Facts::default(), Some(e)),
        };
        let before = seen.head.and_then(|h| h.head.owner);
        let (task, task_version) = (seen.task, seen.task_version);
        let lease = Lease { head, version, task, task_version, facts, before, since };
        match broken {
            None => then(ctx, Taken::Mine(Box::new(lease))),
            Some(e) => lease.release(ctx, move |ctx| then(ctx, Taken::Refused(e))),
        }
    })
}

fn batch(purpose: Purpose, head: &Head, writes: Vec<StoreWrite>, task_version: Option<String>) -> Batch {
    Batch {
        purpose,
        write_id: head.write_id.clone(),
        epoch: head.epoch,
        writes: Rc::new(writes),
        task_version,
    }
}

impl Lease {
    /// The wall clock of the next entry: later than everything in the journal.
    pub fn wall(&self, ctx: &Ctx) -> i64 {
        ctx.now.wall.max(self.facts.last_wall.saturating_add(1))
    }

    /// Commits one entry and gives the lease back with it. The first entry of a history brings the old one along.
    pub fn commit(
        self,
        ctx: &mut Ctx,
        change: Change,
        then: impl FnOnce(&mut Ctx, Committed) -> Step + 'static,
    ) -> Step {
        let Change { mut facts, last_run, task, status, survivor_ttl_ms } = change;
        if self.facts.is_unwritten() && self.task.old_history {
            facts.insert(0, import(&self.task));
        }
        let entry = Entry {
            seq: self.head.seq + 1,
            epoch: self.head.epoch,
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
            fenced_off: survivor_ttl_ms.map(|ttl_ms| FencedOff { by_epoch: self.head.epoch, ttl_ms }),
            ..self.head.clone()
        };
        let composed = compose(&Draft {
            paths: &ctx.paths,
            task_id: &ctx.cfg.task_id,
            stored: &self.head,
            head_version: &self.version,
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
        let batch = batch(purpose, &head, composed.writes, task.if_version);
        ctx.commit(batch, move |ctx, resolved| match resolved {
            Resolved::Landed { .. } => {
                if let Some(status) = status {
                    ctx.io.push(Effect::Status { status });
                }
                for event in announce(&ctx.cfg.task_id, &entry) {
                    ctx.io.push(Effect::Emit { event });
                }
                then(ctx, Committed::Stored)
            }
            Resolved::TaskChanged { task, .. } => match TaskDocument::read(&task.path, task.data) {
                Ok(document) => {
                    let lease = Lease { task: document, task_version: task.version, ..self };
                    then(ctx, Committed::TaskChanged(Box::new(lease)))
                }
                Err(e) => self.release(ctx, move |ctx| then(ctx, Committed::Refused(e))),
            },
            Resolved::Lost { loss: Loss::Superseded, .. } => then(ctx, Committed::Overtaken),
            Resolved::Lost { loss: Loss::TaskGone, .. } => not_found(ctx),
            Resolved::Lost { loss: Loss::Unknown(e), .. } => then(ctx, Committed::Refused(e)),
            Resolved::Lost { loss: Loss::Refused(e), .. } => {
                self.release(ctx, move |ctx| then(ctx, Committed::Refused(e)))
            }
        })
    }

    /// Gives the lease back without an entry. Where that fails, it runs out.
    pub fn release(self, ctx: &mut Ctx, then: impl FnOnce(&mut Ctx) -> Step + 'static) -> Step {
        let head = Head { owner: None, write_id: ctx.io.rng.id(), ..self.head.clone() };
        let write = write_head(&ctx.paths, Some((&self.head, &self.version)), &head);
        let batch = batch(Purpose::Release, &head, vec![write], None);
        ctx.commit(batch, move |ctx, _| then(ctx))
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
