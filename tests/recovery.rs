//! What the next run makes of how the last one ended: crashes counted, calls that never ran, calls that were cut.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use std::cell::Cell;
use std::rc::Rc;
use support::*;
use task_execution_engine::effect::{Command, Effect, Input, Ticket};
use task_execution_engine::facts::fact::Decision;

const LAPSED: u64 = 60_000;
const HEAD: &str = "users/u/tasks/t/engine/head";

/// A run that takes the task up and whose process is gone once the model was asked.
fn crashes(w: &mut World) {
    w.model = Box::new(|_| Says::Stalls(vec![]));
    let run = w.runner("run", json!({}));
    w.until(run, |a| !a.requests.is_empty());
    w.crash(run);
    w.now += LAPSED;
}

fn attempts(w: &World) -> u64 {
    w.head()["attempts"].as_u64().unwrap()
}

fn completes(w: &mut World, intent: &str) -> Value {
    w.model = Box::new(|_| text("Done."));
    let run = w.runner(intent, json!({}));
    w.finish(run).unwrap()
}

#[test]
fn the_fifth_unclean_take_up_in_a_row_parks_the_task_and_an_explicit_resume_tries_again() {
    let mut w = World::new(1, 1);
    for n in 0..5 {
        crashes(&mut w);
        assert_eq!(attempts(&w), n, "the first run is no take-up");
    }
    let outcome = completes(&mut w, "run");
    assert_eq!(outcome["error"]["code"], "CRASH_LOOP");
    assert_eq!(w.store.status(), "failed");
    w.model = Box::new(|_| Says::Stalls(vec![]));
    let run = w.runner("resume", json!({}));
    w.until(run, |a| !a.requests.is_empty());
    assert_eq!(attempts(&w), 0, "before anything is finished");
    w.crash(run);
    w.now += LAPSED;
    assert_eq!(completes(&mut w, "run")["status"], "completed");
}

#[test]
fn a_task_whose_every_beginning_kills_the_process_is_parked_too() {
    let ended = || {
        let mut w = World::new(1, 1);
        assert_eq!(completes(&mut w, "run")["status"], "completed");
        w.outside(
            &["progress", "tasks", "m1"],
            json!([{ "id": "i2", "name": "Item 2", "status": "not_started" }]),
        );
        w
    };
    for mut w in [World::new(1, 1), ended()] {
        // Others have set it going, and no beginning is ever stored.
        w.outside(&["status"], json!("in_progress"));
        let begun = w.store.facts("begun").len();
        for n in 0..5 {
            let run = w.runner("run", json!({ "hasPrompt": true }));
            let epoch = w.store.get(HEAD).map(|head| head["epoch"].clone());
            while w.store.get(HEAD).map(|head| head["epoch"].clone()) == epoch {
                assert!(w.step());
            }
            w.crash(run);
            w.now += LAPSED;
            assert_eq!((attempts(&w), w.store.facts("begun").len()), (n, begun));
        }
        assert_eq!(completes(&mut w, "run")["error"]["code"], "CRASH_LOOP");
        assert_eq!(w.store.status(), "failed");
        assert_eq!(completes(&mut w, "resume")["status"], "completed");
    }
}

#[test]
fn clean_yields_are_not_counted() {
    let mut w = World::new(1, 1);
    w.vet = Box::new(|_| json!({ "verdict": "approve" }));
    w.script(vec![uses("", &[("a", "work", json!({}))])]);
    for _ in 0..7 {
        let run = w.runner("run", json!({ "options": { "whileWaiting": "yield" } }));
        assert_eq!(w.finish(run).unwrap()["reason"], "waiting");
        assert_eq!(attempts(&w), 0);
    }
}

#[test]
fn the_fourth_is_not_the_fifth() {
    let mut w = World::new(2, 1);
    (0..4).for_each(|_| crashes(&mut w));
    assert_eq!(completes(&mut w, "run")["status"], "completed");
}

#[test]
fn a_turn_or_a_result_in_between_begins_the_count_anew() {
    for result in [false, true] {
        let mut w = World::new(3, 1);
        w.tools[0]["onUnknownOutcome"] = json!("rerun");
        if result {
            // The turn is stored by the first run: what counts afterwards is the result alone.
            w.script(vec![uses("", &[("a", "work", json!({}))])]);
            w.tool = Box::new(|_| Does::Deaf);
            let run = w.runner("run", json!({}));
            w.until(run, |a| !a.executed.is_empty());
            w.crash(run);
            w.now += LAPSED;
            for _ in 0..3 {
                let run = w.runner("run", json!({}));
                w.until(run, |a| !a.executed.is_empty());
                w.crash(run);
                w.now += LAPSED;
            }
        } else {
            (0..4).for_each(|_| crashes(&mut w));
        }
        assert_eq!(attempts(&w), 3);
        w.tool = Box::new(|_| Does::Returns(json!(1)));
        let mut turns = vec![Says::Stalls(vec![])];
        if !result {
            turns.insert(0, uses("", &[("b", "work", json!({}))]));
            w.tool = Box::new(|_| Does::Deaf);
        }
        w.script(turns);
        let run = w.runner("run", json!({}));
        let stored = if result { "result" } else { "turn" };
        while w.store.facts(stored).is_empty() {
            assert!(w.step());
        }
        assert_eq!(attempts(&w), 0, "{stored}");
        w.crash(run);
    }
}

#[test]
fn a_yield_that_cut_something_is_recovered_from_and_a_clean_one_is_not() {
    for cut in ["nothing", "turn", "call"] {
        let mut w = World::new(4, 1);
        w.tool = Box::new(|_| Does::Hangs);
        let stalls = cut == "turn";
        w.script(vec![if stalls { Says::Stalls(vec![]) } else { uses("", &[("a", "work", json!({}))]) }]);
        if cut == "nothing" {
            w.vet = Box::new(|_| json!({ "verdict": "approve" }));
        }
        let run = w.runner("start", json!({ "options": { "whileWaiting": "yield", "graceMs": 1_000 } }));
        if cut != "nothing" {
            w.until(run, |a| !a.requests.is_empty() && (stalls || !a.executed.is_empty()));
            w.command(run, Command::Yield { reason: "drain".into(), grace: true });
        }
        assert_eq!(w.finish(run).unwrap()["status"], "yielded");
        let unclean = cut != "nothing";
        assert_eq!(w.head()["last_run"] == "yielded_unclean", unclean, "{cut}");
        if !unclean {
            w.decide("a", Decision::Approve { note: None });
        }
        w.tool = Box::new(|_| Does::Returns(json!(1)));
        assert_eq!(completes(&mut w, "run")["status"], "completed");
        let resumed = w.events(w.actors.len() - 1, "task:resumed");
        assert_eq!(resumed.len(), usize::from(unclean), "{cut}");
        assert!(resumed.iter().all(|e| e["recovered"] == true));
    }
}

#[test]
fn unclean_yields_are_counted_as_crashes_are() {
    let mut w = World::new(5, 1);
    for _ in 0..5 {
        w.model = Box::new(|_| Says::Stalls(vec![]));
        let run = w.runner("run", json!({}));
        w.until(run, |a| !a.requests.is_empty());
        w.command(run, Command::Yield { reason: "drain".into(), grace: true });
        w.finish(run).unwrap();
    }
    assert_eq!(completes(&mut w, "run")["error"]["code"], "CRASH_LOOP");
}

/// The first commit of that fact is sent, and before its reply comes the run is told something.
fn told_while_storing(w: &mut World, run: usize, kind: &'static str, command: Command) {
    while w.store.facts(kind).is_empty() {
        assert!(w.step());
    }
    assert!(w.executions.is_empty(), "the commit that allows it has not been confirmed");
    w.command(run, command);
}

fn ends() -> [(Command, &'static str); 3] {
    [
        (Command::Stop { reason: None }, "resume"),
        (Command::Pause, "resume"),
        (Command::Yield { reason: "drain".into(), grace: true }, "run"),
    ]
}

#[test]
fn a_call_that_was_allowed_and_never_ran_is_run_by_the_next_run_and_is_no_unknown_outcome() {
    for (command, next) in ends() {
        let mut w = World::new(6, 1);
        w.script(vec![uses("", &[("a", "work", json!({}))]), text("Done.")]);
        let run = w.start();
        told_while_storing(&mut w, run, "starting", command.clone());
        w.finish(run).unwrap();
        assert!(w.executions.is_empty(), "{command:?}");
        assert_eq!(w.store.facts("not_run")[0]["toolCallIds"], json!(["a"]));
        let again = w.runner(next, json!({}));
        assert_eq!(w.finish(again).unwrap()["status"], "completed");
        assert_eq!(w.actors[again].executed, [("a".to_owned(), 1)], "{command:?}: its first attempt");
        assert!(w.events(again, "task:tool_result").iter().all(|e| e.get("unknown").is_none()));
        let recovered = w.events(again, "task:resumed").iter().any(|e| e["recovered"] == true);
        assert!(!recovered, "{command:?}: nothing was cut");
    }
}

#[test]
fn what_a_person_approved_stays_approved_where_the_call_never_ran() {
    for (command, next) in ends() {
        let mut w = World::new(7, 1);
        w.vet = Box::new(|_| json!({ "verdict": "approve" }));
        w.script(vec![uses("", &[("a", "work", json!({}))]), text("Done.")]);
        let run = w.start();
        w.until_event(run, "task:approval_required");
        w.decide("a", Decision::Approve { note: None });
        told_while_storing(&mut w, run, "starting", command.clone());
        w.finish(run).unwrap();
        assert_eq!(w.store.facts("not_run").len(), 1);
        let again = w.runner(next, json!({}));
        assert_eq!(w.finish(again).unwrap()["status"], "completed");
        assert!(w.events(again, "task:approval_required").is_empty(), "{command:?}: nobody is asked again");
        assert_eq!(w.actors[again].executed, [("a".to_owned(), 1)]);
    }
}

#[test]
fn a_call_that_may_have_run_is_never_taken_for_one_that_did_not() {
    let mut w = World::new(8, 1);
    w.script(vec![uses("", &[("a", "work", json!({})), ("b", "look", json!({}))]), text("Done.")]);
    w.tool = Box::new(|_| Does::Deaf);
    let run = w.start();
    w.until(run, |a| a.executed.len() == 2);
    w.command(run, Command::Stop { reason: None });
    w.finish(run).unwrap();
    assert!(w.store.facts("not_run").is_empty());
    w.tool = Box::new(|_| Does::Returns(json!(1)));
    let again = w.runner("resume", json!({}));
    w.finish(again).unwrap();
    assert!(w.actors[again].executed.is_empty());
    assert_eq!(w.events(again, "task:tool_result").iter().filter(|e| e["unknown"] == true).count(), 2);
}

#[test]
fn a_look_that_is_older_than_what_was_just_stored_is_not_obeyed() {
    for step in 0..40 {
        for late in [2, 5, 40] {
            let mut w = World::new(9, 2);
            let run = w.start();
            w.command(run, Command::Pause);
            w.finish(run).unwrap();
            let run = w.runner("resume", json!({ "hasWatch": true }));
            for _ in 0..step {
                w.step();
            }
            // The next read of the task shows for a while what it was.
            let mut due = true;
            w.fault = Box::new(move |_, effect| match effect {
                Effect::Read { paths, .. } if paths == &[TASK_PATH] && std::mem::take(&mut due) => {
                    Fault::Late(late)
                }
                _ => Fault::None,
            });
            w.give(run, Input::Changed);
            let outcome = w.finish(run).unwrap();
            assert_eq!(outcome["status"], "completed", "after {step} steps, {late} ms late");
            assert_eq!(w.store.status(), "completed");
        }
    }
}

#[test]
fn a_stop_after_a_pause_is_the_one_that_counts_and_answers_both() {
    for stored in [false, true] {
        let mut w = World::new(10, 1);
        w.script(vec![uses("", &[("a", "work", json!({}))])]);
        w.tool = Box::new(|_| Does::Deaf);
        let run = w.start();
        w.until(run, |a| !a.executed.is_empty());
        let paused = w.now;
        let first = if stored {
            w.outside(&["status"], json!("paused"));
            let first = w.command(run, Command::Look);
            w.pass(100);
            first
        } else {
            w.command(run, Command::Pause)
        };
        w.pass(8_000);
        let stop = w.command(run, Command::Stop { reason: Some("enough".into()) });
        let outcome = w.finish(run).unwrap();
        assert_eq!((&outcome["status"], &outcome["reason"]), (&json!("stopped"), &json!("enough")));
        assert_eq!(w.store.task()["execution"]["abort_reason"], "enough");
        assert!(w.actors[run].settled[&first].is_ok() && w.actors[run].settled[&stop].is_ok());
        assert!(w.now - paused <= 10_200, "it waits no longer than the grace of the pause");
        // The weaker one afterwards changes nothing.
        let ended = w.store.facts("ended");
        assert_eq!(ended.len(), 1);
        assert_eq!(ended[0]["status"], "stopped");
    }
}

#[test]
fn a_pause_after_a_stop_leaves_it_a_stop() {
    let mut w = World::new(11, 1);
    w.script(vec![uses("", &[("a", "work", json!({}))])]);
    w.tool = Box::new(|_| Does::Deaf);
    let run = w.start();
    w.until(run, |a| !a.executed.is_empty());
    let stop = w.command(run, Command::Stop { reason: None });
    let pause = w.command(run, Command::Pause);
    assert_eq!(w.finish(run).unwrap()["status"], "stopped");
    assert!(w.actors[run].settled[&pause].is_ok() && w.actors[run].settled[&stop].is_ok());
}

#[test]
fn an_end_that_a_lost_reply_hides_is_found_in_the_journal_also_where_the_store_then_denies() {
    for denied in [false, true] {
        let mut w = World::new(12, 1);
        w.model = Box::new(|_| Says::Stalls(vec![]));
        let run = w.start();
        w.until(run, |a| !a.requests.is_empty());
        let mut n = 0;
        w.fault = Box::new(move |_, effect| {
            if !matches!(effect, Effect::Commit { .. }) {
                return Fault::None;
            }
            n += 1;
            match (n, denied) {
                (1, _) => Fault::LostReply,
                (_, true) => Fault::Fails(task_execution_engine::store::StoreErrorCode::Denied),
                _ => Fault::None,
            }
        });
        let pause = w.command(run, Command::Pause);
        assert_eq!(w.finish(run).unwrap()["status"], "paused", "denied: {denied}");
        assert_eq!(w.actors[run].settled[&pause], Ok(Value::Null));
        assert_eq!(w.store.facts("ended").len(), 1);
        assert_eq!(w.events(run, "task:paused").len(), 1);
    }
}

#[test]
fn a_clean_yield_in_between_makes_no_crash_undone() {
    let mut w = World::new(14, 1);
    (0..3).for_each(|_| crashes(&mut w));
    let before = attempts(&w);
    // Taken up once more, and given up again before anything is asked.
    w.latency = 20;
    for _ in 0..2 {
        let epoch = w.head()["epoch"].clone();
        let run = w.runner("run", json!({}));
        while w.head()["epoch"] == epoch {
            assert!(w.step());
        }
        w.command(run, Command::Yield { reason: "drain".into(), grace: true });
        assert_eq!(w.finish(run).unwrap()["status"], "yielded");
    }
    assert_eq!(w.head()["last_run"], "yielded", "nothing was cut");
    assert_eq!(attempts(&w), before + 1, "the first of the two took up what had crashed");
}

#[test]
fn a_pause_that_others_stored_after_a_yield_is_finished_by_the_next_run() {
    for unclean in [false, true] {
        let mut w = World::new(15, 1);
        w.script(vec![uses("", &[("a", "work", json!({}))])]);
        w.tool = Box::new(move |_| if unclean { Does::Deaf } else { Does::Returns(json!(1)) });
        w.vet = Box::new(move |_| json!({ "verdict": if unclean { "run" } else { "approve" } }));
        let run = w.runner("start", json!({ "options": { "whileWaiting": "yield" } }));
        if unclean {
            w.until(run, |a| !a.executed.is_empty());
            w.command(run, Command::Yield { reason: "dispose".into(), grace: false });
        }
        assert_eq!(w.finish(run).unwrap()["status"], "yielded");
        assert_eq!(w.head()["last_run"], if unclean { "yielded_unclean" } else { "yielded" });
        w.outside(&["status"], json!("paused"));
        let run = w.runner("run", json!({}));
        assert_eq!(w.finish(run).unwrap()["status"], "paused");
        assert_eq!(w.store.facts("ended").len(), 1, "the journal says so too");
        assert_eq!((w.head()["last_run"].as_str(), w.events(run, "task:paused").len()), (Some("paused"), 1));
    }
}

#[test]
fn a_task_that_is_only_begun_again_and_again_after_a_crash_is_no_crash_loop() {
    let mut w = World::new(16, 1);
    w.script(vec![uses("", &[("a", "work", json!({}))]), text("Done.")]);
    w.tool = Box::new(|_| Does::Deaf);
    let run = w.start();
    w.until(run, |a| !a.executed.is_empty());
    w.crash(run);
    w.now += LAPSED;
    for _ in 0..6 {
        let begins = w.runner("start", json!({ "drives": false }));
        w.finish(begins).unwrap();
    }
    assert_eq!((w.store.status(), &w.head()["attempts"]), ("in_progress", &json!(1)));
    assert_eq!(w.store.facts("begun").len(), 2, "it was resumed once");
    assert_eq!(completes(&mut w, "run")["status"], "completed");
}

#[test]
fn what_the_old_class_adds_to_its_history_while_the_first_run_begins_is_taken_over_too() {
    let mut w = World::new(16, 1);
    let said = |role: &str, text: &str| json!({ "role": role, "content": text, "ts": 1 });
    let mut old = vec![said("user", "Before."), said("assistant", "Yes.")];
    w.outside(&["execution", "api_messages"], json!(old));
    w.fault = Box::new(|_, effect| match effect {
        Effect::Commit { .. } if format!("{effect:?}").contains("imported") => Fault::Late(50),
        _ => Fault::None,
    });
    let run = w.start();
    while !w.store.documents.contains_key(HEAD) {
        assert!(w.step());
    }
    w.pass(20);
    old.extend([said("user", "And then?"), said("assistant", "More.")]);
    w.outside(&["execution", "api_messages"], json!(old));
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let first = w.actors[run].requests[0].clone();
    assert!(json!(first).to_string().contains("More."), "{first:?}");
    assert_eq!(w.store.facts("imported").len(), 1);
}

#[test]
fn an_old_history_is_taken_over_once() {
    let mut w = World::new(16, 1);
    let old = json!([{ "role": "user", "content": "Before.", "ts": 1 }, { "role": "assistant", "content": "Yes.", "ts": 2 }]);
    w.outside(&["execution", "api_messages"], old);
    w.model = Box::new(|_| Says::Stalls(vec![]));
    let run = w.start();
    w.until(run, |a| !a.requests.is_empty());
    w.command(run, Command::Yield { reason: "drain".into(), grace: true });
    w.finish(run).unwrap();
    assert_eq!(completes(&mut w, "run")["status"], "completed");
    assert_eq!(w.store.facts("imported").len(), 1);
}

#[test]
fn a_task_that_starts_anew_knows_nothing_of_the_calls_of_its_last_run() {
    let mut w = World::new(17, 1);
    w.script(vec![uses("", &[("a", "work", json!({}))])]);
    w.tool = Box::new(|_| Does::Deaf);
    let run = w.start();
    w.until(run, |a| !a.executed.is_empty());
    w.crash(run);
    w.now += LAPSED;
    w.outside(&["status"], json!("not_started"));
    w.vet = Box::new(|_| json!({ "verdict": "approve" }));
    w.script(vec![uses("", &[("b", "work", json!({}))])]);
    let run = w.runner("start", json!({ "options": { "whileWaiting": "yield" } }));
    assert_eq!(w.finish(run).unwrap()["reason"], "waiting");
    assert_eq!(w.head()["last_run"], "yielded", "no outcome is unknown any more");
}

#[test]
fn the_head_tells_of_the_call_that_has_waited_longest_though_a_hundred_were_asked_about_before_it() {
    let mut w = World::new(18, 1);
    w.tools[0]["onUnknownOutcome"] = json!("ask");
    let ids: Vec<String> = (0..=100).map(|n| format!("a{n}")).collect();
    let calls: Vec<_> = ids.iter().map(|id| (id.as_str(), "work", json!({}))).collect();
    w.script(vec![uses("", &calls)]);
    w.tool = Box::new(|_| Does::Deaf);
    w.vet = Box::new(|call| json!({ "verdict": if call.id == "a100" { "approve" } else { "run" } }));
    let run = w.start();
    w.until(run, |a| a.executed.len() == 100);
    w.crash(run);
    w.now += LAPSED;
    let run = w.runner("run", json!({ "options": { "whileWaiting": "yield" } }));
    assert_eq!(w.finish(run).unwrap()["reason"], "waiting");
    let state = w.ask("state", json!({})).unwrap();
    assert_eq!(state["waiting"].as_array().map(Vec::len), Some(101));
}

/// As the app deletes a task, whose service knows nothing of the engine's documents, and makes another under its id.
fn makes_again(w: &mut World, created_at: &str) {
    w.store.documents.remove(TASK_PATH);
    let Value::Object(mut task) = task_with(1) else { panic!("an object") };
    task.insert("created_at".into(), created_at.into());
    let now = w.now;
    w.store.put(TASK_PATH, Value::Object(task), now);
}

#[test]
fn a_task_made_again_under_the_id_of_one_that_the_app_deleted_starts_clean() {
    for intent in ["run", "start"] {
        let mut w = World::new(18, 1);
        w.script(vec![uses("Old words.", &[("a", "work", json!({}))]), text("Old end.")]);
        let run = w.start();
        assert_eq!(w.finish(run).unwrap()["status"], "completed");
        let before = (w.head().clone(), w.store.journal().len());
        let old = w.actors[run].keys.clone();
        let sent = json!({ "kind": "message", "text": "Old advice.", "at": "2026-01-31T00:00:00.000Z" });
        let now = w.now;
        w.store.put(&format!("{TASK_PATH}/inbox/old"), sent, now);
        makes_again(&mut w, "2026-02-01T00:00:00.000Z");

        w.script(vec![uses("", &[("a", "work", json!({}))]), text("New end.")]);
        let run = w.runner(intent, json!({}));
        let outcome = w.finish(run).unwrap();
        assert_eq!((&outcome["status"], &outcome["text"]), (&json!("completed"), &json!("New end.")));
        assert_eq!(w.events(run, "task:started").len(), 1);
        let requests = json!(w.actors[run].requests).to_string();
        assert!(!requests.contains("Old"), "{requests}");
        assert!(!w.store.documents.contains_key(&format!("{TASK_PATH}/inbox/old")));
        let head = w.head();
        assert_ne!(head["history"], before.0["history"]);
        assert_eq!(head["since"], before.0["seq"]);
        assert!(head["epoch"].as_u64() > before.0["epoch"].as_u64());
        assert_eq!(head["created_at"], "2026-02-01T00:00:00.000Z");
        assert_ne!(w.actors[run].keys, old, "calls of the same id are others");

        let run = w.runner("run", json!({}));
        let outcome = w.finish(run).unwrap();
        assert_eq!((&outcome["status"], &outcome["text"]), (&json!("completed"), &json!("New end.")));
        assert_eq!(outcome["usage"]["totalTokens"], w.head()["summary"]["usage"]["totalTokens"]);
    }
}

#[test]
fn a_task_made_again_is_taken_up_after_a_crash_as_itself() {
    let mut w = World::new(21, 1);
    crashes(&mut w);
    makes_again(&mut w, "2026-02-01T00:00:00.000Z");
    crashes(&mut w);
    let since = w.head()["since"].clone();
    assert_eq!(attempts(&w), 0, "the crashes of the task before are not its own");
    w.script(vec![text("Done.")]);
    let run = w.runner("run", json!({}));
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!(w.events(run, "task:resumed")[0]["recovered"], true);
    assert_eq!(w.head()["since"], since);
}

#[test]
fn the_same_instant_in_another_form_is_the_same_task_and_a_time_that_says_nothing_is_too() {
    for form in ["2026-01-01T01:00:00+01:00", "2026-01-01T00:00:00Z", "yesterday", ""] {
        let mut w = World::new(22, 1);
        w.outside(&["created_at"], json!("2026-01-01T00:00:00.000Z"));
        crashes(&mut w);
        let history = w.head()["history"].clone();
        w.outside(&["created_at"], json!(form));
        assert_eq!(completes(&mut w, "run")["status"], "completed", "{form}");
        assert_eq!((&w.head()["history"], w.head().get("since")), (&history, None), "{form}");
    }
}

/// As if the last runs had crashed so often.
fn crashed_before(w: &mut World, times: u64) {
    w.store.set("users/u/tasks/t/engine/head", &["attempts"], json!(times), w.now);
}

#[test]
fn whoever_resumes_explicitly_begins_the_count_of_crashes_anew_and_whoever_finishes_a_pause_goes_on() {
    // Others have set a completed task going: its status is restored.
    let mut w = World::new(30, 1);
    let run = w.start();
    w.finish(run).unwrap();
    w.outside(&["status"], json!("in_progress"));
    crashed_before(&mut w, 3);
    assert_eq!(completes(&mut w, "run")["status"], "completed");
    assert_eq!(attempts(&w), 0);

    for (intent, status, left) in [("resume", "completed", 0), ("run", "paused", 4)] {
        let mut w = World::new(31, 1);
        crashes(&mut w);
        w.outside(&["status"], json!("paused"));
        crashed_before(&mut w, 3);
        w.model = Box::new(|_| text("Done."));
        let run = w.runner(intent, json!({}));
        w.until(run, |a| a.settled.contains_key(&Ticket::STARTED));
        assert_eq!(attempts(&w), left, "{intent}");
        assert_eq!(w.finish(run).unwrap()["status"], status);
    }
}

#[test]
fn a_history_that_cannot_be_read_leaves_the_count_of_crashes_as_it_was() {
    let mut w = World::new(32, 1);
    crashes(&mut w);
    crashed_before(&mut w, 3);
    w.store.set(&format!("{TASK_PATH}/journal/00000001"), &["json"], json!("damaged"), w.now);
    let run = w.runner("run", json!({}));
    assert_eq!(json!(w.finish(run).unwrap_err().code), "CORRUPT_HISTORY");
    assert_eq!((attempts(&w), &w.head()["last_run"]), (3, &json!("yielded_unclean")));
}

#[test]
fn a_crash_loop_says_how_often_the_task_was_taken_up() {
    let mut w = World::new(33, 1);
    crashes(&mut w);
    crashed_before(&mut w, 4);
    let outcome = completes(&mut w, "run");
    assert!(outcome["error"]["message"].as_str().unwrap().contains("taken up 5 times in a row"), "{outcome}");
}

#[test]
fn a_task_made_again_brings_the_old_history_of_its_document_along() {
    let mut w = World::new(34, 1);
    let run = w.start();
    w.finish(run).unwrap();
    makes_again(&mut w, "2026-02-01T00:00:00.000Z");
    let old = json!([{ "role": "user", "content": [{ "text": "Hi." }] }, { "role": "assistant", "content": [{ "text": "Hello." }] }]);
    w.outside(&["execution", "api_messages"], old);
    let run = w.start();
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!(w.store.facts("imported").len(), 1);
    assert_eq!(w.actors[run].requests[0][0]["content"], json!([{ "text": "Hi." }]));
}

#[test]
fn a_completed_task_that_others_set_going_is_resumed_by_whoever_says_so() {
    let mut w = World::new(35, 1);
    let run = w.start();
    w.finish(run).unwrap();
    for intent in ["resume", "start"] {
        w.outside(&["status"], json!("in_progress"));
        assert_eq!(completes(&mut w, intent)["status"], "completed");
    }
    let hows: Vec<_> = w.store.facts("begun").iter().map(|fact| fact["how"].clone()).collect();
    assert_eq!(hows, ["started", "resumed", "resumed"]);
}

#[test]
fn a_yield_that_is_given_twice_is_no_clean_one_where_the_first_cut_something() {
    let mut w = World::new(36, 1);
    w.model = Box::new(|_| Says::Stalls(turn("Half", &[])[..2].to_vec()));
    let run = w.start();
    w.until(run, |a| a.events.iter().any(|e| e["type"] == "task:message"));
    let renews = Rc::new(Cell::new(false));
    let seen = Rc::clone(&renews);
    w.fault = Box::new(move |_, effect| match effect {
        Effect::Commit { .. } if !seen.replace(true) => Fault::Late(500),
        _ => Fault::None,
    });
    while !renews.get() {
        assert!(w.step());
    }
    for _ in 0..2 {
        w.command(run, Command::Yield { reason: "drain".into(), grace: true });
    }
    assert_eq!(w.finish(run).unwrap()["status"], "yielded");
    assert_eq!(w.head()["last_run"], "yielded_unclean");
}

#[test]
fn the_plan_of_a_task_whose_first_run_died_before_it_began_stays_as_it_is_when_it_is_paused() {
    let mut w = World::new(37, 1);
    w.outside(&["progress", "overall_percentage"], json!(7));
    let run = w.start();
    while w.store.get(&format!("{TASK_PATH}/engine/head")).is_none() {
        assert!(w.step());
    }
    w.crash(run);
    w.now += LAPSED;
    w.outside(&["status"], json!("paused"));
    assert_eq!(completes(&mut w, "run")["status"], "paused");
    assert_eq!(w.store.facts("begun").len(), 0);
    assert_eq!(w.store.get(TASK_PATH).unwrap()["progress"]["overall_percentage"], 7);
}

#[test]
fn a_message_of_the_moment_in_which_the_task_was_made_again_is_for_the_new_task() {
    let made = "2026-02-01T00:00:00.000Z";
    for (sent, read) in [(made, 1), ("2026-01-31T23:59:59.999Z", 0)] {
        let mut w = World::new(38, 1);
        let run = w.start();
        w.finish(run).unwrap();
        makes_again(&mut w, made);
        let message = json!({ "kind": "message", "text": "Hello?", "at": sent });
        w.store.put(&format!("{TASK_PATH}/inbox/0000000000001-x"), message, w.now);
        assert_eq!(completes(&mut w, "start")["status"], "completed");
        assert_eq!(w.store.facts("received").len(), read, "{sent}");
    }
}

#[test]
fn a_run_that_gives_the_task_back_unfinished_undoes_no_crash_before_it() {
    let mut w = World::new(1, 1);
    crashes(&mut w);
    w.model = Box::new(|_| Says::Stalls(vec![]));
    let run = w.runner("run", json!({}));
    w.until(run, |a| !a.requests.is_empty());
    assert_eq!(attempts(&w), 1);
    w.outside(&["status"], json!("banana"));
    w.give(run, Input::Changed);
    assert_eq!(w.finish(run).unwrap()["status"], "interrupted");
    assert_eq!((attempts(&w), w.head().get("owner")), (1, None));
}

/// A run that restores the status of a completed task, with the commit on its way.
fn restoring() -> (World, usize) {
    let mut w = World::new(1, 1);
    assert_eq!(completes(&mut w, "run")["status"], "completed");
    w.outside(&["status"], json!("in_progress"));
    let epoch = w.head()["epoch"].clone();
    w.fault = Box::new(move |_, effect| match effect {
        Effect::Commit { .. } if format!("{effect:?}").contains("completed") => Fault::Late(50),
        _ => Fault::None,
    });
    let run = w.runner("run", json!({}));
    while w.head()["epoch"] == epoch {
        assert!(w.step());
    }
    w.pass(20);
    (w, run)
}

#[test]
fn an_item_that_comes_with_a_completed_status_of_others_is_left_to_whoever_starts_the_task() {
    let (mut w, run) = restoring();
    let item = |id: &str, status: &str| json!({ "id": id, "name": id, "status": status });
    w.outside(&["progress", "tasks", "m1"], json!([item("i1", "completed"), item("i2", "not_started")]));
    w.outside(&["status"], json!("completed"));
    assert_eq!(w.finish(run).unwrap()["status"], "stopped");
    assert_eq!(w.store.status(), "completed");
}

#[test]
fn a_completed_status_that_others_restore_first_is_no_end_of_another_kind() {
    let (mut w, run) = restoring();
    w.outside(&["status"], json!("completed"));
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!((&w.head()["last_run"], w.store.facts("ended").len()), (&json!("completed"), 1));
}

#[test]
fn a_completed_status_that_met_a_write_of_others_is_restored_all_the_same() {
    let (mut w, run) = restoring();
    w.outside(&["custom", "by"], json!("another"));
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!(w.store.status(), "completed");
}
