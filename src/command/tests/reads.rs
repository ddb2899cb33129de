//! state, load, journal, events and the other reads.

use super::*;
use crate::converse::{ResultStatus, Trim};
use crate::facts::fact::{Begin, CallResult, EndStatus};
use crate::facts::plan::ItemKey;
use crate::testkit::{Fault, Op};
use std::rc::Rc;

fn key() -> ItemKey {
    ItemKey { milestone: Some("m".into()), item: "i".into() }
}

fn stated() -> Vec<Fact> {
    vec![
        Fact::Begun { how: Begin::Started },
        Fact::Stated { item: key(), name: "Item".into(), text: "Do the item.".into() },
    ]
}

fn result_of(id: &str) -> Fact {
    Fact::Result {
        result: CallResult {
            tool_call_id: id.into(),
            name: "tool".into(),
            status: ResultStatus::Error,
            content: Rc::new(vec![json!({ "text": "gone" })]),
            unknown: true,
            mistake: false,
            cut_bytes: 0,
        },
    }
}

/// Begun, one turn with a call, its result, and an end.
fn lived() -> World {
    let mut world = world("in_progress");
    with_head(&mut world, LastRun::Running, None);
    journal(&mut world, stated(), |_| {});
    journal(&mut world, vec![turn(&["a"])], |_| {});
    journal(&mut world, vec![result_of("a")], |_| {});
    world
}

#[test]
fn the_state_of_a_task_that_never_ran_is_read_from_the_document() {
    let mut world = world("not_started");
    let state = run(&mut world, "state", json!({})).unwrap();
    assert_eq!(state["status"], "not_started");
    assert_eq!(
        (&state["seq"], &state["waiting"], &state["unfinished"]),
        (&json!(0), &json!([]), &json!(false))
    );
    assert_eq!(state["progress"]["overall"], 0);
    assert_eq!(state["usage"]["inputTokens"], 0);
    assert!(state.get("owner").is_none() && state.get("item").is_none());
}

#[test]
fn the_state_of_a_running_task_names_item_owner_and_what_waits() {
    let mut world = world("in_progress");
    world.store.tells_age = true;
    with_head(&mut world, LastRun::Running, Some(owner()));
    journal(&mut world, stated(), |_| {});
    journal(&mut world, vec![turn(&["a", "b"]), asks("a", Why::Approval), asks("b", Why::Input)], |head| {
        head.summary = json!({ "usage": { "inputTokens": 5 }, "waiting": [2, 2],
                               "item": { "id": "i", "name": "Item", "milestoneId": "m" } });
    });
    journal(&mut world, vec![result_of("b")], |_| {});
    world.advance(1_000);
    let state = run(&mut world, "state", json!({})).unwrap();
    assert_eq!(state["item"], json!({ "id": "i", "name": "Item", "milestoneId": "m" }));
    assert_eq!(state["owner"], json!({ "id": "run-1", "ageMs": 1_002 }));
    assert_eq!(state["usage"]["inputTokens"], 5);
    assert_eq!(state["seq"], 3);
    assert_eq!(
        state["waiting"],
        json!([{ "toolCall": { "id": "a", "name": "tool", "input": {} }, "why": "approval", "itemId": "i",
                 "since": "2024-02-29T12:00:02.000Z" }])
    );
    assert_eq!(state["unfinished"], false);
    world.advance(30_000);
    assert_eq!(run(&mut world, "state", json!({})).unwrap()["unfinished"], true, "its lease ran out");
}

#[test]
fn a_task_whose_process_died_is_unfinished_where_the_store_can_tell() {
    let mut world = world("in_progress");
    with_head(&mut world, LastRun::Running, Some(Owner { holder: Some("boot:1".into()), ..owner() }));
    let state = |world: &mut World| run(world, "state", json!({ "holder": "boot:2" })).unwrap();
    assert_eq!(state(&mut world)["unfinished"], false);
    world.dead_holders.push("boot:1".into());
    assert_eq!(state(&mut world)["unfinished"], true);
    let elsewhere = run(&mut world, "state", json!({})).unwrap();
    assert_eq!(elsewhere["unfinished"], false, "a store that knows no processes is not asked");
}

#[test]
fn a_checkpoint_is_seq_and_epoch() {
    assert_eq!(run(&mut world("paused"), "checkpoint", json!({})), Ok(json!({ "seq": 0, "epoch": 0 })));
    assert_eq!(run(&mut lived(), "checkpoint", json!({})), Ok(json!({ "seq": 3, "epoch": 3 })));
}

#[test]
fn api_messages_are_the_conversation_in_the_shape_of_the_api() {
    let messages = run(&mut lived(), "apiMessages", json!({})).unwrap();
    assert_eq!(messages[0], json!({ "role": "user", "content": [{ "text": "Do the item." }] }));
    assert_eq!(messages[1]["role"], "assistant");
    assert_eq!(messages[2]["content"][0]["toolResult"]["toolUseId"], "a");
    assert_eq!(messages.as_array().unwrap().len(), 3);
}

#[test]
fn api_messages_hold_what_requests_leave_out_each_in_its_place() {
    let mut world = lived();
    journal(&mut world, vec![turn(&["b"])], |_| {});
    journal(&mut world, vec![result_of("b")], |_| {});
    let whole = run(&mut world, "apiMessages", json!({})).unwrap();
    let marker = json!({ "role": "user", "content": [{ "text": "Three messages are left out." }] });
    journal(&mut world, vec![Fact::Trimmed { trim: Trim { before: 3, left_out: 3, marker } }], |_| {});
    assert_eq!(run(&mut world, "apiMessages", json!({})).as_ref(), Ok(&whole));
    let more = Fact::Received { inbox: "i".into(), text: "Go on.".into(), in_thread: false, content: None };
    journal(&mut world, vec![more], |_| {});
    let longer = run(&mut world, "apiMessages", json!({})).unwrap();
    let (longer, whole) = (longer.as_array().unwrap(), whole.as_array().unwrap());
    assert_eq!((longer.len(), &longer[..4]), (5, &whole[..4]));
    assert_eq!(longer[4]["content"][1], json!({ "text": "Go on." }));
}

#[test]
fn a_history_is_listed_once_and_one_that_is_empty_not_at_all() {
    let mut world = lived();
    run(&mut world, "toolResults", json!({})).unwrap();
    assert_eq!(world.count("list"), 1);
    run(&mut world, "journal", json!({ "after": 3 })).unwrap();
    assert_eq!(world.count("list"), 1, "there is nothing after the last entry");
}

#[test]
fn a_history_of_more_entries_than_a_listing_holds_is_read_whole() {
    for entries in [499, 500, 501, 1_000] {
        let mut world = world("in_progress");
        with_head(&mut world, LastRun::Running, None);
        for n in 0..entries {
            journal(&mut world, vec![result_of(&format!("{n}"))], |_| {});
        }
        let results = run(&mut world, "toolResults", json!({})).unwrap();
        let seqs: Vec<u64> = results.as_array().unwrap().iter().map(|r| r["seq"].as_u64().unwrap()).collect();
        assert_eq!(seqs, (1..=entries).collect::<Vec<_>>());
    }
}

#[test]
fn tool_results_say_when_they_were_stored_and_whether_the_outcome_is_known() {
    assert_eq!(
        run(&mut lived(), "toolResults", json!({})),
        Ok(json!([{ "toolCallId": "a", "name": "tool", "status": "error", "content": [{ "text": "gone" }],
                    "seq": 3, "at": "2024-02-29T12:00:03.000Z", "unknown": true }]))
    );
}

#[test]
fn load_fills_the_executions_arrays_and_leaves_the_document_alone() {
    let mut world = lived();
    set(&mut world, &[FieldWrite::set(&["execution", "tool_results"], json!([{ "old": true }]))]);
    let task = run(&mut world, "load", json!({})).unwrap();
    assert_eq!((&task["id"], &task["title"]), (&json!("t"), &json!("Ship it")));
    assert_eq!(task["execution"]["api_messages"].as_array().unwrap().len(), 3);
    assert_eq!(task["execution"]["tool_results"][0], json!({ "old": true }));
    assert_eq!(task["execution"]["tool_results"][1]["toolCallId"], "a");
    assert_eq!(task["execution"]["task_messages"][0]["content"], "Working on: Item");
    assert!(world.store.commits.is_empty());
}

#[test]
fn an_old_history_reads_the_same_before_the_first_run_and_after_it() {
    let old = json!([
        { "role": "assistant", "content": "Out of nowhere.", "ts": 1 },
        { "role": "user", "content": "x" },
        { "role": "assistant", "content": [{ "type": "tool_use", "id": "a", "name": "work", "input": {} }] },
    ]);
    let mut world = super::world("not_started");
    set(&mut world, &[FieldWrite::set(&["execution", "api_messages"], old)]);
    let before = run(&mut world, "apiMessages", json!({})).unwrap();
    assert_eq!(before[1], json!({ "role": "assistant", "content": [{ "text": "Out of nowhere." }] }));
    assert_eq!(run(&mut world, "load", json!({})).unwrap()["execution"]["api_messages"], before);
    assert!(world.store.commits.is_empty());

    let message = json!({ "role": "user", "content": [{ "text": "More." }] });
    run(&mut world, "saveApiMessage", json!({ "message": message })).unwrap();
    let after = run(&mut world, "apiMessages", json!({})).unwrap();
    let kept = before.as_array().unwrap().len() - 1;
    assert_eq!(after.as_array().unwrap()[..kept], before.as_array().unwrap()[..kept]);
    assert_eq!(run(&mut world, "load", json!({})).unwrap()["execution"]["api_messages"], after);
}

#[test]
fn the_journal_is_read_page_by_page_also_where_entries_are_continued() {
    let mut world = world("in_progress");
    with_head(&mut world, LastRun::Running, None);
    for n in 0..5 {
        let text = "x".repeat(3_000_000 * (n % 2));
        journal(
            &mut world,
            vec![Fact::Received { inbox: format!("{n}"), text, in_thread: false, content: None }],
            |_| {},
        );
    }
    let mut seen = Vec::new();
    let mut nexts = Vec::new();
    let mut after = Value::Null;
    loop {
        let page = run(&mut world, "journal", json!({ "after": after, "limit": 2 })).unwrap();
        for entry in page["entries"].as_array().unwrap() {
            assert_eq!(entry["kinds"], json!(["received"]));
            seen.push((entry["seq"].as_u64().unwrap(), entry["data"]["facts"][0]["inbox"].clone()));
        }
        after = page["next"].clone();
        nexts.push(after.clone());
        if after.is_null() {
            break;
        }
    }
    assert_eq!(nexts, [json!(2), json!(4), Value::Null]);
    assert_eq!(seen, (0..5).map(|n| (n + 1, json!(format!("{n}")))).collect::<Vec<_>>());
    assert_eq!(refused(&mut world, "journal", json!({ "after": -1 })), Code::InvalidArgument);
}

#[test]
fn events_go_on_after_any_event_and_begin_now_without_a_cursor() {
    let mut world = lived();
    let read = |world: &mut World, after: Value| run(world, "events", json!({ "after": after })).unwrap();
    let types = |page: &Value| -> Vec<String> {
        page["events"].as_array().unwrap().iter().map(|e| e["type"].as_str().unwrap().to_owned()).collect()
    };
    let all = read(&mut world, json!("0"));
    assert_eq!(
        types(&all),
        [
            "task:started",
            "task:message_saved",
            "task:message_saved",
            "task:tool_call",
            "task:usage",
            "task:message_saved",
            "task:tool_result"
        ]
    );
    for (n, event) in all["events"].as_array().unwrap().iter().enumerate() {
        let rest = read(&mut world, event["id"].clone());
        assert_eq!(types(&rest), types(&all)[n + 1..], "after {}", event["id"]);
    }
    assert_eq!((&all["cursor"], &all["seq"], &all["more"]), (&json!("3"), &json!(3), &json!(false)));

    let now = read(&mut world, Value::Null);
    assert_eq!((types(&now).len(), &now["cursor"]), (0, &json!("3")));
    journal(&mut world, vec![Fact::Ended { status: EndStatus::Paused, reason: None, error: None }], |_| {});
    assert_eq!(types(&read(&mut world, now["cursor"].clone())), ["task:message_saved", "task:paused"]);
    assert_eq!(refused(&mut world, "events", json!({ "after": "x" })), Code::InvalidArgument);
}

#[test]
fn a_long_history_of_events_comes_in_pages() {
    let mut world = world("in_progress");
    with_head(&mut world, LastRun::Running, None);
    for _ in 0..450 {
        journal(&mut world, vec![Fact::Begun { how: Begin::Resumed }], |_| {});
    }
    let (mut cursor, mut count, mut pages) = (json!("0"), 0, 0);
    loop {
        let page = run(&mut world, "events", json!({ "after": cursor })).unwrap();
        count += page["events"].as_array().unwrap().len();
        pages += 1;
        cursor = page["cursor"].clone();
        if page["more"] == json!(false) {
            break;
        }
    }
    assert_eq!((count, pages), (450, 3));
}

#[test]
fn thread_messages_come_in_the_order_of_time_and_after_a_message() {
    let mut world = world("paused");
    let at = world.now().mono;
    for (id, time) in [("z", "2024-01-01"), ("a", "2024-01-03"), ("m", "2024-01-02")] {
        let message = json!({ "task_id": "t", "role": "user", "content": id, "timestamp": time });
        world.store.put(&format!("{TASK}/messages/{id}"), message, at);
    }
    let ids = |world: &mut World, arguments: Value| -> Vec<Value> {
        let page = run(world, "taskMessages", arguments).unwrap();
        page.as_array().unwrap().iter().map(|m| m["id"].clone()).collect()
    };
    assert_eq!(ids(&mut world, json!({})), ["z", "m", "a"]);
    assert_eq!(ids(&mut world, json!({ "after": "z", "limit": 1 })), ["m"]);
    assert_eq!(refused(&mut world, "taskMessages", json!({ "after": "q" })), Code::InvalidArgument);
}

#[test]
fn thread_messages_are_in_order_of_time_in_whatever_form_an_app_writes_it() {
    let mut world = world("paused");
    let at = world.now().mono;
    for (id, time) in [
        ("g", json!("2026-01-01T10:00:05.900Z")),
        ("f", json!("2026-01-01T10:00:05Z")),
        ("e", json!("2026-01-01T12:00:04+02:00")),
        ("d", json!(1_767_261_603_000_u64)),
        ("c", json!("2026-01-01T10:00:02.0001Z")),
        ("b", json!("2026-01-01T10:00:02.0000Z")),
        ("a", json!(null)),
    ] {
        let message = json!({ "task_id": "t", "role": "user", "content": id, "timestamp": time });
        world.store.put(&format!("{TASK}/messages/{id}"), message, at);
    }
    let page = run(&mut world, "taskMessages", json!({})).unwrap();
    let ids: Vec<&str> = page.as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["a", "b", "c", "d", "e", "f", "g"]);
}

#[test]
fn every_read_of_a_task_that_is_not_there_says_so() {
    for kind in
        ["state", "checkpoint", "load", "apiMessages", "toolResults", "journal", "events", "taskMessages"]
    {
        assert_eq!(refused(&mut World::new(), kind, json!({})), Code::TaskNotFound, "{kind}");
    }
}

#[test]
fn ids_kinds_and_arguments_are_checked_before_anything_is_read() {
    let mut world = World::new();
    assert_eq!(refused(&mut world, "state", json!({ "taskId": "a/b" })), Code::InvalidArgument);
    assert_eq!(refused(&mut world, "state", json!({ "userId": "" })), Code::InvalidArgument);
    assert_eq!(refused(&mut world, "state", json!({ "taskId": 4 })), Code::InvalidArgument);
    assert_eq!(refused(&mut world, "fly", json!({})), Code::InvalidArgument);
    assert_eq!(refused(&mut world, "stop", json!({ "reason": 4 })), Code::InvalidArgument);
    assert_eq!(open(world.now(), "state", json!([])).err().unwrap().code, Code::InvalidArgument);
    assert_eq!(world.count("read"), 0);
}

#[test]
fn a_read_lists_again_while_an_entry_is_missing_and_calls_it_corrupt_when_it_stays_away() {
    for (kind, arguments) in [
        ("toolResults", json!({})),
        ("journal", json!({})),
        ("events", json!({ "after": "0" })),
        ("load", json!({})),
    ] {
        for missing in [1, 2, 3] {
            let mut world = lived();
            let path = Paths::new("u", "t").entry(missing);
            let entry = world.store.get(&path).unwrap();
            world.store.remove(&path);
            let id = spawn(&mut world, kind, arguments.clone());
            world.advance(1_000);
            let at = world.now().mono;
            world.store.put(&path, entry, at);
            assert!(world.result(id).is_ok(), "{kind} while {missing} lags");
            world.store.remove(&path);
            let error = run(&mut world, kind, arguments.clone()).unwrap_err();
            assert_eq!(error.code, Code::CorruptHistory, "{kind} without {missing}");
            assert_eq!(error.details.get("seq"), Some(&json!(missing)));
        }
    }
}

/// Splits the stored entry in three, as a store with small documents has it; the paths of its continuations.
fn in_parts(world: &mut World, seq: u64) -> [String; 2] {
    let paths = Paths::new("u", "t");
    let mut part = world.store.get(&paths.entry(seq)).unwrap();
    let text = part["json"].as_str().unwrap().to_owned();
    let (first, rest) = text.split_at(text.len() / 3);
    let (second, third) = rest.split_at(rest.len() / 2);
    let continued = [1, 2].map(|n| paths.continuation(seq, n));
    let at = world.now().mono;
    for (path, json) in
        [&paths.entry(seq), &continued[0], &continued[1]].into_iter().zip([first, second, third])
    {
        part["json"] = json.into();
        world.store.put(path, part.clone(), at);
    }
    continued
}

#[test]
fn a_command_lists_again_while_a_part_of_an_entry_is_missing_and_calls_it_corrupt_when_it_stays_away() {
    for (kind, arguments) in [
        ("toolResults", json!({})),
        ("journal", json!({})),
        ("events", json!({ "after": "0" })),
        ("load", json!({})),
    ] {
        for (seq, missing) in [(2, 0), (2, 1), (3, 0), (3, 1)] {
            let mut world = lived();
            let path = &in_parts(&mut world, seq)[missing];
            let part = world.store.get(path).unwrap();
            world.store.remove(path);
            let id = spawn(&mut world, kind, arguments.clone());
            world.advance(1_000);
            let at = world.now().mono;
            world.store.put(path, part, at);
            assert!(world.result(id).is_ok(), "{kind} while {path} lags");
            world.store.remove(path);
            let error = run(&mut world, kind, arguments.clone()).unwrap_err();
            assert_eq!(error.code, Code::CorruptHistory, "{kind} without {path}");
            assert_eq!(error.details.get("seq"), Some(&json!(seq)));
        }
    }
}

#[test]
fn what_is_wrong_with_an_entry_that_is_whole_is_told_at_once() {
    let mut world = lived();
    let (path, at) = (Paths::new("u", "t").entry(2), world.now().mono);
    world.store.patch(&path, &[FieldWrite::set(&["json"], "[]")], at);
    assert_eq!(refused(&mut world, "toolResults", json!({})), Code::CorruptHistory);
    assert_eq!(world.count("list"), 1);
}

#[test]
fn a_journal_whose_pages_took_long_to_come_is_listed_again_where_the_last_one_lags() {
    let mut world = lived();
    for n in 4..=501 {
        journal(
            &mut world,
            vec![Fact::Received {
                inbox: format!("{n}"),
                text: "Go on.".into(),
                in_thread: false,
                content: None,
            }],
            |_| {},
        );
    }
    let path = Paths::new("u", "t").entry(501);
    let entry = world.store.get(&path).unwrap();
    world.store.remove(&path);
    // Two attempts of a third of the store's 15 s go unanswered for each page.
    for skip in [0, 1] {
        world.faults.add(Op::List, "journal", skip, 2, Fault::Silence);
    }
    let begun = world.now().mono;
    let id = spawn(&mut world, "toolResults", json!({}));
    world.run_until(|w| w.count("list") == 6);
    assert!(world.now().mono - begun > 20_000);
    world.advance(50);
    let at = world.now().mono;
    world.store.put(&path, entry, at);
    assert!(world.result(id).is_ok());
}

#[test]
fn of_a_task_that_was_made_again_nothing_of_the_one_before_is_shown() {
    let mut world = lived();
    set(&mut world, &[FieldWrite::set(&["created_at"], "2027-01-01T00:00:00.000Z")]);
    assert_eq!(run(&mut world, "apiMessages", json!({})), Ok(json!([])));
    assert_eq!(run(&mut world, "toolResults", json!({})), Ok(json!([])));
    let task = run(&mut world, "load", json!({})).unwrap();
    assert_eq!(task["execution"]["api_messages"], json!([]));
    let state = run(&mut world, "state", json!({})).unwrap();
    assert_eq!((&state["waiting"], &state["usage"]["inputTokens"]), (&json!([]), &json!(0)));
    for after in ["0", "1.0", "2"] {
        let events = run(&mut world, "events", json!({ "after": after })).unwrap();
        assert_eq!(
            (&events["events"], &events["more"], &events["cursor"]),
            (&json!([]), &json!(false), &json!("3"))
        );
    }
    let journal = run(&mut world, "journal", json!({})).unwrap();
    assert_eq!(journal["entries"], json!([]));
}

#[test]
fn whoever_reads_state_or_events_is_shown_the_stored_status() {
    for kind in ["state", "events"] {
        for word in ["paused", "failed"] {
            let mut world = world(word);
            let id = spawn(&mut world, kind, json!({}));
            world.result(id).unwrap();
            let shown: Vec<&str> = world.statuses(id).iter().map(|status| status.as_str()).collect();
            assert_eq!(shown, [word], "{kind}");
        }
    }
}

#[test]
fn a_task_that_others_have_completed_shows_no_item_as_open() {
    let progress = |word| run(&mut world(word), "state", json!({})).unwrap()["progress"].clone();
    assert_eq!(progress("completed")["overall"], 100);
    assert_eq!(progress("in_progress")["overall"], 0);
}

#[test]
fn a_cursor_stays_where_it_is_while_nothing_happens() {
    let mut world = lived();
    for cursor in ["3", "7"] {
        let page = run(&mut world, "events", json!({ "after": cursor })).unwrap();
        assert_eq!((&page["events"], &page["cursor"]), (&json!([]), &json!(cursor)));
    }
}

#[test]
fn a_page_of_the_journal_holds_an_entry_at_least_and_takes_one_listing() {
    let mut world = lived();
    for (limit, next) in [(0, 1), (1, 1), (2, 2)] {
        let listed = world.count("list");
        let page = run(&mut world, "journal", json!({ "limit": limit })).unwrap();
        assert_eq!((page["entries"].as_array().unwrap().len(), &page["next"]), (next, &json!(next)));
        assert_eq!(world.count("list") - listed, 1, "{limit}");
    }
}

#[test]
fn a_thread_of_more_messages_than_a_listing_holds_is_read_whole() {
    for messages in [499, 500, 501] {
        let mut world = world("paused");
        let at = world.now().mono;
        for n in 0..messages {
            world.store.put(&format!("{TASK}/messages/{n:04}"), json!({ "content": "x" }), at);
        }
        let thread = run(&mut world, "taskMessages", json!({})).unwrap();
        assert_eq!(thread.as_array().unwrap().len(), messages);
    }
}

#[test]
fn a_result_that_was_cut_says_by_how_much() {
    let mut world = lived();
    let Fact::Result { result } = result_of("b") else { panic!() };
    let cut = CallResult { cut_bytes: 1, unknown: false, ..result };
    journal(&mut world, vec![Fact::Result { result: cut }], |_| {});
    let results = run(&mut world, "toolResults", json!({})).unwrap();
    assert_eq!((&results[1]["cutBytes"], results[1].get("unknown")), (&json!(1), None));
    assert_eq!(results[0].get("cutBytes"), None);
}

#[test]
fn api_messages_begin_anew_where_the_task_did() {
    let mut world = lived();
    journal(&mut world, vec![Fact::Reset], |_| {});
    journal(&mut world, stated(), |_| {});
    let messages = run(&mut world, "apiMessages", json!({})).unwrap();
    assert_eq!(messages, json!([{ "role": "user", "content": [{ "text": "Do the item." }] }]));
}
