//! Processes, machines, one store, one clock: what is due next happens next, and every effect is looked at.

use super::coverage::{Coverage, Phase};
use super::dice::Dice;
use super::ledger::{Execution, Ledger, Violation, broken};
use super::model::Model;
use super::people::People;
use super::plan::{Outage, Plan};
use super::process::Process;
use super::request::Request;
use super::rules;
use super::seeds;
use super::tools::{self, Does, Host};
use super::trace::{self, Trace};
use super::wire::Fate;
use crate::support::{self, Store};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Index;
use std::rc::Rc;
use task_execution_engine::command;
use task_execution_engine::effect::{Effect, Input, Machine, Question, Thrown, Ticket};
use task_execution_engine::error::EngineError;
use task_execution_engine::machine::{Runner, RunnerConfig};
use task_execution_engine::store::{StoreError, StoreErrorCode, StoreWrite, StoredDocument};
use task_execution_engine::time::Instant;

pub use support::{TASK, TASK_PATH, USER};

const HEAD_PATH: &str = "users/u/tasks/t/engine/head";

/// A document in the store; what is not there reads as null.
#[derive(Clone, Copy)]
pub struct Document<'a>(pub Option<&'a Map<String, Value>>);

impl Index<&str> for Document<'_> {
    type Output = Value;
    fn index(&self, name: &str) -> &Value {
        self.0.and_then(|fields| fields.get(name)).unwrap_or(&Value::Null)
    }
}

/// A run that takes in more than this goes in circles.
const MOST_INPUTS: u64 = 12_000;

pub enum Subject {
    Run(Box<Runner>),
    Command(Box<dyn Machine>),
}

impl Subject {
    fn machine(&mut self) -> &mut dyn Machine {
        match self {
            Subject::Run(run) => run.as_mut(),
            Subject::Command(command) => command.as_mut(),
        }
    }

    fn timeout(&self) -> Option<Instant> {
        match self {
            Subject::Run(run) if !run.is_done() => run.poll_timeout(),
            Subject::Command(command) if !command.is_done() => command.poll_timeout(),
            _ => None,
        }
    }
}

/// What is under way for a ticket.
#[derive(Clone, Debug, PartialEq)]
pub enum Flight {
    Read,
    List,
    Commit { entry: bool },
    Stream { message_id: String, attempt: u32 },
    Tool { call: String, execution: usize, does: Does },
    Question,
}

/// A machine in a process.
pub struct Actor {
    pub process: usize,
    pub pid: u64,
    pub name: String,
    /// None once it is over, well or not.
    pub subject: Option<Subject>,
    pub is_run: bool,
    pub drives: bool,
    pub kind: &'static str,
    pub flights: BTreeMap<Ticket, Flight>,
    cancelled: BTreeSet<Ticket>,
    watched: Vec<String>,
    pub request: Request,
    /// Of the lease that it took.
    pub epoch: Option<u64>,
    pub started: bool,
    pub result: Option<Result<Value, EngineError>>,
    /// The last fact it announced.
    pub announced: (u64, u64),
    /// The text of each message that streams: attempt and words so far.
    pub streamed: BTreeMap<String, (u64, String)>,
    retrying: bool,
    /// The store has denied it something.
    pub denied: bool,
    /// When a fault of the store last met one of its calls.
    pub last_fault: Option<u64>,
}

enum Happening {
    Arrives {
        from: usize,
        effect: Effect,
        fate: Fate,
    },
    Reaches {
        to: usize,
        ticket: Option<Ticket>,
        input: Input,
    },
    Polls {
        follower: usize,
    },
    /// What blocked the process is over: it performs what its machine wants beside.
    GoesOn {
        actor: usize,
    },
}

pub struct World {
    pub now: u64,
    pub plan: Rc<Plan>,
    pub store: Store,
    pub ledger: Ledger,
    pub actors: Vec<Actor>,
    live: Vec<usize>,
    pub processes: Vec<Process>,
    queue: BTreeMap<(u64, u64), Happening>,
    order: u64,
    pids: u64,
    wire: Dice,
    watch: Dice,
    pub misc: Dice,
    host: Host,
    model: Model,
    /// Faults have ceased.
    pub calm: bool,
    outage: Option<(Outage, u64)>,
    executions: u64,
    /// How facts were announced first; everybody else announces them so too.
    pub observed: BTreeMap<(u64, u64), Value>,
    pub people: People,
    /// Of the head.
    pub last_epoch: u64,
    /// Who owns the task, and when that was last renewed.
    pub lease: Option<(usize, u64)>,
    /// Who owned the task when a command took it without waiting for the end of the lease: when that was last renewed,
    /// and when it was taken.
    pub given_up: BTreeMap<usize, (u64, u64)>,
    /// Runs of this epoch and of earlier ones have ended with this entry, and somebody was told so.
    pub fence: (u64, u64),
    /// When the task was last seen at rest: nobody begun it, or its end stored.
    pub last_rest: u64,
    /// When others last wrote the status.
    pub status_written: Vec<u64>,
    pub coverage: Coverage,
    pub inputs: u64,
    effects: u64,
    pub trace: Trace,
    pub broken: Option<Violation>,
    /// Promises of the list of known failures that this run broke.
    pub known: BTreeSet<&'static str>,
    crash_in: Option<(usize, u64)>,
}

impl World {
    pub fn new(plan: &Rc<Plan>, traced: bool) -> World {
        let seed = plan.seed;
        let mut store = Store::default();
        store.put(TASK_PATH, plan.shape.task(), 0);
        let mut world = World {
            now: 1_000,
            plan: Rc::clone(plan),
            store,
            ledger: Ledger::default(),
            actors: Vec::new(),
            live: Vec::new(),
            processes: Vec::new(),
            queue: BTreeMap::new(),
            order: 0,
            pids: 0,
            wire: Dice::new(seed, "wire"),
            watch: Dice::new(seed, "watch"),
            misc: Dice::new(seed, "misc"),
            host: Host::new(seed),
            model: Model::new(seed),
            calm: false,
            outage: None,
            executions: 0,
            observed: BTreeMap::new(),
            people: People::default(),
            last_epoch: 0,
            lease: None,
            given_up: BTreeMap::new(),
            fence: (0, 0),
            last_rest: 1_000,
            status_written: Vec::new(),
            coverage: Coverage::default(),
            inputs: 0,
            effects: 0,
            trace: Trace::new(traced),
            broken: None,
            known: BTreeSet::new(),
            crash_in: None,
        };
        for _ in 0..plan.shape.processes {
            let process = world.new_process();
            world.processes.push(process);
        }
        world
    }

    fn new_process(&mut self) -> Process {
        self.pids += 1;
        let most = self.plan.shape.skew_ppm;
        let skew = self.misc.between(0, 2 * most) as i64 - most as i64;
        Process::new(self.pids, self.now, skew)
    }

    pub fn fail(&mut self, violation: Violation) {
        self.trace.line(self.now, || format!("!! {}: {}", violation.promise, violation.what));
        if seeds::is_known(&violation) {
            self.known.insert(violation.promise);
        } else {
            self.broken.get_or_insert(violation);
        }
    }

    pub fn trace_act(&mut self, what: &impl std::fmt::Debug) {
        self.trace.line(self.now, || format!("── {what:?}"));
    }

    pub fn check(&mut self, checked: Result<(), Violation>) {
        if let Err(violation) = checked {
            self.fail(violation);
        }
    }

    // Machines

    pub fn run(&mut self, process: usize, intent: &'static str, drives: bool) -> usize {
        let shape = &self.plan.shape;
        let p = &self.processes[process];
        let config = json!({
            "userId": USER, "taskId": TASK, "intent": intent, "drives": drives, "options": shape.options(),
            "limits": { "documentBytes": shape.document_bytes, "commitBytes": 9_000_000 },
            "seed": self.misc.seed(), "hasModel": true, "hasWatch": shape.watches, "instance": p.instance(),
            "holder": shape.holders.then(|| p.holder()), "hasPrompt": shape.newer,
        });
        let config: RunnerConfig = serde_json::from_value(config).expect("a configuration");
        let subject = Subject::Run(Box::new(Runner::new(p.now(self.now), config)));
        self.add(process, intent, subject, drives)
    }

    pub fn command(&mut self, process: usize, kind: &'static str, arguments: Value) -> usize {
        let shape = &self.plan.shape;
        let p = &self.processes[process];
        let mut config = json!({
            "userId": USER, "taskId": TASK, "options": shape.options(),
            "limits": { "documentBytes": shape.document_bytes.max(10_000), "commitBytes": 9_000_000 },
            "seed": self.misc.seed(), "hasWatch": shape.watches, "instance": p.instance(),
            "holder": shape.holders.then(|| p.holder()),
        });
        for (name, value) in arguments.as_object().into_iter().flatten() {
            config[name] = value.clone();
        }
        let machine = command::open(p.now(self.now), kind, config).expect("a command");
        self.add(process, kind, Subject::Command(machine), false)
    }

    fn add(&mut self, process: usize, kind: &'static str, subject: Subject, drives: bool) -> usize {
        let actor = self.actors.len();
        let is_run = matches!(subject, Subject::Run(_));
        let pid = self.processes[process].pid;
        self.actors.push(Actor {
            process,
            pid,
            name: format!("{kind}#{actor}@p{pid}"),
            subject: Some(subject),
            is_run,
            drives,
            kind,
            flights: BTreeMap::new(),
            cancelled: BTreeSet::new(),
            watched: Vec::new(),
            request: Request::default(),
            epoch: None,
            started: false,
            result: None,
            announced: (0, 0),
            streamed: BTreeMap::new(),
            retrying: false,
            denied: false,
            last_fault: None,
        });
        self.live.push(actor);
        if is_run {
            self.processes[process].runner = Some(actor);
            self.processes[process].ending = false;
        }
        self.note(actor, || "begins".into());
        self.drain(actor);
        actor
    }

    pub fn note(&mut self, actor: usize, what: impl FnOnce() -> String) {
        let name = &self.actors[actor].name;
        self.trace.line(self.now, || format!("{name:24} {}", what()));
    }

    /// The process ends where it stands; another takes its place. What is on its way may still arrive.
    pub fn crash(&mut self, process: usize) {
        let pid = self.processes[process].pid;
        self.trace.line(self.now, || format!("process p{pid} dies"));
        let dead: Vec<usize> =
            self.live.iter().copied().filter(|a| self.actors[*a].process == process).collect();
        self.live.retain(|a| !dead.contains(a));
        for actor in dead {
            self.actors[actor].subject = None;
            self.actors[actor].flights.clear();
        }
        let lost = self.misc.chance(0.3);
        let actors = &self.actors;
        self.queue.retain(|_, happening| match happening {
            Happening::Arrives { from, .. } => {
                !lost || actors[*from].process != process || actors[*from].subject.is_some()
            }
            _ => true,
        });
        self.people.process_died(process);
        self.processes[process] = self.new_process();
    }

    /// As soon as it has performed so many more effects.
    pub fn crash_after(&mut self, process: usize, effects: u64) {
        if effects == 0 { self.crash(process) } else { self.crash_in = Some((process, effects)) }
    }

    pub fn freeze(&mut self, process: usize, ms: u64, clock_stands_still: bool) {
        let p = &mut self.processes[process];
        p.freeze(self.now, ms, clock_stands_still);
        let pid = p.pid;
        let how = if clock_stands_still { ", its monotonic clock too" } else { "" };
        self.trace.line(self.now, || format!("process p{pid} stands still for {ms} ms{how}"));
        self.people.process_froze(process, ms);
        // A fault from before is no further back for whoever stood still since.
        for actor in self.actors.iter_mut().filter(|actor| actor.process == process) {
            actor.last_fault = actor.last_fault.map(|at| at + ms);
        }
    }

    pub fn outage(&mut self, process: usize, outage: Outage, ms: u64) {
        self.trace.line(self.now, || format!("the store: {outage:?} for {ms} ms"));
        if outage == Outage::Denied {
            self.processes[process].denied_until = self.now + ms;
        } else {
            self.outage = Some((outage, self.now + ms));
        }
    }

    /// Faults cease; whoever stands still goes on in time.
    pub fn calm_down(&mut self) {
        self.trace.line(self.now, || "faults cease".into());
        self.calm = true;
        self.outage = None;
        self.crash_in = None;
        self.processes.iter_mut().for_each(|p| p.denied_until = 0);
    }

    /// The phase that the task is in, as seen from the process, or from whoever runs it.
    pub fn phase(&self, process: usize) -> Phase {
        let own = self.processes[process].runner;
        let running = own.or_else(|| self.processes.iter().find_map(|p| p.runner));
        running.map_or(Phase::Idle, |actor| self.phase_of(actor))
    }

    fn phase_of(&self, actor: usize) -> Phase {
        let a = &self.actors[actor];
        let has = |wanted: fn(&Flight) -> bool| a.flights.values().any(wanted);
        if !a.started {
            Phase::Opening
        } else if self.processes[a.process].ending {
            Phase::Ending
        } else if has(|f| matches!(f, Flight::Commit { entry: true })) {
            Phase::Committing
        } else if has(|f| matches!(f, Flight::Stream { .. })) {
            Phase::Streaming
        } else if has(|f| matches!(f, Flight::Tool { .. })) {
            Phase::Tools
        } else if a.retrying {
            Phase::BackingOff
        } else if !self.ledger.waiting().is_empty() {
            Phase::Waiting
        } else {
            Phase::Between
        }
    }

    pub fn met(&mut self, fault: &'static str, process: usize) {
        let phase = self.phase(process);
        self.coverage.met(fault, phase);
    }

    // Time

    fn later(&mut self, ms: u64, happening: Happening) {
        self.order += 1;
        self.queue.insert((self.now + ms, self.order), happening);
    }

    fn latency(&mut self) -> u64 {
        let most = 3 * self.plan.shape.latency_ms;
        self.wire.between(1, most)
    }

    /// The next thing happens; false where nothing will, or by `until`.
    pub fn step(&mut self, until: Option<u64>) -> bool {
        loop {
            let queued = self.queue.first_key_value().map(|(key, _)| *key);
            let timer = self.next_timer();
            let due = match (queued, timer) {
                (Some((at, _)), Some((t, _))) => at.min(t),
                (Some((at, _)), None) => at,
                (None, Some((t, _))) => t,
                (None, None) => return false,
            };
            if until.is_some_and(|until| due > until) || self.broken.is_some() {
                return false;
            }
            if self.inputs > MOST_INPUTS {
                self.fail(broken("liveness", "the run goes in circles"));
                return false;
            }
            self.now = self.now.max(due);
            self.overdue();
            match queued {
                // What has arrived is taken in before a deadline is looked at.
                Some(key) if timer.is_none_or(|(t, _)| key.0 <= t) => {
                    let Some(happening) = self.queue.remove(&key) else { continue };
                    if let Some(frozen) = self.frozen_for(&happening) {
                        self.queue.insert((frozen, key.1), happening);
                        continue;
                    }
                    self.happen(happening);
                    return true;
                }
                _ => {
                    if let Some((_, actor)) = timer {
                        self.time_out(actor);
                    }
                    return true;
                }
            }
        }
    }

    /// Something comes of it: a machine that asks for the same moment again would ask for ever.
    fn time_out(&mut self, actor: usize) {
        let effects = self.effects;
        self.give(actor, Input::Timeout);
        let a = &self.actors[actor];
        let again = a.subject.as_ref().and_then(Subject::timeout);
        if effects == self.effects
            && again.is_some_and(|at| at <= self.processes[a.process].now(self.now).mono)
        {
            let what = format!("{} is woken and wants to be woken at once", a.name);
            self.fail(broken("timers", what));
        }
    }

    fn next_timer(&self) -> Option<(u64, usize)> {
        let timers = self.live.iter().filter_map(|&actor| {
            let a = &self.actors[actor];
            let p = &self.processes[a.process];
            let at = a.subject.as_ref()?.timeout()?;
            Some((p.when(at, self.now.max(p.frozen_until)).max(p.frozen_until), actor))
        });
        timers.min()
    }

    /// Until when whoever it would reach stands still.
    fn frozen_for(&self, happening: &Happening) -> Option<u64> {
        let process = match happening {
            Happening::Reaches { to: actor, .. } | Happening::GoesOn { actor } => self.actors[*actor].process,
            Happening::Polls { follower } => self.people.followers[*follower].process,
            Happening::Arrives { .. } => return None,
        };
        Some(self.processes[process].frozen_until).filter(|until| *until > self.now)
    }

    fn overdue(&mut self) {
        if let Some((label, opening)) = self.people.overdue(self.now) {
            let promise = if opening { "P8, while a run opens" } else { "P8" };
            self.fail(broken(promise, format!("{label} has not settled within its bound")));
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Arrives { from, effect, fate } => self.arrives(from, effect, fate),
            Happening::Reaches { to, ticket, input } => self.reaches(to, ticket, input),
            Happening::Polls { follower } => self.poll(follower),
            Happening::GoesOn { actor } => self.drain(actor),
        }
    }

    fn reaches(&mut self, to: usize, ticket: Option<Ticket>, input: Input) {
        let a = &mut self.actors[to];
        if let Some(ticket) = ticket {
            let over = !matches!(input, Input::Streamed { .. });
            let flight = if over { a.flights.remove(&ticket) } else { None };
            let tool = matches!(input, Input::Returned { .. });
            // The boundary keeps such replies back; the machine has to bear them all the same.
            if a.cancelled.contains(&ticket) && !tool && !self.misc.chance(0.3) {
                return;
            }
            if let (Some(Flight::Tool { call, execution, .. }), Input::Returned { .. }) = (&flight, &input) {
                if a.subject.is_some() {
                    if let Some(e) =
                        self.ledger.calls.get_mut(call).and_then(|c| c.executions.get_mut(*execution))
                    {
                        e.reported = true;
                    }
                }
            }
            if let (Input::Streamed { event, .. }, Some(Subject::Run(_))) = (&input, &a.subject) {
                let delta = &event["contentBlockDelta"];
                let text = delta["delta"]["text"].as_str().map(str::to_owned);
                let index = delta["contentBlockIndex"].as_u64().and_then(|i| u32::try_from(i).ok());
                if let (Some(text), Some(index)) = (text, index) {
                    self.text_delta(to, ticket, index, &text);
                    return;
                }
            }
        }
        self.give(to, input);
    }

    /// The fast path of text, as the boundary takes it.
    fn text_delta(&mut self, actor: usize, ticket: Ticket, index: u32, text: &str) {
        self.inputs += 1;
        let mono = self.processes[self.actors[actor].process].now(self.now).mono;
        let a = &mut self.actors[actor];
        let Some(Subject::Run(run)) = &mut a.subject else { return };
        let wanted = run.text_delta(mono, ticket, index, text);
        let flight = a.flights.get(&ticket).cloned();
        self.note(actor, || format!("← text {text:?}"));
        match flight {
            Some(Flight::Stream { message_id, attempt }) if wanted => {
                let checked = rules::delta(&mut self.actors[actor], &message_id, u64::from(attempt), text);
                self.check(checked);
            }
            _ if wanted => self.fail(broken("streams", "text of a stream that was given up is taken")),
            _ => {}
        }
        self.drain(actor);
    }

    pub fn give(&mut self, actor: usize, input: Input) {
        self.inputs += 1;
        self.note(actor, || trace::input(&input));
        let now = self.processes[self.actors[actor].process].now(self.now);
        if let Some(subject) = &mut self.actors[actor].subject {
            subject.machine().handle(now, input);
            self.drain(actor);
        }
    }

    fn drain(&mut self, actor: usize) {
        loop {
            let Some(subject) = &mut self.actors[actor].subject else { return };
            let Some(effect) = subject.machine().poll_effect() else { break };
            self.note(actor, || trace::effect(&effect));
            self.effects += 1;
            self.perform(actor, effect);
            let process = self.actors[actor].process;
            if let Some((dying, left)) = &mut self.crash_in {
                if *dying == process && self.actors[actor].pid == self.processes[process].pid {
                    *left -= 1;
                    if *left == 0 {
                        self.crash_in = None;
                        self.crash(process);
                        return;
                    }
                }
            }
            // A tool has blocked the process: what the machine wants beside waits too.
            let blocked = self.processes[process].frozen_until;
            if blocked > self.now {
                self.later(blocked - self.now, Happening::GoesOn { actor });
                return;
            }
        }
        if self.actors[actor].subject.as_mut().is_some_and(|s| s.machine().is_done()) {
            self.over(actor);
        }
    }

    /// The machine is through: its process forgets it.
    fn over(&mut self, actor: usize) {
        self.live.retain(|a| *a != actor);
        // The boundary aborts whatever is open when a machine is through.
        let a = &mut self.actors[actor];
        a.subject = None;
        a.flights.clear();
        let p = &mut self.processes[a.process];
        if p.runner == Some(actor) {
            p.runner = None;
            p.ending = false;
        }
        self.settled(actor);
    }

    // Effects

    fn perform(&mut self, actor: usize, effect: Effect) {
        match effect {
            Effect::Read { ticket, .. } => self.call(actor, ticket, Flight::Read, effect),
            Effect::List { ticket, .. } => self.call(actor, ticket, Flight::List, effect),
            Effect::Commit { ticket, ref writes } => {
                self.check(rules::writes(writes));
                let entry = writes.iter().any(|w| rules::path_of(w).contains("/journal/"));
                self.call(actor, ticket, Flight::Commit { entry }, effect);
            }
            Effect::Cancel { ticket } => self.cancel(actor, ticket),
            Effect::Watch { paths } => self.actors[actor].watched = paths,
            Effect::Converse { ticket, ops, message_id, attempt } => {
                self.check(rules::starts(self, actor, "the model is called"));
                self.actors[actor].request.apply(&ops);
                let checked = rules::request(self, actor);
                self.check(checked);
                self.converse(actor, ticket, message_id, attempt);
            }
            Effect::RunTool { ticket, .. } if !self.may_run(actor, ticket) => {
                self.give(actor, Input::NotRun { ticket });
            }
            Effect::RunTool { ticket, call, attempt, idempotency_key } => {
                self.check(rules::starts(self, actor, "a tool is run"));
                let checked = rules::executes(self, actor, &call.id, attempt, &idempotency_key);
                self.check(checked);
                self.execute(actor, ticket, &call.id, attempt);
            }
            Effect::Ask { ticket, question } => self.ask(actor, ticket, question),
            Effect::Emit { event } => {
                self.actors[actor].retrying = event["type"] == "task:retry"
                    || self.actors[actor].retrying && event["type"] == "task:usage";
                let checked = rules::emitted(self, actor, &event);
                self.check(checked);
            }
            Effect::Settle { ticket: Ticket::STARTED, .. } => self.actors[actor].started = true,
            Effect::Settle { ticket: Ticket::RESULT, result } => {
                let twice = self.actors[actor].result.replace(result).is_some();
                if twice {
                    self.fail(broken("P8", "a machine settles twice"));
                }
            }
            Effect::Settle { ticket, result } => self.answered(actor, ticket, result),
            Effect::Status { .. } | Effect::Log { .. } => {}
        }
    }

    fn may_run(&mut self, actor: usize, ticket: Ticket) -> bool {
        let now = self.processes[self.actors[actor].process].now(self.now);
        let subject = self.actors[actor].subject.as_mut();
        subject.is_some_and(|subject| subject.machine().may_run(now, ticket))
    }

    fn call(&mut self, actor: usize, ticket: Ticket, flight: Flight, effect: Effect) {
        let process = self.actors[actor].process;
        self.actors[actor].flights.insert(ticket, flight);
        let fate = self.fate(process, &effect);
        if let Some(name) = fate.name() {
            self.met(name, process);
            // Whoever stands still meets it later.
            let met = self.now.max(self.processes[self.actors[actor].process].frozen_until);
            self.actors[actor].last_fault = Some(met);
            self.actors[actor].denied |= fate == Fate::Refused(StoreErrorCode::Denied);
            self.note(actor, || format!("   ({name})"));
        }
        let mut ms = self.latency();
        if let Fate::Late(more) = fate {
            ms += more;
        }
        if let Fate::SlowReply(_) = fate {
            // What it finds is old by the time it is told.
            ms = 1;
        }
        if fate == Fate::Lost {
            return;
        }
        self.later(ms, Happening::Arrives { from: actor, effect, fate });
    }

    fn fate(&mut self, process: usize, effect: &Effect) -> Fate {
        let drawn =
            Fate::of(&mut self.wire, effect, self.plan.shape.store_rate, self.plan.shape.store_timeout_ms);
        if self.calm {
            return Fate::Fine;
        }
        if let Some((outage, until)) = self.outage {
            if self.now < until {
                return if outage == Outage::Silent {
                    Fate::Lost
                } else {
                    Fate::Refused(StoreErrorCode::Unavailable)
                };
            }
        }
        if self.now < self.processes[process].denied_until && matches!(effect, Effect::Commit { .. }) {
            return Fate::Refused(StoreErrorCode::Denied);
        }
        drawn
    }

    fn arrives(&mut self, from: usize, effect: Effect, fate: Fate) {
        let now = self.now;
        let refused = match fate {
            Fate::Refused(code) => Some(code),
            _ => None,
        };
        let (ticket, input) = match effect {
            Effect::Read { ticket, paths, known } => {
                let mut found: Vec<_> =
                    paths.iter().map(|p| self.store.read(p, now).map(|d| self.aged(d))).collect();
                for known in found.iter_mut().flatten().filter(|d| known.as_ref() == Some(&d.version)) {
                    known.data.clear();
                }
                (ticket, Input::Read { ticket, result: refused.map_or(Ok(found), |code| Err(error(code))) })
            }
            Effect::List { ticket, collection, after, limit } => {
                let mut page = self.store.list(&collection, after.as_deref(), limit, now);
                if let Fate::Lags(ms) = fate {
                    page.retain(|d| d.age_ms.is_none_or(|age| age >= ms));
                }
                let page = page.into_iter().map(|d| self.aged(d)).collect();
                (ticket, Input::Listed { ticket, result: refused.map_or(Ok(page), |code| Err(error(code))) })
            }
            Effect::Commit { ticket, writes } => {
                let landed = match refused {
                    Some(code) => Err(code),
                    None => self.land(from, &writes),
                };
                let result = match (landed, fate) {
                    (Ok(_), Fate::Unclear) => Err(StoreErrorCode::Unavailable),
                    (Ok(_), Fate::ToldConflict) => {
                        let created = writes.iter().any(|w| matches!(w, StoreWrite::Create { .. }));
                        Err(if created { StoreErrorCode::Exists } else { StoreErrorCode::Conflict })
                    }
                    (landed, _) => landed,
                };
                (ticket, Input::Committed { ticket, result: result.map_err(error) })
            }
            _ => return,
        };
        let back = match fate {
            Fate::ReplyLost => return,
            Fate::SlowReply(ms) => ms,
            _ => self.latency(),
        };
        if fate == Fate::Doubled {
            self.later(back + 3, Happening::Reaches { to: from, ticket: Some(ticket), input: input.clone() });
        }
        self.later(back, Happening::Reaches { to: from, ticket: Some(ticket), input });
    }

    fn aged(&self, mut document: StoredDocument) -> StoredDocument {
        if !self.plan.shape.tells_age {
            document.age_ms = None;
        }
        document
    }

    /// A commit reaches the store. Whatever it changes is looked at before anything else happens.
    fn land(&mut self, from: usize, writes: &[StoreWrite]) -> Result<String, StoreErrorCode> {
        let task = writes.iter().any(|w| rules::path_of(w) == TASK_PATH);
        let before = if task { self.store.get(TASK_PATH).cloned() } else { None };
        let landed = self.store.commit(writes, self.now);
        self.note(from, || match &landed {
            Ok(version) => format!("   … stored as version {version}"),
            Err(code) => format!("   … not stored: {code:?}"),
        });
        if landed.is_ok() {
            let checked = rules::landed(self, from, writes, before.as_ref());
            self.check(checked);
            self.changed(writes.iter().map(rules::path_of));
        }
        landed
    }

    /// Whoever watches one of these is told, sooner or later, once or twice, or not.
    pub fn changed<'a>(&mut self, paths: impl Iterator<Item = &'a str>) {
        rules::rest(self);
        if !self.plan.shape.watches {
            return;
        }
        let paths: Vec<&str> = paths.collect();
        let touched = |watched: &str| {
            paths
                .iter()
                .any(|path| *path == watched || path.rsplit_once('/').is_some_and(|(c, _)| c == watched))
        };
        let told: Vec<usize> = self
            .live
            .iter()
            .copied()
            .filter(|a| self.actors[*a].watched.iter().any(|w| touched(w)))
            .collect();
        for to in told {
            let mut ms = self.latency();
            let process = self.actors[to].process;
            if !self.calm && self.watch.chance(2.0 * self.plan.shape.store_rate) {
                let fault = self.watch.pick(&["watch: late", "watch: doubled", "watch: missing"]);
                self.met(fault, process);
                match fault {
                    "watch: missing" => continue,
                    "watch: late" => ms += self.watch.between(100, 20_000),
                    _ => self.later(ms + 2, Happening::Reaches { to, ticket: None, input: Input::Changed }),
                }
            }
            self.later(ms, Happening::Reaches { to, ticket: None, input: Input::Changed });
        }
    }

    fn cancel(&mut self, actor: usize, ticket: Ticket) {
        let a = &mut self.actors[actor];
        a.cancelled.insert(ticket);
        match a.flights.get(&ticket).cloned() {
            Some(Flight::Tool { does, call, execution }) => {
                let token = self
                    .ledger
                    .calls
                    .get(&call)
                    .and_then(|c| c.executions.get(execution))
                    .map(|e| e.token.clone());
                let (ms, result) = match does {
                    Does::Hangs => (1, Err(Thrown { message: "aborted".into(), cause: None })),
                    Does::Stubborn(ms) => (ms, Ok(Some(json!(token)))),
                    _ => return,
                };
                self.later(
                    ms,
                    Happening::Reaches {
                        to: actor,
                        ticket: Some(ticket),
                        input: Input::Returned { ticket, result, cut_bytes: 0 },
                    },
                );
            }
            Some(_) => {
                a.flights.remove(&ticket);
            }
            None => {}
        }
    }

    fn converse(&mut self, actor: usize, ticket: Ticket, message_id: String, attempt: u32) {
        self.actors[actor].flights.insert(ticket, Flight::Stream { message_id, attempt });
        self.actors[actor].retrying = false;
        let rate = self.plan.shape.model_rate;
        let tools = self.actors[actor].request.tools.clone();
        let stream = self.model.answer(rate, self.calm, tools.as_ref());
        if let Some(fault) = stream.fault {
            self.coverage.met(fault, Phase::Streaming);
            self.note(actor, || format!("   ({fault})"));
        }
        let mut ms = self.latency();
        for (gap, event) in stream.events {
            ms += gap;
            self.later(
                ms,
                Happening::Reaches {
                    to: actor,
                    ticket: Some(ticket),
                    input: Input::Streamed { ticket, event },
                },
            );
        }
        if let Some(result) = stream.end {
            self.later(
                ms + 1,
                Happening::Reaches {
                    to: actor,
                    ticket: Some(ticket),
                    input: Input::StreamEnded { ticket, result },
                },
            );
        }
    }

    fn execute(&mut self, actor: usize, ticket: Ticket, call: &str, attempt: u32) {
        self.executions += 1;
        let token = format!("exec-{}-", self.executions);
        let rate = if self.calm { 0.0 } else { self.plan.shape.tool_rate };
        let (does, fault) = self.host.does(rate, self.plan.shape.ttl_ms);
        let execution = match self.ledger.calls.get_mut(call) {
            Some(known) => {
                known.executions.push(Execution { actor, attempt, token: token.clone(), reported: false });
                known.executions.len() - 1
            }
            None => return,
        };
        let flight = Flight::Tool { call: call.to_owned(), execution, does: does.clone() };
        self.actors[actor].flights.insert(ticket, flight);
        if let Some(fault) = fault {
            self.coverage.met(fault, Phase::Tools);
            self.note(actor, || format!("   ({fault})"));
        }
        let mut ms = self.latency();
        let result = match does {
            Does::Returns => Ok(Some(json!({ "exec": token }))),
            Does::ReturnsNothing => Ok(None),
            Does::Throws => Err(Thrown { message: format!("failed {token}"), cause: None }),
            Does::Slow(more) => {
                ms += more;
                Ok(Some(json!(token)))
            }
            Does::Blocks(more) => {
                let process = self.actors[actor].process;
                self.freeze(process, more, false);
                Ok(Some(json!(token)))
            }
            Does::Hangs | Does::Deaf | Does::Stubborn(_) => return,
        };
        self.later(
            ms,
            Happening::Reaches {
                to: actor,
                ticket: Some(ticket),
                input: Input::Returned { ticket, result, cut_bytes: 0 },
            },
        );
    }

    fn ask(&mut self, actor: usize, ticket: Ticket, question: Question) {
        let process = self.actors[actor].process;
        let fallible = !matches!(question, Question::Alive { .. } | Question::Runs);
        let mut result = Ok(match question {
            Question::Tools { .. } => tools::described(),
            Question::Vet { calls, .. } => calls.iter().map(|call| tools::vet(&call.name)).collect(),
            Question::Prompt { context, .. } => json!(format!("Do {}", context["item"]["name"])),
            Question::LookUp { call } => self.look_up(&call.id),
            Question::Alive { holder } => json!(self.processes.iter().any(|p| p.holder() == holder)),
            Question::Runs => json!(self.processes[process].runner.is_some()),
        });
        self.actors[actor].flights.insert(ticket, Flight::Question);
        if fallible && !self.calm {
            match self.host.callback_fails(self.plan.shape.callback_rate) {
                Some(true) => {
                    self.met("callback: throws", process);
                    result = Err(Thrown { message: "the callback is broken".into(), cause: None });
                }
                Some(false) => {
                    self.met("callback: never settles", process);
                    return;
                }
                None => {}
            }
        }
        self.later(
            1,
            Happening::Reaches { to: actor, ticket: Some(ticket), input: Input::Answered { ticket, result } },
        );
    }

    /// The payment service knows what reached it.
    fn look_up(&self, call: &str) -> Value {
        let executions = self.ledger.calls.get(call).map(|c| &c.executions);
        match executions.and_then(|e| e.last()) {
            Some(e) => json!({ "found": true, "result": { "exec": e.token } }),
            None => json!({ "found": false }),
        }
    }

    /// Another writer changes fields of the task document.
    pub fn outside(&mut self, fields: &[(&[&str], Value)]) {
        for (path, value) in fields {
            self.store.set(TASK_PATH, path, value.clone(), self.now);
            if *path == ["status"] {
                self.status_written.push(self.now);
            }
        }
        self.changed([TASK_PATH].into_iter());
    }

    pub fn schedule_poll(&mut self, follower: usize, ms: u64) {
        self.later(ms, Happening::Polls { follower });
    }

    /// Nothing runs any more.
    pub fn is_idle(&self) -> bool {
        self.live.is_empty()
    }

    pub fn task(&self) -> Document<'_> {
        Document(self.store.get(TASK_PATH))
    }

    pub fn head(&self) -> Document<'_> {
        Document(self.store.get(HEAD_PATH))
    }

    pub fn status(&self) -> &str {
        self.store.get(TASK_PATH).and_then(|t| t["status"].as_str()).unwrap_or_default()
    }
}

fn error(code: StoreErrorCode) -> StoreError {
    StoreError { code, message: format!("{code:?}"), cause: None }
}
