//! Finds due jobs and takes them, as many as there are slots.

use std::sync::Arc;
use std::time::Duration;

use naptime_core::{Claim, Partition, Then, Time, WorkerId};
use naptime_store::{Result, SIGHT, SIGHT_OF_OTHERS, Want};
use tokio::time::Instant;

use crate::LOOKAHEAD;
use crate::fair::Fair;
use crate::held::Registry;
use crate::holding::Holding;
use crate::link::Link;
use crate::pools::Pools;
use crate::runtime::Runtime;
use crate::share::Share;
use crate::slots::Taken;
use crate::wakes::Wakes;

/// How long before its due time a job is looked for: time enough to claim it, and less than the lookahead, so that one
/// look takes all that is due in the time between.
pub(crate) const MARGIN: Duration = Duration::from_millis(40);
/// How late a job must be for a worker whose partition it is not.
pub(crate) const STEAL_AFTER: Duration = Duration::from_millis(250);
/// The pause when others were faster, or a lease is about to end.
const CONTENDED: Duration = Duration::from_millis(5);

/// Claims due jobs of pools without limits.
pub(crate) struct Claiming {
    pub(crate) me: WorkerId,
    pub(crate) link: Link,
    pub(crate) runtime: Arc<dyn Runtime>,
    /// The longest pause between looks, unless the store tells what comes.
    pub(crate) sleep: Duration,
    pub(crate) registry: Registry,
    pub(crate) fair: Arc<Fair>,
    pub(crate) share: Arc<Share>,
    pub(crate) pools: Arc<Pools>,
    pub(crate) wakes: Arc<Wakes>,
    pub(crate) holding: Arc<Holding>,
}

/// What a look told.
#[derive(Default)]
pub(crate) struct Looked {
    /// When the first job is due that was left, if there is one in sight.
    pub(crate) next: Option<Time>,
    /// How long to pause until the next look.
    pub(crate) pause: Duration,
    /// The same for others' partitions, if they were looked at.
    pub(crate) steal_in: Duration,
    /// Whether a slot that is freed may end that pause: jobs of one pool were left, to keep slots for others.
    pub(crate) is_crowded: bool,
    /// Whether what is due was left for want of slots.
    pub(crate) is_behind: bool,
}

/// What came of a claim.
#[derive(Default)]
struct Claimed {
    count: usize,
    /// When there is more.
    next: Option<Time>,
    /// How long to leave what was passed over.
    left: Option<Duration>,
}

impl Claiming {
    /// Takes what is due at home and, if it is time, what others are late with.
    pub(crate) async fn look(&self, taken: &mut Taken, steal: bool) -> Result<Looked> {
        let home = self.share.home();
        let has_home = !home.is_empty();
        let found = self.claim(taken, home, Duration::ZERO).await?;
        let soon = found.next.is_some_and(|next| next.since(self.link.now()) <= SIGHT);
        // A worker learns a moment after its start which partitions are its own.
        if has_home || steal {
            self.fair.note_ordinary(found.count > 0 || soon || found.left.is_some());
        }
        let longest = self.wakes.longest_pause(SIGHT, self.sleep);
        let mut steal_in = self.wakes.longest_pause(SIGHT_OF_OTHERS, self.sleep).max(STEAL_AFTER);
        if steal && let Some(late) = self.claim(taken, self.share.others(), STEAL_AFTER).await?.next {
            steal_in = late.since(self.link.now()).clamp(STEAL_AFTER, steal_in);
        }
        let pause = match found.next.map(|next| (next - MARGIN).since(self.link.now())) {
            Some(Duration::ZERO) if found.count == 0 => CONTENDED,
            Some(until) => until.min(longest),
            None => longest,
        };
        let pause = found.left.map_or(pause, |left| left.min(pause));
        let is_crowded = found.left.is_some();
        let is_behind = pause.is_zero() || is_crowded;
        Ok(Looked { next: found.next, pause, steal_in, is_crowded, is_behind })
    }

    /// Claims from these partitions and sets the claims to work.
    async fn claim(&self, taken: &mut Taken, partitions: Vec<Partition>, late: Duration) -> Result<Claimed> {
        if partitions.is_empty() || taken.slots() == 0 {
            return Ok(Claimed::default());
        }
        let at_home = late.is_zero();
        let rooms = self.fair.rooms(&self.registry, taken.slots(), at_home, self.link.now());
        let want = Want {
            worker: self.me,
            token: self.runtime.id().into(),
            slots: taken.slots(),
            bytes: taken.bytes(),
            partitions,
            late,
            lookahead: LOOKAHEAD,
            gate: None,
            rooms,
        };
        let sent = Instant::now();
        let mut found = self.link.noted(self.link.claim(&want)).await?;
        let took = sent.elapsed();
        let count = found.claims.len();
        let gated = |claim: &Claim| self.pools.is_gated(claim.job.spec.endpoint.pool());
        if found.claims.iter().any(gated) {
            // Their pool has changed, and it has not come to its jobs yet, or not to this worker. If it cannot be read
            // now, what is known counts.
            let _ = self.pools.refresh().await;
        }
        let mut given_back = Vec::new();
        for claim in std::mem::take(&mut found.claims) {
            let held = if gated(&claim) { None } else { self.registry.hold(&claim, sent, taken, None) };
            match held {
                Some(held) => self.holding.start(claim, held),
                // Or its request has grown since it was looked at, and there is no room for it.
                None => given_back.push(claim.settled(None, Then::GiveBack)),
            }
        }
        if !given_back.is_empty() {
            // After all others are at work: a failure here must not leave them lying until their leases end.
            self.link.noted(self.link.settle(&given_back)).await?;
        }
        let looked = want.rooms.look_past().map(|_| took);
        let left = || self.fair.note(&self.registry, &found, looked, self.link.now());
        Ok(Claimed { count, next: found.next, left: at_home.then(left).flatten() })
    }
}

#[cfg(test)]
mod tests {
    use naptime_core::Peer;
    use naptime_store::Refusal;

    use super::*;
    use crate::workbench::{BEGINNING, Workbench};

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_job_is_claimed_ahead_and_called_when_it_is_due() {
        let bench = Workbench::with_slots(10).await;
        let id = bench.once("http://a.test/1", 3 * SECOND).await;
        tokio::spawn(bench.scheduler().run());
        tokio::time::sleep(4 * SECOND).await;
        assert_eq!(bench.calls(), [3_000]);
        let lock = bench.job(id).state.lock().cloned().expect("nobody settles");
        let ahead = (BEGINNING + 3 * SECOND).since(lock.since);
        assert!(MARGIN <= ahead && ahead <= LOOKAHEAD, "claimed {ahead:?} ahead");
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_is_claimed_than_there_are_slots() {
        let bench = Workbench::with_slots(3).await;
        *bench.target.takes.lock().expect("no panic") = 3600 * SECOND;
        for number in 0..5 {
            bench.once(&format!("http://{number}.test/"), Duration::ZERO).await;
        }
        tokio::spawn(bench.scheduler().run());
        tokio::time::sleep(SECOND).await;
        assert_eq!(bench.calls().len(), 3);
        assert_eq!(bench.store.jobs().iter().filter(|job| job.state.lock().is_some()).count(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn what_belongs_to_others_is_claimed_when_it_is_late() {
        let bench = Workbench::with_slots(10).await;
        let id = bench.once("http://a.test/", SECOND).await;
        // Another worker has its partition.
        let others = (2..).map(|n| WorkerId::from(uuid::Uuid::from_u128(n)));
        let is_theirs = |&other: &WorkerId| {
            !naptime_core::worker::home_partitions(bench.me, &[bench.me, other]).contains(&id.partition())
        };
        let theirs = others.into_iter().find(is_theirs).expect("one of many");
        let both = [bench.me, theirs].map(|id| Peer { id, has_room: true });
        bench.share.update(bench.me, &both);
        tokio::spawn(bench.scheduler().run());
        tokio::time::sleep(2 * SECOND).await;
        let at = bench.calls()[0];
        assert!((1_250..1_500 + 10).contains(&at), "called at {at} ms");
    }

    #[tokio::test(start_paused = true)]
    async fn claims_go_on_after_the_store_was_away() {
        let bench = Workbench::with_slots(10).await;
        bench.once("http://a.test/", SECOND).await;
        bench.store.refuse(Some(Refusal::NoPrimary));
        tokio::spawn(bench.scheduler().run());
        tokio::time::sleep(5 * SECOND).await;
        assert_eq!(bench.calls().len(), 0);
        bench.store.refuse(None);
        tokio::time::sleep(SECOND).await;
        let at = bench.calls()[0];
        assert!((5_000..5_500).contains(&at), "called at {at} ms");
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_claimed_ahead_is_given_back_when_the_worker_stops() {
        let mut bench = Workbench::with_slots(10).await;
        let id = bench.once("http://a.test/", SECOND).await;
        let to_settle = bench.to_settle.take().expect("it is there");
        tokio::spawn(bench.settling(to_settle));
        tokio::spawn(bench.scheduler().run());
        tokio::time::sleep(Duration::from_millis(970)).await;
        assert!(bench.job(id).state.lock().is_some());
        bench.stopping.cancel();
        tokio::time::sleep(Duration::from_millis(100)).await;
        let state = &bench.job(id).state;
        assert_eq!((state.lock().is_some(), bench.job(id).attempts(), bench.calls().len()), (false, 0, 0));
    }
}
