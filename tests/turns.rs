//! A turn of the model: what keeps it alive, what cuts it, what it costs.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use support::spy::Seen;
use support::*;
use task_execution_engine::converse::Failure;
use task_execution_engine::effect::{Command, Effect, Input, Machine, Ticket};
use task_execution_engine::machine::{Runner, RunnerConfig};
use task_execution_engine::store::StoredDocument;

const IDLE: u64 = 10_000;

fn idle() -> Value {
    json!({ "options": { "idleTimeoutMs": IDLE } })
}

fn failure() -> Failure {
    let name = Some("InternalServerException".into());
    Failure { name, status: Some(500), message: "no".into(), retry_after_ms: None, cause: None }
}

fn delta(index: usize, delta: Value) -> Value {
    json!({ "contentBlockDelta": { "contentBlockIndex": index, "delta": delta } })
}

fn metadata(input: u64, output: u64) -> Value {
    json!({ "metadata": { "usage": { "inputTokens": input, "outputTokens": output,
        "totalTokens": input + output } } })
}

fn stop(reason: &str) -> Value {
    json!({ "messageStop": { "stopReason": reason } })
}

/// A whole turn in which the block of that kind comes in many pieces.
fn in_pieces(kind: &str) -> Vec<Value> {
    let mut events = vec![json!({ "messageStart": { "role": "assistant" } })];
    match kind {
        "text" => events.extend((0..8).map(|n| delta(0, json!({ "text": format!("{n} ") })))),
        "reasoning" => {
            let piece = |n| delta(0, json!({ "reasoningContent": { "text": format!("{n} ") } }));
            events.extend((0..8).map(piece));
            events.push(delta(1, json!({ "text": "So." })));
        }
        _ => {
            let start = json!({ "toolUse": { "toolUseId": "a", "name": "work" } });
            events.push(json!({ "contentBlockStart": { "contentBlockIndex": 0, "start": start } }));
            let pieces = ["{", "\"a\":", "\"", "bcd", "efg", "hij", "\"", "}"];
            events.extend(pieces.map(|piece| delta(0, json!({ "toolUse": { "input": piece } }))));
        }
    }
    events.push(json!({ "contentBlockStop": { "contentBlockIndex": 0 } }));
    events.push(stop(if kind == "tool input" { "tool_use" } else { "end_turn" }));
    events.push(metadata(10, 5));
    events
}

#[test]
fn a_stream_that_drips_is_alive_whatever_drips() {
    for kind in ["text", "reasoning", "tool input"] {
        for (pause, retries) in [(IDLE - 1, 0), (IDLE + 1, 1)] {
            let mut w = World::new(1, 1);
            let mut n = 0;
            w.model = Box::new(move |_| {
                n += 1;
                if n == 1 { Says::Drips(pause, in_pieces(kind)) } else { text("Done.") }
            });
            let run = w.runner("start", idle());
            assert_eq!(w.finish(run).unwrap()["status"], "completed");
            let told = w.events(run, "task:retry");
            assert_eq!(told.len(), retries, "{kind}, every {pause} ms");
            assert!(told.iter().all(|e| e["code"] == "MODEL_TIMEOUT"));
        }
    }
}

/// A run whose deltas come on the fast path.
fn on_the_fast_path(w: &World, options: Value) -> Runner {
    let config: RunnerConfig = serde_json::from_value(json!({
        "userId": USER, "taskId": TASK, "intent": "start", "drives": true, "seed": 1, "hasModel": true,
        "limits": { "documentBytes": 1_000_000, "commitBytes": 9_000_000 }, "options": options,
    }))
    .unwrap();
    Runner::new(w.clock(), config)
}

#[test]
fn text_on_the_fast_path_is_shown_to_other_processes() {
    let mut w = World::new(3, 1);
    let mut runner = on_the_fast_path(&w, json!({ "liveMs": 1_000 }));
    let ticket = serve(&mut w, &mut runner).expect("the model is asked");
    assert!(runner.text_delta(w.clock().mono, ticket, 0, "Hello"));
    pass(&mut w, &mut runner, 3_000);
    let live = w.store.get(&format!("{TASK_PATH}/engine/live")).expect("live text is stored");
    assert_eq!(live["text"], "Hello");
}

#[test]
fn a_stream_that_breaks_its_turn_on_the_fast_path_is_not_wanted_any_more() {
    let mut w = World::new(4, 1);
    let mut runner = on_the_fast_path(&w, json!({}));
    let ticket = serve(&mut w, &mut runner).expect("the model is asked");
    let unwanted = (0..20_000).find(|block| !runner.text_delta(w.clock().mono, ticket, *block, "x"));
    assert_eq!(unwanted, Some(10_000), "no turn has so many blocks");
    let retries = runner.poll_timeout().unwrap();
    assert!(retries - w.clock().mono <= 1_000, "the first pause is a second at most: {retries:?}");
}

#[test]
fn text_on_the_fast_path_keeps_the_stream_alive() {
    let mut w = World::new(2, 1);
    let mut runner = on_the_fast_path(&w, json!({ "idleTimeoutMs": IDLE }));
    let ticket = serve(&mut w, &mut runner).expect("the model is asked");
    let mut waits = |ms: u64| {
        pass(&mut w, &mut runner, ms);
        let wanted = runner.text_delta(w.clock().mono, ticket, 0, "word ");
        runner.handle(w.clock(), Input::Timeout);
        serve(&mut w, &mut runner);
        wanted
    };
    for _ in 0..5 {
        assert!(waits(IDLE - 1), "it is alive");
    }
    pass(&mut w, &mut runner, IDLE + 1);
    assert!(!runner.text_delta(w.clock().mono, ticket, 0, "word "), "it was given up");
    let second = loop {
        w.now = runner.poll_timeout().unwrap().0.max(w.now);
        runner.handle(w.clock(), Input::Timeout);
        if let Some(ticket) = serve(&mut w, &mut runner) {
            break ticket;
        }
    };
    assert!(!runner.text_delta(w.clock().mono, ticket, 0, "late "), "of the attempt before");
    assert!(runner.text_delta(w.clock().mono, second, 0, "word "));
}

#[test]
fn a_turn_on_the_fast_path_is_not_wanted_any_more_once_it_is_larger_than_a_commit_may_be() {
    let mut w = World::new(6, 1);
    let mut runner = on_the_fast_path(&w, json!({}));
    let ticket = serve(&mut w, &mut runner).expect("the model is asked");
    let piece = "x".repeat(1_000_000);
    let wanted = |n: &usize| !runner.text_delta(w.clock().mono, ticket, (*n % 2) as u32, &piece);
    assert_eq!((0..20).find(wanted), Some(9), "a commit takes nine million bytes");
    assert_eq!(serve(&mut w, &mut runner), None);
    assert!(runner.is_done(), "the run fails without another input");
    assert_eq!(w.store.get(TASK_PATH).unwrap()["status"], "failed");
}

#[test]
fn a_turn_that_grows_larger_than_a_commit_may_be_is_stopped_and_fails_the_run_at_once() {
    let words = "x".repeat(1_000);
    let deltas = [
        json!({ "text": words }),
        json!({ "toolUse": { "input": words } }),
        json!({ "reasoningContent": { "text": words } }),
        json!({ "reasoningContent": { "signature": words } }),
        json!({ "reasoningContent": { "redactedContent": { "$bytes": words } } }),
        json!({ "citation": { "title": words } }),
        json!({ "toolResult": [{ "text": words }] }),
        json!({ "chart": words }),
    ];
    let start = |n: usize| {
        let used = json!({ "toolUseId": format!("id-{n}"), "name": "work", "input": { "text": words } });
        json!({ "contentBlockStart": { "contentBlockIndex": n, "start": { "toolUse": used } } })
    };
    let streams =
        deltas.map(|kind| vec![delta(0, kind); 100]).into_iter().chain([(0..100).map(start).collect()]);
    for events in streams {
        let kind = events[1].to_string();
        let mut w = World::new(7, 1);
        w.script(vec![Says::Drips(10, events)]);
        let limits = json!({ "documentBytes": 10_000, "commitBytes": 50_000 });
        let begun = w.now;
        let run = w.runner("start", json!({ "limits": limits }));
        let outcome = w.finish(run).unwrap();
        assert_eq!(
            (&outcome["status"], &outcome["error"]["code"]),
            (&json!("failed"), &json!("TOO_LARGE")),
            "{kind}"
        );
        assert_eq!(outcome["usage"]["unreported"], 1, "what it has cost is counted");
        assert!((400..700).contains(&(w.now - begun)), "{}: it was stopped early", w.now - begun);
        assert!(w.events(run, "task:retry").is_empty());
    }
}

#[test]
fn a_turn_that_takes_all_the_bytes_of_a_commit_while_it_streams_is_not_stopped() {
    // Of reasoning alone nothing is stored.
    let reasoning = delta(0, json!({ "reasoningContent": { "text": "x".repeat(50_000) } }));
    let mut w = World::new(7, 1);
    w.script(vec![Says::Events(vec![reasoning, json!({ "messageStop": { "stopReason": "max_tokens" } })])]);
    let run = w.runner("start", json!({ "limits": { "documentBytes": 10_000, "commitBytes": 50_000 } }));
    assert_eq!(w.finish(run).unwrap()["status"], "paused");
}

/// Lets time pass, with every timer that is wanted.
fn pass(w: &mut World, runner: &mut Runner, ms: u64) {
    let until = w.now + ms;
    while let Some(wanted) = runner.poll_timeout().filter(|wanted| wanted.0 <= until) {
        w.now = w.now.max(wanted.0);
        runner.handle(w.clock(), Input::Timeout);
        serve(w, runner);
    }
    w.now = until;
}

/// Plays the store and the host; the stream, whose ticket it gives, is played by hand.
fn serve(w: &mut World, runner: &mut Runner) -> Option<Ticket> {
    let mut stream = None;
    while let Some(effect) = runner.poll_effect() {
        let input = match effect {
            Effect::Read { ticket, paths, .. } => {
                let found = paths.iter().map(|path| document(w, path)).collect();
                Input::Read { ticket, result: Ok(found) }
            }
            Effect::List { ticket, .. } => Input::Listed { ticket, result: Ok(Vec::new()) },
            Effect::Commit { ticket, writes } => {
                let version = w.store.commit(&writes, w.now).unwrap();
                Input::Committed { ticket, result: Ok(version) }
            }
            Effect::Ask { ticket, .. } => Input::Answered { ticket, result: Ok(json!([])) },
            Effect::Converse { ticket, .. } => {
                stream = Some(ticket);
                continue;
            }
            _ => continue,
        };
        runner.handle(w.clock(), input);
    }
    stream
}

fn document(w: &World, path: &str) -> Option<StoredDocument> {
    let (data, version, _) = w.store.documents.get(path)?;
    let (data, version) = (data.clone(), version.to_string());
    Some(StoredDocument { path: path.to_owned(), data, version, age_ms: None })
}

#[test]
fn nothing_that_comes_after_the_end_of_a_turn_takes_it_back() {
    let whole = || turn("Whole.", &[]);
    let before_metadata = || whole()[..4].to_vec();
    let nonsense = |more: Value| {
        let mut events = before_metadata();
        events.push(more);
        Says::Events(events)
    };
    for (n, says) in [
        Says::Breaks(whole(), failure()),
        Says::Breaks(before_metadata(), failure()),
        Says::Stalls(whole()),
        Says::Stalls(before_metadata()),
        nonsense(json!({ "contentBlockDelta": { "contentBlockIndex": 7, "delta": {} } })),
        nonsense(json!({ "internalServerException": { "message": "no" } })),
        nonsense(json!({ "messageStop": {} })),
        nonsense(json!("?")),
    ]
    .into_iter()
    .enumerate()
    {
        let mut w = World::new(3, 1);
        w.script(vec![says]);
        let run = w.runner("start", idle());
        let begun = w.now;
        let outcome = w.finish(run).unwrap();
        assert_eq!((&outcome["status"], &outcome["text"]), (&json!("completed"), &json!("Whole.")), "{n}");
        assert!(w.events(run, "task:retry").is_empty(), "{n}");
        assert!(w.now - begun < IDLE + 1_000, "{n}");
    }
}

#[test]
fn nothing_before_the_end_of_a_turn_makes_one() {
    let cut = |events: usize| turn("Half", &[])[..events].to_vec();
    for says in
        [Says::Events(cut(3)), Says::Stalls(cut(3)), Says::Breaks(cut(3), failure()), Says::Events(vec![])]
    {
        let mut w = World::new(4, 1);
        let at = format!("{says:?}");
        w.script(vec![says, text("Whole.")]);
        let run = w.runner("start", idle());
        assert_eq!(w.finish(run).unwrap()["text"], "Whole.", "{at}");
        assert_eq!(w.events(run, "task:retry").len(), 1, "{at}");
        assert_eq!(w.store.facts("turn").len(), 1, "{at}");
    }
}

fn tokens(usage: &Value) -> [u64; 4] {
    ["inputTokens", "outputTokens", "totalTokens", "unreported"]
        .map(|k| usage[k].as_u64().unwrap_or_default())
}

fn add(a: [u64; 4], b: [u64; 4]) -> [u64; 4] {
    std::array::from_fn(|n| a[n] + b[n])
}

/// A turn whose usage is told as given, or not at all.
fn costs(words: &str, uses: &[(&str, &str, Value)], usage: Option<(u64, u64)>) -> Vec<Value> {
    let mut events = turn(words, uses);
    events.pop();
    events.extend(usage.map(|(input, output)| metadata(input, output)));
    events
}

/// The same, cut before its end.
fn cut(usage: Option<(u64, u64)>) -> Vec<Value> {
    let mut events = costs("Half", &[], usage);
    events.retain(|e| e.get("messageStop").is_none());
    events
}

#[test]
fn the_usage_of_every_attempt_is_counted_once_in_its_turn_and_in_the_total() {
    let mut w = World::new(5, 1);
    w.script(vec![
        Says::Breaks(cut(Some((100, 1))), failure()),
        Says::Breaks(cut(None), failure()),
        Says::Events(costs("", &[("a", "work", json!({}))], Some((1_000, 10)))),
        Says::Breaks(cut(Some((10_000, 2))), failure()),
        Says::Events(costs("Done.", &[], Some((100_000, 20)))),
    ]);
    let run = w.start();
    let outcome = w.finish(run).unwrap();
    let turns = [[1_100, 11, 1_111, 1], [110_000, 22, 110_022, 0]];
    let total = [111_100, 33, 111_133, 1];
    assert_eq!(tokens(&outcome["usage"]), total);
    let told = w.events(run, "task:usage");
    assert_eq!(told.iter().map(|e| tokens(&e["usage"])).collect::<Vec<_>>(), turns);
    assert_eq!(told.iter().map(|e| tokens(&e["total"])).collect::<Vec<_>>(), [turns[0], total]);
    let state = w.ask("state", json!({})).unwrap();
    assert_eq!(tokens(&state["usage"]), total);
}

#[test]
fn what_a_turn_cost_that_a_pause_cut_is_counted_once_and_by_the_next_run_too() {
    for (usage, spent) in [(Some((100, 1)), [100, 1, 101, 0]), (None, [0, 0, 0, 1])] {
        for retried in [false, true] {
            let mut w = World::new(6, 1);
            let mut turns = vec![uses("", &[("a", "work", json!({}))]), Says::Stalls(cut(usage))];
            if retried {
                turns.insert(1, Says::Breaks(cut(Some((1_000, 10))), failure()));
            }
            w.script(turns);
            let run = w.start();
            w.until(run, |a| a.requests.len() == 2 + usize::from(retried));
            w.pass(100);
            w.command(run, Command::Pause);
            let retry = if retried { [1_000, 10, 1_010, 0] } else { [0; 4] };
            let expected = add(add([10, 5, 15, 0], spent), retry);
            assert_eq!(tokens(&w.finish(run).unwrap()["usage"]), expected, "retried: {retried}");
            assert_eq!(w.store.facts("spent").len(), 1);
            w.script(vec![text("Done.")]);
            let again = w.runner("resume", json!({}));
            let total = add(expected, [10, 5, 15, 0]);
            assert_eq!(tokens(&w.finish(again).unwrap()["usage"]), total, "retried: {retried}");
        }
    }
}

#[test]
fn what_a_turn_cost_that_failed_for_good_is_counted() {
    let denied = Failure { name: Some("AccessDeniedException".into()), status: Some(403), ..failure() };
    let mut w = World::new(7, 1);
    w.script(vec![
        Says::Breaks(cut(Some((100, 1))), failure()),
        Says::Breaks(cut(Some((1_000, 10))), denied),
    ]);
    let run = w.start();
    let outcome = w.finish(run).unwrap();
    assert_eq!((&outcome["status"], tokens(&outcome["usage"])), (&json!("failed"), [1_100, 11, 1_111, 0]));
}

/// The model calls that an actor was asked for: ticket, message id, attempt.
fn calls(seen: &Seen) -> Vec<(Ticket, String, u32)> {
    let of = |effect: &Effect| match effect {
        Effect::Converse { ticket, message_id, attempt, .. } => Some((*ticket, message_id.clone(), *attempt)),
        _ => None,
    };
    seen.borrow().iter().filter_map(of).collect()
}

#[test]
fn attempts_are_counted_from_one_and_belong_to_one_message() {
    let mut w = World::new(20, 1);
    w.model = Box::new(|_| Says::Breaks(vec![], failure()));
    let run = w.runner("start", json!({ "options": { "retry": { "attempts": 3, "baseMs": 1 } } }));
    let seen = w.spy(run, |_| false);
    assert_eq!(w.finish(run).unwrap()["status"], "failed");
    let calls = calls(&seen);
    assert_eq!(calls.iter().map(|(.., n)| *n).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(calls.iter().all(|(_, id, _)| *id == calls[0].1));
    let told: Vec<Value> = w.events(run, "task:retry").iter().map(|e| e["attempt"].clone()).collect();
    assert_eq!(told, [1, 2]);
}

#[test]
fn the_time_of_a_turn_counts_from_its_first_attempt() {
    let mut w = World::new(21, 1);
    w.model =
        Box::new(|_| Says::Drips(400, vec![json!({ "modelStreamErrorException": { "message": "no" } })]));
    let retry = json!({ "attempts": 1_000, "baseMs": 300, "maxMs": 300, "totalMs": 5_000 });
    let run = w.runner("start", json!({ "options": { "retry": retry } }));
    w.until(run, |a| !a.requests.is_empty());
    let began = w.now;
    assert_eq!(w.finish(run).unwrap()["status"], "failed");
    let took = w.now - began;
    assert!((4_500..6_000).contains(&took), "{took}");
}

#[test]
fn the_time_of_a_turn_counts_what_streams_took_that_broke_off() {
    let mut w = World::new(21, 1);
    w.model = Box::new(|_| Says::Stalls(vec![]));
    let retry = json!({ "attempts": 1_000, "baseMs": 1, "maxMs": 1, "totalMs": 5_000 });
    let run = w.runner("start", json!({ "options": { "retry": retry } }));
    let seen = w.spy(run, |_| false);
    w.until(run, |a| !a.requests.is_empty());
    let began = w.now;
    while !w.actors[run].settled.contains_key(&Ticket::RESULT) {
        w.pass(400);
        let asked = seen.borrow().iter().rev().find_map(|effect| match effect {
            Effect::Converse { ticket, .. } => Some(*ticket),
            _ => None,
        });
        w.give(run, Input::StreamEnded { ticket: asked.unwrap(), result: Err(Failure::default()) });
    }
    assert_eq!(w.finish(run).unwrap()["status"], "failed");
    let took = w.now - began;
    assert!((4_500..6_000).contains(&took), "{took}");
}

#[test]
fn an_answer_that_streams_takes_nothing_of_the_time_for_trying_again() {
    let long = |then: Vec<Value>| {
        let mut events: Vec<Value> = (0..90).map(|n| delta(0, json!({ "text": format!("{n} ") }))).collect();
        events.extend(then);
        Says::Drips(10_000, events)
    };
    let mut w = World::new(4, 1);
    // Fifteen minutes of good streaming, and the connection is lost; then again.
    w.script(vec![long(vec![]), long(vec![]), text("Done.")]);
    let run = w.start();
    assert_eq!(w.finish(run).unwrap()["status"], "completed");
    assert_eq!(w.events(run, "task:retry").len(), 2);

    // Silence at the end of an answer counts, like any other.
    let mut w = World::new(4, 1);
    w.model = Box::new(|_| Says::Stalls(vec![delta(0, json!({ "text": "So" }))]));
    let options = json!({ "options": { "idleTimeoutMs": 100_000, "retry": { "attempts": 99 } } });
    let run = w.runner("start", options);
    assert_eq!(w.finish(run).unwrap()["error"]["code"], "MODEL_TIMEOUT");
    assert_eq!(w.actors[run].requests.len(), 3, "three times 100 s are the five minutes");
}

#[test]
fn what_the_service_asks_to_wait_beyond_the_time_for_trying_again_is_told() {
    let asks = |seconds: u64| {
        let name = Some("ThrottlingException".into());
        Failure { name, retry_after_ms: Some(seconds * 1_000), ..failure() }
    };
    let mut w = World::new(4, 1);
    w.script(vec![Says::Breaks(vec![], asks(10)), Says::Breaks(vec![], asks(600)), text("Done.")]);
    let run = w.start();
    let error = w.finish(run).unwrap()["error"].clone();
    assert_eq!(
        (&error["code"], &error["details"]["retryAfterMs"]),
        (&json!("MODEL_THROTTLED"), &json!(600_000))
    );
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("wait 600 s") && !message.contains("used up"), "{message}");

    let mut w = World::new(4, 1);
    w.model = Box::new(move |_| Says::Breaks(vec![], asks(600)));
    let run = w.runner("start", json!({ "options": { "retry": { "attempts": 1 } } }));
    let error = w.finish(run).unwrap()["error"].clone();
    assert!(error["message"].as_str().unwrap().contains("attempts are used up"), "{error}");
}

#[test]
fn the_model_may_be_silent_longer_in_the_midst_of_an_answer_than_before_it() {
    let options = json!({ "options": { "idleTimeoutMs": { "first": 50_000, "between": 300_000 } } });
    for (says, retries) in [(Says::Drips(49_000, turn("Done.", &[])), 0), (Says::Stalls(vec![]), 1)] {
        let mut w = World::new(4, 1);
        w.script(vec![says, text("Done.")]);
        let run = w.runner("start", options.clone());
        assert_eq!(w.finish(run).unwrap()["status"], "completed");
        assert_eq!(w.events(run, "task:retry").len(), retries);
    }
    let mut w = World::new(4, 1);
    w.script(vec![Says::Stalls(vec![delta(0, json!({ "text": "So" }))]), text("Done.")]);
    let run = w.runner("start", options);
    let begun = w.now;
    w.finish(run).unwrap();
    assert!(w.now - begun > 300_000, "{}", w.now - begun);
}

#[test]
fn nothing_that_comes_late_from_an_earlier_attempt_reaches_the_present_one() {
    let mut w = World::new(22, 1);
    w.script(vec![Says::Stalls(vec![]), Says::Drips(1_000, turn("Right.", &[]))]);
    let run = w.runner("start", idle());
    let seen = w.spy(run, |_| false);
    w.until(run, |a| a.requests.len() == 2);
    let first = calls(&seen)[0].0;
    for event in turn("Wrong.", &[]) {
        w.give(run, Input::Streamed { ticket: first, event });
    }
    w.give(run, Input::StreamEnded { ticket: first, result: Ok(()) });
    w.give(run, Input::StreamEnded { ticket: first, result: Err(failure()) });
    let outcome = w.finish(run).unwrap();
    assert_eq!((&outcome["status"], &outcome["text"]), (&json!("completed"), &json!("Right.")));
    assert_eq!(w.actors[run].requests.len(), 2);
    assert!(w.events(run, "task:message").iter().all(|e| e["content"] != "Wrong."));
}

#[test]
fn an_attempt_that_is_given_up_is_cancelled() {
    let broken = vec![json!({ "modelStreamErrorException": { "message": "no" } })];
    for says in [Says::Stalls(vec![]), Says::Stalls(broken)] {
        let mut w = World::new(23, 1);
        w.script(vec![says.clone(), text("Done.")]);
        let run = w.runner("start", idle());
        w.until_event(run, "task:retry");
        assert!(w.actors[run].open.is_empty(), "nobody waits for it any more: {says:?}");
        assert_eq!(w.finish(run).unwrap()["status"], "completed");
    }
}

#[test]
fn a_turn_that_does_not_say_what_it_cost_is_counted_as_such() {
    let mut w = World::new(24, 1);
    w.script(vec![Says::Events(costs("Done.", &[], None))]);
    let run = w.start();
    let usage = w.finish(run).unwrap()["usage"].clone();
    assert_eq!((tokens(&usage), &usage["unreported"]), ([0, 0, 0, 1], &json!(1)));
}

#[test]
fn what_a_turn_cost_that_overflowed_is_counted() {
    let mut w = World::new(25, 1);
    let mut full = turn("Too much.", &[]);
    full.retain(|e| e["messageStop"].is_null() && e["metadata"].is_null());
    full.extend([stop("model_context_window_exceeded"), metadata(100, 7)]);
    w.script(vec![
        Says::Events(costs("", &[("a", "work", json!({}))], Some((10, 1)))),
        Says::Events(full),
        Says::Events(costs("Done.", &[], Some((20, 2)))),
    ]);
    let run = w.start();
    let outcome = w.finish(run).unwrap();
    let usage = tokens(&outcome["usage"]);
    assert!(usage[0] >= 100 && usage[1] >= 7, "{outcome}");
}

#[test]
fn a_pause_stored_at_the_end_of_a_long_back_off_is_seen_before_the_model_is_asked_again() {
    const AFTER: u64 = 25_000;
    let mut w = World::new(26, 1);
    let throttled = Failure { retry_after_ms: Some(AFTER), ..failure() };
    w.script(vec![Says::Breaks(vec![], throttled), text("Done.")]);
    let run = w.start();
    w.until_event(run, "task:retry");
    // A look has been there, and nothing was to be seen.
    w.pass(AFTER - 3_000);
    w.outside(&["status"], json!("paused"));
    w.fault = Box::new(
        |_, effect| if matches!(effect, Effect::Read { .. }) { Fault::Late(200) } else { Fault::None },
    );
    w.pass(3_000);
    for _ in 0..5 {
        w.pass(20);
        w.give(run, Input::Changed);
    }
    assert_eq!(w.finish(run).unwrap()["status"], "paused");
    assert_eq!(w.actors[run].requests.len(), 1);
}

#[test]
fn whatever_wakes_a_run_whose_lease_is_old_it_does_not_ask_the_model_again() {
    let mut w = World::new(27, 1);
    let throttled = Failure { retry_after_ms: Some(9_000), ..failure() };
    w.script(vec![Says::Breaks(vec![], throttled)]);
    let options = json!({ "leaseTtlMs": 12_000, "storeTimeoutMs": 60_000 });
    let run = w.runner("start", json!({ "options": options }));
    w.until_event(run, "task:retry");
    w.fault = Box::new(|_, effect| match effect {
        Effect::Commit { .. } => Fault::Silent(false),
        _ => Fault::None,
    });
    for _ in 0..20 {
        w.pass(500);
        w.give(run, Input::Changed);
    }
    assert_eq!(w.actors[run].requests.len(), 1);
    assert_eq!(w.finish(run).unwrap()["status"], "interrupted");
}

#[test]
fn what_a_stream_says_of_its_failure_ends_the_attempt_at_once() {
    let mut w = World::new(13, 1);
    w.script(vec![Says::Stalls(vec![
        json!({ "messageStart": { "role": "assistant" } }),
        json!({ "validationException": { "message": "No." } }),
    ])]);
    let run = w.start();
    let began = w.now;
    let outcome = w.finish(run).unwrap();
    assert_eq!((&outcome["status"], &outcome["error"]["code"]), (&json!("failed"), &json!("MODEL_REJECTED")));
    assert!(w.now - began < 1_000, "{} ms", w.now - began);
    assert!(w.actors[run].open.is_empty(), "the stream is cancelled");
}

#[test]
fn that_max_tokens_went_to_reasoning_alone_is_logged_and_no_other_end_of_a_turn_is() {
    let logged = |said: Value, reason: &str| {
        let mut w = World::new(14, 1);
        w.script(vec![Says::Events(vec![delta(0, said), stop(reason), metadata(10, 5)]), text("Done.")]);
        let run = w.start();
        let seen = w.spy(run, |_| false);
        w.finish(run).unwrap();
        let seen = seen.borrow();
        seen.iter()
            .filter(|e| matches!(e, Effect::Log { message, .. } if message.contains("max_tokens")))
            .count()
    };
    assert_eq!(logged(json!({ "reasoningContent": { "text": "Hm." } }), "max_tokens"), 1);
    assert_eq!(logged(json!({ "text": "So" }), "max_tokens"), 0);
    assert_eq!(logged(json!({ "text": "Done." }), "end_turn"), 0);
}
