//! Claiming what is due: when, how much, in which order.

use std::collections::HashSet;
use std::time::Duration;

use naptime_core::state::LEASE;
use naptime_core::{Duty, Edit, JobId, Lock, NewJob, Partition};

use super::Backend;
use super::case::{Case, HOUR, SECONDS, about, due_at, ids, new_job, want};
use crate::{SIGHT, SIGHT_OF_OTHERS, Want};

pub async fn nothing_is_claimed_early<B: Backend>() {
    let case = Case::<B>::new().await;
    let taken = case.store.claim(&want()).await.expect("nothing to claim");
    assert!(taken.claims.is_empty());
    assert_eq!(taken.next, None, "nothing in sight");

    let job = case.add_due_in(HOUR / 2).await;
    let due = job.state.due.expect("due");
    case.add_due_in(HOUR / 2 + 2 * SECONDS).await;
    for lookahead in [Duration::ZERO, Duration::from_millis(100)] {
        let taken = case.store.claim(&Want { lookahead, ..want() }).await.expect("nothing to claim");
        assert!(taken.claims.is_empty());
        assert!(taken.next.is_none_or(|next| next <= due), "next is {:?}, due {due}", taken.next);
    }
    case.advance_to(due - SECONDS).await;
    assert!(case.claim().await.is_empty(), "5 s early");
    assert_eq!(case.get(job.id).await, job, "looking changes nothing");
    let late = Duration::from_millis(250);
    case.advance_to(due + late - SIGHT_OF_OTHERS).await;
    let taken = case.store.claim(&Want { late, ..want() }).await.expect("nothing to claim");
    assert!(taken.next.is_some_and(|next| next <= due + late), "whose it is not sees it from afar: {:?}", taken.next);
    case.advance_to(due - SIGHT).await;
    let taken = case.store.claim(&want()).await.expect("nothing to claim");
    assert!(taken.claims.is_empty());
    let next = taken.next.expect("it is in sight");
    assert!(next <= due && next + Duration::from_millis(100) >= due, "next is {next}, due {due}");
    case.advance_to(due).await;
    assert_eq!(ids(&case.claim().await), [job.id]);
}

pub async fn the_earliest_is_claimed_first<B: Backend>() {
    let case = Case::<B>::new().await;
    let first = case.now().await + SECONDS;
    // Added in another order than they are due.
    let order = [4_u32, 0, 6, 2, 5, 1, 3];
    let new: Vec<NewJob> = order.iter().map(|&n| due_at(first + n * SECONDS)).collect();
    let mut jobs = case.add_all(new).await;
    jobs.sort_by_key(|job| job.state.due);
    case.advance_to(first + 10 * SECONDS).await;
    let mut seen = Vec::new();
    for slots in [1, 3, 1, 2] {
        let taken = case.store.claim(&Want { slots, ..want() }).await.expect("claimed");
        let mut claimed = taken.claims;
        assert_eq!(claimed.len(), slots);
        claimed.sort_by_key(|claim| claim.lock.due);
        seen.extend(ids(&claimed));
        if seen.len() < jobs.len() {
            assert!(taken.next.is_some_and(|next| next <= first + 10 * SECONDS), "there is more: {:?}", taken.next);
        }
    }
    assert_eq!(seen, jobs.iter().map(|job| job.id).collect::<Vec<_>>());
    assert!(case.claim().await.is_empty());
}

pub async fn a_claim_says_what_it_found<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = case.add_due().await;
    case.advance(Duration::from_secs(90)).await;
    let now = case.now().await;
    let want = want();
    let claims = case.claim_by(&want).await;
    let [claim] = &claims[..] else { panic!("one claim: {claims:?}") };
    let since = claim.lock.since;
    assert!(about(since, now), "claimed at the store's time");
    let mut model = job.clone();
    assert!(model.claim(want.worker, want.token, since, Duration::ZERO));
    assert_eq!(*claim.job, model);
    let lock = Lock {
        worker: want.worker,
        token: want.token,
        since,
        lease: LEASE,
        at: since,
        due: job.state.due,
        asked_at: None,
        plan: job.plan,
        attempt: 1,
        edits: 0,
        left: false,
        lost: Vec::new(),
    };
    assert_eq!(claim.lock, lock);
    assert_eq!(claim.recorded, None);
    assert_eq!(claim.duty(), Duty::Call { at: since, due: job.state.due.expect("due"), manual: false });
    let stored = case.get(job.id).await;
    assert_eq!(stored, model);
    assert_eq!(stored.state.claim_at(), Some(since + LEASE));
    assert!(case.claim().await.is_empty(), "it is held");
}

pub async fn a_lookahead_claims_what_is_due_soon<B: Backend>() {
    let case = Case::<B>::new().await;
    let soon = case.add_due_in(2 * SECONDS).await;
    let later = case.add_due_in(10 * SECONDS).await;
    let claims = case.claim_by(&Want { lookahead: 4 * SECONDS, ..want() }).await;
    let [claim] = &claims[..] else { panic!("one claim: {claims:?}") };
    assert_eq!(claim.job.id, soon.id);
    assert_eq!(Some(claim.lock.at), soon.state.due, "to be called when it is due");
    assert!(claim.lock.since < claim.lock.at);
    assert_eq!(claim.job.state.claim_at(), Some(claim.lock.since + LEASE), "the lease begins with the claim");
    assert_eq!(case.get(later.id).await, later);
}

/// Invariant 10.
pub async fn a_claim_takes_no_more_than_its_slots<B: Backend>() {
    let case = Case::<B>::new().await;
    let due = case.now().await + SECONDS;
    let jobs = case.add_all((0..25).map(|_| due_at(due)).collect()).await;
    case.advance_to(due).await;
    let mut seen = HashSet::new();
    for (slots, expect) in [(0, 0), (1, 1), (7, 7), (0, 0), (16, 16), (5, 1), (5, 0)] {
        let want = Want { slots, ..want() };
        let claims = case.claim_by(&want).await;
        assert_eq!(claims.len(), expect, "of {slots} slots");
        assert!(claims.iter().all(|claim| claim.lock.token == want.token && claim.lock.worker == want.worker));
        seen.extend(ids(&claims));
    }
    assert_eq!(seen, jobs.iter().map(|job| job.id).collect());
}

/// Invariant 10, its bytes.
pub async fn a_claim_takes_no_more_than_its_bytes<B: Backend>() {
    let case = Case::<B>::new().await;
    let due = case.now().await + SECONDS;
    let sized = |n: usize| {
        let mut new = due_at(due);
        new.spec.request.body = Some("ü".repeat(n / 2));
        new
    };
    case.add_all((0..10).map(|_| sized(60_000)).collect()).await;
    case.add(sized(200_000)).await;
    case.advance_to(due).await;
    // Room for one of the largest, as a worker has to ask for.
    let bytes = 200_100;
    let mut seen: HashSet<JobId> = HashSet::new();
    let mut rounds = 0;
    loop {
        let claims = case.claim_by(&Want { bytes, ..want() }).await;
        if claims.is_empty() {
            break;
        }
        let sum: usize = claims.iter().map(|claim| claim.job.spec.request.size()).sum();
        assert!(sum <= bytes, "{} claims of {sum} bytes", claims.len());
        assert!(claims.iter().all(|claim| seen.insert(claim.job.id)), "claimed twice");
        rounds += 1;
    }
    assert_eq!(seen.len(), 11, "all are claimed in the end");
    assert!(rounds <= 6, "the budget was made use of: {rounds} rounds");
}

pub async fn what_is_off_or_deleted_is_not_claimed<B: Backend>() {
    let case = Case::<B>::new().await;
    case.add(new_job()).await;
    let off = case.add_due_in(SECONDS).await;
    let deleted = case.add_due_in(SECONDS).await;
    let on = case.add_due_in(SECONDS).await;
    case.switch(off.id, false).await;
    case.edit(deleted.id, Edit::Delete).await;
    case.advance(HOUR / 2).await;
    assert_eq!(ids(&case.claim().await), [on.id]);
}

pub async fn what_was_asked_for_is_claimed<B: Backend>() {
    let case = Case::<B>::new().await;
    let off = case.add(new_job()).await;
    let asked = case.edit(off.id, Edit::CallNow).await;
    let at = asked.state.asked_at.expect("asked");
    let claim = case.claim_only(off.id).await;
    assert_eq!((claim.lock.asked_at, claim.lock.due), (Some(at), None));
    assert!(matches!(claim.duty(), Duty::Call { due, manual: true, .. } if due == at), "{:?}", claim.duty());
}

pub async fn only_what_is_late_enough_is_claimed<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = case.add_due().await;
    let late = 4 * SECONDS;
    // A lookahead does not make up for it.
    for lookahead in [Duration::ZERO, Duration::from_millis(100)] {
        let taken = case.store.claim(&Want { late, lookahead, ..want() }).await.expect("nothing");
        assert!(taken.claims.is_empty(), "not late enough");
    }
    case.advance(late).await;
    assert_eq!(ids(&case.claim_by(&Want { late, ..want() }).await), [job.id]);
}

pub async fn only_the_wanted_partitions_are_claimed<B: Backend>() {
    let case = Case::<B>::new().await;
    let due = case.now().await + SECONDS;
    let jobs = case.add_all((0..64).map(|_| due_at(due)).collect()).await;
    case.advance_to(due).await;
    let (even, odd): (Vec<Partition>, Vec<Partition>) = Partition::all().partition(|p| p.number() % 2 == 0);
    let mut claimed = HashSet::new();
    for partitions in [Vec::new(), even, odd] {
        let expect: HashSet<JobId> =
            jobs.iter().map(|job| job.id).filter(|id| partitions.contains(&id.partition())).collect();
        let claims = case.claim_by(&Want { partitions, ..want() }).await;
        let taken: HashSet<JobId> = ids(&claims).into_iter().collect();
        if B::PARTITIONED {
            assert_eq!(taken, expect);
        }
        claimed.extend(taken);
    }
    assert_eq!(claimed.len(), jobs.len(), "every job has a partition");
}

/// A worker calls what the claim holds, so all of the job is in it.
pub async fn what_is_claimed_is_whole<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = case
        .add_changed(SECONDS, |new| {
            new.spec.request.body = Some("$body ".repeat(20_000));
            new.spec.request.method = naptime_core::Method::Put;
            new.spec.name = "$name".to_owned();
        })
        .await;
    let renamed = case.rename(job.id, "another").await;
    case.advance_to(job.state.due.expect("due")).await;
    let claim = case.claim_only(job.id).await;
    let mut model = renamed;
    assert!(model.claim(claim.lock.worker, claim.lock.token, claim.lock.since, Duration::ZERO));
    assert_eq!(*claim.job, model);
}
