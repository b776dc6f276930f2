//! The store in memory, for the deterministic simulator and for tests of the worker's loops. It is never a product:
//! nothing outlives the process.
//!
//! What a claim, a settle or an edit does to a job is decided in [`naptime_core`]. The modules here keep the results,
//! and the indexes by which they are found.
//!
//! # What is guaranteed
//!
//! The same operations, in the same order and at the same times, have the same results. No operation draws a random
//! number, starts a thread or a timer, or walks a hash map. Each operation does its work at once, under one lock and
//! without an `await`, so it is atomic and takes no virtual time.
//!
//! The time is that of [`tokio::time::Instant`], which obeys a clock that a test has paused.

#![cfg(feature = "memory")]

mod answers;
mod clock;
mod due;
mod gates;
mod history;
mod jobs;
mod list;
mod plan;
mod pools;
mod queue;
mod queued;
mod records;
mod repairs;
mod rules;
mod runs;
mod sessions;
mod sla;
mod states;
mod table;
mod troubles;
mod workers;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use naptime_core::load::Figures;
use naptime_core::{Check, Job, JobId, Pool, Run, Settled, Tier, Time, WorkerId};
use tokio::sync::Notify;

use crate::{Clock, Error, Moves, Probe, Refusal, Result, Shut};
pub use gates::HeldPass;

/// The store. Clones are handles on the same one.
#[derive(Clone)]
pub struct MemoryStore {
    inner: Arc<Inner>,
}

struct Inner {
    clock: clock::MovableClock,
    state: Mutex<State>,
    woken: Notify,
}

/// Everything that is stored.
struct State {
    retention: Duration,
    /// Why nothing is done for workers, if so.
    refusal: Option<Refusal>,
    /// The latest time that any operation saw.
    seen: Time,
    jobs: table::JobTable,
    runs: runs::Runs,
    answers: answers::Answers,
    load: BTreeMap<(Tier, Time, WorkerId), Figures>,
    total: Figures,
    workers: workers::Workers,
    pools: pools::PoolTable,
    sla: sla::SlaTable,
    rules: rules::RuleTable,
    records: records::RecordTable,
    sessions: sessions::SessionTable,
    /// How often work came that workers may not have foreseen.
    wakes: u64,
}

impl MemoryStore {
    /// An empty store whose time now is `start`. Runs, breaches and deleted jobs are kept for `retention`.
    ///
    /// A clock that shows a time before 2026 counts as wrong, so `start` is to be later.
    pub fn new(start: Time, retention: Duration) -> Self {
        let state = State {
            retention,
            refusal: None,
            seen: start,
            jobs: table::JobTable::default(),
            runs: runs::Runs::default(),
            answers: answers::Answers::default(),
            load: BTreeMap::new(),
            total: Figures::default(),
            workers: workers::Workers::default(),
            pools: pools::PoolTable::default(),
            sla: sla::SlaTable::default(),
            rules: rules::RuleTable::default(),
            records: records::RecordTable::default(),
            sessions: sessions::SessionTable::default(),
            wakes: 0,
        };
        let (clock, woken) = (clock::MovableClock::new(start), Notify::new());
        Self { inner: Arc::new(Inner { clock, state: Mutex::new(state), woken }) }
    }

    /// Wakes all workers.
    fn wake_up(&self) {
        self.with(|state, _| state.wakes += 1);
        self.inner.woken.notify_waiters();
    }

    /// Moves the store's time forward by whole milliseconds, beside the time that passes.
    pub fn advance(&self, by: Duration) {
        self.inner.clock.advance(by);
    }

    /// Sets the store's clock back by whole milliseconds, as when it was wrong.
    pub fn set_back(&self, by: Duration) {
        self.inner.clock.set_back(by);
    }

    /// The job of this id, deleted ones included. Nothing is copied.
    pub fn job(&self, id: JobId) -> Option<Arc<Job>> {
        self.with(|state, _| state.jobs.get(id).cloned())
    }

    /// All jobs by their ids, deleted ones included. Nothing is copied.
    pub fn jobs(&self) -> Vec<Arc<Job>> {
        self.with(|state, _| state.jobs.all().cloned().collect())
    }

    /// All runs of a job, the first to start first.
    pub fn runs_of(&self, id: JobId) -> Vec<Run> {
        self.with(|state, _| state.runs.of(id).cloned().collect())
    }

    /// The passes of a pool that are held now, by their ids.
    pub fn passes_of(&self, pool: &Pool) -> Vec<HeldPass> {
        self.with(|state, now| state.pools.passes_of(pool, now))
    }

    /// Does the first half of a settle, which records the runs: as where a store is cut off between its two writes.
    pub fn record_runs(&self, done: &[Settled]) {
        self.with(|state, _| state.record_runs(done));
    }

    /// From now on, whatever workers ask of the store is refused; none: not any more.
    pub fn refuse(&self, refusal: Option<Refusal>) {
        self.with(|state, _| state.refusal = refusal);
    }

    /// Does `work` as one step, unless it is refused.
    fn try_with<T>(&self, work: impl FnOnce(&mut State, Time) -> T) -> Result<T> {
        self.with(|state, now| match state.refusal {
            Some(refusal) => Err(Error::Refused { refusal, detail: "as was asked for".to_owned() }),
            None => Ok(work(state, now)),
        })
    }

    /// Does `work` as one step. The store's time is read under the lock, so no step has an earlier time than the step
    /// before it, unless the clock is set back.
    fn with<T>(&self, work: impl FnOnce(&mut State, Time) -> T) -> T {
        let mut state = self.inner.state.lock().expect("no operation panics while it holds the lock");
        let now = self.inner.clock.now();
        state.seen = state.seen.max(now);
        work(&mut state, now)
    }
}

impl Clock for MemoryStore {
    fn now(&self) -> Time {
        self.inner.clock.now()
    }

    fn until(&self, at: Time) -> Duration {
        self.inner.clock.until(at)
    }
}

#[async_trait]
impl Probe for MemoryStore {
    async fn probe(&self) -> Result<()> {
        Ok(())
    }

    async fn examine(&self) -> Vec<Check> {
        vec![Check::warn("database", "the database is in memory alone", "use another one: this is for tests")]
    }
}

/// Everything in memory goes with its process, so nobody moves it.
#[async_trait]
impl Moves for MemoryStore {
    async fn shut(&self) -> Result<Option<Shut>> {
        Ok(None)
    }
}
