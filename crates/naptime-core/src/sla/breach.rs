//! A time in which a promise was not kept, and why.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Watch;
use crate::standing::Ended;
use crate::{Claim, Job, JobId, Outcome, Phase, Settled, Then, Time};

/// A time during which an SLA was not met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breach {
    /// The job.
    pub job: JobId,
    /// When the deadline passed. With the job it identifies the breach.
    pub from: Time,
    /// When a call ended well, or the promise was withdrawn. None: it lasts.
    pub to: Option<Time>,
    /// Why.
    pub cause: Cause,
}

/// Why an SLA was not met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The target was called in time, and did not answer well, or not in time.
    TargetFailed,
    /// There were workers, and the call left late all the same: they were full, or the schedule is too slow.
    LateStart,
    /// No worker was there to call.
    NoWorker,
    /// The endpoint, or its pool, was switched off.
    SwitchedOff,
}

impl Breach {
    /// The same breach, seen that its pool was switched off at `off_at`. If that was after the deadline, that is why it
    /// passed, unless the target had its chance before.
    pub fn in_pool_off_at(self, off_at: Option<Time>) -> Self {
        let off = off_at.is_some_and(|at| at >= self.from) && self.cause != Cause::TargetFailed;
        Self { cause: if off { Cause::SwitchedOff } else { self.cause }, ..self }
    }

    /// The same breach, seen that its calls were held back at `down_at` because the host of its pool was down. If that was
    /// after the deadline, the target is why it passed.
    pub fn in_pool_down_at(self, down_at: Option<Time>) -> Self {
        let down = down_at.is_some_and(|at| at >= self.from) && self.cause == Cause::LateStart;
        Self { cause: if down { Cause::TargetFailed } else { self.cause }, ..self }
    }

    /// Whether a settle ended it, from the deadlines of the job before and after. Where an edit set another deadline
    /// meanwhile, the edit did; where an edit gave the job further calls, it lasts.
    pub fn was_ended(&self, before: Option<Time>, after: Option<Time>) -> bool {
        before == Some(self.from) && after != before
    }

    /// How long it lasted, or has lasted at `now`.
    pub fn lasted(&self, now: Time) -> Duration {
        self.to.unwrap_or(now).since(self.from)
    }
}

impl Cause {
    /// All of them.
    pub const ALL: [Cause; 4] = [Self::TargetFailed, Self::LateStart, Self::NoWorker, Self::SwitchedOff];

    /// The cause as it is stored and sent: `target_failed`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TargetFailed => "target_failed",
            Self::LateStart => "late_start",
            Self::NoWorker => "no_worker",
            Self::SwitchedOff => "switched_off",
        }
    }

    /// The cause of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.as_str() == name)
    }
}

impl Job {
    /// The breach that lasts at `now`, if there is one. `worker_since`: since when there has been a worker without a
    /// gap, as [`worker::present_since`](crate::worker::present_since) says.
    pub fn breach(&self, now: Time, worker_since: Option<Time>) -> Option<Breach> {
        let watch = self.state.watch.filter(|watch| watch.is_broken(now))?;
        // One that is under way: its lease is kept.
        let called_at = match &self.state.phase {
            Phase::Held { lock, until } if *until > now => Some(lock.at),
            _ => None,
        };
        let cause = match self.active {
            true => self.cause(&watch, called_at, self.state.due, worker_since),
            false => Cause::SwitchedOff,
        };
        Some(Breach { job: self.id, from: watch.deadline, to: None, cause })
    }

    /// The promise that an edit of `before`, at `now`, ended.
    pub fn promise_ended_since(&self, before: &Job, now: Time) -> Option<Ended> {
        let since = before.state.watch?.since;
        let same = self.state.watch.is_some_and(|watch| watch.since == since);
        (!same).then_some(Ended::Promise(since, now))
    }

    /// Why the deadline passed without a successful call. What kept it from being met counts, not what came after:
    /// `called_at` is when the call left that ended the gap or is under way, `due` the call that was, or is, to come.
    fn cause(&self, watch: &Watch, called_at: Option<Time>, due: Option<Time>, worker_since: Option<Time>) -> Cause {
        if [watch.failed_at, called_at].into_iter().flatten().any(|at| at <= watch.deadline) {
            return Cause::TargetFailed;
        }
        if watch.on_since > watch.deadline {
            return Cause::SwitchedOff;
        }
        let gap_began = self.state.last_ok.map_or(watch.since, |ok| ok.max(watch.since));
        let needed = due.map_or(watch.deadline, |due| due.max(gap_began).min(watch.deadline));
        match worker_since {
            Some(since) if since <= needed => Cause::LateStart,
            _ => Cause::NoWorker,
        }
    }
}

impl Claim {
    /// The breach that this end of the claim ends: the call ended well, or no call comes after it, so that nothing is
    /// promised any more. `worker_since` as in [`Job::breach`].
    pub fn breach_ended_by(&self, settled: &Settled, worker_since: Option<Time>) -> Option<Breach> {
        let (job, run) = (&self.job, settled.run.as_ref());
        let is_last = job.active && matches!(settled.then, Then::Next { due: None, .. } | Then::Skip { due: None, .. });
        let ends = is_last || run.is_some_and(|run| run.outcome == Outcome::Ok);
        let to = run.map_or(self.lock.at, |run| run.finished);
        let watch = job.state.watch.filter(|watch| ends && watch.is_broken(to))?;
        let due = run.map(|run| run.due).or(job.state.due);
        let cause = job.cause(&watch, run.map(|run| run.started), due, worker_since);
        Some(Breach { job: job.id, from: watch.deadline, to: Some(to), cause })
    }
}
