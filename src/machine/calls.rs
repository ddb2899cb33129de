//! The room `calls`: executing what an entry allows, deadlines, aborts, outcomes that nobody knows.

use crate::converse::blocks::{MAX_DEPTH, excerpt, is_too_deep};
use crate::converse::{ResultStatus, result_content, text};
use crate::effect::{Effect, LogLevel, Thrown, Ticket, ToolDescription};
use crate::facts::fact::{CallResult, Fact};
use crate::facts::fold::Facts;
use crate::facts::live::CallState;
use crate::json::{self, Encode};
use crate::sorted::{SortedMap, SortedSet};
use crate::storage::io::Io;
use crate::time::Instant;
use serde_json::Value;
use std::rc::Rc;

#[derive(Debug)]
struct RunningCall {
    ticket: Ticket,
    until: Instant,
    aborted: bool,
}

/// Calls beyond what the facts say of them.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    running: SortedMap<String, RunningCall>,
    /// An entry allows them; they have not been executed.
    startable: Vec<String>,
    /// Started, and nobody knows how they ended.
    unknown: SortedSet<String>,
    /// How often each ran past its time in this run.
    late: SortedMap<String, u32>,
}

impl Calls {
    /// What an earlier run started and left without a result has an unknown outcome.
    pub fn taking_up(facts: &Facts) -> Self {
        let started = facts.live.calls.iter().filter(|c| c.state == CallState::Started);
        Calls { unknown: started.map(|c| c.call.id.clone()).collect(), ..Calls::default() }
    }

    /// Has run past its time twice: it is not run again.
    pub fn is_worn_out(&self, id: &str) -> bool {
        self.late.get(id).is_some_and(|n| *n > 1)
    }

    pub fn none_running(&self) -> bool {
        self.running.is_empty()
    }

    /// Started, and nobody knows how they ended.
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        self.unknown.iter().map(String::as_str)
    }

    /// Allowed and never executed.
    pub fn not_run(&self) -> Vec<String> {
        self.startable.clone()
    }

    pub fn timeout(&self) -> Option<Instant> {
        self.running.values().filter(|c| !c.aborted).map(|c| c.until).min()
    }

    /// Aborts all and waits for what they say.
    pub fn abort(&mut self, io: &mut Io) {
        for call in self.running.values_mut().filter(|c| !c.aborted) {
            call.aborted = true;
            io.push(Effect::Cancel { ticket: call.ticket });
        }
    }

    /// Waits no longer for what was aborted.
    pub fn give_up_aborted(&mut self) {
        let aborted: Vec<String> =
            self.running.iter().filter(|(_, c)| c.aborted).map(|(id, _)| id.clone()).collect();
        for id in aborted {
            self.running.remove(&id);
            self.unknown.insert(id);
        }
    }

    /// Aborts all and waits for nothing.
    pub fn abort_all(&mut self, io: &mut Io) {
        self.abort(io);
        for (id, _) in std::mem::take(&mut self.running) {
            self.unknown.insert(id);
        }
    }

    /// What an entry that is stored says of calls.
    pub fn settle(&mut self, fact: &Fact) {
        match fact {
            Fact::Starting { tool_call_ids } => {
                for id in tool_call_ids {
                    self.unknown.remove(id);
                    self.startable.push(id.clone());
                }
            }
            Fact::NotRun { tool_call_ids } => self.startable.retain(|id| !tool_call_ids.contains(id)),
            Fact::Result { result } => {
                self.unknown.remove(&result.tool_call_id);
            }
            Fact::Waiting { tool_call, .. } => {
                self.unknown.remove(&tool_call.id);
            }
            _ => {}
        }
    }
}

impl Calls {
    /// Executes what the last entries allow. Whether that is anything.
    pub fn start(
        &mut self,
        facts: &Facts,
        tools: &SortedMap<String, ToolDescription>,
        now: Instant,
        io: &mut Io,
    ) -> bool {
        let mut some = false;
        for id in std::mem::take(&mut self.startable) {
            let Some(call) = facts.live.call(&id) else { continue };
            let ticket = io.ticket();
            let timeout = tools.get(&call.call.name).map_or(600_000.0, |t| t.timeout_ms);
            io.push(Effect::RunTool {
                ticket,
                call: call.call.clone(),
                attempt: call.attempts,
                idempotency_key: format!("{}:{id}", facts.history),
            });
            let until = now + timeout.max(0.0) as u64;
            self.running.insert(id, RunningCall { ticket, until, aborted: false });
            some = true;
        }
        some
    }

    /// It is under way, or about to be.
    pub fn is_wanted(&self, ticket: Ticket) -> bool {
        self.running.values().any(|call| call.ticket == ticket)
    }

    /// A call that was to be executed was not: an entry allows it as before.
    pub fn not_begun(&mut self, ticket: Ticket) {
        let found = self.running.iter().find(|(_, call)| call.ticket == ticket);
        if let Some(id) = found.map(|(id, _)| id.clone()) {
            self.running.remove(&id);
            self.startable.push(id);
        }
    }

    /// What a tool has said becomes the result of its call; none where the call is over, or its outcome unknown.
    pub fn returned(
        &mut self,
        said: Said<'_>,
        facts: &Facts,
        commit_bytes: usize,
        io: &mut Io,
    ) -> Option<CallResult> {
        let Said { ticket, result, cut_bytes } = said;
        let found = self.running.iter().find(|(_, c)| c.ticket == ticket);
        let Some((id, aborted)) = found.map(|(id, c)| (id.clone(), c.aborted)) else {
            io.log(LogLevel::Info, "A tool settled after its call was over; what it said is dropped.");
            return None;
        };
        self.running.remove(&id);
        let name = facts.live.call(&id).map(|c| c.call.name.clone()).unwrap_or_default();
        match result {
            Ok(value) => {
                let content = result_content(value.as_ref().unwrap_or(&Value::Null));
                Some(fitting(
                    CallResult {
                        tool_call_id: id,
                        name,
                        status: ResultStatus::Success,
                        content: Rc::new(content),
                        unknown: false,
                        mistake: false,
                        cut_bytes,
                    },
                    commit_bytes,
                ))
            }
            // After our abort a failure says nothing about what had already happened.
            Err(_) if aborted => {
                self.unknown.insert(id);
                None
            }
            Err(thrown) => Some(failure(id, name, &thrown.message)),
        }
    }

    /// A call past its time is aborted, and its outcome unknown at once.
    pub fn deadlines(&mut self, now: Instant, io: &mut Io) {
        let late: Vec<String> = self
            .running
            .iter()
            .filter(|(_, c)| !c.aborted && now >= c.until)
            .map(|(id, _)| id.clone())
            .collect();
        for id in late {
            if let Some(call) = self.running.remove(&id) {
                io.push(Effect::Cancel { ticket: call.ticket });
                *self.late.or_default(id.clone()) += 1;
                io.log(LogLevel::Warn, format!("The call {id} ran past its timeoutMs and was aborted."));
                self.unknown.insert(id);
            }
        }
    }
}

/// What a tool has returned or thrown.
pub(crate) struct Said<'a> {
    pub ticket: Ticket,
    pub result: &'a Result<Option<Value>, Thrown>,
    pub cut_bytes: u64,
}

/// A result that no commit can hold, or that no reader of the journal could parse, is answered to the model as an error
/// that says so.
pub(super) fn fitting(result: CallResult, commit_bytes: usize) -> CallResult {
    let value = |block: &Value| block.get("json").map_or_else(|| is_too_deep(block), is_too_deep);
    if result.content.iter().any(value) {
        let says = format!(
            "The tool ran, but its result nests more than {MAX_DEPTH} levels deep and cannot be stored. Ask for less."
        );
        return failure(result.tool_call_id, result.name, &says);
    }
    let bytes = json::text(&result.content.encode()).len();
    let most = commit_bytes / 4 * 3;
    if bytes <= most {
        return result;
    }
    let says = format!(
        "The tool ran, but its result has {bytes} bytes and at most {most} can be stored. Ask for less."
    );
    failure(result.tool_call_id, result.name, &says)
}

/// Longer messages of what a tool threw are cut: the model needs the gist.
const MAX_MESSAGE_BYTES: usize = 32_768;

/// An error result that counts as a mistake.
pub(super) fn failure(id: String, name: String, message: &str) -> CallResult {
    let message = if message.trim().is_empty() {
        "The tool failed without a message."
    } else {
        excerpt(message, MAX_MESSAGE_BYTES)
    };
    CallResult {
        tool_call_id: id,
        name,
        status: ResultStatus::Error,
        content: Rc::new(vec![text(message)]),
        unknown: false,
        mistake: true,
        cut_bytes: 0,
    }
}

/// What the model is told of a call whose outcome nobody knows.
pub(super) fn unknown_outcome(id: String, name: String) -> CallResult {
    CallResult {
        unknown: true,
        mistake: false,
        ..failure(
            id,
            name,
            "The call was interrupted and its outcome is unknown: it may or may not have had its effect. Check \
             before repeating it.",
        )
    }
}
