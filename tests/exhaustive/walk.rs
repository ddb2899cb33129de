//! Plays every case of a walk on all cores, counts them, and compares what is broken with what is known to be.

use crate::case::{Act, Case};
use crate::known::KNOWN;
use crate::play::{Played, play};
use std::collections::BTreeMap;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

/// A case, and each of these acts at each of its effects from the last that it has.
pub struct Job {
    pub case: Case,
    pub acts: Vec<Act>,
    /// Also at what only tells somebody something.
    pub every: bool,
    /// Only at the effect at which it has its last.
    pub at_once: bool,
}

/// What one walk came across.
#[derive(Default)]
struct Tally {
    runs: AtomicU64,
    void: AtomicU64,
    effects: AtomicU64,
    broken: Mutex<Vec<(String, Vec<String>)>>,
}

fn played(case: &Case) -> Played {
    catch_unwind(AssertUnwindSafe(|| play(case, false))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
        let broken = vec![format!("P9 panics: {}", text.unwrap_or_default())];
        Played { positions: Vec::new(), broken, trace: Vec::new(), void: false }
    })
}

impl Tally {
    fn play(&self, case: &Case) -> Played {
        let played = played(case);
        if played.void {
            self.void.fetch_add(1, Relaxed);
        } else {
            self.runs.fetch_add(1, Relaxed);
        }
        self.effects.fetch_add(played.positions.len() as u64, Relaxed);
        if !played.broken.is_empty() {
            self.broken.lock().unwrap().push((case.to_string(), played.broken.clone()));
        }
        played
    }

    fn job(&self, job: &Job) {
        let first = self.play(&job.case);
        let from = job.case.acts.last().map_or(0, |(at, _)| *at);
        for act in &job.acts {
            for position in first.positions.iter().filter(|p| p.at >= from && (p.outward || job.every)) {
                if matches!(act, Act::Fails(_)) && !position.store {
                    continue;
                }
                let later = position.at > from;
                if if job.at_once { later } else { !later && !matches!(act, Act::Does(_)) } {
                    continue;
                }
                self.play(&job.case.with(position.at, *act));
            }
        }
    }
}

/// Each of the first acts at each effect of the bases, and each of the second ones after it.
pub fn pairs(bases: &[Case], first: &[Act], second: &[Act]) -> Vec<Job> {
    let mut jobs = Vec::new();
    for base in bases {
        let positions = played(base).positions;
        for act in first {
            for position in positions.iter().filter(|p| p.outward) {
                if position.store || !matches!(act, Act::Fails(_)) {
                    let case = base.with(position.at, *act);
                    jobs.push(Job { case, acts: second.to_vec(), every: false, at_once: false });
                }
            }
        }
    }
    jobs
}

/// Each of the first acts at each effect of the bases, and each of the second ones at the same.
pub fn at_once(bases: &[Case], first: &[Act], second: &[Act]) -> Vec<Job> {
    let mut jobs = pairs(bases, first, second);
    jobs.iter_mut().for_each(|job| job.at_once = true);
    jobs
}

/// Each of the acts at each effect, of whatever kind.
pub fn each(bases: &[Case], acts: &[Act]) -> Vec<Job> {
    let jobs = |base: &Case| {
        let base = base.clone();
        acts.iter()
            .map(move |act| Job { case: base.clone(), acts: vec![*act], every: true, at_once: false })
            .collect::<Vec<_>>()
    };
    bases.iter().flat_map(jobs).collect()
}

/// One case alone, told.
fn replay(label: &str) {
    let case: Case = label.parse().unwrap();
    let told = play(&case, true);
    let mut out = std::io::stderr().lock();
    for line in told.trace.iter().chain(&told.broken) {
        writeln!(out, "{line}").unwrap();
    }
    assert!(told.broken.is_empty(), "{label} breaks {} promises", told.broken.len());
}

/// Walks, unless one case is to be replayed; prints how far; fails with what is broken and not known to be.
pub fn walk(name: &str, jobs: Vec<Job>) {
    let began = Instant::now();
    let tally = Tally::default();
    let next = AtomicUsize::new(0);
    // For those who ask only whether anything is broken.
    let briefly = std::env::var_os("EXHAUSTIVE_BRIEFLY").is_some();
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(job) = jobs.get(next.fetch_add(1, Relaxed)) {
                    tally.job(job);
                    if briefly && !tally.broken.lock().unwrap().is_empty() {
                        return;
                    }
                }
            });
        }
    });
    let (runs, void) = (tally.runs.load(Relaxed), tally.void.load(Relaxed));
    let effects = tally.effects.load(Relaxed);
    let seconds = began.elapsed().as_secs_f64();
    let line = format!("{name:<34} {runs:>8} runs {effects:>10} effects {void:>7} void {seconds:>6.1} s\n");
    // Past the harness, which keeps what a passing test prints.
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    judge(name, tally.broken.into_inner().unwrap());
}

fn judge(walk: &str, mut broken: Vec<(String, Vec<String>)>) {
    broken.sort_by_key(|(label, _)| (label.len(), label.clone()));
    let mut met = vec![0u32; KNOWN.len()];
    let mut new: BTreeMap<String, (u32, String, String)> = BTreeMap::new();
    for (label, whys) in broken {
        let known = KNOWN.iter().position(|known| known.explains(walk, &label, &whys));
        if let Some(n) = known {
            met[n] += 1;
            continue;
        }
        let kind: String = whys[0].chars().filter(|c| !c.is_ascii_digit()).take(60).collect();
        new.entry(kind).or_insert((0, label, whys[0].clone())).0 += 1;
    }
    let gone: Vec<&str> =
        KNOWN.iter().zip(&met).filter(|(k, n)| k.walk == walk && **n == 0).map(|(k, _)| k.why).collect();
    let mut report = String::new();
    for (n, label, why) in new.values() {
        report.push_str(&format!("{n} × {why}\n    EXHAUSTIVE_CASE='{label}'\n"));
    }
    if !new.is_empty() {
        std::io::stderr().write_all(report.as_bytes()).unwrap();
    }
    assert!(new.is_empty(), "{walk}: {} ways in which it breaks, listed above", new.len());
    assert!(
        gone.is_empty(),
        "{walk}: known failures that no longer occur are to be taken from the list: {gone:#?}"
    );
}

/// The test that is asked for one case only.
pub fn replays() -> bool {
    let Ok(label) = std::env::var("EXHAUSTIVE_CASE") else { return false };
    replay(&label);
    true
}
