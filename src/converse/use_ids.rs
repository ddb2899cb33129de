//! The ids of tool uses: the model's own, or others where those cannot stand.

use super::blocks::{free_id, is_valid_id};
use crate::sorted::SortedSet;

/// The ids of one history.
pub trait ToolUseIds {
    /// Whether an earlier turn has this id.
    fn is_used(&self, id: &str) -> bool;
    /// The id that stands in for a wrong one, for the use that begins after `index` others of its turn.
    fn replacement(&self, index: usize) -> String;
}

/// The ids of one turn, in the order in which its uses begin. Each is decided once: what is shown while the use streams
/// is what is stored.
#[derive(Debug, Default)]
pub(super) struct UseIds {
    taken: SortedSet<String>,
}

impl UseIds {
    /// The id of the next use, which the model calls `given`.
    pub fn next(&mut self, given: &str, ids: &dyn ToolUseIds) -> String {
        let free = |id: &str| is_valid_id(id) && !self.taken.contains(id) && !ids.is_used(id);
        let id = if free(given) {
            given.to_owned()
        } else {
            free_id(&ids.replacement(self.taken.len()), |id| !free(id))
        };
        self.taken.insert(id.clone());
        id
    }
}
