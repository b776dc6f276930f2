//! Occurrences that were not called. Each gap is a row among the runs: from when on, how many, and why.
//!
//! A row is computed from the job before and after the transition that counted the occurrences as missed, so rows and
//! counter say the same. Its id follows from the first occurrence and the plan: a transition that is repeated, or made
//! anew after an edit, has the same row.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{Object, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use uuid::Builder;

use crate::{Edit, Job, Outcome, Plan, Run, Settled, State, Then, Time, Token, WorkerId};

/// What a run says of occurrences that were not called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Skipped {
    /// How many, from 1.
    pub count: u64,
    /// Why.
    pub reason: SkipReason,
}

/// Why occurrences were not called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "&'static str")]
pub enum SkipReason {
    /// There was no worker.
    NoWorker,
    /// There were workers, and none had a free slot in time.
    SlotsFull,
    /// The pool was switched off.
    PoolOff,
    /// The pool's limits left no room.
    PoolLimit,
    /// The pool's host was down, and its calls were held back.
    PoolDown,
    /// The endpoint's previous call, further attempts included, was still under way.
    PreviousCall,
    /// The worker of the previous call was gone, and its lease was waited for.
    Lease,
    /// The store did not answer, or took no writes.
    StoreAway,
    /// The call would have left later than the endpoint allows (`late`).
    Late,
    /// The schedule was edited, or the endpoint switched off or deleted.
    Edited,
    /// The target asked not to be called (`Retry-After`).
    PutOff,
    /// A reason that this version does not know: a later one has written it.
    Unknown,
}

impl SkipReason {
    /// The reason as it is stored and sent: `slots_full`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoWorker => "no_worker",
            Self::SlotsFull => "slots_full",
            Self::PoolOff => "pool_off",
            Self::PoolLimit => "pool_limit",
            Self::PoolDown => "pool_down",
            Self::PreviousCall => "previous_call",
            Self::Lease => "lease",
            Self::StoreAway => "store_away",
            Self::Late => "late",
            Self::Edited => "edited",
            Self::PutOff => "put_off",
            Self::Unknown => "unknown",
        }
    }

    /// All that this version writes.
    pub const ALL: [SkipReason; 11] = [
        Self::NoWorker,
        Self::SlotsFull,
        Self::PoolOff,
        Self::PoolLimit,
        Self::PoolDown,
        Self::PreviousCall,
        Self::Lease,
        Self::StoreAway,
        Self::Late,
        Self::Edited,
        Self::PutOff,
    ];

    /// The reason that is stored by this name.
    pub fn stored(name: &str) -> Self {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name).unwrap_or(Self::Unknown)
    }

    /// Why the occurrences were not called that this edit drops.
    pub fn of_edit(edit: &Edit) -> Self {
        match edit {
            Edit::PutOff { .. } => Self::PutOff,
            _ => Self::Edited,
        }
    }
}

impl PartialSchema for SkipReason {
    fn schema() -> RefOr<Schema> {
        let description = "Why occurrences were not called. A later version may write others.";
        let schema = Object::builder().schema_type(Type::String).description(Some(description));
        schema.examples(Self::ALL.map(Self::as_str)).into()
    }
}

impl ToSchema for SkipReason {}

impl From<String> for SkipReason {
    fn from(name: String) -> Self {
        Self::stored(&name)
    }
}

impl From<SkipReason> for &'static str {
    fn from(reason: SkipReason) -> Self {
        reason.as_str()
    }
}

/// The reason in words, as the end of a sentence.
impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoWorker => "there was no worker",
            Self::SlotsFull => "no worker had a free slot in time",
            Self::PoolOff => "the pool was switched off",
            Self::PoolLimit => "the pool's limits left no room",
            Self::PoolDown => "the pool's host was down",
            Self::PreviousCall => "the previous call was still under way",
            Self::Lease => "the previous call's worker was gone, and its lease was waited for",
            Self::StoreAway => "the database did not answer",
            Self::Late => "it was later than the endpoint allows",
            Self::Edited => "the endpoint was edited, switched off or deleted",
            Self::PutOff => "the target asked not to be called",
            Self::Unknown => "a later version of Naptime knows why",
        })
    }
}

impl Job {
    /// The occurrences that have passed by `now` while the one that is owed waits to be called, and that its call will
    /// stand for. A claim counts them as missed.
    pub fn passed_over(&self, now: Time) -> u64 {
        let (State { due, .. }, spec) = (&self.state, &self.spec);
        let Some(due) = due.filter(|_| self.active && self.state.lock().is_none()) else { return 0 };
        let next = spec.misfire.skipped(&spec.schedule, due, now);
        next.unwrap_or_else(|| spec.misfire.next(&spec.schedule, due, now)).missed
    }

    /// The row of the occurrences that a settle or an edit of `before`, at `now`, counted as missed; none if there are
    /// none.
    pub fn skipped_since(&self, before: &Job, reason: SkipReason, now: Time) -> Option<Run> {
        let (was, is) = (&before.state, &self.state);
        let count = is.counters.missed.checked_sub(was.counters.missed).filter(|count| *count > 0)?;
        let by_edit = matches!(reason, SkipReason::Edited | SkipReason::PutOff);
        let holder = was.lock().filter(|_| !by_edit);
        let left = holder.and_then(|lock| lock.lost.iter().find(|lost| lost.left));
        let (owed, plan) = match (left, was.lock()) {
            // Left by an edit to a claim that was lost.
            (Some(lost), _) => (lost.due, lost.plan),
            // An edit has set another occurrence since the claim, which took on this one.
            (None, Some(lock)) if lock.plan != before.plan => (lock.due, lock.plan),
            (None, _) => (was.due, before.plan),
        };
        let owed = owed.unwrap_or(now);
        let is_left = |job: &Job| job.state.lock().is_some_and(|lock| lock.left);
        // The one owed was called, or is left to the claim that calls it.
        let is_called = is.counters.settled > was.counters.settled || (is_left(self) && !is_left(before));
        let following = || before.spec.schedule.next(owed, owed).due.unwrap_or(owed);
        let first = if is_called && left.is_none() { following() } else { owed };
        Some(Run {
            token: token(first, plan),
            job: before.id,
            worker: holder.map_or(WorkerId::NOBODY, |lock| lock.worker),
            due: first,
            started: now,
            finished: now,
            outcome: Outcome::Skipped,
            status: None,
            message: reason.to_string(),
            attempt: 0,
            manual: false,
            skipped: Some(Skipped { count, reason }),
        })
    }
}

impl Settled {
    /// Whether it passes occurrences over.
    pub fn skips(&self) -> bool {
        let missed = match self.then {
            Then::Next { missed, .. } | Then::Skip { missed, .. } => missed,
            Then::Retry { .. } | Then::Keep | Then::GiveBack => 0,
        };
        missed > 0 || self.abandoned > 0
    }

    /// The row of the occurrences that it passes over at `now`, if nobody has edited the job since the claim.
    pub fn skipped(&self, now: Time) -> Option<Run> {
        if !self.skips() {
            return None;
        }
        let mut after = Job::clone(&self.job);
        let is_held = after.settle(self, now);
        is_held.then(|| after.skipped_since(&self.job, self.reason, now)).flatten()
    }
}

/// The id of a row. It is no claim's token: those are of another UUID version.
fn token(first: Time, plan: Plan) -> Token {
    let mut bytes = [0; 16];
    // Bytes 6 and 8 have the version. 48 bits of milliseconds are good for 8,900 years.
    bytes[..6].copy_from_slice(&first.millis().to_be_bytes()[2..]);
    bytes[9..].copy_from_slice(&plan.0.to_be_bytes()[1..]);
    Builder::from_custom_bytes(bytes).into_uuid().into()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;
    use crate::{Change, Endpoint, NewJob, Schedule, Spec};

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(minute: i64) -> Time {
        Time::from_millis(1_767_312_000_000 + minute * 60_000)
    }

    fn me() -> WorkerId {
        Uuid::from_u128(1).into()
    }

    /// A job due every minute, the first time at minute 1.
    fn job() -> Job {
        let endpoint = Endpoint::parse("https://foobar.net/x").expect("valid");
        let spec = Spec::new(endpoint, Schedule::aligned(MINUTE));
        NewJob { id: Uuid::from_u128(7).into(), spec, active: true }.into_job(at(0))
    }

    fn edited(job: &Job, edit: Edit, now: Time) -> Option<Run> {
        let (mut after, reason) = (job.clone(), SkipReason::of_edit(&edit));
        after.edit(edit, now).expect("not deleted");
        after.skipped_since(job, reason, now)
    }

    #[test]
    fn what_an_edit_drops_is_a_row() {
        let off = || Edit::Change(Change::switch(false));
        assert_eq!(edited(&job(), off(), at(1) - Duration::from_millis(1)), None, "nothing was owed");
        let row = edited(&job(), off(), at(3)).expect("three were owed");
        let expect = Some(Skipped { count: 3, reason: SkipReason::Edited });
        assert_eq!((row.skipped, row.due, row.finished, row.outcome), (expect, at(1), at(3), Outcome::Skipped));
        let put_off = edited(&job(), Edit::PutOff { until: at(2), cut: None }, at(1)).expect("two are dropped");
        assert_eq!(put_off.skipped, Some(Skipped { count: 2, reason: SkipReason::PutOff }));
    }

    #[test]
    fn the_one_that_is_being_called_is_not_in_the_row() {
        let mut held = job();
        assert!(held.claim(me(), Uuid::from_u128(2).into(), at(3), Duration::ZERO));
        let row = edited(&held, Edit::Delete, at(4)).expect("three more were owed");
        assert_eq!((row.skipped.map(|it| it.count), row.due), (Some(3), at(2)));
    }

    #[test]
    fn rows_differ_by_first_occurrence_and_plan_alone() {
        let row = |job: &Job, now| edited(job, Edit::Delete, now).expect("some are owed").token;
        assert_eq!(row(&job(), at(3)), row(&job(), at(9)), "made anew, it takes the place of the first");
        let mut planned = job();
        planned.plan = Plan(2);
        assert_ne!(row(&job(), at(3)), row(&planned, at(3)));
        let mut later = job();
        later.state.due = Some(at(2));
        assert_ne!(row(&job(), at(3)), row(&later, at(3)));
    }

    #[test]
    fn what_passes_while_a_job_waits_is_told_before_it_is_called() {
        let job = job();
        assert_eq!([at(0), at(1), at(2), at(15)].map(|now| job.passed_over(now)), [0, 0, 1, 14]);
        let off = {
            let mut job = job.clone();
            job.active = false;
            job
        };
        assert_eq!(off.passed_over(at(15)), 0);
    }

    #[test]
    fn a_reason_of_a_later_version_is_read() {
        for reason in SkipReason::ALL {
            assert_eq!(SkipReason::stored(reason.as_str()), reason);
            assert_eq!(serde_json::to_value(reason).expect("it is written"), reason.as_str());
        }
        assert_eq!(SkipReason::stored("solar_flare"), SkipReason::Unknown);
        assert_eq!(serde_json::from_str::<SkipReason>(r#""solar_flare""#).expect("it is read"), SkipReason::Unknown);
    }
}
