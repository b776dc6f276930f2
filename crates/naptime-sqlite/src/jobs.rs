//! Jobs as people see and edit them.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use naptime_core::{By, Edit, Job, JobId, NewJob, Rev, SkipReason, Time};
use naptime_store::{Added, Edited, EndpointState, Error, JobCount, JobQuery, JobSummary, Jobs, Page, PageRef, Result};
use rusqlite::Connection;

use crate::fault::Fault;
use crate::{SqliteStore, deleted, list, moving, rows, runs, sla, states};

/// The most jobs added by one write, so that claims and settles don't wait for long.
const CHUNK: usize = 500;
/// The most jobs edited by one write, for the same reason. Each costs more.
const EDITED_AT_ONCE: usize = 100;

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
            added.extend(self.write_if_open(add).await?);
            self.wake_up();
        }
        Ok(added)
    }

    async fn get(&self, id: JobId) -> Result<Job> {
        self.read(move |connection, _| rows::find(connection, id)).await?.ok_or(Error::NotFound)
    }

    async fn list(&self, query: &JobQuery, page: &PageRef) -> Result<Page<JobSummary>> {
        let (query, page) = (query.clone(), page.clone());
        self.read(move |connection, now| list::list(connection, &query, &page, now)).await
    }

    async fn count(&self) -> Result<JobCount> {
        self.read(|connection, _| list::count(connection)).await
    }

    async fn states(&self) -> Result<BTreeMap<EndpointState, u64>> {
        self.read(states::count).await
    }

    async fn last_edits(&self, from: Time, limit: usize) -> Result<Vec<Edited>> {
        self.read(move |connection, _| list::last_edits(connection, from, limit)).await
    }

    async fn edit(&self, id: JobId, expect: Option<Rev>, edit: Edit) -> Result<Job> {
        let retention = self.inner.retention;
        let edited = self.write(move |connection, now| {
            // A target that is being called has its say, or what it asked for would be lost.
            if !is_by_target(&edit) {
                moving::check_open(connection)?;
            }
            carry_out(connection, id, expect, |_| Ok(edit), now, retention)
        });
        let edited = edited.await;
        self.wake_up();
        edited
    }

    async fn edit_each(&self, ids: &[JobId], edit: &Edit) -> Result<u64> {
        let (retention, mut edited) = (self.inner.retention, 0);
        for chunk in ids.chunks(EDITED_AT_ONCE) {
            let (chunk, edit) = (chunk.to_vec(), edit.clone());
            let edit_all = move |connection: &Connection, now: Time| {
                let mut edited = 0;
                for id in chunk {
                    match carry_out(connection, id, None, |_| Ok(edit.clone()), now, retention) {
                        Ok(_) => edited += 1,
                        Err(Fault::Store(Error::NotFound | Error::Deleted)) => {}
                        Err(fault) => return Err(fault),
                    }
                }
                Ok(edited)
            };
            edited += self.write_if_open(edit_all).await?;
            self.wake_up();
        }
        Ok(edited)
    }
}

fn is_by_target(edit: &Edit) -> bool {
    match edit {
        Edit::PutOff { .. } => true,
        Edit::Change(change) => change.by == By::Target,
        Edit::CallNow | Edit::Delete | Edit::Restore => false,
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
    let reason = SkipReason::of_edit(&edit);
    // To whoever edits a deleted job, that says more than that it was edited meanwhile.
    let changed = job.edit(edit, now).map_err(|_| Error::Deleted)?;
    if expect.is_some_and(|expect| expect != before.rev) {
        return Err(Error::Stale(before.rev).into());
    }
    if changed {
        let takes_key = before.deleted_at.is_some() || job.spec.key != before.spec.key;
        if takes_key && deleted::is_key_taken(connection, &job)? {
            return Err(Error::KeyTaken.into());
        }
        rows::write(connection, Some(&before), &job)?;
        if let Some(row) = job.skipped_since(&before, reason, now) {
            runs::record(connection, &row)?;
        }
        if let Some(promise) = job.promise_ended_since(&before, now) {
            let breach = sla::breach_ended(connection, &before, &job, now)?;
            sla::keep(connection, breach.as_slice(), Some(promise), now, retention)?;
        }
    }
    Ok(job)
}
