//! What a value of an event may do in a body: in JSON it is one value, in a form one value. An event's sender chooses
//! values, and never more than that. What the body is, the rule's `Content-Type` says, or the body itself if it is JSON.
//! Otherwise nobody here can say: the pool may add a `Content-Type` later, by which the target reads the body as a form.

use serde::de::IgnoredAny;

use crate::template::{Form, Piece, Value, percent};

/// What is said of a body whose values may be read as anything.
const UNTYPED: &str = "a body with places to fill in that is not JSON needs a `Content-Type` among the headers of the \
                       rule, so that values cannot be read as more than values: `text/plain` takes them as they are, \
                       `application/x-www-form-urlencoded` encodes them";

/// A body: JSON or a form if its type says so, or JSON if it is JSON without saying so.
///
/// # Errors
/// If it has values, and nothing says what it is.
pub(crate) fn body(pieces: &[Piece], content_type: Option<&str>) -> Result<String, String> {
    match content_type.map(str::to_ascii_lowercase) {
        Some(of) if of.contains("json") => Ok(json(pieces)),
        Some(of) if of.contains("x-www-form-urlencoded") => Ok(form(pieces)),
        Some(_) => Ok(plain(pieces)),
        None => {
            let has_values = pieces.iter().any(|piece| matches!(piece, Piece::Value(_)));
            let text = if has_values { json(pieces) } else { plain(pieces) };
            // A blank body is none.
            let is_blank = || plain(pieces).trim().is_empty();
            if !has_values || is_json(&text, pieces) {
                Ok(text)
            } else if is_blank() {
                Ok(String::new())
            } else {
                Err(UNTYPED.to_owned())
            }
        }
    }
}

/// What can be said of a body before there is an event: that it is no JSON whatever fills its places.
///
/// # Errors
/// As [`body`] without a type.
pub(crate) fn check_untyped(literals: &[Option<&str>]) -> Result<(), String> {
    // A text does for the name of a member as well, and a number beside other digits.
    let samples = [Value::text("a"), Value::Int(1)];
    let filled = samples.iter().map(|sample| -> Vec<Piece> {
        let piece = |literal: &Option<&str>| match literal {
            Some(text) => Piece::Literal((*text).to_owned()),
            None => Piece::Value(sample.clone()),
        };
        literals.iter().map(piece).collect()
    });
    let mut bodies = filled.map(|pieces| body(&pieces, None).map(drop));
    if bodies.any(|body| body.is_ok()) { Ok(()) } else { Err(UNTYPED.to_owned()) }
}

/// Texts as they are, all other values as JSON.
pub(crate) fn plain(pieces: &[Piece]) -> String {
    let mut out = String::new();
    for piece in pieces {
        match piece {
            Piece::Literal(text) => out.push_str(text),
            Piece::Value(value) => out.push_str(&value.print()),
        }
    }
    out
}

/// Whether a body is JSON, as a whole or on each line. A text with nothing of the rule around it could be meant as it is
/// as well, so that it is not taken for JSON unless the rule says so.
fn is_json(text: &str, pieces: &[Piece]) -> bool {
    let is_bare = pieces.iter().all(|piece| matches!(piece, Piece::Value(_)) || is_blank(piece));
    if is_bare && pieces.iter().any(|piece| matches!(piece, Piece::Value(Value::Text(_, form)) if *form != Form::Json))
    {
        return false;
    }
    let is_one = |text: &str| serde_json::from_str::<IgnoredAny>(text).is_ok();
    is_one(text) || text.lines().filter(|line| !line.trim().is_empty()).all(is_one)
}

fn is_blank(piece: &Piece) -> bool {
    matches!(piece, Piece::Literal(text) if text.trim().is_empty())
}

/// Within quotes a value is part of their text, and elsewhere it is a value.
fn json(pieces: &[Piece]) -> String {
    let mut out = String::new();
    let (mut is_quoted, mut is_escaped) = (false, false);
    for piece in pieces {
        match piece {
            Piece::Literal(text) => {
                for c in text.chars() {
                    is_quoted ^= c == '"' && !is_escaped;
                    is_escaped = c == '\\' && is_quoted && !is_escaped;
                }
                out.push_str(text);
            }
            Piece::Value(value) if is_quoted => {
                let quoted = Value::text(value.print()).to_json();
                out.push_str(quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default());
            }
            Piece::Value(Value::Text(text, Form::Json)) => out.push_str(text),
            Piece::Value(value) => out.push_str(&value.to_json()),
        }
    }
    out
}

fn form(pieces: &[Piece]) -> String {
    let mut out = String::new();
    for piece in pieces {
        match piece {
            Piece::Literal(text) => out.push_str(text),
            Piece::Value(Value::Text(text, Form::Encoded)) => out.push_str(text),
            Piece::Value(value) => out.push_str(&percent(&value.print())),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parts of a template: what is between `<` and `>` is a value.
    fn pieces(template: &str) -> Vec<Piece> {
        let part = |(at, text): (usize, &str)| match at % 2 {
            0 => Piece::Literal(text.to_owned()),
            _ => Piece::Value(Value::text(text)),
        };
        template
            .split(['<', '>'])
            .enumerate()
            .map(part)
            .filter(|piece| *piece != Piece::Literal(String::new()))
            .collect()
    }

    #[test]
    fn a_value_stays_one_value_in_lines_of_json_and_in_a_text_of_json() {
        for (template, expect) in [
            (
                "{\"a\": \"<x\",\"role\":\"admin>\"}\n{\"b\": <y>}\n\n",
                "{\"a\": \"x\\\",\\\"role\\\":\\\"admin\"}\n{\"b\": \"y\"}\n\n",
            ),
            ("\"hello <x\",\"role\":\"admin>\"", "\"hello x\\\",\\\"role\\\":\\\"admin\""),
            ("\"a <x\ny>\"\r\n\"b\"", "\"a x\\ny\"\r\n\"b\""),
            (" [\n<a>\n]", " [\n\"a\"\n]"),
        ] {
            assert_eq!(body(&pieces(template), None).as_deref(), Ok(expect), "{template}");
        }
    }

    #[test]
    fn a_body_that_nothing_says_the_type_of_is_refused() {
        for template in ["name=<x>&role=user", "hello <x>", "<x>", "<x>\n<y>", "{\"a\": \"<x>\"} and more", "1<x>"] {
            let fault = body(&pieces(template), None).unwrap_err();
            assert!(fault.contains("Content-Type"), "{fault}");
            assert_eq!(body(&pieces(template), Some("text/plain")), Ok(template.replace(['<', '>'], "")));
        }
        let form = Some("application/x-www-form-urlencoded");
        assert_eq!(body(&pieces("n=<x&role=a>&r=u"), form).as_deref(), Ok("n=x%26role%3Da&r=u"));
        assert_eq!(body(&pieces("a=b&c=d"), None).as_deref(), Ok("a=b&c=d"), "the rule chose all of it");
        assert_eq!(body(&[Piece::Value(Value::text(" "))], None).as_deref(), Ok(""), "a blank body is none");
        assert_eq!(body(&[Piece::Value(Value::Int(3))], None).as_deref(), Ok("3"));
    }

    #[test]
    fn what_is_no_json_is_known_before_there_is_an_event() {
        for (parts, is_certain) in [
            (&[Some("name="), None, Some("&role=user")][..], true),
            (&[Some("<"), None, Some(">")], true),
            (&[Some("{\"a\": "), None, Some("} or so")], true),
            (&[None], false),
            (&[None, Some("\n"), None], false),
            (&[Some("{"), None, Some(": 1}")], false),
            (&[Some("{\"a\": -"), None, Some("}")], false),
            (&[Some("\"hello "), None, Some("\"")], false),
        ] {
            assert_eq!(check_untyped(parts).is_err(), is_certain, "{parts:?}");
        }
    }
}
