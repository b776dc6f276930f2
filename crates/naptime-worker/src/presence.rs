//! Since when there has been a worker, and which pools were switched off: what tells why an SLA was not met.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::Duration;

use naptime_core::{Claim, Pool, PoolSettings, Settled, Time, worker};
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio::time::timeout;

use crate::link::Link;

/// How long an answer is good for: after an outage, many breaches end at once.
const FRESH: Duration = Duration::from_secs(2);
/// How long asking may take. The settle waits for it, and its slot.
const ASKING: Duration = Duration::from_secs(2);

/// What kept calls from being made.
pub(crate) struct Presence {
    link: Link,
    /// The last answer, and when it came.
    last: Mutex<Option<(Instant, Option<Time>)>>,
    /// The pools that were seen to be switched off, and when they were seen to be on again; none: they are still off.
    off: std::sync::Mutex<BTreeMap<Pool, Option<Time>>>,
}

impl Presence {
    pub(crate) fn new(link: Link) -> Self {
        Self { link, last: Mutex::default(), off: std::sync::Mutex::default() }
    }

    /// Since when there has been a worker without a gap. While the store does not answer, what it last said.
    async fn since(&self) -> Option<Time> {
        // One asks, the others wait for what it finds.
        let mut last = self.last.lock().await;
        if let Some((at, since)) = *last
            && at.elapsed() < FRESH
        {
            return since;
        }
        match timeout(ASKING, self.link.workers()).await {
            Ok(Ok(workers)) => {
                let since = worker::present_since(&workers, self.link.now());
                *last = Some((Instant::now(), since));
                since
            }
            Ok(Err(_)) | Err(_) => (*last)?.1,
        }
    }

    /// Takes note of those of the pools that are switched off at `now`: all others are on.
    pub(crate) fn note_off(&self, pools: &[PoolSettings], now: Time) {
        let mut off = self.off.lock().unwrap_or_else(PoisonError::into_inner);
        for until in off.values_mut() {
            until.get_or_insert(now);
        }
        off.extend(pools.iter().filter(|settings| !settings.active).map(|settings| (settings.pool.clone(), None)));
    }

    /// When a pool was last off, as far as is known; one that is called is on again by `now`.
    fn off_at(&self, pool: &Pool, now: Time) -> Option<Time> {
        let off = self.off.lock().unwrap_or_else(PoisonError::into_inner);
        off.get(pool).map(|until| until.unwrap_or(now))
    }

    /// Says which breach of the job's SLA a settle ends, if it does. Nothing is asked where it does not.
    pub(crate) async fn with_breach(&self, claim: &Claim, settled: Settled) -> Settled {
        if claim.breach_ended_by(&settled, None).is_none() {
            return settled;
        }
        let since = self.since().await;
        let at = settled.run.as_ref().map_or(claim.lock.at, |run| run.started);
        let off_at = self.off_at(claim.job.spec.endpoint.pool(), at);
        let breach = claim.breach_ended_by(&settled, since).map(|breach| breach.in_pool_off_at(off_at));
        Settled { breach, ..settled }
    }
}
