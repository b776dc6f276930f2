//! How fast a program may ask. The limit is far above what a program needs that works, and keeps one that runs wild from
//! taking all of the web from people.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// The requests of a token per second, in the long run.
const PER_SECOND: NonZeroU32 = NonZeroU32::new(500).unwrap();
/// The requests that may come at once.
const AT_ONCE: NonZeroU32 = NonZeroU32::new(2_000).unwrap();

/// The requests of one token.
pub(crate) struct Rate(DefaultDirectRateLimiter);

impl Rate {
    pub(crate) fn new() -> Self {
        Self(RateLimiter::direct(Quota::per_second(PER_SECOND).allow_burst(AT_ONCE)))
    }

    /// Counts a request. Returns how long to wait if it is one too many.
    pub(crate) fn check(&self) -> Result<(), Duration> {
        self.0.check().map_err(|not_until| not_until.wait_time_from(DefaultClock::default().now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_taken_and_what_goes_on_waits() {
        let rate = Rate::new();
        let taken = (0..10 * AT_ONCE.get()).take_while(|_| rate.check().is_ok()).count();
        assert!(taken >= AT_ONCE.get() as usize, "{taken}");
        let wait = rate.check().unwrap_err();
        assert!(wait <= Duration::from_millis(2), "the next is free soon: {wait:?}");
    }
}
