use super::*;
use crate::converse::{ResultStatus, tool_result};

const STATEMENT: &str = "Work on item 3.";

/// Applies operations as the client side does.
#[derive(Default)]
struct Client {
    messages: Vec<Value>,
}

impl Client {
    fn apply(&mut self, op: RequestOp) {
        match op {
            RequestOp::Push(message) => self.messages.push(message),
            RequestOp::Replace(index, message) => self.messages[index] = message,
            RequestOp::DropBefore(index, marker) => {
                self.messages.drain(..index);
                if self.messages[0]["role"] == "user" {
                    let mut content = marker["content"].as_array().unwrap().clone();
                    content.extend(self.messages[0]["content"].as_array().unwrap().iter().cloned());
                    self.messages[0]["content"] = json!(content);
                } else {
                    self.messages.insert(0, marker);
                }
            }
            _ => {}
        }
    }

    fn bytes(&self) -> usize {
        self.messages.iter().map(|message| message.to_string().len()).sum()
    }

    fn says(&self, words: &str) -> bool {
        self.messages.iter().any(|message| message.to_string().contains(words))
    }
}

#[derive(Default)]
struct Conversation {
    transcript: Transcript,
    client: Client,
}

impl Conversation {
    fn user(&mut self, content: Vec<Value>) -> &mut Self {
        if let Some(op) = self.transcript.user(content) {
            self.client.apply(op);
        }
        self
    }

    fn assistant(&mut self, content: Vec<Value>) -> &mut Self {
        let op = self.transcript.assistant(content);
        self.client.apply(op);
        self
    }

    /// A call with a result of `bytes` bytes.
    fn step(&mut self, id: &str, bytes: usize) -> &mut Self {
        self.assistant(vec![call(id)]).user(vec![result(id, bytes)])
    }

    fn shrink(&mut self) -> Option<Trim> {
        let trim = self.transcript.shrink(STATEMENT)?;
        self.client.apply(trim.op());
        Some(trim)
    }

    fn assert_valid(&self) {
        let roles: Vec<_> = self.client.messages.iter().map(|message| message["role"].clone()).collect();
        for (index, role) in roles.iter().enumerate() {
            assert_eq!(role, if index % 2 == 0 { "user" } else { "assistant" }, "{roles:?}");
        }
        let first = self.client.messages[0]["content"].as_array().unwrap();
        assert!(first.iter().all(|block| block.get("toolResult").is_none()), "an orphan result");
    }
}

fn call(id: &str) -> Value {
    json!({ "toolUse": { "toolUseId": id, "name": "read", "input": {} } })
}

fn result(id: &str, bytes: usize) -> Value {
    tool_result(id, ResultStatus::Success, vec![text(&"x".repeat(bytes))])
}

#[test]
fn the_tail_is_pushed_once_and_then_replaced_when_it_changes() {
    let mut transcript = Transcript::new();
    let hello = || vec![text("hello")];
    assert_eq!(
        transcript.user(hello()),
        Some(RequestOp::Push(json!({ "role": "user", "content": [{ "text": "hello" }] })))
    );
    assert_eq!(transcript.user(hello()), None);
    assert_eq!(
        transcript.user(vec![text("hello"), text("again")]),
        Some(RequestOp::Replace(
            0,
            json!({ "role": "user", "content": [{ "text": "hello" }, { "text": "again" }] })
        ))
    );
    transcript.assistant(vec![text("yes?")]);
    assert!(matches!(transcript.user(hello()), Some(RequestOp::Push(_))));
    assert_eq!(transcript.len(), 3);
}

#[test]
fn an_empty_tail_is_no_message() {
    let mut transcript = Transcript::new();
    assert_eq!(transcript.user(vec![]), None);
    assert_eq!(transcript.user(vec![text(" ")]), None);
    assert!(transcript.is_empty());
    transcript.user(vec![text("hello")]);
    assert!(!transcript.is_empty());
}

#[test]
fn results_stand_before_texts() {
    let mut conversation = Conversation::default();
    conversation.user(vec![text("go")]).assistant(vec![call("a")]);
    conversation.user(vec![text("hurry"), result("a", 1)]);
    let content = &conversation.client.messages[2]["content"];
    assert!(content[0].get("toolResult").is_some());
    assert_eq!(content[1]["text"], "hurry");
}

#[test]
fn the_size_is_that_of_the_messages_as_json() {
    let mut conversation = Conversation::default();
    conversation.user(vec![text("go")]).step("a", 100).step("b", 10);
    conversation.user(vec![result("b", 20)]);
    assert_eq!(conversation.transcript.bytes(), conversation.client.bytes());
}

#[test]
fn every_recovery_is_strictly_smaller_until_nothing_more_can_go() {
    let mut conversation = Conversation::default();
    conversation.user(vec![text(STATEMENT)]);
    for n in 0..40 {
        conversation.step(&format!("call-{n}"), 500 + 37 * n);
    }
    let mut recoveries = 0;
    let mut bytes = conversation.client.bytes();
    while let Some(_trim) = conversation.shrink() {
        conversation.assert_valid();
        assert!(conversation.client.bytes() < bytes);
        assert!(conversation.client.says(STATEMENT));
        assert!(conversation.client.says("call-39"), "the last pair stays");
        bytes = conversation.client.bytes();
        assert_eq!(conversation.transcript.bytes(), bytes);
        recoveries += 1;
        assert!(recoveries < 20);
    }
    assert!(recoveries >= 4);
    assert_eq!(conversation.client.messages.len(), 3);
}

#[test]
fn a_recovery_halves_the_request_where_it_can() {
    let mut conversation = Conversation::default();
    conversation.user(vec![text(STATEMENT)]);
    for n in 0..20 {
        conversation.step(&format!("call-{n}"), 1_000);
    }
    let before = conversation.client.bytes();
    let trim = conversation.shrink().unwrap();
    assert!(conversation.client.bytes() <= before / 2);
    assert!(conversation.client.bytes() > before / 3, "no more than needed");
    assert!(conversation.client.says(&format!("[{} earlier messages", trim.left_out)));
}

#[test]
fn the_statement_is_repeated_only_where_it_would_be_lost() {
    let mut conversation = Conversation::default();
    conversation.user(vec![text("Work on item 2.")]).step("a", 5_000).step("b", 5_000);
    conversation.assistant(vec![text("Item 2 is done.")]).user(vec![text(STATEMENT)]).step("c", 10);
    conversation.shrink().unwrap();
    let texts = conversation.client.messages.iter().map(|m| m.to_string().matches(STATEMENT).count());
    assert_eq!(texts.sum::<usize>(), 1);
    conversation.assert_valid();
}

#[test]
fn the_statement_is_repeated_though_other_words_of_a_user_stay() {
    let mut conversation = Conversation::default();
    conversation.user(vec![text(STATEMENT)]).step("a", 5_000).assistant(vec![text("Which one?")]);
    conversation.user(vec![text("The second.")]).step("b", 10);
    conversation.shrink().unwrap();
    assert!(conversation.client.says("The second.") && conversation.client.says(STATEMENT));
}

#[test]
fn a_tail_without_results_may_be_all_that_remains() {
    let mut conversation = Conversation::default();
    conversation.user(vec![text("Work on item 2.")]).assistant(vec![text(&"long ".repeat(1_000))]);
    conversation.user(vec![text(STATEMENT)]);
    conversation.shrink().unwrap();
    assert_eq!(conversation.client.messages.len(), 1);
    assert!(conversation.client.says("2 earlier messages"));
    assert_eq!(conversation.client.messages[0].to_string().matches(STATEMENT).count(), 1, "it stays anyway");
    conversation.user(vec![text(STATEMENT), text("And hurry.")]);
    assert!(conversation.client.says("2 earlier messages"), "the marker survives a change of the tail");
    assert!(conversation.client.says("And hurry."));
    assert_eq!(conversation.transcript.bytes(), conversation.client.bytes());
    conversation.step("a", 3_000).step("b", 10);
    let trim = conversation.shrink().unwrap();
    assert_eq!(trim.left_out, 5);
    conversation.assert_valid();
}

#[test]
fn what_cannot_get_smaller_is_left_alone() {
    let mut conversation = Conversation::default();
    assert_eq!(conversation.shrink(), None);
    conversation.user(vec![text(STATEMENT)]);
    assert_eq!(conversation.shrink(), None);
    conversation.step("a", 100_000);
    assert_eq!(conversation.shrink(), None, "dropping the statement alone would gain nothing");
}

#[test]
fn a_recovery_that_makes_the_request_no_smaller_is_none() {
    let shrinks = |bytes: usize| {
        let mut conversation = Conversation::default();
        let overhead = user("").to_string().len();
        conversation.user(vec![text(&"x".repeat(bytes - overhead))]).assistant(vec![call("a")]);
        // The statement stands where it stays, and its message holds a result: only the first message could go.
        conversation.user(vec![result("a", 1), text(STATEMENT)]);
        let before = conversation.client.bytes();
        let trim = conversation.shrink();
        assert_eq!(conversation.client.bytes() < before, trim.is_some());
        trim.is_some()
    };
    let said = marker(1, None).to_string().len();
    assert_eq!((shrinks(said - 1), shrinks(said), shrinks(said + 1)), (false, false, true));
}

#[test]
fn a_request_is_mostly_its_last_message_where_that_takes_more_than_half() {
    let asked = |bytes: usize| {
        let mut conversation = Conversation::default();
        conversation.assistant(vec![text(&"a".repeat(100))]).user(vec![text(&"u".repeat(bytes))]);
        conversation.transcript.is_mostly_its_last()
    };
    // "assistant" is five letters longer than "user".
    assert_eq!((asked(104), asked(105), asked(106)), (false, false, true));
    assert!(!Transcript::new().is_mostly_its_last());
}

#[test]
fn as_much_as_can_be_left_out_is_all_but_the_last_exchange() {
    let mut conversation = Conversation::default();
    for _ in 0..10 {
        conversation.user(vec![text(STATEMENT)]).assistant(vec![text(&"a".repeat(500))]);
    }
    conversation.user(vec![text("Go on.")]);
    let half = conversation.transcript.plan_trim(STATEMENT).unwrap();
    let all = conversation.transcript.plan_trim_of_all(STATEMENT).unwrap();
    assert!(half.before < all.before, "{half:?}");
    assert_eq!((all.before, all.left_out), (20, 20));
    assert!(all.marker.to_string().contains(STATEMENT));
}

#[test]
fn a_resume_repeats_what_was_journaled() {
    let live = {
        let mut live = Conversation::default();
        live.user(vec![text(STATEMENT)]).step("a", 4_000).step("b", 100);
        live
    };
    let mut resumed = Conversation::default();
    resumed.user(vec![text(STATEMENT)]).step("a", 4_000).step("b", 100);
    let mut live = live;
    let trim = live.shrink().unwrap();
    let journaled: Trim = serde_json::from_value(serde_json::to_value(&trim).unwrap()).unwrap();
    let op = resumed.transcript.apply_trim(&journaled).unwrap();
    resumed.client.apply(op);
    live.step("c", 5_000).step("d", 1);
    resumed.step("c", 5_000).step("d", 1);
    assert_eq!(live.client.messages, resumed.client.messages);
    assert_eq!(live.transcript.plan_trim(STATEMENT), resumed.transcript.plan_trim(STATEMENT));
}

#[test]
fn a_trim_that_does_not_fit_changes_nothing() {
    let mut conversation = Conversation::default();
    conversation.user(vec![text("go")]).step("a", 10);
    for before in [0, 2, 3, usize::MAX] {
        let trim = Trim { before, left_out: 1, marker: marker(1, None) };
        assert_eq!(conversation.transcript.apply_trim(&trim), None);
    }
    assert_eq!(conversation.transcript.len(), 3);
}

fn user(words: &str) -> Value {
    json!({ "role": "user", "content": [text(words)] })
}

fn assistant(words: &str) -> Value {
    json!({ "role": "assistant", "content": [text(words)] })
}

impl Conversation {
    fn import(&mut self, message: Value) -> &mut Self {
        for op in self.transcript.import(&message) {
            self.client.apply(op);
        }
        self
    }

    fn words(&self) -> Vec<String> {
        let join = |message: &Value| {
            let blocks = message["content"].as_array().unwrap().iter();
            blocks.map(|block| block["text"].as_str().unwrap_or("-")).collect::<Vec<_>>().join("+")
        };
        self.client.messages.iter().map(join).collect()
    }
}

#[test]
fn an_imported_history_is_followed_by_the_tail() {
    let mut conversation = Conversation::default();
    conversation.import(user("a")).import(assistant("b")).user(vec![text("c")]).user(vec![text("d")]);
    assert_eq!(conversation.words(), ["a", "b", "d"]);
    conversation.assert_valid();
}

#[test]
fn an_imported_user_message_stays_when_the_tail_changes() {
    let mut conversation = Conversation::default();
    conversation.user(vec![text("go")]).import(user("saved")).user(vec![text("go"), text("on")]);
    assert_eq!(conversation.words(), ["saved+go+on"]);
    conversation.assistant(vec![text("ok")]).user(vec![text("next")]);
    assert_eq!(conversation.words(), ["saved+go+on", "ok", "next"]);
}

#[test]
fn imported_messages_of_one_role_in_a_row_still_alternate() {
    let mut conversation = Conversation::default();
    conversation.import(assistant("a")).import(assistant("b")).import(user("c")).import(user("d"));
    assert_eq!(conversation.words(), [MISSING, "a", MISSING, "b", "c+d"]);
    conversation.assert_valid();
}

#[test]
fn a_conversation_that_was_cleared_begins_anew() {
    let mut conversation = Conversation::default();
    conversation.user(vec![text("go")]).step("a", 10);
    assert_eq!(conversation.transcript.clear(), RequestOp::Clear);
    conversation.client.messages.clear();
    conversation.user(vec![text("go")]);
    assert_eq!((conversation.words(), conversation.transcript.len()), (vec!["go".to_owned()], 1));
}

#[test]
fn a_statement_that_was_made_twice_stands_where_it_was_made_last() {
    let mut conversation = Conversation::default();
    conversation.user(vec![text(STATEMENT)]).step("a", 5_000).assistant(vec![text("Done.")]);
    conversation.user(vec![text(STATEMENT)]).step("b", 10);
    conversation.shrink().unwrap();
    let said: usize =
        conversation.client.messages.iter().map(|m| m.to_string().matches(STATEMENT).count()).sum();
    assert_eq!(said, 1);
}

#[test]
fn however_often_it_is_shortened_the_marker_counts_what_people_and_the_model_have_said() {
    let mut conversation = Conversation::default();
    conversation.user(vec![text(STATEMENT)]);
    let mut said = 1;
    for n in 0..6 {
        conversation.step(&format!("a{n}"), 5_000).step(&format!("b{n}"), 10);
        said += 4;
        let trim = conversation.shrink().unwrap();
        let kept = conversation.client.messages.len() as u64 - 1;
        assert_eq!(conversation.client.messages[0]["content"][0], trim.marker["content"][0]);
        assert_eq!(trim.left_out + kept, said, "{n}");
    }
}

#[test]
fn a_marker_stands_before_what_was_imported_into_the_message_that_remains() {
    let mut conversation = Conversation::default();
    conversation.user(vec![text("Work on item 2.")]).assistant(vec![text(&"long ".repeat(1_000))]);
    conversation.import(user("saved")).user(vec![text(STATEMENT)]);
    let marker = conversation.shrink().unwrap().marker["content"][0]["text"].as_str().unwrap().to_owned();
    conversation.user(vec![text(STATEMENT), text("And hurry.")]);
    assert_eq!(conversation.words(), [format!("{marker}+saved+{STATEMENT}+And hurry.")]);
}

#[test]
fn a_turn_whose_thought_was_cut_off_or_that_spoke_behind_its_call_goes_back_as_models_take_it() {
    let mut conversation = Conversation::default();
    let thought = json!({ "reasoningContent": { "reasoningText": { "text": "But" } } });
    conversation.user(vec![text("go")]).assistant(vec![call("a"), text("Looking. "), thought]);
    assert_eq!(conversation.client.messages[1]["content"], json!([{ "text": "Looking. " }, call("a")]));
    assert_eq!(conversation.transcript.bytes(), conversation.client.bytes());
}
