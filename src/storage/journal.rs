//! Journal entries as documents: one string a document, continued where the store's limit asks for it.

use crate::error::EngineError;
use crate::facts::fact::corrupt;
use crate::facts::fact::{Entry, Fact};
use crate::ids::Paths;
use crate::json::{self, Encode, Members, json, reads};
use crate::store::{StoreWrite, StoredDocument};
use crate::time::iso8601;
use serde_json::{Map, Value};

/// What the text of an entry says.
struct Body {
    wall: i64,
    active_ms: u64,
    /// The places of the done facts whose text is that of the turn before them: it is stored once.
    closing: Vec<usize>,
    facts: Vec<Fact>,
}

reads!(Body {
    wall: always "wall",
    active_ms: always "active_ms",
    closing: or_default "closing",
    facts: always "facts",
});

fn body(entry: &Entry) -> Value {
    let mut closing = Vec::new();
    let mut said = "";
    let mut facts = Vec::with_capacity(entry.facts.len());
    for (at, fact) in entry.facts.iter().enumerate() {
        match fact {
            Fact::Done { item, text, external } if !text.is_empty() && text == said => {
                closing.push(at);
                let silent = Fact::Done { item: item.clone(), text: String::new(), external: *external };
                facts.push(silent.encode());
            }
            _ => {
                if let Fact::Turn { turn, .. } = fact {
                    said = &turn.text;
                }
                facts.push(fact.encode());
            }
        }
    }
    let mut body = Members::default();
    body.always("wall", &entry.wall);
    body.always("active_ms", &entry.active_ms);
    body.unless_default("closing", &closing);
    body.insert("facts", Value::Array(facts));
    body.into_value()
}

impl Body {
    /// The facts as they were; None where `closing` points to nothing that closes.
    fn restored(mut self) -> Option<Vec<Fact>> {
        for at in self.closing {
            let (before, rest) = self.facts.split_at_mut_checked(at)?;
            let said = before.iter().rev().find_map(|fact| match fact {
                Fact::Turn { turn, .. } => Some(&turn.text),
                _ => None,
            })?;
            let Some(Fact::Done { text, .. }) = rest.first_mut() else { return None };
            text.clone_from(said);
        }
        Some(self.facts)
    }
}

/// The writes that store an entry, and the bytes of their `json`.
pub fn encode(paths: &Paths, entry: &Entry, document_bytes: usize) -> (Vec<StoreWrite>, usize) {
    let json = json::text(&body(entry));
    let bytes = json.len();
    let mut rest = json.as_str();
    let mut writes = Vec::new();
    while !rest.is_empty() || writes.is_empty() {
        let (part, after) = split(rest, document_bytes);
        rest = after;
        let mut data = Map::new();
        data.insert("seq".into(), entry.seq.into());
        data.insert("epoch".into(), entry.epoch.into());
        data.insert("write_id".into(), entry.write_id.clone().into());
        let path = if writes.is_empty() {
            data.insert("at".into(), iso8601(entry.wall).into());
            data.insert("kinds".into(), json!(entry.kinds()));
            paths.entry(entry.seq)
        } else {
            paths.continuation(entry.seq, writes.len())
        };
        data.insert("json".into(), part.into());
        writes.push(StoreWrite::Create { path, data });
    }
    (writes, bytes)
}

/// At most `bytes` bytes off the front, at a character's border; always at least one character.
fn split(text: &str, bytes: usize) -> (&str, &str) {
    let mut at = bytes.max(4).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    text.split_at(at)
}

/// What to list the journal after, to get what comes behind an entry; from the beginning for 0.
pub fn behind(seq: u64) -> Option<String> {
    // Sorts after every continuation of that entry.
    (seq > 0).then(|| format!("{seq:08}.~"))
}

/// One entry's documents, put together.
#[derive(Debug)]
struct Parts {
    seq: u64,
    epoch: u64,
    write_id: String,
    json: String,
    next: usize,
}

/// Puts the documents of the journal, in the order of their ids, back together into entries. An entry is known to be
/// whole when the next one begins or the listing ends.
#[derive(Debug, Default)]
pub struct Joiner {
    parts: Option<Parts>,
    lacks_a_part: bool,
}

impl Joiner {
    /// Takes the next document; gives the entry before it, where this one begins another.
    ///
    /// # Errors
    /// CORRUPT_HISTORY for documents that no version of the engine wrote.
    pub fn push(&mut self, document: &StoredDocument) -> Result<Option<Entry>, EngineError> {
        let id = document.id();
        let (number, continuation) = match id.split_once('.') {
            Some((number, n)) => (number, n.parse::<usize>().ok()),
            None => (id, Some(0)),
        };
        let (Ok(seq), Some(n)) = (number.parse::<u64>(), continuation) else {
            return Err(corrupt(0, format!("the document {} does not belong there", document.path)));
        };
        let field = |name: &str| document.data.get(name);
        let (Some(epoch), Some(write_id), Some(json)) = (
            field("epoch").and_then(Value::as_u64),
            field("write_id").and_then(Value::as_str),
            field("json").and_then(Value::as_str),
        ) else {
            return Err(corrupt(seq, format!("{} lacks epoch, write_id or json", document.path)));
        };
        if field("seq").and_then(Value::as_u64) != Some(seq) {
            return Err(corrupt(seq, format!("{} holds another seq than its id", document.path)));
        }
        if n == 0 {
            let before = self.finish()?;
            self.parts =
                Some(Parts { seq, epoch, write_id: write_id.to_owned(), json: json.to_owned(), next: 1 });
            return Ok(before);
        }
        match &mut self.parts {
            Some(p) if p.seq == seq && p.next == n && p.write_id == write_id => {
                p.json.push_str(json);
                p.next += 1;
                Ok(None)
            }
            _ => {
                self.lacks_a_part = true;
                Err(corrupt(seq, format!("{} continues nothing", document.path)))
            }
        }
    }

    /// The error was that a continuation is missing, as it may be where a listing lags.
    pub fn lacks_a_part(&self) -> bool {
        self.lacks_a_part
    }

    /// The last entry, when there are no more documents.
    ///
    /// # Errors
    /// CORRUPT_HISTORY where its text cannot be read.
    pub fn finish(&mut self) -> Result<Option<Entry>, EngineError> {
        let Some(p) = self.parts.take() else { return Ok(None) };
        let body: Body = json::read(&p.json).map_err(|e| {
            self.lacks_a_part = e.is_cut;
            corrupt(p.seq, format!("its json cannot be read ({e})"))
        })?;
        let (wall, active_ms) = (body.wall, body.active_ms);
        let facts = body.restored().ok_or_else(|| corrupt(p.seq, "an item closes with no turn"))?;
        Ok(Some(Entry { seq: p.seq, epoch: p.epoch, write_id: p.write_id, wall, active_ms, facts }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::plan::ItemKey;

    fn entry(text: &str) -> Entry {
        Entry {
            seq: 5,
            epoch: 2,
            write_id: "w".into(),
            wall: 1_000,
            active_ms: 3,
            facts: vec![Fact::Received {
                inbox: "i".into(),
                text: text.into(),
                in_thread: false,
                content: None,
            }],
        }
    }

    fn stored(writes: Vec<StoreWrite>) -> Vec<StoredDocument> {
        writes
            .into_iter()
            .filter_map(|w| match w {
                StoreWrite::Create { path, data } => {
                    Some(StoredDocument { path, data, version: "1".into(), age_ms: None })
                }
                _ => None,
            })
            .collect()
    }

    #[test]
    fn an_entry_over_the_document_limit_is_continued_and_reads_back_the_same() {
        let paths = Paths::new("u", "t");
        for text in ["short", &"ä€😀".repeat(100)] {
            for limit in [1, 7, 64, 1_000_000] {
                let entry = entry(text);
                let (writes, bytes) = encode(&paths, &entry, limit);
                assert!(bytes > text.len());
                let mut joiner = Joiner::default();
                for document in stored(writes) {
                    assert!(document.data["json"].as_str().unwrap().len() <= limit.max(4));
                    assert_eq!(joiner.push(&document).unwrap(), None);
                }
                assert_eq!(joiner.finish().unwrap(), Some(entry));
            }
        }
    }

    fn read_back(json: &str) -> Result<Option<Entry>, EngineError> {
        let paths = Paths::new("u", "t");
        let (mut writes, _) = encode(&paths, &entry(""), 1_000_000);
        for write in &mut writes {
            if let StoreWrite::Create { data, .. } = write {
                data["json"] = json.into();
            }
        }
        let mut joiner = Joiner::default();
        joiner.push(&stored(writes)[0]).unwrap();
        joiner.finish()
    }

    fn turn_that_says(text: &str) -> Fact {
        let turn = json!({ "content": [{ "text": text }], "stop": "end_turn", "uses": [] });
        let fact = json!({ "kind": "turn", "messageId": "m", "turn": turn, "usage": {}, "total": {} });
        serde_json::from_value(fact).unwrap()
    }

    fn done(item: &str, text: &str) -> Fact {
        let item = ItemKey { milestone: None, item: item.to_owned() };
        Fact::Done { item, text: text.to_owned(), external: false }
    }

    #[test]
    fn what_an_item_closes_with_is_stored_once_and_reads_back_the_same() {
        let facts = vec![
            turn_that_says("The first is done."),
            done("1", "The first is done."),
            done("2", ""),
            turn_that_says("So is the third."),
            done("3", "So is the third."),
            done("4", "The first is done."),
        ];
        let entry = Entry { facts, ..entry("") };
        let (writes, _) = encode(&Paths::new("u", "t"), &entry, 1_000_000);
        let documents = stored(writes);
        let json = documents[0].data["json"].as_str().unwrap();
        assert_eq!(json.matches("So is the third.").count(), 1, "{json}");
        let mut joiner = Joiner::default();
        joiner.push(&documents[0]).unwrap();
        assert_eq!(joiner.finish().unwrap(), Some(entry));
    }

    #[test]
    fn an_item_that_closes_with_a_turn_that_is_not_there_is_corrupt() {
        for closing in ["[0]", "[1]", "[9]"] {
            let done = serde_json::to_string(&done("1", "")).unwrap();
            let json = format!(r#"{{"wall":1,"active_ms":0,"closing":{closing},"facts":[{done}]}}"#);
            let e = read_back(&json).unwrap_err();
            assert!(e.message.contains("entry 5") && e.message.contains("no turn"), "{}", e.message);
        }
    }

    #[test]
    fn a_missing_or_foreign_part_is_corrupt_and_says_where() {
        let paths = Paths::new("u", "t");
        let documents = stored(encode(&paths, &entry(&"x".repeat(100)), 40).0);
        let mut joiner = Joiner::default();
        joiner.push(&documents[0]).unwrap();
        let e = joiner.push(&documents[2]).unwrap_err();
        assert!(e.message.contains("00000005.0002"), "{}", e.message);
        let mut joiner = Joiner::default();
        joiner.push(&documents[0]).unwrap();
        assert!(joiner.finish().unwrap_err().message.contains("entry 5"));
    }

    #[test]
    fn a_document_that_is_no_part_of_an_entry_is_corrupt_whatever_is_wrong_with_it() {
        let good = json!({ "seq": 5, "epoch": 2, "write_id": "w", "json": "{}" });
        let with = |name: &str, value: Value| {
            let mut data = good.clone();
            data[name] = value;
            data
        };
        for (id, data, what) in [
            ("00000005", with("seq", json!(6)), "holds another seq than its id"),
            ("00000005", with("seq", json!("5")), "holds another seq than its id"),
            ("00000005", with("epoch", json!(-1)), "lacks epoch, write_id or json"),
            ("00000005", with("epoch", Value::Null), "lacks epoch, write_id or json"),
            ("00000005", with("write_id", json!(1)), "lacks epoch, write_id or json"),
            ("00000005", with("json", json!({})), "lacks epoch, write_id or json"),
            ("five", good.clone(), "does not belong there"),
            ("00000005.x", good.clone(), "does not belong there"),
            ("00000005.0001", good.clone(), "continues nothing"),
        ] {
            let Value::Object(data) = data else { panic!("an object") };
            let path = format!("users/u/tasks/t/journal/{id}");
            let document = StoredDocument { path, data, version: "1".into(), age_ms: None };
            let e = Joiner::default().push(&document).unwrap_err();
            assert_eq!(e.code, crate::error::Code::CorruptHistory);
            assert!(e.message.contains(what), "{id}: {}", e.message);
        }
    }

    #[test]
    fn a_part_continues_only_what_was_written_with_it() {
        let paths = Paths::new("u", "t");
        let documents = stored(encode(&paths, &entry(&"x".repeat(100)), 40).0);
        let spoil = |field: &str, value: Value| {
            let mut joiner = Joiner::default();
            joiner.push(&documents[0]).unwrap();
            let mut next = documents[1].clone();
            next.data[field] = value;
            joiner.push(&next)
        };
        assert_eq!(spoil("epoch", json!(2)), Ok(None));
        let e = spoil("write_id", json!("foreign")).unwrap_err();
        assert!(e.message.contains("continues nothing"), "{}", e.message);
        // Of another entry, in its place, and written by the same hand.
        let mut other = Joiner::default();
        other.push(&documents[0]).unwrap();
        let mut next = documents[1].clone();
        next.path = next.path.replace("00000005.", "00000006.");
        next.data["seq"] = json!(6);
        let e = other.push(&next).unwrap_err();
        assert!(e.message.contains("entry 6") && e.message.contains("continues nothing"), "{}", e.message);
        let mut twice = Joiner::default();
        twice.push(&documents[0]).unwrap();
        twice.push(&documents[1]).unwrap();
        assert!(twice.push(&documents[1]).is_err());
    }

    #[test]
    fn what_comes_behind_an_entry_is_listed_behind_its_last_part() {
        assert_eq!(behind(0), None);
        let (after, paths) = (behind(7).unwrap(), Paths::new("u", "t"));
        let last_part = format!("{}.0099", paths.entry(7).rsplit('/').next().unwrap());
        assert!(last_part < after && after.as_str() < paths.entry(8).rsplit('/').next().unwrap());
    }

    #[test]
    fn an_entry_as_long_as_a_document_may_be_is_one_document() {
        let (paths, entry) = (Paths::new("u", "t"), entry("some words"));
        let (_, bytes) = encode(&paths, &entry, 1_000_000);
        let documents = |limit: usize| encode(&paths, &entry, limit).0.len();
        assert_eq!([documents(bytes), documents(bytes - 1)], [1, 2]);
    }
}
