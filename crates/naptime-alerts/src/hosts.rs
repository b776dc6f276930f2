//! Finds the pools whose hosts are down, and has the store hold their calls back, but for a probe now and then.
//!
//! The worker whose call a host answers tells that the host is back. Here it is found where nobody called.

use naptime_core::pool::Sign;
use naptime_core::problem::{Ailing, LookedAt, by_host, is_to_be_spared};
use naptime_core::{Pool, PoolSettings, Time, Trouble};
use naptime_store::{JobQuery, JobSummary, Page, PageRef, Result, WebStore};

use crate::look::{MAX_POOLS, active_in, of};

/// The most endpoints that fail, and of one pool, that are looked at.
const MAX_LOOKED_AT: usize = 1_000;

/// How many looks are left out after one that found nothing. A host is down once it has failed for longer than they take.
const RESTED_LOOKS: u32 = 1;

/// Looks after the hosts of all pools.
#[derive(Debug, Default)]
pub struct Hosts {
    /// Nothing failed the last time, and no pool was down.
    all_was_well: bool,
    /// How many looks are still left out.
    rests: u32,
}

impl Hosts {
    /// Looks once. That is one small query where nothing fails and no pool was down the last time: another worker that
    /// found a pool down since would have found endpoints that fail.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn look(&mut self, store: &dyn WebStore) -> Result<()> {
        if let Some(left) = self.rests.checked_sub(1) {
            self.rests = left;
            return Ok(());
        }
        let failing = store.list(&JobQuery::of_state(Trouble::Failing), &PageRef::first(MAX_LOOKED_AT)).await?;
        let nothing_fails = failing.items.is_empty();
        if !(nothing_fails && self.all_was_well) {
            let down = store.down_pools().await?;
            self.all_was_well = nothing_fails && down.is_empty();
            look_after(store, &down, failing).await?;
        }
        if self.all_was_well {
            self.rests = RESTED_LOOKS;
        }
        Ok(())
    }
}

/// Has pools heed that their hosts are down, or no longer are, by some of the endpoints that fail.
async fn look_after(store: &dyn WebStore, down: &[PoolSettings], failing: Page<JobSummary>) -> Result<()> {
    let are_all = failing.next.is_none();
    let ailing: Vec<Ailing> = failing.items.into_iter().map(of).collect();
    let by_host = by_host(&ailing);
    let failing = ailing.len() as u64;
    let of = if are_all { failing } else { store.troubles().await?.get(&Trouble::Failing).copied().unwrap_or(0) };
    let looked_at = LookedAt { failing, of };
    for settings in down {
        let is_over = match (settings.down, by_host.get(&settings.pool)) {
            (Some(down), _) if !down.is_probing() => down.is_over(store.now()),
            (Some(_), Some(members)) => !looked_at.is_down(members, active_in(store, &settings.pool).await?),
            (Some(_), None) => are_all,
            (None, _) => false,
        };
        if is_over {
            store.heed(&settings.pool, Sign::Over).await?;
        }
    }
    let is_known = |pool: &Pool| down.iter().any(|settings| settings.pool == *pool);
    // Most are not down for long enough to be asked about.
    let may_be_down = |(pool, members): (&&Pool, &Vec<&Ailing>)| {
        (!is_known(pool) && is_to_be_spared(members, None, store.now())).then(|| (*pool).clone())
    };
    let may_be_down: Vec<Pool> = by_host.iter().filter_map(may_be_down).collect();
    if may_be_down.is_empty() {
        return Ok(());
    }
    let settings = store.pool_settings(&may_be_down).await?;
    // A pool that is off, or not to be probed, would not heed it.
    let probed = settings.into_iter().filter(|settings| settings.active && settings.probe).map(|it| it.pool);
    for pool in probed.take(MAX_POOLS) {
        let Some(members) = by_host.get(&pool) else { continue };
        if looked_at.is_down(members, active_in(store, &pool).await?)
            && is_to_be_spared(members, answered_at(store, &pool).await?, store.now())
            && store.heed(&pool, Sign::Down).await?
        {
            tracing::warn!(%pool, "{pool} is down: its calls are held back, but for a probe now and then");
        }
    }
    Ok(())
}

/// When the host of a pool last answered a call of an endpoint.
async fn answered_at(store: &dyn WebStore, pool: &Pool) -> Result<Option<Time>> {
    let query = JobQuery { pool: Some(pool.to_string()), ..JobQuery::default() };
    let page = store.list(&query, &PageRef::first(MAX_LOOKED_AT)).await?;
    let lasts = page.items.into_iter().filter_map(|job| job.last);
    Ok(lasts.filter(|last| last.shows_host_down() == Some(false)).map(|last| last.finished).max())
}
