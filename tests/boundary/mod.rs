//! What the boundary owes a machine and the host, whichever platform runs it.
#![allow(clippy::unwrap_used, clippy::panic)]

mod effects;
mod replies;

use js_sys::{Promise, Reflect, eval};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use task_execution_engine::boundary::{EngineHandle, Subject};
use task_execution_engine::effect::{Command, Effect, Input, Machine, Ticket};
use task_execution_engine::store::StoreErrorCode;
use task_execution_engine::time::{Instant, Now};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::wasm_bindgen_test;

/// Notes what it is told; hands out what it was given.
#[derive(Default)]
struct Probe {
    effects: VecDeque<Effect>,
    told: Rc<RefCell<Vec<Input>>>,
    timeout: Option<Instant>,
    on_command: Vec<Effect>,
    runs_no_tool: bool,
}

impl Machine for Probe {
    fn handle(&mut self, _now: Now, input: Input) {
        if matches!(input, Input::Timeout) {
            self.timeout = None;
        }
        if matches!(input, Input::Command { .. }) {
            self.effects.extend(self.on_command.drain(..));
        }
        self.told.borrow_mut().push(input);
    }

    fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.timeout
    }

    fn may_run(&self, _now: Now, _ticket: Ticket) -> bool {
        !self.runs_no_tool
    }

    fn is_done(&self) -> bool {
        false
    }
}

/// A host whose `emit` calls back in, with a log of what it was asked.
const HOST: &str = "({
    noted: [], handle: undefined, ownsTimers: false,
    mono() { return performance.now() }, wall() { return Date.now() },
    wake() { this.handle.wake() }, tick() { this.handle.tick() }, done() { this.noted.push('done') },
    opened(ticket) { this.noted.push('opened ' + ticket) }, closed(ticket) { this.noted.push('closed ' + ticket) },
    stringify(value) { return JSON.stringify(value) ?? 'null' },
    describeStoreError(thrown) {
        return JSON.stringify({ code: thrown?.code ?? 'unavailable', message: String(thrown?.message), cause: 7 })
    },
    emit(event) { this.noted.push(event); this.handle.command(2 ** 52, '{\"command\":\"pause\"}') },
    settle(ticket, ok, text) { this.noted.push(['settle', ticket, ok, text].join(' ')) },
    log(level, message) { this.noted.push(['log', level, message].join(' ')) },
    watch(paths) { this.noted.push('watch ' + paths.join(' ')) },
    status(status) { this.noted.push('status ' + status) },
    converse(...told) { this.noted.push(['converse', ...told].join(' ')) },
    runTool(ticket, call, attempt, key, signal) {
        this.noted.push(['runTool', call, attempt, key].join(' '));
        return this.tool?.(signal) ?? Promise.resolve('{}');
    },
    ask(question) { this.noted.push('ask ' + question); return this.answer?.() ?? Promise.resolve('{}') },
    after(ms) {
        this.noted.push('after');
        const timer = setTimeout(() => this.tick(), ms);
        return () => { this.noted.push('unset'); clearTimeout(timer) };
    },
})";

struct World {
    host: JsValue,
    told: Rc<RefCell<Vec<Input>>>,
}

impl World {
    /// A machine at work: `store` is the source of a store object.
    fn begin(store: &str, probe: Probe) -> World {
        World::prepared(store, probe, "prepared", "true")
    }

    /// With a property of the host set before the machine begins.
    fn prepared(store: &str, probe: Probe, property: &str, source: &str) -> World {
        let host = eval(HOST).unwrap();
        Reflect::set(&host, &property.into(), &eval(source).unwrap()).unwrap();
        let store = eval(&format!("({store})")).unwrap();
        let told = Rc::clone(&probe.told);
        let subject = Subject::Command(Box::new(probe));
        let handle = EngineHandle::around(host.clone().unchecked_into(), store.unchecked_into(), subject);
        let handle = JsValue::from(handle);
        Reflect::set(&host, &"handle".into(), &handle).unwrap();
        let world = World { host, told };
        world.call("begin()");
        world
    }

    /// Calls an export as JavaScript does.
    fn call(&self, what: &str) -> JsValue {
        let call = js_sys::Function::new_with_args("host", &format!("return host.handle.{what}"));
        call.call1(&JsValue::NULL, &self.host).unwrap()
    }

    fn log(&self) -> Vec<String> {
        let log = Reflect::get(&self.host, &"noted".into()).unwrap();
        js_sys::Array::from(&log).iter().filter_map(|line| line.as_string()).collect()
    }

    async fn told(&self) -> Vec<Input> {
        let soon: Promise = eval("new Promise((resolve) => setTimeout(resolve, 30))").unwrap().into();
        JsFuture::from(soon).await.unwrap();
        self.told.borrow().clone()
    }
}

fn reading(store: &str) -> World {
    let read = Effect::Read { ticket: Ticket(2), paths: vec!["a/b".to_owned()], known: None };
    World::begin(store, Probe { effects: [read].into(), ..Probe::default() })
}

fn read_code(told: &[Input]) -> Option<StoreErrorCode> {
    match told {
        [Input::Read { ticket: Ticket(2), result: Err(error) }] => Some(error.code),
        _ => None,
    }
}

#[wasm_bindgen_test]
async fn a_read_is_answered_with_its_documents_and_its_signal_is_closed() {
    let world = reading(
        "{ async read(paths, { signal }) {
            return [{ path: paths[0], data: { aborted: signal.aborted }, version: '1', ageMs: 2.7 }]
        } }",
    );
    let told = world.told().await;
    let [Input::Read { result: Ok(found), .. }] = told.as_slice() else { panic!("{told:?}") };
    let document = found[0].as_ref().unwrap();
    assert_eq!((document.path.as_str(), document.age_ms), ("a/b", Some(2)));
    assert_eq!(document.data["aborted"], false);
    assert_eq!(world.log(), ["opened 2", "closed 2"]);
}

#[wasm_bindgen_test]
async fn whatever_a_store_does_is_a_typed_failure_or_an_answer() {
    for (store, code) in [
        ("{ read() { throw { code: 'denied', message: 'no' } } }", StoreErrorCode::Denied),
        ("{ async read() { throw undefined } }", StoreErrorCode::Unavailable),
        ("{ read() { return 5 } }", StoreErrorCode::Invalid),
        ("{ read() { return [] } }", StoreErrorCode::Invalid),
        ("{ async read() { return [{ path: 1 }] } }", StoreErrorCode::Invalid),
        ("{ read() { return [10n] } }", StoreErrorCode::Invalid),
        ("{}", StoreErrorCode::Unavailable),
    ] {
        let told = reading(store).told().await;
        assert_eq!(read_code(&told), Some(code), "{store}: {told:?}");
    }
    let told = reading("{ read() { return [null] } }").told().await;
    assert_eq!(told, [Input::Read { ticket: Ticket(2), result: Ok(vec![None]) }]);
}

#[wasm_bindgen_test]
async fn a_commit_whose_reply_makes_no_sense_is_of_unknown_outcome() {
    let commit = Effect::Commit { ticket: Ticket(2), writes: Rc::new(Vec::new()) };
    let world =
        World::begin("{ commit() { return {} } }", Probe { effects: [commit].into(), ..Probe::default() });
    let told = world.told().await;
    let [Input::Committed { result: Err(error), .. }] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(error.code, StoreErrorCode::Unavailable);
}

#[wasm_bindgen_test]
async fn a_cancelled_call_is_aborted_and_its_late_reply_counts_no_more() {
    let read = Effect::Read { ticket: Ticket(2), paths: vec!["a/b".to_owned()], known: None };
    let probe = Probe {
        effects: [read].into(),
        on_command: vec![Effect::Cancel { ticket: Ticket(2) }],
        ..Probe::default()
    };
    let world = World::begin(
        "{ read(_, { signal }) {
            return new Promise((resolve) => signal.addEventListener('abort', () => resolve([null])))
        } }",
        probe,
    );
    world.call("command(2 ** 52, '{\"command\":\"look\"}')");
    let told = world.told().await;
    assert_eq!(told, [Input::Command { ticket: Ticket(1 << 52), command: Command::Look }]);
    assert_eq!(world.log(), ["opened 2", "closed 2"]);
}

#[wasm_bindgen_test]
async fn a_listener_may_call_back_in_and_what_follows_keeps_its_order() {
    let emit = |n: u32| Effect::Emit { event: serde_json::json!({ "n": n }) };
    let settle = Effect::Settle { ticket: Ticket(1 << 52), result: Ok(true.into()) };
    let probe = Probe { effects: [emit(1), emit(2)].into(), on_command: vec![settle], ..Probe::default() };
    let world = World::begin("{}", probe);
    let ticket = 1_u64 << 52;
    assert_eq!(
        world.log(),
        [r#"{"n":1}"#.to_owned(), r#"{"n":2}"#.to_owned(), format!("settle {ticket} true true")]
    );
    assert_eq!(world.told().await.len(), 2);
}

#[wasm_bindgen_test]
async fn the_timer_hands_in_that_time_has_passed() {
    let soon = Instant(eval("performance.now() + 10").unwrap().as_f64().unwrap() as u64);
    let world = World::begin("{}", Probe { timeout: Some(soon), ..Probe::default() });
    assert_eq!(world.told().await, [Input::Timeout]);
}

#[wasm_bindgen_test]
async fn a_closed_machine_hears_nothing_more() {
    let soon = Instant(eval("performance.now() + 5").unwrap().as_f64().unwrap() as u64);
    let read = Effect::Read { ticket: Ticket(2), paths: vec!["a/b".to_owned()], known: None };
    let probe = Probe { effects: [read].into(), timeout: Some(soon), ..Probe::default() };
    let world = World::begin("{ async read() { return [null] } }", probe);
    world.call("close()");
    assert_eq!(world.told().await, []);
    assert_eq!(world.log(), ["opened 2", "closed 2"]);
}

#[wasm_bindgen_test]
fn a_machine_that_streams_nothing_wants_no_deltas() {
    let world = World::begin("{}", Probe::default());
    assert_eq!(world.call("textDelta(2, 0, 0, 'x')"), JsValue::FALSE);
    assert_eq!(world.call("streamed(2, 'no JSON')"), JsValue::FALSE);
}
