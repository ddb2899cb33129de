//! A world without I/O for the machine: a store in memory, a scripted model, tools, a clock that jumps. Everything is
//! decided by the seed, so a failure is replayed by its number.

#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod people;
mod recorder;
mod rules;
pub mod spy;

use recorder::Book;
use rules::Rules;
use serde_json::{Map, Value, json};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
pub use task_execution_engine::converse::validity::validate;
use task_execution_engine::converse::{Failure, RequestOp};
use task_execution_engine::effect::{Command, Effect, Input, Machine, Question, Thrown, Ticket, ToolCall};
use task_execution_engine::error::EngineError;
use task_execution_engine::ids::Rng;
use task_execution_engine::machine::{Runner, RunnerConfig};
use task_execution_engine::store::{StoreError, StoreErrorCode, StoreWrite, StoredDocument};
use task_execution_engine::time::{Instant, Now};

pub const USER: &str = "u";
pub const TASK: &str = "t";
pub const TASK_PATH: &str = "users/u/tasks/t";

/// The store: documents with versions, conditional batches, nothing else.
#[derive(Default, Debug, Clone)]
pub struct Store {
    pub documents: BTreeMap<String, (Map<String, Value>, u64, u64)>,
    clock: u64,
    pub commits: u64,
    /// Does not tell how old documents are.
    pub hides_age: bool,
}

impl Store {
    pub fn get(&self, path: &str) -> Option<&Map<String, Value>> {
        self.documents.get(path).map(|d| &d.0)
    }

    pub fn put(&mut self, path: &str, data: Value, now: u64) {
        let Value::Object(data) = data else { panic!("a document is an object") };
        self.clock += 1;
        self.documents.insert(path.to_owned(), (data, self.clock, now));
    }

    /// Another writer's field-level update.
    pub fn set(&mut self, path: &str, field: &[&str], value: Value, now: u64) {
        self.clock += 1;
        let clock = self.clock;
        let Some(document) = self.documents.get_mut(path) else { return };
        set_path(&mut document.0, field, Some(value));
        document.1 = clock;
        document.2 = now;
    }

    pub fn read(&self, path: &str, now: u64) -> Option<StoredDocument> {
        self.documents.get(path).map(|(data, version, at)| StoredDocument {
            path: path.to_owned(),
            data: data.clone(),
            version: version.to_string(),
            age_ms: (!self.hides_age).then(|| now - at),
        })
    }

    pub fn list(&self, collection: &str, after: Option<&str>, limit: u32, now: u64) -> Vec<StoredDocument> {
        let prefix = format!("{collection}/");
        self.documents
            .range(prefix.clone()..)
            .take_while(|(path, _)| path.starts_with(&prefix))
            .filter(|(path, _)| !path[prefix.len()..].contains('/'))
            .filter(|(path, _)| after.is_none_or(|a| &path[prefix.len()..] > a))
            .take(limit as usize)
            .filter_map(|(path, _)| self.read(path, now))
            .collect()
    }

    pub fn commit(&mut self, writes: &[StoreWrite], now: u64) -> Result<String, StoreErrorCode> {
        for write in writes {
            let (path, wanted) = match write {
                StoreWrite::Create { path, .. } => {
                    if self.documents.contains_key(path) {
                        return Err(StoreErrorCode::Exists);
                    }
                    continue;
                }
                StoreWrite::Update { path, if_version, .. } => {
                    if !self.documents.contains_key(path) {
                        return Err(StoreErrorCode::NotFound);
                    }
                    (path, if_version)
                }
                StoreWrite::Delete { path, if_version } => (path, if_version),
            };
            let version = self.documents.get(path).map(|d| d.1.to_string());
            if wanted.is_some() && *wanted != version {
                return Err(StoreErrorCode::Conflict);
            }
        }
        self.clock += 1;
        self.commits += 1;
        for write in writes {
            match write {
                StoreWrite::Create { path, data } => {
                    self.documents.insert(path.clone(), (data.clone(), self.clock, now));
                }
                StoreWrite::Update { path, fields, .. } => {
                    let document = self.documents.get_mut(path).unwrap();
                    for field in fields {
                        let path: Vec<&str> = field.path.iter().map(String::as_str).collect();
                        set_path(&mut document.0, &path, field.value.clone());
                    }
                    document.1 = self.clock;
                    document.2 = now;
                }
                StoreWrite::Delete { path, .. } => {
                    self.documents.remove(path);
                }
            }
        }
        Ok(self.clock.to_string())
    }

    /// The journal's entries, parsed: seq and facts.
    pub fn journal(&self) -> Vec<(u64, u64, Vec<Value>)> {
        let prefix = format!("{TASK_PATH}/journal/");
        let mut entries: Vec<(u64, u64, String)> = Vec::new();
        for (path, (data, _, _)) in self.documents.range(prefix.clone()..) {
            let Some(id) = path.strip_prefix(&prefix) else { break };
            let json = data["json"].as_str().unwrap().to_owned();
            if id.contains('.') {
                entries.last_mut().unwrap().2.push_str(&json);
            } else {
                entries.push((data["seq"].as_u64().unwrap(), data["epoch"].as_u64().unwrap(), json));
            }
        }
        entries
            .into_iter()
            .map(|(seq, epoch, json)| {
                let body: Value = serde_json::from_str(&json).unwrap();
                (seq, epoch, body["facts"].as_array().unwrap().clone())
            })
            .collect()
    }

    /// All facts of a kind, in order.
    pub fn facts(&self, kind: &str) -> Vec<Value> {
        self.journal().into_iter().flat_map(|(_, _, f)| f).filter(|f| f["kind"] == kind).collect()
    }

    pub fn task(&self) -> &Map<String, Value> {
        self.get(TASK_PATH).expect("the task exists")
    }

    pub fn status(&self) -> &str {
        self.task()["status"].as_str().unwrap()
    }

    /// The thread by timestamp: role and content.
    pub fn thread(&self) -> Vec<(String, String)> {
        let mut messages: Vec<&Map<String, Value>> = self
            .documents
            .iter()
            .filter(|(p, _)| p.starts_with(&format!("{TASK_PATH}/messages/")))
            .map(|(_, d)| &d.0)
            .collect();
        messages.sort_by_key(|m| m["timestamp"].as_str().unwrap().to_owned());
        messages
            .iter()
            .map(|m| (m["role"].as_str().unwrap().to_owned(), m["content"].as_str().unwrap().to_owned()))
            .collect()
    }
}

fn set_path(map: &mut Map<String, Value>, path: &[&str], value: Option<Value>) {
    let [first, rest @ ..] = path else { return };
    if rest.is_empty() {
        match value {
            Some(value) => {
                map.insert((*first).to_owned(), value);
            }
            None => {
                map.remove(*first);
            }
        }
        return;
    }
    if value.is_none() && !map.contains_key(*first) {
        return;
    }
    let inner = map.entry((*first).to_owned()).or_insert_with(|| json!({}));
    if !inner.is_object() {
        *inner = json!({});
    }
    if let Value::Object(inner) = inner {
        set_path(inner, rest, value);
    }
}

/// What the store does with a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    None,
    /// Fails without effect.
    Fails(StoreErrorCode),
    /// Takes effect; the reply says it is unavailable.
    LostReply,
    /// Takes effect or not; there is no reply at all.
    Silent(bool),
    /// A write takes effect only after so many milliseconds, and the reply comes then; a read is answered then with what
    /// was there before.
    Late(u64),
}

impl Fault {
    /// How long a reply takes.
    fn delays(self, latency: u64) -> u64 {
        if let Fault::Late(ms) = self { latency + ms } else { latency }
    }
}

/// What the model does with a request.
#[derive(Clone, Debug)]
pub enum Says {
    Events(Vec<Value>),
    /// These, then the stream breaks.
    Breaks(Vec<Value>, Failure),
    /// These, then nothing.
    Stalls(Vec<Value>),
    /// These, so many milliseconds before each.
    Drips(u64, Vec<Value>),
}

pub fn text(words: &str) -> Says {
    Says::Events(turn(words, &[]))
}

/// A turn with text and tool uses.
pub fn turn(words: &str, uses: &[(&str, &str, Value)]) -> Vec<Value> {
    let mut events = vec![json!({ "messageStart": { "role": "assistant" } })];
    if !words.is_empty() {
        events.push(json!({ "contentBlockDelta": { "contentBlockIndex": 0, "delta": { "text": words } } }));
        events.push(json!({ "contentBlockStop": { "contentBlockIndex": 0 } }));
    }
    for (n, (id, name, input)) in uses.iter().enumerate() {
        let index = n + 1;
        events.push(json!({ "contentBlockStart": { "contentBlockIndex": index,
            "start": { "toolUse": { "toolUseId": id, "name": name } } } }));
        events.push(json!({ "contentBlockDelta": { "contentBlockIndex": index,
            "delta": { "toolUse": { "input": input.to_string() } } } }));
        events.push(json!({ "contentBlockStop": { "contentBlockIndex": index } }));
    }
    let stop = if uses.is_empty() { "end_turn" } else { "tool_use" };
    events.push(json!({ "messageStop": { "stopReason": stop } }));
    events.push(
        json!({ "metadata": { "usage": { "inputTokens": 10, "outputTokens": 5, "totalTokens": 15 } } }),
    );
    events
}

pub fn uses(words: &str, uses: &[(&str, &str, Value)]) -> Says {
    Says::Events(turn(words, uses))
}

/// What a tool does.
#[derive(Clone, Debug)]
pub enum Does {
    Returns(Value),
    Throws(String),
    /// After so many milliseconds.
    Takes(u64, Box<Does>),
    /// As `Takes`, and nothing else of its process goes on meanwhile.
    Blocks(u64, Box<Does>),
    /// Settles only when aborted, by throwing.
    Hangs,
    /// Never settles, not even when aborted.
    Deaf,
}

pub type ModelFn = Box<dyn FnMut(&[Value]) -> Says>;
type ToolFn = Box<dyn FnMut(&ToolCall) -> Does>;
type VetFn = Box<dyn FnMut(&ToolCall) -> Value>;
type FaultFn = Box<dyn FnMut(&mut Rng, &Effect) -> Fault>;

struct Pending {
    at: u64,
    order: u64,
    input: Input,
    /// A write that takes effect only now.
    late: Option<Rc<Vec<StoreWrite>>>,
}

/// One process's view of the task.
pub struct Actor {
    pub machine: Option<Box<dyn Machine>>,
    /// Until then nothing reaches it, no timer fires.
    pub frozen_until: u64,
    pending: Vec<Pending>,
    hanging: BTreeMap<Ticket, bool>,
    /// Model calls and tools that have neither ended nor been aborted.
    pub open: BTreeSet<Ticket>,
    pub events: Vec<Value>,
    pub settled: BTreeMap<Ticket, Result<Value, EngineError>>,
    pub messages: Vec<Value>,
    tool_config: Option<Value>,
    pub requests: Vec<Vec<Value>>,
    /// All changes of the request so far.
    pub ops: Vec<RequestOp>,
    /// Tool executions that began here: call id, attempt.
    pub executed: Vec<(String, u32)>,
    /// And the idempotency key of each.
    pub keys: Vec<String>,
    order: u64,
    pub crashed: bool,
    next_command: u64,
    /// So many it has asked for.
    effects: u64,
    rules: Rules,
}

pub struct World {
    pub now: u64,
    /// How far the wall clock is off.
    pub wall_shift: i64,
    pub store: Store,
    pub actors: Vec<Actor>,
    pub rng: Rng,
    pub model: ModelFn,
    pub tool: ToolFn,
    pub vet: VetFn,
    pub fault: FaultFn,
    pub tools: Value,
    pub latency: u64,
    /// Every execution in the world, in order: call id, actor.
    pub executions: Vec<(String, usize)>,
    pub alive: BTreeSet<String>,
    pub look_up: Box<dyn FnMut(&ToolCall) -> Value>,
    /// Some fault has occurred.
    faulty: bool,
    /// Whoever drives this world takes each effect with `next_effect` and has it performed.
    pub by_hand: bool,
    /// Where everything is written down.
    book: Option<Rc<RefCell<Book>>>,
}

pub fn tool(name: &str) -> Value {
    json!({ "name": name, "description": "", "inputSchema": { "type": "object" }, "hasExecute": true,
        "onUnknownOutcome": "report", "timeoutMs": 600_000 })
}

/// A task in the older shape with one milestone of `n` items.
pub fn task_with(n: usize) -> Value {
    let items: Vec<Value> = (1..=n)
        .map(|i| json!({ "id": format!("i{i}"), "name": format!("Item {i}"), "description": "", "status": "not_started" }))
        .collect();
    json!({
        "user_id": USER, "title": "A task", "description": "To do", "status": "not_started",
        "created_at": "2026-01-01T00:00:00.000Z", "updated_at": "2026-01-01T00:00:00.000Z",
        "execution": { "api_messages": [], "task_messages": [], "tool_results": [] },
        "config": { "system_prompt": "Be brief.", "auto_approve": true },
        "custom": { "kept": [1, 2, 3] },
        "progress": {
            "current_milestone": "m1", "current_task": "i1", "overall_percentage": 0,
            "milestones": [{ "id": "m1", "name": "M", "description": "", "status": "not_started", "progress": 0,
                "tasks_completed": 0, "tasks_total": n }],
            "tasks": { "m1": items },
        },
    })
}

/// Brings a request up to date, as the client side does.
pub fn apply_ops(messages: &mut Vec<Value>, tool_config: &mut Option<Value>, ops: &[RequestOp]) {
    for op in ops {
        match op {
            RequestOp::System(_)
            | RequestOp::Model(_)
            | RequestOp::Author(_)
            | RequestOp::Withhold { .. } => {}
            RequestOp::Tools(config) => tool_config.clone_from(config),
            RequestOp::Push(message) => messages.push(message.clone()),
            RequestOp::Replace(i, message) => messages[*i] = message.clone(),
            RequestOp::DropBefore(i, marker) => {
                messages.drain(..*i);
                match messages.first_mut() {
                    Some(first) if first["role"] == "user" => {
                        let mut content = marker["content"].as_array().unwrap().clone();
                        content.extend(first["content"].as_array().unwrap().iter().cloned());
                        first["content"] = Value::Array(content);
                    }
                    _ => messages.insert(0, marker.clone()),
                }
            }
            RequestOp::Clear => messages.clear(),
        }
    }
}

impl World {
    pub fn new(seed: u64, items: usize) -> World {
        let mut store = Store::default();
        store.put(TASK_PATH, task_with(items), 0);
        World {
            now: 1_000,
            wall_shift: 0,
            store,
            actors: Vec::new(),
            rng: Rng::new(seed),
            model: Box::new(|_| text("Done.")),
            tool: Box::new(|_| Does::Returns(json!({ "ok": true }))),
            vet: Box::new(|_| json!({ "verdict": "run" })),
            fault: Box::new(|_, _| Fault::None),
            tools: json!([tool("work"), tool("look")]),
            latency: 1,
            executions: Vec::new(),
            alive: BTreeSet::new(),
            look_up: Box::new(|_| json!({ "found": false })),
            faulty: false,
            by_hand: false,
            book: None,
        }
    }

    /// The model's turns, in order; asking for more fails the test.
    pub fn script(&mut self, turns: Vec<Says>) {
        let mut turns = VecDeque::from(turns);
        self.model = Box::new(move |request| {
            turns.pop_front().unwrap_or_else(|| panic!("no turn left for {}", json!(request)))
        });
    }

    pub fn clock(&self) -> Now {
        Now { mono: Instant(self.now), wall: 1_767_225_600_000 + self.now as i64 + self.wall_shift }
    }

    pub fn runner(&mut self, intent: &str, more: Value) -> usize {
        let mut config = json!({
            "userId": USER, "taskId": TASK, "intent": intent, "drives": true, "options": {},
            "limits": { "documentBytes": 1_000_000, "commitBytes": 9_000_000 },
            "seed": (self.rng.unit() * 1e15) as u64, "hasModel": true,
        });
        for (k, v) in more.as_object().unwrap() {
            config[k] = v.clone();
        }
        let config: RunnerConfig = serde_json::from_value(config).unwrap();
        self.note_value(&format!("{} begins to {intent}", self.actors.len()), &more);
        let machine = Box::new(Runner::new(self.clock(), config));
        self.add(machine)
    }

    pub fn add(&mut self, machine: Box<dyn Machine>) -> usize {
        let machine = self.recorded(machine);
        self.actors.push(Actor {
            machine: Some(machine),
            frozen_until: 0,
            pending: Vec::new(),
            hanging: BTreeMap::new(),
            open: BTreeSet::new(),
            events: Vec::new(),
            settled: BTreeMap::new(),
            messages: Vec::new(),
            tool_config: None,
            requests: Vec::new(),
            ops: Vec::new(),
            executed: Vec::new(),
            keys: Vec::new(),
            order: 0,
            crashed: false,
            next_command: 1 << 52,
            effects: 0,
            rules: Rules::default(),
        });
        let actor = self.actors.len() - 1;
        self.drain(actor);
        actor
    }

    /// Somebody else sets a field of the task document.
    pub fn outside(&mut self, field: &[&str], value: Value) {
        self.note_value(&format!("others set {}", field.join(".")), &value);
        self.store.set(TASK_PATH, field, value, self.now);
    }

    pub fn start(&mut self) -> usize {
        self.runner("start", json!({}))
    }

    pub fn command(&mut self, actor: usize, command: Command) -> Ticket {
        let ticket = Ticket(self.actors[actor].next_command);
        self.actors[actor].next_command += 1;
        self.give(actor, Input::Command { ticket, command });
        ticket
    }

    /// The process is gone: nothing of it answers any more, what is on its way may still land.
    pub fn crash(&mut self, actor: usize) {
        self.note(&format!("{actor} crashes"));
        let now = self.now;
        let a = &mut self.actors[actor];
        a.machine = None;
        a.crashed = true;
        let late: Vec<_> = a.pending.drain(..).filter_map(|p| p.late).collect();
        for writes in late {
            let _lost_either_way = self.store.commit(&writes, now);
        }
    }

    pub fn give(&mut self, actor: usize, input: Input) {
        let now = self.clock();
        self.actors[actor].rules.answered(&input);
        if let Some(machine) = &mut self.actors[actor].machine {
            machine.handle(now, input);
        }
        self.drain(actor);
    }

    fn drain(&mut self, actor: usize) {
        if self.by_hand {
            return;
        }
        while let Some(effect) = self.next_effect(actor) {
            self.perform(actor, effect);
        }
    }

    pub fn next_effect(&mut self, actor: usize) -> Option<Effect> {
        let a = &mut self.actors[actor];
        let effect = a.machine.as_mut()?.poll_effect()?;
        a.effects += 1;
        Some(effect)
    }

    pub fn reply(&mut self, actor: usize, after: u64, input: Input) {
        let at = self.now + after;
        let a = &mut self.actors[actor];
        a.order += 1;
        a.pending.push(Pending { at, order: a.order, input, late: None });
    }

    pub fn perform(&mut self, actor: usize, effect: Effect) {
        let (now, latency) = (self.now, self.latency);
        self.actors[actor].rules.asked(&effect, &self.store, self.faulty);
        let failed = |code: StoreErrorCode| StoreError { code, message: format!("{code:?}"), cause: None };
        match &effect {
            Effect::Read { ticket, paths, known } => {
                let fault = self.fault_of(&effect);
                let mut found: Vec<_> = paths.iter().map(|p| self.store.read(p, now)).collect();
                for known in found.iter_mut().flatten().filter(|d| known.as_ref() == Some(&d.version)) {
                    known.data.clear();
                }
                match fault {
                    Fault::Silent(_) => {}
                    Fault::Fails(code) => {
                        let input = Input::Read { ticket: *ticket, result: Err(failed(code)) };
                        self.reply(actor, latency, input);
                    }
                    _ => self.reply(
                        actor,
                        fault.delays(latency),
                        Input::Read { ticket: *ticket, result: Ok(found) },
                    ),
                }
            }
            Effect::List { ticket, collection, after, limit } => {
                let fault = self.fault_of(&effect);
                let found = self.store.list(collection, after.as_deref(), *limit, now);
                match fault {
                    Fault::Silent(_) => {}
                    Fault::Fails(code) => {
                        let input = Input::Listed { ticket: *ticket, result: Err(failed(code)) };
                        self.reply(actor, latency, input);
                    }
                    _ => {
                        let input = Input::Listed { ticket: *ticket, result: Ok(found) };
                        self.reply(actor, fault.delays(latency), input);
                    }
                }
            }
            Effect::Commit { ticket, writes } => {
                let fault = self.fault_of(&effect);
                let ticket = *ticket;
                match fault {
                    Fault::None => {
                        let result = self.store.commit(writes, now).map_err(failed);
                        self.reply(actor, latency, Input::Committed { ticket, result });
                    }
                    Fault::Fails(code) => {
                        self.reply(actor, latency, Input::Committed { ticket, result: Err(failed(code)) });
                    }
                    Fault::LostReply => {
                        let _landed_or_not = self.store.commit(writes, now);
                        let result = Err(failed(StoreErrorCode::Unavailable));
                        self.reply(actor, latency, Input::Committed { ticket, result });
                    }
                    Fault::Silent(lands) => {
                        if lands {
                            let _landed_or_not = self.store.commit(writes, now);
                        }
                    }
                    Fault::Late(ms) => {
                        let a = &mut self.actors[actor];
                        a.order += 1;
                        a.pending.push(Pending {
                            at: now + ms,
                            order: a.order,
                            input: Input::Committed { ticket, result: Ok(String::new()) },
                            late: Some(Rc::clone(writes)),
                        });
                    }
                }
            }
            Effect::Cancel { ticket } => {
                self.actors[actor].open.remove(ticket);
                if self.actors[actor].hanging.remove(ticket) == Some(true) {
                    let thrown = Thrown { message: "aborted".into(), cause: None };
                    self.reply(
                        actor,
                        1,
                        Input::Returned { ticket: *ticket, result: Err(thrown), cut_bytes: 0 },
                    );
                }
            }
            Effect::Watch { .. } | Effect::Log { .. } | Effect::Status { .. } => {}
            Effect::Converse { ticket, ops, .. } => {
                self.actors[actor].open.insert(*ticket);
                let a = &mut self.actors[actor];
                apply_ops(&mut a.messages, &mut a.tool_config, ops);
                a.ops.extend(ops.iter().cloned());
                if let Err(e) = validate(&a.messages, a.tool_config.as_ref()) {
                    panic!("an invalid request: {e:?}\n{}", json!(a.messages));
                }
                a.requests.push(a.messages.clone());
                let messages = a.messages.clone();
                let (pause, events, end) = match (self.model)(&messages) {
                    Says::Events(events) => (1, events, Some(Ok(()))),
                    Says::Breaks(events, failure) => (1, events, Some(Err(failure))),
                    Says::Stalls(events) => (1, events, None),
                    Says::Drips(pause, events) => (pause, events, Some(Ok(()))),
                };
                let mut after = 0;
                for event in events {
                    after += pause;
                    self.reply(actor, latency + after, Input::Streamed { ticket: *ticket, event });
                }
                if let Some(result) = end {
                    self.reply(actor, latency + after + 1, Input::StreamEnded { ticket: *ticket, result });
                }
            }
            Effect::RunTool { ticket, .. } if !self.may_run(actor, *ticket) => {
                self.reply(actor, 0, Input::NotRun { ticket: *ticket });
            }
            Effect::RunTool { ticket, call, attempt, idempotency_key } => {
                self.actors[actor].keys.push(idempotency_key.clone());
                self.actors[actor].open.insert(*ticket);
                self.executions.push((call.id.clone(), actor));
                self.actors[actor].executed.push((call.id.clone(), *attempt));
                let does = (self.tool)(call);
                self.tool_does(actor, *ticket, does, latency);
            }
            Effect::Ask { ticket, question } => {
                let value = match question {
                    Question::Tools { .. } => self.tools.clone(),
                    Question::Vet { calls, .. } => calls.iter().map(|c| (self.vet)(c)).collect(),
                    Question::Prompt { context, .. } => json!(format!("Do {}", context["item"]["name"])),
                    Question::LookUp { call } => (self.look_up)(call),
                    Question::Alive { holder } => json!(self.alive.contains(holder)),
                    Question::Runs => json!(true),
                };
                self.reply(actor, latency, Input::Answered { ticket: *ticket, result: Ok(value) });
            }
            Effect::Emit { event } => self.actors[actor].events.push(event.clone()),
            Effect::Settle { ticket, result } => {
                let before = self.actors[actor].settled.insert(*ticket, result.clone());
                assert!(before.is_none(), "{ticket:?} settled twice: {before:?}, then {result:?}");
            }
        }
    }

    /// Whether a tool may be run that the machine has asked for.
    pub fn may_run(&self, actor: usize, ticket: Ticket) -> bool {
        self.actors[actor].machine.as_ref().is_none_or(|machine| machine.may_run(self.clock(), ticket))
    }

    fn fault_of(&mut self, effect: &Effect) -> Fault {
        let fault = (self.fault)(&mut self.rng, effect);
        if fault != Fault::None {
            self.note_of_effect(&format!("{fault:?}"));
            self.faulty = true;
        }
        fault
    }

    fn tool_does(&mut self, actor: usize, ticket: Ticket, does: Does, after: u64) {
        match does {
            Does::Returns(value) => {
                let value = (!value.is_null()).then_some(value);
                self.reply(actor, after, Input::Returned { ticket, result: Ok(value), cut_bytes: 0 });
            }
            Does::Throws(message) => {
                let result = Err(Thrown { message, cause: None });
                self.reply(actor, after, Input::Returned { ticket, result, cut_bytes: 0 });
            }
            Does::Takes(ms, then) => self.tool_does(actor, ticket, *then, after + ms),
            Does::Blocks(ms, then) => {
                self.now += ms;
                self.tool_does(actor, ticket, *then, after);
            }
            Does::Hangs => {
                self.actors[actor].hanging.insert(ticket, true);
            }
            Does::Deaf => {}
        }
    }

    /// Does the next thing that is due anywhere; false when nothing ever happens again.
    pub fn step(&mut self) -> bool {
        let mut next: Option<(u64, u64, usize, bool)> = None;
        for (i, actor) in self.actors.iter().enumerate() {
            let frozen = actor.frozen_until;
            let pending = actor.pending.iter().map(|p| (p.at.max(frozen), p.order, i, true)).min();
            let timer = actor
                .machine
                .as_ref()
                .filter(|m| !m.is_done())
                .and_then(|m| m.poll_timeout())
                .map(|t| (t.0.max(self.now).max(frozen), u64::MAX, i, false));
            for candidate in [pending, timer].into_iter().flatten() {
                next = Some(next.map_or(candidate, |n| n.min(candidate)));
            }
        }
        let Some((at, order, actor, is_reply)) = next else { return false };
        self.now = self.now.max(at);
        let input = if is_reply {
            let a = &mut self.actors[actor];
            let index = a.pending.iter().position(|p| p.order == order).unwrap();
            let pending = a.pending.swap_remove(index);
            if let Input::StreamEnded { ticket, .. } | Input::Returned { ticket, .. } = &pending.input {
                a.open.remove(ticket);
            }
            match (pending.late, pending.input) {
                (Some(writes), Input::Committed { ticket, .. }) => {
                    let result = self.store.commit(&writes, self.now).map_err(|code| StoreError {
                        code,
                        message: format!("{code:?}"),
                        cause: None,
                    });
                    Input::Committed { ticket, result }
                }
                (_, input) => input,
            }
        } else {
            Input::Timeout
        };
        let (is_timer, before) = (input == Input::Timeout, self.actors[actor].effects);
        self.give(actor, input);
        let a = &self.actors[actor];
        let again = a.machine.as_ref().filter(|m| !m.is_done()).and_then(|m| m.poll_timeout());
        let in_vain = is_timer && a.effects == before && again.is_some_and(|at| at.0 <= self.now);
        assert!(!in_vain, "a machine is woken at {} and wants to be woken at once", self.now);
        true
    }

    /// Runs until the actor has its result.
    pub fn finish(&mut self, actor: usize) -> Result<Value, EngineError> {
        self.until(actor, |a| a.settled.contains_key(&Ticket::RESULT));
        self.actors[actor].settled[&Ticket::RESULT].clone()
    }

    pub fn until(&mut self, actor: usize, what: impl Fn(&Actor) -> bool) {
        for _ in 0..200_000 {
            if what(&self.actors[actor]) {
                return;
            }
            assert!(self.step(), "nothing happens any more; events: {:#?}", self.types(actor));
        }
        panic!("no end after 200,000 steps; events: {:?}", self.types(actor));
    }

    pub fn until_event(&mut self, actor: usize, name: &str) -> Value {
        self.until(actor, |a| a.events.iter().any(|e| e["type"] == name));
        self.actors[actor].events.iter().find(|e| e["type"] == name).unwrap().clone()
    }

    /// Lets time pass and everything happen that is due within it.
    pub fn pass(&mut self, ms: u64) {
        let until = self.now + ms;
        for _ in 0..100_000 {
            let due = self.actors.iter().flat_map(|a| {
                let pending = a.pending.iter().map(|p| p.at.max(a.frozen_until));
                let timer = a.machine.as_ref().filter(|m| !m.is_done()).and_then(|m| m.poll_timeout());
                pending.chain(timer.map(|t| t.0.max(a.frozen_until)))
            });
            if due.min().is_none_or(|at| at > until) {
                break;
            }
            self.step();
        }
        self.now = self.now.max(until);
    }

    /// The types of an actor's events; live text left out.
    pub fn types(&self, actor: usize) -> Vec<String> {
        self.actors[actor]
            .events
            .iter()
            .filter(|e| {
                e["type"] != "task:message" && e["type"] != "task:reasoning" && e["type"] != "task:tool_input"
            })
            .map(|e| e["type"].as_str().unwrap().to_owned())
            .collect()
    }

    pub fn events(&self, actor: usize, name: &str) -> Vec<&Value> {
        self.actors[actor].events.iter().filter(|e| e["type"] == name).collect()
    }
}
