//! approve, reject, answer and send.

use super::*;
use crate::converse::ResultStatus;
use crate::effect::Ticket;
use crate::facts::fact::{CallResult, Decision};
use crate::storage::inbox::{InboxItem, MAX_BYTES, answer, decision};
use crate::store::StoreErrorCode;
use crate::testkit::{Fault, Op};
use std::rc::Rc;

/// A task with a call `a` that waits, asked by entry 1.
pub(super) fn waiting(why: Why) -> World {
    let mut world = world("in_progress");
    with_head(&mut world, LastRun::Running, None);
    journal(&mut world, vec![turn(&["a", "b"]), asks("a", why)], |head| {
        head.summary = json!({ "waiting": [1], "item": { "id": "i", "name": "Item" } });
    });
    world
}

pub(super) fn decided(nonce: &str) -> Vec<Fact> {
    vec![Fact::Decided {
        inbox: "decision-a-1".into(),
        tool_call_id: "a".into(),
        nonce: nonce.into(),
        decision: Decision::Reject { reason: None },
    }]
}

pub(super) fn result_of(id: &str) -> Fact {
    Fact::Result {
        result: CallResult {
            tool_call_id: id.into(),
            name: "tool".into(),
            status: ResultStatus::Success,
            content: Rc::new(vec![json!({ "text": "done" })]),
            unknown: false,
            mistake: false,
            cut_bytes: 0,
        },
    }
}

pub(super) fn inbox(world: &World) -> Vec<InboxItem> {
    let read = |path: &&str| {
        let Some(Value::Object(data)) = world.store.get(path) else { panic!("no document") };
        let path = (*path).to_owned();
        let document = crate::store::StoredDocument { path, data, version: String::new(), age_ms: None };
        InboxItem::read(&document).unwrap()
    };
    world.store.paths("users/u/tasks/t/inbox/").iter().map(read).collect()
}

fn only_decision(world: &World) -> (String, Decision) {
    match inbox(world).as_slice() {
        [InboxItem::Decision { id, decision, asked_seq: 1, .. }] => (id.clone(), decision.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_decision_is_one_document_bound_to_the_entry_that_asked() {
    for (kind, arguments, expected) in [
        ("approve", json!({ "note": "go" }), Decision::Approve { note: Some("go".into()) }),
        ("reject", json!({ "reason": "no" }), Decision::Reject { reason: Some("no".into()) }),
        ("answer", json!({ "result": [1, null] }), answer(Some(json!([1, null])), false)),
        ("answer", json!({ "result": null }), answer(Some(Value::Null), false)),
        ("answer", json!({ "error": true }), answer(None, true)),
    ] {
        let mut world = waiting(Why::UnknownOutcome);
        let mut arguments = arguments;
        arguments["toolCallId"] = json!("a");
        assert_eq!(run(&mut world, kind, arguments), Ok(Value::Null));
        assert_eq!(only_decision(&world), ("decision-a-1".into(), expected));
        assert_eq!(world.store.commits.len(), 1, "one document, no lease");
    }
}

#[test]
fn a_call_that_needs_a_result_is_answered_and_not_approved() {
    let mut world = waiting(Why::Input);
    let error = run(&mut world, "approve", json!({ "toolCallId": "a" })).unwrap_err();
    assert_eq!(error.code, Code::InvalidArgument);
    assert!(error.message.contains("answer it"), "{}", error.message);
    assert_eq!(run(&mut world, "answer", json!({ "toolCallId": "a", "result": 1 })), Ok(Value::Null));
    let mut world = waiting(Why::Input);
    assert_eq!(run(&mut world, "reject", json!({ "toolCallId": "a" })), Ok(Value::Null));
}

#[test]
fn a_call_that_does_not_wait_is_already_decided_and_an_unknown_one_an_invalid_argument() {
    let mut world = waiting(Why::Approval);
    assert_eq!(refused(&mut world, "approve", json!({ "toolCallId": "b" })), Code::AlreadyDecided);
    assert_eq!(refused(&mut world, "approve", json!({ "toolCallId": "nope" })), Code::InvalidArgument);
    assert_eq!(refused(&mut world, "approve", json!({ "toolCallId": 3 })), Code::InvalidArgument);
    journal(&mut world, decided("other"), |head| head.summary = json!({ "waiting": [] }));
    assert_eq!(refused(&mut world, "approve", json!({ "toolCallId": "a" })), Code::AlreadyDecided);
    journal(&mut world, vec![result_of("a"), result_of("b")], |_| {});
    assert_eq!(refused(&mut world, "answer", json!({ "toolCallId": "a" })), Code::AlreadyDecided);
    assert!(world.store.commits.is_empty());

    let mut world = super::world("not_started");
    assert_eq!(refused(&mut world, "approve", json!({ "toolCallId": "a" })), Code::InvalidArgument);
}

#[test]
fn of_two_senders_the_first_wins() {
    let mut world = waiting(Why::Approval);
    let first = spawn(&mut world, "approve", json!({ "toolCallId": "a" }));
    let second = spawn(&mut world, "reject", json!({ "toolCallId": "a", "seed": 8 }));
    assert_eq!(world.result(first), Ok(Value::Null));
    assert_eq!(world.result(second).unwrap_err().code, Code::AlreadyDecided);
    assert_eq!(only_decision(&world).1, Decision::Approve { note: None });
}

#[test]
fn a_sender_that_comes_too_late_takes_its_document_back() {
    let mut world = waiting(Why::Approval);
    let id = spawn(&mut world, "approve", json!({ "toolCallId": "a" }));
    // Between its read and its write another sender's decision was journaled and its document deleted.
    world.run_until(|w| w.count("commit") == 1);
    journal(&mut world, decided("other"), |head| head.summary = json!({ "waiting": [] }));
    assert_eq!(world.result(id).unwrap_err().code, Code::AlreadyDecided);
    assert_eq!(inbox(&world), []);
}

#[test]
fn a_call_whose_question_is_over_gives_the_document_back() {
    let mut world = waiting(Why::Approval);
    let id = spawn(&mut world, "approve", json!({ "toolCallId": "a" }));
    world.run_until(|w| w.count("commit") == 1);
    journal(&mut world, vec![Fact::Reset], |head| head.summary = json!({ "waiting": [] }));
    assert_eq!(world.result(id).unwrap_err().code, Code::AlreadyDecided);
    assert_eq!(inbox(&world), []);
}

#[test]
fn only_the_own_document_is_taken_back() {
    let mut world = waiting(Why::Approval);
    let id = spawn(&mut world, "approve", json!({ "toolCallId": "a" }));
    world.run_until(|w| w.store.commits.len() == 1);
    journal(&mut world, decided("other"), |head| head.summary = json!({ "waiting": [] }));
    let at = world.now().mono;
    let foreign = decision("a", 1, "third".into(), Decision::Approve { note: None });
    let StoreWrite::Create { path, data } = foreign.create(&Paths::new("u", "t"), world.now()) else {
        panic!()
    };
    world.store.put(&path, Value::Object(data), at);
    assert_eq!(world.result(id).unwrap_err().code, Code::AlreadyDecided);
    assert_eq!(inbox(&world), [foreign]);
}

#[test]
fn a_sender_in_doubt_finds_its_decision_in_the_inbox() {
    for fault in [Fault::LostReply, Fault::Lied(StoreErrorCode::Unavailable), Fault::Silence] {
        let mut world = waiting(Why::Approval);
        world.faults.add(Op::Commit, "inbox", 0, 1, fault);
        assert_eq!(run(&mut world, "approve", json!({ "toolCallId": "a" })), Ok(Value::Null), "{fault:?}");
        assert_eq!(inbox(&world).len(), 1);
    }
}

#[test]
fn a_sender_in_doubt_whose_document_was_taken_finds_it_in_the_journal() {
    for times in [1, usize::MAX] {
        let mut world = waiting(Why::Approval);
        world.faults.add(Op::Commit, "inbox", 0, times, Fault::LostReply);
        let id = spawn(&mut world, "approve", json!({ "toolCallId": "a" }));
        world.run_until(|w| w.store.commits.len() == 1);
        let nonce = match inbox(&world).as_slice() {
            [InboxItem::Decision { nonce, .. }] => nonce.clone(),
            other => panic!("{other:?}"),
        };
        world.store.remove("users/u/tasks/t/inbox/decision-a-1");
        journal(&mut world, decided(&nonce), |head| head.summary = json!({ "waiting": [] }));
        assert_eq!(world.result(id), Ok(Value::Null), "replies lost: {times}");
    }
}

#[test]
fn a_decision_that_never_arrived_says_so() {
    let mut world = waiting(Why::Approval);
    world.faults.add(Op::Commit, "inbox", 0, usize::MAX, Fault::Silence);
    assert_eq!(refused(&mut world, "approve", json!({ "toolCallId": "a" })), Code::StoreUnavailable);
}

#[test]
fn an_answer_that_no_document_holds_is_too_large() {
    let mut world = waiting(Why::Input);
    let limits = json!({ "documentBytes": 100, "commitBytes": 1_000 });
    let arguments = json!({ "toolCallId": "a", "result": "x".repeat(200), "limits": limits });
    assert_eq!(refused(&mut world, "answer", arguments), Code::TooLarge);
}

#[test]
fn what_is_sent_has_as_many_bytes_as_a_run_takes_and_not_one_more() {
    let around = r#"{"decision":"answer","result":""}"#.len();
    for (over, refused_as) in [(0, None), (1, Some(Code::TooLarge))] {
        let text = "x".repeat(MAX_BYTES + over);
        let result = "x".repeat(MAX_BYTES + over - around);
        for (kind, arguments) in [
            ("send", json!({ "text": text })),
            ("addMessage", json!({ "role": "user", "content": text })),
            ("answer", json!({ "toolCallId": "a", "result": result })),
        ] {
            let mut world = waiting(Why::Input);
            let settled = run(&mut world, kind, arguments);
            assert_eq!(settled.err().map(|e| e.code), refused_as, "{kind} with {over} over");
            if refused_as.is_none() {
                assert_eq!(inbox(&world).len(), 1, "{kind}: and a run can read it");
            }
        }
    }
}

fn send(world: &mut World) -> Id {
    spawn(world, "send", json!({ "text": "hello" }))
}

fn messages(world: &World) -> Vec<String> {
    let text = |item| match item {
        InboxItem::Message { text, .. } => text,
        other => panic!("{other:?}"),
    };
    inbox(world).into_iter().map(text).collect()
}

#[test]
fn a_message_goes_into_the_inbox_and_touches_the_task_in_one_commit() {
    for word in ["not_started", "in_progress", "paused", "failed"] {
        let mut world = world(word);
        let id = send(&mut world);
        world.result(id).unwrap();
        assert_eq!((messages(&world), world.store.commits.len()), (vec!["hello".into()], 1));
        assert!(world.store.get(TASK).unwrap()["updated_at"].is_string());
        assert_eq!(status(&world), json!(word));
    }
}

#[test]
fn blank_text_and_completed_tasks_are_refused() {
    let mut world = world("completed");
    assert_eq!(refused(&mut world, "send", json!({ "text": " \n" })), Code::InvalidArgument);
    let error = run(&mut world, "send", json!({ "text": "hello" })).unwrap_err();
    assert_eq!(error.code, Code::InvalidTransition);
    assert!(error.message.contains("'completed'") && error.message.contains("start()"), "{}", error.message);
    assert!(world.store.commits.is_empty());
}

#[test]
fn a_task_that_is_completed_between_read_and_write_takes_no_message() {
    let mut world = world("in_progress");
    let id = send(&mut world);
    world.run_until(|w| w.count("commit") == 1);
    set_status(&mut world, "completed");
    assert_eq!(world.result(id).unwrap_err().code, Code::InvalidTransition);
    assert_eq!(inbox(&world), []);
}

#[test]
fn a_task_that_changed_otherwise_is_read_again() {
    let mut world = world("in_progress");
    let id = send(&mut world);
    world.run_until(|w| w.count("commit") == 1);
    set_status(&mut world, "paused");
    world.result(id).unwrap();
    assert_eq!(messages(&world), ["hello"]);
}

#[test]
fn a_message_in_doubt_is_found_in_the_inbox_and_never_sent_twice() {
    for fault in [Fault::LostReply, Fault::Lied(StoreErrorCode::Conflict), Fault::Silence] {
        let mut world = world("in_progress");
        world.faults.add(Op::Commit, "inbox", 0, 1, fault);
        let id = send(&mut world);
        assert!(world.result(id).is_ok(), "{fault:?}");
        assert_eq!(messages(&world), ["hello"]);
    }
}

#[test]
fn a_message_in_doubt_that_was_taken_is_found_in_the_journal() {
    for times in [1, usize::MAX] {
        let mut world = world("in_progress");
        with_head(&mut world, LastRun::Running, Some(owner()));
        world.faults.add(Op::Commit, "inbox", 0, times, Fault::LostReply);
        let id = send(&mut world);
        world.run_until(|w| w.store.commits.len() == 1);
        let item = inbox(&world).remove(0);
        world.store.remove(&format!("users/u/tasks/t/inbox/{}", item.id()));
        let received =
            Fact::Received { inbox: item.id().into(), text: "hello".into(), in_thread: false, content: None };
        journal(&mut world, vec![received], |_| {});
        world.result(id).unwrap();
        assert_eq!(inbox(&world), [], "replies lost: {times}");
    }
}

#[test]
fn a_message_in_doubt_is_found_in_whatever_moment_a_run_takes_it() {
    for fault in [Fault::LostReply, Fault::Lied(StoreErrorCode::Conflict)] {
        for times in [1, usize::MAX] {
            let mut moments = 0;
            for reads in 1..20 {
                let mut world = world("in_progress");
                with_head(&mut world, LastRun::Running, Some(owner()));
                world.faults.add(Op::Commit, "inbox", 0, times, fault);
                let id = send(&mut world);
                world.run_until(|w| w.store.commits.len() == 1);
                let item = inbox(&world).remove(0);
                world.run_until(|w| {
                    w.count("read") + w.count("list") > reads || w.settled(id, Ticket::RESULT).is_some()
                });
                if world.settled(id, Ticket::RESULT).is_some() {
                    break;
                }
                moments += 1;
                // Read, journaled and deleted by the run, between two reads of the sender.
                world.store.remove(&format!("users/u/tasks/t/inbox/{}", item.id()));
                let received = Fact::Received {
                    inbox: item.id().into(),
                    text: "hello".into(),
                    in_thread: false,
                    content: None,
                };
                journal(&mut world, vec![received], |_| {});
                assert_eq!(world.result(id), Ok(json!(item.id())), "{fault:?} {times} {reads}");
                assert_eq!(inbox(&world), [], "sent twice");
            }
            assert!(moments > 0, "{fault:?} {times}");
        }
    }
}

fn add(world: &mut World, role: &str) -> Id {
    spawn(world, "addMessage", json!({ "role": role, "content": "hello", "metadata": { "from": "app" } }))
}

/// Id, role and content of the messages of the thread.
fn thread(world: &World) -> Vec<(String, Value, Value)> {
    let collection = format!("{TASK}/messages/");
    let of = |path: String| {
        let data = world.store.get(&path).unwrap();
        assert_eq!(data["metadata"], json!({ "from": "app" }));
        (path[collection.len()..].to_owned(), data["role"].clone(), data["content"].clone())
    };
    world.store.paths(&collection).into_iter().map(|path| of(path.to_string())).collect()
}

#[test]
fn a_users_message_that_is_added_is_sent_and_stands_in_the_thread_under_one_id_by_one_commit() {
    let mut world = world("paused");
    let id = add(&mut world, "user");
    let answer = world.result(id).unwrap();
    let items = inbox(&world);
    let [InboxItem::Message { id, text, in_thread: true, .. }] = items.as_slice() else {
        panic!("{items:?}")
    };
    assert_eq!((answer, text.as_str()), (json!(id), "hello"));
    assert_eq!(thread(&world), [(id.clone(), json!("user"), json!("hello"))]);
    assert_eq!(world.store.commits.len(), 1);
    assert!(world.store.get(TASK).unwrap()["updated_at"].is_string());
}

#[test]
fn other_messages_that_are_added_are_for_people_alone_whatever_the_tasks_status() {
    for role in ["assistant", "system"] {
        let mut world = world("completed");
        let id = add(&mut world, role);
        let answer = world.result(id).unwrap();
        assert_eq!(inbox(&world), []);
        let thread = thread(&world);
        assert_eq!(json!(thread[0].0), answer);
        assert_eq!(thread[0].1, json!(role));
    }
}

#[test]
fn a_users_message_is_added_to_no_task_that_is_completed_even_while_it_is_being_written() {
    let mut world = world("in_progress");
    let id = add(&mut world, "user");
    world.run_until(|w| w.count("commit") == 1);
    set_status(&mut world, "completed");
    let error = world.result(id).unwrap_err();
    assert_eq!(error.code, Code::InvalidTransition);
    assert!(error.message.starts_with("addMessage()"), "{}", error.message);
    assert_eq!((inbox(&world).len(), thread(&world).len()), (0, 0));
}

#[test]
fn a_message_that_is_added_is_there_once_whatever_becomes_of_the_reply() {
    let conflict = StoreErrorCode::Conflict;
    for fault in [Fault::LostReply, Fault::Lied(conflict), Fault::Silence, Fault::Error(conflict)] {
        let mut world = world("in_progress");
        world.faults.add(Op::Commit, "inbox", 0, 1, fault);
        let id = add(&mut world, "user");
        let answer = world.result(id).unwrap();
        assert_eq!(messages(&world), ["hello"], "{fault:?}");
        assert_eq!(thread(&world).into_iter().map(|(id, ..)| json!(id)).collect::<Vec<_>>(), [answer]);
    }
}

#[test]
fn messages_that_cannot_be_added_are_refused_by_what_is_wrong() {
    let mut world = world("paused");
    for (wrong, path) in [
        (json!({ "role": "tool", "content": "hello" }), "role"),
        (json!({ "role": "user", "content": " " }), "content"),
        (json!({ "role": "user", "content": 5 }), "content"),
        (json!({ "role": "user", "content": "hello", "metadata": [] }), "metadata"),
        (json!({ "content": "hello" }), "role"),
    ] {
        let error = run(&mut world, "addMessage", wrong).unwrap_err();
        assert_eq!((error.code, &error.details["path"]), (Code::InvalidArgument, &json!(path)));
    }
    assert!(world.store.commits.is_empty());
    world.store.remove(TASK);
    let hello = json!({ "role": "user", "content": "hello" });
    assert_eq!(refused(&mut world, "addMessage", hello), Code::TaskNotFound);
}

#[test]
fn a_message_that_never_arrived_says_so() {
    let mut world = world("in_progress");
    world.faults.add(Op::Commit, "inbox", 0, usize::MAX, Fault::Silence);
    assert_eq!(refused(&mut world, "send", json!({ "text": "hello" })), Code::StoreUnavailable);
    assert_eq!(inbox(&world), []);
}

#[test]
fn a_message_of_whose_fate_the_store_says_nothing_is_not_sent_again() {
    let mut world = world("in_progress");
    world.faults.add(Op::Commit, "inbox", 0, usize::MAX, Fault::Error(StoreErrorCode::Unavailable));
    let id = send(&mut world);
    // Of the task, then of the inbox.
    world.run_until(|w| w.count("read") == 2);
    let sent = world.count("commit");
    assert!(world.result(id).unwrap_err().retryable);
    assert_eq!(world.count("commit"), sent);
}

#[test]
fn a_message_that_meets_other_writers_every_time_is_given_up_when_the_store_would_be() {
    let mut world = world("in_progress");
    world.faults.add(Op::Commit, "inbox", 0, usize::MAX, Fault::Error(StoreErrorCode::Conflict));
    let begun = world.now().mono;
    let error = run(&mut world, "send", json!({ "text": "hello" })).unwrap_err();
    assert_eq!((error.code, error.retryable), (Code::StoreUnavailable, true));
    assert!(error.message.contains("other writers"), "{}", error.message);
    let took = world.now().mono - begun;
    assert!((15_000..15_100).contains(&took), "{took}");
}

#[test]
fn what_a_store_refuses_for_good_is_not_tried_again() {
    for (code, told) in [
        (StoreErrorCode::Denied, Code::StoreDenied),
        (StoreErrorCode::Invalid, Code::StoreRejected),
        (StoreErrorCode::TooLarge, Code::TooLarge),
    ] {
        let mut world = world("in_progress");
        world.faults.add(Op::Commit, "inbox", 0, 1, Fault::Error(code));
        assert_eq!(refused(&mut world, "send", json!({ "text": "hello" })), told);
        assert_eq!((world.count("commit"), inbox(&world).len()), (1, 0));
    }
}

#[test]
fn what_a_store_denies_after_an_unclear_reply_may_be_stored_all_the_same() {
    let mut world = world("in_progress");
    world.faults.add(Op::Commit, "inbox", 0, 1, Fault::LostReply);
    world.faults.add(Op::Commit, "inbox", 0, 1, Fault::Error(StoreErrorCode::Denied));
    let id = send(&mut world);
    assert!(world.result(id).is_ok(), "it is there");
    assert_eq!(messages(&world), ["hello"]);
}

#[test]
fn a_decision_that_was_put_a_second_time_does_not_stay_in_the_inbox() {
    let mut world = waiting(Why::Approval);
    world.faults.add(Op::Commit, "inbox", 0, 1, Fault::LostReply);
    let id = spawn(&mut world, "approve", json!({ "toolCallId": "a" }));
    world.run_until(|w| w.store.commits.len() == 1);
    let nonce = match inbox(&world).as_slice() {
        [InboxItem::Decision { nonce, .. }] => nonce.clone(),
        other => panic!("{other:?}"),
    };
    // Taken by the run before the sender sends it again.
    world.store.remove("users/u/tasks/t/inbox/decision-a-1");
    journal(&mut world, decided(&nonce), |head| head.summary = json!({ "waiting": [] }));
    world.run_until(|w| w.store.commits.len() == 2);
    assert_eq!(inbox(&world).len(), 1, "it is there again");
    assert_eq!(world.result(id), Ok(Value::Null));
    assert_eq!(inbox(&world), []);
}

#[test]
fn messages_of_one_millisecond_keep_the_order_in_which_they_were_sent() {
    for seed in 0..32 {
        let mut world = world("in_progress");
        world.latency_ms = 0;
        for (n, kind) in ["send", "addMessage", "send"].into_iter().enumerate() {
            let arguments = json!({ "seed": seed + 100 * n, "text": n.to_string(), "role": "user", "content": n.to_string() });
            run(&mut world, kind, arguments).unwrap();
        }
        let said: Vec<String> = inbox(&world)
            .iter()
            .map(|item| match item {
                InboxItem::Message { text, .. } => text.clone(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(said, ["0", "1", "2"], "{seed}");
    }
}

#[test]
fn a_task_that_was_changed_far_ahead_in_time_moves_no_message_there() {
    let mut world = world("in_progress");
    set(&mut world, &[FieldWrite::set(&["updated_at"], "9999-01-01T00:00:00.000Z")]);
    let before = world.now().wall;
    run(&mut world, "send", json!({ "text": "hi" })).unwrap();
    let sent: i64 = inbox(&world)[0].id()[..13].parse().unwrap();
    assert!((before..=world.now().wall).contains(&sent), "{sent}");
}
