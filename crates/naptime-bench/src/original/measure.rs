//! The original's workers under the loads of `naptime prove`: each load on a database of its own, judged by its target.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use mongodb::Database;
use naptime_core::Time;
use naptime_prove::{Arrival, Clock, Lag, Target, WarmUp};
use naptime_tests::mongo::ReplicaSet;
use naptime_tests::process::Process;

use super::fill;
use crate::meter::{Meter, Used};

/// The period of an endpoint that recurs.
const EVERY: Duration = Duration::from_secs(1);
/// The time to start workers and to add jobs before a backlog is due: so much, and so much for each job.
const AHEAD: (Duration, Duration) = (Duration::from_secs(2), Duration::from_micros(500));
/// The pause between two looks at the target.
const LOOK: Duration = Duration::from_millis(20);

/// The original's workers, to be measured.
#[derive(Clone, Copy)]
pub struct Original<'a> {
    /// The program `original`.
    pub program: &'a Path,
    /// The server that its databases are made on.
    pub mongo: &'a ReplicaSet,
    /// How many worker processes.
    pub workers: usize,
}

/// What was measured.
#[derive(Debug)]
pub struct Measured {
    /// Calls per second within the time watched.
    pub calls_per_second: f64,
    /// How late calls were that were due within that time.
    pub lag: Lag,
    /// What was used for them.
    pub used: Used,
}

impl Original<'_> {
    /// Has so many endpoints called every second, and watches them for a while.
    ///
    /// # Errors
    /// If the database fails, or a worker ends.
    pub async fn recurring(self, endpoints: usize, window: Duration) -> Result<Measured> {
        let mut site = Site::new(self).await?;
        let start = now_us();
        let spread = |at: usize| time(start) + EVERY.mul_f64(at as f64 / endpoints as f64);
        let due: Vec<Time> = (0..endpoints).map(spread).collect();
        fill(&site.db, &site.target, Some(EVERY), &due).await?;
        site.start(self);
        site.warm_up().await?;
        let (before, from_us) = (site.meter(), now_us());
        site.wait(window).await?;
        let (after, to_us) = (site.meter(), now_us());
        site.measured((&before, &after), (from_us, to_us)).await
    }

    /// Has so many jobs called once that are all due at the same time, and watches them until all are called, or for
    /// `limit`.
    ///
    /// # Errors
    /// If the database fails or is too slow, or a worker ends.
    pub async fn backlog(self, jobs: usize, limit: Duration) -> Result<Measured> {
        let mut site = Site::new(self).await?;
        site.start(self);
        let at = time(now_us()) + AHEAD.0 + AHEAD.1 * u32::try_from(jobs).unwrap_or(u32::MAX);
        fill(&site.db, &site.target, None, &vec![at; jobs]).await?;
        let ahead = at.since(time(now_us()));
        ensure!(!ahead.is_zero(), "it took too long to add {jobs} jobs");
        site.wait(ahead).await?;
        let (before, start) = (site.meter(), Instant::now());
        while site.target.count() < jobs && start.elapsed() < limit {
            site.wait(LOOK).await?;
        }
        let after = site.meter();
        let from_us = at.millis() * 1000;
        let last_us = site.target.since(0).iter().map(|call| call.at_us).max().unwrap_or(from_us);
        site.measured((&before, &after), (from_us, last_us + 1)).await
    }
}

/// Workers on a database, and what they call.
struct Site {
    workers: Vec<Process>,
    uri: String,
    db: Database,
    mongod: u32,
    target: Target,
}

impl Site {
    async fn new(original: Original<'_>) -> Result<Self> {
        let target = Target::start(Duration::ZERO, Clock::default())?;
        let database = original.mongo.fresh_database();
        let mongod = original.mongo.pid(0);
        Ok(Self { workers: Vec::new(), db: database.open().await, uri: database.uri, mongod, target })
    }

    fn start(&mut self, original: Original<'_>) {
        let worker = || Process::spawn("the original", original.program, [&self.uri], &[]);
        self.workers = (0..original.workers).map(|_| worker()).collect();
    }

    /// Waits until calls come in time: connections are made, the first burst is over.
    async fn warm_up(&self) -> Result<()> {
        let mut warm_up = WarmUp::begin();
        while !warm_up.is_over(&self.target) {
            self.wait(LOOK).await?;
        }
        Ok(())
    }

    /// Waits, and fails if a worker has ended meanwhile.
    async fn wait(&self, time: Duration) -> Result<()> {
        tokio::time::sleep(time).await;
        match self.workers.iter().find_map(Process::exited) {
            Some(status) => {
                let output: String = self.workers.iter().map(Process::output).collect();
                bail!("a worker of the original ended with {status}:\n{output}")
            }
            None => Ok(()),
        }
    }

    fn meter(&self) -> Meter {
        let workers: Vec<u32> = self.workers.iter().map(Process::pid).collect();
        Meter::read(&workers, self.mongod)
    }

    /// Judges the calls that came within `from_us <= at < to_us`. The workers have ended then, and their database is
    /// dropped, so that it is no burden to what is measured next.
    async fn measured(self, (before, after): (&Meter, &Meter), (from_us, to_us): (i64, i64)) -> Result<Measured> {
        drop(self.workers);
        self.db.drop().await?;
        let is_within = |at_us: i64| (from_us..to_us).contains(&at_us);
        let arrivals = self.target.since(0);
        let calls = arrivals.iter().filter(|call| is_within(call.at_us)).count() as f64;
        let was_due = |call: &&Arrival| is_within(call.due.millis() * 1000);
        Ok(Measured {
            calls_per_second: calls * 1e6 / (to_us - from_us) as f64,
            lag: Lag::of(arrivals.iter().filter(was_due)),
            used: before.until(after, calls),
        })
    }
}

fn now_us() -> i64 {
    Clock::default().now_us()
}

fn time(at_us: i64) -> Time {
    Time::from_millis(at_us.div_euclid(1000))
}
