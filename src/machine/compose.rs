//! What the next commit holds: everything that is due, and what follows from it, tried out on a draft of the facts.
//!
//! One commit per turn: the turn, the item's completion, the next statement and the end of the task go together.

use super::Ctx;
use super::calls::{failure, fitting, unknown_outcome};
use super::closing::How;
use super::run::Run;
use crate::converse::{ResultStatus, ToolSpec, repair::repair, result_content};
use crate::decide::{Nudge, Step, decide};
use crate::effect::{OnUnknown, ToolCall, Vetting};
use crate::error::{Code, EngineError};
use crate::facts::fact::{CallResult, Decision, EndStatus, Entry, Fact, Why};
use crate::facts::fold::{Call, CallState, Live};
use crate::facts::plan::{Item, ItemKey};
use crate::facts::rollup;
use crate::facts::task::TaskDocument;
use crate::lifecycle::Status;
use crate::limits::Completion;
use crate::storage::commit::{self, TaskUpdate};
use crate::storage::head::{Head, LastRun};
use crate::storage::inbox::InboxItem;
use crate::store::{FieldWrite, StoreWrite};
use crate::time::iso8601;
use serde_json::{Value, json};
use std::rc::Rc;

/// The tool of `completion: 'explicit'`, never gated.
pub(crate) const COMPLETE_TASK_ITEM: &str = "complete_task_item";
/// Conflicts of the roll-up in a row after which an entry is stored without it.
const MAX_CONFLICTS: u32 = 5;
/// Waiting calls that the head's summary lists; the rest are in the journal.
const MAX_SUMMARY_WAITING: usize = 100;

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

/// The writes of a plan.
pub(crate) struct Writes {
    pub writes: Vec<StoreWrite>,
    pub bytes: usize,
    pub head: Head,
    pub task_fields: Vec<FieldWrite>,
    /// The version of the task document that shows all progress once `task_fields` are written to it.
    pub rolled_up: Option<String>,
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
        draft.taken.extend(self.stale_inbox.iter().cloned());
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
            // One for all: each holds the whole plan.
            if let Some(last) = external.into_iter().last() {
                self.add_progress(draft, last);
            }
        }
        let control = self.decision(0);
        // Each pass adds a fact that takes the decision on; the bound is far above what any state can need.
        let plan = self.plan().clone();
        for _ in 0..plan.items().len() * 2 + 64 {
            match decide(&draft.live, &plan, &control) {
                Step::RunCalls => self.add_calls(draft)?,
                Step::Finish(key) => {
                    if !self.look.fresh {
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
                    if !self.look.fresh {
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
        self.add_progress(draft, key);
    }

    fn add_progress(&self, draft: &mut Draft, key: ItemKey) {
        let progress = Rc::new(rollup::progress(&self.task, &draft.live.done));
        draft.add(Fact::Progress { progress, milestone_id: key.milestone, item_id: key.item });
    }

    /// Calls that were started and whose outcome nobody knows.
    fn add_unknown(&self, ctx: &Ctx, draft: &mut Draft) -> Result<(), Need> {
        for id in &self.calls.unknown {
            let Some(call) = draft.live.call(id).filter(|c| c.state == CallState::Started) else { continue };
            let tool_call = call.call.clone();
            let report = |c: ToolCall| Fact::Result { result: unknown_outcome(c.id, c.name) };
            let policy = self.tools.get(&tool_call.name).map_or(OnUnknown::Report, |t| t.on_unknown_outcome);
            let fact = match policy {
                OnUnknown::Rerun if !self.calls.is_worn_out(id) => {
                    Fact::Starting { tool_call_ids: vec![tool_call.id] }
                }
                OnUnknown::Report | OnUnknown::Rerun => report(tool_call),
                OnUnknown::Ask => Fact::Waiting { tool_call, why: Why::UnknownOutcome },
                OnUnknown::Lookup => match self.looked_up.get(id) {
                    None => return Err(Need::LookUp(tool_call)),
                    Some(None) => report(tool_call),
                    Some(Some(value)) => Fact::Result {
                        result: fitting(success(tool_call, value), ctx.cfg.limits.commit_bytes),
                    },
                },
            };
            draft.add(fact);
        }
        Ok(())
    }

    /// As much of the inbox as fits beside the rest; messages are stored twice, in the journal and in the thread.
    fn add_inbox(&self, ctx: &Ctx, draft: &mut Draft) {
        let (room, mut bytes) = (ctx.cfg.limits.commit_bytes / 8, 0);
        for item in &self.inbox {
            if bytes > 0 && bytes + item.bytes() > room {
                break;
            }
            bytes += item.bytes();
            draft.taken.push(item.id().to_owned());
            match item {
                InboxItem::Message { id, text } => {
                    draft.add(Fact::Received { inbox: id.clone(), text: text.clone() });
                }
                InboxItem::Decision { id, tool_call_id, asked_seq, nonce, decision } => {
                    let waiting = draft.live.call(tool_call_id).filter(|c| {
                        c.asked.is_some_and(|(seq, _)| seq == *asked_seq)
                            && matches!(c.state, CallState::Waiting(_))
                    });
                    let Some(call) = waiting else { continue };
                    let needs_input = call.state == CallState::Waiting(Why::Input);
                    if needs_input && matches!(decision, Decision::Approve { .. }) {
                        continue;
                    }
                    let tool_call = call.call.clone();
                    draft.add(Fact::Decided {
                        inbox: id.clone(),
                        tool_call_id: tool_call_id.clone(),
                        nonce: nonce.clone(),
                        decision: decision.clone(),
                    });
                    match decision {
                        Decision::Approve { .. } => {}
                        Decision::Reject { reason } => {
                            let why = reason.as_ref().map_or(String::new(), |r| format!(": {r}"));
                            let says = format!("A person rejected this call{why}");
                            let result = failure(tool_call.id, tool_call.name, &says);
                            draft.add(Fact::Result { result: CallResult { mistake: false, ..result } });
                        }
                        Decision::Answer { result, error } => {
                            let value = result.as_deref().unwrap_or(&Value::Null);
                            let mut answer = fitting(success(tool_call, value), ctx.cfg.limits.commit_bytes);
                            if *error {
                                answer.status = ResultStatus::Error;
                            }
                            draft.add(Fact::Result { result: answer });
                        }
                    }
                }
            }
        }
    }

    fn add_calls(&self, draft: &mut Draft) -> Result<(), Need> {
        let explicit = self.settings.completion == Completion::Explicit;
        let builtin = |c: &Call| explicit && c.call.name == COMPLETE_TASK_ITEM;
        let calls: Vec<Call> = draft.live.calls.clone();
        let unvetted: Vec<ToolCall> = calls
            .iter()
            .filter(|c| c.state == CallState::Proposed && c.problem.is_none() && !builtin(c))
            .filter(|c| !self.vetted.contains_key(&c.call.id))
            .map(|c| c.call.clone())
            .collect();
        if !unvetted.is_empty() {
            return Err(Need::Vet(unvetted));
        }
        let mut starting = Vec::new();
        for call in calls {
            let ToolCall { id, name, .. } = call.call.clone();
            match (&call.state, &call.problem) {
                (CallState::Proposed, Some(problem)) => {
                    draft.add(Fact::Result { result: failure(id, name, problem) });
                }
                (CallState::Proposed, None) if builtin(&call) && !self.look.fresh => return Err(Need::Look),
                (CallState::Proposed, None) if builtin(&call) => self.add_completion(draft, &call),
                (CallState::Proposed, None) => match self.vetted.get(&id) {
                    Some(Vetting::Run) => starting.push(id),
                    Some(Vetting::Approve) => {
                        draft.add(Fact::Waiting { tool_call: call.call, why: Why::Approval });
                    }
                    Some(Vetting::Answer) => {
                        draft.add(Fact::Waiting { tool_call: call.call, why: Why::Input });
                    }
                    Some(Vetting::Refuse { message }) => {
                        draft.add(Fact::Result { result: failure(id, name, message) });
                    }
                    None => {}
                },
                (CallState::Approved, _) => match self.tools.get(&name) {
                    Some(tool) if tool.has_execute => starting.push(id),
                    Some(_) => draft.add(Fact::Waiting { tool_call: call.call, why: Why::Input }),
                    None => {
                        let says = format!("There is no tool {name} any more.");
                        draft.add(Fact::Result { result: failure(id, name, &says) });
                    }
                },
                _ => {}
            }
        }
        if !starting.is_empty() {
            draft.add(Fact::Starting { tool_call_ids: starting });
        }
        Ok(())
    }

    /// `complete_task_item`: answered at once, and the stated item is done.
    fn add_completion(&self, draft: &mut Draft, call: &Call) {
        if draft.live.message_waiting {
            let says = "Not completed: the user has sent a message meanwhile. Answer it first.";
            let result = failure(call.call.id.clone(), call.call.name.clone(), says);
            draft.add(Fact::Result { result: CallResult { mistake: false, ..result } });
            return;
        }
        let stated = draft.live.stated.clone().filter(|k| !draft.live.done.contains(k));
        let summary = call.call.input["summary"].as_str().unwrap_or_default().to_owned();
        let says = if stated.is_some() { "The item is completed." } else { "No item is open." };
        draft.add(Fact::Result { result: success(call.call.clone(), &json!(says)) });
        if let Some(key) = stated {
            self.add_done(draft, key, summary);
        }
    }

    fn statement(&self, ctx: &Ctx, draft: &Draft, item: &Item) -> Result<String, Need> {
        if ctx.cfg.has_prompt {
            return match &self.prompt {
                Some((key, text)) if *key == item.key => Ok(text.clone()),
                _ => Err(Need::Prompt(Box::new(item.clone()))),
            };
        }
        let first = self.facts.transcript.is_empty() && draft.live.texts.is_empty();
        Ok(template(&self.task, item, first, self.settings.completion))
    }

    /// The writes of a plan: journal, head, thread, inbox, task.
    pub(super) fn writes(&self, ctx: &Ctx, plan: &Plan) -> Writes {
        let at = iso8601(plan.entry.wall);
        let (task_fields, rolled_up) = self.task_fields(plan, &at);
        let counts = plan.entry.facts.iter().any(|f| matches!(f, Fact::Turn { .. } | Fact::Result { .. }));
        let head = Head {
            seq: plan.entry.seq,
            write_id: plan.entry.write_id.clone(),
            owner: if plan.ends.is_some() { None } else { self.head.owner.clone() },
            last_run: plan.last_run,
            attempts: if counts { 0 } else { self.head.attempts },
            summary: self.summary(&plan.live),
            ..self.head.clone()
        };
        let update = TaskUpdate { fields: task_fields.clone(), if_version: Some(self.task_version.clone()) };
        let composed = commit::compose(&commit::Draft {
            paths: &ctx.paths,
            task_id: &ctx.cfg.task_id,
            stored: &self.head,
            head_version: &self.head_version,
            head: &head,
            entry: &plan.entry,
            task: Some(&update),
            taken: &plan.taken,
            document_bytes: ctx.cfg.limits.document_bytes,
        });
        Writes { writes: composed.writes, bytes: composed.bytes, head, task_fields, rolled_up }
    }

    /// What changes in the task document, and the version that shows all progress once that is written.
    fn task_fields(&self, plan: &Plan, at: &str) -> (Vec<FieldWrite>, Option<String>) {
        let mut rolled_up = None;
        let mut fields = self.status_fields(plan, at);
        let current = plan.live.stated.as_ref().filter(|k| !plan.live.done.contains(k));
        if self.reopens.is_some() {
            fields.extend(rollup::reopen(&self.task, current, at).fields);
        } else if (self.conflicts < MAX_CONFLICTS || plan.status.is_some()) && plan.live.begun {
            rolled_up = Some(self.task_version.clone());
            if self.rolled_up != rolled_up || moves_on(&plan.entry.facts) {
                fields.extend(rollup::roll_up(&self.task, &plan.live.done, current, at).fields);
            }
        }
        if !fields.is_empty() || matches!(plan.ends, Some(End::For { .. })) {
            fields.push(FieldWrite::set(&["updated_at"], at));
        }
        (fields, rolled_up)
    }

    fn status_fields(&self, plan: &Plan, at: &str) -> Vec<FieldWrite> {
        let mut fields = Vec::new();
        let execution = |name: &str| self.task.raw.get("execution").and_then(|e| e.get(name));
        if let Some(status) = plan.status {
            fields.push(FieldWrite::set(&["status"], status.as_str()));
        }
        let begins = self.begins && begins(&plan.entry.facts);
        if begins {
            if !self.task.raw.get("started_at").is_some_and(Value::is_string) || self.reopens.is_some() {
                fields.push(FieldWrite::set(&["started_at"], at));
            }
            let completes = matches!(plan.ends, Some(End::For { status: EndStatus::Completed, .. }));
            if self.task.raw.contains_key("completed_at") && !completes {
                fields.push(FieldWrite::unset(&["completed_at"]));
            }
        }
        let mut set = |name: &'static str, value: &str| {
            fields.push(FieldWrite::set(&["execution", name], value));
            name
        };
        let (pauses, written) = match &plan.ends {
            Some(End::For { status: EndStatus::Stopped, reason, .. }) if plan.status.is_some() => {
                (false, Some(set("abort_reason", reason.as_deref().unwrap_or("stopped"))))
            }
            Some(End::For { status: EndStatus::Failed, error, .. }) => {
                (false, Some(set("error", error.as_ref().map_or("", |e| e.message.as_str()))))
            }
            Some(End::For { status: EndStatus::Completed, .. }) => {
                fields.push(FieldWrite::set(&["completed_at"], at));
                (false, None)
            }
            Some(End::For { status: EndStatus::Paused, .. }) => (true, None),
            _ => (false, None),
        };
        // A beginning clears how the run before ended, a pause the reason of an earlier stop.
        for (name, clears) in [("error", begins), ("abort_reason", begins || pauses)] {
            if clears && written != Some(name) && execution(name).is_some() {
                fields.push(FieldWrite::unset(&["execution", name]));
            }
        }
        fields
    }

    fn summary(&self, live: &Live) -> Value {
        let stated = live.stated.as_ref().and_then(|k| self.task.plan.get(k));
        let item = stated.map(|item| {
            let name: String = item.name.chars().take(200).collect();
            let mut value = json!({ "id": item.key.item, "name": name });
            if let (Value::Object(map), Some(milestone)) = (&mut value, &item.key.milestone) {
                map.insert("milestoneId".into(), milestone.clone().into());
            }
            value
        });
        let waiting: std::collections::BTreeSet<u64> = live
            .calls
            .iter()
            .filter(|c| matches!(c.state, CallState::Waiting(_)))
            .filter_map(|c| c.asked.map(|(seq, _)| seq))
            .take(MAX_SUMMARY_WAITING)
            .collect();
        json!({ "usage": live.usage, "item": item, "waiting": waiting })
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
        self.stale_inbox.retain(|id| !plan.taken.contains(id));
        for fact in &plan.entry.facts {
            self.calls.settle(fact);
            match fact {
                Fact::Starting { tool_call_ids } => {
                    self.vetted.retain(|id, _| !tool_call_ids.contains(id));
                }
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
            self.turn = super::turn::TurnRegion::Idle;
            self.end(ctx, super::closing::Ending::new(How::Fail(error)));
        } else {
            self.interrupt(ctx, error);
        }
    }
}

fn success(call: ToolCall, value: &Value) -> CallResult {
    CallResult {
        tool_call_id: call.id,
        name: call.name,
        status: ResultStatus::Success,
        content: Rc::new(result_content(value)),
        unknown: false,
        mistake: false,
    }
}

fn begins(facts: &[Fact]) -> bool {
    facts.iter().any(|f| matches!(f, Fact::Begun { .. }))
}

/// What is done or at work is another than before.
fn moves_on(facts: &[Fact]) -> bool {
    let moves =
        |f: &Fact| matches!(f, Fact::Done { .. } | Fact::Stated { .. } | Fact::Reset | Fact::Begun { .. });
    facts.iter().any(moves)
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

/// What the model is told of `complete_task_item`.
pub(super) fn complete_task_item() -> ToolSpec {
    ToolSpec {
        name: COMPLETE_TASK_ITEM.into(),
        description: "Marks the current item of the task as done. Call it once the item is really finished."
            .into(),
        input_schema: json!({
            "type": "object",
            "properties": { "summary": { "type": "string", "description": "What was done, in a sentence or two." } },
        }),
    }
}

/// `PromptContext` without the task.
pub(super) fn prompt_context(task: &TaskDocument, item: &Item) -> Value {
    let progress = task.raw.get("progress");
    let id_is = |id: &str, v: &&Value| v["id"].as_str() == Some(id);
    let milestone = item
        .key
        .milestone
        .as_deref()
        .and_then(|id| progress?.get("milestones")?.as_array()?.iter().find(|m| id_is(id, m)).cloned());
    let raw = item.key.milestone.as_deref().and_then(|id| {
        progress?.get("tasks")?.get(id)?.as_array()?.iter().find(|i| id_is(&item.key.item, i)).cloned()
    });
    let raw = raw.unwrap_or_else(|| {
        json!({ "id": item.key.item, "name": item.name, "description": item.description, "status": "not_started" })
    });
    let mut context = json!({ "item": raw });
    if let (Value::Object(map), Some(milestone)) = (&mut context, milestone) {
        map.insert("milestone".into(), milestone);
    }
    context
}

fn template(task: &TaskDocument, item: &Item, first: bool, completion: Completion) -> String {
    let mut text = String::new();
    if first {
        text.push_str(&format!("Task: {}\n", task.title));
        if !task.description.trim().is_empty() && !task.plan.is_single() {
            text.push_str(&format!("{}\n", task.description.trim()));
        }
        text.push('\n');
    }
    if let Some(milestone) = &item.milestone_name {
        text.push_str(&format!("Milestone: {milestone}\n"));
    }
    text.push_str(&format!("Work on this item now: {}\n", item.name));
    if !item.description.trim().is_empty() {
        text.push_str(&format!("{}\n", item.description.trim()));
    }
    text.push_str(match completion {
        Completion::EndTurn => {
            "\nUse the tools as needed. When the item is done, answer without calling a tool."
        }
        Completion::Explicit => "\nUse the tools as needed. When the item is done, call complete_task_item.",
    });
    text
}
