//! The machine that runs a task: inputs in, effects out.
//!
//! A run is opened (read, wait for the lease, acquire, load: `opening`) and then driven (`run`) until it ends; one that
//! ended where it stood gives its lease back (`leaving`).

mod beginning;
mod calls;
mod closing;
mod compose;
mod desk;
mod host;
pub(crate) mod lease;
mod leaving;
mod live_text;
mod meter;
mod opening;
pub(crate) mod refusal;
mod run;
mod turn;
mod wishes;

use crate::effect::{Command, Effect, Input, Machine, Ticket};
use crate::error::EngineError;
use crate::facts::announce::event;
use crate::ids::{Paths, check_id};
use crate::json::{json, reads, words};
use crate::limits::RunOptions;
use crate::storage::io::Io;
use crate::store::StoreLimits;
use crate::time::{Clock, Instant, Now};
pub(crate) use compose::import;
use leaving::Leaving;
use opening::{Opened, Opening};
use run::{Broken, Run};
use serde_json::Value;

/// What the caller wants of the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Drive what is stored; override no decision.
    Run,
    /// The command start.
    Start,
    /// The command resume.
    Resume,
}

words!(read Intent { Run "run", Start "start", Resume "resume" });

/// How a run is made.
#[derive(Clone, Debug)]
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
    pub options: RunOptions,
    /// The store's.
    pub limits: StoreLimits,
    /// `store.holder.id`.
    pub holder: Option<String>,
    /// Of the process and its registry, which lets one run a task at a time: what an owner of this instance has left
    /// without releasing it is taken up at once.
    pub instance: Option<String>,
    /// For ids and jitter.
    pub seed: u64,
    /// The store can watch.
    pub has_watch: bool,
    /// The host has a prompt function.
    pub has_prompt: bool,
    /// The host has a model.
    pub has_model: bool,
    /// The model that the host's client asks where a task names none, where it says so.
    pub model_id: Option<String>,
}

reads!(RunnerConfig {
    user_id: always "userId",
    task_id: always "taskId",
    intent: always "intent",
    drives: always "drives",
    options: or_default "options",
    limits: always "limits",
    holder: always "holder",
    instance: always "instance",
    seed: always "seed",
    has_watch: or_default "hasWatch",
    has_prompt: or_default "hasPrompt",
    has_model: or_default "hasModel",
    model_id: always "modelId",
});

/// What every part of the machine works with.
#[derive(Debug)]
pub(crate) struct Ctx {
    pub cfg: RunnerConfig,
    pub paths: Paths,
    pub io: Io,
    /// Deadlines and meters go by it.
    pub now: Now,
    /// Leases go by its real time.
    pub clock: Clock,
    /// When run() was called: `maxDurationMs` counts from there.
    pub began: Instant,
}

impl Ctx {
    /// True where the input, a mere timer, is not to be handled (see [`Clock::advance`]).
    fn advance(&mut self, now: Now, is_timer: bool) -> bool {
        let is_late = self.clock.advance(now, is_timer);
        self.now = self.clock.now();
        is_late
    }

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
    Leaving(Leaving),
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
}

impl Runner {
    /// Begins to open the task.
    pub fn new(now: Now, cfg: RunnerConfig) -> Self {
        let paths = Paths::new(&cfg.user_id, &cfg.task_id);
        let checked = check_id("taskId", &cfg.task_id).and_then(|()| check_id("userId", &cfg.user_id));
        let clock = Clock::new(now);
        let mut ctx = Ctx { paths, io: Io::new(cfg.seed), cfg, now, clock, began: now.mono };
        let phase = match checked {
            Err(e) => {
                refuse(&mut ctx, e);
                Phase::Done
            }
            Ok(()) => Phase::Opening(Box::new(Opening::new(&mut ctx))),
        };
        let mut runner = Runner { ctx, phase };
        runner.plan();
        runner
    }

    fn plan(&mut self) {
        let (deadline, renewal) = match &self.phase {
            Phase::Opening(opening) => (opening.timeout(), opening.renewal()),
            Phase::Running(run) => (run.timeout(&self.ctx), run.renewal()),
            Phase::Leaving(leaving) => (leaving.timeout(), None),
            Phase::Done => (None, None),
        };
        self.ctx.clock.plan(deadline, renewal);
    }

    /// One text delta of the model's stream: the fast path of [`Input::Streamed`], in time independent of everything
    /// before. The wall clock is not asked for it: it moves on as the monotonic one does. False where the stream is no
    /// longer wanted.
    pub fn text_delta(&mut self, mono: Instant, ticket: Ticket, index: u32, text: &str) -> bool {
        let before = self.ctx.clock.real();
        let elapsed = i64::try_from(mono - before.mono).unwrap_or_default();
        self.ctx.advance(Now { mono, wall: before.wall.saturating_add(elapsed) }, false);
        let Phase::Running(run) = &mut self.phase else { return false };
        let taken = run.text_delta(&mut self.ctx, ticket, index, text);
        if let Err(Broken) = taken
            && let Phase::Running(run) = std::mem::replace(&mut self.phase, Phase::Done)
        {
            // What follows must not wait for another input.
            self.phase = self.drive(run, &Input::Timeout);
            self.plan();
        }
        taken.unwrap_or(false)
    }

    fn opened(&mut self, opening: Opening, opened: Opened) -> Phase {
        let ctx = &mut self.ctx;
        match opened {
            Opened::Refused(e) => {
                settle_all(ctx, opening.into_wishes().settle_unbegun(Some(&e)));
                refuse(ctx, *e);
                Phase::Done
            }
            Opened::RunsNothing(outcome) => {
                settle_all(ctx, opening.into_wishes().settle_unbegun(None));
                finish(ctx, *outcome);
                Phase::Done
            }
            Opened::Acquired(acquired) => {
                let run = Box::new(Run::begin(ctx, *acquired, opening.into_wishes()));
                self.drive(run, &Input::Timeout)
            }
        }
    }

    fn drive(&mut self, mut run: Box<Run>, input: &Input) -> Phase {
        match run.handle(&mut self.ctx, input) {
            None => Phase::Running(run),
            Some(outcome) => {
                let next = Leaving::begin(&mut self.ctx, run, outcome);
                self.leaves(next)
            }
        }
    }

    fn leaves(&mut self, next: Result<Leaving, Box<Outcome>>) -> Phase {
        match next {
            Ok(leaving) => Phase::Leaving(leaving),
            Err(outcome) => {
                finish(&mut self.ctx, *outcome);
                Phase::Done
            }
        }
    }
}

impl Machine for Runner {
    fn handle(&mut self, now: Now, input: Input) {
        if self.ctx.advance(now, input == Input::Timeout) {
            return;
        }
        self.phase = match (std::mem::replace(&mut self.phase, Phase::Done), input) {
            (Phase::Opening(mut opening), input) => {
                let opened = match input {
                    Input::Command { ticket, command } => opening.command(&mut self.ctx, ticket, command),
                    input => opening.handle(&mut self.ctx, &input),
                };
                match opened {
                    None => Phase::Opening(opening),
                    Some(opened) => self.opened(*opening, opened),
                }
            }
            (Phase::Running(run), input) => self.drive(run, &input),
            (over, Input::Command { ticket, command: Command::Yield { .. } }) => {
                settle_all(&mut self.ctx, vec![(ticket, Ok(Value::Null))]);
                over
            }
            // A pause or stop stays unanswered, so that whoever gave it gives it to the store.
            (over @ (Phase::Leaving(_) | Phase::Done), Input::Command { .. }) => over,
            (Phase::Leaving(leaving), input) => {
                let next = leaving.handle(&mut self.ctx, &input);
                self.leaves(next)
            }
            (Phase::Done, _) => Phase::Done,
        };
        self.plan();
    }

    fn poll_effect(&mut self) -> Option<Effect> {
        self.ctx.io.pop()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        (!matches!(self.phase, Phase::Done)).then(|| self.ctx.clock.wake())
    }

    fn may_run(&self, now: Now, ticket: Ticket) -> bool {
        matches!(&self.phase, Phase::Running(run) if run.may_run(now, ticket))
    }

    fn is_done(&self) -> bool {
        matches!(self.phase, Phase::Done) && self.ctx.io.is_empty()
    }
}

fn settle_all(ctx: &mut Ctx, answers: Vec<(Ticket, Result<Value, EngineError>)>) {
    for (ticket, result) in answers.into_iter().filter(|(ticket, _)| *ticket != Ticket::RESULT) {
        ctx.io.push(Effect::Settle { ticket, result });
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
