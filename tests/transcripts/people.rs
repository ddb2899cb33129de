//! What people do to a task that runs: decisions, messages, the status.

use super::support::*;
use super::{asks, asks_its_model, ends, started, told, works};
use serde_json::json;
use std::rc::Rc;
use task_execution_engine::effect::{Command, Input};
use task_execution_engine::facts::fact::Decision;
use task_execution_engine::storage::inbox;

#[test]
fn calls_wait_for_people_who_approve_reject_and_answer_from_other_processes() {
    told("decisions", 1, |w| {
        w.vet = Box::new(|call| match call.name.as_str() {
            "work" => json!({ "verdict": "approve" }),
            _ => json!({ "verdict": "answer" }),
        });
        let calls = [("a", "work", json!({})), ("b", "work", json!({})), ("c", "look", json!({}))];
        w.script(vec![uses("May I?", &calls), text("Done.")]);
        let run = started(w, json!({ "hasWatch": true }), asks_its_model);
        w.until_event(run, "task:answer_required");
        asks(w, "state", json!({}));
        asks(w, "approve", json!({ "toolCallId": "a", "note": "carefully" }));
        asks(w, "reject", json!({ "toolCallId": "a" }));
        w.give(run, Input::Changed);
        w.until(run, |a| a.events.iter().any(|e| e["type"] == "task:tool_result"));
        asks(w, "approve", json!({ "toolCallId": "a" }));
        asks(w, "reject", json!({ "toolCallId": "b", "reason": "not on a Friday" }));
        asks(w, "approve", json!({ "toolCallId": "c" }));
        asks(w, "answer", json!({ "toolCallId": "c", "result": "x".repeat(900_001) }));
        asks(w, "answer", json!({ "toolCallId": "c", "result": { "colour": "blue" } }));
        w.give(run, Input::Changed);
        ends(w, run);
        asks(w, "answer", json!({ "toolCallId": "c", "result": 1 }));
        asks(w, "approve", json!({ "toolCallId": "nobody's" }));
    });
}

#[test]
fn a_decision_about_an_earlier_question_decides_nothing() {
    told("stale_decisions", 1, |w| {
        w.vet = Box::new(|_| json!({ "verdict": "approve" }));
        w.tools[0]["onUnknownOutcome"] = json!("ask");
        w.script(vec![uses("", &[("a", "work", json!({}))]), text("Done.")]);
        w.tool = Box::new(|_| Does::Deaf);
        let run = w.quietly(|w| {
            let run = w.start();
            w.until_event(run, "task:approval_required");
            w.decide("a", Decision::Approve { note: None });
            w.until(run, works);
            run
        });
        w.crash(run);
        w.now += 60_000;
        let run = w.runner("run", json!({}));
        w.until_event(run, "task:answer_required");
        let first = w.asked("a")[0];
        w.put_into_inbox(&inbox::decision("a", first, "late".into(), Decision::Approve { note: None }));
        w.command(run, Command::Look);
        w.pass(100);
        w.command(run, Command::Pause);
        ends(w, run);
        let run = w.runner("resume", json!({}));
        w.until_event(run, "task:answer_required");
        w.decide("a", Decision::Answer { result: Some(Rc::new(json!("It worked."))), error: false });
        ends(w, run);
    });
}

#[test]
fn messages_are_taken_in_before_the_next_turn_and_before_the_end() {
    told("messages", 1, |w| {
        w.script(vec![uses("", &[("a", "work", json!({}))]), text("Done."), text("Done in blue.")]);
        let run = started(w, json!({}), works);
        asks(w, "addMessage", json!({ "role": "user", "content": "Faster!", "metadata": { "from": "app" } }));
        w.until(run, |a| a.requests.len() == 2);
        let image = json!({ "image": { "format": "png", "source": { "bytes": "iVBORw0KGgo=" } } });
        let content = json!([{ "text": "Like this:" }, image]);
        asks(w, "send", json!({ "text": "Like this:", "content": content }));
        ends(w, run);
        asks(w, "send", json!({ "text": "Too late." }));
    });
}

#[test]
fn a_pause_that_others_write_into_the_task_is_obeyed_and_may_be_taken_back() {
    told("register", 1, |w| {
        let calls = |id| uses("", &[(id, "work", json!({}))]);
        w.script(vec![calls("a"), calls("b"), text("Done.")]);
        w.tool = Box::new(|_| Does::Takes(6_000, Box::new(Does::Returns(json!(1)))));
        let run = started(w, json!({ "hasWatch": true }), works);
        w.outside(&["status"], json!("paused"));
        w.give(run, Input::Changed);
        w.pass(1_000);
        w.outside(&["status"], json!("in_progress"));
        w.give(run, Input::Changed);
        w.until(run, |a| a.executed.len() == 2);
        let stop = w.open("stop", json!({ "reason": "enough" }));
        w.pass(10);
        w.give(run, Input::Changed);
        ends(w, stop);
        ends(w, run);
        w.outside(&["status"], json!("completed"));
        let run = w.runner("run", json!({}));
        ends(w, run);
    });
}

#[test]
fn a_task_that_others_complete_or_extend_while_it_runs_is_left_or_worked_on() {
    told("others_write", 2, |w| {
        w.script(vec![uses("", &[("a", "work", json!({}))]), text("Done."), Says::Stalls(vec![])]);
        w.tool = Box::new(|_| Does::Takes(100, Box::new(Does::Returns(json!(1)))));
        let run = started(w, json!({ "hasWatch": true }), works);
        let item =
            |id: &str, status: &str| json!({ "id": id, "name": format!("Item {id}"), "status": status });
        let items = json!([item("i0", "not_started"), item("i1", "in_progress"), item("i2", "completed")]);
        w.outside(&["progress", "tasks", "m1"], items);
        w.give(run, Input::Changed);
        w.until(run, |a| a.requests.len() == 3);
        w.outside(&["status"], json!("completed"));
        w.give(run, Input::Changed);
        ends(w, run);
    });
}
