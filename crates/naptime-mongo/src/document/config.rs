//! What people write: configurations, as documents of `jobs`.

use std::sync::Arc;

use mongodb::bson::{DateTime, Document, Uuid};
use naptime_core::recent::FAILING_AFTER;
use naptime_core::state::LEASE;
use naptime_core::{
    Applied, By, CatchUp, Days, Expect, Headers, Hours, Job, Keep, Method, Misfire, Noted, Plan, Request, Retry, Rev,
    Schedule, SigningKeys, Sla, Spec, State, Statuses, Steer, Temporary, Windows, Zone,
};
use naptime_store::{Error, Result};
use serde::{Deserialize, Serialize};

use super::schedule::{ScheduleDocument, schedule, to_schedule};
use super::{date, duration, endpoint, millis, read, time, uuid, write};

#[derive(Serialize, Deserialize)]
struct ConfigDocument {
    _id: Uuid,
    rev: Rev,
    #[serde(default)]
    shelf: Option<Shelf>,
    /// The key, for as long as nobody else may have it.
    live_key: Option<String>,
    key: Option<String>,
    pool: String,
    channel: String,
    #[serde(default)]
    search: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    active: bool,
    deleted_at: Option<DateTime>,
    created_at: DateTime,
    updated_at: DateTime,
    request: RequestDocument,
    schedule: ScheduleDocument,
    retry: RetryDocument,
    #[serde(default = "Statuses::success")]
    success: Statuses,
    sla_ms: Option<i64>,
    /// When that holds; none: around the clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sla_hours: Option<HoursDocument>,
    lease_ms: Option<i64>,
    steer: Option<SteerDocument>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    late_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "is_latest")]
    catch_up: CatchUp,
    #[serde(default = "failing_after", skip_serializing_if = "is_usual")]
    failing_after: u32,
    #[serde(default, skip_serializing_if = "Keep::is_default")]
    keep: Keep,
    #[serde(default, skip_serializing_if = "Expect::is_empty")]
    expect: Expect,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    applied: Option<Applied>,
    #[serde(default)]
    changes: Vec<NotedDocument>,
}

#[derive(Serialize, Deserialize)]
struct HoursDocument {
    windows: Option<Windows>,
    days: Days,
    tz: String,
}

/// Where a job is found in lists. An index tells a value from any other, but not null from missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Shelf {
    /// Recurring, and not deleted.
    Endpoints,
    /// Recurring, and deleted.
    DeletedEndpoints,
    /// One-off, and not cancelled.
    Once,
    /// One-off, and cancelled.
    CancelledOnce,
}

impl Shelf {
    fn of(job: &Job) -> Self {
        match (job.spec.schedule.is_once(), job.deleted_at.is_some()) {
            (false, false) => Self::Endpoints,
            (false, true) => Self::DeletedEndpoints,
            (true, false) => Self::Once,
            (true, true) => Self::CancelledOnce,
        }
    }

    /// As it is stored.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Endpoints => "endpoints",
            Self::DeletedEndpoints => "deleted_endpoints",
            Self::Once => "once",
            Self::CancelledOnce => "cancelled_once",
        }
    }
}

#[derive(Serialize, Deserialize)]
struct RequestDocument {
    method: Method,
    #[serde(default)]
    headers: Headers,
    #[serde(default)]
    body: Option<String>,
    timeout_ms: i64,
    #[serde(default)]
    secret: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    secret_path: bool,
    #[serde(default, skip_serializing_if = "SigningKeys::is_empty")]
    sign: SigningKeys,
}

#[derive(Serialize, Deserialize)]
struct RetryDocument {
    attempts: u32,
    backoff_ms: i64,
    on: Temporary,
}

#[derive(Serialize, Deserialize)]
struct SteerDocument {
    min_ms: i64,
    max_ms: i64,
}

impl From<&Hours> for HoursDocument {
    fn from(hours: &Hours) -> Self {
        Self { windows: hours.windows.clone(), days: hours.days, tz: hours.zone.to_string() }
    }
}

fn to_sla(every_ms: Option<i64>, hours: Option<HoursDocument>) -> Result<Option<Sla>> {
    let Some(every) = every_ms.map(duration) else { return Ok(None) };
    let Some(HoursDocument { windows, days, tz }) = hours else { return Ok(Some(every.into())) };
    let zone = Zone::parse(&tz).map_err(|invalid| Error::Corrupt(invalid.to_string()))?;
    Ok(Some(Sla::stored(every, Some(Hours { windows, days, zone }))))
}

fn failing_after() -> u32 {
    FAILING_AFTER
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_usual(failing_after: &u32) -> bool {
    *failing_after == FAILING_AFTER
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_latest(catch_up: &CatchUp) -> bool {
    *catch_up == CatchUp::LATEST
}

#[derive(Serialize, Deserialize)]
struct NotedDocument {
    at: DateTime,
    by: By,
    what: String,
}

/// The configuration of a job as its document.
pub(crate) fn from_config(job: &Job) -> Result<Document> {
    let spec = &job.spec;
    let request = &spec.request;
    write(&ConfigDocument {
        _id: uuid(job.id.uuid()),
        rev: job.rev,
        shelf: Some(Shelf::of(job)),
        live_key: spec.key.clone().filter(|_| job.deleted_at.is_none()),
        key: spec.key.clone(),
        pool: spec.endpoint.pool().to_string(),
        channel: spec.endpoint.channel().to_string(),
        search: spec.search_text(),
        name: spec.name.clone(),
        tags: spec.tags.clone(),
        active: job.active,
        deleted_at: job.deleted_at.map(date),
        created_at: date(job.created_at),
        updated_at: date(job.updated_at),
        request: RequestDocument {
            method: request.method,
            headers: request.headers.clone(),
            body: request.body.clone(),
            timeout_ms: millis(request.timeout),
            secret: request.secret,
            secret_path: request.secret_path,
            sign: request.sign.clone(),
        },
        schedule: schedule(&spec.schedule),
        retry: RetryDocument {
            attempts: spec.retry.attempts,
            backoff_ms: millis(spec.retry.backoff),
            on: spec.retry.on.clone(),
        },
        success: spec.success.clone(),
        sla_ms: spec.sla.as_ref().map(|sla| millis(sla.every())),
        sla_hours: spec.sla.as_ref().and_then(Sla::hours).map(HoursDocument::from),
        lease_ms: Some(millis(spec.lease)),
        late_ms: spec.misfire.late.map(millis),
        catch_up: spec.misfire.catch_up,
        failing_after: spec.failing_after,
        keep: spec.keep,
        expect: spec.expect.clone(),
        applied: spec.applied.clone(),
        steer: spec.steer.map(|it| SteerDocument { min_ms: millis(it.min), max_ms: millis(it.max) }),
        changes: job
            .changes
            .iter()
            .map(|n| NotedDocument { at: date(n.at), by: n.by.clone(), what: n.what.clone() })
            .collect(),
    })
}

/// The job of a configuration. Its state is that of a job that is off: due work is another document.
pub(crate) fn to_config(document: Document) -> Result<Job> {
    let d: ConfigDocument = read(document)?;
    Ok(Job {
        id: d._id.to_uuid_1().into(),
        spec: Arc::new(Spec {
            endpoint: endpoint(&d.pool, &d.channel)?,
            request: Request {
                method: d.request.method,
                headers: d.request.headers,
                body: d.request.body,
                timeout: duration(d.request.timeout_ms),
                secret: d.request.secret,
                secret_path: d.request.secret_path,
                sign: d.request.sign,
            },
            schedule: to_schedule(d.schedule)?,
            retry: Retry { attempts: d.retry.attempts, backoff: duration(d.retry.backoff_ms), on: d.retry.on },
            sla: to_sla(d.sla_ms, d.sla_hours)?,
            name: d.name,
            tags: d.tags,
            success: d.success,
            lease: d.lease_ms.map_or(LEASE, duration),
            steer: d.steer.map(|steer| Steer { min: duration(steer.min_ms), max: duration(steer.max_ms) }),
            misfire: Misfire { late: d.late_ms.map(duration), catch_up: d.catch_up },
            failing_after: d.failing_after,
            keep: d.keep,
            expect: d.expect,
            key: d.key,
            applied: d.applied,
        }),
        active: d.active,
        deleted_at: d.deleted_at.map(time),
        rev: d.rev,
        plan: Plan(1),
        created_at: time(d.created_at),
        updated_at: time(d.updated_at),
        changes: d.changes.into_iter().map(|n| Noted { at: time(n.at), by: n.by, what: n.what }).collect(),
        state: State::default(),
    })
}

/// The id and the schedule of a configuration that was read with those only.
pub(crate) fn to_schedule_of(document: Document) -> Result<(naptime_core::JobId, Schedule)> {
    #[derive(Deserialize)]
    struct Scheduled {
        _id: Uuid,
        schedule: ScheduleDocument,
    }
    let d: Scheduled = read(document)?;
    Ok((d._id.to_uuid_1().into(), to_schedule(d.schedule)?))
}
