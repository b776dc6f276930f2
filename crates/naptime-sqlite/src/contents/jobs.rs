//! Whole jobs.

use std::sync::LazyLock;

use naptime_core::{Job, JobId};
use rusqlite::{Connection, Params, Row, Statement};

use crate::fault::{Fault, corrupt};
use crate::rows::{COLUMNS, blob, json, slim_job, uuid};

static JOBS: LazyLock<String> =
    LazyLock::new(|| format!("SELECT {COLUMNS}, request FROM jobs JOIN due USING (seq) JOIN requests ON job = seq"));

/// Jobs in the order of their ids.
pub(super) fn after(connection: &Connection, after: Option<JobId>, limit: usize) -> Result<Vec<Job>, Fault> {
    static SQL: LazyLock<String> = LazyLock::new(|| format!("{} WHERE jobs.id > ?1 ORDER BY jobs.id LIMIT ?2", *JOBS));
    // Before all that have an id.
    let after = after.map_or([0; 16], |id| blob(id.uuid()));
    read_jobs(&mut *connection.prepare_cached(&SQL)?, (after, i64::try_from(limit).unwrap_or(i64::MAX)))
}

pub(super) fn of(connection: &Connection, ids: &[JobId]) -> Result<Vec<Job>, Fault> {
    static SQL: LazyLock<String> = LazyLock::new(|| format!("{} WHERE jobs.id = ?1", *JOBS));
    let mut statement = connection.prepare_cached(&SQL)?;
    let mut jobs = Vec::new();
    for id in ids {
        jobs.extend(read_jobs(&mut statement, [blob(id.uuid())])?);
    }
    Ok(jobs)
}

fn read_jobs(statement: &mut Statement<'_>, keys: impl Params) -> Result<Vec<Job>, Fault> {
    let mut rows = statement.query(keys)?;
    let mut jobs = Vec::new();
    while let Some(row) = rows.next()? {
        let id = uuid(row, "id")?;
        jobs.push(whole(row).map_err(|error| corrupt(format!("job {id}: {error}")))?);
    }
    Ok(jobs)
}

fn whole(row: &Row<'_>) -> rusqlite::Result<Job> {
    let mut job = slim_job(row)?;
    job.spec_mut().request = json(row, "request")?;
    Ok(job)
}
