//! What becomes of the model's answers in whole runs: usage, stop reasons, silence, overflow. The test world validates
//! every request that a run sends.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use support::*;
use task_execution_engine::converse::{Failure, RequestOp};
use task_execution_engine::effect::{Command, Effect, Input};

/// A turn that ends with this reason.
fn stopped(words: &str, uses: &[(&str, &str, Value)], reason: &str) -> Says {
    let mut events = turn(words, uses);
    let at = events.iter().position(|event| event.get("messageStop").is_some()).unwrap();
    events[at] = json!({ "messageStop": { "stopReason": reason } });
    Says::Events(events)
}

fn usage(numbers: [u64; 4]) -> Value {
    let [input, output, read, write] = numbers;
    json!({ "metadata": { "usage": { "inputTokens": input, "outputTokens": output, "totalTokens": input + output,
        "cacheReadInputTokens": read, "cacheWriteInputTokens": write } } })
}

fn failing(message: &str) -> Failure {
    Failure { name: Some("ValidationException".into()), message: message.into(), ..Failure::default() }
}

#[test]
fn usage_of_every_attempt_is_summed_cache_reads_and_writes_too() {
    let mut w = World::new(40, 1);
    let mut dropped = turn("Half", &[])[..2].to_vec();
    dropped.push(usage([100, 20, 30, 4]));
    let mut whole = turn("Whole.", &[])[..4].to_vec();
    whole.push(usage([200, 50, 60, 7]));
    w.script(vec![Says::Events(dropped), Says::Breaks(vec![], Failure::default()), Says::Events(whole)]);
    let run = w.start();
    let outcome = w.finish(run).unwrap();
    let expected = json!({ "inputTokens": 300, "outputTokens": 70, "totalTokens": 370,
        "cacheReadInputTokens": 90, "cacheWriteInputTokens": 11, "unreported": 1 });
    assert_eq!(outcome["usage"], expected);
    assert_eq!(w.events(run, "task:usage").last().unwrap()["total"], expected);
}

#[test]
fn a_text_cut_by_max_tokens_is_continued_five_times_and_then_paused() {
    let mut w = World::new(41, 1);
    w.model = Box::new(|_| stopped("On and on", &[], "max_tokens"));
    let run = w.start();
    let outcome = w.finish(run).unwrap();
    assert_eq!(outcome["status"], "paused");
    assert!(outcome["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{outcome}");
    assert_eq!(w.actors[run].requests.len(), 6);
}

#[test]
fn a_guardrail_or_a_content_filter_pauses_with_its_reason_and_runs_no_tool() {
    for reason in ["guardrail_intervened", "content_filtered"] {
        let mut w = World::new(42, 1);
        w.script(vec![stopped("No.", &[("a", "work", json!({}))], reason)]);
        let run = w.start();
        let outcome = w.finish(run).unwrap();
        assert_eq!(outcome["status"], "paused", "{reason}");
        assert!(outcome["reason"].is_string(), "{reason}");
        assert!(w.executions.is_empty(), "{reason}");
        // The request of the resume is valid: the world looks.
        w.script(vec![text("Done.")]);
        let again = w.runner("resume", json!({}));
        assert_eq!(w.finish(again).unwrap()["status"], "completed", "{reason}");
    }
}

#[test]
fn reasoning_goes_back_unchanged_with_its_tool_use_also_after_a_crash() {
    let mut w = World::new(43, 1);
    let delta = |delta: Value| json!({ "contentBlockDelta": { "contentBlockIndex": 0, "delta": delta } });
    let mut events = vec![
        delta(json!({ "reasoningContent": { "text": "Hm, " } })),
        delta(json!({ "reasoningContent": { "text": "hm. " } })),
        delta(json!({ "reasoningContent": { "signature": "signed" } })),
    ];
    events.extend(turn("", &[("a", "work", json!({ "n": 1 }))]));
    w.script(vec![Says::Events(events), Says::Stalls(vec![])]);
    let run = w.start();
    w.until(run, |a| a.requests.len() == 2);
    w.crash(run);
    w.script(vec![text("Done.")]);
    w.now += 100_000;
    let again = w.runner("run", json!({}));
    w.finish(again).unwrap();
    let expected = json!([
        { "reasoningContent": { "reasoningText": { "text": "Hm, hm. ", "signature": "signed" } } },
        { "toolUse": { "toolUseId": "a", "name": "work", "input": { "n": 1 } } },
    ]);
    assert_eq!(w.actors[run].requests[1][1]["content"], expected);
    assert_eq!(w.actors[again].requests[0][1]["content"], expected);
}

#[test]
fn silence_before_the_first_event_and_between_events_ends_an_attempt() {
    let mut w = World::new(44, 1);
    let half = turn("Half", &[])[..2].to_vec();
    w.script(vec![Says::Stalls(vec![]), Says::Stalls(half), text("Done.")]);
    let run = w.start();
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let codes: Vec<&Value> = w.events(run, "task:retry").iter().map(|event| &event["code"]).collect();
    assert_eq!(codes, ["MODEL_TIMEOUT", "MODEL_TIMEOUT"]);
}

#[test]
fn a_back_off_is_interrupted_by_pause_and_stop_at_once() {
    for command in [Command::Pause, Command::Stop { reason: None }] {
        let mut w = World::new(45, 1);
        let wait = Failure { status: Some(429), retry_after_ms: Some(25_000), ..Failure::default() };
        w.script(vec![Says::Breaks(vec![], wait)]);
        let run = w.start();
        w.until_event(run, "task:retry");
        let before = w.now;
        w.command(run, command);
        assert_eq!(w.finish(run).unwrap()["unfinished"], false);
        assert!(w.now - before < 1_000, "within a second");
        assert_eq!(w.store.status(), "paused");
    }
}

#[test]
fn each_recovery_from_an_overflow_is_smaller_than_the_one_before_until_nothing_more_can_go() {
    let mut w = World::new(46, 1);
    let mut calls = 0;
    w.model = Box::new(move |_| {
        calls += 1;
        match calls {
            ..=12 => uses("", &[(&format!("a{calls}"), "work", json!({ "n": calls }))]),
            _ => Says::Breaks(vec![], failing("Input is too long for requested model.")),
        }
    });
    let run = w.start();
    let outcome = w.finish(run).unwrap();
    assert_eq!(outcome["error"]["code"], "CONTEXT_OVERFLOW");
    let sizes: Vec<usize> =
        w.actors[run].requests[12..].iter().map(|messages| json!(messages).to_string().len()).collect();
    assert!(sizes.len() > 2, "{sizes:?}");
    assert!(sizes.windows(2).all(|pair| pair[1] < pair[0]), "{sizes:?}");
    // What was left out stays so: a resume begins where the last recovery stood.
    w.script(vec![text("Done.")]);
    let again = w.runner("start", json!({}));
    w.finish(again).unwrap();
    assert!(json!(w.actors[again].requests[0]).to_string().len() <= *sizes.last().unwrap() + 200);
}

#[test]
fn malformed_and_cut_tool_input_is_answered_to_the_model_and_never_executed() {
    for (input, reason) in [("{\"n\":", "tool_use"), ("[1]", "tool_use"), ("{\"n\":", "max_tokens")] {
        let mut w = World::new(47, 1);
        let Says::Events(mut events) = stopped("", &[("a", "work", json!({}))], reason) else { panic!() };
        events[2]["contentBlockDelta"]["delta"]["toolUse"]["input"] = json!(input);
        w.script(vec![Says::Events(events), text("Done.")]);
        let run = w.start();
        assert_eq!(w.finish(run).unwrap()["status"], "completed", "{input} {reason}");
        assert!(w.executions.is_empty(), "{input} {reason}");
        let result = &w.actors[run].requests[1][2]["content"][0]["toolResult"];
        assert_eq!((&result["toolUseId"], &result["status"]), (&json!("a"), &json!("error")));
    }
}

#[test]
fn tool_uses_are_run_whatever_the_stop_reason_and_their_absence_ends_the_turn() {
    for (with, without) in [("end_turn", "stop_sequence"), ("stop_sequence", "brand_new")] {
        let mut w = World::new(48, 1);
        w.script(vec![stopped("", &[("a", "work", json!({}))], with), stopped("Done.", &[], without)]);
        let run = w.start();
        assert_eq!(w.finish(run).unwrap()["status"], "completed", "{with} {without}");
        assert_eq!(w.executions.len(), 1, "{with}");
    }
}

#[test]
fn an_imported_history_is_repaired_and_goes_on_with_the_run() {
    let mut w = World::new(49, 1);
    let old = json!([
        { "role": "assistant", "content": "Out of nowhere." },
        { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "ghost", "content": "?" }], "ts": 1 },
        { "role": "assistant", "content": [{ "type": "tool_use", "id": "a b", "name": "w o", "input": "x" }] },
        { "role": "assistant", "content": [{ "text": "  " }] },
    ]);
    w.outside(&["execution", "api_messages"], old);
    w.script(vec![uses("", &[("a_b", "work", json!({}))]), text("Done.")]);
    let run = w.start();
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let imported = &w.store.facts("imported")[0];
    assert!(!imported["messages"].as_array().unwrap().is_empty());
    assert_ne!(imported["repaired"], 0);
}

/// The last message of the request at that place, as text.
fn asked(w: &World, run: usize, request: usize) -> String {
    json!(w.actors[run].requests[request].last().unwrap()["content"]).to_string()
}

#[test]
fn a_turn_that_only_announces_a_tool_is_nudged_once_and_completes_nothing() {
    let mut w = World::new(48, 1);
    let announces = || stopped("I am going to look.", &[], "tool_use");
    w.script(vec![announces(), uses("", &[("a", "work", json!({}))]), announces(), announces()]);
    let run = w.start();
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert!(asked(&w, run, 1).contains("used none") && asked(&w, run, 3).contains("used none"));
    assert_eq!((w.executions.len(), w.store.facts("nudged").len()), (1, 2), "each row of them is told once");
}

#[test]
fn a_service_that_suspends_a_turn_is_asked_to_go_on() {
    let mut w = World::new(48, 1);
    let suspended = || stopped("Searching.", &[], "pause_turn");
    w.script(vec![suspended(), suspended(), text("Found it.")]);
    let run = w.start();
    assert_eq!(w.finish(run).unwrap()["text"], "Found it.");
    assert_eq!(asked(&w, run, 2), json!([{ "text": "Go on." }]).to_string());
}

#[test]
fn a_refusal_pauses_as_what_a_filter_withheld_does() {
    for word in ["refusal", "content_filtered"] {
        let mut w = World::new(48, 1);
        w.script(vec![stopped("", &[("a", "work", json!({}))], word)]);
        let run = w.start();
        let outcome = w.finish(run).unwrap();
        assert_eq!((&outcome["status"], &outcome["reason"]), (&json!("paused"), &json!("content_filtered")));
        assert!(w.executions.is_empty());
    }
}

#[test]
fn a_turn_without_content_after_results_ends_naturally_and_the_results_go_with_what_is_said_next() {
    for stop in ["end_turn", "stop_sequence"] {
        let mut w = World::new(48, 2);
        let silent = || stopped("", &[], stop);
        w.script(vec![uses("So.", &[("a", "work", json!({}))]), silent(), text("Done.")]);
        let run = w.start();
        assert_eq!(w.finish(run).unwrap()["status"], "completed");
        let last = asked(&w, run, 2);
        assert!(last.contains("toolResult") && last.contains("Item 2"), "{last}");
        assert_eq!((w.store.facts("turn").len(), w.store.facts("nudged").len()), (3, 0));
        // Another process reads the same of it.
        assert_eq!(w.ask("apiMessages", json!({})).unwrap().as_array().map(Vec::len), Some(4));
    }
}

#[test]
fn a_turn_without_content_is_asked_for_once_more_in_words_and_then_fails() {
    let silent = || stopped("", &[], "end_turn");
    let mut w = World::new(48, 1);
    w.script(vec![silent(), text("Done.")]);
    let run = w.start();
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let said = asked(&w, run, 1);
    assert!(said.contains("Item 1") && said.contains("Your answer was empty"), "{said}");

    let mut w = World::new(48, 1);
    w.script(vec![silent(), silent(), text("Done.")]);
    let run = w.start();
    let outcome = w.finish(run).unwrap();
    assert_eq!(outcome["error"]["code"], "MODEL_UNAVAILABLE");
    assert_eq!(w.actors[run].requests.len(), 2);
    let again = w.runner("resume", json!({}));
    assert_eq!(w.finish(again).unwrap()["status"], "completed");
}

#[test]
fn nothing_is_no_answer_to_the_statement_of_the_next_item() {
    let mut w = World::new(48, 2);
    let silent = || stopped("", &[], "end_turn");
    w.script(vec![uses("So.", &[("a", "work", json!({}))]), silent(), silent(), text("Done.")]);
    let run = w.start();
    assert_eq!(
        w.finish(run).unwrap()["items"],
        json!([{ "id": "i1", "text": "" }, { "id": "i2", "text": "Done." }])
    );
    assert!(asked(&w, run, 3).contains("Your answer was empty"));
}

#[test]
fn what_a_guardrail_blocked_pauses_though_a_message_or_the_end_of_its_item_has_come_meanwhile() {
    for completed_by_others in [false, true] {
        let mut w = World::new(48, 2);
        w.script(vec![stopped("No.", &[], "guardrail_intervened"), text("OK")]);
        let run = w.start();
        w.until(run, |a| a.requests.len() == 1);
        if completed_by_others {
            let item = |id: &str, status: &str| json!({ "id": id, "name": id, "status": status });
            w.outside(
                &["progress", "tasks", "m1"],
                json!([item("i1", "completed"), item("i2", "not_started")]),
            );
        } else {
            w.say("Hurry.");
        }
        w.give(run, Input::Changed);
        let outcome = w.finish(run).unwrap();
        assert_eq!(
            (&outcome["status"], &outcome["reason"]),
            (&json!("paused"), &json!("guardrail_intervened"))
        );
        assert_eq!(w.store.facts("stated").len(), 1);
        assert_eq!(w.store.facts("done").len(), usize::from(completed_by_others));
    }
}

#[test]
fn a_person_s_message_is_not_answered_by_nothing() {
    let mut w = World::new(48, 1);
    let silent = || stopped("", &[], "end_turn");
    w.script(vec![uses("So.", &[("a", "work", json!({}))]), silent(), text("I heard you.")]);
    w.tool = Box::new(|_| Does::Takes(500, Box::new(Does::Returns(json!(1)))));
    let run = w.start();
    w.until(run, |a| !a.executed.is_empty());
    w.say("Do you hear me?");
    assert_eq!(w.finish(run).unwrap()["text"], "I heard you.");
    assert!(asked(&w, run, 2).contains("Your answer was empty"));
}

#[test]
fn a_turn_that_spent_max_tokens_on_reasoning_pauses_at_once_and_a_resume_asks_again() {
    let mut w = World::new(48, 1);
    let reasoned = json!({ "contentBlockDelta": { "contentBlockIndex": 0,
        "delta": { "reasoningContent": { "text": "Hm." } } } });
    let thinks = Says::Events(vec![reasoned, json!({ "messageStop": { "stopReason": "max_tokens" } })]);
    w.script(vec![thinks, text("Done.")]);
    let run = w.start();
    let told = w.spy(run, |_| false);
    let outcome = w.finish(run).unwrap();
    assert_eq!((&outcome["status"], &outcome["reason"]), (&json!("paused"), &json!("max_tokens")));
    let logs = |e: &Effect| matches!(e, Effect::Log { message, .. } if message.contains("thinking budget"));
    assert!(told.borrow().iter().any(logs));
    let again = w.runner("resume", json!({}));
    assert_eq!(w.finish(again).unwrap()["status"], "completed");
    assert_eq!(w.actors[again].requests[0].len(), 1, "what was only thought is no message");
}

/// What the requests of a run set beside its messages.
fn heads(w: &mut World, run: usize) -> Vec<RequestOp> {
    let seen = w.spy(run, |_| false);
    w.finish(run).unwrap();
    let of = |effect: &Effect| match effect {
        Effect::Converse { ops, .. } => ops.clone(),
        _ => Vec::new(),
    };
    let all: Vec<RequestOp> = seen.borrow().iter().flat_map(of).collect();
    all.into_iter()
        .filter(|op| matches!(op, RequestOp::System(_) | RequestOp::Model(_) | RequestOp::Tools(_)))
        .collect()
}

fn tool_names(op: &RequestOp) -> Vec<String> {
    let RequestOp::Tools(config) = op else { return Vec::new() };
    let tools = config.iter().flat_map(|config| config["tools"].as_array().unwrap());
    tools.map(|tool| tool["toolSpec"]["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_system_prompt_and_a_model_that_others_change_reach_the_next_request() {
    let mut w = World::new(20, 1);
    w.script(vec![uses("", &[("a", "work", json!({}))]), text("Done.")]);
    w.tool = Box::new(|_| Does::Takes(1_000, Box::new(Does::Returns(json!(1)))));
    let run = w.start();
    w.until(run, |a| !a.executed.is_empty());
    w.outside(&["config", "system_prompt"], json!("Be long."));
    w.outside(&["config", "model"], json!("another"));
    let said = heads(&mut w, run);
    assert_eq!(said, [RequestOp::System(Some("Be long.".into())), RequestOp::Model(Some("another".into()))]);
}

#[test]
fn without_tools_of_its_own_a_request_names_every_tool_that_its_history_used() {
    let mut w = World::new(21, 1);
    w.tools = json!([]);
    w.script(vec![
        uses("", &[("a", "first", json!({}))]),
        uses("", &[("b", "second", json!({}))]),
        text("Done."),
    ]);
    let run = w.start();
    let named: Vec<Vec<String>> = heads(&mut w, run).iter().map(tool_names).collect();
    assert_eq!(named.last().unwrap(), &["first", "second"]);
}

#[test]
fn where_the_model_has_to_complete_an_item_it_is_given_the_tool_for_it() {
    for explicit in [false, true] {
        let mut w = World::new(22, 1);
        w.script(vec![
            if explicit {
                uses("", &[("a", "complete_task_item", json!({ "summary": "It is done." }))])
            } else {
                text("Done.")
            },
            text("Done."),
        ]);
        let completion = if explicit { "explicit" } else { "end_turn" };
        let run = w.runner("start", json!({ "options": { "completion": completion } }));
        let named: Vec<String> = heads(&mut w, run).iter().flat_map(tool_names).collect();
        assert_eq!(named.iter().any(|name| name == "complete_task_item"), explicit, "{named:?}");
        assert!(named.iter().any(|name| name == "work"));
    }
}
