//! The attempts at each occurrence, and at each call that was asked for: no more than the job says, and none before the
//! pause after the last is over.

use std::collections::BTreeMap;
use std::time::Duration;

use naptime_core::{Job, JobId, Lock, Outcome, Plan, Time};
use naptime_worker::call::{Answer, RetryAfter};

/// What an attempt is made at: an occurrence of a plan of a job, or a call that was asked for then.
pub(crate) type Aim = (JobId, Plan, Time);

/// All attempts so far.
#[derive(Default)]
pub(crate) struct Attempts(BTreeMap<Aim, Tried>);

#[derive(Default)]
struct Tried {
    count: u32,
    /// The place of the last attempt among all calls.
    last: usize,
    backoff: Duration,
    /// The end of the pause after it; none while it lasts, or if it ended well.
    pause_ends: Option<Time>,
}

impl Attempts {
    /// Notes a call under this claim, and what must not be of it. Returns what it is an attempt at.
    pub(crate) fn begin(
        &mut self,
        (job, lock): (&Job, &Lock),
        (place, due, now): (usize, Time, Time),
        mut violation: impl FnMut(String),
    ) -> Aim {
        let is_asked_for = lock.asked_at.is_some();
        if is_asked_for {
            // After that, attempts at the occurrence are counted anew.
            self.0.retain(|(id, _, at), _| *id != job.id || *at == due);
        }
        let (aim, endpoint, most) = ((job.id, lock.plan, due), &job.spec.endpoint, job.spec.retry.attempts);
        let tried = self.0.entry(aim).or_default();
        tried.count += 1;
        if tried.count > most {
            violation(format!("{endpoint}: called {} times for {due}, with {most} attempts", tried.count));
        }
        // Of a claim that was lost, nobody knew how its call ended.
        if let Some(ends) = tried.pause_ends.take().filter(|ends| *ends > now && lock.lost.is_empty()) {
            violation(format!("{endpoint}: called again for {due}, in the pause that ends {ends}"));
        }
        (tried.last, tried.backoff) = (place, job.spec.retry.backoff);
        aim
    }

    /// The call at this place was answered.
    pub(crate) fn end(&mut self, aim: &Aim, place: usize, answer: &Answer, now: Time) {
        let Some(tried) = self.0.get_mut(aim).filter(|tried| tried.last == place) else { return };
        if answer.outcome != Outcome::Ok {
            let asked = match answer.retry_after {
                Some(RetryAfter::For(pause)) => pause,
                _ => Duration::ZERO,
            };
            let doubled = tried.backoff * 2_u32.saturating_pow(tried.count - 1).min(1 << 10);
            tried.pause_ends = Some(now + doubled.max(asked));
        }
    }
}
