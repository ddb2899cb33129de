//! A commit that no head fences: the same bytes until the reply is clear, or until the deadline.

use crate::effect::{Effect, Input, Ticket};
use crate::error::{Code, EngineError};
use crate::storage::io::{Io, attempt_deadline, store_back_off, store_error};
use crate::store::{StoreError, StoreErrorCode, StoreWrite};
use crate::time::Instant;
use std::rc::Rc;

/// How it went.
#[derive(Debug)]
pub(crate) enum Sent {
    /// Stored, as this version.
    Stored(String),
    /// A condition does not hold. Where an earlier reply was unclear, that may be the command's own doing.
    Conflict,
    /// Not stored, for good.
    Refused(EngineError),
    /// No clear answer before the deadline: it may be stored, or still become so.
    Unknown(EngineError),
}

pub(crate) struct Sending {
    writes: Rc<Vec<StoreWrite>>,
    timeout_ms: u64,
    deadline: Instant,
    tries: u32,
    unclear: bool,
    state: State,
}

enum State {
    Sent { ticket: Ticket, until: Instant },
    BackingOff { until: Instant },
}

impl Sending {
    pub fn new(
        now: Instant,
        writes: Vec<StoreWrite>,
        timeout_ms: u64,
        deadline: Instant,
        io: &mut Io,
    ) -> Sending {
        let mut sending = Sending {
            writes: Rc::new(writes),
            timeout_ms,
            deadline,
            tries: 0,
            unclear: false,
            state: State::BackingOff { until: now },
        };
        sending.transmit(now, io);
        sending
    }

    fn transmit(&mut self, now: Instant, io: &mut Io) {
        self.tries += 1;
        let ticket = io.ticket();
        io.push(Effect::Commit { ticket, writes: Rc::clone(&self.writes) });
        self.state = State::Sent { ticket, until: attempt_deadline(now, self.timeout_ms, self.deadline) };
    }

    pub fn handle(&mut self, now: Instant, input: &Input, io: &mut Io) -> Option<Sent> {
        match (&self.state, input) {
            (State::Sent { ticket, .. }, Input::Committed { ticket: t, result }) if t == ticket => {
                match result {
                    Ok(version) => Some(Sent::Stored(version.clone())),
                    Err(e) => self.failed(now, e, io),
                }
            }
            (State::Sent { ticket, until }, _) if now >= *until => {
                io.push(Effect::Cancel { ticket: *ticket });
                self.failed(now, &StoreError::silence(), io)
            }
            (State::BackingOff { until }, _) if now >= *until => {
                self.transmit(now, io);
                None
            }
            _ => None,
        }
    }

    fn failed(&mut self, now: Instant, error: &StoreError, io: &mut Io) -> Option<Sent> {
        let user_error = store_error(error, "Writing to the store");
        match error.code {
            StoreErrorCode::Conflict | StoreErrorCode::Exists | StoreErrorCode::NotFound => {
                return Some(Sent::Conflict);
            }
            StoreErrorCode::Denied | StoreErrorCode::Invalid | StoreErrorCode::TooLarge if !self.unclear => {
                return Some(Sent::Refused(user_error));
            }
            _ => self.unclear = true,
        }
        let until = now + store_back_off(self.tries, io.rng.unit());
        if now >= self.deadline || until >= self.deadline {
            let mut unknown = user_error;
            unknown.code = Code::StoreUnavailable;
            unknown.retryable = true;
            return Some(Sent::Unknown(unknown));
        }
        self.state = State::BackingOff { until };
        None
    }

    pub fn timeout(&self) -> Instant {
        match self.state {
            State::Sent { until, .. } | State::BackingOff { until } => until,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn committed(io: &mut Io) -> Option<Ticket> {
        let effects = std::iter::from_fn(|| io.pop());
        let commits = effects.filter_map(|effect| match effect {
            Effect::Commit { ticket, .. } => Some(ticket),
            _ => None,
        });
        commits.last()
    }

    fn unavailable(ticket: Ticket) -> Input {
        let error = StoreError { code: StoreErrorCode::Unavailable, message: String::new(), cause: None };
        Input::Committed { ticket, result: Err(error) }
    }

    #[test]
    fn attempts_that_fail_are_made_again_after_longer_and_longer_pauses_and_none_at_the_deadline() {
        let mut longest = 0;
        for seed in 1..20 {
            let (mut now, mut io, deadline) = (Instant(1_000), Io::new(seed), Instant(16_000));
            let mut sending = Sending::new(now, Vec::new(), 15_000, deadline, &mut io);
            let mut pauses = Vec::new();
            let sent = loop {
                let ticket = committed(&mut io).expect("an attempt");
                if let Some(sent) = sending.handle(now, &unavailable(ticket), &mut io) {
                    break sent;
                }
                let until = sending.timeout();
                assert!(until < deadline, "{until:?}");
                assert!(sending.handle(Instant(until.0 - 1), &Input::Timeout, &mut io).is_none());
                assert_eq!(committed(&mut io), None, "too early");
                pauses.push(until - now);
                now = until;
                assert!(sending.handle(now, &Input::Timeout, &mut io).is_none());
            };
            assert!(matches!(sent, Sent::Unknown(e) if e.code == Code::StoreUnavailable && e.retryable));
            assert!(pauses[0] <= 101 && deadline - now <= 2_001, "{pauses:?}, then {now:?}");
            longest = longest.max(pauses.into_iter().max().unwrap_or_default());
        }
        assert!((1_000..=2_001).contains(&longest), "{longest}");
    }

    #[test]
    fn what_may_be_stored_although_it_was_denied_since_may_be_tried_again() {
        let (mut now, mut io) = (Instant(1_000), Io::new(1));
        let mut sending = Sending::new(now, Vec::new(), 15_000, now + 15_000, &mut io);
        let unclear = unavailable(committed(&mut io).expect("an attempt"));
        assert!(sending.handle(now, &unclear, &mut io).is_none());
        let unknown = loop {
            now = sending.timeout();
            assert!(sending.handle(now, &Input::Timeout, &mut io).is_none());
            let ticket = committed(&mut io).expect("an attempt");
            let error = StoreError { code: StoreErrorCode::Denied, message: "no".into(), cause: None };
            match sending.handle(now, &Input::Committed { ticket, result: Err(error) }, &mut io) {
                Some(Sent::Unknown(unknown)) => break unknown,
                Some(other) => panic!("{other:?}"),
                None => {}
            }
        };
        assert_eq!((unknown.code, unknown.retryable), (Code::StoreUnavailable, true));
    }

    #[test]
    fn what_nobody_answers_is_called_off_before_it_is_sent_again() {
        let (now, mut io) = (Instant(1_000), Io::new(1));
        let mut sending = Sending::new(now, Vec::new(), 15_000, now + 15_000, &mut io);
        let ticket = committed(&mut io).expect("an attempt");
        assert!(sending.handle(sending.timeout(), &Input::Timeout, &mut io).is_none());
        assert_eq!(io.pop(), Some(Effect::Cancel { ticket }));
        assert!(sending.handle(sending.timeout(), &Input::Timeout, &mut io).is_none());
        assert!(committed(&mut io).is_some_and(|again| again != ticket));
    }

    #[test]
    fn a_reply_to_an_earlier_attempt_says_nothing_of_the_present_one() {
        let (mut now, mut io) = (Instant(1_000), Io::new(1));
        let mut sending = Sending::new(now, Vec::new(), 15_000, now + 15_000, &mut io);
        let mut tickets = Vec::new();
        while tickets.len() < 2 {
            while let Some(effect) = io.pop() {
                if let Effect::Commit { ticket, .. } = effect {
                    tickets.push(ticket);
                }
            }
            if tickets.len() < 2 {
                now = sending.timeout();
                assert!(sending.handle(now, &Input::Timeout, &mut io).is_none());
            }
        }
        let error = |code| Err(StoreError { code, message: String::new(), cause: None });
        for code in [StoreErrorCode::Conflict, StoreErrorCode::Denied] {
            let late = Input::Committed { ticket: tickets[0], result: error(code) };
            assert!(sending.handle(now, &late, &mut io).is_none());
        }
        let reply = Input::Committed { ticket: tickets[1], result: Ok("5".into()) };
        assert!(
            matches!(sending.handle(now, &reply, &mut io), Some(Sent::Stored(version)) if version == "5")
        );
    }
}
