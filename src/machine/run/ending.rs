//! Ends of a run that are not stored as its own, its outcome, and the answers to whoever waits for it.

use super::Run;
use crate::effect::{Effect, Ticket};
use crate::error::{Code, EngineError};
use crate::machine::{Ctx, Outcome};
use serde_json::{Value, json};

impl Run {
    pub fn superseded(&mut self) {
        self.outcome = Some(self.make_outcome("superseded", None, None));
    }

    pub fn task_gone(&mut self, ctx: &Ctx) {
        let e = crate::machine::refusal::task_not_found(&ctx.cfg.user_id, &ctx.cfg.task_id);
        self.outcome = Some(self.make_outcome("interrupted", None, Some(e)));
    }

    /// Ends the run where it stands: the task stays as it is stored, for another run to take up.
    pub fn interrupt(&mut self, ctx: &mut Ctx, error: EngineError) {
        let payload = json!({ "error": error.message, "code": error.code, "retryable": error.retryable });
        ctx.emit_live("task:error", payload);
        self.outcome = Some(self.make_outcome("interrupted", None, Some(error)));
    }

    pub fn make_outcome(
        &self,
        status: &'static str,
        reason: Option<String>,
        error: Option<EngineError>,
    ) -> Outcome {
        let ended = matches!(status, "completed" | "paused" | "stopped" | "failed" | "superseded")
            || error.as_ref().is_some_and(|e| e.code == Code::TaskNotFound);
        Outcome {
            status,
            text: self.facts.last_text.to_string(),
            usage: self.facts.live.usage,
            items: self.facts.item_texts.clone(),
            reason,
            unfinished: !ended,
            error,
        }
    }

    /// Aborts what is still open and answers whoever waits for the end.
    pub(super) fn clear(&mut self, ctx: &mut Ctx, outcome: &Outcome) {
        self.turn.abort(ctx);
        self.live_text.abort(&mut ctx.io);
        self.calls.abort_all(&mut ctx.io);
        self.host.cancel(&mut ctx.io);
        if ctx.cfg.has_watch && ctx.cfg.drives {
            ctx.io.push(Effect::Watch { paths: Vec::new() });
        }
        if outcome.error.is_none() && self.beginning.tell() {
            ctx.io.push(Effect::Settle { ticket: Ticket::STARTED, result: Ok(Value::Null) });
        }
        let wishes = std::mem::take(&mut self.wishes);
        for (ticket, result) in wishes.settle(outcome.status, outcome.error.as_ref()) {
            ctx.io.push(Effect::Settle { ticket, result });
        }
    }
}
