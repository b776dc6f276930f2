//! Jobs as people see and edit them.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use naptime_core::{Edit, Job, JobId, NewJob, Rev, SkipReason, Time};

use super::{MemoryStore, State, list, states};
use crate::{Added, Edited, EndpointState, Error, JobCount, JobQuery, JobSummary, Jobs, Page, PageRef, Result};

#[async_trait]
impl Jobs for MemoryStore {
    async fn insert(&self, new: Vec<NewJob>) -> Result<Vec<Added>> {
        let added = self.with(|state, now| new.into_iter().map(|new| state.add(new, now)).collect());
        self.wake_up();
        Ok(added)
    }

    async fn get(&self, id: JobId) -> Result<Job> {
        self.job(id).map(Arc::unwrap_or_clone).ok_or(Error::NotFound)
    }

    async fn list(&self, query: &JobQuery, page: &PageRef) -> Result<Page<JobSummary>> {
        self.with(|state, now| list::endpoints(&state.jobs, query, page, now))
    }

    async fn count(&self) -> Result<JobCount> {
        Ok(self.with(|state, _| list::count(state.jobs.all())))
    }

    async fn states(&self) -> Result<BTreeMap<EndpointState, u64>> {
        Ok(self.with(|state, now| states::count(&state.jobs, now)))
    }

    async fn last_edits(&self, from: Time, limit: usize) -> Result<Vec<Edited>> {
        Ok(self.with(|state, _| list::last_edits(&state.jobs, from, limit)))
    }

    async fn edit(&self, id: JobId, expect: Option<Rev>, edit: Edit) -> Result<Job> {
        let edited = self.with(|state, now| state.edit(id, expect, |_| Ok(edit), now));
        self.wake_up();
        edited
    }

    async fn edit_each(&self, ids: &[JobId], edit: &Edit) -> Result<u64> {
        let mut there = 0;
        for &id in ids {
            match self.edit(id, None, edit.clone()).await {
                Ok(_) => there += 1,
                Err(Error::NotFound | Error::Deleted) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(there)
    }
}

impl State {
    /// Adds a job, unless it is there, by an earlier try, or another job of its kind has its key.
    fn add(&mut self, new: NewJob, now: Time) -> Added {
        if let Some(job) = self.jobs.get(new.id) {
            return Added::New(Job::clone(job));
        }
        let holder = new.spec.key.as_ref().and_then(|key| self.jobs.of_key(new.spec.schedule.is_once(), key));
        if let Some(job) = holder {
            return Added::Existing(Job::clone(job));
        }
        let job = new.into_job(now);
        self.put(job.clone());
        Added::New(job)
    }

    /// Makes the edit that `choose` has for the job as it is.
    pub(super) fn edit(
        &mut self,
        id: JobId,
        expect: Option<Rev>,
        choose: impl FnOnce(&Job) -> Result<Edit>,
        now: Time,
    ) -> Result<Job> {
        let before = Arc::clone(self.jobs.get(id).ok_or(Error::NotFound)?);
        let mut job = Job::clone(&before);
        // To whoever edits a deleted job, that says more than that it was edited meanwhile.
        let edit = choose(&before)?;
        let reason = SkipReason::of_edit(&edit);
        let changed = job.edit(edit, now).map_err(|_| Error::Deleted)?;
        if expect.is_some_and(|expect| expect != before.rev) {
            return Err(Error::Stale(before.rev));
        }
        if changed {
            if self.jobs.is_key_taken(&job) {
                return Err(Error::KeyTaken);
            }
            if let Some(row) = job.skipped_since(&before, reason, now) {
                self.runs.record(&row);
            }
            if let Some(promise) = job.promise_ended_since(&before, now) {
                let breach = self.breach_ended_since(&before, &job, now);
                self.sla.keep(breach.as_slice(), Some(promise), now, self.retention);
            }
            self.put(job.clone());
        }
        Ok(job)
    }

    /// Stores a job that was added or edited. Its pool is there from then on.
    fn put(&mut self, job: Job) {
        self.pools.ensure(job.spec.endpoint.pool(), job.updated_at);
        self.jobs.put(job);
    }
}
