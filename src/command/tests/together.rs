//! Commands and a run that share a store, each in a process of its own.

use super::*;
use crate::converse::Validator;
use crate::effect::{Effect, Input, Question, Ticket};
use crate::ids::Rng;
use crate::lifecycle::Status;
use crate::machine::{Runner, RunnerConfig};
use crate::store::StoreErrorCode;
use crate::testkit::{Fault, Host, Op};
use crate::time::Now;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

/// A turn of the model: its ConverseStream events, or silence.
type Script = Rc<RefCell<VecDeque<Option<Vec<Value>>>>>;
type Request = Rc<RefCell<Validator>>;

fn says(text: &str) -> Option<Vec<Value>> {
    Some(vec![
        json!({ "messageStart": { "role": "assistant" } }),
        json!({ "contentBlockDelta": { "contentBlockIndex": 0, "delta": { "text": text } } }),
        json!({ "contentBlockStop": { "contentBlockIndex": 0 } }),
        json!({ "messageStop": { "stopReason": "end_turn" } }),
    ])
}

fn calls(id: &str) -> Option<Vec<Value>> {
    let start = json!({ "toolUse": { "toolUseId": id, "name": "tool" } });
    Some(vec![
        json!({ "messageStart": { "role": "assistant" } }),
        json!({ "contentBlockStart": { "contentBlockIndex": 0, "start": start } }),
        json!({ "contentBlockDelta": { "contentBlockIndex": 0, "delta": { "toolUse": { "input": "{}" } } } }),
        json!({ "contentBlockStop": { "contentBlockIndex": 0 } }),
        json!({ "messageStop": { "stopReason": "tool_use" } }),
    ])
}

/// A model that plays the script and checks every request, and one tool that needs an approval where asked.
fn host(script: &Script, request: &Request, gated: bool) -> Host {
    let (script, request) = (Rc::clone(script), Rc::clone(request));
    Box::new(move |effect: &Effect, _: Now| match effect {
        Effect::Converse { ticket, ops, .. } => {
            for op in ops {
                request.borrow_mut().check(op).unwrap();
            }
            request.borrow().ready().unwrap();
            let Some(Some(events)) = script.borrow_mut().pop_front() else { return Vec::new() };
            let mut at = 5;
            let mut inputs: Vec<(u64, Input)> = Vec::new();
            for event in events {
                at += 5;
                inputs.push((at, Input::Streamed { ticket: *ticket, event }));
            }
            inputs.push((at + 1, Input::StreamEnded { ticket: *ticket, result: Ok(()) }));
            inputs
        }
        Effect::RunTool { ticket, .. } => {
            vec![(50, Input::Returned { ticket: *ticket, result: Ok(Some(json!("worked"))), cut_bytes: 0 })]
        }
        Effect::Ask { ticket, question } => {
            let answer = match question {
                Question::Tools { .. } => json!([{
                    "name": "tool", "description": "d", "inputSchema": { "type": "object" },
                    "hasExecute": true, "onUnknownOutcome": "report", "timeoutMs": 60_000,
                }]),
                Question::Vet { calls, .. } => {
                    let verdict = if gated { "approve" } else { "run" };
                    calls.iter().map(|_| json!({ "verdict": verdict })).collect()
                }
                other => panic!("{other:?}"),
            };
            vec![(0, Input::Answered { ticket: *ticket, result: Ok(answer) })]
        }
        other => panic!("{other:?}"),
    })
}

struct Stage {
    world: World,
    script: Script,
    runs: u64,
    gated: bool,
}

impl Stage {
    fn new(script: Vec<Option<Vec<Value>>>) -> Stage {
        let script = Rc::new(RefCell::new(script.into()));
        Stage { world: world("not_started"), script, runs: 0, gated: false }
    }

    fn run(&mut self, intent: &str) -> Id {
        self.runs += 1;
        let config: RunnerConfig = serde_json::from_value(json!({
            "userId": "u", "taskId": "t", "intent": intent, "drives": true, "seed": self.runs * 100,
            "limits": { "documentBytes": 1_000_000, "commitBytes": 10_000_000 }, "hasModel": true,
            "hasWatch": self.world.watches, "options": { "idleTimeoutMs": 10_000_000, "storeTimeoutMs": 15_000 },
        }))
        .unwrap();
        let runner = Runner::new(self.world.now(), config);
        let request = Rc::new(RefCell::new(Validator::new()));
        self.world.spawn_with(Box::new(runner), host(&self.script, &request, self.gated))
    }

    fn outcome(&mut self, run: Id) -> String {
        self.world.result(run).unwrap()["status"].as_str().unwrap().to_owned()
    }

    fn began(&mut self, run: Id) {
        self.world.run_until(|w| w.settled(run, Ticket::STARTED).is_some());
    }
}

#[test]
fn a_run_obeys_a_pause_from_elsewhere_at_its_next_safe_point() {
    for (watches, within) in [(false, 12_000), (true, 1_000)] {
        for (kind, told, reason) in [("pause", "task:paused", None), ("stop", "task:stopped", Some("enough"))]
        {
            let mut stage = Stage::new(vec![None]);
            stage.world.watches = watches;
            let run = stage.run("start");
            stage.world.advance(2_000);
            let begun = stage.world.now().mono;
            let command = spawn(&mut stage.world, kind, json!({ "reason": reason, "hasWatch": watches }));
            assert_eq!(stage.world.result(command), Ok(Value::Null));
            let took = stage.world.now().mono - begun;
            assert!(took < within, "{kind} took {took}");
            assert_eq!(stage.outcome(run), told.trim_start_matches("task:"));
            assert_eq!(stage.world.event_types(command).last(), Some(&told));
            assert_eq!(abort_reason(&stage.world).as_deref(), reason);
            assert_eq!(head(&stage.world).epoch, 1, "nothing was taken over");
        }
    }
}

#[test]
fn a_task_whose_process_is_gone_is_paused_by_the_command_and_resumed_by_another_run() {
    let mut stage = Stage::new(vec![None, says("Done.")]);
    let run = stage.run("start");
    stage.began(run);
    stage.world.kill(run);
    let command = spawn(&mut stage.world, "pause", json!({}));
    assert_eq!(stage.world.result(command), Ok(Value::Null));
    assert_eq!(head(&stage.world).last_run, LastRun::Paused);
    let again = stage.run("run");
    assert_eq!(stage.outcome(again), "paused");
    let again = stage.run("resume");
    assert_eq!(stage.outcome(again), "completed");
}

#[test]
fn an_approval_from_elsewhere_lets_the_call_run() {
    let mut stage = Stage::new(vec![calls("a"), says("Done.")]);
    stage.gated = true;
    let run = stage.run("start");
    stage.world.run_until(|w| w.event_types(run).contains(&"task:approval_required"));
    stage.world.advance(100);
    let state = super::run(&mut stage.world, "state", json!({})).unwrap();
    assert_eq!(
        (&state["waiting"][0]["toolCall"]["id"], &state["waiting"][0]["itemId"]),
        (&json!("a"), &json!("i"))
    );
    assert_eq!(super::run(&mut stage.world, "approve", json!({ "toolCallId": "a" })), Ok(Value::Null));
    assert_eq!(stage.outcome(run), "completed");
    assert!(stage.world.event_types(run).contains(&"task:tool_result"));
    assert!(stage.world.store.paths(&format!("{TASK}/inbox/")).is_empty());
    assert_eq!(refused(&mut stage.world, "reject", json!({ "toolCallId": "a" })), Code::AlreadyDecided);
}

#[test]
fn a_message_from_elsewhere_is_answered_before_the_item_is_completed() {
    let mut stage = Stage::new(vec![None, says("First."), says("Heard you.")]);
    let run = stage.run("start");
    stage.began(run);
    super::run(&mut stage.world, "send", json!({ "text": "also this" })).unwrap();
    stage.world.kill(run);
    stage.world.advance(31_000);
    let again = stage.run("run");
    assert_eq!(stage.outcome(again), "completed");
    let messages = super::run(&mut stage.world, "apiMessages", json!({})).unwrap();
    assert!(messages.to_string().contains("also this"));
}

#[test]
fn a_deletion_ends_the_run_as_superseded() {
    let mut stage = Stage::new(vec![None]);
    let run = stage.run("start");
    stage.began(run);
    let command = spawn(&mut stage.world, "delete", json!({ "keepTask": true }));
    assert_eq!(stage.world.result(command), Ok(Value::Null));
    assert_eq!(stage.outcome(run), "superseded");
    assert_eq!(stage.world.store.paths("users/u"), [TASK]);
}

#[test]
fn saved_messages_reach_the_model_and_a_tool_use_that_nobody_answered_is_answered_as_unknown() {
    let mut stage = Stage::new(vec![says("Done.")]);
    let save = |stage: &mut Stage, role: &str, block: Value| {
        let message = json!({ "message": { "role": role, "content": [block] } });
        assert_eq!(super::run(&mut stage.world, "saveApiMessage", message), Ok(Value::Null));
    };
    save(&mut stage, "user", json!({ "text": "hi" }));
    save(&mut stage, "assistant", json!({ "toolUse": { "toolUseId": "x", "name": "tool", "input": {} } }));
    let run = stage.run("start");
    assert_eq!(stage.outcome(run), "completed");
    let messages = super::run(&mut stage.world, "apiMessages", json!({})).unwrap();
    assert_eq!(messages[2]["content"][0]["toolResult"]["toolUseId"], "x");
}

/// What P3, P8 and §5 promise, whatever goes wrong: the pause settles in time, and where it settles well an end is in
/// the journal and in the document.
#[test]
fn a_pause_that_settles_well_is_durable_whatever_goes_wrong() {
    for seed in 0..400 {
        let mut rng = Rng::new(seed);
        let mut stage = Stage::new(vec![calls("a"), calls("b"), None]);
        stage.world.latency_ms = 1 + (rng.unit() * 40.0) as u64;
        stage.world.watches = rng.unit() < 0.3;
        stage.world.store.tells_age = rng.unit() < 0.5;
        for _ in 0..(rng.unit() * 4.0) as usize {
            let fault = match (rng.unit() * 5.0) as u32 {
                0 => Fault::LostReply,
                1 => Fault::Silence,
                2 => Fault::Late((rng.unit() * 4_000.0) as u64),
                3 => Fault::Lied(StoreErrorCode::Conflict),
                _ => Fault::Error(StoreErrorCode::Unavailable),
            };
            let op = if rng.unit() < 0.7 { Op::Commit } else { Op::Read };
            stage.world.faults.add(op, "users", (rng.unit() * 12.0) as usize, 1, fault);
        }
        let run = stage.run("start");
        stage.world.advance((rng.unit() * 1_000.0) as u64);
        if rng.unit() < 0.4 {
            stage.world.kill(run);
        }
        let kinds = ["pause", "stop"];
        let begun = stage.world.now().mono;
        let commands: Vec<Id> = (0..1 + (rng.unit() * 2.0) as u64)
            .map(|n| {
                let kind = kinds[(rng.unit() * 2.0) as usize];
                let watches = stage.world.watches;
                spawn(&mut stage.world, kind, json!({ "seed": seed + n, "hasWatch": watches }))
            })
            .collect();
        let mut settled = Vec::new();
        for command in commands {
            let result = stage.world.result(command);
            let took = stage.world.now().mono - begun;
            assert!(took < 111_000, "seed {seed} took {took}");
            if let Err(e) = &result {
                assert_eq!(e.code, Code::StoreUnavailable, "seed {seed}");
            }
            settled.push((result.is_ok(), stage.world.statuses(command).last().copied()));
        }
        // One that a later one has overtaken settles before that one's fact is stored.
        let all_well = settled.iter().all(|(well, _)| *well);
        if all_well && settled.iter().any(|(_, seen)| *seen == Some(Status::Paused)) {
            assert!(ends(&mut stage.world) > 0, "seed {seed}: settled without a fact");
            assert_eq!(status(&stage.world), "paused", "seed {seed}");
        }
        let entries = entries(&mut stage.world);
        let seqs: Vec<u64> = entries.iter().map(|e| e["seq"].as_u64().unwrap()).collect();
        assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>(), "seed {seed}");
    }
}

fn entries(world: &mut World) -> Vec<Value> {
    world.faults.clear();
    let page = run(world, "journal", json!({})).unwrap();
    page["entries"].as_array().unwrap().clone()
}

fn ends(world: &mut World) -> usize {
    entries(world).iter().filter(|e| e["kinds"].as_array().unwrap().contains(&json!("ended"))).count()
}
