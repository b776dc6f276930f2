//! Whether an endpoint is called well at least as often as was promised.
//!
//! The promise is a gap: no longer than so long between successful calls. It is watched as the job goes: every
//! successful call moves the deadline of the next one. Past its deadline a job is in breach until the next successful
//! call, so a breach shows while it lasts. Where the schedule leaves no more time between calls than was promised, the
//! next call has a grace beyond its due time in which to end: else each call would break the promise by the milliseconds
//! that it takes longer than the one before. A promise runs from when the job is first switched on; switching it off
//! afterwards breaks it in time.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::standing::Ended;
use crate::{Job, JobId, Outcome, Run, Spec, Time};

/// The least time that a call has after it is due, unless its timeout is shorter.
const MIN_GRACE: Duration = Duration::from_secs(1);

/// How a job stands to its SLA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// From when the promise runs.
    pub since: Time,
    /// When the next successful call must have ended: the SLA after the last one did, or the grace after the next is due
    /// if that is later.
    pub deadline: Time,
    /// The longest gap between successful calls so far, in milliseconds. One that lasts counts when it ends.
    pub longest_ms: u64,
    /// When the job was last switched on.
    pub on_since: Time,
    /// When the first call left, of those since the last successful one, that the target did not answer well.
    #[serde(default)]
    pub failed_at: Option<Time>,
}

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
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

impl Watch {
    /// A promise that runs from `now`.
    pub fn new(sla: Duration, now: Time) -> Self {
        Self { since: now, deadline: now + sla, longest_ms: 0, on_since: now, failed_at: None }
    }

    /// Whether the deadline has passed.
    pub fn is_broken(&self, now: Time) -> bool {
        self.deadline < now
    }

    /// Lets the next occurrence end in its grace, if it is due within the SLA of the one before, which was at `before`.
    pub(crate) fn await_next(&mut self, spec: &Spec, before: Time, next: Option<Time>) {
        let Some(next) = next else { return };
        let gap = next.since(before);
        if spec.sla.is_some_and(|sla| gap <= sla) {
            self.deadline = self.deadline.max(next + spec.grace(gap));
        }
    }

    /// The longest gap, the one that lasts at `now` included, in milliseconds. One that lasts is taken for shorter by as
    /// much as the grace is beyond the SLA.
    pub fn longest_ms(&self, sla: Duration, now: Time) -> u64 {
        self.longest_ms.max(ms(now.since(self.deadline - sla)))
    }

    /// A call of the job ended, whose last successful one had ended at `last_ok`.
    pub(crate) fn called(&mut self, sla: Duration, run: &Run, last_ok: Option<Time>) {
        if run.outcome == Outcome::Ok {
            let began = last_ok.map_or(self.since, |ok| ok.max(self.since));
            self.longest_ms = self.longest_ms.max(ms(run.finished.since(began)));
            self.deadline = self.deadline.max(run.finished + sla);
            self.failed_at = None;
        } else if run.outcome.is_targets() {
            self.failed_at = self.failed_at.or(Some(run.started));
        }
    }
}

impl Spec {
    /// The promise, if there is an SLA, that runs from `begins`; the first call is due at `due`.
    pub(crate) fn promise(&self, begins: Time, due: Option<Time>) -> Option<Watch> {
        let mut watch = Watch::new(self.sla?, begins);
        watch.await_next(self, begins, due);
        Some(watch)
    }

    /// How long a call may take that is due as long after the one before as this: a tenth of that and at least a second,
    /// but no longer than its timeout.
    pub(crate) fn grace(&self, gap: Duration) -> Duration {
        (gap / 10).max(MIN_GRACE).min(self.request.timeout)
    }
}

/// Whole milliseconds of a duration.
pub(crate) fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Job {
    /// The breach that lasts at `now`, if there is one. `worker_since`: since when there has been a worker without a
    /// gap, as [`worker::present_since`](crate::worker::present_since) says.
    pub fn breach(&self, now: Time, worker_since: Option<Time>) -> Option<Breach> {
        let watch = self.state.watch.filter(|watch| watch.is_broken(now))?;
        // One that is under way: its lease is kept.
        let calling = self.state.lock.as_ref().filter(|_| self.state.claim_at.is_some_and(|end| end > now));
        let cause = match self.active {
            true => self.cause(&watch, calling.map(|lock| lock.at), self.state.due, worker_since),
            false => Cause::SwitchedOff,
        };
        Some(Breach { job: self.id, from: watch.deadline, to: None, cause })
    }

    /// The breach that `run`, one of this job, ends. `worker_since` as in [`Job::breach`].
    pub fn breach_ended_by(&self, run: &Run, worker_since: Option<Time>) -> Option<Breach> {
        let watch = self.state.watch.filter(|watch| run.outcome == Outcome::Ok && watch.is_broken(run.finished))?;
        let cause = self.cause(&watch, Some(run.started), Some(run.due), worker_since);
        Some(Breach { job: self.id, from: watch.deadline, to: Some(run.finished), cause })
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

#[cfg(test)]
mod tests;
