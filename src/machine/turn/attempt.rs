//! Where a turn stands: an attempt that streams, the wait for the next one, or a turn that is whole.

use super::Ready;
use crate::converse::Assembly;
use crate::effect::Ticket;
use crate::limits::Settings;
use crate::time::Instant;

#[derive(Debug)]
pub(super) struct Attempt {
    pub message_id: String,
    pub number: u32,
    /// Milliseconds that failing and waiting have taken so far.
    pub lost_ms: u64,
}

impl Attempt {
    /// It is over: what it was silent for, at first and at last, led to nothing. No attempt takes more than half of the
    /// time for all, so that each is followed by another.
    pub fn after(mut self, silence: Silence, now: Instant, settings: &Settings) -> Attempt {
        let lost_ms = silence.lost_ms + (now - silence.since);
        self.lost_ms += lost_ms.min(settings.retry.total_ms / 2);
        self
    }
}

/// How long the model has said nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Silence {
    pub since: Instant,
    /// Some event has come.
    pub begun: bool,
    /// Milliseconds until the first one came.
    pub lost_ms: u64,
}

impl Silence {
    pub fn allowed_ms(self, settings: &Settings) -> u64 {
        if self.begun { settings.between_events_ms } else { settings.first_event_ms }
    }
}

#[derive(Debug, Default)]
pub(super) enum State {
    #[default]
    Idle,
    Streaming {
        ticket: Ticket,
        assembly: Box<Assembly>,
        attempt: Attempt,
        silence: Silence,
    },
    /// `looking`: the time is over, and task and inbox are looked at before the model is asked again.
    BackingOff {
        attempt: Attempt,
        until: Instant,
        looking: bool,
    },
    Ready(Box<Ready>),
}
