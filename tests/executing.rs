//! Calls from their entry to their result: what is executed, how often, and what is made of how it ended.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use support::spy::Seen;
use support::*;
use task_execution_engine::effect::{Command, Effect, Input, Question, Ticket};
use task_execution_engine::facts::fact::Decision;

fn with(w: &mut World, name: &str, value: Value) {
    for tool in w.tools.as_array_mut().unwrap() {
        tool[name] = value.clone();
    }
}

/// A run that has begun to execute one call of a tool that does this.
fn executing(does: Does, policy: &str) -> (World, usize) {
    let mut w = World::new(7, 1);
    with(&mut w, "onUnknownOutcome", json!(policy));
    with(&mut w, "timeoutMs", json!(1_000));
    w.script(vec![uses("", &[("a", "work", json!({}))]), text("Done.")]);
    w.tool = Box::new(move |_| does.clone());
    let run = w.start();
    w.until(run, |a| !a.executed.is_empty());
    (w, run)
}

#[test]
fn a_call_past_its_time_is_aborted_when_its_time_is_over_and_its_outcome_is_unknown() {
    let (mut w, run) = executing(Does::Hangs, "report");
    let (effects, began) = (w.spy(run, |_| false), w.now);
    let cancelled = |effects: &Seen| effects.borrow().iter().any(|e| matches!(e, Effect::Cancel { .. }));
    while !cancelled(&effects) {
        assert!(w.step());
    }
    assert_eq!(w.now - began, 1_000);
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let result = &w.store.facts("result")[0];
    assert_eq!((&result["unknown"], &result["status"]), (&json!(true), &json!("error")));
    assert_eq!((w.executions.len(), result.get("mistake")), (1, None));
    let cancels = effects.borrow().iter().filter(|e| matches!(e, Effect::Cancel { .. })).count();
    assert_eq!(cancels, 1);
}

#[test]
fn an_idempotent_call_that_always_runs_past_its_time_is_run_once_more_with_the_same_key() {
    let (mut w, run) = executing(Does::Hangs, "rerun");
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!(w.actors[run].executed, [("a".to_owned(), 1), ("a".to_owned(), 2)]);
    let history = w.head()["history"].as_str().unwrap().to_owned();
    assert_eq!(w.actors[run].keys, [format!("{history}:a"), format!("{history}:a")]);
    assert_eq!(w.store.facts("result")[0]["unknown"], true);
}

#[test]
fn each_call_has_its_own_time() {
    let mut w = World::new(7, 1);
    w.tools = json!([tool("work"), tool("look")]);
    w.tools[0]["timeoutMs"] = json!(5_000);
    w.tools[1]["timeoutMs"] = json!(1_000);
    w.script(vec![uses("", &[("a", "work", json!({})), ("b", "look", json!({}))]), text("Done.")]);
    w.tool = Box::new(|_| Does::Deaf);
    let run = w.start();
    w.until(run, |a| a.executed.len() == 2);
    let began = w.now;
    let mut ended = Vec::new();
    while !w.is_over(run) {
        assert!(w.step());
        for result in w.store.facts("result").iter().skip(ended.len()) {
            ended.push((result["toolCallId"].clone(), (w.now - began) / 1_000));
        }
    }
    assert_eq!(ended, [(json!("b"), 1), (json!("a"), 5)]);
}

#[test]
fn what_a_tool_throws_after_an_abort_says_nothing_and_what_it_returns_is_its_result() {
    let cases = [(Does::Hangs, true), (Does::Takes(900, Box::new(Does::Returns(json!("late")))), false)];
    for (does, unknown) in cases {
        let (mut w, run) = executing(does, "report");
        w.command(run, Command::Stop { reason: None });
        assert_eq!(w.finish(run).unwrap()["status"], "stopped");
        assert_eq!(w.store.facts("result").is_empty(), unknown);
        let again = w.runner("resume", json!({}));
        assert_eq!(w.finish(again).unwrap()["status"], "completed");
        let results = w.store.facts("result");
        assert_eq!((results.len(), results[0]["unknown"] == true), (1, unknown));
        assert_eq!(w.executions.len(), 1);
    }
}

#[test]
fn a_call_cut_off_by_the_end_of_the_grace_is_of_unknown_outcome() {
    let (mut w, run) = executing(Does::Deaf, "report");
    with(&mut w, "timeoutMs", json!(600_000));
    w.command(run, Command::Yield { reason: "drain".into(), grace: false });
    assert_eq!(w.finish(run).unwrap()["status"], "yielded");
    assert_eq!(w.head()["last_run"], "yielded_unclean");
    let next = w.runner("run", json!({}));
    assert_eq!(w.finish(next).unwrap()["status"], "completed");
    assert_eq!(w.store.facts("result")[0]["unknown"], true);
    assert_eq!(w.executions.len(), 1);
}

#[test]
fn a_yield_after_an_outcome_was_reported_or_a_call_was_run_again_is_clean() {
    for policy in ["report", "rerun"] {
        let mut w = World::new(7, 1);
        with(&mut w, "onUnknownOutcome", json!(policy));
        with(&mut w, "timeoutMs", json!(1_000));
        w.script(vec![
            uses("", &[("a", "work", json!({}))]),
            uses("", &[("b", "look", json!({}))]),
            text("Done."),
        ]);
        let mut first = true;
        w.tool = Box::new(move |call| match (call.id.as_str(), std::mem::take(&mut first)) {
            ("a", true) => Does::Deaf,
            ("b", _) => Does::Takes(800, Box::new(Does::Returns(json!(1)))),
            _ => Does::Returns(json!(1)),
        });
        let run = w.start();
        w.until(run, |a| a.executed.iter().any(|(id, _)| id == "b"));
        w.command(run, Command::Yield { reason: "drain".into(), grace: true });
        assert_eq!(w.finish(run).unwrap()["status"], "yielded");
        assert_eq!(w.head()["last_run"], "yielded", "{policy}");
    }
}

#[test]
fn a_yield_after_a_person_was_asked_how_a_call_ended_is_clean() {
    let (mut w, run) = executing(Does::Deaf, "ask");
    w.until_event(run, "task:answer_required");
    w.command(run, Command::Yield { reason: "drain".into(), grace: true });
    assert_eq!(w.finish(run).unwrap()["status"], "yielded");
    assert_eq!(w.head()["last_run"], "yielded");
}

#[test]
fn a_call_of_a_tool_that_is_not_there_any_more_is_reported_and_not_run() {
    let (mut w, run) = executing(Does::Deaf, "rerun");
    w.crash(run);
    w.pass(60_000);
    w.tools = json!([tool("look")]);
    let next = w.runner("run", json!({}));
    assert_eq!(w.finish(next).unwrap()["status"], "completed");
    assert_eq!(w.store.facts("result")[0]["unknown"], true);
    assert_eq!(w.executions.len(), 1);
}

#[test]
fn results_are_stored_as_they_come_while_a_pause_waits_for_the_rest() {
    let mut w = World::new(7, 1);
    w.script(vec![uses("", &[("a", "work", json!({})), ("b", "look", json!({}))])]);
    w.tool = Box::new(|call| match call.name.as_str() {
        "work" => Does::Takes(1_000, Box::new(Does::Returns(json!(1)))),
        _ => Does::Deaf,
    });
    let run = w.start();
    w.until(run, |a| a.executed.len() == 2);
    let at = w.now;
    w.command(run, Command::Pause);
    while w.store.facts("result").is_empty() {
        assert!(w.step());
    }
    assert!(w.now - at < 1_100, "{}", w.now - at);
    assert_eq!(w.finish(run).unwrap()["status"], "paused");
    assert!(w.now - at >= 10_000);
}

#[test]
fn calls_of_a_turn_are_vetted_at_once_and_start_with_one_entry() {
    let mut w = World::new(7, 1);
    let calls =
        [("a", "work", json!({ "n": 1 })), ("b", "look", json!({})), ("c", "work", json!({ "n": 2 }))];
    w.script(vec![uses("", &calls), text("Done.")]);
    let run = w.start();
    let effects = w.spy(run, |_| false);
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let vetted: Vec<usize> = effects
        .borrow()
        .iter()
        .filter_map(|e| match e {
            Effect::Ask { question: Question::Vet { calls, .. }, .. } => Some(calls.len()),
            _ => None,
        })
        .collect();
    assert_eq!(vetted, [3]);
    let journal = w.store.journal();
    let starting: Vec<&Vec<Value>> = journal
        .iter()
        .map(|(.., facts)| facts)
        .filter(|facts| facts.iter().any(|fact| fact["kind"] == "starting"))
        .collect();
    assert_eq!((starting.len(), w.executions.len()), (1, 3));
}

#[test]
fn a_call_that_is_approved_and_has_nobody_to_execute_it_waits_for_its_answer() {
    let mut w = World::new(7, 1);
    with(&mut w, "hasExecute", json!(false));
    w.script(vec![uses("", &[("a", "work", json!({}))]), text("Done.")]);
    w.vet = Box::new(|_| json!({ "verdict": "approve" }));
    let run = w.start();
    w.until_event(run, "task:approval_required");
    w.decide("a", Decision::Approve { note: None });
    assert_eq!(w.until_event(run, "task:answer_required")["why"], "input");
    assert!(w.executions.is_empty());
    w.decide("a", Decision::Answer { result: Some(Rc::new(json!("by hand"))), error: false });
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!(w.store.facts("result")[0]["content"], json!([{ "text": "by hand" }]));
}

#[test]
fn an_id_that_is_missing_or_was_used_before_is_replaced_by_one_that_names_history_entry_and_place() {
    let mut w = World::new(7, 1);
    let twice = [("", "work", json!({ "n": 1 })), ("same", "look", json!({}))];
    w.script(vec![
        uses("", &twice),
        uses("", &[("same", "look", json!({})), ("", "work", json!({}))]),
        text("Done."),
    ]);
    let run = w.start();
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let history = w.head()["history"].as_str().unwrap();
    let entries: Vec<u64> = w
        .store
        .journal()
        .iter()
        .filter(|(.., facts)| facts.iter().any(|f| f["kind"] == "turn"))
        .map(|(seq, ..)| *seq)
        .collect();
    let (first, second) = (entries[0], entries[1]);
    let ids: Vec<String> = w.executions.iter().map(|(id, _)| id.clone()).collect();
    assert_eq!(
        ids,
        [
            format!("{history}-{first}-0"),
            "same".to_owned(),
            format!("{history}-{second}-0"),
            format!("{history}-{second}-1"),
        ]
    );
}

#[test]
fn an_outcome_that_cannot_be_looked_up_is_reported_as_unknown() {
    let (mut w, run) = executing(Does::Deaf, "lookup");
    w.crash(run);
    w.pass(60_000);
    let next = w.runner("run", json!({}));
    let effects = w.spy(next, |e| matches!(e, Effect::Ask { question: Question::LookUp { .. }, .. }));
    assert_eq!(w.finish(next).unwrap()["status"], "completed");
    let asked = effects.borrow().iter().filter(|e| matches!(e, Effect::Ask { .. })).count();
    assert_eq!(asked, 2, "tools and the outcome");
    assert_eq!(w.store.facts("result")[0]["unknown"], true);
    assert_eq!(w.executions.len(), 1);
}

fn vets(effect: &Effect) -> bool {
    matches!(effect, Effect::Ask { question: Question::Vet { .. }, .. })
}

#[test]
fn a_callback_that_never_settles_fails_the_task_when_its_time_is_over() {
    let mut w = World::new(7, 1);
    w.script(vec![uses("", &[("a", "work", json!({}))])]);
    let run = w.start();
    let effects = w.spy(run, vets);
    while !effects.borrow().iter().any(vets) {
        assert!(w.step());
    }
    let asked = w.now;
    let outcome = w.finish(run).unwrap();
    assert_eq!((&outcome["status"], &outcome["error"]["code"]), (&json!("failed"), &json!("HOST_CALLBACK")));
    assert!((30_000..30_100).contains(&(w.now - asked)), "{}", w.now - asked);
    assert!(w.executions.is_empty());
}

#[test]
fn an_answer_to_an_earlier_question_is_none() {
    let mut w = World::new(7, 1);
    w.script(vec![
        uses("", &[("a", "work", json!({}))]),
        uses("", &[("b", "look", json!({}))]),
        text("Done."),
    ]);
    let run = w.start();
    let effects = w.spy(run, vets);
    let tickets = |effects: &Seen| -> Vec<Ticket> {
        let effects = effects.borrow();
        effects
            .iter()
            .filter_map(|e| match e {
                Effect::Ask { ticket, question: Question::Vet { .. } } => Some(*ticket),
                _ => None,
            })
            .collect()
    };
    let answer = |w: &mut World, ticket: Ticket, verdict: &str| {
        let result = Ok(json!([{ "verdict": verdict, "message": "No." }]));
        w.give(run, Input::Answered { ticket, result });
    };
    while tickets(&effects).is_empty() {
        assert!(w.step());
    }
    answer(&mut w, tickets(&effects)[0], "run");
    while tickets(&effects).len() < 2 {
        assert!(w.step());
    }
    let both = tickets(&effects);
    answer(&mut w, both[0], "refuse");
    answer(&mut w, both[1], "run");
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!(w.executions.len(), 2);
}

#[test]
fn a_yield_that_leaves_an_outcome_unknown_is_no_clean_one() {
    let (mut w, run) = executing(Does::Deaf, "report");
    w.crash(run);
    w.pass(60_000);
    let epoch = w.head()["epoch"].clone();
    let next = w.runner("run", json!({}));
    while w.head()["epoch"] == epoch {
        assert!(w.step());
    }
    // Before anything is made of the call that the crash has cut.
    w.command(next, Command::Yield { reason: "drain".into(), grace: true });
    assert_eq!(w.finish(next).unwrap()["status"], "yielded");
    assert_eq!(w.head()["last_run"], "yielded_unclean");
}

#[test]
fn a_call_that_the_grace_cut_off_is_reported_where_the_pause_is_taken_back_in_the_last_moment() {
    let mut w = World::new(7, 1);
    w.script(vec![uses("", &[("a", "work", json!({}))]), text("Done.")]);
    w.tool = Box::new(|_| Does::Deaf);
    let ending = Rc::new(Cell::new(false));
    let seen = Rc::clone(&ending);
    w.fault = Box::new(move |_, effect| match effect {
        Effect::Commit { writes, .. } if format!("{writes:?}").contains("ended") && !seen.replace(true) => {
            Fault::Late(100)
        }
        _ => Fault::None,
    });
    let run = w.start();
    w.until(run, |a| !a.executed.is_empty());
    w.outside(&["status"], json!("paused"));
    while !ending.get() {
        assert!(w.step());
    }
    w.outside(&["status"], json!("in_progress"));
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let result = &w.store.facts("result")[0];
    assert_eq!((&result["toolCallId"], &result["unknown"]), (&json!("a"), &json!(true)));
}

#[test]
fn each_call_is_vetted_once_but_neither_what_cannot_be_read_nor_the_built_in_tool() {
    let mut w = World::new(7, 1);
    let mut events = turn(
        "",
        &[
            ("a", "work", json!({})),
            ("b", "work", json!({})),
            ("c", "work", json!({})),
            ("d", "complete_task_item", json!({})),
        ],
    );
    for event in &mut events {
        if event["contentBlockDelta"]["contentBlockIndex"] == 3 {
            event["contentBlockDelta"]["delta"]["toolUse"]["input"] = json!("{");
        }
    }
    w.script(vec![Says::Events(events), text("Done.")]);
    let vetted = Rc::new(RefCell::new(Vec::new()));
    let asked = Rc::clone(&vetted);
    w.vet = Box::new(move |call| {
        asked.borrow_mut().push(call.id.clone());
        json!({ "verdict": "run" })
    });
    let options = json!({ "completion": "explicit", "limits": { "parallelTools": 1 } });
    let run = w.runner("start", json!({ "options": options }));
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!(*vetted.borrow(), ["a", "b"]);
    assert_eq!(w.actors[run].executed.len(), 2);
}

#[test]
fn a_call_whose_turn_came_with_the_end_has_not_run_whatever_else_the_end_brings() {
    let mut w = World::new(9, 1);
    let call = |id| (id, "work", json!({ "id": id }));
    w.script(vec![uses("", &[call("a"), call("b"), call("c")]), text("Done.")]);
    w.tool = Box::new(|call| {
        Does::Takes(if call.id == "b" { 1_500 } else { 1_000 }, Box::new(Does::Returns(json!(1))))
    });
    // The result of a, which gives its place to c, lands after b has returned.
    w.fault = Box::new(|_, effect| match effect {
        Effect::Commit { .. }
            if format!("{effect:?}").contains("starting") && format!("{effect:?}").contains("result") =>
        {
            Fault::Late(1_000)
        }
        _ => Fault::None,
    });
    let run = w.runner("start", json!({ "options": { "limits": { "parallelTools": 2 } } }));
    w.until(run, |a| a.executed.len() == 2);
    w.pass(1_200);
    w.command(run, Command::Pause);
    assert_eq!(w.finish(run).unwrap()["status"], "paused");
    assert_eq!(w.store.facts("not_run")[0]["toolCallIds"], json!(["c"]));
    let run = w.runner("resume", json!({}));
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!(w.actors[run].executed, [("c".to_owned(), 1)]);
}
