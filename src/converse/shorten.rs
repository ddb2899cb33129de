//! Results that are too long for a model: head and tail around a mark.

use super::blocks::excerpt;
use super::request::text;
use crate::json;
use serde_json::Value;

/// UTF-8 bytes of what a result's blocks say.
pub fn size(content: &[Value]) -> usize {
    content.iter().map(|block| said(block).len()).sum()
}

/// The blocks with at most so many bytes, or a little more, and always less than before: texts and JSON lose their middle, what
/// cannot be cut is named.
pub fn shortened(content: &[Value], most: usize) -> Vec<Value> {
    let share = most / content.len().max(1);
    let cut = |block: &Value| {
        let says = said(block);
        let kind = block.as_object().and_then(|members| members.keys().next());
        match kind.map(String::as_str) {
            _ if says.len() <= share => block.clone(),
            Some("text" | "json") => text(&middle_left_out(&says, share)),
            kind => text(&format!(
                "[A block of type {} and {} bytes is left out here.]",
                kind.unwrap_or("?"),
                says.len()
            )),
        }
    };
    let cut: Vec<Value> = content.iter().map(cut).collect();
    let whole = size(content);
    if size(&cut) < whole {
        cut
    } else {
        vec![text(&format!("[A result of {whole} bytes is left out here.]"))]
    }
}

/// A text as it is, anything else as its JSON.
fn said(block: &Value) -> String {
    match (block.get("text"), block.get("json")) {
        (Some(Value::String(text)), _) => text.clone(),
        (_, Some(json)) => json::text(json),
        _ => json::text(block),
    }
}

/// Head and tail, 3 to 2: what a text is about stands mostly in front.
fn middle_left_out(text: &str, most: usize) -> String {
    let head = excerpt(text, most * 3 / 5);
    let mut from = text.len() - most * 2 / 5;
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let tail = text.get(from..).unwrap_or_default();
    let left = text.len() - head.len() - tail.len();
    format!("{head}\n[… {left} bytes are left out here: the model's context cannot hold them …]\n{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_long_text_keeps_head_and_tail_and_says_how_much_is_missing() {
        let content = vec![text(&format!("{}{}", "a".repeat(600), "é".repeat(400)))];
        let cut = shortened(&content, 1_000);
        let says = cut[0]["text"].as_str().unwrap();
        assert!(says.starts_with(&"a".repeat(600)) && says.ends_with(&"é".repeat(200)), "{says}");
        assert!(says.contains("[… 400 bytes are left out here"), "{says}");
    }

    #[test]
    fn json_becomes_text_and_what_cannot_be_cut_is_named() {
        let image =
            json!({ "image": { "format": "png", "source": { "bytes": { "$bytes": "A".repeat(2_000) } } } });
        let content = vec![json!({ "json": { "a": "b".repeat(2_000) } }), image, text("short")];
        let cut = shortened(&content, 900);
        assert!(cut[0]["text"].as_str().unwrap().starts_with(r#"{"a":"bbb"#));
        assert!(cut[1]["text"].as_str().unwrap().starts_with("[A block of type image and 20"), "{}", cut[1]);
        assert_eq!(cut[2], text("short"));
        assert!(size(&cut) < 1_200, "{}", size(&cut));
    }

    #[test]
    fn what_would_not_get_smaller_by_its_marks_is_named_as_a_whole() {
        let content = vec![text("0123456789"); 20];
        let cut = shortened(&content, 100);
        assert_eq!(cut, [text("[A result of 200 bytes is left out here.]")]);
        // Less cannot be said of it.
        assert_eq!(size(&shortened(&[], 0)), "[A result of 0 bytes is left out here.]".len());
    }

    #[test]
    fn whatever_is_cut_gets_smaller_by_however_little() {
        let content = [text(&"a".repeat(500))];
        for most in 0..500 {
            assert!(size(&shortened(&content, most)) < 500, "{most}");
        }
    }

    #[test]
    fn each_block_gets_its_share_and_is_cut_beyond_it_alone() {
        let content = vec![text(&"a".repeat(500)), text(&"b".repeat(900))];
        let cut = shortened(&content, 1_000);
        assert_eq!(cut[0], content[0]);
        assert!(cut[1]["text"].as_str().unwrap().contains("[… 400 bytes are left out here"), "{}", cut[1]);
    }

    #[test]
    fn a_cut_falls_between_characters_of_any_width() {
        for most in 500..510 {
            let cut = shortened(&[text(&"€".repeat(500))], most);
            let says = cut[0]["text"].as_str().unwrap();
            let (head, tail) = (says.split('\n').next().unwrap(), says.split('\n').next_back().unwrap());
            assert!(head.len() <= most * 3 / 5 && head.len() + 3 > most * 3 / 5, "{most}: {}", head.len());
            assert!(tail.len() <= most * 2 / 5 && tail.len() + 3 > most * 2 / 5, "{most}: {}", tail.len());
            let left = 1_500 - head.len() - tail.len();
            assert!(says.contains(&format!("[… {left} bytes")), "{says}");
        }
    }
}
