//! An endpoint as programs send it, made into a draft. What has the wrong type or is unknown is a fault of the draft.

use http::StatusCode;

use crate::draft::{Draft, RawHeaders};
use crate::fault::Fault;
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

fn field(draft: &mut Draft, name: &str, value: Json) -> Result<(), Fault> {
    match name {
        "url" => draft.url = Some(string("url", value)?),
        "every" => draft.every = Some(duration("every", value)?),
        "method" => draft.method = Some(string("method", value)?),
        "headers" => draft.headers = Some(headers(value)?),
        "body" => draft.body = Some(clearable(value, |value| string("body", value))?),
        "timeout" => draft.timeout = Some(duration("timeout", value)?),
        "active" => draft.active = Some(boolean("active", &value)?),
        "sla" => draft.sla = Some(clearable(value, |value| duration("sla", value))?),
        "retry" => retry(draft, value)?,
        "name" => draft.name = Some(clearable(value, |value| string("name", value))?),
        "tags" => draft.tags = Some(tags(value)?),
        _ => {
            let shown = excerpt(name, 60);
            return Err(Fault::new(shown.clone(), "unknown_field", format!("`{shown}` is not a field of an endpoint")));
        }
    }
    Ok(())
}

fn wrong_type(field: &'static str, expected: &str, value: &Json) -> Fault {
    Fault::new(field, "wrong_type", format!("`{field}` must be {expected}, not {}", value.kind()))
}

fn string(field: &'static str, value: Json) -> Result<String, Fault> {
    match value {
        Json::String(text) => Ok(text),
        other => Err(wrong_type(field, "a string", &other)),
    }
}

fn boolean(field: &'static str, value: &Json) -> Result<bool, Fault> {
    match value {
        Json::Bool(value) => Ok(*value),
        other => Err(wrong_type(field, "true or false", other)),
    }
}

/// A duration as people write it, or a number of milliseconds.
fn duration(field: &'static str, value: Json) -> Result<String, Fault> {
    match value {
        Json::String(text) | Json::Number(text) => Ok(text),
        other => Err(wrong_type(field, "a duration like \"5m\", or milliseconds", &other)),
    }
}

/// A value that `null` clears.
fn clearable(value: Json, read: impl Fn(Json) -> Result<String, Fault>) -> Result<Option<String>, Fault> {
    match value {
        Json::Null => Ok(None),
        other => read(other).map(Some),
    }
}

/// `{"Name": "value"}`, or `[["Name", "value"]]` where a name comes twice.
fn headers(value: Json) -> Result<RawHeaders, Fault> {
    let pairs = match value {
        Json::Object(pairs) => pairs.into_iter().map(|(name, value)| Ok((name, string("headers", value)?))).collect(),
        Json::Array(items) => items.into_iter().map(pair).collect(),
        other => Err(wrong_type("headers", "an object, or a list of pairs", &other)),
    };
    pairs.map(RawHeaders::Pairs)
}

fn pair(item: Json) -> Result<(String, String), Fault> {
    match item {
        Json::Array(parts) => match <[Json; 2]>::try_from(parts) {
            Ok([name, value]) => Ok((string("headers", name)?, string("headers", value)?)),
            Err(_) => Err(Fault::new("headers", "wrong_type", "each of `headers` must be [name, value]")),
        },
        other => Err(wrong_type("headers", "a list of [name, value]", &other)),
    }
}

fn tags(value: Json) -> Result<Vec<String>, Fault> {
    match value {
        Json::Array(items) => items.into_iter().map(tag).collect(),
        other => Err(wrong_type("tags", "a list of strings", &other)),
    }
}

fn tag(item: Json) -> Result<String, Fault> {
    match item {
        Json::String(text) => Ok(text),
        other => {
            let detail = format!("`tags` must be a list of strings; one of them is {}", other.kind());
            Err(Fault::new("tags", "wrong_type", detail))
        }
    }
}

/// `{"attempts": 3, "backoff": "2s"}`; either may be left out.
fn retry(draft: &mut Draft, value: Json) -> Result<(), Fault> {
    let Json::Object(fields) = value else {
        return Err(wrong_type("retry", "an object of `attempts` and `backoff`", &value));
    };
    for (name, value) in fields {
        match (name.as_str(), value) {
            ("attempts", Json::Number(number)) => draft.attempts = Some(number),
            ("attempts", other) => return Err(wrong_type("retry", "{\"attempts\": a number, …}", &other)),
            ("backoff", value) => draft.backoff = Some(duration("retry", value)?),
            _ => {
                let detail = format!("`{}` is not a field of `retry`", excerpt(&name, 60));
                return Err(Fault::new("retry", "unknown_field", detail));
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
        check(r#"{"cron": "* * * * *"}"#, "cron", "unknown_field");
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
    fn unknown_fields_are_not_told_without_end() {
        let unknown: Vec<String> = (0..1_000).map(|n| format!("\"x{n}\": 1")).collect();
        let found = faults(&format!("{{{}, \"url\": 1}}", unknown.join(", ")));
        assert_eq!(found.len(), MOST_UNKNOWN + 1);
        assert_eq!(found.last(), Some(&("url".to_owned(), "wrong_type")));
    }
}
