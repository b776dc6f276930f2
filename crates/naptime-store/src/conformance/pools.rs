//! Pools: listed, and changed.

use std::time::Duration;

use naptime_core::{Edit, Headers, Job, JobId, NewJob, Pool, PoolChange, PoolSettings, Rev, Schedule, Time, Transport};
use tokio::task::JoinSet;

use super::Backend;
use super::case::{Case, HOUR, SECONDS, due_at, endpoint, new_job, want};
use crate::{Error, JobCount, PageRef, PoolSummary, TimeoutLimits, Treatment};

const MINUTE: Duration = Duration::from_secs(60);

pub(super) fn pool(text: &str) -> Pool {
    Pool::parse(text).expect("a pool")
}

/// The pool that [`new_job`]s belong to.
pub(super) fn target() -> Pool {
    pool("https://target.test")
}

pub(super) fn in_flight(limit: u32) -> PoolChange {
    PoolChange { max_in_flight: Some(Some(limit)), ..PoolChange::default() }
}

pub(super) fn unlimited() -> PoolChange {
    PoolChange { max_in_flight: Some(None), max_per_second: Some(None), ..PoolChange::default() }
}

/// What is stored as it is, whatever it looks like to the store.
fn transport() -> Transport {
    let [extra_ca, client_cert] = ["$NOW {\"a\": 'b'}\n", "-----BEGIN\r\n\\"].map(|text| Some(text.to_owned()));
    Transport { http1_only: true, extra_ca, client_cert }
}

pub(super) fn switch(active: bool) -> PoolChange {
    PoolChange { active: Some(active), ..PoolChange::default() }
}

impl<B: Backend> Case<B> {
    pub(super) async fn change_pool(&self, pool: &Pool, change: PoolChange) -> PoolSettings {
        self.store.change_pool(pool, None, change).await.expect("changed")
    }

    async fn pool(&self, pool: &Pool) -> PoolSummary {
        self.store.pool(pool).await.expect("a pool")
    }

    pub(super) async fn move_to(&self, id: JobId, url: &str) -> Job {
        self.change(id, |spec| spec.endpoint = endpoint(url)).await
    }
}

pub async fn a_pool_is_there_as_soon_as_a_job_of_it_is<B: Backend>() {
    let case = Case::<B>::new().await;
    assert!(matches!(case.store.pool(&target()).await, Err(Error::NotFound)));
    let before = case.now().await; // Adds a job, too, which is off.
    let job = case.add_due_in(SECONDS).await;
    let found = case.pool(&target()).await;
    assert_eq!(found.endpoints, JobCount { total: 2, active: 1 });
    let settings = found.settings;
    assert_eq!(settings, PoolSettings::new(target(), settings.updated_at));
    assert!(settings.updated_at <= before);

    let other = pool("http://127.0.0.1:8080");
    case.move_to(job.id, "http://127.0.0.1:8080/x").await;
    assert_eq!(case.pool(&other).await.endpoints, JobCount { total: 1, active: 1 });
    assert_eq!(case.pool(&target()).await.endpoints, JobCount { total: 1, active: 0 });
    case.edit(job.id, Edit::Delete).await;
    assert_eq!(case.pool(&other).await.endpoints, JobCount::default(), "it stays, without endpoints");
}

pub async fn pools_are_listed_with_their_endpoints<B: Backend>() {
    let case = Case::<B>::new().await;
    let names = ["http://b.test:8080", "https://a.test", "https://b.test", "https://c.b.test", "https://d.test"];
    let mut new = Vec::new();
    for (n, name) in names.iter().enumerate() {
        for m in 0..=n {
            let mut job = NewJob { active: m < 2, ..new_job() };
            job.spec.endpoint = endpoint(&format!("{name}/{m}"));
            new.push(job);
        }
    }
    // One-off jobs make their pool, but are no endpoints.
    let mut once = new_job();
    once.spec.endpoint = endpoint("https://d.test/once");
    once.spec.schedule = Schedule::Once { at: Time::from_millis(0) };
    new.push(once);
    case.store.insert(new).await.expect("added");

    let mut page = PageRef::first(2);
    let mut seen = Vec::new();
    loop {
        let found = case.store.pools(None, &page).await.expect("a page");
        assert!(found.items.len() <= 2);
        seen.extend(found.items);
        page.cursor = found.next;
        if page.cursor.is_none() {
            break;
        }
    }
    let shown: Vec<(&str, u64, u64)> =
        seen.iter().map(|it| (it.settings.pool.as_str(), it.endpoints.total, it.endpoints.active)).collect();
    let expect: Vec<(&str, u64, u64)> =
        names.iter().zip([1, 2, 3, 4, 5]).map(|(&name, count)| (name, count, count.min(2))).collect();
    assert_eq!(shown, expect, "by name, without gap or repeat");

    let search = async |q: &str| {
        let found = case.store.pools(Some(q), &PageRef::first(10)).await.expect("a page").items;
        found.into_iter().map(|it| it.settings.pool.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(search("B.Test").await, ["http://b.test:8080", "https://b.test", "https://c.b.test"]);
    assert_eq!(search("a.test").await, ["https://a.test"]);
    assert!(search(".*").await.is_empty(), "taken literally");
    assert_eq!(search("").await.len(), 5);
    let bad = PageRef { limit: 2, cursor: Some("nonsense".to_owned()) };
    assert!(matches!(case.store.pools(None, &bad).await, Err(Error::BadCursor)));
}

pub async fn a_pool_is_changed_by_its_revision<B: Backend>() {
    let case = Case::<B>::new().await;
    let none = case.store.change_pool(&target(), None, in_flight(1)).await;
    assert!(matches!(none, Err(Error::NotFound)));
    case.add(new_job()).await;
    let before = case.pool(&target()).await.settings;
    let pairs = vec![("X-A".to_owned(), "$NOW".to_owned()), ("X-$b".to_owned(), "{}".to_owned())];
    let change = PoolChange {
        active: Some(false),
        headers: Some(Headers::new(pairs).expect("headers")),
        max_in_flight: Some(Some(7)),
        max_per_second: Some(Some(1000)),
        max_timeout: Some(Some(Duration::from_secs(1200))),
        transport: Some(transport()),
        probe: Some(false),
    };
    case.advance(SECONDS).await;
    let after = case.store.change_pool(&target(), Some(before.rev), change.clone()).await.expect("changed");
    let mut model = before.clone();
    assert!(model.change(change.clone(), after.updated_at));
    assert_eq!(after, model);
    assert!(after.updated_at > before.updated_at);
    assert_eq!(case.pool(&target()).await.settings, after);
    let some = [pool("https://unknown.test"), target(), target()];
    let found = case.store.pool_settings(&some).await.expect("settings");
    assert_eq!(found, std::slice::from_ref(&after), "each once");
    assert_eq!(case.store.pool_settings(&[]).await.expect("settings"), []);

    let stale = case.store.change_pool(&target(), Some(before.rev), switch(true)).await;
    assert!(matches!(stale, Err(Error::Stale(rev)) if rev == after.rev), "{stale:?}");
    assert_eq!(case.change_pool(&target(), change).await, after, "the same again is no change");
    let racing = (0..8).map(|n| {
        let store = case.store.clone();
        tokio::spawn(async move { store.change_pool(&target(), Some(Rev(2)), in_flight(n + 1)).await })
    });
    let mut won = 0;
    for racer in racing.collect::<Vec<_>>() {
        won += usize::from(racer.await.expect("no panic").is_ok_and(|settings| settings.rev == Rev(3)));
    }
    assert_eq!(won, 1, "of changes at the same time one wins");
}

pub async fn known_pools_are_those_that_differ<B: Backend>() {
    let case = Case::<B>::new().await;
    case.add(new_job()).await;
    let known = async || case.store.known_pools().await.expect("an answer");
    assert_eq!(known().await, []);
    let headers = Headers::new(vec![("X-A".to_owned(), "1".to_owned())]).expect("a header");
    let gated = [switch(false), in_flight(2)];
    let ungated = [
        PoolChange { headers: Some(headers), ..PoolChange::default() },
        PoolChange { max_timeout: Some(Some(HOUR)), ..PoolChange::default() },
        PoolChange { transport: Some(transport()), ..PoolChange::default() },
    ];
    for change in gated.into_iter().chain(ungated) {
        case.change_pool(&target(), change.clone()).await;
        // Looked after for a while; then known because it differs.
        for _ in 0..2 {
            let settings = case.pool(&target()).await.settings;
            assert_eq!(known().await, [settings], "{change:?}");
            case.advance(HOUR).await;
        }
        let plain = PoolChange {
            active: Some(true),
            headers: Some(Headers::default()),
            max_timeout: Some(None),
            transport: Some(Transport::default()),
            ..unlimited()
        };
        case.change_pool(&target(), plain).await;
        case.advance(HOUR).await;
        known().await;
        assert_eq!(known().await, [], "as it was before {change:?}");
    }
}

pub async fn a_pool_that_is_known_need_not_be_gated<B: Backend>() {
    let case = Case::<B>::new().await;
    let due = case.now().await + SECONDS;
    case.add(due_at(due)).await;
    case.advance(SECONDS).await;
    let change = PoolChange { max_timeout: Some(Some(HOUR)), transport: Some(transport()), ..PoolChange::default() };
    case.change_pool(&target(), change).await;
    assert_eq!(case.store.known_pools().await.expect("an answer").len(), 1);
    assert_eq!(case.store.claim(&want()).await.expect("an answer").claims.len(), 1, "by the ordinary way");
}

pub async fn a_timeout_is_held_to_its_pool<B: Backend>() {
    let case = Case::<B>::new().await;
    let fault = async |pool: &Pool, minutes: u32| {
        let found =
            TimeoutLimits::default().fault(case.store.as_ref(), pool, minutes * MINUTE).await.expect("an answer");
        found.map(|fault| fault.field.into_owned())
    };
    let at_timeout = Some("timeout".to_owned());
    assert_eq!(fault(&target(), 5).await, None, "of a pool that is not there yet");
    assert_eq!(fault(&target(), 6).await, at_timeout);
    case.add(new_job()).await;
    assert_eq!(fault(&target(), 6).await, at_timeout);
    case.change_pool(&target(), PoolChange { max_timeout: Some(Some(20 * MINUTE)), ..PoolChange::default() }).await;
    assert_eq!(fault(&target(), 20).await, None);
    assert_eq!(fault(&target(), 21).await, at_timeout);
    assert_eq!(fault(&pool("https://other.test"), 20).await, at_timeout);
}

pub async fn a_pool_without_jobs_is_deleted<B: Backend>() {
    let case = Case::<B>::new().await;
    let delete = async |expect| case.store.delete_pool(&target(), expect).await;
    assert!(matches!(delete(None).await, Err(Error::NotFound)));
    let job = case.add(NewJob { active: true, ..new_job() }).await;
    let mut once = new_job();
    once.spec.schedule = Schedule::Once { at: Time::from_millis(0) };
    let once = case.add(once).await;
    let settings = case.change_pool(&target(), in_flight(2)).await;
    let refused = delete(None).await;
    assert!(matches!(refused, Err(Error::PoolInUse { endpoints: 1, once: 1 })), "{refused:?}");
    case.edit(job.id, Edit::Delete).await;
    let refused = delete(None).await;
    assert!(matches!(refused, Err(Error::PoolInUse { endpoints: 0, once: 1 })), "{refused:?}");
    case.edit(once.id, Edit::Delete).await;
    let stale = delete(Some(Rev(1))).await;
    assert!(matches!(stale, Err(Error::Stale(rev)) if rev == settings.rev), "{stale:?}");

    delete(Some(settings.rev)).await.expect("deleted");
    assert!(matches!(delete(None).await, Err(Error::NotFound)), "once");
    assert!(matches!(case.store.pool(&target()).await, Err(Error::NotFound)));
    assert_eq!(case.store.pools(None, &PageRef::first(9)).await.expect("a page").items, []);
    assert_eq!(case.store.pool_settings(&[target()]).await.expect("settings"), []);
    assert_eq!(case.store.known_pools().await.expect("an answer"), []);
    let change = case.store.change_pool(&target(), None, in_flight(1)).await;
    assert!(matches!(change, Err(Error::NotFound)), "{change:?}");

    // Restored at once and after a while: it is there again, as a new one.
    for wait in [SECONDS, HOUR] {
        case.advance(wait).await;
        case.store.known_pools().await.expect("an answer");
        case.edit(job.id, Edit::Restore).await;
        let found = case.pool(&target()).await;
        assert_eq!(found.settings, PoolSettings::new(target(), found.settings.updated_at));
        assert_eq!(found.endpoints, JobCount { total: 1, active: 0 });
        case.edit(job.id, Edit::CallNow).await;
        let claim = case.claim_only(job.id).await;
        case.settle_ok(&claim).await;
        case.edit(job.id, Edit::Delete).await;
        delete(None).await.expect("deleted");
    }

    // A one-off job that is over does not keep it, and is called again like any other.
    let mut done = NewJob { active: true, ..new_job() };
    done.spec.schedule = Schedule::Once { at: Time::from_millis(0) };
    let done = case.add(done).await;
    case.change_pool(&target(), in_flight(2)).await;
    let refused = delete(None).await;
    assert!(matches!(refused, Err(Error::PoolInUse { endpoints: 0, once: 1 })), "{refused:?}");
    let claim = case.claim_by(&super::gates::want_of(&target())).await.remove(0);
    case.settle_ok(&claim).await;
    delete(None).await.expect("deleted");
    case.store.treat(done.id, None, Treatment::Retry).await.expect("to be called again");
    assert_eq!(case.pool(&target()).await.settings.rev, Rev(1), "it is there again");
    case.advance(SECONDS).await;
    case.claim_only(done.id).await;
}

pub async fn a_pool_deleted_while_jobs_are_added_leaves_none_behind<B: Backend>() {
    let case = Case::<B>::new().await;
    for round in 0..10 {
        let job = case.add(NewJob { active: true, ..new_job() }).await;
        // Gated, so that a job that keeps the gate would never be claimed.
        case.change_pool(&target(), in_flight(1000)).await;
        case.edit(job.id, Edit::Delete).await;
        let mut racing = JoinSet::new();
        for n in 0..4 {
            let store = if n % 2 == 0 { case.store.clone() } else { case.backend.another().await };
            racing.spawn(async move {
                let new = NewJob { active: true, ..new_job() };
                let id = new.id;
                store.insert(vec![new]).await.expect("added");
                Some(id)
            });
        }
        let store = case.store.clone();
        racing.spawn(async move {
            let deleted = store.delete_pool(&target(), None).await;
            assert!(matches!(deleted, Ok(()) | Err(Error::PoolInUse { .. })), "{deleted:?}");
            None
        });
        let added: Vec<JobId> = racing.join_all().await.into_iter().flatten().collect();
        case.advance(2 * HOUR).await;
        let found = case.pool(&target()).await;
        assert_eq!(found.endpoints.total, 4, "round {round}: the pool is there with its jobs");
        let mut claims = case.claim().await;
        if found.settings.is_gated() {
            assert_eq!(claims, [], "round {round}: behind the gate");
            case.change_pool(&target(), unlimited()).await;
            claims = case.claim().await;
        }
        assert_eq!(claims.len(), added.len(), "round {round}: all are claimed");
        for claim in &claims {
            case.settle_ok(claim).await;
            case.edit(claim.job.id, Edit::Delete).await;
        }
    }
}
