//! What JavaScript sees of the engine: exports, the performing of effects, conversions.

use wasm_bindgen::prelude::wasm_bindgen;

/// The version of the engine inside the wasm, that of the npm package.
#[wasm_bindgen]
#[must_use]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
