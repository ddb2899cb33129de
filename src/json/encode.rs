//! From types to values.

use serde_json::{Map, Value};
use std::rc::Rc;

/// What can be written as a value.
pub(crate) trait Encode {
    fn encode(&self) -> Value;
}

/// What a field may hold that is left out.
pub(crate) trait Omit: Encode {
    /// Whether it is what a field says that is not there.
    fn is_default(&self) -> bool;
}

/// The members of an object that is being written.
#[derive(Default)]
pub(crate) struct Members(Map<String, Value>);

impl Members {
    #[inline(never)]
    pub fn insert(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), value);
    }

    pub fn always<T: Encode + ?Sized>(&mut self, name: &str, field: &T) {
        self.insert(name, field.encode());
    }

    /// As `always`; its reader takes the default where it is missing.
    pub fn or_default<T: Encode + ?Sized>(&mut self, name: &str, field: &T) {
        self.always(name, field);
    }

    pub fn unless_default<T: Omit + ?Sized>(&mut self, name: &str, field: &T) {
        if !field.is_default() {
            self.always(name, field);
        }
    }

    pub fn present<T: Encode>(&mut self, name: &str, field: &Option<T>) {
        self.unless_default(name, field);
    }

    /// The members of another, among these.
    pub fn inline<T: Encode>(&mut self, _: &str, field: &T) {
        if let Value::Object(more) = field.encode() {
            self.0.extend(more);
        }
    }

    pub fn into_value(self) -> Value {
        Value::Object(self.0)
    }
}

macro_rules! scalars {
    ($($type:ty),*) => {$(
        impl Encode for $type {
            fn encode(&self) -> Value {
                Value::from(self.clone())
            }
        }
    )*};
}

scalars! { bool, i32, u32, u64, usize, i64, f64, String }

impl Encode for str {
    fn encode(&self) -> Value {
        Value::from(self)
    }
}

impl Encode for Value {
    fn encode(&self) -> Value {
        self.clone()
    }
}

impl Encode for Map<String, Value> {
    fn encode(&self) -> Value {
        Value::Object(self.clone())
    }
}

impl<T: Encode + ?Sized> Encode for &T {
    fn encode(&self) -> Value {
        (**self).encode()
    }
}

impl<T: Encode> Encode for Option<T> {
    fn encode(&self) -> Value {
        self.as_ref().map_or(Value::Null, Encode::encode)
    }
}

impl<T: Encode> Encode for Rc<T> {
    fn encode(&self) -> Value {
        (**self).encode()
    }
}

impl<T: Encode> Encode for [T] {
    fn encode(&self) -> Value {
        let mut elements = Vec::with_capacity(self.len());
        for element in self {
            elements.push(element.encode());
        }
        Value::Array(elements)
    }
}

impl<T: Encode> Encode for Vec<T> {
    fn encode(&self) -> Value {
        self.as_slice().encode()
    }
}

macro_rules! omits {
    ($($type:ty where $default:expr;)*) => {$(
        impl Omit for $type {
            fn is_default(&self) -> bool {
                *self == $default
            }
        }
    )*};
}

omits! {
    bool where false;
    u64 where 0;
    String where "";
}

impl Omit for str {
    fn is_default(&self) -> bool {
        self.is_empty()
    }
}

impl Omit for Map<String, Value> {
    fn is_default(&self) -> bool {
        self.is_empty()
    }
}

impl<T: Encode> Omit for Option<T> {
    fn is_default(&self) -> bool {
        self.is_none()
    }
}

impl<T: Encode> Omit for Vec<T> {
    fn is_default(&self) -> bool {
        self.is_empty()
    }
}
