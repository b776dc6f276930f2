//! How far apart occurrences are, at least and at most.

use std::time::Duration;

use super::{Hours, MILLISECOND, SAMPLED_FROM, Schedule, Windows, YEAR};
use crate::Time;

/// The occurrences that tell how close they are to each other.
const SAMPLE: usize = 100;
/// What a search may cost, in steps of about a microsecond. A pattern that comes each minute is looked through for a
/// year; of what is slow to look through, or comes each second, less than that is.
const BUDGET: u64 = 300_000;

impl Schedule {
    /// How close two occurrences are, of a sample, in full seconds; zero if there are no two.
    pub(crate) fn closest(&self) -> Duration {
        let times = self.upcoming(SAMPLED_FROM, SAMPLE);
        times.windows(2).map(|pair| seconds(pair[0], pair[1])).min().unwrap_or_default()
    }

    /// How far apart two occurrences are at most, in a year and around the dates of its exceptions, in full seconds. What
    /// is not longer than `at_least` is not looked for; that is the least it returns. Neither a pause counts nor dates that
    /// are over at `now`.
    ///
    /// Of some `hours`, a gap counts from their start at the earliest and to their end at the latest; one that has all of
    /// a stretch of them counts to the next occurrence. Exceptions are not of the hours.
    pub(crate) fn longest_gap(&self, hours: Option<&Hours>, at_least: Duration, now: Time) -> Duration {
        let lasting = self.lasting(now);
        let search = |schedule| Search { schedule, at_least, longest: at_least, budget: BUDGET };
        if let Some(hours) = hours {
            let mut year = search(&lasting);
            year.hours(hours);
            if matches!(lasting.base(), Self::Every { .. }) && !lasting.is_aligned() {
                year.longest = year.longest.max(lasting.base().any_gap());
            }
            return year.longest;
        }
        let base = lasting.base();
        let longest = match base {
            Self::Every { .. } => at_least,
            _ => {
                let mut year = search(base);
                year.gaps(base.first(SAMPLED_FROM), SAMPLED_FROM + YEAR, None);
                year.longest
            }
        };
        longest.max(base.any_gap()).max(lasting.longest_exception())
    }

    /// How far apart occurrences can be whatever the id of the job, so that an SLA is not kept by luck.
    fn any_gap(&self) -> Duration {
        match self {
            Self::Every { period, jitter, .. } => *period + jitter.map_or(Duration::ZERO, |jitter| jitter.within),
            // Early in one period and late in the next.
            Self::Random(random) => random.period() * 2,
            _ => Duration::ZERO,
        }
    }

    /// What it costs to find the first occurrence after a time, in steps of about a microsecond.
    fn cost(&self) -> u64 {
        match self {
            Self::Every { .. } | Self::Cron(_) | Self::Once { .. } => 1,
            Self::Random(random) => cost_of(random.windows()),
            Self::Bounded(bounded) => bounded.base().cost() + bounded.bounds().except.len() as u64 / 5,
        }
    }
}

/// A search for the longest gap between occurrences.
struct Search<'a> {
    schedule: &'a Schedule,
    /// What is not longer is not looked for.
    at_least: Duration,
    /// The longest so far.
    longest: Duration,
    /// What it may still cost.
    budget: u64,
}

impl Search<'_> {
    /// The gaps within the hours of a year, without the exceptions.
    fn hours(&mut self, hours: &Hours) {
        // Before its first occurrence nothing is promised.
        let Some(begin) = self.schedule.first(SAMPLED_FROM) else { return };
        let mut at = begin;
        while let Some((open, close)) = self.schedule.stretch(hours, at).filter(|(open, _)| *open < begin + YEAR) {
            if !self.pays(cost_of(hours.windows.as_ref()) + self.schedule.cost()) {
                return;
            }
            let open = open.max(begin);
            match self.schedule.first(open - MILLISECOND) {
                Some(next) if next < close => self.gaps(Some(open), close, Some(close)),
                // Nothing is promised in hours that are shorter than the gap may be.
                Some(next) if close.since(open) >= self.at_least => {
                    self.longest = self.longest.max(seconds(open, next));
                }
                Some(_) => {}
                None => return,
            }
            at = close;
        }
    }

    /// The gaps that end after `at` and begin before `until`. None lasts longer than to `close`.
    fn gaps(&mut self, at: Option<Time>, until: Time, close: Option<Time>) {
        let Some(mut at) = at else { return };
        while at < until && self.pays(2 * self.schedule.cost()) {
            // A gap longer than `longest` that begins at `at` or later ends at `next` or later, so none is passed over.
            let Some(next) = self.schedule.first(at + self.longest) else { return };
            let end = close.map_or(next, |close| close.min(next));
            let before_end = self.schedule.first(end - self.longest - MILLISECOND);
            if before_end.is_none_or(|before| before >= end) {
                let last = self.schedule.last_between(at, end).unwrap_or(at);
                self.longest = self.longest.max(seconds(last, end));
            }
            at = next;
        }
    }

    /// Takes the cost of what is to be done next, if there is enough left.
    fn pays(&mut self, cost: u64) -> bool {
        let left = self.budget.checked_sub(cost);
        self.budget = left.unwrap_or(0);
        left.is_some()
    }
}

/// What it costs to find where the windows of a day are.
fn cost_of(windows: Option<&Windows>) -> u64 {
    10 + 5 * windows.map_or(1, |windows| windows.as_slice().len() as u64)
}

/// From one time to another, in full seconds.
fn seconds(from: Time, to: Time) -> Duration {
    Duration::from_secs(to.since(from).as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Days, Random, Zone};

    #[test]
    fn a_search_ends_with_its_budget() {
        let windows: Windows = "00:00-00:30, 12:00-12:30".parse().expect("windows");
        let hours = Hours { windows: Some(windows.clone()), days: Days::ALL, zone: Zone::UTC };
        let minutely = Duration::from_secs(60);
        let random = Random::new(minutely, Some(windows), Days::ALL, Zone::UTC, 7).expect("a random");
        let schedule = Schedule::Random(random);
        let longest = |budget| {
            let mut search = Search { schedule: &schedule, at_least: minutely, longest: minutely, budget };
            search.hours(&hours);
            (search.longest, search.budget)
        };
        // Not enough for one stretch; for some of them; for a year.
        assert_eq!(longest(39), (minutely, 0));
        let [(some, left), (all, left_of_all)] = [longest(2_000), longest(10_000_000)];
        assert!(some > minutely && left == 0, "{some:?}, {left} left");
        assert!(all > some && left_of_all > 0, "{all:?}, {left_of_all} left");
    }
}
