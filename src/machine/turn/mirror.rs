//! What the model's request holds besides the history, as far as it was sent.

use crate::converse::{RequestOp, ToolSpec, tool_config};
use crate::effect::ToolDescription;
use crate::facts::fold::Facts;
use crate::facts::task::TaskDocument;
use crate::sorted::SortedMap;

/// The request's head as it was sent last.
#[derive(Debug, Default)]
pub(crate) struct Mirror {
    system: Option<Option<String>>,
    model: Option<Option<String>>,
    /// The model that is asked now, where anybody knows.
    author: Option<String>,
    tools_sent: bool,
}

impl Mirror {
    /// The model that is asked now, where anybody knows.
    pub fn author(&self) -> Option<&str> {
        self.author.as_deref()
    }

    /// What has changed since the last request; `own`: a tool of the engine's beside the host's.
    pub fn ops(
        &mut self,
        task: &TaskDocument,
        tools: &SortedMap<String, ToolDescription>,
        own: Option<ToolSpec>,
        facts: &Facts,
        model_of_client: Option<&str>,
    ) -> Vec<RequestOp> {
        let mut ops = Vec::new();
        let system = task.config.system_prompt.clone();
        if self.system.as_ref() != Some(&system) {
            self.system = Some(system.clone());
            ops.push(RequestOp::System(system));
        }
        let model = task.config.model.clone();
        if self.model.as_ref() != Some(&model) {
            self.model = Some(model.clone());
            self.author = model.clone().or_else(|| model_of_client.map(str::to_owned));
            ops.push(RequestOp::Model(model));
        }
        // Without tools of its own a request has to name those that its history used: these may grow.
        if !self.tools_sent || tools.is_empty() {
            self.tools_sent = true;
            let mut specs: Vec<_> = tools.values().map(|tool| tool.spec.clone()).collect();
            specs.extend(own);
            let names = facts.tool_names.iter().map(String::as_str);
            ops.push(RequestOp::Tools(tool_config(&specs, names)));
        }
        ops
    }
}
