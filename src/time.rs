//! Time as the core sees it: handed in with every input, never asked for.

use serde::{Deserialize, Serialize};
use std::ops::{Add, Sub};

/// A point on the host's monotonic clock, in milliseconds since an arbitrary origin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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

#[cfg(test)]
mod tests {
    use super::*;

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
