//! Clocks that jump, processes that stand still, leases that are renewed meanwhile.

use super::support::*;
use super::{asks_its_model, ends, spoil, started, told, works};
use serde_json::json;
use task_execution_engine::effect::Command;

const LAST: &str = "users/u/tasks/t/journal/00000002";

#[test]
fn a_process_that_stood_still_goes_on_where_nobody_took_over() {
    told("stood_still", 1, |w| {
        w.script(vec![Says::Drips(300, turn("Done.", &[]))]);
        let run = started(w, json!({ "options": { "idleTimeoutMs": 20_000 } }), asks_its_model);
        w.pass(400);
        w.note("0 stands still for a minute");
        w.actors[run].frozen_until = w.now + 60_000;
        ends(w, run);
    });
}

#[test]
fn a_wall_clock_that_jumps_ahead_ends_nothing_but_the_trust_in_the_lease() {
    told("wall_clock", 1, |w| {
        w.script(vec![uses("", &[("a", "work", json!({}))]), text("Done.")]);
        w.tool = Box::new(|_| Does::Takes(2_000, Box::new(Does::Returns(json!(1)))));
        let run = started(w, json!({}), works);
        w.pass(1_000);
        w.note("the wall clock jumps an hour ahead");
        w.wall_shift = 3_600_000;
        w.until(run, |a| a.requests.len() == 2);
        w.note("the wall clock jumps back");
        w.wall_shift = -60_000;
        ends(w, run);
    });
}

#[test]
fn the_lease_is_renewed_while_a_tool_works_and_a_renewal_may_be_unclear() {
    told("heartbeats", 1, |w| {
        w.script(vec![uses("", &[("a", "work", json!({}))]), text("Done.")]);
        w.tool = Box::new(|_| Does::Takes(25_000, Box::new(Does::Returns(json!(1)))));
        let run = started(w, json!({}), works);
        spoil(
            w,
            &[
                (&["Commit", "engine/head"], Fault::LostReply),
                (&["Commit", "engine/head"], Fault::Silent(false)),
            ],
        );
        ends(w, run);
    });
}

#[test]
fn a_lease_that_nobody_confirms_aborts_what_runs() {
    told("lapsed", 1, |w| {
        w.script(vec![uses("", &[("a", "work", json!({}))])]);
        w.tool = Box::new(|_| Does::Hangs);
        let options = json!({ "leaseTtlMs": 3_000, "storeTimeoutMs": 2_000 });
        let run = started(w, json!({ "options": options }), works);
        w.fault = Box::new(|_, _| Fault::Silent(false));
        ends(w, run);
    });
}

#[test]
fn loading_a_history_renews_the_lease_and_gives_it_back_where_it_is_damaged() {
    told("loading", 1, |w| {
        w.quietly(|w| {
            let run = w.start();
            ends(w, run);
        });
        w.outside(&["status"], json!("not_started"));
        spoil(w, &[(&["List", "journal"], Fault::Late(14_000))]);
        w.script(vec![text("Done again.")]);
        let run = w.start();
        ends(w, run);
        w.outside(&["status"], json!("failed"));
        w.others_put("journal/00000002", None);
        let run = w.runner("start", json!({ "options": { "storeTimeoutMs": 500 } }));
        ends(w, run);
    });
}

#[test]
fn a_list_that_lags_behind_the_head_is_made_again_while_the_lease_is_renewed() {
    told("lagging_list", 1, |w| {
        let run = started(w, json!({}), asks_its_model);
        let last = w.quietly(|w| {
            w.command(run, Command::Pause);
            ends(w, run);
            w.store.documents.remove(LAST).unwrap()
        });
        w.note("the last entry of the journal is not listed yet");
        let run = w.runner("resume", json!({ "options": { "leaseTtlMs": 1_500 } }));
        w.pass(1_200);
        w.note("now it is");
        w.store.documents.insert(LAST.to_owned(), last);
        w.until(run, asks_its_model);
    });
}
