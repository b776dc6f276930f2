//! The store's time: the machine's wall clock, made steady.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use naptime_core::Time;
use naptime_core::set_back::CLOCK_TOLERANCE;

/// The wall clock at the start, carried on by the monotonic clock, so that small corrections do not make it go back.
///
/// Where the wall clock gets ahead of that, it is followed: the machine slept, during which the monotonic clock stands
/// still, or its clock was set right. Where it falls back by more than [`CLOCK_TOLERANCE`], it is followed as well: it
/// was wrong. All processes on one machine share the wall clock, so they agree but for that tolerance.
pub(crate) struct SteadyWallClock {
    origin: tokio::time::Instant,
    /// The wall clock at `origin` as it now seems, in microseconds since 1970.
    base: AtomicI64,
    offset: Arc<AtomicI64>,
}

/// A look at the wall clock, and at the monotonic clock before and after it, in microseconds. Between the looks the
/// process may have been stopped.
#[derive(Clone, Copy)]
struct Reading {
    before: i64,
    wall: i64,
    after: i64,
}

impl SteadyWallClock {
    pub(crate) fn new(offset: Arc<AtomicI64>) -> Self {
        Self { origin: tokio::time::Instant::now(), base: AtomicI64::new(i64::MIN), offset }
    }

    pub(crate) fn now(&self) -> Time {
        self.at(self.read())
    }

    /// How long it is until then.
    pub(crate) fn until(&self, at: Time) -> Duration {
        let left = at.millis().saturating_mul(1000).saturating_sub(self.micros(self.read()));
        Duration::from_micros(u64::try_from(left).unwrap_or(0))
    }

    fn read(&self) -> Reading {
        let elapsed = || micros(self.origin.elapsed());
        Reading { before: elapsed(), wall: wall(), after: elapsed() }
    }

    fn at(&self, reading: Reading) -> Time {
        Time::from_millis(self.micros(reading).div_euclid(1000))
    }

    fn micros(&self, reading: Reading) -> i64 {
        let Reading { before, wall, after } = reading;
        let (least, most) = (wall.saturating_sub(after), wall.saturating_sub(before));
        let mut base = self.base.fetch_max(least, Ordering::Relaxed).max(least);
        if most.saturating_add(micros(CLOCK_TOLERANCE)) < base {
            self.base.store(least, Ordering::Relaxed);
            base = least;
        }
        (base + after).saturating_add(self.offset.load(Ordering::SeqCst).saturating_mul(1000))
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[expect(clippy::disallowed_methods, reason = "on one machine, its clock is the store's")]
fn wall() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => micros(since),
        Err(before) => -micros(before.duration()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(clock: &SteadyWallClock, wall: i64, before: i64, after: i64, expect: i64) {
        let [before, wall, after] = [before, wall, after].map(|seconds| seconds * 1_000_000);
        let now = clock.at(Reading { before, wall, after });
        assert_eq!(now, Time::from_millis(expect * 1000), "wall {wall}, elapsed {before} to {after}");
    }

    #[test]
    fn follows_jumps_and_no_small_step_back() {
        let clock = SteadyWallClock::new(Arc::default());
        let check = |wall, elapsed, expect| check(&clock, wall, elapsed, elapsed, expect);
        check(1000, 0, 1000);
        check(1010, 10, 1010);
        check(5010, 20, 5010); // the machine slept
        check(5020, 30, 5020);
        check(5027, 40, 5030); // corrected by three seconds
        check(5038, 50, 5040);
        check(1060, 60, 1060); // set right: it was wrong
        check(1070, 70, 1070);
        clock.offset.store(60_000, Ordering::SeqCst);
        check(1080, 80, 1140);
    }

    #[test]
    fn a_process_that_was_stopped_does_not_take_that_for_a_step_back() {
        let clock = SteadyWallClock::new(Arc::default());
        check(&clock, 1000, 0, 0, 1000);
        check(&clock, 1010, 10, 310, 1310); // between the looks
        check(&clock, 1311, 311, 311, 1311);
    }
}
