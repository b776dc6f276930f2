//! Pools whose hosts are down: probes, and calls that come back.

use std::time::Duration;

use naptime_core::pool::{Down, PROBE_EVERY, Sign};
use naptime_core::{Pool, PoolChange, Rev, Time};
use tokio::task::JoinSet;

use super::Backend;
use super::case::{Case, SECONDS, due_at, ids};
use super::gates::{take, want_of};
use super::pools::{in_flight, pool, switch, target};
use crate::{Freed, Passes};

const SECOND: Duration = Duration::from_secs(1);

impl<B: Backend> Case<B> {
    async fn heed(&self, pool: &Pool, sign: Sign) {
        self.store.heed(pool, sign).await.expect("heeded");
    }

    async fn down(&self, pool: &Pool) -> Option<Down> {
        self.store.pool(pool).await.expect("a pool").settings.down
    }

    /// A call of the target, made now.
    async fn answered(&self) {
        let began = self.now().await;
        self.heed(&target(), Sign::Answered { began }).await;
    }

    /// How many passes there are, and what is said with them. A call leaves with each.
    async fn leaves(&self) -> Passes {
        let (taken, passes) = take(self.store.as_ref(), &target(), 5).await;
        let freed: Vec<Freed> = passes.into_iter().map(|pass| Freed { pass, used: true }).collect();
        self.store.free_passes(&freed).await.expect("freed");
        taken
    }
}

pub async fn a_host_that_is_down_is_probed_now_and_then<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = case.add_due().await;
    case.heed(&target(), Sign::Down).await;
    let down = case.down(&target()).await.expect("it is down");
    assert_eq!((down.rate, case.store.pool(&target()).await.expect("a pool").settings.rev), (0, Rev(1)));
    case.advance(SECOND).await;
    case.heed(&target(), Sign::Down).await;
    assert_eq!(case.down(&target()).await, Some(down), "it has been so for a while");
    let listed: Vec<Pool> = case.store.down_pools().await.expect("pools").into_iter().map(|it| it.pool).collect();
    assert_eq!(listed, [target()]);
    assert!(case.store.known_pools().await.expect("pools").iter().any(|it| it.down == Some(down)));

    assert!(case.claim().await.is_empty(), "an ordinary claim passes it by");
    let (taken, _) = take(case.store.as_ref(), &target(), 3).await;
    assert_eq!(taken, Passes { granted: 1, in_flight: false, per_second: true, next: None, down: Some(down) });
    assert_eq!(ids(&case.claim_by(&want_of(&target())).await), [job.id]);
    assert_eq!(case.leaves().await.granted, 0, "one has just left");
    case.advance(PROBE_EVERY + SECOND).await;
    let now = case.now().await;
    assert_eq!(case.leaves().await.granted, 1, "though the last one still hangs");
    let next = case.leaves().await.next.expect("it is told when");
    assert!(next.since(now) >= PROBE_EVERY && next.since(now) < 2 * PROBE_EVERY, "{next} after {now}");
    case.advance(PROBE_EVERY + SECOND).await;
    assert_eq!(case.leaves().await.granted, 1);
}

pub async fn calls_come_back_when_the_host_answers<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = case.add_due().await;
    case.heed(&target(), Sign::Down).await;
    case.advance(SECONDS).await;
    assert_eq!(case.leaves().await.granted, 1);
    case.answered().await;
    for rate in [1, 2, 4] {
        case.advance(2 * SECOND).await;
        let taken = case.leaves().await;
        let down = taken.down.expect("it is coming back");
        assert_eq!((taken.granted, taken.in_flight, taken.per_second, down.rate), (rate as usize, false, true, rate));
        case.answered().await;
    }
    let began = case.now().await;
    case.heed(&target(), Sign::Failed { began }).await;
    case.advance(2 * SECOND).await;
    assert_eq!(case.leaves().await.granted, 1, "it fails again");
    assert_eq!(case.leaves().await.granted, 0);
    case.heed(&target(), Sign::Over).await;
    assert_eq!(case.down(&target()).await, None);
    assert_eq!(ids(&case.claim().await), [job.id]);
    let (taken, _) = take(case.store.as_ref(), &target(), 5).await;
    assert_eq!(taken, Passes { granted: 5, in_flight: false, per_second: false, next: None, down: None });
}

pub async fn what_people_set_of_a_pool_that_is_down_wins<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = case.add_due().await;
    case.change_pool(&target(), in_flight(3)).await;
    case.heed(&target(), Sign::Down).await;
    let changed = case.store.change_pool(&target(), Some(Rev(2)), switch(false)).await.expect("nobody edited it");
    assert_eq!((changed.rev, changed.max_in_flight, changed.down.is_some()), (Rev(3), Some(3), true));
    assert_eq!(case.leaves().await.granted, 0, "it is off");
    case.change_pool(&target(), switch(true)).await;
    assert_eq!(case.leaves().await.granted, 1);
    case.heed(&target(), Sign::Over).await;
    case.advance(2 * PROBE_EVERY).await;
    assert_eq!(case.leaves().await.granted, 3, "its own limit is left");

    case.heed(&target(), Sign::Down).await;
    let unlimited = PoolChange { max_in_flight: Some(None), ..PoolChange::default() };
    case.change_pool(&target(), unlimited).await;
    assert!(case.claim().await.is_empty(), "its host is down all the same");
    case.change_pool(&target(), PoolChange { probe: Some(false), ..PoolChange::default() }).await;
    assert_eq!(ids(&case.claim().await), [job.id]);
    case.heed(&target(), Sign::Down).await;
    assert_eq!((case.down(&target()).await, case.store.down_pools().await.expect("pools")), (None, Vec::new()));
    // What is not there heeds nothing.
    case.heed(&pool("https://unknown.test"), Sign::Down).await;
}

pub async fn many_signs_at_a_time_are_heeded_once<B: Backend>() {
    let case = Case::<B>::new().await;
    case.add(due_at(Time::from_millis(1_900_000_000_000))).await;
    let heed_all = async |sign: Sign| {
        let mut tasks = JoinSet::new();
        for _ in 0..12 {
            let store = case.store.clone();
            tasks.spawn(async move { store.heed(&target(), sign).await.expect("heeded") });
        }
        let heeded = tasks.join_all().await.into_iter().filter(|changed| *changed).count();
        assert_eq!(heeded, 1, "{sign:?}");
    };
    heed_all(Sign::Down).await;
    let down = case.down(&target()).await.expect("it is down");
    case.advance(SECONDS).await;
    let began = case.now().await;
    heed_all(Sign::Answered { began }).await;
    let back = case.down(&target()).await.expect("it is coming back");
    assert_eq!((back.since, back.rate), (down.since, 1));
    heed_all(Sign::Over).await;
    assert_eq!(case.down(&target()).await, None);
}
