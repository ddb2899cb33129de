//! What holds for every document, however odd.

use super::plan::Done;
use super::plan::Shape;
use super::rollup::{progress, reopen, roll_up};
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

/// A document that reads well, in either shape, with fields that the engine does not know.
fn any_document() -> impl Strategy<Value = TaskDocument> {
    let unknown = || prop::collection::vec(("x_[a-c]", any_json()), 0..3);
    let status = || {
        prop::sample::select(vec![
            json!("not_started"),
            json!("in_progress"),
            json!("completed"),
            json!(3),
            json!(null),
        ])
    };
    let number =
        || prop_oneof![any::<f64>().prop_map(Value::from), (0..101u32).prop_map(Value::from), any_json()];
    let stamp =
        || prop::sample::select(vec![json!(null), json!(""), json!("2020-01-01T00:00:00.000Z"), json!({})]);
    let stamps = move || {
        let name = prop::sample::select(vec![
            "started_at",
            "started",
            "completed_at",
            "completed",
            "completed_date",
        ]);
        prop::collection::vec((name.prop_map(str::to_owned), stamp()), 0..3)
    };
    let element = move |ids: Vec<&'static str>| {
        let fields = (status(), number(), number(), stamps(), unknown());
        prop::collection::btree_map(prop::sample::select(ids), fields, 0..4).prop_map(|elements| {
            let element = elements.into_iter().map(|(id, (status, progress, total, stamps, unknown))| {
                let mut map: Map<String, Value> = unknown.into_iter().collect();
                map.extend([("id".to_owned(), json!(id)), ("status".to_owned(), status)]);
                map.extend([("progress".to_owned(), progress), ("tasks_total".to_owned(), total)]);
                map.extend(stamps);
                Value::Object(map)
            });
            element.collect::<Vec<Value>>()
        })
    };
    let groups = prop::collection::btree_map(
        prop::sample::select(vec!["m1", "m2", "m3", "stray"]),
        element(vec!["a", "b", "c"]),
        0..4,
    );
    let pointers =
        (number(), prop::sample::select(vec!["m1", "m2", "", "zz"]), prop::sample::select(vec!["a", "zz"]));
    (any::<bool>(), element(vec!["m1", "m2", "m3"]), groups, pointers, unknown()).prop_map(
        |(newer, milestones, tasks, (overall, milestone, item), unknown)| {
            let mut progress: Map<String, Value> = unknown.iter().cloned().collect();
            progress
                .extend([("milestones".to_owned(), json!(milestones)), ("tasks".to_owned(), json!(tasks))]);
            progress.insert("current_milestone".into(), json!(milestone));
            if item == "a" {
                progress.insert("current_task".into(), json!(item));
            }
            if newer {
                progress.insert("project".into(), json!({ "x": overall, "current_milestone": milestone }));
                progress.insert("progress".into(), json!({ "planning": 1, "overall": overall }));
            }
            progress.insert("overall_percentage".into(), overall);
            let mut data: Map<String, Value> = unknown.into_iter().collect();
            data.extend([
                ("status".to_owned(), json!("in_progress")),
                ("progress".to_owned(), json!(progress)),
            ]);
            TaskDocument::read(PATH, data).unwrap()
        },
    )
}

/// The document with every field blanked that a roll-up may write.
fn without_what_a_roll_up_writes(doc: &TaskDocument) -> String {
    const ITEM: [&str; 3] = ["status", "completed_at", "completed_date"];
    const MILESTONE: [&str; 8] = [
        "status",
        "progress",
        "tasks_completed",
        "tasks_total",
        "started_at",
        "started",
        "completed_at",
        "completed",
    ];
    fn strip(elements: &mut Value, names: &[&str]) {
        for element in elements.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
            names.iter().for_each(|name| drop(element.shift_remove(*name)));
        }
    }
    let mut data = (*doc.raw).clone();
    let progress = data["progress"].as_object_mut().unwrap();
    strip(&mut progress["milestones"], &MILESTONE);
    progress["tasks"].as_object_mut().unwrap().values_mut().for_each(|items| strip(items, &ITEM));
    for name in ["current_milestone", "current_task"] {
        progress.shift_remove(name);
    }
    let (whole, part) =
        if progress.contains_key("project") { ("progress", "overall") } else { ("", "overall_percentage") };
    match progress.get_mut(whole).and_then(Value::as_object_mut) {
        Some(inner) => inner.shift_remove(part),
        None => progress.shift_remove(part),
    };
    if let Some(project) = progress.get_mut("project").and_then(Value::as_object_mut) {
        project.shift_remove("current_milestone");
        project.shift_remove("status");
    }
    Value::Object(data).to_string()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn a_roll_up_is_complete_at_once_and_touches_nothing_unknown(
        doc in any_document(), picks in any::<[bool; 16]>(), current in any::<prop::sample::Index>(), anew in any::<bool>(),
    ) {
        let items = doc.plan.items();
        let done: Done = items.iter().zip(picks).filter(|(_, pick)| *pick).map(|(item, _)| item.key.clone()).collect();
        let current = items.get(current.index(items.len() + 1)).map(|item| &item.key);
        let done = if anew { Done::new() } else { done };
        let first = match anew {
            true => reopen(&doc, current, "2025-06-01T12:00:00.000Z"),
            false => roll_up(&doc, &done, current, "2025-06-01T12:00:00.000Z"),
        };
        let after = doc.apply(&first.fields).unwrap();
        let second = roll_up(&after, &done, current, "2025-06-01T13:00:00.000Z");
        prop_assert_eq!(&second.fields, &vec![]);
        prop_assert_eq!(&second.progress, &first.progress);
        prop_assert_eq!(&progress(&after, &done), &first.progress);
        prop_assert!(first.progress.overall <= 100);
        prop_assert_eq!(without_what_a_roll_up_writes(&after), without_what_a_roll_up_writes(&doc));

        let shown = after.plan.externally_completed(&Done::new());
        prop_assert!(items.iter().all(|it| done.contains(&it.key) <= (shown.contains(&it.key) || after.plan.is_single())));
        if anew {
            prop_assert!(shown.is_empty());
        }
        let points = doc.shape == Shape::Older || doc.raw["progress"].get("current_task").is_some();
        if let Some(current) = current.filter(|key| points && !done.contains(key) && !doc.plan.is_single()) {
            prop_assert_eq!(after.plan.next_item(&done).map(|item| item.key), Some(current.clone()));
        }
    }
}
