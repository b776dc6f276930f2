//! The jobs of a leg.

use naptime_core::{Endpoint, JobId, NewJob, Schedule, Spec, Time};
use naptime_store::Store;
use uuid::Uuid;

use crate::error::Result;
use crate::ground::Ground;
use crate::progress::Progress;
use crate::target::Target;

/// How many jobs go into a store at once.
const CHUNK: usize = 1_000;

/// Jobs that are in the store. Their places in the lists are the numbers of their endpoints.
#[derive(Default)]
pub(crate) struct Jobs {
    /// Their ids and first due times.
    pub(crate) ids: Vec<(JobId, Time)>,
    /// Their schedules.
    pub(crate) schedules: Vec<Schedule>,
}

impl Jobs {
    /// Adds `count` jobs to the store, which call the next endpoints of the target.
    pub(crate) async fn add(
        &mut self,
        store: &dyn Store,
        target: &Target,
        count: usize,
        schedule: impl Fn(JobId) -> Schedule,
        (ground, progress): (&Ground, &Progress),
    ) -> Result<()> {
        let end = self.ids.len() + count;
        while self.ids.len() < end {
            ground.go_on()?;
            progress.part(self.ids.len(), end);
            let next = self.ids.len()..end.min(self.ids.len() + CHUNK);
            let new = next.map(|endpoint| job(&target.url(endpoint), &schedule)).collect();
            for added in store.insert(new).await? {
                let job = added.into_job();
                let due = job.state.due.unwrap_or(job.created_at);
                self.ids.push((job.id, due));
                self.schedules.push(match &job.spec.schedule {
                    // Where its time is past it is due now.
                    Schedule::Once { .. } => Schedule::Once { at: due },
                    other => other.clone(),
                });
            }
        }
        Ok(())
    }
}

fn job(url: &str, schedule: impl Fn(JobId) -> Schedule) -> NewJob {
    let id = JobId::from(Uuid::now_v7());
    let endpoint = Endpoint::parse(url).expect("the target's addresses are plain ones");
    NewJob { id, spec: Spec::new(endpoint, schedule(id)), active: true }
}
