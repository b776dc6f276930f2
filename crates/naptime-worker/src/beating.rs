//! The heartbeat: says that this worker lives, and learns who else does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use naptime_core::worker::BEATS_EVERY;
use naptime_core::{Heartbeat, Tzdb, WorkerId};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::held::Registry;
use crate::link::Link;
use crate::outage::backoff;
use crate::runtime::Runtime;
use crate::share::Share;
use crate::slots::Slots;
use crate::waiting::Waiting;
use crate::wakes::Wakes;

/// How often what is too old is removed, by the one worker whose turn it is.
const PURGE_EVERY: Duration = Duration::from_secs(60);
/// How soon after a heartbeat another may follow, because the store tells of something: maybe of a worker that stops.
const AGAIN: Duration = Duration::from_millis(500);

/// Says that a worker lives.
pub(crate) struct Beating {
    pub(crate) me: WorkerId,
    pub(crate) host: String,
    pub(crate) capacity: u32,
    pub(crate) link: Link,
    pub(crate) registry: Registry,
    pub(crate) slots: Arc<Slots>,
    pub(crate) share: Arc<Share>,
    pub(crate) waiting: Arc<Waiting>,
    pub(crate) wakes: Arc<Wakes>,
    pub(crate) runtime: Arc<dyn Runtime>,
    /// Told to stop.
    pub(crate) stopping: CancellationToken,
}

impl Beating {
    /// Beats every [`BEATS_EVERY`], and when the store tells of something. The first beat is what a worker begins with: before
    /// it, no partition is its own. When it is told to stop it says so at once, to the others as well, so that its
    /// partitions do not wait for the calls it has begun.
    pub(crate) async fn run(self) {
        let mut started_at = self.link.now();
        let mut purged = Instant::now();
        let purging = Arc::new(AtomicBool::new(false));
        let mut failures = 0;
        loop {
            // Where the store's clock is set back, it has not started later than now.
            started_at = started_at.min(self.link.now());
            let beat = Heartbeat {
                id: self.me,
                host: self.host.clone(),
                pid: std::process::id(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                tzdb: Some(Tzdb::current().release.clone()),
                capacity: self.capacity,
                held: self.registry.len(),
                started_at,
                stopping: self.stopping.is_cancelled(),
                trouble: self.slots.strain.trouble(),
            };
            let pause = match self.link.noted(self.link.beat(&beat)).await {
                Ok(living) => {
                    if self.share.update(self.me, &living) {
                        self.wakes.look_by(self.link.now());
                    }
                    // What another worker is to call now is not kept from it.
                    self.waiting.give_back(|claim| !self.share.is_home(claim.job.partition()));
                    failures = 0;
                    BEATS_EVERY
                }
                // The share of partitions stays as it was, which costs speed at most.
                Err(_) => {
                    failures += 1;
                    backoff(failures)
                }
            };
            if self.share.is_first() && purged.elapsed() >= PURGE_EVERY && !purging.swap(true, Ordering::Relaxed) {
                purged = Instant::now();
                self.purge(purging.clone());
            }
            let sleep = tokio::time::sleep(pause);
            if beat.stopping {
                self.wakes.tell();
                sleep.await;
                continue;
            }
            let told = async {
                tokio::time::sleep(AGAIN).await;
                self.wakes.beating().await;
            };
            tokio::select! {
                biased;
                () = self.stopping.cancelled() => {}
                () = told, if failures == 0 => {}
                () = sleep => {}
            }
        }
    }

    /// Removes what is too old, beside the heartbeat, which must not wait for it.
    fn purge(&self, purging: Arc<AtomicBool>) {
        let link = self.link.clone();
        self.runtime.spawn(Box::pin(async move {
            if let Err(error) = link.purge().await {
                tracing::warn!(%error, "cannot remove what is too old");
            }
            purging.store(false, Ordering::Relaxed);
        }));
    }
}

#[cfg(test)]
mod tests {
    use naptime_core::Peer;
    use naptime_store::Refusal;

    use super::*;
    use crate::wakes;
    use crate::workbench::{Paused, Workbench, living};

    const SECOND: Duration = Duration::from_secs(1);

    fn beating(bench: &Workbench) -> Beating {
        Beating {
            me: bench.me,
            host: "here".to_owned(),
            capacity: 10,
            link: bench.link.clone(),
            registry: bench.registry.clone(),
            slots: bench.slots.clone(),
            share: bench.share.clone(),
            waiting: bench.waiting.clone(),
            wakes: bench.wakes.clone(),
            runtime: Arc::new(Paused),
            stopping: bench.stopping.clone(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_heartbeat_gives_a_worker_its_partitions() {
        let bench = Workbench::with_slots(10).await;
        let other = Peer { id: uuid::Uuid::from_u128(2).into(), has_room: true };
        bench.share.update(bench.me, &[other]);
        tokio::spawn(beating(&bench).run());
        tokio::time::sleep(SECOND).await;
        assert_eq!(bench.share.home().len(), 64);
    }

    #[tokio::test(start_paused = true)]
    async fn a_worker_lives_while_it_beats_and_says_at_once_that_it_stops() {
        let bench = Workbench::with_slots(10).await;
        let loop_of_it = tokio::spawn(beating(&bench).run());
        tokio::time::sleep(100 * SECOND).await;
        let beats = living(&bench.store).await;
        assert_eq!(beats.iter().map(|beat| (beat.id, beat.stopping)).collect::<Vec<_>>(), [(bench.me, false)]);
        bench.stopping.cancel();
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert!(living(&bench.store).await[0].stopping, "not only with the next heartbeat");
        loop_of_it.abort();
        tokio::time::sleep(11 * SECOND).await;
        assert_eq!(living(&bench.store).await, []);
    }

    #[tokio::test(start_paused = true)]
    async fn the_others_know_at_once_that_a_worker_stops() {
        let bench = Workbench::with_slots(10).await;
        tokio::spawn(wakes::run(bench.wakes.clone()));
        let (me, stopping) = (uuid::Uuid::from_u128(2).into(), CancellationToken::new());
        let other = Beating { me, share: Arc::default(), stopping: stopping.clone(), ..beating(&bench) };
        tokio::spawn(other.run());
        tokio::spawn(beating(&bench).run());
        tokio::time::sleep(3 * SECOND).await;
        assert!(bench.share.home().len() < 64);
        stopping.cancel();
        tokio::time::sleep(AGAIN + Duration::from_millis(1)).await;
        assert_eq!(bench.share.home().len(), 64);
    }

    #[tokio::test(start_paused = true)]
    async fn a_worker_keeps_its_partitions_while_the_store_is_away_and_beats_soon_after() {
        let bench = Workbench::with_slots(10).await;
        tokio::spawn(beating(&bench).run());
        tokio::time::sleep(SECOND).await;
        bench.store.refuse(Some(Refusal::NoPrimary));
        tokio::time::sleep(60 * SECOND).await;
        assert_eq!((bench.share.home().len(), living(&bench.store).await.len()), (64, 0));
        bench.store.refuse(None);
        tokio::time::sleep(SECOND).await;
        assert_eq!(living(&bench.store).await.len(), 1);
    }
}
