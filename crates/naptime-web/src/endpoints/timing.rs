//! The calls to come, and the zone they are told in.

use naptime_core::{Job, Schedule, Time, Zone};

/// How many of the next calls are shown.
const SHOWN: usize = 5;

/// The zone that the times of a schedule are told in.
pub(super) fn zone(schedule: &Schedule) -> Zone {
    match schedule {
        Schedule::Cron(cron) => cron.zone().clone(),
        Schedule::Random(random) => random.zone().clone(),
        Schedule::Bounded(bounded) => bounded.bounds().zone.clone(),
        Schedule::Every { .. } | Schedule::Once { .. } => Zone::UTC,
    }
}

/// The next calls of a job, beginning with the one that is due: none if it is switched off.
pub(super) fn upcoming(job: &Job) -> Vec<Time> {
    let next = |due: &Time| job.spec.schedule.next(*due, *due).due;
    std::iter::successors(job.state.due, next).take(SHOWN).collect()
}

/// The next calls by a schedule that no job has yet, or not in this way.
pub(super) fn planned(schedule: &Schedule, now: Time) -> Vec<Time> {
    schedule.upcoming(now, SHOWN)
}
