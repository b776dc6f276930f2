//! How late calls were: over all, and second by second.

use std::time::Duration;

use naptime_core::Time;

use crate::target::Arrival;
use crate::{Lag, Second};

impl Lag {
    /// How late these calls were.
    pub fn of<'a>(arrivals: impl Iterator<Item = &'a Arrival>) -> Self {
        Self::of_ms(arrivals.map(|call| (call.at_us - call.due.millis().saturating_mul(1000)) as f64 / 1e3).collect())
    }

    /// The quantiles of these lags, which are in milliseconds and in any order.
    pub(crate) fn of_ms(mut lags: Vec<f64>) -> Self {
        lags.sort_by(f64::total_cmp);
        let last = lags.len().saturating_sub(1);
        let within = |share: f64| lags.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::INFINITY);
        Self { p50_ms: within(0.5), p99_ms: within(0.99), p999_ms: within(0.999), max_ms: within(1.0) }
    }
}

/// The calls that came within `from <= at < to`, second by second.
pub(crate) fn seconds(arrivals: &[Arrival], from: Time, to: Time) -> Vec<Second> {
    let count = to.since(from).as_millis().div_ceil(Duration::from_secs(1).as_millis());
    let mut seconds: Vec<Vec<&Arrival>> = vec![Vec::new(); usize::try_from(count).unwrap_or(0)];
    let (from_us, to_us) = (from.millis().saturating_mul(1000), to.millis().saturating_mul(1000));
    for call in arrivals.iter().filter(|call| (from_us..to_us).contains(&call.at_us)) {
        let number = usize::try_from((call.at_us - from_us) / 1_000_000).ok();
        if let Some(second) = number.and_then(|number| seconds.get_mut(number)) {
            second.push(call);
        }
    }
    let second = |calls: Vec<&Arrival>| {
        let count = calls.len();
        let Lag { p50_ms, p99_ms, max_ms, .. } = Lag::of(calls.into_iter());
        Second { calls: count, p50_ms, p99_ms, max_ms }
    };
    seconds.into_iter().map(second).collect()
}
