//! What holds for every document, however odd.

use super::task::TaskDocument;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const PATH: &str = "users/u/tasks/t";

fn any_json() -> impl Strategy<Value = Value> {
    const WORDS: [&str; 22] = [
        "status",
        "title",
        "progress",
        "milestones",
        "tasks",
        "project",
        "id",
        "name",
        "config",
        "execution",
        "m1",
        "m2",
        "in_progress",
        "not_started",
        "completed",
        "current_task",
        "current_milestone",
        "auto_approve",
        "max_iterations",
        "api_messages",
        "tool_results",
        "",
    ];
    let word =
        prop_oneof![4 => prop::sample::select(&WORDS[..]).prop_map(str::to_owned), 1 => any::<String>()];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 80, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((word.clone(), inner), 0..8)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn no_value_makes_reading_panic(
        status in prop_oneof![Just(json!("in_progress")), any_json()],
        progress in any_json(), milestones in any_json(), tasks in any_json(), config in any_json(), rest in any_json(),
    ) {
        let mut data = match rest { Value::Object(map) => map, _ => Map::new() };
        let progress = match progress {
            Value::Object(mut map) => {
                map.insert("milestones".into(), milestones);
                map.insert("tasks".into(), tasks);
                Value::Object(map)
            }
            other => other,
        };
        data.extend([("status".to_owned(), status), ("progress".to_owned(), progress), ("config".to_owned(), config)]);
        if let Err(error) = TaskDocument::read(PATH, data) {
            prop_assert!(error.details.contains_key("path"), "{}", error.message);
        }
    }
}
