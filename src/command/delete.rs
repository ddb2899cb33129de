//! delete: the head becomes a tombstone first, which fences every writer off, and is removed last. In between an
//! interrupted deletion goes on where it was.

use super::head::{MAX_ROUNDS, crowded};
use super::script::{Ctx, Step};
use super::sending::Sent;
use crate::error::Code;
use crate::json::json;
use crate::storage::head::{Head, LARGEST_NUMBER, LastRun, SCHEMA};
use crate::store::{FieldWrite, StoreWrite, StoredDocument};
use serde_json::Value;

/// Documents a commit.
const PAGE: u32 = 200;

struct Deletion {
    keep_task: bool,
    /// As the task was read last: whoever sends it something writes it too, so that what is sent behind the sweep
    /// brings another one.
    task_version: Option<String>,
    rounds: u32,
    /// The tombstone was there: without a head, somebody else has finished.
    begun: bool,
}

/// The machine of `delete`. What is not there is deleted already.
pub(super) fn delete(ctx: &mut Ctx, keep_task: bool) -> Step {
    look(ctx, Deletion { keep_task, task_version: None, rounds: 0, begun: false })
}

fn look(ctx: &mut Ctx, mut deletion: Deletion) -> Step {
    deletion.rounds += 1;
    if deletion.rounds > MAX_ROUNDS {
        return crowded();
    }
    let paths = [ctx.paths.task.clone(), ctx.paths.head.clone()];
    ctx.read(paths, move |ctx, [task, head]| {
        deletion.task_version = task.as_ref().map(|task| task.version.clone());
        let Some(head) = head else {
            return if deletion.begun || task.is_none() {
                Step::answer(Value::Null)
            } else {
                let head = tombstone(1, ctx.io.rng.id());
                let write = StoreWrite::Create { path: ctx.paths.head.clone(), data: head.document() };
                bury(ctx, deletion, write)
            };
        };
        match Head::read(&head.path, &head.data) {
            Ok(read) if read.deleted => sweep(ctx, deletion, 0, head.version),
            _ if deletion.begun => Step::answer(Value::Null),
            Err(e) if e.code == Code::UnsupportedSchema => Step::refused(e),
            read => {
                let fields = tombstone_fields(ctx, &head, read.is_ok());
                let path = ctx.paths.head.clone();
                let write = StoreWrite::Update { path, fields, if_version: Some(head.version) };
                bury(ctx, deletion, write)
            }
        }
    })
}

fn tombstone(epoch: u64, write_id: String) -> Head {
    Head {
        schema: SCHEMA,
        history: String::new(),
        created_at: None,
        epoch,
        owner: None,
        seq: 0,
        since: 0,
        write_id,
        last_run: LastRun::None,
        attempts: 0,
        summary: json!({}),
        deleted: true,
        fenced_off: None,
    }
}

/// A head that cannot be read is replaced, field by field: nothing of it may make the tombstone unreadable.
fn tombstone_fields(ctx: &mut Ctx, head: &StoredDocument, readable: bool) -> Vec<FieldWrite> {
    let epoch = head.data.get("epoch").and_then(Value::as_u64).unwrap_or_default();
    let epoch = epoch.saturating_add(1).min(LARGEST_NUMBER);
    let tombstone = tombstone(epoch, ctx.io.rng.id()).document();
    let lacks = |key: &str| if readable { key == "owner" } else { !tombstone.contains_key(key) };
    let unset = head.data.keys().filter(|key| lacks(key)).map(|key| FieldWrite::unset(&[key]));
    let mut fields: Vec<FieldWrite> = unset.collect();
    for (key, value) in tombstone {
        if !readable || matches!(key.as_str(), "epoch" | "write_id" | "deleted") {
            fields.push(FieldWrite::set(&[&key], value));
        }
    }
    fields
}

fn bury(ctx: &mut Ctx, deletion: Deletion, write: StoreWrite) -> Step {
    let deadline = ctx.store_deadline();
    ctx.send(vec![write], deadline, move |ctx, sent| match sent {
        Sent::Stored(version) => sweep(ctx, Deletion { rounds: 0, ..deletion }, 0, version),
        Sent::Conflict => look(ctx, deletion),
        Sent::Refused(e) | Sent::Unknown(e) => Step::refused(e),
    })
}

/// Empties one collection after the other. Every commit depends on the tombstone: when another deletion has removed it
/// and the task has been made again, nothing of the new one is touched.
fn sweep(ctx: &mut Ctx, mut deletion: Deletion, nth: usize, version: String) -> Step {
    deletion.begun = true;
    let collections = [&ctx.paths.journal, &ctx.paths.inbox, &ctx.paths.messages];
    let Some(collection) = collections.get(nth).map(|c| (*c).clone()) else {
        return finish(ctx, deletion, version);
    };
    ctx.page(&collection, None, PAGE, move |ctx, page| {
        if page.is_empty() {
            return sweep(ctx, deletion, nth + 1, version);
        }
        let path = ctx.paths.head.clone();
        let fields = vec![FieldWrite::set(&["write_id"], ctx.io.rng.id())];
        let mut writes = vec![StoreWrite::Update { path, fields, if_version: Some(version) }];
        writes.extend(page.into_iter().map(|d| StoreWrite::Delete { path: d.path, if_version: None }));
        let deadline = ctx.store_deadline();
        ctx.send(writes, deadline, move |ctx, sent| match sent {
            Sent::Stored(version) => sweep(ctx, Deletion { rounds: 0, ..deletion }, nth, version),
            Sent::Conflict => look(ctx, deletion),
            Sent::Refused(e) | Sent::Unknown(e) => Step::refused(e),
        })
    })
}

fn finish(ctx: &mut Ctx, deletion: Deletion, version: String) -> Step {
    let mut writes = vec![
        StoreWrite::Delete { path: ctx.paths.head.clone(), if_version: Some(version) },
        StoreWrite::Delete { path: ctx.paths.live.clone(), if_version: None },
    ];
    if let Some(version) = deletion.task_version.clone().filter(|_| !deletion.keep_task) {
        writes.push(StoreWrite::Delete { path: ctx.paths.task.clone(), if_version: Some(version) });
    }
    let deadline = ctx.store_deadline();
    ctx.send(writes, deadline, move |ctx, sent| match sent {
        Sent::Stored(_) => Step::answer(Value::Null),
        Sent::Conflict => look(ctx, deletion),
        Sent::Refused(e) | Sent::Unknown(e) => Step::refused(e),
    })
}
