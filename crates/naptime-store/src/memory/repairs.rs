//! What is put right after the store's clock was wrong.

use async_trait::async_trait;
use naptime_core::Job;
use naptime_core::set_back::is_set_back;

use super::MemoryStore;
use crate::{Repairs, Result, SetBack};

#[async_trait]
impl Repairs for MemoryStore {
    async fn follow_clock(&self) -> Result<Option<SetBack>> {
        self.try_with(|state, now| {
            if !is_set_back(state.seen, now) {
                return None;
            }
            let by = std::mem::replace(&mut state.seen, now).since(now);
            let changed: Vec<Job> = state.jobs.all().filter_map(|job| job.after_set_back(now)).collect();
            let jobs = changed.len() as u64;
            changed.into_iter().for_each(|job| state.jobs.put(job));
            state.workers.move_back(now);
            state.pools.move_back(now);
            state.rules.move_back(now);
            Some(SetBack { by, jobs })
        })
    }
}
