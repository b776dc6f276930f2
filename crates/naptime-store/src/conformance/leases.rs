//! Leases: kept by renewal, ended by time, and what becomes of a claim that was lost.

use std::time::Duration;

use naptime_core::state::LEASE;
use naptime_core::{Change, ClaimRef, Duty, Edit, JobId, Outcome, Retry, Run, Schedule, Then};
use uuid::Uuid;

use super::Backend;
use super::case::{Case, HOUR, SECONDS, about, due_at, ids, new_job, new_token, run, want};
use crate::Want;

/// Invariant 3, the store's part.
pub async fn a_lease_that_ran_out_is_claimed_by_another<B: Backend>() {
    let case = Case::<B>::new().await;
    let first = case.add_claimed().await;
    case.advance_to(first.lock.since + LEASE - SECONDS).await;
    assert!(case.claim().await.is_empty(), "the lease lasts");
    case.advance_to(first.lock.since + LEASE).await;
    let second = case.claim_only(first.job.id).await;
    assert_eq!(second.lock.lost, [first.lock.as_lost()], "the lock remembers");
    assert_eq!(second.lock.due, first.lock.due, "the same occurrence");
    assert_eq!(second.lock.at, second.lock.since, "to be called at once");
    assert_eq!(second.recorded, None);
    assert_eq!(case.get(first.job.id).await, *second.job);
    case.outlive_leases().await;
    let third = case.claim_only(first.job.id).await;
    assert_eq!(third.lock.lost, [first.lock.as_lost(), second.lock.as_lost()], "oldest first");
}

/// Invariant 1: a lookahead is for what nobody holds.
pub async fn a_lookahead_never_takes_a_live_lease<B: Backend>() {
    let case = Case::<B>::new().await;
    let claim = case.add_claimed().await;
    let lookahead = 2 * SECONDS;
    case.advance_to(claim.lock.since + LEASE - SECONDS).await;
    let taken = case.claim_by(&Want { lookahead, ..want() }).await;
    assert!(taken.is_empty(), "the lease lasts: {taken:?}");
    assert_eq!(case.get(claim.job.id).await, *claim.job);
    // Beside one that nobody holds, so that there is something to claim.
    let idle = case.add_due_in(SECONDS).await;
    assert_eq!(ids(&case.claim_by(&Want { lookahead, ..want() }).await), [idle.id]);
}

pub async fn renewal_keeps_a_lease<B: Backend>() {
    let case = Case::<B>::new().await;
    let claim = case.add_claimed().await;
    let other = case.add_claimed().await;
    for _ in 0..3 {
        case.advance(LEASE - SECONDS).await;
        let gone = case.store.renew(&[claim.reference()]).await.expect("renewed");
        assert!(gone.is_empty(), "{gone:?}");
        let job = case.get(claim.job.id).await;
        assert!(about(job.state.claim_at().expect("held"), case.now().await + LEASE), "a whole lease from now");
        assert_eq!(job.state.lock(), Some(&claim.lock), "the claim is the same");
    }
    assert_eq!(ids(&case.claim().await), [other.job.id], "the one not renewed is lost");
    case.advance(LEASE).await;
    assert!(ids(&case.claim().await).contains(&claim.job.id), "without renewal it ends as any");
}

pub async fn a_job_may_have_a_lease_of_its_own<B: Backend>() {
    let case = Case::<B>::new().await;
    let [short, long] = [4 * SECONDS, 40 * SECONDS];
    let due = case.now().await + SECONDS;
    let of = |lease: Duration| {
        let mut new = due_at(due);
        new.spec.lease = lease;
        new
    };
    let jobs = [case.add(of(short)).await, case.add(of(LEASE)).await, case.add(of(long)).await];
    case.advance_to(due).await;
    let claims = case.claim().await;
    assert_eq!(claims.len(), 3);
    for (job, lease) in jobs.iter().zip([short, LEASE, long]) {
        let claim = claims.iter().find(|claim| claim.job.id == job.id).expect("claimed");
        assert_eq!(claim.lock.lease, lease);
        assert_eq!(claim.job.state.claim_at(), Some(claim.lock.since + lease));
        // What an edit sets is for the next claim.
        case.change(job.id, |spec| spec.lease = LEASE + SECONDS).await;
    }
    let since = claims[0].lock.since;
    case.advance_to(since + LEASE).await;
    assert_eq!(ids(&case.claim().await), [jobs[1].id], "the usual lease is over, one of 20 s is not");
    case.advance_to(since + short).await;
    assert_eq!(ids(&case.claim().await), [jobs[0].id]);
    let holder = claims.iter().find(|claim| claim.job.id == jobs[2].id).expect("claimed");
    for _ in 0..2 {
        case.advance(long - short - SECONDS).await;
        assert!(case.store.renew(&[holder.reference()]).await.expect("renewed").is_empty());
        let claim_at = case.get(jobs[2].id).await.state.claim_at().expect("held");
        assert!(about(claim_at, case.now().await + long), "a whole lease of its own from now");
    }
    case.advance(long - SECONDS).await;
    assert!(!ids(&case.claim().await).contains(&jobs[2].id), "it lasts");
    case.advance(SECONDS).await;
    let next = case.claim().await;
    let next = next.iter().find(|claim| claim.job.id == jobs[2].id).expect("over at last");
    assert_eq!(next.lock.lease, LEASE + SECONDS, "what the edit set");
}

pub async fn renewal_returns_what_is_no_longer_held<B: Backend>() {
    let case = Case::<B>::new().await;
    let reclaimed = case.add_claimed().await;
    let due = reclaimed.lock.since + LEASE + SECONDS;
    let jobs = case.add_all((0..3).map(|_| due_at(due)).collect()).await;
    case.advance_to(due).await;
    let claims = case.claim().await;
    let of = |id: JobId| claims.iter().find(|claim| claim.job.id == id).expect("claimed").clone();
    let holder = of(reclaimed.job.id);
    let [settled, edited, deleted] = [0, 1, 2].map(|n: usize| of(jobs[n].id));
    case.settle_ok(&settled).await;
    case.switch(edited.job.id, false).await;
    case.edit(deleted.job.id, Edit::Delete).await;
    let unknown = ClaimRef { job: JobId::from(Uuid::new_v4()), token: new_token() };
    let foreign = ClaimRef { token: new_token(), ..holder.reference() };

    let ours = [holder.reference(), edited.reference(), deleted.reference()];
    let lost = [reclaimed.reference(), settled.reference(), unknown, foreign];
    let all: Vec<ClaimRef> = ours.iter().chain(&lost).copied().collect();
    let before = case.get(settled.job.id).await;
    let mut gone = case.store.renew(&all).await.expect("renewed");
    gone.sort_by_key(|claim| all.iter().position(|other| other == claim));
    assert_eq!(gone, lost);
    assert_eq!(case.get(settled.job.id).await, before, "renewing what is settled changes nothing");
    assert!(case.store.renew(&[]).await.expect("nothing to renew").is_empty());
}

/// Invariant 6.
pub async fn a_lost_claim_is_recorded_once<B: Backend>() {
    let case = Case::<B>::new().await;
    let first = case.add_claimed().await;
    case.outlive_leases().await;
    assert!(case.runs(first.job.id).await.is_empty(), "nobody has found it yet");
    let second = case.claim_only(first.job.id).await;
    let runs = case.runs(first.job.id).await;
    let [lost] = &runs[..] else { panic!("one run: {runs:?}") };
    assert!(about(lost.finished, second.lock.since), "found lost when it was claimed again");
    let expect = Run {
        token: first.lock.token,
        job: first.job.id,
        worker: first.lock.worker,
        due: first.lock.due.expect("due"),
        started: first.lock.since,
        finished: lost.finished,
        outcome: Outcome::Lost,
        status: None,
        message: lost.message.clone(),
        attempt: 1,
        manual: false,
        skipped: None,
    };
    assert_eq!(*lost, expect);
    case.outlive_leases().await;
    let third = case.claim_only(first.job.id).await;
    let runs = case.runs(first.job.id).await;
    let tokens: Vec<_> = runs.iter().map(|run| (run.token, run.attempt, run.outcome)).collect();
    let expect = [(second.lock.token, 2, Outcome::Lost), (first.lock.token, 1, Outcome::Lost)];
    assert_eq!(tokens, expect, "each once, newest first");
    assert_eq!(runs[1], *lost, "the first is as it was");
    assert_eq!(third.job.attempts(), 3);
    assert_eq!(third.job.state.counters, first.job.state.counters, "a lost claim is not counted as a run");
}

pub async fn a_lost_claim_counts_as_an_attempt<B: Backend>() {
    let case = Case::<B>::new().await;
    let retry = Retry::new(2, Duration::from_secs(1)).expect("a retry");
    let job = case.add_changed(SECONDS, |new| new.spec.retry = retry).await;
    case.advance_to(job.state.due.expect("due")).await;
    for attempt in 1..=2 {
        let claim = case.claim_only(job.id).await;
        assert_eq!(claim.job.attempts(), attempt);
        assert!(matches!(claim.duty(), Duty::Call { .. }));
        case.outlive_leases().await;
    }
    let claim = case.claim_only(job.id).await;
    let Duty::Settle(then) = claim.duty() else { panic!("it has killed two workers: {:?}", claim.duty()) };
    case.settle(claim.settled_uncalled(then)).await;
    let after = case.get(job.id).await;
    assert_eq!(after.state.due, job.state.due.map(|due| due + HOUR));
    assert_eq!((after.attempts(), after.state.counters.settled), (0, 1));
    assert_eq!(case.runs(job.id).await.len(), 2);
}

/// Invariants 1 and 6.
pub async fn a_late_holder_changes_nothing<B: Backend>() {
    let case = Case::<B>::new().await;
    let late = case.add_claimed().await;
    case.outlive_leases().await;
    let holder = case.claim_only(late.job.id).await;
    let (job, runs) = (case.get(late.job.id).await, case.runs(late.job.id).await);
    for _ in 0..2 {
        case.settle_ok(&late).await;
        assert_eq!(case.get(late.job.id).await, job);
        assert_eq!(case.runs(late.job.id).await, runs, "it was recorded as lost, and stays so");
    }
    case.settle(late.settled(None, Then::GiveBack)).await;
    assert_eq!(case.get(late.job.id).await, job);
    case.settle_ok(&holder).await;
    let after = case.get(late.job.id).await;
    assert_eq!((after.state.counters.settled, after.state.counters.runs), (1, 1));
    assert_eq!(case.runs(late.job.id).await.len(), 2);
    case.settle_ok(&late).await;
    assert_eq!(case.get(late.job.id).await, after, "nor after the other has settled");
}

pub async fn a_late_holder_that_nobody_followed_still_settles<B: Backend>() {
    let case = Case::<B>::new().await;
    let claim = case.add_claimed().await;
    case.outlive_leases().await;
    assert!(case.store.renew(&[claim.reference()]).await.expect("renewed").is_empty(), "it may even renew");
    case.outlive_leases().await;
    let settled = case.settle_ok(&claim).await;
    assert_eq!(case.runs(claim.job.id).await, [settled.run.expect("a run")]);
    assert_eq!(case.get(claim.job.id).await.state.counters.settled, 1);
    assert!(case.claim().await.is_empty());
}

/// Invariant 7: a call that was recorded is not made again only because its settle was lost.
pub async fn a_call_whose_settle_was_lost_is_not_repeated<B: Backend>() {
    let case = Case::<B>::new().await;
    let first = case.add_claimed().await;
    let recorded = run(&first, Outcome::Ok);
    case.record(recorded.clone()).await;
    assert_eq!(case.get(first.job.id).await, *first.job, "a run alone settles nothing");
    case.outlive_leases().await;
    let second = case.claim_only(first.job.id).await;
    assert_eq!(second.recorded, Some(recorded.clone()));
    assert_eq!(case.runs(first.job.id).await, std::slice::from_ref(&recorded), "not recorded as lost");
    let Duty::Settle(then) = second.duty() else { panic!("not to be called again: {:?}", second.duty()) };
    case.settle(second.settled_uncalled(then)).await;
    let after = case.get(first.job.id).await;
    assert_eq!(after.state.due, first.lock.due.map(|due| due + HOUR));
    let counters = after.state.counters;
    assert_eq!((counters.settled, counters.missed, counters.runs, counters.ok), (1, 0, 1, 1));
    assert_eq!(after.state.last_ok, Some(recorded.finished));
    assert_eq!(case.runs(first.job.id).await, [recorded]);
}

pub async fn a_call_recorded_under_another_plan_is_not_taken_over<B: Backend>() {
    let case = Case::<B>::new().await;
    let first = case.add_claimed().await;
    let recorded = run(&first, Outcome::Ok);
    case.record(recorded.clone()).await;
    let anchor = first.lock.since + HOUR / 2;
    let schedule = Schedule::Every { period: HOUR, anchor, jitter: None };
    case.edit(first.job.id, Edit::Change(Change::schedule(schedule))).await;
    case.outlive_leases().await;
    let second = case.claim_only(first.job.id).await;
    assert_eq!(second.recorded, None, "it answers for another occurrence");
    assert_eq!(second.lock.abandoned(), 1);
    assert_eq!(second.duty(), Duty::Settle(Then::GiveBack), "the new one is still to come");
    case.settle(second.settled_uncalled(Then::GiveBack)).await;
    let after = case.get(first.job.id).await;
    assert_eq!((after.state.due, after.state.claim_at()), (Some(anchor), Some(anchor)));
    assert_eq!(case.runs(first.job.id).await, [recorded]);
}

pub async fn a_call_out_of_turn_is_not_repeated_for_a_new_schedule<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = case.add_due_in(HOUR).await;
    case.edit(job.id, Edit::CallNow).await;
    let first = case.claim_only(job.id).await;
    let recorded = run(&first, Outcome::Ok);
    case.record(recorded.clone()).await;
    // As its target may, by that very answer.
    case.edit(job.id, Edit::Change(Change::schedule(Schedule::every(2 * HOUR, job.id)))).await;
    case.outlive_leases().await;
    let second = case.claim_only(job.id).await;
    assert_eq!(second.recorded, Some(recorded.clone()));
    assert_eq!(second.duty(), Duty::Settle(Then::Keep));
    case.settle(second.settled_uncalled(Then::Keep)).await;
    assert_eq!((case.get(job.id).await.state.asked_at, case.runs(job.id).await), (None, vec![recorded]));
}

pub async fn a_lost_call_out_of_turn_is_recorded_as_such<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = case.add(new_job()).await;
    let asked = case.edit(job.id, Edit::CallNow).await;
    let first = case.claim_only(job.id).await;
    case.outlive_leases().await;
    let second = case.claim_only(job.id).await;
    assert!(matches!(second.duty(), Duty::Call { manual: true, .. }), "still to be called");
    let runs = case.runs(job.id).await;
    let [lost] = &runs[..] else { panic!("one run: {runs:?}") };
    assert_eq!((lost.token, lost.manual, Some(lost.due)), (first.lock.token, true, asked.state.asked_at));
    case.settle_ok(&second).await;
    let after = case.get(job.id).await;
    assert_eq!((after.state.asked_at, after.state.claim_at()), (None, None));
    // Lost again, but recorded this time.
    case.edit(job.id, Edit::CallNow).await;
    let third = case.claim_only(job.id).await;
    let recorded = run(&third, Outcome::Failed);
    case.record(recorded.clone()).await;
    case.outlive_leases().await;
    let fourth = case.claim_only(job.id).await;
    assert_eq!(fourth.recorded, Some(recorded));
    assert_eq!(fourth.duty(), Duty::Settle(Then::Keep));
}

pub async fn what_was_lost_once_is_forgotten_after_a_settle<B: Backend>() {
    let case = Case::<B>::new().await;
    let first = case.add_claimed().await;
    case.outlive_leases().await;
    let second = case.claim_only(first.job.id).await;
    case.settle_ok(&second).await;
    case.advance(HOUR).await;
    let third = case.claim_only(first.job.id).await;
    assert!(third.lock.lost.is_empty(), "{:?}", third.lock.lost);
    assert_eq!(third.job.attempts(), 1);
    assert_eq!(case.runs(first.job.id).await.len(), 2);
}
