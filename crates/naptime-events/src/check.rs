//! What can be said of a rule before there is an event.

use naptime_core::input::{TIMING, pairs_of_headers, read_new};
use naptime_core::{Action, Invalid, JobId, Limits, Rule, Template};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::event::{MAX_NAME, check_text};
use crate::{render, template};

/// The most bytes of all texts of a rule.
const MAX_BYTES: usize = 128 * 1024;

/// What goes before the fields of a template.
const TEMPLATE: &str = "then.upsert";

/// What stands for a URL that only an event can tell.
const EXAMPLE_URL: &str = "https://example.com/";
/// What stands for a timing that only an event can tell.
const EXAMPLE_PERIOD: &str = "1h";

/// The fields that are true or false. What comes out of a template is a text, so these are never left to events.
const FLAGS: [&str; 3] = ["align", "secret", "active"];

/// Looks at all of a rule that can be judged before there is an event: its templates, and what is no template in them.
///
/// # Errors
/// All faults, each at its field; those of the template begin with `then.upsert`.
pub fn check(rule: &Rule, limits: Limits<'_>) -> Result<(), Vec<Invalid>> {
    let mut faults: Vec<Invalid> = Vec::new();
    faults.extend(check_name(&rule.name).err());
    faults.extend(check_text("event", &rule.event, MAX_NAME).err());
    faults.extend(not_blank("job", &rule.job).and_then(|()| template::check("job", &rule.job)).err());
    if let Action::Upsert(template) = &rule.then {
        let found = check_template(template, limits);
        faults.extend(
            found.into_iter().map(|fault| Invalid { field: format!("{TEMPLATE}.{}", fault.field).into(), ..fault }),
        );
        let size: usize = template.texts().iter().map(|(_, text)| text.len()).sum();
        if size > MAX_BYTES {
            let detail = format!("the texts of a rule have at most {MAX_BYTES} bytes together, not {size}");
            faults.push(Invalid::new("then", "too_large", detail));
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

fn check_template(template: &Template, limits: Limits<'_>) -> Vec<Invalid> {
    let mut faults: Vec<Invalid> = Vec::new();
    for (path, source) in template.texts() {
        faults.extend(template::check(&path, source).err());
    }
    faults.extend(render::check_body(template).err());
    let read = render::without_event(&fixed(template)).and_then(|endpoint| {
        // The id of a job decides nothing that is judged.
        read_new(endpoint, limits, JobId::from(Uuid::nil())).map(drop)
    });
    for fault in read.err().into_iter().flatten() {
        if !faults.iter().any(|other| other.field == fault.field) {
            faults.push(fault);
        }
    }
    faults
}

/// The template with something that will do in place of what only an event can tell.
fn fixed(template: &Template) -> Template {
    let mut fields = template.0.clone();
    let varies = |fields: &Map<String, Value>, name: &str| fields.get(name).is_some_and(depends);
    if varies(&fields, "url") {
        fields.insert("url".to_owned(), EXAMPLE_URL.into());
    }
    if let Some(Ok(pairs)) = fields.get("headers").cloned().map(pairs_of_headers) {
        let kept = pairs.into_iter().filter(|(name, value)| !is_template(name) && !is_template(value));
        fields.insert("headers".to_owned(), kept.map(|(name, value)| Value::from(vec![name, value])).collect());
    }
    // One limit is judged by the other.
    if varies(&fields, "steer") {
        fields.insert("steer".to_owned(), Value::Null);
    }
    // The parts of when an endpoint is called are judged by each other too.
    let timing = || TIMING.into_iter().chain(["sla"]).filter(|name| !FLAGS.contains(name));
    let is_timed = ["every", "cron", "random"].iter().any(|kind| fields.get(*kind).is_some_and(|it| !it.is_null()));
    if is_timed && timing().any(|name| varies(&fields, name)) {
        for name in timing() {
            fields.shift_remove(name);
        }
        fields.insert("every".to_owned(), EXAMPLE_PERIOD.into());
    }
    for (name, value) in &mut fields {
        if !FLAGS.contains(&name.as_str()) {
            fix(value);
        } else if depends(value) {
            // A text in its place is refused, whatever it says.
            *value = Value::from("a text");
        }
    }
    Template(fields)
}

/// Puts `null`, which stands for the default, where a text depends on the event or is blank. In a list such a text is
/// left out.
fn fix(value: &mut Value) {
    match value {
        Value::String(text) if is_template(text) || text.trim().is_empty() => *value = Value::Null,
        Value::Array(items) => {
            let is_said = !items.is_empty();
            items.retain(|item| !depends(item));
            if is_said && items.is_empty() {
                *value = Value::Null;
            }
        }
        Value::Object(fields) => fields.values_mut().for_each(fix),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Whether any text of a value depends on the event.
fn depends(value: &Value) -> bool {
    match value {
        Value::String(text) => is_template(text),
        Value::Array(items) => items.iter().any(depends),
        Value::Object(fields) => fields.values().any(depends),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Whether a text has places to fill in.
fn is_template(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|open| text.contains(open))
}

fn check_name(name: &str) -> Result<(), Invalid> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if (1..=60).contains(&name.len()) && name.chars().all(fits) {
        return Ok(());
    }
    let detail = "the name of a rule has 1 to 60 small letters, digits and hyphens";
    Err(Invalid::new("name", "bad_name", detail))
}

fn not_blank(field: &'static str, text: &str) -> Result<(), Invalid> {
    if text.trim().is_empty() {
        return Err(Invalid::new(field, "missing", format!("`{field}` is missing")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use naptime_core::{AllowedNetworks, Time};
    use serde_json::json;

    use super::*;

    fn rule(then: Value) -> Rule {
        let job = "{{ key }}";
        serde_json::from_value(json!({"name": "poll", "event": "linked", "job": job, "then": then, "enabled": true}))
            .unwrap()
    }

    fn faults(rule: &Rule) -> Vec<(String, &'static str)> {
        let networks = AllowedNetworks::public_only();
        let checked =
            check(rule, Limits { networks: &networks, min_period: Duration::from_secs(1), now: Time::from_millis(0) });
        checked.err().into_iter().flatten().map(|fault| (fault.field.into_owned(), fault.code)).collect()
    }

    fn upsert(job: Value) -> Vec<(String, &'static str)> {
        faults(&rule(json!({"upsert": job})))
    }

    #[test]
    fn what_depends_on_events_is_left_to_them() {
        assert_eq!(upsert(json!({"url": "https://example.com/{{ key }}", "every": "30 s"})), []);
        assert_eq!(
            upsert(json!({
                "url": "{{ data.url }}", "every": "{{ data.every|default('') }}", "cron": "{{ data.cron|default('') }}",
                "jitter": "5s", "sla": "2s", "headers": [["{{ key }}", "a"], ["A", "{{ key }}"]], "method": "{{ key }}",
                "retry": {"attempts": "{{ data.n }}"}, "steer": {"min": "{{ data.min }}", "max": "1s"},
                "tags": ["{{ key }}"], "success": ["200", "{{ data.status }}"], "days": ["{{ data.day }}"],
            })),
            []
        );
        assert_eq!(upsert(json!({"url": "https://a.test/", "cron": "{{ key }}", "tz": "UTC", "align": false})), []);
        for (body, headers) in [
            ("n={{ key }}&a=b", json!([["content-type", "application/x-www-form-urlencoded"]])),
            ("n={{ key }}&a=b", json!([["{{ key }}", "text/plain"]])),
            ("a=b", json!([])),
            ("{{ data|tojson }}", json!([])),
            ("{\"a\": {{ key }}}\n{{ data }}", json!([])),
            ("{% if key %}[{% endif %}{{ key }}]", json!([])),
        ] {
            let job = json!({"url": "https://a.test/", "every": "5m", "body": body, "headers": headers});
            assert_eq!(upsert(job), [], "{body}");
        }
        assert_eq!(faults(&rule(json!("delete"))), []);
        assert_eq!(faults(&rule(json!("switch_off"))), []);
    }

    #[test]
    fn all_faults_come_together_each_at_its_field() {
        let mut rule = rule(json!({"upsert": {
            "url": "{{ data.url", "every": "{{ evry }}", "headers": [["x", "{% if %}"]], "tags": ["{{ key|x }}"],
            "lease": "1s", "evry": "5m",
        }}));
        rule.name = "Not a slug".into();
        rule.event = String::new();
        rule.job = " ".into();
        let fields: Vec<String> = faults(&rule).into_iter().map(|(field, _)| field).collect();
        let expect = ["name", "event", "job"].map(str::to_owned).into_iter();
        let expect = expect
            .chain(["url", "every", "headers", "tags", "lease", "evry"].map(|field| format!("then.upsert.{field}")));
        assert_eq!(fields, expect.collect::<Vec<_>>());
    }

    #[test]
    fn what_is_the_same_for_all_events_is_judged_at_once() {
        let check = |job: Value, field: &str, code: &'static str| {
            assert_eq!(upsert(job.clone()), [(format!("then.upsert.{field}"), code)], "{job}");
        };
        check(json!({"every": "5m"}), "url", "missing");
        check(json!({"url": "https://example.com/"}), "every", "missing");
        check(
            json!({"url": "http://127.0.0.1/{{ key }}", "every": "{{ data.every }}", "lease": "x"}),
            "lease",
            "not_a_duration",
        );
        check(json!({"url": "http://10.0.0.1/", "every": "{{ data.every }}"}), "url", "blocked_address");
        check(json!({"url": "{{ data.url }}", "every": "5 bananas"}), "every", "not_a_duration");
        check(json!({"url": "{{ data.url }}", "every": "5m", "sla": "1m"}), "sla", "shorter_than_period");
        check(json!({"url": "{{ data.url }}", "every": "5m", "cron": "@daily"}), "cron", "conflict");
        check(json!({"url": "{{ data.url }}", "random": "5m", "align": true}), "align", "conflict");
        check(
            json!({"url": "{{ data.url }}", "every": "5m", "retry": {"attempts": "99"}}),
            "retry.attempts",
            "out_of_range",
        );
        check(json!({"url": "{{ data.url }}", "every": "5m", "evry": "{{ key }}"}), "evry", "unknown_field");
        check(json!({"url": "{{ data.url }}", "every": "5m", "evry": " "}), "evry", "unknown_field");
        check(
            json!({"url": "{{ data.url }}", "every": "5m", "retry": {"tries": "{{ key }}"}}),
            "retry.tries",
            "unknown_field",
        );
        check(json!({"url": "{{ data.url }}", "every": "5m", "secret": "{{ key }}"}), "secret", "wrong_type");
        check(json!({"url": "{{ data.url }}", "cron": "{{ key }}", "align": "{{ key }}"}), "align", "wrong_type");
        check(json!({"url": "{{ data.url }}", "every": "5m", "steer": {"min": "1s"}}), "steer.max", "missing");
        check(json!({"url": " ", "every": "5m"}), "url", "missing");
        check(json!({"url": "{{ data.url }}", "tz": "{{ data.tz }}"}), "every", "missing");
        check(json!({"url": "{{ data.url }}", "every": "5m", "body": "n={{ key }}&a=b"}), "body", "bad_template");
        let large = json!({"url": "{{ data.url }}", "every": "5m", "body": "x".repeat(MAX_BYTES)});
        assert_eq!(upsert(large), [("then".to_owned(), "too_large")]);
    }
}
