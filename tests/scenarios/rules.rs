//! Rules: what events do to endpoints.

mod broker;
mod files;
mod pages;

use std::collections::BTreeSet;

use naptime_tests::eventually;
use naptime_tests::naptime::Start;
use naptime_tests::target::Target;
use reqwest::Method;
use serde_json::{Value, json};

use super::web::{Reply, SOON, Web, on_both_stores, send};

on_both_stores!(
    the_same_over_http,
    whoever_sends_at_the_same_time_makes_one_endpoint,
    rules_are_stored_by_their_revision,
    bad_rules_are_named_by_field,
    events_that_cannot_be_handled_are_refused,
    a_key_fills_one_segment_of_the_path,
    a_template_takes_no_more_than_it_may,
    a_one_off_job_does_not_take_the_key_of_a_rule,
    rules_come_in_pages,
);

fn event(name: &str, key: &str, data: &Value) -> Value {
    json!({"event": name, "key": key, "data": data})
}

/// The rule that polls for a user.
fn link(target: &Target) -> Value {
    json!({
        "event": "twitter.linked",
        "then": {"upsert": {
            "url": target.url("/timeline?user={{ key|urlencode }}"),
            "every": "{{ data.every|default('1s') }}",
            "method": "post",
            "headers": {"Authorization": "Bearer {{ data.token }}"},
            "body": "{\"token\": {{ data.token|tojson }}}",
            "name": "{{ key }}",
            "tags": ["twitter"],
        }},
    })
}

async fn put(web: &Web, name: &str, rule: &Value) -> Reply {
    web.json(Method::PUT, &format!("/api/rules/{name}"), rule.to_string()).await
}

async fn rule(web: &Web, name: &str, rule: &Value) {
    let reply = put(web, name, rule).await;
    assert!(matches!(reply.status, 200 | 201), "{}", reply.text);
}

/// The endpoints of this name.
async fn named(web: &Web, name: &str) -> Vec<Value> {
    let all = web.items("/api/endpoints").await;
    let mut found = Vec::new();
    for endpoint in all.iter().filter(|endpoint| endpoint["name"] == name) {
        found.push(web.get(&format!("/api/endpoints/{}", endpoint["id"].as_str().unwrap())).await.value());
    }
    found
}

async fn one(web: &Web, name: &str) -> Value {
    let what = format!("an endpoint {name}");
    eventually(SOON, &what, async || named(web, name).await.pop()).await
}

async fn the_same_over_http(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    rule(&web, "link", &link(&target)).await;
    let hourly = json!({"event": "twitter.linked", "job": "{{ key }}/hourly",
        "then": {"upsert": {"url": target.url("/hourly"), "every": "1h"}}});
    rule(&web, "hourly", &hourly).await;
    rule(&web, "unlink", &json!({"event": "twitter.unlinked", "then": "delete"})).await;
    let send = async |event: Value| {
        let reply = web.post("/api/events", &event).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        let items = reply.value()["items"].as_array().unwrap().clone();
        let told = |item: &Value| format!("{} {} {}", item["rule"], item["did"], item["key"]).replace('"', "");
        (items.iter().map(told).collect::<Vec<_>>(), items)
    };
    let linked = |token: &str| event("twitter.linked", "user-123", &json!({"token": token}));
    let (told, items) = send(linked("abc")).await;
    assert_eq!(told, ["hourly added user-123/hourly", "link added user-123"]);
    target.wait_for(SOON, "calls every second", |calls| calls.len() >= 2).await;
    let id = items[1]["job"].as_str().unwrap();
    assert_eq!(web.get(&format!("/api/endpoints/{id}")).await.value()["name"], "user-123");
    let (told, again) = send(linked("abc")).await;
    assert_eq!(told, ["hourly unchanged user-123/hourly", "link unchanged user-123"]);
    assert_eq!(again[1]["job"], items[1]["job"]);
    assert_eq!(send(linked("new")).await.0, ["hourly unchanged user-123/hourly", "link changed user-123"]);
    let unlinked = event("twitter.unlinked", "user-123", &json!({}));
    assert_eq!(send(unlinked.clone()).await.0, ["unlink deleted user-123"]);
    assert_eq!(send(unlinked.clone()).await.0, ["unlink nothing user-123"]);
    rule(&web, "unlink", &json!({"event": "twitter.unlinked", "job": "{{ key }}/hourly", "then": "switch_off"})).await;
    assert_eq!(send(unlinked.clone()).await.0, ["unlink switched_off user-123/hourly"]);
    assert_eq!(send(unlinked.clone()).await.0, ["unlink nothing user-123/hourly"]);
    rule(&web, "unlink", &json!({"event": "twitter.unlinked", "then": "delete", "enabled": false})).await;
    assert_eq!(send(unlinked).await.0, [""; 0], "a disabled rule does nothing");
    // An event says that it be called, whoever switched it off.
    assert_eq!(send(linked("new")).await.0, ["hourly changed user-123/hourly", "link added user-123"]);
}

async fn whoever_sends_at_the_same_time_makes_one_endpoint(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    rule(&web, "link", &link(&target)).await;
    let linked = event("twitter.linked", "user-123", &json!({"token": "abc", "every": "1h"}));
    let sent = (0..20).map(|_| web.post("/api/events", &linked));
    let replies = futures::future::join_all(sent).await;
    let did = |reply: &Reply| reply.value()["items"][0]["did"].as_str().unwrap().to_owned();
    let id = |reply: &Reply| reply.value()["items"][0]["job"].as_str().unwrap().to_owned();
    let all: BTreeSet<String> = replies.iter().map(id).collect();
    assert_eq!(replies.iter().filter(|reply| did(reply) == "added").count(), 1);
    assert_eq!((all.len(), web.items("/api/endpoints").await.len()), (1, 1));
    assert_eq!(one(&web, "user-123").await["rev"], 1);
    // Of those who change it, each is right for a moment.
    let sent = (0..10).map(|n| {
        let linked = event("twitter.linked", "user-123", &json!({"token": n, "every": "1h"}));
        let web = &web;
        async move { web.post("/api/events", &linked).await }
    });
    let changed = futures::future::join_all(sent).await.iter().filter(|reply| did(reply) == "changed").count();
    assert_eq!(one(&web, "user-123").await["rev"], 1 + changed);
}

async fn rules_are_stored_by_their_revision(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    let link = link(&target);
    let request = |name: &str, rule: &Value| {
        let request = web.request(Method::PUT, &format!("/api/rules/{name}"));
        request.header("content-type", "application/json").body(rule.to_string())
    };
    let first = send(request("link", &link).header("if-none-match", "*")).await;
    assert_eq!((first.status, first.header("etag")), (201, "\"1\""), "{}", first.text);
    send(request("link", &link).header("if-none-match", "*")).await.is_problem(409, "stale", "If-Match");
    let view = first.value();
    assert_eq!((&view["name"], &view["enabled"], &view["job"]), (&json!("link"), &json!(true), &json!("{{ key }}")));
    let template = &view["then"]["upsert"];
    assert_eq!(template["headers"], json!([["Authorization", "••••"]]), "credentials are not shown");
    assert_eq!(web.get("/api/rules/link").await.value(), view);
    assert_eq!(web.items("/api/rules").await, std::slice::from_ref(&view));

    // What was sent can be sent back, and the mask keeps what is stored.
    let same = send(request("link", &view).header("if-match", "\"1\"")).await;
    assert_eq!((same.status, same.header("etag")), (200, "\"1\""), "{}", same.text);
    let mut changed = view.clone();
    changed["enabled"] = json!(false);
    let second = send(request("link", &changed).header("if-match", "\"1\"")).await;
    assert_eq!((second.status, second.header("etag")), (200, "\"2\""), "{}", second.text);
    changed["enabled"] = json!(true);
    send(request("link", &changed).header("if-match", "\"1\"")).await.is_problem(409, "stale", "If-Match");
    assert_eq!(send(request("link", &changed)).await.header("etag"), "\"3\"");
    assert_eq!(web.post("/api/events", &event("twitter.linked", "u", &json!({"token": "abc"}))).await.status, 200);
    target
        .wait_for(SOON, "the token", |calls| calls.iter().any(|it| it.header("authorization") == Some("Bearer abc")))
        .await;

    let other = json!({"name": "other", "event": "e", "then": "delete"});
    send(request("link", &other)).await.is_problem(422, "conflict", "name");
    send(request("gone", &link).header("if-match", "\"1\"")).await.is_problem(404, "not_found", "name");
    send(request("gone", &link).header("if-match", "*")).await.is_problem(404, "not_found", "name");
    let delete = |tag: &str| web.request(Method::DELETE, "/api/rules/link").header("if-match", tag);
    send(delete("\"1\"")).await.is_problem(409, "stale", "If-Match");
    assert_eq!(send(delete("\"3\"")).await.status, 204);
    web.delete("/api/rules/link").await.is_problem(404, "not_found", "name");
    web.get("/api/rules/link").await.is_problem(404, "not_found", "name");
    web.get("/api/rules/%ff").await.is_problem(404, "not_found", "name");
    web.get("/api/rules?q=a").await.is_problem(400, "unknown_parameter", "q");
    assert_eq!(web.items("/api/endpoints").await.len(), 1, "what it made stays");
}

async fn bad_rules_are_named_by_field(start: Start) {
    let web = Web::start(start).await;
    let upsert = |field: &str, value: Value| {
        let mut template = json!({"url": "https://example.com/{{ key }}", "every": "5m"});
        template[field] = value;
        json!({"event": "e", "then": {"upsert": template}})
    };
    let cases = [
        (json!([]), "rule", "wrong_type"),
        (json!({}), "then", "missing"),
        (json!({"event": "", "then": "delete"}), "event", "empty"),
        (json!({"event": "e", "then": "delete", "job": "{{ key"}), "job", "bad_template"),
        (json!({"event": "e", "then": "explode"}), "then", "wrong_type"),
        (json!({"event": "e", "then": "delete", "when": "now"}), "when", "unknown_field"),
        (upsert("url", json!("https://{{ kye }}/")), "then.upsert.url", "bad_template"),
        (upsert("url", json!("http://10.0.0.1/{{ key }}")), "", ""),
        (upsert("url", json!("http://10.0.0.1/")), "then.upsert.url", "blocked_address"),
        (upsert("every", json!("1us")), "then.upsert.every", "out_of_range"),
        (upsert("cron", json!("0 0 31 2 *")), "then.upsert.cron", "conflict"),
        (upsert("every", json!(null)), "then.upsert.every", "missing"),
        (upsert("headers", json!({"a b": "c"})), "then.upsert.headers", "bad_name"),
        (upsert("headers", json!({"Cookie": "••••"})), "then.upsert.headers", "masked"),
        (upsert("body", json!("{% for x in data.all %}")), "then.upsert.body", "bad_template"),
        (upsert("body", json!(format!("{{{{ 1{} }}}}", "+1".repeat(20_000)))), "then.upsert.body", "too_long"),
        (upsert("every", json!("5000")), "then.upsert.every", "ambiguous"),
        (upsert("retry", json!({"attempts": 99})), "then.upsert.retry.attempts", "out_of_range"),
        (upsert("body", json!("x".repeat(200_000))), "then", "too_large"),
    ];
    for (rule, field, code) in &cases {
        let reply = put(&web, "a", rule).await;
        if code.is_empty() {
            assert_eq!(reply.status, 201, "an event may make it right: {}", reply.text);
            assert_eq!(web.delete("/api/rules/a").await.status, 204);
            continue;
        }
        let (status, found, at) = reply.problem();
        assert_eq!((status, at.as_str()), (422, *field), "{rule}: {}", reply.text);
        assert!(found == *code || field.ends_with("headers"), "{rule}: {}", reply.text);
    }
    put(&web, "Not_a_name", &json!({"event": "e", "then": "delete"})).await.is_problem(422, "bad_name", "name");
    web.json(Method::PUT, "/api/rules/a", "{").await.is_problem(400, "bad_json", "");
    web.json(Method::PUT, "/api/rules/a", r#"{"event": "a", "event": "b"}"#).await.is_problem(400, "duplicate_key", "");
    assert_eq!(web.items("/api/rules").await, Vec::<Value>::new());
}

async fn events_that_cannot_be_handled_are_refused(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    rule(&web, "link", &link(&target)).await;
    let send = async |text: String| web.json(Method::POST, "/api/events", text).await;
    let cases = [
        ("{".to_owned(), 400, "bad_json", ""),
        (r#"{"event": "a", "key": "b", "key": "c"}"#.to_owned(), 400, "duplicate_key", ""),
        ("[]".to_owned(), 422, "wrong_type", "event"),
        (json!({"event": "twitter.linked"}).to_string(), 422, "missing", "key"),
        (json!({"event": "twitter.linked", "key": "u", "data": 1}).to_string(), 422, "wrong_type", "data"),
        (json!({"event": "e", "key": "u"}).to_string(), 422, "unknown_event", "event"),
        (event("twitter.linked", "u", &json!({})).to_string(), 422, "does_not_render", "headers"),
        (event("twitter.linked", "u", &json!({"token": "x".repeat(300_000)})).to_string(), 413, "too_large", "body"),
    ];
    for (text, status, code, field) in cases {
        send(text).await.is_problem(status, code, field);
    }
    let reply = send(event("twitter.linked", "u", &json!({"every": "x"})).to_string()).await;
    let errors = reply.value()["errors"].as_array().unwrap().clone();
    assert!(
        errors.len() >= 2 && errors.iter().all(|it| it["detail"].as_str().unwrap().starts_with("rule link: ")),
        "{errors:?}"
    );
    let form = web.request(Method::POST, "/api/events").header("content-type", "text/plain").body("{}");
    super::web::send(form).await.is_problem(415, "not_json", "Content-Type");

    // Two rules at one job would change it to and fro.
    let other = json!({"event": "twitter.linked", "then": {"upsert": {"url": target.url("/"), "every": "1h"}}});
    rule(&web, "other", &other).await;
    send(event("twitter.linked", "u", &json!({"token": "a"})).to_string()).await.is_problem(422, "conflict", "job");
    web.delete("/api/rules/other").await;
    assert_eq!(web.items("/api/endpoints").await, Vec::<Value>::new());
    assert_eq!(target.count(), 0);
}

async fn a_key_fills_one_segment_of_the_path(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    let poll = json!({"event": "twitter.linked",
        "then": {"upsert": {"url": target.url("/poll/{{ key }}"), "every": "1s", "name": "{{ key }}"}}});
    rule(&web, "poll", &poll).await;
    let keys = [
        ("user#1", "user%231"),
        ("user#2", "user%232"),
        ("a/../../admin/delete", "a%2F..%2F..%2Fadmin%2Fdelete"),
        ("a?role=admin", "a%3Frole%3Dadmin"),
    ];
    for (key, segment) in keys {
        let reply = web.post("/api/events", &event("twitter.linked", key, &json!({}))).await;
        assert_eq!(reply.status, 200, "{key}: {}", reply.text);
        let what = format!("a call for {key}");
        target.wait_for(SOON, &what, |calls| calls.iter().any(|it| it.uri == format!("/poll/{segment}"))).await;
    }
    for key in [".", ".."] {
        let reply = web.post("/api/events", &event("twitter.linked", key, &json!({}))).await;
        reply.is_problem(422, "does_not_render", "url");
        assert!(reply.text.contains(&format!("`{key}`")), "{}", reply.text);
        let tried = web.form("/rules/try", &[("sample", &event("twitter.linked", key, &json!({})).to_string())]).await;
        assert!(tried.status == 422 && tried.text.contains("lead to another one"), "{}", tried.text);
    }
    let calls = target.all_calls();
    let strays: Vec<&str> = calls
        .iter()
        .map(|it| &*it.uri)
        .filter(|uri| !keys.iter().any(|(_, it)| *uri == format!("/poll/{it}")))
        .collect();
    assert_eq!(strays, [""; 0]);
}

async fn a_template_takes_no_more_than_it_may(start: Start) {
    let web = Web::start(start).await;
    let with_body = |body: String| json!({"event": "e", "then": {"upsert": {"url": "https://example.com/{{ key }}", "every": "5m", "body": body}}});
    let doubled = "{% set x = x ~ x %}".repeat(40);
    for body in [
        "{{ 'x' * 100000000000 }}".to_owned(),
        format!("{{% set x = key %}}{doubled}{{{{ x|length }}}}"),
        format!("{{% set x = data %}}{}{{{{ x|tojson|length }}}}", "{% set x = [x, x] %}".repeat(40)),
        "{{ (key * 200000)|replace('x', key * 200000)|length }}".to_owned(),
        "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}".to_owned(),
    ] {
        rule(&web, "greedy", &with_body(body.clone())).await;
        let reply = web.post("/api/events", &event("e", "x", &json!({}))).await;
        reply.is_problem(422, "does_not_render", "body");
        let tried = web.form("/rules/try", &[("sample", &event("e", "x", &json!({})).to_string())]).await;
        assert_eq!(tried.status, 422, "{body}: {}", tried.text);
    }
    let batch = put(&web, "greedy", &with_body("{{ data.all|batch(3) }}".to_owned())).await;
    batch.is_problem(422, "bad_template", "then.upsert.body");
    assert!(batch.text.contains("`batch`"), "{}", batch.text);
}

async fn a_one_off_job_does_not_take_the_key_of_a_rule(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    rule(&web, "link", &link(&target)).await;
    let job = json!({"url": target.url("/once"), "key": "user-123", "in": "1h"});
    let once = web.post("/api/jobs", &job).await;
    assert_eq!(once.status, 202, "{}", once.text);
    let linked = event("twitter.linked", "user-123", &json!({"token": "abc"}));
    let reply = web.post("/api/events", &linked).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(reply.value()["items"][0]["did"], "added");
    assert_eq!(web.post("/api/events", &linked).await.value()["items"][0]["did"], "unchanged");
    let again = web.post("/api/jobs", &job).await;
    assert_eq!((again.status, &again.value()["id"]), (200, &once.value()["id"]), "{}", again.text);
}

async fn rules_come_in_pages(start: Start) {
    let web = Web::start(start).await;
    for name in ["c", "a", "b"] {
        rule(&web, name, &json!({"event": "e", "then": "delete"})).await;
    }
    let page = async |query: &str| {
        let page = web.get(&format!("/api/rules?{query}")).await.value();
        let names: Vec<String> =
            page["items"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect();
        (names, page["next_cursor"].as_str().map(str::to_owned))
    };
    let (names, next) = page("limit=2").await;
    assert_eq!(names, ["a", "b"]);
    assert_eq!(page(&format!("limit=2&cursor={}", next.unwrap())).await, (vec!["c".to_owned()], None));
    assert_eq!(page("").await.0.len(), 3);
    web.get("/api/rules?limit=0").await.is_problem(400, "out_of_range", "limit");
}
