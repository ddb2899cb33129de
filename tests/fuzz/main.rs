//! Anything as JSON, through the core's public interface. A failure prints the seeds that spoiled an example and the
//! scenario that came of it, and is tried first the next time (`regressions.txt`). `npm run fuzz` goes on for longer,
//! led by coverage.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod found;
mod harness;
mod mutate;
#[path = "../support/mod.rs"]
mod support;

use harness::{TARGETS, Target, run, spoil};
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, TestRunner};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// The examples that the fuzzer of `fuzz/` begins with too.
fn examples(target: Target) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target.name);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()).collect()
}

fn fuzz(name: &str, cases: u32) {
    let target = TARGETS.into_iter().find(|target| target.name == name).unwrap();
    let examples = examples(target);
    examples.iter().for_each(|example| run(target, example));
    let cases = std::env::var("FUZZ_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(cases);
    let config = ProptestConfig {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("tests/fuzz/regressions.txt"))),
        ..ProptestConfig::default()
    };
    let strategy = (0..examples.len(), prop::collection::vec(any::<u64>(), 1..7));
    let result = TestRunner::new(config).run(&strategy, |(example, seeds)| {
        let mut scenario = examples[example].clone();
        seeds.iter().for_each(|seed| spoil(target, &mut scenario, *seed));
        let outcome = std::panic::catch_unwind(|| run(target, &scenario));
        outcome.map_err(|panic| {
            let said = panic.downcast_ref::<String>().map(String::as_str);
            let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked");
            TestCaseError::fail(format!("{said}\n{scenario}"))
        })
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

#[test]
fn whatever_the_model_streams_the_work_gets_done() {
    fuzz("stream", 1_500);
}

#[test]
fn whatever_tools_and_callbacks_answer_the_work_gets_done() {
    fuzz("answers", 1_500);
}

#[test]
fn whatever_is_stored_is_read_or_refused_and_never_lost() {
    fuzz("documents", 1_500);
}

#[test]
fn whatever_the_store_replies_ends_in_a_code_or_an_outcome() {
    fuzz("replies", 1_500);
}

#[test]
fn whatever_is_configured_is_refused_or_obeyed() {
    fuzz("config", 1_500);
}
