//! Chance, all of it from one seed.

use task_execution_engine::ids::Rng;

/// A stream of choices. Streams of one seed under different names do not depend on each other, so that leaving out
/// one part of a run changes no choice of another.
#[derive(Clone)]
pub struct Dice(Rng);

impl Dice {
    pub fn new(seed: u64, name: &str) -> Dice {
        // FNV-1a, Fowler, Noll, Vo.
        let hash = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3));
        Dice(Rng::new(seed ^ hash))
    }

    /// From 0 to below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        ((self.0.unit() * n as f64) as u64).min(n.saturating_sub(1))
    }

    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    pub fn chance(&mut self, p: f64) -> bool {
        self.0.unit() < p
    }

    pub fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize].clone()
    }

    /// One of these, as often as its weight says.
    pub fn weighted<T: Clone>(&mut self, of: &[(u32, T)]) -> T {
        let total: u32 = of.iter().map(|(weight, _)| weight).sum();
        let mut at = self.below(u64::from(total)) as u32;
        for (weight, what) in of {
            if at < *weight {
                return what.clone();
            }
            at -= weight;
        }
        of[0].1.clone()
    }

    pub fn seed(&mut self) -> u64 {
        self.below(1 << 52)
    }
}
