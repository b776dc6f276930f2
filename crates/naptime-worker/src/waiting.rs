//! Claims that hold jobs over: they wait for their time, without a slot.
//!
//! A claim that waits must not call what a person has switched off, deleted or changed meanwhile, and a call that
//! somebody asked for must not wait for it. So the store is asked again and again which claims were edited, and none
//! begins its call unless that was asked a moment before. An edit that comes later came during the call.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use naptime_core::claim::HOLDS_OVER;
use naptime_core::set_back::CLOCK_TOLERANCE;
use naptime_core::{Claim, ClaimRef, Run, Then, Time, WorkerId};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::LOOKAHEAD;
use crate::held::Held;
use crate::link::Link;
use crate::outage::backoff;
use crate::scheduler::EARLY;
use crate::settling::Settler;
use crate::share::Share;
use crate::slots::{SMALL, Slots};

/// The most claims that wait at a time: what waits takes memory.
const MAX: usize = 30_000;
/// The longest call after which a job is held over: calls that take longer are in the way of others, and share the slots
/// by what is claimed.
const LONGEST_CALL: Duration = Duration::from_millis(250);
/// How long a claim waits for a slot once its time has come.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the store is asked for edits while claims wait.
const ASK_EVERY: Duration = Duration::from_millis(50);
/// How long before its call it may have been asked, less the time that a claim has its slot before that.
const COUNTS_FOR: Duration = LOOKAHEAD.saturating_sub(EARLY);

/// Claims that hold jobs over.
pub(crate) struct Waiting {
    link: Link,
    pub(crate) slots: Arc<Slots>,
    share: Arc<Share>,
    settler: Settler,
    /// Told to stop: what waits is given back, and nothing more is held over.
    stopping: CancellationToken,
    state: Mutex<State>,
    /// There is one that waits, after none did.
    begun: Notify,
    /// What waits has changed, or may begin now.
    news: Notify,
}

#[derive(Default)]
struct State {
    /// In the order of the times they wait for.
    claims: BTreeMap<(Time, ClaimRef), (Claim, Held)>,
    /// When the store was last asked for edits, by its clock.
    asked_at: Option<Time>,
}

impl Waiting {
    pub(crate) fn new(
        link: Link,
        slots: Arc<Slots>,
        share: Arc<Share>,
        settler: Settler,
        stopping: CancellationToken,
    ) -> Self {
        let (begun, news) = (Notify::new(), Notify::new());
        Self { link, slots, share, settler, stopping, state: Mutex::default(), begun, news }
    }

    /// Whether to ask for the next occurrence as well, as this one ends.
    pub(crate) fn holds_over(&self, claim: &Claim, held: &Held, run: &Run, then: Then) -> bool {
        let Then::Next { due: Some(due), .. } = then else { return false };
        due <= self.link.now() + HOLDS_OVER
            && run.took() <= LONGEST_CALL
            && !held.has_pass()
            && !self.stopping.is_cancelled()
            // What this worker would be late with is left to those that have slots.
            && !(self.slots.are_short() && self.share.others_have_room())
            && self.share.is_home(claim.job.id.partition())
            && claim.job.spec.request.size() <= SMALL
            && self.state().claims.len() < MAX
    }

    /// Takes in a claim that holds a job over.
    pub(crate) fn add(&self, claim: Claim, held: Held) {
        let first = {
            let mut state = self.state();
            state.claims.insert((claim.lock.at, claim.reference()), (claim, held));
            state.claims.len() == 1
        };
        if first {
            self.begun.notify_one();
        }
        self.news.notify_one();
        // Who stops gives back what waits once, which may have been before this.
        if self.stopping.is_cancelled() {
            self.give_back(|_| true);
        }
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.state().claims.len()
    }

    /// The time that the first of them waits for.
    pub(crate) fn first(&self) -> Option<Time> {
        self.state().claims.keys().next().map(|&(at, _)| at)
    }

    /// How many wait for a time until then; no more than `most`.
    pub(crate) fn count_until(&self, until: Time, most: usize) -> usize {
        self.state().claims.keys().take(most).take_while(|(at, _)| *at <= until).count()
    }

    /// Whether a claim may begin, as far as edits are concerned. If not, there are [`news`](Self::news) once it may.
    pub(crate) fn may_begin(&self) -> bool {
        let oldest = self.link.now() - COUNTS_FOR;
        self.state().asked_at.is_some_and(|asked_at| asked_at >= oldest)
    }

    /// Takes out the first, if it waits for a time until then.
    pub(crate) fn take(&self, until: Time) -> Option<(Claim, Held)> {
        let mut state = self.state();
        let first = state.claims.first_entry().filter(|entry| entry.key().0 <= until)?;
        Some(first.remove())
    }

    /// Gives back those of them for which this holds.
    pub(crate) fn give_back(&self, which: impl Fn(&ClaimRef) -> bool) {
        let taken: Vec<(Claim, Held)> = {
            let mut state = self.state();
            let keys: Vec<_> = state.claims.keys().filter(|(_, claim)| which(claim)).copied().collect();
            keys.iter().filter_map(|key| state.claims.remove(key)).collect()
        };
        for (claim, held) in taken {
            self.settler.settle(held, claim.settled(None, Then::GiveBack));
        }
    }

    /// Gives back what has waited in vain for a slot, so that it does not look as if it were being called; and what waits
    /// for longer than a job is held over: the store's clock was set back, and the job is planned anew.
    pub(crate) fn give_back_misplaced(&self) {
        let now = self.link.now();
        let is_misplaced = |at: Time| at + PATIENCE < now || at > now + HOLDS_OVER + CLOCK_TOLERANCE;
        let misplaced: BTreeSet<ClaimRef> = {
            let state = self.state();
            let ends = [state.claims.keys().next(), state.claims.keys().next_back()];
            if !ends.into_iter().flatten().any(|(at, _)| is_misplaced(*at)) {
                return;
            }
            state.claims.keys().filter(|(at, _)| is_misplaced(*at)).map(|&(_, claim)| claim).collect()
        };
        self.give_back(|claim| misplaced.contains(claim));
    }

    /// Waits until what waits has changed, or may begin.
    pub(crate) async fn news(&self) {
        self.news.notified().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks for edits for as long as claims wait, and gives back those that were edited.
pub(crate) async fn ask_for_edits(waiting: Arc<Waiting>, me: WorkerId) {
    let link = &waiting.link;
    let mut failures = 0;
    loop {
        while waiting.len() == 0 {
            waiting.begun.notified().await;
        }
        // What was edited by now is found.
        let now = link.now();
        match link.noted(link.edited(me)).await {
            Ok(edited) => {
                let edited: BTreeSet<ClaimRef> = edited.into_iter().collect();
                if !edited.is_empty() {
                    waiting.give_back(|claim| edited.contains(claim));
                }
                waiting.state().asked_at = Some(now);
                waiting.news.notify_one();
                failures = 0;
            }
            Err(_) => failures += 1,
        }
        tokio::time::sleep(if failures == 0 { ASK_EVERY } else { backoff(failures) }).await;
    }
}

#[cfg(test)]
mod tests {
    use naptime_core::{Outcome, Peer, Schedule};

    use super::*;
    use crate::workbench::Workbench;

    #[tokio::test(start_paused = true)]
    async fn what_is_late_is_left_to_a_worker_that_has_slots() {
        let bench = Workbench::with_slots(1).await;
        bench.add("http://a.test/", Schedule::aligned(Duration::from_secs(1))).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let (claim, held) = bench.hold().await.pop().expect("it is due");
        let now = bench.link.now();
        let run = Run {
            token: claim.lock.token,
            job: claim.job.id,
            worker: bench.me,
            due: claim.lock.at,
            started: now,
            finished: now,
            outcome: Outcome::Ok,
            status: Some(200),
            message: String::new(),
            attempt: 1,
            manual: false,
            skipped: None,
        };
        let then = claim.conclude(&run, None);
        // Which partitions are whose is not what this is about.
        let with = |has_room| {
            let is_home = |other: &WorkerId| {
                let living = [bench.me, *other].map(|id| Peer { id, has_room: id != bench.me && has_room });
                bench.share.update(bench.me, &living);
                bench.share.is_home(claim.job.id.partition())
            };
            (2..).map(|id| WorkerId::from(uuid::Uuid::from_u128(id))).find(is_home).expect("one of many");
        };
        let check = |is_short, has_room, expect: bool| {
            with(has_room);
            bench.slots.note_short(is_short);
            let holds_over = bench.waiting.holds_over(&claim, &held, &run, then);
            assert_eq!(holds_over, expect, "short: {is_short}, others have room: {has_room}");
        };
        check(false, true, true);
        check(true, false, true);
        check(true, true, false);
    }
}
