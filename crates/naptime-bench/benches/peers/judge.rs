//! Rates, computed from the calls that the target saw.

use std::collections::HashSet;

use anyhow::{Result, ensure};
use naptime_prove::Arrival;

/// The period of a recurring job.
const PERIOD_US: i64 = 1_000_000;

/// Calls per second of a backlog, from the call after the first `warm_up` calls to the last one.
///
/// # Errors
/// If a job was not called, or was called twice.
pub(crate) fn drained(arrivals: &[Arrival], warm_up: usize, jobs: usize) -> Result<f64> {
    let called: HashSet<usize> = arrivals.iter().map(|call| call.endpoint).collect();
    let calls = arrivals.len();
    ensure!(called.len() == jobs && calls == jobs, "of {jobs} jobs, {} were called, by {calls} calls", called.len());
    let timed = &arrivals[warm_up..];
    let took_us = timed[timed.len() - 1].at_us - timed[0].at_us;
    // The first call starts the clock.
    Ok((timed.len() - 1) as f64 * 1e6 / took_us.max(1) as f64)
}

/// Calls per second of recurring jobs within `from_us <= at < to_us`, and the number of jobs that were never called.
///
/// A job counts at most as often as it can have been due in that time, and all jobs together as often as they were: a
/// product gains nothing by calling one twice, nor by what it is behind with.
pub(crate) fn kept(arrivals: &[Arrival], jobs: usize, (from_us, to_us): (i64, i64)) -> (f64, usize) {
    let mut within = vec![None::<i64>; jobs];
    for call in arrivals {
        if let Some(count) = within.get_mut(call.endpoint) {
            *count.get_or_insert(0) += i64::from((from_us..to_us).contains(&call.at_us));
        }
    }
    let most = (to_us - from_us) / PERIOD_US + 1;
    let calls: i64 = within.iter().flatten().map(|count| *count.min(&most)).sum();
    let owed = jobs as f64 * (to_us - from_us) as f64 / PERIOD_US as f64;
    let never_called = within.iter().filter(|count| count.is_none()).count();
    ((calls as f64).min(owed) * 1e6 / (to_us - from_us) as f64, never_called)
}
