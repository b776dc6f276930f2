//! One-off jobs that are all due at once.

use std::time::{Duration, Instant};

use naptime_core::{Schedule, Time};
use naptime_store::Store;

use super::{AFTER, Under, Watched};
use crate::crew::Crew;
use crate::error::{Error, Result};
use crate::load::Jobs;
use crate::meter::Meter;
use crate::report::Subject;
use crate::{Options, reference, watch};

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
        crew: &mut Crew,
        store: &dyn Store,
        jobs: &mut Jobs,
        count: usize,
    ) -> Result<Watched> {
        self.start(crew, store).await?;
        self.progress.doing("adding jobs");
        let at = match (self.plan.subject, self.database.mongo()) {
            (Subject::Reference, Some(mongo)) => {
                let at = self.clock.now()
                    + Duration::from_secs(2)
                    + Duration::from_micros(500) * u32::try_from(count).unwrap_or(u32::MAX);
                reference::fill(&mongo.db, self.target, None, &vec![at; count], self.ground).await?;
                jobs.schedules.extend(vec![Schedule::Once { at }; count]);
                at
            }
            _ => {
                let ground = (self.ground, self.progress);
                let (begin, due) = (Instant::now(), store.now());
                jobs.add(store, self.target, FIRST, |_| Schedule::Once { at: due }, ground).await?;
                let adding = begin.elapsed();
                watch::drained(
                    self.ground,
                    crew,
                    self.target,
                    FIRST,
                    (quiet(self.options), Duration::MAX),
                    self.progress,
                )
                .await?;
                let chunks = u32::try_from(count.div_ceil(FIRST)).unwrap_or(u32::MAX);
                let at = store.now() + 3 * (Duration::from_secs(1) + adding * chunks);
                jobs.add(store, self.target, count, |_| Schedule::Once { at }, ground).await?;
                at
            }
        };
        if self.clock.now() > at {
            return Err(Error::TooSlow(format!(
                "to add {count} jobs took three times what to add a thousand made expect"
            )));
        }
        self.ground.pause(at.since(self.clock.now())).await?;
        self.progress.doing("watching the calls");
        let before = Meter::read(self.ground, crew, self.database).await;
        let limit = if self.plan.subject == Subject::Reference { self.plan.window } else { Duration::MAX };
        watch::drained(
            self.ground,
            crew,
            self.target,
            jobs.schedules.len(),
            (quiet(self.options), limit),
            self.progress,
        )
        .await?;
        let after = Meter::read(self.ground, crew, self.database).await;
        let last = self.target.since(0).iter().map(|call| call.at_us).max().unwrap_or_else(|| self.clock.now_us());
        let to = Time::from_millis(last.div_euclid(1000) + 1).max(at + Duration::from_millis(1));
        Ok(Watched { window: (at, to), before, after, disturbances: Vec::new() })
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
