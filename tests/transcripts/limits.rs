//! Limits, each of which pauses a run, and a start that grants anew.

use super::support::*;
use super::{ends, told, works};
use serde_json::{Value, json};

fn limited(limits: Value) -> Value {
    json!({ "options": { "limits": limits } })
}

/// Calls without end; the argument is another each time, or the same.
fn works_on(w: &mut World, same: bool) {
    let mut n = 0;
    w.model = Box::new(move |_| {
        n += 1;
        uses("", &[(&format!("c{n}"), "work", json!({ "n": if same { 1 } else { n } }))])
    });
}

#[test]
fn turns_tokens_and_time_are_limited_and_a_start_grants_anew() {
    told("limits", 1, |w| {
        works_on(w, false);
        let run = w.runner("start", limited(json!({ "iterations": 1 })));
        ends(w, run);
        works_on(w, false);
        w.tool = Box::new(|_| Does::Takes(61_000, Box::new(Does::Returns(json!(1)))));
        w.quietly(|w| {
            let run = w.runner("start", limited(json!({ "minutes": 1 })));
            w.until(run, works);
            w.pass(60_990);
        });
        w.pass(20);
        w.tool = Box::new(|_| Does::Returns(json!(1)));
        w.quietly(|w| {
            let run = w.runner("resume", limited(json!({ "tokens": 15 })));
            w.until(run, works);
        });
        w.pass(20);
    });
}

#[test]
fn mistakes_in_a_row_pause_the_run() {
    told("mistakes", 1, |w| {
        works_on(w, false);
        w.tool = Box::new(|_| Does::Throws("no".into()));
        let run = w.runner("start", limited(json!({ "mistakes": 2 })));
        ends(w, run);
    });
}

#[test]
fn identical_calls_are_told_of_and_pause_the_run() {
    told("identical_calls", 1, |w| {
        works_on(w, true);
        let run = w.runner("start", limited(json!({ "identicalToolCalls": 3 })));
        ends(w, run);
    });
}

#[test]
fn a_call_past_its_time_is_aborted_and_no_more_calls_run_at_once_than_may() {
    told("slow_tools", 1, |w| {
        w.tools[0]["timeoutMs"] = json!(1_000);
        w.tools[1]["timeoutMs"] = json!(1_000);
        w.tools[1]["onUnknownOutcome"] = json!("rerun");
        w.script(vec![
            uses("", &[("a", "work", json!({})), ("b", "look", json!({})), ("c", "work", json!({}))]),
            text("Done."),
        ]);
        w.tool = Box::new(|call| if call.id == "c" { Does::Returns(Value::Null) } else { Does::Hangs });
        let run = w.runner("start", limited(json!({ "parallelTools": 1 })));
        ends(w, run);
    });
}
