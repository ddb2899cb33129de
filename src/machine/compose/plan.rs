//! What comes out of composing, and what it is tried out on.

use crate::effect::ToolCall;
use crate::error::EngineError;
use crate::facts::fact::{EndStatus, Entry, Fact};
use crate::facts::live::Live;
use crate::facts::plan::Item;
use crate::lifecycle::Status;
use crate::storage::head::LastRun;
use crate::store::FieldWrite;

/// What has to be known before the next commit can be composed.
#[derive(Debug)]
pub(crate) enum Need {
    /// Task and inbox as they are now.
    Look,
    /// May these calls run?
    Vet(Vec<ToolCall>),
    /// The host's words for the next item.
    Prompt(Box<Item>),
    /// How the call ended, as far as the host can tell.
    LookUp(ToolCall),
    /// Running tools first.
    Wait,
}

/// How a commit ends the run.
#[derive(Clone, Debug)]
pub(crate) enum End {
    /// The task stays in progress.
    Released,
    /// For good.
    For { status: EndStatus, reason: Option<String>, error: Option<EngineError> },
}

/// A commit to be.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Its `write_id` comes with the sending.
    pub entry: Entry,
    /// So many of `due`.
    pub due: usize,
    /// The turn that was ready.
    pub turn: bool,
    pub taken: Vec<String>,
    pub live: Live,
    pub ends: Option<End>,
    pub last_run: LastRun,
    pub status: Option<Status>,
}

impl Plan {
    /// Of a commit without an entry.
    pub fn empty() -> Plan {
        Plan {
            entry: Entry {
                seq: 0,
                epoch: 0,
                write_id: String::new(),
                wall: 0,
                active_ms: 0,
                facts: Vec::new(),
            },
            due: 0,
            turn: false,
            taken: Vec::new(),
            live: Live::default(),
            ends: None,
            last_run: LastRun::Running,
            status: None,
        }
    }
}

#[derive(Debug)]
pub(crate) enum Composed {
    Commit(Box<Plan>),
    /// Nothing to journal, and the run is over.
    Release(LastRun),
    /// Nothing to journal, but the status is to be what the journal says.
    Restore,
    Needs(Need),
    Nothing,
    /// What is known contradicts itself.
    Broken(EngineError),
}

/// Facts tried out before they are stored.
pub(super) struct Draft {
    pub live: Live,
    pub seq: u64,
    pub wall: i64,
    pub facts: Vec<Fact>,
    pub taken: Vec<String>,
    pub error: Option<EngineError>,
    pub adopts: bool,
}

impl Draft {
    pub fn add(&mut self, fact: Fact) {
        if let Err(e) = self.live.apply(self.seq, self.wall, &fact) {
            self.error.get_or_insert(e);
        }
        self.facts.push(fact);
    }
}

/// What came of composing.
#[derive(Debug)]
pub(crate) struct Composition {
    pub composed: Composed,
    /// To be seen to while that is stored.
    pub meanwhile: Option<Need>,
    /// The document, as it is now, completes nothing that the journal lacks.
    pub adopts: bool,
}

/// What a commit on its way will change when it lands.
#[derive(Debug)]
pub(crate) struct OnItsWay {
    pub plan: Plan,
    pub task_fields: Vec<FieldWrite>,
    /// The version of the document that shows all progress once `task_fields` are written to it.
    pub rolled_up: Option<String>,
    /// So many had given their command when it was sent.
    pub waiters: usize,
}
