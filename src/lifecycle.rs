//! Statuses, commands, and what each command does in each state: the lifecycle table.

use crate::error::{Code, EngineError};
use crate::json::{json, words};
use serde_json::{Map, Value};

/// The status that the task document stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Nobody has begun it, or somebody wants it begun anew.
    NotStarted,
    /// Begun; whether anybody runs it says the head.
    InProgress,
    /// Paused, or stopped where `execution.abort_reason` is set.
    Paused,
    /// Every item is done.
    Completed,
    /// A run ended with an error.
    Failed,
}

words!(Status {
    NotStarted "not_started",
    InProgress "in_progress",
    Paused "paused",
    Completed "completed",
    Failed "failed",
});

impl Status {
    /// Every status, in the order in which documents name them.
    pub const ALL: [Status; 5] =
        [Status::NotStarted, Status::InProgress, Status::Paused, Status::Completed, Status::Failed];

    /// The status that a document's word means, if it is one.
    pub fn parse(word: &str) -> Option<Status> {
        Status::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

/// What somebody asks of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TaskCommand {
    /// Begin, or go on.
    Start,
    /// Go on, overriding a pause, a stop or a failure.
    Resume,
    /// Drive what is stored, overriding no decision. Not a command of `TaskLifecycle`: it changes nothing by itself.
    Run,
    /// Pause, letting running tools end within the grace.
    Pause,
    /// Stop, aborting running tools.
    Stop,
}

words!(write TaskCommand { Start "start", Resume "resume", Run "run", Pause "pause", Stop "stop" });

impl TaskCommand {
    /// The commands that `TaskLifecycle.can` and `next` know.
    pub const PUBLIC: [TaskCommand; 4] =
        [TaskCommand::Start, TaskCommand::Resume, TaskCommand::Pause, TaskCommand::Stop];
}

/// The state in which a command meets the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Column {
    /// Stored `not_started`.
    NotStarted,
    /// Stored `in_progress` by others; the engine never ran it.
    InProgressNoHead,
    /// Stored `in_progress`; the lease is free or has run out.
    InProgressNoOwner,
    /// Stored `in_progress`; somebody holds a live lease.
    InProgressOwned,
    /// Stored `paused`, and the head agrees or there is none.
    Paused,
    /// Stored `failed`.
    Failed,
    /// Stored `completed`.
    Completed,
}

impl Column {
    /// The column of a stored status; `has_head` and `owned` matter only while it is in progress.
    pub fn of(status: Status, has_head: bool, owned: bool) -> Column {
        match status {
            Status::NotStarted => Column::NotStarted,
            Status::InProgress if owned => Column::InProgressOwned,
            Status::InProgress if has_head => Column::InProgressNoOwner,
            Status::InProgress => Column::InProgressNoHead,
            Status::Paused => Column::Paused,
            Status::Failed => Column::Failed,
            Status::Completed => Column::Completed,
        }
    }

    fn without_live_owner(status: Status) -> Column {
        Column::of(status, true, false)
    }
}

/// What a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// A first run: `task:started`.
    Begin,
    /// A run goes on that nobody ended: recovery after an unclean end, silent after a clean one.
    TakeUp,
    /// Somebody runs it already. In the same process: that run; elsewhere: `LEASE_HELD`.
    Join,
    /// An explicit resume of a pause or a stop: `task:resumed`, fresh allowances.
    Resume,
    /// An explicit resume of a failure: `task:resumed`, fresh allowances, the error deleted.
    TryAgain,
    /// `INVALID_TRANSITION`, and nothing is written.
    Invalid,
    /// Settles well, and nothing is written.
    NoOp,
    /// The one who commands it commits the pause.
    Pause,
    /// The one who commands it commits the stop, with its reason.
    Stop,
    /// The runner obeys it and commits it.
    Obeyed,
    /// A run that ends at once with this outcome.
    RunsNothing(Status),
}

/// The lifecycle table: what `command` does to a task in `column`.
pub fn verdict(column: Column, command: TaskCommand) -> Verdict {
    use Column::*;
    use TaskCommand as C;
    match (command, column) {
        (C::Start | C::Run, NotStarted) => Verdict::Begin,
        (C::Resume, NotStarted) => Verdict::Invalid,

        (C::Start | C::Resume | C::Run, InProgressNoHead) => Verdict::Begin,
        (C::Start | C::Resume | C::Run, InProgressNoOwner) => Verdict::TakeUp,
        (C::Start | C::Resume | C::Run, InProgressOwned) => Verdict::Join,

        (C::Start | C::Resume, Paused) => Verdict::Resume,
        (C::Start | C::Resume, Failed) => Verdict::TryAgain,
        (C::Start | C::Resume, Completed) => Verdict::Invalid,

        (C::Run, Paused) => Verdict::RunsNothing(Status::Paused),
        (C::Run, Failed) => Verdict::RunsNothing(Status::Failed),
        (C::Run, Completed) => Verdict::RunsNothing(Status::Completed),

        (C::Pause | C::Stop, InProgressOwned) => Verdict::Obeyed,
        (C::Pause, InProgressNoHead | InProgressNoOwner) => Verdict::Pause,
        (C::Stop, InProgressNoHead | InProgressNoOwner | Paused) => Verdict::Stop,
        (C::Pause, NotStarted | Paused | Failed | Completed) => Verdict::NoOp,
        (C::Stop, NotStarted | Failed | Completed) => Verdict::NoOp,
    }
}

/// Whether `command` would change anything for a task whose stored status is `from` and that nobody runs.
/// False for a no-op and for an invalid transition.
pub fn can(from: Status, command: TaskCommand) -> bool {
    !matches!(
        verdict(Column::without_live_owner(from), command),
        Verdict::NoOp | Verdict::Invalid | Verdict::RunsNothing(_)
    )
}

/// The stored status after `command`; `from` itself for a no-op.
///
/// # Errors
/// `INVALID_TRANSITION` where the command is refused.
pub fn next(from: Status, command: TaskCommand) -> Result<Status, EngineError> {
    match verdict(Column::without_live_owner(from), command) {
        Verdict::Begin | Verdict::TakeUp | Verdict::Join | Verdict::Resume | Verdict::TryAgain => {
            Ok(Status::InProgress)
        }
        Verdict::Pause | Verdict::Stop | Verdict::Obeyed => Ok(Status::Paused),
        Verdict::NoOp => Ok(from),
        Verdict::RunsNothing(status) => Ok(status),
        Verdict::Invalid => Err(invalid_transition(from, command)),
    }
}

/// The refusal of `command` for a task in `status`, which has not been started or is completed: every other takes all
/// commands. Names both, and what to call instead.
pub fn invalid_transition(status: Status, command: TaskCommand) -> EngineError {
    let instead = if status == Status::Completed {
        "Call state() for its result; to run it again from its first item, set its status to 'not_started', then \
         call start()."
    } else {
        "Call start() to begin it."
    };
    let (status, command) = (status.as_str(), command.as_str());
    EngineError::new(
        Code::InvalidTransition,
        format!("{command}() is not possible: the task's status is '{status}'. {instead}"),
    )
    .with("status", status)
    .with("command", command)
}

/// `can` and `next` for every status and command, from which the build generates the TypeScript statics:
/// `{ [from]: { [command]: { can, next } | { can: false, error } } }`.
pub fn table_json() -> Value {
    let row = |from: Status| {
        let cell = |command| match next(from, command) {
            Ok(status) => json!({ "can": can(from, command), "next": status.as_str() }),
            Err(error) => {
                json!({ "can": false, "error": { "message": error.message, "details": error.details } })
            }
        };
        TaskCommand::PUBLIC.map(|command| (command.as_str().to_owned(), cell(command)))
    };
    let rows =
        Status::ALL.map(|from| (from.as_str().to_owned(), Value::Object(row(from).into_iter().collect())));
    Value::Object(rows.into_iter().collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use Column::*;

    #[test]
    fn every_cell_of_the_table_is_as_the_contract_has_it() {
        use Verdict::*;
        let columns = [
            NotStarted,
            InProgressNoHead,
            InProgressNoOwner,
            InProgressOwned,
            Column::Paused,
            Column::Failed,
            Column::Completed,
        ];
        let rows = [
            (TaskCommand::Start, [Begin, Begin, TakeUp, Join, Resume, TryAgain, Invalid]),
            (TaskCommand::Resume, [Invalid, Begin, TakeUp, Join, Resume, TryAgain, Invalid]),
            (
                TaskCommand::Run,
                [
                    Begin,
                    Begin,
                    TakeUp,
                    Join,
                    RunsNothing(Status::Paused),
                    RunsNothing(Status::Failed),
                    RunsNothing(Status::Completed),
                ],
            ),
            (TaskCommand::Pause, [NoOp, Pause, Pause, Obeyed, NoOp, NoOp, NoOp]),
            (TaskCommand::Stop, [NoOp, Stop, Stop, Obeyed, Stop, NoOp, NoOp]),
        ];
        for (command, verdicts) in rows {
            for (column, expected) in columns.into_iter().zip(verdicts) {
                assert_eq!(verdict(column, command), expected, "{command:?} in {column:?}");
            }
        }
    }

    #[test]
    fn the_stored_status_and_the_head_choose_the_column() {
        assert_eq!(Column::of(Status::NotStarted, false, false), NotStarted);
        assert_eq!(Column::of(Status::InProgress, false, false), InProgressNoHead);
        assert_eq!(Column::of(Status::InProgress, true, false), InProgressNoOwner);
        assert_eq!(Column::of(Status::InProgress, true, true), InProgressOwned);
        assert_eq!(Column::of(Status::Paused, true, false), Column::Paused);
        assert_eq!(Column::of(Status::Failed, true, false), Column::Failed);
        assert_eq!(Column::of(Status::Completed, true, false), Column::Completed);
    }

    /// Status, command, `can`, and `next` or None for INVALID_TRANSITION.
    type Cell = (Status, TaskCommand, bool, Option<Status>);

    const CELLS: [Cell; 20] = {
        use Status::*;
        use TaskCommand::*;
        [
            (NotStarted, Start, true, Some(InProgress)),
            (NotStarted, Resume, false, None),
            (NotStarted, Pause, false, Some(NotStarted)),
            (NotStarted, Stop, false, Some(NotStarted)),
            (InProgress, Start, true, Some(InProgress)),
            (InProgress, Resume, true, Some(InProgress)),
            (InProgress, Pause, true, Some(Paused)),
            (InProgress, Stop, true, Some(Paused)),
            (Paused, Start, true, Some(InProgress)),
            (Paused, Resume, true, Some(InProgress)),
            (Paused, Pause, false, Some(Paused)),
            (Paused, Stop, true, Some(Paused)),
            (Completed, Start, false, None),
            (Completed, Resume, false, None),
            (Completed, Pause, false, Some(Completed)),
            (Completed, Stop, false, Some(Completed)),
            (Failed, Start, true, Some(InProgress)),
            (Failed, Resume, true, Some(InProgress)),
            (Failed, Pause, false, Some(Failed)),
            (Failed, Stop, false, Some(Failed)),
        ]
    };

    #[test]
    fn can_and_next_answer_for_every_status_and_command() {
        for (from, command, expected_can, expected_next) in CELLS {
            assert_eq!(can(from, command), expected_can, "can {command:?} from {from:?}");
            match (next(from, command), expected_next) {
                (Ok(status), Some(expected)) => assert_eq!(status, expected, "{command:?} from {from:?}"),
                (Err(error), None) => assert_eq!(error.code, Code::InvalidTransition),
                (got, _) => panic!("{command:?} from {from:?}: {got:?}"),
            }
        }
    }

    #[test]
    fn a_refusal_names_the_state_the_command_and_the_way_out() {
        let error = invalid_transition(Status::NotStarted, TaskCommand::Resume);
        assert_eq!(
            error.message,
            "resume() is not possible: the task's status is 'not_started'. Call start() to begin it."
        );
        assert_eq!(error.details.get("status"), Some(&json!("not_started")));
        assert_eq!(error.details.get("command"), Some(&json!("resume")));
        let error = invalid_transition(Status::Completed, TaskCommand::Start);
        assert!(
            error.message.contains("'completed'") && error.message.contains("start()"),
            "{}",
            error.message
        );
        assert!(!error.retryable);
    }

    #[test]
    fn the_generated_table_has_every_status_and_public_command() {
        let table = table_json();
        for (from, command, expected_can, expected_next) in CELLS {
            let cell = &table[from.as_str()][command.as_str()];
            assert_eq!(cell["can"], json!(expected_can));
            assert_eq!(cell.get("next"), expected_next.map(|s| json!(s.as_str())).as_ref());
            assert_eq!(cell.get("error").is_some(), expected_next.is_none());
        }
        assert_eq!(table["completed"].as_object().map(Map::len), Some(4), "run is no public command");
    }

    #[test]
    fn statuses_read_and_write_as_the_words_of_the_documents() {
        for status in Status::ALL {
            assert_eq!(Status::parse(status.as_str()), Some(status));
            assert_eq!(serde_json::to_value(status).unwrap(), json!(status.as_str()));
        }
        assert_eq!(Status::parse("stopped"), None);
    }
}
