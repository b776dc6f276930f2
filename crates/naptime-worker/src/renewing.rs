//! Keeps the leases of what is held, and gives up what could not be kept.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::{Shared, fence};

/// How often leases are prolonged, and how long a claim is held before its first time.
const EVERY: Duration = Duration::from_secs(2);
/// How soon it is tried again after a failure.
const AGAIN: Duration = Duration::from_millis(500);
/// How often fences are looked at. Less than the second by which a fence comes before its lease's end.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Prolongs all leases, with one write every two seconds.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut pause = EVERY;
    loop {
        tokio::time::sleep(pause).await;
        let claims = shared.registry.older_than(EVERY);
        if claims.is_empty() {
            pause = EVERY;
            continue;
        }
        // From before the sending: the write may take effect at any time until it is acknowledged.
        let sent = Instant::now();
        pause = match shared.outage.note(shared.store.renew(&claims).await) {
            Ok(lost) => {
                let gone: HashSet<_> = lost.iter().collect();
                let kept: Vec<_> = claims.iter().filter(|claim| !gone.contains(claim)).copied().collect();
                shared.registry.renewed(&kept, fence(sent));
                shared.registry.lost(&lost);
                EVERY
            }
            Err(_) => AGAIN,
        };
    }
}

/// Aborts what is held past its fence.
pub(crate) async fn keep_fences(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        shared.registry.check_fences();
    }
}
