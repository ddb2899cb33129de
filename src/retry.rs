//! Back-off with full jitter, as a pure function of the attempt.

/// How often, how fast and how long a failed model call is tried again. The largest value of a field switches
/// that limit off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Calls in all, the first included.
    pub attempts: u32,
    /// Upper bound of the first delay, in milliseconds; it doubles with every attempt.
    pub base_ms: u64,
    /// Upper bound of every delay, in milliseconds; only a server's Retry-After may exceed it.
    pub max_ms: u64,
    /// Milliseconds that failing and waiting may take together; an answer that streams takes none of them.
    pub total_ms: u64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        RetryPolicy { attempts: 6, base_ms: 1_000, max_ms: 30_000, total_ms: 300_000 }
    }
}

impl RetryPolicy {
    /// Milliseconds to wait before the next attempt, or `None` when attempts or time are used up.
    ///
    /// `attempt` counts from 1 and has just failed, `elapsed_ms` is what failing and waiting took so far, `random`
    /// lies in 0..1, `retry_after_ms` is what the server asked for: the wait is never shorter than that, and
    /// where it would not fit into `total_ms` nothing is waited for.
    ///
    /// Full jitter after Marc Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).
    pub fn delay(
        &self,
        attempt: u32,
        elapsed_ms: u64,
        random: f64,
        retry_after_ms: Option<u64>,
    ) -> Option<u64> {
        let limited = self.attempts != u32::MAX;
        if limited && attempt >= self.attempts {
            return None;
        }
        let doubled = self.base_ms.saturating_mul(1u64.checked_shl(attempt.max(1) - 1).unwrap_or(u64::MAX));
        let bound = doubled.min(self.max_ms);
        let share = if random.is_nan() { 1.0 } else { random.clamp(0.0, 1.0) };
        let jittered = (bound as f64 * share) as u64;
        let delay = jittered.max(retry_after_ms.unwrap_or(0));
        let fits = self.total_ms == u64::MAX || elapsed_ms.saturating_add(delay) < self.total_ms;
        fits.then_some(delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALMOST_ONE: f64 = 0.999_999;

    #[test]
    fn delays_double_from_one_second_to_thirty() {
        let longest =
            |attempt| RetryPolicy { attempts: 99, ..Default::default() }.delay(attempt, 0, 1.0, None);
        let delays: Vec<_> = (1..=7).map(longest).collect();
        let expected = [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000];
        assert_eq!(delays, expected.map(Some));
    }

    #[test]
    fn jitter_reaches_from_nothing_to_the_bound() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.delay(3, 0, 0.0, None), Some(0));
        assert_eq!(policy.delay(3, 0, 0.5, None), Some(2_000));
        assert_eq!(policy.delay(3, 0, ALMOST_ONE, None), Some(3_999));
    }

    #[test]
    fn the_sixth_attempt_is_the_last() {
        let policy = RetryPolicy::default();
        assert!(policy.delay(5, 0, 0.5, None).is_some());
        assert_eq!(policy.delay(6, 0, 0.5, None), None);
        assert_eq!(RetryPolicy { attempts: 0, ..policy }.delay(1, 0, 0.5, None), None);
    }

    #[test]
    fn nothing_is_tried_after_five_minutes() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.delay(1, 299_000, 0.5, None), Some(500));
        assert_eq!(policy.delay(1, 299_500, 0.5, None), None);
        assert_eq!(policy.delay(1, u64::MAX, 0.5, None), None);
    }

    #[test]
    fn retry_after_is_obeyed_even_beyond_the_longest_delay() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.delay(1, 0, 0.0, Some(60_000)), Some(60_000));
        assert_eq!(policy.delay(1, 0, 1.0, Some(10)), Some(1_000));
    }

    #[test]
    fn a_retry_after_beyond_the_total_time_gives_up_at_once() {
        assert_eq!(RetryPolicy::default().delay(1, 0, 0.5, Some(301_000)), None);
    }

    #[test]
    fn limits_that_are_switched_off_never_end_it() {
        let endless =
            RetryPolicy { attempts: u32::MAX, base_ms: 1_000, max_ms: u64::MAX, total_ms: u64::MAX };
        assert!(endless.delay(u32::MAX, u64::MAX, 1.0, Some(u64::MAX)).is_some());
        let patient = RetryPolicy { max_ms: 30_000, ..endless };
        for attempt in [63, 64, 65, 66, 200] {
            assert_eq!(patient.delay(attempt, 0, 0.5, None), Some(15_000), "attempt {attempt}");
        }
    }

    #[test]
    fn a_broken_source_of_randomness_still_gives_a_delay_within_bounds() {
        for random in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -3.0, 7.0] {
            assert!(RetryPolicy::default().delay(1, 0, random, None).is_some_and(|ms| ms <= 1_000));
        }
    }
}
