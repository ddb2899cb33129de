//! Several wishes at once, what ends a run and when, and what the task's document says of it afterwards.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use support::*;
use task_execution_engine::converse::Failure;
use task_execution_engine::effect::{Command, Effect, Input, Question, Ticket};
use task_execution_engine::store::StoreErrorCode;

const GRACE: u64 = 10_000;
const STORE: u64 = 15_000;

/// A run that executes one call of a tool that does this.
fn executing(does: Does) -> (World, usize) {
    let mut w = World::new(7, 1);
    w.script(vec![uses("", &[("a", "work", json!({}))]), text("Done.")]);
    w.tool = Box::new(move |_| does.clone());
    let run = w.start();
    w.until(run, |a| !a.executed.is_empty());
    (w, run)
}

/// A run in the middle of a turn.
fn streaming() -> (World, usize) {
    let mut w = World::new(7, 1);
    let mut events = turn("Half of it", &[]);
    events.retain(|e| e["messageStop"].is_null() && e["metadata"].is_null());
    let mut says = vec![Says::Stalls(events), text("Done.")].into_iter();
    w.model = Box::new(move |_| says.next().unwrap());
    let run = w.start();
    w.until(run, |a| a.events.iter().any(|e| e["type"] == "task:message"));
    (w, run)
}

fn stop(reason: &str) -> Command {
    Command::Stop { reason: Some(reason.into()) }
}

fn drain() -> Command {
    Command::Yield { reason: "drain".into(), grace: true }
}

fn dispose() -> Command {
    Command::Yield { reason: "dispose".into(), grace: false }
}

#[test]
fn of_several_wishes_the_strongest_counts_whichever_comes_first() {
    type Given = Vec<fn() -> Command>;
    let cases: Vec<(Given, &str, &str)> = vec![
        (vec![|| Command::Pause, || stop("enough")], "stopped", "enough"),
        (vec![|| stop("enough"), || Command::Pause], "stopped", "enough"),
        (vec![|| stop("enough"), || stop("later")], "stopped", "enough"),
        (vec![drain, || Command::Pause], "paused", ""),
        (vec![|| Command::Pause, drain], "paused", ""),
        (vec![|| Command::Pause, dispose], "paused", ""),
        (vec![drain, || stop("enough"), || Command::Pause, dispose], "stopped", "enough"),
        (vec![drain, drain], "yielded", "drain"),
        (vec![drain, dispose], "yielded", "drain"),
    ];
    for (given, status, reason) in cases {
        let (mut w, run) = executing(Does::Takes(2_000, Box::new(Does::Returns(json!(1)))));
        let tickets: Vec<Ticket> = given.iter().map(|command| w.command(run, command())).collect();
        let outcome = w.finish(run).unwrap();
        assert_eq!(outcome["status"], status, "{reason}");
        assert_eq!(outcome["reason"].as_str().unwrap_or_default(), reason);
        for ticket in tickets {
            assert!(w.actors[run].settled[&ticket].is_ok(), "{status}");
        }
        let ended = w.store.facts("ended");
        assert_eq!(ended.len(), usize::from(status != "yielded"));
    }
}

#[test]
fn a_failure_is_not_taken_back_by_a_wish_that_comes_before_it_is_stored() {
    for wish in [Command::Pause, stop("enough"), drain()] {
        let mut w = World::new(7, 1);
        let denied = Failure { name: Some("AccessDeniedException".into()), ..Failure::default() };
        w.model = Box::new(move |_| Says::Breaks(vec![], denied.clone()));
        let sent = Rc::new(RefCell::new(0));
        let seen = Rc::clone(&sent);
        w.fault = Box::new(move |_, effect| {
            let ends = format!("{effect:?}").contains("ended");
            *seen.borrow_mut() += u32::from(ends);
            if ends && *seen.borrow() == 1 { Fault::Late(50) } else { Fault::None }
        });
        let run = w.start();
        while *sent.borrow() == 0 {
            assert!(w.step());
        }
        w.outside(&["custom", "by"], json!("another"));
        let ticket = w.command(run, wish);
        assert_eq!(w.finish(run).unwrap()["status"], "failed");
        assert_eq!((*sent.borrow(), w.store.status()), (2, "failed"));
        assert!(w.actors[run].settled[&ticket].is_ok());
    }
}

#[test]
fn the_grace_counts_from_the_first_wish() {
    let cases: [fn() -> Command; 3] = [|| Command::Pause, || stop("enough"), dispose];
    for second in cases {
        let (mut w, run) = executing(Does::Deaf);
        let at = w.now;
        w.command(run, Command::Pause);
        w.pass(6_000);
        w.command(run, second());
        let outcome = w.finish(run).unwrap();
        assert!(matches!(outcome["status"].as_str(), Some("paused" | "stopped")));
        let took = w.now - at;
        assert!(took < GRACE + 100, "{took}");
    }
}

#[test]
fn a_pause_waits_for_a_running_tool_as_long_as_the_grace_and_a_yield_without_grace_not_at_all() {
    let (mut w, run) = executing(Does::Takes(GRACE - 100, Box::new(Does::Returns(json!(1)))));
    w.command(run, Command::Pause);
    w.finish(run).unwrap();
    assert_eq!(w.store.facts("result")[0]["status"], "success");
    let (mut w, run) = executing(Does::Deaf);
    let at = w.now;
    w.command(run, dispose());
    let outcome = w.finish(run).unwrap();
    assert_eq!((&outcome["status"], &outcome["reason"]), (&json!("yielded"), &json!("dispose")));
    assert!(w.now - at < 100, "{}", w.now - at);
    assert_eq!(w.head()["last_run"], "yielded_unclean");
}

#[test]
fn an_end_that_cannot_be_stored_is_given_up_after_the_grace_and_one_store_deadline() {
    for second in [false, true] {
        let (mut w, run) = executing(Does::Deaf);
        let at = w.now;
        let pause = w.command(run, Command::Pause);
        w.fault = Box::new(|_, effect| match effect {
            Effect::Commit { .. } => Fault::Fails(StoreErrorCode::Unavailable),
            _ => Fault::None,
        });
        if second {
            w.pass(8_000);
            w.command(run, stop("enough"));
        }
        let outcome = w.finish(run).unwrap();
        assert_eq!(outcome["status"], "interrupted");
        let refused = w.actors[run].settled[&pause].clone().unwrap_err();
        assert_eq!(json!(refused.code), json!("STORE_UNAVAILABLE"));
        let took = w.now - at;
        assert!(took <= GRACE + STORE, "{took}");
    }
}

#[test]
fn a_turn_that_has_ended_counts_though_its_stream_has_not() {
    let mut w = World::new(7, 1);
    w.script(vec![Says::Stalls(turn("All of it.", &[]))]);
    let run = w.start();
    w.until(run, |a| a.events.iter().any(|e| e["type"] == "task:message"));
    w.pass(50);
    w.command(run, Command::Pause);
    assert_eq!(w.finish(run).unwrap()["status"], "paused");
    assert_eq!(w.store.facts("turn").len(), 1);
    assert!(w.store.thread().contains(&("assistant".into(), "All of it.".into())));
}

#[test]
fn whatever_ends_a_run_the_model_and_the_tools_are_told_to_stop() {
    for given in [Command::Pause, stop("enough"), drain(), dispose()] {
        let (mut w, run) = streaming();
        let effects = w.spy(run, |_| false);
        w.command(run, given.clone());
        let cancelled = |e: &&Effect| matches!(e, Effect::Cancel { .. });
        assert_eq!(effects.borrow().iter().filter(cancelled).count(), 1, "{given:?}");
        w.finish(run).unwrap();
    }
    let cases: [(Command, u64); 4] =
        [(Command::Pause, GRACE), (stop("enough"), 0), (drain(), GRACE), (dispose(), 0)];
    for (given, after) in cases {
        let (mut w, run) = executing(Does::Hangs);
        let effects = w.spy(run, |_| false);
        let at = w.now;
        w.command(run, given.clone());
        let abort = |effects: &[Effect]| effects.iter().any(|e| matches!(e, Effect::Cancel { .. }));
        while !abort(&effects.borrow()) {
            assert!(w.step());
        }
        assert_eq!(w.now - at, after, "{given:?}");
        w.finish(run).unwrap();
    }
}

#[test]
fn a_run_that_is_interrupted_stops_its_model_and_its_tools() {
    for what in [streaming(), executing(Does::Hangs)] {
        let (mut w, run) = what;
        let effects = w.spy(run, |_| false);
        w.fault = Box::new(|_, _| Fault::Fails(StoreErrorCode::Denied));
        assert_eq!(w.finish(run).unwrap()["status"], "interrupted");
        assert_eq!(effects.borrow().iter().filter(|e| matches!(e, Effect::Cancel { .. })).count(), 1);
    }
}

#[test]
fn a_yield_that_cut_a_turn_is_recovered_from_and_one_that_cut_nothing_is_not() {
    let (mut w, run) = streaming();
    w.command(run, drain());
    assert_eq!(w.finish(run).unwrap()["status"], "yielded");
    assert_eq!(w.head()["last_run"], "yielded_unclean");
    let next = w.runner("run", json!({}));
    assert_eq!(w.finish(next).unwrap()["status"], "completed");
    assert_eq!(w.events(next, "task:resumed")[0]["recovered"], true);
    let (mut w, run) = executing(Does::Takes(500, Box::new(Does::Returns(json!(1)))));
    w.command(run, drain());
    assert_eq!(w.finish(run).unwrap()["status"], "yielded");
    assert_eq!((&w.head()["last_run"], w.head().get("owner")), (&json!("yielded"), None));
    let next = w.runner("run", json!({}));
    assert_eq!(w.finish(next).unwrap()["status"], "completed");
    assert!(w.events(next, "task:resumed").is_empty());
}

#[test]
fn a_task_that_is_resumed_goes_on_though_others_write_it_before_its_beginning_is_stored() {
    for (command, reason) in [(Command::Pause, None), (stop("enough"), Some("enough"))] {
        let mut w = World::new(7, 1);
        w.script(vec![Says::Stalls(vec![]), text("Done.")]);
        let run = w.start();
        w.pass(100);
        w.command(run, command);
        w.finish(run).unwrap();
        assert_eq!(w.store.task()["execution"].get("abort_reason"), reason.map(Value::from).as_ref());
        let again = w.runner("resume", json!({}));
        // Between the first read and the first commit.
        while w.head().get("owner").is_none() {
            assert!(w.step());
        }
        w.outside(&["custom", "by"], json!("another"));
        assert_eq!(w.finish(again).unwrap()["status"], "completed");
        assert_eq!(w.store.task()["execution"].get("abort_reason"), None);
    }
}

#[test]
fn the_document_tells_how_the_last_run_ended_and_nothing_of_the_ends_before() {
    let mut w = World::new(7, 2);
    w.script(vec![text("First done."), Says::Stalls(vec![]), text("Second done.")]);
    let run = w.start();
    w.until(run, |a| a.requests.len() == 2);
    let started = w.store.task()["started_at"].clone();
    assert!(started.is_string());
    w.outside(&["execution", "abort_reason"], json!("of an earlier stop"));
    w.command(run, Command::Pause);
    w.finish(run).unwrap();
    assert_eq!((w.store.status(), w.store.task()["execution"].get("abort_reason")), ("paused", None));
    w.pass(60_000);
    let again = w.runner("resume", json!({}));
    assert_eq!(w.finish(again).unwrap()["status"], "completed");
    assert_eq!(w.store.task()["started_at"], started, "a resume is no start");
    assert!(w.store.task()["completed_at"].is_string());
    w.pass(60_000);
    w.outside(&["status"], json!("not_started"));
    w.script(vec![Says::Stalls(vec![])]);
    let anew = w.start();
    w.until(anew, |a| !a.requests.is_empty());
    assert_ne!(w.store.task()["started_at"], started);
    assert_eq!(w.store.task().get("completed_at"), None);
}

#[test]
fn a_failed_task_that_fails_with_its_first_commit_tells_the_later_error() {
    let mut w = World::new(7, 1);
    w.outside(&["status"], json!("failed"));
    w.outside(&["execution", "error"], json!("of the run before"));
    w.outside(&["title"], json!("x".repeat(20_000)));
    let limits = json!({ "limits": { "documentBytes": 1_000_000, "commitBytes": 8_000 } });
    let run = w.runner("resume", limits);
    let outcome = w.finish(run).unwrap();
    assert_eq!(outcome["status"], "failed");
    let told = w.store.task()["execution"]["error"].as_str().unwrap().to_owned();
    assert_eq!(json!(told), outcome["error"]["message"]);
}

#[test]
fn a_pause_that_comes_when_the_task_is_given_back_already_is_not_taken_for_obeyed() {
    let mut w = World::new(7, 1);
    w.script(vec![uses("", &[("a", "work", json!({}))])]);
    w.vet = Box::new(|_| json!({ "verdict": "approve" }));
    let run = w.start();
    w.until(run, |a| a.events.iter().any(|e| e["type"] == "task:approval_required"));
    w.latency = 100;
    w.command(run, drain());
    let pause = w.command(run, Command::Pause);
    let outcome = w.finish(run).unwrap();
    let refused = w.actors[run].settled[&pause].clone().unwrap_err();
    assert_eq!(json!(refused.code), json!("INVALID_TRANSITION"));
    assert_eq!(w.store.status(), "in_progress");
    assert_eq!(outcome["status"], "yielded", "the lease was on its way back");
}

#[test]
fn a_run_that_is_over_watches_nothing_any_more() {
    let mut w = World::new(12, 1);
    let run = w.runner("start", json!({ "hasWatch": true }));
    let seen = w.spy(run, |_| false);
    w.finish(run).unwrap();
    let last = seen.borrow().iter().rev().find_map(|effect| match effect {
        Effect::Watch { paths } => Some(paths.clone()),
        _ => None,
    });
    assert_eq!(last, Some(Vec::new()));
}

#[test]
fn a_yield_given_to_a_run_that_is_over_is_answered_and_a_pause_is_left_to_the_store() {
    let (mut w, run) = executing(Does::Returns(json!(1)));
    w.finish(run).unwrap();
    let yields = w.command(run, drain());
    let pause = w.command(run, Command::Pause);
    assert_eq!(w.actors[run].settled.get(&yields), Some(&Ok(Value::Null)));
    assert_eq!(w.actors[run].settled.get(&pause), None);
}

#[test]
fn a_question_that_nobody_needs_answered_any_more_is_taken_back() {
    for command in [Command::Pause, stop("enough"), drain()] {
        let mut w = World::new(13, 1);
        w.script(vec![uses("", &[("a", "work", json!({}))])]);
        let run = w.start();
        let vets = |effect: &Effect| matches!(effect, Effect::Ask { question: Question::Vet { .. }, .. });
        let seen = w.spy(run, vets);
        while !seen.borrow().iter().any(vets) {
            assert!(w.step());
        }
        w.command(run, command.clone());
        w.finish(run).unwrap();
        let asked = seen.borrow().iter().find_map(|effect| match effect {
            Effect::Ask { ticket, question: Question::Vet { .. } } => Some(*ticket),
            _ => None,
        });
        let back = |e: &Effect| matches!(e, Effect::Cancel { ticket } if Some(*ticket) == asked);
        assert!(seen.borrow().iter().any(back), "{command:?}");
    }
}

#[test]
fn a_second_wish_gives_the_store_no_time_of_its_own() {
    const SHORT: u64 = 2_000;
    let mut w = World::new(7, 1);
    w.script(vec![uses("", &[("a", "work", json!({}))])]);
    w.tool = Box::new(|_| Does::Deaf);
    let run = w.runner("start", json!({ "options": { "graceMs": SHORT } }));
    w.until(run, |a| !a.executed.is_empty());
    let at = w.now;
    let late = Rc::new(Cell::new(false));
    let conflicts = Rc::new(Cell::new(false));
    let (is_late, met) = (Rc::clone(&late), Rc::clone(&conflicts));
    w.fault = Box::new(move |_, effect| match effect {
        Effect::Commit { .. } if is_late.get() && !met.replace(true) => {
            Fault::Fails(StoreErrorCode::Conflict)
        }
        Effect::Commit { .. } => Fault::Fails(StoreErrorCode::Unavailable),
        _ => Fault::None,
    });
    w.command(run, Command::Pause);
    w.pass(SHORT - 100);
    w.command(run, stop("enough"));
    w.pass(8_000);
    // Another writer's update: what is stored next is another commit, with a deadline of its own.
    w.outside(&["custom"], json!("touched"));
    late.set(true);
    assert_eq!(w.finish(run).unwrap()["status"], "interrupted");
    assert!(conflicts.get(), "it was tried again");
    let took = w.now - at;
    assert!(took <= SHORT + STORE, "{took}");
}

#[test]
fn a_pause_that_comes_after_the_end_was_sent_is_for_the_store_to_answer_where_there_is_nothing_to_pause() {
    for fails in [false, true] {
        let mut w = World::new(14, 1);
        let denied = Failure {
            name: Some("AccessDeniedException".into()),
            status: Some(403),
            message: "no".into(),
            retry_after_ms: None,
            cause: None,
        };
        w.script(vec![if fails { Says::Breaks(vec![], denied) } else { text("Done.") }]);
        w.latency = 100;
        let run = w.start();
        while w.store.facts("ended").is_empty() {
            assert!(w.step());
        }
        assert!(!w.is_over(run), "it does not know yet");
        let pause = w.command(run, Command::Pause);
        let outcome = w.finish(run).unwrap();
        assert_eq!(outcome["status"], if fails { "failed" } else { "completed" });
        assert!(!w.actors[run].settled.contains_key(&pause), "others may have gone on since");
        let config = json!({ "userId": USER, "taskId": TASK, "seed": 5,
            "limits": { "documentBytes": 1_000_000, "commitBytes": 9_000_000 } });
        let machine = task_execution_engine::command::open(w.clock(), "pause", config).unwrap();
        let stored = w.add(machine);
        assert_eq!(w.finish(stored), Ok(Value::Null));
        assert_eq!(w.store.status(), if fails { "failed" } else { "completed" });
    }
}

#[test]
fn a_turn_that_a_pause_has_cut_makes_no_later_yield_unclean_where_the_pause_was_taken_back() {
    let mut w = World::new(7, 1);
    let mut half = turn("Half of it", &[]);
    half.retain(|e| e["messageStop"].is_null() && e["metadata"].is_null());
    w.script(vec![Says::Stalls(half), uses("", &[("a", "work", json!({}))])]);
    w.tool = Box::new(|_| Does::Takes(2_000, Box::new(Does::Returns(json!(1)))));
    let run = w.start();
    w.until(run, |a| a.events.iter().any(|e| e["type"] == "task:message"));
    w.fault = Box::new(|_, effect| match effect {
        Effect::Commit { .. } if format!("{effect:?}").contains("ended") => Fault::Late(50),
        _ => Fault::None,
    });
    w.outside(&["status"], json!("paused"));
    w.give(run, Input::Changed);
    w.pass(20);
    w.outside(&["status"], json!("in_progress"));
    w.until(run, |a| !a.executed.is_empty());
    for status in ["paused", "in_progress"] {
        w.outside(&["status"], json!(status));
        w.give(run, Input::Changed);
        w.pass(20);
    }
    w.command(run, drain());
    assert_eq!(w.finish(run).unwrap()["status"], "yielded");
    assert_eq!((w.store.facts("ended").len(), w.store.facts("result").len()), (0, 1));
    assert_eq!(w.head()["last_run"], "yielded", "nothing was cut since");
    let half = w.events(run, "task:message")[0];
    let closed = w.events(run, "task:retry");
    assert_eq!(
        (closed.len(), &closed[0]["messageId"]),
        (1, &half["messageId"]),
        "nobody waits for the rest of it"
    );
}

#[test]
fn what_a_stop_has_aborted_may_still_answer_a_pause_that_outlives_it() {
    let (mut w, run) = executing(Does::Takes(5_000, Box::new(Does::Returns(json!(1)))));
    w.outside(&["execution", "abort_reason"], json!("enough"));
    w.outside(&["status"], json!("paused"));
    w.give(run, Input::Changed);
    w.pass(1_000);
    w.command(run, Command::Pause);
    w.outside(&["execution", "abort_reason"], Value::Null);
    w.outside(&["status"], json!("in_progress"));
    w.give(run, Input::Changed);
    w.pass(1_000);
    assert!(!w.is_over(run), "the pause leaves its tools their grace");
    assert_eq!(w.finish(run).unwrap()["status"], "paused");
    let result = &w.store.facts("result")[0];
    assert_eq!((&result["status"], result.get("unknown")), (&json!("success"), None), "{result}");
}

#[test]
fn a_pause_that_is_stored_while_the_store_denies_a_look_ends_the_run_as_paused() {
    let (mut w, run) = streaming();
    w.latency = 100;
    w.fault = Box::new(|_, effect| match effect {
        Effect::Read { .. } => Fault::Fails(StoreErrorCode::Denied),
        _ => Fault::None,
    });
    w.give(run, Input::Changed);
    let ticket = w.command(run, Command::Pause);
    let outcome = w.finish(run).unwrap();
    assert_eq!((&outcome["status"], &outcome["unfinished"]), (&json!("paused"), &json!(false)));
    assert!(w.actors[run].settled[&ticket].is_ok());
    assert_eq!(w.events(run, "task:paused").len(), 1, "what is stored is told");
    assert_eq!((w.store.status(), &w.head()["last_run"]), ("paused", &json!("paused")));
}

#[test]
fn a_pause_in_the_last_moment_of_a_turn_that_comes_to_nothing_drops_it_and_pauses() {
    for (stop, words) in
        [("model_context_window_exceeded", ""), ("end_turn", ""), ("malformed_tool_use", "Words")]
    {
        let mut w = World::new(7, 1);
        let mut events = turn(words, &[]);
        for event in events.iter_mut().filter(|e| !e["messageStop"].is_null()) {
            event["messageStop"]["stopReason"] = json!(stop);
        }
        w.script(vec![Says::Stalls(events)]);
        let run = w.start();
        w.pass(500);
        let told = w.types(run).len();
        w.command(run, Command::Pause);
        assert_eq!(w.finish(run).unwrap()["status"], "paused", "{stop}");
        assert_eq!((w.store.facts("turn").len(), w.store.facts("nudged").len()), (0, 0), "{stop}");
        assert_eq!(
            w.store.facts("spent")[0]["usage"]["totalTokens"],
            15,
            "{stop}: it has cost what it has cost"
        );
        let since = &w.types(run)[told..];
        assert!(!since.iter().any(|e| e == "task:retry" || e == "task:error"), "{stop}: {since:?}");
    }
}

#[test]
fn a_drain_that_is_stored_while_the_store_denies_a_look_has_yielded() {
    let mut w = World::new(7, 1);
    w.vet = Box::new(|_| json!({ "verdict": "approve" }));
    w.script(vec![uses("", &[("a", "work", json!({}))])]);
    let run = w.start();
    w.until_event(run, "task:approval_required");
    w.pass(100);
    w.latency = 100;
    w.fault = Box::new(|_, effect| match effect {
        Effect::Read { .. } => Fault::Fails(StoreErrorCode::Denied),
        _ => Fault::None,
    });
    w.give(run, Input::Changed);
    w.command(run, drain());
    let outcome = w.finish(run).unwrap();
    assert_eq!((&outcome["status"], &outcome["reason"]), (&json!("yielded"), &json!("drain")));
    assert!(!w.head().contains_key("owner"));
}

#[test]
fn a_stop_says_its_reason_in_the_document_whatever_the_reason_is() {
    for (given, stored, told) in [
        (Some("external_status"), "external_status", Some("external_status")),
        (Some("enough"), "enough", Some("enough")),
        (Some(" "), "stopped", None),
        (Some(""), "stopped", None),
        (Some("stopped"), "stopped", None),
        (None, "stopped", None),
    ] {
        let (mut w, run) = executing(Does::Returns(json!(1)));
        w.command(run, Command::Stop { reason: given.map(str::to_owned) });
        let outcome = w.finish(run).unwrap();
        assert_eq!((&outcome["status"], outcome["reason"].as_str()), (&json!("stopped"), told), "{given:?}");
        assert_eq!(
            (w.store.status(), &w.store.task()["execution"]["abort_reason"]),
            ("paused", &json!(stored))
        );
        assert_eq!(w.events(run, "task:stopped")[0]["reason"].as_str(), told, "{given:?}");
    }
}

#[test]
fn whatever_belongs_to_a_status_that_others_set_while_a_run_begins_is_theirs() {
    for (status, belongs) in [
        ("completed", json!({ "completed_at": "2026-01-02T00:00:00.000Z" })),
        ("failed", json!({ "execution": { "error": "theirs", "abort_reason": "theirs" } })),
        ("not_started", json!({})),
    ] {
        for before in ["not_started", "paused", "begun anew"] {
            let mut w = World::new(7, 1);
            if before == "begun anew" {
                let run = w.start();
                assert_eq!(w.finish(run).unwrap()["status"], "completed");
                w.outside(&["status"], json!("not_started"));
            }
            if before == "paused" {
                let run = w.start();
                w.command(run, Command::Pause);
                assert_eq!(w.finish(run).unwrap()["status"], "paused");
            }
            let run = w.runner(if before == "paused" { "resume" } else { "start" }, json!({}));
            w.outside(&["status"], json!(status));
            if let Some(at) = belongs.get("completed_at") {
                w.outside(&["completed_at"], at.clone());
            }
            for (name, value) in belongs["execution"].as_object().into_iter().flatten() {
                w.outside(&["execution", name], value.clone());
            }
            let theirs = w.store.task().clone();
            if status == "not_started" && before != "paused" {
                continue;
            }
            assert_eq!(w.finish(run).unwrap()["reason"], "external_status", "{status} after {before}");
            let now = w.store.task();
            assert_eq!(
                (now["status"].as_str(), now.get("started_at")),
                (Some(status), theirs.get("started_at"))
            );
            assert_eq!(now.get("completed_at"), theirs.get("completed_at"), "{status} after {before}");
            assert_eq!(now["progress"], theirs["progress"], "{status} after {before}");
            assert_eq!(now["execution"]["error"], theirs["execution"]["error"], "{status} after {before}");
            assert_eq!(
                now["execution"]["abort_reason"], theirs["execution"]["abort_reason"],
                "{status} after {before}"
            );
        }
    }
}

#[test]
fn a_yield_is_answered_while_the_run_gives_its_lease_back() {
    let (mut w, run) = executing(Does::Deaf);
    w.outside(&["status"], json!("banana"));
    w.fault = Box::new(|_, effect| match effect {
        Effect::Commit { .. } => Fault::Late(500),
        _ => Fault::None,
    });
    w.give(run, Input::Changed);
    w.pass(100);
    assert!(!w.is_over(run), "the lease is being given back");
    let ticket = w.command(run, drain());
    assert!(w.actors[run].settled[&ticket].is_ok());
    assert_eq!(w.finish(run).unwrap()["status"], "interrupted");
}

#[test]
fn an_unfinished_pause_that_others_take_back_while_it_is_finished_does_not_count() {
    let (mut w, run) = executing(Does::Returns(json!(1)));
    w.crash(run);
    w.now += 60_000;
    w.model = Box::new(|_| text("Done."));
    w.outside(&["status"], json!("paused"));
    w.fault = Box::new(|_, effect| match effect {
        Effect::Commit { .. } if format!("{effect:?}").contains("ended") => Fault::Late(100),
        _ => Fault::None,
    });
    let run = w.runner("run", json!({}));
    while w.head()["epoch"] == 1 {
        assert!(w.step());
    }
    w.pass(20);
    w.outside(&["status"], json!("in_progress"));
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
}

#[test]
fn a_write_of_others_that_leaves_the_task_in_progress_takes_no_time_from_what_a_stop_has_aborted() {
    let (mut w, run) = executing(Does::Takes(3_000, Box::new(Does::Returns(json!(1)))));
    w.command(run, stop("enough"));
    w.outside(&["custom", "by"], json!("another"));
    w.give(run, Input::Changed);
    assert_eq!(w.finish(run).unwrap()["status"], "stopped");
    assert_eq!(w.store.facts("result")[0]["status"], "success");
}
