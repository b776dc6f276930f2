//! What is to be expected of a scenario: which jobs nothing disturbs, and what excuses what.

use std::time::Duration;

use naptime_core::retry::MAX_ATTEMPTS;

use super::{Behaviour, Event, JobPlan, Limits, Scenario, What, When};

/// How long before the end of a lease it may be too late to keep it, when a renewal or a settle is under way: the fence,
/// the patience with the store, and the pause before it is asked again.
const SLACK: Duration = Duration::from_secs(8);

impl Scenario {
    /// Whether its schedule alone decides when a job is called: it is not edited, its pool has no limits, its calls end
    /// well, lost claims do not use up its attempts, and it says nothing of what is missed.
    pub fn is_plain(&self, job: &JobPlan) -> bool {
        let is_there = job.added < Duration::MAX;
        let ends_well = matches!(job.target, Behaviour::Well(_)) && job.attempts == MAX_ATTEMPTS;
        is_there && ends_well && !job.is_edited && job.misfire.is_default() && !self.is_limited(job.pool)
    }

    /// Whether one worker at most is away or disturbed from `from` to `to`, which began to be so then, and another is
    /// there.
    pub fn is_calm(&self, from: Duration, to: Duration) -> bool {
        let disturbs = |event: &&Event| match event.what {
            What::Kill { .. }
            | What::Stop { .. }
            | What::Exhaust { .. }
            | What::Freeze { .. }
            | What::Weather { .. } => {
                // Heartbeats are late for a while after.
                event.at <= to && event.ends() + Duration::from_secs(15) >= from
            }
            What::Edit { .. } | What::Limit { .. } | What::Close { .. } | What::Down { .. } => false,
        };
        self.workers > 1 && self.events.iter().flatten().filter(disturbs).count() <= 1
    }

    /// Whether anything that happens may be why an occurrence that was called at the first of these times was called again
    /// at the second, by claims of this lease: a worker was killed, or trouble lasted for as long as a lease.
    pub fn excuses_repetition(&self, lease: Duration, (first, again): (Duration, Duration)) -> bool {
        let mut trouble = SLACK;
        for event in self.events.iter().flatten().filter(|event| event.at <= again && event.ends() + SLACK >= first) {
            match event.what {
                What::Kill { .. } if event.at >= first => return true,
                What::Freeze { lasts, .. } | What::Weather { lasts, .. } => trouble += lasts,
                // Who is told to stop settles for two seconds more, and not for as long as the store is away.
                What::Stop { .. } => trouble += lease / 2,
                _ => {}
            }
        }
        trouble >= lease
    }

    /// Whether a pool has limits, or gets some, or may be found to be down.
    pub fn is_limited(&self, pool: usize) -> bool {
        let touches = |what: &What| match what {
            What::Limit { pool: it, .. } | What::Close { pool: it, .. } | What::Down { pool: it, .. } => *it == pool,
            _ => false,
        };
        self.pools.get(pool).is_some_and(|limits| *limits != Limits::default())
            || self.events.iter().flatten().any(|event| touches(&event.what))
            || self.fails_by_half(pool)
    }

    /// Whether three of its endpoints and half of them may fail at a time. One that people edit may be moved to any pool,
    /// and one that is added later may not be there yet.
    fn fails_by_half(&self, pool: usize) -> bool {
        let recurring = || self.jobs().map(|(_, job)| job).filter(|job| !matches!(job.when, When::Once(_)));
        let fails = |job: &&JobPlan| matches!(job.target, Behaviour::Failing | Behaviour::Hanging);
        let failing = recurring().filter(fails).filter(|job| job.pool == pool || job.is_edited).count();
        let sure = recurring().filter(|job| job.pool == pool && !job.is_edited && job.added.is_zero()).count();
        failing >= 3 && failing * 2 >= sure
    }

    /// Whether the host of a pool is down, so long after the beginning.
    pub fn is_down(&self, pool: usize, after: Duration) -> bool {
        self.happens(after, |what| matches!(what, What::Down { pool: it, .. } if *it == pool))
    }

    /// Whether the machine of a worker cannot make calls, so long after the beginning.
    pub fn is_exhausted(&self, worker: usize, after: Duration) -> bool {
        self.happens(after, |what| matches!(what, What::Exhaust { worker: it, .. } if *it == worker))
    }

    /// Whether a host is sure to be found down while it is: enough of its endpoints are called often, and it answers at
    /// once while it is not.
    pub fn shows_down(&self, pool: usize) -> bool {
        let recurring = || self.jobs().map(|(_, job)| job).filter(|job| !matches!(job.when, When::Once(_)));
        let is_sure = |job: &&JobPlan| {
            let is_frequent = matches!(job.when, When::Every(period) if period <= Duration::from_secs(2));
            job.pool == pool && !job.is_edited && job.added.is_zero() && is_frequent
        };
        let (sure, all) =
            (recurring().filter(is_sure).count(), recurring().filter(|job| self.may_be_of(job, pool)).count());
        sure >= 3 && sure * 2 >= all && self.answers_well(pool)
    }

    /// Whether a host answers all its calls well and within a second, while it is not down.
    pub fn answers_well(&self, pool: usize) -> bool {
        let is_well = |job: &JobPlan| matches!(job.target, Behaviour::Well(most) if most < Duration::from_secs(1));
        self.jobs().map(|(_, job)| job).filter(|job| self.may_be_of(job, pool)).all(is_well)
    }

    /// Whether a job is of a pool, or may be moved to it.
    fn may_be_of(&self, job: &JobPlan, pool: usize) -> bool {
        job.pool == pool || job.is_edited
    }

    fn happens(&self, after: Duration, is_it: impl Fn(&What) -> bool) -> bool {
        let lasts = |event: &&Event| (event.at..event.ends()).contains(&after);
        self.events.iter().flatten().filter(lasts).any(|event| is_it(&event.what))
    }
}

impl Event {
    /// The time in which what it does may excuse a call that is repeated or passed over; none if it excuses nothing.
    pub fn excuses(&self) -> Option<(Duration, Duration)> {
        match self.what {
            What::Kill { .. } => Some((self.at, self.at)),
            What::Freeze { lasts, .. } => Some((self.at, self.at + lasts)),
            // What was sent by its end may take effect for a while after.
            What::Weather { lasts, .. } => Some((self.at, self.at + lasts + crate::network::LATEST)),
            What::Stop { .. }
            | What::Exhaust { .. }
            | What::Edit { .. }
            | What::Limit { .. }
            | What::Close { .. }
            | What::Down { .. } => None,
        }
    }
}
