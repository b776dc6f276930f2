//! What the API sends. Times are RFC 3339 in UTC with milliseconds; durations that people set are text as they write
//! it, durations that were measured are milliseconds.

use std::time::Duration;

use naptime_core::worker::Worker;
use naptime_core::{Counters, Job, JobId, Last, Method, Outcome, Retry, Run, Time, WorkerId, duration};
use naptime_store::{JobSummary, Page};
use serde::Serialize;

use crate::draft::period_of;
use crate::mask;

/// A page of a list.
#[derive(Serialize)]
pub(super) struct Items<T> {
    items: Vec<T>,
    next_cursor: Option<String>,
}

impl<T> Items<T> {
    pub(super) fn of<U>(page: Page<U>, view: impl Fn(&U) -> T) -> Self {
        Self { items: page.items.iter().map(view).collect(), next_cursor: page.next }
    }

    pub(super) fn all(items: Vec<T>) -> Self {
        Self { items, next_cursor: None }
    }
}

/// When an endpoint is due.
#[derive(Serialize)]
pub(super) struct ScheduleView {
    #[serde(skip_serializing_if = "Option::is_none")]
    every: Option<String>,
}

/// What every view of an endpoint has.
#[derive(Serialize)]
pub(super) struct Common {
    id: JobId,
    url: String,
    pool: String,
    channel: String,
    schedule: ScheduleView,
    method: Method,
    active: bool,
    due: Option<Time>,
    held: bool,
    last: Option<LastView>,
    last_ok: Option<Time>,
    sla: Option<String>,
    name: String,
    tags: Vec<String>,
    rev: i64,
    created_at: Time,
    updated_at: Time,
}

/// An endpoint with all there is to it.
#[derive(Serialize)]
pub(super) struct EndpointView {
    #[serde(flatten)]
    common: Common,
    headers: Vec<(String, String)>,
    body: Option<String>,
    timeout: String,
    retry: RetryView,
    asked_at: Option<Time>,
    attempt: u32,
    held_by: Option<WorkerRef>,
    counters: Counters,
    deleted_at: Option<Time>,
}

#[derive(Serialize)]
struct RetryView {
    attempts: u32,
    backoff: String,
}

/// How the last run ended.
#[derive(Serialize)]
pub(super) struct LastView {
    due: Time,
    started: Time,
    finished: Time,
    start_lag_ms: u64,
    took_ms: u64,
    outcome: Outcome,
    status: Option<u16>,
    message: String,
}

/// A worker by id and name.
#[derive(Serialize)]
pub(super) struct WorkerRef {
    id: WorkerId,
    name: String,
}

impl From<WorkerId> for WorkerRef {
    fn from(id: WorkerId) -> Self {
        Self { id, name: id.name() }
    }
}

/// A run.
#[derive(Serialize)]
pub(super) struct RunView {
    due: Time,
    started: Time,
    finished: Time,
    start_lag_ms: u64,
    took_ms: u64,
    outcome: Outcome,
    status: Option<u16>,
    message: String,
    attempt: u32,
    manual: bool,
    worker: WorkerRef,
}

/// A worker.
#[derive(Serialize)]
pub(super) struct WorkerView {
    #[serde(flatten)]
    who: WorkerRef,
    host: String,
    pid: u32,
    version: String,
    capacity: u32,
    held: u32,
    started_at: Time,
    seen_at: Time,
    alive: bool,
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// An endpoint in a list.
pub(super) fn summary(job: &JobSummary) -> Common {
    Common {
        id: job.id,
        url: job.endpoint.to_string(),
        pool: job.endpoint.pool().to_string(),
        channel: job.endpoint.channel().to_string(),
        schedule: ScheduleView { every: period_of(&job.schedule).map(duration::show) },
        method: job.method,
        active: job.active,
        due: job.due,
        held: job.held,
        last: job.last.as_ref().map(last),
        last_ok: job.last_ok,
        sla: job.sla.map(duration::show),
        name: job.name.clone(),
        tags: job.tags.clone(),
        rev: job.rev.0,
        created_at: job.created_at,
        updated_at: job.updated_at,
    }
}

/// An endpoint.
pub(super) fn endpoint(job: Job) -> EndpointView {
    let request = &job.spec.request;
    let headers = mask::masked(&request.headers).into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    let Retry { attempts, backoff } = job.spec.retry;
    EndpointView {
        headers: headers.collect(),
        body: request.body.clone(),
        timeout: duration::show(request.timeout),
        retry: RetryView { attempts, backoff: duration::show(backoff) },
        asked_at: job.state.asked_at,
        attempt: job.state.attempt,
        held_by: job.state.lock.as_ref().map(|lock| lock.worker.into()),
        counters: job.state.counters,
        deleted_at: job.deleted_at,
        common: summary(&JobSummary::from(job)),
    }
}

fn last(last: &Last) -> LastView {
    LastView {
        due: last.due,
        started: last.started,
        finished: last.finished,
        start_lag_ms: ms(last.started.since(last.due)),
        took_ms: ms(last.finished.since(last.started)),
        outcome: last.outcome,
        status: last.status,
        message: last.message.clone(),
    }
}

/// A run.
pub(super) fn run(run: &Run) -> RunView {
    RunView {
        due: run.due,
        started: run.started,
        finished: run.finished,
        start_lag_ms: ms(run.start_lag()),
        took_ms: ms(run.took()),
        outcome: run.outcome,
        status: run.status,
        message: run.message.clone(),
        attempt: run.attempt,
        manual: run.manual,
        worker: run.worker.into(),
    }
}

/// A worker.
pub(super) fn worker(worker: &Worker) -> WorkerView {
    let beat = &worker.beat;
    WorkerView {
        who: beat.id.into(),
        host: beat.host.clone(),
        pid: beat.pid,
        version: beat.version.clone(),
        capacity: beat.capacity,
        held: beat.held,
        started_at: beat.started_at,
        seen_at: worker.seen_at,
        alive: worker.alive,
    }
}
