//! The list of deleted endpoints.

use naptime_core::{Job, JobId};
use naptime_store::{Error, JobQuery, JobSummary, Page, PageRef};
use rusqlite::{Connection, named_params};
use uuid::Uuid;

use crate::fault::Fault;
use crate::rows::{self, COLUMNS, blob};

/// A page of the endpoints that are deleted and match, the last deleted first.
pub(crate) fn list(connection: &Connection, query: &JobQuery, page: &PageRef) -> Result<Page<JobSummary>, Fault> {
    let (at, id) = page.cursor.as_deref().map_or(Ok((i64::MAX, Uuid::max())), read_cursor)?;
    let sql = format!(
        "SELECT {COLUMNS} FROM jobs INDEXED BY jobs_deleted_endpoints
         WHERE deleted_at IS NOT NULL AND stage IS NULL AND (deleted_at, id) < (:at, :id)
           AND (:q IS NULL OR instr(search, :q) > 0)
           AND (:url IS NULL OR json_extract(spec, '$.endpoint') = :url)
           AND (:pool IS NULL OR pool = :pool)
           AND (:active IS NULL OR active = :active)
           AND (:tag IS NULL OR EXISTS (SELECT 1 FROM json_each(tags) WHERE value = :tag))
         ORDER BY deleted_at DESC, id DESC LIMIT :limit"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let parameters = named_params! {
        ":at": at,
        ":id": blob(id),
        ":q": query.q.as_ref().map(|q| q.to_lowercase()),
        ":url": query.url.as_ref().map(ToString::to_string),
        ":pool": query.pool,
        ":active": query.active,
        ":tag": query.tag,
        // One more, to know whether there is a next page.
        ":limit": i64::try_from(page.limit.saturating_add(1)).unwrap_or(i64::MAX),
    };
    let mut found: Vec<Job> = statement.query_map(parameters, rows::slim_job)?.collect::<Result<_, _>>()?;
    let more = found.len() > page.limit;
    found.truncate(page.limit);
    let next = found.last().filter(|_| more).and_then(cursor_after);
    Ok(Page { items: found.into_iter().map(Into::into).collect(), next })
}

/// Whether another job has the key of this one by now, so that it cannot be restored.
pub(crate) fn is_key_taken(connection: &Connection, job: &Job) -> Result<bool, Fault> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM jobs WHERE key = ?1 AND deleted_at IS NULL AND id <> ?2)";
    Ok(connection.prepare_cached(SQL)?.query_row((&job.spec.key, blob(job.id.uuid())), |row| row.get(0))?)
}

/// A cursor is the time of deletion and the id of the last job seen.
fn cursor_after(job: &Job) -> Option<String> {
    Some(format!("{}~{}", job.deleted_at?.millis(), job.id))
}

fn read_cursor(cursor: &str) -> Result<(i64, Uuid), Error> {
    let (at, id) = cursor.split_once('~').ok_or(Error::BadCursor)?;
    let at = at.parse().map_err(|_| Error::BadCursor)?;
    let id: JobId = id.parse().map_err(|_| Error::BadCursor)?;
    Ok((at, id.uuid()))
}
