//! Slots shared among pools: where one has no more room, others get their turn.

use std::time::Duration;

use naptime_core::{Claim, Job, JobId, NewJob, Pool, PoolChange, Rooms, Time};

use super::Backend;
use super::case::{Case, HOUR, SECONDS, due_at, endpoint, ids, want};
use crate::{Taken, Want};

/// Each of these jobs is named by its pool, and due a millisecond after the one before.
async fn add<B: Backend>(case: &Case<B>, first: Time, pools: &str) -> Vec<Job> {
    let due = |n: usize| first + Duration::from_millis(u64::try_from(n).expect("small"));
    let new = pools.chars().enumerate().map(|(n, name)| due_in_pool(name, due(n))).collect();
    case.add_all(new).await
}

fn due_in_pool(name: char, due: Time) -> NewJob {
    let mut new = due_at(due);
    new.spec.endpoint = endpoint(&format!("https://{name}.test/{}", new.id));
    new
}

fn pool(name: char) -> Pool {
    endpoint(&format!("https://{name}.test/")).pool().clone()
}

/// The pools of the jobs claimed, in order of their due times.
fn pools(claims: &[Claim]) -> String {
    let mut claims: Vec<&Claim> = claims.iter().collect();
    claims.sort_by_key(|claim| claim.lock.due);
    claims.iter().filter_map(|claim| claim.job.spec.endpoint.pool().as_str().chars().nth("https://".len())).collect()
}

impl<B: Backend> Case<B> {
    async fn claim_in(&self, slots: usize, rooms: Rooms) -> Taken {
        self.store.claim(&Want { slots, rooms, ..want() }).await.expect("claimed")
    }
}

pub async fn a_pool_gets_no_more_than_its_room<B: Backend>() {
    let case = Case::<B>::new().await;
    let first = case.now().await + SECONDS;
    let jobs = add(&case, first, "aaaaaabbb").await;
    case.advance_to(first + SECONDS).await;

    let taken = case.claim_in(9, Rooms::of_each(2)).await;
    assert_eq!((&*pools(&taken.claims), taken.passed_over), ("aabb", Some(pool('a'))));
    let earliest: Vec<JobId> = [&jobs[..2], &jobs[6..8]].concat().iter().map(|job| job.id).collect();
    let claimed = ids(&taken.claims);
    assert!(earliest.iter().all(|id| claimed.contains(id)), "the earliest of each pool are not passed over");
    let taken = case.claim_in(5, Rooms::of_each(5).with(&pool('a'), 0)).await;
    assert_eq!((&*pools(&taken.claims), taken.passed_over), ("b", Some(pool('a'))));
    let taken = case.claim_in(3, Rooms::of_each(3).with(&pool('a'), 0)).await;
    assert_eq!((&*pools(&taken.claims), taken.passed_over), ("", Some(pool('a'))));
    let taken = case.claim_in(5, Rooms::default()).await;
    assert_eq!((&*pools(&taken.claims), taken.passed_over), ("aaaa", None));
}

pub async fn what_waits_behind_a_pool_is_found_if_looked_for<B: Backend>() {
    let case = Case::<B>::new().await;
    let first = case.now().await + SECONDS;
    add(&case, first, &format!("{}bcbcb", "a".repeat(40))).await;
    case.advance_to(first + SECONDS).await;

    let rooms = || Rooms::of_each(10).with(&pool('a'), 3);
    let taken = case.claim_in(10, rooms()).await;
    assert_eq!((&*pools(&taken.claims), taken.passed_over), ("aaa", Some(pool('a'))), "no look past them");
    let looking = || rooms().looking_past(Duration::ZERO);
    let taken = case.claim_in(6, looking()).await;
    assert_eq!((&*pools(&taken.claims), taken.passed_over), ("aaabcb", None), "all slots are filled");
    assert!(taken.next.is_some_and(|next| next < first + SECONDS), "there is more: {:?}", taken.next);
    let taken = case.claim_in(6, looking()).await;
    assert_eq!((&*pools(&taken.claims), taken.passed_over), ("aaacb", Some(pool('a'))));
    // What is found further back has no more than its room either.
    let later = case.now().await + SECONDS;
    add(&case, later, "bbbccc").await;
    case.advance_to(later + SECONDS).await;
    let taken = case.claim_in(9, Rooms::of_each(2).looking_past(Duration::ZERO)).await;
    assert_eq!((&*pools(&taken.claims), taken.passed_over), ("aabbcc", Some(pool('a'))));
}

pub async fn it_is_told_when_others_are_due_behind_a_pool<B: Backend>() {
    let case = Case::<B>::new().await;
    let first = case.now().await + SECONDS;
    add(&case, first, &"a".repeat(20)).await;
    case.advance_to(first + SECONDS).await;
    let rooms = |within| Rooms::of_each(10).with(&pool('a'), 1).looking_past(within);
    let look = async |within| {
        let taken = case.claim_in(10, rooms(within)).await;
        assert_eq!((&*pools(&taken.claims), taken.passed_over), ("a", Some(pool('a'))));
        taken.next
    };
    assert_eq!(look(HOUR).await, None, "nobody else waits");
    let due = case.now().await + HOUR / 2;
    let soon = case.add(due_in_pool('b', due)).await;
    assert_eq!(look(HOUR / 4).await, None, "not that soon");
    assert_eq!(look(HOUR).await, soon.state.due);
    // Without a look it is not known.
    let taken = case.claim_in(10, Rooms::of_each(0)).await;
    assert_eq!((taken.claims.len(), taken.next, taken.passed_over), (0, None, Some(pool('a'))));
}

pub async fn jobs_of_gated_pools_are_not_looked_for<B: Backend>() {
    let case = Case::<B>::new().await;
    let first = case.now().await + SECONDS;
    add(&case, first, "aaaaaabcb").await;
    let limit = PoolChange { max_in_flight: Some(Some(5)), ..PoolChange::default() };
    case.store.change_pool(&pool('b'), None, limit).await.expect("changed");
    case.advance_to(first + SECONDS).await;
    let taken = case.claim_in(5, Rooms::of_each(2).looking_past(HOUR)).await;
    assert_eq!((&*pools(&taken.claims), taken.next, taken.passed_over), ("aac", None, Some(pool('a'))));
}
