//! What is known of a task: journal entries, their fold, the plan, the events they announce.

pub mod advance;
pub mod allowance;
pub mod announce;
pub mod fact;
mod fields;
pub mod fold;
pub mod live;
pub mod plan;
pub mod progress;
#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod properties;
pub mod rollup;
pub mod task;
pub mod thread;
