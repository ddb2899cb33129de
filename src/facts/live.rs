//! What decisions depend on: the last turn, its calls, what is waiting for the model. Small, cheap to clone, so that a draft
//! of the next entry is tried out on it before it is stored.

use super::allowance::Allowance;
use super::fact::{Begin, CallResult, Decision, EndStatus, Fact, Why, corrupt};
use super::plan::{Done, ItemKey};
use crate::converse::request;
use crate::converse::shorten;
use crate::converse::{Stop, ToolUse, Usage};
use crate::effect::ToolCall;
use crate::error::EngineError;
use serde_json::Value;
use std::rc::Rc;

/// Where a tool use of the last turn stands.
#[derive(Clone, Debug, PartialEq)]
pub enum CallState {
    /// The model asked for it; nothing has been decided.
    Proposed,
    /// A person approved; it may start.
    Approved,
    /// A person has to decide.
    Waiting(Why),
    /// An entry allows its execution.
    Started,
    /// It has its result.
    Settled(Rc<CallResult>),
}

/// A tool use of the last turn.
#[derive(Clone, Debug)]
pub struct Call {
    /// What the model asked for.
    pub call: ToolCall,
    /// Why it cannot be run at all, where the turn itself says so.
    pub problem: Option<String>,
    /// Where it stands.
    pub state: CallState,
    /// How often it was started.
    pub attempts: u32,
    /// The entry that asked a person, and when.
    pub asked: Option<(u64, i64)>,
}

impl Call {
    /// Has no result yet.
    pub fn open(&self) -> bool {
        !matches!(self.state, CallState::Settled(_))
    }
}

/// How the last turn ended, as far as it is the last word.
#[derive(Clone, Debug, PartialEq)]
pub enum TurnEnd {
    /// There is no turn, or it asked for tools.
    Open,
    /// The model had nothing to add.
    Natural,
    /// Cut by `max_tokens`.
    Cut,
    /// It was to use a tool and used none.
    Announced,
    /// The service behind the model wants to be asked to go on.
    Suspended,
    /// Kept from the user by a guardrail or filter: the reason.
    Held(&'static str),
    /// One of the two above, and an explicit resume since.
    Interrupted,
}

/// Stands where a guardrail or filter blocked something: the model gets this instead.
pub(super) const MASK: &str = "[Removed: a guardrail or content filter blocked this.]";

/// A stop reason of Anthropic's API: a server's tool takes long, and the answer is to be asked for again.
const PAUSE_TURN: &str = "pause_turn";

/// The small state: what decisions depend on.
#[derive(Clone, Debug)]
pub struct Live {
    /// The last end, where no run has begun since.
    pub ended: Option<EndStatus>,
    /// Some run has begun.
    pub begun: bool,
    /// The item that the model was last told of.
    pub stated: Option<ItemKey>,
    /// What the journal holds as done.
    pub done: Rc<Done>,
    /// Tool uses of the last turn, in its order.
    pub calls: Vec<Call>,
    /// User text, and other blocks, since the last turn.
    pub texts: Vec<Rc<Value>>,
    /// Whether a person's message is among `texts`.
    pub message_waiting: bool,
    /// The last turn answers a person's message, and the answer is not at its end.
    pub answering: bool,
    /// How the last turn ended.
    pub turn_end: TurnEnd,
    /// Continuations after `max_tokens` in a row.
    pub continuations: u32,
    /// What the limits count.
    pub allowance: Allowance,
    /// Of the whole task.
    pub usage: Usage,
    /// The last turn's text.
    pub text: Rc<str>,
    /// The model had nothing to say to what it was asked last.
    pub silent: bool,
    /// Turns in a row that announced a tool and used none.
    pub announced: u32,
    /// What the model was asked last is masked, and so is its answer.
    pub masked: bool,
    /// Turns in a row that a guardrail or filter kept from the user.
    pub held: u32,
}

impl Default for Live {
    fn default() -> Self {
        Live {
            ended: None,
            begun: false,
            stated: None,
            done: Rc::default(),
            calls: Vec::new(),
            texts: Vec::new(),
            message_waiting: false,
            answering: false,
            turn_end: TurnEnd::Open,
            continuations: 0,
            allowance: Allowance::default(),
            usage: Usage::default(),
            text: Rc::from(""),
            silent: false,
            announced: 0,
            masked: false,
            held: 0,
        }
    }
}

impl Live {
    /// The call of that id among the last turn's.
    pub fn call(&self, id: &str) -> Option<&Call> {
        self.calls.iter().find(|c| c.call.id == id)
    }

    /// The call that such a decision is for: one that waits, since the very entry that was answered. Who is asked for a
    /// result cannot approve.
    pub fn decides(&self, tool_call_id: &str, asked_seq: u64, decision: &Decision) -> Option<&Call> {
        let call = self.call(tool_call_id)?;
        let CallState::Waiting(why) = call.state else { return None };
        let asked = call.asked.is_some_and(|(seq, _)| seq == asked_seq);
        let fits = why != Why::Input || !matches!(decision, Decision::Approve { .. });
        (asked && fits).then_some(call)
    }

    /// Some use of the last turn has no result.
    pub fn has_open_calls(&self) -> bool {
        self.calls.iter().any(Call::open)
    }

    /// There is something for the next user message, asked already or not.
    pub(super) fn has_tail(&self) -> bool {
        !self.has_open_calls() && (!self.texts.is_empty() || !self.calls.is_empty())
    }

    /// The model has something new to answer.
    pub fn owes_reply(&self) -> bool {
        !self.silent && self.has_tail()
    }

    /// What the next user message holds: results in the order of their uses, then text.
    pub fn tail(&self) -> Vec<Value> {
        let results = self.calls.iter().filter_map(|c| match &c.state {
            CallState::Settled(r) => {
                Some(request::tool_result(&r.tool_call_id, r.status, r.content.as_ref().clone()))
            }
            _ => None,
        });
        results.chain(self.texts.iter().map(|t| t.as_ref().clone())).collect()
    }

    fn say(&mut self, text: &str) {
        self.silent = false;
        self.texts.push(Rc::new(request::text(text)));
    }

    /// Takes one fact in.
    ///
    /// # Errors
    /// CORRUPT_HISTORY where the fact contradicts what is known.
    pub fn apply(&mut self, seq: u64, wall: i64, fact: &Fact) -> Result<(), EngineError> {
        match fact {
            Fact::Imported { .. }
            | Fact::Saved { .. }
            | Fact::Trimmed { .. }
            | Fact::Withheld { .. }
            | Fact::Progress { .. } => {}
            Fact::Shortened { bytes } => self.shorten(usize::try_from(*bytes).unwrap_or(usize::MAX)),
            Fact::Redacted => self.mask(),
            Fact::Refused { block, reason } => self.leave_out(block, reason),
            Fact::Reset => *self = Live { begun: self.begun, ended: self.ended, ..Live::default() },
            Fact::Begun { how } => self.begin(*how),
            Fact::Stated { item, text, .. } => {
                self.stated = Some(item.clone());
                self.say(text);
            }
            Fact::Received { text, content, .. } => {
                self.allowance.turn_to_something_new();
                self.message_waiting = true;
                match content {
                    None => self.say(text),
                    Some(blocks) => {
                        self.silent = false;
                        self.texts.extend(blocks.iter().cloned().map(Rc::new));
                    }
                }
            }
            Fact::Nudged { text, mistake, identical } => {
                self.allowance.mistakes += u32::from(*mistake);
                if self.turn_end == TurnEnd::Cut {
                    self.continuations += 1;
                }
                self.allowance.identical_told |= *identical;
                self.say(text);
            }
            Fact::Turn { turn, total, .. } => {
                if let Some(open) = self.calls.iter().find(|c| c.open()) {
                    return Err(corrupt(
                        seq,
                        format!("a turn while the call {} has no result", open.call.id),
                    ));
                }
                self.allowance.spent(&self.usage, total);
                self.usage = *total;
                self.allowance.turn(&turn.uses);
                self.turn_end = match (&turn.stop, turn.uses.is_empty()) {
                    (Stop::Guardrail, _) => TurnEnd::Held("guardrail_intervened"),
                    (Stop::ContentFiltered, _) => TurnEnd::Held("content_filtered"),
                    (Stop::MaxTokens, true) => TurnEnd::Cut,
                    (Stop::ToolUse, true) => TurnEnd::Announced,
                    (Stop::Other(word), true) if word == PAUSE_TURN => TurnEnd::Suspended,
                    (_, true) => TurnEnd::Natural,
                    (_, false) => TurnEnd::Open,
                };
                if self.turn_end != TurnEnd::Cut {
                    self.continuations = 0;
                }
                self.announced = if self.turn_end == TurnEnd::Announced { self.announced + 1 } else { 0 };
                let at_its_end = matches!(self.turn_end, TurnEnd::Natural | TurnEnd::Held(_));
                self.answering = (self.answering || self.message_waiting) && !at_its_end;
                self.held = if turn.stop.withheld() { self.held + 1 } else { 0 };
                self.masked = false;
                self.silent = turn.content.is_empty();
                if !self.silent {
                    self.texts.clear();
                    self.message_waiting = false;
                    self.calls = turn.uses.iter().map(proposed).collect();
                }
                self.text = Rc::from(turn.text.as_str());
            }
            Fact::Spent { total, .. } => {
                self.allowance.spent(&self.usage, total);
                self.usage = *total;
            }
            Fact::Waiting { tool_call, why } => {
                let call = self.open_call(seq, &tool_call.id)?;
                call.state = CallState::Waiting(*why);
                call.asked = Some((seq, wall));
            }
            Fact::Starting { tool_call_ids } => {
                for id in tool_call_ids {
                    let call = self.open_call(seq, id)?;
                    call.state = CallState::Started;
                    call.attempts += 1;
                }
            }
            Fact::NotRun { tool_call_ids } => {
                for id in tool_call_ids {
                    let call = self.open_call(seq, id)?;
                    // What a person allowed stays allowed.
                    call.state = if call.asked.is_some() { CallState::Approved } else { CallState::Proposed };
                    call.attempts = call.attempts.saturating_sub(1);
                }
            }
            Fact::Decided { tool_call_id, decision, .. } => {
                let call = self.open_call(seq, tool_call_id)?;
                if matches!(decision, Decision::Approve { .. }) {
                    call.state = CallState::Approved;
                }
            }
            Fact::Result { result } => {
                let call = self.open_call(seq, &result.tool_call_id)?;
                call.state = CallState::Settled(Rc::new(result.clone()));
                let at = self.calls.iter().position(|c| c.call.id == result.tool_call_id);
                self.allowance.result(at.unwrap_or_default(), result);
            }
            Fact::Done { item, .. } => {
                self.allowance.turn_to_something_new();
                Rc::make_mut(&mut self.done).insert(item.clone());
            }
            Fact::Ended { status, .. } => self.ended = Some(*status),
        }
        Ok(())
    }

    /// The largest result of the last turn's calls, in bytes of what it says.
    pub fn largest_result(&self) -> usize {
        let size = |call: &Call| match &call.state {
            CallState::Settled(result) => shorten::size(&result.content),
            _ => 0,
        };
        self.calls.iter().map(size).max().unwrap_or(0)
    }

    fn each_result(&mut self, change: impl Fn(&mut CallResult)) {
        for call in &mut self.calls {
            if let CallState::Settled(result) = &mut call.state {
                change(Rc::make_mut(result));
            }
        }
    }

    fn shorten(&mut self, most: usize) {
        self.each_result(|result| {
            if shorten::size(&result.content) > most {
                result.content = Rc::new(shorten::shortened(&result.content, most));
            }
        });
    }

    /// Whether what the model is to be asked has a block of this kind.
    pub fn shows(&self, kind: &str) -> bool {
        let in_result = |call: &Call| match &call.state {
            CallState::Settled(result) => result.content.iter().any(|block| block.get(kind).is_some()),
            _ => false,
        };
        self.calls.iter().any(in_result) || self.texts.iter().any(|block| block.get(kind).is_some())
    }

    fn leave_out(&mut self, kind: &str, reason: &str) {
        let told =
            request::text(&format!("[A block of type {kind} is left out here. It was refused: {reason}]"));
        let stand_in = |block: &Value| if block.get(kind).is_some() { told.clone() } else { block.clone() };
        self.each_result(|result| result.content = Rc::new(result.content.iter().map(stand_in).collect()));
        for block in &mut self.texts {
            *block = Rc::new(stand_in(block));
        }
    }

    fn mask(&mut self) {
        self.masked = true;
        self.each_result(|result| result.content = Rc::new(vec![request::text(MASK)]));
        if !self.texts.is_empty() {
            self.texts = vec![Rc::new(request::text(MASK))];
        }
    }

    fn begin(&mut self, how: Begin) {
        self.begun = true;
        self.ended = None;
        if how != Begin::Recovered {
            self.allowance = Allowance::default();
            self.continuations = 0;
            self.silent = false;
            if matches!(self.turn_end, TurnEnd::Cut | TurnEnd::Held(_)) {
                self.turn_end = TurnEnd::Interrupted;
            }
        }
    }

    fn open_call(&mut self, seq: u64, id: &str) -> Result<&mut Call, EngineError> {
        match self.calls.iter_mut().find(|c| c.call.id == id) {
            Some(call) if call.open() => Ok(call),
            Some(_) => Err(corrupt(seq, format!("the call {id} is answered twice"))),
            None => Err(corrupt(seq, format!("the call {id} does not belong to the last turn"))),
        }
    }
}

fn proposed(used: &ToolUse) -> Call {
    Call {
        call: ToolCall { id: used.id.clone(), name: used.name.clone(), input: Rc::new(used.input.clone()) },
        problem: used.problem.clone(),
        state: CallState::Proposed,
        attempts: 0,
        asked: None,
    }
}
