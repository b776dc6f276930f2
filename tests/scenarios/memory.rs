//! The suite of `naptime-store`, on its store in memory, and what this store offers beside it.

use std::sync::Arc;
use std::time::Duration;

use naptime_core::{Endpoint, JobId, NewJob, Pool, PoolChange, Schedule, Spec};
use naptime_store::conformance::Backend;
use naptime_store::memory::{HeldPass, MemoryStore};
use naptime_store::pools::START_LASTS;
use naptime_store::{Clock, Freed, Gates, Jobs, Pools, Queue, Store, Take, Taken, Want};
use uuid::Uuid;

use super::ground::want;

const RETENTION: Duration = Duration::from_secs(7 * 24 * 3600);

struct Memory(MemoryStore);

fn open() -> MemoryStore {
    MemoryStore::new("2026-05-06T07:08:09.010Z".parse().expect("a time"), RETENTION)
}

#[async_trait::async_trait]
impl Backend for Memory {
    const PARTITIONED: bool = true;
    const PURGES: bool = true;
    const RETENTION: Duration = RETENTION;

    async fn fresh() -> Self {
        Self(open())
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.0.clone())
    }

    async fn another(&self) -> Arc<dyn Store> {
        self.store()
    }

    async fn advance(&self, by: Duration) {
        self.0.advance(by);
    }

    async fn set_back(&self, by: Duration) {
        self.0.set_back(by);
    }
}

naptime_store::conformance!(Memory);

const MINUTE: Duration = Duration::from_secs(60);

/// A job of every minute, switched on.
fn every_minute(id: u128) -> NewJob {
    let id = JobId::from(Uuid::from_u128(id));
    let endpoint = Endpoint::parse("https://target.test/").expect("a URL");
    NewJob { id, spec: Spec::new(endpoint, Schedule::every(MINUTE, id)), active: true }
}

/// Claims `slots` of what is due.
async fn claim(store: &MemoryStore, token: u128, slots: usize) -> Taken {
    // The same each time, as histories are compared.
    let want = Want { worker: Uuid::from_u128(1).into(), token: Uuid::from_u128(token).into(), ..want(slots) };
    store.claim(&want).await.expect("claimed")
}

#[tokio::test(start_paused = true)]
async fn a_claim_copies_no_job() {
    let store = open();
    store.insert(vec![every_minute(1)]).await.expect("added");
    tokio::time::advance(MINUTE).await;
    let taken = claim(&store, 1, 1).await;
    let [claim] = &taken.claims[..] else { panic!("one claim: {taken:?}") };
    let stored = store.job(claim.job.id).expect("the job");
    assert!(Arc::ptr_eq(&claim.job, &stored));
    store.settle(&[claim.settled_uncalled(naptime_core::Then::GiveBack)]).await.expect("settled");
    assert!(claim.job.state.lock().is_some(), "what was claimed stays as it was");
    assert!(store.job(claim.job.id).is_some_and(|job| job.state.lock().is_none()));
}

#[tokio::test(start_paused = true)]
async fn the_same_operations_have_the_same_results() {
    let history = async || {
        let store = open();
        store.insert((0..500).map(every_minute).collect()).await.expect("added");
        let mut history = Vec::new();
        for round in 0..20 {
            store.advance(Duration::from_millis(700));
            let taken = claim(&store, round, 5).await;
            let found = taken.claims.iter().map(|claim| (claim.lock.due, claim.job.id));
            history.push((found.collect::<Vec<_>>(), taken.next));
        }
        (history, store.jobs())
    };
    let first = history().await;
    assert_eq!(first, history().await);
    let claimed: Vec<_> = first.0.into_iter().flat_map(|(found, _)| found).collect();
    assert!(claimed.len() > 80 && claimed.is_sorted(), "the earliest of all partitions come first");
}

#[tokio::test(start_paused = true)]
async fn the_passes_of_a_pool_are_shown_while_they_are_held() {
    let store = open();
    store.insert(vec![every_minute(1)]).await.expect("added");
    let pool = Pool::parse("https://target.test").expect("a pool");
    let change = PoolChange { max_in_flight: Some(Some(5)), max_per_second: Some(Some(5)), ..PoolChange::default() };
    store.change_pool(&pool, None, change).await.expect("changed");
    let ids = [1, 2].map(|id| Uuid::from_u128(id).into());
    let take = Take { pool: pool.clone(), ids: ids.to_vec(), leaves_within: Duration::ZERO };
    let now = store.now();
    assert_eq!(store.take_passes(&take).await.expect("taken").granted, 2);
    let [flight_until, start_until] = [naptime_core::pool::PASS_LEASE, START_LASTS].map(|lasts| Some(now + lasts));
    let held = |id| HeldPass { id, flight_until, start_until };
    assert_eq!(store.passes_of(&pool), ids.map(held));
    let freed = |id, used| Freed { pass: naptime_core::Pass { pool: pool.clone(), id }, used };
    store.free_passes(&[freed(ids[0], true), freed(ids[1], false)]).await.expect("freed");
    assert_eq!(store.passes_of(&pool), [HeldPass { flight_until: None, ..held(ids[0]) }]);
    tokio::time::advance(START_LASTS).await;
    assert_eq!(store.passes_of(&pool), []);
}
