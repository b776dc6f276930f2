//! Ends claims. What queued up while earlier writes were under way goes out as one, with what comes a moment later.

use std::sync::Arc;
use std::time::Duration;

use naptime_core::{Claim, Settled};
use naptime_store::Error;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, timeout_at};

use crate::held::{Held, Registry};
use crate::link::Link;
use crate::outage::backoff;
use crate::runtime::Runtime;
use crate::slots::Slots;
use crate::waiting::Waiting;
use crate::wakes::Wakes;

/// The most claims settled by one write.
const MAX_BATCH: usize = 300;
/// The most batches written at a time, and how many claims a second one is worth its costs for: while one is on its way
/// to a majority, the other is worked on.
const LANES: u32 = 2;
const WORTH: usize = 150;
/// How long the first of a batch waits for others, while there are slots enough. Each batch costs the database two
/// round trips and two syncs to its disk, however small it is.
const GATHER: Duration = Duration::from_millis(15);

/// Hands claims over to be settled.
#[derive(Clone)]
pub(crate) struct Settler(mpsc::UnboundedSender<(Held, Settled)>);

/// What was handed over.
pub(crate) type ToSettle = mpsc::UnboundedReceiver<(Held, Settled)>;

impl Settler {
    /// The hand that gives, and the one that takes, for [`Settling`].
    pub(crate) fn new() -> (Self, ToSettle) {
        // Not bounded: no more can be sent than there are slots, and claims that wait.
        let (sender, to_settle) = mpsc::unbounded_channel();
        (Self(sender), to_settle)
    }

    /// Hands a claim over. Its slot is free once its settle is acknowledged.
    pub(crate) fn settle(&self, held: Held, settled: Settled) {
        // The receiver ends after the last claim has.
        let _ = self.0.send((held, settled));
    }
}

/// Ends claims, and has those wait that hold jobs over.
#[derive(Clone)]
pub(crate) struct Settling {
    pub(crate) link: Link,
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) registry: Registry,
    pub(crate) waiting: Arc<Waiting>,
    pub(crate) wakes: Arc<Wakes>,
}

impl Settling {
    /// Settles whatever comes, each until it is acknowledged. While work waits for slots, no batch waits for more, unless
    /// another is under way.
    pub(crate) async fn run(self, mut to_settle: ToSettle) {
        let lanes = Arc::new(Semaphore::new(LANES as usize));
        let mut batch = Vec::new();
        while to_settle.recv_many(&mut batch, MAX_BATCH).await > 0 {
            gather(&self.waiting.slots, &mut to_settle, &mut batch).await;
            fill(&lanes, &mut to_settle, &mut batch).await;
            // It is never closed.
            let Ok(lane) = lanes.clone().acquire_owned().await else { break };
            let (here, batch) = (self.clone(), std::mem::take(&mut batch));
            self.runtime.spawn(Box::pin(async move {
                here.end(batch).await;
                drop(lane);
            }));
        }
    }

    async fn end(&self, batch: Vec<(Held, Settled)>) {
        let (held, mut done): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        // A request that was given up may have taken effect, so leases count from the first.
        let sent = Instant::now();
        let held_over = match settle(&self.link, &mut done).await {
            Ok(held_over) => held_over,
            Err(_) => settle_each(&self.link, &mut done).await,
        };
        self.wakes.note_settled(&done, &held_over.iter().map(|claim| claim.job.id).collect());
        for claim in held_over {
            let until = Instant::now() + self.link.until(claim.lock.at);
            let held = self.registry.hold_over(&claim, sent, until);
            self.waiting.add(claim, held);
        }
        drop(held);
    }
}

/// Adds to the batch what comes within [`GATHER`]; nothing while work waits for slots.
async fn gather(slots: &Slots, to_settle: &mut ToSettle, batch: &mut Vec<(Held, Settled)>) {
    let end = Instant::now() + GATHER;
    while batch.len() < MAX_BATCH && !slots.are_short() {
        let room = MAX_BATCH - batch.len();
        // All have gone, or the time is up.
        if !timeout_at(end, to_settle.recv_many(batch, room)).await.is_ok_and(|more| more > 0) {
            break;
        }
    }
}

/// Adds to the batch what comes while another is under way, until it is worth a lane of its own.
async fn fill(lanes: &Semaphore, to_settle: &mut ToSettle, batch: &mut Vec<(Held, Settled)>) {
    while batch.len() < WORTH && lanes.available_permits() < LANES as usize {
        let room = MAX_BATCH - batch.len();
        tokio::select! {
            biased;
            more = to_settle.recv_many(batch, room) => {
                if more == 0 {
                    break;
                }
            }
            all = lanes.acquire_many(LANES) => drop(all),
        }
    }
}

/// Settles one by one: one that cannot be settled must not keep the others. Its lease runs out, and it is found lost.
async fn settle_each(link: &Link, done: &mut [Settled]) -> Vec<Claim> {
    let mut held_over = Vec::new();
    for one in done {
        match settle(link, std::slice::from_mut(one)).await {
            Ok(claims) => held_over.extend(claims),
            Err(error) => tracing::error!(job = %one.claim.job, %error, "cannot settle a claim"),
        }
    }
    held_over
}

/// Settles until it is acknowledged. An error means that repeating would not help.
async fn settle(link: &Link, done: &mut [Settled]) -> Result<Vec<Claim>, Error> {
    let mut failures = 0;
    loop {
        match link.noted(link.settle(done)).await {
            Err(error) if error.is_outage() => {
                failures += 1;
                // Answers are worth one try: they take memory while the store is away.
                done.iter_mut().for_each(|settled| settled.answer = None);
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
    use crate::waiting;
    use crate::workbench::Workbench;

    const SECOND: Duration = Duration::from_secs(1);

    /// Claims three jobs and hands them over, each so long after the one before.
    async fn hand_over_three(bench: &mut Workbench, apart: Duration) {
        for number in 0..3 {
            bench.once(&format!("http://{number}.test/"), Duration::ZERO).await;
        }
        let to_settle = bench.to_settle.take().expect("it is there");
        tokio::spawn(bench.settling(to_settle));
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
        bench.slots.note_short(true);
        hand_over_three(&mut bench, Duration::from_millis(1)).await;
        assert_eq!(settled(&bench), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn each_call_is_counted_in_its_day() {
        let mut bench = Workbench::with_slots(1).await;
        let id = called_every_second(&mut bench).await;
        tokio::time::sleep(10 * SECOND).await;
        let state = &bench.job(id).state;
        let day = state.last_day.figures(bench.link.now());
        assert!(day.calls >= 9, "{day:?}");
        let runs = state.counters.runs;
        assert_eq!((day.calls, day.ok, day.lag.count()), (runs, state.counters.ok, runs));
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
        assert!(bench.registry.all_end(SECOND).await);
    }

    /// An endpoint that is due every second, called for so long, with all loops that hold it over.
    async fn called_every_second(bench: &mut Workbench) -> naptime_core::JobId {
        let id = bench.add("http://a.test/", naptime_core::Schedule::aligned(SECOND)).await;
        let to_settle = bench.to_settle.take().expect("it is there");
        tokio::spawn(bench.settling(to_settle));
        tokio::spawn(waiting::ask_for_edits(bench.waiting.clone(), bench.me));
        tokio::spawn(bench.scheduler().run());
        id
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_that_is_due_again_soon_is_held_over_without_a_slot() {
        let mut bench = Workbench::with_slots(1).await;
        let id = called_every_second(&mut bench).await;
        tokio::time::sleep(SECOND * 3 / 2).await;
        let first = bench.job(id).state.lock().cloned().expect("it is held over");
        assert_eq!((bench.waiting.len(), bench.registry.len()), (1, 0));
        assert_eq!(bench.slots.free(), 1);
        tokio::time::sleep(SECOND).await;
        let lock = bench.job(id).state.lock().cloned().expect("it is held over again");
        assert!(lock.token != first.token && lock.lost.is_empty());
        let calls = bench.calls();
        let apart: Vec<u128> = calls.windows(2).map(|two| two[1] - two[0]).collect();
        assert!(calls.len() >= 2 && apart.iter().all(|apart| *apart == 1_000), "each at its time: {calls:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_edited_while_it_is_held_over_is_given_back_uncalled() {
        use naptime_core::{Change, Edit};
        use naptime_store::Jobs;
        let mut bench = Workbench::with_slots(1).await;
        let id = called_every_second(&mut bench).await;
        tokio::time::sleep(SECOND * 3 / 2).await;
        let calls = bench.calls().len();
        bench.store.edit(id, None, Edit::Change(Change::switch(false))).await.expect("it is there");
        tokio::time::sleep(2 * SECOND).await;
        let state = &bench.job(id).state;
        assert_eq!((bench.calls().len(), state.lock().is_some(), state.counters.missed), (calls, false, 0));
        // A call that is asked for does not wait for the occurrence.
        bench.store.edit(id, None, Edit::Change(Change::switch(true))).await.expect("it is there");
        tokio::time::sleep(3 * SECOND).await;
        assert_eq!(bench.waiting.len(), 1);
        let calls = bench.calls().len();
        bench.store.edit(id, None, Edit::CallNow).await.expect("it is there");
        tokio::time::sleep(Duration::from_millis(350)).await;
        assert_eq!(bench.calls().len(), calls + 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_is_given_back_when_the_worker_stops_or_its_partition_moves() {
        let mut bench = Workbench::with_slots(1).await;
        let id = called_every_second(&mut bench).await;
        tokio::time::sleep(SECOND * 3 / 2).await;
        assert_eq!(bench.waiting.len(), 1);
        bench.waiting.give_back(|claim| claim.job == id);
        tokio::time::sleep(Duration::from_millis(100)).await;
        let state = &bench.job(id).state;
        assert_eq!((state.lock().is_some(), bench.job(id).attempts(), state.claim_at()), (false, 0, state.due));
        tokio::time::sleep(2 * SECOND).await;
        assert_eq!(bench.waiting.len(), 1);
        bench.stopping.cancel();
        assert!(bench.registry.all_end(SECOND / 10).await, "it does not wait for its time");
        assert!(bench.job(id).state.lock().is_none());
    }
}
