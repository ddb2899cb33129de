//! The thread that people read: which messages a journal entry puts there.

use super::fact::{EndStatus, Entry, Fact};
use crate::time::iso8601;
use serde::Serialize;
use serde_json::{Map, Value};

/// Longer contents are cut: a document holds at most 1 MiB.
const MAX_CONTENT_BYTES: usize = 900_000;

/// A message in the app's own schema.
#[derive(Clone, Debug, PartialEq, Serialize)]
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
        Fact::Received { inbox, text, in_thread: false } => Some((Some(inbox), "user", text.clone())),
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

    #[test]
    fn a_users_message_is_put_into_the_thread_unless_it_stands_there_already() {
        let received = |in_thread| Fact::Received { inbox: "m".into(), text: "hi".into(), in_thread };
        assert!(message(&received(false)).is_some());
        assert_eq!(message(&received(true)), None);
    }
}
