//! Reading journal entries, page by page.

use super::script::{Ctx, Step};
use crate::error::EngineError;
use crate::facts::fact::Entry;
use crate::facts::fact::corrupt;
use crate::storage::journal::{Joiner, behind};
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
    let wanted = Wanted { after: seq, until, limit, give_up: ctx.store_deadline() };
    list(ctx, wanted, Box::new(then))
}

#[derive(Clone, Copy)]
struct Wanted {
    after: u64,
    until: u64,
    limit: usize,
    give_up: Instant,
}

struct Reading {
    wanted: Wanted,
    joiner: Joiner,
    entries: Vec<Entry>,
}

/// The seq of an entry that should be there.
struct Missing(u64);

impl Reading {
    fn next(&self) -> u64 {
        self.entries.last().map_or(self.wanted.after, |entry| entry.seq) + 1
    }

    fn satisfied(&self) -> bool {
        self.entries.len() >= self.wanted.limit || self.next() > self.wanted.until
    }

    fn take(&mut self, entry: Entry) -> Result<(), Missing> {
        if self.satisfied() {
            return Ok(());
        }
        if entry.seq != self.next() {
            return Err(Missing(self.next()));
        }
        self.entries.push(entry);
        Ok(())
    }
}

type Then = Box<dyn FnOnce(&mut Ctx, Vec<Entry>) -> Step>;

fn list(ctx: &mut Ctx, wanted: Wanted, then: Then) -> Step {
    let after = behind(wanted.after);
    page(ctx, Reading { wanted, joiner: Joiner::default(), entries: Vec::new() }, after, then)
}

fn page(ctx: &mut Ctx, mut reading: Reading, after: Option<String>, then: Then) -> Step {
    let collection = ctx.paths.journal.clone();
    let size = PAGE.min(u32::try_from(reading.wanted.limit.saturating_add(1)).unwrap_or(PAGE));
    ctx.page(&collection, after, size, move |ctx, documents| {
        let ended = documents.len() < size as usize;
        let after = documents.last().map(|d| d.id().to_owned());
        for document in &documents {
            match reading.joiner.push(document) {
                Ok(None) => {}
                Ok(Some(entry)) => match reading.take(entry) {
                    Ok(()) => {}
                    Err(missing) => return again(ctx, reading.wanted, missing, then),
                },
                Err(e) => return Step::refused(e),
            }
        }
        if reading.satisfied() {
            return then(ctx, reading.entries);
        }
        if !ended {
            return page(ctx, reading, after, then);
        }
        match last_of(&mut reading) {
            Err(e) => Step::refused(e),
            Ok(Err(missing)) => again(ctx, reading.wanted, missing, then),
            Ok(Ok(())) => then(ctx, reading.entries),
        }
    })
}

/// The listing has ended: what it began last is whole, and nothing may be missing.
fn last_of(reading: &mut Reading) -> Result<Result<(), Missing>, EngineError> {
    let last = reading.joiner.finish()?;
    let taken = last.map_or(Ok(()), |entry| reading.take(entry));
    Ok(taken.and_then(|()| if reading.satisfied() { Ok(()) } else { Err(Missing(reading.next())) }))
}

fn again(ctx: &mut Ctx, wanted: Wanted, missing: Missing, then: Then) -> Step {
    let now = ctx.now.mono;
    if now >= wanted.give_up {
        let what = format!("the head counts {} entries, this one is missing", wanted.until);
        return Step::refused(corrupt(missing.0, what));
    }
    ctx.wait(now + LIST_AGAIN_MS, move |ctx| list(ctx, wanted, then))
}
