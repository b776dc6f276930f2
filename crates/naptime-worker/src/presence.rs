//! Since when there has been a worker, and which pools were switched off or down: reasons why an SLA was not met, or
//! occurrences were not called.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::Duration;

use naptime_core::{Claim, Pool, PoolSettings, Settled, SkipReason, Time, worker};
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio::time::timeout;

use crate::link::Link;

/// How long an answer is good for: after an outage, many breaches end at once.
const FRESH_FOR: Duration = Duration::from_secs(2);
/// How long asking the store may take. The settle waits for it, and so does its slot.
const ASK_TIMEOUT: Duration = Duration::from_secs(2);

/// What kept calls from being made.
pub(crate) struct Presence {
    link: Link,
    /// The last answer, and when it came.
    last: Mutex<Option<(Instant, Option<Time>)>>,
    withheld: std::sync::Mutex<Withheld>,
}

/// The pools of which calls were seen to be withheld, and when that was seen to be over; none: it still lasts.
#[derive(Default)]
struct Withheld {
    /// They were switched off.
    off: BTreeMap<Pool, Option<Time>>,
    /// Their hosts were down.
    down: BTreeMap<Pool, Option<Time>>,
}

/// When calls of a pool were last withheld, and why; one that is called is by then let through.
#[derive(Clone, Copy)]
struct WithheldAt {
    off: Option<Time>,
    down: Option<Time>,
}

impl Presence {
    pub(crate) fn new(link: Link) -> Self {
        Self { link, last: Mutex::default(), withheld: std::sync::Mutex::default() }
    }

    /// Since when there has been a worker without a gap. While the store does not answer, what it last said.
    async fn since(&self) -> Option<Time> {
        // One asks, the others wait for what it finds.
        let mut last = self.last.lock().await;
        if let Some((at, since)) = *last
            && at.elapsed() < FRESH_FOR
        {
            return since;
        }
        match timeout(ASK_TIMEOUT, self.link.workers()).await {
            Ok(Ok(workers)) => {
                let since = worker::present_since(&workers, self.link.now());
                *last = Some((Instant::now(), since));
                since
            }
            Ok(Err(_)) | Err(_) => (*last)?.1,
        }
    }

    /// Takes note of those of the pools that are switched off or down at `now`: all others are neither.
    pub(crate) fn note_withheld(&self, pools: &[PoolSettings], now: Time) {
        let mut withheld = self.withheld.lock().unwrap_or_else(PoisonError::into_inner);
        let Withheld { off, down } = &mut *withheld;
        note(off, pools.iter().filter(|settings| !settings.active), now);
        note(down, pools.iter().filter(|settings| settings.down.is_some()), now);
    }

    /// When calls of a pool were last withheld, as far as is known; one that is called is let through by `now`.
    fn withheld_at(&self, pool: &Pool, now: Time) -> WithheldAt {
        let withheld = self.withheld.lock().unwrap_or_else(PoisonError::into_inner);
        let at = |pools: &BTreeMap<Pool, Option<Time>>| pools.get(pool).map(|until| until.unwrap_or(now));
        WithheldAt { off: at(&withheld.off), down: at(&withheld.down) }
    }

    /// Says which breach of the job's SLA a settle ends, and why it passes occurrences over, if it does. Nothing is asked
    /// where it does neither. `is_gated`: whether the pool has limits.
    pub(crate) async fn explained(
        &self,
        claim: &Claim,
        settled: Settled,
        is_gated: impl FnOnce() -> bool + Send,
    ) -> Settled {
        let is_open = matches!(settled.reason, SkipReason::SlotsFull | SkipReason::Lease) && settled.skips();
        if !is_open && claim.breach_ended_by(&settled, None).is_none() {
            return settled;
        }
        let since = self.since().await;
        let at = settled.run.as_ref().map_or(claim.lock.at, |run| run.started);
        let withheld = self.withheld_at(claim.job.spec.endpoint.pool(), at);
        let breach = claim.breach_ended_by(&settled, since);
        let breach = breach.map(|breach| breach.in_pool_off_at(withheld.off).in_pool_down_at(withheld.down));
        let reason =
            if is_open { self.reason(claim, settled.reason, since, withheld, is_gated()) } else { settled.reason };
        Settled { breach, reason, ..settled }
    }

    /// Why a claim came too late for occurrences, where the job alone tells `told`.
    fn reason(
        &self,
        claim: &Claim,
        told: SkipReason,
        since: Option<Time>,
        withheld: WithheldAt,
        is_gated: bool,
    ) -> SkipReason {
        let Some(due) = claim.lock.due else { return told };
        // A lease is waited for with or without a worker.
        let waited = if told == SkipReason::Lease { claim.lock.lease } else { Duration::ZERO };
        if since.is_none_or(|since| since > due + waited) {
            SkipReason::NoWorker
        } else if told == SkipReason::Lease {
            told
        } else if withheld.off.is_some_and(|at| at >= due) {
            SkipReason::PoolOff
        } else if withheld.down.is_some_and(|at| at >= due) {
            SkipReason::PoolDown
        } else if self.link.was_away_since(due) {
            SkipReason::StoreAway
        } else if is_gated {
            SkipReason::PoolLimit
        } else {
            told
        }
    }
}

/// Takes note of which pools are so at `now`: all others no longer are.
fn note<'a>(pools: &mut BTreeMap<Pool, Option<Time>>, present: impl Iterator<Item = &'a PoolSettings>, now: Time) {
    for until in pools.values_mut() {
        until.get_or_insert(now);
    }
    pools.extend(present.map(|settings| (settings.pool.clone(), None)));
}
