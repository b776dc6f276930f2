//! What people do to a job: add, change, switch, call now, delete, restore.
//!
//! Of a lock, an edit changes nothing but the number of edits, and whether an occurrence is left to it. If the job is held, its effect on the schedule is found by
//! the settle.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    Breach, Job, JobId, Phase, Plan, Pool, Recent, Rev, Schedule, Sla, Spec, State, Time, Watch, duration, steer,
};

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
    Change(Change),
    /// Call it now, out of turn, even if it is switched off. What is due stays due. No configuration changes, so `rev`
    /// stays.
    CallNow,
    /// Don't call it before `until`, because its target asked for that. The occurrences until then count as missed.
    PutOff {
        /// When it may be called again.
        until: Time,
        /// The pause that the target asked for, if that is longer than it may be.
        cut: Option<Duration>,
    },
    /// Delete it. It is kept for the retention time, switched off.
    Delete,
    /// Undo a deletion. The job comes back switched off.
    Restore,
}

/// A change of the configuration, of the switch, or of both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// What becomes of the configuration.
    pub spec: SpecChange,
    /// Whether the job is switched on. `None`: as before.
    pub active: Option<bool>,
    /// Who changes it.
    pub by: By,
}

/// What becomes of a job's configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SpecChange {
    /// The configuration stays.
    #[default]
    Keep,
    /// The job gets this schedule, and the rest stays as it is stored. So nobody else's change is undone, whatever
    /// revision the job is at.
    Schedule(Schedule),
    /// The configuration becomes this one. Whoever made it from an older one names the revision of that in the edit, or
    /// else undoes what others have changed since.
    Whole(Box<Spec>),
}

/// Who changes a job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// A person, or a program of theirs by the API.
    #[default]
    Person,
    /// The target, by an answer.
    Target,
    /// The rule of this name, by an event.
    Rule(String),
    /// Naptime itself, because the store's clock was wrong.
    Clock,
}

/// A change of when or whether a job is called, as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// When it was made.
    pub at: Time,
    /// Who made it.
    pub by: By,
    /// What changed, in words: `every 5m, now every 2m`.
    pub what: String,
}

/// The changes that a job remembers, the latest of them.
const MAX_NOTED: usize = 20;

/// The job is deleted: it can be looked at and restored, not edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deleted;

impl NewJob {
    /// The job as it is first stored, added at `now`.
    pub fn into_job(self, now: Time) -> Job {
        let due = self.active.then(|| self.spec.schedule.first(now)).flatten();
        // Where nothing is to be called, nothing can be promised.
        let begins = self.spec.schedule.begins(now);
        let watch = due.and_then(|_| self.spec.promise(begins, due));
        Job {
            id: self.id,
            spec: Arc::new(self.spec),
            active: self.active,
            deleted_at: None,
            rev: Rev(1),
            plan: Plan(1),
            created_at: now,
            updated_at: now,
            changes: Vec::new(),
            state: State { due, phase: Phase::free(due, 0), watch, ..State::default() },
        }
    }
}

impl Change {
    /// A change that only switches the job on or off.
    pub fn switch(active: bool) -> Self {
        Self { active: Some(active), ..Self::default() }
    }

    /// A change of nothing but when the job is called.
    pub fn schedule(schedule: Schedule) -> Self {
        Self { spec: SpecChange::Schedule(schedule), ..Self::default() }
    }

    /// The change that makes the configuration this one.
    pub fn to(spec: Spec) -> Self {
        Self { spec: SpecChange::Whole(Box::new(spec)), ..Self::default() }
    }

    /// The configuration that takes the place of the present one, if one does.
    pub fn whole(&self) -> Option<&Spec> {
        match &self.spec {
            SpecChange::Whole(spec) => Some(spec),
            SpecChange::Keep | SpecChange::Schedule(_) => None,
        }
    }

    /// The pool and timeout of `old` with this change made, if one of them becomes another.
    pub fn retimed(&self, old: &Spec) -> Option<(&Pool, Duration)> {
        let spec = self.whole()?;
        let after = (spec.endpoint.pool(), spec.request.timeout);
        (after != (old.endpoint.pool(), old.request.timeout)).then_some(after)
    }

    /// The configuration with this change made.
    pub(crate) fn applied(self, spec: Spec) -> Spec {
        match self.spec {
            SpecChange::Keep => spec,
            SpecChange::Schedule(schedule) => Spec { schedule, ..spec },
            SpecChange::Whole(new) => *new,
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
                match &mut self.state.phase {
                    Phase::Off => self.state.phase = Phase::Idle { at: now },
                    Phase::Idle { at } | Phase::Retrying { at, .. } => *at = now.min(*at),
                    Phase::Held { .. } => {}
                }
                self.mark_edited();
                return Ok(true);
            }
            Edit::Change(change) => {
                let active = change.active.unwrap_or(self.active);
                let by = change.by.clone();
                let spec = change.applied(Spec::clone(&self.spec));
                if active == self.active && spec == *self.spec {
                    return Ok(false);
                }
                let replan = active != self.active || spec.schedule != self.spec.schedule;
                if replan {
                    self.drop_occurrences(now);
                    self.note(by, what_changed(self, &spec, active), now);
                }
                let was_active = std::mem::replace(&mut self.active, active);
                let old = std::mem::replace(&mut self.spec, Arc::new(spec));
                if replan {
                    self.replan(now);
                }
                if active && !was_active {
                    // What went wrong before it was off says nothing of now.
                    self.state.recent = Recent::default();
                }
                self.promise(was_active, old.sla.as_ref(), now);
            }
            Edit::PutOff { until, cut } => {
                if self.state.due.is_none_or(|due| due > until) {
                    return Ok(false);
                }
                let missed = self.state.counters.missed;
                self.drop_occurrences(until);
                let dropped = self.state.counters.missed - missed;
                // As it was asked for: in whole seconds, and a moment ago.
                let pause = Duration::from_secs(until.since(now).as_secs_f64().round() as u64);
                let asked = cut.map(|asked| format!(" (asked for {})", steer::show_pause(asked))).unwrap_or_default();
                self.note(By::Target, format!("no call for {}{asked}", duration::show(pause)), now);
                let recent = self.state.recent;
                self.replan(until);
                // One that is put off again is so since the first time.
                self.state.recent = recent;
                self.state.recent.put_off(until, dropped, now);
                if self.state.due.is_none() {
                    self.state.watch = None;
                }
            }
            Edit::Delete => {
                self.drop_occurrences(now);
                (self.deleted_at, self.active, self.state.asked_at) = (Some(now), false, None);
                self.state.watch = None;
                self.replan(now);
            }
            Edit::Restore if self.deleted_at.is_none() => return Ok(false),
            Edit::Restore => self.deleted_at = None,
        }
        self.rev = Rev(self.rev.0 + 1);
        self.updated_at = now;
        self.mark_edited();
        Ok(true)
    }

    /// Lets whoever holds the job see that it was edited, or that its pool was.
    pub fn mark_edited(&mut self) {
        if let Some(lock) = self.state.lock_mut() {
            lock.edits += 1;
        }
    }

    /// The breach of the SLA that an edit of `before`, at `now`, ended: the promise was withdrawn, or another made.
    /// `worker_since` as in [`Job::breach`].
    pub fn breach_ended_since(&self, before: &Job, now: Time, worker_since: Option<Time>) -> Option<Breach> {
        let since = |job: &Job| job.state.watch.map(|watch| watch.since);
        if since(self) == since(before) {
            return None;
        }
        before.breach(now, worker_since).map(|breach| Breach { to: Some(now), ..breach })
    }

    /// The SLA runs from when the job is first switched on with it, or from when its schedule begins if that is later. A
    /// changed SLA is another promise, and so is that after a pause. It ends when no call is to come any more.
    fn promise(&mut self, was_active: bool, old_sla: Option<&Sla>, now: Time) {
        let begins = self.spec.schedule.begins(now);
        let ran = self.state.watch.take();
        let sla = self.spec.sla.as_ref();
        self.state.watch = match ran {
            _ if self.active && self.state.due.is_none() => None,
            None if !self.active => None,
            Some(watch) if sla.is_some() && old_sla == sla && begins == now && watch.since <= now => {
                let on_since = if self.active && !was_active { now } else { watch.on_since };
                let watch = Watch { on_since, ..watch };
                Some(watch.in_hours_of(&self.spec, &self.state, now))
            }
            _ => self.spec.promise(begins, self.state.due),
        };
    }

    pub(crate) fn note(&mut self, by: By, what: String, at: Time) {
        let surplus = (self.changes.len() + 1).saturating_sub(MAX_NOTED);
        self.changes.drain(..surplus);
        self.changes.push(Noted { at, by, what });
    }

    /// Counts as missed what the present schedule owes by `until`, but for an occurrence that is being called: that one is
    /// left to its claim.
    fn drop_occurrences(&mut self, until: Time) {
        let Some(due) = self.state.due else { return };
        let owed = self.spec.schedule.owed(due, until);
        let plan = self.plan;
        self.state.counters.missed += owed;
        if let Some(lock) = self.state.lock_mut().filter(|lock| lock.plan == plan && lock.took_on() && owed > 0) {
            lock.left = true;
            self.state.counters.missed -= 1;
        }
    }

    /// Sets the occurrence owed from now on.
    pub(crate) fn replan(&mut self, now: Time) {
        self.plan = Plan(self.plan.0 + 1);
        self.state.due = self.active.then(|| self.spec.schedule.first(now)).flatten();
        self.state.ended_at = None;
        self.state.recent.put_off_since = None;
        if self.spec.schedule.is_once() {
            // How a one-off job ended the last time says nothing of how it ends this time.
            self.state.last = None;
        }
        if self.state.lock().is_none() {
            self.state.phase = Phase::free(self.idle_claim_at(self.state.due), 0);
        }
    }
}

/// A change of schedule or switch, in words.
fn what_changed(job: &Job, spec: &Spec, active: bool) -> String {
    let mut words = Vec::new();
    if spec.schedule != job.spec.schedule {
        words.push(format!("{}, now {}", job.spec.schedule.describe(), spec.schedule.describe()));
    }
    if active != job.active {
        words.push(if active { "switched on" } else { "switched off" }.to_owned());
    }
    words.join(", ")
}
