//! The text of a turn that streams elsewhere, as `events` reads it.

use super::*;
use crate::facts::fact::Begin;

const LIVE: &str = "users/u/tasks/t/engine/live";

fn store(world: &mut World, change: Value) {
    let mut live = json!({ "history": "h", "epoch": 3, "message_id": "m-1", "attempt": 2, "offset": 7, "text": "so far" });
    if let (Value::Object(live), Value::Object(change)) = (&mut live, change) {
        live.extend(change);
    }
    let at = world.now().mono;
    world.store.put(LIVE, live, at);
}

/// A task that another process runs, with text.
fn running() -> World {
    let mut world = world("in_progress");
    world.store.tells_age = true;
    with_head(&mut world, LastRun::Running, Some(owner()));
    journal(&mut world, vec![Fact::Begun { how: Begin::Started }], |_| {});
    store(&mut world, json!({}));
    world
}

fn live(world: &mut World, more: Value) -> Value {
    let mut asked = json!({ "live": true });
    if let (Value::Object(asked), Value::Object(more)) = (&mut asked, more) {
        asked.extend(more);
    }
    run(world, "events", asked).unwrap()["live"].clone()
}

#[test]
fn the_text_of_a_turn_under_way_comes_with_the_facts_for_whoever_asks() {
    let mut world = running();
    let page = run(&mut world, "events", json!({ "after": "0", "live": true })).unwrap();
    assert_eq!(page["live"], json!({ "messageId": "m-1", "attempt": 2, "offset": 7, "content": "so far" }));
    assert_eq!(
        (&page["events"][0]["type"], &page["status"]),
        (&json!("task:started"), &json!("in_progress"))
    );
    let page = run(&mut world, "events", json!({ "after": "0" })).unwrap();
    assert!(page.get("live").is_none());
}

#[test]
fn text_of_anybody_but_the_living_owner_is_none() {
    for change in [
        json!({ "history": "other" }),
        json!({ "epoch": 2 }),
        json!({ "epoch": 4 }),
        json!({ "text": "" }),
        json!({ "text": 5 }),
        json!({ "message_id": "a/b" }),
        json!({ "message_id": null }),
        json!({ "offset": -1 }),
        json!({ "attempt": "2" }),
    ] {
        let mut world = running();
        store(&mut world, change.clone());
        assert_eq!(live(&mut world, json!({})), Value::Null, "{change}");
    }
    let mut world = running();
    let released = Head { owner: None, ..head(&world) };
    let at = world.now().mono;
    world.store.put(HEAD, Value::Object(released.document()), at);
    assert_eq!(live(&mut world, json!({})), Value::Null);

    let mut world = running();
    world.advance(31_000);
    assert_eq!(live(&mut world, json!({})), Value::Null, "its lease has run out");

    let mut world = running();
    world.store.remove(LIVE);
    assert_eq!(live(&mut world, json!({})), Value::Null);
}

#[test]
fn text_that_a_fact_has_saved_is_none_and_who_knows_that_it_is_not_need_not_look() {
    let mut world = running();
    assert_eq!(live(&mut world, json!({ "unsaved": "m-0" }))["content"], "so far");
    let at = world.now().mono;
    world.store.put("users/u/tasks/t/messages/m-1", json!({ "role": "assistant" }), at);
    assert_eq!(live(&mut world, json!({ "unsaved": "m-0" })), Value::Null);
    assert_eq!(live(&mut world, json!({ "unsaved": "m-1" }))["content"], "so far");
}
