//! What a value of an event may do, by the place it fills in a URL: one segment of the path, one value of the query. An
//! event's sender chooses values, and never more than that. The places of a body are in `body.rs`.

use std::ops::Range;

use crate::template::{Form, Piece, Value, percent};

/// The most bytes of a URL that values are filled in. The limit of all URLs is lower, and judged later.
const MAX_URL: usize = 8 * 1024;

/// The most characters of a value in a fault.
const MAX_SHOWN: usize = 60;

/// Where in a URL the next piece goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// The URL begins with it.
    Start,
    Scheme,
    /// Host and port.
    Authority,
    Path,
    /// Or the fragment.
    Query,
}

/// A URL.
///
/// # Errors
/// Names the value that would do more than fill its place.
pub(crate) fn url(pieces: &[Piece]) -> Result<String, String> {
    let mut out = String::new();
    // The values in the path, and whether they may be several segments.
    let mut filled: Vec<(Range<usize>, bool)> = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        // Each value is judged with all that is before it, which must not be long.
        if index > 0 {
            check_length(&out)?;
        }
        let (value, form) = match piece {
            Piece::Literal(text) => {
                out.push_str(text);
                continue;
            }
            Piece::Value(value @ Value::Text(_, form)) => (value, *form),
            Piece::Value(value) => (value, Form::Plain),
        };
        let text = value.print();
        let fault = |why: &str| Err(format!("the value `{}` {why}", shown(&text)));
        match place(&out) {
            Place::Start => {
                let next = pieces.get(index + 1);
                let names_scheme = matches!(next, Some(Piece::Literal(next)) if next.starts_with(':'));
                if names_scheme && !text.chars().all(|c| c.is_ascii_alphanumeric()) {
                    return fault("is no scheme of a URL");
                }
                // What comes after it is meant to be in the path.
                if next.is_some() && text.contains(['?', '#']) {
                    return fault("has a query or a fragment, but is only the beginning of the URL");
                }
                out.push_str(&text);
            }
            Place::Scheme if text.chars().all(|c| c.is_ascii_alphanumeric()) => out.push_str(&text),
            Place::Scheme => return fault("is no scheme of a URL"),
            Place::Authority if form == Form::Path && text.starts_with('/') => {
                filled.push((out.len() + 1..out.len() + text.len(), true));
                out.push_str(&text);
            }
            Place::Authority => {
                let fits = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
                if form == Form::Path || !text.chars().all(fits) {
                    return fault("would change more than a part of the host");
                }
                out.push_str(&text);
            }
            Place::Path => {
                let start = out.len();
                match form {
                    Form::Path | Form::Encoded => out.push_str(&text),
                    Form::Plain | Form::Json => out.push_str(&percent(&text)),
                }
                filled.push((start..out.len(), form == Form::Path));
            }
            Place::Query if form == Form::Encoded => out.push_str(&text),
            Place::Query => out.push_str(&percent(&text)),
        }
    }
    if !filled.is_empty() {
        check_length(&out)?;
    }
    check_host(&out, pieces)?;
    check_handler(&out, pieces)?;
    check_segments(&out, &filled)?;
    Ok(out)
}

/// Where what follows `text` goes.
fn place(text: &str) -> Place {
    let text = text.trim_start();
    if text.is_empty() {
        return Place::Start;
    }
    let Some((_, rest)) = text.split_once("://") else { return Place::Scheme };
    if rest.contains(['?', '#']) {
        return Place::Query;
    }
    if rest.contains(['/', '\\']) { Place::Path } else { Place::Authority }
}

fn check_length(url: &str) -> Result<(), String> {
    if url.len() > MAX_URL { Err(format!("the URL would be longer than {MAX_URL} bytes")) } else { Ok(()) }
}

/// Without a host, the first segment of the path would be taken for it.
fn check_host(url: &str, pieces: &[Piece]) -> Result<(), String> {
    let has_values = pieces.iter().any(|piece| matches!(piece, Piece::Value(_)));
    match url.split_once("://") {
        Some((_, rest)) if has_values && rest.starts_with(['/', '\\', '?', '#']) => {
            Err("the host is empty, as a value is".to_owned())
        }
        _ => Ok(()),
    }
}

/// A handler is called only where the rule itself says `job:`. No network lies between an event's sender and the app's own
/// functions.
fn check_handler(url: &str, pieces: &[Piece]) -> Result<(), String> {
    let names_one = |text: &str| text.trim_start().get(..4).is_some_and(|start| start.eq_ignore_ascii_case("job:"));
    let literal = |piece: &Piece| match piece {
        Piece::Literal(text) => Some(text.clone()),
        Piece::Value(_) => None,
    };
    let own: String = pieces.iter().map_while(literal).collect();
    if names_one(url) && !names_one(&own) {
        return Err("a value makes it the URL of a handler, which only the rule may name".to_owned());
    }
    Ok(())
}

/// No segment that holds a value is one that names another path.
fn check_segments(url: &str, filled: &[(Range<usize>, bool)]) -> Result<(), String> {
    let Some(start) = url.find("://").map(|at| at + "://".len()) else { return Ok(()) };
    let end = url.get(start..).and_then(|rest| rest.find(['?', '#'])).map_or(url.len(), |at| start + at);
    let mut at = start;
    for segment in url.get(start..end).unwrap_or_default().split(['/', '\\']) {
        let range = at..at + segment.len();
        at = range.end + 1;
        let mut within =
            filled.iter().filter(|(value, _)| value.start <= range.end && value.end >= range.start).peekable();
        if within.peek().is_none() {
            continue;
        }
        if is_dots(segment) {
            let detail = "`.` and `..` are not names in a path, but lead to another one";
            return Err(format!("the value makes the segment `{}`: {detail}", shown(segment)));
        }
        if segment.trim().is_empty() && within.any(|(_, is_path)| !is_path) {
            return Err("a segment of the path is empty, as its value is".to_owned());
        }
    }
    Ok(())
}

/// Whether whoever reads the URL takes a segment for `.` or `..`.
fn is_dots(segment: &str) -> bool {
    let segment = segment.trim().to_ascii_lowercase().replace("%2e", ".");
    segment == "." || segment == ".."
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Piece {
        Piece::Value(Value::text(text))
    }

    fn literal(text: &str) -> Piece {
        Piece::Literal(text.to_owned())
    }

    #[test]
    fn only_the_rule_names_a_handler() {
        assert!(url(&[value("job://report")]).is_err());
        assert!(url(&[value("JOB"), literal("://report")]).is_err());
        assert_eq!(url(&[literal("job://report/"), value("x")]).unwrap(), "job://report/x");
    }

    #[test]
    fn a_place_is_told_by_what_is_before_it() {
        for (text, expect) in [
            ("", Place::Start),
            (" ", Place::Start),
            ("http", Place::Scheme),
            ("https:", Place::Scheme),
            ("https://", Place::Authority),
            ("https://a.test:80", Place::Authority),
            ("https://a.test/", Place::Path),
            ("https://a.test\\", Place::Path),
            ("https://a.test?", Place::Query),
            ("https://a.test/?a=/", Place::Query),
            ("https://a.test/#", Place::Query),
        ] {
            assert_eq!(place(text), expect, "{text}");
        }
    }

    #[test]
    fn a_segment_is_judged_with_the_text_around_it() {
        let path = |before: &str, text: &str, after: &str| {
            url(&[literal(&format!("https://a.test/{before}")), value(text), literal(after)])
        };
        for (before, text, after) in [
            ("", ".", ""),
            ("", "..", "/x"),
            (".", ".", ""),
            ("", ".", ".?x"),
            ("%2e", ".", "/"),
            ("%2", "e", "."),
            ("", "", "/x"),
            ("", "", ""),
            ("", "..", "\n"),
        ] {
            assert!(path(before, text, after).is_err(), "{before}{text}{after}");
        }
        let long = path("", &"a/".repeat(5_000), "").unwrap_err();
        assert!(long.contains("longer than"), "{long}");
        for (before, text, after) in
            [("", "...", ""), ("a", "..", ""), ("", "", "a"), ("x/", ".a", "/y"), ("../", "a", "")]
        {
            assert_eq!(path(before, text, after), Ok(format!("https://a.test/{before}{text}{after}")));
        }
    }
}
