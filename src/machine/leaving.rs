//! Giving the lease back after a run that ended where it stood: whoever comes next need not wait until it runs out.

use super::lease::{Lease, Outcome as Resolved};
use super::run::OnItsWay;
use super::{Ctx, Outcome};
use crate::effect::Input;
use crate::error::Code;
use crate::time::Instant;

#[derive(Debug)]
pub(crate) struct Leaving {
    lease: Lease<OnItsWay>,
    outcome: Box<Outcome>,
}

impl Leaving {
    /// Begins to give the lease back; the outcome at once where there is nothing to give back, or no store that answers.
    pub fn begin(
        ctx: &mut Ctx,
        lease: Lease<OnItsWay>,
        outcome: Box<Outcome>,
    ) -> Result<Leaving, Box<Outcome>> {
        let silent = |code: Code| code == Code::StoreUnavailable;
        let lost = outcome.error.as_ref().is_none_or(|e| silent(e.code));
        if outcome.status != "interrupted" || lost || lease.head().owner.is_none() {
            return Err(outcome);
        }
        let mut leaving = Leaving { lease, outcome };
        leaving.give_back(ctx);
        Ok(leaving)
    }

    pub fn timeout(&self) -> Option<Instant> {
        self.lease.timeout()
    }

    /// The outcome, once the lease is given back or lost.
    pub fn handle(mut self: Box<Self>, ctx: &mut Ctx, input: &Input) -> Result<Box<Self>, Box<Outcome>> {
        match self.lease.handle(input, &ctx.clock, &mut ctx.io) {
            None => Ok(self),
            // What was on its way already.
            Some(Resolved::Stored { superseded: false, .. } | Resolved::TaskChanged { .. })
                if self.lease.head().owner.is_some() =>
            {
                self.give_back(ctx);
                Ok(self)
            }
            Some(_) => Err(self.outcome),
        }
    }

    fn give_back(&mut self, ctx: &mut Ctx) {
        if self.lease.is_idle() {
            let attempts = self.lease.head().attempts;
            self.lease.give_back(true, attempts, &ctx.clock, &mut ctx.io);
        }
    }
}
