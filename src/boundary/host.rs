//! What the engine is given by JavaScript, as typed imports.

use crate::time::{Instant, Now};
use js_sys::{Array, Function, Promise};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::{AbortController, AbortSignal};

#[wasm_bindgen]
extern "C" {
    /// The user's `TaskStore`.
    pub type Store;

    #[wasm_bindgen(method, structural, catch)]
    pub(super) fn read(this: &Store, paths: &Array, options: &Options) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    pub(super) fn list(this: &Store, collection: &str, options: &Options) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    pub(super) fn commit(this: &Store, writes: &JsValue, options: &Options) -> Result<JsValue, JsValue>;

    /// The options of a store call: a plain object.
    pub(super) type Options;

    #[wasm_bindgen(method, structural, setter)]
    pub(super) fn set_signal(this: &Options, signal: &AbortSignal);
    #[wasm_bindgen(method, structural, setter)]
    pub(super) fn set_limit(this: &Options, limit: u32);
    #[wasm_bindgen(method, structural, setter)]
    pub(super) fn set_after(this: &Options, after: &str);

    /// The package's own half of the boundary, `Machine` in `js/machine.ts`. None of its methods throws, but for those
    /// that act outside once this instance has panicked: that ends whatever still runs in it.
    #[derive(Clone)]
    pub type Host;

    /// Milliseconds on the monotonic clock.
    #[wasm_bindgen(method, structural)]
    pub(super) fn mono(this: &Host) -> f64;
    /// Milliseconds since 1970.
    #[wasm_bindgen(method, structural)]
    pub(super) fn wall(this: &Host) -> f64;
    /// Whether timers are the host's (`after`) or the platform's.
    #[wasm_bindgen(method, structural, getter, js_name = ownsTimers)]
    pub(super) fn owns_timers(this: &Host) -> bool;
    /// Calls `tick()` in `ms`; what it returns cancels that.
    #[wasm_bindgen(method, structural)]
    pub(super) fn after(this: &Host, ms: f64) -> Function;
    /// Something arrived: calls `EngineHandle.wake()` inside the guard.
    #[wasm_bindgen(method, structural)]
    pub(super) fn wake(this: &Host);
    /// The timer fired: calls `EngineHandle.tick()` inside the guard.
    #[wasm_bindgen(method, structural)]
    pub(super) fn tick(this: &Host);
    /// The machine is through; the handle may be freed once this call is over.
    #[wasm_bindgen(method, structural)]
    pub(super) fn done(this: &Host);

    /// A controller that stays open until `closed` with the same ticket.
    #[wasm_bindgen(method, structural)]
    pub(super) fn opened(this: &Host, ticket: f64, controller: &AbortController);
    #[wasm_bindgen(method, structural)]
    pub(super) fn closed(this: &Host, ticket: f64);

    /// A value as JSON text with well-formed strings; in a list, documents of the version `known` without their data.
    #[wasm_bindgen(method, structural, catch)]
    pub(super) fn stringify(this: &Host, value: &JsValue, known: Option<String>) -> Result<String, JsValue>;
    /// `{ code, message, cause }` of what a store threw.
    #[wasm_bindgen(method, structural, js_name = describeStoreError)]
    pub(super) fn describe_store_error(this: &Host, thrown: &JsValue) -> String;

    #[wasm_bindgen(method, structural)]
    pub(super) fn watch(this: &Host, paths: Vec<String>);
    #[wasm_bindgen(method, structural)]
    pub(super) fn converse(this: &Host, ticket: f64, ops: &str, message_id: &str, attempt: u32);
    #[wasm_bindgen(method, structural, js_name = runTool)]
    pub(super) fn run_tool(
        this: &Host,
        ticket: f64,
        call: &str,
        attempt: u32,
        idempotency_key: &str,
        signal: &AbortSignal,
    ) -> Promise;
    #[wasm_bindgen(method, structural)]
    pub(super) fn ask(this: &Host, question: &str) -> Promise;
    #[wasm_bindgen(method, structural)]
    pub(super) fn emit(this: &Host, event: &str);
    #[wasm_bindgen(method, structural)]
    pub(super) fn status(this: &Host, status: &str);
    #[wasm_bindgen(method, structural)]
    pub(super) fn settle(this: &Host, ticket: f64, ok: bool, result: &str, cause: Option<u32>);
    #[wasm_bindgen(method, structural)]
    pub(super) fn log(this: &Host, level: &str, message: &str);
}

impl Host {
    pub(super) fn now(&self) -> Now {
        Now { mono: instant(self.mono()), wall: self.wall() as i64 }
    }
}

/// A reading of the monotonic clock; a float outside the range saturates.
pub(super) fn instant(mono: f64) -> Instant {
    Instant(mono as u64)
}
