//! What targets do to those who call them, through the whole system: each call ends in a run that names what happened,
//! and by its deadline at the latest its slot is free for the next.

use std::time::{Duration, Instant};

use naptime_tests::naptime::{Naptime, Store};
use naptime_tests::port;
use naptime_tests::target::{Answer, Call, Misbehaving, Target};
use serde_json::{Value, json};

use super::web::{SOON, Web, escaped, on_both_stores};

on_both_stores!(store:
    bad_targets_get_a_named_outcome_and_free_their_slot,
    blocked_addresses_are_not_called,
    calls_say_what_they_are_for,
    a_target_that_asks_for_time_gets_it,
    the_first_two_lines_of_an_answer_are_kept,
    the_endpoint_says_what_is_a_success,
);

/// How long after its deadline a slot may be free, on a machine that is busy with other tests.
const SLACK: Duration = SOON;

/// A program with one slot for calls: all in one process on a file, a web and a worker on MongoDB.
async fn one_slot(store: &impl Store, networks: &str) -> (Web, Option<Naptime>) {
    let set = |start: naptime_tests::naptime::Start, capacity: &str, slots: &str| {
        start.env(capacity, slots).env("NAPTIME_ALLOW_NETWORKS", networks)
    };
    if store.env().0 == "NAPTIME_DB" {
        return (Web::start(set(Naptime::up(store), "WORKER_MAX_CAPACITY", "1")).await, None);
    }
    let web = Web::start(set(Naptime::web(store), "WEB_WORKER_MAX_CAPACITY", "0")).await;
    let worker = set(Naptime::worker(store), "WORKER_MAX_CAPACITY", "1").start().await;
    worker.wait_line(SOON, "the worker is up", |line| line.contains("starts")).await;
    (web, Some(worker))
}

async fn bad_targets_get_a_named_outcome_and_free_their_slot(store: &impl Store) {
    let target = Target::start().await;
    target.on("/never", Answer::never());
    target.on("/drip", Answer::drip());
    target.on("/endless", Answer::endless());
    target.on("/redirect", Answer::redirect("/elsewhere?token=secret"));
    target.on("/failing", Answer::status(500).body("no disk\nand so on"));
    let page = "<html>\n<head><title>Out of\norder</title></head>\n<body>...";
    target.on("/page", Answer::status(502).body(page).header("Content-Type", "text/html"));
    let (resetting, bad_tls, not_http) =
        (Misbehaving::resetting().await, Misbehaving::bad_tls().await, Misbehaving::not_http().await);
    let closed = format!("http://127.0.0.1:{}/", port::free_port());
    let elsewhere = format!("302: redirected to {}", target.url("/elsewhere"));
    let x200 = "x".repeat(200);
    let cases = [
        (target.url("/never"), "1s", "timeout", None, "no answer within 1s"),
        (target.url("/drip"), "1s", "timeout", Some(200), "the answer was not complete within 1s"),
        (target.url("/endless"), "10s", "ok", Some(200), &*x200),
        (target.url("/redirect"), "10s", "redirect_not_followed", Some(302), &*elsewhere),
        (target.url("/failing"), "10s", "failed", Some(500), "no disk"),
        (target.url("/page"), "10s", "failed", Some(502), "Out of order"),
        (resetting.url("/"), "10s", "connection_reset", None, "the connection was closed"),
        (closed, "10s", "connection_refused", None, "the connection was refused"),
        (bad_tls.url("/"), "10s", "tls", None, "no secure connection"),
        (not_http.url("/"), "10s", "invalid_response", None, "what came back is not HTTP"),
        ("http://nowhere.invalid/".to_owned(), "10s", "dns_not_found", None, "nowhere.invalid: "),
    ];
    let (web, _worker) = one_slot(store, "127.0.0.0/8").await;
    let next = web.add_on_demand(&target.url("/next"), &json!({})).await;
    web.call_now(&next).await;
    web.runs(&next, 1).await;

    for (n, (url, timeout, outcome, status, message)) in cases.iter().enumerate() {
        let bad = web.add_on_demand(url, &json!({"timeout": timeout})).await;
        let asked = Instant::now();
        web.call_now(&bad).await;
        web.call_now(&next).await;
        let nexts = |calls: &[Call]| calls.iter().filter(|call| call.path() == "/next").count() == n + 2;
        target.wait_for(SOON, &format!("the slot is free after {url}"), nexts).await;
        let free = asked.elapsed();
        let limit = if *timeout == "1s" { Duration::from_secs(1) } else { Duration::ZERO };
        assert!(free < limit + SLACK, "the slot was free {free:?} after {url}");

        let runs = web.runs(&bad, 1).await;
        let [run] = &runs[..] else { panic!("one run: {runs:?}") };
        assert_eq!((&run["outcome"], &run["status"]), (&json!(outcome), &json!(status)), "{url}: {run}");
        assert!(run["message"].as_str().unwrap().starts_with(message), "{url}: {run}");
        let took = Duration::from_millis(run["took_ms"].as_u64().unwrap());
        assert!(took >= limit && took < limit + SLACK, "{url}: {run}");
        web.runs(&next, n + 2).await;
    }
    assert_eq!(target.calls("/elsewhere").len(), 0, "the redirect was not followed");
    assert!(target.calls("/endless").iter().all(|call| !call.answered), "nobody reads to the end of what has none");
}

async fn blocked_addresses_are_not_called(store: &impl Store) {
    let target = Target::start().await;
    let port = target.url("").rsplit(':').next().unwrap().to_owned();
    // Allowed where they were added, but not where they are called.
    let lenient = Web::start(Naptime::up(store)).await;
    for url in [target.url("/"), format!("http://localhost:{port}/")] {
        lenient.add(json!({"url": url, "every": "1d"})).await;
    }
    lenient.naptime.sigterm();
    assert!(lenient.naptime.wait_exit(SOON).await.success());
    let (web, _worker) = one_slot(store, "192.0.2.0/24").await;
    let endpoints = web.items("/api/endpoints").await;
    assert_eq!(endpoints.len(), 2);
    for endpoint in endpoints {
        let path = format!("/api/endpoints/{}", endpoint["id"].as_str().unwrap());
        web.call_now(&path).await;
        let run = web.runs(&path, 1).await.remove(0);
        assert_eq!((&run["outcome"], &run["status"]), (&json!("blocked_address"), &Value::Null), "{run}");
        assert!(run["message"].as_str().unwrap().contains("NAPTIME_ALLOW_NETWORKS"), "{run}");
    }
    assert_eq!(target.count(), 0, "not a byte was sent");
}

async fn calls_say_what_they_are_for(store: &impl Store) {
    let target = Target::start().await;
    target.on("/", Answer::status(503));
    let (web, _worker) = one_slot(store, "127.0.0.0/8").await;
    let (path, added) = web
        .add(json!({
            "url": target.url("/?a=b"), "every": "5s", "active": true, "retry": {"attempts": 20, "backoff": "200ms"},
            "method": "PATCH", "headers": {"X-Own": "mine"}, "body": "ä",
        }))
        .await;
    target.wait_for(SOON, "an attempt", |calls| !calls.is_empty()).await;
    target.on("/", Answer::ok());
    let key = |call: &Call| call.header("idempotency-key").unwrap().to_owned();
    target.wait_for(SOON, "another occurrence", |calls| calls.iter().any(|call| key(call) != key(&calls[0]))).await;

    let calls = target.all_calls();
    for call in &calls {
        assert_eq!((&*call.method, &*call.uri, &call.body[..]), ("PATCH", "/?a=b", "ä".as_bytes()));
        assert_eq!(call.header("user-agent"), Some(concat!("Naptime/", env!("CARGO_PKG_VERSION"))));
        assert_eq!(call.header("x-own"), Some("mine"));
        assert_eq!(Some(call.header("host").unwrap()), target.url("").strip_prefix("http://"));
    }
    let attempts = calls.iter().take_while(|call| key(call) == key(&calls[0])).count();
    assert!(attempts >= 2, "the first occurrence was tried again");
    let runs = web.runs(&path, calls.len()).await;
    for (n, (call, run)) in calls.iter().zip(&runs).enumerate() {
        let due = call.header("naptime-due").unwrap();
        assert_eq!((run["due"].as_str(), &run["manual"]), (Some(due), &json!(false)));
        let due: naptime_core::Time = due.parse().unwrap();
        assert!(call.start_ms >= due.millis() as f64, "called {} ms early", due.millis() as f64 - call.start_ms);
        assert_eq!(key(call), format!("{}-{}", added["id"].as_str().unwrap(), due.millis()));
        if n < attempts {
            let outcome = if n == attempts - 1 { "ok" } else { "failed" };
            assert_eq!((&run["attempt"], &run["outcome"]), (&json!(n + 1), &json!(outcome)), "{runs:?}");
        }
    }
    assert_eq!((&runs[0]["due"], added["due"].is_string()), (&added["due"], true), "it was called when it said");
}

async fn a_target_that_asks_for_time_gets_it(store: &impl Store) {
    let target = Target::start().await;
    let (web, _worker) = one_slot(store, "127.0.0.0/8").await;
    let add = async |path: &str, status: u16, every: &str| {
        target.on(path, Answer::status(status).header("retry-after", "2"));
        let retry = json!({"attempts": 2, "backoff": "100ms"});
        web.add(json!({"url": target.url(path), "every": every, "active": true, "retry": retry})).await.0
    };
    let endpoints = [(503, add("/503", 503, "8s").await), (429, add("/429", 429, "8s").await)];
    let failing = add("/500", 500, "1s").await;
    for (status, endpoint) in endpoints {
        let runs = web.runs(&endpoint, 3).await;
        let calls = target.calls(&format!("/{status}"));
        let pause = calls[1].start - calls[0].end.unwrap();
        assert!(pause >= Duration::from_secs(2), "{status}: called again after {pause:?}");
        assert!(pause < Duration::from_secs(2) + SLACK, "{status}: called again after {pause:?}");
        let attempts: Vec<&Value> = runs.iter().take(3).map(|run| &run["attempt"]).collect();
        assert_eq!(attempts, [1, 2, 1], "two attempts, then it is the turn of the next occurrence");
        assert!(runs.iter().all(|run| run["status"] == status && run["outcome"] == "failed"), "{runs:?}");
    }
    // What is not temporary is not tried again.
    let runs = web.runs(&failing, 3).await;
    assert!(runs.iter().all(|run| run["attempt"] == 1), "{runs:?}");
}

async fn the_first_two_lines_of_an_answer_are_kept(store: &impl Store) {
    let target = Target::start().await;
    let (web, _worker) = one_slot(store, "127.0.0.0/8").await;
    let (long, clipped) = ("ä".repeat(300), "ä".repeat(200));
    let cases = [
        ("/lines", "\r\n\n  one  \n\n two\nthree", "one\ntwo"),
        ("/long", &*long, &*clipped),
        ("/script", "<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("/dollar", "$period {\"$ne\": null}", "$period {\"$ne\": null}"),
        ("/control", "a\u{1b}[31m\u{202e}b", "a\u{fffd}[31m\u{fffd}b"),
        ("/empty", "", ""),
    ];
    for (path, body, message) in cases {
        target.on(path, Answer::ok().body(body.to_owned()));
        let endpoint = web.add_on_demand(&target.url(path), &json!({})).await;
        web.call_now(&endpoint).await;
        let run = web.runs(&endpoint, 1).await.remove(0);
        assert_eq!((&run["outcome"], run["message"].as_str()), (&json!("ok"), Some(message)), "{path}");
        let page = web.get(endpoint.strip_prefix("/api").unwrap()).await;
        assert!(page.text.contains(&escaped(message)) && !page.text.contains("<script>"), "{}", page.text);
    }
}

async fn the_endpoint_says_what_is_a_success(store: &impl Store) {
    let target = Target::start().await;
    let (web, _worker) = one_slot(store, "127.0.0.0/8").await;
    let cases = [
        (404, "200-299, 404", "ok"),
        (404, "200-299", "failed"),
        (200, "201, 204", "failed"),
        (302, "302", "ok"),
        (302, "200", "redirect_not_followed"),
        (304, "200", "failed"),
        (304, "304", "ok"),
    ];
    for (n, (status, success, outcome)) in cases.into_iter().enumerate() {
        let path = format!("/{n}");
        target.on(&path, Answer::status(status).header("location", "/elsewhere"));
        let endpoint = web.add_on_demand(&target.url(&path), &json!({"success": success})).await;
        web.call_now(&endpoint).await;
        let run = web.runs(&endpoint, 1).await.remove(0);
        assert_eq!((&run["outcome"], &run["status"]), (&json!(outcome), &json!(status)), "{success}: {run}");
        let endpoint = web.get(&endpoint).await.value();
        let ok = u64::from(outcome == "ok");
        assert_eq!((&endpoint["counters"]["ok"], endpoint["last_ok"].is_string()), (&json!(ok), ok == 1), "{endpoint}");
    }
    assert_eq!(target.calls("/elsewhere").len(), 0);
}
