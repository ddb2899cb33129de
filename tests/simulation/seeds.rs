//! Which seeds are run, on how many threads, and what is printed of them.

use super::campaign::{self, KINDS, Report, Without};
use super::coverage::Coverage;
use super::ledger::Violation;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The set that covers: every cell of the table is met by it.
const FIXED: u64 = 10_500;
const FRESH: u64 = 2_500;
/// Seeds that once failed, and were none of the fixed ones.
const FAILED_ONCE: [u64; 13] = [
    425_204,
    426_021,
    777_012_607,
    2_137_403_662,
    5_000_066_997,
    5_000_089_790,
    8_000_030_921,
    8_100_015_090,
    8_100_023_216,
    8_401_031_258,
    8_801_041_511,
    1_795_920_990_156_104_624,
    1_796_030_309_534_661_378,
];
/// Promises that are broken today, each with the reason. They must go on failing until they are mended, and then be
/// taken off.
pub const KNOWN: [(&str, &str); 0] = [];
/// Failures that are made small and told: one of each promise, and no more than so many.
const MOST_TOLD: usize = 3;
/// A run that takes in less than this, in the median, shows little.
const LEAST_INPUTS: u64 = 200;

/// How long fresh seeds are run.
#[derive(Clone, Copy, Default)]
pub struct Length {
    pub from: Option<u64>,
    pub seeds: Option<u64>,
    pub hours: Option<f64>,
}

#[derive(Default)]
struct Figures {
    runs: u64,
    /// By seed.
    inputs: Vec<u64>,
    coverage: Coverage,
    broken: BTreeMap<u64, Violation>,
    kinds: BTreeSet<String>,
    known: BTreeSet<&'static str>,
}

pub fn is_known(violation: &Violation) -> bool {
    KNOWN.iter().any(|(promise, _)| *promise == violation.promise)
}

/// So many seeds, up to the first that breaks a promise; nothing is made small, printed or compared with the table.
pub fn briefly(from: u64, count: u64) {
    for seed in from..from + count {
        let broken = campaign::run(seed, &Without::default(), false).broken;
        assert!(broken.is_none(), "seed {seed}: {broken:?}");
    }
}

/// Runs the seeds that `nth` names, on every core, until it names none any more.
fn run_all(nth: impl Fn(u64) -> Option<u64> + Sync) -> Figures {
    let (next, began) = (AtomicU64::new(0), Instant::now());
    let figures = Mutex::new(Figures::default());
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(seed) = nth(next.fetch_add(1, Ordering::Relaxed)) {
                    let report = campaign::run(seed, &Without::default(), false);
                    let mut figures = figures.lock().unwrap();
                    figures.add(seed, report);
                    if figures.runs % 10_000 == 0 {
                        let (runs, broken) = (figures.runs, figures.broken.len());
                        println!("{runs} seeds, {broken} failures, {:.0} s", began.elapsed().as_secs_f64());
                    }
                }
            });
        }
    });
    let mut figures = figures.into_inner().unwrap();
    figures.inputs.sort_unstable();
    figures
}

impl Figures {
    fn add(&mut self, seed: u64, report: Report) {
        if let Some(broken) = &report.broken {
            println!("seed {seed} breaks {}: {}", broken.promise, broken.what);
        }
        self.runs += 1;
        self.inputs.push(report.inputs);
        self.coverage.add(&report.coverage);
        self.kinds.extend(report.kinds);
        self.known.extend(report.known);
        self.broken.extend(report.broken.map(|broken| (seed, broken)));
    }

    fn median(&self) -> u64 {
        self.inputs.get(self.inputs.len() / 2).copied().unwrap_or_default()
    }
}

/// The fixed seeds, then fresh ones.
pub fn campaign(length: Length) {
    let began = Instant::now();
    // A panic of the core is told with its seed, once it is made small.
    std::panic::set_hook(Box::new(|_| {}));
    let fixed: Vec<u64> = FAILED_ONCE.into_iter().chain(0..FIXED).collect();
    let of_fixed = run_all(|n| fixed.get(n as usize).copied());
    let from = length.from.unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        now.as_nanos() as u64
    });
    let until = length.hours.map(|hours| Instant::now() + Duration::from_secs_f64(hours * 3_600.0));
    let count = length.seeds.unwrap_or(if until.is_some() { u64::MAX } else { FRESH });
    let of_fresh = run_all(|n| {
        let goes_on = n < count && until.is_none_or(|until| Instant::now() < until);
        goes_on.then(|| from.wrapping_add(n))
    });
    let _default_again = std::panic::take_hook();

    println!("{}", of_fixed.coverage.table());
    println!(
        "{} fixed seeds, {} fresh ones from {from}; inputs a run: median {}, most {}; {} kinds of facts; {:.1} s",
        of_fixed.runs,
        of_fresh.runs,
        of_fixed.median(),
        of_fixed.inputs.last().unwrap_or(&0),
        of_fixed.kinds.len(),
        began.elapsed().as_secs_f64(),
    );
    let broken: BTreeMap<u64, &Violation> =
        of_fixed.broken.iter().chain(&of_fresh.broken).map(|(seed, violation)| (*seed, violation)).collect();
    let mut told = BTreeSet::new();
    for (seed, violation) in &broken {
        if told.len() < MOST_TOLD && told.insert(violation.promise) {
            tell(*seed, &campaign::shrink(*seed, violation.promise));
        }
    }
    assert!(broken.is_empty(), "{} of {} seeds break a promise", broken.len(), of_fixed.runs + of_fresh.runs);
    for (promise, why) in KNOWN {
        assert!(of_fixed.known.contains(promise), "{promise} is mended ({why}): take it off the list");
    }
    assert!(of_fixed.median() >= LEAST_INPUTS, "the runs are too short to show much");
    let missing = of_fixed.coverage.missing();
    assert!(missing.is_empty(), "not met often enough: {missing:#?}");
}

/// A run as a conversation, what it came from, and how to have it again.
fn tell(seed: u64, without: &Without) {
    let report = campaign::run(seed, without, true);
    println!("{}", report.trace);
    println!("{:#?}", campaign::plan(seed, without).shape);
    for (n, act) in campaign::told(seed, without) {
        println!("{n:>3} after {:?}, at work {:?}: {:?}", act.after, act.at_work, act.what);
    }
    match report.broken {
        Some(broken) => println!("{}: {}", broken.promise, broken.what),
        None => println!("every promise is kept"),
    }
    let acts = without.acts.iter().map(ToString::to_string);
    let left_out: Vec<String> = acts.chain(without.faults.iter().map(ToString::to_string)).collect();
    println!("\nnpm run simulate -- --seed {seed} --without {}\n", left_out.join(","));
}

/// One seed, without what `SIM_WITHOUT` names.
pub fn replay(seed: u64) {
    let mut without = Without::default();
    let given = std::env::var("SIM_WITHOUT").unwrap_or_default();
    for part in given.split(',').filter(|part| !part.is_empty()) {
        match (part.parse(), KINDS.iter().find(|kind| **kind == part)) {
            (Ok(act), _) => drop(without.acts.insert(act)),
            (_, Some(kind)) => drop(without.faults.insert(kind)),
            _ => panic!("{part} is no act and no kind of fault"),
        }
    }
    tell(seed, &without);
    let broken = campaign::run(seed, &without, false).broken;
    assert!(broken.is_none(), "{broken:?}");
}
