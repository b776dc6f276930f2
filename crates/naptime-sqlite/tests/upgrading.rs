//! A file of an earlier version: all that was in it is there afterwards, and workers go on with it.
//!
//! `version_7.sql` was written by the last version with one table for all of a job, after twelve minutes of work.

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use naptime_core::{Claim, Job, JobId, Outcome, Plan, Pool, Request, Rev, Run, Spec, Stage, State, Then, Time};
use naptime_sqlite::{Options, SqliteStore};
use naptime_store::{
    Added, Clock, Ended, Gates, JobQuery, Jobs, PageRef, Planning, Pools, Queue, Queued, QueuedQuery, Rules, Runs, Slas,
};
use rusqlite::{Connection, Row};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use common::all_due;

/// When the sample was left.
const LEFT_AT: Time = Time::from_millis(1_782_907_920_140);

// The jobs of the sample, by id.
const IDLE: u128 = 1;
const HELD: u128 = 2; // for the fifth time: four claims were lost
const RETRYING: u128 = 3;
const OFF: u128 = 4;
const DELETED: u128 = 5;
const DONE: u128 = 6;
const WAITING: u128 = 7;
const LIMITED: u128 = 8; // by its pool
const BROKEN: u128 = 9; // its SLA

fn id(number: u128) -> JobId {
    Uuid::from_u128(number).into()
}

/// A file as the sample was left.
fn sample(path: &Path) -> Connection {
    let database = Connection::open(path).expect("a file");
    database.execute_batch(include_str!("version_7.sql")).expect("the sample");
    database
}

/// Opens the file, `later` than it was left.
fn open(path: &Path, later: Duration) -> SqliteStore {
    let clock_offset = Arc::new(AtomicI64::default());
    let store = SqliteStore::open(path, Options { clock_offset: Arc::clone(&clock_offset), ..Options::default() });
    let store = store.expect("it is brought up to date");
    clock_offset.store((LEFT_AT + later).millis() - store.now().millis(), Ordering::SeqCst);
    store
}

/// A job as the earlier version read it.
fn earlier(row: &Row<'_>) -> Job {
    fn json<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> T {
        serde_json::from_str(&row.get::<_, String>(column).expect(column)).expect(column)
    }
    let number = |column: &str| row.get::<_, i64>(column).expect(column);
    let deleted_at: Option<i64> = row.get("deleted_at").expect("a column");
    Job {
        id: Uuid::from_bytes(row.get("id").expect("an id")).into(),
        spec: Arc::new(Spec { request: json::<Request>(row, "request"), ..json(row, "spec") }),
        active: number("active") == 1,
        deleted_at: deleted_at.map(Time::from_millis),
        rev: Rev(number("rev")),
        plan: Plan(number("plan")),
        created_at: Time::from_millis(number("created_at")),
        updated_at: Time::from_millis(number("updated_at")),
        changes: json(row, "changes"),
        state: json::<State>(row, "state"),
    }
}

async fn claim(store: &SqliteStore, gate: Option<Pool>) -> BTreeMap<u128, Claim> {
    let claims = store.claim(&all_due(gate)).await.expect("claimed").claims;
    claims.into_iter().map(|claim| (claim.job.id.uuid().as_u128(), claim)).collect()
}

#[tokio::test]
async fn all_that_was_there_reads_as_it_did() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("naptime.db");
    let database = sample(&path);
    let jobs: Vec<Job> = database
        .prepare("SELECT * FROM jobs JOIN requests ON job = seq ORDER BY id")
        .and_then(|mut all| all.query_map([], |row| Ok(earlier(row)))?.collect())
        .expect("jobs");
    let runs: i64 = database.query_row("SELECT count(*) FROM runs", [], |row| row.get(0)).expect("runs");
    assert_eq!((jobs.len(), runs), (9, 17));

    let store = open(&path, Duration::ZERO);
    for job in &jobs {
        assert_eq!(store.get(job.id).await.expect("there"), *job);
    }
    let mut kept = 0;
    for job in &jobs {
        kept += i64::try_from(store.runs(job.id, &PageRef::first(99)).await.expect("runs").items.len()).expect("few");
    }
    assert_eq!(kept, runs);

    let all = PageRef::first(99);
    let urls: Vec<_> = store.list(&JobQuery::default(), &all).await.expect("a list").items;
    let mut listed: Vec<u128> = urls.iter().map(|job| job.id.uuid().as_u128()).collect();
    listed.sort_unstable();
    assert_eq!(listed, [IDLE, HELD, RETRYING, OFF, LIMITED, BROKEN]);
    let ends = urls.iter().map(|job| (job.id, job.last.as_ref().is_some_and(|last| last.outcome != Outcome::Ok)));
    let expect: Vec<JobId> = ends.filter(|(_, badly)| *badly).map(|(id, _)| id).collect();
    let badly = JobQuery { outcome: Some(Ended::Badly), ..JobQuery::default() };
    let found = store.list(&badly, &all).await.expect("a list").items;
    assert!(!expect.is_empty(), "one of the sample ended badly");
    assert_eq!(found.iter().map(|job| job.id).collect::<Vec<_>>(), expect);
    let deleted = JobQuery { deleted: true, ..JobQuery::default() };
    assert_eq!(store.list(&deleted, &all).await.expect("a list").items[0].id, id(DELETED));
    assert_eq!(store.queued(&QueuedQuery::default(), &all).await.expect("a list").items.len(), 2);
    let stages = store.stages().await.expect("counts");
    assert_eq!((stages[&Stage::Done], stages[&Stage::Waiting]), (1, 1));
    assert_eq!(store.in_breach(&all).await.expect("breaches").items[0].breach.job, id(BROKEN));
    assert_eq!(store.due_work(&all).await.expect("due work").items.len(), 6);
    let again = naptime_core::NewJob { id: Uuid::new_v4().into(), spec: (*jobs[6].spec).clone(), active: true };
    assert!(
        matches!(&store.insert(vec![again]).await.expect("asked")[..], [Added::Existing(job)] if job.id == id(WAITING))
    );
    assert!(store.by_key("order-7").await.expect("asked").is_none(), "that is a rule's");

    let check: i64 =
        database.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0)).expect("checked");
    assert_eq!(check, 0);
}

#[tokio::test]
async fn rules_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("naptime.db");
    drop(sample(&path));
    let rules = open(&path, Duration::ZERO).rules(Some("linked")).await.expect("rules");
    assert_eq!((rules.len(), rules[0].rev, rules[0].rule.enabled), (1, Rev(4), true));
    // A number without a unit was one of milliseconds.
    let expect = serde_json::json!({
        "url": "https://plain.test/{{ key }}", "every": "300000ms", "days": ["mon-fri"],
        "headers": [["X-A", "{{ data.a }}"]], "retry": {"attempts": "3", "backoff": "1500ms", "on": "503, timeout"},
        "steer": {"min": "30s", "max": "1h"}, "active": true,
    });
    let template = rules[0].rule.template().expect("an upsert");
    assert_eq!(serde_json::to_value(template).expect("JSON"), expect);
}

#[tokio::test]
async fn credentials_are_searched_no_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("naptime.db");
    let database = sample(&path);
    let search = || -> String {
        let of = Uuid::from_u128(OFF).into_bytes();
        database.query_row("SELECT search FROM jobs WHERE id = ?1", [of], |row| row.get(0)).expect("a text")
    };
    assert!(search().contains("hunter2"));
    let store = open(&path, Duration::ZERO);
    let job = store.get(id(OFF)).await.expect("there");
    assert_eq!(search(), job.spec.search_text());
    assert!(!search().contains("hunter2"), "{}", search());
}

#[tokio::test]
async fn workers_go_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("naptime.db");
    drop(sample(&path));
    let store = open(&path, Duration::from_secs(10));
    let claims = claim(&store, None).await;
    assert_eq!(claims.keys().copied().collect::<Vec<_>>(), [BROKEN], "the others are held, or not due");
    drop(store);

    let store = open(&path, Duration::from_secs(180));
    let claims = claim(&store, None).await;
    assert_eq!(claims.keys().copied().collect::<Vec<_>>(), [IDLE, HELD, RETRYING, BROKEN]);
    let held = &claims[&HELD];
    assert_eq!((held.lock.lost.len(), held.job.attempts()), (5, 6));
    assert_eq!(held.job.spec.request.body.as_deref(), Some("{\"ask\": 1}"));
    let limited = Pool::parse("https://limited.test").expect("a pool");
    assert_eq!(store.known_pools().await.expect("pools")[0].pool, limited);
    assert_eq!(store.pool(&limited).await.expect("a pool").endpoints.total, 1);
    let gated = claim(&store, Some(limited)).await;
    assert_eq!(gated.keys().copied().collect::<Vec<_>>(), [LIMITED]);

    let claim = &claims[&BROKEN];
    let now = store.now();
    let run = Run {
        token: claim.lock.token,
        job: claim.job.id,
        worker: claim.lock.worker,
        due: claim.lock.due.expect("due"),
        started: now,
        finished: now,
        outcome: Outcome::Ok,
        status: Some(200),
        message: String::new(),
        attempt: claim.attempt(),
        manual: false,
        skipped: None,
    };
    store.settle(&[claim.settled(Some(run), Then::Next { due: Some(now), missed: 0 })]).await.expect("settled");
    let job = store.get(id(BROKEN)).await.expect("there");
    assert_eq!((job.state.lock(), job.state.counters.ok, job.state.due), (None, 1, Some(now)));
    assert!(store.in_breach(&PageRef::first(9)).await.expect("breaches").items.is_empty());
    assert_eq!(store.get(id(DONE)).await.expect("there").stage(), Some(Stage::Done));
}
