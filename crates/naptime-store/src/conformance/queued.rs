//! One-off jobs: keys, the list of each stage, retry and cancel, what is purged.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use naptime_core::{Claim, Edit, Job, JobId, NewJob, Outcome, Schedule, Spec, Stage, Time};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::Backend;
use super::case::{Case, HOUR, SECONDS, about, change, endpoint, new_job, rename, run};
use crate::{Added, Error, JobCount, JobQuery, JobSummary, PageRef, QueuedQuery, Treatment};

/// A one-off job that is due at once.
fn once(channel: &str) -> NewJob {
    let id = JobId::from(Uuid::now_v7());
    let at = Schedule::Once { at: Time::from_millis(0) };
    NewJob { id, spec: Spec::new(endpoint(&format!("http://queue.test{channel}")), at), active: true }
}

fn keyed(key: &str) -> NewJob {
    let mut new = once("/");
    new.spec.key = Some(key.to_owned());
    new
}

fn of(stages: &[Stage]) -> QueuedQuery {
    QueuedQuery { stages: stages.to_vec(), ..QueuedQuery::default() }
}

/// All pages of a list, `limit` items to each.
async fn all<B: Backend>(case: &Case<B>, query: &QueuedQuery, limit: usize) -> Vec<JobSummary> {
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

async fn settle<B: Backend>(case: &Case<B>, claim: &Claim, outcome: Outcome) -> Job {
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

pub async fn a_key_is_added_once<B: Backend>() {
    let case = Case::<B>::new().await;
    let first = case.add(keyed("$key.a")).await;
    let answer = case.store.insert(vec![keyed("$key.a"), keyed("b"), keyed("b"), once("/")]).await.expect("added");
    let [taken, second, twice, free] = &answer[..] else { panic!("four answers: {answer:?}") };
    assert_eq!(taken, &Added::Existing(first.clone()));
    let Added::New(b) = second else { panic!("new: {second:?}") };
    assert_eq!(twice, &Added::Existing(b.clone()), "the second of a request finds the first");
    assert!(matches!(free, Added::New(_)), "{free:?}");
    assert_eq!(all(&case, &of(&[]), 10).await.len(), 3);
    // Done is not deleted: the key says that this has been asked for already.
    let claims = case.claim().await;
    for claim in &claims {
        settle(&case, claim, Outcome::Ok).await;
    }
    let done = case.get(first.id).await;
    assert_eq!(case.store.insert(vec![keyed("$key.a")]).await.expect("added"), [Added::Existing(done)]);
}

pub async fn a_key_is_free_once_its_job_is_cancelled<B: Backend>() {
    let case = Case::<B>::new().await;
    let first = case.add(keyed("a")).await;
    case.store.treat(first.id, None, Treatment::Cancel).await.expect("cancelled");
    let second = case.store.insert(vec![keyed("a")]).await.expect("added").remove(0);
    assert!(matches!(&second, Added::New(job) if job.id != first.id), "{second:?}");
    assert_eq!(case.store.insert(vec![keyed("a")]).await.expect("added"), [Added::Existing(second.into_job())]);
}

pub async fn of_those_who_add_a_key_at_the_same_time_one_does<B: Backend>() {
    const ROUNDS: usize = 10;
    let case = Case::<B>::new().await;
    for round in 0..ROUNDS {
        let key = format!("round {round}");
        let mut adding = JoinSet::new();
        for _ in 0..4 {
            let (store, key) = (case.backend.another().await, key.clone());
            adding.spawn(async move { store.insert(vec![once("/"), keyed(&key)]).await.expect("added").remove(1) });
        }
        let answers = adding.join_all().await;
        let new = answers.iter().filter(|added| matches!(added, Added::New(_))).count();
        assert_eq!(new, 1, "{answers:?}");
        let ids: BTreeSet<JobId> = answers.into_iter().map(|added| added.into_job().id).collect();
        assert_eq!(ids.len(), 1, "all of them know the one that is there");
    }
    assert_eq!(all(&case, &of(&[]), 100).await.len(), ROUNDS * 5);
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
    let once = naptime_core::Change { schedule: Some(Schedule::Once { at }), ..naptime_core::Change::default() };
    case.edit(endpoint.id, change(once)).await;
    assert_eq!(case.store.count().await.expect("a count"), JobCount { total: 0, active: 0 });
    assert_eq!(all(&case, &of(&[Stage::Waiting]), 10).await.len(), 1);
    let every = Schedule::every(HOUR, endpoint.id);
    let every = naptime_core::Change { schedule: Some(every), ..naptime_core::Change::default() };
    case.edit(endpoint.id, change(every)).await;
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

pub async fn the_queue_is_filtered<B: Backend>() {
    let case = Case::<B>::new().await;
    let mut tagged = once("/alpha");
    (tagged.spec.tags, tagged.spec.name) = (vec!["red\"".to_owned(), "$ne".to_owned()], "Report (A)".to_owned());
    let mut other = once("/beta");
    other.spec.endpoint = endpoint("http://other.test:81/beta?x=.*");
    case.add_all(vec![tagged, other, once("/gamma")]).await;
    let check = async |query: QueuedQuery, expect: &[&str]| {
        for stages in [vec![], vec![Stage::Waiting, Stage::Done], vec![Stage::Waiting]] {
            let found = all(&case, &QueuedQuery { stages, ..query.clone() }, 2).await;
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

pub async fn what_failed_is_called_again<B: Backend>() {
    let case = Case::<B>::new().await;
    for outcome in [Outcome::Failed, Outcome::Ok] {
        let id = case.add(once("/")).await.id;
        let claim = case.claim_only(id).await;
        let ended = settle(&case, &claim, outcome).await;
        let again = case.store.treat(id, Some(ended.rev), Treatment::Retry).await.expect("retried");
        assert_eq!((again.stage(), again.state.attempt, again.state.ended_at), (Some(Stage::Waiting), 0, None));
        assert!(about(again.state.due.expect("due"), case.now().await));
        assert_eq!(case.get(id).await, again);
        case.advance(SECONDS).await;
        let claim = case.claim_only(id).await;
        assert_eq!(settle(&case, &claim, Outcome::Ok).await.stage(), Some(Stage::Done));
        assert_eq!(case.runs(id).await.len(), 2);
    }
}

pub async fn a_treatment_suits_a_stage<B: Backend>() {
    let case = Case::<B>::new().await;
    let treat = async |id: JobId, treatment| case.store.treat(id, None, treatment).await.err().map(|e| e.to_string());
    let wrong = |stage| Some(Error::WrongStage(stage).to_string());
    let endpoint = case.add(new_job()).await;
    for treatment in [Treatment::Retry, Treatment::Cancel] {
        for id in [endpoint.id, Uuid::now_v7().into()] {
            assert_eq!(treat(id, treatment).await, Some(Error::NotFound.to_string()), "no one-off job");
        }
    }
    let id = case.add(once("/")).await.id;
    assert_eq!(treat(id, Treatment::Retry).await, wrong(Stage::Waiting));
    let claim = case.claim_only(id).await;
    assert_eq!(treat(id, Treatment::Retry).await, wrong(Stage::Running));
    settle(&case, &claim, Outcome::Timeout).await;
    assert_eq!(treat(id, Treatment::Retry).await, wrong(Stage::Retrying));
    case.advance(SECONDS).await;
    let claim = case.claim_only(id).await;
    let failed = settle(&case, &claim, Outcome::Failed).await;
    assert_eq!(treat(id, Treatment::Cancel).await, wrong(Stage::Failed));
    assert_eq!(case.get(id).await, failed, "nothing was done to it");
    case.edit(id, rename("x")).await;
    let stale = case.store.treat(id, Some(failed.rev), Treatment::Retry).await;
    assert!(matches!(stale, Err(Error::Stale(rev)) if rev.0 == failed.rev.0 + 1), "{stale:?}");
    assert_eq!(treat(id, Treatment::Retry).await, None);
    assert_eq!(treat(id, Treatment::Cancel).await, None);
    for treatment in [Treatment::Retry, Treatment::Cancel] {
        assert_eq!(treat(id, treatment).await, Some(Error::Deleted.to_string()), "it is cancelled already");
    }
}

pub async fn what_is_cancelled_is_not_called<B: Backend>() {
    let case = Case::<B>::new().await;
    let [waiting, running] = [case.add(once("/")).await.id, case.add(once("/")).await.id];
    let claim = case.claim().await.into_iter().find(|claim| claim.job.id == running).expect("claimed");
    case.outlive_leases().await;
    // Only one of them is held by somebody who lives.
    let claim = case.claim().await.into_iter().find(|again| again.job.id == claim.job.id).expect("claimed again");
    for id in [waiting, running] {
        let cancelled = case.store.treat(id, None, Treatment::Cancel).await.expect("cancelled");
        assert_eq!(cancelled.stage(), Some(Stage::Cancelled));
    }
    let after = settle(&case, &claim, Outcome::Ok).await;
    assert_eq!((after.stage(), after.state.claim_at), (Some(Stage::Cancelled), None), "it stays cancelled");
    assert!(case.runs(running).await.iter().any(|run| run.outcome == Outcome::Ok), "what it answered is recorded");
    case.outlive_leases().await;
    let duties: Vec<_> = case.claim().await.iter().map(Claim::duty).collect();
    assert!(duties.iter().all(|duty| matches!(duty, naptime_core::Duty::Settle(_))), "nothing to call: {duties:?}");
    assert_eq!(all(&case, &of(&[Stage::Cancelled]), 10).await.len(), 2);
}

pub async fn all_that_match_are_treated_once<B: Backend>() {
    const JOBS: usize = 60;
    let case = Case::<B>::new().await;
    case.add_all((0..JOBS).map(|n| once(if n % 2 == 0 { "/even" } else { "/odd" })).collect()).await;
    let claims = case.claim().await;
    let settled = claims.iter().map(|claim| {
        let run = run(claim, Outcome::Failed);
        let then = claim.conclude(&run, None);
        claim.settled(Some(run), then)
    });
    case.store.settle(&settled.collect::<Vec<_>>()).await.expect("settled");
    let even = QueuedQuery { q: Some("even".to_owned()), ..of(&[Stage::Failed]) };
    // Two ask for it at the same time: each job is called again once.
    let mut asking = JoinSet::new();
    for _ in 0..2 {
        let (store, even) = (case.backend.another().await, even.clone());
        asking.spawn(async move {
            let (mut count, mut page) = (0, PageRef::first(7));
            loop {
                let treated = store.treat_all(&even, Treatment::Retry, &page).await.expect("treated");
                assert!(treated.count <= 7);
                count += treated.count;
                if treated.next.is_none() {
                    return count;
                }
                page.cursor = treated.next;
            }
        });
    }
    let counts = asking.join_all().await;
    assert_eq!(counts.iter().sum::<u64>(), 30, "{counts:?}");
    let stages = case.store.stages().await.expect("counts");
    assert_eq!((stages[&Stage::Waiting], stages[&Stage::Failed]), (30, 30));
    let waiting = all(&case, &of(&[Stage::Waiting]), 100).await;
    assert!(waiting.iter().all(|job| job.rev.0 == 2 && job.endpoint.channel().as_str() == "/even"), "each once");
    // What does not suit the treatment is passed over.
    let treated = case.store.treat_all(&of(&[]), Treatment::Cancel, &PageRef::first(100)).await.expect("treated");
    assert_eq!((treated.count, treated.next), (30, None));
    assert_eq!(case.store.stages().await.expect("counts")[&Stage::Failed], 30);
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
