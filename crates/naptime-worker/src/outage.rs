//! Says once that the store is away, and once that it is back.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use naptime_store::Error;

/// Whether the store answers, as all parts of a worker see it together.
#[derive(Debug, Default)]
pub(crate) struct Outage(Mutex<Option<Instant>>);

impl Outage {
    /// Notes what became of an operation, and passes it on. The first failure is logged, and the first success after.
    pub(crate) fn note<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match (&result, *since) {
            (Err(error @ Error::Unavailable(_)), None) => {
                *since = Some(Instant::now());
                tracing::warn!(%error, "the store does not answer; trying on");
            }
            (Ok(_), Some(start)) => {
                *since = None;
                tracing::info!(seconds = start.elapsed().as_secs(), "the store answers again");
            }
            (Err(Error::Unavailable(_)), Some(_)) | (Ok(_), None) => {}
            // It answers, but not as it should.
            (Err(error), _) => tracing::error!(%error, "the store failed"),
        }
        result
    }
}

/// The pause after a number of failures in a row: doubling from 25 ms, but never so long that work waits for it once
/// the store is back.
pub(crate) fn backoff(failures: u32) -> Duration {
    Duration::from_millis(25 << failures.min(5)).min(Duration::from_millis(500))
}
