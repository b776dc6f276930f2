//! Slots shared among pools: a slow one takes no more than half while others wait. With real workers and targets, on
//! both stores.

use std::sync::Arc;
use std::time::Duration;

use naptime_core::{NewJob, Pool, PoolChange};
use naptime_sqlite::SqliteStore;
use naptime_store::{Added, Store};
use naptime_tests::target::{Answer, Call, Target};
use naptime_tests::{mongo, sqlite};

use super::ground::{Working, every, most_at_once, open};

const SECOND: Duration = Duration::from_secs(1);
/// For what comes soon on an idle machine, and later on a busy one.
const SOON: Duration = Duration::from_secs(30);
const CAPACITY: u32 = 20;

fn on_sqlite() -> (sqlite::File, SqliteStore) {
    let file = sqlite::File::fresh();
    let store = SqliteStore::open(file.path(), naptime_sqlite::Options::default()).unwrap();
    (file, store)
}

/// A target with this many endpoints, each to be called every second.
async fn target(store: &impl Store, endpoints: usize, answer: &Answer) -> (Target, Vec<Added>) {
    let target = Target::start().await;
    let paths: Vec<String> = (0..endpoints).map(|n| format!("/{n}")).collect();
    paths.iter().for_each(|path| target.on(path, answer.clone()));
    let new: Vec<NewJob> = paths.iter().map(|path| every(SECOND, &target.url(path))).collect();
    let added = store.insert(new).await.unwrap();
    (target, added)
}

fn slow() -> Answer {
    Answer::ok().after(3 * SECOND)
}

/// Three hundred slow endpoints want nine hundred slots. The calls of the others leave nevertheless when they are due.
async fn others_are_called_on_time(store: impl Store + Clone + 'static, limited: bool) {
    let (crowd, _) = target(&store, 300, &slow()).await;
    if limited {
        let pool = Pool::parse(&crowd.url("")).unwrap();
        let limit = PoolChange { max_in_flight: Some(Some(1000)), ..PoolChange::default() };
        store.change_pool(&pool, None, limit).await.unwrap();
    }
    let (others, added) = target(&store, 5, &Answer::ok()).await;
    let _worker = Working::start(Arc::new(store.clone()), CAPACITY);
    let often =
        |calls: &[Call]| (0..5).all(|n| calls.iter().filter(|call| call.path() == format!("/{n}")).count() >= 8);
    others.wait_for(SOON, "eight calls of each", often).await;

    for job in added.into_iter().map(Added::into_job) {
        let now = store.get(job.id).await.unwrap();
        // Behind three hundred of 3 s each, most would be.
        let missed = now.state.counters.missed;
        assert!(missed <= 15, "{missed} calls of {} were missed while 8 were made", job.spec.endpoint);
    }
    let most = most_at_once(&crowd.all_calls());
    assert_eq!(most, 10, "half of the slots, and no more");
}

/// Nobody else wants slots, so the slow ones get all of them.
async fn who_is_alone_has_all_slots(store: impl Store + Clone + 'static) {
    let (crowd, _) = target(&store, 60, &slow()).await;
    let _worker = Working::start(Arc::new(store), CAPACITY);
    crowd.wait_for(SOON, "all slots are used", |calls| most_at_once(calls) == CAPACITY as usize).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_called_on_time_beside_a_slow_pool() {
    let database = mongo::fresh_database().await;
    others_are_called_on_time(open(&database).await, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_called_on_time_beside_a_slow_pool_on_sqlite() {
    let (_file, store) = on_sqlite();
    others_are_called_on_time(store, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_called_on_time_beside_a_slow_pool_with_limits() {
    let database = mongo::fresh_database().await;
    others_are_called_on_time(open(&database).await, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_called_on_time_beside_a_slow_pool_with_limits_on_sqlite() {
    let (_file, store) = on_sqlite();
    others_are_called_on_time(store, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_pool_has_all_slots_while_it_is_alone() {
    let database = mongo::fresh_database().await;
    who_is_alone_has_all_slots(open(&database).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_pool_has_all_slots_while_it_is_alone_on_sqlite() {
    let (_file, store) = on_sqlite();
    who_is_alone_has_all_slots(store).await;
}
