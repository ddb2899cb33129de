//! From values to types. The first thing that is wrong is kept, and reading goes on with fillers: one look at the end
//! in place of a way out at every field.

use serde_json::{Map, Value};
use std::fmt::Write;
use std::rc::Rc;

/// Where a reader is.
#[derive(Clone, Copy)]
enum Step {
    Key(&'static str),
    Index(usize),
}

/// Reads one value, with all that is in it.
#[derive(Default)]
pub(crate) struct Reader {
    at: Vec<Step>,
    wrong: Option<String>,
}

/// What can be read from a value; `None` is a field that is not there.
pub(crate) trait Decode: Sized {
    /// Whatever it returns after a complaint does not count.
    fn decode(value: Option<Value>, reader: &mut Reader) -> Self;
}

/// What can be read from the fields of an object.
pub(crate) trait Record: Sized {
    /// Takes its fields and leaves those of others.
    fn take(fields: &mut Fields<'_>) -> Self;
}

/// The fields of an object.
pub(crate) struct Fields<'r> {
    map: Map<String, Value>,
    reader: &'r mut Reader,
}

impl Reader {
    pub fn into_wrong(self) -> Option<String> {
        self.wrong
    }

    /// The value here is not what it has to be.
    #[inline(never)]
    pub fn complain(&mut self, value: Option<&Value>, expected: &str) {
        if self.wrong.is_none() {
            let mut what = String::new();
            for (n, step) in self.at.iter().enumerate() {
                // Writing to a string does not fail.
                let _ = match step {
                    Step::Key(name) if n == 0 => write!(what, "{name}"),
                    Step::Key(name) => write!(what, ".{name}"),
                    Step::Index(index) => write!(what, "[{index}]"),
                };
            }
            let place = if what.is_empty() { "it" } else { what.as_str() };
            self.wrong = Some(format!("{place} is {}, expected {expected}", found(value)));
        }
    }

    #[inline(never)]
    pub fn object(&mut self, value: Option<Value>) -> Fields<'_> {
        let map = match value {
            Some(Value::Object(map)) => map,
            other => {
                self.complain(other.as_ref(), "an object");
                Map::new()
            }
        };
        Fields { map, reader: self }
    }

    #[inline(never)]
    fn elements(&mut self, value: Option<Value>) -> Vec<Value> {
        match value {
            Some(Value::Array(elements)) => elements,
            other => {
                self.complain(other.as_ref(), "an array");
                Vec::new()
            }
        }
    }

    #[inline(never)]
    fn whole(&mut self, value: Option<&Value>, most: u64) -> u64 {
        let number = value.and_then(Value::as_u64).filter(|n| *n <= most);
        if number.is_none() {
            self.complain(value, "a whole number that is not negative");
        }
        number.unwrap_or_default()
    }

    /// The place of a word in a list.
    #[inline(never)]
    pub fn word(&mut self, value: Option<&Value>, words: &[&str]) -> usize {
        let place = value.and_then(Value::as_str).and_then(|word| words.iter().position(|w| *w == word));
        if place.is_none() {
            self.complain(value, &format!("one of {}", words.join(", ")));
        }
        place.unwrap_or_default()
    }

    fn at<T>(&mut self, step: Step, read: impl FnOnce(&mut Reader) -> T) -> T {
        self.at.push(step);
        let value = read(self);
        self.at.pop();
        value
    }
}

impl Fields<'_> {
    /// Whether the field is there.
    pub fn has(&self, name: &str) -> bool {
        self.map.contains_key(name)
    }

    #[inline(never)]
    fn remove(&mut self, name: &str) -> Option<Value> {
        // Not removed: that would move the others.
        self.map.get_mut(name).map(Value::take)
    }

    /// A field that has to be there, unless its type may be absent.
    pub fn always<T: Decode>(&mut self, name: &'static str) -> T {
        let value = self.remove(name);
        self.reader.at(Step::Key(name), |reader| T::decode(value, reader))
    }

    /// A field with a default.
    pub fn or_default<T: Decode + Default>(&mut self, name: &'static str) -> T {
        match self.remove(name) {
            None => T::default(),
            value => self.reader.at(Step::Key(name), |reader| T::decode(value, reader)),
        }
    }

    /// As `or_default`; its writer leaves the default out.
    pub fn unless_default<T: Decode + Default>(&mut self, name: &'static str) -> T {
        self.or_default(name)
    }

    /// A value that may be missing; null is a value.
    pub fn present<T: From<Value>>(&mut self, name: &'static str) -> Option<T> {
        self.remove(name).map(T::from)
    }

    /// Fields that stand among these.
    pub fn inline<T: Record>(&mut self, _: &'static str) -> T {
        T::take(self)
    }

    /// The word that says which variant this is; one of `words`, or empty.
    #[inline(never)]
    pub fn tag(&mut self, name: &'static str, words: &[&str]) -> String {
        match self.remove(name) {
            Some(Value::String(word)) if words.contains(&word.as_str()) => word,
            value => {
                self.reader.at(Step::Key(name), |reader| reader.word(value.as_ref(), words));
                String::new()
            }
        }
    }
}

impl Decode for String {
    fn decode(value: Option<Value>, reader: &mut Reader) -> Self {
        match value {
            Some(Value::String(text)) => text,
            other => {
                reader.complain(other.as_ref(), "a string");
                String::new()
            }
        }
    }
}

impl Decode for bool {
    fn decode(value: Option<Value>, reader: &mut Reader) -> Self {
        let flag = value.as_ref().and_then(Value::as_bool);
        if flag.is_none() {
            reader.complain(value.as_ref(), "true or false");
        }
        flag.unwrap_or_default()
    }
}

impl Decode for f64 {
    fn decode(value: Option<Value>, reader: &mut Reader) -> Self {
        let number = value.as_ref().and_then(Value::as_f64);
        if number.is_none() {
            reader.complain(value.as_ref(), "a number");
        }
        number.unwrap_or_default()
    }
}

impl Decode for i64 {
    fn decode(value: Option<Value>, reader: &mut Reader) -> Self {
        let number = value.as_ref().and_then(Value::as_i64);
        if number.is_none() {
            reader.complain(value.as_ref(), "a whole number");
        }
        number.unwrap_or_default()
    }
}

impl Decode for u64 {
    fn decode(value: Option<Value>, reader: &mut Reader) -> Self {
        reader.whole(value.as_ref(), u64::MAX)
    }
}

#[allow(clippy::cast_possible_truncation)] // in range
impl Decode for u32 {
    fn decode(value: Option<Value>, reader: &mut Reader) -> Self {
        reader.whole(value.as_ref(), u64::from(u32::MAX)) as u32
    }
}

#[allow(clippy::cast_possible_truncation)] // in range
impl Decode for usize {
    fn decode(value: Option<Value>, reader: &mut Reader) -> Self {
        reader.whole(value.as_ref(), usize::MAX as u64) as usize
    }
}

impl Decode for Value {
    fn decode(value: Option<Value>, reader: &mut Reader) -> Self {
        if value.is_none() {
            reader.complain(None, "a value");
        }
        value.unwrap_or_default()
    }
}

impl Decode for Map<String, Value> {
    fn decode(value: Option<Value>, reader: &mut Reader) -> Self {
        reader.object(value).map
    }
}

impl<T: Decode> Decode for Option<T> {
    fn decode(value: Option<Value>, reader: &mut Reader) -> Self {
        value.filter(|value| !value.is_null()).map(|value| T::decode(Some(value), reader))
    }
}

impl<T: Decode> Decode for Rc<T> {
    fn decode(value: Option<Value>, reader: &mut Reader) -> Self {
        Rc::new(T::decode(value, reader))
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn decode(value: Option<Value>, reader: &mut Reader) -> Self {
        let elements = reader.elements(value);
        let mut list = Vec::with_capacity(elements.len());
        for (index, element) in elements.into_iter().enumerate() {
            list.push(reader.at(Step::Index(index), |reader| T::decode(Some(element), reader)));
        }
        list
    }
}

/// What stands there, in words and shortened.
pub(crate) fn found(value: Option<&Value>) -> String {
    match value {
        None => "missing".to_owned(),
        Some(Value::Null) => "null".to_owned(),
        Some(Value::Bool(b)) => b.to_string(),
        Some(Value::Number(n)) => format!("the number {n}"),
        Some(Value::String(s)) if s.chars().nth(60).is_some() => {
            format!("the string {:?}…", s.chars().take(60).collect::<String>())
        }
        Some(Value::String(s)) => format!("the string {s:?}"),
        Some(Value::Array(elements)) => format!("an array of {}", elements.len()),
        Some(Value::Object(_)) => "an object".to_owned(),
    }
}
