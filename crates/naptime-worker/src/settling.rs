//! Ends claims. What queued up while the last write was under way goes out as one.

use std::sync::Arc;

use naptime_core::Settled;
use naptime_store::Error;
use tokio::sync::mpsc;

use crate::Shared;
use crate::held::Held;
use crate::outage::backoff;

/// The most claims settled by one write.
const MAX_BATCH: usize = 300;

impl Shared {
    /// Hands a claim over to be settled. Its slot is free once that is acknowledged.
    pub(crate) fn settle(&self, held: Option<Held>, settled: Settled) {
        // The receiver ends after the last claim has.
        let _ = self.settling.send((held, settled));
    }
}

/// Settles whatever comes, each until it is acknowledged.
pub(crate) async fn run(shared: Arc<Shared>, mut to_settle: mpsc::UnboundedReceiver<(Option<Held>, Settled)>) {
    let mut batch = Vec::new();
    while to_settle.recv_many(&mut batch, MAX_BATCH).await > 0 {
        let (held, done): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
        let mut failures = 0;
        while let Err(error) = shared.outage.note(shared.store.settle(&done).await) {
            if let Error::Corrupt(_) = error {
                // Repeating would not help. The leases run out, and the claims are found lost.
                tracing::error!(%error, "cannot settle {} claims", done.len());
                break;
            }
            failures += 1;
            tokio::time::sleep(backoff(failures)).await;
        }
        drop(held);
    }
}
