//! Jobs as people see and edit them.

use std::time::Duration;

use async_trait::async_trait;
use naptime_core::{Edit, Job, JobId, NewJob, Rev, Time};
use naptime_store::{Added, Error, JobCount, JobQuery, JobSummary, Jobs, Page, PageRef, Result};
use rusqlite::Connection;

use crate::fault::Fault;
use crate::{SqliteStore, deleted, list, rows, sla};

/// The most jobs added by one write, so that claims and settles don't wait for long.
const CHUNK: usize = 500;

#[async_trait]
impl Jobs for SqliteStore {
    async fn insert(&self, new: Vec<NewJob>) -> Result<Vec<Added>> {
        let mut added = Vec::with_capacity(new.len());
        let mut rest = new.into_iter().peekable();
        while rest.peek().is_some() {
            let chunk: Vec<NewJob> = rest.by_ref().take(CHUNK).collect();
            let add = move |connection: &Connection, now: Time| {
                chunk.into_iter().map(|new| rows::add(connection, new, now)).collect::<std::result::Result<Vec<_>, _>>()
            };
            added.extend(self.write(add).await?);
            self.wake_up();
        }
        Ok(added)
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
        let retention = self.inner.retention;
        let edited = self.write(move |connection, now| carry_out(connection, id, expect, |_| Ok(edit), now, retention));
        let edited = edited.await;
        self.wake_up();
        edited
    }
}

/// Makes the edit that `choose` has for the job as it is.
pub(crate) fn carry_out(
    connection: &Connection,
    id: JobId,
    expect: Option<Rev>,
    choose: impl FnOnce(&Job) -> Result<Edit>,
    now: Time,
    retention: Duration,
) -> std::result::Result<Job, Fault> {
    let before = rows::find(connection, id)?.ok_or(Error::NotFound)?;
    let edit = choose(&before)?;
    let mut job = before.clone();
    let restores = edit == Edit::Restore;
    // To whoever edits a deleted job, that says more than that it was edited meanwhile.
    let changed = job.edit(edit, now).map_err(|_| Error::Deleted)?;
    if expect.is_some_and(|expect| expect != before.rev) {
        return Err(Error::Stale(before.rev).into());
    }
    if changed {
        if restores && deleted::is_key_taken(connection, &job)? {
            return Err(Error::KeyTaken.into());
        }
        rows::write(connection, Some(&before), &job)?;
        if let Some(promise) = job.promise_ended_since(&before, now) {
            let breach = sla::breach_ended(connection, &before, &job, now)?;
            sla::keep(connection, breach.as_slice(), Some(promise), now, retention)?;
        }
    }
    Ok(job)
}
