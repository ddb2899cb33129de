//! The look at task and inbox: what others put there counts from the moment in which it is stored.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use std::cell::Cell;
use std::rc::Rc;
use support::*;
use task_execution_engine::effect::{Effect, Input};
use task_execution_engine::storage::inbox::InboxItem;

/// The entry that holds the first fact that fits.
fn entry_of(w: &World, fits: impl Fn(&Value) -> bool) -> Option<u64> {
    w.store.journal().iter().find(|(.., facts)| facts.iter().any(&fits)).map(|(seq, ..)| *seq)
}

fn closes(fact: &Value, item: &str) -> bool {
    fact["kind"] == "done" && fact["item"]["item"] == item
}

/// Two items, each done in a turn with a tool and one without.
fn two_items(options: Value, explicit: bool) -> (World, usize) {
    let mut w = World::new(11, 2);
    let mut n = 0;
    w.model = Box::new(move |request| {
        n += 1;
        let last = request.last().unwrap().to_string();
        let answers = last.contains("toolResult");
        match (explicit, answers) {
            (true, false) => uses("So.", &[(&format!("c{n}"), "complete_task_item", json!({}))]),
            (false, false) => uses("So.", &[(&format!("c{n}"), "work", json!({ "n": n }))]),
            (_, true) => text("Well."),
        }
    });
    let run = w.runner("start", json!({ "options": options }));
    (w, run)
}

#[test]
fn no_item_is_completed_before_a_message_that_was_stored_earlier() {
    for explicit in [false, true] {
        let options = if explicit { json!({ "completion": "explicit" }) } else { json!({}) };
        for steps in 0.. {
            let (mut w, run) = two_items(options.clone(), explicit);
            let ended = (0..steps).any(|_| w.is_over(run) || !w.step()) || w.is_over(run);
            if ended {
                assert!(steps > 20, "{steps}");
                break;
            }
            let open: Vec<&str> = ["i1", "i2"]
                .into_iter()
                .filter(|item| entry_of(&w, |fact| closes(fact, item)).is_none())
                .collect();
            w.say("Wait.");
            if w.store.status() == "completed" {
                continue;
            }
            assert_eq!(w.finish(run).unwrap()["status"], "completed");
            let received = entry_of(&w, |fact| fact["kind"] == "received").expect("it is received");
            for item in open {
                let closed = entry_of(&w, |fact| closes(fact, item)).unwrap();
                assert!(received < closed, "sent after {steps} steps: {received}, {item} closed by {closed}");
            }
        }
    }
}

/// One item and a tool that takes its time, or never returns; whoever lists the inbox waits.
fn slow_listings(returns: bool) -> (World, usize) {
    let mut w = World::new(11, 1);
    w.script(vec![uses("So.", &[("c", "work", json!({}))]), text("Well."), text("And well.")]);
    w.tools[0]["timeoutMs"] = json!(200);
    w.tool = Box::new(move |_| match returns {
        true => Does::Takes(200, Box::new(Does::Returns(json!(1)))),
        false => Does::Deaf,
    });
    w.fault = Box::new(|_, effect| match effect {
        Effect::List { collection, .. } if collection.ends_with("/inbox") => Fault::Late(30),
        _ => Fault::None,
    });
    let run = w.runner("start", json!({}));
    (w, run)
}

#[test]
fn a_message_is_read_before_the_task_completes_although_the_inbox_is_listed_meanwhile() {
    let completed = json!([{ "id": "i1", "name": "Item 1", "description": "", "status": "completed" }]);
    let mut met = 0;
    for (returns, completed_at, said_at) in [true, false]
        .into_iter()
        .flat_map(|returns| (0..320).step_by(10).map(move |at| (returns, at)))
        .flat_map(|(returns, at)| (at..400).step_by(10).map(move |then| (returns, at, then)))
    {
        let (mut w, run) = slow_listings(returns);
        w.pass(completed_at);
        w.outside(&["progress", "tasks", "m1"], completed.clone());
        for ms in [20, said_at - completed_at] {
            w.give(run, Input::Changed);
            w.pass(ms);
        }
        if w.store.status() == "completed" {
            continue;
        }
        w.say("Wait.");
        w.give(run, Input::Changed);
        met += 1;
        assert_eq!(w.finish(run).unwrap()["status"], "completed");
        let received = entry_of(&w, |fact| fact["kind"] == "received");
        let ended = entry_of(&w, |fact| fact["kind"] == "ended");
        assert!(received.is_some() && received < ended, "{returns}, {completed_at}, {said_at}: {received:?}");
    }
    assert!(met > 500, "{met}");
}

#[test]
fn a_message_that_stands_in_the_thread_already_is_not_put_there_again() {
    for in_thread in [true, false] {
        let mut w = World::new(11, 1);
        w.put_into_inbox(&InboxItem::Message {
            id: "m".into(),
            text: "Hello.".into(),
            in_thread,
            content: None,
        });
        let run = w.start();
        assert_eq!(w.finish(run).unwrap()["status"], "completed");
        let said =
            w.store.thread().iter().filter(|(role, content)| role == "user" && content == "Hello.").count();
        assert_eq!(said, usize::from(!in_thread));
        assert!(json!(w.actors[run].requests).to_string().contains("Hello."));
        assert!(w.store.documents.keys().all(|path| !path.contains("/inbox/")));
    }
}

#[test]
fn an_item_that_others_add_in_any_moment_is_worked_on_before_the_task_is_completed() {
    for steps in 0.. {
        let (mut w, run) = two_items(json!({}), false);
        if (0..steps).any(|_| w.is_over(run) || !w.step())
            || w.is_over(run)
            || w.store.status() == "completed"
        {
            assert!(steps > 20, "{steps}");
            break;
        }
        let mut items = w.store.task()["progress"]["tasks"]["m1"].as_array().unwrap().clone();
        items.push(json!({ "id": "i3", "name": "Item 3", "status": "not_started" }));
        w.outside(&["progress", "tasks", "m1"], json!(items));
        assert_eq!(w.finish(run).unwrap()["status"], "completed");
        assert!(entry_of(&w, |fact| closes(fact, "i3")).is_some(), "added after {steps} steps");
        let shown = w.store.task()["progress"]["tasks"]["m1"].as_array().unwrap().clone();
        assert!(shown.len() == 3 && shown.iter().all(|item| item["status"] == "completed"));
    }
}

#[test]
fn a_message_that_waits_is_answered_though_every_item_is_completed_when_the_run_begins() {
    let mut w = World::new(1, 1);
    let items = json!([{ "id": "i1", "name": "Item 1", "description": "", "status": "completed" }]);
    w.outside(&["progress", "tasks", "m1"], items);
    w.say("Is that all?");
    w.script(vec![text("It is.")]);
    let run = w.start();
    let outcome = w.finish(run).unwrap();
    assert_eq!((&outcome["status"], &outcome["text"]), (&json!("completed"), &json!("It is.")));
}

#[test]
fn a_look_from_before_a_conflict_does_not_take_back_the_pause_that_the_conflict_has_shown() {
    let mut w = World::new(2, 1);
    w.script(vec![uses("", &[("a", "work", json!({})), ("b", "look", json!({}))])]);
    w.tool = Box::new(|call| match call.id.as_str() {
        "a" => Does::Takes(1_000, Box::new(Does::Returns(json!(1)))),
        _ => Does::Deaf,
    });
    let slow = Rc::new(Cell::new(false));
    let is_slow = Rc::clone(&slow);
    w.fault = Box::new(move |_, effect| match effect {
        Effect::Read { .. } if is_slow.get() => Fault::Late(3_000),
        _ => Fault::None,
    });
    let run = w.start();
    w.until(run, |a| a.executed.len() == 2);
    // A plan as it was before: the result is going to bring it up to date.
    let shown = w.store.task()["progress"].clone();
    w.outside(&["progress", "tasks"], task_with(1)["progress"]["tasks"].clone());
    w.give(run, Input::Changed);
    w.pass(20);
    slow.set(true);
    w.give(run, Input::Changed);
    slow.set(false);
    w.outside(&["progress"], shown);
    w.outside(&["status"], json!("paused"));
    let paused = w.now;
    assert_eq!(w.finish(run).unwrap()["status"], "paused");
    let took = w.now - paused;
    assert!((10_000..12_000).contains(&took), "the grace counts from when it was known: {took}");
}

#[test]
fn a_look_from_while_the_model_spoke_does_not_finish_the_item() {
    let mut w = World::new(20, 1);
    let mut turns = 0;
    w.model = Box::new(move |_| {
        turns += 1;
        if turns == 1 { Says::Drips(4_000, turn("Done.", &[])) } else { text("Read.") }
    });
    let run = w.start();
    // A look at the heartbeat, and the message comes after it.
    w.pass(14_000);
    w.say("Wait!");
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let kinds = w.store.journal().into_iter().flat_map(|(_, _, facts)| facts).map(|f| f["kind"].clone());
    let order: Vec<_> = kinds.filter(|kind| kind == "received" || kind == "done").collect();
    assert_eq!(order, ["received", "done"]);
}
