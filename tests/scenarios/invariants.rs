//! The invariants of ARCHITECTURE.md, each by its number, on MongoDB with real workers and targets.
//!
//! The conformance suite holds both stores to what claims, settles and edits do; here whole processes are looked at.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mongodb::bson::{Document, doc};
use mongodb::options::ReadConcern;
use naptime_core::{Change, Edit, Job, NewJob, Outcome, Schedule, Spec, Time};
use naptime_mongo::MongoStore;
use naptime_store::{Clock, History, Jobs};
use naptime_tests::mongo::{self, Database, ReplicaSet};
use naptime_tests::naptime::Naptime;
use naptime_tests::target::{Answer, Call, Signal, Target};
use naptime_tests::{eventually, tools};

use super::ground::{
    Working, add, add_all, by_occurrence, due, every, most_at_once, now_ms, occurrences, on_demand, open, runs,
};

const SECOND: Duration = Duration::from_secs(1);
const LEASE: Duration = naptime_core::state::LEASE;
/// For what comes soon on an idle machine, and later on a busy one.
const SOON: Duration = Duration::from_secs(30);

/// When the lease of a job ends whose holder has just died. It is no longer than `lease` from now.
async fn lease_of(store: &MongoStore, job: &Job, lease: Duration) -> Time {
    let end = store.get(job.id).await.unwrap().state.claim_at().unwrap();
    // The server reads the clock of this machine.
    assert!(end <= Time::from_millis(now_ms()) + lease, "{} is not to be called again before {end}", job.spec.endpoint);
    end
}

/// Asserts that a call came when its job's lease had ended. How soon after that is for the bench `kills` to tell.
fn assert_ended(lease: Time, call: &Call) {
    let end = lease.millis() as f64;
    assert!(call.start_ms >= end, "{} was called {} ms before its lease ended", call.uri, end - call.start_ms);
}

async fn call_now(store: &impl Jobs, job: &Job) {
    store.edit(job.id, None, Edit::CallNow).await.unwrap();
}

/// The documents of the jobs that somebody holds, as the primary has them, whatever a majority knows of it.
async fn held(database: &Database) -> Vec<Document> {
    held_as(database, ReadConcern::local()).await
}

/// The same as it is at one moment that a majority knows: any other read may take longer than a claim does, and find
/// a worker's claims of before and of after together.
async fn held_at_once(database: &Database) -> Vec<Document> {
    held_as(database, ReadConcern::snapshot()).await
}

async fn held_as(database: &Database, concern: ReadConcern) -> Vec<Document> {
    use futures::TryStreamExt;
    let due = database.open().await.collection::<Document>("due");
    let held = due.find(doc! {"lock": {"$ne": null}}).read_concern(concern);
    held.await.unwrap().try_collect().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_1_two_calls_never_overlap_while_a_lease_lives() {
    let database = mongo::fresh_database().await;
    let target = Target::start().await;
    // Longer than a lease: only renewal keeps it. Due again every second meanwhile.
    target.on("/slow", Answer::ok().after(LEASE + 4 * SECOND));
    target.on("/slower-than-its-period", Answer::ok().after(3 * SECOND));
    let store = open(&database).await;
    let mut slow = every(SECOND, &target.url("/slow"));
    slow.spec.request.timeout = Duration::from_secs(60);
    add(&store, slow).await;
    add(&store, every(SECOND, &target.url("/slower-than-its-period"))).await;
    let _workers = [Naptime::worker(&database).launch(), Naptime::worker(&database).launch()];

    target.wait_for(2 * LEASE + SOON, "the slow one is called again", |calls| count(calls, "/slow") >= 2).await;
    for path in ["/slow", "/slower-than-its-period"] {
        assert_eq!(most_at_once(&target.calls(path)), 1, "{path}");
    }
    assert!(target.calls("/slow")[0].answered, "the call was not cut");
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_2_no_byte_leaves_before_a_majority_has_the_claim() {
    let mongo = ReplicaSet::start(3).await;
    let database = mongo.fresh_database();
    let target = Target::start().await;
    let store = open(&database).await;
    let job = add(&store, on_demand(&target.url("/"))).await;
    let _worker = Naptime::worker(&database).start().await;
    // The worker is at home before anything is due.
    call_now(&store, &job).await;
    target.wait_for(SOON, "a first call", |calls| calls.len() == 1).await;
    eventually(SOON, "it is settled", async || held(&database).await.is_empty().then_some(())).await;

    let primary = mongo.primary().await;
    let others: Vec<usize> = (0..3).filter(|&member| member != primary).collect();
    // Nobody else has the request either, nor the claim that follows.
    others.iter().for_each(|&member| mongo.pause(member));
    let id = job.id;
    let asking = store.clone();
    let asked = tokio::spawn(async move { asking.edit(id, None, Edit::CallNow).await });
    eventually(SOON, "the primary alone has the claim", async || {
        (target.count() > 1 || !held(&database).await.is_empty()).then_some(())
    })
    .await;
    asked.abort();
    // Nothing tells that a call is not made but the time that goes by without it.
    tokio::time::sleep(2 * SECOND).await;
    let calls = target.count();
    others.iter().for_each(|&member| mongo.resume(member));
    assert_eq!(calls, 1, "a call left though no majority had its claim");
    target.wait_for(3 * SOON, "the call after the majority is back", |calls| calls.len() == 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_3_what_a_killed_worker_held_is_called_again_when_its_lease_has_ended() {
    let database = mongo::fresh_database().await;
    let target = Target::start().await;
    target.on("/", Answer::never());
    let store = open(&database).await;
    let job = add(&store, on_demand(&target.url("/"))).await;
    let doomed = Naptime::worker(&database).start().await;
    call_now(&store, &job).await;
    target.wait_for(SOON, "the first call", |calls| calls.len() == 1).await;
    let heir = Naptime::worker(&database).start().await;
    heir.wait_line(SOON, "the other worker is up", |line| line.contains("starts")).await;

    doomed.kill9();
    let lease = lease_of(&store, &job, LEASE).await;
    target.on("/", Answer::ok());
    target.wait_for(LEASE + SOON, "the second call", |calls| calls.len() == 2).await;
    assert_ended(lease, &target.calls("/")[1]);
    assert_eq!(by_occurrence(&target.all_calls()).len(), 1, "the second attempt has the key of the first");
    let runs = eventually(SOON, "both claims have a run", async || {
        Some(runs(&store, job.id).await).filter(|runs| runs.len() == 2)
    })
    .await;
    assert_eq!(runs.iter().map(|run| run.outcome).collect::<Vec<_>>(), [Outcome::Lost, Outcome::Ok]);
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_3_holds_for_a_lease_of_the_jobs_own() {
    const SHORT: Duration = naptime_core::job::MIN_LEASE.saturating_mul(2);
    let database = mongo::fresh_database().await;
    let target = Target::start().await;
    let store = open(&database).await;
    let add = async |path: &str, lease: Duration| {
        target.on(path, Answer::never());
        let mut job = on_demand(&target.url(path));
        job.spec.lease = lease;
        job.spec.request.timeout = Duration::from_secs(300);
        add(&store, job).await
    };
    let mut leases = vec![("/usual".to_owned(), LEASE), ("/long".to_owned(), 2 * LEASE)];
    leases.extend((0..20).map(|n| (format!("/short-{n}"), SHORT)));
    let doomed = Naptime::worker(&database).start().await;
    let mut jobs = Vec::new();
    for (path, lease) in &leases {
        let job = add(path, *lease).await;
        call_now(&store, &job).await;
        jobs.push((path.as_str(), *lease, job));
        // At any moment between two renewals.
        tokio::time::sleep(SECOND / 10).await;
    }
    target.wait_for(SOON, "the first calls", |calls| by_path(calls) == leases.len()).await;
    let heir = Naptime::worker(&database).start().await;
    heir.wait_line(SOON, "the other worker is up", |line| line.contains("starts")).await;
    // All are renewed for as long as the worker lives.
    tokio::time::sleep(SHORT + 2 * SECOND).await;
    assert_eq!(target.count(), leases.len(), "a lease ran out though its holder lives");

    doomed.kill9();
    let mut ends = Vec::new();
    for (path, lease, job) in &jobs {
        ends.push((path, lease_of(&store, job, *lease).await));
        target.on(path, Answer::ok());
    }
    ends.sort_by_key(|&(_, end)| end);
    for (path, end) in ends {
        target.wait_for(2 * LEASE + SOON, path, |calls| count(calls, path) == 2).await;
        assert_ended(end, &target.calls(path)[1]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_3_no_endpoint_is_left_behind_when_a_worker_is_killed() {
    let database = mongo::fresh_database().await;
    let target = Target::start().await;
    let store = open(&database).await;
    let jobs = (0..100).map(|n| every(SECOND, &target.url(&format!("/{n}")))).collect();
    store.insert(jobs).await.unwrap();
    let workers: Vec<Naptime> = (0..3).map(|_| Naptime::worker(&database).launch()).collect();
    target.wait_for(SOON, "all are called twice", |calls| (0..100).all(|n| count(calls, &format!("/{n}")) >= 2)).await;

    workers[0].kill9();
    let killed = Instant::now();
    let after = killed + LEASE + 2 * SECOND;
    target
        .wait_for(LEASE + SOON, "all are called after a lease", |calls| {
            let late = calls.iter().filter(|call| call.start > after).map(Call::path).collect::<HashSet<_>>();
            late.len() == 100
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_4_an_edit_during_a_call_outlives_its_settle() {
    let database = mongo::fresh_database().await;
    let target = Target::start().await;
    let store = open(&database).await;
    let mut jobs = Vec::new();
    let edited = Signal::default();
    for name in ["renamed", "rescheduled", "switched-off", "deleted"] {
        target.on(&format!("/{name}"), Answer::ok().upon(&edited));
        jobs.push(add(&store, every(SECOND, &target.url(&format!("/{name}")))).await);
    }
    let _worker = Working::start(Arc::new(store.clone()), 10);
    target.wait_for(SOON, "all are being called", |calls| by_path(calls) == 4).await;

    let hour = Schedule::every(Duration::from_secs(3600), jobs[1].id);
    let before = store.get(jobs[0].id).await.unwrap();
    let renamed = Spec { name: "renamed".to_owned(), ..Spec::clone(&before.spec) };
    let after = store.edit(jobs[0].id, None, Edit::Change(Change::to(renamed))).await.unwrap();
    assert_eq!((after.state.due, after.plan), (before.state.due, before.plan), "a new name changes no schedule");
    let due = store.edit(jobs[1].id, None, Edit::Change(Change::schedule(hour))).await.unwrap().state.due;
    store.edit(jobs[2].id, None, Edit::Change(Change::switch(false))).await.unwrap();
    store.edit(jobs[3].id, None, Edit::Delete).await.unwrap();
    edited.send();

    for job in &jobs {
        eventually(SOON, "the call is settled", async || {
            (store.get(job.id).await.unwrap().state.counters.runs > 0).then_some(())
        })
        .await;
    }
    let now = |n: usize| store.get(jobs[n].id);
    assert_eq!(now(0).await.unwrap().spec.name, "renamed");
    assert!(now(0).await.unwrap().state.due > before.state.due, "it goes on");
    assert_eq!(now(1).await.unwrap().state.due, due, "the settle left the due time as the edit set it");
    let off = now(2).await.unwrap();
    assert_eq!((off.active, off.state.due, off.state.claim_at()), (false, None, None));
    let deleted = now(3).await.unwrap();
    assert_eq!((deleted.deleted_at.is_some(), deleted.state.due, deleted.state.claim_at()), (true, None, None));
    for path in ["/rescheduled", "/switched-off", "/deleted"] {
        assert_eq!(target.calls(path).len(), 1, "{path} is not called again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_5_a_workers_clock_may_be_off_by_an_hour() {
    let database = mongo::fresh_database().await;
    let target = Target::start().await;
    let store = open(&database).await;
    let jobs = (0..20).map(|n| every(SECOND, &target.url(&format!("/{n}")))).collect();
    let jobs = add_all(&store, jobs).await;
    let library = tools::faketime();
    let skewed = |by: &str| {
        Naptime::worker(&database)
            .env("LD_PRELOAD", library.to_str().unwrap())
            .env("FAKETIME", by)
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .launch()
    };
    let workers = [skewed("+1h"), skewed("-1h")];
    target.wait_for(2 * SOON, "ten calls of each", |calls| (0..20).all(|n| count(calls, &format!("/{n}")) >= 10)).await;

    let calls = target.all_calls();
    for call in &calls {
        let lag = call.start_ms - due(call) as f64;
        assert!(lag >= 0.0, "{} was called {lag} ms early", call.uri);
        assert!(lag < 60_000.0, "{} was called {lag} ms late", call.uri);
    }
    for (occurrence, calls) in by_occurrence(&calls) {
        assert_eq!(calls.len(), 1, "{occurrence} was called more than once");
    }
    // Both had a part in it, or else nothing was shown.
    let mut seen = HashSet::new();
    for job in &jobs {
        seen.extend(runs(&store, job.id).await.iter().map(|run| run.worker));
    }
    assert_eq!(seen.len(), workers.len());
}

/// Twenty endpoints several times a second, good and bad, with workers that are killed, stopped and started; then
/// everything is brought to rest.
async fn storm(database: &Database, target: &Target) -> (MongoStore, Vec<Job>) {
    target.on("/failing", Answer::status(500));
    target.on("/busy", Answer::status(503));
    target.on("/slow", Answer::ok().after(Duration::from_millis(700)));
    let store = open(database).await;
    let path = |n: usize| ["/ok", "/failing", "/busy", "/slow"][n % 4];
    let jobs = (0..20).map(|n| every(Duration::from_millis(300), &target.url(path(n)))).collect();
    let jobs = add_all(&store, jobs).await;
    let start = || Naptime::worker(database).launch();
    let workers = [start(), start(), start()];
    target.wait_for(SOON, "two hundred calls", |calls| calls.len() >= 200).await;
    workers[0].kill9();
    // The store's time is known a little late, and what was sent may come late.
    let killed = store.now() + 3 * SECOND;
    workers[1].sigterm();
    let last = start();
    let known = target.count();
    target.wait_for(SOON, "two hundred more", |calls| calls.len() >= known + 200).await;
    // What the killed one held is found lost.
    eventually(LEASE + SOON, "nothing is left of the killed worker", async || {
        let since =
            |job: &Document| job.get_document("lock").unwrap().get_datetime("since").unwrap().timestamp_millis();
        held(database).await.iter().all(|job| since(job) > killed.millis()).then_some(())
    })
    .await;
    for worker in [&workers[2], &last] {
        worker.sigterm();
    }
    for worker in [&workers[1], &workers[2], &last] {
        assert!(worker.wait_exit(SOON).await.success());
    }
    assert_eq!(held(database).await.len(), 0, "nothing is held once all workers have stopped");
    (store, jobs)
}

#[tokio::test(flavor = "multi_thread")]
async fn invariants_6_7_and_9_hold_after_a_storm() {
    let database = mongo::fresh_database().await;
    let target = Target::start().await;
    let (store, first) = storm(&database, &target).await;
    let calls = target.all_calls();
    let by_key = by_occurrence(&calls);
    for first in &first {
        let job = store.get(first.id).await.unwrap();
        let runs = runs(&store, job.id).await;

        // 6: every claim ends in exactly one run.
        let tokens: HashSet<_> = runs.iter().map(|run| run.token).collect();
        assert_eq!(tokens.len(), runs.len());
        let mut by_due: HashMap<i64, (usize, usize)> = HashMap::new();
        for run in &runs {
            let (called, lost) = by_due.entry(run.due.millis()).or_default();
            *(if run.outcome == Outcome::Lost { lost } else { called }) += 1;
        }
        let of_job = by_key.iter().filter(|(key, _)| key.starts_with(&job.id.to_string()));
        for (key, calls) in of_job {
            let (called, lost) = by_due.get(&due(calls[0])).copied().unwrap_or_default();
            // Whether a lost claim's call had left is not known.
            assert!(
                (called..=called + lost).contains(&calls.len()),
                "{key}: {} calls, {called} runs and {lost} lost",
                calls.len()
            );
        }

        // 7: every occurrence is accounted for.
        let counters = job.state.counters;
        assert_eq!(counters.settled + counters.missed, occurrences(first, &job), "{counters:?}");

        // 9: an active job can be claimed.
        let claim_at = job.state.claim_at().unwrap();
        assert!(claim_at.since(store.now()) < LEASE, "{claim_at}");
    }
    assert!(calls.len() >= 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_8_sigterm_loses_and_repeats_nothing() {
    let database = mongo::fresh_database().await;
    let target = Target::start().await;
    let store = open(&database).await;
    let jobs = (0..50).map(|n| every(SECOND, &target.url(&format!("/{n}")))).collect();
    let jobs = add_all(&store, jobs).await;
    (0..50).for_each(|n| target.on(&format!("/{n}"), Answer::ok().after(Duration::from_millis(300))));
    let start = async || {
        let worker = Naptime::worker(&database).start().await;
        worker.wait_line(SOON, "the worker is up", |line| line.contains("starts")).await;
        worker
    };
    let mut workers = vec![start().await, start().await];
    target.wait_for(SOON, "all are called", |calls| by_path(calls) == 50).await;
    for _ in 0..3 {
        let known = target.count();
        let stopping = workers.remove(0);
        workers.push(start().await);
        stopping.sigterm();
        assert!(stopping.wait_exit(SOON).await.success());
        target.wait_for(SOON, "calls go on", |calls| calls.len() >= known + 100).await;
    }
    for worker in &workers {
        worker.sigterm();
    }
    for worker in &workers {
        assert!(worker.wait_exit(SOON).await.success());
    }
    let calls = target.all_calls();
    assert!(calls.iter().all(|call| call.answered), "a call was cut");
    for (occurrence, calls) in by_occurrence(&calls) {
        assert_eq!(calls.len(), 1, "{occurrence} was called more than once");
    }
    for job in &jobs {
        let now = store.get(job.id).await.unwrap();
        assert_eq!(now.state.lock(), None);
        let runs = runs(&store, job.id).await;
        assert!(runs.iter().all(|run| run.outcome == Outcome::Ok), "{runs:?}");
        let counters = now.state.counters;
        assert_eq!(counters.settled + counters.missed, occurrences(job, &now));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_8_sigterm_gives_back_at_once_and_cuts_what_takes_too_long() {
    let database = mongo::fresh_database().await;
    let target = Target::start().await;
    target.on("/short", Answer::ok().after(10 * SECOND));
    target.on("/long", Answer::never());
    let store = open(&database).await;
    let mut short = on_demand(&target.url("/short"));
    short.spec.request.timeout = Duration::from_secs(60);
    let mut long = on_demand(&target.url("/long"));
    long.spec.request.timeout = Duration::from_secs(60);
    let (short, long) = (add(&store, short).await, add(&store, long).await);
    let worker = Naptime::worker(&database).start().await;
    call_now(&store, &short).await;
    call_now(&store, &long).await;
    target.wait_for(SOON, "both are being called", |calls| by_path(calls) == 2).await;

    worker.sigterm();
    let asked = Instant::now();
    worker.wait_line(SOON, "it stops", |line| line.contains("stops")).await;
    // Asked for after the signal: the stopping worker doesn't take it, another one does.
    let later = add(&store, on_demand(&target.url("/later"))).await;
    call_now(&store, &later).await;
    let other = Naptime::worker(&database).start().await;
    target.wait_for(SOON, "the other worker calls", |calls| count(calls, "/later") == 1).await;
    assert!(asked.elapsed() < 20 * SECOND, "work waited for a worker that had been told to stop");

    assert!(worker.wait_exit(SOON).await.success());
    let took = asked.elapsed();
    assert!(took > 24 * SECOND && took < 45 * SECOND, "it took {took:?} to stop");
    let short_runs = runs(&store, short.id).await;
    assert_eq!(short_runs.iter().map(|run| run.outcome).collect::<Vec<_>>(), [Outcome::Ok]);
    let long_runs = runs(&store, long.id).await;
    assert_eq!(long_runs[0].outcome, Outcome::Interrupted);
    assert!(other.exited().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_8_what_a_stopping_worker_leaves_is_called_on_time_by_the_others() {
    let database = mongo::fresh_database().await;
    let target = Target::start().await;
    target.on("/slow", Answer::never());
    let store = open(&database).await;
    let mut slow = on_demand(&target.url("/slow"));
    slow.spec.request.timeout = Duration::from_secs(60);
    let slow = add(&store, slow).await;
    let stopping = Working::start(Arc::new(store.clone()), 100);
    call_now(&store, &slow).await;
    target.wait_for(SOON, "it has a call to end", |calls| count(calls, "/slow") == 1).await;
    let _other = Working::start(Arc::new(store.clone()), 100);
    let jobs = (0..30).map(|n| every(SECOND, &target.url(&format!("/{n}")))).collect();
    let jobs = add_all(&store, jobs).await;
    target.wait_for(SOON, "all are called", |calls| by_path(calls) == 31).await;

    drop(stopping);
    let since = eventually(SOON, "it says that it stops", async || {
        let workers = store.workers().await.unwrap();
        workers.into_iter().find(|worker| worker.beat.stopping).map(|worker| worker.seen_at)
    })
    .await;
    // Less than the call of the stopping one may take.
    eventually(20 * SECOND, "all are called on time again", async || {
        for job in &jobs {
            let last = store.get(job.id).await.unwrap().state.last?;
            // What is another worker's is left alone until it is a quarter of a second late.
            if last.started < since || last.started.since(last.due) > Duration::from_millis(200) {
                return None;
            }
        }
        Some(())
    })
    .await;
    let slow = store.get(slow.id).await.unwrap();
    assert!(slow.state.lock().is_some(), "it still has its call to end");
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_10_no_burst_exceeds_the_capacity() {
    let database = mongo::fresh_database().await;
    let target = Target::start().await;
    let store = open(&database).await;
    let paths: Vec<String> = (0..120).map(|n| format!("/{n}")).collect();
    paths.iter().for_each(|path| target.on(path, Answer::ok().after(Duration::from_millis(200))));
    let jobs = add_all(&store, paths.iter().map(|path| on_demand(&target.url(path))).collect()).await;
    for job in &jobs {
        call_now(&store, job).await;
    }
    let _worker = Naptime::worker(&database).env("WORKER_MAX_CAPACITY", "7").start().await;
    let mut most_held = 0;
    while by_path(&target.all_calls()) < 120 {
        most_held = most_held.max(held_at_once(&database).await.len());
    }
    assert!(most_held <= 7, "{most_held} held");
    let calls = target.all_calls();
    assert_eq!(most_at_once(&calls), 7, "all slots are used, and no more");
    assert_eq!(calls.len(), 120);
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_10_ten_thousand_due_in_the_same_millisecond_exceed_no_workers_capacity() {
    const MANY: usize = 10_000;
    const CAPACITY: usize = 50;
    let database = mongo::fresh_database().await;
    let target = Target::start().await;
    target.on("/", Answer::ok().after(Duration::from_millis(20)));
    let store = open(&database).await;
    let anchor = store.now() + 8 * SECOND;
    let together = |mut job: NewJob| {
        job.spec.schedule = Schedule::Every { period: Duration::from_secs(3600), anchor, jitter: None };
        job
    };
    add_all(&store, (0..MANY).map(|_| together(every(SECOND, &target.url("/")))).collect()).await;
    let capacity = CAPACITY.to_string();
    let start = || Naptime::worker(&database).env("WORKER_MAX_CAPACITY", &capacity).launch();
    let workers = [start(), start()];

    let mut most_held = 0;
    let drained = async {
        while target.count() < MANY {
            let mut of_each: HashMap<String, usize> = HashMap::new();
            for job in held_at_once(&database).await {
                *of_each.entry(job.get_document("lock").unwrap().get("worker").unwrap().to_string()).or_default() += 1;
            }
            most_held = of_each.into_values().chain([most_held]).max().unwrap();
        }
    };
    tokio::time::timeout(4 * SOON, drained).await.expect("all are called");
    assert!(most_held <= CAPACITY, "a worker held {most_held}");
    let calls = target.all_calls();
    let most = most_at_once(&calls);
    assert!(most <= workers.len() * CAPACITY, "{most} at once");
    assert!(most > CAPACITY, "{most} at once: both workers use their slots");
    assert_eq!(by_occurrence(&calls).len(), MANY, "each is called");
    assert_eq!(calls.len(), MANY, "each is called once");
    // However many are left, the next are taken as fast.
    let (first, second) = (calls[MANY / 2].start - calls[0].start, calls[MANY - 1].start - calls[MANY / 2].start);
    let much_longer = |one, other| one > 3 * other + 3 * SECOND;
    assert!(
        !much_longer(first, second) && !much_longer(second, first),
        "half of them took {first:?}, the others {second:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn invariant_10_no_burst_exceeds_the_bytes() {
    let database = mongo::fresh_database().await;
    let target = Target::start().await;
    target.on("/", Answer::ok().after(SECOND));
    let store = open(&database).await;
    let body = "x".repeat(naptime_core::request::MAX_BODY);
    let heavy = || {
        let mut job = on_demand(&target.url("/"));
        job.spec.request.method = naptime_core::Method::Post;
        job.spec.request.body = Some(body.clone());
        job
    };
    for _ in 0..16 {
        // In parts: the server's cache is small.
        for job in add_all(&store, (0..10).map(|_| heavy()).collect()).await {
            call_now(&store, &job).await;
        }
    }
    let _worker = Naptime::worker(&database).env("WORKER_MAX_CAPACITY", "1000").start().await;
    target.wait_for(2 * SOON, "all are called", |calls| calls.len() == 160).await;
    // 32 MiB are 128 such bodies.
    let most = most_at_once(&target.all_calls());
    assert!(most <= 128, "{most} bodies of 256 KiB at once");
    assert!(most > 30, "{most} at once: the budget is for many");
}

fn count(calls: &[Call], path: &str) -> usize {
    calls.iter().filter(|call| call.path() == path).count()
}

fn by_path(calls: &[Call]) -> usize {
    calls.iter().map(Call::path).collect::<HashSet<_>>().len()
}
