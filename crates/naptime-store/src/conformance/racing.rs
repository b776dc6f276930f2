//! Many at once: 32 workers on several handles, and every job is claimed by one of them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use naptime_core::{Edit, JobId, NewJob, Outcome, Token};

use super::Backend;
use super::case::{Case, HOUR, SECONDS, due_at, new_job, rename, run, want};
use crate::{Store, Want};

/// Whoever waits longer than this for all claims has lost one.
const PATIENCE: Duration = Duration::from_secs(60);

/// A job whose lease no stall of the machine outlasts: these cases are about claims that live.
fn held_long(mut new: NewJob) -> NewJob {
    new.spec.lease = HOUR;
    new
}

async fn handles<B: Backend>(case: &Case<B>) -> Vec<Arc<dyn Store>> {
    vec![case.store.clone(), case.backend.another().await, case.backend.another().await]
}

/// Invariant 1.
pub async fn no_job_is_claimed_twice_and_none_forgotten<B: Backend>() {
    const JOBS: usize = 500;
    let case = Case::<B>::new().await;
    let handles = handles(&case).await;
    let due = case.now().await + 2 * SECONDS;
    let jobs = case.add_all((0..JOBS).map(|_| held_long(due_at(due))).collect()).await;
    case.advance_to(due).await;
    let total = Arc::new(AtomicUsize::new(0));
    let workers: Vec<_> = (0..32)
        .map(|n| {
            let (store, total) = (handles[n % handles.len()].clone(), Arc::clone(&total));
            tokio::spawn(async move {
                let me = want().worker;
                let mut mine: Vec<(JobId, Token)> = Vec::new();
                let claiming = async {
                    let mut slots = n;
                    while total.load(Ordering::SeqCst) < JOBS {
                        slots = slots % 7 + 1;
                        let want = Want { worker: me, slots, ..want() };
                        let claims = store.claim(&want).await.expect("claimed").claims;
                        assert!(claims.len() <= slots, "{} claims for {slots} slots", claims.len());
                        for claim in claims {
                            assert_eq!((claim.lock.token, claim.lock.worker), (want.token, me));
                            assert!(claim.lock.lost.is_empty(), "nobody held it for as long as a lease");
                            mine.push((claim.job.id, want.token));
                            total.fetch_add(1, Ordering::SeqCst);
                        }
                    }
                };
                let in_time = tokio::time::timeout(PATIENCE, claiming).await.is_ok();
                (mine, in_time)
            })
        })
        .collect();
    let mut holders: HashMap<JobId, Vec<Token>> = HashMap::new();
    let mut in_time = true;
    for worker in workers {
        let (mine, done) = worker.await.expect("no panic");
        in_time &= done;
        for (job, token) in mine {
            holders.entry(job).or_default().push(token);
        }
    }
    let twice: Vec<_> = holders.iter().filter(|(_, tokens)| tokens.len() > 1).collect();
    assert!(twice.is_empty(), "claimed twice: {twice:?}");
    let forgotten: Vec<JobId> = jobs.iter().map(|job| job.id).filter(|id| !holders.contains_key(id)).collect();
    assert!(in_time && forgotten.is_empty(), "forgotten: {forgotten:?}");
    for (job, tokens) in holders {
        let lock = case.get(job).await.state.lock().cloned().expect("held");
        assert_eq!(vec![lock.token], tokens, "the store knows who holds it");
    }
}

pub async fn a_job_that_many_want_has_one_holder<B: Backend>() {
    let case = Case::<B>::new().await;
    let handles = handles(&case).await;
    let job = case.add(new_job()).await;
    for _ in 0..10 {
        case.edit(job.id, Edit::CallNow).await;
        let claiming: Vec<_> = (0..32)
            .map(|n| {
                let store = handles[n % handles.len()].clone();
                tokio::spawn(async move { store.claim(&Want { slots: 1, ..want() }).await.expect("answered").claims })
            })
            .collect();
        let mut claims = Vec::new();
        for claim in claiming {
            claims.extend(claim.await.expect("no panic"));
        }
        assert_eq!(claims.len(), 1, "{claims:?}");
        case.settle_ok(&claims[0]).await;
    }
    assert_eq!(case.get(job.id).await.state.counters.runs, 10);
}

/// Workers claim and settle, editors ask for calls and rename, all at once; in the end the books balance.
pub async fn claims_and_settles_at_the_same_time_lose_nothing<B: Backend>() {
    const JOBS: usize = 20;
    const CALLS: usize = 12;
    let case = Case::<B>::new().await;
    let handles = handles(&case).await;
    let jobs = case.add_all((0..JOBS).map(|_| held_long(new_job())).collect()).await;
    let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
    let total = Arc::new(AtomicUsize::new(0));
    let workers: Vec<_> = (0..8)
        .map(|n| {
            let (store, total) = (handles[n % handles.len()].clone(), Arc::clone(&total));
            tokio::spawn(async move {
                let mut calls: Vec<(JobId, Token)> = Vec::new();
                while total.load(Ordering::SeqCst) < JOBS * CALLS {
                    let claims = store.claim(&Want { slots: 5, ..want() }).await.expect("claimed").claims;
                    let mut settled = Vec::new();
                    for claim in &claims {
                        let run = run(claim, Outcome::Ok);
                        settled.push(claim.settled(Some(run.clone()), claim.conclude(&run, None)));
                        calls.push((claim.job.id, claim.lock.token));
                    }
                    // Each asks for the call that follows: it must not be taken for the one just made. Requests of one
                    // millisecond are one, so it comes later than that.
                    tokio::time::sleep(Duration::from_millis(2)).await;
                    for claim in &claims {
                        store.edit(claim.job.id, None, Edit::CallNow).await.expect("asked");
                    }
                    store.settle(&settled).await.expect("settled");
                    total.fetch_add(claims.len(), Ordering::SeqCst);
                }
                calls
            })
        })
        .collect();
    for &id in &ids {
        case.edit(id, Edit::CallNow).await;
    }
    let store = handles[0].clone();
    let renaming = tokio::spawn(async move {
        for n in 0.. {
            let job = &jobs[n % JOBS];
            store.edit(job.id, None, rename(job, &format!("name {n}"))).await.expect("renamed");
            // Others get to write: SQLite gives up on who waits for long. And a task that never waits cannot be ended.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    let all = async {
        let mut calls = Vec::new();
        for worker in workers {
            calls.extend(worker.await.expect("no panic"));
        }
        calls
    };
    let calls = tokio::time::timeout(PATIENCE, all).await.expect("a call that was asked for is made");
    renaming.abort();
    let unique: HashSet<_> = calls.iter().collect();
    assert_eq!(unique.len(), calls.len(), "a claim settled twice");
    for id in ids {
        let expect = calls.iter().filter(|(job, _)| *job == id).count();
        let job = case.get(id).await;
        assert_eq!(job.state.counters.runs, expect as u64, "counted");
        assert_eq!(case.runs(id).await.len(), expect, "recorded");
        assert!(job.state.lock().is_none() && job.state.asked_at.is_some(), "the last call asked for is still owed");
    }
    case.advance(HOUR).await;
    assert_eq!(case.claim().await.len(), JOBS);
}
