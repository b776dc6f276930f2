//! SLAs: breaches that last and that have ended, and what they add up to.

use std::time::Duration;

use naptime_core::worker::DEAD_AFTER;
use naptime_core::{
    Bounds, Breach, Cause, Change, Claim, Edit, Heartbeat, Job, JobId, Lookback, Outcome, Retry, Run, Schedule,
    Settled, Spec, Standing, Time,
};

use super::Backend;
use super::case::{Case, Dice, HOUR, SECONDS, new_job, new_token, new_worker, run};
use crate::{Breached, Error, PageRef};

const MINUTE: Duration = Duration::from_secs(60);
const SLA: Duration = Duration::from_secs(600);

/// A job with an SLA, switched on, that is called only when somebody asks for it.
async fn add<B: Backend>(case: &Case<B>) -> Job {
    let mut new = new_job();
    let anchor = case.store.now() - SECONDS;
    new.spec.schedule = Schedule::Every { period: Duration::from_secs(366 * 86_400), anchor, jitter: None };
    new.spec.sla = Some(SLA.into());
    new.active = true;
    case.add(new).await
}

async fn claim<B: Backend>(case: &Case<B>, id: JobId) -> Claim {
    case.edit(id, Edit::CallNow).await;
    // The clock that is looked at may be a little behind the one that was written.
    case.advance(Duration::from_secs(1)).await;
    case.claim_only(id).await
}

/// The end of a claim, with the breach that it ends. There was a worker all the time.
fn settled(claim: &Claim, run: Run) -> Settled {
    let settled = claim.settled(Some(run.clone()), claim.conclude(&run, None));
    let breach = claim.breach_ended_by(&settled, Some(Time::from_millis(0)));
    Settled { breach, ..settled }
}

/// Calls the job. Returns the breach that this ends.
async fn call<B: Backend>(case: &Case<B>, id: JobId, outcome: Outcome) -> Option<Breach> {
    let claim = claim(case, id).await;
    let settled = settled(&claim, run(&claim, outcome));
    case.settle(settled.clone()).await;
    settled.breach
}

fn sla(job: &Job, sla: Option<Duration>) -> Edit {
    Edit::Change(Change::to(Spec { sla: sla.map(Into::into), ..Spec::clone(&job.spec) }))
}

/// All breaches that have ended.
async fn ended<B: Backend>(case: &Case<B>) -> Vec<Breach> {
    let page = case.store.breaches(None, &PageRef::first(1000)).await.expect("breaches");
    assert_eq!(page.next, None);
    page.items.into_iter().map(|breached| breached.breach).collect()
}

async fn lasting<B: Backend>(case: &Case<B>) -> Vec<Breach> {
    let page = case.store.in_breach(&PageRef::first(1000)).await.expect("in breach");
    assert_eq!(page.next, None);
    page.items.into_iter().map(|breached| breached.breach).collect()
}

/// What [`Standing`] has to be at `now`, by all promises and breaches that there were.
fn expected(jobs: &[Job], promises: &[(Time, Time)], breaches: &[Breach], now: Time, retention: Duration) -> Standing {
    let ms = |duration: Duration| u64::try_from(duration.as_millis()).expect("not that long");
    let mut all = Standing::default();
    for job in jobs {
        all.add(&Standing::of(job, [0; 4], now, retention).unwrap_or_default());
    }
    for (amount, start) in all.amounts.iter_mut().zip(Lookback::starts(now, retention)) {
        amount.promised_ms += promises.iter().map(|&(from, to)| ms(to.since(from.max(start)))).sum::<u64>();
        let to = |breach: &Breach| breach.to.expect("it has ended");
        amount.breached_ms += breaches.iter().map(|it| ms(to(it).since(it.from.max(start)))).sum::<u64>();
    }
    all
}

/// Checks how all stand together. The clock goes on meanwhile, so that each figure lies between two.
async fn check_standing<B: Backend>(case: &Case<B>, ids: &[JobId], promises: &[(Time, Time)], breaches: &[Breach]) {
    let mut jobs = Vec::new();
    for &id in ids {
        jobs.push(case.get(id).await);
    }
    let figures = |it: &Standing| {
        let amounts = it.amounts.iter().flat_map(|amount| [amount.promised_ms, amount.breached_ms]);
        [it.endpoints, it.breached, it.longest_ms].into_iter().chain(amounts).collect::<Vec<u64>>()
    };
    loop {
        let before = case.store.now();
        let standing = case.store.standing().await.expect("a standing");
        let after = case.store.now();
        // The figures go down when a minute is over.
        if Lookback::starts(before, B::RETENTION) != Lookback::starts(after, B::RETENTION) {
            continue;
        }
        let [least, most] = [before, after].map(|now| figures(&expected(&jobs, promises, breaches, now, B::RETENTION)));
        let found = figures(&standing);
        let within = found.iter().zip(&least).zip(&most).all(|((found, least), most)| least <= found && found <= most);
        assert!(within, "{found:?} is not between {least:?} and {most:?}");
        return;
    }
}

pub async fn without_an_sla_there_is_nothing_to_tell<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = case.add_due().await;
    assert_eq!(case.store.standing().await.expect("a standing"), Standing::default());
    assert_eq!(case.store.standing_of(&job).await.expect("a standing"), None);
    assert!(lasting(&case).await.is_empty() && ended(&case).await.is_empty());
}

pub async fn a_breach_shows_while_it_lasts<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = add(&case).await;
    let deadline = job.state.watch.expect("a promise").deadline;
    assert_eq!(deadline, job.created_at + SLA);
    check_standing(&case, &[job.id], &[], &[]).await;
    assert!(lasting(&case).await.is_empty());
    case.advance(SLA + MINUTE).await;
    let expect = Breach { job: job.id, from: deadline, to: None, cause: Cause::NoWorker };
    assert_eq!(lasting(&case).await, [expect]);
    check_standing(&case, &[job.id], &[], &[]).await;
    let standing = case.store.standing().await.expect("a standing");
    assert_eq!((standing.endpoints, standing.breached, standing.is_met()), (1, 1, false));
    assert!(ended(&case).await.is_empty(), "it has not ended");
}

pub async fn a_settle_records_the_breach_it_ends_once<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = add(&case).await;
    case.advance(SLA / 2).await;
    assert_eq!(call(&case, job.id, Outcome::Ok).await, None);
    case.advance(SLA * 3).await;
    let claim = claim(&case, job.id).await;
    let settled = settled(&claim, run(&claim, Outcome::Ok));
    let breach = settled.breach.clone().expect("a breach ends");
    assert_eq!((breach.from, breach.cause), (claim.job.state.watch.expect("a promise").deadline, Cause::LateStart));
    for _ in 0..3 {
        case.settle(settled.clone()).await;
        assert_eq!(ended(&case).await, std::slice::from_ref(&breach));
        check_standing(&case, &[job.id], &[], std::slice::from_ref(&breach)).await;
    }
    assert!(lasting(&case).await.is_empty());
    let found = case.store.breaches(Some(job.id), &PageRef::first(10)).await.expect("breaches").items;
    let summary = case.get(job.id).await.into();
    assert_eq!(found, [Breached { breach, job: Some(summary) }]);
}

pub async fn who_holds_the_job_no_more_records_no_breach<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = add(&case).await;
    case.advance(SLA * 2).await;
    let claim = claim(&case, job.id).await;
    let mut late = settled(&claim, run(&claim, Outcome::Ok));
    late.claim.token = new_token();
    case.settle(late).await;
    assert!(ended(&case).await.is_empty());
    check_standing(&case, &[job.id], &[], &[]).await;
}

pub async fn an_edit_ends_promise_and_breach<B: Backend>() {
    let edits: [fn(&Job) -> Edit; 3] = [|_| Edit::Delete, |job| sla(job, None), |job| sla(job, Some(SLA * 7))];
    for edit_of in edits {
        let case = Case::<B>::new().await;
        let job = add(&case).await;
        let edit = edit_of(&job);
        let watch = job.state.watch.expect("a promise");
        case.advance(SLA * 4).await;
        let edited = case.edit(job.id, edit.clone()).await;
        let to = edited.updated_at;
        let breach = Breach { job: job.id, from: watch.deadline, to: Some(to), cause: Cause::NoWorker };
        assert_eq!(ended(&case).await, std::slice::from_ref(&breach), "{edit:?}");
        check_standing(&case, &[job.id], &[(watch.since, to)], &[breach]).await;
        assert!(lasting(&case).await.is_empty());
        // Before the deadline nothing was broken.
        let other = add(&case).await;
        case.advance(SLA / 2).await;
        case.edit(other.id, edit_of(&other)).await;
        assert_eq!(ended(&case).await.len(), 1, "{edit:?}");
    }
}

pub async fn an_edit_during_the_call_ends_the_breach_first<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = add(&case).await;
    case.advance(SLA * 2).await;
    let claim = claim(&case, job.id).await;
    let edited = case.edit(job.id, sla(&job, Some(SLA * 3))).await;
    case.settle(settled(&claim, run(&claim, Outcome::Ok))).await;
    let found = ended(&case).await;
    assert_eq!(found.iter().map(|breach| breach.to).collect::<Vec<_>>(), [Some(edited.updated_at)]);
    check_standing(&case, &[job.id], &[(job.created_at, edited.updated_at)], &found).await;
}

pub async fn the_last_call_ends_a_breach_unless_an_edit_gives_further_ones<B: Backend>() {
    let case = Case::<B>::new().await;
    for is_edited in [false, true] {
        let job = case
            .add_changed(SECONDS, |new| {
                let due = new.spec.schedule.first(case.store.now());
                let bounds = Bounds { until: due, ..Bounds::none() };
                new.spec.schedule = new.spec.schedule.clone().within(bounds).expect("one occurrence");
                new.spec.sla = Some(SLA.into());
                new.spec.retry = Retry::new(1, SECONDS).expect("a retry");
            })
            .await;
        case.advance(2 * SLA).await;
        let claim = case.claim_only(job.id).await;
        if is_edited {
            let schedule = job.spec.schedule.base().clone();
            case.edit(job.id, Edit::Change(Change::schedule(schedule))).await;
        }
        case.settle(settled(&claim, run(&claim, Outcome::Failed))).await;
        let of_job = |breaches: Vec<Breach>| breaches.iter().filter(|breach| breach.job == job.id).count();
        let counts = (of_job(ended(&case).await), of_job(lasting(&case).await));
        assert_eq!(counts, if is_edited { (0, 1) } else { (1, 0) }, "edited: {is_edited}");
    }
}

pub async fn the_cause_is_told<B: Backend>() {
    let case = Case::<B>::new().await;
    let [off, failing, late] = [add(&case).await.id, add(&case).await.id, add(&case).await.id];
    let beat = Heartbeat {
        id: new_worker(),
        host: "here".to_owned(),
        pid: 1,
        version: "1".to_owned(),
        tzdb: None,
        capacity: 1,
        held: 0,
        started_at: case.now().await - HOUR,
        stopping: false,
        trouble: None,
    };
    case.switch(off, false).await;
    call(&case, failing, Outcome::Failed).await;
    case.advance(SLA + MINUTE).await;
    case.store.beat(&beat).await.expect("heard");
    let causes = async || {
        let mut causes: Vec<_> = lasting(&case).await.into_iter().map(|breach| (breach.job, breach.cause)).collect();
        causes.sort_by_key(|(job, _)| [off, failing, late].iter().position(|id| id == job));
        causes
    };
    let known = [(off, Cause::SwitchedOff), (failing, Cause::TargetFailed)];
    assert_eq!(causes().await, [known[0], known[1], (late, Cause::LateStart)]);
    case.advance(DEAD_AFTER * 2).await;
    assert_eq!(causes().await, [known[0], known[1], (late, Cause::NoWorker)]);
}

pub async fn breaches_come_in_pages<B: Backend>() {
    let case = Case::<B>::new().await;
    let mut ids = Vec::new();
    for n in 0..7 {
        ids.push(add(&case).await.id);
        // Some at the same time, as far as the clock goes.
        if n % 2 == 0 {
            case.advance(SECONDS).await;
        }
    }
    case.advance(SLA * 2).await;
    let all = lasting(&case).await;
    assert_eq!(all.len(), ids.len());
    assert!(all.is_sorted_by_key(|breach| (breach.from, breach.job)), "the longest first: {all:?}");
    let mut found = Vec::new();
    let mut page = PageRef::first(3);
    loop {
        let part = case.store.in_breach(&page).await.expect("a page");
        found.extend(part.items.into_iter().map(|breached| breached.breach));
        let Some(next) = part.next else { break };
        page.cursor = Some(next);
    }
    assert_eq!(found, all);

    for &id in ids.iter().chain(&ids) {
        call(&case, id, Outcome::Ok).await.expect("a breach ends");
        case.advance(SLA * 2).await;
    }
    let all = ended(&case).await;
    assert_eq!(all.len(), 2 * ids.len());
    assert!(all.is_sorted_by_key(|breach| std::cmp::Reverse(breach.to)), "the last first: {all:?}");
    for job in [None, Some(ids[3])] {
        let mut found = Vec::new();
        let mut page = PageRef::first(if job.is_some() { 1 } else { 4 });
        loop {
            let part = case.store.breaches(job, &page).await.expect("a page");
            found.extend(part.items.into_iter().map(|breached| breached.breach));
            let Some(next) = part.next else { break };
            page.cursor = Some(next);
        }
        let of_it = all.iter().filter(|breach| job.is_none_or(|job| breach.job == job));
        assert_eq!(found, of_it.cloned().collect::<Vec<_>>());
    }
}

pub async fn a_cursor_of_breaches_must_be_ours<B: Backend>() {
    let case = Case::<B>::new().await;
    for cursor in ["", "x", "1", "1.x", "1~x", "x.00000000-0000-0000-0000-000000000000", "$gt"] {
        let page = PageRef { limit: 1, cursor: Some(cursor.to_owned()) };
        assert!(matches!(case.store.in_breach(&page).await, Err(Error::BadCursor)), "{cursor:?}");
        assert!(matches!(case.store.breaches(None, &page).await, Err(Error::BadCursor)), "{cursor:?}");
    }
}

pub async fn of_one_as_of_all<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = add(&case).await;
    case.advance(SLA * 2).await;
    call(&case, job.id, Outcome::Ok).await.expect("a breach ends");
    for _ in 0..2 {
        let job = case.get(job.id).await;
        let one = case.store.standing_of(&job).await.expect("a standing").expect("a promise runs");
        let all = case.store.standing().await.expect("a standing");
        assert_eq!((one.endpoints, one.breached), (all.endpoints, all.breached));
        for (a, b) in one.amounts.iter().zip(all.amounts) {
            // Asked one after the other, and maybe on both sides of a minute that drops out.
            let differ = [a.promised_ms.abs_diff(b.promised_ms), a.breached_ms.abs_diff(b.breached_ms)];
            assert!(differ.iter().all(|&ms| ms < 65_000), "{a:?} {b:?}");
        }
        case.advance(SLA * 5).await;
    }
    // Another promise is measured by itself.
    let edited = case.edit(job.id, sla(&job, Some(HOUR))).await;
    let one = case.store.standing_of(&edited).await.expect("a standing").expect("a promise runs");
    assert!(one.amounts.iter().all(|amount| amount.breached_ms == 0 && amount.promised_ms < 60_000), "{one:?}");
}

/// Calls, edits and pauses at random, over days.
pub async fn what_is_summed_is_what_happened<B: Backend>() {
    let mut seen = (0, 0);
    for seed in 0..4 {
        let case = Case::<B>::new().await;
        let mut dice = Dice(seed);
        let mut ids = Vec::new();
        let (mut promises, mut breaches) = (Vec::new(), Vec::new());
        for _ in 0..60 {
            let id = (!ids.is_empty()).then(|| ids[usize::try_from(dice.below(ids.len() as u64)).expect("small")]);
            match (dice.below(10), id) {
                (0, _) | (_, None) => ids.push(add(&case).await.id),
                (1..5, Some(id)) => {
                    let outcome = if dice.one_in(3) { Outcome::Failed } else { Outcome::Ok };
                    if case.get(id).await.deleted_at.is_none() {
                        breaches.extend(call(&case, id, outcome).await);
                    }
                }
                (5, Some(id)) => {
                    let before = case.get(id).await;
                    let edit = match dice.below(8) {
                        0 => Edit::Delete,
                        1 => sla(&before, None),
                        2..4 => sla(&before, Some(MINUTE)),
                        _ => sla(&before, Some(SLA)),
                    };
                    if before.deleted_at.is_some() {
                        continue;
                    }
                    let after = case.edit(id, edit).await;
                    if after.state.watch.map(|it| it.since) != before.state.watch.map(|it| it.since) {
                        promises.extend(before.state.watch.map(|watch| (watch.since, after.updated_at)));
                    }
                    breaches.extend(after.breach_ended_since(&before, after.updated_at, None));
                }
                (6, Some(_)) => case.advance(Duration::from_secs(3600 * dice.below(12))).await,
                (_, Some(_)) => case.advance(Duration::from_millis(dice.below(1_200_000))).await,
            }
            check_standing(&case, &ids, &promises, &breaches).await;
        }
        let key = |breach: &Breach| (breach.job, breach.from, breach.to);
        let mut kept: Vec<_> = ended(&case).await.iter().map(key).collect();
        let mut happened: Vec<_> = breaches.iter().map(key).collect();
        kept.sort();
        happened.sort();
        assert_eq!(kept, happened, "seed {seed}");
        assert!(happened.windows(2).all(|two| two[0].0 != two[1].0 || two[0].2 <= Some(two[1].1)), "they overlap");
        seen = (seen.0 + breaches.len(), seen.1 + promises.len());
    }
    assert!(seen.0 > 20 && seen.1 > 4, "too little happened: {seen:?}");
}

pub async fn breaches_are_kept_as_long_as_runs<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = add(&case).await;
    case.advance(SLA * 2).await;
    let breach = call(&case, job.id, Outcome::Ok).await.expect("a breach ends");
    case.advance(HOUR).await;
    case.store.purge().await.expect("purged");
    assert_eq!(ended(&case).await, std::slice::from_ref(&breach));
    check_standing(&case, &[job.id], &[], &[breach]).await;
    case.advance(B::RETENTION).await;
    case.store.purge().await.expect("purged");
    assert!(!B::PURGES || ended(&case).await.is_empty());
    check_standing(&case, &[job.id], &[], &[]).await;
}
