//! Which seeds are run, on how many threads, and what is printed of them.

use super::campaign::{self, KINDS, Report, Without};
use super::coverage::Coverage;
use super::ledger::Violation;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// The set that covers: every cell of the table is met by it.
const FIXED: u64 = 3_000;
const FRESH: u64 = 7_000;
/// Seeds that once failed.
const FAILED_ONCE: [u64; 0] = [];
/// Promises that are broken today, each with the reason. They must go on failing until they are mended, and then be
/// taken off.
pub const KNOWN: [(&str, &str); 2] = [
    (
        "P11",
        "a process that stood still finds its deadlines over before it takes in what has arrived, and its lease lost \
         before it has tried to renew it",
    ),
    (
        "P8, beside a register taken back",
        "a pause or a yield given where the task runs is forgotten when others take the register's pause back",
    ),
];

#[derive(Default)]
struct Figures {
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

fn run_all(seeds: &[u64]) -> Figures {
    let next = AtomicU64::new(0);
    let figures = Mutex::new(Figures::default());
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed) as usize;
                    let Some(seed) = seeds.get(at) else { return };
                    let Report { inputs, coverage, broken, kinds, known, .. } =
                        campaign::run(*seed, &Without::default(), false);
                    let mut figures = figures.lock().unwrap();
                    figures.inputs.push(inputs);
                    figures.coverage.add(&coverage);
                    figures.kinds.extend(kinds);
                    figures.known.extend(known);
                    if let Some(broken) = broken {
                        figures.broken.insert(*seed, broken);
                    }
                }
            });
        }
    });
    let mut figures = figures.into_inner().unwrap();
    figures.inputs.sort_unstable();
    figures
}

pub fn campaign(from: Option<u64>, count: Option<u64>) {
    // A panic of the core is told with its seed, once it is made small.
    std::panic::set_hook(Box::new(|_| {}));
    let began = Instant::now();
    let fixed: Vec<u64> = FAILED_ONCE.into_iter().chain(0..FIXED).collect();
    let of_fixed = run_all(&fixed);
    let from = from.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        (now.as_nanos() as u64) << 16 >> 12
    });
    let fresh: Vec<u64> = (0..count.unwrap_or(FRESH)).map(|n| from.wrapping_add(n)).collect();
    let of_fresh = run_all(&fresh);
    let _default_again = std::panic::take_hook();

    let median = |inputs: &[u64]| inputs.get(inputs.len() / 2).copied().unwrap_or_default();
    println!("{}", of_fixed.coverage.table());
    println!(
        "{} fixed seeds, {} fresh ones from {from}; inputs a run: median {}, most {}; {} kinds of facts; {:.1} s",
        fixed.len(),
        fresh.len(),
        median(&of_fixed.inputs),
        of_fixed.inputs.last().unwrap_or(&0),
        of_fixed.kinds.len(),
        began.elapsed().as_secs_f64(),
    );
    let mut by_promise: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for (seed, violation) in of_fixed.broken.iter().chain(&of_fresh.broken) {
        by_promise.entry(violation.promise).or_default().push(*seed);
    }
    for (promise, seeds) in &by_promise {
        println!("{promise}: broken by {} seeds", seeds.len());
    }
    let new: Vec<(&u64, &Violation)> = of_fixed.broken.iter().chain(&of_fresh.broken).collect();
    let mut shown = BTreeSet::new();
    for (seed, violation) in &new {
        if shown.insert(violation.promise) && shown.len() <= 3 {
            tell(**seed, violation);
        }
    }
    assert!(new.is_empty(), "{} of {} seeds break a promise", new.len(), fixed.len() + fresh.len());
    for (promise, why) in KNOWN {
        assert!(of_fixed.known.contains(promise), "{promise} is mended ({why}): take it off the list");
    }
    assert!(median(&of_fixed.inputs) >= 200, "the runs are too short to show much");
    let missing = of_fixed.coverage.missing();
    assert!(missing.is_empty(), "not met often enough: {missing:#?}");
}

/// A failure, made small.
fn tell(seed: u64, violation: &Violation) {
    println!("\nseed {seed} breaks {}: {}", violation.promise, violation.what);
    let without = campaign::shrink(seed, violation.promise);
    print_run(seed, &without);
}

fn print_run(seed: u64, without: &Without) {
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
    let acts: Vec<String> = without.acts.iter().map(ToString::to_string).collect();
    let faults: Vec<&str> = without.faults.iter().copied().collect();
    let left_out = [acts.join(","), faults.join(",")]
        .into_iter()
        .filter(|s| !s.is_empty())
        .collect::<Vec<_>>()
        .join(",");
    println!(
        "\nSIM_SEED={seed} SIM_WITHOUT={left_out} cargo test --profile simulation --test simulation whatever -- --nocapture"
    );
}

pub fn replay(seed: u64) {
    let mut without = Without::default();
    let given = std::env::var("SIM_WITHOUT").unwrap_or_default();
    for part in given.split(',').filter(|part| !part.is_empty()) {
        match (part.parse(), KINDS.iter().find(|kind| **kind == part)) {
            (Ok(act), _) => drop(without.acts.insert(act)),
            (_, Some(kind)) => drop(without.faults.insert(kind)),
            _ => panic!("SIM_WITHOUT: {part} is no act and no kind of fault"),
        }
    }
    print_run(seed, &without);
    let broken = campaign::run(seed, &without, false).broken;
    assert!(broken.is_none(), "{broken:?}");
}
