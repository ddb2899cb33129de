//! pause and stop from outside: the table, the register, taking over.

use super::*;
use crate::effect::Ticket;
use crate::facts::fact::{Begin, EndStatus};
use crate::lifecycle::Status;
use crate::store::StoreErrorCode;
use crate::testkit::{Fault, Op};
use crate::time::Instant;

fn ended(status: EndStatus) -> Vec<Fact> {
    vec![Fact::Ended { status, reason: None, error: None }]
}

/// The runner obeys: it journals the end and gives the lease back.
fn obey(world: &mut World, end: EndStatus) {
    journal(world, ended(end), |head| {
        head.owner = None;
        head.last_run = end.into();
    });
}

#[test]
fn pause_and_stop_change_nothing_where_the_table_says_no_op() {
    for (kind, no_ops) in [
        ("pause", &["not_started", "paused", "failed", "completed"][..]),
        ("stop", &["not_started", "failed", "completed"]),
    ] {
        for word in no_ops {
            let mut world = world(word);
            assert_eq!(run(&mut world, kind, json!({})), Ok(Value::Null), "{kind} on {word}");
            assert!(world.store.commits.is_empty(), "{kind} on {word} writes");
            assert_eq!(status(&world), json!(word));
        }
    }
}

#[test]
fn a_pause_or_stop_of_a_task_that_somebody_is_just_beginning_is_for_the_run_that_comes_of_it() {
    for kind in ["pause", "stop"] {
        for before in ["not_started", "failed"] {
            let mut world = world(before);
            with_head(&mut world, LastRun::None, Some(owner()));
            let id = spawn(&mut world, kind, json!({}));
            world.advance(20_000);
            assert_eq!((world.settled(id, Ticket::RESULT), status(&world)), (None, json!(before)));
            set_status(&mut world, "in_progress");
            world.advance(2_000);
            assert_eq!(status(&world), json!("paused"), "the run is told");
            obey(&mut world, EndStatus::Paused);
            assert_eq!(world.result(id), Ok(Value::Null));
        }
    }
}

#[test]
fn a_stop_that_was_answered_is_none_for_the_run_that_somebody_is_just_beginning() {
    let mut world = world("paused");
    set(&mut world, &[FieldWrite::set(&["execution", "abort_reason"], "stopped")]);
    with_head(&mut world, LastRun::Stopped, Some(owner()));
    let id = spawn(&mut world, "stop", json!({}));
    world.advance(20_000);
    assert_eq!(world.settled(id, Ticket::RESULT), None);
    set(&mut world, &[FieldWrite::unset(&["execution", "abort_reason"])]);
    set_status(&mut world, "in_progress");
    world.advance(2_000);
    assert_eq!((status(&world), abort_reason(&world).as_deref()), (json!("paused"), Some("stopped")));
    obey(&mut world, EndStatus::Stopped);
    assert_eq!(world.result(id), Ok(Value::Null));
}

#[test]
fn a_stop_with_another_reason_than_the_one_before_is_stored_at_once() {
    let mut world = world("paused");
    set(&mut world, &[FieldWrite::set(&["execution", "abort_reason"], "stopped")]);
    with_head(&mut world, LastRun::Stopped, Some(owner()));
    let id = spawn(&mut world, "stop", json!({ "reason": "enough" }));
    world.advance(1_000);
    assert_eq!((world.settled(id, Ticket::RESULT), abort_reason(&world).as_deref()), (None, Some("enough")));
    obey(&mut world, EndStatus::Stopped);
    assert_eq!(world.result(id), Ok(Value::Null));
}

#[test]
fn a_pause_or_stop_waits_for_a_run_at_work_though_others_say_that_the_task_is_completed() {
    for kind in ["pause", "stop"] {
        let mut world = world("completed");
        with_head(&mut world, LastRun::Running, Some(owner()));
        let id = spawn(&mut world, kind, json!({}));
        world.advance(5_000);
        assert_eq!(world.settled(id, Ticket::RESULT), None);
        obey(&mut world, EndStatus::Stopped);
        assert_eq!(world.result(id), Ok(Value::Null));
        assert!(world.store.commits.is_empty());
    }
}

#[test]
fn a_pause_of_a_task_that_somebody_holds_and_does_not_begin_changes_nothing() {
    for gives_up in [true, false] {
        let mut world = world("not_started");
        with_head(&mut world, LastRun::None, Some(owner()));
        let begun = world.now().mono;
        let id = spawn(&mut world, "pause", json!({}));
        world.advance(2_000);
        if gives_up {
            let at = world.now().mono;
            world.store.patch(HEAD, &[FieldWrite::unset(&["owner"])], at);
        }
        assert_eq!(world.result(id), Ok(Value::Null));
        let took = world.now().mono - begun;
        assert_eq!(took < 2_500, gives_up, "{took}");
        assert!(took < 52_000, "{took}: heartbeat + grace + two store deadlines");
        assert!(world.store.commits.is_empty() && status(&world) == json!("not_started"));
    }
}

#[test]
fn pause_of_a_task_that_the_engine_never_ran_journals_the_pause_itself() {
    let mut world = world("in_progress");
    let id = spawn(&mut world, "pause", json!({}));
    world.result(id).unwrap();
    assert_eq!((status(&world), abort_reason(&world)), (json!("paused"), None));
    assert_eq!(world.event_types(id), ["task:message_saved", "task:paused"]);
    assert_eq!(world.statuses(id).last(), Some(&Status::Paused));
    let head = head(&world);
    assert_eq!((head.seq, head.epoch, head.last_run, head.owner), (1, 1, LastRun::Paused, None));
    assert_eq!(head.created_at.as_deref(), Some(CREATED_AT));
    let messages: Vec<_> =
        world.store.paths("users/u/tasks/t/messages/").into_iter().map(str::to_owned).collect();
    assert_eq!(world.store.get(&messages[0]).unwrap()["content"], "Paused.");
}

#[test]
fn the_first_entry_of_a_history_brings_the_old_one_along() {
    let mut world = world("in_progress");
    let old = json!([{ "role": "user", "content": "hello" }, { "role": "assistant", "content": "hi" }]);
    set(&mut world, &[FieldWrite::set(&["execution", "api_messages"], old)]);
    run(&mut world, "pause", json!({})).unwrap();
    let kinds =
        |world: &World, seq: u64| world.store.get(&Paths::new("u", "t").entry(seq)).unwrap()["kinds"].clone();
    assert_eq!(kinds(&world, 1), json!(["imported", "ended"]));
    set_status(&mut world, "in_progress");
    run(&mut world, "pause", json!({})).unwrap();
    assert_eq!(kinds(&world, 2), json!(["ended"]), "once");
    let mut world = super::world("in_progress");
    run(&mut world, "pause", json!({})).unwrap();
    assert_eq!(kinds(&world, 1), json!(["ended"]), "there is none");
}

#[test]
fn stop_stores_its_reason_or_says_stopped() {
    for (arguments, stored, announced) in [
        (json!({}), "stopped", None),
        (json!({ "reason": " \n" }), "stopped", None),
        (json!({ "reason": "enough" }), "enough", Some("enough")),
    ] {
        for (word, last_run) in [("in_progress", LastRun::Running), ("paused", LastRun::Paused)] {
            let mut world = world(word);
            with_head(&mut world, last_run, None);
            let id = spawn(&mut world, "stop", arguments.clone());
            world.result(id).unwrap();
            assert_eq!((status(&world), abort_reason(&world).as_deref()), (json!("paused"), Some(stored)));
            let event = world.events(id).last().unwrap();
            assert_eq!((event["type"].as_str(), event["reason"].as_str()), (Some("task:stopped"), announced));
            assert_eq!((head(&world).last_run, head(&world).epoch), (LastRun::Stopped, 4));
        }
    }
}

#[test]
fn a_pause_deletes_the_reason_of_an_earlier_stop() {
    let mut world = world("in_progress");
    set(&mut world, &[FieldWrite::set(&["execution", "abort_reason"], "old")]);
    run(&mut world, "pause", json!({})).unwrap();
    assert_eq!((status(&world), abort_reason(&world)), (json!("paused"), None));
}

#[test]
fn a_live_runner_elsewhere_is_asked_by_the_status_and_answers_by_the_journal() {
    let mut world = world("in_progress");
    with_head(&mut world, LastRun::Running, Some(owner()));
    let id = spawn(&mut world, "pause", json!({}));
    world.advance(5_000);
    assert_eq!(status(&world), json!("paused"));
    assert_eq!(world.settled(id, Ticket::RESULT), None, "never on the status alone");
    journal(&mut world, vec![turn(&["a"])], |_| {});
    world.advance(3_000);
    assert_eq!(world.settled(id, Ticket::RESULT), None, "a turn is no answer");
    obey(&mut world, EndStatus::Paused);
    assert_eq!(world.result(id), Ok(Value::Null));
    let types = ["task:message_saved", "task:tool_call", "task:usage", "task:message_saved", "task:paused"];
    assert_eq!(world.event_types(id), types);
    assert_eq!(head(&world).epoch, 3, "nothing was taken");
}

#[test]
fn any_end_later_than_the_read_of_the_head_answers() {
    for end in [EndStatus::Paused, EndStatus::Stopped, EndStatus::Completed, EndStatus::Failed] {
        let mut world = world("in_progress");
        with_head(&mut world, LastRun::Running, Some(owner()));
        let id = spawn(&mut world, "stop", json!({ "reason": "r" }));
        world.advance(1_000);
        obey(&mut world, end);
        assert_eq!(world.result(id), Ok(Value::Null));
    }
}

#[test]
fn what_was_announced_before_the_answer_is_announced_once() {
    let mut world = world("in_progress");
    with_head(&mut world, LastRun::Running, Some(owner()));
    // The register changes between read and write: the command begins anew.
    world.faults.add(Op::Commit, TASK, 0, 1, Fault::Error(StoreErrorCode::Conflict));
    let id = spawn(&mut world, "pause", json!({}));
    world.advance(5);
    journal(&mut world, vec![turn(&["a"])], |_| {});
    world.advance(2_000);
    obey(&mut world, EndStatus::Paused);
    world.result(id).unwrap();
    let calls = world.event_types(id).into_iter().filter(|t| *t == "task:tool_call").count();
    assert_eq!(calls, 1);
}

#[test]
fn where_the_store_can_watch_the_answer_is_seen_at_once() {
    let mut world = world("in_progress");
    world.watches = true;
    with_head(&mut world, LastRun::Running, Some(owner()));
    let machine = open(world.now(), "pause", config(json!({ "hasWatch": true }))).unwrap();
    let id = world.spawn(machine);
    world.advance(20);
    obey(&mut world, EndStatus::Paused);
    let at = world.now().mono;
    world.input(id, crate::effect::Input::Changed);
    world.result(id).unwrap();
    assert!(world.now().mono - at < 50, "{}", world.now().mono - at);
    assert_eq!(world.count("watch"), 2, "begun and ended");
}

#[test]
fn an_unclear_reply_to_the_register_is_resolved_by_reading_it() {
    for fault in [Fault::LostReply, Fault::Lied(StoreErrorCode::Unavailable), Fault::Silence] {
        let mut world = world("in_progress");
        with_head(&mut world, LastRun::Running, Some(owner()));
        world.faults.add(Op::Commit, TASK, 0, 1, fault);
        let id = spawn(&mut world, "stop", json!({ "reason": "r" }));
        world.advance(9_000);
        assert_eq!(
            (status(&world), abort_reason(&world).as_deref()),
            (json!("paused"), Some("r")),
            "{fault:?}"
        );
        obey(&mut world, EndStatus::Stopped);
        assert_eq!(world.result(id), Ok(Value::Null));
    }
}

#[test]
fn unanswered_it_takes_the_task_over_and_waits_until_the_old_owners_lease_has_run_out() {
    let mut world = world("in_progress");
    with_head(&mut world, LastRun::Running, Some(owner()));
    let begun = world.now().mono;
    // The old owner renews its lease and obeys nothing.
    let id = spawn(&mut world, "pause", json!({}));
    for n in 0..5 {
        world.advance(10_000);
        if n < 4 {
            assert_eq!(head(&world).epoch, 3, "too early after {n}");
            let at = world.now().mono;
            world.store.patch(HEAD, &[FieldWrite::set(&["write_id"], format!("beat {n}"))], at);
        }
    }
    world.advance(1_000);
    assert_eq!((head(&world).epoch, head(&world).last_run), (4, LastRun::Paused));
    assert_eq!(world.settled(id, Ticket::RESULT), None, "the old owner may still work");
    world.result(id).unwrap();
    let took = world.now().mono - begun;
    assert!((80_000..81_000).contains(&took), "{took}: heartbeat + grace + two store deadlines + the lease");
    assert_eq!(world.event_types(id).last(), Some(&"task:paused"));
}

#[test]
fn who_joins_a_take_over_or_comes_after_it_waits_until_the_old_owners_lease_has_run_out_too() {
    for tells_age in [true, false] {
        let mut world = world("in_progress");
        world.store.tells_age = tells_age;
        with_head(&mut world, LastRun::Running, Some(owner()));
        let mut ids = vec![spawn(&mut world, "pause", json!({})), spawn(&mut world, "pause", json!({}))];
        for n in 0.. {
            world.advance(5_000);
            if head(&world).epoch > 3 {
                break;
            }
            if n == 0 {
                ids.push(spawn(&mut world, "pause", json!({ "seed": 9 })));
            }
            let at = world.now().mono;
            world.store.patch(HEAD, &[FieldWrite::set(&["write_id"], format!("beat {n}"))], at);
        }
        let taken = world.now().mono;
        if tells_age {
            ids.push(spawn(&mut world, "pause", json!({})));
            ids.push(spawn(&mut world, "stop", json!({ "seed": 8 })));
            world.advance(500);
            ids.push(spawn(&mut world, "pause", json!({})));
        }
        world.advance(24_000);
        for id in &ids {
            assert_eq!(world.settled(*id, Ticket::RESULT), None, "{tells_age}");
        }
        for id in ids {
            world.result(id).unwrap();
        }
        let settled = world.now().mono - taken;
        assert!((25_000..32_000).contains(&settled), "{settled}");
        let begun = world.now().mono;
        run(&mut world, "pause", json!({})).unwrap();
        assert!(world.now().mono - begun < 100);
    }
}

#[test]
fn an_owner_that_was_fenced_off_before_the_last_run_is_not_waited_for() {
    for (by_epoch, waits) in [(3, true), (2, false)] {
        let mut world = world("paused");
        world.store.tells_age = true;
        with_head(&mut world, LastRun::Paused, None);
        let at = world.now().mono;
        let fenced_off = json!({ "by_epoch": by_epoch, "ttl_ms": 30_000 });
        world.store.patch(HEAD, &[FieldWrite::set(&["fenced_off"], fenced_off)], at);
        run(&mut world, "pause", json!({})).unwrap();
        let took = world.now().mono - at;
        assert_eq!(took > 29_000, waits, "{took}");
    }
}

/// A task that is paused while the owner that was fenced off may work on for half a minute, and when that began.
fn paused_over_a_fenced_owner() -> (World, Instant) {
    let mut world = world("paused");
    world.store.tells_age = true;
    with_head(&mut world, LastRun::Paused, None);
    let at = world.now().mono;
    let fenced_off = json!({ "by_epoch": 3, "ttl_ms": 30_000 });
    world.store.patch(HEAD, &[FieldWrite::set(&["fenced_off"], fenced_off)], at);
    (world, at)
}

#[test]
fn an_owner_that_was_fenced_off_is_waited_for_though_another_command_took_the_task_in_between() {
    for kind in ["pause", "stop"] {
        let (mut world, at) = paused_over_a_fenced_owner();
        world.advance(10_000);
        let message = json!({ "role": "user", "content": [{ "text": "Go on." }] });
        run(&mut world, "saveApiMessage", json!({ "message": message })).unwrap();
        // One that is refused gives back what it has taken.
        let message = json!({ "role": "user", "content": [{ "text": " " }] });
        run(&mut world, "saveApiMessage", json!({ "message": message, "seed": 8 })).unwrap_err();
        assert_eq!((head(&world).epoch, head(&world).owner), (5, None));
        run(&mut world, kind, json!({})).unwrap();
        let took = world.now().mono - at;
        assert!((30_000..30_500).contains(&took), "{kind}: {took}");
    }
}

#[test]
fn a_stop_that_has_taken_the_task_and_finds_it_ended_waits_for_the_owner_that_was_fenced_off_before() {
    let (mut world, at) = paused_over_a_fenced_owner();
    let id = spawn(&mut world, "stop", json!({}));
    world.run_until(|w| head(w).epoch == 4);
    set_status(&mut world, "completed");
    world.result(id).unwrap();
    let took = world.now().mono - at;
    assert!((30_000..30_500).contains(&took), "{took}");
    assert_eq!((status(&world), head(&world).seq, head(&world).owner), (json!("completed"), 0, None));
}

#[test]
fn whom_a_command_has_fenced_off_that_was_overtaken_then_the_next_one_waits_for() {
    let mut world = world("in_progress");
    world.store.tells_age = true;
    with_head(&mut world, LastRun::Running, Some(owner()));
    let id = spawn(&mut world, "pause", json!({}));
    for n in 0..9 {
        world.advance(5_000);
        let at = world.now().mono;
        world.store.patch(HEAD, &[FieldWrite::set(&["write_id"], format!("beat {n}"))], at);
    }
    world.run_until(|w| head(w).epoch == 4);
    let taken = world.now().mono;
    set_status(&mut world, "in_progress");
    assert_eq!(world.result(id), Ok(Value::Null));
    assert!(world.now().mono - taken < 100, "it was overtaken");
    run(&mut world, "pause", json!({ "seed": 8 })).unwrap();
    let took = world.now().mono - taken;
    assert!((29_900..30_500).contains(&took), "{took}");
}

#[test]
fn an_owner_whose_lease_ran_out_unrenewed_is_not_waited_for_any_longer() {
    let mut world = world("in_progress");
    with_head(&mut world, LastRun::Running, Some(owner()));
    let begun = world.now().mono;
    run(&mut world, "pause", json!({})).unwrap();
    let took = world.now().mono - begun;
    assert!((30_000..32_500).contains(&took), "{took}");
    assert_eq!(head(&world).last_run, LastRun::Paused);
}

#[test]
fn a_dead_owner_is_not_waited_for() {
    let dead_process = |world: &mut World| {
        with_head(world, LastRun::Running, Some(Owner { holder: Some("boot:1".into()), ..owner() }));
        world.dead_holders.push("boot:1".into());
    };
    let old_lease = |world: &mut World| {
        world.store.tells_age = true;
        with_head(world, LastRun::Running, Some(owner()));
        world.advance(31_000);
    };
    for arrange in [&dead_process as &dyn Fn(&mut World), &old_lease] {
        let mut world = world("in_progress");
        arrange(&mut world);
        let begun = world.now().mono;
        let machine = open(world.now(), "pause", config(json!({ "holder": "boot:2" }))).unwrap();
        let id = world.spawn(machine);
        world.result(id).unwrap();
        assert!(world.now().mono - begun < 100);
        assert_eq!((head(&world).epoch, head(&world).last_run), (4, LastRun::Paused));
    }
}

#[test]
fn what_a_run_of_this_process_left_behind_is_not_waited_for() {
    let mut world = world("in_progress");
    with_head(&mut world, LastRun::Running, Some(Owner { id: "here.1".into(), ..owner() }));
    let begun = world.now().mono;
    run(&mut world, "pause", json!({ "instance": "here" })).unwrap();
    assert!(world.now().mono - begun < 100);
    assert_eq!((head(&world).epoch, head(&world).last_run), (4, LastRun::Paused));
}

#[test]
fn a_run_of_this_process_that_is_under_way_is_asked_and_not_robbed() {
    for (id, runs_here) in [("here.1", true), ("here", false), ("there.1", false)] {
        let mut world = world("in_progress");
        world.runs_here = runs_here;
        with_head(&mut world, LastRun::Running, Some(Owner { id: id.into(), ..owner() }));
        spawn(&mut world, "pause", json!({ "instance": "here" }));
        world.advance(5_000);
        assert_eq!((head(&world).epoch, status(&world)), (3, json!("paused")), "{id}");
    }
}

#[test]
fn a_run_that_yields_with_the_register_set_leaves_the_pause_to_the_command() {
    let mut world = world("in_progress");
    with_head(&mut world, LastRun::Running, Some(owner()));
    let id = spawn(&mut world, "pause", json!({}));
    world.advance(500);
    let at = world.now().mono;
    world.store.patch(HEAD, &[FieldWrite::unset(&["owner"]), FieldWrite::set(&["last_run"], "yielded")], at);
    world.result(id).unwrap();
    assert!(world.now().mono - at < 2_000);
    assert_eq!(head(&world).last_run, LastRun::Paused);
}

#[test]
fn a_later_command_that_changed_the_register_decides() {
    let mut world = world("in_progress");
    with_head(&mut world, LastRun::Running, Some(owner()));
    let id = spawn(&mut world, "pause", json!({}));
    world.advance(1_000);
    set_status(&mut world, "in_progress");
    assert_eq!(world.result(id), Ok(Value::Null));
    assert_eq!((head(&world).epoch, status(&world)), (3, json!("in_progress")), "nothing was taken");
}

#[test]
fn a_later_command_in_the_moment_of_the_take_over_decides_too() {
    let mut world = world("in_progress");
    with_head(&mut world, LastRun::Running, Some(owner()));
    let id = spawn(&mut world, "pause", json!({}));
    world.advance(30_000);
    world.run_until(|w| head(w).epoch == 4);
    set_status(&mut world, "in_progress");
    assert_eq!(world.result(id), Ok(Value::Null));
    assert_eq!((head(&world).seq, head(&world).owner, status(&world)), (0, None, json!("in_progress")));
    assert_eq!(head(&world).last_run, LastRun::YieldedUnclean, "the crash before is not forgotten");
}

#[test]
fn pause_joins_an_unfinished_pause_and_journals_what_the_register_says() {
    for (reason, end) in [(None, LastRun::Paused), (Some("enough"), LastRun::Stopped)] {
        for (owner, last_run) in [
            (None, LastRun::Running),
            (Some(owner()), LastRun::Running),
            (None, LastRun::Yielded),
            (None, LastRun::YieldedUnclean),
        ] {
            let mut world = world("paused");
            if let Some(reason) = reason {
                set(&mut world, &[FieldWrite::set(&["execution", "abort_reason"], reason)]);
            }
            with_head(&mut world, last_run, owner);
            assert_eq!(run(&mut world, "pause", json!({})), Ok(Value::Null));
            assert_eq!((head(&world).last_run, abort_reason(&world).as_deref()), (end, reason));
        }
    }
}

#[test]
fn stop_of_an_unfinished_pause_makes_a_stop_of_it() {
    let mut world = world("paused");
    with_head(&mut world, LastRun::Running, Some(owner()));
    let id = spawn(&mut world, "stop", json!({ "reason": "now" }));
    world.advance(1_000);
    assert_eq!(abort_reason(&world).as_deref(), Some("now"));
    obey(&mut world, EndStatus::Stopped);
    assert_eq!(world.result(id), Ok(Value::Null));
}

#[test]
fn a_pause_that_has_taken_a_task_which_has_ended_journals_nothing_where_others_pause_it_meanwhile() {
    for last_run in [LastRun::Paused, LastRun::Stopped, LastRun::Completed, LastRun::Failed] {
        let mut world = world("in_progress");
        with_head(&mut world, last_run, None);
        let id = spawn(&mut world, "pause", json!({}));
        world.run_until(|w| head(w).epoch == 4);
        set_status(&mut world, "paused");
        world.result(id).unwrap();
        assert_eq!((head(&world).seq, head(&world).last_run, head(&world).owner), (0, last_run, None));
    }
}

#[test]
fn a_pause_leaves_a_task_that_others_set_back_meanwhile_as_they_set_it() {
    for others in ["not_started", "failed", "completed"] {
        let mut world = world("in_progress");
        with_head(&mut world, LastRun::Yielded, None);
        let id = spawn(&mut world, "pause", json!({}));
        world.run_until(|w| head(w).epoch == 4);
        set_status(&mut world, others);
        world.result(id).unwrap();
        assert_eq!((head(&world).seq, status(&world)), (0, json!(others)));
    }
}

#[test]
fn of_two_owners_that_may_still_be_at_work_the_one_is_waited_for_whose_lease_is_longer() {
    for (old, taken) in [(60_000, 10_000), (10_000, 60_000)] {
        let mut world = world("in_progress");
        world.store.tells_age = true;
        with_head(&mut world, LastRun::Running, Some(Owner { ttl_ms: taken, ..owner() }));
        let id = spawn(&mut world, "pause", json!({}));
        for n in 0.. {
            world.advance(5_000);
            if head(&world).epoch > 3 {
                break;
            }
            let renewed = [
                FieldWrite::set(&["write_id"], format!("beat {n}")),
                FieldWrite::set(&["fenced_off"], json!({ "by_epoch": 3, "ttl_ms": old })),
            ];
            let at = world.now().mono;
            world.store.patch(HEAD, &renewed, at);
        }
        let waits = head(&world).fenced_off.unwrap().ttl_ms;
        assert!((59_000..=60_000).contains(&waits), "{waits}");
        world.result(id).unwrap();
    }
}

#[test]
fn a_status_that_others_changed_in_between_is_read_again_and_never_overwritten_unseen() {
    let mut world = world("in_progress");
    with_head(&mut world, LastRun::Yielded, None);
    let id = spawn(&mut world, "pause", json!({}));
    world.run_until(|w| head(w).epoch == 4);
    set_status(&mut world, "completed");
    assert_eq!(world.result(id), Ok(Value::Null));
    assert_eq!((status(&world), head(&world).seq, head(&world).owner), (json!("completed"), 0, None));

    let mut world = super::world("in_progress");
    with_head(&mut world, LastRun::Yielded, None);
    let id = spawn(&mut world, "pause", json!({}));
    world.run_until(|w| head(w).epoch == 4);
    set(&mut world, &[FieldWrite::set(&["title"], "renamed")]);
    assert_eq!(world.result(id), Ok(Value::Null));
    assert_eq!((status(&world), head(&world).last_run), (json!("paused"), LastRun::Paused));
}

#[test]
fn a_run_that_takes_the_task_first_is_asked_instead() {
    let mut world = world("in_progress");
    with_head(&mut world, LastRun::Yielded, None);
    let id = spawn(&mut world, "pause", json!({}));
    world.run_until(|w| w.count("commit") == 1);
    let at = world.now().mono;
    let taken = [
        FieldWrite::set(&["epoch"], 4),
        FieldWrite::set(&["write_id"], "other"),
        FieldWrite::set(&["last_run"], "running"),
        FieldWrite::set(&["owner"], serde_json::to_value(owner()).unwrap()),
    ];
    world.store.patch(HEAD, &taken, at);
    world.advance(1_000);
    assert_eq!(status(&world), json!("paused"));
    obey(&mut world, EndStatus::Paused);
    assert_eq!(world.result(id), Ok(Value::Null));
    assert_eq!(head(&world).epoch, 4);
}

#[test]
fn where_the_store_denies_the_journal_the_stored_status_settles_it() {
    for path in ["engine/head", "journal"] {
        let mut world = world("in_progress");
        with_head(&mut world, LastRun::Yielded, None);
        world.faults.add(Op::Commit, path, 0, 1, Fault::Error(StoreErrorCode::Denied));
        assert_eq!(run(&mut world, "pause", json!({})), Ok(Value::Null), "{path}");
        assert_eq!(status(&world), json!("paused"));
        assert_eq!(head(&world).last_run, LastRun::Yielded, "the next acquisition journals it");
    }
}

#[test]
fn lost_replies_to_the_pauses_own_commits_are_resolved_by_reading() {
    for skip in [0, 1] {
        let mut world = world("in_progress");
        with_head(&mut world, LastRun::Yielded, None);
        world.faults.add(Op::Commit, "engine/head", skip, 1, Fault::LostReply);
        let id = spawn(&mut world, "pause", json!({}));
        assert_eq!(world.result(id), Ok(Value::Null));
        assert_eq!((head(&world).seq, head(&world).last_run), (1, LastRun::Paused));
        assert_eq!(world.event_types(id), ["task:message_saved", "task:paused"]);
    }
}

#[test]
fn a_store_that_stays_silent_ends_the_command_within_its_deadline() {
    for op in [Op::Read, Op::Commit] {
        let mut world = world("in_progress");
        with_head(&mut world, LastRun::Running, Some(owner()));
        world.faults.add(op, "users", 0, usize::MAX, Fault::Silence);
        let begun = world.now().mono;
        assert_eq!(refused(&mut world, "pause", json!({})), Code::StoreUnavailable);
        assert!(world.now().mono - begun < 16_000);
    }
}

#[test]
fn a_history_in_deletion_is_refused() {
    let mut world = world("in_progress");
    with_head(&mut world, LastRun::Running, None);
    let at = world.now().mono;
    world.store.patch(HEAD, &[FieldWrite::set(&["deleted"], true)], at);
    assert_eq!(refused(&mut world, "stop", json!({})), Code::StaleHistory);
    assert!(world.store.commits.is_empty());
}

#[test]
fn a_pause_of_a_task_that_was_made_again_goes_behind_what_the_task_before_has_left() {
    let mut world = world("in_progress");
    with_head(&mut world, LastRun::Completed, None);
    journal(&mut world, vec![Fact::Begun { how: Begin::Started }], |_| {});
    set(&mut world, &[FieldWrite::set(&["created_at"], "2027-01-01T00:00:00.000Z")]);
    assert_eq!(run(&mut world, "pause", json!({})), Ok(Value::Null));
    let head = head(&world);
    assert_eq!((head.since, head.seq, head.last_run), (1, 2, LastRun::Paused));
    assert_ne!(head.history, "h");
    assert_eq!(status(&world), json!("paused"));
}

#[test]
fn a_task_that_is_not_there_is_not_found_and_the_order_of_arguments_is_told() {
    let mut world = World::new();
    let error = run(&mut world, "pause", json!({})).unwrap_err();
    assert_eq!(error.code, Code::TaskNotFound);
    assert!(error.message.contains("taskId, userId"), "{}", error.message);
}

#[test]
fn a_corrupt_journal_is_refused_and_the_lease_given_back() {
    let mut world = world("in_progress");
    with_head(&mut world, LastRun::Yielded, None);
    let at = world.now().mono;
    world.store.patch(HEAD, &[FieldWrite::set(&["seq"], 2)], at);
    assert_eq!(refused(&mut world, "pause", json!({})), Code::CorruptHistory);
    assert_eq!((head(&world).owner, status(&world)), (None, json!("in_progress")));
}
