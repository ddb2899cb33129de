//! The room `meter`: how long the run has been active. Waiting for people does not count, whatever is stored meanwhile.

use crate::time::Instant;

#[derive(Debug)]
enum State {
    /// Since then, beyond what was counted.
    Active(Instant),
    /// Only people can go on.
    Waiting,
}

#[derive(Debug)]
pub(crate) struct Meter {
    state: State,
    /// Milliseconds that no entry counts yet.
    counted_ms: u64,
}

impl Meter {
    /// Active from now on.
    pub fn new(now: Instant) -> Self {
        Meter { state: State::Active(now), counted_ms: 0 }
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Instant) {
        if let State::Active(since) = &mut self.state {
            self.counted_ms += now - *since;
            *since = now;
        }
    }

    /// What goes on from now on.
    pub fn turn(&mut self, waits_for_people: bool, now: Instant) {
        self.tick(now);
        self.state = if waits_for_people { State::Waiting } else { State::Active(now) };
    }

    /// Milliseconds that no entry counts yet.
    pub fn active_ms(&self) -> u64 {
        self.counted_ms
    }

    /// An entry that is stored counts so many.
    pub fn stored(&mut self, active_ms: u64) {
        self.counted_ms = self.counted_ms.saturating_sub(active_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_for_people_is_no_active_time_and_what_an_entry_counts_is_counted_once() {
        let mut meter = Meter::new(Instant(1_000));
        meter.tick(Instant(3_000));
        meter.turn(true, Instant(4_000));
        meter.tick(Instant(90_000));
        assert_eq!(meter.active_ms(), 3_000);
        meter.turn(false, Instant(100_000));
        meter.stored(2_500);
        meter.tick(Instant(100_100));
        assert_eq!(meter.active_ms(), 600);
    }
}
