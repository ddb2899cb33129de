//! What goes wrong with store calls.

use crate::effect::Effect;
use crate::store::{StoreErrorCode, StoreWrite};

/// Which kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Read,
    List,
    Commit,
}

/// What happens to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails with this code and does nothing.
    Error(StoreErrorCode),
    /// It takes effect and its reply never comes.
    LostReply,
    /// It takes effect and is reported to have failed with this code.
    Lied(StoreErrorCode),
    /// It never takes effect and its reply never comes.
    Silence,
    /// It reaches the store so many milliseconds late.
    Late(u64),
}

struct Rule {
    op: Op,
    path: String,
    skip: usize,
    times: usize,
    fault: Fault,
}

/// The faults to come.
#[derive(Default)]
pub struct Faults(Vec<Rule>);

impl Faults {
    /// The next `times` calls of that kind that touch a path containing `path`, after `skip` of them, fail so.
    pub fn add(&mut self, op: Op, path: &str, skip: usize, times: usize, fault: Fault) {
        self.0.push(Rule { op, path: path.to_owned(), skip, times, fault });
    }

    /// From now on every call goes through.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn next(&mut self, effect: &Effect) -> Option<Fault> {
        let (op, paths): (Op, Vec<&str>) = match effect {
            Effect::Read { paths, .. } => (Op::Read, paths.iter().map(String::as_str).collect()),
            Effect::List { collection, .. } => (Op::List, vec![collection]),
            Effect::Commit { writes, .. } => (Op::Commit, writes.iter().map(path_of).collect()),
            _ => return None,
        };
        for rule in &mut self.0 {
            if rule.op != op || rule.times == 0 || !paths.iter().any(|p| p.contains(&rule.path)) {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            rule.times -= 1;
            return Some(rule.fault);
        }
        None
    }
}

pub(super) fn path_of(write: &StoreWrite) -> &str {
    match write {
        StoreWrite::Create { path, .. }
        | StoreWrite::Update { path, .. }
        | StoreWrite::Delete { path, .. } => path,
    }
}
