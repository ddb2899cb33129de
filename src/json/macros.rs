//! How a type names its fields and words.
//!
//! A field is `name: how "key"`. How: `always` there; `or_default`, where readers fill in what is missing;
//! `unless_default`, where writers leave the default out too; `present`, an option whose null is a value; `inline`, whose
//! own fields stand among these.

/// A type that is read from an object.
macro_rules! reads {
    ($type:ident { $($field:ident: $how:ident $key:literal),* $(,)? }) => {
        impl $crate::json::Record for $type {
            fn take(fields: &mut $crate::json::Fields<'_>) -> Self {
                $type { $($field: fields.$how($key)),* }
            }
        }

        $crate::json::bridge!(read $type);

        impl $crate::json::Decode for $type {
            fn decode(value: Option<serde_json::Value>, reader: &mut $crate::json::Reader) -> Self {
                <$type as $crate::json::Record>::take(&mut reader.object(value))
            }
        }
    };
}

/// A type that is written as an object.
macro_rules! writes {
    ($type:ident { $($field:ident: $how:ident $key:literal),* $(,)? }) => {
        impl $crate::json::Encode for $type {
            fn encode(&self) -> serde_json::Value {
                let mut members = $crate::json::Members::default();
                $(members.$how($key, &self.$field);)*
                members.into_value()
            }
        }

        $crate::json::bridge!(write $type);
    };
}

/// A type that is read from and written as an object.
macro_rules! record {
    ($type:ident { $($fields:tt)* }) => {
        $crate::json::reads!($type { $($fields)* });
        $crate::json::writes!($type { $($fields)* });
    };
}

/// An enum whose objects say in one field which variant they are. The first one fills in where none is named.
macro_rules! tagged {
    (read $type:ident by $tag:literal {
        $first_word:literal => $first:ident { $($first_field:ident: $first_how:ident $first_key:literal),* },
        $($word:literal => $variant:ident { $($field:ident: $how:ident $key:literal),* },)*
    }) => {
        impl $crate::json::Decode for $type {
            fn decode(value: Option<serde_json::Value>, reader: &mut $crate::json::Reader) -> Self {
                let mut fields = reader.object(value);
                match fields.tag($tag, &[$first_word, $($word),*]).as_str() {
                    $($word => $type::$variant { $($field: fields.$how($key)),* },)*
                    _ => $type::$first { $($first_field: fields.$first_how($first_key)),* },
                }
            }
        }

        $crate::json::bridge!(read $type);
    };
    (write $type:ident by $tag:literal {
        $($word:literal => $variant:ident { $($field:ident: $how:ident $key:literal),* },)*
    }) => {
        impl $crate::json::Encode for $type {
            fn encode(&self) -> serde_json::Value {
                let mut members = $crate::json::Members::default();
                match self {
                    $($type::$variant { $($field),* } => {
                        members.insert($tag, $word.into());
                        $(members.$how($key, $field);)*
                    })*
                }
                members.into_value()
            }
        }

        $crate::json::bridge!(write $type);
    };
    ($type:ident by $tag:literal { $($variants:tt)* }) => {
        $crate::json::tagged!(read $type by $tag { $($variants)* });
        $crate::json::tagged!(write $type by $tag { $($variants)* });
    };
}

/// An enum that is a word. The first one fills in where none is known.
macro_rules! words {
    (read $type:ident { $($variant:ident $word:literal),* $(,)? }) => {
        impl $crate::json::Decode for $type {
            fn decode(value: Option<serde_json::Value>, reader: &mut $crate::json::Reader) -> Self {
                let word = reader.word(value.as_ref(), &[$($word),*]);
                [$($type::$variant),*][word]
            }
        }

        $crate::json::bridge!(read $type);
    };
    (write $type:ident { $($variant:ident $word:literal),* $(,)? }) => {
        impl $type {
            /// The word for it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $($type::$variant => $word),*
                }
            }
        }

        impl $crate::json::Encode for $type {
            fn encode(&self) -> serde_json::Value {
                self.as_str().into()
            }
        }

        $crate::json::bridge!(write $type);
    };
    ($type:ident { $($words:tt)* }) => {
        $crate::json::words!(read $type { $($words)* });
        $crate::json::words!(write $type { $($words)* });
    };
}

/// Serde's traits by way of `Value`, for whoever embeds the crate. They cost nothing where nobody uses them.
macro_rules! bridge {
    (read $type:ident) => {
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = <serde_json::Value as serde::Deserialize>::deserialize(deserializer)?;
                $crate::json::decode(value).map_err(serde::de::Error::custom)
            }
        }
    };
    (write $type:ident) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serde::Serialize::serialize(&$crate::json::Encode::encode(self), serializer)
            }
        }
    };
}

/// A value in JSON's own notation, as serde_json's macro of that name; types come in through `Encode`.
macro_rules! json {
    (@members $members:ident) => {};
    (@members $members:ident $key:tt: null $(, $($rest:tt)*)?) => {
        $members.insert($key.as_ref(), serde_json::Value::Null);
        $($crate::json::json!(@members $members $($rest)*);)?
    };
    (@members $members:ident $key:tt: { $($inner:tt)* } $(, $($rest:tt)*)?) => {
        $members.insert($key.as_ref(), $crate::json::json!({ $($inner)* }));
        $($crate::json::json!(@members $members $($rest)*);)?
    };
    (@members $members:ident $key:tt: [ $($inner:tt)* ] $(, $($rest:tt)*)?) => {
        $members.insert($key.as_ref(), $crate::json::json!([ $($inner)* ]));
        $($crate::json::json!(@members $members $($rest)*);)?
    };
    (@members $members:ident $key:tt: $value:expr $(, $($rest:tt)*)?) => {
        $members.always($key.as_ref(), &$value);
        $($crate::json::json!(@members $members $($rest)*);)?
    };
    (@elements $list:ident) => {};
    (@elements $list:ident null $(, $($rest:tt)*)?) => {
        $list.push(serde_json::Value::Null);
        $($crate::json::json!(@elements $list $($rest)*);)?
    };
    (@elements $list:ident { $($inner:tt)* } $(, $($rest:tt)*)?) => {
        $list.push($crate::json::json!({ $($inner)* }));
        $($crate::json::json!(@elements $list $($rest)*);)?
    };
    (@elements $list:ident [ $($inner:tt)* ] $(, $($rest:tt)*)?) => {
        $list.push($crate::json::json!([ $($inner)* ]));
        $($crate::json::json!(@elements $list $($rest)*);)?
    };
    (@elements $list:ident $value:expr $(, $($rest:tt)*)?) => {
        $list.push($crate::json::Encode::encode(&$value));
        $($crate::json::json!(@elements $list $($rest)*);)?
    };
    (null) => { serde_json::Value::Null };
    ({}) => { serde_json::Value::Object(serde_json::Map::new()) };
    ({ $($inner:tt)+ }) => {{
        let mut members = $crate::json::Members::default();
        $crate::json::json!(@members members $($inner)+);
        members.into_value()
    }};
    ([]) => { serde_json::Value::Array(Vec::new()) };
    ([ $($inner:tt)+ ]) => {{
        #[allow(clippy::vec_init_then_push)]
        let list = {
            let mut list = Vec::new();
            $crate::json::json!(@elements list $($inner)+);
            list
        };
        serde_json::Value::Array(list)
    }};
    ($value:expr) => { $crate::json::Encode::encode(&$value) };
}

pub(crate) use {bridge, json, reads, record, tagged, words, writes};
