//! Whether an endpoint is called well at least as often as was promised.
//!
//! The promise is a gap: no longer than so long between successful calls. It is watched as the job goes: every
//! successful call moves the deadline of the next one. Past its deadline a job is in breach until the next successful
//! call, so a breach shows while it lasts. Where the schedule leaves no more time between calls than was promised, the
//! next call has a grace beyond its due time in which to end: else each call would break the promise by the milliseconds
//! that it takes longer than the one before. A promise runs from when the job is first switched on; switching it off
//! afterwards breaks it in time.
//!
//! A promise may be for some hours only. A gap then counts within them, from their start at the earliest, and one that
//! would be too long only after their end is none. A breach lasts until the next successful call, be that outside the
//! hours: nobody is told that all is well before it is.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::schedule::Hours;
use crate::standing::Ended;
use crate::{Days, Invalid, Job, JobId, Outcome, Run, Spec, Then, Time, Windows, Zone, duration};

/// What is promised: how far apart successful calls are at most, and when that holds. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Sla {
    every: Duration,
    /// None: around the clock.
    hours: Option<Hours>,
}

/// What an [`Sla`] is stored as.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Stored {
    Always(Duration),
    Within { every: Duration, within: Option<Windows>, days: Days, tz: String },
}

/// The most stretches of hours that are passed over in search of one that is long enough: more than a week has.
const MAX_PASSED: usize = 400;

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

impl From<Duration> for Sla {
    /// A promise around the clock.
    fn from(every: Duration) -> Self {
        Self { every, hours: None }
    }
}

impl Sla {
    /// A promise within hours, or around the clock if they leave nothing out.
    ///
    /// # Errors
    /// At `sla.every`, if a stretch of the hours is shorter (`longer_than_hours`): there, nothing would be promised.
    pub fn within(every: Duration, hours: Hours) -> Result<Self, Invalid> {
        if hours.is_always() {
            return Ok(every.into());
        }
        if let Some(shortest) = hours.shortest_stretch().filter(|shortest| *shortest < every) {
            let (every, shortest) = (duration::show(every), duration::show(shortest));
            let detail = format!("{every} is longer than the hours of the SLA, which can be {shortest} at a time");
            return Err(Invalid::new("sla.every", "longer_than_hours", detail));
        }
        Ok(Self { every, hours: Some(hours) })
    }

    /// Takes back what was stored.
    pub fn stored(every: Duration, hours: Option<Hours>) -> Self {
        Self { every, hours }
    }

    /// How far apart successful calls are at most.
    pub fn every(&self) -> Duration {
        self.every
    }

    /// When that holds; none: around the clock.
    pub fn hours(&self) -> Option<&Hours> {
        self.hours.as_ref()
    }

    /// When a successful call must have ended, if the one before did at `began`, or the promise began then.
    pub fn deadline(&self, began: Time) -> Time {
        let Some(hours) = &self.hours else { return began + self.every };
        let mut at = began;
        for _ in 0..MAX_PASSED {
            let Some((open, close)) = hours.stretch(at) else { break };
            let deadline = at.max(open) + self.every;
            // The whole stretch can be the gap, if no call began it.
            if deadline < close || (deadline == close && at <= open) {
                return deadline;
            }
            at = close;
        }
        began + self.every
    }

    /// When the gap begins to count that began then.
    fn counts_from(&self, began: Time) -> Time {
        self.deadline(began) - self.every
    }
}

impl TryFrom<Stored> for Sla {
    type Error = Invalid;
    fn try_from(stored: Stored) -> Result<Self, Invalid> {
        Ok(match stored {
            Stored::Always(every) => every.into(),
            Stored::Within { every, within, days, tz } => {
                Self::stored(every, Some(Hours { windows: within, days, zone: Zone::parse(&tz)? }))
            }
        })
    }
}

impl From<Sla> for Stored {
    fn from(Sla { every, hours }: Sla) -> Self {
        match hours {
            None => Self::Always(every),
            Some(Hours { windows, days, zone }) => {
                Self::Within { every, within: windows, days, tz: zone.name().to_owned() }
            }
        }
    }
}

impl fmt::Display for Sla {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&duration::show(self.every))?;
        self.hours.iter().try_for_each(|hours| write!(f, " within {hours}"))
    }
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
    pub fn new(sla: &Sla, now: Time) -> Self {
        Self { since: now, deadline: sla.deadline(now), longest_ms: 0, on_since: now, failed_at: None }
    }

    /// Whether the deadline has passed.
    pub fn is_broken(&self, now: Time) -> bool {
        self.deadline < now
    }

    /// Lets the next occurrence end in its grace, if it is due within the SLA of the one before, which was at `before`.
    pub(crate) fn await_next(&mut self, spec: &Spec, before: Time, next: Option<Time>) {
        let Some(next) = next else { return };
        let Some(sla) = &spec.sla else { return };
        let gap = next.since(sla.counts_from(before));
        if gap <= sla.every {
            self.deadline = self.deadline.max(next + spec.grace(gap));
        }
    }

    /// The longest gap, the one that lasts at `now` included, in milliseconds. One that lasts is taken for shorter by as
    /// much as the grace is beyond the SLA.
    pub fn longest_ms(&self, sla: &Sla, now: Time) -> u64 {
        self.longest_ms.max(ms(now.since(self.deadline - sla.every)))
    }

    /// A call of the job ended, whose last successful one had ended at `last_ok`.
    pub(crate) fn called(&mut self, sla: &Sla, run: &Run, last_ok: Option<Time>) {
        if run.outcome == Outcome::Ok {
            let began = sla.counts_from(last_ok.map_or(self.since, |ok| ok.max(self.since)));
            self.longest_ms = self.longest_ms.max(ms(run.finished.since(began)));
            self.deadline = self.deadline.max(sla.deadline(run.finished));
            self.failed_at = None;
        } else if run.outcome.is_targets() {
            self.failed_at = self.failed_at.or(Some(run.started));
        }
    }
}

impl Spec {
    /// The promise, if there is an SLA, that runs from `begins`; the first call is due at `due`.
    pub(crate) fn promise(&self, begins: Time, due: Option<Time>) -> Option<Watch> {
        let mut watch = Watch::new(self.sla.as_ref()?, begins);
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

    /// The breach that `run`, one of this job, ends, because it ended well or is the last: `then` comes after it.
    /// `worker_since` as in [`Job::breach`].
    pub fn breach_ended_by(&self, run: &Run, then: Then, worker_since: Option<Time>) -> Option<Breach> {
        // After the last call nothing is promised any more.
        let is_last = self.active && matches!(then, Then::Next { due: None, .. });
        let ends = run.outcome == Outcome::Ok || is_last;
        let watch = self.state.watch.filter(|watch| ends && watch.is_broken(run.finished))?;
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
