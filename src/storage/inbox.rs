//! The inbox: decisions and messages on their way to the run that journals them.

use crate::converse::blocks::{excerpt, is_too_deep};
use crate::converse::validity::check_message;
use crate::facts::fact::Decision;
use crate::ids::{Paths, Rng};
use crate::store::{StoreWrite, StoredDocument};
use crate::time::{Now, iso8601};
use serde_json::{Map, Value, json};
use std::rc::Rc;

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
                let blocks = content.as_ref().and_then(|blocks| serde_json::to_string(blocks.as_ref()).ok());
                text.len() + blocks.map_or(0, |json| json.len()) + 1
            }
            InboxItem::Decision { decision, .. } => {
                serde_json::to_string(decision).map_or(0, |json| json.len()) + 1
            }
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
    /// What is wrong, for the log: such a document was not put there by any `approve`, `reject`, `answer` or `send`
    /// of this version and is to be left where it is.
    pub fn read(document: &StoredDocument) -> Result<InboxItem, String> {
        let text = |name: &str| {
            let found = document.data.get(name).and_then(Value::as_str);
            found.ok_or_else(|| foreign(document, &format!("{name} is no string")))
        };
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
                let decision = serde_json::from_str(text("json")?)
                    .map_err(|e| foreign(document, &format!("json cannot be read ({e})")))?;
                // The entry that journals it nests deeper still, and has to be read again.
                if matches!(&decision, Decision::Answer { result: Some(result), .. } if is_too_deep(result)) {
                    return Err(foreign(document, "the answer nests too deep"));
                }
                Ok(InboxItem::Decision {
                    id,
                    tool_call_id: text("tool_call_id")?.to_owned(),
                    asked_seq,
                    nonce: text("nonce")?.to_owned(),
                    decision,
                })
            }
            other => Err(foreign(document, &format!("its kind is {:?}", excerpt(other, 60)))),
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
                data.insert("json".into(), serde_json::to_string(decision).unwrap_or_default().into());
            }
            InboxItem::Message { text, in_thread, content, .. } => {
                data.insert("kind".into(), "message".into());
                data.insert("text".into(), text.clone().into());
                if let Some(blocks) = content {
                    let json = serde_json::to_string(blocks.as_ref()).unwrap_or_default();
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
    let blocks: Vec<Value> = serde_json::from_str(json).ok()?;
    let content = |block: &Value| check_message(&json!({ "role": "user", "content": [block] })).is_ok();
    let known = |block: &Value| {
        ["text", "image", "document", "video", "searchResult"].iter().any(|kind| block.get(kind).is_some())
    };
    let sound = !blocks.is_empty() && blocks.iter().all(|b| known(b) && content(b) && !is_too_deep(b));
    sound.then_some(blocks)
}

fn foreign(document: &StoredDocument, what: &str) -> String {
    format!("{} is left where it is: {what}. Nothing of this version put it there.", document.path)
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
pub fn message_id(now: Now, rng: &mut Rng) -> String {
    format!("{:013}-{}", now.wall.max(0), rng.id())
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
        let deep = format!(r#"{{"decision":"answer","result":{}{}}}"#, "[".repeat(110), "]".repeat(110));
        for (data, what) in [
            (json!({}), "kind is no string"),
            (json!({ "kind": "message", "text": " " }), "text is blank"),
            (json!({ "kind": "message", "text": "x", "json": "[]" }), "no blocks"),
            (json!({ "kind": "message", "text": "x", "json": r#"[{"toolUse":{}}]"# }), "no blocks"),
            (json!({ "kind": "message", "text": "x", "json": r#"[{"text":" "}]"# }), "no blocks"),
            (json!({ "kind": "message", "text": "x", "json": 1 }), "json is no string"),
            (json!({ "kind": "decision", "tool_call_id": "c" }), "asked_seq"),
            (json!({ "kind": "later" }), "\"later\""),
            (
                json!({ "kind": "decision", "tool_call_id": "c", "asked_seq": 1, "nonce": "n", "json": deep }),
                "nests too deep",
            ),
        ] {
            let Value::Object(data) = data else { panic!("an object") };
            let path = paths.inbox_item("x");
            let write = StoreWrite::Create { path: path.clone(), data };
            let error = InboxItem::read(&stored(write)).unwrap_err();
            assert!(error.contains(what) && error.contains(&path), "{error}");
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
        let at = |wall, rng: &mut Rng| message_id(Now { wall, ..Now::default() }, rng);
        let ids = [at(999, &mut rng), at(1_000, &mut rng), at(1_700_000_000_000, &mut rng)];
        assert!(ids.windows(2).all(|w| w[0] < w[1]), "{ids:?}");
    }
}
