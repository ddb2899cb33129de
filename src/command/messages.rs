//! The thread that people read.

use super::Arguments;
use super::head::with_task;
use super::lease::too_large;
use super::script::{Ctx, Step};
use super::sending::Sent;
use crate::error::{Code, EngineError};
use crate::json::quoted;
use crate::sorted::in_order;
use crate::storage::inbox::message_id;
use crate::store::{StoreWrite, StoredDocument};
use crate::time::{iso8601, parse_iso8601};
use serde_json::{Map, Value};

const PAGE: u32 = 500;

/// A message of the thread, as it is stored.
///
/// # Errors
/// INVALID_ARGUMENT naming what is wrong, TOO_LARGE for content that no document can hold.
pub(super) fn document(ctx: &Ctx, args: &Arguments<'_>) -> Result<Map<String, Value>, EngineError> {
    let role = args.text("role")?;
    if !matches!(role.as_str(), "user" | "assistant" | "system") {
        return Err(args.refused("role", "one of 'user', 'assistant', 'system'"));
    }
    let content = args.text("content")?;
    if content.len() > ctx.cfg.limits.document_bytes {
        return Err(too_large(content.len(), ctx.cfg.limits.document_bytes));
    }
    let mut data = Map::new();
    data.insert("task_id".into(), ctx.cfg.task_id.clone().into());
    data.insert("role".into(), role.into());
    data.insert("content".into(), content.into());
    data.insert("timestamp".into(), iso8601(ctx.now.wall).into());
    match args.get("metadata") {
        None => {}
        Some(metadata @ Value::Object(_)) => {
            data.insert("metadata".into(), metadata.clone());
        }
        Some(_) => return Err(args.refused("metadata", "an object")),
    }
    Ok(data)
}

/// The machine of `saveTaskMessage`: a plain document that no model reads. Its answer is the id.
///
/// # Errors
/// As [`document`].
pub(super) fn save(ctx: &mut Ctx, args: &Arguments<'_>) -> Result<Step, EngineError> {
    let data = document(ctx, args)?;
    let id = message_id(ctx.now.wall, &mut ctx.io.rng);
    Ok(with_task(ctx, move |ctx| {
        let path = ctx.paths.message(&id);
        let deadline = ctx.store_deadline();
        ctx.send(vec![StoreWrite::Create { path, data }], deadline, move |_, sent| match sent {
            // Nobody else makes that id: what is there is this message.
            Sent::Stored(_) | Sent::Conflict => Step::answer(id),
            Sent::Refused(e) | Sent::Unknown(e) => Step::refused(e),
        })
    }))
}

/// The machine of `taskMessages`: `ThreadMessage[]` in the order of their timestamps, after the message `after`.
pub(super) fn list(ctx: &mut Ctx, after: Option<String>, limit: Option<u64>) -> Step {
    let limit = limit.and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
    with_task(ctx, move |ctx| {
        let sorted: Then = Box::new(move |_, messages| {
            let messages = in_order(messages, &|a, b| {
                let as_written = || text_of_time(a).cmp(text_of_time(b)).then_with(|| a.id().cmp(b.id()));
                instant(a).cmp(&instant(b)).then_with(as_written)
            });
            let from = match &after {
                None => 0,
                Some(id) => match messages.iter().position(|m| m.id() == id) {
                    Some(at) => at + 1,
                    None => return Step::refused(no_such_message(id)),
                },
            };
            let page: Vec<Value> = messages.into_iter().skip(from).take(limit).map(with_id).collect();
            Step::answer(page)
        });
        collect(ctx, Vec::new(), sorted)
    })
}

/// The collection is ordered by id, the thread by time: all of it has to be read.
fn collect(ctx: &mut Ctx, mut found: Vec<StoredDocument>, then: Then) -> Step {
    let collection = ctx.paths.messages.clone();
    let after = found.last().map(|d| d.id().to_owned());
    ctx.page(&collection, after, PAGE, move |ctx, page| {
        let more = page.len() >= PAGE as usize;
        found.extend(page);
        if more { collect(ctx, found, then) } else { then(ctx, found) }
    })
}

type Then = Box<dyn FnOnce(&mut Ctx, Vec<StoredDocument>) -> Step>;

/// Milliseconds since 1970, in whatever form an app has written it; first of all where it is none.
fn instant(message: &StoredDocument) -> Option<i64> {
    match message.data.get("timestamp")? {
        Value::String(text) => parse_iso8601(text),
        Value::Number(ms) => ms.as_f64().map(|ms| ms as i64),
        _ => None,
    }
}

/// It may be finer than a millisecond.
fn text_of_time(message: &StoredDocument) -> &str {
    message.data.get("timestamp").and_then(Value::as_str).unwrap_or_default()
}

fn with_id(message: StoredDocument) -> Value {
    let id = message.id().to_owned();
    let mut data = message.data;
    data.insert("id".into(), id.into());
    Value::Object(data)
}

fn no_such_message(id: &str) -> EngineError {
    EngineError::new(
        Code::InvalidArgument,
        format!("taskMessages: after is {}, and this task has no message of that id.", quoted(id)),
    )
    .with("path", "after")
}
