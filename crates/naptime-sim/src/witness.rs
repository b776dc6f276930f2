//! Looks at the store after every step, and at every call as it leaves, and notes what must never be.
//!
//! The numbers in brackets are those of the invariants in ARCHITECTURE.md.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use naptime_core::claim::HOLDS_OVER;
use naptime_core::retry::MAX_BACKOFF;
use naptime_core::{Claim, Job, JobId, Lock, Rev, Schedule, Settled, Then, Time, WorkerId};
use naptime_store::memory::MemoryStore;
use naptime_store::{Clock, Want};

use crate::trace::Trace;

/// The most violations that are kept in words.
const MOST_TOLD: usize = 10;

/// What changed a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A claim by this worker.
    Claim(WorkerId),
    /// The lease was prolonged.
    Renewal,
    /// A claim ended.
    Settle,
    /// A person changed it, or its target.
    Edit,
}

/// Looks at everything.
#[derive(Default)]
pub(crate) struct Witness(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    jobs: BTreeMap<JobId, Arc<Job>>,
    /// When the last lease of each worker on each job ends.
    leases: BTreeMap<(JobId, WorkerId), Time>,
    violations: Vec<String>,
    trace: Trace,
}

impl Witness {
    pub(crate) fn new(trace: Trace) -> Self {
        Self(Mutex::new(Seen { trace, ..Seen::default() }))
    }

    /// Notes what must never be.
    pub(crate) fn violation(&self, now: Time, what: impl Display) {
        self.lock().violation(now, what);
    }

    /// Notes something that happened, for who reads the trace.
    pub(crate) fn happened(&self, now: Time, what: impl FnOnce() -> String) {
        self.lock().trace.note(now, what);
    }

    /// A claim took effect.
    pub(crate) fn claimed(&self, store: &MemoryStore, want: &Want, claims: &[Claim]) {
        if claims.len() > want.slots {
            let (count, slots) = (claims.len(), want.slots);
            self.violation(store.now(), format!("[10] {count} jobs were claimed for {slots} slots"));
        }
        self.changed(store, Cause::Claim(want.worker), claims.iter().map(|claim| claim.job.id));
    }

    /// Claims are to end like this.
    pub(crate) fn ends(&self, now: Time, done: &[Settled]) {
        for settled in done {
            let (Then::Retry { after }, Some(run)) = (settled.then, &settled.run) else { continue };
            let next = settled.job.spec.schedule.next(run.due, run.started).due;
            if next.is_some_and(|next| next <= run.finished + after) {
                self.violation(now, format!("[7] {}: a pause that leads past the next occurrence", run.job));
            }
        }
    }

    /// A target changed its schedule, or could not, since another revision was expected.
    pub(crate) fn steered(&self, store: &MemoryStore, id: JobId, (rev, expect): (Option<Rev>, Rev), done: bool) {
        if done && rev != Some(expect) {
            self.violation(store.now(), format!("[13] {id} was changed by its target over a person's edit"));
        }
        let spec = store.job(id).map(|job| job.spec.clone()).filter(|_| done);
        if let Some((limits, Schedule::Every { period, .. })) =
            spec.as_ref().and_then(|spec| Some((spec.steer?, spec.schedule.base())))
            && !(limits.min..=limits.max).contains(period)
        {
            self.violation(store.now(), format!("[13] {id} was given a period of {period:?} by its target"));
        }
        self.changed(store, Cause::Edit, [id].into_iter());
    }

    /// Something changed these jobs, if anything.
    pub(crate) fn changed(&self, store: &MemoryStore, cause: Cause, ids: impl Iterator<Item = JobId>) {
        let now = store.now();
        let mut seen = self.lock();
        for id in ids {
            let Some(after) = store.job(id) else { continue };
            let before = seen.jobs.insert(id, after.clone());
            seen.trace.job(now, cause, &after);
            if let (Some(lock), Some(ends)) = (after.state.lock(), after.state.claim_at()) {
                seen.leases.insert((id, lock.worker), ends);
            }
            if let Some(before) = before {
                for fault in faults(&before, &after, cause, now) {
                    seen.violation(now, format!("{fault}: {id}, {cause:?}\n  before {before:?}\n  after {after:?}"));
                }
            }
        }
    }

    /// When the last lease of a worker on a job ends; none if it never had one.
    pub(crate) fn lease(&self, job: JobId, worker: WorkerId) -> Option<Time> {
        self.lock().leases.get(&(job, worker)).copied()
    }

    /// What was found, in words, and the trace.
    pub(crate) fn found(&self) -> (Vec<String>, Trace) {
        let mut seen = self.lock();
        (std::mem::take(&mut seen.violations), std::mem::take(&mut seen.trace))
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn violation(&mut self, now: Time, what: impl Display) {
        if self.violations.len() < MOST_TOLD {
            let what = format!("{now}: {what}");
            self.trace.note(now, || what.clone());
            self.violations.push(what);
        }
    }
}

/// What is wrong with a change.
fn faults(before: &Job, after: &Job, cause: Cause, now: Time) -> Vec<&'static str> {
    let mut faults = Vec::new();
    let mut check = |holds: bool, fault: &'static str| {
        if !holds {
            faults.push(fault);
        }
    };
    let configuration = |job: &Job| (job.active, job.deleted_at, job.rev, job.plan);
    let (was, is) = (&before.state, &after.state);
    if cause == Cause::Edit {
        check(before.rev <= after.rev && before.plan <= after.plan, "[4] a revision went back");
        let unedited = |lock: Option<&Lock>| lock.cloned().map(|lock| Lock { edits: 0, left: false, ..lock });
        check(unedited(was.lock()) == unedited(is.lock()), "[4] an edit changed a lock");
        if before.plan == after.plan {
            check(was.due == is.due, "[4] an edit beside the schedule changed when the job is called");
        }
    } else {
        let same = configuration(before) == configuration(after) && before.spec == after.spec;
        check(same, "[4] a worker changed what people write");
    }
    let token = |lock: Option<&Lock>| lock.map(|lock| lock.token);
    match cause {
        Cause::Claim(worker) => {
            let in_time = was.claim_at().is_some_and(|at| at <= now + std::time::Duration::from_millis(100));
            check(in_time, "a job was claimed before its time");
            let is_free = was.lock().is_none() || was.claim_at().is_some_and(|at| at <= now);
            check(is_free, "[1] a live lease was taken");
            check(is.lock().is_some_and(|lock| lock.worker == worker), "[1] a claim left no lock");
            let lost = |job: &Job| job.state.lock().map_or(0, |lock| lock.lost.len());
            check(lost(after) == lost(before) + usize::from(was.lock().is_some()), "[6] a lost claim was forgotten");
        }
        Cause::Settle if was.lock().is_some() && is.lock().is_none() => {
            let lock_plan = was.lock().map(|lock| lock.plan);
            if lock_plan != Some(before.plan) {
                let called = was.lock().and_then(|lock| lock.due) == was.due;
                check(was.due == is.due || called, "[4] a settle changed what an edit had set");
            }
            if is.asked_at.is_none() && was.asked_at.is_some() {
                let answered = was.lock().map(|lock| lock.asked_at) == Some(was.asked_at);
                check(answered, "[4] a settle dropped a request for a call");
            }
        }
        Cause::Settle if token(was.lock()) != token(is.lock()) => {
            let edited = was.lock().is_none_or(|lock| lock.edits > 0);
            check(!edited, "[4] a job was held over that was edited");
            let holder = |lock: Option<&Lock>| lock.map(|lock| lock.worker);
            check(holder(was.lock()) == holder(is.lock()), "[1] a lock changed hands");
            let next = is.lock().and_then(|lock| lock.due);
            check(next == is.due && next.is_some_and(|due| due <= now + HOLDS_OVER), "a job is held over for too long");
        }
        Cause::Settle | Cause::Renewal => check(token(was.lock()) == token(is.lock()), "[1] a lock changed hands"),
        Cause::Edit => {}
    }
    let (counted, counts) = (was.counters, is.counters);
    let grow = counted.settled <= counts.settled && counted.missed <= counts.missed && counted.runs <= counts.runs;
    check(grow, "[7] a counter went back");
    let wants = after.deleted_at.is_none() && (is.asked_at.is_some() || (after.active && is.due.is_some()));
    if let (None, Some(asked)) = (is.lock(), is.asked_at) {
        check(is.claim_at().is_some_and(|at| at <= asked), "[4] a call that was asked for is put off");
    }
    match (is.lock(), is.claim_at()) {
        (Some(lock), at) => {
            let lease = lock.lease.max(after.spec.lease);
            check(at.is_some_and(|at| at <= now + lease), "[9] a held job is out of reach");
        }
        (None, None) => check(!wants, "[9] an active job cannot be claimed"),
        (None, Some(at)) => {
            let latest = [is.due, is.asked_at].into_iter().flatten().max().unwrap_or(now).max(now) + MAX_BACKOFF;
            check(wants && at <= latest, "[9] a job can be claimed that is off, or is out of reach");
        }
    }
    faults
}
