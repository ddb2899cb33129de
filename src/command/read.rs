//! Reads that need the head and some entries: state, checkpoint, journal, events.

use super::entries;
use super::head::{Seen, open_task};
use super::lease::is_free;
use super::live::{Live, open_task_with_live};
use super::script::{Ctx, Step};
use super::waiting::{Calls, first_asking};
use crate::converse::Usage;
use crate::effect::Effect;
use crate::error::{Code, EngineError};
use crate::facts::announce::announce;
use crate::facts::fact::Entry;
use crate::facts::plan::Done;
use crate::facts::rollup;
use crate::json::{self, json};
use crate::lifecycle::Status;
use crate::time::iso8601;
use serde_json::Value;

/// Entries that one reading of `journal` or `events` brings at most.
const MAX_ENTRIES: usize = 200;

/// The machine of `checkpoint`.
pub(super) fn checkpoint(ctx: &mut Ctx) -> Step {
    open_task(ctx, |_, seen| {
        let epoch = seen.head.as_ref().map_or(0, |h| h.head.epoch);
        Step::answer(json!({ "seq": seen.seq(), "epoch": epoch }))
    })
}

/// The machine of `state`.
pub(super) fn state(ctx: &mut Ctx) -> Step {
    open_task(ctx, |ctx, seen| {
        ctx.io.push(Effect::Status { status: seen.task.status });
        is_free(ctx, seen, |ctx, seen, free| {
            let first = seen.head.as_ref().and_then(|h| first_asking(&h.head.summary));
            let (after, until) = first.map_or((0, 0), |first| (first.saturating_sub(1), seen.seq()));
            entries::after(ctx, after, until, usize::MAX, move |_, entries| {
                Step::answer(task_state(&seen, free, &entries))
            })
        })
    })
}

fn task_state(seen: &Seen, free: bool, entries: &[Entry]) -> Value {
    let summary = seen.head.as_ref().map_or(&Value::Null, |h| &h.head.summary);
    let usage: Usage = json::decode::<Usage>(summary["usage"].clone()).unwrap_or_default();
    let completed = seen.task.status == Status::Completed;
    let done: Done = seen.task.plan.items().iter().filter(|_| completed).map(|i| i.key.clone()).collect();
    let mut state = json!({
        "status": seen.task.status,
        "seq": seen.seq(),
        "progress": rollup::progress(&seen.task, &done),
        "usage": usage,
        "waiting": Calls::of(entries).waiting(summary["item"]["id"].as_str().unwrap_or_default()),
        "unfinished": free && seen.task.status == Status::InProgress,
    });
    if let Value::Object(state) = &mut state {
        if summary["item"].is_object() {
            state.insert("item".into(), summary["item"].clone());
        }
        if let Some((owner, age)) = seen.owner() {
            let mut shown = json!({ "id": owner.id });
            if let (Value::Object(shown), Some(age)) = (&mut shown, age) {
                shown.insert("ageMs".into(), age.into());
            }
            state.insert("owner".into(), shown);
        }
    }
    state
}

/// The machine of `journal`: `{ entries, next }`, where `next` is what to pass as `after` for more, null at the end.
pub(super) fn journal(ctx: &mut Ctx, after: Option<u64>, limit: Option<u64>) -> Step {
    let limit =
        limit.map_or(MAX_ENTRIES, |n| usize::try_from(n.max(1)).unwrap_or(MAX_ENTRIES).min(MAX_ENTRIES));
    open_task(ctx, move |ctx, seen| {
        let until = seen.seq();
        entries::after(ctx, after.unwrap_or_default().max(seen.since()), until, limit, move |_, entries| {
            let last = entries.last().map(|e| e.seq);
            let next = last.filter(|last| *last < until);
            let entries: Vec<Value> = entries.iter().map(journal_entry).collect();
            Step::answer(json!({ "entries": entries, "next": next }))
        })
    })
}

fn journal_entry(entry: &Entry) -> Value {
    json!({
        "seq": entry.seq, "epoch": entry.epoch, "write_id": entry.write_id, "at": iso8601(entry.wall),
        "kinds": entry.kinds(),
        "data": { "wall": entry.wall, "active_ms": entry.active_ms, "facts": entry.facts },
    })
}

/// A place among the announced facts: after the `n`th event of entry `seq`, or after all of them.
#[derive(Clone, Copy)]
struct Cursor {
    seq: u64,
    n: Option<u64>,
}

impl Cursor {
    fn read(text: &str) -> Result<Cursor, EngineError> {
        let number = |digits: &str| digits.parse::<u64>().ok();
        let cursor = match text.split_once('.') {
            None => number(text).map(|seq| Cursor { seq, n: None }),
            Some((seq, n)) => number(seq).zip(number(n)).map(|(seq, n)| Cursor { seq, n: Some(n) }),
        };
        cursor.ok_or_else(|| {
            EngineError::new(
                Code::InvalidArgument,
                format!(
                    "events: after is {text:?}, expected the id of an event, like '12.0', or '0' for all."
                ),
            )
            .with("path", "after")
        })
    }

    /// The seq after which entries have to be read.
    fn read_after(self) -> u64 {
        if self.n.is_some() { self.seq.saturating_sub(1) } else { self.seq }
    }

    fn includes(self, entry: u64, n: u64) -> bool {
        entry < self.seq || entry == self.seq && self.n.is_none_or(|last| n <= last)
    }
}

/// The machine of `events`: `{ events, cursor, seq, more, status, live? }`, the announced facts after a cursor; without
/// one none, and the cursor of now. `cursor` is what to pass next, `seq` the last entry that it covers: below the head's,
/// there is more. With `live`, whose argument is the message that the caller knows to be unsaved, also the text of a turn
/// that streams elsewhere: `{ messageId, attempt, offset, content }`.
pub(super) fn events(
    ctx: &mut Ctx,
    after: Option<String>,
    live: Option<Option<String>>,
) -> Result<Step, EngineError> {
    let after = after.as_deref().map(Cursor::read).transpose()?;
    Ok(match live {
        None => open_task(ctx, move |ctx, seen| page(ctx, &seen, after, None)),
        Some(unsaved) => {
            open_task_with_live(ctx, unsaved, move |ctx, seen, live| page(ctx, &seen, after, live))
        }
    })
}

fn page(ctx: &mut Ctx, seen: &Seen, after: Option<Cursor>, live: Option<Live>) -> Step {
    let (status, since, until) = (seen.task.status, seen.since(), seen.seq());
    ctx.io.push(Effect::Status { status });
    let read_after = after.map_or(until, Cursor::read_after).max(since);
    entries::after(ctx, read_after, until, MAX_ENTRIES, move |ctx, entries| {
        let covered = entries.last().map_or(after.map_or(until, |after| after.seq.max(since)), |e| e.seq);
        let mut events = Vec::new();
        for entry in &entries {
            let announced = announce(&ctx.cfg.task_id, entry).into_iter().zip(0..);
            let is_new = |n: u64| after.is_none_or(|after| !after.includes(entry.seq, n));
            events.extend(announced.filter(|(_, n)| is_new(*n)).map(|(e, _)| e));
        }
        let mut page = json!({
            "events": events, "cursor": covered.to_string(), "seq": covered, "more": covered < until,
            "status": status,
        });
        if let (Value::Object(page), Some(live)) = (&mut page, live) {
            page.insert("live".into(), live.to_json());
        }
        Step::answer(page)
    })
}
