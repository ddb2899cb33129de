//! What a run finds to do when it has the task.

use super::Run;
use crate::effect::Effect;
use crate::error::{Code, EngineError};
use crate::facts::announce::asking;
use crate::facts::fact::{Begin, EndStatus, Fact};
use crate::facts::live::CallState;
use crate::machine::Ctx;
use crate::machine::calls::Calls;
use crate::machine::opening::Mode;
use crate::machine::wishes::How;
use crate::storage::inbox::InboxItem;
use serde_json::Value;

impl Run {
    /// The old history as the task holds it, before anything else is stored.
    pub(super) fn import_old_history(&mut self) {
        if !self.facts.is_unwritten() || self.lease.carries().is_some() {
            return;
        }
        let before = usize::from(matches!(self.due.first(), Some((Fact::Imported { .. }, _))));
        self.due.drain(..before);
        if self.desk.task().old_history {
            let due = std::mem::take(&mut self.due);
            self.due_fact(crate::machine::compose::import(self.desk.task()));
            self.due.extend(due);
        }
    }

    pub(super) fn take_up(&mut self, ctx: &mut Ctx, mode: Mode, unclean: bool) {
        self.import_old_history();
        match mode {
            Mode::Begin => {
                let anew = self.facts.live.begun;
                if anew {
                    self.due_fact(Fact::Reset);
                    self.calls = Calls::default();
                }
                self.due_fact(Fact::Begun { how: Begin::Started });
                self.beginning.begin(self.desk.task(), anew);
            }
            Mode::Restore if self.nothing_is_open() => self.beginning.restore(),
            Mode::Resume | Mode::Restore => self.resumes(),
            Mode::TakeUp if unclean => self.due_fact(Fact::Begun { how: Begin::Recovered }),
            Mode::TakeUp => {}
            Mode::FinishPause { resume } => {
                if resume {
                    let (status, reason) = match self.desk.task().abort_reason.clone() {
                        Some(reason) => (EndStatus::Stopped, Some(reason).filter(|r| r != "stopped")),
                        None => (EndStatus::Paused, None),
                    };
                    self.due_fact(Fact::Ended { status, reason, error: None });
                    self.resumes();
                } else {
                    let how = How::by_register(self.desk.task().abort_reason.as_deref());
                    self.wishes.registered(how, ctx.now.mono);
                }
            }
            Mode::CrashLoop => {
                let e = EngineError::new(
                    Code::CrashLoop,
                    format!(
                        "The task was taken up {} times in a row without finishing a turn or a tool call. \
                         Look at what stops the process, then call resume() to try again.",
                        self.lease.head().attempts
                    ),
                );
                self.end(ctx, How::Fail(e));
            }
        }
        for call in self.facts.live.calls.iter().filter(|_| self.beginning.reopens().is_none()) {
            if let CallState::Waiting(why) = call.state {
                let mut again = asking(&call.call, why, true);
                if let Value::Object(map) = &mut again {
                    map.insert("taskId".into(), ctx.cfg.task_id.clone().into());
                }
                ctx.io.push(Effect::Emit { event: again });
            }
        }
    }

    /// No item is, and nobody waits for an answer.
    pub(super) fn nothing_is_open(&self) -> bool {
        let (plan, done) = (&self.desk.task().plan, &self.facts.live.done);
        let messages = self.desk.inbox().iter().any(|item| matches!(item, InboxItem::Message { .. }));
        plan.next_item(done).is_none() && !messages
    }

    pub(super) fn resumes(&mut self) {
        self.due_fact(Fact::Begun { how: Begin::Resumed });
        self.beginning.begin(self.desk.task(), false);
    }
}
