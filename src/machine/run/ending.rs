//! Ends of a run that are not stored as its own, its outcome, and the answers to whoever waits for it.

use super::Run;
use crate::effect::{Effect, Ticket};
use crate::error::{Code, EngineError};
use crate::json::json;
use crate::machine::{Ctx, Outcome};
use serde_json::Value;
use std::ops::ControlFlow;

/// How it goes on: it does, or the run is over.
pub(crate) type Flow = ControlFlow<Box<Outcome>>;

/// The run goes on.
pub(crate) const GOES_ON: Flow = ControlFlow::Continue(());

impl Run {
    pub fn superseded(&self) -> Flow {
        self.over("superseded", None, None)
    }

    pub fn task_gone(&self, ctx: &Ctx) -> Flow {
        let e = crate::machine::refusal::task_not_found(&ctx.cfg.user_id, &ctx.cfg.task_id);
        self.over("interrupted", None, Some(e))
    }

    /// Ends the run where it stands: the task stays as it is stored, for another run to take up.
    pub fn interrupt(&self, ctx: &mut Ctx, error: EngineError) -> Flow {
        let payload = json!({ "error": error.message, "code": error.code, "retryable": error.retryable });
        ctx.emit_live("task:error", payload);
        self.over("interrupted", None, Some(error))
    }

    /// The run is over.
    pub fn over(&self, status: &'static str, reason: Option<String>, error: Option<EngineError>) -> Flow {
        ControlFlow::Break(self.outcome(status, reason, error))
    }

    /// What is said of a run that is over, by the facts as they are stored.
    pub fn outcome(
        &self,
        status: &'static str,
        reason: Option<String>,
        error: Option<EngineError>,
    ) -> Box<Outcome> {
        let ended = matches!(status, "completed" | "paused" | "stopped" | "failed" | "superseded")
            || error.as_ref().is_some_and(|e| e.code == Code::TaskNotFound);
        Box::new(Outcome {
            status,
            text: self.facts.last_text.to_string(),
            usage: self.facts.live.usage,
            items: self.facts.item_texts.clone(),
            reason,
            unfinished: !ended,
            error,
        })
    }

    /// Aborts what is still open.
    pub(super) fn clear(&mut self, ctx: &mut Ctx) {
        self.turn.abort(ctx);
        self.live_text.abort(&mut ctx.io);
        self.calls.abort_all(&mut ctx.io);
        self.host.cancel(&mut ctx.io);
        if ctx.cfg.has_watch && ctx.cfg.drives {
            ctx.io.push(Effect::Watch { paths: Vec::new() });
        }
    }

    /// Answers whoever waits for the end.
    pub fn answer(&mut self, ctx: &mut Ctx, outcome: &Outcome) {
        if outcome.error.is_none() && self.beginning.tell() {
            ctx.io.push(Effect::Settle { ticket: Ticket::STARTED, result: Ok(Value::Null) });
        }
        let wishes = std::mem::take(&mut self.wishes);
        for (ticket, result) in wishes.settle(outcome.status, outcome.error.as_ref()) {
            ctx.io.push(Effect::Settle { ticket, result });
        }
    }
}
