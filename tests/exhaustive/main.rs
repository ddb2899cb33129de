//! Every way in which a small task can go: two items, two tools at once, one that needs an approval. What befalls it is
//! not drawn but counted through. `cargo test --profile simulation --test exhaustive`; a case that fails is replayed by
//! its label: `EXHAUSTIVE_CASE='…' cargo test --profile simulation --test exhaustive replay`.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod audit;
mod case;
mod end;
mod journal;
mod known;
mod people;
mod play;
mod promise;
mod small_task;
#[path = "../support/mod.rs"]
mod support;
mod trace;
mod walk;

use case::{Act, Case, DEEDS, Deed, FAULTS, FREEZES, POLICIES, Policy, TOOLS, Tool};
use walk::{at_once, each, pairs, replays, walk};

const CRASHES: [Act; 2] = [Act::CrashBefore, Act::CrashAfter];

/// What decides how the task goes on.
const DECIDING: [Deed; 8] = [
    Deed::PauseHere,
    Deed::StopHere,
    Deed::YieldHere,
    Deed::Pause,
    Deed::Stop,
    Deed::Start,
    Deed::Send,
    Deed::Delete,
];

fn does(deeds: &[Deed]) -> Vec<Act> {
    deeds.iter().copied().map(Act::Does).collect()
}

/// What may change something.
fn commands() -> Vec<Act> {
    let reads = [Deed::State, Deed::Load, Deed::Events, Deed::Journal, Deed::ApiMessages, Deed::Touch];
    let deeds: Vec<Deed> = DEEDS.into_iter().filter(|deed| !reads.contains(deed)).collect();
    does(&deeds)
}

#[test]
fn replay() {
    replays();
}

#[test]
fn a_crash_at_any_effect_loses_nothing_that_was_stored() {
    let all: Vec<Case> = POLICIES.iter().flat_map(|p| TOOLS.map(|t| Case::new(*p, t))).collect();
    walk("one crash", each(&all, &CRASHES));
}

#[test]
fn a_command_at_any_effect_settles_and_lasts() {
    let mut all: Vec<Case> = TOOLS.map(|t| Case::new(Policy::Report, t)).to_vec();
    all.push(Case { watch: true, ..Case::new(Policy::Ask, Tool::Slow) });
    walk("one command", each(&all, &does(&DEEDS)));
}

#[test]
fn a_crash_and_a_command_at_any_two_effects() {
    let base = [Case::new(Policy::Report, Tool::Quick)];
    let crash = [Act::CrashAfter];
    let mut jobs = pairs(&base, &crash, &commands());
    jobs.extend(pairs(&base, &commands(), &crash));
    walk("a crash and a command", jobs);
}

#[test]
fn two_commands_at_any_two_effects() {
    let base = [Case::new(Policy::Report, Tool::Quick)];
    walk("two commands", pairs(&base, &does(&DECIDING), &does(&DECIDING)));
}

#[test]
fn a_failing_store_and_a_crash_at_any_two_effects() {
    let base = [Case::new(Policy::Report, Tool::Quick)];
    let faults = FAULTS.map(Act::Fails);
    let mut jobs = pairs(&base, &faults, &[Act::CrashAfter]);
    jobs.extend(pairs(&base, &[Act::CrashAfter], &faults));
    jobs.extend(pairs(&[Case { rival: true, ..base[0].clone() }], &faults, &[]));
    walk("a store's fault and a crash", jobs);
}

#[test]
fn a_process_that_stands_still_at_any_effect_harms_nobody() {
    let freezes = FREEZES.map(Act::Freeze);
    let base = Case::new(Policy::Report, Tool::Slow);
    let bases = [
        base.clone(),
        Case { ages: false, ..base.clone() },
        Case { brisk: true, ..base.clone() },
        Case { rival: true, ..base.clone() },
        Case { rival: true, ages: false, ..base },
    ];
    walk("a freeze", each(&bases, &freezes));
    let commands = does(&[Deed::Pause, Deed::Stop, Deed::Start, Deed::RunWaiting, Deed::Send]);
    walk("a freeze and a command at it", at_once(&bases[..3], &freezes, &commands));
}
