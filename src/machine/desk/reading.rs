//! Reading the inbox: in small pages, of which only what counts is kept, up to a bound a look. What is of no use is
//! deleted as it is met, so that a flood of it is worked off and never held.

use super::{Around, Ctx, Desk, State};
use crate::effect::{Effect, Input, LogLevel, Ticket};
use crate::limits::Settings;
use crate::storage::inbox::{InboxItem, Useless, bytes_of};
use crate::storage::io::{Fetch, Want, attempt_deadline};
use crate::store::{StoreErrorCode, StoreWrite, StoredDocument};
use crate::time::{Instant, parse_iso8601};
use serde_json::Value;

/// Documents a page: each may have a megabyte.
const PAGE: u32 = 8;
/// What one look reads: then the run goes on, and the next look begins there.
const READ_BYTES: usize = 16_000_000;
const READ_DOCUMENTS: usize = 400;
/// What may wait to be journaled.
const HELD_BYTES: usize = 1_000_000;
const HELD_DOCUMENTS: usize = 100;
/// Documents of which the log tells that they are left where they are.
const NOTED: usize = 100;

/// Where a look stopped before the end, and the version of the task that it saw: under another it begins again.
#[derive(Debug)]
pub(super) struct Rest {
    after: String,
    version: String,
}

/// What a look has read so far.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// The look goes on where the one before stopped.
    goes_on: bool,
    after: Option<String>,
    ended: bool,
    found: Vec<InboxItem>,
    held: usize,
    bytes: usize,
    documents: usize,
}

/// Documents of no use, on their way out.
#[derive(Debug)]
pub(super) struct Sweep {
    ticket: Ticket,
    pub until: Instant,
}

enum Use {
    Keep(InboxItem),
    /// It may count later.
    Leave,
    Drop,
}

impl Reading {
    fn is_full(&self) -> bool {
        self.held >= HELD_BYTES || self.found.len() >= HELD_DOCUMENTS
    }

    fn is_enough(&self) -> bool {
        self.is_full() || self.bytes >= READ_BYTES || self.documents >= READ_DOCUMENTS
    }
}

impl Desk {
    pub(super) fn read_inbox(&mut self, ctx: &mut Ctx, settings: &Settings) {
        let mut reading = Reading::default();
        if let Some(rest) = self.rest.as_ref().filter(|rest| rest.version == self.version) {
            reading.goes_on = true;
            reading.after = Some(rest.after.clone());
            reading.held = self.inbox.iter().map(InboxItem::bytes).sum();
        }
        if reading.is_full() {
            reading = Reading::default();
        }
        self.list_inbox(ctx, settings, reading);
    }

    fn list_inbox(&mut self, ctx: &mut Ctx, settings: &Settings, reading: Reading) {
        let want =
            Want::Page { collection: ctx.paths.inbox.clone(), after: reading.after.clone(), limit: PAGE };
        let fetch = Fetch::new(ctx.now.mono, want, settings.store_timeout_ms, &mut ctx.io);
        self.state = State::Inbox(fetch, reading);
    }

    pub(super) fn inbox_listed(
        &mut self,
        ctx: &mut Ctx,
        around: Around<'_>,
        mut reading: Reading,
        page: impl Iterator<Item = StoredDocument>,
    ) {
        let mut listed = 0;
        let mut junk = Vec::new();
        for document in page {
            listed += 1;
            if reading.is_full() {
                continue;
            }
            reading.after = Some(document.id().to_owned());
            reading.bytes += bytes_of(&document.data);
            reading.documents += 1;
            match self.use_of(ctx, around, &document) {
                Use::Keep(item) => {
                    reading.held += item.bytes();
                    reading.found.push(item);
                }
                Use::Leave => {}
                // As it was seen: another may lie there by now.
                Use::Drop => {
                    junk.push(StoreWrite::Delete { path: document.path, if_version: Some(document.version) })
                }
            }
        }
        reading.ended = listed < PAGE as usize && !reading.is_full();
        if junk.is_empty() || self.cannot_sweep {
            self.read_on(ctx, around, reading);
            return;
        }
        let now = ctx.now.mono;
        let ticket = ctx.io.ticket();
        let timeout = around.settings.store_timeout_ms;
        ctx.io.push(Effect::Commit { ticket, writes: std::rc::Rc::new(junk) });
        let until = attempt_deadline(now, timeout, now + timeout);
        self.state = State::Sweep(Sweep { ticket, until }, reading);
    }

    /// What cannot be deleted now is met again by the next look.
    pub(super) fn swept(
        &mut self,
        ctx: &mut Ctx,
        around: Around<'_>,
        sweep: Sweep,
        reading: Reading,
        input: &Input,
    ) {
        match input {
            Input::Committed { ticket, result } if *ticket == sweep.ticket => {
                let denied = result.as_ref().err().filter(|e| {
                    matches!(
                        e.code,
                        StoreErrorCode::Denied | StoreErrorCode::Invalid | StoreErrorCode::TooLarge
                    )
                });
                if let Some(e) = denied {
                    self.cannot_sweep = true;
                    let what = format!("The inbox holds documents that cannot be deleted: {}", e.message);
                    ctx.io.log(LogLevel::Warn, what);
                }
                self.read_on(ctx, around, reading);
            }
            _ if ctx.now.mono >= sweep.until => {
                ctx.io.push(Effect::Cancel { ticket: sweep.ticket });
                self.read_on(ctx, around, reading);
            }
            _ => self.state = State::Sweep(sweep, reading),
        }
    }

    fn read_on(&mut self, ctx: &mut Ctx, around: Around<'_>, reading: Reading) {
        if !reading.ended && !reading.is_enough() {
            self.list_inbox(ctx, around.settings, reading);
            return;
        }
        let Reading { goes_on, after, ended, mut found, .. } = reading;
        // An entry that has landed since its page was read may have taken it.
        found.retain(|item| !around.facts.is_journaled(item.id()));
        if goes_on {
            self.inbox.extend(found);
        } else {
            self.inbox = found;
        }
        let rest = after.filter(|_| !ended);
        self.rest = rest.map(|after| Rest { after, version: self.version.clone() });
        self.inbox_read(ctx, around);
    }

    /// Sent to the task that had this id before, which never read it.
    fn is_for_another(&self, around: Around<'_>, document: &StoredDocument) -> bool {
        let instant = |text: Option<&str>| text.and_then(parse_iso8601);
        let sent = instant(document.data.get("at").and_then(Value::as_str));
        around.head.since > 0
            && sent.zip(instant(self.task.created_at.as_deref())).is_some_and(|(at, made)| at < made)
    }

    fn use_of(&mut self, ctx: &mut Ctx, around: Around<'_>, document: &StoredDocument) -> Use {
        match InboxItem::read(document) {
            Ok(item) if around.facts.is_journaled(item.id()) => Use::Drop,
            Ok(InboxItem::Message { .. }) if self.is_for_another(around, document) => Use::Drop,
            Ok(item) => use_of_item(around, item),
            Err(Useless::Unknown(what)) => {
                let noted = &mut self.noted;
                if noted.len() < NOTED && noted.insert(document.path.clone()) {
                    ctx.io.log(LogLevel::Warn, what);
                }
                Use::Leave
            }
            Err(Useless::Junk(what)) => {
                if self.told < NOTED {
                    self.told += 1;
                    ctx.io.log(LogLevel::Warn, what);
                }
                Use::Drop
            }
        }
    }
}

/// A decision about a question that is still open; one to come only where an entry on its way may ask it, or where
/// another owner might have asked it: as long as nobody has confirmed a commit, it may be the one that gave the lease
/// away. What is kept is deleted by a commit of this owner alone.
fn use_of_item(around: Around<'_>, item: InboxItem) -> Use {
    let InboxItem::Decision { tool_call_id, asked_seq, decision, .. } = &item else {
        return Use::Keep(item);
    };
    let counts = if *asked_seq > around.facts.seq {
        around.commits || !around.may_start
    } else {
        around.facts.live.decides(tool_call_id, *asked_seq, decision).is_some()
    };
    if counts { Use::Keep(item) } else { Use::Drop }
}
