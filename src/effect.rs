//! The vocabulary between the core and whoever performs its effects.
//!
//! Every effect that expects a reply carries a [`Ticket`]; the reply is the [`Input`] with the same ticket.
//! A reply that nobody waits for any more is ignored, so late, doubled and foreign replies do no harm.

use crate::converse::Failure;
use crate::converse::request::{RequestOp, ToolSpec};
use crate::error::{CauseId, EngineError};
use crate::json::{reads, record, tagged, words};
use crate::lifecycle::Status;
use crate::store::{StoreError, StoreWrite, StoredDocument};
use crate::time::{Instant, Now};
use serde_json::Value;
use std::rc::Rc;

/// Ties a reply to its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);

impl Ticket {
    /// Settled when the machine is through: a run's outcome, a command's answer.
    pub const RESULT: Ticket = Ticket(0);
    /// Settled when a run has begun: it owns the task and has stored that. Never settled by a run that is refused.
    pub const STARTED: Ticket = Ticket(1);
    /// The first that stands for an effect or a command.
    pub const FIRST: Ticket = Ticket(2);
}

/// A tool use of the model, as users see it.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolCall {
    /// The tool use id that the model gets back.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// Always an object.
    pub input: Rc<Value>,
}

record!(ToolCall { id: always "id", name: always "name", input: always "input" });

/// Something to do outside.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// `store.read(paths)` → [`Input::Read`].
    Read {
        /// For the reply.
        ticket: Ticket,
        /// What to read; the reply has one element each, in order.
        paths: Vec<String>,
        /// A version that is here already: a document that still has it may come with empty data.
        known: Option<String>,
    },
    /// `store.list(collection, { after, limit })` → [`Input::Listed`].
    List {
        /// For the reply.
        ticket: Ticket,
        /// The collection's path.
        collection: String,
        /// Only documents whose id sorts after this one.
        after: Option<String>,
        /// At most so many.
        limit: u32,
    },
    /// `store.commit(writes)` → [`Input::Committed`].
    Commit {
        /// For the reply.
        ticket: Ticket,
        /// All or nothing.
        writes: Rc<Vec<StoreWrite>>,
    },
    /// The reply is no longer wanted: abort its signal. No reply is needed.
    Cancel {
        /// Of the effect to abort.
        ticket: Ticket,
    },
    /// `store.watch(paths)`, replacing an earlier watch → [`Input::Changed`], any number of times. An empty list
    /// ends it.
    Watch {
        /// Documents and collections.
        paths: Vec<String>,
    },
    /// Bring the request up to date with `ops`, then call the model → deltas and [`Input::Streamed`], ending in
    /// [`Input::StreamEnded`].
    Converse {
        /// For the replies.
        ticket: Ticket,
        /// What changed in the request since the last one.
        ops: Vec<RequestOp>,
        /// Of the message that streams; the live events carry it.
        message_id: String,
        /// 1 for the first attempt at this turn.
        attempt: u32,
    },
    /// `tool.execute(input, ctx)` → [`Input::Returned`]. Right before, [`Machine::may_run`] has to be asked; where it says
    /// no → [`Input::NotRun`].
    RunTool {
        /// For the reply.
        ticket: Ticket,
        /// What to run.
        call: ToolCall,
        /// 1 for the first start, more for reruns.
        attempt: u32,
        /// The same for every attempt at this call.
        idempotency_key: String,
    },
    /// One of the host's other callbacks → [`Input::Answered`].
    Ask {
        /// For the reply.
        ticket: Ticket,
        /// Which.
        question: Question,
    },
    /// Tell listeners. The event's own `type` says which.
    Emit {
        /// A JSON object with `type`.
        event: Value,
    },
    /// The stored status of the task, as just seen committed.
    Status {
        /// What `TaskLifecycle.status` shows from now on.
        status: Status,
    },
    /// A command given with [`Input::Command`], or the machine itself, has its answer.
    Settle {
        /// Of the command; [`Ticket::RESULT`] and [`Ticket::STARTED`] are the machine's own.
        ticket: Ticket,
        /// The answer.
        result: Result<Value, EngineError>,
    },
    /// For `host.logger`.
    Log {
        /// How bad.
        level: LogLevel,
        /// What happened.
        message: String,
    },
}

/// Levels of [`Effect::Log`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
}

words!(write LogLevel { Debug "debug", Info "info", Warn "warn", Error "error" });

/// What the core asks of the host's callbacks; each reply is the JSON named here.
#[derive(Clone, Debug, PartialEq)]
pub enum Question {
    /// The tools of this task, described: `ToolDescription[]`.
    Tools {
        /// The task document with its `id`.
        task: Rc<Value>,
    },
    /// For each call, in order: `Vetting[]`. Runs input validation, `needsApproval` and `host.approval`.
    Vet {
        /// The task document with its `id`; none where it is the one of the question before.
        task: Option<Rc<Value>>,
        /// The calls to look at.
        calls: Vec<ToolCall>,
    },
    /// `host.prompt(context)`: a string.
    Prompt {
        /// As for `Vet`.
        task: Option<Rc<Value>>,
        /// `PromptContext` without the task, as JSON.
        context: Value,
    },
    /// The tool's `onUnknownOutcome(call)`: `{ found: true, result }`, or `{ found: false }` where it returned
    /// nothing.
    LookUp {
        /// The call whose outcome is unknown.
        call: ToolCall,
    },
    /// `store.holder.alive(id)`: a boolean; true where there is no `holder`.
    Alive {
        /// The `holder.id` that the head names.
        holder: String,
    },
    /// Whether a run of this task is under way in this process: a boolean. For commands.
    Runs,
}

/// A tool as the host describes it for a run.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolDescription {
    /// What the model is told.
    pub spec: ToolSpec,
    /// Whether there is an `execute`; without it the call waits for an answer.
    pub has_execute: bool,
    /// What happens to a call whose outcome is unknown.
    pub on_unknown_outcome: OnUnknown,
    /// After this many milliseconds a running call is aborted.
    pub timeout_ms: f64,
    /// Runs alone: calls of a turn before it first, those after it later.
    pub exclusive: bool,
}

reads!(ToolDescription {
    spec: inline "",
    has_execute: always "hasExecute",
    on_unknown_outcome: always "onUnknownOutcome",
    timeout_ms: always "timeoutMs",
    exclusive: or_default "exclusive",
});

/// `Tool.onUnknownOutcome`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnUnknown {
    /// Tell the model and the user.
    Report,
    /// Run again with the same key.
    Rerun,
    /// Wait for a person.
    Ask,
    /// The host has a function for it.
    Lookup,
}

words!(read OnUnknown { Report "report", Rerun "rerun", Ask "ask", Lookup "lookup" });

/// What vetting found for one call.
#[derive(Clone, Debug, PartialEq)]
pub enum Vetting {
    /// May run.
    Run,
    /// A person has to approve first.
    Approve,
    /// Has no `execute`: a person answers.
    Answer,
    /// Not to be run: unknown tool or invalid input. The message goes to the model.
    Refuse {
        /// What was wrong and what would be right.
        message: String,
    },
}

tagged!(read Vetting by "verdict" {
    "run" => Run {},
    "approve" => Approve {},
    "answer" => Answer {},
    "refuse" => Refuse { message: always "message" },
});

/// A thrown value of a callback, described.
#[derive(Clone, Debug, PartialEq)]
pub struct Thrown {
    /// Its message, or what was thrown instead of an error.
    pub message: String,
    /// The original.
    pub cause: Option<CauseId>,
}

/// What happened outside.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A command to this machine.
    Command {
        /// For its [`Effect::Settle`], chosen by the caller from 2^52 upwards; 0 where nobody waits.
        ticket: Ticket,
        /// Which.
        command: Command,
    },
    /// Reply to [`Effect::Read`].
    Read {
        /// Of the effect.
        ticket: Ticket,
        /// One element a path; None where there is no document.
        result: Result<Vec<Option<StoredDocument>>, StoreError>,
    },
    /// Reply to [`Effect::List`].
    Listed {
        /// Of the effect.
        ticket: Ticket,
        /// Ordered by document id.
        result: Result<Vec<StoredDocument>, StoreError>,
    },
    /// Reply to [`Effect::Commit`].
    Committed {
        /// Of the effect.
        ticket: Ticket,
        /// The version of every document written.
        result: Result<String, StoreError>,
    },
    /// One event of the model's stream; text deltas may take [`crate::machine::Runner::text_delta`] instead.
    Streamed {
        /// Of the effect.
        ticket: Ticket,
        /// The ConverseStream event.
        event: Value,
    },
    /// The stream ended, or failed to open, or threw.
    StreamEnded {
        /// Of the effect.
        ticket: Ticket,
        /// How.
        result: Result<(), Failure>,
    },
    /// Reply to [`Effect::RunTool`].
    Returned {
        /// Of the effect.
        ticket: Ticket,
        /// The tool's result as normalised JSON; None for undefined. `Err` is what it threw, or why the value
        /// cannot be stored.
        result: Result<Option<Value>, Thrown>,
        /// So many bytes of what the tool returned were left out.
        cut_bytes: u64,
    },
    /// Reply to [`Effect::RunTool`]: it was not run.
    NotRun {
        /// Of the effect.
        ticket: Ticket,
    },
    /// Reply to [`Effect::Ask`].
    Answered {
        /// Of the effect.
        ticket: Ticket,
        /// As the [`Question`] says.
        result: Result<Value, Thrown>,
    },
    /// Something watched has changed.
    Changed,
    /// Time has passed; nothing else happened.
    Timeout,
}

/// What a run can be told while it runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Pause: the stream is cut, running tools get the grace.
    Pause,
    /// Stop: everything is aborted at once.
    Stop {
        /// The caller's text.
        reason: Option<String>,
    },
    /// Yield: leave the task in progress for another run.
    Yield {
        /// `signal`, `drain` or `dispose`.
        reason: String,
        /// False for dispose: nothing gets a grace.
        grace: bool,
    },
    /// Something was put into the inbox by this process: look now.
    Look,
}

/// A machine without I/O. Order of use: any `handle`, then `poll_effect` until it is empty, performing each, then
/// arm one timer for `poll_timeout` and hand in [`Input::Timeout`] when it fires. [`Machine::is_done`] once the
/// result (ticket 0) is settled and no effect is left.
pub trait Machine {
    /// Takes one input in. Never performs anything.
    fn handle(&mut self, now: Now, input: Input);
    /// The next thing to do outside.
    #[must_use]
    fn poll_effect(&mut self) -> Option<Effect>;
    /// When to hand in [`Input::Timeout`] if nothing else happens before.
    #[must_use]
    fn poll_timeout(&self) -> Option<Instant>;
    /// Whether the tool of this [`Effect::RunTool`] may be run now. What came between, a tool or a listener that blocks the
    /// process, may have taken longer than the lease lasts.
    #[must_use]
    fn may_run(&self, now: Now, ticket: Ticket) -> bool;
    /// Nothing more will come out of it.
    #[must_use]
    fn is_done(&self) -> bool;
}
