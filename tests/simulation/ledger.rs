//! What the journal says, read as it is written: every entry once. What a further entry may not say is a violation.

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use task_execution_engine::converse::{Turn, shorten};

/// A promise that was broken, and how.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Of the contract: P1 to P14, or the rule's own name.
    pub promise: &'static str,
    pub what: String,
}

pub fn broken(promise: &'static str, what: impl Into<String>) -> Violation {
    Violation { promise, what: what.into() }
}

/// The right to execute a call once, given by an entry.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    pub epoch: u64,
    pub executed: bool,
}

/// A run of a tool's function.
#[derive(Clone, Debug)]
pub struct Execution {
    pub actor: usize,
    pub attempt: u32,
    /// Stands in whatever it returns or throws.
    pub token: String,
    /// What it returned reached its owner.
    pub reported: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Call {
    pub name: String,
    pub mark: Option<Mark>,
    pub executions: Vec<Execution>,
    pub result: Option<Value>,
    /// The entry that asks a person, while one is asked.
    pub waiting: Option<(u64, String)>,
    /// A person has decided since the last mark.
    decided: bool,
    approved: bool,
    /// Its turn is over.
    closed: bool,
}

/// A turn of the model as the journal has it.
pub struct Said {
    pub text: String,
    pub uses: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct End {
    pub at: u64,
    pub seq: u64,
    pub epoch: u64,
}

#[derive(Default)]
pub struct Ledger {
    pub seq: u64,
    pub epoch: u64,
    pub history: String,
    /// Who wrote under an epoch.
    writers: BTreeMap<u64, usize>,
    pub calls: BTreeMap<String, Call>,
    /// Since the last reset, those with content.
    pub said: Vec<Said>,
    last_uses: Vec<String>,
    /// Those of the last turn that said anything.
    answered: Vec<String>,
    pub done: BTreeSet<String>,
    /// Inbox documents that were journaled.
    pub taken: BTreeSet<String>,
    /// Users' words that no request has had yet.
    pub unheard: Vec<String>,
    /// By call and asking entry: whose decision counted.
    pub decided: BTreeMap<(String, u64), String>,
    pub ends: Vec<End>,
    /// Entries that begin a run: true time and seq.
    pub begun: Vec<(u64, u64)>,
    /// Something in the request is not a turn of this journal, or no longer there.
    pub trimmed: bool,
    /// The next turn is masked for the model, as what it was asked is.
    masked: bool,
    pub thread: Vec<String>,
    total_tokens: u64,
    /// Which kinds of facts were seen.
    pub kinds: BTreeSet<String>,
}

/// What the model gets in place of what a guardrail or filter blocked.
const MASK: &str = "[Removed: a guardrail or content filter blocked this.]";

impl Ledger {
    /// Takes an entry in: its document's fields and its body, parsed.
    pub fn take(
        &mut self,
        at: u64,
        actor: usize,
        seq: u64,
        epoch: u64,
        body: &Value,
    ) -> Result<(), Violation> {
        if seq != self.seq + 1 {
            return Err(broken("P1", format!("entry {seq} follows entry {}", self.seq)));
        }
        if epoch < self.epoch {
            return Err(broken("P2", format!("entry {seq} of epoch {epoch} follows epoch {}", self.epoch)));
        }
        let writer = *self.writers.entry(epoch).or_insert(actor);
        if writer != actor {
            return Err(broken("P2", format!("two writers under epoch {epoch}")));
        }
        (self.seq, self.epoch) = (seq, epoch);
        for fact in body["facts"].as_array().into_iter().flatten() {
            self.fact(at, actor, fact)?;
        }
        Ok(())
    }

    fn fact(&mut self, at: u64, actor: usize, fact: &Value) -> Result<(), Violation> {
        let kind = fact["kind"].as_str().unwrap_or_default();
        if !self.kinds.contains(kind) {
            self.kinds.insert(kind.to_owned());
        }
        let text = |name: &str| fact[name].as_str().unwrap_or_default().to_owned();
        match kind {
            "imported" => self.trimmed |= fact["messages"].as_array().is_some_and(|m| !m.is_empty()),
            "saved" | "trimmed" => self.trimmed = true,
            "reset" => {
                self.total_tokens = 0;
                self.said.clear();
                self.done.clear();
                self.unheard.clear();
                self.last_uses.clear();
                self.answered.clear();
                self.trimmed = false;
                for call in self.calls.values_mut() {
                    call.closed = true;
                    call.waiting = None;
                }
            }
            "begun" => self.begun.push((at, self.seq)),
            "turn" => self.turn(fact)?,
            "spent" => self.spent(fact)?,
            "shortened" => {
                let most = fact["bytes"].as_u64().unwrap_or(0) as usize;
                self.each_last_content(|content| {
                    if shorten::size(content) > most {
                        *content = shorten::shortened(content, most);
                    }
                });
            }
            "redacted" => {
                self.masked = true;
                self.each_last_content(|content| *content = vec![json!({ "text": MASK })]);
            }
            "received" => {
                if !self.taken.insert(text("inbox")) {
                    return Err(broken("P1", format!("the message {} is received twice", text("inbox"))));
                }
                self.unheard.push(text("text"));
            }
            "waiting" => {
                let seq = self.seq;
                let id = fact["toolCall"]["id"].as_str().unwrap_or_default().to_owned();
                let call = self.open_call(&id)?;
                call.waiting = Some((seq, fact["why"].as_str().unwrap_or_default().to_owned()));
            }
            "starting" => {
                let epoch = self.epoch;
                for id in ids(fact) {
                    start(self.open_call(&id)?, &id, epoch)?;
                }
            }
            "not_run" => {
                for id in ids(fact) {
                    let call = self.open_call(&id)?;
                    if call.mark.is_some_and(|mark| mark.executed) {
                        return Err(broken("P5", format!("{id} is said not to have run, and has")));
                    }
                    call.mark = None;
                }
            }
            "decided" => {
                if !self.taken.insert(text("inbox")) {
                    return Err(broken("P1", format!("the decision {} is taken twice", text("inbox"))));
                }
                let id = text("toolCallId");
                let call = self.open_call(&id)?;
                let Some((asked, _)) = call.waiting.take() else {
                    return Err(broken("decisions", format!("{id} is decided and waits for nobody")));
                };
                call.decided = true;
                call.approved = fact["decision"]["decision"] == "approve";
                self.decided.insert((id, asked), text("nonce"));
            }
            "result" => {
                let id = text("toolCallId");
                let call = self.open_call(&id)?;
                if call.result.is_some() {
                    return Err(broken("P1", format!("{id} has two results")));
                }
                let content = fact["content"].to_string();
                let unknown = fact["unknown"] == true;
                let told = call
                    .executions
                    .iter()
                    .any(|e| e.reported && e.actor == actor && content.contains(&e.token));
                let silent = content.contains("(no output)");
                if !call.executions.is_empty()
                    && !unknown
                    && !told
                    && !call.decided
                    && !silent
                    && call.name != "pay"
                {
                    let found = format!("{id} ran, and its result is not what it returned: {content}");
                    return Err(broken("P5", found));
                }
                call.result = Some(fact.clone());
                call.waiting = None;
            }
            "done" => {
                let item = fact["item"]["item"].as_str().unwrap_or_default().to_owned();
                if !self.done.insert(item.clone()) {
                    return Err(broken("P1", format!("the item {item} is done twice")));
                }
            }
            "ended" => {
                self.ends.push(End { at, seq: self.seq, epoch: self.epoch });
            }
            _ => {}
        }
        Ok(())
    }

    /// What the model is to get of results that no turn but a silent one has followed.
    fn each_last_content(&mut self, change: impl Fn(&mut Vec<Value>)) {
        for id in &self.answered {
            let result = self.calls.get_mut(id).and_then(|call| call.result.as_mut());
            if let Some(Value::Array(content)) = result.map(|result| &mut result["content"]) {
                change(content);
            }
        }
    }

    fn turn(&mut self, fact: &Value) -> Result<(), Violation> {
        for id in &self.last_uses {
            if self.calls.get(id).is_some_and(|call| call.result.is_none()) {
                return Err(broken("P7", format!("{id} has no result, and the model goes on")));
            }
        }
        let turn: Turn = serde_json::from_value(fact["turn"].clone())
            .map_err(|e| broken("P1", format!("a turn that cannot be read: {e}")))?;
        for call in self.calls.values_mut() {
            call.closed = true;
        }
        self.last_uses = turn.uses.iter().map(|used| used.id.clone()).collect();
        for used in &turn.uses {
            let call = Call { name: used.name.clone(), ..Call::default() };
            if self.calls.insert(used.id.clone(), call).is_some() {
                return Err(broken("P7", format!("the id {} is used twice", used.id)));
            }
        }
        if !turn.content.is_empty() {
            let said = turn.content.iter().filter_map(|block| block["text"].as_str()).collect();
            let text = if std::mem::take(&mut self.masked) { MASK.to_owned() } else { said };
            self.answered.clone_from(&self.last_uses);
            self.said.push(Said { text, uses: self.last_uses.clone() });
        }
        if !turn.text.trim().is_empty() {
            self.thread.push(turn.text);
        }
        self.spent(fact)
    }

    /// What was spent is added to what was spent before: nothing is lost and nothing counted twice.
    fn spent(&mut self, fact: &Value) -> Result<(), Violation> {
        self.total_tokens += fact["usage"]["totalTokens"].as_u64().unwrap_or(0);
        let said = fact["total"]["totalTokens"].as_u64().unwrap_or(0);
        if said != self.total_tokens {
            let what = format!("entry {}: {said} tokens in all, {} summed up", self.seq, self.total_tokens);
            return Err(broken("usage", what));
        }
        Ok(())
    }

    fn open_call(&mut self, id: &str) -> Result<&mut Call, Violation> {
        let seq = self.seq;
        match self.calls.get_mut(id) {
            Some(call) if !call.closed => Ok(call),
            _ => Err(broken("P1", format!("entry {seq} speaks of the call {id}, which the last turn lacks"))),
        }
    }

    /// Calls that a person is asked about.
    pub fn waiting(&self) -> Vec<(&str, u64, &str)> {
        let waiting = self.last_uses.iter().filter_map(|id| {
            let call = self.calls.get(id)?;
            let (seq, why) = call.waiting.as_ref()?;
            Some((id.as_str(), *seq, why.as_str()))
        });
        waiting.collect()
    }

    pub fn ended_since(&self, at: u64) -> Option<&End> {
        self.ends.iter().rev().take_while(|end| end.at >= at).last()
    }
}

fn ids(fact: &Value) -> Vec<String> {
    let ids = fact["toolCallIds"].as_array().into_iter().flatten();
    ids.map(|id| id.as_str().unwrap_or_default().to_owned()).collect()
}

/// Only what has no outcome, or a known one, or may be repeated, may be started.
fn start(call: &mut Call, id: &str, epoch: u64) -> Result<(), Violation> {
    if call.result.is_some() {
        return Err(broken("P4", format!("{id} is started although its result is stored")));
    }
    if call.waiting.is_some() {
        return Err(broken("decisions", format!("{id} is started while a person is asked about it")));
    }
    if call.mark.is_some() && call.name != "look" && !call.approved {
        return Err(broken("P5", format!("{id} is started again although nobody knows how it ended")));
    }
    (call.mark, call.approved, call.decided) = (Some(Mark { epoch, executed: false }), false, false);
    Ok(())
}
