//! What stores do: unclear replies, conflicts, refusals, documents that are gone.

use super::support::*;
use super::{asks_its_model, ends, spoil, started, told};
use serde_json::json;
use std::cell::Cell;
use std::rc::Rc;
use task_execution_engine::effect::{Command, Effect, Input};
use task_execution_engine::store::StoreErrorCode::{
    Denied, Exists, Invalid, NotFound, TooLarge, Unavailable,
};

#[test]
fn commits_with_unclear_replies_are_resolved_and_sent_again() {
    told("unclear_commits", 1, |w| {
        w.script(vec![uses("", &[("a", "work", json!({}))]), text("Done.")]);
        spoil(
            w,
            &[
                (&["Commit", "engine/head"], Fault::LostReply),
                (&["Commit", "begun"], Fault::Fails(Unavailable)),
                (&["Read", "journal"], Fault::Fails(Unavailable)),
                (&["Commit", "toolUse"], Fault::Silent(true)),
                (&["Commit", "result"], Fault::Silent(false)),
                (&["Commit", "completed"], Fault::Late(7_000)),
            ],
        );
        let run = w.start();
        ends(w, run);
    });
}

#[test]
fn reads_and_lists_that_fail_or_are_silent_are_made_again() {
    told("unclear_reads", 1, |w| {
        spoil(
            w,
            &[
                (&["Read", "engine/head"], Fault::Fails(Unavailable)),
                (&["Read", "engine/head"], Fault::Silent(false)),
                (&["List", "journal"], Fault::Silent(false)),
                (&["Read", "tasks/t"], Fault::Fails(Unavailable)),
                (&["List", "inbox"], Fault::Silent(false)),
                (&["Read", "tasks/t"], Fault::Late(2_000)),
            ],
        );
        let run = w.start();
        ends(w, run);
    });
}

#[test]
fn what_others_write_beside_a_commit_is_read_and_the_commit_made_again() {
    told("conflicts", 1, |w| {
        w.script(vec![uses("", &[("a", "work", json!({}))]), text("Done.")]);
        let run = started(w, json!({}), asks_its_model);
        w.pass(10);
        w.outside(
            &["progress", "tasks", "m1"],
            json!([
                { "id": "i1", "name": "Item 1", "status": "in_progress", "note": "kept" },
                { "id": "i2", "name": "Another", "status": "completed" },
            ]),
        );
        w.until(run, |a| a.requests.len() == 2);
        while !w.store.documents.values().any(|d| d.0.get("content") == Some(&json!("Done."))) {
            if w.store.task()["custom"] == json!({ "kept": [1, 2, 3] })
                && w.actors[run].events.iter().any(|e| e["content"] == "Done.")
            {
                w.pass(4);
                w.outside(&["custom"], json!("touched"));
            }
            assert!(w.step());
        }
        ends(w, run);
    });
}

#[test]
fn a_roll_up_that_always_conflicts_is_left_for_later_and_a_pause_is_not() {
    told("endless_conflicts", 2, |w| {
        w.script(vec![text("Done."), Says::Stalls(vec![])]);
        let run = started(w, json!({}), asks_its_model);
        disturbed(w, DONE, 1);
        w.quietly(|w| disturbed(w, DONE, 4));
        disturbed(w, DONE, 1);
        w.until(run, |a| a.requests.len() == 2);
        w.command(run, Command::Pause);
        disturbed(w, "ended", 1);
        ends(w, run);
    });
}

const DONE: &str = "\\\"done\\\"";

/// Others write the task while a commit with this word in it is on its way, so many times.
fn disturbed(w: &mut World, word: &'static str, times: u32) {
    let sent = Rc::new(Cell::new(0));
    let counted = Rc::clone(&sent);
    w.fault = Box::new(move |_, effect| {
        let is_meant = matches!(effect, Effect::Commit { .. }) && format!("{effect:?}").contains(word);
        counted.set(counted.get() + u32::from(is_meant));
        if is_meant && counted.get() <= times { Fault::Late(2) } else { Fault::None }
    });
    for time in 1..=times {
        while sent.get() < time {
            assert!(w.step());
        }
        w.outside(&["custom"], json!(time));
    }
}

#[test]
fn what_the_store_refuses_for_good_ends_the_run_and_is_told() {
    told("refused_for_good", 1, |w| {
        spoil(w, &[(&["Read"], Fault::Fails(Denied))]);
        let run = w.start();
        ends(w, run);
        spoil(w, &[(&["Commit"], Fault::Fails(Denied))]);
        let run = w.start();
        ends(w, run);
        spoil(w, &[(&["Commit", "begun"], Fault::Fails(Invalid))]);
        let run = w.start();
        ends(w, run);
        w.script(vec![text("Done.")]);
        spoil(w, &[(&["Commit", "\\\"turn\\\""], Fault::Fails(TooLarge))]);
        let run = w.runner("run", json!({ "options": { "waitForLeaseMs": 90_000 } }));
        ends(w, run);
    });
}

#[test]
fn a_turn_that_no_commit_can_hold_fails_the_run() {
    told("too_large", 1, |w| {
        w.script(vec![uses("", &[("a", "work", json!({}))]), text(&"long ".repeat(2_000))]);
        w.tool = Box::new(|_| Does::Returns(json!("a long result ".repeat(200))));
        let limits = json!({ "documentBytes": 1_500, "commitBytes": 12_000 });
        let run = w.runner("start", json!({ "limits": limits }));
        ends(w, run);
    });
}

#[test]
fn a_task_that_is_deleted_while_it_runs_ends_the_run_and_one_made_again_begins_anew() {
    told("gone", 1, |w| {
        w.model = Box::new(|_| Says::Stalls(vec![]));
        let run = started(w, json!({ "hasWatch": true }), asks_its_model);
        w.others_put("", None);
        w.give(run, Input::Changed);
        ends(w, run);
        let run = w.start();
        ends(w, run);
        w.now += 60_000;
        let mut again = task_with(1);
        again["created_at"] = json!("2026-02-02T00:00:00.000Z");
        w.note("others make the task again");
        w.store.put(TASK_PATH, again, w.now);
        w.model = Box::new(|_| text("Done."));
        let run = w.start();
        ends(w, run);
    });
}

#[test]
fn an_acquisition_that_another_wins_or_nobody_answers_is_refused() {
    told("lost_races", 1, |w| {
        spoil(w, &[(&["Commit"], Fault::Fails(Exists)), (&["Commit"], Fault::Fails(NotFound))]);
        let run = w.start();
        ends(w, run);
        w.outside(&["status"], json!("not_started"));
        w.fault = Box::new(|_, effect| match effect {
            Effect::Commit { .. } => Fault::Silent(false),
            _ => Fault::None,
        });
        let run = w.runner("start", json!({ "options": { "storeTimeoutMs": 2_000 } }));
        ends(w, run);
    });
}
