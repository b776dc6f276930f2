//! Endpoints that recur: added, called for a while, disturbed as asked.

use std::time::Duration;

use naptime_core::{Schedule, Time};
use naptime_store::Store;

use super::{AFTER, Under, Watched};
use crate::crew::Crew;
use crate::error::Result;
use crate::load::Jobs;
use crate::meter::Meter;
use crate::report::{Disturbed, Subject};
use crate::{reference, watch};

impl Under<'_> {
    /// Starts the workers and adds the endpoints. The workers first, so that adding many leaves none behind.
    pub(super) async fn set_out(
        &self,
        crew: &mut Crew,
        store: &dyn Store,
        jobs: &mut Jobs,
        endpoints: usize,
        every: Duration,
    ) -> Result<()> {
        match (self.plan.subject, self.database.mongo()) {
            (Subject::Reference, Some(mongo)) => {
                let start = self.clock.now();
                let spread = |at: usize| start + every.mul_f64(at as f64 / endpoints as f64);
                let due: Vec<Time> = (0..endpoints).map(spread).collect();
                self.progress.doing("adding endpoints");
                reference::fill(&mongo.db, self.target, Some(every), &due, self.ground).await?;
                self.start(crew, store).await
            }
            _ => {
                self.start(crew, store).await?;
                self.progress.doing("adding endpoints");
                let schedule = |id| Schedule::every(every, id);
                jobs.add(store, self.target, endpoints, schedule, (self.ground, self.progress)).await
            }
        }
    }

    /// Watches the calls of endpoints that recur.
    pub(super) async fn recurring(&self, crew: &mut Crew, schedules: &[Schedule]) -> Result<Watched> {
        self.progress.doing("warming up");
        watch::warm_up(self.ground, crew, self.target).await?;
        self.progress.doing("watching the calls");
        let known = self.target.count();
        let before = Meter::read(self.ground, crew, self.database).await;
        let from = self.clock.now();
        let to = from + self.plan.window;
        let todo = watch::disturbances(self.options, self.plan);
        let disturbances = watch::window(self.ground, crew, self.plan.window, todo, self.progress).await?;
        let after = Meter::read(self.ground, crew, self.database).await;
        self.progress.doing("waiting for what is late");
        if self.plan.subject == Subject::Naptime {
            let last_kill = disturbances.iter().filter(|it| it.kind == Disturbed::Killed).map(|it| it.at_us).max();
            if let Some(kill) = last_kill {
                let since = Duration::from_micros(u64::try_from(self.clock.now_us() - kill).unwrap_or(0));
                self.ground.pause(AFTER.saturating_sub(since)).await?;
            }
            watch::all_called(self.ground, crew, self.target, known, schedules, (from, to), AFTER).await?;
        }
        Ok(Watched { window: (from, to), before, after, disturbances })
    }
}
