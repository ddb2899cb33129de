//! The room `turn`: opening and streaming a model turn, its watchdog, dropping and trying again, what that cost, and the
//! mirror of the request.

mod attempt;
mod given_up;
mod hearing;
mod mirror;

use super::Ctx;
use crate::converse::{Assembly, FaultKind, ModelFault, RequestOp, Stop, ToolUseIds, Turn as Whole, Usage};
use crate::effect::{Effect, LogLevel};
use crate::error::EngineError;
use crate::facts::fact::Fact;
use crate::facts::fold::Facts;
use crate::limits::Settings;
use crate::time::Instant;
use attempt::{Attempt, Silence, State};
use given_up::announce_retry;
pub(crate) use given_up::blocked_again;
pub(crate) use mirror::Mirror;

const NOTHING_BUT_REASONING: &str = "The model used up max_tokens for reasoning alone. Raise maxTokens of its \
     inferenceConfig, or lower its thinking budget, then resume the task.";

/// A turn that is whole and waits for its commit.
#[derive(Clone, Debug)]
pub(crate) struct Ready {
    pub message_id: String,
    pub turn: Whole,
    /// Of all attempts.
    pub usage: Usage,
}

/// What others have to know of a turn.
#[derive(Debug)]
pub(crate) enum Event {
    /// The model is asked.
    Opened { message_id: String, attempt: u32 },
    /// It says this to the user.
    Said(String),
    /// The turn is whole.
    Ready,
    /// Task and inbox are to be looked at before the model is asked again.
    Looks,
    /// A fact for the next commit.
    Due(Box<Fact>),
    /// No attempt is left.
    Fails(EngineError),
}

/// What a turn depends on.
#[derive(Clone, Copy)]
pub(crate) struct Around<'a> {
    pub facts: &'a Facts,
    pub settings: &'a Settings,
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

#[derive(Debug, Default)]
pub(crate) struct Turn {
    state: State,
    /// Usage of attempts that led to nothing.
    spent: Usage,
    /// What an end that may be taken back has cut while it streamed.
    cut: Option<Attempt>,
    mirror: Mirror,
}

impl Turn {
    /// The model is being asked, or will be again.
    pub fn in_flight(&self) -> bool {
        matches!(self.state, State::Streaming { .. } | State::BackingOff { .. })
    }

    pub fn is_streaming(&self) -> bool {
        matches!(self.state, State::Streaming { .. })
    }

    pub fn ready(&self) -> Option<&Ready> {
        if let State::Ready(ready) = &self.state { Some(ready) } else { None }
    }

    /// Of the request, and of whom it asks.
    pub fn mirror(&mut self) -> &mut Mirror {
        &mut self.mirror
    }

    /// Nothing of it is wanted any more.
    pub fn abort(&mut self, ctx: &mut Ctx) {
        if let State::Streaming { ticket, .. } = &self.state {
            ctx.io.push(Effect::Cancel { ticket: *ticket });
        }
        if self.in_flight() {
            self.state = State::Idle;
        }
    }

    /// The run ends: a turn that is whole is taken as it is, any other is dropped. Whether that cut something.
    pub fn cut(&mut self, ctx: &mut Ctx, facts: &Facts) -> (Vec<Event>, bool) {
        let cuts = self.in_flight();
        match std::mem::take(&mut self.state) {
            State::Streaming { ticket, assembly, attempt, .. } => {
                ctx.io.push(Effect::Cancel { ticket });
                let usage = assembly.usage();
                if let Ok(turn) = whole(facts, *assembly) {
                    return (vec![self.is_ready(ctx, turn, usage, attempt.message_id)], false);
                }
                self.spent += usage.unwrap_or_else(Usage::unreported);
                self.cut = Some(attempt);
            }
            State::BackingOff { .. } => {}
            other => self.state = other,
        }
        (Vec::new(), cuts)
    }

    /// The end was taken back that has cut a turn: its deltas belong to nothing.
    pub fn goes_on(&mut self, ctx: &mut Ctx) {
        if let Some(attempt) = self.cut.take() {
            announce_retry(ctx, &attempt, &ModelFault::new(FaultKind::Cut, ""), 0);
        }
    }

    /// Gives the turn up that no commit can hold; what it has cost is stored with the end.
    pub fn give_up(&mut self) {
        match std::mem::take(&mut self.state) {
            State::Ready(ready) => self.spent += ready.usage,
            other => self.state = other,
        }
    }

    /// The turn that was ready is stored.
    pub fn stored(&mut self) {
        self.state = State::Idle;
    }

    pub fn timeout(&self, settings: &Settings) -> Option<Instant> {
        match &self.state {
            State::Streaming { silence, .. } => Some(silence.since + silence.allowed_ms(settings)),
            // The reply to the look wakes the machine, and that to a renewal where the lease is not fresh.
            State::BackingOff { until, looking, .. } => Some(*until).filter(|_| !looking),
            State::Idle | State::Ready(_) => None,
        }
    }

    /// Asks the model.
    pub fn open(&mut self, ctx: &mut Ctx, ops: Vec<RequestOp>) -> Event {
        let attempt = Attempt { message_id: format!("m-{}", ctx.io.rng.id()), number: 1, lost_ms: 0 };
        self.stream(ctx, attempt, ops)
    }

    fn stream(&mut self, ctx: &mut Ctx, attempt: Attempt, ops: Vec<RequestOp>) -> Event {
        let ticket = ctx.io.ticket();
        ctx.io.push(Effect::Converse {
            ticket,
            ops,
            message_id: attempt.message_id.clone(),
            attempt: attempt.number,
        });
        let opened = Event::Opened { message_id: attempt.message_id.clone(), attempt: attempt.number };
        self.state = State::Streaming {
            ticket,
            assembly: Box::new(Assembly::new()),
            attempt,
            silence: Silence { since: ctx.now.mono, begun: false, lost_ms: 0 },
        };
        opened
    }

    /// The watchdog, and the end of a back-off; `has_looked`: task and inbox were looked at since, and the lease allows
    /// to ask.
    pub fn deadlines(&mut self, ctx: &mut Ctx, around: Around<'_>, has_looked: bool) -> Vec<Event> {
        let now = ctx.now.mono;
        match std::mem::take(&mut self.state) {
            State::Streaming { ticket, assembly, attempt, silence }
                if now >= silence.since + silence.allowed_ms(around.settings) =>
            {
                ctx.io.push(Effect::Cancel { ticket });
                let idle_ms = silence.allowed_ms(around.settings);
                let attempt = attempt.after(silence, now, around.settings);
                if assembly.complete() {
                    return self.finish(ctx, around, *assembly, attempt);
                }
                let silent = format!("no event from the model for {idle_ms} ms");
                let fault = ModelFault::new(FaultKind::Timeout, silent);
                self.retry(ctx, around, assembly.usage(), attempt, fault)
            }
            State::BackingOff { attempt, until, looking: false } if now >= until => {
                self.state = State::BackingOff { attempt, until, looking: true };
                vec![Event::Looks]
            }
            State::BackingOff { attempt, looking: true, .. } if has_looked => {
                let attempt = Attempt { number: attempt.number + 1, ..attempt };
                vec![self.stream(ctx, attempt, Vec::new())]
            }
            other => {
                self.state = other;
                Vec::new()
            }
        }
    }

    fn finish(
        &mut self,
        ctx: &mut Ctx,
        around: Around<'_>,
        assembly: Assembly,
        attempt: Attempt,
    ) -> Vec<Event> {
        let usage = assembly.usage();
        match whole(around.facts, assembly) {
            Ok(turn) => vec![self.is_ready(ctx, turn, usage, attempt.message_id)],
            Err(fault) => self.retry(ctx, around, usage, attempt, fault),
        }
    }

    fn is_ready(&mut self, ctx: &mut Ctx, turn: Whole, usage: Option<Usage>, message_id: String) -> Event {
        if turn.content.is_empty() && turn.stop == Stop::MaxTokens {
            ctx.io.log(LogLevel::Warn, NOTHING_BUT_REASONING);
        }
        let mut total = std::mem::take(&mut self.spent);
        total += usage.unwrap_or_else(Usage::unreported);
        self.state = State::Ready(Box::new(Ready { message_id, turn, usage: total }));
        Event::Ready
    }

    /// The fact of a turn that is ready.
    pub fn fact(&self, ready: &Ready, facts: &Facts) -> Fact {
        let mut total = facts.live.usage;
        total += ready.usage;
        Fact::Turn {
            message_id: ready.message_id.clone(),
            turn: ready.turn.clone(),
            model: self.mirror.author().map(str::to_owned),
            usage: ready.usage,
            total,
        }
    }

    /// What a failed or paused turn has cost, where there is anything.
    pub fn spent_fact(&self, facts: &Facts) -> Option<Fact> {
        let nothing = self.spent == Usage::default();
        let mut total = facts.live.usage;
        total += self.spent;
        (!nothing).then_some(Fact::Spent { usage: self.spent, total })
    }
}

/// The turn that has arrived, or why it is none that could be stored.
fn whole(facts: &Facts, assembly: Assembly) -> Result<Whole, ModelFault> {
    let turn = assembly.finish(&Ids { facts })?;
    if turn.stop == Stop::ContextWindow {
        return Err(ModelFault::new(FaultKind::Overflow, "the context window was exceeded"));
    }
    if turn.content.is_empty() && !may_say_nothing(facts, &turn.stop) {
        let reason = format!("the turn ended with {} and no content", turn.stop.as_str());
        return Err(ModelFault::new(FaultKind::Empty, reason));
    }
    Ok(turn)
}

/// After results alone it is the natural end of a turn; whoever has spent `max_tokens` on reasoning pauses.
fn may_say_nothing(facts: &Facts, stop: &Stop) -> bool {
    match stop {
        Stop::MaxTokens => true,
        Stop::EndTurn | Stop::StopSequence => !facts.live.calls.is_empty() && facts.live.texts.is_empty(),
        _ => false,
    }
}
