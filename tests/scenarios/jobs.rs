//! One-off jobs by the API, on both stores: asked for, called, retried, cancelled, listed. Many at once are in
//! `jobs_many`.

use std::collections::HashSet;
use std::time::Duration;

use futures::future::join_all;
use naptime_core::Time;
use naptime_tests::eventually;
use naptime_tests::naptime::Start;
use naptime_tests::target::{Answer, Misbehaving, Signal, Target};
use reqwest::Method;
use serde_json::{Value, json};

use super::web::{Reply, SOON, Web, check_times, on_both_stores, send};

on_both_stores!(
    a_job_is_called_once,
    jobs_and_endpoints_are_kept_apart,
    a_503_is_tried_again_until_it_goes_well,
    what_is_temporary_ends_after_five_retries,
    anything_else_fails_for_good,
    what_counts_as_success_can_be_set,
    what_never_left_is_tried_again,
    a_timeout_is_tried_again,
    a_key_is_called_once_however_often_it_is_sent,
    a_job_waits_until_its_time,
    a_cancelled_job_is_not_called,
    an_attempt_is_in_the_log_from_its_start,
    bad_input_is_named_and_adds_nothing,
);

impl Web {
    /// Asks for a job, and returns its path in the API and what it is like.
    pub(crate) async fn enqueue(&self, job: Value) -> (String, Value) {
        let reply = self.post("/api/jobs", &job).await;
        assert_eq!(reply.status, 202, "{}", reply.text);
        (reply.header("location").to_owned(), reply.value())
    }

    /// The job, once it is in this state.
    pub(crate) async fn job_is(&self, path: &str, state: &str) -> Value {
        eventually(SOON, &format!("{path} is {state}"), async || {
            Some(self.get(path).await.value()).filter(|job| job["state"] == state)
        })
        .await
    }

    pub(crate) async fn do_post(&self, path: &str) -> Reply {
        send(self.request(Method::POST, path)).await
    }
}

/// Pauses between attempts that a test can wait for.
fn impatient() -> Value {
    json!({"backoff": "100ms"})
}

async fn a_job_is_called_once(start: Start) {
    let target = Target::start().await;
    target.on("/a", Answer::ok().body("one\ntwo\nthree"));
    let web = Web::start(start).await;
    let asked = json!({
        "url": target.url("/a?b=c"), "method": "post", "body": "hello", "headers": {"X-A": "1", "Cookie": "secret"},
        "name": "Mail", "tags": ["night"],
    });
    let (path, added) = web.enqueue(asked).await;
    check_times(&added);
    let expected = json!({
        "id": added["id"], "state": "waiting", "url": target.url("/a?b=c"), "pool": target.url(""), "channel": "/a?b=c",
        "method": "POST", "at": added["at"], "next_at": added["created_at"], "attempt": 0, "last": null, "key": null,
        "name": "Mail", "tags": ["night"], "rev": 1, "created_at": added["created_at"], "ended_at": null,
        "cancelled_at": null, "headers": [["X-A", "1"], ["Cookie", "••••"]], "body": "hello", "secret": false, "sign": [], "timeout": "1m",
        "retry": {"attempts": 6, "backoff": "2s", "on": "503, timeout, unreachable"}, "success": "200-299", "lease": "15s",
        "held_by": null, "expect": [], "keep": "failures",
    });
    assert_eq!(added, expected);
    assert_eq!(path, format!("/api/jobs/{}", added["id"].as_str().unwrap()));
    let done = web.job_is(&path, "done").await;
    check_times(&done);
    assert_eq!((&done["last"]["outcome"], &done["last"]["status"]), (&json!("ok"), &json!(200)));
    assert!(done["ended_at"].is_string() && done["next_at"].is_null(), "{done}");
    let runs = web.runs(&path, 1).await;
    assert_eq!((&runs[0]["message"], &runs[0]["attempt"]), (&json!("one\ntwo"), &json!(1)), "its first two lines");
    let calls = target.all_calls();
    assert_eq!(calls.len(), 1);
    assert_eq!((&*calls[0].method, &calls[0].body[..], &*calls[0].uri), ("POST", &b"hello"[..], "/a?b=c"));
    assert_eq!((calls[0].header("x-a"), calls[0].header("cookie")), (Some("1"), Some("secret")));
    // Once more, because somebody says so.
    let again = web.do_post(&format!("{path}/retry")).await;
    assert_eq!((again.status, again.header("etag")), (202, "\"2\""));
    target.wait_for(SOON, "the second call", |calls| calls.len() == 2).await;
    web.runs(&path, 2).await;
}

async fn jobs_and_endpoints_are_kept_apart(start: Start) {
    let web = Web::start(start).await;
    let (job, _) = web.enqueue(json!({"url": "http://127.0.0.1:9/job", "in": "1d"})).await;
    let (endpoint, _) = web.add(json!({"url": "http://127.0.0.1:9/endpoint", "every": "1d"})).await;
    assert_eq!(web.items("/api/endpoints").await.len(), 1);
    assert_eq!(web.items("/api/jobs").await.len(), 1);
    let as_endpoint = job.replace("/jobs/", "/endpoints/");
    web.get(&as_endpoint).await.is_problem(404, "not_found", "id");
    web.get(&format!("{as_endpoint}/runs")).await.is_problem(404, "not_found", "id");
    web.patch(&as_endpoint, &json!({"name": "x"})).await.is_problem(404, "not_found", "id");
    web.delete(&as_endpoint).await.is_problem(404, "not_found", "id");
    for what in ["call", "restore"] {
        web.do_post(&format!("{as_endpoint}/{what}")).await.is_problem(404, "not_found", "id");
    }
    let as_job = endpoint.replace("/endpoints/", "/jobs/");
    web.get(&as_job).await.is_problem(404, "not_found", "id");
    web.get(&format!("{as_job}/runs")).await.is_problem(404, "not_found", "id");
    web.delete(&as_job).await.is_problem(404, "not_found", "id");
    web.do_post(&format!("{as_job}/retry")).await.is_problem(404, "not_found", "id");
    for path in [as_endpoint, as_job] {
        assert_eq!(web.get(path.strip_prefix("/api").unwrap()).await.status, 404, "the pages as well");
    }
    assert_eq!((&web.get(&job).await.value()["state"], web.get(&endpoint).await.status), (&json!("waiting"), 200));
}

async fn a_503_is_tried_again_until_it_goes_well(start: Start) {
    let target = Target::start().await;
    target.on("/", Answer::status(503).body("later"));
    let web = Web::start(start).await;
    let (path, _) = web.enqueue(json!({"url": target.url("/"), "retry": {"backoff": "500ms"}})).await;
    target.wait_for(SOON, "three attempts", |calls| calls.len() >= 3).await;
    target.on("/", Answer::ok());
    web.job_is(&path, "done").await;
    let runs = web.runs(&path, 4).await;
    for (n, run) in runs.iter().enumerate() {
        let status = if n + 1 == runs.len() { 200 } else { 503 };
        assert_eq!((&run["attempt"], &run["status"]), (&json!(n + 1), &json!(status)), "{runs:?}");
    }
    let keys: HashSet<_> =
        target.all_calls().iter().map(|call| call.header("idempotency-key").map(str::to_owned)).collect();
    assert_eq!(keys.len(), 1, "for the target they are one: {keys:?}");
}

async fn what_is_temporary_ends_after_five_retries(start: Start) {
    let target = Target::start().await;
    target.on("/", Answer::status(503));
    let web = Web::start(start).await;
    let (path, _) = web.enqueue(json!({"url": target.url("/"), "retry": impatient()})).await;
    let (once, _) = web.enqueue(json!({"url": target.url("/"), "retry": {"attempts": 1}})).await;
    let failed = web.job_is(&path, "failed").await;
    assert_eq!(failed["last"]["status"], 503);
    assert_eq!(web.runs(&path, 6).await.len(), 6);
    web.job_is(&once, "failed").await;
    assert_eq!(web.runs(&once, 1).await.len(), 1);
    assert_eq!(target.count(), 7);
}

async fn anything_else_fails_for_good(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    for status in [404, 429, 500, 302] {
        let at = format!("/{status}");
        target.on(&at, Answer::status(status));
        let (path, _) = web.enqueue(json!({"url": target.url(&at), "retry": impatient()})).await;
        let failed = web.job_is(&path, "failed").await;
        assert_eq!(failed["last"]["status"], status);
        assert_eq!((web.runs(&path, 1).await.len(), target.calls(&at).len()), (1, 1), "{status}");
    }
    // Nobody knows whether it was acted on.
    let cutting = Misbehaving::resetting().await;
    let (path, _) = web.enqueue(json!({"url": cutting.url("/"), "retry": impatient()})).await;
    assert_eq!(web.job_is(&path, "failed").await["last"]["outcome"], "connection_reset");
    assert_eq!(web.runs(&path, 1).await.len(), 1);
    // It can be retried once what was wrong is mended.
    target.on("/500", Answer::ok());
    let failed = web.items("/api/jobs?state=failed&q=/500").await;
    let path = format!("/api/jobs/{}", failed[0]["id"].as_str().unwrap());
    assert_eq!(web.do_post(&format!("{path}/retry")).await.status, 202);
    web.job_is(&path, "done").await;
    web.do_post(&format!("{path}/cancel")).await.is_problem(404, "not_found", "");
    web.delete(&path).await.is_problem(409, "wrong_state", "state");
}

async fn what_never_left_is_tried_again(start: Start) {
    let web = Web::start(start).await;
    let bad_tls = Misbehaving::bad_tls().await;
    let cases = [
        ("http://127.0.0.1:9/".to_owned(), "connection_refused"),
        ("http://nowhere.invalid/".to_owned(), "dns_not_found"),
        (bad_tls.url("/"), "tls"),
    ];
    for (url, outcome) in cases {
        let retry = json!({"attempts": 3, "backoff": "100ms"});
        let (path, _) = web.enqueue(json!({"url": url, "retry": retry})).await;
        assert_eq!(web.job_is(&path, "failed").await["last"]["outcome"], outcome);
        assert_eq!(web.runs(&path, 3).await.len(), 3, "{outcome}");
    }
}

async fn what_counts_as_success_can_be_set(start: Start) {
    let target = Target::start().await;
    target.on("/404", Answer::status(404));
    target.on("/204", Answer::status(204));
    target.on("/500", Answer::status(500));
    let web = Web::start(start).await;
    let enqueue = async |at: &str, more: Value| {
        let mut job = json!({"url": target.url(at)});
        job.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        web.enqueue(job).await.0
    };
    let gone = enqueue("/404", json!({"success": "200-299, 404"})).await;
    let strict = enqueue("/204", json!({"success": "200"})).await;
    let again = enqueue("/500", json!({"retry": {"attempts": 3, "backoff": "100ms", "on": "500-599"}})).await;
    web.job_is(&gone, "done").await;
    web.job_is(&strict, "failed").await;
    web.job_is(&again, "failed").await;
    assert_eq!(web.runs(&again, 3).await.len(), 3);
}

async fn a_timeout_is_tried_again(start: Start) {
    let target = Target::start().await;
    target.on("/", Answer::never());
    let web = Web::start(start).await;
    let (path, _) = web.enqueue(json!({"url": target.url("/"), "timeout": "1s", "retry": impatient()})).await;
    target.wait_for(SOON, "a second attempt", |calls| calls.len() >= 2).await;
    target.on("/", Answer::ok());
    web.job_is(&path, "done").await;
    let outcomes: Vec<Value> = web.runs(&path, 3).await.iter().map(|run| run["outcome"].clone()).collect();
    let (last, before) = outcomes.split_last().unwrap();
    assert!(last == "ok" && before.iter().all(|outcome| outcome == "timeout"), "{outcomes:?}");
}

async fn a_key_is_called_once_however_often_it_is_sent(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    let job = json!({"url": target.url("/"), "key": "$invoice 7"});
    let replies = join_all((0..8).map(|_| web.post("/api/jobs", &job))).await;
    let new = replies.iter().filter(|reply| reply.status == 202).count();
    let known = replies.iter().filter(|reply| reply.status == 200 && reply.value()["note"].is_string()).count();
    assert_eq!((new, known), (1, 7), "{replies:?}");
    let paths: HashSet<&str> = replies.iter().map(|reply| reply.header("location")).collect();
    let [path] = paths.into_iter().collect::<Vec<_>>()[..] else { panic!("they name one job: {replies:?}") };
    let done = web.job_is(path, "done").await;
    let again = web.post("/api/jobs", &job).await;
    assert_eq!((again.status, &again.value()["id"]), (200, &done["id"]), "even when it is done");
    // One that was added after them is called after them.
    let (after, _) = web.enqueue(json!({"url": target.url("/after")})).await;
    web.job_is(&after, "done").await;
    assert_eq!(target.calls("/").len(), 1);
}

async fn a_job_waits_until_its_time(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    let (path, waiting) = web.enqueue(json!({"url": target.url("/in"), "in": "10s"})).await;
    assert_eq!((&waiting["state"], &waiting["next_at"]), (&json!("waiting"), &waiting["at"]));
    let at: Time = waiting["at"].as_str().unwrap().parse().unwrap();
    let (_, exact) =
        web.enqueue(json!({"url": target.url("/at"), "at": (at + Duration::from_millis(1)).to_string()})).await;
    assert!(exact["note"].is_null(), "{exact}");
    let (past, now) = web.enqueue(json!({"url": target.url("/past"), "at": "2020-01-31T09:00:00+01:00"})).await;
    assert_eq!(
        (&now["note"], &now["at"]),
        (&json!("`at` is over, so the job is called now"), &json!("2020-01-31T08:00:00.000Z"))
    );
    web.job_is(&past, "done").await;
    web.job_is(&path, "done").await;
    target.wait_for(SOON, "the other", |calls| calls.len() == 3).await;
    for call in target.calls("/in").iter().chain(&target.calls("/at")) {
        let early = at.millis() as f64 - call.start_ms;
        assert!(early <= 0.0, "called {early} ms early");
    }
}

async fn a_cancelled_job_is_not_called(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    let (path, added) = web.enqueue(json!({"url": target.url("/cancelled"), "in": "5s", "key": "k"})).await;
    let stale = send(web.request(Method::DELETE, &path).header("if-match", "\"7\"")).await;
    stale.is_problem(409, "stale", "If-Match");
    let cancel = send(web.request(Method::DELETE, &path).header("if-match", "\"1\"")).await;
    assert_eq!((cancel.status, &*cancel.text), (204, ""));
    let cancelled = web.get(&path).await.value();
    assert!(cancelled["state"] == "cancelled" && cancelled["cancelled_at"].is_string(), "{cancelled}");
    web.delete(&path).await.is_problem(409, "cancelled", "");
    web.do_post(&format!("{path}/retry")).await.is_problem(409, "cancelled", "");
    // Its key is free again, and this one is called.
    let at = &added["at"];
    let (other, second) = web.enqueue(json!({"url": target.url("/other"), "at": at, "key": "k"})).await;
    assert_ne!(second["id"], added["id"]);
    web.job_is(&other, "done").await;
    // What came later at the same time has been called.
    let (last, _) = web.enqueue(json!({"url": target.url("/last")})).await;
    web.job_is(&last, "done").await;
    assert_eq!(target.calls("/cancelled").len(), 0);
    assert_eq!(web.items(&format!("{path}/runs")).await, [] as [Value; 0]);
}

async fn an_attempt_is_in_the_log_from_its_start(start: Start) {
    let target = Target::start().await;
    let cancelled = Signal::default();
    target.on("/", Answer::ok().upon(&cancelled));
    let web = Web::start(start).await;
    let (path, _) = web.enqueue(json!({"url": target.url("/")})).await;
    let running = web.job_is(&path, "running").await;
    let entry = eventually(SOON, "the start is in the log", async || {
        web.items(&format!("{path}/runs")).await.into_iter().next()
    })
    .await;
    assert_eq!((&entry["finished"], &entry["outcome"]), (&Value::Null, &Value::Null), "{entry}");
    assert!(entry["started"].is_string() && entry["worker"] == running["held_by"], "{entry}");
    check_times(&entry);
    // To cancel it does not cut the call off.
    assert_eq!(web.delete(&path).await.status, 204);
    cancelled.send();
    let ended = eventually(SOON, "its end is in the log", async || {
        let runs = web.items(&format!("{path}/runs")).await;
        assert_eq!(runs.len(), 1, "one entry for one attempt: {runs:?}");
        runs.into_iter().find(|run| run["finished"].is_string())
    })
    .await;
    assert_eq!(ended["outcome"], "ok");
    // While it is under way, what is known is when it was to leave.
    let [told, left] = [&entry, &ended].map(|entry| entry["started"].as_str().unwrap().parse::<Time>().unwrap());
    assert!(told <= left && left.since(told) < SOON, "{told}, {left}");
    assert_eq!(web.get(&path).await.value()["state"], "cancelled");
}

async fn bad_input_is_named_and_adds_nothing(start: Start) {
    let web = Web::start(start).await;
    let url = "http://127.0.0.1:9/";
    let cases = [
        (json!({}), 422, "missing", "url"),
        (json!({"url": "http://10.0.0.1/"}), 422, "blocked_address", "url"),
        (json!({"url": url, "at": "tomorrow"}), 422, "not_a_time", "at"),
        (json!({"url": url, "at": "2126-01-01T00:00:00Z"}), 422, "out_of_range", "at"),
        (json!({"url": url, "in": "4000 days"}), 422, "out_of_range", "in"),
        (json!({"url": url, "in": "-5s"}), 422, "not_a_duration", "in"),
        (json!({"url": url, "in": "5s", "at": "2030-01-01T00:00:00Z"}), 422, "both", "at"),
        (json!({"url": url, "at": 5}), 422, "wrong_type", "at"),
        (json!({"url": url, "key": ""}), 422, "empty", "key"),
        (json!({"url": url, "key": " "}), 422, "empty", "key"),
        (json!({"url": url, "key": "x".repeat(201)}), 422, "too_long", "key"),
        (json!({"url": url, "key": {"$ne": null}}), 422, "wrong_type", "key"),
        (json!({"url": url, "every": "5m"}), 422, "unknown_field", "every"),
        (json!({"url": url, "sla": "5m"}), 422, "unknown_field", "sla"),
        (json!({"url": url, "timeout": "6m"}), 422, "out_of_range", "timeout"),
        (json!({"url": url, "retry": {"attempts": 0}}), 422, "out_of_range", "retry.attempts"),
        (json!({"url": url, "success": "2xx"}), 422, "bad_status", "success"),
        (json!({"url": url, "lease": "1s"}), 422, "out_of_range", "lease"),
        (json!({"url": url, "headers": {"Cookie": "••••"}}), 422, "masked", "headers"),
        (json!("x"), 422, "wrong_type", ""),
    ];
    for (job, status, code, field) in cases {
        let reply = web.post("/api/jobs", &job).await;
        assert_eq!(reply.problem(), (status, code.to_owned(), field.to_owned()), "{job}: {}", reply.text);
    }
    web.json(Method::POST, "/api/jobs", "{\"url\": 1, \"url\": 2}").await.is_problem(400, "duplicate_key", "");
    web.json(Method::POST, "/api/jobs", "x".repeat(33 << 20)).await.is_problem(413, "too_large", "body");
    let form = send(web.request(Method::POST, "/api/jobs").body("url=x")).await;
    form.is_problem(415, "not_json", "Content-Type");
    web.get("/api/jobs/7").await.is_problem(400, "not_an_id", "id");
    web.get("/api/jobs/00000000-0000-0000-0000-000000000000").await.is_problem(404, "not_found", "id");
    web.get("/api/jobs?state=lost").await.is_problem(400, "unknown_state", "state");
    web.get("/api/jobs?cursor=x").await.is_problem(400, "bad_cursor", "cursor");
    web.get("/api/jobs?limit=501").await.is_problem(400, "out_of_range", "limit");
    assert_eq!(web.get("/jobs?state=lost").await.status, 400);
    assert_eq!(web.get("/jobs/7").await.status, 404);
    assert_eq!(web.get("/jobs/bulk/retry").await.status, 400, "which of them?");
    assert_eq!(web.items("/api/jobs").await, [] as [Value; 0]);
}
