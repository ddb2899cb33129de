//! Runs that read as conversations: what the model says, what the tools do, what is told and stored.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use support::*;
use task_execution_engine::effect::Command;
use task_execution_engine::error::Code;

#[test]
fn one_item_one_turn_one_tool_is_run_stored_and_completed() {
    let mut w = World::new(1, 1);
    w.script(vec![uses("Let me work.", &[("a", "work", json!({ "n": 1 }))]), text("All done.")]);
    let run = w.start();
    let outcome = w.finish(run).unwrap();
    assert_eq!(outcome["status"], "completed");
    assert_eq!(outcome["text"], "All done.");
    assert_eq!(outcome["items"], json!([{ "id": "i1", "text": "All done." }]));
    assert_eq!(
        w.types(run),
        [
            "task:started",
            "task:message_saved",
            "task:message_saved",
            "task:tool_call",
            "task:usage",
            "task:tool_result",
            "task:message_saved",
            "task:usage",
            "task:progress_update",
            "task:completed",
            "task:run_ended"
        ]
    );
    assert_eq!(w.store.status(), "completed");
    assert_eq!(w.store.task()["custom"], json!({ "kept": [1, 2, 3] }));
    assert_eq!(w.store.task()["progress"]["overall_percentage"], 100);
    let kinds: Vec<Vec<String>> = w
        .store
        .journal()
        .iter()
        .map(|(_, _, facts)| facts.iter().map(|f| f["kind"].as_str().unwrap().to_owned()).collect())
        .collect();
    assert_eq!(
        kinds,
        [
            vec!["begun", "stated"],
            vec!["turn", "starting"],
            vec!["result"],
            vec!["turn", "done", "progress", "ended"]
        ]
    );
    assert_eq!(
        w.store.thread(),
        [
            ("system".to_owned(), "Working on: Item 1".to_owned()),
            ("assistant".to_owned(), "Let me work.".to_owned()),
            ("assistant".to_owned(), "All done.".to_owned())
        ]
    );
}

#[test]
fn a_run_that_crashed_while_a_tool_ran_is_taken_up_and_the_outcome_reported() {
    let mut w = World::new(2, 1);
    w.script(vec![uses("", &[("a", "work", json!({})), ("b", "look", json!({}))]), text("Fine.")]);
    w.tool = Box::new(|c| if c.id == "a" { Does::Deaf } else { Does::Returns(json!("seen")) });
    let first = w.start();
    w.until_event(first, "task:tool_result");
    w.crash(first);
    let second = w.runner("run", json!({}));
    let outcome = w.finish(second).unwrap();
    assert_eq!(outcome["status"], "completed");
    assert_eq!(w.executions.len(), 2, "no finished or interrupted call runs again");
    let resumed = w.until_event(second, "task:resumed");
    assert_eq!(resumed["recovered"], true);
    let results = w.store.facts("result");
    assert_eq!(results.len(), 2);
    assert_eq!(results[1]["unknown"], true);
    let last = w.actors[second].requests.last().unwrap().last().unwrap().clone();
    assert_eq!(last["content"][0]["toolResult"]["toolUseId"], "a");
    assert_eq!(last["content"][1]["toolResult"]["toolUseId"], "b");
}

#[test]
fn pause_cuts_the_stream_and_resume_asks_again() {
    let mut w = World::new(3, 1);
    let mut n = 0;
    w.model = Box::new(move |_| {
        n += 1;
        if n == 1 { Says::Stalls(turn("Half a", &[])[..2].to_vec()) } else { text("Whole.") }
    });
    let run = w.start();
    w.until_event(run, "task:message");
    let before = w.now;
    let pause = w.command(run, Command::Pause);
    assert_eq!(w.finish(run).unwrap()["status"], "paused");
    assert!(w.now - before < 1_000, "within a second");
    assert_eq!(w.actors[run].settled[&pause], Ok(Value::Null));
    assert_eq!(w.store.status(), "paused");
    assert_eq!(w.types(run).last().unwrap(), "task:run_ended");
    let again = w.runner("resume", json!({}));
    assert_eq!(w.finish(again).unwrap()["status"], "completed");
    assert_eq!(w.types(again)[0], "task:resumed");
    assert_eq!(w.store.thread().last().unwrap().1, "Whole.");
}

#[test]
fn stop_stores_the_reason_and_announces_stopped() {
    let mut w = World::new(4, 1);
    w.model = Box::new(|_| Says::Stalls(vec![]));
    let run = w.start();
    w.until(run, |a| !a.requests.is_empty());
    w.command(run, Command::Stop { reason: Some("enough".into()) });
    let outcome = w.finish(run).unwrap();
    assert_eq!((outcome["status"].as_str(), outcome["reason"].as_str()), (Some("stopped"), Some("enough")));
    assert_eq!(w.store.status(), "paused");
    assert_eq!(w.store.task()["execution"]["abort_reason"], "enough");
    assert_eq!(w.events(run, "task:stopped")[0]["reason"], "enough");
}

#[test]
fn another_run_gets_lease_held_while_one_renews() {
    let mut w = World::new(5, 1);
    w.model = Box::new(|_| Says::Stalls(vec![]));
    let first = w.start();
    w.until(first, |a| !a.requests.is_empty());
    let second = w.runner("run", json!({}));
    let refused = w.finish(second).unwrap_err();
    assert_eq!(refused.code, Code::LeaseHeld);
    assert!(w.actors[second].events.is_empty(), "a refused run emits nothing");
}

#[test]
fn a_dead_process_is_replaced_at_once_where_the_store_knows_it_is_dead() {
    let mut w = World::new(6, 1);
    w.alive.insert("p2".into());
    w.model = Box::new(|_| Says::Stalls(vec![]));
    let first = w.runner("start", json!({ "holder": "p1" }));
    w.until(first, |a| !a.requests.is_empty());
    w.crash(first);
    w.model = Box::new(|_| text("Done."));
    let before = w.now;
    let second = w.runner("run", json!({ "holder": "p2" }));
    assert_eq!(w.finish(second).unwrap()["status"], "completed");
    assert!(w.now - before < 1_000, "took {} ms", w.now - before);
}

#[test]
fn a_status_set_to_paused_by_others_pauses_the_run_at_the_next_look() {
    let mut w = World::new(7, 1);
    w.model = Box::new(|_| Says::Stalls(vec![]));
    let run = w.runner("start", json!({ "options": { "idleTimeoutMs": 9_000_000 } }));
    w.until(run, |a| !a.requests.is_empty());
    let before = w.now;
    w.outside(&["status"], json!("paused"));
    let outcome = w.finish(run).unwrap();
    assert_eq!(outcome["status"], "paused");
    assert!(w.now - before <= 10_100, "within a heartbeat");
    w.outside(&["status"], json!("in_progress"));
    w.model = Box::new(|_| text("Done."));
    let again = w.runner("run", json!({}));
    assert_eq!(w.finish(again).unwrap()["status"], "completed");
    assert_eq!(w.types(again)[0], "task:resumed");
}

#[test]
fn items_are_stated_one_after_the_other_in_one_commit_a_turn() {
    let mut w = World::new(8, 3);
    w.script(vec![text("One."), text("Two."), text("Three.")]);
    let run = w.start();
    assert_eq!(w.finish(run).unwrap()["items"].as_array().unwrap().len(), 3);
    assert_eq!(w.store.journal().len(), 4);
    let progress: Vec<u64> =
        w.events(run, "task:progress_update").iter().map(|e| e["overall"].as_u64().unwrap()).collect();
    assert_eq!(progress, [33, 67, 100]);
}

#[test]
fn an_item_done_is_told_as_the_document_shows_it() {
    for newer in [false, true] {
        let mut w = World::new(8, 2);
        if newer {
            let mut progress = task_with(2)["progress"].clone();
            progress["project"] = json!({ "name": "P", "current_milestone": "m1" });
            progress["milestones"][0]["started"] = json!(null);
            progress["tasks"]["m1"][0]["completed_date"] = json!(null);
            w.outside(&["progress"], progress);
        }
        w.script(vec![text("One."), text("Two.")]);
        let run = w.start();
        w.until_event(run, "task:progress_update");
        let shown = w.store.task()["progress"].clone();
        let told = w.events(run, "task:progress_update")[0].clone();
        let item = &shown["tasks"]["m1"][0];
        let time = if newer { "completed_date" } else { "completed_at" };
        assert!(item[time].is_string(), "{item}");
        assert_eq!(
            told["item"],
            json!({ "id": item["id"], "name": item["name"], "status": "completed", "completed_at": item[time] })
        );
        let milestone = &shown["milestones"][0];
        for field in ["id", "name", "status", "progress", "tasks_completed", "tasks_total"] {
            assert_eq!(told["milestone"][field], milestone[field], "{field}");
        }
        assert_eq!((&told["overall"], told.get("items")), (&json!(50), None));
        w.finish(run).unwrap();
    }
}

#[test]
fn a_task_that_is_its_own_only_item_is_told_by_its_title() {
    let mut w = World::new(8, 0);
    w.script(vec![text("Done.")]);
    let run = w.start();
    w.finish(run).unwrap();
    let told = w.events(run, "task:progress_update")[0].clone();
    assert_eq!(told["item"], json!({ "id": "task", "name": w.store.task()["title"], "status": "completed" }));
    assert_eq!((&told["overall"], told.get("milestone")), (&json!(100), None));
}

#[test]
fn one_item_that_others_have_completed_is_told_alone() {
    let mut w = World::new(1, 2);
    let mut items = w.store.task()["progress"]["tasks"]["m1"].clone();
    items[0]["status"] = json!("completed");
    w.outside(&["progress", "tasks", "m1"], items);
    w.script(vec![text("Two.")]);
    let run = w.start();
    w.finish(run).unwrap();
    let told = w.events(run, "task:progress_update");
    assert_eq!(told.iter().map(|e| e["item"]["id"].clone()).collect::<Vec<_>>(), ["i1", "i2"]);
    assert!(told.iter().all(|e| e.get("items").is_none()));
}

#[test]
fn a_throttled_model_is_asked_again_and_a_denied_one_is_not() {
    let mut w = World::new(9, 1);
    let throttled = task_execution_engine::converse::Failure {
        name: Some("ThrottlingException".into()),
        status: Some(429),
        message: "slow down".into(),
        retry_after_ms: None,
        cause: None,
    };
    let denied = task_execution_engine::converse::Failure {
        name: Some("AccessDeniedException".into()),
        status: Some(403),
        ..throttled.clone()
    };
    w.script(vec![Says::Breaks(vec![], throttled), Says::Breaks(turn("Half", &[])[..2].to_vec(), denied)]);
    let run = w.start();
    let outcome = w.finish(run).unwrap();
    assert_eq!(outcome["status"], "failed");
    assert_eq!(outcome["error"]["code"], "MODEL_DENIED");
    assert_eq!(w.events(run, "task:retry").len(), 1);
    assert_eq!(w.store.status(), "failed");
    assert!(w.store.task()["execution"]["error"].is_string());
}

#[test]
fn a_completed_task_that_others_set_back_is_restored_without_a_new_fact() {
    let mut w = World::new(10, 1);
    let run = w.start();
    w.finish(run).unwrap();
    let entries = w.store.journal().len();
    w.outside(&["status"], json!("in_progress"));
    let again = w.runner("run", json!({}));
    assert_eq!(w.finish(again).unwrap()["status"], "completed");
    assert_eq!(w.store.status(), "completed");
    assert_eq!(w.store.journal().len(), entries);
    assert_eq!(w.types(again), ["task:run_ended"]);
}

#[test]
fn a_run_that_finds_nothing_to_run_tells_what_was_said_and_done_before() {
    let mut w = World::new(11, 2);
    w.script(vec![text("One."), uses("Two.", &[("a", "work", json!({}))]), text("Three.")]);
    let run = w.start();
    let outcome = w.finish(run).unwrap();
    let again = w.runner("run", json!({}));
    let recalled = w.finish(again).unwrap();
    for field in ["status", "text", "items", "usage"] {
        assert_eq!(recalled[field], outcome[field], "{field}");
    }
    assert_eq!(recalled["items"].as_array().unwrap().len(), 2);
    assert!(!recalled["text"].as_str().unwrap().is_empty());
    assert_eq!(w.types(again), ["task:run_ended"]);
}

#[test]
fn a_stop_of_a_run_that_finds_the_task_paused_is_not_taken_for_obeyed() {
    let mut w = World::new(12, 1);
    let run = w.start();
    w.command(run, Command::Pause);
    w.finish(run).unwrap();
    let again = w.runner("run", json!({}));
    let stop = w.command(again, Command::Stop { reason: Some("enough".into()) });
    assert_eq!(w.finish(again).unwrap()["status"], "paused");
    assert!(!w.actors[again].settled.contains_key(&stop), "nothing stored the stop");
}

#[test]
fn a_pause_before_a_run_has_begun_is_not_taken_for_obeyed_where_it_yields() {
    let mut w = World::new(13, 1);
    let run = w.start();
    let pause = w.command(run, Command::Pause);
    let left = w.command(run, Command::Yield { reason: "dispose".into(), grace: false });
    assert_eq!(w.finish(run).unwrap()["status"], "yielded");
    assert!(w.actors[run].settled[&left].is_ok());
    assert!(!w.actors[run].settled.contains_key(&pause), "nothing stored the pause");
}

#[test]
fn what_is_stored_stays_in_order_though_the_wall_clock_runs_back() {
    let mut w = World::new(14, 3);
    let work = |n: u32| uses("Working.", &[(&format!("c{n}"), "work", json!({ "n": n }))]);
    w.script(vec![work(1), text("One."), work(2), text("Two."), work(3), text("Three.")]);
    let run = w.start();
    w.until(run, |a| a.requests.len() == 2);
    w.wall_shift = -3_600_000;
    w.until(run, |a| a.requests.len() == 4);
    w.crash(run);
    w.now += 60_000;
    // The next process is on a machine that is late by days.
    w.wall_shift = -300_000_000;
    w.script(vec![work(4), text("Two."), text("Three.")]);
    let again = w.runner("run", json!({}));
    assert_eq!(w.finish(again).unwrap()["status"], "completed");
    let times = |collection: &str, field: &str| -> Vec<String> {
        let prefix = format!("{TASK_PATH}/{collection}/");
        let documents = w.store.documents.iter().filter(|(path, _)| path.starts_with(&prefix));
        documents.map(|(_, (data, ..))| data[field].as_str().unwrap().to_owned()).collect()
    };
    let entries = times("journal", "at");
    assert!(entries.len() > 10 && entries.windows(2).all(|w| w[0] < w[1]), "{entries:?}");
    let said: Vec<String> =
        w.store.thread().into_iter().filter(|(r, _)| r == "assistant").map(|m| m.1).collect();
    assert_eq!(said, ["Working.", "One.", "Working.", "Working.", "Two.", "Three."]);
    let mut messages = times("messages", "timestamp");
    messages.sort();
    assert!(messages.windows(2).all(|w| w[0] < w[1]), "each has a time of its own: {messages:?}");
}
