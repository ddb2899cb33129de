//! A command that has taken the task and waits for its journal: its lease is renewed meanwhile, or lost.

use super::*;
use crate::effect::Ticket;
use crate::store::StoreErrorCode;
use crate::testkit::{Fault, Op};

/// A command with a lease of three seconds, which is renewed every second, whose journal takes `ms` to come. The task
/// is taken at once.
fn loading(ms: u64) -> (World, Id) {
    let mut world = world("paused");
    world.latency_ms = 0;
    with_head(&mut world, LastRun::Paused, None);
    let said = Fact::Received { inbox: "i".into(), text: "Go on.".into(), in_thread: false, content: None };
    journal(&mut world, vec![said], |_| {});
    world.faults.add(Op::List, "journal", 0, 1, Fault::Late(ms));
    let message = json!({ "role": "assistant", "content": [{ "text": "I will." }] });
    let arguments = json!({ "message": message, "options": { "leaseTtlMs": 3_000 } });
    let id = spawn(&mut world, "saveApiMessage", arguments);
    world.advance(0);
    assert_eq!((head(&world).epoch, world.count("commit")), (4, 1));
    (world, id)
}

fn take_over(world: &mut World) {
    let taken = [
        FieldWrite::set(&["epoch"], 5),
        FieldWrite::set(&["write_id"], "other"),
        FieldWrite::set(&["owner"], serde_json::to_value(owner()).unwrap()),
    ];
    let at = world.now().mono;
    world.store.patch(HEAD, &taken, at);
}

#[test]
fn a_command_that_hears_of_another_owner_while_its_journal_comes_ends_at_once_and_writes_nothing_more() {
    let (mut world, id) = loading(3_000);
    world.advance(500);
    take_over(&mut world);
    world.advance(510);
    let Some(Err(error)) = world.settled(id, Ticket::RESULT) else { panic!("it goes on") };
    assert_eq!(error.code, Code::LeaseHeld);
    assert_eq!(
        (world.count("commit"), world.count("cancel")),
        (2, 1),
        "nobody waits for the journal any more"
    );
    assert_eq!((head(&world).epoch, head(&world).seq), (5, 1));
}

#[test]
fn a_command_whose_journal_comes_while_its_lease_is_renewed_waits_for_that() {
    let (mut world, id) = loading(1_100);
    world.faults.add(Op::Commit, HEAD, 0, 1, Fault::Late(500));
    world.advance(1_400);
    assert_eq!((world.count("commit"), world.settled(id, Ticket::RESULT)), (2, None));
    assert_eq!(world.result(id), Ok(Value::Null));
    assert_eq!((head(&world).seq, head(&world).owner), (2, None));
}

#[test]
fn a_command_whose_journal_comes_while_its_lease_is_lost_writes_nothing_more() {
    let (mut world, id) = loading(1_100);
    world.faults.add(Op::Commit, HEAD, 0, 1, Fault::Late(500));
    world.advance(1_200);
    take_over(&mut world);
    assert_eq!(world.result(id).unwrap_err().code, Code::LeaseHeld);
    assert_eq!((world.count("commit"), head(&world).seq), (2, 1));
}

#[test]
fn a_command_says_what_became_of_its_lease_though_its_journal_came_before_it_heard_of_it() {
    // The journal comes while the lease is renewed, and after.
    for ms in [1_100, 4_000] {
        for (fault, code) in [
            (Fault::Silence, Code::StoreUnavailable),
            (Fault::Error(StoreErrorCode::Denied), Code::StoreDenied),
            (Fault::Error(StoreErrorCode::Conflict), Code::TaskNotFound),
        ] {
            let (mut world, id) = loading(ms);
            world.faults.add(Op::Commit, HEAD, 0, 1_000, fault);
            world.latency_ms = 200;
            world.advance(1_050);
            if code == Code::TaskNotFound {
                world.store.remove(TASK);
            }
            assert_eq!(world.result(id).unwrap_err().code, code, "{fault:?}, {ms} ms");
            assert_eq!(head(&world).seq, 1);
        }
    }
}

#[test]
fn a_command_whose_renewal_is_refused_once_gives_the_lease_back() {
    for ms in [1_500, 4_000] {
        let (mut world, id) = loading(ms);
        world.faults.add(Op::Commit, HEAD, 0, 1, Fault::Error(StoreErrorCode::Denied));
        assert_eq!(world.result(id).unwrap_err().code, Code::StoreDenied);
        assert_eq!((world.count("commit"), head(&world).owner, head(&world).seq), (3, None, 1), "{ms} ms");
    }
}

#[test]
fn a_command_that_finds_the_history_damaged_gives_back_what_it_just_renewed() {
    let (mut world, id) = loading(1_100);
    world.faults.add(Op::Commit, HEAD, 0, 1, Fault::Late(500));
    let at = world.now().mono;
    world.store.put("users/u/tasks/t/journal/00000001", json!({}), at);
    assert_eq!(world.result(id).unwrap_err().code, Code::CorruptHistory);
    assert_eq!((world.count("commit"), head(&world).owner), (3, None));
}

#[test]
fn a_renewal_that_nobody_answers_is_sent_again_though_the_journal_does_not_come_either() {
    let (mut world, id) = loading(60_000);
    world.faults.add(Op::List, "journal", 0, 1, Fault::Silence);
    world.faults.add(Op::Commit, HEAD, 0, 1, Fault::Silence);
    // An attempt may take a third of the 15 s that the store has.
    world.advance(1_000 + 5_000 + 250);
    assert!(world.count("commit") > 2);
    assert_eq!(world.result(id), Ok(Value::Null));
}
