//! How a turn is written down: its text once.

use super::{Stop, ToolUse, Turn};
use crate::converse::usage::Usage;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

#[derive(Serialize)]
struct Written<'a> {
    content: &'a [Value],
    stop: &'a Stop,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    rest: &'a str,
    uses: &'a [ToolUse],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<&'a Usage>,
}

/// As it is stored. Without `text`, the text is that of the content's blocks, followed by `rest`: white space at the
/// end does not go back to the model.
#[derive(Deserialize)]
pub(super) struct Stored {
    content: Vec<Value>,
    stop: Stop,
    text: Option<String>,
    #[serde(default)]
    rest: String,
    uses: Vec<ToolUse>,
    usage: Option<Usage>,
}

impl From<Stored> for Turn {
    fn from(Stored { content, stop, text, rest, uses, usage }: Stored) -> Self {
        let text = text.unwrap_or_else(|| said_in(&content) + &rest);
        Turn { content, stop, text, uses, usage }
    }
}

impl Serialize for Turn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Turn { content, stop, text, uses, usage } = self;
        let (text, rest) = match text.strip_prefix(&said_in(content)) {
            Some(rest) => (None, rest),
            // It streamed in another order, or what is blank lies between.
            None => (Some(text.as_str()), ""),
        };
        Written { content, stop, text, rest, uses, usage: usage.as_ref() }.serialize(serializer)
    }
}

fn said_in(content: &[Value]) -> String {
    let mut said = String::new();
    for block in content {
        let cited = block["citationsContent"]["content"].as_array().into_iter().flatten();
        said.extend(cited.chain([block]).filter_map(|block| block["text"].as_str()));
    }
    said
}
