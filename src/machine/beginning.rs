//! The room `beginning`: whether the run has stored that it begins, and what it began from.

use crate::facts::plan::Plan;
use crate::facts::rollup;
use crate::facts::task::TaskDocument;
use crate::lifecycle::Status;

#[derive(Debug)]
enum State {
    /// The status in the document is to become in_progress.
    Begins {
        /// The status and reason that the run began from: while its beginning is not stored, only others count.
        from: (Status, Option<String>),
        /// Every item is to be reopened in the document: the plan as it will be.
        reopens: Option<Plan>,
    },
    /// The task is completed already: its status is written again.
    Restores,
    Begun,
}

#[derive(Debug)]
pub(crate) struct Beginning {
    state: State,
    /// Whoever began the run knows.
    told: bool,
}

impl Beginning {
    /// A run that goes on with what an earlier one began.
    pub fn begun() -> Self {
        Beginning { state: State::Begun, told: false }
    }

    /// The run begins, anew or after an end; `reopens`: with every item open.
    pub fn begin(&mut self, task: &TaskDocument, reopens: bool) {
        let from = (task.status, task.abort_reason.clone());
        self.state = State::Begins { from, reopens: reopens.then(|| reopened(task)) };
    }

    /// The run only writes the status of a completed task again.
    pub fn restore(&mut self) {
        self.state = State::Restores;
    }

    pub fn restores(&self) -> bool {
        matches!(self.state, State::Restores)
    }

    /// The beginning is not stored yet.
    pub fn begins(&self) -> bool {
        matches!(self.state, State::Begins { .. })
    }

    /// The document still has the status that the run began from.
    pub fn is_from(&self, task: &TaskDocument) -> bool {
        matches!(&self.state, State::Begins { from, .. } if *from == (task.status, task.abort_reason.clone()))
    }

    /// The plan as it will be, where every item is to be reopened.
    pub fn reopens(&self) -> Option<&Plan> {
        if let State::Begins { reopens, .. } = &self.state { reopens.as_ref() } else { None }
    }

    /// The task document is another now.
    pub fn task_changed(&mut self, task: &TaskDocument) {
        if let State::Begins { reopens: Some(plan), .. } = &mut self.state {
            *plan = reopened(task);
        }
    }

    /// The beginning is stored.
    pub fn stored(&mut self) {
        self.state = State::Begun;
    }

    /// True once: whoever began the run is to be told.
    pub fn tell(&mut self) -> bool {
        !std::mem::replace(&mut self.told, true)
    }
}

/// The plan of a task that starts anew.
fn reopened(task: &TaskDocument) -> Plan {
    let fields = rollup::reopen(task, None, "").fields;
    task.apply(&fields).map_or_else(|_| task.plan.clone(), |task| task.plan)
}
