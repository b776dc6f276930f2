//! One-off jobs: listed by stage, counted, called again, cancelled.

use std::collections::BTreeMap;

use async_trait::async_trait;
use naptime_core::{Job, JobId, Rev, Stage};

use super::{MemoryStore, list};
use crate::{JobSummary, MAX_COUNTED, Page, PageRef, Queued, QueuedQuery, Result, Treatment};

#[async_trait]
impl Queued for MemoryStore {
    async fn queued(&self, query: &QueuedQuery, page: &PageRef) -> Result<Page<JobSummary>> {
        self.with(|state, _| list::queued(&state.jobs, query, page))
    }

    async fn count_queued(&self, query: &QueuedQuery) -> Result<u64> {
        let max = usize::try_from(MAX_COUNTED).unwrap_or(usize::MAX);
        Ok(self.with(|state, _| list::all_queued(&state.jobs, query).take(max).count()) as u64)
    }

    async fn stages(&self) -> Result<BTreeMap<Stage, u64>> {
        let mut counts: BTreeMap<Stage, u64> = Stage::ALL.map(|stage| (stage, 0)).into();
        self.with(|state, _| {
            for stage in state.jobs.all().filter_map(|job| job.stage()) {
                *counts.entry(stage).or_default() += 1;
            }
        });
        Ok(counts)
    }

    async fn treat(&self, id: JobId, expect: Option<Rev>, treatment: Treatment) -> Result<Job> {
        self.with(|state, now| state.edit(id, expect, |job| treatment.edit(job, now), now))
    }
}
