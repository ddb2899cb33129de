//! What the fuzz has found, by name.

use super::harness::{TARGETS, run};
use super::support::{task_with, tool};
use serde_json::{Value, json};

/// What holds whatever happens is asserted there.
fn holds(target: &str, scenario: Value) {
    run(TARGETS.into_iter().find(|known| known.name == target).unwrap(), &scenario);
}

fn nested(levels: usize) -> Value {
    (0..levels).fold(json!(1), |inner, _| json!([inner]))
}

fn journal(facts: &Value) -> Value {
    let body = json!({ "wall": 1, "active_ms": 0, "facts": facts }).to_string();
    let entry = json!({ "seq": 1, "epoch": 1, "write_id": "w", "at": "", "kinds": [], "json": body });
    let head = json!({ "schema": 1, "history": "h", "epoch": 1, "seq": 1, "write_id": "w",
        "created_at": "2026-01-01T00:00:00.000Z", "last_run": "paused", "attempts": 0 });
    let mut task = task_with(2);
    task["status"] = json!("paused");
    json!({ "": task, "engine/head": head, "journal/00000001": entry })
}

#[test]
fn a_plan_that_nests_too_deep_to_be_journaled_is_refused() {
    for place in ["/progress/milestones/0/due", "/progress/tasks/m1/0/name"] {
        let mut task = task_with(2);
        let (parent, name) = place.rsplit_once('/').unwrap();
        task.pointer_mut(parent).unwrap()[name] = nested(115);
        holds("documents", json!({ "documents": { "": task } }));
    }
}

#[test]
fn a_stored_turn_that_no_model_would_take_back_is_refused_and_not_sent() {
    let content = json!([{ "toolUse": { "toolUseId": "a", "name": "work", "input": "no object" } }]);
    let uses = json!([{ "id": "a", "name": "work", "input": "no object" }]);
    let turn = json!({ "content": content, "text": "", "stop": "tool_use", "uses": uses });
    let usage = json!({ "inputTokens": 1, "outputTokens": 1, "totalTokens": 2 });
    let facts = json!([
        { "kind": "begun", "how": "started" },
        { "kind": "received", "inbox": "i", "text": "Go on." },
        { "kind": "turn", "messageId": "m", "turn": turn, "usage": usage, "total": usage },
    ]);
    holds("documents", json!({ "documents": journal(&facts), "config": { "intent": "resume" } }));
}

#[test]
fn a_tool_of_a_name_that_no_model_takes_is_refused_and_not_sent() {
    holds("answers", json!({ "answers": { "tools": [tool("two words")] } }));
}

#[test]
fn what_a_tool_returns_nested_too_deep_to_be_journaled_is_refused() {
    let example: Value = serde_json::from_str(include_str!("../../fuzz/seeds/answers/results.json")).unwrap();
    for returned in [json!({ "rows": nested(125) }), json!({ "$content": [{ "json": nested(125) }] })] {
        let mut scenario = example.clone();
        scenario["answers"]["results"][0] = json!({ "returns": returned });
        holds("answers", scenario);
    }
}

#[test]
fn a_lease_without_an_end_can_be_read_by_others() {
    let options = json!({ "leaseTtlMs": 9_007_199_254_740_991_u64, "storeTimeoutMs": 1e9, "graceMs": 1e13 });
    let config = json!({ "limits": { "documentBytes": 1_000_000, "commitBytes": 0 }, "options": options });
    holds("config", json!({ "config": config }));
}

#[test]
fn a_lease_of_any_length_is_reckoned_with() {
    holds(
        "config",
        json!({ "config": { "options": { "leaseTtlMs": 1e300, "graceMs": 1e300, "maxDurationMs": 1e300 } } }),
    );
}
