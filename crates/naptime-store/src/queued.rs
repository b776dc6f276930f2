//! One-off jobs as people see and treat them: listed by stage, called again, cancelled.

use std::collections::BTreeMap;

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use naptime_core::{Change, Edit, Job, JobId, Rev, Schedule, Stage, Time};

use crate::{Error, JobSummary, Jobs, Page, PageRef, Result};

/// How many jobs are treated at the same time.
const AT_ONCE: usize = 32;

/// The most one-off jobs that are counted of those that match.
pub const MAX_COUNTED: u64 = 10_000;

/// The one-off jobs. What the web gets.
#[async_trait]
pub trait Queued: Jobs {
    /// A page of the one-off jobs that match, the newest first, to be read in both directions. Cancelled ones are among
    /// them.
    ///
    /// # Errors
    /// [`Error::BadCursor`].
    async fn queued(&self, query: &QueuedQuery, page: &PageRef) -> Result<Page<JobSummary>>;

    /// How many one-off jobs match, up to [`MAX_COUNTED`].
    async fn count_queued(&self, query: &QueuedQuery) -> Result<u64>;

    /// How many one-off jobs are in each stage, with an entry for every stage.
    async fn stages(&self) -> Result<BTreeMap<Stage, u64>>;

    /// Treats a one-off job, and returns it after that. `expect` is as in [`Jobs::edit`].
    ///
    /// # Errors
    /// Those of [`Treatment::edit`], and [`Error::Stale`].
    async fn treat(&self, id: JobId, expect: Option<Rev>, treatment: Treatment) -> Result<Job>;

    /// Treats each of these jobs, and returns how many were. A job that is gone or in another stage by now is passed over.
    ///
    /// # Errors
    /// If the store does not answer, some may have been treated.
    async fn treat_each(&self, ids: &[(JobId, Option<Rev>)], treatment: Treatment) -> Result<u64> {
        let treat = async |(id, expect): &(JobId, Option<Rev>)| match self.treat(*id, *expect, treatment).await {
            Ok(_) => Ok(1),
            Err(Error::NotFound | Error::Deleted | Error::Stale(_) | Error::WrongStage(_)) => Ok(0),
            Err(error) => Err(error),
        };
        let treated = stream::iter(ids).map(treat).buffer_unordered(AT_ONCE);
        treated.try_fold(0, async |sum, one| Ok(sum + one)).await
    }

    /// Treats those on one page of a list. A job that has left the stages of `query` meanwhile, or that somebody else
    /// treated first, is passed over.
    ///
    /// # Errors
    /// [`Error::BadCursor`]. If the store does not answer, some may have been treated.
    async fn treat_all(&self, query: &QueuedQuery, treatment: Treatment, page: &PageRef) -> Result<Treated> {
        let found = self.queued(query, page).await?;
        let ids: Vec<_> = found.items.iter().map(|job| (job.id, Some(job.rev))).collect();
        Ok(Treated { count: self.treat_each(&ids, treatment).await?, next: found.next })
    }
}

/// Which one-off jobs to list. What is not set does not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueuedQuery {
    /// The stages; none: all.
    pub stages: Vec<Stage>,
    /// Words, each of which URL, name or a tag holds, in any case and order.
    pub q: Option<String>,
    /// The pool.
    pub pool: Option<String>,
    /// A tag, exactly.
    pub tag: Option<String>,
}

/// What people do about one-off jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// Call it now, as if it were new: after it failed, or once more after it was done.
    Retry,
    /// Don't call it any more. A call under way goes on, and is recorded.
    Cancel,
}

impl Treatment {
    /// Whether a job in this stage can be treated so.
    pub fn suits(self, stage: Stage) -> bool {
        match self {
            Self::Retry => matches!(stage, Stage::Failed | Stage::Done),
            Self::Cancel => matches!(stage, Stage::Waiting | Stage::Running | Stage::Retrying),
        }
    }

    /// The edit that does it to `job` at `now`.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it is no one-off job, [`Error::Deleted`] if it is cancelled already,
    /// [`Error::WrongStage`] in other stages that it does not suit.
    pub fn edit(self, job: &Job, now: Time) -> Result<Edit> {
        match job.stage() {
            None => Err(Error::NotFound),
            Some(Stage::Cancelled) => Err(Error::Deleted),
            Some(stage) if !self.suits(stage) => Err(Error::WrongStage(stage)),
            Some(_) => Ok(match self {
                Self::Cancel => Edit::Delete,
                Self::Retry => {
                    Edit::Change(Change { active: Some(true), ..Change::schedule(Schedule::Once { at: now }) })
                }
            }),
        }
    }
}

/// What became of a page of jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Treated {
    /// How many were treated.
    pub count: u64,
    /// The cursor of the next page; none if this was the last.
    pub next: Option<String>,
}
