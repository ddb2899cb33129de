//! The region `control`: running, or ending in one of several ways, with the deadlines of the end.

use super::Ctx;
use super::compose::End;
use super::run::Run;
use super::turn::TurnRegion;
use crate::converse::Usage;
use crate::effect::Effect;
use crate::error::{Code, EngineError};
use crate::facts::fact::EndStatus;
use crate::facts::task::TaskDocument;
use crate::lifecycle::Status;
use crate::limits::Settings;
use crate::storage::head::{Head, LastRun};
use crate::storage::writer::Purpose;
use crate::store::FieldWrite;
use crate::time::{Instant, iso8601};

/// How the run is ending.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum How {
    /// The task stays in progress for another run.
    Yield(String),
    /// The task is completed already: its status is written again.
    Restore,
    /// By pause(), or by the status that others stored.
    Pause(Option<String>),
    /// By stop(), or by the status that others stored.
    Stop(Option<String>),
    /// For good.
    Fail(EngineError),
    /// Others set a status that is not a pause: it is kept.
    External,
}

impl How {
    /// A later end overrides an earlier one of lower rank.
    fn rank(&self) -> u8 {
        match self {
            How::Yield(_) | How::Restore => 0,
            How::Pause(_) => 1,
            How::Stop(_) => 2,
            How::Fail(_) => 3,
            How::External => 4,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Ending {
    pub how: How,
    pub by_register: bool,
    pub no_grace: bool,
    grace_until: Instant,
    grace_over: bool,
    hard: Instant,
}

impl Ending {
    pub fn new(how: How) -> Self {
        Ending {
            how,
            by_register: false,
            no_grace: false,
            grace_until: Instant(0),
            grace_over: false,
            hard: Instant(0),
        }
    }

    /// The deadlines of an end that is asked for now.
    fn time(&mut self, now: Instant, settings: &Settings) {
        self.grace_until = now + if self.no_grace { 0 } else { settings.grace_ms };
        self.hard = self.grace_until + settings.store_timeout_ms;
    }

    /// The status says paused.
    pub fn by_register(task: &TaskDocument) -> Self {
        let how = match task.abort_reason.clone() {
            Some(reason) => How::Stop(Some(reason).filter(|r| r != "stopped")),
            None => How::Pause(None),
        };
        Ending { by_register: true, ..Ending::new(how) }
    }
}

#[derive(Debug)]
pub(crate) enum Control {
    Running,
    Ending(Box<Ending>),
}

impl Control {
    pub fn is_ending(&self) -> bool {
        matches!(self, Control::Ending(_))
    }

    pub fn is_by_register(&self) -> bool {
        matches!(self, Control::Ending(e) if e.by_register)
    }

    pub fn ending(&self) -> Option<&Ending> {
        match self {
            Control::Running => None,
            Control::Ending(e) => Some(e),
        }
    }

    pub fn timeout(&self) -> Option<Instant> {
        self.ending().map(|e| if e.grace_over { e.hard } else { e.grace_until })
    }

    /// All storing is over by then.
    pub fn storing_until(&self) -> Option<Instant> {
        self.ending().map(|e| e.hard)
    }
}

impl Run {
    /// Ends as somebody here asks for.
    pub(super) fn wished(&mut self, ctx: &mut Ctx, mut ending: Ending) {
        ending.time(ctx.now.mono, &self.settings);
        if self.wish.as_ref().is_none_or(|wish| wish.how.rank() < ending.how.rank()) {
            self.wish = Some(ending.clone());
        }
        self.end(ctx, ending);
    }

    /// Begins to end, or lets a stronger end override a weaker one.
    pub(super) fn end(&mut self, ctx: &mut Ctx, mut ending: Ending) {
        self.cut_turn(ctx);
        let before = match &self.control {
            // The register holds one value at a time: of two that it held, the later one counts.
            Control::Ending(current)
                if current.how.rank() >= ending.how.rank()
                    && !(current.by_register && ending.by_register) =>
            {
                return;
            }
            Control::Ending(current) => Some((current.grace_until, current.hard)),
            Control::Running => None,
        };
        let at_once = ending.no_grace || matches!(ending.how, How::Stop(_) | How::External | How::Fail(_));
        ending.time(ctx.now.mono, &self.settings);
        if let Some((grace_until, hard)) = before {
            ending.grace_until = ending.grace_until.min(grace_until);
            ending.hard = ending.hard.min(hard);
        }
        if let Some(asked) = self.asked.take() {
            ctx.io.push(Effect::Cancel { ticket: asked.ticket });
        }
        if at_once {
            self.calls.abort(&mut ctx.io);
        }
        self.control = Control::Ending(Box::new(ending));
    }

    /// A turn that is not whole is dropped.
    fn cut_turn(&mut self, ctx: &mut Ctx) {
        let whole = matches!(&self.turn, TurnRegion::Streaming { assembly, .. } if assembly.complete());
        if whole {
            self.finish_streaming(ctx);
        }
        if self.turn.in_flight() {
            if let TurnRegion::Streaming { assembly, .. } = &self.turn {
                self.spent += assembly.usage().unwrap_or_else(Usage::unreported);
            }
            self.cut_something = true;
            self.turn.abort(&mut ctx.io);
        }
    }

    pub(super) fn closing_deadlines(&mut self, ctx: &mut Ctx) {
        let now = ctx.now.mono;
        let Control::Ending(ending) = &mut self.control else { return };
        if !ending.grace_over && now >= ending.grace_until {
            ending.grace_over = true;
            if !self.calls.none_running() {
                self.cut_something = true;
                self.calls.abort_all(&mut ctx.io);
            }
        }
        if now >= ending.hard {
            let e = EngineError::new(
                Code::StoreUnavailable,
                "The end of the run could not be stored in time: everything was aborted, and the stored status may \
                 still be the old one. Give the command again when the store answers; nothing stored is lost.",
            );
            self.interrupt(ctx, e);
        }
    }

    /// Gives the lease back where nothing is to be journaled.
    pub(super) fn release(&mut self, ctx: &mut Ctx, last_run: LastRun) {
        let head = Head { write_id: ctx.io.rng.id(), owner: None, last_run, ..self.head.clone() };
        self.send_head(ctx, head, Purpose::Release);
    }

    /// Writes `completed` again, which others have overwritten.
    pub(super) fn restore(&mut self, ctx: &mut Ctx) {
        let head = Head {
            write_id: ctx.io.rng.id(),
            owner: None,
            last_run: LastRun::Completed,
            ..self.head.clone()
        };
        let fields = vec![
            FieldWrite::set(&["status"], Status::Completed.as_str()),
            FieldWrite::set(&["updated_at"], iso8601(ctx.now.wall)),
        ];
        self.send_head_and(ctx, head, Purpose::Release, fields);
    }

    pub(super) fn released(&mut self, ctx: &mut Ctx) {
        if self.control.ending().is_some_and(|e| e.how == How::Restore) {
            ctx.io.push(Effect::Status { status: Status::Completed });
            self.outcome = Some(self.make_outcome("completed", None, None));
            return;
        }
        let reason = match self.control.ending().map(|e| &e.how) {
            Some(How::Yield(reason)) => Some(reason.clone()),
            _ => None,
        };
        self.outcome = Some(self.make_outcome("yielded", reason, None));
    }

    /// The commit that ends the run has landed.
    pub(super) fn ended(&mut self, ctx: &mut Ctx, end: End) {
        self.outcome = Some(match end {
            End::Released => {
                self.released(ctx);
                return;
            }
            End::For { status, reason, error } => {
                let name = match status {
                    EndStatus::Paused => "paused",
                    EndStatus::Stopped => "stopped",
                    EndStatus::Completed => "completed",
                    EndStatus::Failed => "failed",
                };
                self.make_outcome(name, reason, error)
            }
        });
    }
}
