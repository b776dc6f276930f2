//! Rules: what events do to endpoints, from a real broker and over HTTP.

use std::collections::BTreeSet;

use ::mongodb::bson::{Document, doc};
use naptime_tests::browser::Browser;
use naptime_tests::eventually;
use naptime_tests::mongo::{self, ReplicaSet};
use naptime_tests::naptime::{Naptime, Start, Store};
use naptime_tests::rabbit::{self, Client};
use naptime_tests::sqlite::File;
use naptime_tests::target::Target;
use reqwest::Method;
use serde_json::{Value, json};
use thirtyfour::By;
use thirtyfour::prelude::ElementQueryable;

use super::events::{dead, header};
use super::web::{Reply, SOON, Web, escaped, on_both_stores, send};

on_both_stores!(
    events_make_change_and_delete_an_endpoint,
    what_cannot_be_handled_goes_to_the_dead_letters,
    the_same_over_http,
    whoever_sends_at_the_same_time_makes_one_endpoint,
    rules_are_stored_by_their_revision,
    bad_rules_are_named_by_field,
    events_that_cannot_be_handled_are_refused,
    pages_add_try_change_and_delete_a_rule,
    a_key_fills_one_segment_of_the_path,
    a_template_takes_no_more_than_it_may,
    a_one_off_job_does_not_take_the_key_of_a_rule,
    rules_come_in_pages,
);

/// A program that takes events from a queue of its own.
async fn consuming(start: Start) -> (Client, String, Web) {
    let broker = rabbit::shared().await;
    let (client, queue) = (broker.client().await, broker.fresh_queue());
    client.declare(&queue).await;
    let start = start.env("AMQP_URL", broker.uri()).env("NAPTIME_EVENTS_QUEUE", queue.clone());
    (client, queue, Web::start(start).await)
}

fn event(name: &str, key: &str, data: &Value) -> Value {
    json!({"event": name, "key": key, "data": data})
}

async fn publish(client: &Client, queue: &str, event: &Value) {
    client.publish(queue, event.to_string().as_bytes()).await;
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

/// Waits until everything published so far is handled: what comes after it is.
async fn catch_up(web: &Web, client: &Client, queue: &str, marker: &str) {
    publish(client, queue, &event("twitter.linked", marker, &json!({"token": "t", "every": "1d"}))).await;
    one(web, marker).await;
}

async fn events_make_change_and_delete_an_endpoint(start: Start) {
    let target = Target::start().await;
    let (client, queue, web) = consuming(start).await;
    rule(&web, "link", &link(&target)).await;
    rule(&web, "unlink", &json!({"event": "twitter.unlinked", "then": "delete"})).await;

    let linked = event("twitter.linked", "user-123", &json!({"token": "abc\"d"}));
    publish(&client, &queue, &linked).await;
    target.wait_for(SOON, "calls every second", |calls| calls.len() >= 3).await;
    let calls = target.all_calls();
    let call = &calls[0];
    assert_eq!((call.method.as_str(), call.uri.as_str()), ("POST", "/timeline?user=user-123"));
    assert_eq!(call.header("authorization"), Some("Bearer abc\"d"));
    assert_eq!(serde_json::from_slice::<Value>(&call.body).unwrap(), json!({"token": "abc\"d"}));
    let made = one(&web, "user-123").await;
    assert_eq!((&made["schedule"]["every"], &made["active"], &made["rev"]), (&json!("1s"), &json!(true), &json!(1)));
    assert_eq!(made["tags"], json!(["twitter"]));

    // At least once: it may come again.
    for _ in 0..3 {
        publish(&client, &queue, &linked).await;
    }
    catch_up(&web, &client, &queue, "marker-1").await;
    let same = one(&web, "user-123").await;
    assert_eq!((&same["id"], &same["rev"], &same["changes"]), (&made["id"], &json!(1), &json!([])));

    // What is another is changed, and the rest is as the template says again.
    let path = format!("/api/endpoints/{}", made["id"].as_str().unwrap());
    assert_eq!(web.patch(&path, &json!({"timeout": "7s", "every": "3s", "tags": []})).await.status, 200);
    let other = event("twitter.linked", "user-123", &json!({"token": "new"}));
    publish(&client, &queue, &other).await;
    catch_up(&web, &client, &queue, "marker-2").await;
    let changed = one(&web, "user-123").await;
    assert_eq!((&changed["id"], &changed["rev"]), (&made["id"], &json!(3)));
    for field in ["timeout", "schedule", "tags"] {
        assert_eq!(changed[field], made[field], "{field}");
    }
    assert_eq!((&changed["changes"][1]["by"], &changed["changes"][1]["rule"]), (&json!("rule"), &json!("link")));
    target
        .wait_for(SOON, "the new token", |calls| {
            calls.iter().any(|call| call.header("authorization") == Some("Bearer new"))
        })
        .await;

    for _ in 0..2 {
        publish(&client, &queue, &event("twitter.unlinked", "user-123", &json!({}))).await;
    }
    catch_up(&web, &client, &queue, "marker-3").await;
    assert_eq!(named(&web, "user-123").await, Vec::<Value>::new());
    target.forget();
    // Somebody else's goes on.
    assert_eq!(named(&web, "marker-1").await.len(), 1);
    publish(&client, &queue, &linked).await;
    target.wait_for(SOON, "it is called anew", |calls| calls.len() >= 2).await;
    assert_ne!(one(&web, "user-123").await["id"], made["id"]);

    // Off, by another rule that takes effect at once.
    rule(&web, "unlink", &json!({"event": "twitter.unlinked", "then": "switch_off"})).await;
    for _ in 0..2 {
        publish(&client, &queue, &event("twitter.unlinked", "user-123", &json!({}))).await;
    }
    catch_up(&web, &client, &queue, "marker-4").await;
    let off = one(&web, "user-123").await;
    assert_eq!((&off["active"], &off["rev"]), (&json!(false), &json!(2)));
    assert!(client.take(&queue).await.is_none() && client.take(&format!("{queue}.dead")).await.is_none());
}

async fn what_cannot_be_handled_goes_to_the_dead_letters(start: Start) {
    let target = Target::start().await;
    let (client, queue, web) = consuming(start).await;
    rule(&web, "link", &link(&target)).await;
    let anywhere =
        json!({"event": "anywhere", "then": {"upsert": {"url": "{{ data.url }}", "every": "{{ data.every }}"}}});
    rule(&web, "anywhere", &anywhere).await;
    // Beside one that could be carried out: of an event all or nothing is.
    let also = json!({"event": "anywhere", "job": "also-{{ key }}",
        "then": {"upsert": {"url": target.url("/"), "every": "1h", "name": "also"}}});
    rule(&web, "also", &also).await;
    let url = target.url("/");
    let cases = [
        (event("twitter.lnked", "u", &json!({})), "event", "unknown_event"),
        (event("twitter.linked", "u", &json!({})), "headers", "does_not_render"),
        (event("twitter.linked", "u", &json!({"token": "a\nb"})), "headers", "bad_value"),
        (event("anywhere", "u", &json!({"url": "http://10.0.0.1/", "every": "1h"})), "url", "blocked_address"),
        (event("anywhere", "u", &json!({"url": "http://169.254.169.254/", "every": "1h"})), "url", "blocked_address"),
        (event("anywhere", "u", &json!({"url": url, "every": "5 bananas"})), "every", "not_a_duration"),
        (event("anywhere", "u", &json!({"url": url, "every": "1us"})), "every", "out_of_range"),
    ];
    for (event, field, code) in &cases {
        publish(&client, &queue, event).await;
        let letter = dead(&queue).await;
        assert_eq!(serde_json::from_slice::<Value>(&letter.delivery.data).unwrap(), *event);
        let reason = header(&letter, "x-naptime-reason");
        assert_eq!((header(&letter, "x-naptime-field").as_str(), &*reason), (*field, &*reason));
        if *code != "bad_value" {
            assert_eq!(header(&letter, "x-naptime-code"), *code, "{reason}");
        }
        assert!(!reason.is_empty());
    }
    catch_up(&web, &client, &queue, "marker").await;
    assert_eq!(web.items("/api/endpoints").await.len(), 1, "nothing but the marker is stored");
    assert!(!web.naptime.output().contains("bananas"), "what an event holds is not logged");
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

/// Sends the form of a rule, with what is typed over what it holds when it is blank.
async fn send_form(web: &Web, path: &str, typed: &[(&str, &str)]) -> Reply {
    let mut fields = vec![
        ("name", "poll"),
        ("event", "twitter.linked"),
        ("job", "{{ key }}"),
        ("do", "upsert"),
        ("enabled", "true"),
        ("then.upsert.active", "true"),
    ];
    fields.retain(|(name, _)| typed.iter().all(|(other, _)| other != name));
    fields.extend(typed.iter().filter(|(_, value)| *value != "-"));
    web.form(path, &fields).await
}

async fn pages_add_try_change_and_delete_a_rule(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    let page = web.get("/rules").await;
    assert!(page.text.contains("no rules yet"), "{}", page.text);
    assert_eq!(web.get("/rules/new").await.status, 200);
    let url = target.url("/{{ key }}");
    let filled = [
        ("then.upsert.url", url.as_str()),
        ("then.upsert.every", "{{ data.every }}"),
        (
            "then.upsert.headers",
            "Authorization: Bearer {{ data.token }}\r\nX-Key: {{ key }}\r\nContent-Type: text/plain",
        ),
        ("then.upsert.body", "<{{ data.token }}>\r\nend"),
    ];
    // What is wrong is said at its field, and what was typed is kept.
    let typed = [&filled[..3], &[("then.upsert.body", "{{ data."), ("then.upsert.lease", "1 day")]].concat();
    let page = send_form(&web, "/rules/new", &typed).await;
    assert_eq!(page.status, 422);
    for text in ["id=\"then.upsert.body-fault\"", &escaped(&url), "{{ data."] {
        assert!(page.text.contains(text), "{text}: {}", page.text);
    }
    // Tried before it is stored.
    let tried =
        json!({"event": "twitter.linked", "key": "user-123", "data": {"token": "s3cret", "every": "5m"}}).to_string();
    let typed = [&filled[..], &[("try", "true"), ("sample", &tried)]].concat();
    let page = send_form(&web, "/rules/new", &typed).await;
    assert_eq!(page.status, 200, "{}", page.text);
    for text in ["would be added", &target.url("/user-123"), "every 5m", "&lt;s3cret&gt;"] {
        assert!(page.text.contains(text), "{text}: {}", page.text);
    }
    assert!(!page.text.contains("Bearer s3cret"), "credentials are not shown: {}", page.text);
    assert_eq!(web.items("/api/rules").await, Vec::<Value>::new());

    send_form(&web, "/rules/new", &filled).await.leads_to("/rules");
    let page = send_form(&web, "/rules/new", &filled).await;
    assert_eq!(page.status, 409, "a new rule takes no other's place: {}", page.text);
    let stored = web.get("/api/rules/poll").await.value();
    assert_eq!(stored["then"]["upsert"]["body"], "<{{ data.token }}>\nend");
    let page = web.get("/rules").await.text;
    for text in ["poll", "twitter.linked", &escaped(&url)] {
        assert!(page.contains(text), "{text}: {page}");
    }

    // Tried against what is stored, without doing anything.
    let page = web.form("/rules/try", &[("sample", &tried)]).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("would be added") && page.text.contains("every 5m"), "{}", page.text);
    for (sample, says) in [
        ("{", "not JSON"),
        (r#"{"event": "e", "key": "k"}"#, "no rule waits"),
        (r#"{"event": "twitter.linked", "key": "k"}"#, "undefined"),
    ] {
        let page = web.form("/rules/try", &[("sample", sample)]).await;
        assert!(page.status == 422 && page.text.contains(says), "{says}: {}", page.text);
    }
    assert_eq!(web.items("/api/endpoints").await, Vec::<Value>::new(), "nothing was done");

    // Changed on a page that shows no credentials, and keeps them.
    let page = web.get("/rules/poll/edit").await.text;
    assert!(page.contains("Authorization: ••••"), "{page}");
    assert_eq!(page.matches("Bearer {{").count(), 1, "in the hint alone: {page}");
    let typed = [
        ("rev", "1"),
        ("then.upsert.url", url.as_str()),
        ("then.upsert.every", "1s"),
        ("then.upsert.headers", "Authorization: ••••"),
    ];
    send_form(&web, "/rules/poll/edit", &typed).await.leads_to("/rules");
    let page = send_form(&web, "/rules/poll/edit", &typed).await;
    assert_eq!(page.status, 409, "it was changed meanwhile: {}", page.text);
    web.form("/rules/poll/switch", &[("enabled", "false")]).await.leads_to("/rules");
    let linked = event("twitter.linked", "user-123", &json!({"token": "abc"}));
    assert_eq!(web.post("/api/events", &linked).await.value()["items"], json!([]));
    web.form("/rules/poll/switch", &[("enabled", "true")]).await.leads_to("/rules");
    assert_eq!(web.post("/api/events", &linked).await.status, 200);
    target
        .wait_for(SOON, "a call", |calls| calls.iter().any(|it| it.header("authorization") == Some("Bearer abc")))
        .await;

    assert!(web.get("/rules/poll/delete").await.text.contains("poll"));
    web.form("/rules/poll/delete", &[]).await.leads_to("/rules");
    web.form("/rules/poll/delete", &[]).await.leads_to("/rules");
    assert_eq!(web.items("/api/rules").await, Vec::<Value>::new());
    for path in ["/rules/poll/edit", "/rules/poll/delete"] {
        assert_eq!(web.get(path).await.status, 404, "{path}");
    }
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

/// Each is killed with kill -9 while it handles the event: the rules take it a second, and the log says when.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_two_workers_died_over_is_put_aside() {
    let database = mongo::fresh_database().await;
    let broker = rabbit::shared().await;
    let (client, queue) = (broker.client().await, broker.fresh_queue());
    client.declare(&queue).await;
    let target = Target::start().await;
    let web = Web::start(Naptime::web(&database).env("WEB_WORKER_MAX_CAPACITY", "0")).await;
    rule(&web, "link", &link(&target)).await;
    for n in 0..2 {
        let heavy = json!({"event": "heavy", "job": format!("{{{{ key }}}}/{n}"),
            "then": {"upsert": {"url": target.url("/{{ key }}"), "every": "1d", "name": "heavy"}}});
        rule(&web, &format!("heavy-{n}"), &heavy).await;
    }
    let worker = || {
        let start = Naptime::worker(&database).env("AMQP_URL", broker.uri());
        start.env("NAPTIME_EVENTS_QUEUE", queue.clone())
    };
    let heavy = event("heavy", "user-123", &json!({}));
    // A transaction that is left open has the key of the second rule's job, so no worker comes to the event's end.
    let jobs = database.open().await.collection::<Document>("jobs");
    let mut in_the_way = jobs.client().start_session().await.unwrap();
    in_the_way.start_transaction().await.unwrap();
    let same_key = doc! {"live_key": "user-123/1", "shelf": "endpoints"};
    jobs.insert_one(same_key).bypass_document_validation(true).session(&mut in_the_way).await.unwrap();

    let first = worker().start().await;
    publish(&client, &queue, &heavy).await;
    // What waits behind it was sent ahead to the same worker, and is not to blame.
    publish(&client, &queue, &event("twitter.linked", "behind", &json!({"token": "t", "every": "1d"}))).await;
    eventually(SOON, "the event is being handled", async || {
        jobs.find_one(doc! {"live_key": "user-123/0"}).await.unwrap().map(drop)
    })
    .await;
    first.kill9();
    let second = worker().start().await;
    second.wait_line(SOON, "that it is handled again", |line| line.contains("is handled again")).await;
    second.kill9();
    let third = worker().start().await;
    let letter = dead(&queue).await;
    assert_eq!(serde_json::from_slice::<Value>(&letter.delivery.data).unwrap(), heavy);
    assert_eq!(header(&letter, "x-naptime-code"), "worker_died");
    one(&web, "behind").await;
    // Sent once more, it is a new one.
    in_the_way.abort_transaction().await.unwrap();
    publish(&client, &queue, &heavy).await;
    catch_up(&web, &client, &queue, "after").await;
    assert!(client.take(&format!("{queue}.dead")).await.is_none());
    assert_eq!(jobs.count_documents(doc! {"name": "heavy"}).await.unwrap(), 2);
    drop(third);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_alone_consumes_and_the_other_takes_over() {
    let database = mongo::fresh_database().await;
    let broker = rabbit::shared().await;
    let (client, queue) = (broker.client().await, broker.fresh_queue());
    client.declare(&queue).await;
    let target = Target::start().await;
    let web =
        Web::start(Naptime::web(&database).env("WEB_WORKER_MAX_CAPACITY", "0").env("AMQP_URL", broker.uri())).await;
    rule(&web, "link", &link(&target)).await;
    let worker = || {
        // The first of both counts.
        let start = Naptime::worker(&database).env("AMQP_URL", "amqp://nobody:hidden@127.0.0.1:1");
        start.env("CLOUDAMQP_URL", broker.uri()).env("NAPTIME_EVENTS_QUEUE", queue.clone())
    };
    let (one, _two) = (worker().start().await, worker().start().await);
    catch_up(&web, &client, &queue, "first").await;
    one.kill9();
    catch_up(&web, &client, &queue, "second").await;
    assert_eq!(web.items("/api/endpoints").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_while_the_store_is_away_is_applied_later() {
    let mongo = ReplicaSet::start(1).await;
    let database = mongo.fresh_database();
    let target = Target::start().await;
    let (client, queue, web) = consuming(Naptime::web(&database)).await;
    rule(&web, "link", &link(&target)).await;
    catch_up(&web, &client, &queue, "before").await;
    mongo.kill(0);
    publish(&client, &queue, &event("twitter.linked", "user-123", &json!({"token": "abc"}))).await;
    web.naptime.wait_line(SOON, "that it waits", |line| line.contains("an event must wait")).await;
    mongo.restart(0).await;
    target.wait_for(2 * SOON, "the call", |calls| calls.iter().any(|it| it.uri.contains("user-123"))).await;
    assert!(client.take(&format!("{queue}.dead")).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_is_said_once_and_without_its_password() {
    let file = File::fresh();
    let up = Naptime::up(&file).env("AMQP_URL", "amqp://nobody:hidden@127.0.0.1:1/vhost").start().await;
    up.wait_line(SOON, "that there is no broker", |line| line.contains("no events from naptime.events")).await;
    // Tried again meanwhile.
    tokio::time::sleep(std::time::Duration::from_secs(4)).await;
    let output = up.output();
    assert_eq!(output.matches("no events from").count(), 1, "{output}");
    assert!(!output.contains("hidden") && !output.contains("lapin"), "{output}");
    up.sigterm();
    assert!(up.wait_exit(SOON).await.success());
}

/// Runs a command that ends.
async fn run(start: Start) -> (Option<i32>, String, String) {
    let process = start.launch();
    let code = process.wait_exit(SOON).await.code();
    (code, process.stdout(), process.output())
}

async fn check_import_and_export(store: &impl Store, web: &Web) {
    let scratch = naptime_tests::scratch::Scratch::new();
    let path = scratch.path().join("rules.json");
    let target = Target::start().await;
    let with = |name: &str, mut rule: Value| {
        rule["name"] = json!(name);
        rule
    };
    let unlink = json!({"event": "twitter.unlinked", "then": "delete"});
    let import = async |rules: Value| {
        std::fs::write(&path, rules.to_string()).unwrap();
        run(Naptime::command(store, "rules").args(&["import", path.to_str().unwrap()])).await
    };
    let good = json!([with("link", link(&target)), with("unlink", unlink.clone())]);
    let (code, stdout, output) = import(good.clone()).await;
    assert_eq!(
        (code, stdout.as_str()),
        (Some(0), "added link, on twitter.linked\nadded unlink, on twitter.unlinked\n"),
        "{output}"
    );
    // Whole or not at all.
    let bad = json!([
        with("third", unlink.clone()),
        with("link", json!({"event": "e", "then": {"upsert": {"url": "{{ data."}}}))
    ]);
    let (code, _, output) = import(bad).await;
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains("2.then.upsert.url: ") && output.contains("2.then.upsert.every: "), "{output}");
    assert_eq!(web.items("/api/rules").await.len(), 2);
    let (code, _, output) = run(Naptime::command(store, "rules").args(&["import", "/nowhere/rules.json"])).await;
    assert!(code == Some(1) && output.contains("/nowhere/rules.json"), "{output}");

    let (code, exported, _) = run(Naptime::command(store, "rules").arg("export")).await;
    assert_eq!(code, Some(0));
    let exported: Value = serde_json::from_str(&exported).unwrap();
    assert_eq!(exported[0]["then"]["upsert"]["headers"], json!([["Authorization", "Bearer {{ data.token }}"]]));
    let (_, stdout, _) = import(exported.clone()).await;
    assert_eq!(stdout, "unchanged link, on twitter.linked\nunchanged unlink, on twitter.unlinked\n");
    let mut changed = exported;
    changed[0]["enabled"] = json!(false);
    assert_eq!(import(changed).await.1, "changed link, on twitter.linked\nunchanged unlink, on twitter.unlinked\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_imported_and_exported_beside_a_file() {
    let file = File::fresh();
    let web = Web::start(Naptime::up(&file)).await;
    check_import_and_export(&file, &web).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_imported_and_exported_on_mongodb() {
    let database = mongo::fresh_database().await;
    let web = Web::start(Naptime::web(&database)).await;
    check_import_and_export(&database, &web).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_adds_a_rule_and_tries_it() {
    let target = Target::start().await;
    let file = File::fresh();
    let web = Web::start(Naptime::up(&file)).await;
    let browser = Browser::with().without_javascript().start().await;
    let type_in = async |id: &str, text: &str| {
        let field = browser.query(By::Id(id)).first().await.unwrap();
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    };
    let press = async |text: &str| {
        let button = browser.query(By::XPath(format!("//button[normalize-space()='{text}']"))).first().await.unwrap();
        button.click().await.unwrap();
    };
    let shows = async |text: &str| {
        let path = format!("//main[contains(., '{text}')]");
        browser.query(By::XPath(path)).first().await.unwrap();
    };
    browser.goto(web.naptime.url("/")).await.unwrap();
    browser.query(By::LinkText("Rules")).first().await.unwrap().click().await.unwrap();
    browser.query(By::LinkText("Add rule")).first().await.unwrap().click().await.unwrap();
    type_in("name", "poll-twitter").await;
    type_in("event", "twitter.linked").await;
    type_in("then.upsert.url", &target.url("/timeline?user={{ key }}&token={{ data.token }}")).await;
    type_in("then.upsert.every", "1 banana").await;
    press("Add").await;
    shows("Nothing was saved").await;
    type_in("then.upsert.every", "1s").await;
    press("Add").await;
    shows("Try an event").await;
    type_in("sample", r#"{"event": "twitter.linked", "key": "user-123", "data": {"token": "abc"}}"#).await;
    press("Try it").await;
    shows("/timeline?user=user-123&token=••••").await;
    assert_eq!((target.count(), web.items("/api/endpoints").await.len()), (0, 0), "it was only tried");
    let linked = event("twitter.linked", "user-123", &json!({"token": "abc"}));
    assert_eq!(web.post("/api/events", &linked).await.status, 200);
    target.wait_for(SOON, "calls", |calls| calls.len() >= 2).await;
    assert_eq!(target.all_calls()[0].uri, "/timeline?user=user-123&token=abc");
    // The switch.
    let switch = browser.query(By::Css("button[aria-label='Enabled: poll-twitter']")).first().await.unwrap();
    switch.click().await.unwrap();
    eventually(SOON, "it is disabled", async || {
        (web.get("/api/rules/poll-twitter").await.value()["enabled"] == false).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_fit_a_phone() {
    const WIDTH: &str = "return Math.max(document.documentElement.scrollWidth, innerWidth)";
    let target = Target::start().await;
    let file = File::fresh();
    let web = Web::start(Naptime::up(&file)).await;
    let browser = Browser::with().phone().dark().start().await;
    let long = "x".repeat(90);
    let mut link = link(&target);
    link["event"] = json!(long);
    link["job"] = json!(format!("{long}{{{{ key }}}}"));
    link["then"]["upsert"]["url"] = json!(target.url(&format!("/{long}{long}{long}")));
    let name = "n".repeat(60);
    rule(&web, &name, &link).await;
    rule(&web, "unlink", &json!({"event": "twitter.unlinked", "then": "delete"})).await;
    let pages =
        ["/rules".to_owned(), "/rules/new".to_owned(), format!("/rules/{name}/edit"), format!("/rules/{name}/delete")];
    let fits = async |page: &str| {
        // For whoever looks at the pages.
        if let Some(folder) = std::env::var_os("NAPTIME_SCREENSHOTS") {
            let file = format!("phone{}.png", page.replace('/', "-"));
            browser.save_page(&std::path::Path::new(&folder).join(file)).await.unwrap();
        }
        let width = browser.execute(WIDTH, Vec::new()).await.unwrap();
        assert_eq!(width.json(), &json!(390), "{page}");
    };
    for page in &pages {
        browser.goto(web.naptime.url(page)).await.unwrap();
        fits(page).await;
    }
    browser.goto(web.naptime.url("/rules")).await.unwrap();
    let sample = browser.query(By::Id("sample")).first().await.unwrap();
    sample.clear().await.unwrap();
    sample.send_keys(event(&long, "user-123", &json!({"token": long})).to_string()).await.unwrap();
    browser.query(By::XPath("//button[normalize-space()='Try it']")).first().await.unwrap().click().await.unwrap();
    browser.query(By::XPath("//*[contains(@class, 'trial')]//dl")).first().await.unwrap();
    fits("/rules/try").await;
}
