//! The deadline of a promise, which every good call moves.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Sla;
use crate::{Outcome, Run, Spec, State, Time};

/// The least time that a call has after it is due, unless its timeout is shorter.
const MIN_GRACE: Duration = Duration::from_secs(1);

/// How a job stands to its SLA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// From when the promise runs.
    pub since: Time,
    /// When the next successful call must have ended: [`Sla::deadline`] of the last one, or the grace after the next is
    /// due if that is later.
    pub deadline: Time,
    /// The longest gap between successful calls so far, in milliseconds. One that lasts counts when it ends.
    pub longest_ms: u64,
    /// When the job was last switched on.
    pub on_since: Time,
    /// When the first call left, of those since the last successful one, that the target did not answer well.
    #[serde(default)]
    pub failed_at: Option<Time>,
}

impl Watch {
    /// A promise that runs from `now`.
    pub fn new(now: Time, deadline: Time) -> Self {
        Self { since: now, deadline, longest_ms: 0, on_since: now, failed_at: None }
    }

    /// The same after an edit, which may have made other hours of an SLA that has some. What is broken stays so.
    pub(crate) fn in_hours_of(mut self, spec: &Spec, state: &State, now: Time) -> Self {
        let Some(sla) = spec.sla.as_ref().filter(|sla| sla.hours().is_some() && !self.is_broken(now)) else {
            return self;
        };
        let began = state.last_ok.map_or(self.since, |ok| ok.max(self.since));
        let deadline = sla.deadline(began, &spec.schedule);
        // What was excepted before was not promised.
        self.deadline = if deadline < now { sla.deadline(now, &spec.schedule) } else { deadline };
        self.await_next(spec, began, state.due);
        self
    }

    /// Whether the deadline has passed.
    pub fn is_broken(&self, now: Time) -> bool {
        self.deadline < now
    }

    /// Lets the next occurrence end in its grace, if it is due within the SLA of the one before, which was at `before`.
    pub(crate) fn await_next(&mut self, spec: &Spec, before: Time, next: Option<Time>) {
        let Some(next) = next else { return };
        let Some(sla) = &spec.sla else { return };
        let gap = next.since(sla.counts_from(before, &spec.schedule));
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
    pub(crate) fn called(&mut self, spec: &Spec, run: &Run, last_ok: Option<Time>) {
        let Some(sla) = &spec.sla else { return };
        if run.outcome == Outcome::Ok {
            let began = sla.counts_from(last_ok.map_or(self.since, |ok| ok.max(self.since)), &spec.schedule);
            self.longest_ms = self.longest_ms.max(ms(run.finished.since(began)));
            self.deadline = self.deadline.max(sla.deadline(run.finished, &spec.schedule));
            self.failed_at = None;
        } else if run.outcome.is_targets() {
            self.failed_at = self.failed_at.or(Some(run.started));
        }
    }
}

impl Spec {
    /// The promise, if there is an SLA, that runs from `begins`; the first call is due at `due`.
    pub(crate) fn promise(&self, begins: Time, due: Option<Time>) -> Option<Watch> {
        let deadline = self.sla.as_ref()?.deadline(begins, &self.schedule);
        let mut watch = Watch::new(begins, deadline);
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
