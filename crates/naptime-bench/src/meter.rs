//! CPU time of workers and database between two moments.

use std::time::{Duration, Instant};

use naptime_prove::{cpu_of_all, cpu_of_family};

/// CPU times at one moment.
pub struct Meter {
    at: Instant,
    workers: Duration,
    database: Duration,
    own: Duration,
    all: Duration,
}

/// CPU time between two moments.
#[derive(Clone, Copy, Debug, Default)]
pub struct Used {
    /// Of all workers, in microseconds per call.
    pub workers_us: f64,
    /// Of the database, in microseconds per call.
    pub database_us: f64,
    /// Cores that other users of this machine kept busy. They disturb the measurement.
    pub strangers: f64,
}

impl Meter {
    /// Reads the CPU times of these processes and their descendants.
    pub fn read(workers: &[u32], database: u32) -> Self {
        Self {
            at: Instant::now(),
            workers: workers.iter().copied().map(cpu_of_family).sum(),
            database: cpu_of_family(database),
            // The target is on a thread of this process.
            own: cpu_of_family(std::process::id()),
            all: cpu_of_all(),
        }
    }

    /// The CPU time from this moment to `to`, in which so many `calls` were made.
    pub fn until(&self, to: &Self, calls: f64) -> Used {
        let used = |of: fn(&Self) -> Duration| of(to).saturating_sub(of(self)).as_secs_f64();
        // Workers and database are descendants of this process.
        let strangers = (used(|it| it.all) - used(|it| it.own)).max(0.0);
        Used {
            workers_us: used(|it| it.workers) * 1e6 / calls.max(1.0),
            database_us: used(|it| it.database) * 1e6 / calls.max(1.0),
            strangers: strangers / (to.at - self.at).as_secs_f64().max(0.001),
        }
    }
}
