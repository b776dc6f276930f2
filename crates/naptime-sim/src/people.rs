//! What people do: add jobs, and edit them.

use std::time::Duration;

use naptime_core::{Change, Days, Edit, Endpoint, JobId, NewJob, Pool, Random, Retry, Schedule, Spec, Steer, Zone};
use naptime_store::{Clock, Jobs, Pools};

use crate::random;
use crate::scenario::{Behaviour, JobPlan, PersonalEdit, When};
use crate::world::{BEGINNING, World, limiting};

/// The timeout of calls.
const TIMEOUT: Duration = Duration::from_secs(25);
/// The longest gap between good calls that is promised, if one is.
pub(crate) const SLA: Duration = Duration::from_secs(10);
/// The shortest and the longest period that a target may ask for.
const STEER: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(5));

/// The pool of this number.
pub(crate) fn pool(number: usize) -> Pool {
    endpoint(number, 0).pool().clone()
}

fn endpoint(pool: usize, job: usize) -> Endpoint {
    let url = format!("http://pool-{pool}.test/e/{job}");
    Endpoint::parse(&url).expect("it has all that a URL needs")
}

/// Makes a pool with its limits, by a job that is never switched on.
pub(crate) async fn add_pool(world: &World, number: usize) {
    let id = JobId::from(random::id(&[world.scenario.seed, u64::MAX, number as u64]));
    let spec = Spec::new(endpoint(number, usize::MAX), Schedule::Once { at: BEGINNING });
    let added = world.store.insert(vec![NewJob { id, spec, active: false }]).await;
    let limits = world.scenario.pools[number];
    let changed = world.store.change_pool(&pool(number), None, limiting(limits)).await;
    if let (Err(error), _) | (_, Err(error)) = (added, changed) {
        world.witness.violation(world.store.now(), format!("a pool cannot be added: {error}"));
    }
}

/// Adds a job.
pub(crate) async fn add(world: &World, number: usize) {
    let plan = &world.scenario.jobs[number];
    let id = world.job_id(number);
    let added = world.store.insert(vec![NewJob { id, spec: spec(plan, number, id), active: true }]).await;
    if let Err(error) = added {
        world.witness.violation(world.store.now(), format!("a job cannot be added: {error}"));
    }
    world.edited(id);
}

/// The configuration of a job.
pub(crate) fn spec(plan: &JobPlan, number: usize, id: JobId) -> Spec {
    let mut spec = Spec::new(endpoint(plan.pool, number), schedule(plan, id));
    spec.request.timeout = TIMEOUT;
    spec.retry = Retry::new(plan.attempts, Duration::from_millis(500)).expect("these are within its bounds");
    spec.sla = plan.has_sla.then_some(SLA.into());
    spec.lease = plan.lease;
    spec.misfire = plan.misfire;
    spec.request.body = (plan.body > 0).then(|| "x".repeat(plan.body));
    spec.steer = (plan.target == Behaviour::Steering).then_some(Steer { min: STEER.0, max: STEER.1 });
    spec
}

/// When a job is due.
pub(crate) fn schedule(plan: &JobPlan, id: JobId) -> Schedule {
    match plan.when {
        When::Every(period) => Schedule::every(period, id),
        When::Random(period) => {
            let random = Random::new(period, None, Days::ALL, Zone::UTC, id.hash());
            Schedule::Random(random.expect("less than a day is within its bounds"))
        }
        // A time that is past is the moment in which it is added.
        When::Once(after) => Schedule::Once { at: BEGINNING + after.max(plan.added) },
    }
}

/// Edits a job, if it is there and can be edited so.
pub(crate) async fn edit(world: &World, number: usize, edit: PersonalEdit) {
    let id = world.job_id(number);
    let Some(job) = world.store.job(id) else { return };
    let edit = match edit {
        PersonalEdit::SwitchOff => Edit::Change(Change::switch(false)),
        PersonalEdit::SwitchOn => Edit::Change(Change::switch(true)),
        PersonalEdit::Period(period) if !job.spec.schedule.is_once() => {
            Edit::Change(Change::schedule(Schedule::every(period, id)))
        }
        PersonalEdit::Rename | PersonalEdit::Period(_) => Edit::Change(Change::to(Spec {
            name: format!("renamed at {}", world.store.now()),
            ..Spec::clone(&job.spec)
        })),
        PersonalEdit::Move(pool) => {
            Edit::Change(Change::to(Spec { endpoint: endpoint(pool, number), ..Spec::clone(&job.spec) }))
        }
        PersonalEdit::CallNow => Edit::CallNow,
        PersonalEdit::Delete => Edit::Delete,
        PersonalEdit::Restore => Edit::Restore,
    };
    // One that is deleted is restored, not edited: that is an answer too.
    let _ = world.store.edit(id, None, edit).await;
    world.edited(id);
}
