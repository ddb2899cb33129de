//! Results in whole runs: how many tools run at once, what is cut or masked for the model, who reads reasoning, images.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use std::cell::RefCell;
use std::rc::Rc;
use support::*;
use task_execution_engine::converse::{Failure, RequestOp};
use task_execution_engine::effect::ToolCall;
use task_execution_engine::facts::fact::Decision;

fn failing(message: &str) -> Failure {
    Failure {
        name: Some("ValidationException".into()),
        status: Some(400),
        message: message.into(),
        ..Failure::default()
    }
}

fn calls(count: usize, name: &str) -> Says {
    let ids: Vec<String> = (0..count).map(|n| format!("c{n}")).collect();
    let calls: Vec<(&str, &str, Value)> = ids.iter().map(|id| (id.as_str(), name, json!({}))).collect();
    uses("", &calls)
}

fn ids(w: &World) -> Vec<&str> {
    w.executions.iter().map(|(id, _)| id.as_str()).collect()
}

fn results_of(w: &World, run: usize) -> Vec<Value> {
    let last = w.actors[run].requests.last().unwrap().last().unwrap();
    last["content"].as_array().unwrap().iter().map(|block| block["toolResult"].clone()).collect()
}

#[test]
fn calls_beyond_the_limit_start_one_by_one_as_places_become_free() {
    let mut w = World::new(1, 1);
    w.script(vec![calls(5, "work"), text("Done.")]);
    let mut taken = 0;
    w.tool = Box::new(move |_| {
        taken += 1;
        Does::Takes(100 * taken, Box::new(Does::Returns(json!(taken))))
    });
    let run = w.runner("start", json!({ "options": { "limits": { "parallelTools": 2 } } }));
    w.until_event(run, "task:tool_call");
    w.pass(50);
    assert_eq!(ids(&w), ["c0", "c1"]);
    w.until_event(run, "task:tool_result");
    w.pass(10);
    assert_eq!(ids(&w), ["c0", "c1", "c2"]);
    w.finish(run).unwrap();
    assert_eq!(ids(&w), ["c0", "c1", "c2", "c3", "c4"]);
    let starts: Vec<usize> =
        w.store.facts("starting").iter().map(|f| f["toolCallIds"].as_array().unwrap().len()).collect();
    assert_eq!(starts, [2, 1, 1, 1], "each start is in a commit, that of the result which frees its place");
    let answered: Vec<Value> = results_of(&w, run).iter().map(|r| r["toolUseId"].clone()).collect();
    assert_eq!(answered, ["c0", "c1", "c2", "c3", "c4"]);
}

#[test]
fn an_exclusive_call_waits_for_those_before_it_and_holds_back_those_after_it() {
    let mut w = World::new(2, 1);
    w.tools = json!([tool("work"), tool("look")]);
    w.tools[0]["exclusive"] = json!(true);
    w.script(vec![
        uses(
            "",
            &[
                ("a", "look", json!({})),
                ("b", "work", json!({})),
                ("c", "look", json!({})),
                ("d", "look", json!({})),
            ],
        ),
        text("Done."),
    ]);
    let running = Rc::new(RefCell::new(0));
    w.tool = Box::new(|_| Does::Takes(100, Box::new(Does::Returns(json!("ok")))));
    let run = w.start();
    let mut most = Vec::new();
    while !w.is_over(run) {
        if !w.step() {
            break;
        }
        let now = ids(&w).len();
        if now != *running.borrow() {
            *running.borrow_mut() = now;
            most.push((w.now, now));
        }
    }
    assert_eq!(ids(&w), ["a", "b", "c", "d"]);
    let [(first, 1), (second, 2), (third, _), ..] = most.as_slice() else { panic!("{most:?}") };
    assert!(second - first >= 100 && third - second >= 100, "{most:?}");
}

#[test]
fn an_exclusive_call_that_waits_for_a_person_holds_back_those_after_it_and_the_run_may_yield() {
    let mut w = World::new(3, 1);
    w.tools[0]["exclusive"] = json!(true);
    w.vet =
        Box::new(|call: &ToolCall| json!({ "verdict": if call.name == "work" { "approve" } else { "run" } }));
    w.script(vec![uses("", &[("a", "work", json!({})), ("b", "look", json!({}))]), text("Done.")]);
    let run = w.runner("start", json!({ "options": { "whileWaiting": "yield" } }));
    let outcome = w.finish(run).unwrap();
    assert_eq!((&outcome["status"], &outcome["reason"]), (&json!("yielded"), &json!("waiting")));
    assert!(w.executions.is_empty(), "{:?}", w.executions);
    w.decide("a", Decision::Approve { note: None });
    w.script(vec![text("Done.")]);
    let again = w.runner("run", json!({}));
    assert_eq!(w.finish(again).unwrap()["status"], "completed");
    assert_eq!(ids(&w), ["a", "b"]);
}

#[test]
fn queued_calls_of_a_run_that_died_run_once_in_the_next() {
    let mut w = World::new(4, 1);
    w.script(vec![calls(3, "work")]);
    w.tool = Box::new(|_| Does::Hangs);
    let run = w.runner("start", json!({ "options": { "limits": { "parallelTools": 1 } } }));
    w.until_event(run, "task:tool_call");
    w.pass(10);
    w.crash(run);
    w.pass(60_000);
    w.tool = Box::new(|_| Does::Returns(json!("ok")));
    w.script(vec![text("Done.")]);
    let again = w.runner("run", json!({ "options": { "limits": { "parallelTools": 1 } } }));
    assert_eq!(w.finish(again).unwrap()["status"], "completed");
    assert_eq!(ids(&w), ["c0", "c1", "c2"], "the first has an unknown outcome, the others had never begun");
    let unknown: Vec<bool> = w.store.facts("result").iter().map(|result| result["unknown"] == true).collect();
    assert_eq!(unknown, [true, false, false]);
}

#[test]
fn a_result_that_the_model_cannot_hold_is_cut_further_and_further_and_the_task_goes_on() {
    let mut w = World::new(5, 1);
    let mut asked = 0;
    w.model = Box::new(move |messages| {
        asked += 1;
        match asked {
            1 => uses("", &[("a", "work", json!({})), ("b", "work", json!({}))]),
            _ if json!(messages).to_string().len() > 9_000 => {
                Says::Breaks(vec![], failing("Input is too long for requested model."))
            }
            _ => text("Done."),
        }
    });
    w.tool = Box::new(|call| {
        Does::Returns(json!(if call.id == "a" { "long ".repeat(20_000) } else { "short".into() }))
    });
    let run = w.start();
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let sizes: Vec<usize> = w.actors[run].requests[1..].iter().map(|m| json!(m).to_string().len()).collect();
    assert!(sizes.len() > 3 && sizes.windows(2).all(|pair| pair[1] < pair[0]), "{sizes:?}");
    let results = results_of(&w, run);
    let says = results[0]["content"][0]["text"].as_str().unwrap();
    assert!(
        says.starts_with("long ") && says.ends_with("long ") && says.contains("bytes are left out"),
        "{says}"
    );
    assert_eq!(results[1]["content"], json!([{ "text": "short" }]), "what is short stays as it is");
    assert_eq!(w.store.facts("shortened").len(), sizes.len() - 1);
}

#[test]
fn what_was_cut_stays_cut_after_a_crash() {
    let mut w = World::new(6, 1);
    w.script(vec![
        uses("", &[("a", "work", json!({}))]),
        Says::Breaks(vec![], failing("Input is too long for requested model.")),
        Says::Stalls(vec![]),
    ]);
    w.tool = Box::new(|_| Does::Returns(json!("x".repeat(50_000))));
    let run = w.start();
    w.until(run, |actor| actor.requests.len() == 3);
    let sent = w.actors[run].requests[2].clone();
    w.crash(run);
    w.pass(60_000);
    w.script(vec![text("Done.")]);
    let again = w.runner("run", json!({}));
    w.finish(again).unwrap();
    assert_eq!(w.actors[again].requests[0], sent);
}

fn blocked(words: &str) -> Says {
    let mut events = turn(words, &[]);
    let at = events.len() - 2;
    events[at] = json!({ "messageStop": { "stopReason": "guardrail_intervened" } });
    Says::Events(events)
}

#[test]
fn what_a_guardrail_blocked_does_not_come_back_at_the_next_resume() {
    for crash in [false, true] {
        let mut w = World::new(7, 1);
        let mut asked = 0;
        w.model = Box::new(move |messages| {
            asked += 1;
            match asked {
                1 => uses("", &[("a", "work", json!({})), ("b", "work", json!({}))]),
                _ if json!(messages).to_string().contains("CACTUS") => blocked("Sorry: CACTUS."),
                _ => text("Done."),
            }
        });
        w.tool = Box::new(|call| Does::Returns(json!(format!("{} CACTUS", call.id))));
        let run = w.start();
        let outcome = w.finish(run).unwrap();
        assert_eq!(
            (&outcome["status"], &outcome["reason"]),
            (&json!("paused"), &json!("guardrail_intervened"))
        );
        if crash {
            w.store.set("users/u/tasks/t/engine/head", &["owner"], Value::Null, 0);
        }
        let again = w.runner("resume", json!({}));
        assert_eq!(w.finish(again).unwrap()["status"], "completed");
        let request = w.actors[again].requests[0].clone();
        assert_eq!(request[2]["content"][1]["toolResult"]["toolUseId"], "b", "results stay paired");
        assert!(!json!(request).to_string().contains("CACTUS"));
        let thread = w.store.thread();
        assert!(
            thread.iter().any(|(_, says)| says.contains("CACTUS")),
            "people read what was said: {thread:?}"
        );
    }
}

#[test]
fn what_is_blocked_again_and_again_is_left_out_wherever_it_stands() {
    let mut w = World::new(8, 1);
    let mut asked = 0;
    w.model = Box::new(move |messages| {
        asked += 1;
        match asked {
            // In the model's own words, which no mask of the user's turn reaches.
            1 => uses("", &[("a", "work", json!({ "plant": "CACTUS" }))]),
            _ if json!(messages).to_string().contains("CACTUS") => blocked("Blocked."),
            _ => text("Done."),
        }
    });
    let run = w.start();
    assert_eq!(w.finish(run).unwrap()["status"], "paused");
    let second = w.runner("resume", json!({}));
    assert_eq!(w.finish(second).unwrap()["status"], "paused");
    let third = w.runner("resume", json!({}));
    assert_eq!(w.finish(third).unwrap()["status"], "completed");
    assert_eq!(w.store.facts("trimmed").len(), 1);
}

#[test]
fn each_turn_records_its_model_that_of_the_client_where_the_task_names_none() {
    let mut w = World::new(9, 1);
    w.outside(&["config", "model"], json!("one"));
    w.script(vec![uses("", &[("a", "work", json!({}))])]);
    let run = w.runner("start", json!({ "modelId": "own" }));
    w.until(run, |actor| actor.requests.len() == 1);
    w.outside(&["config", "model"], Value::Null);
    w.script(vec![text("Done.")]);
    w.finish(run).unwrap();
    let models: Vec<Value> = w.store.facts("turn").iter().map(|turn| turn["model"].clone()).collect();
    assert_eq!(models, ["one", "own"], "without the task's own it is the client's");
}

#[test]
fn a_model_that_takes_no_images_is_asked_again_without_them_and_never_with_them_again() {
    let mut w = World::new(10, 1);
    let refusal = "This model doesn't support the image content block that you provided.";
    w.script(vec![
        uses("", &[("a", "work", json!({}))]),
        Says::Breaks(vec![], failing(refusal)),
        text("Done."),
    ]);
    let image = json!({ "image": { "format": "png", "source": { "bytes": { "$bytes": "AQI=" } } } });
    let shown = image.clone();
    w.tool = Box::new(move |_| Does::Returns(json!({ "$content": [{ "text": "A picture:" }, shown] })));
    let run = w.runner("start", json!({ "modelId": "one" }));
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let withheld = w.store.facts("withheld");
    assert_eq!((withheld.len(), &withheld[0]["model"]), (1, &json!("one")));
    assert_eq!(
        w.store.facts("result")[0]["content"],
        json!([{ "text": "A picture:" }, image]),
        "the journal keeps it"
    );
    assert_eq!(w.events(run, "task:retry").len(), 1);
    let told = |op: &RequestOp| matches!(op, RequestOp::Withhold { model: Some(model), block } if (model.as_str(), block.as_str()) == ("one", "image"));
    assert_eq!(w.actors[run].ops.iter().filter(|op| told(op)).count(), 1);
}

#[test]
fn a_refusal_of_images_that_stays_though_none_are_sent_fails_the_task() {
    let mut w = World::new(11, 1);
    w.model = Box::new(|_| Says::Breaks(vec![], failing("This model doesn't support image input.")));
    let run = w.start();
    let outcome = w.finish(run).unwrap();
    assert_eq!((&outcome["status"], &outcome["error"]["code"]), (&json!("failed"), &json!("MODEL_REJECTED")));
    assert_eq!(w.actors[run].requests.len(), 2);
}

#[test]
fn a_tools_input_is_told_while_it_streams_under_the_id_that_the_call_gets() {
    let mut w = World::new(12, 1);
    let piece = |index: u32, input: &str| json!({ "contentBlockDelta": { "contentBlockIndex": index, "delta": { "toolUse": { "input": input } } } });
    let begin = |index: u32, id: &str| json!({ "contentBlockStart": { "contentBlockIndex": index, "start": { "toolUse": { "toolUseId": id, "name": "work" } } } });
    let [asked, found] = searched("s");
    w.script(vec![
        Says::Events(vec![
            asked,
            found,
            begin(4, ""),
            begin(2, "a"),
            piece(2, "{\"n\":"),
            piece(4, "{}"),
            piece(2, "1}"),
            begin(3, "a"),
            piece(3, "{\"n\":3}"),
            json!({ "messageStop": { "stopReason": "tool_use" } }),
        ]),
        Says::Events(vec![
            begin(0, "a"),
            piece(0, "{\"n\":2}"),
            json!({ "messageStop": { "stopReason": "tool_use" } }),
        ]),
        text("Done."),
    ]);
    let run = w.start();
    w.finish(run).unwrap();
    let told: Vec<(Value, Value)> = w
        .events(run, "task:tool_input")
        .iter()
        .map(|e| (e["toolCallId"].clone(), e["delta"].clone()))
        .collect();
    let called: Vec<Value> =
        w.events(run, "task:tool_call").iter().map(|e| e["toolCall"]["id"].clone()).collect();
    assert_eq!(called.len(), 4);
    let of = |id: &Value| {
        told.iter().filter(|(of, _)| of == id).map(|(_, d)| d.as_str().unwrap()).collect::<String>()
    };
    assert_eq!(called[0], "a");
    assert_eq!((of(&called[0]), of(&called[2])), ("{\"n\":1}".to_owned(), "{}".to_owned()));
    assert_eq!(of(&called[1]), "{\"n\":3}", "an id of another use of the turn");
    assert_eq!(of(&called[3]), "{\"n\":2}", "an id of an earlier turn");
}

/// A use of that id, which the model's own servers answer: the first two blocks of a turn.
fn searched(id: &str) -> [Value; 2] {
    let start = |index: u32, start: Value| json!({ "contentBlockStart": { "contentBlockIndex": index, "start": start } });
    [
        start(0, json!({ "toolUse": { "toolUseId": id, "name": "web", "type": "server_tool_use" } })),
        start(1, json!({ "toolResult": { "toolUseId": id, "content": [{ "text": "Found." }] } })),
    ]
}

#[test]
fn an_id_that_the_models_own_servers_answered_is_no_later_use_s_nor_in_the_way_of_another_process() {
    let mut w = World::new(12, 1);
    let turn = |id: &str| {
        let mut events: Vec<Value> = searched("s").into();
        events.extend([
            json!({ "contentBlockStart": { "contentBlockIndex": 2, "start": { "toolUse": { "toolUseId": id, "name": "work" } } } }),
            json!({ "messageStop": { "stopReason": "tool_use" } }),
        ]);
        Says::Events(events)
    };
    w.script(vec![turn("a"), turn("s"), text("Done.")]);
    let run = w.start();
    w.until(run, |a| a.executed.len() == 2);
    w.crash(run);
    w.now += 60_000;
    let run = w.runner("run", json!({}));
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let requests = &w.actors[run].requests;
    let uses = |message: &Value| -> Vec<String> {
        let blocks = message["content"].as_array().unwrap().iter();
        blocks.filter_map(|b| b["toolUse"]["toolUseId"].as_str().map(str::to_owned)).collect()
    };
    let (first, second) = (uses(&requests[0][1]), uses(&requests[0][3]));
    assert_eq!(first, ["s", "a"]);
    assert_eq!(second.len(), 2);
    assert!(second.iter().all(|id| !first.contains(id)), "{second:?}");
    let found = &requests[0][3]["content"][1]["toolResult"];
    assert_eq!(found["toolUseId"], second[0].as_str(), "its result goes with it");
}

#[test]
fn a_message_with_blocks_reaches_the_model_as_they_are_and_the_thread_as_text() {
    let mut w = World::new(13, 1);
    w.script(vec![text("Done."), text("A cat.")]);
    let image = json!({ "image": { "format": "png", "source": { "bytes": { "$bytes": "AQI=" } } } });
    let blocks = json!([{ "text": "What is this?" }, image]);
    w.ask("send", json!({ "text": "What is this?\n[image]", "content": blocks })).unwrap();
    let run = w.start();
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let first = &w.actors[run].requests[0][0]["content"];
    assert!(first.as_array().unwrap().contains(&image), "{first}");
    assert!(w.store.thread().contains(&("user".into(), "What is this?\n[image]".into())));
}

#[test]
fn what_a_turn_cost_that_no_commit_can_hold_is_counted() {
    let mut w = World::new(14, 1);
    w.script(vec![text(&"x".repeat(20_000))]);
    let run = w.runner("start", json!({ "limits": { "documentBytes": 20_000, "commitBytes": 30_000 } }));
    let outcome = w.finish(run).unwrap();
    assert_eq!((&outcome["status"], &outcome["error"]["code"]), (&json!("failed"), &json!("TOO_LARGE")));
    assert_eq!(outcome["usage"]["totalTokens"], 15);
}

#[test]
fn an_image_that_the_service_cannot_read_does_not_brick_the_task() {
    let mut w = World::new(15, 1);
    let mut asked = 0;
    w.model = Box::new(move |messages| {
        asked += 1;
        match asked {
            1 => uses("", &[("a", "work", json!({}))]),
            _ if json!(messages).to_string().contains("$bytes") => {
                Says::Breaks(vec![], failing("Could not process image"))
            }
            _ => text("Done."),
        }
    });
    let image = json!({ "image": { "format": "png", "source": { "bytes": { "$bytes": "AQI=" } } } });
    w.tool = Box::new(move |_| Does::Returns(json!({ "$content": [{ "text": "A picture:" }, image] })));
    w.ask("send", json!({ "text": "Look.", "content": [{ "text": "Look." }] })).unwrap();
    let run = w.start();
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let says = results_of(&w, run)[0]["content"].to_string();
    assert!(says.contains("A picture:") && says.contains("refused: Could not process image"), "{says}");
    assert_eq!(w.store.facts("refused").len(), 1);
}

#[test]
fn reasoning_that_is_taken_for_forged_is_left_out_once_a_turn() {
    let mut w = World::new(16, 1);
    let refusal =
        || Says::Breaks(vec![], failing("messages.1.content.0: Invalid `signature` in `thinking` block"));
    w.script(vec![
        uses("", &[("a", "work", json!({}))]),
        refusal(),
        uses("", &[("b", "work", json!({}))]),
        refusal(),
        text("Done."),
    ]);
    let run = w.start();
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!(w.store.facts("withheld").len(), 2);

    let mut w = World::new(17, 1);
    w.model = Box::new(move |_| refusal());
    let run = w.start();
    assert_eq!(w.finish(run).unwrap()["error"]["code"], "MODEL_REJECTED");
    assert_eq!(w.actors[run].requests.len(), 2);
}

/// What was done about a request that is too long: a result of so many bytes after so many turns with long words.
fn overflows_with(result: usize, before: usize) -> Vec<Value> {
    let mut w = World::new(15, 1);
    let mut asked = 0;
    w.model = Box::new(move |_| {
        asked += 1;
        match asked {
            n if n <= before => uses(&"w".repeat(4_000), &[(&format!("b{n}"), "look", json!({}))]),
            n if n == before + 1 => uses("", &[("a", "work", json!({}))]),
            n if n == before + 2 => Says::Breaks(vec![], failing("Input is too long for requested model.")),
            _ => text("Done."),
        }
    });
    w.tool = Box::new(move |call| Does::Returns(json!("x".repeat(if call.id == "a" { result } else { 1 }))));
    let run = w.start();
    let status = w.finish(run).unwrap()["status"].clone();
    let journal = w.store.journal().into_iter().flat_map(|(_, _, facts)| facts);
    let smaller: Vec<Value> =
        journal.filter(|fact| fact["kind"] == "shortened" || fact["kind"] == "trimmed").collect();
    assert_eq!(status == "failed", smaller.is_empty(), "{status}");
    let spent = w.store.facts("spent").len();
    assert_eq!(spent, usize::from(status == "failed"), "what was refused is counted with the turn after it");
    smaller
}

#[test]
fn of_a_request_that_is_too_long_goes_what_takes_most() {
    let done = |result, before| {
        overflows_with(result, before).iter().map(|fact| fact["kind"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(done(20_000, 3), ["shortened"], "the result is most of it");
    assert_eq!(done(3_000, 3), ["trimmed"], "the turns before are");
    assert_eq!(done(10, 3), ["trimmed"], "a short result is not what is too long");
    assert_eq!(done(3_000, 0), ["shortened"], "there is nothing to leave out");
    assert_eq!(done(10, 0), [] as [&str; 0]);
}

#[test]
fn a_result_is_cut_to_its_half_and_up_to_a_thousand_bytes_not_at_all() {
    assert_eq!(overflows_with(1_000, 0), [] as [Value; 0]);
    assert_eq!(overflows_with(1_001, 0), [json!({ "kind": "shortened", "bytes": 500 })]);
}

#[test]
fn what_is_blocked_a_third_time_takes_the_words_for_the_item_along() {
    let mut w = World::new(16, 1);
    w.outside(&["description"], json!("About a CACTUS"));
    let mut asked = 0;
    w.model = Box::new(move |_| {
        asked += 1;
        match asked {
            1 => uses(&"w".repeat(2_000), &[("a", "work", json!({}))]),
            n if n <= 4 => blocked("Blocked."),
            _ => text("Done."),
        }
    });
    let mut run = w.start();
    for _ in 0..3 {
        assert_eq!(w.finish(run).unwrap()["status"], "paused");
        run = w.runner("resume", json!({}));
    }
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let kept: Vec<bool> = w
        .store
        .facts("trimmed")
        .iter()
        .map(|fact| fact["trim"]["marker"].to_string().contains("Item 1"))
        .collect();
    assert_eq!(kept, [true, false], "{:?}", w.store.facts("trimmed"));
}

#[test]
fn a_value_may_nest_a_hundred_levels_and_no_more() {
    for (levels, status) in [(100, "success"), (101, "error")] {
        let mut w = World::new(20, 1);
        w.script(vec![uses("", &[("a", "work", json!({}))]), text("Done.")]);
        let value = (1..levels).fold(json!({ "n": 1 }), |inner, _| json!({ "n": inner }));
        w.tool = Box::new(move |_| Does::Returns(value.clone()));
        let run = w.start();
        assert_eq!(w.finish(run).unwrap()["status"], "completed");
        assert_eq!(w.store.facts("result")[0]["status"], status, "{levels} levels");
    }
}

#[test]
fn results_that_came_together_are_stored_apart_where_their_bytes_do_not_fit_into_one_commit() {
    let mut w = World::new(30, 1);
    w.script(vec![uses("", &[("a", "work", json!({})), ("b", "work", json!({}))]), text("Done.")]);
    // Half as many characters as bytes.
    w.tool = Box::new(|_| Does::Returns(json!("ä".repeat(30_000))));
    let run = w.runner("start", json!({ "limits": { "documentBytes": 90_000, "commitBytes": 100_000 } }));
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    let entries =
        w.store.journal().into_iter().filter(|(_, _, facts)| facts.iter().any(|f| f["kind"] == "result"));
    assert_eq!(entries.count(), 2);
}
