use super::*;
use crate::error::{Code, EngineError};
use std::rc::Rc;

fn entry(facts: Value) -> Entry {
    Entry {
        seq: 7,
        epoch: 3,
        write_id: "w".into(),
        wall: 1_767_225_600_000,
        active_ms: 0,
        facts: serde_json::from_value(facts).unwrap(),
    }
}

fn announced(facts: Value) -> Vec<Value> {
    announce("t", &entry(facts))
}

/// The only event of a fact, without what every event has.
fn told(fact: Value) -> Value {
    let mut events = announced(json!([fact]));
    assert_eq!(events.len(), 1, "{events:?}");
    let Some(Value::Object(mut event)) = events.pop() else { panic!("an object") };
    for name in ["taskId", "id", "seq", "epoch", "at"] {
        assert!(event.shift_remove(name).is_some(), "{name}");
    }
    Value::Object(event)
}

fn call(id: &str) -> Value {
    json!({ "id": id, "name": "work", "input": { "of": id } })
}

fn result(id: &str) -> Value {
    json!({ "kind": "result", "toolCallId": id, "name": "work", "status": "success", "content": [{ "text": id }] })
}

fn usage(tokens: u64) -> Value {
    json!({ "inputTokens": tokens, "outputTokens": 0, "totalTokens": tokens, "cacheReadInputTokens": 0,
        "cacheWriteInputTokens": 0, "unreported": 0 })
}

fn turn(words: &str, uses: &[&str]) -> Value {
    let uses: Vec<Value> = uses.iter().map(|id| call(id)).collect();
    let turn = json!({ "content": [{ "text": words }], "stop": "end_turn", "uses": uses });
    json!({ "kind": "turn", "messageId": "m", "turn": turn, "usage": usage(1), "total": usage(5) })
}

fn progress() -> Value {
    json!({ "kind": "progress", "overall": 50, "item": { "id": "i", "name": "Item", "status": "completed" } })
}

#[test]
fn what_an_entry_tells_comes_in_the_order_in_which_a_reader_understands_it() {
    let stated = json!({ "kind": "stated", "item": { "item": "i" }, "name": "Item", "text": "Do it." });
    let waiting = json!({ "kind": "waiting", "toolCall": call("b"), "why": "approval" });
    let ended = json!({ "kind": "ended", "status": "paused" });
    // As odd an order as can be.
    let events =
        announced(json!([ended, progress(), waiting, result("a"), turn("Words.", &["a", "b"]), stated,
            { "kind": "begun", "how": "resumed" }]));
    let types: Vec<&str> = events.iter().map(|e| e["type"].as_str().unwrap()).collect();
    assert_eq!(
        types,
        [
            "task:resumed",
            "task:message_saved",
            "task:message_saved",
            "task:message_saved",
            "task:tool_call",
            "task:tool_call",
            "task:tool_result",
            "task:approval_required",
            "task:usage",
            "task:progress_update",
            "task:paused",
        ]
    );
    let ids: Vec<&str> = events.iter().map(|e| e["id"].as_str().unwrap()).collect();
    let expected: Vec<String> = (0..events.len()).map(|n| format!("7.{n}")).collect();
    assert_eq!(ids, expected);
    for event in &events {
        assert_eq!((&event["taskId"], &event["seq"], &event["epoch"]), (&json!("t"), &json!(7), &json!(3)));
        assert_eq!(event["at"], "2026-01-01T00:00:00.000Z");
    }
    let calls: Vec<&Value> =
        events.iter().filter(|e| e["type"] == "task:tool_call").map(|e| &e["toolCall"]).collect();
    assert_eq!(calls, [&call("a"), &call("b")]);
}

#[test]
fn events_of_one_kind_keep_the_order_of_their_facts() {
    let results = announced(json!([result("b"), result("a"), result("c")]));
    let ids: Vec<&str> = results.iter().map(|e| e["toolCallId"].as_str().unwrap()).collect();
    assert_eq!(ids, ["b", "a", "c"]);
}

#[test]
fn each_fact_that_is_told_is_told_with_all_that_matters() {
    for (fact, event) in [
        (json!({ "kind": "begun", "how": "started" }), json!({ "type": "task:started" })),
        (json!({ "kind": "begun", "how": "resumed" }), json!({ "type": "task:resumed" })),
        (
            json!({ "kind": "begun", "how": "recovered" }),
            json!({ "type": "task:resumed", "recovered": true }),
        ),
        (
            json!({ "kind": "received", "inbox": "i", "text": "Hi" }),
            json!({ "type": "task:message_saved", "messageId": "i", "role": "user", "content": "Hi", "streaming": false }),
        ),
        (turn(" ", &[]), json!({ "type": "task:usage", "usage": usage(1), "total": usage(5) })),
        (
            json!({ "kind": "spent", "usage": usage(2), "total": usage(7) }),
            json!({ "type": "task:usage", "usage": usage(2), "total": usage(7) }),
        ),
        (
            result("a"),
            json!({ "type": "task:tool_result", "toolCallId": "a", "name": "work", "status": "success",
                "content": [{ "text": "a" }] }),
        ),
        (
            json!({ "kind": "waiting", "toolCall": call("a"), "why": "approval" }),
            json!({ "type": "task:approval_required", "toolCall": call("a") }),
        ),
        (
            json!({ "kind": "waiting", "toolCall": call("a"), "why": "input" }),
            json!({ "type": "task:answer_required", "toolCall": call("a"), "why": "input" }),
        ),
        (
            json!({ "kind": "waiting", "toolCall": call("a"), "why": "unknown_outcome" }),
            json!({ "type": "task:answer_required", "toolCall": call("a"), "why": "unknown_outcome" }),
        ),
        (
            progress(),
            json!({ "type": "task:progress_update", "overall": 50,
                "item": { "id": "i", "name": "Item", "status": "completed" } }),
        ),
    ] {
        assert_eq!(told(fact), event);
    }
    let asked_again = asking(
        &ToolCall { id: "a".into(), name: "work".into(), input: Rc::new(json!({})) },
        Why::Approval,
        true,
    );
    assert_eq!(asked_again["again"], true);
}

#[test]
fn an_unknown_outcome_is_marked_and_stands_in_the_thread() {
    let mut unknown = result("a");
    unknown["unknown"] = json!(true);
    let events = announced(json!([unknown]));
    assert_eq!((&events[0]["type"], &events[0]["role"]), (&json!("task:message_saved"), &json!("system")));
    assert_eq!((&events[1]["type"], &events[1]["unknown"]), (&json!("task:tool_result"), &json!(true)));
}

#[test]
fn an_end_tells_why() {
    let end = |status: &str, reason: Option<&str>| {
        let mut fact = json!({ "kind": "ended", "status": status });
        if let Some(reason) = reason {
            fact["reason"] = json!(reason);
        }
        announced(json!([fact])).pop().unwrap()
    };
    for (status, name) in
        [("paused", "task:paused"), ("stopped", "task:stopped"), ("completed", "task:completed")]
    {
        assert_eq!((&end(status, None)["type"], end(status, None).get("reason")), (&json!(name), None));
        assert_eq!(end(status, Some("enough"))["reason"], "enough");
    }
    let mut error = EngineError::new(Code::ModelDenied, "No access.");
    for retryable in [true, false] {
        error.retryable = retryable;
        let status = EndStatus::Failed;
        let fact = Fact::Ended { status, reason: None, error: Some(Rc::new(error.clone())) };
        let event = announce("t", &Entry { facts: vec![fact], ..entry(json!([])) }).pop().unwrap();
        assert_eq!((&event["type"], &event["error"]), (&json!("task:error"), &json!("No access.")));
        assert_eq!((&event["code"], &event["retryable"]), (&json!("MODEL_DENIED"), &json!(retryable)));
    }
}

#[test]
fn what_only_the_engine_needs_to_know_is_not_told() {
    let silent = json!([
        { "kind": "reset" },
        { "kind": "starting", "toolCallIds": ["a"] },
        { "kind": "not_run", "toolCallIds": ["a"] },
        { "kind": "nudged", "text": "Go on." },
        { "kind": "decided", "inbox": "i", "toolCallId": "a", "nonce": "n", "decision": { "decision": "approve" } },
        { "kind": "done", "item": { "item": "i" }, "text": "Done." },
        { "kind": "received", "inbox": "i", "text": "Hi", "inThread": true },
        { "kind": "imported", "messages": [], "repaired": 0, "leftOut": 0 },
        { "kind": "saved", "message": {} },
    ]);
    assert_eq!(announced(silent), [] as [Value; 0]);
}
