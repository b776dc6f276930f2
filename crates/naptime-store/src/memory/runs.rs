//! The runs of each job.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use naptime_core::set_back::CLOCK_TOLERANCE;
use naptime_core::{JobId, Run, Time, Token};

use crate::MAX_RUNS;

#[derive(Default)]
pub(super) struct Runs(BTreeMap<JobId, RunsOfJob>);

#[derive(Default)]
struct RunsOfJob {
    by_token: BTreeMap<Token, Run>,
    by_start: BTreeSet<(Time, Token)>,
}

impl Runs {
    /// Records a run, unless one of its claim is there: whoever records first is right. Returns whether it was recorded.
    /// Of more than [`MAX_RUNS`] of one job, the oldest goes.
    pub(super) fn record(&mut self, run: &Run) -> bool {
        let runs = self.0.entry(run.job).or_default();
        let Entry::Vacant(vacant) = runs.by_token.entry(run.token) else { return false };
        vacant.insert(run.clone());
        runs.by_start.insert((run.started, run.token));
        if runs.by_start.len() as u64 > MAX_RUNS
            && let Some((_, oldest)) = runs.by_start.pop_first()
        {
            runs.by_token.remove(&oldest);
        }
        true
    }

    /// The run that this claim recorded.
    pub(super) fn find(&self, job: JobId, token: Token) -> Option<&Run> {
        self.0.get(&job)?.by_token.get(&token)
    }

    /// The runs of a job, the first to start first.
    pub(super) fn of(&self, job: JobId) -> impl Iterator<Item = &Run> {
        let runs = self.0.get(&job).into_iter();
        runs.flat_map(|runs| runs.by_start.iter().filter_map(|(_, token)| runs.by_token.get(token)))
    }

    /// All runs.
    pub(super) fn all(&self) -> impl Iterator<Item = &Run> {
        self.0.values().flat_map(|runs| runs.by_token.values())
    }

    /// Removes the runs that ended before `before`.
    pub(super) fn purge(&mut self, before: Time) {
        self.0.retain(|_, runs| {
            runs.by_token.retain(|_, run| run.finished >= before);
            runs.by_start.retain(|(_, token)| runs.by_token.contains_key(token));
            !runs.by_token.is_empty()
        });
    }

    /// Moves runs that lie ahead of `now` back, all by as much, so that the last of them ends now.
    pub(super) fn move_back(&mut self, now: Time) {
        let soon = now + CLOCK_TOLERANCE;
        let Some(last) = self.all().map(|run| run.finished).max().filter(|last| *last > soon) else { return };
        let by = last.since(now);
        for runs in self.0.values_mut() {
            for run in runs.by_token.values_mut().filter(|run| run.finished > soon) {
                let times = [&mut run.due, &mut run.started, &mut run.finished];
                times.into_iter().filter(|at| **at > soon).for_each(|at| *at = *at - by);
            }
            runs.by_start = runs.by_token.values().map(|run| (run.started, run.token)).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use naptime_core::Outcome;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_job_keeps_its_newest_runs_only() {
        let (mut runs, job) = (Runs::default(), JobId::from(Uuid::from_u128(1)));
        let total = i64::try_from(MAX_RUNS).expect("small") + 50;
        for n in 0..total {
            let at = Time::from_millis(n);
            let run = Run {
                token: Uuid::from_u128(n.unsigned_abs().into()).into(),
                job,
                worker: Uuid::nil().into(),
                due: at,
                started: at,
                finished: at,
                outcome: Outcome::Ok,
                status: None,
                message: String::new(),
                attempt: 1,
                manual: false,
                skipped: None,
            };
            assert!(runs.record(&run));
        }
        let starts: Vec<i64> = runs.of(job).map(|run| run.started.millis()).collect();
        assert!(starts.into_iter().eq(50..total));
        assert_eq!(runs.find(job, Uuid::from_u128(0).into()), None);
    }
}
