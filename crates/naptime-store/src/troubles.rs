//! What does not go as it should. A look costs nothing for what does.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use async_trait::async_trait;
use naptime_core::{Pool, PoolSettings, Time, Trouble};

use crate::{Clock, Gates, Result};

/// What does not go as it should. What the web gets.
#[async_trait]
pub trait Troubles: Clock {
    /// How many endpoints are in each trouble. Which ones, [`Jobs::list`](crate::Jobs::list) tells.
    async fn troubles(&self) -> Result<BTreeMap<Trouble, u64>>;

    /// The jobs that could have been claimed for longer than `by`, by pool. Of more than `most`, so many are counted, and
    /// `since` is that of those. Pools that are limited or switched off are left out: what waits there waits for its turn.
    async fn overdue(&self, by: Duration, most: usize) -> Result<Vec<Overdue>>;

    /// The pools with limits, and those that are switched off, of which a job could be called by now, and since when.
    async fn waiting(&self) -> Result<Vec<(PoolSettings, Time)>>;
}

/// What [`Troubles::waiting`] tells, from what workers ask of the pools.
///
/// # Errors
/// As the store says.
pub async fn waiting(store: &(impl Gates + Clock + ?Sized)) -> Result<Vec<(PoolSettings, Time)>> {
    let now = store.now();
    let gated: Vec<PoolSettings> = store.known_pools().await?.into_iter().filter(PoolSettings::is_gated).collect();
    let pools: Vec<Pool> = gated.iter().map(|settings| settings.pool.clone()).collect();
    let first: HashMap<Pool, Time> = store.next_in(&pools).await?.into_iter().filter(|(_, at)| *at <= now).collect();
    let since = |settings: PoolSettings| first.get(&settings.pool).copied().map(|at| (settings, at));
    Ok(gated.into_iter().filter_map(since).collect())
}

/// The jobs of a pool that could have been claimed for too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overdue {
    /// The pool.
    pub pool: Pool,
    /// How many.
    pub jobs: u64,
    /// Since when the first of them could have been.
    pub since: Time,
}
