//! The options of a run, resolved, and the limits that end it in `paused`.

use crate::facts::allowance::Allowance;
use crate::facts::task::TaskConfig;
use crate::json::{Decode, Reader, reads, words};
use crate::retry::RetryPolicy;
use crate::storage::head::{LARGEST_NUMBER, LONGEST_MS};
use serde_json::Value;

/// When an item counts as done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Completion {
    /// A turn without tool use.
    #[default]
    EndTurn,
    /// A call of `complete_task_item`.
    Explicit,
}

words!(read Completion { EndTurn "end_turn", Explicit "explicit" });

/// What a run does while only people can go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhileWaiting {
    /// It keeps the lease.
    #[default]
    Hold,
    /// It yields.
    Yield,
}

words!(read WhileWaiting { Hold "hold", Yield "yield" });

/// `RunOptions.retry` as given.
#[derive(Clone, Debug, Default)]
pub struct RetryOptions {
    attempts: Option<f64>,
    base_ms: Option<f64>,
    max_ms: Option<f64>,
    total_ms: Option<f64>,
}

reads!(RetryOptions {
    attempts: always "attempts",
    base_ms: always "baseMs",
    max_ms: always "maxMs",
    total_ms: always "totalMs",
});

/// `RunOptions.limits` as given.
#[derive(Clone, Debug, Default)]
pub struct LimitOptions {
    iterations: Option<f64>,
    minutes: Option<f64>,
    tokens: Option<f64>,
    mistakes: Option<f64>,
    identical_tool_calls: Option<f64>,
    parallel_tools: Option<f64>,
}

reads!(LimitOptions {
    iterations: always "iterations",
    minutes: always "minutes",
    tokens: always "tokens",
    mistakes: always "mistakes",
    identical_tool_calls: always "identicalToolCalls",
    parallel_tools: always "parallelTools",
});

/// `RunOptions.idleTimeoutMs` as given.
#[derive(Clone, Copy, Debug)]
enum IdleOptions {
    Both(f64),
    Apart { first: Option<f64>, between: Option<f64> },
}

impl Decode for IdleOptions {
    fn decode(value: Option<Value>, reader: &mut Reader) -> Self {
        if let Some(both) = value.as_ref().and_then(Value::as_f64) {
            return IdleOptions::Both(both);
        }
        let mut fields = reader.object(value);
        IdleOptions::Apart { first: fields.always("first"), between: fields.always("between") }
    }
}

/// `RunOptions` as given, the layers above the task's own already merged. Milliseconds; infinity is a huge number.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    max_duration_ms: Option<f64>,
    while_waiting: Option<WhileWaiting>,
    wait_for_lease_ms: Option<f64>,
    lease_ttl_ms: Option<f64>,
    grace_ms: Option<f64>,
    store_timeout_ms: Option<f64>,
    callback_timeout_ms: Option<f64>,
    idle_timeout_ms: Option<IdleOptions>,
    live_ms: Option<f64>,
    completion: Option<Completion>,
    retry: RetryOptions,
    limits: LimitOptions,
}

reads!(RunOptions {
    max_duration_ms: always "maxDurationMs",
    while_waiting: always "whileWaiting",
    wait_for_lease_ms: always "waitForLeaseMs",
    lease_ttl_ms: always "leaseTtlMs",
    grace_ms: always "graceMs",
    store_timeout_ms: always "storeTimeoutMs",
    callback_timeout_ms: always "callbackTimeoutMs",
    idle_timeout_ms: always "idleTimeoutMs",
    live_ms: always "liveMs",
    completion: always "completion",
    retry: or_default "retry",
    limits: or_default "limits",
});

impl RunOptions {
    /// For a store call with its retries, before the task's own config is known.
    pub fn store_timeout_ms(&self) -> u64 {
        ms(self.store_timeout_ms, STORE_TIMEOUT_MS).clamp(1, LONGEST_MS)
    }
}

const STORE_TIMEOUT_MS: u64 = 15_000;
/// Nobody reads faster, and whoever asks for none at all does not mean as often as can be.
const SHORTEST_LIVE_MS: u64 = 100;
/// Durations from here on are the caller's Infinity.
const NEVER: f64 = LARGEST_NUMBER as f64;

/// The limits of DESIGN §3, resolved. `u64::MAX` and `u32::MAX` are no limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Turns.
    pub iterations: u64,
    /// Milliseconds of active time.
    pub active_ms: u64,
    /// All tokens, those of the cache too.
    pub tokens: u64,
    /// Turns in a row whose calls failed, and nudges.
    pub mistakes: u32,
    /// The same calls with the same answers, in a row.
    pub identical: u32,
    /// Calls of a turn at the same time.
    pub parallel_tools: u32,
}

/// The model is told of identical calls so many before the limit.
pub const NUDGE_BEFORE: u32 = 2;

impl Limits {
    /// The reason to pause before the next model call, if there is one. `since_ms` is active time that no entry
    /// counts yet.
    pub fn exceeded(&self, used: &Allowance, since_ms: u64) -> Option<&'static str> {
        if used.iterations >= self.iterations {
            Some("iterations")
        } else if used.active_ms.saturating_add(since_ms) >= self.active_ms {
            Some("minutes")
        } else if used.tokens >= self.tokens {
            Some("tokens")
        } else if used.mistakes >= self.mistakes {
            Some("mistakes")
        } else {
            None
        }
    }
}

/// Everything that a run may be told, with the defaults filled in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// From the beginning of the run, the reserve for grace and storing already taken off.
    pub yield_after_ms: Option<u64>,
    /// While only people can go on.
    pub while_waiting: WhileWaiting,
    /// How long to wait for a live holder; None: until it renews.
    pub wait_for_lease_ms: Option<u64>,
    /// Of the lease.
    pub lease_ttl_ms: u64,
    /// For running tools on pause and yield.
    pub grace_ms: u64,
    /// For a store call with its retries.
    pub store_timeout_ms: u64,
    /// For the host's callbacks.
    pub callback_timeout_ms: u64,
    /// From the request to the first event of the model's stream.
    pub first_event_ms: u64,
    /// Between two events of the model's stream: providers are silent for minutes while a large tool input is written.
    pub between_events_ms: u64,
    /// How often the text of a turn under way is stored; None: not at all.
    pub live_ms: Option<u64>,
    /// When an item counts as done.
    pub completion: Completion,
    /// Of a model turn.
    pub retry: RetryPolicy,
    /// See there.
    pub limits: Limits,
}

/// Milliseconds. A time without end is the longest that there is.
fn ms(given: Option<f64>, default: u64) -> u64 {
    given.map_or(default, |n| n as u64)
}

fn count(given: Option<f64>, default: u32) -> u32 {
    given.map_or(default, |n| n as u32)
}

impl Settings {
    /// Fills in what `given` leaves open from the task's config, then from the defaults of DESIGN §1.
    pub fn resolve(given: &RunOptions, config: &TaskConfig) -> Settings {
        let minutes = given.limits.minutes.or(config.timeout_minutes).unwrap_or(120.0);
        let iterations = given.limits.iterations.map(|n| n as u64).or(config.max_iterations).unwrap_or(500);
        let (first, between) = match given.idle_timeout_ms {
            None => (None, None),
            Some(IdleOptions::Both(ms)) => (Some(ms), Some(ms)),
            Some(IdleOptions::Apart { first, between }) => (first, between),
        };
        let mut settings = Settings {
            yield_after_ms: None,
            while_waiting: given.while_waiting.unwrap_or_default(),
            wait_for_lease_ms: given.wait_for_lease_ms.map(|n| n as u64),
            lease_ttl_ms: ms(given.lease_ttl_ms, 30_000).clamp(30, LONGEST_MS),
            grace_ms: ms(given.grace_ms, 10_000).min(LONGEST_MS),
            store_timeout_ms: given.store_timeout_ms(),
            callback_timeout_ms: ms(given.callback_timeout_ms, 30_000),
            first_event_ms: ms(first, 120_000).max(1),
            between_events_ms: ms(between, 360_000).max(1),
            live_ms: given.live_ms.filter(|ms| *ms < NEVER).map(|ms| (ms as u64).max(SHORTEST_LIVE_MS)),
            completion: given.completion.unwrap_or_default(),
            retry: RetryPolicy {
                attempts: count(given.retry.attempts, 6),
                base_ms: ms(given.retry.base_ms, 1_000),
                max_ms: ms(given.retry.max_ms, 30_000),
                total_ms: ms(given.retry.total_ms, 300_000),
            },
            limits: Limits {
                iterations,
                active_ms: (minutes * 60_000.0) as u64,
                tokens: given.limits.tokens.map_or(u64::MAX, |n| n as u64),
                mistakes: count(given.limits.mistakes, 5),
                identical: count(given.limits.identical_tool_calls, 5),
                parallel_tools: count(given.limits.parallel_tools, 16).max(1),
            },
        };
        if let Some(max) = given.max_duration_ms.map(|n| n as u64) {
            // Grace and storing fit inside the platform's limit: at most a third of it, shared as they are.
            let wanted = settings.grace_ms.saturating_add(settings.store_timeout_ms);
            let reserve = wanted.min(max / 3);
            let share = reserve as f64 / wanted as f64;
            settings.grace_ms = (settings.grace_ms as f64 * share) as u64;
            settings.store_timeout_ms = (reserve - settings.grace_ms).max(1);
            settings.yield_after_ms = Some(max - reserve);
        }
        settings
    }

    /// How often the lease is renewed, the task and the inbox are looked at.
    pub fn heartbeat_ms(&self) -> u64 {
        self.lease_ttl_ms / 3
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn resolve(given: serde_json::Value, config: &TaskConfig) -> Settings {
        Settings::resolve(&serde_json::from_value(given).unwrap(), config)
    }

    fn config() -> TaskConfig {
        TaskConfig {
            system_prompt: None,
            auto_approve: true,
            max_iterations: Some(100),
            model: None,
            timeout_minutes: Some(0.5),
        }
    }

    #[test]
    fn options_win_over_the_tasks_config_which_wins_over_the_defaults() {
        let s = resolve(json!({ "limits": { "iterations": 7 } }), &config());
        assert_eq!((s.limits.iterations, s.limits.active_ms, s.limits.mistakes), (7, 30_000, 5));
        let s = resolve(json!({}), &config());
        assert_eq!(s.limits.iterations, 100);
    }

    #[test]
    fn without_options_the_defaults_are_those_of_the_documentation() {
        let config = TaskConfig { max_iterations: None, timeout_minutes: None, ..config() };
        let Limits { iterations, active_ms, mistakes, .. } = resolve(json!({}), &config).limits;
        assert_eq!((iterations, active_ms, mistakes), (500, 120 * 60_000, 5));
        assert_eq!(resolve(json!({}), &config).retry, RetryPolicy::default());
        assert_eq!((RetryPolicy::default().attempts, RetryPolicy::default().total_ms), (6, 300_000));
    }

    #[test]
    fn grace_and_storing_fit_inside_the_platforms_limit() {
        let s = resolve(
            json!({ "maxDurationMs": 60_000, "graceMs": 20_000, "storeTimeoutMs": 20_000 }),
            &config(),
        );
        assert_eq!((s.grace_ms, s.store_timeout_ms, s.yield_after_ms), (10_000, 10_000, Some(40_000)));
        let s = resolve(json!({ "maxDurationMs": 300_000 }), &config());
        assert_eq!((s.grace_ms, s.store_timeout_ms, s.yield_after_ms), (10_000, 15_000, Some(275_000)));
    }

    #[test]
    fn silence_before_the_first_event_and_between_events_is_told_apart_or_alike() {
        for (given, first, between) in [
            (json!({}), 120_000, 360_000),
            (json!({ "idleTimeoutMs": 5_000 }), 5_000, 5_000),
            (json!({ "idleTimeoutMs": { "first": 7_000 } }), 7_000, 360_000),
            (json!({ "idleTimeoutMs": { "first": 0, "between": 9_000 } }), 1, 9_000),
        ] {
            let s = resolve(given, &config());
            assert_eq!((s.first_event_ms, s.between_events_ms), (first, between));
        }
    }

    #[test]
    fn text_that_is_to_be_stored_never_is_not_stored_and_as_often_as_can_be_is_ten_times_a_second() {
        for (given, live_ms) in [
            (json!({}), None),
            (json!({ "liveMs": 1e300 }), None),
            (json!({ "liveMs": LARGEST_NUMBER }), None),
            (json!({ "liveMs": 1_000 }), Some(1_000)),
            (json!({ "liveMs": 0 }), Some(100)),
        ] {
            assert_eq!(resolve(given.clone(), &config()).live_ms, live_ms, "{given}");
        }
    }

    #[test]
    fn a_run_that_may_have_no_tools_side_by_side_has_one_after_the_other() {
        for (given, parallel) in [(0, 1), (1, 1), (3, 3)] {
            let s = resolve(json!({ "limits": { "parallelTools": given } }), &config());
            assert_eq!(s.limits.parallel_tools, parallel);
        }
        assert_eq!(resolve(json!({}), &config()).limits.parallel_tools, 16);
    }

    #[test]
    fn a_time_without_end_switches_its_limit_off() {
        let s = resolve(json!({ "callbackTimeoutMs": 1e300, "retry": { "totalMs": 1e300 } }), &config());
        assert_eq!((s.callback_timeout_ms, s.retry.total_ms), (u64::MAX, u64::MAX));
        let s = resolve(json!({ "leaseTtlMs": 1e300, "graceMs": 1e300, "storeTimeoutMs": 1e300 }), &config());
        assert_eq!(
            [s.lease_ttl_ms, s.grace_ms, s.store_timeout_ms],
            [LONGEST_MS; 3],
            "others wait for these"
        );
    }

    #[test]
    fn a_limit_switched_off_is_never_exceeded() {
        let off = json!({ "limits": { "iterations": 9_007_199_254_740_991u64, "minutes": 9_007_199_254_740_991u64 } });
        let s = resolve(off, &config());
        let mut used = Allowance::default();
        (used.iterations, used.active_ms) = (1 << 40, 1 << 45);
        assert_eq!(s.limits.exceeded(&used, 0), None);
    }
}
