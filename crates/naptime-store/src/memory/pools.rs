//! Pools: their settings and their passes.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use naptime_core::pool::PASS_LEASE;
use naptime_core::set_back::CLOCK_TOLERANCE;
use naptime_core::{Job, PassId, Pool, PoolChange, PoolSettings, Rev, Time};

use super::{HeldPass, MemoryStore, State, list};
use crate::pools::START_LASTS;
use crate::{Error, Page, PageRef, PoolSummary, Pools, Result};

#[derive(Default)]
pub(super) struct PoolTable {
    by_name: BTreeMap<Pool, PoolEntry>,
    /// The pools that workers must know of: those that are not plain.
    known: BTreeSet<Pool>,
}

pub(super) struct PoolEntry {
    pub(super) settings: PoolSettings,
    /// Those that have run out are removed when the next are taken.
    pub(super) passes: BTreeMap<PassId, HeldPass>,
}

#[async_trait]
impl Pools for MemoryStore {
    async fn pool(&self, pool: &Pool) -> Result<PoolSummary> {
        self.with(|state, _| state.pools.get(pool).map(|entry| state.summary(entry)).ok_or(Error::NotFound))
    }

    async fn pools(&self, q: Option<&str>, page: &PageRef) -> Result<Page<PoolSummary>> {
        let after = page.cursor.as_deref().map(Pool::parse).transpose().map_err(|_| Error::BadCursor)?;
        let q = q.unwrap_or_default().to_lowercase();
        self.with(|state, _| {
            let rest = state.pools.by_name.values().map(|entry| (entry.settings.pool.as_str(), entry));
            let rest = rest.filter(|(name, _)| after.as_ref().is_none_or(|after| *name > after.as_str()));
            let found = rest.filter(|(name, _)| name.contains(&q)).take(page.limit.saturating_add(1)).collect();
            Ok(Page::of(found, page, |(name, _)| (*name).to_owned()).map(|(_, entry)| state.summary(entry)))
        })
    }

    async fn pool_settings(&self, pools: &[Pool]) -> Result<Vec<PoolSettings>> {
        let pools: BTreeSet<&Pool> = pools.iter().collect();
        Ok(self.with(|state, _| {
            pools.into_iter().filter_map(|pool| Some(state.pools.get(pool)?.settings.clone())).collect()
        }))
    }

    async fn in_flight(&self, pool: &Pool) -> Result<u32> {
        let in_flight = self.passes_of(pool).iter().filter(|held| held.flight_until.is_some()).count();
        Ok(u32::try_from(in_flight).unwrap_or(u32::MAX))
    }

    async fn change_pool(&self, pool: &Pool, expect: Option<Rev>, change: PoolChange) -> Result<PoolSettings> {
        let changed = self.with(|state, now| {
            let settings = state.pools.expect(pool, expect)?;
            settings.change(change, now);
            let settings = settings.clone();
            state.follow_pool(pool);
            Ok(settings)
        });
        self.wake_up();
        changed
    }

    async fn delete_pool(&self, pool: &Pool, expect: Option<Rev>) -> Result<()> {
        self.with(|state, _| {
            state.pools.expect(pool, expect)?;
            let keeps = |job: &Job| {
                job.spec.endpoint.pool() == pool && job.deleted_at.is_none() && job.state.ended_at.is_none()
            };
            let of_kind = |once: bool, job: &Job| keeps(job) && job.spec.schedule.is_once() == once;
            let count = |once: bool| state.jobs.all().filter(|job| of_kind(once, job)).count() as u64;
            let (endpoints, once) = (count(false), count(true));
            if endpoints + once > 0 {
                return Err(Error::PoolInUse { endpoints, once });
            }
            state.pools.by_name.remove(pool);
            // A deleted job that is still held must not wait behind a gate that nobody opens.
            state.follow_pool(pool);
            Ok(())
        })
    }
}

impl State {
    /// Carries over to its jobs, and to what workers know, what has become of a pool.
    pub(super) fn follow_pool(&mut self, pool: &Pool) {
        let settings = self.pools.get(pool).map(|entry| &entry.settings);
        self.jobs.set_gate(pool, settings.is_some_and(PoolSettings::is_gated));
        if settings.is_some_and(|settings| !settings.is_plain()) {
            self.pools.known.insert(pool.clone());
        } else {
            self.pools.known.remove(pool);
        }
    }

    fn summary(&self, entry: &PoolEntry) -> PoolSummary {
        let jobs = self.jobs.all().filter(|job| *job.spec.endpoint.pool() == entry.settings.pool);
        PoolSummary { settings: entry.settings.clone(), endpoints: list::count(jobs) }
    }
}

impl PoolTable {
    pub(super) fn get(&self, pool: &Pool) -> Option<&PoolEntry> {
        self.by_name.get(pool)
    }

    pub(super) fn get_mut(&mut self, pool: &Pool) -> Option<&mut PoolEntry> {
        self.by_name.get_mut(pool)
    }

    /// The settings of the pools that workers must know of.
    pub(super) fn known(&self) -> impl Iterator<Item = &PoolSettings> {
        self.known.iter().filter_map(|pool| Some(&self.get(pool)?.settings))
    }

    /// Makes a pool, if it is not there yet.
    pub(super) fn ensure(&mut self, pool: &Pool, now: Time) {
        if !self.by_name.contains_key(pool) {
            let settings = PoolSettings::new(pool.clone(), now);
            self.by_name.insert(pool.clone(), PoolEntry { settings, passes: BTreeMap::new() });
        }
    }

    /// Ends what would last too long because the clock was ahead.
    pub(super) fn move_back(&mut self, now: Time) {
        let flight = now + PASS_LEASE + CLOCK_TOLERANCE;
        let start = now + START_LASTS + CLOCK_TOLERANCE;
        for entry in self.by_name.values_mut() {
            entry.settings.updated_at = entry.settings.updated_at.min(now);
            for held in entry.passes.values_mut() {
                held.flight_until = held.flight_until.map(|until| until.min(flight));
                held.start_until = held.start_until.map(|until| until.min(start));
            }
        }
    }

    /// The settings of a pool that is as its editor expects.
    fn expect(&mut self, pool: &Pool, expect: Option<Rev>) -> Result<&mut PoolSettings> {
        let settings = &mut self.get_mut(pool).ok_or(Error::NotFound)?.settings;
        match expect {
            Some(expect) if expect != settings.rev => Err(Error::Stale(settings.rev)),
            _ => Ok(settings),
        }
    }
}
