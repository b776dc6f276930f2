//! Wakes whoever looks for work: some may be due earlier than the last look foresaw.
//!
//! While the store tells when somebody adds a job or makes one due, an idle worker looks only as often as it takes to see
//! all that is due in time. It tells the others in the same way what it leaves to them and is due soon, and that it stops.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use naptime_core::{JobId, Settled, Then, Time};
use naptime_store::is_soon;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::claiming::STEAL_AFTER;
use crate::link::Link;
use crate::outage::backoff;
use crate::share::Share;

/// Wakes whoever looks for work.
pub(crate) struct Wakes {
    link: Link,
    share: Arc<Share>,
    stopping: CancellationToken,
    /// Whether the store tells of what comes.
    are_told: AtomicBool,
    asked: Mutex<Asked>,
    scheduler: Notify,
    gated: Notify,
    pools: Notify,
    beating: Notify,
    /// There is something that the others are to know: work that is due soon was left to them, or this worker stops.
    news: Notify,
}

/// By when the scheduler is asked to look.
#[derive(Default)]
pub(crate) struct Asked {
    /// For what is due.
    pub(crate) look_by: Option<Time>,
    /// For what others are late with.
    pub(crate) steal_by: Option<Time>,
}

impl Wakes {
    pub(crate) fn new(link: Link, share: Arc<Share>, stopping: CancellationToken) -> Self {
        let [scheduler, gated, pools, beating, news] = [(); 5].map(|()| Notify::new());
        let are_told = AtomicBool::new(false);
        Self { link, share, stopping, are_told, asked: Mutex::default(), scheduler, gated, pools, beating, news }
    }

    /// The longest pause between two looks that see so far, if it is `unless_told` while nobody tells what comes.
    pub(crate) fn longest_pause(&self, sight: Duration, unless_told: Duration) -> Duration {
        if self.are_told() { sight } else { unless_told }
    }

    /// Whether the store tells of what comes.
    pub(crate) fn are_told(&self) -> bool {
        self.are_told.load(Ordering::Relaxed)
    }

    /// Has the scheduler look in time for what is due then.
    pub(crate) fn look_by(&self, at: Time) {
        let mut asked = self.asked();
        asked.look_by = Some(asked.look_by.map_or(at, |before| before.min(at)));
        self.scheduler.notify_one();
    }

    /// Has the scheduler look now, also for what others will be late with: they may be dead.
    fn look_everywhere(&self) {
        let now = self.link.now();
        self.asked().steal_by.get_or_insert(now + STEAL_AFTER);
        self.look_by(now);
    }

    /// What the scheduler was asked for since it asked last.
    pub(crate) fn take(&self) -> Asked {
        std::mem::take(&mut *self.asked())
    }

    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the scheduler is asked to look.
    pub(crate) async fn scheduler(&self) {
        self.scheduler.notified().await;
    }

    /// Waits until there may be work of pools with limits.
    pub(crate) async fn gated(&self) {
        self.gated.notified().await;
    }

    /// Waits until settings of pools may have changed.
    pub(crate) async fn pools(&self) {
        self.pools.notified().await;
    }

    /// Waits until other workers may have come or gone.
    pub(crate) async fn beating(&self) {
        self.beating.notified().await;
    }

    /// Wakes the other workers.
    pub(crate) fn tell(&self) {
        self.news.notify_one();
    }

    /// Takes note of when settled jobs are due, but for those that are held over.
    pub(crate) fn note_settled(&self, done: &[Settled], held_over: &HashSet<JobId>) {
        let now = self.link.now();
        for settled in done.iter().filter(|settled| !held_over.contains(&settled.claim.job)) {
            let due = match settled.then {
                Then::Next { due, .. } | Then::Skip { due, .. } => due,
                Then::Retry { after } => Some(now + after),
                Then::Keep | Then::GiveBack => Some(now),
            };
            let Some(due) = due.filter(|_| is_soon(due, now)) else { continue };
            if self.share.is_home(settled.claim.job.partition()) && !self.stopping.is_cancelled() {
                self.look_by(due);
            } else {
                self.tell();
            }
        }
    }
}

/// Follows what the store tells, and tells it what is left to others.
pub(crate) async fn run(wakes: Arc<Wakes>) {
    let follow = async {
        let (mut seen, mut failures) = (0, 0);
        loop {
            let woken = wakes.link.woken(seen).await;
            wakes.are_told.store(woken.is_ok(), Ordering::Relaxed);
            if woken.as_ref().ok() != Some(&seen) {
                wakes.look_everywhere();
                wakes.gated.notify_one();
                wakes.pools.notify_one();
                wakes.beating.notify_one();
            }
            match woken {
                Ok(now) => (seen, failures) = (now, 0),
                Err(error) => {
                    tracing::debug!(%error, "nobody tells what comes, so it is looked for more often");
                    failures += 1;
                    tokio::time::sleep(backoff(failures)).await;
                }
            }
        }
    };
    let tell = async {
        loop {
            wakes.news.notified().await;
            if let Err(error) = wakes.link.wake().await {
                tracing::debug!(%error, "cannot wake other workers");
            }
        }
    };
    tokio::join!(follow, tell);
}

#[cfg(test)]
mod tests {
    use naptime_core::{Edit, Peer, Schedule};
    use naptime_store::{Jobs, Refusal, SIGHT};
    use uuid::Uuid;

    use super::*;
    use crate::workbench::Workbench;

    const SECOND: Duration = Duration::from_secs(1);

    /// A worker that has had nothing to do for a while, in which the store tells what comes.
    async fn idle() -> Workbench {
        let mut bench = Workbench::with_slots(10).await;
        let to_settle = bench.to_settle.take().expect("it is there");
        tokio::spawn(bench.settling(to_settle));
        tokio::spawn(run(bench.wakes.clone()));
        tokio::spawn(bench.scheduler().run());
        tokio::time::sleep(10 * SECOND + SECOND / 3).await;
        bench
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_that_is_due_at_once_wakes_a_worker_that_looks_rarely() {
        let bench = idle().await;
        assert_eq!(bench.wakes.longest_pause(SIGHT, SECOND / 4), SIGHT);
        let id = bench.once("http://a.test/", Duration::ZERO).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert_eq!(bench.calls().len(), 1);
        tokio::time::sleep(SECOND / 2).await;
        bench.store.edit(id, None, Edit::CallNow).await.expect("it is there");
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert_eq!(bench.calls().len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_for_a_worker_that_is_dead_is_soon_called_by_others() {
        let bench = idle().await;
        // Its partitions are another's, who calls nothing any more.
        let other = Peer { id: Uuid::from_u128(2).into(), has_room: true };
        bench.share.update(bench.me, &[other]);
        bench.once("http://a.test/", Duration::ZERO).await;
        tokio::time::sleep(2 * STEAL_AFTER).await;
        assert_eq!(bench.calls().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_due_again_before_the_next_look_is_called_in_time() {
        let bench = idle().await;
        // Longer than what is held over.
        *bench.target.takes.lock().expect("no panic") = Duration::from_millis(400);
        bench.add("http://a.test/", Schedule::aligned(SECOND)).await;
        tokio::time::sleep(10 * SECOND).await;
        let calls = bench.calls();
        assert!(calls.len() >= 9 && calls.windows(2).all(|two| two[1] - two[0] == 1_000), "{calls:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_worker_that_nobody_tells_looks_often() {
        let bench = idle().await;
        bench.store.refuse(Some(Refusal::NoPrimary));
        tokio::time::sleep(10 * SECOND).await;
        assert_eq!(bench.wakes.longest_pause(SIGHT, SECOND / 4), SECOND / 4);
        bench.store.refuse(None);
        tokio::time::sleep(10 * SECOND).await;
        assert_eq!(bench.wakes.longest_pause(SIGHT, SECOND / 4), SIGHT);
    }
}
