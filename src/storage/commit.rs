//! What a commit writes: the head, and with it everything that one entry makes true.

use super::head::Head;
use super::journal;
use crate::facts::fact::Entry;
use crate::facts::thread::thread;
use crate::ids::Paths;
use crate::store::{FieldWrite, StoreWrite};
use serde_json::Value;

/// The update of the task document that belongs to a commit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TaskUpdate {
    /// What changes.
    pub fields: Vec<FieldWrite>,
    /// The version of the read that the fields were computed from, where they depend on it.
    pub if_version: Option<String>,
}

/// All that one journal entry writes.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    /// Of the task.
    pub paths: &'a Paths,
    /// Last segment of the task's path: thread messages carry it.
    pub task_id: &'a str,
    /// The head as it is stored.
    pub stored: &'a Head,
    /// The version under which it is stored.
    pub head_version: &'a str,
    /// The head as it is to be: seq and write_id of the entry, no owner where the commit ends the run.
    pub head: &'a Head,
    /// What becomes true.
    pub entry: &'a Entry,
    /// None where the task document stays as it is. Without fields it writes nothing, whatever its version.
    pub task: Option<&'a TaskUpdate>,
    /// Ids of the inbox documents that the entry has taken in.
    pub taken: &'a [String],
    /// `limits.documentBytes`: longer entries are continued in further documents of the same commit.
    pub document_bytes: usize,
}

/// Writes to send as one commit.
#[derive(Clone, Debug, PartialEq)]
pub struct Composed {
    /// All or nothing.
    pub writes: Vec<StoreWrite>,
    /// UTF-8 bytes of all strings in them, to hold against `limits.commitBytes`.
    pub bytes: usize,
}

/// The writes of an entry: its journal documents, the fields of the head that change, its messages in the thread,
/// the task document's fields, and the inbox documents it has taken in.
pub fn compose(draft: &Draft<'_>) -> Composed {
    let Draft { paths, entry, .. } = draft;
    let mut writes = vec![update_head(paths, draft.stored, draft.head_version, draft.head)];
    writes.extend(journal::encode(paths, entry, draft.document_bytes).0);
    writes.extend(thread(entry).into_iter().map(|message| StoreWrite::Create {
        path: paths.message(&message.id),
        data: message.document(draft.task_id),
    }));
    if let Some(task) = draft.task.filter(|task| !task.fields.is_empty()) {
        writes.push(StoreWrite::Update {
            path: paths.task.clone(),
            fields: task.fields.clone(),
            if_version: task.if_version.clone(),
        });
    }
    writes.extend(
        draft.taken.iter().map(|id| StoreWrite::Delete { path: paths.inbox_item(id), if_version: None }),
    );
    let bytes = writes.iter().map(size).sum();
    Composed { writes, bytes }
}

/// Takes, renews or releases the lease: the head alone. `stored` is the head with its version, None at the first
/// acquisition.
pub fn write_head(paths: &Paths, stored: Option<(&Head, &str)>, head: &Head) -> StoreWrite {
    match stored {
        Some((before, version)) => update_head(paths, before, version, head),
        None => StoreWrite::Create { path: paths.head.clone(), data: head.document() },
    }
}

/// Only what changes: the head is written with every commit.
fn update_head(paths: &Paths, before: &Head, version: &str, head: &Head) -> StoreWrite {
    let (before, after) = (before.document(), head.document());
    let vanished = before.keys().filter(|key| !after.contains_key(*key));
    let mut fields: Vec<FieldWrite> = vanished.map(|key| FieldWrite::unset(&[key])).collect();
    for (key, value) in after {
        if before.get(&key) != Some(&value) {
            fields.push(FieldWrite::set(&[&key], value));
        }
    }
    StoreWrite::Update { path: paths.head.clone(), fields, if_version: Some(version.to_owned()) }
}

/// UTF-8 bytes of the strings in a write, keys and paths included.
fn size(write: &StoreWrite) -> usize {
    match write {
        StoreWrite::Create { path, data } => {
            path.len() + data.iter().map(|(k, v)| k.len() + strings(v)).sum::<usize>()
        }
        StoreWrite::Update { path, fields, .. } => {
            let field = |f: &FieldWrite| {
                f.path.iter().map(String::len).sum::<usize>() + f.value.as_ref().map_or(0, strings)
            };
            path.len() + fields.iter().map(field).sum::<usize>()
        }
        StoreWrite::Delete { path, .. } => path.len(),
    }
}

fn strings(value: &Value) -> usize {
    match value {
        Value::String(s) => s.len(),
        Value::Array(elements) => elements.iter().map(strings).sum(),
        Value::Object(map) => map.iter().map(|(k, v)| k.len() + strings(v)).sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::fact::{EndStatus, Fact};
    use crate::storage::head::{LastRun, Owner, SCHEMA};
    use serde_json::json;

    fn head() -> Head {
        Head {
            schema: SCHEMA,
            history: "h".into(),
            created_at: None,
            since: 0,
            epoch: 3,
            owner: Some(Owner {
                id: "o".into(),
                holder: None,
                ttl_ms: 1,
                heartbeat_ms: 1,
                grace_ms: 1,
                store_timeout_ms: 1,
            }),
            seq: 7,
            write_id: "before".into(),
            last_run: LastRun::Running,
            attempts: 0,
            summary: json!({ "usage": {} }),
            deleted: false,
            fenced_off: None,
        }
    }

    #[test]
    fn an_entry_is_written_with_the_head_the_thread_the_task_and_what_it_took_from_the_inbox() {
        let (paths, stored) = (Paths::new("u", "t"), head());
        let entry = Entry {
            seq: 8,
            epoch: 3,
            write_id: "w".into(),
            wall: 0,
            active_ms: 0,
            facts: vec![Fact::Ended { status: EndStatus::Paused, reason: None, error: None }],
        };
        let next =
            Head { owner: None, seq: 8, write_id: "w".into(), last_run: LastRun::Paused, ..stored.clone() };
        let task =
            TaskUpdate { fields: vec![FieldWrite::set(&["status"], "paused")], if_version: Some("5".into()) };
        let composed = compose(&Draft {
            paths: &paths,
            task_id: "t",
            stored: &stored,
            head_version: "4",
            head: &next,
            entry: &entry,
            task: Some(&task),
            taken: &["i".to_owned()],
            document_bytes: 1_000,
        });
        let written = serde_json::to_value(&composed.writes).unwrap();
        let at = |n: usize| written[n]["path"].as_str().unwrap().replace("users/u/tasks/t", "");
        assert_eq!(
            written[0],
            json!({ "op": "update", "path": paths.head, "ifVersion": "4", "fields": [
                { "path": ["owner"], "delete": true },
                { "path": ["seq"], "value": 8 },
                { "path": ["write_id"], "value": "w" },
                { "path": ["last_run"], "value": "paused" },
            ] })
        );
        assert_eq!([at(1), at(2), at(3), at(4)], ["/journal/00000008", "/messages/w-0", "", "/inbox/i"]);
        assert_eq!(written[3]["ifVersion"], json!("5"));
        assert_eq!(written[4]["op"], json!("delete"));
        assert!(composed.bytes > 200, "{}", composed.bytes);
    }

    #[test]
    fn a_write_is_as_large_as_its_path_its_names_and_its_texts_however_deep_they_are() {
        let Value::Object(data) =
            json!({ "ab": "cde", "n": 7, "deep": { "k": ["xy", { "z": "ä" }], "none": null } })
        else {
            panic!("an object")
        };
        let of_data = 2 + 3 + 1 + 4 + 1 + 2 + 1 + 2 + 4;
        assert_eq!(size(&StoreWrite::Create { path: "p/q".into(), data }), 3 + of_data);
        let fields = vec![FieldWrite::set(&["ab", "c"], json!(["d", "ef"])), FieldWrite::unset(&["gone"])];
        let update = StoreWrite::Update { path: "p/q".into(), fields, if_version: Some("12345".into()) };
        assert_eq!(size(&update), 3 + (3 + 3) + 4);
        assert_eq!(size(&StoreWrite::Delete { path: "p/q".into(), if_version: None }), 3);
    }

    #[test]
    fn a_first_acquisition_creates_the_head() {
        let (paths, head) = (Paths::new("u", "t"), head());
        let StoreWrite::Create { path, data } = write_head(&paths, None, &head) else { panic!("a create") };
        assert_eq!((path, data), (paths.head, head.document()));
    }
}
