//! A process: its clocks, whether it is stopped, and which run of the task it has.

use task_execution_engine::time::{Instant, Now};

/// 2026-01-01T00:00:00.000Z: later than the task's own dates by a day.
const WALL: i64 = 1_767_225_600_000;

pub struct Process {
    /// Another number for whoever has this place after a crash.
    pub pid: u64,
    skew_ppm: i64,
    born: u64,
    /// Milliseconds for which the monotonic clock stood still.
    stood_still: u64,
    pub wall_offset: i64,
    pub frozen_until: u64,
    pub denied_until: u64,
    /// The run that the registry of this process has.
    pub runner: Option<usize>,
    /// It has been told to pause, stop or yield.
    pub ending: bool,
    /// Milliseconds for which it was stopped so far.
    pub frozen_ms: u64,
}

impl Process {
    pub fn new(pid: u64, born: u64, skew_ppm: i64) -> Process {
        Process {
            pid,
            skew_ppm,
            born,
            stood_still: 0,
            wall_offset: 0,
            frozen_until: 0,
            denied_until: 0,
            runner: None,
            ending: false,
            frozen_ms: 0,
        }
    }

    /// Named in the ids of its runs.
    pub fn instance(&self) -> String {
        format!("p{}", self.pid)
    }

    pub fn holder(&self) -> String {
        format!("boot:{}", self.pid)
    }

    pub fn now(&self, at: u64) -> Now {
        let wall = WALL + at as i64 + self.wall_offset;
        Now { mono: Instant(self.mono(at)), wall }
    }

    fn mono(&self, at: u64) -> u64 {
        let passed = (at - self.born) as i64;
        // A clock begins anywhere.
        let origin = 10_000 + 7_777 * self.pid;
        origin + (passed + passed * self.skew_ppm / 1_000_000) as u64 - self.stood_still
    }

    /// When its monotonic clock will show `instant`.
    pub fn when(&self, instant: Instant, now: u64) -> u64 {
        let ahead = instant - Instant(self.mono(now));
        let mut at = now + (ahead as i64 - ahead as i64 * self.skew_ppm / 1_000_000) as u64;
        while self.mono(at) < instant.0 {
            at += 1;
        }
        at
    }

    pub fn freeze(&mut self, now: u64, ms: u64, clock_stands_still: bool) {
        let until = self.frozen_until.max(now) + ms;
        self.frozen_ms += until - self.frozen_until.max(now);
        self.frozen_until = until;
        if clock_stands_still {
            // It shows again at the end what it showed at the beginning; nobody looks in between.
            self.stood_still += ms;
        }
    }
}
