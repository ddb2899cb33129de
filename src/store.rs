//! What the core says to a `TaskStore` and hears from it.

use crate::error::CauseId;
use crate::json::{Decode, Reader, bridge, reads, tagged, words, writes};
use serde_json::{Map, Value};

/// A document as a store returns it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredDocument {
    /// Path from the store's root, `users/u/tasks/t/engine/head`.
    pub path: String,
    /// The document's fields.
    pub data: Map<String, Value>,
    /// Changes with every write; opaque.
    pub version: String,
    /// How long ago it was last written, by the server's own clocks.
    pub age_ms: Option<u64>,
}

impl Decode for StoredDocument {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturates
    fn decode(value: Option<Value>, reader: &mut Reader) -> Self {
        let mut fields = reader.object(value);
        let age_ms: Option<f64> = fields.always("ageMs");
        StoredDocument {
            path: fields.always("path"),
            data: fields.always("data"),
            version: fields.always("version"),
            // A fraction or a clock that ran backwards are no reasons to refuse a document.
            age_ms: age_ms.map(|age| age as u64),
        }
    }
}

bridge!(read StoredDocument);

impl StoredDocument {
    /// The last segment of the path.
    pub fn id(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

/// One field of an update. Absent `value` deletes: a stored null is a value.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldWrite {
    /// The field's path, one element a level.
    pub path: Vec<String>,
    /// The new value.
    pub value: Option<Value>,
    /// Set where the field is to vanish.
    pub delete: bool,
}

writes!(FieldWrite { path: always "path", value: present "value", delete: unless_default "delete" });

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
#[derive(Clone, Debug, PartialEq)]
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
        if_version: Option<String>,
    },
    /// Deleting what is not there succeeds, unless `if_version` is given.
    Delete {
        /// Where.
        path: String,
        /// The version that was read.
        if_version: Option<String>,
    },
}

tagged!(write StoreWrite by "op" {
    "create" => Create { path: always "path", data: always "data" },
    "update" => Update { path: always "path", fields: always "fields", if_version: unless_default "ifVersion" },
    "delete" => Delete { path: always "path", if_version: unless_default "ifVersion" },
});

/// What a store may throw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

words!(StoreErrorCode {
    Conflict "conflict",
    Exists "exists",
    NotFound "not_found",
    Denied "denied",
    TooLarge "too_large",
    Invalid "invalid",
    Unavailable "unavailable",
});

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreLimits {
    /// Of the `json` string per document.
    pub document_bytes: usize,
    /// Of all strings per commit.
    pub commit_bytes: usize,
}

reads!(StoreLimits { document_bytes: always "documentBytes", commit_bytes: always "commitBytes" });

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Encode;
    use serde_json::json;

    #[test]
    fn a_store_is_told_what_each_write_depends_on() {
        let (path, fields) =
            ("p".to_owned(), vec![FieldWrite::set(&["a", "b"], ""), FieldWrite::unset(&["c"])]);
        let told_fields = json!([{ "path": ["a", "b"], "value": "" }, { "path": ["c"], "delete": true }]);
        let data = Map::from_iter([("a".to_owned(), json!(1))]);
        let create = StoreWrite::Create { path: path.clone(), data };
        assert_eq!(create.encode(), json!({ "op": "create", "path": "p", "data": { "a": 1 } }));
        for version in ["7", ""] {
            let if_version = Some(version.to_owned());
            let update = StoreWrite::Update {
                path: path.clone(),
                fields: fields.clone(),
                if_version: if_version.clone(),
            };
            let delete = StoreWrite::Delete { path: path.clone(), if_version };
            let told = json!({ "op": "update", "path": "p", "fields": told_fields, "ifVersion": version });
            assert_eq!(update.encode(), told);
            assert_eq!(delete.encode(), json!({ "op": "delete", "path": "p", "ifVersion": version }));
        }
        let update = StoreWrite::Update { path: path.clone(), fields, if_version: None };
        assert_eq!(update.encode(), json!({ "op": "update", "path": "p", "fields": told_fields }));
        let delete = StoreWrite::Delete { path, if_version: None };
        assert_eq!(delete.encode(), json!({ "op": "delete", "path": "p" }));
    }
}
