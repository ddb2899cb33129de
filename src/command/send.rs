//! send: a user's message for the model, put into the inbox of a task that is not completed.

use super::Arguments;
use super::entries;
use super::head::{Seen, open_task};
use super::lease::too_large;
use super::messages;
use super::script::{Ctx, Step};
use super::sending::Sent;
use crate::error::{Code, EngineError};
use crate::facts::fact::Fact;
use crate::facts::task::TaskDocument;
use crate::json::{self, Encode};
use crate::lifecycle::Status;
use crate::storage::inbox::{InboxItem, MAX_BYTES, message_id};
use crate::store::{FieldWrite, StoreWrite};
use crate::time::{Instant, iso8601, parse_iso8601};
use serde_json::{Map, Value};
use std::rc::Rc;

/// How far ahead of the clock a message may be put to stay behind the one before it. Milliseconds.
const MOST_AHEAD_MS: i64 = 1_000;

/// The machine of `send`. Its answer is the id of the message.
///
/// # Errors
/// INVALID_ARGUMENT for blank text, TOO_LARGE for what no document can hold.
pub(super) fn send(ctx: &mut Ctx, args: &Arguments<'_>) -> Result<Step, EngineError> {
    let text = args.text("text")?;
    let content = args.get("content").and_then(Value::as_array).cloned();
    deposit(ctx, "send", "text", text, content, None)
}

/// The machine of `addMessage`: a message of the thread; a user's is sent too, in the same commit. Its answer is the id.
///
/// # Errors
/// As `send` and `saveTaskMessage`.
pub(super) fn add_message(ctx: &mut Ctx, args: &Arguments<'_>) -> Result<Step, EngineError> {
    if args.text("role")? != "user" {
        return messages::save(ctx, args);
    }
    let document = messages::document(ctx, args)?;
    deposit(ctx, "addMessage", "content", args.text("content")?, None, Some(document))
}

fn deposit(
    ctx: &mut Ctx,
    command: &'static str,
    argument: &str,
    text: String,
    content: Option<Vec<Value>>,
    thread: Option<Map<String, Value>>,
) -> Result<Step, EngineError> {
    if text.trim().is_empty() {
        let why = format!("{command}: the {argument} is blank.");
        return Err(EngineError::new(Code::InvalidArgument, why).with("path", argument));
    }
    let bytes = text.len() + content.as_ref().map_or(0, |blocks| json::text(&blocks.encode()).len());
    let limit = ctx.cfg.limits.document_bytes.min(MAX_BYTES);
    if bytes > limit {
        return Err(too_large(bytes, limit));
    }
    let deadline = ctx.store_deadline();
    Ok(open_task(ctx, move |ctx, seen| {
        let wall = later_than(&seen.task, ctx.now.wall);
        let id = message_id(wall, &mut ctx.io.rng);
        let in_thread = thread.is_some();
        let item = InboxItem::Message { id, text, in_thread, content: content.map(Rc::new) };
        let thread = thread.map(|mut document| {
            document.insert("timestamp".into(), iso8601(wall).into());
            document
        });
        consider(ctx, Message { command, item, thread, wall, deadline, since: 0 }, seen)
    }))
}

/// Ids and thread sort by time: what is sent in one millisecond keeps its order by the time that every message leaves at
/// the task. What lies far ahead is another's clock.
fn later_than(task: &TaskDocument, wall: i64) -> i64 {
    let updated_at = task.raw.get("updated_at").and_then(Value::as_str).and_then(parse_iso8601);
    updated_at.filter(|at| (wall..wall.saturating_add(MOST_AHEAD_MS)).contains(at)).map_or(wall, |at| at + 1)
}

struct Message {
    command: &'static str,
    item: InboxItem,
    /// The same message for people, where it is to stand in the thread at once.
    thread: Option<Map<String, Value>>,
    /// When it was sent.
    wall: i64,
    deadline: Instant,
    /// The journal can hold the message only after this entry.
    since: u64,
}

impl Message {
    fn sent(&self) -> Step {
        Step::answer(self.item.id())
    }
}

fn consider(ctx: &mut Ctx, mut message: Message, seen: Seen) -> Step {
    message.since = seen.seq();
    if seen.task.status == Status::Completed {
        return Step::refused(completed(message.command));
    }
    let mut writes = vec![
        message.item.create(&ctx.paths, ctx.now),
        StoreWrite::Update {
            path: ctx.paths.task.clone(),
            fields: vec![FieldWrite::set(&["updated_at"], iso8601(message.wall))],
            if_version: Some(seen.task_version),
        },
    ];
    if let Some(data) = message.thread.clone() {
        writes.push(StoreWrite::Create { path: ctx.paths.message(message.item.id()), data });
    }
    ctx.send(writes, message.deadline, move |ctx, sent| match sent {
        Sent::Stored(_) => message.sent(),
        Sent::Conflict => in_doubt(ctx, message, None),
        Sent::Unknown(e) => in_doubt(ctx, message, Some(e)),
        Sent::Refused(e) => Step::refused(e),
    })
}

/// It may be stored although nobody said so: then it is in the inbox, or in the journal already. The inbox is read
/// first: a message leaves it for the journal, never the other way.
fn in_doubt(ctx: &mut Ctx, message: Message, unknown: Option<EngineError>) -> Step {
    let path = ctx.paths.inbox_item(message.item.id());
    ctx.read([path], move |ctx, [found]| {
        if found.is_some() {
            return message.sent();
        }
        open_task(ctx, move |ctx, seen| {
            entries::after(ctx, message.since, seen.seq(), usize::MAX, move |ctx, entries| {
                let facts = entries.iter().flat_map(|entry| &entry.facts);
                let mine =
                    |fact: &Fact| matches!(fact, Fact::Received { inbox, .. } if inbox == message.item.id());
                if facts.into_iter().any(mine) {
                    return message.sent();
                }
                match unknown {
                    Some(e) => Step::refused(e),
                    None if ctx.now.mono >= message.deadline => super::head::crowded(),
                    None => consider(ctx, message, seen),
                }
            })
        })
    })
}

fn completed(command: &str) -> EngineError {
    EngineError::new(
        Code::InvalidTransition,
        format!(
            "{command}() is not possible: the task's status is 'completed', and nothing would read the message. To \
             run it again from its first item, set its status to 'not_started', then call {command}() and start()."
        ),
    )
    .with("status", Status::Completed.as_str())
    .with("command", command)
}
