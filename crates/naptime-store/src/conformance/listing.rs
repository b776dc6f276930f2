//! Lists: search, filters, pages.

use std::collections::BTreeSet;

use naptime_core::{Applied, Bounds, Cron, Days, Edit, JobId, NewJob, Outcome, Random, Schedule, Zone};
use serde_json::Map;

use super::Backend;
use super::case::{Case, HOUR, SECONDS, endpoint, new_job, run};
use crate::{Error, JobCount, JobQuery, JobSummary, PageRef, ScheduleKind, Sort, SortBy, sorted};

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
    let of_project = |mut new: NewJob, project: &str| {
        new.spec.applied = Some(Applied::new(project.to_owned(), &Map::new(), |_| false));
        new
    };
    let [one, two, three, four] = jobs;
    let jobs = [of_project(one, "shop"), of_project(two, "shop 2"), three, of_project(four, "shop")];
    case.add_all(jobs.into()).await;
    let by = JobQuery::default;
    for sort in [None, Some(Sort { by: SortBy::Name, descending: true })] {
        let of = |project: &str| JobQuery { project: Some(project.to_owned()), sort, ..by() };
        check(&case, of("shop"), &["/1", "/4"]).await;
        check(&case, JobQuery { active: Some(true), ..of("shop") }, &["/1"]).await;
        check(&case, of("Shop"), &[]).await;
        check(&case, JobQuery { tag: Some("red".to_owned()), ..of("shop") }, &["/1"]).await;
    }
    let shown = all(&case, &JobQuery { project: Some("shop 2".to_owned()), ..by() }, 10).await;
    assert_eq!(shown[0].project.as_deref(), Some("shop 2"));
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
    for cursor in
        ["", "<", "<x", "x", "~", "1~", "~1", "{\"$gt\": \"\"}", "🦦", "0", "null", "-1~zzz", &"9".repeat(5000)]
    {
        let answer =
            case.store.list(&JobQuery::default(), &PageRef { limit: 5, cursor: Some(cursor.to_owned()) }).await;
        assert!(matches!(answer, Err(Error::BadCursor)), "{cursor:?}: {answer:?}");
    }
}

pub async fn every_word_of_a_search_is_found<B: Backend>() {
    let case = Case::<B>::new().await;
    let jobs = [
        named("http://one.test/pay?x=1", "Charge Cards", &["billing"]),
        named("http://one.test/refund", "Refund cards", &["billing", "nightly"]),
        named("http://two.test/pay", "", &["Nightly"]),
    ];
    case.add_all(jobs.into()).await;
    let by = async |q: &str, expect: &[&str]| {
        check(&case, JobQuery { q: Some(q.to_owned()), ..JobQuery::default() }, expect).await;
    };
    by("cards one.test", &["/pay?x=1", "/refund"]).await;
    by("CARDS charge", &["/pay?x=1"]).await;
    by("  nightly\t billing ", &["/refund"]).await;
    by("nightly nightly", &["/refund", "/pay"]).await;
    by("pay cards nightly", &[]).await;
    by("  ", &["/pay?x=1", "/refund", "/pay"]).await;
    for job in all(&case, &JobQuery::default(), 10).await {
        case.edit(job.id, Edit::Delete).await;
    }
    let deleted = JobQuery { q: Some("cards refund".to_owned()), deleted: true, ..JobQuery::default() };
    check(&case, deleted, &["/refund"]).await;
}

pub async fn lists_are_sorted_and_read_in_both_directions<B: Backend>() {
    const LIMIT: usize = 4;
    let case = Case::<B>::new().await;
    // Many share a URL or a name, so a page ends between equals.
    let names = ["", "b", "B", "a c", "~"];
    let new = |n: usize| NewJob {
        active: n.is_multiple_of(3),
        ..named(&format!("http://sort.test/{}", n % 5), names[n / 3 % 5], &["x"])
    };
    case.add_all((0..30).map(new).collect()).await;
    let filters = [
        JobQuery::default(),
        JobQuery { tag: Some("x".to_owned()), ..JobQuery::default() },
        JobQuery { pool: Some("http://sort.test".to_owned()), active: Some(true), ..JobQuery::default() },
        JobQuery { q: Some("sort /".to_owned()), ..JobQuery::default() },
    ];
    for filter in filters {
        for sort in [SortBy::Url, SortBy::Name]
            .into_iter()
            .flat_map(|by| [true, false].map(|descending| Sort { by, descending }))
        {
            let query = JobQuery { sort: Some(sort), ..filter.clone() };
            let (mut pages, mut page) = (Vec::new(), PageRef::first(LIMIT));
            loop {
                let read = case.store.list(&query, &page).await.expect("a page");
                assert_eq!(read.prev.is_none(), pages.is_empty(), "{query:?}");
                page.cursor = read.next.clone();
                pages.push(read);
                if page.cursor.is_none() {
                    break;
                }
            }
            let text = |job: &JobSummary| match sort.by {
                SortBy::Name => job.name.clone(),
                _ => format!("{} {} x", job.endpoint, job.name).to_lowercase(),
            };
            let mut places: Vec<_> = pages.iter().flat_map(|page| &page.items).map(|job| (text(job), job.id)).collect();
            if sort.descending {
                places.reverse();
            }
            assert!(places.is_sorted(), "{query:?}: {places:?}");
            assert_eq!(places.len(), if query.active.is_some() { 10 } else { 30 }, "{query:?}");
            // Back again, page by page.
            let mut prev = pages.last().and_then(|page| page.prev.clone());
            for expect in pages.iter().rev().skip(1) {
                let page = PageRef { limit: LIMIT, cursor: prev };
                let read = case.store.list(&query, &page).await.expect("a page");
                assert_eq!((read.items, read.next), (expect.items.clone(), expect.next.clone()), "{query:?}");
                prev = read.prev;
            }
            assert_eq!(prev, None, "{query:?}: nothing is before the first page");
        }
    }
}

pub async fn lists_are_sorted_by_what_calls_change<B: Backend>() {
    let case = Case::<B>::new().await;
    let mut ids = Vec::new();
    // Each is due an hour after the one before, and the second one is called first.
    for (n, ends) in [[Outcome::Ok, Outcome::Ok], [Outcome::Ok, Outcome::Failed]].iter().enumerate() {
        let late = SECONDS * u32::try_from(2 - n).expect("few");
        let id = case.add_due_in(SECONDS).await.id;
        for outcome in ends {
            case.advance_to(case.get(id).await.state.due.expect("due") + late).await;
            let claim = case.claim_only(id).await;
            let run = run(&claim, *outcome);
            let then = claim.conclude(&run, None);
            case.settle(claim.settled(Some(run), then)).await;
        }
        let days = HOUR * 24 * u32::try_from(300 + n).expect("few");
        let now = case.now().await;
        let rarely = Schedule::Every { period: days, anchor: now - SECONDS, jitter: None };
        case.change(id, |spec| (spec.schedule, spec.tags) = (rarely, vec!["called".to_owned()])).await;
        ids.push(id);
    }
    let quiet = case.add(named("http://quiet.test/", "", &["called"])).await.id;
    let expect = [
        (SortBy::Next, [ids[0], ids[1], quiet]),
        (SortBy::Last, [quiet, ids[0], ids[1]]),
        (SortBy::Lag, [quiet, ids[1], ids[0]]),
        (SortBy::Success, [ids[1], ids[0], quiet]),
    ];
    for (by, mut expect) in expect {
        for descending in [false, true] {
            let sort = Some(Sort { by, descending });
            let query = JobQuery { tag: Some("called".to_owned()), sort, ..JobQuery::default() };
            let (mut found, mut page, mut prev) = (Vec::new(), PageRef::first(1), None);
            loop {
                let read = sorted(&*case.store, &query, &page).await.expect("a page").expect("few");
                found.extend(read.items.iter().map(|job| job.id));
                (page.cursor, prev) = (read.next, read.prev.or(prev));
                if page.cursor.is_none() {
                    break;
                }
            }
            assert_eq!(found, expect, "{query:?}");
            let page = PageRef { limit: 2, cursor: prev };
            let back = sorted(&*case.store, &query, &page).await.expect("a page").expect("few");
            assert_eq!(back.items.iter().map(|job| job.id).collect::<Vec<_>>(), expect[..2], "{query:?}");
            expect.reverse();
        }
    }
    let sort = Some(Sort { by: SortBy::Next, descending: false });
    let many = (0..=crate::MAX_SORTED).map(|n| named(&format!("http://many.test/{n}"), "", &[])).collect();
    case.add_all(many).await;
    let all = JobQuery { sort, ..JobQuery::default() };
    assert!(sorted(&*case.store, &all, &PageRef::first(1)).await.expect("an answer").is_none());
}

pub async fn kinds_of_schedules_are_told_apart<B: Backend>() {
    let case = Case::<B>::new().await;
    let of = |channel: &str, schedule: Schedule| {
        let mut new = named(&format!("http://kind.test{channel}"), "", &[]);
        new.spec.schedule = schedule;
        new
    };
    let cron = || Schedule::Cron(Cron::parse("0 3 * * *", Zone::UTC, 0).expect("a pattern"));
    let random = Random::new(HOUR, None, Days::ALL, Zone::UTC, 7).expect("a period");
    let until = Bounds { until: Some(case.store.now() + HOUR * 24 * 30), ..Bounds::none() };
    let every = Schedule::aligned(HOUR);
    case.add_all(vec![
        of("/every", every.clone()),
        of("/every-until", every.within(until.clone()).expect("occurrences")),
        of("/cron", cron()),
        of("/cron-until", cron().within(until).expect("occurrences")),
        of("/random", Schedule::Random(random)),
    ])
    .await;
    let by = |kind| JobQuery { schedule: Some(kind), ..JobQuery::default() };
    check(&case, by(ScheduleKind::Every), &["/every", "/every-until"]).await;
    check(&case, by(ScheduleKind::Cron), &["/cron", "/cron-until"]).await;
    check(&case, by(ScheduleKind::Random), &["/random"]).await;
    let pool = Some("http://kind.test".to_owned());
    check(&case, JobQuery { pool, ..by(ScheduleKind::Cron) }, &["/cron", "/cron-until"]).await;
    let sort = Some(Sort { by: SortBy::Name, descending: true });
    check(&case, JobQuery { sort, ..by(ScheduleKind::Every) }, &["/every", "/every-until"]).await;
    // By what it is after an edit.
    let id = all(&case, &by(ScheduleKind::Random), 10).await[0].id;
    case.change(id, |spec| spec.schedule = Schedule::aligned(HOUR)).await;
    check(&case, by(ScheduleKind::Every), &["/every", "/every-until", "/random"]).await;
}
