//! createTask, what is saved from outside, and delete.

use super::*;
use crate::facts::task::TaskDocument;
use crate::store::StoreErrorCode;
use crate::testkit::{Fault, Op};

fn create(world: &mut World, task: Value) -> Result<Value, EngineError> {
    run(world, "createTask", json!({ "taskId": "", "task": task }))
}

#[test]
fn a_created_task_has_the_newer_shape_and_readable_ids() {
    let mut world = World::new();
    let plan = json!([
        { "name": "First", "items": [{ "name": "A", "description": "do a" }, { "name": "B" }] },
        { "name": "Second", "description": "then", "items": [{ "name": "C" }] },
    ]);
    let given = json!({ "title": "Ship", "milestones": plan, "config": { "auto_approve": false },
                        "metadata": { "tags": ["x"] } });
    let task = create(&mut world, given).unwrap();
    let id = task["id"].as_str().unwrap();
    let mut stored = world.store.get(&format!("users/u/tasks/{id}")).unwrap();
    let Value::Object(data) = stored.clone() else { panic!("an object") };
    assert_eq!(TaskDocument::read("p", data).unwrap().plan.items().len(), 3);
    stored["id"] = json!(id);
    assert_eq!(stored, task);

    assert_eq!((&task["status"], &task["machine_id"]), (&json!("not_started"), &json!("default")));
    assert_eq!(task["created_at"], "2024-02-29T12:00:01.000Z");
    assert_eq!(task["config"], json!({ "system_prompt": "", "auto_approve": false }));
    assert_eq!(task["metadata"]["tags"], json!(["x"]));
    assert_eq!(task["execution"], json!({ "api_messages": [], "task_messages": [], "tool_results": [] }));
    let progress = &task["progress"];
    assert_eq!(progress["project"]["current_milestone"], "milestone-1");
    assert_eq!(progress["progress"]["overall"], 0);
    assert_eq!(progress["milestones"][1]["tasks_total"], 1);
    assert_eq!(progress["tasks"]["milestone-1"][1]["id"], "task-1-2");
    assert_eq!(progress["tasks"]["milestone-2"][0]["name"], "C");
}

#[test]
fn a_created_task_passes_the_newest_schema_of_the_app() {
    let task = create(&mut World::new(), json!({ "title": "Ship" })).unwrap();
    let documentation = &task["progress"]["documentation"];
    for kind in ["design_documents", "milestone_documents", "pattern_documents", "task_documents"] {
        assert_eq!(documentation[kind], 0, "{kind}");
    }
    assert_eq!(documentation["last_updated"], task["created_at"]);
    assert_eq!(documentation.as_object().unwrap().len(), 5);
    assert_eq!(task["progress"]["project"]["status"], "not_started");
    assert_eq!(task["working_directory"], "");
}

#[test]
fn a_call_that_is_made_again_with_its_id_returns_the_task_that_is_there() {
    let mut world = World::new();
    let first = create(&mut world, json!({ "id": "mine", "title": "Ship" })).unwrap();
    assert_eq!((&first["id"], &first["title"]), (&json!("mine"), &json!("Ship")));
    assert_eq!(world.store.get("users/u/tasks/mine").unwrap().get("id"), None, "the app adds it");
    world.store.patch(
        "users/u/tasks/mine",
        &[FieldWrite::set(&["status"], "paused")],
        crate::time::Instant(5),
    );
    let again = create(&mut world, json!({ "id": "mine", "title": "Another" })).unwrap();
    assert_eq!((&again["id"], &again["title"]), (&json!("mine"), &json!("Ship")));
    assert_eq!(again["status"], "paused", "as it is by now");
    assert_eq!(world.store.paths("users/u/tasks/").len(), 1);

    let mut world = World::new();
    world.faults.add(Op::Commit, "mine", 0, 1, Fault::Lied(StoreErrorCode::Unavailable));
    assert_eq!(create(&mut world, json!({ "id": "mine", "title": "Ship" })).unwrap()["title"], "Ship");
    for id in [json!(7), json!(""), json!("a/b"), json!("..")] {
        let refused = create(&mut world, json!({ "id": id, "title": "t" })).unwrap_err();
        assert_eq!(refused.code, Code::InvalidArgument, "{id}");
    }
}

#[test]
fn what_is_given_beyond_the_known_fields_is_kept_and_nothing_known_is_overwritten() {
    let items = json!([{ "name": "A", "estimated_hours": 2, "status": "completed", "nothing": null }]);
    let given = json!({ "title": "t", "colour": "red", "status": "completed", "created_at": "then",
        "milestones": [{ "name": "M", "owner": "bob", "tasks_total": 9, "items": items }] });
    let task = create(&mut World::new(), given).unwrap();
    assert_eq!((&task["colour"], &task["status"]), (&json!("red"), &json!("not_started")));
    assert_ne!(task["created_at"], "then");
    let milestone = &task["progress"]["milestones"][0];
    assert_eq!((&milestone["owner"], &milestone["tasks_total"]), (&json!("bob"), &json!(1)));
    assert!(milestone.get("items").is_none() && task.get("milestones").is_none());
    let item = &task["progress"]["tasks"]["milestone-1"][0];
    assert_eq!((&item["estimated_hours"], &item["status"]), (&json!(2), &json!("not_started")));
    assert!(item.get("nothing").is_none());
}

#[test]
fn what_cannot_be_made_into_a_task_is_named_by_its_path() {
    for (task, path) in [
        (Value::Null, "task"),
        (json!({}), "task.title"),
        (json!({ "title": "  " }), "task.title"),
        (json!({ "title": "t", "description": 3 }), "task.description"),
        (json!({ "title": "t", "milestones": {} }), "task.milestones"),
        (json!({ "title": "t", "milestones": [3] }), "task.milestones[0]"),
        (json!({ "title": "t", "milestones": [{ "items": [] }] }), "task.milestones[0].name"),
        (
            json!({ "title": "t", "milestones": [{ "name": "m", "items": [{}] }] }),
            "task.milestones[0].items[0].name",
        ),
        (json!({ "title": "t", "config": [] }), "task.config"),
        (json!({ "title": "t", "config": { "max_iterations": 0 } }), "task.config.max_iterations"),
        (json!({ "title": "t", "config": { "auto_approve": "yes" } }), "task.config.auto_approve"),
        (json!({ "title": "t", "metadata": "x" }), "task.metadata"),
    ] {
        let error = create(&mut World::new(), task).unwrap_err();
        assert_eq!(error.code, Code::InvalidArgument);
        assert_eq!(error.details["path"], json!(path), "{}", error.message);
    }
}

#[test]
fn a_task_is_created_once_although_the_reply_was_lost() {
    let mut world = World::new();
    world.faults.add(Op::Commit, "tasks", 0, 1, Fault::LostReply);
    create(&mut world, json!({ "title": "t" })).unwrap();
    assert_eq!(world.store.paths("users/u/tasks/").len(), 1);
    assert_eq!(world.count("read"), 0, "nobody else makes its id");
}

#[test]
fn a_saved_thread_message_is_a_document_of_the_app() {
    let mut world = world("in_progress");
    let arguments = json!({ "role": "system", "content": "note", "metadata": { "a": 1 } });
    let id = run(&mut world, "saveTaskMessage", arguments).unwrap();
    let stored = world.store.get(&format!("{TASK}/messages/{}", id.as_str().unwrap())).unwrap();
    assert_eq!(
        stored,
        json!({ "task_id": "t", "role": "system", "content": "note", "metadata": { "a": 1 },
                "timestamp": "2024-02-29T12:00:01.000Z" })
    );
    let wrong = |world: &mut World, arguments| refused(world, "saveTaskMessage", arguments);
    assert_eq!(wrong(&mut world, json!({ "role": "robot", "content": "x" })), Code::InvalidArgument);
    assert_eq!(wrong(&mut world, json!({ "role": "user" })), Code::InvalidArgument);
    let arguments = json!({ "role": "user", "content": "x", "metadata": 1 });
    assert_eq!(wrong(&mut world, arguments), Code::InvalidArgument);
    let arguments = json!({ "role": "user", "content": "é".repeat(600_000) });
    assert_eq!(wrong(&mut world, arguments), Code::TooLarge, "a document holds bytes");
    assert_eq!(wrong(&mut World::new(), json!({ "role": "user", "content": "x" })), Code::TaskNotFound);
}

fn message(role: &str, block: Value) -> Value {
    json!({ "message": { "role": role, "content": [block] } })
}

#[test]
fn an_api_message_is_journaled_while_nobody_runs_the_task() {
    let mut world = world("not_started");
    let text = |t: &str| json!({ "text": t });
    for (role, block) in [("user", text("hi")), ("assistant", text("hello")), ("user", text("more"))] {
        assert_eq!(run(&mut world, "saveApiMessage", message(role, block)), Ok(Value::Null));
    }
    assert_eq!((head(&world).seq, head(&world).owner, head(&world).last_run), (3, None, LastRun::None));
    let messages = run(&mut world, "apiMessages", json!({})).unwrap();
    assert_eq!(messages[1], json!({ "role": "assistant", "content": [{ "text": "hello" }] }));
    assert_eq!(messages.as_array().unwrap().len(), 3);
    assert_eq!(status(&world), json!("not_started"));
}

#[test]
fn a_run_that_owns_the_task_refuses_saved_messages() {
    let mut world = world("in_progress");
    with_head(&mut world, LastRun::Running, Some(owner()));
    for n in 0..2 {
        let error = run(&mut world, "saveApiMessage", message("user", json!({ "text": "hi" }))).unwrap_err();
        assert_eq!((error.code, &error.details["owner"]), (Code::LeaseHeld, &json!("run-1")));
        assert!(error.retryable, "it may be free later");
        assert_eq!((head(&world).epoch, head(&world).seq), (3, n), "nothing is taken");
        journal(&mut world, vec![turn(&["a"])], |_| {});
    }
}

#[test]
fn a_message_that_would_make_requests_invalid_is_refused_and_the_lease_given_back() {
    let mut world = world("paused");
    let result = json!({ "toolResult": { "toolUseId": "x", "content": [{ "text": "r" }] } });
    for (arguments, why) in [
        (message("user", result), "no use before it"),
        (message("user", json!({ "text": " " })), "blank"),
        (message("robot", json!({ "text": "t" })), "role"),
        (json!({ "message": { "role": "user", "content": [] } }), "empty"),
        (json!({ "message": "text" }), "no object"),
        (
            message("assistant", json!({ "reasoningContent": { "reasoningText": { "text": "hm" } } })),
            "a mere thought",
        ),
        (json!({}), "missing"),
    ] {
        assert_eq!(refused(&mut world, "saveApiMessage", arguments), Code::InvalidArgument, "{why}");
    }
    assert!(world.store.get(HEAD).is_none_or(|head| head.get("owner").is_none()));
    assert!(world.store.paths(&format!("{TASK}/journal/")).is_empty());
}

#[test]
fn a_message_in_the_middle_of_a_turn_is_refused() {
    let mut world = world("paused");
    with_head(&mut world, LastRun::Paused, None);
    let stated = Fact::Received { inbox: "i".into(), text: "Go on.".into(), in_thread: false, content: None };
    journal(&mut world, vec![stated, turn(&["a"])], |_| {});
    let arguments = message("user", json!({ "text": "hi" }));
    assert_eq!(refused(&mut world, "saveApiMessage", arguments), Code::InvalidArgument);
}

/// A task with a history, an inbox and a thread of that many documents each.
fn full(documents: usize) -> World {
    let mut world = world("in_progress");
    with_head(&mut world, LastRun::Running, Some(owner()));
    let at = world.now().mono;
    for collection in ["journal", "inbox", "messages"] {
        for n in 0..documents {
            world.store.put(&format!("{TASK}/{collection}/{n:08}"), json!({ "n": n }), at);
        }
    }
    world.store.put(&format!("{TASK}/engine/live"), json!({ "text": "said" }), at);
    world
}

#[test]
fn delete_removes_everything_and_the_head_last() {
    let mut world = full(450);
    assert_eq!(run(&mut world, "delete", json!({})), Ok(Value::Null));
    assert_eq!(world.store.paths("users/u"), Vec::<&str>::new());
    let writes = |n: usize| serde_json::to_value(&world.store.commits[n]).unwrap();
    let first = writes(0);
    assert_eq!(
        (&first[0]["path"], first.as_array().unwrap().len()),
        (&json!(HEAD), 1),
        "the tombstone is first"
    );
    let last = writes(world.store.commits.len() - 1);
    assert_eq!((&last[0]["op"], &last[0]["path"]), (&json!("delete"), &json!(HEAD)));
    assert_eq!(run(&mut world, "delete", json!({})), Ok(Value::Null), "again changes nothing");
}

#[test]
fn delete_keeps_the_task_where_asked_and_clears_what_cannot_be_read() {
    for broken in [json!({ "created_at": "other" }), json!({ "epoch": -1 }), json!({ "schema": "x" })] {
        let mut world = full(1);
        let at = world.now().mono;
        for (key, value) in broken.as_object().unwrap() {
            world.store.patch(HEAD, &[FieldWrite::set(&[key], value.clone())], at);
        }
        assert_eq!(run(&mut world, "delete", json!({ "keepTask": true })), Ok(Value::Null), "{broken}");
        assert_eq!(world.store.paths("users/u"), [TASK]);
        assert_eq!(run(&mut world, "state", json!({})).unwrap()["seq"], 0);
    }
    let mut world = full(1);
    let at = world.now().mono;
    world.store.patch(HEAD, &[FieldWrite::set(&["schema"], 2)], at);
    assert_eq!(refused(&mut world, "delete", json!({})), Code::UnsupportedSchema);
    assert!(world.store.commits.is_empty(), "a newer version's history is not ours to remove");
}

#[test]
fn a_tombstone_keeps_what_can_be_read_of_a_head_and_replaces_what_cannot() {
    for readable in [true, false] {
        let mut world = full(1);
        let at = world.now().mono;
        if !readable {
            world.store.patch(HEAD, &[FieldWrite::set(&["schema"], "x")], at);
        }
        let id = spawn(&mut world, "delete", json!({}));
        world.run_until(|w| w.store.commits.len() == 1);
        assert!(head(&world).deleted, "it can be read");
        assert_eq!(head(&world).history, if readable { "h" } else { "" });
        let StoreWrite::Update { fields, .. } = &world.store.commits[0][0] else { panic!("no update") };
        let mut written: Vec<String> = fields.iter().map(|field| field.path.join(".")).collect();
        written.sort();
        assert_eq!(written == ["deleted", "epoch", "owner", "write_id"], readable, "{written:?}");
        assert_eq!(world.result(id), Ok(Value::Null));
    }
}

#[test]
fn the_tombstone_of_a_head_that_cannot_be_read_can_be_and_its_deletion_goes_on_to_the_end() {
    let largest = crate::storage::head::LARGEST_NUMBER;
    for broken in [
        json!({ "since": 9 }),
        json!({ "since": "x" }),
        json!({ "created_at": 5 }),
        json!({ "fenced_off": 3 }),
        json!({ "fenced_off": { "by_epoch": 3, "ttl_ms": u64::MAX } }),
        json!({ "epoch": largest + 1 }),
        json!({ "epoch": largest }),
    ] {
        let mut world = full(1);
        let at = world.now().mono;
        for (key, value) in broken.as_object().unwrap() {
            world.store.patch(HEAD, &[FieldWrite::set(&[key], value.clone())], at);
        }
        // The first commit after the tombstone meets another writer, so that the tombstone is read.
        world.faults.add(Op::Commit, HEAD, 1, 1, Fault::Error(StoreErrorCode::Conflict));
        let id = spawn(&mut world, "delete", json!({ "keepTask": true }));
        world.run_until(|w| w.store.commits.len() == 1);
        let Some(Value::Object(data)) = world.store.get(HEAD) else { panic!("no head") };
        assert!(Head::read(HEAD, &data).is_ok_and(|head| head.deleted), "{broken}: {data:?}");
        assert_eq!(world.result(id), Ok(Value::Null));
        assert_eq!(world.store.paths("users/u"), [TASK], "{broken}");
    }
}

#[test]
fn the_tombstone_fences_off_the_run_that_owns_the_task() {
    let mut world = full(1);
    let id = spawn(&mut world, "delete", json!({}));
    world.run_until(|w| w.store.commits.len() == 1);
    let tombstone = head(&world);
    assert_eq!((tombstone.epoch, tombstone.deleted, tombstone.owner), (4, true, None));
    assert_eq!(refused(&mut world, "pause", json!({})), Code::StaleHistory);
    assert_eq!(world.result(id), Ok(Value::Null));
}

#[test]
fn an_interrupted_deletion_goes_on_where_it_was() {
    for commits in 1..8 {
        let mut world = full(250);
        let id = spawn(&mut world, "delete", json!({}));
        world.run_until(|w| w.store.commits.len() == commits);
        world.kill(id);
        assert_eq!(run(&mut world, "delete", json!({})), Ok(Value::Null));
        assert_eq!(world.store.paths("users/u"), Vec::<&str>::new(), "after {commits}");
    }
}

#[test]
fn unclear_replies_and_heartbeats_in_between_do_not_stop_a_deletion() {
    for skip in 0..5 {
        let conflict = Fault::Error(StoreErrorCode::Conflict);
        for fault in [Fault::LostReply, Fault::Silence, Fault::Lied(StoreErrorCode::Unavailable), conflict] {
            let mut world = full(3);
            world.faults.add(Op::Commit, "engine/head", skip, 1, fault);
            assert_eq!(run(&mut world, "delete", json!({})), Ok(Value::Null), "{skip} {fault:?}");
            assert_eq!(world.store.paths("users/u"), Vec::<&str>::new());
        }
    }
    let mut world = full(1);
    let id = spawn(&mut world, "delete", json!({}));
    world.run_until(|w| w.count("commit") == 1);
    let at = world.now().mono;
    world.store.patch(HEAD, &[FieldWrite::set(&["write_id"], "beat")], at);
    assert_eq!(world.result(id), Ok(Value::Null));
}

#[test]
fn a_slower_deletion_touches_nothing_of_a_task_made_again() {
    // What it sends after its tombstone, to empty one collection after the other and to remove the head, arrives when
    // another deletion is through and a new run has begun.
    for late in 1..=4 {
        let mut world = full(1);
        world.faults.add(Op::Commit, "engine/head", late, 1, Fault::Late(4_000));
        let slow = spawn(&mut world, "delete", json!({}));
        world.run_until(|w| w.count("commit") == late + 1);
        assert_eq!(run(&mut world, "delete", json!({ "seed": 8, "keepTask": true })), Ok(Value::Null));
        with_head(&mut world, LastRun::Running, Some(owner()));
        journal(&mut world, vec![turn(&["a"])], |_| {});
        assert_eq!(world.result(slow), Ok(Value::Null), "{late}");
        assert_eq!(world.store.paths(&format!("{TASK}/journal/")), [format!("{TASK}/journal/00000001")]);
        assert!(!head(&world).deleted);
        assert!(world.store.get(TASK).is_some());
    }
}

#[test]
fn a_task_without_a_head_is_deleted_with_its_thread() {
    let mut world = world("completed");
    let at = world.now().mono;
    world.store.put(&format!("{TASK}/messages/m"), json!({ "content": "x" }), at);
    assert_eq!(run(&mut world, "delete", json!({})), Ok(Value::Null));
    assert_eq!(world.store.paths("users/u"), Vec::<&str>::new());
}

#[test]
fn two_deletions_at_once_remove_everything_whatever_becomes_of_the_replies() {
    for keep_task in [false, true] {
        for skip in 0..6 {
            for fault in [None, Some(Fault::LostReply), Some(Fault::Silence), Some(Fault::Late(700))] {
                let mut world = full(250);
                if let Some(fault) = fault {
                    world.faults.add(Op::Commit, "engine/head", skip, 1, fault);
                }
                let first = spawn(&mut world, "delete", json!({ "keepTask": keep_task }));
                world.advance(3 * skip as u64);
                let second = spawn(&mut world, "delete", json!({ "seed": 8, "keepTask": keep_task }));
                assert_eq!(world.result(first), Ok(Value::Null), "{skip} {fault:?}");
                assert_eq!(world.result(second), Ok(Value::Null), "{skip} {fault:?}");
                let left: &[&str] = if keep_task { &[TASK] } else { &[] };
                assert_eq!(world.store.paths("users/u"), left, "{skip} {fault:?}");
            }
        }
    }
}

#[test]
fn a_writer_beside_a_deletion_stores_nothing_after_the_tombstone() {
    for ms in 0..60 {
        let mut world = full(0);
        let deletion = spawn(&mut world, "delete", json!({ "keepTask": true }));
        world.advance(ms);
        let before = world.store.get(HEAD);
        // A run's commit, sent on what it knew before.
        let entry = format!("{TASK}/journal/00000001");
        let writes = vec![
            StoreWrite::Update {
                path: HEAD.into(),
                fields: vec![FieldWrite::set(&["seq"], 1), FieldWrite::set(&["write_id"], "late")],
                if_version: Some("2".into()),
            },
            StoreWrite::Create { path: entry.clone(), data: serde_json::Map::new() },
        ];
        let landed = world.store.try_commit(&writes, world.now().mono).is_ok();
        let buried = before.is_none_or(|head| head["deleted"] == true);
        assert_eq!(landed, !buried, "after {ms} ms");
        assert_eq!(world.result(deletion), Ok(Value::Null), "after {ms} ms");
        assert_eq!(world.store.paths("users/u"), [TASK], "after {ms} ms");
    }
}

#[test]
fn what_is_sent_while_a_task_is_deleted_is_deleted_with_it() {
    for ms in 0..60 {
        let mut world = full(1);
        let deletion = spawn(&mut world, "delete", json!({}));
        world.advance(ms);
        // On what was read before.
        let writes = vec![
            StoreWrite::Create { path: format!("{TASK}/inbox/late"), data: serde_json::Map::new() },
            StoreWrite::Update {
                path: TASK.into(),
                fields: vec![FieldWrite::set(&["updated_at"], "later")],
                if_version: Some("1".into()),
            },
        ];
        let at = world.now().mono;
        let _ = world.store.try_commit(&writes, at);
        assert_eq!(world.result(deletion), Ok(Value::Null), "after {ms} ms");
        assert_eq!(world.store.paths("users/u"), Vec::<&str>::new(), "after {ms} ms");
    }
}

#[test]
fn a_deletion_fences_off_a_run_that_takes_the_task_while_it_begins() {
    let mut world = full(1);
    world.faults.add(Op::Commit, HEAD, 0, 1, Fault::Late(500));
    let id = spawn(&mut world, "delete", json!({ "keepTask": true }));
    world.run_until(|w| w.count("commit") == 1);
    let mut taken = head(&world);
    (taken.epoch, taken.write_id) = (7, "another's".into());
    let at = world.now().mono;
    world.store.put(HEAD, Value::Object(taken.document()), at);
    world.run_until(|w| head(w).deleted);
    assert_eq!(head(&world).epoch, 8, "later than whoever had it last");
    assert_eq!(world.result(id), Ok(Value::Null));
}

#[test]
fn a_deletion_that_another_has_finished_writes_nothing_any_more() {
    let mut world = full(1);
    world.faults.add(Op::Commit, "/journal/", 0, 1, Fault::Late(4_000));
    let slow = spawn(&mut world, "delete", json!({ "keepTask": true }));
    world.run_until(|w| w.count("commit") == 2);
    assert_eq!(run(&mut world, "delete", json!({ "seed": 8, "keepTask": true })), Ok(Value::Null));
    let commits = world.store.commits.len();
    assert_eq!(world.result(slow), Ok(Value::Null));
    assert_eq!(world.store.commits.len(), commits);
    assert!(world.store.get(HEAD).is_none());
}

#[test]
fn what_is_given_as_null_is_not_given() {
    let mut world = World::new();
    let config =
        json!({ "auto_approve": null, "system_prompt": null, "model": null, "max_iterations": null });
    let task = create(
        &mut world,
        json!({ "id": null, "title": "t", "description": null, "milestones": null, "metadata": null, "config": config }),
    )
    .unwrap();
    assert_eq!(task["config"], json!({ "system_prompt": "", "auto_approve": true }));
    assert_eq!((&task["description"], task.get("metadata")), (&json!(""), None));
    let task = create(&mut world, json!({ "title": "t", "config": null })).unwrap();
    assert_eq!(task["config"]["auto_approve"], true);
}

#[test]
fn a_task_that_is_removed_while_it_is_created_again_is_left_to_the_caller_to_create() {
    let mut world = World::new();
    world.faults.add(Op::Commit, "mine", 0, 1, Fault::Error(StoreErrorCode::Conflict));
    let error = create(&mut world, json!({ "id": "mine", "title": "Ship" })).unwrap_err();
    assert_eq!((error.code, error.retryable), (Code::StoreUnavailable, true));
}

#[test]
fn a_thread_message_whose_reply_is_lost_is_saved_once() {
    let mut world = world("in_progress");
    world.faults.add(Op::Commit, "messages", 0, 1, Fault::LostReply);
    let id = run(&mut world, "saveTaskMessage", json!({ "role": "user", "content": "x" })).unwrap();
    let saved = format!("{TASK}/messages/{}", id.as_str().unwrap());
    assert_eq!(world.store.paths(&format!("{TASK}/messages/")), [saved]);
}

fn save(world: &mut World, role: &str, block: Value) -> Result<Value, EngineError> {
    run(world, "saveApiMessage", message(role, block))
}

fn said(text: &str) -> Fact {
    Fact::Received { inbox: "i".into(), text: text.into(), in_thread: false, content: None }
}

#[test]
fn a_message_waits_until_the_model_has_seen_the_results_of_its_calls() {
    let mut world = world("paused");
    with_head(&mut world, LastRun::Paused, None);
    journal(&mut world, vec![said("Go on."), turn(&["a"])], |_| {});
    journal(&mut world, vec![super::inbox::result_of("a")], |_| {});
    let error = save(&mut world, "user", json!({ "text": "hi" })).unwrap_err();
    assert_eq!((error.code, &error.details["path"]), (Code::InvalidArgument, &json!("message")));
    assert!(error.message.contains("results"), "{}", error.message);
}

#[test]
fn a_saved_message_is_a_users_or_the_assistants() {
    let error = save(&mut world("paused"), "system", json!({ "text": "hi" })).unwrap_err();
    assert_eq!((error.code, &error.details["path"]), (Code::InvalidArgument, &json!("message.role")));
}

#[test]
fn the_first_saved_message_fits_the_old_history_that_it_follows() {
    let called = json!({ "toolUse": { "toolUseId": "a", "name": "tool", "input": {} } });
    let old = json!([
        { "role": "user", "content": "go" },
        { "role": "assistant", "content": [called] },
        { "role": "user", "content": [{ "toolResult": { "toolUseId": "a", "content": [{ "text": "r" }] } }] },
        { "role": "assistant", "content": "Done." },
    ]);
    let mut world = world("paused");
    set(&mut world, &[FieldWrite::set(&["execution", "api_messages"], old)]);
    let error = save(&mut world, "assistant", called.clone()).unwrap_err();
    assert_eq!(error.code, Code::InvalidArgument);
    assert!(error.message.contains("the id a was used before"), "{}", error.message);
    assert_eq!(save(&mut world, "user", json!({ "text": "And now?" })), Ok(Value::Null));
}

#[test]
fn a_message_that_is_saved_behind_what_others_have_broken_says_which_entry_it_is() {
    let mut world = world("paused");
    with_head(&mut world, LastRun::Paused, None);
    let broken = std::rc::Rc::new(json!({ "role": "user", "content": [{ "text": " " }] }));
    journal(&mut world, vec![Fact::Saved { message: broken }], |_| {});
    let error = save(&mut world, "assistant", json!({ "text": "hello" })).unwrap_err();
    assert_eq!((error.code, &error.details["seq"]), (Code::CorruptHistory, &json!(1)));
    assert_eq!(head(&world).owner, None);
}

#[test]
fn two_messages_of_a_user_that_are_saved_in_a_row_are_read_as_one() {
    let mut world = world("paused");
    for text in ["first", "second"] {
        save(&mut world, "user", json!({ "text": text })).unwrap();
    }
    let both = json!([{ "role": "user", "content": [{ "text": "first" }, { "text": "second" }] }]);
    assert_eq!(run(&mut world, "apiMessages", json!({})), Ok(both));
}
