//! The loop of DESIGN §3: what is known decides the next step.

use crate::facts::live::{Call, CallState, Live, TurnEnd};
use crate::facts::plan::{Item, ItemKey, Plan};
use crate::limits::{Completion, Limits, NUDGE_BEFORE};

/// Continuations after `max_tokens` before a run is paused.
const MAX_CONTINUATIONS: u32 = 5;

/// What the decision depends on besides the facts.
#[derive(Clone, Copy, Debug)]
pub struct Control {
    /// When an item counts as done.
    pub completion: Completion,
    /// See there.
    pub limits: Limits,
    /// Active time that no entry counts yet.
    pub active_ms: u64,
}

/// The next step.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Ask the model.
    Converse,
    /// Some calls of the last turn have neither started nor been put before a person.
    RunCalls,
    /// The stated item is done.
    Finish(ItemKey),
    /// Tell the model which item is next.
    State(Item),
    /// Every item is done.
    Complete,
    /// Tell the model something.
    Nudge(Nudge),
    /// Some calls are running or waiting for a person.
    Wait,
    /// A limit is reached: the reason.
    Pause(&'static str),
}

/// What the engine has to tell the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nudge {
    /// Go on where `max_tokens` cut.
    Continue,
    /// The item has to be completed by a call.
    Explicit,
    /// The same call again and again.
    Identical,
    /// A person resumed after the turn was cut or held back.
    Resumed,
    /// It announced a tool and used none.
    Announced,
    /// It was interrupted by the service behind it.
    GoOn,
    /// It said nothing.
    Silent,
}

impl Nudge {
    /// The words.
    pub fn text(self) -> &'static str {
        match self {
            Nudge::Continue => {
                "Your answer was cut off by the length limit. Continue exactly where it stopped, without repeating."
            }
            Nudge::Explicit => {
                "The item is not completed. If it is done, call complete_task_item; otherwise go on working on it."
            }
            Nudge::Identical => {
                "You have made the same tool call with the same input several times in a row. Its result will not \
                 change. Try something else, or say what keeps you from going on."
            }
            Nudge::Resumed => "The task was resumed. Go on with the current item.",
            Nudge::Announced => {
                "You stopped to use a tool, and used none. Use it now; if there is nothing left to do for the item, say \
                 what came of it."
            }
            Nudge::GoOn => "Go on.",
            Nudge::Silent => {
                "Your answer was empty. Go on with the item; if there is nothing left to do for it, say what came of it."
            }
        }
    }

    /// Counts against `limits.mistakes`.
    pub fn is_mistake(self) -> bool {
        matches!(self, Nudge::Explicit | Nudge::Identical | Nudge::Announced | Nudge::Silent)
    }
}

/// The next step, from what is known alone.
pub fn decide(live: &Live, plan: &Plan, control: &Control) -> Step {
    let undecided = |state: &CallState| matches!(state, CallState::Proposed | CallState::Approved);
    if live.calls.iter().any(|c| undecided(&c.state)) {
        let repeated = live.allowance.identical >= control.limits.identical;
        return if repeated { Step::Pause("identical_tool_calls") } else { Step::RunCalls };
    }
    if live.has_open_calls() {
        return Step::Wait;
    }
    if let TurnEnd::Held(reason) = live.turn_end {
        return Step::Pause(reason);
    }
    let stated = live.stated.as_ref().filter(|key| !live.done.contains(key) && plan.get(key).is_some());
    let Some(stated) = stated else {
        return match plan.next_item(&live.done) {
            Some(item) => Step::State(item),
            None if live.message_waiting && live.silent => Step::Pause("max_tokens"),
            None if live.message_waiting => converse(live, control),
            None if live.answering && !only_completed(live, control) => answer(live, control),
            None => Step::Complete,
        };
    };
    if live.owes_reply() {
        let repeating = live.allowance.identical.saturating_add(NUDGE_BEFORE) >= control.limits.identical
            && live.allowance.identical > 1;
        if repeating && !live.allowance.identical_told && !live.calls.is_empty() {
            return Step::Nudge(Nudge::Identical);
        }
        return converse(live, control);
    }
    match live.turn_end {
        TurnEnd::Announced if live.announced == 1 => Step::Nudge(Nudge::Announced),
        TurnEnd::Suspended => Step::Nudge(Nudge::GoOn),
        TurnEnd::Natural | TurnEnd::Announced if control.completion == Completion::Explicit => {
            Step::Nudge(Nudge::Explicit)
        }
        TurnEnd::Natural | TurnEnd::Announced => Step::Finish(stated.clone()),
        // Nothing was written that could be continued.
        TurnEnd::Cut if live.silent => Step::Pause("max_tokens"),
        TurnEnd::Cut if live.continuations < MAX_CONTINUATIONS => Step::Nudge(Nudge::Continue),
        TurnEnd::Cut => Step::Pause("max_tokens"),
        TurnEnd::Held(_) | TurnEnd::Interrupted | TurnEnd::Open => Step::Nudge(Nudge::Resumed),
    }
}

/// The tool of `completion: 'explicit'`, never gated.
pub const COMPLETE_TASK_ITEM: &str = "complete_task_item";

/// The last turn used no tool but the one that completes an item: the model waits for nothing.
fn only_completed(live: &Live, control: &Control) -> bool {
    let completes = |call: &Call| call.call.name == COMPLETE_TASK_ITEM;
    control.completion == Completion::Explicit && !live.calls.is_empty() && live.calls.iter().all(completes)
}

/// No item is open, and what a person asked is not answered to its end.
fn answer(live: &Live, control: &Control) -> Step {
    if live.owes_reply() {
        return converse(live, control);
    }
    match live.turn_end {
        TurnEnd::Announced if live.announced == 1 => Step::Nudge(Nudge::Announced),
        TurnEnd::Suspended => Step::Nudge(Nudge::GoOn),
        TurnEnd::Cut if live.silent || live.continuations >= MAX_CONTINUATIONS => Step::Pause("max_tokens"),
        TurnEnd::Cut => Step::Nudge(Nudge::Continue),
        TurnEnd::Interrupted => Step::Nudge(Nudge::Resumed),
        _ => Step::Complete,
    }
}

fn converse(live: &Live, control: &Control) -> Step {
    match control.limits.exceeded(&live.allowance, control.active_ms) {
        Some(reason) => Step::Pause(reason),
        None => Step::Converse,
    }
}

#[cfg(test)]
mod tests;
