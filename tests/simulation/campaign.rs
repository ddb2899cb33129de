//! Running one seed to its end, many seeds, and making a failing one small.

use super::coverage::Coverage;
use super::ledger::{Violation, broken};
use super::plan::{Act, Gap, Plan, What};
use super::rules;
use super::wire::LATEST_MS;
use super::world::World;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use task_execution_engine::effect::Command;

/// After so many more runs without a fault the work has to be done.
const ROUNDS: usize = 30;

/// Which parts of a seed's run are left out.
#[derive(Clone, Default)]
pub struct Without {
    pub acts: BTreeSet<usize>,
    /// `store`, `model`, `tools`, `callbacks`, `clocks`, `watches`, `old`.
    pub faults: BTreeSet<&'static str>,
}

pub const KINDS: [&str; 8] = ["store", "model", "tools", "callbacks", "clocks", "watches", "old", "latency"];

#[derive(Default)]
pub struct Report {
    pub inputs: u64,
    pub coverage: Coverage,
    pub broken: Option<Violation>,
    pub trace: String,
    pub kinds: BTreeSet<String>,
    pub known: BTreeSet<&'static str>,
}

pub fn plan(seed: u64, without: &Without) -> Plan {
    let mut plan = Plan::of(seed);
    for kind in &without.faults {
        let shape = &mut plan.shape;
        match *kind {
            "store" => shape.store_rate = 0.0,
            "model" => shape.model_rate = 0.0,
            "tools" => shape.tool_rate = 0.0,
            "callbacks" => shape.callback_rate = 0.0,
            "clocks" => shape.skew_ppm = 0,
            "watches" => shape.watches = false,
            "old" => shape.old_history = false,
            _ => shape.latency_ms = 1,
        }
    }
    plan
}

/// Runs a seed; a panic of the core is a broken promise like any other.
pub fn run(seed: u64, without: &Without, traced: bool) -> Report {
    let plan = Rc::new(plan(seed, without));
    let mut world = World::new(&plan, traced);
    let panicked = catch_unwind(AssertUnwindSafe(|| drive(&mut world, &plan, without))).err();
    let mut broken_promise = world.broken.clone();
    if let Some(panic) = panicked {
        let what = panic.downcast_ref::<String>().cloned();
        let what = what.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
        broken_promise = Some(broken("P9", what.unwrap_or_default()));
    }
    Report {
        inputs: world.inputs,
        coverage: std::mem::take(&mut world.coverage),
        broken: broken_promise,
        trace: world.trace.text(),
        kinds: std::mem::take(&mut world.ledger.kinds),
        known: std::mem::take(&mut world.known),
    }
}

fn drive(world: &mut World, plan: &Plan, without: &Without) {
    for (n, act) in plan.acts.iter().enumerate() {
        pass(world, act.after);
        if world.broken.is_some() {
            return;
        }
        if !without.acts.contains(&n) {
            keep_going(world, act);
            perform(world, &act.what);
        }
    }
    recover(world);
}

fn pass(world: &mut World, gap: Gap) {
    match gap {
        Gap::Inputs(n) => {
            let until = world.inputs + n;
            // A world that waits for people is not waited for.
            let latest = world.now + 120_000;
            while world.inputs < until && world.step(Some(latest)) {}
        }
        Gap::Ms(ms) => {
            let until = world.now + ms;
            while world.step(Some(until)) {}
            world.now = world.now.max(until);
        }
    }
}

/// Most of what happens is to happen to a task at work.
fn keep_going(world: &mut World, act: &Act) {
    let idle = world.processes.iter().all(|p| p.runner.is_none());
    let Some(inputs) = act.at_work.filter(|_| idle) else { return };
    if world.status() == "completed" {
        world.outside(&[(&["status"], json!("not_started"))]);
    }
    if let Some(process) = awake(world, inputs as usize) {
        world.begin(process, "start", true);
        pass(world, Gap::Inputs(inputs));
    }
}

/// A process that stands still is not asked: somebody else's is.
fn awake(world: &World, process: usize) -> Option<usize> {
    let n = world.processes.len();
    (0..n).map(|i| (process + i) % n).find(|p| world.processes[*p].frozen_until <= world.now)
}

fn perform(world: &mut World, what: &What) {
    let process = match what {
        What::Begin { process, .. }
        | What::BeginOnly { process }
        | What::Pause { process }
        | What::Stop { process }
        | What::Yield { process, .. }
        | What::Decide { process, .. }
        | What::Send { process }
        | What::Read { process, .. }
        | What::Follow { process }
        | What::Crash { process }
        | What::Freeze { process, .. }
        | What::Suspend { process, .. }
        | What::WallJump { process, .. }
        | What::Outage { process, .. } => *process,
        _ => 0,
    };
    let Some(process) = awake(world, process) else { return };
    if let Some(name) = name(what, world.plan.shape.ttl_ms) {
        let counts = !matches!(what, What::Yield { .. }) || world.processes[process].runner.is_some();
        if counts {
            world.met(name, process);
        }
    }
    world.trace_act(what);
    match what {
        What::Begin { intent, .. } => world.begin(process, intent, true),
        What::BeginOnly { .. } => world.begin(process, "start", false),
        What::Pause { .. } => world.interrupt(process, Command::Pause),
        What::Stop { .. } => world.interrupt(process, Command::Stop { reason: Some("enough".into()) }),
        What::Yield { grace, .. } => {
            let reason = if *grace { "drain" } else { "dispose" };
            if world.processes[process].runner.is_some() {
                world.interrupt(process, Command::Yield { reason: reason.into(), grace: *grace });
            }
        }
        What::Decide { salt, .. } => world.decide(process, *salt),
        What::DecideTwice { salt } => {
            world.decide(process, *salt);
            if let Some(other) = awake(world, process + 1) {
                world.decide(other, *salt + 16);
            }
        }
        What::Send { .. } => world.send(process),
        What::Read { kind, .. } => world.read(process, kind),
        What::Follow { .. } => world.follow(process),
        What::Crash { .. } => {
            let effects = world.misc.below(5);
            world.crash_after(process, effects);
        }
        What::Freeze { ms, .. } => world.freeze(process, *ms, false),
        What::Suspend { ms, .. } => world.freeze(process, *ms, true),
        What::WallJump { ms, .. } => world.processes[process].wall_offset += ms,
        What::Outage { outage, ms, .. } => world.outage(process, *outage, *ms),
        What::Status(status) => {
            let mut fields: Vec<(&[&str], Value)> = vec![(&["status"], json!(status))];
            if *status == "in_progress" {
                fields.push((&["started_at"], json!("2026-01-02T00:00:00.000Z")));
            }
            world.outside(&fields);
        }
        What::Item { salt, completed } => item(world, *salt, *completed),
        What::StalePlan => {
            let tasks = world.plan.shape.task()["progress"]["tasks"].clone();
            if tasks["m1"].as_array().map(Vec::len)
                == world.task()["progress"]["tasks"]["m1"].as_array().map(Vec::len)
            {
                world.outside(&[(&["progress", "tasks"], tasks)]);
            }
        }
        What::NewItem => {
            let mut items = world.task()["progress"]["tasks"]["m1"].clone();
            if let Some(items) = items.as_array_mut().filter(|items| items.len() < 5) {
                let id = format!("n{}", items.len());
                items.push(json!({ "id": id, "name": "New", "description": "", "status": "not_started" }));
            }
            world.outside(&[(&["progress", "tasks", "m1"], items)]);
        }
        What::Touch => world.outside(&[(&["updated_at"], json!("2026-01-03T00:00:00.000Z"))]),
    }
}

fn item(world: &mut World, salt: u64, completed: bool) {
    let mut items = world.task()["progress"]["tasks"]["m1"].clone();
    let Some(list) = items.as_array_mut().filter(|items| !items.is_empty()) else { return };
    let n = salt as usize % list.len();
    list[n]["status"] = json!(if completed { "completed" } else { "not_started" });
    world.outside(&[(&["progress", "tasks", "m1"], items)]);
}

/// The row of the table that an act belongs to.
fn name(what: &What, ttl_ms: u64) -> Option<&'static str> {
    Some(match what {
        What::Begin { intent, .. } => intent,
        What::BeginOnly { .. } => "start without running",
        What::Pause { .. } => "pause",
        What::Stop { .. } => "stop",
        What::Yield { grace: true, .. } => "yield",
        What::Yield { .. } => "dispose",
        What::Decide { .. } | What::DecideTwice { .. } => "decide",
        What::Send { .. } => "send",
        What::Crash { .. } => "crash",
        What::Freeze { ms, .. } if *ms > ttl_ms => "freeze beyond the lease",
        What::Freeze { .. } => "freeze",
        What::Suspend { .. } => "monotonic clock stands still",
        What::WallJump { .. } => "wall clock jumps",
        What::Outage { outage, .. } => match outage {
            super::plan::Outage::Unavailable => "outage: unavailable",
            super::plan::Outage::Silent => "outage: silent",
            super::plan::Outage::Denied => "outage: denied",
        },
        What::Status("paused") => "others: paused",
        What::Status("in_progress") => "others: in_progress",
        What::Status(_) => "others: another status",
        What::Item { .. } | What::StalePlan | What::NewItem => "others: the plan",
        What::Touch => "others: something else",
        What::Read { .. } | What::Follow { .. } => return None,
    })
}

/// Faults cease: the work gets done, nothing is left over, everybody is answered.
fn recover(world: &mut World) {
    world.calm_down();
    let thawed = world.processes.iter().map(|p| p.frozen_until).max().unwrap_or_default().max(world.now);
    pass(world, Gap::Ms(thawed - world.now));
    let mut landed = false;
    for round in 0..ROUNDS {
        let until = world.now + 3_600_000;
        let process = round % world.processes.len();
        let mut decides = world.now;
        while !world.is_idle() && world.step(Some(until)) {
            if world.now >= decides && !world.ledger.waiting().is_empty() {
                decides = world.now + 60_000;
                world.decide_all(process);
            }
        }
        if world.broken.is_some() {
            return;
        }
        if !world.is_idle() {
            world.fail(broken("liveness", "something still runs after an hour"));
            return;
        }
        let left = world.store.documents.keys().any(|path| path.contains("/inbox/"));
        let open = rules::is_open(world.task());
        if world.status() == "completed" && !left && !open {
            if landed {
                break;
            }
            // What was given up may still arrive, and then it is for the next run.
            landed = true;
            pass(world, Gap::Ms(world.plan.shape.store_timeout_ms + LATEST_MS));
            continue;
        }
        if world.status() == "completed" {
            // Others said so; then they want it worked on after all.
            world.outside(&[(&["status"], json!("in_progress"))]);
        }
        world.now += 1_000;
        world.decide_all(process);
        world.begin(process, "start", true);
    }
    let all = replay(world);
    if world.broken.is_some() {
        return;
    }
    let checked = rules::over(world, &all);
    world.check(checked);
    world.check_people();
}

/// Every fact from the first, as a follower gets them who comes late.
fn replay(world: &mut World) -> Vec<Value> {
    let mut last = (0, u64::MAX);
    let mut cursor = "0".to_owned();
    let mut all = Vec::new();
    loop {
        let actor = world.command(0, "events", json!({ "after": cursor }));
        while world.actors[actor].result.is_none() && world.step(None) {}
        let Some(Ok(page)) = world.actors[actor].result.clone() else {
            world.fail(broken("events", "the facts cannot be read"));
            return all;
        };
        let events = page["events"].as_array().cloned().unwrap_or_default();
        let checked = rules::followed(world, &mut last, &events);
        world.check(checked);
        all.extend(events);
        page["cursor"].as_str().unwrap_or_default().clone_into(&mut cursor);
        if page["more"] != true {
            return all;
        }
    }
}

/// Leaves out as much as can be left out while the same promise is broken.
pub fn shrink(seed: u64, promise: &str) -> Without {
    let mut without = Without::default();
    let fails = |without: &Without| run(seed, without, false).broken.is_some_and(|b| b.promise == promise);
    for kind in KINDS {
        let mut less = without.clone();
        less.faults.insert(kind);
        if fails(&less) {
            without = less;
        }
    }
    let acts = Plan::of(seed).acts.len();
    let mut size = acts / 2;
    while size > 0 {
        for from in (0..acts).step_by(size) {
            let mut less = without.clone();
            less.acts.extend(from..(from + size).min(acts));
            if less.acts.len() > without.acts.len() && fails(&less) {
                without = less;
            }
        }
        size /= 2;
    }
    without
}

/// The acts that are left, for the reader.
pub fn told(seed: u64, without: &Without) -> Vec<(usize, Act)> {
    let acts = Plan::of(seed).acts.into_iter().enumerate();
    acts.filter(|(n, _)| !without.acts.contains(n)).collect()
}
