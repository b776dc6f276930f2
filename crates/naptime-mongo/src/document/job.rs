//! Jobs as documents.

use std::sync::Arc;

use mongodb::bson::{Bson, DateTime, Document, RawDocument, Uuid, doc};
use naptime_core::{
    By, Counters, Headers, Job, Last, Lock, Lost, Method, Noted, Outcome, Plan, Request, Retry, Rev, Spec, Stage,
    State, Statuses, Steer, Temporary, Watch, WorkerId,
};
use naptime_store::Result;
use naptime_store::plan::DueWork;
use serde::{Deserialize, Serialize};

use super::schedule::{ScheduleDocument, schedule, to_schedule};
use super::{bson, date, duration, endpoint, millis, partition, read, read_raw, time, uuid, write};

/// What claims, settles and indexes look at comes first: the server walks a document field by field.
#[derive(Serialize, Deserialize)]
struct JobDocument {
    _id: Uuid,
    partition: i32,
    gate: String,
    claim_at: Option<DateTime>,
    lock: Option<LockDocument>,
    rev: Rev,
    plan: Plan,
    due: Option<DateTime>,
    asked_at: Option<DateTime>,
    attempt: u32,
    active: bool,
    deleted_at: Option<DateTime>,
    stage: Option<Stage>,
    lease_ms: i64,
    counters: Counters,
    last_ok: Option<DateTime>,
    watch: Option<WatchDocument>,
    ended_at: Option<DateTime>,
    key: Option<String>,
    pool: String,
    search: String,
    tags: Vec<String>,
    channel: String,
    request: RequestDocument,
    size: i64,
    schedule: ScheduleDocument,
    retry: RetryDocument,
    sla_ms: Option<i64>,
    name: String,
    last: Option<LastDocument>,
    created_at: DateTime,
    updated_at: DateTime,
    success: Statuses,
    steer: Option<SteerDocument>,
    changes: Vec<NotedDocument>,
}

#[derive(Serialize, Deserialize)]
struct RequestDocument {
    method: Method,
    headers: Headers,
    body: Option<String>,
    timeout_ms: i64,
    #[serde(default)]
    secret: bool,
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

#[derive(Serialize, Deserialize)]
pub(super) struct NotedDocument {
    at: DateTime,
    by: By,
    what: String,
}

/// How a job stands to its SLA.
#[derive(Serialize, Deserialize)]
pub(crate) struct WatchDocument {
    since: DateTime,
    deadline: DateTime,
    longest_ms: i64,
    on_since: DateTime,
    failed_at: Option<DateTime>,
}

#[derive(Serialize, Deserialize)]
struct LockDocument {
    worker: Uuid,
    token: Uuid,
    since: DateTime,
    lease_ms: i64,
    at: DateTime,
    due: Option<DateTime>,
    asked_at: Option<DateTime>,
    plan: Plan,
    #[serde(default)]
    edits: u32,
    lost: Vec<LostDocument>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct LostDocument {
    worker: Uuid,
    token: Uuid,
    since: DateTime,
    due: Option<DateTime>,
    asked_at: Option<DateTime>,
    plan: Plan,
}

/// How the last run ended.
#[derive(Serialize, Deserialize)]
pub(crate) struct LastDocument {
    due: DateTime,
    started: DateTime,
    finished: DateTime,
    outcome: Outcome,
    status: Option<u16>,
    message: String,
}

/// A job as its document.
pub(crate) fn from_job(job: &Job) -> Result<Document> {
    let spec = &job.spec;
    let state = &job.state;
    write(&JobDocument {
        _id: uuid(job.id.uuid()),
        partition: partition(job.id),
        gate: String::new(),
        pool: spec.endpoint.pool().to_string(),
        channel: spec.endpoint.channel().to_string(),
        request: request(&spec.request),
        size: size(&spec.request),
        schedule: schedule(&spec.schedule),
        retry: retry(&spec.retry),
        sla_ms: spec.sla.map(millis),
        name: spec.name.clone(),
        tags: spec.tags.clone(),
        search: spec.search_text(),
        active: job.active,
        deleted_at: job.deleted_at.map(date),
        rev: job.rev,
        plan: job.plan,
        due: state.due.map(date),
        asked_at: state.asked_at.map(date),
        claim_at: state.claim_at.map(date),
        attempt: state.attempt,
        // A job is only ever written whole when it is new.
        lock: None,
        last: None,
        last_ok: None,
        counters: state.counters,
        created_at: date(job.created_at),
        updated_at: date(job.updated_at),
        success: spec.success.clone(),
        lease_ms: millis(spec.lease),
        steer: spec.steer.map(steer),
        key: spec.key.clone(),
        changes: job.changes.iter().map(noted).collect(),
        watch: state.watch.map(WatchDocument::from),
        stage: job.stage(),
        ended_at: state.ended_at.map(date),
    })
}

/// The job of a document.
pub(crate) fn to_job(document: Document) -> Result<Job> {
    job(read(document)?)
}

/// The job of a document as it came, which is read in half the time.
pub(crate) fn raw_to_job(document: &RawDocument) -> Result<Job> {
    job(read_raw(document)?)
}

fn job(d: JobDocument) -> Result<Job> {
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
            },
            schedule: to_schedule(d.schedule)?,
            retry: Retry { attempts: d.retry.attempts, backoff: duration(d.retry.backoff_ms), on: d.retry.on },
            sla: d.sla_ms.map(duration),
            name: d.name,
            tags: d.tags,
            success: d.success,
            lease: duration(d.lease_ms),
            steer: d.steer.map(|steer| Steer { min: duration(steer.min_ms), max: duration(steer.max_ms) }),
            key: d.key,
        }),
        active: d.active,
        deleted_at: d.deleted_at.map(time),
        rev: d.rev,
        plan: d.plan,
        created_at: time(d.created_at),
        updated_at: time(d.updated_at),
        changes: d.changes.into_iter().map(|n| Noted { at: time(n.at), by: n.by, what: n.what }).collect(),
        state: State {
            due: d.due.map(time),
            asked_at: d.asked_at.map(time),
            claim_at: d.claim_at.map(time),
            attempt: d.attempt,
            lock: d.lock.map(Lock::from),
            last: d.last.map(Last::from),
            last_ok: d.last_ok.map(time),
            counters: d.counters,
            watch: d.watch.map(Watch::from),
            ended_at: d.ended_at.map(time),
        },
    })
}

/// The due work of a document that was read with `schedule` and `due` only.
pub(crate) fn to_due_work(document: Document) -> Result<DueWork> {
    #[derive(Deserialize)]
    struct DueDocument {
        schedule: ScheduleDocument,
        due: DateTime,
    }
    let d: DueDocument = read(document)?;
    Ok(DueWork { schedule: to_schedule(d.schedule)?, due: time(d.due) })
}

/// The fields of the document that a person configures, each as a literal: what somebody typed is never an expression.
pub(crate) fn configuration(spec: &Spec) -> Result<Document> {
    let literal = |value: Bson| doc! {"$literal": value};
    Ok(doc! {
        "pool": literal(spec.endpoint.pool().as_str().into()),
        "channel": literal(spec.endpoint.channel().as_str().into()),
        "request": literal(bson(&request(&spec.request))?),
        "size": size(&spec.request),
        "schedule": literal(bson(&schedule(&spec.schedule))?),
        "retry": literal(bson(&retry(&spec.retry))?),
        "sla_ms": spec.sla.map(millis),
        "name": literal(spec.name.as_str().into()),
        "tags": literal(spec.tags.clone().into()),
        "search": literal(spec.search_text().into()),
        "success": literal(bson(&spec.success)?),
        "lease_ms": millis(spec.lease),
        "steer": literal(bson(&spec.steer.map(steer))?),
    })
}

/// The changes that a job remembers, as a literal.
pub(crate) fn changes(job: &Job) -> Result<Document> {
    Ok(doc! {"$literal": bson(&job.changes.iter().map(noted).collect::<Vec<_>>())?})
}

/// How a job stands to its SLA.
pub(crate) fn watched(job: &Job) -> Result<Bson> {
    bson(&job.state.watch.map(WatchDocument::from))
}

fn request(request: &Request) -> RequestDocument {
    RequestDocument {
        method: request.method,
        headers: request.headers.clone(),
        body: request.body.clone(),
        timeout_ms: millis(request.timeout),
        secret: request.secret,
    }
}

fn size(request: &Request) -> i64 {
    i64::try_from(request.size()).unwrap_or(i64::MAX)
}

fn retry(retry: &Retry) -> RetryDocument {
    RetryDocument { attempts: retry.attempts, backoff_ms: millis(retry.backoff), on: retry.on.clone() }
}

fn steer(steer: Steer) -> SteerDocument {
    SteerDocument { min_ms: millis(steer.min), max_ms: millis(steer.max) }
}

pub(super) fn noted(noted: &Noted) -> NotedDocument {
    NotedDocument { at: date(noted.at), by: noted.by.clone(), what: noted.what.clone() }
}

impl From<Watch> for WatchDocument {
    fn from(watch: Watch) -> Self {
        Self {
            since: date(watch.since),
            deadline: date(watch.deadline),
            longest_ms: i64::try_from(watch.longest_ms).unwrap_or(i64::MAX),
            on_since: date(watch.on_since),
            failed_at: watch.failed_at.map(date),
        }
    }
}

impl From<WatchDocument> for Watch {
    fn from(d: WatchDocument) -> Self {
        Watch {
            since: time(d.since),
            deadline: time(d.deadline),
            longest_ms: u64::try_from(d.longest_ms).unwrap_or(0),
            on_since: time(d.on_since),
            failed_at: d.failed_at.map(time),
        }
    }
}

impl From<LockDocument> for Lock {
    fn from(d: LockDocument) -> Self {
        Lock {
            worker: WorkerId::from(d.worker.to_uuid_1()),
            token: d.token.to_uuid_1().into(),
            since: time(d.since),
            lease: duration(d.lease_ms),
            at: time(d.at),
            due: d.due.map(time),
            asked_at: d.asked_at.map(time),
            plan: d.plan,
            edits: d.edits,
            lost: d.lost.into_iter().map(Lost::from).collect(),
        }
    }
}

impl From<&Lost> for LostDocument {
    fn from(lost: &Lost) -> Self {
        Self {
            worker: uuid(lost.worker.uuid()),
            token: uuid(lost.token.uuid()),
            since: date(lost.since),
            due: lost.due.map(date),
            asked_at: lost.asked_at.map(date),
            plan: lost.plan,
        }
    }
}

impl From<LostDocument> for Lost {
    fn from(d: LostDocument) -> Self {
        Lost {
            worker: d.worker.to_uuid_1().into(),
            token: d.token.to_uuid_1().into(),
            since: time(d.since),
            due: d.due.map(time),
            asked_at: d.asked_at.map(time),
            plan: d.plan,
        }
    }
}

impl From<&Last> for LastDocument {
    fn from(last: &Last) -> Self {
        Self {
            due: date(last.due),
            started: date(last.started),
            finished: date(last.finished),
            outcome: last.outcome,
            status: last.status,
            message: last.message.clone(),
        }
    }
}

impl From<LastDocument> for Last {
    fn from(d: LastDocument) -> Self {
        Last {
            due: time(d.due),
            started: time(d.started),
            finished: time(d.finished),
            outcome: d.outcome,
            status: d.status,
            message: d.message,
        }
    }
}
