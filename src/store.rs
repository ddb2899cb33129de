//! What the core says to a `TaskStore` and hears from it.

use crate::error::CauseId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A document as a store returns it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredDocument {
    /// Path from the store's root, `users/u/tasks/t/engine/head`.
    pub path: String,
    /// The document's fields.
    pub data: Map<String, Value>,
    /// Changes with every write; opaque.
    pub version: String,
    /// How long ago it was last written, by the server's own clocks.
    #[serde(default)]
    pub age_ms: Option<u64>,
}

impl StoredDocument {
    /// The last segment of the path.
    pub fn id(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

/// One field of an update. Absent `value` deletes: a stored null is a value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldWrite {
    /// The field's path, one element a level.
    pub path: Vec<String>,
    /// The new value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// Set where the field is to vanish.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub delete: bool,
}

impl FieldWrite {
    /// Sets the field at `path`.
    pub fn set(path: &[&str], value: impl Into<Value>) -> Self {
        FieldWrite {
            path: path.iter().map(|s| (*s).to_owned()).collect(),
            value: Some(value.into()),
            delete: false,
        }
    }

    /// Removes the field at `path`.
    pub fn unset(path: &[&str]) -> Self {
        FieldWrite { path: path.iter().map(|s| (*s).to_owned()).collect(), value: None, delete: true }
    }
}

/// One write of an all-or-nothing commit.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "op", rename_all = "camelCase")]
pub enum StoreWrite {
    /// The document must not exist yet.
    Create {
        /// Where.
        path: String,
        /// All its fields.
        data: Map<String, Value>,
    },
    /// The document must exist, at `if_version` where given.
    Update {
        /// Where.
        path: String,
        /// What changes; everything else stays.
        fields: Vec<FieldWrite>,
        /// The version that was read.
        #[serde(rename = "ifVersion", skip_serializing_if = "Option::is_none")]
        if_version: Option<String>,
    },
    /// Deleting what is not there succeeds, unless `if_version` is given.
    Delete {
        /// Where.
        path: String,
        /// The version that was read.
        #[serde(rename = "ifVersion", skip_serializing_if = "Option::is_none")]
        if_version: Option<String>,
    },
}

/// What a store may throw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum StoreErrorCode {
    Conflict,
    Exists,
    NotFound,
    Denied,
    TooLarge,
    Invalid,
    Unavailable,
}

/// A store's failure. Anything it throws without a known code counts as `Unavailable`.
#[derive(Clone, Debug, PartialEq)]
pub struct StoreError {
    /// Its kind.
    pub code: StoreErrorCode,
    /// The store's own words.
    pub message: String,
    /// The exception itself.
    pub cause: Option<CauseId>,
}

impl StoreError {
    /// What a call counts as whose own deadline passed.
    pub fn silence() -> StoreError {
        StoreError {
            code: StoreErrorCode::Unavailable,
            message: "the store did not answer in time".into(),
            cause: None,
        }
    }
}

/// A store's limits, in UTF-8 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoreLimits {
    /// Of the `json` string per document.
    pub document_bytes: usize,
    /// Of all strings per commit.
    pub commit_bytes: usize,
}
