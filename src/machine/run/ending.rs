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
        let e = crate::machine::opening::task_not_found(&ctx.cfg.user_id, &ctx.cfg.task_id);
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
        self.turn.abort(&mut ctx.io);
        self.live_text.abort(&mut ctx.io);
        self.calls.abort_all(&mut ctx.io);
        if let Some(asked) = self.asked.take() {
            ctx.io.push(Effect::Cancel { ticket: asked.ticket });
        }
        if ctx.cfg.has_watch && ctx.cfg.drives {
            ctx.io.push(Effect::Watch { paths: Vec::new() });
        }
        if !self.started && outcome.error.is_none() {
            ctx.io.push(Effect::Settle { ticket: Ticket::STARTED, result: Ok(Value::Null) });
        }
        for (n, (ticket, yields)) in std::mem::take(&mut self.waiters).into_iter().enumerate() {
            let result = match outcome.status {
                _ if yields || n < self.answered => Ok(Value::Null),
                // Whoever came later, when others may have gone on already, is not answered by this end: the command
                // goes to the store.
                "paused" | "stopped" | "completed" | "failed" => continue,
                "superseded" => Err(crate::machine::opening::lease_held("another run", 0)),
                "yielded" => Err(EngineError::new(
                    Code::InvalidTransition,
                    "The run yielded before it could be paused or stopped. Give the command again.",
                )),
                _ => Err(outcome
                    .error
                    .clone()
                    .unwrap_or_else(|| EngineError::new(Code::StoreUnavailable, "The run was interrupted."))),
            };
            ctx.io.push(Effect::Settle { ticket, result });
        }
    }
}
