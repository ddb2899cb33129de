//! Blocks of old histories in ConverseStream shape.

use crate::converse::base64::is_base64;
use crate::converse::blocks::{is_blank, is_too_deep, is_valid_name, text_of, valid_name};
use crate::converse::request::{ResultStatus, result_content, text};
use crate::json::{self, json};
use serde_json::{Map, Value};

/// What a block of an old message became. Uses and results still have their old ids.
pub(super) enum Part {
    Block(Value),
    Use { id: String, name: String, input: Value },
    Result { id: String, status: ResultStatus, content: Vec<Value> },
}

/// Counts what it could not keep.
#[derive(Default)]
pub(super) struct Converter {
    pub left_out: u32,
    pub repaired: u32,
    documents: u32,
}

impl Converter {
    /// Whether a message is the assistant's; `None`, and counted, where it is nobody's.
    pub fn role_of(&mut self, element: &Value) -> Option<bool> {
        let role = match element.get("role").and_then(Value::as_str) {
            Some("assistant") => Some(true),
            Some("user") => Some(false),
            _ => None,
        };
        self.left_out += u32::from(role.is_none());
        role
    }

    /// The parts of a message's content. Blank texts and cache points go as repairs, the rest is counted.
    pub fn parts(&mut self, element: &Value, assistant: bool) -> Vec<Part> {
        match element.get("content") {
            Some(Value::String(words)) => self.text(words).map(Part::Block).into_iter().collect(),
            Some(Value::Array(blocks)) => {
                blocks.iter().filter_map(|block| self.part(block, assistant)).collect()
            }
            Some(block @ Value::Object(_)) => self.part(block, assistant).into_iter().collect(),
            _ => self.leave_out().into_iter().collect(),
        }
    }

    fn part(&mut self, block: &Value, assistant: bool) -> Option<Part> {
        if is_too_deep(block) {
            return self.leave_out();
        }
        let text_at =
            |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        if let Some(call) = block.get("toolUse").filter(|_| assistant) {
            if call.get("type").is_some_and(|kind| kind != "tool_use") {
                return self.leave_out();
            }
            let (id, name) = (text_at(call, "toolUseId"), text_at(call, "name"));
            return Some(self.tool_use(id, &name, call.get("input")));
        }
        if let Some(result) = block.get("toolResult").filter(|_| !assistant) {
            let failed = result.get("status").is_some_and(|status| status == "error");
            return Some(self.tool_result(text_at(result, "toolUseId"), failed, result.get("content")));
        }
        match block.get("type").and_then(Value::as_str) {
            Some("tool_use") if assistant => {
                Some(self.tool_use(text_at(block, "id"), &text_at(block, "name"), block.get("input")))
            }
            Some("tool_result") if !assistant => {
                let failed = block.get("is_error").is_some_and(|failed| failed == true);
                Some(self.tool_result(text_at(block, "tool_use_id"), failed, block.get("content")))
            }
            _ if assistant => self.said(block).map(Part::Block),
            _ => self.shown(block).map(Part::Block),
        }
    }

    fn tool_use(&mut self, id: String, name: &str, input: Option<&Value>) -> Part {
        self.repaired += u32::from(!is_valid_name(name));
        let parsed = match input {
            Some(Value::String(json)) => json::parse(json).ok().filter(|input| !is_too_deep(input)),
            other => other.cloned(),
        };
        let object = parsed.filter(Value::is_object);
        self.repaired += u32::from(!input.is_some_and(Value::is_object));
        Part::Use { id, name: valid_name(name), input: object.unwrap_or_else(|| json!({})) }
    }

    fn tool_result(&mut self, id: String, failed: bool, content: Option<&Value>) -> Part {
        let content = match content {
            Some(Value::Array(items)) => items.iter().filter_map(|item| self.result_item(item)).collect(),
            Some(value) => result_content(value),
            None => Vec::new(),
        };
        Part::Result { id, status: if failed { ResultStatus::Error } else { ResultStatus::Success }, content }
    }

    fn result_item(&mut self, item: &Value) -> Option<Value> {
        match item.get("json") {
            Some(json @ Value::Object(_)) => Some(json!({ "json": json })),
            Some(other) => result_content(other).pop(),
            None => match item {
                Value::String(words) => self.text(words),
                _ => self.shown(item),
            },
        }
    }

    /// A block that the assistant may have: text and reasoning.
    fn said(&mut self, block: &Value) -> Option<Value> {
        let bytes = |data: &Value| data.as_str().filter(|data| is_base64(data)).map(wrapped);
        let thought = |text: Option<&Value>, signature: Option<&Value>| {
            let (text, signature) = (text?.as_str()?, signature?.as_str()?);
            let reasoning = json!({ "text": text, "signature": signature });
            (!signature.is_empty()).then(|| json!({ "reasoningContent": { "reasoningText": reasoning } }))
        };
        let redacted = |data: Value| json!({ "reasoningContent": { "redactedContent": data } });
        let kept = match block.get("type").and_then(Value::as_str) {
            Some("thinking") => thought(block.get("thinking"), block.get("signature")),
            Some("redacted_thinking") => block.get("data").and_then(bytes).map(redacted),
            _ => match block.get("reasoningContent") {
                Some(reasoning) => {
                    let nested = reasoning.get("reasoningText").unwrap_or(reasoning);
                    let data = reasoning.get("redactedContent").filter(|data| is_bytes(data));
                    data.cloned()
                        .map(redacted)
                        .or_else(|| thought(nested.get("text"), nested.get("signature")))
                }
                None => return self.words(block),
            },
        };
        kept.or_else(|| self.leave_out())
    }

    /// A block that a user or a tool may show: text, images and documents.
    fn shown(&mut self, block: &Value) -> Option<Value> {
        let kept = match block.get("type").and_then(Value::as_str) {
            Some("image") => block.get("source").and_then(anthropic_image),
            Some("document") => self.anthropic_document(block),
            _ => match block.as_object().and_then(|members| members.iter().next()) {
                Some((kind, media)) if kind == "image" || kind == "video" => converse_media(kind, media),
                Some((kind, media)) if kind == "document" => self.converse_document(media),
                _ => return self.words(block),
            },
        };
        kept.or_else(|| self.leave_out())
    }

    fn words(&mut self, block: &Value) -> Option<Value> {
        if let Some(words) = text_of(block) {
            return self.text(words);
        }
        if block.get("cachePoint").is_some() {
            self.repaired += 1;
            return None;
        }
        let cited = block.get("citationsContent").and_then(|cited| cited.get("content"));
        match cited.and_then(Value::as_array) {
            Some(pieces) => {
                self.repaired += 1;
                self.text(&pieces.iter().filter_map(text_of).collect::<String>())
            }
            None => self.leave_out(),
        }
    }

    fn text(&mut self, words: &str) -> Option<Value> {
        let blank = is_blank(words);
        self.repaired += u32::from(blank);
        (!blank).then(|| text(words))
    }

    fn anthropic_document(&mut self, block: &Value) -> Option<Value> {
        let source = block.get("source")?;
        let data = source.get("data")?.as_str()?;
        let title = block.get("title").and_then(Value::as_str).unwrap_or_default();
        match (source.get("type")?.as_str()?, source.get("media_type")?.as_str()?) {
            ("base64", "application/pdf") if is_base64(data) => {
                Some(self.document("pdf", title, json!({ "bytes": wrapped(data) })))
            }
            ("text", "text/plain") if !is_blank(data) => {
                Some(self.document("txt", title, json!({ "text": data })))
            }
            _ => None,
        }
    }

    fn converse_document(&mut self, media: &Value) -> Option<Value> {
        let source = media.get("source")?;
        let words = source.get("text").and_then(Value::as_str).filter(|words| !is_blank(words));
        let source = words.map(|words| json!({ "text": words })).or_else(|| stored(source))?;
        let name = media.get("name").and_then(Value::as_str).unwrap_or_default();
        let format = media.get("format").map_or(Some("txt"), |format| known(format, DOCUMENTS))?;
        Some(self.document(format, name, source))
    }

    /// Names of documents are letters, digits, single spaces, hyphens and brackets, and each occurs once.
    fn document(&mut self, format: &str, name: &str, source: Value) -> Value {
        self.documents += 1;
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '(' | ')' | '[' | ']');
        let plain: String = name.chars().take(100).map(|c| if fits(c) { c } else { ' ' }).collect();
        let words: Vec<&str> = plain.split_whitespace().chain(["document"]).take(12).collect();
        let name = format!("{} {}", words.join(" "), self.documents);
        json!({ "document": { "format": format, "name": name, "source": source } })
    }

    fn leave_out<T>(&mut self) -> Option<T> {
        self.left_out += 1;
        None
    }
}

fn anthropic_image(source: &Value) -> Option<Value> {
    let data = source.get("data")?.as_str().filter(|data| is_base64(data))?;
    let format = match source.get("media_type")?.as_str()? {
        "image/png" => "png",
        "image/jpeg" | "image/jpg" => "jpeg",
        "image/gif" => "gif",
        "image/webp" => "webp",
        _ => return None,
    };
    Some(json!({ "image": { "format": format, "source": { "bytes": wrapped(data) } } }))
}

fn converse_media(kind: &str, media: &Value) -> Option<Value> {
    let formats = if kind == "image" { IMAGES } else { VIDEOS };
    let (format, source) = (known(media.get("format")?, formats)?, stored(media.get("source")?)?);
    Some(json!({ kind: { "format": format, "source": source } }))
}

/// What the API takes.
const IMAGES: &str = "png jpeg gif webp";
const VIDEOS: &str = "mkv mov mp4 webm flv mpeg mpg wmv three_gp";
const DOCUMENTS: &str = "pdf csv doc docx xls xlsx html txt md";

/// The format in the API's words.
fn known(format: &Value, formats: &'static str) -> Option<&'static str> {
    let word = format.as_str()?;
    let word = if word == "jpg" { "jpeg" } else { word };
    formats.split(' ').find(|known| *known == word)
}

/// A source that still says where its bytes are.
fn stored(source: &Value) -> Option<Value> {
    let mut kept = Map::new();
    match (source.get("bytes"), source.get("s3Location")) {
        (Some(bytes), _) if is_bytes(bytes) => kept.insert("bytes".to_owned(), bytes.clone()),
        (Some(Value::String(data)), _) if is_base64(data) => kept.insert("bytes".to_owned(), wrapped(data)),
        (None, Some(location @ Value::Object(_))) => kept.insert("s3Location".to_owned(), location.clone()),
        _ => return None,
    };
    Some(Value::Object(kept))
}

fn is_bytes(value: &Value) -> bool {
    value.get("$bytes").and_then(Value::as_str).is_some_and(is_base64)
}

fn wrapped(data: &str) -> Value {
    json!({ "$bytes": data })
}
