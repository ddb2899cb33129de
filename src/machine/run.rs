//! A run that owns its task: the state, the order in which things happen, what an input changes.
//!
//! After every input [`Run::advance`] does what can be done now: one commit at a time ([`super::compose`] says what
//! it holds), calls that the last commit allows, the next model call. What happens at once lives in regions of its
//! own: `control`, `turn`, `calls`, the writer, and the look at task and inbox.

mod asking;
mod ending;
mod pipeline;

pub(crate) use asking::Asked;
pub(crate) use pipeline::OnItsWay;

use super::calls::Calls;
use super::closing::{Control, Ending, How};
use super::compose::Composed;
use super::live_text::LiveText;
use super::opening::{Acquired, Mode};
use super::safe_point::SafePoint;
use super::turn::{Ready, TurnRegion};
use super::{Ctx, Outcome};
use crate::converse::{RequestOp, Usage, tool_config};
use crate::decide::{Step, decide};
use crate::effect::{Command, Effect, Input, Ticket, ToolDescription, Vetting};
use crate::error::{Code, EngineError};
use crate::facts::announce::{asking, event};
use crate::facts::fact::{Begin, EndStatus, Fact};
use crate::facts::fold::Facts;
use crate::facts::live::CallState;
use crate::facts::plan::{ItemKey, Plan as ItemPlan};
use crate::facts::rollup;
use crate::facts::task::TaskDocument;
use crate::lifecycle::Status;
use crate::limits::Settings;
use crate::storage::head::Head;
use crate::storage::inbox::InboxItem;
use crate::storage::writer::Writer;
use crate::time::Instant;
use serde_json::{Value, json};
use std::collections::HashMap;

#[derive(Debug)]
pub(crate) struct Run {
    pub settings: Settings,
    pub head: Head,
    pub head_version: String,
    pub facts: Facts,
    pub task: TaskDocument,
    pub task_version: String,
    pub tools: HashMap<String, ToolDescription>,
    pub writer: Writer,
    pub on_its_way: Option<OnItsWay>,
    pub control: Control,
    pub turn: TurnRegion,
    pub live_text: LiveText,
    pub calls: Calls,
    pub look: SafePoint,
    /// Facts that wait for the next commit, with their size in bytes.
    pub due: Vec<(Fact, usize)>,
    /// Seen in the inbox and not yet in the journal.
    pub inbox: Vec<InboxItem>,
    pub asked: Option<Asked>,
    pub vetted: HashMap<String, Vetting>,
    pub looked_up: HashMap<String, Option<Value>>,
    pub prompt: Option<(ItemKey, String)>,
    /// Usage of attempts of the current turn that led to nothing.
    pub spent: Usage,
    /// Conflicts of the roll-up in a row.
    pub conflicts: u32,
    /// The status in the document is to become in_progress.
    pub begins: bool,
    /// The status and reason that the run began from: while its beginning is not stored, only others count.
    pub begun_from: (Status, Option<String>),
    /// Every item is to be reopened in the document: the plan as it will be.
    pub reopens: Option<ItemPlan>,
    /// The version of the task document that shows all progress.
    pub rolled_up: Option<String>,
    /// The version of the task document in which nothing is completed that the journal lacks.
    pub adopted: Option<String>,
    /// The version of the task document that the host's callbacks have.
    told: Option<String>,
    /// So many of those who wait had given their command when the end was sent that is stored now.
    answered: usize,
    /// Active milliseconds that no entry counts yet.
    pub active_ms: u64,
    last_tick: Instant,
    waiting_for_people: bool,
    started: bool,
    sent_system: Option<Option<String>>,
    sent_model: Option<Option<String>>,
    /// The model that is asked now, where anybody knows.
    pub author: Option<String>,
    tools_sent: bool,
    /// The strongest end that was asked for where the task runs: it outlives what the register says.
    pub wish: Option<Ending>,
    /// Settled when the run ends.
    pub waiters: Vec<(Ticket, bool)>,
    pub outcome: Option<Outcome>,
    pub cut_something: bool,
}

impl Run {
    pub fn begin(ctx: &mut Ctx, a: Acquired) -> Run {
        let now = ctx.now.mono;
        let mut run = Run {
            calls: Calls::taking_up(&a.facts),
            look: SafePoint::new(now),
            begun_from: (a.task.status, a.task.abort_reason.clone()),
            live_text: LiveText::new(a.settings.live_ms),
            settings: a.settings,
            head: a.head,
            head_version: a.head_version,
            facts: a.facts,
            task: a.task,
            task_version: a.task_version,
            tools: a.tools,
            writer: a.writer,
            on_its_way: None,
            control: Control::Running,
            turn: TurnRegion::Idle,
            due: Vec::new(),
            inbox: Vec::new(),
            asked: None,
            vetted: HashMap::new(),
            looked_up: HashMap::new(),
            prompt: None,
            spent: Usage::default(),
            conflicts: 0,
            begins: false,
            reopens: None,
            rolled_up: None,
            adopted: None,
            told: None,
            answered: 0,
            active_ms: 0,
            last_tick: now,
            waiting_for_people: false,
            started: false,
            sent_system: None,
            sent_model: None,
            author: None,
            tools_sent: false,
            wish: None,
            waiters: Vec::new(),
            outcome: None,
            cut_something: false,
        };
        run.take_up(ctx, a.mode, a.unclean);
        if ctx.cfg.has_watch && ctx.cfg.drives {
            let paths = vec![ctx.paths.task.clone(), ctx.paths.inbox.clone()];
            ctx.io.push(Effect::Watch { paths });
        }
        run
    }

    fn take_up(&mut self, ctx: &mut Ctx, mode: Mode, unclean: bool) {
        if self.facts.is_unwritten() && self.task.old_history {
            self.due_fact(super::compose::import(&self.task));
        }
        match mode {
            Mode::Begin => {
                if self.facts.live.begun {
                    self.due_fact(Fact::Reset);
                    self.reopens = Some(reopened(&self.task));
                    self.calls = Calls::default();
                }
                self.due_fact(Fact::Begun { how: Begin::Started });
                self.begins = true;
            }
            Mode::Restore if self.nothing_is_open() => {
                self.end(ctx, Ending::new(How::Restore));
            }
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
                    self.due_fact(Fact::Begun { how: Begin::Resumed });
                    self.begins = true;
                } else {
                    self.end(ctx, Ending::by_register(&self.task));
                }
            }
            Mode::CrashLoop => {
                let e = EngineError::new(
                    Code::CrashLoop,
                    format!(
                        "The task was taken up {} times in a row without finishing a turn or a tool call. \
                         Look at what stops the process, then call resume() to try again.",
                        self.head.attempts
                    ),
                );
                self.end(ctx, Ending::new(How::Fail(e)));
            }
        }
        for call in self.facts.live.calls.iter().filter(|_| self.reopens.is_none()) {
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
        self.begins = true;
    }

    pub fn due_fact(&mut self, fact: Fact) {
        let bytes = serde_json::to_string(&fact).map_or(0, |s| s.len());
        self.due.push((fact, bytes));
    }

    pub fn timeout(&self, ctx: &Ctx) -> Option<Instant> {
        // It is good for the whole of its term: over in the millisecond after.
        let mut at = self.writer.renewed.mono + self.settings.lease_ttl_ms + 1;
        for t in [self.writer.timeout(), self.look.timeout(), self.turn_timeout(ctx), self.calls.timeout()]
            .into_iter()
            .chain([self.asked.as_ref().map(|a| a.until), self.control.timeout(), self.live_text_timeout()])
            .flatten()
        {
            at = at.min(t);
        }
        if self.writer.is_idle() {
            at = at.min(self.next_heartbeat());
        }
        if let (Control::Running, Some(after)) = (&self.control, self.settings.yield_after_ms) {
            at = at.min(ctx.began + after);
        }
        Some(at)
    }

    fn next_heartbeat(&self) -> Instant {
        self.writer.renewed.mono + self.settings.heartbeat_ms()
    }

    /// Takes an input in; Some when the run is over.
    pub fn handle(&mut self, ctx: &mut Ctx, input: &Input) -> Option<Outcome> {
        self.tick(ctx);
        match input {
            Input::Command { ticket, command } => self.command(ctx, *ticket, command.clone()),
            Input::Changed => self.look.changed = true,
            Input::Streamed { ticket, event } => self.streamed(ctx, *ticket, event),
            Input::StreamEnded { ticket, result } => self.stream_ended(ctx, *ticket, result),
            Input::Returned { ticket, result, cut_bytes } => {
                self.returned(ctx, *ticket, result, *cut_bytes);
            }
            Input::Answered { ticket, result } => self.answered(ctx, *ticket, result),
            Input::Read { .. } | Input::Listed { .. } | Input::Committed { .. } | Input::Timeout => {}
        }
        if let Some(resolved) = self.writer.handle(ctx.now.mono, input, &mut ctx.io) {
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

    fn tick(&mut self, ctx: &Ctx) {
        let now = ctx.now.mono;
        if !self.waiting_for_people {
            self.active_ms += now - self.last_tick;
        }
        self.last_tick = now;
    }

    /// What the time alone brings about.
    fn deadlines(&mut self, ctx: &mut Ctx) {
        let now = ctx.now.mono;
        if now - self.writer.renewed.mono > self.settings.lease_ttl_ms && !self.writer.is_idle() {
            let e = EngineError::new(
                Code::StoreUnavailable,
                "The lease ran out because the store did not confirm its renewal in time. Run the task again when \
                 the store answers; nothing stored is lost.",
            );
            self.interrupt(ctx, e);
            return;
        }
        self.turn_deadlines(ctx);
        self.call_deadlines(ctx);
        if self.asked.as_ref().is_some_and(|a| now >= a.until) {
            if let Some(asked) = self.asked.take() {
                ctx.io.push(Effect::Cancel { ticket: asked.ticket });
                self.callback_failed(ctx, &asked.what, "did not settle within callbackTimeoutMs", None);
            }
        }
        let late = self.settings.yield_after_ms.is_some_and(|after| now >= ctx.began + after);
        if late && matches!(self.control, Control::Running) {
            self.end(ctx, Ending::new(How::Yield("max_duration".into())));
        }
        self.closing_deadlines(ctx);
    }

    /// Past two thirds of the lease nothing new starts.
    pub fn may_start(&self, ctx: &Ctx) -> bool {
        self.writer.age(ctx.now) <= self.settings.lease_ttl_ms.saturating_mul(2) / 3
    }

    fn advance(&mut self, ctx: &mut Ctx) {
        if !self.writer.is_idle() {
            return;
        }
        let streaming = self.turn.in_flight() && !self.control.is_ending();
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
                    self.control = Control::Running;
                    self.resumes();
                    self.advance(ctx);
                    return;
                }
                Composed::Needs(need) => {
                    self.fetch(ctx, need);
                    self.renew(ctx);
                    return;
                }
                Composed::Nothing => {}
            }
        }
        if !self.started {
            self.started = true;
            ctx.io.push(Effect::Settle { ticket: Ticket::STARTED, result: Ok(Value::Null) });
        }
        self.renew(ctx);
        if !self.writer.is_idle() || streaming || self.control.is_ending() {
            self.waiting_for_people = false;
            return;
        }
        self.start_calls(ctx);
        match decide(&self.facts.live, self.plan(), &self.decision()) {
            Step::Converse if self.may_start(ctx) => self.converse(ctx),
            // Calls that queue for a place are waited for as those that run.
            Step::Wait | Step::RunCalls => {
                let people = self.calls.none_running();
                self.waiting_for_people = people;
                if people && !self.look.is_whole() {
                    // The decision may be there already.
                    self.look_now(ctx);
                } else if people && self.settings.while_waiting == crate::limits::WhileWaiting::Yield {
                    self.end(ctx, Ending::new(How::Yield("waiting".into())));
                    self.advance(ctx);
                }
                return;
            }
            _ => {}
        }
        self.waiting_for_people = false;
    }

    /// The plan, as it will be where every item is reopened.
    pub fn plan(&self) -> &ItemPlan {
        self.reopens.as_ref().unwrap_or(&self.task.plan)
    }

    /// The task document as it is stored now.
    pub fn take_task(&mut self, task: TaskDocument, version: String) {
        if let Some(plan) = &mut self.reopens {
            *plan = reopened(&task);
        }
        self.task = task;
        self.task_version = version;
    }

    pub fn decision(&self) -> crate::decide::Control {
        crate::decide::Control {
            completion: self.settings.completion,
            limits: self.settings.limits,
            active_ms: self.active_ms,
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

    pub fn command(&mut self, ctx: &mut Ctx, ticket: Ticket, command: Command) {
        let is_end = !matches!(command, Command::Look);
        if is_end && ticket != Ticket::RESULT {
            self.waiters.push((ticket, matches!(command, Command::Yield { .. })));
        }
        match command {
            Command::Look => {
                self.look.changed = true;
                if ticket != Ticket::RESULT {
                    ctx.io.push(Effect::Settle { ticket, result: Ok(Value::Null) });
                }
            }
            Command::Pause => self.wished(ctx, Ending::new(How::Pause(None))),
            Command::Stop { reason } => self.wished(ctx, Ending::new(How::Stop(reason))),
            Command::Yield { reason, grace } => {
                let mut ending = Ending::new(How::Yield(reason));
                ending.no_grace = !grace;
                self.wished(ctx, ending);
            }
        }
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

/// The plan of a task that starts anew.
fn reopened(task: &TaskDocument) -> ItemPlan {
    let fields = rollup::reopen(task, None, "").fields;
    task.apply(&fields).map_or_else(|_| task.plan.clone(), |task| task.plan)
}
