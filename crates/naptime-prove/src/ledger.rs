//! Holds what the database says against what the target saw: every call has a run, every claim has one run, and every
//! occurrence is settled, if it was called, or else counted as missed, and told of by a row among the runs.

use std::collections::{BTreeMap, HashSet};

use futures::{StreamExt, TryStreamExt, stream};
use naptime_core::{Job, JobId, Outcome, Run, Schedule, Time};
use naptime_store::{Error, PageRef, Result, WebStore};

use crate::Ledger;
use crate::faults::{Faults, clock, path};
use crate::target::Arrival;

/// How many jobs are read at the same time.
const READERS: usize = 16;
/// How many runs are read at once.
const PAGE: usize = 1_000;

/// Compares the books of the jobs, each with its first due time, with the calls they got since they were added. Job
/// number `i` is endpoint number `i`. It is for when the workers have ended.
///
/// Jobs that were neither due nor called are not looked at.
///
/// # Errors
/// If the database cannot be read.
pub async fn compare(store: &dyn WebStore, jobs: &[(JobId, Time)], arrivals: &[Arrival]) -> Result<Ledger> {
    let mut calls: Vec<Vec<Time>> = vec![Vec::new(); jobs.len()];
    for arrival in arrivals {
        if let Some(calls) = calls.get_mut(arrival.endpoint) {
            calls.push(arrival.due);
        }
    }
    let now = store.now();
    let entries =
        jobs.iter().zip(calls).enumerate().filter(|(_, ((_, first), calls))| *first <= now || !calls.is_empty());
    let mut books = stream::iter(entries)
        .map(|(endpoint, ((id, first), calls))| async move {
            let book = read(store, *id, calls.is_empty()).await?;
            Ok::<_, Error>((Entry { endpoint, first: *first, calls }, book))
        })
        .buffered(READERS);
    let mut audit = Audit::default();
    while let Some((entry, book)) = books.try_next().await? {
        audit.add(&entry, book.as_ref().map(|(job, runs)| (job, runs.as_slice())));
    }
    Ok(audit.ledger())
}

/// A job with its runs; none if it is gone. Where nothing ever happened there are no runs to read.
async fn read(store: &dyn WebStore, id: JobId, uncalled: bool) -> Result<Option<(Job, Vec<Run>)>> {
    let job = match store.get(id).await {
        Ok(job) => job,
        Err(Error::NotFound) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut runs = Vec::new();
    let state = &job.state;
    if uncalled && state.lock().is_none() && job.attempts() == 0 && state.counters == Default::default() {
        return Ok(Some((job, runs)));
    }
    let mut page = PageRef::first(PAGE);
    loop {
        let found = store.runs(id, &page).await?;
        runs.extend(found.items);
        page.cursor = found.next;
        if page.cursor.is_none() {
            return Ok(Some((job, runs)));
        }
    }
}

/// What is known of an endpoint without the books.
struct Entry {
    endpoint: usize,
    first: Time,
    /// The occurrences of its calls.
    calls: Vec<Time>,
}

/// What target and books tell of one occurrence.
#[derive(Default)]
struct Occurrence {
    calls: usize,
    /// Runs of any end.
    runs: usize,
    /// Those of them that tell of an answer.
    answered: usize,
    /// Those of them that ended well: those of the schedule, and those of a call that somebody asked for at that moment,
    /// which has a key of its own.
    well: usize,
    asked_well: usize,
}

#[derive(Default)]
struct Audit {
    ledger: Ledger,
    faults: Faults,
}

impl Audit {
    /// Compares one job. The first due time is that of the job as it was added.
    fn add(&mut self, entry: &Entry, book: Option<(&Job, &[Run])>) {
        self.ledger.jobs += 1;
        let path = path(entry.endpoint);
        let Some((job, runs)) = book else {
            self.faults.note("unaccounted", || format!("{path}: the job is gone"));
            return;
        };
        let mut occurrences: BTreeMap<Time, Occurrence> = BTreeMap::new();
        for due in &entry.calls {
            occurrences.entry(*due).or_default().calls += 1;
        }
        let (mut tokens, mut skipped) = (HashSet::new(), 0);
        for run in runs {
            if let Some(gap) = run.skipped {
                skipped += gap.count;
                continue;
            }
            let occurrence = occurrences.entry(run.due).or_default();
            occurrence.runs += 1;
            occurrence.answered += usize::from(run.status.is_some());
            let well = if run.manual { &mut occurrence.asked_well } else { &mut occurrence.well };
            *well += usize::from(run.outcome == Outcome::Ok);
            self.ledger.runs += 1;
            self.ledger.lost_runs += usize::from(run.outcome == Outcome::Lost);
            if !tokens.insert(run.token) {
                self.faults.note("repeated_runs", || format!("{path}: a claim has two runs, due {}", show(run.due)));
            }
        }
        for (due, it) in &occurrences {
            for _ in it.runs..it.calls {
                self.faults.note("calls_without_run", || {
                    format!("{path}: due {}, called {} times, with {} runs", show(*due), it.calls, it.runs)
                });
            }
            for _ in it.calls..it.answered {
                self.faults.note("runs_without_call", || {
                    format!("{path}: due {}, {} runs with an answer, {} calls", show(*due), it.answered, it.calls)
                });
            }
            for well in [it.well, it.asked_well] {
                for _ in 1..well {
                    self.faults
                        .note("repeated_runs", || format!("{path}: due {}, ended well {well} times", show(*due)));
                }
            }
        }
        self.count(entry, job, &occurrences, skipped);
    }

    /// Whether all occurrences until now are counted, each as what it was, and rows tell of those that were skipped.
    fn count(&mut self, entry: &Entry, job: &Job, occurrences: &BTreeMap<Time, Occurrence>, skipped: u64) {
        let (path, counters) = (path(entry.endpoint), job.state.counters);
        self.ledger.settled += counters.settled;
        self.ledger.missed += counters.missed;
        if let Some(lock) = job.state.lock() {
            self.faults.note("held", || format!("{path}: held since {} by {}", show(lock.since), lock.worker));
            // What becomes of the occurrence it is held for is open.
            return;
        }
        let over = over(&job.spec.schedule, entry.first, job.state.due);
        // One that ended well is done with, so it is not due any more.
        let is_over = |(due, it): &(&Time, &Occurrence)| {
            job.state.due.is_none_or(|next| **due < next) || it.well + it.asked_well > 0
        };
        let called = occurrences.iter().filter(is_over).count() as u64;
        let is_told = counters.missed == skipped;
        if over != Some(counters.settled + counters.missed) || called != counters.settled || !is_told {
            self.faults.note("unaccounted", || {
                let over = over.map_or("an unknown number of".to_owned(), |over| over.to_string());
                let (settled, missed) = (counters.settled, counters.missed);
                format!(
                    "{path}: {over} occurrences, {called} of them called; {settled} settled and {missed} missed, rows tell of {skipped}"
                )
            });
        }
    }

    fn ledger(self) -> Ledger {
        Ledger {
            calls_without_run: self.faults.count("calls_without_run"),
            runs_without_call: self.faults.count("runs_without_call"),
            repeated_runs: self.faults.count("repeated_runs"),
            unaccounted: self.faults.count("unaccounted"),
            held: self.faults.count("held"),
            faults: self.faults.told(),
            ..self.ledger
        }
    }
}

/// The occurrences from the first up to the one owed now, which is not among them; none if that cannot be told.
fn over(schedule: &Schedule, first: Time, due: Option<Time>) -> Option<u64> {
    match due {
        Some(due) if due <= first => Some(0),
        Some(due) => Some(schedule.owed(first, Time::from_millis(due.millis() - 1))),
        // It is done with.
        None if schedule.is_once() => Some(1),
        None => None,
    }
}

fn show(time: Time) -> String {
    clock(time.millis().saturating_mul(1000))
}

#[cfg(test)]
mod tests;
