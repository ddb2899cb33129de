//! What is on its way to the store, one batch at a time, and what follows from how it ended.

use super::Run;
use super::ending::{Flow, GOES_ON};
use crate::effect::Effect;
use crate::error::{Code, EngineError};
use crate::facts::announce::announce;
use crate::facts::fact::{Entry, Fact};
use crate::machine::Ctx;
use crate::machine::compose::{OnItsWay, Plan};
use crate::machine::lease::{Commit, Outcome as Resolved};
use crate::machine::wishes::How;
use crate::storage::head::{Head, LastRun};
use crate::storage::writer::{Loss, Purpose};
use crate::store::{FieldWrite, StoreWrite};
use std::rc::Rc;

impl Run {
    pub(super) fn submit(&mut self, ctx: &mut Ctx, mut plan: Plan) -> Flow {
        plan.entry.write_id = ctx.io.rng.id();
        let composed = self.view(ctx).writes(&ctx.paths, &plan);
        if composed.bytes > ctx.cfg.limits.commit_bytes {
            return self.too_large(ctx, composed.bytes);
        }
        let commit = Commit {
            purpose: Purpose::Entry(Rc::new(plan.entry.clone())),
            head: composed.head,
            writes: composed.writes,
            task_version: (!composed.task_fields.is_empty()).then(|| self.desk.version().to_owned()),
            carries: OnItsWay {
                plan,
                task_fields: composed.task_fields,
                rolled_up: composed.rolled_up,
                waiters: self.wishes.waiting(),
            },
        };
        self.send(ctx, commit);
        GOES_ON
    }

    /// No commit can hold it: a turn is given up, and the task fails; anything else ends the run as it stands.
    fn too_large(&mut self, ctx: &mut Ctx, bytes: usize) -> Flow {
        let most = ctx.cfg.limits.commit_bytes;
        let e = EngineError::new(
            Code::TooLarge,
            format!("A commit of {bytes} bytes is over the store's limit of {most}."),
        )
        .with("bytes", bytes as u64);
        if !self.is_ending() {
            self.turn.give_up();
            self.end(ctx, How::Fail(e));
            self.advance(ctx)
        } else {
            self.interrupt(ctx, e)
        }
    }

    fn send(&mut self, ctx: &mut Ctx, commit: Commit<OnItsWay>) {
        self.lease.submit(commit, &ctx.clock, &mut ctx.io);
        if let Some(until) = self.wishes.storing_until() {
            self.lease.limit(until);
        }
    }

    /// Gives the lease back where nothing is to be journaled.
    pub(super) fn release(&mut self, ctx: &mut Ctx, last_run: LastRun) {
        let carries = self.without_entry(Vec::new());
        self.lease.release(last_run, Some(carries), &ctx.clock, &mut ctx.io);
        if let Some(until) = self.wishes.storing_until() {
            self.lease.limit(until);
        }
    }

    fn without_entry(&self, task_fields: Vec<FieldWrite>) -> OnItsWay {
        OnItsWay { plan: Plan::empty(), task_fields, rolled_up: None, waiters: self.wishes.waiting() }
    }

    /// The head without an entry, and fields of the task document as it was read.
    pub fn send_head_and(
        &mut self,
        ctx: &mut Ctx,
        head: Head,
        purpose: Purpose,
        task_fields: Vec<FieldWrite>,
    ) {
        let task_version = Some(self.desk.version().to_owned());
        let writes = vec![
            self.lease.write_head(&head),
            StoreWrite::Update {
                path: ctx.paths.task.clone(),
                fields: task_fields.clone(),
                if_version: task_version.clone(),
            },
        ];
        let carries = self.without_entry(task_fields);
        self.send(ctx, Commit { purpose, head, writes, task_version, carries });
    }

    pub(super) fn resolved(&mut self, ctx: &mut Ctx, resolved: Resolved<OnItsWay>) -> Flow {
        match resolved {
            Resolved::Stored { purpose, carried, superseded } => {
                match (purpose, carried) {
                    (Purpose::Entry(entry), Some(sent)) => self.landed(ctx, &entry, sent, superseded)?,
                    (Purpose::Release, _) => return self.released(ctx),
                    _ => {}
                }
                if superseded { self.superseded() } else { GOES_ON }
            }
            Resolved::TaskChanged { task } => {
                let around = super::looking::desk_around(&self.facts, &self.settings, &self.lease, ctx);
                let event = self.desk.conflicted(ctx, around, task);
                self.looked(ctx, event)
            }
            Resolved::Lost { loss, carried } => match loss {
                Loss::Superseded => self.superseded(),
                Loss::TaskGone => self.task_gone(ctx),
                Loss::Refused(e) => self.refused(ctx, e, carried),
                Loss::Unknown(e) => self.interrupt(ctx, e),
            },
        }
    }

    /// An entry is stored: its facts count, and are told.
    pub fn landed(&mut self, ctx: &mut Ctx, entry: &Entry, sent: OnItsWay, superseded: bool) -> Flow {
        if let Err(e) = self.facts.apply(entry) {
            return self.interrupt(ctx, e);
        }
        // Before its events: listeners ask for it.
        if let Some(status) = sent.plan.status {
            ctx.io.push(Effect::Status { status });
        }
        for event in announce(&ctx.cfg.task_id, entry) {
            ctx.io.push(Effect::Emit { event });
        }
        if sent.task_fields.is_empty() {
            self.desk.shows_progress(sent.rolled_up);
        } else {
            let task = self.desk.task().apply(&sent.task_fields).ok();
            self.desk.written(ctx, task, self.lease.version(), sent.rolled_up.is_some());
        }
        self.settle_plan(ctx, &sent.plan);
        self.meter.stored(entry.active_ms);
        if sent.plan.ends.is_some() {
            self.wishes.answered(sent.waiters);
        }
        if superseded {
            return GOES_ON;
        }
        if entry.facts.iter().any(|f| matches!(f, Fact::Begun { .. })) {
            self.beginning.stored();
        }
        sent.plan.ends.map_or(GOES_ON, |end| self.ended(ctx, end))
    }

    /// What a commit that has landed had taken along.
    fn settle_plan(&mut self, ctx: &mut Ctx, plan: &Plan) {
        self.due.drain(..plan.due.min(self.due.len()));
        if plan.turn {
            self.turn.stored();
        }
        self.desk.stored(&plan.taken);
        for fact in &plan.entry.facts {
            self.calls.settle(fact);
            self.host.settle(fact, &mut ctx.io);
        }
    }

    /// The store refused a commit for good.
    fn refused(&mut self, ctx: &mut Ctx, error: EngineError, sent: Option<OnItsWay>) -> Flow {
        let droppable = sent.is_some_and(|sent| sent.plan.turn) && !self.is_ending();
        if droppable && matches!(error.code, Code::TooLarge | Code::StoreRejected) {
            self.turn.give_up();
            self.end(ctx, How::Fail(error));
            GOES_ON
        } else {
            self.interrupt(ctx, error)
        }
    }
}
