//! pause and stop from outside: what answers them, when, and what they never overwrite.

use super::*;
use crate::effect::Ticket;
use crate::facts::fact::EndStatus;
use crate::lifecycle::Status;
use crate::testkit::{Fault, Op};

/// The run that holds the task ends it like that, and writes the status that belongs to it.
fn end(world: &mut World, end: EndStatus, status: &str) {
    journal(world, vec![Fact::Ended { status: end, reason: None, error: None }], |head| {
        head.owner = None;
        head.last_run = end.into();
    });
    set_status(world, status);
}

#[test]
fn whatever_ends_the_task_answers_at_the_next_look_and_nothing_is_taken() {
    for (how, word, status) in [
        (EndStatus::Paused, "paused", Status::Paused),
        (EndStatus::Stopped, "paused", Status::Paused),
        (EndStatus::Completed, "completed", Status::Completed),
        (EndStatus::Failed, "failed", Status::Failed),
    ] {
        for kind in ["pause", "stop"] {
            let mut world = world("in_progress");
            with_head(&mut world, LastRun::Running, Some(owner()));
            let id = spawn(&mut world, kind, json!({}));
            world.advance(3_000);
            assert_eq!(world.settled(id, Ticket::RESULT), None);
            end(&mut world, how, word);
            world.advance(1_100);
            assert_eq!(world.settled(id, Ticket::RESULT), Some(&Ok(Value::Null)), "{kind} {word}");
            assert_eq!((world.statuses(id).last(), head(&world).epoch), (Some(&status), 3));
        }
    }
}

#[test]
fn an_end_from_before_the_command_is_no_answer() {
    let mut world = world("in_progress");
    with_head(&mut world, LastRun::Running, Some(owner()));
    end(&mut world, EndStatus::Stopped, "paused");
    journal(&mut world, vec![], |head| {
        head.owner = Some(owner());
        head.last_run = LastRun::Running;
    });
    set_status(&mut world, "in_progress");
    let id = spawn(&mut world, "pause", json!({}));
    world.advance(3_000);
    assert_eq!(world.settled(id, Ticket::RESULT), None);
    assert!(world.event_types(id).is_empty(), "what was before is no news");
}

#[test]
fn a_status_that_others_set_between_read_and_write_is_kept() {
    for word in ["completed", "failed", "not_started"] {
        for kind in ["pause", "stop"] {
            let mut world = world("in_progress");
            with_head(&mut world, LastRun::Running, Some(owner()));
            world.faults.add(Op::Commit, TASK, 0, 1, Fault::Late(500));
            let id = spawn(&mut world, kind, json!({}));
            world.run_until(|w| w.count("commit") == 1);
            set_status(&mut world, word);
            assert_eq!(world.result(id), Ok(Value::Null), "{kind} {word}");
            assert_eq!((status(&world), abort_reason(&world)), (json!(word), None));
        }
    }
}

#[test]
fn an_entry_of_a_command_is_later_than_all_before_it_though_the_wall_clock_runs_behind() {
    let mut world = world("in_progress");
    with_head(&mut world, LastRun::Running, None);
    for _ in 0..9 {
        journal(&mut world, vec![], |_| {});
    }
    let last = EPOCH + 9_000;
    assert!(world.now().wall < last);
    let id = spawn(&mut world, "stop", json!({ "reason": "enough" }));
    assert_eq!(world.result(id), Ok(Value::Null));
    let stopped = world.events(id).last().unwrap();
    assert_eq!((&stopped["type"], &stopped["reason"]), (&json!("task:stopped"), &json!("enough")));
    assert_eq!(stopped["at"], crate::time::iso8601(last + 1));
}

#[test]
fn a_command_whose_entry_the_store_does_not_take_gives_the_lease_back() {
    for code in [crate::store::StoreErrorCode::Invalid, crate::store::StoreErrorCode::TooLarge] {
        let mut world = world("in_progress");
        with_head(&mut world, LastRun::Yielded, None);
        world.faults.add(Op::Commit, "journal", 0, 1, Fault::Error(code));
        assert!(run(&mut world, "pause", json!({})).is_err());
        assert_eq!((head(&world).owner, head(&world).seq, status(&world)), (None, 0, json!("in_progress")));
    }
}

#[test]
fn every_commit_to_the_head_has_a_write_id_of_its_own_also_the_one_that_gives_the_lease_back() {
    let mut world = world("in_progress");
    with_head(&mut world, LastRun::Yielded, None);
    let mut ids = vec![head(&world).write_id];
    let id = spawn(&mut world, "pause", json!({}));
    world.run_until(|w| w.store.commits.len() == 1);
    ids.push(head(&world).write_id);
    set_status(&mut world, "completed");
    assert_eq!(world.result(id), Ok(Value::Null));
    assert_eq!(head(&world).owner, None);
    ids.push(head(&world).write_id);
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2], "{ids:?}");
}

#[test]
fn an_end_answers_though_others_have_set_the_task_going_or_paused_it_again_since() {
    for how in [EndStatus::Paused, EndStatus::Stopped, EndStatus::Completed, EndStatus::Failed] {
        for (kind, word) in [("pause", "in_progress"), ("stop", "in_progress"), ("pause", "paused")] {
            let mut world = world("in_progress");
            with_head(&mut world, LastRun::Running, Some(owner()));
            let id = spawn(&mut world, kind, json!({}));
            world.advance(3_000);
            end(&mut world, how, word);
            world.advance(1_100);
            assert_eq!(world.settled(id, Ticket::RESULT), Some(&Ok(Value::Null)), "{kind} {how:?}");
            assert_eq!((status(&world), head(&world).epoch), (json!(word), 3), "nothing is taken");
        }
    }
}

#[test]
fn a_command_that_takes_the_lease_tells_others_how_long_to_wait_for_it() {
    let mut world = world("in_progress");
    with_head(&mut world, LastRun::Yielded, None);
    let id = spawn(&mut world, "pause", json!({}));
    world.run_until(|w| w.store.commits.len() == 1);
    let owner = head(&world).owner.unwrap();
    assert_eq!((owner.ttl_ms, owner.heartbeat_ms), (30_000, 10_000));
    assert_eq!(world.result(id), Ok(Value::Null));
}
