//! What a sender in doubt makes of the inbox and the journal.

use super::inbox::{decided, inbox, result_of, waiting};
use super::*;
use crate::storage::inbox::InboxItem;
use crate::store::StoreErrorCode;
use crate::testkit::{Fault, Op};

const DECISION: &str = "users/u/tasks/t/inbox/decision-a-1";

fn is_over(world: &mut World, facts: Vec<Fact>) {
    journal(world, facts, |head| head.summary = json!({ "waiting": [] }));
}

/// A sender whose document was refused as a conflict, though it `landed` or not, and nothing is in the inbox.
fn contradicted(landed: bool) -> (World, Id, String) {
    let mut world = waiting(Why::Approval);
    let conflict = StoreErrorCode::Conflict;
    let fault = if landed { Fault::Lied(conflict) } else { Fault::Error(conflict) };
    world.faults.add(Op::Commit, "inbox", 0, 1, fault);
    let id = spawn(&mut world, "approve", json!({ "toolCallId": "a" }));
    world.run_until(|w| w.count("commit") == 1);
    if !landed {
        return (world, id, String::new());
    }
    world.run_until(|w| !w.store.commits.is_empty());
    let nonce = match inbox(&world).as_slice() {
        [InboxItem::Decision { nonce, .. }] => nonce.clone(),
        other => panic!("{other:?}"),
    };
    world.store.remove(DECISION);
    (world, id, nonce)
}

#[test]
fn a_decision_that_was_taken_before_its_sender_looks_for_it_counts() {
    let (mut world, id, nonce) = contradicted(true);
    is_over(&mut world, decided(&nonce));
    assert_eq!(world.result(id), Ok(Value::Null));
    assert_eq!(inbox(&world), []);
}

#[test]
fn a_decision_that_was_not_stored_gives_way_to_another_that_was() {
    let (mut world, id, _) = contradicted(false);
    is_over(&mut world, decided("other"));
    assert_eq!(world.result(id).unwrap_err().code, Code::AlreadyDecided);
    assert_eq!(inbox(&world), []);
}

#[test]
fn a_decision_that_was_not_stored_is_not_sent_again_for_a_question_that_is_over() {
    for facts in [vec![Fact::Reset], vec![result_of("a")], vec![asks("a", Why::UnknownOutcome)]] {
        let (mut world, id, _) = contradicted(false);
        is_over(&mut world, facts);
        assert_eq!(world.result(id).unwrap_err().code, Code::AlreadyDecided);
        assert_eq!(inbox(&world), []);
        assert!(world.store.commits.is_empty());
    }
}

#[test]
fn a_decision_that_was_not_stored_is_sent_again_where_the_question_stands() {
    let (mut world, id, _) = contradicted(false);
    assert_eq!(world.result(id), Ok(Value::Null));
    assert_eq!(inbox(&world).len(), 1);
}

#[test]
fn a_sender_that_never_reached_the_store_hears_that_the_question_is_over() {
    let mut world = waiting(Why::Approval);
    world.faults.add(Op::Commit, "inbox", 0, usize::MAX, Fault::Silence);
    let id = spawn(&mut world, "approve", json!({ "toolCallId": "a" }));
    world.advance(1_000);
    is_over(&mut world, vec![Fact::Reset]);
    assert_eq!(world.result(id).unwrap_err().code, Code::AlreadyDecided);
}

#[test]
fn a_call_that_is_through_is_known_though_the_head_points_to_a_later_question() {
    let mut world = waiting(Why::Approval);
    is_over(&mut world, vec![result_of("a"), result_of("b")]);
    journal(&mut world, vec![turn(&["c"]), asks("c", Why::Approval)], |head| {
        head.summary = json!({ "waiting": [3] });
    });
    assert_eq!(refused(&mut world, "approve", json!({ "toolCallId": "a" })), Code::AlreadyDecided);
    assert_eq!(refused(&mut world, "approve", json!({ "toolCallId": "d" })), Code::InvalidArgument);
    assert_eq!(run(&mut world, "approve", json!({ "toolCallId": "c" })), Ok(Value::Null));
}

#[test]
fn a_decision_reads_the_journal_from_the_question_on_and_once_more_when_it_is_stored() {
    let mut world = waiting(Why::Approval);
    for _ in 0..3 {
        journal(&mut world, vec![], |_| {});
    }
    assert_eq!(run(&mut world, "approve", json!({ "toolCallId": "a" })), Ok(Value::Null));
    assert_eq!(world.count("list"), 2);
}

#[test]
fn a_decision_of_whose_fate_the_store_says_nothing_is_not_sent_again() {
    let mut world = waiting(Why::Approval);
    world.faults.add(Op::Commit, "inbox", 0, usize::MAX, Fault::Error(StoreErrorCode::Unavailable));
    let begun = world.now().mono;
    let id = spawn(&mut world, "approve", json!({ "toolCallId": "a" }));
    // Of the task, then of the inbox.
    world.run_until(|w| w.count("read") == 2);
    let sent = world.count("commit");
    let error = world.result(id).unwrap_err();
    assert_eq!((error.code, error.retryable), (Code::StoreUnavailable, true));
    assert_eq!(world.count("commit"), sent);
    assert!(world.now().mono - begun < 15_100);
}
