//! Ordered collections, element by element: `collect()` sorts first, and every sort that is compiled for a type of its
//! own adds 4 KB to the wasm.

use std::collections::{BTreeMap, BTreeSet};

/// The elements in order, without repetitions.
pub(crate) fn set<T: Ord>(elements: impl IntoIterator<Item = T>) -> BTreeSet<T> {
    let mut set = BTreeSet::new();
    set.extend(elements);
    set
}

/// The entries in the order of their keys; of two with one key the later.
pub(crate) fn map<K: Ord, V>(entries: impl IntoIterator<Item = (K, V)>) -> BTreeMap<K, V> {
    let mut map = BTreeMap::new();
    map.extend(entries);
    map
}
