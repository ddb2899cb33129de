//! What the host's callbacks answer, throw, or leave unanswered, and what is made of it.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use support::spy::Seen;
use support::*;
use task_execution_engine::effect::{Command, Effect, Input, Question, Thrown, Ticket};
use task_execution_engine::error::CauseId;
use task_execution_engine::facts::fact::Decision;

fn vets(effect: &Effect) -> bool {
    matches!(effect, Effect::Ask { question: Question::Vet { .. }, .. })
}

fn prompts(effect: &Effect) -> bool {
    matches!(effect, Effect::Ask { question: Question::Prompt { .. }, .. })
}

fn looks_up(effect: &Effect) -> bool {
    matches!(effect, Effect::Ask { question: Question::LookUp { .. }, .. })
}

fn asks_for_tools(effect: &Effect) -> bool {
    matches!(effect, Effect::Ask { question: Question::Tools { .. }, .. })
}

fn tickets(seen: &Seen, of: fn(&Effect) -> bool) -> Vec<Ticket> {
    let asked = |effect: &Effect| match effect {
        Effect::Ask { ticket, .. } if of(effect) => Some(*ticket),
        _ => None,
    };
    seen.borrow().iter().filter_map(asked).collect()
}

/// Lets the run go on until it asks so; the question reaches nobody but the test.
fn asked(w: &mut World, run: usize, so: fn(&Effect) -> bool) -> (Seen, Ticket) {
    let seen = w.spy(run, so);
    while tickets(&seen, so).is_empty() {
        assert!(w.step(), "nobody is asked");
    }
    let ticket = tickets(&seen, so)[0];
    (seen, ticket)
}

fn is_cancelled(seen: &Seen, ticket: Ticket) -> bool {
    seen.borrow().contains(&Effect::Cancel { ticket })
}

/// A run that is asked whether a call may run, or for the words for its item.
fn asking(so: fn(&Effect) -> bool) -> (World, usize, Seen, Ticket) {
    let mut w = World::new(7, 1);
    w.script(vec![uses("", &[("a", "work", json!({})), ("b", "work", json!({}))]), text("Done.")]);
    let run = w.runner("start", json!({ "hasPrompt": true }));
    let (seen, ticket) = asked(&mut w, run, so);
    (w, run, seen, ticket)
}

#[test]
fn what_a_callback_throws_fails_the_task_by_its_name_and_it_may_be_tried_again() {
    for (so, name) in [(vets as fn(&Effect) -> bool, "needsApproval or approval"), (prompts, "prompt")] {
        let (mut w, run, _, ticket) = asking(so);
        let thrown = Thrown { message: "No luck".into(), cause: Some(CauseId(7)) };
        w.give(run, Input::Answered { ticket, result: Err(thrown) });
        let outcome = w.finish(run).unwrap();
        let error = &outcome["error"];
        assert_eq!((&outcome["status"], &error["code"]), (&json!("failed"), &json!("HOST_CALLBACK")));
        assert_eq!((&error["retryable"], &outcome["cause"]), (&json!(true), &json!(7)));
        let message = format!("The host's {name} callback failed: No luck. Mend it and call resume().");
        assert_eq!(error["message"], message);
        assert_eq!(w.events(run, "task:error")[0]["retryable"], true);
    }
}

#[test]
fn an_answer_that_is_none_fails_the_task_at_once() {
    let answers = [
        (vets as fn(&Effect) -> bool, json!([{ "verdict": "run" }])),
        (vets, json!([{ "verdict": "run" }, { "verdict": "perhaps" }])),
        (prompts, json!(" \n")),
        (prompts, json!(5)),
        (prompts, Value::Null),
    ];
    for (so, answer) in answers {
        let (mut w, run, seen, ticket) = asking(so);
        let at = w.now;
        w.give(run, Input::Answered { ticket, result: Ok(answer.clone()) });
        let outcome = w.finish(run).unwrap();
        assert_eq!(outcome["error"]["code"], "HOST_CALLBACK", "{answer}");
        assert_eq!((tickets(&seen, so).len(), w.executions.len()), (1, 0), "{answer}");
        assert!(w.now - at < 100, "it took {} ms to see that {answer} is none", w.now - at);
    }
}

#[test]
fn a_callback_that_takes_too_long_is_told_so() {
    for so in [vets as fn(&Effect) -> bool, prompts] {
        let (mut w, run, seen, ticket) = asking(so);
        assert_eq!(w.finish(run).unwrap()["error"]["code"], "HOST_CALLBACK");
        assert!(is_cancelled(&seen, ticket));
    }
}

#[test]
fn a_callback_has_its_time_however_long_the_process_stood_still_before() {
    let mut w = World::new(7, 1);
    w.script(vec![uses("", &[("a", "work", json!({}))])]);
    let run = w.start();
    w.until(run, |a| !a.requests.is_empty());
    w.now += 60_000;
    asked(&mut w, run, vets);
    let at = w.now;
    assert_eq!(w.finish(run).unwrap()["error"]["code"], "HOST_CALLBACK");
    let took = w.now - at;
    assert!((29_900..31_000).contains(&took), "{took}");
}

/// A run with a call whose outcome is unknown and looked up, while another call runs for so long.
fn looking_up(other_takes: u64) -> (World, usize, Seen, Ticket) {
    let mut w = World::new(9, 1);
    w.tools[0]["onUnknownOutcome"] = json!("lookup");
    w.tools[0]["timeoutMs"] = json!(1_000);
    w.script(vec![uses("", &[("a", "work", json!({})), ("b", "look", json!({}))]), text("Done.")]);
    w.tool = Box::new(move |call| match call.name.as_str() {
        "work" => Does::Hangs,
        _ => Does::Takes(other_takes, Box::new(Does::Returns(json!("seen")))),
    });
    let run = w.start();
    let (seen, ticket) = asked(&mut w, run, looks_up);
    (w, run, seen, ticket)
}

#[test]
fn an_outcome_counts_as_found_where_the_look_up_says_so_whatever_it_was() {
    let no_output = json!([{ "text": "(no output)" }]);
    let cases = [
        (json!({ "found": true, "result": "sent" }), Some(json!([{ "text": "sent" }]))),
        (json!({ "found": true, "result": null }), Some(no_output.clone())),
        (json!({ "found": true }), Some(no_output)),
        (json!({ "found": false, "result": "sent" }), None),
        (json!({ "result": "sent" }), None),
        (json!({}), None),
    ];
    for (answer, found) in cases {
        let (mut w, run, seen, ticket) = looking_up(10);
        w.give(run, Input::Answered { ticket, result: Ok(answer.clone()) });
        assert_eq!(w.finish(run).unwrap()["status"], "completed");
        let results = w.store.facts("result");
        let result = results.iter().find(|r| r["toolCallId"] == "a").unwrap();
        assert_eq!(result.get("unknown").is_some(), found.is_none(), "{answer}");
        if let Some(content) = found {
            assert_eq!((&result["status"], &result["content"]), (&json!("success"), &content), "{answer}");
        }
        assert_eq!((tickets(&seen, looks_up).len(), w.executions.len()), (1, 2));
    }
}

#[test]
fn an_outcome_whose_look_up_fails_is_unknown_and_not_looked_up_again() {
    let (mut w, run, seen, ticket) = looking_up(10);
    let thrown = Thrown { message: "offline".into(), cause: None };
    w.give(run, Input::Answered { ticket, result: Err(thrown) });
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!(tickets(&seen, looks_up).len(), 1);
    let told = |effect: &Effect| matches!(effect, Effect::Log { message, .. } if message.contains("call a failed: offline"));
    assert!(seen.borrow().iter().any(told));
}

#[test]
fn a_question_that_an_end_leaves_without_purpose_is_taken_back_while_tools_still_run() {
    let (mut w, run, seen, ticket) = looking_up(5_000);
    w.command(run, Command::Pause);
    assert!(is_cancelled(&seen, ticket) && !w.is_over(run));
    assert_eq!(w.finish(run).unwrap()["status"], "paused");
    assert_eq!(w.store.facts("result")[0]["toolCallId"], "b", "it had the grace");
}

#[test]
fn what_tools_return_is_stored_while_a_callback_is_waited_for_and_nothing_that_depends_on_it() {
    let (mut w, run, _, ticket) = looking_up(2_000);
    let id = w.say("Hello?");
    w.until_event(run, "task:tool_result");
    w.pass(15_000);
    assert!(w.store.facts("received").is_empty(), "what waits for the callback is stored");
    assert!(
        w.store.get(&format!("{TASK_PATH}/inbox/{id}")).is_some(),
        "a message that nobody has read is gone"
    );
    assert_eq!(w.store.facts("result").len(), 1);
    w.give(run, Input::Answered { ticket, result: Ok(json!({ "found": true, "result": 1 })) });
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let told = w.actors[run].requests[1].last().unwrap()["content"].clone();
    assert_eq!(told[2], json!({ "text": "Hello?" }), "{told}");
}

#[test]
fn whoever_leaves_or_pauses_an_opening_takes_the_question_about_tools_back() {
    let drain = Command::Yield { reason: "drain".into(), grace: true };
    for (command, status) in [(drain, "yielded"), (Command::Pause, "paused")] {
        let mut w = World::new(11, 1);
        let run = w.start();
        let (seen, ticket) = asked(&mut w, run, asks_for_tools);
        let answer = w.command(run, command);
        assert!(is_cancelled(&seen, ticket), "{status}");
        let outcome = w.finish(run).unwrap();
        assert_eq!(outcome["status"], status);
        assert!(w.actors[run].settled[&answer].is_ok());
        if status == "yielded" {
            assert_eq!((&outcome["reason"], &outcome["unfinished"]), (&json!("drain"), &json!(true)));
        }
    }
}

#[test]
fn tools_that_fail_or_do_not_answer_refuse_the_run_with_what_was_thrown() {
    let mut w = World::new(12, 1);
    let run = w.start();
    let (_, ticket) = asked(&mut w, run, asks_for_tools);
    let thrown = Thrown { message: "No tools today".into(), cause: Some(CauseId(3)) };
    w.give(run, Input::Answered { ticket, result: Err(thrown) });
    let refused = w.finish(run).unwrap_err();
    assert_eq!((json!(refused.code), refused.cause), (json!("HOST_CALLBACK"), Some(CauseId(3))));
    assert!(refused.message.contains("No tools today"));

    let mut w = World::new(13, 1);
    let run =
        w.runner("start", json!({ "options": { "callbackTimeoutMs": 4_000, "storeTimeoutMs": 1_000 } }));
    let (seen, ticket) = asked(&mut w, run, asks_for_tools);
    let at = w.now;
    assert_eq!(json!(w.finish(run).unwrap_err().code), json!("HOST_CALLBACK"));
    assert!(is_cancelled(&seen, ticket));
    assert_eq!(w.now - at, 4_000);
    assert!(w.store.get(&format!("{TASK_PATH}/engine/head")).is_none(), "nothing was taken");
}

#[test]
fn a_call_that_a_person_approves_is_not_put_to_the_host_again() {
    let mut w = World::new(14, 1);
    w.vet = Box::new(|_| json!({ "verdict": "approve" }));
    w.script(vec![uses("", &[("a", "work", json!({}))]), text("Done.")]);
    let run = w.start();
    let seen = w.spy(run, |_| false);
    w.until_event(run, "task:approval_required");
    w.ask("approve", json!({ "toolCallId": "a" })).unwrap();
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!((tickets(&seen, vets).len(), w.executions.len()), (1, 1));
}

#[test]
fn a_call_that_a_person_approved_and_that_did_not_run_is_not_put_to_the_host_by_the_next_run() {
    let mut w = World::new(16, 1);
    w.vet = Box::new(|_| json!({ "verdict": "approve" }));
    w.script(vec![uses("", &[("a", "work", json!({}))]), text("Done.")]);
    let run = w.runner("start", json!({ "hasWatch": true }));
    w.until_event(run, "task:approval_required");
    w.fault = Box::new(|_, effect| match effect {
        Effect::Commit { writes, .. } if format!("{writes:?}").contains("decided") => Fault::Late(500),
        _ => Fault::None,
    });
    let seen = w.spy(run, |_| false);
    w.decide("a", Decision::Approve { note: None });
    w.give(run, Input::Changed);
    while !seen
        .borrow()
        .iter()
        .any(|e| matches!(e, Effect::Commit { writes, .. } if format!("{writes:?}").contains("decided")))
    {
        assert!(w.step());
    }
    w.command(run, Command::Pause);
    assert_eq!(w.finish(run).unwrap()["status"], "paused");
    assert_eq!((w.store.facts("not_run").len(), w.executions.len()), (1, 0));
    let run = w.runner("resume", json!({}));
    let seen = w.spy(run, |_| false);
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!((w.executions.len(), seen.borrow().iter().any(vets)), (1, false));
}
