//! pause and stop from outside the process that runs the task: the stored status is a register that the runner
//! obeys; where nobody does, the command takes the task and commits the fact itself.
//!
//! It never settles on the status alone: a paused, stopped, completed or failed fact later than its first read of the
//! head answers it.

use super::entries;
use super::head::{MAX_ROUNDS, Seen, crowded, open_task};
use super::lease::{Change, Committed, Held, Taken, acquire, is_free};
use super::script::{Ctx, Step};
use super::sending::Sent;
use crate::effect::Effect;
use crate::error::Code;
use crate::facts::announce::announce;
use crate::facts::fact::{EndStatus, Entry, Fact};
use crate::facts::task::TaskDocument;
use crate::lifecycle::{Column, Status, TaskCommand, Verdict, verdict};
use crate::storage::commit::TaskUpdate;
use crate::storage::head::Owner;
use crate::store::{FieldWrite, StoreWrite};
use crate::time::{Instant, iso8601};
use serde_json::Value;

const FIRST_POLL_MS: u64 = 200;
const LAST_POLL_MS: u64 = 1_000;
/// What `execution.abort_reason` holds where stop was given no reason.
const STOPPED: &str = "stopped";

/// What the register holds: `execution.abort_reason` while the status is paused.
type Register = Option<String>;

fn register(task: &TaskDocument) -> Option<Register> {
    (task.status == Status::Paused).then(|| task.abort_reason.clone())
}

/// What is wanted, and how far it has come.
struct Wish {
    command: TaskCommand,
    reason: Option<String>,
    /// Entries after this one answer it; none before the first read of the head.
    since: Option<u64>,
    /// What the register holds by this command, or by the one that it joined.
    stored: Option<Register>,
    /// Until when the owner of that id is waited for, however often the store has to be asked again.
    patience: Option<(String, Instant)>,
    /// The store does not let it take the task: the stored status is all that can be had.
    denied: bool,
    rounds: u32,
}

impl Wish {
    fn wanted(&self) -> Register {
        match self.command {
            TaskCommand::Stop => Some(self.reason.clone().unwrap_or_else(|| STOPPED.to_owned())),
            _ => None,
        }
    }
}

/// The machine of `pause`.
pub(super) fn pause(ctx: &mut Ctx) -> Step {
    begin(ctx, TaskCommand::Pause, None)
}

/// The machine of `stop`.
pub(super) fn stop(ctx: &mut Ctx, reason: Option<String>) -> Step {
    begin(ctx, TaskCommand::Stop, reason.filter(|r| !r.trim().is_empty()))
}

fn begin(ctx: &mut Ctx, command: TaskCommand, reason: Option<String>) -> Step {
    let wish = Wish { command, reason, since: None, stored: None, patience: None, denied: false, rounds: 0 };
    look(ctx, wish)
}

/// Reads task and head, and whether the journal has answered in the meantime.
fn look(ctx: &mut Ctx, mut wish: Wish) -> Step {
    wish.rounds += 1;
    if wish.rounds > MAX_ROUNDS {
        return crowded();
    }
    open_task(ctx, move |ctx, seen| {
        let since = *wish.since.get_or_insert(seen.seq());
        answers(ctx, since, seen, move |ctx, seen, read| {
            wish.since = Some(read);
            judge(ctx, wish, seen)
        })
    })
}

/// Announces what the journal holds after `since`, up to the entry that answers, which ends the command; goes on with
/// the seq that was read last.
fn answers(
    ctx: &mut Ctx,
    since: u64,
    seen: Seen,
    then: impl FnOnce(&mut Ctx, Seen, u64) -> Step + 'static,
) -> Step {
    entries::after(ctx, since, seen.seq(), usize::MAX, move |ctx, entries| {
        let mut read = since;
        for entry in &entries {
            read = entry.seq;
            let ended = ended(entry);
            if let Some(status) = ended {
                ctx.io.push(Effect::Status { status });
            }
            for event in announce(&ctx.cfg.task_id, entry) {
                ctx.io.push(Effect::Emit { event });
            }
            if ended.is_some() {
                // Where the store cannot tell how old the head is, this was just now.
                let survived = seen.survived_ms().or_else(|| seen.head.as_ref()?.head.survived_ms());
                return settle_at(ctx, survived.map(|ms| ctx.now.mono + ms));
            }
        }
        then(ctx, seen, read)
    })
}

fn ended(entry: &Entry) -> Option<Status> {
    entry.facts.iter().find_map(|fact| match fact {
        Fact::Ended { status: EndStatus::Paused | EndStatus::Stopped, .. } => Some(Status::Paused),
        Fact::Ended { status: EndStatus::Completed, .. } => Some(Status::Completed),
        Fact::Ended { status: EndStatus::Failed, .. } => Some(Status::Failed),
        _ => None,
    })
}

fn settle(ctx: &mut Ctx, status: Status) -> Step {
    ctx.io.push(Effect::Status { status });
    Step::answer(Value::Null)
}

/// The table of the contract.
fn judge(ctx: &mut Ctx, wish: Wish, seen: Seen) -> Step {
    let status = seen.task.status;
    let column = Column::of(status, seen.head.is_some(), true);
    let no_op = verdict(column, wish.command) == Verdict::NoOp && !seen.is_unfinished_pause();
    let has_ended = seen.head.as_ref().is_none_or(|h| h.head.last_run.ended());
    if no_op && status == Status::Completed && has_ended {
        return nothing_to_do(ctx, &seen);
    }
    // An earlier stop has been answered: it is none that this one could join.
    let is_stopped = wish.stored.is_none() && has_ended && register(&seen.task) == Some(wish.wanted());
    is_free(ctx, seen, move |ctx, seen, free| match (no_op, free) {
        (true, true) => nothing_to_do(ctx, &seen),
        (true, false) => while_it_begins(ctx, wish, seen),
        (false, false) if is_stopped => while_it_begins(ctx, wish, seen),
        (false, true) if !wish.denied => take(ctx, wish, seen, false),
        (false, _) => store_status(ctx, wish, seen),
    })
}

fn nothing_to_do(ctx: &mut Ctx, seen: &Seen) -> Step {
    ctx.io.push(Effect::Status { status: seen.task.status });
    let survived = seen.survived_ms().map(|ms| ctx.now.mono + ms);
    settle_at(ctx, survived)
}

/// Somebody holds a task that is not in progress: the run that they begin is what the command is for, once it is stored.
fn while_it_begins(ctx: &mut Ctx, mut wish: Wish, seen: Seen) -> Step {
    let until = give_up(ctx, &mut wish.patience, &seen);
    if ctx.now.mono >= until {
        return nothing_to_do(ctx, &seen);
    }
    watch(ctx);
    ctx.wait((ctx.now.mono + FIRST_POLL_MS).min(until), move |ctx| {
        wish.rounds = 0;
        look(ctx, wish)
    })
}

/// Until when the owner is waited for: it obeys within that time if it lives. It counts from the first that `patience`
/// knows of the same owner.
fn give_up(ctx: &Ctx, patience: &mut Option<(String, Instant)>, seen: &Seen) -> Instant {
    let owner = seen.owner().map(|(owner, _)| owner);
    let time_ms = owner.map_or(0, Owner::answers_within_ms);
    let until = match patience.take() {
        Some((id, until)) if owner.is_some_and(|owner| owner.id == id) => until,
        _ => ctx.now.mono + time_ms,
    };
    *patience = owner.map(|owner| (owner.id.clone(), until));
    until
}

fn watch(ctx: &mut Ctx) {
    ctx.watch(vec![ctx.paths.task.clone(), ctx.paths.head.clone(), ctx.paths.journal.clone()]);
}

/// Writes the register, unless it holds what is wanted: then the command joins the one that wrote it.
fn store_status(ctx: &mut Ctx, mut wish: Wish, seen: Seen) -> Step {
    if is_overtaken(&wish, &seen.task) {
        return settle(ctx, seen.task.status);
    }
    let wanted = wish.wanted();
    let holds = register(&seen.task);
    let joins = match wish.command {
        TaskCommand::Stop => holds.as_ref() == Some(&wanted),
        _ => holds.is_some(),
    };
    if joins {
        wish.stored = holds;
        return stored(ctx, wish, seen);
    }
    let at = iso8601(ctx.now.wall);
    let write = StoreWrite::Update {
        path: ctx.paths.task.clone(),
        fields: fields(&seen.task, wanted.as_deref(), &at),
        if_version: Some(seen.task_version.clone()),
    };
    let deadline = ctx.store_deadline();
    ctx.send(vec![write], deadline, move |ctx, sent| match sent {
        Sent::Stored(_) => {
            wish.stored = Some(wanted);
            stored(ctx, wish, seen)
        }
        Sent::Conflict => look(ctx, wish),
        Sent::Refused(e) | Sent::Unknown(e) => Step::refused(e),
    })
}

/// The task document's fields of a pause, or of a stop with that reason.
fn fields(task: &TaskDocument, abort_reason: Option<&str>, at: &str) -> Vec<FieldWrite> {
    let mut fields = Vec::new();
    if task.status != Status::Paused {
        fields.push(FieldWrite::set(&["status"], Status::Paused.as_str()));
    }
    let before = task.raw.get("execution").and_then(|execution| execution.get("abort_reason"));
    match abort_reason {
        Some(reason) if before != Some(&Value::from(reason)) => {
            fields.push(FieldWrite::set(&["execution", "abort_reason"], reason));
        }
        None if before.is_some() => fields.push(FieldWrite::unset(&["execution", "abort_reason"])),
        _ => {}
    }
    fields.push(FieldWrite::set(&["updated_at"], at));
    fields
}

fn stored(ctx: &mut Ctx, mut wish: Wish, seen: Seen) -> Step {
    if wish.denied {
        return settle(ctx, Status::Paused);
    }
    watch(ctx);
    let now = ctx.now.mono;
    let give_up = give_up(ctx, &mut wish.patience, &seen);
    let waiting = Waiting {
        read: wish.since.unwrap_or_default(),
        wish,
        give_up,
        version: seen.head.map(|h| h.version),
        unchanged_since: now,
        pause_ms: FIRST_POLL_MS,
    };
    wait(ctx, waiting)
}

/// For the fact that answers.
struct Waiting {
    wish: Wish,
    /// The last entry that was announced.
    read: u64,
    give_up: Instant,
    version: Option<String>,
    unchanged_since: Instant,
    pause_ms: u64,
}

fn wait(ctx: &mut Ctx, mut waiting: Waiting) -> Step {
    let now = ctx.now.mono;
    let until = if now < waiting.give_up {
        (now + waiting.pause_ms).min(waiting.give_up)
    } else {
        now + waiting.pause_ms
    };
    waiting.pause_ms = (waiting.pause_ms * 3 / 2).min(LAST_POLL_MS);
    ctx.wait(until, move |ctx| {
        open_task(ctx, move |ctx, seen| {
            answers(ctx, waiting.read, seen, move |ctx, seen, read| {
                waiting.read = read;
                unanswered(ctx, waiting, seen)
            })
        })
    })
}

fn unanswered(ctx: &mut Ctx, mut waiting: Waiting, seen: Seen) -> Step {
    let now = ctx.now.mono;
    let version = seen.head.as_ref().map(|h| h.version.clone());
    if waiting.version != version {
        waiting.version = version;
        waiting.unchanged_since = now;
    }
    let ttl = seen.owner().map(|(o, _)| o.ttl_ms);
    let silent = ttl.is_some_and(|ttl| now - waiting.unchanged_since > ttl);
    is_free(ctx, seen, move |ctx, seen, free| {
        if free || silent || now >= waiting.give_up {
            waiting.wish.since = Some(waiting.read);
            take(ctx, waiting.wish, seen, !free && !silent)
        } else {
            wait(ctx, waiting)
        }
    })
}

/// Takes the epoch; `may_live`: the owner before may still be at work.
fn take(ctx: &mut Ctx, wish: Wish, seen: Seen, may_live: bool) -> Step {
    if is_overtaken(&wish, &seen.task) {
        return settle(ctx, seen.task.status);
    }
    acquire(ctx, seen, may_live, move |ctx, taken| match taken {
        Taken::Mine(lease) => obey(ctx, wish, *lease),
        Taken::Overtaken => look(ctx, wish),
        Taken::Refused(e) if e.code == Code::StoreDenied => denied(ctx, wish),
        Taken::Refused(e) => Step::refused(e),
    })
}

/// The register was written and holds another value now: a later command decides.
fn is_overtaken(wish: &Wish, task: &TaskDocument) -> bool {
    wish.stored.is_some() && register(task) != wish.stored
}

/// Commits the fact under the command's own lease.
fn obey(ctx: &mut Ctx, mut wish: Wish, lease: Held) -> Step {
    wish.rounds += 1;
    let survived = lease.survived();
    let status = lease.task.status;
    let nothing_to_do = match status {
        Status::InProgress => false,
        Status::Paused => {
            wish.command == TaskCommand::Pause && wish.stored.is_none() && lease.head().last_run.ended()
        }
        Status::NotStarted | Status::Failed | Status::Completed => true,
    };
    if is_overtaken(&wish, &lease.task) {
        return lease.release(ctx, move |ctx| settle(ctx, status));
    }
    if nothing_to_do {
        return lease.release(ctx, move |ctx| {
            ctx.io.push(Effect::Status { status });
            settle_at(ctx, survived)
        });
    }
    if wish.rounds > MAX_ROUNDS {
        return lease.release(ctx, |_| crowded());
    }
    let abort_reason = match (wish.command, register(&lease.task)) {
        (TaskCommand::Stop, _) => wish.wanted(),
        (_, Some(register)) => register,
        (_, None) => None,
    };
    let (end, reason) = match &abort_reason {
        Some(reason) => (EndStatus::Stopped, Some(reason.clone()).filter(|r| r != STOPPED)),
        None => (EndStatus::Paused, None),
    };
    let task = TaskUpdate {
        fields: fields(&lease.task, abort_reason.as_deref(), &iso8601(lease.wall(ctx))),
        if_version: Some(lease.task_version.clone()),
    };
    let fact = Fact::Ended { status: end, reason, error: None };
    let status = Some(Status::Paused);
    let change = Change { facts: vec![fact], last_run: end.into(), task, status };
    lease.commit(ctx, change, move |ctx, committed| match committed {
        Committed::Stored => settle_at(ctx, survived),
        Committed::TaskChanged(lease) => obey(ctx, wish, *lease),
        Committed::Overtaken => look(ctx, wish),
        Committed::Refused(e) if e.code == Code::StoreDenied => denied(ctx, wish),
        Committed::Refused(e) => Step::refused(e),
    })
}

fn denied(ctx: &mut Ctx, mut wish: Wish) -> Step {
    wish.denied = true;
    look(ctx, wish)
}

/// An owner that is fenced off may work on until its lease has run out.
fn settle_at(ctx: &mut Ctx, at: Option<Instant>) -> Step {
    match at {
        Some(at) if at > ctx.now.mono => ctx.wait(at, move |ctx| settle_at(ctx, Some(at))),
        _ => Step::answer(Value::Null),
    }
}
