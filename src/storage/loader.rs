//! Reading the journal back, page by page, into facts.

use super::head::Head;
use super::io::{Fetch, Io, Want};
use super::journal::{Joiner, behind};
use crate::converse::Validator;
use crate::converse::validity::check_message;
use crate::effect::Input;
use crate::error::EngineError;
use crate::facts::fact::corrupt;
use crate::facts::fact::{CallResult, Entry, Fact};
use crate::facts::fold::Facts;
use crate::ids::Paths;
use crate::json::json;
use crate::time::Instant;

/// Documents a page.
const PAGE: u32 = 500;
/// A listing may lag behind the head for a moment: list again after this.
const LIST_AGAIN_MS: u64 = 200;

/// Lists the journal up to the head's `seq` and folds it.
#[derive(Debug)]
pub struct Loader {
    paths: Paths,
    timeout_ms: u64,
    until_seq: u64,
    history: String,
    since: u64,
    facts: Facts,
    /// Of the request that the facts make, so far.
    validator: Validator,
    joiner: Joiner,
    after: Option<String>,
    /// From the first listing on that lacked something.
    give_up: Option<Instant>,
    state: State,
}

#[derive(Debug)]
enum State {
    Listing(Fetch),
    Again(Instant),
}

impl Loader {
    /// Begins to list what the head counts.
    pub fn new(now: Instant, paths: Paths, head: &Head, timeout_ms: u64, io: &mut Io) -> Self {
        let after = behind(head.since);
        let want = Want::Page { collection: paths.journal.clone(), after: after.clone(), limit: PAGE };
        Loader {
            paths,
            timeout_ms,
            until_seq: head.seq,
            history: head.history.clone(),
            since: head.since,
            facts: Facts::behind(head.since, head.history.as_str()),
            validator: Validator::new(),
            joiner: Joiner::default(),
            after,
            give_up: None,
            state: State::Listing(Fetch::new(now, want, timeout_ms, io)),
        }
    }

    /// Takes an input in; Some when the journal is folded, or cannot be.
    pub fn handle(&mut self, now: Instant, input: &Input, io: &mut Io) -> Option<Result<Facts, EngineError>> {
        let found = match &mut self.state {
            State::Again(at) => {
                if now >= *at {
                    self.list(now, io);
                }
                return None;
            }
            State::Listing(fetch) => match fetch.handle(now, input, io)? {
                Ok(found) => found,
                Err(e) => return Some(Err(e)),
            },
        };
        let full = found.len() >= PAGE as usize;
        for document in found.into_iter().flatten() {
            let entry = match self.joiner.push(&document) {
                Ok(entry) => entry,
                Err(e) => return self.broken(now, e),
            };
            self.after = Some(document.id().to_owned());
            if let Some(entry) = entry {
                if self.lacks_one_before(&entry) && self.may_lag(now) {
                    self.again(now);
                    return None;
                }
                if let Err(e) = self.take(&entry) {
                    return Some(Err(e));
                }
            }
        }
        if full {
            self.list(now, io);
            return None;
        }
        match self.joiner.finish() {
            Ok(Some(entry)) if self.lacks_one_before(&entry) && self.may_lag(now) => {
                self.again(now);
                return None;
            }
            Ok(Some(entry)) => {
                if let Err(e) = self.take(&entry) {
                    return Some(Err(e));
                }
            }
            Ok(None) => {}
            Err(e) => return self.broken(now, e),
        }
        if self.facts.seq >= self.until_seq {
            return Some(Ok(std::mem::take(&mut self.facts)));
        }
        if !self.may_lag(now) {
            let what = format!("the head counts {} entries, this one is missing", self.until_seq);
            return Some(Err(corrupt(self.facts.seq + 1, what)));
        }
        self.again(now);
        None
    }

    fn lacks_one_before(&self, entry: &Entry) -> bool {
        // Nothing is missed that lies beyond the head.
        self.facts.seq < self.until_seq && entry.seq > self.facts.seq + 1
    }

    /// Something is missing that another listing may have.
    fn may_lag(&mut self, now: Instant) -> bool {
        now < *self.give_up.get_or_insert(now + self.timeout_ms)
    }

    fn broken(&mut self, now: Instant, error: EngineError) -> Option<Result<Facts, EngineError>> {
        if self.joiner.lacks_a_part() && self.may_lag(now) {
            self.again(now);
            return None;
        }
        Some(Err(error))
    }

    /// From the beginning: a listing that lags may lack any document.
    fn again(&mut self, now: Instant) {
        self.facts = Facts::behind(self.since, self.history.as_str());
        self.validator = Validator::new();
        self.joiner = Joiner::default();
        self.after = behind(self.since);
        self.state = State::Again(now + LIST_AGAIN_MS);
    }

    fn take(&mut self, entry: &Entry) -> Result<(), EngineError> {
        // What lies beyond the head was not there when it was read: it is not part of what was acquired.
        if entry.seq > self.until_seq {
            return Ok(());
        }
        let torn = |fact: &Fact| matches!(fact, Fact::Turn { turn, .. } if !turn.agrees_with_itself());
        if entry.facts.iter().any(torn) {
            return Err(corrupt(entry.seq, "the calls of its turn are not those of the turn's content"));
        }
        let results = entry.facts.iter().filter_map(|fact| match fact {
            Fact::Result { result } => Some(result),
            _ => None,
        });
        for result in results {
            let CallResult { tool_call_id, content, status, .. } = result;
            let block = json!({ "toolUseId": tool_call_id, "content": content, "status": status });
            check_message(&json!({ "role": "user", "content": [{ "toolResult": block }] }))
                .map_err(|broken| corrupt(entry.seq, format!("no model takes what it holds ({broken})")))?;
        }
        let known = self.facts.ops.len();
        self.facts.apply(entry)?;
        // A turn is valid by construction: one that is not has been changed since, and no model would take it.
        let mut added = self.facts.ops.iter().skip(known);
        added
            .try_for_each(|op| self.validator.check(op))
            .map_err(|broken| corrupt(entry.seq, format!("no model takes what it holds ({broken})")))
    }

    fn list(&mut self, now: Instant, io: &mut Io) {
        let want =
            Want::Page { collection: self.paths.journal.clone(), after: self.after.clone(), limit: PAGE };
        self.state = State::Listing(Fetch::new(now, want, self.timeout_ms, io));
    }

    /// Gives the loading up.
    pub fn cancel(self, io: &mut Io) {
        if let State::Listing(fetch) = self.state {
            fetch.cancel(io);
        }
    }

    /// When to call `handle` with [`Input::Timeout`].
    pub fn timeout(&self) -> Instant {
        match &self.state {
            State::Listing(fetch) => fetch.timeout(),
            State::Again(at) => *at,
        }
    }
}

#[cfg(test)]
mod tests;
