//! What is to be done with a task that nobody holds: the table of commands and statuses, where the head has its say.

use super::super::{Ctx, Intent, Outcome};
use super::{Opened, refused};
use crate::error::{Code, EngineError};
use crate::facts::task::TaskDocument;
use crate::lifecycle::{Status, TaskCommand, invalid_transition};
use crate::storage::head::{Head, LastRun};
use serde_json::Value;

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

impl Mode {
    /// By a command, and not as recovery.
    pub(super) fn is_explicit(self) -> bool {
        matches!(self, Mode::Begin | Mode::Resume | Mode::Restore | Mode::FinishPause { resume: true })
    }
}

pub(super) fn mode(ctx: &Ctx, task: &TaskDocument, head: Option<&Head>) -> Result<Mode, Opened> {
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
        Status::Paused if matches!(last, LastRun::Running | LastRun::Yielded | LastRun::YieldedUnclean) => {
            Ok(Mode::FinishPause { resume: !run })
        }
        Status::Paused if run => nothing("paused"),
        Status::Failed if run => nothing("failed"),
        Status::Paused | Status::Failed => Ok(Mode::Resume),
        Status::Completed if run => nothing("completed"),
        Status::Completed => Err(refused(invalid_transition(task.status, intent))),
    }
}

fn failed_before(task: &TaskDocument) -> EngineError {
    let said = task.raw.get("execution").and_then(|e| e.get("error")).and_then(Value::as_str);
    let message = format!(
        "The task has failed before{} Call resume() to try again.",
        said.map_or_else(|| ".".to_owned(), |m| format!(": {m}"))
    );
    EngineError::new(Code::InvalidTransition, message)
}
