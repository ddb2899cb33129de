//! The engine behind the npm package `task-execution-engine`: it runs long agent tasks and loses no work.
//!
//! The core is pure: inputs come in, effects go out; clocks, ids and randomness are inputs. Journal entries fold
//! into facts, facts decide the next step.

#[cfg(target_arch = "wasm32")]
pub mod boundary;
pub mod command;
pub mod converse;
pub mod decide;
pub mod effect;
pub mod error;
pub mod facts;
pub mod ids;
mod json;
pub mod lifecycle;
pub mod limits;
pub mod machine;
pub mod retry;
mod sorted;
pub mod storage;
pub mod store;
#[cfg(test)]
#[allow(dead_code, missing_docs)]
mod testkit;
pub mod time;
