//! A rule.

use std::time::Duration;

use serde_json::Value;

use super::fields::{Fields, kind};
use super::shape::Kind;
use super::template;
use crate::{Action, Invalid, Rule};

/// The key of the job that a rule acts on, unless the rule says another.
const JOB: &str = "{{ key }}";
/// What `then` may be.
const ACTIONS: &str = "{\"upsert\": {…}}, \"delete\" or \"switch_off\"";

/// Reads a rule, of which there may be a `stored` one already: its credentials stay where they are masked. The endpoint
/// of an upsert is taken as it is, because its fields can only be judged where templates are filled in.
///
/// # Errors
/// All faults, of which there is at least one.
pub fn read_rule(value: Value, stored: Option<&Rule>) -> Result<Rule, Vec<Invalid>> {
    // No field of a rule itself is a duration.
    let mut fields = Fields::of_value(value, "a rule", Duration::ZERO).map_err(|faults| at("rule", faults))?;
    let made = rule(&mut fields, stored);
    // The API adds these when it sends a rule.
    for name in ["rev", "updated_at"] {
        fields.skip(name);
    }
    fields.finish("a rule", made)
}

pub(super) fn rule(fields: &mut Fields, stored: Option<&Rule>) -> Option<Rule> {
    let name = fields.text("name").or(String::new(), String::new());
    let event = fields.text("event").or(String::new(), String::new());
    let job = fields.text("job").or(JOB.to_owned(), JOB.to_owned());
    let then = action(fields, stored);
    let enabled = fields.flag("enabled").or(true, true);
    then.map(|then| Rule { name, event, job, then, enabled })
}

fn at(field: &'static str, faults: Vec<Invalid>) -> Vec<Invalid> {
    faults.into_iter().map(|fault| Invalid { field: field.into(), ..fault }).collect()
}

fn action(fields: &mut Fields, stored: Option<&Rule>) -> Option<Action> {
    match fields.take("then", Kind::Action) {
        None => {
            fields.fault("then", "missing", format!("`then` is missing: {ACTIONS}"));
            None
        }
        Some(Value::String(text)) if text == "delete" => Some(Action::Delete),
        Some(Value::String(text)) if text == "switch_off" => Some(Action::SwitchOff),
        Some(Value::Object(mut then)) if then.len() == 1 && then.contains_key("upsert") => {
            match then.shift_remove("upsert") {
                Some(Value::Object(endpoint)) => {
                    let read = template::read(endpoint, stored.and_then(Rule::template));
                    fields.note_within("then.upsert", read).map(Action::Upsert)
                }
                other => {
                    let detail = format!("`upsert` must be an object, not {}", kind(&other.unwrap_or_default()));
                    fields.fault("then.upsert", "wrong_type", detail);
                    None
                }
            }
        }
        Some(_) => {
            fields.fault("then", "wrong_type", format!("`then` must be {ACTIONS}"));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::Template;

    use super::*;

    #[test]
    fn a_rule_is_read_as_it_is_sent() {
        let endpoint = json!({
            "url": "https://a.test/", "every": "5m", "headers": [["A", "{{ key }}"], ["A", "b"]], "timeout": 5000,
            "retry": {"attempts": "{{ data.n }}", "on": [503, "timeout"]}, "days": null, "tags": ["x"],
        });
        let sent = json!({"name": "a", "event": "e", "then": {"upsert": endpoint}, "rev": 3, "updated_at": "now"});
        let rule = read_rule(sent, None).unwrap();
        assert!(rule.enabled && rule.job == "{{ key }}");
        let Action::Upsert(Template(template)) = &rule.then else { panic!("{rule:?}") };
        assert_eq!(Value::Object(template.clone()), endpoint);
        let again = serde_json::to_value(&rule).unwrap();
        assert_eq!(read_rule(again.clone(), None).unwrap(), rule, "what is sent can be sent back: {again}");
    }

    #[test]
    fn headers_become_pairs() {
        for headers in [
            json!({"$A": "1", "B": "{{ key }}"}),
            json!([["$A", "1"], ["B", "{{ key }}"]]),
            json!("$A: 1\nB: {{ key }}"),
        ] {
            let rule =
                read_rule(json!({"name": "a", "event": "e", "then": {"upsert": {"headers": headers}}}), None).unwrap();
            let Action::Upsert(Template(template)) = rule.then else { panic!("{headers}") };
            assert_eq!(template["headers"], json!([["$A", "1"], ["B", "{{ key }}"]]), "{headers}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let check = |value: Value, expect: &[(&str, &str)]| {
            let faults = read_rule(value.clone(), None).unwrap_err();
            let faults: Vec<_> = faults.iter().map(|fault| (&*fault.field, fault.code)).collect();
            assert_eq!(faults, expect, "{value}");
        };
        let then = |then: Value| json!({"name": "a", "event": "e", "then": then});
        check(json!([]), &[("rule", "wrong_type")]);
        check(json!({"name": "a", "event": "e"}), &[("then", "missing")]);
        check(then(json!(null)), &[("then", "missing")]);
        check(then(json!("forget")), &[("then", "wrong_type")]);
        check(then(json!({"delete": {}})), &[("then", "wrong_type")]);
        check(then(json!({"upsert": {}, "delete": {}})), &[("then", "wrong_type")]);
        check(then(json!({"upsert": []})), &[("then.upsert", "wrong_type")]);
        check(then(json!({"upsert": {"headers": [1]}})), &[("then.upsert.headers", "wrong_type")]);
        check(then(json!({"upsert": {"tags": [u64::MAX]}})), &[("then.upsert.tags", "out_of_range")]);
        check(
            json!({"name": 1, "event": [], "job": 2, "then": 3, "enabled": 4, "enable": true}),
            &[
                ("name", "wrong_type"),
                ("event", "wrong_type"),
                ("job", "wrong_type"),
                ("then", "wrong_type"),
                ("enabled", "wrong_type"),
                ("enable", "unknown_field"),
            ],
        );
    }
}
