//! Where documents live, and ids made from the seed that the host hands in.

use crate::error::{Code, EngineError};

/// The paths of one task's documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// The app's task document.
    pub task: String,
    /// Who may write, and how the last run ended.
    pub head: String,
    /// The text of the turn under way.
    pub live: String,
    /// Collection: one document a commit.
    pub journal: String,
    /// Collection: the thread that people read.
    pub messages: String,
    /// Collection: decisions and messages on their way in.
    pub inbox: String,
}

impl Paths {
    /// The paths of `users/{user}/tasks/{task}`.
    pub fn new(user: &str, task: &str) -> Self {
        let task = format!("users/{user}/tasks/{task}");
        Paths {
            head: format!("{task}/engine/head"),
            live: format!("{task}/engine/live"),
            journal: format!("{task}/journal"),
            messages: format!("{task}/messages"),
            inbox: format!("{task}/inbox"),
            task,
        }
    }

    /// The journal document of `seq`; 8 digits, so that ids sort as numbers do.
    pub fn entry(&self, seq: u64) -> String {
        format!("{}/{seq:08}", self.journal)
    }

    /// The `n`th continuation (from 1) of the journal document of `seq`.
    pub fn continuation(&self, seq: u64, n: usize) -> String {
        format!("{}/{seq:08}.{n:04}", self.journal)
    }

    /// A document of the inbox.
    pub fn inbox_item(&self, id: &str) -> String {
        format!("{}/{id}", self.inbox)
    }

    /// A message of the thread.
    pub fn message(&self, id: &str) -> String {
        format!("{}/{id}", self.messages)
    }
}

/// Checks an id against what Firestore allows in a path: not empty, no `/`, not `.` or `..`, not `__.*__`, at most
/// 1,500 bytes.
///
/// # Errors
/// INVALID_ARGUMENT, naming `what` and the rule.
pub fn check_id(what: &str, id: &str) -> Result<(), EngineError> {
    let broken = if id.is_empty() {
        "is empty"
    } else if id.bytes().any(|byte| byte == b'/') {
        "contains a slash"
    } else if id == "." || id == ".." {
        "is '.' or '..'"
    } else if id.len() >= 4 && id.starts_with("__") && id.ends_with("__") {
        "begins and ends with two underscores, which the database reserves"
    } else if id.len() > 1_500 {
        "is longer than 1,500 bytes"
    } else if id.chars().any(|c| c == '\u{FFFD}') {
        "contains a replacement character or a lone surrogate, which would make two ids collide"
    } else {
        return Ok(());
    };
    Err(EngineError::new(
        Code::InvalidArgument,
        format!("{what} {broken}. The arguments are taskId, userId."),
    ))
}

/// A small deterministic generator (SplitMix64, Steele et al. 2014): for ids and jitter, not for secrets.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// Seeded by the host; the same seed gives the same ids.
    pub fn new(seed: u64) -> Self {
        Rng(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in 0..1.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// 16 hexadecimal digits.
    pub fn id(&mut self) -> String {
        format!("{:016x}", self.next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn journal_ids_sort_as_numbers_and_continuations_follow_their_entry() {
        let p = Paths::new("u", "t");
        let ids = [p.entry(9), p.continuation(9, 1), p.continuation(9, 2), p.entry(10)];
        assert!(ids.windows(2).all(|w| w[0] < w[1]), "{ids:?}");
    }

    #[test]
    fn ids_that_a_path_cannot_hold_are_refused_with_the_rule() {
        let long = "x".repeat(1_501);
        let of_wide_characters = "ä".repeat(751);
        for (id, rule) in [
            ("", "empty"),
            ("a/b", "slash"),
            (".", "'.'"),
            ("..", "'.'"),
            ("__x__", "reserves"),
            ("____", "reserves"),
            (&long, "1,500"),
            (&of_wide_characters, "1,500"),
            ("a\u{FFFD}", "surrogate"),
        ] {
            let e = check_id("taskId", id).unwrap_err();
            assert_eq!(e.code, Code::InvalidArgument);
            assert!(e.message.starts_with("taskId ") && e.message.contains(rule), "{}", e.message);
        }
        for id in ["__x", "x__", "__xy", "xy__", "__", "___", "ünïcode-id", &long[1..]] {
            assert_eq!(check_id("taskId", id), Ok(()), "{id}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_ids() {
        let (mut a, mut b) = (Rng::new(7), Rng::new(7));
        assert_eq!((a.id(), a.unit()), (b.id(), b.unit()));
        assert_ne!(a.id(), a.id());
    }

    #[test]
    fn what_is_drawn_is_what_the_authors_of_the_generator_give_for_the_seed() {
        let mut rng = Rng::new(1_234_567);
        let drawn: Vec<u64> = (0..4).map(|_| rng.next()).collect();
        assert_eq!(
            drawn,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423,
                4_593_380_528_125_082_431,
            ]
        );
        assert!((Rng::new(1_234_567).unit() - 0.350_08).abs() < 0.000_01);
    }
}
