//! What a run needs before it takes a task, what the head says of whoever took it, and what a run says that took none.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use support::*;
use task_execution_engine::effect::{Command, Effect, Question, Ticket};
use task_execution_engine::store::StoreErrorCode;

const HEAD: &str = "users/u/tasks/t/engine/head";

fn drain() -> Command {
    Command::Yield { reason: "drain".into(), grace: true }
}

fn asks(effect: &Effect) -> bool {
    matches!(effect, Effect::Ask { .. })
}

/// Another process works on the task, under a lease of half a minute.
fn held(w: &mut World, holder: Option<&str>) {
    let mut owner = json!({ "id": "other", "ttl_ms": 30_000, "heartbeat_ms": 10_000, "grace_ms": 1_000,
        "store_timeout_ms": 1_000 });
    if let Some(holder) = holder {
        owner["holder"] = json!(holder);
    }
    let head = json!({ "schema": 1, "history": "h", "created_at": task_with(1)["created_at"], "epoch": 3, "seq": 0,
        "write_id": "first", "last_run": "running", "attempts": 0, "summary": {}, "owner": owner });
    w.store.put(HEAD, head, w.now);
    w.outside(&["status"], json!("in_progress"));
}

/// A task that is paused after a turn that said something and one that said nothing.
fn paused() -> (World, Value) {
    let mut w = World::new(7, 2);
    w.script(vec![
        text("The first is done."),
        uses("Looking.", &[("a", "look", json!({}))]),
        uses("", &[("b", "work", json!({}))]),
    ]);
    w.tool = Box::new(|call| if call.name == "work" { Does::Hangs } else { Does::Returns(json!(1)) });
    let run = w.start();
    w.until(run, |a| a.executed.len() == 2);
    w.command(run, Command::Pause);
    let outcome = w.finish(run).unwrap();
    (w, outcome)
}

#[test]
fn a_run_needs_a_model_and_a_command_that_only_begins_none_and_no_tools() {
    let mut w = World::new(1, 1);
    let run = w.runner("start", json!({ "hasModel": false }));
    let refused = w.finish(run).unwrap_err();
    assert_eq!(json!(refused.code), "NOT_CONFIGURED");
    assert!(w.store.get(HEAD).is_none(), "nothing was taken");

    let begins = w.runner("start", json!({ "hasModel": false, "drives": false }));
    let seen = w.spy(begins, |_| false);
    assert_eq!(w.finish(begins).unwrap()["status"], "yielded");
    assert_eq!((w.store.status(), w.store.facts("begun").len()), ("in_progress", 1));
    assert!(!seen.borrow().iter().any(asks));
}

#[test]
fn the_head_says_how_long_others_have_to_wait_for_its_owner() {
    let mut w = World::new(2, 1);
    let options = json!({ "leaseTtlMs": 12_000, "graceMs": 5_000, "storeTimeoutMs": 7_000 });
    let run = w.runner("start", json!({ "options": options, "holder": "boot:1", "instance": "i" }));
    w.until(run, |a| a.settled.contains_key(&Ticket::STARTED));
    let owner = &w.head()["owner"];
    let told =
        ["ttl_ms", "heartbeat_ms", "grace_ms", "store_timeout_ms"].map(|name| owner[name].as_u64().unwrap());
    assert_eq!((told, &owner["holder"]), ([12_000, 4_000, 5_000, 7_000], &json!("boot:1")));
    let first = owner["id"].as_str().unwrap().to_owned();
    assert_eq!(w.head()["created_at"], task_with(1)["created_at"]);
    w.finish(run).unwrap();
    w.outside(&["status"], json!("not_started"));
    let run = w.runner("start", json!({ "instance": "i" }));
    w.until(run, |a| a.settled.contains_key(&Ticket::STARTED));
    let second = w.head()["owner"]["id"].as_str().unwrap().to_owned();
    assert!(first != second && first.starts_with("i.") && second.starts_with("i."), "{first} {second}");
}

#[test]
fn an_acquisition_that_the_store_never_answers_is_refused_when_the_store_is_given_up() {
    let mut w = World::new(3, 1);
    w.fault = Box::new(|_, effect| match effect {
        Effect::Commit { .. } => Fault::Silent(false),
        _ => Fault::None,
    });
    let at = w.now;
    let run = w.start();
    let refused = w.finish(run).unwrap_err();
    assert_eq!((json!(refused.code), refused.retryable), (json!("STORE_UNAVAILABLE"), true));
    assert!((14_000..15_100).contains(&(w.now - at)), "{}", w.now - at);
}

#[test]
fn whoever_pauses_or_stops_a_run_that_waits_for_a_lease_hears_at_once_who_holds_it() {
    for command in [Command::Pause, Command::Stop { reason: None }] {
        for after in [1, 2, 3, 100, 5_000] {
            let mut w = World::new(4, 1);
            held(&mut w, None);
            let run = w.runner("start", json!({ "options": { "waitForLeaseMs": 600_000 } }));
            w.pass(after);
            let (at, ticket) = (w.now, w.command(run, command.clone()));
            assert_eq!(json!(w.finish(run).unwrap_err().code), "LEASE_HELD");
            let told = w.actors[run].settled[&ticket].clone().unwrap_err();
            assert_eq!((json!(told.code), &told.details["owner"]), (json!("LEASE_HELD"), &json!("other")));
            assert!(w.now - at < if after == 100 { 1 } else { 1_100 }, "after {after}: {}", w.now - at);
        }
    }
}

#[test]
fn a_run_that_is_to_pause_does_not_ask_whether_the_holder_lives() {
    let mut w = World::new(5, 1);
    held(&mut w, Some("boot:1"));
    let run = w.runner("start", json!({ "holder": "boot:2" }));
    let seen = w.spy(run, |_| false);
    let ticket = w.command(run, Command::Pause);
    assert_eq!(json!(w.finish(run).unwrap_err().code), "LEASE_HELD");
    assert!(!seen.borrow().iter().any(asks) && w.actors[run].settled[&ticket].is_err());
}

#[test]
fn whoever_leaves_the_wait_for_a_lease_leaves_nothing_unfinished_also_in_the_middle_of_a_look() {
    let mut w = World::new(6, 1);
    held(&mut w, None);
    let run = w.runner("start", json!({ "options": { "waitForLeaseMs": 600_000 } }));
    w.pass(100);
    let seen = w.spy(run, |_| false);
    while !seen.borrow().iter().any(|effect| matches!(effect, Effect::Read { .. })) {
        assert!(w.step());
    }
    let ticket = w.command(run, drain());
    let outcome = w.finish(run).unwrap();
    assert_eq!((&outcome["status"], &outcome["unfinished"]), (&json!("yielded"), &json!(false)));
    assert!(w.actors[run].settled[&ticket].is_ok());
}

#[test]
fn what_a_model_said_last_is_the_text_of_the_outcome_though_it_went_on_without_a_word() {
    let (mut w, outcome) = paused();
    assert_eq!(
        (&outcome["text"], &outcome["items"][0]["text"]),
        (&json!("Looking."), &json!("The first is done."))
    );
    let run = w.runner("run", json!({}));
    let recalled = w.finish(run).unwrap();
    assert_eq!(recalled["status"], "paused");
    for part in ["text", "items", "usage"] {
        assert_eq!(recalled[part], outcome[part], "{part}");
    }
}

#[test]
fn a_run_that_finds_nothing_to_run_says_so_though_it_was_told_to_leave_meanwhile() {
    let (mut w, _) = paused();
    let run = w.runner("run", json!({}));
    let seen = w.spy(run, |_| false);
    while !seen.borrow().iter().any(|effect| matches!(effect, Effect::List { .. })) {
        assert!(w.step());
    }
    let ticket = w.command(run, drain());
    assert_eq!(w.finish(run).unwrap()["status"], "paused");
    assert!(w.actors[run].settled[&ticket].is_ok());
}

#[test]
fn whoever_waits_for_a_run_that_is_refused_is_told_why() {
    let mut w = World::new(8, 1);
    w.store.documents.remove(TASK_PATH);
    let run = w.start();
    let (pause, leave) = (w.command(run, Command::Pause), Ticket(77));
    assert_eq!(json!(w.finish(run).unwrap_err().code), "TASK_NOT_FOUND");
    assert_eq!(json!(w.actors[run].settled[&pause].clone().unwrap_err().code), "TASK_NOT_FOUND");
    assert!(!w.actors[run].settled.contains_key(&leave));
}

#[test]
fn a_machine_is_done_when_all_that_it_asked_for_is_performed() {
    let mut w = World::new(9, 1);
    w.by_hand = true;
    let run = w.runner("start", json!({ "taskId": "a/b" }));
    assert!(!w.actors[run].machine.as_ref().unwrap().is_done(), "its refusal is still to be told");
    while let Some(effect) = w.next_effect(run) {
        w.perform(run, effect);
    }
    assert!(w.actors[run].machine.as_ref().unwrap().is_done());
    assert_eq!(json!(w.finish(run).unwrap_err().code), "INVALID_ARGUMENT");
}

#[test]
fn a_head_that_is_renewed_while_a_run_watches_it_keeps_its_holder_and_a_denied_read_ends_the_wait() {
    let mut w = World::new(10, 1);
    held(&mut w, None);
    let run = w.runner("start", json!({ "options": { "waitForLeaseMs": 600_000 } }));
    for n in 0..4 {
        w.pass(20_000);
        w.store.set(HEAD, &["write_id"], json!(n.to_string()), w.now);
    }
    assert!(!w.is_over(run));
    w.fault = Box::new(|_, effect| match effect {
        Effect::Read { .. } => Fault::Fails(StoreErrorCode::Denied),
        _ => Fault::None,
    });
    assert_eq!(json!(w.finish(run).unwrap_err().code), "STORE_DENIED");
}

#[test]
fn tools_are_asked_for_once_with_the_task_and_its_id() {
    let mut w = World::new(11, 1);
    let run = w.start();
    let seen = w.spy(run, |_| false);
    w.finish(run).unwrap();
    let told: Vec<_> = seen
        .borrow()
        .iter()
        .filter_map(|effect| match effect {
            Effect::Ask { question: Question::Tools { task }, .. } => Some(task["id"].clone()),
            _ => None,
        })
        .collect();
    assert_eq!(told, [TASK]);
}

#[test]
fn a_refusal_says_who_holds_the_task_and_how_long_ago_the_lease_was_renewed() {
    let mut w = World::new(12, 1);
    held(&mut w, Some("boot:1"));
    w.store.hides_age = true;
    let run = w.runner("start", json!({ "options": { "waitForLeaseMs": 45_000 } }));
    w.pass(25_000);
    w.store.set(HEAD, &["write_id"], json!("renewed"), w.now);
    let refused = w.finish(run).unwrap_err();
    let details = &refused.details;
    assert_eq!(
        (json!(refused.code), &details["owner"], &details["holder"]),
        (json!("LEASE_HELD"), &json!("other"), &json!("boot:1"))
    );
    assert!((18_000..22_000).contains(&details["ageMs"].as_u64().unwrap()), "{}", details["ageMs"]);
    assert!(refused.message.contains("(other)") && refused.retryable);

    w.store.documents.remove(TASK_PATH);
    let run = w.start();
    let refused = w.finish(run).unwrap_err();
    assert_eq!((&refused.details["taskId"], &refused.details["userId"]), (&json!(TASK), &json!(USER)));
}

#[test]
fn a_resume_waits_for_the_pause_that_a_living_holder_is_to_finish_and_does_not_take_it_for_its_outcome() {
    for options in [json!({ "waitForLeaseMs": 0 }), json!({})] {
        let mut w = World::new(14, 1);
        held(&mut w, None);
        w.outside(&["status"], json!("paused"));
        let run = w.runner("resume", json!({ "options": options }));
        w.pass(5_000);
        w.store.set(HEAD, &["write_id"], json!("renewed"), w.now);
        assert_eq!(json!(w.finish(run).unwrap_err().code), "LEASE_HELD");
        let run = w.runner("run", json!({ "options": options }));
        w.pass(5_000);
        w.store.set(HEAD, &["write_id"], json!("again"), w.now);
        assert_eq!(w.finish(run).unwrap()["status"], "paused");
    }
}

#[test]
fn tools_have_names_that_models_take_and_none_is_called_as_the_completing_one_where_there_is_one() {
    let cases = [
        (json!([tool("a b")]), "end_turn", Some("HOST_CALLBACK")),
        (json!([tool("work"), tool("")]), "end_turn", Some("HOST_CALLBACK")),
        (json!([tool(&"x".repeat(65))]), "end_turn", Some("HOST_CALLBACK")),
        (json!([tool(&"x".repeat(64))]), "end_turn", None),
        (json!([{ "name": "work" }]), "end_turn", Some("HOST_CALLBACK")),
        (json!([tool("work"), tool("complete_task_item")]), "explicit", Some("INVALID_ARGUMENT")),
        (json!([tool("work"), tool("complete_task_item")]), "end_turn", None),
    ];
    for (tools, completion, refused) in cases {
        let mut w = World::new(15, 1);
        w.tools = tools.clone();
        let run = w.runner("start", json!({ "options": { "completion": completion } }));
        let code = w.finish(run).err().map(|e| json!(e.code));
        assert_eq!(code, refused.map(|code| json!(code)), "{tools}");
        assert_eq!(w.store.get(HEAD).is_none(), refused.is_some(), "nothing is taken before that is known");
    }
}

#[test]
fn a_run_that_is_to_leave_does_not_wait_for_whoever_was_faster_with_the_lease() {
    let mut w = World::new(16, 1);
    let run = w.runner("start", json!({ "options": { "waitForLeaseMs": 600_000 } }));
    let seen = w.spy(run, |_| false);
    let takes = |effect: &Effect| matches!(effect, Effect::Commit { .. });
    w.fault = Box::new(move |_, effect| if takes(effect) { Fault::Late(100) } else { Fault::None });
    while !seen.borrow().iter().any(takes) {
        assert!(w.step());
    }
    held(&mut w, None);
    let (at, ticket) = (w.now, w.command(run, drain()));
    let outcome = w.finish(run).unwrap();
    assert_eq!((&outcome["status"], &outcome["unfinished"]), (&json!("yielded"), &json!(false)));
    assert!(w.now - at < 2_000, "{} ms", w.now - at);
    assert!(w.actors[run].settled[&ticket].is_ok());
}
