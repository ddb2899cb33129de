//! Opening a task: read it and its head, consult the table, wait for the lease, take it, load the journal.

use super::compose::COMPLETE_TASK_ITEM;
use super::{Ctx, Intent, Outcome};
use crate::converse::blocks::is_valid_name;
use crate::effect::{Effect, Input, Question, Ticket, ToolDescription};
use crate::error::{Code, EngineError};
use crate::facts::fold::Facts;
use crate::facts::task::TaskDocument;
use crate::ids::Rng;
use crate::lifecycle::{Status, TaskCommand, invalid_transition};
use crate::limits::{Completion, Settings};
use crate::storage::commit::write_head;
use crate::storage::head::{Head, LastRun, Owner, storable};
use crate::storage::io::{Fetch, Found, Want};
use crate::storage::loader::Loader;
use crate::storage::writer::{Batch, Loss, Purpose, Resolved, Writer};
use crate::store::StoreWrite;
use crate::time::Instant;
use serde_json::Value;
use std::collections::HashMap;
use std::rc::Rc;

/// Acquisitions after unclean ends in a row before the task is parked.
const MAX_ATTEMPTS: u32 = 5;
/// A holder's head is looked at this often while a run waits for its lease.
const POLL_SHARE_OF_TTL: u64 = 30;

/// How the run goes on once it owns the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// For the first time, or anew after a reset to not_started.
    Begin,
    /// A run has begun and not ended.
    TakeUp,
    /// By an explicit command after an end.
    Resume,
    /// Others have set a completed task back to in_progress: unless something is open, its status is restored.
    Restore,
    /// The status says paused, the journal does not know it yet: the pause is finished first.
    FinishPause {
        /// And then the run goes on.
        resume: bool,
    },
    /// Taken up too often: parked as failed.
    CrashLoop,
}

/// The task is ours.
#[derive(Debug)]
pub(crate) struct Acquired {
    pub mode: Mode,
    /// The run before ended without releasing the lease, or cut something.
    pub unclean: bool,
    /// The head's, before it was taken.
    pub attempts_before: u32,
    pub head: Head,
    pub head_version: String,
    pub task: TaskDocument,
    pub task_version: String,
    pub facts: Facts,
    pub tools: HashMap<String, ToolDescription>,
    pub settings: Settings,
    pub writer: Writer,
}

/// How opening ended.
#[derive(Debug)]
pub(crate) enum Opened {
    Refused(Box<EngineError>),
    RunsNothing(Box<Outcome>),
    Acquired(Box<Acquired>),
}

#[derive(Debug)]
struct Seen {
    task: TaskDocument,
    task_version: String,
    head: Option<(Head, String)>,
    /// The head as it is stored, where that is an earlier task's.
    stored: Option<Head>,
    settings: Settings,
    mode: Mode,
}

/// The holder's head as it was seen first.
#[derive(Debug)]
struct Watched {
    owner: String,
    version: String,
    since: Instant,
    asked: bool,
}

#[derive(Debug)]
enum Step {
    Reading(Fetch),
    WaitingForLease {
        until: Instant,
    },
    AskingAlive {
        seen: Box<Seen>,
        ticket: Ticket,
        until: Instant,
    },
    AskingTools {
        seen: Box<Seen>,
        ticket: Ticket,
        until: Instant,
    },
    Acquiring {
        seen: Box<Seen>,
        writer: Box<Writer>,
        head: Box<Head>,
    },
    Loading {
        acquired: Box<Acquired>,
        loader: Box<Loader>,
    },
    /// It could not be loaded: whoever comes next finds the lease as it was.
    Releasing {
        error: Box<EngineError>,
        writer: Box<Writer>,
    },
    /// Nothing is to be run: what earlier runs left is part of the outcome.
    Recalling {
        outcome: Box<Outcome>,
        loader: Box<Loader>,
    },
    Over,
}

#[derive(Debug)]
pub(crate) struct Opening {
    step: Step,
    watched: Option<Watched>,
    /// When a holder was seen first, whoever it was.
    first_wait: Option<Instant>,
    tools: Option<HashMap<String, ToolDescription>>,
}

type Next = Result<Step, Opened>;

impl Opening {
    pub fn new(ctx: &mut Ctx) -> Self {
        let step = read(ctx);
        Opening { step, watched: None, first_wait: None, tools: None }
    }

    pub fn timeout(&self, _ctx: &Ctx) -> Option<Instant> {
        match &self.step {
            Step::Reading(fetch) => Some(fetch.timeout()),
            Step::WaitingForLease { until }
            | Step::AskingAlive { until, .. }
            | Step::AskingTools { until, .. } => Some(*until),
            Step::Acquiring { writer, .. } | Step::Releasing { writer, .. } => writer.timeout(),
            Step::Loading { loader, .. } | Step::Recalling { loader, .. } => Some(loader.timeout()),
            Step::Over => None,
        }
    }

    pub fn handle(&mut self, ctx: &mut Ctx, input: &Input) -> Option<Opened> {
        let step = std::mem::replace(&mut self.step, Step::Over);
        match self.transition(ctx, step, input) {
            Ok(next) => {
                self.step = next;
                None
            }
            Err(opened) => Some(opened),
        }
    }

    fn transition(&mut self, ctx: &mut Ctx, step: Step, input: &Input) -> Next {
        let now = ctx.now.mono;
        match step {
            Step::Reading(mut fetch) => match fetch.handle(now, input, &mut ctx.io) {
                None => Ok(Step::Reading(fetch)),
                Some(Err(e)) => Err(refused(e)),
                Some(Ok(found)) => self.consider(ctx, found),
            },
            Step::WaitingForLease { until } if now >= until => Ok(read(ctx)),
            waiting @ Step::WaitingForLease { .. } => Ok(waiting),
            Step::AskingAlive { seen, ticket, until } => match input {
                Input::Answered { ticket: t, result } if *t == ticket => {
                    if matches!(result, Ok(Value::Bool(false))) {
                        self.ready(ctx, seen)
                    } else {
                        self.wait(ctx, &seen)
                    }
                }
                _ if now >= until => {
                    ctx.io.push(Effect::Cancel { ticket });
                    self.wait(ctx, &seen)
                }
                _ => Ok(Step::AskingAlive { seen, ticket, until }),
            },
            Step::AskingTools { seen, ticket, until } => match input {
                Input::Answered { ticket: t, result: Ok(value) } if *t == ticket => {
                    self.tools = Some(described(value, seen.settings.completion).map_err(refused)?);
                    self.acquire(ctx, seen)
                }
                Input::Answered { ticket: t, result: Err(thrown) } if *t == ticket => {
                    let e = EngineError::new(Code::HostCallback, format!("tools failed: {}", thrown.message));
                    Err(refused(e.caused_by(thrown.cause)))
                }
                _ if now >= until => {
                    ctx.io.push(Effect::Cancel { ticket });
                    Err(refused(EngineError::new(
                        Code::HostCallback,
                        "tools did not return within callbackTimeoutMs.",
                    )))
                }
                _ => Ok(Step::AskingTools { seen, ticket, until }),
            },
            Step::Acquiring { seen, mut writer, head } => match writer.handle(now, input, &mut ctx.io) {
                None => Ok(Step::Acquiring { seen, writer, head }),
                Some(Resolved::Landed { version: Some(version), .. }) => {
                    Ok(self.load(ctx, *seen, *writer, *head, version))
                }
                Some(Resolved::Lost { loss: Loss::Refused(e) | Loss::Unknown(e), .. }) => Err(refused(e)),
                // Another run was faster: look again who holds the task now.
                Some(_) => Ok(read(ctx)),
            },
            Step::Loading { mut acquired, mut loader } => match loader.handle(now, input, &mut ctx.io) {
                None => Ok(Step::Loading { acquired, loader }),
                Some(Ok(facts)) => {
                    acquired.facts = facts;
                    Err(Opened::Acquired(acquired))
                }
                Some(Err(e)) => Ok(give_back(ctx, *acquired, e)),
            },
            Step::Releasing { error, mut writer } => match writer.handle(now, input, &mut ctx.io) {
                None => Ok(Step::Releasing { error, writer }),
                // Where it is not given back it runs out.
                Some(_) => Err(Opened::Refused(error)),
            },
            Step::Recalling { mut outcome, mut loader } => match loader.handle(now, input, &mut ctx.io) {
                None => Ok(Step::Recalling { outcome, loader }),
                Some(Ok(facts)) => {
                    outcome.text = facts.last_text.to_string();
                    outcome.usage = facts.live.usage;
                    outcome.items = facts.item_texts;
                    Err(Opened::RunsNothing(outcome))
                }
                Some(Err(e)) => Err(refused(e)),
            },
            Step::Over => Ok(Step::Over),
        }
    }

    fn consider(&mut self, ctx: &mut Ctx, found: Found) -> Next {
        let mut found = found.into_iter();
        let (Some(task), head) = (found.next().flatten(), found.next().flatten()) else {
            return Err(refused(task_not_found(&ctx.cfg.user_id, &ctx.cfg.task_id)));
        };
        let task_version = task.version;
        let task = TaskDocument::read(&task.path, task.data).map_err(refused)?;
        let age = head.as_ref().and_then(|h| h.age_ms);
        let head = match head {
            None => None,
            Some(d) => Some((Head::read(&d.path, &d.data).map_err(refused)?, d.version)),
        };
        let (head, stored) = match head {
            None => (None, None),
            Some((stored, version)) => {
                let head = of_this_task(&stored, &task, &mut ctx.io.rng).map_err(refused)?;
                (Some((head, version)), Some(stored))
            }
        };
        let settings = Settings::resolve(&ctx.cfg.options, &task.config);
        ctx.io.push(Effect::Status { status: task.status });
        let mode = match self.mode(ctx, &task, head.as_ref().map(|(h, _)| h)) {
            Ok(mode) => mode,
            Err(Opened::RunsNothing(outcome)) => return recall(ctx, outcome, head.as_ref().map(|(h, _)| h)),
            Err(opened) => return Err(opened),
        };
        if ctx.cfg.drives && !ctx.cfg.has_model {
            return Err(refused(EngineError::new(
                Code::NotConfigured,
                "There is no model to run the task with: pass `model` in the host, e.g. bedrockModel({ region, modelId }).",
            )));
        }
        let seen = Box::new(Seen { task, task_version, head, stored, settings, mode });
        match self.holder_of(ctx, &seen, age) {
            Holder::None => self.ready(ctx, seen),
            Holder::Unknown => {
                let ticket = ctx.io.ticket();
                let holder = owner(&seen).and_then(|o| o.holder.clone()).unwrap_or_default();
                ctx.io.push(Effect::Ask { ticket, question: Question::Alive { holder } });
                let until = ctx.now.mono + seen.settings.callback_timeout_ms;
                Ok(Step::AskingAlive { seen, ticket, until })
            }
            Holder::Live => self.wait(ctx, &seen),
        }
    }

    /// The table of DESIGN §2 where the head has its say.
    fn mode(&self, ctx: &Ctx, task: &TaskDocument, head: Option<&Head>) -> Result<Mode, Opened> {
        let last = head.map_or(LastRun::None, |h| h.last_run);
        let (intent, run) = match ctx.cfg.intent {
            Intent::Run => (TaskCommand::Run, true),
            Intent::Start => (TaskCommand::Start, false),
            Intent::Resume => (TaskCommand::Resume, false),
        };
        let nothing = |status: &'static str| {
            Err(Opened::RunsNothing(Box::new(Outcome {
                status,
                reason: task.abort_reason.clone().filter(|_| status == "paused"),
                error: (status == "failed").then(|| failed_before(task)),
                ..Outcome::default()
            })))
        };
        match task.status {
            Status::NotStarted if intent == TaskCommand::Resume => {
                Err(refused(invalid_transition(task.status, intent)))
            }
            Status::NotStarted => Ok(Mode::Begin),
            Status::InProgress => Ok(match last {
                LastRun::None => Mode::Begin,
                LastRun::Completed if run => Mode::Restore,
                last if last.ended() => Mode::Resume,
                _ => Mode::TakeUp,
            }),
            Status::Paused
                if matches!(last, LastRun::Running | LastRun::Yielded | LastRun::YieldedUnclean) =>
            {
                Ok(Mode::FinishPause { resume: !run })
            }
            Status::Paused if run => nothing("paused"),
            Status::Failed if run => nothing("failed"),
            Status::Paused | Status::Failed => Ok(Mode::Resume),
            Status::Completed if run => nothing("completed"),
            Status::Completed => Err(refused(invalid_transition(task.status, intent))),
        }
    }

    fn holder_of(&mut self, ctx: &Ctx, seen: &Seen, age: Option<u64>) -> Holder {
        let now = ctx.now.mono;
        let Some((head, version)) = &seen.head else { return Holder::None };
        let Some(owner) = &head.owner else { return Holder::None };
        if age.is_some_and(|age| age > owner.ttl_ms) {
            return Holder::None;
        }
        // One run a task and process: what an earlier one left without releasing it is nobody's.
        if owner.is_of(ctx.cfg.instance.as_deref()) {
            return Holder::None;
        }
        let renewed = match &mut self.watched {
            Some(w) if w.owner == owner.id => {
                if w.version == *version {
                    if now - w.since > owner.ttl_ms {
                        return Holder::None;
                    }
                } else {
                    w.version.clone_from(version);
                    w.since = now;
                }
                w
            }
            watched => watched.insert(Watched {
                owner: owner.id.clone(),
                version: version.clone(),
                since: now,
                asked: false,
            }),
        };
        if owner.holder.is_some() && ctx.cfg.holder.is_some() && !renewed.asked {
            renewed.asked = true;
            return Holder::Unknown;
        }
        Holder::Live
    }

    fn wait(&mut self, ctx: &mut Ctx, seen: &Seen) -> Next {
        let now = ctx.now.mono;
        let waits = seen.settings.wait_for_lease_ms.is_some();
        if seen.mode == (Mode::FinishPause { resume: false }) && self.renewed_by_now(seen, waits) {
            let outcome = Box::new(Outcome { status: "paused", ..Outcome::default() });
            return recall(ctx, outcome, seen.head.as_ref().map(|(h, _)| h));
        }
        let Some(owner) = owner(seen) else { return Ok(read(ctx)) };
        let watched = self.watched.as_ref();
        let first = *self.first_wait.get_or_insert(now);
        let renewed = watched.is_some_and(|w| w.since > first);
        let give_up = match seen.settings.wait_for_lease_ms {
            Some(ms) => now - first >= ms,
            None => renewed,
        };
        let limit = seen.settings.yield_after_ms.map(|after| ctx.began + after);
        if give_up || limit.is_some_and(|at| now >= at) {
            let age = watched.map_or(0, |w| now - w.since);
            return Err(refused(held_by(owner, age)));
        }
        let poll = (owner.ttl_ms / POLL_SHARE_OF_TTL).clamp(20, 1_000);
        Ok(Step::WaitingForLease { until: now + poll })
    }

    /// Whether the holder is known to live: seen to renew, or not to be waited for.
    fn renewed_by_now(&self, seen: &Seen, waits: bool) -> bool {
        let Some(watched) = &self.watched else { return false };
        let renewed = self.first_wait.is_some_and(|first| watched.since > first);
        renewed || (waits && seen.settings.wait_for_lease_ms == Some(0))
    }

    /// Nothing is held, nothing is on its way that could take the lease, and how it ends is still open.
    pub fn may_leave(&self) -> bool {
        !matches!(
            self.step,
            Step::Acquiring { .. } | Step::Loading { .. } | Step::Releasing { .. } | Step::Recalling { .. }
        )
    }

    /// As far as is known another run holds the task.
    pub fn is_held(&self) -> bool {
        match self.step {
            Step::WaitingForLease { .. } => true,
            Step::Reading(_) | Step::AskingAlive { .. } => self.first_wait.is_some(),
            _ => false,
        }
    }

    fn ready(&mut self, ctx: &mut Ctx, seen: Box<Seen>) -> Next {
        if !ctx.cfg.drives || self.tools.is_some() {
            return self.acquire(ctx, seen);
        }
        let ticket = ctx.io.ticket();
        let task = task_value(&seen.task, &ctx.cfg.task_id);
        ctx.io.push(Effect::Ask { ticket, question: Question::Tools { task } });
        let until = ctx.now.mono + seen.settings.callback_timeout_ms;
        Ok(Step::AskingTools { seen, ticket, until })
    }

    fn acquire(&mut self, ctx: &mut Ctx, mut seen: Box<Seen>) -> Next {
        let write_id = ctx.io.rng.id();
        let owner = Owner {
            id: match &ctx.cfg.instance {
                Some(instance) => format!("{instance}.{}", ctx.io.rng.id()),
                None => ctx.io.rng.id(),
            },
            holder: ctx.cfg.holder.clone(),
            ttl_ms: storable(seen.settings.lease_ttl_ms),
            heartbeat_ms: storable(seen.settings.heartbeat_ms()),
            grace_ms: storable(seen.settings.grace_ms),
            store_timeout_ms: storable(seen.settings.store_timeout_ms),
        };
        let explicit = matches!(
            seen.mode,
            Mode::Begin | Mode::Resume | Mode::Restore | Mode::FinishPause { resume: true }
        );
        let (head, write) = match &seen.head {
            None => {
                let head =
                    Head::first(ctx.io.rng.id(), seen.task.created_at.clone(), owner, write_id.clone());
                let write = StoreWrite::Create { path: ctx.paths.head.clone(), data: head.document() };
                (head, write)
            }
            Some((before, version)) => {
                let attempts = match (explicit, before.unclean()) {
                    (true, _) => 0,
                    (false, true) => before.attempts.saturating_add(1),
                    (false, false) => before.attempts,
                };
                if attempts >= MAX_ATTEMPTS && seen.mode == Mode::TakeUp {
                    seen.mode = Mode::CrashLoop;
                }
                let head = Head {
                    epoch: before.epoch + 1,
                    owner: Some(owner),
                    write_id: write_id.clone(),
                    attempts,
                    ..before.clone()
                };
                let stored = seen.stored.as_ref().unwrap_or(before);
                let write = write_head(&ctx.paths, Some((stored, version)), &head);
                (head, write)
            }
        };
        let batch = Batch {
            purpose: Purpose::Acquire,
            write_id,
            epoch: head.epoch,
            writes: Rc::new(vec![write]),
            task_version: None,
        };
        let mut writer = Writer::new(ctx.paths.clone(), ctx.now);
        writer.submit(ctx.now, batch, seen.settings.store_timeout_ms, &mut ctx.io);
        Ok(Step::Acquiring { seen, writer: Box::new(writer), head: Box::new(head) })
    }

    fn load(&mut self, ctx: &mut Ctx, seen: Seen, writer: Writer, head: Head, version: String) -> Step {
        let timeout = seen.settings.store_timeout_ms;
        let loader = Loader::new(ctx.now.mono, ctx.paths.clone(), &head, timeout, &mut ctx.io);
        let acquired = Acquired {
            mode: seen.mode,
            unclean: seen.head.as_ref().is_some_and(|(h, _)| h.unclean()),
            attempts_before: seen.head.as_ref().map_or(0, |(h, _)| h.attempts),
            facts: Facts::new(head.history.clone()),
            head,
            head_version: version,
            task: seen.task,
            task_version: seen.task_version,
            tools: self.tools.take().unwrap_or_default(),
            settings: seen.settings,
            writer,
        };
        Step::Loading { acquired: Box::new(acquired), loader: Box::new(loader) }
    }
}

/// Releases the lease as if it had not been taken: an unclean end before it stays one, and this is no further one.
fn give_back(ctx: &mut Ctx, acquired: Acquired, error: EngineError) -> Step {
    let Acquired { head: before, head_version, unclean, attempts_before, mut writer, settings, .. } =
        acquired;
    let last_run = match before.last_run {
        LastRun::Running | LastRun::Yielded if unclean => LastRun::YieldedUnclean,
        last => last,
    };
    let write_id = ctx.io.rng.id();
    let head = Head { owner: None, write_id, last_run, attempts: attempts_before, ..before.clone() };
    let batch = Batch {
        purpose: Purpose::Release,
        write_id: head.write_id.clone(),
        epoch: head.epoch,
        writes: Rc::new(vec![write_head(&ctx.paths, Some((&before, &head_version)), &head)]),
        task_version: None,
    };
    writer.submit(ctx.now, batch, settings.store_timeout_ms, &mut ctx.io);
    Step::Releasing { error: Box::new(error), writer: Box::new(writer) }
}

/// The outcome of a run that runs nothing says what the journal holds.
fn recall(ctx: &mut Ctx, outcome: Box<Outcome>, head: Option<&Head>) -> Next {
    let Some(head) = head.filter(|head| head.seq > head.since) else {
        return Err(Opened::RunsNothing(outcome));
    };
    let (timeout, paths) = (ctx.cfg.options.store_timeout_ms(), ctx.paths.clone());
    let loader = Loader::new(ctx.now.mono, paths, head, timeout, &mut ctx.io);
    Ok(Step::Recalling { outcome, loader: Box::new(loader) })
}

fn refused(error: EngineError) -> Opened {
    Opened::Refused(Box::new(error))
}

enum Holder {
    None,
    /// The store may know whether its process lives.
    Unknown,
    Live,
}

fn owner(seen: &Seen) -> Option<&Owner> {
    seen.head.as_ref().and_then(|(h, _)| h.owner.as_ref())
}

fn read(ctx: &mut Ctx) -> Step {
    let timeout_ms = ctx.cfg.options.store_timeout_ms();
    let want = Want::Documents(vec![ctx.paths.task.clone(), ctx.paths.head.clone()]);
    Step::Reading(Fetch::new(ctx.now.mono, want, timeout_ms, &mut ctx.io))
}

/// The task document with its id, for callbacks.
pub(crate) fn task_value(task: &TaskDocument, task_id: &str) -> Rc<Value> {
    let mut map = task.raw.as_ref().clone();
    map.insert("id".into(), task_id.into());
    Rc::new(Value::Object(map))
}

fn described(value: &Value, completion: Completion) -> Result<HashMap<String, ToolDescription>, EngineError> {
    let tools: Vec<ToolDescription> = serde_json::from_value(value.clone())
        .map_err(|e| EngineError::new(Code::HostCallback, format!("tools could not be described: {e}")))?;
    if let Some(tool) = tools.iter().find(|tool| !is_valid_name(&tool.spec.name)) {
        let what = format!("tools could not be described: models take no name like {:?}", tool.spec.name);
        return Err(EngineError::new(Code::HostCallback, what));
    }
    let reserved = |t: &ToolDescription| t.spec.name == COMPLETE_TASK_ITEM;
    if completion == Completion::Explicit && tools.iter().any(reserved) {
        return Err(EngineError::new(
            Code::InvalidArgument,
            format!(
                "The tool name {COMPLETE_TASK_ITEM} belongs to completion: 'explicit'. Rename the host's tool."
            ),
        ));
    }
    Ok(tools.into_iter().map(|t| (t.spec.name.clone(), t)).collect())
}

fn failed_before(task: &TaskDocument) -> EngineError {
    let said = task.raw.get("execution").and_then(|e| e.get("error")).and_then(Value::as_str);
    let message = format!(
        "The task has failed before{} Call resume() to try again.",
        said.map_or_else(|| ".".to_owned(), |m| format!(": {m}"))
    );
    EngineError::new(Code::InvalidTransition, message)
}

/// TASK_NOT_FOUND.
pub fn task_not_found(user: &str, task: &str) -> EngineError {
    EngineError::new(
        Code::TaskNotFound,
        format!(
            "Task not found: user {user:?} has no task {task:?}. The arguments are taskId, userId, in this order: \
             new TaskExecutor(taskId, userId)."
        ),
    )
    .with("taskId", task)
    .with("userId", user)
}

/// LEASE_HELD by whom.
pub fn held_by(owner: &Owner, age_ms: u64) -> EngineError {
    let error = lease_held(&owner.id, age_ms);
    match &owner.holder {
        Some(holder) => error.with("holder", holder.as_str()),
        None => error,
    }
}

/// LEASE_HELD.
pub fn lease_held(owner: &str, age_ms: u64) -> EngineError {
    EngineError::new(
        Code::LeaseHeld,
        format!(
            "Another run ({owner}) works on this task and renewed its lease {age_ms} ms ago. Watch it with \
             events(), pause it with pause(), or wait for it with waitForLeaseMs."
        ),
    )
    .with("owner", owner)
    .with("ageMs", age_ms)
}

/// The head as it counts for this task document. Where a task that was made before under this id has left it, the history
/// begins anew behind that task's.
///
/// # Errors
/// STALE_HISTORY, while a history is being deleted.
pub fn of_this_task(head: &Head, task: &TaskDocument, rng: &mut Rng) -> Result<Head, EngineError> {
    if head.deleted {
        return Err(stale("its deletion was begun and not finished"));
    }
    if head.is_of_another(task.created_at.as_deref()) {
        return Ok(head.anew(rng.id(), task.created_at.clone()));
    }
    Ok(head.clone())
}

/// The head of a run still belongs to this very task document.
///
/// # Errors
/// STALE_HISTORY.
pub fn check_fresh(head: &Head, task: &TaskDocument) -> Result<(), EngineError> {
    if head.deleted {
        return Err(stale("its deletion was begun and not finished"));
    }
    if head.is_of_another(task.created_at.as_deref()) {
        return Err(stale("the task was deleted and made again since"));
    }
    Ok(())
}

fn stale(why: &str) -> EngineError {
    EngineError::new(
        Code::StaleHistory,
        format!(
            "The stored history belongs to an earlier task of this id: {why}. Nothing was changed. Remove it with \
             new TaskPersistence(taskId, userId).delete({{ keepTask: true }})."
        ),
    )
}
