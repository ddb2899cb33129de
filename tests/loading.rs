//! What becomes of the lease while the history is loaded under it, by a store that is slow or answers nothing.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::json;
use support::spy::Seen;
use support::*;
use task_execution_engine::effect::{Effect, Ticket};

const HEAD: &str = "users/u/tasks/t/engine/head";
const FIRST_ENTRY: &str = "users/u/tasks/t/journal/00000001";

/// A task with some history, which nobody runs.
fn paused() -> World {
    let mut w = World::new(7, 1);
    w.script(vec![uses("", &[("a", "work", json!({}))])]);
    w.tool = Box::new(|_| Does::Hangs);
    let run = w.start();
    w.until(run, |a| !a.executed.is_empty());
    w.command(run, task_execution_engine::effect::Command::Pause);
    w.finish(run).unwrap();
    w
}

fn resumes(
    w: &mut World,
    store_timeout_ms: u64,
    fault: impl Fn(&Effect) -> Fault + 'static,
) -> (usize, Seen) {
    runs(w, "resume", store_timeout_ms, fault)
}

/// A run under a lease that is to be renewed every second. The first commit takes the lease.
fn runs(
    w: &mut World,
    intent: &str,
    store_timeout_ms: u64,
    fault: impl Fn(&Effect) -> Fault + 'static,
) -> (usize, Seen) {
    let mut taken = false;
    w.fault = Box::new(move |_, effect| match effect {
        Effect::Commit { .. } if !taken => {
            taken = true;
            Fault::None
        }
        _ => fault(effect),
    });
    let options = json!({ "leaseTtlMs": 3_000, "storeTimeoutMs": store_timeout_ms });
    let run = w.runner(intent, json!({ "options": options }));
    let seen = w.spy(run, |_| false);
    (run, seen)
}

fn commits(seen: &Seen) -> usize {
    seen.borrow().iter().filter(|effect| matches!(effect, Effect::Commit { .. })).count()
}

#[test]
fn a_renewal_that_nobody_answers_is_sent_again_in_its_own_time() {
    let mut w = paused();
    let (_, seen) = resumes(&mut w, 15_000, |effect| match effect {
        Effect::Read { .. } => Fault::None,
        _ => Fault::Silent(false),
    });
    // An attempt is given up after five seconds; the renewal is sent a second later than the listing.
    w.pass(8_000);
    assert_eq!(commits(&seen), 3, "taken, renewed, renewed again");
}

#[test]
fn a_run_whose_renewal_is_never_answered_is_refused_and_lists_no_more() {
    let mut w = paused();
    let (run, seen) = resumes(&mut w, 3_000, |effect| match effect {
        Effect::Commit { .. } => Fault::Silent(false),
        _ => Fault::None,
    });
    // The listing lags for as long as it may, and is then not answered.
    w.store.documents.remove(FIRST_ENTRY);
    w.pass(2_800);
    w.fault = Box::new(|_, _| Fault::Silent(false));
    w.pass(1_700);
    let refusal = w.actors[run].settled[&Ticket::RESULT].clone().unwrap_err();
    assert_eq!(json!(refusal.code), "STORE_UNAVAILABLE");
    let listed = seen.borrow().iter().rev().find_map(|effect| match effect {
        Effect::List { ticket, .. } => Some(*ticket),
        _ => None,
    });
    assert!(seen.borrow().contains(&Effect::Cancel { ticket: listed.unwrap() }));
}

/// The history turns out to be damaged while a renewal of its lease is on its way.
fn finds_damage_while_renewing() -> (World, usize, Seen) {
    let mut w = paused();
    w.store.set(FIRST_ENTRY, &["json"], json!("damaged"), w.now);
    let (run, seen) = resumes(&mut w, 6_000, |effect| match effect {
        Effect::List { .. } => Fault::Late(1_200),
        Effect::Commit { .. } => Fault::Late(900),
        _ => Fault::None,
    });
    while commits(&seen) < 2 {
        assert!(w.step());
    }
    (w, run, seen)
}

#[test]
fn a_lease_that_was_just_renewed_is_given_back_by_whoever_finds_the_history_damaged() {
    let (mut w, run, seen) = finds_damage_while_renewing();
    let refusal = w.finish(run).unwrap_err();
    assert_eq!(json!(refusal.code), "CORRUPT_HISTORY");
    assert_eq!(commits(&seen), 3, "taken, renewed, given back");
    assert_eq!(w.store.documents[HEAD].0.get("owner"), None, "nobody has to wait for it to run out");
}

#[test]
fn a_lease_that_another_took_before_it_was_given_back_is_left_to_them() {
    let (mut w, run, seen) = finds_damage_while_renewing();
    w.store.set(HEAD, &["epoch"], json!(99), w.now);
    let refusal = w.finish(run).unwrap_err();
    assert_eq!(json!(refusal.code), "CORRUPT_HISTORY");
    assert_eq!(commits(&seen), 2, "nothing of the new holder's is written");
}

#[test]
fn an_old_history_is_taken_over_though_a_renewal_is_on_its_way_when_the_first_run_has_loaded() {
    let mut w = World::new(7, 1);
    let said = |role: &str, text: &str| json!({ "role": role, "content": text, "ts": 1 });
    w.outside(&["execution", "api_messages"], json!([said("user", "Before."), said("assistant", "Yes.")]));
    let (run, seen) = runs(&mut w, "start", 15_000, |effect| match effect {
        Effect::List { collection, .. } if collection.ends_with("/journal") => Fault::Late(1_200),
        Effect::Commit { .. } => Fault::Late(900),
        _ => Fault::None,
    });
    while commits(&seen) < 2 {
        assert!(w.step());
    }
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!(w.store.facts("imported").len(), 1);
    assert_eq!(w.actors[run].requests[0][0]["content"][0]["text"], "Before.");
}

#[test]
fn a_listing_without_an_answer_is_asked_for_again_in_its_time_though_a_renewal_is_on_its_way() {
    let mut w = paused();
    let (_, seen) = resumes(&mut w, 15_000, |effect| match effect {
        Effect::Read { .. } => Fault::None,
        _ => Fault::Silent(false),
    });
    let listed =
        |seen: &Seen| seen.borrow().iter().filter(|effect| matches!(effect, Effect::List { .. })).count();
    // An attempt is given up after five seconds; the renewal is sent a second later than the listing.
    w.pass(5_500);
    assert_eq!((listed(&seen), commits(&seen)), (2, 2));
}
