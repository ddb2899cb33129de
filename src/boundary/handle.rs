//! One machine and everything outside that belongs to it.

use super::host::{Host, Store, instant};
use super::open::Subject;
use super::perform::Outside;
use super::reply::{command, failure};
use super::timer::Timer;
use crate::effect::{Effect, Input, Machine, Ticket};
use crate::json::{self, Encode};
use serde_json::Value;
use std::cell::{Cell, RefCell};
use std::iter;
use std::rc::Rc;
use wasm_bindgen::prelude::wasm_bindgen;

/// A run or a command, as JavaScript holds it. Every method may be called at any time, also from within a callback
/// of the engine.
#[wasm_bindgen]
pub struct EngineHandle {
    outside: Rc<Outside>,
    machine: RefCell<Subject>,
    timer: Timer,
    performing: Cell<bool>,
    through: Cell<bool>,
}

#[wasm_bindgen]
impl EngineHandle {
    /// Makes the machine `kind` from its configuration, JSON text. Nothing happens before `begin`.
    ///
    /// # Errors
    /// An `EngineError` as JSON text where the configuration cannot be used.
    #[wasm_bindgen(constructor)]
    pub fn new(host: Host, store: Store, kind: &str, config: &str) -> Result<EngineHandle, String> {
        let machine = Subject::open(host.now(), kind, config).map_err(|error| json::text(&error.encode()))?;
        Ok(Self::around(host, store, machine))
    }

    /// Performs what the machine wants first.
    pub fn begin(&self) {
        self.perform_all();
    }

    /// Takes in what has arrived since, the time included.
    pub fn wake(&self) {
        while let Some(arrival) = self.outside.next_arrival() {
            self.take_in(arrival.into_input(&self.outside.host));
        }
        let now = self.outside.host.now();
        let due = self.machine.borrow().poll_timeout().is_some_and(|at| at <= now.mono);
        if due {
            self.machine.borrow_mut().handle(now, Input::Timeout);
        }
        self.perform_all();
    }

    /// As `wake`, when the timer has fired.
    pub fn tick(&self) {
        self.timer.fired();
        self.wake();
    }

    /// A piece of the model's text; the fast path of `streamed`. False: no longer wanted.
    #[wasm_bindgen(js_name = textDelta)]
    #[must_use]
    pub fn text_delta(&self, ticket: f64, mono: f64, index: u32, text: &str) -> bool {
        let wanted = self.machine.borrow_mut().text_delta(instant(mono), ticket_of(ticket), index, text);
        // Mostly a delta changes nothing outside: even the timer stays, because deadlines only move on.
        if !self.performing.get() {
            let effects = self.take_effects();
            if !effects.is_empty() {
                self.perform_from(effects);
            }
        }
        wanted
    }

    /// Any other event of the model's stream, as JSON text. False: no longer wanted.
    #[must_use]
    pub fn streamed(&self, ticket: f64, event: &str) -> bool {
        let ticket = ticket_of(ticket);
        let event = json::parse(event).unwrap_or(Value::Null);
        self.take_in(Input::Streamed { ticket, event });
        self.outside.is_under_way(ticket)
    }

    /// The model's stream is over; `failed` is the `Failure` that ended it, as JSON text.
    #[wasm_bindgen(js_name = streamEnded)]
    pub fn stream_ended(&self, ticket: f64, failed: Option<String>) {
        let ticket = ticket_of(ticket);
        if self.outside.land(ticket) {
            let result = failed.map_or(Ok(()), |text| Err(failure(&text)));
            self.take_in(Input::StreamEnded { ticket, result });
        }
    }

    /// Whether the tool of this ticket may be run: to be asked for right before. Where it may not, its promise resolves
    /// with `{"notRun":true}`.
    #[wasm_bindgen(js_name = mayRun)]
    #[must_use]
    pub fn may_run(&self, ticket: f64) -> bool {
        let now = self.outside.host.now();
        self.machine.borrow().may_run(now, ticket_of(ticket))
    }

    /// A command to the machine, as JSON text; its answer is settled under `ticket`, from 2^52 upwards, or 0.
    pub fn command(&self, ticket: f64, text: &str) {
        if let Some(command) = command(text) {
            self.take_in(Input::Command { ticket: ticket_of(ticket), command });
        }
    }

    /// Something watched has changed.
    pub fn changed(&self) {
        self.take_in(Input::Changed);
    }

    /// Aborts whatever is open and drops the timer. The machine stays as it is.
    pub fn close(&self) {
        self.timer.cancel();
        self.outside.close();
    }
}

impl EngineHandle {
    /// A handle for a machine that is there already.
    #[must_use]
    pub fn around(host: Host, store: Store, machine: Subject) -> EngineHandle {
        EngineHandle {
            outside: Rc::new(Outside::new(host, store)),
            machine: RefCell::new(machine),
            timer: Timer::default(),
            performing: Cell::new(false),
            through: Cell::new(false),
        }
    }
}

/// Tickets stay below 2^53.
fn ticket_of(number: f64) -> Ticket {
    Ticket(number as u64)
}

impl EngineHandle {
    fn take_in(&self, input: Input) {
        let now = self.outside.host.now();
        self.machine.borrow_mut().handle(now, input);
        self.perform_all();
    }

    fn perform_all(&self) {
        // Called back from within an effect: the loop further out goes on with what this has added.
        if !self.performing.get() {
            let effects = self.take_effects();
            self.perform_from(effects);
        }
    }

    fn perform_from(&self, mut effects: Vec<Effect>) {
        self.performing.set(true);
        while !effects.is_empty() {
            for effect in effects {
                self.outside.perform(effect);
            }
            effects = self.take_effects();
        }
        self.performing.set(false);
        self.rest();
    }

    fn take_effects(&self) -> Vec<Effect> {
        let mut machine = self.machine.borrow_mut();
        iter::from_fn(|| machine.poll_effect()).collect()
    }

    fn rest(&self) {
        let (wanted, done) = {
            let machine = self.machine.borrow();
            (machine.poll_timeout(), machine.is_done())
        };
        if done {
            self.timer.cancel();
            if !self.through.replace(true) {
                self.outside.host.done();
            }
        } else {
            self.timer.set(&self.outside.host, self.outside.host.now().mono, wanted);
        }
    }
}
