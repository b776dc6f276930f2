//! Whether SLAs were watched: a gap between good calls that was too long is a breach, and each breach is counted once.

use std::time::Duration;

use naptime_core::{Outcome, Time};
use naptime_store::{Clock, PageRef, Slas};

use crate::people::SLA;
use crate::scenario::{Behaviour, When};
use crate::world::{BEGINNING, World};

/// By how much a gap may exceed an SLA without a breach, where the schedule is as tight: the grace, and rounding.
const GRACE: Duration = Duration::from_secs(2);

/// What is wrong with the breaches at the end of a run.
pub(super) async fn misjudged(world: &World) -> Vec<String> {
    let everything = PageRef::first(usize::MAX - 1);
    let (breaches, standing) = match (world.store.breaches(None, &everything).await, world.store.standing().await) {
        (Ok(breaches), Ok(standing)) => (breaches.items, standing),
        (Err(error), _) | (_, Err(error)) => return vec![format!("the breaches cannot be read: {error}")],
    };
    let mut wrong = Vec::new();
    let now = world.store.now();
    let lasting =
        world.store.jobs().into_iter().filter_map(|job| job.breach(now, None)).map(|breach| breach.lasted(now));
    let total: Duration = breaches.iter().map(|it| it.breach.lasted(now)).chain(lasting).sum();
    let counted = Duration::from_millis(standing.amounts[3].breached_ms);
    if counted != total {
        wrong.push(format!("[15] breaches of {total:?} are counted as {counted:?}"));
    }
    for (number, job) in world.scenario.jobs() {
        let is_once = matches!(job.when, When::Once(_));
        if !job.has_sla || job.is_edited || is_once || job.target == Behaviour::Steering {
            continue;
        }
        let id = world.job_id(number);
        let runs = world.store.runs_of(id).into_iter().filter(|run| run.outcome == Outcome::Ok);
        let mut ends: Vec<Time> = runs.map(|run| run.finished).collect();
        ends.push(BEGINNING + job.added);
        ends.sort_unstable();
        for gap in ends.windows(2).filter(|gap| gap[1].since(gap[0]) > SLA + GRACE) {
            let is_told = breaches.iter().any(|it| it.breach.job == id && it.breach.to == Some(gap[1]));
            let is_held = world.store.job(id).is_some_and(|job| job.state.lock().is_some());
            if !is_told && !is_held {
                wrong.push(format!("[15] job {number}: no good call from {} to {}, and no breach", gap[0], gap[1]));
            }
        }
    }
    wrong
}
