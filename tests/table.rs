//! The whole table of DESIGN §2, cell by cell, written out by hand: what each command leaves in the store and says.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use support::*;
use task_execution_engine::command;
use task_execution_engine::converse::Failure;
use task_execution_engine::effect::Command;

#[derive(Clone, Copy, Debug)]
enum Column {
    NotStarted,
    InProgressNoHead,
    InProgressNoOwner,
    InProgressOwned,
    Paused,
    PausedNoHead,
    Stopped,
    Failed,
    Completed,
}
use Column::*;

fn world(column: Column) -> World {
    let mut w = World::new(11, 1);
    let stall = || Says::Stalls(vec![]);
    match column {
        NotStarted => {}
        InProgressNoHead => w.store.set(TASK_PATH, &["status"], json!("in_progress"), 1),
        PausedNoHead => w.store.set(TASK_PATH, &["status"], json!("paused"), 1),
        InProgressNoOwner | InProgressOwned | Paused | Stopped => {
            w.model = Box::new(move |_| stall());
            let run = w.start();
            w.until(run, |a| !a.requests.is_empty());
            match column {
                Paused => {
                    w.command(run, Command::Pause);
                    w.finish(run).unwrap();
                }
                Stopped => {
                    w.command(run, Command::Stop { reason: Some("enough".into()) });
                    w.finish(run).unwrap();
                }
                InProgressNoOwner => {
                    w.crash(run);
                    w.pass(60_000);
                }
                _ => {}
            }
        }
        Failed => {
            w.model = Box::new(|_| {
                let denied = Failure {
                    name: Some("AccessDeniedException".into()),
                    status: Some(403),
                    message: "no".into(),
                    retry_after_ms: None,
                    cause: None,
                };
                Says::Breaks(vec![], denied)
            });
            let run = w.start();
            w.finish(run).unwrap();
        }
        Completed => {
            let run = w.start();
            w.finish(run).unwrap();
        }
    }
    if !matches!(column, InProgressOwned) {
        w.model = Box::new(|_| text("Done."));
    }
    w
}

/// What the command says, the stored status, the abort reason, and the facts it announces.
type Cell = (&'static str, &'static str, Option<&'static str>, &'static [&'static str]);

fn check(column: Column, command: &str, cell: Cell) {
    let mut w = world(column);
    let actor = match command {
        "start" | "resume" => w.runner(command, json!({ "drives": false })),
        "run" => w.runner("run", json!({ "options": { "limits": { "iterations": 1 } } })),
        _ => {
            let config = json!({ "userId": USER, "taskId": TASK, "seed": 5, "reason": "why",
                "limits": { "documentBytes": 1_000_000, "commitBytes": 9_000_000 } });
            let machine = command::open(w.clock(), command, config).unwrap();
            w.add(machine)
        }
    };
    let said = match w.finish(actor) {
        Ok(value) => value["status"].as_str().unwrap_or("ok").to_owned(),
        Err(e) => serde_json::to_value(e.code).unwrap().as_str().unwrap().to_owned(),
    };
    let reason = w.store.task()["execution"].get("abort_reason").and_then(Value::as_str);
    let told: Vec<String> = w
        .types(actor)
        .into_iter()
        .filter(|t| {
            ["task:started", "task:resumed", "task:paused", "task:stopped", "task:completed", "task:error"]
                .contains(&t.as_str())
        })
        .collect();
    assert_eq!(
        (said.as_str(), w.store.status(), reason, told.iter().map(String::as_str).collect::<Vec<_>>()),
        (cell.0, cell.1, cell.2, cell.3.to_vec()),
        "{command} on {column:?}"
    );
}

#[test]
fn start_begins_takes_up_resumes_or_is_invalid() {
    check(NotStarted, "start", ("yielded", "in_progress", None, &["task:started"]));
    check(InProgressNoHead, "start", ("yielded", "in_progress", None, &["task:started"]));
    check(InProgressNoOwner, "start", ("yielded", "in_progress", None, &["task:resumed"]));
    check(InProgressOwned, "start", ("LEASE_HELD", "in_progress", None, &[]));
    check(Paused, "start", ("yielded", "in_progress", None, &["task:resumed"]));
    check(PausedNoHead, "start", ("yielded", "in_progress", None, &["task:resumed"]));
    check(Stopped, "start", ("yielded", "in_progress", None, &["task:resumed"]));
    check(Failed, "start", ("yielded", "in_progress", None, &["task:resumed"]));
    check(Completed, "start", ("INVALID_TRANSITION", "completed", None, &[]));
}

#[test]
fn resume_is_as_start_but_for_a_task_that_was_never_started() {
    check(NotStarted, "resume", ("INVALID_TRANSITION", "not_started", None, &[]));
    check(InProgressNoHead, "resume", ("yielded", "in_progress", None, &["task:started"]));
    check(InProgressNoOwner, "resume", ("yielded", "in_progress", None, &["task:resumed"]));
    check(InProgressOwned, "resume", ("LEASE_HELD", "in_progress", None, &[]));
    check(Paused, "resume", ("yielded", "in_progress", None, &["task:resumed"]));
    check(PausedNoHead, "resume", ("yielded", "in_progress", None, &["task:resumed"]));
    check(Stopped, "resume", ("yielded", "in_progress", None, &["task:resumed"]));
    check(Failed, "resume", ("yielded", "in_progress", None, &["task:resumed"]));
    check(Completed, "resume", ("INVALID_TRANSITION", "completed", None, &[]));
}

#[test]
fn run_drives_what_is_stored_and_overrides_no_decision() {
    check(NotStarted, "run", ("completed", "completed", None, &["task:started", "task:completed"]));
    check(InProgressNoHead, "run", ("completed", "completed", None, &["task:started", "task:completed"]));
    check(InProgressNoOwner, "run", ("completed", "completed", None, &["task:resumed", "task:completed"]));
    check(InProgressOwned, "run", ("LEASE_HELD", "in_progress", None, &[]));
    check(Paused, "run", ("paused", "paused", None, &[]));
    check(PausedNoHead, "run", ("paused", "paused", None, &[]));
    check(Stopped, "run", ("paused", "paused", Some("enough"), &[]));
    check(Failed, "run", ("failed", "failed", None, &[]));
    check(Completed, "run", ("completed", "completed", None, &[]));
}

#[test]
fn pause_stores_paused_where_the_task_is_in_progress_and_is_a_no_op_elsewhere() {
    check(NotStarted, "pause", ("ok", "not_started", None, &[]));
    check(InProgressNoHead, "pause", ("ok", "paused", None, &["task:paused"]));
    check(InProgressNoOwner, "pause", ("ok", "paused", None, &["task:paused"]));
    check(InProgressOwned, "pause", ("ok", "paused", None, &["task:paused"]));
    check(Paused, "pause", ("ok", "paused", None, &[]));
    check(PausedNoHead, "pause", ("ok", "paused", None, &[]));
    check(Stopped, "pause", ("ok", "paused", Some("enough"), &[]));
    check(Failed, "pause", ("ok", "failed", None, &[]));
    check(Completed, "pause", ("ok", "completed", None, &[]));
}

#[test]
fn stop_stores_paused_with_its_reason_and_is_a_no_op_where_nothing_can_be_stopped() {
    check(NotStarted, "stop", ("ok", "not_started", None, &[]));
    check(InProgressNoHead, "stop", ("ok", "paused", Some("why"), &["task:stopped"]));
    check(InProgressNoOwner, "stop", ("ok", "paused", Some("why"), &["task:stopped"]));
    check(InProgressOwned, "stop", ("ok", "paused", Some("why"), &["task:stopped"]));
    check(Paused, "stop", ("ok", "paused", Some("why"), &["task:stopped"]));
    check(PausedNoHead, "stop", ("ok", "paused", Some("why"), &["task:stopped"]));
    check(Stopped, "stop", ("ok", "paused", Some("why"), &["task:stopped"]));
    check(Failed, "stop", ("ok", "failed", None, &[]));
    check(Completed, "stop", ("ok", "completed", None, &[]));
}
