//! The words for what goes into a machine and comes out of it.

use super::super::{TASK, TASK_PATH};
use super::book::{Book, WIDTH};
use serde_json::{Map, Value, json};
use std::rc::Rc;
use task_execution_engine::effect::{Command, Effect, Input, Question, ToolCall};
use task_execution_engine::error::EngineError;
use task_execution_engine::store::{StoreError, StoreWrite, StoredDocument};
use task_execution_engine::time::Now;

impl Book {
    pub(super) fn input(&mut self, now: Now, actor: usize, input: &Input) {
        let told = match input {
            Input::Command { ticket, command } => {
                let name = self.opens(actor, *ticket, "command");
                format!("{name}: {}", self.command(command))
            }
            Input::Read { ticket, result } => {
                let found = match result {
                    Ok(found) => found
                        .iter()
                        .map(|d| d.as_ref().map_or("none".to_owned(), document))
                        .collect::<Vec<_>>()
                        .join(", "),
                    Err(e) => self.store_error(e),
                };
                format!("{}: {found}", self.name_of(actor, *ticket))
            }
            Input::Listed { ticket, result } => {
                let found = match result {
                    Ok(found) if found.is_empty() => "nothing".to_owned(),
                    Ok(found) => found.iter().map(document).collect::<Vec<_>>().join(", "),
                    Err(e) => self.store_error(e),
                };
                format!("{}: {found}", self.name_of(actor, *ticket))
            }
            Input::Committed { ticket, result } => {
                let how = match result {
                    Ok(version) => format!("version {version}"),
                    Err(e) => self.store_error(e),
                };
                format!("{}: {how}", self.name_of(actor, *ticket))
            }
            Input::Streamed { ticket, event } => {
                format!("{}: {}", self.name_of(actor, *ticket), self.show(event))
            }
            Input::StreamEnded { ticket, result } => {
                let how = match result {
                    Ok(()) => "its stream ends".to_owned(),
                    Err(failure) => format!("its stream fails: {failure:?}"),
                };
                format!("{}: {how}", self.name_of(actor, *ticket))
            }
            Input::Returned { ticket, result, cut_bytes } => {
                let how = match result {
                    Ok(Some(value)) => self.show(value),
                    Ok(None) => "nothing".to_owned(),
                    Err(thrown) => format!("throws {:?}", thrown.message),
                };
                let cut = if *cut_bytes > 0 { format!(", {cut_bytes} bytes cut") } else { String::new() };
                format!("{}: {how}{cut}", self.name_of(actor, *ticket))
            }
            Input::NotRun { ticket } => format!("{}: not run", self.name_of(actor, *ticket)),
            Input::Answered { ticket, result } => {
                let how = match result {
                    Ok(value) => self.show(value),
                    Err(thrown) => format!("throws {:?}", thrown.message),
                };
                let is_known = how.len() > WIDTH && !self.answers.insert(how.clone());
                let how = if is_known { "as before" } else { &how };
                format!("{}: {how}", self.name_of(actor, *ticket))
            }
            Input::Changed => "something has changed".to_owned(),
            Input::Timeout => "timer".to_owned(),
        };
        self.headings.insert(actor, self.lines.len());
        self.line(0, &format!("{} {actor} ← {told}", now.mono.0));
    }

    fn command(&mut self, command: &Command) -> String {
        match command {
            Command::Pause => "pause".to_owned(),
            Command::Stop { reason } => format!("stop {}", self.show_json(reason)),
            Command::Yield { reason, grace } => format!("yield {reason}, grace {grace}"),
            Command::Look => "look".to_owned(),
        }
    }

    pub(super) fn effect(&mut self, actor: usize, effect: &Effect) {
        match effect {
            Effect::Read { ticket, paths, known } => {
                let name = self.opens(actor, *ticket, "read");
                let paths: Vec<&str> = paths.iter().map(|path| short(path)).collect();
                let known =
                    known.as_ref().map_or(String::new(), |version| format!(", version {version} is known"));
                self.line(1, &format!("{name}: {}{known}", paths.join(", ")));
            }
            Effect::List { ticket, collection, after, limit } => {
                let name = self.opens(actor, *ticket, "list");
                let after = after.as_ref().map_or(String::new(), |after| format!(" after {after}"));
                self.line(1, &format!("{name}: {}{after}, at most {limit}", short(collection)));
            }
            Effect::Commit { ticket, writes } => {
                let name = self.opens(actor, *ticket, "commit");
                let before = self.commits.iter().find(|(by, _, sent)| *by == actor && sent == writes);
                if let Some(before) = before.map(|(_, before, _)| before.clone()) {
                    return self.line(1, &format!("{name}: the same as {before}"));
                }
                self.line(1, &name);
                self.writes(writes);
                self.commits.push((actor, name, Rc::clone(writes)));
            }
            Effect::Cancel { ticket } => {
                let name = self.name_of(actor, *ticket);
                self.line(1, &format!("cancel {name}"));
            }
            Effect::Watch { paths } => {
                let paths: Vec<&str> = paths.iter().map(|path| short(path)).collect();
                self.line(1, &format!("watch [{}]", paths.join(", ")));
            }
            Effect::Converse { ticket, ops, message_id, attempt } => {
                let name = self.opens(actor, *ticket, "model");
                self.line(1, &format!("{name}: message {message_id}, attempt {attempt}"));
                for op in ops {
                    let Value::Object(op) = json!(op) else { panic!("an operation is an object") };
                    let (kind, operands) = (op["op"].as_str().unwrap().to_owned(), self.show_fields(&op));
                    self.line(2, &format!("{kind} {}", operands[1..].join(", ")));
                }
            }
            Effect::RunTool { ticket, call, attempt, idempotency_key } => {
                let name = self.opens(actor, *ticket, "tool");
                let call = self.call(call);
                self.line(1, &format!("{name}: {call}, attempt {attempt}, key {idempotency_key}"));
            }
            Effect::Ask { ticket, question } => {
                let name = self.opens(actor, *ticket, "question");
                let asked = self.question(question);
                self.line(1, &format!("{name}: {asked}"));
            }
            Effect::Emit { event } => {
                let mut event = event.as_object().expect("an event is an object").clone();
                let kind = event.shift_remove("type").expect("an event has a type");
                if event.get("taskId") == Some(&json!(TASK)) {
                    event.shift_remove("taskId");
                }
                self.outcome = event.get("outcome").cloned().or(self.outcome.take());
                let shown = self.show(&Value::Object(event));
                self.line(1, &format!("emit {} {shown}", kind.as_str().unwrap()));
            }
            Effect::Status { status } => self.line(1, &format!("status {status:?}")),
            Effect::Settle { ticket, result } => {
                let name = self.name_of(actor, *ticket);
                let how = match result {
                    Ok(value) if self.outcome.as_ref() == Some(value) => "with this outcome".to_owned(),
                    Ok(value) => format!("with {}", self.show(value)),
                    Err(e) => format!("with the error {}", self.error(e)),
                };
                self.line(1, &format!("settle {name} {how}"));
            }
            Effect::Log { level, message } => {
                let message = self.show_text(message);
                self.line(1, &format!("log {level:?} {message}"));
            }
        }
    }

    fn question(&mut self, question: &Question) -> String {
        match question {
            Question::Tools { task } => format!("tools of {}", self.task(Some(task))),
            Question::Vet { task, calls } => {
                let calls: Vec<String> = calls.iter().map(|call| self.call(call)).collect();
                format!("vet {} of {}", calls.join(" and "), self.task(task.as_deref()))
            }
            Question::Prompt { task, context } => {
                format!("prompt for {} of {}", self.show(context), self.task(task.as_deref()))
            }
            Question::LookUp { call } => format!("look up {}", self.call(call)),
            Question::Alive { holder } => format!("is {holder} alive"),
            Question::Runs => "does a run run here".to_owned(),
        }
    }

    fn call(&mut self, call: &ToolCall) -> String {
        format!("{} {} {}", call.id, call.name, self.show(&call.input))
    }

    /// The task, or how it differs from the one before.
    fn task(&mut self, task: Option<&Value>) -> String {
        let Some(task) = task else { return "the task before".to_owned() };
        let Some(before) = self.task.replace(task.clone()) else {
            return format!("the task {}", self.show(task));
        };
        let mut changes = Vec::new();
        self.changes(&before, task, "", &mut changes);
        format!("the task with {{{}}}", changes.join(", "))
    }

    fn changes(&mut self, before: &Value, after: &Value, path: &str, changes: &mut Vec<String>) {
        let (Value::Object(b), Value::Object(a)) = (before, after) else {
            if before != after {
                changes.push(format!("{path}: {}", self.show(after)));
            }
            return;
        };
        for (name, after) in a {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            match b.get(name) {
                Some(before) => self.changes(before, after, &path, changes),
                None => changes.push(format!("{path}: {}", self.show(after))),
            }
        }
        let gone = b.keys().filter(|name| !a.contains_key(*name));
        changes.extend(gone.map(|name| format!("no {path}.{name}")));
    }

    fn writes(&mut self, writes: &[StoreWrite]) {
        for write in writes {
            match write {
                StoreWrite::Create { path, data } if short(path).starts_with("journal/") => {
                    self.entry(path, data, writes);
                }
                StoreWrite::Create { path, data } => {
                    let fields = self.show_fields(data);
                    self.lines(2, &format!("create {}:", short(path)), &fields);
                }
                StoreWrite::Update { path, fields, if_version } => {
                    let parts: Vec<String> = fields
                        .iter()
                        .map(|field| match (&field.value, field.delete) {
                            (Some(value), false) => {
                                format!("{} = {}", field.path.join("."), self.show(value))
                            }
                            (None, true) => format!("no {}", field.path.join(".")),
                            odd => panic!("neither set nor deleted: {odd:?}"),
                        })
                        .collect();
                    self.lines(2, &format!("update {}{}:", short(path), condition(if_version)), &parts);
                }
                StoreWrite::Delete { path, if_version } => {
                    self.line(2, &format!("delete {}{}", short(path), condition(if_version)));
                }
            }
        }
    }

    /// An entry with all its facts; of its continuations only that they are there.
    fn entry(&mut self, path: &str, data: &Map<String, Value>, writes: &[StoreWrite]) {
        let mut fields = data.clone();
        let json = fields.shift_remove("json").expect("an entry holds json");
        let mut json = json.as_str().unwrap().to_owned();
        let shown = self.show_fields(&fields).join(", ");
        self.line(2, &format!("create {}: {shown}", short(path)));
        if path.contains('.') {
            return;
        }
        for write in writes {
            if let StoreWrite::Create { path: more, data } = write
                && more.starts_with(&format!("{path}."))
            {
                json.push_str(data["json"].as_str().unwrap());
            }
        }
        let Value::Object(mut body) = serde_json::from_str(&json).unwrap() else {
            panic!("an entry is an object")
        };
        let facts = body.shift_remove("facts").expect("an entry has facts");
        if !body.is_empty() {
            let rest = self.show_fields(&body).join(", ");
            self.line(3, &rest);
        }
        for fact in facts.as_array().unwrap() {
            let mut fact = fact.as_object().unwrap().clone();
            let kind = fact.shift_remove("kind").expect("a fact has a kind");
            let shown = self.show(&Value::Object(fact));
            self.line(3, &format!("{} {shown}", kind.as_str().unwrap()));
        }
    }

    pub(super) fn error(&mut self, e: &EngineError) -> String {
        let (code, message) = (self.show_json(&e.code), self.show_text(&e.message));
        let details = self.show(&Value::Object(e.details.clone()));
        let again = if e.retryable { ", retryable" } else { "" };
        format!("{}: {message}{again} {details}", code.trim_matches('"'))
    }

    fn store_error(&mut self, e: &StoreError) -> String {
        format!("fails as {:?}, {:?}", e.code, e.message)
    }
}

fn document(found: &StoredDocument) -> String {
    let age = found.age_ms.map_or(String::new(), |age| format!(" {age} ms old"));
    format!("{}@{}{age}", short(&found.path), found.version)
}

fn condition(if_version: &Option<String>) -> String {
    if_version.as_ref().map_or(String::new(), |version| format!(" if at {version}"))
}

/// Without the task's own path.
fn short(path: &str) -> &str {
    match path.strip_prefix(TASK_PATH) {
        Some("") => "task",
        Some(rest) if rest.starts_with('/') => &rest[1..],
        _ => path,
    }
}
