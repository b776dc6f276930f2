//! The one process that works, and what it leaves behind when it is killed.

mod common;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use naptime_core::{Claim, Edit, Endpoint, Heartbeat, JobId, NewJob, Outcome, Run, Schedule, Spec, Then};
use naptime_sqlite::{LockError, Options, SqliteStore};
use naptime_store::{Added, Clock, Ended, History, JobQuery, Jobs, PageRef, Queue, Runs};
use uuid::Uuid;

use common::all_due;

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, Options::default()).expect("a store")
}

fn new_job() -> NewJob {
    let id = JobId::from(Uuid::new_v4());
    let spec = Spec::new(
        Endpoint::parse("http://target.test/").expect("a URL"),
        Schedule::every(Duration::from_secs(3600), id),
    );
    NewJob { id, spec, active: false }
}

async fn claim(store: &SqliteStore) -> Vec<Claim> {
    store.claim(&all_due(None)).await.expect("claimed").claims
}

/// A call by hand that went well.
fn ended_well(claim: &Claim) -> Run {
    let lock = &claim.lock;
    Run {
        token: lock.token,
        job: claim.job.id,
        worker: lock.worker,
        due: lock.at,
        started: lock.at,
        finished: lock.at,
        outcome: Outcome::Ok,
        status: Some(200),
        message: String::new(),
        attempt: 1,
        manual: true,
        skipped: None,
    }
}

#[tokio::test]
async fn one_process_works_and_a_second_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("naptime.db");
    let (store, other) = (open(&path), open(&path));
    let lock = store.lock_for_worker().await.expect("the first");
    let error = other.lock_for_worker().await.expect_err("the second");
    assert!(matches!(error, LockError::Taken { .. }), "{error}");
    assert!(error.to_string().contains("another process already works on"), "{error}");
    other.insert(vec![new_job()]).await.expect("editors may go on");
    drop(lock);
    other.lock_for_worker().await.expect("the first is gone");
}

#[tokio::test]
async fn a_job_that_cannot_be_read_does_not_keep_the_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("naptime.db");
    let store = open(&path);
    let added = store.insert((0..4).map(|_| new_job()).collect()).await.expect("added");
    let jobs: Vec<_> = added.into_iter().map(Added::into_job).collect();
    for job in &jobs {
        store.edit(job.id, None, Edit::CallNow).await.expect("asked");
    }
    // As a newer version might leave it.
    let database = rusqlite::Connection::open(&path).expect("the file");
    for (sql, job) in
        [("UPDATE jobs SET spec = '{}' WHERE id = ?1", 0), ("UPDATE due SET state = '{}' WHERE id = ?1", 3)]
    {
        let id = jobs[job].id.uuid().into_bytes();
        assert_eq!(database.execute(sql, [id]).expect("written"), 1);
    }

    let mut claimed: Vec<JobId> = claim(&store).await.iter().map(|claim| claim.job.id).collect();
    claimed.sort();
    let mut readable = [jobs[1].id, jobs[2].id];
    readable.sort();
    assert_eq!(claimed, readable);
    assert_eq!(claim(&store).await.len(), 0, "nor is it tried over and over");
    let lock = store.lock_for_worker().await.expect("another start");
    assert_eq!(lock.released, 2);
}

#[cfg(unix)]
#[tokio::test]
async fn another_name_for_the_file_is_no_way_around_the_lock() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, link) = (folder.path().join("naptime.db"), folder.path().join("link.db"));
    let store = open(&path);
    std::os::unix::fs::symlink(&path, &link).expect("a link");
    let _lock = store.lock_for_worker().await.expect("the first");
    assert!(open(&link).lock_for_worker().await.is_err());
}

#[cfg(unix)]
#[tokio::test]
async fn no_other_user_can_hold_the_lock() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
    let folder = tempfile::tempdir().expect("a folder");
    let (path, lock) = (folder.path().join("naptime.db"), folder.path().join("naptime.db.lock"));
    let store = open(&path);
    let mode = || std::fs::metadata(&lock).expect("there").permissions().mode() & 0o777;
    drop(store.lock_for_worker().await.expect("free"));
    assert_eq!(mode(), 0o600);
    std::fs::set_permissions(&lock, std::fs::Permissions::from_mode(0o644)).expect("ours");
    drop(store.lock_for_worker().await.expect("free"));
    assert_eq!(mode(), 0o600, "as an earlier version left it");

    std::fs::remove_file(&lock).expect("ours");
    let elsewhere = folder.path().join("elsewhere");
    std::fs::write(&elsewhere, "").expect("ours");
    symlink(&elsewhere, &lock).expect("a link");
    let error = store.lock_for_worker().await.expect_err("a link is not followed");
    assert!(error.to_string().contains("cannot lock"), "{error}");

    std::fs::rename(&elsewhere, &lock).expect("ours");
    // Only the superuser may give a file away.
    if std::fs::metadata(&lock).expect("there").uid() == 0 {
        chown(&lock, Some(65_534), None).expect("given away");
        let error = store.lock_for_worker().await.expect_err("somebody else's");
        assert!(error.to_string().contains("belongs to another user"), "{error}");
    }
}

#[tokio::test]
async fn what_an_earlier_process_held_can_be_claimed_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(&folder.path().join("naptime.db"));
    let job = store.insert(vec![new_job()]).await.expect("added").remove(0).into_job();
    store.edit(job.id, None, Edit::CallNow).await.expect("asked");
    let lost = claim(&store).await.remove(0);
    let beat = Heartbeat {
        id: lost.lock.worker,
        host: "here".to_owned(),
        pid: 1,
        version: "0".to_owned(),
        tzdb: None,
        capacity: 1,
        held: 1,
        started_at: store.now(),
        stopping: false,
        trouble: None,
    };
    store.beat(&beat).await.expect("heard");
    assert!(claim(&store).await.is_empty(), "it is held");
    let lock = store.lock_for_worker().await.expect("locked");
    assert_eq!(lock.released, 1);
    assert!(!store.workers().await.expect("workers")[0].alive, "its worker is known to be gone");
    let claims = claim(&store).await;
    assert_eq!(claims.len(), 1);
    assert_eq!(claims[0].lock.lost, [lost.lock.as_lost()]);
    let runs = store.runs(job.id, &PageRef::first(9)).await.expect("runs").items;
    assert_eq!(runs.iter().map(|run| (run.token, run.outcome)).collect::<Vec<_>>(), [(lost.lock.token, Outcome::Lost)]);
}

/// Such a process was at work before the file was upgraded, and knows no column of how a last call ended.
#[tokio::test]
async fn what_a_process_of_an_earlier_version_leaves_is_mended_by_the_next_call() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("naptime.db");
    let store = open(&path);
    let badly = async || {
        let query = JobQuery { outcome: Some(Ended::Badly), ..JobQuery::default() };
        store.list(&query, &PageRef::first(9)).await.expect("a list").items.len()
    };
    let job = store.insert(vec![new_job()]).await.expect("added").remove(0).into_job();
    store.edit(job.id, None, Edit::CallNow).await.expect("asked");
    let database = rusqlite::Connection::open(&path).expect("the file");
    let stale = |sql: &str| assert_eq!(database.execute(sql, []).expect("written"), 1);
    stale("UPDATE due SET bad = 'timeout'");
    assert_eq!(badly().await, 1);
    let claim = claim(&store).await.remove(0);
    stale("UPDATE due SET bad = 'timeout'");
    store.settle(&[claim.settled(Some(ended_well(&claim)), Then::Keep)]).await.expect("settled");
    assert_eq!(badly().await, 0);
}

const CHILD: &str = "NAPTIME_TEST_CHILD_WORKS_ON";

/// Adds, claims and settles as fast as it can, and says what was acknowledged.
#[allow(clippy::print_stdout, reason = "that is how it says so")]
async fn work_until_killed(path: &Path) {
    let store = open(path);
    let _lock = store.lock_for_worker().await.expect("locked");
    loop {
        let added = store.insert(vec![new_job(), new_job(), new_job()]).await.expect("added");
        let added: Vec<_> = added.into_iter().map(Added::into_job).collect();
        for job in &added {
            println!("added {}", job.id);
            store.edit(job.id, None, Edit::CallNow).await.expect("asked");
        }
        for claim in claim(&store).await.into_iter().filter(|claim| claim.job.id != added[0].id) {
            println!("claimed {}", claim.job.id);
            if claim.job.id == added[1].id {
                continue; // held until the end
            }
            store.settle(&[claim.settled(Some(ended_well(&claim)), Then::Keep)]).await.expect("settled");
            println!("settled {}", claim.job.id);
        }
    }
}

/// The store's part of invariants 2 and 3: what was acknowledged is there, and nothing is left half done.
#[tokio::test]
async fn what_was_acknowledged_survives_kill_9() {
    if let Some(path) = std::env::var_os(CHILD) {
        return work_until_killed(Path::new(&path)).await;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("naptime.db");
    for round in 0..3 {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "what_was_acknowledged_survives_kill_9", "--nocapture"])
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .spawn()
            .expect("a child");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut said: Vec<String> = Vec::new();
        while said.len() < 100 + round * 37 {
            said.push(lines.next().expect("it goes on").expect("text"));
        }
        child.kill().expect("killed");
        said.extend(lines.map_while(Result::ok));
        child.wait().expect("dead");

        let store = open(&path);
        let mut settled = 0;
        for line in &said {
            let Some((what, id)) = line.split_once(' ') else { continue };
            let Ok(id) = id.parse::<JobId>() else { continue };
            let job = store.get(id).await.expect(line);
            match what {
                "claimed" => assert!(job.attempts() > 0 || job.state.counters.runs > 0, "{line}: {job:?}"),
                "settled" => {
                    settled += 1;
                    assert_eq!((job.state.counters.ok, job.state.lock()), (1, None), "{line}");
                    assert_eq!(store.runs(id, &PageRef::first(9)).await.expect("runs").items.len(), 1, "{line}");
                }
                _ => {}
            }
        }
        assert!(settled > 10, "{said:?}");
        let lock = store.lock_for_worker().await.expect("the lock went with the process");
        assert!(lock.released > 10, "{}", lock.released);
        let claims = claim(&store).await;
        assert!(claims.len() >= lock.released, "all it held is claimed at once");
        let settled: Vec<_> = claims.iter().map(|claim| claim.settled(None, Then::Keep)).collect();
        store.settle(&settled).await.expect("settled");
    }
}
