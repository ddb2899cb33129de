//! What holds in every conversation, whatever it is about: looked at with each effect, and when a machine is through.

use super::{Store, TASK, TASK_PATH};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use task_execution_engine::effect::{Effect, Input, Ticket};
use task_execution_engine::error::EngineError;
use task_execution_engine::lifecycle::Status;
use task_execution_engine::store::StoreWrite;

const HEAD: &str = "users/u/tasks/t/engine/head";
const LIVE: &str = "users/u/tasks/t/engine/live";

/// What is asked for, as far as it must not outlive its machine, or be asked for twice at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Model,
    Tool,
    Callback,
    /// A commit that writes the head.
    Head,
    /// A commit of live text.
    LiveText,
    Other,
}

/// Of one machine.
#[derive(Debug, Default)]
pub struct Rules {
    open: BTreeMap<Ticket, Kind>,
    /// Answered or cancelled.
    closed: BTreeSet<Ticket>,
    watches: bool,
    shown: Option<Status>,
    /// That it took the task under.
    epoch: Option<u64>,
    /// Of all writes of the head that it has asked for: who has written it last is known by them.
    write_ids: BTreeSet<String>,
    /// The cursor of the fact that was told last.
    told: Option<(u64, u64)>,
    has_told_its_end: bool,
    is_over: bool,
}

impl Rules {
    /// An input comes in.
    pub fn answered(&mut self, input: &Input) {
        let (Input::Read { ticket, .. }
        | Input::Listed { ticket, .. }
        | Input::Committed { ticket, .. }
        | Input::StreamEnded { ticket, .. }
        | Input::Returned { ticket, .. }
        | Input::NotRun { ticket }
        | Input::Answered { ticket, .. }) = input
        else {
            return;
        };
        if self.open.remove(ticket).is_some() {
            self.closed.insert(*ticket);
        }
    }

    /// An effect is to be performed; `faulty`: a fault has kept something from the store.
    pub fn asked(&mut self, effect: &Effect, store: &Store, faulty: bool) {
        // A command that comes later is answered all the same.
        assert!(!self.is_over || matches!(effect, Effect::Settle { .. }), "{effect:?} after the result");
        match effect {
            Effect::Read { ticket, .. } | Effect::List { ticket, .. } => self.opens(*ticket, Kind::Other),
            Effect::Converse { ticket, .. } => self.opens(*ticket, Kind::Model),
            Effect::RunTool { ticket, .. } => self.opens(*ticket, Kind::Tool),
            Effect::Ask { ticket, .. } => {
                self.is_alone(Kind::Callback);
                self.opens(*ticket, Kind::Callback);
            }
            Effect::Commit { ticket, writes } => {
                let writes_to = |path: &str| writes.iter().any(|write| path_of(write) == path);
                let kind = match () {
                    () if writes_to(HEAD) => Kind::Head,
                    () if writes_to(LIVE) => Kind::LiveText,
                    () => Kind::Other,
                };
                if kind != Kind::Other {
                    self.is_alone(kind);
                }
                self.opens(*ticket, kind);
                self.commits(writes, store);
            }
            Effect::Cancel { ticket } => {
                self.open.remove(ticket);
                assert!(
                    self.closed.insert(*ticket),
                    "{ticket:?} is cancelled, and was answered or cancelled"
                );
            }
            Effect::Watch { paths } => self.watches = !paths.is_empty(),
            Effect::Emit { event } => self.tells(event),
            Effect::Status { status } => self.shown = Some(*status),
            Effect::Settle { ticket: Ticket::RESULT, result } => self.is_through(result, store, faulty),
            Effect::Settle { .. } | Effect::Log { .. } => {}
        }
    }

    fn opens(&mut self, ticket: Ticket, kind: Kind) {
        assert!(self.open.insert(ticket, kind).is_none(), "{ticket:?} is asked for twice");
    }

    fn is_alone(&self, kind: Kind) {
        assert!(!self.open.values().any(|open| *open == kind), "a second {kind:?} at the same time");
    }

    fn commits(&mut self, writes: &[StoreWrite], store: &Store) {
        let mut gone = BTreeSet::new();
        let mut entry = None;
        for write in writes {
            match write {
                StoreWrite::Create { path, data } if path == HEAD => {
                    self.epoch = data["epoch"].as_u64();
                    self.write_ids.insert(data["write_id"].as_str().unwrap().to_owned());
                }
                StoreWrite::Update { path, fields, if_version } if path == HEAD => {
                    assert!(if_version.is_some(), "the head is written unseen");
                    let epoch = fields.iter().find(|f| f.path == ["epoch"]);
                    self.epoch = epoch.and_then(|f| f.value.as_ref()?.as_u64()).or(self.epoch);
                    let write_id = fields.iter().find(|f| f.path == ["write_id"]);
                    self.write_ids
                        .extend(write_id.and_then(|f| Some(f.value.as_ref()?.as_str()?.to_owned())));
                }
                StoreWrite::Update { path, fields, .. } if path == TASK_PATH => {
                    let dated = fields.iter().any(|f| f.path == ["updated_at"]);
                    assert!(dated, "the task is written, and does not say when: {fields:?}");
                }
                StoreWrite::Create { path, data } if path.contains("/journal/") => {
                    entry.get_or_insert_with(String::new).push_str(data["json"].as_str().unwrap());
                    assert_eq!(
                        data["epoch"].as_u64(),
                        self.epoch,
                        "an entry of another epoch than its run's"
                    );
                }
                StoreWrite::Delete { path, .. } => {
                    gone.extend(path.strip_prefix(&format!("{TASK_PATH}/inbox/")))
                }
                _ => {}
            }
        }
        let Some(entry) = entry else { return };
        let entry: Value = serde_json::from_str(&entry).unwrap();
        let taken = |facts: &[Value]| -> BTreeSet<String> {
            facts.iter().filter_map(|fact| fact["inbox"].as_str()).map(str::to_owned).collect()
        };
        let mine = taken(entry["facts"].as_array().unwrap());
        let known = taken(&store.journal().into_iter().flat_map(|(_, _, facts)| facts).collect::<Vec<_>>());
        for id in &mine {
            assert!(gone.contains(id.as_str()), "{id} is journaled and stays in the inbox");
        }
        for id in gone {
            let decision = id.starts_with("decision-");
            assert!(decision || mine.contains(id) || known.contains(id), "{id} leaves the inbox unread");
        }
    }

    fn tells(&mut self, event: &Value) {
        assert_eq!(event["taskId"], TASK, "{event}");
        assert!(!self.has_told_its_end, "{event} after the end was told");
        self.has_told_its_end = event["type"] == "task:run_ended";
        let Some(id) = event["id"].as_str() else { return };
        let (seq, n) = id.split_once('.').unwrap();
        let cursor = (seq.parse().unwrap(), n.parse().unwrap());
        let follows = match self.told {
            Some((seq, n)) => cursor == (seq, n + 1) || (cursor.0 > seq && cursor.1 == 0),
            None => cursor.1 == 0,
        };
        assert!(follows, "{id} is told after {:?}", self.told);
        self.told = Some(cursor);
    }

    fn is_through(&mut self, result: &Result<Value, EngineError>, store: &Store, faulty: bool) {
        self.is_over = true;
        let left: Vec<_> =
            self.open.iter().filter(|(_, kind)| !matches!(kind, Kind::Head | Kind::Other)).collect();
        assert!(left.is_empty(), "{left:?} outlive the machine that asked for them");
        assert!(!self.watches, "a watch outlives the machine that asked for it");
        let head = store
            .get(HEAD)
            .filter(|head| head["write_id"].as_str().is_some_and(|id| self.write_ids.contains(id)));
        match result {
            Ok(outcome) if self.has_told_its_end => self.has_ended(outcome, head, store),
            _ => assert!(!self.has_told_its_end, "an end is told of a run that was refused: {result:?}"),
        }
        if let Some(head) = head.filter(|_| !faulty && result.is_err()) {
            assert!(!head.contains_key("owner"), "the lease outlives a run that was refused: {head:?}");
        }
    }

    fn has_ended(&self, outcome: &Value, head: Option<&Map<String, Value>>, store: &Store) {
        let status = outcome["status"].as_str().unwrap();
        let shown = match status {
            "completed" => Status::Completed,
            "paused" => Status::Paused,
            "stopped" if outcome["reason"] != "external_status" => Status::Paused,
            "failed" => Status::Failed,
            _ => return self.has_yielded(status, head),
        };
        assert_eq!(self.shown, Some(shown), "{outcome} is not the status that was shown last");
        let Some(head) = head else { return };
        assert!(!head.contains_key("owner"), "{outcome}, and the lease is left: {head:?}");
        assert_eq!(head["last_run"], status, "the head does not say how the run ended");
        let last = store.journal().pop().unwrap().2.pop().unwrap();
        if status != "completed" {
            let of = |value: &Value| json!([value["status"], value["reason"], value["error"]["code"]]);
            assert_eq!(
                (&last["kind"], of(&last)),
                (&json!("ended"), of(outcome)),
                "{outcome} is not what is stored"
            );
        }
    }

    fn has_yielded(&self, status: &str, head: Option<&Map<String, Value>>) {
        let Some(head) = head.filter(|_| status == "yielded") else { return };
        assert!(!head.contains_key("owner"), "the lease outlives its yield: {head:?}");
        assert!(matches!(head["last_run"].as_str(), Some("yielded" | "yielded_unclean")), "{head:?}");
    }
}

fn path_of(write: &StoreWrite) -> &str {
    match write {
        StoreWrite::Create { path, .. }
        | StoreWrite::Update { path, .. }
        | StoreWrite::Delete { path, .. } => path,
    }
}
