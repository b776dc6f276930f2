//! Percent-encoding.

use std::fmt::Write as _;

use super::value::Value;

/// A text in which all but letters, digits and `-._~` is percent-encoded, so that it means the same anywhere in a URL.
pub(crate) fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte.into());
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Segments of a path, each percent-encoded.
pub(crate) fn path(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (index, segment) in text.split('/').enumerate() {
        if index > 0 {
            out.push('/');
        }
        out.push_str(&percent(segment));
    }
    out
}

/// A value percent-encoded; an object as `name=value&name=value`.
pub(crate) fn urlencoded(value: &Value) -> String {
    match value {
        Value::Text(text, super::value::Form::Encoded) => text.to_string(),
        Value::Map(members) => {
            let mut out = String::new();
            for (name, value) in members.iter() {
                let separator = if out.is_empty() { "" } else { "&" };
                // Writing to a string cannot fail.
                let _ = write!(out, "{separator}{}={}", percent(name), percent(&value.print()));
            }
            out
        }
        other => percent(&other.print()),
    }
}
