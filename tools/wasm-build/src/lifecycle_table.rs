//! Prints the lifecycle table as JSON; the build generates `TaskLifecycle.can` and `next` from it.
//!
//! The modules it comes from are compiled by themselves: the whole engine, for this machine, takes as long to
//! compile as the wasm does.

#![allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "the table is a small part of what the modules are for"
)]

#[path = "../../../src/error.rs"]
mod error;
#[path = "../../../src/json/mod.rs"]
mod json;
#[path = "../../../src/lifecycle.rs"]
mod lifecycle;

fn main() {
    println!("{:#}", lifecycle::table_json());
}
