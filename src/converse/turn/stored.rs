//! How a turn is written down: its text once.

use super::Turn;
use crate::json::{Decode, Encode, Members, Reader, bridge};
use serde_json::Value;

/// Without `text`, the text is that of the content's blocks, followed by `rest`: white space at the end does not go back
/// to the model.
impl Decode for Turn {
    fn decode(value: Option<Value>, reader: &mut Reader) -> Self {
        let mut fields = reader.object(value);
        let content: Vec<Value> = fields.always("content");
        let stop = fields.always("stop");
        let text: Option<String> = fields.always("text");
        let rest: String = fields.or_default("rest");
        let text = text.unwrap_or_else(|| said_in(&content) + &rest);
        Turn { content, stop, text, uses: fields.always("uses"), usage: fields.always("usage") }
    }
}

impl Encode for Turn {
    fn encode(&self) -> Value {
        let mut members = Members::default();
        members.always("content", &self.content);
        members.always("stop", &self.stop);
        match self.text.strip_prefix(&said_in(&self.content)) {
            Some(rest) => members.unless_default("rest", rest),
            // It streamed in another order, or what is blank lies between.
            None => members.always("text", &self.text),
        }
        members.always("uses", &self.uses);
        members.unless_default("usage", &self.usage);
        members.into_value()
    }
}

bridge!(read Turn);
bridge!(write Turn);

fn said_in(content: &[Value]) -> String {
    let mut said = String::new();
    for block in content {
        let cited = block["citationsContent"]["content"].as_array().into_iter().flatten();
        said.extend(cited.chain([block]).filter_map(|block| block["text"].as_str()));
    }
    said
}
