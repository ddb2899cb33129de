//! The region `turn`: opening and streaming a model turn, its watchdog, dropping and trying again.

use super::Ctx;
use super::closing::{Ending, How};
use super::run::Run;
use crate::converse::blocks::{excerpt, is_valid_id};
use crate::converse::{
    Assembly, Failure, FaultKind, Live, ModelFault, RequestOp, Stop, ToolUseIds, Turn, Usage, classify,
};
use crate::converse::{refused_block, refuses_reasoning, unsupported_block};
use crate::decide::Nudge;
use crate::effect::{Effect, LogLevel, Ticket};
use crate::facts::fact::Fact;
use crate::facts::fold::{Facts, REASONING};
use crate::limits::Settings;
use crate::storage::io::Io;
use crate::time::Instant;
use serde_json::{Value, json};

const NOTHING_BUT_REASONING: &str = "The model used up max_tokens for reasoning alone. Raise maxTokens of its \
     inferenceConfig, or lower its thinking budget, then resume the task.";

/// Of the service's words, for the model.
const MAX_REASON_BYTES: usize = 500;

/// Results of so many bytes are not what makes a request too long.
const SMALLEST_RESULT: usize = 1_000;

/// A turn that is whole and waits for its commit.
#[derive(Clone, Debug)]
pub(crate) struct Ready {
    pub message_id: String,
    pub turn: Turn,
    /// Of all attempts.
    pub usage: Usage,
}

#[derive(Debug)]
pub(crate) struct Attempt {
    message_id: String,
    number: u32,
    /// Milliseconds that failing and waiting have taken so far.
    lost_ms: u64,
}

impl Attempt {
    /// It is over: what it was silent for, at first and at last, led to nothing. No attempt takes more than half of the
    /// time for all, so that each is followed by another.
    fn after(mut self, silence: Silence, now: Instant, settings: &Settings) -> Attempt {
        let lost_ms = silence.lost_ms + (now - silence.since);
        self.lost_ms += lost_ms.min(settings.retry.total_ms / 2);
        self
    }
}

/// How long the model has said nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Silence {
    since: Instant,
    /// Some event has come.
    begun: bool,
    /// Milliseconds until the first one came.
    lost_ms: u64,
}

impl Silence {
    fn allowed_ms(self, settings: &Settings) -> u64 {
        if self.begun { settings.between_events_ms } else { settings.first_event_ms }
    }
}

#[derive(Debug)]
pub(crate) enum TurnRegion {
    Idle,
    Streaming {
        ticket: Ticket,
        assembly: Box<Assembly>,
        attempt: Attempt,
        silence: Silence,
    },
    /// `looking`: the time is over, and task and inbox are looked at before the model is asked again.
    BackingOff {
        attempt: Attempt,
        until: Instant,
        looking: bool,
    },
    Ready(Box<Ready>),
}

impl TurnRegion {
    /// An event of the stream has come.
    fn heard_from(&mut self, from: Ticket, now: Instant) {
        if let TurnRegion::Streaming { ticket, silence, .. } = self {
            if *ticket != from {
                return;
            }
            silence.lost_ms += if silence.begun { 0 } else { now - silence.since };
            (silence.since, silence.begun) = (now, true);
        }
    }

    /// The model is being asked, or will be again.
    pub fn in_flight(&self) -> bool {
        matches!(self, TurnRegion::Streaming { .. } | TurnRegion::BackingOff { .. })
    }

    pub fn abort(&mut self, io: &mut Io) {
        if let TurnRegion::Streaming { ticket, .. } = self {
            io.push(Effect::Cancel { ticket: *ticket });
        }
        if self.in_flight() {
            *self = TurnRegion::Idle;
        }
    }
}

struct Ids<'a> {
    facts: &'a Facts,
}

impl ToolUseIds for Ids<'_> {
    fn is_used(&self, id: &str) -> bool {
        self.facts.is_used(id)
    }
    fn replacement(&self, index: usize) -> String {
        format!("{}-{}-{index}", self.facts.history, self.facts.seq + 1)
    }
}

/// Closes an abandoned attempt for whoever shows its deltas.
fn announce_retry(ctx: &mut Ctx, attempt: &Attempt, fault: &ModelFault, delay_ms: u64) {
    let payload = json!({
        "messageId": attempt.message_id, "attempt": attempt.number, "code": fault.kind.code(), "delayMs": delay_ms,
    });
    ctx.emit_live("task:retry", payload);
}

impl Run {
    /// Gives the turn up that no commit can hold; what it has cost is stored with the end.
    pub(super) fn give_turn_up(&mut self) {
        if let TurnRegion::Ready(ready) = std::mem::replace(&mut self.turn, TurnRegion::Idle) {
            self.spent += ready.usage;
        }
    }

    pub(super) fn turn_timeout(&self, ctx: &Ctx) -> Option<Instant> {
        match &self.turn {
            TurnRegion::Streaming { silence, .. } => Some(silence.since + silence.allowed_ms(&self.settings)),
            // Without a fresh lease the renewal comes first, and its reply wakes the machine.
            TurnRegion::BackingOff { until, looking, .. } => {
                Some(*until).filter(|_| !looking && self.may_start(ctx))
            }
            TurnRegion::Idle | TurnRegion::Ready(_) => None,
        }
    }

    pub(super) fn open_stream(&mut self, ctx: &mut Ctx, ops: Vec<RequestOp>) {
        let attempt = Attempt { message_id: format!("m-{}", ctx.io.rng.id()), number: 1, lost_ms: 0 };
        self.stream(ctx, attempt, ops);
    }

    fn stream(&mut self, ctx: &mut Ctx, attempt: Attempt, ops: Vec<RequestOp>) {
        self.live_text.opened(ctx.now.mono, &attempt.message_id, attempt.number);
        let ticket = ctx.io.ticket();
        ctx.io.push(Effect::Converse {
            ticket,
            ops,
            message_id: attempt.message_id.clone(),
            attempt: attempt.number,
        });
        self.turn = TurnRegion::Streaming {
            ticket,
            assembly: Box::new(Assembly::new()),
            attempt,
            silence: Silence { since: ctx.now.mono, begun: false, lost_ms: 0 },
        };
    }

    pub(super) fn text_delta(&mut self, ctx: &mut Ctx, ticket: Ticket, index: u32, delta: &str) -> bool {
        self.turn.heard_from(ticket, ctx.now.mono);
        let TurnRegion::Streaming { ticket: t, assembly, .. } = &mut self.turn else { return false };
        if *t != ticket {
            return false;
        }
        match assembly.text(index, delta) {
            Ok(()) => {
                self.live_text.said(delta);
                true
            }
            Err(fault) => {
                self.turn_failed(ctx, fault);
                false
            }
        }
    }

    pub(super) fn streamed(&mut self, ctx: &mut Ctx, ticket: Ticket, event: &Value) {
        self.turn.heard_from(ticket, ctx.now.mono);
        let TurnRegion::Streaming { ticket: t, assembly, attempt, .. } = &mut self.turn else {
            return;
        };
        if *t != ticket {
            return;
        }
        match assembly.event(event) {
            Ok(None) => {}
            Ok(Some(Live::Reasoning(delta))) => self.reasoning(ctx, delta),
            Ok(Some(Live::ToolInput { id, name, index, delta })) => {
                let ids = Ids { facts: &self.facts };
                let free = is_valid_id(&id) && !ids.is_used(&id);
                let payload = json!({
                    "messageId": attempt.message_id, "attempt": attempt.number,
                    "toolCallId": if free { id } else { ids.replacement(index) }, "name": name, "delta": delta,
                });
                ctx.emit_live("task:tool_input", payload);
            }
            Ok(Some(Live::Text(delta))) => {
                self.live_text.said(&delta);
                let payload = json!({
                    "messageId": attempt.message_id, "attempt": attempt.number, "role": "assistant",
                    "content": delta, "streaming": true,
                });
                ctx.emit_live("task:message", payload);
            }
            // What follows messageStop cannot take the turn back.
            Err(_) if assembly.complete() => {}
            Err(fault) => self.turn_failed(ctx, fault),
        }
    }

    pub(super) fn stream_ended(&mut self, ctx: &mut Ctx, ticket: Ticket, result: &Result<(), Failure>) {
        if !matches!(&self.turn, TurnRegion::Streaming { ticket: t, .. } if *t == ticket) {
            return;
        }
        match (std::mem::replace(&mut self.turn, TurnRegion::Idle), result) {
            (TurnRegion::Streaming { assembly, attempt, silence, .. }, Err(failure))
                if !assembly.complete() =>
            {
                let fault = classify(failure);
                self.drop_attempt(
                    ctx,
                    *assembly,
                    attempt.after(silence, ctx.now.mono, &self.settings),
                    fault,
                );
            }
            (TurnRegion::Streaming { assembly, attempt, silence, .. }, _) => {
                self.finish_turn(ctx, *assembly, attempt.after(silence, ctx.now.mono, &self.settings));
            }
            (other, _) => self.turn = other,
        }
    }

    /// The watchdog, and the end of a back-off.
    pub(super) fn turn_deadlines(&mut self, ctx: &mut Ctx) {
        let now = ctx.now.mono;
        match std::mem::replace(&mut self.turn, TurnRegion::Idle) {
            TurnRegion::Streaming { ticket, assembly, attempt, silence }
                if now >= silence.since + silence.allowed_ms(&self.settings) =>
            {
                ctx.io.push(Effect::Cancel { ticket });
                let idle_ms = silence.allowed_ms(&self.settings);
                let attempt = attempt.after(silence, now, &self.settings);
                if assembly.complete() {
                    self.finish_turn(ctx, *assembly, attempt);
                } else {
                    let fault = ModelFault::new(
                        FaultKind::Timeout,
                        format!("no event from the model for {idle_ms} ms"),
                    );
                    self.drop_attempt(ctx, *assembly, attempt, fault);
                }
            }
            TurnRegion::BackingOff { attempt, until, looking: false } if now >= until => {
                self.look.fresh = false;
                self.turn = TurnRegion::BackingOff { attempt, until, looking: true };
                self.look_now(ctx);
            }
            TurnRegion::BackingOff { attempt, looking: true, .. }
                if self.look.fresh && self.may_start(ctx) =>
            {
                self.look.fresh = false;
                let attempt = Attempt { number: attempt.number + 1, ..attempt };
                self.stream(ctx, attempt, Vec::new());
            }
            other => self.turn = other,
        }
    }

    fn turn_failed(&mut self, ctx: &mut Ctx, fault: ModelFault) {
        if let TurnRegion::Streaming { ticket, assembly, attempt, silence } =
            std::mem::replace(&mut self.turn, TurnRegion::Idle)
        {
            ctx.io.push(Effect::Cancel { ticket });
            self.drop_attempt(ctx, *assembly, attempt.after(silence, ctx.now.mono, &self.settings), fault);
        }
    }

    /// Takes the turn that streams as it is; only where it is whole.
    pub(super) fn finish_streaming(&mut self, ctx: &mut Ctx) {
        match std::mem::replace(&mut self.turn, TurnRegion::Idle) {
            TurnRegion::Streaming { ticket, assembly, attempt, silence } => {
                ctx.io.push(Effect::Cancel { ticket });
                self.finish_turn(ctx, *assembly, attempt.after(silence, ctx.now.mono, &self.settings));
            }
            other => self.turn = other,
        }
    }

    fn finish_turn(&mut self, ctx: &mut Ctx, assembly: Assembly, attempt: Attempt) {
        let usage = assembly.usage();
        match assembly.finish(&Ids { facts: &self.facts }) {
            Ok(turn) if turn.stop == Stop::ContextWindow => {
                self.spent += usage.unwrap_or_else(Usage::unreported);
                let fault = ModelFault::new(FaultKind::Overflow, "the context window was exceeded");
                self.overflow(ctx, &attempt, &fault);
            }
            Ok(turn) if turn.content.is_empty() && !self.may_say_nothing(&turn.stop) => {
                let reason = format!("the turn ended with {} and no content", turn.stop.as_str());
                self.retry(ctx, usage, attempt, ModelFault::new(FaultKind::Empty, reason));
            }
            Ok(turn) => {
                if turn.content.is_empty() && turn.stop == Stop::MaxTokens {
                    ctx.io.log(LogLevel::Warn, NOTHING_BUT_REASONING);
                }
                let mut total = self.spent;
                total += usage.unwrap_or_else(Usage::unreported);
                self.spent = Usage::default();
                self.live_text.finished();
                self.look.fresh = false;
                self.turn =
                    TurnRegion::Ready(Box::new(Ready { message_id: attempt.message_id, turn, usage: total }));
            }
            Err(fault) => self.retry(ctx, usage, attempt, fault),
        }
    }

    /// After results it is the natural end of a turn; whoever has spent `max_tokens` on reasoning pauses.
    fn may_say_nothing(&self, stop: &Stop) -> bool {
        let live = &self.facts.live;
        match stop {
            Stop::MaxTokens => true,
            Stop::EndTurn | Stop::StopSequence => !live.calls.is_empty() && !live.message_waiting,
            _ => false,
        }
    }

    /// Asks once more, in words; who was asked so has failed.
    fn asked_in_vain(&mut self, ctx: &mut Ctx, attempt: &Attempt, fault: &ModelFault) {
        let nudge = Nudge::Silent;
        let asked = self.facts.live.texts.last().is_some_and(|said| said["text"] == nudge.text());
        if asked {
            self.end(ctx, Ending::new(How::Fail(fault.error())));
            return;
        }
        announce_retry(ctx, attempt, fault, 0);
        self.due_fact(Fact::Nudged {
            text: nudge.text().to_owned(),
            mistake: nudge.is_mistake(),
            identical: false,
        });
    }

    fn drop_attempt(&mut self, ctx: &mut Ctx, assembly: Assembly, attempt: Attempt, fault: ModelFault) {
        let usage = assembly.usage();
        self.retry(ctx, usage, attempt, fault);
    }

    fn retry(&mut self, ctx: &mut Ctx, usage: Option<Usage>, attempt: Attempt, fault: ModelFault) {
        self.spent += usage.unwrap_or_else(Usage::unreported);
        if fault.kind == FaultKind::Overflow {
            self.overflow(ctx, &attempt, &fault);
            return;
        }
        if fault.kind == FaultKind::Empty {
            self.asked_in_vain(ctx, &attempt, &fault);
            return;
        }
        if self.withholds(&fault) {
            announce_retry(ctx, &attempt, &fault, 0);
            return;
        }
        let random = ctx.io.rng.unit();
        let delay = |asked| self.settings.retry.delay(attempt.number, attempt.lost_ms, random, asked);
        let error = match (fault.kind.permanent(), delay(fault.retry_after_ms), fault.retry_after_ms) {
            (false, Some(delay), _) => {
                announce_retry(ctx, &attempt, &fault, delay);
                let attempt = Attempt { lost_ms: attempt.lost_ms + delay, ..attempt };
                self.turn = TurnRegion::BackingOff { attempt, until: ctx.now.mono + delay, looking: false };
                return;
            }
            // Without what the service asks for there would be another attempt.
            (false, None, Some(wait)) if delay(None).is_some() => fault.error_of_waiting(wait),
            _ => fault.error(),
        };
        self.end(ctx, Ending::new(How::Fail(error)));
    }

    /// Leaves out what the service refuses, once: its answer to that is its answer.
    fn withholds(&mut self, fault: &ModelFault) -> bool {
        if fault.kind != FaultKind::Invalid {
            return false;
        }
        let (model, words) = (self.author.clone(), fault.message.as_str());
        let never = unsupported_block(words).or_else(|| refuses_reasoning(words).then_some(REASONING));
        let withheld = never.filter(|block| !self.facts.withholds(model.as_deref(), block));
        let refused = refused_block(words).filter(|block| self.facts.live.shows(block));
        let fact = match (withheld, refused) {
            (Some(block), _) => Fact::Withheld { model, block: block.to_owned() },
            (None, Some(block)) => {
                let reason = excerpt(words, MAX_REASON_BYTES).to_owned();
                Fact::Refused { block: block.to_owned(), reason }
            }
            (None, None) => return false,
        };
        self.due_fact(fact);
        true
    }

    /// Cuts the last results or leaves older turns out, whichever takes more; fails where neither can be.
    fn overflow(&mut self, ctx: &mut Ctx, attempt: &Attempt, fault: &ModelFault) {
        let transcript = &self.facts.transcript;
        let largest = self.facts.live.largest_result();
        let shorter = (largest > SMALLEST_RESULT).then(|| Fact::Shortened { bytes: largest as u64 / 2 });
        let statement = self.facts.statement.as_deref().unwrap_or_default();
        let trimmed = || transcript.plan_trim(statement).map(|trim| Fact::Trimmed { trim });
        let smaller =
            if transcript.is_mostly_its_last() { shorter.or_else(trimmed) } else { trimmed().or(shorter) };
        match smaller {
            Some(fact) => {
                announce_retry(ctx, attempt, fault, 0);
                self.due_fact(fact);
            }
            None => self.end(ctx, Ending::new(How::Fail(fault.error()))),
        }
    }

    /// What a guardrail blocks again and again stands further back than what was masked: nothing of it stays.
    pub(super) fn leaves_out_what_was_blocked(&mut self) -> bool {
        let held = self.facts.live.held;
        if held < 2 {
            return false;
        }
        let statement = self.facts.statement.as_deref().filter(|_| held == 2).unwrap_or_default();
        let Some(trim) = self.facts.transcript.plan_trim_of_all(statement) else { return false };
        self.due_fact(Fact::Trimmed { trim });
        true
    }

    /// The fact of the turn that is ready.
    pub(super) fn turn_fact(&self, ready: &Ready) -> Fact {
        let mut total = self.facts.live.usage;
        total += ready.usage;
        Fact::Turn {
            message_id: ready.message_id.clone(),
            turn: ready.turn.clone(),
            model: self.author.clone(),
            usage: ready.usage,
            total,
        }
    }

    /// What a failed or paused turn has cost, where there is anything.
    pub(super) fn spent_fact(&self) -> Option<Fact> {
        let nothing = self.spent == Usage::default();
        let mut total = self.facts.live.usage;
        total += self.spent;
        (!nothing).then_some(Fact::Spent { usage: self.spent, total })
    }
}
