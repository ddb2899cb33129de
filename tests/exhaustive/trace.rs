//! Effects in one line each, so that a failure reads as a conversation.

use crate::play::Position;
use serde_json::Value;
use task_execution_engine::effect::{Effect, Question};
use task_execution_engine::store::StoreWrite;

pub fn position(at: u64, effect: &Effect) -> Position {
    let store = matches!(effect, Effect::Read { .. } | Effect::List { .. } | Effect::Commit { .. });
    let outward =
        store || matches!(effect, Effect::Converse { .. } | Effect::RunTool { .. } | Effect::Ask { .. });
    Position { at, outward, store }
}

fn last(path: &str) -> &str {
    path.rsplit("tasks/").next().unwrap_or(path)
}

fn write(write: &StoreWrite) -> String {
    match write {
        StoreWrite::Create { path, data } => match data.get("kinds") {
            Some(kinds) => format!("+{} {kinds}", last(path)),
            None => format!("+{}", last(path)),
        },
        StoreWrite::Update { path, fields, .. } => {
            let of = |name: &str| fields.iter().find(|f| f.path == [name]).and_then(|f| f.value.as_ref());
            let told: Vec<String> = ["epoch", "seq", "last_run", "status"]
                .iter()
                .filter_map(|name| of(name).map(|value| format!("{name}={value}")))
                .collect();
            format!("{} {}", last(path), told.join(" "))
        }
        StoreWrite::Delete { path, .. } => format!("-{}", last(path)),
    }
}

pub fn effect(effect: &Effect) -> String {
    match effect {
        Effect::Read { paths, .. } => {
            format!("reads {}", paths.iter().map(|p| last(p)).collect::<Vec<_>>().join(", "))
        }
        Effect::List { collection, after, .. } => format!("lists {} after {after:?}", last(collection)),
        Effect::Commit { writes, .. } => {
            format!("commits {}", writes.iter().map(write).collect::<Vec<_>>().join("; "))
        }
        Effect::Cancel { ticket } => format!("gives up {}", ticket.0),
        Effect::Watch { paths } => format!("watches {} paths", paths.len()),
        Effect::Converse { attempt, .. } => format!("asks the model, attempt {attempt}"),
        Effect::RunTool { call, attempt, .. } => {
            format!("runs {} ({}), attempt {attempt}", call.id, call.name)
        }
        Effect::Ask { question, .. } => match question {
            Question::Tools { .. } => "asks for the tools".into(),
            Question::Vet { calls, .. } => format!("asks whether {} calls may run", calls.len()),
            Question::Prompt { .. } => "asks for the prompt".into(),
            Question::LookUp { call } => format!("looks {} up", call.id),
            Question::Alive { holder } => format!("asks whether {holder} lives"),
            Question::Runs => "asks whether a run is here".into(),
        },
        Effect::Emit { event } => {
            let of = |name: &str| event.get(name).map_or(String::new(), |v| format!(" {v}"));
            let kind = event["type"].as_str().unwrap_or_default();
            let outcome = event.get("outcome").map_or(&Value::Null, |o| &o["status"]);
            let outcome = if outcome.is_null() { String::new() } else { format!(" {outcome}") };
            format!("tells {kind}{}{}{}{outcome}", of("id"), of("content"), of("toolCallId"))
        }
        Effect::Status { status } => format!("sees the status {status:?}"),
        Effect::Settle { ticket, result } => match result {
            Ok(value) => {
                let status = value.get("status").cloned().unwrap_or_default();
                format!("settles {} well {status}", ticket.0)
            }
            Err(e) => format!("settles {} with {:?}: {}", ticket.0, e.code, e.message),
        },
        Effect::Log { message, .. } => format!("logs {message}"),
    }
}
