//! Work that comes wakes workers that sleep.

use std::time::Duration;

use naptime_core::{Change, Edit, NewJob, PoolChange, Schedule};
use tokio::time::timeout;

use super::Backend;
use super::case::{Case, new_job, rarely};

const SECOND: Duration = Duration::from_secs(1);
/// How soon a worker is told.
const SOON: Duration = Duration::from_secs(60);

/// Waits until a worker is told of something, if something is done meanwhile.
async fn told<B: Backend>(case: &Case<B>, seen: u64, meanwhile: impl Future<Output = ()>) -> u64 {
    let told = async {
        loop {
            let now = case.store.woken(seen).await.expect("an answer");
            if now != seen {
                return now;
            }
        }
    };
    timeout(SOON, async { tokio::join!(told, meanwhile).0 }).await.expect("somebody is told")
}

pub async fn who_makes_work_due_or_changes_a_pool_wakes_workers<B: Backend>() {
    let case = Case::<B>::new().await;
    let other = case.backend.another().await;
    let add = async |schedule: Schedule| {
        let mut new = NewJob { active: true, ..new_job() };
        new.spec.schedule = schedule;
        let id = new.id;
        other.insert(vec![new]).await.expect("added");
        id
    };
    // What was before may be told once more.
    let mut seen = told(&case, 0, async {
        let _ = add(Schedule::aligned(SECOND)).await;
    })
    .await;
    for _ in 0..3 {
        seen = case.store.woken(seen).await.expect("an answer");
    }
    seen = told(&case, seen, async {
        let _ = add(Schedule::aligned(SECOND)).await;
    })
    .await;
    let later = add(rarely(case.now().await)).await;
    seen = told(&case, seen, async { other.edit(later, None, Edit::CallNow).await.map(drop).expect("edited") }).await;
    let mut every_second = new_job();
    every_second.spec.schedule = Schedule::aligned(SECOND);
    let ids = [case.add(NewJob { active: false, ..every_second }).await.id];
    let on = Edit::Change(Change::switch(true));
    seen = told(&case, seen, async { other.edit_each(&ids, &on).await.map(drop).expect("edited") }).await;
    seen = told(&case, seen, async { other.wake().await.expect("woken") }).await;
    let pool = case.get(later).await.spec.endpoint.pool().clone();
    let change = PoolChange { active: Some(false), ..PoolChange::default() };
    told(&case, seen, async { other.change_pool(&pool, None, change).await.map(drop).expect("changed") }).await;
}
