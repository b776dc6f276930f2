//! What happened: runs, load, workers, and how long they are kept.

use async_trait::async_trait;
use naptime_core::load::{self, Figures, Load};
use naptime_core::set_back::{CLOCK_TOLERANCE, is_plausible};
use naptime_core::worker::Worker;
use naptime_core::{Job, JobId, KeptAnswer, Run, Stage, Tier, Time, Token};

use super::{MemoryStore, State, list};
use crate::latest::{Found, RunQuery, Stretch};
use crate::{History, Page, PageRef, Result, Runs};

#[async_trait]
impl Runs for MemoryStore {
    async fn runs(&self, job: JobId, page: &PageRef) -> Result<Page<Run>> {
        self.with(|state, _| {
            let placed = state.runs.of(job).map(|run| ((run.started, run.token.uuid()), run));
            Ok(list::newest_first(placed, page)?.map(Run::clone))
        })
    }

    async fn run(&self, job: JobId, run: Token) -> Result<Option<Run>> {
        Ok(self.with(|state, _| state.runs.find(job, run).cloned()))
    }

    async fn all_runs(&self, query: &RunQuery, page: &PageRef) -> Result<Page<Run>> {
        let stretch = Stretch { limit: usize::MAX, ..Stretch::of(query, page)? };
        let runs = self.with(|state, _| state.runs.all().filter(|run| query.fits(run)).cloned().collect());
        Found { runs, ..Found::default() }.page(stretch, page)
    }

    async fn answer(&self, job: JobId, run: Token) -> Result<Option<KeptAnswer>> {
        Ok(self.with(|state, _| state.answers.of(job).find(|answer| answer.run == run).cloned()))
    }

    async fn good_answer(&self, job: JobId, before: Time) -> Result<Option<KeptAnswer>> {
        Ok(self.with(|state, _| {
            let good = state.answers.of(job).filter(|answer| answer.well && answer.at < before);
            good.max_by_key(|answer| answer.at).cloned()
        }))
    }
}

#[async_trait]
impl History for MemoryStore {
    async fn add_load(&self, load: &[Load]) -> Result<()> {
        self.with(|state, _| {
            for (row, more) in load::sums(load) {
                state.load.entry(row).or_default().add(&more);
            }
            state.total.add(&load::total(load));
        });
        Ok(())
    }

    async fn load(&self, tier: Tier, from: Time, to: Time) -> Result<Vec<Load>> {
        Ok(self.with(|state, _| {
            let rows = state.load.iter().filter(|((of, at, _), _)| *of == tier && from <= *at && *at < to);
            rows.map(|(&(_, at, worker), figures)| Load { at, worker, figures: figures.clone() }).collect()
        }))
    }

    async fn total(&self) -> Result<Figures> {
        Ok(self.with(|state, _| state.total.clone()))
    }

    async fn workers(&self) -> Result<Vec<Worker>> {
        Ok(self.with(|state, now| state.workers.all(now)))
    }

    async fn purge(&self) -> Result<()> {
        self.with(|state, now| {
            if is_plausible(now) {
                state.clear_ahead(now);
            }
            state.purge(now);
        });
        Ok(())
    }
}

impl State {
    /// Moves runs and answers that lie ahead back, and removes figures and breaches that do.
    fn clear_ahead(&mut self, now: Time) {
        self.runs.move_back(now);
        self.answers.move_back(now);
        let soon = now + CLOCK_TOLERANCE;
        self.load.retain(|(_, at, _), _| *at <= soon);
        self.sla.clear_after(soon);
    }

    /// Removes what is older than it is kept.
    fn purge(&mut self, now: Time) {
        let before = now - self.retention;
        self.runs.purge(before);
        self.answers.purge(before);
        self.sla.purge(now, self.retention);
        self.load.retain(|(tier, at, _), _| *at >= now - tier.kept());
        self.workers.purge(now);
        let is_old = |job: &Job| {
            let is_over = matches!(job.stage(), Some(Stage::Done | Stage::Failed));
            let ended_at = job.state.ended_at.filter(|_| is_over);
            // A deleted job that is still held stays until whoever holds it, or finds it lost, has set it free.
            let deleted_at = job.deleted_at.filter(|_| job.state.lock().is_none());
            ended_at.or(deleted_at).is_some_and(|at| at < before)
        };
        let old: Vec<JobId> = self.jobs.all().filter(|job| is_old(job)).map(|job| job.id).collect();
        old.into_iter().for_each(|id| self.jobs.remove(id));
    }
}
