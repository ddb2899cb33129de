use super::*;
use crate::converse::{RequestOp, Transcript, Validator, text, tool_config, validate};
use proptest::prelude::*;

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just(" \n".to_owned()),
        "[ab]",
        "[ -~]{0,8}",
        Just("AAEC".to_owned()),
        Just("x".repeat(70)),
        ".{0,4}",
    ]
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec((key(), inner), 0..3).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "text",
        "type",
        "content",
        "toolUse",
        "toolResult",
        "toolUseId",
        "id",
        "json",
        "source",
        "bytes",
        "$bytes",
        "reasoningContent",
        "reasoningText",
        "image",
        "document",
        "cachePoint",
        "status",
        "input",
        "data",
    ])
    .prop_map(str::to_owned)
}

fn block() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => word().prop_map(|words| json!({ "text": words })),
        1 => word().prop_map(|words| json!({ "type": "text", "text": words })),
        3 => (word(), word(), json_value())
            .prop_map(|(id, name, input)| json!({ "toolUse": { "toolUseId": id, "name": name, "input": input } })),
        3 => (word(), word(), json_value())
            .prop_map(|(id, name, input)| json!({ "type": "tool_use", "id": id, "name": name, "input": input })),
        3 => (word(), content(json_value().boxed()), prop::bool::ANY).prop_map(|(id, content, failed)| {
            json!({ "toolResult": { "toolUseId": id, "content": content, "status": if failed { "error" } else { "success" } } })
        }),
        3 => (word(), json_value(), any::<bool>()).prop_map(|(id, content, failed)| {
            json!({ "type": "tool_result", "tool_use_id": id, "content": content, "is_error": failed })
        }),
        1 => (word(), word())
            .prop_map(|(text, signature)| json!({ "type": "thinking", "thinking": text, "signature": signature })),
        1 => json_value().prop_map(|value| json!({ "reasoningContent": value })),
        1 => json_value().prop_map(|value| json!({ "document": { "source": value } })),
        1 => json_value().prop_map(|value| json!({ "type": "image", "source": value })),
        1 => Just(json!({ "cachePoint": { "type": "default" } })),
        1 => Just(json!({ "reasoningContent": { "redactedContent": { "$bytes": "AAEC" } } })),
        1 => json_value(),
    ]
}

fn content(block: BoxedStrategy<Value>) -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => prop::collection::vec(block, 0..5).prop_map(Value::from),
        1 => word().prop_map(Value::from),
        1 => json_value(),
    ]
}

fn element() -> impl Strategy<Value = Value> {
    let role = prop_oneof![5 => Just("user"), 5 => Just("assistant"), 1 => Just("system")];
    prop_oneof![
        9 => (role, content(block().boxed())).prop_map(|(role, content)| json!({ "role": role, "content": content, "ts": 1 })),
        1 => json_value(),
    ]
}

fn tools() -> Option<Value> {
    tool_config(&[], ["any"])
}

fn more() -> Value {
    json!({ "role": "user", "content": [text("Go on.")] })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_was_stored_becomes_a_valid_conversation(old in prop::collection::vec(element(), 0..10)) {
        let mut messages = repair(&old).messages;
        prop_assert_eq!(repair(&messages).messages.len(), messages.len());
        for said in messages.iter().filter(|message| message["role"] == "assistant") {
            let content = said["content"].as_array().unwrap();
            prop_assert_eq!(&as_taken_back(content.clone()), content);
            prop_assert!(is_reasoning(&content[0]) || !content.iter().any(is_reasoning));
        }
        messages.push(more());
        prop_assert_eq!(validate(&messages, tools().as_ref()), Ok(()));
    }

    #[test]
    fn repairing_again_changes_nothing(old in prop::collection::vec(element(), 0..10)) {
        let once = repair(&old).messages;
        let again = repair(&once);
        prop_assert_eq!(again.left_out, 0);
        prop_assert_eq!(without_names(again.messages), without_names(once));
    }

    #[test]
    fn an_imported_history_passes_as_operations_and_shrinks_validly(
        old in prop::collection::vec(element(), 0..12),
        recoveries in 0_usize..6,
    ) {
        let (mut transcript, mut validator) = (Transcript::new(), Validator::new());
        let mut ops = vec![RequestOp::Tools(tools())];
        for message in repair(&old).messages {
            ops.extend(transcript.import(&message));
        }
        ops.extend(transcript.user(vec![text("Go on.")]));
        for _ in 0..recoveries {
            let before = transcript.bytes();
            match transcript.shrink("Go on.") {
                Some(trim) => ops.push(trim.op()),
                None => break,
            }
            prop_assert!(transcript.bytes() < before);
        }
        ops.extend(transcript.user(vec![text("Go on."), text("Now.")]));
        for op in &ops {
            prop_assert_eq!(validator.check(op), Ok(()));
        }
        prop_assert_eq!(validator.ready(), Ok(()));
    }
}

/// Documents are numbered anew each time.
fn without_names(messages: Vec<Value>) -> Vec<Value> {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(members) => {
                if let Some(Value::Object(document)) = members.get_mut("document") {
                    document.remove("name");
                }
                members.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut messages = messages;
    messages.iter_mut().for_each(strip);
    messages
}
