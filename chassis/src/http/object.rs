use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};

/// A field that is an object or null, and nothing else: serde by itself takes a list for an object, as its fields in their order.
///
/// # Errors
/// When it is neither.
pub fn object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    field: D,
) -> Result<Option<T>, D::Error> {
    field.deserialize_any(Object(PhantomData))
}

struct Object<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or null")
    }

    fn visit_unit<E>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Option<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Body {
        #[serde(default, deserialize_with = "object")]
        code: Option<Code>,
    }

    #[derive(Debug, Deserialize)]
    struct Code {
        text: Option<String>,
    }

    #[test]
    fn a_list_is_no_object() {
        let read = serde_json::from_str::<Body>;
        for (json, text) in [
            (r#"{"code": {"text": "a"}}"#, Some(Some("a"))),
            (r#"{"code": {}}"#, Some(None)),
            (r#"{"code": null}"#, None),
            ("{}", None),
        ] {
            let code = read(json).unwrap().code;
            let text = text.map(|text: Option<&str>| text.map(ToOwned::to_owned));
            assert_eq!(code.map(|code| code.text), text, "{json}");
        }
        for json in [r#"{"code": [null]}"#, r#"{"code": "a"}"#, r#"{"code": 1}"#] {
            assert!(read(json).is_err(), "{json}");
        }
    }
}
