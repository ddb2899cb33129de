//! How a command is written down: each step names one thing to do outside and holds what follows its answer.
//!
//! What follows consumes what was known so far, so a step can be taken once only, and a command reads from top to
//! bottom although it waits in between.

use super::Config;
use super::sending::{Sending, Sent};
use crate::effect::{Effect, Input, Machine, Question, Ticket};
use crate::error::EngineError;
use crate::facts::fold::Facts;
use crate::ids::Paths;
use crate::machine::lease::{Acquiring, Lease, Outcome, Taken};
use crate::storage::io::{Fetch, Found, Io, Want};
use crate::storage::loader::Loader;
use crate::storage::writer::Loss;
use crate::store::{StoreWrite, StoredDocument};
use crate::time::{Clock, Instant, Now};
use serde_json::Value;

/// What every step works with.
pub(crate) struct Ctx {
    /// Deadlines go by it.
    pub now: Now,
    /// Leases go by its real time.
    pub clock: Clock,
    pub io: Io,
    pub cfg: Config,
    pub paths: Paths,
    pub watching: bool,
}

pub(crate) type Then<T> = Box<dyn FnOnce(&mut Ctx, T) -> Step>;

/// What a command waits for, and what follows.
pub(crate) enum Step {
    Reading(Fetch, Then<Result<Found, EngineError>>),
    Sending(Sending, Then<Sent>),
    Acquiring(Box<Acquiring>, Then<Taken<()>>),
    /// Until nothing is on its way under the lease.
    Committing(Box<Lease<()>>, Then<(Box<Lease<()>>, Outcome<()>)>),
    /// Under a lease that is renewed meanwhile, until nothing is on its way under it.
    Loading(Box<Lease<()>>, Box<Loader>, Then<(Box<Lease<()>>, Loaded)>),
    Asking {
        ticket: Ticket,
        until: Instant,
        then: Then<bool>,
    },
    /// Until then, or until something watched changes.
    Waiting {
        until: Instant,
        then: Then<()>,
    },
    Done(Result<Value, EngineError>),
}

/// How loading under a lease went.
pub(crate) enum Loaded {
    Facts(Box<Facts>),
    /// The lease is still held.
    Broken(EngineError),
    /// It is not, or nobody knows.
    Lost(Loss),
}

impl Step {
    pub fn refused(error: EngineError) -> Step {
        Step::Done(Err(error))
    }

    pub fn answer(value: impl Into<Value>) -> Step {
        Step::Done(Ok(value.into()))
    }

    fn take(self, ctx: &mut Ctx, input: &Input) -> Step {
        let now = ctx.now.mono;
        match self {
            Step::Reading(mut fetch, then) => match fetch.handle(now, input, &mut ctx.io) {
                Some(result) => then(ctx, result),
                None => Step::Reading(fetch, then),
            },
            Step::Sending(mut sending, then) => match sending.handle(now, input, &mut ctx.io) {
                Some(sent) => then(ctx, sent),
                None => Step::Sending(sending, then),
            },
            Step::Acquiring(acquiring, then) => match acquiring.handle(input, &ctx.clock, &mut ctx.io) {
                Err(taken) => then(ctx, taken),
                Ok(acquiring) => Step::Acquiring(Box::new(acquiring), then),
            },
            Step::Committing(mut lease, then) => match lease.handle(input, &ctx.clock, &mut ctx.io) {
                Some(outcome) => then(ctx, (lease, outcome)),
                None => Step::Committing(lease, then),
            },
            Step::Loading(mut lease, mut loader, then) => {
                let renewed = lease.handle(input, &ctx.clock, &mut ctx.io);
                if let Some(loss) = renewed.and_then(Outcome::loss) {
                    loader.cancel(&mut ctx.io);
                    return then(ctx, (lease, Loaded::Lost(loss)));
                }
                let loaded = match loader.handle(now, input, &mut ctx.io) {
                    Some(Ok(facts)) => Loaded::Facts(Box::new(facts)),
                    Some(Err(e)) => Loaded::Broken(e),
                    None => {
                        lease.renew(&ctx.clock, &mut ctx.io);
                        return Step::Loading(lease, loader, then);
                    }
                };
                if lease.is_idle() {
                    return then(ctx, (lease, loaded));
                }
                // Whether the lease is held is known once the renewal on its way is resolved.
                let resolved = move |ctx: &mut Ctx, (lease, renewed): (_, Outcome<()>)| {
                    then(ctx, (lease, renewed.loss().map_or(loaded, Loaded::Lost)))
                };
                Step::Committing(lease, Box::new(resolved))
            }
            Step::Asking { ticket, until, then } => match input {
                Input::Answered { ticket: t, result } if *t == ticket => {
                    then(ctx, *result != Ok(Value::Bool(false)))
                }
                _ if now >= until => {
                    ctx.io.push(Effect::Cancel { ticket });
                    then(ctx, true)
                }
                _ => Step::Asking { ticket, until, then },
            },
            Step::Waiting { until, then } if now >= until || matches!(input, Input::Changed) => then(ctx, ()),
            Step::Waiting { until, then } => Step::Waiting { until, then },
            Step::Done(result) => Step::Done(result),
        }
    }

    fn timeout(&self) -> Option<Instant> {
        match self {
            Step::Reading(fetch, _) => Some(fetch.timeout()),
            Step::Sending(sending, _) => Some(sending.timeout()),
            Step::Acquiring(acquiring, _) => acquiring.timeout(),
            Step::Committing(lease, _) => lease.timeout(),
            Step::Loading(lease, loader, _) => lease.timeout().into_iter().chain([loader.timeout()]).min(),
            Step::Asking { until, .. } | Step::Waiting { until, .. } => Some(*until),
            Step::Done(_) => None,
        }
    }

    /// When the lease has to be renewed, by the real time.
    fn renewal(&self) -> Option<Instant> {
        if let Step::Loading(lease, ..) = self { lease.renewal() } else { None }
    }
}

impl Ctx {
    /// Reads documents; a failure ends the command.
    pub fn read<const N: usize>(
        &mut self,
        paths: [String; N],
        then: impl FnOnce(&mut Ctx, [Option<StoredDocument>; N]) -> Step + 'static,
    ) -> Step {
        self.fetch(Want::Documents(paths.to_vec()), move |ctx, found| match found.try_into() {
            Ok(found) => then(ctx, found),
            Err(_) => Step::refused(crate::storage::io::store_error(
                &crate::storage::io::wrong_answer(),
                "Reading from the store",
            )),
        })
    }

    /// Reads a page of a collection, ordered by id; a failure ends the command.
    pub fn page(
        &mut self,
        collection: &str,
        after: Option<String>,
        limit: u32,
        then: impl FnOnce(&mut Ctx, Vec<StoredDocument>) -> Step + 'static,
    ) -> Step {
        let want = Want::Page { collection: collection.to_owned(), after, limit };
        self.fetch(want, move |ctx, found| then(ctx, found.into_iter().flatten().collect()))
    }

    fn fetch(&mut self, want: Want, then: impl FnOnce(&mut Ctx, Found) -> Step + 'static) -> Step {
        let timeout = self.cfg.options.store_timeout_ms();
        let fetch = Fetch::new(self.now.mono, want, timeout, &mut self.io);
        Step::Reading(
            fetch,
            Box::new(move |ctx, result| match result {
                Ok(found) => then(ctx, found),
                Err(e) => Step::refused(e),
            }),
        )
    }

    /// Sends writes that no head fences, again and again with the same bytes while the reply is unclear.
    pub fn send(
        &mut self,
        writes: Vec<StoreWrite>,
        deadline: Instant,
        then: impl FnOnce(&mut Ctx, Sent) -> Step + 'static,
    ) -> Step {
        let timeout = self.cfg.options.store_timeout_ms();
        let sending = Sending::new(self.now.mono, writes, timeout, deadline, &mut self.io);
        Step::Sending(sending, Box::new(then))
    }

    /// Asks whether the process that the head names is alive. One of which nothing can be said is.
    pub fn alive(&mut self, holder: String, then: impl FnOnce(&mut Ctx, bool) -> Step + 'static) -> Step {
        self.asking(Question::Alive { holder }, then)
    }

    /// Asks whether a run of the task is under way in this process.
    pub fn runs(&mut self, then: impl FnOnce(&mut Ctx, bool) -> Step + 'static) -> Step {
        self.asking(Question::Runs, then)
    }

    fn asking(&mut self, question: Question, then: impl FnOnce(&mut Ctx, bool) -> Step + 'static) -> Step {
        let ticket = self.io.ticket();
        self.io.push(Effect::Ask { ticket, question });
        let until = self.store_deadline();
        Step::Asking { ticket, until, then: Box::new(then) }
    }

    /// Waits so long, or until something watched changes.
    pub fn wait(&mut self, until: Instant, then: impl FnOnce(&mut Ctx) -> Step + 'static) -> Step {
        Step::Waiting { until, then: Box::new(move |ctx, ()| then(ctx)) }
    }

    /// Has the store say when something changes, where it can; until the command ends.
    pub fn watch(&mut self, paths: Vec<String>) {
        if self.cfg.has_watch && !self.watching {
            self.watching = true;
            self.io.push(Effect::Watch { paths });
        }
    }

    /// When the store is given up, counted from now.
    pub fn store_deadline(&self) -> Instant {
        self.now.mono + self.cfg.options.store_timeout_ms()
    }
}

/// A command as a machine.
pub(crate) struct Script {
    ctx: Ctx,
    step: Option<Step>,
}

impl Script {
    pub fn new(ctx: Ctx, first: Step) -> Script {
        let mut script = Script { ctx, step: None };
        script.go_on(first);
        script
    }

    fn go_on(&mut self, step: Step) {
        self.step = match step {
            Step::Done(result) => {
                if std::mem::take(&mut self.ctx.watching) {
                    self.ctx.io.push(Effect::Watch { paths: Vec::new() });
                }
                self.ctx.io.push(Effect::Settle { ticket: Ticket::RESULT, result });
                None
            }
            waits => Some(waits),
        };
        if let Some(step) = &self.step {
            self.ctx.clock.plan(step.timeout(), step.renewal());
        }
    }
}

impl Machine for Script {
    fn handle(&mut self, now: Now, input: Input) {
        if self.ctx.clock.advance(now, input == Input::Timeout) {
            return;
        }
        self.ctx.now = self.ctx.clock.now();
        if let Some(step) = self.step.take() {
            let next = step.take(&mut self.ctx, &input);
            self.go_on(next);
        }
    }

    fn poll_effect(&mut self) -> Option<Effect> {
        self.ctx.io.pop()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.step.as_ref().map(|_| self.ctx.clock.wake())
    }

    /// A command runs none.
    fn may_run(&self, _now: Now, _ticket: Ticket) -> bool {
        false
    }

    fn is_done(&self) -> bool {
        self.step.is_none() && self.ctx.io.is_empty()
    }
}

#[cfg(test)]
mod tests;
