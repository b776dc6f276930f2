//! Jobs as rows.

use std::sync::{Arc, LazyLock};

use naptime_core::{Headers, Job, JobId, NewJob, Plan, Request, Rev, Spec, Stage, Time};
use naptime_store::Added;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, named_params};
use serde_json::to_string;
use uuid::Uuid;

use crate::fault::{Fault, corrupt};
use crate::pools;

/// The columns that [`slim_job`] reads.
pub(crate) const COLUMNS: &str = "id, spec, active, deleted_at, rev, plan, created_at, updated_at, changes, state";

static FIND: LazyLock<String> =
    LazyLock::new(|| format!("SELECT {COLUMNS}, request FROM jobs JOIN requests ON job = seq WHERE id = ?1"));
static FIND_SLIM: LazyLock<String> = LazyLock::new(|| format!("SELECT {COLUMNS} FROM jobs WHERE id = ?1"));

/// The job, whole.
pub(crate) fn find(connection: &Connection, id: JobId) -> Result<Option<Job>, Fault> {
    let whole = |row: &Row<'_>| {
        let mut job = slim_job(row)?;
        job.spec_mut().request = json(row, "request")?;
        Ok(job)
    };
    Ok(connection.prepare_cached(&FIND)?.query_row([blob(id.uuid())], whole).optional()?)
}

/// The job without the headers and the body of its request: enough for what changes only its state.
pub(crate) fn find_slim(connection: &Connection, id: JobId) -> Result<Option<Job>, Fault> {
    Ok(connection.prepare_cached(&FIND_SLIM)?.query_row([blob(id.uuid())], slim_job).optional()?)
}

/// A job without the headers and the body of its request, from [`COLUMNS`].
pub(crate) fn slim_job(row: &Row<'_>) -> rusqlite::Result<Job> {
    Ok(Job {
        id: uuid(row, "id")?.into(),
        spec: Arc::new(json(row, "spec")?),
        active: row.get("active")?,
        deleted_at: row.get::<_, Option<i64>>("deleted_at")?.map(Time::from_millis),
        rev: Rev(row.get("rev")?),
        plan: Plan(row.get("plan")?),
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
        changes: json(row, "changes")?,
        state: json(row, "state")?,
    })
}

/// The job of this key that is not deleted, whole: a one-off job, or one that recurs.
pub(crate) fn find_by_key(connection: &Connection, key: &str, once: bool) -> Result<Option<Job>, Fault> {
    const SQL: &str = "SELECT id FROM jobs WHERE key = ?1 AND once = ?2 AND deleted_at IS NULL";
    let id: Option<[u8; 16]> =
        connection.prepare_cached(SQL)?.query_row((key, once), |row| row.get("id")).optional()?;
    id.map_or(Ok(None), |id| find(connection, Uuid::from_bytes(id).into()))
}

/// Adds a job, unless it is there, by an earlier try, or another job of its kind has its key.
pub(crate) fn add(connection: &Connection, new: NewJob, now: Time) -> Result<Added, Fault> {
    if let Some(job) = find(connection, new.id)? {
        return Ok(Added::New(job));
    }
    if let Some(key) = &new.spec.key
        && let Some(job) = find_by_key(connection, key, new.spec.schedule.is_once())?
    {
        return Ok(Added::Existing(job));
    }
    let job = new.into_job(now);
    insert(connection, &job)?;
    Ok(Added::New(job))
}

fn insert(connection: &Connection, job: &Job) -> Result<(), Fault> {
    // What else there is to a job is written as an edit writes it.
    const SQL: &str = "INSERT INTO jobs (id, held, size, pool, search, tags, active, rev, plan, created_at, updated_at,
        spec, state) VALUES (?1, 0, 0, '', '', '[]', 0, 0, 0, ?2, ?2, '', '')";
    connection.prepare_cached(SQL)?.execute((blob(job.id.uuid()), job.created_at.millis()))?;
    let seq = connection.last_insert_rowid();
    let request = to_string(&job.spec.request)?;
    connection.prepare_cached("INSERT INTO requests (job, request) VALUES (?1, ?2)")?.execute((seq, request))?;
    write_config(connection, job)?;
    write_state(connection, job)
}

/// Writes what an edit changed, the request only if it is another than `before`'s.
pub(crate) fn write(connection: &Connection, before: &Job, job: &Job) -> Result<(), Fault> {
    if job.spec.request != before.spec.request {
        const SQL: &str = "UPDATE requests SET request = ?2 WHERE job = (SELECT seq FROM jobs WHERE id = ?1)";
        connection.prepare_cached(SQL)?.execute((blob(job.id.uuid()), to_string(&job.spec.request)?))?;
    }
    write_config(connection, job)?;
    write_state(connection, job)
}

/// Writes where a job stands.
pub(crate) fn write_state(connection: &Connection, job: &Job) -> Result<(), Fault> {
    const SQL: &str = "UPDATE jobs SET claim_at = :claim_at, held = :held, stage = :stage, ended_at = :ended_at,
        deadline = :deadline, promised_since = :promised_since, sla_ms = :sla_ms, longest_ms = :longest_ms,
        state = :state WHERE id = :id";
    let watch = job.state.watch;
    let changed = connection.prepare_cached(SQL)?.execute(named_params! {
        ":id": blob(job.id.uuid()),
        ":claim_at": job.state.claim_at.map(Time::millis),
        ":held": job.state.lock.is_some(),
        ":stage": job.stage().map(Stage::as_str),
        ":ended_at": job.state.ended_at.map(Time::millis),
        ":deadline": watch.map(|watch| watch.deadline.millis()),
        ":promised_since": watch.map(|watch| watch.since.millis()),
        ":sla_ms": watch.and(job.spec.sla).map(|sla| i64::try_from(sla.as_millis()).unwrap_or(i64::MAX)),
        ":longest_ms": watch.map(|watch| i64::try_from(watch.longest_ms).unwrap_or(i64::MAX)),
        ":state": to_string(&job.state)?,
    })?;
    if changed == 1 { Ok(()) } else { Err(corrupt(format!("job {} went away while it was written", job.id))) }
}

/// Leaves a job alone until `until`.
pub(crate) fn set_aside(connection: &Connection, id: JobId, until: Time) -> Result<(), Fault> {
    const SQL: &str = "UPDATE jobs SET claim_at = ?2 WHERE id = ?1";
    connection.prepare_cached(SQL)?.execute((blob(id.uuid()), until.millis()))?;
    Ok(())
}

fn write_config(connection: &Connection, job: &Job) -> Result<(), Fault> {
    const SQL: &str = "UPDATE jobs SET size = :size, pool = :pool, search = :search, tags = :tags, active = :active,
        deleted_at = :deleted_at, rev = :rev, plan = :plan, updated_at = :updated_at, key = :key, changes = :changes,
        spec = :spec, once = :once, gate = (SELECT gate FROM pools WHERE pool = :pool) WHERE id = :id";
    pools::ensure(connection, job.spec.endpoint.pool(), job.updated_at)?;
    let request = Request { headers: Headers::default(), body: None, ..job.spec.request };
    let spec = Spec { request, ..Spec::clone(&job.spec) };
    connection.prepare_cached(SQL)?.execute(named_params! {
        ":id": blob(job.id.uuid()),
        ":size": i64::try_from(job.spec.request.size()).unwrap_or(i64::MAX),
        ":pool": spec.endpoint.pool().as_str(),
        ":search": spec.search_text(),
        ":tags": to_string(&spec.tags)?,
        ":active": job.active,
        ":deleted_at": job.deleted_at.map(Time::millis),
        ":rev": job.rev.0,
        ":plan": job.plan.0,
        ":updated_at": job.updated_at.millis(),
        ":key": spec.key,
        ":changes": to_string(&job.changes)?,
        ":spec": to_string(&spec)?,
        ":once": spec.schedule.is_once(),
    })?;
    Ok(())
}

/// A UUID as it is stored.
pub(crate) fn blob(uuid: Uuid) -> [u8; 16] {
    uuid.into_bytes()
}

/// The UUID in a column.
pub(crate) fn uuid(row: &Row<'_>, column: &str) -> rusqlite::Result<Uuid> {
    row.get(column).map(Uuid::from_bytes)
}

/// The time in a column.
pub(crate) fn time(row: &Row<'_>, column: &str) -> rusqlite::Result<Time> {
    row.get(column).map(Time::from_millis)
}

/// What a column holds as JSON.
pub(crate) fn json<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: &str) -> rusqlite::Result<T> {
    let index = row.as_ref().column_index(column)?;
    serde_json::from_str(row.get_ref(index)?.as_str()?)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(index, Type::Text, Box::new(error)))
}
