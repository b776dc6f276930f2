//! How the calls of endpoints that have one period are spread over it.
//!
//! What counts is the next call of each, as a moment of the period: the time since its last round time. So a jitter is
//! in it, for that one call.

use std::collections::HashMap;
use std::time::Duration;

use crate::time::millis;
use crate::{Schedule, Time};

/// The most parts that a period is shown in.
const PARTS: i64 = 60;
/// Below this, calls are told apart by the hundredth of a second, else by the second.
const SHORT: i64 = 60_000;

/// The moments of all schedules of the kind `every`, by their periods. In milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moments {
    // Eight bytes for each, so that they can be kept of a million.
    of_period: HashMap<i64, Vec<i64>>,
}

/// Where the calls of one period are, and one call among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spread {
    /// The calls of the others.
    pub others: u64,
    /// How many of them come in each of up to 60 equal parts of the period.
    pub parts: Vec<u64>,
    /// The moment of the one among them.
    pub at: Duration,
    /// What counts as the same time: a second, of short periods a hundredth of one.
    pub together: Duration,
    /// The most of the others at the same time.
    pub most: u64,
    /// Those of the others at the same time as the one.
    pub beside: u64,
}

impl Moments {
    /// Adds a job that is next due at `due`. Only those with a schedule of the kind `every` count.
    pub fn add(&mut self, schedule: &Schedule, due: Time) {
        if let Schedule::Every { period, .. } = schedule.base() {
            let period = in_millis(*period);
            self.of_period.entry(period).or_default().push(due.millis().rem_euclid(period));
        }
    }

    /// The same, once all are added: to be looked at.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        for moments in self.of_period.values_mut() {
            moments.sort_unstable();
            moments.shrink_to_fit();
        }
        self
    }

    /// How the others are spread over `period`, and one that is due at `due` among them. `itself`: the one is among
    /// them already, as it was due at this time, and is none of the others.
    pub fn spread(&self, period: Duration, due: Time, itself: Option<Time>) -> Spread {
        let period = in_millis(period);
        let moment = |time: Time| time.millis().rem_euclid(period);
        let all = self.of_period.get(&period).map_or(&[][..], Vec::as_slice);
        // With jitter it may be due at another moment by now. Then the nearest stands for it.
        let left_out = itself.map(|time| all.partition_point(|at| *at < moment(time)).min(all.len().saturating_sub(1)));
        let others = || all.iter().enumerate().filter(|(place, _)| left_out != Some(*place)).map(|(_, at)| *at);

        let together = if period < SHORT { 10 } else { 1_000 };
        let here = moment(due) / together;
        let parts = (period / together).clamp(1, PARTS);
        let mut spread = Spread {
            others: 0,
            parts: vec![0; usize::try_from(parts).unwrap_or(1)],
            at: Duration::from_millis(moment(due).unsigned_abs()),
            together: Duration::from_millis(together.unsigned_abs()),
            most: 0,
            beside: 0,
        };
        let (mut time, mut at_that_time) = (0, 0);
        for at in others() {
            spread.others += 1;
            // Both are positive, and the moment is less than the period.
            let part = usize::try_from(at * parts / period).unwrap_or(0);
            spread.parts.get_mut(part).into_iter().for_each(|count| *count += 1);
            at_that_time = if at / together == time { at_that_time + 1 } else { 1 };
            time = at / together;
            spread.most = spread.most.max(at_that_time);
            spread.beside += u64::from(time == here);
        }
        spread
    }
}

impl Spread {
    /// The part that the one is in.
    pub fn part(&self, period: Duration) -> usize {
        let part = self.at.as_millis() * self.parts.len() as u128 / period.as_millis().max(1);
        usize::try_from(part).unwrap_or(0).min(self.parts.len() - 1)
    }
}

fn in_millis(period: Duration) -> i64 {
    millis(period).max(1)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::JobId;

    const MINUTE: Duration = Duration::from_secs(60);
    /// A round time.
    const NOON: Time = Time::from_millis(1_767_268_800_000);

    fn of(jobs: impl IntoIterator<Item = (Schedule, Time)>) -> Moments {
        let mut moments = Moments::default();
        jobs.into_iter().for_each(|(schedule, due)| moments.add(&schedule, due));
        moments.sorted()
    }

    #[test]
    fn the_others_of_the_period_are_counted_where_they_are() {
        let late = |millis| (Schedule::aligned(5 * MINUTE), NOON + Duration::from_millis(millis));
        let hourly = (Schedule::aligned(60 * MINUTE), NOON);
        let once = (Schedule::Once { at: NOON }, NOON);
        let moments = of([late(299_999), late(61_000), hourly, late(0), late(61_999), once, late(62_000)]);
        // A period later is the same moment.
        let spread = moments.spread(5 * MINUTE, NOON + 11 * MINUTE + Duration::from_millis(1_500), None);
        assert_eq!((spread.others, spread.most, spread.beside), (5, 2, 2));
        assert_eq!((spread.at, spread.together), (Duration::from_millis(61_500), Duration::from_secs(1)));
        assert_eq!(spread.part(5 * MINUTE), 12);
        let parts: Vec<(usize, u64)> =
            spread.parts.iter().copied().enumerate().filter(|(_, count)| *count > 0).collect();
        assert_eq!((spread.parts.len(), parts), (60, vec![(0, 1), (12, 3), (59, 1)]));
        let alone = moments.spread(2 * MINUTE, NOON, None);
        assert_eq!((alone.others, alone.most, alone.beside, alone.part(2 * MINUTE)), (0, 0, 0, 0));
    }

    #[test]
    fn it_is_none_of_its_others() {
        let late = |millis| (Schedule::aligned(MINUTE), NOON + Duration::from_millis(millis));
        let moments = of([late(0), late(100), late(30_000)]);
        let check = |due: u64, itself: Option<u64>, expect: (u64, u64, u64)| {
            let time = |millis| NOON + Duration::from_millis(millis);
            let spread = moments.spread(MINUTE, time(due), itself.map(time));
            assert_eq!((spread.others, spread.most, spread.beside), expect, "{due} {itself:?}");
        };
        check(0, None, (3, 2, 2));
        check(0, Some(100), (2, 1, 1));
        check(30_000, Some(30_000), (2, 2, 0));
        // It has moved since, or was added since.
        check(0, Some(59_000), (2, 2, 2));
        let none = Moments::default().spread(MINUTE, NOON, Some(NOON));
        assert_eq!(none.others, 0);
    }

    #[test]
    fn short_periods_are_told_in_hundredths() {
        let every = Duration::from_millis(100);
        let at = |millis| (Schedule::aligned(every), NOON + Duration::from_millis(millis));
        let spread = of([at(9), at(10), at(19), at(99)]).spread(every, NOON + Duration::from_millis(15), None);
        assert_eq!((spread.parts, spread.most, spread.beside), (vec![1, 2, 0, 0, 0, 0, 0, 0, 0, 1], 2, 2));
    }

    #[test]
    fn ids_spread_and_round_times_do_not() {
        let jobs = |align: bool| {
            (0..10_000_u128).map(move |n| {
                let id = JobId::from(Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0000 + n));
                let schedule = if align { Schedule::aligned(5 * MINUTE) } else { Schedule::every(5 * MINUTE, id) };
                let due = schedule.first(NOON).expect("it recurs");
                (schedule, due)
            })
        };
        let (spread, aligned) = (of(jobs(false)), of(jobs(true)));
        // 33 on the mean.
        let most = spread.spread(5 * MINUTE, NOON, None).most;
        assert!((34..=70).contains(&most), "{most}");
        assert!(spread.spread(5 * MINUTE, NOON, None).parts.iter().all(|count| (100..=240).contains(count)));
        let aligned = aligned.spread(5 * MINUTE, NOON, None);
        assert_eq!((aligned.most, aligned.beside, aligned.parts[0]), (10_000, 10_000, 10_000));
    }
}
