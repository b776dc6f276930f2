//! How jobs and runs are laid out in MongoDB.
//!
//! Times are dates, ids are UUIDs (binary subtype 4), durations are milliseconds. What is absent is written as null,
//! because pipelines tell null from missing.

use std::time::Duration;

use mongodb::bson::{
    Bson, DateTime, Document, Uuid, deserialize_from_document, doc, serialize_to_bson, serialize_to_document,
};
use naptime_core::{
    By, Counters, Cron, Days, Endpoint, Headers, Invalid, Jitter, Job, JobId, Last, Lock, Lost, Method, Noted, Outcome,
    Plan, Random, Request, Retry, Rev, Run, Schedule, Spec, Stage, State, Statuses, Steer, Temporary, Time, Token,
    Watch, Window, WorkerId, Zone,
};
use naptime_store::plan::DueWork;
use naptime_store::{Error, Result};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct JobDocument {
    _id: Uuid,
    partition: i32,
    gate: String,
    pool: String,
    channel: String,
    request: RequestDocument,
    size: i64,
    schedule: ScheduleDocument,
    retry: RetryDocument,
    sla_ms: Option<i64>,
    name: String,
    tags: Vec<String>,
    search: String,
    active: bool,
    deleted_at: Option<DateTime>,
    rev: Rev,
    plan: Plan,
    due: Option<DateTime>,
    asked_at: Option<DateTime>,
    claim_at: Option<DateTime>,
    attempt: u32,
    lock: Option<LockDocument>,
    last: Option<LastDocument>,
    last_ok: Option<DateTime>,
    counters: Counters,
    created_at: DateTime,
    updated_at: DateTime,
    success: Statuses,
    lease_ms: i64,
    steer: Option<SteerDocument>,
    key: Option<String>,
    changes: Vec<NotedDocument>,
    watch: Option<WatchDocument>,
    stage: Option<Stage>,
    ended_at: Option<DateTime>,
}

#[derive(Serialize, Deserialize)]
struct RequestDocument {
    method: Method,
    headers: Headers,
    body: Option<String>,
    timeout_ms: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum ScheduleDocument {
    Every { period_ms: i64, anchor: DateTime, jitter: Option<JitterDocument> },
    Cron { cron: String, tz: String },
    Random { period_ms: i64, window: Option<Window>, days: Days, tz: String, seed: i64 },
    Once { at: DateTime },
}

#[derive(Serialize, Deserialize)]
struct JitterDocument {
    within_ms: i64,
    seed: i64,
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
struct NotedDocument {
    at: DateTime,
    by: By,
    what: String,
}

#[derive(Serialize, Deserialize)]
struct WatchDocument {
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
    lost: Vec<LostDocument>,
}

#[derive(Serialize, Deserialize)]
struct LostDocument {
    worker: Uuid,
    token: Uuid,
    since: DateTime,
    due: Option<DateTime>,
    asked_at: Option<DateTime>,
    plan: Plan,
}

#[derive(Serialize, Deserialize)]
struct LastDocument {
    due: DateTime,
    started: DateTime,
    finished: DateTime,
    outcome: Outcome,
    status: Option<u16>,
    message: String,
}

#[derive(Serialize, Deserialize)]
struct RunDocument {
    _id: RunIdDocument,
    job: Uuid,
    worker: Uuid,
    due: DateTime,
    started: DateTime,
    finished: DateTime,
    outcome: Outcome,
    status: Option<u16>,
    message: String,
    attempt: u32,
    manual: bool,
}

#[derive(Serialize, Deserialize)]
struct RunIdDocument {
    token: Uuid,
    job: Uuid,
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
        watch: state.watch.map(watch),
        stage: job.stage(),
        ended_at: state.ended_at.map(date),
    })
}

/// The job of a document.
pub(crate) fn to_job(document: Document) -> Result<Job> {
    let d: JobDocument = read(document)?;
    Ok(Job {
        id: d._id.to_uuid_1().into(),
        spec: Spec {
            endpoint: endpoint(&d.pool, &d.channel)?,
            request: Request {
                method: d.request.method,
                headers: d.request.headers,
                body: d.request.body,
                timeout: duration(d.request.timeout_ms),
            },
            schedule: to_schedule(d.schedule).map_err(|invalid| Error::Corrupt(invalid.to_string()))?,
            retry: Retry { attempts: d.retry.attempts, backoff: duration(d.retry.backoff_ms), on: d.retry.on },
            sla: d.sla_ms.map(duration),
            name: d.name,
            tags: d.tags,
            success: d.success,
            lease: duration(d.lease_ms),
            steer: d.steer.map(|steer| Steer { min: duration(steer.min_ms), max: duration(steer.max_ms) }),
            key: d.key,
        },
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
    let schedule = to_schedule(d.schedule).map_err(|error| Error::Corrupt(error.to_string()))?;
    Ok(DueWork { schedule, due: time(d.due) })
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

/// How a job stands to its SLA, as a literal.
pub(crate) fn watched(job: &Job) -> Result<Document> {
    Ok(doc! {"$literal": bson(&job.state.watch.map(watch))?})
}

/// How the last run ended, as a literal.
pub(crate) fn last(run: &Run) -> Result<Document> {
    let last = LastDocument {
        due: date(run.due),
        started: date(run.started),
        finished: date(run.finished),
        outcome: run.outcome,
        status: run.status,
        message: run.message.clone(),
    };
    Ok(doc! {"$literal": bson(&last)?})
}

/// A run as its document.
pub(crate) fn from_run(run: &Run) -> Result<Document> {
    write(&RunDocument {
        _id: RunIdDocument { token: uuid(run.token.uuid()), job: uuid(run.job.uuid()) },
        job: uuid(run.job.uuid()),
        worker: uuid(run.worker.uuid()),
        due: date(run.due),
        started: date(run.started),
        finished: date(run.finished),
        outcome: run.outcome,
        status: run.status,
        message: run.message.clone(),
        attempt: run.attempt,
        manual: run.manual,
    })
}

/// The run of a document.
pub(crate) fn to_run(document: Document) -> Result<Run> {
    let d: RunDocument = read(document)?;
    Ok(Run {
        token: d._id.token.to_uuid_1().into(),
        job: d.job.to_uuid_1().into(),
        worker: d.worker.to_uuid_1().into(),
        due: time(d.due),
        started: time(d.started),
        finished: time(d.finished),
        outcome: d.outcome,
        status: d.status,
        message: d.message,
        attempt: d.attempt,
        manual: d.manual,
    })
}

/// The `_id` of a run.
pub(crate) fn run_id(token: Token, job: JobId) -> Document {
    doc! {"token": uuid(token.uuid()), "job": uuid(job.uuid())}
}

/// The part of a filter that finds one job: its id and the partition that follows from it.
pub(crate) fn by_id(id: JobId) -> Document {
    doc! {"_id": uuid(id.uuid()), "partition": partition(id)}
}

pub(crate) fn endpoint(pool: &str, channel: &str) -> Result<Endpoint> {
    Endpoint::parse(&format!("{pool}{channel}")).map_err(|error| Error::Corrupt(error.to_string()))
}

pub(crate) fn partition(id: JobId) -> i32 {
    i32::from(id.partition().number())
}

fn request(request: &Request) -> RequestDocument {
    RequestDocument {
        method: request.method,
        headers: request.headers.clone(),
        body: request.body.clone(),
        timeout_ms: millis(request.timeout),
    }
}

fn size(request: &Request) -> i64 {
    i64::try_from(request.size()).unwrap_or(i64::MAX)
}

fn schedule(schedule: &Schedule) -> ScheduleDocument {
    match schedule {
        Schedule::Every { period, anchor, jitter } => ScheduleDocument::Every {
            period_ms: millis(*period),
            anchor: date(*anchor),
            jitter: jitter.map(|jitter| JitterDocument {
                within_ms: millis(jitter.within),
                seed: jitter.seed.cast_signed(),
            }),
        },
        Schedule::Cron(cron) => {
            ScheduleDocument::Cron { cron: cron.text().to_owned(), tz: cron.zone().name().to_owned() }
        }
        Schedule::Random(random) => ScheduleDocument::Random {
            period_ms: millis(random.period()),
            window: random.window(),
            days: random.days(),
            tz: random.zone().name().to_owned(),
            seed: random.seed().cast_signed(),
        },
        Schedule::Once { at } => ScheduleDocument::Once { at: date(*at) },
    }
}

fn retry(retry: &Retry) -> RetryDocument {
    RetryDocument { attempts: retry.attempts, backoff_ms: millis(retry.backoff), on: retry.on.clone() }
}

fn steer(steer: Steer) -> SteerDocument {
    SteerDocument { min_ms: millis(steer.min), max_ms: millis(steer.max) }
}

fn noted(noted: &Noted) -> NotedDocument {
    NotedDocument { at: date(noted.at), by: noted.by.clone(), what: noted.what.clone() }
}

fn watch(watch: Watch) -> WatchDocument {
    WatchDocument {
        since: date(watch.since),
        deadline: date(watch.deadline),
        longest_ms: i64::try_from(watch.longest_ms).unwrap_or(i64::MAX),
        on_since: date(watch.on_since),
        failed_at: watch.failed_at.map(date),
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

fn to_schedule(d: ScheduleDocument) -> std::result::Result<Schedule, Invalid> {
    Ok(match d {
        ScheduleDocument::Every { period_ms, anchor, jitter } => Schedule::Every {
            period: duration(period_ms),
            anchor: time(anchor),
            jitter: jitter.map(|d| Jitter { within: duration(d.within_ms), seed: d.seed.cast_unsigned() }),
        },
        ScheduleDocument::Cron { cron, tz } => Schedule::Cron(Cron::parse(&cron, Zone::parse(&tz)?)?),
        ScheduleDocument::Random { period_ms, window, days, tz, seed } => {
            let (period, zone) = (duration(period_ms), Zone::parse(&tz)?);
            Schedule::Random(Random::new(period, window, days, zone, seed.cast_unsigned())?)
        }
        ScheduleDocument::Once { at } => Schedule::Once { at: time(at) },
    })
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
            lost: d.lost.into_iter().map(Lost::from).collect(),
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

pub(crate) fn uuid(uuid: uuid::Uuid) -> Uuid {
    Uuid::from_bytes(uuid.into_bytes())
}

pub(crate) fn date(time: Time) -> DateTime {
    DateTime::from_millis(time.millis())
}

pub(crate) fn time(date: DateTime) -> Time {
    Time::from_millis(date.timestamp_millis())
}

pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

pub(crate) fn duration(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

/// Reads a document into the type that mirrors it.
pub(crate) fn read<T: serde::de::DeserializeOwned>(document: Document) -> Result<T> {
    deserialize_from_document(document).map_err(corrupt)
}

fn write<T: Serialize>(value: &T) -> Result<Document> {
    serialize_to_document(value).map_err(corrupt)
}

pub(crate) fn bson<T: Serialize>(value: &T) -> Result<Bson> {
    serialize_to_bson(value).map_err(corrupt)
}

fn corrupt(error: mongodb::bson::error::Error) -> Error {
    Error::Corrupt(error.to_string())
}
