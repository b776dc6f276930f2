//! Figures of what this worker did, counted by the second and added to the store every ten, but for the first call after
//! ten seconds without one: somebody may wait to see it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use naptime_core::load::{Figures, Load, REPORTED_EVERY};
use naptime_core::{Outcome, Run, Tier, Time, WorkerId};
use tokio::time::Instant;

use crate::held::Registry;
use crate::link::Link;

/// The most seconds kept while the store is away, an hour; the oldest go first.
const MAX_SECONDS: usize = 3600;

/// What was counted.
#[derive(Debug, Default)]
pub(crate) struct Meter(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    /// The figures of each second that the store does not have yet.
    seconds: BTreeMap<Time, Figures>,
    /// All since the worker was started.
    total: Figures,
}

impl Meter {
    /// Counts a call. Its lag counts if it is the `first_call` of its occurrence: a further attempt is late by nature.
    pub(crate) fn record(&self, run: &Run, first_call: bool) {
        self.add(run.finished, |figures| {
            figures.calls += 1;
            figures.errors += u64::from(run.outcome != Outcome::Ok);
            *figures.outcomes.entry(run.outcome).or_default() += 1;
            figures.took.record(run.took());
            figures.took_ms += millis(run.took());
            if first_call {
                figures.lag.record(run.start_lag());
                figures.lag_ms += millis(run.start_lag());
            }
        });
    }

    /// All since the worker was started.
    pub(crate) fn total(&self) -> Figures {
        self.lock().total.clone()
    }

    fn add(&self, at: Time, count: impl Fn(&mut Figures)) {
        let mut counted = self.lock();
        count(&mut counted.total);
        count(counted.seconds.entry(at.floor(Tier::Second.width())).or_default());
    }

    /// Whether calls were counted that the store does not know of yet.
    fn has_calls(&self) -> bool {
        self.lock().seconds.values().any(|figures| figures.calls > 0)
    }

    /// Adds the figures to the store's. What cannot be added is kept for the next time.
    pub(crate) async fn flush(&self, me: WorkerId, link: &Link) {
        let seconds = std::mem::take(&mut self.lock().seconds);
        let rows: Vec<Load> = seconds.into_iter().map(|(at, figures)| Load { at, worker: me, figures }).collect();
        if rows.is_empty() || link.noted(link.add_load(&rows)).await.is_ok() {
            return;
        }
        let mut counted = self.lock();
        let seconds = &mut counted.seconds;
        for row in rows {
            seconds.entry(row.at).or_default().add(&row.figures);
        }
        while seconds.len() > MAX_SECONDS {
            seconds.pop_first();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(0)
}

/// Samples the slots in use every second, and sends all figures off every ten.
pub(crate) async fn run(meter: Arc<Meter>, me: WorkerId, capacity: u32, link: Link, registry: Registry) {
    tokio::join!(sample(&meter, capacity, &link, &registry), report(&meter, me, &link));
}

async fn sample(meter: &Meter, capacity: u32, link: &Link, registry: &Registry) {
    loop {
        tokio::time::sleep(to_the_middle(link.now())).await;
        let held = registry.len();
        meter.add(link.now(), |figures| {
            figures.held += u64::from(held);
            figures.capacity += u64::from(capacity);
            figures.samples += 1;
        });
    }
}

/// The time from `now` to the middle of the next second. Aimed there, each second gets one sample, though no sleep is
/// exact and the store's clock is corrected now and then.
fn to_the_middle(now: Time) -> Duration {
    let second = Tier::Second.width();
    second * 3 / 2 - now.since(now.floor(second))
}

async fn report(meter: &Meter, me: WorkerId, link: &Link) {
    let (mut reported, mut was_quiet) = (Instant::now(), true);
    loop {
        tokio::time::sleep(Tier::Second.width()).await;
        let has_calls = meter.has_calls();
        if reported.elapsed() >= REPORTED_EVERY || (was_quiet && has_calls) {
            (reported, was_quiet) = (Instant::now(), !has_calls);
            meter.flush(me, link).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use naptime_store::{Clock, History};

    use super::*;
    use crate::workbench::Workbench;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn the_first_call_after_a_time_without_is_told_of_within_two_seconds() {
        let bench = Workbench::with_slots(1).await;
        let meter = Arc::new(Meter::default());
        let (counted, link, registry) = (meter.clone(), bench.link.clone(), bench.registry.clone());
        tokio::spawn(run(counted, WorkerId::from(uuid::Uuid::now_v7()), 1, link, registry));
        let known = async || bench.store.total().await.expect("figures").calls;
        for round in 0..3 {
            meter.add(bench.store.now(), |figures| figures.calls += 1);
            tokio::time::sleep(2 * SECOND).await;
            assert_eq!(known().await, 3 * round + 1);
            // Those that follow are told of together.
            for _ in 0..2 {
                meter.add(bench.store.now(), |figures| figures.calls += 1);
                tokio::time::sleep(3 * SECOND).await;
                assert_eq!(known().await, 3 * round + 1);
            }
            tokio::time::sleep(4 * SECOND).await;
            assert_eq!(known().await, 3 * round + 3);
            tokio::time::sleep(2 * REPORTED_EVERY).await;
        }
    }

    #[test]
    fn each_second_is_sampled_once() {
        for millis in [0, 1, 499, 500, 501, 999] {
            let now = Time::from_millis(1_767_323_045_000 + millis);
            let at = now + to_the_middle(now);
            assert_eq!(at.millis(), 1_767_323_046_500, "from {now}");
        }
    }
}
