//! An ordinary nginx in front of a target: TLS, HTTP/2, a connection ended in good order after every 1,000 requests and
//! at every reload. No job may be lost by that, nor called twice.

use std::collections::HashMap;
use std::time::Duration;

use naptime_tests::eventually;
use naptime_tests::naptime::Start;
use naptime_tests::nginx::Nginx;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::json;

use super::web::{SOON, Web, on_both_stores, send};

on_both_stores!(a_burst_through_nginx_with_reloads_is_done_and_each_job_once);

/// The jobs in the burst, unless `NAPTIME_TEST_NGINX_JOBS` says otherwise.
const JOBS: usize = 3_000;
/// How many go in one request to the API, so that even a busy machine answers it in time.
const BATCH: usize = 500;
/// More than nginx takes at a time on a connection, and more than the jobs to one pool may hold while others wait.
const CAPACITY: &str = "300";

async fn a_burst_through_nginx_with_reloads_is_done_and_each_job_once(start: Start) {
    let jobs = std::env::var("NAPTIME_TEST_NGINX_JOBS").map_or(JOBS, |jobs| jobs.parse().unwrap());
    // 100 calls a second are far below what the busiest machine makes.
    let long = SOON + Duration::from_secs(jobs as u64 / 100);
    let nginx = Nginx::start().await;
    let start = start.env("SSL_CERT_FILE", nginx.certificate().to_str().unwrap());
    let start = start.env("WORKER_MAX_CAPACITY", CAPACITY).env("WEB_WORKER_MAX_CAPACITY", CAPACITY);
    let web = Web::start(start).await;
    let lines: Vec<String> =
        (0..jobs).map(|n| json!({"url": nginx.url(&format!("/{n}")), "method": "POST"}).to_string()).collect();
    for batch in lines.chunks(BATCH) {
        let request = web.request(Method::POST, "/api/jobs").header(CONTENT_TYPE, "application/x-ndjson");
        let reply = send(request.body(batch.join("\n"))).await;
        assert_eq!((reply.status, &reply.value()["refused"]), (207, &json!(0)), "{}", reply.text);
    }
    for part in [1, 2] {
        let what = format!("nginx served {part} of 3 parts");
        eventually(long, &what, async || (nginx.count() >= jobs * part / 3).then_some(())).await;
        nginx.reload();
    }
    eventually(long, "no job waits any more", async || {
        web.items("/api/jobs?state=waiting,running,retrying&limit=1").await.is_empty().then_some(())
    })
    .await;
    assert_eq!(web.items("/api/jobs?state=failed&limit=10").await, Vec::<serde_json::Value>::new());

    let served = nginx.served();
    assert!(served.iter().all(|call| call.protocol == "HTTP/2.0"), "{:?}", served[0]);
    let mut times: HashMap<&str, usize> = HashMap::new();
    for call in served.iter().filter(|call| call.status == 200) {
        *times.entry(&call.key).or_default() += 1;
    }
    assert_eq!(times.len(), jobs, "each was served");
    for (key, times) in times.iter().filter(|(_, times)| **times > 1) {
        // The key begins with the job's id. A job may have been called more often only if it was tried again.
        let runs = web.items(&format!("/api/jobs/{}/runs", &key[..36])).await;
        assert_eq!(runs.len(), *times, "{key}: {runs:?}");
    }
}
