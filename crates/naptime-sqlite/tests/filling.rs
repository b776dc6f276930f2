//! A file that is filled: what it lets be done until it is opened, and what is in it then.

mod common;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use naptime_core::load::Figures;
use naptime_core::{Endpoint, Job, JobId, Load, NewJob, Outcome, Schedule, Spec, Time};
use naptime_sqlite::{Options, SqliteStore};
use naptime_store::moving::{
    Arrival, Contents, Filling, HistoryCursor, HistoryItems, HistoryPart, Leaving, MoveError, Settings, Shut,
};
use naptime_store::{Clock, Error, History, Jobs, Moves, Queue, Records};
use serde_json::json;
use uuid::Uuid;

use common::all_due;

/// A moment at which everything of the sample can be claimed.
const THEN: Time = Time::from_millis(1_782_907_920_140 + 180_000);

/// A file as a backup or another store would have it at that moment.
fn open(path: &Path) -> SqliteStore {
    let clock_offset = Arc::new(AtomicI64::default());
    let options = Options { clock_offset: Arc::clone(&clock_offset), ..Options::default() };
    let store = SqliteStore::open(path, options).expect("a store");
    clock_offset.store(THEN.millis() - store.now().millis(), Ordering::SeqCst);
    store
}

/// It has jobs in each phase, a pool with limits, and all kinds of history.
async fn sample(path: &Path) -> SqliteStore {
    let database = rusqlite::Connection::open(path).expect("a file");
    database.execute_batch(include_str!("version_7.sql")).expect("the sample");
    let store = open(path);
    database.execute_batch(include_str!("history.sql")).expect("history");
    let figures = Figures { calls: 3, outcomes: [(Outcome::Ok, 3)].into(), ..Figures::default() };
    store.add_load(&[Load { at: THEN, worker: Uuid::new_v4().into(), figures }]).await.expect("added");
    store
}

fn keyed() -> NewJob {
    let mut spec = Spec::new(Endpoint::parse("http://target.test/").expect("a URL"), Schedule::Once { at: THEN });
    spec.key = Some("k".to_owned());
    NewJob { id: JobId::from(Uuid::now_v7()), spec, active: true }
}

/// The jobs that can be claimed now, but for those of pools with limits.
async fn claim(store: &SqliteStore) -> BTreeSet<JobId> {
    let claims = store.claim(&all_due(None)).await.expect("a look").claims;
    claims.into_iter().map(|claim| claim.job.id).collect()
}

async fn jobs(store: &SqliteStore) -> Vec<Job> {
    store.jobs_after(None, 1000).await.expect("jobs")
}

async fn history(store: &SqliteStore) -> Vec<HistoryPart> {
    let (mut all, mut next) = (Vec::new(), Some(HistoryCursor::START));
    while let Some(after) = next {
        let part = store.history_after(after, 3).await.expect("a part");
        next = part.next.clone();
        all.push(part);
    }
    all
}

#[tokio::test]
async fn what_fills_a_file_reads_as_it_did_and_is_called_once_it_is_open() {
    let folder = tempfile::tempdir().expect("a folder");
    let (from, to) = (sample(&folder.path().join("from.db")).await, open(&folder.path().join("to.db")));
    let id = Uuid::now_v7();
    assert_eq!(to.announce(id, "a backup").await.expect("announced"), Arrival::Filling);
    to.begin_filling(id).await.expect("begun");
    // Before the settings of their pools, and twice.
    for _ in 0..2 {
        assert!(to.put_jobs(&jobs(&from).await).await.expect("put").is_empty());
    }
    to.put_settings(&from.settings().await.expect("settings")).await.expect("put");
    for part in history(&from).await {
        to.put_history(part.items).await.expect("put");
    }
    assert!(claim(&to).await.is_empty(), "it is not open");
    to.open_up(id).await.expect("open");

    assert_eq!(jobs(&to).await, jobs(&from).await);
    let Settings { pools, rules, records, sums, total } = from.settings().await.expect("settings");
    let is = to.settings().await.expect("settings");
    assert_eq!((pools.len(), rules.len(), sums.len(), total.calls), (2, 1, 1, 3));
    assert_eq!((pools, rules, records, sums, total), (is.pools, is.rules, is.records, is.sums, is.total));
    assert_eq!(format!("{:?}", history(&to).await), format!("{:?}", history(&from).await));
    let claimed = claim(&to).await;
    assert_eq!((claimed.len(), &claimed), (4, &claim(&from).await), "that of the pool with limits is not among them");
}

#[tokio::test]
async fn a_file_that_is_half_full_stays_shut() {
    let folder = tempfile::tempdir().expect("a folder");
    let (from, path) = (sample(&folder.path().join("from.db")).await, folder.path().join("to.db"));
    let (id, other) = (Uuid::now_v7(), Uuid::now_v7());
    let to = open(&path);
    to.announce(id, "a backup").await.expect("announced");
    to.begin_filling(id).await.expect("begun");
    to.put_jobs(&jobs(&from).await).await.expect("put");
    // Whoever filled it is killed.
    drop(to);

    let to = open(&path);
    assert!(matches!(to.shut().await, Ok(Some(Shut::Arriving { from, .. })) if from == "a backup"));
    assert!(claim(&to).await.is_empty());
    assert!(matches!(to.insert(vec![keyed()]).await, Err(Error::Shut(_))));
    assert!(matches!(to.announce(other, "another").await, Err(MoveError::OtherMove { .. })));
    assert!(matches!(to.begin_move("mongodb://there/naptime").await, Err(MoveError::OtherMove { .. })));
    assert!(matches!(to.begin_filling(other).await, Err(MoveError::NotThere)));
    assert!(matches!(to.open_up(other).await, Err(MoveError::NotThere)));
    Filling::take_back(&to, other).await.expect("nothing to do");
    assert_eq!(to.announce(id, "a backup").await.expect("found"), Arrival::Filling);
    to.begin_filling(id).await.expect("begun anew");
    assert_eq!(jobs(&to).await, []);

    to.put_jobs(&jobs(&from).await).await.expect("put");
    Filling::take_back(&to, id).await.expect("taken back");
    assert_eq!((to.shut().await.expect("an answer"), jobs(&to).await), (None, Vec::new()));
    to.insert(vec![keyed()]).await.expect("it is open");
    assert!(matches!(to.announce(id, "a backup").await, Err(MoveError::NotEmpty("endpoints or jobs"))));
    from.begin_move("mongodb://there/naptime").await.expect("begun");
    assert!(matches!(from.announce(id, "a backup").await, Err(MoveError::Elsewhere { .. })));
}

#[tokio::test]
async fn a_key_belongs_to_the_first_until_that_is_put_without_it_or_removed() {
    let folder = tempfile::tempdir().expect("a folder");
    let to = open(&folder.path().join("to.db"));
    let id = Uuid::now_v7();
    to.announce(id, "a backup").await.expect("announced");
    to.begin_filling(id).await.expect("begun");
    let (mut first, second) = (keyed().into_job(THEN), keyed().into_job(THEN));
    assert_eq!(to.put_jobs(&[first.clone(), second.clone()]).await.expect("put"), [second.id]);
    first.deleted_at = Some(THEN);
    assert!(to.put_jobs(&[first.clone(), second.clone()]).await.expect("put").is_empty());
    assert_eq!(jobs(&to).await, [first.clone(), second.clone()]);
    let third = keyed().into_job(THEN);
    to.remove_jobs(&[second.id, third.id]).await.expect("the one is removed, and the other one was never there");
    assert!(to.put_jobs(std::slice::from_ref(&third)).await.expect("put").is_empty());
    assert_eq!(jobs(&to).await, [first, third]);
}

/// As when the same backup is imported twice at once.
#[tokio::test]
async fn whoever_begins_later_fills_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let (from, path) = (sample(&folder.path().join("from.db")).await, folder.path().join("to.db"));
    let (first, second, id) = (open(&path), open(&path), Uuid::now_v7());
    for store in [&first, &second] {
        assert_eq!(store.announce(id, "a backup").await.expect("announced"), Arrival::Filling);
        store.begin_filling(id).await.expect("begun");
        assert_eq!(jobs(store).await, [], "what the first has put is gone");
        store.put_jobs(&jobs(&from).await).await.expect("put");
    }

    assert!(matches!(first.put_jobs(&jobs(&from).await).await, Err(Error::Unavailable(_))));
    assert!(matches!(first.put_settings(&Settings::default()).await, Err(Error::Unavailable(_))));
    assert!(matches!(first.put_history(HistoryItems::Runs(Vec::new())).await, Err(Error::Unavailable(_))));
    assert!(matches!(first.open_up(id).await, Err(MoveError::TakenOver)));
    Filling::take_back(&first, id).await.expect("nothing to do");
    second.put_settings(&from.settings().await.expect("settings")).await.expect("put");
    second.open_up(id).await.expect("open");
    assert!(matches!(first.put_jobs(&jobs(&from).await).await, Err(Error::Unavailable(_))));
    Filling::take_back(&first, id).await.expect("nothing to do");
    assert_eq!(jobs(&second).await, jobs(&from).await);
}

#[tokio::test]
async fn what_is_taken_back_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let (from, to) = (sample(&folder.path().join("from.db")).await, open(&folder.path().join("to.db")));
    let id = Uuid::now_v7();
    to.announce(id, "a backup").await.expect("announced");
    to.begin_filling(id).await.expect("begun");
    to.put_jobs(&jobs(&from).await).await.expect("put");
    to.put_settings(&from.settings().await.expect("settings")).await.expect("put");
    for part in history(&from).await {
        to.put_history(part.items).await.expect("put");
    }
    // Whoever takes it back is another process.
    let to = open(&folder.path().join("to.db"));
    Filling::take_back(&to, id).await.expect("taken back");
    let Settings { pools, rules, records, sums, total } = to.settings().await.expect("settings");
    assert_eq!((pools.len(), rules.len(), records.len(), sums.len(), total.calls), (0, 0, 0, 0, 0));
    let fresh = open(&folder.path().join("fresh.db"));
    assert_eq!(format!("{:?}", history(&to).await), format!("{:?}", history(&fresh).await));
}

#[tokio::test]
async fn a_pool_with_settings_is_not_written_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("to.db");
    let (to, id) = (open(&path), Uuid::now_v7());
    let database = rusqlite::Connection::open(&path).expect("the file");
    const POOL: &str = "INSERT INTO pools (pool, rev, updated_at, known) VALUES ('http://target.test', 1, 0, 1)";
    database.execute(POOL, []).expect("written");
    assert!(matches!(to.announce(id, "a backup").await, Err(MoveError::NotEmpty("settings of pools"))));
    database.execute("UPDATE pools SET known = 0", []).expect("written");
    to.announce(id, "a backup").await.expect("a pool without settings is in nobody's way");
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_not_copied_as_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("from.db");
    let store = open(&path);
    store.put_record("mute/1", None, json!({"pool": "a"})).await.expect("written");
    assert_eq!(store.settings().await.expect("settings").records.len(), 1);
    let database = rusqlite::Connection::open(&path).expect("the file");
    database.execute("UPDATE records SET value = '{'", []).expect("written");
    assert!(matches!(store.settings().await, Err(Error::Corrupt(why)) if why.contains("mute/1")));
}
