//! What the limits count, and how often the model does the same.

use super::fact::CallResult;
use crate::converse::{ToolUse, Usage};
use crate::json;
use std::collections::VecDeque;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

/// What the limits count; an explicit resume begins it anew.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Allowance {
    /// Turns.
    pub iterations: u64,
    /// Milliseconds, waiting for people not counted.
    pub active_ms: u64,
    /// All of them: read, written, and what the cache read and wrote.
    pub tokens: u64,
    /// Turns in a row of whose calls none succeeded and some failed, and nudges.
    pub mistakes: u32,
    /// So often in a row the model has made the same calls with the same answers: in one turn after the other, or in a
    /// pattern of up to three turns.
    pub identical: u32,
    /// The model has been told of that.
    pub identical_told: bool,
    /// Of the last turn's calls.
    results: Results,
    repeats: Repeats,
}

/// How the results of a turn count so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Results {
    #[default]
    None,
    Failed,
    Succeeded,
}

impl Allowance {
    /// A turn of the model.
    pub(super) fn turn(&mut self, uses: &[ToolUse]) {
        self.iterations += 1;
        self.results = Results::None;
        if uses.is_empty() {
            return;
        }
        self.identical = self.repeats.asked(hash(uses.iter().map(|u| (&u.name, json::text(&u.input)))));
        self.identical_told &= self.identical > 1;
    }

    /// The result of the call at that place of the turn. What nobody knows is neither a failure nor a success.
    pub(super) fn result(&mut self, at: usize, result: &CallResult) {
        let words = result.content.iter().map(json::text);
        self.repeats.answered(hash(std::iter::once((at, result.status as u8, words.collect::<Vec<_>>()))));
        match (result.unknown, result.mistake, self.results) {
            (true, ..) | (false, true, Results::Failed | Results::Succeeded) => {}
            (false, true, Results::None) => {
                self.mistakes += 1;
                self.results = Results::Failed;
            }
            (false, false, _) => {
                self.mistakes = 0;
                self.results = Results::Succeeded;
            }
        }
    }

    /// The model was given something new to do: the same call is no repetition.
    pub(super) fn turn_to_something_new(&mut self) {
        (self.identical, self.identical_told, self.repeats) = (0, false, Repeats::default());
    }

    /// What the task has cost in all was `before` and is `total` now.
    pub(super) fn spent(&mut self, before: &Usage, total: &Usage) {
        let all = |u: &Usage| {
            let parts =
                [u.input_tokens, u.output_tokens, u.cache_read_input_tokens, u.cache_write_input_tokens];
            parts.into_iter().fold(0, u64::saturating_add).max(u.total_tokens)
        };
        self.tokens = self.tokens.saturating_add(all(total).saturating_sub(all(before)));
    }
}

/// Nothing of it is stored, so that it need not be the same in the next version.
fn hash(of: impl Iterator<Item = impl Hash>) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.for_each(|part| part.hash(&mut hasher));
    hasher.finish()
}

/// A longer pattern is no loop.
const LONGEST: usize = 3;

/// A turn with calls, and what came of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    calls: u64,
    /// Summed up: results come in any order.
    answers: u64,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Repeats {
    /// The last steps, the latest at the end.
    steps: VecDeque<Step>,
    /// By the length of the pattern, less one: so many whole steps in a row are as the one that many before.
    rows: [u32; LONGEST],
}

impl Repeats {
    /// A new step; the one before is whole now. How often the same has been done in a row.
    fn asked(&mut self, calls: u64) -> u32 {
        let back = |steps: &VecDeque<Step>, n: usize| steps.len().checked_sub(n).map(|at| steps[at]);
        for (row, length) in self.rows.iter_mut().zip(1..) {
            let same = back(&self.steps, 1).is_some_and(|last| back(&self.steps, 1 + length) == Some(last));
            *row = if same { *row + 1 } else { 0 };
        }
        let often = self.rows.iter().zip(1..).map(|(row, length)| {
            let same = back(&self.steps, length).is_some_and(|step| step.calls == calls);
            if same { 1 + (row + 1) / length as u32 } else { 1 }
        });
        let often = often.max().unwrap_or(1);
        self.steps.push_back(Step { calls, answers: 0 });
        if self.steps.len() > LONGEST + 1 {
            self.steps.pop_front();
        }
        often
    }

    fn answered(&mut self, answer: u64) {
        if let Some(step) = self.steps.back_mut() {
            step.answers = step.answers.wrapping_add(answer);
        }
    }
}
