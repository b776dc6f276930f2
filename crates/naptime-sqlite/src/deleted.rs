//! The list of deleted endpoints.

use naptime_core::Job;
use naptime_store::{JobQuery, JobSummary, Page, PageRef, Position};
use rusqlite::{Connection, Row, named_params};

use crate::fault::Fault;
use crate::rows::{self, COLUMNS, WANTED, blob};

/// A page of the endpoints that are deleted and match, the last deleted first.
pub(crate) fn list(connection: &Connection, query: &JobQuery, page: &PageRef) -> Result<Page<JobSummary>, Fault> {
    if query.trouble.is_some() {
        // A deleted endpoint has no trouble.
        page.after()?;
        return Ok(Page::of(Vec::new(), page, |_| String::new()));
    }
    // Nothing is deleted at the end of time.
    let (at, id) = page.after()?.map_or((i64::MAX, [0; 16]), |after| (after.at.millis(), blob(after.id)));
    let sql = format!(
        "SELECT {COLUMNS} FROM jobs INDEXED BY jobs_deleted CROSS JOIN due USING (seq)
         WHERE deleted_at IS NOT NULL AND NOT once AND (deleted_at, jobs.id) < (:at, :id) AND {WANTED}
         ORDER BY deleted_at DESC, jobs.id DESC LIMIT :limit"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let parameters = named_params! {
        ":at": at,
        ":id": id,
        ":q": query.q.as_ref().map(|q| q.to_lowercase()),
        ":url": query.url.as_ref().map(ToString::to_string),
        ":pool": query.pool,
        ":active": query.active,
        ":tag": query.tag,
        ":limit": page.probe(),
    };
    let read = |row: &Row<'_>| {
        let last = Position { at: rows::time(row, "deleted_at")?, id: rows::uuid(row, "id")? };
        rows::placed(last.id, || Ok(last.write()), rows::slim_job(row))
    };
    Ok(rows::page_of(statement.query_map(parameters, read)?, page)?.map(Into::into))
}

/// Whether another job has the key of this one by now, so that it cannot be restored.
pub(crate) fn is_key_taken(connection: &Connection, job: &Job) -> Result<bool, Fault> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM jobs WHERE key = ?1 AND once = ?2
        AND deleted_at IS NULL AND id <> ?3)";
    let parameters = (&job.spec.key, job.spec.schedule.is_once(), blob(job.id.uuid()));
    Ok(connection.prepare_cached(SQL)?.query_row(parameters, |row| row.get(0))?)
}
