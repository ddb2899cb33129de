//! The inbox: decisions and messages on their way to the run that journals them.

use crate::converse::blocks::{excerpt, is_too_deep};
use crate::converse::validity::check_message;
use crate::facts::fact::Decision;
use crate::ids::{Paths, Rng};
use crate::json::{self, Encode, json, quoted};
use crate::store::{StoreWrite, StoredDocument};
use crate::time::{Now, iso8601};
use serde_json::{Map, Value};
use std::rc::Rc;

/// UTF-8 bytes that the text and the JSON of a document may have together. `firestore.rules` let in no more, senders send
/// no more, and runs delete what has.
pub const MAX_BYTES: usize = 900_000;

/// What a document of that size has beside them: the call, the nonce, the time.
const MAX_BYTES_BESIDE: usize = 4_096;

/// Why a document is not taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Useless {
    /// Of a kind that a later version may know: it is left where it is.
    Unknown(String),
    /// No `approve`, `reject`, `answer` or `send` put it there: it is deleted.
    Junk(String),
}

/// What somebody put into the inbox.
#[derive(Clone, Debug, PartialEq)]
pub enum InboxItem {
    /// About a waiting call.
    Decision {
        /// The document's id.
        id: String,
        /// Which call.
        tool_call_id: String,
        /// The entry that asked: a decision counts for that question only.
        asked_seq: u64,
        /// The sender's.
        nonce: String,
        /// What.
        decision: Decision,
    },
    /// A user's words for the model.
    Message {
        /// The document's id, which becomes the id of the message in the thread.
        id: String,
        /// Never blank.
        text: String,
        /// It stands in the thread already, under the same id: whoever sent it wrote both in one commit.
        in_thread: bool,
        /// Blocks that the model gets instead of the text.
        content: Option<Rc<Vec<Value>>>,
    },
}

impl InboxItem {
    /// About as many bytes as its content takes in the journal.
    pub fn bytes(&self) -> usize {
        match self {
            InboxItem::Message { text, content, .. } => {
                text.len() + content.as_ref().map_or(0, |blocks| json::text(&blocks.encode()).len()) + 1
            }
            InboxItem::Decision { decision, .. } => json::text(&decision.encode()).len() + 1,
        }
    }

    /// The document's id.
    pub fn id(&self) -> &str {
        match self {
            InboxItem::Decision { id, .. } | InboxItem::Message { id, .. } => id,
        }
    }

    /// Reads a document of the inbox.
    ///
    /// # Errors
    /// What is wrong, for the log.
    pub fn read(document: &StoredDocument) -> Result<InboxItem, Useless> {
        let foreign = |document: &StoredDocument, what: &str| Useless::Junk(described(document, what));
        let text = |name: &str| {
            let found = document.data.get(name).and_then(Value::as_str);
            found.ok_or_else(|| foreign(document, &format!("{name} is no string")))
        };
        let bytes = text_bytes(&document.data);
        if bytes > MAX_BYTES || bytes_of(&document.data) > MAX_BYTES + MAX_BYTES_BESIDE {
            return Err(foreign(document, &format!("it has more than {MAX_BYTES} bytes")));
        }
        let id = document.id().to_owned();
        match text("kind")? {
            "message" if text("text")?.trim().is_empty() => Err(foreign(document, "text is blank")),
            "message" => {
                let in_thread = document.data.get("in_thread") == Some(&Value::Bool(true));
                let content = match document.data.get("json") {
                    None => None,
                    Some(_) => Some(Rc::new(
                        blocks(text("json")?)
                            .ok_or_else(|| foreign(document, "json holds no blocks of a message"))?,
                    )),
                };
                Ok(InboxItem::Message { id, text: text("text")?.to_owned(), in_thread, content })
            }
            "decision" => {
                let asked_seq = document.data.get("asked_seq").and_then(Value::as_u64);
                let asked_seq = asked_seq.ok_or_else(|| foreign(document, "asked_seq is no count"))?;
                let tool_call_id = text("tool_call_id")?;
                if id != decision_id(tool_call_id, asked_seq) {
                    return Err(foreign(document, "its id is not that of its question"));
                }
                let decision = json::read(text("json")?)
                    .map_err(|e| foreign(document, &format!("json cannot be read ({e})")))?;
                // The entry that journals it nests deeper still, and has to be read again.
                if matches!(&decision, Decision::Answer { result: Some(result), .. } if is_too_deep(result)) {
                    return Err(foreign(document, "the answer nests too deep"));
                }
                Ok(InboxItem::Decision {
                    id,
                    tool_call_id: tool_call_id.to_owned(),
                    asked_seq,
                    nonce: text("nonce")?.to_owned(),
                    decision,
                })
            }
            other => Err(Useless::Unknown(format!(
                "{} is left where it is: its kind is {}, which this version does not know.",
                document.path,
                quoted(excerpt(other, 60))
            ))),
        }
    }

    /// The write that puts it into the inbox. A decision's content is one string: stores do not keep every JSON
    /// value as it is.
    pub fn create(&self, paths: &Paths, now: Now) -> StoreWrite {
        let mut data = Map::new();
        match self {
            InboxItem::Decision { tool_call_id, asked_seq, nonce, decision, .. } => {
                data.insert("kind".into(), "decision".into());
                data.insert("tool_call_id".into(), tool_call_id.clone().into());
                data.insert("asked_seq".into(), (*asked_seq).into());
                data.insert("nonce".into(), nonce.clone().into());
                data.insert("json".into(), json::text(&decision.encode()).into());
            }
            InboxItem::Message { text, in_thread, content, .. } => {
                data.insert("kind".into(), "message".into());
                data.insert("text".into(), text.clone().into());
                if let Some(blocks) = content {
                    let json = json::text(&blocks.encode());
                    data.insert("json".into(), json.into());
                }
                if *in_thread {
                    data.insert("in_thread".into(), true.into());
                }
            }
        }
        data.insert("at".into(), iso8601(now.wall).into());
        StoreWrite::Create { path: paths.inbox_item(self.id()), data }
    }
}

/// What `content(…)` makes, as far as a user's message takes it.
fn blocks(json: &str) -> Option<Vec<Value>> {
    let blocks: Vec<Value> = json::read(json).ok()?;
    let content = |block: &Value| check_message(&json!({ "role": "user", "content": [block] })).is_ok();
    let known = |block: &Value| {
        ["text", "image", "document", "video", "searchResult"].iter().any(|kind| block.get(kind).is_some())
    };
    let sound = !blocks.is_empty() && blocks.iter().all(|b| known(b) && content(b) && !is_too_deep(b));
    sound.then_some(blocks)
}

fn described(document: &StoredDocument, what: &str) -> String {
    format!("{} is deleted: {what}. Nothing of this package put it there.", document.path)
}

/// What counts against [`MAX_BYTES`].
pub fn text_bytes(data: &Map<String, Value>) -> usize {
    ["text", "json"].iter().filter_map(|name| data.get(*name)?.as_str()).map(str::len).sum()
}

/// About what a document's data takes in memory.
pub fn bytes_of(data: &Map<String, Value>) -> usize {
    fn of(value: &Value) -> usize {
        match value {
            Value::String(text) => text.len(),
            Value::Array(elements) => elements.iter().map(|element| of(element) + 8).sum(),
            Value::Object(fields) => bytes_of(fields),
            Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        }
    }
    data.iter().map(|(name, value)| name.len() + of(value)).sum()
}

/// The id of a decision: one per call and question, so that the first sender wins.
pub fn decision_id(tool_call_id: &str, asked_seq: u64) -> String {
    let mut id = String::from("decision-");
    for byte in tool_call_id.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b':' | b'-' => id.push(byte.into()),
            _ => id.push_str(&format!("%{byte:02X}")),
        }
    }
    format!("{id}-{asked_seq}")
}

/// The id of a message: ids sort by time.
pub fn message_id(wall: i64, rng: &mut Rng) -> String {
    format!("{:013}-{}", wall.max(0), rng.id())
}

/// A decision with the id that belongs to it.
pub fn decision(tool_call_id: &str, asked_seq: u64, nonce: String, decision: Decision) -> InboxItem {
    let id = decision_id(tool_call_id, asked_seq);
    InboxItem::Decision { id, tool_call_id: tool_call_id.to_owned(), asked_seq, nonce, decision }
}

/// An answer's result as decisions hold it.
pub fn answer(result: Option<Value>, error: bool) -> Decision {
    Decision::Answer { result: result.map(Rc::new), error }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(write: StoreWrite) -> StoredDocument {
        let StoreWrite::Create { path, data } = write else { panic!("a create") };
        StoredDocument { path, data, version: "1".into(), age_ms: None }
    }

    #[test]
    fn what_is_put_into_the_inbox_reads_back_the_same() {
        let paths = Paths::new("u", "t");
        let items = [
            decision("tool:1", 4, "n".into(), answer(Some(json!([[1], null])), true)),
            decision("tool:1", 4, "n".into(), answer(None, false)),
            decision("tool:1", 4, "n".into(), answer(Some(Value::Null), false)),
            decision("tool:1", 4, "n".into(), Decision::Approve { note: Some("go".into()) }),
            decision("tool:1", 4, "n".into(), Decision::Reject { reason: None }),
            InboxItem::Message { id: "a".into(), text: "hi".into(), in_thread: false, content: None },
            InboxItem::Message { id: "b".into(), text: "hi".into(), in_thread: true, content: None },
            InboxItem::Message {
                id: "c".into(),
                text: "[image]".into(),
                in_thread: false,
                content: Some(Rc::new(vec![json!({ "image": { "format": "png" } }), json!({ "text": "x" })])),
            },
        ];
        for item in items {
            assert_eq!(InboxItem::read(&stored(item.create(&paths, Now::default()))), Ok(item));
        }
    }

    #[test]
    fn a_document_that_no_version_wrote_is_named_and_described() {
        let paths = Paths::new("u", "t");
        for (data, what) in [
            (json!({}), "kind is no string"),
            (json!({ "kind": "message", "text": " " }), "text is blank"),
            (json!({ "kind": "message", "text": "x", "json": "[]" }), "no blocks"),
            (json!({ "kind": "message", "text": "x", "json": r#"[{"toolUse":{}}]"# }), "no blocks"),
            (json!({ "kind": "message", "text": "x", "json": r#"[{"text":" "}]"# }), "no blocks"),
            (
                json!({ "kind": "message", "text": "x", "json": r#"[{"toolResult":{"toolUseId":"a","content":[]}}]"# }),
                "no blocks",
            ),
            (json!({ "kind": "message", "text": "x", "json": 1 }), "json is no string"),
            (json!({ "kind": "decision", "tool_call_id": "c" }), "asked_seq"),
            (json!({ "kind": "later" }), "\"later\""),
            (
                json!({ "kind": "decision", "tool_call_id": "c", "asked_seq": 1, "nonce": "n", "json": "{}" }),
                "not that of its question",
            ),
        ] {
            let Value::Object(data) = data else { panic!("an object") };
            let path = paths.inbox_item("x");
            let write = StoreWrite::Create { path: path.clone(), data };
            let later = data_kind(&write) == Some("later");
            let error = InboxItem::read(&stored(write)).unwrap_err();
            let said = match &error {
                Useless::Unknown(said) => said,
                Useless::Junk(said) => said,
            };
            assert!(said.contains(what) && said.contains(&path), "{said}");
            assert_eq!(matches!(error, Useless::Unknown(_)), later, "{said}");
        }
    }

    fn data_kind(write: &StoreWrite) -> Option<&str> {
        let StoreWrite::Create { data, .. } = write else { return None };
        data.get("kind")?.as_str()
    }

    #[test]
    fn a_document_may_have_so_many_bytes_and_not_one_more_wherever_they_are() {
        let read = |id: &str, data: Value| {
            let Value::Object(data) = data else { panic!("an object") };
            let path = Paths::new("u", "t").inbox_item(id);
            InboxItem::read(&StoredDocument { path, data, version: "1".into(), age_ms: None })
        };
        let message = |text: usize| json!({ "kind": "message", "text": "x".repeat(text) });
        assert!(read("m", message(MAX_BYTES)).is_ok());
        assert!(matches!(read("m", message(MAX_BYTES + 1)), Err(Useless::Junk(_))));
        let umlauts = |n: usize| json!({ "kind": "message", "text": "ä".repeat(n) });
        assert!(read("m", umlauts(MAX_BYTES / 2)).is_ok());
        assert!(matches!(read("m", umlauts(MAX_BYTES / 2 + 1)), Err(Useless::Junk(_))));
        let with_blocks =
            |text: usize| json!({ "kind": "message", "text": "x".repeat(text), "json": r#"[{"text":"y"}]"# });
        assert!(read("m", with_blocks(MAX_BYTES - 14)).is_ok());
        assert!(matches!(read("m", with_blocks(MAX_BYTES - 13)), Err(Useless::Junk(_))));
        let beside =
            |at: usize| json!({ "kind": "message", "text": "x", "at": { "a": ["y".repeat(at), null] } });
        let named = "kindmessagetextxata".len() + 8 + 8 + 8;
        let most = MAX_BYTES + MAX_BYTES_BESIDE - named;
        assert!(
            read("m", beside(most)).is_ok(),
            "the names count, and eight bytes for an element and for a null"
        );
        assert!(matches!(read("m", beside(most + 1)), Err(Useless::Junk(_))));
        let unknown = json!({ "kind": "later", "what": "y".repeat(MAX_BYTES * 2) });
        assert!(matches!(read("m", unknown), Err(Useless::Junk(_))), "whatever its kind is");
    }

    #[test]
    fn a_message_whose_blocks_nest_too_deep_is_not_taken() {
        let read = |depth: usize| {
            let (open, shut) = ("[".repeat(depth), "]".repeat(depth));
            let blocks = format!(
                r#"[{{"document":{{"format":"txt","name":"d","source":{{"text":"x"}},"x":{open}{shut}}}}}]"#
            );
            let Value::Object(data) = json!({ "kind": "message", "text": "See there", "json": blocks })
            else {
                panic!("an object")
            };
            let path = Paths::new("u", "t").inbox_item("m");
            InboxItem::read(&StoredDocument { path, data, version: "1".into(), age_ms: None })
        };
        assert!(read(50).is_ok(), "{:?}", read(50));
        assert!(matches!(read(110), Err(Useless::Junk(_))));
    }

    #[test]
    fn an_answer_that_nests_too_deep_is_not_taken() {
        let item = decision("c", 1, "n".into(), answer(Some(json!(1)), false));
        let mut document = stored(item.create(&Paths::new("u", "t"), Now::default()));
        let deep = format!(r#"{{"decision":"answer","result":{}{}}}"#, "[".repeat(110), "]".repeat(110));
        document.data.insert("json".into(), deep.into());
        let Err(Useless::Junk(said)) = InboxItem::read(&document) else { panic!("it is junk") };
        assert!(said.contains("nests too deep"), "{said}");
    }

    #[test]
    fn a_decision_lies_under_the_id_of_its_question() {
        let item = decision("tool:1", 4, "n".into(), Decision::Reject { reason: None });
        let mut document = stored(item.create(&Paths::new("u", "t"), Now::default()));
        assert!(InboxItem::read(&document).is_ok());
        for id in ["decision-tool:1-5", "decision-tool:2-4", "decision-x-tool:1-4", "0000000000001-x"] {
            document.path = Paths::new("u", "t").inbox_item(id);
            assert!(matches!(InboxItem::read(&document), Err(Useless::Junk(_))), "{id}");
        }
    }

    #[test]
    fn an_item_counts_with_its_text_and_never_as_nothing() {
        let message = |text: &str| InboxItem::Message {
            id: "a".into(),
            text: text.into(),
            in_thread: false,
            content: None,
        };
        assert_eq!([message("").bytes(), message("äb").bytes()], [1, 4]);
        let approved = Decision::Approve { note: Some("go".into()) };
        let json = serde_json::to_string(&approved).unwrap();
        assert_eq!(decision("c", 1, "n".into(), approved).bytes(), json.len() + 1);
    }

    #[test]
    fn a_decisions_id_fits_into_a_path_and_messages_sort_by_time() {
        assert_eq!(decision_id("a_B-9.:", 12), "decision-a_B-9.:-12");
        assert_eq!(decision_id("a/ä", 1), "decision-a%2F%C3%A4-1");
        let mut rng = Rng::new(1);
        let ids = [999, 1_000, 1_700_000_000_000].map(|wall| message_id(wall, &mut rng));
        assert!(ids.windows(2).all(|w| w[0] < w[1]), "{ids:?}");
    }

    #[test]
    fn a_document_says_when_it_was_sent_and_what_it_takes_in_the_journal() {
        let blocks = Some(Rc::new(vec![json!({ "text": "x".repeat(1_000) })]));
        let message =
            |content| InboxItem::Message { id: "a".into(), text: "hi".into(), in_thread: false, content };
        assert_eq!(message(None).bytes(), 3);
        assert!((1_003..1_050).contains(&message(blocks.clone()).bytes()));
        let now = Now { wall: 1_700_000_000_000, ..Now::default() };
        for item in [message(blocks), decision("c", 1, "n".into(), answer(None, false))] {
            let sent = stored(item.create(&Paths::new("u", "t"), now));
            assert_eq!(sent.data["at"], "2023-11-14T22:13:20.000Z");
        }
    }
}
