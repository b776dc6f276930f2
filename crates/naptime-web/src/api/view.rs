//! What the API sends. Times are RFC 3339 in UTC with milliseconds; durations that people set are text as they write
//! it, durations that were measured are milliseconds.

use std::time::Duration;

use naptime_core::answer::{Body, Phases};
use naptime_core::worker::Worker;
use naptime_core::{
    By, Counters, Days, Expect, Hours, Job, JobId, Keep, Last, Method, Noted, Outcome, Retry, Run, Sla, Statuses,
    Steer, Time, Timing, Token, Transcript, Trouble, Windows, WorkerId, duration,
};
use naptime_store::{JobSummary, Page, Unreadable};
use serde::Serialize;

use crate::mask;
use crate::timing;

/// A page of a list.
#[derive(Serialize)]
pub(super) struct Items<T> {
    items: Vec<T>,
    next_cursor: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreadable: Vec<UnreadableView>,
}

/// A row that this version cannot read.
#[derive(Serialize)]
pub(super) struct UnreadableView {
    id: String,
    detail: String,
}

impl From<Unreadable> for UnreadableView {
    fn from(Unreadable { id, why }: Unreadable) -> Self {
        Self { id, detail: why }
    }
}

impl<T> From<Page<T>> for Items<T> {
    fn from(page: Page<T>) -> Self {
        let unreadable = page.unreadable.into_iter().map(UnreadableView::from).collect();
        Self { items: page.items, next_cursor: page.next, unreadable }
    }
}

impl<T> Items<T> {
    pub(super) fn of<U>(page: Page<U>, view: impl Fn(&U) -> T) -> Self {
        page.map(|item| view(&item)).into()
    }

    pub(super) fn all(items: Vec<T>) -> Self {
        Self { items, next_cursor: None, unreadable: Vec::new() }
    }
}

/// What every view of an endpoint has.
#[derive(Serialize)]
pub(super) struct Common {
    id: JobId,
    url: String,
    pool: String,
    channel: String,
    schedule: Timing,
    method: Method,
    active: bool,
    due: Option<Time>,
    held: bool,
    last: Option<EndedView>,
    last_ok: Option<Time>,
    /// Whether each of the last occurrences ended well, the oldest first.
    recent: Vec<bool>,
    trouble: Option<TroubleView>,
    sla: Option<SlaFieldView>,
    name: String,
    tags: Vec<String>,
    rev: i64,
    created_at: Time,
    updated_at: Time,
    deleted_at: Option<Time>,
}

/// What is wrong with an endpoint by how its last occurrences ended.
#[derive(Serialize)]
struct TroubleView {
    kind: Trouble,
    since: Time,
    /// How many in a row did not end well.
    failures: u32,
}

/// An endpoint with all there is to it.
#[derive(Serialize)]
pub(super) struct EndpointView {
    #[serde(flatten)]
    common: Common,
    headers: Vec<(String, String)>,
    body: Option<String>,
    secret: bool,
    /// A mask for each key.
    sign: Vec<&'static str>,
    timeout: String,
    retry: RetryView,
    success: Statuses,
    expect: Expect,
    lease: String,
    steer: Option<Steer>,
    failing_after: u32,
    keep: Keep,
    late: Option<String>,
    catch_up: String,
    upcoming: Vec<Time>,
    asked_at: Option<Time>,
    attempt: u32,
    held_by: Option<WorkerRef>,
    counters: Counters,
    changes: Vec<ChangeView>,
    /// Other endpoints of the same URL, if they were asked for and there are any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    also: Vec<AlsoView>,
}

/// A change of when or whether an endpoint is called.
#[derive(Serialize)]
struct ChangeView {
    at: Time,
    /// `person`, `target` or `rule`.
    by: &'static str,
    /// The name of the rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    what: String,
}

/// A deleted endpoint in a list.
#[derive(Serialize)]
pub(super) struct DeletedView {
    #[serde(flatten)]
    common: Common,
    /// Until when it is kept.
    kept_until: Option<Time>,
}

/// Another endpoint of the same URL.
#[derive(Serialize)]
pub(super) struct AlsoView {
    id: JobId,
    name: String,
    schedule: Timing,
    active: bool,
}

#[derive(Serialize)]
pub(super) struct RetryView {
    attempts: u32,
    backoff: String,
    on: String,
}

/// An SLA as the API takes it.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum SlaFieldView {
    Always(String),
    Within {
        every: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        within: Option<Windows>,
        #[serde(skip_serializing_if = "Option::is_none")]
        days: Option<Days>,
        tz: String,
    },
}

/// When a call was due, left and ended, and how.
#[derive(Serialize)]
pub(super) struct EndedView {
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
    id: Token,
    job: JobId,
    #[serde(flatten)]
    ended: EndedView,
    attempt: u32,
    manual: bool,
    worker: WorkerRef,
}

/// A run by itself.
#[derive(Serialize)]
pub(super) struct WholeRunView {
    #[serde(flatten)]
    run: RunView,
    transcript: Option<TranscriptView>,
}

/// What was sent and answered.
#[derive(Serialize)]
struct TranscriptView {
    request: String,
    head: String,
    body: String,
    /// `text` or `hex`.
    encoding: &'static str,
    whole: bool,
    phases_us: Phases,
}

impl From<Transcript> for TranscriptView {
    fn from(Transcript { request, head, body, whole, phases }: Transcript) -> Self {
        let (body, encoding) = match body {
            Body::Text(text) => (text, "text"),
            Body::Hex(digits) => (digits, "hex"),
        };
        Self { request, head, body, encoding, whole, phases_us: phases }
    }
}

/// A worker.
#[derive(Serialize)]
pub(super) struct WorkerView {
    #[serde(flatten)]
    who: WorkerRef,
    host: String,
    pid: u32,
    version: String,
    tzdb: Option<String>,
    capacity: u32,
    held: u32,
    started_at: Time,
    seen_at: Time,
    alive: bool,
    stopping: bool,
    trouble: Option<String>,
}

impl SlaFieldView {
    pub(super) fn of(sla: &Sla) -> Self {
        let every = duration::show(sla.every());
        match sla.hours() {
            None => Self::Always(every),
            Some(Hours { windows, days, zone }) => Self::Within {
                every,
                within: windows.clone(),
                days: Some(*days).filter(|days| *days != Days::ALL),
                tz: zone.to_string(),
            },
        }
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// An endpoint in a list.
pub(super) fn summary(job: &JobSummary, now: Time) -> Common {
    Common {
        id: job.id,
        url: job.endpoint.to_string(),
        pool: job.endpoint.pool().to_string(),
        channel: job.endpoint.channel().to_string(),
        schedule: Timing::of(&job.schedule),
        method: job.method,
        active: job.active,
        due: job.due,
        // A worker that holds a job over does not call it yet.
        held: job.called_at.is_some_and(|at| at <= now),
        last: job.last.as_ref().map(last),
        last_ok: job.last_ok,
        recent: job.recent.each().collect(),
        trouble: job.trouble.map(|(trouble, since)| TroubleView {
            kind: trouble,
            since,
            failures: job.recent.failures,
        }),
        sla: job.sla.as_ref().map(SlaFieldView::of),
        name: job.name.clone(),
        tags: job.tags.clone(),
        rev: job.rev.0,
        created_at: job.created_at,
        updated_at: job.updated_at,
        deleted_at: job.deleted_at,
    }
}

/// A deleted endpoint in a list. It is kept for the retention time.
pub(super) fn deleted(job: &JobSummary, now: Time, retention: Duration) -> DeletedView {
    DeletedView { common: summary(job, now), kept_until: job.deleted_at.map(|at| at + retention) }
}

impl EndpointView {
    /// The same, with the other endpoints of its URL.
    pub(super) fn beside(self, others: &[JobSummary]) -> Self {
        let also = |job: &JobSummary| AlsoView {
            id: job.id,
            name: job.name.clone(),
            schedule: Timing::of(&job.schedule),
            active: job.active,
        };
        Self { also: others.iter().map(also).collect(), ..self }
    }
}

/// An endpoint.
pub(super) fn endpoint(job: Job, now: Time) -> EndpointView {
    // A worker that holds a job over does not call it yet.
    let lock = job.state.lock();
    let calling = lock.filter(|lock| lock.at <= now);
    let waits = lock.is_some() && calling.is_none();
    let request = &job.spec.request;
    let headers = mask::masked(&request.headers).into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    EndpointView {
        headers: headers.collect(),
        body: mask::body(request).map(str::to_owned),
        secret: request.secret,
        sign: request.sign.masked(),
        timeout: duration::show(request.timeout),
        also: Vec::new(),
        retry: retry(&job.spec.retry),
        success: job.spec.success.clone(),
        expect: job.spec.expect.clone(),
        lease: duration::show(job.spec.lease),
        steer: job.spec.steer,
        failing_after: job.spec.failing_after,
        keep: job.spec.keep,
        late: job.spec.misfire.late.map(duration::show),
        catch_up: job.spec.misfire.catch_up.to_string(),
        upcoming: timing::upcoming(&job),
        asked_at: job.state.asked_at,
        attempt: job.attempts().saturating_sub(u32::from(waits)),
        held_by: calling.map(|lock| lock.worker.into()),
        counters: job.state.counters,
        changes: job.changes.iter().map(change).collect(),
        common: summary(&JobSummary::from(job), now),
    }
}

fn change(change: &Noted) -> ChangeView {
    let (by, rule) = match &change.by {
        By::Person => ("person", None),
        By::Target => ("target", None),
        By::Rule(name) => ("rule", Some(name.clone())),
        By::Clock => ("clock", None),
    };
    ChangeView { at: change.at, by, rule, what: change.what.clone() }
}

pub(super) fn last(last: &Last) -> EndedView {
    EndedView {
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

/// Whether and when a call is tried again.
pub(super) fn retry(retry: &Retry) -> RetryView {
    RetryView { attempts: retry.attempts, backoff: duration::show(retry.backoff), on: retry.on.to_string() }
}

/// A run.
pub(super) fn run(run: &Run) -> RunView {
    RunView {
        id: run.token,
        job: run.job,
        ended: last(&run.into()),
        attempt: run.attempt,
        manual: run.manual,
        worker: run.worker.into(),
    }
}

/// A run with what was sent and answered, if that is kept.
pub(super) fn whole_run(of: &Run, transcript: Option<Transcript>) -> WholeRunView {
    WholeRunView { run: run(of), transcript: transcript.map(TranscriptView::from) }
}

/// A worker.
pub(super) fn worker(worker: &Worker) -> WorkerView {
    let beat = &worker.beat;
    WorkerView {
        who: beat.id.into(),
        host: beat.host.clone(),
        pid: beat.pid,
        version: beat.version.clone(),
        tzdb: beat.tzdb.clone(),
        capacity: beat.capacity,
        held: beat.held,
        started_at: beat.started_at,
        seen_at: worker.seen_at,
        alive: worker.alive,
        stopping: worker.alive && beat.stopping,
        trouble: beat.trouble.clone().filter(|_| worker.alive),
    }
}
