//! How far apart exceptions put two occurrences.

use std::time::Duration;

use super::Bounded;
use super::piece::Piece;
use crate::Time;
use crate::schedule::{MILLISECOND, SAMPLED_FROM, YEAR};

const DAY: Duration = Duration::from_secs(86_400);
/// The most gaps that are measured, in the order of time.
const MAX_MEASURED: usize = 1_000;

impl Bounded {
    /// The longest time between two occurrences that have an exception with occurrences of the plain schedule between
    /// them: in a year, and around each date. Zero if there is none.
    pub(in crate::schedule) fn longest_exception(&self) -> Duration {
        let usual_gap = Duration::from_secs_f64((1.0 / self.base.mean_rate()).clamp(1.0, YEAR.as_secs_f64()));
        let longest_between = |from, until| self.longest_between(from, until, usual_gap);
        let start = self.bounds.from.unwrap_or(SAMPLED_FROM);
        let mut longest = longest_between(start, start + YEAR);
        for date in self.bounds.except.starts_of_dates(start) {
            // By the clock; no zone is a day from UTC. Weekdays that adjoin are seen whole.
            longest = longest.max(longest_between(start.max(date - 15 * DAY), date + 2 * DAY));
        }
        longest
    }

    /// The longest gap that begins between two times and is due to an exception.
    fn longest_between(&self, mut from: Time, until: Time, usual_gap: Duration) -> Duration {
        let mut longest = Duration::ZERO;
        for _ in 0..MAX_MEASURED {
            let Some((gap, end)) = self.exception_after(from, until, usual_gap) else { break };
            (longest, from) = (longest.max(gap), end);
        }
        longest
    }

    /// The first gap after `from` that is due to an exception, and where it ends. It begins before `until`.
    fn exception_after(&self, from: Time, until: Time, usual_gap: Duration) -> Option<(Duration, Time)> {
        let mut at = from;
        for _ in 0..MAX_MEASURED {
            let next = self.base.first(at).filter(|next| *next < until)?;
            let piece = Piece::at(&self.bounds.except, &self.bounds.zone, next)?;
            if piece.is_excepted {
                let end = self.allowed(Some(next))?;
                return Some((end.since(self.before(next, usual_gap)?), end));
            }
            at = piece.end - MILLISECOND;
        }
        None
    }

    /// The last occurrence of the plain schedule before `at`. It is looked for `reach` back, and then further.
    fn before(&self, at: Time, mut reach: Duration) -> Option<Time> {
        while reach < 800 * YEAR {
            if let Some(last) = self.base.last_between(at - reach, at) {
                return Some(last);
            }
            reach *= 2;
        }
        None
    }
}
