//! What happens in a run: the jobs, how their targets answer, and what goes wrong when.
//!
//! A scenario follows from its seed. Its events can be left out one by one without a change to the rest, which is how a
//! failing run is made small.

mod draw;

use std::collections::BTreeSet;
use std::time::Duration;

use naptime_core::retry::MAX_ATTEMPTS;

/// How long before the end of a lease it may be too late to keep it, when a renewal or a settle is under way: the fence,
/// the patience with the store, and the pause before it is asked again.
const SLACK: Duration = Duration::from_secs(8);

/// What happens in a run.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What all of it follows from.
    pub seed: u64,
    /// How many workers there are.
    pub workers: usize,
    /// The most claims that each holds.
    pub capacity: u32,
    /// The jobs that are there from the beginning, and those that are added by an event.
    pub jobs: Vec<JobPlan>,
    /// The pools, each with the limits that it begins with.
    pub pools: Vec<Limits>,
    /// What happens, in the order of time. Events that are left out are none.
    pub events: Vec<Option<Event>>,
    /// When the last event has ended. Workers go on for as long as it takes to make up for it.
    pub length: Duration,
}

/// A job, and how its target answers.
#[derive(Clone, Debug)]
pub struct JobPlan {
    /// The number of its pool.
    pub pool: usize,
    /// When it is due.
    pub when: When,
    /// How its target answers.
    pub target: Behaviour,
    /// The most attempts.
    pub attempts: u32,
    /// Whether it has an SLA.
    pub has_sla: bool,
    /// How long its claims last without renewal.
    pub lease: Duration,
    /// When it is added, after the beginning.
    pub added: Duration,
    /// Whether people edit it, which an event does.
    pub is_edited: bool,
}

/// When a job is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Once in each period.
    Every(Duration),
    /// Once at a random moment in each period.
    Random(Duration),
    /// Once, so long after the beginning.
    Once(Duration),
}

/// How a target answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Well, after up to so long.
    Well(Duration),
    /// Every other time with 503, and the wish for a pause now and then.
    Failing,
    /// Not at all, now and then.
    Hanging,
    /// Well, and it asks for another period now and then.
    Steering,
}

/// The limits of a pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// The most calls in flight.
    pub in_flight: Option<u32>,
    /// The most calls that begin within a second.
    pub per_second: Option<u32>,
}

/// Something that happens, and when, after the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// When it begins.
    pub at: Duration,
    /// What happens.
    pub what: What,
}

/// What can happen. Workers, jobs and pools are told by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are who it happens to, and for how long")]
pub enum What {
    /// A worker is killed, and started anew after a while.
    Kill { worker: usize, away: Duration },
    /// A worker is told to stop, and started anew a while after it has.
    Stop { worker: usize, away: Duration },
    /// A worker stands still for a while.
    Freeze { worker: usize, lasts: Duration },
    /// Requests to the store fare badly for a while: those of one worker, or of all.
    Weather { worker: Option<usize>, lasts: Duration, weather: Weather },
    /// A person edits a job.
    Edit { job: usize, edit: PersonalEdit },
    /// A person changes the limits of a pool.
    Limit { pool: usize, limits: Limits },
    /// A person switches a pool off for a while.
    Close { pool: usize, lasts: Duration },
}

/// How requests to the store fare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// They and their answers take up to so long each.
    Late(Duration),
    /// Every second request, or its answer, does not arrive.
    Lossy,
    /// Every third request arrives long after its sender gave it up.
    Haunted,
    /// They are refused.
    Refused,
    /// None arrives.
    Cut,
}

/// What a person does to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PersonalEdit {
    /// Switches it off.
    SwitchOff,
    /// Switches it on.
    SwitchOn,
    /// Gives it another period.
    Period(Duration),
    /// Gives it another name.
    Rename,
    /// Moves it to another pool.
    Move(usize),
    /// Asks for a call.
    CallNow,
    /// Deletes it.
    Delete,
    /// Undoes that.
    Restore,
}

impl Scenario {
    /// The scenario with these events only, by their numbers.
    #[must_use]
    pub fn with_only(mut self, kept: &BTreeSet<usize>) -> Self {
        for (number, event) in self.events.iter_mut().enumerate() {
            *event = event.filter(|_| kept.contains(&number));
        }
        self
    }

    /// The scenario with these jobs only, by their numbers.
    #[must_use]
    pub fn with_jobs(mut self, kept: &BTreeSet<usize>) -> Self {
        for (number, job) in self.jobs.iter_mut().enumerate() {
            if !kept.contains(&number) {
                job.added = Duration::MAX;
            }
        }
        self
    }

    /// The jobs that are added, with their numbers.
    pub fn jobs(&self) -> impl Iterator<Item = (usize, &JobPlan)> {
        self.jobs.iter().enumerate().filter(|(_, job)| job.added < Duration::MAX)
    }

    /// The numbers of the events that happen.
    pub fn happening(&self) -> BTreeSet<usize> {
        self.events.iter().enumerate().filter(|(_, event)| event.is_some()).map(|(number, _)| number).collect()
    }

    /// Whether its schedule alone decides when a job is called: it is not edited, its pool has no limits, its calls end
    /// well, and lost claims do not use up its attempts.
    pub fn is_plain(&self, job: &JobPlan) -> bool {
        let is_there = job.added < Duration::MAX;
        let ends_well = matches!(job.target, Behaviour::Well(_)) && job.attempts == MAX_ATTEMPTS;
        is_there && ends_well && !job.is_edited && !self.is_limited(job.pool)
    }

    /// Whether one worker at most is away or disturbed from `from` to `to`, which began to be so then, and another is
    /// there.
    pub fn is_calm(&self, from: Duration, to: Duration) -> bool {
        let disturbs = |event: &&Event| match event.what {
            What::Kill { .. } | What::Stop { .. } | What::Freeze { .. } | What::Weather { .. } => {
                // Heartbeats are late for a while after.
                event.at <= to && event.ends() + Duration::from_secs(15) >= from
            }
            What::Edit { .. } | What::Limit { .. } | What::Close { .. } => false,
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

    /// Whether a pool has limits, or gets some.
    pub fn is_limited(&self, pool: usize) -> bool {
        let touches = |what: &What| match what {
            What::Limit { pool: it, .. } | What::Close { pool: it, .. } => *it == pool,
            _ => false,
        };
        self.pools.get(pool).is_some_and(|limits| *limits != Limits::default())
            || self.events.iter().flatten().any(|event| touches(&event.what))
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
            What::Stop { .. } | What::Edit { .. } | What::Limit { .. } | What::Close { .. } => None,
        }
    }

    /// When it is over.
    pub fn ends(&self) -> Duration {
        match self.what {
            What::Kill { away, .. } | What::Stop { away, .. } => self.at + away,
            What::Freeze { lasts, .. } | What::Weather { lasts, .. } | What::Close { lasts, .. } => self.at + lasts,
            What::Edit { .. } | What::Limit { .. } => self.at,
        }
    }
}
