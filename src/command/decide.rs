//! approve, reject and answer: one document in the inbox, whose first sender wins.

use super::entries;
use super::head::{MAX_ROUNDS, Seen, crowded, open_task};
use super::lease::too_large;
use super::script::{Ctx, Step};
use super::sending::Sent;
use super::waiting::{Calls, Standing, first_asking};
use crate::error::{Code, EngineError};
use crate::facts::fact::{Decision, Why};
use crate::json::quoted;
use crate::storage::inbox::{self, InboxItem};
use crate::store::StoreWrite;
use serde_json::Value;

/// The machine of `approve`, `reject` and `answer`.
pub(super) fn decide(ctx: &mut Ctx, tool_call_id: String, decision: Decision) -> Step {
    let nonce = ctx.io.rng.id();
    open_task(ctx, move |ctx, seen| {
        let first = seen.head.as_ref().and_then(|h| first_asking(&h.head.summary));
        let call = Call { id: tool_call_id, decision, nonce };
        match first {
            Some(first) => look(ctx, seen, call, first.saturating_sub(1)),
            None => {
                let since = seen.since();
                look(ctx, seen, call, since)
            }
        }
    })
}

struct Call {
    id: String,
    decision: Decision,
    nonce: String,
}

/// Reads the journal after `after`: from the first entry that still asks, as the head has it, and the whole of it to
/// say what is wrong where the call is not found there.
fn look(ctx: &mut Ctx, seen: Seen, call: Call, after: u64) -> Step {
    entries::after(ctx, after, seen.seq(), usize::MAX, move |ctx, entries| {
        match Calls::of(&entries).standing(&call.id) {
            Some(Standing::Waiting { why: Why::Input, .. })
                if matches!(call.decision, Decision::Approve { .. }) =>
            {
                Step::refused(needs_an_answer(&call.id))
            }
            Some(Standing::Waiting { seq, .. }) => {
                let asked = *seq;
                let item = inbox::decision(&call.id, asked, call.nonce.clone(), call.decision);
                deposit(ctx, Put { id: call.id, nonce: call.nonce, asked, item, rounds: 0 })
            }
            _ if after > seen.since() => {
                let since = seen.since();
                look(ctx, seen, call, since)
            }
            Some(_) => Step::refused(already_decided(&call.id)),
            None => Step::refused(no_such_call(&call.id)),
        }
    })
}

struct Put {
    id: String,
    nonce: String,
    asked: u64,
    item: InboxItem,
    rounds: u32,
}

impl Put {
    fn is_mine(&self, found: &InboxItem) -> bool {
        matches!(found, InboxItem::Decision { nonce, .. } if *nonce == self.nonce)
    }
}

fn deposit(ctx: &mut Ctx, mut put: Put) -> Step {
    put.rounds += 1;
    if put.rounds > MAX_ROUNDS {
        return crowded();
    }
    let write = put.item.create(&ctx.paths, ctx.now);
    if let StoreWrite::Create { data, .. } = &write {
        let bytes = inbox::text_bytes(data);
        let limit = ctx.cfg.limits.document_bytes.min(inbox::MAX_BYTES);
        if bytes > limit {
            return Step::refused(too_large(bytes, limit));
        }
    }
    let deadline = ctx.store_deadline();
    ctx.send(vec![write], deadline, move |ctx, sent| match sent {
        Sent::Stored(version) => verify(ctx, put, InInbox::Mine(version)),
        Sent::Conflict => look_in_inbox(ctx, put, None),
        Sent::Unknown(e) => look_in_inbox(ctx, put, Some(e)),
        Sent::Refused(e) => Step::refused(e),
    })
}

/// The sender's own document, as far as is known.
enum InInbox {
    Mine(String),
    /// Nothing: it was taken, or never stored. What went wrong, where something did.
    Nothing(Option<EngineError>),
}

/// Whose document is there?
fn look_in_inbox(ctx: &mut Ctx, put: Put, doubt: Option<EngineError>) -> Step {
    let path = ctx.paths.inbox_item(put.item.id());
    ctx.read([path], move |ctx, [found]| match found {
        Some(document) if InboxItem::read(&document).is_ok_and(|item| put.is_mine(&item)) => {
            verify(ctx, put, InInbox::Mine(document.version))
        }
        Some(_) => Step::refused(already_decided(&put.id)),
        None => verify(ctx, put, InInbox::Nothing(doubt)),
    })
}

/// Only the journal says whether the decision counts: it may hold another one for the same question.
fn verify(ctx: &mut Ctx, put: Put, stored: InInbox) -> Step {
    open_task(ctx, move |ctx, seen| {
        entries::after(ctx, put.asked.saturating_sub(1), seen.seq(), usize::MAX, move |ctx, entries| {
            let calls = Calls::of(&entries);
            let still_asked = matches!(
                calls.standing(&put.id), Some(Standing::Waiting { seq, .. }) if *seq == put.asked
            );
            match (calls.decided_by(&put.id, put.asked), stored) {
                // Sent again after an unclear reply, and taken in between: nobody would take it a second time.
                (Some(nonce), InInbox::Mine(version)) if nonce == put.nonce => {
                    take_back(ctx, put, version, |_| Step::answer(Value::Null))
                }
                (Some(nonce), InInbox::Nothing(_)) if nonce == put.nonce => Step::answer(Value::Null),
                (None, InInbox::Mine(_)) if still_asked => Step::answer(Value::Null),
                (None, InInbox::Nothing(Some(e))) if still_asked => Step::refused(e),
                (None, InInbox::Nothing(None)) if still_asked => deposit(ctx, put),
                (_, InInbox::Mine(version)) => {
                    take_back(ctx, put, version, |put| Step::refused(already_decided(&put.id)))
                }
                (_, InInbox::Nothing(_)) => Step::refused(already_decided(&put.id)),
            }
        })
    })
}

/// Whether that works or not: the runner drops what no longer waits.
fn take_back(ctx: &mut Ctx, put: Put, version: String, then: fn(&Put) -> Step) -> Step {
    let path = ctx.paths.inbox_item(put.item.id());
    let deadline = ctx.store_deadline();
    let write = StoreWrite::Delete { path, if_version: Some(version) };
    ctx.send(vec![write], deadline, move |_, _| then(&put))
}

fn already_decided(id: &str) -> EngineError {
    EngineError::new(
        Code::AlreadyDecided,
        format!(
            "The call {} waits for no decision any more: it was decided before, or its run has gone on. \
             state().waiting lists the calls that wait.",
            quoted(id)
        ),
    )
    .with("toolCallId", id)
}

fn no_such_call(id: &str) -> EngineError {
    EngineError::new(
        Code::InvalidArgument,
        format!(
            "toolCallId: this task has no call {}. state().waiting lists the calls that wait.",
            quoted(id)
        ),
    )
    .with("path", "toolCallId")
    .with("toolCallId", id)
}

fn needs_an_answer(id: &str) -> EngineError {
    EngineError::new(
        Code::InvalidArgument,
        format!(
            "toolCallId: the call {} needs a result, not an approval: answer it with answer(toolCallId, \
             result), or reject it.",
            quoted(id)
        ),
    )
    .with("path", "toolCallId")
    .with("toolCallId", id)
}
