//! Figures of what this worker did, added to the store every ten seconds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use naptime_core::load::{Figures, Load};
use naptime_core::{Outcome, Run, Tier, Time};

use crate::Shared;

const SAMPLE_EVERY: Duration = Duration::from_secs(1);
const SAMPLES_PER_FLUSH: u32 = 10;
/// The most minutes kept while the store is away; the oldest go first.
const MAX_MINUTES: usize = 60;

/// The figures of each minute that the store does not have yet.
#[derive(Debug, Default)]
pub(crate) struct Meter(Mutex<HashMap<Time, Figures>>);

impl Meter {
    /// Counts a call. Its lag counts if it is the `first_call` of its occurrence: a further attempt is late by nature.
    pub(crate) fn record(&self, run: &Run, first_call: bool) {
        let ok = run.outcome == Outcome::Ok;
        self.add(run.finished, |figures| {
            figures.calls += 1;
            figures.errors += u64::from(!ok);
            figures.took.record(run.took());
            if first_call {
                figures.lag.record(run.start_lag());
            }
        });
        metrics::counter!("naptime_calls_total", "outcome" => run.outcome.as_str()).increment(1);
        metrics::histogram!("naptime_call_seconds").record(run.took());
        if first_call {
            metrics::histogram!("naptime_start_lag_seconds").record(run.start_lag());
        }
    }

    fn add(&self, at: Time, count: impl FnOnce(&mut Figures)) {
        let mut minutes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        count(minutes.entry(at.floor(Tier::Minute.width())).or_default());
    }

    /// Adds the figures to the store's. What cannot be added is kept for the next time.
    pub(crate) async fn flush(&self, shared: &Shared) {
        let minutes = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let rows: Vec<Load> =
            minutes.into_iter().map(|(at, figures)| Load { at, worker: shared.id, figures }).collect();
        if rows.is_empty() || shared.outage.note(shared.store.add_load(&rows).await).is_ok() {
            return;
        }
        let mut minutes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for row in rows {
            minutes.entry(row.at).or_default().add(&row.figures);
        }
        while minutes.len() > MAX_MINUTES {
            let oldest = minutes.keys().min().copied();
            oldest.map(|oldest| minutes.remove(&oldest));
        }
    }
}

/// Samples the slots in use every second, and sends all figures off every ten.
pub(crate) async fn sample(shared: Arc<Shared>) {
    loop {
        for _ in 0..SAMPLES_PER_FLUSH {
            tokio::time::sleep(SAMPLE_EVERY).await;
            let (held, capacity) = (shared.registry.len(), shared.settings.capacity);
            shared.meter.add(shared.store.now(), |figures| {
                figures.held += u64::from(held);
                figures.capacity += u64::from(capacity);
                figures.samples += 1;
            });
            metrics::gauge!("naptime_held").set(f64::from(held));
            metrics::gauge!("naptime_capacity").set(f64::from(capacity));
        }
        shared.meter.flush(&shared).await;
    }
}
