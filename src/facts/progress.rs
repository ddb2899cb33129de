//! How far a task is.

use crate::json::record;
use serde_json::{Map, Value};

/// The progress of a task, the same for both shapes, as `state()` tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Percent, 0 to 100.
    pub overall: u32,
    /// The document's milestones, brought up to date; fields that the engine does not know are kept.
    pub milestones: Vec<Value>,
    /// The document's items by milestone id, likewise.
    pub tasks: Map<String, Value>,
}

record!(Progress { overall: always "overall", milestones: always "milestones", tasks: always "tasks" });
