//! A world for native tests: machines, one store between them, and a clock that jumps to whatever happens next.
//!
//! Every store call takes [`World::latency_ms`] there and back; a reply that is lost or late is a [`Fault`].

mod faults;
mod store;

#[allow(unused_imports)]
pub use faults::{Fault, Faults, Op};
pub use store::MemoryStore;

use crate::effect::{Effect, Input, LogLevel, Machine, Question, Ticket};
use crate::error::EngineError;
use crate::lifecycle::Status;
use crate::store::StoreWrite;
use crate::time::{Instant, Now};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

/// 2024-02-29T12:00:00.000Z, where every world begins.
pub const EPOCH: i64 = 1_709_208_000_000;
/// A test that has not ended after so many steps runs in circles.
const MAX_STEPS: usize = 200_000;

/// Names a machine of a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(usize);

/// Performs a machine's model, tool and host effects: the inputs that reply, each after so many milliseconds.
pub type Host = Box<dyn FnMut(&Effect, Now) -> Vec<(u64, Input)>>;

struct Slot {
    machine: Box<dyn Machine>,
    host: Host,
    alive: bool,
    watched: Vec<String>,
    cancelled: Vec<Ticket>,
    /// Effects that were performed so far.
    performed: usize,
    /// Under which it took the task.
    owners: Vec<String>,
    settled: BTreeMap<Ticket, Result<Value, EngineError>>,
    events: Vec<Value>,
    statuses: Vec<Status>,
    logs: Vec<(LogLevel, String)>,
}

enum Happening {
    Arrives { from: Id, effect: Effect, fault: Option<Fault> },
    Reaches { to: Id, ticket: Option<Ticket>, input: Input },
}

/// Machines, a store, and time.
pub struct World {
    /// What the machines share.
    pub store: MemoryStore,
    /// What goes wrong with store calls.
    pub faults: Faults,
    /// One way.
    pub latency_ms: u64,
    /// Whether the store can watch.
    pub watches: bool,
    /// `store.holder.alive`: those that are not here are alive.
    pub dead_holders: Vec<String>,
    /// A run of the task is under way in this process.
    pub runs_here: bool,
    now: Instant,
    slots: Vec<Slot>,
    queue: BTreeMap<(Instant, u64), Happening>,
    order: u64,
    effects: HashMap<&'static str, usize>,
    /// Some fault has occurred.
    faulty: bool,
}

impl World {
    /// With an empty store.
    pub fn new() -> World {
        World {
            store: MemoryStore::default(),
            faults: Faults::default(),
            latency_ms: 2,
            watches: false,
            dead_holders: Vec::new(),
            runs_here: false,
            now: Instant(1_000),
            slots: Vec::new(),
            queue: BTreeMap::new(),
            order: 0,
            effects: HashMap::new(),
            faulty: false,
        }
    }

    /// The time.
    pub fn now(&self) -> Now {
        Now { mono: self.now, wall: EPOCH + self.now.0 as i64 }
    }

    /// Adds a machine that talks to the store only.
    pub fn spawn(&mut self, machine: Box<dyn Machine>) -> Id {
        self.spawn_with(machine, Box::new(|effect, _| panic!("nobody performs {effect:?}")))
    }

    /// Adds a machine with its model, tools and callbacks.
    pub fn spawn_with(&mut self, machine: Box<dyn Machine>, host: Host) -> Id {
        let id = Id(self.slots.len());
        self.slots.push(Slot {
            machine,
            host,
            alive: true,
            watched: Vec::new(),
            cancelled: Vec::new(),
            performed: 0,
            owners: Vec::new(),
            settled: BTreeMap::new(),
            events: Vec::new(),
            statuses: Vec::new(),
            logs: Vec::new(),
        });
        self.drain(id);
        id
    }

    /// Its process is gone: what it has sent still arrives, nothing reaches it.
    pub fn kill(&mut self, id: Id) {
        self.slots[id.0].alive = false;
    }

    /// Hands an input in, now.
    pub fn input(&mut self, id: Id, input: Input) {
        let now = self.now();
        let slot = &mut self.slots[id.0];
        if slot.alive {
            slot.machine.handle(now, input);
            self.drain(id);
        }
    }

    /// How a ticket was settled, if it was.
    pub fn settled(&self, id: Id, ticket: Ticket) -> Option<&Result<Value, EngineError>> {
        self.slots[id.0].settled.get(&ticket)
    }

    /// What listeners got.
    pub fn events(&self, id: Id) -> &[Value] {
        &self.slots[id.0].events
    }

    /// The types of what listeners got.
    pub fn event_types(&self, id: Id) -> Vec<&str> {
        self.events(id).iter().map(|e| e["type"].as_str().unwrap()).collect()
    }

    /// Statuses shown, in order.
    pub fn statuses(&self, id: Id) -> &[Status] {
        &self.slots[id.0].statuses
    }

    /// Lines logged.
    pub fn logs(&self, id: Id) -> &[(LogLevel, String)] {
        &self.slots[id.0].logs
    }

    /// How many effects of that name (`read`, `list`, `commit`, `watch`, `cancel`) were performed so far.
    pub fn count(&self, name: &str) -> usize {
        self.effects.get(name).copied().unwrap_or(0)
    }

    /// The machine's own view.
    pub fn machine(&mut self, id: Id) -> &mut dyn Machine {
        self.slots[id.0].machine.as_mut()
    }

    /// Lets everything happen until the machine's result is settled, and for what it does after that.
    pub fn result(&mut self, id: Id) -> Result<Value, EngineError> {
        self.run_until(|w| w.slots[id.0].settled.contains_key(&Ticket::RESULT));
        let slot = &self.slots[id.0];
        assert!(slot.machine.is_done(), "settled, yet not done");
        assert!(slot.watched.is_empty(), "a watch outlives the machine that asked for it");
        assert!(
            self.faulty || !slot.owners.iter().any(|o| self.is_held_by(o)),
            "its lease outlives a machine"
        );
        self.slots[id.0].settled[&Ticket::RESULT].clone()
    }

    fn is_held_by(&self, owner: &str) -> bool {
        let heads = self.store.paths("").into_iter().filter(|path| path.ends_with("/engine/head"));
        heads.filter_map(|path| self.store.get(path)).any(|head| head["owner"]["id"] == owner)
    }

    /// Lets everything happen until the condition holds.
    pub fn run_until(&mut self, mut condition: impl FnMut(&World) -> bool) {
        for _ in 0..MAX_STEPS {
            if condition(self) {
                return;
            }
            assert!(self.step(None), "nothing can happen any more, and the condition does not hold");
        }
        panic!("runs in circles at {:?}", self.now);
    }

    /// Lets everything happen that is due within so many milliseconds, then sets the clock there.
    pub fn advance(&mut self, ms: u64) {
        let until = self.now + ms;
        for _ in 0..MAX_STEPS {
            if !self.step(Some(until)) {
                self.now = self.now.max(until);
                return;
            }
        }
        panic!("runs in circles at {:?}", self.now);
    }

    /// The next thing happens; false where nothing is due (by then).
    fn step(&mut self, by: Option<Instant>) -> bool {
        let queued = self.queue.keys().next().copied();
        let timer = self
            .slots
            .iter()
            .enumerate()
            .filter(|(_, s)| s.alive && !s.machine.is_done())
            .filter_map(|(n, s)| s.machine.poll_timeout().map(|at| (at, Id(n))))
            .min();
        let due = match (queued, timer) {
            (Some((q, _)), Some((t, _))) => q.min(t),
            (Some((q, _)), None) => q,
            (None, Some((t, _))) => t,
            (None, None) => return false,
        };
        if by.is_some_and(|by| due > by) {
            return false;
        }
        self.now = self.now.max(due);
        match (queued, timer) {
            (Some(key), t) if t.is_none_or(|(at, _)| key.0 <= at) => {
                if let Some(happening) = self.queue.remove(&key) {
                    self.happen(happening);
                }
            }
            (_, Some((_, id))) => self.wake(id),
            _ => {}
        }
        true
    }

    /// Something comes of it: a machine that asks for the same moment again would ask for ever.
    fn wake(&mut self, id: Id) {
        let before = self.slots[id.0].performed;
        self.input(id, Input::Timeout);
        let slot = &self.slots[id.0];
        let again = Some(&slot.machine).filter(|m| !m.is_done()).and_then(|m| m.poll_timeout());
        let in_vain = slot.performed == before && again.is_some_and(|at| at <= self.now);
        assert!(!in_vain, "a machine is woken at {:?} and wants to be woken at once", self.now);
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Reaches { to, ticket, input } => {
                let cancelled = ticket.is_some_and(|t| self.slots[to.0].cancelled.contains(&t));
                if !cancelled {
                    self.input(to, input);
                }
            }
            Happening::Arrives { from, effect, fault } => {
                let (ticket, input, changed) = self.store.perform(effect, fault, self.now);
                if !matches!(fault, Some(Fault::LostReply | Fault::Silence)) {
                    self.later(self.latency_ms, Happening::Reaches { to: from, ticket: Some(ticket), input });
                }
                self.notify(&changed);
            }
        }
    }

    fn notify(&mut self, changed: &[String]) {
        if !self.watches || changed.is_empty() {
            return;
        }
        let within = |watched: &String| {
            changed
                .iter()
                .any(|path| path == watched || path.rsplit_once('/').is_some_and(|(c, _)| c == watched))
        };
        for n in 0..self.slots.len() {
            if self.slots[n].watched.iter().any(within) {
                let input = Input::Changed;
                self.later(self.latency_ms, Happening::Reaches { to: Id(n), ticket: None, input });
            }
        }
    }

    fn later(&mut self, ms: u64, happening: Happening) {
        self.order += 1;
        self.queue.insert((self.now + ms, self.order), happening);
    }

    /// Performs every effect that is ready.
    fn drain(&mut self, id: Id) {
        while let Some(effect) = self.slots[id.0].machine.poll_effect() {
            self.perform(id, effect);
        }
    }

    fn perform(&mut self, id: Id, effect: Effect) {
        let slot = &mut self.slots[id.0];
        slot.performed += 1;
        if let Effect::Commit { writes, .. } = &effect {
            slot.owners.extend(writes.iter().filter_map(owner_of));
        }
        let name = match effect {
            Effect::Read { .. } => "read",
            Effect::List { .. } => "list",
            Effect::Commit { .. } => "commit",
            Effect::Watch { .. } => "watch",
            Effect::Cancel { .. } => "cancel",
            _ => "",
        };
        *self.effects.entry(name).or_default() += 1;
        match effect {
            Effect::Read { .. } | Effect::List { .. } | Effect::Commit { .. } => {
                let fault = self.faults.next(&effect);
                self.faulty |= fault.is_some();
                let delay = if let Some(Fault::Late(ms)) = fault { ms } else { 0 };
                self.later(self.latency_ms + delay, Happening::Arrives { from: id, effect, fault });
            }
            Effect::Cancel { ticket } => {
                assert!(!slot.cancelled.contains(&ticket), "{ticket:?} is cancelled twice");
                slot.cancelled.push(ticket);
            }
            Effect::Watch { paths } => slot.watched = paths,
            Effect::Emit { event } => slot.events.push(event),
            Effect::Status { status } => slot.statuses.push(status),
            Effect::Log { level, message } => slot.logs.push((level, message)),
            Effect::Settle { ticket, result } => {
                let before = slot.settled.insert(ticket, result);
                assert_eq!(before, None, "{ticket:?} is settled twice");
            }
            Effect::Ask { ticket, question: Question::Alive { holder } } => {
                let alive = !self.dead_holders.contains(&holder);
                let input = Input::Answered { ticket, result: Ok(json!(alive)) };
                self.later(0, Happening::Reaches { to: id, ticket: Some(ticket), input });
            }
            Effect::Ask { ticket, question: Question::Runs } => {
                let input = Input::Answered { ticket, result: Ok(json!(self.runs_here)) };
                self.later(0, Happening::Reaches { to: id, ticket: Some(ticket), input });
            }
            Effect::Converse { .. } | Effect::RunTool { .. } | Effect::Ask { .. } => {
                let now = Now { mono: self.now, wall: EPOCH + self.now.0 as i64 };
                for (ms, input) in (slot.host)(&effect, now) {
                    self.later(ms, Happening::Reaches { to: id, ticket: ticket_of(&effect), input });
                }
            }
        }
    }
}

/// The owner that a write of the head names.
fn owner_of(write: &StoreWrite) -> Option<String> {
    let owner = match write {
        StoreWrite::Create { data, .. } => data.get("owner"),
        StoreWrite::Update { fields, .. } => fields.iter().find(|f| f.path == ["owner"])?.value.as_ref(),
        StoreWrite::Delete { .. } => None,
    };
    owner?["id"].as_str().map(str::to_owned)
}

fn ticket_of(effect: &Effect) -> Option<Ticket> {
    match effect {
        Effect::Converse { ticket, .. } | Effect::RunTool { ticket, .. } | Effect::Ask { ticket, .. } => {
            Some(*ticket)
        }
        _ => None,
    }
}
