//! Every command and read that is not a run: one small machine each, told by its `kind`.
//!
//! A command is a chain of steps (see `script`): each says what to do outside and what to make of the answer. All
//! of them settle [`crate::effect::Ticket::RESULT`] with a JSON answer or a typed error.

mod create;
mod decide;
mod delete;
mod entries;
mod head;
mod history;
mod lease;
mod live;
mod messages;
mod read;
mod register;
mod script;
mod send;
mod sending;
#[cfg(test)]
mod tests;
mod waiting;

use crate::effect::Machine;
use crate::error::{Code, EngineError};
use crate::facts::fact::Decision;
use crate::ids::{Paths, check_id};
use crate::json::{self, quoted, reads};
use crate::storage::head::LONGEST_MS;
use crate::storage::inbox;
use crate::storage::io::Io;
use crate::store::StoreLimits;
use crate::time::{Clock, Now};
use script::{Ctx, Script, Step};
use serde_json::{Map, Value};

/// What every kind is told.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub user_id: String,
    /// Empty only where a task is created.
    pub task_id: String,
    pub seed: u64,
    pub limits: StoreLimits,
    pub options: Options,
    pub holder: Option<String>,
    /// Of the process, as the ids of its runs have it.
    pub instance: Option<String>,
    pub has_watch: bool,
}

reads!(Config {
    user_id: always "userId",
    task_id: or_default "taskId",
    seed: always "seed",
    limits: always "limits",
    options: or_default "options",
    holder: always "holder",
    instance: always "instance",
    has_watch: or_default "hasWatch",
});

/// Milliseconds; what is missing has the contract's default.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options {
    store_timeout_ms: Option<f64>,
    lease_ttl_ms: Option<f64>,
    grace_ms: Option<f64>,
}

reads!(Options {
    store_timeout_ms: always "storeTimeoutMs",
    lease_ttl_ms: always "leaseTtlMs",
    grace_ms: always "graceMs",
});

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturates
fn ms(given: Option<f64>, least: f64, default: u64) -> u64 {
    given.filter(|n| n.is_finite() && *n >= least).map_or(default, |n| (n as u64).min(LONGEST_MS))
}

impl Options {
    pub fn store_timeout_ms(&self) -> u64 {
        ms(self.store_timeout_ms, 1.0, 15_000)
    }

    pub fn lease_ttl_ms(&self) -> u64 {
        ms(self.lease_ttl_ms, 1.0, 30_000)
    }

    pub fn grace_ms(&self) -> u64 {
        ms(self.grace_ms, 0.0, 10_000)
    }
}

/// The kind's own arguments.
pub(crate) struct Arguments<'a> {
    kind: &'a str,
    given: &'a Map<String, Value>,
}

impl Arguments<'_> {
    fn get(&self, name: &str) -> Option<&Value> {
        self.given.get(name).filter(|value| !value.is_null())
    }

    fn refused(&self, name: &str, expected: &str) -> EngineError {
        let found = self.get(name).map_or("missing", |value| match value {
            Value::String(_) => "a string",
            Value::Number(_) => "a number",
            Value::Bool(_) => "a boolean",
            Value::Array(_) => "an array",
            _ => "an object",
        });
        EngineError::new(
            Code::InvalidArgument,
            format!("{}: {name} is {found}, expected {expected}.", self.kind),
        )
        .with("path", name)
    }

    fn text(&self, name: &str) -> Result<String, EngineError> {
        let text = self.get(name).and_then(Value::as_str);
        text.map(str::to_owned).ok_or_else(|| self.refused(name, "a string"))
    }

    fn optional_text(&self, name: &str) -> Result<Option<String>, EngineError> {
        if self.get(name).is_none() { Ok(None) } else { self.text(name).map(Some) }
    }

    fn flag(&self, name: &str) -> Result<bool, EngineError> {
        match self.get(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(self.refused(name, "true or false")),
        }
    }

    fn count(&self, name: &str) -> Result<Option<u64>, EngineError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // checked
        let whole = value.as_f64().filter(|n| n.fract() == 0.0 && (0.0..=9e15).contains(n)).map(|n| n as u64);
        whole.map(Some).ok_or_else(|| self.refused(name, "a whole number that is not negative"))
    }
}

/// The machine of a command or a read. `config` is `{ userId, taskId, seed, limits, options, holder, instance,
/// hasWatch }` and the kind's own arguments beside them.
///
/// # Errors
/// INVALID_ARGUMENT for an unknown kind, ids that no path can hold, and arguments of another type, naming them.
pub fn open(now: Now, kind: &str, config: Value) -> Result<Box<dyn Machine>, EngineError> {
    let cfg: Config = json::decode(config.clone()).map_err(|e| {
        EngineError::new(Code::InvalidArgument, format!("{kind}: the configuration cannot be read: {e}."))
    })?;
    let Value::Object(given) = &config else {
        return Err(EngineError::new(Code::InvalidArgument, format!("{kind}: no configuration is given.")));
    };
    check_id("userId", &cfg.user_id)?;
    if kind != "createTask" {
        check_id("taskId", &cfg.task_id)?;
    }
    let paths = Paths::new(&cfg.user_id, &cfg.task_id);
    let clock = Clock::new(now);
    let mut ctx = Ctx { now, clock, io: Io::new(cfg.seed), cfg, paths, watching: false };
    let first = first_step(&mut ctx, kind, &Arguments { kind, given })?;
    Ok(Box::new(Script::new(ctx, first)))
}

fn first_step(ctx: &mut Ctx, kind: &str, args: &Arguments<'_>) -> Result<Step, EngineError> {
    Ok(match kind {
        "pause" => register::pause(ctx),
        "stop" => register::stop(ctx, args.optional_text("reason")?),
        "approve" => {
            let note = args.optional_text("note")?;
            decide::decide(ctx, args.text("toolCallId")?, Decision::Approve { note })
        }
        "reject" => {
            let reason = args.optional_text("reason")?;
            decide::decide(ctx, args.text("toolCallId")?, Decision::Reject { reason })
        }
        "answer" => {
            let result = args.given.get("result").cloned();
            decide::decide(ctx, args.text("toolCallId")?, inbox::answer(result, args.flag("error")?))
        }
        "send" => send::send(ctx, args)?,
        "addMessage" => send::add_message(ctx, args)?,
        "state" => read::state(ctx),
        "checkpoint" => read::checkpoint(ctx),
        "load" => history::load(ctx),
        "apiMessages" => history::api_messages(ctx),
        "toolResults" => history::tool_results(ctx),
        "journal" => read::journal(ctx, args.count("after")?, args.count("limit")?),
        "events" => {
            let live = args.flag("live")?.then_some(args.optional_text("unsaved")?);
            read::events(ctx, args.optional_text("after")?, live)?
        }
        "taskMessages" => messages::list(ctx, args.optional_text("after")?, args.count("limit")?),
        "saveTaskMessage" => messages::save(ctx, args)?,
        "saveApiMessage" => history::save(ctx, args.get("message"))?,
        "delete" => delete::delete(ctx, args.flag("keepTask")?),
        "createTask" => create::create(ctx, args.get("task"))?,
        _ => {
            let what = format!("There is no command or read named {}.", quoted(kind));
            return Err(EngineError::new(Code::InvalidArgument, what));
        }
    })
}
