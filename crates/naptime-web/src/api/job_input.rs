//! A one-off job as programs send it, made into a draft.

use http::StatusCode;
use naptime_core::{Invalid, OnceDraft};

use super::input;
use crate::format::excerpt;
use crate::json::Json;
use crate::mask;
use crate::problem::Problem;

/// What a one-off job has in common with an endpoint.
const COMMON: [&str; 11] =
    ["url", "method", "headers", "body", "secret", "timeout", "retry", "success", "lease", "name", "tags"];
/// The most faults collected of fields that nobody knows, of which a body may hold very many.
const MOST_UNKNOWN: usize = 50;

/// Reads an object of fields.
pub(super) fn draft(json: Json) -> Result<OnceDraft, Problem> {
    let Json::Object(fields) = json else {
        let detail = format!("a job must be an object, not {}", json.kind());
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "wrong_type", detail));
    };
    let mut once = OnceDraft::default();
    for (name, value) in fields {
        if let Err(fault) = field(&mut once, &name, value)
            && (fault.code != "unknown_field" || once.draft.faults.len() < MOST_UNKNOWN)
        {
            once.draft.faults.push(fault);
        }
    }
    Ok(OnceDraft { draft: mask::unmasked(once.draft, None), ..once })
}

fn field(once: &mut OnceDraft, name: &str, value: Json) -> Result<(), Invalid> {
    match name {
        "at" => once.at = Some(input::string("at", value)?),
        "in" => once.after = Some(input::duration("in", value)?),
        "key" => once.key = Some(input::string("key", value)?),
        name if COMMON.contains(&name) => input::field(&mut once.draft, name, value)?,
        name => {
            let shown = excerpt(name, 60);
            let detail = format!("`{shown}` is not a field of a one-off job");
            return Err(Invalid::new(shown, "unknown_field", detail));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_checked_field_by_field() {
        let check = |text: &str, field: &str, code: &'static str| {
            let draft = draft(Json::parse(text.as_bytes()).unwrap()).unwrap();
            let faults: Vec<_> = draft.draft.faults.iter().map(|fault| (fault.field.as_ref(), fault.code)).collect();
            assert_eq!(faults, [(field, code)], "{text}");
        };
        check(r#"{"at": 5}"#, "at", "wrong_type");
        check(r#"{"in": []}"#, "in", "wrong_type");
        check(r#"{"key": 7}"#, "key", "wrong_type");
        check(r#"{"url": {"$ne": null}}"#, "url", "wrong_type");
        check(r#"{"every": "5m"}"#, "every", "unknown_field");
        check(r#"{"active": true}"#, "active", "unknown_field");
        check(r#"{"headers": {"Cookie": "••••"}}"#, "headers", "masked");
        assert!(draft(Json::Array(Vec::new())).is_err());
    }
}
