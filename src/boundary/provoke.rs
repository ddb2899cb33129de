//! Panics when told to, so that tests can see what a panic leads to. Only in builds with the feature
//! `provoke-panic`, which nothing that is released has.

use std::cell::RefCell;
use wasm_bindgen::prelude::wasm_bindgen;

thread_local! {
    static NEXT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// The next machine that takes in `input`, the name of a variant of [`crate::effect::Input`] or `TextDelta` or `Open`,
/// panics while it does.
#[wasm_bindgen(js_name = provokePanic)]
pub fn provoke_panic(input: String) {
    NEXT.with(|next| next.replace(Some(input)));
}

#[allow(clippy::panic)] // what it is for
pub(super) fn at(input: &str) {
    let told = NEXT.with(|next| next.borrow_mut().take_if(|wanted| input.starts_with(wanted.as_str())));
    if let Some(wanted) = told {
        panic!("told to, at {wanted}");
    }
}
