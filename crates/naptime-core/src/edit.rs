//! What people do to a job: add, change, switch, call now, delete, restore.
//!
//! An edit never touches a lock. If the job is held, its effect on the schedule is found by the settle.

use std::time::Duration;

use crate::{Endpoint, Job, JobId, Plan, Request, Retry, Rev, Schedule, Spec, State, Time};

/// A job to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob {
    /// Its identity, chosen by whoever adds it.
    pub id: JobId,
    /// What is to be called, how and when.
    pub spec: Spec,
    /// Whether it is switched on at once.
    pub active: bool,
}

/// What may be done to a job that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Change its configuration, or switch it on or off.
    Change(Box<Change>),
    /// Call it now, out of turn, even if it is switched off. What is due stays due. No configuration changes, so `rev`
    /// stays.
    CallNow,
    /// Delete it. It is kept for the retention time, switched off.
    Delete,
    /// Undo a deletion. The job comes back switched off.
    Restore,
}

/// A change of configuration: what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // The fields are those of `Spec` and `Request`.
pub struct Change {
    pub endpoint: Option<Endpoint>,
    pub request: Option<Request>,
    pub schedule: Option<Schedule>,
    pub retry: Option<Retry>,
    pub sla: Option<Option<Duration>>,
    pub name: Option<String>,
    pub tags: Option<Vec<String>>,
    /// Whether the job is switched on.
    pub active: Option<bool>,
}

/// The job is deleted: it can be looked at and restored, not edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deleted;

impl NewJob {
    /// The job as it is first stored, added at `now`.
    pub fn into_job(self, now: Time) -> Job {
        let due = self.active.then(|| self.spec.schedule.first(now));
        Job {
            id: self.id,
            spec: self.spec,
            active: self.active,
            deleted_at: None,
            rev: Rev(1),
            plan: Plan(1),
            created_at: now,
            updated_at: now,
            state: State { due, claim_at: due, ..State::default() },
        }
    }
}

impl Change {
    /// A change that only switches the job on or off.
    pub fn switch(active: bool) -> Self {
        Self { active: Some(active), ..Self::default() }
    }

    /// The configuration with this change made.
    fn applied(self, spec: &Spec) -> Spec {
        let spec = spec.clone();
        Spec {
            endpoint: self.endpoint.unwrap_or(spec.endpoint),
            request: self.request.unwrap_or(spec.request),
            schedule: self.schedule.unwrap_or(spec.schedule),
            retry: self.retry.unwrap_or(spec.retry),
            sla: self.sla.unwrap_or(spec.sla),
            name: self.name.unwrap_or(spec.name),
            tags: self.tags.unwrap_or(spec.tags),
        }
    }
}

impl Job {
    /// Carries out an edit at `now`. Returns whether it changed anything.
    ///
    /// # Errors
    /// If the job is deleted, unless it is to be restored.
    pub fn edit(&mut self, edit: Edit, now: Time) -> Result<bool, Deleted> {
        if self.deleted_at.is_some() && edit != Edit::Restore {
            return Err(Deleted);
        }
        match edit {
            Edit::CallNow => {
                self.state.asked_at = Some(now);
                if self.state.lock.is_none() {
                    self.state.claim_at = Some(self.state.claim_at.map_or(now, |at| at.min(now)));
                }
                return Ok(true);
            }
            Edit::Change(change) => {
                let active = change.active.unwrap_or(self.active);
                let spec = change.applied(&self.spec);
                if active == self.active && spec == self.spec {
                    return Ok(false);
                }
                let replan = active != self.active || spec.schedule != self.spec.schedule;
                if replan {
                    self.drop_occurrences(now);
                }
                (self.spec, self.active) = (spec, active);
                if replan {
                    self.replan(now);
                }
            }
            Edit::Delete => {
                self.drop_occurrences(now);
                (self.deleted_at, self.active, self.state.asked_at) = (Some(now), false, None);
                self.replan(now);
            }
            Edit::Restore if self.deleted_at.is_none() => return Ok(false),
            Edit::Restore => self.deleted_at = None,
        }
        self.rev = Rev(self.rev.0 + 1);
        self.updated_at = now;
        Ok(true)
    }

    /// Counts as missed what is overdue by the present schedule, but for an occurrence that is being called.
    fn drop_occurrences(&mut self, now: Time) {
        let Some(due) = self.state.due else { return };
        let calling = self.state.lock.as_ref().is_some_and(|lock| lock.plan == self.plan && lock.took_on());
        let owed = self.spec.schedule.owed(due, now);
        self.state.counters.missed += if calling { owed.saturating_sub(1) } else { owed };
    }

    /// Sets the occurrence owed from now on.
    fn replan(&mut self, now: Time) {
        self.plan = Plan(self.plan.0 + 1);
        self.state.due = self.active.then(|| self.spec.schedule.first(now));
        self.state.attempt = 0;
        if self.state.lock.is_none() {
            self.state.claim_at = self.idle_claim_at(self.state.due);
        }
    }
}
