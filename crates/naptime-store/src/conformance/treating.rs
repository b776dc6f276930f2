//! One-off jobs retried and cancelled, one or all that match.

use std::time::Duration;

use naptime_core::{Claim, Duty, JobId, Outcome, Retry, Stage};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::Backend;
use super::case::{Case, SECONDS, about, new_job, run};
use super::queued::{all, of, once, settle};
use crate::{Error, PageRef, QueuedQuery, Treatment};

pub async fn what_failed_is_called_again<B: Backend>() {
    let case = Case::<B>::new().await;
    for outcome in [Outcome::Failed, Outcome::Ok] {
        let id = case.add(once("/")).await.id;
        let claim = case.claim_only(id).await;
        let ended = settle(&case, &claim, outcome).await;
        let again = case.store.treat(id, Some(ended.rev), Treatment::Retry).await.expect("retried");
        assert_eq!((again.stage(), again.attempts(), again.state.ended_at), (Some(Stage::Waiting), 0, None));
        assert!(about(again.state.due.expect("due"), case.now().await));
        assert_eq!(case.get(id).await, again);
        case.advance(SECONDS).await;
        let claim = case.claim_only(id).await;
        assert_eq!(settle(&case, &claim, Outcome::Ok).await.stage(), Some(Stage::Done));
        assert_eq!(case.runs(id).await.len(), 2);
    }
}

/// A good answer of an earlier time does not speak for a call whose end nobody knows.
pub async fn what_is_called_again_and_lost_has_failed<B: Backend>() {
    let case = Case::<B>::new().await;
    let mut new = once("/");
    new.spec.retry = Retry::new(1, Duration::from_secs(1)).expect("a retry");
    let id = case.add(new).await.id;
    let claim = case.claim_only(id).await;
    settle(&case, &claim, Outcome::Ok).await;
    case.store.treat(id, None, Treatment::Retry).await.expect("retried");
    case.advance(SECONDS).await;
    case.claim_only(id).await;
    case.outlive_leases().await;
    let claim = case.claim_only(id).await;
    let Duty::Settle(then) = claim.duty() else { panic!("an attempt too many: {claim:?}") };
    case.store.settle(&[claim.settled_uncalled(then)]).await.expect("settled");
    assert_eq!(case.get(id).await.stage(), Some(Stage::Failed));
}

pub async fn a_treatment_suits_a_stage<B: Backend>() {
    let case = Case::<B>::new().await;
    let treat = async |id: JobId, treatment| case.store.treat(id, None, treatment).await.err().map(|e| e.to_string());
    let wrong = |stage| Some(Error::WrongStage(stage).to_string());
    let endpoint = case.add(new_job()).await;
    for treatment in [Treatment::Retry, Treatment::Cancel] {
        for id in [endpoint.id, Uuid::now_v7().into()] {
            assert_eq!(treat(id, treatment).await, Some(Error::NotFound.to_string()), "no one-off job");
        }
    }
    let id = case.add(once("/")).await.id;
    assert_eq!(treat(id, Treatment::Retry).await, wrong(Stage::Waiting));
    let claim = case.claim_only(id).await;
    assert_eq!(treat(id, Treatment::Retry).await, wrong(Stage::Running));
    settle(&case, &claim, Outcome::Timeout).await;
    assert_eq!(treat(id, Treatment::Retry).await, wrong(Stage::Retrying));
    case.advance(SECONDS).await;
    let claim = case.claim_only(id).await;
    let failed = settle(&case, &claim, Outcome::Failed).await;
    assert_eq!(treat(id, Treatment::Cancel).await, wrong(Stage::Failed));
    assert_eq!(case.get(id).await, failed, "nothing was done to it");
    case.rename(id, "x").await;
    let stale = case.store.treat(id, Some(failed.rev), Treatment::Retry).await;
    assert!(matches!(stale, Err(Error::Stale(rev)) if rev.0 == failed.rev.0 + 1), "{stale:?}");
    assert_eq!(treat(id, Treatment::Retry).await, None);
    assert_eq!(treat(id, Treatment::Cancel).await, None);
    for treatment in [Treatment::Retry, Treatment::Cancel] {
        assert_eq!(treat(id, treatment).await, Some(Error::Deleted.to_string()), "it is cancelled already");
    }
}

pub async fn what_is_cancelled_is_not_called<B: Backend>() {
    let case = Case::<B>::new().await;
    let [waiting, running] = [case.add(once("/")).await.id, case.add(once("/")).await.id];
    let claim = case.claim().await.into_iter().find(|claim| claim.job.id == running).expect("claimed");
    case.outlive_leases().await;
    // Only one of them is held by somebody who lives.
    let claim = case.claim().await.into_iter().find(|again| again.job.id == claim.job.id).expect("claimed again");
    for id in [waiting, running] {
        let cancelled = case.store.treat(id, None, Treatment::Cancel).await.expect("cancelled");
        assert_eq!(cancelled.stage(), Some(Stage::Cancelled));
    }
    let after = settle(&case, &claim, Outcome::Ok).await;
    assert_eq!((after.stage(), after.state.claim_at()), (Some(Stage::Cancelled), None), "it stays cancelled");
    assert!(case.runs(running).await.iter().any(|run| run.outcome == Outcome::Ok), "what it answered is recorded");
    case.outlive_leases().await;
    let duties: Vec<_> = case.claim().await.iter().map(Claim::duty).collect();
    assert!(duties.iter().all(|duty| matches!(duty, Duty::Settle(_))), "nothing to call: {duties:?}");
    assert_eq!(all(&case, &of(&[Stage::Cancelled]), 10).await.len(), 2);
}

pub async fn all_that_match_are_treated_once<B: Backend>() {
    const JOBS: usize = 60;
    let case = Case::<B>::new().await;
    case.add_all((0..JOBS).map(|n| once(if n % 2 == 0 { "/even" } else { "/odd" })).collect()).await;
    let claims = case.claim().await;
    let settled = claims.iter().map(|claim| {
        let run = run(claim, Outcome::Failed);
        let then = claim.conclude(&run, None);
        claim.settled(Some(run), then)
    });
    case.store.settle(&settled.collect::<Vec<_>>()).await.expect("settled");
    let even = QueuedQuery { q: Some("even".to_owned()), ..of(&[Stage::Failed]) };
    // Two ask for it at the same time: each job is called again once.
    let mut asking = JoinSet::new();
    for _ in 0..2 {
        let (store, even) = (case.backend.another().await, even.clone());
        asking.spawn(async move {
            let (mut count, mut page) = (0, PageRef::first(7));
            loop {
                let treated = store.treat_all(&even, Treatment::Retry, &page).await.expect("treated");
                assert!(treated.count <= 7);
                count += treated.count;
                if treated.next.is_none() {
                    return count;
                }
                page.cursor = treated.next;
            }
        });
    }
    let counts = asking.join_all().await;
    assert_eq!(counts.iter().sum::<u64>(), 30, "{counts:?}");
    let stages = case.store.stages().await.expect("counts");
    assert_eq!((stages[&Stage::Waiting], stages[&Stage::Failed]), (30, 30));
    let waiting = all(&case, &of(&[Stage::Waiting]), 100).await;
    assert!(waiting.iter().all(|job| job.rev.0 == 2 && job.endpoint.channel().as_str() == "/even"), "each once");
    // What does not suit the treatment is passed over.
    let treated = case.store.treat_all(&of(&[]), Treatment::Cancel, &PageRef::first(100)).await.expect("treated");
    assert_eq!((treated.count, treated.next), (30, None));
    assert_eq!(case.store.stages().await.expect("counts")[&Stage::Failed], 30);
}
