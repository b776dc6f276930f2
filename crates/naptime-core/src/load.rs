//! What happened when, in figures small enough to keep: calls, errors, lag, request time, capacity used.
//!
//! Charts and percentiles read these, never the runs: a day at 1,000 calls a second is 86 million runs, and 24 rows of
//! load per worker.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Outcome, Time, WorkerId};

/// How often workers add their figures to the store. The first call after such a time without is told of sooner.
pub const REPORTED_EVERY: Duration = Duration::from_secs(10);

/// How far behind the newest figures may be: what a worker counts right after it has reported waits for the next time,
/// and that takes a moment. What is older is there, unless the store was away.
pub const BEHIND: Duration = Duration::from_secs(12);

/// How long a stretch of time one row covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// One second; kept for a quarter of an hour.
    Second,
    /// One minute; kept for three hours.
    Minute,
    /// Ten minutes; kept for two days.
    TenMinutes,
    /// One hour; kept for five weeks.
    Hour,
}

impl Tier {
    /// All of them, the finest first. What is recorded is recorded in each, so nothing needs rolling up.
    pub const ALL: [Tier; 4] = [Self::Second, Self::Minute, Self::TenMinutes, Self::Hour];

    /// The time that one row covers.
    pub fn width(self) -> Duration {
        Duration::from_secs(self.seconds().into())
    }

    /// How long a row is kept, from its start.
    pub fn kept(self) -> Duration {
        Duration::from_secs(match self {
            Self::Second => 15 * 60,
            Self::Minute => 3 * 3600,
            Self::TenMinutes => 48 * 3600,
            Self::Hour => 35 * 24 * 3600,
        })
    }

    /// Its number of seconds, which names it in the store.
    pub fn seconds(self) -> u16 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::TenMinutes => 600,
            Self::Hour => 3600,
        }
    }
}

/// One worker's figures over one stretch of time. What is added to the store is added to the row that is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// The start of the stretch, a multiple of the tier's width. In what is added, any moment in it.
    pub at: Time,
    /// The worker.
    pub worker: WorkerId,
    /// The figures.
    pub figures: Figures,
}

/// What these rows add to each tier: one sum for each row of the store that they touch.
pub fn sums(rows: &[Load]) -> BTreeMap<(Tier, Time, WorkerId), Figures> {
    let mut sums: BTreeMap<_, Figures> = BTreeMap::new();
    for (row, tier) in rows.iter().flat_map(|row| Tier::ALL.map(|tier| (row, tier))) {
        sums.entry((tier, row.at.floor(tier.width()), row.worker)).or_default().add(&row.figures);
    }
    sums
}

/// What these rows add to the total of all workers and all times.
pub fn total(rows: &[Load]) -> Figures {
    let mut total = Figures::default();
    rows.iter().for_each(|row| total.add(&row.figures));
    total
}

/// Figures that can be added up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Calls made.
    pub calls: u64,
    /// Calls that did not end well.
    pub errors: u64,
    /// Calls by how they ended.
    #[serde(default)]
    pub outcomes: BTreeMap<Outcome, u64>,
    /// How late the calls left, in milliseconds: of each occurrence's first call.
    pub lag: Histogram,
    /// How late they left together, in milliseconds.
    #[serde(default)]
    pub lag_ms: u64,
    /// How long the calls took, in milliseconds.
    pub took: Histogram,
    /// How long the calls took together, in milliseconds.
    #[serde(default)]
    pub took_ms: u64,
    /// The claims held, summed over `samples` samples (one a second).
    pub held: u64,
    /// The capacity, summed over the same samples.
    pub capacity: u64,
    /// The number of samples.
    pub samples: u64,
}

impl Figures {
    /// Adds another's figures to these.
    pub fn add(&mut self, other: &Figures) {
        self.calls += other.calls;
        self.errors += other.errors;
        for (&outcome, &count) in &other.outcomes {
            *self.outcomes.entry(outcome).or_default() += count;
        }
        self.lag.add(&other.lag);
        self.lag_ms += other.lag_ms;
        self.took.add(&other.took);
        self.took_ms += other.took_ms;
        self.held += other.held;
        self.capacity += other.capacity;
        self.samples += other.samples;
    }

    /// How long a call took on the mean; none without calls.
    pub fn mean_took(&self) -> Option<Duration> {
        (self.calls > 0).then(|| Duration::from_secs_f64(self.took_ms as f64 / 1000.0 / self.calls as f64))
    }

    /// The share of the capacity that was used, from 0 to 1; none without samples.
    pub fn used(&self) -> Option<f64> {
        (self.capacity > 0).then(|| self.held as f64 / self.capacity as f64)
    }
}

/// Upper bounds of the buckets in milliseconds: single milliseconds at first, then ten to a decade. What is above the
/// last falls into one more bucket.
const BOUNDS: [u64; 58] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 13, 16, 20, 25, 32, 40, 50, 63, 79, 100, 126, 158, 200, 251, 316, 398, 501, 631,
    794, 1_000, 1_259, 1_585, 1_995, 2_512, 3_162, 3_981, 5_012, 6_310, 7_943, 10_000, 12_589, 15_849, 19_953, 25_119,
    31_623, 39_811, 50_119, 63_096, 79_433, 100_000, 125_893, 158_489, 199_526, 251_189, 300_000, 600_000, 1_800_000,
    3_600_000,
];

/// A histogram of milliseconds with fixed buckets, so that histograms of any workers and times can be added up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Histogram(BTreeMap<u8, u64>);

impl Histogram {
    /// Counts one duration.
    pub fn record(&mut self, duration: Duration) {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|&bound| bound < millis);
        *self.0.entry(u8::try_from(bucket).unwrap_or(u8::MAX)).or_default() += 1;
    }

    /// Adds another's counts to these.
    pub fn add(&mut self, other: &Histogram) {
        for (&bucket, &count) in &other.0 {
            *self.0.entry(bucket).or_default() += count;
        }
    }

    /// The buckets that are not empty, as number and count.
    pub fn buckets(&self) -> impl Iterator<Item = (u8, u64)> {
        self.0.iter().map(|(&bucket, &count)| (bucket, count))
    }

    /// For each upper bound in milliseconds, how many were counted up to it.
    pub fn cumulative(&self) -> impl Iterator<Item = (u64, u64)> {
        BOUNDS.into_iter().zip(0..).scan(0, move |seen, (bound, bucket)| {
            *seen += self.0.get(&bucket).copied().unwrap_or(0);
            Some((bound, *seen))
        })
    }

    /// A histogram of these buckets.
    pub fn from_buckets(buckets: impl IntoIterator<Item = (u8, u64)>) -> Self {
        Self(buckets.into_iter().collect())
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// The smallest bound, in milliseconds, that at least `quantile` (0 to 1) of those counted are within; none if
    /// nothing was counted.
    pub fn percentile(&self, quantile: f64) -> Option<u64> {
        let rank = ((self.count() as f64) * quantile).ceil().max(1.0) as u64;
        let mut seen = 0;
        self.0.iter().find_map(|(&bucket, &count)| {
            seen += count;
            (seen >= rank).then(|| BOUNDS.get(usize::from(bucket)).copied().unwrap_or(u64::MAX))
        })
    }
}

/// The figures of all workers over one step of a chart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Point {
    /// The start of the step, in milliseconds since 1970.
    pub at: i64,
    /// All workers together.
    pub all: Figures,
    /// Each worker.
    pub workers: BTreeMap<WorkerId, Figures>,
}

/// Folds rows into one point for each step from `from` up to `to`, empty ones included. Rows outside are left out.
pub fn fold(rows: &[Load], from: Time, to: Time, step: Duration) -> Vec<Point> {
    let from = from.floor(step);
    let mut points: Vec<Point> = Vec::new();
    let mut at = from;
    while at < to {
        points.push(Point { at: at.millis(), ..Point::default() });
        at = at + step.max(Duration::from_millis(1));
    }
    for row in rows.iter().filter(|row| row.at >= from) {
        let index = row.at.since(from).as_millis() / step.as_millis().max(1);
        if let Some(point) = usize::try_from(index).ok().and_then(|index| points.get_mut(index)) {
            point.all.add(&row.figures);
            point.workers.entry(row.worker).or_default().add(&row.figures);
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(millis: &[u64], quantile: f64, expect: Option<u64>) {
        let mut histogram = Histogram::default();
        millis.iter().for_each(|&ms| histogram.record(Duration::from_millis(ms)));
        assert_eq!(histogram.percentile(quantile), expect, "{millis:?} at {quantile}");
    }

    #[test]
    fn percentiles_are_upper_bounds() {
        check(&[], 0.5, None);
        check(&[3], 0.5, Some(3));
        check(&[1, 1, 1, 9], 0.5, Some(1));
        check(&[1, 1, 1, 9], 0.99, Some(10));
        check(&[700], 0.5, Some(794));
        check(&[10_000_000], 0.5, Some(u64::MAX));
    }

    #[test]
    fn counts_up_to_each_bound_add_up() {
        let mut histogram = Histogram::default();
        [1, 1, 9, 10_000_000].into_iter().for_each(|ms| histogram.record(Duration::from_millis(ms)));
        let up_to: BTreeMap<u64, u64> = histogram.cumulative().collect();
        assert_eq!([up_to[&0], up_to[&1], up_to[&8], up_to[&10], up_to[&3_600_000]], [0, 2, 2, 3, 3]);
        assert_eq!((up_to.len(), histogram.count()), (BOUNDS.len(), 4), "what is above the last bound is in none");
    }

    #[test]
    fn seconds_add_up_in_every_tier() {
        let worker = WorkerId::from(uuid::Uuid::from_u128(1));
        // The last two seconds of an hour, and the first of the next, which comes in two parts.
        let row = |second: i64, calls| Load {
            at: Time::from_millis(second * 1000),
            worker,
            figures: Figures { calls, ..Figures::default() },
        };
        let sums = sums(&[row(3598, 1), row(3599, 2), row(3600, 4), row(3600, 8)]);
        let found: Vec<_> = sums.iter().map(|(key, sum)| (key.0.seconds(), key.1.millis() / 1000, sum.calls)).collect();
        let seconds = [(1, 3598, 1), (1, 3599, 2), (1, 3600, 12)];
        let longer = [(60, 3540, 3), (60, 3600, 12), (600, 3000, 3), (600, 3600, 12), (3600, 0, 3), (3600, 3600, 12)];
        assert_eq!(found, [&seconds[..], &longer].concat());
    }

    #[test]
    fn hours_fold_into_days_of_utc() {
        let worker = WorkerId::from(uuid::Uuid::from_u128(1));
        let row = |at: &str, calls| Load {
            at: at.parse().expect("a time"),
            worker,
            figures: Figures { calls, ..Figures::default() },
        };
        let rows = [row("2026-01-01T23:00:00Z", 1), row("2026-01-02T00:00:00Z", 2), row("2026-01-02T23:00:00Z", 4)];
        let [from, to] = ["2026-01-01T12:00:00Z", "2026-01-02T23:30:00Z"].map(|at| at.parse().expect("a time"));
        let points = fold(&rows, from, to, Duration::from_secs(86_400));
        let days = points.iter().map(|point| (Time::from_millis(point.at).to_string(), point.all.calls));
        let expect = [("2026-01-01T00:00:00.000Z".to_owned(), 1), ("2026-01-02T00:00:00.000Z".to_owned(), 6)];
        assert_eq!(days.collect::<Vec<_>>(), expect);
    }

    #[test]
    fn rows_fold_into_steps() {
        let worker = WorkerId::from(uuid::Uuid::from_u128(1));
        let row = |minute: i64, calls| Load {
            at: Time::from_millis(minute * 60_000),
            worker,
            figures: Figures { calls, ..Figures::default() },
        };
        let rows = [row(9, 1), row(10, 2), row(11, 3), row(13, 4), row(99, 5)];
        let points = fold(&rows, Time::from_millis(600_000), Time::from_millis(840_000), Duration::from_secs(120));
        assert_eq!(points.iter().map(|point| point.all.calls).collect::<Vec<_>>(), [5, 4]);
        assert_eq!(points[0].workers[&worker].calls, 5);
    }
}
