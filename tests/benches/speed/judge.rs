//! Holds the target's log against the schedule.

use std::collections::HashMap;
use std::time::Duration;

use naptime_core::{Schedule, Time};

use crate::target::Arrival;

/// How the calls of a window of time were.
pub(crate) struct Verdict {
    /// Occurrences whose due time is in the window.
    pub(crate) owed: usize,
    /// Those of them that were called.
    pub(crate) called: usize,
    /// Calls of an occurrence that had been called before.
    pub(crate) repeated: usize,
    /// Calls that came before their due time.
    pub(crate) early: usize,
    /// Calls of one endpoint that came closer to the one before than half its period.
    pub(crate) too_close: usize,
    /// How late the calls of the window were.
    pub(crate) lags: Lags,
}

impl Verdict {
    /// Judges the calls of endpoints with these schedules for what is due within `from <= due < to`.
    ///
    /// `arrivals` may go beyond the window, and should: a call may come after its end for a due time within.
    pub(crate) fn of(arrivals: &[Arrival], schedules: &[Schedule], from: Time, to: Time) -> Self {
        let mut calls: HashMap<(usize, i64), usize> = HashMap::new();
        let mut before: HashMap<usize, i64> = HashMap::new();
        let window = from.millis()..to.millis();
        let mut too_close = 0;
        for call in arrivals {
            let Some(Schedule::Every { period, .. }) = schedules.get(call.endpoint) else { continue };
            let last = before.insert(call.endpoint, call.at_us);
            let half = i64::try_from(period.as_micros() / 2).unwrap_or(i64::MAX);
            too_close += usize::from(last.is_some_and(|last| call.at_us - last < half));
            *calls.entry((call.endpoint, call.due_ms)).or_default() += 1;
        }
        let owed: Vec<(usize, i64)> = schedules
            .iter()
            .enumerate()
            .flat_map(|(endpoint, it)| due_times(it, from, to).map(move |due| (endpoint, due)))
            .collect();
        let within: Vec<&Arrival> = arrivals.iter().filter(|call| window.contains(&call.due_ms)).collect();
        Self {
            owed: owed.len(),
            called: owed.iter().filter(|occurrence| calls.contains_key(occurrence)).count(),
            repeated: calls.values().map(|count| count - 1).sum(),
            early: arrivals.iter().filter(|call| call.lag_ms() < 0.0).count(),
            too_close,
            lags: Lags::of(within.into_iter()),
        }
    }
}

/// The occurrences of a schedule within `from <= due < to`.
fn due_times(schedule: &Schedule, from: Time, to: Time) -> impl Iterator<Item = i64> + use<> {
    let schedule = schedule.clone();
    let first = schedule.first(from - Duration::from_millis(1));
    std::iter::successors(Some(first), move |due| schedule.next(*due, *due).due)
        .take_while(move |due| *due < to)
        .map(Time::millis)
}

/// How late calls were, in milliseconds, in ascending order.
pub(crate) struct Lags(Vec<f64>);

impl Lags {
    pub(crate) fn of<'a>(arrivals: impl Iterator<Item = &'a Arrival>) -> Self {
        let mut lags: Vec<f64> = arrivals.map(Arrival::lag_ms).collect();
        lags.sort_by(f64::total_cmp);
        Self(lags)
    }

    /// The lag that `share` of the calls stayed within. Infinite if there was no call.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let last = self.0.len().saturating_sub(1);
        self.0.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::INFINITY)
    }

    pub(crate) fn p50(&self) -> f64 {
        self.quantile(0.5)
    }

    pub(crate) fn p99(&self) -> f64 {
        self.quantile(0.99)
    }

    pub(crate) fn max(&self) -> f64 {
        self.quantile(1.0)
    }
}
