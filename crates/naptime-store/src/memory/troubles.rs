//! What does not go as it should.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use naptime_core::{Pool, PoolSettings, Time, Trouble};

use super::MemoryStore;
use crate::{Overdue, Result, Troubles};

#[async_trait]
impl Troubles for MemoryStore {
    async fn troubles(&self) -> Result<BTreeMap<Trouble, u64>> {
        Ok(self.with(|state, _| {
            let mut counts = Trouble::ALL.map(|trouble| (trouble, 0)).into_iter().collect::<BTreeMap<_, _>>();
            let found = state.jobs.all().filter_map(|job| job.trouble());
            found.for_each(|(trouble, _)| *counts.entry(trouble).or_default() += 1);
            counts
        }))
    }

    async fn overdue(&self, by: Duration, most: usize) -> Result<Vec<Overdue>> {
        Ok(self.with(|state, now| {
            let mut pools: BTreeMap<Pool, Overdue> = BTreeMap::new();
            for (since, id) in state.jobs.due().open_by(now - by).take(most) {
                let Some(job) = state.jobs.get(id) else { continue };
                let pool = job.spec.endpoint.pool();
                let new = || Overdue { pool: pool.clone(), jobs: 0, since };
                let overdue = pools.entry(pool.clone()).or_insert_with(new);
                (overdue.jobs, overdue.since) = (overdue.jobs + 1, overdue.since.min(since));
            }
            pools.into_values().collect()
        }))
    }

    async fn waiting(&self) -> Result<Vec<(PoolSettings, Time)>> {
        crate::troubles::waiting(self).await
    }
}
