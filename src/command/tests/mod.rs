//! Commands and reads as conversations with a store in memory.

mod answers;
mod bounds;
mod decisions;
mod inbox;
mod lifetime;
mod live;
mod loading;
mod looks;
mod reads;
mod register;
mod together;

use super::open;
use crate::converse::{Stop, ToolUse, Turn, Usage};
use crate::error::{Code, EngineError};
use crate::facts::fact::{Entry, Fact, Why};
use crate::ids::Paths;
use crate::storage::commit::{Draft, compose};
use crate::storage::head::{Head, LastRun, Owner, SCHEMA};
use crate::store::{FieldWrite, StoreWrite};
use crate::testkit::{EPOCH, Id, World};
use serde_json::{Value, json};

pub(super) const TASK: &str = "users/u/tasks/t";
pub(super) const HEAD: &str = "users/u/tasks/t/engine/head";
const CREATED_AT: &str = "2024-01-01T00:00:00.000Z";

/// A world with one task in that status, which the engine never ran.
pub(super) fn world(status: &str) -> World {
    let mut world = World::new();
    let at = world.now().mono;
    world.store.put(
        TASK,
        json!({ "title": "Ship it", "status": status, "created_at": CREATED_AT, "execution": {},
                "progress": { "tasks": { "m": [{ "id": "i", "name": "Item", "status": "not_started" }] },
                              "milestones": [{ "id": "m", "name": "M" }] } }),
        at,
    );
    world
}

pub(super) fn owner() -> Owner {
    Owner {
        id: "run-1".into(),
        holder: None,
        ttl_ms: 30_000,
        heartbeat_ms: 10_000,
        grace_ms: 10_000,
        store_timeout_ms: 15_000,
    }
}

/// Gives the task a head: how the last run ended, and who owns it.
pub(super) fn with_head(world: &mut World, last_run: LastRun, owner: Option<Owner>) {
    let head = Head {
        schema: SCHEMA,
        history: "h".into(),
        created_at: Some(CREATED_AT.into()),
        epoch: 3,
        owner,
        seq: 0,
        since: 0,
        write_id: "first".into(),
        last_run,
        attempts: 0,
        summary: json!({}),
        deleted: false,
        fenced_off: None,
    };
    let at = world.now().mono;
    world.store.put(HEAD, Value::Object(head.document()), at);
}

pub(super) fn head(world: &World) -> Head {
    let Some(Value::Object(data)) = world.store.get(HEAD) else { panic!("no head") };
    Head::read(HEAD, &data).unwrap()
}

/// What a run would commit: an entry with these facts, and whatever else it changes.
pub(super) fn journal(world: &mut World, facts: Vec<Fact>, change: impl FnOnce(&mut Head)) {
    let before = head(world);
    let mut after = before.clone();
    after.seq += 1;
    after.write_id = format!("w{}", after.seq);
    change(&mut after);
    let entry = Entry {
        seq: after.seq,
        epoch: after.epoch,
        write_id: after.write_id.clone(),
        wall: EPOCH + after.seq as i64 * 1_000,
        active_ms: 0,
        facts,
    };
    let composed = compose(&Draft {
        paths: &Paths::new("u", "t"),
        task_id: "t",
        stored: &before,
        head_version: "",
        head: &after,
        entry: &entry,
        task: None,
        taken: &[],
        document_bytes: 1_000_000,
    });
    let at = world.now().mono;
    for write in composed.writes {
        match write {
            StoreWrite::Create { path, data } => world.store.put(&path, Value::Object(data), at),
            StoreWrite::Update { path, fields, .. } => world.store.patch(&path, &fields, at),
            StoreWrite::Delete { path, .. } => world.store.remove(&path),
        }
    }
}

pub(super) fn set(world: &mut World, fields: &[FieldWrite]) {
    let at = world.now().mono;
    world.store.patch(TASK, fields, at);
}

pub(super) fn set_status(world: &mut World, status: &str) {
    set(world, &[FieldWrite::set(&["status"], status)]);
}

pub(super) fn config(more: Value) -> Value {
    let mut config = json!({
        "userId": "u", "taskId": "t", "seed": 7, "holder": null, "hasWatch": false,
        "limits": { "documentBytes": 1_000_000, "commitBytes": 10_000_000 }, "options": {},
    });
    if let (Value::Object(config), Value::Object(more)) = (&mut config, more) {
        config.extend(more);
    }
    config
}

pub(super) fn spawn(world: &mut World, kind: &str, arguments: Value) -> Id {
    let machine = open(world.now(), kind, config(arguments)).unwrap();
    world.spawn(machine)
}

pub(super) fn run(world: &mut World, kind: &str, arguments: Value) -> Result<Value, EngineError> {
    match open(world.now(), kind, config(arguments)) {
        Ok(machine) => {
            let id = world.spawn(machine);
            world.result(id)
        }
        Err(e) => Err(e),
    }
}

pub(super) fn refused(world: &mut World, kind: &str, arguments: Value) -> Code {
    run(world, kind, arguments).unwrap_err().code
}

pub(super) fn status(world: &World) -> Value {
    world.store.get(TASK).unwrap()["status"].clone()
}

pub(super) fn abort_reason(world: &World) -> Option<String> {
    world.store.get(TASK).unwrap()["execution"]["abort_reason"].as_str().map(str::to_owned)
}

/// A turn that uses these tools.
pub(super) fn turn(ids: &[&str]) -> Fact {
    let blocks = ids.iter().map(|id| json!({ "toolUse": { "toolUseId": id, "name": "tool", "input": {} } }));
    let mut content = vec![json!({ "text": "Let me see." })];
    content.extend(blocks);
    let uses = ids
        .iter()
        .map(|id| ToolUse { id: (*id).into(), name: "tool".into(), input: json!({}), problem: None })
        .collect();
    Fact::Turn {
        model: None,
        message_id: format!("said-{}", ids.join("-")),
        turn: Turn { content, text: "Let me see.".into(), uses, stop: Stop::ToolUse, usage: None },
        usage: Usage { input_tokens: 5, output_tokens: 2, total_tokens: 7, ..Usage::default() },
        total: Usage { input_tokens: 5, output_tokens: 2, total_tokens: 7, ..Usage::default() },
    }
}

pub(super) fn asks(id: &str, why: Why) -> Fact {
    Fact::Waiting { tool_call: call(id), why }
}

pub(super) fn call(id: &str) -> crate::effect::ToolCall {
    crate::effect::ToolCall { id: id.into(), name: "tool".into(), input: json!({}).into() }
}
