use super::*;
use crate::facts::fact::{Begin, Fact};
use crate::facts::task::{TaskConfig, TaskDocument};
use crate::limits::{RunOptions, Settings};
use serde_json::{Value, json};
use std::rc::Rc;

fn plan(items: usize) -> Plan {
    let items: Vec<Value> = (1..=items).map(|n| json!({ "id": format!("i{n}") })).collect();
    let data = json!({ "status": "in_progress", "title": "T",
        "progress": { "milestones": [{ "id": "m" }], "tasks": { "m": items } } });
    let Value::Object(data) = data else { panic!("an object") };
    TaskDocument::read("users/u/tasks/t", data).unwrap().plan
}

fn key(item: &str) -> ItemKey {
    ItemKey { milestone: Some("m".into()), item: item.into() }
}

fn control() -> Control {
    let config = TaskConfig {
        system_prompt: None,
        auto_approve: true,
        max_iterations: None,
        model: None,
        timeout_minutes: None,
    };
    let settings = Settings::resolve(&RunOptions::default(), &config);
    Control { completion: Completion::EndTurn, limits: settings.limits, active_ms: 0 }
}

fn explicit() -> Control {
    Control { completion: Completion::Explicit, ..control() }
}

fn said(live: &mut Live, facts: Value) {
    let facts: Vec<Fact> = serde_json::from_value(facts).unwrap();
    for fact in facts {
        live.apply(1, 0, &fact).unwrap();
    }
}

/// The first item is stated, and the model has not answered.
fn stated() -> Live {
    let mut live = Live::default();
    live.apply(1, 0, &Fact::Begun { how: Begin::Started }).unwrap();
    said(
        &mut live,
        json!([{ "kind": "stated", "item": { "milestone": "m", "item": "i1" }, "name": "", "text": "Do." }]),
    );
    live
}

fn turn(stop: &str, uses: &[&str]) -> Value {
    let uses: Vec<Value> =
        uses.iter().map(|id| json!({ "id": id, "name": "work", "input": { "n": 1 } })).collect();
    let turn = json!({ "content": [{ "text": "So." }], "stop": stop, "uses": uses });
    json!({ "kind": "turn", "messageId": "m", "turn": turn, "usage": {}, "total": {} })
}

fn result(id: &str) -> Value {
    json!({ "kind": "result", "toolCallId": id, "name": "work", "status": "success", "content": [] })
}

fn after(facts: Value) -> Live {
    let mut live = stated();
    said(&mut live, facts);
    live
}

#[test]
fn the_model_is_asked_while_it_owes_a_reply_and_an_item_is_stated() {
    assert_eq!(decide(&stated(), &plan(2), &control()), Step::Converse);
    let answered = after(json!([turn("tool_use", &["a"]), result("a")]));
    assert_eq!(decide(&answered, &plan(2), &control()), Step::Converse);
}

#[test]
fn items_are_stated_one_after_the_other_until_none_is_open() {
    let item = |live: &Live| match decide(live, &plan(2), &control()) {
        Step::State(item) => item.key.item,
        other => panic!("{other:?}"),
    };
    assert_eq!(item(&Live::default()), "i1");
    let mut live = after(json!([turn("end_turn", &[])]));
    assert_eq!(decide(&live, &plan(2), &control()), Step::Finish(key("i1")));
    Rc::make_mut(&mut live.done).insert(key("i1"));
    assert_eq!(item(&live), "i2");
    Rc::make_mut(&mut live.done).insert(key("i2"));
    assert_eq!(decide(&live, &plan(2), &control()), Step::Complete);
    let gone = after(json!([turn("end_turn", &[])]));
    assert_eq!(decide(&Live { stated: Some(key("gone")), ..gone }, &plan(1), &control()), {
        Step::State(plan(1).items()[0].clone())
    });
}

#[test]
fn a_message_is_answered_before_the_task_is_completed() {
    let mut live = after(json!([turn("end_turn", &[])]));
    Rc::make_mut(&mut live.done).insert(key("i1"));
    said(&mut live, json!([{ "kind": "received", "inbox": "i", "text": "Wait." }]));
    assert_eq!(decide(&live, &plan(1), &control()), Step::Converse);
    let mut spent = control();
    spent.limits.iterations = 1;
    assert_eq!(decide(&live, &plan(1), &spent), Step::Pause("iterations"));
    assert!(matches!(decide(&live, &plan(2), &control()), Step::State(_)));
}

#[test]
fn calls_are_decided_first_and_waited_for_then() {
    let mut live = after(json!([turn("tool_use", &["a", "b"])]));
    assert_eq!(decide(&live, &plan(2), &control()), Step::RunCalls);
    said(&mut live, json!([{ "kind": "starting", "toolCallIds": ["a"] }]));
    assert_eq!(decide(&live, &plan(2), &control()), Step::RunCalls, "b is undecided");
    let call = json!({ "id": "b", "name": "work", "input": {} });
    said(&mut live, json!([{ "kind": "waiting", "toolCall": call, "why": "approval" }]));
    assert_eq!(decide(&live, &plan(2), &control()), Step::Wait);
    said(&mut live, json!([result("a")]));
    assert_eq!(decide(&live, &plan(2), &control()), Step::Wait);
    let approve = json!({ "decision": "approve" });
    said(
        &mut live,
        json!([{ "kind": "decided", "inbox": "i", "toolCallId": "b", "nonce": "n", "decision": approve }]),
    );
    assert_eq!(decide(&live, &plan(2), &control()), Step::RunCalls);
    said(&mut live, json!([result("b")]));
    assert_eq!(decide(&live, &plan(2), &control()), Step::Converse);
}

/// So many turns that ask for the same, the last one's call still open.
fn repeating(turns: usize) -> Live {
    let mut live = stated();
    for n in 0..turns {
        if n > 0 {
            said(&mut live, json!([result("a")]));
        }
        said(&mut live, json!([turn("tool_use", &["a"])]));
    }
    live
}

#[test]
fn the_model_is_told_of_identical_calls_two_before_the_limit_and_the_run_is_paused_at_it() {
    let nudged = |turns: usize, limit: u32| {
        let mut live = repeating(turns);
        said(&mut live, json!([result("a")]));
        let mut control = control();
        control.limits.identical = limit;
        decide(&live, &plan(1), &control) == Step::Nudge(Nudge::Identical)
    };
    let told: Vec<bool> = (1..=4).map(|turns| nudged(turns, 5)).collect();
    assert_eq!(told, [false, false, true, true]);
    assert_eq!([nudged(1, 2), nudged(2, 2), nudged(1, 1)], [false, true, false], "one call is no row");
    let mut told_already = repeating(3);
    said(&mut told_already, json!([result("a"), { "kind": "nudged", "text": "Again?", "identical": true }]));
    assert_eq!(decide(&told_already, &plan(1), &control()), Step::Converse);
    let steps: Vec<Step> = (3..=6).map(|turns| decide(&repeating(turns), &plan(1), &control())).collect();
    let paused = Step::Pause("identical_tool_calls");
    assert_eq!(steps, [Step::RunCalls, Step::RunCalls, paused.clone(), paused]);
}

#[test]
fn the_identical_calls_of_a_turn_before_are_no_matter_once_it_asks_for_none() {
    let mut live = repeating(3);
    said(&mut live, json!([result("a"), turn("end_turn", &[])]));
    said(&mut live, json!([{ "kind": "received", "inbox": "i", "text": "And?" }]));
    assert_eq!(decide(&live, &plan(1), &control()), Step::Converse);
}

#[test]
fn what_follows_a_turn_without_calls_is_what_its_end_says() {
    let next = |stop: &str, control: &Control| decide(&after(json!([turn(stop, &[])])), &plan(1), control);
    assert_eq!(next("end_turn", &control()), Step::Finish(key("i1")));
    assert_eq!(next("end_turn", &explicit()), Step::Nudge(Nudge::Explicit));
    for control in [control(), explicit()] {
        assert_eq!(next("max_tokens", &control), Step::Nudge(Nudge::Continue));
        assert_eq!(next("guardrail_intervened", &control), Step::Pause("guardrail_intervened"));
        assert_eq!(next("content_filtered", &control), Step::Pause("content_filtered"));
    }
    let mut held = after(json!([turn("content_filtered", &[])]));
    held.apply(1, 0, &Fact::Begun { how: Begin::Resumed }).unwrap();
    assert_eq!(decide(&held, &plan(1), &control()), Step::Nudge(Nudge::Resumed));
}

#[test]
fn a_text_is_continued_five_times() {
    let mut live = stated();
    let steps: Vec<Step> = (0..6)
        .map(|_| {
            said(&mut live, json!([turn("max_tokens", &[])]));
            let step = decide(&live, &plan(1), &control());
            said(&mut live, json!([{ "kind": "nudged", "text": "Continue." }]));
            step
        })
        .collect();
    assert_eq!(steps[..5], vec![Step::Nudge(Nudge::Continue); 5]);
    assert_eq!(steps[5], Step::Pause("max_tokens"));
}

#[test]
fn a_limit_pauses_before_the_model_call_and_at_no_other_step() {
    let mut spent = control();
    spent.limits.active_ms = 1_000;
    spent.active_ms = 1_000;
    assert_eq!(decide(&stated(), &plan(2), &spent), Step::Pause("minutes"));
    assert_eq!(decide(&after(json!([turn("tool_use", &["a"])])), &plan(2), &spent), Step::RunCalls);
    assert_eq!(decide(&after(json!([turn("end_turn", &[])])), &plan(2), &spent), Step::Finish(key("i1")));
    let mut of_entries = stated();
    of_entries.allowance.active_ms = 1_000;
    assert_eq!(decide(&of_entries, &plan(2), &Control { active_ms: 0, ..spent }), Step::Pause("minutes"));
}

#[test]
fn a_turn_that_announced_a_tool_is_nudged_once_and_then_taken_as_it_is() {
    let mut live = stated();
    said(&mut live, json!([turn("tool_use", &[])]));
    assert_eq!(decide(&live, &plan(1), &control()), Step::Nudge(Nudge::Announced));
    assert_eq!(decide(&live, &plan(1), &explicit()), Step::Nudge(Nudge::Announced));
    said(&mut live, json!([{ "kind": "nudged", "text": "Well?" }, turn("tool_use", &[])]));
    assert_eq!(decide(&live, &plan(1), &control()), Step::Finish(key("i1")));
    assert_eq!(decide(&live, &plan(1), &explicit()), Step::Nudge(Nudge::Explicit));
    said(&mut live, json!([{ "kind": "nudged", "text": "Well?" }, turn("end_turn", &[])]));
    said(&mut live, json!([{ "kind": "nudged", "text": "Well?" }, turn("tool_use", &[])]));
    assert_eq!(decide(&live, &plan(1), &control()), Step::Nudge(Nudge::Announced), "a new row of them");
}

#[test]
fn what_was_suspended_goes_on_and_what_said_nothing_is_taken_for_its_stop_reason() {
    let silent = |stop: &str| {
        json!({ "kind": "turn", "messageId": "m", "usage": {}, "total": {},
        "turn": { "content": [], "stop": stop, "uses": [] } })
    };
    for (stop, step) in [
        ("pause_turn", Step::Nudge(Nudge::GoOn)),
        ("end_turn", Step::Finish(key("i1"))),
        ("max_tokens", Step::Pause("max_tokens")),
    ] {
        let mut live = stated();
        said(&mut live, json!([silent(stop)]));
        assert_eq!(decide(&live, &plan(1), &control()), step, "{stop}");
    }
    // All is done, a person said something, and every token went into reasoning.
    let mut live = stated();
    let item = json!({ "milestone": "m", "item": "i1" });
    let done = json!({ "kind": "done", "item": item, "text": "", "external": false });
    said(&mut live, json!([turn("end_turn", &[]), done]));
    said(&mut live, json!([{ "kind": "received", "inbox": "x", "text": "And?" }]));
    assert_eq!(decide(&live, &plan(1), &control()), Step::Converse);
    said(&mut live, json!([silent("max_tokens")]));
    assert_eq!(decide(&live, &plan(1), &control()), Step::Pause("max_tokens"));
}

#[test]
fn what_the_model_did_wrong_counts_as_a_mistake_and_what_happened_to_it_does_not() {
    for (nudge, mistake) in [
        (Nudge::Explicit, true),
        (Nudge::Identical, true),
        (Nudge::Announced, true),
        (Nudge::Silent, true),
        (Nudge::Continue, false),
        (Nudge::Resumed, false),
        (Nudge::GoOn, false),
    ] {
        assert_eq!(nudge.is_mistake(), mistake, "{nudge:?}");
        assert!(!nudge.text().is_empty());
    }
}

/// The only item is done, and then this happened.
fn after_all(facts: Value) -> Live {
    let item = json!({ "milestone": "m", "item": "i1" });
    let mut live = after(json!([turn("end_turn", &[]), { "kind": "done", "item": item, "text": "" }]));
    said(&mut live, json!([{ "kind": "received", "inbox": "x", "text": "And?" }]));
    said(&mut live, facts);
    live
}

fn completing(id: &str, name: &str) -> Value {
    let uses = json!([{ "id": id, "name": name, "input": {} }]);
    let turn = json!({ "content": [{ "text": "So." }], "stop": "tool_use", "uses": uses });
    json!({ "kind": "turn", "messageId": "m", "turn": turn, "usage": {}, "total": {} })
}

#[test]
fn an_answer_to_a_person_goes_on_to_its_end_though_every_item_is_done() {
    let nudged = json!({ "kind": "nudged", "text": "Well?" });
    let next = |facts: Value| decide(&after_all(facts), &plan(1), &control());
    assert_eq!(next(json!([turn("end_turn", &[])])), Step::Complete);
    assert_eq!(next(json!([turn("max_tokens", &[])])), Step::Nudge(Nudge::Continue));
    assert_eq!(next(json!([turn("pause_turn", &[])])), Step::Nudge(Nudge::GoOn));
    let announces = turn("tool_use", &[]);
    assert_eq!(next(json!([announces])), Step::Nudge(Nudge::Announced));
    assert_eq!(next(json!([announces, nudged, announces])), Step::Complete, "it is nudged once");
    assert_eq!(next(json!([turn("tool_use", &["a"]), result("a")])), Step::Converse);
    assert_eq!(next(json!([turn("tool_use", &["a"]), result("a"), turn("end_turn", &[])])), Step::Complete);
    let blocked = turn("guardrail_intervened", &[]);
    assert_eq!(next(json!([blocked])), Step::Pause("guardrail_intervened"));
    assert_eq!(next(json!([blocked, { "kind": "begun", "how": "resumed" }])), Step::Complete);
    let continued = |times: usize| {
        let mut facts = vec![turn("max_tokens", &[])];
        for _ in 0..times {
            facts.extend([nudged.clone(), turn("max_tokens", &[])]);
        }
        next(Value::Array(facts))
    };
    assert_eq!(continued(4), Step::Nudge(Nudge::Continue));
    assert_eq!(continued(5), Step::Pause("max_tokens"));
    let resumed = json!({ "kind": "begun", "how": "resumed" });
    assert_eq!(next(json!([turn("max_tokens", &[]), resumed])), Step::Nudge(Nudge::Resumed));
    let recovered = json!({ "kind": "begun", "how": "recovered" });
    assert_eq!(next(json!([turn("max_tokens", &[]), recovered])), Step::Nudge(Nudge::Continue));
    assert_eq!(next(json!([turn("end_turn", &[]), resumed])), Step::Complete);
}

#[test]
fn who_has_only_completed_the_last_item_by_a_call_is_asked_for_no_more_words() {
    let next = |facts: Value, control: &Control| decide(&after_all(facts), &plan(1), control);
    let completes = json!([completing("a", COMPLETE_TASK_ITEM), result("a")]);
    assert_eq!(next(completes.clone(), &explicit()), Step::Complete);
    assert_eq!(next(completes, &control()), Step::Converse, "then it is a tool as any other");
    assert_eq!(next(json!([completing("a", "work"), result("a")]), &explicit()), Step::Converse);
    let uses = json!([{ "id": "a", "name": COMPLETE_TASK_ITEM, "input": {} }, { "id": "b", "name": "work", "input": {} }]);
    let both = json!({ "kind": "turn", "messageId": "m", "usage": {}, "total": {},
        "turn": { "content": [{ "text": "So." }], "stop": "tool_use", "uses": uses } });
    assert_eq!(next(json!([both, result("a"), result("b")]), &explicit()), Step::Converse);
}
