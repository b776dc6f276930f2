//! Backups of a store that is in use, and those that are broken off.

use std::mem;
use std::sync::Mutex;

use async_trait::async_trait;
use naptime_core::{Change, Edit, Job, JobId, NewJob, SpecChange, Time};
use naptime_sqlite::SqliteStore;
use naptime_store::moving::{Contents, HistoryCursor, HistoryPart, Settings};
use naptime_store::{Jobs, Moves, Result};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::moving::Stopped;
use crate::testing::{File, keyed};

/// More than are read at once.
const JOBS: usize = 150;

/// A store that changes after its first jobs were read.
struct Changing<'a> {
    store: &'a SqliteStore,
    edits: Mutex<Vec<(JobId, Edit)>>,
    /// Added after the edits.
    added: Mutex<Vec<NewJob>>,
    /// Not there any more after the edits.
    purged: Option<JobId>,
}

impl<'a> Changing<'a> {
    fn new(store: &'a SqliteStore, edits: Vec<(JobId, Edit)>, added: NewJob) -> Self {
        Self { store, edits: Mutex::new(edits), added: Mutex::new(vec![added]), purged: None }
    }
}

#[async_trait]
impl Contents for Changing<'_> {
    async fn jobs_after(&self, after: Option<JobId>, limit: usize) -> Result<Vec<Job>> {
        let jobs = self.store.jobs_after(after, limit).await?;
        let (edits, added) = (mem::take(&mut *self.edits.lock().unwrap()), mem::take(&mut *self.added.lock().unwrap()));
        for (id, edit) in edits {
            self.store.edit(id, None, edit).await?;
        }
        for new in added {
            self.store.insert(vec![new]).await?;
        }
        Ok(jobs)
    }

    async fn jobs_of(&self, ids: &[JobId]) -> Result<Vec<Job>> {
        let mut jobs = self.store.jobs_of(ids).await?;
        jobs.retain(|job| Some(job.id) != self.purged);
        Ok(jobs)
    }

    async fn settings(&self) -> Result<Settings> {
        self.store.settings().await
    }

    async fn history_after(&self, after: HistoryCursor, limit: usize) -> Result<HistoryPart> {
        self.store.history_after(after, limit).await
    }
}

/// The text of a backup.
async fn export(store: &impl Contents, stop: &CancellationToken) -> anyhow::Result<Vec<u8>> {
    let (version, from, at) = ("0.1.0".to_owned(), "a file".to_owned(), Time::from_millis(0));
    let mut text = Vec::new();
    export::write(store, Header { format: FORMAT, version, id: Uuid::now_v7(), from, at }, &mut text, stop).await?;
    Ok(text)
}

async fn import(text: &[u8], store: &SqliteStore, stop: &CancellationToken) -> anyhow::Result<Counts> {
    import::fill(store, Reader::open(text)?, ("a backup", "a file"), stop).await
}

async fn all_jobs(store: &SqliteStore) -> Vec<Job> {
    store.jobs_after(None, 1000).await.expect("all jobs")
}

/// Adds jobs whose keys are their numbers.
async fn add_jobs(store: &SqliteStore) -> Vec<JobId> {
    let jobs: Vec<NewJob> = (0..JOBS).map(|n| keyed(store, &n.to_string())).collect();
    let ids = jobs.iter().map(|job| job.id).collect();
    store.insert(jobs).await.expect("all are added");
    ids
}

fn key_becomes(store: &SqliteStore, key: Option<&str>) -> Edit {
    let mut spec = keyed(store, "").spec;
    spec.key = key.map(str::to_owned);
    Edit::Change(Change { spec: SpecChange::Whole(Box::new(spec)), ..Change::default() })
}

/// Takes a backup of a store into another one. Returns how many lines of jobs, and of jobs that are gone, there were, and
/// the jobs of the other store.
async fn taken_in(store: &Changing<'_>) -> ((u64, u64), Vec<Job>) {
    let (other, stop) = (File::fresh(), CancellationToken::new());
    let text = export(store, &stop).await.expect("a backup");
    let counts = import(&text, &other.store, &stop).await.expect("it is taken in");
    let all = all_jobs(&other.store).await;
    assert!(shown(&counts).starts_with(&format!("{} endpoints and jobs and ", all.len())), "{counts}");
    ((counts.of("job"), counts.of("gone")), all)
}

#[tokio::test]
async fn a_key_may_pass_to_another_job_while_a_backup_is_written() {
    let file = File::fresh();
    let from = &file.store;
    let first = add_jobs(from).await[0];
    let store = Changing::new(from, vec![(first, Edit::Delete)], keyed(from, "0"));
    let (lines, taken) = taken_in(&store).await;
    assert_eq!(lines, (JOBS as u64 + 2, 1), "one is written twice");
    assert_eq!((taken.len(), taken[0].deleted_at.is_some()), (JOBS + 1, true));
    assert_eq!(taken, all_jobs(from).await);
}

#[tokio::test]
async fn the_job_that_had_a_key_before_may_be_purged_while_a_backup_is_written() {
    let file = File::fresh();
    let from = &file.store;
    let first = add_jobs(from).await[0];
    let mut store = Changing::new(from, vec![(first, Edit::Delete)], keyed(from, "0"));
    store.purged = Some(first);
    let (lines, taken) = taken_in(&store).await;
    assert_eq!(lines, (JOBS as u64 + 1, 1));
    assert_eq!(taken, all_jobs(from).await[1..]);
}

#[tokio::test]
async fn the_job_that_had_a_key_before_may_get_that_of_a_third() {
    let file = File::fresh();
    let from = &file.store;
    let ids = add_jobs(from).await;
    let edits = vec![(ids[1], key_becomes(from, None)), (ids[0], key_becomes(from, Some("1")))];
    let (lines, taken) = taken_in(&Changing::new(from, edits, keyed(from, "0"))).await;
    assert_eq!(lines, (JOBS as u64 + 3, 2), "two are written twice");
    assert_eq!((taken[0].spec.key.as_deref(), taken[1].spec.key.as_deref()), (Some("1"), None));
    assert_eq!(taken, all_jobs(from).await);
}

#[tokio::test]
async fn a_backup_that_is_stopped_leaves_nothing_behind() {
    let (file, other, stop) = (File::fresh(), File::fresh(), CancellationToken::new());
    file.store.insert(vec![keyed(&file.store, "a")]).await.expect("added");
    let text = export(&file.store, &stop).await.expect("a backup");
    stop.cancel();
    assert!(export(&file.store, &stop).await.expect_err("it is stopped").is::<Stopped>());
    assert!(import(&text, &other.store, &stop).await.expect_err("it is stopped").is::<Stopped>());
    assert_eq!(other.store.shut().await.expect("an answer"), None);
    assert_eq!(other.store.jobs_after(None, 10).await.expect("jobs"), []);
    other.store.insert(vec![keyed(&other.store, "a")]).await.expect("it is open");
}
