//! What a pattern matches: local times first, and then, in a time zone, moments.
//!
//! A local time is counted in seconds, as if 1970-01-01T00:00 there had been that moment in UTC; moments are counted in
//! seconds since 1970-01-01T00:00Z.

use super::dates::{CYCLE_DAYS, Dates};
use super::times::Times;
use crate::Zone;

const DAY: i64 = 86_400;
/// Changes of the clock that are further than this from a local time, which is taken for one of UTC, have no bearing on
/// it: no zone is so far from UTC.
const NEAR: i64 = 2 * DAY;

/// A cron pattern, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    pub(super) times: Times,
    pub(super) dates: Dates,
    /// What happens when the clocks change. If true, the pattern matches what a clock shows: twice in an hour that is
    /// repeated, and never in one that is skipped. Else each local time comes once: with the first of two equal hours,
    /// and what was skipped right after the gap.
    pub(super) follows_clock: bool,
}

impl Pattern {
    /// The first moment later than `at`; none if there is none in 400 years.
    pub(super) fn after(&self, zone: &Zone, at: i64) -> Option<i64> {
        let mut stretch = zone.stretch(at)?;
        let from = self.not_yet_come(zone, at, stretch.offset);
        let mut wall = self.wall_from(from)?;
        while wall - stretch.offset >= stretch.end {
            let change = stretch.end;
            stretch = zone.stretch(change)?;
            let start = change + stretch.offset;
            if self.follows_clock {
                wall = self.wall_from(start)?;
            } else if wall < start {
                return Some(change);
            }
            // Nothing comes before `wall` any more, so the changes of the clock until then can be passed over.
            if wall - NEAR > change {
                stretch = zone.stretch(wall - NEAR)?;
            }
            // All that can be combined of dates and changes of the clock has been seen.
            if wall - from > CYCLE_DAYS * DAY {
                return None;
            }
        }
        Some(wall - stretch.offset)
    }

    /// How many moments there are later than `after`, up to and including `until`.
    pub(super) fn count(&self, zone: &Zone, after: i64, until: i64) -> u64 {
        let Some(mut stretch) = zone.stretch(after) else { return 0 };
        let mut from = self.not_yet_come(zone, after, stretch.offset);
        let mut count = 0;
        loop {
            let end = stretch.end.min(until.saturating_add(1)) + stretch.offset;
            count += self.walls(from, end);
            let change = stretch.end;
            if change > until {
                return count;
            }
            let Some(next) = zone.stretch(change) else { return count };
            let start = change + next.offset;
            if self.follows_clock {
                from = start;
            } else {
                from = from.max(end);
                // What falls into the gap comes at its end, together with what comes then anyway.
                let skipped = self.walls(from, start) > 0;
                count += u64::from(skipped && self.walls(start, start + 1) == 0);
                from = from.max(start);
            }
            stretch = next;
        }
    }

    /// Moments per second in the long run.
    pub(super) fn mean_rate(&self) -> f64 {
        (self.times.count() * self.dates.count(0, CYCLE_DAYS)) as f64 / (CYCLE_DAYS * DAY) as f64
    }

    /// The first local time that may come later than `at`, where the offset from UTC is `offset`.
    fn not_yet_come(&self, zone: &Zone, at: i64, offset: i64) -> i64 {
        let from = at + offset + 1;
        if self.follows_clock { from } else { zone.shown_before(at).map_or(from, |shown| from.max(shown)) }
    }

    /// The first local time that matches and is not before `from`.
    fn wall_from(&self, from: i64) -> Option<i64> {
        let day = from.div_euclid(DAY);
        let second = u32::try_from(from.rem_euclid(DAY)).ok()?;
        let first = self.dates.from(day)?;
        if first == day
            && let Some(time) = self.times.from(second)
        {
            return Some(day * DAY + i64::from(time));
        }
        let day = if first == day { self.dates.from(day + 1)? } else { first };
        Some(day * DAY + i64::from(self.times.from(0)?))
    }

    /// How many local times from `from` up to and without `until` match.
    fn walls(&self, from: i64, until: i64) -> u64 {
        if until <= from {
            return 0;
        }
        let (first, last) = (from.div_euclid(DAY), until.div_euclid(DAY));
        // Of the first day, what comes before `from` is too much; of the last, what comes before `until` is to be added.
        let before = |day: i64, wall: i64| {
            let second = u32::try_from(wall.rem_euclid(DAY)).unwrap_or(0);
            self.dates.count(day, day + 1) * self.times.before(second)
        };
        self.dates.count(first, last) * self.times.count() + before(last, until) - before(first, from)
    }
}
