//! Files of rules.

use naptime_core::input::{kind, read_rule};
use naptime_core::{Invalid, Limits, Rule};
use serde_json::Value;

use crate::check;

/// Reads a file of rules: a list of them, as the API takes and sends them.
///
/// # Errors
/// All faults, of which there is at least one, each at a field such as `3.then.upsert.url`: that of the third rule.
pub fn read_rules(file: Value, limits: Limits<'_>) -> Result<Vec<Rule>, Vec<Invalid>> {
    let items = match file {
        Value::Array(items) => items,
        other => {
            let detail = format!("it must hold a list of rules, not {}", kind(&other));
            return Err(vec![Invalid::new("file", "wrong_type", detail)]);
        }
    };
    let (mut rules, mut faults): (Vec<Rule>, Vec<Invalid>) = (Vec::new(), Vec::new());
    for (number, item) in (1..).zip(items) {
        let read = read_rule(item, None).and_then(|rule| check(&rule, limits).map(|()| rule));
        let read = read.and_then(|rule| match rules.iter().any(|other| other.name == rule.name) {
            true => Err(vec![Invalid::new("name", "conflict", format!("there is a rule {} before it", rule.name))]),
            false => Ok(rule),
        });
        match read {
            Ok(rule) => rules.push(rule),
            Err(found) => faults.extend(
                found.into_iter().map(|fault| Invalid { field: format!("{number}.{}", fault.field).into(), ..fault }),
            ),
        }
    }
    if faults.is_empty() { Ok(rules) } else { Err(faults) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use naptime_core::{AllowedNetworks, Time};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_file_is_read_as_a_whole() {
        let networks = AllowedNetworks::public_only();
        let limits = Limits { networks: &networks, min_period: Duration::from_secs(1), now: Time::from_millis(0) };
        let one = json!({"name": "a", "event": "e", "then": "delete"});
        assert_eq!(read_rules(json!([one]), limits).unwrap().len(), 1);
        let check = |file: Value, expect: &[&str]| {
            let faults = read_rules(file.clone(), limits).unwrap_err();
            let fields: Vec<&str> = faults.iter().map(|fault| &*fault.field).collect();
            assert_eq!(fields, expect, "{file}");
        };
        check(json!({}), &["file"]);
        let bad = json!({"name": "b", "event": "e", "then": {"upsert": {"url": "{{ key", "every": "5m"}}});
        check(json!([one, {}, 5, one, bad]), &["2.then", "3.rule", "4.name", "5.then.upsert.url"]);
        let bare = json!({"name": "b", "event": "e", "then": {"upsert": {"url": "{{ key }}", "every": "5000"}}});
        check(json!([bare]), &["1.then.upsert.every"]);
    }
}
