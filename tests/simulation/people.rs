//! Those who give commands, and what they were promised. A command given where the task runs goes to the run, and
//! where the run ends without obeying it, to the store: as `js/api/agent.ts` does it.

use super::ledger::broken;
use super::rules;
use super::world::World;
use serde_json::{Value, json};
use task_execution_engine::effect::{Command, Input, Ticket};
use task_execution_engine::error::{Code, EngineError};

/// Whatever else settles, settles within this.
const PATIENCE_MS: u64 = 1_800_000;
/// For the way there and back.
const SLACK_MS: u64 = 2_000;

/// Something that somebody waits for.
pub struct Promise {
    label: String,
    /// Given to a run that had not begun yet.
    opening: bool,
    process: usize,
    due: u64,
    open: bool,
}

/// A pause, a stop or a yield, until it has settled.
pub struct Interrupt {
    process: usize,
    command: Command,
    given: u64,
    promise: usize,
    waits: Waits,
}

#[derive(Debug)]
enum Waits {
    For { run: usize, ticket: Ticket, answered: Option<Result<Value, EngineError>> },
    Register { actor: usize },
    Over,
}

pub struct Follower {
    pub process: usize,
    pid: u64,
    cursor: String,
    last: (u64, u64),
}

/// A decision that was given: by the call and the entry that asked.
pub struct Decided {
    call: String,
    asked: u64,
    actor: usize,
    token: String,
    stored: bool,
}

#[derive(Default)]
pub struct People {
    promises: Vec<Promise>,
    interrupts: Vec<Interrupt>,
    pub followers: Vec<Follower>,
    /// Which machine a promise hangs on.
    by_actor: Vec<(usize, usize)>,
    decisions: Vec<Decided>,
    sent: Vec<(usize, String)>,
    next_ticket: u64,
    earliest: u64,
    said: u64,
}

impl People {
    fn promise(&mut self, label: String, process: usize, now: u64) -> usize {
        let due = now + PATIENCE_MS;
        self.promises.push(Promise { label, opening: false, process, due, open: true });
        self.earliest = if self.earliest == 0 { due } else { self.earliest.min(due) };
        self.promises.len() - 1
    }

    /// The label of a promise that should have settled by now.
    pub fn overdue(&mut self, now: u64) -> Option<(String, bool)> {
        if self.earliest == 0 || now <= self.earliest {
            return None;
        }
        let late = self.promises.iter().find(|p| p.open && p.due < now);
        let late = late.map(|p| (p.label.clone(), p.opening));
        self.earliest = self.promises.iter().filter(|p| p.open).map(|p| p.due).min().unwrap_or(0);
        late
    }

    fn keep(&mut self, promise: usize) {
        self.promises[promise].open = false;
    }

    pub fn all_settled(&self) -> bool {
        !self.promises.iter().any(|p| p.open)
    }

    pub fn process_died(&mut self, process: usize) {
        self.promises.iter_mut().filter(|p| p.process == process).for_each(|p| p.open = false);
        self.interrupts.iter_mut().filter(|i| i.process == process).for_each(|i| i.waits = Waits::Over);
    }

    /// Whoever stands still settles nothing.
    pub fn process_froze(&mut self, process: usize, ms: u64) {
        for promise in self.promises.iter_mut().filter(|p| p.open && p.process == process) {
            promise.due += ms + SLACK_MS;
        }
    }
}

impl World {
    // Pause, stop, yield

    pub fn interrupt(&mut self, process: usize, command: Command) {
        let label = format!("{command:?} in process p{}", self.processes[process].pid);
        let promise = self.people.promise(label, process, self.now);
        self.people.interrupts.push(Interrupt {
            process,
            command,
            given: self.now,
            promise,
            waits: Waits::Over,
        });
        self.insist(self.people.interrupts.len() - 1);
    }

    /// Gives the command to the run that is here, or to the store.
    fn insist(&mut self, n: usize) {
        let shape = &self.plan.shape;
        let ending = shape.grace_ms + shape.store_timeout_ms + SLACK_MS;
        let elsewhere = self.elsewhere_ms();
        let i = &self.people.interrupts[n];
        let (process, command, promise) = (i.process, i.command.clone(), i.promise);
        let Some(run) = self.processes[process].runner else {
            let (kind, arguments) = match &command {
                Command::Pause => ("pause", json!({})),
                Command::Stop { reason } => ("stop", json!({ "reason": reason })),
                _ => {
                    self.people.keep(promise);
                    return;
                }
            };
            self.people.promises[promise].opening = false;
            self.bound(promise, elsewhere);
            let actor = self.command(process, kind, arguments);
            self.people.interrupts[n].waits = Waits::Register { actor };
            self.settled(actor);
            return;
        };
        self.processes[process].ending = true;
        self.people.promises[promise].opening = !self.actors[run].started;
        self.bound(promise, if self.actors[run].started { ending } else { elsewhere + ending });
        self.people.next_ticket += 1;
        let ticket = Ticket((1 << 52) + self.people.next_ticket);
        self.people.interrupts[n].waits = Waits::For { run, ticket, answered: None };
        self.give(run, Input::Command { ticket, command });
    }

    fn elsewhere_ms(&self) -> u64 {
        let shape = &self.plan.shape;
        // Read, store, read again, take the epoch, load, commit: each has a store deadline of its own.
        shape.ttl_ms / 3 + shape.grace_ms + 6 * shape.store_timeout_ms + shape.ttl_ms + SLACK_MS
    }

    /// Whoever waits for the answer of the one who has the task waits anew for another.
    pub fn waits_for_another(&mut self, taker: usize) {
        let waiting: Vec<usize> = self
            .people
            .interrupts
            .iter()
            .filter(|i| matches!(i.waits, Waits::Register { actor } if actor != taker))
            .map(|i| i.promise)
            .collect();
        for promise in waiting {
            self.bound(promise, self.elsewhere_ms());
        }
    }

    fn bound(&mut self, promise: usize, ms: u64) {
        let frozen =
            self.processes[self.people.promises[promise].process].frozen_until.saturating_sub(self.now);
        let due = self.now + ms + ms * self.plan.shape.skew_ppm / 1_000_000 + frozen;
        self.people.promises[promise].due = due;
        self.people.earliest = self.people.earliest.min(due);
    }

    /// A machine has settled the ticket of a command.
    pub fn answered(&mut self, actor: usize, ticket: Ticket, result: Result<Value, EngineError>) {
        let waiting = self.people.interrupts.iter_mut().enumerate().find_map(|(n, i)| match &mut i.waits {
            Waits::For { run, ticket: t, answered } if *run == actor && *t == ticket => {
                Some((n, i.command.clone(), answered))
            }
            _ => None,
        });
        let Some((n, command, answered)) = waiting else {
            self.fail(broken("P8", format!("{ticket:?} is settled, and nobody waits for it")));
            return;
        };
        if answered.is_some() {
            self.fail(broken("P8", format!("{command:?} is settled twice")));
            return;
        }
        *answered = Some(result.clone());
        if command == Command::Pause && result.is_ok() {
            self.obeyed(n);
        }
    }

    /// The run of a process, or a command, is over: whoever waits for it goes on.
    pub fn settled(&mut self, actor: usize) {
        let Some(result) = self.actors[actor].result.clone() else { return };
        self.expected(actor, &result);
        for n in 0..self.people.interrupts.len() {
            let i = &self.people.interrupts[n];
            match &i.waits {
                Waits::Register { actor: a } if *a == actor => match &result {
                    // The store let it write the status and nothing else.
                    Ok(_) if self.actors[actor].denied && self.status() == "paused" => self.let_go(n),
                    Ok(_) => self.obeyed(n),
                    Err(_) => self.let_go(n),
                },
                Waits::For { run, answered, .. } if *run == actor => {
                    let status =
                        result.as_ref().map_or("refused", |o| o["status"].as_str().unwrap_or_default());
                    match answered {
                        _ if matches!(i.command, Command::Yield { .. }) => self.let_go(n),
                        Some(Ok(_)) if status != "paused" => self.obeyed(n),
                        Some(Err(_)) if !["superseded", "yielded", "refused"].contains(&status) => {
                            self.let_go(n)
                        }
                        _ => self.insist(n),
                    }
                }
                _ => {}
            }
        }
    }

    fn let_go(&mut self, n: usize) {
        self.people.interrupts[n].waits = Waits::Over;
        self.people.keep(self.people.interrupts[n].promise);
    }

    /// A pause or a stop settles well: then the end is stored, and nothing starts any more.
    fn obeyed(&mut self, n: usize) {
        self.let_go(n);
        let i = &self.people.interrupts[n];
        let (given, label) = (i.given, self.people.promises[i.promise].label.clone());
        if let Some(end) = self.ledger.ended_since(given) {
            self.fence = self.fence.max((end.epoch, end.seq));
            return;
        }
        rules::rest(self);
        let begun = self.ledger.begun.iter().map(|(at, _)| at);
        let overtaken = self.status_written.iter().chain(begun).any(|at| *at >= given);
        if self.last_rest < given && !overtaken {
            let status = self.status().to_owned();
            self.fail(broken(
                "P3",
                format!("{label} settles well, the status is {status}, and no end is stored"),
            ));
        }
    }

    // Everything else

    pub fn begin(&mut self, process: usize, intent: &'static str, drives: bool) {
        if self.processes[process].runner.is_some() {
            return;
        }
        let label = format!("{intent} in process p{}", self.processes[process].pid);
        let promise = self.people.promise(label, process, self.now);
        let actor = self.run(process, intent, drives);
        self.people.by_actor.push((actor, promise));
        self.settled(actor);
    }

    pub fn read(&mut self, process: usize, kind: &'static str) {
        self.ask_for(process, kind, json!({}));
    }

    pub fn send(&mut self, process: usize) {
        self.people.said += 1;
        let text = format!("Mind this, {}!", self.people.said);
        let actor = self.ask_for(process, "send", json!({ "text": text }));
        self.people.sent.push((actor, text));
        self.settled(actor);
    }

    fn ask_for(&mut self, process: usize, kind: &'static str, arguments: Value) -> usize {
        let label = format!("{kind} in process p{}", self.processes[process].pid);
        let promise = self.people.promise(label, process, self.now);
        let actor = self.command(process, kind, arguments);
        self.people.by_actor.push((actor, promise));
        actor
    }

    /// Decides about one of the calls that wait, by chance about one that does not.
    pub fn decide(&mut self, process: usize, salt: u64) {
        let waiting: Vec<(String, u64, String)> = self
            .ledger
            .waiting()
            .into_iter()
            .map(|(id, seq, why)| (id.to_owned(), seq, why.to_owned()))
            .collect();
        let known: Vec<String> = self.ledger.calls.keys().cloned().collect();
        let (id, asked) = if waiting.is_empty() || salt % 11 == 0 {
            let id =
                if known.is_empty() { "nothing".into() } else { known[salt as usize % known.len()].clone() };
            (id, 0)
        } else {
            let (id, asked, _) = &waiting[salt as usize / 16 % waiting.len()];
            (id.clone(), *asked)
        };
        self.decide_about(process, &id, asked, salt);
    }

    fn decide_about(&mut self, process: usize, id: &str, asked: u64, salt: u64) {
        self.people.said += 1;
        let token = format!("by-{}-", self.people.said);
        let (kind, arguments) = match salt % 3 {
            0 => ("approve", json!({ "toolCallId": id, "note": token })),
            1 => ("reject", json!({ "toolCallId": id, "reason": token })),
            _ => ("answer", json!({ "toolCallId": id, "result": { "by": token }, "error": salt % 2 == 0 })),
        };
        let actor = self.ask_for(process, kind, arguments);
        let decided = Decided { call: id.to_owned(), asked, actor, token, stored: false };
        self.people.decisions.push(decided);
        self.settled(actor);
    }

    /// Answers everything that waits, in a way that lets the work go on.
    pub fn decide_all(&mut self, process: usize) {
        let waiting: Vec<(String, u64)> =
            self.ledger.waiting().into_iter().map(|(id, seq, _)| (id.to_owned(), seq)).collect();
        for (id, asked) in waiting {
            self.decide_about(process, &id, asked, 2);
        }
    }

    pub fn follow(&mut self, process: usize) {
        let pid = self.processes[process].pid;
        self.people.followers.push(Follower { process, pid, cursor: "0".into(), last: (0, u64::MAX) });
        self.poll(self.people.followers.len() - 1);
    }

    pub fn poll(&mut self, follower: usize) {
        let f = &self.people.followers[follower];
        let process = f.process;
        if self.processes[process].pid != f.pid || self.calm {
            return;
        }
        let actor = self.ask_for(process, "events", json!({ "after": f.cursor }));
        self.people.by_actor.push((actor, usize::MAX - follower));
        self.settled(actor);
    }

    /// What a machine was to say, it has said.
    fn expected(&mut self, actor: usize, result: &Result<Value, EngineError>) {
        let promises: Vec<usize> =
            self.people.by_actor.iter().filter(|(a, _)| *a == actor).map(|(_, promise)| *promise).collect();
        self.people.by_actor.retain(|(a, _)| *a != actor);
        for promise in promises {
            match self.people.promises.get(promise) {
                Some(_) => self.people.keep(promise),
                None => self.followed(usize::MAX - promise, result),
            }
        }
        if let Err(e) = result {
            if e.message.trim().is_empty() {
                self.fail(broken("errors", format!("{:?} says nothing", e.code)));
            }
            if matches!(e.code, Code::CorruptHistory | Code::EnginePanic) {
                // Whoever stood still finds the time for listing again over.
                let stood_still = self.processes[self.actors[actor].process].frozen_ms > 0;
                let promise = if stood_still { "P11" } else { "P1" };
                self.fail(broken(promise, format!("{}: {e}", self.actors[actor].name)));
            }
        }
        self.interrupted(actor, result);
        if result.is_ok() {
            for decided in self.people.decisions.iter_mut().filter(|d| d.actor == actor) {
                decided.stored = true;
            }
            if matches!(self.actors[actor].kind, "send" | "approve" | "reject" | "answer") {
                let process = self.actors[actor].process;
                if let Some(run) = self.processes[process].runner {
                    self.give(run, Input::Command { ticket: Ticket(0), command: Command::Look });
                }
            }
        }
    }

    /// Time alone ends no run.
    fn interrupted(&mut self, actor: usize, result: &Result<Value, EngineError>) {
        let a = &self.actors[actor];
        let Ok(outcome) = result else { return };
        if outcome["status"] != "interrupted" || !a.drives {
            return;
        }
        if !matches!(outcome["error"]["code"].as_str(), Some("STORE_UNAVAILABLE")) {
            return;
        }
        let shape = &self.plan.shape;
        let window = shape.ttl_ms + 3 * shape.store_timeout_ms;
        let faulty = a.last_fault.is_some_and(|at| at + window > self.now);
        if !faulty {
            let what =
                format!("{} ends without a fault of the store: {}", a.name, outcome["error"]["message"]);
            self.fail(broken("P11", what));
        }
    }

    fn followed(&mut self, follower: usize, result: &Result<Value, EngineError>) {
        let Ok(page) = result else {
            self.schedule_poll(follower, 2_000);
            return;
        };
        let mut last = self.people.followers[follower].last;
        let events = page["events"].as_array().cloned().unwrap_or_default();
        let checked = rules::followed(self, &mut last, &events);
        self.check(checked);
        let f = &mut self.people.followers[follower];
        f.last = last;
        page["cursor"].as_str().unwrap_or_default().clone_into(&mut f.cursor);
        let more = page["more"] == true;
        self.schedule_poll(follower, if more { 1 } else { 1_500 });
    }

    /// In the end: what was said to be stored has been taken, and of two decisions one.
    pub fn check_people(&mut self) {
        if !self.people.all_settled() {
            let open: Vec<&str> =
                self.people.promises.iter().filter(|p| p.open).map(|p| p.label.as_str()).collect();
            let what = format!("never settled: {open:?}");
            self.fail(broken("P8", what));
            return;
        }
        let journal =
            self.store.facts("decided").into_iter().map(|f| f.to_string()).collect::<Vec<_>>().join("\n");
        for decided in self.people.decisions.iter().filter(|d| d.stored && d.asked > 0) {
            let taken = self.ledger.decided.contains_key(&(decided.call.clone(), decided.asked));
            if taken && !journal.contains(&decided.token) {
                let what = format!(
                    "{} settled well, and another decision about {} counts",
                    decided.token, decided.call
                );
                self.fail(broken("decisions", what));
                return;
            }
        }
        let received: Vec<String> = self
            .store
            .facts("received")
            .iter()
            .map(|f| f["text"].as_str().unwrap_or_default().to_owned())
            .collect();
        for (actor, text) in &self.people.sent {
            let stored = matches!(self.actors[*actor].result, Some(Ok(_)));
            let times = received.iter().filter(|r| *r == text).count();
            if stored && times == 0 || times > 1 {
                let what = format!("{text:?} was received {times} times");
                self.fail(broken("inbox", what));
                return;
            }
        }
    }
}
