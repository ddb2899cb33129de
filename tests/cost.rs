//! What a step costs: neither the length of the history nor the size of the plan may count.
//!
//! Bytes allocated by the machine stand for its work: they are the same on every computer.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::json;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use support::*;
use task_execution_engine::effect::{Effect, Input, Machine, Question, Ticket};
use task_execution_engine::machine::{Runner, RunnerConfig};
use task_execution_engine::store::StoreWrite;
use task_execution_engine::time::{Instant, Now};

thread_local! {
    static ALLOCATED: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

#[allow(unsafe_code)] // counts, and leaves the rest to the system's allocator
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.set(ALLOCATED.get() + layout.size() as u64);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Totals so far.
#[derive(Clone, Copy, Default)]
struct Cost {
    allocated: u64,
    commits: u64,
    reads: u64,
    /// Reads and questions that carry the whole task document.
    whole_tasks: u64,
    /// Commits that write to the task document.
    task_writes: u64,
}

/// A machine whose cost is noted at each model call.
struct Metered {
    machine: Runner,
    now: Cost,
    calls: Rc<RefCell<Vec<Cost>>>,
}

impl Metered {
    fn count<T>(&mut self, work: impl FnOnce(&mut Runner) -> T) -> T {
        let before = ALLOCATED.get();
        let done = work(&mut self.machine);
        self.now.allocated += ALLOCATED.get() - before;
        done
    }
}

impl Machine for Metered {
    fn handle(&mut self, now: Now, input: Input) {
        if let Input::Read { result: Ok(found), .. } = &input {
            let whole = found.iter().flatten().any(|d| d.path == TASK_PATH && !d.data.is_empty());
            self.now.whole_tasks += u64::from(whole);
        }
        self.count(|machine| machine.handle(now, input));
    }

    fn poll_effect(&mut self) -> Option<Effect> {
        let effect = self.count(Machine::poll_effect)?;
        match &effect {
            Effect::Read { .. } | Effect::List { .. } => self.now.reads += 1,
            Effect::Commit { writes, .. } => {
                let of_task =
                    |w: &StoreWrite| matches!(w, StoreWrite::Update { path, .. } if path == TASK_PATH);
                self.now.commits += 1;
                self.now.task_writes += u64::from(writes.iter().any(of_task));
            }
            Effect::Ask { question: Question::Vet { task, .. } | Question::Prompt { task, .. }, .. } => {
                self.now.whole_tasks += u64::from(task.is_some());
            }
            Effect::Converse { .. } => self.calls.borrow_mut().push(self.now),
            _ => {}
        }
        Some(effect)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.machine.poll_timeout()
    }

    fn may_run(&self, now: Now, ticket: Ticket) -> bool {
        self.machine.may_run(now, ticket)
    }

    fn is_done(&self) -> bool {
        self.machine.is_done()
    }
}

/// A run of so many turns on the first of so many items, each turn with one call: the costs at each model call.
fn run(items: usize, turns: usize) -> Vec<Cost> {
    let mut w = World::new(1, items);
    let mut turn = 0;
    w.model = Box::new(move |_| {
        turn += 1;
        if turn >= turns {
            return text("Done.");
        }
        uses("Working.", &[(&format!("c{turn:04}"), "work", json!({ "n": format!("{turn:04}") }))])
    });
    let config: RunnerConfig = serde_json::from_value(json!({
        "userId": USER, "taskId": TASK, "intent": "start", "drives": true, "seed": 7, "hasModel": true,
        "options": { "limits": { "iterations": 1_000_000 } },
        "limits": { "documentBytes": 1_000_000, "commitBytes": 9_000_000 },
    }))
    .unwrap();
    let calls = Rc::default();
    let machine = Runner::new(w.clock(), config);
    let id = w.add(Box::new(Metered { machine, now: Cost::default(), calls: Rc::clone(&calls) }));
    let count = Rc::clone(&calls);
    w.until(id, |_| count.borrow().len() >= turns);
    calls.take()
}

/// What the usual step between two model calls allocates.
fn step(calls: &[Cost]) -> f64 {
    let mut steps: Vec<u64> = calls.windows(2).map(|c| c[1].allocated - c[0].allocated).collect();
    steps.sort_unstable();
    steps[steps.len() / 2] as f64
}

#[test]
fn a_step_costs_as_much_late_in_a_history_as_early() {
    let calls = run(10, 300);
    let (early, late) = (step(&calls[5..25]), step(&calls[275..295]));
    assert!(late < early * 1.05, "{late} bytes after {early}");
}

#[test]
fn a_step_costs_as_much_in_a_large_plan_as_in_a_small_one() {
    let (small, large) = (run(10, 25), run(500, 25));
    let (small, large) = (step(&small[5..]), step(&large[5..]));
    assert!(large < small * 1.05, "{large} bytes after {small}");
}

#[test]
fn a_step_is_two_commits_and_two_reads_and_leaves_the_task_document_where_it_is() {
    let calls = run(10, 25);
    let (from, to) = (calls[4], calls[24]);
    assert_eq!(to.commits - from.commits, 40, "the turn with the call's start, and its result");
    assert_eq!(to.reads - from.reads, 40, "task and inbox");
    assert_eq!(to.whole_tasks - from.whole_tasks, 0);
    assert_eq!(to.task_writes - from.task_writes, 0);
}

#[test]
fn items_that_others_have_completed_are_told_at_once_without_the_plan() {
    let mut w = World::new(1, 500);
    let mut items = w.store.task()["progress"]["tasks"]["m1"].clone();
    for item in items.as_array_mut().unwrap().iter_mut().take(250) {
        item["status"] = json!("completed");
    }
    w.outside(&["progress", "tasks", "m1"], items);
    let run = w.start();
    w.until_event(run, "task:progress_update");
    let of_kind = |kind: &str| w.store.facts(kind);
    assert_eq!(of_kind("done").len(), 250);
    assert_eq!(of_kind("progress").len(), 1);
    let told = &w.events(run, "task:progress_update")[0];
    assert_eq!(told["overall"], 50);
    assert_eq!(told["item"]["id"], "i250");
    assert_eq!(told["items"].as_array().unwrap().len(), 250);
    assert_eq!(of_kind("stated")[0]["item"]["item"], "i251");
}
