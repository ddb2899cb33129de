//! Opening a task: read it and its head, consult the table, wait for the lease, take it, load the journal.

mod acquisition;
mod holder;
mod loading;
mod table;
mod tools;

use super::lease::{Acquiring, Taken};
use super::refusal::{of_this_task, task_not_found};
use super::wishes::Wishes;
use super::{Ctx, Outcome};
use crate::effect::{Command, Effect, Input, Question, Ticket, ToolDescription};
use crate::error::{Code, EngineError};
use crate::facts::task::TaskDocument;
use crate::limits::Settings;
use crate::sorted::SortedMap;
use crate::storage::head::Head;
use crate::storage::io::{Fetch, Found, Want};
use crate::storage::loader::Loader;
use crate::time::Instant;
use holder::{Holder, Patience, Watch, owner};
pub(crate) use loading::Acquired;
use serde_json::Value;
pub(crate) use table::Mode;

/// How opening ended.
#[derive(Debug)]
pub(crate) enum Opened {
    Refused(Box<EngineError>),
    RunsNothing(Box<Outcome>),
    Acquired(Box<Acquired>),
}

/// A task as it was read.
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

/// A callback of the host that has been asked.
#[derive(Debug)]
struct Asked {
    seen: Box<Seen>,
    ticket: Ticket,
    until: Instant,
}

#[derive(Debug)]
enum Step {
    Reading(Fetch),
    WaitingForLease {
        until: Instant,
        seen: Box<Seen>,
    },
    AskingAlive(Asked),
    AskingTools(Asked),
    Acquiring {
        seen: Box<Seen>,
        acquiring: Box<Acquiring>,
    },
    Loading {
        acquired: Box<Acquired>,
        loader: Box<Loader>,
    },
    /// It could not be loaded: whoever comes next finds the lease as it was.
    Releasing {
        error: Box<EngineError>,
        acquired: Box<Acquired>,
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
    watch: Watch,
    tools: Option<SortedMap<String, ToolDescription>>,
    wishes: Wishes,
}

type Next = Result<Step, Opened>;

impl Opening {
    pub fn new(ctx: &mut Ctx) -> Self {
        let step = read(ctx);
        Opening { step, watch: Watch::default(), tools: None, wishes: Wishes::default() }
    }

    pub fn timeout(&self) -> Option<Instant> {
        match &self.step {
            Step::Reading(fetch) => Some(fetch.timeout()),
            Step::WaitingForLease { until, .. } => Some(*until),
            Step::AskingAlive(asked) | Step::AskingTools(asked) => Some(asked.until),
            Step::Acquiring { acquiring, .. } => acquiring.timeout(),
            Step::Releasing { acquired, .. } => acquired.lease.timeout(),
            Step::Loading { loader, acquired } => {
                acquired.lease.timeout().into_iter().chain([loader.timeout()]).min()
            }
            Step::Recalling { loader, .. } => Some(loader.timeout()),
            Step::Over => None,
        }
    }

    /// When the lease has to be renewed, by the real time.
    pub fn renewal(&self) -> Option<Instant> {
        if let Step::Loading { acquired, .. } = &self.step { acquired.lease.renewal() } else { None }
    }

    /// What was asked for meanwhile, for whoever goes on.
    pub fn into_wishes(self) -> Wishes {
        self.wishes
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

    /// Takes a command in. A yield just ends the wait for a task that is not held yet. A pause or stop is obeyed once the
    /// task is acquired, and needs none of the host's callbacks; where another run holds the task it goes by the
    /// register like any caller's.
    pub fn command(&mut self, ctx: &mut Ctx, ticket: Ticket, command: Command) -> Option<Opened> {
        if let (Command::Yield { reason, .. }, true) = (&command, self.may_leave()) {
            let outcome = Outcome {
                status: "yielded",
                reason: Some(reason.clone()),
                unfinished: !self.is_held(),
                ..Outcome::default()
            };
            self.wishes.command(ticket, command, ctx.now.mono);
            self.cancel(ctx);
            return Some(Opened::RunsNothing(Box::new(outcome)));
        }
        self.wishes.command(ticket, command, ctx.now.mono);
        if !self.wishes.interrupts() {
            return None;
        }
        let next = match std::mem::replace(&mut self.step, Step::Over) {
            Step::WaitingForLease { seen, .. } => self.wait(ctx, seen),
            Step::AskingAlive(asked) => {
                ctx.io.push(Effect::Cancel { ticket: asked.ticket });
                self.wait(ctx, asked.seen)
            }
            Step::AskingTools(asked) => {
                ctx.io.push(Effect::Cancel { ticket: asked.ticket });
                Ok(acquire(ctx, asked.seen))
            }
            step => Ok(step),
        };
        match next {
            Ok(step) => {
                self.step = step;
                None
            }
            Err(opened) => Some(opened),
        }
    }

    fn cancel(&self, ctx: &mut Ctx) {
        if let Step::AskingAlive(asked) | Step::AskingTools(asked) = &self.step {
            ctx.io.push(Effect::Cancel { ticket: asked.ticket });
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
            Step::WaitingForLease { until, .. } if now >= until => Ok(read(ctx)),
            waiting @ Step::WaitingForLease { .. } => Ok(waiting),
            Step::AskingAlive(asked) => match input {
                Input::Answered { ticket: t, result } if *t == asked.ticket => {
                    if matches!(result, Ok(Value::Bool(false))) {
                        self.ready(ctx, asked.seen)
                    } else {
                        self.wait(ctx, asked.seen)
                    }
                }
                _ if now >= asked.until => {
                    ctx.io.push(Effect::Cancel { ticket: asked.ticket });
                    self.wait(ctx, asked.seen)
                }
                _ => Ok(Step::AskingAlive(asked)),
            },
            Step::AskingTools(asked) => match input {
                Input::Answered { ticket: t, result: Ok(value) } if *t == asked.ticket => {
                    let completion = asked.seen.settings.completion;
                    self.tools = Some(tools::described(value, completion).map_err(refused)?);
                    Ok(acquire(ctx, asked.seen))
                }
                Input::Answered { ticket: t, result: Err(thrown) } if *t == asked.ticket => {
                    let e = EngineError::new(Code::HostCallback, format!("tools failed: {}", thrown.message));
                    Err(refused(e.caused_by(thrown.cause)))
                }
                _ if now >= asked.until => {
                    ctx.io.push(Effect::Cancel { ticket: asked.ticket });
                    Err(refused(EngineError::new(
                        Code::HostCallback,
                        "tools did not return within callbackTimeoutMs.",
                    )))
                }
                _ => Ok(Step::AskingTools(asked)),
            },
            Step::Acquiring { seen, acquiring } => match acquiring.handle(input, &ctx.clock, &mut ctx.io) {
                Ok(acquiring) => Ok(Step::Acquiring { seen, acquiring: Box::new(acquiring) }),
                Err(Taken::Mine(lease)) => {
                    let tools = self.tools.take().unwrap_or_default();
                    Ok(loading::load(ctx, *seen, *lease, tools))
                }
                Err(Taken::Refused(e)) => Err(refused(e)),
                // Another run was faster: look again who holds the task now.
                Err(Taken::Overtaken) => Ok(read(ctx)),
            },
            Step::Loading { acquired, loader } => loading::loading(ctx, acquired, loader, input),
            Step::Releasing { error, acquired } => loading::releasing(ctx, acquired, error, Some(input)),
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
        let mode = match table::mode(ctx, &task, head.as_ref().map(|(h, _)| h)) {
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
        match self.watch.holder_of(ctx, &seen, age) {
            Holder::None => self.ready(ctx, seen),
            Holder::Unknown if !self.wishes.interrupts() => {
                let holder = owner(&seen).and_then(|o| o.holder.clone()).unwrap_or_default();
                Ok(Step::AskingAlive(ask(ctx, seen, Question::Alive { holder })))
            }
            Holder::Unknown | Holder::Live => self.wait(ctx, seen),
        }
    }

    fn wait(&mut self, ctx: &mut Ctx, seen: Box<Seen>) -> Next {
        match self.watch.wait(ctx, &seen, self.wishes.interrupts()) {
            Patience::LookAgain => Ok(read(ctx)),
            Patience::Until(until) => Ok(Step::WaitingForLease { until, seen }),
            Patience::GivesUp(error) => Err(Opened::Refused(error)),
            Patience::Paused => {
                let outcome = Box::new(Outcome { status: "paused", ..Outcome::default() });
                recall(ctx, outcome, seen.head.as_ref().map(|(h, _)| h))
            }
        }
    }

    /// Nothing is held, nothing is on its way that could take the lease, and how it ends is still open.
    fn may_leave(&self) -> bool {
        !matches!(
            self.step,
            Step::Acquiring { .. } | Step::Loading { .. } | Step::Releasing { .. } | Step::Recalling { .. }
        )
    }

    /// As far as is known another run holds the task.
    fn is_held(&self) -> bool {
        match self.step {
            Step::WaitingForLease { .. } => true,
            Step::Reading(_) | Step::AskingAlive { .. } => self.watch.has_waited(),
            _ => false,
        }
    }

    fn ready(&mut self, ctx: &mut Ctx, seen: Box<Seen>) -> Next {
        // A run that only ends needs no tools.
        if !ctx.cfg.drives || self.tools.is_some() || self.wishes.interrupts() {
            return Ok(acquire(ctx, seen));
        }
        let task = seen.task.with_id(&ctx.cfg.task_id);
        Ok(Step::AskingTools(ask(ctx, seen, Question::Tools { task })))
    }
}

fn ask(ctx: &mut Ctx, seen: Box<Seen>, question: Question) -> Asked {
    let ticket = ctx.io.ticket();
    ctx.io.push(Effect::Ask { ticket, question });
    let until = ctx.now.mono + seen.settings.callback_timeout_ms;
    Asked { seen, ticket, until }
}

fn acquire(ctx: &mut Ctx, mut seen: Box<Seen>) -> Step {
    let acquiring = Box::new(acquisition::acquire(ctx, &mut seen));
    Step::Acquiring { seen, acquiring }
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

fn read(ctx: &mut Ctx) -> Step {
    let timeout_ms = ctx.cfg.options.store_timeout_ms();
    let want = Want::Documents(vec![ctx.paths.task.clone(), ctx.paths.head.clone()]);
    Step::Reading(Fetch::new(ctx.now.mono, want, timeout_ms, &mut ctx.io))
}
