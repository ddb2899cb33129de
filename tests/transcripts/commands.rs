//! Commands and reads that are no runs.

use super::support::*;
use super::{asks, asks_its_model, ends, spoil, started, told};
use serde_json::{Value, json};
use task_execution_engine::effect::Command;
use task_execution_engine::store::StoreErrorCode::{Denied, Unavailable};

/// A task that is paused after a call.
fn paused(w: &mut World) {
    w.script(vec![uses("So.", &[("a", "work", json!({}))]), Says::Stalls(vec![])]);
    w.quietly(|w| {
        let run = w.start();
        w.until(run, |a| a.requests.len() == 2);
        w.command(run, Command::Pause);
        ends(w, run);
    });
}

#[test]
fn commands_about_tasks_that_are_not_there_or_with_odd_arguments_are_refused() {
    told("refused_commands", 1, |w| {
        for kind in ["pause", "stop", "state", "load", "delete", "events", "taskMessages", "checkpoint"] {
            asks(w, kind, json!({ "taskId": "none" }));
        }
        asks(w, "send", json!({ "taskId": "none", "text": "Hello" }));
        asks(w, "approve", json!({ "taskId": "none", "toolCallId": "a" }));
        asks(w, "dance", json!({}));
        asks(w, "state", json!({ "taskId": "a/b" }));
        asks(w, "approve", json!({}));
        asks(w, "stop", json!({ "reason": 7 }));
        asks(w, "send", json!({ "text": " " }));
        asks(w, "send", json!({ "text": "x".repeat(900_001) }));
        asks(w, "answer", json!({ "toolCallId": "a", "result": "x".repeat(900_001) }));
        asks(w, "saveTaskMessage", json!({ "role": "robot", "content": "x" }));
        asks(w, "journal", json!({ "limit": 1.5 }));
        asks(w, "createTask", json!({ "task": { "title": 7 } }));
        asks(
            w,
            "createTask",
            json!({ "task": { "title": "T", "milestones": [{ "name": "M", "items": [{}] }] } }),
        );
        asks(w, "saveApiMessage", json!({ "message": { "role": "user", "content": [] } }));
    });
}

#[test]
fn a_task_that_nobody_runs_is_paused_stopped_and_begun_by_commands() {
    told("idle_commands", 1, |w| {
        asks(w, "pause", json!({}));
        asks(w, "stop", json!({}));
        w.outside(&["status"], json!("in_progress"));
        asks(w, "pause", json!({}));
        asks(w, "pause", json!({}));
        asks(w, "stop", json!({ "reason": "enough" }));
        let begins = w.runner("resume", json!({ "drives": false }));
        ends(w, begins);
        asks(w, "stop", json!({ "reason": "again" }));
        asks(w, "state", json!({}));
    });
}

#[test]
fn a_pause_of_a_crashed_run_is_stored_by_whoever_asks_once_its_time_is_over() {
    told("pause_of_the_dead", 1, |w| {
        w.model = Box::new(|_| Says::Stalls(vec![]));
        let options = json!({ "leaseTtlMs": 3_000, "storeTimeoutMs": 1_000, "graceMs": 500 });
        let run = started(w, json!({ "options": options }), asks_its_model);
        w.crash(run);
        asks(w, "pause", json!({ "options": { "storeTimeoutMs": 1_000 } }));
    });
}

#[test]
fn a_command_whose_replies_are_lost_or_refused_says_so() {
    told("commands_and_faults", 1, |w| {
        w.outside(&["status"], json!("in_progress"));
        spoil(
            w,
            &[
                (&["Read"], Fault::Fails(Unavailable)),
                (&["Commit"], Fault::LostReply),
                (&["Commit"], Fault::Silent(true)),
            ],
        );
        asks(w, "pause", json!({}));
        spoil(w, &[(&["Commit"], Fault::LostReply)]);
        asks(w, "send", json!({ "text": "Hello" }));
        spoil(w, &[(&["Commit"], Fault::Fails(Denied))]);
        asks(w, "send", json!({ "text": "Hello again" }));
        spoil(w, &[(&["Commit"], Fault::Fails(Denied))]);
        asks(w, "stop", json!({ "reason": "enough" }));
        w.fault = Box::new(|_, _| Fault::Silent(false));
        asks(w, "stop", json!({ "options": { "storeTimeoutMs": 2_000 } }));
    });
}

#[test]
fn what_a_task_has_lived_is_read_in_pages() {
    told("reads", 1, |w| {
        paused(w);
        asks(w, "state", json!({}));
        asks(w, "checkpoint", json!({}));
        asks(w, "journal", json!({ "limit": 2 }));
        asks(w, "journal", json!({ "after": 4, "limit": 2 }));
        asks(w, "events", json!({ "after": "0" }));
        asks(w, "events", json!({ "after": "2.1", "live": true }));
        asks(w, "events", json!({ "after": "x" }));
        asks(w, "events", json!({}));
        asks(w, "apiMessages", json!({}));
        asks(w, "toolResults", json!({}));
        asks(w, "taskMessages", json!({ "limit": 1 }));
        asks(w, "load", json!({}));
    });
}

#[test]
fn messages_are_saved_into_the_thread_and_into_the_history() {
    told("saved_messages", 1, |w| {
        asks(w, "saveTaskMessage", json!({ "role": "system", "content": "A note.", "metadata": { "n": 1 } }));
        let message =
            |role: &str, text: &str| json!({ "message": { "role": role, "content": [{ "text": text }] } });
        asks(w, "saveApiMessage", message("user", "Hello."));
        asks(w, "saveApiMessage", message("assistant", "Hello yourself."));
        asks(w, "taskMessages", json!({}));
        w.model = Box::new(|_| Says::Stalls(vec![]));
        let run = started(w, json!({}), asks_its_model);
        asks(w, "saveApiMessage", message("user", "Not now."));
        w.crash(run);
    });
}

#[test]
fn a_task_is_deleted_with_its_history_or_without_itself_also_while_it_runs() {
    told("delete", 1, |w| {
        w.model = Box::new(|_| Says::Stalls(vec![]));
        let run = started(w, json!({}), asks_its_model);
        asks(w, "delete", json!({ "keepTask": true }));
        w.outside(&["updated_at"], json!("now"));
        ends(w, run);
        w.fault = Box::new(|_, _| Fault::None);
        paused(w);
        w.quietly(|w| w.ask("send", json!({ "text": "Hello" }))).unwrap();
        spoil(
            w,
            &[(&["Commit", "journal"], Fault::LostReply), (&["List", "messages"], Fault::Fails(Denied))],
        );
        asks(w, "delete", json!({}));
        let refused = w.runner("resume", json!({}));
        ends(w, refused);
        asks(w, "state", json!({}));
        spoil(
            w,
            &[
                (&["List", "inbox"], Fault::Silent(false)),
                (&["Commit", "messages"], Fault::Fails(Unavailable)),
            ],
        );
        asks(w, "delete", json!({}));
        asks(w, "delete", json!({}));
        let left: Value = w.store.documents.keys().cloned().collect();
        w.note_value("what is left", &left);
    });
}
