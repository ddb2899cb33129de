//! What a composed commit writes: head, journal, thread, inbox, and the fields of the task document.

use super::{End, Plan, View, begins};
use crate::facts::fact::{EndStatus, Fact};
use crate::facts::live::{CallState, Live};
use crate::facts::rollup;
use crate::ids::Paths;
use crate::json::json;
use crate::sorted::SortedSet;

use crate::storage::commit::{self, TaskUpdate};
use crate::storage::head::Head;
use crate::store::{FieldWrite, StoreWrite};
use crate::time::iso8601;
use serde_json::Value;

/// Conflicts of the roll-up in a row after which an entry is stored without it.
const MAX_CONFLICTS: u32 = 5;

/// Waiting calls that the head's summary lists; the rest are in the journal.
const MAX_SUMMARY_WAITING: usize = 100;

/// The writes of a plan.
pub(crate) struct Writes {
    pub writes: Vec<StoreWrite>,
    pub bytes: usize,
    pub head: Head,
    pub task_fields: Vec<FieldWrite>,
    /// The version of the task document that shows all progress once `task_fields` are written to it.
    pub rolled_up: Option<String>,
}

impl View<'_> {
    /// The writes of a plan: journal, head, thread, inbox, task.
    pub(in crate::machine) fn writes(&self, paths: &Paths, plan: &Plan) -> Writes {
        let at = iso8601(plan.entry.wall);
        let (task_fields, rolled_up) = self.task_fields(plan, &at);
        let counts = plan.entry.facts.iter().any(|f| matches!(f, Fact::Turn { .. } | Fact::Result { .. }));
        let head = Head {
            seq: plan.entry.seq,
            write_id: plan.entry.write_id.clone(),
            owner: if plan.ends.is_some() { None } else { self.lease.head().owner.clone() },
            last_run: plan.last_run,
            attempts: if counts { 0 } else { self.lease.head().attempts },
            summary: self.summary(&plan.live),
            ..self.lease.head().clone()
        };
        let update =
            TaskUpdate { fields: task_fields.clone(), if_version: Some(self.desk.version().to_owned()) };
        let composed = commit::compose(&commit::Draft {
            paths,
            task_id: &self.cfg.task_id,
            stored: self.lease.head(),
            head_version: self.lease.version(),
            head: &head,
            entry: &plan.entry,
            task: Some(&update),
            taken: &plan.taken,
            document_bytes: self.cfg.limits.document_bytes,
        });
        Writes { writes: composed.writes, bytes: composed.bytes, head, task_fields, rolled_up }
    }

    /// What changes in the task document, and the version that shows all progress once that is written.
    pub(super) fn task_fields(&self, plan: &Plan, at: &str) -> (Vec<FieldWrite>, Option<String>) {
        let mut rolled_up = None;
        let mut fields = self.status_fields(plan, at);
        let current = plan.live.stated.as_ref().filter(|k| !plan.live.done.contains(k));
        if self.beginning.reopens().is_some() && !self.keeps_status() {
            fields.extend(rollup::reopen(self.desk.task(), current, at).fields);
        } else if (self.desk.conflicts() < MAX_CONFLICTS || plan.status.is_some()) && plan.live.begun {
            rolled_up = Some(self.desk.version().to_owned());
            if !self.desk.is_rolled_up() || moves_on(&plan.entry.facts) {
                fields.extend(rollup::roll_up(self.desk.task(), &plan.live.done, current, at).fields);
            }
        }
        // An end stands for the status that it obeys: it is not to be stored beside another.
        if !fields.is_empty() || plan.entry.facts.iter().any(|f| matches!(f, Fact::Ended { .. })) {
            fields.push(FieldWrite::set(&["updated_at"], at));
        }
        (fields, rolled_up)
    }

    pub(super) fn status_fields(&self, plan: &Plan, at: &str) -> Vec<FieldWrite> {
        let mut fields = Vec::new();
        let execution = |name: &str| self.desk.task().raw.get("execution").and_then(|e| e.get(name));
        if let Some(status) = plan.status {
            fields.push(FieldWrite::set(&["status"], status.as_str()));
        }
        let begins = self.beginning.begins() && begins(&plan.entry.facts) && !self.keeps_status();
        if begins {
            if !self.desk.task().raw.get("started_at").is_some_and(Value::is_string)
                || self.beginning.reopens().is_some()
            {
                fields.push(FieldWrite::set(&["started_at"], at));
            }
            let completes = matches!(plan.ends, Some(End::For { status: EndStatus::Completed, .. }));
            if self.desk.task().raw.contains_key("completed_at") && !completes {
                fields.push(FieldWrite::unset(&["completed_at"]));
            }
        }
        let mut set = |name: &'static str, value: &str| {
            fields.push(FieldWrite::set(&["execution", name], value));
            name
        };
        let (pauses, written) = match &plan.ends {
            Some(End::For { status: EndStatus::Stopped, reason, .. }) if plan.status.is_some() => {
                (false, Some(set("abort_reason", reason.as_deref().unwrap_or("stopped"))))
            }
            Some(End::For { status: EndStatus::Failed, error, .. }) => {
                (false, Some(set("error", error.as_ref().map_or("", |e| e.message.as_str()))))
            }
            Some(End::For { status: EndStatus::Completed, .. }) => {
                fields.push(FieldWrite::set(&["completed_at"], at));
                (false, None)
            }
            Some(End::For { status: EndStatus::Paused, .. }) => (true, None),
            _ => (false, None),
        };
        // A beginning clears how the run before ended, a pause the reason of an earlier stop.
        for (name, clears) in [("error", begins), ("abort_reason", begins || pauses)] {
            if clears && written != Some(name) && execution(name).is_some() {
                fields.push(FieldWrite::unset(&["execution", name]));
            }
        }
        fields
    }

    pub(super) fn summary(&self, live: &Live) -> Value {
        let stated = live.stated.as_ref().and_then(|k| self.desk.task().plan.get(k));
        let item = stated.map(|item| {
            let name: String = item.name.chars().take(200).collect();
            let mut value = json!({ "id": item.key.item, "name": name });
            if let (Value::Object(map), Some(milestone)) = (&mut value, &item.key.milestone) {
                map.insert("milestoneId".into(), milestone.clone().into());
            }
            value
        });
        let waiting = live
            .calls
            .iter()
            .filter(|c| matches!(c.state, CallState::Waiting(_)))
            .filter_map(|c| c.asked.map(|(seq, _)| seq));
        // The earliest, behind which readers look for the others.
        let waiting = SortedSet::of(waiting.collect());
        let waiting: Vec<u64> = waiting.iter().copied().take(MAX_SUMMARY_WAITING).collect();
        json!({ "usage": live.usage, "item": item, "waiting": waiting })
    }
}

/// What is done or at work is another than before.
fn moves_on(facts: &[Fact]) -> bool {
    let moves =
        |f: &Fact| matches!(f, Fact::Done { .. } | Fact::Stated { .. } | Fact::Reset | Fact::Begun { .. });
    facts.iter().any(moves)
}
