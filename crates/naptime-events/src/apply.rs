//! What events do to jobs, by the rules.
//!
//! All that can be refused is found before anything is stored. What is done once more is the same: an upsert sets all
//! of a job to what its template says, a delete of what is gone does nothing. Whoever acts on the same key at the same
//! time is found by the store: two jobs cannot have it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use naptime_core::input::read_new;
use naptime_core::{AllowedNetworks, By, Change, Edit, Invalid, Job, JobId, Limits, NewJob, Rule};
use naptime_store::{Added, Error, Rules, TimeoutLimits};
use serde::Serialize;
use serde_json::Value;
use tracing::{debug, info};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::amqp::{Handled, Handler};
use crate::event::Event;
use crate::render::{self, Rendered, What};
use crate::renders;

/// How often a job is tried anew when somebody else's edit came between.
const MAX_TRIES: usize = 10;

/// What a rule did to a job, or would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// The rule.
    pub rule: String,
    /// What it did.
    pub did: Did,
    /// The key of the job.
    pub key: String,
    /// The job after it; none if there was nothing to be done.
    pub job: Option<Job>,
}

/// What was done to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Did {
    /// It was made.
    Added,
    /// It was there, and is now as the template says.
    Changed,
    /// It was there, just so.
    Unchanged,
    /// It is deleted.
    Deleted,
    /// It is switched off.
    SwitchedOff,
    /// There was no such job, or it was switched off already.
    Nothing,
}

/// Why an event did nothing, or not all.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// It can never be handled. Nothing was stored.
    #[error("{}", .0.first().map_or_else(String::new, ToString::to_string))]
    Refused(Vec<Invalid>),
    /// The store failed, maybe half-way. It may be tried again.
    #[error(transparent)]
    Store(#[from] Error),
}

/// Carries out what the rules say of an event.
///
/// # Errors
/// [`Failed`].
pub async fn apply(store: &dyn Rules, limits: Limits<'_>, event: &Event) -> Result<Vec<Done>, Failed> {
    let mut done = Vec::new();
    for step in plan(store, limits, event).await? {
        done.push(carry_out(store, limits, step).await?);
    }
    Ok(done)
}

/// What [`apply`] would do. Nothing is stored.
///
/// # Errors
/// As [`apply`].
pub async fn foresee(store: &dyn Rules, limits: Limits<'_>, event: &Event) -> Result<Vec<Done>, Failed> {
    let steps = plan(store, limits, event).await?;
    foreseen(store, limits, steps)
}

/// What [`apply`] would do if there were this rule alone, and it were enabled. Nothing is stored.
///
/// # Errors
/// As [`apply`].
pub async fn foresee_rule(
    store: &dyn Rules,
    limits: Limits<'_>,
    rule: Rule,
    event: &Event,
) -> Result<Vec<Done>, Failed> {
    if rule.event != event.event {
        let detail = format!("the rule waits for the event `{}`, not for `{}`", rule.event, event.event);
        return Err(Failed::Refused(vec![Invalid::new("event", "unknown_event", detail)]));
    }
    let steps = plan_by(store, limits, event, vec![Rule { enabled: true, ..rule }]).await?;
    foreseen(store, limits, steps)
}

fn foreseen(store: &dyn Rules, limits: Limits<'_>, steps: Vec<Step>) -> Result<Vec<Done>, Failed> {
    let now = store.now();
    let foreseen = |step: Step| {
        let (did, job) = match (&step.what, step.there.clone()) {
            (What::Upsert(endpoint), None) => {
                (Did::Added, Some(create(endpoint, limits, &step.key, new_id())?.into_job(now)))
            }
            (What::Upsert(endpoint), Some(mut job)) => {
                let change = whole_change(endpoint, limits, &job, &step.rule)?;
                let changed = job.edit(Edit::Change(change), now).unwrap_or(false);
                (if changed { Did::Changed } else { Did::Unchanged }, Some(job))
            }
            (What::Delete, Some(job)) => (Did::Deleted, Some(job)),
            (What::SwitchOff, Some(job)) if job.active => (Did::SwitchedOff, Some(job)),
            (What::Delete | What::SwitchOff, job) => (Did::Nothing, job),
        };
        Ok(Done { rule: step.rule, did, key: step.key, job })
    };
    steps.into_iter().map(foreseen).collect()
}

/// What one rule is about to do.
struct Step {
    rule: String,
    key: String,
    what: What,
    /// The job of this key, as it was when it was looked for.
    there: Option<Job>,
}

/// What all rules are about to do, each to a job of its own.
async fn plan(store: &dyn Rules, limits: Limits<'_>, event: &Event) -> Result<Vec<Step>, Failed> {
    let rules = store.rules(Some(&event.event)).await?;
    if rules.is_empty() {
        let detail = format!("no rule waits for the event `{}`", event.event);
        return Err(Failed::Refused(vec![Invalid::new("event", "unknown_event", detail)]));
    }
    plan_by(store, limits, event, rules.into_iter().map(|stored| stored.rule).collect()).await
}

async fn plan_by(store: &dyn Rules, limits: Limits<'_>, event: &Event, rules: Vec<Rule>) -> Result<Vec<Step>, Failed> {
    let (mut steps, mut faults): (Vec<Step>, Vec<Invalid>) = (Vec::new(), Vec::new());
    let rules = rules.into_iter().filter(|rule| rule.enabled).collect();
    for (rule, act) in rendered(rules, event).await? {
        let mut note = |found: Vec<Invalid>| {
            let named = |fault: Invalid| Invalid { detail: format!("rule {}: {}", rule.name, fault.detail), ..fault };
            faults.extend(found.into_iter().map(named));
        };
        let act = match act {
            Ok(act) => act,
            Err(found) => {
                note(found);
                continue;
            }
        };
        // With two at one job, each event would change it to and fro.
        if let Some(other) = steps.iter().find(|step| step.key == act.job) {
            let detail = format!("the rule {} acts on the same job, `{}`", other.rule, act.job);
            note(vec![Invalid::new("job", "conflict", detail)]);
        }
        let there = store.by_key(&act.job).await?;
        if let What::Upsert(endpoint) = &act.what {
            match read_new(endpoint.clone(), limits, there.as_ref().map_or_else(new_id, |job| job.id)) {
                Ok(new) => {
                    let (pool, timeout) = (new.spec.endpoint.pool(), new.spec.request.timeout);
                    note(TimeoutLimits::default().fault(store, pool, timeout).await?.into_iter().collect());
                }
                Err(found) => note(found),
            }
        }
        steps.push(Step { rule: rule.name, key: act.job, what: act.what, there });
    }
    if faults.is_empty() { Ok(steps) } else { Err(Failed::Refused(faults)) }
}

/// Renders aside from the calls, which leave from other threads. The time for
/// the templates begins when their turn has come.
async fn rendered(rules: Vec<Rule>, event: &Event) -> Result<Rendered, Failed> {
    let event = event.clone();
    renders::run(move || render::all(rules, &event)).await.map_err(|_| {
        // Tried again, it would end in the same way.
        Failed::Refused(vec![Invalid::new("job", "does_not_render", "the templates of its rules cannot be rendered")])
    })
}

async fn carry_out(store: &dyn Rules, limits: Limits<'_>, step: Step) -> Result<Done, Failed> {
    let Step { rule, key, what, mut there } = step;
    for _ in 0..MAX_TRIES {
        let job = match (&what, there) {
            (What::Upsert(endpoint), None) => {
                match store.insert(vec![create(endpoint, limits, &key, new_id())?]).await?.pop() {
                    Some(Added::New(job)) => return Ok(Done { rule, did: Did::Added, key, job: Some(job) }),
                    Some(Added::Existing(job)) => {
                        there = Some(job);
                        continue;
                    }
                    None => return Err(Error::Corrupt("an insert returned nothing".to_owned()).into()),
                }
            }
            (What::Delete | What::SwitchOff, None) => return Ok(Done { rule, did: Did::Nothing, key, job: None }),
            (_, Some(job)) => job,
        };
        let (edit, did) = match &what {
            What::Upsert(endpoint) => (whole_change(endpoint, limits, &job, &rule)?, Did::Changed),
            What::SwitchOff => (Change { by: By::Rule(rule.clone()), ..Change::switch(false) }, Did::SwitchedOff),
            What::Delete => match store.edit(job.id, None, Edit::Delete).await {
                Err(Error::NotFound | Error::Deleted) => {
                    there = store.by_key(&key).await?;
                    continue;
                }
                deleted => return Ok(Done { rule, did: Did::Deleted, key, job: Some(deleted?) }),
            },
        };
        match store.edit(job.id, Some(job.rev), Edit::Change(edit)).await {
            Err(Error::Stale(_) | Error::NotFound | Error::Deleted) => there = store.by_key(&key).await?,
            edited => {
                let edited = edited?;
                let as_it_was = if matches!(what, What::SwitchOff) { Did::Nothing } else { Did::Unchanged };
                let did = if edited.rev == job.rev { as_it_was } else { did };
                return Ok(Done { rule, did, key, job: Some(edited) });
            }
        }
    }
    Err(Error::Unavailable(format!("the job was edited {MAX_TRIES} times while the rule {rule} tried to")).into())
}

fn create(endpoint: &Value, limits: Limits<'_>, key: &str, id: JobId) -> Result<NewJob, Failed> {
    let mut new = read_new(endpoint.clone(), limits, id).map_err(Failed::Refused)?;
    new.spec.key = Some(key.to_owned());
    Ok(new)
}

/// The change that makes a job what the rule says of a new one, its defaults included. The id decides the grid of a
/// schedule, so the same period is the same schedule.
fn whole_change(endpoint: &Value, limits: Limits<'_>, job: &Job, rule: &str) -> Result<Change, Failed> {
    let NewJob { mut spec, active, .. } = read_new(endpoint.clone(), limits, job.id).map_err(Failed::Refused)?;
    spec.key.clone_from(&job.spec.key);
    Ok(Change { active: Some(active), by: By::Rule(rule.to_owned()), ..Change::to(spec) })
}

fn new_id() -> JobId {
    Uuid::now_v7().into()
}

/// Applies the events that a [`Consumer`](crate::Consumer) receives.
pub struct Applier {
    store: Arc<dyn Rules>,
    networks: AllowedNetworks,
    min_period: Duration,
}

impl Applier {
    /// One for this store. What a template comes to is judged by `networks` and `min_period`, like input to the API.
    pub fn new(store: Arc<dyn Rules>, networks: AllowedNetworks, min_period: Duration) -> Self {
        Self { store, networks, min_period }
    }
}

#[async_trait]
impl Handler for Applier {
    async fn handle(&self, event: &Event) -> Handled {
        let limits = Limits { networks: &self.networks, min_period: self.min_period, now: self.store.now() };
        match apply(self.store.as_ref(), limits, event).await {
            Ok(done) => {
                for done in &done {
                    log(event, done);
                }
                Handled::Done
            }
            Err(Failed::Refused(faults)) => {
                let unnamed = || Invalid::new("event", "refused", "the event is refused");
                Handled::Refused(faults.into_iter().next().unwrap_or_else(unnamed))
            }
            Err(Failed::Store(error)) => Handled::Later(error.to_string()),
        }
    }

    async fn begin(&self, message: &str, consumer: Uuid) -> Result<u32, String> {
        self.store.begin_event(message, consumer).await.map_err(|error| error.to_string())
    }

    async fn end(&self, message: &str) -> Result<(), String> {
        self.store.end_event(message).await.map_err(|error| error.to_string())
    }
}

fn log(event: &Event, done: &Done) {
    let (event, rule) = (&event.event, &done.rule);
    let job = done.job.as_ref().map(|job| tracing::field::display(job.id));
    match done.did {
        Did::Added => info!(event, rule, job, "the event {event} added a job"),
        Did::Changed => info!(event, rule, job, "the event {event} changed a job"),
        Did::Deleted => info!(event, rule, job, "the event {event} deleted a job"),
        Did::SwitchedOff => info!(event, rule, job, "the event {event} switched a job off"),
        Did::Unchanged | Did::Nothing => debug!(event, rule, job, "the event {event} changed nothing"),
    }
}
