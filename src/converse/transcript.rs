//! What the core remembers of the request: enough to change it, never its content.

use super::blocks::{is_blank, text_of};
use super::request::{RequestOp, text};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hasher};

/// Roles and sizes of the request's messages. Indexes are those of the client side at the same moment.
///
/// Nothing here grows with the history but one small record a message; no operation but a shrink looks at more
/// than the last one.
#[derive(Debug, Default)]
pub struct Transcript {
    messages: VecDeque<Summary>,
    bytes: usize,
    /// User and assistant messages left out so far, those of earlier trims included.
    left_out: u64,
    /// Whether message 0 is a marker and nothing else.
    marker_alone: bool,
    /// Content of a marker that was merged into message 0 while that is the tail and may be replaced.
    lead: Vec<Value>,
}

#[derive(Debug)]
struct Summary {
    assistant: bool,
    has_results: bool,
    bytes: usize,
    digest: u64,
    /// Digests of a user message's texts, to find the statement among them.
    texts: Vec<u64>,
}

/// Older turns left out of the request, as the journal keeps it so that a resume repeats it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trim {
    /// Messages before this index go; see [`RequestOp::DropBefore`].
    pub before: usize,
    /// How many messages are missing from the conversation now, all trims together.
    pub left_out: u64,
    /// The user message that says so.
    pub marker: Value,
}

impl Trim {
    /// The operation for the client side.
    pub fn op(&self) -> RequestOp {
        RequestOp::DropBefore(self.before, self.marker.clone())
    }
}

impl Transcript {
    /// An empty request.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many messages the request has.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether the request has no message yet.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Size of all messages as JSON, in UTF-8 bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Appends a turn of the assistant, as [`super::Turn::content`] has it. Follows a user message.
    pub fn assistant(&mut self, content: Vec<Value>) -> RequestOp {
        self.lead.clear();
        let (summary, message) = message("assistant", content);
        self.append(summary);
        RequestOp::Push(message)
    }

    /// Makes `content` the user message at the tail: results first (some model families demand it), blank texts
    /// left out. Gives the whole message each time; nothing is to be done where it has not changed or is empty.
    pub fn user(&mut self, content: Vec<Value>) -> Option<RequestOp> {
        let (mut ordered, rest): (Vec<_>, Vec<_>) = content
            .into_iter()
            .filter(|block| !text_of(block).is_some_and(is_blank))
            .partition(|block| block.get("toolResult").is_some());
        ordered.extend(rest);
        if ordered.is_empty() {
            return None;
        }
        let replaces = self.messages.back().is_some_and(|last| !last.assistant);
        if replaces && self.messages.len() == 1 {
            ordered.splice(0..0, self.lead.iter().cloned());
        }
        let (summary, message) = message("user", ordered);
        if !replaces {
            self.append(summary);
            return Some(RequestOp::Push(message));
        }
        if self.messages.back().is_some_and(|last| last.digest == summary.digest) {
            return None;
        }
        if let Some(last) = self.messages.pop_back() {
            self.bytes -= last.bytes;
        }
        self.append(summary);
        Some(RequestOp::Replace(self.messages.len() - 1, message))
    }

    /// Appends the messages of a repaired history, each with `role` and `content`.
    pub fn import(&mut self, messages: &[Value]) -> Vec<RequestOp> {
        let append = |message: &Value| {
            let content = message.get("content").and_then(Value::as_array).cloned().unwrap_or_default();
            if message.get("role").is_some_and(|role| role == "assistant") {
                Some(self.assistant(content))
            } else {
                self.user(content)
            }
        };
        messages.iter().filter_map(append).collect()
    }

    /// Leaves out older turns after a context overflow, at least half of the request where that can be done.
    /// See [`Self::plan_trim`] and [`Self::apply_trim`], which it joins.
    pub fn shrink(&mut self, statement: &str) -> Option<Trim> {
        let trim = self.plan_trim(statement)?;
        self.apply_trim(&trim).map(|_| trim)
    }

    /// What to leave out next, changing nothing: whole pairs of user and assistant messages, uses together with
    /// their results, the last message never. `statement` is the text that states the current item; where it would
    /// be left out, the marker repeats it. The request gets strictly smaller; `None` where it cannot.
    pub fn plan_trim(&self, statement: &str) -> Option<Trim> {
        let wanted = digest_of(statement);
        let stated_at = self.messages.iter().rposition(|message| message.texts.contains(&wanted));
        let mut kept = self.bytes;
        let mut best = None;
        for (index, message) in self.messages.iter().enumerate() {
            if index > 0 && (message.assistant || !message.has_results) {
                let left_out = self.left_out + self.counted(index);
                let repeats = stated_at.is_none_or(|at| at < index);
                let marker = marker(left_out, repeats.then_some(statement));
                let size = kept + marker.to_string().len();
                if size < self.bytes {
                    best = Some(Trim { before: index, left_out, marker });
                    if size <= self.bytes / 2 {
                        break;
                    }
                }
            }
            kept -= message.bytes;
        }
        best
    }

    /// Applies a trim, a new one or one from the journal. `None` where it does not fit this transcript.
    pub fn apply_trim(&mut self, trim: &Trim) -> Option<RequestOp> {
        let next = self.messages.get(trim.before).filter(|_| trim.before > 0)?;
        if next.has_results {
            return None;
        }
        for dropped in self.messages.drain(..trim.before) {
            self.bytes -= dropped.bytes;
        }
        self.left_out = trim.left_out;
        let content = trim.marker.get("content").and_then(Value::as_array).cloned().unwrap_or_default();
        let mut marker = summarise(&trim.marker);
        match self.messages.front_mut().filter(|first| !first.assistant) {
            Some(first) => {
                first.bytes += marker.bytes;
                first.texts.append(&mut marker.texts);
                // The content behind the digest has changed: the next comparison must not find it the same.
                first.digest ^= marker.digest | 1;
                self.bytes += marker.bytes;
                self.marker_alone = false;
                self.lead = content;
            }
            None => {
                self.bytes += marker.bytes;
                self.marker_alone = true;
                self.lead.clear();
                self.messages.push_front(marker);
            }
        }
        Some(trim.op())
    }

    /// Messages of the conversation before `index`.
    fn counted(&self, index: usize) -> u64 {
        index.saturating_sub(usize::from(self.marker_alone)) as u64
    }

    fn append(&mut self, summary: Summary) {
        self.bytes += summary.bytes;
        self.messages.push_back(summary);
    }
}

fn message(role: &str, content: Vec<Value>) -> (Summary, Value) {
    let message = json!({ "role": role, "content": content });
    (summarise(&message), message)
}

fn summarise(message: &Value) -> Summary {
    let assistant = message.get("role").is_some_and(|role| role == "assistant");
    let blocks = message.get("content").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let texts =
        if assistant { Vec::new() } else { blocks.iter().filter_map(text_of).map(digest_of).collect() };
    let json = message.to_string();
    Summary {
        assistant,
        has_results: !assistant && blocks.iter().any(|block| block.get("toolResult").is_some()),
        bytes: json.len(),
        digest: digest_of(&json),
        texts,
    }
}

fn digest_of(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(text.as_bytes());
    hasher.finish()
}

fn marker(left_out: u64, statement: Option<&str>) -> Value {
    let note = format!(
        "[{left_out} earlier messages are left out here, because the conversation exceeded the model's context. \
         Work done in them stays done; look again where a detail matters.]"
    );
    let stated = statement.filter(|statement| !is_blank(statement)).map(text);
    let content: Vec<Value> = std::iter::once(text(&note)).chain(stated).collect();
    json!({ "role": "user", "content": content })
}

#[cfg(test)]
mod tests;
