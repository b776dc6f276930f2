//! Keeps the leases of what is held, and gives up what could not be kept.

use std::collections::BTreeSet;
use std::time::Duration;

use naptime_store::Result;
use tokio::time::Instant;

use crate::held::Registry;
use crate::link::Link;

/// How often leases are prolonged, and how long a claim of the usual lease is held before its first time.
const EVERY: Duration = Duration::from_secs(2);
/// The most leases prolonged by one write, which has to end in time for all of them.
const MAX_BATCH: usize = 1_000;
/// How soon it is tried again after a failure.
const AGAIN: Duration = Duration::from_millis(500);
/// How often fences are looked at. Less than the second by which a fence comes before its lease's end.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Prolongs all leases every two seconds, mostly with one write; another one for passes, if there are any. Claims don't wait for
/// passes: each has a fence of its own.
pub(crate) async fn run(link: Link, registry: Registry) {
    let mut pause = EVERY;
    loop {
        tokio::time::sleep(pause).await;
        let (renewed, extended) = tokio::join!(renew(&link, &registry), extend(&link, &registry));
        pause = if renewed.and(extended).is_ok() { EVERY } else { AGAIN };
    }
}

async fn extend(link: &Link, registry: &Registry) -> Result<()> {
    let passes = registry.to_extend(EVERY);
    if passes.is_empty() {
        return Ok(());
    }
    // From before the sending: the write may take effect at any time until it is acknowledged.
    let sent = Instant::now();
    let lost = link.noted(link.extend_passes(&passes)).await?;
    registry.extended(&passes, &lost, sent);
    Ok(())
}

async fn renew(link: &Link, registry: &Registry) -> Result<()> {
    for claims in registry.to_renew(EVERY).chunks(MAX_BATCH) {
        let sent = Instant::now();
        let lost = link.noted(link.renew(claims)).await?;
        let gone: BTreeSet<_> = lost.iter().collect();
        let kept: Vec<_> = claims.iter().filter(|claim| !gone.contains(claim)).copied().collect();
        registry.renewed(&kept, sent);
        registry.lost(&lost);
    }
    Ok(())
}

/// Aborts what is held past its fence.
pub(crate) async fn keep_fences(registry: Registry) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        registry.check_fences();
    }
}

#[cfg(test)]
mod tests {
    use naptime_core::WorkerId;
    use naptime_store::{Clock, Refusal};

    use super::*;
    use crate::workbench::Workbench;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_lease_is_prolonged_for_as_long_as_the_claim_is_held() {
        let bench = Workbench::with_slots(10).await;
        let id = bench.once("http://a.test/", Duration::ZERO).await;
        let held = bench.hold().await;
        tokio::spawn(run(bench.link.clone(), bench.registry.clone()));
        tokio::spawn(keep_fences(bench.registry.clone()));
        tokio::time::sleep(120 * SECOND).await;
        assert!(held[0].1.is_safe());
        let left = bench.job(id).state.claim_at().expect("it is held").since(bench.store.now());
        assert!(left > 12 * SECOND, "{left:?} are left of the lease");
    }

    #[tokio::test(start_paused = true)]
    async fn a_claim_is_given_up_a_second_before_its_lease_is_over() {
        let bench = Workbench::with_slots(10).await;
        let id = bench.once("http://a.test/", Duration::ZERO).await;
        let held = bench.hold().await;
        bench.store.refuse(Some(Refusal::NoPrimary));
        tokio::spawn(run(bench.link.clone(), bench.registry.clone()));
        tokio::spawn(keep_fences(bench.registry.clone()));
        held[0].1.gone.cancelled().await;
        let left = bench.job(id).state.claim_at().expect("it is held").since(bench.store.now());
        assert!(left > SECOND / 2 && left <= SECOND, "{left:?} were left of the lease");
        assert!(!held[0].1.is_safe());
    }

    #[tokio::test(start_paused = true)]
    async fn what_another_worker_has_is_given_up() {
        let bench = Workbench::with_slots(10).await;
        let id = bench.once("http://a.test/", Duration::ZERO).await;
        let held = bench.hold().await;
        // Nothing renews it until its lease is over.
        bench.store.advance(16 * SECOND);
        let me = WorkerId::from(uuid::Uuid::from_u128(2));
        let other = Workbench { me, store: bench.store.clone(), ..Workbench::with_slots(10).await };
        let taken = other.hold().await;
        assert_eq!((taken[0].0.job.id, taken.len()), (id, 1));
        tokio::spawn(run(bench.link.clone(), bench.registry.clone()));
        tokio::time::timeout(5 * SECOND, held[0].1.gone.cancelled()).await.expect("the store says so");
    }
}
