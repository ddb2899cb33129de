//! The head: who may write, and how the last run ended. Under 4 KB.

use crate::error::{Code, EngineError};
use crate::facts::fact::EndStatus;
use crate::json::{self, Encode, record, words};
use crate::time::parse_iso8601;
use serde_json::{Map, Value};

/// The layout that this version writes and reads.
pub const SCHEMA: u64 = 1;
/// Well below 2^53, where JavaScript stops to count in ones.
pub const LARGEST_NUMBER: u64 = 1 << 52;

/// The longest that a head makes others wait for its owner, a day in milliseconds: who asks for more has a crash, or a
/// tool without end, in mind last.
pub const LONGEST_MS: u64 = 86_400_000;

/// The run that owns the task, and how long others have to wait for it. Milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Of the run.
    pub id: String,
    /// Of the process, where the store can tell whether it lives.
    pub holder: Option<String>,
    /// Without renewal for so long, the lease has run out.
    pub ttl_ms: u64,
    /// Renewed this often.
    pub heartbeat_ms: u64,
    /// What running tools get when the run is paused.
    pub grace_ms: u64,
    /// After which the run gives the store up.
    pub store_timeout_ms: u64,
}

record!(Owner {
    id: always "id",
    holder: unless_default "holder",
    ttl_ms: always "ttl_ms",
    heartbeat_ms: always "heartbeat_ms",
    grace_ms: always "grace_ms",
    store_timeout_ms: always "store_timeout_ms",
});

impl Owner {
    /// A run that this process began; `instance` names the process in every id that its runs take.
    pub fn is_of(&self, instance: Option<&str>) -> bool {
        instance.is_some_and(|i| self.id.strip_prefix(i).is_some_and(|rest| rest.starts_with('.')))
    }

    /// A run that lives has obeyed what the register says by then: it looks with each heartbeat, its tools have their
    /// grace, and it reads and commits. Milliseconds.
    pub fn answers_within_ms(&self) -> u64 {
        let stores = self.store_timeout_ms.saturating_mul(2);
        self.heartbeat_ms.saturating_add(self.grace_ms).saturating_add(stores)
    }
}

/// An owner whose epoch was taken although it may still be at work: it is fenced off, and aborts once its lease is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FencedOff {
    /// Of whoever took the task from it.
    pub by_epoch: u64,
    /// Of its lease. Milliseconds.
    pub ttl_ms: u64,
}

record!(FencedOff { by_epoch: always "by_epoch", ttl_ms: always "ttl_ms" });

/// How the last run ended, as far as the journal knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastRun {
    /// No run has begun.
    None,
    /// It has begun and not ended.
    Running,
    /// It gave the task up for another to go on; nothing was cut.
    Yielded,
    /// It gave the task up and cut a turn or a call.
    YieldedUnclean,
    /// See [`EndStatus`].
    Paused,
    /// See [`EndStatus`].
    Stopped,
    /// See [`EndStatus`].
    Completed,
    /// See [`EndStatus`].
    Failed,
}

words!(LastRun {
    None "none",
    Running "running",
    Yielded "yielded",
    YieldedUnclean "yielded_unclean",
    Paused "paused",
    Stopped "stopped",
    Completed "completed",
    Failed "failed",
});

impl LastRun {
    /// Ended for good: taking up from here is an explicit resume.
    pub fn ended(self) -> bool {
        matches!(self, LastRun::Paused | LastRun::Stopped | LastRun::Completed | LastRun::Failed)
    }

    /// Once whoever held the lease meanwhile, and ran nothing, gives it back: an unclean end before it stays one.
    pub fn given_back(self, unclean: bool) -> LastRun {
        match self {
            LastRun::Running | LastRun::Yielded if unclean => LastRun::YieldedUnclean,
            last => last,
        }
    }
}

impl From<EndStatus> for LastRun {
    fn from(status: EndStatus) -> Self {
        match status {
            EndStatus::Paused => LastRun::Paused,
            EndStatus::Stopped => LastRun::Stopped,
            EndStatus::Completed => LastRun::Completed,
            EndStatus::Failed => LastRun::Failed,
        }
    }
}

/// The document `engine/head`.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// Layout of everything that the engine stores for this task.
    pub schema: u64,
    /// Nonce of the history, made at the first acquisition.
    pub history: String,
    /// The task's own; another value means that the task was deleted and made again.
    pub created_at: Option<String>,
    /// Raised by every acquisition: a writer with a lower one is fenced off.
    pub epoch: u64,
    /// Absent where nobody runs the task.
    pub owner: Option<Owner>,
    /// Of the last journal entry.
    pub seq: u64,
    /// Of the last entry that an earlier task of this id has left: this task's own begin behind it.
    pub since: u64,
    /// Of the last commit to this document.
    pub write_id: String,
    /// How the last run ended.
    pub last_run: LastRun,
    /// Acquisitions after unclean ends since the last turn or result.
    pub attempts: u32,
    /// For `state()`; resume never reads it.
    pub summary: Value,
    /// Set by delete(): the history is being removed.
    pub deleted: bool,
    /// Of the epoch that it names, and of no other.
    pub fenced_off: Option<FencedOff>,
}

record!(Head {
    schema: always "schema",
    history: always "history",
    created_at: unless_default "created_at",
    epoch: always "epoch",
    owner: unless_default "owner",
    seq: always "seq",
    since: unless_default "since",
    write_id: always "write_id",
    last_run: always "last_run",
    attempts: always "attempts",
    summary: or_default "summary",
    deleted: unless_default "deleted",
    fenced_off: unless_default "fenced_off",
});

impl Head {
    /// The head of a task that never had one, for its first owner.
    pub fn first(history: String, created_at: Option<String>, owner: Owner, write_id: String) -> Head {
        Head {
            schema: SCHEMA,
            history,
            created_at,
            epoch: 1,
            owner: Some(owner),
            seq: 0,
            since: 0,
            write_id,
            last_run: LastRun::None,
            attempts: 0,
            summary: Value::Object(Map::new()),
            deleted: false,
            fenced_off: None,
        }
    }

    /// Whether it belongs to a task that was made at another time than this one, under the same id: that task was
    /// deleted, and not by the engine. A time that is missing or cannot be read says nothing.
    pub fn is_of_another(&self, created_at: Option<&str>) -> bool {
        let instant = |text: Option<&str>| text.and_then(parse_iso8601);
        matches!((instant(self.created_at.as_deref()), instant(created_at)), (Some(a), Some(b)) if a != b)
    }

    /// The head of a task that was made anew: a history of its own, behind what is there, under the same lease.
    pub fn anew(&self, history: String, created_at: Option<String>) -> Head {
        Head {
            history,
            created_at,
            since: self.seq,
            last_run: LastRun::None,
            attempts: 0,
            summary: Value::Object(Map::new()),
            ..self.clone()
        }
    }

    /// Reads the document.
    ///
    /// # Errors
    /// UNSUPPORTED_SCHEMA for a layout of another version, CORRUPT_HISTORY for anything that is no head.
    pub fn read(path: &str, data: &Map<String, Value>) -> Result<Head, EngineError> {
        match data.get("schema") {
            Some(v) if v.as_u64() == Some(SCHEMA) => {}
            Some(v) if v.as_u64().is_some_and(|n| n > SCHEMA) => {
                return Err(EngineError::new(
                    Code::UnsupportedSchema,
                    format!(
                        "{path} has schema {}, written by a newer version of task-execution-engine; this one \
                         reads {SCHEMA}. Nothing was changed. Upgrade the package in this process.",
                        json::text(v)
                    ),
                )
                .with("schema", v.clone()));
            }
            other => {
                return Err(corrupt_head(
                    path,
                    &format!(
                        "its field schema is {}, not {SCHEMA}",
                        other.map_or("missing".to_owned(), json::text)
                    ),
                ));
            }
        }
        let head: Head =
            json::decode(Value::Object(data.clone())).map_err(|e| corrupt_head(path, &e.to_string()))?;
        match head.too_large() {
            Some((name, _, most)) => Err(corrupt_head(path, &format!("its {name} is over {most}"))),
            None => Ok(head),
        }
    }

    /// A number that could not be raised any more, that not every store keeps exactly or that nobody can wait for: its
    /// name, what it is, and what it may be.
    fn too_large(&self) -> Option<(&'static str, u64, u64)> {
        let of_owner = |ms: fn(&Owner) -> u64| self.owner.as_ref().map_or(0, ms);
        let numbers = [
            ("epoch", self.epoch, LARGEST_NUMBER),
            ("seq", self.seq, LARGEST_NUMBER),
            ("since", self.since, self.seq),
            ("owner.ttl_ms", of_owner(|o| o.ttl_ms), LONGEST_MS),
            ("owner.heartbeat_ms", of_owner(|o| o.heartbeat_ms), LONGEST_MS),
            ("owner.grace_ms", of_owner(|o| o.grace_ms), LONGEST_MS),
            ("owner.store_timeout_ms", of_owner(|o| o.store_timeout_ms), LONGEST_MS),
            ("fenced_off.ttl_ms", self.fenced_off.map_or(0, |f| f.ttl_ms), LONGEST_MS),
        ];
        numbers.into_iter().find(|(_, is, most)| is > most)
    }

    /// The document's fields.
    pub fn document(&self) -> Map<String, Value> {
        match self.encode() {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }

    /// How long after the end that it tells of an owner may still be at work. Milliseconds.
    pub fn survived_ms(&self) -> Option<u64> {
        self.fenced_off.filter(|f| f.by_epoch == self.epoch).map(|f| f.ttl_ms)
    }

    /// Whoever has acquired that epoch of that history may still write.
    pub fn is_under(&self, history: &str, epoch: u64) -> bool {
        self.history == history && self.epoch == epoch && !self.deleted
    }

    /// The owner of the lease did not release it, or cut something when it did.
    pub fn unclean(&self) -> bool {
        self.owner.is_some() || self.last_run == LastRun::YieldedUnclean
    }
}

fn corrupt_head(path: &str, what: &str) -> EngineError {
    EngineError::new(
        Code::CorruptHistory,
        format!(
            "{path} is not a head that this engine wrote: {what}. Nothing was changed. Restore it from a backup, \
             or give the history up with TaskPersistence.delete({{ keepTask: true }})."
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn head() -> Head {
        Head {
            schema: SCHEMA,
            history: "h".into(),
            created_at: None,
            epoch: 3,
            owner: None,
            seq: 7,
            since: 0,
            write_id: "w".into(),
            last_run: LastRun::Running,
            attempts: 0,
            summary: json!({}),
            deleted: false,
            fenced_off: None,
        }
    }

    #[test]
    fn a_head_reads_back_as_it_was_written() {
        let mut h = head();
        assert_eq!(Head::read("p", &h.document()).unwrap(), h);
        h.owner = Some(Owner {
            id: "o".into(),
            holder: Some("boot:1".into()),
            ttl_ms: 30_000,
            heartbeat_ms: 10_000,
            grace_ms: 10_000,
            store_timeout_ms: 15_000,
        });
        assert_eq!(Head::read("p", &h.document()).unwrap(), h);
    }

    #[test]
    fn an_owner_belongs_to_the_process_that_it_is_named_after_and_to_no_other() {
        let owner = |id: &str| Owner {
            id: id.into(),
            holder: None,
            ttl_ms: 1,
            heartbeat_ms: 1,
            grace_ms: 1,
            store_timeout_ms: 1,
        };
        assert!(owner("p.run").is_of(Some("p")));
        for (id, instance) in [("p1.run", Some("p")), ("p", Some("p")), ("q.run", Some("p")), ("p.run", None)]
        {
            assert!(!owner(id).is_of(instance), "{id} of {instance:?}");
        }
    }

    #[test]
    fn a_head_of_another_version_or_of_no_version_is_refused() {
        let mut data = head().document();
        data.insert("schema".into(), json!(2));
        assert_eq!(Head::read("p", &data).unwrap_err().code, Code::UnsupportedSchema);
        data.insert("schema".into(), json!("1"));
        assert_eq!(Head::read("p", &data).unwrap_err().code, Code::CorruptHistory);
        data.insert("schema".into(), json!(1));
        data.insert("epoch".into(), json!(-1));
        let e = Head::read("p", &data).unwrap_err();
        assert_eq!(e.code, Code::CorruptHistory);
        assert!(e.message.contains("p is not a head"), "{}", e.message);
    }

    #[test]
    fn a_head_whose_numbers_none_of_its_writers_could_have_reached_is_refused() {
        let long = LONGEST_MS;
        let owner = json!({ "id": "o", "ttl_ms": long, "heartbeat_ms": long, "grace_ms": long, "store_timeout_ms": long });
        let fenced_off = json!({ "by_epoch": 3, "ttl_ms": long });
        let most = |field: &str, value: Value| {
            let mut data = head().document();
            data.insert("owner".into(), owner.clone());
            data.insert("fenced_off".into(), fenced_off.clone());
            match field.split_once('.') {
                Some((of, field)) => data[of][field] = value,
                None => drop(data.insert(field.into(), value)),
            }
            Head::read("p", &data)
        };
        for (field, largest) in [
            ("epoch", LARGEST_NUMBER),
            ("seq", LARGEST_NUMBER),
            ("since", 7),
            ("owner.ttl_ms", long),
            ("owner.heartbeat_ms", long),
            ("owner.grace_ms", long),
            ("owner.store_timeout_ms", long),
            ("fenced_off.ttl_ms", long),
        ] {
            most(field, largest.into()).unwrap();
            for over in [largest + 1, u64::MAX] {
                let e = most(field, over.into()).unwrap_err();
                assert_eq!(e.code, Code::CorruptHistory);
                assert!(e.message.contains(&format!("its {field} is over {largest}")), "{}", e.message);
            }
        }
    }

    #[test]
    fn a_task_that_was_made_anew_has_nothing_of_its_predecessor_but_the_lease_and_the_place() {
        let before =
            Head { attempts: 4, summary: json!({ "waiting": [3] }), last_run: LastRun::Failed, ..head() };
        let anew = before.anew("another".into(), Some("2026-01-01T00:00:00.000Z".into()));
        let made = anew.created_at.clone();
        let rest =
            Head { history: "another".into(), created_at: made, since: 7, last_run: LastRun::None, ..head() };
        assert_eq!(anew, rest);
    }

    #[test]
    fn who_gives_the_lease_back_leaves_the_end_before_it_as_clean_as_it_was() {
        use LastRun::{Completed, Failed, None, Paused, Running, Stopped, Yielded, YieldedUnclean};
        for last in [None, Running, Yielded, YieldedUnclean, Paused, Stopped, Completed, Failed] {
            assert_eq!(last.given_back(false), last);
            let unclean = if matches!(last, Running | Yielded) { YieldedUnclean } else { last };
            assert_eq!(last.given_back(true), unclean);
        }
    }

    #[test]
    fn whatever_ends_a_run_for_good_asks_for_an_explicit_resume() {
        use LastRun::{Completed, Failed, None, Paused, Running, Stopped, Yielded, YieldedUnclean};
        assert!([Paused, Stopped, Completed, Failed].into_iter().all(LastRun::ended));
        assert!(![None, Running, Yielded, YieldedUnclean].into_iter().any(LastRun::ended));
    }
}
