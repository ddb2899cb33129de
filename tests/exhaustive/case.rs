//! One case: a small task, and what befalls it at which effects. Its label replays it.

use crate::support::Fault;
use serde_json::{Value, json};
use std::fmt::{self, Debug, Display};
use std::str::FromStr;
use task_execution_engine::store::StoreErrorCode;

/// What becomes of a call whose outcome is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    Report,
    Rerun,
    Ask,
    Lookup,
}

pub const POLICIES: [Policy; 4] = [Policy::Report, Policy::Rerun, Policy::Ask, Policy::Lookup];

/// How one of the two parallel tools behaves until the task is taken up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    Quick,
    /// Takes seven seconds, which the grace covers.
    Slow,
    /// Settles only when aborted.
    Hangs,
    /// Never settles.
    Deaf,
}

pub const TOOLS: [Tool; 4] = [Tool::Quick, Tool::Slow, Tool::Hangs, Tool::Deaf];

/// What somebody does. `Here` is the process that runs the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    PauseHere,
    StopHere,
    /// With a grace, as drain does.
    YieldHere,
    /// Without, as dispose does.
    DisposeHere,
    StartHere,
    SendHere,
    Pause,
    Stop,
    Start,
    Resume,
    Run,
    /// A run that waits for the lease as long as it takes.
    RunWaiting,
    Approve,
    Reject,
    Answer,
    Send,
    Delete,
    DeleteHistory,
    State,
    Load,
    Events,
    Journal,
    ApiMessages,
    /// The register, written by hand.
    WritePaused,
    WriteStopped,
    WriteInProgress,
    WriteFailed,
    WriteCompleted,
    WriteNotStarted,
    /// Somebody else's field of the same document.
    Touch,
}

pub const DEEDS: [Deed; 30] = [
    Deed::PauseHere,
    Deed::StopHere,
    Deed::YieldHere,
    Deed::DisposeHere,
    Deed::StartHere,
    Deed::SendHere,
    Deed::Pause,
    Deed::Stop,
    Deed::Start,
    Deed::Resume,
    Deed::Run,
    Deed::RunWaiting,
    Deed::Approve,
    Deed::Reject,
    Deed::Answer,
    Deed::Send,
    Deed::Delete,
    Deed::DeleteHistory,
    Deed::State,
    Deed::Load,
    Deed::Events,
    Deed::Journal,
    Deed::ApiMessages,
    Deed::WritePaused,
    Deed::WriteStopped,
    Deed::WriteInProgress,
    Deed::WriteFailed,
    Deed::WriteCompleted,
    Deed::WriteNotStarted,
    Deed::Touch,
];

impl Deed {
    /// May lead to a run, so that a pause before it need not last.
    pub fn begins(self) -> bool {
        matches!(
            self,
            Deed::StartHere
                | Deed::Start
                | Deed::Resume
                | Deed::Run
                | Deed::RunWaiting
                | Deed::WriteInProgress
                | Deed::WriteNotStarted
        )
    }

    pub fn deletes(self) -> bool {
        matches!(self, Deed::Delete | Deed::DeleteHistory)
    }

    pub fn sends(self) -> bool {
        matches!(self, Deed::Send | Deed::SendHere)
    }

    /// Writes a status of which the engine knows nothing.
    pub fn writes_status(self) -> bool {
        matches!(
            self,
            Deed::WritePaused
                | Deed::WriteStopped
                | Deed::WriteInProgress
                | Deed::WriteFailed
                | Deed::WriteCompleted
                | Deed::WriteNotStarted
        )
    }

    pub fn is_here(self) -> bool {
        matches!(
            self,
            Deed::PauseHere
                | Deed::StopHere
                | Deed::YieldHere
                | Deed::DisposeHere
                | Deed::StartHere
                | Deed::SendHere
        )
    }
}

/// What happens at an effect.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Act {
    /// The process that wants it dies and does not get it performed.
    CrashBefore,
    /// The process dies and never hears what became of it.
    CrashAfter,
    /// The process that runs the task stands still for so many milliseconds.
    Freeze(u64),
    /// The store fails at it.
    Fails(Fault),
    /// Somebody does something right after it.
    Does(Deed),
}

/// A task and what befalls it.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    pub policy: Policy,
    pub tool: Tool,
    /// The store tells of changes.
    pub watch: bool,
    /// The store says how old documents are.
    pub ages: bool,
    /// Grace and store deadline are so short that a pause takes the task before the lease of a silent owner is over.
    pub brisk: bool,
    /// Another process waits for the lease from the beginning.
    pub rival: bool,
    /// By the number of the effect, counted over all processes, from 1.
    pub acts: Vec<(u64, Act)>,
}

impl Case {
    pub fn new(policy: Policy, tool: Tool) -> Case {
        Case { policy, tool, watch: false, ages: true, brisk: false, rival: false, acts: Vec::new() }
    }

    pub fn with(&self, at: u64, act: Act) -> Case {
        let mut case = self.clone();
        case.acts.push((at, act));
        case
    }

    pub fn deeds(&self) -> impl Iterator<Item = Deed> + '_ {
        self.acts.iter().filter_map(|(_, act)| match act {
            Act::Does(deed) => Some(*deed),
            _ => None,
        })
    }

    /// Of runs and of commands, where they are not the contract's own.
    pub fn options(&self) -> Value {
        if self.brisk { json!({ "graceMs": 1_000, "storeTimeoutMs": 1_000 }) } else { json!({}) }
    }

    pub fn does(&self, what: fn(Deed) -> bool) -> bool {
        self.deeds().any(what)
    }

    pub fn has_faults(&self) -> bool {
        self.acts.iter().any(|(_, a)| matches!(a, Act::Fails(_)))
    }

    pub fn frozen_ms(&self) -> u64 {
        self.acts.iter().map(|(_, a)| if let Act::Freeze(ms) = a { *ms } else { 0 }).sum()
    }
}

pub const FAULTS: [Fault; 10] = [
    Fault::Fails(StoreErrorCode::Unavailable),
    Fault::Fails(StoreErrorCode::Conflict),
    Fault::Fails(StoreErrorCode::Denied),
    Fault::LostReply,
    Fault::Silent(true),
    Fault::Silent(false),
    // Before its attempt is given up, after that, after the deadline of all attempts, after the lease.
    Fault::Late(4_000),
    Fault::Late(7_000),
    Fault::Late(16_000),
    Fault::Late(40_000),
];

/// How long a process stands still: less than the lease, less than it with what has passed since its renewal, just
/// more, and long enough for others to have finished.
pub const FREEZES: [u64; 5] = [5_000, 15_000, 25_000, 31_000, 120_000];

fn acts() -> Vec<Act> {
    let mut all = vec![Act::CrashBefore, Act::CrashAfter];
    all.extend(FREEZES.map(Act::Freeze));
    all.extend(FAULTS.map(Act::Fails));
    all.extend(DEEDS.map(Act::Does));
    all
}

fn find<T: Debug + Copy>(all: &[T], name: &str) -> Result<T, String> {
    all.iter().find(|one| format!("{one:?}") == name).copied().ok_or_else(|| format!("there is no {name:?}"))
}

impl Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?}", self.policy, self.tool)?;
        for (is, name) in
            [(self.watch, "watch"), (!self.ages, "ageless"), (self.brisk, "brisk"), (self.rival, "rival")]
        {
            if is {
                write!(f, " {name}")?;
            }
        }
        for (at, act) in &self.acts {
            write!(f, ", {at} {act:?}")?;
        }
        Ok(())
    }
}

impl FromStr for Case {
    type Err = String;

    fn from_str(label: &str) -> Result<Case, String> {
        let mut parts = label.split(", ");
        let mut words = parts.next().unwrap_or_default().split(' ');
        let mut word = || words.next().unwrap_or_default();
        let mut case = Case::new(find(&POLICIES, word())?, find(&TOOLS, word())?);
        for word in words {
            match word {
                "watch" => case.watch = true,
                "ageless" => case.ages = false,
                "brisk" => case.brisk = true,
                "rival" => case.rival = true,
                _ => return Err(format!("there is no {word:?}")),
            }
        }
        for part in parts {
            let (at, act) = part.split_once(' ').ok_or("an act has a number and a name")?;
            let at = at.parse().map_err(|e| format!("{at}: {e}"))?;
            case.acts.push((at, find(&acts(), act)?));
        }
        Ok(case)
    }
}
