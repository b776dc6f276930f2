//! When a job is due.
//!
//! - `every`: once in each period, on a grid, with or without jitter.
//! - `cron`: by a cron pattern in a time zone.
//! - `random`: once at a random moment in each period, within windows of the day.
//! - `once`: at one time.
//!
//! What recurs may have bounds: from when, until when, exceptions between, and a pause.
//!
//! All of them are functions of the schedule and the time alone. What is random is derived from a seed, so whoever
//! works it out, and whenever, finds the same moments.

mod bounds;
mod cron;
mod days;
mod every;
mod except;
mod gap;
mod hours;
mod list;
mod random;
#[cfg(test)]
mod tests;
mod timing;
mod tzdb;
mod window;
mod windows;
mod words;
mod zone;

use std::iter;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

pub use self::bounds::{Bounded, Bounds, Pause};
pub use self::cron::Cron;
pub use self::days::Days;
use self::every::Grid;
pub use self::every::Jitter;
pub use self::except::Exceptions;
pub use self::hours::Hours;
pub use self::random::Random;
pub use self::timing::{Timing, WEEKDAYS};
pub use self::tzdb::Tzdb;
pub use self::windows::Windows;
pub use self::zone::Zone;
use crate::duration::show;
use crate::time::millis;
use crate::{Invalid, JobId, Time};

/// 2026-01-05, a Monday. From then on what recurs is looked at, and the year after it stands for all years.
const SAMPLED_FROM: Time = Time::from_millis(1_767_571_200_000);
const YEAR: Duration = Duration::from_secs(366 * 86_400);
const MILLISECOND: Duration = Duration::from_millis(1);

/// When a job is due. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Once in every period, on a grid, so that nothing drifts.
    Every {
        /// The distance of the grid points.
        #[serde(with = "crate::duration::text")]
        period: Duration,
        /// A point of the grid: a multiple of the period if it is on round times.
        anchor: Time,
        /// How far occurrences are moved off the grid; none: not at all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        jitter: Option<Jitter>,
    },
    /// When a cron pattern says so.
    Cron(Cron),
    /// Once at a random moment in each period.
    Random(Random),
    /// Once, and never again.
    Once {
        /// When. If that is past, at once.
        at: Time,
    },
    /// One of those that recur, within bounds.
    Bounded(Box<Bounded>),
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
        // Not 0, which would be a round time by chance, and stay one whatever the period is changed to.
        Self::Every { period, anchor: Time::from_millis(i64::try_from(phase).unwrap_or(0).max(1)), jitter: None }
    }

    /// Once in every `period`, on round times: the multiples of the period since 1970-01-01T00:00Z. So `every 5m` comes
    /// at :00, :05 and so on, `every 1d` at 00:00 UTC, `every 7d` on Thursdays, as that day was one. A period that no day
    /// is a multiple of, such as 7m, has its round times too, other ones each day.
    pub fn aligned(period: Duration) -> Self {
        Self::Every { period, anchor: Time::from_millis(0), jitter: None }
    }

    /// Whether it is an `every` on round times, as [`Schedule::aligned`] makes one.
    pub fn is_aligned(&self) -> bool {
        matches!(self.base(), Self::Every { period, anchor, .. } if anchor.millis() % millis(*period).max(1) == 0)
    }

    /// The same within these bounds, in place of any it has; without bounds, the plain schedule.
    ///
    /// # Errors
    /// At `from`, if there is one occurrence only; at `until` or `except`, if they leave none (`never`).
    pub fn within(self, bounds: Bounds) -> Result<Self, Invalid> {
        let base = self.base().clone();
        if bounds.is_none() {
            return Ok(base);
        }
        let bounded = Bounded::stored(base, bounds)?;
        bounded.check()?;
        Ok(Self::Bounded(Box::new(bounded)))
    }

    /// The schedule without its bounds.
    pub fn base(&self) -> &Self {
        if let Self::Bounded(bounded) = self { bounded.base() } else { self }
    }

    /// The bounds, if it has any.
    pub fn bounds(&self) -> Option<&Bounds> {
        if let Self::Bounded(bounded) = self { Some(bounded.bounds()) } else { None }
    }

    /// The same without its pause.
    #[must_use]
    pub fn resumed(&self) -> Self {
        let Self::Bounded(bounded) = self else { return self.clone() };
        bounded.resumed()
    }

    /// The same without its pause, and without exceptions that are over at `now`.
    fn lasting(&self, now: Time) -> Self {
        let Self::Bounded(bounded) = self else { return self.clone() };
        bounded.lasting(now)
    }

    /// The stretch of hours, without the exceptions of the schedule, that holds a moment, or else the next one; as
    /// [`Hours::stretch`].
    pub(crate) fn stretch(&self, hours: &Hours, at: Time) -> Option<(Time, Time)> {
        if let Self::Bounded(bounded) = self { bounded.stretch(hours, at) } else { hours.stretch(at) }
    }

    /// From when it may have occurrences: `now`, or later if `from` or a pause says so.
    pub fn begins(&self, now: Time) -> Time {
        self.bounds().and_then(Bounds::begins).map_or(now, |begins| begins.max(now))
    }

    /// A plain schedule within the bounds of this one, whether they leave an occurrence or not.
    #[must_use]
    pub fn with_base(&self, base: Self) -> Self {
        let bounded = self.bounds().and_then(|bounds| Bounded::stored(base.clone(), bounds.clone()).ok());
        bounded.map_or(base, |bounded| Self::Bounded(Box::new(bounded)))
    }

    /// The same with each occurrence moved to a random moment less than `within` later. The job's id decides which.
    ///
    /// # Errors
    /// At `jitter`, if it is not shorter than the period, or this is not an `every`.
    pub fn with_jitter(self, within: Duration, id: JobId) -> Result<Self, Invalid> {
        let Self::Every { period, anchor, .. } = self else {
            return Err(Invalid::new("jitter", "not_every", "only a schedule of the kind `every` takes a jitter"));
        };
        if within >= period {
            let detail = format!("{} is not shorter than the period of {}", show(within), show(period));
            return Err(Invalid::new("jitter", "out_of_range", detail));
        }
        let jitter = (!within.is_zero()).then(|| Jitter { within, seed: id.hash() });
        Ok(Self::Every { period, anchor, jitter })
    }

    /// The first occurrence of a job that is switched on at `now`; none after the last one, at the end of the calendar,
    /// and of a cron pattern that cannot be read any more.
    pub fn first(&self, now: Time) -> Option<Time> {
        match self {
            Self::Every { period, anchor, jitter } => Some(Grid::new(*period, *anchor, *jitter).first(now)),
            Self::Cron(cron) => cron.after(now),
            Self::Random(random) => random.after(now),
            Self::Once { at } => Some(now.max(*at)),
            Self::Bounded(bounded) => bounded.first(now),
        }
    }

    /// The last occurrence later than `after` and before `end`, of a schedule that recurs.
    pub(crate) fn last_between(&self, after: Time, end: Time) -> Option<Time> {
        let is_before = |from: Time| self.first(from).is_some_and(|next| next < end);
        if !is_before(after) {
            return None;
        }
        let (mut start, mut stop) = (after.millis(), end.millis() - 1);
        while stop - start > 1 {
            let middle = start + (stop - start) / 2;
            if is_before(Time::from_millis(middle)) { start = middle } else { stop = middle }
        }
        Some(Time::from_millis(stop))
    }

    /// What follows the occurrence `due`, whose call begins at `now`.
    ///
    /// Of an `every`, the first grid point after `due` and not before `now + period / 2`, so there is no drift when on
    /// time and no burst when late. Of a `cron` or a `random`, the first occurrence after both `due` and `now`. Where that is
    /// outside the bounds, the first one after it that is not.
    pub fn next(&self, due: Time, now: Time) -> Next {
        match self {
            Self::Every { period, anchor, jitter } => Grid::new(*period, *anchor, *jitter).next(due, now),
            Self::Cron(cron) => cron.next(due, now),
            Self::Random(random) => random.next(due, now),
            Self::Once { .. } => Next { due: None, missed: 0 },
            Self::Bounded(bounded) => bounded.next(due, now),
        }
    }

    /// The occurrences from `due` up to and including `now`: those that an edit at `now` drops.
    pub fn owed(&self, due: Time, now: Time) -> u64 {
        match self {
            _ if due > now => 0,
            Self::Every { period, anchor, jitter } => Grid::new(*period, *anchor, *jitter).owed(due, now),
            Self::Cron(cron) => 1 + cron.count(due, now),
            Self::Random(random) => 1 + random.count(due, now),
            Self::Once { .. } => 1,
            Self::Bounded(bounded) => 1 + bounded.count(due, now),
        }
    }

    /// The occurrence that comes after `due` and `skipped` further ones, of which there are more up to `now`.
    pub(crate) fn beyond(&self, due: Time, now: Time, skipped: u64) -> Time {
        let (mut before, mut at) = (due.millis(), now.millis());
        while at - before > 1 {
            let middle = before + (at - before) / 2;
            // `due` itself is one of those owed.
            if self.owed(due, Time::from_millis(middle)) > skipped + 1 { at = middle } else { before = middle }
        }
        Time::from_millis(at)
    }

    /// The occurrences later than `after`, up to and including `until`, of a schedule that recurs.
    fn count(&self, after: Time, until: Time) -> u64 {
        match self {
            _ if until <= after => 0,
            Self::Every { period, anchor, jitter } => Grid::new(*period, *anchor, *jitter).count(after, until),
            Self::Cron(cron) => cron.count(after, until),
            Self::Random(random) => random.count(after, until),
            Self::Once { .. } => 0,
            Self::Bounded(bounded) => bounded.count(after, until),
        }
    }

    /// The next `n` occurrences of a job that is switched on at `now`, fewer if there are no more.
    pub fn upcoming(&self, now: Time, n: usize) -> Vec<Time> {
        iter::successors(self.first(now), |due| self.next(*due, *due).due).take(n).collect()
    }

    /// Calls per second in the long run; of a `once`, 0.
    pub fn mean_rate(&self) -> f64 {
        match self {
            Self::Every { period, .. } => 1.0 / period.as_secs_f64().max(0.001),
            Self::Cron(cron) => cron.mean_rate(),
            Self::Random(random) => random.mean_rate(),
            Self::Once { .. } => 0.0,
            Self::Bounded(bounded) => bounded.mean_rate(),
        }
    }

    /// The period, if it recurs in one.
    pub fn period(&self) -> Option<Duration> {
        match self.base() {
            Self::Every { period, .. } => Some(*period),
            Self::Random(random) => Some(random.period()),
            _ => None,
        }
    }

    /// The longest that two occurrences are apart because of exceptions, in a year and around all dates; zero if they
    /// leave nothing out.
    pub fn longest_exception(&self) -> Duration {
        if let Self::Bounded(bounded) = self { bounded.longest_exception() } else { Duration::ZERO }
    }

    /// What kind it is: `every`, `cron`, `random` or `once`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Bounded(bounded) => bounded.base().kind(),
            Self::Every { .. } => "every",
            Self::Cron(_) => "cron",
            Self::Random(_) => "random",
            Self::Once { .. } => "once",
        }
    }

    /// The name of the time zone that it goes by.
    pub fn zone(&self) -> Option<&str> {
        match self {
            Self::Cron(cron) => Some(cron.zone().name()),
            Self::Random(random) => Some(random.zone().name()),
            Self::Bounded(bounded) => Some(bounded.bounds().zone.name()),
            Self::Every { .. } | Self::Once { .. } => None,
        }
    }

    /// Whether there is one occurrence only.
    pub fn is_once(&self) -> bool {
        matches!(self, Self::Once { .. })
    }
}

/// What follows `due` where `after` gives the first occurrence later than a time, and `count` how many there are from
/// `due` to `now`.
fn next_by(after: impl Fn(Time) -> Option<Time>, count: impl Fn() -> u64, due: Time, now: Time) -> Next {
    let next = after(due);
    if next.is_some_and(|next| next <= now) {
        return Next { due: after(now), missed: count() };
    }
    Next { due: next, missed: 0 }
}

/// A number from 0 to `below - 1`, evenly spread, that depends on nothing but the arguments: the same everywhere, for
/// ever.
fn draw(seed: u64, slot: i64, part: i64, below: i64) -> i64 {
    let mut bytes = [0; 24];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&slot.to_le_bytes());
    bytes[16..].copy_from_slice(&part.to_le_bytes());
    let below = u64::try_from(below).unwrap_or(0).max(1);
    i64::try_from(xxh3_64(&bytes) % below).unwrap_or(0)
}
