//! Says once that the store is away or takes no writes, and once that it is back.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use naptime_store::Error;
use tokio::time::Instant;

/// How long no write may have been refused until the store counts as writable again. That reads succeed says nothing of
/// writes, and some writer tries again within half a second.
const NO_REFUSAL_FOR: Duration = Duration::from_secs(3);

/// Whether the store answers, as all parts of a worker see it together.
#[derive(Debug, Default)]
pub(crate) struct Outage(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    away: Option<Away>,
    /// When an operation last failed because the store was away.
    failed_at: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Away {
    since: Instant,
    /// When a write was last refused, if that is what is wrong.
    refused_at: Option<Instant>,
}

impl Outage {
    /// Notes what became of an operation, and passes it on. The first failure is logged, and the first success after.
    pub(crate) fn note<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if result.as_ref().is_err_and(Error::is_outage) {
            known.failed_at = Some(Instant::now());
        }
        let away = &mut known.away;
        match (&result, *away) {
            (Err(Error::Refused { refusal, detail }), known) => {
                let now = Instant::now();
                let since = known.map_or(now, |known| known.since);
                if known.is_none_or(|known| known.refused_at.is_none()) {
                    tracing::warn!(error = detail, "the store takes no writes: {refusal}; trying on");
                }
                *away = Some(Away { since, refused_at: Some(now) });
            }
            (Err(error @ Error::Unavailable(_)), None) => {
                *away = Some(Away { since: Instant::now(), refused_at: None });
                tracing::warn!(%error, "the store does not answer; trying on");
            }
            (Err(Error::Unavailable(_)), Some(_)) | (Ok(_), None) => {}
            (Ok(_), Some(Away { since, refused_at })) => {
                if refused_at.is_some_and(|at| at.elapsed() < NO_REFUSAL_FOR) {
                    return result;
                }
                *away = None;
                let seconds = since.elapsed().as_secs();
                match refused_at {
                    Some(_) => tracing::info!(seconds, "the store takes writes again"),
                    None => tracing::info!(seconds, "the store answers again"),
                }
            }
            // It answers, but not as it should.
            (Err(error), _) => tracing::error!(%error, "the store failed"),
        }
        result
    }

    /// When the store was last found to be away, if ever.
    pub(crate) fn last_away(&self) -> Option<Instant> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).failed_at
    }
}

/// The pause after a number of failures in a row: doubling from 25 ms, but never so long that work waits for it once
/// the store is back.
pub(crate) fn backoff(failures: u32) -> Duration {
    Duration::from_millis(25 << failures.min(5)).min(Duration::from_millis(500))
}
