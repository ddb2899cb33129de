//! What the core remembers of the request: enough to change it, never its content.

use super::blocks::{as_taken_back, is_blank, text_of};
use super::request::{RequestOp, text};
use crate::json::{self, json, record};
use serde_json::Value;
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hasher};

/// Roles and sizes of the request's messages, and the content of the last one while it is a user's and may
/// still change. Indexes are those of the client side at the same moment.
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
    /// The part of a user message at the tail that stays: a marker, imported messages.
    fixed: Vec<Value>,
    /// The part of a user message at the tail that [`Transcript::user`] sets.
    tail: Vec<Value>,
}

#[derive(Debug)]
struct Summary {
    assistant: bool,
    has_results: bool,
    bytes: usize,
    /// Digests of a user message's texts, to find the statement among them.
    texts: Vec<u64>,
}

/// Older turns left out of the request, as the journal keeps it so that a resume repeats it.
#[derive(Clone, Debug, PartialEq)]
pub struct Trim {
    /// Messages before this index go; see [`RequestOp::DropBefore`].
    pub before: usize,
    /// How many messages are missing from the conversation now, all trims together.
    pub left_out: u64,
    /// The user message that says so.
    pub marker: Value,
}

record!(Trim { before: always "before", left_out: always "leftOut", marker: always "marker" });

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

    /// Appends a turn of the assistant, of what [`super::Turn::content`] has. Follows a user message.
    pub fn assistant(&mut self, content: Vec<Value>) -> RequestOp {
        self.fixed.clear();
        self.tail.clear();
        self.push("assistant", as_taken_back(content))
    }

    /// Makes `content` the user message at the tail, after what was imported there; blank texts are left out.
    /// Takes the whole content each time; nothing is to be done where it has not changed or is empty.
    pub fn user(&mut self, content: Vec<Value>) -> Option<RequestOp> {
        let content: Vec<Value> =
            content.into_iter().filter(|block| !text_of(block).is_some_and(is_blank)).collect();
        if content.is_empty() || content == self.tail {
            return None;
        }
        self.tail = content;
        Some(self.put_tail())
    }

    /// Appends a message of a repaired history, merging and filling in so that roles alternate.
    pub fn import(&mut self, message: &Value) -> Vec<RequestOp> {
        let content = message.get("content").and_then(Value::as_array).cloned().unwrap_or_default();
        if content.is_empty() {
            return Vec::new();
        }
        if message.get("role").is_none_or(|role| role != "assistant") {
            self.fixed.extend(content);
            return vec![self.put_tail()];
        }
        let mut ops = Vec::new();
        if !self.ends_with_user() {
            ops.push(self.push("user", vec![text(MISSING)]));
        }
        ops.push(self.assistant(content));
        ops
    }

    /// Forgets everything: the conversation begins anew.
    pub fn clear(&mut self) -> RequestOp {
        *self = Transcript::default();
        RequestOp::Clear
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
        self.plan(statement, self.bytes / 2)
    }

    /// As [`Self::plan_trim`], and as much as can be left out.
    pub fn plan_trim_of_all(&self, statement: &str) -> Option<Trim> {
        self.plan(statement, 0)
    }

    /// Whether more than half of the request is its last message.
    pub fn is_mostly_its_last(&self) -> bool {
        self.messages.back().is_some_and(|last| last.bytes > self.bytes / 2)
    }

    fn plan(&self, statement: &str, enough: usize) -> Option<Trim> {
        let wanted = digest_of(statement);
        let stated_at = self.messages.iter().rposition(|message| message.texts.contains(&wanted));
        let mut kept = self.bytes;
        let mut best = None;
        for (index, message) in self.messages.iter().enumerate() {
            if index > 0 && (message.assistant || !message.has_results) {
                let left_out = self.left_out + self.counted(index);
                let repeats = stated_at.is_none_or(|at| at < index);
                let marker = marker(left_out, repeats.then_some(statement));
                let size = kept + json::text(&marker).len();
                if size < self.bytes {
                    best = Some(Trim { before: index, left_out, marker });
                    if size <= enough {
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
        let marker = summarise(&trim.marker);
        self.bytes += marker.bytes;
        self.marker_alone = self.messages.front().is_none_or(|first| first.assistant);
        match self.messages.front_mut().filter(|first| !first.assistant) {
            Some(first) => first.bytes += marker.bytes,
            None => self.messages.push_front(marker),
        }
        if self.messages.len() == 1 {
            let content = trim.marker.get("content").and_then(Value::as_array);
            self.fixed.splice(0..0, content.into_iter().flatten().cloned());
        }
        Some(trim.op())
    }

    /// Messages of the conversation before `index`.
    fn counted(&self, index: usize) -> u64 {
        index.saturating_sub(usize::from(self.marker_alone)) as u64
    }

    fn ends_with_user(&self) -> bool {
        self.messages.back().is_some_and(|last| !last.assistant)
    }

    /// Writes the user message at the tail, results first: some model families demand that.
    fn put_tail(&mut self) -> RequestOp {
        let (mut content, rest): (Vec<Value>, Vec<Value>) =
            self.fixed.iter().chain(&self.tail).cloned().partition(|block| block.get("toolResult").is_some());
        content.extend(rest);
        if !self.ends_with_user() {
            return self.push("user", content);
        }
        if let Some(last) = self.messages.pop_back() {
            self.bytes -= last.bytes;
        }
        match self.push("user", content) {
            RequestOp::Push(message) => RequestOp::Replace(self.messages.len() - 1, message),
            op => op,
        }
    }

    fn push(&mut self, role: &str, content: Vec<Value>) -> RequestOp {
        let message = json!({ "role": role, "content": content });
        let summary = summarise(&message);
        self.bytes += summary.bytes;
        self.messages.push_back(summary);
        RequestOp::Push(message)
    }
}

/// Stands where a user message should be: the API takes no two assistant messages in a row.
pub(super) const MISSING: &str = "(A message is missing here.)";

fn summarise(message: &Value) -> Summary {
    let assistant = message.get("role").is_some_and(|role| role == "assistant");
    let blocks = message.get("content").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let texts =
        if assistant { Vec::new() } else { blocks.iter().filter_map(text_of).map(digest_of).collect() };
    Summary {
        assistant,
        has_results: !assistant && blocks.iter().any(|block| block.get("toolResult").is_some()),
        bytes: json::text(message).len(),
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
