//! What JavaScript sees of the engine: exports, the performing of effects, conversions.
//!
//! Everything that can run the core is an export that the JavaScript side calls inside its guard: promises and
//! timers only note what arrived and ask to be woken. So a panic surfaces in one place, never in a microtask of
//! its own. No borrow is held while JavaScript runs: effects are taken out first, then performed, and whatever
//! calls back in meanwhile finds the machine free.

mod handle;
mod host;
mod open;
mod panic;
mod perform;
#[cfg(feature = "provoke-panic")]
mod provoke;
mod reply;
mod timer;

pub use handle::EngineHandle;
pub use host::{Host, Store};
pub use open::Subject;
pub use panic::on_panic;
#[cfg(feature = "provoke-panic")]
pub use provoke::provoke_panic;

use wasm_bindgen::prelude::wasm_bindgen;

/// The version of the engine inside the wasm, that of the npm package.
#[wasm_bindgen]
#[must_use]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
