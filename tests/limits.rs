//! What ends a run in `paused` with a reason: what counts, what begins the count anew and what does not.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use support::*;
use task_execution_engine::effect::Command;
use task_execution_engine::facts::fact::Decision;

const TOKENS_A_TURN: u64 = 15;

/// A model that calls `work` with another input in every turn, for ever.
fn works_on(w: &mut World) {
    let mut n = w.store.facts("turn").len();
    w.model = Box::new(move |_| {
        n += 1;
        uses("", &[(&format!("c{n}"), "work", json!({ "n": n }))])
    });
}

fn limited(limits: Value) -> Value {
    json!({ "options": { "limits": limits } })
}

/// Why the run was paused, and how many turns there are then.
fn paused(w: &mut World, intent: &str, limits: &Value) -> (Value, usize) {
    let run = w.runner(intent, limited(limits.clone()));
    let outcome = w.finish(run).unwrap();
    assert_eq!(outcome["status"], "paused", "{outcome}");
    assert_eq!(w.store.status(), "paused");
    (outcome["reason"].clone(), w.store.facts("turn").len())
}

/// Crashes after so many turns.
fn crashes_after(w: &mut World, turns: usize, limits: &Value) {
    let run = w.runner("run", limited(limits.clone()));
    w.until(run, |a| a.requests.len() == turns);
    while w.store.facts("result").len() < turns {
        assert!(w.step());
    }
    w.crash(run);
    w.now += 60_000;
}

#[test]
fn items_that_are_completed_one_after_the_other_in_the_same_words_are_no_loop() {
    for explicit in [true, false] {
        let mut w = World::new(3, 7);
        let mut n = 0;
        w.model = Box::new(move |_| {
            n += 1;
            match (explicit, n % 2) {
                (true, _) => uses("Item.", &[(&format!("c{n}"), "complete_task_item", json!({}))]),
                (false, 1) => uses("Item.", &[(&format!("c{n}"), "work", json!({}))]),
                (false, _) => text("Done."),
            }
        });
        let completion = if explicit { "explicit" } else { "end_turn" };
        let run = w.runner("start", json!({ "options": { "completion": completion } }));
        assert_eq!(w.finish(run).unwrap()["status"], "completed");
        assert!(w.store.facts("nudged").is_empty());
    }
}

#[test]
fn the_same_call_in_answer_to_each_of_many_messages_is_no_loop() {
    let mut w = World::new(3, 1);
    let mut n = 0;
    w.model = Box::new(move |_| {
        n += 1;
        uses("", &[(&format!("c{n}"), "work", json!({}))])
    });
    w.tool = Box::new(|_| Does::Takes(100, Box::new(Does::Returns(json!("pending")))));
    let run = w.start();
    for asked in 1..=8 {
        w.until(run, |a| a.executed.len() == asked);
        w.say("And now?");
    }
    assert!(!w.is_over(run) && w.store.facts("nudged").is_empty());
}

/// The limits that count turns alike: the reason, and the limit after four turns.
fn after_four_turns() -> [(&'static str, Value); 3] {
    [
        ("iterations", json!({ "iterations": 4 })),
        ("tokens", json!({ "tokens": 4 * TOKENS_A_TURN })),
        // Each turn's tool takes half a minute.
        ("minutes", json!({ "minutes": 2 })),
    ]
}

fn slow_work(w: &mut World) {
    works_on(w);
    w.tool = Box::new(|_| Does::Takes(30_000, Box::new(Does::Returns(json!(1)))));
}

#[test]
fn a_run_is_paused_before_the_model_call_that_is_over_its_limit_and_a_resume_grants_a_fresh_allowance() {
    for (reason, limits) in after_four_turns() {
        let mut w = World::new(1, 1);
        slow_work(&mut w);
        assert_eq!(paused(&mut w, "start", &limits), (json!(reason), 4));
        assert_eq!(w.store.facts("result").len(), 4, "results are stored");
        assert_eq!(paused(&mut w, "resume", &limits), (json!(reason), 8), "{reason}");
        assert_eq!(paused(&mut w, "start", &limits), (json!(reason), 12), "{reason}");
    }
}

#[test]
fn a_crash_grants_nothing() {
    for (reason, limits) in after_four_turns() {
        let mut w = World::new(2, 1);
        slow_work(&mut w);
        crashes_after(&mut w, 2, &limits);
        assert_eq!(paused(&mut w, "run", &limits), (json!(reason), 4));
    }
}

#[test]
fn a_yield_grants_nothing() {
    for (reason, limits) in after_four_turns() {
        let mut w = World::new(3, 1);
        slow_work(&mut w);
        let run = w.runner("start", limited(limits.clone()));
        w.until(run, |a| a.executed.len() == 2);
        w.pass(29_000);
        w.command(run, Command::Yield { reason: "drain".into(), grace: true });
        assert_eq!(w.finish(run).unwrap()["status"], "yielded");
        assert_eq!(paused(&mut w, "run", &limits), (json!(reason), 4));
    }
}

#[test]
fn waiting_for_a_person_is_no_active_time_and_waiting_for_a_tool_is() {
    for person in [true, false] {
        let mut w = World::new(4, 1);
        works_on(&mut w);
        let verdict = if person { "approve" } else { "run" };
        w.vet = Box::new(move |call| json!({ "verdict": if call.id == "c1" { verdict } else { "run" } }));
        w.tool = Box::new(|call| {
            let ms = if call.id == "c1" { 0 } else { 30_000 };
            Does::Takes(ms, Box::new(Does::Returns(json!(1))))
        });
        if !person {
            w.tool = Box::new(|call| {
                let ms = if call.id == "c1" { 90_000 } else { 30_000 };
                Does::Takes(ms, Box::new(Does::Returns(json!(1))))
            });
        }
        let run = w.runner("start", limited(json!({ "minutes": 2 })));
        if person {
            w.until_event(run, "task:approval_required");
            w.pass(3_600_000);
            w.decide("c1", Decision::Approve { note: None });
        }
        let outcome = w.finish(run).unwrap();
        assert_eq!(outcome["reason"], "minutes");
        assert_eq!(w.store.facts("turn").len(), if person { 5 } else { 2 });
    }
}

#[test]
fn a_run_that_waits_for_a_person_beside_a_running_tool_is_active() {
    let mut w = World::new(5, 1);
    w.vet = Box::new(|call| json!({ "verdict": if call.name == "work" { "approve" } else { "run" } }));
    w.tool = Box::new(|_| Does::Takes(120_000, Box::new(Does::Returns(json!(1)))));
    w.script(vec![uses("", &[("a", "work", json!({})), ("b", "look", json!({}))])]);
    let run = w.runner("start", limited(json!({ "minutes": 2 })));
    w.until_event(run, "task:tool_result");
    w.decide("a", Decision::Reject { reason: None });
    assert_eq!(w.finish(run).unwrap()["reason"], "minutes");
}

#[test]
fn five_turns_of_mistakes_in_a_row_pause_the_run_and_a_success_begins_the_count_anew() {
    for (succeeds, turns) in [(0, 5), (3, 8), (5, 10)] {
        let mut w = World::new(6, 1);
        works_on(&mut w);
        w.tool = Box::new(move |call| {
            if call.input["n"] == succeeds { Does::Returns(json!(1)) } else { Does::Throws("no".into()) }
        });
        assert_eq!(paused(&mut w, "start", &json!({})), (json!("mistakes"), turns), "success in {succeeds}");
    }
}

#[test]
fn every_kind_of_mistake_counts_and_what_people_decide_does_not() {
    let refuses = json!({ "verdict": "refuse", "message": "There is no such tool." });
    for (verdict, counts) in [(refuses, true), (json!({ "verdict": "approve" }), false)] {
        let mut w = World::new(7, 1);
        works_on(&mut w);
        w.vet = Box::new(move |_| verdict.clone());
        let run = w.runner("start", limited(json!({ "mistakes": 2, "iterations": 4 })));
        for n in 1..=4 {
            while !counts && w.asked(&format!("c{n}")).is_empty() {
                assert!(w.step());
            }
            if !counts {
                w.decide(&format!("c{n}"), Decision::Reject { reason: None });
            }
        }
        let reason = if counts { "mistakes" } else { "iterations" };
        assert_eq!(w.finish(run).unwrap()["reason"], reason);
    }
    // A nudge for want of complete_task_item counts, too.
    let mut w = World::new(7, 1);
    w.model = Box::new(|_| text("I am done, I think."));
    let run =
        w.runner("start", json!({ "options": { "completion": "explicit", "limits": { "mistakes": 2 } } }));
    assert_eq!(w.finish(run).unwrap()["reason"], "mistakes");
}

#[test]
fn mistakes_are_counted_across_a_crash_and_forgiven_by_a_resume() {
    let mut w = World::new(8, 1);
    works_on(&mut w);
    w.tool = Box::new(|_| Does::Throws("no".into()));
    let none = json!({});
    crashes_after(&mut w, 3, &none);
    assert_eq!(paused(&mut w, "run", &none), (json!("mistakes"), 5));
    assert_eq!(paused(&mut w, "resume", &none), (json!("mistakes"), 10));
}

#[test]
fn identical_calls_are_counted_across_a_crash_and_another_call_begins_the_count_anew() {
    for (other, turns) in [(0, 5), (3, 8)] {
        for crash in [false, true] {
            let mut w = World::new(9, 1);
            let mut n = 0;
            w.model = Box::new(move |_| {
                n += 1;
                uses("", &[(&format!("c{n}"), "work", json!({ "other": n == other }))])
            });
            let none = json!({});
            if crash {
                crashes_after(&mut w, 2, &none);
            }
            let expected = (json!("identical_tool_calls"), turns);
            assert_eq!(paused(&mut w, "run", &none), expected, "another in {other}, crash: {crash}");
        }
    }
}

#[test]
fn it_makes_no_difference_in_which_order_the_same_calls_are_answered() {
    let mut w = World::new(12, 1);
    let mut n = 0;
    w.model = Box::new(move |_| {
        n += 1;
        let (a, b) = (format!("a{n}"), format!("b{n}"));
        uses("", &[(&a, "work", json!({ "of": "a" })), (&b, "work", json!({ "of": "b" }))])
    });
    w.tool = Box::new(|call| {
        let turn: u64 = call.id[1..].parse().unwrap();
        let first = (turn % 2 == 0) == call.id.starts_with('a');
        Does::Takes(if first { 10 } else { 500 }, Box::new(Does::Returns(call.input["of"].clone())))
    });
    assert_eq!(paused(&mut w, "start", &json!({})), (json!("identical_tool_calls"), 5));
}

#[test]
fn tokens_of_attempts_that_led_to_nothing_count_too() {
    let mut w = World::new(10, 1);
    let mut n = 0;
    w.model = Box::new(move |_| {
        n += 1;
        let mut events = turn("Half", &[]);
        // What it cost is told, and how it ended is not.
        events.retain(|e| e.get("messageStop").is_none());
        if n % 2 == 1 {
            return Says::Breaks(events, failure());
        }
        uses("", &[(&format!("c{n}"), "work", json!({ "n": n }))])
    });
    assert_eq!(paused(&mut w, "start", &json!({ "tokens": 4 * TOKENS_A_TURN })), (json!("tokens"), 2));
}

#[test]
fn tokens_of_a_turn_that_a_yield_cut_count_for_the_next_run() {
    let mut w = World::new(11, 1);
    let mut events = turn("Half", &[]);
    events.retain(|e| e.get("messageStop").is_none());
    w.script(vec![Says::Stalls(events)]);
    let limits = json!({ "tokens": 4 * TOKENS_A_TURN });
    let run = w.runner("start", limited(limits.clone()));
    w.until(run, |a| !a.requests.is_empty());
    w.pass(100);
    w.command(run, Command::Yield { reason: "drain".into(), grace: true });
    w.finish(run).unwrap();
    works_on(&mut w);
    assert_eq!(paused(&mut w, "run", &limits), (json!("tokens"), 3));
}

fn failure() -> task_execution_engine::converse::Failure {
    task_execution_engine::converse::Failure {
        name: Some("InternalServerException".into()),
        status: Some(500),
        message: "no".into(),
        retry_after_ms: None,
        cause: None,
    }
}
