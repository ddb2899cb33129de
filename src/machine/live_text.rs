//! The assistant's text of the turn under way, stored from time to time for followers in other processes.
//!
//! Nothing depends on it: it is part of no commit, never tried again, and whoever reads it holds it against the head.

use crate::effect::{Effect, Input, LogLevel, Ticket};
use crate::ids::Paths;
use crate::json::json;
use crate::storage::head::Head;
use crate::storage::io::Io;
use crate::store::{FieldWrite, StoreError, StoreErrorCode, StoreWrite};
use crate::time::Instant;
use serde_json::{Map, Value};
use std::rc::Rc;

/// Of the text, in UTF-8.
const MOST_BYTES: usize = 4_096;

/// Where the document stands, as far as this run knows.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Document {
    /// Nobody has looked: it is created, and where it exists it is there.
    Unknown,
    There,
    /// It was deleted under this run, or cannot be written: nothing brings it back.
    Gone,
}

/// The room `live_text`: what was said, when it is written next, and the write that is on its way.
#[derive(Debug)]
pub(crate) struct LiveText {
    every_ms: Option<u64>,
    message_id: String,
    attempt: u32,
    /// UTF-16 units before `tail`.
    offset: u64,
    tail: String,
    /// What is stored, or on its way, is not what was said.
    changed: bool,
    /// The document shows text of an attempt that no fact will save.
    shows_abandoned: bool,
    document: Document,
    sent: Option<(Ticket, Instant)>,
    next: Instant,
}

impl LiveText {
    /// `every_ms`: at most so often; None: never.
    pub fn new(every_ms: Option<u64>) -> LiveText {
        LiveText {
            every_ms,
            message_id: String::new(),
            attempt: 0,
            offset: 0,
            tail: String::new(),
            changed: false,
            shows_abandoned: false,
            document: Document::Unknown,
            sent: None,
            next: Instant(0),
        }
    }

    fn is_on(&self) -> bool {
        self.every_ms.is_some() && self.document != Document::Gone
    }

    /// An attempt at a turn begins.
    pub fn opened(&mut self, now: Instant, message_id: &str, attempt: u32) {
        let Some(every) = self.every_ms else { return };
        message_id.clone_into(&mut self.message_id);
        self.attempt = attempt;
        self.offset = 0;
        self.tail.clear();
        self.changed = self.shows_abandoned;
        self.next = self.next.max(now + every);
    }

    /// The turn is whole: a fact saves its text.
    pub fn finished(&mut self) {
        self.shows_abandoned = false;
        self.changed = false;
    }

    /// A piece of the text; costs its length.
    pub fn said(&mut self, delta: &str) {
        if !self.is_on() || delta.is_empty() {
            return;
        }
        self.changed = true;
        self.tail.push_str(delta);
        // Not with every delta: moving the rest costs too.
        if self.tail.len() > 2 * MOST_BYTES {
            self.cut();
        }
    }

    fn cut(&mut self) {
        let mut from = self.tail.len().saturating_sub(MOST_BYTES);
        while !self.tail.is_char_boundary(from) {
            from += 1;
        }
        let before: String = self.tail.drain(..from).collect();
        self.offset += before.encode_utf16().count() as u64;
    }

    /// When to look while the turn streams.
    pub fn timeout(&self) -> Option<Instant> {
        self.is_on().then_some(self.next)
    }

    /// Writes what was said, where that is due; `may_write`: the turn streams, and the lease is good.
    pub fn look(&mut self, now: Instant, may_write: bool, paths: &Paths, head: &Head, io: &mut Io) {
        if let Some((ticket, _)) = self.sent.take_if(|(_, until)| now >= *until) {
            io.push(Effect::Cancel { ticket });
        }
        let Some(every) = self.every_ms.filter(|_| self.is_on() && now >= self.next) else { return };
        // Deltas arm no timer: it beats for as long as the turn streams.
        self.next = now + every;
        let blank = self.offset == 0 && self.tail.trim().is_empty();
        if !may_write || self.sent.is_some() || !self.changed || (blank && !self.shows_abandoned) {
            return;
        }
        self.cut();
        self.changed = false;
        self.shows_abandoned = !blank;
        let data = self.data(head);
        let path = paths.live.clone();
        let write = if self.document == Document::There {
            let fields = data.into_iter().map(|(name, value)| FieldWrite::set(&[&name], value)).collect();
            StoreWrite::Update { path, fields, if_version: None }
        } else {
            StoreWrite::Create { path, data }
        };
        let ticket = io.ticket();
        self.sent = Some((ticket, now + head.owner.as_ref().map_or(every, |o| o.store_timeout_ms)));
        io.push(Effect::Commit { ticket, writes: Rc::new(vec![write]) });
    }

    fn data(&self, head: &Head) -> Map<String, Value> {
        let data = json!({
            "history": head.history, "epoch": head.epoch, "message_id": self.message_id,
            "attempt": self.attempt, "offset": self.offset, "text": self.tail,
        });
        if let Value::Object(data) = data { data } else { Map::new() }
    }

    /// The reply to the write, where it is that.
    pub fn stored(&mut self, now: Instant, input: &Input, io: &mut Io) {
        let Input::Committed { ticket, result } = input else { return };
        if self.sent.take_if(|(sent, _)| sent == ticket).is_none() {
            return;
        }
        match result {
            Ok(_) => self.document = Document::There,
            Err(e) if e.code == StoreErrorCode::Exists => {
                self.document = Document::There;
                self.changed = true;
                self.next = now;
            }
            Err(e) => self.failed(e, io),
        }
    }

    fn failed(&mut self, error: &StoreError, io: &mut Io) {
        let (level, then) = match error.code {
            StoreErrorCode::Unavailable | StoreErrorCode::Conflict => (LogLevel::Debug, self.document),
            StoreErrorCode::NotFound => (LogLevel::Debug, Document::Gone),
            _ => (LogLevel::Warn, Document::Gone),
        };
        self.document = then;
        let no_more = if then == Document::Gone { ", and is not stored by this run any more" } else { "" };
        io.log(level, format!("The live text was not stored{no_more}: {}.", error.message));
    }

    /// The run is over.
    pub fn abort(&mut self, io: &mut Io) {
        if let Some((ticket, _)) = self.sent.take() {
            io.push(Effect::Cancel { ticket });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::head::Owner;

    const EVERY_MS: u64 = 1_000;

    fn streaming(every_ms: Option<u64>) -> LiveText {
        let mut live = LiveText::new(every_ms);
        live.opened(Instant(0), "m-1", 1);
        live
    }

    /// What is written when it is looked at the nth time it wants to be.
    fn written(live: &mut LiveText, nth: u64) -> Option<(Ticket, Value, Value)> {
        let owner = Owner {
            id: "run".into(),
            holder: None,
            ttl_ms: 30_000,
            heartbeat_ms: 10_000,
            grace_ms: 10_000,
            store_timeout_ms: 15_000,
        };
        let head = Head::first("h".into(), None, owner, "w".into());
        let (paths, mut io) = (Paths::new("u", "t"), Io::new(7));
        live.look(Instant(nth * EVERY_MS), true, &paths, &head, &mut io);
        let Effect::Commit { ticket, writes } = io.pop()? else { panic!() };
        let write = serde_json::to_value(&writes[0]).unwrap();
        Some((ticket, write["data"]["text"].clone(), write["data"]["offset"].clone()))
    }

    fn refused(live: &mut LiveText, ticket: Ticket, code: StoreErrorCode) -> Effect {
        let error = StoreError { code, message: "no".into(), cause: None };
        let mut io = Io::new(7);
        live.stored(Instant(EVERY_MS), &Input::Committed { ticket, result: Err(error) }, &mut io);
        io.pop().unwrap()
    }

    #[test]
    fn a_long_text_is_shortened_once_for_as_much_as_is_stored_and_not_with_every_piece() {
        let mut live = streaming(Some(EVERY_MS));
        for _ in 0..2 * MOST_BYTES {
            live.said("a");
        }
        assert_eq!((live.offset, live.tail.len()), (0, 2 * MOST_BYTES));
        live.said("b");
        assert_eq!((live.offset, live.tail.len()), (MOST_BYTES as u64 + 1, MOST_BYTES));
    }

    #[test]
    fn text_that_is_to_be_stored_never_takes_no_room() {
        let mut live = streaming(None);
        live.said("a");
        assert_eq!(live.tail, "");
    }

    #[test]
    fn a_piece_without_text_is_no_reason_to_store_the_text_again() {
        let mut live = streaming(Some(EVERY_MS));
        live.said("");
        assert_eq!(written(&mut live, 1), None);
        live.said("a");
        let (ticket, ..) = written(&mut live, 2).unwrap();
        live.stored(Instant(0), &Input::Committed { ticket, result: Ok("v".into()) }, &mut Io::new(7));
        live.said("");
        assert_eq!(written(&mut live, 3), None);
    }

    #[test]
    fn blank_text_is_stored_once_something_was_said_and_not_before() {
        let mut live = streaming(Some(EVERY_MS));
        live.said(" \n");
        assert_eq!(written(&mut live, 1), None);
        live.said(&"a".repeat(MOST_BYTES));
        live.said(&" ".repeat(MOST_BYTES + 1));
        let (_, text, offset) = written(&mut live, 2).unwrap();
        assert_eq!((text, offset), (" ".repeat(MOST_BYTES).into(), (MOST_BYTES + 3).into()));
    }

    #[test]
    fn the_log_says_why_it_was_not_stored_and_whether_it_will_be() {
        const NO_MORE: &str = ", and is not stored by this run any more";
        for (code, level, no_more) in [
            (StoreErrorCode::Unavailable, LogLevel::Debug, ""),
            (StoreErrorCode::Conflict, LogLevel::Debug, ""),
            (StoreErrorCode::NotFound, LogLevel::Debug, NO_MORE),
            (StoreErrorCode::Denied, LogLevel::Warn, NO_MORE),
        ] {
            let mut live = streaming(Some(EVERY_MS));
            live.said("a");
            let (ticket, ..) = written(&mut live, 1).unwrap();
            let message = format!("The live text was not stored{no_more}: no.");
            assert_eq!(refused(&mut live, ticket, code), Effect::Log { level, message });
        }
    }
}
