//! The list of deleted endpoints.

use naptime_core::Job;
use naptime_store::{JobQuery, JobSummary, Page, PageRef, Position};
use rusqlite::{Connection, Row};

use crate::conditions::Conditions;
use crate::fault::Fault;
use crate::rows::{self, COLUMNS, blob};

/// A page of the endpoints that are deleted and match, the last deleted first.
pub(crate) fn list(connection: &Connection, query: &JobQuery, page: &PageRef) -> Result<Page<JobSummary>, Fault> {
    if query.state.is_some() {
        // A deleted endpoint is in none.
        page.after()?;
        return Ok(Page::of(Vec::new(), page, |_| String::new()));
    }
    let mut wanted = Conditions::of(query);
    // Nothing is deleted at the end of time.
    let (at, id) = page.after()?.map_or((i64::MAX, [0; 16]), |after| (after.at.millis(), blob(after.id)));
    wanted.set(":at", at).set(":id", id.to_vec()).set(":limit", page.probe());
    let sql = format!(
        "SELECT {COLUMNS} FROM jobs INDEXED BY jobs_deleted CROSS JOIN due USING (seq)
         WHERE deleted_at IS NOT NULL AND NOT once AND (deleted_at, jobs.id) < (:at, :id){}
         ORDER BY deleted_at DESC, jobs.id DESC LIMIT :limit",
        wanted.sql()
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let read = |row: &Row<'_>| {
        let last = Position { at: rows::time(row, "deleted_at")?, id: rows::uuid(row, "id")? };
        rows::placed(last.id, || Ok(last.write()), rows::slim_job(row))
    };
    Ok(rows::page_of(statement.query_map(&*wanted.parameters(), read)?, page)?.map(Into::into))
}

/// Whether another job has the key that this one is to have, so that it can be neither restored nor given the key.
pub(crate) fn is_key_taken(connection: &Connection, job: &Job) -> Result<bool, Fault> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM jobs WHERE key = ?1 AND once = ?2
        AND deleted_at IS NULL AND id <> ?3)";
    let parameters = (&job.spec.key, job.spec.schedule.is_once(), blob(job.id.uuid()));
    Ok(connection.prepare_cached(SQL)?.query_row(parameters, |row| row.get(0))?)
}
