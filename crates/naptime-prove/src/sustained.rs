//! How many recurring calls per second are kept up at most.
//!
//! What is offered varies by the number of endpoints, each called every second. It is kept up if all that comes due
//! within some seconds is called, and hardly any of it a second late.

use std::time::Duration;

use crate::Options;
use crate::error::Result;
use crate::ground::Ground;
use crate::leg::{self, Load, Plan};
use crate::progress::Progress;
use crate::report::{Lag, Leg, Subject, Sustained};
use crate::search::Search;

/// The period of each endpoint.
const EVERY: Duration = Duration::from_secs(1);
/// How long each step is watched.
const STEP: Duration = Duration::from_secs(6);
/// How long a part of the rate is watched, for the lag at it. What is hardly too much takes its time to show.
const CALM: Duration = Duration::from_secs(15);
/// That part.
const PART: f64 = 0.8;
/// The share of what is due that is called, at least.
const CALLED: f64 = 0.999;
/// The same of the original's algorithm, which counts a period from the call before: it calls the more seldom the later
/// it is, and has no due times to be held to.
const REFERENCE_CALLED: f64 = 0.95;
/// How late a call may be at the 99th percentile, in milliseconds.
const LATE_MS: f64 = 1_000.0;

/// Finds the highest rate that one of the numbers of workers asked for keeps up, and how late calls are at 80 % of it.
/// What was called on the way and is not as promised is added to `broken`.
pub(crate) async fn find(
    ground: &Ground,
    options: &Options,
    subject: Subject,
    progress: &Progress,
    broken: &mut Vec<Leg>,
) -> Result<Sustained> {
    let options = Options { kill_every: None, stop_every: None, skew: None, ..options.clone() };
    let mut finder = Finder { ground, options: &options, subject, progress, broken, steps: Vec::new(), strangers: 0.0 };
    let (mut workers, mut best) = (0, 0.0);
    for &count in &options.workers {
        let search = if best > 0.0 { Search::above(best) } else { Search::from(first(subject)) };
        let found = finder.search(count, search).await?;
        if found > best || workers == 0 {
            (workers, best) = (count, found);
        }
    }
    let mut lag_at_80 = None;
    while best >= 1.0 && lag_at_80.is_none() {
        let part = best * PART;
        let tried = finder.run(workers, part, CALM).await?;
        if tried.kept_up {
            lag_at_80 = Some(tried.lag);
        } else {
            // Then more was not kept up either, but by luck.
            best = finder.search(workers, Search::below(part, tried.through)).await?;
        }
    }
    let Finder { steps, strangers, .. } = finder;
    Ok(Sustained { subject, workers, calls_per_second: best, lag_at_80, steps, strangers })
}

/// What tries rates, and what came of them.
struct Finder<'a> {
    ground: &'a Ground,
    options: &'a Options,
    subject: Subject,
    progress: &'a Progress,
    broken: &'a mut Vec<Leg>,
    /// What was offered, and whether it was kept up.
    steps: Vec<(f64, bool)>,
    strangers: f64,
}

impl Finder<'_> {
    /// Searches to the end, and returns the highest rate that was kept up.
    async fn search(&mut self, workers: usize, mut search: Search) -> Result<f64> {
        while let Some(rate) = search.next() {
            let tried = self.run(workers, rate, STEP).await?;
            search.note(rate, tried.kept_up, tried.through);
        }
        Ok(search.found())
    }

    async fn run(&mut self, workers: usize, rate: f64, window: Duration) -> Result<Tried> {
        let endpoints = (rate.round() as usize).max(1);
        let load = Load::Recurring { endpoints, every: EVERY };
        let plan = Plan { subject: self.subject, workers, load, window };
        let leg = leg::run(self.ground, self.options, &plan, self.progress).await?;
        let kept_up = is_kept_up(&leg, rate);
        self.steps.push((rate.round(), kept_up));
        self.strangers = self.strangers.max(leg.used.strangers);
        let tried = Tried { kept_up, through: leg.verdict.calls_per_second, lag: leg.verdict.lag };
        if self.subject == Subject::Naptime && !leg.holds() {
            self.broken.push(leg);
        }
        Ok(tried)
    }
}

/// What came of a rate.
struct Tried {
    kept_up: bool,
    /// Calls per second.
    through: f64,
    lag: Lag,
}

/// The lowest rate that is tried, as long as it is kept up.
fn first(subject: Subject) -> f64 {
    match subject {
        Subject::Naptime => 2_000.0,
        Subject::Reference => 200.0,
    }
}

/// Whether a leg kept up with what was offered per second.
fn is_kept_up(leg: &Leg, offered: f64) -> bool {
    let verdict = &leg.verdict;
    let called = match leg.subject {
        Subject::Naptime => verdict.owed > 0 && verdict.called as f64 >= verdict.owed as f64 * CALLED,
        Subject::Reference => verdict.calls_per_second >= offered * REFERENCE_CALLED,
    };
    called && verdict.lag.p99_ms <= LATE_MS
}
