//! What the next commit holds: everything that is due, and what follows from it, tried out on a draft of the facts.
//!
//! One commit per turn: the turn, the item's completion, the next statement and the end of the task go together.

mod call_facts;
mod statement;
mod writes;

pub(super) use statement::{COMPLETE_TASK_ITEM, complete_task_item, prompt_context};

use super::Ctx;
use super::closing::How;
use super::run::Run;
use crate::converse::repair::repair;
use crate::decide::{Nudge, Step, decide};
use crate::effect::ToolCall;
use crate::error::{Code, EngineError};
use crate::facts::advance::Advance;
use crate::facts::fact::{EndStatus, Entry, Fact};
use crate::facts::live::Live;
use crate::facts::plan::{Item, ItemKey};
use crate::facts::rollup;
use crate::facts::task::TaskDocument;
use crate::lifecycle::Status;
use crate::storage::head::LastRun;
use crate::time::iso8601;
use serde_json::Value;
use std::rc::Rc;

/// What has to be known before the next commit can be composed.
#[derive(Debug)]
pub(crate) enum Need {
    /// Task and inbox as they are now.
    Look,
    /// May these calls run?
    Vet(Vec<ToolCall>),
    /// The host's words for the next item.
    Prompt(Box<Item>),
    /// How the call ended, as far as the host can tell.
    LookUp(ToolCall),
    /// Running tools first.
    Wait,
}

/// How a commit ends the run.
#[derive(Clone, Debug)]
pub(crate) enum End {
    /// The task stays in progress.
    Released,
    /// For good.
    For { status: EndStatus, reason: Option<String>, error: Option<EngineError> },
}

/// A commit to be.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub entry: Entry,
    /// So many of `due`.
    pub due: usize,
    /// The turn that was ready.
    pub turn: bool,
    /// What failed attempts have cost.
    pub spent: bool,
    pub taken: Vec<String>,
    pub live: Live,
    pub ends: Option<End>,
    pub last_run: LastRun,
    pub status: Option<Status>,
}

impl Plan {
    /// Of a commit without an entry.
    pub fn empty() -> Plan {
        Plan {
            entry: Entry {
                seq: 0,
                epoch: 0,
                write_id: String::new(),
                wall: 0,
                active_ms: 0,
                facts: Vec::new(),
            },
            due: 0,
            turn: false,
            spent: false,
            taken: Vec::new(),
            live: Live::default(),
            ends: None,
            last_run: LastRun::Running,
            status: None,
        }
    }
}

#[derive(Debug)]
pub(crate) enum Composed {
    Commit(Box<Plan>),
    /// Nothing to journal, and the run is over.
    Release(LastRun),
    /// Nothing to journal, but the status is to be what the journal says.
    Restore,
    Needs(Need),
    Nothing,
}

/// Facts tried out before they are stored.
struct Draft {
    live: Live,
    seq: u64,
    wall: i64,
    facts: Vec<Fact>,
    taken: Vec<String>,
    error: Option<EngineError>,
}

impl Draft {
    fn add(&mut self, fact: Fact) {
        if let Err(e) = self.live.apply(self.seq, self.wall, &fact) {
            self.error.get_or_insert(e);
        }
        self.facts.push(fact);
    }
}

impl Run {
    /// What is to be stored next. Changes nothing but what interrupts the run.
    pub(super) fn compose(&mut self, ctx: &mut Ctx) -> Composed {
        let wall = ctx.now.wall.max(self.facts.last_wall.saturating_add(1));
        let mut draft = Draft {
            live: self.facts.live.clone(),
            seq: self.facts.seq + 1,
            wall,
            facts: Vec::new(),
            taken: Vec::new(),
            error: None,
        };
        let due = self.add_due(ctx, &mut draft);
        let results = draft.facts.iter().any(|f| matches!(f, Fact::Result { .. }));
        let only_due = results.then(|| (draft.live.clone(), draft.facts.len()));
        let turn = self.turn_ready().filter(|_| due == self.due.len()).map(|ready| self.turn_fact(ready));
        let has_turn = turn.is_some();
        if let Some(turn) = turn {
            if matches!(&turn, Fact::Turn { turn, .. } if turn.stop.withheld()) {
                draft.add(Fact::Redacted);
            }
            draft.add(turn);
        }
        let whole = due == self.due.len();
        let mut ends = None;
        if whole {
            let decided = if self.control.is_ending() {
                self.add_end(&mut draft)
            } else if ctx.cfg.drives {
                self.add_decisions(ctx, &mut draft)
            } else {
                Ok(Some(End::Released))
            };
            match decided {
                Ok(end) => ends = end,
                Err(need) => match only_due.filter(|_| !has_turn) {
                    None => return Composed::Needs(need),
                    // What tools have returned does not wait for a callback.
                    Some((live, facts)) => {
                        self.fetch(ctx, need);
                        draft.live = live;
                        draft.facts.truncate(facts);
                        draft.taken.clear();
                    }
                },
            }
        }
        if let Some(e) = draft.error {
            self.interrupt(ctx, e);
            return Composed::Nothing;
        }
        let spent = ends.is_some() && !has_turn && self.spent_fact().is_some();
        if let Some(fact) = self.spent_fact().filter(|_| spent) {
            // Before the end, which comes last.
            let at = draft.facts.len() - usize::from(matches!(draft.facts.last(), Some(Fact::Ended { .. })));
            if let Err(e) = draft.live.apply(draft.seq, wall, &fact) {
                self.interrupt(ctx, e);
                return Composed::Nothing;
            }
            draft.facts.insert(at, fact);
        }
        let last_run = self.last_run(&draft.facts, &ends);
        if self.control.ending().is_some_and(|e| e.how == How::Restore) {
            return Composed::Restore;
        }
        if draft.facts.is_empty() {
            return match ends {
                Some(_) => Composed::Release(last_run),
                None => Composed::Nothing,
            };
        }
        let entry = Entry {
            seq: draft.seq,
            epoch: self.head.epoch,
            write_id: ctx.io.rng.id(),
            wall,
            active_ms: self.active_ms,
            facts: draft.facts,
        };
        let status = self.next_status(&entry.facts, &ends);
        Composed::Commit(Box::new(Plan {
            entry,
            due,
            turn: has_turn,
            spent,
            taken: draft.taken,
            live: draft.live,
            ends,
            last_run,
            status,
        }))
    }

    fn last_run(&self, facts: &[Fact], ends: &Option<End>) -> LastRun {
        match ends {
            None if let Some(Fact::Ended { status, .. }) = facts.last() => (*status).into(),
            Some(End::For { status, .. }) => (*status).into(),
            Some(End::Released) if self.cut_something || !self.calls.unknown.is_empty() => {
                LastRun::YieldedUnclean
            }
            Some(End::Released) => LastRun::Yielded,
            None => LastRun::Running,
        }
    }

    fn next_status(&self, facts: &[Fact], ends: &Option<End>) -> Option<Status> {
        match ends {
            Some(End::For { reason, .. }) if reason.as_deref() == Some("external_status") => None,
            Some(End::For { status, .. }) => Some(match status {
                EndStatus::Paused | EndStatus::Stopped => Status::Paused,
                EndStatus::Completed => Status::Completed,
                EndStatus::Failed => Status::Failed,
            }),
            _ => (self.begins && begins(facts)).then_some(Status::InProgress),
        }
    }

    /// As many of the due facts as fit beside each other.
    fn add_due(&self, ctx: &Ctx, draft: &mut Draft) -> usize {
        let room = ctx.cfg.limits.commit_bytes / 4 * 3;
        let mut bytes = 0;
        for (taken, (fact, size)) in self.due.iter().enumerate() {
            bytes += size;
            // An end is an entry's last fact: what follows it waits for the next.
            let after_end = matches!(draft.facts.last(), Some(Fact::Ended { .. }));
            if taken > 0 && (bytes > room || after_end) {
                return taken;
            }
            draft.add(fact.clone());
        }
        self.due.len()
    }

    /// The end that `control` asks for, once no tool runs.
    fn add_end(&self, draft: &mut Draft) -> Result<Option<End>, Need> {
        let Some(ending) = self.control.ending() else { return Ok(None) };
        if !self.calls.none_running() {
            return if draft.facts.is_empty() { Err(Need::Wait) } else { Ok(None) };
        }
        let not_run = self.calls.not_run();
        if !not_run.is_empty() {
            draft.add(Fact::NotRun { tool_call_ids: not_run });
        }
        let end = |status, reason: Option<String>, error: Option<EngineError>| {
            (
                Fact::Ended { status, reason: reason.clone(), error: error.clone().map(Rc::new) },
                End::For { status, reason, error },
            )
        };
        let (fact, end) = match &ending.how {
            How::Yield(_) | How::Restore => return Ok(Some(End::Released)),
            How::Pause(reason) => end(EndStatus::Paused, reason.clone(), None),
            How::Stop(reason) => end(EndStatus::Stopped, reason.clone(), None),
            How::External => end(EndStatus::Stopped, Some("external_status".into()), None),
            How::Fail(e) => end(EndStatus::Failed, None, Some(e.clone())),
        };
        draft.add(fact);
        Ok(Some(end))
    }

    fn add_decisions(&mut self, ctx: &Ctx, draft: &mut Draft) -> Result<Option<End>, Need> {
        self.add_unknown(ctx, draft)?;
        self.add_inbox(ctx, draft);
        if self.reopens.is_none() && self.adopted.as_ref() != Some(&self.task_version) {
            let external = self.task.plan.externally_completed(&draft.live.done);
            if external.is_empty() {
                self.adopted = Some(self.task_version.clone());
            }
            for key in &external {
                draft.add(Fact::Done { item: key.clone(), text: String::new(), external: true });
            }
            // One for all of them.
            if let Some(last) = external.last() {
                let several = external.len() > 1;
                let items = several.then(|| external.iter().map(|key| key.item.clone()).collect());
                self.add_progress(draft, last, items.unwrap_or_default());
            }
        }
        let control = self.decision();
        // Each pass adds a fact that takes the decision on; the bound is far above what any state can need.
        let plan = self.plan().clone();
        for _ in 0..64 {
            match decide(&draft.live, &plan, &control) {
                Step::RunCalls => {
                    let before = draft.facts.len();
                    self.add_calls(draft)?;
                    // The others wait for their turn.
                    if draft.facts.len() == before {
                        break;
                    }
                }
                Step::Finish(key) => {
                    if !self.look.is_whole() {
                        return Err(Need::Look);
                    }
                    let words = draft.live.text.to_string();
                    self.add_done(draft, key, words);
                }
                Step::State(item) => {
                    let text = self.statement(ctx, draft, &item)?;
                    draft.add(Fact::Stated { item: item.key, name: item.name, text });
                }
                Step::Nudge(nudge) => {
                    draft.add(Fact::Nudged {
                        text: nudge.text().to_owned(),
                        mistake: nudge.is_mistake(),
                        identical: nudge == Nudge::Identical,
                    });
                }
                Step::Pause(reason) => {
                    let reason = Some(reason.to_owned());
                    draft.add(Fact::Ended { status: EndStatus::Paused, reason: reason.clone(), error: None });
                    return Ok(Some(End::For { status: EndStatus::Paused, reason, error: None }));
                }
                Step::Complete => {
                    if !self.look.is_whole() {
                        return Err(Need::Look);
                    }
                    draft.add(Fact::Ended { status: EndStatus::Completed, reason: None, error: None });
                    return Ok(Some(End::For { status: EndStatus::Completed, reason: None, error: None }));
                }
                Step::Converse if draft.facts.is_empty() && !self.look.fresh => return Err(Need::Look),
                Step::Converse | Step::Wait => break,
            }
        }
        Ok(None)
    }

    fn add_done(&self, draft: &mut Draft, key: ItemKey, text: String) {
        draft.add(Fact::Done { item: key.clone(), text, external: false });
        self.add_progress(draft, &key, Vec::new());
    }

    fn add_progress(&self, draft: &mut Draft, key: &ItemKey, items: Vec<String>) {
        let advance = rollup::advance(&self.task, &draft.live.done, key, &iso8601(draft.wall));
        draft.add(Fact::Progress(Advance { items, ..advance }));
    }

    /// What a commit that has landed had taken along.
    pub(super) fn settle_plan(&mut self, plan: &Plan) {
        self.due.drain(..plan.due.min(self.due.len()));
        if plan.turn {
            self.turn = super::turn::TurnRegion::Idle;
        }
        if plan.spent {
            self.spent = crate::converse::Usage::default();
        }
        self.inbox.retain(|item| !plan.taken.iter().any(|id| id == item.id()));
        for fact in &plan.entry.facts {
            self.calls.settle(fact);
            match fact {
                Fact::Stated { .. } => self.prompt = None,
                Fact::Result { result } => {
                    self.vetted.remove(&result.tool_call_id);
                    self.looked_up.remove(&result.tool_call_id);
                }
                _ => {}
            }
        }
    }

    /// The store refused a commit for good.
    pub(super) fn refused(&mut self, ctx: &mut Ctx, error: EngineError, sent: super::run::OnItsWay) {
        let droppable = sent.plan.turn && !self.control.is_ending();
        if droppable && matches!(error.code, Code::TooLarge | Code::StoreRejected) {
            self.give_turn_up();
            self.end(ctx, super::closing::Ending::new(How::Fail(error)));
        } else {
            self.interrupt(ctx, error);
        }
    }
}

fn begins(facts: &[Fact]) -> bool {
    facts.iter().any(|f| matches!(f, Fact::Begun { .. }))
}

/// The old `execution.api_messages` as one fact.
pub(crate) fn import(task: &TaskDocument) -> Fact {
    let old = task.raw.get("execution").and_then(|e| e.get("api_messages")).and_then(Value::as_array);
    let repaired = repair(old.map_or(&[], Vec::as_slice));
    Fact::Imported {
        messages: Rc::new(repaired.messages),
        repaired: repaired.repaired,
        left_out: repaired.left_out,
    }
}
