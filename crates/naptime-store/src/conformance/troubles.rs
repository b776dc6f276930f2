//! What does not go as it should is found, and nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

use naptime_core::{Bounds, Change, Claim, Edit, Job, JobId, NewJob, Outcome, PoolChange, Retry, Time, Trouble};

use super::Backend;
use super::case::{Case, HOUR, SECONDS, new_job, rarely, run};
use crate::{Error, JobQuery, JobSummary, Overdue, PageRef};

/// Calls what is due, which is this job.
async fn call<B: Backend>(case: &Case<B>, id: JobId, outcome: Outcome) -> Claim {
    let due = case.get(id).await.state.due.expect("due");
    case.advance_to(due).await;
    let claim = case.claim_only(id).await;
    let run = run(&claim, outcome);
    let then = claim.conclude(&run, None);
    case.settle(claim.settled(Some(run), then)).await;
    claim
}

/// A job that has failed twice.
async fn failing<B: Backend>(case: &Case<B>) -> Job {
    let job = case.add_due().await;
    call(case, job.id, Outcome::Failed).await;
    call(case, job.id, Outcome::Failed).await;
    // Out of the way of the next one.
    let now = case.now().await;
    case.change(job.id, |spec| spec.schedule = rarely(now)).await;
    case.get(job.id).await
}

fn in_trouble(trouble: Trouble) -> JobQuery {
    JobQuery::of_state(trouble)
}

async fn found<B: Backend>(case: &Case<B>) -> Vec<JobSummary> {
    case.store.list(&in_trouble(Trouble::Failing), &PageRef::first(100)).await.expect("a page").items
}

async fn count<B: Backend>(case: &Case<B>) -> [u64; 2] {
    let counts: BTreeMap<Trouble, u64> = case.store.troubles().await.expect("counts");
    [Trouble::Failing, Trouble::Flapping].map(|trouble| counts[&trouble])
}

pub async fn what_fails_is_found_until_a_call_ends_well<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = case.add_due().await;
    case.add(new_job()).await;
    let first = call(&case, job.id, Outcome::Failed).await;
    assert_eq!((count(&case).await, found(&case).await), ([0, 0], vec![]), "once may happen");
    call(&case, job.id, Outcome::RedirectNotFollowed).await;
    assert_eq!(count(&case).await, [1, 0]);
    let listed = found(&case).await;
    let since = first.lock.at + Duration::from_millis(70);
    assert_eq!(
        listed.iter().map(|job| (job.id, job.trouble)).collect::<Vec<_>>(),
        [(job.id, Some((Trouble::Failing, since)))]
    );
    assert_eq!(
        (listed[0].recent.failures, listed[0].last.as_ref().map(|last| last.outcome)),
        (2, Some(Outcome::RedirectNotFollowed))
    );
    call(&case, job.id, Outcome::Ok).await;
    assert_eq!((count(&case).await, found(&case).await), ([0, 0], vec![]));
    let each: Vec<bool> = case.get(job.id).await.state.recent.each().collect();
    assert_eq!(each, [false, false, true]);
}

pub async fn what_its_target_puts_off_is_found_until_it_is_called<B: Backend>() {
    let case = Case::<B>::new().await;
    let claim = case.add_claimed().await;
    let id = claim.job.id;
    let put_off = async || {
        assert_eq!(count(&case).await, [0, 0]);
        let page = case.store.list(&in_trouble(Trouble::PutOff), &PageRef::first(9)).await.expect("a page");
        let listed: Vec<_> = page.items.into_iter().map(|job| (job.id, job.trouble)).collect();
        assert_eq!(case.store.troubles().await.expect("counts")[&Trouble::PutOff], listed.len() as u64);
        listed
    };
    let until = case.now().await + 5 * HOUR;
    let edited = case.edit(id, Edit::PutOff { until, cut: None }).await;
    let expect = [(id, Some((Trouble::PutOff, edited.updated_at)))];
    assert_eq!(put_off().await, expect);
    // The call that it was put off by ends after that.
    case.settle_ok(&claim).await;
    assert_eq!(put_off().await, expect);
    case.advance_to(case.get(id).await.state.due.expect("due")).await;
    let claim = case.claim_only(id).await;
    assert_eq!(put_off().await, expect);
    case.settle_ok(&claim).await;
    assert_eq!(put_off().await, []);
    // By less than three occurrences, it was allowed to be.
    let until = case.now().await + 2 * HOUR;
    case.edit(id, Edit::PutOff { until, cut: None }).await;
    assert_eq!(put_off().await, []);
}

pub async fn an_endpoint_says_after_how_many_failures_it_fails<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = case.add_due().await;
    case.change(job.id, |spec| spec.failing_after = 3).await;
    call(&case, job.id, Outcome::Failed).await;
    call(&case, job.id, Outcome::Failed).await;
    assert_eq!(count(&case).await, [0, 0]);
    // An edit tells of what was before it.
    case.change(job.id, |spec| spec.failing_after = 2).await;
    assert_eq!(count(&case).await, [1, 0]);
    case.change(job.id, |spec| spec.failing_after = 3).await;
    assert_eq!(count(&case).await, [0, 0]);
    call(&case, job.id, Outcome::Failed).await;
    assert_eq!(count(&case).await, [1, 0]);
}

pub async fn an_attempt_that_is_followed_by_another_is_no_failure<B: Backend>() {
    let case = Case::<B>::new().await;
    let retry = Retry::new(3, SECONDS).expect("a retry");
    let job = case.add_changed(SECONDS, |new| new.spec.retry = retry).await;
    for attempts in 1..=3 {
        let at = case.get(job.id).await.state.claim_at().expect("to be called");
        case.advance_to(at + Duration::from_secs(1)).await;
        let claim = case.claim_only(job.id).await;
        let run = run(&claim, Outcome::ConnectionRefused);
        let then = claim.conclude(&run, None);
        case.settle(claim.settled(Some(run), then)).await;
        assert_eq!(case.get(job.id).await.state.recent.failures, attempts / 3, "after attempt {attempts}");
    }
}

pub async fn a_call_out_of_turn_that_ends_well_ends_a_failure<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = failing(&case).await;
    let manual = async |outcome| {
        case.edit(job.id, Edit::CallNow).await;
        case.advance(Duration::from_secs(1)).await;
        let claim = case.claim_only(job.id).await;
        let run = run(&claim, outcome);
        let then = claim.conclude(&run, None);
        case.settle(claim.settled(Some(run), then)).await;
        case.get(job.id).await.state.recent.failures
    };
    assert_eq!(manual(Outcome::Failed).await, 2, "it is no occurrence");
    assert_eq!(count(&case).await, [1, 0]);
    assert_eq!(manual(Outcome::Ok).await, 0);
    assert_eq!(count(&case).await, [0, 0]);
}

pub async fn what_is_not_called_is_in_no_trouble<B: Backend>() {
    let case = Case::<B>::new().await;
    let (off, deleted) = (failing(&case).await, failing(&case).await);
    assert_eq!(count(&case).await, [2, 0]);
    case.switch(off.id, false).await;
    case.edit(deleted.id, Edit::Delete).await;
    let until = case.now().await + HOUR * 3 / 2;
    let ends = |new: &mut NewJob| {
        let bounds = Bounds { until: Some(until), ..Bounds::none() };
        new.spec.schedule = new.spec.schedule.clone().within(bounds).expect("two occurrences");
    };
    let over = case.add_changed(SECONDS, ends).await;
    call(&case, over.id, Outcome::Failed).await;
    call(&case, over.id, Outcome::Failed).await;
    assert_eq!((case.get(over.id).await.state.due, case.get(over.id).await.state.recent.failures), (None, 2));
    assert_eq!((count(&case).await, found(&case).await), ([0, 0], vec![]));
    case.edit(off.id, Edit::Change(Change::switch(true))).await;
    assert_eq!(count(&case).await, [0, 0], "switched on again, it begins anew");
}

pub async fn what_fails_for_longest_comes_first_in_pages<B: Backend>() {
    let case = Case::<B>::new().await;
    let mut expect = Vec::new();
    for _ in 0..5 {
        expect.push(failing(&case).await.id);
    }
    for limit in [1, 2, 5, 6] {
        let (mut all, mut page) = (Vec::new(), PageRef::first(limit));
        loop {
            let found = case.store.list(&in_trouble(Trouble::Failing), &page).await.expect("a page");
            all.extend(found.items.iter().map(|job| job.id));
            page.cursor = found.next;
            if page.cursor.is_none() {
                break;
            }
        }
        assert_eq!(all, expect, "in pages of {limit}");
    }
    let page = PageRef { limit: 1, cursor: Some("x".to_owned()) };
    assert!(matches!(case.store.list(&in_trouble(Trouble::Failing), &page).await, Err(Error::BadCursor)));
}

pub async fn what_is_in_trouble_can_be_filtered<B: Backend>() {
    let case = Case::<B>::new().await;
    let (one, other) = (failing(&case).await, failing(&case).await);
    case.change(one.id, |spec| (spec.name, spec.tags) = ("The One".to_owned(), vec!["cards".to_owned()])).await;
    let all = in_trouble(Trouble::Failing);
    let check = async |query: JobQuery, expect: &[JobId]| {
        let found = case.store.list(&query, &PageRef::first(9)).await.expect("a page");
        assert_eq!(found.items.iter().map(|job| job.id).collect::<Vec<_>>(), expect, "{query:?}");
    };
    check(all.clone(), &[one.id, other.id]).await;
    check(JobQuery { q: Some("the one".to_owned()), ..all.clone() }, &[one.id]).await;
    check(JobQuery { tag: Some("cards".to_owned()), ..all.clone() }, &[one.id]).await;
    check(JobQuery { pool: Some("https://target.test".to_owned()), ..all.clone() }, &[one.id, other.id]).await;
    check(JobQuery { pool: Some("https://other.test".to_owned()), ..all.clone() }, &[]).await;
    check(JobQuery { url: Some(other.spec.endpoint.clone()), ..all.clone() }, &[other.id]).await;
    check(JobQuery { active: Some(false), ..all.clone() }, &[]).await;
    check(JobQuery { deleted: true, ..all }, &[]).await;
}

pub async fn what_fails_now_and_then_flaps<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = case.add_due().await;
    for n in 0..13 {
        let outcome = if n % 2 == 0 { Outcome::Failed } else { Outcome::Ok };
        call(&case, job.id, outcome).await;
    }
    assert_eq!(count(&case).await, [0, 1]);
    let page = case.store.list(&in_trouble(Trouble::Flapping), &PageRef::first(1)).await.expect("a page");
    assert_eq!(page.items[0].recent.failed(), 7);
}

pub async fn what_waits_for_too_long_is_told_by_pool<B: Backend>() {
    let case = Case::<B>::new().await;
    let urls = ["https://one.test/1", "https://one.test/2", "https://two.test/"];
    let mut due = Vec::new();
    for url in urls {
        let job = case.add_changed(SECONDS, |new| new.spec.endpoint = super::case::endpoint(url)).await;
        due.push(job.state.due.expect("due"));
    }
    let overdue = async |most| {
        let mut found = case.store.overdue(Duration::from_secs(30), most).await.expect("the overdue");
        found.sort_by(|one, other| one.pool.cmp(&other.pool));
        found.into_iter().map(|Overdue { pool, jobs, since }| (pool.to_string(), jobs, since)).collect::<Vec<_>>()
    };
    assert_eq!(overdue(10).await, []);
    case.advance(Duration::from_secs(60)).await;
    let expect: [(String, u64, Time); 2] =
        [("https://one.test".to_owned(), 2, due[0]), ("https://two.test".to_owned(), 1, due[2])];
    assert_eq!(overdue(10).await, expect);
    assert_eq!(overdue(1).await.iter().map(|it| it.1).sum::<u64>(), 1);
    case.claim().await;
    assert_eq!(overdue(10).await, [], "they are held");
}

pub async fn pools_that_hold_calls_back_are_told<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = case.add_due_in(SECONDS).await;
    let pool = job.spec.endpoint.pool();
    let waiting = async || {
        let found = case.store.waiting().await.expect("the pools");
        found.into_iter().map(|(settings, since)| (settings.pool, since)).collect::<Vec<_>>()
    };
    let set = async |change: PoolChange| {
        let rev = case.store.pool(pool).await.expect("the pool").settings.rev;
        case.store.change_pool(pool, Some(rev), change).await.expect("changed");
    };
    set(PoolChange { max_per_second: Some(Some(1)), ..PoolChange::default() }).await;
    assert_eq!(waiting().await, [], "nothing is due");
    case.advance_to(job.state.due.expect("due") + SECONDS).await;
    let expect = [(pool.clone(), job.state.due.expect("due"))];
    assert_eq!(waiting().await, expect);
    set(PoolChange { active: Some(false), max_per_second: Some(None), ..PoolChange::default() }).await;
    assert_eq!(waiting().await, expect);
    set(PoolChange { active: Some(true), ..PoolChange::default() }).await;
    assert_eq!(waiting().await, [], "it holds nothing back");
}
