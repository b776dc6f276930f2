//! Jobs as people see and edit them.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use naptime_core::{
    Edit, Endpoint, Job, JobId, LastDay, Method, NewJob, Recent, Rev, Schedule, Sla, Stage, Time, Trouble,
};

use crate::{Clock, Ended, EndpointState, Page, PageRef, Result, ScheduleKind, Sort};

/// Jobs as people see and edit them. What the web gets.
#[async_trait]
pub trait Jobs: Clock {
    /// Adds jobs, each by itself, and says in their order what became of them. Of those with the same key the first is
    /// added. One-off jobs and recurring ones have keys of their own.
    ///
    /// If it fails, some may have been added. To repeat it is harmless: a job whose id is there is not added again.
    async fn insert(&self, new: Vec<NewJob>) -> Result<Vec<Added>>;

    /// The job of this id, deleted ones included.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound).
    async fn get(&self, id: JobId) -> Result<Job>;

    /// A page of the endpoints (the recurring jobs) that match, as [`JobQuery::order`] says, to be read in both directions;
    /// or deleted ones, the last deleted first.
    ///
    /// # Errors
    /// [`Error::BadCursor`](crate::Error::BadCursor).
    async fn list(&self, query: &JobQuery, page: &PageRef) -> Result<Page<JobSummary>>;

    /// How many endpoints (recurring jobs) there are that are not deleted.
    async fn count(&self) -> Result<JobCount>;

    /// How many endpoints a list of each state has. Of those that are late, [`MOST_LATE`](crate::plan::MOST_LATE) are
    /// counted at most.
    async fn states(&self) -> Result<BTreeMap<EndpointState, u64>>;

    /// The last edit of each endpoint that was edited then or later, the latest first. Adding and deleting it are edits, too.
    async fn last_edits(&self, from: Time, limit: usize) -> Result<Vec<Edited>>;

    /// Carries out an edit as [`Job::edit`] says, and returns the job after it. `expect` is the revision that the
    /// editor saw; without one the edit is made whatever the revision.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound), [`Error::Deleted`](crate::Error::Deleted),
    /// [`Error::Stale`](crate::Error::Stale), [`Error::KeyTaken`](crate::Error::KeyTaken).
    async fn edit(&self, id: JobId, expect: Option<Rev>, edit: Edit) -> Result<Job>;

    /// Carries out the same edit of each of these jobs, whatever their revisions, and returns how many it found that are not
    /// deleted, whether they changed or not. The others are passed over.
    ///
    /// If it fails, some may have been edited.
    ///
    /// # Errors
    /// [`Error::KeyTaken`](crate::Error::KeyTaken).
    async fn edit_each(&self, ids: &[JobId], edit: &Edit) -> Result<u64>;
}

/// What became of a job that was to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Added {
    /// It was added, now or by an earlier try.
    New(Job),
    /// It was not, for this job, which is of the same kind and not deleted, has its key.
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
    /// Words, each of which URL, name or a tag holds, in any case and order.
    pub q: Option<String>,
    /// The URL, exactly.
    pub url: Option<Endpoint>,
    /// The pool.
    pub pool: Option<String>,
    /// A tag, exactly.
    pub tag: Option<String>,
    /// The project of the file that was applied, exactly.
    pub project: Option<String>,
    /// Whether it is switched on.
    pub active: Option<bool>,
    /// Those that are deleted, in place of those that are not: the last deleted first.
    pub deleted: bool,
    /// The state that they are in. What is deleted is in none.
    pub state: Option<EndpointState>,
    /// The kind of their schedule.
    pub schedule: Option<ScheduleKind>,
    /// How their last call ended.
    pub outcome: Option<Ended>,
    /// What they are sorted by, if not as usual; beyond texts only by [`sorted`](crate::sorted). Deleted ones are not.
    pub sort: Option<Sort>,
}

impl JobQuery {
    /// Those in a state.
    pub fn of_state(state: impl Into<EndpointState>) -> Self {
        Self { state: Some(state.into()), ..Self::default() }
    }

    /// Whether nothing restricts.
    pub fn is_all(&self) -> bool {
        Self { sort: None, ..self.clone() } == Self::default()
    }

    /// What a store sorts the list by; none: by how long each has been in its state, the longest first.
    pub fn order(&self) -> Option<Sort> {
        let has_own = self.state.is_some_and(EndpointState::has_since);
        let own = if has_own { None } else { Some(Sort::BY_URL) };
        self.sort.filter(|sort| sort.by.is_text()).or(own)
    }
}

/// The words of a search, in lower case, the longest first: it leaves the fewest to look for the others in.
pub fn words(q: Option<&str>) -> Vec<String> {
    let mut words: Vec<String> = q.unwrap_or_default().split_whitespace().map(str::to_lowercase).collect();
    words.sort_unstable_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
    words.dedup();
    words
}

/// A job as a list shows it: without the body and headers, which may be large, and without the credentials of its URL.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The fields are those of `Job`, `Spec` and `State`.
pub struct JobSummary {
    pub id: JobId,
    pub endpoint: Endpoint,
    pub method: Method,
    pub schedule: Schedule,
    pub sla: Option<Sla>,
    pub name: String,
    pub tags: Vec<String>,
    pub active: bool,
    pub rev: Rev,
    pub created_at: Time,
    pub updated_at: Time,
    pub due: Option<Time>,
    /// When the call leaves, or left, of the worker that holds it; none if nobody does.
    pub called_at: Option<Time>,
    pub last: Option<naptime_core::Last>,
    pub recent: Recent,
    pub last_day: LastDay,
    /// What is wrong by how the last occurrences ended, and since when.
    pub trouble: Option<(Trouble, Time)>,
    pub last_ok: Option<Time>,
    /// How it stands to its SLA.
    pub watch: Option<naptime_core::Watch>,
    /// Of a one-off job.
    pub stage: Option<Stage>,
    pub key: Option<String>,
    /// The project of the file that was applied.
    pub project: Option<String>,
    pub claim_at: Option<Time>,
    pub attempt: u32,
    /// The most attempts.
    pub attempts: u32,
    /// The runs so far.
    pub runs: u64,
    pub ended_at: Option<Time>,
    pub deleted_at: Option<Time>,
}

impl From<Job> for JobSummary {
    fn from(job: Job) -> Self {
        let (stage, attempt, endpoint) = (job.stage(), job.attempts(), job.spec.shown_endpoint());
        let trouble = job.trouble();
        let spec = Arc::unwrap_or_clone(job.spec);
        Self {
            stage,
            endpoint,
            key: spec.key,
            project: spec.applied.map(|applied| applied.project),
            claim_at: job.state.claim_at(),
            attempt,
            attempts: spec.retry.attempts,
            runs: job.state.counters.runs,
            ended_at: job.state.ended_at,
            deleted_at: job.deleted_at,
            id: job.id,
            method: spec.request.method,
            schedule: spec.schedule,
            sla: spec.sla.clone(),
            name: spec.name,
            tags: spec.tags,
            active: job.active,
            rev: job.rev,
            created_at: job.created_at,
            updated_at: job.updated_at,
            due: job.state.due,
            called_at: job.state.lock().map(|lock| lock.at),
            last: job.state.last,
            recent: job.state.recent,
            last_day: job.state.last_day,
            trouble,
            last_ok: job.state.last_ok,
            watch: job.state.watch,
        }
    }
}

/// The last edit of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edited {
    /// The endpoint.
    pub id: JobId,
    /// Its revision since then. The first is that of an endpoint that was only added.
    pub rev: Rev,
    /// When it was edited.
    pub at: Time,
    /// Whether that deleted it.
    pub deleted: bool,
}

/// How many jobs there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobCount {
    /// All that are not deleted.
    pub total: u64,
    /// Those of them that are switched on.
    pub active: u64,
}
