//! Tokens spent.

use crate::json::record;
use serde_json::Value;
use std::ops::AddAssign;

/// Tokens of one or many model calls, as the model's `metadata` events report them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens read, without those that came from or went to the cache.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// What the model counts in all; the sum of the others where it does not say.
    pub total_tokens: u64,
    /// Input tokens that came from the prompt cache.
    pub cache_read_input_tokens: u64,
    /// Input tokens that were written to the prompt cache.
    pub cache_write_input_tokens: u64,
    /// Attempts that ended without saying what they cost.
    pub unreported: u64,
}

record!(Usage {
    input_tokens: or_default "inputTokens",
    output_tokens: or_default "outputTokens",
    total_tokens: or_default "totalTokens",
    cache_read_input_tokens: or_default "cacheReadInputTokens",
    cache_write_input_tokens: or_default "cacheWriteInputTokens",
    unreported: or_default "unreported",
});

impl Usage {
    /// One attempt of unknown cost.
    pub fn unreported() -> Self {
        Usage { unreported: 1, ..Usage::default() }
    }

    /// Reads the content of a `metadata` event. `None` where it has no usage, or none with a number; numbers that are
    /// missing or that cannot be counts are 0.
    pub fn from_metadata(metadata: &Value) -> Option<Self> {
        let usage = metadata.get("usage").filter(|usage| usage.is_object())?;
        let named = |name: &str| usage.get(name).and_then(count);
        let (read, written, total) = (named("inputTokens"), named("outputTokens"), named("totalTokens"));
        read.or(written).or(total)?;
        let [input_tokens, output_tokens, reported, cache_read, cache_write] =
            [read, written, total, named("cacheReadInputTokens"), named("cacheWriteInputTokens")]
                .map(Option::unwrap_or_default);
        Some(Usage {
            input_tokens,
            output_tokens,
            total_tokens: if reported == 0 {
                input_tokens + output_tokens + cache_read + cache_write
            } else {
                reported
            },
            cache_read_input_tokens: cache_read,
            cache_write_input_tokens: cache_write,
            unreported: 0,
        })
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Usage) {
        let add = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more);
        add(&mut self.input_tokens, other.input_tokens);
        add(&mut self.output_tokens, other.output_tokens);
        add(&mut self.total_tokens, other.total_tokens);
        add(&mut self.cache_read_input_tokens, other.cache_read_input_tokens);
        add(&mut self.cache_write_input_tokens, other.cache_write_input_tokens);
        add(&mut self.unreported, other.unreported);
    }
}

/// The largest integer that JavaScript holds exactly; nobody spends more tokens than that.
const LARGEST_COUNT: f64 = 9_007_199_254_740_991.0;

fn count(value: &Value) -> Option<u64> {
    value.as_f64().filter(|n| (0.0..=LARGEST_COUNT).contains(n)).map(|n| n as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_metadata_event_tells_the_usage() {
        let usage = Usage::from_metadata(&json!({
            "usage": { "inputTokens": 10, "outputTokens": 5.0, "totalTokens": 115, "cacheReadInputTokens": 100 },
            "metrics": { "latencyMs": 1 }
        }));
        let expected = Usage {
            input_tokens: 10,
            output_tokens: 5,
            total_tokens: 115,
            cache_read_input_tokens: 100,
            ..Usage::default()
        };
        assert_eq!(usage, Some(expected));
    }

    #[test]
    fn numbers_that_cannot_be_counts_are_zero_and_nothing_is_known_where_none_can_be() {
        let usage = |input_tokens: Value| {
            Usage::from_metadata(&json!({ "usage": {
                "inputTokens": input_tokens, "outputTokens": "many", "totalTokens": 1e300,
                "cacheReadInputTokens": null, "cacheWriteInputTokens": {}
            }}))
        };
        let expected = Usage { input_tokens: 7, total_tokens: 7, ..Usage::default() };
        assert_eq!(usage(json!(7)), Some(expected));
        assert_eq!(usage(json!(0)), Some(Usage::default()));
        assert_eq!(usage(json!(-1)), None);
        assert_eq!(usage(json!(null)), None);
    }

    #[test]
    fn one_number_alone_is_told() {
        let told = |usage: Value| Usage::from_metadata(&json!({ "usage": usage }));
        let known = |input_tokens, output_tokens, total_tokens| {
            Some(Usage { input_tokens, output_tokens, total_tokens, ..Usage::default() })
        };
        assert_eq!(told(json!({ "inputTokens": 3 })), known(3, 0, 3));
        assert_eq!(told(json!({ "outputTokens": 3 })), known(0, 3, 3));
        assert_eq!(told(json!({ "totalTokens": 3 })), known(0, 0, 3));
    }

    #[test]
    fn a_missing_total_is_the_sum_of_all_that_was_read_and_written() {
        let usage = Usage::from_metadata(&json!({ "usage": {
            "inputTokens": 2, "outputTokens": 3, "cacheReadInputTokens": 100, "cacheWriteInputTokens": 1000,
        }}));
        assert_eq!(usage.map(|usage| usage.total_tokens), Some(1_105));
    }

    #[test]
    fn metadata_without_usage_reports_nothing() {
        for metadata in [json!({}), json!(null), json!([]), json!({ "usage": 7 }), json!({ "usage": {} })] {
            assert_eq!(Usage::from_metadata(&metadata), None);
        }
    }

    #[test]
    fn sums_saturate() {
        let mut total = Usage { input_tokens: u64::MAX, ..Usage::unreported() };
        total += Usage { input_tokens: 1, output_tokens: 2, ..Usage::unreported() };
        assert_eq!((total.input_tokens, total.output_tokens, total.unreported), (u64::MAX, 2, 2));
    }

    #[test]
    fn it_is_stored_in_the_names_of_the_api() {
        let stored = serde_json::to_value(Usage::unreported()).unwrap();
        assert_eq!(stored["cacheWriteInputTokens"], 0);
        assert_eq!(stored["unreported"], 1);
        assert_eq!(
            serde_json::from_value::<Usage>(json!({ "inputTokens": 3 })).unwrap(),
            Usage { input_tokens: 3, ..Usage::default() }
        );
    }
}
