//! The tools and callbacks of the host.

use super::dice::Dice;
use serde_json::{Value, json};

/// What an execution does.
#[derive(Clone, Debug, PartialEq)]
pub enum Does {
    Returns,
    ReturnsNothing,
    Throws,
    Slow(u64),
    /// Settles only when it is aborted, by throwing.
    Hangs,
    /// Never settles.
    Deaf,
    /// Goes on when it is aborted, and returns so many milliseconds later.
    Stubborn(u64),
    /// Lets nothing else happen in its process for so long, then returns.
    Blocks(u64),
}

pub const FAULTS: [&str; 7] = [
    "tool: throws",
    "tool: slow",
    "tool: hangs until aborted",
    "tool: never settles",
    "tool: settles late after an abort",
    "tool: blocks its process",
    "tool: blocks its process beyond the lease",
];

pub struct Host {
    dice: Dice,
}

impl Host {
    pub fn new(seed: u64) -> Host {
        Host { dice: Dice::new(seed, "tools") }
    }

    pub fn does(&mut self, rate: f64, ttl_ms: u64) -> (Does, Option<&'static str>) {
        if !self.dice.chance(rate) {
            let quiet = self.dice.chance(0.1);
            return (if quiet { Does::ReturnsNothing } else { Does::Returns }, None);
        }
        let fault = self.dice.pick(&FAULTS);
        let does = match fault {
            "tool: throws" => Does::Throws,
            "tool: slow" => Does::Slow(self.dice.between(500, 40_000)),
            "tool: hangs until aborted" => Does::Hangs,
            "tool: never settles" => Does::Deaf,
            "tool: settles late after an abort" => Does::Stubborn(self.dice.pick(&[50, 2_000, 20_000])),
            "tool: blocks its process" => Does::Blocks(self.dice.between(100, ttl_ms / 2)),
            _ => Does::Blocks(ttl_ms + self.dice.between(500, ttl_ms)),
        };
        (does, Some(fault))
    }

    /// Whether a callback fails this time, and whether by throwing.
    pub fn callback_fails(&mut self, rate: f64) -> Option<bool> {
        self.dice.chance(rate).then(|| self.dice.chance(0.5))
    }
}

/// Every policy has its tool, and so has every way to wait.
pub fn described() -> Value {
    let tool = |name: &str, has_execute: bool, on_unknown: &str, timeout_ms: u64| {
        json!({ "name": name, "description": "", "inputSchema": { "type": "object" },
            "hasExecute": has_execute, "onUnknownOutcome": on_unknown, "timeoutMs": timeout_ms })
    };
    json!([
        tool("work", true, "report", 30_000),
        tool("look", true, "rerun", 20_000),
        tool("ask", true, "ask", 30_000),
        tool("pay", true, "lookup", 30_000),
        tool("gated", true, "report", 600_000),
        tool("form", false, "report", 600_000),
    ])
}

pub fn vet(name: &str) -> Value {
    match name {
        "gated" => json!({ "verdict": "approve" }),
        "form" => json!({ "verdict": "answer" }),
        "none" => json!({ "verdict": "refuse", "message": "There is no tool none." }),
        _ => json!({ "verdict": "run" }),
    }
}
