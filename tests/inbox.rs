//! Messages and decisions: whatever comes when, it is read once, by whom it concerns, before the task is completed.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use std::rc::Rc;
use support::*;
use task_execution_engine::effect::{Command, Effect, Input};
use task_execution_engine::error::Code;
use task_execution_engine::facts::fact::Decision;
use task_execution_engine::storage::inbox;
use task_execution_engine::store::{StoreErrorCode, StoreWrite};

fn answer(value: Value, error: bool) -> Decision {
    Decision::Answer { result: Some(Rc::new(value)), error }
}

/// `work` waits for a person: for an approval, or for an answer.
fn gated(seed: u64, verdict: &'static str) -> (World, usize) {
    let mut w = World::new(seed, 1);
    w.vet = Box::new(move |call| json!({ "verdict": if call.name == "work" { verdict } else { "run" } }));
    w.script(vec![uses("", &[("a", "work", json!({}))]), text("Done.")]);
    let run = w.start();
    let asks = if verdict == "approve" { "task:approval_required" } else { "task:answer_required" };
    w.until_event(run, asks);
    (w, run)
}

fn places(w: &World, kind: &str) -> Vec<u64> {
    let of_kind = |facts: &[Value]| facts.iter().any(|f| f["kind"] == kind);
    w.store.journal().into_iter().filter(|(_, _, facts)| of_kind(facts)).map(|(seq, ..)| seq).collect()
}

/// A message is sent after so many steps, another writer touches the task after so many: what was sent is read before
/// the task is completed, and the model answers it. Whether it could be sent.
fn sent_after(explicit: bool, watched: bool, sends: usize, touches: usize) -> bool {
    let mut w = World::new(1, 1);
    let mut n = 0;
    w.model = Box::new(move |_| {
        n += 1;
        let id = format!("c{n}");
        if explicit { uses("", &[(&id, "complete_task_item", json!({}))]) } else { text("Done.") }
    });
    let completion = if explicit { "explicit" } else { "end_turn" };
    let run = w.runner("start", json!({ "hasWatch": watched, "options": { "completion": completion } }));
    let mut send = None;
    for step in 0..400 {
        if step == touches {
            w.outside(&["custom"], json!("touched"));
        }
        if step == sends {
            send = Some(w.open("send", json!({ "text": "Wait!" })));
        }
        if watched && (step == touches || step == sends) {
            w.give(run, Input::Changed);
        }
        if !w.step() {
            break;
        }
    }
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let Some(send) = send else { return false };
    if let Err(refused) = w.finish(send) {
        assert_eq!(refused.code, Code::InvalidTransition);
        return false;
    }
    let at = format!("sent after {sends} steps, touched after {touches}");
    let received = places(&w, "received");
    assert_eq!(received.len(), 1, "{at}");
    assert!(received < places(&w, "ended"), "{at}");
    let done = places(&w, "done");
    let answered = |turn: &u64| received.iter().all(|message| message < turn) && turn <= done.last().unwrap();
    assert!(places(&w, "turn").iter().any(answered), "{at}: the item is done, and nobody has answered");
    assert!(w.store.documents.keys().all(|path| !path.contains("/inbox/")), "{at}: it is still there");
    true
}

#[test]
fn a_message_sent_in_any_moment_is_answered_before_the_task_is_completed_or_cannot_be_sent() {
    for explicit in [false, true] {
        for watched in [false, true] {
            let sent = (0..60).filter(|n| sent_after(explicit, watched, *n, usize::MAX)).count();
            assert!((10..60).contains(&sent), "{sent} of 60 could be sent");
        }
    }
}

#[test]
fn a_message_sent_beside_another_writers_update_is_answered_too() {
    let mut sent = 0;
    for sends in 8..36 {
        for touches in 8..36 {
            sent += usize::from(sent_after(sends % 2 == 0, false, sends, touches));
        }
    }
    assert!(sent > 150, "{sent}");
}

#[test]
fn a_message_that_the_journal_holds_is_only_deleted() {
    let mut w = World::new(3, 4);
    let id = w.say("Hello");
    let run = w.start();
    w.until_event(run, "task:progress_update");
    // Its deletion was undone, as by a restored backup.
    let item = inbox::InboxItem::Message { id, text: "Hello".into(), in_thread: false, content: None };
    w.put_into_inbox(&item);
    let seen = w.spy(run, |_| false);
    w.finish(run).unwrap();
    assert_eq!(places(&w, "received").len(), 1);
    let deletes = |effect: &Effect| match effect {
        Effect::Commit { writes, .. } => {
            writes.iter().any(|write| matches!(write, StoreWrite::Delete { .. }))
        }
        _ => false,
    };
    assert_eq!(seen.borrow().iter().filter(|effect| deletes(effect)).count(), 1, "once");
    assert!(w.store.documents.keys().all(|path| !path.contains("/inbox/")));
}

#[test]
fn a_decision_counts_for_the_question_that_it_answers_and_for_no_later_one() {
    let mut w = World::new(4, 1);
    w.vet = Box::new(|_| json!({ "verdict": "approve" }));
    w.tools[0]["onUnknownOutcome"] = json!("ask");
    w.script(vec![uses("", &[("a", "work", json!({}))])]);
    w.tool = Box::new(|_| Does::Deaf);
    let run = w.start();
    w.until_event(run, "task:approval_required");
    let first = w.asked("a")[0];
    w.decide("a", Decision::Approve { note: None });
    w.until(run, |a| !a.executed.is_empty());
    w.crash(run);
    w.now += 60_000;
    let run = w.runner("run", json!({}));
    w.until_event(run, "task:answer_required");
    // Somebody approves what was asked before the crash.
    let stale = inbox::decision("a", first, "late".into(), Decision::Approve { note: None });
    w.put_into_inbox(&stale);
    w.pass(30_000);
    assert_eq!(w.executions.len(), 1, "an old approval does not let it run again");
    assert_eq!(places(&w, "decided").len(), 1);
    w.command(run, Command::Pause);
    assert_eq!(w.finish(run).unwrap()["status"], "paused");
    assert!(w.store.documents.keys().all(|path| !path.contains("/inbox/")), "it is of no use any more");
}

#[test]
fn decisions_about_calls_that_do_not_wait_are_dropped() {
    for (call, seq) in [("a", 1), ("a", 99), ("b", 2), ("nobody's", 2)] {
        let (mut w, run) = gated(5, "approve");
        let asked = w.asked("a")[0];
        assert_eq!(asked, 2);
        w.put_into_inbox(&inbox::decision(call, seq, "n".into(), answer(json!("forged"), false)));
        w.pass(30_000);
        assert!(places(&w, "decided").is_empty(), "{call} at {seq}");
        assert!(places(&w, "result").is_empty(), "{call} at {seq}");
        w.decide("a", Decision::Approve { note: None });
        assert_eq!(w.finish(run).unwrap()["status"], "completed");
        assert_eq!(w.executions.len(), 1);
        assert!(w.store.documents.keys().all(|path| !path.contains("/inbox/")), "it is of no use to anybody");
    }
}

#[test]
fn a_decision_about_a_question_that_nobody_asks_goes_with_the_task_s_last_entry_where_no_look_could_tell() {
    let mut w = World::new(5, 1);
    w.model = Box::new(|_| Says::Drips(400, turn("Done.", &[])));
    let renews = |effect: &Effect| matches!(effect, Effect::Commit { writes, .. } if writes.len() == 1);
    let run = w.runner("start", json!({ "options": { "leaseTtlMs": 3_000 } }));
    w.until(run, |a| !a.requests.is_empty());
    w.fault = Box::new(move |_, effect| if renews(effect) { Fault::Late(1_600) } else { Fault::None });
    let seen = w.spy(run, |_| false);
    while !seen.borrow().iter().any(renews) {
        assert!(w.step());
    }
    w.pass(1_300);
    let asked = w.head()["seq"].as_u64().unwrap() + 1;
    w.put_into_inbox(&inbox::decision("a", asked, "n".into(), Decision::Approve { note: None }));
    w.give(run, Input::Changed);
    w.pass(100);
    assert_eq!(in_inbox(&w).len(), 1, "an entry on its way might ask");
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!(in_inbox(&w), Vec::<&str>::new());
    let commits = |effect: &&Effect| matches!(effect, Effect::Commit { .. });
    assert_eq!(seen.borrow().iter().filter(commits).count(), 2, "the renewal and the last entry");
}

#[test]
fn what_an_entry_has_taken_while_a_look_went_on_is_not_taken_again() {
    let (mut w, run) = gated(5, "approve");
    for n in 0..8 {
        put(&mut w, &format!("{n:013}-x"), json!({ "kind": "message", "text": format!("{n}") }));
    }
    let (stores, mut pages) = (Rc::new(std::cell::Cell::new(false)), 0);
    let seen = Rc::clone(&stores);
    w.fault = Box::new(move |_, effect| match effect {
        Effect::Commit { writes, .. }
            if format!("{writes:?}").contains("received") && !seen.replace(true) =>
        {
            Fault::Late(100)
        }
        Effect::List { collection, after: Some(_), .. } if collection.ends_with("/inbox") => {
            pages += 1;
            if pages == 2 { Fault::Late(300) } else { Fault::None }
        }
        _ => Fault::None,
    });
    w.give(run, Input::Changed);
    while !stores.get() {
        assert!(w.step());
    }
    w.give(run, Input::Changed);
    w.pass(1_000);
    assert_eq!(w.store.facts("received").len(), 8);
    w.decide("a", Decision::Approve { note: None });
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!(w.store.facts("received").len(), 8);
}

#[test]
fn a_second_decision_about_a_call_that_already_runs_is_dropped() {
    let (mut w, run) = gated(5, "approve");
    let asked = w.asked("a")[0];
    w.tool = Box::new(|_| Does::Takes(40_000, Box::new(Does::Returns(json!("worked")))));
    w.decide("a", Decision::Approve { note: None });
    w.until(run, |a| !a.executed.is_empty());
    let forged = Decision::Reject { reason: None };
    let (id, nonce, tool_call_id) = ("x".to_owned(), "n".to_owned(), "a".to_owned());
    let second = inbox::InboxItem::Decision { id, tool_call_id, asked_seq: asked, nonce, decision: forged };
    w.put_into_inbox(&second);
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!(places(&w, "decided").len(), 1);
    let result = &w.actors[run].requests[1].last().unwrap()["content"][0]["toolResult"];
    assert_eq!(result["content"], json!([{ "text": "worked" }]));
}

#[test]
fn an_approval_of_a_call_that_needs_a_result_decides_nothing() {
    let (mut w, run) = gated(6, "answer");
    assert_eq!(w.ask("approve", json!({ "toolCallId": "a" })).unwrap_err().code, Code::InvalidArgument);
    // Past the command's own check, as an older or foreign writer may put it there.
    w.decide("a", Decision::Approve { note: None });
    w.pass(30_000);
    assert!(places(&w, "decided").is_empty() && w.executions.is_empty());
    w.command(run, Command::Pause);
    w.finish(run).unwrap();
    let run = w.runner("resume", json!({}));
    assert_eq!(w.until_event(run, "task:answer_required")["again"], true, "it still waits");
    w.pass(30_000);
    assert!(places(&w, "decided").is_empty() && w.executions.is_empty());
}

#[test]
fn an_answer_that_says_error_is_an_error_for_the_model_and_one_that_does_not_is_none() {
    for error in [true, false] {
        let (mut w, run) = gated(7, "answer");
        w.decide("a", answer(json!("out of stock"), error));
        assert_eq!(w.finish(run).unwrap()["status"], "completed");
        let status = if error { "error" } else { "success" };
        let result = &w.actors[run].requests[1].last().unwrap()["content"][0]["toolResult"];
        assert_eq!(result["status"], status);
        assert_eq!(result["content"], json!([{ "text": "out of stock" }]));
        assert_eq!(w.events(run, "task:tool_result")[0]["status"], status);
    }
}

#[test]
fn of_two_decisions_about_one_question_one_counts_and_the_call_gets_one_result() {
    let (mut w, run) = gated(8, "approve");
    let approves = w.open("approve", json!({ "toolCallId": "a" }));
    let rejects = w.open("reject", json!({ "toolCallId": "a" }));
    let settled = [w.finish(approves), w.finish(rejects)];
    assert_eq!(settled.iter().filter(|s| s.is_ok()).count(), 1, "{settled:?}");
    w.finish(run).unwrap();
    assert_eq!(places(&w, "decided").len(), 1);
    assert_eq!(places(&w, "result").len(), 1);
    assert_eq!(w.executions.len(), usize::from(settled[0].is_ok()));
}

#[test]
fn pause_and_stop_leave_a_call_undecided_and_a_message_decides_nothing() {
    for stop in [false, true] {
        let (mut w, run) = gated(9, "approve");
        w.say("Go on!");
        w.pass(30_000);
        assert!(w.executions.is_empty());
        w.command(run, if stop { Command::Stop { reason: None } } else { Command::Pause });
        w.finish(run).unwrap();
        w.script(vec![text("Done.")]);
        let again = w.runner("resume", json!({}));
        let asked = w.until_event(again, "task:approval_required");
        assert_eq!((&asked["toolCall"]["id"], &asked["again"]), (&json!("a"), &json!(true)));
        w.decide("a", Decision::Approve { note: None });
        assert_eq!(w.finish(again).unwrap()["status"], "completed");
        assert_eq!(w.executions.len(), 1);
    }
}

#[test]
fn messages_share_an_eighth_of_a_commit_and_a_longer_one_is_taken_alone() {
    let entries = |sizes: [usize; 2]| {
        let mut w = World::new(11, 1);
        for (n, bytes) in sizes.into_iter().enumerate() {
            let (id, text) = (n.to_string(), "x".repeat(bytes - 1));
            w.put_into_inbox(&inbox::InboxItem::Message { id, text, in_thread: false, content: None });
        }
        let limits = json!({ "documentBytes": 100_000, "commitBytes": 100_000 });
        let run = w.runner("start", json!({ "limits": limits }));
        assert_eq!(w.finish(run).unwrap()["status"], "completed");
        assert_eq!(w.store.facts("received").len(), 2);
        places(&w, "received").len()
    };
    assert_eq!(entries([6_250, 6_250]), 1);
    assert_eq!(entries([6_250, 6_251]), 2);
    assert_eq!(entries([20_000, 20_000]), 2);
}

fn in_inbox(w: &World) -> Vec<&str> {
    w.store.documents.keys().filter_map(|path| path.split_once("/inbox/")).map(|(_, id)| id).collect()
}

fn put(w: &mut World, id: &str, data: Value) {
    w.store.put(&format!("{TASK_PATH}/inbox/{id}"), data, w.now);
}

/// Every kind of document that nobody reads, under ids around those of messages and decisions.
fn junk(n: usize) -> (String, Value) {
    let about = |id: String, call: &str, seq: usize, json: &str| {
        (
            id,
            json!({ "kind": "decision", "tool_call_id": call, "asked_seq": seq, "nonce": "n", "json": json }),
        )
    };
    let approve = r#"{"decision":"approve"}"#;
    match n % 7 {
        0 => (format!("!{n}"), json!({})),
        1 => (format!("0{n}"), json!({ "kind": "message", "text": " " })),
        2 => (format!("~{n}"), json!({ "kind": "message", "text": "x", "json": "nothing" })),
        3 => about(format!("decision-a-{n}"), "a", n, "nothing"),
        4 => about(format!("decision-b-{n}"), "b", n, approve),
        5 => about(format!("decision-a-{}", n + 1_000_000), "a", n + 1_000_000, approve),
        _ => about(format!("x{n}"), "a", 2, approve),
    }
}

#[test]
fn what_is_of_no_use_is_deleted_while_the_run_waits_and_nothing_is_journaled_of_it() {
    let (mut w, run) = gated(20, "approve");
    let entries = w.store.journal().len();
    for n in 0..700 {
        let (id, data) = junk(n);
        put(&mut w, &id, data);
    }
    w.say("Hello?");
    w.pass(30_000);
    assert_eq!(in_inbox(&w), Vec::<&str>::new());
    assert_eq!(places(&w, "received").len(), 1);
    assert_eq!(w.store.journal().len(), entries + 1);
    w.decide("a", Decision::Approve { note: None });
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
}

#[test]
fn a_flood_is_read_in_small_pages_and_in_parts_between_which_the_run_goes_on_but_completes_nothing() {
    let mut w = World::new(21, 1);
    w.script(vec![text("Done."), text("Read.")]);
    for n in 0..2_000 {
        let (id, data) = junk(n);
        put(&mut w, &id, data);
    }
    // The last of all, and no touch of the task tells of it.
    put(&mut w, "~~", json!({ "kind": "message", "text": "Read me." }));
    let pages = Rc::new(std::cell::RefCell::new(Vec::new()));
    let seen = Rc::clone(&pages);
    w.fault = Box::new(move |_, effect| {
        match effect {
            Effect::List { collection, limit, .. } if collection.ends_with("/inbox") => {
                assert!(*limit <= 8, "{limit}");
                seen.borrow_mut().push("page");
            }
            Effect::Read { paths, .. } if paths == &[TASK_PATH] => seen.borrow_mut().push("look"),
            _ => {}
        }
        Fault::None
    });
    let run = w.start();
    w.until(run, |a| !a.requests.is_empty());
    assert!(in_inbox(&w).len() > 1_000, "the model is asked before all of it is read");
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!(in_inbox(&w), Vec::<&str>::new());
    assert_eq!(w.actors[run].requests.len(), 2, "the message is answered before the task is completed");
    let pages = pages.borrow();
    let longest = pages.split(|what| *what == "look").map(<[&str]>::len).max().unwrap();
    assert!(longest <= 50, "{longest} pages in one look");
    assert!(pages.len() < 400, "{} calls", pages.len());
}

#[test]
fn of_many_long_messages_some_are_taken_in_at_a_time_and_none_is_lost_or_out_of_order() {
    let mut w = World::new(22, 1);
    let sent: Vec<String> = (0..40).map(|n| format!("{n:02} {}", "x".repeat(200_000))).collect();
    for (n, words) in sent.iter().enumerate() {
        put(&mut w, &format!("{n:013}-x"), json!({ "kind": "message", "text": words }));
    }
    w.model = Box::new(|_| text("Read."));
    let run = w.start();
    w.until(run, |a| !a.requests.is_empty());
    let first = places(&w, "received").len();
    assert!((1..=6).contains(&first), "{first} entries before the model is asked");
    assert!(in_inbox(&w).len() >= 30, "{}", in_inbox(&w).len());
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let received: Vec<String> =
        w.store.facts("received").iter().map(|fact| fact["text"].as_str().unwrap().to_owned()).collect();
    assert!(received == sent, "{} of them", received.len());
}

#[test]
fn a_kind_that_this_version_does_not_know_is_left_for_one_that_does_and_keeps_nobody_from_completing() {
    let mut w = World::new(23, 1);
    for n in 0..30 {
        put(&mut w, &format!("later-{n}"), json!({ "kind": "later", "text": "x" }));
    }
    let run = w.start();
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!(in_inbox(&w).len(), 30);
}

/// More than one look reads, of a kind that is left where it is, under ids that begin so.
fn many_of_a_later_kind(w: &mut World, prefix: &str) {
    for n in 0..1_000 {
        put(w, &format!("{prefix}{n:04}"), json!({ "kind": "later", "text": "x" }));
    }
}

#[test]
fn behind_more_than_a_look_reads_a_message_is_found_by_the_looks_after_it() {
    let mut w = World::new(24, 1);
    many_of_a_later_kind(&mut w, "!later-");
    w.say("Are you there?");
    let run = w.start();
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!(w.store.facts("received").len(), 1);
    assert_eq!(in_inbox(&w).len(), 1_000);
}

#[test]
fn a_message_that_comes_while_a_long_inbox_is_read_in_parts_is_found_before_the_task_completes() {
    for sends in (0..120).step_by(3) {
        let mut w = World::new(25, 1);
        many_of_a_later_kind(&mut w, "~later-");
        let run = w.start();
        for _ in 0..sends {
            w.step();
        }
        if w.store.status() == "completed" {
            assert!(sends > 30, "the moments between two parts are among those that were tried");
            break;
        }
        w.say("Are you there?");
        assert_eq!(w.finish(run).unwrap()["status"], "completed");
        assert_eq!(w.store.facts("received").len(), 1, "sent after {sends} steps");
    }
}

#[test]
fn whoever_squats_on_the_id_of_a_decision_does_not_keep_it_from_being_made() {
    for (call, json) in [("a", "nothing"), ("b", r#"{"decision":"approve"}"#)] {
        let (mut w, run) = gated(24, "approve");
        // Until the run looks only from time to time.
        w.pass(1_000);
        let data =
            json!({ "kind": "decision", "tool_call_id": call, "asked_seq": 2, "nonce": "n", "json": json });
        put(&mut w, "decision-a-2", data);
        assert_eq!(w.ask("approve", json!({ "toolCallId": "a" })).unwrap_err().code, Code::AlreadyDecided);
        w.pass(10_001);
        w.ask("approve", json!({ "toolCallId": "a" })).unwrap();
        assert_eq!(w.finish(run).unwrap()["status"], "completed");
        assert_eq!(w.executions.len(), 1);
    }
}

#[test]
fn what_lies_there_by_the_time_of_the_deletion_is_not_deleted_for_what_lay_there_before() {
    let (mut w, run) = gated(25, "approve");
    put(&mut w, "decision-a-2", json!({ "kind": "decision" }));
    w.fault = Box::new(|_, effect| match effect {
        Effect::Commit { writes, .. } if writes.iter().all(|w| matches!(w, StoreWrite::Delete { .. })) => {
            Fault::Late(300)
        }
        _ => Fault::None,
    });
    let spied = w.spy(run, |_| false);
    while !spied.borrow().iter().any(|effect| {
        matches!(effect, Effect::Commit { writes, .. }
        if matches!(&writes[..], [StoreWrite::Delete { .. }]))
    }) {
        assert!(w.step(), "nobody deletes it");
    }
    w.store.documents.remove(&format!("{TASK_PATH}/inbox/decision-a-2"));
    w.ask("approve", json!({ "toolCallId": "a" })).unwrap();
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!(w.executions.len(), 1);
}

#[test]
fn a_store_that_lets_nobody_delete_from_the_inbox_does_not_stop_the_run() {
    let mut w = World::new(26, 1);
    for n in 0..30 {
        let (id, data) = junk(n * 7);
        put(&mut w, &id, data);
    }
    let asked = Rc::new(std::cell::Cell::new(0));
    let counted = Rc::clone(&asked);
    w.fault = Box::new(move |_, effect| match effect {
        Effect::Commit { writes, .. } if writes.iter().all(|w| matches!(w, StoreWrite::Delete { .. })) => {
            counted.set(counted.get() + 1);
            Fault::Fails(StoreErrorCode::Denied)
        }
        _ => Fault::None,
    });
    let run = w.start();
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!((in_inbox(&w).len(), asked.get()), (30, 1), "it is tried once");
}
