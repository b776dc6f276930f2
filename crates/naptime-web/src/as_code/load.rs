//! What a document does to the load: calls per second and the worst minute, before and after, and what comes at once.

use std::collections::{BTreeMap, HashSet};

use naptime_core::plan::Demand;
use naptime_core::{Edit, Pool, Schedule, Time};
use naptime_store::Error;

use super::planned::{EndpointAction, PlannedEndpoint};
use super::view::{Both, LoadView, MinuteView, TogetherView};
use super::work::ApplyWork;
use crate::app::App;
use crate::plan::{PATIENCE, Plan, rounded};

/// The fewest endpoints at the same second that are told.
const MIN_TOGETHER: usize = 3;
/// The most such groups, and the most endpoints that are named of each.
const MAX_GROUPS: usize = 5;
const MAX_NAMED: usize = 3;

/// What the work does to the load, as the capacity plan has it.
pub(super) async fn view(app: &App, work: &ApplyWork) -> Result<LoadView, Error> {
    let now = app.now();
    let together = together(work.endpoints.iter().filter_map(|it| Some((next_call(&it.what, now)?, &*it.name))));
    let plan = Plan::by_last_hour(app, PATIENCE).await?;
    let capacity_per_minute = plan.capacity().map(|per_second| rounded(per_second * 60.0));
    let Some(planned) = &plan.planned else {
        return Ok(LoadView { rate_per_s: None, worst_minute: None, capacity_per_minute, together });
    };
    let off = switched_off(app, work).await?;
    let (mut removed, mut added) = (Demand::new(planned.as_of), Demand::new(planned.as_of));
    for PlannedEndpoint { what, .. } in &work.endpoints {
        let Some(spec) = what.new_spec() else { continue };
        if let Some((_, schedule, due)) = before(what).filter(|(pool, ..)| !off.before.contains(*pool)) {
            removed.add(schedule, due);
        }
        if let Some(due) = next_call(what, now).filter(|_| !off.after.contains(spec.endpoint.pool())) {
            added.add(&spec.schedule, due);
        }
    }
    for job in work.gone.iter().filter(|job| !off.before.contains(job.endpoint.pool())) {
        if let Some(due) = job.due.filter(|_| job.active) {
            removed.add(&job.schedule, due);
        }
    }
    let after = planned.demand.changed(&removed, &added);
    Ok(LoadView {
        rate_per_s: Some(Both { before: rounded(planned.demand.rate()), after: rounded(after.rate()) }),
        worst_minute: worst(&planned.demand).zip(worst(&after)).map(|(before, after)| Both { before, after }),
        capacity_per_minute,
        together,
    })
}

/// The pools of endpoints that change which are switched off: the capacity plan leaves these out.
async fn switched_off(app: &App, work: &ApplyWork) -> Result<Both<HashSet<Pool>>, Error> {
    let of = |work: &PlannedEndpoint| {
        let old = before(&work.what).map(|(pool, ..)| pool.clone());
        old.into_iter().chain(work.what.new_spec().map(|spec| spec.endpoint.pool().clone())).collect::<Vec<_>>()
    };
    let pools: HashSet<Pool> = work.endpoints.iter().flat_map(of).collect();
    let gone = work.gone.iter().map(|job| job.endpoint.pool().clone());
    let pools: Vec<Pool> = pools.into_iter().chain(gone).collect::<HashSet<_>>().into_iter().collect();
    let settings = app.store.pool_settings(&pools).await?;
    let before: HashSet<Pool> = settings.into_iter().filter(|it| !it.active).map(|it| it.pool).collect();
    let mut after = before.clone();
    for pool in &work.pools {
        if pool.after.active {
            after.remove(&pool.after.pool)
        } else {
            after.insert(pool.after.pool.clone())
        };
    }
    Ok(Both { before, after })
}

/// The minute of the coming day in which most is due.
fn worst(demand: &Demand) -> Option<MinuteView> {
    let minutes = demand.per_step(1).map(|(at, due)| MinuteView { at, due: rounded(due) });
    // The first of several.
    minutes.reduce(|worst, minute| if minute.due > worst.due { minute } else { worst })
}

/// The pool of an endpoint that is there and switched on, how it is called, and when next.
fn before(what: &EndpointAction) -> Option<(&Pool, &Schedule, Time)> {
    let old = what.old()?;
    old.due.filter(|_| old.active).map(|due| (&old.pool, &old.schedule, due))
}

/// When an endpoint is called next, after what is done to it.
fn next_call(what: &EndpointAction, now: Time) -> Option<Time> {
    match what {
        EndpointAction::Add(new) => new.spec.schedule.first(now).filter(|_| new.active),
        EndpointAction::Change { old, active, edit, .. } => {
            let Edit::Change(change) = &**edit else { return None };
            let schedule = change.whole().map_or(&old.schedule, |spec| &spec.schedule);
            // An edit that changes neither leaves what is due.
            let stays = old.active && *schedule == old.schedule;
            let due = if stays { old.due } else { schedule.first(now) };
            due.filter(|_| *active)
        }
        EndpointAction::Mark { old, .. } | EndpointAction::Keep(old) => old.due.filter(|_| old.active),
    }
}

/// Those that are due within the same second, the largest groups first.
fn together<'a>(due: impl Iterator<Item = (Time, &'a str)>) -> Vec<TogetherView> {
    let mut seconds: BTreeMap<i64, (Time, Vec<&str>)> = BTreeMap::new();
    for (at, name) in due {
        seconds.entry(at.millis().div_euclid(1000)).or_insert_with(|| (at, Vec::new())).1.push(name);
    }
    let mut groups: Vec<_> = seconds.into_values().filter(|(_, names)| names.len() >= MIN_TOGETHER).collect();
    groups.sort_by_key(|(_, names)| std::cmp::Reverse(names.len()));
    let view = |(at, names): (Time, Vec<&str>)| TogetherView {
        at,
        count: names.len() as u64,
        endpoints: names.into_iter().take(MAX_NAMED).map(str::to_owned).collect(),
    };
    groups.into_iter().take(MAX_GROUPS).map(view).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_in_the_same_second_is_counted() {
        let at = |millis: i64| Time::from_millis(1_767_268_800_000 + millis);
        let due = [
            (at(0), "a"),
            (at(999), "b"),
            (at(1000), "c"),
            (at(500), "d"),
            (at(2), "e"),
            (at(1500), "f"),
            (at(1001), "g"),
        ];
        let found = together(due.into_iter());
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let expected = [
            TogetherView { at: at(0), count: 4, endpoints: names(&["a", "b", "d"]) },
            TogetherView { at: at(1000), count: 3, endpoints: names(&["c", "f", "g"]) },
        ];
        assert_eq!(found, expected);
    }
}
