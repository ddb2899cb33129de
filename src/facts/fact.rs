//! The facts that a journal entry holds: the only things that change what is known of a task.

use super::advance::Advance;
use super::plan::ItemKey;
use crate::converse::{ResultStatus, Trim, Turn, Usage};
use crate::effect::ToolCall;
use crate::error::{Code, EngineError};
use crate::json::{record, tagged, words};
use serde_json::Value;
use std::rc::Rc;

/// How a run took the task up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// For the first time.
    Started,
    /// By an explicit start or resume: allowances begin anew.
    Resumed,
    /// After an unclean end: allowances go on.
    Recovered,
}

words!(Begin { Started "started", Resumed "resumed", Recovered "recovered" });

/// How a run ended for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndStatus {
    /// By pause() or a limit.
    Paused,
    /// By stop(), or because others set another status.
    Stopped,
    /// Every item is done.
    Completed,
    /// The error says why.
    Failed,
}

words!(EndStatus { Paused "paused", Stopped "stopped", Completed "completed", Failed "failed" });

/// Why a call waits for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It needs approval before it may run.
    Approval,
    /// The tool has no `execute`.
    Input,
    /// It was started and nobody knows how it ended.
    UnknownOutcome,
}

words!(Why { Approval "approval", Input "input", UnknownOutcome "unknown_outcome" });

/// What a person decided about a waiting call.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Run it (again).
    Approve {
        /// For the record.
        note: Option<String>,
    },
    /// Do not run it; the model is told why.
    Reject {
        /// The person's words.
        reason: Option<String>,
    },
    /// This is its result.
    Answer {
        /// Normalised; absent for undefined.
        result: Option<Rc<Value>>,
        /// Whether the model should take it as a failure.
        error: bool,
    },
}

tagged!(Decision by "decision" {
    "approve" => Approve { note: unless_default "note" },
    "reject" => Reject { reason: unless_default "reason" },
    "answer" => Answer { result: present "result", error: unless_default "error" },
});

/// The result that a tool use got.
#[derive(Clone, Debug, PartialEq)]
pub struct CallResult {
    /// Of the use it answers.
    pub tool_call_id: String,
    /// The tool's name.
    pub name: String,
    /// As the model sees it.
    pub status: ResultStatus,
    /// Tool result content blocks.
    pub content: Rc<Vec<Value>>,
    /// The outcome is not known: the call may or may not have had its effect.
    pub unknown: bool,
    /// So many bytes of what the tool returned are not in `content`.
    pub cut_bytes: u64,
    /// Counts against `limits.mistakes`.
    pub mistake: bool,
}

record!(CallResult {
    tool_call_id: always "toolCallId",
    name: always "name",
    status: always "status",
    content: always "content",
    unknown: unless_default "unknown",
    cut_bytes: unless_default "cutBytes",
    mistake: unless_default "mistake",
});

/// One fact.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// The old `execution.*` history, repaired, in ConverseStream shape.
    Imported {
        /// Messages that a user turn can follow.
        messages: Rc<Vec<Value>>,
        /// So many elements had to be changed.
        repaired: u32,
        /// So many could not be used.
        left_out: u32,
    },
    /// A message saved through `TaskPersistence.saveApiMessage`.
    Saved {
        /// In ConverseStream shape.
        message: Rc<Value>,
    },
    /// The task was reset to not_started and begun again: no item counts as done.
    Reset,
    /// A run took the task up.
    Begun {
        /// How.
        how: Begin,
    },
    /// The model was told which item is next.
    Stated {
        /// Which.
        item: ItemKey,
        /// Its name, for the thread.
        name: String,
        /// The user turn's text.
        text: String,
    },
    /// A user message taken from the inbox.
    Received {
        /// The inbox document, which is also the message's id.
        inbox: String,
        /// The user's words.
        text: String,
        /// Whoever sent it has put it into the thread already.
        in_thread: bool,
        /// Blocks that the model gets instead of the text, which then only stands for them.
        content: Option<Rc<Vec<Value>>>,
    },
    /// The engine told the model something.
    Nudged {
        /// What.
        text: String,
        /// Counts against `limits.mistakes`.
        mistake: bool,
        /// It is about identical calls.
        identical: bool,
    },
    /// A turn of the model, whole.
    Turn {
        /// Of the thread's message, which exists where the turn has text.
        message_id: String,
        /// What the model said.
        turn: Turn,
        /// Which model, where that is known.
        model: Option<String>,
        /// Of all attempts at this turn.
        usage: Usage,
        /// Of the task, this turn included.
        total: Usage,
    },
    /// Usage of attempts that led to no turn.
    Spent {
        /// Of those attempts.
        usage: Usage,
        /// Of the task, these attempts included.
        total: Usage,
    },
    /// Older turns are left out of requests from now on.
    Trimmed {
        /// Which.
        trim: Trim,
    },
    /// The results of the last turn's calls are cut to so many bytes each: the model took no more.
    Shortened {
        /// UTF-8 bytes.
        bytes: u64,
    },
    /// What the model was asked last is masked, and so is what it answers in this entry: a guardrail blocked one of them.
    Redacted,
    /// Blocks of a kind are left out of requests to a model that does not take them.
    Withheld {
        /// Where it is known.
        model: Option<String>,
        /// `image`, `document` or `video`; `reasoning`: that of the messages so far.
        block: String,
    },
    /// Blocks of a kind in what the model was asked last are left out: the service refused one of them.
    Refused {
        /// `image`, `document` or `video`.
        block: String,
        /// The service's words.
        reason: String,
    },
    /// A call waits for a person.
    Waiting {
        /// Which.
        tool_call: ToolCall,
        /// For what.
        why: Why,
    },
    /// These calls may be executed once this entry is stored.
    Starting {
        /// Which.
        tool_call_ids: Vec<String>,
    },
    /// These were marked as starting and have not been executed: no outcome is unknown.
    NotRun {
        /// Which.
        tool_call_ids: Vec<String>,
    },
    /// A person decided.
    Decided {
        /// The inbox document that held the decision.
        inbox: String,
        /// Which call.
        tool_call_id: String,
        /// The sender's, who recognises the own decision by it.
        nonce: String,
        /// What.
        decision: Decision,
    },
    /// A call has its result.
    Result {
        /// Which and what.
        result: CallResult,
    },
    /// An item is done.
    Done {
        /// Which.
        item: ItemKey,
        /// The model's closing words.
        text: String,
        /// Others completed it in the document.
        external: bool,
    },
    /// How far the task is now.
    Progress {
        /// The item, its milestone and the counts.
        advance: Advance,
    },
    /// The run ended for good.
    Ended {
        /// How.
        status: EndStatus,
        /// The caller's words or one of the engine's reasons.
        reason: Option<String>,
        /// Where it failed.
        error: Option<Rc<EngineError>>,
    },
}

tagged!(Fact by "kind" {
    "imported" => Imported { messages: always "messages", repaired: always "repaired", left_out: always "leftOut" },
    "saved" => Saved { message: always "message" },
    "reset" => Reset {},
    "begun" => Begun { how: always "how" },
    "stated" => Stated { item: always "item", name: always "name", text: always "text" },
    "received" => Received {
        inbox: always "inbox", text: always "text", in_thread: unless_default "inThread", content: unless_default "content"
    },
    "nudged" => Nudged { text: always "text", mistake: unless_default "mistake", identical: unless_default "identical" },
    "turn" => Turn {
        message_id: always "messageId", turn: always "turn", model: unless_default "model", usage: always "usage",
        total: always "total"
    },
    "spent" => Spent { usage: always "usage", total: always "total" },
    "trimmed" => Trimmed { trim: always "trim" },
    "shortened" => Shortened { bytes: always "bytes" },
    "redacted" => Redacted {},
    "withheld" => Withheld { model: unless_default "model", block: always "block" },
    "refused" => Refused { block: always "block", reason: always "reason" },
    "waiting" => Waiting { tool_call: always "toolCall", why: always "why" },
    "starting" => Starting { tool_call_ids: always "toolCallIds" },
    "not_run" => NotRun { tool_call_ids: always "toolCallIds" },
    "decided" => Decided {
        inbox: always "inbox", tool_call_id: always "toolCallId", nonce: always "nonce", decision: always "decision"
    },
    "result" => Result { result: inline "" },
    "done" => Done { item: always "item", text: unless_default "text", external: unless_default "external" },
    "progress" => Progress { advance: inline "" },
    "ended" => Ended { status: always "status", reason: unless_default "reason", error: unless_default "error" },
});

impl Fact {
    /// The name under which the journal lists it.
    pub fn kind(&self) -> &'static str {
        match self {
            Fact::Imported { .. } => "imported",
            Fact::Saved { .. } => "saved",
            Fact::Reset => "reset",
            Fact::Begun { .. } => "begun",
            Fact::Stated { .. } => "stated",
            Fact::Received { .. } => "received",
            Fact::Nudged { .. } => "nudged",
            Fact::Turn { .. } => "turn",
            Fact::Spent { .. } => "spent",
            Fact::Trimmed { .. } => "trimmed",
            Fact::Shortened { .. } => "shortened",
            Fact::Redacted => "redacted",
            Fact::Withheld { .. } => "withheld",
            Fact::Refused { .. } => "refused",
            Fact::Waiting { .. } => "waiting",
            Fact::Starting { .. } => "starting",
            Fact::NotRun { .. } => "not_run",
            Fact::Decided { .. } => "decided",
            Fact::Result { .. } => "result",
            Fact::Done { .. } => "done",
            Fact::Progress { .. } => "progress",
            Fact::Ended { .. } => "ended",
        }
    }
}

/// One commit's worth of facts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entry {
    /// 1, 2, 3 …
    pub seq: u64,
    /// Of the run that wrote it.
    pub epoch: u64,
    /// Made for this commit alone: whoever finds it knows that the commit landed.
    pub write_id: String,
    /// Wall clock in milliseconds; later than every earlier entry's and message's.
    pub wall: i64,
    /// Milliseconds of active time since the entry before: waiting for people not counted.
    pub active_ms: u64,
    /// What became true, in the order in which it did.
    pub facts: Vec<Fact>,
}

impl Entry {
    /// The distinct kinds of its facts, in order of first appearance.
    pub fn kinds(&self) -> Vec<&'static str> {
        let mut kinds = Vec::new();
        for fact in &self.facts {
            if !kinds.contains(&fact.kind()) {
                kinds.push(fact.kind());
            }
        }
        kinds
    }
}

/// CORRUPT_HISTORY at an entry.
pub fn corrupt(seq: u64, what: impl AsRef<str>) -> EngineError {
    EngineError::new(
        Code::CorruptHistory,
        format!(
            "The stored history is not consistent at journal entry {seq}: {}. Nothing was changed. Restore the \
             task's documents from a backup, or give the history up with \
             TaskPersistence.delete({{ keepTask: true }}).",
            what.as_ref()
        ),
    )
    .with("seq", seq)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_says_how_much_of_it_is_missing_where_something_is() {
        for (cut_bytes, stored) in [(0, None), (1, Some(1))] {
            let result = CallResult {
                tool_call_id: "a".into(),
                name: "n".into(),
                status: ResultStatus::Success,
                content: Rc::default(),
                unknown: false,
                mistake: false,
                cut_bytes,
            };
            let json = serde_json::to_value(Fact::Result { result }).unwrap();
            assert_eq!(json.get("cutBytes").and_then(Value::as_u64), stored);
        }
    }
}
