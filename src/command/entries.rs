//! Reading journal entries, page by page.

use super::script::{Ctx, Step};
use crate::error::EngineError;
use crate::facts::fact::Entry;
use crate::storage::journal::Joiner;

const PAGE: u32 = 500;

/// Reads the entries after `seq`, in order: those up to `until`, at most `limit` of them.
pub(crate) fn after(
    ctx: &mut Ctx,
    seq: u64,
    until: u64,
    limit: usize,
    then: impl FnOnce(&mut Ctx, Vec<Entry>) -> Step + 'static,
) -> Step {
    if seq >= until || limit == 0 {
        return then(ctx, Vec::new());
    }
    // Sorts after every continuation of that entry.
    let after = (seq > 0).then(|| format!("{seq:08}.~"));
    let reading = Reading { until, limit, joiner: Joiner::default(), entries: Vec::new() };
    page(ctx, reading, after, Box::new(then))
}

struct Reading {
    until: u64,
    limit: usize,
    joiner: Joiner,
    entries: Vec<Entry>,
}

impl Reading {
    fn take(&mut self, entry: Option<Entry>) {
        self.entries.extend(entry.filter(|e| e.seq <= self.until && self.entries.len() < self.limit));
    }

    fn finish(&mut self) -> Result<(), EngineError> {
        let last = self.joiner.finish()?;
        self.take(last);
        Ok(())
    }
}

type Then = Box<dyn FnOnce(&mut Ctx, Vec<Entry>) -> Step>;

fn page(ctx: &mut Ctx, mut reading: Reading, after: Option<String>, then: Then) -> Step {
    let collection = ctx.paths.journal.clone();
    let size = PAGE.min(u32::try_from(reading.limit.saturating_add(1)).unwrap_or(PAGE));
    ctx.page(&collection, after, size, move |ctx, documents| {
        for document in &documents {
            match reading.joiner.push(document) {
                Ok(entry) => reading.take(entry),
                Err(e) => return Step::refused(e),
            }
        }
        let satisfied = reading.entries.len() >= reading.limit
            || reading.entries.last().is_some_and(|e| e.seq >= reading.until);
        let ended = documents.len() < size as usize;
        if satisfied || ended {
            if !satisfied {
                if let Err(e) = reading.finish() {
                    return Step::refused(e);
                }
            }
            return then(ctx, reading.entries);
        }
        let after = documents.last().map(|d| d.id().to_owned());
        page(ctx, reading, after, then)
    })
}
