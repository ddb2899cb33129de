//! What the model's stream says, and its end.

use super::attempt::State;
use super::{Around, Event, Ids, Turn};
use crate::converse::{Failure, FaultKind, Live, ModelFault, classify};
use crate::effect::{Effect, Ticket};
use crate::facts::announce::event;
use crate::json::json;
use crate::machine::Ctx;
use crate::time::Instant;
use serde_json::Value;

impl Turn {
    /// A piece of the text. Whether it is wanted; what follows where it breaks the turn.
    pub fn text_delta(
        &mut self,
        ctx: &mut Ctx,
        around: Around<'_>,
        (ticket, index): (Ticket, u32),
        delta: &str,
    ) -> Result<bool, Vec<Event>> {
        self.heard_from(ticket, ctx.now.mono);
        let State::Streaming { ticket: t, assembly, .. } = &mut self.state else { return Ok(false) };
        if *t != ticket {
            return Ok(false);
        }
        match assembly.text(index, delta) {
            Ok(()) if assembly.bytes() <= ctx.cfg.limits.commit_bytes => Ok(true),
            Ok(()) => Err(self.failed(ctx, around, outgrown())),
            Err(fault) => Err(self.failed(ctx, around, fault)),
        }
    }

    /// Any event of the stream.
    pub fn streamed(
        &mut self,
        ctx: &mut Ctx,
        around: Around<'_>,
        ticket: Ticket,
        said: &Value,
    ) -> Vec<Event> {
        self.heard_from(ticket, ctx.now.mono);
        let State::Streaming { ticket: t, assembly, attempt, .. } = &mut self.state else {
            return Vec::new();
        };
        if *t != ticket {
            return Vec::new();
        }
        match assembly.event(said, &Ids { facts: around.facts }) {
            Ok(_) if assembly.bytes() > ctx.cfg.limits.commit_bytes => {
                return self.failed(ctx, around, outgrown());
            }
            Ok(None) => {}
            Ok(Some(Live::Reasoning(delta))) => {
                let payload = json!({ "taskId": ctx.cfg.task_id, "delta": delta });
                ctx.io.push(Effect::Emit { event: event("task:reasoning", payload) });
            }
            Ok(Some(Live::ToolInput { id, name, delta })) => {
                let payload = json!({
                    "messageId": attempt.message_id, "attempt": attempt.number,
                    "toolCallId": id, "name": name, "delta": delta,
                });
                ctx.emit_live("task:tool_input", payload);
            }
            Ok(Some(Live::Text(delta))) => {
                let payload = json!({
                    "messageId": attempt.message_id, "attempt": attempt.number, "role": "assistant",
                    "content": delta, "streaming": true,
                });
                ctx.emit_live("task:message", payload);
                return vec![Event::Said(delta)];
            }
            // What follows messageStop cannot take the turn back.
            Err(_) if assembly.complete() => {}
            Err(fault) => return self.failed(ctx, around, fault),
        }
        Vec::new()
    }

    /// The stream has ended.
    pub fn stream_ended(
        &mut self,
        ctx: &mut Ctx,
        around: Around<'_>,
        ticket: Ticket,
        result: &Result<(), Failure>,
    ) -> Vec<Event> {
        if !matches!(&self.state, State::Streaming { ticket: t, .. } if *t == ticket) {
            return Vec::new();
        }
        match (std::mem::take(&mut self.state), result) {
            (State::Streaming { assembly, attempt, silence, .. }, Err(failure)) if !assembly.complete() => {
                let attempt = attempt.after(silence, ctx.now.mono, around.settings);
                self.retry(ctx, around, assembly.usage(), attempt, classify(failure))
            }
            (State::Streaming { assembly, attempt, silence, .. }, _) => {
                let attempt = attempt.after(silence, ctx.now.mono, around.settings);
                self.finish(ctx, around, *assembly, attempt)
            }
            (other, _) => {
                self.state = other;
                Vec::new()
            }
        }
    }

    fn failed(&mut self, ctx: &mut Ctx, around: Around<'_>, fault: ModelFault) -> Vec<Event> {
        match std::mem::take(&mut self.state) {
            State::Streaming { ticket, assembly, attempt, silence } => {
                ctx.io.push(Effect::Cancel { ticket });
                let attempt = attempt.after(silence, ctx.now.mono, around.settings);
                self.retry(ctx, around, assembly.usage(), attempt, fault)
            }
            other => {
                self.state = other;
                Vec::new()
            }
        }
    }

    /// An event of the stream has come.
    fn heard_from(&mut self, from: Ticket, now: Instant) {
        if let State::Streaming { ticket, silence, .. } = &mut self.state {
            if *ticket != from {
                return;
            }
            silence.lost_ms += if silence.begun { 0 } else { now - silence.since };
            (silence.since, silence.begun) = (now, true);
        }
    }
}

fn outgrown() -> ModelFault {
    ModelFault::new(FaultKind::TooLarge, "")
}
