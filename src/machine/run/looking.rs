//! What a run has to know: looks at task and inbox, questions to the host, the register.

use super::{Flow, GOES_ON, Run};
use crate::effect::{Effect, Question};
use crate::error::EngineError;
use crate::facts::fold::Facts;
use crate::lifecycle::Status;
use crate::limits::Settings;
use crate::machine::Ctx;
use crate::machine::compose::{Need, OnItsWay, prompt_context};
use crate::machine::desk;
use crate::machine::host::Asking;
use crate::machine::lease::Lease;
use crate::machine::wishes::How;
use serde_json::Value;
use std::rc::Rc;

impl Run {
    /// Sees to what has to be known before more can be stored.
    pub(super) fn fetch(&mut self, ctx: &mut Ctx, need: Need) {
        let (question, what) = match need {
            Need::Look => return self.desk.look(ctx, &self.settings),
            Need::Wait => return,
            _ if self.host.is_asked() => return,
            Need::Vet(calls) => {
                let ids = calls.iter().map(|c| c.id.clone()).collect();
                (Question::Vet { task: self.tell_task(ctx), calls }, Asking::Vet(ids))
            }
            Need::Prompt(item) => {
                let context = prompt_context(self.desk.task(), &item);
                (Question::Prompt { task: self.tell_task(ctx), context }, Asking::Prompt(item.key.clone()))
            }
            Need::LookUp(call) => {
                let id = call.id.clone();
                (Question::LookUp { call }, Asking::LookUp(id))
            }
        };
        let until = ctx.now.mono + self.settings.callback_timeout_ms;
        self.host.ask(question, what, until, &mut ctx.io);
    }

    fn tell_task(&mut self, ctx: &Ctx) -> Option<Rc<Value>> {
        self.host.tell(self.desk.task(), self.desk.version(), &ctx.cfg.task_id)
    }

    /// What a look has found.
    pub(super) fn looked(&mut self, ctx: &mut Ctx, event: Option<desk::Event>) -> Flow {
        match event {
            None => GOES_ON,
            Some(desk::Event::TaskChanged) => {
                self.beginning.task_changed(self.desk.task());
                self.import_old_history();
                self.obey_register(ctx);
                GOES_ON
            }
            Some(desk::Event::TaskGone) => self.task_gone(ctx),
            Some(desk::Event::Superseded) => self.superseded(),
            Some(desk::Event::Fails(e)) => self.interrupt(ctx, e),
        }
    }

    /// The stored status is a register.
    fn obey_register(&mut self, ctx: &mut Ctx) {
        let task = self.desk.task();
        let how = match task.status {
            Status::InProgress => {
                if self.wishes.taken_back(ctx.now.mono) {
                    // What was aborted and has not answered has an unknown outcome.
                    self.calls.give_up_aborted();
                    self.turn.goes_on(ctx);
                    self.cut_something = false;
                }
                return;
            }
            // The run has not stored its beginning: the status is still the one that it began from.
            _ if self.beginning.is_from(task) => return,
            // Others have restored it.
            Status::Completed if self.beginning.restores() && self.nothing_is_open() => return,
            Status::Paused => How::by_register(task.abort_reason.as_deref()),
            Status::Completed | Status::Failed | Status::NotStarted => {
                ctx.io.push(Effect::Status { status: task.status });
                How::External
            }
        };
        self.wishes.registered(how, ctx.now.mono);
        self.obey_wishes(ctx);
    }

    /// A callback that failed ends the run.
    pub(super) fn needs_answer(&mut self, ctx: &mut Ctx, answered: Result<(), EngineError>) {
        if let Err(e) = answered {
            self.end(ctx, How::Fail(e));
        }
    }
}

pub(super) fn desk_around<'a>(
    facts: &'a Facts,
    settings: &'a Settings,
    lease: &'a Lease<OnItsWay>,
    ctx: &Ctx,
) -> desk::Around<'a> {
    desk::Around {
        facts,
        settings,
        head: lease.head(),
        writes_task: lease.carries().is_some_and(|sent| !sent.task_fields.is_empty()),
        commits: !lease.is_idle(),
        may_start: lease.may_start(&ctx.clock),
    }
}
