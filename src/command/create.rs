//! createTask: a task document in the newer shape, as the newest schema of the app wants it.

use super::head::crowded;
use super::script::{Ctx, Step};
use super::sending::Sent;
use crate::error::{Code, EngineError};
use crate::ids::{Paths, check_id};
use crate::json::{self, json};
use crate::store::StoreWrite;
use crate::time::iso8601;
use serde_json::{Map, Value};

/// The machine of `createTask`. Its answer is the task with its id: the one that is there already, where the caller has
/// made the id and calls again.
///
/// # Errors
/// INVALID_ARGUMENT, naming the path of what is wrong.
pub(super) fn create(ctx: &mut Ctx, task: Option<&Value>) -> Result<Step, EngineError> {
    let task = Given { path: "task".into(), value: task };
    let fields = task.object()?;
    let now = iso8601(ctx.now.wall);
    let data = document(&ctx.cfg.user_id, &fields, &now)?;
    let given = fields.get("id");
    let made = given.value.is_none();
    let id = if made { ctx.io.rng.id() } else { given.name()? };
    check_id("task.id", &id)?;
    ctx.paths = Paths::new(&ctx.cfg.user_id, &id);
    let write = StoreWrite::Create { path: ctx.paths.task.clone(), data: data.clone() };
    let deadline = ctx.store_deadline();
    Ok(ctx.send(vec![write], deadline, move |ctx, sent| match sent {
        // Nobody else makes that id: what is there is this task.
        Sent::Stored(_) => answer(data, id),
        Sent::Conflict if made => answer(data, id),
        Sent::Conflict => {
            let path = ctx.paths.task.clone();
            ctx.read([path], move |_, [found]| match found {
                Some(document) => answer(document.data, id),
                None => crowded(),
            })
        }
        Sent::Refused(e) | Sent::Unknown(e) => Step::refused(e),
    }))
}

fn answer(mut task: Map<String, Value>, id: String) -> Step {
    task.insert("id".into(), id.into());
    Step::answer(Value::Object(task))
}

/// A value that the caller passed, or not.
struct Given<'a> {
    path: String,
    value: Option<&'a Value>,
}

impl<'a> Given<'a> {
    fn get(&self, key: &str) -> Given<'a> {
        let value = self.value.and_then(|v| v.get(key)).filter(|v| !v.is_null());
        Given { path: format!("{}.{key}", self.path), value }
    }

    fn refused(&self, expected: &str) -> EngineError {
        let found = self.value.map_or_else(|| "missing".into(), json::text);
        let shown: String = found.chars().take(60).collect();
        EngineError::new(
            Code::InvalidArgument,
            format!("createTask: {} is {shown}, expected {expected}.", self.path),
        )
        .with("path", self.path.clone())
    }

    fn object(self) -> Result<Given<'a>, EngineError> {
        if self.value.is_some_and(Value::is_object) { Ok(self) } else { Err(self.refused("an object")) }
    }

    fn text(&self, default: &str) -> Result<String, EngineError> {
        match self.value {
            None => Ok(default.to_owned()),
            Some(value) => value.as_str().map(str::to_owned).ok_or_else(|| self.refused("a string")),
        }
    }

    fn name(&self) -> Result<String, EngineError> {
        let name = self.value.and_then(Value::as_str).filter(|name| !name.trim().is_empty());
        name.map(str::to_owned).ok_or_else(|| self.refused("a string that is not blank"))
    }

    fn elements(&self) -> Result<Vec<Given<'a>>, EngineError> {
        let elements = match self.value {
            None => return Ok(Vec::new()),
            Some(value) => value.as_array().ok_or_else(|| self.refused("an array"))?,
        };
        let element = |(at, value)| Given { path: format!("{}[{at}]", self.path), value: Some(value) };
        elements.iter().enumerate().map(element).map(Given::object).collect()
    }
}

fn document(user: &str, task: &Given<'_>, now: &str) -> Result<Map<String, Value>, EngineError> {
    let title = task.get("title").name()?;
    let description = task.get("description").text("")?;
    let (milestones, items) = plan(task)?;
    let first = milestones.first().map_or(json!(""), |milestone| milestone["id"].clone());
    let document = json!({
        "user_id": user,
        "machine_id": task.get("machine_id").text("default")?,
        "working_directory": task.get("working_directory").text("")?,
        "title": title,
        "description": description,
        "status": "not_started",
        "created_at": now,
        "updated_at": now,
        "progress": {
            "project": {
                "name": title, "version": "0.1.0", "started": now, "status": "not_started",
                "current_milestone": first, "description": description,
            },
            "milestones": milestones,
            "tasks": items,
            "documentation": {
                "design_documents": 0, "milestone_documents": 0, "pattern_documents": 0, "task_documents": 0,
                "last_updated": now,
            },
            "progress": { "planning": 0, "implementation": 0, "testing": 0, "documentation": 0, "overall": 0 },
            "recent_work": [],
            "next_steps": [],
            "notes": [],
            "current_blockers": [],
        },
        "execution": { "api_messages": [], "task_messages": [], "tool_results": [] },
        "config": config(task)?,
    });
    let Value::Object(mut document) = document else { return Ok(Map::new()) };
    let metadata = task.get("metadata");
    if metadata.value.is_some() {
        document.insert("metadata".into(), metadata.object()?.value.cloned().unwrap_or_default());
    }
    keep_others(&mut document, task, &["id", "milestones"]);
    Ok(document)
}

/// Adds what the caller has given beyond the fields that this version knows.
fn keep_others(made: &mut Map<String, Value>, given: &Given<'_>, read: &[&str]) {
    for (name, value) in given.value.and_then(Value::as_object).into_iter().flatten() {
        if !made.contains_key(name) && !read.contains(&name.as_str()) && !value.is_null() {
            made.insert(name.clone(), value.clone());
        }
    }
}

/// Milestones and their items; ids that people can read, the same for the same plan.
fn plan(task: &Given<'_>) -> Result<(Vec<Value>, Map<String, Value>), EngineError> {
    let (mut milestones, mut tasks) = (Vec::new(), Map::new());
    for (m, milestone) in task.get("milestones").elements()?.iter().enumerate() {
        let id = format!("milestone-{}", m + 1);
        let mut items = Vec::new();
        for (n, item) in milestone.get("items").elements()?.iter().enumerate() {
            items.push(element(
                item,
                json!({
                    "id": format!("task-{}-{}", m + 1, n + 1), "name": item.get("name").name()?,
                    "description": item.get("description").text("")?, "status": "not_started",
                }),
            ));
        }
        milestones.push(element(
            milestone,
            json!({
                "id": id, "name": milestone.get("name").name()?,
                "description": milestone.get("description").text("")?, "status": "not_started",
                "progress": 0, "tasks_completed": 0, "tasks_total": items.len(),
            }),
        ));
        tasks.insert(id, items.into());
    }
    Ok((milestones, tasks))
}

fn element(given: &Given<'_>, mut made: Value) -> Value {
    if let Value::Object(made) = &mut made {
        keep_others(made, given, &["items"]);
    }
    made
}

fn config(task: &Given<'_>) -> Result<Value, EngineError> {
    let mut config = json!({ "system_prompt": "", "auto_approve": true });
    let given = task.get("config");
    if given.value.is_none() {
        return Ok(config);
    }
    let given = given.object()?;
    given.get("system_prompt").text("")?;
    given.get("model").text("")?;
    let auto_approve = given.get("auto_approve");
    if auto_approve.value.is_some_and(|v| !v.is_boolean()) {
        return Err(auto_approve.refused("true or false"));
    }
    for name in ["max_iterations", "timeout_minutes"] {
        let number = given.get(name);
        if number.value.is_some_and(|v| v.as_f64().is_none_or(|n| n <= 0.0)) {
            return Err(number.refused("a number above 0"));
        }
    }
    if let (Value::Object(config), Some(Value::Object(given))) = (&mut config, given.value) {
        config.extend(given.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.clone(), v.clone())));
    }
    Ok(config)
}
