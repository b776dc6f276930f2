//! Configurations lately read, so that a claim need not read them again.

use std::sync::Arc;

use moka::sync::Cache;
use naptime_core::{Job, JobId, Rev};

/// The most bytes of configurations kept, as far as they can be counted.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// What a configuration takes beside its request, at a guess.
const OVERHEAD: usize = 1024;

/// Configurations lately read, by job and revision. People change them rarely, and a worker needs one for each call.
#[derive(Clone)]
pub struct Configs(Cache<JobId, Arc<Job>>);

impl Default for Configs {
    fn default() -> Self {
        let size = |_: &JobId, job: &Arc<Job>| {
            u32::try_from(job.spec.request.size().saturating_add(OVERHEAD)).unwrap_or(u32::MAX)
        };
        Self(Cache::builder().weigher(size).max_capacity(MAX_BYTES).build())
    }
}

impl Configs {
    /// The job with its configuration of this revision, if that is kept. In what state is not for this to say.
    pub fn get(&self, id: JobId, rev: Rev) -> Option<Arc<Job>> {
        self.0.get(&id).filter(|kept| kept.rev == rev)
    }

    /// Keeps the configuration of a job.
    pub fn keep(&self, job: Arc<Job>) {
        self.0.insert(job.id, job);
    }
}
