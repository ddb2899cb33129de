//! What arrives while an entry, a look or a question is on its way.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use support::spy::Seen;
use support::*;
use task_execution_engine::effect::{Effect, Input, Question, Ticket};
use task_execution_engine::facts::fact::Decision;
use task_execution_engine::store::{StoreError, StoreErrorCode};

fn stores(effect: &Effect, kind: &str) -> bool {
    let kind = format!("\\\"kind\\\":\\\"{kind}\\\"");
    matches!(effect, Effect::Commit { writes, .. } if format!("{writes:?}").contains(&kind))
}

/// The store does so with the first commit that holds a fact of this kind.
fn spoil_first(w: &mut World, kind: &'static str, fault: Fault) {
    let mut spoilt = false;
    w.fault = Box::new(move |_, effect| {
        if spoilt || !stores(effect, kind) {
            return Fault::None;
        }
        spoilt = true;
        fault
    });
}

fn until(w: &mut World, seen: &Seen, so: impl Fn(&Effect) -> bool) {
    while !seen.borrow().iter().any(&so) {
        assert!(w.step(), "it does not come to that");
    }
}

fn is_look(effect: &Effect) -> bool {
    matches!(effect, Effect::Read { paths, .. } if paths == &[TASK_PATH])
}

fn prompts(effect: &Effect) -> bool {
    matches!(effect, Effect::Ask { question: Question::Prompt { .. }, .. })
}

/// `look` returns at once, `work` never does.
fn two_calls(seed: u64) -> World {
    let mut w = World::new(seed, 1);
    w.script(vec![uses("", &[("a", "look", json!({})), ("b", "work", json!({}))])]);
    w.tool = Box::new(|call| if call.name == "look" { Does::Returns(json!(1)) } else { Does::Hangs });
    w
}

#[test]
fn a_stop_from_elsewhere_is_obeyed_while_an_entry_is_on_its_way() {
    let mut w = two_calls(1);
    spoil_first(&mut w, "result", Fault::Late(3_000));
    let run = w.runner("start", json!({ "hasWatch": true }));
    let seen = w.spy(run, |_| false);
    until(&mut w, &seen, |effect| stores(effect, "result"));
    w.outside(&["execution", "abort_reason"], json!("stopped"));
    w.outside(&["status"], json!("paused"));
    w.give(run, Input::Changed);
    w.pass(100);
    let runs = |effect: &Effect| match effect {
        Effect::RunTool { ticket, call, .. } if call.name == "work" => Some(*ticket),
        _ => None,
    };
    let ticket = seen.borrow().iter().find_map(runs).unwrap();
    assert!(seen.borrow().contains(&Effect::Cancel { ticket }), "its call goes on");
    assert_eq!(w.finish(run).unwrap()["status"], "stopped");
}

#[test]
fn what_was_not_stored_is_sent_again_as_it_was_whatever_others_do_to_the_document() {
    let mut w = two_calls(2);
    spoil_first(&mut w, "result", Fault::Fails(StoreErrorCode::Conflict));
    let run = w.start();
    let seen = w.spy(run, |_| false);
    until(&mut w, &seen, |effect| stores(effect, "result"));
    w.outside(&["custom"], json!("touched"));
    w.pass(1_000);
    let sent: Vec<Value> =
        seen.borrow()
            .iter()
            .filter(|effect| stores(effect, "result"))
            .map(|effect| {
                if let Effect::Commit { writes, .. } = effect {
                    json!(format!("{writes:?}"))
                } else {
                    json!(0)
                }
            })
            .collect();
    assert_eq!((sent.len(), &sent[0]), (2, &sent[1]));
    w.command(run, task_execution_engine::effect::Command::Stop { reason: None });
    w.finish(run).unwrap();
}

#[test]
fn a_look_that_a_commit_of_the_task_overtakes_is_taken_back_and_made_again() {
    let mut w = World::new(3, 2);
    let mut turns = 0;
    w.model = Box::new(move |_| {
        turns += 1;
        if turns == 1 { text("Done.") } else { Says::Stalls(vec![]) }
    });
    let run = w.runner("start", json!({ "hasPrompt": true, "hasWatch": true }));
    w.until(run, |a| a.requests.len() == 1);
    let seen = w.spy(run, prompts);
    until(&mut w, &seen, prompts);
    w.fault = Box::new(
        |_, effect| if matches!(effect, Effect::List { .. }) { Fault::Late(500) } else { Fault::None },
    );
    let before = seen.borrow().len();
    w.give(run, Input::Changed);
    w.pass(50);
    let listing =
        |effect: &Effect| if let Effect::List { ticket, .. } = effect { Some(*ticket) } else { None };
    let ticket = seen.borrow()[before..].iter().find_map(listing).expect("it looks");
    let asks = |effect: &Effect| if let Effect::Ask { ticket, .. } = effect { Some(*ticket) } else { None };
    let asked: Vec<Ticket> = seen.borrow().iter().filter_map(asks).collect();
    w.give(run, Input::Answered { ticket: asked[0], result: Ok(json!("Do it")) });
    w.pass(50);
    let seen = seen.borrow();
    let cancelled =
        seen.iter().position(|effect| *effect == Effect::Cancel { ticket }).expect("it is taken back");
    assert!(seen[cancelled..].iter().any(is_look), "what was heard of is not looked for");
}

#[test]
fn the_words_for_an_item_are_asked_for_anew_where_the_conversation_has_gone_on_before_they_were_used() {
    let mut w = World::new(3, 2);
    w.script(vec![text("First."), text("You are welcome."), text("Second.")]);
    let run = w.runner("start", json!({ "hasPrompt": true }));
    w.until(run, |a| a.requests.len() == 1);
    let seen = w.spy(run, prompts);
    let ticket = |seen: &Seen| {
        seen.borrow().iter().rev().find_map(|effect| match effect {
            Effect::Ask { ticket, question: Question::Prompt { .. } } => Some(*ticket),
            _ => None,
        })
    };
    until(&mut w, &seen, prompts);
    let first = ticket(&seen).unwrap();
    w.say("Thanks.");
    w.give(run, Input::Answered { ticket: first, result: Ok(json!("Old words")) });
    while ticket(&seen) == Some(first) {
        assert!(w.step());
    }
    w.give(run, Input::Answered { ticket: ticket(&seen).unwrap(), result: Ok(json!("New words")) });
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!(w.store.facts("stated")[1]["text"], "New words");
}

#[test]
fn words_that_were_asked_for_before_a_message_and_come_after_it_are_used_for_nothing() {
    let mut w = World::new(3, 2);
    w.script(vec![text("First."), text("You are welcome."), text("Second.")]);
    let run = w.runner("start", json!({ "hasPrompt": true, "hasWatch": true }));
    w.until(run, |a| a.requests.len() == 1);
    let seen = w.spy(run, prompts);
    let asked = |seen: &Seen| {
        let ask = |effect: &Effect| match effect {
            Effect::Ask { ticket, question: Question::Prompt { .. } } => Some(*ticket),
            _ => None,
        };
        seen.borrow().iter().filter_map(ask).collect::<Vec<_>>()
    };
    until(&mut w, &seen, prompts);
    let first = asked(&seen)[0];
    w.say("Thanks.");
    w.give(run, Input::Changed);
    w.until(run, |a| a.requests.len() == 2);
    w.give(run, Input::Answered { ticket: first, result: Ok(json!("Old words")) });
    while asked(&seen).len() < 2 {
        assert!(w.step());
    }
    w.give(run, Input::Answered { ticket: asked(&seen)[1], result: Ok(json!("New words")) });
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!(w.store.facts("stated")[1]["text"], "New words");
}

#[test]
fn a_run_that_a_look_interrupts_gives_the_lease_back_though_its_commit_met_another_version_of_the_task() {
    let mut w = World::new(3, 2);
    w.script(vec![text("First.")]);
    let run = w.runner("start", json!({ "hasPrompt": true, "hasWatch": true }));
    w.until(run, |a| a.requests.len() == 1);
    let seen = w.spy(run, prompts);
    until(&mut w, &seen, prompts);
    w.fault = Box::new(|_, effect| match effect {
        Effect::Read { .. } => Fault::Late(500),
        Effect::Commit { .. } => Fault::Late(200),
        _ => Fault::None,
    });
    w.give(run, Input::Changed);
    let ticket = |kind: fn(&Effect) -> Option<Ticket>| seen.borrow().iter().rev().find_map(kind).unwrap();
    let look = ticket(|effect| if let Effect::Read { ticket, .. } = effect { Some(*ticket) } else { None });
    let asked = ticket(|effect| if let Effect::Ask { ticket, .. } = effect { Some(*ticket) } else { None });
    w.give(run, Input::Answered { ticket: asked, result: Ok(json!("Do it")) });
    w.pass(20);
    w.outside(&["custom", "by"], json!("another"));
    let denied = StoreError { code: StoreErrorCode::Denied, message: "no".into(), cause: None };
    w.give(run, Input::Read { ticket: look, result: Err(denied) });
    assert_eq!(w.finish(run).unwrap()["error"]["code"], "STORE_DENIED");
    assert_eq!((w.head().get("owner"), w.store.facts("done").len()), (None, 0));
}

#[test]
fn a_look_that_is_due_while_the_task_is_written_follows_at_once() {
    let mut w = World::new(4, 2);
    let mut turns = 0;
    w.model = Box::new(move |_| {
        turns += 1;
        if turns == 1 { text("Done.") } else { Says::Stalls(vec![]) }
    });
    spoil_first(&mut w, "done", Fault::Late(1_500));
    let run = w.runner("start", json!({ "options": { "leaseTtlMs": 3_000 } }));
    let seen = w.spy(run, |_| false);
    until(&mut w, &seen, |effect| stores(effect, "done"));
    let before = seen.borrow().len();
    w.pass(1_600);
    assert_eq!(w.store.facts("done").len(), 1);
    assert_eq!(seen.borrow()[before..].iter().filter(|effect| is_look(effect)).count(), 1);
}

#[test]
fn a_look_that_began_before_a_message_does_not_stand_for_one_after_it() {
    let mut w = World::new(5, 1);
    let mut turns = 0;
    w.model = Box::new(move |_| {
        turns += 1;
        if turns == 1 { Says::Stalls(turn("Done.", &[])) } else { text("Read.") }
    });
    let renews = |effect: &Effect| matches!(effect, Effect::Commit { writes, .. } if writes.len() == 1);
    w.fault = Box::new(move |_, effect| if renews(effect) { Fault::Late(400) } else { Fault::None });
    let run = w.runner("start", json!({ "hasWatch": true, "options": { "leaseTtlMs": 3_000 } }));
    w.until(run, |a| !a.requests.is_empty());
    let seen = w.spy(run, |_| false);
    // The turn ends while a renewal is on its way: what completes the task has to wait, its look has not.
    until(&mut w, &seen, renews);
    let ticket = *w.actors[run].open.iter().next().unwrap();
    w.give(run, Input::StreamEnded { ticket, result: Ok(()) });
    w.pass(10);
    // Another look lists the inbox, and hears of that late.
    w.fault = Box::new(|_, effect| match effect {
        Effect::List { .. } => Fault::Late(1_000),
        effect if stores(effect, "ended") => Fault::Late(50),
        _ => Fault::None,
    });
    w.give(run, Input::Changed);
    until(&mut w, &seen, |effect| stores(effect, "ended"));
    w.say("Wait!");
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!((w.store.facts("received").len(), w.actors[run].requests.len()), (1, 2));
}

#[test]
fn results_do_not_wait_for_the_words_for_the_next_item_and_nothing_else_goes_ahead_of_them() {
    let mut w = World::new(6, 2);
    w.script(vec![uses("", &[("a", "look", json!({})), ("b", "work", json!({}))]), text("Done.")]);
    w.tool = Box::new(|call| {
        Does::Takes(if call.name == "look" { 100 } else { 1_000 }, Box::new(Does::Returns(json!(1))))
    });
    spoil_first(&mut w, "result", Fault::Late(2_000));
    let run = w.runner("start", json!({ "hasPrompt": true, "hasWatch": true }));
    w.until(run, |a| a.executed.len() == 2);
    w.pass(500);
    let item = |id: &str, status: &str| json!({ "id": id, "name": format!("Item {id}"), "status": status });
    w.outside(&["progress", "tasks", "m1"], json!([item("i1", "completed"), item("i2", "not_started")]));
    let id = w.say("Hello?");
    w.give(run, Input::Changed);
    let seen = w.spy(run, prompts);
    until(&mut w, &seen, prompts);
    assert_eq!(w.events(run, "task:tool_result").len(), 1, "it is asked while the second is being stored");
    w.pass(1_000);
    assert_eq!(w.events(run, "task:tool_result").len(), 2);
    assert!(w.store.facts("received").is_empty() && w.store.facts("done").is_empty());
    assert!(
        w.store.get(&format!("{TASK_PATH}/inbox/{id}")).is_some(),
        "a message that nobody has read is gone"
    );
    let shown = |w: &World| w.head()["summary"]["item"]["id"].clone();
    let pointed = |w: &World| w.store.get(TASK_PATH).unwrap()["progress"]["current_task"].clone();
    assert_eq!((shown(&w), pointed(&w)), (json!("i1"), json!("i1")));
    let asks = |effect: &Effect| if let Effect::Ask { ticket, .. } = effect { Some(*ticket) } else { None };
    let ticket = seen.borrow().iter().find_map(asks).unwrap();
    w.give(run, Input::Answered { ticket, result: Ok(json!("Do it")) });
    w.until(run, |a| a.requests.len() == 2);
    assert_eq!((shown(&w), pointed(&w)), (json!("i2"), json!("i2")));
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!(w.store.facts("received").len(), 1);
}

#[test]
fn what_others_do_while_an_approved_call_runs_past_its_time_is_seen_before_the_model_is_asked() {
    let mut w = World::new(7, 1);
    w.tools[0]["timeoutMs"] = json!(1_000);
    w.vet = Box::new(|_| json!({ "verdict": "approve" }));
    w.script(vec![uses("", &[("a", "work", json!({}))])]);
    w.tool = Box::new(|_| Does::Hangs);
    let run = w.start();
    w.until_event(run, "task:approval_required");
    w.decide("a", Decision::Approve { note: None });
    w.until(run, |a| !a.executed.is_empty());
    w.pass(500);
    w.outside(&["status"], json!("paused"));
    assert_eq!(w.finish(run).unwrap()["status"], "paused");
    assert_eq!(w.actors[run].requests.len(), 1);
}

#[test]
fn the_document_points_to_the_next_item_when_the_model_is_told_of_it() {
    let mut w = World::new(8, 2);
    let mut turns = 0;
    w.model = Box::new(move |_| {
        turns += 1;
        if turns == 1 { uses("", &[("a", "work", json!({}))]) } else { Says::Stalls(vec![]) }
    });
    w.tool = Box::new(|_| Does::Takes(3_000, Box::new(Does::Returns(json!(1)))));
    let run = w.runner("start", json!({ "hasWatch": true }));
    w.until(run, |a| !a.executed.is_empty());
    let item = |id: &str, status: &str| json!({ "id": id, "name": format!("Item {id}"), "status": status });
    w.outside(&["progress", "tasks", "m1"], json!([item("i1", "completed"), item("i2", "not_started")]));
    w.give(run, Input::Changed);
    w.pass(1_000);
    assert_eq!((w.store.facts("done").len(), w.store.facts("stated").len()), (1, 1));
    w.until(run, |a| a.requests.len() == 2);
    let progress = &w.store.get(TASK_PATH).unwrap()["progress"];
    assert_eq!(
        (&progress["current_task"], &progress["tasks"]["m1"][1]["status"]),
        (&json!("i2"), &json!("in_progress"))
    );
}
