//! The model's request as the client side has it.

use crate::support;
use serde_json::Value;
use task_execution_engine::converse::RequestOp;

#[derive(Default)]
pub struct Request {
    pub messages: Vec<Value>,
    pub tools: Option<Value>,
}

impl Request {
    pub fn apply(&mut self, ops: &[RequestOp]) {
        support::apply_ops(&mut self.messages, &mut self.tools, ops);
    }
}
