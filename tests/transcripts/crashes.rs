//! Processes that are gone, or held up: what the next one makes of what they left.

use super::support::*;
use super::{asks_its_model, ends, started, told, works};
use serde_json::json;

#[test]
fn calls_whose_outcome_nobody_knows_are_reported_looked_up_run_again_or_asked_about() {
    told("unknown_outcomes", 1, |w| {
        let ways = ["report", "lookup", "rerun", "ask"];
        let tools = ways.map(|way| {
            let mut described = tool(way);
            described["onUnknownOutcome"] = json!(way);
            described
        });
        w.tools = json!(tools);
        let calls = ways.map(|way| (way, way, json!({})));
        w.script(vec![uses("", &calls), text("Done.")]);
        w.tool = Box::new(|_| Does::Deaf);
        let run = started(w, json!({}), |run| run.executed.len() == 4);
        w.crash(run);
        w.pass(29_000);
        w.look_up = Box::new(|_| json!({ "found": true, "result": "It did." }));
        w.tool = Box::new(|_| Does::Returns(json!(1)));
        let run = w.runner("run", json!({}));
        w.until_event(run, "task:answer_required");
        w.ask("approve", json!({ "toolCallId": "ask" })).unwrap();
        ends(w, run);
    });
}

#[test]
fn a_worker_that_was_frozen_beyond_its_lease_is_fenced_off_by_the_one_that_took_over() {
    told("fenced_off", 1, |w| {
        w.script(vec![uses("", &[("a", "work", json!({}))]), text("Done."), text("Never heard.")]);
        w.tool = Box::new(|_| Does::Takes(50, Box::new(Does::Returns(json!(1)))));
        let frozen = started(w, json!({ "options": { "leaseTtlMs": 3_000 } }), works);
        w.note("0 is frozen for a minute");
        w.actors[frozen].frozen_until = w.now + 60_000;
        let refused = w.runner("run", json!({ "options": { "waitForLeaseMs": 0 } }));
        ends(w, refused);
        let taker = w.runner("run", json!({ "options": { "waitForLeaseMs": 600_000 } }));
        w.until(taker, |a| !a.requests.is_empty());
        ends(w, taker);
        ends(w, frozen);
    });
}

#[test]
fn a_dead_holder_loses_the_task_at_once_and_a_live_one_keeps_it() {
    told("holders", 1, |w| {
        w.model = Box::new(|_| Says::Stalls(vec![]));
        let first = started(
            w,
            json!({ "holder": "boot:1", "instance": "p1", "options": { "leaseTtlMs": 6_000 } }),
            asks_its_model,
        );
        w.alive.insert("boot:1".to_owned());
        let refused = w.runner("run", json!({ "holder": "boot:2", "instance": "p2" }));
        ends(w, refused);
        w.crash(first);
        w.alive.clear();
        w.model = Box::new(|_| text("Done."));
        let run = w.runner("run", json!({ "holder": "boot:3", "instance": "p3" }));
        ends(w, run);
    });
}

#[test]
fn a_task_that_crashes_whoever_takes_it_up_is_parked() {
    told("crash_loop", 1, |w| {
        w.model = Box::new(|_| Says::Stalls(vec![]));
        let run = started(w, json!({}), asks_its_model);
        w.crash(run);
        w.now += 60_000;
        let head = "engine/head";
        let mut data = json!(w.head());
        data["attempts"] = json!(3);
        w.others_put(head, Some(data));
        w.now += 60_000;
        let run = w.runner("run", json!({}));
        w.until(run, |a| !a.requests.is_empty());
        w.crash(run);
        w.now += 60_000;
        let run = w.runner("run", json!({}));
        ends(w, run);
        w.model = Box::new(|_| text("Done."));
        let run = w.runner("start", json!({}));
        ends(w, run);
    });
}
