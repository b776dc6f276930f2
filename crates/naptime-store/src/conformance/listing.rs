//! Lists: search, filters, pages.

use std::collections::BTreeSet;

use naptime_core::{Edit, JobId, NewJob, Outcome};

use super::Backend;
use super::case::{Case, HOUR, endpoint, new_job, run};
use crate::{Error, JobCount, JobQuery, JobSummary, PageRef};

pub(super) fn named(url: &str, name: &str, tags: &[&str]) -> NewJob {
    let mut new = new_job();
    new.spec.endpoint = endpoint(url);
    new.spec.name = name.to_owned();
    new.spec.tags = tags.iter().map(ToString::to_string).collect();
    new
}

/// All pages of a list, `limit` items to each.
pub(super) async fn all<B: Backend>(case: &Case<B>, query: &JobQuery, limit: usize) -> Vec<JobSummary> {
    let mut items = Vec::new();
    let mut page = PageRef::first(limit);
    loop {
        let read = case.store.list(query, &page).await.expect("a page");
        assert!(read.items.len() == limit || (read.items.len() < limit && read.next.is_none()), "short pages are last");
        items.extend(read.items);
        if read.next.is_none() {
            return items;
        }
        assert!(items.len() < 10_000, "a cursor that leads nowhere");
        page.cursor = read.next;
    }
}

/// Checks which of `jobs` a query finds, by their URL's channel.
pub(super) async fn check<B: Backend>(case: &Case<B>, query: JobQuery, expect: &[&str]) {
    for limit in [1, 100] {
        let found: BTreeSet<String> =
            all(case, &query, limit).await.iter().map(|job| job.endpoint.channel().to_string()).collect();
        assert_eq!(found, expect.iter().map(ToString::to_string).collect(), "{query:?}, {limit} to a page");
    }
}

pub async fn every_job_is_listed_once<B: Backend>() {
    const JOBS: usize = 250;
    let case = Case::<B>::new().await;
    // Many share a URL, so a page ends between equals.
    let new = |n: usize| named(&format!("http://list.test/{}", n % 40), "", &[]);
    let jobs = case.add_all((0..JOBS).map(new).collect()).await;
    let expect: BTreeSet<JobId> = jobs.iter().map(|job| job.id).collect();
    for limit in [7, 50, 249, 250, 251] {
        let ids: Vec<JobId> = all(&case, &JobQuery::default(), limit).await.iter().map(|job| job.id).collect();
        assert_eq!(ids.len(), JOBS, "{limit} to a page");
        assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), expect, "{limit} to a page");
    }
    assert_eq!(case.store.count().await.expect("a count"), JobCount { total: 250, active: 0 });
    // What is added or deleted meanwhile does not move what follows.
    let first = case.store.list(&JobQuery::default(), &PageRef::first(100)).await.expect("a page");
    let mut seen: Vec<JobId> = first.items.iter().map(|job| job.id).collect();
    case.add(named("http://list.test/", "", &[])).await;
    case.edit(seen[99], Edit::Delete).await;
    let rest = PageRef { limit: 1000, cursor: first.next };
    seen.extend(case.store.list(&JobQuery::default(), &rest).await.expect("a page").items.iter().map(|job| job.id));
    assert_eq!(seen.len(), JOBS);
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), expect);
}

pub async fn a_list_is_sorted_by_url<B: Backend>() {
    let case = Case::<B>::new().await;
    let urls = [
        "http://b.test/",
        "http://a.test/z",
        "http://a.test/a?x=1",
        "http://a.test/a",
        "https://a.test/",
        "http://A.test/B",
    ];
    case.add_all(urls.iter().map(|url| named(url, "", &[])).collect()).await;
    let listed: Vec<String> =
        all(&case, &JobQuery::default(), 2).await.iter().map(|job| job.endpoint.to_string()).collect();
    assert_eq!(
        listed,
        [
            "http://a.test/a",
            "http://a.test/a?x=1",
            "http://a.test/B",
            "http://a.test/z",
            "http://b.test/",
            "https://a.test/"
        ]
    );
}

pub async fn a_list_shows_jobs_as_they_are<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = case
        .add_changed(HOUR / 2, |new| {
            new.spec.name = "$name <b>".to_owned();
            new.spec.tags = vec!["$a.b".to_owned()];
            new.spec.sla = Some(HOUR.into());
            new.spec.request.body = Some("x".repeat(100_000));
            new.spec.request.method = naptime_core::Method::Post;
        })
        .await;
    let query = JobQuery { q: Some("$name".to_owned()), ..JobQuery::default() };
    let shown = async || -> JobSummary {
        let mut items = all(&case, &query, 10).await;
        assert_eq!(items.len(), 1);
        items.remove(0)
    };
    assert_eq!(shown().await, JobSummary::from(job.clone()));
    case.advance(HOUR / 2).await;
    let claim = case.claim_only(job.id).await;
    assert!(shown().await.called_at.is_some());
    assert_eq!(shown().await, JobSummary::from(naptime_core::Job::clone(&claim.job)));
    let run = run(&claim, Outcome::Failed);
    case.settle(claim.settled(Some(run.clone()), claim.conclude(&run, None))).await;
    let settled = case.get(job.id).await;
    assert_eq!(shown().await, JobSummary::from(settled));
    assert!(shown().await.last.is_some() && shown().await.called_at.is_none());
    let off = case.switch(job.id, false).await;
    assert_eq!(shown().await, JobSummary::from(off));
}

pub async fn a_search_finds_url_name_and_tags<B: Backend>() {
    let case = Case::<B>::new().await;
    let jobs = [
        named("http://one.test/alpha", "Nightly Report", &["billing", "eu"]),
        named("http://two.test/beta", "", &["Billing-old"]),
        named("http://two.test/gamma?alpha=1", "Straße", &[]),
    ];
    case.add_all(jobs.into()).await;
    let q = |q: &str| JobQuery { q: Some(q.to_owned()), ..JobQuery::default() };
    check(&case, q(""), &["/alpha", "/beta", "/gamma?alpha=1"]).await;
    check(&case, q("alpha"), &["/alpha", "/gamma?alpha=1"]).await;
    check(&case, q("ALPHA"), &["/alpha", "/gamma?alpha=1"]).await;
    check(&case, q("two.test"), &["/beta", "/gamma?alpha=1"]).await;
    check(&case, q("http://one.test/alpha"), &["/alpha"]).await;
    check(&case, q("ghtly rep"), &["/alpha"]).await;
    check(&case, q("BILLING"), &["/alpha", "/beta"]).await;
    check(&case, q("STRAßE"), &["/gamma?alpha=1"]).await;
    check(&case, q("delta"), &[]).await;
    // By what they are after an edit.
    let found = all(&case, &q("nightly"), 10).await;
    case.change(found[0].id, |spec| (spec.name, spec.tags) = ("Weekly".to_owned(), vec![])).await;
    check(&case, q("nightly"), &[]).await;
    check(&case, q("weekly"), &["/alpha"]).await;
    check(&case, q("billing"), &["/beta"]).await;
}

pub async fn a_search_is_taken_literally<B: Backend>() {
    let case = Case::<B>::new().await;
    let jobs = [
        named("http://one.test/a.c", "100% sure", &["a_b"]),
        named("http://one.test/abc", "100 sure (not)", &["axb"]),
        named("http://one.test/$where", "^start$ \\d+ [x] {\"$ne\": null}", &["*"]),
    ];
    case.add_all(jobs.into()).await;
    let q = |q: &str| JobQuery { q: Some(q.to_owned()), ..JobQuery::default() };
    check(&case, q("a.c"), &["/a.c"]).await;
    check(&case, q("100%"), &["/a.c"]).await;
    check(&case, q("a_b"), &["/a.c"]).await;
    check(&case, q("(not)"), &["/abc"]).await;
    check(&case, q("*"), &["/$where"]).await;
    check(&case, q("^start$"), &["/$where"]).await;
    check(&case, q("\\d+"), &["/$where"]).await;
    check(&case, q("[x"), &["/$where"]).await;
    check(&case, q("{\"$ne\": null}"), &["/$where"]).await;
    check(&case, q("$where"), &["/$where"]).await;
    check(&case, q(".*"), &[]).await;
    check(&case, q("%"), &["/a.c"]).await;
    check(&case, q("' OR 1=1 --"), &[]).await;
}

pub async fn filters_restrict<B: Backend>() {
    let case = Case::<B>::new().await;
    let jobs = [
        NewJob { active: true, ..named("http://one.test/1", "x", &["red", "blue"]) },
        NewJob { active: false, ..named("http://one.test/2", "y", &["red\"]", "$ne"]) },
        NewJob { active: true, ..named("https://one.test/3", "x", &["re", ","]) },
        NewJob { active: false, ..named("http://one.test:8080/4", "red", &["Red"]) },
    ];
    case.add_all(jobs.into()).await;
    let by = JobQuery::default;
    let text = |text: &str| Some(text.to_owned());
    check(&case, JobQuery { pool: text("http://one.test"), ..by() }, &["/1", "/2"]).await;
    check(&case, JobQuery { pool: text("http://one"), ..by() }, &[]).await;
    check(&case, JobQuery { pool: text("http://one.test:8080"), ..by() }, &["/4"]).await;
    check(&case, JobQuery { tag: text("red"), ..by() }, &["/1"]).await;
    check(&case, JobQuery { tag: text("red\"]"), ..by() }, &["/2"]).await;
    check(&case, JobQuery { tag: text("$ne"), ..by() }, &["/2"]).await;
    check(&case, JobQuery { tag: text(","), ..by() }, &["/3"]).await;
    check(&case, JobQuery { tag: text("Red"), ..by() }, &["/4"]).await;
    check(&case, JobQuery { tag: text(""), ..by() }, &[]).await;
    check(&case, JobQuery { active: Some(true), ..by() }, &["/1", "/3"]).await;
    check(&case, JobQuery { active: Some(false), ..by() }, &["/2", "/4"]).await;
    check(
        &case,
        JobQuery { active: Some(true), q: text("x"), pool: text("http://one.test"), tag: text("blue"), ..by() },
        &["/1"],
    )
    .await;
    check(&case, JobQuery { active: Some(false), q: text("x"), pool: text("http://one.test"), ..by() }, &[]).await;
    assert_eq!(case.store.count().await.expect("a count"), JobCount { total: 4, active: 2 });
}

pub async fn jobs_of_one_url_are_found<B: Backend>() {
    let case = Case::<B>::new().await;
    let urls =
        ["http://one.test/a", "http://one.test/A", "http://one.test/a?b", "http://one.test/ab", "http://one.test/"];
    let mut jobs: Vec<NewJob> = urls.iter().map(|url| named(url, "x", &["red"])).collect();
    jobs.push(NewJob { active: true, ..named("http://one.test/a", "", &[]) });
    jobs.push(named("http://one.test:8080/a", "http://one.test/a", &["http://one.test/a"]));
    // Of these, not all is shown, of one less than of the other.
    let with_token = "http://one.test/t?a=1&token=2&b=3";
    let mut secret = named(with_token, "", &[]);
    secret.spec.request.secret = true;
    jobs.extend([secret, named(with_token, "", &[]), named("http://one.test/t?a=1&token=3&b=3", "", &[])]);
    case.add_all(jobs).await;
    let of = async |url: &str, more: JobQuery| {
        let query = JobQuery { url: Some(endpoint(url)), ..more };
        for limit in [1, 100] {
            let found = all(&case, &query, limit).await;
            let shown = [false, true].map(|secret| endpoint(url).masked(secret));
            assert!(found.iter().all(|job| shown.contains(&job.endpoint)), "{url}: {found:?}");
            if limit == 100 {
                return found.len();
            }
        }
        unreachable!("the last round returns")
    };
    assert_eq!(of("http://one.test/a", JobQuery::default()).await, 2);
    assert_eq!(of("http://one.test/A", JobQuery::default()).await, 1);
    assert_eq!(of("http://one.test/a?b", JobQuery::default()).await, 1);
    assert_eq!(of(with_token, JobQuery::default()).await, 2);
    assert_eq!(of("http://one.test/c", JobQuery::default()).await, 0);
    assert_eq!(of("http://one.test/a", JobQuery { active: Some(true), ..JobQuery::default() }).await, 1);
    assert_eq!(of("http://one.test/a", JobQuery { tag: Some("red".to_owned()), ..JobQuery::default() }).await, 1);
    assert_eq!(of("http://one.test/a", JobQuery { q: Some("x".to_owned()), ..JobQuery::default() }).await, 1);
    let other_pool = JobQuery { pool: Some("http://one.test:8080".to_owned()), ..JobQuery::default() };
    assert_eq!(of("http://one.test/a", other_pool).await, 0);
}

pub async fn deleted_jobs_are_not_listed<B: Backend>() {
    let case = Case::<B>::new().await;
    let keep = case.add(NewJob { active: true, ..named("http://one.test/keep", "", &[]) }).await;
    let deleted = case.add(NewJob { active: true, ..named("http://one.test/deleted", "", &[]) }).await;
    assert_eq!(case.store.count().await.expect("a count"), JobCount { total: 2, active: 2 });
    case.edit(deleted.id, Edit::Delete).await;
    check(&case, JobQuery::default(), &["/keep"]).await;
    check(&case, JobQuery { active: Some(false), ..JobQuery::default() }, &[]).await;
    assert_eq!(case.store.count().await.expect("a count"), JobCount { total: 1, active: 1 });
    case.switch(keep.id, false).await;
    case.edit(deleted.id, Edit::Restore).await;
    check(&case, JobQuery::default(), &["/deleted", "/keep"]).await;
    assert_eq!(case.store.count().await.expect("a count"), JobCount { total: 2, active: 0 });
}

pub async fn a_cursor_of_a_list_must_be_ours<B: Backend>() {
    let case = Case::<B>::new().await;
    case.add(new_job()).await;
    for cursor in ["", "x", "~", "1~", "~1", "{\"$gt\": \"\"}", "🦦", "0", "null", "-1~zzz", &"9".repeat(5000)] {
        let answer =
            case.store.list(&JobQuery::default(), &PageRef { limit: 5, cursor: Some(cursor.to_owned()) }).await;
        assert!(matches!(answer, Err(Error::BadCursor)), "{cursor:?}: {answer:?}");
    }
}
