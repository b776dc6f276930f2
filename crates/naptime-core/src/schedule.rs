//! When a job is due.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::millis;
use crate::{JobId, Time};

/// When a job is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Once in every period, on a grid, so that nothing drifts.
    Every {
        /// The distance of the grid points.
        #[serde(with = "crate::duration::text")]
        period: Duration,
        /// A point of the grid.
        anchor: Time,
    },
}

/// What follows an occurrence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    /// The next occurrence; none if there is no further one.
    pub due: Option<Time>,
    /// The occurrences between that are skipped, because it was too late for them.
    pub missed: u64,
}

impl Schedule {
    /// Once in every `period`. The job's id decides the moment within the period, so that many jobs of one period do
    /// not come due together.
    pub fn every(period: Duration, id: JobId) -> Self {
        let phase = id.hash() % u64::try_from(period.as_millis()).unwrap_or(u64::MAX).max(1);
        Self::Every { period, anchor: Time::from_millis(i64::try_from(phase).unwrap_or(0)) }
    }

    /// The first occurrence of a job that is switched on at `now`: within one period.
    pub fn first(&self, now: Time) -> Time {
        match self {
            Self::Every { period, anchor } => grid_after(*anchor, *period, now),
        }
    }

    /// What follows the occurrence `due`, whose call begins at `now`: the first grid point after `due` and not before
    /// `now + period / 2`. So there is no drift when on time and no burst when late.
    pub fn next(&self, due: Time, now: Time) -> Next {
        match self {
            Self::Every { period, anchor } => {
                let earliest = now + *period / 2 - Duration::from_millis(1);
                let next = grid_after(*anchor, *period, due.max(earliest));
                // Grid points strictly between `due` and `next`.
                let first = grid_after(*anchor, *period, due);
                let skipped = next.since(first).as_millis() / period.as_millis().max(1);
                Next { due: Some(next), missed: u64::try_from(skipped).unwrap_or(u64::MAX) }
            }
        }
    }

    /// The occurrences from `due` up to and including `now`: those that an edit at `now` drops.
    pub fn owed(&self, due: Time, now: Time) -> u64 {
        match self {
            _ if due > now => 0,
            Self::Every { period, .. } => {
                1 + u64::try_from(now.since(due).as_millis() / period.as_millis().max(1)).unwrap_or(u64::MAX - 1)
            }
        }
    }

    /// The schedule in words: `every 5m`.
    pub fn describe(&self) -> String {
        match self {
            Self::Every { period, .. } => format!("every {}", crate::duration::show(*period)),
        }
    }
}

/// The first point of the grid that is later than `after`.
fn grid_after(anchor: Time, period: Duration, after: Time) -> Time {
    let period = millis(period).max(1);
    let offset = (after.millis() - anchor.millis()).rem_euclid(period);
    Time::from_millis(after.millis() - offset + period)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn every(period: u64, anchor: i64) -> Schedule {
        Schedule::Every { period: Duration::from_millis(period), anchor: Time::from_millis(anchor) }
    }

    fn check(due: i64, now: i64, expect: i64, missed: u64) {
        let next = every(10, 0).next(Time::from_millis(due), Time::from_millis(now));
        assert_eq!(next, Next { due: Some(Time::from_millis(expect)), missed }, "due {due}, now {now}");
    }

    #[test]
    fn next_is_on_the_grid_without_drift_or_burst() {
        check(100, 100, 110, 0); // on time
        check(100, 98, 110, 0); // claimed ahead
        check(100, 104, 110, 0); // a little late: the grid stays
        check(100, 105, 110, 0);
        check(100, 106, 120, 1); // later than half a period: the next one would be a burst
        check(100, 127, 140, 3);
    }

    proptest! {
        #[test]
        fn next_keeps_its_promises(period in 1i64..100_000, anchor in -1_000i64..1_000_000, k in 0i64..1_000, late in -100i64..10_000_000) {
            let schedule = every(period.unsigned_abs(), anchor);
            let due = Time::from_millis(anchor + k * period);
            let now = Time::from_millis(due.millis() + late.max(-period / 2));
            let next = schedule.next(due, now);
            let at = next.due.expect("a recurring job has a next occurrence").millis();
            prop_assert_eq!((at - anchor).rem_euclid(period), 0, "on the grid");
            prop_assert!(at > due.millis(), "after the occurrence");
            prop_assert!(2 * (at - now.millis()) >= period - 1, "not before half a period from now");
            prop_assert_eq!(at, due.millis() + period * (1 + i64::try_from(next.missed).expect("small")), "every occurrence accounted for");
            let before = at - period;
            prop_assert!(before <= due.millis() || 2 * (before - now.millis()) < period + 2, "the first such point");
        }

        #[test]
        fn the_first_comes_within_a_period(period in 100i64..100_000_000, now in 0i64..4_000_000_000_000, id: u128) {
            let schedule = Schedule::every(Duration::from_millis(period.unsigned_abs()), JobId::from(uuid::Uuid::from_u128(id)));
            let first = schedule.first(Time::from_millis(now)).millis();
            prop_assert!(first > now && first <= now + period);
        }
    }
}
