//! An endpoint as programs send it, made into a draft. What has the wrong type or is unknown is a fault of the draft.

use http::StatusCode;
use naptime_core::{Draft, Invalid, RawHeaders, RawLimits};

use crate::format::excerpt;
use crate::json::Json;
use crate::problem::Problem;

/// The most faults collected of fields that nobody knows, of which a body may hold very many.
const MOST_UNKNOWN: usize = 50;

/// Reads an object of fields.
pub(super) fn draft(json: Json) -> Result<Draft, Problem> {
    let Json::Object(fields) = json else {
        let detail = format!("the body must be an object, not {}", json.kind());
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "wrong_type", detail));
    };
    let mut draft = Draft::default();
    for (name, value) in fields {
        if let Err(fault) = field(&mut draft, &name, value)
            && (fault.code != "unknown_field" || draft.faults.len() < MOST_UNKNOWN)
        {
            draft.faults.push(fault);
        }
    }
    Ok(draft)
}

/// Reads one field.
pub(super) fn field(draft: &mut Draft, name: &str, value: Json) -> Result<(), Invalid> {
    match name {
        "url" => draft.url = Some(string("url", value)?),
        "every" => draft.every = Some(duration("every", value)?),
        "jitter" => draft.jitter = Some(clearable(value, |value| duration("jitter", value))?),
        "align" => draft.align = Some(boolean("align", &value)?),
        "cron" => draft.cron = Some(string("cron", value)?),
        "random" => draft.random = Some(duration("random", value)?),
        "window" => draft.window = Some(clearable(value, |value| string("window", value))?),
        "days" => draft.days = Some(clearable(value, |value| list("days", "weekdays", value))?),
        "tz" => draft.tz = Some(clearable(value, |value| string("tz", value))?),
        "method" => draft.method = Some(string("method", value)?),
        "headers" => draft.headers = Some(headers(value)?),
        "body" => draft.body = Some(clearable(value, |value| string("body", value))?),
        "secret" => draft.secret = Some(boolean("secret", &value)?),
        "timeout" => draft.timeout = Some(duration("timeout", value)?),
        "active" => draft.active = Some(boolean("active", &value)?),
        "sla" => draft.sla = Some(clearable(value, |value| duration("sla", value))?),
        "retry" => retry(draft, value)?,
        "success" => draft.success = Some(list("success", "statuses", value)?.join(", ")),
        "lease" => draft.lease = Some(duration("lease", value)?),
        "steer" => draft.steer = Some(clearable(value, limits)?),
        "name" => draft.name = Some(clearable(value, |value| string("name", value))?),
        "tags" => draft.tags = Some(tags(value)?),
        _ => {
            let shown = excerpt(name, 60);
            return Err(Invalid::new(
                shown.clone(),
                "unknown_field",
                format!("`{shown}` is not a field of an endpoint"),
            ));
        }
    }
    Ok(())
}

pub(super) fn wrong_type(field: &'static str, expected: &str, value: &Json) -> Invalid {
    Invalid::new(field, "wrong_type", format!("`{field}` must be {expected}, not {}", value.kind()))
}

pub(super) fn string(field: &'static str, value: Json) -> Result<String, Invalid> {
    match value {
        Json::String(text) => Ok(text),
        other => Err(wrong_type(field, "a string", &other)),
    }
}

pub(super) fn boolean(field: &'static str, value: &Json) -> Result<bool, Invalid> {
    match value {
        Json::Bool(value) => Ok(*value),
        other => Err(wrong_type(field, "true or false", other)),
    }
}

/// A duration as people write it, or a number of milliseconds.
pub(super) fn duration(field: &'static str, value: Json) -> Result<String, Invalid> {
    match value {
        Json::String(text) | Json::Number(text) => Ok(text),
        other => Err(wrong_type(field, "a duration like \"5m\", or milliseconds", &other)),
    }
}

/// A value that `null` clears.
fn clearable<T>(value: Json, read: impl Fn(Json) -> Result<T, Invalid>) -> Result<Option<T>, Invalid> {
    match value {
        Json::Null => Ok(None),
        other => read(other).map(Some),
    }
}

/// Several things: a text of them with commas between, or a list of texts and numbers.
fn list(field: &'static str, of: &str, value: Json) -> Result<Vec<String>, Invalid> {
    let expected = || format!("a text of {of} with commas between, or a list of them");
    match value {
        Json::String(text) | Json::Number(text) => Ok(vec![text]),
        Json::Array(items) => {
            let item = |item| match item {
                Json::String(text) | Json::Number(text) => Ok(text),
                other => Err(wrong_type(field, &expected(), &other)),
            };
            items.into_iter().map(item).collect()
        }
        other => Err(wrong_type(field, &expected(), &other)),
    }
}

/// `{"min": "30s", "max": "1h"}`.
fn limits(value: Json) -> Result<RawLimits, Invalid> {
    let Json::Object(fields) = value else {
        return Err(wrong_type("steer", "an object of `min` and `max`, or null", &value));
    };
    let mut limits = RawLimits::default();
    for (name, value) in fields {
        match name.as_str() {
            "min" => limits.min = Some(duration("steer", value)?),
            "max" => limits.max = Some(duration("steer", value)?),
            _ => {
                let detail = format!("`{}` is not a field of `steer`", excerpt(&name, 60));
                return Err(Invalid::new("steer", "unknown_field", detail));
            }
        }
    }
    Ok(limits)
}

/// `{"Name": "value"}`, or `[["Name", "value"]]` where a name comes twice.
pub(super) fn headers(value: Json) -> Result<RawHeaders, Invalid> {
    let pairs = match value {
        Json::Object(pairs) => pairs.into_iter().map(|(name, value)| Ok((name, string("headers", value)?))).collect(),
        Json::Array(items) => items.into_iter().map(pair).collect(),
        other => Err(wrong_type("headers", "an object, or a list of pairs", &other)),
    };
    pairs.map(RawHeaders::Pairs)
}

fn pair(item: Json) -> Result<(String, String), Invalid> {
    match item {
        Json::Array(parts) => match <[Json; 2]>::try_from(parts) {
            Ok([name, value]) => Ok((string("headers", name)?, string("headers", value)?)),
            Err(_) => Err(Invalid::new("headers", "wrong_type", "each of `headers` must be [name, value]")),
        },
        other => Err(wrong_type("headers", "a list of [name, value]", &other)),
    }
}

fn tags(value: Json) -> Result<Vec<String>, Invalid> {
    match value {
        Json::Array(items) => items.into_iter().map(tag).collect(),
        other => Err(wrong_type("tags", "a list of strings", &other)),
    }
}

fn tag(item: Json) -> Result<String, Invalid> {
    match item {
        Json::String(text) => Ok(text),
        other => {
            let detail = format!("`tags` must be a list of strings; one of them is {}", other.kind());
            Err(Invalid::new("tags", "wrong_type", detail))
        }
    }
}

/// `{"attempts": 3, "backoff": "2s", "on": "429, 503, timeout, connection"}`; each may be left out.
fn retry(draft: &mut Draft, value: Json) -> Result<(), Invalid> {
    let Json::Object(fields) = value else {
        return Err(wrong_type("retry", "an object of `attempts`, `backoff` and `on`", &value));
    };
    for (name, value) in fields {
        match (name.as_str(), value) {
            ("attempts", Json::Number(number)) => draft.attempts = Some(number),
            ("attempts", other) => return Err(wrong_type("retry", "{\"attempts\": a number, …}", &other)),
            ("backoff", value) => draft.backoff = Some(duration("retry", value)?),
            ("on", Json::Array(items)) if items.is_empty() => draft.on = Some("none".to_owned()),
            ("on", value) => {
                draft.on =
                    Some(list("retry", "statuses, `timeout`, `unreachable` and `connection`", value)?.join(", "));
            }
            _ => {
                let detail = format!("`{}` is not a field of `retry`", excerpt(&name, 60));
                return Err(Invalid::new("retry", "unknown_field", detail));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<(String, &'static str)> {
        let draft = draft(Json::parse(text.as_bytes()).unwrap()).unwrap();
        draft.faults.into_iter().map(|fault| (fault.field.into_owned(), fault.code)).collect()
    }

    #[test]
    fn types_are_checked_field_by_field() {
        let check = |text: &str, field: &str, code: &'static str| {
            assert_eq!(faults(text), [(field.to_owned(), code)], "{text}");
        };
        check(r#"{"url": {"$ne": null}}"#, "url", "wrong_type");
        check(r#"{"url": null}"#, "url", "wrong_type");
        check(r#"{"every": true}"#, "every", "wrong_type");
        check(r#"{"cron": 5}"#, "cron", "wrong_type");
        check(r#"{"tz": 1}"#, "tz", "wrong_type");
        check(r#"{"window": ["09:00", "17:00"]}"#, "window", "wrong_type");
        check(r#"{"days": [null]}"#, "days", "wrong_type");
        check(r#"{"jitter": true}"#, "jitter", "wrong_type");
        check(r#"{"align": "5m"}"#, "align", "wrong_type");
        check(r#"{"align": null}"#, "align", "wrong_type");
        check(r#"{"success": {"min": 200}}"#, "success", "wrong_type");
        check(r#"{"steer": "30s"}"#, "steer", "wrong_type");
        check(r#"{"steer": {"least": "30s"}}"#, "steer", "unknown_field");
        check(r#"{"retry": {"on": true}}"#, "retry", "wrong_type");
        check(r#"{"schedule": {"every": "5m"}}"#, "schedule", "unknown_field");
        check(r#"{"active": "yes"}"#, "active", "wrong_type");
        check(r#"{"headers": {"A": 1}}"#, "headers", "wrong_type");
        check(r#"{"headers": [["A"]]}"#, "headers", "wrong_type");
        check(r#"{"tags": "a,b"}"#, "tags", "wrong_type");
        check(r#"{"tags": [1]}"#, "tags", "wrong_type");
        check(r#"{"retry": null}"#, "retry", "wrong_type");
        check(r#"{"retry": {"tries": 3}}"#, "retry", "unknown_field");
        check(r#"{"retry": {"attempts": "3"}}"#, "retry", "wrong_type");
        assert!(draft(Json::Array(Vec::new())).is_err());
        assert_eq!(faults(r#"{"body": null, "sla": null, "name": null, "every": 5000, "headers": [["A", "1"]]}"#), []);
    }

    #[test]
    fn lists_may_be_texts() {
        let read = |text: &str| draft(Json::parse(text.as_bytes()).unwrap()).unwrap();
        let text = read(r#"{"days": "mon-fri", "success": "200-299, 404", "retry": {"on": "503, timeout"}}"#);
        let list = read(r#"{"days": ["mon", "tue"], "success": ["200-299", 404], "retry": {"on": [503, "timeout"]}}"#);
        assert_eq!((text.success, text.on), (list.success, list.on));
        assert_eq!(list.days, Some(Some(vec!["mon".to_owned(), "tue".to_owned()])));
        assert_eq!(read(r#"{"retry": {"on": []}}"#).on.as_deref(), Some("none"));
        let cleared = read(r#"{"jitter": null, "window": null, "days": null, "tz": null, "steer": null}"#);
        assert_eq!(
            (cleared.jitter, cleared.window, cleared.days, cleared.tz),
            (Some(None), Some(None), Some(None), Some(None))
        );
        assert!(cleared.faults.is_empty() && cleared.steer.is_some_and(|steer| steer.is_none()));
    }

    #[test]
    fn unknown_fields_are_not_told_without_end() {
        let unknown: Vec<String> = (0..1_000).map(|n| format!("\"x{n}\": 1")).collect();
        let found = faults(&format!("{{{}, \"url\": 1}}", unknown.join(", ")));
        assert_eq!(found.len(), MOST_UNKNOWN + 1);
        assert_eq!(found.last(), Some(&("url".to_owned(), "wrong_type")));
    }
}
