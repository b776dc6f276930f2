//! The store's time: the machine's wall clock, made steady.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use naptime_core::Time;

/// The wall clock at the start, carried on by the monotonic clock, so that it never goes back.
///
/// Where the wall clock gets ahead of that, it is followed: the machine slept, during which the monotonic clock stands
/// still, or its clock was set right. All processes on one machine share the wall clock, so they agree, unless it was
/// set back while one ran; that one stays ahead until it is started again.
pub(crate) struct SteadyWallClock {
    origin: Instant,
    /// The wall clock at `origin` as it now seems, in microseconds since 1970. Only ever raised.
    base: AtomicI64,
    offset: Arc<AtomicI64>,
}

impl SteadyWallClock {
    pub(crate) fn new(offset: Arc<AtomicI64>) -> Self {
        Self { origin: Instant::now(), base: AtomicI64::new(i64::MIN), offset }
    }

    pub(crate) fn now(&self) -> Time {
        self.at(wall(), micros(self.origin.elapsed()))
    }

    /// How long it is until then.
    pub(crate) fn until(&self, at: Time) -> Duration {
        let left = at.millis().saturating_mul(1000).saturating_sub(self.micros(wall(), micros(self.origin.elapsed())));
        Duration::from_micros(u64::try_from(left).unwrap_or(0))
    }

    fn at(&self, wall: i64, elapsed: i64) -> Time {
        Time::from_millis(self.micros(wall, elapsed).div_euclid(1000))
    }

    fn micros(&self, wall: i64, elapsed: i64) -> i64 {
        let base = wall.saturating_sub(elapsed);
        let base = self.base.fetch_max(base, Ordering::Relaxed).max(base);
        (base + elapsed).saturating_add(self.offset.load(Ordering::SeqCst).saturating_mul(1000))
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn wall() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => micros(since),
        Err(before) => -micros(before.duration()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_goes_back_and_follows_a_jump_ahead() {
        let clock = SteadyWallClock::new(Arc::default());
        let check = |wall: i64, elapsed: i64, expect: i64| {
            let now = clock.at(wall * 1_000_000, elapsed * 1_000_000);
            assert_eq!(now, Time::from_millis(expect * 1000), "wall {wall}, elapsed {elapsed}");
        };
        check(1000, 0, 1000);
        check(1010, 10, 1010);
        check(5010, 20, 5010); // the machine slept
        check(5020, 30, 5020);
        check(1040, 40, 5030); // the clock was set back
        clock.offset.store(60_000, Ordering::SeqCst);
        check(1050, 50, 5100);
    }
}
