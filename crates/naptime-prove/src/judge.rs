//! Holds the target's log against the schedule: each call is to be of an occurrence of its endpoint, each occurrence
//! is called once, none early, no two calls of one endpoint at the same time, and no endpoint is forgotten.
//!
//! What is not called because more was due than could be carried is no fault: it shows as `owed` less `called`, and
//! the books tell whether it was counted as missed. How many occurrences are passed over follows from how late the call
//! before them was; to pass over more is a fault.
//!
//! A kill excuses some of it. The call that was under way, or whose result was not written yet, may be repeated when its
//! lease is over, even if it lasts until then. And what the dead worker held may be passed over.

mod endpoint;
mod lag;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use naptime_core::state::LEASE;
use naptime_core::{Schedule, Time};

use self::endpoint::Endpoint;
pub(crate) use self::lag::seconds;
use crate::faults::{Faults, path};
use crate::target::Arrival;
use crate::{Lag, Recovery, Verdict};

/// How long a machine with too few processors may take over what else takes milliseconds: from the claim to the call,
/// and from the answer to the result in the database, which a kill loses.
const SLOW_US: i64 = 5 * SECOND_US;
/// When what a killed worker held is called again at the latest.
const RECLAIMED: Duration = Duration::from_secs(LEASE.as_secs() + 1);
/// How long what is due may wait while workers have nothing else to call. While they have, a few times what others wait
/// comes to it: work is taken in the order of lateness, so nothing waits much longer than the rest, however much is due.
const PATIENCE_US: i64 = 5 * SECOND_US;
const SECOND_US: i64 = 1_000_000;
/// How long a call may be on its way when its worker is killed: it still arrives.
const ON_ITS_WAY_US: i64 = SECOND_US;

/// What was done to the workers.
#[derive(Clone, Copy, Debug)]
pub struct Kills<'a> {
    /// When they were killed, in microseconds.
    pub at_us: &'a [i64],
    /// How long after its claim what a dead worker held is left alone. Zero for an embedded file: who opens it next
    /// knows that the one before is gone.
    pub lease: Duration,
}

/// A time of the schedule by the target's clock.
fn us(time: Time) -> i64 {
    time.millis().saturating_mul(1000)
}

/// A time of the target's clock by the schedule's, which is coarser.
fn time(at_us: i64) -> Time {
    Time::from_millis(at_us.div_euclid(1000))
}

/// Judges the calls of endpoints with these schedules for what is due within `from <= due < to`. Workers were at work
/// until `until`, and some were killed.
///
/// `arrivals` may and should go beyond the window: a call may come after its end for a due time within. All of them are
/// looked at for what must never be.
pub fn judge(
    arrivals: &[Arrival],
    expected: &[Schedule],
    (from, to): (Time, Time),
    until: Time,
    kills: Kills<'_>,
) -> Verdict {
    let mut faults = Faults::default();
    let mut calls: Vec<Vec<Arrival>> = vec![Vec::new(); expected.len()];
    for arrival in arrivals {
        match calls.get_mut(arrival.endpoint) {
            Some(calls) => calls.push(*arrival),
            None => faults.note("unexpected", || format!("{}: called, and not an endpoint", path(arrival.endpoint))),
        }
    }
    let within = arrivals.iter().filter(|call| (us(from)..us(to)).contains(&call.at_us)).count();
    let lag = Lag::of(arrivals.iter().filter(|call| (from..to).contains(&call.due)));
    // Of all that came: where workers are far behind, nothing that came was due within.
    let usual = Lag::of(arrivals.iter().filter(|call| call.at_us >= us(from)));
    let usual_ms = if usual.p50_ms.is_finite() { usual.p50_ms } else { 0.0 };
    let lease_us = i64::try_from(kills.lease.as_micros()).unwrap_or(i64::MAX);
    let mut kills = kills.at_us.to_vec();
    kills.sort_unstable();
    let end_us = us(until);
    let watch = Watch {
        from,
        to,
        end_us,
        idle_since_us: arrivals.iter().map(|call| call.ended_us.unwrap_or(end_us)).max().unwrap_or(i64::MIN),
        patience_us: PATIENCE_US + (4e3 * usual_ms) as i64,
        lease_us,
        kills,
    };
    let mut verdict = Verdict {
        calls: within,
        calls_per_second: within as f64 / to.since(from).as_secs_f64().max(0.001),
        lag,
        ..Verdict::default()
    };
    let mut recovered: BTreeMap<i64, Vec<f64>> = watch.kills.iter().map(|kill| (*kill, Vec::new())).collect();
    for (number, (schedule, calls)) in expected.iter().zip(&mut calls).enumerate() {
        calls.sort_by_key(|call| call.at_us);
        let endpoint = Endpoint { number, schedule, calls, watch: &watch };
        let (owed, called) = endpoint.answered();
        verdict.owed += owed;
        verdict.called += called;
        verdict.repeated += endpoint.repeated(&mut faults);
        endpoint.misplaced(&mut faults);
        endpoint.overlapping(&mut faults);
        endpoint.skipped(&mut faults);
        endpoint.never_called(&mut faults);
        for (kill, wait_ms) in endpoint.recoveries() {
            recovered.entry(kill).or_default().push(wait_ms);
        }
    }
    let all: Vec<f64> = recovered.values().flatten().copied().collect();
    Verdict {
        repeated_unexplained: faults.count("repeated"),
        early: faults.count("early"),
        overlapping: faults.count("overlapping"),
        never_called: faults.count("never_called"),
        skipped: faults.count("skipped"),
        unexpected: faults.count("unexpected"),
        recoveries: recovered.into_iter().map(|(kill, waits)| recovery(kill, waits)).collect(),
        recovery: (!all.is_empty()).then(|| Lag::of_ms(all)),
        faults: faults.told(),
        ..verdict
    }
}

/// The time watched, and what was done in it.
struct Watch {
    from: Time,
    to: Time,
    /// Until when workers were at work.
    end_us: i64,
    /// Since when they made no call.
    idle_since_us: i64,
    /// How long an endpoint may go without a call while others are called.
    patience_us: i64,
    /// How long after its claim what a dead worker held is left alone.
    lease_us: i64,
    /// In their order.
    kills: Vec<i64>,
}

impl Watch {
    /// Whether the lease of this call can be over. A claim is made a second before the occurrence is due at the earliest.
    fn lease_is_over(&self, call: &Arrival, now_us: i64) -> bool {
        let claimed_us = (us(call.due) - SECOND_US).max(call.at_us - SLOW_US);
        self.lease_us == 0 || now_us >= claimed_us.saturating_add(self.lease_us)
    }

    /// The kills from the one that a call which arrived at `from` can have left before, up to `to`.
    fn kills(&self, from: i64, to: i64) -> &[i64] {
        let begin = self.kills.partition_point(|kill| *kill < from.saturating_sub(ON_ITS_WAY_US));
        let end = self.kills.partition_point(|kill| *kill <= to);
        self.kills.get(begin..end).unwrap_or_default()
    }
}

fn recovery(kill_us: i64, waits_ms: Vec<f64>) -> Recovery {
    let endpoints = waits_ms.len();
    let Lag { p99_ms, max_ms, .. } = if endpoints > 0 { Lag::of_ms(waits_ms) } else { Lag::default() };
    Recovery { kill_us, endpoints, p99_ms, max_ms }
}
