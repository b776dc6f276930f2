//! What the capacity plan is made from.

use std::time::Duration;

use async_trait::async_trait;
use naptime_core::{Pool, Schedule, Time};

use crate::{Page, PageRef, Result};

/// The most late jobs that are counted.
pub const MOST_LATE: u64 = 10_000;

/// A job that is switched on, as the plan sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueWork {
    /// When it is due.
    pub schedule: Schedule,
    /// When it is next due.
    pub due: Time,
    /// Its pool, if that is limited or switched off.
    pub gate: Option<Pool>,
}

/// Due work, added up by whoever asks. What the web gets.
#[async_trait]
pub trait Planning: Send + Sync {
    /// A page of the jobs that something is due of, recurring and one-off, in no order that means anything.
    ///
    /// # Errors
    /// [`Error::BadCursor`](crate::Error::BadCursor).
    async fn due_work(&self, page: &PageRef) -> Result<Page<DueWork>>;

    /// How many jobs could have been claimed for longer than `by`, up to [`MOST_LATE`]. Pools that are limited or
    /// switched off do not count: what waits there waits for its turn.
    async fn late(&self, by: Duration) -> Result<u64>;
}
