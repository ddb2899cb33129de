//! What whoever gave a command was promised, and by when. The bounds are those of the contract, with its defaults.

use crate::case::Deed;
use task_execution_engine::effect::Ticket;

const GRACE_MS: u64 = 10_000;
const STORE_MS: u64 = 15_000;
/// Callbacks and steps of the world beside what is counted.
const SLACK_MS: u64 = 1_000;
/// A pause where the task runs, and from elsewhere: with the holder's heartbeat and lease.
pub const HERE_MS: u64 = GRACE_MS + STORE_MS + SLACK_MS;
pub const ELSEWHERE_MS: u64 = 10_000 + GRACE_MS + 4 * STORE_MS + 30_000 + SLACK_MS;
/// Several calls of the store, each with its deadline.
pub const SHORT_MS: u64 = 6 * STORE_MS;
/// A run that waits for nobody ends long before.
pub const RUN_MS: u64 = 2 * 3_600_000;

#[derive(Debug)]
pub enum Way {
    /// Given to a run in this process.
    Given {
        run: usize,
        ticket: Ticket,
    },
    /// A machine of its own.
    Own {
        actor: usize,
    },
    /// A start here waits until what is ending has ended.
    Queued,
    Settled,
}

#[derive(Debug)]
pub struct Promise {
    pub deed: Deed,
    pub process: usize,
    pub way: Way,
    pub until: u64,
    pub given: u64,
    /// Somebody has told the task to run since, or at the same time.
    pub begins: bool,
    pub by_person: bool,
}

impl Promise {
    pub fn is_settled(&self) -> bool {
        matches!(self.way, Way::Settled)
    }

    pub fn interrupts(&self) -> bool {
        matches!(self.deed, Deed::Pause | Deed::Stop | Deed::PauseHere | Deed::StopHere)
    }

    pub fn stops(&self) -> bool {
        matches!(self.deed, Deed::Stop | Deed::StopHere)
    }
}
