//! Jobs as people see and edit them.

use async_trait::async_trait;
use naptime_core::{Edit, Job, JobId, NewJob, Rev};
use naptime_store::{Error, JobCount, JobQuery, JobSummary, Jobs, Page, PageRef, Result};
use rusqlite::Connection;

use crate::fault::Fault;
use crate::{SqliteStore, list, rows};

#[async_trait]
impl Jobs for SqliteStore {
    async fn insert(&self, new: Vec<NewJob>) -> Result<Vec<Job>> {
        self.write(move |connection, now| {
            let jobs: Vec<Job> = new.into_iter().map(|new| new.into_job(now)).collect();
            jobs.iter().try_for_each(|job| rows::insert(connection, job))?;
            Ok(jobs)
        })
        .await
    }

    async fn get(&self, id: JobId) -> Result<Job> {
        self.read(move |connection, _| rows::find(connection, id)).await?.ok_or(Error::NotFound)
    }

    async fn list(&self, query: &JobQuery, page: &PageRef) -> Result<Page<JobSummary>> {
        let (query, page) = (query.clone(), page.clone());
        self.read(move |connection, _| list::list(connection, &query, &page)).await
    }

    async fn count(&self) -> Result<JobCount> {
        self.read(|connection, _| list::count(connection)).await
    }

    async fn edit(&self, id: JobId, expect: Option<Rev>, edit: Edit) -> Result<Job> {
        self.write(move |connection, now| carry_out(connection, id, expect, edit, now)).await
    }
}

fn carry_out(
    connection: &Connection,
    id: JobId,
    expect: Option<Rev>,
    edit: Edit,
    now: naptime_core::Time,
) -> std::result::Result<Job, Fault> {
    let before = rows::find(connection, id)?.ok_or(Error::NotFound)?;
    let mut job = before.clone();
    // To whoever edits a deleted job, that says more than that it was edited meanwhile.
    let changed = job.edit(edit, now).map_err(|_| Error::Deleted)?;
    if expect.is_some_and(|expect| expect != before.rev) {
        return Err(Error::Stale(before.rev).into());
    }
    if changed {
        rows::write(connection, &before, &job)?;
    }
    Ok(job)
}
