//! Endpoints that recur: added, called for a while, disturbed as asked.

use std::time::Duration;

use naptime_core::Schedule;
use naptime_store::Store;

use super::{AFTER, Under, Watched};
use crate::error::Result;
use crate::load::Jobs;
use crate::meter::Meter;
use crate::report::Disturbed;
use crate::watch;
use crate::workers::Workers;

impl Under<'_> {
    /// Adds the endpoints and watches their calls. The workers start first, so that adding many leaves none behind.
    pub(super) async fn recurring(&self, workers: &mut Workers, store: &dyn Store, jobs: &mut Jobs) -> Result<Watched> {
        self.start(workers, store).await?;
        self.progress.doing("adding endpoints");
        let schedule = |id| Schedule::every(self.options.every, id);
        let ground = (self.ground, self.progress);
        jobs.add(store, self.target, self.options.endpoints, schedule, ground).await?;
        self.progress.doing("warming up");
        watch::warm_up(self.ground, workers, self.target).await?;
        self.progress.doing("watching the calls");
        let known = self.target.count();
        let before = Meter::read(self.ground, workers, self.database).await;
        let from = self.ground.clock.now();
        let to = from + self.options.length;
        let todo = watch::disturbances(self.options);
        let disturbances = watch::window(self.ground, workers, self.options.length, todo, self.progress).await?;
        let after = Meter::read(self.ground, workers, self.database).await;
        self.progress.doing("waiting for what is late");
        let last_kill = disturbances.iter().filter(|it| it.kind == Disturbed::Killed).map(|it| it.at_us).max();
        if let Some(kill) = last_kill {
            let since = Duration::from_micros(u64::try_from(self.ground.clock.now_us() - kill).unwrap_or(0));
            self.ground.pause(AFTER.saturating_sub(since)).await?;
        }
        watch::all_called(self.ground, workers, self.target, known, &jobs.schedules, (from, to), AFTER).await?;
        Ok(Watched { window: (from, to), before, after, disturbances })
    }
}
