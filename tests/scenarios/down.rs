//! A host that dies is called by a probe now and then until it is back.

use std::time::Duration;

use ::mongodb::bson::{Document, doc};
use naptime_core::Pool;
use naptime_core::pool::Sign;
use naptime_store::{Gates, Hosts, Jobs};
use naptime_tests::naptime::Start;
use naptime_tests::target::{Answer, Call, Target};
use naptime_tests::{eventually, mongo};
use serde_json::{Value, json};

use super::ground::{every, open};
use super::web::{SOON, Web, on_both_stores};

on_both_stores!(a_host_that_dies_is_probed_until_it_is_back, a_pool_that_is_not_to_be_probed_is_called_as_ever);

const PATHS: [&str; 5] = ["/0", "/1", "/2", "/3", "/4"];
/// Long enough for a host to be found down: its endpoints have failed for ten seconds by then.
const FOUND: Duration = Duration::from_secs(40);

fn pool(target: &Target) -> String {
    target.url("").trim_end_matches('/').to_owned()
}

async fn every_second(web: &Web, target: &Target) {
    for path in PATHS {
        web.add(json!({"url": target.url(path), "every": "1s", "active": true, "retry": {"attempts": 1}})).await;
    }
    target.wait_for(SOON, "all are called", |calls| paths(calls) == PATHS.len()).await;
}

fn answers(target: &Target, answer: &Answer) {
    PATHS.iter().for_each(|path| target.on(path, answer.clone()));
}

/// How many paths were called.
fn paths(calls: &[Call]) -> usize {
    PATHS.iter().filter(|path| calls.iter().any(|call| call.path() == **path)).count()
}

/// The times between each call and the next.
fn gaps(calls: &[Call]) -> Vec<Duration> {
    calls.windows(2).map(|pair| pair[1].start - pair[0].start).collect()
}

async fn a_host_that_dies_is_probed_until_it_is_back(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    every_second(&web, &target).await;
    let (name, page) = (pool(&target), format!("/pools/{}", pool(&target).replace("://", "/")));
    let state = async || web.get(&format!("/api{page}")).await.value()["down"].clone();
    assert_eq!(state().await, Value::Null);
    answers(&target, &Answer::status(503));
    let down = eventually(FOUND, "its calls are held back", async || Some(state().await).filter(|it| !it.is_null()));
    assert_eq!(down.await["per_second"], Value::Null);
    assert!(web.get(&page).await.text.contains("Its host is down"));
    let problems = web.get("/api/problems").await.value();
    let problems: Vec<_> = problems["items"].as_array().unwrap().iter().map(|it| (&it["kind"], &it["pool"])).collect();
    assert_eq!(problems, [(&json!("pool_down"), &json!(name))], "the five are one problem, and none of them is late");

    // By itself it would be tried at once, and after 2, 6 and 14 s.
    target.on("/job", Answer::status(503));
    let job = web.post("/api/jobs", &json!({"url": target.url("/job")})).await.value();
    // What was claimed before is called still.
    let are_probes = |last: &[Duration]| last.iter().all(|gap| *gap > Duration::from_secs(3));
    target
        .wait_for(2 * SOON, "two probes", |calls| gaps(calls).last_chunk::<2>().is_some_and(|it| are_probes(it)))
        .await;
    target.forget();
    target.wait_for(SOON, "four probes", |calls| calls.len() >= 4).await;
    let gaps = gaps(&target.all_calls());
    // They leave five seconds apart; one may be longer on its way than the next.
    assert!(gaps.iter().filter(|gap| **gap < Duration::from_millis(4_500)).count() <= 1, "{gaps:?}");

    answers(&target, &Answer::ok());
    target.on("/job", Answer::ok());
    target.forget();
    target.wait_for(SOON, "all are called again", |calls| paths(calls) == PATHS.len()).await;
    let calls = target.all_calls();
    let within = calls[4].start - calls[0].start;
    assert!(within > Duration::from_secs(1), "five calls, which are due, within {within:?}: not one by one");
    eventually(SOON, "nothing is held back", async || state().await.is_null().then_some(())).await;
    let headline = async || web.get("/api/problems").await.value()["headline"].clone();
    eventually(SOON, "the problem has ended", async || headline().await.is_null().then_some(())).await;
    let rows = web.items("/api/runs?outcome=skipped").await;
    let rows: Vec<&Value> = rows.iter().map(|row| &row["skipped"]).filter(|it| it["reason"] == "pool_down").collect();
    assert!(rows.iter().any(|it| it["count"].as_u64() > Some(3)), "{rows:?}");
    let path = format!("/api/jobs/{}", job["id"].as_str().unwrap());
    let job = async || Some(web.get(&path).await.value()).filter(|it| it["state"] == "done");
    let job = eventually(SOON, "the job is done", job).await;
    assert!(job["attempt"].as_u64() <= Some(2), "it has waited, but for one probe at most: {job}");
}

async fn a_pool_that_is_not_to_be_probed_is_called_as_ever(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    every_second(&web, &target).await;
    let path = format!("/api/pools/{}", pool(&target).replace("://", "/"));
    let changed = web.patch(&path, &json!({"probe": false})).await.value();
    assert_eq!((&changed["probe"], &changed["rev"]), (&json!(false), &json!(2)));
    answers(&target, &Answer::status(503));
    target.forget();
    // Each second five of them, for longer than it takes to be found down.
    target.wait_for(FOUND, "a hundred calls", |calls| calls.len() >= 100).await;
    assert_eq!(web.get(&path).await.value()["down"], Value::Null);
    let again = web.patch(&path, &json!({"probe": null})).await.value();
    assert_eq!(again["probe"], true);
    let state = async || web.get(&path).await.value()["down"].clone();
    eventually(FOUND, "its calls are held back", async || (!state().await.is_null()).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_earlier_version_writes_of_a_pool_that_is_down_is_put_right() {
    let database = mongo::fresh_database().await;
    let store = open(&database).await;
    store.insert(vec![every(Duration::from_secs(1), "https://foobar.net/")]).await.unwrap();
    let pool = Pool::parse("https://foobar.net").unwrap();
    store.heed(&pool, Sign::Down).await.unwrap();
    let raw = database.open().await;
    let (pools, due) = (raw.collection::<Document>("pools"), raw.collection::<Document>("due"));
    // Somebody changes the pool there: by that version's rules it has no gate.
    pools.update_many(doc! {}, doc! {"$set": {"gate": ""}}).await.unwrap();
    due.update_many(doc! {}, doc! {"$set": {"gate": ""}}).await.unwrap();
    for _ in 0..2 {
        store.known_pools().await.unwrap();
    }
    let job = due.find_one(doc! {}).await.unwrap().unwrap();
    assert_eq!(job.get_str("gate").unwrap(), pool.as_str());
    // A worker takes it for one like all others.
    pools.update_many(doc! {}, doc! {"$set": {"known": false}}).await.unwrap();
    assert!(store.down_pools().await.unwrap().is_empty());
    assert!(!store.heed(&pool, Sign::Down).await.unwrap(), "it is down already");
    assert_eq!(store.down_pools().await.unwrap()[0].pool, pool);
}
