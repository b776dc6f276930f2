//! The list of deleted endpoints.

use naptime_core::{Edit, Schedule};

use super::Backend;
use super::case::{Case, HOUR, SECONDS, endpoint};
use super::listing::{all, check, named};
use crate::{Error, JobQuery, JobSummary, PageRef};

fn deleted() -> JobQuery {
    JobQuery { deleted: true, ..JobQuery::default() }
}

pub async fn deleted_endpoints_are_listed_newest_first<B: Backend>() {
    let case = Case::<B>::new().await;
    let jobs = case.add_all((0..6).map(|n| named(&format!("http://one.test/{n}"), "", &[])).collect()).await;
    assert_eq!(all(&case, &deleted(), 10).await, []);
    // Not in the order in which they were added; one of them stays.
    let mut expect = Vec::new();
    for n in [4, 0, 3, 5, 1] {
        expect.insert(0, JobSummary::from(case.edit(jobs[n].id, Edit::Delete).await));
        case.advance(SECONDS).await;
    }
    for limit in [1, 2, 5, 6] {
        assert_eq!(all(&case, &deleted(), limit).await, expect, "{limit} to a page");
    }
    assert!(expect.iter().all(|job| job.deleted_at.is_some()));
    let first = case.store.list(&deleted(), &PageRef::first(2)).await.expect("a page");
    case.edit(jobs[2].id, Edit::Delete).await;
    let rest = PageRef { limit: 10, cursor: first.next };
    let rest = case.store.list(&deleted(), &rest).await.expect("a page").items;
    assert_eq!(rest, expect[2..], "what is deleted meanwhile moves nothing");
}

pub async fn many_deleted_at_once_are_listed_once<B: Backend>() {
    const JOBS: usize = 60;
    let case = Case::<B>::new().await;
    let jobs = case.add_all((0..JOBS).map(|n| named(&format!("http://one.test/{n}"), "", &[])).collect()).await;
    futures::future::join_all(jobs.iter().map(|job| case.edit(job.id, Edit::Delete))).await;
    let mut ids: Vec<_> = all(&case, &deleted(), 7).await.iter().map(|job| job.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), JOBS);
}

pub async fn deleted_endpoints_can_be_filtered<B: Backend>() {
    let case = Case::<B>::new().await;
    let jobs = [
        named("http://one.test/1", "Nightly", &["red", "$ne"]),
        named("http://two.test/2", "", &["red"]),
        named("http://two.test/stays", "Nightly", &["red"]),
    ];
    let jobs = case.add_all(jobs.into()).await;
    case.edit(jobs[0].id, Edit::Delete).await;
    case.edit(jobs[1].id, Edit::Delete).await;
    let text = |text: &str| Some(text.to_owned());
    check(&case, JobQuery { q: text("NIGHTLY"), ..deleted() }, &["/1"]).await;
    check(&case, JobQuery { q: text(".*"), ..deleted() }, &[]).await;
    check(&case, JobQuery { pool: text("http://two.test"), ..deleted() }, &["/2"]).await;
    check(&case, JobQuery { url: Some(endpoint("http://two.test/2")), ..deleted() }, &["/2"]).await;
    check(&case, JobQuery { url: Some(endpoint("http://two.test/")), ..deleted() }, &[]).await;
    check(&case, JobQuery { tag: text("red"), ..deleted() }, &["/1", "/2"]).await;
    check(&case, JobQuery { tag: text("$ne"), ..deleted() }, &["/1"]).await;
    check(&case, JobQuery { tag: text("re"), ..deleted() }, &[]).await;
    check(&case, JobQuery { active: Some(true), ..deleted() }, &[]).await;
    check(&case, JobQuery { active: Some(false), ..deleted() }, &["/1", "/2"]).await;
}

pub async fn a_restored_endpoint_is_listed_as_before<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = case.add(named("http://one.test/1", "", &[])).await;
    case.edit(job.id, Edit::Delete).await;
    check(&case, deleted(), &["/1"]).await;
    check(&case, JobQuery::default(), &[]).await;
    case.edit(job.id, Edit::Restore).await;
    check(&case, deleted(), &[]).await;
    check(&case, JobQuery::default(), &["/1"]).await;
}

pub async fn a_key_that_was_given_away_is_not_taken_back<B: Backend>() {
    let case = Case::<B>::new().await;
    let keyed = |url: &str| {
        let mut new = named(url, "", &[]);
        new.spec.key = Some("$key".to_owned());
        new
    };
    let first = case.add(keyed("http://one.test/1")).await;
    case.edit(first.id, Edit::Delete).await;
    let second = case.add(keyed("http://one.test/2")).await;
    let answer = case.store.edit(first.id, None, Edit::Restore).await;
    assert!(matches!(answer, Err(Error::KeyTaken)), "{answer:?}");
    check(&case, deleted(), &["/1"]).await;
    case.edit(second.id, Edit::Delete).await;
    case.edit(first.id, Edit::Restore).await;
    check(&case, JobQuery::default(), &["/1"]).await;
}

pub async fn one_off_jobs_are_not_among_deleted_endpoints<B: Backend>() {
    let case = Case::<B>::new().await;
    let mut once = named("http://one.test/once", "", &[]);
    once.spec.schedule = Schedule::Once { at: case.now().await + HOUR };
    let once = case.add(once).await;
    case.edit(once.id, Edit::Delete).await;
    check(&case, deleted(), &[]).await;
}

pub async fn a_cursor_of_deleted_endpoints_must_be_ours<B: Backend>() {
    let case = Case::<B>::new().await;
    for cursor in ["", "x", "~", "1~", "~1", "{\"$gt\": \"\"}", "🦦", "0", "null", "-1~zzz", &"9".repeat(5000)] {
        let answer = case.store.list(&deleted(), &PageRef { limit: 5, cursor: Some(cursor.to_owned()) }).await;
        assert!(matches!(answer, Err(Error::BadCursor)), "{cursor:?}: {answer:?}");
    }
}
