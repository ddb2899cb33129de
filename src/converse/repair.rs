//! Makes a valid conversation of an old history, whatever is in it.

use super::blocks::{as_taken_back, is_reasoning, numbered_id, valid_id};
use super::request::{ResultStatus, text, tool_result};
use super::transcript::MISSING;
use crate::json::json;
use crate::sorted::{Known, SortedMap};
use convert::{Converter, Part};
use serde_json::Value;
use std::collections::VecDeque;

mod convert;

/// Says that nobody knows how a call ended.
pub const UNKNOWN_OUTCOME: &str =
    "Interrupted: the outcome of this call is unknown. Check before you repeat it.";

const INTERRUPTED: &str = "(The conversation was interrupted here.)";

/// An old history as a conversation that a user message can follow.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Repaired {
    /// Valid messages in ConverseStream shape; empty, or from a user's to an assistant's.
    pub messages: Vec<Value>,
    /// Messages and blocks that have no place in it.
    pub left_out: u32,
    /// Places that were changed to make it valid.
    pub repaired: u32,
}

/// Converts the elements of `execution.api_messages`, Anthropic message parameters and ConverseStream messages in
/// any mixture: uses without a result get an error result, results without a use go, roles alternate, ids and
/// names become valid and unique.
pub fn repair(old: &[Value]) -> Repaired {
    let mut mender = Mender::default();
    for element in old {
        mender.element(element);
    }
    mender.finish()
}

#[derive(Default)]
struct Mender {
    convert: Converter,
    messages: Vec<Draft>,
    ids: Known<()>,
    renamed: u32,
    /// Uses of the last assistant message without a result: the id that they had, the ids that they have.
    open: SortedMap<String, VecDeque<String>>,
}

struct Draft {
    assistant: bool,
    results: Vec<Value>,
    blocks: Vec<Value>,
}

impl Mender {
    fn element(&mut self, element: &Value) {
        let Some(assistant) = self.convert.role_of(element) else { return };
        let parts = self.convert.parts(element, assistant);
        if assistant {
            self.assistant(parts);
        } else {
            self.user(parts);
        }
    }

    fn assistant(&mut self, parts: Vec<Part>) {
        let mere_reasoning =
            parts.iter().all(|part| matches!(part, Part::Block(block) if is_reasoning(block)));
        if mere_reasoning {
            self.convert.left_out += count(parts.len());
            return;
        }
        match self.messages.last() {
            None => {
                self.convert.repaired += 1;
                self.put(false, Vec::new(), vec![text(MISSING)]);
            }
            Some(last) if last.assistant => self.convert.repaired += 1,
            Some(_) => self.close(),
        }
        let mut blocks = Vec::with_capacity(parts.len());
        let is_thought = |part: &Part| matches!(part, Part::Block(block) if is_reasoning(block));
        // Claude takes reasoning only in a message that begins with it.
        let thinks = match self.messages.last().filter(|last| last.assistant) {
            Some(last) => last.blocks.first().is_some_and(is_reasoning),
            None => parts.first().is_some_and(is_thought),
        };
        for part in parts {
            match part {
                Part::Block(_) if !thinks && is_thought(&part) => self.convert.left_out += 1,
                Part::Block(block) => blocks.push(block),
                Part::Use { id: old, name, input } => {
                    let id = self.unique(&old);
                    blocks.push(json!({ "toolUse": { "toolUseId": &id, "name": name, "input": input } }));
                    self.open.or_default(old).push_back(id);
                }
                // Nothing that an assistant says becomes one.
                Part::Result { .. } => {}
            }
        }
        self.put(true, Vec::new(), blocks);
    }

    fn user(&mut self, parts: Vec<Part>) {
        let (mut results, mut blocks) = (Vec::new(), Vec::new());
        for part in parts {
            match part {
                Part::Block(block) => blocks.push(block),
                Part::Result { id, status, content } => match self.answered(&id) {
                    Some(id) => results.push(tool_result(&id, status, content)),
                    None => self.convert.left_out += 1,
                },
                // Nothing that a user says becomes one.
                Part::Use { .. } => {}
            }
        }
        if results.is_empty() && blocks.is_empty() {
            return;
        }
        self.convert.repaired += u32::from(self.ends_with_user());
        self.put(false, results, blocks);
    }

    /// The id that the use has now which a result with this id answers.
    fn answered(&mut self, old: &str) -> Option<String> {
        let open = self.open.get_mut(old)?;
        let id = open.pop_front();
        if open.is_empty() {
            self.open.remove(old);
        }
        id
    }

    /// Answers what is still open in the user message at the end.
    fn close(&mut self) {
        let open = std::mem::take(&mut self.open);
        let unknown = |id: String| tool_result(&id, ResultStatus::Error, vec![text(UNKNOWN_OUTCOME)]);
        let results: Vec<Value> = open.into_iter().flat_map(|(_, ids)| ids).map(unknown).collect();
        if !results.is_empty() {
            self.convert.repaired += count(results.len());
            self.put(false, results, Vec::new());
        }
    }

    /// Adds to the message at the end where it has this role, else begins a new one.
    fn put(&mut self, assistant: bool, mut results: Vec<Value>, mut blocks: Vec<Value>) {
        match self.messages.last_mut().filter(|last| last.assistant == assistant) {
            Some(last) => {
                last.results.append(&mut results);
                last.blocks.append(&mut blocks);
            }
            None => self.messages.push(Draft { assistant, results, blocks }),
        }
    }

    fn ends_with_user(&self) -> bool {
        self.messages.last().is_some_and(|last| !last.assistant)
    }

    fn unique(&mut self, old: &str) -> String {
        let mut id = valid_id(old);
        while !self.ids.insert(&id, ()) {
            self.renamed += 1;
            id = numbered_id(old, self.renamed);
        }
        self.convert.repaired += u32::from(id != old);
        id
    }

    fn finish(mut self) -> Repaired {
        self.close();
        if self.ends_with_user() {
            self.put(true, Vec::new(), vec![text(INTERRUPTED)]);
            self.convert.repaired += 1;
        }
        Repaired {
            messages: self.messages.into_iter().map(Draft::message).collect(),
            left_out: self.convert.left_out,
            repaired: self.convert.repaired,
        }
    }
}

impl Draft {
    /// Results first; a document needs a text beside it; what the assistant said as models take it back.
    fn message(self) -> Value {
        let has = |blocks: &[Value], kind: &str| blocks.iter().any(|block| block.get(kind).is_some());
        let mut content = self.results;
        let mut blocks = self.blocks;
        if has(&blocks, "document") && !has(&blocks, "text") {
            content.push(text("(See the document.)"));
        }
        content.append(&mut blocks);
        if self.assistant {
            content = as_taken_back(content);
        }
        json!({ "role": if self.assistant { "assistant" } else { "user" }, "content": content })
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod properties;
#[cfg(test)]
mod tests;
