//! A finished turn: the message that goes back to the model, and the calls it asks for.

use super::blocks::{
    SERVER_TOOL_USE, excerpt, is_blank, is_reasoning, is_too_deep, is_valid_name, use_id, valid_name,
};
use super::classify::{FaultKind, ModelFault};
use super::request::{NO_OUTPUT, text as text_block};
use super::usage::Usage;
use crate::json::{self, Decode, Encode, Reader, bridge, json, quoted, record};
use crate::sorted::in_order;
use serde_json::Value;

mod stored;

/// Why the model stopped. Stored as the API's own words.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Stop {
    /// It had nothing more to say.
    EndTurn,
    /// It waits for results.
    ToolUse,
    /// It reached the output limit of the request.
    MaxTokens,
    /// It wrote a stop sequence.
    StopSequence,
    /// A guardrail intervened.
    Guardrail,
    /// The content filter intervened.
    ContentFiltered,
    /// It reached the end of its context.
    ContextWindow,
    /// Anything else.
    Other(String),
}

impl Stop {
    /// The API's word.
    pub fn as_str(&self) -> &str {
        match self {
            Stop::EndTurn => "end_turn",
            Stop::ToolUse => "tool_use",
            Stop::MaxTokens => "max_tokens",
            Stop::StopSequence => "stop_sequence",
            Stop::Guardrail => "guardrail_intervened",
            Stop::ContentFiltered => "content_filtered",
            Stop::ContextWindow => "model_context_window_exceeded",
            Stop::Other(word) => word,
        }
    }

    /// Whether what the model was writing was withheld, its tool uses with it.
    pub fn withheld(&self) -> bool {
        matches!(self, Stop::Guardrail | Stop::ContentFiltered)
    }

    /// Whether the model was stopped in the middle of what it was writing.
    fn cut_short(&self) -> bool {
        matches!(self, Stop::MaxTokens | Stop::ContextWindow)
    }
}

impl From<&str> for Stop {
    fn from(word: &str) -> Self {
        match word {
            // What follows Bedrock's own word are OpenAI's, here and below.
            "end_turn" | "stop" => Stop::EndTurn,
            "tool_use" | "tool_calls" | "function_call" => Stop::ToolUse,
            "max_tokens" | "length" => Stop::MaxTokens,
            "stop_sequence" => Stop::StopSequence,
            "guardrail_intervened" => Stop::Guardrail,
            // The second is Anthropic's word.
            "content_filtered" | "refusal" | "content_filter" => Stop::ContentFiltered,
            "model_context_window_exceeded" => Stop::ContextWindow,
            other => Stop::Other(other.to_owned()),
        }
    }
}

impl Decode for Stop {
    fn decode(value: Option<Value>, reader: &mut Reader) -> Self {
        Stop::from(String::decode(value, reader).as_str())
    }
}

impl Encode for Stop {
    fn encode(&self) -> Value {
        self.as_str().into()
    }
}

bridge!(read Stop);
bridge!(write Stop);

/// A call that the model asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolUse {
    /// Valid and unique in the history; what the model gets back.
    pub id: String,
    /// A valid tool name.
    pub name: String,
    /// Always an object.
    pub input: Value,
    /// Why the call must not be executed: the model gets this text as an error result.
    pub problem: Option<String>,
}

record!(ToolUse {
    id: always "id",
    name: always "name",
    input: always "input",
    problem: unless_default "problem",
});

/// A finished turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// Valid content of an assistant message, or none: then there is no message. Mere reasoning is none.
    pub content: Vec<Value>,
    /// Why it ended.
    pub stop: Stop,
    /// Exactly what the live deltas of text add up to.
    pub text: String,
    /// The calls in the order of `content`.
    pub uses: Vec<ToolUse>,
    /// What it cost; `None` where the model did not say.
    pub usage: Option<Usage>,
}

impl Turn {
    /// Whether its calls are those that its content asks for, in the same order.
    pub fn agrees_with_itself(&self) -> bool {
        let asked = self.content.iter().filter_map(use_id);
        asked.eq(self.uses.iter().map(|used| used.id.as_str()))
    }
}

/// A block as far as it has arrived.
#[derive(Debug)]
pub(super) struct Block {
    pub index: u32,
    pub piece: Piece,
}

#[derive(Debug)]
pub(super) enum Piece {
    Text {
        text: String,
        citations: Vec<Value>,
    },
    /// `given`: the id as the model gave it. `id`: the one that counts, empty until the use begins. `whole`: the input as
    /// the start has it, which counts where no piece of it follows.
    ToolUse {
        given: String,
        id: String,
        name: String,
        input: String,
        whole: String,
        server: bool,
    },
    Reasoning {
        text: String,
        signature: Option<String>,
    },
    /// Base64.
    Redacted(String),
    Other {
        kind: String,
        value: Value,
    },
}

impl Piece {
    /// It says nothing, and no block is made of it.
    fn is_blank_text(&self) -> bool {
        matches!(self, Piece::Text { text, .. } if is_blank(text))
    }

    pub(super) fn nameless_use() -> Piece {
        let empty = String::new;
        Piece::ToolUse {
            given: empty(),
            id: empty(),
            name: empty(),
            input: empty(),
            whole: empty(),
            server: false,
        }
    }
}

/// Makes the turn of its blocks; see [`super::Assembly::finish`].
pub(super) fn assemble(
    blocks: Vec<Block>,
    stop: Stop,
    text: String,
    usage: Option<Usage>,
) -> Result<Turn, ModelFault> {
    if stop.as_str().starts_with("malformed_") {
        return Err(ModelFault::new(
            FaultKind::Malformed,
            format!("the model stopped with {}", stop.as_str()),
        ));
    }
    let blocks = in_order(blocks, &|a, b| a.index.cmp(&b.index));
    let mut writer = Writer { server_ids: Vec::new(), stop: &stop, uses: Vec::new() };
    let last = blocks.iter().rposition(|block| !block.piece.is_blank_text());
    let mut content: Vec<Value> = blocks
        .into_iter()
        .enumerate()
        .filter_map(|(at, block)| writer.block(block.piece, last == Some(at)))
        .collect();
    let uses = writer.uses;
    if let Some(Value::String(last)) = content.last_mut().and_then(|block| block.get_mut("text")) {
        last.truncate(last.trim_end().len());
    }
    if content.iter().all(is_reasoning) {
        match stop {
            // Kept, so that the run ends with this reason; the API takes no message without content.
            _ if stop.withheld() => content.push(text_block(&format!("(withheld: {})", stop.as_str()))),
            Stop::ContextWindow => {
                return Err(ModelFault::new(
                    FaultKind::Overflow,
                    "the context ended before the model wrote anything",
                ));
            }
            // What it means that the model says nothing depends on what it was asked.
            _ => content.clear(),
        }
    }
    Ok(Turn { content, stop, text, uses, usage })
}

struct Writer<'a> {
    /// Of uses that the model's own servers answer: their ids in the stream and now.
    server_ids: Vec<(String, String)>,
    stop: &'a Stop,
    uses: Vec<ToolUse>,
}

impl Writer<'_> {
    fn block(&mut self, piece: Piece, last: bool) -> Option<Value> {
        match piece {
            text if text.is_blank_text() => None,
            Piece::Text { text, citations } if citations.is_empty() => Some(text_block(&text)),
            Piece::Text { text, citations } => Some(
                json!({ "citationsContent": { "content": [text_block(&text)], "citations": citations } }),
            ),
            Piece::Reasoning { text, signature: Some(signature) } if !signature.is_empty() => Some(
                json!({ "reasoningContent": { "reasoningText": { "text": text, "signature": signature } } }),
            ),
            Piece::Reasoning { text, .. } if text.is_empty() => None,
            // An empty signature is none: some models refuse the field.
            Piece::Reasoning { text, .. } => {
                Some(json!({ "reasoningContent": { "reasoningText": { "text": text } } }))
            }
            Piece::Redacted(bytes) => {
                Some(json!({ "reasoningContent": { "redactedContent": { "$bytes": bytes } } }))
            }
            Piece::ToolUse { .. } if self.stop.withheld() => None,
            Piece::ToolUse { given, id, name, input, whole, server } => {
                let input = if is_blank(&input) { whole } else { input };
                if server {
                    self.server_ids.push((given, id.clone()));
                }
                Some(self.tool_use(id, name, &input, server, last))
            }
            Piece::Other { kind, value } if kind == "toolResult" => self.server_result(value),
            Piece::Other { kind, value } => Some(json!({ kind: value })),
        }
    }

    fn tool_use(&mut self, id: String, name: String, input: &str, server: bool, last: bool) -> Value {
        let cut = last && self.stop.cut_short();
        let (input, mut problem) = match parse(input, cut) {
            Ok(input) => (input, None),
            Err(problem) => (json!({}), Some(problem)),
        };
        let valid = valid_name(&name);
        if !is_valid_name(&name) {
            problem =
                Some(format!("Not executed: {} is not a valid tool name.", quoted(excerpt(&name, 200))));
        }
        let mut block = json!({ "toolUseId": &id, "name": &valid, "input": &input });
        if server {
            block["type"] = json!(SERVER_TOOL_USE);
        } else {
            self.uses.push(ToolUse { id, name: valid, input, problem });
        }
        json!({ "toolUse": block })
    }

    /// A result of the model's own tool goes with its use, under the id that the use has now, or not at all.
    fn server_result(&self, mut result: Value) -> Option<Value> {
        let old = result.get("toolUseId")?.as_str()?;
        let (_, id) = self.server_ids.iter().rev().find(|(known, _)| known == old)?;
        let says = |item: &Value| match (item.get("text"), item.get("json")) {
            (Some(text), _) => text.as_str().is_some_and(|text| !is_blank(text)),
            (None, Some(json)) => json.is_object(),
            (None, None) => item.is_object(),
        };
        let content = result.get_mut("content").and_then(Value::as_array_mut).map(std::mem::take);
        let mut content: Vec<Value> = content.into_iter().flatten().filter(says).collect();
        if content.is_empty() {
            content.push(text_block(NO_OUTPUT));
        }
        let members = result.as_object_mut()?;
        members.insert("toolUseId".to_owned(), json!(id));
        members.insert("content".to_owned(), Value::Array(content));
        Some(json!({ "toolResult": result }))
    }
}

/// The input of a call, or why it cannot be executed. The parser stops at 128 levels.
fn parse(input: &str, cut: bool) -> Result<Value, String> {
    if is_blank(input) {
        return if cut { Err(CUT.to_owned()) } else { Ok(json!({})) };
    }
    match json::parse(input) {
        Ok(Value::Null) => Ok(json!({})),
        Ok(input) if is_too_deep(&input) => Err("Not executed: the input nests too deep.".to_owned()),
        Ok(input) if input.is_object() => Ok(input),
        // Written as JSON once too often, as some models do.
        Ok(Value::String(inner)) if !inner.trim_start().starts_with('"') => {
            parse(&inner, cut).map_err(|_| "Not executed: the input is not a JSON object.".to_owned())
        }
        Ok(_) => Err("Not executed: the input is not a JSON object.".to_owned()),
        Err(error) if error.is_cut && cut => Err(CUT.to_owned()),
        Err(error) => Err(format!("Not executed: the input is not valid JSON ({error}).")),
    }
}

const CUT: &str = "Not executed: the output limit cut the input off. Ask for less at once, in several calls.";

#[cfg(test)]
mod tests;
