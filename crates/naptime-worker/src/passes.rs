//! The passes that this worker holds: each is the right to make one call to a pool that has limits.
//!
//! A pass lasts longer than the claim that it was taken for: it is dropped when the claim is settled, and freed by a
//! write of its own after that.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use naptime_core::pool::Down;
use naptime_core::{Pass, PassId, Pool};
use naptime_store::{Freed, Passes as Granted};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;

use crate::link::Link;
use crate::outage::backoff;

/// The most passes freed by one write.
const MAX_BATCH: usize = 300;

/// The passes that are held, or still to be freed.
pub(crate) struct Passes {
    freeing: mpsc::UnboundedSender<Freed>,
    open: watch::Sender<usize>,
    /// Told whenever passes have been freed.
    pub(crate) freed: Notify,
}

/// A pass. It is freed when this is dropped.
pub(crate) struct HeldPass {
    /// The pass.
    pub(crate) pass: Pass,
    /// Whether it has to be extended: the calls in flight are limited.
    pub(crate) in_flight: bool,
    /// When it was asked for, before that was sent.
    pub(crate) sent: Instant,
    /// That the host of the pool was down when it was taken, if it was.
    pub(crate) down: Option<Down>,
    /// By when its call has to leave, where the calls per second are limited.
    leaves_by: Option<Instant>,
    used: AtomicBool,
    freeing: mpsc::UnboundedSender<Freed>,
}

impl Passes {
    /// The passes, and what is to be freed of them, for [`run`].
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Freed>) {
        // Not bounded: there are no more passes than slots.
        let (freeing, to_free) = mpsc::unbounded_channel();
        (Self { freeing, open: watch::Sender::new(0), freed: Notify::new() }, to_free)
    }

    /// Takes in a pass that was asked for at `sent`, one of those granted.
    pub(crate) fn hold(
        &self,
        pool: &Pool,
        id: PassId,
        sent: Instant,
        granted: &Granted,
        leaves_by: Option<Instant>,
    ) -> HeldPass {
        self.open.send_modify(|open| *open += 1);
        let pass = Pass { pool: pool.clone(), id };
        let Granted { in_flight, down, .. } = *granted;
        HeldPass { pass, in_flight, sent, down, leaves_by, used: AtomicBool::new(false), freeing: self.freeing.clone() }
    }

    /// Waits until nothing is held, nor left to free.
    pub(crate) async fn all_free(&self) {
        // The sender is this, so it is there.
        let _ = self.open.subscribe().wait_for(|&open| open == 0).await;
    }
}

impl HeldPass {
    /// Whether a call may leave with it now.
    pub(crate) fn is_in_time(&self) -> bool {
        self.leaves_by.is_none_or(|by| Instant::now() < by)
    }

    /// Notes that a call leaves with it.
    pub(crate) fn make_use(&self) {
        self.used.store(true, Ordering::Relaxed);
    }
}

impl Drop for HeldPass {
    fn drop(&mut self) {
        // The receiver ends after the last pass has.
        let _ = self.freeing.send(Freed { pass: self.pass.clone(), used: self.used.load(Ordering::Relaxed) });
    }
}

/// Frees whatever is dropped, until it is acknowledged.
pub(crate) async fn run(passes: Arc<Passes>, link: Link, mut to_free: mpsc::UnboundedReceiver<Freed>) {
    let mut batch = Vec::new();
    while to_free.recv_many(&mut batch, MAX_BATCH).await > 0 {
        let mut failures = 0;
        while link.noted(link.free_passes(&batch)).await.is_err_and(|error| error.is_outage()) {
            failures += 1;
            tokio::time::sleep(backoff(failures)).await;
        }
        passes.open.send_modify(|open| *open -= batch.len());
        batch.clear();
        passes.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_pass_that_comes_too_late_is_not_used() {
        let (passes, mut to_free) = Passes::new();
        let pool = Pool::parse("https://foobar.net").expect("a pool");
        let now = Instant::now();
        let granted = Granted { in_flight: true, ..Granted::default() };
        let hold = |leaves_by| passes.hold(&pool, uuid::Uuid::now_v7().into(), now, &granted, leaves_by);
        assert!(hold(None).is_in_time());
        assert!(hold(Some(now + Duration::from_secs(60))).is_in_time());
        assert!(!hold(Some(now)).is_in_time());
        let used = hold(None);
        used.make_use();
        drop(used);
        let freed: Vec<bool> = std::iter::from_fn(|| to_free.try_recv().ok()).map(|freed| freed.used).collect();
        assert_eq!(freed, [false, false, false, true]);
    }
}
