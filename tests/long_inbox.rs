//! An inbox that no look reads to its end: what lies behind it is read before anything is finished.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use support::*;
use task_execution_engine::effect::Effect;
use task_execution_engine::facts::fact::Decision;

/// Documents that a newer version may know lie before whatever is sent: a look reads so many and goes on later.
fn left_alone(w: &mut World, count: usize, bytes: usize) {
    for n in 0..count {
        let path = format!("{TASK_PATH}/inbox/0000000000000-{n:04}");
        w.store.put(&path, json!({ "kind": "later", "text": "x".repeat(bytes) }), w.now);
    }
}

fn messages(w: &mut World, count: usize) {
    for n in 0..count {
        let message = json!({ "kind": "message", "text": format!("{n}") });
        w.store.put(&format!("{TASK_PATH}/inbox/{n:013}-x"), message, w.now);
    }
}

/// The kinds of facts that are stored, of two of them.
fn order(w: &World, of: [&str; 2]) -> Vec<Value> {
    let facts = w.store.journal().into_iter().flat_map(|(_, _, facts)| facts);
    facts.map(|fact| fact["kind"].clone()).filter(|kind| of.iter().any(|of| kind == of)).collect()
}

#[test]
fn no_item_is_finished_while_part_of_the_inbox_is_unread() {
    for explicit in [false, true] {
        let mut w = World::new(1, 2);
        // More than the looks before and after the first turn read.
        left_alone(&mut w, 850, 1);
        w.say("Wait!");
        let mut turns = 0;
        w.model = Box::new(move |_| {
            turns += 1;
            let id = format!("c{turns}");
            if explicit { uses("", &[(&id, "complete_task_item", json!({}))]) } else { text("Done.") }
        });
        let completion = if explicit { "explicit" } else { "end_turn" };
        let run = w.runner("start", json!({ "options": { "completion": completion } }));
        assert_eq!(w.finish(run).unwrap()["status"], "completed");
        assert_eq!(order(&w, ["received", "done"]), ["received", "done", "done"], "{completion}");
    }
}

#[test]
fn no_task_is_completed_while_part_of_the_inbox_is_unread() {
    let mut w = World::new(2, 1);
    left_alone(&mut w, 450, 1);
    w.say("Wait!");
    w.outside(&["progress", "tasks", "m1"], json!([{ "id": "i1", "name": "Item 1", "status": "completed" }]));
    let run = w.start();
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!(order(&w, ["received", "ended"]), ["received", "ended"]);
}

#[test]
fn the_status_of_a_completed_task_is_restored_only_once_all_of_the_inbox_is_read() {
    let mut w = World::new(5, 1);
    let run = w.start();
    w.finish(run).unwrap();
    w.outside(&["status"], json!("in_progress"));
    left_alone(&mut w, 850, 1);
    w.say("Wait!");
    let run = w.runner("run", json!({}));
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!((w.store.facts("received").len(), w.actors[run].requests.len()), (1, 1));
}

fn is_read(effect: &Effect) -> bool {
    matches!(effect, Effect::Read { paths, .. } if paths == &[TASK_PATH])
}

fn lists_inbox(effect: &Effect) -> bool {
    matches!(effect, Effect::List { collection, .. } if collection.ends_with("/inbox"))
}

#[test]
fn a_look_reads_no_more_than_sixteen_megabytes_before_the_run_goes_on() {
    let mut w = World::new(3, 1);
    left_alone(&mut w, 26, 990_000);
    let run = w.start();
    let seen = w.spy(run, |_| false);
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let seen = seen.borrow();
    let looks = seen.iter().filter(|effect| is_read(effect) || lists_inbox(effect));
    let mut pages = vec![0];
    for effect in looks {
        match pages.last_mut() {
            Some(count) if lists_inbox(effect) => *count += 1,
            _ => pages.push(0),
        }
    }
    assert!(pages.contains(&3) && pages.iter().all(|count| *count <= 3), "pages of eight a look: {pages:?}");
}

#[test]
fn an_entry_takes_no_more_messages_than_a_look_may_hold() {
    let mut w = World::new(4, 1);
    messages(&mut w, 230);
    let run = w.start();
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let received = |facts: &Vec<Value>| facts.iter().filter(|fact| fact["kind"] == "received").count();
    let entries: Vec<usize> = w.store.journal().iter().map(|(_, _, facts)| received(facts)).collect();
    assert_eq!(entries.iter().sum::<usize>(), 230);
    assert!(entries.iter().all(|count| *count <= 100), "{entries:?}");
}

#[test]
fn a_run_that_yields_for_people_has_read_all_that_they_sent() {
    let mut w = World::new(6, 1);
    w.vet = Box::new(|_| json!({ "verdict": "approve" }));
    w.script(vec![uses("", &[("a", "work", json!({}))]), text("Done.")]);
    let yields = json!({ "options": { "whileWaiting": "yield" } });
    let run = w.runner("start", yields.clone());
    assert_eq!(w.finish(run).unwrap()["reason"], "waiting");
    left_alone(&mut w, 850, 1);
    w.decide("a", Decision::Approve { note: None });
    let run = w.runner("run", yields);
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!(w.executions.len(), 1);
}

#[test]
fn a_look_that_is_full_on_its_last_page_has_not_read_the_inbox_to_its_end() {
    let mut w = World::new(7, 1);
    messages(&mut w, 103);
    let run = w.start();
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!(w.store.facts("received").len(), 103);
    let last = order(&w, ["received", "done"]).pop().unwrap();
    assert_eq!(last, "done", "nothing is finished before all are read");
}
