//! Jobs as rows: what people write of them, and how they are read as a whole.

use std::sync::{Arc, LazyLock};

use naptime_core::{Headers, Job, JobId, NewJob, Plan, Request, Rev, Schedule, SigningKeys, Spec, Time};
use naptime_store::{Added, Page, PageRef, Read, Unreadable};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, named_params};
use serde_json::to_string;
use uuid::Uuid;

use crate::fault::{Fault, is_unreadable};
use crate::{due, pools};

/// The columns that [`slim_job`] reads.
pub(crate) const COLUMNS: &str = "jobs.id AS id, spec, active, deleted_at, jobs.rev AS rev, plan,
    jobs.created_at AS created_at, updated_at, changes, state";

static FIND: LazyLock<String> = LazyLock::new(|| {
    format!("SELECT {COLUMNS}, request FROM jobs JOIN due USING (seq) JOIN requests ON job = seq WHERE jobs.id = ?1")
});
static FIND_SLIM: LazyLock<String> =
    LazyLock::new(|| format!("SELECT {COLUMNS} FROM jobs JOIN due USING (seq) WHERE jobs.id = ?1"));

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

/// A row of a list, with its place in it: one that cannot be read must not take the others with it.
pub(crate) fn placed<T>(
    id: impl ToString,
    place: impl FnOnce() -> rusqlite::Result<String>,
    read: rusqlite::Result<T>,
) -> rusqlite::Result<(String, Read<T>)> {
    let read = match read {
        Err(error) if is_unreadable(&error) => {
            let (id, why) = (id.to_string(), error.to_string());
            tracing::error!(id, error = why, "cannot read {id}");
            Err(Unreadable { id, why })
        }
        read => Ok(read?),
    };
    Ok((place()?, read))
}

/// A page of rows that were [`placed`].
pub(crate) fn page_of<T>(
    found: impl Iterator<Item = rusqlite::Result<(String, Read<T>)>>,
    page: &PageRef,
) -> Result<Page<T>, Fault> {
    let found = found.collect::<Result<Vec<_>, _>>()?;
    Ok(Page::of(found, page, |(place, _)| place.clone()).map(|(_, read)| read).sorted_out())
}

/// A page of rows that were [`placed`], of a list that is read in both directions.
pub(crate) fn page_of_both<T>(
    found: impl Iterator<Item = rusqlite::Result<(String, Read<T>)>>,
    page: &PageRef,
) -> Result<Page<T>, Fault> {
    let found = found.collect::<Result<Vec<_>, _>>()?;
    Ok(Page::of_both(found, page, |(place, _)| place.clone()).map(|(_, read)| read).sorted_out())
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
    write(connection, None, &job)?;
    Ok(Added::New(job))
}

/// Writes a job, and makes its pool if there is none. `before`: what is there; its request is written only if it changes.
pub(crate) fn write(connection: &Connection, before: Option<&Job>, job: &Job) -> Result<(), Fault> {
    static JOBS: LazyLock<Statements> = LazyLock::new(|| {
        let written = "pool search name tags schedule paused_until key project once active deleted_at rev created_at updated_at \
                       spec changes";
        Statements::new("jobs", "id", written)
    });
    static REQUESTS: LazyLock<Statements> = LazyLock::new(|| Statements::new("requests", "job", "request"));
    let is_new = before.is_none();
    let gate = pools::ensure(connection, job.spec.endpoint.pool(), job.updated_at)?;
    let request = Request { headers: Headers::default(), body: None, sign: SigningKeys::default(), ..job.spec.request };
    let spec = Spec { request, ..Spec::clone(&job.spec) };
    connection.prepare_cached(JOBS.for_row(is_new))?.execute(named_params! {
        ":id": blob(job.id.uuid()),
        ":pool": spec.endpoint.pool().as_str(),
        ":search": spec.search_text(),
        ":name": spec.name,
        ":tags": to_string(&spec.tags)?,
        ":schedule": spec.schedule.kind(),
        ":paused_until": paused_until(&spec.schedule),
        ":key": spec.key,
        ":project": spec.applied.as_ref().map(|applied| &applied.project),
        ":once": spec.schedule.is_once(),
        ":active": job.active,
        ":deleted_at": job.deleted_at.map(Time::millis),
        ":rev": job.rev.0,
        ":created_at": job.created_at.millis(),
        ":updated_at": job.updated_at.millis(),
        ":spec": to_string(&spec)?,
        ":changes": to_string(&job.changes)?,
    })?;
    const SEQ: &str = "SELECT seq FROM jobs WHERE id = ?1";
    let seq: i64 = connection.prepare_cached(SEQ)?.query_row([blob(job.id.uuid())], |row| row.get("seq"))?;
    if before.is_none_or(|before| before.spec.request != job.spec.request) {
        let request = to_string(&job.spec.request)?;
        let row = named_params! {":job": seq, ":request": request};
        connection.prepare_cached(REQUESTS.for_row(is_new))?.execute(row)?;
    }
    due::put(connection, seq, job, &gate, is_new)
}

/// When the pause of a schedule ends, if it has one; at the end of time, if somebody has to take it away.
pub(crate) fn paused_until(schedule: &Schedule) -> Option<i64> {
    let pause = schedule.bounds().and_then(|bounds| bounds.pause.as_ref())?;
    Some(pause.until.map_or(i64::MAX, Time::millis))
}

/// The statements that write a row. (An upsert does with one, but takes half as long again: SQLite copies the pages that
/// it changes, to be able to take back the first half of it.)
pub(crate) struct Statements {
    add: String,
    change: String,
}

impl Statements {
    /// Those for a row that has this key, with a parameter for the key and for each of the columns.
    pub(crate) fn new(table: &str, key: &str, columns: &str) -> Self {
        let parameters = columns.replace(' ', ", :");
        let columns = columns.replace(' ', ", ");
        Self {
            add: format!("INSERT INTO {table} ({key}, {columns}) VALUES (:{key}, :{parameters})"),
            change: format!("UPDATE {table} SET ({columns}) = (:{parameters}) WHERE {key} = :{key}"),
        }
    }

    pub(crate) fn for_row(&self, is_new: bool) -> &str {
        if is_new { &self.add } else { &self.change }
    }
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
