//! What the capacity plan is made from.

use std::time::Duration;

use async_trait::async_trait;
use naptime_core::JobId;

use super::MemoryStore;
use crate::plan::{DueWork, MOST_LATE, Planning};
use crate::{Error, Page, PageRef, Result};

#[async_trait]
impl Planning for MemoryStore {
    async fn due_work(&self, page: &PageRef) -> Result<Page<DueWork>> {
        let after: Option<JobId> = page.cursor.as_deref().map(str::parse).transpose().map_err(|_| Error::BadCursor)?;
        self.with(|state, _| {
            let due = state.jobs.after(after).filter_map(|job| Some((job, job.state.due?)));
            let found = due.take(page.limit.saturating_add(1)).collect();
            let page = Page::of(found, page, |(last, _)| last.id.to_string());
            let gate = |pool| state.jobs.due().is_gated(pool).then(|| pool.clone());
            Ok(page.map(|(job, due)| DueWork {
                schedule: job.spec.schedule.clone(),
                due,
                gate: gate(job.spec.endpoint.pool()),
            }))
        })
    }

    async fn late(&self, by: Duration) -> Result<u64> {
        let max = usize::try_from(MOST_LATE).unwrap_or(usize::MAX);
        Ok(self.with(|state, now| state.jobs.due().open_by(now - by).take(max).count()) as u64)
    }
}
