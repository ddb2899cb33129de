//! Puts a streamed turn together.

use super::base64;
use super::blocks::{SERVER_TOOL_USE, is_too_deep};
use super::classify::{Failure, FaultKind, ModelFault, classify};
use super::turn::{self, Block, Piece, Stop, Turn};
use super::usage::Usage;
use super::use_ids::{ToolUseIds, UseIds};
use crate::json::{self, json};
use crate::sorted::SortedMap;
use serde_json::{Map, Value};

/// Collects the events of one attempt. Blocks are keyed by `contentBlockIndex`: they may interleave, come late,
/// and one index can carry several kinds, each of which becomes a block.
#[derive(Debug, Default)]
pub struct Assembly {
    blocks: Vec<Block>,
    /// The block that takes the next delta of a kind at an index.
    open: SortedMap<(u32, Kind), usize>,
    /// Where a block has ended last, and none has begun since. A delta may still come late.
    ended: Option<u32>,
    /// Where the last text delta went: text mostly continues.
    last_text: Option<(u32, usize)>,
    use_ids: UseIds,
    text: String,
    /// Of what the blocks hold, as far as it grows with what is sent.
    bytes: usize,
    stop: Option<Stop>,
    usage: Option<Usage>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Text,
    ToolUse,
    Reasoning,
    Other(String),
}

/// What of an event is shown as it arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Live {
    /// A piece of the answer.
    Text(String),
    /// A piece of the reasoning.
    Reasoning(String),
    /// A piece of the input of a tool use.
    ToolInput {
        /// Of the call that comes of it.
        id: String,
        /// Of the tool.
        name: String,
        /// JSON text.
        delta: String,
    },
}

/// Far above what a model writes in one turn; bounds what a broken stream can make of us.
const MAX_BLOCKS: usize = 10_000;

impl Assembly {
    /// Nothing has arrived yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a delta of text; costs the delta's length.
    ///
    /// # Errors
    /// `Malformed` where the turn has absurdly many blocks.
    pub fn text(&mut self, index: u32, delta: &str) -> Result<(), ModelFault> {
        if delta.is_empty() {
            return Ok(());
        }
        let at = match self.last_text {
            Some((last, at)) if last == index => at,
            _ => {
                self.slot(index, Kind::Text, || Piece::Text { text: String::new(), citations: Vec::new() })?
            }
        };
        self.last_text = Some((index, at));
        if let Some(Piece::Text { text, .. }) = self.piece(at) {
            text.push_str(delta);
        }
        self.text.push_str(delta);
        self.bytes += delta.len();
        Ok(())
    }

    /// Takes any event of the stream; `ids` are those of the history. Where it failed, the attempt may still be
    /// [`complete`](Self::complete).
    ///
    /// # Errors
    /// What an in-stream exception means; `Malformed` where the event is none, saying what is wrong with it.
    pub fn event(&mut self, event: &Value, ids: &dyn ToolUseIds) -> Result<Option<Live>, ModelFault> {
        let members = event.as_object().ok_or_else(|| malformed("a stream event is not an object"))?;
        for (name, member) in members.iter().filter(|(_, member)| !member.is_null()) {
            return match name.as_str() {
                "messageStart" | "$unknown" => Ok(None),
                "contentBlockStop" => {
                    self.ended = index_of(member).ok();
                    Ok(None)
                }
                "contentBlockStart" => self.start(member, ids),
                "contentBlockDelta" => self.delta(member),
                "messageStop" => {
                    let reason = member.get("stopReason").and_then(Value::as_str).unwrap_or_default();
                    self.stop.get_or_insert_with(|| Stop::from(reason));
                    Ok(None)
                }
                "metadata" => {
                    self.usage = Usage::from_metadata(member).or(self.usage);
                    Ok(None)
                }
                name if is_exception(name) => Err(exception(name, member)),
                _ => continue,
            };
        }
        let names: Vec<&str> = members.keys().take(5).map(String::as_str).collect();
        Err(malformed(format!("a stream event has no known member, only [{}]", names.join(", "))))
    }

    /// Whether `messageStop` has arrived: without it the turn was cut off, however the stream ended.
    pub fn complete(&self) -> bool {
        self.stop.is_some()
    }

    /// What the attempt cost, where `metadata` has arrived.
    pub fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// How many bytes the turn has so far, at least, where it is stored.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// All text of the turn in order of arrival.
    pub fn text_so_far(&self) -> &str {
        &self.text
    }

    /// The assembled turn.
    ///
    /// # Errors
    /// `Cut` without `messageStop`; `Empty` without content, blank text and mere reasoning being none;
    /// `Malformed` where the model says that its output is; `Overflow` where the context ended before any content.
    pub fn finish(mut self, ids: &dyn ToolUseIds) -> Result<Turn, ModelFault> {
        let Some(stop) = self.stop else {
            return Err(ModelFault::new(FaultKind::Cut, "the stream ended before messageStop"));
        };
        for block in &mut self.blocks {
            match &mut block.piece {
                Piece::ToolUse { id, .. } if id.is_empty() => *id = self.use_ids.next("", ids),
                _ => {}
            }
        }
        turn::assemble(self.blocks, stop, self.text, self.usage)
    }

    fn start(&mut self, event: &Value, ids: &dyn ToolUseIds) -> Result<Option<Live>, ModelFault> {
        let index = index_of(event)?;
        match union_member(event, "start") {
            Some(("toolUse", value)) => self.start_use(index, value, ids).map(|()| None),
            Some((kind, value)) => self.part(index, kind, value),
            None => Ok(None),
        }
    }

    fn start_use(&mut self, index: u32, value: &Value, ids: &dyn ToolUseIds) -> Result<(), ModelFault> {
        let member = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (given, name, server) = (member("toolUseId"), member("name"), is_server_use(value));
        let whole = match value.get("input") {
            // An empty one says that the input is to follow, and where nothing does, whether it was cut decides.
            Some(input @ Value::Object(members)) if !members.is_empty() => json::text(input),
            _ => member("input"),
        };
        self.bytes += given.len() + name.len() + whole.len();
        let at = self.slot(index, Kind::ToolUse, Piece::nameless_use)?;
        // Without an id, what begins where a use has ended is another use.
        let another = given.is_empty() && self.ended == Some(index);
        match self.blocks.get_mut(at).map(|block| &mut block.piece) {
            // Announced twice.
            Some(Piece::ToolUse { given: known, name: called, .. })
                if *known == given && *called == name && !another => {}
            // The start was late, its deltas are here already.
            Some(Piece::ToolUse {
                given: known, id, name: called, whole: input, server: by_server, ..
            }) if known.is_empty() && called.is_empty() => {
                *id = self.use_ids.next(&given, ids);
                (*known, *called, *input, *by_server) = (given, name, whole, server);
            }
            _ => {
                let id = self.use_ids.next(&given, ids);
                let piece = Piece::ToolUse { given, id, name, input: String::new(), whole, server };
                self.push(index, Kind::ToolUse, piece)?;
            }
        }
        Ok(())
    }

    fn delta(&mut self, event: &Value) -> Result<Option<Live>, ModelFault> {
        let index = index_of(event)?;
        match union_member(event, "delta") {
            Some((kind, value)) => self.part(index, kind, value),
            None => Ok(None),
        }
    }

    fn part(&mut self, index: u32, kind: &str, value: &Value) -> Result<Option<Live>, ModelFault> {
        match kind {
            "text" => {
                let delta = value.as_str().ok_or_else(|| malformed("a delta's text is not a string"))?;
                self.text(index, delta)?;
                Ok(Some(Live::Text(delta.to_owned())).filter(|_| !delta.is_empty()))
            }
            "toolUse" => {
                let input = value.get("input").filter(|input| !input.is_null());
                let fragment = match input {
                    Some(input) => {
                        input.as_str().ok_or_else(|| malformed("a delta's tool input is not a string"))?
                    }
                    None => "",
                };
                let at = self.slot(index, Kind::ToolUse, Piece::nameless_use)?;
                Ok(self.tool_input(at, fragment))
            }
            "reasoningContent" => self.reasoning(index, value),
            // A mark of requests: the model has nothing to cache.
            "cachePoint" => Ok(None),
            "citation" => {
                refuse_depth(value)?;
                let text = || Piece::Text { text: String::new(), citations: Vec::new() };
                let at = self.slot(index, Kind::Text, text)?;
                self.bytes += json::text(value).len();
                if let Some(Piece::Text { citations, .. }) = self.piece(at) {
                    citations.push(value.clone());
                }
                Ok(None)
            }
            _ => self.other(index, kind, value).map(|()| None),
        }
    }

    fn tool_input(&mut self, at: usize, fragment: &str) -> Option<Live> {
        self.bytes += fragment.len();
        let Some(Piece::ToolUse { id, name, input, server, .. }) = self.piece(at) else { return None };
        input.push_str(fragment);
        // Of a use that nobody has named yet there is nothing to show.
        let shown = !*server && !name.is_empty() && !fragment.is_empty();
        shown.then(|| Live::ToolInput { id: id.clone(), name: name.clone(), delta: fragment.to_owned() })
    }

    fn reasoning(&mut self, index: u32, delta: &Value) -> Result<Option<Live>, ModelFault> {
        if let Some(data) = delta.get("redactedContent").filter(|data| !data.is_null()) {
            return self.redacted(index, delta, data).map(|()| None);
        }
        let part = |name: &str| delta.get(name).and_then(Value::as_str);
        let (more, seal) = (part("text"), part("signature"));
        if delta.as_object().is_some_and(|members| members.values().all(Value::is_null)) {
            return Ok(None);
        }
        if more.is_none() && seal.is_none() {
            return match delta.get("$unknown") {
                Some(_) => self.other(index, "reasoningContent", delta).map(|()| None),
                None => {
                    Err(malformed("a delta's reasoning has neither text nor signature nor redactedContent"))
                }
            };
        }
        let new = || Piece::Reasoning { text: String::new(), signature: None };
        let mut at = self.slot(index, Kind::Reasoning, new)?;
        let is_signed = matches!(self.piece(at), Some(Piece::Reasoning { signature: Some(_), .. }));
        // What is thought where a thought has ended, and was signed, is another one.
        if is_signed && more.is_some_and(|more| !more.is_empty()) && self.ended == Some(index) {
            at = self.push(index, Kind::Reasoning, new())?;
        }
        self.bytes += more.map_or(0, str::len) + seal.map_or(0, str::len);
        if let Some(Piece::Reasoning { text, signature }) = self.piece(at) {
            text.push_str(more.unwrap_or_default());
            if let Some(seal) = seal {
                signature.get_or_insert_default().push_str(seal);
            }
        }
        Ok(more.filter(|more| !more.is_empty()).map(|more| Live::Reasoning(more.to_owned())))
    }

    /// A block has its bytes in any number of deltas.
    fn redacted(&mut self, index: u32, delta: &Value, data: &Value) -> Result<(), ModelFault> {
        let more = match data.get("$bytes").and_then(Value::as_str) {
            Some("") => return Ok(()),
            Some(bytes) if base64::is_base64(bytes) => bytes,
            _ => return self.other(index, "reasoningContent", delta),
        };
        let kind = Kind::Other("redactedContent".to_owned());
        let at = self.slot(index, kind, || Piece::Redacted(String::new()))?;
        self.bytes += more.len();
        if let Some(Piece::Redacted(data)) = self.piece(at) {
            base64::append(data, more);
        }
        Ok(())
    }

    /// Images, results of the model's own tools and kinds that nobody knows yet. What cannot be joined without
    /// losing something becomes a block of its own.
    fn other(&mut self, index: u32, kind: &str, value: &Value) -> Result<(), ModelFault> {
        refuse_depth(value)?;
        self.bytes += json::text(value).len();
        // Results come as lists of their content.
        let value = match value {
            Value::Array(_) if kind == "toolResult" => json!({ "content": value }),
            _ => value.clone(),
        };
        let key = Kind::Other(kind.to_owned());
        let open = self.open.get(&(index, key.clone())).copied();
        match open.and_then(|at| self.piece(at)) {
            Some(Piece::Other { value: known, .. }) if can_join(known, &value) => join(known, value),
            _ => self.push(index, key, Piece::Other { kind: kind.to_owned(), value }).map(|_| ())?,
        }
        Ok(())
    }

    fn slot(&mut self, index: u32, kind: Kind, new: impl FnOnce() -> Piece) -> Result<usize, ModelFault> {
        match self.open.get(&(index, kind.clone())) {
            Some(at) => Ok(*at),
            None => self.push(index, kind, new()),
        }
    }

    fn push(&mut self, index: u32, kind: Kind, piece: Piece) -> Result<usize, ModelFault> {
        if self.blocks.len() >= MAX_BLOCKS {
            return Err(malformed(format!("a turn has more than {MAX_BLOCKS} content blocks")));
        }
        self.blocks.push(Block { index, piece });
        self.ended = None;
        self.open.insert((index, kind), self.blocks.len() - 1);
        Ok(self.blocks.len() - 1)
    }

    fn piece(&mut self, at: usize) -> Option<&mut Piece> {
        self.blocks.get_mut(at).map(|block| &mut block.piece)
    }
}

fn malformed(message: impl Into<String>) -> ModelFault {
    ModelFault::new(FaultKind::Malformed, message)
}

fn refuse_depth(value: &Value) -> Result<(), ModelFault> {
    if is_too_deep(value) { Err(malformed("a content block nests too deep")) } else { Ok(()) }
}

fn index_of(event: &Value) -> Result<u32, ModelFault> {
    let index = event.get("contentBlockIndex").and_then(Value::as_f64);
    let whole = index.filter(|index| index.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(index));
    whole.map(|index| index as u32).ok_or_else(|| malformed("a stream event has no usable contentBlockIndex"))
}

/// The member of a union that is set.
fn union_member<'a>(event: &'a Value, union: &str) -> Option<(&'a str, &'a Value)> {
    let members = event.get(union)?.as_object()?;
    members.iter().find(|(_, value)| !value.is_null()).map(|(kind, value)| (kind.as_str(), value))
}

fn is_server_use(start: &Value) -> bool {
    start.get("type").is_some_and(|kind| kind == SERVER_TOOL_USE)
}

fn is_exception(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    lower.ends_with("exception") || lower.ends_with("error")
}

fn exception(name: &str, member: &Value) -> ModelFault {
    let text = |name: &str| member.get(name).and_then(Value::as_str);
    let message = text("message").or_else(|| text("originalMessage")).or(member.as_str()).unwrap_or(name);
    let status = member.get("originalStatusCode").and_then(Value::as_u64);
    classify(&Failure {
        name: Some(name.to_owned()),
        status: status.and_then(|status| u16::try_from(status).ok()),
        message: message.to_owned(),
        retry_after_ms: None,
        cause: None,
    })
}

fn can_join(known: &Value, more: &Value) -> bool {
    match (known, more) {
        (Value::String(_), Value::String(_)) => true,
        (Value::Object(known), Value::Object(more)) => more
            .iter()
            .all(|(key, value)| known.get(key).is_none_or(|old| old.is_array() && value.is_array())),
        _ => false,
    }
}

fn join(known: &mut Value, more: Value) {
    match (known, more) {
        (Value::String(known), Value::String(more)) => known.push_str(&more),
        (Value::Object(known), Value::Object(more)) => join_members(known, more),
        _ => {}
    }
}

fn join_members(known: &mut Map<String, Value>, more: Map<String, Value>) {
    for (key, value) in more {
        match (known.get_mut(&key), value) {
            (Some(Value::Array(items)), Value::Array(more)) => items.extend(more),
            (_, value) => {
                known.insert(key, value);
            }
        }
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod properties;
#[cfg(test)]
mod tests;
