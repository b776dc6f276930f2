//! Memory for the bodies of all requests together. A request holds its share until it is answered.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// What all bodies together may take.
const BYTES: usize = 64 * 1024 * 1024;
/// How long a request waits for its share, so that a moment's rush is not refused.
const WAIT: Duration = Duration::from_secs(5);
/// What is counted: no body takes less.
const UNIT_BYTES: usize = 1024;

/// What is left for bodies.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    units: Arc<Semaphore>,
    wait: Duration,
}

/// The share of one request.
#[derive(Clone, Debug)]
pub(crate) struct Share {
    budget: Budget,
    held: Arc<Mutex<Option<OwnedSemaphorePermit>>>,
}

/// Other bodies take all there is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Exhausted;

impl Budget {
    /// The budget of a web.
    pub(crate) fn whole() -> Self {
        Self::of(BYTES, WAIT)
    }

    /// So many bytes, for which requests wait at most so long.
    pub(crate) fn of(bytes: usize, wait: Duration) -> Self {
        Self { units: Arc::new(Semaphore::new(bytes / UNIT_BYTES)), wait }
    }

    /// The share of a new request, which holds nothing yet.
    pub(crate) fn share(&self) -> Share {
        Share { budget: self.clone(), held: Arc::default() }
    }
}

impl Share {
    /// Holds so many bytes more. Waits a while for other requests to end.
    pub(crate) async fn take(&self, bytes: usize) -> Result<(), Exhausted> {
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).map_err(|_| Exhausted)?;
        let taken = timeout(self.budget.wait, self.budget.units.clone().acquire_many_owned(units)).await;
        let taken = taken.map_err(|_| Exhausted)?.map_err(|_| Exhausted)?;
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match held.as_mut() {
            Some(held) => held.merge(taken),
            None => *held = Some(taken),
        }
        Ok(())
    }
}

/// Gives each request a share, which ends with the request.
pub(crate) async fn share(State(budget): State<Budget>, mut request: Request, next: Next) -> Response {
    let share = budget.share();
    request.extensions_mut().insert(share.clone());
    let response = next.run(request).await;
    drop(share);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_over_waits_and_then_is_refused() {
        let short = Budget::of(10 * UNIT_BYTES, Duration::from_millis(10));
        let first = short.share();
        first.take(1).await.unwrap();
        first.take(8 * UNIT_BYTES).await.unwrap();
        assert_eq!(short.share().take(2 * UNIT_BYTES).await, Err(Exhausted));
        short.share().take(UNIT_BYTES).await.unwrap();

        let long = Budget::of(10 * UNIT_BYTES, Duration::from_secs(60));
        let (first, second) = (long.share(), long.share());
        first.take(9 * UNIT_BYTES).await.unwrap();
        let waiting = tokio::spawn(async move { second.take(2 * UNIT_BYTES).await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(first);
        waiting.await.unwrap().unwrap();
    }
}
