//! Whoever gives commands, in the process that runs the task or in one of their own, and what they are promised.
//! Commands given where the task runs go the way on which `js/api/agent.ts` and `js/api/active-run.ts` send them.

use crate::case::Deed;
use crate::play::Play;
use crate::promise::{ELSEWHERE_MS, HERE_MS, Promise, RUN_MS, SHORT_MS, Way};
use crate::support::{TASK, TASK_PATH, USER};
use serde_json::{Value, json};
use task_execution_engine::effect::{Command, Ticket};
use task_execution_engine::error::{Code, EngineError};
use task_execution_engine::facts::fact::{EndStatus, Why};
use task_execution_engine::storage::inbox::decision_id;

impl Play<'_> {
    pub fn does(&mut self, deed: Deed) {
        if deed.begins() {
            self.promises.iter_mut().for_each(|p| p.begins = true);
        }
        if self.processes[self.here].dead && deed.is_here() {
            self.void = true;
            return;
        }
        if self.w.store.get(TASK_PATH).is_none() && !deed.deletes() {
            self.void = true;
            return;
        }
        match deed {
            Deed::PauseHere | Deed::StopHere => self.interrupt(deed, self.here, self.w.now),
            Deed::YieldHere => self.tell(Command::Yield { reason: "drain".into(), grace: true }),
            Deed::DisposeHere => self.tell(Command::Yield { reason: "dispose".into(), grace: false }),
            Deed::StartHere => {
                self.note(|| "start() is called here".to_owned());
                self.promise(deed, self.here, Way::Queued, RUN_MS);
            }
            Deed::Start | Deed::Resume | Deed::Run | Deed::RunWaiting => {
                let process = self.process();
                let (intent, options) = match deed {
                    Deed::Start => ("start", json!({})),
                    Deed::Resume => ("resume", json!({})),
                    Deed::Run => ("run", json!({})),
                    _ => ("run", json!({ "options": { "waitForLeaseMs": 300_000 } })),
                };
                let actor = self.run(process, intent, options);
                self.promise(deed, process, Way::Own { actor }, RUN_MS);
            }
            deed if deed.writes_status() || deed == Deed::Touch => self.writes(deed),
            deed => {
                let process = if deed.is_here() { self.here } else { self.process() };
                self.commands(deed, process, self.waiting_call(), false);
            }
        }
    }

    fn promise(&mut self, deed: Deed, process: usize, way: Way, ms: u64) {
        let ms = ms + self.case.frozen_ms();
        let begins = self.begins(process, deed);
        self.promises.push(Promise {
            deed,
            process,
            way,
            until: self.w.now + ms,
            given: self.w.now,
            begins,
            by_person: false,
        });
    }

    /// A start is on its way, of which whoever gives a command in that process cannot know.
    fn begins(&self, process: usize, deed: Deed) -> bool {
        let unstored = |n: usize| {
            let here = n == process && matches!(deed, Deed::PauseHere | Deed::StopHere);
            let run = self.live_run(n).filter(|_| !here && !self.processes[n].dead);
            run.is_some_and(|run| !self.w.actors[run].settled.contains_key(&Ticket::STARTED))
        };
        let queued = self.promises.iter().any(|p| matches!(p.way, Way::Queued));
        queued || (0..self.processes.len()).any(unstored)
    }

    fn waiting_call(&self) -> String {
        let waiting = self.audit.journal.calls.iter().find(|(_, call)| call.waiting.is_some());
        waiting.map_or("c", |(id, _)| id).to_owned()
    }

    /// A command of the core, in that process.
    fn commands(&mut self, deed: Deed, process: usize, call: String, by_person: bool) {
        let (kind, more) = match deed {
            Deed::Pause | Deed::PauseHere => ("pause", json!({})),
            Deed::Stop | Deed::StopHere => ("stop", json!({ "reason": "enough" })),
            Deed::Approve => ("approve", json!({ "toolCallId": call })),
            Deed::Reject => ("reject", json!({ "toolCallId": call, "reason": "no" })),
            Deed::Answer => ("answer", json!({ "toolCallId": call, "result": "by hand" })),
            Deed::Send | Deed::SendHere => ("send", json!({ "text": "Mind this." })),
            Deed::Delete => ("delete", json!({})),
            Deed::DeleteHistory => ("delete", json!({ "keepTask": true })),
            Deed::Load => ("load", json!({})),
            Deed::Events => ("events", json!({ "after": "0" })),
            Deed::Journal => ("journal", json!({})),
            Deed::ApiMessages => ("apiMessages", json!({})),
            _ => ("state", json!({})),
        };
        let mut config = json!({ "userId": USER, "taskId": TASK, "seed": 11 + self.actors.len(),
            "options": self.case.options(), "limits": { "documentBytes": 1_000_000, "commitBytes": 9_000_000 },
            "instance": self.processes[process].instance, "hasWatch": self.case.watch });
        if let (Value::Object(config), Value::Object(more)) = (&mut config, more) {
            config.extend(more);
        }
        let machine = match task_execution_engine::command::open(self.w.clock(), kind, config) {
            Ok(machine) => machine,
            Err(e) => return self.audit.broken.push(format!("{kind} cannot be given: {}", e.message)),
        };
        let actor = self.w.add(machine);
        self.joins(process, format!("{kind}()"));
        let interrupts = matches!(kind, "pause" | "stop");
        self.promise(deed, process, Way::Own { actor }, if interrupts { ELSEWHERE_MS } else { SHORT_MS });
        if let (true, Some(promise)) = (by_person, self.promises.last_mut()) {
            promise.by_person = true;
        }
    }

    /// The run of that process that can still be told something.
    fn live_run(&self, process: usize) -> Option<usize> {
        self.processes[process].run.filter(|run| !self.w.actors[*run].settled.contains_key(&Ticket::RESULT))
    }

    fn tell(&mut self, command: Command) {
        let Some(run) = self.live_run(self.here) else {
            self.void = true;
            return;
        };
        let here = self.here;
        self.note(|| format!("p{here} is told {command:?}"));
        let _ticket = self.w.command(run, command);
    }

    fn interrupt(&mut self, deed: Deed, process: usize, given: u64) {
        let Some(run) = self.live_run(process) else {
            self.commands(deed, process, String::new(), false);
            return;
        };
        self.note(|| format!("{deed:?}"));
        let stop = Command::Stop { reason: Some("enough".into()) };
        let command = if deed == Deed::StopHere { stop } else { Command::Pause };
        let ticket = self.w.command(run, command);
        self.promise(deed, process, Way::Given { run, ticket }, HERE_MS);
        if let Some(promise) = self.promises.last_mut() {
            promise.given = given;
        }
    }

    fn writes(&mut self, deed: Deed) {
        self.note(|| format!("somebody writes: {deed:?}"));
        let (status, reason) = match deed {
            Deed::WritePaused => ("paused", Value::Null),
            Deed::WriteStopped => ("paused", json!("by hand")),
            Deed::WriteInProgress => ("in_progress", Value::Null),
            Deed::WriteFailed => ("failed", Value::Null),
            Deed::WriteCompleted => ("completed", Value::Null),
            Deed::WriteNotStarted => ("not_started", Value::Null),
            _ => {
                self.w.outside(&["updated_at"], json!(format!("by hand {}", self.w.now)));
                return self.written();
            }
        };
        if !reason.is_null() {
            self.w.outside(&["execution", "abort_reason"], reason);
        }
        self.w.outside(&["status"], json!(status));
        self.written();
    }

    /// Each waiting call gets its approval from somebody, again where that did not work. What has run twice and is
    /// not known to have ended is answered by hand.
    pub fn people_decide(&mut self) {
        if self.audit.deleting || self.promises.iter().any(|p| p.by_person && !p.is_settled()) {
            return;
        }
        let waiting = self.audit.journal.calls.iter().find_map(|(id, call)| {
            let (why, seq) = call.waiting?;
            let path = format!("{TASK_PATH}/inbox/{}", decision_id(id, seq));
            let deed = if call.executions < 2 { Deed::Approve } else { Deed::Answer };
            (why != Why::Input && self.w.store.get(&path).is_none()).then(|| (deed, id.clone()))
        });
        if let Some((deed, call)) = waiting {
            let process = self.process();
            self.commands(deed, process, call, true);
        }
    }

    pub fn look_after_promises(&mut self) {
        for n in 0..self.promises.len() {
            let promise = &self.promises[n];
            if promise.is_settled() {
                continue;
            }
            if self.processes[promise.process].dead {
                self.promises[n].way = Way::Settled;
                continue;
            }
            if self.w.now > promise.until {
                let took = self.w.now - promise.given;
                self.audit.broken.push(format!("P8 {:?} has not settled after {took} ms", promise.deed));
                return;
            }
            match promise.way {
                Way::Own { actor } => {
                    if let Some(result) = self.w.actors[actor].settled.get(&Ticket::RESULT).cloned() {
                        self.settles(n, result);
                    }
                }
                Way::Given { run, ticket } => self.answered(n, run, ticket),
                Way::Queued => self.starts_here(n),
                Way::Settled => {}
            }
        }
    }

    /// As `ActiveRun.interrupt` and `Agent.#interruptNow` do.
    fn answered(&mut self, n: usize, run: usize, ticket: Ticket) {
        let settled = &self.w.actors[run].settled;
        let stops = self.promises[n].stops();
        let outcome = settled.get(&Ticket::RESULT).map(|over| match over {
            Ok(outcome) => outcome["status"].as_str().unwrap_or_default().to_owned(),
            Err(_) => "refused".to_owned(),
        });
        match (settled.get(&ticket).cloned(), outcome) {
            (Some(Ok(answer)), _) if !stops => return self.settles(n, Ok(answer)),
            (_, None) => return,
            (Some(Ok(answer)), Some(status)) if status != "paused" => return self.settles(n, Ok(answer)),
            (Some(Err(e)), Some(status)) if !matches!(&*status, "superseded" | "yielded" | "refused") => {
                return self.settles(n, Err(e));
            }
            _ => self.promises[n].way = Way::Settled,
        }
        let Promise { deed, process, given, begins, .. } = self.promises[n];
        self.interrupt(deed, process, given);
        if let Some(promise) = self.promises.last_mut() {
            promise.begins |= begins;
        }
    }

    /// As `Agent.begin` does: after every pause and stop, into the run that is there, or a new one.
    fn starts_here(&mut self, n: usize) {
        let process = self.promises[n].process;
        let open = |p: &Promise| p.process == process && p.interrupts() && !p.is_settled();
        if self.promises.iter().any(open) {
            return;
        }
        self.promises[n].way = match self.live_run(process) {
            Some(_) => Way::Settled,
            None => Way::Own { actor: self.run(process, "start", json!({})) },
        };
    }

    fn settles(&mut self, n: usize, result: Result<Value, EngineError>) {
        self.promises[n].way = Way::Settled;
        let Promise { deed, process, begins, by_person, .. } = self.promises[n];
        match &result {
            Ok(answer) if deed.sends() => {
                self.sent.extend(answer.as_str().map(str::to_owned));
                if let (Deed::SendHere, Some(run)) = (deed, self.live_run(process)) {
                    let _ticket = self.w.command(run, Command::Look);
                }
            }
            Ok(_) if self.promises[n].interrupts() && !begins => self.interrupted_well(deed),
            Ok(_) => {}
            Err(e) => {
                if !self.may_fail(deed, e, by_person) {
                    self.audit.broken.push(format!("{deed:?} fails with {:?}: {}", e.code, e.message));
                }
            }
        }
    }

    /// It is durable, and nothing starts any more.
    fn interrupted_well(&mut self, deed: Deed) {
        if self.case.does(Deed::deletes) {
            return;
        }
        let journal = &self.audit.journal;
        let written = self.case.does(Deed::writes_status);
        if journal.runs && !written {
            self.audit.broken.push(format!("P3 {deed:?} settles well and the journal has no end"));
            return;
        }
        let Some(end) = journal.last_end.filter(|_| !journal.runs) else { return };
        // A pause at the same time may answer both.
        let pauses = self.case.does(|d| matches!(d, Deed::Pause | Deed::PauseHere));
        if matches!(deed, Deed::Stop | Deed::StopHere) && end == EndStatus::Paused && !pauses {
            self.audit.broken.push(format!("P3 {deed:?} settles well and the journal has a pause"));
        }
        self.audit.bar_all();
    }

    fn may_fail(&self, deed: Deed, error: &EngineError, by_person: bool) -> bool {
        use Code::{AlreadyDecided, InvalidArgument, InvalidTransition, LeaseHeld};
        let store = matches!(error.code, Code::StoreUnavailable | Code::StoreDenied);
        if store && (self.case.has_faults() || self.case.frozen_ms() > 0) {
            return true;
        }
        if self.case.does(Deed::deletes) {
            return true;
        }
        match deed {
            Deed::Approve | Deed::Reject | Deed::Answer => {
                matches!(error.code, AlreadyDecided) || (error.code == InvalidArgument && !by_person)
            }
            Deed::Send | Deed::SendHere => error.code == InvalidTransition,
            Deed::Start | Deed::Resume | Deed::Run | Deed::RunWaiting | Deed::StartHere => {
                matches!(error.code, LeaseHeld | InvalidTransition)
            }
            _ => false,
        }
    }
}
