//! Endpoints as the API sends them. Times are RFC 3339 in UTC with milliseconds; durations that people set are text as
//! they write it.

use std::time::Duration;

use naptime_core::{
    By, Counters, DayFigures, Days, Expect, Hours, Job, JobId, Keep, Method, Noted, Retry, Sla, Statuses, Steer, Time,
    Timing, Trouble, Windows, duration,
};
use naptime_store::JobSummary;
use serde::Serialize;
use utoipa::ToSchema;

use super::timing;
use crate::kit::mask;
use crate::runs::{EndedView, WorkerRef, last};

/// What every view of an endpoint has.
#[derive(Serialize, ToSchema)]
#[schema(as = EndpointSummary)]
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
    last_day: Option<LastDayView>,
    trouble: Option<TroubleView>,
    sla: Option<SlaFieldView>,
    key: Option<String>,
    /// The project of the file that was applied.
    project: Option<String>,
    name: String,
    tags: Vec<String>,
    rev: i64,
    created_at: Time,
    updated_at: Time,
    deleted_at: Option<Time>,
}

/// How the calls of the last 24 hours went, and those of the hour that runs.
#[derive(Serialize, ToSchema)]
struct LastDayView {
    /// Calls, further attempts and calls out of turn included.
    calls: u64,
    /// Those that ended well.
    ok: u64,
    /// The share of those, from 0 to 1.
    success: f64,
    /// How late 99 of 100 first calls of occurrences left at most. None: there was none, or it is above the last bound of an
    /// hour.
    lag_p99_ms: Option<u64>,
}

impl LastDayView {
    /// None without calls.
    fn of(day: &DayFigures) -> Option<Self> {
        let lag_p99_ms = day.lag_p99().filter(|&bound| bound < u64::MAX);
        Some(Self { calls: day.calls, ok: day.ok, success: day.success()?, lag_p99_ms })
    }
}

/// What is wrong with an endpoint by how its last occurrences ended.
#[derive(Serialize, ToSchema)]
struct TroubleView {
    kind: Trouble,
    since: Time,
    /// How many in a row did not end well.
    failures: u32,
}

/// An endpoint with all there is to it.
#[derive(Serialize, ToSchema)]
#[schema(as = Endpoint)]
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
    /// What whoever asked for it ought to know.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
}

/// A change of when or whether an endpoint is called.
#[derive(Serialize, ToSchema)]
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
#[derive(Serialize, ToSchema)]
#[schema(as = DeletedEndpoint)]
pub(super) struct DeletedView {
    #[serde(flatten)]
    common: Common,
    /// Until when it is kept.
    kept_until: Option<Time>,
}

/// Another endpoint of the same URL.
#[derive(Serialize, ToSchema)]
pub(super) struct AlsoView {
    id: JobId,
    name: String,
    schedule: Timing,
    active: bool,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct RetryView {
    attempts: u32,
    backoff: String,
    on: String,
}

/// An SLA as the API takes it.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum SlaFieldView {
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

impl SlaFieldView {
    pub(crate) fn of(sla: &Sla) -> Self {
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
        last_day: LastDayView::of(&job.last_day.figures(now)),
        trouble: job.trouble.map(|(trouble, since)| TroubleView {
            kind: trouble,
            since,
            failures: job.recent.failures,
        }),
        sla: job.sla.as_ref().map(SlaFieldView::of),
        key: job.key.clone(),
        project: job.project.clone(),
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

    /// The same, with a note.
    pub(super) fn with_note(self, note: Option<&'static str>) -> Self {
        Self { note, ..self }
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
        note: None,
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

/// Whether and when a call is tried again.
pub(crate) fn retry(retry: &Retry) -> RetryView {
    RetryView { attempts: retry.attempts, backoff: duration::show(retry.backoff), on: retry.on.to_string() }
}
