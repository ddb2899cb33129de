//! What has to hold whenever something is stored, said or started.

use super::ledger::{Violation, broken};
use super::world::{Actor, Document, TASK_PATH, World};
use crate::support::validate;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use task_execution_engine::store::StoreWrite;

type Checked = Result<(), Violation>;

pub fn path_of(write: &StoreWrite) -> &str {
    match write {
        StoreWrite::Create { path, .. }
        | StoreWrite::Update { path, .. }
        | StoreWrite::Delete { path, .. } => path,
    }
}

/// Whatever decides who may write, or overwrites what others may have written, says which version it knows.
pub fn writes(writes: &[StoreWrite]) -> Checked {
    for write in writes {
        let path = path_of(write);
        let create = matches!(write, StoreWrite::Create { .. });
        if path.contains("/journal/") && !create {
            return Err(broken("P1", format!("{path} is changed after it was written")));
        }
        if let StoreWrite::Update { fields, if_version: None, .. } = write {
            let decides = path.ends_with("/engine/head")
                || fields
                    .iter()
                    .any(|f| matches!(f.path.first().map(String::as_str), Some("status" | "progress")));
            if decides {
                return Err(broken("P2", format!("{path} is updated without a condition")));
            }
        }
    }
    Ok(())
}

/// A commit of a machine has landed.
pub fn landed(
    w: &mut World,
    actor: usize,
    writes: &[StoreWrite],
    before: Option<&Map<String, Value>>,
) -> Checked {
    let fenced = writes.iter().any(|write| path_of(write).ends_with("/engine/head"));
    if fenced {
        head(w, actor)?;
        entry(w, actor, writes)?;
        let seq = w.head()["seq"].as_u64();
        if seq != Some(w.ledger.seq) {
            return Err(broken("P1", format!("the head is at {seq:?}, the journal at {}", w.ledger.seq)));
        }
    } else if let Some(write) = writes.iter().find(|write| path_of(write).contains("/journal/")) {
        return Err(broken("P2", format!("{} is written without the head", path_of(write))));
    }
    if let Some(before) = before.map(|before| Document(Some(before))) {
        if !fenced && (before["status"] != w.task()["status"] || before["execution"] != w.task()["execution"])
        {
            w.status_written.push(w.now);
        }
        task(w, before, fenced)?;
    }
    Ok(())
}

fn head(w: &mut World, actor: usize) -> Checked {
    let head = w.head();
    let epoch = head["epoch"].as_u64().unwrap_or_default();
    let history = head["history"].as_str().unwrap_or_default().to_owned();
    let (owned, lease) = (!head["owner"].is_null(), (actor, w.now));
    if w.ledger.history.is_empty() {
        w.ledger.history = history;
    } else if w.ledger.history != history {
        return Err(broken("P1", "the head's history has changed"));
    }
    let last = w.last_epoch;
    w.last_epoch = epoch;
    let own = w.actors[actor].epoch;
    let lease = owned.then_some(lease);
    if own == Some(epoch) {
        w.lease = lease;
        return if last == epoch {
            Ok(())
        } else {
            Err(broken("P2", "a head of an earlier epoch is written"))
        };
    }
    if epoch != last + 1 {
        return Err(broken("P2", format!("epoch {epoch} follows epoch {last} by another writer")));
    }
    if !owned {
        return Err(broken("P2", format!("epoch {epoch} begins without an owner")));
    }
    w.actors[actor].epoch = Some(epoch);
    let taken = took_over(w, actor);
    if let Some((holder, renewed)) = w.lease.filter(|_| !w.actors[actor].is_run) {
        w.given_up.insert(holder, (renewed, w.now));
    }
    w.lease = lease;
    w.waits_for_another(actor);
    taken
}

/// A run takes the task from nobody who may be at work: the command that gives up waiting for a run is another thing.
fn took_over(w: &World, actor: usize) -> Checked {
    let (taker, shape) = (&w.actors[actor], &w.plan.shape);
    let Some((holder, renewed)) = w.lease else { return Ok(()) };
    let holder = &w.actors[holder];
    let silent = w.now - renewed;
    let run_out = silent + silent * 2 * shape.skew_ppm / 1_000_000 + 1 >= shape.ttl_ms;
    let dead = shape.holders && w.processes.iter().all(|p| p.pid != holder.pid);
    if !taker.is_run || run_out || dead || holder.pid == taker.pid {
        return Ok(());
    }
    let what = format!("{} takes the task from {}, which renewed {silent} ms ago", taker.name, holder.name);
    Err(broken("P2", what))
}

fn entry(w: &mut World, actor: usize, writes: &[StoreWrite]) -> Checked {
    let mut json = String::new();
    let mut numbers = None;
    let mut messages = 0;
    for write in writes {
        let StoreWrite::Create { path, data } = write else { continue };
        if path.contains("/journal/") {
            json += data["json"].as_str().unwrap_or_default();
            numbers = numbers.or(Some((data["seq"].as_u64(), data["epoch"].as_u64())));
        }
        messages += usize::from(path.contains("/messages/"));
    }
    let Some((Some(seq), Some(epoch))) = numbers else {
        return if messages == 0 { Ok(()) } else { Err(broken("P1", "a message without an entry")) };
    };
    let body: Value = serde_json::from_str(&json).map_err(|e| broken("P1", format!("entry {seq}: {e}")))?;
    if w.head()["epoch"].as_u64() != Some(epoch) {
        return Err(broken("P2", format!("entry {seq} is of epoch {epoch}, the head is not")));
    }
    let now = w.now;
    w.ledger.take(now, actor, seq, epoch, &body)?;
    thread(w, &body)?;
    let facts = body["facts"].as_array().map(Vec::as_slice).unwrap_or_default();
    let task_condition = writes.iter().any(
        |write| matches!(write, StoreWrite::Update { path, if_version: Some(_), .. } if path == TASK_PATH),
    );
    for fact in facts.iter().filter(|f| f["kind"] == "ended") {
        if !task_condition && fact["status"] != "failed" {
            return Err(broken(
                "register",
                format!("entry {seq} ends the run, whatever the status is by now"),
            ));
        }
        if fact["status"] == "completed" {
            completed(w)?;
        }
    }
    Ok(())
}

/// Nobody's words are left unread, and nothing is left to do.
fn completed(w: &World) -> Checked {
    let inbox = format!("{TASK_PATH}/inbox/");
    let unread = w.store.documents.iter().find(|(path, (data, _, _))| {
        path.starts_with(&inbox) && data.get("kind").is_some_and(|kind| kind == "message")
    });
    if let Some((path, _)) = unread {
        let id = path.rsplit('/').next().unwrap_or_default();
        if !w.ledger.taken.contains(id) {
            return Err(broken("inbox", format!("completed while {path} is unread")));
        }
    }
    match items(w.task()).into_iter().find(|(_, item)| item["status"] != "completed") {
        Some((id, _)) => Err(broken("plan", format!("completed while the item {id} is not"))),
        None => Ok(()),
    }
}

/// The message of a turn is stored with it.
fn thread(w: &World, body: &Value) -> Checked {
    for fact in body["facts"].as_array().into_iter().flatten() {
        let (id, content) = match fact["kind"].as_str() {
            Some("turn") if fact["turn"]["text"].as_str().is_some_and(|t| !t.trim().is_empty()) => {
                (&fact["messageId"], &fact["turn"]["text"])
            }
            Some("received") => (&fact["inbox"], &fact["text"]),
            _ => continue,
        };
        let path = format!("{TASK_PATH}/messages/{}", id.as_str().unwrap_or_default());
        if w.store.get(&path).map(|message| &message["content"]) != Some(content) {
            return Err(broken("P1", format!("{path} does not hold what the journal says")));
        }
    }
    Ok(())
}

fn items(task: Document<'_>) -> BTreeMap<String, &Value> {
    let Some(progress) = task.0.and_then(|fields| fields.get("progress")) else { return BTreeMap::new() };
    let milestones = progress["tasks"].as_object().into_iter().flatten();
    let items = milestones.flat_map(|(_, items)| items.as_array().into_iter().flatten());
    items.map(|item| (item["id"].as_str().unwrap_or_default().to_owned(), item)).collect()
}

/// An item is left to be done.
pub fn is_open(task: Document<'_>) -> bool {
    items(task).values().any(|item| item["status"] != "completed")
}

/// What the engine changes in the app's document is its own to change.
fn task(w: &World, before: Document<'_>, fenced: bool) -> Checked {
    let after = w.task();
    let own = ["status", "progress", "execution", "updated_at", "started_at", "completed_at"];
    for name in before.0.into_iter().chain(after.0).flat_map(Map::keys) {
        if !own.contains(&name.as_str()) && before[name] != after[name] {
            return Err(broken("P12", format!("the app's field {name} has changed")));
        }
    }
    for (name, value) in before["execution"].as_object().into_iter().flatten() {
        if !["error", "abort_reason"].contains(&name.as_str()) && after["execution"][name] != *value {
            return Err(broken("P12", format!("execution.{name} has changed")));
        }
    }
    let (old, new) = (items(before), items(after));
    if old.keys().ne(new.keys()) {
        return Err(broken("P12", "the plan has other items than before"));
    }
    for (id, item) in &new {
        let foreign = ["name", "description", "estimated_hours", "colour"];
        if let Some(name) = foreign.iter().find(|name| item[**name] != old[id][**name]) {
            return Err(broken("P12", format!("{name} of the item {id} has changed")));
        }
        let completes = item["status"] == "completed" && old[id]["status"] != "completed";
        if completes && fenced && !w.ledger.done.contains(id) {
            return Err(broken(
                "plan",
                format!("the item {id} is shown as done, and the journal does not say so"),
            ));
        }
    }
    let milestones = after["progress"]["milestones"].as_array().into_iter().flatten();
    for (milestone, old) in milestones.zip(before["progress"]["milestones"].as_array().into_iter().flatten())
    {
        if milestone["colour"] != old["colour"] || milestone["name"] != old["name"] {
            return Err(broken("P12", "a milestone's own fields have changed"));
        }
    }
    for name in ["next_steps", "notes", "documentation", "recent_work"] {
        if after["progress"][name] != before["progress"][name] {
            return Err(broken("P12", format!("progress.{name} has changed")));
        }
    }
    Ok(())
}

/// Notes whether the task is at rest: nobody has begun it, or how it ended is stored.
pub fn rest(w: &mut World) {
    let head = w.head();
    let ended = head.0.is_none()
        || matches!(head["last_run"].as_str(), Some("none" | "paused" | "stopped" | "completed" | "failed"));
    if ended && w.status() != "in_progress" || matches!(w.status(), "completed" | "failed" | "not_started") {
        w.last_rest = w.now;
    }
}

/// When the run was renewed last, and taken from by somebody who gave up waiting for it, as long as it cannot know: whoever
/// gave up settles only once its lease has run out.
fn given_up(w: &World, actor: usize) -> Option<(u64, u64)> {
    w.given_up.get(&actor).copied().filter(|(renewed, _)| w.now - renewed < w.plan.shape.ttl_ms)
}

/// The model is called, or a tool run: only by whoever owns the task, and not after a pause that settled well.
pub fn starts(w: &World, actor: usize, what: &str) -> Checked {
    let a = &w.actors[actor];
    let Some(epoch) = a.epoch else {
        return Err(broken("P2", format!("{what} by a run that has taken no lease")));
    };
    let given_up = given_up(w, actor);
    // A resume that finishes a pause first goes on under the same epoch; one that follows the taking knows of no other
    // run.
    let begun = &w.ledger.begun;
    // A store that does not tell how old the head is cannot tell a pause that comes later of that owner.
    let resumed = w.fence.0 == epoch && begun.iter().any(|(_, seq)| *seq >= w.fence.1)
        || given_up
            .is_some_and(|(_, taken)| !w.plan.shape.tells_age || begun.iter().any(|(at, _)| *at >= taken));
    if epoch <= w.fence.0 && !resumed {
        return Err(broken("P3", format!("{what} under epoch {epoch}, whose end was told")));
    }
    if epoch != w.last_epoch && given_up.is_none() {
        return Err(broken(
            "P2",
            format!("{what} under epoch {epoch}; the task is another's, of epoch {}", w.last_epoch),
        ));
    }
    Ok(())
}

/// An execution has its mark in the journal, and only one.
pub fn executes(w: &mut World, actor: usize, id: &str, attempt: u32, key: &str) -> Checked {
    let (epoch, history) = (w.actors[actor].epoch, w.ledger.history.clone());
    let is_fenced_off = given_up(w, actor).is_some();
    if key != format!("{history}:{id}") {
        return Err(broken("P4", format!("{id} is run under the key {key}")));
    }
    let Some(call) = w.ledger.calls.get_mut(id) else {
        return Err(broken("P4", format!("{id} is run and no turn has it")));
    };
    // What it was about to start while it stood still: what has come of the call since, it cannot know.
    let is_anothers = call.result.is_some() || call.mark.as_ref().is_some_and(|m| Some(m.epoch) != epoch);
    if is_fenced_off && is_anothers {
        return Ok(());
    }
    if call.result.is_some() {
        return Err(broken("P4", format!("{id} is run although its result is stored")));
    }
    let before = call.executions.iter().map(|e| e.attempt).max();
    if before.is_some_and(|before| attempt <= before) {
        return Err(broken("P5", format!("attempt {attempt} at {id} after attempt {before:?}")));
    }
    match &mut call.mark {
        Some(mark) if Some(mark.epoch) == epoch && !mark.executed => mark.executed = true,
        Some(mark) => {
            return Err(broken(
                "P4",
                format!("{id} is run on a mark that is used up or another's: {mark:?}"),
            ));
        }
        None => return Err(broken("P4", format!("{id} is run before the journal says so"))),
    }
    Ok(())
}

/// The request is valid and holds what the journal holds.
pub fn request(w: &mut World, actor: usize) -> Checked {
    let request = &w.actors[actor].request;
    if let Err(e) = validate(&request.messages, request.tools.as_ref()) {
        return Err(broken("P7", format!("an invalid request: {e:?}")));
    }
    let mut said: Vec<(String, Vec<&str>)> = Vec::new();
    for message in &request.messages {
        let blocks = || message["content"].as_array().into_iter().flatten();
        for result in blocks().filter_map(|block| block.get("toolResult")) {
            let id = result["toolUseId"].as_str().unwrap_or_default();
            let Some(call) = w.ledger.calls.get(id) else { continue };
            let known = call.result.as_ref();
            if known.is_none_or(|r| r["content"] != result["content"]) {
                return Err(broken(
                    "P4",
                    format!(
                        "the model gets another result of {id} than the journal has: {}",
                        result["content"]
                    ),
                ));
            }
        }
        if message["role"] == "assistant" {
            let text: String = blocks().filter_map(|block| block["text"].as_str()).collect();
            let uses = blocks().filter_map(|block| block["toolUse"]["toolUseId"].as_str()).collect();
            said.push((text, uses));
        }
    }
    // Whoever was fenced off while its lease was young by its own clock (`starts`) asks with what it knew then.
    if w.actors[actor].epoch != Some(w.last_epoch) {
        return Ok(());
    }
    if said.len() < w.ledger.said.len() && !w.ledger.trimmed {
        let what = format!("the request has {} turns, the journal {}", said.len(), w.ledger.said.len());
        return Err(broken("P1", what));
    }
    for (found, known) in said.iter().rev().zip(w.ledger.said.iter().rev()) {
        if found.0.trim() != known.text.trim() || found.1.iter().ne(known.uses.iter()) {
            return Err(broken(
                "P1",
                format!("a turn of the request is {found:?}, of the journal {:?}", known.text),
            ));
        }
    }
    if !w.ledger.trimmed && !w.ledger.unheard.is_empty() {
        let all = Value::from(request.messages.clone()).to_string();
        if let Some(words) = w.ledger.unheard.iter().find(|words| !all.contains(words.as_str())) {
            return Err(broken("inbox", format!("the model is not told {words:?}")));
        }
    }
    w.ledger.unheard.clear();
    Ok(())
}

pub fn delta(actor: &mut Actor, message_id: &str, attempt: u64, text: &str) -> Checked {
    let (last, so_far) = actor.streamed.entry(message_id.to_owned()).or_insert((attempt, String::new()));
    if attempt < *last {
        return Err(broken("streams", format!("{message_id} goes back to attempt {attempt}")));
    }
    if attempt > *last {
        (*last, *so_far) = (attempt, String::new());
    }
    so_far.push_str(text);
    Ok(())
}

/// A fact is stored before it is told, told in order and once, and by everybody alike.
pub fn emitted(w: &mut World, actor: usize, event: &Value) -> Checked {
    if event["type"] == "task:message" {
        let id = event["messageId"].as_str().unwrap_or_default();
        let attempt = event["attempt"].as_u64().unwrap_or_default();
        return delta(&mut w.actors[actor], id, attempt, event["content"].as_str().unwrap_or_default());
    }
    let Some(cursor) = cursor_of(event) else { return Ok(()) };
    let own = w.actors[actor].epoch;
    if w.actors[actor].drives && event["epoch"].as_u64() != own {
        return Err(broken("events", format!("a run of epoch {own:?} tells another's fact: {event}")));
    }
    if event["type"] == "task:message_saved" && event["role"] == "assistant" {
        let id = event["messageId"].as_str().unwrap_or_default();
        if let Some((_, text)) = w.actors[actor].streamed.get(id) {
            if event["content"] != text.as_str() {
                return Err(broken(
                    "streams",
                    format!("{id} streamed as {text:?} and is saved as {}", event["content"]),
                ));
            }
        }
    }
    let last = &mut w.actors[actor].announced;
    if cursor <= *last {
        return Err(broken("events", format!("{cursor:?} is told after {last:?}")));
    }
    *last = cursor;
    observed(w, cursor, event)
}

fn cursor_of(event: &Value) -> Option<(u64, u64)> {
    let (seq, n) = event["id"].as_str()?.split_once('.')?;
    Some((seq.parse().ok()?, n.parse().ok()?))
}

/// The same fact is told in the same words by everybody.
fn observed(w: &mut World, cursor: (u64, u64), event: &Value) -> Checked {
    if cursor.0 > w.ledger.seq {
        return Err(broken("events", format!("told before it is stored: {event}")));
    }
    match w.observed.get(&cursor) {
        Some(known) if known != event => Err(broken("events", format!("told as {known}, then as {event}"))),
        Some(_) => Ok(()),
        None => {
            w.observed.insert(cursor, event.clone());
            Ok(())
        }
    }
}

/// A page of `events()`, in order and without a gap.
pub fn followed(w: &mut World, last: &mut (u64, u64), events: &[Value]) -> Checked {
    for event in events {
        let cursor = cursor_of(event).unwrap_or_default();
        let follows =
            if cursor.0 == last.0 { cursor.1 == last.1 + 1 } else { cursor.0 > last.0 && cursor.1 == 0 };
        if !follows {
            return Err(broken("events", format!("a follower gets {cursor:?} after {last:?}")));
        }
        *last = cursor;
        observed(w, cursor, event)?;
    }
    Ok(())
}

/// Once everything is over: `all` is every fact from the first.
pub fn over(w: &World, all: &[Value]) -> Checked {
    if w.status() != "completed" {
        return Err(broken("liveness", format!("the task is {}", w.status())));
    }
    // Where others have said that it is completed, nobody has taken up what a dead run left.
    let lives = w.lease.is_some_and(|(_, renewed)| w.now - renewed < w.plan.shape.ttl_ms);
    if lives && !w.head()["owner"].is_null() && w.head()["last_run"] == "completed" {
        return Err(broken("liveness", "a lease is left"));
    }
    let inbox = format!("{TASK_PATH}/inbox/");
    if let Some(left) = w.store.documents.keys().find(|path| path.starts_with(&inbox)) {
        return Err(broken("liveness", format!("{left} is left")));
    }
    if let Some((id, _)) = items(w.task()).into_iter().find(|(_, item)| item["status"] != "completed") {
        return Err(broken("plan", format!("in the end the item {id} is not shown as done")));
    }
    let thread: Vec<String> =
        w.store.thread().into_iter().filter(|(role, _)| role == "assistant").map(|(_, text)| text).collect();
    if thread != w.ledger.thread {
        return Err(broken(
            "P1",
            format!("the thread is {thread:?}, the journal's turns {:?}", w.ledger.thread),
        ));
    }
    let mut told: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
    for (seq, n) in all.iter().filter_map(cursor_of) {
        told.entry(seq).or_default().insert(n);
    }
    for actor in w.actors.iter().filter(|a| a.drives && a.result.is_some()) {
        let last = actor.announced;
        let whole = told.get(&last.0).is_none_or(|ns| ns.last() == Some(&last.1));
        if !whole && actor.result.as_ref().is_some_and(Result::is_ok) {
            return Err(broken("events", format!("{} has told only a part of entry {}", actor.name, last.0)));
        }
    }
    Ok(())
}
