//! One run or command in a world that a JSON value describes. Any value will do: what is missing or makes no sense is
//! as it should be. What has to hold whatever it says is asserted here.
//!
//! | member | what it is |
//! |---|---|
//! | `documents` | what is stored, by path; `""` is the task, other paths are relative to it |
//! | `config` | over the configuration of the machine; `kind` other than `run` is a command or read |
//! | `turns` | what the model streams, request by request: `{ events, ends }` |
//! | `answers` | of tools and callbacks: `{ results, tools, vet, prompt, lookUp, alive }` |
//! | `replies` | by number of the effect, in place of its honest reply: see `Spec` |
//! | `commands` | `{ at, command, … }`: given after so many inputs |

use super::mutate::mutate;
use super::support::{Store, TASK, TASK_PATH, USER, task_with, tool, turn};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use task_execution_engine::command;
use task_execution_engine::converse::validity::validate;
use task_execution_engine::converse::{Failure, RequestOp};
use task_execution_engine::effect::{Command, Effect, Input, Machine, Question, Thrown, Ticket};
use task_execution_engine::error::{Code, EngineError};
use task_execution_engine::machine::{Runner, RunnerConfig};
use task_execution_engine::store::{StoreError, StoreErrorCode, StoreWrite, StoredDocument};
use task_execution_engine::time::{Instant, Now};

/// What is spoiled, and what may be expected of the task afterwards.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// As its folder of seeds is called.
    pub name: &'static str,
    /// The members of the scenario that may be anything.
    pub spoils: &'static [&'static str],
    /// What is stored and what the store says is sound: the work gets done in the end.
    pub sound: bool,
}

/// All of them.
pub const TARGETS: [Target; 5] = [
    Target { name: "stream", spoils: &["turns"], sound: true },
    Target { name: "answers", spoils: &["answers", "commands"], sound: true },
    Target { name: "documents", spoils: &["documents"], sound: false },
    Target { name: "replies", spoils: &["replies", "commands"], sound: false },
    Target { name: "config", spoils: &["config", "commands"], sound: true },
];

/// Spoils the scenario where the target may.
pub fn spoil(target: Target, scenario: &mut Value, seed: u64) {
    let Value::Object(members) = scenario else {
        *scenario = json!({});
        return;
    };
    let name = target.spoils[(seed % target.spoils.len() as u64) as usize];
    mutate(members.entry(name).or_insert_with(|| json!({})), seed / 3);
}

/// Inputs after which a run is told to stop.
const PATIENCE: usize = 1_500;
/// Inputs that it may take to obey; after them time passes by the year.
const OBEDIENCE: usize = 1_500;
const YEARS: usize = 400;

/// # Panics
/// Where a promise is broken.
pub fn run(target: Target, scenario: &Value) {
    let mut world = World::new(scenario);
    let before = world.store.clone();
    let kind = scenario["config"]["kind"].as_str().unwrap_or("run").to_owned();
    if target.name == "documents" {
        commanded(&world);
    }
    let Some(machine) = world.open(&kind, &scenario["config"]) else { return };
    let result = world.drive(machine);
    if kind != "delete" {
        unharmed(&before, &world.store);
    }
    if let Err(error) = &result {
        let refuses =
            matches!(error.code, Code::InvalidTask | Code::CorruptHistory | Code::UnsupportedSchema);
        if refuses && kind == "run" {
            assert_eq!(
                before.get(TASK_PATH),
                world.store.get(TASK_PATH),
                "refused, and yet overwritten: {error}"
            );
        }
    }
    // Another process, where everything is as it should be.
    let accepted = result.as_ref().is_ok_and(|outcome| outcome["status"] != "interrupted");
    let mut later = world.in_another_process();
    let status = later.store.get(TASK_PATH).and_then(|task| task.get("status")).and_then(Value::as_str);
    let intent = match status {
        Some("not_started") => "start",
        Some("paused" | "failed") => "resume",
        _ => "run",
    };
    let completed = status == Some("completed");
    let good = json!({ "intent": intent, "options": { "whileWaiting": "yield" } });
    let machine = later.open("run", &good).expect("a good configuration");
    let ended = later.drive(machine);
    unharmed(&world.store, &later.store);
    match &ended {
        // Told to stop while another's lease lasts, a run waits for it no longer.
        Err(error) if later.impatient && error.code == Code::LeaseHeld => {}
        Err(error) if target.sound && !completed && kind != "delete" => {
            panic!("cannot be taken up again: {error}")
        }
        Err(error) if accepted && target.name == "documents" && kind == "run" => {
            let unreadable = matches!(error.code, Code::CorruptHistory | Code::InvalidTask);
            assert!(!unreadable, "what this engine wrote, it cannot read: {error}");
        }
        Ok(outcome) if target.sound => {
            let status = outcome["status"].as_str().unwrap_or_default();
            let waits = status == "yielded" && outcome["reason"] == "waiting";
            assert!(
                status == "completed" || waits || later.impatient,
                "the work does not get done: {outcome}"
            );
        }
        _ => {}
    }
}

/// Every command and read of what is stored.
fn commanded(world: &World) {
    let commands = [
        json!({ "kind": "state" }),
        json!({ "kind": "checkpoint" }),
        json!({ "kind": "load" }),
        json!({ "kind": "apiMessages" }),
        json!({ "kind": "toolResults" }),
        json!({ "kind": "taskMessages", "limit": 3 }),
        json!({ "kind": "journal", "after": 0, "limit": 2 }),
        json!({ "kind": "events", "after": "0" }),
        json!({ "kind": "events" }),
        json!({ "kind": "pause" }),
        json!({ "kind": "stop", "reason": "enough" }),
        json!({ "kind": "approve", "toolCallId": "a" }),
        json!({ "kind": "answer", "toolCallId": "a", "result": { "by": "hand" } }),
        json!({ "kind": "send", "text": "Mind this." }),
        json!({ "kind": "addMessage", "role": "user", "content": "Mind this." }),
        json!({ "kind": "saveTaskMessage", "role": "user", "content": "Look." }),
        json!({ "kind": "saveApiMessage", "message": { "role": "user", "content": [{ "text": "Hi." }] } }),
        json!({ "kind": "delete" }),
    ];
    for config in commands {
        let kind = config["kind"].as_str().unwrap_or_default();
        let mut world = World::around(json!({}), world.store.clone(), 1_000);
        let before = world.store.clone();
        let Some(machine) = world.open(kind, &config) else { continue };
        let result = world.drive(machine);
        if kind != "delete" || result.is_err() {
            unharmed(&before, &world.store);
        }
    }
}

enum Subject {
    Run(Box<Runner>),
    Command(Box<dyn Machine>),
}

impl Subject {
    fn machine(&mut self) -> &mut dyn Machine {
        match self {
            Subject::Run(runner) => runner.as_mut(),
            Subject::Command(machine) => machine.as_mut(),
        }
    }
}

struct Pending {
    at: u64,
    order: u64,
    what: Arrives,
}

enum Arrives {
    Input(Input),
    Text(Ticket, u32, String),
}

struct World {
    scenario: Value,
    store: Store,
    now: u64,
    wall: i64,
    seed: u64,
    effects: usize,
    requests: usize,
    executions: usize,
    pending: Vec<Pending>,
    order: u64,
    messages: Vec<Value>,
    tool_config: Option<Value>,
    settled: BTreeMap<Ticket, Result<Value, EngineError>>,
    commanded: BTreeSet<Ticket>,
    last_fact: (u64, u64),
    /// Whoever waits for an abandoned lease of years was told to stop.
    impatient: bool,
}

impl World {
    fn new(scenario: &Value) -> World {
        let mut store = Store::default();
        let documents = scenario.get("documents").cloned().unwrap_or_else(|| json!({ "": task_with(2) }));
        for (path, data) in documents.as_object().cloned().unwrap_or_default() {
            let path = if path.is_empty() { TASK_PATH.to_owned() } else { format!("{TASK_PATH}/{path}") };
            if data.is_object() {
                store.put(&path, data, 0);
            }
        }
        World::around(scenario.clone(), store, 1_000)
    }

    fn around(scenario: Value, store: Store, now: u64) -> World {
        World {
            wall: time(&scenario["config"]["wall"]).unwrap_or(1_767_225_600_000),
            seed: 1,
            now: time(&scenario["config"]["mono"]).map_or(now, |mono| mono.max(0) as u64),
            scenario,
            store,
            effects: 0,
            requests: 0,
            executions: 0,
            pending: Vec::new(),
            order: 0,
            messages: Vec::new(),
            tool_config: None,
            settled: BTreeMap::new(),
            commanded: BTreeSet::new(),
            last_fact: (0, 0),
            impatient: false,
        }
    }

    fn in_another_process(&self) -> World {
        let mut world = World::around(json!({}), self.store.clone(), 1_000);
        world.seed = 2;
        for document in world.store.documents.values_mut() {
            document.2 = 0;
        }
        world
    }

    fn clock(&self) -> Now {
        let passed = i64::try_from(self.now).unwrap_or(i64::MAX);
        // As far as JavaScript's dates go.
        let wall = self.wall.saturating_add(passed).clamp(-8_640_000_000_000_000, 8_640_000_000_000_000);
        Now { mono: Instant(self.now), wall }
    }

    /// None where the configuration is refused, which has to be said in words.
    fn open(&self, kind: &str, given: &Value) -> Option<Subject> {
        let mut config = json!({
            "userId": USER, "taskId": TASK, "intent": "start", "drives": true, "options": {},
            "limits": { "documentBytes": 1_000_000, "commitBytes": 9_000_000 },
            "seed": self.seed, "hasModel": true, "instance": format!("instance-{}", self.seed),
        });
        for (name, value) in given.as_object().into_iter().flatten() {
            config[name] = value.clone();
        }
        if kind == "run" {
            let config: RunnerConfig = serde_json::from_value(config).ok()?;
            return Some(Subject::Run(Box::new(Runner::new(self.clock(), config))));
        }
        match command::open(self.clock(), kind, config) {
            Ok(machine) => Some(Subject::Command(machine)),
            Err(error) => {
                usable(&error);
                None
            }
        }
    }

    fn drive(&mut self, mut subject: Subject) -> Result<Value, EngineError> {
        let mut inputs = 0;
        loop {
            while let Some(effect) = subject.machine().poll_effect() {
                self.perform(&effect);
            }
            if subject.machine().is_done() {
                break;
            }
            self.command_at(inputs, &mut subject);
            if inputs == PATIENCE {
                self.impatient = true;
                self.give_command(Command::Stop { reason: None }, &mut subject);
            }
            assert!(inputs < PATIENCE + OBEDIENCE + YEARS, "it does not end");
            if inputs > PATIENCE + OBEDIENCE {
                self.now = self.now.saturating_add(50_000_000_000_000);
            }
            inputs += 1;
            self.step(&mut subject);
        }
        self.knock(&mut subject);
        for ticket in &self.commanded {
            // A run that was refused, or that another has taken over, leaves commands to whoever gave them.
            assert!(self.settled.contains_key(ticket) || self.settled.contains_key(&Ticket::RESULT));
        }
        let result = self.settled.get(&Ticket::RESULT).expect("what is done has its result").clone();
        match &result {
            Err(error) => usable(error),
            Ok(outcome) => {
                if let Some(error) = outcome.get("error").filter(|_| outcome.get("unfinished").is_some()) {
                    let error = serde_json::from_value(error.clone()).expect("an error of ours");
                    usable(&error);
                }
            }
        }
        result
    }

    /// Whatever comes after the end changes nothing.
    fn knock(&mut self, subject: &mut Subject) {
        let result = self.settled.get(&Ticket::RESULT).cloned();
        for number in 0..12 {
            let ticket = Ticket(number);
            self.give(Input::Read { ticket, result: Ok(vec![]) }, subject);
            self.give(Input::Committed { ticket, result: Ok(String::new()) }, subject);
            self.give(Input::StreamEnded { ticket, result: Ok(()) }, subject);
            self.give(Input::Returned { ticket, result: Ok(None), cut_bytes: 0 }, subject);
        }
        self.give(Input::Changed, subject);
        self.give(Input::Timeout, subject);
        self.give_command(Command::Pause, subject);
        while let Some(effect) = subject.machine().poll_effect() {
            match effect {
                Effect::Settle { .. } => self.perform(&effect),
                other => panic!("after the end: {other:?}"),
            }
        }
        assert_eq!(result, self.settled.get(&Ticket::RESULT).cloned());
    }

    fn command_at(&mut self, inputs: usize, subject: &mut Subject) {
        let due = |command: &&Value| command["at"].as_u64() == Some(inputs as u64);
        let commands: Vec<Value> =
            self.scenario["commands"].as_array().into_iter().flatten().filter(due).cloned().collect();
        for command in commands {
            let reason = command["reason"].as_str().map(str::to_owned);
            let command = match command["command"].as_str() {
                Some("pause") => Command::Pause,
                Some("stop") => Command::Stop { reason },
                Some("yield") => Command::Yield {
                    reason: reason.unwrap_or_default(),
                    grace: command["grace"].as_bool().unwrap_or(true),
                },
                _ => Command::Look,
            };
            self.give_command(command, subject);
        }
    }

    fn give_command(&mut self, command: Command, subject: &mut Subject) {
        let ticket = Ticket((1 << 52) + self.commanded.len() as u64);
        self.commanded.insert(ticket);
        self.give(Input::Command { ticket, command }, subject);
    }

    fn give(&mut self, input: Input, subject: &mut Subject) {
        subject.machine().handle(self.clock(), input);
    }

    fn step(&mut self, subject: &mut Subject) {
        let next = self.pending.iter().map(|p| (p.at, p.order)).min();
        let timer = subject.machine().poll_timeout().map(|timeout| timeout.0);
        match (next, timer) {
            (Some((at, order)), timer) if timer.is_none_or(|timer| at <= timer.max(self.now)) => {
                self.now = self.now.max(at);
                let index = self.pending.iter().position(|p| p.order == order).expect("it was there");
                match self.pending.swap_remove(index).what {
                    Arrives::Input(input) => self.give(input, subject),
                    Arrives::Text(ticket, index, text) => {
                        if let Subject::Run(runner) = subject {
                            runner.text_delta(Instant(self.now), ticket, index, &text);
                        }
                    }
                }
            }
            (_, Some(timer)) => {
                self.now = self.now.max(timer);
                self.give(Input::Timeout, subject);
            }
            (_, None) => panic!("it waits for nothing and does not end"),
        }
    }

    fn perform(&mut self, effect: &Effect) {
        match effect {
            Effect::Emit { event } => self.emitted(event),
            Effect::Settle { ticket, result } => {
                let before = self.settled.insert(*ticket, result.clone());
                assert!(before.is_none(), "{ticket:?} settled twice: {before:?}, then {result:?}");
                if let Err(error) = result {
                    usable(error);
                }
            }
            Effect::Cancel { .. } | Effect::Watch { .. } | Effect::Status { .. } | Effect::Log { .. } => {}
            _ => self.reply_to(effect),
        }
    }

    fn emitted(&mut self, event: &Value) {
        assert!(event["type"].is_string() && event["taskId"].is_string(), "no event: {event}");
        let Some(id) = event["id"].as_str() else { return };
        let (seq, n) = id.split_once('.').expect("an id of an event");
        let place = (seq.parse().expect("a seq"), n.parse().expect("a number"));
        // The ids of an entry begin at 0.
        assert!(
            place > self.last_fact || self.last_fact == (0, 0),
            "announced twice or out of order: {event}"
        );
        self.last_fact = place;
    }

    fn reply_to(&mut self, effect: &Effect) {
        let number = self.effects.to_string();
        self.effects += 1;
        let honest = self.honest(effect);
        let specs = self.scenario["replies"].get(&number).cloned();
        match specs {
            None => self.arrive(honest, 1),
            Some(Value::Array(specs)) => {
                for spec in specs.iter().take(8) {
                    let after = spec["after"].as_f64().unwrap_or(1.0) as u64;
                    let arrivals = specified(spec, ticket_of(effect), &honest);
                    self.arrive(arrivals, after);
                }
            }
            // Silence.
            Some(_) => {}
        }
    }

    fn arrive(&mut self, arrivals: Vec<Arrives>, after: u64) {
        for what in arrivals {
            self.order += 1;
            self.pending.push(Pending { at: self.now.saturating_add(after), order: self.order, what });
        }
    }

    fn honest(&mut self, effect: &Effect) -> Vec<Arrives> {
        let input = match effect {
            Effect::Read { ticket, paths, known } => {
                let mut found: Vec<_> = paths.iter().map(|path| self.store.read(path, self.now)).collect();
                for known in found.iter_mut().flatten().filter(|d| known.as_ref() == Some(&d.version)) {
                    known.data.clear();
                }
                Input::Read { ticket: *ticket, result: Ok(found) }
            }
            Effect::List { ticket, collection, after, limit } => {
                let page = self.store.list(collection, after.as_deref(), *limit, self.now);
                Input::Listed { ticket: *ticket, result: Ok(page) }
            }
            Effect::Commit { ticket, writes } => {
                well_formed(writes);
                let result = self.store.commit(writes, self.now).map_err(|code| failed(code, "so it is"));
                Input::Committed { ticket: *ticket, result }
            }
            Effect::RunTool { ticket, .. } => {
                let does = self.scenario["answers"]["results"].get(self.executions).cloned();
                self.executions += 1;
                let result = match does {
                    None => Ok(Some(json!("done"))),
                    Some(does) if does["never"] == true => return vec![],
                    Some(does) => match does["throws"].as_str() {
                        Some(message) => Err(Thrown { message: message.to_owned(), cause: None }),
                        None => Ok(does.get("returns").cloned()),
                    },
                };
                Input::Returned { ticket: *ticket, result, cut_bytes: 0 }
            }
            Effect::Ask { ticket, question } => {
                let answers = &self.scenario["answers"];
                let (name, usual) = match question {
                    Question::Tools { .. } => ("tools", json!([tool("work"), tool("look")])),
                    Question::Vet { calls, .. } => {
                        ("vet", calls.iter().map(|_| json!({ "verdict": "run" })).collect())
                    }
                    Question::Prompt { .. } => ("prompt", json!("Do it.")),
                    Question::LookUp { .. } => ("lookUp", json!({ "found": false })),
                    Question::Alive { .. } => ("alive", json!(false)),
                    Question::Runs => ("runs", json!(false)),
                };
                let answer = answers.get(name).cloned().unwrap_or(usual);
                match answer.get("throws").and_then(Value::as_str) {
                    Some(message) => {
                        let thrown = Thrown { message: message.to_owned(), cause: None };
                        Input::Answered { ticket: *ticket, result: Err(thrown) }
                    }
                    None if answer.get("never").is_some() => return vec![],
                    None => Input::Answered { ticket: *ticket, result: Ok(answer) },
                }
            }
            Effect::Converse { ticket, ops, .. } => return self.stream(*ticket, ops),
            _ => return vec![],
        };
        vec![Arrives::Input(input)]
    }

    fn stream(&mut self, ticket: Ticket, ops: &[RequestOp]) -> Vec<Arrives> {
        self.apply(ops);
        if let Err(broken) = validate(&self.messages, self.tool_config.as_ref()) {
            panic!("an invalid request: {broken:?}\n{}", json!(self.messages));
        }
        let said = self.scenario["turns"].get(self.requests).cloned();
        self.requests += 1;
        let said = said.unwrap_or_else(|| json!({ "events": turn("Done.", &[]) }));
        let events = said["events"].as_array().cloned().unwrap_or_default();
        let mut arrivals: Vec<Arrives> = Vec::new();
        for event in events {
            // As the pump has it: text on the fast path, where its index is a u32.
            let delta = &event["contentBlockDelta"];
            let index = delta["contentBlockIndex"].as_u64().and_then(|index| u32::try_from(index).ok());
            arrivals.push(match (delta["delta"]["text"].as_str(), index) {
                (Some(text), Some(index)) => Arrives::Text(ticket, index, text.to_owned()),
                _ => Arrives::Input(Input::Streamed { ticket, event }),
            });
        }
        let result = match &said["ends"] {
            Value::String(_) => return arrivals,
            Value::Object(failure) => Err(failure_of(failure)),
            _ => Ok(()),
        };
        arrivals.push(Arrives::Input(Input::StreamEnded { ticket, result }));
        arrivals
    }

    fn apply(&mut self, ops: &[RequestOp]) {
        for op in ops {
            match op {
                RequestOp::System(_)
                | RequestOp::Model(_)
                | RequestOp::Author(_)
                | RequestOp::Withhold { .. } => {}
                RequestOp::Tools(config) => self.tool_config.clone_from(config),
                RequestOp::Push(message) => self.messages.push(message.clone()),
                RequestOp::Replace(index, message) => {
                    assert!(*index < self.messages.len(), "replaces what is not there");
                    self.messages[*index] = message.clone();
                }
                RequestOp::DropBefore(index, marker) => {
                    assert!(*index <= self.messages.len(), "drops what is not there");
                    self.messages.drain(..*index);
                    match self.messages.first_mut() {
                        Some(first) if first["role"] == "user" => {
                            let mut content = marker["content"].as_array().cloned().unwrap_or_default();
                            content.extend(first["content"].as_array().cloned().unwrap_or_default());
                            first["content"] = Value::Array(content);
                        }
                        _ => self.messages.insert(0, marker.clone()),
                    }
                }
                RequestOp::Clear => self.messages.clear(),
            }
        }
    }
}

fn time(value: &Value) -> Option<i64> {
    value.as_f64().map(|ms| ms.clamp(-8.64e15, 8.64e15) as i64)
}

fn ticket_of(effect: &Effect) -> Ticket {
    match effect {
        Effect::Read { ticket, .. }
        | Effect::List { ticket, .. }
        | Effect::Commit { ticket, .. }
        | Effect::RunTool { ticket, .. }
        | Effect::Ask { ticket, .. }
        | Effect::Converse { ticket, .. } => *ticket,
        _ => Ticket::RESULT,
    }
}

fn failed(code: StoreErrorCode, message: &str) -> StoreError {
    StoreError { code, message: message.to_owned(), cause: None }
}

fn failure_of(given: &Map<String, Value>) -> Failure {
    let text = |name: &str| given.get(name).and_then(Value::as_str).map(str::to_owned);
    Failure {
        name: text("name"),
        status: given.get("status").and_then(Value::as_f64).map(|status| status as u16),
        message: text("message").unwrap_or_default(),
        retry_after_ms: given.get("retryAfterMs").and_then(Value::as_f64).map(|ms| ms as u64),
        cause: None,
    }
}

/// What a spec of a reply says: `{ honest: [seeds] }` is the honest one, spoiled by each; any other member makes that
/// input, under `ticket` or the effect's own.
fn specified(spec: &Value, own: Ticket, honest: &[Arrives]) -> Vec<Arrives> {
    let ticket = spec["ticket"].as_u64().map_or(own, Ticket);
    let input = if let Some(code) = spec.get("fails") {
        let code = serde_json::from_value(code.clone()).unwrap_or(StoreErrorCode::Unavailable);
        let error = failed(code, "it fails");
        match honest.first() {
            Some(Arrives::Input(Input::Listed { .. })) => Input::Listed { ticket, result: Err(error) },
            Some(Arrives::Input(Input::Committed { .. })) => Input::Committed { ticket, result: Err(error) },
            _ => Input::Read { ticket, result: Err(error) },
        }
    } else if let Some(found) = spec.get("read") {
        read(ticket, found.clone())
    } else if let Some(page) = spec.get("listed") {
        listed(ticket, page.clone())
    } else if let Some(version) = spec.get("committed") {
        committed(ticket, version)
    } else if let Some(value) = spec.get("returned") {
        Input::Returned { ticket, result: Ok(Some(value.clone())), cut_bytes: 0 }
    } else if let Some(value) = spec.get("answered") {
        Input::Answered { ticket, result: Ok(value.clone()) }
    } else if let Some(event) = spec.get("streamed") {
        Input::Streamed { ticket, event: event.clone() }
    } else if let Some(failure) = spec.get("ended") {
        let result = failure.as_object().map_or(Ok(()), |failure| Err(failure_of(failure)));
        Input::StreamEnded { ticket, result }
    } else if spec.get("changed").is_some() {
        Input::Changed
    } else if spec.get("timeout").is_some() {
        Input::Timeout
    } else {
        let seeds: Vec<u64> =
            spec["honest"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
        return honest.iter().map(|arrives| spoiled(arrives, &seeds)).collect();
    };
    vec![Arrives::Input(input)]
}

fn spoiled(arrives: &Arrives, seeds: &[u64]) -> Arrives {
    let input = match arrives {
        Arrives::Text(ticket, index, text) => return Arrives::Text(*ticket, *index, text.clone()),
        Arrives::Input(input) => input,
    };
    let spoil = |mut value: Value| {
        seeds.iter().for_each(|seed| mutate(&mut value, *seed));
        value
    };
    let json_of = |document: &StoredDocument| {
        let StoredDocument { path, data, version, age_ms } = document;
        json!({ "path": path, "data": data, "version": version, "ageMs": age_ms })
    };
    Arrives::Input(match input {
        Input::Read { ticket, result: Ok(found) } => {
            let found: Vec<_> = found.iter().map(|document| document.as_ref().map(json_of)).collect();
            read(*ticket, spoil(json!(found)))
        }
        Input::Listed { ticket, result: Ok(page) } => {
            listed(*ticket, spoil(json!(page.iter().map(json_of).collect::<Vec<_>>())))
        }
        Input::Committed { ticket, result: Ok(version) } => committed(*ticket, &spoil(json!(version))),
        Input::Returned { ticket, result: Ok(value), cut_bytes: 0 } => {
            Input::Returned { ticket: *ticket, result: Ok(Some(spoil(json!(value)))), cut_bytes: 0 }
        }
        Input::Answered { ticket, result: Ok(value) } => {
            Input::Answered { ticket: *ticket, result: Ok(spoil(value.clone())) }
        }
        Input::Streamed { ticket, event } => Input::Streamed { ticket: *ticket, event: spoil(event.clone()) },
        other => other.clone(),
    })
}

// What does not have the shape of a reply is one that says so: that is the boundary's part.

fn read(ticket: Ticket, found: Value) -> Input {
    let found = serde_json::from_value(found);
    Input::Read { ticket, result: found.map_err(|error| failed(StoreErrorCode::Invalid, &error.to_string())) }
}

fn listed(ticket: Ticket, page: Value) -> Input {
    let page = serde_json::from_value(page);
    Input::Listed {
        ticket,
        result: page.map_err(|error| failed(StoreErrorCode::Invalid, &error.to_string())),
    }
}

fn committed(ticket: Ticket, version: &Value) -> Input {
    let version = version.as_str().map(str::to_owned);
    Input::Committed {
        ticket,
        result: version.ok_or_else(|| failed(StoreErrorCode::Unavailable, "no version")),
    }
}

fn usable(error: &EngineError) {
    assert!(!error.message.trim().is_empty(), "{:?} without a word", error.code);
    assert!(error.code != Code::EnginePanic);
}

/// What no store could take.
fn well_formed(writes: &[StoreWrite]) {
    assert!(!writes.is_empty(), "an empty commit");
    let mut paths = BTreeSet::new();
    for write in writes {
        let (StoreWrite::Create { path, .. }
        | StoreWrite::Update { path, .. }
        | StoreWrite::Delete { path, .. }) = write;
        assert!(paths.insert(path), "{path} is written twice in one commit");
        let segments: Vec<&str> = path.split('/').collect();
        assert!(segments.len() % 2 == 0 && !segments.contains(&""), "no path of a document: {path:?}");
        if let StoreWrite::Update { fields, .. } = write {
            assert!(fields.iter().all(|field| !field.path.is_empty()), "a field without a name in {path}");
            assert!(
                fields.iter().all(|field| field.delete != field.value.is_some()),
                "neither value nor deletion"
            );
        }
    }
}

/// What was there and is not the engine's is as it was, and so is every fact.
fn unharmed(before: &Store, after: &Store) {
    for (path, (data, ..)) in &before.documents {
        if path.starts_with(&format!("{TASK_PATH}/journal/"))
            || path.starts_with(&format!("{TASK_PATH}/messages/"))
        {
            assert_eq!(Some(data), after.get(path), "{path} was changed");
        }
    }
    if let (Some(before), Some(after)) = (before.get(TASK_PATH), after.get(TASK_PATH)) {
        assert_eq!(foreign(before), foreign(after), "the app's fields were changed");
    }
}

fn foreign(task: &Map<String, Value>) -> Map<String, Value> {
    let mut task = task.clone();
    for name in ["status", "updated_at", "started_at", "completed_at"] {
        task.shift_remove(name);
    }
    let without = |task: &mut Map<String, Value>, member: &str, names: &[&str]| {
        let Some(Value::Object(inner)) = task.get_mut(member) else {
            task.shift_remove(member);
            return;
        };
        names.iter().for_each(|name| drop(inner.shift_remove(*name)));
        if inner.is_empty() {
            task.shift_remove(member);
        }
    };
    without(&mut task, "execution", &["error", "abort_reason"]);
    let plan = [
        "milestones",
        "tasks",
        "overall_percentage",
        "current_milestone",
        "current_task",
        "project",
        "progress",
    ];
    without(&mut task, "progress", &plan);
    task
}
