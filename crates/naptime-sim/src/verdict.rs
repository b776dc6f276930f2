//! What a run comes to: what the witness found, what the judge of `prove` says of the calls, and whether the books are
//! right.

mod pools;
mod promises;

use std::collections::BTreeMap;
use std::time::Duration;

use naptime_core::{CatchUp, Schedule, Time};
use naptime_prove::judge::{Kills, judge};
use naptime_prove::{Arrival, Fault, ledger};
use naptime_store::Clock;

use crate::network::PATIENCE;
use crate::people::{self, schedule, spec};
use crate::scenario::Event;
use crate::trace::Trace;
use crate::world::{BEGINNING, World};

/// The distance of the kills that stand for a time in which something was wrong. The judge takes a kill for an excuse for
/// a second before and after.
const STEP: Duration = Duration::from_millis(500);

/// How long a job may wait for its first call.
const WAITS: Duration = Duration::from_secs(20);

/// What a run came to.
#[derive(Debug)]
pub struct Report {
    /// The calls that the target saw.
    pub calls: usize,
    /// What must never be and was, in words.
    pub violations: Vec<String>,
    /// What happened.
    pub trace: Trace,
}

/// Judges a run that has ended; workers were at work until `until`.
pub(crate) async fn judge_all(world: &World, until: Time) -> Report {
    let arrivals = world.target.arrivals();
    let (mut violations, trace) = world.witness.found();
    violations.extend(misplaced(world, &arrivals, until).into_iter().map(|fault| fault.detail));
    violations.extend(repeated(world, &arrivals));
    violations.extend(books(world, &arrivals).await);
    violations.extend(promises::misjudged(world).await);
    violations.extend(pools::held_back(world, &arrivals, until).await);
    violations.extend(pools::starved(world, until).await);
    Report { calls: arrivals.len(), violations, trace }
}

/// What the judge finds of the jobs of which the schedule alone decides when they are called.
fn misplaced(world: &World, arrivals: &[Arrival], until: Time) -> Vec<Fault> {
    let scenario = &world.scenario;
    let is_plain: Vec<bool> = scenario.jobs.iter().map(|job| scenario.is_plain(job)).collect();
    let calls: Vec<Arrival> = arrivals.iter().filter(|call| is_plain[call.endpoint]).copied().collect();
    // Of the others nothing is owed.
    let never = Schedule::Once { at: until + Duration::from_secs(1) };
    let expected = |number: usize| {
        let job = &scenario.jobs[number];
        let schedule = schedule(job, world.job_id(number));
        // The judge counts from the beginning; a job that is added later may not have been due since.
        let is_due = || schedule.first(BEGINNING + job.added).is_some_and(|first| first + WAITS < until);
        let owes = is_plain[number] && (calls.iter().any(|call| call.endpoint == number) || is_due());
        if owes { schedule } else { never.clone() }
    };
    let schedules: Vec<Schedule> = (0..is_plain.len()).map(expected).collect();
    let kills: Vec<i64> = scenario.events.iter().flatten().filter_map(Event::excuses).flat_map(moments).collect();
    // A call leaves when its claim is answered. How leases are kept is seen by the witness.
    let shortest = scenario.jobs().map(|(_, job)| job.lease).min().unwrap_or_default();
    let lease = shortest.saturating_sub(PATIENCE);
    judge(&calls, &schedules, (BEGINNING, until), until, Kills { at_us: &kills, lease }).faults
}

/// Occurrences that were called twice although nothing lasted for as long as a lease. The judge lets any trouble excuse
/// that; but what a worker could not settle while the store was away, it settles afterwards.
fn repeated(world: &World, arrivals: &[Arrival]) -> Vec<String> {
    let scenario = &world.scenario;
    let mut calls: BTreeMap<(usize, Time), i64> = BTreeMap::new();
    let mut repeated = Vec::new();
    for call in arrivals.iter().filter(|call| scenario.is_plain(&scenario.jobs[call.endpoint])) {
        let Some(first_us) = calls.insert((call.endpoint, call.due), call.at_us) else { continue };
        let after = |at_us: i64| Time::from_millis(at_us / 1000).since(BEGINNING);
        let lease = scenario.jobs[call.endpoint].lease;
        if !scenario.excuses_repetition(lease, (after(first_us), after(call.at_us))) {
            let (number, due) = (call.endpoint, call.due);
            repeated.push(format!("[8] job {number}, due {due}, was called again, and nothing excuses that"));
        }
    }
    repeated
}

/// Moments within this time, and its ends, in microseconds since 1970.
fn moments((from, to): (Duration, Duration)) -> Vec<i64> {
    let steps = (to - from).as_millis() / STEP.as_millis();
    let after = |step: u128| from + STEP * u32::try_from(step).unwrap_or(u32::MAX);
    (0..=steps).map(after).chain([to]).map(|at| (BEGINNING + at).millis().saturating_mul(1000)).collect()
}

/// What is wrong with the books: of jobs that people or targets edit, only whether each call has its run.
async fn books(world: &World, arrivals: &[Arrival]) -> Vec<String> {
    let scenario = &world.scenario;
    let mut wrong = Vec::new();
    for (number, job) in scenario.jobs() {
        let id = world.job_id(number);
        let calls: Vec<Arrival> = arrivals
            .iter()
            .filter(|call| call.endpoint == number)
            .map(|call| Arrival { endpoint: 0, ..*call })
            .collect();
        // Every schedule of a scenario has an occurrence.
        let Some(first) = spec(job, number, id).schedule.first(BEGINNING + job.added) else { continue };
        match ledger::compare(&world.store, &[(id, first)], &calls).await {
            Ok(ledger) => {
                let is_edited = job.is_edited || spec(job, number, id).steer.is_some();
                let stored = world.store.job(id);
                let missed = stored.as_ref().map_or(0, |job| job.state.counters.missed);
                if job.misfire.catch_up == CatchUp::ALL && !is_edited && missed > 0 {
                    wrong.push(format!("[7] job {number}: {missed} missed, though it is to be called for each"));
                }
                // A lease that is over waits for its turn where more is due than the limits of its pool let through;
                // people may have moved it there.
                let waits = stored.is_some_and(|job| {
                    let is_of = |pool: usize| people::pool(pool) == *job.spec.endpoint.pool();
                    let limited = (0..scenario.pools.len()).any(|pool| is_of(pool) && scenario.is_limited(pool));
                    limited && job.state.claim_at() <= Some(world.store.now())
                });
                let counts = |fault: &Fault| match fault.code {
                    "unaccounted" => !is_edited,
                    "held" | "calls_without_run" => !waits,
                    _ => true,
                };
                let told = ledger.faults.into_iter().filter(counts);
                wrong.extend(told.map(|fault| format!("books, job {number}: {}: {}", fault.code, fault.detail)));
            }
            Err(error) => wrong.push(format!("the books of job {number} cannot be read: {error}")),
        }
    }
    wrong
}
