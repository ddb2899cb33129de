//! The boundary under Node: run by `wasm-pack test --node -- --test wasm_node`.
#![cfg(target_arch = "wasm32")]

#[path = "boundary/mod.rs"]
mod contract;

use task_execution_engine::boundary;
use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen_test]
fn the_engine_tells_its_version() {
    assert_eq!(boundary::version(), env!("CARGO_PKG_VERSION"));
}
