//! Whether somebody holds the task, and how long a run waits for it.

use super::super::Ctx;
use super::super::refusal::held_by;
use super::{Mode, Seen};
use crate::error::EngineError;
use crate::storage::head::Owner;
use crate::time::Instant;

/// A holder's head is looked at this often while a run waits for its lease.
const POLL_SHARE_OF_TTL: u64 = 30;

pub(super) enum Holder {
    None,
    /// The store may know whether its process lives.
    Unknown,
    Live,
}

/// How long to wait.
pub(super) enum Patience {
    /// Nobody has to be waited for: look again.
    LookAgain,
    Until(Instant),
    /// The holder finishes the pause itself.
    Paused,
    GivesUp(Box<EngineError>),
}

/// The holder's head as it was seen first.
#[derive(Debug)]
struct Watched {
    version: String,
    since: Instant,
}

/// What was seen of whoever holds the task. By the real time, as leases go.
#[derive(Debug, Default)]
pub(super) struct Watch {
    watched: Option<Watched>,
    /// When a holder was seen first, whoever it was.
    first_wait: Option<Instant>,
}

impl Watch {
    pub fn has_waited(&self) -> bool {
        self.first_wait.is_some()
    }

    pub fn holder_of(&mut self, ctx: &Ctx, seen: &Seen, age: Option<u64>) -> Holder {
        let now = ctx.clock.real().mono;
        let Some((head, version)) = &seen.head else { return Holder::None };
        let Some(owner) = &head.owner else { return Holder::None };
        if age.is_some_and(|age| age > owner.ttl_ms) {
            return Holder::None;
        }
        // One run a task and process: what an earlier one left without releasing it is nobody's.
        if owner.is_of(ctx.cfg.instance.as_deref()) {
            return Holder::None;
        }
        match &mut self.watched {
            Some(w) if w.version == *version => {
                if now - w.since > owner.ttl_ms {
                    return Holder::None;
                }
            }
            watched => *watched = Some(Watched { version: version.clone(), since: now }),
        }
        // At every look: it may die while it is waited for.
        if owner.holder.is_some() && ctx.cfg.holder.is_some() { Holder::Unknown } else { Holder::Live }
    }

    /// How long to wait for a holder; `is_over`: somebody here wants no more of the run.
    pub fn wait(&mut self, ctx: &Ctx, seen: &Seen, is_over: bool) -> Patience {
        let now = ctx.clock.real().mono;
        let waits = seen.settings.wait_for_lease_ms.is_some();
        if seen.mode == (Mode::FinishPause { resume: false }) && self.renewed_by_now(seen, waits) {
            return Patience::Paused;
        }
        let Some(owner) = owner(seen) else { return Patience::LookAgain };
        let watched = self.watched.as_ref();
        let first = *self.first_wait.get_or_insert(now);
        let renewed = watched.is_some_and(|w| w.since > first);
        let give_up = match seen.settings.wait_for_lease_ms {
            Some(ms) => now - first >= ms,
            // Whoever pauses renews on the way there.
            None if seen.mode == (Mode::FinishPause { resume: true }) => {
                renewed && now - first >= owner.answers_within_ms()
            }
            None => renewed,
        };
        let limit = seen.settings.yield_after_ms.map(|after| ctx.began + after);
        if is_over || give_up || limit.is_some_and(|at| ctx.now.mono >= at) {
            let age = watched.map_or(0, |w| now - w.since);
            return Patience::GivesUp(Box::new(held_by(owner, age)));
        }
        let poll = (owner.ttl_ms / POLL_SHARE_OF_TTL).clamp(20, 1_000);
        Patience::Until(ctx.now.mono + poll)
    }

    /// Whether the holder is known to live: seen to renew, or not to be waited for.
    fn renewed_by_now(&self, seen: &Seen, waits: bool) -> bool {
        let Some(watched) = &self.watched else { return false };
        let renewed = self.first_wait.is_some_and(|first| watched.since > first);
        renewed || (waits && seen.settings.wait_for_lease_ms == Some(0))
    }
}

pub(super) fn owner(seen: &Seen) -> Option<&Owner> {
    seen.head.as_ref().and_then(|(h, _)| h.owner.as_ref())
}
