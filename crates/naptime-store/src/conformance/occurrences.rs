//! Invariant 7: every occurrence is accounted for, whatever happens to workers and whatever people edit.

use std::time::Duration;

use naptime_core::{Change, Claim, Duty, Edit, Job, JobId, Outcome, Retry, Schedule, Then};

use super::Backend;
use super::case::{Case, Dice, due_at, run};

const MINUTE: Duration = Duration::from_secs(60);

/// A worker as they come: it calls and settles, or dies on the way, or gives up what it has not called.
async fn work<B: Backend>(case: &Case<B>, dice: &mut Dice, claim: &Claim, may_fail: bool) {
    match claim.duty() {
        _ if may_fail && dice.one_in(6) => {} // died before the call, or during it
        Duty::Settle(then) => case.settle(claim.settled_uncalled(then)).await,
        Duty::Call { .. } if may_fail && dice.one_in(8) => case.settle(claim.settled(None, Then::GiveBack)).await,
        Duty::Call { .. } => {
            let outcome = dice.pick(&[Outcome::Ok, Outcome::Ok, Outcome::Failed, Outcome::Timeout]);
            let run = run(claim, outcome);
            if may_fail && dice.one_in(6) {
                case.record(run).await; // died before the settle
            } else {
                case.settle(claim.settled(Some(run.clone()), claim.conclude(&run, None))).await;
            }
        }
    }
}

fn period(job: &Job) -> Duration {
    job.spec.schedule.period().expect("it recurs")
}

/// The occurrences of a job from the one that was `first` due on: those it has got past, and those it owes at the edit
/// that makes `after` of it.
fn occurrences(first: naptime_core::Time, job: &Job, after: &Job) -> u64 {
    let Some(due) = job.state.due else { return 0 };
    let past = due.since(first).as_millis() / period(job).as_millis();
    let owed =
        if due <= after.updated_at { 1 + after.updated_at.since(due).as_millis() / period(job).as_millis() } else { 0 };
    u64::try_from(past + owed).expect("small")
}

pub async fn every_occurrence_is_settled_or_missed<B: Backend>() {
    let (mut lost, mut missed, mut settled) = (0, 0, 0);
    for seed in 0..6 {
        let case = Case::<B>::new().await;
        let mut dice = Dice(seed);
        let start = case.now().await + MINUTE;
        let new = (0..3_u32).map(|n| {
            let mut new = due_at(start);
            new.spec.retry = Retry::new(n + 1, Duration::from_secs(5)).expect("a retry");
            new.spec.schedule = Schedule::Every { period: (n + 1) * MINUTE, anchor: start, jitter: None };
            new
        });
        let jobs = case.add_all(new.collect()).await;
        // Since when the present plan holds, and what came before.
        let mut books: Vec<(JobId, Option<naptime_core::Time>, u64)> =
            jobs.iter().map(|job| (job.id, job.state.due, 0)).collect();
        for step in 0..60 {
            // In the end, everything is brought to rest.
            let may_fail = step < 50;
            let pauses = [1, 10, 16, 40, 60, 90, 200].map(Duration::from_secs);
            case.advance(if may_fail { dice.pick(&pauses) } else { Duration::from_secs(20) }).await;
            if may_fail && dice.one_in(4) {
                let n = usize::try_from(dice.below(3)).expect("small");
                let (id, first, before) = &mut books[n];
                // Nobody else edits or settles, so what is read is what the edit finds.
                let job = case.get(*id).await;
                let schedule = Schedule::Every { period: dice.pick(&[1, 2, 5]) * MINUTE, anchor: start, jitter: None };
                let edit = match dice.below(3) {
                    0 => Edit::CallNow,
                    1 => Edit::Change(Change::switch(!job.active)),
                    _ => Edit::Change(Change::schedule(schedule)),
                };
                let after = case.edit(*id, edit).await;
                if after.plan != job.plan {
                    *before += first.map_or(0, |first| occurrences(first, &job, &after));
                    *first = after.state.due;
                }
            }
            for claim in case.claim().await {
                work(&case, &mut dice, &claim, may_fail).await;
            }
        }
        for (id, first, before) in books {
            // Off, and what is still held run out, so that nothing is under way.
            let job = case.get(id).await;
            let off = case.switch(id, false).await;
            let expect = before + if job.active { first.map_or(0, |first| occurrences(first, &job, &off)) } else { 0 };
            for _ in 0..3 {
                for claim in case.claim().await {
                    work(&case, &mut dice, &claim, false).await;
                }
                case.outlive_leases().await;
            }
            let job = case.get(id).await;
            assert!(job.state.lock().is_none() && job.state.claim_at().is_none(), "at rest: {job:?}");
            let counters = job.state.counters;
            assert_eq!(counters.settled + counters.missed, expect, "seed {seed}: {counters:?}");
            (settled, missed) = (settled + counters.settled, missed + counters.missed);
            lost += case.runs(id).await.iter().filter(|run| run.outcome == Outcome::Lost).count();
        }
    }
    assert!(settled > 50 && missed > 50 && lost > 20, "too little happened: {settled} {missed} {lost}");
}
