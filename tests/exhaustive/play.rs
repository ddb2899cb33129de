//! Plays a case: drives every process effect by effect, lets befall it what the case says, and in the end takes the
//! task up until it is through.

use crate::audit::Audit;
use crate::case::{Act, Case, Deed};
use crate::promise::Promise;
use crate::small_task::world;
use crate::support::{Does, Fault, TASK_PATH, World};
use crate::trace;
use serde_json::{Value, json};
use std::cell::Cell;
use std::rc::Rc;
use task_execution_engine::effect::{Effect, Input, Question, Ticket};

/// Far above what any case needs.
const MOST_STEPS: u32 = 3_000;
const MOST_ROUNDS: u32 = 12;
/// Past every lease.
pub const LATER_MS: u64 = 40_000;

/// An effect at which something may befall.
#[derive(Clone, Copy, Debug)]
pub struct Position {
    pub at: u64,
    /// It reaches the store, the model, a tool or another callback: nothing that a crash or a command could meet
    /// differs between two of these.
    pub outward: bool,
    pub store: bool,
}

pub struct Played {
    pub positions: Vec<Position>,
    pub broken: Vec<String>,
    pub trace: Vec<String>,
    /// What the case wants could not be done: the process for it was gone, or the task.
    pub void: bool,
}

#[derive(Default)]
pub struct Process {
    pub instance: String,
    /// The run of the task in it, the latest.
    pub run: Option<usize>,
    pub dead: bool,
}

pub struct Play<'c> {
    pub case: &'c Case,
    pub w: World,
    pub audit: Audit,
    pub processes: Vec<Process>,
    /// By actor: its process, and what it is for.
    pub actors: Vec<(usize, String)>,
    watching: Vec<bool>,
    pub promises: Vec<Promise>,
    /// Inbox ids that `send` has promised.
    pub sent: Vec<String>,
    /// The process that runs the task.
    pub here: usize,
    k: u64,
    acts: Vec<(u64, Act)>,
    fault: Rc<Cell<Fault>>,
    positions: Vec<Position>,
    freezes: Option<u64>,
    pub void: bool,
    trace: Option<Vec<String>>,
}

pub fn play(case: &Case, traced: bool) -> Played {
    let w = world(case);
    let audit = Audit::new(case, &w.store);
    let mut play = Play {
        case,
        w,
        audit,
        processes: Vec::new(),
        actors: Vec::new(),
        watching: Vec::new(),
        promises: Vec::new(),
        sent: Vec::new(),
        here: 0,
        k: 0,
        acts: case.acts.clone(),
        fault: Rc::new(Cell::new(Fault::None)),
        positions: Vec::new(),
        freezes: None,
        void: false,
        trace: traced.then(Vec::new),
    };
    let fault = Rc::clone(&play.fault);
    play.w.fault = Box::new(move |_, _| fault.replace(Fault::None));
    play.whole();
    let void = play.void || !play.acts.is_empty();
    Played {
        positions: play.positions,
        broken: play.audit.broken,
        trace: play.trace.unwrap_or_default(),
        void,
    }
}

impl Play<'_> {
    fn whole(&mut self) {
        self.here = self.process();
        self.run(self.here, "start", json!({}));
        if self.case.rival {
            let other = self.process();
            self.run(other, "run", json!({ "options": { "waitForLeaseMs": 300_000 } }));
        }
        for _ in 0..MOST_ROUNDS {
            self.until_quiet();
            if !self.audit.broken.is_empty() || self.take_up() {
                break;
            }
        }
        for _ in 0..MOST_STEPS {
            if !self.audit.broken.is_empty() || !self.step() {
                break;
            }
        }
        if self.audit.broken.is_empty() {
            self.check_end();
        }
    }

    pub fn note(&mut self, line: impl FnOnce() -> String) {
        let now = self.w.now;
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>9.3} s  {}", now as f64 / 1_000.0, line()));
        }
    }

    /// Runs the task again in a new process; true when there is nothing left to do.
    fn take_up(&mut self) -> bool {
        let deletes = self.case.deeds().any(|d| d == Deed::Delete);
        let gone = self.w.store.get(TASK_PATH).is_none();
        if gone && self.w.store.documents.is_empty() {
            return true;
        }
        self.w.tool = Box::new(|_| Does::Returns(json!("at once")));
        self.w.now += LATER_MS;
        let begun = deletes && self.acts.is_empty();
        if begun || self.audit.deleting {
            self.note(|| "the deletion is given again".to_owned());
            let deed = if begun { Deed::Delete } else { Deed::DeleteHistory };
            self.does(deed);
            return false;
        }
        if self.w.store.status() == "completed" {
            return true;
        }
        self.note(|| "somebody takes the task up".to_owned());
        self.here = self.process();
        self.run(self.here, "start", json!({}));
        false
    }

    pub fn process(&mut self) -> usize {
        let instance = format!("p{}", self.processes.len());
        self.processes.push(Process { instance, ..Process::default() });
        self.processes.len() - 1
    }

    pub fn run(&mut self, process: usize, intent: &str, mut more: Value) -> usize {
        if more["options"].is_null() {
            more["options"] = self.case.options();
        }
        more["instance"] = json!(self.processes[process].instance);
        more["hasWatch"] = json!(self.case.watch);
        let actor = self.w.runner(intent, more);
        self.joins(process, format!("{intent}()"));
        self.processes[process].run = Some(actor);
        actor
    }

    /// The newest actor belongs to that process.
    pub fn joins(&mut self, process: usize, what: String) {
        self.note(|| format!("p{process} calls {what}"));
        self.actors.push((process, what));
        self.watching.push(false);
    }

    fn until_quiet(&mut self) {
        for _ in 0..MOST_STEPS {
            self.perform_all();
            self.look_after_promises();
            self.people_decide();
            self.perform_all();
            if !self.audit.broken.is_empty() || self.is_quiet() {
                return;
            }
            if !self.step() {
                self.audit.broken.push("P8 nothing happens any more".to_owned());
                return;
            }
        }
        self.audit.broken.push(format!("P8 no end after {MOST_STEPS} steps"));
    }

    fn is_quiet(&self) -> bool {
        let over = |a: &crate::support::Actor| a.crashed || a.settled.contains_key(&Ticket::RESULT);
        self.w.actors.iter().all(over)
            && self.promises.iter().all(|p: &Promise| p.is_settled() || self.processes[p.process].dead)
    }

    fn step(&mut self) -> bool {
        let went_on = self.w.step();
        // A write that was late.
        self.landed(false);
        self.perform_all();
        went_on
    }

    fn landed(&mut self, by_command: bool) {
        if self.audit.landed(self.case, &self.w.store, self.w.now, by_command) {
            for actor in (0..self.watching.len()).filter(|a| self.watching[*a]).collect::<Vec<_>>() {
                if !self.w.actors[actor].crashed {
                    self.w.reply(actor, 1, Input::Changed);
                }
            }
        }
    }

    /// Somebody has written a document by hand.
    pub fn written(&mut self) {
        self.w.store.commits += 1;
        self.landed(false);
    }

    fn perform_all(&mut self) {
        'again: loop {
            for actor in (0..self.w.actors.len()).rev() {
                if let Some(effect) = self.w.next_effect(actor) {
                    self.perform(actor, effect);
                    continue 'again;
                }
            }
            break;
        }
        if let Some(ms) = self.freezes.take() {
            let until = self.w.now + ms;
            for actor in 0..self.actors.len() {
                if self.actors[actor].0 == self.here {
                    self.w.actors[actor].frozen_until = until;
                }
            }
        }
    }

    fn perform(&mut self, actor: usize, effect: Effect) {
        self.k += 1;
        let at = self.k;
        let position = trace::position(at, &effect);
        self.positions.push(position);
        let mut now = Vec::new();
        let mut i = 0;
        while i < self.acts.len() {
            if self.acts[i].0 == at { now.push(self.acts.remove(i).1) } else { i += 1 }
        }
        if self.trace.is_some() {
            let (process, what) = self.actors[actor].clone();
            self.note(|| format!("{at:>4} p{process} {what}: {}", trace::effect(&effect)));
        }
        for act in &now {
            match act {
                Act::CrashBefore => {
                    self.crash(actor);
                    return;
                }
                Act::Fails(fault) if position.store => self.fails(*fault, &effect),
                Act::Fails(_) => self.void = true,
                _ => {}
            }
        }
        self.perform_one(actor, effect);
        for act in now {
            match act {
                Act::CrashAfter => self.crash(actor),
                Act::Freeze(ms) => {
                    let here = self.here;
                    self.note(|| format!("p{here} stands still for {ms} ms"));
                    self.freezes = Some(ms);
                }
                Act::Does(deed) => self.does(deed),
                Act::CrashBefore | Act::Fails(_) => {}
            }
        }
    }

    fn fails(&mut self, fault: Fault, effect: &Effect) {
        self.note(|| format!("     the store: {fault:?}"));
        let reads = !matches!(effect, Effect::Commit { .. });
        // What loses a commit's reply may only keep a read from answering.
        let fault = if reads && fault == Fault::LostReply { Fault::Silent(false) } else { fault };
        self.fault.set(fault);
    }

    fn perform_one(&mut self, actor: usize, effect: Effect) {
        let is_refused = matches!(&effect, Effect::RunTool { ticket, .. } if !self.w.may_run(actor, *ticket));
        if !is_refused {
            self.audit.before(actor, &effect);
        }
        match effect {
            Effect::Ask { ticket, question: Question::Runs } => {
                let run = self.processes[self.actors[actor].0].run;
                let runs = run.is_some_and(|r| !self.w.actors[r].settled.contains_key(&Ticket::RESULT));
                self.w.reply(actor, 1, Input::Answered { ticket, result: Ok(json!(runs)) });
            }
            Effect::Watch { paths } => self.watching[actor] = !paths.is_empty(),
            Effect::Converse { .. } => {
                self.w.perform(actor, effect);
                self.audit.asked(&self.w.actors[actor]);
            }
            Effect::Settle { ticket, .. } => {
                self.w.perform(actor, effect);
                if ticket == Ticket::RESULT {
                    self.over(actor);
                }
            }
            effect => {
                self.w.perform(actor, effect);
                let commands = self.processes[self.actors[actor].0].run != Some(actor);
                self.landed(commands);
            }
        }
    }

    /// A machine is through.
    fn over(&mut self, actor: usize) {
        self.watching[actor] = false;
        let process = self.actors[actor].0;
        if self.processes[process].run != Some(actor) {
            return;
        }
        if !self.w.actors[actor].open.is_empty() {
            self.audit.broken.push("P3 the run ends while something of it goes on, unaborted".to_owned());
        }
        let Ok(outcome) = self.w.actors[actor].settled[&Ticket::RESULT].clone() else { return };
        let status = outcome["status"].as_str().unwrap_or_default();
        if status == "interrupted" {
            return;
        }
        self.audit.told_all(actor);
        let head = self.w.store.get(&format!("{TASK_PATH}/engine/head"));
        let owner = head.and_then(|h| h.get("owner")).and_then(|o| o["id"].as_str()).unwrap_or_default();
        if owner.starts_with(&format!("{}.", self.processes[process].instance)) {
            self.audit.broken.push(format!("P3 the run ends as {status} and keeps its lease"));
        }
    }

    /// Its whole process is gone.
    fn crash(&mut self, actor: usize) {
        let process = self.actors[actor].0;
        self.note(|| format!("p{process} is killed"));
        self.processes[process].dead = true;
        for other in 0..self.actors.len() {
            if self.actors[other].0 == process && !self.w.actors[other].crashed {
                self.w.crash(other);
                self.watching[other] = false;
            }
        }
        self.landed(false);
    }
}
