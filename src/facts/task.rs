//! The app's task document, as far as the engine reads it.

use super::fields::Object;
use super::plan::{Plan, Shape};
use crate::error::{Code, EngineError};
use crate::json::quoted;
use crate::lifecycle::Status;
use crate::store::FieldWrite;
use serde_json::{Map, Value};
use std::rc::Rc;

/// The task's own settings.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskConfig {
    /// The system prompt; none where it is blank.
    pub system_prompt: Option<String>,
    /// False: every tool call waits for an approval. True where the document says nothing.
    pub auto_approve: bool,
    /// Model calls allowed, at least 1; none where the document has none or one out of range.
    pub max_iterations: Option<u64>,
    /// The model's id.
    pub model: Option<String>,
    /// Minutes of active time allowed, above 0; none where the document has none or one out of range.
    pub timeout_minutes: Option<f64>,
}

/// A task document that was read and found usable. What the engine does not know stays in `raw`, and only single
/// fields are ever written, so it survives.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskDocument {
    /// Where it stands, `users/{userId}/tasks/{taskId}`.
    pub path: Rc<str>,
    /// Which shape its `progress` has.
    pub shape: Shape,
    /// The stored status.
    pub status: Status,
    /// The title; empty where it is missing.
    pub title: String,
    /// The description; empty where it is missing.
    pub description: String,
    /// When the task was made, as stored: tells a task from another that was made under the same id.
    pub created_at: Option<String>,
    /// Set where the task was stopped, rather than paused.
    pub abort_reason: Option<String>,
    /// Its settings.
    pub config: TaskConfig,
    /// Its items.
    pub plan: Plan,
    /// Whether `execution.api_messages` or `execution.tool_results` hold something that was written before the
    /// journal was.
    pub old_history: bool,
    /// The document itself.
    pub raw: Rc<Map<String, Value>>,
}

impl TaskDocument {
    /// Reads the document stored at `path`. Missing containers and texts are empty, numbers out of range and unknown
    /// fields are ignored.
    ///
    /// # Errors
    /// `INVALID_TASK`, naming the field (details `document` and `path`), for what would do harm if it were guessed:
    /// the status missing, a container or `auto_approve` of another type, a milestone or an item without a usable
    /// or with a repeated id. `UNSUPPORTED_SCHEMA` for a status that this version does not know.
    pub fn read(path: &str, data: Map<String, Value>) -> Result<TaskDocument, EngineError> {
        let document = Object::document(path, &data);
        let status = read_status(&document)?;
        let title = document.get("title").text()?;
        let description = document.get("description").text()?;
        let config = read_config(&document)?;

        let execution = document.get("execution");
        let execution = execution.object()?;
        let abort_reason = execution.get("abort_reason").optional_text()?;
        let old_history = !execution.get("api_messages").array()?.is_empty()
            || !execution.get("tool_results").array()?.is_empty();

        let progress = document.get("progress");
        let progress = progress.object()?;
        let shape = if progress.get("project").object()?.exists() { Shape::Newer } else { Shape::Older };
        if shape == Shape::Newer {
            progress.get("progress").object()?;
        }
        let plan = Plan::read(&progress, shape, &title, &description)?;
        let created_at = document.get("created_at").string().map(str::to_owned);

        Ok(TaskDocument {
            path: path.into(),
            shape,
            status,
            title,
            description,
            created_at,
            abort_reason,
            config,
            plan,
            old_history,
            raw: Rc::new(data),
        })
    }

    /// The document as it is once `fields` are written to it.
    ///
    /// # Errors
    /// As [`TaskDocument::read`], where the writes make it unusable.
    pub fn apply(&self, fields: &[FieldWrite]) -> Result<TaskDocument, EngineError> {
        let mut data = (*self.raw).clone();
        for field in fields {
            write_field(&mut data, &field.path, field);
        }
        TaskDocument::read(&self.path, data)
    }

    /// The document with its id, as callbacks get it.
    pub fn with_id(&self, task_id: &str) -> Rc<Value> {
        let mut map = self.raw.as_ref().clone();
        map.insert("id".into(), task_id.into());
        Rc::new(Value::Object(map))
    }
}

fn read_status(document: &Object<'_, '_>) -> Result<Status, EngineError> {
    let field = document.get("status");
    let word = field.required_text("one of not_started, in_progress, paused, completed, failed")?;
    Status::parse(word).ok_or_else(|| {
        let why = format!(
            "is {}, which this version of the engine does not know (it knows not_started, in_progress, \
             paused, completed, failed). Upgrade the package if a newer version wrote it",
            quoted(word)
        );
        field.refused(Code::UnsupportedSchema, &why).with("status", word)
    })
}

fn read_config(document: &Object<'_, '_>) -> Result<TaskConfig, EngineError> {
    let config = document.get("config");
    let config = config.object()?;
    let whole = config.get("max_iterations").positive()?.filter(|n| *n >= 1.0);
    Ok(TaskConfig {
        system_prompt: config.get("system_prompt").optional_text()?,
        auto_approve: config.get("auto_approve").boolean()?.unwrap_or(true),
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // rounds down, saturates
        max_iterations: whole.map(|n| n as u64),
        model: config.get("model").optional_text()?,
        timeout_minutes: config.get("timeout_minutes").positive()?,
    })
}

/// Writes one field as stores do: what stands in the way of the path becomes an object.
fn write_field(map: &mut Map<String, Value>, path: &[String], field: &FieldWrite) {
    let Some((key, rest)) = path.split_first() else { return };
    if !rest.is_empty() {
        if field.delete && !map.get(key).is_some_and(Value::is_object) {
            return;
        }
        let inner = map.entry(key.clone()).or_insert(Value::Null);
        if !inner.is_object() {
            *inner = Value::Object(Map::new());
        }
        if let Value::Object(inner) = inner {
            write_field(inner, rest, field);
        }
        return;
    }
    match &field.value {
        _ if field.delete => {
            map.shift_remove(key);
        }
        Some(value) => {
            map.insert(key.clone(), value.clone());
        }
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn callbacks_get_a_task_under_the_id_of_its_document_whatever_id_stands_in_it() {
        for own in [json!({}), json!({ "id": "another" }), json!({ "id": 7 })] {
            let mut document = json!({ "title": "t", "status": "paused" });
            document.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
            assert_eq!(read(document).unwrap().with_id("t")["id"], "t");
        }
    }

    const PATH: &str = "users/u/tasks/t";

    fn read(document: Value) -> Result<TaskDocument, EngineError> {
        let Value::Object(data) = document else { panic!("an object") };
        TaskDocument::read(PATH, data)
    }

    #[test]
    fn a_document_of_the_app_is_read_as_it_stands() {
        let document = read(json!({
            "user_id": "u", "title": "Ship", "description": "it", "status": "in_progress",
            "created_at": "2025-01-02T03:04:05.678Z",
            "execution": { "api_messages": [{ "role": "user" }], "tool_results": [], "abort_reason": "enough" },
            "config": { "system_prompt": "Be brief.", "auto_approve": false, "max_iterations": 100,
                        "model": "m", "timeout_minutes": 120 },
            "progress": { "overall_percentage": 0 }
        }))
        .unwrap();
        assert_eq!(document.status, Status::InProgress);
        assert_eq!(document.shape, Shape::Older);
        assert_eq!((document.title.as_str(), document.description.as_str()), ("Ship", "it"));
        assert_eq!(document.created_at.as_deref(), Some("2025-01-02T03:04:05.678Z"));
        assert_eq!(document.abort_reason.as_deref(), Some("enough"));
        assert!(document.old_history);
        for (execution, old) in [
            (json!({ "api_messages": [1] }), true),
            (json!({ "tool_results": [1] }), true),
            (json!({ "api_messages": [], "tool_results": [] }), false),
        ] {
            let Value::Object(data) = json!({ "status": "paused", "execution": execution }) else { panic!() };
            assert_eq!(TaskDocument::read("p", data).unwrap().old_history, old, "{execution}");
        }
        assert_eq!(
            document.config,
            TaskConfig {
                system_prompt: Some("Be brief.".into()),
                auto_approve: false,
                max_iterations: Some(100),
                model: Some("m".into()),
                timeout_minutes: Some(120.0),
            }
        );
    }

    #[test]
    fn what_is_missing_or_null_is_empty() {
        let nothing = json!({ "status": "not_started" });
        let nulls = json!({
            "status": "not_started", "title": null, "description": null, "execution": null, "config": null,
            "progress": { "project": null, "milestones": null, "tasks": null }
        });
        for document in [nothing, nulls] {
            let document = read(document).unwrap();
            assert!(document.config.auto_approve && document.plan.is_single() && !document.old_history);
            assert_eq!(document.config.system_prompt, None);
            assert_eq!(document.shape, Shape::Older);
            assert_eq!((document.title.as_str(), document.abort_reason), ("", None));
        }
    }

    #[test]
    fn blank_texts_and_numbers_out_of_range_count_as_absent() {
        for (iterations, expected) in
            [(json!(-1), None), (json!(0), None), (json!(0.5), None), (json!(7.9), Some(7))]
        {
            let document = read(json!({ "status": "paused", "config": {
                "system_prompt": " \n", "model": "", "max_iterations": iterations, "timeout_minutes": -3
            } }))
            .unwrap();
            assert_eq!(document.config.max_iterations, expected);
            assert_eq!(document.config.timeout_minutes, None);
            assert_eq!((document.config.system_prompt, document.config.model), (None, None));
        }
    }

    #[test]
    fn only_a_project_makes_the_newer_shape() {
        let older = json!({ "status": "paused", "progress": { "overall_percentage": 3, "progress": "odd" } });
        assert_eq!(read(older).unwrap().shape, Shape::Older);
        let newer = json!({ "status": "paused", "progress": { "overall_percentage": 3, "project": {} } });
        assert_eq!(read(newer).unwrap().shape, Shape::Newer);
    }

    #[test]
    fn a_refusal_names_the_field_what_it_is_and_what_it_should_be() {
        let with = |progress: Value| json!({ "status": "paused", "progress": progress });
        let milestone = |m: Value| with(json!({ "milestones": [{ "id": "a" }, m] }));
        let cases = [
            (
                json!({}),
                "status",
                "is missing, expected one of not_started, in_progress, paused, completed, failed",
            ),
            (json!({ "status": 3 }), "status", "is the number 3, expected one of"),
            (json!({ "status": "paused", "title": {} }), "title", "is an object, expected a string"),
            (json!({ "status": "paused", "config": [] }), "config", "is an array of 0, expected an object"),
            (
                json!({ "status": "paused", "config": { "auto_approve": "false" } }),
                "config.auto_approve",
                "is the string \"false\", expected true or false",
            ),
            (
                json!({ "status": "paused", "config": { "max_iterations": "9" } }),
                "config.max_iterations",
                "is the string \"9\", expected a number",
            ),
            (
                json!({ "status": "paused", "execution": { "api_messages": "[]" } }),
                "execution.api_messages",
                "is the string \"[]\", expected an array",
            ),
            (with(json!("90 %")), "progress", "is the string \"90 %\", expected an object"),
            (with(json!({ "project": "p" })), "progress.project", "expected an object"),
            (
                with(json!({ "project": {}, "progress": 4 })),
                "progress.progress",
                "is the number 4, expected an object",
            ),
            (with(json!({ "milestones": {} })), "progress.milestones", "is an object, expected an array"),
            (milestone(json!(null)), "progress.milestones[1]", "is null, expected an object"),
            (
                milestone(json!({})),
                "progress.milestones[1].id",
                "is missing, expected a string that is not blank",
            ),
            (
                milestone(json!({ "id": 7 })),
                "progress.milestones[1].id",
                "is the number 7, expected a string",
            ),
            (
                milestone(json!({ "id": " " })),
                "progress.milestones[1].id",
                "is the string \" \", expected a string",
            ),
            (milestone(json!({ "id": "__x__" })), "progress.milestones[1].id", "not of the form __…__"),
            (
                milestone(json!({ "id": "a" })),
                "progress.milestones[1].id",
                "is \"a\", which an earlier milestone has: ids must be unique",
            ),
            (with(json!({ "tasks": [] })), "progress.tasks", "is an array of 0, expected an object"),
            (with(json!({ "tasks": { "m": {} } })), "progress.tasks.m", "is an object, expected an array"),
            (with(json!({ "tasks": { "m": [true] } })), "progress.tasks.m[0]", "is true, expected an object"),
            (
                with(json!({ "tasks": { "m.1 b": [{ "id": "" }] } })),
                "progress.tasks[\"m.1 b\"][0].id",
                "is the string \"\", expected a string that is not blank",
            ),
            (
                with(json!({ "tasks": { "bö-d_1": [{ "id": "" }] } })),
                "progress.tasks.bö-d_1[0].id",
                "is the string \"\", expected a string that is not blank",
            ),
            (
                with(json!({ "tasks": { "m": [{ "id": "i" }, { "id": "i" }] } })),
                "progress.tasks.m[1].id",
                "is \"i\", which an earlier item of this milestone has",
            ),
            (
                with(json!({ "tasks": { "": [{ "id": "i" }] } })),
                "progress.tasks[\"\"]",
                "has a name that stores do not",
            ),
        ];
        for (document, field, why) in cases {
            let error = read(document.clone()).expect_err(&document.to_string());
            assert_eq!(error.code, Code::InvalidTask, "{document}");
            assert_eq!(error.details.get("path"), Some(&json!(field)), "{document}");
            assert_eq!(error.details.get("document"), Some(&json!(PATH)));
            let start = format!("{PATH}: {field} ");
            assert!(error.message.starts_with(&start) && error.message.contains(why), "{}", error.message);
        }
    }

    #[test]
    fn an_unknown_status_is_a_schema_of_another_version() {
        let error = read(json!({ "status": "archived" })).unwrap_err();
        assert_eq!(error.code, Code::UnsupportedSchema);
        assert_eq!(error.details.get("status"), Some(&json!("archived")));
        assert!(error.message.starts_with("users/u/tasks/t: status is \"archived\""), "{}", error.message);
    }

    #[test]
    fn equal_item_ids_in_different_milestones_are_different_items() {
        let document = read(json!({ "status": "paused", "progress": {
            "tasks": { "a": [{ "id": "1" }], "b": [{ "id": "1" }] }
        } }))
        .unwrap();
        assert_eq!(document.plan.items().len(), 2);
    }

    #[test]
    fn applied_fields_change_what_they_name_and_nothing_else() {
        let document = read(json!({
            "status": "paused", "x": 1, "execution": { "abort_reason": "stopped", "error": "e" }, "progress": null
        }))
        .unwrap();
        let applied = document
            .apply(&[
                FieldWrite::set(&["status"], "in_progress"),
                FieldWrite::unset(&["execution", "abort_reason"]),
                FieldWrite::unset(&["metadata", "none"]),
                FieldWrite::set(&["progress", "progress", "overall"], 5),
            ])
            .unwrap();
        assert_eq!(
            Value::Object((*applied.raw).clone()),
            json!({
                "status": "in_progress", "x": 1, "execution": { "error": "e" },
                "progress": { "progress": { "overall": 5 } }
            })
        );
        assert_eq!(applied.abort_reason, None);
    }

    #[test]
    fn ids_that_stores_do_not_keep_are_refused_and_those_that_they_keep_are_not() {
        let milestone = |id: &str| {
            let tasks = json!({ id: [{ "id": "a" }] });
            read(json!({ "status": "paused", "progress": { "milestones": [{ "id": id }], "tasks": tasks } }))
        };
        for (id, kept) in [
            ("x".repeat(1_500), true),
            ("x".repeat(1_501), false),
            ("____".into(), false),
            ("__x__".into(), false),
            ("___".into(), true),
            (" ".into(), false),
            (String::new(), false),
        ] {
            assert_eq!(milestone(&id).is_ok(), kept, "{id:.20}");
        }
        for (id, taken) in [(" ", false), ("a", true)] {
            let tasks = json!({ "m": [{ "id": id }] });
            assert_eq!(read(json!({ "status": "paused", "progress": { "tasks": tasks } })).is_ok(), taken);
        }
    }

    #[test]
    fn no_minutes_are_no_limit() {
        for (minutes, limit) in [(json!(0), None), (json!(-1), None), (json!(0.5), Some(0.5))] {
            let document =
                read(json!({ "status": "paused", "config": { "timeout_minutes": minutes } })).unwrap();
            assert_eq!(document.config.timeout_minutes, limit);
        }
    }

    #[test]
    fn what_is_deleted_leaves_the_order_of_the_rest() {
        let document = read(json!({ "a": 1, "b": 2, "status": "paused", "c": 3, "d": 4 })).unwrap();
        let after = document.apply(&[FieldWrite::unset(&["a"])]).unwrap();
        assert_eq!(after.raw.keys().collect::<Vec<_>>(), ["b", "status", "c", "d"]);
    }
}
