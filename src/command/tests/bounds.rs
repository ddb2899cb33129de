//! How often a command tries, how much it may store, and what its options and arguments may be.

use super::*;
use crate::effect::Ticket;
use crate::store::StoreErrorCode;
use crate::testkit::{Fault, Op};

/// How the command ends where others are that many times faster to change what it writes.
fn after_conflicts(kind: &str, arguments: Value, path: &str, times: usize) -> (World, Id) {
    let mut world = world("in_progress");
    with_head(&mut world, LastRun::Running, Some(owner()));
    journal(&mut world, vec![turn(&["a"]), asks("a", Why::Approval)], |head| {
        head.summary = json!({ "waiting": [1] });
    });
    world.faults.add(Op::Commit, path, 0, times, Fault::Error(StoreErrorCode::Conflict));
    let id = spawn(&mut world, kind, arguments);
    world.advance(2_000);
    (world, id)
}

#[test]
fn a_command_takes_the_task_for_a_day_at_most_whatever_it_was_told() {
    let mut world = world("in_progress");
    with_head(&mut world, LastRun::Yielded, None);
    let id = spawn(&mut world, "pause", json!({ "options": { "leaseTtlMs": 315_360_000_000_u64 } }));
    world.run_until(|w| head(w).epoch == 4);
    assert_eq!(head(&world).owner.unwrap().ttl_ms, 86_400_000);
    world.result(id).unwrap();
}

#[test]
fn a_command_tries_twenty_times_and_leaves_it_to_the_caller_then() {
    for (kind, arguments, path) in [
        ("approve", json!({ "toolCallId": "a" }), "inbox"),
        ("pause", json!({}), TASK),
        ("stop", json!({}), TASK),
        ("delete", json!({}), HEAD),
    ] {
        let (world, id) = after_conflicts(kind, arguments.clone(), path, 19);
        assert!(!world.store.commits.is_empty(), "{kind} gives up too early");
        assert!(!matches!(world.settled(id, Ticket::RESULT), Some(Err(_))), "{kind}");
        let (world, id) = after_conflicts(kind, arguments, path, 20);
        let Some(Err(error)) = world.settled(id, Ticket::RESULT) else { panic!("{kind} goes on") };
        assert_eq!((error.code, error.retryable), (Code::StoreUnavailable, true), "{kind}");
        assert!(error.message.contains("other writers"), "{}", error.message);
        assert!(world.store.commits.is_empty(), "{kind}");
    }
}

#[test]
fn a_pause_whose_task_document_changes_every_time_is_given_up_with_its_lease() {
    for (changes, gives_up) in [(18, false), (19, true)] {
        let mut world = world("in_progress");
        with_head(&mut world, LastRun::Yielded, None);
        let id = spawn(&mut world, "pause", json!({}));
        // The first commit takes the lease.
        for n in 0..changes {
            world.run_until(|w| w.count("commit") == 2 + n);
            set(&mut world, &[FieldWrite::set(&["title"], format!("name {n}"))]);
        }
        let result = world.result(id);
        assert_eq!(head(&world).owner, None);
        if gives_up {
            assert_eq!(result.unwrap_err().code, Code::StoreUnavailable);
            assert_eq!((head(&world).seq, status(&world)), (0, json!("in_progress")));
        } else {
            assert_eq!(result, Ok(Value::Null));
            assert_eq!((head(&world).seq, status(&world)), (1, json!("paused")));
        }
    }
}

#[test]
fn a_deletion_that_gets_on_may_meet_others_as_often_again() {
    let mut world = world("in_progress");
    with_head(&mut world, LastRun::Running, Some(owner()));
    let at = world.now().mono;
    for collection in ["journal", "inbox", "messages"] {
        world.store.put(&format!("{TASK}/{collection}/x"), json!({}), at);
        let path = format!("/{collection}/");
        world.faults.add(Op::Commit, &path, 0, 12, Fault::Error(StoreErrorCode::Conflict));
    }
    world.faults.add(Op::Commit, HEAD, 0, 12, Fault::Error(StoreErrorCode::Conflict));
    assert_eq!(run(&mut world, "delete", json!({})), Ok(Value::Null));
    assert_eq!(world.store.paths("users/u"), Vec::<&str>::new());
}

fn limits(document: usize, commit: usize) -> Value {
    json!({ "documentBytes": document, "commitBytes": commit })
}

#[test]
fn text_of_just_as_many_bytes_as_a_document_holds_is_taken_and_one_more_is_too_large() {
    for (kind, name) in [("send", "text"), ("addMessage", "content"), ("saveTaskMessage", "content")] {
        for (bytes, fits) in [(99, true), (100, true), (101, false)] {
            let mut world = world("in_progress");
            let mut arguments = json!({ "role": "user", "limits": limits(100, 10_000) });
            arguments[name] = json!("x".repeat(bytes));
            let result = run(&mut world, kind, arguments);
            assert_eq!(result.is_ok(), fits, "{kind}: {bytes} bytes");
            if let Err(e) = result {
                assert_eq!((e.code, &e.details["bytes"]), (Code::TooLarge, &json!(bytes)));
                assert_eq!(e.details["limit"], 100);
            }
        }
    }
}

#[test]
fn the_blocks_of_a_message_count_for_its_size() {
    for (spare, fits) in [(0, true), (1, false)] {
        let content = json!([{ "text": "x".repeat(50) }]);
        let bytes = "hello".len() + content.to_string().len();
        let arguments =
            json!({ "text": "hello", "content": content, "limits": limits(bytes - spare, 10_000) });
        assert_eq!(run(&mut world("in_progress"), "send", arguments).is_ok(), fits, "{bytes} - {spare}");
    }
}

/// What the command says it would store, where nothing may be stored.
fn bytes_of(world: &mut World, kind: &str, arguments: &Value, limits: Value) -> usize {
    let mut arguments = arguments.clone();
    arguments["limits"] = limits;
    let error = run(world, kind, arguments).unwrap_err();
    assert_eq!(error.code, Code::TooLarge);
    error.details["bytes"].as_u64().unwrap() as usize
}

#[test]
fn an_answer_of_just_as_many_bytes_as_a_document_holds_is_taken_and_one_more_is_too_large() {
    let waiting = || {
        let mut world = world("in_progress");
        with_head(&mut world, LastRun::Running, None);
        journal(&mut world, vec![turn(&["a"]), asks("a", Why::Input)], |head| {
            head.summary = json!({ "waiting": [1] });
        });
        world
    };
    let mut arguments = json!({ "toolCallId": "a", "result": "yes" });
    let bytes = bytes_of(&mut waiting(), "answer", &arguments, limits(1, 1_000));
    arguments["limits"] = limits(bytes - 1, 1_000);
    assert_eq!(refused(&mut waiting(), "answer", arguments.clone()), Code::TooLarge);
    for fits in [bytes, bytes + 1] {
        arguments["limits"] = limits(fits, 1_000);
        assert_eq!(run(&mut waiting(), "answer", arguments.clone()), Ok(Value::Null));
    }
}

#[test]
fn an_entry_of_just_as_many_bytes_as_a_commit_holds_is_stored_and_one_more_gives_the_lease_back() {
    let yielded = || {
        let mut world = world("in_progress");
        with_head(&mut world, LastRun::Yielded, None);
        world
    };
    let mut arguments = json!({ "reason": "enough" });
    let bytes = bytes_of(&mut yielded(), "stop", &arguments, limits(10_000, 1));
    arguments["limits"] = limits(10_000, bytes - 1);
    let mut world = yielded();
    assert_eq!(refused(&mut world, "stop", arguments.clone()), Code::TooLarge);
    assert_eq!((head(&world).owner, head(&world).epoch, status(&world)), (None, 4, json!("in_progress")));
    for fits in [bytes, bytes + 1] {
        arguments["limits"] = limits(10_000, fits);
        let mut world = yielded();
        assert_eq!(run(&mut world, "stop", arguments.clone()), Ok(Value::Null));
        assert_eq!((head(&world).owner, head(&world).seq, status(&world)), (None, 1, json!("paused")));
    }
}

/// What the lease of a command says of its owner.
fn held_with(options: Value) -> [u64; 4] {
    let mut world = world("in_progress");
    world.latency_ms = 0;
    with_head(&mut world, LastRun::Yielded, None);
    spawn(&mut world, "pause", json!({ "options": options }));
    world.run_until(|w| w.store.commits.len() == 1);
    let owner = head(&world).owner.unwrap();
    [owner.ttl_ms, owner.heartbeat_ms, owner.grace_ms, owner.store_timeout_ms]
}

#[test]
fn options_that_are_no_time_count_for_nothing() {
    let all = |ms: Value| json!({ "leaseTtlMs": ms, "graceMs": ms, "storeTimeoutMs": ms });
    assert_eq!(
        held_with(json!({ "leaseTtlMs": 6_000, "graceMs": 500, "storeTimeoutMs": 2_000 })),
        [6_000, 2_000, 500, 2_000]
    );
    assert_eq!(held_with(all(json!(3))), [3, 1, 3, 3]);
    assert_eq!(held_with(all(json!(1))), [1, 0, 1, 1]);
    for none in [json!(null), json!(-5), json!(-0.5)] {
        assert_eq!(held_with(all(none.clone())), [30_000, 10_000, 10_000, 15_000], "{none}");
    }
    for no_grace in [json!(0), json!(0.5)] {
        assert_eq!(held_with(all(no_grace.clone())), [30_000, 10_000, 0, 15_000], "{no_grace}");
    }
}

#[test]
fn an_argument_of_another_type_is_named_with_what_it_is() {
    for (kind, name, given, found) in [
        ("approve", "toolCallId", json!(3), "a number"),
        ("approve", "toolCallId", json!(true), "a boolean"),
        ("approve", "toolCallId", json!([]), "an array"),
        ("approve", "toolCallId", json!({}), "an object"),
        ("approve", "toolCallId", Value::Null, "missing"),
        ("delete", "keepTask", json!("yes"), "a string"),
        ("journal", "limit", json!(1.5), "a number"),
        ("journal", "limit", json!(-1), "a number"),
        ("journal", "after", json!(9.1e15), "a number"),
        ("events", "after", json!(0), "a number"),
    ] {
        let error = run(&mut world("paused"), kind, json!({ name: given })).unwrap_err();
        assert_eq!((error.code, &error.details["path"]), (Code::InvalidArgument, &json!(name)));
        let told = format!("{kind}: {name} is {found}, expected ");
        assert!(error.message.starts_with(&told), "{} is not {told}", error.message);
    }
}

#[test]
fn a_count_is_any_whole_number_from_zero_on() {
    for given in [json!(0), json!(2.0), json!(9e15)] {
        let page = run(&mut world("paused"), "journal", json!({ "after": given }));
        assert_eq!(page, Ok(json!({ "entries": [], "next": null })));
    }
}
