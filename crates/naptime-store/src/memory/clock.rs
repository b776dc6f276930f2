//! The store's time: a fixed start, carried on by tokio's clock, and moved by tests.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use naptime_core::Time;
use tokio::time::Instant;

/// A clock that starts at a given time and can be moved.
pub(super) struct MovableClock {
    start: Time,
    origin: Instant,
    /// Milliseconds by which tests have moved the clock.
    offset_ms: AtomicI64,
}

impl MovableClock {
    pub(super) fn new(start: Time) -> Self {
        Self { start, origin: Instant::now(), offset_ms: AtomicI64::new(0) }
    }

    /// The time now, without the part of a millisecond that has begun.
    pub(super) fn now(&self) -> Time {
        self.base() + self.origin.elapsed()
    }

    /// How long it is until then, to the nanosecond.
    pub(super) fn until(&self, at: Time) -> Duration {
        at.since(self.base()).saturating_sub(self.origin.elapsed())
    }

    pub(super) fn advance(&self, by: Duration) {
        self.offset_ms.fetch_add(millis(by), Ordering::SeqCst);
    }

    pub(super) fn set_back(&self, by: Duration) {
        self.offset_ms.fetch_sub(millis(by), Ordering::SeqCst);
    }

    /// What the clock showed at `origin`, as it is now.
    fn base(&self) -> Time {
        Time::from_millis(self.start.millis().saturating_add(self.offset_ms.load(Ordering::SeqCst)))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Time = Time::from_millis(1_780_000_000_000);

    #[tokio::test(start_paused = true)]
    async fn time_passes_as_tokio_says_and_tests_move_it() {
        let clock = MovableClock::new(START);
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(clock.now(), START, "tokio's clock is paused");
        tokio::time::advance(Duration::from_micros(1_700)).await;
        assert_eq!(clock.now().since(START), Duration::from_millis(1), "a lower bound in whole milliseconds");
        let at = START + Duration::from_millis(5);
        assert_eq!(clock.until(at), Duration::from_micros(3_300), "exact");
        clock.advance(Duration::from_millis(2));
        assert_eq!((clock.now(), clock.until(at)), (START + Duration::from_millis(3), Duration::from_micros(1_300)));
        clock.set_back(Duration::from_millis(10));
        assert_eq!((clock.now(), clock.until(START)), (START - Duration::from_millis(7), Duration::from_micros(6_300)));
        clock.advance(Duration::from_secs(60));
        assert_eq!(clock.until(at), Duration::ZERO);
    }
}
