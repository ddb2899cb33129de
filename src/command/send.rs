//! send: a user's message for the model, put into the inbox of a task that is not completed.

use super::entries;
use super::head::{Seen, open_task};
use super::lease::too_large;
use super::script::{Ctx, Step};
use super::sending::Sent;
use crate::error::{Code, EngineError};
use crate::facts::fact::Fact;
use crate::lifecycle::Status;
use crate::storage::inbox::{InboxItem, message_id};
use crate::store::{FieldWrite, StoreWrite};
use crate::time::{Instant, iso8601};
use serde_json::Value;

/// The machine of `send`.
///
/// # Errors
/// INVALID_ARGUMENT for blank text, TOO_LARGE for text that no document can hold.
pub(super) fn send(ctx: &mut Ctx, text: String) -> Result<Step, EngineError> {
    if text.trim().is_empty() {
        return Err(EngineError::new(Code::InvalidArgument, "send: the text is blank.").with("path", "text"));
    }
    if text.len() > ctx.cfg.limits.document_bytes {
        return Err(too_large(text.len(), ctx.cfg.limits.document_bytes));
    }
    let id = message_id(ctx.now, &mut ctx.io.rng);
    let message = Message {
        item: InboxItem::Message { id, text, in_thread: false },
        deadline: ctx.store_deadline(),
        since: None,
    };
    Ok(attempt(ctx, message))
}

struct Message {
    item: InboxItem,
    deadline: Instant,
    /// The journal can hold the message only after this entry.
    since: Option<u64>,
}

fn attempt(ctx: &mut Ctx, message: Message) -> Step {
    open_task(ctx, move |ctx, seen| consider(ctx, message, seen))
}

fn consider(ctx: &mut Ctx, mut message: Message, seen: Seen) -> Step {
    message.since.get_or_insert(seen.seq());
    if seen.task.status == Status::Completed {
        return Step::refused(completed());
    }
    let writes = vec![
        message.item.create(&ctx.paths, ctx.now),
        StoreWrite::Update {
            path: ctx.paths.task.clone(),
            fields: vec![FieldWrite::set(&["updated_at"], iso8601(ctx.now.wall))],
            if_version: Some(seen.task_version),
        },
    ];
    ctx.send(writes, message.deadline, move |ctx, sent| match sent {
        Sent::Stored(_) => Step::answer(Value::Null),
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
            return Step::answer(Value::Null);
        }
        open_task(ctx, move |ctx, seen| {
            let since = message.since.unwrap_or_default();
            entries::after(ctx, since, seen.seq(), usize::MAX, move |ctx, entries| {
                let facts = entries.iter().flat_map(|entry| &entry.facts);
                let mine =
                    |fact: &Fact| matches!(fact, Fact::Received { inbox, .. } if inbox == message.item.id());
                if facts.into_iter().any(mine) {
                    return Step::answer(Value::Null);
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

fn completed() -> EngineError {
    EngineError::new(
        Code::InvalidTransition,
        "send() is not possible: the task's status is 'completed', and nothing would read the message. To run it \
         again from its first item, set its status to 'not_started', then call send() and start().",
    )
    .with("status", Status::Completed.as_str())
    .with("command", "send")
}
