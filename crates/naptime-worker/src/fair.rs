//! Shares slots among pools: one gets at most half of them while others wait.
//!
//! Others wait if a job of theirs is due before a slot that the pool takes now is likely to be free again, or if one
//! was claimed no longer ago than that. So a pool whose calls are short gets all slots in a burst, and is hardly in the
//! way; one whose calls take ten seconds leaves half of them to an endpoint that is due every five.
//!
//! Who waits behind the backlog of a pool is found by reading past it, which takes the longer the more there is. So
//! this is done when half of the slots are reached, and then only as often as its cost allows.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use naptime_core::{Pool, Rooms, Time};
use naptime_store::Taken;
use tokio::time::Instant;

use crate::claiming::MARGIN;
use crate::held::Registry;

/// How far ahead the jobs of others are looked for, and how long the claims of a pool last of which none has ended or
/// that hangs: as long as a call may take by default.
const AHEAD: Duration = Duration::from_secs(30);
/// The pauses between looks past a pool, in which new jobs of others are not seen: a hundred times as long as the look
/// took, within these bounds.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// The share that pools have in the slots.
pub(crate) struct Fair {
    half: usize,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    past: Option<Past>,
    /// Whether it was looked for jobs of no gated pool, and when there was last one in sight. Until the first look some
    /// may wait.
    looked: bool,
    ordinary: Option<Instant>,
    /// When a job of a gated pool can be claimed, and has a pass.
    gated: Option<Time>,
}

/// What the last look past a pool saw.
struct Past {
    pool: Pool,
    /// When the next job of another pool is due.
    next: Option<Time>,
    /// When to look again.
    until: Instant,
}

impl Fair {
    pub(crate) fn new(capacity: u32) -> Self {
        let half = usize::try_from(capacity.div_ceil(2)).unwrap_or(usize::MAX);
        Self { half, known: Mutex::default() }
    }

    /// How many jobs of each pool to claim with so many slots; those of other workers without a look past a pool.
    pub(crate) fn rooms(&self, registry: &Registry, slots: usize, at_home: bool, now: Time) -> Rooms {
        let rooms = registry.rooms(self.half, slots);
        let known = self.lock();
        match known.past.as_ref().filter(|past| Instant::now() < past.until) {
            None if at_home => rooms.looking_past(AHEAD),
            None => rooms,
            Some(past) if known.others_wait(registry, past, now) => rooms,
            Some(past) => rooms.with(&past.pool, slots),
        }
    }

    /// Takes note of what came of a claim, and how long it took if it was to look past a pool. If jobs were passed over:
    /// how long to leave them, unless a slot of that pool is freed.
    pub(crate) fn note(
        &self,
        registry: &Registry,
        found: &Taken,
        looked: Option<Duration>,
        now: Time,
    ) -> Option<Duration> {
        let pool = found.passed_over.as_ref()?;
        let mut known = self.lock();
        if let Some(took) = looked {
            let until = Instant::now() + pause(took, found.next.map(|next| (next - MARGIN).since(now)));
            known.past = Some(Past { pool: pool.clone(), next: found.next, until });
        }
        let Some(past) = known.past.as_ref().filter(|past| past.pool == *pool) else {
            // It was another pool that was looked past.
            known.past = None;
            return Some(Duration::ZERO);
        };
        let wait = past.until.saturating_duration_since(Instant::now());
        Some(if known.others_wait(registry, past, now) { wait } else { Duration::ZERO })
    }

    /// How many jobs of a gated pool to claim; `others` is when other gated pools have work.
    pub(crate) fn room(&self, registry: &Registry, pool: &Pool, others: Option<Time>, now: Time) -> usize {
        let ordinary = {
            let known = self.lock();
            !known.looked || known.ordinary.is_some_and(|at| at.elapsed() < lasts(registry, pool))
        };
        if ordinary || others_wait(registry, pool, others, now) {
            self.half.saturating_sub(registry.held_of(pool))
        } else {
            usize::MAX
        }
    }

    /// How many slots a pool may have as one of its claims has waited for its time and takes one.
    pub(crate) fn most(&self, registry: &Registry, pool: &Pool, now: Time) -> usize {
        if registry.held_of(pool) < self.half {
            return self.half;
        }
        let known = self.lock();
        let past = known.past.as_ref().filter(|past| past.pool == *pool).and_then(|past| past.next);
        let others_wait = others_wait(registry, pool, past.into_iter().chain(known.gated).min(), now);
        if others_wait { self.half } else { usize::MAX }
    }

    /// Takes note of whether there is work of no gated pool.
    pub(crate) fn note_ordinary(&self, is_there: bool) {
        let mut known = self.lock();
        known.looked = true;
        if is_there {
            known.ordinary = Some(Instant::now());
        }
    }

    /// Takes note of when there is work of gated pools.
    pub(crate) fn note_gated(&self, next: Option<Time>) {
        self.lock().gated = next;
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn others_wait(&self, registry: &Registry, past: &Past, now: Time) -> bool {
        let next = past.next.into_iter().chain(self.gated).min();
        others_wait(registry, &past.pool, next, now)
    }
}

/// How long to wait for the next look past a pool, if the last took so long, and others are due in that time.
fn pause(took: Duration, due_in: Option<Duration>) -> Duration {
    let pause = (100 * took).clamp(PAUSES.0, PAUSES.1);
    due_in.map_or(pause, |due_in| due_in.min(pause)).max(4 * took)
}

/// Whether others wait, if their next job is due then.
fn others_wait(registry: &Registry, pool: &Pool, next: Option<Time>, now: Time) -> bool {
    let lasts = lasts(registry, pool);
    next.is_some_and(|next| next.since(now) < lasts) || registry.holds_others(pool, lasts)
}

/// How long a slot that a pool takes now is likely to be taken.
fn lasts(registry: &Registry, pool: &Pool) -> Duration {
    registry.lasts(pool).unwrap_or(AHEAD).min(AHEAD)
}

#[cfg(test)]
mod tests {
    use naptime_core::{Claim, Endpoint, JobId, NewJob, Schedule, Spec};
    use uuid::Uuid;

    use super::*;
    use crate::held::Held;
    use crate::slots::Slots;

    const SECOND: Duration = Duration::from_secs(1);

    fn pool(name: &str) -> Pool {
        Pool::parse(&format!("https://{name}.test")).expect("a pool")
    }

    fn now() -> Time {
        Time::from_millis(1_000_000)
    }

    /// A worker of ten slots.
    struct Ten {
        slots: Slots,
        registry: Registry,
        fair: Fair,
    }

    impl Ten {
        fn new() -> Self {
            Self { slots: Slots::new(10, 10 << 20), registry: Registry::default(), fair: Fair::new(10) }
        }

        async fn hold(&self, name: &str) -> Held {
            let endpoint = Endpoint::parse(&format!("https://{name}.test/")).expect("a URL");
            let spec = Spec::new(endpoint, Schedule::Once { at: now() });
            let mut job = NewJob { id: JobId::from(Uuid::new_v4()), spec, active: true }.into_job(now());
            assert!(job.claim(Uuid::new_v4().into(), Uuid::new_v4().into(), now(), Duration::ZERO));
            let claim = Claim { lock: job.state.lock().cloned().expect("claimed"), job: job.into(), recorded: None };
            let mut taken = self.slots.take_up_to(1).await;
            self.registry.hold(&claim, Instant::now(), &mut taken, None).expect("room")
        }

        /// How many jobs of a pool may be claimed, and whether to look past one that has no more room.
        fn room(&self, name: &str, slots: usize) -> (usize, bool) {
            let mut rooms = self.fair.rooms(&self.registry, slots, true, now());
            let looks = rooms.look_past().is_some();
            ((0..slots).take_while(|_| rooms.take(pool(name).as_str())).count(), looks)
        }

        /// Jobs of "slow" were passed over, and the next one of others is due then. Returns whether to claim them
        /// at once.
        fn look(&self, next: Option<Duration>) -> bool {
            let next = next.map(|after| now() + after);
            let found = Taken { claims: Vec::new(), next, passed_over: Some(pool("slow")) };
            let left = self.fair.note(&self.registry, &found, Some(SECOND), now());
            left.expect("they are left").is_zero()
        }
    }

    #[tokio::test]
    async fn a_pool_gets_half_of_the_slots_until_it_is_seen_that_nobody_waits() {
        let ten = Ten::new();
        assert_eq!(ten.room("slow", 10), (5, true));
        let mut held = vec![ten.hold("slow").await, ten.hold("slow").await];
        assert_eq!((ten.room("slow", 8), ten.room("other", 8)), ((3, true), (5, true)));
        held.push(ten.hold("slow").await);
        assert!(ten.look(None));
        assert_eq!((ten.room("slow", 7), ten.room("other", 7)), ((7, false), (5, false)));
        held.push(ten.hold("other").await);
        assert_eq!(ten.room("slow", 6), (2, false), "one was claimed a moment ago");
    }

    #[tokio::test]
    async fn others_wait_if_they_are_due_before_a_slot_is_free_again() {
        let ten = Ten::new();
        let held = [ten.hold("slow").await, ten.hold("slow").await];
        assert!(!ten.look(Some(9 * SECOND)), "how long its claims last is not known");
        assert_eq!(ten.room("slow", 8), (3, false));
        let [_first, second] = held;
        drop(second);
        assert_eq!(ten.room("slow", 9), (9, false), "no longer than a moment");
        assert!(ten.look(Some(9 * SECOND)));
        ten.fair.note_gated(Some(now()));
        assert_eq!(ten.room("slow", 9), (4, false), "a gated pool has work");
    }

    #[test]
    fn a_look_is_made_as_often_as_its_cost_allows() {
        let check = |took: u64, due_in: Option<u64>, expect: u64| {
            let pause = pause(Duration::from_millis(took), due_in.map(Duration::from_millis));
            assert_eq!(pause, Duration::from_millis(expect), "it took {took} ms, others are due in {due_in:?} ms");
        };
        check(1, None, 250);
        check(10, None, 1_000);
        check(100, None, 5_000);
        check(10, Some(500), 500);
        check(10, Some(5_000), 1_000);
        check(100, Some(0), 400);
    }

    #[tokio::test]
    async fn a_gated_pool_leaves_half_to_others_too() {
        let ten = Ten::new();
        let room = |others| ten.fair.room(&ten.registry, &pool("gated"), others, now());
        assert_eq!(room(None), 5, "nobody has looked yet whether others wait");
        ten.fair.note_ordinary(false);
        assert_eq!(room(None), usize::MAX);
        assert_eq!(room(Some(now() + 9 * SECOND)), 5);
        ten.fair.note_ordinary(true);
        assert_eq!(room(None), 5);
        let _held = ten.hold("gated").await;
        assert_eq!(room(None), 4);
    }
}
