//! Whatever happens, in any order: no panic, and what DESIGN §5 and §8 promise holds. A failure prints its seed;
//! `SEED=n cargo test --test properties` replays it.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Mutex;
use support::*;
use task_execution_engine::converse::{Failure, Turn};
use task_execution_engine::effect::{Command, Effect, Ticket};
use task_execution_engine::facts::fact::Decision;
use task_execution_engine::ids::{Paths, Rng};
use task_execution_engine::storage::inbox;
use task_execution_engine::store::StoreErrorCode;

const SEQUENCES: u64 = 20_000;
const INPUTS: usize = 80;

fn below(rng: &mut Rng, n: usize) -> usize {
    ((rng.unit() * n as f64) as usize).min(n - 1)
}

fn chance(rng: &mut Rng, p: f64) -> bool {
    rng.unit() < p
}

/// A model that says anything, until it is told to be good.
fn model(seed: u64, good: Rc<RefCell<bool>>) -> ModelFn {
    let mut rng = Rng::new(seed ^ 0xABCD);
    let mut n = 0;
    Box::new(move |_| {
        n += 1;
        if *good.borrow() {
            return text(&format!("Good {n}."));
        }
        let words = format!("Turn {n} of {seed}. ");
        let call = |rng: &mut Rng| {
            let id = match below(rng, 5) {
                0 => String::new(),
                1 => "same".to_owned(),
                _ => format!("c{n}-{}", below(rng, 1000)),
            };
            (id, ["work", "look", "none"][below(rng, 3)], json!({ "n": below(rng, 2) }))
        };
        match below(&mut rng, 14) {
            0 => Says::Stalls(turn(&words, &[])[..2].to_vec()),
            1 => Says::Breaks(turn(&words, &[])[..2].to_vec(), fault(&mut rng)),
            2 => Says::Breaks(vec![], fault(&mut rng)),
            3 => Says::Events(turn(&words, &[])[..2].to_vec()),
            4 => Says::Events(vec![json!({ "messageStop": { "stopReason": "max_tokens" } })]),
            5 => {
                let mut events = turn(&words, &[]);
                let stops = [
                    "max_tokens",
                    "guardrail_intervened",
                    "content_filtered",
                    "odd",
                    "malformed_tool_use",
                    "model_context_window_exceeded",
                    "tool_use",
                ];
                let stop = stops[below(&mut rng, stops.len())];
                events[3] = json!({ "messageStop": { "stopReason": stop } });
                Says::Events(events)
            }
            6..9 => text(&words),
            _ => {
                let calls: Vec<_> = (0..=below(&mut rng, 2)).map(|_| call(&mut rng)).collect();
                let calls: Vec<_> = calls.iter().map(|(i, n, v)| (i.as_str(), *n, v.clone())).collect();
                uses(if chance(&mut rng, 0.5) { &words } else { "" }, &calls)
            }
        }
    })
}

fn fault(rng: &mut Rng) -> Failure {
    let names = [
        "ThrottlingException",
        "InternalServerException",
        "Error",
        "AccessDeniedException",
        "ValidationException",
        "ModelTimeoutException",
    ];
    let messages = ["no", "Input is too long for requested model"];
    Failure {
        name: Some(names[below(rng, names.len())].into()),
        status: None,
        message: messages[usize::from(chance(rng, 0.2))].into(),
        retry_after_ms: None,
        cause: None,
    }
}

fn does(rng: &mut Rng) -> Does {
    match below(rng, 10) {
        0 => Does::Throws("failed".into()),
        1 => Does::Hangs,
        2 => Does::Deaf,
        3 => Does::Takes(below(rng, 40_000) as u64, Box::new(Does::Returns(json!("late")))),
        4 => Does::Returns(Value::Null),
        _ => Does::Returns(json!({ "value": below(rng, 9) })),
    }
}

fn store_fault(rng: &mut Rng, rate: f64, effect: &Effect) -> Fault {
    if !chance(rng, rate) {
        return Fault::None;
    }
    let commit = matches!(effect, Effect::Commit { .. });
    match below(rng, if commit { 6 } else { 3 }) {
        0 => Fault::Fails(StoreErrorCode::Unavailable),
        1 => Fault::Silent(false),
        2 => {
            Fault::Fails(if chance(rng, 0.1) { StoreErrorCode::Denied } else { StoreErrorCode::Unavailable })
        }
        3 => Fault::LostReply,
        4 => Fault::Silent(true),
        _ => Fault::Late(below(rng, 20_000) as u64),
    }
}

/// What an older engine or another writer may have left in `execution.api_messages`.
fn old_history(rng: &mut Rng) -> Value {
    let block = |rng: &mut Rng| {
        let id = ["same", "a b", "", "c1-1", "old"][below(rng, 5)];
        match below(rng, 9) {
            0 => json!({ "text": "  " }),
            1 => json!({ "type": "text", "text": "Old words. " }),
            2 => json!({ "type": "tool_use", "id": id, "name": "work", "input": { "n": 1 } }),
            3 => json!({ "toolUse": { "toolUseId": id, "name": "w o", "input": [] } }),
            4 => json!({ "type": "tool_result", "tool_use_id": id, "content": "" , "is_error": true }),
            5 => json!({ "toolResult": { "toolUseId": id, "content": [{ "json": 1 }] } }),
            6 => json!({ "reasoningContent": { "reasoningText": { "text": "Hm.", "signature": "s" } } }),
            7 => json!({ "cachePoint": { "type": "default" } }),
            _ => json!({ "type": "thinking", "thinking": "Hm.", "signature": "s" }),
        }
    };
    let message = |rng: &mut Rng| {
        let role = ["user", "assistant"][below(rng, 2)];
        let content: Vec<Value> = (0..below(rng, 4)).map(|_| block(rng)).collect();
        if chance(rng, 0.1) { json!("junk") } else { json!({ "role": role, "content": content, "ts": 1 }) }
    };
    (0..below(rng, 12)).map(|_| message(rng)).collect()
}

/// What the sequences have come across, so that none of it is promised untested.
static MET: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

const TO_MEET: [&str; 6] =
    ["imported", "trimmed", "reject", "max_tokens", "guardrail_intervened", "content_filtered"];

fn note_what_was_met(w: &World) {
    let mut met = MET.lock().unwrap();
    for fact in w.store.journal().iter().flat_map(|(_, _, facts)| facts) {
        let what = match fact["kind"].as_str().unwrap() {
            "imported" if fact["messages"].as_array().is_some_and(Vec::is_empty) => None,
            kind @ ("imported" | "trimmed") => Some(kind),
            "turn" => fact["turn"]["stop"].as_str(),
            "decided" => fact["decision"]["decision"].as_str(),
            _ => None,
        };
        met.extend(what.map(str::to_owned));
    }
}

fn sequence(seed: u64) {
    let mut rng = Rng::new(seed);
    let items = 1 + below(&mut rng, 3);
    let mut w = World::new(seed, items);
    let mut old = Rng::new(seed ^ 0x01D);
    if chance(&mut old, 0.3) {
        let history = old_history(&mut old);
        w.outside(&["execution", "api_messages"], history);
    }
    let good = Rc::new(RefCell::new(false));
    w.model = model(seed, Rc::clone(&good));
    let rate = Rc::new(RefCell::new([0.0, 0.02, 0.1, 0.3][below(&mut rng, 4)]));
    let r = Rc::clone(&rate);
    w.fault = Box::new(move |rng, effect| {
        let rate = *r.borrow();
        store_fault(rng, rate, effect)
    });
    let mut tools = Rng::new(seed ^ 77);
    let g = Rc::clone(&good);
    w.tool = Box::new(move |_| if *g.borrow() { Does::Returns(json!(1)) } else { does(&mut tools) });
    let mut vets = Rng::new(seed ^ 99);
    w.vet = Box::new(move |call| {
        if call.name == "none" {
            return json!({ "verdict": "refuse", "message": "There is no tool none." });
        }
        match below(&mut vets, 6) {
            0 => json!({ "verdict": "approve" }),
            1 => json!({ "verdict": "answer" }),
            _ => json!({ "verdict": "run" }),
        }
    });
    let policies = ["report", "rerun", "ask", "lookup"];
    let policy = policies[below(&mut rng, 4)];
    for tool in w.tools.as_array_mut().unwrap() {
        tool["onUnknownOutcome"] = json!(policy);
        tool["timeoutMs"] = json!(5_000 + 1_000 * below(&mut rng, 30));
    }
    let completion = ["end_turn", "explicit"][below(&mut rng, 2)];
    let waiting = ["hold", "yield"][below(&mut rng, 2)];
    let options = json!({ "completion": completion, "whileWaiting": waiting, "idleTimeoutMs": 20_000,
        "limits": { "iterations": 6 + below(&mut rng, 40) } });
    let options = json!({ "options": options });

    let mut sent = Vec::new();
    let mut live: Option<usize> = None;
    for _ in 0..INPUTS {
        let over = live.is_none_or(|a| w.actors[a].settled.contains_key(&Ticket::RESULT));
        match below(&mut rng, 24) {
            0..=3 if over => {
                let intent = ["run", "start", "resume"][below(&mut rng, 3)];
                live = Some(w.runner(intent, options.clone()));
            }
            0 => {
                let _other = w.runner("run", options.clone());
            }
            1 if !over => w.crash(live.unwrap()),
            2 if !over => {
                w.command(live.unwrap(), Command::Pause);
            }
            3 if !over => {
                w.command(live.unwrap(), Command::Stop { reason: None });
            }
            4 if !over && chance(&mut rng, 0.3) => {
                w.command(live.unwrap(), Command::Yield { reason: "drain".into(), grace: true });
            }
            5 => {
                let statuses = ["paused", "in_progress", "in_progress", "failed", "not_started"];
                let status = statuses[below(&mut rng, statuses.len())];
                let now = w.now;
                if chance(&mut rng, 0.3) {
                    w.store.set(TASK_PATH, &["status"], json!(status), now);
                }
            }
            6 => decide_all(&mut w, &mut rng),
            7 if w.store.status() != "completed" => {
                let entries = w.store.journal().len() as u64;
                sent.push((w.say("Mind this."), entries));
            }
            8 => {
                // Somebody else writes the task, and a stale plan back.
                let now = w.now;
                w.store.set(TASK_PATH, &["updated_at"], json!("x"), now);
                if chance(&mut rng, 0.3) {
                    let tasks = task_with(items)["progress"]["tasks"].clone();
                    w.store.set(TASK_PATH, &["progress", "tasks"], tasks, now);
                }
            }
            9 => w.pass(below(&mut rng, 40_000) as u64),
            _ => {
                for _ in 0..=below(&mut rng, 10) {
                    w.step();
                }
            }
        }
        if over && live.is_some_and(|a| w.actors[a].crashed) {
            live = None;
        }
        invariants(&w, policy, &sent);
    }
    // Whatever happened: without faults the task can be completed.
    *good.borrow_mut() = true;
    *rate.borrow_mut() = 0.0;
    for actor in 0..w.actors.len() {
        w.crash(actor);
    }
    w.now += 100_000;
    for _ in 0..60 {
        if w.store.status() == "completed" {
            break;
        }
        decide_all(&mut w, &mut rng);
        let run = w.runner("start", json!({ "options": { "whileWaiting": "yield" } }));
        let ended = w.finish(run);
        if let Err(e) = &ended {
            assert!(w.store.status() == "completed", "{e}");
        }
        invariants(&w, policy, &sent);
    }
    assert_eq!(w.store.status(), "completed", "it can always be completed");
    note_what_was_met(&w);
}

/// A person decides everything that waits.
fn decide_all(w: &mut World, rng: &mut Rng) {
    let paths = Paths::new(USER, TASK);
    let results: BTreeSet<String> =
        w.store.facts("result").iter().map(|r| r["toolCallId"].as_str().unwrap().to_owned()).collect();
    for (seq, _, facts) in w.store.journal() {
        for fact in facts.iter().filter(|f| f["kind"] == "waiting") {
            let id = fact["toolCall"]["id"].as_str().unwrap();
            if results.contains(id) {
                continue;
            }
            let decision = match (fact["why"].as_str().unwrap(), below(rng, 3)) {
                ("approval" | "unknown_outcome", 0) => Decision::Approve { note: None },
                (_, 1) => Decision::Reject { reason: Some("no".into()) },
                _ => Decision::Answer { result: Some(Rc::new(json!("by hand"))), error: false },
            };
            let nonce = rng.id();
            let item = inbox::decision(id, seq, nonce, decision);
            let now = w.now;
            let _decided_before = w.store.commit(&[item.create(&paths, w.clock())], now);
        }
    }
}

/// `sent`: messages, each with the number of entries that there were when it was sent.
fn invariants(w: &World, policy: &str, sent: &[(String, u64)]) {
    let journal = w.store.journal();
    let mut epoch = 0;
    let mut results: BTreeMap<String, u32> = BTreeMap::new();
    let mut received = BTreeSet::new();
    let mut epochs = Vec::new();
    let mut texts = Vec::new();
    for (n, (seq, e, facts)) in journal.iter().enumerate() {
        assert_eq!(*seq, n as u64 + 1, "the journal is contiguous");
        assert!(*e >= epoch, "epochs do not decrease");
        epoch = *e;
        epochs.push(epoch);
        for fact in facts {
            match fact["kind"].as_str().unwrap() {
                "result" => *results.entry(fact["toolCallId"].as_str().unwrap().to_owned()).or_default() += 1,
                "received" => {
                    let id = fact["inbox"].as_str().unwrap().to_owned();
                    assert!(received.insert(id), "a message is journaled once")
                }
                "ended" if fact["status"] == "completed" => {
                    let unread = sent.iter().find(|(id, entries)| entries < seq && !received.contains(id));
                    assert_eq!(unread, None, "every message is received before the task is completed");
                }
                "turn" => {
                    let turn: Turn = serde_json::from_value(fact["turn"].clone()).unwrap();
                    if !turn.text.trim().is_empty() {
                        texts.push(turn.text);
                    }
                }
                _ => {}
            }
        }
    }
    assert!(results.values().all(|n| *n == 1), "one result a call: {results:?}");
    let thread: Vec<String> =
        w.store.thread().into_iter().filter(|(role, _)| role == "assistant").map(|(_, text)| text).collect();
    assert_eq!(thread, texts, "the thread's assistant texts are the journal's turns, in order, once each");
    let mut executed: BTreeMap<&str, u32> = BTreeMap::new();
    for (id, _) in &w.executions {
        *executed.entry(id).or_default() += 1;
    }
    if matches!(policy, "report" | "lookup") {
        assert!(executed.values().all(|n| *n == 1), "nothing runs twice: {executed:?}");
    }
    let mut owners: BTreeMap<u64, usize> = BTreeMap::new();
    for (n, actor) in w.actors.iter().enumerate() {
        for event in actor.events.iter().filter(|e| e["id"].is_string()) {
            let (seq, epoch) = (event["seq"].as_u64().unwrap(), event["epoch"].as_u64().unwrap());
            assert_eq!(epochs.get(seq as usize - 1), Some(&epoch), "what is announced is stored: {event}");
            assert_eq!(
                *owners.entry(epoch).or_insert(n),
                n,
                "two runs believe that they own the task: {event}"
            );
        }
        let ids: Vec<&str> = actor.events.iter().filter_map(|e| e["id"].as_str()).collect();
        let mut sorted: Vec<(u64, u64)> = ids.iter().map(|id| cursor(id)).collect();
        let before = sorted.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(before, sorted, "facts are announced in order, once");
    }
}

fn cursor(id: &str) -> (u64, u64) {
    let (seq, n) = id.split_once('.').unwrap();
    (seq.parse().unwrap(), n.parse().unwrap())
}

#[test]
fn whatever_happens_nothing_is_lost_doubled_or_stuck() {
    let number = |name: &str| std::env::var(name).ok().and_then(|s| s.parse::<u64>().ok());
    if let Some(seed) = number("SEED") {
        sequence(seed);
        return;
    }
    let all = number("SEQUENCES").unwrap_or(SEQUENCES);
    let halves = [0, 1].map(|odd| {
        std::thread::spawn(move || {
            for seed in (odd..all).step_by(2) {
                if let Err(panic) = std::panic::catch_unwind(|| sequence(seed)) {
                    eprintln!("replay with SEED={seed} cargo test --test properties");
                    std::panic::resume_unwind(panic);
                }
            }
        })
    });
    for half in halves {
        half.join().expect("no sequence breaks a promise");
    }
    let met = MET.lock().unwrap();
    let missed: Vec<&str> = TO_MEET.into_iter().filter(|what| !met.contains(*what)).collect();
    assert!(missed.is_empty() || all < 1_000, "never met: {missed:?}");
}
