//! A store in memory with the semantics that every `TaskStore` has.

use super::faults::{Fault, path_of};
use crate::effect::{Effect, Input, Ticket};
use crate::store::{FieldWrite, StoreError, StoreErrorCode, StoreWrite, StoredDocument};
use crate::time::Instant;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

struct Kept {
    data: Map<String, Value>,
    version: u64,
    written: Instant,
}

/// Documents by path, with conditional writes, versions and pages.
#[derive(Default)]
pub struct MemoryStore {
    documents: BTreeMap<String, Kept>,
    versions: u64,
    /// Whether it tells the age of documents.
    pub tells_age: bool,
    /// Every commit that took effect.
    pub commits: Vec<Vec<StoreWrite>>,
}

impl MemoryStore {
    /// Puts a document there, as another writer would.
    pub fn put(&mut self, path: &str, data: Value, at: Instant) {
        let Value::Object(data) = data else { panic!("a document is an object") };
        self.versions += 1;
        self.documents.insert(path.to_owned(), Kept { data, version: self.versions, written: at });
    }

    /// Updates fields of a document, as another writer would.
    pub fn patch(&mut self, path: &str, fields: &[FieldWrite], at: Instant) {
        self.versions += 1;
        let kept = self.documents.get_mut(path).unwrap_or_else(|| panic!("no document {path}"));
        fields.iter().for_each(|field| write_field(&mut kept.data, &field.path, field));
        (kept.version, kept.written) = (self.versions, at);
    }

    /// Removes a document.
    pub fn remove(&mut self, path: &str) {
        self.documents.remove(path);
    }

    /// A document's content.
    pub fn get(&self, path: &str) -> Option<Value> {
        self.documents.get(path).map(|kept| Value::Object(kept.data.clone()))
    }

    /// The paths of all documents below a prefix.
    pub fn paths(&self, prefix: &str) -> Vec<&str> {
        self.documents.keys().map(String::as_str).filter(|path| path.starts_with(prefix)).collect()
    }

    fn document(&self, path: &str, now: Instant) -> Option<StoredDocument> {
        self.documents.get(path).map(|kept| StoredDocument {
            path: path.to_owned(),
            data: kept.data.clone(),
            version: kept.version.to_string(),
            age_ms: self.tells_age.then(|| now - kept.written),
        })
    }

    /// The reply to a store effect, and the paths it changed.
    pub(super) fn perform(
        &mut self,
        effect: Effect,
        fault: Option<Fault>,
        now: Instant,
    ) -> (Ticket, Input, Vec<String>) {
        let refused = match fault {
            Some(Fault::Error(code)) => Some(error(code)),
            Some(Fault::Silence) => Some(error(StoreErrorCode::Unavailable)),
            _ => None,
        };
        match effect {
            Effect::Read { ticket, paths, known } => {
                let mut found: Vec<_> = paths.iter().map(|path| self.document(path, now)).collect();
                for known in found.iter_mut().flatten().filter(|d| known.as_ref() == Some(&d.version)) {
                    known.data.clear();
                }
                (ticket, Input::Read { ticket, result: refused.map_or(Ok(found), Err) }, Vec::new())
            }
            Effect::List { ticket, collection, after, limit } => {
                let page = self.list(&collection, after.as_deref(), limit, now);
                (ticket, Input::Listed { ticket, result: refused.map_or(Ok(page), Err) }, Vec::new())
            }
            Effect::Commit { ticket, writes } => {
                let mut result = refused.map_or_else(|| self.commit(&writes, now), Err);
                let changed = if result.is_ok() {
                    writes.iter().map(|write| path_of(write).to_owned()).collect()
                } else {
                    Vec::new()
                };
                if let (Some(Fault::Lied(code)), Ok(_)) = (fault, &result) {
                    result = Err(error(code));
                }
                (ticket, Input::Committed { ticket, result }, changed)
            }
            other => panic!("no store effect: {other:?}"),
        }
    }

    fn list(&self, collection: &str, after: Option<&str>, limit: u32, now: Instant) -> Vec<StoredDocument> {
        let prefix = format!("{collection}/");
        self.documents
            .keys()
            .filter_map(|path| path.strip_prefix(&prefix))
            .filter(|id| !id.contains('/') && after.is_none_or(|after| *id > after))
            .take(limit as usize)
            .filter_map(|id| self.document(&format!("{prefix}{id}"), now))
            .collect()
    }

    /// Another writer's commit.
    ///
    /// # Errors
    /// As every store's.
    pub fn try_commit(&mut self, writes: &[StoreWrite], now: Instant) -> Result<String, StoreError> {
        self.commit(writes, now)
    }

    fn commit(&mut self, writes: &[StoreWrite], now: Instant) -> Result<String, StoreError> {
        let mut touched: Vec<&str> = writes.iter().map(path_of).collect();
        touched.sort_unstable();
        assert!(touched.windows(2).all(|w| w[0] != w[1]), "one commit writes a document twice: {touched:?}");
        for write in writes {
            let kept = self.documents.get(path_of(write));
            let met = |wanted: &Option<String>| {
                let version = kept.map(|k| k.version.to_string());
                wanted.is_none() || *wanted == version
            };
            match write {
                StoreWrite::Create { .. } if kept.is_some() => return Err(error(StoreErrorCode::Exists)),
                StoreWrite::Update { .. } if kept.is_none() => return Err(error(StoreErrorCode::NotFound)),
                StoreWrite::Update { if_version, .. } | StoreWrite::Delete { if_version, .. }
                    if !met(if_version) =>
                {
                    return Err(error(StoreErrorCode::Conflict));
                }
                _ => {}
            }
        }
        self.versions += 1;
        for write in writes {
            self.write(write, now);
        }
        self.commits.push(writes.to_vec());
        Ok(self.versions.to_string())
    }

    fn write(&mut self, write: &StoreWrite, written: Instant) {
        let version = self.versions;
        match write {
            StoreWrite::Create { path, data } => {
                self.documents.insert(path.clone(), Kept { data: data.clone(), version, written });
            }
            StoreWrite::Update { path, fields, .. } => {
                if let Some(kept) = self.documents.get_mut(path) {
                    fields.iter().for_each(|field| write_field(&mut kept.data, &field.path, field));
                    (kept.version, kept.written) = (version, written);
                }
            }
            StoreWrite::Delete { path, .. } => {
                self.documents.remove(path);
            }
        }
    }
}

fn write_field(map: &mut Map<String, Value>, path: &[String], field: &FieldWrite) {
    let Some((key, rest)) = path.split_first() else { panic!("a field without a path") };
    if rest.is_empty() {
        match &field.value {
            None => assert!(map.shift_remove(key).is_some() || field.delete, "neither value nor delete"),
            Some(value) => {
                map.insert(key.clone(), value.clone());
            }
        }
        return;
    }
    let inner = map.entry(key.clone()).or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(inner) = inner {
        write_field(inner, rest, field);
    }
}

fn error(code: StoreErrorCode) -> StoreError {
    StoreError { code, message: format!("{code:?}"), cause: None }
}
