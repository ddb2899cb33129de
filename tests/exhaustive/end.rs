//! What must hold when everybody is done and the task is through.

use crate::case::{Act, Deed};
use crate::play::Play;
use crate::support::{Fault, TASK_PATH};
use serde_json::{Map, Value};
use task_execution_engine::facts::fact::EndStatus;

impl Play<'_> {
    pub fn check_end(&mut self) {
        let mut broken = Vec::new();
        let store = &self.w.store;
        let Some(task) = store.get(TASK_PATH) else {
            if !store.documents.is_empty() {
                let left: Vec<&String> = store.documents.keys().collect();
                self.audit.broken.push(format!("a deleted task has left {left:?}"));
            }
            return;
        };
        let by_hand = self.case.does(Deed::writes_status);
        let untouched = !by_hand && !self.case.does(Deed::deletes);
        if task["status"] != "completed" {
            broken.push(format!("the task is {} in the end", task["status"]));
        }
        let head = store.get(&format!("{TASK_PATH}/engine/head")).cloned().unwrap_or_else(Map::new);
        if head.contains_key("owner") && !by_hand {
            broken.push("the lease is not given back".to_owned());
        }
        let journal = &self.audit.journal;
        let forgotten = journal.entries.is_empty() && self.case.does(Deed::deletes);
        let through = journal.last_end == Some(EndStatus::Completed) && !journal.runs;
        if !by_hand && !through && !forgotten {
            broken.push(format!("the journal ends with {:?}", journal.last_end));
        }
        if through {
            self.check_plan(task, &mut broken);
            // Of what was sent again, one may land when nobody needs it any more and its sender is gone.
            let late = |act: &Act| matches!(act, Act::Fails(Fault::Late(_)));
            let dead = self.case.has_faults() && self.processes.iter().any(|process| process.dead);
            let orphans = dead || self.case.acts.iter().any(|(_, act)| late(act));
            let left = |path: &String| path.contains("/inbox/") && !(orphans && path.contains("decision-"));
            if store.documents.keys().any(left) {
                broken.push("the inbox is not empty".to_owned());
            }
        }
        let deletes = self.case.does(Deed::deletes);
        for id in self.sent.iter().filter(|id| !journal.received.contains(*id) && through && !deletes) {
            broken.push(format!("the message {id} was promised and never received"));
        }
        let said: Vec<String> = store
            .thread()
            .into_iter()
            .filter(|(role, _)| role == "assistant")
            .map(|(_, text)| text)
            .collect();
        if said != journal.texts {
            broken.push(format!("P1 the thread has {said:?}, the journal {:?}", journal.texts));
        }
        if untouched && journal.received.is_empty() && journal.texts != ["Working.", "Said 2.", "Said 3."] {
            broken.push(format!("P6 the turns are {:?}", journal.texts));
        }
        self.audit.broken.extend(broken);
    }

    fn check_plan(&self, task: &Map<String, Value>, broken: &mut Vec<String>) {
        let progress = &task["progress"];
        let items = progress["tasks"]["m1"].as_array();
        let open = items.into_iter().flatten().any(|item| item["status"] != "completed");
        let milestone = &progress["milestones"][0];
        let counted = milestone["tasks_completed"] == 2 && milestone["progress"] == 100;
        if open || !counted || progress["overall_percentage"] != 100 || milestone["status"] != "completed" {
            broken.push(format!("the plan does not show what the journal says: {progress}"));
        }
    }
}
