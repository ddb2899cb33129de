//! What the targets share: scenarios are JSON, spoiled by their structure, and run as `tests/fuzz/` runs them.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[path = "../../tests/fuzz/harness.rs"]
mod harness;
#[path = "../../tests/fuzz/mutate.rs"]
mod mutate;
#[path = "../../tests/support/mod.rs"]
mod support;

use harness::{TARGETS, Target};
use libfuzzer_sys::fuzzer_mutate;
use serde_json::Value;

fn target(name: &str) -> Target {
    TARGETS.into_iter().find(|target| target.name == name).expect("a target of the harness")
}

/// Runs the scenario, if it is one.
pub fn run(name: &str, data: &[u8]) {
    if let Ok(scenario) = serde_json::from_slice(data) {
        harness::run(target(name), &scenario);
    }
}

/// Spoils the scenario in place; bytes that are none are left to the fuzzer.
pub fn spoil(name: &str, data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let Ok(mut scenario) = serde_json::from_slice::<Value>(&data[..size]) else {
        return fuzzer_mutate(data, size, max_size);
    };
    let mut seed = u64::from(seed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    for _ in 0..=seed % 3 {
        harness::spoil(target(name), &mut scenario, seed);
        seed = seed.rotate_left(17).wrapping_add(1);
    }
    let text = scenario.to_string();
    if text.len() > max_size {
        return size;
    }
    data[..text.len()].copy_from_slice(text.as_bytes());
    text.len()
}

/// A target of this name.
#[macro_export]
macro_rules! target {
    ($name:literal) => {
        libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
            $crate::spoil($name, data, size, max_size, seed)
        });
        libfuzzer_sys::fuzz_target!(|data: &[u8]| $crate::run($name, data));
    };
}
