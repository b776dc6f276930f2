//! Pools: their settings, as people see and change them, and their limits, as workers keep them.
//!
//! A pool that is switched off or has limits is gated: the store keeps its jobs out of ordinary claims, and a worker
//! that wants one asks for that pool by name ([`Want::gate`](crate::Want::gate)) with a pass in hand. So a pool without
//! limits costs nothing.
//!
//! A pass is the right to make one call. Passes are counted by the store, by its clock, across all workers:
//!
//! - for a limit of calls in flight, a pass lasts until it is freed, or for [`PASS_LEASE`] if its holder is gone;
//! - for a limit of calls per second, a pass that was used lasts a second and the time its call had to leave in. It is
//!   never freed earlier.
//!
//! A pool whose host is down ([`Hosts`]) is gated as well: while it is probed, one pass may be used, and lasts for
//! [`PROBE_EVERY`].

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
#[allow(unused_imports, reason = "named in the documentation")]
use naptime_core::pool::PASS_LEASE;
use naptime_core::pool::{Down, PROBE_EVERY, Sign};
use naptime_core::request::MAX_TIMEOUT;
use naptime_core::{Invalid, Pass, PassId, Pool, PoolChange, PoolSettings, Rev, Time, pool};

use crate::{JobCount, Page, PageRef, Result};

/// How long a pass for a call per second lasts beyond the time its call has to leave in: a second, and a millisecond for
/// what clocks round off.
pub const START_LASTS: Duration = Duration::from_millis(1_001);

/// How long a pass for a call lasts beyond the time its call has to leave in, in a pool that is down or not.
pub fn start_lasts(down: Option<Down>) -> Duration {
    if down.is_some_and(|down| down.is_probing()) { PROBE_EVERY } else { START_LASTS }
}

/// Pools as people see and change them. What the web gets.
#[async_trait]
pub trait Pools: Send + Sync {
    /// The pool of this name.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound), if no job ever belonged to it.
    async fn pool(&self, pool: &Pool) -> Result<PoolSummary>;

    /// A page of the pools whose name holds `q`, in any case, by name.
    ///
    /// # Errors
    /// [`Error::BadCursor`](crate::Error::BadCursor).
    async fn pools(&self, q: Option<&str>, page: &PageRef) -> Result<Page<PoolSummary>>;

    /// The settings of those of these pools that are there, each once.
    async fn pool_settings(&self, pools: &[Pool]) -> Result<Vec<PoolSettings>>;

    /// How many passes for calls in flight are held: none where these are not limited.
    async fn in_flight(&self, pool: &Pool) -> Result<u32>;

    /// Changes a pool, as [`PoolSettings::change`] says, and returns its settings after it. `expect` is the revision
    /// that the editor saw; without one the change is made whatever the revision.
    ///
    /// Workers learn of it within a few seconds. What is in flight by then goes on, and under a new limit is not counted.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound), [`Error::Stale`](crate::Error::Stale).
    async fn change_pool(&self, pool: &Pool, expect: Option<Rev>, change: PoolChange) -> Result<PoolSettings>;

    /// Deletes a pool with its settings. Jobs of it that are deleted or over don't keep it. Once a job of it is added,
    /// restored or called again, it is there again, as [`PoolSettings::new`] says.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound), [`Error::Stale`](crate::Error::Stale),
    /// [`Error::PoolInUse`](crate::Error::PoolInUse).
    async fn delete_pool(&self, pool: &Pool, expect: Option<Rev>) -> Result<()>;
}

/// The timeouts that pools allow, as far as they were looked up: for who adds many jobs.
#[derive(Debug, Default)]
pub struct TimeoutLimits(HashMap<Pool, Duration>);

impl TimeoutLimits {
    /// The limits of these pools, as they will be: those of others are looked up.
    pub fn knowing<'a>(pools: impl IntoIterator<Item = &'a PoolSettings>) -> Self {
        Self(pools.into_iter().map(|settings| (settings.pool.clone(), settings.timeout_limit())).collect())
    }

    /// The fault of a timeout that is longer than its pool allows. For one that every pool allows nothing is looked up.
    ///
    /// # Errors
    /// Those of [`Pools::pool_settings`].
    pub async fn fault(&mut self, store: &dyn Pools, pool: &Pool, timeout: Duration) -> Result<Option<Invalid>> {
        if timeout <= MAX_TIMEOUT {
            return Ok(None);
        }
        let limit = match self.0.get(pool) {
            Some(limit) => *limit,
            None => {
                let settings = store.pool_settings(std::slice::from_ref(pool)).await?.pop();
                let limit = settings.map_or(MAX_TIMEOUT, |settings| settings.timeout_limit());
                *self.0.entry(pool.clone()).or_insert(limit)
            }
        };
        Ok((timeout > limit).then(|| pool::too_long(pool, timeout, limit)))
    }
}

/// A pool as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolSummary {
    /// Its settings.
    pub settings: PoolSettings,
    /// Its endpoints (recurring jobs) that are not deleted.
    pub endpoints: JobCount,
}

/// The limits of pools as workers keep them. What a worker gets.
#[async_trait]
pub trait Gates: Send + Sync {
    /// The settings of the pools that a worker must know of: those that are not [plain](PoolSettings::is_plain). What
    /// a change of a pool, or a job added meanwhile, left unfinished is put right.
    async fn known_pools(&self) -> Result<Vec<PoolSettings>>;

    /// When the next job of each of these gated pools can be claimed; in the past if it is late. Pools without one are
    /// left out.
    async fn next_in(&self, pools: &[Pool]) -> Result<Vec<(Pool, Time)>>;

    /// Takes passes, no more than are free. If this fails, some may have been taken.
    async fn take_passes(&self, take: &Take) -> Result<Passes>;

    /// Prolongs passes for calls in flight, and returns those that are no longer held.
    async fn extend_passes(&self, passes: &[Pass]) -> Result<Vec<Pass>>;

    /// Frees passes. Those that are not held any more don't matter.
    async fn free_passes(&self, passes: &[Freed]) -> Result<()>;
}

/// Pools whose hosts are down: who finds or hears of it tells the store, whoever it is.
#[async_trait]
pub trait Hosts: Send + Sync {
    /// The pools whose hosts are down, or have just come back.
    async fn down_pools(&self) -> Result<Vec<PoolSettings>>;

    /// Has a pool heed a sign, as [`PoolSettings::heed`] says, by the store's clock. What people set stays, and so does
    /// the revision. A pool that is not there heeds none. Returns whether anything changed.
    ///
    /// Where that changes anything, passes that were used last no longer than [`START_LASTS`] from now on, so that calls
    /// come back at once.
    async fn heed(&self, pool: &Pool, sign: Sign) -> Result<bool>;
}

/// Passes to be taken.
#[derive(Clone, Debug)]
pub struct Take {
    /// The pool.
    pub pool: Pool,
    /// Fresh ids, as many as passes are wanted.
    pub ids: Vec<PassId>,
    /// How soon, after this was sent, a call must have left.
    pub leaves_within: Duration,
}

/// Passes that were taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passes {
    /// How many: the first so many of those wanted.
    pub granted: usize,
    /// Whether calls in flight are limited, so that the passes have to be extended.
    pub in_flight: bool,
    /// Whether calls per second are limited, so that the calls have to leave in time.
    pub per_second: bool,
    /// If the limit of calls per second is reached: when that ends.
    pub next: Option<Time>,
    /// That the host of the pool is down, if it is: how the calls end tells whether it still is.
    pub down: Option<Down>,
}

/// A pass that its holder parts with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freed {
    /// The pass.
    pub pass: Pass,
    /// Whether a call left with it.
    pub used: bool,
}
