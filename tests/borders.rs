//! Where one part of the core meets another: what happens in a moment in which no single part sees all of it.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use support::*;
use task_execution_engine::effect::{Command, Effect, Input, Question};
use task_execution_engine::error::Code;
use task_execution_engine::facts::fact::Decision;
use task_execution_engine::store::{StoreErrorCode, StoreWrite};

fn drain() -> Command {
    Command::Yield { reason: "drain".into(), grace: true }
}

/// A run whose one tool is at work for so long.
fn working(w: &mut World, does: Does) -> usize {
    w.script(vec![uses("", &[("a", "work", json!({}))]), text("Fine.")]);
    w.tool = Box::new(move |_| does.clone());
    let run = w.start();
    w.until(run, |a| !a.executed.is_empty());
    run
}

fn set_status(w: &mut World, run: usize, status: &str) {
    w.outside(&["status"], json!(status));
    w.give(run, Input::Changed);
    w.pass(1_000);
}

fn slow(ms: u64) -> Does {
    Does::Takes(ms, Box::new(Does::Returns(json!(1))))
}

fn head_path() -> String {
    format!("{TASK_PATH}/engine/head")
}

/// Listing fails with that code until [`works_again`].
fn cannot_list(w: &mut World, code: StoreErrorCode) {
    w.fault = Box::new(move |_, effect| match effect {
        Effect::List { .. } => Fault::Fails(code),
        _ => Fault::None,
    });
}

fn works_again(w: &mut World) {
    w.fault = Box::new(|_, _| Fault::None);
}

#[test]
fn a_task_that_is_begun_anew_is_told_by_its_title() {
    let mut w = World::new(3, 2);
    for _ in 0..2 {
        let run = w.start();
        w.finish(run).unwrap();
        assert!(w.actors[run].requests[0][0].to_string().contains("A task"));
        w.outside(&["status"], json!("not_started"));
    }
}

fn writes_task(effect: &Effect) -> bool {
    let to_task = |write: &StoreWrite| matches!(write, StoreWrite::Update { path, .. } if path == TASK_PATH);
    matches!(effect, Effect::Commit { writes, .. } if writes.iter().any(to_task))
}

#[test]
fn an_item_added_while_a_completed_status_is_restored_is_worked_on() {
    for on_its_way in [false, true] {
        let mut w = World::new(5, 1);
        let run = w.start();
        w.finish(run).unwrap();
        w.outside(&["status"], json!("in_progress"));
        let epoch = w.head()["epoch"].clone();
        let run = w.runner("run", json!({}));
        w.fault = Box::new(|_, effect| if writes_task(effect) { Fault::Late(50) } else { Fault::None });
        let seen = w.spy(run, |_| false);
        while w.head()["epoch"] == epoch || on_its_way && !seen.borrow().iter().any(writes_task) {
            assert!(w.step());
        }
        let mut items = w.store.task()["progress"]["tasks"]["m1"].clone();
        let new = json!({ "id": "i2", "name": "New", "description": "", "status": "not_started" });
        items.as_array_mut().unwrap().push(new);
        w.outside(&["progress", "tasks", "m1"], items);
        let outcome = w.finish(run).unwrap();
        assert_eq!(outcome["status"], "completed");
        assert_eq!(w.actors[run].requests.len(), 1);
        assert_eq!(outcome["items"].as_array().unwrap().len(), 2);
        assert_eq!(w.types(run)[0], "task:resumed");
    }
}

#[test]
fn runs_that_could_not_load_the_history_are_no_crashes_and_hold_nothing() {
    for clean in [true, false] {
        let mut w = World::new(7, 1);
        let run = working(&mut w, Does::Hangs);
        if clean {
            w.command(run, drain());
            w.finish(run).unwrap();
        } else {
            w.crash(run);
            w.now += 60_000;
        }
        cannot_list(&mut w, StoreErrorCode::Unavailable);
        for _ in 0..8 {
            let run = w.runner("run", json!({}));
            assert_eq!(w.finish(run).unwrap_err().code, Code::StoreUnavailable);
            assert!(!w.head().contains_key("owner"));
        }
        works_again(&mut w);
        let run = w.runner("run", json!({}));
        assert_eq!(w.finish(run).unwrap()["status"], "completed");
        assert_eq!(w.events(run, "task:resumed")[0]["recovered"], true, "what was cut before still is");
    }
}

#[test]
fn a_resume_that_the_store_denies_to_load_leaves_the_task_to_the_next_one() {
    let mut w = World::new(32, 1);
    let run = working(&mut w, Does::Returns(json!(1)));
    w.command(run, Command::Pause);
    w.finish(run).unwrap();
    cannot_list(&mut w, StoreErrorCode::Denied);
    let run = w.runner("resume", json!({}));
    assert_eq!(w.finish(run).unwrap_err().code, Code::StoreDenied);
    assert_eq!(w.head()["last_run"], "paused");
    works_again(&mut w);
    let other = w.runner("resume", json!({ "options": { "waitForLeaseMs": 0 } }));
    assert_eq!(w.finish(other).unwrap()["status"], "completed");
    assert_eq!(w.events(other, "task:resumed")[0].get("recovered"), None);
}

#[test]
fn a_listing_that_lacks_any_part_of_a_long_entry_is_listed_again() {
    for part in 0..4 {
        let mut w = World::new(12, 1);
        let limits = json!({ "limits": { "documentBytes": 10_000, "commitBytes": 9_000_000 } });
        w.script(vec![uses(&"y".repeat(30_000), &[("a", "work", json!({}))]), text("Fine.")]);
        w.tool = Box::new(|_| Does::Deaf);
        let run = w.runner("start", limits.clone());
        w.until(run, |a| !a.executed.is_empty());
        w.crash(run);
        w.now += 100_000;
        let parts: Vec<String> =
            w.store.documents.keys().filter(|path| path.contains("/journal/00000002")).cloned().collect();
        assert_eq!(parts.len(), 4);
        let hidden = w.store.documents.remove(&parts[part]).unwrap();
        let again = w.runner("run", limits);
        w.pass(5_000);
        w.store.documents.insert(parts[part].clone(), hidden);
        assert_eq!(w.finish(again).unwrap()["status"], "completed", "part {part}");
    }
}

#[test]
fn a_grace_without_end_keeps_nobody_from_the_task() {
    let mut w = World::new(17, 1);
    w.tool = Box::new(|_| Does::Deaf);
    w.script(vec![uses("", &[("a", "work", json!({}))]), text("Done.")]);
    let endless = json!({ "graceMs": 9_007_199_254_740_991_u64, "storeTimeoutMs": 15_000 });
    let run = w.runner("start", json!({ "options": endless }));
    w.until(run, |a| !a.executed.is_empty());
    w.crash(run);
    w.now += 3_600_000;
    for kind in ["state", "pause", "stop"] {
        assert!(w.ask(kind, json!({ "options": endless })).is_ok(), "{kind}");
    }
    let run = w.runner("resume", json!({}));
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
}

#[test]
fn a_pause_that_others_kept_from_being_stored_does_not_settle_well() {
    let mut w = World::new(40, 1);
    w.model = Box::new(|_| Says::Stalls(vec![]));
    let run = w.start();
    w.until(run, |a| !a.requests.is_empty());
    w.crash(run);
    w.now += 100_000;
    let pause = w.open("pause", json!({}));
    for n in 0..5_000 {
        if !w.is_over(pause) {
            w.outside(&["updated_at"], json!(n));
            w.step();
        }
    }
    assert_eq!(w.finish(pause).unwrap_err().code, Code::StoreUnavailable);
    assert_eq!(w.store.status(), "in_progress");
    assert!(!w.head().contains_key("owner"));
}

#[test]
fn a_pause_given_here_outlives_one_in_the_register_that_is_taken_back() {
    let mut w = World::new(1, 1);
    let run = working(&mut w, Does::Takes(14_000, Box::new(Does::Returns(json!(1)))));
    set_status(&mut w, run, "paused");
    w.command(run, Command::Pause);
    set_status(&mut w, run, "in_progress");
    w.pass(60_000);
    let outcome = w.finish(run).unwrap();
    assert_eq!(outcome["status"], "paused", "a pause given here outlives what the register says");
}

#[test]
fn a_yield_given_here_outlives_a_pause_in_the_register_that_is_taken_back() {
    let mut w = World::new(1, 1);
    let run = working(&mut w, Does::Takes(14_000, Box::new(Does::Returns(json!(1)))));
    w.command(run, drain());
    set_status(&mut w, run, "paused");
    set_status(&mut w, run, "in_progress");
    let outcome = w.finish(run).unwrap();
    assert_eq!(outcome["status"], "yielded", "a yield given here outlives what the register says");
}

#[test]
fn loading_a_history_renews_the_lease() {
    let mut w = World::new(13, 1);
    let mut n = 0;
    w.model = Box::new(move |_| {
        n += 1;
        let id = format!("a{n}");
        if n <= 280 { uses("", &[(&id, "work", json!({ "n": n }))]) } else { Says::Stalls(vec![]) }
    });
    let limits = json!({ "iterations": 100_000, "minutes": 100_000 });
    let options = json!({ "options": { "leaseTtlMs": 6_000, "limits": limits } });
    let run = w.runner("start", options.clone());
    w.until(run, |a| a.requests.len() > 280);
    w.command(run, drain());
    w.finish(run).unwrap();
    w.model = Box::new(|_| text("Done."));
    // Two pages take longer than the lease.
    w.latency = 3_200;
    let mut outcome = Value::Null;
    for _ in 0..3 {
        let run = w.runner("run", options.clone());
        outcome = w.finish(run).unwrap();
        w.now += 60_000;
    }
    assert_eq!(outcome["status"], "completed", "a sole worker can take up a long history");
}

#[test]
fn results_of_a_reply_to_a_message_go_back_to_the_model() {
    let mut w = World::new(16, 1);
    w.tool = Box::new(|_| Does::Returns(json!("42")));
    w.script(vec![
        uses("", &[("w", "work", json!({}))]),
        uses("Looking it up. ", &[("q", "look", json!({}))]),
        text("The answer is 42."),
    ]);
    let run = w.start();
    w.until(run, |a| !a.executed.is_empty());
    let done = json!([{ "id": "i1", "name": "Item 1", "description": "", "status": "completed" }]);
    w.outside(&["progress", "tasks", "m1"], done);
    w.say("What is the answer?");
    w.give(run, Input::Changed);
    w.finish(run).unwrap();
    assert_eq!(w.actors[run].requests.len(), 3, "the model sees what its tool returned");
}

#[test]
fn an_approval_that_a_foreign_writer_put_there_keeps_no_call_from_being_answered() {
    let mut w = World::new(6, 1);
    w.vet = Box::new(|_| json!({ "verdict": "answer" }));
    w.script(vec![uses("", &[("a", "work", json!({}))]), text("Done.")]);
    let run = w.start();
    w.until_event(run, "task:answer_required");
    w.decide("a", Decision::Approve { note: None });
    w.pass(60_000);
    let answered = w.ask("answer", json!({ "toolCallId": "a", "result": 42 }));
    assert_eq!(answered, Ok(Value::Null), "what counts for nothing is in nobody's way");
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
}

/// Nothing reaches the run for so long, not even its timers.
fn stands_still(w: &mut World, run: usize, ms: u64) {
    w.actors[run].frozen_until = w.now + ms;
}

#[test]
fn a_process_that_stood_still_takes_in_what_arrived_before_it_looks_at_its_deadlines() {
    let limits = json!({ "options": { "idleTimeoutMs": 20_000, "callbackTimeoutMs": 20_000 } });
    for standstill in [5_001, 25_000, 200_000] {
        for at in ["model", "tool", "callback", "store"] {
            let mut w = World::new(50, 1);
            let mut tool = tool("work");
            tool["timeoutMs"] = json!(20_000);
            w.tools = json!([tool]);
            w.tool = Box::new(|_| Does::Takes(2_000, Box::new(Does::Returns(json!(1)))));
            w.latency = 700;
            w.script(vec![uses("", &[("a", "work", json!({}))]), text("Done.")]);
            let run = w.runner("start", limits.clone());
            match at {
                "model" => w.until(run, |a| !a.requests.is_empty()),
                "tool" => w.until(run, |a| !a.executed.is_empty()),
                "callback" => {
                    let seen = w.spy(run, |_| false);
                    let vets = |e: &Effect| matches!(e, Effect::Ask { question: Question::Vet { .. }, .. });
                    while !seen.borrow().iter().any(vets) {
                        assert!(w.step());
                    }
                }
                _ => {
                    while w.store.commits == 0 {
                        assert!(w.step());
                    }
                }
            }
            stands_still(&mut w, run, standstill);
            let outcome = w.finish(run).unwrap();
            assert_eq!(outcome["status"], "completed", "{at}, {standstill} ms: {outcome}");
            assert_eq!(w.actors[run].requests.len(), 2, "{at}, {standstill} ms: nothing is asked again");
            assert_eq!(w.executions.len(), 1, "{at}, {standstill} ms");
            assert_eq!(w.head()["epoch"], 1);
        }
    }
}

#[test]
fn a_run_that_stood_still_beyond_its_lease_starts_nothing_before_it_has_renewed() {
    let mut w = World::new(51, 1);
    w.tool = Box::new(|_| Does::Takes(1_000, Box::new(Does::Returns(json!(1)))));
    w.script(vec![uses("", &[("a", "work", json!({}))]), text("Done.")]);
    let run = w.start();
    w.until(run, |a| !a.executed.is_empty());
    stands_still(&mut w, run, 100_000);
    let seen = w.spy(run, |_| false);
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let seen = seen.borrow();
    let at = |wanted: fn(&Effect) -> bool| seen.iter().position(wanted);
    let stored = at(|effect| matches!(effect, Effect::Commit { .. }));
    let asked = at(|effect| matches!(effect, Effect::Converse { .. }));
    assert!(stored.unwrap() < asked.unwrap());
}

#[test]
fn a_run_that_stood_still_while_another_took_the_task_starts_nothing_more() {
    let mut w = World::new(52, 1);
    w.tool = Box::new(|_| Does::Takes(1_000, Box::new(Does::Returns(json!(1)))));
    w.model = Box::new(|_| uses("", &[("a", "work", json!({}))]));
    let run = w.start();
    w.until(run, |a| !a.executed.is_empty());
    stands_still(&mut w, run, 100_000);
    w.model = Box::new(|_| Says::Stalls(vec![]));
    let other = w.runner("run", json!({ "options": { "waitForLeaseMs": 90_000 } }));
    w.until(other, |a| !a.requests.is_empty());
    assert_eq!(w.finish(run).unwrap()["status"], "superseded");
    assert_eq!((w.actors[run].requests.len(), w.executions.len()), (1, 1));
}

#[test]
fn a_pause_or_stop_waits_for_no_callback_of_the_host_before_the_task_is_acquired() {
    for command in [Command::Pause, Command::Stop { reason: None }] {
        for callback in ["tools", "alive"] {
            let mut w = World::new(53, 1);
            if callback == "alive" {
                w.model = Box::new(|_| Says::Stalls(vec![]));
                let holder = w.runner("start", json!({ "holder": "p1" }));
                w.until(holder, |a| !a.requests.is_empty());
            }
            let run =
                w.runner("start", json!({ "holder": "p2", "options": { "waitForLeaseMs": 1_000_000 } }));
            // The host never answers.
            w.by_hand = true;
            while let Some(effect) = w.next_effect(run) {
                w.perform(run, effect);
            }
            let asked = loop {
                assert!(w.step());
                let Some(effect) = w.next_effect(run) else { continue };
                match effect {
                    Effect::Ask { ticket, .. } => break ticket,
                    effect => w.perform(run, effect),
                }
            };
            w.by_hand = false;
            let given = w.now;
            let ticket = w.command(run, command.clone());
            let cancelled = w.finish(run);
            assert!(w.now - given < 1_000, "{callback}: {} ms", w.now - given);
            match (callback, cancelled) {
                ("tools", Ok(outcome)) => {
                    assert_eq!(w.actors[run].settled[&ticket], Ok(Value::Null));
                    assert!(["paused", "stopped"].contains(&outcome["status"].as_str().unwrap()));
                    assert_eq!(w.store.status(), "paused");
                }
                // The command goes to the register, like any caller's.
                ("alive", Err(refused)) => assert_eq!(refused.code, Code::LeaseHeld),
                (_, ended) => panic!("{callback}: {ended:?}"),
            }
            assert!(asked.0 > 0);
        }
    }
}

#[test]
fn a_call_that_waits_for_a_person_while_the_machine_sleeps_runs_when_it_is_approved_afterwards() {
    let mut w = World::new(54, 1);
    w.vet = Box::new(|_| json!({ "verdict": "approve" }));
    w.script(vec![uses("", &[("a", "work", json!({}))]), text("Done.")]);
    let run = w.runner("start", json!({ "options": { "limits": { "minutes": 30 } } }));
    w.until_event(run, "task:approval_required");
    stands_still(&mut w, run, 3_600_000);
    w.pass(3_600_100);
    w.decide("a", Decision::Approve { note: None });
    w.give(run, Input::Changed);
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!((w.executions.len(), &w.head()["epoch"]), (1, &json!(1)));
}

#[test]
fn a_run_whose_task_was_broken_or_deleted_by_others_leaves_no_lease() {
    for broken in [json!("banana"), json!(7), json!({ "a": 1 }), Value::Null] {
        let mut w = World::new(60, 1);
        let run = working(&mut w, slow(50_000));
        w.outside(&["status"], broken.clone());
        w.give(run, Input::Changed);
        let outcome = w.finish(run).unwrap();
        assert_eq!((&outcome["status"], &outcome["unfinished"]), (&json!("interrupted"), &json!(true)));
        assert_eq!(w.store.task()["status"], broken, "what others wrote stays");
        assert!(!w.head().contains_key("owner"), "{broken}");
        w.outside(&["status"], json!("in_progress"));
        let again = w.runner("run", json!({ "options": { "waitForLeaseMs": 0 } }));
        assert_eq!(w.finish(again).unwrap()["status"], "completed");
        assert_eq!(w.events(again, "task:resumed")[0]["recovered"], true, "its end was no clean one");
    }
    for after in [0, 3, 5, 8, 12, 20, 400] {
        let mut w = World::new(61, 1);
        w.script(vec![uses("", &[("a", "work", json!({}))])]);
        w.tool = Box::new(|_| slow(5_000));
        let run = w.start();
        w.pass(after);
        w.store.documents.remove(TASK_PATH);
        w.give(run, Input::Changed);
        assert_eq!(w.finish(run).unwrap()["error"]["code"], "TASK_NOT_FOUND");
        assert!(w.store.get(TASK_PATH).is_none(), "nothing brings it back");
        assert!(!w.head().contains_key("owner"), "after {after} ms");
    }
}

#[test]
fn a_commit_that_is_on_its_way_when_the_task_breaks_is_waited_for_before_the_lease_is_given_back() {
    let mut w = World::new(62, 1);
    let run = working(&mut w, slow(2_000));
    w.fault = Box::new(|_, effect| match effect {
        Effect::Commit { .. } => Fault::Late(1_500),
        _ => Fault::None,
    });
    w.pass(2_100);
    w.outside(&["status"], json!("banana"));
    w.give(run, Input::Changed);
    assert_eq!(w.finish(run).unwrap()["status"], "interrupted");
    assert!(!w.head().contains_key("owner"));
    assert_eq!(w.store.facts("result").len(), 1, "what was on its way has landed");
    assert_eq!(w.events(run, "task:tool_result").len(), 1, "and is told");
}

#[test]
fn whatever_lease_or_grace_is_asked_for_others_get_the_task_within_a_day() {
    for given in [json!(1e300), json!(9_007_199_254_740_991_u64), json!(-5), json!(0), json!(0.5)] {
        for option in ["leaseTtlMs", "graceMs", "storeTimeoutMs", "callbackTimeoutMs", "idleTimeoutMs"] {
            let mut w = World::new(63, 1);
            let run = w.runner("start", json!({ "options": { option: given } }));
            w.tool = Box::new(|_| Does::Deaf);
            let mut first = true;
            w.model = Box::new(move |_| match std::mem::take(&mut first) {
                true => uses("", &[("a", "work", json!({}))]),
                false => text("Done."),
            });
            for _ in 0..100 {
                if w.is_over(run) || !w.actors[run].executed.is_empty() || !w.step() {
                    break;
                }
            }
            for (name, number) in
                w.store.get(&head_path()).and_then(|h| h.get("owner")?.as_object()).into_iter().flatten()
            {
                assert!(
                    number.as_u64().is_none_or(|n| n <= 86_400_000),
                    "{option} {given}: {name} is {number}"
                );
            }
            w.crash(run);
            w.now += 86_400_001;
            w.ask("pause", json!({})).unwrap();
            let again = w.runner("start", json!({ "options": { "waitForLeaseMs": 0 } }));
            assert_eq!(w.finish(again).unwrap()["status"], "completed", "{option} {given}");
        }
    }
}

#[test]
fn a_message_sent_to_a_task_that_others_reopened_is_answered_before_its_status_is_restored() {
    for early in [true, false] {
        let mut w = World::new(64, 1);
        let run = w.start();
        w.finish(run).unwrap();
        w.outside(&["status"], json!("in_progress"));
        if early {
            w.say("One more question?");
        }
        let epoch = w.head()["epoch"].clone();
        let run = w.runner("run", json!({}));
        while w.head()["epoch"] == epoch {
            w.step();
        }
        if !early {
            w.say("One more question?");
        }
        assert_eq!(w.finish(run).unwrap()["status"], "completed");
        assert_eq!((w.actors[run].requests.len(), w.store.status()), (1, "completed"));
        assert!(json!(w.actors[run].requests[0].last()).to_string().contains("One more question?"));
        assert!(w.store.documents.keys().all(|path| !path.contains("/inbox/")));
    }
}

#[test]
fn what_a_task_had_cost_before_it_was_reset_does_not_come_back() {
    let mut w = World::new(65, 2);
    let run = working(&mut w, slow(30_000));
    set_status(&mut w, run, "not_started");
    assert_eq!(w.finish(run).unwrap()["usage"]["totalTokens"], 15);
    w.script(vec![text("New one."), text("New two.")]);
    let run = w.start();
    let outcome = w.finish(run).unwrap();
    assert_eq!((&outcome["status"], &outcome["usage"]["totalTokens"]), (&json!("completed"), &json!(30)));
    assert_eq!(w.ask("state", json!({})).unwrap()["usage"], outcome["usage"]);
    let first = json!(w.actors[run].requests[0]).to_string();
    assert!(first.contains("A task") && !first.contains("toolUse"), "{first}");
}

#[test]
fn that_a_run_ended_uncleanly_is_known_whatever_commands_come_in_between() {
    let message = json!({ "message": { "role": "user", "content": [{ "text": "By the way." }] } });
    for (kind, arguments, refused) in [
        ("saveApiMessage", message.clone(), true),
        ("saveApiMessage", message, false),
        ("send", json!({ "message": "Hello", "text": "Hello" }), false),
        ("state", json!({}), false),
    ] {
        let mut w = World::new(66, 1);
        let run = if refused {
            working(&mut w, Does::Deaf)
        } else {
            w.model = Box::new(|_| Says::Stalls(vec![]));
            let run = w.start();
            w.until(run, |a| !a.requests.is_empty());
            run
        };
        w.crash(run);
        w.now += 100_000;
        assert_eq!(w.ask(kind, arguments).is_err(), refused, "{kind}");
        w.model = Box::new(|_| text("Fine."));
        let run = w.runner("run", json!({}));
        assert_eq!(w.finish(run).unwrap()["status"], "completed");
        let resumed = w.events(run, "task:resumed");
        assert_eq!((resumed.len(), &resumed[0]["recovered"]), (1, &json!(true)), "{kind}");
    }
}

#[test]
fn a_task_that_is_deleted_and_made_again_under_a_run_is_not_written_to_by_it() {
    let mut w = World::new(67, 1);
    let run = working(&mut w, slow(50_000));
    w.outside(&["created_at"], json!("2026-02-02T00:00:00.000Z"));
    let before = w.store.task().clone();
    w.give(run, Input::Changed);
    let outcome = w.finish(run).unwrap();
    assert_eq!(
        (&outcome["status"], &outcome["error"]["code"]),
        (&json!("interrupted"), &json!("STALE_HISTORY"))
    );
    assert_eq!(*w.store.task(), before);
    w.script(vec![text("New.")]);
    let run = w.runner("run", json!({ "options": { "waitForLeaseMs": 0 } }));
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert!(json!(w.actors[run].requests[0]).to_string().contains("A task"));
}
