//! Documents that others wrote: older apps, newer versions, damage, junk.

use super::support::*;
use super::{asks, asks_its_model, ends, started, told};
use serde_json::json;
use task_execution_engine::effect::Command;

#[test]
fn an_older_apps_history_is_imported_and_repaired() {
    told("older_app", 1, |w| {
        let uses = |id: &str| json!([{ "type": "tool_use", "id": id, "name": "w o", "input": "x" }]);
        w.outside(&["execution", "api_messages"], json!([
            { "role": "assistant", "content": "Out of nowhere." },
            { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "ghost", "content": "?" }], "ts": 1 },
            { "role": "assistant", "content": uses("a b") },
            { "role": "assistant", "content": [{ "text": "  " }] },
            { "role": "user", "content": [{ "type": "thinking" }] },
        ]));
        w.outside(&["execution", "task_messages"], json!([{ "role": "user", "content": "Hello." }, 7]));
        w.outside(&["execution", "tool_results"], json!([{ "tool_use_id": "a b", "content": "!" }]));
        w.outside(&["created_at"], json!({ "seconds": 1_767_225_600, "nanoseconds": 5_000_000 }));
        asks(w, "apiMessages", json!({}));
        asks(w, "toolResults", json!({}));
        let run = w.start();
        ends(w, run);
        asks(w, "load", json!({}));
    });
}

#[test]
fn a_task_without_a_plan_is_one_item_and_one_that_is_no_task_is_refused() {
    told("odd_tasks", 1, |w| {
        w.outside(&["progress"], json!("soon"));
        w.outside(&["config"], json!([]));
        w.outside(&["execution"], json!(null));
        w.outside(&["created_at"], json!(17));
        let run = w.start();
        ends(w, run);
        w.outside(&["config"], json!({}));
        let run = w.start();
        ends(w, run);
        for status in [json!("archived"), json!(3), json!(null)] {
            w.outside(&["status"], status);
            let run = w.start();
            ends(w, run);
        }
        w.outside(&["status"], json!("not_started"));
        w.outside(&["progress"], json!({ "milestones": { "a": 1 }, "tasks": [] }));
        let run = w.start();
        ends(w, run);
        w.outside(&["progress"], json!(null));
        w.outside(&["title"], json!(7));
        let run = w.start();
        ends(w, run);
        w.outside(&["title"], json!("Without a plan"));
        let run = w.start();
        ends(w, run);
    });
}

#[test]
fn a_plan_in_the_newer_shape_has_only_its_progress_changed() {
    told("newer_shape", 1, |w| {
        asks(
            w,
            "createTask",
            json!({ "taskId": "", "task": { "id": "t2", "title": "Ship it", "description": "Soon.",
            "milestones": [{ "name": "First", "items": [{ "name": "Write" }, { "name": "Send", "description": "Today." }] }],
            "config": { "model": "a.model", "system_prompt": "Be kind." }, "metadata": { "by": "me" } } }),
        );
        asks(w, "createTask", json!({ "task": { "id": "t2", "title": "Again" } }));
        let run = w.runner("start", json!({ "taskId": "t" }));
        w.command(run, Command::Pause);
        ends(w, run);
        let made = json!(w.store.get("users/u/tasks/t2").unwrap());
        w.others_put("engine/head", None);
        w.note("others put what was made in the place of the task");
        w.store.put(TASK_PATH, made, w.now);
        w.store.documents.retain(|path, _| !path.contains("/journal/"));
        let run = w.start();
        ends(w, run);
    });
}

#[test]
fn a_history_of_a_newer_version_or_a_damaged_one_is_refused_and_left_as_it_is() {
    told("damaged", 1, |w| {
        w.script(vec![text("Done.")]);
        let run = started(w, json!({}), asks_its_model);
        w.quietly(|w| {
            w.command(run, Command::Pause);
            ends(w, run);
        });
        let head = json!(w.head());
        for (field, value) in
            [("schema", json!(2)), ("schema", json!("1")), ("epoch", json!(-1)), ("seq", json!(9))]
        {
            let mut odd = head.clone();
            odd[field] = value;
            w.others_put("engine/head", Some(odd));
            let run = w.runner("resume", json!({ "options": { "storeTimeoutMs": 600 } }));
            ends(w, run);
        }
        w.others_put("engine/head", Some(head));
        w.others_put(
            "journal/00000001",
            Some(json!({ "seq": 1, "epoch": 1, "json": "{\"facts\":[", "write_id": "x" })),
        );
        let run = w.runner("resume", json!({ "options": { "storeTimeoutMs": 500 } }));
        ends(w, run);
        asks(w, "apiMessages", json!({ "options": { "storeTimeoutMs": 500 } }));
    });
}

#[test]
fn junk_in_the_inbox_is_deleted_and_what_a_later_version_may_know_is_left() {
    told("junk", 1, |w| {
        for n in 0..9 {
            w.store.put(&format!("{TASK_PATH}/inbox/0-{n}"), json!({ "kind": "later", "n": n }), w.now);
        }
        w.note("nine documents of a kind that nobody knows lie in the inbox");
        w.others_put("inbox/1", Some(json!({})));
        w.others_put("inbox/2", Some(json!({ "kind": "message", "text": " " })));
        w.others_put("inbox/3", Some(json!({ "kind": "message", "text": "x".repeat(900_001) })));
        w.others_put("inbox/4", Some(json!({ "kind": "decision", "tool_call_id": "c", "asked_seq": 1, "nonce": "n", "json": "{}" })));
        w.say("Hello.");
        w.script(vec![text("Hello yourself."), text("Done.")]);
        let run = w.start();
        ends(w, run);
    });
}

#[test]
fn a_host_that_answers_nonsense_ends_the_run() {
    told("odd_answers", 1, |w| {
        let tools = std::mem::replace(&mut w.tools, json!("all of them"));
        let run = w.start();
        ends(w, run);
        w.tools = tools;
        w.tools[0]["onUnknownOutcome"] = json!("lookup");
        w.script(vec![
            uses("", &[("a", "work", json!({}))]),
            uses("", &[("b", "work", json!({}))]),
            text("Done."),
        ]);
        w.vet = Box::new(|_| json!({ "verdict": "perhaps" }));
        let run = started(w, json!({}), asks_its_model);
        ends(w, run);
        w.vet = Box::new(|_| json!({ "verdict": "run" }));
        w.tool = Box::new(|_| Does::Deaf);
        w.quietly(|w| {
            let run = w.runner("resume", json!({}));
            w.until(run, |a| !a.executed.is_empty());
            w.crash(run);
            w.now += 60_000;
        });
        w.look_up = Box::new(|_| json!("nothing"));
        w.tool = Box::new(|_| Does::Returns(json!(1)));
        let run = w.runner("run", json!({}));
        ends(w, run);
    });
}

#[test]
fn an_inbox_that_no_look_can_hold_is_read_on_before_the_task_is_completed() {
    told("large_inbox", 1, |w| {
        for n in 0..26 {
            let data = json!({ "kind": "later", "text": "x".repeat(880_000) });
            w.store.put(&format!("{TASK_PATH}/inbox/0-{n:02}"), data, w.now);
        }
        w.note("26 documents of 880,000 bytes, of a kind that nobody knows, lie in the inbox");
        w.say("Hello.");
        w.script(vec![text("Done."), text("Hello yourself.")]);
        let run = w.start();
        ends(w, run);
    });
}
