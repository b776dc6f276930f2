//! The JSON API, route by route, on both stores.

use std::collections::HashSet;
use std::time::Duration;

use naptime_tests::eventually;
use naptime_tests::naptime::Start;
use naptime_tests::target::{Answer, Target};
use reqwest::Method;
use serde_json::{Value, json};

use super::web::{SOON, Web, check_times, escaped, on_both_stores, query, send};

on_both_stores!(
    an_endpoint_is_added_switched_off_with_defaults,
    each_field_can_be_changed_alone,
    a_stale_editor_is_told,
    a_deleted_endpoint_is_kept_but_not_listed,
    lists_are_searched_and_paged,
    a_call_asked_for_is_made_and_recorded,
    load_workers_and_health_are_shown,
    texts_are_taken_literally,
);

async fn an_endpoint_is_added_switched_off_with_defaults(start: Start) {
    let web = Web::start(start).await;
    let reply = web.post("/api/endpoints", &json!({"url": "http://127.0.0.1:9/a?b=c", "every": "5m"})).await;
    assert_eq!((reply.status, reply.header("content-type")), (201, "application/json"));
    let added = reply.value();
    let mut expected = json!({
        "id": added["id"], "created_at": added["created_at"], "updated_at": added["created_at"],
        "url": "http://127.0.0.1:9/a?b=c", "pool": "http://127.0.0.1:9", "channel": "/a?b=c",
        "schedule": {"kind": "every", "every": "5m", "text": "every 5m"}, "upcoming": [], "changes": [],
        "method": "GET", "headers": [], "body": null, "secret": false,  "timeout": "30s", "success": "200-299", "lease": "15s",
        "retry": {"attempts": 3, "backoff": "2s", "on": "429, 503, timeout, connection"}, "steer": null, "late": null, "catch_up": "latest", "sla": null, "name": "", "tags": [], "rev": 1,
        "active": false, "due": null, "asked_at": null, "attempt": 0, "held": false, "held_by": null,
        "last": null, "last_ok": null, "counters": {"settled": 0, "missed": 0, "late": 0, "runs": 0, "ok": 0}, "deleted_at": null,
    });
    // More than the macro takes at once.
    for (field, value) in [
        ("sign", json!([])),
        ("failing_after", json!(2)),
        ("recent", json!([])),
        ("last_day", Value::Null),
        ("trouble", Value::Null),
        ("keep", json!("failures")),
        ("expect", json!([])),
        ("key", Value::Null),
        ("project", Value::Null),
    ] {
        expected[field] = value;
    }
    assert_eq!(added, expected);
    check_times(&added);
    let path = format!("/api/endpoints/{}", added["id"].as_str().unwrap());
    assert_eq!((reply.header("location"), reply.header("etag")), (&*path, "\"1\""));

    let got = web.get(&path).await;
    assert_eq!((got.status, got.header("etag"), got.value()), (200, "\"1\"", expected));
    assert_eq!(web.items(&format!("{path}/runs")).await, [] as [Value; 0]);
    // Whoever wants it called at once says so.
    let (_, on) = web.add(json!({"url": "http://127.0.0.1:9/", "every": "1d", "active": true})).await;
    assert!(on["active"] == true && on["due"].is_string(), "{on}");
}

async fn each_field_can_be_changed_alone(start: Start) {
    /// What a change of the timing changes while it is switched off.
    const TIMING: &[&str] = &["schedule", "changes"];
    let web = Web::start(start).await;
    let (path, mut before) = web.add(json!({"url": "http://127.0.0.1:9/", "every": "1d"})).await;
    let cases = [
        (
            json!({"url": "HTTP://127.1:80/b?c=d#e"}),
            &["url", "pool", "channel"][..],
            "/url",
            json!("http://127.0.0.1/b?c=d"),
        ),
        (json!({"every": "90 minutes"}), TIMING, "/schedule/every", json!("1h 30m")),
        (json!({"every": 86_400_000}), TIMING, "/schedule/every", json!("1d")),
        (json!({"jitter": "1h"}), TIMING, "/schedule/jitter", json!("1h")),
        (json!({"cron": "0 9 * * mon-fri"}), TIMING, "/schedule/cron", json!("0 9 * * mon-fri")),
        (json!({"tz": "europe/berlin"}), TIMING, "/schedule/tz", json!("Europe/Berlin")),
        (json!({"random": "1h"}), TIMING, "/schedule/random", json!("1h")),
        (json!({"window": "9:00-17:00"}), TIMING, "/schedule/window", json!("09:00-17:00")),
        (json!({"days": "sat, mon-tue"}), TIMING, "/schedule/days", json!(["mon", "tue", "sat"])),
        (json!({"tz": null}), TIMING, "/schedule/tz", json!("UTC")),
        (json!({"window": null, "days": null}), TIMING, "/schedule/text", json!("at random once in each 1h (UTC)")),
        (json!({"every": "1d"}), TIMING, "/schedule/text", json!("every 1d")),
        (json!({"success": [404, "200-204"]}), &["success"], "/success", json!("200-204, 404")),
        (json!({"lease": "1m"}), &["lease"], "/lease", json!("1m")),
        (json!({"steer": {"min": "30s", "max": "1h"}}), &["steer"], "/steer", json!({"min": "30s", "max": "1h"})),
        (json!({"steer": {"max": "2h"}}), &["steer"], "/steer", json!({"min": "30s", "max": "2h"})),
        (json!({"steer": null}), &["steer"], "/steer", json!(null)),
        (json!({"method": "post"}), &["method"], "/method", json!("POST")),
        (json!({"headers": {"X-A": "1"}}), &["headers"], "/headers", json!([["X-A", "1"]])),
        (
            json!({"headers": [["X-A", "1"], ["X-A", "2"]]}),
            &["headers"],
            "/headers",
            json!([["X-A", "1"], ["X-A", "2"]]),
        ),
        (
            json!({"headers": {"Authorization": "Bearer x"}}),
            &["headers"],
            "/headers",
            json!([["Authorization", "••••"]]),
        ),
        (json!({"headers": {}}), &["headers"], "/headers", json!([])),
        (json!({"body": "hello"}), &["body"], "/body", json!("hello")),
        (json!({"body": null}), &["body"], "/body", json!(null)),
        (json!({"timeout": "5s"}), &["timeout"], "/timeout", json!("5s")),
        (json!({"timeout": 15_000}), &["timeout"], "/timeout", json!("15s")),
        (json!({"sla": "2d"}), &["sla"], "/sla", json!("2d")),
        (
            json!({"sla": {"every": "2d", "days": "mon-fri", "tz": "Europe/Berlin"}}),
            &["sla"],
            "/sla",
            json!({"every": "2d", "days": "Mon-Fri", "tz": "Europe/Berlin"}),
        ),
        (json!({"sla": {"every": "2d", "days": null}}), &["sla"], "/sla", json!("2d")),
        (json!({"sla": null}), &["sla"], "/sla", json!(null)),
        (json!({"retry": {"attempts": 1}}), &["retry"], "/retry/attempts", json!(1)),
        (json!({"retry": {"backoff": "500ms"}}), &["retry"], "/retry/backoff", json!("500ms")),
        (json!({"retry": {"on": [500, "timeout"]}}), &["retry"], "/retry/on", json!("500, timeout")),
        (json!({"retry": {"on": []}}), &["retry"], "/retry/on", json!("none")),
        (json!({"name": " a name "}), &["name"], "/name", json!("a name")),
        (json!({"name": null}), &["name"], "/name", json!("")),
        (json!({"tags": ["a", "b", "a"]}), &["tags"], "/tags", json!(["a", "b"])),
        (json!({"tags": []}), &["tags"], "/tags", json!([])),
        (json!({"key": "billing/nightly"}), &["key"], "/key", json!("billing/nightly")),
        (json!({"key": null}), &["key"], "/key", json!(null)),
        (json!({"active": true}), &["active", "due", "upcoming", "changes"], "/active", json!(true)),
        (json!({"active": false}), &["active", "due", "upcoming", "changes"], "/active", json!(false)),
    ];
    for (change, fields, pointer, expected) in cases {
        let reply = web.patch(&path, &change).await;
        assert_eq!(reply.status, 200, "{change}: {}", reply.text);
        let after = reply.value();
        assert_eq!(after.pointer(pointer), Some(&expected), "{change}");
        assert_eq!(after["rev"], before["rev"].as_i64().unwrap() + 1, "{change}");
        assert_eq!(reply.header("etag"), format!("\"{}\"", after["rev"]));
        let differs = |name: &&String| before[*name] != after[*name] && !["rev", "updated_at"].contains(&name.as_str());
        let changed: HashSet<&str> = after.as_object().unwrap().keys().filter(differs).map(String::as_str).collect();
        assert_eq!(changed, fields.iter().copied().collect(), "{change}");
        assert_eq!(web.get(&path).await.value(), after, "{change}");
        before = after;
    }
}

async fn a_stale_editor_is_told(start: Start) {
    let web = Web::start(start).await;
    let (path, _) = web.add(json!({"url": "http://127.0.0.1:9/", "every": "1d"})).await;
    let call = format!("{path}/call");
    let with_tag = |method: &Method, path: &str, tag: &str| {
        let request = web.request(method.clone(), path).header("if-match", tag);
        send(match *method {
            Method::PATCH => request.header("content-type", "application/json").body(json!({"name": tag}).to_string()),
            _ => request,
        })
    };
    assert_eq!(with_tag(&Method::PATCH, &path, "\"1\"").await.status, 200);
    for (method, path) in [(Method::PATCH, &path), (Method::DELETE, &path), (Method::POST, &call)] {
        with_tag(&method, path, "\"1\"").await.is_problem(409, "stale", "If-Match");
        with_tag(&method, path, "soon").await.is_problem(400, "bad_if_match", "If-Match");
    }
    let now = web.get(&path).await;
    assert_eq!((now.header("etag"), &now.value()["asked_at"]), ("\"2\"", &Value::Null), "nothing was done");
    // `*` is any revision, as is none at all.
    assert_eq!(with_tag(&Method::PATCH, &path, "*").await.header("etag"), "\"3\"");
    assert_eq!(with_tag(&Method::DELETE, &path, "\"3\"").await.status, 204);
}

async fn a_deleted_endpoint_is_kept_but_not_listed(start: Start) {
    let web = Web::start(start).await;
    let (path, _) = web.add(json!({"url": "http://127.0.0.1:9/", "every": "1d", "active": true})).await;
    assert_eq!(web.items("/api/endpoints").await.len(), 1);
    let reply = web.delete(&path).await;
    assert_eq!((reply.status, &*reply.text), (204, ""));
    let deleted = web.get(&path).await.value();
    assert!(deleted["deleted_at"].is_string() && deleted["due"].is_null(), "{deleted}");
    check_times(&deleted);
    assert_eq!(web.items("/api/endpoints").await.len(), 0);
    assert_eq!(web.get(&format!("{path}/runs")).await.status, 200);
    web.patch(&path, &json!({"name": "x"})).await.is_problem(409, "deleted", "");
    web.delete(&path).await.is_problem(409, "deleted", "");
    send(web.request(Method::POST, &format!("{path}/call"))).await.is_problem(409, "deleted", "");
}

async fn lists_are_searched_and_paged(start: Start) {
    let web = Web::start(start).await;
    let mut all = HashSet::new();
    for n in 0..23 {
        let (host, tags) = (["127.0.0.1:9", "127.0.0.2:9"][n % 2], [json!(["even"]), json!([])][n % 2].clone());
        let name = format!("Number {n}");
        let (_, added) = web
            .add(json!({
                "url": format!("http://{host}/{n}"), "every": "366d", "name": name, "tags": tags, "active": n < 3,
            }))
            .await;
        all.insert(added["id"].to_string());
    }
    let cases = [
        ("", 23),
        ("q=127.0.0.1+NUMBER", 12),
        ("q=number+22", 1),
        ("q=127.0.0.2", 11),
        ("q=127x0", 0),
        ("q=even&active=true", 2),
        ("pool=http://127.0.0.2:9", 11),
        ("pool=http://127.0.0.2", 0),
        ("tag=even", 12),
        ("tag=eve", 0),
        ("active=true", 3),
        ("active=false", 20),
        ("active=", 23),
        ("limit=5", 5),
        ("tag=even&pool=http://127.0.0.1:9&active=false&q=number&limit=500", 10),
        ("tag=even&pool=http://127.0.0.2:9", 0),
    ];
    for (query, count) in cases {
        let items = web.items(&format!("/api/endpoints?{query}")).await;
        assert_eq!(items.len(), count, "{query}");
        check_times(&json!(items));
    }

    let (mut seen, mut sizes) = (HashSet::new(), Vec::new());
    let mut cursor = String::new();
    loop {
        let page = web.get(&format!("/api/endpoints?limit=10&{}", query(&[("cursor", &cursor)]))).await.value();
        let items = page["items"].as_array().unwrap();
        sizes.push(items.len());
        seen.extend(items.iter().map(|item| item["id"].to_string()));
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!((sizes, seen), (vec![10, 10, 3], all));
}

async fn a_call_asked_for_is_made_and_recorded(start: Start) {
    let target = Target::start().await;
    target.on("/", Answer::ok().body("done\nand more").after(Duration::from_millis(20)));
    let web = Web::start(start).await;
    let (path, _) = web.add(json!({"url": target.url("/"), "every": "1d", "method": "PUT", "body": "hello"})).await;
    let reply = send(web.request(Method::POST, &format!("{path}/call"))).await;
    assert_eq!(reply.status, 202);
    assert!(reply.value()["asked_at"].is_string(), "{}", reply.text);

    let runs = web.runs(&path, 1).await;
    let run = &runs[0];
    check_times(run);
    let expected = json!({
        "due": run["due"], "started": run["started"], "finished": run["finished"], "worker": run["worker"],
        "start_lag_ms": run["start_lag_ms"], "took_ms": run["took_ms"],
        "outcome": "ok", "status": 200, "message": "done\nand more", "attempt": 1, "manual": true,
        "id": run["id"], "job": path.rsplit('/').next().unwrap(), "skipped": null,
    });
    assert_eq!(run, &expected);
    assert!(run["took_ms"].as_u64().unwrap() >= 20 && run["start_lag_ms"].is_u64(), "{run}");
    let call = &target.all_calls()[0];
    assert_eq!((&*call.method, &call.body[..]), ("PUT", &b"hello"[..]));
    let after = eventually(SOON, "it is settled", async || {
        Some(web.get(&path).await.value()).filter(|after| after["held"] == false && after["last"].is_object())
    })
    .await;
    assert_eq!(after["last"]["outcome"], "ok");
    assert!(after["active"] == false && after["due"].is_null() && after["asked_at"].is_null(), "{after}");

    for n in 2..=5 {
        web.call_now(&path).await;
        web.runs(&path, n).await;
    }
    let (mut started, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = web.get(&format!("{path}/runs?limit=2&{}", query(&[("cursor", &cursor)]))).await.value();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() == 2 || started.len() == 4, "{page}");
        started.extend(items.iter().map(|run| run["started"].to_string()));
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(started.len(), 5);
    assert!(started.is_sorted_by(|newer, older| newer > older), "newest first: {started:?}");
    assert_eq!(target.count(), 5);
}

async fn load_workers_and_health_are_shown(start: Start) {
    let target = Target::start().await;
    target.on("/failing", Answer::status(500));
    let web = Web::start(start).await;
    for path in ["/ok", "/failing"] {
        web.add(json!({"url": target.url(path), "every": "1s", "active": true})).await;
    }
    let point = eventually(SOON, "load is written", async || {
        let load = web.get("/api/load").await.value();
        let steps = load["items"].as_array().unwrap().len();
        assert!(load["step"] == "1m" && (60..=61).contains(&steps), "{load}");
        let calls = |point: &&Value| point["calls"].as_u64().unwrap() >= 10;
        load["items"].as_array().unwrap().iter().find(calls).cloned()
    })
    .await;
    check_times(&point);
    let (calls, errors) = (point["calls"].as_u64().unwrap(), point["errors"].as_u64().unwrap());
    assert!(errors * 3 >= calls && errors * 3 <= calls * 2, "about every second one fails: {point}");
    let rate = point["calls_per_second"].as_f64().unwrap();
    assert!((rate * 60.0 - calls as f64).abs() < 0.001, "{point}");
    for figures in ["start_lag_ms", "took_ms"] {
        assert!(point[figures]["p50"].as_u64() <= point[figures]["p99"].as_u64(), "{point}");
        assert!(point[figures]["p99"].is_u64(), "{point}");
    }
    assert!((0.0..=1.0).contains(&point["capacity_used"].as_f64().unwrap()), "{point}");
    assert_eq!(point["workers"][0]["calls"], calls);
    let hours = web.get("/api/load?step=1h&from=2020-01-01T00:00:00Z&to=2020-01-03T00:00:00Z").await.value();
    assert_eq!(hours["items"].as_array().unwrap().len(), 48, "{hours}");

    let workers = web.items("/api/workers").await;
    let [worker] = &workers[..] else { panic!("one worker: {workers:?}") };
    check_times(worker);
    assert_eq!((&worker["alive"], &worker["version"]), (&json!(true), &json!(env!("CARGO_PKG_VERSION"))));
    assert_eq!((&worker["id"], &worker["pid"]), (&point["workers"][0]["id"], &json!(web.naptime.pid())));
    assert!(worker["name"].as_str().unwrap().contains('-') && worker["capacity"].as_u64().unwrap() > 0, "{worker}");

    assert_eq!((&*web.get("/healthz").await.text, web.get("/readyz").await.status), ("ok", 200));
    let metrics = web.get("/metrics").await;
    assert!(metrics.header("content-type").starts_with("text/plain; version=0.0.4"));
    for line in ["naptime_store_up 1", "naptime_workers_alive 1", "naptime_calls_total{outcome=\"failed\"} "] {
        assert!(metrics.text.lines().any(|it| it.starts_with(line)), "{line} in {}", metrics.text);
    }
    let types: Vec<&str> = metrics.text.lines().filter(|line| line.starts_with("# TYPE")).collect();
    assert_eq!(types.iter().collect::<HashSet<_>>().len(), types.len(), "no metric is there twice: {types:?}");
}

async fn texts_are_taken_literally(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    let texts = ["$period", "<script>alert(1)</script>", r#"{"$ne": null}"#, "$$NOW", "%_.*'\"\\&", "日本 ünï"];
    for text in texts {
        let header = if text.is_ascii() { text } else { "ascii" };
        let (path, added) = web
            .add(json!({
                "url": target.url("/"), "every": "1d", "method": "POST", "name": text, "body": text, "tags": [text],
                "headers": {"X-Text": header},
            }))
            .await;
        for endpoint in [&added, &web.get(&path).await.value()] {
            assert_eq!((&endpoint["name"], &endpoint["body"]), (&json!(text), &json!(text)));
            assert_eq!((&endpoint["tags"], &endpoint["headers"]), (&json!([text]), &json!([["X-Text", header]])));
        }
        for parameter in ["q", "tag"] {
            let found = web.items(&format!("/api/endpoints?{}", query(&[(parameter, text)]))).await;
            assert_eq!(found.iter().map(|item| &item["id"]).collect::<Vec<_>>(), [&added["id"]], "{parameter}={text}");
        }
        web.call_now(&path).await;
        web.runs(&path, 1).await;
        let call = target.all_calls().pop().unwrap();
        assert_eq!((call.header("x-text"), &call.body[..]), (Some(header), text.as_bytes()));

        let id = added["id"].as_str().unwrap();
        let pages = ["/endpoints".to_owned(), format!("/endpoints/{id}"), format!("/endpoints/{id}/edit")];
        for page in pages {
            let page = web.get(&page).await;
            assert_eq!(page.status, 200);
            assert!(page.text.contains(&escaped(text)), "{text} in {}", page.text);
            assert!(!page.text.contains("<script>"), "{}", page.text);
        }
    }
    assert_eq!(web.items("/api/endpoints").await.len(), texts.len());
}
