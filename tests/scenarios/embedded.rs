//! `naptime up` on its embedded file: `kill -9`, load, and the same command on MongoDB.
//!
//! The tests read and edit the file beside the running process, as another process may.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use naptime_core::{Job, Outcome};
use naptime_sqlite::{Options, SqliteStore};
use naptime_store::{JobQuery, Jobs, PageRef};
use naptime_tests::mongo;
use naptime_tests::naptime::Naptime;
use naptime_tests::sqlite::File;
use naptime_tests::target::{Answer, Call, Target};
use naptime_tests::{eventually, http};
use serde_json::{Value, json};

use super::ground::{add, add_all, by_occurrence, due, every, occurrences, runs};

const SECOND: Duration = Duration::from_secs(1);
const LEASE: Duration = naptime_core::state::LEASE;
/// For what comes soon on an idle machine, and later on a busy one.
const SOON: Duration = Duration::from_secs(30);

fn beside(file: &File) -> SqliteStore {
    SqliteStore::open(file.path(), Options::default()).unwrap()
}

/// `count` jobs that call `/0`, `/1`, ... every second.
async fn add_many(store: &SqliteStore, target: &Target, count: usize) -> Vec<Job> {
    let jobs = (0..count).map(|n| every(SECOND, &target.url(&format!("/{n}")))).collect();
    add_all(store, jobs).await
}

fn paths(calls: &[Call]) -> usize {
    calls.iter().map(Call::path).collect::<HashSet<_>>().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_being_called_at_kill_9_is_called_again_at_once() {
    let file = File::fresh();
    let target = Target::start().await;
    target.on("/", Answer::never());
    let up = Naptime::up(&file).start().await;
    let store = beside(&file);
    let job = add(&store, every(2 * SECOND, &target.url("/"))).await;
    target.wait_for(SOON, "the first call", |calls| calls.len() == 1).await;

    up.kill9();
    target.on("/", Answer::ok());
    let up = Naptime::up(&file).start().await;
    target.wait_for(LEASE + SOON, "the second call", |calls| calls.len() >= 2).await;
    let calls = target.calls("/");
    let after = calls[1].start - calls[0].start;
    assert!(after < LEASE - 2 * SECOND, "called again after {after:?}, as if a dead process's lease had to end");
    assert_eq!(due(&calls[0]), due(&calls[1]));
    assert_eq!(calls[0].header("Idempotency-Key"), calls[1].header("Idempotency-Key"));

    target.wait_for(SOON, "it goes on", |calls| calls.len() >= 4).await;
    up.sigterm();
    assert!(up.wait_exit(SOON).await.success());
    let runs = runs(&store, job.id).await;
    let lost = &runs[0];
    assert_eq!((lost.outcome, lost.due.millis()), (Outcome::Lost, due(&calls[0])));
    assert_eq!(runs[1].due, lost.due);
    assert!(runs[1..].iter().all(|run| run.outcome == Outcome::Ok), "{runs:?}");
    assert_eq!(runs.len(), target.count(), "each call has its run");
    let now = store.get(job.id).await.unwrap();
    let counters = now.state.counters;
    assert_eq!(counters.settled + counters.missed, occurrences(&job, &now), "{counters:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_outlasts_kill_9_under_load() {
    let file = File::fresh();
    let target = Target::start().await;
    let store = beside(&file);
    let first = add_many(&store, &target, 50).await;
    for _ in 0..3 {
        let up = Naptime::up(&file).start().await;
        let known = target.count();
        target.wait_for(SOON, "calls go on", |calls| calls.len() >= known + 120).await;
        up.kill9();
    }
    let known = target.count();
    let up = Naptime::up(&file).start().await;
    target.wait_for(SOON, "all are called again", |calls| paths(&calls[known..]) == 50).await;
    up.sigterm();
    assert!(up.wait_exit(SOON).await.success());

    let listed = store.list(&JobQuery::default(), &PageRef::first(100)).await.unwrap();
    assert_eq!(listed.items.len(), 50);
    let calls = target.all_calls();
    let by_key = by_occurrence(&calls);
    for first in &first {
        let now = store.get(first.id).await.unwrap();
        let counters = now.state.counters;
        assert_eq!(counters.settled + counters.missed, occurrences(first, &now), "{counters:?}");
        assert_eq!(now.state.lock(), None);
        let mut recorded: HashMap<i64, (usize, usize)> = HashMap::new();
        for run in runs(&store, first.id).await {
            let (called, lost) = recorded.entry(run.due.millis()).or_default();
            *(if run.outcome == Outcome::Lost { lost } else { called }) += 1;
        }
        for (key, calls) in by_key.iter().filter(|(key, _)| key.starts_with(&first.id.to_string())) {
            let (called, lost) = recorded.get(&due(calls[0])).copied().unwrap_or_default();
            // Whether a lost claim's call had left is not known.
            let expected = called..=called + lost;
            assert!(expected.contains(&calls.len()), "{key}: {} calls, runs: {expected:?}", calls.len());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_endpoints_every_second_are_called_in_time_and_once() {
    let file = File::fresh();
    let target = Target::start().await;
    let store = beside(&file);
    let up = Naptime::up(&file).start().await;
    let first = add_many(&store, &target, 200).await;
    target.wait_for(2 * SOON, "ten seconds of calls", |calls| calls.len() >= 2_000).await;
    up.sigterm();
    assert!(up.wait_exit(SOON).await.success());

    let calls = target.all_calls();
    assert_eq!(paths(&calls), 200);
    for call in &calls {
        // Their clock runs steadily from the wall time at its start; ours may be set a little meanwhile.
        let lag = call.start_ms - due(call) as f64;
        assert!(lag > -5.0, "{} was called {} ms early", call.uri, -lag);
    }
    for (occurrence, calls) in by_occurrence(&calls) {
        assert_eq!(calls.len(), 1, "{occurrence} was called more than once");
    }
    for first in &first {
        let now = store.get(first.id).await.unwrap();
        let counters = now.state.counters;
        assert_eq!(counters.settled + counters.missed, occurrences(first, &now), "{counters:?}");
        assert_eq!(now.state.lock(), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn up_is_web_and_worker_on_mongodb_too() {
    let database = mongo::fresh_database().await;
    let target = Target::start().await;
    let client = http::client();
    // Unlike the file, a MongoDB may have several of them.
    let ups = [Naptime::up(&database).start().await, Naptime::up(&database).start().await];
    let body = json!({"url": target.url("/"), "every": "1s", "active": true}).to_string();
    let request = client.post(ups[0].url("/api/endpoints")).header("content-type", "application/json").body(body);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 201);
    let added: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    target.wait_for(SOON, "calls", |calls| calls.len() >= 3).await;
    let runs = ups[1].url(&format!("/api/endpoints/{}/runs", added["id"].as_str().unwrap()));
    eventually(SOON, "the other one shows the runs", async || {
        let answer = client.get(&runs).send().await.ok()?.text().await.ok()?;
        let runs: Value = serde_json::from_str(&answer).ok()?;
        (runs["items"].as_array()?.len() >= 3).then_some(())
    })
    .await;
    for up in &ups {
        up.sigterm();
        assert!(up.wait_exit(SOON).await.success());
    }
}
