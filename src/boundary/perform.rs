//! Effects, performed; what is under way outside, and what has arrived from there.

use super::host::{Host, Options, Store};
use super::reply::{Arrival, Shape};
use crate::effect::{Effect, Question, Ticket};
use crate::json::{self, Encode, json};
use crate::sorted::SortedMap;
use crate::store::StoreWrite;
use js_sys::{Array, Function, JSON, Object, Promise};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::AbortController;

/// What is under way for a ticket.
#[derive(Default)]
struct Flight {
    controller: Option<AbortController>,
    /// Settles what is waited for.
    release: Option<Function>,
    /// A tool that is aborted may still say what it has done.
    heard_when_cancelled: bool,
}

impl Flight {
    /// Aborts the signal and forgets whoever waits: a promise that never settles must not keep its waiter.
    fn abort(self) {
        // A callback of ours lives until its promise settles, the host's may never do so.
        if let Some(release) = self.release {
            let _ = release.call0(&JsValue::UNDEFINED);
        }
        if let Some(controller) = self.controller {
            controller.abort();
        }
    }
}

/// Everything outside of one machine.
pub(super) struct Outside {
    pub(super) host: Host,
    store: Store,
    flights: RefCell<SortedMap<Ticket, Flight>>,
    arrived: RefCell<VecDeque<Arrival>>,
}

impl Outside {
    pub(super) fn new(host: Host, store: Store) -> Self {
        Outside { host, store, flights: RefCell::default(), arrived: RefCell::default() }
    }

    /// The next reply that still counts: its effect is over with it.
    pub(super) fn next_arrival(&self) -> Option<Arrival> {
        loop {
            let arrival = self.arrived.borrow_mut().pop_front()?;
            if self.land(arrival.ticket) {
                return Some(arrival);
            }
        }
    }

    /// Aborts whatever is open.
    pub(super) fn close(&self) {
        for (ticket, flight) in self.flights.take() {
            flight.abort();
            self.host.closed(ticket.0 as f64);
        }
    }

    pub(super) fn perform(self: &Rc<Self>, effect: Effect) {
        match effect {
            Effect::Read { ticket, paths, known } => {
                let options = self.options(ticket);
                let wanted = paths.len();
                let paths: Array = paths.into_iter().map(JsValue::from).collect();
                let called = self.store.read(&paths, &options);
                self.wait(ticket, Shape::Documents { wanted, known }, called);
            }
            Effect::List { ticket, collection, after, limit } => {
                let options = self.options(ticket);
                options.set_limit(limit);
                if let Some(after) = after {
                    options.set_after(&after);
                }
                let called = self.store.list(&collection, &options);
                self.wait(ticket, Shape::Page, called);
            }
            Effect::Commit { ticket, writes } => {
                let options = self.options(ticket);
                let called = writes_of(&writes).and_then(|writes| self.store.commit(&writes, &options));
                self.wait(ticket, Shape::Version, called);
            }
            Effect::Cancel { ticket } => self.cancel(ticket),
            Effect::Watch { paths } => self.host.watch(paths),
            Effect::Converse { ticket, ops, message_id, attempt } => {
                self.controller(ticket);
                let ops = json::text(&ops.encode());
                self.host.converse(ticket.0 as f64, &ops, &message_id, attempt);
            }
            Effect::RunTool { ticket, call, attempt, idempotency_key } => {
                let controller = self.controller(ticket);
                let call = json::text(&call.encode());
                let signal = controller.signal();
                if let Some(flight) = self.flights.borrow_mut().get_mut(&ticket) {
                    flight.heard_when_cancelled = true;
                }
                let promise = self.host.run_tool(ticket.0 as f64, &call, attempt, &idempotency_key, &signal);
                self.wait(ticket, Shape::Returned, Ok(promise.into()));
            }
            Effect::Ask { ticket, question } => {
                self.flights.borrow_mut().insert(ticket, Flight::default());
                let promise = self.host.ask(&question_text(&question));
                self.wait(ticket, Shape::Answered, Ok(promise.into()));
            }
            Effect::Emit { event } => self.host.emit(&json::text(&event)),
            Effect::Status { status } => self.host.status(status.as_str()),
            Effect::Settle { ticket, result } => {
                let (ok, text, cause) = match result {
                    Ok(value) => (true, json::text(&value), None),
                    Err(error) => (false, json::text(&error.encode()), error.cause),
                };
                self.host.settle(ticket.0 as f64, ok, &text, cause.map(|cause| cause.0));
            }
            Effect::Log { level, message } => self.host.log(level.as_str(), &message),
        }
    }

    /// The effect of this ticket is over. False where it was before, so that its reply counts no more.
    pub(super) fn land(&self, ticket: Ticket) -> bool {
        let flight = self.flights.borrow_mut().remove(&ticket);
        if flight.as_ref().is_some_and(|flight| flight.controller.is_some()) {
            self.host.closed(ticket.0 as f64);
        }
        flight.is_some()
    }

    pub(super) fn is_under_way(&self, ticket: Ticket) -> bool {
        self.flights.borrow().get(&ticket).is_some()
    }

    fn cancel(&self, ticket: Ticket) {
        let tool = self
            .flights
            .borrow()
            .get(&ticket)
            .filter(|flight| flight.heard_when_cancelled)
            .and_then(|flight| flight.controller.clone());
        if let Some(controller) = tool {
            controller.abort();
            return;
        }
        let flight = self.flights.borrow_mut().remove(&ticket);
        if let Some(flight) = flight {
            flight.abort();
            self.host.closed(ticket.0 as f64);
        }
    }

    fn options(&self, ticket: Ticket) -> Options {
        let options: Options = Object::new().unchecked_into();
        options.set_signal(&self.controller(ticket).signal());
        options
    }

    fn controller(&self, ticket: Ticket) -> AbortController {
        // Every platform that runs wasm has AbortController; a missing one is a defect of the platform.
        let controller = AbortController::new().unwrap_or_else(|missing| wasm_bindgen::throw_val(missing));
        let flight = Flight { controller: Some(controller.clone()), ..Flight::default() };
        self.flights.borrow_mut().insert(ticket, flight);
        self.host.opened(ticket.0 as f64, &controller);
        controller
    }

    /// Notes what the call settles with and wakes the host. What came of it is looked at there, inside the guard.
    fn wait(self: &Rc<Self>, ticket: Ticket, shape: Shape, called: Result<JsValue, JsValue>) {
        let weak = Rc::downgrade(self);
        let host = self.host.clone();
        // Subscribed at once: a rejection that nobody has subscribed to ends a Node process.
        let mut release = None;
        let released = Promise::new(&mut |resolve, _| release = Some(resolve));
        let promised = called.map(|value| JsFuture::from(Promise::race(&Array::of2(&value, &released))));
        if let Some(flight) = self.flights.borrow_mut().get_mut(&ticket) {
            flight.release = release;
        }
        spawn_local(async move {
            // Commands that listeners have just given come before the answer, or a pause would let one more turn begin.
            let _ = JsFuture::from(Promise::resolve(&JsValue::UNDEFINED)).await;
            let settled = match promised {
                Ok(promised) => promised.await,
                Err(thrown) => Err(thrown),
            };
            if let Some(outside) = weak.upgrade().filter(|outside| outside.is_under_way(ticket)) {
                outside.arrived.borrow_mut().push_back(Arrival { ticket, shape, settled });
                host.wake();
            }
        });
    }
}

fn writes_of(writes: &[StoreWrite]) -> Result<JsValue, JsValue> {
    JSON::parse(&json::text(&writes.encode()))
}

fn question_text(question: &Question) -> String {
    json::text(&match question {
        Question::Tools { task } => json!({ "question": "tools", "task": task }),
        Question::Vet { task, calls } => json!({ "question": "vet", "task": task, "calls": calls }),
        Question::Prompt { task, context } => {
            json!({ "question": "prompt", "task": task, "context": context })
        }
        Question::LookUp { call } => json!({ "question": "lookUp", "call": call }),
        Question::Alive { holder } => json!({ "question": "alive", "holder": holder }),
        Question::Runs => json!({ "question": "runs" }),
    })
}
