//! How much work is due, and how many workers that takes.
//!
//! The arithmetic is that of a queue: calls per second times the seconds that a call takes is how many are under way at
//! once (Little's law). A hundred endpoints called every 30 s that take 5 s each keep 16.7 slots busy, so 17.

use std::collections::HashMap;
use std::time::Duration;

use crate::worker::Worker;
use crate::{Cron, Schedule, Time};

/// How far the forecast looks ahead, in minutes: a day.
pub const MINUTES: usize = 24 * 60;

const MINUTE: Duration = Duration::from_secs(60);

/// The most occurrences of one job that the forecast counts one by one. A job that is due oftener is spread evenly.
const MOST_OF_ONE: usize = MINUTES;

/// The most occurrences of all jobs together that are counted one by one, so that adding up ends in seconds. Where there
/// are so many, those of the jobs that are left may be spread evenly as well.
const MOST_OF_ALL: usize = 4_000_000;

/// How soon workers that are added should have caught up with what is late.
const CATCH_UP: Duration = MINUTE;

/// The slots are full if this share of them is taken: workers say only with each heartbeat what they hold, and between two
/// calls a slot is free for a moment.
const FULL: f64 = 0.9;

/// The work that is due, added up job by job.
#[derive(Clone, Debug, PartialEq)]
pub struct Demand {
    from: Time,
    rate: f64,
    steady: f64,
    minutes: Vec<f64>,
    left_to_count: usize,
    /// The rates of cron patterns, and the minutes that they are due in from a time on. Many jobs have the same one, and
    /// neither is cheap to find.
    rates: HashMap<Cron, f64>,
    patterns: HashMap<(Cron, Time), Vec<usize>>,
}

/// The capacity that there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Supply {
    /// The workers.
    pub workers: u32,
    /// The most claims they hold together.
    pub slots: u32,
    /// The claims they hold.
    pub held: u32,
    /// The slots of the largest of them.
    pub largest: u32,
}

/// Work that is late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Late {
    /// How many calls.
    pub calls: u64,
    /// Why; none if nothing is late.
    pub because: Option<Because>,
    /// How many workers more, of the size of the largest, would be enough: for all that is due in the long run, and to
    /// catch up within a minute. None if that is not known.
    pub more_workers: Option<u32>,
}

/// Why work is late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// No worker lives.
    NoWorker,
    /// The slots of the workers are taken, all or nearly all.
    SlotsFull,
    /// Something else: there are slots free.
    SlotsFree,
}

impl Because {
    /// As it is sent: `slots_full`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoWorker => "no_worker",
            Self::SlotsFull => "slots_full",
            Self::SlotsFree => "slots_free",
        }
    }
}

impl Demand {
    /// No work, for a forecast that begins with the minute of `now`.
    pub fn new(now: Time) -> Self {
        let (from, minutes) = (now.floor(MINUTE), vec![0.0; MINUTES]);
        Self {
            from,
            rate: 0.0,
            steady: 0.0,
            minutes,
            left_to_count: MOST_OF_ALL,
            rates: HashMap::new(),
            patterns: HashMap::new(),
        }
    }

    /// Adds a job that is switched on and next due at `due`.
    pub fn add(&mut self, schedule: &Schedule, due: Time) {
        let pattern = match schedule {
            Schedule::Cron(cron) => Some(cron.clone()),
            _ => None,
        };
        let rate = match &pattern {
            Some(pattern) => *self.rates.entry(pattern.clone()).or_insert_with(|| schedule.mean_rate()),
            None => schedule.mean_rate(),
        };
        self.rate += rate;
        // Once a minute and oftener is as good as steady, at this resolution.
        if matches!(schedule, Schedule::Every { period, .. } if *period <= MINUTE) {
            self.steady += rate * 60.0;
            return;
        }
        // What is late already is due now.
        let due = due.max(self.from);
        let pattern = pattern.map(|pattern| (pattern, due));
        if let Some(found) = pattern.as_ref().and_then(|pattern| self.patterns.get(pattern)) {
            for &minute in found {
                self.minutes.get_mut(minute).into_iter().for_each(|count| *count += 1.0);
            }
            return;
        }
        let mut counted = Vec::new();
        let mut next = Some(due);
        for _ in 0..MOST_OF_ONE.min(self.left_to_count) {
            let Some(at) = next else { break };
            let minute = minute(self.from, at);
            let Some(count) = self.minutes.get_mut(minute) else { break };
            *count += 1.0;
            counted.push(minute);
            next = schedule.next(at, at).due;
        }
        self.left_to_count -= counted.len();
        // The rest of the day, if there is any, at its mean rate.
        let rest = next.map_or(MINUTES, |at| minute(self.from, at));
        if rest < MINUTES {
            self.minutes.iter_mut().skip(rest).for_each(|count| *count += rate * 60.0);
        } else if let Some(pattern) = pattern {
            self.patterns.insert(pattern, counted);
        }
    }

    /// This work without that of `removed` and with that of `added`. The forecasts of all three begin at the same time.
    #[must_use]
    pub fn changed(&self, removed: &Self, added: &Self) -> Self {
        // Where so much was counted that the rest was spread evenly, a difference may fall below nothing.
        let changed = |this: f64, less: f64, more: f64| (this - less + more).max(0.0);
        let minutes = self.minutes.iter().zip(&removed.minutes).zip(&added.minutes);
        Self {
            rate: changed(self.rate, removed.rate, added.rate),
            steady: changed(self.steady, removed.steady, added.steady),
            minutes: minutes.map(|((this, less), more)| changed(*this, *less, *more)).collect(),
            ..Self::new(self.from)
        }
    }

    /// Calls per second in the long run.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// The calls due in each step of so many minutes, of the coming day.
    pub fn per_step(&self, minutes: usize) -> impl Iterator<Item = (Time, f64)> {
        let steps = self.minutes.chunks(minutes.max(1));
        let starts = (0_u32..).step_by(minutes.max(1)).map(|minute| self.from + MINUTE * minute);
        starts.zip(steps).map(|(at, step)| (at, step.iter().map(|count| count + self.steady).sum()))
    }

    /// The slots that calls of this mean length keep busy.
    pub fn slots(&self, mean_call: Duration) -> f64 {
        self.rate * mean_call.as_secs_f64()
    }
}

/// The minute of the forecast that a moment is in.
fn minute(from: Time, at: Time) -> usize {
    usize::try_from(at.since(from).as_secs() / 60).unwrap_or(usize::MAX)
}

impl Supply {
    /// What those of these workers can hold that live and go on.
    pub fn of(workers: &[Worker]) -> Self {
        let alive = workers.iter().filter(|worker| worker.alive && !worker.beat.stopping).map(|worker| &worker.beat);
        alive.fold(Self::default(), |sum, beat| Self {
            workers: sum.workers + 1,
            slots: sum.slots.saturating_add(beat.capacity),
            held: sum.held.saturating_add(beat.held),
            largest: sum.largest.max(beat.capacity),
        })
    }

    /// The calls per second that it can carry, if each takes `mean_call`.
    pub fn per_second(self, mean_call: Duration) -> f64 {
        f64::from(self.slots) / mean_call.as_secs_f64().max(0.001)
    }

    /// How many workers more, of the size of the largest, so many slots take; none if there is no worker to go by.
    pub fn more_workers(self, slots: f64) -> Option<u32> {
        whole((slots - f64::from(self.slots)).max(0.0), f64::from(self.largest))
    }

    /// How many workers so many slots take: of the present ones fewer, if fewer will do, else more of the size of the
    /// largest. None if there is no worker to go by.
    pub fn workers_for(self, slots: f64) -> Option<u32> {
        match self.more_workers(slots)? {
            0 => whole(slots, f64::from(self.slots) / f64::from(self.workers)),
            more => Some(self.workers.saturating_add(more)),
        }
    }

    /// How many workers of the size of the largest an autoscaler is to run; at least one, since without a worker nothing is
    /// called. What is due in the long run is the least, and so is what is under way now. While the slots are full and
    /// calls are late, it takes one slot more, and those that catch up. How many workers there are makes no difference, so
    /// that following it does not change it. None while none lives, which may be for want of a database: then as many are
    /// to stay as there are.
    pub fn workers_to_run(self, late: &Late, demand: Option<&Demand>, mean_call: Option<Duration>) -> Option<u32> {
        let in_the_long_run = demand.zip(mean_call).map_or(0.0, |(demand, mean_call)| demand.slots(mean_call));
        let to_catch_up = match late.because {
            Some(Because::SlotsFull) => mean_call.map_or(1.0, |it| slots_to_catch_up(late.calls, it).max(1.0)),
            _ => 0.0,
        };
        let slots = in_the_long_run.max(f64::from(self.held)) + to_catch_up;
        whole(slots, f64::from(self.largest)).map(|workers| workers.max(1))
    }

    /// Why `calls` are late, and how many workers would help. What is not known yet is none.
    pub fn judge(self, calls: u64, demand: Option<&Demand>, mean_call: Option<Duration>) -> Late {
        let full = f64::from(self.held) >= f64::from(self.slots) * FULL;
        let because = match (calls, self.slots) {
            (0, _) => None,
            (_, 0) => Some(Because::NoWorker),
            _ if full => Some(Because::SlotsFull),
            _ => Some(Because::SlotsFree),
        };
        let enough = || {
            let (demand, mean_call) = (demand?, mean_call?);
            self.more_workers(demand.slots(mean_call) + slots_to_catch_up(calls, mean_call))
        };
        let more_workers = match because {
            None | Some(Because::SlotsFree) => Some(0),
            Some(Because::NoWorker) => None,
            Some(Because::SlotsFull) => enough(),
        };
        Late { calls, because, more_workers }
    }
}

/// The slots that it takes to make `calls` beside all others within a minute.
fn slots_to_catch_up(calls: u64, mean_call: Duration) -> f64 {
    calls as f64 * mean_call.as_secs_f64() / CATCH_UP.as_secs_f64()
}

/// How many of `each` make up `all`.
fn whole(all: f64, each: f64) -> Option<u32> {
    // The margin is for what adding up fractions leaves behind. A float is cut to the range of the integer.
    (each > 0.0).then(|| (all / each - 1e-6).ceil() as u32)
}

#[cfg(test)]
mod tests;
