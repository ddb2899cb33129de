//! What models and their services do: breaks, refusals, odd turns.

use super::support::*;
use super::{asks_its_model, ends, started, stopped, told};
use serde_json::{Value, json};
use task_execution_engine::converse::Failure;

fn failure(name: &str, message: &str) -> Failure {
    Failure { name: Some(name.into()), message: message.into(), ..Failure::default() }
}

#[test]
fn a_turn_is_tried_again_after_breaks_stalls_and_throttling() {
    told("model_retries", 1, |w| {
        let half = || turn("Half", &[])[..2].to_vec();
        let throttled = Failure {
            status: Some(429),
            retry_after_ms: Some(5_000),
            ..failure("ThrottlingException", "Slowly.")
        };
        w.script(vec![
            Says::Breaks(vec![], throttled),
            Says::Breaks(half(), failure("Error", "socket hang up")),
            Says::Stalls(half()),
            Says::Stalls(vec![]),
            Says::Events(vec![json!({ "modelStreamErrorException": { "message": "It broke." } })]),
            text("Done."),
        ]);
        let run = w
            .runner("start", json!({ "options": { "idleTimeoutMs": { "first": 3_000, "between": 4_000 } } }));
        ends(w, run);
    });
}

#[test]
fn attempts_are_used_up_and_what_is_permanent_fails_at_once() {
    told("model_failures", 1, |w| {
        w.model = Box::new(|_| Says::Breaks(vec![], failure("ServiceUnavailableException", "Busy.")));
        let run = w.runner("start", json!({ "options": { "retry": { "attempts": 2 } } }));
        ends(w, run);
        w.model = Box::new(|_| Says::Breaks(vec![], failure("AccessDeniedException", "No access.")));
        let run = w.runner("resume", json!({ "modelId": "some.model" }));
        ends(w, run);
    });
}

#[test]
fn a_request_that_is_too_long_is_made_again_without_its_oldest_turns() {
    told("overflow", 1, |w| {
        let mut calls = 0;
        w.model = Box::new(move |_| {
            calls += 1;
            match calls {
                ..=8 => uses("", &[(&format!("a{calls}"), "work", json!({ "n": calls }))]),
                9 => Says::Breaks(
                    vec![],
                    failure("ValidationException", "Input is too long for requested model."),
                ),
                10 => stopped("", &[], "model_context_window_exceeded"),
                _ => text("Done."),
            }
        });
        let run = started(w, json!({}), |run| run.requests.len() == 9);
        ends(w, run);
    });
}

#[test]
fn blocks_that_the_model_refuses_are_left_out_of_what_it_gets() {
    told("refused_blocks", 1, |w| {
        let image = json!({ "image": { "format": "png", "source": { "bytes": "iVBORw0KGgo=" } } });
        w.tool = Box::new(move |_| Does::Returns(json!({ "$content": [{ "text": "Seen." }, image] })));
        w.script(vec![
            uses("", &[("a", "look", json!({}))]),
            Says::Breaks(
                vec![],
                failure(
                    "ValidationException",
                    "This model doesn't support the image content block that you provided.",
                ),
            ),
            text("Done."),
        ]);
        let run = started(w, json!({ "modelId": "some.model" }), asks_its_model);
        ends(w, run);
    });
}

#[test]
fn cut_suspended_announced_and_empty_turns_are_gone_on_with() {
    told("unfinished_turns", 1, |w| {
        let mut cut = turn("", &[("x", "work", json!({}))]);
        cut[2]["contentBlockDelta"]["delta"]["toolUse"]["input"] = json!("{\"n\":");
        cut[4] = json!({ "messageStop": { "stopReason": "max_tokens" } });
        w.script(vec![
            stopped("On and", &[], "max_tokens"),
            Says::Events(cut),
            stopped("Searching.", &[], "pause_turn"),
            stopped("I will look.", &[], "tool_use"),
            stopped(" ", &[], "end_turn"),
            stopped("", &[], "malformed_model_output"),
            text("Done."),
        ]);
        let run = started(w, json!({}), asks_its_model);
        ends(w, run);
    });
}

#[test]
fn what_a_guardrail_blocked_pauses_the_run_and_is_masked_afterwards() {
    told("guardrail", 1, |w| {
        w.script(vec![
            uses("", &[("a", "work", json!({}))]),
            stopped("Blocked.", &[("b", "work", json!({}))], "guardrail_intervened"),
            text("Done."),
        ]);
        let run = started(w, json!({}), asks_its_model);
        ends(w, run);
        let run = w.runner("resume", json!({}));
        ends(w, run);
    });
}

#[test]
fn calls_that_cannot_be_run_are_answered_to_the_model() {
    told("odd_calls", 1, |w| {
        let mut odd =
            turn("", &[("a", "work", json!({})), ("a", "work", json!({})), ("", "none", json!({}))]);
        let broken = |name: &str, input: &str, index: usize| -> Vec<Value> {
            let used = json!({ "toolUse": { "toolUseId": format!("b{index}"), "name": name } });
            vec![
                json!({ "contentBlockStart": { "contentBlockIndex": index, "start": used } }),
                json!({ "contentBlockDelta": { "contentBlockIndex": index, "delta": { "toolUse": { "input": input } } } }),
                json!({ "contentBlockStop": { "contentBlockIndex": index } }),
            ]
        };
        let at = odd.iter().position(|event| event.get("messageStop").is_some()).unwrap();
        odd.splice(
            at..at,
            [broken("work", "[1]", 7), broken("look", "{\"n\":", 8), broken("no name!", "{}", 9)].concat(),
        );
        w.vet = Box::new(|call| match call.name.as_str() {
            "work" => json!({ "verdict": "run" }),
            name => json!({ "verdict": "refuse", "message": format!("There is no tool {name}.") }),
        });
        w.script(vec![Says::Events(odd), text("Done.")]);
        let run = started(w, json!({}), asks_its_model);
        ends(w, run);
    });
}
