//! What the next commit holds: everything that is due, and what follows from it, tried out on a draft of the facts.
//!
//! One commit per turn: the turn, the item's completion, the next statement and the end of the task go together.

mod call_facts;
mod plan;
mod statement;
mod writes;

use plan::Draft;
pub(super) use plan::{Composed, Composition, End, Need, OnItsWay, Plan};
pub(super) use statement::{complete_task_item, prompt_context};

use super::RunnerConfig;
use super::beginning::Beginning;
use super::calls::Calls;
use super::desk::Desk;
use super::host::Host;
use super::lease::Lease;
use super::meter::Meter;
use super::turn::Turn;
use super::wishes::{How, Wishes};
use crate::converse::repair::repair;
use crate::decide::{Control, Nudge, Step, decide};
use crate::effect::ToolDescription;
use crate::error::EngineError;
use crate::facts::advance::Advance;
use crate::facts::fact::{EndStatus, Entry, Fact};
use crate::facts::fold::Facts;
use crate::facts::plan::{ItemKey, Plan as ItemPlan};
use crate::facts::rollup;
use crate::facts::task::TaskDocument;
use crate::lifecycle::Status;
use crate::limits::Settings;
use crate::sorted::SortedMap;
use crate::storage::head::LastRun;
use crate::time::Now;
use crate::time::iso8601;
use serde_json::Value;
use std::rc::Rc;

/// All that a commit depends on: the rooms of a run, and what it has beside them.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub cfg: &'a RunnerConfig,
    pub now: Now,
    pub settings: &'a Settings,
    pub tools: &'a SortedMap<String, ToolDescription>,
    pub facts: &'a Facts,
    /// Facts that wait for the next commit, with their size in bytes.
    pub due: &'a [(Fact, usize)],
    /// Something was cut off that had begun.
    pub cut_something: bool,
    pub lease: &'a Lease<OnItsWay>,
    pub wishes: &'a Wishes,
    pub desk: &'a Desk,
    pub beginning: &'a Beginning,
    pub turn: &'a Turn,
    pub calls: &'a Calls,
    pub host: &'a Host,
    pub meter: &'a Meter,
}

/// What is to be stored next. Reads everything and changes nothing.
pub(crate) fn compose(view: &View<'_>) -> Composition {
    view.compose()
}

impl View<'_> {
    /// Some end is in force.
    pub fn is_ending(&self) -> bool {
        self.beginning.restores() || self.wishes.is_ending()
    }

    /// The plan, as it will be where every item is reopened.
    pub fn plan(&self) -> &ItemPlan {
        self.beginning.reopens().unwrap_or(&self.desk.task().plan)
    }

    /// What the decision depends on besides the facts.
    pub fn decision(&self) -> Control {
        Control {
            completion: self.settings.completion,
            limits: self.settings.limits,
            active_ms: self.meter.active_ms(),
        }
    }

    fn compose(&self) -> Composition {
        let mut draft = self.draft();
        let mut meanwhile = None;
        let composed = self.composed(&mut draft, &mut meanwhile);
        let composed = composed.unwrap_or_else(Composed::Broken);
        Composition { composed, meanwhile, adopts: draft.adopts }
    }

    fn draft(&self) -> Draft {
        Draft {
            live: self.facts.live.clone(),
            seq: self.facts.seq + 1,
            wall: self.now.wall.max(self.facts.last_wall.saturating_add(1)),
            facts: Vec::new(),
            taken: Vec::new(),
            error: None,
            adopts: false,
        }
    }

    fn composed(&self, draft: &mut Draft, meanwhile: &mut Option<Need>) -> Result<Composed, EngineError> {
        let due = self.add_due(draft);
        let results = draft.facts.iter().any(|f| matches!(f, Fact::Result { .. }));
        let only_due = results.then(|| (draft.live.clone(), draft.facts.len()));
        let ready = self.turn.ready().filter(|_| due == self.due.len());
        let turn = ready.map(|ready| self.turn.fact(ready, self.facts));
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
            let decided = if self.is_ending() {
                self.add_end(draft)
            } else if self.cfg.drives {
                self.add_decisions(draft)
            } else {
                Ok(Some(End::Released))
            };
            match decided {
                Ok(end) => ends = end,
                Err(need) => match only_due.filter(|_| !has_turn) {
                    None => return Ok(Composed::Needs(need)),
                    // What tools have returned does not wait for a callback.
                    Some((live, facts)) => {
                        *meanwhile = Some(need);
                        draft.live = live;
                        draft.facts.truncate(facts);
                        draft.taken.clear();
                    }
                },
            }
        }
        if let Some(e) = draft.error.take() {
            return Err(e);
        }
        if let Some(fact) = self.turn.spent_fact(self.facts).filter(|_| ends.is_some() && !has_turn) {
            // Before the end, which comes last.
            let at = draft.facts.len() - usize::from(matches!(draft.facts.last(), Some(Fact::Ended { .. })));
            draft.live.apply(draft.seq, draft.wall, &fact)?;
            draft.facts.insert(at, fact);
        }
        let last_run = self.last_run(&draft.facts, &ends);
        if self.beginning.restores() && matches!(ends, Some(End::Released)) {
            // A message that nobody has read is answered first.
            let has_looked = self.desk.is_whole() || !self.cfg.drives;
            return Ok(if has_looked { Composed::Restore } else { Composed::Needs(Need::Look) });
        }
        if draft.facts.is_empty() {
            return Ok(match ends {
                Some(_) => Composed::Release(last_run),
                None => Composed::Nothing,
            });
        }
        let entry = Entry {
            seq: draft.seq,
            epoch: self.lease.head().epoch,
            write_id: String::new(),
            wall: draft.wall,
            active_ms: self.meter.active_ms(),
            facts: std::mem::take(&mut draft.facts),
        };
        let status = self.next_status(&entry.facts, &ends);
        Ok(Composed::Commit(Box::new(Plan {
            entry,
            due,
            turn: has_turn,
            taken: std::mem::take(&mut draft.taken),
            live: std::mem::take(&mut draft.live),
            ends,
            last_run,
            status,
        })))
    }

    fn last_run(&self, facts: &[Fact], ends: &Option<End>) -> LastRun {
        match ends {
            None if let Some(Fact::Ended { status, .. }) = facts.last() => (*status).into(),
            Some(End::For { status, .. }) => (*status).into(),
            // What only begins a task reports nothing, and has cut nothing.
            Some(End::Released)
                if self.cut_something || self.cfg.drives && self.calls.unknown().next().is_some() =>
            {
                LastRun::YieldedUnclean
            }
            Some(End::Released) => LastRun::Yielded,
            None => LastRun::Running,
        }
    }

    fn next_status(&self, facts: &[Fact], ends: &Option<End>) -> Option<Status> {
        match ends {
            _ if self.keeps_status() => None,
            Some(End::For { status, .. }) => Some(match status {
                EndStatus::Paused | EndStatus::Stopped => Status::Paused,
                EndStatus::Completed => Status::Completed,
                EndStatus::Failed => Status::Failed,
            }),
            _ => (self.beginning.begins() && begins(facts)).then_some(Status::InProgress),
        }
    }

    /// The stored status is that of others, and what belongs to it is theirs, too.
    fn keeps_status(&self) -> bool {
        matches!(self.wishes.in_force(), Some(How::External))
    }

    /// As many of the due facts as fit beside each other.
    fn add_due(&self, draft: &mut Draft) -> usize {
        let room = self.cfg.limits.commit_bytes / 4 * 3;
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
        let (fact, end) = match self.wishes.in_force() {
            None | Some(How::Yield(_)) => return Ok(Some(End::Released)),
            Some(How::Pause(reason)) => end(EndStatus::Paused, reason.clone(), None),
            Some(How::Stop(reason)) => end(EndStatus::Stopped, reason.clone(), None),
            Some(How::External) => end(EndStatus::Stopped, Some("external_status".into()), None),
            Some(How::Fail(e)) => end(EndStatus::Failed, None, Some(e.clone())),
        };
        draft.add(fact);
        Ok(Some(end))
    }

    fn add_decisions(&self, draft: &mut Draft) -> Result<Option<End>, Need> {
        self.add_unknown(draft)?;
        self.add_inbox(draft);
        if self.beginning.reopens().is_none() && !self.desk.is_adopted() {
            let external = self.desk.task().plan.externally_completed(&draft.live.done);
            if external.is_empty() {
                draft.adopts = true;
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
        let plan = self.plan();
        for _ in 0..64 {
            match decide(&draft.live, plan, &control) {
                Step::RunCalls => {
                    let before = draft.facts.len();
                    self.add_calls(draft)?;
                    // The others wait for their turn.
                    if draft.facts.len() == before {
                        break;
                    }
                }
                Step::Finish(key) => {
                    if !self.desk.is_whole() {
                        return Err(Need::Look);
                    }
                    let words = draft.live.text.to_string();
                    self.add_done(draft, key, words);
                }
                Step::State(item) => {
                    let text = self.statement(draft, &item)?;
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
                    if !self.desk.is_whole() {
                        return Err(Need::Look);
                    }
                    draft.add(Fact::Ended { status: EndStatus::Completed, reason: None, error: None });
                    return Ok(Some(End::For { status: EndStatus::Completed, reason: None, error: None }));
                }
                Step::Converse if draft.facts.is_empty() && !self.desk.is_fresh() => return Err(Need::Look),
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
        let advance = rollup::advance(self.desk.task(), &draft.live.done, key, &iso8601(draft.wall));
        draft.add(Fact::Progress { advance: Advance { items, ..advance } });
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
