//! What input is read as, and what is found wrong with it.

use serde_json::{Value, json};

use crate::duration::MIN_PERIOD;
use crate::{Method, Statuses, Steer, Time};

use super::*;

mod sla;
mod timing;

type Faults = Vec<(String, &'static str)>;

fn id() -> JobId {
    uuid::Uuid::from_u128(7).into()
}

fn codes(faults: Vec<Invalid>) -> Faults {
    faults.into_iter().map(|fault| (fault.field.into_owned(), fault.code)).collect()
}

fn create(value: Value, networks: &str) -> Result<NewJob, Faults> {
    let networks = networks.parse().unwrap();
    read_new(value, Limits { networks: &networks, min_period: MIN_PERIOD, now: Time::from_millis(0) }, id())
        .map_err(codes)
}

fn change(value: Value, old: &Job) -> Result<Spec, Faults> {
    let networks = AllowedNetworks::public_only();
    let read =
        read_change(value, Limits { networks: &networks, min_period: MIN_PERIOD, now: Time::from_millis(0) }, old)
            .map_err(codes);
    read.map(|change| change.applied(Spec::clone(&old.spec)))
}

fn minimal() -> Value {
    json!({"url": "https://example.com/", "every": "5m"})
}

/// The first with the fields of the second in place of its own.
fn with(mut value: Value, fields: Value) -> Value {
    let (Some(value_fields), Value::Object(fields)) = (value.as_object_mut(), fields) else { panic!("objects") };
    value_fields.extend(fields);
    value
}

fn job(value: Value) -> Job {
    create(value, "none").unwrap().into_job(Time::from_millis(0))
}

#[test]
fn what_is_left_out_has_defaults() {
    let new = create(minimal(), "none").unwrap();
    assert!(!new.active, "nothing is called until someone switches it on");
    assert_eq!(new.spec.request, Request::default());
    assert_eq!(new.spec.retry, Retry::default());
    assert_eq!(new.spec.schedule, Schedule::every(Duration::from_secs(300), id()));
}

#[test]
fn all_faults_come_together_each_at_its_path() {
    let value = json!({
        "every": "0", "method": "BREW", "headers": "Connection: x", "body": "x".repeat(300_000), "timeout": "61m",
        "sla": "x", "retry": {"attempts": "0", "backoff": "x", "on": "y", "tries": 3}, "success": "2xx", "lease": "1s",
        "steer": {"min": "x"}, "name": "x".repeat(101), "tags": [" "], "colour": "blue",
    });
    let fields: Vec<String> = create(value, "none").unwrap_err().into_iter().map(|(field, _)| field).collect();
    let expect = [
        "url",
        "every",
        "method",
        "headers",
        "body",
        "timeout",
        "retry.attempts",
        "retry.backoff",
        "retry.on",
        "retry.tries",
        "success",
        "lease",
        "name",
        "tags",
        "sla",
        "steer.min",
        "colour",
    ];
    assert_eq!(fields, expect);
}

#[test]
fn types_are_checked_field_by_field() {
    let check = |fields: Value, field: &str, code: &'static str| {
        let found = create(with(minimal(), fields.clone()), "none").unwrap_err();
        assert_eq!(found, [(field.to_owned(), code)], "{fields}");
    };
    check(json!({"url": {"$ne": null}}), "url", "wrong_type");
    check(json!({"url": null}), "url", "missing");
    check(json!({"every": true}), "every", "wrong_type");
    check(json!({"every": null}), "every", "missing");
    check(json!({"every": null, "cron": 5}), "cron", "wrong_type");
    check(json!({"every": null, "cron": "@daily", "tz": 1}), "tz", "wrong_type");
    check(json!({"every": null, "random": "1h", "window": ["09:00", "17:00"]}), "window", "wrong_type");
    check(json!({"every": null, "random": "1h", "days": [null]}), "days", "wrong_type");
    check(json!({"jitter": true}), "jitter", "wrong_type");
    for name in ["cron", "random", "window", "days"] {
        check(json!({ name: false }), name, "conflict");
    }
    check(json!({"align": "5m"}), "align", "wrong_type");
    check(json!({"success": {"min": 200}}), "success", "wrong_type");
    check(json!({"steer": "30s"}), "steer", "wrong_type");
    check(json!({"steer": {"min": "30s", "max": "1h", "least": 1}}), "steer.least", "unknown_field");
    check(json!({"retry": {"on": true}}), "retry.on", "wrong_type");
    check(json!({"schedule": {"every": "5m"}}), "schedule", "unknown_field");
    check(json!({"active": "yes"}), "active", "wrong_type");
    check(json!({"headers": {"A": 1}}), "headers", "wrong_type");
    check(json!({"headers": [["A"]]}), "headers", "wrong_type");
    check(json!({"headers": 7}), "headers", "wrong_type");
    check(json!({"tags": {"a": "b"}}), "tags", "wrong_type");
    check(json!({"retry": 3}), "retry", "wrong_type");
    check(json!({"retry": {"tries": 3}}), "retry.tries", "unknown_field");
    check(json!({"retry": {"attempts": 1.5}}), "retry.attempts", "not_a_number");
    check(json!({"retry": {"attempts": 21}}), "retry.attempts", "out_of_range");
    check(json!({"active": null}), "active", "wrong_type");
    check(json!({"timeout": 30}), "timeout", "ambiguous");
    check(json!({"timeout": "30"}), "timeout", "ambiguous");
    check(json!({"key": 5}), "key", "wrong_type");
    assert_eq!(create(json!([]), "none").unwrap_err(), [(String::new(), "wrong_type")]);
}

#[test]
fn null_is_the_default_again() {
    let fields = json!({
        "method": "POST", "headers": {"A": "1"}, "body": "x", "secret": true, "timeout": 5000, "sla": "2d",
        "retry": {"attempts": 1}, "success": [404], "lease": "20s", "steer": {"min": "1s", "max": "1h"}, "name": "n",
        "tags": ["t"], "jitter": "1s", "align": true, "from": "2026-12-01T00:00Z", "until": "2030-01-01T00:00Z",
        "except": "12-25", "pause": {"until": "2026-12-02T00:00Z", "note": "n"},
    });
    let nulls = fields.as_object().unwrap().keys().map(|name| (name.clone(), Value::Null)).collect();
    let old = job(with(minimal(), fields));
    assert_eq!(change(nulls, &old).unwrap(), job(minimal()).spec.as_ref().clone());
}

#[test]
fn lists_may_be_texts() {
    let read = |fields: Value| {
        create(with(json!({"url": "https://example.com/", "random": "1h"}), fields), "none").unwrap().spec
    };
    let text = json!({"days": "mon, tue", "success": "200-299, 404", "retry": {"on": "503, timeout"}, "tags": "a, b,"});
    let list = json!({"days": ["mon", "tue"], "success": ["200-299", 404], "retry": {"on": [503, "timeout"]}, "tags": ["a", "b"]});
    assert_eq!(read(text), read(list));
    assert!(read(json!({"retry": {"on": []}})).retry.on.statuses.is_empty());
    assert_eq!(read(json!({"success": 404})).success, Statuses::of(&[404]));
    assert_eq!(read(json!({"tags": ["a, b"]})).tags, ["a, b"]);
    let lines = read(json!({"headers": "A: 1\nB: 2"}));
    assert_eq!(lines, read(json!({"headers": {"A": "1", "B": "2"}})));
    assert_eq!(lines, read(json!({"headers": [["A", "1"], ["B", "2"]]})));
}

#[test]
fn unknown_fields_are_not_told_without_end() {
    let unknown: serde_json::Map<String, Value> = (0..1_000).map(|n| (format!("x{n}"), json!(1))).collect();
    let found = create(with(Value::Object(unknown), json!({"url": 1, "every": "5m"})), "none").unwrap_err();
    assert_eq!(found.len(), 51);
    assert_eq!(found[0], ("url".to_owned(), "wrong_type"));
}

#[test]
fn urls_that_lead_where_no_call_may_go_are_refused() {
    let check = |url: &str, networks: &str, fine: bool| {
        let result = create(with(minimal(), json!({"url": url})), networks);
        let expect = if fine { None } else { Some(vec![("url".to_owned(), "blocked_address")]) };
        assert_eq!(result.err(), expect, "{url} with `{networks}`");
    };
    check("http://127.1/", "none", false);
    check("http://2130706433/", "none", false);
    check("http://[::ffff:10.0.0.1]/", "none", false);
    check("http://169.254.169.254/", "none", false);
    check("http://localhost:8080/", "none", false);
    check("http://a.localhost./", "none", false);
    check("http://localhost:8080/", "127.0.0.0/8", true);
    check("http://127.0.0.1/", "127.0.0.0/8", true);
    check("http://notlocalhost/", "none", true);
    check("http://1.1.1.1/", "none", true);
}

#[test]
fn what_is_not_said_stays() {
    let old = job(with(minimal(), json!({"name": "n", "retry": {"attempts": 7}, "steer": {"min": "1s", "max": "1h"}})));
    assert_eq!(change(json!({}), &old).unwrap(), *old.spec);
    let posted = change(json!({"method": "post", "retry": {"backoff": "5s"}, "steer": {"max": "2h"}}), &old).unwrap();
    assert_eq!((posted.request.method, &*posted.name, posted.retry.attempts), (Method::Post, "n", 7));
    assert_eq!(posted.steer.map(|steer| steer.max), Some(Duration::from_secs(7200)));
}

#[test]
fn outcomes_lease_and_limits_are_read() {
    let all = json!({
        "success": "200-204, 404", "lease": "1m", "steer": {"min": "30s", "max": "1h"}, "retry": {"on": "500, timeout"},
    });
    let old = job(with(minimal(), all));
    let spec = &old.spec;
    assert_eq!((spec.success.to_string(), spec.lease), ("200-204, 404".to_owned(), Duration::from_secs(60)));
    assert_eq!(spec.retry.on.to_string(), "500, timeout");
    assert_eq!(spec.retry.attempts, Retry::default().attempts);
    let steer = Steer { min: Duration::from_secs(30), max: Duration::from_secs(3600) };
    assert_eq!(spec.steer, Some(steer));

    let check = |fields: Value, field: &str, code: &'static str| {
        let found = create(with(minimal(), fields.clone()), "none").unwrap_err();
        assert_eq!(found, [(field.to_owned(), code)], "{fields}");
    };
    check(json!({"success": "2xx"}), "success", "bad_status");
    check(json!({"lease": "4s"}), "lease", "out_of_range");
    check(json!({"lease": "11m"}), "lease", "out_of_range");
    check(json!({"retry": {"on": "often"}}), "retry.on", "bad_status");
    check(json!({"steer": {"min": "30s"}}), "steer.max", "missing");
    check(json!({"steer": {"min": "1h", "max": "30s"}}), "steer", "out_of_range");
    check(json!({"steer": {"min": "1ms", "max": "30s"}}), "steer", "out_of_range");
    check(json!({"steer": {"min": "soon", "max": "30s"}}), "steer.min", "not_a_duration");

    let changed = change(json!({"steer": {"max": "2h"}}), &old).unwrap().steer;
    assert_eq!(changed, Some(Steer { max: Duration::from_secs(7200), ..steer }));
    assert_eq!(change(json!({"steer": null}), &old).unwrap().steer, None);
    assert_eq!(change(json!({"retry": {"attempts": 2}}), &old).unwrap().retry.on, old.spec.retry.on);
}
