//! Many one-off jobs in one request, on both stores: asked for, retried, cancelled.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use naptime_tests::eventually;
use naptime_tests::naptime::Start;
use naptime_tests::target::{Answer, Target};
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::web::{Reply, SOON, Web, on_both_stores, send};

on_both_stores!(
    all_that_match_are_retried_or_cancelled,
    each_line_is_answered_on_its_own,
    ten_thousand_are_added_in_one_request,
    many_lines_with_the_key_of_a_large_job_take_little_memory,
);

async fn send_lines(web: &Web, lines: String) -> Reply {
    // A program that is not optimized takes seconds for ten thousand.
    let request = web.request(Method::POST, "/api/jobs").timeout(Duration::from_secs(120));
    send(request.header(CONTENT_TYPE, "application/x-ndjson").body(lines)).await
}

async fn all_that_match_are_retried_or_cancelled(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    target.on("/a", Answer::status(500));
    target.on("/b", Answer::status(500));
    let jobs: Vec<Value> = (0..30).map(|n| json!({"url": target.url(if n % 3 == 0 { "/a" } else { "/b" })})).collect();
    assert_eq!(web.post("/api/jobs", &json!(jobs)).await.status, 207);
    eventually(SOON, "all have failed", async || {
        Some(web.items("/api/jobs?state=failed&limit=100").await).filter(|jobs| jobs.len() == 30)
    })
    .await;
    target.on("/a", Answer::ok());
    for path in
        ["/api/jobs/retry", "/api/jobs/cancel", "/api/jobs/retry?state=failed,waiting", "/api/jobs/cancel?state=done"]
    {
        web.do_post(path).await.is_problem(400, "wrong_state", "state");
    }
    web.do_post("/api/jobs/retry?state=lost").await.is_problem(400, "unknown_state", "state");
    web.do_post("/api/jobs/retry?state=failed&url=x").await.is_problem(400, "unknown_parameter", "url");
    let none = web.do_post("/api/jobs/retry?state=failed&q=nothing").await;
    assert_eq!(none.value(), json!({"count": 0, "more": false}));
    let retried = web.do_post("/api/jobs/retry?state=failed&q=/a").await;
    assert_eq!((retried.status, retried.value()), (200, json!({"count": 10, "more": false})));
    eventually(SOON, "those are done", async || {
        Some(web.items("/api/jobs?state=done&limit=100").await).filter(|jobs| jobs.len() == 10)
    })
    .await;
    assert_eq!((target.calls("/a").len(), target.calls("/b").len()), (20, 20));

    let later: Vec<Value> = (0..5).map(|n| json!({"url": target.url(&format!("/{n}")), "in": "1d"})).collect();
    web.post("/api/jobs", &json!(later)).await;
    let cancelled = web.do_post("/api/jobs/cancel?state=waiting,retrying&q=/3").await;
    assert_eq!(cancelled.value(), json!({"count": 1, "more": false}));
    assert_eq!(web.items("/api/jobs?state=waiting").await.len(), 4);
    assert_eq!(web.items("/api/jobs?state=cancelled").await.len(), 1);
    assert_eq!(web.items("/api/jobs?state=cancelled,done&limit=500").await.len(), 11);
}

async fn each_line_is_answered_on_its_own(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    let good = |path: &str| json!({"url": target.url(path), "key": path}).to_string();
    let lines = [
        good("/1"),
        String::new(),
        "{\"url\": ".to_owned(),
        json!({"url": "nowhere"}).to_string(),
        good("/1"),
        json!({"url": target.url("/2"), "at": "2001-01-01T00:00:00Z"}).to_string(),
        "7".to_owned(),
        json!({"url": target.url("/3"), "body": "x".repeat(300_000)}).to_string(),
        "x".repeat(1_100_000),
        good("/4"),
    ];
    let reply = send_lines(&web, lines.join("\r\n")).await;
    assert_eq!(reply.status, 207, "{}", reply.text);
    let answer = reply.value();
    assert_eq!((&answer["added"], &answer["existing"], &answer["refused"]), (&json!(3), &json!(1), &json!(5)));
    let items = answer["items"].as_array().unwrap();
    let told: Vec<_> =
        items.iter().map(|item| (item["line"].as_u64().unwrap(), item["error"]["code"].as_str())).collect();
    let expect = [
        (1, None),
        (3, Some("bad_json")),
        (4, Some("no_scheme")),
        (5, None),
        (6, None),
        (7, Some("wrong_type")),
        (8, Some("too_long")),
        (9, Some("too_large")),
        (10, None),
    ];
    assert_eq!(told, expect, "{answer}");
    assert_eq!((items[0]["id"].as_str(), &items[3]["existing"]), (items[3]["id"].as_str(), &json!(true)));
    assert!(items[4]["note"].is_string() && items[0]["note"].is_null(), "{answer}");
    target.wait_for(SOON, "what was good is called", |calls| calls.len() >= 3).await;
    eventually(SOON, "all are done", async || {
        Some(web.items("/api/jobs?state=done").await).filter(|jobs| jobs.len() == 3)
    })
    .await;
    // The same as a list.
    let list = web.post("/api/jobs", &json!([{"url": target.url("/1"), "key": "/1"}, {"every": "5m"}])).await.value();
    assert_eq!((&list["existing"], &list["refused"], &list["items"][1]["line"]), (&json!(1), &json!(1), &json!(2)));
    assert_eq!(web.post("/api/jobs", &json!([])).await.value()["items"], json!([]));
    assert_eq!(target.count(), 3);
}

async fn ten_thousand_are_added_in_one_request(start: Start) {
    const MANY: usize = 10_000;
    let web = Web::start(start).await;
    let line =
        |n: usize| json!({"url": format!("http://127.0.0.1:9/{n}"), "in": "1d", "key": n.to_string()}).to_string();
    let mut lines: Vec<String> = (0..MANY).map(line).collect();
    let begun = Instant::now();
    let reply = send_lines(&web, lines.join("\n")).await;
    eprintln!("{MANY} jobs in one request: {:?}", begun.elapsed());
    let answer = reply.value();
    assert_eq!((reply.status, &answer["added"], &answer["refused"]), (207, &json!(MANY), &json!(0)));
    let ids: HashSet<&str> =
        answer["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), MANY);
    let job = web.get(&format!("/api/jobs/{}", answer["items"][4321]["id"].as_str().unwrap())).await.value();
    assert_eq!((&job["key"], &job["channel"]), (&json!("4321"), &json!("/4321")), "in the order of the lines");
    assert!(web.get("/jobs").await.text.contains("10,000"));
    // Whoever did not hear the answer sends it again.
    let again = send_lines(&web, lines.join("\n")).await.value();
    assert_eq!((&again["added"], &again["existing"]), (&json!(0), &json!(MANY)));
    lines.push(line(MANY));
    send_lines(&web, lines.join("\n")).await.is_problem(413, "too_many", "body");
    let found = web.items("/api/jobs?q=127.0.0.1:9/9999&limit=5").await;
    assert_eq!(found.len(), 1, "one more than may be, and none is added: {found:?}");
}

async fn many_lines_with_the_key_of_a_large_job_take_little_memory(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    let large = json!({"url": target.url("/"), "in": "1h", "key": "a", "method": "post", "body": "x".repeat(250_000)});
    web.enqueue(large).await;
    let line = json!({"url": target.url("/"), "key": "a"}).to_string() + "\n";
    let reply = send_lines(&web, line.repeat(4_000)).await;
    assert_eq!((reply.status, &reply.value()["existing"]), (207, &json!(4_000)));
    // Each of them whole would be 1,000 MB.
    let status = std::fs::read_to_string(format!("/proc/{}/status", web.naptime.pid())).unwrap();
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let most: u64 = most.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(most < 600_000, "{most} kB");
}
