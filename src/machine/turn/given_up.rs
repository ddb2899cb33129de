//! A turn that came to nothing: tried again, asked for in other words or with less, or given up.

use super::{Around, Attempt, Ctx, Event, State, Turn};
use crate::converse::blocks::excerpt;
use crate::converse::{FaultKind, ModelFault, Usage, refused_block, refuses_reasoning, unsupported_block};
use crate::decide::Nudge;
use crate::facts::fact::Fact;
use crate::facts::fold::{Facts, REASONING};
use crate::json::json;

/// Of the service's words, for the model.
const MAX_REASON_BYTES: usize = 500;

/// Results of so many bytes are not what makes a request too long.
const SMALLEST_RESULT: usize = 1_000;

/// Closes an abandoned attempt for whoever shows its deltas.
pub(super) fn announce_retry(ctx: &mut Ctx, attempt: &Attempt, fault: &ModelFault, delay_ms: u64) {
    let payload = json!({
        "messageId": attempt.message_id, "attempt": attempt.number, "code": fault.kind.code(), "delayMs": delay_ms,
    });
    ctx.emit_live("task:retry", payload);
}

impl Turn {
    pub(super) fn retry(
        &mut self,
        ctx: &mut Ctx,
        around: Around<'_>,
        usage: Option<Usage>,
        attempt: Attempt,
        fault: ModelFault,
    ) -> Vec<Event> {
        self.spent += usage.unwrap_or_else(Usage::unreported);
        let instead = match fault.kind {
            FaultKind::Overflow => Some(smaller(around.facts).ok_or_else(|| fault.error())),
            FaultKind::Empty => Some(asked_in_words(around.facts).ok_or_else(|| fault.error())),
            FaultKind::Invalid => self.withheld(around.facts, &fault).map(Ok),
            _ => None,
        };
        match instead {
            Some(Ok(fact)) => {
                announce_retry(ctx, &attempt, &fault, 0);
                return vec![Event::Due(Box::new(fact))];
            }
            Some(Err(error)) => return vec![Event::Fails(error)],
            None => {}
        }
        let random = ctx.io.rng.unit();
        let retry = &around.settings.retry;
        let delay = |asked| retry.delay(attempt.number, attempt.lost_ms, random, asked);
        let error = match (fault.kind.permanent(), delay(fault.retry_after_ms), fault.retry_after_ms) {
            (false, Some(delay), _) => {
                announce_retry(ctx, &attempt, &fault, delay);
                let attempt = Attempt { lost_ms: attempt.lost_ms + delay, ..attempt };
                self.state = State::BackingOff { attempt, until: ctx.now.mono + delay, looking: false };
                return Vec::new();
            }
            // Without what the service asks for there would be another attempt.
            (false, None, Some(wait)) if delay(None).is_some() => fault.error_of_waiting(wait),
            _ => fault.error(),
        };
        vec![Event::Fails(error)]
    }

    /// Leaves out what the service refuses, once: its answer to that is its answer.
    fn withheld(&self, facts: &Facts, fault: &ModelFault) -> Option<Fact> {
        let (model, words) = (self.mirror.author(), fault.message.as_str());
        let never = unsupported_block(words).or_else(|| refuses_reasoning(words).then_some(REASONING));
        let withheld = never.filter(|block| !facts.withholds(model, block));
        let refused = refused_block(words).filter(|block| facts.live.shows(block));
        match (withheld, refused) {
            (Some(block), _) => {
                Some(Fact::Withheld { model: model.map(str::to_owned), block: block.to_owned() })
            }
            (None, Some(block)) => {
                let reason = excerpt(words, MAX_REASON_BYTES).to_owned();
                Some(Fact::Refused { block: block.to_owned(), reason })
            }
            (None, None) => None,
        }
    }
}

/// Asks once more, in words; who was asked so has failed.
fn asked_in_words(facts: &Facts) -> Option<Fact> {
    let nudge = Nudge::Silent;
    let asked = facts.live.texts.last().is_some_and(|said| said["text"] == nudge.text());
    (!asked).then(|| Fact::Nudged {
        text: nudge.text().to_owned(),
        mistake: nudge.is_mistake(),
        identical: false,
    })
}

/// Cuts the last results or leaves older turns out, whichever takes more; none where neither can be.
fn smaller(facts: &Facts) -> Option<Fact> {
    let transcript = &facts.transcript;
    let largest = facts.live.largest_result();
    let shorter = (largest > SMALLEST_RESULT).then(|| Fact::Shortened { bytes: largest as u64 / 2 });
    let statement = facts.statement.as_deref().unwrap_or_default();
    let trimmed = || transcript.plan_trim(statement).map(|trim| Fact::Trimmed { trim });
    if transcript.is_mostly_its_last() { shorter.or_else(trimmed) } else { trimmed().or(shorter) }
}

/// What a guardrail blocks again and again stands further back than what was masked: nothing of it stays.
pub(crate) fn blocked_again(facts: &Facts) -> Option<Fact> {
    let held = facts.live.held;
    if held < 2 {
        return None;
    }
    let statement = facts.statement.as_deref().filter(|_| held == 2).unwrap_or_default();
    facts.transcript.plan_trim_of_all(statement).map(|trim| Fact::Trimmed { trim })
}
