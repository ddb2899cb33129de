//! Reading a document that others write too: every refusal names the field, what it is and what it should be.

use crate::converse::blocks::{MAX_DEPTH, is_too_deep};
use crate::error::{Code, EngineError};
use crate::json::{self, found};
use serde_json::{Map, Value};
use std::fmt;

/// Where in which document a value stands; written out only for a refusal.
#[derive(Clone, Copy)]
enum Place<'p> {
    Document(&'p str),
    Key(&'p Place<'p>, &'p str),
    Index(&'p Place<'p>, usize),
}

impl Place<'_> {
    fn document(&self) -> &str {
        match self {
            Place::Document(path) => path,
            Place::Key(parent, _) | Place::Index(parent, _) => parent.document(),
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Document(_) => Ok(()),
            Place::Index(parent, index) => write!(f, "{parent}[{index}]"),
            Place::Key(parent, key) => {
                let plain = !key.is_empty()
                    && key
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-' || !c.is_ascii());
                match (plain, parent) {
                    (true, Place::Document(_)) => f.write_str(key),
                    (true, _) => write!(f, "{parent}.{key}"),
                    (false, _) => write!(f, "{parent}[{key:?}]"),
                }
            }
        }
    }
}

/// An object of the document. Where it is missing or null, every field of it is missing.
#[derive(Clone, Copy)]
pub(crate) struct Object<'a, 'p> {
    place: Place<'p>,
    map: Option<&'a Map<String, Value>>,
}

impl<'a, 'p> Object<'a, 'p> {
    /// The document itself.
    pub fn document(path: &'p str, map: &'a Map<String, Value>) -> Object<'a, 'p> {
        Object { place: Place::Document(path), map: Some(map) }
    }

    /// One field. A stored null is read as a missing field.
    pub fn get<'q>(&'q self, key: &'q str) -> Field<'a, 'q> {
        Field { place: Place::Key(&self.place, key), value: self.map.and_then(|map| map.get(key)) }
    }

    /// The keys in the document's order.
    pub fn keys(&self) -> impl Iterator<Item = &'a String> + use<'a> {
        self.map.into_iter().flat_map(Map::keys)
    }

    /// Whether it is there.
    pub fn exists(&self) -> bool {
        self.map.is_some()
    }
}

/// A field of the document, there or not.
#[derive(Clone, Copy)]
pub(crate) struct Field<'a, 'p> {
    place: Place<'p>,
    value: Option<&'a Value>,
}

impl<'a, 'p> Field<'a, 'p> {
    fn present(&self) -> Option<&'a Value> {
        self.value.filter(|value| !value.is_null())
    }

    /// An object, empty where it is missing.
    pub fn object(&self) -> Result<Object<'a, 'p>, EngineError> {
        match self.present() {
            None => Ok(Object { place: self.place, map: None }),
            Some(Value::Object(map)) => Ok(Object { place: self.place, map: Some(map) }),
            Some(_) => Err(self.invalid("an object")),
        }
    }

    /// An array, empty where it is missing.
    pub fn array(&self) -> Result<&'a [Value], EngineError> {
        match self.present() {
            None => Ok(&[]),
            Some(Value::Array(elements)) => Ok(elements),
            Some(_) => Err(self.invalid("an array")),
        }
    }

    /// An element of this array.
    pub fn element<'q>(&'q self, index: usize, value: &'a Value) -> Field<'a, 'q> {
        Field { place: Place::Index(&self.place, index), value: Some(value) }
    }

    /// An object that has to be there.
    pub fn required_object(&self) -> Result<Object<'a, 'p>, EngineError> {
        let object = self.object()?;
        if object.exists() { Ok(object) } else { Err(self.invalid("an object")) }
    }

    /// A string that has to be there.
    pub fn required_text(&self, expected: &str) -> Result<&'a str, EngineError> {
        self.value.and_then(Value::as_str).ok_or_else(|| self.invalid(expected))
    }

    /// An identifier.
    pub fn id(&self) -> Result<&'a str, EngineError> {
        match self.value.and_then(Value::as_str) {
            Some(id) if !id.trim().is_empty() => Ok(id),
            _ => Err(self.invalid("a string that is not blank")),
        }
    }

    /// An identifier that is also the name of a field in a map: stores accept at most 1,500 bytes and keep
    /// `__…__` to themselves.
    pub fn field_name(&self) -> Result<&'a str, EngineError> {
        let id = self.id()?;
        if is_field_name(id) { Ok(id) } else { Err(self.invalid(FIELD_NAME)) }
    }

    /// Text for people, empty where it is missing. A number or a boolean is read as people would write it.
    pub fn text(&self) -> Result<String, EngineError> {
        match self.present() {
            None => Ok(String::new()),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(scalar @ (Value::Number(_) | Value::Bool(_))) => Ok(json::text(scalar)),
            Some(_) => Err(self.invalid("a string")),
        }
    }

    /// Text that counts as absent where it is blank.
    pub fn optional_text(&self) -> Result<Option<String>, EngineError> {
        Ok(Some(self.text()?).filter(|text| !text.trim().is_empty()))
    }

    /// A string if it is one.
    pub fn string(&self) -> Option<&'a str> {
        self.value.and_then(Value::as_str)
    }

    /// A boolean, None where it is missing.
    pub fn boolean(&self) -> Result<Option<bool>, EngineError> {
        self.present().map(|value| value.as_bool().ok_or_else(|| self.invalid("true or false"))).transpose()
    }

    /// A number above zero; None where it is missing or out of range.
    pub fn positive(&self) -> Result<Option<f64>, EngineError> {
        let number =
            self.present().map(|value| value.as_f64().ok_or_else(|| self.invalid("a number"))).transpose()?;
        Ok(number.filter(|n| n.is_finite() && *n > 0.0))
    }

    /// Refuses what would not be read again from within an entry of the journal.
    pub fn shallow(&self) -> Result<(), EngineError> {
        if self.value.is_some_and(is_too_deep) {
            return Err(self.refused(Code::InvalidTask, &format!("nests more than {MAX_DEPTH} levels deep")));
        }
        Ok(())
    }

    /// The refusal of this field.
    pub fn invalid(&self, expected: &str) -> EngineError {
        self.refused(Code::InvalidTask, &format!("is {}, expected {expected}", found(self.value)))
    }

    /// A refusal of this field in other words.
    pub fn refused(&self, code: Code, why: &str) -> EngineError {
        let (document, path) = (self.place.document(), self.place.to_string());
        let message = format!("{document}: {path} {why}. Correct the document, then try again.");
        EngineError::new(code, message).with("document", document).with("path", path)
    }
}

/// What a field's name has to be.
pub(crate) const FIELD_NAME: &str =
    "a string that is not blank, of at most 1,500 bytes and not of the form __…__";

/// Whether stores keep a field of that name.
pub(crate) fn is_field_name(id: &str) -> bool {
    !id.trim().is_empty()
        && id.len() <= 1_500
        && !(id.len() >= 4 && id.starts_with("__") && id.ends_with("__"))
}
