//! What a clock that was ahead leaves behind, once it is right again.
//!
//! While a clock is wrong, due times, ends of leases and deadlines are counted from it. Set right, it would leave an
//! endpoint alone for as long as it was wrong. So whatever is further ahead than the schedule can give is planned anew,
//! and whatever is recorded as past but lies ahead is moved back.

use std::time::Duration;

use crate::retry::MAX_BACKOFF;
use crate::sla::ms;
use crate::{By, Job, Last, Phase, Rev, Schedule, Sla, Spec, Time, Watch};

/// How far a clock may go back before it counts as set back: machines that share a store, and the members of a replica
/// set, agree no better than this.
pub const CLOCK_TOLERANCE: Duration = Duration::from_secs(5);

/// 2026-01-01. A clock that shows an earlier time is wrong itself, as after a start without a battery: nothing is planned
/// by it.
const FIRST_PLAUSIBLE: Time = Time::from_millis(1_767_225_600_000);

/// A time that was asked for as a delay is told from one that was named by how close it is to the moment it was asked
/// for: so many times closer than that moment is to the truth.
const CLOSE: u32 = 10;

/// Whether a clock that was last seen at `seen` and now shows `now` was set back, and is right now as far as can be told.
pub fn is_set_back(seen: Time, now: Time) -> bool {
    is_plausible(now) && now + CLOCK_TOLERANCE < seen
}

/// Whether a clock that shows this may be right.
pub fn is_plausible(now: Time) -> bool {
    now >= FIRST_PLAUSIBLE
}

impl Job {
    /// The job as it is to be after the store's clock was set back to `now`. None if nothing of it is further ahead than
    /// it can be.
    pub fn after_set_back(&self, now: Time) -> Option<Job> {
        let present = Present { now, ahead_by: self.ahead_by(now) };
        let mut job = self.clone();
        job.move_records_back(present);
        job.name_anew(self, now);
        let due = self.state.due.filter(|due| *due > job.furthest_due(now));
        if due.is_some() {
            job.replan(now);
        }
        job.shorten_waits(present);
        if job == *self {
            return None;
        }
        if job.deleted_at.is_none() {
            let what = match (due, job.state.due) {
                (Some(was), Some(is)) => format!("the clock was wrong: due at {was}, now at {is}"),
                _ => "the clock was wrong: times that lay ahead were moved back".to_owned(),
            };
            job.note(By::Clock, what, now);
        }
        // So that whoever computed a change from the job as it was computes it again.
        job.rev = Rev(self.rev.0 + 1);
        job.mark_edited();
        Some(job)
    }

    /// How far ahead of `now` the clock was when the last run ended; zero if it was not, or is not known to have been.
    fn ahead_by(&self, now: Time) -> Duration {
        self.state.last.as_ref().map_or(Duration::ZERO, |last| last.finished.since(now))
    }

    /// The latest time at which the job can be due if that was planned at `now` or earlier.
    fn furthest_due(&self, now: Time) -> Time {
        let put_off = self.spec.steer.map_or(Duration::ZERO, |steer| steer.max);
        let from = now + CLOCK_TOLERANCE + put_off;
        let schedule = &self.spec.schedule;
        match schedule.base() {
            Schedule::Every { period, jitter, .. } => {
                let from = from + *period * 3 / 2 + jitter.map_or(Duration::ZERO, |jitter| jitter.within);
                // Bounds put an occurrence off to the next that they allow.
                schedule.bounds().and_then(|_| schedule.first(from)).unwrap_or(from)
            }
            Schedule::Cron(_) | Schedule::Random(_) | Schedule::Bounded(_) => schedule.first(from).unwrap_or(from),
            // That is the user's, however far ahead.
            Schedule::Once { at } => from.max(*at),
        }
    }

    /// Moves back what is recorded as past.
    fn move_records_back(&mut self, present: Present) {
        let past = |at: &mut Time| *at = present.past(*at);
        [&mut self.created_at, &mut self.updated_at].into_iter().for_each(past);
        self.changes.iter_mut().for_each(|noted| past(&mut noted.at));
        let state = &mut self.state;
        let some = [&mut self.deleted_at, &mut state.asked_at, &mut state.last_ok, &mut state.ended_at];
        let recent = &mut state.recent;
        let recent = [&mut recent.failing_since, &mut recent.flapping_since, &mut recent.put_off_since];
        some.into_iter().chain(recent).flatten().for_each(past);
        state.last_day.forget_after(present.now + CLOCK_TOLERANCE);
        if let Some(Last { due, started, finished, .. }) = &mut state.last {
            [due, started, finished].into_iter().for_each(past);
        }
        if let Phase::Held { lock, .. } = &mut state.phase {
            [&mut lock.since, &mut lock.at].into_iter().chain(&mut lock.asked_at).for_each(past);
            for lost in &mut lock.lost {
                [&mut lost.since, &mut lost.at].into_iter().chain(&mut lost.asked_at).for_each(past);
            }
        }
        let begins = self.spec.schedule.begins(present.now);
        if let (Some(watch), Some(sla)) = (&mut state.watch, &self.spec.sla)
            // One that the schedule says is still to begin is no record.
            && (watch.since != begins || begins == present.now)
        {
            watch.move_back(&self.spec, sla, state.last_ok, present);
        }
    }

    /// Names the time of a one-off job anew that was counted from a wrong present: it was to be called at once, or after
    /// a while. `before`: the job with the times that were recorded.
    fn name_anew(&mut self, before: &Job, now: Time) {
        let Schedule::Once { at } = before.spec.schedule else { return };
        // Whoever asks for a call at once names the present a moment before it is asked for.
        let counted_from = |asked: &&Time| {
            **asked > now + CLOCK_TOLERANCE
                && at + CLOCK_TOLERANCE >= **asked
                && at.since(**asked) * CLOSE <= asked.since(now)
        };
        if let Some(asked) = [before.updated_at, before.created_at].iter().find(counted_from) {
            self.spec_mut().schedule = Schedule::Once { at: now + at.since(*asked) };
        }
    }

    /// Ends the waits that are longer than a lease or a pause can be.
    fn shorten_waits(&mut self, Present { now, ahead_by }: Present) {
        let soon = now + CLOCK_TOLERANCE;
        let idle = self.idle_claim_at(self.state.due);
        match &mut self.state.phase {
            Phase::Held { lock, until } if *until > soon + lock.lease => *until = now + lock.lease,
            // The pause before another attempt, which began when the last run ended.
            Phase::Idle { at } | Phase::Retrying { at, .. } if idle.is_some_and(|idle| *at > idle) => {
                let longest = if ahead_by > CLOCK_TOLERANCE { soon } else { soon + MAX_BACKOFF };
                if *at > longest {
                    *at = idle.map_or(now, |idle| idle.max(now));
                }
            }
            _ => {}
        }
    }
}

impl Watch {
    /// `last_ok`: when the last good call ended, moved back already.
    fn move_back(&mut self, spec: &Spec, sla: &Sla, last_ok: Option<Time>, present: Present) {
        let past = |at: &mut Time| *at = present.past(*at);
        [&mut self.since, &mut self.on_since].into_iter().chain(&mut self.failed_at).for_each(past);
        let (schedule, grace) = (&spec.schedule, spec.grace(sla.every()));
        let latest = sla.deadline(present.now, schedule) + grace;
        if self.deadline > latest + CLOCK_TOLERANCE {
            self.deadline = match sla.hours() {
                None => (self.deadline - present.ahead_by).min(latest),
                // Earlier by as much it may lie outside of them.
                Some(_) => sla.deadline(last_ok.map_or(self.since, |ok| ok.max(self.since)), schedule) + grace,
            };
        }
        // No gap is longer than the promise has run.
        self.longest_ms = self.longest_ms.min(ms(present.now.since(self.since)));
    }
}

/// The time as it is, and how far ahead of it the clock was.
#[derive(Clone, Copy)]
struct Present {
    now: Time,
    ahead_by: Duration,
}

impl Present {
    /// The time of something that is past: if it lies ahead, it is moved back by as much as the clock was ahead.
    fn past(self, at: Time) -> Time {
        if at > self.now + CLOCK_TOLERANCE { (at - self.ahead_by).min(self.now) } else { at }
    }
}

#[cfg(test)]
mod tests;
