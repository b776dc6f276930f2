//! How a job changes hands: claim, renew, settle.
//!
//! These are the transitions as every store must carry them out; the conformance suite holds the stores to them.

use std::sync::Arc;
use std::time::Duration;

use crate::{Breach, Job, JobId, KeptAnswer, Last, Lock, Lost, Outcome, Phase, Run, SkipReason, Time, Token, WorkerId};

/// How soon a job must be due again to be held over: sooner than the shortest lease ends, and soon enough for what waits
/// to be little.
pub const HOLDS_OVER: Duration = Duration::from_secs(3);

/// A claim that is made further ahead of its call than this holds its job over.
pub const AHEAD: Duration = Duration::from_millis(100);

/// A job locked for one worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The job as it was right after the claim. It may have been edited between claim and reading.
    pub job: Arc<Job>,
    /// The claim.
    pub lock: Lock,
    /// If an earlier claim of this occurrence did record its run and only its settle was lost: that run. The job is
    /// settled from it and not called again.
    pub recorded: Option<Run>,
}

/// What identifies a claim to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimRef {
    /// The job.
    pub job: JobId,
    /// The token of the claim.
    pub token: Token,
}

/// What a worker does with a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Call at `at`, for the occurrence `due`.
    Call {
        /// When the call is to leave.
        at: Time,
        /// The occurrence, or when the call was asked for.
        due: Time,
        /// Whether somebody asked for it.
        manual: bool,
    },
    /// Don't call; settle with this.
    Settle(Then),
}

/// The end of a claim: what the worker tells the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The claim.
    pub claim: ClaimRef,
    /// The job as the claim had it. A store may settle from it, as long as nobody has edited the job since.
    pub job: Arc<Job>,
    /// The record of the call; none if no call was made.
    pub run: Option<Run>,
    /// What comes next.
    pub then: Then,
    /// Occurrences that earlier, lost claims took on and that are not taken up again. They count as missed.
    pub abandoned: u32,
    /// Why the occurrences were not called that it passes over, if it does.
    pub reason: SkipReason,
    /// The breach of the job's SLA that the run ends.
    pub breach: Option<Breach>,
    /// If the worker wants the next occurrence at once: the token of the claim that holds the job over for it. Granted
    /// only if nobody has edited the job, and it is due within [`HOLDS_OVER`].
    pub hold_over: Option<Token>,
    /// What was answered, if that is kept.
    pub answer: Option<Arc<KeptAnswer>>,
}

/// What comes after a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// The occurrence is done with; the next one is `due` (none: there is no further one).
    Next {
        /// The next occurrence.
        due: Option<Time>,
        /// The occurrences skipped in between.
        missed: u64,
    },
    /// It was too late for the occurrence: it was not called, and counts as missed.
    Skip {
        /// The next occurrence that it is not too late for.
        due: Option<Time>,
        /// The occurrences skipped, this one among them.
        missed: u64,
    },
    /// The same occurrence again, after a pause.
    Retry {
        /// The pause, counted from the settle.
        after: Duration,
    },
    /// It was a manual call: the occurrence owed stays owed.
    Keep,
    /// Nothing was called: as if it had not been claimed.
    GiveBack,
}

impl Job {
    /// The time at which this job can be claimed while nobody holds it: the request for a call, or `base` if it is
    /// switched on, whichever comes first.
    pub(crate) fn idle_claim_at(&self, base: Option<Time>) -> Option<Time> {
        if self.deleted_at.is_some() {
            return None;
        }
        let base = base.filter(|_| self.active);
        [self.state.asked_at, base].into_iter().flatten().min()
    }

    /// Whether the job can be claimed at `now`: it is due, or not held and due within `lookahead`. A lookahead never
    /// takes a live lease.
    pub fn is_claimable(&self, now: Time, lookahead: Duration) -> bool {
        match &self.state.phase {
            Phase::Off => false,
            Phase::Idle { at } | Phase::Retrying { at, .. } => *at <= now + lookahead,
            Phase::Held { until, .. } => *until <= now,
        }
    }

    /// Locks the job, if it can be claimed. Returns whether it was.
    pub fn claim(&mut self, worker: WorkerId, token: Token, now: Time, lookahead: Duration) -> bool {
        let Some(claim_at) = self.state.claim_at().filter(|_| self.is_claimable(now, lookahead)) else {
            return false;
        };
        let attempts = self.attempts();
        let lost = match std::mem::take(&mut self.state.phase) {
            Phase::Held { mut lock, .. } => {
                lock.lost.push(lock.as_lost());
                lock.lost
            }
            _ => Vec::new(),
        };
        let mut lock = Lock {
            worker,
            token,
            since: now,
            lease: self.spec.lease,
            // Late, or held until now: at once.
            at: claim_at.max(now),
            due: self.state.due,
            asked_at: self.state.asked_at,
            plan: self.plan,
            attempt: attempts,
            edits: 0,
            left: false,
            lost,
        };
        lock.attempt += u32::from(lock.has_call());
        self.state.phase = Phase::Held { lock, until: now + self.spec.lease };
        true
    }

    /// Prolongs the lease, if the claim is still the one held. Returns whether it is.
    pub fn renew(&mut self, token: Token, now: Time) -> bool {
        match &mut self.state.phase {
            Phase::Held { lock, until } if lock.token == token => {
                // The lease is the claim's: one that an edit sets is for the next claim.
                *until = now + lock.lease;
                true
            }
            _ => false,
        }
    }

    /// Ends a claim, if it is still the one held. Returns whether it was. Doing it twice does nothing more.
    pub fn settle(&mut self, settled: &Settled, now: Time) -> bool {
        let attempts = self.attempts();
        let lock = match std::mem::take(&mut self.state.phase) {
            Phase::Held { lock, .. } if lock.token == settled.claim.token => lock,
            other => {
                self.state.phase = other;
                return false;
            }
        };
        // If it is another plan, an edit has set `due`, and it stays as set.
        let same_plan = self.plan == lock.plan;
        let is_once = self.spec.schedule.is_once();
        let state = &mut self.state;
        // A request that came during the call is still to be answered, and so is one that this claim took on and then
        // found the recorded run of the occurrence to settle first.
        let answered = settled.then != Then::GiveBack && settled.run.as_ref().is_none_or(|run| run.manual);
        if answered && state.asked_at == lock.asked_at {
            state.asked_at = None;
        }
        let (mut done, mut missed) = (0, 0);
        let mut base = state.due;
        let mut attempt = 0;
        match settled.then {
            Then::Next { due, missed: skipped } => {
                done = 1;
                if same_plan {
                    (state.due, base, missed) = (due, due, skipped);
                    state.ended_at = (due.is_none() && is_once).then_some(now);
                }
            }
            Then::Skip { due, missed: skipped } => {
                if same_plan {
                    (state.due, base, missed) = (due, due, skipped);
                } else {
                    missed = u64::from(lock.left);
                }
                state.counters.late += missed;
            }
            Then::Retry { after } if same_plan => (base, attempt) = (Some(now + after), attempts),
            Then::Retry { .. } => done = 1,
            Then::Keep => {}
            Then::GiveBack => {
                attempt = attempts.saturating_sub(1);
                if same_plan {
                    // A pause before an attempt is kept, as is a due time still to come.
                    base = state.due.map(|due| due.max(lock.at));
                } else {
                    missed = u64::from(lock.left);
                }
            }
        }
        if let Some(due) = lock.due.filter(|_| !same_plan && done == 1 && state.due == lock.due) {
            // Claimed ahead and edited before it was due. The new schedule has the same occurrence, which was called.
            let next = self.spec.misfire.next(&self.spec.schedule, due, lock.since);
            (state.due, base, missed) = (next.due, next.due, next.missed);
            state.ended_at = (next.due.is_none() && is_once).then_some(now);
        }
        state.counters.settled += done;
        let well = settled.run.as_ref().filter(|run| run.outcome == Outcome::Ok);
        if done == 1 || (settled.then == Then::Keep && well.is_some()) {
            state.recent.ended(well.is_some(), settled.run.as_ref().map_or(lock.since, |run| run.finished));
        }
        if done == 1 && same_plan {
            // Called after all. If this call was the one that the target put the next off by, the plan is another.
            state.recent.put_off_since = None;
        }
        state.counters.missed += missed + u64::from(settled.abandoned);
        if let Some(run) = &settled.run {
            state.counters.runs += 1;
            if !is_once {
                state.last_day.called(run, lock.is_first_call());
            }
            let (is_ok, last_ok, due) = (run.outcome == Outcome::Ok, state.last_ok, state.due);
            if let Some(watch) = &mut state.watch {
                watch.called(&self.spec, run, last_ok);
                if is_ok {
                    watch.await_next(&self.spec, run.due, due);
                }
            }
            if is_ok {
                state.counters.ok += 1;
                state.last_ok = Some(run.finished);
            }
            state.last = Some(Last::from(run));
        }
        if self.active && state.due.is_none() {
            // After the last call, nothing is promised any more.
            state.watch = None;
        }
        self.state.phase = Phase::free(self.idle_claim_at(base), attempt);
        if let (Some(token), Then::Next { due: Some(due), .. }) = (settled.hold_over, settled.then)
            && lock.edits == 0
            && due <= now + HOLDS_OVER
        {
            self.hold_over(&lock, token, due, now);
        }
        true
    }

    /// Claims the next occurrence, whose time has yet to come, for who has just settled the one before.
    fn hold_over(&mut self, before: &Lock, token: Token, due: Time, now: Time) {
        let lock = Lock {
            worker: before.worker,
            token,
            since: now,
            lease: self.spec.lease,
            at: due,
            due: Some(due),
            asked_at: None,
            plan: self.plan,
            attempt: 1,
            edits: 0,
            left: false,
            lost: Vec::new(),
        };
        self.state.phase = Phase::Held { lock, until: now + self.spec.lease };
    }

    /// The claim that holds the job over, if this settle was granted one.
    pub fn held_over(self: &Arc<Self>, settled: &Settled) -> Option<Claim> {
        let lock = self.state.lock().filter(|lock| Some(lock.token) == settled.hold_over)?;
        Some(Claim { job: self.clone(), lock: lock.clone(), recorded: None })
    }
}

impl Claim {
    /// What identifies this claim.
    pub fn reference(&self) -> ClaimRef {
        ClaimRef { job: self.job.id, token: self.lock.token }
    }

    /// What is to be done with this claim.
    pub fn duty(&self) -> Duty {
        // Called is called, whatever was edited since.
        if let Some(run) = &self.recorded {
            return Duty::Settle(self.conclude(run, None));
        }
        // An edit came between the claim and its reading. Switching off and deleting are such edits.
        if self.job.plan != self.lock.plan {
            return Duty::Settle(Then::GiveBack);
        }
        let exhausted = self.attempt() > self.job.spec.retry.attempts;
        let (at, took_on) = (self.lock.at, self.lock.took_on());
        match (self.lock.asked_at, self.lock.due) {
            (Some(_), _) if exhausted => Duty::Settle(Then::Keep),
            (Some(asked), _) => Duty::Call { at, due: asked, manual: true },
            (None, Some(due)) if took_on && exhausted => Duty::Settle(self.next(due, self.lock.since)),
            (None, Some(due)) if took_on => match self.skipped(due) {
                Some(then) => Duty::Settle(then),
                None => Duty::Call { at, due, manual: false },
            },
            // Held when it was edited, and never settled: all that was left to do was to end that claim.
            (None, _) => Duty::Settle(Then::GiveBack),
        }
    }

    /// What follows if it is too late for the occurrence. An attempt that follows another is never too late.
    fn skipped(&self, due: Time) -> Option<Then> {
        let spec = &self.job.spec;
        // A job that is held over for what was missed is called when it is claimed.
        let at = self.lock.at.max(self.lock.since);
        let skipped = spec.misfire.skipped(&spec.schedule, due, at).filter(|_| self.attempt() == 1)?;
        Some(Then::Skip { due: skipped.due, missed: skipped.missed })
    }

    /// The number of this attempt, from 1. Lost claims count: each may have called. A call asked for is counted by
    /// itself, whatever became of the occurrence owed.
    pub fn attempt(&self) -> u32 {
        let Some(asked) = self.lock.asked_at else { return self.lock.attempt };
        let lost = self.lock.lost.iter().filter(|lost| lost.asked_at == Some(asked)).count();
        u32::try_from(lost + 1).unwrap_or(u32::MAX)
    }

    /// The runs to record for the earlier claims that were never settled, found so at `now`. The store keeps a run that
    /// is there already: it was recorded after all.
    pub fn lost_runs(&self, now: Time) -> Vec<Run> {
        let run = |lost: &Lost| {
            // A claim that had nothing to call left nothing to record.
            let due = lost.called()?;
            Some(Run {
                token: lost.token,
                job: self.job.id,
                worker: lost.worker,
                due,
                started: lost.since,
                finished: now,
                outcome: Outcome::Lost,
                status: None,
                message: "the worker was gone before it could say how the call ended".to_owned(),
                attempt: lost.attempt.max(1),
                manual: lost.asked_at.is_some(),
                skipped: None,
            })
        };
        self.lock.lost.iter().filter_map(run).collect()
    }

    /// Takes over a run that an earlier claim did record, if it answers for what this claim found: the occurrence owed,
    /// or the call that was asked for. If there are runs of both, the claim ends with that of the occurrence.
    pub fn take_over(&mut self, run: Run) {
        let lock = &self.lock;
        let is_answer = |lost: &Lost| {
            let is_same = match lost.asked_at {
                // Whatever was edited since, the call that was asked for was made.
                Some(asked) => lock.asked_at == Some(asked),
                None => (lost.plan, lost.due) == (lock.plan, lock.due),
            };
            lost.token == run.token && is_same
        };
        let is_second = self.recorded.is_some() && run.manual;
        if run.outcome != Outcome::Lost && lock.lost.iter().any(is_answer) && !is_second {
            self.recorded = Some(run);
        }
    }

    /// What comes after `run`. `asked` is the pause that the target asked for (`Retry-After`).
    pub fn conclude(&self, run: &Run, asked: Option<Duration>) -> Then {
        if run.manual {
            return Then::Keep;
        }
        // The next time is computed from when the work began. A run taken over from a lost claim began with that; a job
        // that was held over was claimed long before its work began.
        let lost = self.lock.lost.iter().find(|lost| lost.token == run.token);
        let since = match lost {
            Some(lost) => lost.since,
            None if self.lock.at > self.lock.since + AHEAD => run.started,
            None => self.lock.since,
        };
        let mut next = self.job.spec.misfire.next(&self.job.spec.schedule, run.due, since);
        if run.attempt > 1 {
            // A retry does not cost the occurrence after its own, however near that is, unless it came too late for it.
            let following = self.job.spec.schedule.next(run.due, run.due);
            if following.due.is_some_and(|due| since < due) {
                next = following;
            }
        }
        let retry = &self.job.spec.retry;
        if retry.on.covers(run.outcome, run.status) && run.attempt < retry.attempts {
            let after = retry.pause(run.attempt, run.token, asked);
            // Never past the next occurrence, which is an attempt of its own.
            if next.due.is_none_or(|due| run.finished + after < due) {
                return Then::Retry { after };
            }
        }
        Then::Next { due: next.due, missed: next.missed }
    }

    fn next(&self, due: Time, since: Time) -> Then {
        let next = self.job.spec.misfire.next(&self.job.spec.schedule, due, since);
        Then::Next { due: next.due, missed: next.missed }
    }

    /// The message to the store that ends this claim.
    pub fn settled(&self, run: Option<Run>, then: Then) -> Settled {
        Settled {
            claim: self.reference(),
            job: self.job.clone(),
            run,
            then,
            abandoned: self.lock.abandoned(),
            reason: self.skip_reason(then),
            breach: None,
            hold_over: None,
            answer: None,
        }
    }

    /// Why occurrences were passed over before this claim, as far as the job tells. Where there was a worker, and nothing
    /// else was in the way, none had a slot.
    fn skip_reason(&self, then: Then) -> SkipReason {
        let was_under_way = |due| self.job.state.last.as_ref().is_some_and(|last| last.finished > due);
        match then {
            Then::Skip { .. } => SkipReason::Late,
            _ if !self.lock.lost.is_empty() => SkipReason::Lease,
            _ if self.attempt() > 1 || self.lock.due.is_some_and(was_under_way) => SkipReason::PreviousCall,
            _ => SkipReason::SlotsFull,
        }
    }

    /// The message that ends this claim without a call of its own, where [`Claim::duty`] says so.
    pub fn settled_uncalled(&self, then: Then) -> Settled {
        let run = self.recorded.clone().filter(|_| then != Then::GiveBack);
        self.settled(run, then)
    }

    /// Whether an earlier claim of this occurrence left a call behind. If not, the lag of this call is the lag of the
    /// occurrence.
    pub fn is_first_call(&self) -> bool {
        self.lock.is_first_call()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{Endpoint, JobId, NewJob, Retry, Schedule, Spec};

    const SECOND: Duration = Duration::from_secs(1);

    /// What comes after a call of a job of every ten seconds that began so long after its due time, as this attempt, and
    /// was refused after a second: seconds until the retry, or from the due time to the next, and those missed.
    fn after(attempt: u32, began: u32) -> (Option<u64>, Option<(u64, u64)>) {
        let id = JobId::from(Uuid::from_u128(7));
        let mut spec =
            Spec::new(Endpoint::parse("http://target.test/").expect("a URL"), Schedule::every(10 * SECOND, id));
        spec.retry = Retry::new(3, SECOND).expect("a retry");
        let mut job = NewJob { id, spec, active: true }.into_job(Time::from_millis(1_767_323_045_006));
        let due = job.state.due.expect("due");
        let (worker, token) = (WorkerId::from(Uuid::from_u128(1)), Token::from(Uuid::from_u128(2)));
        assert!(job.claim(worker, token, due, Duration::ZERO));
        let mut claim = Claim { lock: job.state.lock().cloned().expect("claimed"), job: job.into(), recorded: None };
        claim.lock.since = due + began * SECOND;
        let run = Run {
            token,
            job: id,
            worker,
            due,
            started: claim.lock.since,
            finished: claim.lock.since + SECOND,
            outcome: Outcome::ConnectionRefused,
            status: None,
            message: String::new(),
            attempt,
            manual: false,
            skipped: None,
        };
        match claim.conclude(&run, None) {
            Then::Retry { after } => (Some(after.as_secs()), None),
            Then::Next { due: next, missed } => (None, next.map(|next| (next.since(due).as_secs(), missed))),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_retry_never_costs_the_next_occurrence() {
        assert_eq!(after(1, 0), (Some(1), None));
        assert_eq!(after(2, 3), (Some(2), None));
        assert_eq!(after(2, 7), (None, Some((10, 0))), "the pause reaches the next occurrence");
        assert_eq!(after(3, 7), (None, Some((10, 0))), "the last attempt, less than half a period before");
        assert_eq!(after(3, 9), (None, Some((10, 0))), "its call ended after it was due");
    }

    #[test]
    fn what_comes_too_late_for_the_next_occurrence_skips_it() {
        assert_eq!(after(3, 12), (None, Some((20, 1))));
        assert_eq!(after(3, 17), (None, Some((30, 2))));
        assert_eq!(after(1, 17), (Some(1), None), "a first attempt that comes late has its retries");
    }
}
