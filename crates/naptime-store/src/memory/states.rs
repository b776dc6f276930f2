//! Which endpoints are in which state.

use std::collections::BTreeMap;

use naptime_core::{Job, Time, Trouble};

use super::table::JobTable;
use crate::plan::MOST_LATE;
use crate::{EndpointState, LATE_AFTER};

/// Since when an endpoint is in a state, if it is. Where lists don't go by that, some time.
pub(super) fn since(state: EndpointState, job: &Job, jobs: &JobTable, now: Time) -> Option<Time> {
    let trouble = |kind: Trouble| job.trouble().filter(|(it, _)| *it == kind).map(|(_, since)| since);
    let breach = || job.state.watch.filter(|watch| watch.is_broken(now)).map(|watch| watch.deadline);
    let is_paused = || job.spec.schedule.bounds().is_some_and(|bounds| bounds.pause_at(now).is_some());
    let claim_at = job.state.claim_at();
    let is_so = match state {
        EndpointState::Failing => return trouble(Trouble::Failing),
        EndpointState::PutOff => return trouble(Trouble::PutOff),
        EndpointState::Flapping => return trouble(Trouble::Flapping),
        EndpointState::Late => {
            let is_gated = jobs.due().is_gated(job.spec.endpoint.pool());
            return claim_at.filter(|at| *at <= now - LATE_AFTER && job.active && !is_gated);
        }
        EndpointState::Breach => return breach(),
        EndpointState::Running => job.state.lock().is_some() && claim_at.is_some_and(|lease| lease > now),
        EndpointState::Paused => is_paused(),
        EndpointState::On => job.active,
        EndpointState::Off => !job.active,
        EndpointState::Healthy => job.active && !is_paused() && job.trouble().is_none() && breach().is_none(),
    };
    is_so.then_some(job.created_at)
}

/// How many endpoints are in each.
pub(super) fn count(jobs: &JobTable, now: Time) -> BTreeMap<EndpointState, u64> {
    let mut counts = EndpointState::ALL.map(|state| (state, 0)).into_iter().collect::<BTreeMap<_, _>>();
    for job in jobs.all().filter(|job| job.stage().is_none() && job.deleted_at.is_none()) {
        for (state, count) in &mut counts {
            *count += u64::from(since(*state, job, jobs, now).is_some());
        }
    }
    counts.entry(EndpointState::Late).and_modify(|late| *late = (*late).min(MOST_LATE));
    counts
}
