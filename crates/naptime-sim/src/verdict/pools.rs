//! Whether pools that are gated get their calls in the end.

use std::time::Duration;

use naptime_core::{Job, Time};
use naptime_prove::Arrival;
use naptime_store::{Hosts, Pools};

use crate::network::LATEST;
use crate::people;
use crate::world::{BEGINNING, World};

/// How long a host that answers again may take to get all its calls back.
const RETURNS_WITHIN: Duration = Duration::from_secs(40);

/// How long all calls of a pool may wait for those under way, and for passes of workers that are gone.
const STARVES_AFTER: Duration = Duration::from_secs(28);

/// Pools whose calls are still held back, though their hosts answer.
pub(super) async fn held_back(world: &World, arrivals: &[Arrival], until: Time) -> Vec<String> {
    let scenario = &world.scenario;
    let down = world.store.down_pools().await.unwrap_or_default();
    let mut wrong = Vec::new();
    for settings in down {
        let Some(down) = settings.down else { continue };
        let Some(pool) = (0..scenario.pools.len()).find(|it| people::pool(*it) == settings.pool) else { continue };
        // Who is told to stop may not tell what came of its last calls.
        let told = BEGINNING + scenario.length + LATEST..until - Duration::from_secs(5);
        let is_of_it = |number: usize| scenario.jobs[number].pool == pool && !scenario.jobs[number].is_edited;
        let is_answered =
            |call: &Arrival| is_of_it(call.endpoint) && told.contains(&Time::from_millis(call.at_us / 1000));
        let answers = scenario.answers_well(pool) && arrivals.iter().any(is_answered);
        if answers && (down.is_probing() || down.turned_at + RETURNS_WITHIN < until) {
            wrong.push(format!("{} answers, and its calls are held back since {}", settings.pool, down.since));
        }
    }
    wrong
}

/// Pools of which nothing is called, though something is due, and passes that are held though all workers have gone.
pub(super) async fn starved(world: &World, until: Time) -> Vec<String> {
    let mut wrong = Vec::new();
    for number in 0..world.scenario.pools.len() {
        let pool = people::pool(number);
        let held = world.store.passes_of(&pool).iter().filter(|held| held.flight_until.is_some()).count();
        if held > 0 {
            wrong.push(format!("[11] {pool}: {held} passes are held, and no worker is there"));
        }
        let is_on = world.store.pool(&pool).await.is_ok_and(|pool| pool.settings.active);
        let since = until - STARVES_AFTER;
        let is_due = |job: &Job| job.state.lock().is_none() && job.state.claim_at().is_some_and(|at| at < since);
        let waits = world.store.jobs().iter().any(|job| *job.spec.endpoint.pool() == pool && is_due(job));
        if is_on && waits && world.target.last_call(&pool).is_none_or(|last| last < since) {
            wrong.push(format!("{pool}: nothing was called since {since}, and something is due"));
        }
    }
    wrong
}
