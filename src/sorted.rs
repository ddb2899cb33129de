//! Small collections as sorted lists: every B-tree or hash table that is compiled for types of its own adds some 7 KB
//! to the wasm. Looking up costs the logarithm of the size; inserting moves what comes behind. So these are for what is
//! small, or built at once; what grows with a task's history is in [`Known`].

use crate::json::Encode;
use serde_json::{Map, Value};
use std::borrow::Borrow;
use std::cmp::Ordering;

/// A map of few entries, in the order of its keys.
#[derive(Clone, Debug, PartialEq)]
pub struct SortedMap<K, V>(Vec<(K, V)>);

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        SortedMap(Vec::new())
    }
}

impl<K: Ord, V> SortedMap<K, V> {
    fn place<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        // Mostly a key comes in its order.
        if self.0.last().is_none_or(|(last, _)| last.borrow() < key) {
            return Err(self.0.len());
        }
        self.0.binary_search_by(|(known, _)| known.borrow().cmp(key))
    }

    /// The value of a key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.place(key).ok().map(|at| &self.0[at].1)
    }

    /// The value of a key, to change it.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.place(key).ok().map(|at| &mut self.0[at].1)
    }

    /// Sets a key's value.
    pub fn insert(&mut self, key: K, value: V) {
        match self.place(&key) {
            Ok(at) => self.0[at].1 = value,
            Err(at) => self.0.insert(at, (key, value)),
        }
    }

    /// The value of a key, the default put in first where it has none.
    pub fn or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        let at = match self.place(&key) {
            Ok(at) => at,
            Err(at) => {
                self.0.insert(at, (key, V::default()));
                at
            }
        };
        &mut self.0[at].1
    }

    /// Takes a key out.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.place(key).ok().map(|at| self.0.remove(at).1)
    }

    /// Whether it has no entry.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All entries.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// All values.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }

    /// All values, to change them.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.0.iter_mut().map(|(_, value)| value)
    }
}

impl<K, V> IntoIterator for SortedMap<K, V> {
    type Item = (K, V);
    type IntoIter = std::vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// A set of few elements, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct SortedSet<T>(Vec<T>);

impl<T> Default for SortedSet<T> {
    fn default() -> Self {
        SortedSet(Vec::new())
    }
}

impl<T: Ord> SortedSet<T> {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The elements, each once.
    pub fn of(elements: Vec<T>) -> Self {
        let mut sorted = in_order(elements, &T::cmp);
        sorted.dedup();
        SortedSet(sorted)
    }

    fn place<Q: Ord + ?Sized>(&self, element: &Q) -> Result<usize, usize>
    where
        T: Borrow<Q>,
    {
        if self.0.last().is_none_or(|last| last.borrow() < element) {
            return Err(self.0.len());
        }
        self.0.binary_search_by(|known| known.borrow().cmp(element))
    }

    /// Whether it has the element.
    pub fn contains<Q: Ord + ?Sized>(&self, element: &Q) -> bool
    where
        T: Borrow<Q>,
    {
        self.place(element).is_ok()
    }

    /// Puts an element in. False where it was there.
    pub fn insert(&mut self, element: T) -> bool {
        let place = self.place(&element);
        if let Err(at) = place {
            self.0.insert(at, element);
        }
        place.is_err()
    }

    /// Takes an element out.
    pub fn remove<Q: Ord + ?Sized>(&mut self, element: &Q)
    where
        T: Borrow<Q>,
    {
        if let Ok(at) = self.place(element) {
            self.0.remove(at);
        }
    }

    /// How many it has.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All elements.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }
}

impl<T: Ord> FromIterator<T> for SortedSet<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        SortedSet::of(elements.into_iter().collect())
    }
}

impl<T: Ord, const N: usize> From<[T; N]> for SortedSet<T> {
    fn from(elements: [T; N]) -> Self {
        elements.into_iter().collect()
    }
}

impl<T> IntoIterator for SortedSet<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<T: Encode> Encode for SortedSet<T> {
    fn encode(&self) -> Value {
        self.0.encode()
    }
}

/// The places `0..len` in order, equal ones as they come: the one sort for all types, by merging runs of 1, 2, 4, … places.
#[inline(never)]
pub(crate) fn order(len: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut places: Vec<usize> = (0..len).collect();
    let mut merged = Vec::with_capacity(len);
    let mut run = 1;
    while run < len {
        for pair in places.chunks(run * 2) {
            let (mut left, mut right) = pair.split_at(run.min(pair.len()));
            while let (Some(a), Some(b)) = (left.first(), right.first()) {
                let (next, side) =
                    if compare(*b, *a) == Ordering::Less { (*b, &mut right) } else { (*a, &mut left) };
                merged.push(next);
                *side = side.split_first().map_or(&[], |(_, rest)| rest);
            }
            merged.extend_from_slice(left);
            merged.extend_from_slice(right);
        }
        std::mem::swap(&mut places, &mut merged);
        merged.clear();
        run *= 2;
    }
    places
}

/// The elements in order, equal ones as they come.
pub(crate) fn in_order<T>(elements: Vec<T>, compare: &dyn Fn(&T, &T) -> Ordering) -> Vec<T> {
    let order = order(elements.len(), &|a, b| compare(&elements[a], &elements[b]));
    let mut elements: Vec<Option<T>> = elements.into_iter().map(Some).collect();
    order.into_iter().filter_map(|at| elements[at].take()).collect()
}

/// What is known by text and only grows: ids of a whole history. The table is the one that JSON objects have anyway.
#[derive(Clone, Debug)]
pub struct Known<V> {
    places: Map<String, Value>,
    values: Vec<V>,
}

impl<V> Default for Known<V> {
    fn default() -> Self {
        Known { places: Map::new(), values: Vec::new() }
    }
}

impl<V> Known<V> {
    #[allow(clippy::cast_possible_truncation)] // it came from a place
    fn place(&self, key: &str) -> Option<usize> {
        self.places.get(key).and_then(Value::as_u64).map(|at| at as usize)
    }

    /// What is known of a key.
    pub fn get(&self, key: &str) -> Option<&V> {
        self.place(key).and_then(|at| self.values.get(at))
    }

    /// Whether a key is known.
    pub fn contains(&self, key: &str) -> bool {
        self.places.contains_key(key)
    }

    /// Sets what is known of a key. False where it was known.
    pub fn insert(&mut self, key: &str, value: V) -> bool {
        match self.place(key) {
            Some(at) => {
                self.values[at] = value;
                false
            }
            None => {
                self.places.insert(key.to_owned(), self.values.len().into());
                self.values.push(value);
                true
            }
        }
    }

    /// All that is known, in the order in which it became so.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.values.iter_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_has_the_last_value_of_each_key_in_the_order_of_keys() {
        let mut map = SortedMap::default();
        for (key, value) in [("b", 1), ("c", 2), ("a", 3), ("b", 4)] {
            map.insert(key.to_owned(), value);
        }
        *map.or_default("d".to_owned()) += 5;
        *map.or_default("a".to_owned()) += 5;
        assert_eq!(map.get("b"), Some(&4));
        assert_eq!((map.remove("c"), map.remove("c"), map.get("x")), (Some(2), None, None));
        let entries: Vec<(&str, i32)> = map.iter().map(|(key, value)| (key.as_str(), *value)).collect();
        assert_eq!(entries, [("a", 8), ("b", 4), ("d", 5)]);
    }

    #[test]
    fn a_set_has_each_element_once_in_order_however_it_was_built() {
        let at_once = SortedSet::of(vec![3, 1, 2, 3, 1]);
        let mut one_by_one = SortedSet::default();
        let new: Vec<bool> = [3, 1, 2, 3, 1].into_iter().map(|n| one_by_one.insert(n)).collect();
        assert_eq!(new, [true, true, true, false, false]);
        assert_eq!(at_once, one_by_one);
        assert_eq!(at_once.iter().copied().collect::<Vec<_>>(), [1, 2, 3]);
        one_by_one.remove(&2);
        one_by_one.remove(&7);
        assert_eq!(one_by_one, SortedSet::from([3, 1]));
        assert!(at_once.contains(&2) && !one_by_one.contains(&2) && !one_by_one.contains(&9));
        let mut more = SortedSet::from([1, 2, 3, 4]);
        more.remove(&1);
        assert_eq!(more.iter().copied().collect::<Vec<_>>(), [2, 3, 4]);
    }

    #[test]
    fn however_many_there_are_they_come_in_order_and_equal_ones_as_they_came() {
        for len in 0..70 {
            for keys in 1..9 {
                let elements: Vec<(usize, usize)> = (0..len).map(|at| (at * 7_919 % 31 % keys, at)).collect();
                let mut expected = elements.clone();
                expected.sort_by_key(|(key, _)| *key);
                assert_eq!(in_order(elements, &|a, b| a.0.cmp(&b.0)), expected);
            }
        }
    }

    #[test]
    fn what_is_known_can_be_changed_and_is_known_once() {
        let mut known = Known::default();
        assert!(known.insert("a", 1) && known.insert("", 2) && !known.insert("a", 3));
        assert_eq!((known.get("a"), known.get(""), known.get("b")), (Some(&3), Some(&2), None));
        known.values_mut().for_each(|n| *n += 1);
        assert_eq!((known.get("a"), known.contains("b")), (Some(&4), false));
    }
}
