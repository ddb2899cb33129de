//! Sentences of the contract that only trouble puts to the test: interruptions, conflicts, sizes, lags, take-backs.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use support::*;
use task_execution_engine::effect::{Command, Effect, Input, Ticket};
use task_execution_engine::error::Code;
use task_execution_engine::store::{StoreErrorCode, StoreWrite};

fn say(w: &mut World, id: &str, words: &str) {
    let now = w.now;
    w.store.put(
        &format!("{TASK_PATH}/inbox/{id}"),
        json!({ "kind": "message", "text": words, "at": "x" }),
        now,
    );
    w.outside(&["updated_at"], json!("x"));
}

fn touches_task(effect: &Effect) -> bool {
    matches!(effect, Effect::Commit { writes, .. } if writes.iter().any(|w| matches!(w,
        StoreWrite::Update { path, .. } if path == TASK_PATH)))
}

/// So many commits to the task document meet a conflict, as if another writer were always faster; how many did.
fn always_slower(w: &mut World, times: u32) -> Rc<Cell<u32>> {
    let conflicts = Rc::new(Cell::new(0));
    let n = Rc::clone(&conflicts);
    w.fault = Box::new(move |_, effect| {
        if touches_task(effect) && n.get() < times {
            n.set(n.get() + 1);
            return Fault::Fails(StoreErrorCode::Conflict);
        }
        Fault::None
    });
    conflicts
}

/// Runs three items of which the second's progress meets so many conflicts in a row: the journal's entry that completes
/// it, with whether the document showed it in that moment, and how many conflicts there were.
fn projected_after(conflicts_in_a_row: u32) -> (bool, u32) {
    let mut w = World::new(1, 3);
    w.script(vec![text("One."), text("Two."), text("Three.")]);
    let run = w.start();
    w.until(run, |a| a.requests.len() == 2);
    let conflicts = always_slower(&mut w, conflicts_in_a_row);
    let mut shown = None;
    for i in 0..2_000 {
        if conflicts.get() < conflicts_in_a_row {
            // Another writer is always faster.
            w.outside(&["custom"], json!(i));
        }
        if !w.step() {
            break;
        }
        if shown.is_none() && w.store.facts("done").len() == 2 {
            shown = Some(w.store.task()["progress"]["tasks"]["m1"][1]["status"] == "completed");
        }
    }
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!(w.store.task()["progress"]["overall_percentage"], 100, "it is projected in the end");
    (shown.unwrap(), conflicts.get())
}

#[test]
fn progress_waits_for_the_next_safe_point_after_five_conflicts_and_not_before() {
    assert_eq!(projected_after(4), (true, 4));
    assert_eq!(projected_after(5), (false, 5));
}

#[test]
fn a_status_is_never_left_out_however_many_conflicts_there_are() {
    const CONFLICTS: u32 = 9;
    let mut w = World::new(1, 1);
    w.model = Box::new(|_| Says::Stalls(vec![]));
    let run = w.start();
    w.until(run, |a| !a.requests.is_empty());
    let conflicts = always_slower(&mut w, CONFLICTS);
    w.command(run, Command::Pause);
    for i in 0..2_000 {
        if conflicts.get() == CONFLICTS {
            break;
        }
        w.outside(&["custom"], json!(i));
        w.step();
        assert!(w.store.facts("ended").is_empty(), "the journal does not say what the document does not");
    }
    assert_eq!(w.finish(run).unwrap()["status"], "paused");
    assert_eq!((w.store.status(), conflicts.get()), ("paused", CONFLICTS));
}

#[test]
fn a_completed_task_shows_all_its_progress_however_many_conflicts_there_were() {
    let mut w = World::new(1, 1);
    let run = w.start();
    w.until(run, |a| !a.requests.is_empty());
    let conflicts = always_slower(&mut w, 9);
    for i in 0..2_000 {
        if conflicts.get() < 9 {
            w.outside(&["custom"], json!(i));
        }
        if w.store.status() == "completed" || !w.step() {
            break;
        }
    }
    assert_eq!((w.store.status(), conflicts.get()), ("completed", 9));
    assert_eq!(w.store.task()["progress"]["overall_percentage"], 100);
}

#[test]
fn a_resume_that_nobody_runs_yet_deletes_the_reason_of_the_stop() {
    let mut w = World::new(2, 1);
    w.model = Box::new(|_| Says::Stalls(vec![]));
    let run = w.start();
    w.until(run, |a| !a.requests.is_empty());
    w.command(run, Command::Stop { reason: Some("enough".into()) });
    w.finish(run).unwrap();
    let resume = w.runner("resume", json!({ "drives": false }));
    w.finish(resume).unwrap();
    assert_eq!(w.store.status(), "in_progress");
    assert!(w.store.task()["execution"].get("abort_reason").is_none());
}

#[test]
fn a_failed_task_that_completes_with_its_first_commit_loses_its_error() {
    let mut w = World::new(3, 1);
    let mut items = task_with(1)["progress"]["tasks"].clone();
    items["m1"][0]["status"] = json!("completed");
    w.outside(&["progress", "tasks"], items);
    w.outside(&["status"], json!("failed"));
    w.outside(&["execution", "error"], json!("boom"));
    w.outside(&["execution", "abort_reason"], json!("old"));
    w.outside(&["completed_at"], json!("old"));
    let doubled = Rc::new(RefCell::new(Vec::new()));
    let d = Rc::clone(&doubled);
    w.fault = Box::new(move |_, effect| {
        if let Effect::Commit { writes, .. } = effect {
            for write in writes.iter() {
                if let StoreWrite::Update { fields, .. } = write {
                    for (i, f) in fields.iter().enumerate() {
                        if fields[..i].iter().any(|g| g.path == f.path) {
                            d.borrow_mut().push(f.path.clone());
                        }
                    }
                }
            }
        }
        Fault::None
    });
    let run = w.runner("resume", json!({}));
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let doubled = doubled.borrow();
    assert!(
        w.store.task()["execution"].get("error").is_none() && doubled.is_empty(),
        "{:?} {doubled:?}",
        w.store.task()["execution"]
    );
}

#[test]
fn a_pause_that_comes_between_acquiring_and_the_first_commit_is_obeyed() {
    let mut w = World::new(4, 1);
    w.outside(&["status"], json!("in_progress"));
    let run = w.start();
    while w.store.get(&format!("{TASK_PATH}/engine/head")).is_none() {
        w.step();
    }
    w.outside(&["status"], json!("paused"));
    let outcome = w.finish(run).unwrap();
    assert_eq!(outcome["status"], "paused");
    assert_eq!(w.store.status(), "paused");
}

#[test]
fn a_run_that_was_interrupted_is_taken_up_at_once_by_the_same_process() {
    let mut w = World::new(5, 1);
    w.model = Box::new(|_| Says::Stalls(vec![]));
    let run = w.runner("start", json!({ "instance": "process-1" }));
    w.until(run, |a| !a.requests.is_empty());
    w.fault = Box::new(|_, e| {
        if matches!(e, Effect::Commit { .. }) {
            Fault::Fails(StoreErrorCode::Unavailable)
        } else {
            Fault::None
        }
    });
    w.command(run, Command::Pause);
    assert_eq!(w.finish(run).unwrap()["status"], "interrupted");
    w.fault = Box::new(|_, _| Fault::None);
    w.model = Box::new(|_| text("Done."));
    let before = w.now;
    let again = w.runner("run", json!({ "instance": "process-1" }));
    assert_eq!(w.finish(again).unwrap()["status"], "completed");
    assert!(w.now - before < 1_000, "took {}", w.now - before);
}

#[test]
fn what_a_look_up_finds_may_be_too_large_for_a_commit() {
    let mut w = World::new(6, 1);
    w.tools[0]["onUnknownOutcome"] = json!("lookup");
    w.script(vec![uses("", &[("a", "work", json!({}))]), text("Fine.")]);
    w.tool = Box::new(|_| Does::Deaf);
    let first = w.start();
    w.until(first, |a| !a.executed.is_empty());
    w.crash(first);
    w.look_up = Box::new(|_| json!({ "found": true, "result": "x".repeat(200_000) }));
    let again = w.runner("run", json!({ "limits": { "documentBytes": 1_000_000, "commitBytes": 100_000 } }));
    assert_eq!(w.finish(again).unwrap()["status"], "completed");
    let answer = w.store.facts("result")[0].clone();
    assert_eq!(answer["status"], "error");
    assert!(
        answer["content"][0]["text"].as_str().unwrap().contains("at most 75000 can be stored"),
        "{answer}"
    );
}

#[test]
fn what_a_tool_throws_may_be_too_large_for_a_commit() {
    let mut w = World::new(7, 1);
    w.script(vec![uses("", &[("a", "work", json!({}))]), text("Fine.")]);
    w.tool = Box::new(|_| Does::Throws("x".repeat(200_000)));
    let run = w.runner("start", json!({ "limits": { "documentBytes": 1_000_000, "commitBytes": 100_000 } }));
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let answer = w.store.facts("result")[0]["content"][0]["text"].as_str().unwrap().to_owned();
    assert!(answer.starts_with("xxx") && (1_000..100_000).contains(&answer.len()), "{}", answer.len());
}

#[test]
fn many_long_messages_are_taken_in_by_several_commits() {
    let mut w = World::new(8, 1);
    for i in 0..100 {
        say(&mut w, &format!("m{i:03}"), &"x".repeat(80_000));
    }
    let run = w.start();
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!(w.store.facts("received").len(), 100);
}

#[test]
fn a_message_sent_while_a_long_tool_runs_is_in_the_next_request() {
    let mut w = World::new(9, 1);
    w.script(vec![uses("", &[("a", "work", json!({}))]), text("Fine.")]);
    w.tool = Box::new(|_| Does::Takes(15_000, Box::new(Does::Returns(json!("ok")))));
    let run = w.start();
    w.until(run, |a| !a.executed.is_empty());
    w.pass(13_000);
    say(&mut w, "m1", "Hello");
    w.until(run, |a| a.requests.len() == 2);
    let last = json!(w.actors[run].requests[1].last().unwrap()).to_string();
    assert!(last.contains("Hello"), "{last}");
}

#[test]
fn a_pause_stored_while_a_long_tool_runs_is_seen_before_the_next_model_call() {
    let mut w = World::new(10, 1);
    w.script(vec![uses("", &[("a", "work", json!({}))])]);
    w.tool = Box::new(|_| Does::Takes(15_000, Box::new(Does::Returns(json!("ok")))));
    let run = w.start();
    w.until(run, |a| !a.executed.is_empty());
    w.pass(13_000);
    w.outside(&["status"], json!("paused"));
    assert_eq!(w.finish(run).unwrap()["status"], "paused");
}

#[test]
fn a_change_that_comes_during_a_look_is_looked_at_when_the_look_is_over() {
    let mut w = World::new(11, 1);
    w.model = Box::new(|_| Says::Stalls(vec![]));
    let run = w.runner("start", json!({ "hasWatch": true }));
    w.until(run, |a| !a.requests.is_empty());
    w.give(run, Input::Changed);
    w.step();
    let now = w.now;
    w.outside(&["status"], json!("paused"));
    w.give(run, Input::Changed);
    assert_eq!(w.finish(run).unwrap()["status"], "paused");
    assert!(w.now - now < 1_000, "took {}", w.now - now);
}

#[test]
fn a_task_deleted_by_our_own_delete_ends_the_run_as_superseded() {
    let mut w = World::new(12, 1);
    w.model = Box::new(|_| Says::Stalls(vec![]));
    let run = w.runner("start", json!({ "options": { "idleTimeoutMs": 900_000 } }));
    w.until(run, |a| !a.requests.is_empty());
    let now = w.now;
    let head = format!("{TASK_PATH}/engine/head");
    w.store.set(&head, &["deleted"], json!(true), now);
    w.store.set(&head, &["epoch"], json!(2), now);
    w.store.set(&head, &["write_id"], json!("x"), now);
    w.store.documents.remove(TASK_PATH);
    assert_eq!(w.finish(run).unwrap()["status"], "superseded");
}

#[test]
fn a_run_whose_history_was_deleted_and_begun_anew_by_another_is_superseded_though_the_epoch_is_the_same() {
    for keeps_task in [true, false] {
        let mut w = World::new(12, 1);
        w.script(vec![uses("", &[("a", "work", json!({}))]), Says::Stalls(vec![])]);
        w.tool = Box::new(|_| Does::Takes(5_000, Box::new(Does::Returns(json!(1)))));
        let run = w.start();
        w.until(run, |a| !a.executed.is_empty());
        let task = w.store.task().clone();
        w.ask("delete", json!({ "keepTask": keeps_task })).unwrap();
        if !keeps_task {
            w.store.put(TASK_PATH, Value::Object(task), w.now);
        }
        w.outside(&["status"], json!("not_started"));
        let began = w.now;
        let other = w.start();
        w.until(other, |a| !a.requests.is_empty());
        assert_eq!(w.head()["epoch"], 1);
        let outcome = w.finish(run).unwrap();
        assert_eq!((&outcome["status"], outcome.get("error")), (&json!("superseded"), None), "{outcome}");
        assert!(w.now - began < 6_000, "at its next commit, after {}", w.now - began);
    }
}

#[test]
fn a_pause_that_landed_settles_well_though_the_reply_was_lost_and_another_run_began() {
    let mut w = World::new(13, 1);
    w.model = Box::new(|_| Says::Stalls(vec![]));
    let run = w.start();
    w.until(run, |a| !a.requests.is_empty());
    let lost = Cell::new(false);
    w.fault =
        Box::new(
            move |_, e| {
                if touches_task(e) && !lost.replace(true) { Fault::Silent(true) } else { Fault::None }
            },
        );
    let pause = w.command(run, Command::Pause);
    assert_eq!(w.store.status(), "paused");
    w.model = Box::new(|_| text("Done."));
    let again = w.runner("resume", json!({}));
    w.finish(again).unwrap();
    let later = w.command(run, Command::Pause);
    let outcome = w.finish(run).unwrap();
    assert_eq!(w.actors[run].settled[&pause], Ok(Value::Null), "{outcome}");
    assert!(w.actors[run].settled[&later].is_err(), "the end was sent before it was given");
}

#[test]
fn an_idempotent_call_is_run_again_after_every_crash() {
    let mut w = World::new(14, 1);
    w.tools[0]["onUnknownOutcome"] = json!("rerun");
    w.script(vec![uses("", &[("a", "work", json!({}))]), text("Fine.")]);
    w.tool = Box::new(|_| Does::Deaf);
    for _ in 0..2 {
        let run = w.runner("run", json!({}));
        w.until(run, |a| !a.executed.is_empty());
        w.crash(run);
    }
    w.tool = Box::new(|_| Does::Returns(json!("ok")));
    let run = w.runner("run", json!({}));
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!(w.actors[run].executed.len(), 1);
    assert!(w.store.facts("result")[0].get("unknown").is_none());
}

#[test]
fn a_resume_that_finishes_a_pause_first_announces_the_pause_first() {
    let mut w = World::new(15, 1);
    w.model = Box::new(|_| Says::Stalls(vec![]));
    let run = w.start();
    w.until(run, |a| !a.requests.is_empty());
    w.crash(run);
    w.outside(&["status"], json!("paused"));
    w.outside(&["execution", "abort_reason"], json!("stopped"));
    w.model = Box::new(|_| text("Done."));
    let again = w.runner("resume", json!({}));
    w.finish(again).unwrap();
    let types: Vec<_> =
        w.types(again).into_iter().filter(|t| t == "task:resumed" || t == "task:stopped").collect();
    assert_eq!(types, ["task:stopped", "task:resumed"]);
}

#[test]
fn a_stop_without_reason_is_announced_alike_by_whoever_journals_it() {
    let mut w = World::new(15, 1);
    w.model = Box::new(|_| Says::Stalls(vec![]));
    let run = w.start();
    w.until(run, |a| !a.requests.is_empty());
    w.crash(run);
    w.outside(&["status"], json!("paused"));
    w.outside(&["execution", "abort_reason"], json!("stopped"));
    w.model = Box::new(|_| text("Done."));
    let again = w.runner("resume", json!({}));
    w.finish(again).unwrap();
    assert!(w.events(again, "task:stopped")[0].get("reason").is_none());
}

#[test]
fn an_attempt_that_overflows_after_some_text_is_closed_by_a_retry() {
    let mut w = World::new(16, 2);
    let mut over = turn("Half a sentence", &[]);
    over[3] = json!({ "messageStop": { "stopReason": "model_context_window_exceeded" } });
    let mut turns: Vec<Says> =
        (0..12).map(|i| uses("", &[(&format!("a{i}"), "work", json!({ "n": i }))])).collect();
    turns.push(Says::Events(over));
    turns.extend([text("One."), text("Two.")]);
    w.script(turns);
    let run = w.start();
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let half = w.events(run, "task:message").into_iter().find(|e| e["content"] == "Half a sentence").unwrap()
        ["messageId"]
        .clone();
    assert!(w.events(run, "task:retry").iter().any(|e| e["messageId"] == half));
}

#[test]
fn a_task_that_is_begun_anew_reports_each_item_once() {
    let mut w = World::new(17, 1);
    w.script(vec![text("One."), text("Again.")]);
    let run = w.start();
    w.finish(run).unwrap();
    w.outside(&["status"], json!("not_started"));
    let run = w.start();
    assert_eq!(w.finish(run).unwrap()["items"], json!([{ "id": "i1", "text": "Again." }]));
}

#[test]
fn a_reset_task_does_not_ask_again_for_calls_that_the_reset_dropped() {
    let mut w = World::new(18, 1);
    w.vet = Box::new(|_| json!({ "verdict": "approve" }));
    w.script(vec![uses("", &[("a", "work", json!({}))]), text("Again.")]);
    let run = w.start();
    w.until_event(run, "task:approval_required");
    w.outside(&["status"], json!("not_started"));
    w.finish(run).unwrap();
    let run = w.start();
    assert_eq!(w.finish(run).unwrap()["text"], "Again.");
    assert!(w.events(run, "task:approval_required").is_empty());
}

#[test]
fn a_yield_given_while_the_lease_is_awaited_settles_at_once() {
    let mut w = World::new(19, 1);
    w.model = Box::new(|_| Says::Stalls(vec![]));
    let first = w.runner("start", json!({ "options": { "idleTimeoutMs": 9_000_000 } }));
    w.until(first, |a| !a.requests.is_empty());
    let second = w.runner("run", json!({ "options": { "waitForLeaseMs": 3_600_000 } }));
    w.pass(1_000);
    let before = w.now;
    let left = w.command(second, Command::Yield { reason: "drain".into(), grace: true });
    assert_eq!(w.finish(second).unwrap()["status"], "yielded");
    assert_eq!(w.actors[second].settled[&left], Ok(Value::Null));
    assert_eq!(w.now, before);
}

#[test]
fn waiting_for_a_lease_ends_before_the_platforms_limit() {
    let mut w = World::new(19, 1);
    w.model = Box::new(|_| Says::Stalls(vec![]));
    let first = w.runner("start", json!({ "options": { "idleTimeoutMs": 9_000_000 } }));
    w.until(first, |a| !a.requests.is_empty());
    let before = w.now;
    let second =
        w.runner("run", json!({ "options": { "waitForLeaseMs": 3_600_000, "maxDurationMs": 60_000 } }));
    assert_eq!(w.finish(second).unwrap_err().code, Code::LeaseHeld);
    assert!((30_000..=60_000).contains(&(w.now - before)), "took {}", w.now - before);
}

#[test]
fn a_listing_that_lags_in_the_middle_is_listed_again() {
    let mut w = World::new(21, 3);
    w.script(vec![text("One."), text("Two.")]);
    w.model = {
        let mut n = 0;
        Box::new(move |_| {
            n += 1;
            if n < 3 { text("x") } else { Says::Stalls(vec![]) }
        })
    };
    let run = w.start();
    w.until(run, |a| a.requests.len() == 3);
    w.crash(run);
    let path = format!("{TASK_PATH}/journal/00000002");
    let hidden = w.store.documents.remove(&path).unwrap();
    let listed = Rc::new(Cell::new(false));
    let l = Rc::clone(&listed);
    w.fault = Box::new(move |_, e| {
        if matches!(e, Effect::List { collection, .. } if collection.ends_with("/journal")) {
            l.set(true);
        }
        Fault::None
    });
    w.model = Box::new(|_| text("y"));
    let again = w.runner("run", json!({}));
    while !listed.get() {
        w.step();
    }
    w.store.documents.insert(path, hidden);
    assert_eq!(w.finish(again).unwrap()["status"], "completed");
}

#[test]
fn a_call_cut_by_a_stop_that_is_taken_back_does_not_wait_for_ever() {
    let mut w = World::new(22, 1);
    w.script(vec![uses("", &[("a", "work", json!({}))]), text("Fine.")]);
    w.tools[0]["timeoutMs"] = json!(20_000);
    w.tool = Box::new(|_| Does::Deaf);
    let run = w.start();
    w.until(run, |a| !a.executed.is_empty());
    w.outside(&["execution", "abort_reason"], json!("enough"));
    w.outside(&["status"], json!("paused"));
    w.pass(11_000);
    w.outside(&["status"], json!("in_progress"));
    w.give(run, Input::Changed);
    w.pass(600_000);
    assert!(w.actors[run].settled.contains_key(&Ticket::RESULT), "{:?}", w.types(run));
    assert_eq!((w.executions.len(), &w.store.facts("result")[0]["unknown"]), (1, &json!(true)));
}

#[test]
fn an_external_status_that_is_taken_back_before_it_is_journaled_does_not_end_the_run() {
    let mut w = World::new(23, 1);
    w.script(vec![uses("", &[("a", "work", json!({}))]), text("Fine.")]);
    w.tool = Box::new(|_| Does::Takes(14_000, Box::new(Does::Returns(json!(1)))));
    let run = w.start();
    w.until(run, |a| !a.executed.is_empty());
    w.outside(&["status"], json!("failed"));
    w.pass(11_000);
    w.outside(&["status"], json!("in_progress"));
    let outcome = w.finish(run).unwrap();
    assert_eq!((outcome["status"].as_str(), w.store.status()), (Some("completed"), "completed"), "{outcome}");
}

#[test]
fn a_pause_within_the_grace_of_a_yield_keeps_the_deadline_of_the_platform() {
    let mut w = World::new(24, 1);
    w.script(vec![uses("", &[("a", "work", json!({}))])]);
    w.tool = Box::new(|_| Does::Deaf);
    let before = w.now;
    let run = w.runner("start", json!({ "options": { "maxDurationMs": 60_000 } }));
    w.pass(43_000);
    w.fault =
        Box::new(|_, e| if matches!(e, Effect::Commit { .. }) { Fault::Silent(false) } else { Fault::None });
    w.command(run, Command::Pause);
    w.finish(run).unwrap();
    assert!(w.now - before <= 60_100, "took {}", w.now - before);
}

#[test]
fn a_pause_left_unfinished_by_crashes_ends_as_paused_not_as_a_crash_loop() {
    let mut w = World::new(25, 1);
    w.model = Box::new(|_| Says::Stalls(vec![]));
    for _ in 0..5 {
        let run = w.runner("run", json!({}));
        w.until(run, |a| !a.requests.is_empty());
        w.crash(run);
    }
    w.pass(60_000);
    w.outside(&["status"], json!("paused"));
    let now = w.now;
    w.store.set(&format!("{TASK_PATH}/engine/head"), &["last_run"], json!("running"), now);
    w.pass(60_000);
    let run = w.runner("run", json!({}));
    assert_eq!(w.finish(run).unwrap()["status"], "paused");
    assert_eq!(w.store.status(), "paused");
    assert_eq!(w.store.facts("ended").len(), 1, "the pause is journaled");
}

#[test]
fn a_result_is_stored_while_the_outcome_of_another_call_is_looked_up() {
    let mut w = World::new(26, 1);
    w.tools[0]["onUnknownOutcome"] = json!("lookup");
    w.tools[0]["timeoutMs"] = json!(1_000);
    w.script(vec![uses("", &[("a", "work", json!({})), ("b", "look", json!({}))]), text("Fine.")]);
    w.tool = Box::new(|c| {
        if c.id == "a" { Does::Deaf } else { Does::Takes(1_500, Box::new(Does::Returns(json!(1)))) }
    });
    w.fault = Box::new(|_, _| Fault::None);
    let run = w.start();
    w.until(run, |a| !a.executed.is_empty());
    // The look-up takes its time.
    w.latency = 20_000;
    w.pass(1_600);
    w.latency = 1;
    w.pass(2_000);
    assert_eq!(w.store.facts("result").len(), 1, "{:?}", w.types(run));
}

#[test]
fn explicit_completion_waits_for_a_message() {
    let mut w = World::new(27, 2);
    w.model = {
        let mut n = 0;
        Box::new(move |r| {
            n += 1;
            let _ = r;
            uses("", &[(&format!("c{n}"), "complete_task_item", json!({ "summary": "x" }))])
        })
    };
    let run = w.runner("start", json!({ "options": { "completion": "explicit" } }));
    w.until(run, |a| !a.requests.is_empty());
    say(&mut w, "m1", "Not yet!");
    w.finish(run).unwrap();
    let journal = w.store.journal();
    let first_done = journal.iter().find(|(_, _, f)| f.iter().any(|f| f["kind"] == "done")).unwrap().0;
    let received = journal.iter().find(|(_, _, f)| f.iter().any(|f| f["kind"] == "received")).unwrap().0;
    let turns_between = journal
        .iter()
        .filter(|(s, _, f)| *s > received && *s <= first_done && f.iter().any(|f| f["kind"] == "turn"))
        .count();
    assert!(turns_between >= 1, "done at {first_done}, received at {received}");
    let refused = &w.store.facts("result")[0];
    assert!(refused["content"].to_string().contains("has sent a message"), "{refused}");
    assert_ne!(refused["mistake"], true, "the model could not know");
}

#[test]
fn waits_for_the_lease_no_longer_than_asked_though_the_owner_changes() {
    let mut w = World::new(28, 1);
    w.model = Box::new(|_| Says::Stalls(vec![]));
    let first = w.runner("start", json!({ "options": { "idleTimeoutMs": 9_000_000 } }));
    w.until(first, |a| !a.requests.is_empty());
    let before = w.now;
    let second = w.runner("run", json!({ "options": { "waitForLeaseMs": 5_000 } }));
    for i in 0..5 {
        w.pass(900);
        let now = w.now;
        w.store.set(&format!("{TASK_PATH}/engine/head"), &["owner", "id"], json!(format!("o{i}")), now);
    }
    assert!(!w.is_over(second));
    assert_eq!(w.finish(second).unwrap_err().code, Code::LeaseHeld);
    assert!((5_000..=6_100).contains(&(w.now - before)), "took {}", w.now - before);
}

#[test]
fn a_pause_stored_during_a_back_off_is_seen_before_the_model_is_asked_again() {
    let mut w = World::new(31, 1);
    let throttled = task_execution_engine::converse::Failure {
        name: Some("ThrottlingException".into()),
        status: Some(429),
        message: "slow".into(),
        retry_after_ms: Some(5_000),
        cause: None,
    };
    w.script(vec![Says::Breaks(vec![], throttled)]);
    let run = w.start();
    w.until_event(run, "task:retry");
    w.outside(&["status"], json!("paused"));
    assert_eq!(w.finish(run).unwrap()["status"], "paused");
}

#[test]
fn messages_behind_a_page_of_foreign_documents_are_found() {
    let mut w = World::new(32, 1);
    for i in 0..100 {
        let now = w.now;
        w.store.put(&format!("{TASK_PATH}/inbox/0-{i:03}"), json!({ "kind": "later" }), now);
    }
    say(&mut w, "m1", "Hello");
    let run = w.start();
    w.finish(run).unwrap();
    assert_eq!(w.store.facts("received").len(), 1);
}

#[test]
fn a_tool_of_the_hosts_with_the_built_in_name_is_refused() {
    let mut w = World::new(33, 1);
    w.tools = json!([tool("complete_task_item")]);
    let run = w.runner("start", json!({ "options": { "completion": "explicit" } }));
    assert!(w.finish(run).is_err());
}

#[test]
fn a_task_paused_while_a_run_waited_for_a_dead_holder_is_paused_and_not_failed() {
    let mut w = World::new(34, 1);
    w.model = Box::new(|_| Says::Stalls(vec![]));
    for n in 0..5 {
        let run = w.runner("run", json!({}));
        w.until(run, |a| !a.requests.is_empty());
        if n == 4 {
            w.crash(run);
            break;
        }
        w.crash(run);
    }
    let run = w.runner("run", json!({}));
    w.pass(2_000);
    w.outside(&["status"], json!("paused"));
    let outcome = w.finish(run).unwrap();
    assert_eq!((outcome["status"].as_str(), w.store.status()), (Some("paused"), "paused"), "{outcome}");
}

#[test]
fn a_task_that_is_begun_anew_begins_with_its_first_item() {
    let mut w = World::new(35, 3);
    let run = w.start();
    w.finish(run).unwrap();
    w.outside(&["status"], json!("not_started"));
    let run = w.start();
    w.finish(run).unwrap();
    let stated: Vec<_> =
        w.store.facts("stated")[3..].iter().map(|f| f["item"]["item"].as_str().unwrap().to_owned()).collect();
    assert_eq!(stated, ["i1", "i2", "i3"]);
}

#[test]
fn a_statement_that_no_commit_can_hold_fails_the_task() {
    let mut w = World::new(37, 1);
    w.outside(&["description"], json!("x".repeat(200_000)));
    let run = w.runner("start", json!({ "limits": { "documentBytes": 1_000_000, "commitBytes": 100_000 } }));
    let outcome = w.finish(run).unwrap();
    assert_eq!(
        (outcome["status"].as_str(), outcome["error"]["code"].as_str()),
        (Some("failed"), Some("TOO_LARGE"))
    );
}

#[test]
fn timers_do_not_spin() {
    for (hold, watch) in
        [("vet", false), ("vet", true), ("stall", false), ("stall", true), ("deaf", false), ("deaf", true)]
    {
        let mut w = World::new(38, 1);
        w.tools[0]["timeoutMs"] = json!(9_000_000);
        match hold {
            "vet" => w.vet = Box::new(|_| json!({ "verdict": "approve" })),
            _ => w.tool = Box::new(|_| Does::Deaf),
        }
        w.model = if hold == "stall" {
            Box::new(|_| Says::Stalls(vec![]))
        } else {
            Box::new(|_| uses("", &[("a", "work", json!({}))]))
        };
        let run = w.runner("start", json!({ "hasWatch": watch, "options": { "idleTimeoutMs": 9_000_000 } }));
        w.pass(1_000);
        let until = w.now + 3_600_000;
        let mut steps = 0;
        while w.now < until {
            assert!(w.step());
            steps += 1;
        }
        let _ = run;
        assert!(steps < 5_000, "{hold} {watch}: {steps}");
    }
}

#[test]
fn a_start_on_a_stopped_task_that_is_then_paused_by_the_app_ends_as_paused() {
    let mut w = World::new(42, 1);
    w.model = Box::new(|_| Says::Stalls(vec![]));
    let run = w.start();
    w.until(run, |a| !a.requests.is_empty());
    w.command(run, Command::Stop { reason: Some("enough".into()) });
    w.finish(run).unwrap();
    let resume = w.runner("resume", json!({ "drives": false }));
    w.finish(resume).unwrap();
    let run = w.runner("run", json!({ "options": { "idleTimeoutMs": 900_000 } }));
    w.until(run, |a| !a.requests.is_empty());
    w.outside(&["status"], json!("paused"));
    assert_eq!(w.finish(run).unwrap()["status"], "paused");
}

#[test]
fn an_explicit_nudge_does_not_stand_for_the_one_about_identical_calls() {
    let mut w = World::new(43, 1);
    let call = |n: u32| uses("", &[(&format!("c{n}"), "look", json!({}))]);
    w.script(vec![call(1), call(2), text("Hm."), call(3), call(4), call(5)]);
    let run = w.runner("start", json!({ "options": { "completion": "explicit" } }));
    assert_eq!(w.finish(run).unwrap()["reason"], "identical_tool_calls");
    let nudges = w.store.facts("nudged");
    assert!(nudges.iter().any(|f| f["text"].as_str().unwrap().contains("same tool call")), "{nudges:?}");
}

#[test]
fn a_stop_that_comes_between_resuming_and_the_first_commit_is_obeyed() {
    let mut w = World::new(1, 1);
    w.model = Box::new(|_| Says::Stalls(vec![]));
    let run = w.start();
    w.until(run, |a| !a.requests.is_empty());
    w.command(run, Command::Pause);
    w.finish(run).unwrap();
    w.model = Box::new(|_| text("Done."));
    let epoch = w.store.get(&format!("{TASK_PATH}/engine/head")).unwrap()["epoch"].clone();
    let run = w.runner("resume", json!({}));
    while w.store.get(&format!("{TASK_PATH}/engine/head")).unwrap()["epoch"] == epoch {
        w.step();
    }
    w.outside(&["execution", "abort_reason"], json!("enough"));
    let outcome = w.finish(run).unwrap();
    assert_eq!((outcome["status"].as_str(), w.store.status()), (Some("stopped"), "paused"), "{outcome}");
}

#[test]
fn a_pause_that_overwrites_an_external_status_before_it_is_journaled_is_the_one_that_is_obeyed() {
    let mut w = World::new(2, 1);
    w.script(vec![uses("", &[("a", "work", json!({}))])]);
    w.tool = Box::new(|_| Does::Deaf);
    let run = w.start();
    w.until(run, |a| !a.executed.is_empty());
    w.outside(&["status"], json!("failed"));
    w.pass(11_000);
    w.outside(&["status"], json!("paused"));
    let outcome = w.finish(run).unwrap();
    assert_eq!((outcome["status"].as_str(), w.store.status()), (Some("paused"), "paused"), "{outcome}");
}

#[test]
fn a_pause_that_overwrites_a_stop_before_it_is_journaled_is_the_one_that_is_obeyed() {
    let mut w = World::new(3, 1);
    w.script(vec![uses("", &[("a", "work", json!({}))])]);
    w.tool = Box::new(|_| Does::Deaf);
    let run = w.start();
    w.until(run, |a| !a.executed.is_empty());
    w.outside(&["execution", "abort_reason"], json!("enough"));
    w.outside(&["status"], json!("paused"));
    w.pass(11_000);
    let mut execution = w.store.task()["execution"].clone();
    execution.as_object_mut().unwrap().remove("abort_reason");
    w.outside(&["execution"], execution);
    let outcome = w.finish(run).unwrap();
    assert_eq!(outcome["status"], "paused", "{outcome}");
    assert!(w.store.task()["execution"].get("abort_reason").is_none());
}

#[test]
fn a_watched_task_is_begun_while_others_write_it_now_and_then() {
    let mut w = World::new(5, 1);
    w.latency = 50;
    let run = w.runner("start", json!({ "hasWatch": true }));
    w.until(run, |a| !a.events.is_empty());
    let mut next = w.now;
    let before = w.now;
    while w.actors[run].requests.is_empty() {
        assert!(w.now - before < 60_000, "no model call within a minute");
        if w.now >= next {
            next = w.now + 80;
            let now = w.now;
            w.outside(&["custom"], json!(now));
            w.give(run, Input::Changed);
        }
        w.step();
    }
}
