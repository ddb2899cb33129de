//! A run told as a conversation.

use serde_json::Value;
use task_execution_engine::effect::{Effect, Input};
use task_execution_engine::store::StoreWrite;

/// The lines of a run, where somebody wants them.
pub struct Trace(Option<Vec<String>>);

impl Trace {
    pub fn new(wanted: bool) -> Trace {
        Trace(wanted.then(Vec::new))
    }

    pub fn line(&mut self, now: u64, what: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.0 {
            lines.push(format!("{:>9}.{:03}  {}", now / 1_000, now % 1_000, what()));
        }
    }

    pub fn text(&self) -> String {
        self.0.as_ref().map(|lines| lines.join("\n")).unwrap_or_default()
    }
}

fn short(text: &str) -> String {
    let mut cut: String = text.chars().take(160).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut
}

fn name(path: &str) -> &str {
    path.strip_prefix("users/u/tasks/").unwrap_or(path)
}

fn write(write: &StoreWrite) -> String {
    match write {
        StoreWrite::Create { path, data } if path.contains("/journal/") => {
            let body: Value =
                data["json"].as_str().and_then(|j| serde_json::from_str(j).ok()).unwrap_or_default();
            let facts: Vec<String> = body["facts"].as_array().into_iter().flatten().map(fact).collect();
            format!("+{} (epoch {}: {})", name(path), data["epoch"], facts.join(", "))
        }
        StoreWrite::Create { path, .. } => format!("+{}", name(path)),
        StoreWrite::Delete { path, .. } => format!("-{}", name(path)),
        StoreWrite::Update { path, fields, if_version } => {
            let fields: Vec<String> = fields
                .iter()
                .map(|f| {
                    format!(
                        "{}={}",
                        f.path.join("."),
                        f.value.as_ref().map_or("∅".into(), |v| short(&v.to_string()))
                    )
                })
                .collect();
            let condition = if_version.as_ref().map_or(String::new(), |v| format!(" if {v}"));
            format!("{}{condition} {{{}}}", name(path), short(&fields.join(", ")))
        }
    }
}

fn fact(fact: &Value) -> String {
    let kind = fact["kind"].as_str().unwrap_or("?");
    let about = ["toolCallId", "toolCallIds", "how", "status", "item", "text", "turn"];
    let about = about.iter().find_map(|name| fact.get(name)).map(|v| short(&v.to_string()));
    about.map_or(kind.to_owned(), |about| format!("{kind} {about}"))
}

pub fn effect(effect: &Effect) -> String {
    match effect {
        Effect::Read { paths, .. } => {
            format!("→ read {}", paths.iter().map(|p| name(p)).collect::<Vec<_>>().join(", "))
        }
        Effect::List { collection, after, .. } => format!("→ list {} after {after:?}", name(collection)),
        Effect::Commit { writes, .. } => {
            format!("→ commit {}", writes.iter().map(write).collect::<Vec<_>>().join("; "))
        }
        Effect::Cancel { ticket } => format!("→ gives up {}", ticket.0),
        Effect::Watch { paths } => format!("→ watch {}", paths.len()),
        Effect::Converse { attempt, message_id, .. } => {
            format!("→ the model, attempt {attempt} at {message_id}")
        }
        Effect::RunTool { call, attempt, .. } => {
            format!("→ run {} {} (attempt {attempt})", call.name, call.id)
        }
        Effect::Ask { question, .. } => {
            let text = format!("{question:?}");
            format!("→ ask {}", text.split(' ').next().unwrap_or_default())
        }
        Effect::Emit { event } => format!("→ tell {}", short(&event.to_string())),
        Effect::Status { status } => format!("→ status {}", status.as_str()),
        Effect::Settle { ticket, result } => format!("→ settle {} {}", ticket.0, outcome(result)),
        Effect::Log { message, .. } => format!("→ log {}", short(message)),
    }
}

fn outcome(result: &Result<Value, task_execution_engine::error::EngineError>) -> String {
    match result {
        Ok(value) => short(&value.to_string()),
        Err(e) => format!("{:?}: {}", e.code, short(&e.message)),
    }
}

pub fn input(input: &Input) -> String {
    match input {
        Input::Command { command, .. } => format!("← told: {command:?}"),
        Input::Read { result: Ok(found), .. } => {
            let found: Vec<String> =
                found.iter().map(|d| d.as_ref().map_or("none".into(), |d| d.version.clone())).collect();
            format!("← read: versions {}", found.join(", "))
        }
        Input::Listed { result: Ok(found), .. } => format!("← listed: {}", found.len()),
        Input::Committed { result: Ok(version), .. } => format!("← stored as {version}"),
        Input::Read { result: Err(e), .. }
        | Input::Listed { result: Err(e), .. }
        | Input::Committed { result: Err(e), .. } => {
            format!("← the store: {:?}", e.code)
        }
        Input::Streamed { event, .. } => format!("← model: {}", short(&event.to_string())),
        Input::StreamEnded { result, .. } => match result {
            Ok(()) => "← the stream ends".into(),
            Err(e) => format!("← the stream fails: {:?} {}", e.name, e.message),
        },
        Input::Returned { result, .. } => format!("← returned: {}", short(&format!("{result:?}"))),
        Input::NotRun { .. } => "← not run".into(),
        Input::Answered { result, .. } => format!("← answered: {}", short(&format!("{result:?}"))),
        Input::Changed => "← something watched has changed".into(),
        Input::Timeout => "← time".into(),
    }
}
