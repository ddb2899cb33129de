//! What others do to the task's document and its head while a run works on it, and when the run sees it.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use std::cell::Cell;
use std::rc::Rc;
use support::*;
use task_execution_engine::effect::{Command, Effect, Input};
use task_execution_engine::facts::fact::Decision;
use task_execution_engine::storage::inbox;
use task_execution_engine::store::StoreWrite;

const HEAD: &str = "users/u/tasks/t/engine/head";

/// A run over a store that tells of changes, in the middle of a call that takes so long.
fn working(takes: u64, options: Value) -> (World, usize) {
    let mut w = World::new(7, 1);
    w.script(vec![uses("", &[("a", "work", json!({}))]), text("Done.")]);
    w.tool = Box::new(move |_| Does::Takes(takes, Box::new(Does::Returns(json!(1)))));
    let run = w.runner("start", json!({ "hasWatch": true, "options": options }));
    w.until(run, |a| !a.executed.is_empty());
    w.pass(50);
    (w, run)
}

fn reads_of_the_task(effect: &Effect) -> bool {
    matches!(effect, Effect::Read { paths, .. } if paths == &[TASK_PATH])
}

#[test]
fn a_task_that_is_gone_is_lost_to_whoever_deleted_or_took_it_and_else_to_nobody() {
    type Change = fn(&mut World);
    let cases: [(Change, &str); 4] = [
        (|_| (), "interrupted"),
        (|w| w.store.set(HEAD, &["deleted"], json!(true), w.now), "superseded"),
        (|w| w.store.set(HEAD, &["epoch"], json!(99), w.now), "superseded"),
        (|w| drop(w.store.documents.remove(HEAD)), "superseded"),
    ];
    for (change, status) in cases {
        let (mut w, run) = working(60_000, json!({}));
        w.store.documents.remove(TASK_PATH);
        change(&mut w);
        w.give(run, Input::Changed);
        let at = w.now;
        let outcome = w.finish(run).unwrap();
        assert_eq!((&outcome["status"], w.now - at < 100), (&json!(status), true), "{outcome}");
        assert_eq!(outcome["unfinished"], false);
        assert!(w.events(run, "task:error").is_empty(), "{status}");
    }
}

#[test]
fn a_task_that_was_made_again_under_a_run_is_not_worked_on() {
    let (mut w, run) = working(60_000, json!({}));
    w.outside(&["created_at"], json!("2026-02-02T00:00:00.000Z"));
    w.give(run, Input::Changed);
    let outcome = w.finish(run).unwrap();
    assert_eq!(
        (&outcome["status"], &outcome["error"]["code"]),
        (&json!("interrupted"), &json!("STALE_HISTORY"))
    );
    assert_eq!(w.actors[run].requests.len(), 1);
}

#[test]
fn a_run_whose_history_is_being_deleted_sees_it_with_the_task() {
    let (mut w, run) = working(60_000, json!({}));
    w.store.set(HEAD, &["deleted"], json!(true), w.now);
    w.outside(&["custom"], json!("touched"));
    w.pass(20_000);
    assert_eq!(w.finish(run).unwrap()["status"], "superseded");
}

#[test]
fn what_is_heard_of_is_looked_for_once() {
    let (mut w, run) = working(60_000, json!({}));
    let seen = w.spy(run, |_| false);
    w.give(run, Input::Changed);
    w.pass(5_000);
    assert_eq!(seen.borrow().iter().filter(|effect| reads_of_the_task(effect)).count(), 1);
    w.command(run, Command::Look);
    w.pass(2_000);
    assert_eq!(seen.borrow().iter().filter(|effect| reads_of_the_task(effect)).count(), 2);
    w.command(run, Command::Stop { reason: None });
    w.finish(run).unwrap();
}

#[test]
fn a_run_looks_at_its_task_with_every_heartbeat_of_its_lease() {
    let (mut w, run) = working(60_000, json!({ "leaseTtlMs": 3_000 }));
    w.pass(1_000);
    let seen = w.spy(run, |_| false);
    w.pass(5_000);
    let looks = seen.borrow().iter().filter(|effect| reads_of_the_task(effect)).count();
    assert!((4..=6).contains(&looks), "{looks} looks in five seconds");
    w.command(run, Command::Stop { reason: None });
    w.finish(run).unwrap();
}

#[test]
fn a_run_that_takes_a_running_call_up_first_looks_within_a_heartbeat_too() {
    let (mut w, run) = working(60_000, json!({ "leaseTtlMs": 3_000 }));
    w.crash(run);
    w.now += 4_000;
    w.tools[0]["onUnknownOutcome"] = json!("rerun");
    let run = w.runner("run", json!({ "options": { "leaseTtlMs": 3_000 } }));
    w.until(run, |a| !a.executed.is_empty());
    let seen = w.spy(run, |_| false);
    w.pass(1_500);
    assert!(seen.borrow().iter().any(reads_of_the_task));
    w.command(run, Command::Stop { reason: None });
    w.finish(run).unwrap();
}

#[test]
fn a_pause_that_is_taken_back_leaves_what_still_runs_running() {
    let (mut w, run) = working(6_000, json!({}));
    w.outside(&["status"], json!("paused"));
    w.give(run, Input::Changed);
    w.pass(1_000);
    w.outside(&["status"], json!("in_progress"));
    w.give(run, Input::Changed);
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let result = &w.store.facts("result")[0];
    assert_eq!((result.get("unknown"), &result["status"]), (None, &json!("success")));
    assert_eq!(w.executions.len(), 1);
}

#[test]
fn what_others_add_before_a_new_beginning_is_stored_is_part_of_it() {
    let mut w = World::new(8, 1);
    let first = w.start();
    w.finish(first).unwrap();
    w.outside(&["status"], json!("not_started"));
    let late = Rc::new(Cell::new(false));
    let sent = Rc::clone(&late);
    w.fault = Box::new(move |_, effect| match effect {
        Effect::Commit { writes, .. } if format!("{writes:?}").contains("reset") && !sent.replace(true) => {
            Fault::Late(50)
        }
        _ => Fault::None,
    });
    let again = w.start();
    while !late.get() {
        assert!(w.step());
    }
    let item = |id: &str, status: &str| json!({ "id": id, "name": format!("Item {id}"), "status": status });
    w.outside(&["progress", "tasks", "m1"], json!([item("i0", "not_started"), item("i1", "completed")]));
    assert_eq!(w.finish(again).unwrap()["status"], "completed");
    let stated: Vec<Value> =
        w.store.facts("stated").iter().map(|fact| fact["item"]["item"].clone()).collect();
    assert_eq!(stated, ["i1", "i0", "i1"]);
}

/// The question is stored at once, and the run hears of it late.
fn loses_the_reply_to_its_question(w: &mut World) {
    let mut asked = false;
    w.fault = Box::new(move |_, effect| match effect {
        Effect::Commit { writes, .. } if !asked && format!("{writes:?}").contains("waiting\\\"") => {
            asked = true;
            Fault::Silent(true)
        }
        _ => Fault::None,
    });
}

/// A call that waits for what the verdict says; the reply to the entry that asks is lost, and a person has approved.
fn approved_before_the_question_is_known_to_be_stored(verdict: &'static str) -> (World, usize) {
    let mut w = World::new(9, 1);
    w.vet = Box::new(move |_| json!({ "verdict": verdict }));
    w.script(vec![uses("", &[("a", "work", json!({}))]), text("Done.")]);
    loses_the_reply_to_its_question(&mut w);
    let run = w.runner("start", json!({ "hasWatch": true }));
    while w.asked("a").is_empty() {
        assert!(w.step());
    }
    w.decide("a", Decision::Approve { note: None });
    w.give(run, Input::Changed);
    (w, run)
}

#[test]
fn an_approval_that_is_there_before_the_question_is_known_to_be_stored_counts() {
    let (mut w, run) = approved_before_the_question_is_known_to_be_stored("approve");
    w.pass(100);
    assert_eq!(w.store.facts("decided").len(), 0, "the run does not know yet that it has asked");
    w.until_event(run, "task:approval_required");
    let known = w.now;
    w.until(run, |a| !a.executed.is_empty());
    assert!(w.now - known < 100, "{} ms later", w.now - known);
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!((w.executions.len(), w.store.facts("decided").len()), (1, 1));
}

#[test]
fn a_decision_for_the_next_owner_is_left_to_it_while_the_reply_to_a_release_is_out() {
    let mut w = World::new(11, 1);
    w.vet = Box::new(|_| json!({ "verdict": "approve" }));
    let work = |id: &str| uses("", &[(id, "work", json!({}))]);
    w.script(vec![work("a"), work("b"), text("Done.")]);
    let mut released = false;
    w.fault = Box::new(move |_, effect| match effect {
        Effect::Commit { writes, .. } if !released && format!("{writes:?}").contains("yielded") => {
            released = true;
            Fault::Silent(true)
        }
        _ => Fault::None,
    });
    let waits = json!({ "options": { "whileWaiting": "yield" }, "hasWatch": true });
    let before = w.runner("start", waits);
    while w.store.get(HEAD).is_none_or(|head| head["last_run"] != "yielded") {
        assert!(w.step());
    }
    w.decide("a", Decision::Approve { note: None });
    let after = w.start();
    while w.asked("b").is_empty() {
        assert!(w.step());
    }
    w.decide("b", Decision::Approve { note: None });
    assert!(!w.is_over(before), "nobody has told it yet that the lease is given back");
    w.give(before, Input::Changed);
    assert_eq!(w.finish(after).unwrap()["status"], "completed");
    assert_eq!(w.executions.len(), 2);
}

#[test]
fn an_approval_that_is_there_before_the_question_does_not_stand_for_a_result() {
    let (mut w, run) = approved_before_the_question_is_known_to_be_stored("answer");
    w.until_event(run, "task:answer_required");
    w.pass(30_000);
    assert_eq!((w.executions.len(), w.store.facts("decided").len()), (0, 0));
    w.ask("answer", json!({ "toolCallId": "a", "result": 5 })).unwrap();
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
}

#[test]
fn what_a_sender_calls_its_decision_by_is_kept_with_it() {
    let mut w = World::new(11, 1);
    w.vet = Box::new(|_| json!({ "verdict": "approve" }));
    w.script(vec![uses("", &[("a", "work", json!({}))]), text("Done.")]);
    let run = w.start();
    w.until_event(run, "task:approval_required");
    let asked = w.asked("a")[0];
    let decision = Decision::Approve { note: Some("Go".into()) };
    w.put_into_inbox(&inbox::decision("a", asked, "the sender's".into(), decision));
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let decided = &w.store.facts("decided")[0];
    assert_eq!((&decided["nonce"], &decided["decision"]["note"]), (&json!("the sender's"), &json!("Go")));
}

fn listed_after(effect: &Effect) -> Option<Option<String>> {
    match effect {
        Effect::List { collection, after, .. } if collection.ends_with("/inbox") => Some(after.clone()),
        _ => None,
    }
}

fn messages(w: &mut World, count: usize, bytes: usize) {
    for n in 0..count {
        let text = format!("{n:04} {}", "x".repeat(bytes));
        w.store.put(
            &format!("{TASK_PATH}/inbox/{n:013}-x"),
            json!({ "kind": "message", "text": text }),
            w.now,
        );
    }
}

/// A run whose model streams for so long, in pieces, and then says something else to what comes.
fn streams(w: &mut World, ms: u64) -> usize {
    let mut turns = 0;
    w.model = Box::new(move |_| {
        turns += 1;
        if turns == 1 { Says::Drips(ms / 5, turn("Working", &[])) } else { text("Read.") }
    });
    let run = w.start();
    w.until(run, |a| !a.requests.is_empty());
    run
}

#[test]
fn while_nothing_can_be_journaled_a_run_holds_no_more_of_its_inbox_than_a_megabyte() {
    let mut w = World::new(12, 1);
    let run = streams(&mut w, 100_000);
    messages(&mut w, 300, 20_000);
    let seen = w.spy(run, |_| false);
    w.pass(80_000);
    let furthest = seen.borrow().iter().filter_map(listed_after).flatten().max().unwrap();
    assert!((40..=60).contains(&furthest[..13].parse::<u64>().unwrap()), "{furthest}");
    w.model = Box::new(|_| text("Read."));
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!(w.store.facts("received").len(), 300);
}

#[test]
fn of_a_page_no_more_is_held_than_may_be() {
    let mut w = World::new(13, 1);
    messages(&mut w, 6, 600_000);
    let pages = Rc::new(std::cell::RefCell::new(Vec::new()));
    let seen = Rc::clone(&pages);
    w.fault = Box::new(move |_, effect| {
        seen.borrow_mut().extend(listed_after(effect));
        Fault::None
    });
    w.model = Box::new(|_| text("Read."));
    let run = w.start();
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let received = w.store.facts("received");
    assert!(received.windows(2).all(|two| two[0]["text"].as_str() < two[1]["text"].as_str()));
    assert_eq!(received.len(), 6);
    let beyond = |after: &Option<String>| after.as_deref().is_some_and(|id| id > "0000000000002");
    let first = pages.borrow().iter().position(beyond).unwrap_or(usize::MAX);
    assert!(first > 1, "the second page begins behind the second message: {:?}", pages.borrow());
}

#[test]
fn what_several_looks_have_found_is_received_once_and_in_its_order() {
    let mut w = World::new(14, 1);
    let run = streams(&mut w, 60_000);
    messages(&mut w, 230, 10);
    w.pass(45_000);
    assert_eq!(w.store.facts("received").len(), 0, "the model still speaks");
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let received: Vec<u64> = w
        .store
        .facts("received")
        .iter()
        .map(|fact| fact["text"].as_str().unwrap()[..4].parse().unwrap())
        .collect();
    assert!(received.iter().copied().eq(0..230), "{received:?}");
}

#[test]
fn a_message_counts_though_its_sender_s_clock_lies_before_the_task_was_made() {
    let mut w = World::new(15, 1);
    let early = json!({ "kind": "message", "text": "Hello?", "at": "2025-12-31T00:00:00.000Z" });
    w.store.put(&format!("{TASK_PATH}/inbox/0000000000001-x"), early, w.now);
    let run = w.start();
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!(w.store.facts("received").len(), 1);
}

#[test]
fn the_log_tells_once_of_each_document_that_is_left() {
    let (mut w, run) = working(60_000, json!({}));
    for n in 0..3 {
        let path = format!("{TASK_PATH}/inbox/later-{n}");
        w.store.put(&path, json!({ "kind": "later", "text": "x" }), w.now);
    }
    let seen = w.spy(run, |_| false);
    w.pass(45_000);
    let told = seen
        .borrow()
        .iter()
        .filter(|e| matches!(e, Effect::Log { message, .. } if message.contains("later")))
        .count();
    assert_eq!(told, 3);
    w.command(run, Command::Stop { reason: None });
    w.finish(run).unwrap();
}

#[test]
fn the_log_tells_of_so_many_useless_documents_and_of_no_more() {
    for kind in ["later", "message"] {
        let (mut w, run) = working(60_000, json!({}));
        for n in 0..130 {
            w.store.put(&format!("{TASK_PATH}/inbox/{n:03}"), json!({ "kind": kind, "text": " " }), w.now);
        }
        let seen = w.spy(run, |_| false);
        w.pass(25_000);
        let told = |e: &&Effect| matches!(e, Effect::Log { message, .. } if message.contains("/inbox/"));
        assert_eq!(seen.borrow().iter().filter(told).count(), 100, "{kind}");
        w.command(run, Command::Stop { reason: None });
        w.finish(run).unwrap();
    }
}

#[test]
fn a_deletion_of_junk_that_nobody_answers_is_given_up_and_the_look_goes_on() {
    let (mut w, run) = working(60_000, json!({ "leaseTtlMs": 3_000 }));
    w.store.put(&format!("{TASK_PATH}/inbox/!"), json!({}), w.now);
    w.say("Hello?");
    w.fault = Box::new(|_, effect| match effect {
        Effect::Commit { writes, .. } if format!("{writes:?}").starts_with("[Delete") => Fault::Silent(false),
        _ => Fault::None,
    });
    let seen = w.spy(run, |_| false);
    w.give(run, Input::Changed);
    w.pass(4_000);
    assert_eq!(w.store.facts("received").len(), 0, "though the lease has been renewed since");
    w.pass(2_000);
    assert_eq!(w.store.facts("received").len(), 1, "after a third of the store's deadline");
    let swept = seen.borrow().iter().find_map(|effect| match effect {
        Effect::Commit { ticket, writes } if format!("{writes:?}").starts_with("[Delete") => Some(*ticket),
        _ => None,
    });
    assert!(seen.borrow().contains(&Effect::Cancel { ticket: swept.unwrap() }));
    w.command(run, Command::Stop { reason: None });
    w.finish(run).unwrap();
}

/// The run must not delete it: none of the commits that it sends does.
fn is_swept(seen: &support::spy::Seen, id: &str) -> bool {
    let deletes = |effect: &Effect| {
        matches!(effect, Effect::Commit { writes, .. }
        if writes.iter().any(|write| matches!(write, StoreWrite::Delete { path, .. } if path.ends_with(id))))
    };
    seen.borrow().iter().any(deletes)
}

#[test]
fn a_decision_that_another_owner_may_have_asked_for_is_left_to_them() {
    for (confirmed, swept) in [(true, true), (false, false)] {
        let (mut w, run) = working(60_000, json!({ "leaseTtlMs": 3_000 }));
        let seen = w.spy(run, |_| false);
        if !confirmed {
            w.fault = Box::new(|_, effect| match effect {
                Effect::Commit { .. } => Fault::Silent(false),
                _ => Fault::None,
            });
        }
        w.pass(2_200);
        w.put_into_inbox(&inbox::decision("a", 9, "nonce".into(), Decision::Approve { note: None }));
        w.pass(2_000);
        assert_eq!(is_swept(&seen, "decision-a-9"), swept, "lease confirmed: {confirmed}");
    }
}

#[test]
fn what_a_run_that_stood_still_has_read_meanwhile_is_left_to_whoever_may_have_taken_over() {
    let (mut w, run) = working(60_000, json!({ "leaseTtlMs": 3_000 }));
    w.put_into_inbox(&inbox::decision("a", 9, "nonce".into(), Decision::Approve { note: None }));
    let seen = w.spy(run, |_| false);
    w.give(run, Input::Changed);
    while !seen.borrow().iter().any(|effect| listed_after(effect).is_some()) {
        assert!(w.step());
    }
    w.actors[run].frozen_until = w.now + 2_500;
    w.fault = Box::new(|_, effect| match effect {
        Effect::Commit { .. } => Fault::Silent(false),
        _ => Fault::None,
    });
    w.pass(4_000);
    assert!(!is_swept(&seen, "decision-a-9"));
}

#[test]
fn a_decision_about_an_earlier_question_does_not_run_a_call_of_unknown_outcome_again() {
    let mut w = World::new(16, 1);
    w.tools[0]["onUnknownOutcome"] = json!("ask");
    w.vet = Box::new(|_| json!({ "verdict": "approve" }));
    w.script(vec![uses("", &[("a", "work", json!({}))])]);
    w.tool = Box::new(|_| Does::Hangs);
    let first = w.start();
    w.until_event(first, "task:approval_required");
    let asked = w.asked("a")[0];
    w.decide("a", Decision::Approve { note: None });
    w.until(first, |a| !a.executed.is_empty());
    w.crash(first);
    w.now += 60_000;
    let run = w.runner("run", json!({}));
    w.until_event(run, "task:answer_required");
    let late = inbox::decision("a", asked, "another's".into(), Decision::Approve { note: None });
    w.put_into_inbox(&late);
    w.pass(30_000);
    assert_eq!(w.executions.len(), 1);
    w.command(run, Command::Stop { reason: None });
    w.finish(run).unwrap();
}
