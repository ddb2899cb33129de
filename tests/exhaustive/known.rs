//! Failures that are known: each goes on failing until it is mended, and is then to be taken from this list.

/// Cases of one walk that break a promise, and why.
pub struct Known {
    pub walk: &'static str,
    /// All of these are in the case's label.
    pub label: &'static [&'static str],
    /// What is broken begins with this.
    pub broken: &'static str,
    pub why: &'static str,
}

impl Known {
    pub fn explains(&self, walk: &str, label: &str, broken: &[String]) -> bool {
        self.walk == walk
            && self.label.iter().all(|part| label.contains(part))
            && broken.iter().all(|why| why.starts_with(self.broken))
    }
}

pub const KNOWN: &[Known] = &[];
