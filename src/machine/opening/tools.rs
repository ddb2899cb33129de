//! What the host says of its tools.

use crate::converse::blocks::is_valid_name;
use crate::decide::COMPLETE_TASK_ITEM;
use crate::effect::ToolDescription;
use crate::error::{Code, EngineError};
use crate::json;
use crate::limits::Completion;
use crate::sorted::SortedMap;
use serde_json::Value;

/// By name.
///
/// # Errors
/// HOST_CALLBACK where no model or no run could use them, INVALID_ARGUMENT for a name that is taken.
pub(super) fn described(
    value: &Value,
    completion: Completion,
) -> Result<SortedMap<String, ToolDescription>, EngineError> {
    let tools: Vec<ToolDescription> = json::decode(value.clone())
        .map_err(|e| EngineError::new(Code::HostCallback, format!("tools could not be described: {e}")))?;
    if let Some(tool) = tools.iter().find(|tool| !is_valid_name(&tool.spec.name)) {
        let what = format!("tools could not be described: models take no name like {:?}", tool.spec.name);
        return Err(EngineError::new(Code::HostCallback, what));
    }
    let reserved = |t: &ToolDescription| t.spec.name == COMPLETE_TASK_ITEM;
    if completion == Completion::Explicit && tools.iter().any(reserved) {
        return Err(EngineError::new(
            Code::InvalidArgument,
            format!(
                "The tool name {COMPLETE_TASK_ITEM} belongs to completion: 'explicit'. Rename the host's tool."
            ),
        ));
    }
    let mut by_name = SortedMap::default();
    for tool in tools {
        by_name.insert(tool.spec.name.clone(), tool);
    }
    Ok(by_name)
}
