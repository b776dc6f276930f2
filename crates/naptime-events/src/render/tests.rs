//! Tests of what rules make of events.

use serde_json::{Value, json};

use super::*;

fn event() -> Event {
    let data = json!({"token": "a b", "text": "\"hi\""});
    Event { event: "twitter.linked".into(), key: "user-123".into(), data }
}

fn rule(job: &str, then: &Value) -> Rule {
    serde_json::from_value(json!({"name": "r", "event": "e", "job": job, "then": then, "enabled": true})).unwrap()
}

fn rendered(then: &Value) -> Result<Act, Vec<Invalid>> {
    of_event(&rule("{{ key }}", then), &event())
}

fn of_event(rule: &Rule, event: &Event) -> Result<Act, Vec<Invalid>> {
    all(vec![rule.clone()], event).remove(0).1
}

/// The URL of a rule for an event of this key, as it is called.
fn called(url: &str, key: &str) -> Result<String, String> {
    let event = Event { key: key.into(), ..event() };
    let act = of_event(&rule("k", &json!({"upsert": {"url": url, "every": "1s"}})), &event);
    let act = act.map_err(|faults| faults[0].detail.clone())?;
    let What::Upsert(endpoint) = act.what else { panic!("{act:?}") };
    Ok(naptime_core::Endpoint::parse(endpoint["url"].as_str().unwrap()).map_err(|fault| fault.detail)?.to_string())
}

#[test]
fn a_value_fills_one_segment_of_a_path() {
    let url = "https://example.com/poll/{{ key }}";
    for (key, expect) in [
        ("user-123", "user-123"),
        ("user#1", "user%231"),
        ("user#2", "user%232"),
        ("a/../../admin/delete", "a%2F..%2F..%2Fadmin%2Fdelete"),
        ("a?role=admin", "a%3Frole%3Dadmin"),
        ("..\\admin", "..%5Cadmin"),
        ("%2e%2e", "%252e%252e"),
        ("..;x", "..%3Bx"),
        ("ä b", "%C3%A4%20b"),
        ("...", "..."),
    ] {
        assert_eq!(called(url, key), Ok(format!("https://example.com/poll/{expect}")), "{key}");
        // Whoever has encoded it before gets the same.
        assert_eq!(called("https://example.com/poll/{{ key|urlencode }}", key), called(url, key), "{key}");
        assert_eq!(called("https://example.com/poll/{{ key }}/x", key).unwrap().matches('/').count(), 5, "{key}");
    }
    for key in [".", ".."] {
        for url in [url, "https://example.com/{{ key }}/x", "https://example.com/{{ key|urlencode }}?a=b"] {
            let fault = called(url, key).unwrap_err();
            assert!(fault.contains(&format!("the segment `{key}`")), "{fault}");
        }
    }
    assert!(called("https://example.com/.{{ key }}", ".").is_err(), "with the text before it");
    assert!(called("https://example.com/a/{{ data.none|default('') }}/b", "a").is_err(), "an empty one is none");
}

#[test]
fn a_path_may_be_several_segments_where_the_rule_says_so() {
    let url = "https://example.com/files/{{ key|path }}";
    assert_eq!(called(url, "a/b?c#d"), Ok("https://example.com/files/a/b%3Fc%23d".into()));
    assert_eq!(called("https://example.com{{ key|path }}", "/a/b"), Ok("https://example.com/a/b".into()));
    for key in ["a/../b", "..", "./a", "a/.."] {
        assert!(called(url, key).is_err(), "{key}");
    }
    for key in [".evil.test/a", "evil", "@evil.test/", ""] {
        let called = called("https://example.com{{ key|path }}", key);
        assert!(called.is_err(), "{key}: {called:?}");
    }
}

#[test]
fn a_value_is_one_value_of_a_query() {
    for url in ["https://example.com/?u={{ key }}&n=1", "https://example.com/?u={{ key|urlencode }}&n=1"] {
        assert_eq!(called(url, "a&b=c+d#e"), Ok("https://example.com/?u=a%26b%3Dc%2Bd%23e&n=1".into()), "{url}");
    }
    assert_eq!(
        called("https://example.com/?{{ {'a': key}|urlencode }}", "x&y"),
        Ok("https://example.com/?a=x%26y".into())
    );
}

#[test]
fn a_value_does_not_change_the_host_but_where_it_is_the_url() {
    assert_eq!(called("https://{{ key }}.example.com/a", "eu-1"), Ok("https://eu-1.example.com/a".into()));
    assert_eq!(called("https://{{ key }}/a", "example.com:8080"), Ok("https://example.com:8080/a".into()));
    for key in ["evil.test/", "evil.test#", "a@evil.test", "evil.test\\", "%65", "", "evil.test?"] {
        for url in ["https://{{ key }}/a", "https://{{ key|urlencode }}/a"] {
            let called = called(url, key);
            assert!(called.is_err(), "{key}: {called:?}");
        }
    }
    assert!(called("{{ key }}://example.com/", "https://evil.test/?").is_err());
    assert_eq!(called("{{ key }}", "https://a.test/b/c?d=e"), Ok("https://a.test/b/c?d=e".into()));
    assert_eq!(
        called("{{ key }}/poll?u={{ key }}", "https://a.test/b").unwrap(),
        "https://a.test/b/poll?u=https%3A%2F%2Fa.test%2Fb"
    );
    assert!(called("{{ key }}/poll", "https://a.test/?").is_err(), "the path would be in the query");
}

#[test]
fn in_a_body_of_json_values_are_json() {
    let body = |body: &str, headers: &Value| {
        let data = json!({"yes": true, "none": null, "n": 1.5, "text": "a\"b\n", "list": [1, null], "form": "a&b"});
        let event = Event { data, ..event() };
        let then = json!({"upsert": {"url": "https://a.test/", "every": "1s", "body": body, "headers": headers}});
        let What::Upsert(endpoint) = of_event(&rule("k", &then), &event).unwrap().what else { panic!("an upsert") };
        endpoint["body"].as_str().unwrap().to_owned()
    };
    let template = r#"{"a": {{ data.yes }}, "b": {{ data.none }}, "c": {{ data.text }}, "d": "<{{ data.text }}>",
        "e": {{ data.list }}, "f": "{{ data.n }}", "g": "\"{{ data.yes }}", "h": {{ data.text|tojson }}}"#;
    let expect = json!({"a": true, "b": null, "c": "a\"b\n", "d": "<a\"b\n>", "e": [1, null], "f": "1.5",
        "g": "\"true", "h": "a\"b\n"});
    for headers in [json!([]), json!([["content-type", "application/json; charset=utf-8"]])] {
        assert_eq!(serde_json::from_str::<Value>(&body(template, &headers)).unwrap(), expect);
    }
    assert_eq!(body("{{ data.yes }}", &json!([["Content-Type", "application/json"]])), "true");
    assert_eq!(body("{{ data|tojson }}", &json!([])), body("{{ data }}", &json!([])));
    let plain = json!([["Content-Type", "text/plain"]]);
    assert_eq!(body("[{{ data.yes }}] {{ data.text }}", &plain), "[true] a\"b\n", "no JSON");
    let form = json!([["Content-Type", "application/x-www-form-urlencoded"]]);
    assert_eq!(body("a={{ data.form }}&b={{ data.form|urlencode }}", &form), "a=a%26b&b=a%26b");
}

#[test]
fn a_body_needs_a_type_of_the_rule_unless_it_is_json() {
    let read = |headers: Value| {
        let body = "name={{ data.text }}&role=user";
        rendered(&json!({"upsert": {"url": "https://a.test/", "every": "1s", "body": body, "headers": headers}}))
    };
    for headers in [json!([]), json!([["Accept", "a/b"]]), json!([["Content-Type", "{{ data.t|default('') }}"]])] {
        let faults = read(headers).unwrap_err();
        assert_eq!((faults.len(), &*faults[0].field, faults[0].code), (1, "body", "does_not_render"));
        assert!(faults[0].detail.contains("Content-Type"), "{}", faults[0].detail);
    }
    assert!(read(json!([["content-type", "application/x-www-form-urlencoded"]])).is_ok());
}

fn endpoint(fields: Value) -> Value {
    match rendered(&json!({"upsert": fields})).unwrap().what {
        What::Upsert(endpoint) => endpoint,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_upsert_becomes_input() {
    let made = endpoint(json!({
        "url": "https://example.com/poll?token={{ data.token|urlencode }}",
        "every": "30 s",
        "method": "post",
        "headers": {"X-User": "{{ key }}", "X-{{ key }}": "{{ '' }}"},
        "body": "{\"text\": {{ data.text|tojson }}}",
        "timeout": "{{ data.timeout|default('') }}",
        "sla": null,
        "retry": {"attempts": "{{ 2 + 1 }}", "on": [503, "{{ 'timeout' }}"]},
        "steer": {"min": "1s", "max": "{{ data.max|default('1h') }}"},
        "tags": ["twitter", "{{ 'vip' if data.vip is defined }}"],
    }));
    let expect = json!({
        "url": "https://example.com/poll?token=a%20b",
        "every": "30 s",
        "method": "post",
        "headers": [["X-User", "user-123"], ["X-user-123", ""]],
        "body": "{\"text\": \"\\\"hi\\\"\"}",
        "sla": null,
        "retry": {"attempts": "3", "on": [503, "timeout"]},
        "steer": {"min": "1s", "max": "1h"},
        "tags": ["twitter"],
        "active": true,
    });
    assert_eq!(made, expect);
}

#[test]
fn what_comes_out_blank_is_left_out() {
    let check = |fields: Value, expect: Value| assert_eq!(endpoint(fields.clone()), expect, "{fields}");
    check(json!({"every": "{{ ' ' }}", "body": "{{ '' }}"}), json!({"active": true}));
    check(json!({"days": ["{{ '' }}", "mon"]}), json!({"days": ["mon"], "active": true}));
    check(json!({"days": ["{{ '' }}"], "tags": []}), json!({"tags": [], "active": true}));
    check(json!({"steer": {"min": "{{ '' }}", "max": "{{ '' }}"}}), json!({"active": true}));
    check(json!({"retry": {"attempts": 2, "on": "{{ '' }}"}}), json!({"retry": {"attempts": 2}, "active": true}));
    check(json!({"active": false}), json!({"active": false}));
    check(json!({"active": null}), json!({"active": true}));
}

#[test]
fn all_faults_come_together_each_at_its_field() {
    let hole = "{{ data.hole }}";
    let faults = rendered(&json!({"upsert": {
        "url": hole, "body": hole, "retry": {"attempts": hole}, "tags": ["a", hole], "headers": {"A": hole},
    }}))
    .unwrap_err();
    let mut fields: Vec<&str> = faults.iter().map(|fault| &*fault.field).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["body", "headers", "retry.attempts", "tags", "url"]);
    assert!(faults.iter().all(|fault| fault.code == "does_not_render"), "{faults:?}");
}

#[test]
fn a_rule_acts_on_the_job_it_names() {
    let rendered = |job: &str| of_event(&rule(job, &json!("delete")), &event());
    assert_eq!(rendered("{{ key }}/timeline").unwrap().job, "user-123/timeline");
    let code = |job: &str| rendered(job).unwrap_err()[0].code;
    assert_eq!(code("{{ data.user }}"), "does_not_render");
    assert_eq!(code("{{ '' }}"), "empty");
    assert_eq!(code("{{ 'x' * 201 }}"), "too_long");
}
