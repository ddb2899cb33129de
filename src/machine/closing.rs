//! What follows for a run from how it is to end.

use super::Ctx;
use super::compose::End;
use super::run::{Flow, GOES_ON, Run};
use super::wishes::How;
use crate::effect::Effect;
use crate::error::{Code, EngineError};
use crate::facts::fact::EndStatus;
use crate::lifecycle::Status;
use crate::storage::head::Head;
use crate::storage::writer::Purpose;
use crate::store::FieldWrite;
use crate::time::iso8601;

impl Run {
    /// The run itself comes to its end.
    pub(super) fn end(&mut self, ctx: &mut Ctx, how: How) {
        self.wishes.ends(how, true, ctx.now.mono);
        self.obey_wishes(ctx);
    }

    /// Stops what an end in force leaves no time for.
    pub(super) fn obey_wishes(&mut self, ctx: &mut Ctx) {
        if !self.wishes.is_ending() {
            return;
        }
        let (events, cuts) = self.turn.cut(ctx, &self.facts);
        self.cut_something |= cuts;
        self.turned(ctx, events);
        self.host.cancel(&mut ctx.io);
        if self.wishes.is_at_once() {
            self.calls.abort(&mut ctx.io);
        }
    }

    pub(super) fn closing_deadlines(&mut self, ctx: &mut Ctx) -> Flow {
        let now = ctx.now.mono;
        if self.wishes.is_grace_over(now) && !self.calls.none_running() {
            self.cut_something = true;
            self.calls.abort_all(&mut ctx.io);
        }
        if self.wishes.storing_until().is_some_and(|until| now >= until) {
            let e = EngineError::new(
                Code::StoreUnavailable,
                "The end of the run could not be stored in time: everything was aborted, and the stored status may \
                 still be the old one. Give the command again when the store answers; nothing stored is lost.",
            );
            return self.interrupt(ctx, e);
        }
        GOES_ON
    }

    /// Writes `completed` again, which others have overwritten.
    pub(super) fn restore(&mut self, ctx: &mut Ctx) {
        let head = Head { write_id: ctx.io.rng.id(), owner: None, ..self.lease.head().clone() };
        let fields = vec![
            FieldWrite::set(&["status"], Status::Completed.as_str()),
            FieldWrite::set(&["updated_at"], iso8601(ctx.now.wall)),
        ];
        self.send_head_and(ctx, head, Purpose::Release, fields);
    }

    pub(super) fn released(&self, ctx: &mut Ctx) -> Flow {
        if self.beginning.restores() {
            ctx.io.push(Effect::Status { status: Status::Completed });
            return self.over("completed", None, None);
        }
        let reason = match self.wishes.in_force() {
            Some(How::Yield(reason)) => Some(reason.clone()),
            _ => None,
        };
        self.over("yielded", reason, None)
    }

    /// The commit that ends the run has landed.
    pub(super) fn ended(&self, ctx: &mut Ctx, end: End) -> Flow {
        match end {
            End::Released => self.released(ctx),
            End::For { status, reason, error } => {
                let name = match status {
                    EndStatus::Paused => "paused",
                    EndStatus::Stopped => "stopped",
                    EndStatus::Completed => "completed",
                    EndStatus::Failed => "failed",
                };
                self.over(name, reason, error)
            }
        }
    }
}
