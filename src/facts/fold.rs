//! The fold: what is known of a task after its journal, entry by entry.
//!
//! [`Facts`] keeps what grows with the history and is only ever added to; [`Live`] is the small rest.

use super::fact::{Entry, Fact, corrupt};
use super::live::{Live, MASK};
use crate::converse::ResultStatus;
use crate::converse::blocks::use_id;
use crate::converse::repair::UNKNOWN_OUTCOME;
use crate::converse::request::{self, RequestOp};
use crate::converse::transcript::Transcript;
use crate::error::EngineError;
use crate::json::writes;
use crate::sorted::{Known, SortedSet};
use serde_json::Value;
use std::rc::Rc;

/// Withheld as the kinds of blocks are, of the messages so far alone.
pub const REASONING: &str = "reasoning";

/// Names the question that entry `asked` put about a call.
pub(crate) fn question(tool_call_id: &str, asked: u64) -> String {
    format!("{asked} {tool_call_id}")
}

/// An item's closing words.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemText {
    /// The item's id.
    pub id: String,
    /// What the model said last about it.
    pub text: String,
}

writes!(ItemText { id: always "id", text: always "text" });

/// Everything known of a task.
#[derive(Debug, Default)]
pub struct Facts {
    /// The nonce of this history.
    pub history: String,
    /// Of the last entry.
    pub seq: u64,
    /// Of the last entry before this history's first.
    pub since: u64,
    /// Of the last entry.
    pub epoch: u64,
    /// The latest timestamp used, in milliseconds of the wall clock.
    pub last_wall: i64,
    /// The small state.
    pub live: Live,
    /// Changes to the request that have not been handed out.
    pub ops: Vec<RequestOp>,
    /// Closing words of the items that are done.
    pub item_texts: Vec<ItemText>,
    /// What the model said last, in whichever turn.
    pub last_text: Rc<str>,
    /// Tool names that occur in the history.
    pub tool_names: SortedSet<String>,
    /// The words that stated the current item.
    pub statement: Option<String>,
    /// What the core remembers of the request.
    pub transcript: Transcript,
    /// Kinds of blocks that a model has refused.
    withheld: Vec<(Option<String>, String)>,
    /// The model of the assistant's messages that are pushed now.
    author: Option<String>,
    used_ids: Known<()>,
    /// Tool uses of the last saved message that no saved message has answered.
    unanswered: Vec<String>,
    inbox: Known<()>,
    /// By question: whose decision counted.
    decisions: Known<String>,
}

impl Facts {
    /// Nothing is known yet of the history with this nonce.
    pub fn new(history: impl Into<String>) -> Self {
        Facts { history: history.into(), ..Facts::default() }
    }

    /// As [`Facts::new`], for a history whose first entry comes after entry `since`.
    pub fn behind(since: u64, history: impl Into<String>) -> Self {
        Facts { seq: since, since, ..Facts::new(history) }
    }

    /// Whether it has no entry yet.
    pub fn is_unwritten(&self) -> bool {
        self.seq == self.since
    }

    /// Takes an entry in. It must be the next one.
    ///
    /// # Errors
    /// CORRUPT_HISTORY, naming the entry: nothing may be built on these facts after that.
    pub fn apply(&mut self, entry: &Entry) -> Result<(), EngineError> {
        if entry.seq != self.seq + 1 {
            return Err(corrupt(entry.seq, format!("expected entry {}", self.seq + 1)));
        }
        if entry.epoch < self.epoch {
            return Err(corrupt(entry.seq, format!("its epoch {} is below {}", entry.epoch, self.epoch)));
        }
        for fact in &entry.facts {
            self.remember(entry.seq, fact);
            self.live.apply(entry.seq, entry.wall, fact)?;
            if !self.live.text.is_empty() {
                self.last_text = Rc::clone(&self.live.text);
            }
        }
        let allowance = &mut self.live.allowance;
        allowance.active_ms = allowance.active_ms.saturating_add(entry.active_ms);
        self.seq = entry.seq;
        self.epoch = entry.epoch;
        self.last_wall = super::thread::last_timestamp(entry).max(self.last_wall);
        Ok(())
    }

    fn remember(&mut self, seq: u64, fact: &Fact) {
        match fact {
            Fact::Imported { messages, .. } => {
                self.writes(None);
                for message in messages.iter() {
                    self.note_tools(message);
                    self.ops.extend(self.transcript.import(message));
                }
            }
            Fact::Saved { message } => {
                self.writes(None);
                self.note_tools(message);
                self.note_unanswered(message);
                self.ops.extend(self.transcript.import(message));
            }
            Fact::Reset => {
                self.unanswered.clear();
                self.item_texts.clear();
                self.last_text = Rc::default();
                self.statement = None;
                self.ops.push(self.transcript.clear());
            }
            Fact::Turn { turn, model, .. } if !turn.content.is_empty() => {
                self.withheld.retain(|(_, kind)| kind != REASONING);
                self.push_tail();
                self.unanswered.clear();
                self.writes(model.as_ref());
                let content = if self.live.masked { vec![request::text(MASK)] } else { turn.content.clone() };
                self.ops.push(self.transcript.assistant(content));
                // Those that the model's own servers answered, too.
                for id in turn.content.iter().filter_map(|block| block["toolUse"]["toolUseId"].as_str()) {
                    self.used_ids.insert(id, ());
                }
                for used in &turn.uses {
                    self.tool_names.insert(used.name.clone());
                }
            }
            Fact::Trimmed { trim } => {
                self.push_tail();
                self.ops.extend(self.transcript.apply_trim(trim));
            }
            Fact::Redacted => {
                let statement = self.statement.as_deref().unwrap_or_default();
                if self.live.texts.iter().any(|said| said["text"] == statement) {
                    self.statement = None;
                }
            }
            Fact::Withheld { model, block } => {
                self.withheld.push((model.clone(), block.clone()));
                self.ops.push(RequestOp::Withhold { model: model.clone(), block: block.clone() });
            }
            Fact::Stated { text, .. } => self.statement = Some(text.clone()),
            Fact::Received { inbox, .. } => {
                self.inbox.insert(inbox, ());
            }
            Fact::Decided { inbox, nonce, tool_call_id, .. } => {
                self.inbox.insert(inbox, ());
                let asked = self.live.call(tool_call_id).and_then(|c| c.asked).map_or(seq, |(s, _)| s);
                self.decisions.insert(&question(tool_call_id, asked), nonce.clone());
            }
            Fact::Done { item, text, .. } => {
                self.item_texts.push(ItemText { id: item.item.clone(), text: text.clone() });
            }
            _ => {}
        }
    }

    /// Whether blocks of this kind are left out for the model already.
    pub fn withholds(&self, model: Option<&str>, block: &str) -> bool {
        self.withheld.iter().any(|(refuses, kind)| refuses.as_deref() == model && kind == block)
    }

    fn writes(&mut self, model: Option<&String>) {
        if self.author.as_ref() != model {
            self.author = model.cloned();
            self.ops.push(RequestOp::Author(self.author.clone()));
        }
    }

    fn note_tools(&mut self, message: &Value) {
        for block in message["content"].as_array().into_iter().flatten() {
            if let (Some(id), Some(name)) =
                (block["toolUse"]["toolUseId"].as_str(), block["toolUse"]["name"].as_str())
            {
                self.used_ids.insert(id, ());
                self.tool_names.insert(name.to_owned());
            }
        }
    }

    /// Tool uses of saved messages get their results from saved messages too, or not at all.
    fn note_unanswered(&mut self, message: &Value) {
        let blocks = || message["content"].as_array().into_iter().flatten();
        let ids = |of: fn(&Value) -> Option<&str>| -> Vec<String> {
            blocks().filter_map(of).map(str::to_owned).collect()
        };
        if message["role"] == "assistant" {
            self.unanswered = ids(use_id);
        } else {
            let answered = ids(|block| block["toolResult"]["toolUseId"].as_str());
            self.unanswered.retain(|id| !answered.contains(id));
        }
    }

    /// Brings the request up to the user content that is waiting for the model.
    pub fn push_tail(&mut self) {
        if self.live.has_tail() {
            let unknown = || vec![request::text(UNKNOWN_OUTCOME)];
            let missing = self.unanswered.iter();
            let mut tail: Vec<Value> =
                missing.map(|id| request::tool_result(id, ResultStatus::Error, unknown())).collect();
            tail.extend(self.live.tail());
            self.ops.extend(self.transcript.user(tail));
        }
    }

    /// An inbox document that the journal already holds.
    pub fn is_journaled(&self, inbox: &str) -> bool {
        self.inbox.contains(inbox)
    }

    /// Whose decision counted for the call that entry `asked` asked about.
    pub fn decided_by(&self, tool_call_id: &str, asked: u64) -> Option<&str> {
        self.decisions.get(&question(tool_call_id, asked)).map(String::as_str)
    }

    /// A tool use id that occurs in this history.
    pub fn is_used(&self, id: &str) -> bool {
        self.used_ids.contains(id)
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod told;
