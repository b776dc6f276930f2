//! The heartbeat: says that this worker lives, and learns who else does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use naptime_core::Heartbeat;
use naptime_core::worker::BEATS_EVERY;
use tokio::task::JoinHandle;

use crate::Shared;
use crate::outage::backoff;

/// How often what is too old is removed, by the one worker whose turn it is.
const PURGE_EVERY: Duration = Duration::from_secs(60);

/// Beats every two seconds. The first beat is what a worker begins with: before it, no partition is its own. When it is
/// told to stop it says so at once, so that its partitions do not wait for the calls it has begun.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut started_at = shared.store.now();
    let mut purged = Instant::now();
    let mut purging: Option<JoinHandle<()>> = None;
    let mut failures = 0;
    loop {
        // Where the store's clock is set back, it has not started later than now.
        started_at = started_at.min(shared.store.now());
        let beat = Heartbeat {
            id: shared.id,
            host: shared.settings.host.clone(),
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            capacity: shared.settings.capacity,
            held: shared.registry.len(),
            started_at,
            stopping: shared.stopping.is_cancelled(),
            trouble: shared.slots.strain.trouble(),
        };
        let pause = match shared.outage.note(shared.store.beat(&beat).await) {
            Ok(living) => {
                shared.share.update(shared.id, &living);
                failures = 0;
                BEATS_EVERY
            }
            // The share of partitions stays as it was, which costs speed at most.
            Err(_) => {
                failures += 1;
                backoff(failures)
            }
        };
        let idle = purging.as_ref().is_none_or(JoinHandle::is_finished);
        if idle && shared.share.is_first() && purged.elapsed() >= PURGE_EVERY {
            purged = Instant::now();
            let store = shared.store.clone();
            purging = Some(tokio::spawn(async move {
                if let Err(error) = store.purge().await {
                    tracing::warn!(%error, "cannot remove what is too old");
                }
            }));
        }
        let sleep = tokio::time::sleep(pause);
        if beat.stopping {
            sleep.await;
        } else {
            shared.stopping.run_until_cancelled(sleep).await;
        }
    }
}
