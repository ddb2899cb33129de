//! What listeners are told of a journal entry: a pure function of the entry, so that live emission, replay and
//! other processes agree.

use super::fact::{Begin, CallResult, EndStatus, Entry, Fact, Why};
use super::thread::thread;
use crate::effect::ToolCall;
use crate::json::json;
use crate::time::iso8601;
use serde_json::{Map, Value};

/// Of the events that say how an entry ends.
const LAST_RANK: u8 = 7;

/// The events of an entry, each a JSON object with `type`, in the order in which listeners get them. Their `id` is
/// `{seq}.{n}`, the cursor of `events({ after })`.
pub fn announce(task_id: &str, entry: &Entry) -> Vec<Value> {
    let mut ranked: Vec<(u8, Value)> = Vec::new();
    for message in thread(entry) {
        let payload = json!({
            "messageId": message.id, "role": message.role, "content": message.content, "streaming": false,
        });
        ranked.push((1, event("task:message_saved", payload)));
    }
    for fact in &entry.facts {
        of(fact, &mut ranked);
    }
    let mut sorted = Vec::with_capacity(ranked.len());
    for rank in 0..=LAST_RANK {
        let (now, later): (Vec<_>, Vec<_>) = ranked.into_iter().partition(|(r, _)| *r == rank);
        sorted.extend(now.into_iter().map(|(_, event)| event));
        ranked = later;
    }
    let at = iso8601(entry.wall);
    let mut events = Vec::with_capacity(sorted.len());
    for (n, mut event) in sorted.into_iter().enumerate() {
        if let Value::Object(map) = &mut event {
            map.insert("taskId".into(), task_id.into());
            map.insert("id".into(), format!("{}.{n}", entry.seq).into());
            map.insert("seq".into(), entry.seq.into());
            map.insert("epoch".into(), entry.epoch.into());
            map.insert("at".into(), at.clone().into());
        }
        events.push(event);
    }
    events
}

/// The event that asks a person about a waiting call; `again` where a run that took the task up repeats it.
pub fn asking(call: &ToolCall, why: Why, again: bool) -> Value {
    let mut payload = json!({ "toolCall": call });
    if let Value::Object(map) = &mut payload {
        if why != Why::Approval {
            map.insert("why".into(), json!(why));
        }
        if again {
            map.insert("again".into(), true.into());
        }
    }
    let name = if why == Why::Approval { "task:approval_required" } else { "task:answer_required" };
    event(name, payload)
}

fn of(fact: &Fact, out: &mut Vec<(u8, Value)>) {
    match fact {
        Fact::Begun { how } => out.push((
            0,
            match how {
                Begin::Started => event("task:started", json!({})),
                Begin::Resumed => event("task:resumed", json!({})),
                Begin::Recovered => event("task:resumed", json!({ "recovered": true })),
            },
        )),
        Fact::Turn { turn, usage, total, .. } => {
            for used in &turn.uses {
                let call = json!({ "id": used.id, "name": used.name, "input": used.input });
                out.push((2, event("task:tool_call", json!({ "toolCall": call }))));
            }
            out.push((5, event("task:usage", json!({ "usage": usage, "total": total }))));
        }
        Fact::Spent { usage, total } => {
            out.push((5, event("task:usage", json!({ "usage": usage, "total": total }))));
        }
        Fact::Result { result } => out.push((3, tool_result(result))),
        Fact::Waiting { tool_call, why } => out.push((4, asking(tool_call, *why, false))),
        Fact::Progress { advance } => out.push((6, event("task:progress_update", json!(advance)))),
        Fact::Ended { status, reason, error } => {
            let mut payload = Map::new();
            if let Some(reason) = reason {
                payload.insert("reason".into(), reason.clone().into());
            }
            let name = match status {
                EndStatus::Paused => "task:paused",
                EndStatus::Stopped => "task:stopped",
                EndStatus::Completed => "task:completed",
                EndStatus::Failed => {
                    if let Some(error) = error {
                        payload.insert("error".into(), error.message.clone().into());
                        payload.insert("code".into(), json!(error.code));
                        payload.insert("retryable".into(), error.retryable.into());
                    }
                    "task:error"
                }
            };
            out.push((LAST_RANK, event(name, Value::Object(payload))));
        }
        _ => {}
    }
}

fn tool_result(result: &CallResult) -> Value {
    let mut payload = json!({
        "toolCallId": result.tool_call_id, "name": result.name,
        "status": result.status, "content": result.content.as_ref(),
    });
    if let (Value::Object(map), true) = (&mut payload, result.unknown) {
        map.insert("unknown".into(), true.into());
    }
    event("task:tool_result", payload)
}

/// An event with its `type` first.
pub fn event(name: &str, payload: Value) -> Value {
    let mut map = Map::new();
    map.insert("type".into(), name.into());
    if let Value::Object(fields) = payload {
        map.extend(fields);
    }
    Value::Object(map)
}

#[cfg(test)]
mod tests;
