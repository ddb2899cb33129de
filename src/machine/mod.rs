//! The machine that runs a task: inputs in, effects out.
//!
//! A run is opened (read, wait for the lease, acquire, load: `opening`) and then driven (`run`) until it ends.

mod calls;
mod closing;
mod compose;
mod live_text;
mod opening;
mod run;
mod safe_point;
mod turn;

use crate::effect::{Command, Effect, Input, Machine, Ticket};
use crate::error::EngineError;
use crate::facts::announce::event;
use crate::ids::{Paths, check_id};
use crate::limits::RunOptions;
use crate::storage::io::Io;
use crate::store::StoreLimits;
use crate::time::{Instant, Now};
pub(crate) use compose::import;
use opening::{Opened, Opening};
pub(crate) use opening::{held_by, lease_held, of_this_task, task_not_found};
use run::Run;
use serde::Deserialize;
use serde_json::{Value, json};

/// What the caller wants of the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    /// Drive what is stored; override no decision.
    Run,
    /// The command start.
    Start,
    /// The command resume.
    Resume,
}

/// How a run is made.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunnerConfig {
    /// Owner of the task.
    pub user_id: String,
    /// The task.
    pub task_id: String,
    /// The command.
    pub intent: Intent,
    /// False: only begin, and leave the running to others.
    pub drives: bool,
    /// All layers above the task's own, merged.
    #[serde(default)]
    pub options: RunOptions,
    /// The store's.
    pub limits: StoreLimits,
    /// `store.holder.id`.
    #[serde(default)]
    pub holder: Option<String>,
    /// Of the process and its registry, which lets one run a task at a time: what an owner of this instance has left
    /// without releasing it is taken up at once.
    #[serde(default)]
    pub instance: Option<String>,
    /// For ids and jitter.
    pub seed: u64,
    /// The store can watch.
    #[serde(default)]
    pub has_watch: bool,
    /// The host has a prompt function.
    #[serde(default)]
    pub has_prompt: bool,
    /// The host has a model.
    #[serde(default)]
    pub has_model: bool,
    /// The model that the host's client asks where a task names none, where it says so.
    #[serde(default)]
    pub model_id: Option<String>,
}

/// What every part of the machine works with.
#[derive(Debug)]
pub(crate) struct Ctx {
    pub cfg: RunnerConfig,
    pub paths: Paths,
    pub io: Io,
    pub now: Now,
    /// When run() was called: `maxDurationMs` counts from there.
    pub began: Instant,
}

impl Ctx {
    /// Tells listeners something that is not stored.
    pub fn emit_live(&mut self, name: &str, mut payload: Value) {
        if let Value::Object(map) = &mut payload {
            map.insert("taskId".into(), self.cfg.task_id.clone().into());
        }
        self.io.push(Effect::Emit { event: event(name, payload) });
    }
}

#[derive(Debug)]
enum Phase {
    Opening(Box<Opening>),
    Running(Box<Run>),
    Done,
}

/// The machine that runs one task once.
///
/// - *Constructor*: [`Runner::new`]; effects are ready right after.
/// - *Handle*: [`Machine::handle`], [`Runner::text_delta`].
/// - *Poll*, after every handle: [`Machine::poll_effect`] until None, then [`Machine::poll_timeout`].
///
/// It settles [`Ticket::STARTED`] once it has begun and [`Ticket::RESULT`] with the outcome when it is through.
#[derive(Debug)]
pub struct Runner {
    ctx: Ctx,
    phase: Phase,
    /// Commands that arrived before the run had begun.
    early: Vec<(Ticket, Command)>,
}

impl Runner {
    /// Begins to open the task.
    pub fn new(now: Now, cfg: RunnerConfig) -> Self {
        let paths = Paths::new(&cfg.user_id, &cfg.task_id);
        let checked = check_id("taskId", &cfg.task_id).and_then(|()| check_id("userId", &cfg.user_id));
        let mut ctx = Ctx { paths, io: Io::new(cfg.seed), cfg, now, began: now.mono };
        let phase = match checked {
            Err(e) => {
                refuse(&mut ctx, e);
                Phase::Done
            }
            Ok(()) => Phase::Opening(Box::new(Opening::new(&mut ctx))),
        };
        Runner { ctx, phase, early: Vec::new() }
    }

    /// One text delta of the model's stream: the fast path of [`Input::Streamed`], in time independent of everything
    /// before. The wall clock is not asked for it: it moves on as the monotonic one does. False where the stream is no
    /// longer wanted.
    pub fn text_delta(&mut self, mono: Instant, ticket: Ticket, index: u32, text: &str) -> bool {
        let elapsed = i64::try_from(mono - self.ctx.now.mono).unwrap_or_default();
        self.ctx.now = Now { mono, wall: self.ctx.now.wall.saturating_add(elapsed) };
        match &mut self.phase {
            Phase::Running(run) => run.text_delta(&mut self.ctx, ticket, index, text),
            _ => false,
        }
    }
}

impl Machine for Runner {
    fn handle(&mut self, now: Now, input: Input) {
        self.ctx.now = now;
        match std::mem::replace(&mut self.phase, Phase::Done) {
            Phase::Opening(mut opening) => {
                if let Input::Command { ticket, command } = input {
                    let reason = match &command {
                        Command::Yield { reason, .. } if opening.may_leave() => Some(reason.clone()),
                        _ => None,
                    };
                    self.early.push((ticket, command));
                    if let Some(reason) = reason {
                        self.settle_early_yields();
                        let outcome = Outcome {
                            status: "yielded",
                            reason: Some(reason),
                            unfinished: !opening.is_held(),
                            ..Outcome::default()
                        };
                        finish(&mut self.ctx, outcome);
                        return;
                    }
                    self.phase = Phase::Opening(opening);
                    return;
                }
                self.phase = match opening.handle(&mut self.ctx, &input) {
                    None => Phase::Opening(opening),
                    Some(Opened::Refused(e)) => {
                        settle_all(&mut self.ctx, std::mem::take(&mut self.early), &Err((*e).clone()));
                        refuse(&mut self.ctx, *e);
                        Phase::Done
                    }
                    Some(Opened::RunsNothing(outcome)) => {
                        self.settle_early_yields();
                        finish(&mut self.ctx, *outcome);
                        Phase::Done
                    }
                    Some(Opened::Acquired(acquired)) => {
                        let mut run = Box::new(Run::begin(&mut self.ctx, *acquired));
                        for (ticket, command) in std::mem::take(&mut self.early) {
                            run.command(&mut self.ctx, ticket, command);
                        }
                        self.drive(run, &Input::Timeout)
                    }
                };
            }
            Phase::Running(run) => self.phase = self.drive(run, &input),
            Phase::Done => {
                if let Input::Command { ticket, command } = input {
                    self.early.push((ticket, command));
                    self.settle_early_yields();
                }
            }
        }
    }

    fn poll_effect(&mut self) -> Option<Effect> {
        self.ctx.io.pop()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Opening(opening) => opening.timeout(&self.ctx),
            Phase::Running(run) => run.timeout(&self.ctx),
            Phase::Done => None,
        }
    }

    fn is_done(&self) -> bool {
        matches!(self.phase, Phase::Done) && self.ctx.io.is_empty()
    }
}

impl Runner {
    /// For a run that ends before it owns the task, or has ended: it has yielded, and obeyed nothing else. A pause or
    /// stop stays unanswered, so that whoever gave it gives it to the store.
    fn settle_early_yields(&mut self) {
        let mut early = std::mem::take(&mut self.early);
        early.retain(|(_, command)| matches!(command, Command::Yield { .. }));
        settle_all(&mut self.ctx, early, &Ok(Value::Null));
    }

    fn drive(&mut self, mut run: Box<Run>, input: &Input) -> Phase {
        match run.handle(&mut self.ctx, input) {
            None => Phase::Running(run),
            Some(outcome) => {
                finish(&mut self.ctx, outcome);
                Phase::Done
            }
        }
    }
}

fn settle_all(ctx: &mut Ctx, waiting: Vec<(Ticket, Command)>, result: &Result<Value, EngineError>) {
    for (ticket, _) in waiting {
        if ticket != Ticket::RESULT {
            ctx.io.push(Effect::Settle { ticket, result: result.clone() });
        }
    }
}

/// The run could not begin: nothing is emitted.
fn refuse(ctx: &mut Ctx, error: EngineError) {
    ctx.io.push(Effect::Settle { ticket: Ticket::RESULT, result: Err(error) });
}

/// The last event of every run, then its outcome.
fn finish(ctx: &mut Ctx, outcome: Outcome) {
    let value = outcome.to_json();
    ctx.emit_live("task:run_ended", json!({ "outcome": value }));
    ctx.io.push(Effect::Settle { ticket: Ticket::RESULT, result: Ok(value) });
}

/// `TaskOutcome`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Outcome {
    pub status: &'static str,
    pub text: String,
    pub usage: crate::converse::Usage,
    pub items: Vec<crate::facts::fold::ItemText>,
    pub reason: Option<String>,
    pub unfinished: bool,
    pub error: Option<EngineError>,
}

impl Outcome {
    fn to_json(&self) -> Value {
        let mut value = json!({
            "status": self.status, "text": self.text, "usage": self.usage, "items": self.items,
            "unfinished": self.unfinished,
        });
        if let Value::Object(map) = &mut value {
            if let Some(reason) = &self.reason {
                map.insert("reason".into(), reason.clone().into());
            }
            if let Some(error) = &self.error {
                map.insert("error".into(), json!(error));
                if let Some(cause) = error.cause {
                    map.insert("cause".into(), cause.0.into());
                }
            }
        }
        value
    }
}
