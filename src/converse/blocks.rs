//! What the API demands of names, ids, texts and values inside content blocks.

use serde_json::Value;

/// How deep a value may nest, the same for what tools return and for what models send: parsers stop at 128,
/// and an entry of the journal wraps a value in a few levels more.
pub const MAX_DEPTH: usize = 100;

const MAX_LENGTH: usize = 64;

/// Whether the API takes this as a toolUseId: `[a-zA-Z0-9_.:-]{1,64}`.
pub fn is_valid_id(id: &str) -> bool {
    (1..=MAX_LENGTH).contains(&id.len()) && id.bytes().all(is_id_byte)
}

/// Whether the API takes this as a tool's name: `[a-zA-Z0-9_-]{1,64}`.
pub fn is_valid_name(name: &str) -> bool {
    (1..=MAX_LENGTH).contains(&name.len()) && name.bytes().all(is_name_byte)
}

/// The nearest valid tool name.
pub fn valid_name(name: &str) -> String {
    replaced(name, MAX_LENGTH, is_name_byte, "invalid_name")
}

/// The nearest valid toolUseId that is not `taken`.
pub fn free_id(id: &str, taken: impl Fn(&str) -> bool) -> String {
    // Far more suffixes than a history can have ids of one stem; the bound only rules out an endless loop.
    const SUFFIXES: u32 = 1_000_000;
    let nearest = valid_id(id);
    if !taken(&nearest) {
        return nearest;
    }
    (1..SUFFIXES).map(|n| numbered_id(id, n)).find(|id| !taken(id)).unwrap_or(nearest)
}

/// The nearest valid toolUseId.
pub fn valid_id(id: &str) -> String {
    replaced(id, MAX_LENGTH, is_id_byte, "call")
}

/// A valid toolUseId that differs from `id` and from those with other numbers.
pub fn numbered_id(id: &str, n: u32) -> String {
    const SUFFIX: usize = 11;
    format!("{}-{n}", replaced(id, MAX_LENGTH - SUFFIX, is_id_byte, "call"))
}

/// Whether the API would reject this as a blank text.
pub fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// Whether a value nests deeper than [`MAX_DEPTH`]. Looks no deeper than that itself.
pub fn is_too_deep(value: &Value) -> bool {
    fn deeper_than(value: &Value, levels: usize) -> bool {
        match value {
            Value::Array(items) => levels == 0 || items.iter().any(|item| deeper_than(item, levels - 1)),
            Value::Object(members) => {
                levels == 0 || members.values().any(|item| deeper_than(item, levels - 1))
            }
            _ => false,
        }
    }
    deeper_than(value, MAX_DEPTH)
}

/// The text of a text block.
pub fn text_of(block: &Value) -> Option<&str> {
    block.get("text")?.as_str()
}

/// The id of a tool use that waits for our result. A use that the model's own servers answer does not.
pub fn use_id(block: &Value) -> Option<&str> {
    let tool_use = block.get("toolUse")?;
    if tool_use.get("type").is_some_and(|kind| kind == SERVER_TOOL_USE) {
        return None;
    }
    tool_use.get("toolUseId")?.as_str()
}

/// Marks a use that the model's own servers answer within the same turn.
pub const SERVER_TOOL_USE: &str = "server_tool_use";

/// Whether this is a block of reasoning.
pub fn is_reasoning(block: &Value) -> bool {
    block.get("reasoningContent").is_some()
}

/// What the assistant said, as every model takes it back. Claude takes no message that ends with reasoning, and from its
/// fifth generation on none with text behind its calls, which counts as words put into its mouth.
pub fn as_taken_back(mut content: Vec<Value>) -> Vec<Value> {
    if content.iter().all(is_reasoning) {
        return content;
    }
    while content.last().is_some_and(is_reasoning) {
        content.pop();
    }
    let asks = |block: &Value| use_id(block).is_some();
    if content.last().is_some_and(|last| !asks(last)) {
        let mut calls = Vec::new();
        let mut said = Vec::new();
        for block in content {
            let among = if asks(&block) { &mut calls } else { &mut said };
            among.push(block);
        }
        said.append(&mut calls);
        content = said;
    }
    if let Some(Value::String(last)) = content.last_mut().and_then(|block| block.get_mut("text")) {
        last.truncate(last.trim_end().len());
    }
    content
}

/// At most `max` bytes of `text`, cut between characters.
pub fn excerpt(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn is_id_byte(byte: u8) -> bool {
    is_name_byte(byte) || matches!(byte, b'.' | b':')
}

fn replaced(text: &str, max: usize, allowed: fn(u8) -> bool, fallback: &str) -> String {
    let fits = |c: char| u8::try_from(c).is_ok_and(allowed);
    let replaced: String = text.chars().take(max).map(|c| if fits(c) { c } else { '_' }).collect();
    if replaced.is_empty() { fallback.to_owned() } else { replaced }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ids_and_names_have_one_to_sixty_four_plain_characters() {
        assert!(is_valid_id("tooluse_a.b:c-1") && !is_valid_name("tooluse_a.b:c-1"));
        assert!(is_valid_name(&"x".repeat(64)) && !is_valid_name(&"x".repeat(65)));
        for wrong in ["", "a b", "é", "a/b"] {
            assert!(!is_valid_id(wrong) && !is_valid_name(wrong), "{wrong}");
        }
    }

    #[test]
    fn wrong_names_become_the_nearest_valid_ones() {
        assert_eq!(valid_name("fs.read file"), "fs_read_file");
        assert_eq!(valid_name(""), "invalid_name");
        assert!(is_valid_name(&valid_name(&"ü".repeat(500))));
    }

    #[test]
    fn a_taken_id_gets_a_suffix_and_stays_within_its_length() {
        let long = "x".repeat(80);
        let first = free_id(&long, |_| false);
        let second = free_id(&long, |id| id == first);
        assert!(is_valid_id(&first) && is_valid_id(&second) && first != second);
        assert!(is_valid_id(&numbered_id(&long, u32::MAX)));
        assert_eq!(free_id("a", |id| id == "a" || id == "a-1"), "a-2");
    }

    #[test]
    fn depth_is_measured_without_following_it_to_the_end() {
        let wraps: [fn(Value) -> Value; 3] = [
            |inner| json!([inner]),
            |inner| json!({ "a": inner }),
            |inner| json!([1, { "a": 1, "b": inner }]),
        ];
        for (wrap, levels) in wraps.into_iter().zip([1, 1, 2]) {
            let nested = |depth: usize| (0..depth / levels).fold(json!(1), |inner, _| wrap(inner));
            assert!(!is_too_deep(&nested(MAX_DEPTH)));
            assert!(is_too_deep(&nested(MAX_DEPTH + levels)));
            assert!(is_too_deep(&nested(2_000)));
        }
    }

    #[test]
    fn what_the_assistant_said_ends_with_its_calls_or_with_words_and_never_with_reasoning() {
        let thought =
            |n: u32| json!({ "reasoningContent": { "reasoningText": { "text": n, "signature": "s" } } });
        let said = |words: &str| json!({ "text": words });
        let call = |id: &str| json!({ "toolUse": { "toolUseId": id, "name": "n", "input": {} } });
        let own =
            json!({ "toolUse": { "toolUseId": "s", "name": "web", "input": {}, "type": SERVER_TOOL_USE } });
        let found = json!({ "toolResult": { "toolUseId": "s", "content": [] } });
        for (content, taken) in [
            (vec![said("a"), call("x"), call("y")], vec![said("a"), call("x"), call("y")]),
            (vec![call("x"), said("b")], vec![said("b"), call("x")]),
            (
                vec![said("a"), call("x"), said("b"), call("y")],
                vec![said("a"), call("x"), said("b"), call("y")],
            ),
            (
                vec![said("a"), call("x"), call("y"), said("b ")],
                vec![said("a"), said("b "), call("x"), call("y")],
            ),
            (vec![thought(1), call("x"), thought(2)], vec![thought(1), call("x")]),
            (vec![call("x"), said("b"), thought(2)], vec![said("b"), call("x")]),
            (vec![said("so \n"), thought(1), thought(2)], vec![said("so")]),
            (vec![own.clone(), found.clone(), said("b")], vec![own, found, said("b")]),
            (vec![thought(1)], vec![thought(1)]),
            (vec![], vec![]),
        ] {
            assert_eq!(as_taken_back(content.clone()), taken, "{content:?}");
            assert_eq!(as_taken_back(taken.clone()), taken);
        }
    }

    #[test]
    fn an_excerpt_never_splits_a_character() {
        assert_eq!(excerpt("añb", 2), "a");
        assert_eq!(excerpt("añb", 99), "añb");
    }
}
