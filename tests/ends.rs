//! Less usual ends of a run: what is stored, what whoever waits is told, and what must not go on.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use std::cell::Cell;
use std::rc::Rc;
use support::*;
use task_execution_engine::converse::Failure;
use task_execution_engine::effect::{Command, Effect, Input, Question, Ticket};
use task_execution_engine::lifecycle::Status;
use task_execution_engine::store::StoreErrorCode;

const HEAD: &str = "users/u/tasks/t/engine/head";

fn writes(effect: &Effect, what: &str) -> bool {
    matches!(effect, Effect::Commit { writes, .. } if format!("{writes:?}").contains(&format!("\\\"kind\\\":\\\"{what}\\\"")))
}

/// From now on, the store does so with commits that hold a fact of this kind.
fn spoil(w: &mut World, kind: &'static str, fault: Fault) {
    w.fault = Box::new(move |_, effect| if writes(effect, kind) { fault } else { Fault::None });
}

/// A run in the middle of a call that takes so long.
fn working(takes: u64, options: Value) -> (World, usize) {
    let mut w = World::new(7, 1);
    w.script(vec![uses("", &[("a", "work", json!({}))]), text("Done.")]);
    w.tool = Box::new(move |_| Does::Takes(takes, Box::new(Does::Returns(json!(1)))));
    let run = w.runner("start", json!({ "options": options }));
    w.until(run, |a| !a.executed.is_empty());
    (w, run)
}

fn drain() -> Command {
    Command::Yield { reason: "drain".into(), grace: true }
}

#[test]
fn an_interruption_is_told_as_it_is_to_listeners_and_to_whoever_waits() {
    for (fault, code, retryable) in [
        (Fault::Fails(StoreErrorCode::Denied), "STORE_DENIED", false),
        (Fault::Silent(false), "STORE_UNAVAILABLE", true),
    ] {
        let (mut w, run) = working(3_000, json!({}));
        spoil(&mut w, "result", fault);
        w.pass(2_900);
        let ticket = w.command(run, Command::Pause);
        let outcome = w.finish(run).unwrap();
        assert_eq!((&outcome["status"], &outcome["error"]["code"]), (&json!("interrupted"), &json!(code)));
        assert_eq!(outcome["unfinished"], true);
        let told = w.events(run, "task:error");
        assert_eq!(
            (told.len(), &told[0]["code"], &told[0]["retryable"]),
            (1, &json!(code), &json!(retryable))
        );
        assert_eq!(told[0]["error"], outcome["error"]["message"]);
        let answer = w.actors[run].settled[&ticket].clone().unwrap_err();
        assert_eq!((json!(answer.code), answer.retryable), (json!(code), retryable));
    }
}

#[test]
fn a_run_has_begun_once_that_is_stored_also_where_it_ends_with_the_same_entry() {
    let mut w = World::new(1, 1);
    let run = w.start();
    w.command(run, Command::Pause);
    assert_eq!(w.finish(run).unwrap()["status"], "paused");
    assert!(w.actors[run].settled[&Ticket::STARTED].is_ok());
    for fault in [Fault::Fails(StoreErrorCode::Denied), Fault::Silent(false)] {
        let mut w = World::new(2, 1);
        spoil(&mut w, "begun", fault);
        let run = w.start();
        assert_eq!(w.finish(run).unwrap()["status"], "interrupted");
        assert!(!w.actors[run].settled.contains_key(&Ticket::STARTED), "it has not begun");
    }
}

#[test]
fn only_a_turn_that_no_commit_holds_fails_the_task() {
    let (mut w, run) = working(100, json!({}));
    let mut refused = false;
    w.fault = Box::new(move |_, effect| match effect {
        effect if !refused && writes(effect, "result") => {
            refused = true;
            Fault::Fails(StoreErrorCode::TooLarge)
        }
        _ => Fault::None,
    });
    let outcome = w.finish(run).unwrap();
    assert_eq!((&outcome["status"], &outcome["error"]["code"]), (&json!("interrupted"), &json!("TOO_LARGE")));

    let mut w = World::new(3, 1);
    spoil(&mut w, "turn", Fault::Fails(StoreErrorCode::TooLarge));
    let run = w.start();
    assert_eq!(w.finish(run).unwrap()["status"], "failed");
    assert_eq!(w.store.status(), "failed");
}

#[test]
fn a_turn_that_no_commit_holds_does_not_make_a_failure_of_the_pause_that_it_came_with() {
    let mut w = World::new(4, 1);
    let mut events = turn("Almost", &[]);
    events.truncate(4);
    w.script(vec![Says::Stalls(events)]);
    let run = w.start();
    w.until(run, |a| a.events.iter().any(|e| e["type"] == "task:message"));
    w.pass(10);
    spoil(&mut w, "turn", Fault::Fails(StoreErrorCode::TooLarge));
    w.command(run, Command::Pause);
    let outcome = w.finish(run).unwrap();
    assert_eq!((&outcome["status"], &outcome["error"]["code"]), (&json!("interrupted"), &json!("TOO_LARGE")));
}

#[test]
fn a_task_that_vanished_under_a_commit_is_not_found() {
    let (mut w, run) = working(1_000, json!({}));
    spoil(&mut w, "done", Fault::Late(50));
    let seen = w.spy(run, |_| false);
    while !seen.borrow().iter().any(|effect| writes(effect, "done")) {
        assert!(w.step());
    }
    w.store.documents.remove(TASK_PATH);
    let at = w.now;
    let outcome = w.finish(run).unwrap();
    assert_eq!(
        (&outcome["status"], &outcome["error"]["code"]),
        (&json!("interrupted"), &json!("TASK_NOT_FOUND"))
    );
    assert_eq!((&outcome["unfinished"], w.now - at < 20_000), (&json!(false), true));
    assert!(w.events(run, "task:error").is_empty());
}

#[test]
fn a_resume_after_an_unfinished_pause_leaves_the_task_in_progress_and_the_pause_stored() {
    let (mut w, run) = working(60_000, json!({}));
    w.crash(run);
    w.outside(&["status"], json!("paused"));
    w.outside(&["execution", "abort_reason"], json!("enough"));
    w.pass(60_000);
    w.tool = Box::new(|_| Does::Hangs);
    w.script(vec![uses("", &[("b", "work", json!({}))])]);
    let first = Rc::new(Cell::new(0));
    let seen = Rc::clone(&first);
    w.fault = Box::new(move |_, effect| {
        seen.set(seen.get() + u32::from(writes(effect, "begun")));
        Fault::None
    });
    let again = w.runner("resume", json!({}));
    while first.get() == 0 {
        assert!(w.step());
    }
    assert_eq!(w.head()["last_run"], "running");
    w.until(again, |a| !a.executed.is_empty());
    assert_eq!((w.store.status(), w.store.task()["execution"].get("abort_reason")), ("in_progress", None));
    let ended = &w.store.facts("ended")[0];
    assert_eq!((&ended["status"], &ended["reason"]), (&json!("stopped"), &json!("enough")));
    w.command(again, Command::Stop { reason: None });
    w.finish(again).unwrap();
}

#[test]
fn the_head_says_paused_once_the_pause_that_a_resume_finishes_is_stored() {
    let (mut w, run) = working(60_000, json!({}));
    w.crash(run);
    w.outside(&["status"], json!("paused"));
    w.pass(60_000);
    spoil(&mut w, "begun", Fault::Silent(false));
    let again = w.runner("resume", json!({}));
    while w.store.facts("ended").is_empty() {
        assert!(w.step());
    }
    assert_eq!((&w.head()["last_run"], w.store.status()), (&json!("paused"), "paused"));
    w.crash(again);
    w.fault = Box::new(|_, _| Fault::None);
    w.pass(60_000);
    let run = w.runner("run", json!({}));
    assert_eq!(w.finish(run).unwrap()["status"], "paused");
    assert_eq!(w.store.facts("ended").len(), 1, "it is finished already");
}

#[test]
fn a_question_outlives_no_run_that_another_took_or_that_was_interrupted() {
    for superseded in [true, false] {
        let mut w = World::new(5, 1);
        w.script(vec![uses("", &[("a", "work", json!({}))])]);
        let run = w.start();
        let vets = |e: &Effect| matches!(e, Effect::Ask { question: Question::Vet { .. }, .. });
        let seen = w.spy(run, vets);
        while !seen.borrow().iter().any(vets) {
            assert!(w.step());
        }
        let ticket = seen.borrow().iter().find_map(|e| match e {
            Effect::Ask { ticket, .. } if vets(e) => Some(*ticket),
            _ => None,
        });
        if superseded {
            w.store.set(HEAD, &["epoch"], json!(99), w.now);
        } else {
            w.fault = Box::new(|_, effect| match effect {
                Effect::Commit { .. } => Fault::Fails(StoreErrorCode::Denied),
                _ => Fault::None,
            });
        }
        let status = if superseded { "superseded" } else { "interrupted" };
        assert_eq!(w.finish(run).unwrap()["status"], status);
        assert!(seen.borrow().contains(&Effect::Cancel { ticket: ticket.unwrap() }), "{status}");
    }
}

#[test]
fn a_status_that_others_set_is_the_one_that_is_shown_last() {
    for (status, shown) in
        [("completed", Status::Completed), ("failed", Status::Failed), ("not_started", Status::NotStarted)]
    {
        let (mut w, run) = working(15_000, json!({}));
        let seen = w.spy(run, |_| false);
        w.outside(&["status"], json!(status));
        let outcome = w.finish(run).unwrap();
        assert_eq!((&outcome["status"], &outcome["reason"]), (&json!("stopped"), &json!("external_status")));
        let last = seen.borrow().iter().rev().find_map(|e| match e {
            Effect::Status { status } => Some(*status),
            _ => None,
        });
        assert_eq!((last, w.store.status()), (Some(shown), status));
    }
}

#[test]
fn a_yield_while_the_model_is_to_be_asked_again_is_no_clean_one() {
    let mut w = World::new(6, 1);
    let throttled = Failure { name: Some("ThrottlingException".into()), ..Failure::default() };
    w.model = Box::new(move |_| Says::Breaks(vec![], throttled.clone()));
    let run = w.runner("start", json!({ "options": { "retry": { "baseMs": 60_000, "maxMs": 60_000 } } }));
    w.until_event(run, "task:retry");
    w.command(run, drain());
    assert_eq!(w.finish(run).unwrap()["status"], "yielded");
    assert_eq!(w.head()["last_run"], "yielded_unclean");
    assert_eq!(w.store.facts("spent").len(), 1);
}

#[test]
fn tools_have_their_grace_where_the_run_s_own_time_ends_it() {
    let options = json!({ "maxDurationMs": 60_000, "graceMs": 10_000 });
    let (mut w, run) = working(44_000, options);
    assert_eq!(w.finish(run).unwrap()["reason"], "max_duration");
    let results = w.store.facts("result");
    assert_eq!((results.len(), &results[0]["status"]), (1, &json!("success")), "it had time after the yield");
}

#[test]
fn an_abort_is_waited_for_to_the_end_of_the_grace_and_not_hurried() {
    let mut w = World::new(8, 1);
    w.tools[0]["timeoutMs"] = json!(5_000);
    w.script(vec![uses("", &[("a", "work", json!({}))])]);
    w.tool = Box::new(|_| Does::Deaf);
    let run = w.start();
    w.until(run, |a| !a.executed.is_empty());
    w.pass(1_000);
    w.command(run, Command::Stop { reason: None });
    let mut steps = 0;
    while !w.is_over(run) {
        assert!(w.step());
        steps += 1;
    }
    assert!(steps < 40, "{steps} steps for ten seconds");
    assert_eq!(w.store.facts("result").len(), 0);
}

#[test]
fn an_end_that_cannot_be_stored_says_that_the_store_is_unavailable() {
    let (mut w, run) = working(60_000, json!({}));
    w.fault = Box::new(|_, effect| match effect {
        Effect::Commit { .. } => Fault::Silent(false),
        _ => Fault::None,
    });
    let ticket = w.command(run, Command::Stop { reason: None });
    let outcome = w.finish(run).unwrap();
    assert_eq!(
        (&outcome["status"], &outcome["error"]["code"]),
        (&json!("interrupted"), &json!("STORE_UNAVAILABLE"))
    );
    assert_eq!(json!(w.actors[run].settled[&ticket].clone().unwrap_err().code), "STORE_UNAVAILABLE");
}

#[test]
fn a_completed_task_that_is_restored_is_nobody_s_and_says_when_it_was_written() {
    let mut w = World::new(9, 1);
    let run = w.start();
    w.finish(run).unwrap();
    w.outside(&["status"], json!("in_progress"));
    let before = w.store.task()["updated_at"].clone();
    let head = w.head()["attempts"].clone();
    w.pass(1_000);
    let run = w.runner("run", json!({}));
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!((w.store.status(), &w.head()["last_run"]), ("completed", &json!("completed")));
    assert!(!w.head().contains_key("owner") && w.store.task()["updated_at"] != before);
    assert_eq!(w.head()["attempts"], head);
}

#[test]
fn a_stream_that_is_over_keeps_no_later_one_alive() {
    let mut w = World::new(10, 1);
    let mut says =
        vec![Says::Stalls(turn("Half", &[])[..2].to_vec()), Says::Stalls(vec![]), text("Done.")].into_iter();
    w.model = Box::new(move |_| says.next().unwrap());
    let run = w.runner(
        "start",
        json!({ "options": { "idleTimeoutMs": 20_000, "retry": { "baseMs": 1, "maxMs": 1 } } }),
    );
    let seen = w.spy(run, |_| false);
    let asked = |seen: &spy::Seen| -> Vec<Ticket> {
        seen.borrow()
            .iter()
            .filter_map(|e| if let Effect::Converse { ticket, .. } = e { Some(*ticket) } else { None })
            .collect()
    };
    while asked(&seen).len() < 2 {
        assert!(w.step());
    }
    let (first, at) = (asked(&seen)[0], w.now);
    for _ in 0..6 {
        w.pass(5_000);
        let event = json!({ "contentBlockStop": { "contentBlockIndex": 0 } });
        w.give(run, Input::Streamed { ticket: first, event });
    }
    while asked(&seen).len() < 3 {
        assert!(w.step());
    }
    assert!(w.now - at <= 30_100, "{} ms of silence", w.now - at);
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
}

#[test]
fn what_others_do_while_a_call_runs_past_its_time_is_seen_before_the_model_is_asked() {
    let mut w = World::new(11, 1);
    w.tools[0]["timeoutMs"] = json!(1_000);
    w.script(vec![uses("", &[("a", "work", json!({}))])]);
    w.tool = Box::new(|_| Does::Hangs);
    let run = w.start();
    w.until(run, |a| !a.executed.is_empty());
    w.pass(500);
    w.outside(&["status"], json!("paused"));
    assert_eq!(w.finish(run).unwrap()["status"], "paused");
    assert_eq!(w.actors[run].requests.len(), 1);
}

#[test]
fn a_run_watches_its_task_and_its_inbox() {
    let mut w = World::new(12, 1);
    let run = w.runner("start", json!({ "hasWatch": true }));
    let seen = w.spy(run, |_| false);
    w.finish(run).unwrap();
    let watched = seen.borrow().iter().find_map(|e| match e {
        Effect::Watch { paths } => Some(paths.clone()),
        _ => None,
    });
    assert_eq!(watched.unwrap(), [TASK_PATH.to_owned(), format!("{TASK_PATH}/inbox")]);
}

#[test]
fn what_a_tool_s_result_lacks_is_stored_and_told_to_readers() {
    let mut w = World::new(13, 1);
    w.script(vec![uses("", &[("a", "work", json!({}))]), text("Done.")]);
    let run = w.start();
    let runs = |e: &Effect| matches!(e, Effect::RunTool { .. });
    let seen = w.spy(run, runs);
    while !seen.borrow().iter().any(runs) {
        assert!(w.step());
    }
    let ticket = seen.borrow().iter().find_map(|e| match e {
        Effect::RunTool { ticket, .. } => Some(*ticket),
        _ => None,
    });
    w.give(
        run,
        Input::Returned { ticket: ticket.unwrap(), result: Ok(Some(json!("head … tail"))), cut_bytes: 7 },
    );
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!(w.store.facts("result")[0]["cutBytes"], 7);
    assert_eq!(w.ask("toolResults", json!({})).unwrap()[0]["cutBytes"], 7);
}

#[test]
fn of_two_calls_that_complete_an_item_one_does() {
    let mut w = World::new(14, 2);
    let complete =
        |id: &'static str, summary: &str| (id, "complete_task_item", json!({ "summary": summary }));
    w.script(vec![
        uses("", &[complete("a", "First."), complete("b", "Again.")]),
        uses("", &[complete("c", "Second.")]),
    ]);
    let run = w.runner("start", json!({ "options": { "completion": "explicit" } }));
    let outcome = w.finish(run).unwrap();
    assert_eq!(
        outcome["items"],
        json!([{ "id": "i1", "text": "First." }, { "id": "i2", "text": "Second." }])
    );
    let says: Vec<Value> = w.store.facts("result").iter().map(|r| r["content"][0]["text"].clone()).collect();
    assert_eq!(says, ["The item is completed.", "No item is open.", "The item is completed."]);
}

#[test]
fn an_item_that_was_taken_out_of_the_plan_is_completed_by_no_call() {
    let mut w = World::new(14, 2);
    let complete = |id: &'static str| (id, "complete_task_item", json!({}));
    w.script(vec![uses("", &[complete("a")]), uses("", &[complete("b")])]);
    let run = w.runner("start", json!({ "hasWatch": true, "options": { "completion": "explicit" } }));
    w.until(run, |a| a.requests.len() == 1);
    w.outside(
        &["progress", "tasks", "m1"],
        json!([{ "id": "i2", "name": "Item 2", "status": "not_started" }]),
    );
    w.give(run, Input::Changed);
    assert_eq!(w.finish(run).unwrap()["items"], json!([{ "id": "i2", "text": "" }]));
    assert_eq!(w.store.facts("result")[0]["content"][0]["text"], "No item is open.");
}

#[test]
fn the_system_prompt_is_sent_once_and_again_when_it_has_changed() {
    let mut w = World::new(15, 3);
    let run = w.start();
    w.until(run, |a| a.requests.len() == 1);
    w.outside(&["config", "system_prompt"], json!("Be long."));
    w.finish(run).unwrap();
    use task_execution_engine::converse::RequestOp;
    let sent: Vec<_> = w.actors[run]
        .ops
        .iter()
        .filter_map(|op| if let RequestOp::System(text) = op { text.clone() } else { None })
        .collect();
    assert_eq!(sent, ["Be brief.", "Be long."]);
}

#[test]
fn messages_of_the_thread_say_of_which_task_they_are() {
    let mut w = World::new(16, 1);
    w.say("Hello?");
    let run = w.start();
    w.finish(run).unwrap();
    let messages = format!("{TASK_PATH}/messages/");
    let of: Vec<_> = w
        .store
        .documents
        .iter()
        .filter(|(path, _)| path.starts_with(&messages))
        .map(|(_, d)| &d.0["task_id"])
        .collect();
    assert!(of.len() >= 3 && of.iter().all(|id| *id == TASK), "{of:?}");
}

#[test]
fn a_failed_task_that_others_set_in_progress_is_resumed_by_whoever_runs_it() {
    let mut w = World::new(17, 1);
    let denied = Failure { name: Some("AccessDeniedException".into()), ..Failure::default() };
    w.model = Box::new(move |_| Says::Breaks(vec![], denied.clone()));
    let run = w.start();
    assert_eq!(w.finish(run).unwrap()["status"], "failed");
    w.outside(&["status"], json!("in_progress"));
    w.model = Box::new(|_| text("Done."));
    let run = w.runner("run", json!({}));
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!(
        w.store.facts("begun").iter().map(|f| f["how"].clone()).collect::<Vec<_>>(),
        ["started", "resumed"]
    );
    assert_eq!(w.store.task()["execution"].get("error"), None);
}

#[test]
fn a_run_that_is_over_is_not_ended_again_by_whatever_it_is_told() {
    let mut w = World::new(18, 1);
    let run = w.start();
    w.finish(run).unwrap();
    w.give(run, Input::Command { ticket: Ticket::RESULT, command: drain() });
    assert!(w.command(run, drain()) != Ticket::RESULT);
    assert_eq!(w.actors[run].settled.len(), 3, "the beginning, the end, and whoever asked since");
}

/// A look at the task begins.
fn looks(effect: &Effect) -> bool {
    matches!(effect, Effect::Read { paths, .. } if paths.len() == 1 && paths[0] == TASK_PATH)
}

/// A run that breaks while its first turn is on its way to the store, which does so with it.
fn breaks_while_a_turn_is_stored(fault: Fault) -> (World, usize) {
    let mut w = World::new(7, 1);
    w.script(vec![uses("Looking.", &[("a", "work", json!({}))])]);
    let sent = Rc::new(Cell::new(false));
    let is_sent = Rc::clone(&sent);
    w.fault = Box::new(move |_, effect| match effect {
        _ if looks(effect) && is_sent.get() => Fault::Fails(StoreErrorCode::Denied),
        _ if writes(effect, "turn") && !is_sent.replace(true) => fault,
        _ => Fault::None,
    });
    let run = w.start();
    while !sent.get() {
        assert!(w.step());
    }
    w.give(run, Input::Changed);
    w.until_event(run, "task:error");
    (w, run)
}

#[test]
fn what_is_stored_after_a_run_broke_is_part_of_its_outcome_and_the_lease_is_given_back() {
    let (mut w, run) = breaks_while_a_turn_is_stored(Fault::Late(300));
    let outcome = w.finish(run).unwrap();
    assert_eq!(
        (&outcome["status"], &outcome["error"]["code"]),
        (&json!("interrupted"), &json!("STORE_DENIED"))
    );
    assert_eq!((&outcome["text"], &outcome["usage"]["totalTokens"]), (&json!("Looking."), &json!(15)));
    assert!(!w.head().contains_key("owner"));
}

#[test]
fn a_run_that_broke_asks_in_time_for_a_commit_without_a_reply_and_writes_nothing_where_another_has_taken_over()
 {
    let (mut w, run) = breaks_while_a_turn_is_stored(Fault::Silent(true));
    let broke = w.now;
    w.store.set(HEAD, &["epoch"], json!(99), w.now);
    w.store.set(HEAD, &["write_id"], json!("another's"), w.now);
    let seen = w.spy(run, |_| false);
    let outcome = w.finish(run).unwrap();
    assert_eq!((&outcome["status"], &outcome["text"]), (&json!("interrupted"), &json!("Looking.")));
    let commits = |effect: &&Effect| matches!(effect, Effect::Commit { .. });
    assert_eq!(seen.borrow().iter().filter(commits).count(), 1, "the same once more");
    assert!((5_000..7_000).contains(&(w.now - broke)), "{} ms", w.now - broke);
}

#[test]
fn a_run_that_breaks_while_it_ends_waits_for_no_commit_longer_than_for_its_end() {
    let mut w = World::new(7, 1);
    w.script(vec![uses("", &[("a", "work", json!({}))])]);
    w.tool = Box::new(|_| Does::Deaf);
    let run = w.runner("start", json!({ "options": { "leaseTtlMs": 12_000 } }));
    w.until(run, |a| !a.executed.is_empty());
    w.outside(&["status"], json!("failed"));
    w.give(run, Input::Changed);
    w.pass(1_000);
    let (given, store_ms) = (w.now, 15_000);
    w.command(run, Command::Yield { reason: "dispose".into(), grace: false });
    w.fault = Box::new(|_, effect| match effect {
        Effect::Commit { .. } => Fault::Silent(false),
        _ => Fault::None,
    });
    let seen = w.spy(run, |_| false);
    w.pass(5_000);
    assert!(
        seen.borrow().iter().any(|effect| matches!(effect, Effect::Commit { .. })),
        "the lease is renewed"
    );
    w.outside(&["status"], json!("in_progress"));
    w.give(run, Input::Changed);
    w.pass(100);
    w.fault = Box::new(|_, effect| match effect {
        Effect::Commit { .. } => Fault::Silent(false),
        _ if looks(effect) => Fault::Fails(StoreErrorCode::Denied),
        _ => Fault::None,
    });
    w.give(run, Input::Changed);
    let outcome = w.finish(run).unwrap();
    assert_eq!(outcome["error"]["code"], "STORE_DENIED");
    assert!(w.now - given <= store_ms, "{} ms", w.now - given);
}
