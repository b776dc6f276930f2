//! Settling: what a claim leaves behind, and what it leaves alone.

use std::time::Duration;

use naptime_core::{Change, Counters, Edit, Outcome, Phase, Plan, Schedule, Settled, Then};

use super::Backend;
use super::case::{Case, HOUR, SECONDS, about, due_at, endpoint, ids, new_job, new_token, run, want};
use crate::{JobQuery, PageRef, Want};

pub async fn next_makes_the_next_occurrence_due<B: Backend>() {
    let case = Case::<B>::new().await;
    let claim = case.add_claimed().await;
    let settled = case.settle_ok(&claim).await;
    let (due, run) = (claim.lock.due.expect("due") + HOUR, settled.run.clone().expect("a run"));
    assert_eq!(settled.then, Then::Next { due: Some(due), missed: 0 });
    let job = case.get(claim.job.id).await;
    let mut model = naptime_core::Job::clone(&claim.job);
    assert!(model.settle(&settled, claim.lock.since));
    assert_eq!(job, model);
    assert_eq!((job.state.due, job.state.claim_at(), job.state.lock().cloned()), (Some(due), Some(due), None));
    assert_eq!((job.rev, job.updated_at), (claim.job.rev, claim.job.updated_at), "no edit");
    assert_eq!(job.state.last_ok, Some(run.finished));
    assert_eq!(case.runs(job.id).await, [run]);
    assert!(case.claim().await.is_empty());
    case.advance_to(due).await;
    assert_eq!(ids(&case.claim().await), [job.id]);
}

pub async fn a_schedule_may_end<B: Backend>() {
    let case = Case::<B>::new().await;
    let claim = case.add_claimed().await;
    case.settle(claim.settled(Some(run(&claim, Outcome::Ok)), Then::Next { due: None, missed: 0 })).await;
    let job = case.get(claim.job.id).await;
    assert_eq!((job.state.due, job.state.claim_at(), job.state.lock()), (None, None, None));
    assert!(job.active);
    case.advance(HOUR).await;
    assert!(case.claim().await.is_empty());
}

pub async fn retry_pauses_the_same_occurrence<B: Backend>() {
    let case = Case::<B>::new().await;
    let first = case.add_claimed().await;
    let failed = run(&first, Outcome::Timeout);
    let after = Duration::from_secs(60);
    let now = case.now().await;
    case.settle(first.settled(Some(failed.clone()), Then::Retry { after })).await;
    let job = case.get(first.job.id).await;
    assert_eq!((job.state.due, job.attempts(), job.state.lock().cloned()), (first.lock.due, 1, None));
    assert!(about(job.state.claim_at().expect("to be tried again"), now + after), "after the pause");
    assert_eq!(job.state.counters, Counters { runs: 1, ..Counters::default() }, "the occurrence is not done with");
    assert_eq!((job.state.last.map(|last| last.outcome), job.state.last_ok), (Some(Outcome::Timeout), None));
    case.advance(after / 2).await;
    assert!(case.claim().await.is_empty());
    case.advance(after / 2).await;
    let second = case.claim_only(job.id).await;
    assert_eq!((second.lock.due, second.job.attempts()), (first.lock.due, 2));
    assert!(second.lock.lost.is_empty(), "the first claim was settled");
    case.settle_ok(&second).await;
    let job = case.get(job.id).await;
    assert_eq!(job.attempts(), 0);
    assert_eq!(job.state.counters, Counters { settled: 1, runs: 2, ok: 1, ..Counters::default() });
    assert_eq!(case.runs(job.id).await.len(), 2);
}

pub async fn keep_leaves_what_is_due<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = case.add_due_in(HOUR / 2).await;
    case.edit(job.id, Edit::CallNow).await;
    let claim = case.claim_only(job.id).await;
    let settled = case.settle_ok(&claim).await;
    assert_eq!(settled.then, Then::Keep);
    assert!(settled.run.is_some_and(|run| run.manual));
    let after = case.get(job.id).await;
    assert_eq!((after.state.due, after.state.claim_at(), after.state.asked_at), (job.state.due, job.state.due, None));
    assert_eq!(after.state.counters, Counters { runs: 1, ok: 1, ..Counters::default() });
    assert!(case.runs(job.id).await[0].manual);
}

/// Invariant 8, the store's part: an unsent claim is given back.
pub async fn giving_back_leaves_no_trace<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = case.add_due().await;
    let claim = case.claim_only(job.id).await;
    case.settle(claim.settled(None, Then::GiveBack)).await;
    let back = case.get(job.id).await;
    let mut expect = job.clone();
    expect.state.phase = Phase::Idle { at: claim.lock.at };
    assert_eq!(back, expect);
    assert!(case.runs(job.id).await.is_empty());
    let again = case.claim_only(job.id).await;
    assert_eq!((again.lock.due, again.job.attempts()), (claim.lock.due, 1), "the same occurrence, at once");

    let asked = case.add(new_job()).await;
    case.edit(asked.id, Edit::CallNow).await;
    let claim = case.claim_only(asked.id).await;
    case.settle(claim.settled(None, Then::GiveBack)).await;
    let again = case.claim_only(asked.id).await;
    assert_eq!(again.lock.asked_at, claim.lock.asked_at, "a call asked for is still owed");
}

pub async fn giving_back_keeps_a_pause<B: Backend>() {
    let case = Case::<B>::new().await;
    let first = case.add_claimed().await;
    let pause = Duration::from_secs(60);
    case.settle(first.settled(Some(run(&first, Outcome::Timeout)), Then::Retry { after: pause })).await;
    let paused = case.get(first.job.id).await;
    let claims = case.claim_by(&Want { lookahead: 2 * pause, ..want() }).await;
    assert_eq!(ids(&claims), [first.job.id], "claimed ahead");
    case.settle(claims[0].settled(None, Then::GiveBack)).await;
    assert_eq!(case.get(first.job.id).await, paused);
}

pub async fn settling_again_changes_nothing<B: Backend>() {
    let case = Case::<B>::new().await;
    let thens = [
        Then::Next { due: Some(case.now().await + HOUR), missed: 3 },
        Then::Retry { after: HOUR },
        Then::Keep,
        Then::GiveBack,
    ];
    for then in thens {
        let claim = case.add_claimed().await;
        let settled = claim.settled((then != Then::GiveBack).then(|| run(&claim, Outcome::Failed)), then);
        case.settle(settled.clone()).await;
        let (job, runs) = (case.get(claim.job.id).await, case.runs(claim.job.id).await);
        assert_eq!(job.state.lock(), None);
        case.advance(SECONDS).await;
        let another = case.backend.another().await;
        for store in [&case.store, &another] {
            store.settle(std::slice::from_ref(&settled)).await.expect("settled again");
            assert_eq!(case.get(claim.job.id).await, job, "{then:?}");
            assert_eq!(case.runs(claim.job.id).await, runs, "{then:?}");
        }
        // Out of the way of the next round.
        case.edit(claim.job.id, Edit::Delete).await;
    }
}

/// Invariant 4.
pub async fn an_edit_during_a_call_stays<B: Backend>() {
    let case = Case::<B>::new().await;
    let claim = case.add_claimed().await;
    let edited = case
        .change(claim.job.id, |spec| {
            spec.endpoint = endpoint("http://elsewhere.test/$x");
            spec.name = "$name".to_owned();
            spec.tags = vec!["new".to_owned()];
            spec.sla = Some(HOUR.into());
        })
        .await;
    let settled = case.settle_ok(&claim).await;
    let mut model = edited;
    assert!(model.settle(&settled, claim.lock.since));
    assert_eq!(case.get(claim.job.id).await, model);
    assert_eq!(model.state.due, claim.lock.due.map(|due| due + HOUR), "the schedule goes on");
    let query = JobQuery { q: Some("$name".to_owned()), ..JobQuery::default() };
    let found = case.store.list(&query, &PageRef::first(9)).await.expect("a list");
    assert_eq!(found.items.len(), 1, "and it is found by what it is now");
}

/// Invariant 4.
pub async fn a_new_schedule_during_a_call_stays<B: Backend>() {
    let case = Case::<B>::new().await;
    for then in [None, Some(Then::Retry { after: SECONDS }), Some(Then::GiveBack)] {
        let claim = case.add_claimed().await;
        let anchor = claim.lock.since + HOUR / 3;
        let schedule = Schedule::Every { period: 2 * HOUR, anchor, jitter: None };
        let edited = case.edit(claim.job.id, Edit::Change(Change::schedule(schedule))).await;
        assert_eq!(edited.state.due, Some(anchor));
        assert_eq!(edited.state.claim_at(), claim.job.state.claim_at(), "the lease is left alone");
        assert_eq!(edited.state.lock().map(|lock| lock.token), Some(claim.lock.token));
        match then {
            None => drop(case.settle_ok(&claim).await),
            Some(then) => {
                let run = (then != Then::GiveBack).then(|| run(&claim, Outcome::Timeout));
                case.settle(claim.settled(run, then)).await;
            }
        }
        let after = case.get(claim.job.id).await;
        assert_eq!((after.state.due, after.state.claim_at()), (Some(anchor), Some(anchor)), "after {then:?}");
        let counters = after.state.counters;
        assert_eq!(counters.settled + counters.missed, 1, "the occurrence before the edit is accounted for");
        assert_eq!((after.rev, after.plan, after.attempts()), (edited.rev, Plan(2), 0));
    }
}

/// Invariant 4.
pub async fn a_job_switched_off_during_a_call_stays_off<B: Backend>() {
    let case = Case::<B>::new().await;
    for then in [None, Some(Then::Retry { after: SECONDS }), Some(Then::GiveBack)] {
        let claim = case.add_claimed().await;
        let off = case.switch(claim.job.id, false).await;
        assert_eq!((off.active, off.state.lock().is_some()), (false, true));
        match then {
            None => drop(case.settle_ok(&claim).await),
            Some(then) => case.settle(claim.settled(None, then)).await,
        }
        let after = case.get(claim.job.id).await;
        assert!(!after.active);
        assert_eq!((after.state.due, after.state.claim_at(), after.state.lock()), (None, None, None), "after {then:?}");
        case.advance(HOUR).await;
        assert!(case.claim().await.is_empty());
    }
}

pub async fn a_job_switched_off_and_on_during_a_call_goes_on<B: Backend>() {
    let case = Case::<B>::new().await;
    let claim = case.add_claimed().await;
    case.switch(claim.job.id, false).await;
    let on = case.switch(claim.job.id, true).await;
    case.settle_ok(&claim).await;
    let after = case.get(claim.job.id).await;
    assert!(on.state.due.is_some());
    assert_eq!((after.state.due, after.state.claim_at()), (on.state.due, on.state.due));
}

/// Invariant 4.
pub async fn a_job_deleted_during_a_call_is_not_revived<B: Backend>() {
    let case = Case::<B>::new().await;
    let claim = case.add_claimed().await;
    let deleted = case.edit(claim.job.id, Edit::Delete).await;
    let settled = case.settle_ok(&claim).await;
    let after = case.get(claim.job.id).await;
    assert_eq!((after.deleted_at, after.active), (deleted.deleted_at, false));
    assert_eq!((after.state.due, after.state.claim_at(), after.state.lock()), (None, None, None));
    assert_eq!(case.runs(claim.job.id).await, [settled.run.expect("a run")], "its last call is in its history");
    case.advance(HOUR).await;
    assert!(case.claim().await.is_empty());
}

pub async fn a_job_deleted_during_a_lost_call_is_cleaned_up<B: Backend>() {
    let case = Case::<B>::new().await;
    let lost = case.add_claimed().await;
    case.edit(lost.job.id, Edit::Delete).await;
    case.outlive_leases().await;
    let claim = case.claim_only(lost.job.id).await;
    assert_eq!(claim.duty(), naptime_core::Duty::Settle(Then::GiveBack), "nothing is called");
    case.settle(claim.settled_uncalled(Then::GiveBack)).await;
    let after = case.get(lost.job.id).await;
    assert_eq!((after.state.due, after.state.claim_at(), after.state.lock()), (None, None, None));
    assert!(after.deleted_at.is_some());
    assert_eq!(after.state.counters.missed, 1, "what the lost claim took on");
    let outcomes: Vec<Outcome> = case.runs(lost.job.id).await.iter().map(|run| run.outcome).collect();
    assert_eq!(outcomes, [Outcome::Lost]);
}

pub async fn what_is_asked_for_during_a_call_is_called_after_it<B: Backend>() {
    let case = Case::<B>::new().await;
    let first = case.add_claimed().await;
    let asked = case.edit(first.job.id, Edit::CallNow).await;
    assert_eq!(asked.state.claim_at(), first.job.state.claim_at(), "the lease is left alone");
    assert!(case.claim().await.is_empty());
    case.settle_ok(&first).await;
    let second = case.claim_only(first.job.id).await;
    assert_eq!(second.lock.asked_at, asked.state.asked_at);
    // Asked once more, while the call that was asked for is under way.
    case.advance(SECONDS).await;
    let again = case.edit(first.job.id, Edit::CallNow).await;
    case.settle_ok(&second).await;
    let third = case.claim_only(first.job.id).await;
    assert_eq!(third.lock.asked_at, again.state.asked_at);
    case.settle_ok(&third).await;
    let after = case.get(first.job.id).await;
    assert_eq!((after.state.asked_at, after.state.due), (None, first.lock.due.map(|due| due + HOUR)));
    assert_eq!(after.state.claim_at(), after.state.due);
    let manual: Vec<bool> = case.runs(first.job.id).await.iter().map(|run| run.manual).collect();
    assert_eq!(manual, [true, true, false]);
}

pub async fn many_are_settled_together<B: Backend>() {
    let case = Case::<B>::new().await;
    let due = case.now().await + SECONDS;
    case.add_all((0..120).map(|_| due_at(due)).collect()).await;
    case.advance_to(due).await;
    let claims = case.claim_by(&Want { slots: 200, ..want() }).await;
    assert_eq!(claims.len(), 120);
    let mut batch = Vec::new();
    for (n, claim) in claims.iter().enumerate() {
        let run = run(claim, if n % 3 == 0 { Outcome::Failed } else { Outcome::Ok });
        let then = match n % 4 {
            0 => Then::GiveBack,
            1 => Then::Retry { after: HOUR },
            _ => claim.conclude(&run, None),
        };
        batch.push(claim.settled((then != Then::GiveBack).then_some(run), then));
    }
    // Two that are nobody's: a job that is gone, and a claim that is.
    let gone = Settled { claim: naptime_core::ClaimRef { job: new_job().id, ..batch[1].claim }, ..batch[1].clone() };
    let stale = Settled { claim: naptime_core::ClaimRef { token: new_token(), ..batch[2].claim }, ..batch[2].clone() };
    batch.insert(0, Settled { run: None, ..gone });
    batch.insert(50, Settled { run: None, then: Then::Next { due: None, missed: 9 }, ..stale });
    case.store.settle(&batch).await.expect("settled");
    let now = case.now().await;
    for claim in &claims {
        let settled = batch.iter().find(|settled| settled.claim == claim.reference()).expect("settled");
        let mut model = naptime_core::Job::clone(&claim.job);
        assert!(model.settle(settled, now));
        let job = case.get(claim.job.id).await;
        if let (Then::Retry { .. }, Some(at)) = (settled.then, job.state.claim_at()) {
            assert!(about(at, now + HOUR));
            model.state.phase = model.state.phase.claimable_from(at);
        }
        assert_eq!(job, model);
        assert_eq!(case.runs(claim.job.id).await, settled.run.iter().cloned().collect::<Vec<_>>());
    }
    case.store.settle(&[]).await.expect("nothing to settle");
}

/// Invariant 1.
pub async fn another_token_settles_nothing<B: Backend>() {
    let case = Case::<B>::new().await;
    let claim = case.add_claimed().await;
    let other = naptime_core::ClaimRef { token: new_token(), ..claim.reference() };
    for then in [Then::Next { due: None, missed: 1 }, Then::Retry { after: HOUR }, Then::Keep, Then::GiveBack] {
        case.settle(Settled { claim: other, ..claim.settled(None, then) }).await;
        assert_eq!(case.get(claim.job.id).await, *claim.job, "{then:?}");
    }
    let idle = case.add_due_in(HOUR / 2).await;
    case.settle(Settled {
        claim: naptime_core::ClaimRef { job: idle.id, token: claim.lock.token },
        ..claim.settled(None, Then::Next { due: None, missed: 1 })
    })
    .await;
    assert_eq!(case.get(idle.id).await, idle, "nor what nobody holds");
}

pub async fn counters_count<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = case.add_due().await;
    let mut expect = Counters::default();
    let rounds =
        [(Outcome::Ok, 0), (Outcome::Failed, 2), (Outcome::Ok, 1), (Outcome::InvalidResponse, 0), (Outcome::Ok, 0)];
    let mut last_ok = None;
    for (outcome, late) in rounds {
        case.advance(late * HOUR).await;
        let claim = case.claim_only(job.id).await;
        let run = run(&claim, outcome);
        let then = claim.conclude(&run, None);
        assert!(matches!(then, Then::Next { missed, .. } if missed == u64::from(late)), "{then:?}");
        case.settle(claim.settled(Some(run.clone()), then)).await;
        expect.settled += 1;
        expect.runs += 1;
        expect.missed += u64::from(late);
        if outcome == Outcome::Ok {
            expect.ok += 1;
            last_ok = Some(run.finished);
        }
        let state = case.get(job.id).await.state;
        assert_eq!(state.counters, expect);
        assert_eq!(state.last_ok, last_ok);
        assert_eq!(state.last, Some(naptime_core::Last::from(&run)));
        case.advance_to(state.due.expect("due")).await;
        case.rename(job.id, &format!("{outcome:?}")).await;
    }
}
