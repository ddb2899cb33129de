//! What the draft says of calls: outcomes nobody knows, decisions from the inbox, starts and refusals.

use super::{Draft, Need, View};
use crate::converse::{ResultStatus, result_content};
use crate::decide::COMPLETE_TASK_ITEM;
use crate::effect::{OnUnknown, ToolCall, Vetting};
use crate::facts::fact::{CallResult, Decision, Fact, Why};
use crate::facts::live::{Call, CallState};
use crate::json::json;
use crate::limits::Completion;
use crate::machine::calls::{failure, fitting, unknown_outcome};
use crate::storage::inbox::InboxItem;
use serde_json::Value;
use std::rc::Rc;

impl View<'_> {
    /// Calls that were started and whose outcome nobody knows.
    pub(super) fn add_unknown(&self, draft: &mut Draft) -> Result<(), Need> {
        for id in self.calls.unknown() {
            let Some(call) = draft.live.call(id).filter(|c| c.state == CallState::Started) else { continue };
            let tool_call = call.call.clone();
            let report = |c: ToolCall| Fact::Result { result: unknown_outcome(c.id, c.name) };
            let policy = self.tools.get(&tool_call.name).map_or(OnUnknown::Report, |t| t.on_unknown_outcome);
            let fact = match policy {
                OnUnknown::Rerun if !self.calls.is_worn_out(id) => {
                    Fact::Starting { tool_call_ids: vec![tool_call.id] }
                }
                OnUnknown::Report | OnUnknown::Rerun => report(tool_call),
                OnUnknown::Ask => Fact::Waiting { tool_call, why: Why::UnknownOutcome },
                OnUnknown::Lookup => match self.host.found(id) {
                    None => return Err(Need::LookUp(tool_call)),
                    Some(None) => report(tool_call),
                    Some(Some(value)) => Fact::Result {
                        result: fitting(success(tool_call, value), self.cfg.limits.commit_bytes),
                    },
                },
            };
            draft.add(fact);
        }
        Ok(())
    }

    /// As much of the inbox as fits beside the rest; messages are stored twice, in the journal and in the thread.
    pub(super) fn add_inbox(&self, draft: &mut Draft) {
        let (room, mut bytes) = (self.cfg.limits.commit_bytes / 8, 0);
        for item in self.desk.inbox() {
            if bytes > 0 && bytes + item.bytes() > room {
                break;
            }
            bytes += item.bytes();
            draft.taken.push(item.id().to_owned());
            match item {
                InboxItem::Message { id, text, in_thread, content } => {
                    let (inbox, text, content) = (id.clone(), text.clone(), content.clone());
                    draft.add(Fact::Received { inbox, text, in_thread: *in_thread, content });
                }
                InboxItem::Decision { id, tool_call_id, asked_seq, nonce, decision } => {
                    let Some(call) = draft.live.decides(tool_call_id, *asked_seq, decision) else { continue };
                    let tool_call = call.call.clone();
                    draft.add(Fact::Decided {
                        inbox: id.clone(),
                        tool_call_id: tool_call_id.clone(),
                        nonce: nonce.clone(),
                        decision: decision.clone(),
                    });
                    match decision {
                        Decision::Approve { .. } => {}
                        Decision::Reject { reason } => {
                            let why = reason.as_ref().map_or(String::new(), |r| format!(": {r}"));
                            let says = format!("A person rejected this call{why}");
                            let result = failure(tool_call.id, tool_call.name, &says);
                            draft.add(Fact::Result { result: CallResult { mistake: false, ..result } });
                        }
                        Decision::Answer { result, error } => {
                            let value = result.as_deref().unwrap_or(&Value::Null);
                            let mut answer = fitting(success(tool_call, value), self.cfg.limits.commit_bytes);
                            if *error {
                                answer.status = ResultStatus::Error;
                            }
                            draft.add(Fact::Result { result: answer });
                        }
                    }
                }
            }
        }
    }

    pub(super) fn add_calls(&self, draft: &mut Draft) -> Result<(), Need> {
        let explicit = self.settings.completion == Completion::Explicit;
        let builtin = |c: &Call| explicit && c.call.name == COMPLETE_TASK_ITEM;
        let calls: Vec<Call> = draft.live.calls.clone();
        let unvetted: Vec<ToolCall> = calls
            .iter()
            .filter(|c| c.state == CallState::Proposed && c.problem.is_none() && !builtin(c))
            .filter(|c| self.host.vetting(&c.call.id).is_none())
            .map(|c| c.call.clone())
            .collect();
        if !unvetted.is_empty() {
            return Err(Need::Vet(unvetted));
        }
        let mut starting = Vec::new();
        let mut places = Places::new(self.settings.limits.parallel_tools, &calls);
        for call in calls {
            let ToolCall { id, name, .. } = call.call.clone();
            let called = id.clone();
            let exclusive = self.tools.get(&name).is_some_and(|tool| tool.exclusive);
            let mut start = |id| {
                if places.take(exclusive) {
                    starting.push(id);
                }
            };
            match (&call.state, &call.problem) {
                (CallState::Proposed, Some(problem)) => {
                    draft.add(Fact::Result { result: failure(id, name, problem) });
                }
                (CallState::Proposed, None) if builtin(&call) && !self.desk.is_whole() => {
                    return Err(Need::Look);
                }
                (CallState::Proposed, None) if builtin(&call) => self.add_completion(draft, &call),
                (CallState::Proposed, None) => match self.host.vetting(&id) {
                    Some(Vetting::Run) => start(id),
                    Some(Vetting::Approve) => {
                        draft.add(Fact::Waiting { tool_call: call.call, why: Why::Approval });
                    }
                    Some(Vetting::Answer) => {
                        draft.add(Fact::Waiting { tool_call: call.call, why: Why::Input });
                    }
                    Some(Vetting::Refuse { message }) => {
                        draft.add(Fact::Result { result: failure(id, name, message) });
                    }
                    None => {}
                },
                (CallState::Approved, _) => match self.tools.get(&name) {
                    Some(tool) if tool.has_execute => start(id),
                    Some(_) => draft.add(Fact::Waiting { tool_call: call.call, why: Why::Input }),
                    None => {
                        let says = format!("There is no tool {name} any more.");
                        draft.add(Fact::Result { result: failure(id, name, &says) });
                    }
                },
                _ => {}
            }
            let settled = draft.live.call(&called).is_none_or(|call| !call.open());
            places.passed(exclusive, settled);
        }
        if !starting.is_empty() {
            draft.add(Fact::Starting { tool_call_ids: starting });
        }
        Ok(())
    }

    /// `complete_task_item`: answered at once, and the stated item is done.
    pub(super) fn add_completion(&self, draft: &mut Draft, call: &Call) {
        if draft.live.message_waiting {
            let says = "Not completed: the user has sent a message meanwhile. Answer it first.";
            let result = failure(call.call.id.clone(), call.call.name.clone(), says);
            draft.add(Fact::Result { result: CallResult { mistake: false, ..result } });
            return;
        }
        let is_open = |key: &_| !draft.live.done.contains(key) && self.plan().get(key).is_some();
        let stated = draft.live.stated.clone().filter(is_open);
        let summary = call.call.input["summary"].as_str().unwrap_or_default().to_owned();
        let says = if stated.is_some() { "The item is completed." } else { "No item is open." };
        draft.add(Fact::Result { result: success(call.call.clone(), &json!(says)) });
        if let Some(key) = stated {
            self.add_done(draft, key, summary);
        }
    }
}

/// Who of a turn's calls may run now, asked in their order.
struct Places {
    /// How many more may run beside those that do.
    free: usize,
    /// A call before is not through.
    some_open: bool,
    /// A call before runs alone, or will.
    alone: bool,
}

impl Places {
    fn new(most: u32, calls: &[Call]) -> Places {
        let running = calls.iter().filter(|call| call.state == CallState::Started).count();
        Places { free: (most as usize).saturating_sub(running), some_open: false, alone: false }
    }

    /// Takes a place for the call whose turn it is, where there is one.
    fn take(&mut self, exclusive: bool) -> bool {
        let may = self.free > 0 && !self.alone && !(exclusive && self.some_open);
        self.free -= usize::from(may);
        may
    }

    fn passed(&mut self, exclusive: bool, settled: bool) {
        self.some_open |= !settled;
        self.alone |= exclusive && !settled;
    }
}

fn success(call: ToolCall, value: &Value) -> CallResult {
    CallResult {
        tool_call_id: call.id,
        name: call.name,
        status: ResultStatus::Success,
        content: Rc::new(result_content(value)),
        unknown: false,
        mistake: false,
        cut_bytes: 0,
    }
}
