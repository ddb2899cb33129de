//! The boundary in a browser: run by `wasm-pack test --headless --chrome -- --test wasm_browser`.
#![cfg(target_arch = "wasm32")]

#[path = "boundary/mod.rs"]
mod contract;

use task_execution_engine::boundary;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen_test]
fn the_engine_tells_its_version() {
    assert_eq!(boundary::version(), env!("CARGO_PKG_VERSION"));
}
