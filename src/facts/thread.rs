//! The thread that people read: which messages a journal entry puts there.

use super::fact::{EndStatus, Entry, Fact};
use crate::time::iso8601;
use serde_json::{Map, Value};

/// Longer contents are cut: a document holds at most 1 MiB.
const MAX_CONTENT_BYTES: usize = 900_000;

/// A message in the app's own schema.
#[derive(Clone, Debug, PartialEq)]
pub struct ThreadMessage {
    /// Opaque; the document's id.
    pub id: String,
    /// `user`, `assistant` or `system`.
    pub role: &'static str,
    /// What people read.
    pub content: String,
    /// Milliseconds of the wall clock; unique in the thread as far as the engine writes it.
    pub wall: i64,
}

impl ThreadMessage {
    /// The document's fields.
    pub fn document(&self, task_id: &str) -> Map<String, Value> {
        let mut data = Map::new();
        data.insert("task_id".into(), task_id.into());
        data.insert("role".into(), self.role.into());
        data.insert("content".into(), self.content.clone().into());
        data.insert("timestamp".into(), iso8601(self.wall).into());
        data
    }
}

/// The messages of an entry, in order, one millisecond apart.
pub fn thread(entry: &Entry) -> Vec<ThreadMessage> {
    let mut messages: Vec<ThreadMessage> = Vec::new();
    for fact in &entry.facts {
        let Some((id, role, content)) = message(fact) else { continue };
        let n = messages.len();
        messages.push(ThreadMessage {
            id: id.map_or_else(|| format!("{}-{n}", entry.write_id), str::to_owned),
            role,
            content: cut(content),
            wall: entry.wall.saturating_add(n as i64),
        });
    }
    messages
}

/// The latest timestamp that an entry uses.
pub fn last_timestamp(entry: &Entry) -> i64 {
    let messages = entry.facts.iter().filter(|f| message(f).is_some()).count() as i64;
    entry.wall.saturating_add((messages - 1).max(0))
}

fn message(fact: &Fact) -> Option<(Option<&str>, &'static str, String)> {
    let system = |content: String| Some((None, "system", content));
    match fact {
        Fact::Turn { message_id, turn, .. } if !turn.text.trim().is_empty() => {
            Some((Some(message_id), "assistant", turn.text.clone()))
        }
        Fact::Received { inbox, text, in_thread: false, .. } => Some((Some(inbox), "user", text.clone())),
        Fact::Stated { name, .. } => system(format!("Working on: {name}")),
        Fact::Result { result } if result.unknown => system(format!(
            "The outcome of {} ({}) is not known: it was interrupted. Check before it is repeated.",
            result.name, result.tool_call_id
        )),
        Fact::Ended { status: EndStatus::Paused, reason, .. } => {
            system(reason.as_ref().map_or_else(|| "Paused.".into(), |r| format!("Paused: {r}.")))
        }
        Fact::Ended { status: EndStatus::Stopped, reason, .. } => {
            system(reason.as_ref().map_or_else(|| "Stopped.".into(), |r| format!("Stopped: {r}.")))
        }
        Fact::Ended { status: EndStatus::Failed, error, .. } => {
            system(error.as_ref().map_or_else(|| "Failed.".into(), |e| format!("Failed: {}", e.message)))
        }
        _ => None,
    }
}

fn cut(mut content: String) -> String {
    if content.len() > MAX_CONTENT_BYTES {
        let mut end = MAX_CONTENT_BYTES;
        while !content.is_char_boundary(end) {
            end -= 1;
        }
        content.truncate(end);
        content.push_str("\n[cut: the whole text is in the journal]");
    }
    content
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_users_message_is_put_into_the_thread_unless_it_stands_there_already() {
        let received =
            |in_thread| Fact::Received { inbox: "m".into(), text: "hi".into(), in_thread, content: None };
        assert!(message(&received(false)).is_some());
        assert_eq!(message(&received(true)), None);
    }

    fn entry(facts: serde_json::Value) -> Entry {
        let facts = serde_json::from_value(facts).unwrap();
        Entry { seq: 1, epoch: 1, write_id: "w".into(), wall: 1_000, active_ms: 0, facts }
    }

    #[test]
    fn messages_of_an_entry_stand_a_millisecond_apart_under_ids_that_no_other_entry_has() {
        let turn = json!({ "content": [{ "text": "Hello." }], "stop": "end_turn", "uses": [] });
        let facts = json!([
            { "kind": "begun", "how": "started" },
            { "kind": "turn", "messageId": "m", "turn": turn, "usage": {}, "total": {} },
            { "kind": "stated", "item": { "item": "i" }, "name": "One", "text": "Do one." },
            { "kind": "received", "inbox": "i", "text": "Hi" },
            { "kind": "ended", "status": "stopped", "reason": "enough" },
        ]);
        let messages = thread(&entry(facts.clone()));
        let shown: Vec<(&str, &str, &str, i64)> =
            messages.iter().map(|m| (m.id.as_str(), m.role, m.content.as_str(), m.wall)).collect();
        assert_eq!(
            shown,
            [
                ("m", "assistant", "Hello.", 1_000),
                ("w-1", "system", "Working on: One", 1_001),
                ("i", "user", "Hi", 1_002),
                ("w-3", "system", "Stopped: enough.", 1_003),
            ]
        );
        assert_eq!(last_timestamp(&entry(facts)), 1_003);
        assert_eq!(last_timestamp(&entry(json!([]))), 1_000);
        assert_eq!(
            Value::Object(messages[0].document("t")),
            json!({ "task_id": "t", "role": "assistant", "content": "Hello.",
                "timestamp": "1970-01-01T00:00:01.000Z" })
        );
    }

    #[test]
    fn people_read_how_a_run_ended_and_what_is_unknown_and_no_silence() {
        let says = |fact: serde_json::Value| {
            let messages = thread(&entry(json!([fact])));
            messages.into_iter().next().map(|message| message.content)
        };
        let ended = |status: &str| json!({ "kind": "ended", "status": status });
        let error =
            json!({ "code": "MODEL_DENIED", "message": "No access.", "retryable": false, "details": {} });
        let failed = json!({ "kind": "ended", "status": "failed", "error": error });
        let result = |unknown: bool| {
            json!({ "kind": "result", "toolCallId": "a", "name": "pay", "status": "error", "content": [],
                "unknown": unknown })
        };
        let turn = json!({ "content": [{ "text": " " }], "stop": "end_turn", "uses": [] });
        let silent = json!({ "kind": "turn", "messageId": "m", "turn": turn, "usage": {}, "total": {} });
        let unknown = "The outcome of pay (a) is not known: it was interrupted. Check before it is repeated.";
        for (fact, expected) in [
            (ended("paused"), Some("Paused.")),
            (ended("stopped"), Some("Stopped.")),
            (json!({ "kind": "ended", "status": "paused", "reason": "tokens" }), Some("Paused: tokens.")),
            (failed, Some("Failed: No access.")),
            (ended("failed"), Some("Failed.")),
            (ended("completed"), None),
            (result(true), Some(unknown)),
            (result(false), None),
            (silent, None),
        ] {
            assert_eq!(says(fact.clone()).as_deref(), expected, "{fact}");
        }
    }

    #[test]
    fn a_message_that_no_document_can_hold_is_cut_at_a_character() {
        for (filler, start) in [("x", ""), ("ä", ""), ("€", "x"), ("😀", "")] {
            let whole = format!("{start}{}", filler.repeat(MAX_CONTENT_BYTES / filler.len() + 1));
            let short = cut(whole.clone());
            let kept = short.strip_suffix("\n[cut: the whole text is in the journal]").unwrap();
            assert!(whole.starts_with(kept));
            assert!((MAX_CONTENT_BYTES - 3..=MAX_CONTENT_BYTES).contains(&kept.len()), "{}", kept.len());
        }
        let fits = "x".repeat(MAX_CONTENT_BYTES);
        assert_eq!(cut(fits.clone()), fits);
    }
}
