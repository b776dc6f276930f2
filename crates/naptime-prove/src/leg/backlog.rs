//! One-off jobs that are all due at once.

use std::time::{Duration, Instant};

use naptime_core::{Schedule, Time};
use naptime_store::Store;

use super::{AFTER, Under, Watched};
use crate::error::{Error, Result};
use crate::load::Jobs;
use crate::meter::Meter;
use crate::workers::Workers;
use crate::{Options, watch};

/// Jobs called before, so that all connections are there and it is known how long adding takes.
const FIRST: usize = 1_000;

/// How long no call may come before it is taken that none will: a dead worker's lease, after a call that lasts.
fn quiet(options: &Options) -> Duration {
    AFTER + options.target_delay
}

impl Under<'_> {
    /// Has one-off jobs called that are all due at once.
    pub(super) async fn backlog(
        &self,
        workers: &mut Workers,
        store: &dyn Store,
        jobs: &mut Jobs,
        count: usize,
    ) -> Result<Watched> {
        self.start(workers, store).await?;
        self.progress.doing("adding jobs");
        let ground = (self.ground, self.progress);
        let (begin, due) = (Instant::now(), store.now());
        jobs.add(store, self.target, FIRST, |_| Schedule::Once { at: due }, ground).await?;
        let adding = begin.elapsed();
        self.drained(workers, FIRST).await?;
        let chunks = u32::try_from(count.div_ceil(FIRST)).unwrap_or(u32::MAX);
        let at = store.now() + 3 * (Duration::from_secs(1) + adding * chunks);
        jobs.add(store, self.target, count, |_| Schedule::Once { at }, ground).await?;
        if self.ground.clock.now() > at {
            return Err(Error::TooSlow(format!(
                "to add {count} jobs took three times what to add a thousand made expect"
            )));
        }
        self.ground.pause(at.since(self.ground.clock.now())).await?;
        self.progress.doing("watching the calls");
        let before = Meter::read(self.ground, workers, self.database).await;
        self.drained(workers, jobs.schedules.len()).await?;
        let after = Meter::read(self.ground, workers, self.database).await;
        let last =
            self.target.since(0).iter().map(|call| call.at_us).max().unwrap_or_else(|| self.ground.clock.now_us());
        let to = Time::from_millis(last.div_euclid(1000) + 1).max(at + Duration::from_millis(1));
        Ok(Watched { window: (at, to), before, after, disturbances: Vec::new() })
    }

    /// Waits until so many calls have come since the beginning, or no more come.
    async fn drained(&self, workers: &mut Workers, count: usize) -> Result<()> {
        watch::drained(self.ground, workers, self.target, count, quiet(self.options), self.progress).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn calls_that_last_are_waited_for() {
        let slow = Options { target_delay: Duration::from_secs(20), ..sample::good().options };
        assert!(quiet(&slow) > Duration::from_secs(35));
    }
}
