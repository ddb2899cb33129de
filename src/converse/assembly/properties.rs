use super::*;
use crate::converse::{ResultStatus, tool_config, tool_result, validate};
use proptest::prelude::*;
use std::cell::Cell;

/// Replacements that collide with each other and with what models send.
struct Ids(Cell<u32>);

impl ToolUseIds for Ids {
    fn is_used(&self, id: &str) -> bool {
        id == "b"
    }
    fn replacement(&self, _index: usize) -> String {
        self.0.set(self.0.get() + 1);
        ["a", "b", "not valid", "h-1"][self.0.get() as usize % 4].to_owned()
    }
}

fn words() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["", " ", "a", "b", "a b", "{", "}", "{\"a\":1}", "[1]", "é\n", "word "])
        .prop_map(str::to_owned)
}

fn delta() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => words().prop_map(|words| json!({ "text": words })),
        3 => words().prop_map(|words| json!({ "toolUse": { "input": words } })),
        2 => words().prop_map(|words| json!({ "reasoningContent": { "text": words } })),
        1 => words().prop_map(|words| json!({ "reasoningContent": { "signature": words } })),
        1 => Just(json!({ "reasoningContent": { "redactedContent": { "$bytes": "AA==" } } })),
        1 => words().prop_map(|words| json!({ "citation": { "title": words } })),
        1 => words().prop_map(|words| json!({ "chart": { words: [1] } })),
        1 => words().prop_map(|words| json!({ "$unknown": ["x", words] })),
        1 => words().prop_map(|words| json!({ "toolResult": [{ "text": words }, { "json": 1 }] })),
        1 => Just(json!({ "cachePoint": { "type": "default" } })),
        1 => words().prop_map(|words| json!({ words: 1 })),
    ]
}

fn event() -> impl Strategy<Value = Value> {
    let index = prop_oneof![9 => (0..3_i64).prop_map(Value::from), 1 => Just(json!(-1))];
    prop_oneof![
        6 => (index.clone(), delta())
            .prop_map(|(index, delta)| json!({ "contentBlockDelta": { "contentBlockIndex": index, "delta": delta } })),
        3 => (index, words(), words()).prop_map(|(index, id, name)| json!({ "contentBlockStart": {
            "contentBlockIndex": index, "start": { "toolUse": { "toolUseId": id, "name": name } }
        } })),
        1 => (0..3, words()).prop_map(|(index, id)| json!({ "contentBlockStart": {
            "contentBlockIndex": index, "start": { "toolResult": { "toolUseId": id, "status": "error" } }
        } })),
        1 => (0..3, words()).prop_map(|(index, id)| json!({ "contentBlockStart": {
            "contentBlockIndex": index,
            "start": { "toolUse": { "toolUseId": id, "name": "web", "type": "server_tool_use" } }
        } })),
        2 => (0..3, delta())
            .prop_map(|(index, start)| json!({ "contentBlockStart": { "contentBlockIndex": index, "start": start } })),
        1 => Just(json!({ "contentBlockStop": { "contentBlockIndex": 0 } })),
        1 => Just(json!({ "throttlingException": { "message": "slow down" } })),
        1 => words().prop_map(|words| json!({ words: {} })),
    ]
}

fn stop_reason() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "end_turn",
        "tool_use",
        "max_tokens",
        "guardrail_intervened",
        "content_filtered",
        "model_context_window_exceeded",
        "malformed_tool_use",
        "new",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn whatever_streams_in_a_finished_turn_is_a_valid_message(
        events in prop::collection::vec(event(), 0..20),
        reason in stop_reason(),
    ) {
        let mut assembly = Assembly::new();
        let ids = Ids(Cell::new(0));
        let mut live = String::new();
        let mut written = Vec::new();
        for event in &events {
            match assembly.event(event, &ids) {
                Ok(Some(Live::Text(delta))) => live.push_str(&delta),
                Ok(Some(Live::ToolInput { id, .. })) => written.push(id),
                _ => {}
            }
        }
        prop_assert_eq!(assembly.text_so_far(), &live);
        assembly.event(&json!({ "messageStop": { "stopReason": reason } }), &ids).unwrap();
        let Ok(turn) = assembly.finish(&ids) else { return Ok(()) };
        prop_assert_eq!(&turn.text, &live);
        prop_assert!(turn.uses.iter().all(|call| call.input.is_object()));
        let called = |id: &String| turn.uses.iter().any(|call| call.id == *id);
        prop_assert!(turn.stop.withheld() || written.iter().all(called), "{:?}", written);
        prop_assert!(turn.agrees_with_itself());
        if turn.content.is_empty() {
            return Ok(());
        }
        let text = |words: &str| json!({ "text": words });
        let mut answer: Vec<Value> =
            turn.uses.iter().map(|call| tool_result(&call.id, ResultStatus::Success, vec![])).collect();
        answer.push(text("Go on."));
        let messages = [
            json!({ "role": "user", "content": [text("Go.")] }),
            json!({ "role": "assistant", "content": turn.content }),
            json!({ "role": "user", "content": answer }),
        ];
        prop_assert_eq!(validate(&messages, tool_config(&[], ["any"]).as_ref()), Ok(()));
    }
}
