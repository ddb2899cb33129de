//! When pause and stop look whether they were answered, how long they wait for an owner, and what they write.

use super::*;
use crate::effect::Ticket;
use crate::testkit::{Fault, Op};

/// A world in which a reply takes no time, and somebody holds the task.
fn held(owner: Owner) -> World {
    let mut world = world("in_progress");
    world.latency_ms = 0;
    with_head(&mut world, LastRun::Running, Some(owner));
    world
}

/// An owner whose lease is long, and which is waited for so long.
fn waited_for(ms: u64) -> Owner {
    Owner { ttl_ms: 120_000, heartbeat_ms: ms / 2, grace_ms: 0, store_timeout_ms: ms / 4, ..owner() }
}

/// When the command looks, and when it takes the task, in milliseconds after it began.
fn looks(world: &mut World) -> (Vec<u64>, u64) {
    let begun = world.now().mono;
    spawn(world, "pause", json!({}));
    let mut looks = Vec::new();
    let mut reads = world.count("read");
    while head(world).epoch == 3 {
        world.advance(1);
        if world.count("read") > reads {
            reads = world.count("read");
            looks.push(world.now().mono - begun);
        }
    }
    (looks, world.now().mono - begun)
}

#[test]
fn a_command_looks_ever_more_rarely_and_a_last_time_when_its_patience_ends() {
    let all = [200, 500, 950, 1_625, 2_625, 3_625, 4_625, 5_000];
    assert_eq!(looks(&mut held(waited_for(5_000))), (all.to_vec(), 5_000));
    assert_eq!(looks(&mut held(waited_for(1_600))), (vec![200, 500, 950, 1_600], 1_600));
    assert_eq!(looks(&mut held(waited_for(0))), (vec![200], 200), "nobody is robbed without a second look");
}

#[test]
fn an_owner_is_silent_once_nothing_was_written_for_longer_than_its_lease() {
    for (ttl_ms, taken) in [(499, 500), (500, 950), (501, 950)] {
        let mut world = held(Owner { ttl_ms, ..owner() });
        assert_eq!(looks(&mut world).1, taken, "a lease of {ttl_ms} ms");
        world.advance(1);
        assert_eq!(head(&world).last_run, LastRun::Paused);
    }
}

#[test]
fn an_owner_whose_process_dies_while_it_is_waited_for_is_waited_for_no_longer() {
    let mut world = held(Owner { holder: Some("boot:1".into()), ..owner() });
    let id = spawn(&mut world, "pause", json!({ "holder": "boot:2" }));
    world.advance(3_000);
    assert_eq!(head(&world).epoch, 3);
    world.dead_holders.push("boot:1".into());
    world.advance(1_000);
    assert_eq!(world.settled(id, Ticket::RESULT), Some(&Ok(Value::Null)));
    assert_eq!((head(&world).epoch, head(&world).last_run), (4, LastRun::Paused));
}

/// Somebody writes the head just when the command would take the task, after 5 s.
fn disturbed(write: &[FieldWrite]) -> (World, Id) {
    let mut world = held(waited_for(5_000));
    world.faults.add(Op::Commit, HEAD, 0, 1, Fault::Late(1));
    let id = spawn(&mut world, "pause", json!({ "hasWatch": true }));
    // The first commit is the register's.
    world.run_until(|w| w.count("commit") == 2);
    let at = world.now().mono;
    world.store.patch(HEAD, write, at);
    (world, id)
}

#[test]
fn an_owner_that_renews_its_lease_just_when_it_is_taken_over_is_not_waited_for_as_long_again() {
    let (mut world, _) = disturbed(&[FieldWrite::set(&["write_id"], "beat")]);
    world.advance(1_000);
    assert_eq!(head(&world).epoch, 4);
}

#[test]
fn an_owner_that_takes_the_task_just_when_it_is_taken_over_is_waited_for_as_if_it_had_had_it_all_along() {
    let another = serde_json::to_value(Owner { id: "run-2".into(), ..waited_for(5_000) }).unwrap();
    let (mut world, id) = disturbed(&[
        FieldWrite::set(&["epoch"], 4),
        FieldWrite::set(&["write_id"], "other"),
        FieldWrite::set(&["owner"], another),
    ]);
    world.advance(4_900);
    assert_eq!(head(&world).epoch, 4);
    assert_eq!(world.count("watch"), 1, "it watches already");
    world.advance(200);
    assert_eq!(head(&world).epoch, 5);
    world.result(id).unwrap();
    assert_eq!(world.count("watch"), 2, "and no longer");
}

#[test]
fn what_the_store_cannot_watch_is_not_watched() {
    let mut world = held(owner());
    spawn(&mut world, "pause", json!({}));
    world.advance(5_000);
    assert_eq!((status(&world), world.count("watch")), (json!("paused"), 0));
}

#[test]
fn a_command_writes_only_the_fields_that_change() {
    let (status, updated, reason) = ("status", "updated_at", "execution.abort_reason");
    for (kind, word, before, written) in [
        ("pause", "in_progress", None, vec![status, updated]),
        ("pause", "in_progress", Some("old"), vec![status, reason, updated]),
        ("stop", "in_progress", None, vec![status, reason, updated]),
        ("stop", "in_progress", Some("old"), vec![status, reason, updated]),
        ("stop", "in_progress", Some("enough"), vec![status, updated]),
        ("stop", "paused", None, vec![reason, updated]),
    ] {
        for owner in [None, Some(owner())] {
            let mut world = world(word);
            if let Some(before) = before {
                set(&mut world, &[FieldWrite::set(&["execution", "abort_reason"], before)]);
            }
            let held = owner.is_some();
            with_head(&mut world, LastRun::Running, owner);
            spawn(&mut world, kind, json!({ "reason": (kind == "stop").then_some("enough") }));
            world.advance(100);
            let to_task =
                |write: &&StoreWrite| matches!(write, StoreWrite::Update { path, .. } if path == TASK);
            let writes: Vec<_> = world.store.commits.iter().flatten().filter(to_task).collect();
            let [StoreWrite::Update { fields, .. }] = writes.as_slice() else { panic!("{writes:?}") };
            let fields: Vec<String> = fields.iter().map(|field| field.path.join(".")).collect();
            assert_eq!(fields, written, "{kind} on {word} after {before:?}, held: {held}");
        }
    }
}

#[test]
fn an_owner_that_was_fenced_off_is_waited_for_to_the_end_of_its_lease_whatever_changes_meanwhile() {
    let mut world = held(waited_for(5_000));
    let id = spawn(&mut world, "pause", json!({}));
    world.advance(5_000);
    assert_eq!(head(&world).last_run, LastRun::Paused);
    for _ in 0..119 {
        world.advance(1_000);
        world.input(id, crate::effect::Input::Changed);
    }
    world.advance(999);
    assert_eq!(world.settled(id, Ticket::RESULT), None);
    world.advance(1);
    assert_eq!(world.settled(id, Ticket::RESULT), Some(&Ok(Value::Null)));
}

#[test]
fn a_task_that_a_later_command_sets_going_just_when_it_is_taken_over_goes_on() {
    for owner in [Some(Owner { id: "run-2".into(), ..waited_for(5_000) }), None] {
        let (mut world, id) = disturbed(&[
            FieldWrite::set(&["epoch"], 4),
            FieldWrite::set(&["write_id"], "other"),
            FieldWrite::set(&["owner"], serde_json::to_value(owner).unwrap()),
        ]);
        set_status(&mut world, "in_progress");
        assert_eq!(world.result(id), Ok(Value::Null));
        assert_eq!((status(&world), head(&world).epoch, head(&world).seq), (json!("in_progress"), 4, 0));
    }
}
