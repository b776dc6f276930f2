//! What happened: runs, load, workers.

use async_trait::async_trait;
use naptime_core::load::Load;
use naptime_core::worker::Worker;
use naptime_core::{JobId, Run, Tier, Time};

use crate::{Page, PageRef, Result};

/// The most runs kept of one job, whatever the retention time.
pub const MAX_RUNS: u64 = 10_000;

/// What happened. Written by workers, read by the web.
#[async_trait]
pub trait History: Send + Sync {
    /// A page of a job's runs, newest first.
    ///
    /// # Errors
    /// [`Error::BadCursor`](crate::Error::BadCursor).
    async fn runs(&self, job: JobId, page: &PageRef) -> Result<Page<Run>>;

    /// Adds figures to the rows of their minute, ten minutes and hour.
    async fn add_load(&self, load: &[Load]) -> Result<()>;

    /// The rows of a tier with `from <= at < to`.
    async fn load(&self, tier: Tier, from: Time, to: Time) -> Result<Vec<Load>>;

    /// The workers heard of within the last day, the living first, then by start.
    async fn workers(&self) -> Result<Vec<Worker>>;

    /// Removes what is older than it is kept: runs and deleted jobs, rows of load, workers long gone. Runs that lie ahead,
    /// because the store's clock was wrong, are moved back; figures and breaches that do are removed.
    async fn purge(&self) -> Result<()>;
}
