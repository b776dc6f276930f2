//! A one-off job as the API sends it.

use naptime_core::{Expect, Job, JobId, Keep, Lock, Method, Run, Schedule, Stage, Time, duration};
use naptime_store::JobSummary;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, Type};

use crate::endpoints::{RetryView, retry};
use crate::kit::mask;
use crate::runs::{self, EndedView, RunView, WorkerRef};

/// What every view of a one-off job has.
#[derive(Serialize, ToSchema)]
#[schema(as = JobSummary)]
pub(super) struct Common {
    id: JobId,
    state: Option<Stage>,
    url: String,
    pool: String,
    channel: String,
    method: Method,
    at: Option<Time>,
    next_at: Option<Time>,
    attempt: u32,
    last: Option<EndedView>,
    key: Option<String>,
    name: String,
    tags: Vec<String>,
    rev: i64,
    created_at: Time,
    ended_at: Option<Time>,
    cancelled_at: Option<Time>,
}

/// A one-off job with all there is to it.
#[derive(Serialize, ToSchema)]
#[schema(as = Job)]
pub(super) struct JobView {
    #[serde(flatten)]
    common: Common,
    headers: Vec<(String, String)>,
    body: Option<String>,
    secret: bool,
    /// A mask for each key.
    sign: Vec<&'static str>,
    timeout: String,
    retry: RetryView,
    success: String,
    expect: Expect,
    keep: Keep,
    lease: String,
    held_by: Option<WorkerRef>,
    /// What whoever asked for it ought to know.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
}

/// A one-off job in a list.
pub(super) fn summary(job: &JobSummary) -> Common {
    // While it is held, `claim_at` is the end of the lease.
    let next_at = job.claim_at.filter(|_| job.called_at.is_none());
    let at = if let Schedule::Once { at } = job.schedule { Some(at) } else { None };
    Common {
        id: job.id,
        state: job.stage,
        url: job.endpoint.to_string(),
        pool: job.endpoint.pool().to_string(),
        channel: job.endpoint.channel().to_string(),
        method: job.method,
        at,
        next_at,
        attempt: job.attempt,
        last: job.last.as_ref().map(runs::last),
        key: job.key.clone(),
        name: job.name.clone(),
        tags: job.tags.clone(),
        rev: job.rev.0,
        created_at: job.created_at,
        ended_at: job.ended_at,
        cancelled_at: job.deleted_at,
    }
}

/// A one-off job.
pub(super) fn job(job: Job, note: Option<&'static str>) -> JobView {
    let request = &job.spec.request;
    let headers = mask::masked(&request.headers).into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    JobView {
        headers: headers.collect(),
        body: mask::body(request).map(str::to_owned),
        secret: request.secret,
        sign: request.sign.masked(),
        timeout: duration::show(request.timeout),
        retry: retry(&job.spec.retry),
        success: job.spec.success.to_string(),
        expect: job.spec.expect.clone(),
        keep: job.spec.keep,
        lease: duration::show(job.spec.lease),
        held_by: job.state.lock().map(|lock| WorkerRef::from(lock.worker)),
        note,
        common: summary(&JobSummary::from(job)),
    }
}

/// An attempt: one that has ended, or the one under way.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum Attempt {
    Ended(RunView),
    UnderWay(UnderWay),
}

/// An attempt that has a start and no end yet.
#[derive(Serialize, ToSchema)]
pub(super) struct UnderWay {
    due: Option<Time>,
    started: Time,
    #[schema(schema_with = null)]
    finished: (),
    #[schema(schema_with = null)]
    outcome: (),
    attempt: u32,
    worker: WorkerRef,
}

/// What is not known yet.
fn null() -> Object {
    Object::builder().schema_type(Type::Null).build()
}

/// The attempt that is under way at `now`, unless it is among the runs already and only its settle is missing.
pub(super) fn under_way<'a>(job: &'a Job, runs: &[Run], now: Time) -> Option<&'a Lock> {
    let lock = job.state.lock()?;
    let called = lock.has_call() && lock.at <= now && runs.iter().all(|run| run.token != lock.token);
    called.then_some(lock)
}

/// The attempts of a page of runs, newest first.
pub(super) fn attempts(under_way: Option<(&Job, &Lock)>, runs: &[Run]) -> Vec<Attempt> {
    let first = under_way.map(|(job, lock)| {
        Attempt::UnderWay(UnderWay {
            due: lock.due,
            started: lock.at,
            finished: (),
            outcome: (),
            attempt: job.attempts(),
            worker: lock.worker.into(),
        })
    });
    first.into_iter().chain(runs.iter().map(|run| Attempt::Ended(runs::run(run)))).collect()
}
