//! Credentials are write-only: they are sent to the host they were written for, and shown nowhere.

use naptime_tests::naptime::{Naptime, Store};
use naptime_tests::target::{Answer, Target};
use reqwest::Method;
use serde_json::{Value, json};

use super::web::{SOON, Web, on_both_stores, send};

const BEARER: &str = "header-secret-0123";
const SESSION: &str = "session-secret-0123";
const BY_ITSELF: &str = "ghp_value0123456789secret";
const QUERY: &str = "query-secret-0123";
const BASIC: &str = "bWU6YmFzaWMtc2VjcmV0LTAxMjM=";
const ALL: [&str; 6] = [BEARER, SESSION, BY_ITSELF, QUERY, BASIC, "basic-secret-0123"];

fn patch(web: &Web, path: &str, body: &Value) -> reqwest::RequestBuilder {
    web.request(Method::PATCH, path).header("content-type", "application/json").body(body.to_string())
}

fn check_unseen(what: &str, text: &str) {
    for secret in ALL {
        assert!(!text.contains(secret), "{secret} is in {what}: {text}");
    }
}

async fn credentials_are_sent_and_not_shown(store: &impl Store) {
    let target = Target::start().await;
    let echo = format!("no: Bearer {BEARER} {SESSION}, {BASIC} or me:basic-secret-0123\nnor {QUERY} nor {BY_ITSELF}");
    target.on("/echo", Answer::status(418).body(echo));
    let web = Web::start(Naptime::up(store)).await;
    let headers = json!({
        "Authorization": format!("Bearer {BEARER}"), "X-Session": SESSION, "X-Plain": BY_ITSELF,
        "X-Upstream": format!("Basic {BASIC}"), "X-Visible": "to everybody",
    });
    let endpoint = json!({
        "url": target.url(&format!("/echo?token={QUERY}&user=7")), "every": "1s", "active": true, "name": "Echo",
        "headers": headers, "retry": {"attempts": 1},
    });
    let added = web.post("/api/endpoints", &endpoint).await;
    assert_eq!(added.status, 201, "{}", added.text);
    let id = added.value()["id"].as_str().unwrap().to_owned();
    let job = json!({"url": endpoint["url"], "headers": headers, "retry": {"attempts": 1}, "name": "Once"});
    let once = web.post("/api/jobs", &job).await;
    let once_id = once.value()["id"].as_str().unwrap().to_owned();
    target.wait_for(SOON, "calls", |calls| calls.len() >= 2).await;
    web.job_is(&format!("/api/jobs/{once_id}"), "failed").await;
    let runs = web.runs(&format!("/api/endpoints/{id}"), 1).await;
    let message = runs[0]["message"].as_str().unwrap();
    assert_eq!(message, "no: Bearer •••• ••••, •••• or ••••\nnor •••• nor ••••");
    for call in target.all_calls() {
        assert_eq!(call.uri, format!("/echo?token={QUERY}&user=7"), "it is sent as it was written");
        assert_eq!(call.header("x-plain"), Some(BY_ITSELF));
    }
    let paths = [
        "/",
        "/endpoints",
        "/endpoints?q=echo",
        "/jobs",
        "/sla",
        "/pools",
        "/api/endpoints?limit=1",
        "/api/jobs",
        "/api/sla",
        &format!("/endpoints/{id}"),
        &format!("/endpoints/{id}/edit"),
        &format!("/endpoints/{id}/delete"),
        &format!("/api/endpoints/{id}"),
        &format!("/api/endpoints/{id}/runs"),
        &format!("/jobs/{once_id}"),
        &format!("/api/jobs/{once_id}"),
        &format!("/api/jobs/{once_id}/runs"),
        "/metrics",
        "/api/checks",
    ];
    check_unseen("the answer to an addition", &format!("{}{}", added.text, once.text));
    for path in paths {
        check_unseen(path, &web.get(path).await.text);
    }
    let view = web.get(&format!("/api/endpoints/{id}")).await.value();
    assert_eq!(view["url"], target.url("/echo?token=••••&user=7"));
    assert!(view["headers"].to_string().contains("to everybody"), "{view}");
    let list = web.naptime.ask("list").launch();
    list.wait_exit(SOON).await;
    assert!(list.output().contains("token=••••"), "{}", list.output());
    check_unseen("the list", &list.output());
    check_unseen("the log", &web.naptime.output());

    // A second page by a cursor, and another endpoint of the same URL.
    let second = web.post("/api/endpoints", &json!({"url": endpoint["url"], "every": "5m"})).await;
    assert_eq!(second.value()["also"][0]["id"], json!(id), "{}", second.text);
    let first = web.get("/api/endpoints?limit=1").await;
    check_unseen("a cursor", &first.text);
    let cursor = first.value()["next_cursor"].as_str().unwrap().to_owned();
    let cursor: String = url_encode(&cursor);
    assert_eq!(web.items(&format!("/api/endpoints?limit=1&cursor={cursor}")).await.len(), 1);

    // What was read can be written back.
    let back =
        send(patch(&web, &format!("/api/endpoints/{id}"), &json!({"url": view["url"], "headers": view["headers"]})))
            .await;
    assert_eq!((back.status, &back.value()["rev"]), (200, &view["rev"]), "nothing has changed: {}", back.text);
    let moved = target.url("/other?user=8&token=••••");
    let changed = send(patch(&web, &format!("/api/endpoints/{id}"), &json!({"url": moved}))).await;
    assert_eq!((changed.status, &changed.value()["url"]), (200, &json!(moved)), "{}", changed.text);
    let expected = format!("/other?user=8&token={QUERY}");
    target.wait_for(SOON, "the new URL", |calls| calls.iter().any(|call| call.uri == expected)).await;
    let call = target.all_calls().into_iter().rfind(|call| call.uri == expected).unwrap();
    assert_eq!(call.header("authorization"), Some(&*format!("Bearer {BEARER}")));
}

fn url_encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

async fn credentials_do_not_move_to_another_host(store: &impl Store) {
    let (target, thief) = (Target::start().await, Target::start().await);
    let web = Web::start(Naptime::up(store)).await;
    let endpoint = json!({
        "url": target.url("/a"), "every": "1h", "headers": {"Authorization": format!("Bearer {BEARER}"), "X-Visible": "1"},
    });
    let id = web.post("/api/endpoints", &endpoint).await.value()["id"].as_str().unwrap().to_owned();
    let path = format!("/api/endpoints/{id}");
    for body in [
        json!({"url": thief.url("/a")}),
        json!({"url": thief.url("/a"), "headers": {"Authorization": "••••"}}),
        json!({"url": thief.url("/a"), "active": true, "every": "1s"}),
    ] {
        let refused = send(patch(&web, &path, &body)).await;
        assert!(refused.text.contains("Authorization"), "it is named: {}", refused.text);
        refused.is_problem(422, "masked", "headers");
    }
    let form = [
        ("url", thief.url("/a")),
        ("headers", "Authorization: ••••\r\nX-Visible: 1".to_owned()),
        ("every", "1h".to_owned()),
    ];
    let form: Vec<String> = form.iter().map(|(name, value)| format!("{name}={}", url_encode(value))).collect();
    let posted = web.request(Method::POST, &format!("/endpoints/{id}/edit"));
    let posted = posted.header("content-type", "application/x-www-form-urlencoded").body(form.join("&"));
    let page = send(posted).await;
    assert!(page.status == 422 && page.text.contains("leads to another host"), "{}: {}", page.status, page.text);
    assert_eq!(web.get(&path).await.value()["url"], target.url("/a"));
    let written = json!({"url": thief.url("/a"), "headers": {"Authorization": "Bearer another"}, "active": true});
    assert_eq!(send(patch(&web, &path, &written)).await.status, 200);
    assert_eq!(web.post(&format!("{path}/call"), &json!({})).await.status, 202);
    thief.wait_for(SOON, "a call", |calls| !calls.is_empty()).await;
    assert_eq!(thief.all_calls()[0].header("authorization"), Some("Bearer another"));

    let rule = json!({"event": "e", "then": {"upsert": {
        "url": target.url("/{{ key }}?sig=query-secret-0123"), "every": "1h",
        "headers": {"Authorization": format!("Bearer {BEARER}")},
    }}});
    let put = |rule: &Value| {
        let request = web.request(Method::PUT, "/api/rules/r").header("content-type", "application/json");
        send(request.body(rule.to_string()))
    };
    let view = put(&rule).await.value();
    check_unseen("a rule", &view.to_string());
    check_unseen("the page of a rule", &web.get("/rules/r").await.text);
    assert_eq!(put(&view).await.status, 200, "what was read can be written back");
    let mut moved = view.clone();
    moved["then"]["upsert"]["url"] = json!(thief.url("/{{ key }}"));
    put(&moved).await.is_problem(422, "masked", "then.upsert.headers");
    let event = json!({"event": "e", "key": "k"});
    assert_eq!(web.post("/api/events", &event).await.status, 200);
    assert_eq!(web.post("/api/events", &event).await.status, 200);
    let made = web.items("/api/endpoints?q=sig").await;
    assert_eq!(made.len(), 1);
    let made = format!("/api/endpoints/{}/call", made[0]["id"].as_str().unwrap());
    assert_eq!(web.post(&made, &json!({})).await.status, 202);
    target.wait_for(SOON, "a call", |calls| !calls.is_empty()).await;
    let call = &target.all_calls()[0];
    assert_eq!(
        (&*call.uri, call.header("authorization")),
        ("/k?sig=query-secret-0123", Some(&*format!("Bearer {BEARER}")))
    );
    assert!(thief.all_calls().iter().all(|call| !format!("{call:?}").contains("secret")));
}

on_both_stores!(store: credentials_are_sent_and_not_shown, credentials_do_not_move_to_another_host);
