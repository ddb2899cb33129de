//! Who holds the task, for how long, and what a run may begin while its lease is in doubt.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use support::*;
use task_execution_engine::converse::Failure;
use task_execution_engine::effect::{Effect, Input, Question, Thrown};
use task_execution_engine::error::Code;
use task_execution_engine::facts::fact::Decision;
use task_execution_engine::store::{StoreErrorCode, StoreWrite};

const TTL: u64 = 30_000;
const HEARTBEAT: u64 = TTL / 3;
const PATIENT: u64 = 3_600_000;

/// A run that waits for its model and renews its lease.
fn holding(w: &mut World, more: Value) -> usize {
    w.model = Box::new(|_| Says::Stalls(vec![]));
    let mut config = json!({ "options": { "idleTimeoutMs": 9_000_000 } });
    for (name, value) in more.as_object().unwrap() {
        config[name] = value.clone();
    }
    let run = w.runner("start", config);
    w.until(run, |a| !a.requests.is_empty());
    run
}

/// The same, and its process is gone. When its lease was renewed last.
fn abandoned(w: &mut World, more: Value) -> u64 {
    let run = holding(w, more);
    w.crash(run);
    renewed(w)
}

fn renewed(w: &World) -> u64 {
    w.store.documents[&format!("{TASK_PATH}/engine/head")].2
}

fn epoch(w: &World) -> u64 {
    w.head()["epoch"].as_u64().unwrap()
}

/// When the task was taken from whoever held it.
fn taken(w: &mut World) -> u64 {
    let before = epoch(w);
    while epoch(w) == before {
        assert!(w.step(), "nobody takes it");
    }
    w.now
}

fn patient() -> Value {
    json!({ "options": { "waitForLeaseMs": PATIENT } })
}

#[test]
fn a_lease_whose_age_the_store_tells_is_good_until_its_last_millisecond() {
    for (age, over) in
        [(TTL / 3, false), (TTL / 2, false), (TTL * 9 / 10, false), (TTL, false), (TTL + 1, true)]
    {
        for run in [true, false] {
            let mut w = World::new(1, 1);
            let renewed = abandoned(&mut w, json!({}));
            w.now = renewed + age;
            if run {
                w.runner("run", patient());
            } else {
                w.open("pause", json!({}));
            }
            // Within what it would take to look a second time.
            for _ in 0..20 {
                w.pass(1);
            }
            assert_eq!(epoch(&w) == 2, over, "after {age} ms, by a run: {run}");
        }
    }
}

#[test]
fn without_an_age_a_lease_is_good_for_its_whole_term_from_when_it_was_seen_first() {
    for late in [0, TTL / 2, 100 * TTL] {
        let mut w = World::new(2, 1);
        w.store.hides_age = true;
        abandoned(&mut w, json!({}));
        w.now += late;
        let seen = w.now;
        w.runner("run", patient());
        let waited = taken(&mut w) - seen;
        assert!(waited > TTL && waited <= TTL + 1_100, "waited {waited} ms, {late} ms after the crash");
    }
}

#[test]
fn every_renewal_that_is_seen_begins_the_term_anew() {
    for hides_age in [false, true] {
        let mut w = World::new(3, 1);
        w.store.hides_age = hides_age;
        let first = holding(&mut w, json!({}));
        w.runner("run", patient());
        w.pass(TTL * 2 - 3_000);
        assert_eq!(epoch(&w), 1, "it is held");
        w.crash(first);
        let since = renewed(&w);
        assert!(w.now - since > HEARTBEAT / 2, "it died well after its last renewal");
        let waited = taken(&mut w) - since;
        assert!(waited > TTL && waited <= TTL + 2_200, "waited {waited} ms");
    }
}

#[test]
fn a_run_that_does_not_wait_is_refused_once_the_holder_has_renewed() {
    let mut w = World::new(4, 1);
    holding(&mut w, json!({}));
    let next = renewed(&w) + HEARTBEAT;
    let second = w.runner("run", json!({}));
    w.pass(next - w.now - 1);
    assert!(!w.is_over(second), "it may be dead");
    let refused = w.finish(second).unwrap_err();
    assert_eq!(refused.code, Code::LeaseHeld);
    assert!(w.now <= next + 1_100, "{} ms after the renewal", w.now - next);
    assert_eq!(refused.details["owner"], w.head()["owner"]["id"]);
}

#[test]
fn a_run_that_waits_no_time_is_refused_at_once_by_a_good_lease_and_takes_one_that_ran_out() {
    for (age, over) in [(TTL, false), (TTL + 1, true)] {
        let mut w = World::new(5, 1);
        let renewed = abandoned(&mut w, json!({}));
        w.now = renewed + age;
        w.model = Box::new(|_| text("Done."));
        let second = w.runner("run", json!({ "options": { "waitForLeaseMs": 0 } }));
        let begun = w.now;
        let ended = w.finish(second);
        assert_eq!(ended.is_ok(), over, "{ended:?}");
        assert!(w.now - begun < 100);
    }
}

#[test]
fn a_holder_that_is_alive_keeps_its_lease_and_a_dead_one_loses_it_at_once() {
    for (alive, age, over) in
        [(true, 5_000, false), (true, TTL, false), (true, TTL + 1, true), (false, 5_000, true)]
    {
        for run in [true, false] {
            let mut w = World::new(6, 1);
            let renewed = abandoned(&mut w, json!({ "holder": "p1" }));
            if alive {
                w.alive.insert("p1".into());
            }
            w.now = renewed + age;
            let mut arguments = patient();
            arguments["holder"] = json!("p2");
            if run {
                w.runner("run", arguments);
            } else {
                w.open("pause", json!({ "holder": "p2" }));
            }
            for _ in 0..20 {
                w.pass(1);
            }
            assert_eq!(epoch(&w) == 2, over, "alive: {alive}, {age} ms, by a run: {run}");
        }
    }
}

#[test]
fn of_a_holder_that_nobody_can_know_nothing_is_concluded() {
    for (first, second) in [(json!({ "holder": "p1" }), json!({})), (json!({}), json!({ "holder": "p2" }))] {
        let mut w = World::new(7, 1);
        let since = abandoned(&mut w, first);
        let mut arguments = patient();
        arguments["holder"] = second["holder"].clone();
        w.runner("run", arguments);
        assert!(taken(&mut w) - since > TTL);
    }
}

#[test]
fn only_a_run_of_the_very_same_process_is_replaced_without_waiting() {
    for (instance, at_once) in [
        (json!("p"), true),
        (json!("p.1"), false),
        (json!(""), false),
        (json!("q"), false),
        (json!(null), false),
    ] {
        let mut w = World::new(8, 1);
        let since = abandoned(&mut w, json!({ "instance": "p" }));
        let mut arguments = patient();
        arguments["instance"] = instance.clone();
        w.runner("run", arguments);
        let waited = taken(&mut w) - since;
        assert_eq!(waited < 1_000, at_once, "{instance}: {waited} ms");
        assert!(at_once || waited > TTL, "{instance}: {waited} ms");
    }
}

#[test]
fn of_two_runs_that_take_the_task_at_once_one_gets_it_whatever_becomes_of_the_replies() {
    let faults = [Fault::None, Fault::LostReply, Fault::Silent(true), Fault::Silent(false), Fault::Late(3)];
    for head in [false, true] {
        for first in faults {
            for second in faults {
                let mut w = World::new(9, 1);
                if head {
                    abandoned(&mut w, json!({}));
                    w.now += TTL * 2;
                }
                w.model = Box::new(|_| text("Done."));
                let mut due = vec![second, first];
                w.fault = Box::new(move |_, effect| match effect {
                    Effect::Commit { .. } => due.pop().unwrap_or(Fault::None),
                    _ => Fault::None,
                });
                let runs = [w.runner("start", patient()), w.runner("start", patient())];
                let ended = runs.map(|run| w.finish(run));
                let told = |run: usize| w.events(run, "task:completed").len();
                assert_eq!(told(runs[0]) + told(runs[1]), 1, "{first:?}, {second:?}: {ended:?}");
                assert_eq!(w.store.facts("turn").len(), 1, "{first:?}, {second:?}");
                for run in runs {
                    for event in w.actors[run].events.iter().filter(|e| e["seq"].is_u64()) {
                        let stored = w.store.journal().into_iter().find(|(seq, ..)| event["seq"] == *seq);
                        assert_eq!(json!(stored.unwrap().1), event["epoch"], "{event}");
                    }
                }
            }
        }
    }
}

/// Takes the steps of one run and checks, whenever something starts, that the lease was renewed by a commit that was
/// sent at most two thirds of its term ago. How many things started.
fn watch_starts(
    w: &mut World,
    run: usize,
    ttl: u64,
    mut fault: impl FnMut(&StoreWrite) -> Fault + 'static,
) -> usize {
    let sent: Rc<RefCell<Vec<String>>> = Rc::default();
    let seen = Rc::clone(&sent);
    w.fault = Box::new(move |_, effect| {
        let Effect::Commit { writes, .. } = effect else { return Fault::None };
        if let Some(write_id) = write_id(&writes[0]) {
            seen.borrow_mut().push(write_id);
        }
        fault(&writes[0])
    });
    let mut first_sent: BTreeMap<String, u64> = BTreeMap::new();
    let started = |w: &World| w.actors[run].executed.len() + w.actors[run].requests.len();
    let mut before = started(w);
    let first = before;
    for _ in 0..5_000 {
        if w.is_over(run) || !w.step() {
            break;
        }
        for write_id in sent.borrow_mut().drain(..) {
            first_sent.entry(write_id).or_insert(w.now);
        }
        if started(w) > before {
            before = started(w);
            let last = w.head()["write_id"].as_str().unwrap();
            let age = first_sent.get(last).map_or(0, |at| w.now - at);
            assert!(age <= ttl * 2 / 3, "something starts {age} ms after the last renewal was sent");
        }
    }
    before - first
}

fn write_id(write: &StoreWrite) -> Option<String> {
    match write {
        StoreWrite::Create { data, .. } => data.get("write_id")?.as_str().map(str::to_owned),
        StoreWrite::Update { fields, .. } => {
            let field = fields.iter().find(|f| f.path == ["write_id"])?;
            field.value.as_ref()?.as_str().map(str::to_owned)
        }
        StoreWrite::Delete { .. } => None,
    }
}

#[test]
fn nothing_starts_once_two_thirds_of_the_lease_have_passed_since_a_renewal_was_sent() {
    const SHORT: u64 = 12_000;
    for unanswered in 1..=3 {
        let mut w = World::new(10, 1);
        w.script(vec![uses("", &[("a", "work", json!({}))]), text("Done.")]);
        let options = json!({ "options": { "leaseTtlMs": SHORT, "storeTimeoutMs": 12_000 } });
        let run = w.runner("start", options);
        w.until(run, |a| !a.requests.is_empty());
        let mut left = unanswered;
        let starts = watch_starts(&mut w, run, SHORT, move |_| {
            let silent = left > 0;
            left -= i32::from(silent);
            // It lands, and for so many attempts nobody says so.
            if silent { Fault::Silent(true) } else { Fault::None }
        });
        assert!(unanswered > 2 || starts == 2, "{unanswered}: {starts} started");
    }
}

#[test]
fn a_model_is_asked_again_only_under_a_lease_that_was_renewed_in_time() {
    const SHORT: u64 = 12_000;
    for asked_after in [7_000, 8_500, 10_000, 11_500] {
        let mut w = World::new(10, 1);
        let throttled = Failure {
            name: Some("ThrottlingException".into()),
            status: Some(429),
            message: "slow down".into(),
            retry_after_ms: Some(asked_after),
            cause: None,
        };
        w.script(vec![Says::Breaks(vec![], throttled), text("Done.")]);
        let run = w.runner("start", json!({ "options": { "leaseTtlMs": SHORT, "storeTimeoutMs": 60_000 } }));
        w.until_event(run, "task:retry");
        // The renewal, due after a third, is on its way.
        let starts = watch_starts(&mut w, run, SHORT, |_| Fault::Silent(false));
        assert_eq!(starts, usize::from(asked_after < SHORT * 2 / 3), "after {asked_after} ms");
    }
}

#[test]
fn whatever_the_store_does_nothing_starts_under_an_old_lease() {
    let mut started = 0;
    for seed in 0..300 {
        let mut w = World::new(seed, 2);
        let mut n = 0;
        w.model = Box::new(move |_| {
            n += 1;
            if n % 3 == 0 {
                text("Next.")
            } else {
                uses("", &[(&format!("c{n}"), "work", json!({ "n": n }))])
            }
        });
        w.tool = Box::new(|_| Does::Takes(2_000, Box::new(Does::Returns(json!(1)))));
        let run = w.runner("start", json!({ "options": { "leaseTtlMs": 6_000, "storeTimeoutMs": 9_000 } }));
        let mut rng = task_execution_engine::ids::Rng::new(seed);
        started += watch_starts(&mut w, run, 6_000, move |_| match (rng.unit() * 12.0) as u32 {
            0 | 1 => Fault::Silent(true),
            2 => Fault::Silent(false),
            3 => Fault::LostReply,
            4 => Fault::Late((rng.unit() * 4_000.0) as u64),
            5 => Fault::Fails(StoreErrorCode::Unavailable),
            _ => Fault::None,
        });
    }
    assert!(started > 500, "{started}");
}

#[test]
fn a_run_whose_renewal_nobody_confirms_ends_when_the_time_of_the_renewal_is_over_and_aborts_its_tools() {
    const STORE: u64 = 60_000;
    let mut w = World::new(11, 1);
    w.script(vec![uses("", &[("a", "work", json!({}))])]);
    w.tool = Box::new(|_| Does::Hangs);
    let run = w.runner("start", json!({ "options": { "storeTimeoutMs": STORE } }));
    w.until(run, |a| !a.executed.is_empty());
    let open = w.actors[run].open.len();
    let since = renewed(&w);
    w.fault = Box::new(|_, effect| match effect {
        Effect::Commit { .. } => Fault::Silent(false),
        _ => Fault::None,
    });
    let outcome = w.finish(run).unwrap();
    assert_eq!(outcome["status"], "interrupted");
    assert_eq!(outcome["error"]["code"], "STORE_UNAVAILABLE");
    let after = w.now - since;
    assert!(
        after > TTL && (HEARTBEAT + STORE - 2_000..=HEARTBEAT + STORE + 100).contains(&after),
        "{after} ms"
    );
    assert!(open > 0 && w.actors[run].open.is_empty(), "everything is aborted");
}

#[test]
fn a_run_renews_its_lease_every_third_of_its_term_whatever_it_does() {
    for waits_for in ["model", "tool", "person"] {
        let mut w = World::new(12, 1);
        match waits_for {
            "model" => w.model = Box::new(|_| Says::Stalls(vec![])),
            "tool" => w.tool = Box::new(|_| Does::Deaf),
            _ => w.vet = Box::new(|_| json!({ "verdict": "approve" })),
        }
        if waits_for != "model" {
            w.script(vec![uses("", &[("a", "work", json!({}))])]);
        }
        let run = w.runner("start", json!({ "options": { "idleTimeoutMs": 9_000_000 } }));
        w.pass(1_000);
        for _ in 0..200 {
            w.pass(1_000);
            let age = w.now - renewed(&w);
            assert!(age <= HEARTBEAT + 1_000, "{waits_for}: renewed {age} ms ago");
        }
        assert!(!w.is_over(run));
    }
}

#[test]
fn a_holder_of_which_nobody_can_tell_whether_it_is_alive_keeps_its_lease() {
    let failed = || Err(Thrown { message: "cannot tell".into(), cause: None });
    let answers: [(&str, Option<Result<Value, Thrown>>); 4] = [
        ("fails", Some(failed())),
        ("says nothing", Some(Ok(Value::Null))),
        ("says something else", Some(Ok(json!("dead")))),
        ("never answers", None),
    ];
    for (what, answer) in answers {
        let mut w = World::new(13, 1);
        let since = abandoned(&mut w, json!({ "holder": "p1" }));
        let mut arguments = patient();
        arguments["holder"] = json!("p2");
        let run = w.runner("run", arguments);
        let alive = |effect: &Effect| matches!(effect, Effect::Ask { question: Question::Alive { .. }, .. });
        let seen = w.spy(run, alive);
        while !seen.borrow().iter().any(alive) {
            assert!(w.step());
        }
        let asked = seen.borrow().iter().find_map(|effect| match effect {
            Effect::Ask { ticket, question: Question::Alive { holder } } => Some((*ticket, holder.clone())),
            _ => None,
        });
        let (ticket, holder) = asked.unwrap();
        assert_eq!(holder, "p1");
        if let Some(result) = answer {
            w.give(run, Input::Answered { ticket, result });
        }
        let waited = taken(&mut w) - since;
        assert!(waited > TTL, "it {what}: taken after {waited} ms");
    }
}

#[test]
fn a_holder_that_dies_while_it_is_waited_for_loses_its_lease_at_once() {
    let mut w = World::new(14, 1);
    abandoned(&mut w, json!({ "holder": "p1" }));
    w.alive.insert("p1".into());
    let mut arguments = patient();
    arguments["holder"] = json!("p2");
    w.runner("run", arguments);
    w.pass(5_000);
    assert_eq!(epoch(&w), 1, "it is alive");
    w.alive.clear();
    w.pass(1_100);
    assert_eq!(epoch(&w), 2);
}

#[test]
fn each_holder_is_asked_for_by_itself() {
    let mut w = World::new(14, 1);
    w.store.hides_age = true;
    abandoned(&mut w, json!({ "holder": "p1", "instance": "a" }));
    w.alive.insert("p1".into());
    let mut arguments = patient();
    arguments["holder"] = json!("p9");
    w.runner("run", arguments);
    w.pass(5_000);
    assert_eq!(epoch(&w), 1, "it is alive");
    // The process begins another run under another name, and dies.
    let second = w.runner("run", json!({ "holder": "p2", "instance": "a" }));
    w.until(second, |a| !a.requests.is_empty());
    w.crash(second);
    assert_eq!(epoch(&w), 2);
    let since = w.now;
    let waited = taken(&mut w) - since;
    assert!(waited < 2_000, "nobody asked for the second: waited {waited} ms");
}

#[test]
fn a_run_that_lost_the_race_for_a_lease_gets_it_when_the_winner_is_gone() {
    let mut w = World::new(15, 1);
    w.model = Box::new(|_| Says::Stalls(vec![]));
    w.latency = 5;
    let runs = [w.runner("start", patient()), w.runner("start", patient())];
    while runs.iter().all(|run| w.actors[*run].requests.is_empty()) {
        assert!(w.step());
    }
    let winner = usize::from(w.actors[runs[0]].requests.is_empty());
    w.crash(runs[winner]);
    w.model = Box::new(|_| text("Done."));
    assert_eq!(w.finish(runs[1 - winner]).unwrap()["status"], "completed");
}

#[test]
fn an_approved_call_that_a_stale_lease_keeps_from_starting_waits_for_no_person() {
    let mut w = World::new(15, 1);
    w.vet = Box::new(|_| json!({ "verdict": "approve" }));
    w.script(vec![uses("", &[("a", "work", json!({}))]), text("Done.")]);
    let run = w.start();
    w.until_event(run, "task:approval_required");
    w.crash(run);
    w.now += 2 * TTL;
    w.decide("a", Decision::Approve { note: None });
    let mut late = true;
    w.fault = Box::new(move |_, effect| match effect {
        Effect::Commit { .. } if late && format!("{effect:?}").contains("starting") => {
            late = false;
            Fault::Late(7_000)
        }
        _ => Fault::None,
    });
    let options = json!({ "whileWaiting": "yield", "leaseTtlMs": 9_000, "storeTimeoutMs": 30_000 });
    let run = w.runner("run", json!({ "options": options }));
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!((w.executions.len(), w.store.facts("not_run").len()), (1, 0));
}

#[test]
fn a_lease_is_its_holder_s_for_the_holder_s_term_whatever_that_of_the_taker_is() {
    for run in [true, false] {
        let mut w = World::new(16, 1);
        w.now = abandoned(&mut w, json!({})) + 5_000;
        let options = json!({ "leaseTtlMs": 1_000, "waitForLeaseMs": PATIENT });
        if run {
            w.runner("run", json!({ "options": options }));
        } else {
            w.open("pause", json!({ "options": { "leaseTtlMs": 1_000 } }));
        }
        w.pass(100);
        assert_eq!(epoch(&w), 1, "by a run: {run}");
    }
}

#[test]
fn a_command_that_fails_hears_of_no_more_changes() {
    let mut w = World::new(17, 1);
    abandoned(&mut w, json!({}));
    let pause = w.open("pause", json!({ "hasWatch": true }));
    let seen = w.spy(pause, |_| false);
    w.pass(500);
    w.fault = Box::new(|_, _| Fault::Fails(StoreErrorCode::Denied));
    assert_eq!(json!(w.finish(pause).unwrap_err().code), "STORE_DENIED");
    let last = seen.borrow().iter().rev().find(|effect| matches!(effect, Effect::Watch { .. })).cloned();
    assert_eq!(last, Some(Effect::Watch { paths: Vec::new() }));
}

#[test]
fn a_command_that_stood_still_asks_a_silent_store_once_more() {
    let mut w = World::new(18, 1);
    let mut silent = true;
    w.fault =
        Box::new(move |_, _| if std::mem::take(&mut silent) { Fault::Silent(false) } else { Fault::None });
    let state = w.open("state", json!({}));
    w.actors[state].frozen_until = w.now + 60_000;
    assert!(w.finish(state).is_ok(), "of a minute of standstill five seconds count");
}
