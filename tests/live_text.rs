//! The text of a turn under way, as it is stored for followers in other processes.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Map, Value, json};
use std::cell::RefCell;
use std::rc::Rc;
use support::*;
use task_execution_engine::effect::{Command, Effect, Input};
use task_execution_engine::store::{StoreErrorCode, StoreWrite};

const LIVE: &str = "users/u/tasks/t/engine/live";

fn every(ms: u64) -> Value {
    json!({ "options": { "liveMs": ms } })
}

fn delta(text: &str) -> Value {
    json!({ "contentBlockDelta": { "contentBlockIndex": 0, "delta": { "text": text } } })
}

/// A whole turn whose text comes in these pieces.
fn pieces(texts: &[&str]) -> Vec<Value> {
    let mut events = vec![json!({ "messageStart": { "role": "assistant" } })];
    events.extend(texts.iter().map(|text| delta(text)));
    events.push(json!({ "contentBlockStop": { "contentBlockIndex": 0 } }));
    events.push(json!({ "messageStop": { "stopReason": "end_turn" } }));
    events
}

/// A write to the live text: when, which kind, and what.
#[derive(Clone, Debug)]
struct Write {
    create: bool,
    data: Map<String, Value>,
}

type Writes = Rc<RefCell<Vec<Write>>>;

fn live_write(effect: &Effect) -> Option<Write> {
    let Effect::Commit { writes, .. } = effect else { return None };
    let is_live = |write: &StoreWrite| match write {
        StoreWrite::Create { path, .. } | StoreWrite::Update { path, .. } => path == LIVE,
        StoreWrite::Delete { .. } => false,
    };
    if !writes.iter().any(is_live) {
        return None;
    }
    assert_eq!(writes.len(), 1, "it is part of no commit");
    Some(match &writes[0] {
        StoreWrite::Create { data, .. } => Write { create: true, data: data.clone() },
        StoreWrite::Update { fields, if_version, .. } => {
            assert_eq!(*if_version, None);
            let data = fields.iter().map(|f| (f.path.join("."), f.value.clone().unwrap())).collect();
            Write { create: false, data }
        }
        StoreWrite::Delete { .. } => panic!("a run deletes no live text"),
    })
}

/// Notes the writes, and has the store do with the nth what `fault` says.
fn watch(w: &mut World, mut fault: impl FnMut(usize) -> Fault + 'static) -> Writes {
    let writes = Writes::default();
    let seen = Rc::clone(&writes);
    w.fault = Box::new(move |_, effect| match live_write(effect) {
        None => Fault::None,
        Some(write) => {
            seen.borrow_mut().push(write);
            fault(seen.borrow().len())
        }
    });
    writes
}

fn texts(writes: &Writes) -> Vec<String> {
    writes.borrow().iter().map(|write| write.data["text"].as_str().unwrap().to_owned()).collect()
}

const WORDS: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];

#[test]
fn what_a_turn_has_said_is_stored_as_often_as_was_asked_and_by_nothing_else() {
    let mut w = World::new(1, 1);
    let writes = watch(&mut w, |_| Fault::None);
    w.script(vec![Says::Drips(300, pieces(&WORDS))]);
    let run = w.runner("start", every(1_000));
    w.until(run, |a| a.open.len() == 1);
    let begun = w.now;
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let said = texts(&writes);
    // Of about four and a half seconds.
    assert!((3..=5).contains(&said.len()), "{said:?}, {} ms", w.now - begun);
    assert!(said.iter().all(|text| "abcdefghijkl".starts_with(text) && !text.is_empty()), "{said:?}");
    assert!(said.windows(2).all(|two| two[0].len() < two[1].len()), "{said:?}");
    assert_eq!(writes.borrow().iter().filter(|write| write.create).count(), 1);
    let (first, head) = (writes.borrow()[0].data.clone(), w.head().clone());
    let message = w.events(run, "task:message_saved").last().unwrap()["messageId"].clone();
    assert_eq!(first["message_id"], message);
    assert_eq!(
        (&first["history"], &first["epoch"], &first["attempt"], &first["offset"]),
        (&head["history"], &head["epoch"], &json!(1), &json!(0))
    );
    assert_eq!(first.len(), 6);
}

#[test]
fn without_being_asked_a_run_stores_no_live_text() {
    for options in [json!({}), every(9_007_199_254_740_991)] {
        let mut w = World::new(2, 1);
        let writes = watch(&mut w, |_| Fault::None);
        w.script(vec![Says::Drips(3_000, pieces(&WORDS))]);
        let run = w.runner("start", options);
        assert_eq!(w.finish(run).unwrap()["status"], "completed");
        assert!(writes.borrow().is_empty() && w.store.get(LIVE).is_none());
    }
}

#[test]
fn of_a_long_text_the_last_four_kilobytes_are_stored_and_where_they_begin() {
    let piece = "a\u{1f600}é".repeat(700);
    let said = piece.repeat(5);
    let mut w = World::new(3, 1);
    let writes = watch(&mut w, |_| Fault::None);
    w.script(vec![Says::Drips(600, pieces(&[piece.as_str(); 5]))]);
    let run = w.runner("start", every(500));
    w.finish(run).unwrap();
    let units: Vec<u16> = said.encode_utf16().collect();
    assert!(writes.borrow().len() >= 5);
    for write in writes.borrow().iter() {
        let text = write.data["text"].as_str().unwrap();
        assert!(text.len() <= 4_096 && text.len() > 4_090, "{}", text.len());
        let offset = usize::try_from(write.data["offset"].as_u64().unwrap()).unwrap();
        let here: Vec<u16> = text.encode_utf16().collect();
        assert_eq!(units[offset..offset + here.len()], here);
    }
}

#[test]
fn a_later_run_goes_on_with_the_document_that_is_there() {
    let mut w = World::new(4, 1);
    let writes = watch(&mut w, |_| Fault::None);
    let mut n = 0;
    w.model = Box::new(move |_| {
        n += 1;
        if n == 1 { Says::Stalls(vec![delta("Lost.")]) } else { Says::Drips(400, pieces(&WORDS)) }
    });
    let first = w.runner("start", every(1_000));
    w.until(first, |a| a.open.len() == 1);
    w.pass(5_000);
    assert_eq!(texts(&writes), ["Lost."], "nothing is stored again that has not changed");
    w.crash(first);
    let second = w.runner("run", every(1_000));
    assert_eq!(w.finish(second).unwrap()["status"], "completed");
    let creates: Vec<bool> = writes.borrow().iter().map(|write| write.create).collect();
    // It finds the document by trying to create it.
    assert_eq!(creates.iter().filter(|create| **create).count(), 2, "{creates:?}");
    let last = w.store.get(LIVE).unwrap();
    assert_eq!((&last["epoch"], &last["attempt"]), (&w.head()["epoch"], &json!(1)));
    assert!("abcdefghijkl".starts_with(last["text"].as_str().unwrap()));
}

#[test]
fn one_write_is_in_flight_at_a_time_none_is_tried_again_and_the_run_does_not_wait_for_any() {
    for (n, fault) in [
        Fault::Silent(true),
        Fault::Silent(false),
        Fault::LostReply,
        Fault::Late(4_000),
        Fault::Fails(StoreErrorCode::Unavailable),
    ]
    .into_iter()
    .enumerate()
    {
        let mut w = World::new(5, 1);
        let writes = watch(&mut w, move |_| fault);
        w.script(vec![Says::Drips(500, pieces(&WORDS))]);
        let run = w.runner("start", every(1_000));
        let outcome = w.finish(run).unwrap();
        assert_eq!(
            (&outcome["status"], &outcome["text"]),
            (&json!("completed"), &json!("abcdefghijkl")),
            "{n}"
        );
        let said = texts(&writes);
        let answered = matches!(fault, Fault::LostReply | Fault::Fails(_));
        assert!(if answered { said.len() >= 5 } else { said.len() <= 2 }, "{n}: {said:?}");
        let mut different = said.clone();
        different.dedup();
        assert_eq!(said, different, "{n}");
    }
}

#[test]
fn a_write_that_is_never_answered_holds_up_the_next_one_for_as_long_as_the_store_may_take() {
    let mut w = World::new(9, 1);
    let writes = watch(&mut w, |n| if n == 1 { Fault::Silent(false) } else { Fault::None });
    let times = Rc::new(RefCell::new(Vec::new()));
    w.script(vec![Says::Drips(2_000, pieces(&WORDS))]);
    let run = w.runner("start", json!({ "options": { "liveMs": 1_000, "storeTimeoutMs": 5_000 } }));
    while !w.is_over(run) {
        let before = writes.borrow().len();
        w.step();
        if writes.borrow().len() > before {
            times.borrow_mut().push(w.now);
        }
    }
    let times = times.borrow();
    assert!(times.len() >= 4, "{times:?}");
    assert!((5_000..10_000).contains(&(times[1] - times[0])), "{times:?}");
}

#[test]
fn a_store_that_does_not_take_it_is_left_alone() {
    for code in [StoreErrorCode::Denied, StoreErrorCode::Invalid, StoreErrorCode::TooLarge] {
        let mut w = World::new(6, 1);
        let writes = watch(&mut w, move |_| Fault::Fails(code));
        w.script(vec![Says::Drips(500, pieces(&WORDS))]);
        let run = w.runner("start", every(1_000));
        assert_eq!(w.finish(run).unwrap()["status"], "completed");
        assert_eq!(writes.borrow().len(), 1, "{code:?}");
    }
}

#[test]
fn text_of_an_attempt_that_was_given_up_goes_when_the_next_one_is_under_way() {
    let mut w = World::new(7, 1);
    let writes = watch(&mut w, |_| Fault::None);
    let mut n = 0;
    w.model = Box::new(move |_| {
        n += 1;
        match n {
            1 => Says::Stalls(vec![delta("Abandoned.")]),
            _ => Says::Drips(4_000, pieces(&["So.", " Done."])),
        }
    });
    let run = w.runner("start", json!({ "options": { "liveMs": 1_000, "idleTimeoutMs": 5_000 } }));
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!(w.events(run, "task:retry").len(), 1);
    let told: Vec<_> =
        writes.borrow().iter().map(|w| (w.data["attempt"].clone(), w.data["text"].clone())).collect();
    let expected = [(1, "Abandoned."), (2, ""), (2, "So."), (2, "So. Done.")];
    assert_eq!(told, expected.map(|(attempt, text)| (json!(attempt), json!(text))));
}

#[test]
fn it_goes_with_delete_and_a_run_that_still_streams_does_not_bring_it_back() {
    let mut w = World::new(8, 1);
    let writes = watch(&mut w, |_| Fault::None);
    w.script(vec![Says::Drips(500, pieces(&WORDS))]);
    let run = w.runner("start", every(500));
    w.until(run, |a| a.open.len() == 1);
    w.pass(2_000);
    assert!(w.store.get(LIVE).is_some());
    w.ask("delete", json!({ "keepTask": true })).unwrap();
    assert!(w.store.get(LIVE).is_none());
    let before = writes.borrow().len();
    w.pass(2_000);
    assert_eq!(writes.borrow().len(), before + 1, "it has found out");
    assert!(w.store.get(LIVE).is_none());
}

#[test]
fn a_run_whose_lease_is_not_confirmed_stores_none() {
    let mut w = World::new(9, 1);
    let writes = watch(&mut w, |_| Fault::None);
    w.script(vec![Says::Drips(500, pieces(&WORDS.repeat(20)))]);
    let run = w.runner("start", every(500));
    w.until(run, |a| a.open.len() == 1);
    w.pass(3_000);
    let before = writes.borrow().len();
    assert!(before > 2);
    // Nothing is answered any more, the live text apart.
    let seen = Rc::clone(&writes);
    let count = Rc::new(RefCell::new(Vec::new()));
    let at = Rc::clone(&count);
    w.fault = Box::new(move |_, effect| match live_write(effect) {
        Some(write) => {
            seen.borrow_mut().push(write);
            at.borrow_mut().push(());
            Fault::None
        }
        None => Fault::Silent(false),
    });
    // Two thirds of the lease are 20 s.
    w.pass(21_000);
    let fresh = writes.borrow().len();
    w.pass(5_000);
    assert!(fresh > before);
    assert_eq!(writes.borrow().len(), fresh);
}

#[test]
fn a_turn_that_is_over_sooner_than_it_would_be_stored_is_not_stored_nor_cleared() {
    let mut w = World::new(10, 2);
    let writes = watch(&mut w, |_| Fault::None);
    let short = pieces(&["Done."]).split_off(1);
    w.script(vec![Says::Events(short), Says::Drips(2_000, pieces(&["Longer"]))]);
    let run = w.runner("start", every(1_000));
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!(texts(&writes), ["Longer"]);
}

#[test]
fn text_that_a_fact_has_saved_is_not_cleared_when_the_next_turn_begins() {
    let mut w = World::new(11, 2);
    let writes = watch(&mut w, |_| Fault::None);
    w.script(vec![Says::Drips(2_000, pieces(&["First"])), Says::Stalls(vec![])]);
    let run = w.runner("start", every(1_000));
    w.until(run, |a| a.requests.len() == 2);
    w.pass(5_000);
    assert_eq!(texts(&writes), ["First"]);
}

#[test]
fn text_of_a_turn_that_a_pause_took_whole_is_not_cleared_where_the_pause_is_taken_back() {
    let mut w = World::new(11, 2);
    w.script(vec![Says::Stalls(pieces(&["First"])), Says::Stalls(vec![])]);
    let run = w.runner("start", every(1_000));
    w.until(run, |a| !a.requests.is_empty());
    let seen = w.spy(run, |_| false);
    let said = || -> Vec<String> {
        let seen = seen.borrow();
        seen.iter().filter_map(live_write).map(|w| w.data["text"].as_str().unwrap().to_owned()).collect()
    };
    w.pass(1_500);
    assert_eq!(said(), ["First"]);
    let ends = |effect: &Effect| format!("{effect:?}").contains("\\\"kind\\\":\\\"ended\\\"");
    w.fault = Box::new(move |_, effect| if ends(effect) { Fault::Late(300) } else { Fault::None });
    w.outside(&["status"], json!("paused"));
    w.give(run, Input::Changed);
    while !seen.borrow().iter().any(ends) {
        assert!(w.step());
    }
    w.outside(&["status"], json!("in_progress"));
    w.until(run, |a| a.requests.len() == 2);
    w.pass(5_000);
    assert_eq!(w.store.facts("turn").len(), 1);
    assert_eq!(said(), ["First"]);
}

#[test]
fn an_attempt_has_its_own_place_in_its_message() {
    let mut w = World::new(12, 1);
    let writes = watch(&mut w, |_| Fault::None);
    let mut attempts = 0;
    w.model = Box::new(move |_| {
        attempts += 1;
        match attempts {
            1 => Says::Stalls(vec![delta(&"x".repeat(10_000))]),
            _ => Says::Drips(2_000, pieces(&["Short"])),
        }
    });
    let run = w.runner("start", json!({ "options": { "liveMs": 1_000, "idleTimeoutMs": 5_000 } }));
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let offset =
        |text: &str| writes.borrow().iter().find(|w| w.data["text"] == text).unwrap().data["offset"].clone();
    assert_eq!((offset(&"x".repeat(4_096)), offset("Short")), (json!(10_000 - 4_096), json!(0)));
}

#[test]
fn nothing_is_stored_of_an_attempt_that_failed_while_the_next_is_waited_for() {
    let mut w = World::new(13, 1);
    let writes = watch(&mut w, |_| Fault::None);
    let failure = task_execution_engine::converse::Failure {
        name: Some("ThrottlingException".into()),
        ..Default::default()
    };
    w.model = Box::new(move |_| Says::Breaks(vec![delta("Half")], failure.clone()));
    let retry = json!({ "baseMs": 600_000, "maxMs": 600_000, "totalMs": 6_000_000 });
    let run = w.runner("start", json!({ "options": { "liveMs": 1_000, "retry": retry } }));
    w.until_event(run, "task:retry");
    w.pass(30_000);
    assert!(texts(&writes).is_empty(), "{:?}", texts(&writes));
}

#[test]
fn what_an_earlier_run_left_is_brought_up_to_date_though_nothing_more_is_said() {
    let mut w = World::new(14, 1);
    w.store.put(LIVE, json!({ "text": "old" }), 0);
    let writes = watch(&mut w, |_| Fault::None);
    w.script(vec![Says::Stalls(vec![delta("New")])]);
    let run = w.runner("start", every(1_000));
    w.until(run, |a| a.open.len() == 1);
    w.pass(5_000);
    assert_eq!(
        (texts(&writes), writes.borrow()[1].create),
        (vec!["New".to_owned(), "New".to_owned()], false)
    );
}

#[test]
fn one_conflict_or_one_silence_does_not_end_it() {
    for fault in [Fault::Fails(StoreErrorCode::Conflict), Fault::Fails(StoreErrorCode::Unavailable)] {
        let mut w = World::new(15, 1);
        let writes = watch(&mut w, move |nth| if nth == 1 { fault } else { Fault::None });
        w.script(vec![Says::Drips(2_000, pieces(&WORDS))]);
        let run = w.runner("start", every(1_000));
        assert_eq!(w.finish(run).unwrap()["status"], "completed");
        assert!(writes.borrow().len() > 2, "{fault:?}");
    }
}

#[test]
fn a_write_on_its_way_ends_with_its_run() {
    let mut w = World::new(16, 1);
    let writes = watch(&mut w, |_| Fault::Silent(false));
    w.script(vec![Says::Drips(500, pieces(&WORDS))]);
    let run = w.runner("start", every(500));
    let seen = w.spy(run, |_| false);
    while writes.borrow().is_empty() {
        assert!(w.step());
    }
    w.pass(600);
    let sent = seen.borrow().iter().find_map(|effect| match effect {
        Effect::Commit { ticket, .. } if live_write(effect).is_some() => Some(*ticket),
        _ => None,
    });
    w.command(run, Command::Stop { reason: None });
    w.finish(run).unwrap();
    assert!(seen.borrow().contains(&Effect::Cancel { ticket: sent.unwrap() }));
}

#[test]
fn a_run_that_waits_for_a_person_is_not_woken_for_it() {
    let mut w = World::new(17, 1);
    watch(&mut w, |_| Fault::None);
    w.vet = Box::new(|_| json!({ "verdict": "approve" }));
    w.script(vec![uses("", &[("a", "work", json!({}))])]);
    let run = w.runner("start", every(100));
    w.until_event(run, "task:approval_required");
    w.pass(1_000);
    let (until, mut steps) = (w.now + 9_000, 0);
    while w.now < until {
        assert!(w.step());
        steps += 1;
    }
    assert!(steps < 20, "{steps} wake-ups in nine seconds");
}
