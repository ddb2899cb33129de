//! Reading journal entries, page by page.

use super::script::{Ctx, Step};
use crate::error::EngineError;
use crate::facts::fact::Entry;
use crate::facts::fact::corrupt;
use crate::storage::journal::{Joiner, behind};
use crate::store::StoredDocument;
use crate::time::Instant;

const PAGE: u32 = 500;
/// A listing may lag behind the head for a moment: list again after this.
const LIST_AGAIN_MS: u64 = 200;

/// Reads the entries after `seq`, in order and without a gap: those up to `until`, which the head counts, at most
/// `limit` of them, which is not zero. CORRUPT_HISTORY where one is still missing when the store is given up.
pub(crate) fn after(
    ctx: &mut Ctx,
    seq: u64,
    until: u64,
    limit: usize,
    then: impl FnOnce(&mut Ctx, Vec<Entry>) -> Step + 'static,
) -> Step {
    if seq >= until {
        return then(ctx, Vec::new());
    }
    let wanted = Wanted { after: seq, until, limit, give_up: None };
    list(ctx, wanted, Box::new(then))
}

#[derive(Clone, Copy)]
struct Wanted {
    after: u64,
    until: u64,
    limit: usize,
    /// From the first listing on that lacked something.
    give_up: Option<Instant>,
}

struct Reading {
    wanted: Wanted,
    joiner: Joiner,
    entries: Vec<Entry>,
    lacks_an_entry: bool,
}

impl Reading {
    fn next(&self) -> u64 {
        self.entries.last().map_or(self.wanted.after, |entry| entry.seq) + 1
    }

    fn satisfied(&self) -> bool {
        self.entries.len() >= self.wanted.limit || self.next() > self.wanted.until
    }

    /// Takes a page in; behind the last one nothing may be missing.
    fn take(&mut self, page: &[StoredDocument], last: bool) -> Result<(), EngineError> {
        for document in page {
            if let Some(entry) = self.joiner.push(document)? {
                self.add(entry)?;
            }
            if self.satisfied() {
                return Ok(());
            }
        }
        if !last {
            return Ok(());
        }
        if let Some(entry) = self.joiner.finish()? {
            self.add(entry)?;
        }
        if self.satisfied() { Ok(()) } else { Err(self.missing()) }
    }

    fn add(&mut self, entry: Entry) -> Result<(), EngineError> {
        if entry.seq != self.next() {
            return Err(self.missing());
        }
        self.entries.push(entry);
        Ok(())
    }

    fn missing(&mut self) -> EngineError {
        self.lacks_an_entry = true;
        let what = format!("the head counts {} entries, this one is missing", self.wanted.until);
        corrupt(self.next(), what)
    }

    /// Another listing may have what this one lacks.
    fn may_lag(&self) -> bool {
        self.lacks_an_entry || self.joiner.lacks_a_part()
    }
}

type Then = Box<dyn FnOnce(&mut Ctx, Vec<Entry>) -> Step>;

fn list(ctx: &mut Ctx, wanted: Wanted, then: Then) -> Step {
    let after = behind(wanted.after);
    let reading = Reading { wanted, joiner: Joiner::default(), entries: Vec::new(), lacks_an_entry: false };
    page(ctx, reading, after, then)
}

fn page(ctx: &mut Ctx, mut reading: Reading, after: Option<String>, then: Then) -> Step {
    let collection = ctx.paths.journal.clone();
    let size = PAGE.min(u32::try_from(reading.wanted.limit.saturating_add(1)).unwrap_or(PAGE));
    ctx.page(&collection, after, size, move |ctx, documents| {
        let last = documents.len() < size as usize;
        match reading.take(&documents, last) {
            Err(e) if reading.may_lag() => again(ctx, reading.wanted, e, then),
            Err(e) => Step::refused(e),
            Ok(()) if reading.satisfied() => then(ctx, reading.entries),
            Ok(()) => {
                let after = documents.last().map(|d| d.id().to_owned());
                page(ctx, reading, after, then)
            }
        }
    })
}

fn again(ctx: &mut Ctx, mut wanted: Wanted, error: EngineError, then: Then) -> Step {
    let now = ctx.now.mono;
    let give_up = *wanted.give_up.get_or_insert_with(|| ctx.store_deadline());
    if now >= give_up {
        return Step::refused(error);
    }
    ctx.wait(now + LIST_AGAIN_MS, move |ctx| list(ctx, wanted, then))
}
