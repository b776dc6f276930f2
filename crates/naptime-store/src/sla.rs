//! Whether endpoints are called well as often as was promised.
//!
//! What ends a breach writes it: a settle ([`Queue::settle`](crate::Queue::settle)) or an edit
//! ([`Jobs::edit`](crate::Jobs::edit)), together with the sums of [`naptime_core::standing`]. What lasts is read off the
//! jobs.

use async_trait::async_trait;
use naptime_core::{Breach, Job, JobId, Standing};

use crate::{Clock, JobSummary, Page, PageRef, Result};

/// SLAs as people look at them. What the web gets.
#[async_trait]
pub trait Slas: Clock {
    /// How all endpoints with an SLA stand together. It reads one index entry of each.
    async fn standing(&self) -> Result<Standing>;

    /// How this one stands; none if no promise runs.
    async fn standing_of(&self, job: &Job) -> Result<Option<Standing>>;

    /// A page of the breaches that last, the longest first.
    ///
    /// # Errors
    /// [`Error::BadCursor`](crate::Error::BadCursor).
    async fn in_breach(&self, page: &PageRef) -> Result<Page<Breached>>;

    /// A page of the breaches that have ended, of this job or of all, the last to end first. They are kept as long as
    /// runs are.
    ///
    /// # Errors
    /// [`Error::BadCursor`](crate::Error::BadCursor).
    async fn breaches(&self, job: Option<JobId>, page: &PageRef) -> Result<Page<Breached>>;
}

/// A breach, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breached {
    /// The breach.
    pub breach: Breach,
    /// The job; none if it is there no more.
    pub job: Option<JobSummary>,
}
