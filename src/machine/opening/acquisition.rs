//! The head that takes a task.

use super::super::lease::{Acquiring, Terms};
use super::super::{Ctx, Intent};
use super::{Mode, Seen};
use crate::lifecycle::Status;
use crate::storage::head::{Head, Owner};

/// Acquisitions after unclean ends in a row before the task is parked.
const MAX_ATTEMPTS: u32 = 5;

/// Sends it.
pub(super) fn acquire(ctx: &mut Ctx, seen: &mut Seen) -> Acquiring {
    let write_id = ctx.io.rng.id();
    let settings = &seen.settings;
    let owner = Owner {
        id: match &ctx.cfg.instance {
            Some(instance) => format!("{instance}.{}", ctx.io.rng.id()),
            None => ctx.io.rng.id(),
        },
        holder: ctx.cfg.holder.clone(),
        ttl_ms: settings.lease_ttl_ms,
        heartbeat_ms: settings.heartbeat_ms(),
        grace_ms: settings.grace_ms,
        store_timeout_ms: settings.store_timeout_ms,
    };
    let head = match &seen.head {
        None => Head::first(ctx.io.rng.id(), seen.task.created_at.clone(), owner, write_id),
        Some((before, _)) => {
            let explicit = seen.mode.is_explicit();
            let asked_for =
                explicit && (ctx.cfg.intent != Intent::Run || seen.task.status != Status::InProgress);
            let attempts = match before.unclean() && !asked_for {
                true => before.attempts.saturating_add(1),
                false if explicit => 0,
                false => before.attempts,
            };
            if attempts >= MAX_ATTEMPTS && !matches!(seen.mode, Mode::FinishPause { .. }) {
                seen.mode = Mode::CrashLoop;
            }
            Head { epoch: before.epoch + 1, owner: Some(owner), write_id, attempts, ..before.clone() }
        }
    };
    let terms = Terms {
        ttl_ms: settings.lease_ttl_ms,
        heartbeat_ms: settings.heartbeat_ms(),
        store_timeout_ms: settings.store_timeout_ms,
    };
    let stored =
        seen.stored.as_ref().zip(seen.head.as_ref()).map(|(stored, (_, version))| (stored, version.as_str()));
    Acquiring::new(&ctx.paths, stored, head, terms, &ctx.clock, &mut ctx.io)
}
