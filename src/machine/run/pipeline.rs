//! What is on its way to the store, one batch at a time, and what follows from how it ended.

use super::Run;
use crate::effect::Effect;
use crate::error::{Code, EngineError};
use crate::facts::announce::announce;
use crate::facts::fact::{Entry, Fact};
use crate::machine::Ctx;
use crate::machine::closing::{Ending, How};
use crate::machine::compose::Plan;
use crate::storage::head::Head;
use crate::storage::writer::{Batch, Loss, Purpose, Resolved};
use crate::store::{FieldWrite, StoreWrite};
use std::rc::Rc;

/// What a commit on its way will change when it lands.
#[derive(Debug)]
pub(crate) struct OnItsWay {
    pub head: Head,
    pub plan: Plan,
    pub task_fields: Vec<FieldWrite>,
    /// The version of the document that shows all progress once `task_fields` are written to it.
    pub rolled_up: Option<String>,
    /// So many had given their command when it was sent.
    pub waiters: usize,
}

impl Run {
    pub(super) fn submit(&mut self, ctx: &mut Ctx, plan: Plan) {
        let composed = self.writes(ctx, &plan);
        if composed.bytes > ctx.cfg.limits.commit_bytes {
            self.too_large(ctx, composed.bytes);
            return;
        }
        let entry = Rc::new(plan.entry.clone());
        let batch = Batch {
            purpose: Purpose::Entry(entry),
            write_id: plan.entry.write_id.clone(),
            epoch: self.head.epoch,
            writes: Rc::new(composed.writes),
            task_version: (!composed.task_fields.is_empty()).then(|| self.task_version.clone()),
        };
        self.on_its_way = Some(OnItsWay {
            head: composed.head,
            plan,
            task_fields: composed.task_fields,
            rolled_up: composed.rolled_up,
            waiters: self.waiters.len(),
        });
        self.send(ctx, batch);
    }

    /// No commit can hold it: a turn is given up, and the task fails; anything else ends the run as it stands.
    pub(super) fn too_large(&mut self, ctx: &mut Ctx, bytes: usize) {
        let most = ctx.cfg.limits.commit_bytes;
        let e = EngineError::new(
            Code::TooLarge,
            format!("A commit of {bytes} bytes is over the store's limit of {most}."),
        )
        .with("bytes", bytes as u64);
        if !self.control.is_ending() {
            self.give_turn_up();
            self.end(ctx, Ending::new(How::Fail(e)));
            self.advance(ctx);
        } else {
            self.interrupt(ctx, e);
        }
    }

    pub fn send(&mut self, ctx: &mut Ctx, batch: Batch) {
        self.writer.submit(ctx.now, batch, self.settings.store_timeout_ms, &mut ctx.io);
        if let Some(hard) = self.control.storing_until() {
            self.writer.limit(hard);
        }
    }

    /// Renews the lease where no commit has done so for a heartbeat, or where it is too old to start anything.
    pub(super) fn renew(&mut self, ctx: &mut Ctx) {
        let due = ctx.now.mono >= self.next_heartbeat() || !self.may_start(ctx);
        if self.writer.is_idle() && due && self.outcome.is_none() {
            let head = Head { write_id: ctx.io.rng.id(), ..self.head.clone() };
            self.send_head(ctx, head, Purpose::Heartbeat);
        }
    }

    pub fn send_head(&mut self, ctx: &mut Ctx, head: Head, purpose: Purpose) {
        self.send_head_and(ctx, head, purpose, Vec::new());
    }

    /// The head without an entry, and fields of the task document as it was read.
    pub fn send_head_and(
        &mut self,
        ctx: &mut Ctx,
        head: Head,
        purpose: Purpose,
        task_fields: Vec<FieldWrite>,
    ) {
        let stored = Some((&self.head, self.head_version.as_str()));
        let write: StoreWrite = crate::storage::commit::write_head(&ctx.paths, stored, &head);
        let mut writes = vec![write];
        let task_version = (!task_fields.is_empty()).then(|| self.task_version.clone());
        if task_version.is_some() {
            writes.push(StoreWrite::Update {
                path: ctx.paths.task.clone(),
                fields: task_fields.clone(),
                if_version: task_version.clone(),
            });
        }
        let batch = Batch {
            purpose,
            write_id: head.write_id.clone(),
            epoch: head.epoch,
            writes: Rc::new(writes),
            task_version,
        };
        let (plan, waiters) = (Plan::empty(), self.waiters.len());
        self.on_its_way = Some(OnItsWay { head, plan, task_fields, rolled_up: None, waiters });
        self.send(ctx, batch);
    }

    pub(super) fn resolved(&mut self, ctx: &mut Ctx, resolved: Resolved) {
        let Some(sent) = self.on_its_way.take() else { return };
        match resolved {
            Resolved::Landed { batch, version } => {
                let superseded = version.is_none();
                if let Some(version) = version {
                    self.head_version = version;
                }
                self.head = sent.head.clone();
                match &batch.purpose {
                    Purpose::Entry(entry) => {
                        let entry = Rc::clone(entry);
                        self.landed(ctx, &entry, sent, superseded);
                    }
                    Purpose::Release => {
                        self.answered = sent.waiters;
                        self.released(ctx);
                    }
                    Purpose::Heartbeat | Purpose::Acquire => {}
                }
                if superseded && self.outcome.is_none() {
                    self.superseded();
                }
            }
            Resolved::TaskChanged { task, .. } => {
                self.conflicts += 1;
                self.look.invalidate(ctx);
                self.task_read(ctx, task);
            }
            Resolved::Lost { loss, .. } => match loss {
                Loss::Superseded => self.superseded(),
                Loss::TaskGone => self.task_gone(ctx),
                Loss::Refused(e) => self.refused(ctx, e, sent),
                Loss::Unknown(e) => self.interrupt(ctx, e),
            },
        }
    }

    pub(super) fn landed(&mut self, ctx: &mut Ctx, entry: &Entry, sent: OnItsWay, superseded: bool) {
        if let Err(e) = self.facts.apply(entry) {
            self.interrupt(ctx, e);
            return;
        }
        // Before its events: listeners ask for it.
        if let Some(status) = sent.plan.status {
            ctx.io.push(Effect::Status { status });
        }
        for event in announce(&ctx.cfg.task_id, entry) {
            ctx.io.push(Effect::Emit { event });
        }
        if sent.task_fields.is_empty() {
            self.rolled_up = sent.rolled_up.or(self.rolled_up.take());
        } else {
            if let Ok(task) = self.task.apply(&sent.task_fields) {
                self.rolled_up = sent.rolled_up.map(|_| self.head_version.clone());
                self.take_task(task, self.head_version.clone());
            }
            self.look.invalidate(ctx);
        }
        self.conflicts = 0;
        self.settle_plan(&sent.plan);
        self.active_ms = self.active_ms.saturating_sub(entry.active_ms);
        if matches!(sent.plan.ends, Some(crate::machine::compose::End::For { .. })) {
            self.answered = sent.waiters;
        }
        if superseded {
            return;
        }
        if entry.facts.iter().any(|f| matches!(f, Fact::Begun { .. })) {
            self.begins = false;
            self.reopens = None;
        }
        if let Some(end) = sent.plan.ends {
            self.ended(ctx, end);
        }
    }
}
