//! The journal as it grows: every entry is read once, when it lands, and checked against all that was known before.

use crate::case::Policy;
use crate::support::{Store, TASK, TASK_PATH};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use task_execution_engine::facts::announce::announce;
use task_execution_engine::facts::fact::{Begin, Decision, EndStatus, Entry, Fact, Why};
use task_execution_engine::facts::thread::thread;
use task_execution_engine::storage::journal::Joiner;
use task_execution_engine::store::StoredDocument;

/// A tool use of the model, as the journal and the world know it.
#[derive(Debug, Default)]
pub struct Call {
    pub name: String,
    /// May be executed, under this epoch, once.
    pub allowed: Option<u64>,
    /// Marked as starting, and neither answered nor taken back.
    started: bool,
    pub executions: u32,
    executed_since_mark: bool,
    pub waiting: Option<(Why, u64)>,
    approved: bool,
    /// A person has said that it may run although it may have run before.
    approved_again: bool,
    answered: bool,
    pub result: bool,
    pub key: Option<String>,
}

#[derive(Debug, Default)]
pub struct Stored {
    pub entry: Option<Entry>,
    pub events: Vec<Value>,
}

/// The user's and the assistant's messages, each as the words and ids that it holds.
pub type Talk = Vec<(bool, Vec<String>)>;

#[derive(Debug, Default)]
pub struct Journal {
    /// From seq 1.
    pub entries: Vec<Stored>,
    write_ids: BTreeSet<String>,
    pub epoch: u64,
    pub calls: BTreeMap<String, Call>,
    /// Begun and not ended.
    pub runs: bool,
    pub last_end: Option<EndStatus>,
    pub received: BTreeSet<String>,
    pub texts: Vec<String>,
    pub done: Vec<String>,
    pub talk: Talk,
    last_timestamp: String,
    /// Others write statuses, so that a run which is told to go on may find one that no run has stored.
    pub by_hand: bool,
}

impl Journal {
    pub fn new(by_hand: bool) -> Journal {
        Journal { by_hand, ..Journal::default() }
    }

    /// Reads what has landed since.
    pub fn read_on(&mut self, store: &Store, policy: Policy, broken: &mut Vec<String>) {
        loop {
            let seq = self.entries.len() as u64 + 1;
            let path = format!("{TASK_PATH}/journal/{seq:08}");
            let Some(data) = store.get(&path) else { return };
            let document = StoredDocument { path, data: data.clone(), version: String::new(), age_ms: None };
            let mut joiner = Joiner::default();
            let entry = joiner.push(&document).and_then(|_| joiner.finish());
            match entry {
                Ok(Some(entry)) => self.landed(entry, store, policy, broken),
                other => {
                    broken.push(format!("P1 entry {seq} cannot be read: {other:?}"));
                    return;
                }
            }
        }
    }

    fn landed(&mut self, entry: Entry, store: &Store, policy: Policy, broken: &mut Vec<String>) {
        let seq = entry.seq;
        if entry.epoch < self.epoch {
            broken.push(format!("P2 entry {seq} has epoch {} after {}", entry.epoch, self.epoch));
        }
        self.epoch = entry.epoch;
        if !self.write_ids.insert(entry.write_id.clone()) {
            broken.push(format!("P1 entry {seq} has the write_id of another"));
        }
        for (n, fact) in entry.facts.iter().enumerate() {
            if matches!(fact, Fact::Ended { .. }) && n + 1 != entry.facts.len() {
                broken.push(format!("P3 the end of entry {seq} is not its last fact"));
            }
            if let Err(why) = self.apply(seq, entry.epoch, fact, policy) {
                broken.push(format!("{why} (entry {seq}, {})", fact.kind()));
            }
        }
        for message in thread(&entry) {
            let Some(found) = store.get(&format!("{TASK_PATH}/messages/{}", message.id)) else {
                broken.push(format!("P1 entry {seq} has no message {:?} in the thread", message.content));
                continue;
            };
            if found["content"] != message.content.as_str() || found["role"] != message.role {
                broken.push(format!("P1 the thread holds {found:?} for {:?}", message.content));
            }
            let at = found["timestamp"].as_str().unwrap_or_default();
            if at <= self.last_timestamp.as_str() {
                broken.push(format!("P1 {:?} does not come last in the thread", message.content));
            }
            at.clone_into(&mut self.last_timestamp);
        }
        let events = announce(TASK, &entry);
        self.entries.push(Stored { entry: Some(entry), events });
    }

    fn say(&mut self, user: bool, words: String) {
        match self.talk.last_mut() {
            Some((who, said)) if *who == user => said.push(words),
            _ => self.talk.push((user, vec![words])),
        }
    }

    fn apply(&mut self, seq: u64, epoch: u64, fact: &Fact, policy: Policy) -> Result<(), String> {
        let lives = !matches!(
            fact,
            Fact::Begun { .. }
                | Fact::Reset
                | Fact::Imported { .. }
                | Fact::Saved { .. }
                | Fact::Ended { .. }
                | Fact::Spent { .. }
        );
        if lives && !self.runs {
            return Err("P3 the journal goes on after its end".into());
        }
        match fact {
            Fact::Reset => {
                self.runs = false;
                self.last_end = None;
                self.calls.clear();
                self.done.clear();
                self.talk.clear();
            }
            Fact::Begun { how } => {
                let begins = *how != Begin::Recovered;
                if begins == self.runs && !(self.by_hand && begins) {
                    return Err(format!("P1 begins as {how:?} while running is {}", self.runs));
                }
                self.runs = true;
            }
            Fact::Ended { status, .. } => {
                if !self.runs && self.last_end == Some(*status) && *status == EndStatus::Paused {
                    return Err("P1 pauses what is paused".into());
                }
                self.runs = false;
                self.last_end = Some(*status);
            }
            Fact::Stated { text, .. } | Fact::Nudged { text, .. } => self.say(true, text.clone()),
            Fact::Received { inbox, text, .. } => {
                self.say(true, text.clone());
                if !self.received.insert(inbox.clone()) {
                    return Err(format!("P1 {inbox} is received twice"));
                }
            }
            Fact::Turn { turn, .. } => {
                if let Some((id, _)) = self.calls.iter().find(|(_, call)| !call.result) {
                    return Err(format!("P1 a turn while {id} has no result"));
                }
                if !turn.text.trim().is_empty() {
                    self.texts.push(turn.text.clone());
                    self.say(false, turn.text.clone());
                }
                for used in &turn.uses {
                    self.say(false, format!("use {}", used.id));
                    let call = Call { name: used.name.clone(), ..Call::default() };
                    if self.calls.insert(used.id.clone(), call).is_some() {
                        return Err(format!("P1 two uses have the id {}", used.id));
                    }
                }
            }
            Fact::Waiting { tool_call, why } => {
                self.open(&tool_call.id)?.waiting = Some((*why, seq));
            }
            Fact::Decided { tool_call_id, decision, .. } => {
                let call = self.open(tool_call_id)?;
                let Some((why, _)) = call.waiting.take() else {
                    return Err(format!("P1 {tool_call_id} is decided and does not wait"));
                };
                match decision {
                    Decision::Approve { .. } if why == Why::UnknownOutcome => call.approved_again = true,
                    Decision::Approve { .. } => call.approved = true,
                    Decision::Answer { .. } => call.answered = true,
                    Decision::Reject { .. } => {}
                }
            }
            Fact::Starting { tool_call_ids } => {
                for id in tool_call_ids {
                    self.starts(id, epoch, policy)?;
                }
            }
            Fact::NotRun { tool_call_ids } => {
                for id in tool_call_ids {
                    let call = self.open(id)?;
                    if call.executed_since_mark || !call.started {
                        return Err(format!("P5 {id} is said not to have run"));
                    }
                    call.started = false;
                    call.allowed = None;
                }
            }
            Fact::Result { result } => {
                let id = &result.tool_call_id;
                self.say(true, format!("result {id}"));
                let call = self.open(id)?;
                let good = serde_json::to_value(result.status).unwrap_or_default() == "success";
                if good && call.executions == 0 && !call.answered {
                    return Err(format!("P5 {id} has a good result and never ran"));
                }
                if result.unknown && !call.started {
                    return Err(format!("P5 {id} has an unknown outcome and never started"));
                }
                call.result = true;
                call.allowed = None;
            }
            Fact::Done { item, .. } => {
                if self.done.contains(&item.item) {
                    return Err(format!("P1 {} is done twice", item.item));
                }
                self.done.push(item.item.clone());
            }
            _ => {}
        }
        Ok(())
    }

    fn open(&mut self, id: &str) -> Result<&mut Call, String> {
        match self.calls.get_mut(id) {
            None => Err(format!("P1 there is no call {id}")),
            Some(call) if call.result => Err(format!("P4 {id} has its result already")),
            Some(call) => Ok(call),
        }
    }

    fn starts(&mut self, id: &str, epoch: u64, policy: Policy) -> Result<(), String> {
        let call = self.open(id)?;
        if call.waiting.is_some() {
            return Err(format!("P5 {id} starts while it waits for a person"));
        }
        if call.name == "look" && !call.approved {
            return Err(format!("P5 {id} starts unapproved"));
        }
        if call.started && policy != Policy::Rerun && !std::mem::take(&mut call.approved_again) {
            return Err(format!("P5 {id} starts again and nobody knows how it ended"));
        }
        call.started = true;
        call.executed_since_mark = false;
        call.allowed = Some(epoch);
        Ok(())
    }

    /// The call is executed now, under that epoch.
    pub fn executes(&mut self, id: &str, epoch: Option<u64>, key: &str) -> Result<(), String> {
        let call = self.open(id)?;
        call.executions += 1;
        call.executed_since_mark = true;
        if call.key.get_or_insert_with(|| key.to_owned()) != key {
            return Err(format!("P5 {id} runs with another key"));
        }
        match (call.allowed.take(), epoch) {
            (Some(allowed), Some(epoch)) if allowed == epoch => Ok(()),
            (allowed, epoch) => {
                Err(format!("P5 {id} runs under {epoch:?}; stored is a start by {allowed:?}"))
            }
        }
    }
}
