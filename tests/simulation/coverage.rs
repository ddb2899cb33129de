//! What the runs came across: which fault met a task in which phase.

use super::{model, tools, wire};
use std::collections::BTreeMap;

/// What the task was about when something went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    Idle,
    Opening,
    Streaming,
    Tools,
    Waiting,
    BackingOff,
    Committing,
    Between,
    Ending,
}

pub const PHASES: [Phase; 9] = [
    Phase::Idle,
    Phase::Opening,
    Phase::Streaming,
    Phase::Tools,
    Phase::Waiting,
    Phase::BackingOff,
    Phase::Committing,
    Phase::Between,
    Phase::Ending,
];

/// Every cell has to be met so often.
pub const ENOUGH: u32 = 20;

#[derive(Clone, Default)]
pub struct Coverage(BTreeMap<(&'static str, Phase), u32>);

impl Coverage {
    pub fn met(&mut self, fault: &'static str, phase: Phase) {
        *self.0.entry((fault, phase)).or_default() += 1;
    }

    pub fn add(&mut self, other: &Coverage) {
        for (cell, n) in &other.0 {
            *self.0.entry(*cell).or_default() += n;
        }
    }

    fn count(&self, fault: &'static str, phase: Phase) -> u32 {
        self.0.get(&(fault, phase)).copied().unwrap_or(0)
    }

    /// Cells that were not met often enough.
    pub fn missing(&self) -> Vec<String> {
        let cells =
            rows().into_iter().flat_map(|(fault, phases)| phases.into_iter().map(move |p| (fault, p)));
        let short = cells.filter(|(fault, phase)| self.count(fault, *phase) < ENOUGH);
        short.map(|(fault, phase)| format!("{fault} × {phase:?}: {}", self.count(fault, phase))).collect()
    }

    pub fn table(&self) -> String {
        let mut table = format!("{:45}", "");
        for phase in PHASES {
            table += &format!("{:>11}", format!("{phase:?}"));
        }
        for (fault, phases) in rows() {
            table += &format!("\n{fault:45}");
            for phase in PHASES {
                let cell =
                    if phases.contains(&phase) { self.count(fault, phase).to_string() } else { "–".into() };
                table += &format!("{cell:>11}");
            }
        }
        table
    }
}

/// Every fault with the phases in which it can happen.
fn rows() -> Vec<(&'static str, Vec<Phase>)> {
    let all = PHASES.to_vec();
    let without = |out: &[Phase]| all.iter().copied().filter(|p| !out.contains(p)).collect::<Vec<_>>();
    let running = without(&[Phase::Idle]);
    let anything = [
        "start",
        "resume",
        "run",
        "start without running",
        "pause",
        "stop",
        "decide",
        "send",
        "others: paused",
        "others: in_progress",
        "others: another status",
        "others: the plan",
        "others: something else",
    ];
    let processes =
        ["crash", "freeze", "freeze beyond the lease", "monotonic clock stands still", "wall clock jumps"];
    let outages = ["outage: unavailable", "outage: silent", "outage: denied"];
    let mut rows: Vec<(&'static str, Vec<Phase>)> = Vec::new();
    rows.extend(anything.map(|act| (act, all.clone())));
    rows.extend(["yield", "dispose"].map(|act| (act, running.clone())));
    rows.extend(processes.map(|act| (act, all.clone())));
    rows.extend(outages.map(|act| (act, all.clone())));
    // A denial comes as an outage: the first is counted, not those that follow from it.
    rows.extend(
        wire::FAULTS.into_iter().filter(|fault| *fault != "store: denied").map(|fault| (fault, all.clone())),
    );
    rows.extend(["watch: late", "watch: doubled", "watch: missing"].map(|fault| (fault, running.clone())));
    rows.extend(model::FAULTS.map(|fault| (fault, vec![Phase::Streaming])));
    rows.extend(tools::FAULTS.map(|fault| (fault, vec![Phase::Tools])));
    rows.extend(
        ["callback: throws", "callback: never settles"]
            .map(|fault| (fault, vec![Phase::Opening, Phase::Between])),
    );
    rows
}
