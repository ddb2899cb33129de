//! What a seed stands for: a kind of world, and what people, other writers and bad luck do in it.

use super::dice::Dice;
use serde_json::{Value, json};

/// The world that a run happens in.
#[derive(Clone, Debug)]
pub struct Shape {
    pub processes: usize,
    pub items: u64,
    /// The app's newer shape of a task.
    pub newer: bool,
    /// `execution.api_messages` of an earlier engine.
    pub old_history: bool,
    pub explicit: bool,
    pub yields_while_waiting: bool,
    pub iterations: u64,
    pub ttl_ms: u64,
    pub grace_ms: u64,
    pub store_timeout_ms: u64,
    pub latency_ms: u64,
    pub document_bytes: u64,
    pub watches: bool,
    pub tells_age: bool,
    pub holders: bool,
    /// How often a call of the store, the model, a tool, a callback goes wrong.
    pub store_rate: f64,
    pub model_rate: f64,
    pub tool_rate: f64,
    pub callback_rate: f64,
    /// The model fails most of the time, and what happens, happens soon.
    pub faltering: bool,
    /// Parts per million that the clocks of processes differ at most.
    pub skew_ppm: u64,
}

/// When something happens, counted from what happened before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    Inputs(u64),
    Ms(u64),
}

/// How long the store fails, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    Unavailable,
    Silent,
    /// One process's rights are withdrawn.
    Denied,
}

/// What one act does. Processes are numbers; one that died is begun again by the next act that needs it.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    Begin {
        process: usize,
        intent: &'static str,
    },
    /// TaskLifecycle.start: begins, and leaves the running to others.
    BeginOnly {
        process: usize,
    },
    Pause {
        process: usize,
    },
    Stop {
        process: usize,
    },
    Yield {
        process: usize,
        grace: bool,
    },
    /// A person decides about something that waits, or about what does not.
    Decide {
        process: usize,
        salt: u64,
    },
    /// Two decide about the same, at once.
    DecideTwice {
        salt: u64,
    },
    Send {
        process: usize,
    },
    Read {
        process: usize,
        kind: &'static str,
    },
    Follow {
        process: usize,
    },
    Crash {
        process: usize,
    },
    /// Stopped and continued: its clocks go on.
    Freeze {
        process: usize,
        ms: u64,
    },
    /// Its monotonic clock stands still meanwhile.
    Suspend {
        process: usize,
        ms: u64,
    },
    WallJump {
        process: usize,
        ms: i64,
    },
    Outage {
        process: usize,
        outage: Outage,
        ms: u64,
    },
    /// Another writer sets the status.
    Status(&'static str),
    /// Another writer completes an item, or opens it again.
    Item {
        salt: u64,
        completed: bool,
    },
    /// Another writer puts the plan back as it was at first.
    StalePlan,
    NewItem,
    Touch,
}

#[derive(Clone, Debug)]
pub struct Act {
    pub after: Gap,
    /// Where nobody runs the task, it is begun first, and this many inputs go by.
    pub at_work: Option<u64>,
    pub what: What,
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub shape: Shape,
    pub acts: Vec<Act>,
}

impl Plan {
    pub fn of(seed: u64) -> Plan {
        let shape = Shape::of(seed);
        let dice = &mut Dice::new(seed, "acts");
        let mut acts = vec![Act {
            after: Gap::Inputs(0),
            at_work: None,
            what: What::Begin { process: 0, intent: "start" },
        }];
        let stormy = dice.chance(0.5);
        for _ in 0..dice.between(24, 64) {
            let ending = acts.last().is_some_and(|act| {
                matches!(act.what, What::Pause { .. } | What::Stop { .. } | What::Yield { .. })
            });
            let after = if ending && dice.chance(0.5) {
                Gap::Inputs(dice.below(4))
            } else if shape.faltering && dice.chance(0.7) {
                Gap::Ms(dice.pick(&[1, 50, 300, 1_000, 4_000]))
            } else if dice.chance(0.75) {
                Gap::Inputs(dice.below(if stormy { 12 } else { 30 }))
            } else {
                Gap::Ms(dice.pick(&[10, 100, 1_000, 5_000, 20_000, 45_000]))
            };
            let at_work = dice.chance(0.7).then(|| dice.below(40));
            acts.push(Act { after, at_work, what: what(dice, &shape) });
        }
        Plan { seed, shape, acts }
    }
}

impl Shape {
    fn of(seed: u64) -> Shape {
        let dice = &mut Dice::new(seed, "shape");
        let ttl_ms = dice.pick(&[6_000, 30_000, 30_000, 60_000]);
        let faltering = dice.chance(0.3);
        Shape {
            processes: dice.between(2, 4) as usize,
            items: dice.between(1, 4),
            newer: dice.chance(0.4),
            old_history: dice.chance(0.15),
            explicit: dice.chance(0.25),
            yields_while_waiting: dice.chance(0.3),
            iterations: dice.between(8, 60),
            ttl_ms,
            grace_ms: dice.pick(&[1_000, 10_000]),
            store_timeout_ms: dice.pick(&[2_000, 15_000]),
            latency_ms: dice.pick(&[1, 5, 40]),
            document_bytes: dice.pick(&[700, 1_000_000, 1_000_000]),
            watches: dice.chance(0.5),
            tells_age: dice.chance(0.5),
            holders: dice.chance(0.4),
            store_rate: dice.pick(&[0.0, 0.02, 0.08, 0.25]),
            model_rate: if faltering { 0.85 } else { dice.pick(&[0.0, 0.15, 0.4]) },
            tool_rate: dice.pick(&[0.0, 0.2, 0.5]),
            callback_rate: dice.pick(&[0.0, 0.0, 0.02]),
            faltering,
            skew_ppm: dice.pick(&[0, 200, 20_000]),
        }
    }

    /// `RunOptions`, as JavaScript hands them in.
    pub fn options(&self) -> Value {
        json!({
            "completion": if self.explicit { "explicit" } else { "end_turn" },
            "whileWaiting": if self.yields_while_waiting { "yield" } else { "hold" },
            "leaseTtlMs": self.ttl_ms, "graceMs": self.grace_ms, "storeTimeoutMs": self.store_timeout_ms,
            "idleTimeoutMs": 20_000, "limits": { "iterations": self.iterations },
        })
    }

    /// The app's task document.
    pub fn task(&self) -> Value {
        let dated = |n: u64| format!("2026-01-0{n}T00:00:00.000Z");
        let item = |m: u64, i: u64| {
            json!({ "id": format!("i{m}{i}"), "name": format!("Item {m}.{i}"), "description": "To do",
                "status": "not_started", "estimated_hours": 2, "colour": { "of": "the app", "n": [m, i] } })
        };
        let second = self.items / 2;
        let first = self.items - second;
        let milestone = |m: u64, n: u64| {
            json!({ "id": format!("m{m}"), "name": format!("Milestone {m}"), "description": "",
                "status": "not_started", "progress": 0, "tasks_completed": 0, "tasks_total": n, "colour": m })
        };
        let mut milestones = vec![milestone(1, first)];
        let mut tasks = json!({ "m1": (1..=first).map(|i| item(1, i)).collect::<Vec<_>>() });
        if second > 0 {
            milestones.push(milestone(2, second));
            tasks["m2"] = (1..=second).map(|i| item(2, i)).collect();
        }
        let progress = if self.newer {
            json!({ "project": { "name": "P", "version": "1", "started": dated(1), "status": "not_started",
                    "current_milestone": "m1", "description": "" },
                "milestones": milestones, "tasks": tasks,
                "documentation": { "design_documents": 0, "milestone_documents": 0, "pattern_documents": 0,
                    "task_documents": 0, "last_updated": dated(1) },
                "progress": { "planning": 7, "implementation": 0, "testing": 0, "documentation": 0, "overall": 0 },
                "recent_work": [], "next_steps": ["one"], "notes": ["kept"], "current_blockers": [] })
        } else {
            json!({ "current_milestone": "m1", "current_task": "i11", "overall_percentage": 0,
                "milestones": milestones, "tasks": tasks })
        };
        let old = json!([
            { "role": "user", "content": "Before.", "ts": 1 },
            { "role": "assistant", "content": [{ "type": "tool_use", "id": "old", "name": "work", "input": {} }], "ts": 2 },
        ]);
        json!({
            "user_id": super::world::USER, "title": "A task", "description": "With a description",
            "status": "not_started", "created_at": dated(1), "updated_at": dated(1),
            "execution": { "api_messages": if self.old_history { old } else { json!([]) },
                "task_messages": [], "tool_results": [], "kept": "by the app" },
            "config": { "system_prompt": "Be brief.", "auto_approve": true },
            "metadata": { "tags": ["x"] }, "custom": { "kept": [1, 2, 3] }, "progress": progress,
        })
    }
}

fn what(dice: &mut Dice, shape: &Shape) -> What {
    let process = dice.below(shape.processes as u64) as usize;
    let ms = dice.pick(&[400, 3_000, shape.ttl_ms / 2, shape.ttl_ms + 2_000, shape.ttl_ms * 3]);
    match dice.weighted(&[
        (16, 0),
        (6, 1),
        (5, 2),
        (3, 3),
        (9, 4),
        (5, 5),
        (3, 6),
        (2, 7),
        (6, 8),
        (5, 9),
        (2, 10),
        (2, 11),
        (4, 12),
        (7, 13),
        (5, 14),
        (2, 15),
        (1, 16),
        (1, 17),
        (2, 18),
    ]) {
        0 => What::Begin { process, intent: dice.pick(&["start", "run", "run", "resume"]) },
        1 => What::Pause { process },
        2 => What::Stop { process },
        3 => What::Yield { process, grace: dice.chance(0.6) },
        4 => What::Decide { process, salt: dice.seed() },
        5 => What::Send { process },
        6 => What::Read {
            process,
            kind: dice.pick(&["state", "load", "checkpoint", "toolResults", "apiMessages"]),
        },
        7 => What::Follow { process },
        8 => What::Crash { process },
        9 => What::Freeze { process, ms },
        10 => What::Suspend { process, ms },
        11 => What::WallJump { process, ms: dice.pick(&[-3_600_000, -500, 700, 86_400_000]) },
        12 => {
            let outage = dice.pick(&[Outage::Unavailable, Outage::Silent, Outage::Denied]);
            What::Outage { process, outage, ms }
        }
        13 => What::Status(dice.pick(&[
            "paused",
            "in_progress",
            "in_progress",
            "failed",
            "not_started",
            "completed",
        ])),
        14 => What::Item { salt: dice.seed(), completed: dice.chance(0.6) },
        15 => What::BeginOnly { process },
        16 => What::StalePlan,
        17 => What::NewItem,
        _ if dice.chance(0.4) => What::DecideTwice { salt: dice.seed() },
        _ => What::Touch,
    }
}
