//! What can be said of a rule before there is an event.

use naptime_core::{Action, Draft, Invalid, JobId, RetryTemplate, Rule, SteerTemplate, Template, draft};
use uuid::Uuid;

use crate::event::{MAX_NAME, check_text};
use crate::{render, template};

/// The most bytes of all texts of a rule.
const MAX_BYTES: usize = 128 * 1024;

/// What goes before the fields of a template.
const TEMPLATE: &str = "then.upsert";

/// Looks at all of a rule that can be judged before there is an event: its templates, and what is no template in them.
///
/// # Errors
/// All faults, each at its field; those of the template begin with `then.upsert`.
pub fn check(rule: &Rule, limits: draft::Rules<'_>) -> Result<(), Vec<Invalid>> {
    let mut faults: Vec<Invalid> = Vec::new();
    faults.extend(check_name(&rule.name).err());
    faults.extend(check_text("event", &rule.event, MAX_NAME).err());
    faults.extend(not_blank("job", &rule.job).and_then(|()| template::check("job", &rule.job)).err());
    if let Action::Upsert(job) = &rule.then {
        let found = check_template(job, limits);
        faults.extend(
            found.into_iter().map(|fault| Invalid { field: format!("{TEMPLATE}.{}", fault.field).into(), ..fault }),
        );
        let size: usize = job.texts().iter().map(|(_, text)| text.len()).sum();
        if size > MAX_BYTES {
            let detail = format!("the texts of a rule have at most {MAX_BYTES} bytes together, not {size}");
            faults.push(Invalid::new("then", "too_large", detail));
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

fn check_template(job: &Template, limits: draft::Rules<'_>) -> Vec<Invalid> {
    let mut faults: Vec<Invalid> = Vec::new();
    faults.extend(not_blank("url", &job.url).err());
    if job.every.is_none() && job.cron.is_none() && job.random.is_none() {
        let detail = "when to call it is missing: say `every` (like 10s, 5m or 1h 30m), `cron` or `random`";
        faults.push(Invalid::new("every", "missing", detail));
    }
    for (field, source) in job.texts() {
        faults.extend(template::check(field, source).err());
    }
    if faults.is_empty() {
        faults.extend(render::check_body(job).err());
        faults.extend(read(fixed(job), limits).err().into_iter().flatten());
    }
    faults
}

/// Reads what does not depend on any event.
fn read(job: Template, limits: draft::Rules<'_>) -> Result<(), Vec<Invalid>> {
    let draft: Draft = render::without_event(&job)?;
    draft.create(limits, JobId::from(Uuid::nil())).map(drop)
}

/// The template with something that will do in place of what only an event can tell.
fn fixed(job: &Template) -> Template {
    let is_fixed = |text: &String| !["{{", "{%", "{#"].iter().any(|open| text.contains(open));
    let some = |text: &Option<String>| text.clone().filter(is_fixed);
    let all = |texts: &[String]| texts.iter().filter(|text| is_fixed(text)).cloned().collect::<Vec<_>>();
    let timing = [&job.every, &job.jitter, &job.cron, &job.random, &job.window, &job.tz, &job.sla];
    let rest = Template {
        url: Some(job.url.clone()).filter(is_fixed).unwrap_or("https://example.com/".to_owned()),
        method: some(&job.method),
        headers: job.headers.iter().filter(|(name, value)| is_fixed(name) && is_fixed(value)).cloned().collect(),
        body: some(&job.body),
        secret: job.secret,
        timeout: some(&job.timeout),
        retry: RetryTemplate {
            attempts: some(&job.retry.attempts),
            backoff: some(&job.retry.backoff),
            on: some(&job.retry.on),
        },
        success: some(&job.success),
        lease: some(&job.lease),
        // One limit is judged by the other.
        steer: Some(&job.steer)
            .filter(|steer| [&steer.min, &steer.max].into_iter().flatten().all(is_fixed))
            .cloned()
            .unwrap_or(SteerTemplate::default()),
        name: some(&job.name),
        tags: all(&job.tags),
        active: job.active,
        every: Some("1h".to_owned()),
        ..Template::default()
    };
    // So are the parts of when it is called.
    if !timing.into_iter().flatten().chain(&job.days).all(is_fixed) {
        return rest;
    }
    Template {
        every: job.every.clone(),
        jitter: job.jitter.clone(),
        align: job.align,
        cron: job.cron.clone(),
        random: job.random.clone(),
        window: job.window.clone(),
        days: job.days.clone(),
        tz: job.tz.clone(),
        sla: job.sla.clone(),
        ..rest
    }
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

    use naptime_core::AllowedNetworks;
    use serde_json::{Value, json};

    use super::*;

    fn rule(then: Value) -> Rule {
        let job = "{{ key }}";
        serde_json::from_value(json!({"name": "poll", "event": "linked", "job": job, "then": then, "enabled": true}))
            .unwrap()
    }

    fn faults(rule: &Rule) -> Vec<(String, &'static str)> {
        let networks = AllowedNetworks::public_only();
        let checked = check(rule, draft::Rules { networks: &networks, min_period: Duration::from_secs(1) });
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
                "tags": ["{{ key }}"],
            })),
            []
        );
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
        }}));
        rule.name = "Not a slug".into();
        rule.event = String::new();
        rule.job = " ".into();
        let fields: Vec<String> = faults(&rule).into_iter().map(|(field, _)| field).collect();
        let expect = ["name", "event", "job"].map(str::to_owned).into_iter();
        let expect = expect.chain(["url", "every", "headers", "tags"].map(|field| format!("then.upsert.{field}")));
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
        check(json!({"url": "{{ data.url }}", "every": "5m", "retry": {"attempts": "99"}}), "retry", "out_of_range");
        check(json!({"url": "{{ data.url }}", "every": "5m", "body": "n={{ key }}&a=b"}), "body", "bad_template");
        let large = json!({"url": "{{ data.url }}", "every": "5m", "body": "x".repeat(MAX_BYTES)});
        assert_eq!(upsert(large), [("then".to_owned(), "too_large")]);
    }
}
