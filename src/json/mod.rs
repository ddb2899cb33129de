//! JSON: one way in, text to `Value` to types, and one way out, types to `Value` to text.
//!
//! Serde's derives compile a reader for every pair of a type and a source, and a buffer in between for tagged, flattened
//! and untagged ones: a quarter of the wasm. Here a type names its fields once (`record!`, `tagged!`, `words!`), and all
//! of them go through the same few functions.

mod decode;
mod encode;
mod macros;

pub(crate) use decode::{Decode, Fields, Reader, Record, found};
pub(crate) use encode::{Encode, Members};
pub(crate) use macros::{bridge, json, reads, record, tagged, words, writes};
use serde_json::Value;
use std::fmt;

/// Why JSON could not be read.
#[derive(Debug)]
pub(crate) struct Unreadable {
    what: String,
    /// The text ends too early.
    pub is_cut: bool,
}

impl Unreadable {
    /// Where, and not in serde's words: they take those for all errors of input and output along.
    fn text(error: &serde_json::Error) -> Unreadable {
        let is_cut = error.is_eof();
        let what = if is_cut { "it ends too early" } else { "it is broken" };
        Unreadable { what: format!("{what} at line {} column {}", error.line(), error.column()), is_cut }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// Text as a value.
#[inline(never)]
pub(crate) fn parse(text: &str) -> Result<Value, Unreadable> {
    serde_json::from_str(text).map_err(|error| Unreadable::text(&error))
}

/// What `text` says.
pub(crate) fn read<T: Decode>(text: &str) -> Result<T, Unreadable> {
    decode(parse(text)?)
}

/// What `value` says.
pub(crate) fn decode<T: Decode>(value: Value) -> Result<T, Unreadable> {
    let mut reader = Reader::default();
    let decoded = T::decode(Some(value), &mut reader);
    match reader.into_wrong() {
        None => Ok(decoded),
        Some(what) => Err(Unreadable { what, is_cut: false }),
    }
}

/// Words of others within a message. Not as `{:?}` writes them: that takes Unicode's tables along.
pub(crate) fn quoted(words: &str) -> String {
    text(&Value::from(words))
}

/// A value as text.
#[inline(never)]
pub(crate) fn text(value: &Value) -> String {
    // A value can always be written: its keys are strings and its numbers finite.
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests;
