//! What is left of a run that is over: hearing of the commit on its way, answering whoever waits for the end, and giving
//! the lease back after an end where it stood, so that whoever comes next need not wait until it runs out.

use super::lease::Outcome as Resolved;
use super::run::Run;
use super::{Ctx, Outcome};
use crate::effect::Input;
use crate::error::Code;
use crate::storage::writer::Purpose;
use crate::time::Instant;
use std::ops::ControlFlow;

#[derive(Debug)]
pub(crate) struct Leaving {
    run: Box<Run>,
    outcome: Box<Outcome>,
}

type Next = Result<Leaving, Box<Outcome>>;

impl Leaving {
    /// Begins to leave; the outcome at once where nothing is left to do, or no store answers.
    pub fn begin(ctx: &mut Ctx, mut run: Box<Run>, outcome: Box<Outcome>) -> Next {
        let hears = !run.lease.is_idle() && !is_silent(&outcome);
        if let Some(until) = run.wishes.storing_until() {
            run.lease.limit(until);
        }
        let leaving = Leaving { run, outcome };
        if hears { Ok(leaving) } else { leaving.go_on(ctx, true) }
    }

    pub fn timeout(&self) -> Option<Instant> {
        self.run.lease.timeout()
    }

    /// The outcome, once the lease is given back or lost.
    pub fn handle(self, ctx: &mut Ctx, input: &Input) -> Next {
        let Leaving { mut run, mut outcome } = self;
        let is_ours = match run.lease.handle(input, &ctx.clock, &mut ctx.io) {
            None => return Ok(Leaving { run, outcome }),
            Some(Resolved::Stored { purpose, carried, superseded }) => {
                if let Some(sent) = carried {
                    let landed = match purpose {
                        Purpose::Entry(entry) => run.landed(ctx, &entry, sent, superseded),
                        _ => run.released(ctx),
                    };
                    outcome = match landed {
                        ControlFlow::Break(ended) => ended,
                        ControlFlow::Continue(()) => {
                            run.outcome(outcome.status, outcome.reason, outcome.error)
                        }
                    };
                }
                !superseded
            }
            Some(Resolved::TaskChanged { .. }) => true,
            Some(Resolved::Lost { .. }) => false,
        };
        Leaving { run, outcome }.go_on(ctx, is_ours)
    }

    /// No commit is on its way.
    fn go_on(mut self, ctx: &mut Ctx, is_ours: bool) -> Next {
        self.run.answer(ctx, &self.outcome);
        let lease = &mut self.run.lease;
        if self.outcome.status != "interrupted"
            || is_silent(&self.outcome)
            || !is_ours
            || lease.head().owner.is_none()
        {
            return Err(self.outcome);
        }
        let attempts = lease.head().attempts;
        lease.give_back(true, attempts, &ctx.clock, &mut ctx.io);
        Ok(self)
    }
}

fn is_silent(outcome: &Outcome) -> bool {
    outcome.error.as_ref().is_some_and(|e| e.code == Code::StoreUnavailable)
}
