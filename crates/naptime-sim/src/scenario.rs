//! What happens in a run: the jobs, how their targets answer, and what goes wrong when.
//!
//! A scenario follows from its seed. Its events can be left out one by one without a change to the rest, which is how a
//! failing run is made small.

mod draw;
mod judging;

use std::collections::BTreeSet;
use std::time::Duration;

use naptime_core::Misfire;

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
    /// What becomes of its occurrences that could not be called in time.
    pub misfire: Misfire,
    /// The bytes of its body.
    pub body: usize,
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
    /// The machine of a worker cannot make calls for a while: it has run out of ports.
    Exhaust { worker: usize, lasts: Duration },
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
    /// The host of a pool is down for a while.
    Down { pool: usize, lasts: Duration },
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
}

impl Event {
    /// When it is over.
    pub fn ends(&self) -> Duration {
        match self.what {
            What::Kill { away, .. } | What::Stop { away, .. } => self.at + away,
            What::Freeze { lasts, .. }
            | What::Exhaust { lasts, .. }
            | What::Weather { lasts, .. }
            | What::Close { lasts, .. }
            | What::Down { lasts, .. } => self.at + lasts,
            What::Edit { .. } | What::Limit { .. } => self.at,
        }
    }
}
