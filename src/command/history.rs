//! The conversation as arrays, the way the app's documents used to hold it, and messages saved into it from outside.

use super::entries;
use super::head::{Seen, open_task};
use super::lease::{Change, Committed, Held, Taken, acquire, is_free};
use super::script::{Ctx, Step};
use crate::converse::blocks::is_reasoning;
use crate::converse::{RequestOp, Validator};
use crate::error::{Code, EngineError};
use crate::facts::fact::{Entry, Fact};
use crate::facts::fold::Facts;
use crate::facts::thread::thread;
use crate::json::json;
use crate::machine::import;
use crate::machine::refusal::{held_by, lease_held};
use crate::storage::commit::TaskUpdate;
use crate::time::iso8601;
use serde_json::{Map, Value};
use std::rc::Rc;

/// The machine of `apiMessages`.
pub(super) fn api_messages(ctx: &mut Ctx) -> Step {
    open_task(ctx, |ctx, seen| {
        entries::after(ctx, seen.since(), seen.seq(), usize::MAX, move |_, entries| {
            match conversation(&seen, &entries) {
                Ok(messages) => Step::answer(messages),
                Err(e) => Step::refused(e),
            }
        })
    })
}

/// The machine of `toolResults`.
pub(super) fn tool_results(ctx: &mut Ctx) -> Step {
    open_task(ctx, |ctx, seen| {
        entries::after(ctx, seen.since(), seen.seq(), usize::MAX, |_, entries| {
            Step::answer(results(&entries))
        })
    })
}

/// The machine of `load`: the task document with its id; `execution.*` goes on where the document's own arrays end.
pub(super) fn load(ctx: &mut Ctx) -> Step {
    open_task(ctx, |ctx, seen| {
        entries::after(ctx, seen.since(), seen.seq(), usize::MAX, move |ctx, entries| {
            let mut task = seen.task.raw.as_ref().clone();
            let messages = match conversation(&seen, &entries) {
                Ok(messages) => messages,
                Err(e) => return Step::refused(e),
            };
            let execution = task.entry("execution").or_insert_with(|| Value::Object(Map::new()));
            if !execution.is_object() {
                *execution = Value::Object(Map::new());
            }
            if let Value::Object(execution) = execution {
                // The journal begins with the document's own messages, repaired: they are not doubled.
                execution.insert("api_messages".into(), messages.into());
                extend(execution, "task_messages", thread_messages(&ctx.cfg.task_id, &entries));
                extend(execution, "tool_results", results(&entries));
            }
            task.insert("id".into(), ctx.cfg.task_id.clone().into());
            Step::answer(Value::Object(task))
        })
    })
}

fn extend(execution: &mut Map<String, Value>, name: &str, more: Vec<Value>) {
    let before = execution.entry(name).or_insert_with(|| Value::Array(Vec::new()));
    match before {
        Value::Array(elements) => elements.extend(more),
        other => *other = Value::Array(more),
    }
}

/// All messages since the last reset, also those that requests leave out. Before the first entry they are what it will
/// begin with.
fn conversation(seen: &Seen, entries: &[Entry]) -> Result<Vec<Value>, EngineError> {
    let mut facts = Facts::behind(seen.since(), "");
    let (seq, imported) = (facts.seq + 1, || vec![import(&seen.task)]);
    let first = entries.is_empty().then(|| Entry { seq, facts: imported(), ..Entry::default() });
    for entry in first.iter().chain(entries) {
        let whole = entry.facts.iter().filter(|fact| !matches!(fact, Fact::Trimmed { .. }));
        facts.apply(&Entry { facts: whole.cloned().collect(), ..entry.clone() })?;
    }
    facts.push_tail();
    let mut messages = Vec::new();
    for op in facts.ops {
        match op {
            RequestOp::Push(message) => messages.push(message),
            RequestOp::Replace(index, message) => {
                if let Some(at) = messages.get_mut(index) {
                    *at = message;
                }
            }
            RequestOp::Clear => messages.clear(),
            RequestOp::System(_)
            | RequestOp::Model(_)
            | RequestOp::Tools(_)
            | RequestOp::DropBefore(..)
            | RequestOp::Author(_)
            | RequestOp::Withhold { .. } => {}
        }
    }
    Ok(messages)
}

/// `ToolResultRecord[]`.
fn results(entries: &[Entry]) -> Vec<Value> {
    let of = |entry: &Entry| -> Vec<Value> {
        let results = entry.facts.iter().filter_map(|fact| match fact {
            Fact::Result { result } => Some(result),
            _ => None,
        });
        results
            .map(|r| {
                let mut record = json!({
                    "toolCallId": r.tool_call_id, "name": r.name, "status": r.status,
                    "content": r.content.as_ref(), "seq": entry.seq, "at": iso8601(entry.wall),
                });
                if let (Value::Object(record), true) = (&mut record, r.cut_bytes > 0) {
                    record.insert("cutBytes".into(), r.cut_bytes.into());
                }
                if let (Value::Object(record), true) = (&mut record, r.unknown) {
                    record.insert("unknown".into(), true.into());
                }
                record
            })
            .collect()
    };
    entries.iter().flat_map(of).collect()
}

fn thread_messages(task_id: &str, entries: &[Entry]) -> Vec<Value> {
    let messages = entries.iter().flat_map(thread);
    messages
        .map(|message| {
            let mut data = message.document(task_id);
            data.insert("id".into(), message.id.into());
            Value::Object(data)
        })
        .collect()
}

/// The machine of `saveApiMessage`: a message journaled while nobody runs the task.
///
/// # Errors
/// INVALID_ARGUMENT for what is no message.
pub(super) fn save(ctx: &mut Ctx, message: Option<&Value>) -> Result<Step, EngineError> {
    let message = message.cloned().unwrap_or(Value::Null);
    if !matches!(message["role"].as_str(), Some("user" | "assistant")) {
        return Err(invalid("message.role", "is not 'user' or 'assistant'"));
    }
    let Some(content) = message["content"].as_array().filter(|content| !content.is_empty()) else {
        return Err(invalid(
            "message.content",
            "is not an array of content blocks with at least one element",
        ));
    };
    if content.iter().all(is_reasoning) {
        return Err(invalid("message.content", "is reasoning alone, which no model takes for a message"));
    }
    Ok(open_task(ctx, move |ctx, seen| {
        is_free(ctx, seen, move |ctx, seen, free| {
            if let (false, Some((owner, age))) = (free, seen.owner()) {
                return Step::refused(held_by(owner, age.unwrap_or_default()));
            }
            acquire(ctx, seen, false, move |ctx, taken| match taken {
                Taken::Mine(lease) => store(ctx, *lease, message),
                Taken::Overtaken => Step::refused(lease_held("another run", 0)),
                Taken::Refused(e) => Step::refused(e),
            })
        })
    }))
}

fn store(ctx: &mut Ctx, mut lease: Held, message: Value) -> Step {
    if let Err(e) = fits(&mut lease, &message) {
        return lease.release(ctx, |_| Step::refused(e));
    }
    let change = Change {
        facts: vec![Fact::Saved { message: Rc::new(message) }],
        last_run: lease.last_run(),
        task: TaskUpdate::default(),
        status: None,
    };
    lease.commit(ctx, change, |_, committed| match committed {
        Committed::Stored => Step::answer(Value::Null),
        Committed::Refused(e) => Step::refused(e),
        Committed::TaskChanged(_) | Committed::Overtaken => Step::refused(lease_held("another run", 0)),
    })
}

/// Whether the request stays valid with this message at its end. Tries it out on the lease's transcript, which is not
/// used for anything else.
fn fits(lease: &mut Held, message: &Value) -> Result<(), EngineError> {
    let facts = &mut lease.facts;
    if !facts.live.calls.is_empty() {
        return Err(invalid(
            "message",
            "cannot be added now: the last turn's tool calls and their results are not through. Run the task until \
             the model has answered them",
        ));
    }
    let mut ops = std::mem::take(&mut facts.ops);
    if let (true, Fact::Imported { messages, .. }) = (facts.is_unwritten(), import(&lease.task)) {
        ops.extend(messages.iter().flat_map(|old| facts.transcript.import(old)));
    }
    // What is journaled is valid, or loading it had failed; and so is what was imported, which is repaired.
    ops.extend(facts.transcript.import(message));
    let mut validator = Validator::new();
    ops.iter()
        .try_for_each(|op| validator.check(op))
        .map_err(|violation| invalid("message", &format!("breaks a rule of the API: {}", violation.what)))
}

fn invalid(path: &str, what: &str) -> EngineError {
    EngineError::new(Code::InvalidArgument, format!("saveApiMessage: {path} {what}.")).with("path", path)
}
