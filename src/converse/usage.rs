//! Tokens spent.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::ops::AddAssign;

/// Tokens of one or many model calls, as the model's `metadata` events report them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Usage {
    /// Tokens read, without those that came from or went to the cache.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// What the model counts in all; input plus output where it does not say.
    pub total_tokens: u64,
    /// Input tokens that came from the prompt cache.
    pub cache_read_input_tokens: u64,
    /// Input tokens that were written to the prompt cache.
    pub cache_write_input_tokens: u64,
    /// Attempts that ended without saying what they cost.
    pub unreported: u64,
}

impl Usage {
    /// One attempt of unknown cost.
    pub fn unreported() -> Self {
        Usage { unreported: 1, ..Usage::default() }
    }

    /// Reads the content of a `metadata` event. `None` where it has no usage; numbers that are missing or that
    /// cannot be counts are 0.
    pub fn from_metadata(metadata: &Value) -> Option<Self> {
        let usage = metadata.get("usage").filter(|usage| usage.is_object())?;
        let count = |name: &str| usage.get(name).map_or(0, count);
        let (input_tokens, output_tokens) = (count("inputTokens"), count("outputTokens"));
        let reported = count("totalTokens");
        Some(Usage {
            input_tokens,
            output_tokens,
            total_tokens: if reported == 0 { input_tokens + output_tokens } else { reported },
            cache_read_input_tokens: count("cacheReadInputTokens"),
            cache_write_input_tokens: count("cacheWriteInputTokens"),
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

fn count(value: &Value) -> u64 {
    value.as_f64().filter(|n| (0.0..=LARGEST_COUNT).contains(n)).map_or(0, |n| n as u64)
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
    fn numbers_that_cannot_be_counts_are_zero() {
        let usage = Usage::from_metadata(&json!({ "usage": {
            "inputTokens": -1, "outputTokens": "many", "totalTokens": 1e300,
            "cacheReadInputTokens": null, "cacheWriteInputTokens": {}
        }}));
        assert_eq!(usage, Some(Usage::default()));
    }

    #[test]
    fn a_missing_total_is_the_sum() {
        let usage = Usage::from_metadata(&json!({ "usage": { "inputTokens": 2, "outputTokens": 3 } }));
        assert_eq!(usage.map(|usage| usage.total_tokens), Some(5));
    }

    #[test]
    fn metadata_without_usage_reports_nothing() {
        for metadata in [json!({}), json!(null), json!([]), json!({ "usage": 7 })] {
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
