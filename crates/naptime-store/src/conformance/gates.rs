//! The gates of pools: whose jobs are claimed by name, and the passes for calls in flight and per second.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use naptime_core::pool::PASS_LEASE;
use naptime_core::{Change, Edit, JobId, NewJob, Outcome, Pass, PassId, Pool, PoolChange, Spec, Then};
use tokio::time::Instant;
use uuid::Uuid;

use super::Backend;
use super::case::{Case, HOUR, SECONDS, due_at, endpoint, ids, new_job, run, want};
use super::pools::{in_flight, pool, switch, target, unlimited};
use crate::{Freed, Passes, Store, Take, Want};

const LEAVES_WITHIN: Duration = Duration::from_millis(100);

fn per_second(limit: u32) -> PoolChange {
    PoolChange { max_per_second: Some(Some(limit)), ..PoolChange::default() }
}

pub(super) fn want_of(pool: &Pool) -> Want {
    Want { gate: Some(pool.clone()), ..want() }
}

fn fresh(count: usize) -> Vec<PassId> {
    (0..count).map(|_| Uuid::now_v7().into()).collect()
}

/// What was granted, and the passes.
pub(super) async fn take(store: &dyn Store, pool: &Pool, count: usize) -> (Passes, Vec<Pass>) {
    take_to_leave(store, pool, count, LEAVES_WITHIN).await
}

/// The same for calls that leave within this time.
async fn take_to_leave(store: &dyn Store, pool: &Pool, count: usize, leaves_within: Duration) -> (Passes, Vec<Pass>) {
    let ids = fresh(count);
    let take = Take { pool: pool.clone(), ids: ids.clone(), leaves_within };
    let taken = store.take_passes(&take).await.expect("an answer");
    assert!(taken.granted <= count, "no more than wanted");
    let passes = ids.into_iter().take(taken.granted).map(|id| Pass { pool: pool.clone(), id }).collect();
    (taken, passes)
}

async fn free(store: &dyn Store, passes: &[Pass], used: bool) {
    let freed: Vec<Freed> = passes.iter().map(|pass| Freed { pass: pass.clone(), used }).collect();
    store.free_passes(&freed).await.expect("freed");
}

impl<B: Backend> Case<B> {
    /// A pool with a job and this change.
    async fn limited(&self, change: PoolChange) -> Pool {
        self.add(new_job()).await;
        self.change_pool(&target(), change).await;
        target()
    }
}

pub async fn jobs_of_a_gated_pool_are_claimed_by_its_name<B: Backend>() {
    let case = Case::<B>::new().await;
    let due = case.now().await + SECONDS;
    let at = |url: &str| {
        let mut new = due_at(due);
        new.spec.endpoint = endpoint(url);
        new
    };
    let (a, b) = (pool("https://a.test"), pool("https://b.test"));
    let before = case.add(at("https://a.test/before")).await;
    let other = case.add(at("https://b.test/other")).await;
    let leaves = case.add(at("https://a.test/leaves")).await;
    case.change_pool(&a, in_flight(5)).await;
    let after = case.add(at("https://a.test/after")).await;
    let joins = case.add(at("https://b.test/joins")).await;
    case.move_to(joins.id, "https://a.test/joins").await;
    case.move_to(leaves.id, "https://b.test/leaves").await;
    case.advance_to(due).await;

    let set = |ids: &[JobId]| ids.iter().copied().collect::<HashSet<_>>();
    let claim = async |want: Want| set(&ids(&case.claim_by(&want).await));
    assert_eq!(claim(want()).await, set(&[other.id, leaves.id]), "an ordinary claim passes the pool by");
    assert_eq!(claim(want_of(&b)).await, set(&[]), "no other pool is asked for by name");
    assert_eq!(claim(Want { slots: 2, ..want_of(&a) }).await.len(), 2);
    assert_eq!(claim(want_of(&a)).await.len(), 1);
    assert_eq!(claim(want_of(&a)).await, set(&[]), "they are held");

    // Held or not, deleted or not: without limits they are as all others.
    let deleted = case.add(at("https://a.test/deleted")).await;
    case.edit(deleted.id, Edit::Delete).await;
    let fourth = case.add(at("https://a.test/fourth")).await;
    case.edit(fourth.id, Edit::CallNow).await;
    case.change_pool(&a, unlimited()).await;
    case.edit(deleted.id, Edit::Restore).await;
    case.edit(deleted.id, Edit::CallNow).await;
    assert_eq!(claim(want_of(&a)).await, set(&[]));
    assert_eq!(claim(want()).await, set(&[fourth.id, deleted.id]));
    case.outlive_leases().await;
    let all = set(&[before.id, other.id, leaves.id, after.id, joins.id, fourth.id, deleted.id]);
    assert_eq!(claim(want()).await, all);
}

pub async fn next_in_tells_when_each_pool_has_work<B: Backend>() {
    let case = Case::<B>::new().await;
    let now = case.now().await;
    let pools: Vec<Pool> = ["https://a.test", "https://b.test", "https://c.test"].map(pool).to_vec();
    for (n, name) in ["https://a.test/x", "https://b.test/x", "https://c.test/x"].iter().enumerate() {
        for m in 1..4 {
            let mut new = due_at(now + m * (u32::try_from(n).expect("small") + 1) * SECONDS);
            new.spec.endpoint = endpoint(name);
            // The last pool has a job, but nothing is due of it.
            new.active = n < 2;
            case.add(new).await;
        }
    }
    for pool in &pools {
        case.change_pool(pool, in_flight(1)).await;
    }
    let next = async || {
        let mut next = case.store.next_in(&pools).await.expect("an answer");
        next.sort();
        next
    };
    let expect = vec![(pools[0].clone(), now + SECONDS), (pools[1].clone(), now + 2 * SECONDS)];
    assert_eq!(next().await, expect);
    case.advance_to(now + SECONDS).await;
    case.claim_by(&want_of(&pools[0])).await;
    assert_eq!(next().await, [(pools[0].clone(), now + 2 * SECONDS), (pools[1].clone(), now + 2 * SECONDS)]);
    case.change_pool(&pools[1], unlimited()).await;
    assert_eq!(next().await, [(pools[0].clone(), now + 2 * SECONDS)], "a pool without limits is not looked at");
    assert_eq!(case.store.next_in(&[]).await.expect("an answer"), []);
}

pub async fn nothing_of_a_pool_that_is_off_is_called<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = case.add_due_in(SECONDS).await;
    let asked = case.add(new_job()).await;
    case.change_pool(&target(), switch(false)).await;
    case.edit(asked.id, Edit::CallNow).await;
    case.advance(HOUR * 5 / 2).await;
    assert!(case.claim().await.is_empty());
    let (taken, passes) = take(case.store.as_ref(), &target(), 3).await;
    assert!(passes.is_empty(), "{taken:?}");

    case.change_pool(&target(), switch(true)).await;
    let claims = case.claim().await;
    assert_eq!(ids(&claims).into_iter().collect::<HashSet<_>>(), HashSet::from([job.id, asked.id]));
    let claim = claims.iter().find(|claim| claim.job.id == job.id).expect("claimed");
    let run = run(claim, Outcome::Ok);
    let then = claim.conclude(&run, None);
    let due = job.state.due.expect("due");
    assert_eq!(then, Then::Next { due: Some(due + 3 * HOUR), missed: 2 }, "late, once, and on by the schedule");
    case.settle(claim.settled(Some(run), then)).await;
    let counters = case.get(job.id).await.state.counters;
    assert_eq!((counters.settled, counters.missed), (1, 2));
    assert!(case.claim().await.is_empty(), "no burst");
}

pub async fn calls_in_flight_are_limited<B: Backend>() {
    let case = Case::<B>::new().await;
    let pool = case.limited(in_flight(3)).await;
    let store = case.store.as_ref();
    let (taken, first) = take(store, &pool, 2).await;
    assert_eq!(taken, Passes { granted: 2, in_flight: true, per_second: false, next: None, down: None });
    let (taken, second) = take(store, &pool, 2).await;
    assert_eq!(taken, Passes { granted: 1, in_flight: true, per_second: false, next: None, down: None });
    assert_eq!(take(store, &pool, 2).await.0.granted, 0);
    assert_eq!(store.in_flight(&pool).await.expect("a number"), 3);
    free(store, &second, true).await;
    free(store, &second, true).await;
    assert_eq!(store.in_flight(&pool).await.expect("a number"), 2);
    assert_eq!(take(store, &pool, 0).await.0.granted, 0);
    assert_eq!(take(store, &pool, 5).await.0.granted, 1, "freed twice is freed once");
    // A lower limit holds for what is taken from now on.
    case.change_pool(&pool, in_flight(1)).await;
    free(store, &first[..1], true).await;
    assert_eq!(take(store, &pool, 5).await.0.granted, 0);
    let unknown = Pool::parse("https://unknown.test").expect("a pool");
    assert_eq!(take(store, &unknown, 1).await.0.granted, 0);
    assert_eq!(store.in_flight(&unknown).await.expect("a number"), 0);
}

pub async fn passes_of_a_dead_holder_come_back_after_a_lease<B: Backend>() {
    let case = Case::<B>::new().await;
    let pool = case.limited(in_flight(4)).await;
    let store = case.store.as_ref();
    let (_, dead) = take(store, &pool, 2).await;
    case.advance(PASS_LEASE / 2).await;
    let (_, living) = take(store, &pool, 2).await;
    assert_eq!(take(store, &pool, 4).await.0.granted, 0, "none is given away early");
    case.advance(PASS_LEASE / 2).await;
    assert_eq!(store.in_flight(&pool).await.expect("a number"), 2, "without those of the dead");
    assert_eq!(store.extend_passes(&living).await.expect("extended"), []);
    let (_, heir) = take(store, &pool, 4).await;
    assert_eq!(heir.len(), 2, "those of the dead, and no more");
    assert_eq!(store.extend_passes(&dead).await.expect("an answer"), dead, "too late");
    case.advance(PASS_LEASE / 2).await;
    let all = [&living[..], &heir[..]].concat();
    assert_eq!(store.extend_passes(&all).await.expect("extended"), []);
    case.advance(PASS_LEASE * 2 / 3).await;
    assert_eq!(take(store, &pool, 4).await.0.granted, 0, "what is extended is kept");
    free(store, &dead, false).await;
    assert_eq!(take(store, &pool, 4).await.0.granted, 0, "the dead free nothing of others'");
    assert_eq!(store.extend_passes(&[]).await.expect("nothing"), []);
}

pub async fn calls_per_second_are_limited<B: Backend>() {
    let case = Case::<B>::new().await;
    let pool = case.limited(per_second(3)).await;
    let store = case.store.as_ref();
    let now = case.now().await;
    // So late that the second after it does not end during this case.
    let late = Duration::from_secs(60);
    let (taken, used) = take_to_leave(store, &pool, 2, late).await;
    assert_eq!(taken, Passes { granted: 2, in_flight: false, per_second: true, next: None, down: None });
    free(store, &used, true).await;
    let (_, unused) = take_to_leave(store, &pool, 5, late).await;
    assert_eq!(unused.len(), 1, "what was used is not freed early");
    let (taken, none) = take(store, &pool, 5).await;
    assert!(none.is_empty());
    let next = taken.next.expect("it is told when");
    assert!(next.since(now) > late + Duration::from_secs(1) && next.since(now) < 2 * late, "{next} after {now}");
    free(store, &unused, false).await;
    assert_eq!(take(store, &pool, 5).await.0.granted, 1, "what was not used is");
    case.advance(late + Duration::from_secs(2)).await;
    assert_eq!(take(store, &pool, 5).await.0.granted, 3);
}

pub async fn both_limits_hold_together<B: Backend>() {
    let case = Case::<B>::new().await;
    let pool = case.limited(PoolChange { max_in_flight: Some(Some(4)), ..per_second(3) }).await;
    let store = case.store.as_ref();
    let (taken, first) = take(store, &pool, 10).await;
    assert_eq!(taken, Passes { granted: 3, in_flight: true, per_second: true, next: None, down: None });
    case.advance(Duration::from_secs(2)).await;
    let soon = Duration::from_secs(6);
    assert_eq!(take_to_leave(store, &pool, 10, soon).await.0.granted, 1, "three are in flight");
    free(store, &first, true).await;
    assert_eq!(take(store, &pool, 10).await.0.granted, 2, "one left within the second");
}

/// Many takers on several handles, for some real seconds, and on until there are passes of three of them to judge.
pub async fn many_takers_never_exceed_the_limits<B: Backend>() {
    const IN_FLIGHT: usize = 5;
    const PER_SECOND: usize = 8;
    let case = Case::<B>::new().await;
    let wide = pool("https://wide.test");
    for name in ["https://target.test/", "https://wide.test/"] {
        let mut new = new_job();
        new.spec.endpoint = endpoint(name);
        case.add(new).await;
    }
    case.change_pool(&target(), in_flight(u32::try_from(IN_FLIGHT).expect("small"))).await;
    case.change_pool(&wide, per_second(u32::try_from(PER_SECOND).expect("small"))).await;
    let handles = [case.store.clone(), case.backend.another().await, case.backend.another().await];
    let end = Instant::now() + Duration::from_secs(5);
    let flying = Arc::new(AtomicUsize::new(0));
    let started = Arc::new(AtomicUsize::new(0));
    let takers: Vec<_> = (0..12)
        .map(|n| {
            let (store, flying, wide) = (handles[n % 3].clone(), Arc::clone(&flying), wide.clone());
            let started = Arc::clone(&started);
            tokio::spawn(async move {
                let (mut most, mut flights, mut starts) = (0, 0, Vec::new());
                while Instant::now() < end || started.load(Ordering::SeqCst) <= 2 * PER_SECOND {
                    let (_, passes) = take(store.as_ref(), &target(), 1 + n % 4).await;
                    most = most.max(flying.fetch_add(passes.len(), Ordering::SeqCst) + passes.len());
                    flights += passes.len();
                    let sent = Instant::now();
                    let (_, calls) = take(store.as_ref(), &wide, 1 + n % 3).await;
                    starts.extend(calls.iter().map(|_| (sent, Instant::now())));
                    started.fetch_add(calls.len(), Ordering::SeqCst);
                    free(store.as_ref(), &calls, true).await;
                    flying.fetch_sub(passes.len(), Ordering::SeqCst);
                    free(store.as_ref(), &passes, true).await;
                }
                (most, flights, starts)
            })
        })
        .collect();
    let (mut most, mut flights, mut starts) = (0, 0, Vec::new());
    for taker in takers {
        let (high, count, times) = taker.await.expect("no panic");
        most = most.max(high);
        flights += count;
        starts.extend(times);
    }
    assert!(most <= IN_FLIGHT && flights > 3 * IN_FLIGHT, "{most} in flight at once, {flights} in all");
    // Each was granted between the sending and the answer, so these two are at least as far apart as the grants were.
    starts.sort_by_key(|&(_, answered)| answered);
    assert!(starts.len() > 2 * PER_SECOND, "{} calls", starts.len());
    for pair in starts.windows(PER_SECOND + 1) {
        let earliest = pair.iter().map(|&(sent, _)| sent).min().expect("some");
        let apart = pair[PER_SECOND].1 - earliest;
        assert!(apart >= Duration::from_secs(1), "{} calls within {apart:?}", PER_SECOND + 1);
    }
}

/// Jobs are added and moved to a pool while its limits come and go. In the end every job carries what its pool says,
/// without a worker's putting right anything.
pub async fn no_job_slips_past_a_limit_set_meanwhile<B: Backend>() {
    const ROUNDS: u64 = 16;
    const MANY: usize = 400;
    let case = Case::<B>::new().await;
    let [changer, adder, mover] = [case.store.clone(), case.backend.another().await, case.backend.another().await];
    for round in 0..ROUNDS {
        let due = case.now().await + SECONDS;
        let at = |url: String| {
            let mut new = due_at(due);
            new.spec.endpoint = endpoint(&url);
            new
        };
        let name = format!("https://round-{round}.test");
        let (contested, limit) = (pool(&name), round % 2 == 0);
        case.add(at(format!("{name}/first"))).await;
        let mut moving = Vec::new();
        for n in 0..10 {
            moving.push(case.add(at(format!("https://elsewhere.test/{n}"))).await);
        }
        if !limit {
            case.change_pool(&contested, in_flight(9)).await;
        }
        let new: Vec<NewJob> = (0..MANY).map(|n| at(format!("{name}/{n}"))).collect();
        let adding = {
            let store = adder.clone();
            tokio::spawn(async move { store.insert(new).await.map(drop).expect("added") })
        };
        let moving = {
            let (store, url) = (mover.clone(), format!("{name}/moved"));
            tokio::spawn(async move {
                for job in moving {
                    let to = Spec { endpoint: endpoint(&url), ..Spec::clone(&job.spec) };
                    store.edit(job.id, None, Edit::Change(Change::to(to))).await.expect("moved");
                }
            })
        };
        // At another moment each time.
        tokio::time::sleep(Duration::from_millis(3 * round)).await;
        let set = if limit { in_flight(9) } else { unlimited() };
        changer.change_pool(&contested, None, set).await.expect("changed");
        adding.await.expect("no panic");
        moving.await.expect("no panic");
        case.advance_to(due).await;
        let slipped = if limit { want() } else { want_of(&contested) };
        let slipped = case.claim_by(&Want { slots: 1000, ..slipped }).await;
        assert!(slipped.is_empty(), "round {round}: {} slipped", slipped.len());
        // Out of the way of the next round.
        case.change_pool(&contested, switch(false)).await;
    }
}
