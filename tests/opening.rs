//! From the first read to the lease: who is waited for, what is asked, and what a run that runs nothing says.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use std::cell::Cell;
use std::rc::Rc;
use support::*;
use task_execution_engine::effect::{Command, Effect, Input, Question, Thrown, Ticket};
use task_execution_engine::error::Code;
use task_execution_engine::store::{StoreError, StoreErrorCode};

/// Another process works on the task and renews its lease when the test says so.
fn held(w: &mut World, status: &str, last_run: &str, ttl_ms: u64) {
    w.store.put(
        HEAD_PATH,
        head(
            last_run,
            json!({ "id": "other", "ttl_ms": ttl_ms, "heartbeat_ms": ttl_ms / 3,
        "grace_ms": 1_000, "store_timeout_ms": 1_000 }),
        ),
        w.now,
    );
    w.outside(&["status"], json!(status));
}

const HEAD_PATH: &str = "users/u/tasks/t/engine/head";

fn head(last_run: &str, owner: Value) -> Value {
    let mut head = json!({ "schema": 1, "history": "h", "created_at": task_with(1)["created_at"], "epoch": 3,
        "seq": 0, "write_id": "first", "last_run": last_run, "attempts": 0, "summary": {} });
    if !owner.is_null() {
        head["owner"] = owner;
    }
    head
}

fn renews(w: &mut World, write_id: &str) {
    w.store.set(HEAD_PATH, &["write_id"], json!(write_id), w.now);
}

fn asks(effects: &[Effect], kind: fn(&Question) -> bool) -> usize {
    effects.iter().filter(|e| matches!(e, Effect::Ask { question, .. } if kind(question))).count()
}

#[test]
fn a_resume_waits_for_the_pause_of_an_owner_who_renews_on_the_way_there() {
    let mut w = World::new(1, 1);
    held(&mut w, "paused", "running", 30_000);
    let run = w.runner("resume", json!({}));
    w.pass(5_000);
    renews(&mut w, "on the way");
    w.pass(5_000);
    assert!(!w.is_over(run));
    w.store.put(HEAD_PATH, head("paused", Value::Null), w.now);
    assert_eq!(w.finish(run).unwrap()["status"], "completed");

    held(&mut w, "paused", "running", 30_000);
    let run = w.runner("resume", json!({}));
    let begun = w.now;
    while !w.is_over(run) {
        w.pass(1_000);
        let beat = format!("beat {}", w.now);
        renews(&mut w, &beat);
    }
    assert_eq!(w.finish(run).unwrap_err().code, Code::LeaseHeld);
    assert!((13_000..15_000).contains(&(w.now - begun)), "heartbeat, grace and two deadlines of the store");
}

#[test]
fn whoever_waits_for_a_lease_looks_again_after_a_pause_and_not_at_whatever_comes() {
    let mut w = World::new(1, 1);
    held(&mut w, "in_progress", "running", 3_000);
    let run = w.runner("start", json!({ "options": { "waitForLeaseMs": 60_000 } }));
    w.pass(5);
    let seen = w.spy(run, |_| false);
    for input in [Input::Changed, Input::Answered { ticket: Ticket(77), result: Ok(json!(false)) }] {
        w.give(run, input);
    }
    assert!(seen.borrow().is_empty(), "{:?}", seen.borrow());
    w.pass(1_500);
    let reads = seen.borrow().iter().filter(|e| matches!(e, Effect::Read { .. })).count();
    assert!((10..=16).contains(&reads), "a thirtieth of the lease apart: {reads}");
}

#[test]
fn a_question_is_answered_by_its_own_answer_alone() {
    let mut w = World::new(2, 1);
    held(&mut w, "in_progress", "running", 30_000);
    w.store.set(HEAD_PATH, &["owner", "holder"], json!("boot:1"), w.now);
    w.alive.insert("boot:1".into());
    let run = w.runner("start", json!({ "holder": "boot:2", "options": { "waitForLeaseMs": 0 } }));
    let seen = w.spy(run, |e| matches!(e, Effect::Ask { .. }));
    w.pass(5);
    assert_eq!(asks(&seen.borrow(), |q| matches!(q, Question::Alive { .. })), 1);
    for input in [Input::Changed, Input::Answered { ticket: Ticket(77), result: Ok(json!(false)) }] {
        w.give(run, input);
        let acts =
            |e: &Effect| matches!(e, Effect::Read { .. } | Effect::Commit { .. } | Effect::Cancel { .. });
        assert!(!w.is_over(run) && seen.borrow().iter().filter(|e| acts(e)).count() == 0);
        assert_eq!(asks(&seen.borrow(), |q| matches!(q, Question::Tools { .. })), 0);
    }

    let mut w = World::new(2, 1);
    let run = w.runner("start", json!({}));
    let seen = w.spy(run, |e| matches!(e, Effect::Ask { .. }));
    w.pass(5);
    let Some(ticket) = seen.borrow().iter().find_map(|e| match e {
        Effect::Ask { ticket, question: Question::Tools { task } } => {
            assert_eq!((&task["id"], &task["title"]), (&json!(TASK), &json!("A task")));
            Some(*ticket)
        }
        _ => None,
    }) else {
        panic!("the tools are asked for")
    };
    let thrown = || Err(Thrown { message: "no tools today".into(), cause: None });
    for result in [Ok(json!([])), thrown()] {
        w.give(run, Input::Answered { ticket: Ticket(77), result });
        assert!(!w.is_over(run) && seen.borrow().iter().all(|e| !matches!(e, Effect::Commit { .. })));
    }
    w.give(run, Input::Answered { ticket, result: thrown() });
    let error = w.actors[run].settled[&Ticket::RESULT].clone().unwrap_err();
    assert_eq!((error.code, error.message.as_str()), (Code::HostCallback, "tools failed: no tools today"));
}

#[test]
fn run_on_a_task_that_has_ended_says_how_and_why() {
    let outcome = |status: &str, last_run: &str| {
        let mut w = World::new(3, 1);
        w.store.put(HEAD_PATH, head(last_run, Value::Null), w.now);
        w.outside(&["status"], json!(status));
        w.outside(&["execution"], json!({ "abort_reason": "enough", "error": "it broke" }));
        let run = w.runner("run", json!({}));
        w.finish(run).unwrap()
    };
    let paused = outcome("paused", "stopped");
    assert_eq!((&paused["status"], &paused["reason"]), (&json!("paused"), &json!("enough")));
    assert!(paused["error"].is_null());
    let failed = outcome("failed", "failed");
    assert_eq!((&failed["status"], failed["reason"].is_null()), (&json!("failed"), true));
    assert!(failed["error"]["message"].as_str().unwrap().contains("it broke"), "{failed}");
    let completed = outcome("completed", "completed");
    assert_eq!(completed["status"], "completed");
    assert!(completed["reason"].is_null() && completed["error"].is_null());
}

#[test]
fn run_on_a_pause_that_its_owner_has_not_finished_waits_for_the_owner_to_renew() {
    let open = |options: Value| {
        let mut w = World::new(4, 1);
        held(&mut w, "paused", "running", 30_000);
        let run = w.runner("run", json!({ "options": options }));
        (w, run)
    };
    let (mut w, run) = open(json!({}));
    w.pass(10_000);
    assert!(!w.is_over(run), "nothing says that it lives");
    renews(&mut w, "again");
    assert_eq!(w.finish(run).unwrap()["status"], "paused");
    assert_eq!(w.head()["epoch"], 3, "the pause is its owner's to finish");

    let (mut w, run) = open(json!({ "waitForLeaseMs": 0 }));
    w.pass(100);
    assert_eq!(w.actors[run].settled[&Ticket::RESULT].clone().unwrap()["status"], "paused");

    let (mut w, run) = open(json!({ "waitForLeaseMs": 60_000 }));
    w.pass(10_000);
    assert!(!w.is_over(run));
    // Nobody renews: the run takes the task, and finishes the pause itself.
    assert_eq!(w.finish(run).unwrap()["status"], "paused");
    assert_eq!((&w.head()["epoch"], &w.head()["last_run"]), (&json!(4), &json!("paused")));
}

#[test]
fn a_lease_that_is_given_back_leaves_the_end_before_it_as_it_was_under_a_write_of_its_own() {
    for (last_run, owned, left) in
        [("yielded", false, "yielded"), ("running", true, "yielded_unclean"), ("stopped", false, "stopped")]
    {
        let mut w = World::new(5, 1);
        let owner = if owned {
            json!({ "id": "dead", "ttl_ms": 1_000, "heartbeat_ms": 300, "grace_ms": 0, "store_timeout_ms": 0 })
        } else {
            Value::Null
        };
        let mut stored = head(last_run, owner);
        stored["seq"] = json!(1);
        w.store.put(HEAD_PATH, stored, 0);
        w.store.put("users/u/tasks/t/journal/00000001", json!({ "seq": 1, "json": "damaged" }), 0);
        w.outside(&["status"], json!(if last_run == "stopped" { "paused" } else { "in_progress" }));
        w.now += 60_000;
        let run = w.runner("resume", json!({}));
        let seen = w.spy(run, |_| false);
        assert_eq!(w.finish(run).unwrap_err().code, Code::CorruptHistory);
        assert_eq!((&w.head()["last_run"], w.head().get("owner")), (&json!(left), None));
        let writes: Vec<String> = seen
            .borrow()
            .iter()
            .filter(|e| matches!(e, Effect::Commit { .. }))
            .map(|e| format!("{e:?}"))
            .collect();
        let own = w.head()["write_id"].as_str().unwrap().to_owned();
        assert!(writes.len() == 2 && !writes[0].contains(&own) && writes[1].contains(&own));
    }
}

#[test]
fn only_a_run_that_drives_over_a_store_that_tells_of_changes_watches() {
    for (watch, drives) in [(false, true), (true, false), (true, true)] {
        let mut w = World::new(6, 1);
        let run = w.runner("start", json!({ "hasWatch": watch, "drives": drives }));
        let seen = w.spy(run, |_| false);
        w.finish(run).unwrap();
        let watches = seen.borrow().iter().filter(|e| matches!(e, Effect::Watch { .. })).count();
        assert_eq!(watches, if watch && drives { 2 } else { 0 }, "{watch} {drives}");
    }
}

#[test]
fn the_host_is_told_the_task_with_its_first_question_and_again_when_it_has_changed() {
    let mut w = World::new(7, 1);
    let turn = |id: &str| uses("", &[(id, "work", json!({ "of": id }))]);
    w.script(vec![turn("a"), turn("b"), text("Done.")]);
    w.tool = Box::new(|_| Does::Takes(500, Box::new(Does::Returns(json!(1)))));
    let run = w.start();
    let seen = w.spy(run, |_| false);
    w.until(run, |a| a.executed.len() == 1);
    w.outside(&["title"], json!("Another title"));
    w.finish(run).unwrap();
    let told: Vec<Option<Value>> = seen
        .borrow()
        .iter()
        .filter_map(|e| match e {
            Effect::Ask { question: Question::Vet { task, .. } | Question::Prompt { task, .. }, .. } => {
                Some(task.as_ref().map(|task| task["title"].clone()))
            }
            _ => None,
        })
        .collect();
    assert_eq!(told.first(), Some(&Some(json!("A task"))), "{told:?}");
    assert!(told.contains(&Some(json!("Another title"))), "{told:?}");
}

#[test]
fn an_answer_about_other_calls_than_were_asked_about_fails_the_run() {
    for answer in [json!([]), json!([{ "verdict": "run" }, { "verdict": "run" }])] {
        let mut w = World::new(8, 1);
        w.script(vec![uses("", &[("a", "work", json!({}))])]);
        let run = w.start();
        let is_vet = |e: &Effect| matches!(e, Effect::Ask { question: Question::Vet { .. }, .. });
        let seen = w.spy(run, is_vet);
        while !seen.borrow().iter().any(is_vet) {
            assert!(w.step());
        }
        let ticket = seen.borrow().iter().find_map(|e| match e {
            Effect::Ask { ticket, question: Question::Vet { .. } } => Some(*ticket),
            _ => None,
        });
        w.give(run, Input::Answered { ticket: ticket.unwrap(), result: Ok(answer) });
        assert_eq!(w.finish(run).unwrap()["error"]["code"], json!(Code::HostCallback));
        assert!(w.executions.is_empty());
    }
}

#[test]
fn a_task_that_is_deleted_by_others_while_it_runs_ends_the_run_as_not_found() {
    let mut w = World::new(9, 1);
    w.script(vec![uses("", &[("a", "work", json!({}))])]);
    w.tool = Box::new(|_| Does::Takes(30_000, Box::new(Does::Returns(json!(1)))));
    let run = w.start();
    w.until(run, |a| !a.executed.is_empty());
    w.store.documents.remove("users/u/tasks/t");
    let outcome = w.finish(run).unwrap();
    assert_eq!(
        (&outcome["status"], &outcome["error"]["code"]),
        (&json!("interrupted"), &json!("TASK_NOT_FOUND"))
    );
    assert_eq!(outcome["unfinished"], false, "nobody can run it any more");
}

#[test]
fn a_run_that_yields_while_another_holds_the_task_leaves_nothing_unfinished() {
    for held_by_another in [true, false] {
        let mut w = World::new(1, 1);
        if held_by_another {
            held(&mut w, "in_progress", "running", 30_000);
        }
        for passed in [5, 1_500, 1_502] {
            let run = w.runner("run", json!({ "options": { "waitForLeaseMs": 60_000 } }));
            if held_by_another {
                w.pass(passed);
            }
            w.command(run, Command::Yield { reason: "signal".into(), grace: true });
            let outcome = w.finish(run).unwrap();
            assert_eq!((&outcome["status"], &outcome["reason"]), (&json!("yielded"), &json!("signal")));
            assert_eq!(outcome["unfinished"], !held_by_another, "after {passed} ms");
        }
    }
}

#[test]
fn what_the_model_thinks_is_told_while_it_thinks() {
    let mut w = World::new(10, 1);
    let thinks = json!({ "contentBlockDelta": { "contentBlockIndex": 0,
        "delta": { "reasoningContent": { "text": "Hm." } } } });
    let mut events = vec![thinks];
    events.extend(turn("Done.", &[]));
    w.script(vec![Says::Events(events)]);
    let run = w.start();
    w.finish(run).unwrap();
    let told = w.events(run, "task:reasoning");
    assert_eq!((told.len(), &told[0]["delta"], &told[0]["taskId"]), (1, &json!("Hm."), &json!(TASK)));
}

#[test]
fn a_lease_without_an_age_is_good_for_the_last_millisecond_of_its_term() {
    let mut w = World::new(11, 1);
    // Looked at every 30 ms, the 29th time when its term is over to the millisecond.
    held(&mut w, "in_progress", "running", 870);
    let run = w.runner("start", json!({ "options": { "waitForLeaseMs": 60_000 } }));
    let begun = w.now + 1;
    while w.head()["epoch"] == 3 {
        assert!(w.step(), "nobody takes it");
    }
    assert!(w.now - begun > 890, "{}", w.now - begun);
    w.finish(run).unwrap();
}

#[test]
fn a_run_that_lost_a_race_asks_the_host_for_its_tools_no_second_time() {
    let mut w = World::new(12, 1);
    w.store.put(HEAD_PATH, head("yielded", Value::Null), w.now);
    w.outside(&["status"], json!("in_progress"));
    let run = w.start();
    let lost = Rc::new(Cell::new(None));
    let of_fault = Rc::clone(&lost);
    w.fault = Box::new(move |_, effect| match effect {
        Effect::Commit { ticket, .. } if of_fault.get().is_none() => {
            of_fault.set(Some(*ticket));
            Fault::Silent(false)
        }
        _ => Fault::None,
    });
    let seen = w.spy(run, |_| false);
    while lost.get().is_none() {
        assert!(w.step());
    }
    w.store.set(HEAD_PATH, &["epoch"], json!(4), w.now);
    let conflict = StoreError { code: StoreErrorCode::Conflict, message: "changed".into(), cause: None };
    w.give(run, Input::Committed { ticket: lost.get().unwrap(), result: Err(conflict) });
    w.finish(run).unwrap();
    assert_eq!(w.head()["epoch"], 5);
    assert_eq!(asks(&seen.borrow(), |q| matches!(q, Question::Tools { .. })), 1);
}

#[test]
fn a_run_whose_commit_nobody_confirms_is_not_ended_by_the_term_of_its_lease() {
    let mut w = World::new(13, 1);
    let commits = Cell::new(0);
    w.fault = Box::new(move |_, effect| match effect {
        Effect::Commit { .. } => {
            commits.set(commits.get() + 1);
            if commits.get() == 1 { Fault::None } else { Fault::Silent(false) }
        }
        _ => Fault::None,
    });
    let run = w.runner("start", json!({ "options": { "storeTimeoutMs": 60_000 } }));
    let mut taken = None;
    while w.now < 5_000 {
        if w.store.documents.contains_key(HEAD_PATH) && taken.is_none() {
            taken = Some(w.now);
        }
        w.pass(1);
    }
    let term = taken.unwrap() + 30_000;
    for (at, over) in [(term + 1, false), (term + 20_000, false), (term + 30_100, true)] {
        w.pass(at - w.now);
        w.give(run, Input::Changed);
        assert_eq!(w.is_over(run), over, "{}", at as i64 - term as i64);
    }
}

#[test]
fn a_commit_may_be_as_large_as_the_store_takes() {
    let start = |limit: u64| {
        let mut w = World::new(14, 1);
        let limits = json!({ "documentBytes": 1_000_000, "commitBytes": limit });
        let run = w.runner("start", json!({ "limits": limits }));
        w.finish(run).unwrap()
    };
    let refused = start(100);
    assert_eq!(refused["error"]["code"], json!(Code::TooLarge), "{refused}");
    let needed = refused["error"]["details"]["bytes"].as_u64().unwrap();
    let first = |limit: u64| start(limit)["error"]["details"]["bytes"].as_u64();
    assert_eq!(first(needed - 1), Some(needed));
    assert_ne!(first(needed), Some(needed), "it fits");
}

#[test]
fn where_no_entry_was_ever_written_none_is_looked_for() {
    let mut w = World::new(15, 1);
    w.store.put(HEAD_PATH, head("paused", Value::Null), w.now);
    w.outside(&["status"], json!("paused"));
    let run = w.runner("run", json!({}));
    let seen = w.spy(run, |_| false);
    w.finish(run).unwrap();
    assert!(seen.borrow().iter().all(|e| !matches!(e, Effect::List { .. })));
}

#[test]
fn a_run_that_yields_while_it_waits_for_the_lease_says_why_and_leaves_the_task_to_its_holder() {
    let mut w = World::new(21, 1);
    w.model = Box::new(|_| Says::Stalls(vec![]));
    let first = w.start();
    w.until(first, |a| !a.requests.is_empty());
    let second = w.runner("run", json!({ "options": { "waitForLeaseMs": 60_000 } }));
    w.pass(2_000);
    w.command(second, Command::Yield { reason: "drain".into(), grace: true });
    let outcome = w.finish(second).unwrap();
    assert_eq!(outcome["status"], "yielded");
    assert_eq!((&outcome["reason"], &outcome["unfinished"]), (&json!("drain"), &json!(false)));
}

#[test]
fn a_run_that_is_only_to_pause_needs_no_tools() {
    let mut w = World::new(21, 1);
    w.latency = 10;
    let run = w.start();
    let seen = w.spy(run, |_| false);
    w.command(run, Command::Pause);
    w.finish(run).unwrap();
    assert_eq!(asks(&seen.borrow(), |q| matches!(q, Question::Tools { .. })), 0);
}

#[test]
fn a_history_whose_deletion_was_begun_belongs_to_nobody_also_where_the_task_was_made_again() {
    let mut w = World::new(22, 1);
    let run = w.start();
    w.finish(run).unwrap();
    w.store.set("users/u/tasks/t/engine/head", &["deleted"], json!(true), w.now);
    w.outside(&["status"], json!("not_started"));
    w.outside(&["created_at"], json!("2026-02-02T00:00:00.000Z"));
    let run = w.start();
    assert_eq!(json!(w.finish(run).unwrap_err().code), "STALE_HISTORY");
}
