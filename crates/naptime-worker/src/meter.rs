//! Figures of what this worker did, counted by the second and added to the store every ten.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use naptime_core::load::{Figures, Load, REPORTED_EVERY};
use naptime_core::{Outcome, Run, Tier, Time, WorkerId};

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
    loop {
        tokio::time::sleep(REPORTED_EVERY).await;
        meter.flush(me, link).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_second_is_sampled_once() {
        for millis in [0, 1, 499, 500, 501, 999] {
            let now = Time::from_millis(1_767_323_045_000 + millis);
            let at = now + to_the_middle(now);
            assert_eq!(at.millis(), 1_767_323_046_500, "from {now}");
        }
    }
}
