//! Requests as operations on what the client side already holds, and the parts they are made of.

use super::blocks::is_blank;
use crate::json::{self, Encode, Members, bridge, json, record, words};
use crate::sorted::SortedSet;
use serde_json::Value;

/// A change of the request that the client side keeps. Indexes count messages as they are before the operation.
#[derive(Clone, Debug, PartialEq)]
pub enum RequestOp {
    /// The system prompt; `None` sends no system block.
    System(Option<String>),
    /// The model's id; `None` leaves it to the model client.
    Model(Option<String>),
    /// The `toolConfig`; `None` sends none.
    Tools(Option<Value>),
    /// Appends a message.
    Push(Value),
    /// Replaces the message at an index.
    Replace(usize, Value),
    /// Leaves out the messages before an index. Where the message at the index is an assistant's, the marker (a
    /// user message) stands in front of it; where it is a user's, the marker's content goes in front of its
    /// content. Roles alternate afterwards either way.
    DropBefore(usize, Value),
    /// Removes all messages; system prompt, model and tools stay.
    Clear,
    /// The assistant's messages that are pushed from now on are this model's; `None` where nobody knows.
    Author(Option<String>),
    /// Blocks of a kind are left out of what this model gets.
    Withhold {
        /// `None` where nobody knows which it is.
        model: Option<String>,
        /// `image`, `document` or `video`.
        block: String,
    },
}

/// As the boundary sees it: `{"op": "push", "message": …}`, `{"op": "replace", "index": …, "message": …}`,
/// `{"op": "dropBefore", "index": …, "marker": …}`, `{"op": "system", "text": …}`, `{"op": "model", "id": …}`,
/// `{"op": "tools", "toolConfig": …}`, `{"op": "clear"}`, `{"op": "author", "model": …}`,
/// `{"op": "withhold", "model": …, "block": …}`; what is `None` has no member.
impl Encode for RequestOp {
    fn encode(&self) -> Value {
        let mut members = Members::default();
        let (op, name, operand) = match self {
            RequestOp::System(text) => ("system", "text", text.as_ref().map(Encode::encode)),
            RequestOp::Model(id) => ("model", "id", id.as_ref().map(Encode::encode)),
            RequestOp::Tools(tool_config) => ("tools", "toolConfig", tool_config.clone()),
            RequestOp::Push(message) => ("push", "message", Some(message.clone())),
            RequestOp::Replace(_, message) => ("replace", "message", Some(message.clone())),
            RequestOp::DropBefore(_, marker) => ("dropBefore", "marker", Some(marker.clone())),
            RequestOp::Clear => ("clear", "", None),
            RequestOp::Author(model) => ("author", "model", model.as_ref().map(Encode::encode)),
            RequestOp::Withhold { model, .. } => ("withhold", "model", model.as_ref().map(Encode::encode)),
        };
        members.insert("op", op.into());
        if let RequestOp::Replace(index, _) | RequestOp::DropBefore(index, _) = self {
            members.always("index", index);
        }
        if let Some(operand) = operand {
            members.insert(name, operand);
        }
        if let RequestOp::Withhold { block, .. } = self {
            members.always("block", block);
        }
        members.into_value()
    }
}

bridge!(write RequestOp);

/// How a call went, in the API's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResultStatus {
    /// It returned.
    Success,
    /// It failed, was rejected, or its outcome is unknown.
    Error,
}

words!(ResultStatus { Success "success", Error "error" });

/// Stands where a tool returned nothing: the API takes no empty result.
pub const NO_OUTPUT: &str = "(no output)";

/// A block of text. Blank texts are rejected by the API; [`super::Transcript`] leaves them out.
pub fn text(text: &str) -> Value {
    json!({ "text": text })
}

/// A tool's result as a content block.
pub fn tool_result(id: &str, status: ResultStatus, content: Vec<Value>) -> Value {
    let content = if content.is_empty() { vec![text(NO_OUTPUT)] } else { content };
    json!({ "toolResult": { "toolUseId": id, "content": content, "status": status } })
}

/// The blocks of what `content(…)` made in JavaScript: an object whose only member is a list of them.
fn blocks_of(value: &Value) -> Option<&Vec<Value>> {
    const KINDS: [&str; 6] = ["text", "json", "image", "document", "video", "searchResult"];
    let members = value.as_object().filter(|members| members.len() == 1)?;
    let blocks = members.get("$content")?.as_array().filter(|blocks| !blocks.is_empty())?;
    let is_block = |block: &Value| {
        block.as_object().is_some_and(|b| b.len() == 1 && b.keys().all(|kind| KINDS.contains(&kind.as_str())))
    };
    let says = |block: &Value| match (block.get("text"), block.get("json")) {
        (Some(text), _) => text.as_str().is_some_and(|text| !is_blank(text)),
        (None, Some(json)) => json.is_object(),
        (None, None) => true,
    };
    blocks.iter().all(|block| is_block(block) && says(block)).then_some(blocks)
}

/// What a tool returned, as the model gets it: `content(…)` as its blocks, plain objects as `json`, strings as `text`,
/// everything else as JSON text, nothing or blank as the text `(no output)`.
pub fn result_content(value: &Value) -> Vec<Value> {
    if let Some(blocks) = blocks_of(value) {
        return blocks.clone();
    }
    vec![match value {
        Value::Object(_) => json!({ "json": value }),
        Value::Null => text(NO_OUTPUT),
        Value::String(words) if is_blank(words) => text(NO_OUTPUT),
        Value::String(words) => text(words),
        other => text(&json::text(other)),
    }]
}

/// A tool as the model is told about it.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolSpec {
    /// A valid tool name; checked at configuration.
    pub name: String,
    /// What it does; may be blank.
    pub description: String,
    /// JSON Schema of its input; anything but an object counts as "any object".
    pub input_schema: Value,
}

record!(ToolSpec { name: always "name", description: or_default "description", input_schema: or_default "inputSchema" });

/// The request's `toolConfig`. The API rejects tool blocks without one, so names that only the history has
/// get a specification too where no tool is configured. `None` where there is neither.
pub fn tool_config<'a>(
    specs: &[ToolSpec],
    names_in_history: impl IntoIterator<Item = &'a str>,
) -> Option<Value> {
    let tools: Vec<Value> = if specs.is_empty() {
        let names = SortedSet::of(names_in_history.into_iter().collect());
        names.into_iter().map(|name| spec(name, GONE, &Value::Null)).collect()
    } else {
        specs.iter().map(|tool| spec(&tool.name, &tool.description, &tool.input_schema)).collect()
    };
    (!tools.is_empty()).then(|| json!({ "tools": tools }))
}

const GONE: &str = "No longer available. Do not call it.";

fn spec(name: &str, description: &str, schema: &Value) -> Value {
    let any_object = || json!({ "type": "object" });
    let schema = if schema.is_object() { schema.clone() } else { any_object() };
    if is_blank(description) {
        json!({ "toolSpec": { "name": name, "inputSchema": { "json": schema } } })
    } else {
        json!({ "toolSpec": { "name": name, "description": description, "inputSchema": { "json": schema } } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_file() -> ToolSpec {
        ToolSpec {
            name: "read_file".to_owned(),
            description: "Reads a file.".to_owned(),
            input_schema: json!({ "type": "object", "properties": { "path": { "type": "string" } } }),
        }
    }

    #[test]
    fn objects_go_to_the_model_as_json_and_strings_as_text() {
        assert_eq!(result_content(&json!({ "a": 1 })), [json!({ "json": { "a": 1 } })]);
        assert_eq!(result_content(&json!({})), [json!({ "json": {} })]);
        assert_eq!(result_content(&json!(" two words ")), [json!({ "text": " two words " })]);
    }

    #[test]
    fn everything_else_goes_as_json_text() {
        assert_eq!(result_content(&json!([1, "a"])), [json!({ "text": r#"[1,"a"]"# })]);
        assert_eq!(result_content(&json!(1.5)), [json!({ "text": "1.5" })]);
        assert_eq!(result_content(&json!(false)), [json!({ "text": "false" })]);
    }

    #[test]
    fn nothing_and_blank_are_no_output() {
        for nothing in [json!(null), json!(""), json!(" \n\t")] {
            assert_eq!(result_content(&nothing), [json!({ "text": "(no output)" })]);
        }
    }

    #[test]
    fn blocks_that_content_made_go_to_the_model_as_they_are_and_what_only_looks_like_it_as_json() {
        let image = json!({ "image": { "format": "png" } });
        let made = json!({ "$content": [{ "text": "a" }, { "json": {} }, image] });
        assert_eq!(result_content(&made), made["$content"].as_array().unwrap().clone());
        for other in [
            json!({ "$content": [{ "text": "a", "json": {} }] }),
            json!({ "$content": [{ "sound": {} }] }),
            json!({ "$content": [{}] }),
            json!({ "$content": [{ "text": " " }] }),
            json!({ "$content": [{ "text": 1 }] }),
            json!({ "$content": [{ "json": [] }] }),
            json!({ "$content": [] }),
            json!({ "$content": "a" }),
            json!({ "$content": [{ "text": "a" }], "more": 1 }),
        ] {
            assert_eq!(result_content(&other), [json!({ "json": other })]);
        }
    }

    #[test]
    fn a_result_is_never_empty() {
        assert_eq!(
            tool_result("a", ResultStatus::Error, vec![]),
            json!({ "toolResult": { "toolUseId": "a", "content": [{ "text": "(no output)" }], "status": "error" } })
        );
        let block = tool_result("a", ResultStatus::Success, vec![text("x")]);
        assert_eq!(block["toolResult"]["status"], "success");
    }

    #[test]
    fn configured_tools_are_told_with_description_and_schema() {
        let config = tool_config(&[read_file()], ["other"]).unwrap();
        assert_eq!(
            config,
            json!({ "tools": [{ "toolSpec": {
                "name": "read_file",
                "description": "Reads a file.",
                "inputSchema": { "json": { "type": "object", "properties": { "path": { "type": "string" } } } }
            } }] })
        );
    }

    #[test]
    fn a_blank_description_is_left_out_and_what_is_no_schema_takes_any_object() {
        let bare = ToolSpec { description: " ".to_owned(), input_schema: Value::Null, ..read_file() };
        let config = tool_config(&[bare], []).unwrap();
        assert_eq!(
            config["tools"][0]["toolSpec"],
            json!({ "name": "read_file", "inputSchema": { "json": { "type": "object" } } })
        );
        for input_schema in [json!(true), json!("object"), json!([{ "type": "object" }])] {
            let config = tool_config(&[ToolSpec { input_schema, ..read_file() }], []).unwrap();
            assert_eq!(config["tools"][0]["toolSpec"]["inputSchema"]["json"], json!({ "type": "object" }));
        }
    }

    #[test]
    fn tool_blocks_in_the_history_get_a_config_though_no_tool_is_configured() {
        let config = tool_config(&[], ["b", "a", "b"]).unwrap();
        let names: Vec<_> =
            config["tools"].as_array().unwrap().iter().map(|t| &t["toolSpec"]["name"]).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(tool_config(&[], []), None);
    }

    #[test]
    fn operations_cross_the_boundary_by_name() {
        for (op, wire) in [
            (RequestOp::System(Some("s".to_owned())), json!({ "op": "system", "text": "s" })),
            (RequestOp::System(None), json!({ "op": "system" })),
            (RequestOp::Model(Some("m".to_owned())), json!({ "op": "model", "id": "m" })),
            (
                RequestOp::Tools(Some(json!({ "tools": [] }))),
                json!({ "op": "tools", "toolConfig": { "tools": [] } }),
            ),
            (RequestOp::Push(json!(1)), json!({ "op": "push", "message": 1 })),
            (RequestOp::Replace(2, json!(1)), json!({ "op": "replace", "index": 2, "message": 1 })),
            (RequestOp::DropBefore(3, json!(1)), json!({ "op": "dropBefore", "index": 3, "marker": 1 })),
            (RequestOp::Clear, json!({ "op": "clear" })),
        ] {
            assert_eq!(serde_json::to_value(op).unwrap(), wire);
        }
    }
}
