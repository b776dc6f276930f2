//! Gives slots to work in the order in which it is due: to claims that wait here, and to jobs that the store has.
//!
//! The store is looked at shortly before its next job is due, when it tells that one came, and at least every so often,
//! with all slots that are free but for those that claims here are about to take. While there are too few slots, who is
//! due first gets them: a look tells when the first job is due that it left, and what waits here for a later time waits
//! on until after the next.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use naptime_core::{Then, Time};
use naptime_store::Result;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::claiming::{Claiming, Looked, MARGIN, STEAL_AFTER};
use crate::fair::Fair;
use crate::held::Registry;
use crate::holding::Holding;
use crate::link::Link;
use crate::outage::backoff;
use crate::pools::Pools;
use crate::slots::Slots;
use crate::waiting::Waiting;
use crate::wakes::Wakes;

/// How long before its time a claim that waits gets its slot, so that several do at once.
pub(crate) const EARLY: Duration = Duration::from_millis(10);
/// How long before their time slots are kept for claims that wait, while the store is looked at.
const SOON: Duration = Duration::from_millis(50);
/// How long a look at the store waits for several slots to be free, if more is due there than there are slots. A look
/// for one job costs nearly as much as one for many.
const SEVERAL: Duration = Duration::from_millis(5);
/// A pause that something else ends.
const LONG: Duration = Duration::from_secs(60);

/// Gives slots to work.
pub(crate) struct Scheduler {
    pub(crate) link: Link,
    pub(crate) slots: Arc<Slots>,
    pub(crate) registry: Registry,
    pub(crate) fair: Arc<Fair>,
    pub(crate) pools: Arc<Pools>,
    pub(crate) waiting: Arc<Waiting>,
    pub(crate) wakes: Arc<Wakes>,
    pub(crate) claiming: Claiming,
    pub(crate) holding: Arc<Holding>,
    /// Told to stop.
    pub(crate) stopping: CancellationToken,
}

/// A look at the store that is under way.
type Look<'a> = Pin<Box<dyn Future<Output = Result<Looked>> + Send + 'a>>;

/// What is known of the store.
struct Known {
    /// What the last look told.
    last: Looked,
    /// When to look again.
    look_at: Instant,
    failures: u32,
    /// When to look at others' partitions.
    steal_at: Instant,
    /// Whether the look under way does.
    steals: bool,
}

impl Scheduler {
    /// Schedules until told to stop. A look under way is waited for: what it takes must not be left to run out.
    pub(crate) async fn run(self) {
        if self.stopping.run_until_cancelled(self.pools.known()).await.is_none() {
            return;
        }
        let now = Instant::now();
        let steal_at = now + STEAL_AFTER;
        let mut store = Known { last: Looked::default(), look_at: now, failures: 0, steal_at, steals: false };
        let mut look: Option<Look<'_>> = None;
        loop {
            self.waiting.give_back_misplaced();
            if look.is_none() {
                // What was asked for during a look, that look may have missed.
                let asked = self.wakes.take();
                let at = |by: Time| Instant::now() + self.link.until(by);
                store.steal_at = asked.steal_by.map_or(store.steal_at, |by| store.steal_at.min(at(by)));
                store.look_at = asked.look_by.map_or(store.look_at, |by| store.look_at.min(at(by - MARGIN)));
                store.look_at = store.look_at.min(store.steal_at);
                look = self.look(&mut store);
            }
            let is_looking = look.is_some();
            let is_short = self.begin(&store, is_looking);
            let wants = if is_short { 1 } else { self.several(&store) };
            let wants_slots = is_short || (!is_looking && store.is_ripe());
            self.slots.note_short(is_short || store.last.is_behind);
            tokio::select! {
                biased;
                () = self.stopping.cancelled() => break,
                looked = end_of(&mut look) => {
                    look = None;
                    store.note(looked);
                }
                () = self.slots.some_free(wants), if wants_slots => {}
                () = self.registry.freed(), if store.last.is_crowded && !is_looking => store.look_at = Instant::now(),
                () = self.waiting.news() => {}
                () = self.wakes.scheduler() => {}
                () = tokio::time::sleep_until(self.wakes_at(&store, is_looking, is_short)) => {}
            }
        }
        if let Some(look) = look {
            let _ = look.await;
        }
        self.waiting.give_back(|_| true);
    }

    /// Looks at the store, if it is time and there are slots for it.
    fn look(&self, store: &mut Known) -> Option<Look<'_>> {
        let free = self.slots.free();
        if !store.is_ripe() || free < self.several(store) {
            return None;
        }
        let soon = if self.is_first(store) { 0 } else { self.waiting.count_until(self.link.now() + SOON, free) };
        let mut taken = self.slots.try_take(free.saturating_sub(soon).max(1))?;
        store.steals = store.steal_at <= Instant::now();
        let steals = store.steals;
        Some(Box::pin(async move { self.claiming.look(&mut taken, steals).await }))
    }

    /// Begins the calls of claims that have waited for their time. Whether there were too few slots for them.
    fn begin(&self, store: &Known, is_looking: bool) -> bool {
        let by = self.link.now() + EARLY;
        while self.waiting.first().is_some_and(|first| first <= by) {
            let is_stores_turn = !is_looking && store.is_ripe() && self.is_first(store);
            if is_stores_turn || !self.waiting.may_begin() {
                return false;
            }
            let Some(slot) = self.slots.try_slot() else { return true };
            let Some((mut claim, mut held)) = self.waiting.take(by) else { return false };
            // Whether that is too late for its occurrence is counted from when it leaves.
            claim.lock.at = claim.lock.at.max(self.link.now());
            let pool = claim.job.spec.endpoint.pool();
            let most = self.fair.most(&self.registry, pool, self.link.now());
            if !self.pools.is_gated(pool) && held.begin(slot, most) {
                self.holding.start(claim, held);
            } else {
                self.holding.settler.settle(held, claim.settled(None, Then::GiveBack));
            }
        }
        false
    }

    /// Whether the store has what is due before all that waits here.
    fn is_first(&self, store: &Known) -> bool {
        store.last.next.is_some_and(|next| self.waiting.first().is_none_or(|first| next <= first))
    }

    /// How many slots a look waits for: not for long, since under strain there may never be several.
    fn several(&self, store: &Known) -> usize {
        let is_worth_it = store.last.is_behind && self.is_first(store) && store.look_at.elapsed() < SEVERAL;
        if is_worth_it { self.slots.several() } else { 1 }
    }

    /// When there is something to do, if nothing happens before.
    fn wakes_at(&self, store: &Known, is_looking: bool, is_short: bool) -> Instant {
        let look_at = match is_looking {
            true => None,
            false if store.is_ripe() => Some(store.look_at + SEVERAL).filter(|at| *at > Instant::now()),
            false => Some(store.look_at),
        };
        let first = self.waiting.first().filter(|_| !is_short && self.waiting.may_begin());
        let begin_at = first.map(|first| Instant::now() + self.link.until(first - EARLY));
        // What is due already waits for the store's turn to end.
        let begin_at = begin_at.filter(|at| *at > Instant::now());
        look_at.into_iter().chain(begin_at).min().unwrap_or_else(|| Instant::now() + LONG)
    }
}

impl Known {
    /// Whether it is time to look.
    fn is_ripe(&self) -> bool {
        self.look_at <= Instant::now()
    }

    /// Takes note of what came of a look.
    fn note(&mut self, looked: Result<Looked>) {
        self.failures = if looked.is_ok() { 0 } else { self.failures + 1 };
        self.last = looked.unwrap_or_else(|_| Looked { pause: backoff(self.failures), ..Looked::default() });
        if self.steals {
            self.steal_at = Instant::now() + self.last.steal_in.max(STEAL_AFTER);
        }
        self.look_at = (Instant::now() + self.last.pause).min(self.steal_at);
    }
}

/// Waits for the look under way, if there is one.
async fn end_of(look: &mut Option<Look<'_>>) -> Result<Looked> {
    match look {
        Some(look) => look.await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use naptime_core::{Change, Edit, Schedule, Spec};
    use naptime_store::Jobs;

    use super::*;
    use crate::call::LocalFault;
    use crate::waiting;
    use crate::workbench::Workbench;

    const SECOND: Duration = Duration::from_secs(1);

    /// Has endpoints called that are due every second, for a minute, by a worker of one slot. Returns how often each was.
    async fn called(endpoints: usize, takes: Duration) -> Vec<usize> {
        let mut bench = Workbench::with_slots(1).await;
        *bench.target.takes.lock().expect("no panic") = takes;
        for number in 0..endpoints {
            bench.add(&format!("http://a.test/{number}"), Schedule::aligned(SECOND)).await;
        }
        let to_settle = bench.to_settle.take().expect("it is there");
        tokio::spawn(bench.settling(to_settle));
        tokio::spawn(waiting::ask_for_edits(bench.waiting.clone(), bench.me));
        tokio::spawn(bench.scheduler().run());
        tokio::time::sleep(60 * SECOND).await;
        let calls = bench.target.calls.lock().expect("no panic");
        let mut count = BTreeMap::new();
        calls.iter().for_each(|(url, _)| *count.entry(url.clone()).or_insert(0) += 1);
        count.into_values().collect()
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_here_and_what_the_store_has_take_turns_by_their_times() {
        let counts = called(10, Duration::from_millis(240)).await;
        let total: usize = counts.iter().sum();
        assert!(total >= 200, "the slot is in use: {counts:?}");
        assert_eq!(counts.len(), 10, "all are called: {counts:?}");
        assert!(counts.iter().all(|count| count.abs_diff(total / 10) <= total / 20), "as often: {counts:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_in_vain_for_a_slot_is_given_back() {
        let mut bench = Workbench::with_slots(1).await;
        let id = bench.add("http://a.test/", Schedule::aligned(SECOND)).await;
        let to_settle = bench.to_settle.take().expect("it is there");
        tokio::spawn(bench.settling(to_settle));
        tokio::spawn(waiting::ask_for_edits(bench.waiting.clone(), bench.me));
        tokio::spawn(bench.scheduler().run());
        tokio::time::sleep(3 * SECOND).await;
        let _in_use = bench.slots.take_up_to(1).await;
        tokio::time::sleep(5 * SECOND).await;
        assert_eq!(bench.waiting.len(), 1);
        tokio::time::sleep(8 * SECOND).await;
        assert_eq!((bench.waiting.len(), bench.job(id).state.lock().is_none()), (0, true));
    }

    #[tokio::test(start_paused = true)]
    async fn what_gets_its_slot_later_than_it_may_leave_is_skipped() {
        let mut bench = Workbench::with_slots(1).await;
        let id = bench.add("http://a.test/", Schedule::aligned(SECOND)).await;
        let mut spec = Spec::clone(&bench.job(id).spec);
        spec.misfire.late = Some(SECOND);
        bench.store.edit(id, None, Edit::Change(Change::to(spec))).await.expect("it is there");
        let to_settle = bench.to_settle.take().expect("it is there");
        tokio::spawn(bench.settling(to_settle));
        tokio::spawn(waiting::ask_for_edits(bench.waiting.clone(), bench.me));
        tokio::spawn(bench.scheduler().run());
        tokio::time::sleep(3 * SECOND).await;
        let in_use = bench.slots.take_up_to(1).await;
        tokio::time::sleep(5 * SECOND).await;
        assert_eq!((bench.waiting.len(), bench.job(id).state.counters.late), (1, 0));
        drop(in_use);
        tokio::time::sleep(SECOND / 4).await;
        let counters = bench.job(id).state.counters;
        assert_eq!((counters.late, counters.missed), (4, 4), "those due more than a second ago");
    }

    #[tokio::test(start_paused = true)]
    async fn a_worker_under_strain_uses_the_few_slots_it_has() {
        let mut bench = Workbench::with_slots(80).await;
        *bench.target.takes.lock().expect("no panic") = SECOND / 10;
        for number in 0..80 {
            bench.once(&format!("http://a.test/{number}"), Duration::ZERO).await;
        }
        let to_settle = bench.to_settle.take().expect("it is there");
        tokio::spawn(bench.settling(to_settle));
        bench.slots.strain.note(LocalFault::NoDescriptors, 4);
        tokio::spawn(bench.scheduler().run());
        // One second in which nothing is claimed, and one in which two slots are in use, or a few more.
        tokio::time::sleep(2 * SECOND).await;
        let calls = bench.calls().len();
        assert!((10..60).contains(&calls), "{calls} calls");
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_turns_in_one_slot_is_called_every_time_if_it_fits() {
        let counts = called(5, Duration::from_millis(100)).await;
        assert!(counts.len() == 5 && counts.iter().all(|count| *count >= 59), "{counts:?}");
    }
}
