//! Finds due jobs of pools that have limits, or whose host is down. First a pass, then a job: as many passes are taken as
//! there are slots and the limits leave, as many jobs are claimed as there are passes, and passes without a job are freed
//! at once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use naptime_core::{PassId, Pool, Rooms, Then, Time, WorkerId};
use naptime_store::{Passes as Granted, Result, Take, Want};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::fair::Fair;
use crate::held::Registry;
use crate::holding::Holding;
use crate::link::Link;
use crate::outage::backoff;
use crate::passes::{HeldPass, Passes};
use crate::pools::Pools;
use crate::runtime::Runtime;
use crate::slots::Slots;
use crate::wakes::Wakes;

/// The most passes taken at once.
const MAX_BATCH: usize = 100;
/// How soon after it asked for a pass a worker makes its call, where there is a limit per second. The pass lasts so much
/// longer than a second, so what is long costs speed; where the store is far away, it has to be longer.
const LEAVES_WITHIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// The pauses between looks for a free pass. Passes that this worker frees itself end them early.
const LOOKS: (Duration, Duration) = (Duration::from_millis(25), Duration::from_millis(200));
/// The same, where none is free for long: another worker may see that the host of the pool is back.
const LONGEST_LOOK: Duration = Duration::from_secs(1);
/// The most pools served at once.
const AT_ONCE: usize = 8;
/// The pause when others were faster, or a lease is about to end.
const CONTENDED: Duration = Duration::from_millis(5);

/// What is known of a pool from the last times.
struct Turn {
    /// How many passes to take: few, until it is seen that there is work for more.
    batch: usize,
    /// The time in which calls have to leave.
    leaves_within: Duration,
    /// All passes are taken; look again then.
    wait: Option<Instant>,
    /// Whether a pass that is freed may end that wait.
    for_flight: bool,
    /// How long to wait the next time.
    look: Duration,
}

impl Default for Turn {
    fn default() -> Self {
        Self { batch: 1, leaves_within: LEAVES_WITHIN.0, wait: None, for_flight: false, look: LOOKS.0 }
    }
}

/// Claims due jobs of pools that have limits.
pub(crate) struct Gated {
    pub(crate) me: WorkerId,
    pub(crate) link: Link,
    pub(crate) runtime: Arc<dyn Runtime>,
    /// The longest pause between looks.
    pub(crate) sleep: Duration,
    pub(crate) slots: Arc<Slots>,
    pub(crate) registry: Registry,
    pub(crate) fair: Arc<Fair>,
    pub(crate) pools: Arc<Pools>,
    pub(crate) passes: Arc<Passes>,
    pub(crate) wakes: Arc<Wakes>,
    pub(crate) holding: Arc<Holding>,
    /// Told to stop.
    pub(crate) stopping: CancellationToken,
}

impl Gated {
    /// Claims until told to stop. A claim under way is waited for: what it takes must not be left to run out.
    pub(crate) async fn run(self) {
        let mut turns = BTreeMap::new();
        let mut failures = 0;
        loop {
            let looked = self.look(&mut turns).await;
            failures = if looked.is_ok() { 0 } else { failures + 1 };
            let pause = looked.unwrap_or_else(|_| backoff(failures));
            let freed = async {
                tokio::select! {
                    biased;
                    () = self.passes.freed.notified() => true,
                    () = self.wakes.gated() => false,
                    () = tokio::time::sleep(pause) => false,
                }
            };
            let Some(freed) = self.stopping.run_until_cancelled(freed).await else { break };
            for turn in turns.values_mut().filter(|turn| freed && turn.for_flight) {
                turn.wait = None;
            }
        }
    }

    /// Takes what is due of each limited pool. Returns how long to pause.
    async fn look(&self, turns: &mut BTreeMap<Pool, Turn>) -> Result<Duration> {
        let mut pause = self.sleep;
        let limited = self.pools.limited();
        turns.retain(|pool, _| limited.contains(pool));
        if limited.is_empty() {
            self.fair.note_gated(None);
            return Ok(pause);
        }
        let next = self.link.noted(self.link.next_in(&limited)).await?;
        let next: BTreeMap<Pool, Time> = next.into_iter().collect();
        for pool in next.keys() {
            turns.entry(pool.clone()).or_default();
        }
        let now = self.link.now();
        let ready = |pool, turn: &Turn| {
            let wait = turn.wait.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()));
            next.get(pool).map(|&at: &Time| at.max(now + wait))
        };
        let ready: BTreeMap<Pool, Time> =
            turns.iter().filter_map(|(pool, turn)| Some((pool.clone(), ready(pool, turn)?))).collect();
        self.fair.note_gated(ready.values().min().copied());
        let mut serving = Vec::new();
        for (pool, turn) in turns.iter_mut() {
            let Some(&at) = ready.get(pool) else { continue };
            if at <= now {
                let others = ready.iter().filter(|(other, _)| *other != pool).map(|(_, &at)| at).min();
                serving.push(self.serve(pool, turn, others));
            } else {
                pause = pause.min(at.since(now));
            }
        }
        // All are served, whatever becomes of one of them.
        let served: Vec<Result<Duration>> = stream::iter(serving).buffer_unordered(AT_ONCE).collect().await;
        for until_next in served {
            pause = pause.min(until_next?);
        }
        Ok(pause)
    }

    /// Takes passes, and jobs with them; `others` is when other such pools have work. Returns how long to leave the pool
    /// alone.
    async fn serve(&self, pool: &Pool, turn: &mut Turn, others: Option<Time>) -> Result<Duration> {
        let room = self.fair.room(&self.registry, pool, others, self.link.now());
        if room == 0 {
            // A pass that is freed with a slot of this pool ends that.
            return Ok(self.sleep);
        }
        let taking = self.slots.take_up_to(turn.batch.min(room));
        let Some(mut taken) = self.stopping.run_until_cancelled(taking).await else { return Ok(Duration::ZERO) };
        let wanted = taken.slots();
        let sent = Instant::now();
        let (granted, mut passes) = self.take(pool, wanted, turn.leaves_within, sent).await?;
        let held = passes.len();
        if held == 0 {
            return Ok(turn.pause(&granted, self.link.now()));
        }
        let want = Want {
            worker: self.me,
            token: self.runtime.id().into(),
            slots: held,
            bytes: taken.bytes(),
            partitions: Vec::new(),
            late: Duration::ZERO,
            // What is claimed ahead would wait, and its pass run out.
            lookahead: Duration::ZERO,
            gate: Some(pool.clone()),
            rooms: Rooms::default(),
        };
        let claiming = Instant::now();
        let found = self.link.noted(self.link.claim(&want)).await?;
        turn.measure(sent.elapsed());
        let count = found.claims.len();
        let mut given_back = Vec::new();
        for claim in found.claims {
            // Moved to another pool since it was claimed.
            let moved = claim.job.spec.endpoint.pool() != pool;
            let pass = passes.pop().filter(|_| !moved);
            match pass.and_then(|pass| self.registry.hold(&claim, claiming, &mut taken, Some(pass))) {
                Some(held) => self.holding.start(claim, held),
                None => given_back.push(claim.settled(None, Then::GiveBack)),
            }
        }
        drop(passes);
        drop(taken);
        if !given_back.is_empty() {
            self.link.noted(self.link.settle(&given_back)).await?;
        }
        (turn.wait, turn.look) = (None, LOOKS.0);
        Ok(if count < held {
            turn.batch = count.max(1);
            found.next.map_or(self.sleep, |next| next.since(self.link.now())).max(CONTENDED)
        } else if held < wanted {
            turn.pause(&granted, self.link.now())
        } else {
            turn.batch = (2 * held).min(MAX_BATCH);
            Duration::ZERO
        })
    }

    /// Takes so many passes, or as many as are free.
    async fn take(
        &self,
        pool: &Pool,
        wanted: usize,
        leaves_within: Duration,
        sent: Instant,
    ) -> Result<(Granted, Vec<HeldPass>)> {
        let ids: Vec<PassId> = (0..wanted).map(|_| self.runtime.id().into()).collect();
        let take = Take { pool: pool.clone(), ids: ids.clone(), leaves_within };
        let hold = |granted: Granted| {
            let leaves_by = granted.per_second.then(|| sent + leaves_within);
            let hold = |id| self.passes.hold(pool, id, sent, &granted, leaves_by);
            ids.into_iter().take(granted.granted).map(hold).collect::<Vec<_>>()
        };
        match self.link.noted(self.link.take_passes(&take)).await {
            Ok(granted) => Ok((granted, hold(granted))),
            Err(error) => {
                // They may have been taken: free all.
                drop(hold(Granted { granted: wanted, ..Granted::default() }));
                Err(error)
            }
        }
    }
}

impl Turn {
    /// All passes are taken: how long to wait for one.
    fn pause(&mut self, granted: &Granted, now: Time) -> Duration {
        let pause = match granted.next {
            Some(next) if next.since(now) > LONGEST_LOOK => LONGEST_LOOK,
            // Others may be faster, or may not use what they took.
            Some(next) => next.since(now).clamp(CONTENDED, LOOKS.1),
            None => self.look,
        };
        self.look = (2 * self.look).min(LOOKS.1);
        self.for_flight = granted.next.is_none();
        self.wait = Some(Instant::now() + pause);
        self.batch = self.batch.div_ceil(2);
        pause
    }

    /// Notes how long it took to have pass and job, and leaves room for three times that.
    fn measure(&mut self, took: Duration) {
        let (least, most) = LEAVES_WITHIN;
        let room = (3 * took).max((7 * self.leaves_within + 3 * took) / 8);
        self.leaves_within = room.clamp(least, most);
    }
}

#[cfg(test)]
mod tests {
    use naptime_core::PoolChange;
    use naptime_core::pool::Sign;
    use naptime_store::{Hosts, Pools as _};

    use super::*;
    use crate::workbench::Workbench;

    const SECOND: Duration = Duration::from_secs(1);

    /// Twenty jobs of one pool with this limit, all due at once. Returns when they were called, in milliseconds.
    async fn called(takes: Duration, change: PoolChange) -> Vec<u128> {
        let mut bench = Workbench::with_slots(50).await;
        *bench.target.takes.lock().expect("no panic") = takes;
        for number in 0..20 {
            bench.once(&format!("http://limited.test/{number}"), Duration::ZERO).await;
        }
        bench.limit("http://limited.test", change).await;
        let to_settle = bench.to_settle.take().expect("it is there");
        tokio::spawn(bench.settling(to_settle));
        bench.fair.note_ordinary(false);
        tokio::spawn(bench.gated().run());
        tokio::time::sleep(60 * SECOND).await;
        bench.calls()
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_calls_are_in_flight_than_the_pool_allows() {
        let calls = called(SECOND, PoolChange { max_in_flight: Some(Some(4)), ..PoolChange::default() }).await;
        assert_eq!(calls.len(), 20);
        for (first, fifth) in calls.iter().zip(&calls[4..]) {
            assert!(fifth - first >= 1_000, "{calls:?}");
        }
        assert!(calls[19] < 5_500, "{calls:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_calls_begin_within_a_second_than_the_pool_allows() {
        let limit = PoolChange { max_per_second: Some(Some(4)), ..PoolChange::default() };
        let calls = called(Duration::from_millis(5), limit).await;
        assert_eq!(calls.len(), 20);
        for (first, fifth) in calls.iter().zip(&calls[4..]) {
            assert!(fifth - first >= 1_000, "{calls:?}");
        }
        assert!(calls[19] < 8_000, "{calls:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn calls_come_back_at_a_growing_rate_when_a_host_answers_again() {
        let mut bench = Workbench::with_slots(50).await;
        for number in 0..20 {
            bench.once(&format!("http://down.test/{number}"), Duration::ZERO).await;
        }
        let pool = Pool::parse("http://down.test").expect("a pool");
        bench.store.heed(&pool, Sign::Down).await.expect("the store answers");
        bench.pools.refresh().await.expect("the store answers");
        let to_settle = bench.to_settle.take().expect("it is there");
        tokio::spawn(bench.settling(to_settle));
        bench.fair.note_ordinary(false);
        tokio::spawn(bench.gated().run());
        tokio::time::sleep(60 * SECOND).await;
        let calls = bench.calls();
        let after: Vec<u128> = calls.iter().map(|at| at - calls[0]).collect();
        assert!(after.len() == 20 && after[1] >= 1_000 && after[3] >= 2_000 && after[19] < 6_000, "{after:?}");
        let down = bench.store.pool(&pool).await.expect("a pool").settings.down.expect("nobody says that it is over");
        assert!(down.rate >= 8, "{down:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_hangs_keeps_no_other_back() {
        let bench = Workbench::with_slots(50).await;
        *bench.target.takes.lock().expect("no panic") = Duration::from_secs(3600);
        for number in 0..5 {
            bench.once(&format!("http://down.test/{number}"), Duration::ZERO).await;
        }
        let pool = Pool::parse("http://down.test").expect("a pool");
        bench.store.heed(&pool, Sign::Down).await.expect("the store answers");
        bench.pools.refresh().await.expect("the store answers");
        bench.fair.note_ordinary(false);
        tokio::spawn(bench.gated().run());
        tokio::time::sleep(13 * SECOND).await;
        let calls = bench.calls();
        assert_eq!(calls.len(), 3, "one every 5 s: {calls:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_called_of_a_pool_that_is_off() {
        let off = PoolChange { active: Some(false), ..PoolChange::default() };
        assert_eq!(called(SECOND, off).await, []);
    }
}
