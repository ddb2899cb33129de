use super::*;
use serde_json::json;

const AT: &str = "2025-06-01T12:00:00.000Z";

fn document(progress: Value) -> TaskDocument {
    let Value::Object(data) = json!({ "status": "in_progress", "title": "T", "progress": progress }) else {
        panic!("an object")
    };
    TaskDocument::read("users/u/tasks/t", data).unwrap()
}

fn key(milestone: &str, item: &str) -> ItemKey {
    ItemKey { milestone: Some(milestone.into()), item: item.into() }
}

fn item(id: &str, status: &str) -> Value {
    json!({ "id": id, "name": id, "status": status })
}

/// Two milestones, three items and one, nothing begun.
fn older() -> TaskDocument {
    document(json!({
        "current_milestone": "", "current_task": "", "overall_percentage": 0,
        "milestones": [
            { "id": "m1", "name": "One", "status": "not_started", "progress": 0, "tasks_completed": 0,
              "tasks_total": 3, "colour": "red" },
            { "id": "m2", "name": "Two", "status": "not_started", "progress": 0, "tasks_completed": 0, "tasks_total": 1 }
        ],
        "tasks": {
            "m1": [item("a", "not_started"), item("b", "not_started"), item("c", "not_started")],
            "m2": [item("a", "not_started")]
        }
    }))
}

fn newer() -> TaskDocument {
    document(json!({
        "project": { "name": "P", "current_milestone": "m0", "status": "active" },
        "milestones": [{ "id": "m1", "status": "not_started", "progress": 0, "tasks_completed": 0, "tasks_total": 1 }],
        "tasks": { "m1": [item("a", "not_started")] },
        "progress": { "planning": 80, "overall": 0 },
        "overall_percentage": 17,
        "notes": ["keep"]
    }))
}

fn written(roll_up: &RollUp) -> Vec<(String, Value)> {
    let value = |field: &FieldWrite| field.value.clone().expect("a roll-up deletes nothing");
    roll_up.fields.iter().map(|field| (field.path.join("."), value(field))).collect()
}

fn after(doc: &TaskDocument, roll_up: &RollUp) -> TaskDocument {
    doc.apply(&roll_up.fields).unwrap()
}

#[test]
fn beginning_an_item_writes_the_item_its_milestone_and_the_pointers() {
    let rolled = roll_up(&older(), &Done::new(), Some(&key("m1", "a")), AT);
    assert_eq!(
        written(&rolled),
        [
            (
                "progress.tasks.m1".into(),
                json!([item("a", "in_progress"), item("b", "not_started"), item("c", "not_started")])
            ),
            (
                "progress.milestones".into(),
                json!([
                    { "id": "m1", "name": "One", "status": "in_progress", "progress": 0, "tasks_completed": 0,
                      "tasks_total": 3, "colour": "red", "started_at": AT },
                    { "id": "m2", "name": "Two", "status": "not_started", "progress": 0, "tasks_completed": 0,
                      "tasks_total": 1 }
                ])
            ),
            ("progress.current_milestone".into(), json!("m1")),
            ("progress.current_task".into(), json!("a")),
        ]
    );
}

#[test]
fn completing_items_rounds_milestones_and_their_mean() {
    let rolled = roll_up(&older(), &Done::from([key("m1", "a"), key("m1", "b")]), Some(&key("m1", "c")), AT);
    let first = &rolled.progress.milestones[0];
    assert_eq!((&first["progress"], &first["tasks_completed"]), (&json!(67), &json!(2)));
    assert_eq!(rolled.progress.overall, 34, "the mean of 67 and 0, half up");
    assert_eq!(rolled.progress.tasks["m1"][0]["completed_at"], json!(AT));
    assert_eq!(rolled.progress.tasks["m1"][2]["status"], json!("in_progress"));
    assert!(written(&rolled).contains(&("progress.overall_percentage".into(), json!(34))));
}

#[test]
fn the_last_item_of_a_milestone_completes_it() {
    let rolled = roll_up(&older(), &Done::from([key("m2", "a")]), None, AT);
    let second = &rolled.progress.milestones[1];
    assert_eq!(second["status"], json!("completed"));
    assert_eq!(
        (&second["progress"], &second["completed_at"], &second["started_at"]),
        (&json!(100), &json!(AT), &json!(AT))
    );
    assert_eq!(rolled.progress.overall, 50);
    assert!(
        written(&rolled)
            .iter()
            .all(|(path, _)| path != "progress.tasks.m1" && path != "progress.current_task")
    );
}

#[test]
fn the_newer_shape_is_written_under_its_own_names() {
    let rolled = roll_up(&newer(), &Done::from([key("m1", "a")]), Some(&key("m1", "a")), AT);
    assert_eq!(
        written(&rolled),
        [
            (
                "progress.tasks.m1".into(),
                json!([{ "id": "a", "name": "a", "status": "completed", "completed_at": AT }])
            ),
            (
                "progress.milestones".into(),
                json!([{ "id": "m1", "status": "completed", "progress": 100, "tasks_completed": 1, "tasks_total": 1,
                         "started_at": AT, "completed_at": AT }])
            ),
            ("progress.project.current_milestone".into(), json!("m1")),
            ("progress.progress.overall".into(), json!(100)),
        ]
    );
}

#[test]
fn a_foreign_current_task_in_the_newer_shape_is_kept_in_step() {
    let doc = newer().apply(&[FieldWrite::set(&["progress", "current_task"], "elsewhere")]).unwrap();
    let rolled = roll_up(&doc, &Done::new(), Some(&key("m1", "a")), AT);
    assert!(written(&rolled).contains(&("progress.current_task".into(), json!("a"))));
}

#[test]
fn timestamps_go_under_the_names_that_the_elements_use() {
    let doc = document(json!({
        "milestones": [
            { "id": "m0", "status": "completed", "started": "x", "completed": "y" },
            { "id": "m1", "status": "not_started" },
            { "id": "m2", "status": "not_started", "started": null, "completed": "" },
            { "id": "m3", "status": "in_progress", "started": "then" }
        ],
        "tasks": {
            "m1": [json!({ "id": "a", "completed_date": null }), json!({ "id": "b" })],
            "m2": [item("a", "not_started")],
            "m3": [item("a", "not_started")]
        }
    }));
    let done = Done::from([key("m1", "a"), key("m1", "b"), key("m2", "a"), key("m3", "a")]);
    let progress = roll_up(&doc, &done, None, AT).progress;
    let milestone = |at: usize, name: &str| progress.milestones[at].get(name).cloned();
    assert_eq!((milestone(1, "started"), milestone(1, "completed")), (Some(json!(AT)), Some(json!(AT))));
    assert_eq!((milestone(1, "started_at"), milestone(2, "started")), (None, Some(json!(AT))));
    assert_eq!((milestone(2, "started_at"), milestone(2, "completed")), (None, Some(json!(AT))));
    assert_eq!((milestone(3, "started"), milestone(3, "completed")), (Some(json!("then")), Some(json!(AT))));
    for item in progress.tasks["m1"].as_array().unwrap() {
        assert_eq!(item["completed_date"], json!(AT));
    }
}

#[test]
fn what_the_journal_holds_as_done_is_asserted_again_over_a_stale_array() {
    let done = Done::from([key("m1", "a"), key("m2", "a")]);
    let doc = older();
    let stale = doc.raw["progress"]["tasks"].clone();
    let up_to_date = after(&doc, &roll_up(&doc, &done, None, AT));
    let overwritten = up_to_date.apply(&[FieldWrite::set(&["progress", "tasks"], stale)]).unwrap();
    let again = roll_up(&overwritten, &done, None, "2025-06-01T13:00:00.000Z");
    let paths: Vec<_> = written(&again).into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["progress.tasks.m1", "progress.tasks.m2"], "the milestones were right already");
}

#[test]
fn a_completion_by_others_stays_and_counts() {
    let doc = older()
        .apply(&[FieldWrite::set(&["progress", "tasks", "m2"], json!([item("a", "completed")]))])
        .unwrap();
    let rolled = roll_up(&doc, &Done::new(), None, AT);
    assert_eq!(rolled.progress.milestones[1]["status"], json!("completed"));
    assert_eq!(rolled.progress.tasks["m2"][0].get("completed_at"), None, "when they did it, we do not know");
    assert_eq!(rolled.progress.overall, 50);
}

#[test]
fn a_new_item_opens_a_completed_milestone_again() {
    let doc = older();
    let done = Done::from([key("m2", "a")]);
    let complete = after(&doc, &roll_up(&doc, &done, None, AT));
    let mut items = complete.raw["progress"]["tasks"]["m2"].clone();
    items.as_array_mut().unwrap().push(item("late", "not_started"));
    let grown = complete.apply(&[FieldWrite::set(&["progress", "tasks", "m2"], items)]).unwrap();
    let second = &roll_up(&grown, &done, None, AT).progress.milestones[1];
    assert_eq!(
        (&second["status"], &second["progress"], &second["tasks_total"]),
        (&json!("in_progress"), &json!(50), &json!(2))
    );
    assert_eq!((second.get("completed_at"), &second["started_at"]), (None, &json!(AT)));
}

#[test]
fn a_milestone_without_items_keeps_what_it_says() {
    let doc = document(json!({
        "milestones": [
            { "id": "m1", "status": "in_progress", "progress": 30 },
            { "id": "m2", "status": "completed" },
            { "id": "m3", "status": "odd", "progress": "much" },
            { "id": "m4", "status": "not_started" }
        ],
        "tasks": { "m4": [item("a", "not_started")] }
    }));
    let rolled = roll_up(&doc, &Done::from([key("m4", "a")]), None, AT);
    assert_eq!(rolled.progress.milestones[..3], doc.raw["progress"]["milestones"].as_array().unwrap()[..3]);
    assert_eq!(rolled.progress.overall, 58, "the mean of 30, 100, 0 and 100, half up");
}

#[test]
fn without_milestones_the_share_of_items_counts() {
    let doc = document(
        json!({ "tasks": { "x": [item("a", "not_started"), item("b", "not_started"), item("c", "completed")] } }),
    );
    assert_eq!(progress(&doc, &Done::from([key("x", "a")])).overall, 67);
}

#[test]
fn items_under_no_milestone_have_nothing_to_roll_up_to() {
    let doc = document(json!({
        "milestones": [{ "id": "m1", "status": "completed", "progress": 100, "tasks_completed": 1, "tasks_total": 1 }],
        "tasks": { "m1": [item("a", "completed")], "stray": [item("s", "not_started")] },
        "overall_percentage": 100
    }));
    let rolled = roll_up(&doc, &Done::new(), Some(&key("stray", "s")), AT);
    let paths: Vec<_> = written(&rolled).into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["progress.tasks.stray", "progress.current_milestone", "progress.current_task"]);
}

#[test]
fn a_task_that_is_its_own_item_goes_from_0_to_100() {
    let done = Done::from([ItemKey { milestone: None, item: "task".into() }]);
    for doc in [
        document(json!({ "overall_percentage": 0 })),
        document(json!({ "milestones": [{ "id": "m" }], "overall_percentage": 0 })),
    ] {
        let current = doc.plan.next_item(&Done::new()).unwrap().key;
        assert_eq!(roll_up(&doc, &Done::new(), Some(&current), AT).fields, []);
        assert_eq!(
            written(&roll_up(&doc, &done, None, AT)),
            [("progress.overall_percentage".into(), json!(100))]
        );
    }
}

#[test]
fn a_number_that_is_right_is_not_written_again_for_its_form() {
    let doc = document(json!({
        "milestones": [{ "id": "m1", "status": "in_progress", "progress": 50.0, "tasks_completed": 1.0, "tasks_total": 2.0 }],
        "tasks": { "m1": [item("a", "completed"), item("b", "not_started")] },
        "overall_percentage": 50.0
    }));
    assert_eq!(roll_up(&doc, &Done::new(), None, AT).fields, []);
}

#[test]
fn an_item_that_is_not_in_the_document_moves_no_pointer() {
    let rolled = roll_up(&older(), &Done::new(), Some(&key("m9", "gone")), AT);
    assert_eq!(rolled.fields, []);
}

#[test]
fn reading_progress_stamps_nothing() {
    let progress = progress(&older(), &Done::from([key("m2", "a")]));
    assert_eq!((progress.overall, &progress.milestones[1]["status"]), (50, &json!("completed")));
    assert_eq!(progress.milestones[1].get("completed_at"), None);
    assert_eq!(progress.tasks["m2"][0].get("completed_at"), None);
}

#[test]
fn reopening_takes_every_completion_and_time_back() {
    let fresh = older();
    let all: Done = fresh.plan.items().iter().map(|item| item.key.clone()).collect();
    let finished = after(&fresh, &roll_up(&fresh, &all, Some(&key("m2", "a")), AT));
    let reopened = after(&finished, &reopen(&finished, None, AT));
    let mut expected = fresh.raw["progress"].clone();
    expected["current_milestone"] = json!("m1");
    expected["current_task"] = json!("a");
    assert_eq!(reopened.raw["progress"], expected);
    assert_eq!(reopened.plan.externally_completed(&Done::new()), []);
}

#[test]
fn reopening_may_begin_an_item_in_the_same_write() {
    let fresh = older();
    let all: Done = fresh.plan.items().iter().map(|item| item.key.clone()).collect();
    let finished = after(&fresh, &roll_up(&fresh, &all, None, "2020-01-01T00:00:00.000Z"));
    let begun = after(&finished, &reopen(&finished, Some(&key("m1", "b")), AT));
    let progress = &begun.raw["progress"];
    assert_eq!(progress["tasks"]["m1"][1]["status"], json!("in_progress"));
    assert_eq!(progress["milestones"][0]["started_at"], json!(AT));
    assert_eq!((&progress["current_task"], &progress["overall_percentage"]), (&json!("b"), &json!(0)));
}

#[test]
fn a_document_that_has_dates_of_earlier_names_only_gets_those() {
    for (milestone, element) in [
        (json!({ "id": "m1", "started": "x" }), item("a", "not_started")),
        (json!({ "id": "m1" }), json!({ "id": "a", "completed_date": null })),
    ] {
        let doc = document(json!({ "milestones": [milestone], "tasks": { "m1": [element] } }));
        let progress = roll_up(&doc, &Done::from([key("m1", "a")]), None, AT).progress;
        assert_eq!(progress.milestones[0]["completed"], json!(AT));
        assert_eq!(progress.tasks["m1"][0]["completed_date"], json!(AT));
    }
    let mixed = document(json!({
        "milestones": [{ "id": "m1", "started_at": "x" }], "tasks": { "m1": [{ "id": "a", "completed_date": "" }] }
    }));
    let progress = roll_up(&mixed, &Done::from([key("m1", "a")]), None, AT).progress;
    assert_eq!(progress.milestones[0]["completed_at"], json!(AT));
    assert_eq!(progress.tasks["m1"][0]["completed_date"], json!(AT));
}

#[test]
fn an_item_without_a_date_gets_one_of_the_name_that_its_siblings_use_and_the_usual_one_where_they_use_both() {
    let named = |name: &str| json!({ "id": name, "status": "completed", name: "before" });
    for (siblings, name) in [
        (vec!["completed_date"], "completed_date"),
        (vec!["completed_date", "completed_at"], "completed_at"),
        (vec!["completed_at"], "completed_at"),
        (vec![], "completed_at"),
    ] {
        let mut items: Vec<Value> = siblings.iter().map(|name| named(name)).collect();
        items.push(item("a", "not_started"));
        let milestones = json!([{ "id": "m1", "started_at": "x" }]);
        let doc = document(json!({ "milestones": milestones, "tasks": { "m1": items } }));
        let progress = roll_up(&doc, &Done::from([key("m1", "a")]), None, AT).progress;
        let done = progress.tasks["m1"].as_array().unwrap().last().unwrap();
        assert_eq!(done.get(name), Some(&json!(AT)), "{siblings:?}");
    }
}

#[test]
fn the_projects_status_follows_the_plan_unless_it_is_a_word_of_the_apps_own() {
    let doc = |status: Value, items: Value| {
        let mut project = json!({ "name": "P" });
        if !status.is_null() {
            project["status"] = status;
        }
        document(json!({ "project": project, "milestones": [{ "id": "m1" }], "tasks": { "m1": items } }))
    };
    let written = |doc: &TaskDocument, done: &Done, current: Option<&ItemKey>| {
        let fields = written(&roll_up(doc, done, current, AT));
        fields.into_iter().find(|(path, _)| path == "progress.project.status").map(|(_, value)| value)
    };
    let open = || json!([item("a", "not_started"), { "id": "b" }]);
    let (none, all) = (Done::new(), Done::from([key("m1", "a"), key("m1", "b")]));
    let first = key("m1", "a");
    assert_eq!(written(&doc(json!("not_started"), open()), &none, Some(&first)), Some(json!("in_progress")));
    assert_eq!(written(&doc(json!("in_progress"), open()), &none, Some(&first)), None);
    assert_eq!(written(&doc(json!("in_progress"), open()), &all, None), Some(json!("completed")));
    assert_eq!(written(&doc(json!(null), open()), &all, None), Some(json!("completed")));
    assert_eq!(
        written(&doc(json!("completed"), open()), &Done::from([first.clone()]), None),
        Some(json!("in_progress"))
    );
    assert_eq!(written(&doc(json!("on hold"), open()), &all, None), None);
    assert_eq!(written(&older(), &none, Some(&first)), None, "the older shape has no project");

    let single = doc(json!("not_started"), json!([]));
    let task = ItemKey { milestone: None, item: "task".into() };
    assert_eq!(written(&single, &none, Some(&task)), Some(json!("in_progress")));
    assert_eq!(written(&single, &Done::from([task]), None), Some(json!("completed")));
    let begun = doc(json!("completed"), json!([item("a", "completed")]));
    assert!(
        reopen(&begun, None, AT)
            .fields
            .contains(&FieldWrite::set(&["progress", "project", "status"], "not_started"))
    );
}

#[test]
fn a_milestone_that_others_have_begun_stays_so_though_none_of_its_items_is() {
    let mut doc = older();
    doc = doc
        .apply(&[FieldWrite::set(
            &["progress", "milestones"],
            json!([{ "id": "m1", "status": "in_progress" }]),
        )])
        .unwrap();
    let rolled = roll_up(&doc, &Done::new(), None, AT);
    assert_eq!(rolled.progress.milestones[0]["status"], "in_progress");
}

#[test]
fn a_milestone_without_items_is_no_part_of_a_new_start() {
    let bare = json!({ "id": "m0", "status": "completed", "completed_at": "before", "progress": 100 });
    let done = json!({ "id": "m1", "status": "completed", "completed_at": "before", "started_at": "before" });
    let doc = document(
        json!({ "milestones": [bare, done], "tasks": { "m0": [], "m1": [item("a", "completed")] } }),
    );
    let milestones = reopen(&doc, None, AT).progress.milestones;
    assert_eq!(milestones[0], bare);
    assert_eq!((&milestones[1]["status"], milestones[1].get("completed_at")), (&json!("not_started"), None));
    assert_eq!(milestones[1].get("started_at"), None);
}

#[test]
fn a_time_goes_where_an_empty_one_stands() {
    let open = json!({ "id": "a", "status": "not_started", "completed_date": "" });
    let doc = document(
        json!({ "milestones": [], "tasks": { "m1": [open, { "id": "b", "completed_at": "before" }] } }),
    );
    let items = roll_up(&doc, &Done::from([key("m1", "a")]), None, AT).progress.tasks["m1"].clone();
    assert_eq!((&items[0]["completed_date"], items[0].get("completed_at")), (&json!(AT), None));
}
