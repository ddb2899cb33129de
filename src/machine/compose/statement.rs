//! The user turn that states an item, what a host is told to make one of, and the tool that completes it.

use super::{Draft, Need, View};
use crate::converse::ToolSpec;
use crate::decide::COMPLETE_TASK_ITEM;
use crate::facts::fact::Fact;
use crate::facts::plan::Item;
use crate::facts::task::TaskDocument;
use crate::json::json;
use crate::limits::Completion;
use serde_json::Value;

/// What the model is told of `complete_task_item`.
pub(in crate::machine) fn complete_task_item() -> ToolSpec {
    ToolSpec {
        name: COMPLETE_TASK_ITEM.into(),
        description: "Marks the current item of the task as done. Call it once the item is really finished."
            .into(),
        input_schema: json!({
            "type": "object",
            "properties": { "summary": { "type": "string", "description": "What was done, in a sentence or two." } },
        }),
    }
}

/// `PromptContext` without the task.
pub(in crate::machine) fn prompt_context(task: &TaskDocument, item: &Item) -> Value {
    let progress = task.raw.get("progress");
    let id_is = |id: &str, v: &&Value| v["id"].as_str() == Some(id);
    let milestone = item
        .key
        .milestone
        .as_deref()
        .and_then(|id| progress?.get("milestones")?.as_array()?.iter().find(|m| id_is(id, m)).cloned());
    let raw = item.key.milestone.as_deref().and_then(|id| {
        progress?.get("tasks")?.get(id)?.as_array()?.iter().find(|i| id_is(&item.key.item, i)).cloned()
    });
    let raw = raw.unwrap_or_else(|| {
        json!({ "id": item.key.item, "name": item.name, "description": item.description, "status": "not_started" })
    });
    let mut context = json!({ "item": raw });
    if let (Value::Object(map), Some(milestone)) = (&mut context, milestone) {
        map.insert("milestone".into(), milestone);
    }
    context
}

fn template(task: &TaskDocument, item: &Item, first: bool, completion: Completion) -> String {
    let mut text = String::new();
    if first {
        text.push_str(&format!("Task: {}\n", task.title));
        if !task.description.trim().is_empty() && !task.plan.is_single() {
            text.push_str(&format!("{}\n", task.description.trim()));
        }
        text.push('\n');
    }
    if let Some(milestone) = &item.milestone_name {
        text.push_str(&format!("Milestone: {milestone}\n"));
    }
    text.push_str(&format!("Work on this item now: {}\n", item.name));
    if !item.description.trim().is_empty() {
        text.push_str(&format!("{}\n", item.description.trim()));
    }
    text.push_str(match completion {
        Completion::EndTurn => {
            "\nUse the tools as needed. When the item is done, answer without calling a tool."
        }
        Completion::Explicit => "\nUse the tools as needed. When the item is done, call complete_task_item.",
    });
    text
}

impl View<'_> {
    pub(super) fn statement(&self, draft: &Draft, item: &Item) -> Result<String, Need> {
        if self.cfg.has_prompt {
            let prompt = self.host.prompt(&item.key).map(str::to_owned);
            return prompt.ok_or_else(|| Need::Prompt(Box::new(item.clone())));
        }
        let anew = draft.facts.iter().any(|fact| matches!(fact, Fact::Reset));
        let first = (anew || self.facts.transcript.is_empty()) && draft.live.texts.is_empty();
        Ok(template(self.desk.task(), item, first, self.settings.completion))
    }
}
