//! The store as the parts of a worker reach it.

use std::ops::Deref;
use std::sync::Arc;

use naptime_core::Time;
use naptime_store::{Result, WorkStore};

use crate::outage::Outage;

/// The store, and whether it answers. Clones share that.
#[derive(Clone)]
pub(crate) struct Link {
    store: Arc<dyn WorkStore>,
    outage: Arc<Outage>,
}

impl Link {
    pub(crate) fn new(store: Arc<dyn WorkStore>) -> Self {
        Self { store, outage: Arc::default() }
    }

    /// The answer to a request. If it is the first that failed, or the first that did not after that, the log says so.
    pub(crate) async fn noted<T>(&self, request: impl Future<Output = Result<T>>) -> Result<T> {
        self.outage.note(request.await)
    }

    /// Whether the store was away at `time`, by its clock, or later.
    pub(crate) fn was_away_since(&self, time: Time) -> bool {
        self.outage.last_away().is_some_and(|at| self.store.now() - at.elapsed() >= time)
    }

    /// Notes a failure. What became of requests that say nothing of whether the store answers is not noted otherwise.
    pub(crate) fn note_failure(&self, error: naptime_store::Error) {
        let _ = self.outage.note(Err::<(), _>(error));
    }
}

impl Deref for Link {
    type Target = dyn WorkStore;

    fn deref(&self) -> &Self::Target {
        self.store.as_ref()
    }
}
