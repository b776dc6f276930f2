//! Ends claims. What queued up while the last write was under way goes out as one, with what comes a moment later.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use naptime_core::Settled;
use naptime_store::Error;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use crate::held::Held;
use crate::link::Link;
use crate::outage::backoff;

/// The most claims settled by one write.
const MAX_BATCH: usize = 300;
/// How long the first of a batch waits for others, while there are slots enough. Each batch costs the database two
/// round trips and two syncs to its disk, however small it is.
const GATHER: Duration = Duration::from_millis(15);

/// Hands claims over to be settled.
pub(crate) struct Settler(mpsc::UnboundedSender<(Held, Settled)>);

/// What was handed over.
pub(crate) type ToSettle = mpsc::UnboundedReceiver<(Held, Settled)>;

impl Settler {
    /// The hand that gives, and the one that takes, for [`run`].
    pub(crate) fn new() -> (Self, ToSettle) {
        // Not bounded: no more can be sent than there are slots.
        let (sender, to_settle) = mpsc::unbounded_channel();
        (Self(sender), to_settle)
    }

    /// Hands a claim over. Its slot is free once its settle is acknowledged.
    pub(crate) fn settle(&self, held: Held, settled: Settled) {
        // The receiver ends after the last claim has.
        let _ = self.0.send((held, settled));
    }
}

/// Settles whatever comes, each until it is acknowledged. While work waits for slots (`behind`), no batch waits for more.
pub(crate) async fn run(link: Link, behind: Arc<AtomicBool>, mut to_settle: ToSettle) {
    let mut batch = Vec::new();
    while to_settle.recv_many(&mut batch, MAX_BATCH).await > 0 {
        gather(&behind, &mut to_settle, &mut batch).await;
        let (held, done): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
        if settle(&link, &done).await.is_err() {
            // One that cannot be settled must not keep the others. Its lease runs out, and it is found lost.
            for one in &done {
                if let Err(error) = settle(&link, std::slice::from_ref(one)).await {
                    tracing::error!(job = %one.claim.job, %error, "cannot settle a claim");
                }
            }
        }
        drop(held);
    }
}

/// Adds to the batch what comes within [`GATHER`]; nothing while work waits for slots.
async fn gather(behind: &AtomicBool, to_settle: &mut ToSettle, batch: &mut Vec<(Held, Settled)>) {
    let end = Instant::now() + GATHER;
    while batch.len() < MAX_BATCH && !behind.load(Ordering::Relaxed) {
        let room = MAX_BATCH - batch.len();
        // All have gone, or the time is up.
        if !timeout_at(end, to_settle.recv_many(batch, room)).await.is_ok_and(|more| more > 0) {
            break;
        }
    }
}

/// Settles until it is acknowledged. An error means that repeating would not help.
async fn settle(link: &Link, done: &[Settled]) -> Result<(), Error> {
    let mut failures = 0;
    loop {
        match link.noted(link.settle(done)).await {
            Err(error) if error.is_outage() => {
                failures += 1;
                tokio::time::sleep(backoff(failures)).await;
            }
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use naptime_core::Then;
    use naptime_store::Refusal;

    use super::*;
    use crate::workbench::Workbench;

    const SECOND: Duration = Duration::from_secs(1);

    /// Claims three jobs and hands them over, each so long after the one before.
    async fn hand_over_three(bench: &mut Workbench, apart: Duration) {
        for number in 0..3 {
            bench.once(&format!("http://{number}.test/"), Duration::ZERO).await;
        }
        let to_settle = bench.to_settle.take().expect("it is there");
        tokio::spawn(run(bench.link.clone(), bench.behind.clone(), to_settle));
        for (claim, held) in bench.hold().await {
            let settled = claim.settled(None, Then::Next { due: None, missed: 0 });
            bench.holding.settler.settle(held, settled);
            tokio::time::sleep(apart).await;
        }
    }

    fn settled(bench: &Workbench) -> usize {
        bench.store.jobs().iter().filter(|job| job.state.counters.settled == 1).count()
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_within_a_moment_is_settled_together() {
        let mut bench = Workbench::with_slots(10).await;
        hand_over_three(&mut bench, GATHER / 4).await;
        assert_eq!(settled(&bench), 0, "the first waits for others");
        tokio::time::sleep(GATHER).await;
        assert_eq!((settled(&bench), bench.registry.len()), (3, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_waits_for_others_while_work_waits_for_slots() {
        let mut bench = Workbench::with_slots(10).await;
        bench.behind.store(true, Ordering::Relaxed);
        hand_over_three(&mut bench, Duration::from_millis(1)).await;
        assert_eq!(settled(&bench), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_settle_is_repeated_until_it_is_acknowledged_and_its_slot_is_taken_until_then() {
        let mut bench = Workbench::with_slots(3).await;
        hand_over_three(&mut bench, Duration::ZERO).await;
        bench.store.refuse(Some(Refusal::NoPrimary));
        tokio::time::sleep(60 * SECOND).await;
        assert_eq!((settled(&bench), bench.registry.len()), (0, 3));
        bench.store.refuse(None);
        tokio::time::sleep(SECOND).await;
        assert_eq!((settled(&bench), bench.registry.len()), (3, 0));
        bench.slots.all_free().await;
    }
}
