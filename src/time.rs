//! Time as the core sees it: handed in with every input, never asked for.

use std::ops::{Add, Sub};

/// A point on the host's monotonic clock, in milliseconds since an arbitrary origin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(pub u64);

impl Add<u64> for Instant {
    type Output = Instant;
    fn add(self, ms: u64) -> Instant {
        Instant(self.0.saturating_add(ms))
    }
}

impl Sub<Instant> for Instant {
    type Output = u64;
    /// Milliseconds from `earlier` to `self`; zero where `earlier` is later.
    fn sub(self, earlier: Instant) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The two clocks of the host at the moment of an input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Monotonic: leases, deadlines, back-off.
    pub mono: Instant,
    /// Wall clock, milliseconds since 1970-01-01T00:00:00Z: what people read.
    pub wall: i64,
}

/// A machine wants to be woken this often, so that no longer gap between two inputs is anybody's plan.
const WAKE_EVERY_MS: u64 = 5_000;
/// A timer that comes later than this tells of a process that stood still.
const LATE_MS: u64 = 100;

/// How a machine counts time. A process that stood still (a blocked event loop, a suspended machine) could neither take
/// in what arrived nor do anything about it. So deadlines are reached by timers alone, a late timer comes after what
/// arrived meanwhile, and of a gap between two inputs at most five seconds count, or up to the next deadline. Leases go
/// by the real time, since nobody else stood still.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    real: Now,
    /// The monotonic time without what does not count.
    own: Instant,
    /// When the machine wants to be woken, in real time.
    wanted: Instant,
    deferred: bool,
}

impl Clock {
    /// A machine that begins now.
    pub fn new(now: Now) -> Self {
        Clock { real: now, own: now.mono, wanted: now.mono + WAKE_EVERY_MS, deferred: false }
    }

    /// An input comes in. True where it is a late timer, which is not to be handled: another one follows at once, after
    /// what arrived meanwhile.
    pub fn advance(&mut self, now: Now, is_timer: bool) -> bool {
        let all = self.own + (now.mono - self.real.mono);
        let due = self.own + (self.wanted - self.real.mono);
        self.deferred = is_timer && !self.deferred && all - due > LATE_MS;
        self.own = match (all > due, is_timer && !self.deferred) {
            (false, _) => all,
            (true, true) => due,
            (true, false) => Instant(due.0.saturating_sub(1)).max(self.own),
        };
        self.real = now;
        if self.deferred {
            self.wanted = now.mono + 1;
        }
        self.deferred
    }

    /// For deadlines and meters. The wall clock is the real one.
    pub fn now(&self) -> Now {
        Now { mono: self.own, wall: self.real.wall }
    }

    /// For leases.
    pub fn real(&self) -> Now {
        self.real
    }

    /// The machine waits for `deadline`, told by [`Clock::now`], or for `lease`, told by [`Clock::real`].
    pub fn plan(&mut self, deadline: Option<Instant>, lease: Option<Instant>) {
        let real = self.real.mono;
        let deadline = deadline.map(|at| real + (at - self.own));
        self.wanted = deadline.into_iter().chain(lease).fold(real + WAKE_EVERY_MS, Instant::min).max(real);
    }

    /// When the machine is to be woken.
    pub fn wake(&self) -> Instant {
        self.wanted
    }
}

/// `wall` as ISO 8601 with milliseconds in UTC, the form that the app's documents use.
///
/// Days to civil date after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
pub fn iso8601(wall: i64) -> String {
    let (days, ms) = (wall.div_euclid(86_400_000), wall.rem_euclid(86_400_000));
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let mp = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (h, m, s, milli) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60, ms % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.{milli:03}Z")
}

/// Milliseconds since 1970 of an ISO 8601 time with its zone, in whichever form writers give it. None for anything else.
pub fn parse_iso8601(text: &str) -> Option<i64> {
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    let (clock, zone) = rest.split_at_checked(rest.find(['Z', 'z', '+', '-'])?)?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let [year, month, day] = numbers(date, '-')?;
    let [h, m, s] = match clock.matches(':').count() {
        1 => numbers(&format!("{clock}:0"), ':')?,
        _ => numbers(clock, ':')?,
    };
    number(fraction)?;
    let ms = number(&fraction.chars().chain("00".chars()).take(3).collect::<String>())?;
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || h > 24 || m > 59 || s > 60 {
        return None;
    }
    Some(day_number(year, month, day) * 86_400_000 + ((h * 60 + m - offset(zone)?) * 60 + s) * 1_000 + ms)
}

/// Minutes east of Greenwich.
fn offset(zone: &str) -> Option<i64> {
    let (sign, rest) = match zone.split_at_checked(1)? {
        ("Z" | "z", "") => return Some(0),
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let digits: String = rest.chars().filter(|c| *c != ':').collect();
    let (h, m) = digits.split_at_checked(2)?;
    let m = if m.is_empty() { 0 } else { number(m)? };
    Some(sign * (number(h)? * 60 + m)).filter(|minutes| minutes.abs() < 24 * 60)
}

fn numbers(text: &str, between: char) -> Option<[i64; 3]> {
    let mut parts = text.split(between).map(number);
    let found = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(found)
}

fn number(digits: &str) -> Option<i64> {
    let plain = (1..=9).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    if plain { digits.parse().ok() } else { None }
}

/// Days since 1970, after the same author.
fn day_number(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let year_of_era = year - era * 400;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(mono: u64) -> Now {
        Now { mono: Instant(mono), wall: mono as i64 }
    }

    #[test]
    fn of_the_time_in_which_a_process_stood_still_five_seconds_count_or_up_to_the_next_deadline() {
        for (deadline, own) in [(None, 6_000), (Some(Instant(1_400)), 1_400)] {
            let mut clock = Clock::new(at(1_000));
            clock.plan(deadline, None);
            assert!(clock.advance(at(66_000), true), "what arrived comes first");
            assert!(clock.now().mono < Instant(own));
            assert!(!clock.advance(at(66_001), true));
            assert_eq!((clock.now().mono, clock.now().wall), (Instant(own), 66_001));
            assert_eq!(clock.real(), at(66_001));
        }
    }

    #[test]
    fn a_timer_is_late_from_a_tenth_of_a_second_on() {
        for (ms, is_late) in [(1_500, false), (1_501, true)] {
            let mut clock = Clock::new(at(1_000));
            clock.plan(Some(Instant(1_400)), None);
            assert_eq!(clock.advance(at(ms), true), is_late, "{ms}");
        }
    }

    #[test]
    fn a_timer_that_is_late_twice_in_a_row_is_handled() {
        let mut clock = Clock::new(at(1_000));
        clock.plan(Some(Instant(1_400)), None);
        assert!(clock.advance(at(3_000), true), "what arrived comes first");
        assert!(!clock.advance(at(5_000), true), "and nothing but that");
        assert_eq!(clock.now().mono, Instant(1_400));
    }

    #[test]
    fn a_machine_that_was_blocked_with_a_deadline_that_is_due_does_not_go_back_in_time() {
        let mut clock = Clock::new(at(1_000));
        clock.plan(Some(Instant(1_000)), None);
        assert!(!clock.advance(at(3_000), false));
        assert_eq!(clock.now().mono, Instant(1_000));
    }

    #[test]
    fn what_arrives_reaches_no_deadline_and_a_timer_in_time_does() {
        let mut clock = Clock::new(at(1_000));
        clock.plan(Some(Instant(1_400)), None);
        assert!(!clock.advance(at(1_300), false));
        assert_eq!(clock.now(), at(1_300));
        for late in [1_401, 3_000] {
            assert!(!clock.advance(at(late), false));
            assert_eq!(clock.now().mono, Instant(1_399));
            clock.plan(Some(Instant(1_400)), None);
        }
        assert_eq!(clock.wake(), Instant(3_001));
        assert!(!clock.advance(at(3_050), true), "a timer is hardly ever on the dot");
        assert_eq!(clock.now().mono, Instant(1_400));
    }

    #[test]
    fn a_machine_is_woken_for_its_next_deadline_in_real_time_and_every_few_seconds() {
        let mut clock = Clock::new(at(0));
        assert!(!clock.advance(at(60_000), false));
        clock.plan(Some(clock.now().mono + 1_000), Some(Instant(60_500)));
        assert_eq!(clock.wake(), Instant(60_500));
        clock.plan(Some(clock.now().mono + 1_000), None);
        assert_eq!(clock.wake(), Instant(61_000));
        clock.plan(None, None);
        assert_eq!(clock.wake(), Instant(65_000));
        clock.plan(None, Some(Instant(1)));
        assert_eq!(clock.wake(), Instant(60_000));
    }

    #[test]
    fn a_time_is_the_same_instant_in_every_form() {
        for text in [
            "2024-02-29T12:34:56.789Z",
            "2024-02-29T12:34:56.789999Z",
            "2024-02-29T12:34:56.789000001Z",
            "2024-02-29 12:34:56.789+00:00",
            "2024-02-29T14:34:56.789+02:00",
            "2024-02-29T07:04:56.789-0530",
            "2024-03-01T00:34:56.789+12",
        ] {
            assert_eq!(parse_iso8601(text), Some(1_709_210_096_789), "{text}");
        }
        for midnight in ["2024-03-01T00:00:00Z", "2024-02-29T24:00:00Z", "2024-02-29T23:59:60Z"] {
            assert_eq!(parse_iso8601(midnight), Some(1_709_251_200_000), "{midnight}");
        }
        assert_eq!(parse_iso8601("1970-01-01T00:00Z"), Some(0));
        assert_eq!(parse_iso8601("1969-12-31T23:59:59.9Z"), Some(-100));
        for wall in [0, 951_782_400_000, 1_709_210_096_789, 4_102_444_800_000, -62_135_596_800_000] {
            assert_eq!(parse_iso8601(&iso8601(wall)), Some(wall));
        }
    }

    #[test]
    fn what_is_no_time_with_its_zone_says_nothing() {
        for text in [
            "",
            "Z",
            "T",
            "yesterday",
            "2024-02-29",
            "2024-02-29T12:34:56",
            "2024-02-29T12:34:56.Z",
            "2024-02-29T12:34:56.7x9Z",
            "2024-13-01T00:00:00Z",
            "2024-00-01T00:00:00Z",
            "2024-01-00T00:00:00Z",
            "2024-01-32T00:00:00Z",
            "2024-01-01T25:00:00Z",
            "2024-01-01T00:60:00Z",
            "2024-01-01T00:00:61Z",
            "2024-01-01T00:00:00+99:00",
            "2024-01-01T00:00:00-24:00",
            "2024-01-01T00:00:00+é",
            "é2024-01-01T00:00:00Z",
            "2024-01-01T00:00:00Zulu",
            "99999999999999999999-01-01T00:00:00Z",
            "+2024-01-01T00:00:00Z",
            "2024-01-+1T00:00:00Z",
            "2024-01-01-01T00:00:00Z",
        ] {
            assert_eq!(parse_iso8601(text), None, "{text}");
        }
    }

    #[test]
    fn timestamps_are_written_as_the_apps_documents_have_them() {
        assert_eq!(iso8601(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(iso8601(1_709_210_096_789), "2024-02-29T12:34:56.789Z");
        assert_eq!(iso8601(-1), "1969-12-31T23:59:59.999Z");
        assert_eq!(iso8601(4_102_444_800_000), "2100-01-01T00:00:00.000Z");
    }

    #[test]
    fn every_day_of_four_centuries_is_the_one_after_the_day_before() {
        let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days_of = |year: i64, month| match month {
            2 => 28 + i64::from(leap(year)),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let mut wall = -(1_599..1_970).map(|year| 365 + i64::from(leap(year))).sum::<i64>() * 86_400_000;
        for year in 1_599..2_002 {
            for month in 1..=12 {
                for day in 1..=days_of(year, month) {
                    assert_eq!(iso8601(wall), format!("{year}-{month:02}-{day:02}T00:00:00.000Z"));
                    wall += 86_400_000;
                }
            }
        }
    }
}
