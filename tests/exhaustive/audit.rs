//! What must hold at every effect and at every commit, whoever it is of.

use crate::case::Case;
use crate::journal::Journal;
use crate::support::{Actor, Store, TASK_PATH};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use task_execution_engine::effect::Effect;
use task_execution_engine::facts::fact::{Entry, Fact};
use task_execution_engine::store::StoreWrite;

/// The head as it was after the last commit.
#[derive(Clone, Debug, Default)]
struct Head {
    epoch: u64,
    owner: Option<(String, u64)>,
    renewed: u64,
}

/// What one actor has told and done.
#[derive(Debug, Default)]
struct Told {
    /// The epoch and the owner as which it has tried to take the task.
    takes: Option<(u64, String)>,
    /// Of the last fact.
    cursor: Option<(u64, usize)>,
    /// By message, the attempt and its text.
    deltas: BTreeMap<String, (u64, String)>,
    /// A pause or stop that settled well forbids it to start anything.
    barred: bool,
}

pub struct Audit {
    pub journal: Journal,
    head: Option<Head>,
    told: Vec<Told>,
    writers: BTreeMap<u64, usize>,
    /// Who has taken the task under which epoch.
    owners: BTreeMap<u64, String>,
    commits: u64,
    task_version: u64,
    /// The app's own.
    app: Value,
    pub deleting: bool,
    deletes: bool,
    /// Somebody may take the lease of one that lives: a pause that nobody answered, a deletion.
    may_fence: bool,
    pub broken: Vec<String>,
}

fn app_fields(task: &serde_json::Map<String, Value>) -> Value {
    let mut app: serde_json::Map<String, Value> = task
        .iter()
        .filter(|(key, _)| !matches!(key.as_str(), "status" | "updated_at" | "progress" | "execution"))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    for name in ["api_messages", "task_messages", "tool_results"] {
        app.insert(name.into(), task["execution"][name].clone());
    }
    app.retain(|key, _| !matches!(key.as_str(), "completed_at" | "started_at" | "paused_at"));
    let items = task["progress"]["tasks"]["m1"].as_array();
    let names = items.into_iter().flatten().map(|i| json!([i["id"], i["name"], i["description"]]));
    app.insert("items".into(), names.collect());
    Value::Object(app)
}

impl Audit {
    pub fn new(case: &Case, store: &Store) -> Audit {
        use crate::case::Deed;
        let fences = |deed: Deed| {
            deed.deletes() || matches!(deed, Deed::Pause | Deed::Stop | Deed::PauseHere | Deed::StopHere)
        };
        Audit {
            journal: Journal::new(case.does(Deed::writes_status)),
            head: None,
            told: Vec::new(),
            writers: BTreeMap::new(),
            owners: BTreeMap::new(),
            commits: store.commits,
            task_version: 0,
            app: app_fields(store.task()),
            deleting: false,
            deletes: case.does(Deed::deletes),
            may_fence: case.does(fences),
            broken: Vec::new(),
        }
    }

    fn told(&mut self, actor: usize) -> &mut Told {
        if self.told.len() <= actor {
            self.told.resize_with(actor + 1, Told::default);
        }
        &mut self.told[actor]
    }

    /// Everybody who owns the task or did is to start nothing more.
    pub fn bar_all(&mut self) {
        for actor in 0..self.told.len() {
            self.told[actor].barred |= self.epoch_of(actor).is_some();
        }
    }

    /// Under which it writes.
    fn epoch_of(&self, actor: usize) -> Option<u64> {
        let (epoch, owner) = self.told.get(actor)?.takes.as_ref()?;
        (self.owners.get(epoch) == Some(owner)).then_some(*epoch)
    }

    /// The effect is about to be performed.
    pub fn before(&mut self, actor: usize, effect: &Effect) {
        match effect {
            Effect::Commit { writes, .. } => self.commits(actor, writes),
            Effect::Converse { .. } => self.starts(actor, "asks the model"),
            Effect::RunTool { call, idempotency_key, .. } => {
                self.starts(actor, &format!("runs {}", call.id));
                let epoch = self.epoch_of(actor);
                if let Err(why) = self.journal.executes(&call.id, epoch, idempotency_key) {
                    self.broken.push(why);
                }
            }
            Effect::Emit { event } => self.emits(actor, event),
            _ => {}
        }
    }

    fn commits(&mut self, actor: usize, writes: &[StoreWrite]) {
        for write in writes {
            match write {
                StoreWrite::Create { path, data } if path.contains("/journal/") => {
                    let epoch = data["epoch"].as_u64().unwrap_or_default();
                    // Numbers begin anew after a deletion.
                    if self.deletes {
                        continue;
                    }
                    if *self.writers.entry(epoch).or_insert(actor) != actor {
                        self.broken.push(format!("P2 two write under epoch {epoch}"));
                    }
                    if self.epoch_of(actor) != Some(epoch) {
                        self.broken.push(format!("P2 actor {actor} writes under epoch {epoch}, not its own"));
                    }
                }
                StoreWrite::Create { path, data } if path.ends_with("/engine/head") => {
                    let owner = data.get("owner").map_or(String::new(), id_of);
                    self.told(actor).takes = data["epoch"].as_u64().map(|epoch| (epoch, owner));
                }
                StoreWrite::Update { path, fields, if_version } if path.ends_with("/engine/head") => {
                    if if_version.is_none() {
                        self.broken.push("P2 the head is written without the version that was read".into());
                    }
                    let of = |name: &str| fields.iter().find(|f| f.path == [name])?.value.as_ref();
                    if let Some(epoch) = of("epoch").and_then(Value::as_u64) {
                        self.told(actor).takes = Some((epoch, of("owner").map_or(String::new(), id_of)));
                    }
                }
                StoreWrite::Update { path, fields, if_version: None } if path == TASK_PATH => {
                    if let Some(field) = fields.iter().find(|f| f.path == ["status"]) {
                        self.broken.push(format!("P3 the status is overwritten unseen: {:?}", field.value));
                    }
                }
                _ => {}
            }
        }
    }

    fn starts(&mut self, actor: usize, what: &str) {
        let (epoch, barred) = (self.epoch_of(actor), self.told(actor).barred);
        if barred {
            self.broken.push(format!("P3 actor {actor} {what} after a pause settled well"));
        }
        let current = self.head.as_ref().map(|h| h.epoch);
        if current != epoch && !self.may_fence {
            self.broken.push(format!(
                "P2 actor {actor} {what} under epoch {epoch:?} while {current:?} owns the task"
            ));
        }
    }

    /// The model was asked with these messages: what the journal holds, in its order.
    pub fn asked(&mut self, actor: &Actor) {
        let mut asked: Vec<(bool, Vec<String>)> = Vec::with_capacity(actor.messages.len());
        for message in &actor.messages {
            let mut said: Vec<String> =
                message["content"].as_array().into_iter().flatten().filter_map(words).collect();
            said.sort_unstable();
            asked.push((message["role"] == "user", said));
        }
        let same = asked.len() == self.journal.talk.len()
            && asked.iter().zip(&self.journal.talk).all(|(asked, stored)| {
                let mut stored = stored.clone();
                stored.1.sort_unstable();
                *asked == stored
            });
        if !same && !self.may_fence {
            self.broken.push(format!("P7 the request holds {asked:?}, the journal {:?}", self.journal.talk));
        }
    }

    fn emits(&mut self, actor: usize, event: &Value) {
        let Some(id) = event["id"].as_str() else {
            if event["type"] == "task:message" {
                let attempt = event["attempt"].as_u64().unwrap_or_default();
                let message = event["messageId"].as_str().unwrap_or_default().to_owned();
                let delta = self.told(actor).deltas.entry(message).or_default();
                if delta.0 != attempt {
                    *delta = (attempt, String::new());
                }
                delta.1.push_str(event["content"].as_str().unwrap_or_default());
            }
            return;
        };
        let cursor = id.split_once('.').and_then(|(seq, n)| Some((seq.parse().ok()?, n.parse().ok()?)));
        let Some((seq, n)) = cursor else {
            self.broken.push(format!("an event has the id {id:?}"));
            return;
        };
        let stored = (seq as usize).checked_sub(1).and_then(|i| self.journal.entries.get(i));
        match stored.and_then(|entry| entry.events.get(n)) {
            None if self.deleting => {}
            None => self.broken.push(format!("{} {id} is announced and not stored", event["type"])),
            Some(stored) if stored != event => {
                self.broken.push(format!("{} {id} is announced otherwise than stored", event["type"]));
            }
            Some(_) => {}
        }
        let before = self.told(actor).cursor.replace((seq, n));
        let next = match before {
            None => n == 0,
            Some((s, m)) if s == seq => n == m + 1,
            Some((s, m)) => {
                let events = self.journal.entries.get(s as usize - 1).map_or(0, |e| e.events.len());
                let silent =
                    |s: u64| self.journal.entries.get(s as usize - 1).is_some_and(|e| e.events.is_empty());
                seq > s && n == 0 && m + 1 == events && (s + 1..seq).all(silent)
            }
        };
        if !next && !self.deleting {
            self.broken.push(format!("{} {id} is announced after {before:?}", event["type"]));
        }
        if event["type"] == "task:message_saved" && event["role"] == "assistant" {
            let message = event["messageId"].as_str().unwrap_or_default();
            if let Some((_, said)) = self.told(actor).deltas.get(message) {
                if *said != event["content"] {
                    let why = format!("the deltas of {message} are {said:?}, saved is {}", event["content"]);
                    self.broken.push(why);
                }
            }
        }
    }

    /// An actor's run has ended without a failure: it has told all that is stored of it.
    pub fn told_all(&mut self, actor: usize) {
        let (Some(epoch), cursor) = (self.epoch_of(actor), self.told(actor).cursor) else { return };
        let last = self
            .journal
            .entries
            .iter()
            .rev()
            .find(|e| !e.events.is_empty() && e.entry.as_ref().is_some_and(|e| e.epoch == epoch));
        let Some(last) = last else { return };
        let seq = last.entry.as_ref().map_or(0, |e| e.seq);
        if cursor != Some((seq, last.events.len() - 1)) && !self.deleting {
            self.broken
                .push(format!("actor {actor} ends and has told {cursor:?} of {seq}.{}", last.events.len()));
        }
    }

    /// Something may have landed.
    pub fn landed(&mut self, case: &Case, store: &Store, now: u64, by_command: bool) -> bool {
        if store.commits == self.commits {
            return false;
        }
        self.commits = store.commits;
        self.head_landed(store, now, by_command);
        if self.deleting {
            return true;
        }
        let before = self.journal.entries.len();
        self.journal.read_on(store, case.policy, &mut self.broken);
        for stored in self.journal.entries.iter().skip(before) {
            // A second stop on what is paused is journaled too.
            let more = |entry: &&Entry| !entry.facts.iter().all(|fact| matches!(fact, Fact::Ended { .. }));
            let goes_on = stored.entry.as_ref().filter(more);
            let writer = goes_on.and_then(|entry| self.writers.get(&entry.epoch));
            if writer.is_some_and(|actor| self.told.get(*actor).is_some_and(|told| told.barred)) {
                self.broken.push("P3 the journal goes on after a pause settled well".to_owned());
            }
        }
        let seq =
            store.get(&format!("{TASK_PATH}/engine/head")).map_or(0, |h| h["seq"].as_u64().unwrap_or(0));
        if seq != self.journal.entries.len() as u64 {
            self.broken
                .push(format!("P1 the head says {seq}, the journal has {}", self.journal.entries.len()));
        }
        self.task_landed(store);
        true
    }

    fn head_landed(&mut self, store: &Store, now: u64, by_command: bool) {
        let path = format!("{TASK_PATH}/engine/head");
        let Some(document) = store.documents.get(&path) else {
            if self.head.take().is_some() {
                self.forget();
            }
            return;
        };
        let (data, _, at) = document;
        if data.contains_key("deleted") {
            self.deleting = true;
        }
        let owner = data.get("owner").map(|o| (id_of(o), o["ttl_ms"].as_u64().unwrap_or_default()));
        let head = Head { epoch: data["epoch"].as_u64().unwrap_or_default(), owner, renewed: *at };
        if let Some(before) = &self.head {
            let (a, b) = (before.owner.as_ref(), head.owner.as_ref());
            if head.epoch < before.epoch {
                self.broken.push(format!("P2 the head goes from epoch {} to {}", before.epoch, head.epoch));
            }
            if b.is_some() && a.map(|o| &o.0) != b.map(|o| &o.0) && head.epoch <= before.epoch {
                self.broken.push(format!("P2 {b:?} takes the task under the epoch of {a:?}"));
            }
            if let (Some((a, ttl)), Some((b, _))) = (a, b) {
                let instance = |id: &str| id.split_once('.').map(|(i, _)| i.to_owned());
                let same = instance(a).is_some() && instance(a) == instance(b);
                if a != b && now - before.renewed <= *ttl && !same && !by_command {
                    let why =
                        format!("P2 {b} takes the lease of {a}, renewed {} ms ago", now - before.renewed);
                    self.broken.push(why);
                }
            }
        }
        if let Some((owner, _)) = &head.owner {
            self.owners.insert(head.epoch, owner.clone());
        }
        self.head = Some(head);
    }

    /// The history is gone.
    fn forget(&mut self) {
        self.journal = Journal::new(self.journal.by_hand);
        self.deleting = false;
        self.writers.clear();
        self.owners.clear();
        for told in &mut self.told {
            *told = Told::default();
        }
    }

    fn task_landed(&mut self, store: &Store) {
        let Some((task, version, _)) = store.documents.get(TASK_PATH) else { return };
        if *version == self.task_version {
            return;
        }
        self.task_version = *version;
        if app_fields(task) != self.app {
            self.broken.push(format!("P12 the app's fields are {}", app_fields(task)));
        }
        for item in task["progress"]["tasks"]["m1"].as_array().into_iter().flatten() {
            let id = item["id"].as_str().unwrap_or_default();
            if item["status"] == "completed" && !self.journal.done.iter().any(|done| done == id) {
                self.broken.push(format!("P1 the plan has {id} completed, the journal has not"));
            }
        }
    }
}

fn id_of(owner: &Value) -> String {
    owner["id"].as_str().unwrap_or_default().to_owned()
}

/// A block's words, or the id of its use or result.
fn words(block: &Value) -> Option<String> {
    if let Some(text) = block["text"].as_str() {
        return Some(text.to_owned());
    }
    let id = |kind: &str| block[kind]["toolUseId"].as_str();
    match (id("toolUse"), id("toolResult")) {
        (Some(id), _) => Some(format!("use {id}")),
        (_, Some(id)) => Some(format!("result {id}")),
        _ => None,
    }
}
