//! One event: something happened, to something with a key.

use naptime_core::Invalid;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::numbers;

/// The most bytes of an event.
pub const MAX_BYTES: usize = 256 * 1024;

/// The most characters of the name of an event.
pub(crate) const MAX_NAME: usize = 100;

/// The most characters of a key.
pub(crate) const MAX_KEY: usize = 200;

/// An event: `{"event": "twitter.linked", "key": "user-123", "data": {"token": "abc"}}`.
#[derive(Clone, Debug, PartialEq, ToSchema)]
pub struct Event {
    /// What happened.
    #[schema(min_length = 1, max_length = 100)]
    pub event: String,
    /// To what it happened. Events of one key are handled in their order.
    #[schema(min_length = 1, max_length = 200)]
    pub key: String,
    /// What templates may use; an object.
    #[schema(value_type = Object, required = false)]
    pub data: Value,
}

impl Event {
    /// Reads an event as it was sent.
    ///
    /// # Errors
    /// `too_large` and `not_json` at the field `event`, as it is nothing else yet; or what is wrong at a member.
    pub fn read(bytes: &[u8]) -> Result<Self, Invalid> {
        Self::read_keyed(bytes, None)
    }

    /// The same where the key is said beside it, too.
    ///
    /// # Errors
    /// As [`Event::read`], and `conflict` at `key` if the event says another.
    pub fn read_keyed(bytes: &[u8], key: Option<&str>) -> Result<Self, Invalid> {
        if bytes.len() > MAX_BYTES {
            let detail = format!("an event has at most {MAX_BYTES} bytes, not {}", bytes.len());
            return Err(Invalid::new("event", "too_large", detail));
        }
        // A byte order mark before JSON says nothing (RFC 8259, section 8.1).
        let json = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let value: Value = serde_json::from_slice(json)
            .map_err(|error| Invalid::new("event", "not_json", format!("the event is not JSON: {error}")))?;
        if let Some(number) = numbers::too_large(json) {
            let shown: String = number.chars().take(60).collect();
            let detail = format!("the number {shown} is too large to be kept digit for digit; send it as a string");
            return Err(Invalid::new("data", "out_of_range", detail));
        }
        let Value::Object(mut members) = value else {
            return Err(Invalid::new("event", "wrong_type", "an event must be an object"));
        };
        if let Some(key) = key {
            let said = members.entry("key").or_insert_with(|| key.into());
            if said.as_str().is_some_and(|said| said != key) {
                return Err(Invalid::new("key", "conflict", "`key` is not that of `Idempotency-Key`"));
            }
        }
        let event = text(&mut members, "event", MAX_NAME)?;
        let key = text(&mut members, "key", MAX_KEY)?;
        let data = members.remove("data").unwrap_or_else(|| Value::Object(Map::new()));
        if !data.is_object() {
            return Err(Invalid::new("data", "wrong_type", "`data` must be an object"));
        }
        match members.keys().next() {
            Some(unknown) => {
                let shown: String = unknown.chars().filter(|c| !c.is_control()).take(60).collect();
                let detail = format!("`{shown}` is not a member of an event; what belongs to it goes into `data`");
                Err(Invalid::new(shown, "unknown_field", detail))
            }
            None => Ok(Self { event, key, data }),
        }
    }
}

/// A member that must be there and be a text.
fn text(members: &mut Map<String, Value>, name: &'static str, most: usize) -> Result<String, Invalid> {
    match members.remove(name) {
        None => Err(Invalid::new(name, "missing", format!("`{name}` is missing"))),
        Some(Value::String(text)) => check_text(name, &text, most).map(|()| text),
        Some(_) => Err(Invalid::new(name, "wrong_type", format!("`{name}` must be a string"))),
    }
}

/// Whether a name or a key may be so.
pub(crate) fn check_text(field: &'static str, text: &str, most: usize) -> Result<(), Invalid> {
    if text.trim().is_empty() {
        return Err(Invalid::new(field, "empty", format!("`{field}` is empty")));
    }
    if text.chars().count() > most {
        return Err(Invalid::new(field, "too_long", format!("`{field}` has at most {most} characters")));
    }
    if text.chars().any(char::is_control) {
        let detail = format!("`{field}` may not have line breaks or other control characters");
        return Err(Invalid::new(field, "control_character", detail));
    }
    naptime_core::check_line(field, text, most)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_read() {
        let event = Event::read(br#"{"event": "twitter.linked", "key": "user-123", "data": {"token": "abc"}}"#);
        let expect = Event { event: "twitter.linked".into(), key: "user-123".into(), data: json!({"token": "abc"}) };
        assert_eq!(event, Ok(expect));
        assert_eq!(Event::read(br#"{"event": "a", "key": "b"}"#).unwrap().data, json!({}));
        assert_eq!(Event::read("\u{feff}{\"event\": \"a\", \"key\": \"b\"}".as_bytes()).unwrap().key, "b");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let check = |text: &str, field: &str, code: &str| {
            let fault = Event::read(text.as_bytes()).unwrap_err();
            assert_eq!((&*fault.field, fault.code), (field, code), "{text}");
        };
        check("", "event", "not_json");
        check("{", "event", "not_json");
        check(&"[".repeat(10_000), "event", "not_json");
        check("[]", "event", "wrong_type");
        check(r#"{"key": "b"}"#, "event", "missing");
        check(r#"{"event": "a"}"#, "key", "missing");
        check(r#"{"event": "", "key": "b"}"#, "event", "empty");
        check(r#"{"event": "a", "key": " "}"#, "key", "empty");
        check(r#"{"event": 1, "key": "b"}"#, "event", "wrong_type");
        check(r#"{"event": "a", "key": null}"#, "key", "wrong_type");
        check(r#"{"event": "a", "key": "b\nc"}"#, "key", "control_character");
        check(r#"{"event": "a", "key": "b\u202ec"}"#, "key", "bad_character");
        check(&format!(r#"{{"event": "{}", "key": "b"}}"#, "ä".repeat(101)), "event", "too_long");
        check(&format!(r#"{{"event": "a", "key": "{}"}}"#, "k".repeat(201)), "key", "too_long");
        check(r#"{"event": "a", "key": "b", "data": {"n": 12345678901234567890123}}"#, "data", "out_of_range");
        check(r#"{"event": "a", "key": "b", "data": []}"#, "data", "wrong_type");
        check(r#"{"event": "a", "key": "b", "date": {}}"#, "date", "unknown_field");
    }

    #[test]
    fn an_event_may_have_256_kib() {
        let sized = |size: usize| {
            let frame = r#"{"event":"a","key":"b","data":{"x":""}}"#.len();
            format!(r#"{{"event":"a","key":"b","data":{{"x":"{}"}}}}"#, "x".repeat(size - frame))
        };
        assert!(Event::read(sized(MAX_BYTES).as_bytes()).is_ok());
        assert_eq!(Event::read(sized(MAX_BYTES + 1).as_bytes()).unwrap_err().code, "too_large");
    }
}
