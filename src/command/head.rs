//! The first read of nearly every command: the task document and its head, checked against each other.

use super::script::{Ctx, Step};
use crate::facts::task::TaskDocument;
use crate::lifecycle::Status;
use crate::machine::refusal::{of_this_task, task_not_found};
use crate::storage::head::{Head, LastRun, Owner};
use crate::storage::io::store_error;
use crate::store::StoredDocument;

/// The head as it was read.
#[derive(Clone, Debug)]
pub(crate) struct SeenHead {
    /// Of this task; where another of its id has left one, anew.
    pub head: Head,
    /// As it is stored.
    pub stored: Head,
    pub version: String,
    pub age_ms: Option<u64>,
}

/// A task and its head, None where the engine never ran it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub task: TaskDocument,
    pub task_version: String,
    pub head: Option<SeenHead>,
}

impl Seen {
    /// Of the last journal entry.
    pub fn seq(&self) -> u64 {
        self.head.as_ref().map_or(0, |h| h.head.seq)
    }

    /// Of the last entry before this task's first.
    pub fn since(&self) -> u64 {
        self.head.as_ref().map_or(0, |h| h.head.since)
    }

    /// Who holds the task, and how long ago the lease was renewed, where the store can tell.
    pub fn owner(&self) -> Option<(&Owner, Option<u64>)> {
        self.head.as_ref().and_then(|h| Some((h.head.owner.as_ref()?, h.age_ms)))
    }

    /// How long an owner that was fenced off may still be at work. None where the store cannot tell how old the head is:
    /// it may have been long ago. Milliseconds.
    pub fn survived_ms(&self) -> Option<u64> {
        let SeenHead { head, age_ms, .. } = self.head.as_ref()?;
        Some(head.survived_ms()?.saturating_sub((*age_ms)?))
    }

    /// The status says paused, and the journal does not know it yet.
    pub fn is_unfinished_pause(&self) -> bool {
        let last = self.head.as_ref().map(|h| h.head.last_run);
        self.task.status == Status::Paused
            && matches!(last, Some(LastRun::Running | LastRun::Yielded | LastRun::YieldedUnclean))
    }
}

/// Reads the task and its head. TASK_NOT_FOUND, INVALID_TASK, CORRUPT_HISTORY, UNSUPPORTED_SCHEMA and STALE_HISTORY
/// end the command.
pub(crate) fn open_task(ctx: &mut Ctx, then: impl FnOnce(&mut Ctx, Seen) -> Step + 'static) -> Step {
    let paths = [ctx.paths.task.clone(), ctx.paths.head.clone()];
    ctx.read(paths, move |ctx, [task, head]| {
        let Some(task) = task else { return not_found(ctx) };
        match seen(ctx, task, head) {
            Ok(seen) => then(ctx, seen),
            Err(e) => Step::refused(e),
        }
    })
}

/// What the two documents say, held against each other.
pub(super) fn seen(
    ctx: &mut Ctx,
    task: StoredDocument,
    head: Option<StoredDocument>,
) -> Result<Seen, crate::error::EngineError> {
    let task_version = task.version;
    let task = TaskDocument::read(&task.path, task.data)?;
    let head = match head {
        None => None,
        Some(d) => {
            let stored = Head::read(&d.path, &d.data)?;
            let head = of_this_task(&stored, &task, &mut ctx.io.rng)?;
            Some(SeenHead { head, stored, version: d.version, age_ms: d.age_ms })
        }
    };
    Ok(Seen { task, task_version, head })
}

/// TASK_NOT_FOUND.
pub(crate) fn not_found(ctx: &Ctx) -> Step {
    Step::refused(task_not_found(&ctx.cfg.user_id, &ctx.cfg.task_id))
}

/// Goes on if the task document is there; for what has nothing to do with its history.
pub(crate) fn with_task(ctx: &mut Ctx, then: impl FnOnce(&mut Ctx) -> Step + 'static) -> Step {
    let path = ctx.paths.task.clone();
    ctx.read([path], move |ctx, [task]| if task.is_some() { then(ctx) } else { not_found(ctx) })
}

/// What does not come to rest after so many tries is left to the caller to try again.
pub(crate) const MAX_ROUNDS: u32 = 20;

/// STORE_UNAVAILABLE: others were always faster.
pub(crate) fn crowded() -> Step {
    let error = crate::store::StoreError {
        code: crate::store::StoreErrorCode::Unavailable,
        message: "other writers changed the task every time in between".into(),
        cause: None,
    };
    Step::refused(store_error(&error, "Writing to the store"))
}
