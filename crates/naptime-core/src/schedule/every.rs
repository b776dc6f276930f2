//! Once in every period, on a grid.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Next, draw};
use crate::Time;
use crate::time::millis;

/// How far occurrences are moved off their grid points, so that targets see no fixed beat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jitter {
    /// Each occurrence is later than its grid point by less than this. It is shorter than the period.
    #[serde(with = "crate::duration::text")]
    pub within: Duration,
    /// What, together with the number of the grid point, the moment is derived from.
    pub seed: u64,
}

/// The grid of an `every`, in milliseconds.
pub(super) struct Grid {
    period: i64,
    anchor: i64,
    jitter: Option<Jitter>,
}

impl Grid {
    pub(super) fn new(period: Duration, anchor: Time, jitter: Option<Jitter>) -> Self {
        Self { period: millis(period).max(1), anchor: anchor.millis(), jitter }
    }

    /// The first occurrence later than `now`.
    pub(super) fn first(&self, now: Time) -> Time {
        let point = self.floor(now.millis());
        let at = self.occurrence(point);
        if at > now { at } else { self.occurrence(point.saturating_add(self.period)) }
    }

    /// As [`crate::Schedule::next`] says. How late it was is judged on the bare grid: less the jitter of `due`.
    pub(super) fn next(&self, due: Time, now: Time) -> Next {
        let from = self.floor(due.millis());
        let earliest = now.millis().saturating_sub(self.jitter(from)).saturating_add(self.period / 2 - 1);
        let mut next = self.floor(from.max(earliest)).saturating_add(self.period);
        // A late call and much jitter may meet: the one after is more than half a period from now.
        if self.occurrence(next) <= now {
            next = next.saturating_add(self.period);
        }
        let missed = next.saturating_sub(from) / self.period - 1;
        Next { due: Some(self.occurrence(next)), missed: u64::try_from(missed).unwrap_or(0) }
    }

    /// The occurrences from `due` up to and including `now`, which is not before it.
    pub(super) fn owed(&self, due: Time, now: Time) -> u64 {
        let last = self.floor(now.millis());
        let before = last.saturating_sub(self.floor(due.millis())) / self.period;
        // The last one may yet come, by its jitter.
        u64::try_from(before).unwrap_or(0) + u64::from(self.occurrence(last) <= now)
    }

    /// The occurrences later than `after`, up to and including `until`.
    pub(super) fn count(&self, after: Time, until: Time) -> u64 {
        // The number of the last grid point whose occurrence has come.
        let last = |at: Time| {
            let point = self.floor(at.millis());
            let number = point.saturating_sub(self.anchor).div_euclid(self.period);
            if self.occurrence(point) > at { number.saturating_sub(1) } else { number }
        };
        u64::try_from(last(until).saturating_sub(last(after))).unwrap_or(0)
    }

    /// The grid point that is not later than `at`, and less than a period earlier.
    fn floor(&self, at: i64) -> i64 {
        at.saturating_sub(at.saturating_sub(self.anchor).rem_euclid(self.period))
    }

    fn occurrence(&self, point: i64) -> Time {
        Time::from_millis(point.saturating_add(self.jitter(point)))
    }

    fn jitter(&self, point: i64) -> i64 {
        let Some(jitter) = self.jitter else { return 0 };
        let index = point.saturating_sub(self.anchor).div_euclid(self.period);
        draw(jitter.seed, index, 0, millis(jitter.within))
    }
}
