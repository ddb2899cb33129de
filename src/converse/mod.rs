//! The model's side: content blocks, assembly of streamed turns, valid requests, classified failures.
//!
//! Content is `serde_json::Value` in exactly the shape of Bedrock's ConverseStream. Bytes arrive as
//! `{"$bytes": "<base64>"}` and pass through untouched.

pub mod assembly;
mod base64;
pub mod blocks;
pub mod classify;
mod overflow;
pub mod repair;
pub mod request;
pub mod shorten;
pub mod transcript;
pub mod turn;
mod unsupported;
pub mod usage;
mod use_ids;
pub mod validity;
mod words;

pub use assembly::{Assembly, Live};
pub use classify::{Failure, FaultKind, ModelFault, classify};
pub use repair::{Repaired, repair};
pub use request::{RequestOp, ResultStatus, ToolSpec, result_content, text, tool_config, tool_result};
pub use transcript::{Transcript, Trim};
pub use turn::{Stop, ToolUse, Turn};
pub use unsupported::{refused_block, refuses_reasoning, unsupported_block};
pub use usage::Usage;
pub use use_ids::ToolUseIds;
pub use validity::{Rule, Validator, Violation, validate};
