//! Tool calls: approval, answers, unknown outcomes, parallelism, mistakes, limits.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use std::rc::Rc;
use support::*;
use task_execution_engine::effect::{Command, Effect, Input, Ticket, ToolCall};
use task_execution_engine::facts::fact::Decision;
use task_execution_engine::ids::Paths;
use task_execution_engine::storage::inbox;

fn vetting(w: &mut World, verdict: &'static str) {
    w.vet = Box::new(
        move |call: &ToolCall| json!({ "verdict": if call.name == "work" { verdict } else { "run" } }),
    );
}

fn last_result(w: &World, actor: usize) -> Value {
    w.actors[actor].requests.last().unwrap().last().unwrap()["content"][0]["toolResult"].clone()
}

#[test]
fn an_approved_call_runs_once_and_ungated_calls_do_not_wait_for_it() {
    let mut w = World::new(1, 1);
    vetting(&mut w, "approve");
    w.script(vec![uses("", &[("a", "work", json!({})), ("b", "look", json!({}))]), text("Done.")]);
    let run = w.start();
    let asked = w.until_event(run, "task:approval_required");
    assert_eq!(asked["toolCall"]["id"], "a");
    w.until_event(run, "task:tool_result");
    assert_eq!(w.executions, [("b".to_owned(), run)]);
    w.decide("a", Decision::Approve { note: Some("go".into()) });
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!(w.executions.len(), 2);
    assert!(
        w.store.documents.keys().all(|p| !p.contains("/inbox/")),
        "the decision is taken out of the inbox"
    );
}

#[test]
fn a_rejected_call_is_answered_with_the_reason_and_never_runs() {
    let mut w = World::new(2, 1);
    vetting(&mut w, "approve");
    w.script(vec![uses("", &[("a", "work", json!({}))]), text("Then not.")]);
    let run = w.start();
    w.until_event(run, "task:approval_required");
    w.decide("a", Decision::Reject { reason: Some("too dear".into()) });
    w.finish(run).unwrap();
    assert!(w.executions.is_empty());
    let result = last_result(&w, run);
    assert_eq!(result["status"], "error");
    assert!(result["content"][0]["text"].as_str().unwrap().contains("too dear"));
}

#[test]
fn a_call_without_execute_waits_durably_for_its_answer() {
    let mut w = World::new(3, 1);
    vetting(&mut w, "answer");
    w.script(vec![uses("", &[("a", "work", json!({ "q": 1 }))])]);
    let run = w.runner("start", json!({ "options": { "whileWaiting": "yield" } }));
    let outcome = w.finish(run).unwrap();
    assert_eq!((&outcome["status"], &outcome["reason"]), (&json!("yielded"), &json!("waiting")));
    assert_eq!(w.events(run, "task:answer_required")[0]["why"], "input");
    w.decide("a", Decision::Answer { result: Some(Rc::new(json!({ "answer": 42 }))), error: false });
    w.script(vec![text("42 it is.")]);
    let again = w.runner("run", json!({}));
    assert_eq!(w.events(again, "task:answer_required").len(), 0);
    w.until_event(again, "task:answer_required");
    assert_eq!(w.events(again, "task:answer_required")[0]["again"], true);
    assert_eq!(w.finish(again).unwrap()["status"], "completed");
    assert_eq!(last_result(&w, again)["content"][0]["json"], json!({ "answer": 42 }));
    assert!(w.events(again, "task:resumed").is_empty(), "taking up after a clean yield is nothing new");
}

/// Crashes while `work` runs; what the next run does is the policy's.
fn crashed(seed: u64, policy: &str) -> World {
    let mut w = World::new(seed, 1);
    w.tools[0]["onUnknownOutcome"] = json!(policy);
    w.script(vec![uses("", &[("a", "work", json!({}))]), text("Done.")]);
    w.tool = Box::new(|_| Does::Deaf);
    let run = w.start();
    w.until(run, |a| !a.executed.is_empty());
    w.crash(run);
    w.tool = Box::new(|_| Does::Returns(json!("again")));
    w.pass(60_000);
    w
}

#[test]
fn a_call_with_unknown_outcome_is_reported_and_not_run_again() {
    let mut w = crashed(4, "report");
    let run = w.runner("run", json!({}));
    w.finish(run).unwrap();
    assert_eq!(w.executions.len(), 1);
    assert_eq!(w.events(run, "task:tool_result")[0]["unknown"], true);
    assert!(w.store.thread().iter().any(|(role, text)| role == "system" && text.contains("not known")));
}

#[test]
fn an_idempotent_call_is_run_again_with_the_same_key() {
    let mut w = crashed(5, "rerun");
    let key = format!("{}:a", w.head()["history"].as_str().unwrap());
    let run = w.runner("run", json!({}));
    w.finish(run).unwrap();
    assert_eq!(w.actors[run].executed, [("a".to_owned(), 2)]);
    assert_eq!((&w.actors[0].keys, &w.actors[run].keys), (&vec![key.clone()], &vec![key]));
    assert_eq!(w.store.facts("starting").len(), 2, "a rerun is marked before it starts, too");
}

#[test]
fn calls_of_two_histories_have_different_keys_though_the_model_gives_them_one_id() {
    let mut w = World::new(5, 1);
    let mut keys = Vec::new();
    for _ in 0..2 {
        w.script(vec![uses("", &[("a", "work", json!({}))]), text("Done.")]);
        let run = w.start();
        w.finish(run).unwrap();
        keys.extend(w.actors[run].keys.clone());
        w.ask("delete", json!({ "keepTask": true })).unwrap();
        w.outside(&["status"], json!("not_started"));
        w.outside(&["progress"], task_with(1)["progress"].clone());
    }
    assert_eq!(keys.len(), 2);
    assert_ne!(keys[0], keys[1]);
}

#[test]
fn an_idempotent_call_that_always_hangs_is_run_once_more_and_then_reported() {
    for does in [Does::Hangs, Does::Deaf] {
        let mut w = World::new(5, 1);
        w.tools[0]["onUnknownOutcome"] = json!("rerun");
        w.tools[0]["timeoutMs"] = json!(5_000);
        w.script(vec![uses("", &[("a", "work", json!({}))]), text("Done.")]);
        w.tool = Box::new(move |_| does.clone());
        let run = w.start();
        assert_eq!(w.finish(run).unwrap()["status"], "completed");
        assert_eq!(w.actors[run].executed, [("a".to_owned(), 1), ("a".to_owned(), 2)]);
        assert_eq!(last_result(&w, run)["status"], "error");
        assert_eq!(w.events(run, "task:tool_result")[0]["unknown"], true);
    }
}

#[test]
fn an_outcome_that_can_be_looked_up_is_the_calls_result() {
    let mut w = crashed(6, "lookup");
    w.look_up = Box::new(|_| json!({ "found": true, "result": "it was written" }));
    let run = w.runner("run", json!({}));
    w.finish(run).unwrap();
    assert_eq!(w.executions.len(), 1);
    assert_eq!(last_result(&w, run)["content"][0]["text"], "it was written");
}

#[test]
fn an_unknown_outcome_may_be_put_before_a_person_who_lets_it_run_again() {
    let mut w = crashed(7, "ask");
    let run = w.runner("run", json!({}));
    assert_eq!(w.until_event(run, "task:answer_required")["why"], "unknown_outcome");
    w.decide("a", Decision::Approve { note: None });
    w.finish(run).unwrap();
    assert_eq!(w.actors[run].executed, [("a".to_owned(), 2)]);
}

#[test]
fn a_call_past_its_timeout_is_aborted_and_reported_at_once() {
    let mut w = World::new(8, 1);
    w.tools[0]["timeoutMs"] = json!(5_000);
    w.script(vec![uses("", &[("a", "work", json!({}))]), text("Done.")]);
    w.tool = Box::new(|_| Does::Deaf);
    let run = w.start();
    let before = w.now;
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert!(w.now - before < 6_000);
    assert_eq!(w.events(run, "task:tool_result")[0]["unknown"], true);
}

#[test]
fn pause_gives_running_tools_the_grace_and_their_results_count() {
    let mut w = World::new(9, 1);
    w.script(vec![uses("", &[("a", "work", json!({})), ("b", "look", json!({}))])]);
    w.tool = Box::new(|c| {
        if c.id == "a" { Does::Takes(3_000, Box::new(Does::Returns(json!(1)))) } else { Does::Hangs }
    });
    let run = w.start();
    w.until(run, |a| a.executed.len() == 2);
    let before = w.now;
    w.command(run, Command::Pause);
    assert_eq!(w.finish(run).unwrap()["status"], "paused");
    assert!((10_000..11_000).contains(&(w.now - before)), "took {}", w.now - before);
    assert_eq!(w.store.facts("result").len(), 1);
    w.script(vec![text("Done.")]);
    let again = w.runner("resume", json!({}));
    w.finish(again).unwrap();
    assert_eq!(w.executions.len(), 2, "the aborted call is unknown and not run again");
    assert_eq!(w.events(again, "task:tool_result")[0]["unknown"], true);
}

#[test]
fn stop_aborts_tools_at_once() {
    let mut w = World::new(10, 1);
    w.script(vec![uses("", &[("a", "work", json!({}))])]);
    w.tool = Box::new(|_| Does::Hangs);
    let run = w.start();
    w.until(run, |a| !a.executed.is_empty());
    let before = w.now;
    w.command(run, Command::Stop { reason: None });
    assert_eq!(w.finish(run).unwrap()["status"], "stopped");
    assert!(w.now - before < 100);
    assert_eq!(w.store.task()["execution"]["abort_reason"], "stopped");
}

#[test]
fn a_call_behind_one_that_blocks_the_process_for_longer_than_the_lease_waits_for_its_renewal() {
    for (blocked, held_back) in [(19_500, false), (20_100, true), (400_000, true)] {
        let mut w = World::new(25, 1);
        let calls = ["a", "b", "c"].map(|id| (id, "work", json!({})));
        w.script(vec![uses("", &calls), text("Done.")]);
        w.tool = Box::new(move |call| match call.id.as_str() {
            "a" => Does::Blocks(blocked, Box::new(Does::Returns(json!(1)))),
            _ => Does::Returns(json!(1)),
        });
        let run = w.start();
        let seen = w.spy(run, |_| false);
        assert_eq!(w.finish(run).unwrap()["status"], "completed");
        assert_eq!(w.actors[run].executed, ["a", "b", "c"].map(|id| (id.to_owned(), 1)), "each once");
        let seen = seen.borrow();
        let asked = |id: &str| {
            let of = |effect: &Effect| matches!(effect, Effect::RunTool { call, .. } if call.id == id);
            seen.iter().enumerate().filter(|(_, effect)| of(effect)).map(|(at, _)| at).collect::<Vec<_>>()
        };
        let (a, b) = (asked("a"), asked("b"));
        assert_eq!(
            (a.len(), b.len(), asked("c").len()),
            (1, 1 + usize::from(held_back), 1 + usize::from(held_back))
        );
        let renews = |effect: &Effect| matches!(effect, Effect::Commit { writes, .. } if writes.len() == 1);
        assert_eq!(seen[a[0]..b[b.len() - 1]].iter().any(renews), held_back);
    }
}

#[test]
fn a_call_is_not_begun_once_the_run_is_told_to_pause_and_runs_when_it_goes_on() {
    let mut w = World::new(26, 1);
    w.script(vec![uses("", &[("a", "work", json!({}))])]);
    let run = w.start();
    w.by_hand = true;
    let ticket = loop {
        match w.next_effect(run) {
            Some(Effect::RunTool { ticket, .. }) => break ticket,
            Some(effect) => w.perform(run, effect),
            None => assert!(w.step()),
        }
    };
    let now = w.clock();
    let machine = w.actors[run].machine.as_mut().unwrap();
    assert!(machine.may_run(now, ticket) && !machine.may_run(now, Ticket(ticket.0 + 1)));
    // As a listener does that hears of the call.
    machine.handle(now, Input::Command { ticket: Ticket::RESULT, command: Command::Pause });
    assert!(!machine.may_run(now, ticket));
    w.by_hand = false;
    w.give(run, Input::NotRun { ticket });
    assert_eq!(w.finish(run).unwrap()["status"], "paused");
    assert!(w.executions.is_empty());
    assert_eq!(w.store.facts("not_run")[0]["toolCallIds"], json!(["a"]));
    w.script(vec![text("Done.")]);
    let run = w.runner("resume", json!({}));
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!(w.actors[run].executed, [("a".to_owned(), 1)]);
}

#[test]
fn the_model_is_told_of_identical_calls_and_the_run_is_paused_when_it_goes_on() {
    let mut w = World::new(11, 1);
    let mut n = 0;
    w.model = Box::new(move |_| {
        n += 1;
        uses("", &[(&format!("c{n}"), "work", json!({ "same": true }))])
    });
    let run = w.start();
    let outcome = w.finish(run).unwrap();
    assert_eq!((&outcome["status"], &outcome["reason"]), (&json!("paused"), &json!("identical_tool_calls")));
    assert_eq!(w.executions.len(), 4, "the fifth is not run");
    assert_eq!(w.store.facts("nudged").len(), 1);
    assert_eq!(w.store.task()["execution"].get("abort_reason"), None, "a limit is no abort");
}

#[test]
fn mistakes_in_a_row_pause_the_run_and_an_explicit_resume_grants_a_fresh_allowance() {
    let mut w = World::new(12, 1);
    let mut n = 0;
    w.model = Box::new(move |_| {
        n += 1;
        uses("", &[(&format!("c{n}"), "work", json!({ "n": n }))])
    });
    w.tool = Box::new(|_| Does::Throws("broken".into()));
    let run = w.start();
    assert_eq!(w.finish(run).unwrap()["reason"], "mistakes");
    assert_eq!(w.executions.len(), 5);
    w.model = Box::new(|_| text("Done."));
    let again = w.runner("resume", json!({}));
    assert_eq!(w.finish(again).unwrap()["status"], "completed");
}

#[test]
fn the_iteration_limit_pauses_before_the_next_model_call() {
    let mut w = World::new(13, 3);
    let run = w.runner("start", json!({ "options": { "limits": { "iterations": 2 } } }));
    let outcome = w.finish(run).unwrap();
    assert_eq!(outcome["reason"], "iterations");
    assert_eq!(outcome["items"].as_array().unwrap().len(), 2);
}

#[test]
fn with_explicit_completion_only_the_built_in_tool_completes_an_item() {
    let mut w = World::new(14, 1);
    w.script(vec![
        text("I think so."),
        uses("", &[("a", "complete_task_item", json!({ "summary": "Was easy." }))]),
    ]);
    let run = w.runner("start", json!({ "options": { "completion": "explicit" } }));
    let outcome = w.finish(run).unwrap();
    assert_eq!(outcome["status"], "completed");
    assert_eq!(outcome["items"], json!([{ "id": "i1", "text": "Was easy." }]));
    assert_eq!(w.store.facts("nudged").len(), 1);
}

#[test]
fn a_message_that_waits_is_answered_before_the_item_completes() {
    let mut w = World::new(15, 1);
    w.script(vec![text("First answer."), text("Second answer.")]);
    let paths = Paths::new(USER, TASK);
    let run = w.start();
    w.until(run, |a| !a.requests.is_empty());
    let item = inbox::InboxItem::Message {
        id: "m1".into(),
        text: "And the tests?".into(),
        in_thread: false,
        content: None,
    };
    let (now, clock) = (w.now, w.clock());
    w.store.commit(&[item.create(&paths, clock)], now).unwrap();
    let outcome = w.finish(run).unwrap();
    assert_eq!(outcome["text"], "Second answer.");
    assert_eq!(w.actors[run].requests.len(), 2);
    let roles: Vec<String> = w.store.thread().into_iter().map(|(role, _)| role).collect();
    assert_eq!(roles, ["system", "assistant", "user", "assistant"]);
}

#[test]
fn a_run_yields_before_the_platforms_limit_and_another_goes_on() {
    let mut w = World::new(16, 1);
    w.script(vec![uses("", &[("a", "work", json!({}))])]);
    w.tool = Box::new(|_| Does::Takes(200_000, Box::new(Does::Returns(json!(1)))));
    let run = w.runner("start", json!({ "options": { "maxDurationMs": 60_000 } }));
    let before = w.now;
    let outcome = w.finish(run).unwrap();
    assert_eq!((&outcome["status"], &outcome["reason"]), (&json!("yielded"), &json!("max_duration")));
    assert_eq!(outcome["unfinished"], true);
    assert!(w.now - before <= 60_000, "took {}", w.now - before);
    assert_eq!(w.store.status(), "in_progress");
    w.script(vec![text("Done.")]);
    let again = w.runner("run", json!({}));
    assert_eq!(w.finish(again).unwrap()["status"], "completed");
    assert_eq!(w.executions.len(), 1);
}

#[test]
fn items_that_others_complete_or_add_are_respected() {
    let mut w = World::new(17, 2);
    w.script(vec![text("One."), text("Three.")]);
    let run = w.start();
    w.until(run, |a| !a.requests.is_empty());
    let items = json!([
        { "id": "i1", "name": "Item 1", "description": "", "status": "in_progress" },
        { "id": "i2", "name": "Item 2", "description": "", "status": "completed" },
        { "id": "i3", "name": "Item 3", "description": "", "status": "not_started" },
    ]);
    w.outside(&["progress", "tasks", "m1"], items);
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let stated: Vec<Value> = w.store.facts("stated").into_iter().map(|f| f["item"]["item"].clone()).collect();
    assert_eq!(stated, ["i1", "i3"]);
    assert_eq!(w.store.task()["progress"]["overall_percentage"], 100);
}

#[test]
fn a_decision_that_is_there_when_the_question_is_stored_keeps_the_run_from_yielding() {
    let mut w = World::new(18, 1);
    w.script(vec![uses("", &[("a", "work", json!({}))]), text("Done.")]);
    vetting(&mut w, "approve");
    let run = w.runner("start", json!({ "options": { "whileWaiting": "yield" } }));
    while w.store.facts("waiting").is_empty() {
        assert!(w.step());
    }
    w.decide("a", Decision::Approve { note: None });
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!(w.executions.len(), 1);
}

#[test]
fn a_process_that_stood_still_does_not_end_a_run_by_the_platforms_limit() {
    let mut w = World::new(16, 1);
    w.script(vec![uses("", &[("a", "work", json!({}))]), text("Done.")]);
    w.tool = Box::new(|_| Does::Takes(10_000, Box::new(Does::Returns(json!(1)))));
    let run = w.runner("start", json!({ "options": { "maxDurationMs": 90_000 } }));
    w.until(run, |a| !a.executed.is_empty());
    w.now += 80_000;
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
}

#[test]
fn the_platforms_limit_counts_from_the_call_and_wakes_a_run_by_itself() {
    let mut w = World::new(19, 1);
    w.model = Box::new(|_| Says::Stalls(vec![]));
    let first = w.start();
    w.until(first, |a| !a.requests.is_empty());
    let options = json!({ "maxDurationMs": 61_234, "waitForLeaseMs": 600_000, "idleTimeoutMs": 600_000,
        "graceMs": 1_000, "storeTimeoutMs": 2_000 });
    let run = w.runner("run", json!({ "options": options }));
    let called = w.now;
    w.pass(20_000);
    // The lease is waited for until here, and over a little later.
    w.crash(first);
    let outcome = w.finish(run).unwrap();
    assert_eq!((&outcome["status"], &outcome["reason"]), (&json!("yielded"), &json!("max_duration")));
    let took = w.now - called;
    // What grace and store may need is left of it.
    assert!((58_234..58_300).contains(&took), "{took}");
    assert!(!w.actors[run].requests.is_empty(), "it had the task");
}

#[test]
fn a_call_is_not_charged_with_the_time_in_which_the_process_stood_still() {
    let mut w = World::new(31, 1);
    w.tools[0]["timeoutMs"] = json!(20_000);
    w.script(vec![uses("", &[("a", "work", json!({}))]), text("Done.")]);
    w.tool = Box::new(|_| Does::Takes(70_000, Box::new(Does::Returns(json!(1)))));
    let run = w.start();
    w.until(run, |a| !a.executed.is_empty());
    w.pass(5_000);
    w.actors[run].frozen_until = w.now + 60_000;
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let result = &w.store.facts("result")[0];
    assert_eq!((result.get("unknown"), &result["status"]), (None, &json!("success")));
}
