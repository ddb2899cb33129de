//! What people and other processes do to the task: commands, messages, decisions.

use super::{TASK, TASK_PATH, USER, World};
use serde_json::{Map, Value, json};
use task_execution_engine::command::open;
use task_execution_engine::effect::Ticket;
use task_execution_engine::error::EngineError;
use task_execution_engine::facts::fact::Decision;
use task_execution_engine::ids::{Paths, Rng};
use task_execution_engine::storage::inbox;

impl World {
    /// A command or read in a process of its own.
    pub fn open(&mut self, kind: &str, arguments: Value) -> usize {
        self.try_open(kind, arguments).unwrap()
    }

    /// As `open`; its arguments may be refused.
    pub fn try_open(&mut self, kind: &str, arguments: Value) -> Result<usize, EngineError> {
        let mut config = json!({ "userId": USER, "taskId": TASK, "seed": (self.rng.unit() * 1e15) as u64,
            "limits": { "documentBytes": 1_000_000, "commitBytes": 9_000_000 } });
        for (name, value) in arguments.as_object().unwrap() {
            config[name] = value.clone();
        }
        self.note_value(&format!("{} begins to {kind}", self.actors.len()), &arguments);
        let machine = open(self.clock(), kind, config)
            .inspect_err(|e| self.note_error("it is refused with the error", e))?;
        Ok(self.add(machine))
    }

    /// A command or read, and how it settles.
    pub fn ask(&mut self, kind: &str, arguments: Value) -> Result<Value, EngineError> {
        let actor = self.open(kind, arguments);
        self.finish(actor)
    }

    /// A user's message, as `send` stores it; its id.
    pub fn say(&mut self, words: &str) -> String {
        let mut rng = Rng::new((self.rng.unit() * 1e15) as u64);
        let id = inbox::message_id(self.clock().wall, &mut rng);
        let item =
            inbox::InboxItem::Message { id: id.clone(), text: words.into(), in_thread: false, content: None };
        self.put_into_inbox(&item);
        self.outside(&["updated_at"], json!("sent"));
        id
    }

    /// A decision about the question that was asked last about the call, as approve, reject and answer store it.
    pub fn decide(&mut self, call: &str, decision: Decision) {
        let asked = self.asked(call).pop().expect("somebody was asked");
        self.put_into_inbox(&inbox::decision(call, asked, "nonce".into(), decision));
    }

    /// The entries that asked about a call.
    pub fn asked(&self, call: &str) -> Vec<u64> {
        let asks =
            |facts: &[Value]| facts.iter().any(|f| f["kind"] == "waiting" && f["toolCall"]["id"] == call);
        self.store.journal().into_iter().filter(|(_, _, facts)| asks(facts)).map(|(seq, ..)| seq).collect()
    }

    pub fn put_into_inbox(&mut self, item: &inbox::InboxItem) {
        self.note(&format!("others put into the inbox {item:?}"));
        let (now, write) = (self.now, item.create(&Paths::new(USER, TASK), self.clock()));
        self.store.commit(&[write], now).unwrap();
    }

    /// Others put a document there, or in the place of one; `None` removes it.
    pub fn others_put(&mut self, path: &str, data: Option<Value>) {
        self.note_value(&format!("others put {path}"), &json!(data));
        let path = format!("{TASK_PATH}/{path}");
        match data {
            Some(data) => self.store.put(&path, data, self.now),
            None => drop(self.store.documents.remove(path.trim_end_matches('/'))),
        }
    }

    /// `engine/head`.
    pub fn head(&self) -> &Map<String, Value> {
        self.store.get(&format!("{TASK_PATH}/engine/head")).expect("there is a head")
    }

    pub fn is_over(&self, actor: usize) -> bool {
        self.actors[actor].settled.contains_key(&Ticket::RESULT)
    }

    /// Runs until nobody has anything to do any more.
    pub fn finish_all(&mut self) {
        for actor in 0..self.actors.len() {
            if !self.actors[actor].crashed {
                let _outcome = self.finish(actor);
            }
        }
    }
}
