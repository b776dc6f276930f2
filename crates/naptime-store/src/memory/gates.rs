//! The limits of pools: passes, taken and counted in one step.

use async_trait::async_trait;
use naptime_core::pool::{CallLimits, PASS_LEASE, Sign};
use naptime_core::{Pass, PassId, Pool, PoolSettings, Time};

use super::MemoryStore;
use super::pools::{PoolEntry, PoolTable};
use crate::pools::{START_LASTS, start_lasts};
use crate::{Freed, Gates, Hosts, Passes, Result, Take};

/// A pass that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldPass {
    /// Its id.
    pub id: PassId,
    /// Until when it counts as a call in flight, unless it is extended or freed; none if it does not.
    pub flight_until: Option<Time>,
    /// Until when it counts as a call that left within the last second; none if it does not.
    pub start_until: Option<Time>,
}

impl HeldPass {
    /// What is left of the pass at `now`; none if nothing is.
    fn at(&self, now: Time) -> Option<Self> {
        let [flight_until, start_until] =
            [self.flight_until, self.start_until].map(|until| until.filter(|until| *until > now));
        (flight_until.is_some() || start_until.is_some()).then_some(Self { id: self.id, flight_until, start_until })
    }
}

#[async_trait]
impl Gates for MemoryStore {
    async fn known_pools(&self) -> Result<Vec<PoolSettings>> {
        self.try_with(|state, _| state.pools.known().cloned().collect())
    }

    async fn next_in(&self, pools: &[Pool]) -> Result<Vec<(Pool, Time)>> {
        self.try_with(|state, _| {
            let next = |pool: &Pool| Some((pool.clone(), state.jobs.due().first_of(pool)?));
            pools.iter().filter_map(next).collect()
        })
    }

    async fn take_passes(&self, take: &Take) -> Result<Passes> {
        let granted = self.try_with(|state, now| state.pools.get_mut(&take.pool).map(|pool| pool.grant(take, now)))?;
        Ok(granted.unwrap_or_default())
    }

    async fn extend_passes(&self, passes: &[Pass]) -> Result<Vec<Pass>> {
        self.try_with(|state, now| {
            let mut extend = |pass: &Pass| {
                let held = state.pools.get_mut(&pass.pool).and_then(|pool| pool.passes.get_mut(&pass.id));
                let flight = held.and_then(|held| held.flight_until.as_mut());
                flight.map(|until| *until = now + PASS_LEASE).is_some()
            };
            passes.iter().filter(|pass| !extend(pass)).cloned().collect()
        })
    }

    async fn free_passes(&self, passes: &[Freed]) -> Result<()> {
        self.try_with(|state, _| {
            for Freed { pass, used } in passes {
                let Some(pool) = state.pools.get_mut(&pass.pool) else { continue };
                match pool.passes.get_mut(&pass.id) {
                    Some(held) if *used && held.start_until.is_some() => held.flight_until = None,
                    _ => drop(pool.passes.remove(&pass.id)),
                }
            }
        })
    }
}

#[async_trait]
impl Hosts for MemoryStore {
    async fn down_pools(&self) -> Result<Vec<PoolSettings>> {
        self.try_with(|state, _| state.pools.known().filter(|settings| settings.down.is_some()).cloned().collect())
    }

    async fn heed(&self, pool: &Pool, sign: Sign) -> Result<bool> {
        let changed = self.try_with(|state, now| {
            let Some(entry) = state.pools.get_mut(pool) else { return false };
            let changed = entry.settings.heed(sign, now);
            if changed {
                for held in entry.passes.values_mut() {
                    held.start_until = held.start_until.map(|until| until.min(now + START_LASTS));
                }
                state.follow_pool(pool);
            }
            changed
        })?;
        if changed {
            self.wake_up();
        }
        Ok(changed)
    }
}

impl PoolTable {
    pub(super) fn passes_of(&self, pool: &Pool, now: Time) -> Vec<HeldPass> {
        let passes = self.get(pool).into_iter().flat_map(|pool| pool.passes.values());
        passes.filter_map(|held| held.at(now)).collect()
    }
}

impl PoolEntry {
    /// Takes as many of these passes as the limits leave.
    fn grant(&mut self, take: &Take, now: Time) -> Passes {
        let held = std::mem::take(&mut self.passes);
        self.passes = held.into_values().filter_map(|held| held.at(now)).map(|held| (held.id, held)).collect();
        let flights = self.passes.values().filter(|held| held.flight_until.is_some()).count();
        let starts: Vec<Time> = self.passes.values().filter_map(|held| held.start_until).collect();
        let PoolSettings { active, down, .. } = self.settings;
        let CallLimits { in_flight, starts: most_starts } = self.settings.call_limits();
        let room = |limit: Option<u32>, held| limit.map_or(usize::MAX, |limit| (limit as usize).saturating_sub(held));
        let in_time = room(most_starts, starts.len());
        let room = if active { room(in_flight, flights).min(in_time) } else { 0 };
        let granted = room.min(take.ids.len());
        let flight_until = in_flight.map(|_| now + PASS_LEASE);
        let start_until = most_starts.map(|_| now + start_lasts(down) + take.leaves_within);
        let new = take.ids.iter().take(granted).map(|&id| (id, HeldPass { id, flight_until, start_until }));
        self.passes.extend(new);
        Passes {
            granted,
            in_flight: in_flight.is_some(),
            per_second: most_starts.is_some(),
            next: starts.into_iter().min().filter(|_| in_time == 0),
            down,
        }
    }
}
