//! Ends claims. What queued up while the last write was under way goes out as one, with what comes a moment later.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use naptime_core::Settled;
use naptime_store::Error;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use crate::Shared;
use crate::held::Held;
use crate::outage::backoff;

/// The most claims settled by one write.
const MAX_BATCH: usize = 300;
/// How long the first of a batch waits for others, while there are slots enough. Each batch costs the database two
/// round trips and two syncs to its disk, however small it is.
const GATHER: Duration = Duration::from_millis(15);

impl Shared {
    /// Hands a claim over to be settled. Its slot is free once that is acknowledged.
    pub(crate) fn settle(&self, held: Held, settled: Settled) {
        // The receiver ends after the last claim has.
        let _ = self.settling.send((held, settled));
    }
}

/// Settles whatever comes, each until it is acknowledged.
pub(crate) async fn run(shared: Arc<Shared>, mut to_settle: mpsc::UnboundedReceiver<(Held, Settled)>) {
    let mut batch = Vec::new();
    while to_settle.recv_many(&mut batch, MAX_BATCH).await > 0 {
        gather(&shared, &mut to_settle, &mut batch).await;
        let (held, done): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
        if settle(&shared, &done).await.is_err() {
            // One that cannot be settled must not keep the others. Its lease runs out, and it is found lost.
            for one in &done {
                if let Err(error) = settle(&shared, std::slice::from_ref(one)).await {
                    tracing::error!(job = %one.claim.job, %error, "cannot settle a claim");
                }
            }
        }
        drop(held);
    }
}

/// Adds to the batch what comes within [`GATHER`]; nothing while work waits for slots.
async fn gather(
    shared: &Shared,
    to_settle: &mut mpsc::UnboundedReceiver<(Held, Settled)>,
    batch: &mut Vec<(Held, Settled)>,
) {
    let end = Instant::now() + GATHER;
    while batch.len() < MAX_BATCH && !shared.behind.load(Ordering::Relaxed) {
        let room = MAX_BATCH - batch.len();
        // All have gone, or the time is up.
        if !timeout_at(end, to_settle.recv_many(batch, room)).await.is_ok_and(|more| more > 0) {
            break;
        }
    }
}

/// Settles until it is acknowledged. An error means that repeating would not help.
async fn settle(shared: &Shared, done: &[Settled]) -> Result<(), Error> {
    let mut failures = 0;
    loop {
        match shared.outage.note(shared.store.settle(done).await) {
            Err(error) if error.is_outage() => {
                failures += 1;
                tokio::time::sleep(backoff(failures)).await;
            }
            done => return done,
        }
    }
}
