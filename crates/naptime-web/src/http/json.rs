//! JSON as it was sent, and no key twice. With a key twice, two readers may read two different things.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// What some programs begin a text with, to say that it is UTF-8.
pub(crate) const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
/// The most values in a text. A value takes some sixty bytes, however short it is written.
pub(crate) const MAX_VALUES: usize = 10_000;

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

/// Reads a text. A byte order mark before it, as editors on Windows write it, says nothing (RFC 8259, section 8.1).
pub(crate) fn parse(text: &[u8]) -> Result<Value, BadJson> {
    parse_within(text, MAX_VALUES)
}

/// Reads a text of at most so many values.
pub(crate) fn parse_within(text: &[u8], values: usize) -> Result<Value, BadJson> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let (left, refused) = (Cell::new(values), Cell::new(None));
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let read = Reader { values, left: &left, refused: &refused }.deserialize(&mut deserializer);
    read.and_then(|json| deserializer.end().map(|()| json)).map_err(|error| {
        let text = error.to_string();
        refused.get().unwrap_or(BadJson::Syntax)(text)
    })
}

/// Reads a file of the operator's own, which may hold as many values as there are.
///
/// # Errors
/// Why it is not JSON, or which key is there twice.
pub fn parse_file(text: &[u8]) -> Result<Value, String> {
    parse_within(text, usize::MAX).map_err(|bad| {
        let (BadJson::Syntax(why) | BadJson::Doubled(why) | BadJson::TooMany(why)) = bad;
        why
    })
}

/// A kind of [`BadJson`], to be made of the words of `serde_json`, which name the place.
type Refusal = fn(String) -> BadJson;

/// Reads one value.
#[derive(Clone, Copy)]
struct Reader<'a> {
    /// How many values there may be.
    values: usize,
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
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let too_many = || {
            let most = crate::kit::format::count(self.values as u64);
            self.refuse(BadJson::TooMany, format!("there are more than {most} values"))
        };
        let left = self.left.get().checked_sub(1).ok_or_else(too_many)?;
        self.left.set(left);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        // Every number in a text is finite.
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            if fields.contains_key(&key) {
                let key = crate::kit::format::excerpt(&key, 60);
                return Err(self.refuse(BadJson::Doubled, format!("the key `{key}` is there twice")));
            }
            let value = map.next_value_seed(self)?;
            fields.insert(key, value);
        }
        Ok(Value::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_as_they_were_meant() {
        let number = |text: &str| parse(text.as_bytes()).unwrap().to_string();
        assert_eq!(number("5000"), "5000");
        assert_eq!(number("-5"), "-5");
        assert_eq!(number("1.0"), "1.0");
        assert_eq!(number("1e99"), "1e+99");
        assert_eq!(number("99999999999999999999"), "1e+20");
    }

    #[test]
    fn a_byte_order_mark_says_nothing() {
        assert_eq!(parse("\u{feff}[1]".as_bytes()), parse(b"[1]"));
        for text in ["\u{feff}", "\u{feff}\u{feff}[]", "[\u{feff}]"] {
            assert!(matches!(parse(text.as_bytes()), Err(BadJson::Syntax(_))), "{text:?}");
        }
    }

    #[test]
    fn short_texts_do_not_take_all_memory() {
        let list = |count: usize| format!("[{}1]", "1,".repeat(count - 1));
        assert!(parse(list(MAX_VALUES - 1).as_bytes()).is_ok());
        for text in
            [list(MAX_VALUES), format!("[{}]", list(MAX_VALUES - 1)), format!("[{}{{}}]", "[],".repeat(MAX_VALUES))]
        {
            assert!(matches!(parse(text.as_bytes()), Err(BadJson::TooMany(_))), "{text:.20}");
        }
        assert!(parse_within(list(MAX_VALUES * 2).as_bytes(), usize::MAX).is_ok());
    }

    #[test]
    fn doubled_keys_are_told_from_broken_json() {
        assert!(matches!(parse(br#"{"a": 1, "a": 2}"#), Err(BadJson::Doubled(_))));
        assert!(matches!(parse(br#"{"a": {"b": 1, "b": 2}}"#), Err(BadJson::Doubled(_))));
        for text in ["", "{", "{\"a\" 1}", "{} {}", "nul"] {
            assert!(matches!(parse(text.as_bytes()), Err(BadJson::Syntax(_))), "{text}");
        }
        let deep = "[".repeat(10_000);
        assert!(matches!(parse(deep.as_bytes()), Err(BadJson::Syntax(_))), "nested too deep");
    }

    #[test]
    fn a_file_may_be_long_and_says_nothing_twice() {
        assert!(parse_file("\u{feff}[1]".as_bytes()).is_ok(), "as saved on Windows");
        for bad in ["[", "", r#"[{"name": "a", "name": "b"}]"#] {
            assert!(parse_file(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
