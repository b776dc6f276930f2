//! What differs between a thing as it is and as it is to be, field by field.

use serde_json::Value;

use super::view::FieldView;
use super::written::{Credentials, Fields};

/// The fields that differ. `written` is the thing before and after; `is_drift` tells whether a field that now has this value
/// was changed since the file was last applied.
pub(crate) fn fields(
    written: impl Fn(Credentials) -> (Fields, Fields),
    is_drift: impl Fn(&str, Option<&Value>) -> bool,
) -> Vec<FieldView> {
    let (before, after) = written(Credentials::Whole);
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    let differing: Vec<&String> =
        after.keys().chain(gone).filter(|name| before.get(*name) != after.get(*name)).collect();
    if differing.is_empty() {
        return Vec::new();
    }
    let (shown_before, shown_after) = written(Credentials::Masked);
    let shown = |fields: &Fields, name: &str| fields.get(name).cloned().unwrap_or(Value::Null);
    let field = |name: &String| FieldView {
        before: shown(&shown_before, name),
        after: shown(&shown_after, name),
        drift: is_drift(name, before.get(name)),
        field: name.clone(),
    };
    differing.into_iter().map(field).collect()
}

#[cfg(test)]
mod tests {
    use naptime_core::Applied;
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Fields {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn fields_that_come_go_and_change_are_told() {
        let before = object(json!({"every": "5m", "name": "a", "tags": ["x"], "headers": {"Cookie": "1"}}));
        let after = object(json!({"every": "10m", "tags": ["x"], "timeout": "1m", "headers": {"Cookie": "2"}}));
        let written = |credentials| {
            let mut both = (before.clone(), after.clone());
            if credentials == Credentials::Masked {
                for fields in [&mut both.0, &mut both.1] {
                    fields.insert("headers".to_owned(), json!({"Cookie": "••••"}));
                }
            }
            both
        };
        // The file that was applied last had `every: 1m`, so somebody has changed it since.
        let applied = Applied::new(
            "shop".to_owned(),
            &object(json!({"every": "1m", "name": "a", "tags": ["x"], "headers": {"Cookie": "1"}})),
            |_| true,
        );
        let is_drift = |name: &str, now: Option<&Value>| applied.is_changed(name, now);
        let found: Vec<Value> =
            fields(written, is_drift).iter().map(|field| serde_json::to_value(field).unwrap()).collect();
        let told = |field: &str, before: Value, after: Value, drift: bool| json!({"field": field, "before": before, "after": after, "drift": drift});
        let masked = json!({"Cookie": "••••"});
        let expected = [
            told("every", json!("5m"), json!("10m"), true),
            told("timeout", Value::Null, json!("1m"), false),
            told("headers", masked.clone(), masked, false),
            told("name", json!("a"), Value::Null, false),
        ];
        assert_eq!(found, expected);
        assert!(fields(|_| (before.clone(), before.clone()), is_drift).is_empty());
    }
}
