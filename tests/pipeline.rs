//! From a commit on its way to what follows from how it ended: what is announced, what is stored, what goes on.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use std::cell::Cell;
use std::rc::Rc;
use support::*;
use task_execution_engine::effect::{Command, Effect, Ticket};
use task_execution_engine::facts::fact::Decision;
use task_execution_engine::store::{StoreErrorCode, StoreWrite};

const HEAD: &str = "users/u/tasks/t/engine/head";

fn seq_of(event: &Value) -> Option<u64> {
    event["id"].as_str()?.split_once('.')?.0.parse().ok()
}

/// The effect is a commit whose entry holds such a fact.
fn stores(effect: &Effect, fact: &str) -> bool {
    let Effect::Commit { writes, .. } = effect else { return false };
    let kind = format!("\"kind\":\"{fact}\"");
    writes.iter().any(|write| {
        matches!(write, StoreWrite::Create { data, .. } if data.get("json").is_some_and(|j| j.as_str().unwrap().contains(&kind)))
    })
}

/// Another run takes the task, as its head says.
fn is_taken(w: &mut World) {
    let epoch = w.head()["epoch"].as_u64().unwrap();
    let times =
        json!({ "ttl_ms": 30_000, "heartbeat_ms": 10_000, "grace_ms": 10_000, "store_timeout_ms": 15_000 });
    let mut owner = w.head().get("owner").cloned().unwrap_or(times);
    owner["id"] = json!("another");
    let now = w.now;
    w.store.set(HEAD, &["owner"], owner, now);
    w.store.set(HEAD, &["write_id"], json!("another's"), now);
    w.store.set(HEAD, &["epoch"], json!(epoch + 1), now);
}

/// What an actor was told of facts, each once and in order, is what the journal holds.
fn assert_announced_is_stored(w: &World, actor: usize) {
    let last = w.store.journal().last().map_or(0, |(seq, ..)| *seq);
    let told: Vec<u64> = w.actors[actor].events.iter().filter_map(seq_of).collect();
    assert!(told.iter().all(|seq| *seq <= last), "{told:?} of {last}");
    let mut ids: Vec<&str> = w.actors[actor].events.iter().filter_map(|e| e["id"].as_str()).collect();
    let told = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), told, "told twice");
}

/// A run with one call whose first turn meets a fault on its way to the store.
fn turn_meets(fault: Fault) -> (World, usize) {
    let mut w = World::new(5, 1);
    let mut met = false;
    w.script(vec![uses("Working.", &[("a", "work", json!({}))]), text("Done.")]);
    w.fault = Box::new(move |_, effect| {
        if !met && stores(effect, "turn") {
            met = true;
            return fault;
        }
        Fault::None
    });
    let run = w.start();
    (w, run)
}

#[test]
fn a_turn_that_landed_before_the_task_was_taken_over_is_announced_and_nothing_of_it_is_started() {
    let (mut w, run) = turn_meets(Fault::LostReply);
    while w.store.facts("turn").is_empty() {
        assert!(w.step());
    }
    is_taken(&mut w);
    let pause = w.command(run, Command::Pause);
    let outcome = w.finish(run).unwrap();
    assert_eq!((&outcome["status"], &outcome["text"]), (&json!("superseded"), &json!("Working.")));
    assert_eq!(outcome["unfinished"], json!(false));
    let saved = w.events(run, "task:message_saved");
    assert_eq!(saved.iter().filter(|e| e["content"] == "Working.").count(), 1);
    assert_eq!(w.events(run, "task:tool_call").len(), 1);
    assert_announced_is_stored(&w, run);
    assert!(w.executions.is_empty());
    assert_eq!(w.head()["owner"]["id"], "another", "nothing more is written");
    let refused = w.actors[run].settled[&pause].clone().unwrap_err();
    assert_eq!(json!(refused.code), json!("LEASE_HELD"));
}

#[test]
fn the_end_of_a_task_that_was_taken_over_since_is_told_and_the_run_is_superseded() {
    let mut w = World::new(5, 1);
    let mut met = false;
    w.script(vec![text("Done.")]);
    w.fault = Box::new(move |_, effect| {
        if !met && stores(effect, "turn") {
            met = true;
            return Fault::LostReply;
        }
        Fault::None
    });
    let run = w.start();
    while w.store.status() != "completed" {
        assert!(w.step());
    }
    is_taken(&mut w);
    assert_eq!(w.finish(run).unwrap()["status"], "superseded");
    assert_eq!(w.events(run, "task:completed").len(), 1);
}

#[test]
fn a_turn_that_lost_to_another_owner_is_not_announced() {
    let (mut w, run) = turn_meets(Fault::Late(5));
    w.until(run, |a| a.events.iter().any(|e| e["type"] == "task:message"));
    for _ in 0..6 {
        w.step();
    }
    is_taken(&mut w);
    assert_eq!(w.finish(run).unwrap()["status"], "superseded");
    assert!(w.store.facts("turn").is_empty());
    assert!(w.events(run, "task:message_saved").iter().all(|e| e["content"] != "Working."));
    assert!(w.events(run, "task:tool_call").is_empty() && w.executions.is_empty());
    assert_announced_is_stored(&w, run);
}

#[test]
fn a_turn_of_which_nobody_knows_whether_it_is_stored_is_not_announced() {
    for lands in [true, false] {
        let mut w = World::new(5, 1);
        let mut lost = false;
        w.script(vec![uses("Working.", &[("a", "work", json!({}))])]);
        w.fault = Box::new(move |_, effect| {
            lost |= stores(effect, "turn");
            if lost { Fault::Silent(lands) } else { Fault::None }
        });
        let run = w.start();
        let outcome = w.finish(run).unwrap();
        assert_eq!((&outcome["status"], &outcome["unfinished"]), (&json!("interrupted"), &json!(true)));
        assert_eq!(w.store.facts("turn").is_empty(), !lands);
        assert!(w.events(run, "task:tool_call").is_empty() && w.executions.is_empty());
        assert_announced_is_stored(&w, run);
    }
}

#[test]
fn nothing_is_told_and_no_call_starts_before_the_store_has_said_that_it_holds_the_entry() {
    let mut w = World::new(5, 2);
    w.script(vec![
        uses("Working.", &[("a", "work", json!({})), ("b", "look", json!({}))]),
        text("First done."),
        text("Second done."),
    ]);
    w.vet = Box::new(|call| json!({ "verdict": if call.id == "a" { "approve" } else { "run" } }));
    w.latency = 20;
    let run = w.start();
    let (mut decided, mut commits) = (false, 0);
    while !w.is_over(run) {
        let (told, started) = (w.actors[run].events.len(), w.executions.len());
        let before = w.store.commits;
        assert!(w.step());
        if w.store.commits > before {
            // The store has it, the run does not know yet.
            commits += 1;
            let facts = |e: &&Value| e["id"].is_string();
            assert_eq!(w.actors[run].events[told..].iter().filter(facts).count(), 0);
            assert_eq!(w.executions.len(), started);
        }
        if !decided && w.actors[run].events.iter().any(|e| e["type"] == "task:approval_required") {
            decided = true;
            w.decide("a", Decision::Approve { note: None });
        }
    }
    assert!(commits > 5, "{commits}");
    assert_eq!(w.executions.len(), 2);
    assert_announced_is_stored(&w, run);
}

#[test]
fn results_that_come_while_a_commit_is_on_its_way_are_stored_once_with_the_next() {
    let mut w = World::new(5, 1);
    let ids = ["a", "b", "c", "d"];
    let calls: Vec<(&str, &str, Value)> = ids.iter().map(|id| (*id, "work", json!({ "of": id }))).collect();
    w.script(vec![uses("Working.", &calls), text("Done.")]);
    w.latency = 50;
    w.tool = Box::new(|call| {
        let after = u64::from(call.id.as_bytes()[0] - b'a') * 20;
        Does::Takes(after, Box::new(Does::Returns(json!({ "of": call.id }))))
    });
    let run = w.start();
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let stored: Vec<Value> = w.store.facts("result").iter().map(|r| r["toolCallId"].clone()).collect();
    assert_eq!(stored, ids.map(Value::from));
    let entries = w.store.journal();
    let with_results = entries.iter().filter(|(.., facts)| facts.iter().any(|f| f["kind"] == "result"));
    assert!((2..4).contains(&with_results.count()));
    assert_eq!(w.events(run, "task:tool_result").len(), 4);
}

#[test]
fn active_time_is_the_time_that_the_run_was_at_work_and_counted_once() {
    let mut w = World::new(5, 2);
    w.script(vec![uses("", &[("a", "work", json!({}))]), text("First done."), text("Second done.")]);
    w.tool = Box::new(|_| Does::Takes(2_000, Box::new(Does::Returns(json!(1)))));
    w.latency = 300;
    let run = w.start();
    w.until(run, |a| a.settled.contains_key(&Ticket::STARTED));
    let began = w.now;
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let bodies = w.store.documents.iter().filter(|(path, _)| path.contains("/journal/"));
    let counted: u64 = bodies
        .map(|(_, (data, ..))| serde_json::from_str::<Value>(data["json"].as_str().unwrap()).unwrap())
        .map(|body| body["active_ms"].as_u64().unwrap())
        .sum();
    let passed = w.now - began;
    // What the last commit takes is counted by none.
    assert!((passed - 700..passed + 700).contains(&counted), "{counted} of {passed}");
}

#[test]
fn a_turn_that_the_store_does_not_take_fails_the_task_and_says_so_in_the_journal() {
    for code in [StoreErrorCode::Invalid, StoreErrorCode::TooLarge] {
        let (mut w, run) = turn_meets(Fault::Fails(code));
        let outcome = w.finish(run).unwrap();
        assert_eq!((&outcome["status"], w.store.status()), (&json!("failed"), "failed"));
        assert!(w.store.facts("turn").is_empty());
        let ended = w.store.facts("ended");
        assert_eq!((ended.len(), &ended[0]["status"]), (1, &json!("failed")));
        assert_eq!(w.task_error(), ended[0]["error"]["message"]);
    }
}

#[test]
fn what_is_refused_for_another_reason_or_holds_no_turn_interrupts_the_run_and_ends_nothing() {
    for (fact, code) in [
        ("turn", StoreErrorCode::Denied),
        ("result", StoreErrorCode::Invalid),
        ("result", StoreErrorCode::TooLarge),
    ] {
        let mut w = World::new(5, 1);
        w.script(vec![uses("Working.", &[("a", "work", json!({}))]), text("Done.")]);
        w.fault =
            Box::new(move |_, effect| if stores(effect, fact) { Fault::Fails(code) } else { Fault::None });
        let run = w.start();
        assert_eq!(w.finish(run).unwrap()["status"], "interrupted", "{fact}: {code:?}");
        assert_eq!(w.store.status(), "in_progress");
        assert!(w.store.facts("ended").is_empty());
    }
}

impl World {
    fn task_error(&self) -> Value {
        self.store.task()["execution"]["error"].clone()
    }

    fn version(&self, path: &str) -> u64 {
        self.store.documents[path].1
    }
}

#[test]
fn progress_is_written_with_the_fact_it_shows_though_others_write_the_task_now_and_then() {
    let mut w = World::new(5, 8);
    let run = w.start();
    let (mut done, mut together) = (0, 0);
    while !w.is_over(run) {
        let before = w.store.facts("done").len();
        assert!(w.step());
        let after = w.store.facts("done").len();
        if after > before {
            done += 1;
            together += usize::from(w.version(TASK_PATH) == w.version(HEAD));
            let item = &w.store.task()["progress"]["tasks"]["m1"][after - 1];
            assert_eq!(item["status"], "completed", "item {after}");
        } else if w.actors[run].events.iter().any(|e| e["type"] == "task:message") && w.rng.unit() < 0.3 {
            w.outside(&["custom", "touched"], json!(w.now));
        }
    }
    assert_eq!((done, together), (8, 8));
    assert_eq!(w.store.status(), "completed");
    assert!(w.store.task()["custom"]["touched"].is_u64());
}

#[test]
fn the_head_tells_what_waits_and_what_was_spent_after_every_commit() {
    let mut w = World::new(5, 2);
    w.script(vec![
        uses("", &[("a", "work", json!({}))]),
        text("First done."),
        uses("", &[("b", "work", json!({}))]),
        text("Second done."),
    ]);
    w.vet = Box::new(|_| json!({ "verdict": "approve" }));
    let run = w.start();
    let (mut commits, mut seen_waiting) = (0, 0);
    while !w.is_over(run) {
        assert!(w.step());
        if w.store.commits == commits {
            continue;
        }
        commits = w.store.commits;
        let waiting: Vec<u64> = ["a", "b"]
            .into_iter()
            .filter(|id| w.store.facts("decided").iter().all(|d| d["toolCallId"] != **id))
            .flat_map(|id| w.asked(id))
            .collect();
        let summary = w.head()["summary"].clone();
        if summary["waiting"].is_null() {
            assert_eq!(waiting, [] as [u64; 0], "of a first acquisition");
            continue;
        }
        assert_eq!(summary["waiting"], json!(waiting));
        let turns = w.store.facts("turn");
        let spent = turns.last().map_or(json!(0), |turn| turn["total"]["inputTokens"].clone());
        assert_eq!(summary["usage"]["inputTokens"], spent);
        if let (Some(call), true) =
            (["b", "a"].into_iter().find(|id| !w.asked(id).is_empty()), !waiting.is_empty())
        {
            seen_waiting += 1;
            if w.store.documents.keys().all(|path| !path.contains("/inbox/")) {
                w.decide(call, Decision::Approve { note: None });
            }
        }
    }
    assert!(seen_waiting >= 2);
    assert_eq!(w.head()["summary"]["waiting"], json!([]));
}

#[test]
fn what_others_have_completed_is_journaled_as_theirs() {
    let mut w = World::new(5, 3);
    w.outside(&["progress", "tasks", "m1"], {
        let mut items = w.store.task()["progress"]["tasks"]["m1"].clone();
        items[1]["status"] = json!("completed");
        items
    });
    let run = w.start();
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let by: Vec<(Value, bool)> =
        w.store.facts("done").iter().map(|d| (d["item"]["item"].clone(), d["external"] == true)).collect();
    assert_eq!(by, [(json!("i2"), true), (json!("i1"), false), (json!("i3"), false)]);
}

#[test]
fn what_a_paused_turn_has_cost_is_stored_with_the_pause_and_counted_once() {
    let mut w = World::new(5, 1);
    let mut first = true;
    w.model = Box::new(move |_| {
        if std::mem::take(&mut first) {
            let mut events = turn("Half", &[]);
            events.retain(|e| e["messageStop"].is_null());
            return Says::Stalls(events);
        }
        text("Done.")
    });
    let run = w.start();
    w.until(run, |a| a.events.iter().any(|e| e["type"] == "task:message"));
    w.pass(50);
    w.command(run, Command::Pause);
    let outcome = w.finish(run).unwrap();
    assert_eq!((&outcome["status"], &outcome["usage"]["inputTokens"]), (&json!("paused"), &json!(10)));
    let spent = w.store.facts("spent");
    assert_eq!((spent.len(), &spent[0]["usage"]["inputTokens"]), (1, &json!(10)));
    let kinds: Vec<Value> = w.store.journal().last().unwrap().2.iter().map(|f| f["kind"].clone()).collect();
    assert_eq!(kinds[kinds.len() - 1], "ended", "the end comes last");
    let again = w.runner("resume", json!({}));
    assert_eq!(w.finish(again).unwrap()["usage"]["inputTokens"], 20);
    assert_eq!(w.store.facts("turn")[0]["usage"]["inputTokens"], 10);
}

#[test]
fn entries_and_messages_are_in_order_though_the_wall_clock_runs_back() {
    let mut w = World::new(5, 4);
    let run = w.start();
    while !w.is_over(run) {
        w.wall_shift -= 3_000;
        assert!(w.step());
    }
    assert_eq!(w.store.status(), "completed");
    let said: Vec<String> = w.store.thread().into_iter().map(|(_, content)| content).collect();
    let expected =
        ["1", "2", "3", "4"].iter().flat_map(|n| [format!("Working on: Item {n}"), "Done.".to_owned()]);
    assert_eq!(said, expected.collect::<Vec<_>>());
    let at: Vec<&str> = w.actors[run].events.iter().filter_map(|e| e["at"].as_str()).collect();
    assert!(at.windows(2).all(|pair| pair[0] <= pair[1]), "{at:?}");
}

#[test]
fn a_task_that_is_begun_anew_reopens_its_items_once() {
    let mut w = World::new(5, 2);
    let run = w.start();
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    w.outside(&["status"], json!("not_started"));
    let again = w.start();
    assert_eq!(w.finish(again).unwrap()["status"], "completed");
    let items = w.store.task()["progress"]["tasks"]["m1"].as_array().unwrap().clone();
    assert!(items.iter().all(|item| item["status"] == "completed"));
    assert_eq!(w.store.facts("reset").len(), 1);
    assert_eq!(w.store.facts("done").len(), 4);
    assert_eq!(w.store.task()["progress"]["overall_percentage"], 100);
}

#[test]
fn a_run_whose_task_nobody_else_writes_needs_no_commit_twice() {
    let mut w = World::new(5, 3);
    w.script(vec![uses("", &[("a", "work", json!({}))]), text("One."), text("Two."), text("Three.")]);
    let run = w.start();
    let seen = w.spy(run, |_| false);
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let sent = seen.borrow().iter().filter(|e| matches!(e, Effect::Commit { .. })).count() as u64;
    assert_eq!(sent, w.store.commits, "each that was sent is stored");
}

#[test]
fn a_status_is_told_as_soon_as_it_is_stored_and_before_the_events_of_its_entry() {
    let mut w = World::new(5, 1);
    let run = w.start();
    let seen = w.spy(run, |_| false);
    w.finish(run).unwrap();
    let told: Vec<String> = seen
        .borrow()
        .iter()
        .filter_map(|effect| match effect {
            Effect::Status { status } => Some(status.as_str().to_owned()),
            Effect::Emit { event } => event["type"].as_str().map(str::to_owned),
            _ => None,
        })
        .filter(|word| {
            ["in_progress", "task:started", "completed", "task:completed"].contains(&word.as_str())
        })
        .collect();
    assert_eq!(told, ["in_progress", "task:started", "completed", "task:completed"]);
}

#[test]
fn what_an_entry_takes_from_the_inbox_goes_with_it() {
    let mut w = World::new(5, 1);
    w.script(vec![uses("", &[("a", "work", json!({}))]), text("Done.")]);
    w.tool = Box::new(|_| Does::Takes(1_000, Box::new(Does::Returns(json!(1)))));
    let run = w.start();
    w.until(run, |a| !a.executed.is_empty());
    for words in ["one", "two", "three"] {
        w.say(words);
    }
    while w.store.facts("received").is_empty() {
        assert!(w.step());
    }
    assert_eq!(w.store.facts("received").len(), 3);
    assert!(w.store.documents.keys().all(|path| !path.contains("/inbox/")), "the entry holds them");
}

#[test]
fn progress_goes_with_its_fact_though_every_commit_meets_another_writer_now_and_then() {
    let mut w = World::new(5, 6);
    let conflicts = Rc::new(Cell::new(0));
    let n = Rc::clone(&conflicts);
    let mut of_this = String::new();
    let mut met = 0;
    // Twice in a row for each entry: never five times in a row, and more than five times in all.
    w.fault = Box::new(move |_, effect| {
        let Effect::Commit { writes, .. } = effect else { return Fault::None };
        let writes_task = |w: &StoreWrite| matches!(w, StoreWrite::Update { path, .. } if path == TASK_PATH);
        let Some(StoreWrite::Create { path, .. }) = writes
            .iter()
            .find(|w| matches!(w, StoreWrite::Create { path, .. } if path.contains("/journal/")))
        else {
            return Fault::None;
        };
        if !writes.iter().any(writes_task) {
            return Fault::None;
        }
        if *path != of_this {
            (of_this, met) = (path.clone(), 0);
        }
        met += 1;
        if met > 2 {
            return Fault::None;
        }
        n.set(n.get() + 1);
        Fault::Late(20)
    });
    let run = w.start();
    let (mut done, mut seen) = (0, 0);
    while !w.is_over(run) {
        if conflicts.get() > seen {
            seen = conflicts.get();
            w.outside(&["custom", "touched"], json!(seen));
        }
        assert!(w.step());
        let after = w.store.facts("done").len();
        if after > done {
            done = after;
            let item = &w.store.task()["progress"]["tasks"]["m1"][after - 1];
            assert_eq!(item["status"], "completed", "item {after}, after {seen} conflicts");
        }
    }
    assert!(done == 6 && seen > 10, "{done} items, {seen} conflicts");
}

#[test]
fn a_call_whose_start_landed_before_the_task_was_taken_over_is_left_to_the_new_owner() {
    let mut w = World::new(5, 1);
    let mut met = false;
    w.script(vec![uses("Working.", &[("a", "work", json!({}))])]);
    w.fault = Box::new(move |_, effect| {
        let meets = !met && stores(effect, "starting");
        met |= meets;
        if meets { Fault::LostReply } else { Fault::None }
    });
    let run = w.start();
    while w.store.facts("starting").is_empty() {
        assert!(w.step());
    }
    is_taken(&mut w);
    assert_eq!(w.finish(run).unwrap()["status"], "superseded");
    assert!(w.executions.is_empty());
}

#[test]
fn results_that_no_single_commit_holds_are_stored_by_several() {
    let mut w = World::new(5, 1);
    let ids = ["a", "b", "c", "d"];
    let calls: Vec<(&str, &str, Value)> = ids.iter().map(|id| (*id, "work", json!({ "of": id }))).collect();
    w.script(vec![uses("Working.", &calls), text("Done.")]);
    w.tool = Box::new(|_| Does::Returns(json!("x".repeat(70_000))));
    w.latency = 50;
    let limits = json!({ "documentBytes": 100_000, "commitBytes": 200_000 });
    let run = w.runner("start", json!({ "limits": limits }));
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let results = w.store.facts("result");
    assert_eq!(results.len(), 4);
    let in_one = |facts: &[Value]| facts.iter().filter(|fact| fact["kind"] == "result").count();
    assert_eq!(w.store.journal().iter().map(|(_, _, facts)| in_one(facts)).max(), Some(2), "as many as fit");
    for result in &results {
        assert_eq!(result["status"], "success");
        assert!(result.to_string().len() > 70_000, "whole");
    }
}

#[test]
fn what_passes_while_the_store_answers_is_active_time_too() {
    const LATENCY: u64 = 2_000;
    let mut w = World::new(5, 6);
    w.latency = LATENCY;
    let run = w.start();
    w.until(run, |a| a.settled.contains_key(&Ticket::STARTED));
    let began = w.now;
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let bodies = w.store.documents.iter().filter(|(path, _)| path.contains("/journal/"));
    let counted: u64 = bodies
        .map(|(_, (data, ..))| serde_json::from_str::<Value>(data["json"].as_str().unwrap()).unwrap())
        .map(|body| body["active_ms"].as_u64().unwrap())
        .sum();
    // Only what the last commit takes is counted by none.
    assert!(counted + 2 * LATENCY >= w.now - began, "{counted} of {}", w.now - began);
}

#[test]
fn a_resume_that_finishes_a_pause_first_needs_no_commit_twice() {
    let mut w = World::new(5, 1);
    w.model = Box::new(|_| Says::Stalls(vec![]));
    let run = w.start();
    w.until(run, |a| !a.requests.is_empty());
    w.crash(run);
    w.outside(&["status"], json!("paused"));
    w.now += 60_000;
    let before = w.store.commits;
    w.model = Box::new(|_| text("Done."));
    let run = w.runner("resume", json!({}));
    let seen = w.spy(run, |_| false);
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let sent = seen.borrow().iter().filter(|e| matches!(e, Effect::Commit { .. })).count() as u64;
    assert_eq!(sent, w.store.commits - before, "each that was sent is stored");
    let seen = seen.borrow();
    let paused = seen.iter().find(|effect| stores(effect, "ended")).unwrap();
    assert!(!stores(paused, "begun") && !writes_status(paused), "the task is paused until it begins");
}

/// Three results that come at once, the first of which goes alone: the sizes of the other two, and whether one entry
/// holds them.
fn two_results(bytes: usize) -> (usize, bool) {
    let mut w = World::new(5, 1);
    let ids = ["a", "b", "c"];
    let calls: Vec<(&str, &str, Value)> = ids.iter().map(|id| (*id, "work", json!({ "of": id }))).collect();
    w.script(vec![uses("Working.", &calls), text("Done.")]);
    w.tool = Box::new(move |call| {
        Does::Returns(json!("x".repeat(match call.id.as_str() {
            "a" => 1,
            "b" => 10_000,
            _ => bytes,
        })))
    });
    w.latency = 50;
    let limits = json!({ "documentBytes": 40_000, "commitBytes": 40_000 });
    let run = w.runner("start", json!({ "limits": limits }));
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let size = w.store.facts("result")[1..].iter().map(|fact| fact.to_string().len()).sum();
    let holds_two = |facts: &[Value]| facts.iter().filter(|fact| fact["kind"] == "result").count() == 2;
    (size, w.store.journal().iter().any(|(_, _, facts)| holds_two(facts)))
}

#[test]
fn what_is_due_fills_three_quarters_of_a_commit() {
    let (size, together) = two_results(10_000);
    assert!(together);
    let fills = 10_000 + 30_000 - size;
    assert_eq!(two_results(fills), (30_000, true));
    assert_eq!(two_results(fills + 1), (30_001, false));
}

#[test]
fn a_result_that_takes_the_room_of_several_goes_alone() {
    let mut w = World::new(5, 1);
    w.script(vec![uses("Working.", &[("a", "work", json!({}))]), text("Done.")]);
    // The largest that a commit of 100,000 takes; what names its call comes on top.
    let largest = 75_000 - r#"[{"text":""}]"#.len();
    w.tool = Box::new(move |_| Does::Returns(json!("x".repeat(largest))));
    let limits = json!({ "documentBytes": 100_000, "commitBytes": 100_000 });
    let run = w.runner("start", json!({ "limits": limits }));
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let result = &w.store.facts("result")[0];
    assert_eq!(result["status"], "success");
    assert!(result.to_string().len() > 75_000);
}

fn writes_status(effect: &Effect) -> bool {
    let Effect::Commit { writes, .. } = effect else { return false };
    writes.iter().any(|write| match write {
        StoreWrite::Update { fields, .. } => fields.iter().any(|field| field.path == ["status"]),
        _ => false,
    })
}

#[test]
fn a_run_that_takes_a_task_up_after_a_crash_writes_no_status() {
    let mut w = World::new(5, 1);
    w.model = Box::new(|_| Says::Stalls(vec![]));
    let run = w.start();
    w.until(run, |a| !a.requests.is_empty());
    w.crash(run);
    w.now += 60_000;
    let run = w.runner("run", json!({}));
    let seen = w.spy(run, |_| false);
    w.until(run, |a| !a.requests.is_empty());
    assert_eq!(w.store.facts("begun").len(), 2);
    assert!(!seen.borrow().iter().any(writes_status));
}
