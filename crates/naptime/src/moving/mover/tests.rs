//! Moves to a store that fails, or whose jobs change meanwhile.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use async_trait::async_trait;
use naptime_core::{Edit, NewJob};
use naptime_sqlite::SqliteStore;
use naptime_store::moving::{Contents, Filling, MoveResult, Moves, Settings, Shut};
use naptime_store::{Error, Jobs, Result};

use super::*;
use crate::testing::{File, keyed};

/// A store that is filled, in which a key belongs to one job.
#[derive(Default)]
struct Target {
    jobs: Mutex<HashMap<JobId, Job>>,
    is_open: AtomicBool,
    is_taken_back: AtomicBool,
    /// How often it cannot be opened.
    fails_to_open: AtomicU32,
    fails_to_take_settings: bool,
    /// What becomes of the file after the first jobs were put: one is deleted, and the other one added.
    swap: Mutex<Option<(SqliteStore, JobId, NewJob)>>,
}

fn away() -> Error {
    Error::Unavailable("an election".to_owned())
}

#[async_trait]
impl Filling for Target {
    async fn announce(&self, _: Uuid, _: &str) -> MoveResult<Arrival> {
        Ok(Arrival::Filling)
    }

    async fn begin_filling(&self, _: Uuid) -> MoveResult<()> {
        Ok(())
    }

    async fn put_jobs(&self, jobs: &[Job]) -> Result<Vec<JobId>> {
        let mut left_out = Vec::new();
        for job in jobs {
            let mut there = self.jobs.lock().unwrap();
            let key = |job: &Job| job.spec.key.clone().filter(|_| job.deleted_at.is_none());
            if key(job).is_some() && there.values().any(|other| other.id != job.id && key(other) == key(job)) {
                left_out.push(job.id);
            } else {
                there.insert(job.id, job.clone());
            }
        }
        let swap = self.swap.lock().unwrap().take();
        if let Some((store, old, new)) = swap {
            store.edit(old, None, Edit::Delete).await?;
            store.insert(vec![new]).await?;
        }
        Ok(left_out)
    }

    async fn remove_jobs(&self, ids: &[JobId]) -> Result<()> {
        self.jobs.lock().unwrap().retain(|id, _| !ids.contains(id));
        Ok(())
    }

    async fn put_settings(&self, _: &Settings) -> Result<()> {
        if self.fails_to_take_settings { Err(away()) } else { Ok(()) }
    }

    async fn open_up(&self, _: Uuid) -> MoveResult<()> {
        let fewer = |left: u32| left.checked_sub(1);
        if self.fails_to_open.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fewer).is_ok() {
            return Err(away().into());
        }
        self.is_open.store(true, Ordering::SeqCst);
        Ok(())
    }

    async fn put_history(&self, _: HistoryItems) -> Result<()> {
        Ok(())
    }

    async fn take_back(&self, _: Uuid) -> Result<()> {
        self.is_taken_back.store(true, Ordering::SeqCst);
        Ok(())
    }
}

#[async_trait]
impl Arriving for Target {
    async fn put_due(&self, jobs: &[Job]) -> Result<()> {
        self.put_jobs(jobs).await.map(drop)
    }
}

/// Moves, and stops that once such a step was told.
async fn run(from: &SqliteStore, to: &Target, stop_at: impl Fn(&Step<'_>) -> bool) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    let mover = Mover { from, to, from_name: "a file", to_name: "a database", stop: &stop };
    let tell = |step: &Step<'_>| {
        if stop_at(step) {
            stop.cancel();
        }
    };
    mover.run(tell).await
}

fn never(_: &Step<'_>) -> bool {
    false
}

async fn is_handed_over(from: &SqliteStore) -> bool {
    matches!(from.shut().await, Ok(Some(Shut::Leaving { for_good: true, .. })))
}

#[tokio::test]
async fn a_key_may_pass_to_another_job_during_the_first_copy() {
    let file = File::fresh();
    let from = &file.store;
    let jobs: Vec<NewJob> = (0..JOBS_PER_READ).map(|n| keyed(from, &n.to_string())).collect();
    let first = jobs[0].id;
    from.insert(jobs).await.expect("all are added");
    let swap = Mutex::new(Some((from.clone(), first, keyed(from, "0"))));
    let to = Target { swap, ..Target::default() };
    run(from, &to, never).await.expect("a move");
    let all = from.jobs_after(None, 1000).await.expect("all jobs");
    assert_eq!(all.len(), JOBS_PER_READ + 1);
    let all: HashMap<JobId, Job> = all.into_iter().map(|job| (job.id, job)).collect();
    assert_eq!(to.jobs.into_inner().unwrap(), all);
}

#[tokio::test]
async fn whoever_is_stopped_after_the_hand_over_opens_the_other_store() {
    let (file, to) = (File::fresh(), Target::default());
    let stopped = run(&file.store, &to, |step| matches!(step, Step::HandedOver { .. })).await;
    assert!(stopped.expect_err("it is stopped").is::<Stopped>());
    assert!(is_handed_over(&file.store).await && to.is_open.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_store_that_cannot_be_opened_now_is_opened_later() {
    let (file, to) = (File::fresh(), Target { fails_to_open: 2.into(), ..Target::default() });
    run(&file.store, &to, never).await.expect("a move");
    assert!(to.is_open.load(Ordering::SeqCst));

    let (file, to) = (File::fresh(), Target { fails_to_open: 2.into(), ..Target::default() });
    let stopped = run(&file.store, &to, |step| matches!(step, Step::NotOpened { .. })).await;
    let error = format!("{:#}", stopped.expect_err("it is stopped"));
    assert!(error.contains("nothing is called") && error.contains("an election"), "{error}");
    run(&file.store, &to, never).await.expect("it goes on");
    assert!(to.is_open.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_move_that_fails_is_taken_back_on_both_sides() {
    let (file, to) = (File::fresh(), Target { fails_to_take_settings: true, ..Target::default() });
    let error = run(&file.store, &to, never).await.expect_err("it fails").to_string();
    assert!(error.contains("an election"), "{error}");
    assert_eq!(file.store.shut().await.expect("an answer"), None);
    assert!(to.is_taken_back.load(Ordering::SeqCst) && !to.is_open.load(Ordering::SeqCst));
}
