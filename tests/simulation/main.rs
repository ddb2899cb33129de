//! Several processes work on one task, people command it, and everything goes wrong that can. One number decides all
//! of it, so that a failure is replayed by its number. `npm run simulate` sets what this reads:
//!
//! - `SIM_SEED` runs one seed and tells it as a conversation, without what `SIM_WITHOUT` names;
//! - `SIM_SEEDS`, `SIM_HOURS`: how many fresh seeds, or how long; `SIM_FROM`: where they begin;
//! - `SIM_BRIEFLY` runs so many and nothing beside, up to the first that breaks a promise.
//!
//! The machines are spoken to by their inputs, effects and timeouts only.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod campaign;
mod coverage;
mod dice;
mod ledger;
mod model;
mod people;
mod plan;
mod process;
mod request;
mod rules;
mod seeds;
#[path = "../support/mod.rs"]
mod support;
mod tools;
mod trace;
mod wire;
mod world;

use campaign::Without;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[test]
fn whatever_happens_every_promise_is_kept() {
    if let Some(seed) = number("SIM_SEED") {
        seeds::replay(seed);
        return;
    }
    if let Some(count) = number("SIM_BRIEFLY") {
        seeds::briefly(number("SIM_FROM").unwrap_or_default(), count);
        return;
    }
    let hours = std::env::var("SIM_HOURS").ok().and_then(|text| text.parse().ok());
    seeds::campaign(seeds::Length { from: number("SIM_FROM"), seeds: number("SIM_SEEDS"), hours });
}

#[test]
fn a_seed_decides_everything() {
    let told = |seed| campaign::run(seed, &Without::default(), true).trace;
    for seed in 0..20 {
        assert_eq!(told(seed), told(seed));
    }
}
