//! A run that owns its task: the state, the order in which things happen, what an input changes.
//!
//! After every input [`Run::advance`] does what can be done now: one commit at a time ([`super::compose`] says what
//! it holds), calls that the last commit allows, the next model call. What happens at once lives in the rooms that it
//! holds.

mod conversing;
mod ending;
mod looking;
mod pipeline;
mod taking_up;

pub(crate) use ending::{Flow, GOES_ON};

use super::beginning::Beginning;
use super::calls::{Calls, Said};
use super::compose::{Composed, Composition, OnItsWay, View, compose};
use super::desk::Desk;
use super::host::Host;
use super::lease::Lease;
use super::live_text::LiveText;
use super::meter::Meter;
use super::opening::Acquired;
use super::turn::{Around, Turn};
use super::wishes::{How, Wishes};
use super::{Ctx, Outcome};
use crate::decide::{Step, decide};
use crate::effect::{Command, Effect, Input, Ticket, ToolDescription};
use crate::facts::fact::Fact;
use crate::facts::fold::Facts;
use crate::json::{self, Encode};
use crate::limits::Settings;
use crate::sorted::SortedMap;
use crate::time::{Instant, Now};
pub(super) use conversing::Broken;
use looking::desk_around;
use serde_json::Value;

#[derive(Debug)]
pub(crate) struct Run {
    pub settings: Settings,
    pub lease: Lease<OnItsWay>,
    pub wishes: Wishes,
    pub facts: Facts,
    pub desk: Desk,
    pub tools: SortedMap<String, ToolDescription>,
    pub turn: Turn,
    pub live_text: LiveText,
    pub calls: Calls,
    /// Facts that wait for the next commit, with their size in bytes.
    pub due: Vec<(Fact, usize)>,
    pub host: Host,
    pub beginning: Beginning,
    pub meter: Meter,
    pub cut_something: bool,
}

impl Run {
    pub fn begin(ctx: &mut Ctx, a: Acquired, mut wishes: Wishes) -> Run {
        let now = ctx.now.mono;
        wishes.begin(now, a.settings.grace_ms, a.settings.store_timeout_ms);
        let mut run = Run {
            calls: Calls::taking_up(&a.facts),
            desk: Desk::new(a.task, a.task_version, a.settings.heartbeat_ms(), now),
            beginning: Beginning::begun(),
            meter: Meter::new(now),
            live_text: LiveText::new(a.settings.live_ms),
            settings: a.settings,
            lease: a.lease,
            wishes,
            facts: a.facts,
            tools: a.tools,
            turn: Turn::default(),
            due: Vec::new(),
            host: Host::default(),
            cut_something: false,
        };
        run.take_up(ctx, a.mode, a.unclean);
        if ctx.cfg.has_watch && ctx.cfg.drives {
            let paths = vec![ctx.paths.task.clone(), ctx.paths.inbox.clone()];
            ctx.io.push(Effect::Watch { paths });
        }
        run
    }

    pub fn due_fact(&mut self, fact: Fact) {
        let bytes = json::text(&fact.encode()).len();
        self.due.push((fact, bytes));
    }

    pub fn timeout(&self, ctx: &Ctx) -> Option<Instant> {
        let yields_at = self.settings.yield_after_ms.filter(|_| !self.is_ending()).map(|ms| ctx.began + ms);
        let deadlines = [
            self.lease.timeout(),
            self.desk.timeout(),
            self.turn.timeout(&self.settings),
            self.calls.timeout(),
            self.host.timeout(),
            self.wishes.timeout(ctx.now.mono),
            yields_at,
            self.live_text.timeout().filter(|_| self.turn.is_streaming()),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// When the lease has to be renewed, by the real time.
    pub fn renewal(&self) -> Option<Instant> {
        self.lease.renewal()
    }

    /// Takes an input in; Some when the run is over.
    pub fn handle(&mut self, ctx: &mut Ctx, input: &Input) -> Option<Box<Outcome>> {
        let outcome = self.take_in(ctx, input).break_value()?;
        self.clear(ctx);
        Some(outcome)
    }

    /// First what has arrived, then what the time brings about, then what follows from all that.
    fn take_in(&mut self, ctx: &mut Ctx, input: &Input) -> Flow {
        self.meter.tick(ctx.now.mono);
        match input {
            Input::Command { ticket, command } => self.command(ctx, *ticket, command.clone()),
            Input::Changed => self.desk.hear_of_change(),
            Input::Streamed { ticket, event } => {
                let around = Around { facts: &self.facts, settings: &self.settings };
                let events = self.turn.streamed(ctx, around, *ticket, event);
                self.turned(ctx, events);
            }
            Input::StreamEnded { ticket, result } => {
                let around = Around { facts: &self.facts, settings: &self.settings };
                let events = self.turn.stream_ended(ctx, around, *ticket, result);
                self.turned(ctx, events);
            }
            Input::Returned { ticket, result, cut_bytes } => {
                let most = ctx.cfg.limits.commit_bytes;
                let said = Said { ticket: *ticket, result, cut_bytes: *cut_bytes };
                if let Some(result) = self.calls.returned(said, &self.facts, most, &mut ctx.io) {
                    self.desk.grow_stale();
                    self.due_fact(Fact::Result { result });
                }
            }
            Input::NotRun { ticket } => self.calls.not_begun(*ticket),
            Input::Answered { ticket, result } => {
                let answered = self.host.answered(*ticket, result, &mut ctx.io);
                self.needs_answer(ctx, answered);
            }
            Input::Read { .. } | Input::Listed { .. } | Input::Committed { .. } | Input::Timeout => {}
        }
        if let Some(resolved) = self.lease.handle(input, &ctx.clock, &mut ctx.io) {
            self.resolved(ctx, resolved)?;
        }
        let around = desk_around(&self.facts, &self.settings, &self.lease, ctx);
        let event = self.desk.handle(ctx, around, input);
        self.looked(ctx, event)?;
        self.deadlines(ctx)?;
        self.keep_live_text(ctx, input);
        self.advance(ctx)
    }

    /// What the time alone brings about.
    fn deadlines(&mut self, ctx: &mut Ctx) -> Flow {
        let now = ctx.now.mono;
        let has_looked = self.desk.is_fresh() && self.may_start(ctx);
        let around = Around { facts: &self.facts, settings: &self.settings };
        let events = self.turn.deadlines(ctx, around, has_looked);
        self.turned(ctx, events);
        self.calls.deadlines(now, &mut ctx.io);
        let answered = self.host.deadline(now, &mut ctx.io);
        self.needs_answer(ctx, answered);
        let late = self.settings.yield_after_ms.is_some_and(|after| now >= ctx.began + after);
        if late && !self.is_ending() {
            self.end(ctx, How::Yield("max_duration".into()));
        }
        self.closing_deadlines(ctx)
    }

    pub fn may_start(&self, ctx: &Ctx) -> bool {
        self.lease.may_start(&ctx.clock)
    }

    /// Whether a tool may be run that was to be.
    pub fn may_run(&self, now: Now, ticket: Ticket) -> bool {
        !self.is_ending() && self.lease.may_start_at(now) && self.calls.is_wanted(ticket)
    }

    /// Some end is in force.
    pub fn is_ending(&self) -> bool {
        self.beginning.restores() || self.wishes.is_ending()
    }

    /// For whoever reads all rooms.
    pub(super) fn view<'a>(&'a self, ctx: &'a Ctx) -> View<'a> {
        View {
            cfg: &ctx.cfg,
            now: ctx.now,
            settings: &self.settings,
            tools: &self.tools,
            facts: &self.facts,
            due: &self.due,
            cut_something: self.cut_something,
            lease: &self.lease,
            wishes: &self.wishes,
            desk: &self.desk,
            beginning: &self.beginning,
            turn: &self.turn,
            calls: &self.calls,
            host: &self.host,
            meter: &self.meter,
        }
    }

    fn advance(&mut self, ctx: &mut Ctx) -> Flow {
        if !self.lease.is_idle() {
            return GOES_ON;
        }
        let streaming = self.turn.in_flight() && !self.is_ending();
        if !streaming {
            let Composition { composed, meanwhile, adopts } = compose(&self.view(ctx));
            if adopts {
                self.desk.adopt();
            }
            if let Some(need) = meanwhile {
                self.fetch(ctx, need);
            }
            match composed {
                Composed::Broken(e) => return self.interrupt(ctx, e),
                Composed::Commit(plan) => return self.submit(ctx, *plan),
                Composed::Release(last_run) => {
                    self.release(ctx, last_run);
                    return GOES_ON;
                }
                Composed::Restore if self.nothing_is_open() => {
                    self.restore(ctx);
                    return GOES_ON;
                }
                // Others have added an item since the task was read, or sent a message.
                Composed::Restore => {
                    self.resumes();
                    return self.advance(ctx);
                }
                Composed::Needs(need) => {
                    self.fetch(ctx, need);
                    self.lease.renew(&ctx.clock, &mut ctx.io);
                    return GOES_ON;
                }
                Composed::Nothing => {}
            }
        }
        if self.beginning.tell() {
            ctx.io.push(Effect::Settle { ticket: Ticket::STARTED, result: Ok(Value::Null) });
        }
        if streaming || self.is_ending() {
            self.meter.turn(false, ctx.now.mono);
        } else {
            self.go_on(ctx)?;
        }
        // After what it allows has begun: where a renewal takes longer than the time between two, one follows the other.
        self.lease.renew(&ctx.clock, &mut ctx.io);
        GOES_ON
    }

    /// Starts what the facts ask for, as long as the lease is fresh.
    fn go_on(&mut self, ctx: &mut Ctx) -> Flow {
        if self.may_start(ctx) && self.calls.start(&self.facts, &self.tools, ctx.now.mono, &mut ctx.io) {
            self.desk.grow_stale();
        }
        let view = self.view(ctx);
        match decide(&self.facts.live, view.plan(), &view.decision()) {
            Step::Converse if self.may_start(ctx) => self.converse(ctx)?,
            // Calls that queue for a place are waited for as those that run.
            Step::Wait | Step::RunCalls => {
                // What an entry allows and a stale lease keeps from starting waits for nobody.
                let people = self.calls.none_running() && self.calls.not_run().is_empty();
                self.meter.turn(people, ctx.now.mono);
                if people && !self.desk.is_whole() {
                    // The decision may be there already.
                    self.desk.look(ctx, &self.settings);
                } else if people && self.settings.while_waiting == crate::limits::WhileWaiting::Yield {
                    self.end(ctx, How::Yield("waiting".into()));
                    return self.advance(ctx);
                }
                return GOES_ON;
            }
            _ => {}
        }
        self.meter.turn(false, ctx.now.mono);
        GOES_ON
    }

    fn command(&mut self, ctx: &mut Ctx, ticket: Ticket, command: Command) {
        if command == Command::Look {
            self.desk.hear_of_change();
            if ticket != Ticket::RESULT {
                ctx.io.push(Effect::Settle { ticket, result: Ok(Value::Null) });
            }
            return;
        }
        self.wishes.command(ticket, command, ctx.now.mono);
        self.obey_wishes(ctx);
    }
}
