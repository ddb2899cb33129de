//! A run that owns its task: the state, the order in which things happen, what an input changes.
//!
//! After every input [`Run::advance`] does what can be done now: one commit at a time ([`super::compose`] says what
//! it holds), calls that the last commit allows, the next model call. What happens at once lives in regions of its
//! own: `control`, `turn`, `calls`, the writer, and the look at task and inbox.

mod ending;
mod pipeline;

pub(crate) use pipeline::OnItsWay;

use super::beginning::Beginning;
use super::calls::{Calls, Said};
use super::compose::{Composed, Need, prompt_context};
use super::host::{Asking, Host};
use super::lease::Lease;
use super::live_text::LiveText;
use super::meter::Meter;
use super::opening::{Acquired, Mode};
use super::safe_point::SafePoint;
use super::turn::{Ready, TurnRegion};
use super::wishes::{How, Wishes};
use super::{Ctx, Outcome};
use crate::converse::{RequestOp, Usage, tool_config};
use crate::decide::{Step, decide};
use crate::effect::{Command, Effect, Input, Question, Ticket, ToolDescription};
use crate::error::{Code, EngineError};
use crate::facts::announce::{asking, event};
use crate::facts::fact::{Begin, EndStatus, Fact};
use crate::facts::fold::Facts;
use crate::facts::live::CallState;
use crate::facts::plan::Plan as ItemPlan;
use crate::facts::task::TaskDocument;
use crate::limits::Settings;
use crate::storage::inbox::InboxItem;
use crate::time::Instant;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::rc::Rc;

#[derive(Debug)]
pub(crate) struct Run {
    pub settings: Settings,
    pub lease: Lease<OnItsWay>,
    pub wishes: Wishes,
    pub facts: Facts,
    pub task: TaskDocument,
    pub task_version: String,
    pub tools: HashMap<String, ToolDescription>,
    pub turn: TurnRegion,
    pub live_text: LiveText,
    pub calls: Calls,
    pub look: SafePoint,
    /// Facts that wait for the next commit, with their size in bytes.
    pub due: Vec<(Fact, usize)>,
    /// Seen in the inbox and not yet in the journal.
    pub inbox: Vec<InboxItem>,
    pub host: Host,
    /// Usage of attempts of the current turn that led to nothing.
    pub spent: Usage,
    /// Conflicts of the roll-up in a row.
    pub conflicts: u32,
    pub beginning: Beginning,
    /// The version of the task document that shows all progress.
    pub rolled_up: Option<String>,
    /// The version of the task document in which nothing is completed that the journal lacks.
    pub adopted: Option<String>,
    pub meter: Meter,
    sent_system: Option<Option<String>>,
    sent_model: Option<Option<String>>,
    /// The model that is asked now, where anybody knows.
    pub author: Option<String>,
    tools_sent: bool,
    pub outcome: Option<Outcome>,
    pub cut_something: bool,
}

impl Run {
    pub fn begin(ctx: &mut Ctx, a: Acquired, mut wishes: Wishes) -> Run {
        let now = ctx.now.mono;
        wishes.begin(now, a.settings.grace_ms, a.settings.store_timeout_ms);
        let mut run = Run {
            calls: Calls::taking_up(&a.facts),
            look: SafePoint::new(now),
            beginning: Beginning::begun(),
            meter: Meter::new(now),
            live_text: LiveText::new(a.settings.live_ms),
            settings: a.settings,
            lease: a.lease,
            wishes,
            facts: a.facts,
            task: a.task,
            task_version: a.task_version,
            tools: a.tools,
            turn: TurnRegion::Idle,
            due: Vec::new(),
            inbox: Vec::new(),
            host: Host::default(),
            spent: Usage::default(),
            conflicts: 0,
            rolled_up: None,
            adopted: None,
            sent_system: None,
            sent_model: None,
            author: None,
            tools_sent: false,
            outcome: None,
            cut_something: false,
        };
        run.take_up(ctx, a.mode, a.unclean);
        run.obey_wishes(ctx);
        if ctx.cfg.has_watch && ctx.cfg.drives {
            let paths = vec![ctx.paths.task.clone(), ctx.paths.inbox.clone()];
            ctx.io.push(Effect::Watch { paths });
        }
        run
    }

    fn take_up(&mut self, ctx: &mut Ctx, mode: Mode, unclean: bool) {
        if self.facts.seq == 0 && self.task.old_history {
            self.due_fact(super::compose::import(&self.task));
        }
        match mode {
            Mode::Begin => {
                let anew = self.facts.live.begun;
                if anew {
                    self.due_fact(Fact::Reset);
                    self.calls = Calls::default();
                }
                self.due_fact(Fact::Begun { how: Begin::Started });
                self.beginning.begin(&self.task, anew);
            }
            Mode::Restore if self.nothing_is_open() => self.beginning.restore(),
            Mode::Resume | Mode::Restore => self.resumes(),
            Mode::TakeUp if unclean => self.due_fact(Fact::Begun { how: Begin::Recovered }),
            Mode::TakeUp => {}
            Mode::FinishPause { resume } => {
                if resume {
                    let (status, reason) = match self.task.abort_reason.clone() {
                        Some(reason) => (EndStatus::Stopped, Some(reason).filter(|r| r != "stopped")),
                        None => (EndStatus::Paused, None),
                    };
                    self.due_fact(Fact::Ended { status, reason, error: None });
                    self.resumes();
                } else {
                    let how = How::by_register(self.task.abort_reason.as_deref());
                    self.wishes.registered(how, ctx.now.mono);
                }
            }
            Mode::CrashLoop => {
                let e = EngineError::new(
                    Code::CrashLoop,
                    format!(
                        "The task was taken up {} times in a row without finishing a turn or a tool call. \
                         Look at what stops the process, then call resume() to try again.",
                        self.lease.head().attempts
                    ),
                );
                self.end(ctx, How::Fail(e));
            }
        }
        for call in self.facts.live.calls.iter().filter(|_| self.beginning.reopens().is_none()) {
            if let CallState::Waiting(why) = call.state {
                let mut again = asking(&call.call, why, true);
                if let Value::Object(map) = &mut again {
                    map.insert("taskId".into(), ctx.cfg.task_id.clone().into());
                }
                ctx.io.push(Effect::Emit { event: again });
            }
        }
    }

    fn nothing_is_open(&self) -> bool {
        let (plan, done) = (&self.task.plan, &self.facts.live.done);
        plan.next_item(done).is_none() && plan.externally_completed(done).is_empty()
    }

    fn resumes(&mut self) {
        self.due_fact(Fact::Begun { how: Begin::Resumed });
        self.beginning.begin(&self.task, false);
    }

    pub fn due_fact(&mut self, fact: Fact) {
        let bytes = serde_json::to_string(&fact).map_or(0, |s| s.len());
        self.due.push((fact, bytes));
    }

    pub fn timeout(&self, ctx: &Ctx) -> Option<Instant> {
        let yields_at = self.settings.yield_after_ms.filter(|_| !self.is_ending()).map(|ms| ctx.began + ms);
        let deadlines = [
            self.lease.timeout(),
            self.look.timeout(),
            self.turn_timeout(ctx),
            self.calls.timeout(),
            self.host.timeout(),
            self.wishes.timeout(ctx.now.mono),
            yields_at,
            self.live_text_timeout(),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// When the lease has to be renewed, by the real time.
    pub fn renewal(&self) -> Option<Instant> {
        self.lease.renewal()
    }

    /// Takes an input in; Some when the run is over.
    pub fn handle(&mut self, ctx: &mut Ctx, input: &Input) -> Option<Outcome> {
        self.meter.tick(ctx.now.mono);
        match input {
            Input::Command { ticket, command } => self.command(ctx, *ticket, command.clone()),
            Input::Changed => self.look.changed = true,
            Input::Streamed { ticket, event } => self.streamed(ctx, *ticket, event),
            Input::StreamEnded { ticket, result } => self.stream_ended(ctx, *ticket, result),
            Input::Returned { ticket, result, cut_bytes } => {
                let most = ctx.cfg.limits.commit_bytes;
                let said = Said { ticket: *ticket, result, cut_bytes: *cut_bytes };
                if let Some(result) = self.calls.returned(said, &self.facts, most, &mut ctx.io) {
                    self.look.fresh = false;
                    self.due_fact(Fact::Result { result });
                }
            }
            Input::Answered { ticket, result } => {
                let answered = self.host.answered(*ticket, result, &mut ctx.io);
                self.needs_answer(ctx, answered);
            }
            Input::Read { .. } | Input::Listed { .. } | Input::Committed { .. } | Input::Timeout => {}
        }
        if let Some(resolved) = self.lease.handle(input, &ctx.clock, &mut ctx.io) {
            self.resolved(ctx, resolved);
        }
        if self.outcome.is_none() {
            self.looked(ctx, input);
        }
        if self.outcome.is_none() {
            self.deadlines(ctx);
        }
        if self.outcome.is_none() {
            self.keep_live_text(ctx, input);
            self.advance(ctx);
        }
        let outcome = self.outcome.take()?;
        self.clear(ctx, &outcome);
        Some(outcome)
    }

    /// What the time alone brings about.
    fn deadlines(&mut self, ctx: &mut Ctx) {
        let now = ctx.now.mono;
        self.turn_deadlines(ctx);
        self.calls.deadlines(now, &mut ctx.io);
        let answered = self.host.deadline(now, &mut ctx.io);
        self.needs_answer(ctx, answered);
        let late = self.settings.yield_after_ms.is_some_and(|after| now >= ctx.began + after);
        if late && !self.is_ending() {
            self.end(ctx, How::Yield("max_duration".into()));
        }
        self.closing_deadlines(ctx);
    }

    pub fn may_start(&self, ctx: &Ctx) -> bool {
        self.lease.may_start(&ctx.clock)
    }

    /// Some end is in force.
    pub fn is_ending(&self) -> bool {
        self.beginning.restores() || self.wishes.is_ending()
    }

    fn advance(&mut self, ctx: &mut Ctx) {
        if !self.lease.is_idle() {
            return;
        }
        let streaming = self.turn.in_flight() && !self.is_ending();
        if !streaming {
            match self.compose(ctx) {
                Composed::Commit(plan) => {
                    self.submit(ctx, *plan);
                    return;
                }
                Composed::Release(last_run) => {
                    self.release(ctx, last_run);
                    return;
                }
                Composed::Restore if self.nothing_is_open() => {
                    self.restore(ctx);
                    return;
                }
                // Others have added an item since the task was read.
                Composed::Restore => {
                    self.resumes();
                    self.advance(ctx);
                    return;
                }
                Composed::Needs(need) => {
                    self.fetch(ctx, need);
                    self.lease.renew(&ctx.clock, &mut ctx.io);
                    return;
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
            self.go_on(ctx);
        }
        // After what it allows has begun: where a renewal takes longer than the time between two, one follows the other.
        if self.outcome.is_none() {
            self.lease.renew(&ctx.clock, &mut ctx.io);
        }
    }

    /// Starts what the facts ask for, as long as the lease is fresh.
    fn go_on(&mut self, ctx: &mut Ctx) {
        if self.may_start(ctx) && self.calls.start(&self.facts, &self.tools, ctx.now.mono, &mut ctx.io) {
            self.look.fresh = false;
        }
        match decide(&self.facts.live, self.plan(), &self.decision()) {
            Step::Converse if self.may_start(ctx) => self.converse(ctx),
            // Calls that queue for a place are waited for as those that run.
            Step::Wait | Step::RunCalls => {
                let people = self.calls.none_running();
                self.meter.turn(people, ctx.now.mono);
                if people && !self.look.is_whole() {
                    // The decision may be there already.
                    self.look_now(ctx);
                } else if people && self.settings.while_waiting == crate::limits::WhileWaiting::Yield {
                    self.end(ctx, How::Yield("waiting".into()));
                    self.advance(ctx);
                }
                return;
            }
            _ => {}
        }
        self.meter.turn(false, ctx.now.mono);
    }

    /// A callback that failed ends the run.
    fn needs_answer(&mut self, ctx: &mut Ctx, answered: Result<(), EngineError>) {
        if let Err(e) = answered {
            self.end(ctx, How::Fail(e));
        }
    }

    /// Sees to what has to be known before more can be stored.
    pub(super) fn fetch(&mut self, ctx: &mut Ctx, need: Need) {
        let (question, what) = match need {
            Need::Look => return self.look_now(ctx),
            Need::Wait => return,
            _ if self.host.is_asked() => return,
            Need::Vet(calls) => {
                let ids = calls.iter().map(|c| c.id.clone()).collect();
                (Question::Vet { task: self.tell_task(ctx), calls }, Asking::Vet(ids))
            }
            Need::Prompt(item) => {
                let context = prompt_context(&self.task, &item);
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
        self.host.tell(&self.task, &self.task_version, &ctx.cfg.task_id)
    }

    /// The plan, as it will be where every item is reopened.
    pub fn plan(&self) -> &ItemPlan {
        self.beginning.reopens().unwrap_or(&self.task.plan)
    }

    /// The task document as it is stored now.
    pub fn take_task(&mut self, task: TaskDocument, version: String) {
        self.beginning.task_changed(&task);
        self.task = task;
        self.task_version = version;
    }

    pub fn decision(&self) -> crate::decide::Control {
        crate::decide::Control {
            completion: self.settings.completion,
            limits: self.settings.limits,
            active_ms: self.meter.active_ms(),
        }
    }

    /// Brings the request up to date and calls the model.
    fn converse(&mut self, ctx: &mut Ctx) {
        self.facts.push_tail();
        if self.leaves_out_what_was_blocked() {
            self.advance(ctx);
            return;
        }
        let mut ops = self.request_head(ctx);
        ops.append(&mut self.facts.ops);
        self.open_stream(ctx, ops);
        self.look.fresh = false;
    }

    fn request_head(&mut self, ctx: &Ctx) -> Vec<RequestOp> {
        let mut ops = Vec::new();
        let system = self.task.config.system_prompt.clone();
        if self.sent_system.as_ref() != Some(&system) {
            self.sent_system = Some(system.clone());
            ops.push(RequestOp::System(system));
        }
        let model = self.task.config.model.clone();
        if self.sent_model.as_ref() != Some(&model) {
            self.sent_model = Some(model.clone());
            self.author = model.clone().or_else(|| ctx.cfg.model_id.clone());
            ops.push(RequestOp::Model(model));
        }
        // Without tools of its own a request has to name those that its history used: these may grow.
        if !self.tools_sent || self.tools.is_empty() {
            self.tools_sent = true;
            let by_name = crate::ordered::map(self.tools.values().map(|t| (&t.spec.name, &t.spec)));
            let mut specs: Vec<_> = by_name.into_values().cloned().collect();
            if self.settings.completion == crate::limits::Completion::Explicit {
                specs.push(super::compose::complete_task_item());
            }
            let names = self.facts.tool_names.iter().map(String::as_str);
            ops.push(RequestOp::Tools(tool_config(&specs, names)));
        }
        ops
    }

    fn command(&mut self, ctx: &mut Ctx, ticket: Ticket, command: Command) {
        if command == Command::Look {
            self.look.changed = true;
            if ticket != Ticket::RESULT {
                ctx.io.push(Effect::Settle { ticket, result: Ok(Value::Null) });
            }
            return;
        }
        self.wishes.command(ticket, command, ctx.now.mono);
        self.obey_wishes(ctx);
    }

    /// Tells listeners about the stream.
    pub fn reasoning(&self, ctx: &mut Ctx, delta: String) {
        let payload = json!({ "taskId": ctx.cfg.task_id, "delta": delta });
        ctx.io.push(Effect::Emit { event: event("task:reasoning", payload) });
    }

    pub fn turn_ready(&self) -> Option<&Ready> {
        match &self.turn {
            TurnRegion::Ready(ready) => Some(ready),
            _ => None,
        }
    }
}
