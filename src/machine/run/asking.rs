//! What the host's callbacks are asked, and what their answers change.

use super::Run;
use crate::effect::{Effect, Question, Ticket, Vetting};
use crate::error::{Code, EngineError};
use crate::facts::plan::ItemKey;
use crate::machine::Ctx;
use crate::machine::compose::Need;
use crate::machine::wishes::How;
use crate::time::Instant;
use serde_json::Value;
use std::rc::Rc;

/// A callback of the host that has been asked.
#[derive(Debug)]
pub(crate) struct Asked {
    pub ticket: Ticket,
    pub until: Instant,
    pub what: Asking,
}

#[derive(Debug)]
pub(crate) enum Asking {
    Vet(Vec<String>),
    Prompt(ItemKey),
    LookUp(String),
}

impl Run {
    /// The task document for the host's callbacks, unless they have it.
    pub(super) fn tell_task(&mut self, ctx: &Ctx) -> Option<Rc<Value>> {
        if self.told.as_ref() == Some(&self.task_version) {
            return None;
        }
        self.told = Some(self.task_version.clone());
        Some(self.task.with_id(&ctx.cfg.task_id))
    }

    pub fn fetch(&mut self, ctx: &mut Ctx, need: Need) {
        match need {
            Need::Look => self.look_now(ctx),
            Need::Wait => {}
            _ if self.asked.is_some() => {}
            Need::Vet(calls) => {
                let ids = calls.iter().map(|c| c.id.clone()).collect();
                let task = self.tell_task(ctx);
                self.ask(ctx, Question::Vet { task, calls }, Asking::Vet(ids));
            }
            Need::Prompt(item) => {
                let context = crate::machine::compose::prompt_context(&self.task, &item);
                let task = self.tell_task(ctx);
                self.ask(ctx, Question::Prompt { task, context }, Asking::Prompt(item.key.clone()));
            }
            Need::LookUp(call) => {
                let id = call.id.clone();
                self.ask(ctx, Question::LookUp { call }, Asking::LookUp(id));
            }
        }
    }

    pub(super) fn ask(&mut self, ctx: &mut Ctx, question: Question, what: Asking) {
        let ticket = ctx.io.ticket();
        ctx.io.push(Effect::Ask { ticket, question });
        let until = ctx.now.mono + self.settings.callback_timeout_ms;
        self.asked = Some(Asked { ticket, until, what });
    }

    pub(super) fn answered(
        &mut self,
        ctx: &mut Ctx,
        ticket: Ticket,
        result: &Result<Value, crate::effect::Thrown>,
    ) {
        let Some(asked) = self.asked.take_if(|a| a.ticket == ticket) else { return };
        match (result, asked.what) {
            (Ok(value), Asking::Vet(ids)) => match serde_json::from_value::<Vec<Vetting>>(value.clone()) {
                Ok(vettings) if vettings.len() == ids.len() => {
                    self.vetted.extend(ids.into_iter().zip(vettings));
                }
                _ => self.callback_failed(ctx, &Asking::Vet(ids), "answered in an unknown form", None),
            },
            (Ok(value), Asking::Prompt(key)) => match value.as_str().filter(|s| !s.trim().is_empty()) {
                Some(text) => self.prompt = Some((key, text.to_owned())),
                None => {
                    let what = "returned no text";
                    self.callback_failed(ctx, &Asking::Prompt(key), what, None);
                }
            },
            (Ok(value), Asking::LookUp(id)) => {
                let found = value["found"].as_bool().unwrap_or_default();
                self.looked_up.insert(id, found.then(|| value["result"].clone()));
            }
            (Err(thrown), what) => self.callback_failed(ctx, &what, &thrown.message, thrown.cause),
        }
    }

    pub(super) fn callback_failed(
        &mut self,
        ctx: &mut Ctx,
        what: &Asking,
        message: &str,
        cause: Option<crate::error::CauseId>,
    ) {
        let name = match what {
            // An outcome that cannot be looked up stays unknown, and is reported as such.
            Asking::LookUp(id) => {
                ctx.io.log(
                    crate::effect::LogLevel::Warn,
                    format!("onUnknownOutcome of call {id} failed: {message}"),
                );
                self.looked_up.insert(id.clone(), None);
                return;
            }
            Asking::Vet(_) => "needsApproval or approval",
            Asking::Prompt(_) => "prompt",
        };
        let mut e = EngineError::new(
            Code::HostCallback,
            format!("The host's {name} callback failed: {message}. Mend it and call resume()."),
        )
        .caused_by(cause);
        e.retryable = true;
        self.end(ctx, How::Fail(e));
    }
}
