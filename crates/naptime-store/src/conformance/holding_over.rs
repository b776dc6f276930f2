//! A settle that claims the next occurrence.

use std::slice;
use std::time::Duration;

use naptime_core::claim::HOLDS_OVER;
use naptime_core::{
    CatchUp, Change, Claim, ClaimRef, Edit, Job, Outcome, PoolChange, Schedule, Settled, Then, Token, WorkerId,
};
use uuid::Uuid;

use super::Backend;
use super::case::{Case, due_at, rename, run};

const SECOND: Duration = Duration::from_secs(1);

/// A job that is due every two seconds, claimed.
async fn claimed<B: Backend>(case: &Case<B>) -> Claim {
    let now = case.now().await;
    let mut new = due_at(now);
    new.spec.schedule = Schedule::Every { period: 2 * SECOND, anchor: now, jitter: None };
    // However long it takes, nothing is missed.
    new.spec.misfire.catch_up = CatchUp::ALL;
    let job = case.add(new).await;
    case.advance(SECOND * 5 / 2).await;
    let claims = case.claim().await;
    claims.into_iter().find(|claim| claim.job.id == job.id).expect("it is due")
}

/// The end of a claim that goes well, with the wish to hold the job over.
fn wish(claim: &Claim) -> Settled {
    let run = run(claim, Outcome::Ok);
    let then = claim.conclude(&run, None);
    assert!(matches!(then, Then::Next { due: Some(_), .. }));
    Settled { hold_over: Some(Token::from(Uuid::now_v7())), ..claim.settled(Some(run), then) }
}

async fn settle<B: Backend>(case: &Case<B>, done: &[Settled]) -> Vec<Claim> {
    case.store.settle(done).await.expect("settled")
}

async fn edited<B: Backend>(case: &Case<B>, me: WorkerId) -> Vec<ClaimRef> {
    case.store.edited(me).await.expect("an answer")
}

pub async fn the_next_occurrence_is_claimed_by_the_settle<B: Backend>() {
    let case = Case::<B>::new().await;
    let claim = claimed(&case).await;
    let wish = wish(&claim);
    let held = settle(&case, slice::from_ref(&wish)).await;
    let [next] = &held[..] else { panic!("it is held over: {held:?}") };
    let job = case.get(claim.job.id).await;
    assert_eq!(job.state.lock(), Some(&next.lock));
    assert_eq!((Some(next.lock.token), next.lock.due), (wish.hold_over, job.state.due));
    assert_eq!((next.lock.at, job.attempts()), (job.state.due.expect("due"), 1));
    assert_eq!((job.state.counters.settled, job.state.counters.ok), (1, 1));
    let left = job.state.claim_at().expect("held").since(case.now().await);
    assert!(left <= job.spec.lease && left >= job.spec.lease - 10 * SECOND, "{left:?} of the lease are left");
    // Repeated, as after an answer that was lost, it says the same.
    let again = settle(&case, &[wish]).await;
    assert_eq!(again.iter().map(Claim::reference).collect::<Vec<_>>(), [next.reference()]);
    assert_eq!(case.get(claim.job.id).await.state.counters, job.state.counters);
    // It is a claim as any other.
    assert_eq!(case.store.renew(&[next.reference()]).await.expect("renewed"), []);
    case.advance(2 * SECOND).await;
    assert!(case.claim().await.is_empty(), "it is held");
    case.settle_ok(next).await;
    let job = case.get(claim.job.id).await;
    assert_eq!((job.state.counters.settled, job.state.counters.missed, job.state.lock()), (2, 0, None));
}

pub async fn what_was_edited_is_not_held_over<B: Backend>() {
    let case = Case::<B>::new().await;
    let slower = Schedule::Every { period: 3600 * SECOND, anchor: case.now().await, jitter: None };
    let edits: [&dyn Fn(&Job) -> Edit; 5] = [
        &|_| Edit::CallNow,
        &|_| Edit::Delete,
        &|_| Edit::Change(Change::switch(false)),
        &|_| Edit::Change(Change::schedule(slower.clone())),
        &|job| rename(job, "another"),
    ];
    for edit in edits {
        let claim = claimed(&case).await;
        let edit = edit(&claim.job);
        case.edit(claim.job.id, edit.clone()).await;
        // Beside one that was not.
        let other = claimed(&case).await;
        let held = settle(&case, &[wish(&claim), wish(&other)]).await;
        assert_eq!(held.iter().map(|claim| claim.job.id).collect::<Vec<_>>(), [other.job.id], "{edit:?}");
        assert_eq!(case.get(claim.job.id).await.state.lock(), None, "{edit:?}");
        case.settle(held[0].settled(None, Then::GiveBack)).await;
        // So that the next round finds nothing of this one.
        for job in [claim.job.id, other.job.id] {
            if case.get(job).await.deleted_at.is_none() {
                case.edit(job, Edit::Delete).await;
            }
        }
    }
}

pub async fn what_is_due_much_later_is_not_held_over<B: Backend>() {
    let case = Case::<B>::new().await;
    let claim = case.add_claimed().await;
    let wish = wish(&claim);
    assert!(matches!(wish.then, Then::Next { due: Some(due), .. } if due > claim.lock.since + HOLDS_OVER));
    assert!(settle(&case, &[wish]).await.is_empty());
    assert_eq!(case.get(claim.job.id).await.state.lock(), None);
}

pub async fn edits_of_what_is_held_are_told<B: Backend>() {
    let case = Case::<B>::new().await;
    let [one, other] = [claimed(&case).await, claimed(&case).await];
    let me = one.lock.worker;
    assert_eq!(edited(&case, me).await, []);
    case.edit(one.job.id, Edit::CallNow).await;
    assert_eq!(edited(&case, me).await, [one.reference()]);
    assert_eq!(edited(&case, Uuid::now_v7().into()).await, [], "another worker's are its own");
    case.settle(one.settled(None, Then::GiveBack)).await;
    assert_eq!(edited(&case, me).await, []);
    // So is that its pool is switched off or limited: what waits must not be called.
    let off = PoolChange { active: Some(false), ..PoolChange::default() };
    case.store.change_pool(other.job.spec.endpoint.pool(), None, off).await.expect("it is there");
    assert_eq!(edited(&case, other.lock.worker).await, [other.reference()]);
}
