//! How the calls of an endpoint went within the last day, by the hour.
//!
//! A settle counts its call in the state of the job, which it writes anyway. So these figures cost no statement, are lost
//! with no worker, and go wherever the job goes. What is older than a day is left out when they are added up, and
//! dropped with the first call of another hour.

use std::fmt::Write;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Histogram, Outcome, Run, Time};

const HOUR: Duration = Duration::from_secs(3600);
/// How many hours count before the one that is not over yet.
const HOURS: i64 = 24;

/// The calls of an endpoint by the hour in which they ended.
///
/// It is kept as the text that is stored, because a claim only takes it along, and a call changes only its first words: for
/// each hour, the last one first, its number (or how long before the one before it in the text), calls, calls that ended
/// well, and the buckets of the lag, such as `490920 60 59 0:41 1:19;1 60 60 0:60;`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LastDay(String);

/// What the calls of a day come to. Claims that were lost are none of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DayFigures {
    /// Calls, further attempts and calls out of turn included.
    pub calls: u64,
    /// Those that ended well.
    pub ok: u64,
    /// How late the first calls of occurrences left, in milliseconds.
    pub lag: Histogram,
}

impl LastDay {
    /// Whether nothing is counted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The last hour, which nearly each call changes, and those before it, which change once an hour: a store may keep
    /// them apart, to write less.
    pub fn parts(&self) -> (&str, &str) {
        let end = self.0.find(';').map_or(self.0.len(), |end| end + 1);
        self.0.split_at(end)
    }

    /// From these parts.
    pub fn of_parts(last: String, before: &str) -> Self {
        Self(last + before)
    }

    /// What the calls of the hour that runs at `now` and of the 24 before it come to.
    pub fn figures(&self, now: Time) -> DayFigures {
        let latest = number(now);
        let mut sum = DayFigures::default();
        for (_, figures) in self.hours().iter().filter(|(hour, _)| (latest - HOURS..=latest).contains(hour)) {
            sum.calls += figures.calls;
            sum.ok += figures.ok;
            sum.lag.add(&figures.lag);
        }
        sum
    }

    /// Counts a call. Its lag counts if it is the `first` of its occurrence: a further attempt is late by nature.
    pub(crate) fn called(&mut self, run: &Run, first: bool) {
        let hour = number(run.finished);
        let (last, before) = self.0.split_once(';').unwrap_or_default();
        if let Some((number, mut figures)) = read(last).filter(|(number, _)| *number == hour) {
            figures.count(run, first);
            let mut text = String::with_capacity(self.0.len() + 8);
            write(&mut text, number, &figures);
            self.0 = text + before;
            return;
        }
        let mut hours = self.hours();
        let latest = hours.first().map_or(hour, |(last, _)| hour.max(*last));
        hours.retain(|(it, _)| *it >= latest - HOURS);
        if hour >= latest - HOURS {
            let index = hours.partition_point(|(it, _)| *it > hour);
            if hours.get(index).is_none_or(|(it, _)| *it != hour) {
                hours.insert(index, (hour, DayFigures::default()));
            }
            hours[index].1.count(run, first);
        }
        *self = Self::of(&hours);
    }

    /// Drops the hours that begin after that.
    pub(crate) fn forget_after(&mut self, at: Time) {
        let (hours, latest) = (self.hours(), number(at));
        if hours.first().is_some_and(|(hour, _)| *hour > latest) {
            *self = Self::of(&hours.into_iter().filter(|(hour, _)| *hour <= latest).collect::<Vec<_>>());
        }
    }

    /// The hours, the last one first. A text that cannot be read, because a later version wrote it, is no reason not to
    /// call: nothing is counted then.
    fn hours(&self) -> Vec<(i64, DayFigures)> {
        let mut after = None;
        let hour = |text: &str| {
            let (number, figures) = read(text)?;
            let number = after.map_or(Some(number), |after: i64| after.checked_sub(number))?;
            after = Some(number);
            Some((number, figures))
        };
        self.0.split_terminator(';').map(hour).collect::<Option<_>>().unwrap_or_default()
    }

    fn of(hours: &[(i64, DayFigures)]) -> Self {
        let (mut text, mut after) = (String::new(), None);
        for (number, figures) in hours {
            write(&mut text, after.map_or(*number, |after: i64| after - number), figures);
            after = Some(*number);
        }
        Self(text)
    }
}

impl DayFigures {
    /// The share of the calls that ended well, from 0 to 1; none without calls.
    pub fn success(&self) -> Option<f64> {
        (self.calls > 0).then(|| self.ok as f64 / self.calls as f64)
    }

    /// The lag that 99 of 100 first calls stayed within, in milliseconds; none without any.
    pub fn lag_p99(&self) -> Option<u64> {
        self.lag.percentile(0.99)
    }

    fn count(&mut self, run: &Run, first: bool) {
        self.calls += 1;
        self.ok += u64::from(run.outcome == Outcome::Ok);
        if first {
            self.lag.record(run.start_lag());
        }
    }
}

/// The hour of a time, counted from 1970.
fn number(at: Time) -> i64 {
    at.floor(HOUR).millis() / crate::time::millis(HOUR)
}

fn read(hour: &str) -> Option<(i64, DayFigures)> {
    let mut fields = hour.split(' ');
    let number = fields.next()?.parse().ok()?;
    let (calls, ok) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    let bucket = |field: &str| {
        let (bucket, count) = field.split_once(':')?;
        Some((bucket.parse().ok()?, count.parse().ok()?))
    };
    let buckets = fields.map(bucket).collect::<Option<Vec<(u8, u64)>>>()?;
    Some((number, DayFigures { calls, ok, lag: Histogram::from_buckets(buckets) }))
}

fn write(text: &mut String, number: i64, figures: &DayFigures) {
    // A text takes all that is written to it.
    let _ = write!(text, "{number} {} {}", figures.calls, figures.ok);
    for (bucket, count) in figures.lag.buckets() {
        let _ = write!(text, " {bucket}:{count}");
    }
    text.push(';');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn minutes(minutes: i64) -> Time {
        Time::from_millis(1_767_225_600_000 + minutes * 60_000)
    }

    /// A call that ended in that minute and left so late.
    fn call(minute: i64, lag: u64, outcome: Outcome) -> Run {
        let finished = minutes(minute);
        Run {
            token: Uuid::nil().into(),
            job: Uuid::nil().into(),
            worker: Uuid::nil().into(),
            due: finished - Duration::from_millis(lag),
            started: finished,
            finished,
            outcome,
            status: None,
            message: String::new(),
            attempt: 1,
            manual: false,
            skipped: None,
        }
    }

    #[test]
    fn the_hour_that_runs_and_the_24_before_it_count() {
        let mut day = LastDay::default();
        for hour in 0..30 {
            day.called(&call(hour * 60 + 59, 0, Outcome::Ok), true);
        }
        let counted = |hour: i64| day.figures(minutes(hour * 60)).calls;
        assert_eq!([counted(29), counted(30), counted(53), counted(54), counted(5)], [25, 24, 1, 0, 1]);
        assert_eq!(day.hours().len(), 25, "no more is kept");
        // A run that is settled long after it ended is none of the day.
        let mut late = day.clone();
        late.called(&call(60, 0, Outcome::Ok), true);
        assert_eq!(late, day);
        late.forget_after(minutes(28 * 60));
        assert_eq!(late.hours()[..], day.hours()[1..]);
    }

    #[test]
    fn further_attempts_are_calls_and_have_no_lag() {
        let mut day = LastDay::default();
        assert_eq!((day.figures(minutes(0)).success(), day.figures(minutes(0)).lag_p99()), (None, None));
        day.called(&call(0, 3, Outcome::Timeout), true);
        day.called(&call(1, 60_000, Outcome::Ok), false);
        day.called(&call(2, 1, Outcome::Ok), true);
        day.called(&call(3, 1, Outcome::Interrupted), true);
        let figures = day.figures(minutes(4));
        assert_eq!((figures.calls, figures.success(), figures.lag_p99()), (4, Some(0.5), Some(3)));
    }

    #[test]
    fn an_hour_of_calls_is_a_short_text_and_others_are_nothing() {
        let mut day = LastDay::default();
        for hour in 0..25 {
            (0..60).for_each(|minute| day.called(&call(hour * 60 + minute, minute as u64 % 3, Outcome::Ok), true));
        }
        assert!(day.0.starts_with("490920 60 60 0:20 1:20 2:20;1 60 60 "), "{day:?}");
        assert!(day.0.len() < 25 * 26, "{} bytes", day.0.len());
        for text in ["", "x", "1 2", "1 2 x;", "1 2 2 5;", "1 2 2 300:1;", "-9223372036854775808 1 1;1 1 1;", "{}"] {
            let mut day = LastDay(text.to_owned());
            assert!(day.hours().is_empty(), "{text}");
            day.called(&call(0, 0, Outcome::Ok), true);
            assert_eq!(day.figures(minutes(0)).calls, 1, "{text}");
        }
    }

    proptest! {
        /// Whatever the order in which calls are settled, each counts in its hour.
        #[test]
        fn each_call_counts_in_its_hour(
            calls in prop::collection::vec((0_i64..1_500, 0_u64..10_000_000, any::<bool>(), any::<bool>()), 0..60)
        ) {
            let (mut day, mut expect) = (LastDay::default(), DayFigures::default());
            for (minute, lag, well, first) in calls {
                let run = call(minute, lag, if well { Outcome::Ok } else { Outcome::Failed });
                day.called(&run, first);
                expect.count(&run, first);
                let hours = day.hours();
                prop_assert!(hours.is_sorted_by(|one, other| one.0 > other.0));
                prop_assert_eq!(&LastDay::of(&hours), &day);
                let (last, before) = day.parts();
                prop_assert_eq!(&LastDay::of_parts(last.to_owned(), before), &day);
            }
            prop_assert_eq!(day.figures(minutes(1_499)), expect);
        }
    }
}
