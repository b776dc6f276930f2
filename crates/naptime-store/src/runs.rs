//! Runs as people look at them. Workers record them as they settle.

use async_trait::async_trait;
use naptime_core::{JobId, KeptAnswer, Run, Time, Token};

use crate::latest::RunQuery;
use crate::{Page, PageRef, Result};

/// The most runs kept of one job, whatever the retention time.
pub const MAX_RUNS: u64 = 10_000;

/// What was called, and what was answered. What the web gets.
#[async_trait]
pub trait Runs: Send + Sync {
    /// A page of a job's runs, newest first.
    ///
    /// # Errors
    /// [`Error::BadCursor`](crate::Error::BadCursor).
    async fn runs(&self, job: JobId, page: &PageRef) -> Result<Page<Run>>;

    /// One run of a job.
    async fn run(&self, job: JobId, run: Token) -> Result<Option<Run>>;

    /// A page of the runs of all jobs that match, the last to end first. It may have less than a page holds, and others
    /// still follow: no more than [`MAX_SEARCHED`](crate::latest::MAX_SEARCHED) runs are looked through for it.
    ///
    /// # Errors
    /// [`Error::BadCursor`](crate::Error::BadCursor).
    async fn all_runs(&self, query: &RunQuery, page: &PageRef) -> Result<Page<Run>>;

    /// What was answered to a run, if that is kept.
    async fn answer(&self, job: JobId, run: Token) -> Result<Option<KeptAnswer>>;

    /// The latest answer that is kept of a job, to a call that ended well, and before `before`.
    async fn good_answer(&self, job: JobId, before: Time) -> Result<Option<KeptAnswer>>;
}
