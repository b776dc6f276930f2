//! A clock that was wrong, and is right again: of this machine, and of a MongoDB server.

use std::fs;
use std::path::Path;
use std::time::Duration;

use naptime_core::{By, Job, Time};
use naptime_mongo::MongoStore;
use naptime_store::{Clock, Jobs};
use naptime_tests::mongo::{Database, ReplicaSet};
use naptime_tests::naptime::{Naptime, Start};
use naptime_tests::scratch::Scratch;
use naptime_tests::sqlite::File;
use naptime_tests::target::{Answer, Target};
use naptime_tests::{eventually, tools};
use serde_json::{Value, json};

use super::ground::{add, due, every, now_ms};
use super::web::Web;

const SECOND: Duration = Duration::from_secs(1);
const SOON: Duration = Duration::from_secs(60);
const HOUR_MS: i64 = 3_600_000;

/// The program with another wall clock; its monotonic clock is as ever.
fn faked(start: Start) -> Start {
    start.env("LD_PRELOAD", tools::faketime().to_str().unwrap()).env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
}

/// Waits until `/` is called for an occurrence of about now.
async fn is_called_on_time(target: &Target) {
    target
        .wait_for(SOON, "a call for an occurrence of about now", |calls| {
            calls.iter().any(|call| call.path() == "/" && (due(call) - now_ms()).abs() < HOUR_MS)
        })
        .await;
}

#[tokio::test]
async fn a_restart_with_the_clock_right_plans_anew() {
    let file = File::fresh();
    let target = Target::start().await;
    let web = Web::start(faked(Naptime::up(&file)).env("FAKETIME", "+400d")).await;
    let (every_second, _) = web.add(json!({"url": target.url("/"), "every": "1s", "active": true})).await;
    let (cron, _) = web.add(json!({"url": target.url("/cron"), "cron": "* * * * *", "active": true})).await;
    let (promised, _) = web.add(json!({"url": target.url("/sla"), "every": "1s", "sla": "5s", "active": true})).await;
    web.runs(&every_second, 3).await;
    web.runs(&promised, 3).await;
    web.naptime.sigterm();
    assert!(web.naptime.wait_exit(SOON).await.success());

    target.forget();
    target.on("/sla", Answer::status(500));
    let web = Web::start(Naptime::up(&file)).await;
    is_called_on_time(&target).await;
    web.naptime.wait_line(SOON, "it says so", |line| line.contains("the clock of the store was set back by")).await;
    let in_an_hour = Time::from_millis(now_ms() + HOUR_MS).to_string();
    for path in [&every_second, &cron] {
        let endpoint = web.get(path).await.value();
        let changes = endpoint["changes"].as_array().unwrap();
        let why = |change: &Value| {
            change["by"] == "clock" && change["what"].as_str().unwrap().starts_with("the clock was wrong: due at ")
        };
        assert!(changes.iter().any(why), "{endpoint}");
        assert!(endpoint["due"].as_str().unwrap() < in_an_hour.as_str(), "{endpoint}");
    }
    let page = web.get(&every_second.replace("/api", "")).await.text;
    assert!(page.contains("the clock was wrong: due at"), "{page}");
    eventually(SOON, "the promise is not kept by calls that are to come", async || {
        let sla = web.get("/api/sla").await.value();
        (sla["met"] == false && sla["breached"] == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_clock_set_back_during_the_run_is_followed() {
    let (file, folder) = (File::fresh(), Scratch::new());
    let target = Target::start().await;
    let clock = folder.path().join("clock");
    let set = |clock: &Path, to: &str| {
        // In one step, as the program may read at any moment.
        let new = clock.with_extension("new");
        fs::write(&new, to).unwrap();
        fs::rename(&new, clock).unwrap();
    };
    set(&clock, "+400d\n");
    let start = faked(Naptime::up(&file)).env("FAKETIME_TIMESTAMP_FILE", clock.to_str().unwrap());
    let web = Web::start(start.env("FAKETIME_NO_CACHE", "1")).await;
    let (endpoint, _) = web.add(json!({"url": target.url("/"), "every": "1s", "active": true})).await;
    web.runs(&endpoint, 2).await;
    assert!(target.calls("/").iter().all(|call| due(call) > now_ms() + HOUR_MS), "the clock is wrong");
    set(&clock, "+0\n");
    is_called_on_time(&target).await;
    web.naptime.wait_line(SOON, "it says so", |line| line.contains("the clock of the store was set back by")).await;
    // Forward is followed too, and what was not called in between is missed.
    set(&clock, "+2d\n");
    target
        .wait_for(SOON, "a call for an occurrence in two days", |calls| {
            calls.last().is_some_and(|call| due(call) > now_ms() + 40 * HOUR_MS && due(call) < now_ms() + 50 * HOUR_MS)
        })
        .await;
    let missed = web.get(&endpoint).await.value()["counters"]["missed"].as_u64().unwrap();
    assert!(missed > 100_000, "{missed}");
}

/// Whether the job was planned anew, by the server's clock as it is.
fn is_planned_anew(job: &Job, store: &MongoStore) -> bool {
    let by_clock = job.changes.iter().any(|noted| noted.by == By::Clock && noted.what.contains("due at"));
    by_clock && job.state.due.is_some_and(|due| due < store.now() + 3600 * SECOND)
}

/// A handle on the database, as soon as the server takes one: it has just started.
async fn opened(database: &Database) -> MongoStore {
    eventually(SOON, "the database opens", async || {
        MongoStore::open(&database.uri, naptime_mongo::Options::default()).await.ok()
    })
    .await
}

async fn on_a_server_whose_clock_was_wrong() -> (ReplicaSet, Database, Target, Job) {
    // No more than a year: the server itself would not start again after that.
    let set = ReplicaSet::start_at("+300d").await;
    let database = set.fresh_database();
    let target = Target::start().await;
    let store = opened(&database).await;
    let job = add(&store, every(SECOND, &target.url("/"))).await;
    assert!(job.created_at.millis() > now_ms() + 24 * HOUR_MS, "the clock is wrong");
    (set, database, target, job)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mongodb_server_is_followed_by_the_worker_that_saw_it() {
    let (set, database, target, job) = on_a_server_whose_clock_was_wrong().await;
    let worker = Naptime::worker(&database).start().await;
    target.wait_for(SOON, "calls", |calls| calls.len() >= 3).await;
    set.kill(0);
    set.restart_with_clock_right(0).await;
    set.primary().await;
    is_called_on_time(&target).await;
    worker.wait_line(SOON, "it says so", |line| line.contains("the clock of the store was set back by")).await;
    let store = opened(&database).await;
    let job = store.get(job.id).await.unwrap();
    assert!(is_planned_anew(&job, &store), "{job:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mongodb_server_is_followed_by_a_worker_that_starts_later() {
    let (set, database, target, job) = on_a_server_whose_clock_was_wrong().await;
    let worker = Naptime::worker(&database).start().await;
    target.wait_for(SOON, "calls", |calls| calls.len() >= 3).await;
    worker.sigterm();
    assert!(worker.wait_exit(SOON).await.success());
    set.kill(0);
    set.restart_with_clock_right(0).await;
    set.primary().await;
    let _worker = Naptime::worker(&database).start().await;
    is_called_on_time(&target).await;
    let store = opened(&database).await;
    let job = store.get(job.id).await.unwrap();
    assert!(is_planned_anew(&job, &store), "{job:?}");
}
