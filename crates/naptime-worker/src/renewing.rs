//! Keeps the leases of what is held, and gives up what could not be kept.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use naptime_store::Result;

use crate::Shared;

/// How often leases are prolonged, and how long a claim of the usual lease is held before its first time.
const EVERY: Duration = Duration::from_secs(2);
/// How soon it is tried again after a failure.
const AGAIN: Duration = Duration::from_millis(500);
/// How often fences are looked at. Less than the second by which a fence comes before its lease's end.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Prolongs all leases, with one write every two seconds; another one for passes, if there are any. Claims don't wait for
/// passes: each has a fence of its own.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut pause = EVERY;
    loop {
        tokio::time::sleep(pause).await;
        let (renewed, extended) = tokio::join!(renew(&shared), extend(&shared));
        pause = if renewed.and(extended).is_ok() { EVERY } else { AGAIN };
    }
}

async fn extend(shared: &Shared) -> Result<()> {
    let passes = shared.registry.to_extend(EVERY);
    if passes.is_empty() {
        return Ok(());
    }
    // From before the sending: the write may take effect at any time until it is acknowledged.
    let sent = Instant::now();
    let lost = shared.outage.note(shared.store.extend_passes(&passes).await)?;
    shared.registry.extended(&passes, &lost, sent);
    Ok(())
}

async fn renew(shared: &Shared) -> Result<()> {
    let claims = shared.registry.to_renew(EVERY);
    if claims.is_empty() {
        return Ok(());
    }
    let sent = Instant::now();
    let lost = shared.outage.note(shared.store.renew(&claims).await)?;
    let gone: HashSet<_> = lost.iter().collect();
    let kept: Vec<_> = claims.iter().filter(|claim| !gone.contains(claim)).copied().collect();
    shared.registry.renewed(&kept, sent);
    shared.registry.lost(&lost);
    Ok(())
}

/// Aborts what is held past its fence.
pub(crate) async fn keep_fences(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        shared.registry.check_fences();
    }
}
