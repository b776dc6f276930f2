//! One-off jobs: the list and the count of each stage, and what is purged.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use naptime_core::{Change, Claim, Edit, Job, JobId, NewJob, Outcome, Schedule, Spec, Stage, Time};
use uuid::Uuid;

use super::Backend;
use super::case::{Case, HOUR, SECONDS, about, endpoint, new_job, run};
use crate::{Error, JobCount, JobQuery, JobSummary, PageRef, QueuedQuery, Treatment};

/// A one-off job that is due at once.
pub(super) fn once(channel: &str) -> NewJob {
    let id = JobId::from(Uuid::now_v7());
    let at = Schedule::Once { at: Time::from_millis(0) };
    NewJob { id, spec: Spec::new(endpoint(&format!("http://queue.test{channel}")), at), active: true }
}

pub(super) fn keyed(key: &str) -> NewJob {
    let mut new = once("/");
    new.spec.key = Some(key.to_owned());
    new
}

pub(super) fn of(stages: &[Stage]) -> QueuedQuery {
    QueuedQuery { stages: stages.to_vec(), ..QueuedQuery::default() }
}

/// All pages of a list, `limit` items to each.
pub(super) async fn all<B: Backend>(case: &Case<B>, query: &QueuedQuery, limit: usize) -> Vec<JobSummary> {
    let mut items = Vec::new();
    let mut page = PageRef::first(limit);
    loop {
        let read = case.store.queued(query, &page).await.expect("a page");
        assert!(read.items.len() == limit || (read.items.len() < limit && read.next.is_none()), "short pages are last");
        items.extend(read.items);
        if read.next.is_none() {
            return items;
        }
        page.cursor = read.next;
    }
}

/// Checks that a job is in this stage, and in the list and the count of no other.
async fn check_stage<B: Backend>(case: &Case<B>, id: JobId, expect: Stage) {
    assert_eq!(case.get(id).await.stage(), Some(expect));
    for stage in Stage::ALL {
        let listed = all(case, &of(&[stage]), 10).await;
        let ids: Vec<JobId> = listed.iter().map(|job| job.id).collect();
        assert_eq!(ids, if stage == expect { vec![id] } else { vec![] }, "{expect:?} in the list of {stage:?}");
        assert!(listed.iter().all(|job| job.stage == Some(stage)));
    }
    let expect = Stage::ALL.map(|stage| (stage, u64::from(stage == expect)));
    assert_eq!(case.store.stages().await.expect("counts"), BTreeMap::from(expect));
}

pub(super) async fn settle<B: Backend>(case: &Case<B>, claim: &Claim, outcome: Outcome) -> Job {
    let run = run(claim, outcome);
    let then = claim.conclude(&run, None);
    case.settle(claim.settled(Some(run), then)).await;
    case.get(claim.job.id).await
}

/// A job that failed for good.
async fn failed<B: Backend>(case: &Case<B>, new: NewJob) -> Job {
    let id = case.add(new).await.id;
    let claim = case.claim_only(id).await;
    settle(case, &claim, Outcome::Failed).await
}

pub async fn one_off_jobs_are_no_endpoints<B: Backend>() {
    let case = Case::<B>::new().await;
    let endpoint = case.add(new_job()).await;
    let job = case.add(once("/")).await;
    let listed = case.store.list(&JobQuery::default(), &PageRef::first(10)).await.expect("a page").items;
    assert_eq!(listed.iter().map(|job| job.id).collect::<Vec<_>>(), [endpoint.id]);
    assert_eq!(case.store.count().await.expect("a count"), JobCount { total: 1, active: 0 });
    assert_eq!(all(&case, &of(&[]), 10).await.iter().map(|job| job.id).collect::<Vec<_>>(), [job.id]);
    case.switch(endpoint.id, true).await;
    case.edit(job.id, Edit::Delete).await;
    assert_eq!(case.store.count().await.expect("a count"), JobCount { total: 1, active: 1 });
    // What recurs becomes one-off, and back.
    let at = job.created_at + HOUR;
    case.edit(endpoint.id, Edit::Change(Change::schedule(Schedule::Once { at }))).await;
    assert_eq!(case.store.count().await.expect("a count"), JobCount { total: 0, active: 0 });
    assert_eq!(all(&case, &of(&[Stage::Waiting]), 10).await.len(), 1);
    let every = Schedule::every(HOUR, endpoint.id);
    case.edit(endpoint.id, Edit::Change(Change::schedule(every))).await;
    assert_eq!(case.store.count().await.expect("a count"), JobCount { total: 1, active: 1 });
    assert_eq!(all(&case, &of(&[Stage::Waiting]), 10).await.len(), 0);
    case.edit(endpoint.id, Edit::Delete).await;
    assert_eq!(case.store.count().await.expect("a count"), JobCount { total: 0, active: 0 });
}

pub async fn a_job_is_listed_in_its_stage<B: Backend>() {
    let case = Case::<B>::new().await;
    let id = case.add(once("/")).await.id;
    check_stage(&case, id, Stage::Waiting).await;
    let claim = case.claim_only(id).await;
    check_stage(&case, id, Stage::Running).await;
    // Given back, it is as if it had not been claimed.
    case.settle(claim.settled(None, naptime_core::Then::GiveBack)).await;
    check_stage(&case, id, Stage::Waiting).await;
    let claim = case.claim_only(id).await;
    settle(&case, &claim, Outcome::Timeout).await;
    check_stage(&case, id, Stage::Retrying).await;
    case.advance(SECONDS).await;
    let claim = case.claim_only(id).await;
    check_stage(&case, id, Stage::Running).await;
    let done = settle(&case, &claim, Outcome::Ok).await;
    check_stage(&case, id, Stage::Done).await;
    assert!(about(done.state.ended_at.expect("it has ended"), case.now().await));
    assert_eq!(all(&case, &of(&[Stage::Done]), 10).await, [JobSummary::from(done)]);
}

pub async fn the_queue_is_paged_newest_first<B: Backend>() {
    let case = Case::<B>::new().await;
    let mut expect = Vec::new();
    for _ in 0..3 {
        // Those added together have one time.
        let jobs = case.add_all((0..40).map(|n| once(&format!("/{n}"))).collect()).await;
        expect.extend(jobs.iter().map(|job| job.id));
        case.advance(SECONDS).await;
    }
    for id in expect.iter().step_by(7) {
        case.store.treat(*id, None, Treatment::Cancel).await.expect("cancelled");
    }
    expect.reverse();
    for limit in [7, 40, 119, 120, 121] {
        let ids: Vec<JobId> = all(&case, &of(&[]), limit).await.iter().map(|job| job.id).collect();
        assert_eq!(ids, expect, "{limit} to a page, all stages");
        let both = of(&[Stage::Waiting, Stage::Cancelled]);
        let ids: Vec<JobId> = all(&case, &both, limit).await.iter().map(|job| job.id).collect();
        assert_eq!(ids, expect, "{limit} to a page, two stages");
    }
    assert_eq!(all(&case, &of(&[Stage::Cancelled]), 5).await.len(), 18);
    assert_eq!(all(&case, &of(&[Stage::Failed]), 5).await.len(), 0);
}

pub async fn the_queue_is_read_in_both_directions<B: Backend>() {
    let case = Case::<B>::new().await;
    for _ in 0..2 {
        case.add_all((0..10).map(|n| once(&format!("/{n}"))).collect()).await;
        case.advance(SECONDS).await;
    }
    let q = Some("queue.test".to_owned());
    for query in [of(&[]), of(&[Stage::Waiting, Stage::Done]), QueuedQuery { q, ..of(&[Stage::Waiting]) }] {
        let read = async |cursor: Option<String>| {
            case.store.queued(&query, &PageRef { limit: 8, cursor }).await.expect("a page")
        };
        let first = read(None).await;
        let second = read(first.next.clone()).await;
        let third = read(second.next.clone()).await;
        assert_eq!((first.prev.as_ref(), third.next.as_ref(), third.items.len()), (None, None, 4), "{query:?}");
        let back = read(third.prev).await;
        assert_eq!((&back.items, &back.next), (&second.items, &second.next), "{query:?}");
        assert_eq!(read(back.prev).await, first, "{query:?}");
    }
}

pub async fn the_queue_is_filtered<B: Backend>() {
    let case = Case::<B>::new().await;
    let mut tagged = once("/alpha");
    (tagged.spec.tags, tagged.spec.name) = (vec!["red\"".to_owned(), "$ne".to_owned()], "Report (A)".to_owned());
    let mut other = once("/beta");
    other.spec.endpoint = endpoint("http://other.test:81/beta?x=.*");
    case.add_all(vec![tagged, other, once("/gamma")]).await;
    let check = async |query: QueuedQuery, expect: &[&str]| {
        for stages in [vec![], vec![Stage::Waiting, Stage::Done], vec![Stage::Waiting]] {
            let query = QueuedQuery { stages, ..query.clone() };
            assert_eq!(case.store.count_queued(&query).await.expect("a count"), expect.len() as u64, "{query:?}");
            let found = all(&case, &query, 2).await;
            let mut found: Vec<&str> = found.iter().map(|job| job.endpoint.channel().as_str()).collect();
            found.sort_unstable();
            assert_eq!(found, expect, "{query:?}");
        }
    };
    let text = |text: &str| Some(text.to_owned());
    let by = QueuedQuery::default;
    check(QueuedQuery { q: text("QUEUE.test"), ..by() }, &["/alpha", "/gamma"]).await;
    check(QueuedQuery { q: text("report (a)"), ..by() }, &["/alpha"]).await;
    check(QueuedQuery { q: text(".*"), ..by() }, &["/beta?x=.*"]).await;
    check(QueuedQuery { q: text("' OR 1=1 --"), ..by() }, &[]).await;
    check(QueuedQuery { pool: text("http://other.test:81"), ..by() }, &["/beta?x=.*"]).await;
    check(QueuedQuery { pool: text("http://other.test"), ..by() }, &[]).await;
    check(QueuedQuery { tag: text("red\""), ..by() }, &["/alpha"]).await;
    check(QueuedQuery { tag: text("$ne"), q: text("alpha"), pool: text("http://queue.test"), ..by() }, &["/alpha"])
        .await;
    check(QueuedQuery { tag: text("red"), ..by() }, &[]).await;
}

pub async fn a_cursor_of_the_queue_must_be_ours<B: Backend>() {
    let case = Case::<B>::new().await;
    case.add(once("/")).await;
    for cursor in ["", "x", "~", "1~", "~1", ".", "1.1", "{\"$gt\": \"\"}", "🦦", "0", "-1~zzz", &"9".repeat(5000)] {
        let page = PageRef { limit: 5, cursor: Some(cursor.to_owned()) };
        let answer = case.store.queued(&of(&[]), &page).await;
        assert!(matches!(answer, Err(Error::BadCursor)), "{cursor:?}: {answer:?}");
        let answer = case.store.treat_all(&of(&[]), Treatment::Cancel, &page).await;
        assert!(matches!(answer, Err(Error::BadCursor)), "{cursor:?}: {answer:?}");
    }
}

pub async fn what_ended_long_ago_is_purged<B: Backend>() {
    if !B::PURGES {
        return;
    }
    let case = Case::<B>::new().await;
    let far = case.now().await + B::RETENTION * 3;
    let mut waiting = once("/");
    waiting.spec.schedule = Schedule::Once { at: far };
    let waiting = case.add(waiting).await.id;
    let old = failed(&case, once("/old")).await.id;
    let again = failed(&case, once("/again")).await.id;
    let cancelled = case.add(keyed("a")).await.id;
    case.store.treat(cancelled, None, Treatment::Cancel).await.expect("cancelled");
    case.advance(B::RETENTION - HOUR).await;
    let young = failed(&case, once("/young")).await.id;
    case.store.purge().await.expect("purged");
    assert_eq!(all(&case, &of(&[]), 10).await.len(), 5, "nothing is old yet");
    case.store.treat(again, None, Treatment::Retry).await.expect("retried");
    case.advance(2 * HOUR).await;
    case.store.purge().await.expect("purged");
    let left: BTreeSet<JobId> = all(&case, &of(&[]), 10).await.iter().map(|job| job.id).collect();
    assert_eq!(left, BTreeSet::from([waiting, again, young]));
    assert!(matches!(case.store.get(old).await, Err(Error::NotFound)));
    assert!(case.runs(old).await.is_empty(), "with its runs");
    assert_eq!(case.runs(young).await.len(), 1);
    // A schedule of another kind that came to its end is not purged: somebody may set another.
    let ended = case.add_due().await;
    let claim = case.claim().await.into_iter().find(|claim| claim.job.id == ended.id).expect("claimed");
    case.settle(claim.settled(None, naptime_core::Then::Next { due: None, missed: 0 })).await;
    case.advance(B::RETENTION + Duration::from_secs(60)).await;
    case.store.purge().await.expect("purged");
    assert_eq!(case.get(ended.id).await.state.due, None);
}
