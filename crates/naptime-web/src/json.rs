//! JSON as it was sent: numbers as they were written, and no key twice. With a key twice, two readers may read two
//! different things.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// What some programs begin a text with, to say that it is UTF-8.
pub(crate) const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
/// The most values in a text. A value takes some sixty bytes, however short it is written.
const MAX_VALUES: usize = 10_000;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    /// As text.
    Number(String),
    String(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// Why a text is not JSON that can be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BadJson {
    /// It is not JSON.
    Syntax(String),
    /// A key is there twice.
    Doubled(String),
    /// It has more values than anything here needs.
    TooMany(String),
}

impl Json {
    /// Reads a text. A byte order mark before it, as editors on Windows write it, says nothing (RFC 8259, section 8.1).
    pub(crate) fn parse(text: &[u8]) -> Result<Self, BadJson> {
        Self::parse_within(text, MAX_VALUES)
    }

    /// Reads a text of at most so many values.
    pub(crate) fn parse_within(text: &[u8], values: usize) -> Result<Self, BadJson> {
        let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        let (left, refused) = (Cell::new(values), Cell::new(None));
        let mut deserializer = serde_json::Deserializer::from_slice(text);
        let read = Reader { left: &left, refused: &refused }.deserialize(&mut deserializer);
        read.and_then(|json| deserializer.end().map(|()| json)).map_err(|error| {
            let text = error.to_string();
            refused.get().unwrap_or(BadJson::Syntax)(text)
        })
    }

    /// What it is, with its article.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

/// A kind of [`BadJson`], to be made of the words of `serde_json`, which name the place.
type Refusal = fn(String) -> BadJson;

/// Reads one value.
#[derive(Clone, Copy)]
struct Reader<'a> {
    /// How many values there may still be.
    left: &'a Cell<usize>,
    /// What it is that was refused though it is JSON.
    refused: &'a Cell<Option<Refusal>>,
}

impl Reader<'_> {
    fn refuse<E: Error>(self, kind: Refusal, why: impl fmt::Display) -> E {
        self.refused.set(Some(kind));
        E::custom(why)
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        let too_many = || self.refuse(BadJson::TooMany, "there are more than 10,000 values");
        let left = self.left.get().checked_sub(1).ok_or_else(too_many)?;
        self.left.set(left);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        // `{:?}` keeps the point or the exponent, so that 1.0 and 1e99 are not taken for whole numbers.
        Ok(Json::Number(format!("{value:?}")))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self)? {
            items.push(item);
        }
        Ok(Json::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut seen = std::collections::HashSet::new();
        let mut pairs = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            if !seen.insert(key.clone()) {
                let key = crate::format::excerpt(&key, 60);
                return Err(self.refuse(BadJson::Doubled, format!("the key `{key}` is there twice")));
            }
            pairs.push((key, map.next_value_seed(self)?));
        }
        Ok(Json::Object(pairs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_as_they_were_meant() {
        let number = |text: &str| match Json::parse(text.as_bytes()) {
            Ok(Json::Number(number)) => number,
            other => panic!("{other:?}"),
        };
        assert_eq!(number("5000"), "5000");
        assert_eq!(number("-5"), "-5");
        assert_eq!(number("1.0"), "1.0");
        assert_eq!(number("1e99"), "1e99");
        assert_eq!(number("99999999999999999999"), "1e20");
    }

    #[test]
    fn a_byte_order_mark_says_nothing() {
        assert_eq!(Json::parse("\u{feff}[1]".as_bytes()), Json::parse(b"[1]"));
        for text in ["\u{feff}", "\u{feff}\u{feff}[]", "[\u{feff}]"] {
            assert!(matches!(Json::parse(text.as_bytes()), Err(BadJson::Syntax(_))), "{text:?}");
        }
    }

    #[test]
    fn short_texts_do_not_take_all_memory() {
        let list = |count: usize| format!("[{}1]", "1,".repeat(count - 1));
        assert!(Json::parse(list(MAX_VALUES - 1).as_bytes()).is_ok());
        for text in
            [list(MAX_VALUES), format!("[{}]", list(MAX_VALUES - 1)), format!("[{}{{}}]", "[],".repeat(MAX_VALUES))]
        {
            assert!(matches!(Json::parse(text.as_bytes()), Err(BadJson::TooMany(_))), "{text:.20}");
        }
        assert!(Json::parse_within(list(MAX_VALUES * 2).as_bytes(), usize::MAX).is_ok());
    }

    #[test]
    fn doubled_keys_are_told_from_broken_json() {
        assert!(matches!(Json::parse(br#"{"a": 1, "a": 2}"#), Err(BadJson::Doubled(_))));
        assert!(matches!(Json::parse(br#"{"a": {"b": 1, "b": 2}}"#), Err(BadJson::Doubled(_))));
        for text in ["", "{", "{\"a\" 1}", "{} {}", "nul"] {
            assert!(matches!(Json::parse(text.as_bytes()), Err(BadJson::Syntax(_))), "{text}");
        }
        let deep = "[".repeat(10_000);
        assert!(matches!(Json::parse(deep.as_bytes()), Err(BadJson::Syntax(_))), "nested too deep");
    }
}
