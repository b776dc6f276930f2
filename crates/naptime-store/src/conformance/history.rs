//! Runs, workers, and what is kept for how long.

use std::time::Duration;

use naptime_core::load::{Figures, Load};
use naptime_core::worker::DEAD_AFTER;
use naptime_core::{Edit, Heartbeat, JobId, Outcome, Peer, Run, SkipReason, Skipped, Tier, Time, WorkerId};
use uuid::Uuid;

use super::Backend;
use super::case::{Case, HOUR, SECONDS, about, due_at, new_job, new_token, new_worker, run, want};
use crate::{Error, PageRef};

const SECOND: Duration = Duration::from_secs(1);

/// A run of a job, of no claim in particular.
fn some_run(job: JobId, started: Time) -> Run {
    Run {
        token: new_token(),
        job,
        worker: new_worker(),
        due: started - SECOND,
        started,
        finished: started + SECOND,
        outcome: Outcome::Ok,
        status: Some(200),
        message: "fine".to_owned(),
        attempt: 1,
        manual: false,
        skipped: None,
    }
}

pub async fn runs_are_read_back_as_they_were<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = case.add(new_job()).await.id;
    let now = case.now().await;
    let mut expect = Vec::new();
    // One of them is of a later version.
    let outcomes = Outcome::ALL.into_iter().chain([Outcome::stored("teapot")]);
    for (n, outcome) in outcomes.enumerate() {
        let n = u32::try_from(n).expect("small");
        let run = Run {
            outcome,
            status: (n % 2 == 0).then_some(599),
            message: ["", "$message", "<script>", "{\"$ne\": null} \u{0} 🦦"][n as usize % 4].to_owned(),
            attempt: n + 1,
            manual: n % 3 == 0,
            skipped: (n % 5 == 0).then_some(Skipped { count: u64::from(n) + 1, reason: SkipReason::PoolOff }),
            ..some_run(job, now - n * SECOND)
        };
        case.record(run.clone()).await;
        expect.push(run);
    }
    assert_eq!(case.rows(job).await, expect);
}

pub async fn runs_come_newest_first_without_gap_or_repeat<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = case.add(new_job()).await.id;
    let now = case.now().await;
    // Several start in the same millisecond, and pages end between them.
    for n in 0..53_u32 {
        case.record(some_run(job, now - (n * 7 % 53 / 5) * SECOND)).await;
    }
    let all = case.runs(job).await;
    assert_eq!(all.len(), 53);
    assert!(all.is_sorted_by(|a, b| a.started >= b.started), "newest first");
    for limit in [1, 2, 3, 7, 52, 53, 54] {
        let mut paged = Vec::new();
        let mut page = PageRef::first(limit);
        loop {
            let read = case.store.runs(job, &page).await.expect("a page");
            assert!(read.items.len() == limit || read.next.is_none(), "a short page is the last");
            paged.extend(read.items);
            if read.next.is_none() {
                break;
            }
            assert!(paged.len() < all.len(), "a cursor that leads nowhere");
            page.cursor = read.next;
        }
        assert_eq!(paged, all, "{limit} to a page");
    }
    // What comes in meanwhile does not move what follows.
    let first = case.store.runs(job, &PageRef::first(10)).await.expect("a page");
    case.record(some_run(job, now + SECOND)).await;
    let second = case.store.runs(job, &PageRef { limit: 10, cursor: first.next }).await.expect("a page");
    assert_eq!(second.items, all[10..20]);
}

pub async fn runs_are_of_one_job<B: Backend>() {
    let case = Case::<B>::new().await;
    let now = case.now().await;
    let [a, b, c] = [case.add(new_job()).await.id, case.add(new_job()).await.id, case.add(new_job()).await.id];
    for _ in 0..3 {
        case.record(some_run(a, now)).await;
        case.record(some_run(b, now)).await;
    }
    assert!(case.runs(a).await.iter().all(|run| run.job == a));
    assert_eq!((case.runs(a).await.len(), case.runs(b).await.len(), case.runs(c).await.len()), (3, 3, 0));
    assert!(case.runs(JobId::from(Uuid::new_v4())).await.is_empty(), "of an unknown job there are none");
}

pub async fn a_cursor_of_runs_must_be_ours<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = case.add(new_job()).await.id;
    for cursor in ["", "x", "~", "1~", "~1", "{\"$gt\": \"\"}", "🦦", "0", "null", "-1~zzz", &"9".repeat(5000)] {
        let answer = case.store.runs(job, &PageRef { limit: 5, cursor: Some(cursor.to_owned()) }).await;
        assert!(matches!(answer, Err(Error::BadCursor)), "{cursor:?}: {answer:?}");
    }
}

pub async fn whoever_records_first_is_right<B: Backend>() {
    let case = Case::<B>::new().await;
    let job = case.add(new_job()).await.id;
    let first = some_run(job, case.now().await);
    case.record(first.clone()).await;
    let second =
        Run { outcome: Outcome::Lost, message: "another".to_owned(), started: first.started + SECOND, ..first.clone() };
    case.record(second).await;
    assert_eq!(case.runs(job).await, [first]);
}

/// The claims of a batch have one token, and a run each.
pub async fn a_batch_shares_its_token<B: Backend>() {
    let case = Case::<B>::new().await;
    let due = case.now().await + SECONDS;
    let jobs = case.add_all((0..5).map(|_| due_at(due)).collect()).await;
    case.advance_to(due).await;
    let want = want();
    let claims = case.claim_by(&want).await;
    let settled: Vec<_> = claims
        .iter()
        .map(|claim| {
            let run = run(claim, Outcome::Ok);
            claim.settled(Some(run.clone()), claim.conclude(&run, None))
        })
        .collect();
    case.store.settle(&settled).await.expect("settled");
    for job in jobs {
        let tokens: Vec<_> = case.runs(job.id).await.iter().map(|run| run.token).collect();
        assert_eq!(tokens, [want.token]);
    }
}

fn heartbeat(id: WorkerId, started_at: Time) -> Heartbeat {
    Heartbeat {
        id,
        host: "$host <b>".to_owned(),
        pid: u32::MAX,
        version: "0.1.0".to_owned(),
        tzdb: Some("2026f".to_owned()),
        capacity: 100,
        held: 3,
        started_at,
        stopping: false,
        trouble: None,
    }
}

pub async fn workers_live_until_they_are_silent_or_leave<B: Backend>() {
    let case = Case::<B>::new().await;
    let start = case.now().await;
    let beats = [3_u32, 1, 2].map(|n| heartbeat(new_worker(), start - n * HOUR));
    let [a, b, c] = beats.clone().map(|beat| beat.id);
    let beat = async |n: usize| {
        let living = case.store.beat(&beats[n]).await.expect("heard");
        let mut living: Vec<WorkerId> = living.iter().map(|peer| peer.id).collect();
        living.sort();
        living
    };
    let sorted = |mut ids: Vec<WorkerId>| {
        ids.sort();
        ids
    };
    let shown = async || -> Vec<(WorkerId, bool)> {
        let workers = case.store.workers().await.expect("workers");
        workers.iter().map(|worker| (worker.beat.id, worker.alive)).collect()
    };
    assert_eq!(beat(0).await, [a]);
    assert_eq!(beat(1).await, sorted(vec![a, b]));
    assert_eq!(beat(2).await, sorted(vec![a, b, c]));
    assert_eq!(shown().await, [(a, true), (c, true), (b, true)], "by start");
    case.advance(DEAD_AFTER / 2).await;
    assert_eq!(beat(1).await, sorted(vec![a, b, c]), "silent for half the time");
    case.advance(DEAD_AFTER / 2 + SECOND).await;
    assert_eq!(beat(1).await, [b], "silent for longer");
    assert_eq!(shown().await, [(b, true), (a, false), (c, false)], "the living first");
    assert_eq!(beat(0).await, sorted(vec![a, b]), "heard of again");
    let stopping = Heartbeat { stopping: true, ..beats[1].clone() };
    let busy = Heartbeat { held: 5, capacity: 10, ..beats[0].clone() };
    for (beat, has_room) in [(&beats[0], true), (&busy, false)] {
        case.store.beat(beat).await.expect("heard");
        let living = case.store.beat(&stopping).await.expect("heard");
        assert_eq!(living, [Peer { id: a, has_room }], "who stops takes no more work");
    }
    assert_eq!(shown().await, [(a, true), (b, true), (c, false)], "but is still there");
    case.store.leave(b).await.expect("left");
    assert_eq!(beat(0).await, [a], "who leaves is gone at once");
    assert_eq!(shown().await, [(a, true), (c, false), (b, false)]);
    case.store.leave(new_worker()).await.expect("nobody left");
    assert_eq!(shown().await.len(), 3);
}

pub async fn a_worker_is_shown_as_it_last_was<B: Backend>() {
    let case = Case::<B>::new().await;
    let start = case.now().await;
    let first = heartbeat(new_worker(), start);
    case.store.beat(&first).await.expect("heard");
    case.advance(Duration::from_secs(5)).await;
    let second =
        Heartbeat { held: 77, capacity: 200, stopping: true, trouble: Some("$no <b>".to_owned()), ..first.clone() };
    case.store.beat(&second).await.expect("heard");
    let workers = case.backend.another().await.workers().await.expect("workers");
    let [worker] = &workers[..] else { panic!("one worker: {workers:?}") };
    assert_eq!((&worker.beat, worker.alive), (&second, true));
    assert!(about(worker.seen_at, case.now().await), "seen at the store's time");
    case.store.beat(&first).await.expect("heard");
    let workers = case.store.workers().await.expect("workers");
    assert_eq!(workers.iter().map(|worker| &worker.beat).collect::<Vec<_>>(), [&first], "the trouble is over");
    // Longer ago than that, nobody asks.
    case.advance(25 * HOUR).await;
    assert!(case.store.workers().await.expect("workers").is_empty());
}

async fn fill<B: Backend>(case: &Case<B>) -> (JobId, JobId, JobId, WorkerId) {
    let [plain, deleted, held] = [case.add_due().await.id, case.add(new_job()).await.id, case.add(new_job()).await.id];
    let claim = case.claim_only(plain).await;
    case.settle_ok(&claim).await;
    case.edit(deleted, Edit::Delete).await;
    case.edit(held, Edit::CallNow).await;
    case.claim_only(held).await;
    case.edit(held, Edit::Delete).await;
    let worker = new_worker();
    case.store.beat(&heartbeat(worker, case.now().await)).await.expect("heard");
    let figures = Figures { calls: 1, ..Figures::default() };
    let at = case.now().await;
    case.store.add_load(&[Load { at, worker, figures }]).await.expect("added");
    (plain, deleted, held, worker)
}

async fn rows<B: Backend>(case: &Case<B>) -> [usize; 4] {
    let mut count = [0; 4];
    for (n, tier) in Tier::ALL.into_iter().enumerate() {
        let rows = case.store.load(tier, Time::from_millis(0), Time::from_millis(1 << 45)).await.expect("load");
        count[n] = rows.len();
    }
    count
}

pub async fn purging_leaves_what_is_young<B: Backend>() {
    let case = Case::<B>::new().await;
    let (plain, deleted, held, worker) = fill(&case).await;
    case.advance(HOUR).await;
    let runs = case.runs(plain).await;
    assert_eq!(runs.len(), 1);
    case.store.purge().await.expect("purged");
    assert_eq!(case.runs(plain).await, runs);
    assert!(case.get(deleted).await.deleted_at.is_some() && case.get(held).await.deleted_at.is_some());
    assert_eq!(rows(&case).await[1..], [1, 1, 1]);
    assert_eq!(case.store.workers().await.expect("workers")[0].beat.id, worker);
}

pub async fn purging_removes_what_is_old<B: Backend>() {
    if !B::PURGES {
        return;
    }
    let case = Case::<B>::new().await;
    let (plain, deleted, held, _) = fill(&case).await;
    case.advance(4 * HOUR).await;
    case.store.purge().await.expect("purged");
    assert_eq!(rows(&case).await, [0, 0, 1, 1], "minutes are kept for three hours");
    case.advance(B::RETENTION).await;
    case.store.purge().await.expect("purged");
    assert!(case.runs(plain).await.is_empty());
    assert!(case.get(plain).await.active, "a job stays, however old");
    assert!(matches!(case.store.get(deleted).await, Err(Error::NotFound)));
    // Whoever finds the lost claim sets it free.
    let claims = case.claim().await;
    let claim = claims.iter().find(|claim| claim.job.id == held).expect("a lost claim keeps even a deleted job");
    case.settle(claim.settled_uncalled(naptime_core::Then::GiveBack)).await;
    case.store.purge().await.expect("purged");
    assert!(matches!(case.store.get(held).await, Err(Error::NotFound)));
    let late = claim.settled(Some(some_run(held, case.now().await)), naptime_core::Then::Keep);
    case.settle(late).await;
    assert!(matches!(case.store.get(held).await, Err(Error::NotFound)), "a settle never brings a job back");
    case.advance(Tier::Hour.kept() + HOUR).await;
    case.store.purge().await.expect("purged");
    assert_eq!(rows(&case).await, [0; 4]);
}

/// Whoever waits for the clock is never early.
pub async fn the_clock_is_never_ahead<B: Backend>() {
    let case = Case::<B>::new().await;
    let another = case.backend.another().await;
    for _ in 0..5 {
        case.store.beat(&heartbeat(new_worker(), Time::from_millis(0))).await.expect("heard");
        for _ in 0..5 {
            let clock = case.store.now();
            let written = case.now().await;
            assert!(clock <= written, "the clock says {clock}, the store wrote {written}");
            assert!(written.since(clock) < SECONDS, "and it is not far behind: {clock}, {written}");
            assert!(about(another.now(), written), "for another process as well");
        }
        case.advance(HOUR).await;
    }
}
