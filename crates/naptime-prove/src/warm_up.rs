//! The time that a start takes: until connections are made and the first burst is over.

use std::time::{Duration, Instant};

use crate::target::Target;

/// Calls this late say that a start is not over.
const LATE_US: i64 = 250_000;
/// How long calls have come in time once it is over.
const IN_TIME: Duration = Duration::from_secs(1);
/// The time a start takes at least, and at most: workers that cannot keep up stay late.
const LASTS: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(10));

/// The start of workers, as their target sees it.
#[derive(Debug)]
pub struct WarmUp {
    began: Instant,
    late_at: Instant,
    /// The calls looked at so far.
    known: usize,
}

impl WarmUp {
    /// A start that begins now.
    pub fn begin() -> Self {
        let now = Instant::now();
        Self { began: now, late_at: now, known: 0 }
    }

    /// Whether it is over: calls come in time, or never will. To be asked again and again.
    pub fn is_over(&mut self, target: &Target) -> bool {
        let calls = target.since(self.known);
        self.known += calls.len();
        if calls.iter().any(|call| call.at_us - call.due.millis() * 1000 > LATE_US) {
            self.late_at = Instant::now();
        }
        let in_time = self.late_at.elapsed() > IN_TIME && self.began.elapsed() > LASTS.0;
        in_time || self.began.elapsed() > LASTS.1
    }
}
