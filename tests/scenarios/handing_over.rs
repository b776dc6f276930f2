//! `naptime move`: from the file to a MongoDB under load, broken off at each step, and with all there is.

use std::collections::BTreeSet;
use std::time::Duration;

use mongodb::bson::{Document, doc};
use naptime_core::load::Figures;
use naptime_core::{
    CatchUp, Edit, Endpoint, Headers, Job, JobId, Load, NewJob, Outcome, Pool, PoolChange, Schedule, Spec, Tier, Time,
};
use naptime_sqlite::{Options, SqliteStore};
use naptime_store::moving::{Arrival, Contents, Filling, HistoryCursor, HistoryItems, Leaving, MoveError, Settings};
use naptime_store::{
    Added, Clock, Error, History, Jobs, Moves, PageRef, Pools, Records, Rules, Runs, Slas, rules::Expect,
};
use naptime_tests::mongo::{self, Database};
use naptime_tests::naptime::{Naptime, Start};
use naptime_tests::sqlite::File;
use naptime_tests::target::{Answer, Call, Target};
use naptime_tests::{eventually, http};
use serde_json::{Value, json};
use uuid::Uuid;

use super::ground::{add, add_all, by_occurrence, due, every, occurrences, open, runs};

const SECOND: Duration = Duration::from_secs(1);
/// For what comes soon on an idle machine, and later on a busy one.
const SOON: Duration = Duration::from_secs(60);
/// A call that is under way from before a move until after the file is closed, which comes 21 s after it begins.
const SLOW: Duration = Duration::from_secs(45);

fn beside(file: &File) -> SqliteStore {
    SqliteStore::open(file.path(), Options::default()).unwrap()
}

fn move_to(file: &File, database: &Database) -> Start {
    Naptime::command(file, "move").arg("--to").arg(&database.uri)
}

/// Called every second, however late.
fn every_second(url: &str) -> NewJob {
    let mut new = every(SECOND, url);
    new.spec.misfire.catch_up = CatchUp::ALL;
    new
}

/// Called once, `after` this.
fn once(store: &SqliteStore, url: &str, after: Duration) -> NewJob {
    let schedule = Schedule::Once { at: store.now() + after };
    let mut spec = Spec::new(Endpoint::parse(url).unwrap(), schedule);
    spec.request.timeout = SOON;
    NewJob { id: JobId::from(Uuid::now_v7()), spec, active: true }
}

/// The status of a page and its text.
async fn page(naptime: &Naptime, path: &str) -> Option<(u16, String)> {
    let answer = http::client().get(naptime.url(path)).send().await.ok()?;
    Some((answer.status().as_u16(), answer.text().await.ok()?))
}

/// Waits until a page says so, in the place of what it shows otherwise.
async fn says_instead(naptime: &Naptime, path: &str, words: &[&str]) {
    let what = format!("{path} says {words:?}");
    eventually(SOON, &what, async || {
        let (status, text) = page(naptime, path).await?;
        (status == 503 && words.iter().all(|word| text.contains(word))).then_some(())
    })
    .await;
}

/// Whether each of these endpoints was called for something due after `then`.
fn all_called_after(calls: &[Call], count: usize, then: Time) -> bool {
    let called: BTreeSet<&str> = calls
        .iter()
        .filter(|call| call.path().starts_with("/e/") && due(call) > then.millis())
        .map(Call::path)
        .collect();
    called.len() == count
}

/// Holds the calls of an endpoint that is called every second to its occurrences: each once.
fn assert_once_each(calls: &[Call], path: &str, first: &Job) {
    let mut dues: Vec<i64> = calls.iter().filter(|call| call.path() == path).map(due).collect();
    dues.sort_unstable();
    let begun = first.state.due.unwrap().millis();
    let expected: Vec<i64> = (0..).map(|n| begun + n * 1_000).take(dues.len()).collect();
    assert_eq!(dues, expected, "{path}");
}

#[tokio::test(flavor = "multi_thread")]
async fn under_load_nothing_is_called_twice_or_missed() {
    const ENDPOINTS: usize = 50;
    let (file, database, target) = (File::fresh(), mongo::fresh_database().await, Target::start().await);
    target.on("/slow", Answer::ok().after(SLOW));
    target.on("/retry", Answer::status(503));
    let store = beside(&file);
    let new_web = Naptime::web(&database).start().await;
    let old = Naptime::up(&file).start().await;
    let endpoints = (0..ENDPOINTS).map(|n| every_second(&target.url(&format!("/e/{n}")))).collect();
    let endpoints = add_all(&store, endpoints).await;
    let soon = (0..20).map(|n| once(&store, &target.url(&format!("/once/{n}")), n * SECOND)).collect();
    let soon = add_all(&store, soon).await;
    let mut retried = once(&store, &target.url("/retry"), Duration::ZERO);
    retried.spec.retry.attempts = 10;
    retried.spec.retry.backoff = SECOND;
    retried.spec.key = Some("retried".to_owned());
    let retried = add(&store, retried).await;
    let pool = Pool::parse(&target.url("")).unwrap();
    let headers = Headers::new(vec![("X-Pool".into(), "kept".into())]).unwrap();
    let change = PoolChange { headers: Some(headers), ..PoolChange::default() };
    store.change_pool(&pool, None, change).await.unwrap();
    target.wait_for(SOON, "all are called", |calls| all_called_after(calls, ENDPOINTS, Time::from_millis(0))).await;
    let slow = add(&store, once(&store, &target.url("/slow"), Duration::ZERO)).await;
    target.wait_for(SOON, "the slow call", |calls| calls.iter().any(|call| call.path() == "/slow")).await;

    let moving = move_to(&file, &database).launch();
    says_instead(&new_web, "/endpoints", &["Naptime is moving", "naptime.db"]).await;
    moving.wait_line(SOON, "the file is closed", |line| line.starts_with("closed ")).await;
    let refused = store.insert(vec![every_second(&target.url("/e/late"))]).await;
    assert!(matches!(refused, Err(Error::Shut(_))), "{refused:?}");
    assert!(target.calls("/slow")[0].end.is_none(), "it is under way still");
    let new_worker = Naptime::worker(&database).start().await;
    assert!(moving.wait_exit(SOON).await.success(), "{}", moving.output());
    target.on("/retry", Answer::ok());
    assert!(!moving.output().contains("mongodb://u"), "no credentials");

    says_instead(&old, "/", &["Naptime has moved", &database.name]).await;
    let (status, problem) = page(&old, "/api/endpoints").await.unwrap();
    let problem: Value = serde_json::from_str(&problem).unwrap();
    assert_eq!((status, &problem["code"]), (503, &json!("moved")), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains(&database.name), "{problem}");
    old.kill9();
    // Whoever starts it again has it call nothing, which what follows would show.
    let again = Naptime::up(&file).launch();
    says_instead(&again, "/endpoints", &["Naptime has moved", &database.name]).await;

    let new = open(&database).await;
    let then = new.now() + 3 * SECOND;
    target.wait_for(SOON, "calls go on", |calls| all_called_after(calls, ENDPOINTS, then)).await;
    eventually(SOON, "the jobs are done", async || {
        let jobs = [&retried, &slow].into_iter().chain(&soon);
        for job in jobs {
            new.get(job.id).await.ok()?.state.ended_at?;
        }
        Some(())
    })
    .await;
    for naptime in [&new_web, &new_worker, &again] {
        naptime.sigterm();
        assert!(naptime.wait_exit(SOON).await.success());
    }

    let calls = target.all_calls();
    for (occurrence, calls) in by_occurrence(&calls) {
        assert!(calls.len() == 1 || calls[0].path() == "/retry", "{occurrence} was called {} times", calls.len());
    }
    for (n, first) in endpoints.iter().enumerate() {
        let path = format!("/e/{n}");
        assert_once_each(&calls, &path, first);
        let now = new.get(first.id).await.unwrap();
        let counters = now.state.counters;
        assert_eq!((counters.missed, counters.settled), (0, occurrences(first, &now)), "{path}");
        assert_eq!(runs(&new, first.id).await.len(), target.calls(&path).len(), "{path}");
        assert!(new.good_answer(first.id, new.now()).await.unwrap().is_some(), "the first of the day is kept");
    }
    for (n, _) in soon.iter().enumerate() {
        assert_eq!(target.calls(&format!("/once/{n}")).len(), 1, "/once/{n}");
    }
    let slow_runs = runs(&new, slow.id).await;
    assert_eq!((slow_runs.len(), slow_runs[0].outcome), (1, Outcome::Ok), "{slow_runs:?}");
    let attempts: Vec<u32> = runs(&new, retried.id).await.iter().map(|run| run.attempt).collect();
    assert_eq!(attempts, (1..=u32::try_from(target.calls("/retry").len()).unwrap()).collect::<Vec<_>>());
    assert!(attempts.len() > 1, "some before the move, and one after");
    let mut same_key = once(&store, &target.url("/retry"), Duration::ZERO);
    same_key.spec.key = Some("retried".to_owned());
    let found = new.insert(vec![same_key]).await.unwrap().remove(0);
    assert!(matches!(found, Added::Existing(job) if job.id == retried.id), "the key is kept");
    assert!(calls[calls.len() - ENDPOINTS..].iter().all(|call| call.header("X-Pool") == Some("kept")));
    let figures = new.load(Tier::Hour, Time::from_millis(0), new.now()).await.unwrap();
    let counted: u64 = figures.iter().map(|row| row.figures.calls).sum();
    assert_eq!(counted, calls.len() as u64, "the figures of both");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_is_broken_off_goes_on_or_is_taken_back() {
    const ENDPOINTS: usize = 5;
    let (file, database, target) = (File::fresh(), mongo::fresh_database().await, Target::start().await);
    target.on("/slow", Answer::never());
    let store = beside(&file);
    let new = open(&database).await;
    let new_worker = Naptime::worker(&database).start().await;
    let old = Naptime::up(&file).start().await;
    let endpoints = (0..ENDPOINTS).map(|n| every_second(&target.url(&format!("/e/{n}")))).collect();
    let endpoints = add_all(&store, endpoints).await;
    let limit = PoolChange { max_in_flight: Some(Some(50)), ..PoolChange::default() };
    store.change_pool(&Pool::parse(&target.url("")).unwrap(), None, limit).await.unwrap();
    let mut slow = once(&store, &target.url("/slow"), Duration::ZERO);
    slow.spec.request.timeout = 5 * SOON;
    add(&store, slow).await;
    target.wait_for(SOON, "the slow call", |calls| calls.iter().any(|call| call.path() == "/slow")).await;

    // While jobs are copied.
    let moving = move_to(&file, &database).launch();
    moving.wait_line(SOON, "it begins", |line| line.starts_with("moving ")).await;
    eventually(SOON, "it is announced", async || new.shut().await.ok()?).await;
    moving.kill9();
    let then = store.now();
    target.wait_for(SOON, "calls go on", |calls| all_called_after(calls, ENDPOINTS, then)).await;

    // While it is waited for what is held: stopped, and then killed.
    let moving = move_to(&file, &database).launch();
    moving.wait_line(SOON, "it is closed", |line| line.starts_with("closed ")).await;
    moving.sigterm();
    assert_eq!(moving.wait_exit(SOON).await.code(), Some(130), "{}", moving.output());
    assert_eq!(store.shut().await.unwrap(), None);
    assert_eq!((new.shut().await.unwrap(), new.count().await.unwrap().total), (None, 0), "nothing is left behind");
    let then = store.now();
    target.wait_for(SOON, "calls go on", |calls| all_called_after(calls, ENDPOINTS, then)).await;
    let moving = move_to(&file, &database).launch();
    moving.wait_line(SOON, "it is closed", |line| line.starts_with("closed ")).await;
    let second = move_to(&file, &database).launch();
    assert_eq!(second.wait_exit(SOON).await.code(), Some(69), "{}", second.output());
    eventually(SOON, "only the slow call is held", async || (store.held().await.ok()?.count == 1).then_some(())).await;
    moving.kill9();
    old.kill9();
    let known = target.count();
    let old = Naptime::up(&file).launch();
    says_instead(&old, "/", &["Naptime is moving", &database.name]).await;
    let begun = store.now();
    eventually(SOON, "its worker has looked for work", async || {
        let workers = store.workers().await.ok()?;
        workers.iter().any(|worker| worker.alive && worker.seen_at > begun + 3 * SECOND).then_some(())
    })
    .await;
    assert_eq!(target.count(), known, "neither of the two calls");
    target.on("/slow", Answer::ok());
    let undo = move_to(&file, &database).arg("--undo").launch();
    assert!(undo.wait_exit(SOON).await.success(), "{}", undo.output());
    let then = store.now();
    target.wait_for(SOON, "calls go on from the file", |calls| all_called_after(calls, ENDPOINTS, then)).await;
    assert_eq!((new.shut().await.unwrap(), new.count().await.unwrap().total), (None, 0), "nothing is left behind");

    // Right after it was handed over.
    let moving = move_to(&file, &database).launch();
    moving.wait_line(SOON, "it is handed over", |line| line.starts_with("handed over ")).await;
    moving.kill9();
    let undo = move_to(&file, &database).arg("--undo").launch();
    assert_eq!(undo.wait_exit(SOON).await.code(), Some(1), "{}", undo.output());
    assert!(undo.output().contains("was moved from here"), "{}", undo.output());
    let moving = move_to(&file, &database).launch();
    assert!(moving.wait_exit(SOON).await.success(), "{}", moving.output());
    let then = store.now();
    target.wait_for(SOON, "calls go on from there", |calls| all_called_after(calls, ENDPOINTS, then)).await;
    for naptime in [&new_worker, &old] {
        naptime.sigterm();
        assert!(naptime.wait_exit(SOON).await.success());
    }
    for (n, first) in endpoints.iter().enumerate() {
        assert_once_each(&target.all_calls(), &format!("/e/{n}"), first);
        assert_eq!(new.get(first.id).await.unwrap().state.counters.missed, 0);
    }

    let other = File::fresh();
    add(&beside(&other), every_second(&target.url("/other"))).await;
    let refused = move_to(&other, &database).launch();
    assert_eq!(refused.wait_exit(SOON).await.code(), Some(1), "{}", refused.output());
    assert!(refused.output().contains("not empty"), "{}", refused.output());
    assert_eq!(beside(&other).shut().await.unwrap(), None);
    let missing = move_to(&File::fresh(), &database).launch();
    assert_eq!(missing.wait_exit(SOON).await.code(), Some(64));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_passes_to_another_job_during_the_copy_is_left_to_the_end() {
    let (file, database) = (File::fresh(), mongo::fresh_database().await);
    let (from, to) = (beside(&file), open(&database).await);
    let keyed = || {
        let mut new = once(&from, "http://127.0.0.1:1/", SOON);
        new.spec.key = Some("k".to_owned());
        new
    };
    let first = add(&from, keyed()).await;
    let id = Uuid::now_v7();
    to.announce(id, "a file").await.unwrap();
    to.begin_filling(id).await.unwrap();
    for _ in 0..2 {
        assert!(to.put_jobs(std::slice::from_ref(&first)).await.unwrap().is_empty(), "it may be repeated");
    }
    from.edit(first.id, None, Edit::Delete).await.unwrap();
    let second = add(&from, keyed()).await;
    let plain = add(&from, once(&from, "http://127.0.0.1:1/", SOON)).await;
    let jobs = from.jobs_of(&[second.id, plain.id]).await.unwrap();
    assert_eq!(to.put_jobs(&jobs).await.unwrap(), [second.id]);
    to.remove_jobs(&[first.id, second.id]).await.unwrap();
    let jobs = from.jobs_of(&[first.id, second.id]).await.unwrap();
    assert!(to.put_jobs(&jobs).await.unwrap().is_empty());
    to.open_up(id).await.unwrap();
    for job in jobs.into_iter().chain([plain]) {
        assert_eq!(to.get(job.id).await.unwrap(), job);
    }
}

/// As when the same backup is imported twice at once.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_begins_later_fills_the_database() {
    let (file, database) = (File::fresh(), mongo::fresh_database().await);
    let (from, first, second) = (beside(&file), open(&database).await, open(&database).await);
    let job = add(&from, once(&from, "http://127.0.0.1:1/", SOON)).await;
    let (jobs, id) = (std::slice::from_ref(&job), Uuid::now_v7());
    assert_eq!(first.announce(id, "a backup").await.unwrap(), Arrival::Announced);
    first.begin_filling(id).await.unwrap();
    first.put_jobs(jobs).await.unwrap();
    let row = Load { at: from.now(), worker: Uuid::new_v4().into(), figures: Figures::default() };
    first.put_history(HistoryItems::Load(vec![(Tier::ALL[0], row)])).await.unwrap();
    assert_eq!(second.announce(id, "a backup").await.unwrap(), Arrival::Filling);
    second.begin_filling(id).await.unwrap();
    for collection in ["jobs", "due", "load"] {
        assert_eq!(documents_in(&database, collection).await, 0, "{collection}");
    }

    second.put_jobs(jobs).await.unwrap();
    let none = || HistoryItems::Runs(Vec::new());
    assert!(matches!(first.put_jobs(jobs).await, Err(Error::Unavailable(_))));
    assert!(matches!(first.put_settings(&Settings::default()).await, Err(Error::Unavailable(_))));
    assert!(matches!(first.put_history(none()).await, Err(Error::Unavailable(_))));
    assert!(matches!(first.open_up(id).await, Err(MoveError::TakenOver)));
    first.take_back(id).await.unwrap();
    second.put_settings(&from.settings().await.unwrap()).await.unwrap();
    second.open_up(id).await.unwrap();

    assert!(matches!(first.put_jobs(jobs).await, Err(Error::Unavailable(_))), "none of those that are open is parked");
    first.take_back(id).await.unwrap();
    assert_eq!(second.get(job.id).await.unwrap(), job);
    // As after a move that was broken off once the database was open.
    let next = open(&database).await;
    next.open_up(id).await.unwrap();
    next.put_history(none()).await.unwrap();
}

/// All of the history, each item as a text, which tells it from any other.
async fn history(store: &SqliteStore) -> Vec<HistoryItems> {
    let (mut all, mut next) = (Vec::new(), Some(HistoryCursor::START));
    while let Some(after) = next {
        // A few at a time, so that parts follow each other.
        let part = store.history_after(after, 3).await.unwrap();
        all.push(part.items);
        next = part.next;
    }
    all
}

async fn documents_in(database: &Database, collection: &str) -> u64 {
    database.open().await.collection::<Document>(collection).count_documents(doc! {}).await.unwrap()
}

/// The sample has jobs in each phase, one among them that was lost four times, runs, breaches, figures and a pool with limits.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_moved_reads_as_it_was() {
    let (file, database) = (File::fresh(), mongo::fresh_database().await);
    let sample = rusqlite::Connection::open(file.path()).unwrap();
    sample.execute_batch(include_str!("../../crates/naptime-sqlite/tests/version_7.sql")).unwrap();
    drop(sample);
    let store = beside(&file);
    let rule = json!({"name": "shop", "event": "order", "job": "{{ id }}", "then": "delete", "enabled": true});
    store.put_rule(serde_json::from_value(rule).unwrap(), Expect::Anything).await.unwrap();
    let pool = store.pools(None, &PageRef::first(1)).await.unwrap().items.remove(0).settings.pool;
    let change = PoolChange { probe: Some(false), ..PoolChange::default() };
    store.change_pool(&pool, None, change).await.unwrap();
    store.put_record("mute/1", None, json!({"pool": "a"})).await.unwrap();
    let figures = Figures { calls: 3, outcomes: [(Outcome::Ok, 3)].into(), ..Figures::default() };
    store.add_load(&[Load { at: store.now(), worker: Uuid::new_v4().into(), figures: figures.clone() }]).await.unwrap();

    let moving = move_to(&file, &database).launch();
    assert!(moving.wait_exit(SOON).await.success(), "{}", moving.output());
    let new = open(&database).await;
    let jobs = store.jobs_after(None, 100).await.unwrap();
    assert!(jobs.len() >= 9 && jobs.iter().any(|job| job.state.lock().is_some()), "{jobs:?}");
    for job in jobs {
        assert_eq!(new.get(job.id).await.unwrap(), job);
    }
    let page = PageRef::first(100);
    assert_eq!(new.pools(None, &page).await.unwrap().items, store.pools(None, &page).await.unwrap().items);
    assert_eq!(new.rules(None).await.unwrap(), store.rules(None).await.unwrap());
    assert_eq!(new.records().await.unwrap(), store.records().await.unwrap());
    assert_eq!(new.total().await.unwrap(), figures);
    for items in history(&store).await {
        match items {
            HistoryItems::Runs(runs) => {
                for run in runs {
                    assert_eq!(new.run(run.job, run.token).await.unwrap().as_ref(), Some(&run));
                }
            }
            HistoryItems::Answers(answers) => {
                for answer in answers {
                    assert_eq!(new.answer(answer.job, answer.run).await.unwrap().as_ref(), Some(&answer));
                }
            }
            HistoryItems::Breaches(breaches) => {
                for breach in breaches {
                    let found = new.breaches(Some(breach.job), &page).await.unwrap().items;
                    assert!(found.iter().any(|it| it.breach == breach), "{breach:?}");
                }
            }
            HistoryItems::Load(rows) => {
                for (tier, row) in rows {
                    let found = new.load(tier, row.at, row.at + Duration::from_millis(1)).await.unwrap();
                    assert!(found.contains(&row), "{row:?}");
                }
            }
        }
    }
    assert_eq!(documents_in(&database, "sla").await, store.settings().await.unwrap().sums.len() as u64);
}
