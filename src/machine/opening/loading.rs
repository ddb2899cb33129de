//! Loading the journal under a lease that is renewed meanwhile: a long history takes longer than its term.

use super::super::Ctx;
use super::super::lease::{Lease, Outcome};
use super::super::refusal::task_not_found;
use super::super::run::OnItsWay;
use super::{Mode, Next, Opened, Seen, Step, read, refused};
use crate::effect::{Input, ToolDescription};
use crate::error::EngineError;
use crate::facts::fold::Facts;
use crate::facts::task::TaskDocument;
use crate::limits::Settings;
use crate::sorted::SortedMap;
use crate::storage::loader::Loader;
use crate::storage::writer::Loss;

/// The task is ours.
#[derive(Debug)]
pub(crate) struct Acquired {
    pub mode: Mode,
    /// The run before ended without releasing the lease, or cut something.
    pub unclean: bool,
    /// The head's, before it was taken.
    attempts_before: u32,
    pub lease: Lease<OnItsWay>,
    pub task: TaskDocument,
    pub task_version: String,
    pub facts: Facts,
    pub tools: SortedMap<String, ToolDescription>,
    pub settings: Settings,
}

/// Begins to load what the head counts.
pub(super) fn load(
    ctx: &mut Ctx,
    seen: Seen,
    lease: Lease<OnItsWay>,
    tools: SortedMap<String, ToolDescription>,
) -> Step {
    let timeout = seen.settings.store_timeout_ms;
    let head = lease.head();
    let facts = Facts::behind(head.since, head.history.as_str());
    let loader = Loader::new(ctx.now.mono, ctx.paths.clone(), head, timeout, &mut ctx.io);
    let acquired = Acquired {
        mode: seen.mode,
        unclean: seen.head.as_ref().is_some_and(|(h, _)| h.unclean()),
        attempts_before: seen.head.as_ref().map_or(0, |(h, _)| h.attempts),
        facts,
        lease,
        task: seen.task,
        task_version: seen.task_version,
        tools,
        settings: seen.settings,
    };
    Step::Loading { acquired: Box::new(acquired), loader: Box::new(loader) }
}

pub(super) fn loading(
    ctx: &mut Ctx,
    mut acquired: Box<Acquired>,
    mut loader: Box<Loader>,
    input: &Input,
) -> Next {
    match acquired.lease.handle(input, &ctx.clock, &mut ctx.io) {
        None | Some(Outcome::Stored { superseded: false, .. }) => {}
        Some(Outcome::Lost { loss: Loss::Refused(e) | Loss::Unknown(e), .. }) => return Err(refused(e)),
        Some(Outcome::Lost { loss: Loss::TaskGone, .. }) => {
            loader.cancel(&mut ctx.io);
            let error = task_not_found(&ctx.cfg.user_id, &ctx.cfg.task_id);
            return releasing(ctx, acquired, Box::new(error), None);
        }
        // Somebody took the task: look again who holds it now.
        Some(_) => {
            loader.cancel(&mut ctx.io);
            return Ok(read(ctx));
        }
    }
    match loader.handle(ctx.now.mono, input, &mut ctx.io) {
        None => {
            acquired.lease.renew(&ctx.clock, &mut ctx.io);
            Ok(Step::Loading { acquired, loader })
        }
        Some(Ok(facts)) => {
            acquired.facts = facts;
            Err(Opened::Acquired(acquired))
        }
        Some(Err(e)) => releasing(ctx, acquired, Box::new(e), None),
    }
}

/// Gives the lease back, once the renewal on its way is resolved. Where it is not given back it runs out.
pub(super) fn releasing(
    ctx: &mut Ctx,
    mut acquired: Box<Acquired>,
    error: Box<EngineError>,
    input: Option<&Input>,
) -> Next {
    if let Some(input) = input {
        match acquired.lease.handle(input, &ctx.clock, &mut ctx.io) {
            None => return Ok(Step::Releasing { error, acquired }),
            Some(Outcome::Stored { superseded: false, .. }) if acquired.lease.head().owner.is_some() => {}
            Some(_) => return Err(Opened::Refused(error)),
        }
    }
    if acquired.lease.is_idle() {
        let (unclean, before) = (acquired.unclean, acquired.attempts_before);
        acquired.lease.give_back(unclean, before, &ctx.clock, &mut ctx.io);
    }
    Ok(Step::Releasing { error, acquired })
}
