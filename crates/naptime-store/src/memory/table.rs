//! The jobs, and the indexes that follow them.

use std::collections::BTreeMap;
use std::sync::Arc;

use naptime_core::{Job, JobId, Pool};

use super::due::Due;

/// The jobs, by id, by key, and by when they can be claimed.
///
/// A job is shared with the claims of it and copied on the first change after that, so a claim copies nothing.
#[derive(Default)]
pub(super) struct JobTable {
    by_id: BTreeMap<JobId, Arc<Job>>,
    /// The job of each key, of those that are not deleted: of the one-off jobs (true), and of the recurring ones.
    by_key: BTreeMap<(bool, String), JobId>,
    due: Due,
}

impl JobTable {
    pub(super) fn get(&self, id: JobId) -> Option<&Arc<Job>> {
        self.by_id.get(&id)
    }

    /// All jobs, by id.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Job>> {
        self.by_id.values()
    }

    /// The jobs after this one, by id; all, if there is none.
    pub(super) fn after(&self, id: Option<JobId>) -> impl Iterator<Item = &Arc<Job>> {
        use std::ops::Bound::{Excluded, Unbounded};
        self.by_id.range((id.map_or(Unbounded, Excluded), Unbounded)).map(|(_, job)| job)
    }

    /// The job of this key that is not deleted: a one-off job, or one that recurs.
    pub(super) fn of_key(&self, once: bool, key: &str) -> Option<&Arc<Job>> {
        self.get(*self.by_key.get(&(once, key.to_owned()))?)
    }

    /// Whether another job has the key that this one would have.
    pub(super) fn is_key_taken(&self, job: &Job) -> bool {
        live_key(job).and_then(|key| self.by_key.get(&key)).is_some_and(|holder| *holder != job.id)
    }

    pub(super) fn due(&self) -> &Due {
        &self.due
    }

    /// Stores a job, in place of the one of its id.
    pub(super) fn put(&mut self, job: Job) {
        self.remove(job.id);
        if let Some(key) = live_key(&job) {
            self.by_key.insert(key, job.id);
        }
        self.due.shift(&job, None, job.state.claim_at());
        self.by_id.insert(job.id, Arc::new(job));
    }

    pub(super) fn remove(&mut self, id: JobId) {
        let Some(job) = self.by_id.remove(&id) else { return };
        if let Some(key) = live_key(&job) {
            self.by_key.remove(&key);
        }
        self.due.shift(&job, job.state.claim_at(), None);
    }

    /// Makes a transition that changes nothing but a job's state. Returns what the transition did, and the job after it;
    /// none if there is no such job.
    pub(super) fn change<T>(&mut self, id: JobId, transition: impl FnOnce(&mut Job) -> T) -> Option<(T, &Arc<Job>)> {
        let job = self.by_id.get_mut(&id)?;
        let before = job.state.claim_at();
        let did = transition(Arc::make_mut(job));
        self.due.shift(job, before, job.state.claim_at());
        Some((did, job))
    }

    /// Puts the jobs of a pool behind its gate, or lets them out.
    pub(super) fn set_gate(&mut self, pool: &Pool, gated: bool) {
        if self.due.is_gated(pool) == gated {
            return;
        }
        for job in self.by_id.values_mut().filter(|job| job.spec.endpoint.pool() == pool && job.state.lock().is_some())
        {
            Arc::make_mut(job).mark_edited();
        }
        let of_pool = || self.by_id.values().filter(|job| job.spec.endpoint.pool() == pool);
        of_pool().for_each(|job| self.due.shift(job, job.state.claim_at(), None));
        self.due.set_gate(pool, gated);
        of_pool().for_each(|job| self.due.shift(job, None, job.state.claim_at()));
    }
}

fn live_key(job: &Job) -> Option<(bool, String)> {
    let key = job.spec.key.as_ref().filter(|_| job.deleted_at.is_none())?;
    Some((job.spec.schedule.is_once(), key.clone()))
}
