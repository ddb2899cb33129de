//! The rules within one message.

use super::{Rule, Summary, is_blank, is_valid_id, is_valid_name};
use crate::converse::blocks::{is_reasoning, use_id};
use crate::json::quoted;
use serde_json::Value;

type Broken = (Rule, String);

/// Checks a message by itself.
pub(super) fn inspect(message: &Value) -> Result<Summary, Broken> {
    let assistant = match message.get("role").and_then(Value::as_str) {
        Some("assistant") => true,
        Some("user") => false,
        _ => return broken(Rule::Shape, "the role is neither user nor assistant"),
    };
    let content = match message.get("content").and_then(Value::as_array) {
        Some(content) if !content.is_empty() => content,
        _ => return broken(Rule::ContentEmpty, "the message has no content"),
    };
    let mut summary = Summary { assistant, ..Summary::default() };
    let mut after_reasoning = false;
    for block in content {
        if after_reasoning && block.get("cachePoint").is_some() {
            return broken(Rule::CachePointAfterReasoning, "a cachePoint follows reasoning");
        }
        after_reasoning = is_reasoning(block);
        inspect_block(block, &mut summary)?;
    }
    let last = content.last().and_then(|block| block.get("text")).and_then(Value::as_str);
    if assistant && last.is_some_and(|text| text.ends_with(char::is_whitespace)) {
        return broken(Rule::TrailingSpace, "the assistant's text ends in white space");
    }
    Ok(summary)
}

fn inspect_block(block: &Value, summary: &mut Summary) -> Result<(), Broken> {
    let Some((kind, value)) =
        block.as_object().filter(|block| block.len() == 1).and_then(|b| b.iter().next())
    else {
        return broken(Rule::Shape, "a content block has exactly one member");
    };
    match kind.as_str() {
        "text" => text(value),
        "toolUse" => tool_use(block, value, summary),
        "toolResult" => tool_result(value, summary),
        "reasoningContent" => reasoning(value, summary.assistant),
        "cachePoint" => {
            summary.cache_points += 1;
            Ok(())
        }
        _ => Ok(()),
    }
}

fn text(value: &Value) -> Result<(), Broken> {
    match value.as_str() {
        Some(text) if !is_blank(text) => Ok(()),
        Some(_) => broken(Rule::TextBlank, "a text block is blank"),
        None => broken(Rule::Shape, "a text is no string"),
    }
}

fn tool_use(block: &Value, value: &Value, summary: &mut Summary) -> Result<(), Broken> {
    if !summary.assistant {
        return broken(Rule::Shape, "a tool use in a user message");
    }
    let id = id_of(value)?;
    let name = value.get("name").and_then(Value::as_str).unwrap_or_default();
    if !is_valid_name(name) {
        return broken(Rule::ToolName, format!("the tool name {}", quoted(name)));
    }
    if !value.get("input").is_some_and(Value::is_object) {
        return broken(Rule::NotAnObject, format!("the input of {id} is no object"));
    }
    if summary.ids.contains(&id) {
        return broken(Rule::IdUnique, format!("the id {id} occurs twice"));
    }
    if use_id(block).is_some() {
        summary.uses.insert(id.clone());
    }
    summary.ids.push(id);
    summary.tool_blocks += 1;
    Ok(())
}

fn tool_result(value: &Value, summary: &mut Summary) -> Result<(), Broken> {
    let id = id_of(value)?;
    summary.tool_blocks += 1;
    let content = value.get("content").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    for item in content {
        if let Some(value) = item.get("text") {
            text(value)?;
        }
        if item.get("json").is_some_and(|json| !json.is_object()) {
            return broken(Rule::NotAnObject, format!("the json of the result {id} is no object"));
        }
    }
    if content.is_empty() && value.get("status").is_some_and(|status| status == "error") {
        return broken(Rule::ErrorResultEmpty, format!("the error result {id} is empty"));
    }
    // An assistant message holds only results of the model's own tools.
    if !summary.assistant && !summary.results.insert(id.clone()) {
        return broken(Rule::ResultWithoutUse, format!("two results for {id}"));
    }
    Ok(())
}

fn reasoning(value: &Value, assistant: bool) -> Result<(), Broken> {
    if !assistant {
        return broken(Rule::Shape, "reasoning in a user message");
    }
    let text = value.get("reasoningText").and_then(|reasoning| reasoning.get("text"));
    let known = text.is_some_and(Value::is_string)
        || value.get("redactedContent").is_some()
        || value.get("$unknown").is_some();
    if known { Ok(()) } else { broken(Rule::Shape, "reasoning without reasoningText or redactedContent") }
}

fn id_of(value: &Value) -> Result<String, Broken> {
    let id = value.get("toolUseId").and_then(Value::as_str).unwrap_or_default();
    if is_valid_id(id) {
        Ok(id.to_owned())
    } else {
        broken(Rule::ToolUseId, format!("the toolUseId {}", quoted(id)))
    }
}

fn broken<T>(rule: Rule, what: impl Into<String>) -> Result<T, Broken> {
    Err((rule, what.into()))
}
