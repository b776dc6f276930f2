//! What Naptime asks of a store, and the suite that every store must pass.
//!
//! The traits are narrow on purpose: the web cannot claim, and a worker cannot edit but in the name of a target
//! ([`Steering`]). What a claim, a settle or an edit does to a job is decided in [`naptime_core`]; a store carries it
//! out atomically.

#![warn(missing_docs)]

pub mod conformance;
pub mod plan;
pub mod pools;
mod queued;
pub mod rules;
pub mod sla;
pub mod steering;

use std::time::Duration;

use async_trait::async_trait;
use naptime_core::load::Load;
use naptime_core::worker::Worker;
use naptime_core::{
    Claim, ClaimRef, Edit, Endpoint, Heartbeat, Job, JobId, Method, NewJob, Partition, Pool, Rev, Run, Schedule, Settled,
    Stage, Tier, Time, Token, WorkerId,
};

pub use plan::Planning;
pub use pools::{Freed, Gates, Passes, PoolSummary, Pools, Take};
pub use queued::{Queued, QueuedQuery, Treated, Treatment};
pub use rules::{Expect, Rules, StoredRule};
pub use sla::{Breached, Slas};
pub use steering::Steering;

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such job (any more).
    #[error("there is no such job")]
    NotFound,
    /// The job is deleted; it can be looked at and restored.
    #[error("the job is deleted")]
    Deleted,
    /// The job has been edited since the revision that was expected.
    #[error("the job has been edited meanwhile; it is at revision {}", .0.0)]
    Stale(Rev),
    /// A one-off job in this stage cannot be treated so.
    #[error("the job is {}", .0.as_str())]
    WrongStage(Stage),
    /// A deleted job cannot be restored while another has its key.
    #[error("another job has the key of this one")]
    KeyTaken,
    /// There are as many rules as there may be.
    #[error("there are too many rules")]
    TooManyRules,
    /// A cursor that this store did not hand out.
    #[error("the cursor is not one of ours")]
    BadCursor,
    /// The store did not answer, or not with success. Whether the operation happened is unknown. The text is for the
    /// log, not for users.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// The store holds something that this version cannot read. The text is for the log.
    #[error("the store holds what cannot be read: {0}")]
    Corrupt(String),
}

/// The result of a store's operation.
pub type Result<T> = std::result::Result<T, Error>;

/// The time that counts: the store's.
pub trait Clock: Send + Sync {
    /// A lower bound of the store's time now, so that what waits for it is never early. It costs nothing: it is
    /// computed from the time last received.
    fn now(&self) -> Time;
}

/// Jobs as people see and edit them. What the web gets.
#[async_trait]
pub trait Jobs: Clock {
    /// Adds jobs, each by itself, and says in their order what became of them. Of those with the same key the first is
    /// added.
    ///
    /// If it fails, some may have been added. To repeat it is harmless: a job whose id is there is not added again.
    async fn insert(&self, new: Vec<NewJob>) -> Result<Vec<Added>>;

    /// The job of this id, deleted ones included.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    async fn get(&self, id: JobId) -> Result<Job>;

    /// A page of the endpoints (the recurring jobs) that match: by URL, or deleted ones, the last deleted first.
    ///
    /// # Errors
    /// [`Error::BadCursor`].
    async fn list(&self, query: &JobQuery, page: &PageRef) -> Result<Page<JobSummary>>;

    /// How many endpoints (recurring jobs) there are that are not deleted.
    async fn count(&self) -> Result<JobCount>;

    /// Carries out an edit as [`Job::edit`] says, and returns the job after it. `expect` is the revision that the
    /// editor saw; without one the edit is made whatever the revision.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Deleted`], [`Error::Stale`], [`Error::KeyTaken`].
    async fn edit(&self, id: JobId, expect: Option<Rev>, edit: Edit) -> Result<Job>;
}

/// What became of a job that was to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Added {
    /// It was added, now or by an earlier try.
    New(Job),
    /// It was not, for this job, which is not deleted, has its key.
    Existing(Job),
}

impl Added {
    /// The job that is there now.
    pub fn into_job(self) -> Job {
        match self {
            Self::New(job) | Self::Existing(job) => job,
        }
    }
}

/// Which endpoints to list. What is not set does not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobQuery {
    /// A text that URL, name or a tag holds, in any case.
    pub q: Option<String>,
    /// The URL, exactly.
    pub url: Option<Endpoint>,
    /// The pool.
    pub pool: Option<String>,
    /// A tag, exactly.
    pub tag: Option<String>,
    /// Whether it is switched on.
    pub active: Option<bool>,
    /// Those that are deleted, in place of those that are not: the last deleted first.
    pub deleted: bool,
}

/// Which page of a list: the next `limit` items after `cursor`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRef {
    /// The most items.
    pub limit: usize,
    /// Where the page before this one ended; none for the first.
    pub cursor: Option<String>,
}

impl PageRef {
    /// The first `limit` items.
    pub fn first(limit: usize) -> Self {
        Self { limit, cursor: None }
    }
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// The cursor of the next page; none if this is the last.
    pub next: Option<String>,
}

/// A job as a list shows it: without the body and headers, which may be large.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The fields are those of `Job`, `Spec` and `State`.
pub struct JobSummary {
    pub id: JobId,
    pub endpoint: Endpoint,
    pub method: Method,
    pub schedule: Schedule,
    pub sla: Option<Duration>,
    pub name: String,
    pub tags: Vec<String>,
    pub active: bool,
    pub rev: Rev,
    pub created_at: Time,
    pub updated_at: Time,
    pub due: Option<Time>,
    /// Whether a worker holds it.
    pub held: bool,
    pub last: Option<naptime_core::Last>,
    pub last_ok: Option<Time>,
    /// How it stands to its SLA.
    pub watch: Option<naptime_core::Watch>,
    /// Of a one-off job.
    pub stage: Option<Stage>,
    pub key: Option<String>,
    pub claim_at: Option<Time>,
    pub attempt: u32,
    /// The most attempts.
    pub attempts: u32,
    pub ended_at: Option<Time>,
    pub deleted_at: Option<Time>,
}

impl From<Job> for JobSummary {
    fn from(job: Job) -> Self {
        Self {
            stage: job.stage(),
            key: job.spec.key,
            claim_at: job.state.claim_at,
            attempt: job.state.attempt,
            attempts: job.spec.retry.attempts,
            ended_at: job.state.ended_at,
            deleted_at: job.deleted_at,
            id: job.id,
            endpoint: job.spec.endpoint,
            method: job.spec.request.method,
            schedule: job.spec.schedule,
            sla: job.spec.sla,
            name: job.spec.name,
            tags: job.spec.tags,
            active: job.active,
            rev: job.rev,
            created_at: job.created_at,
            updated_at: job.updated_at,
            due: job.state.due,
            held: job.state.lock.is_some(),
            last: job.state.last,
            last_ok: job.state.last_ok,
            watch: job.state.watch,
        }
    }
}

/// How many jobs there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobCount {
    /// All that are not deleted.
    pub total: u64,
    /// Those of them that are switched on.
    pub active: u64,
}

/// Due work as workers see it. What a worker gets.
#[async_trait]
pub trait Queue: Clock {
    /// Claims due jobs as [`Job::claim`] says. When this returns, the claims are acknowledged by a majority. For
    /// claims of jobs that were claimed before and never settled, the lost runs are recorded.
    async fn claim(&self, want: &Want) -> Result<Taken>;

    /// Prolongs the leases of these claims, and returns those that are no longer held.
    async fn renew(&self, held: &[ClaimRef]) -> Result<Vec<ClaimRef>>;

    /// Ends claims as [`Job::settle`] says: first the runs are recorded, then the jobs are set free. It may be repeated
    /// any number of times, and must be until it succeeds.
    async fn settle(&self, done: &[Settled]) -> Result<()>;

    /// Says that this worker lives, and returns those who do.
    async fn beat(&self, me: &Heartbeat) -> Result<Vec<WorkerId>>;

    /// Says that this worker ends, so that nobody waits for its heartbeat.
    async fn leave(&self, me: WorkerId) -> Result<()>;
}

/// What a worker wants to claim.
#[derive(Clone, Debug)]
pub struct Want {
    /// Who wants it.
    pub worker: WorkerId,
    /// The token of these claims: a fresh one each time.
    pub token: Token,
    /// The most jobs.
    pub slots: usize,
    /// The most bytes that the requests of these jobs may take together: room for at least one of the largest.
    pub bytes: usize,
    /// The partitions to look at.
    pub partitions: Vec<Partition>,
    /// How late a job must be: zero for a worker's home partitions.
    pub late: Duration,
    /// How far ahead to claim.
    pub lookahead: Duration,
    /// If set: jobs of this gated pool, whatever their partitions, and no others. If not: jobs of no gated pool.
    pub gate: Option<Pool>,
}

/// What was claimed.
#[derive(Debug, Default)]
pub struct Taken {
    /// The claims.
    pub claims: Vec<Claim>,
    /// When the next job of these partitions can be claimed, as far as known; none if there is nothing further in
    /// sight. May be in the past: there is more than was taken.
    pub next: Option<Time>,
}

/// What happened. Written by workers, read by the web.
#[async_trait]
pub trait History: Send + Sync {
    /// A page of a job's runs, newest first.
    ///
    /// # Errors
    /// [`Error::BadCursor`].
    async fn runs(&self, job: JobId, page: &PageRef) -> Result<Page<Run>>;

    /// Adds figures to the rows of their minute, ten minutes and hour.
    async fn add_load(&self, load: &[Load]) -> Result<()>;

    /// The rows of a tier with `from <= at < to`.
    async fn load(&self, tier: Tier, from: Time, to: Time) -> Result<Vec<Load>>;

    /// The workers heard of within the last day, the living first, then by start.
    async fn workers(&self) -> Result<Vec<Worker>>;

    /// Removes what is older than it is kept: runs and deleted jobs, rows of load, workers long gone.
    async fn purge(&self) -> Result<()>;
}

/// Everything the web needs.
pub trait WebStore: Jobs + Queued + History + Planning + Slas + Pools + Rules {}
impl<T: Jobs + Queued + History + Planning + Slas + Pools + Rules> WebStore for T {}

/// Everything a worker needs.
pub trait WorkStore: Queue + History + Steering + Gates {}
impl<T: Queue + History + Steering + Gates> WorkStore for T {}

/// Everything a store can do, for whoever holds both ends: a process with web and worker, and the conformance suite.
pub trait Store: WebStore + WorkStore {}
impl<T: WebStore + WorkStore> Store for T {}

/// The most runs kept of one job, whatever the retention time.
pub const MAX_RUNS: u64 = 10_000;
