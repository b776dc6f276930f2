//! The capacity plan, as pages and API show it.
//!
//! The work that is due is added up in the background, since with many jobs that takes longer than a page may: when
//! somebody wants to see it and what there is is old, and never twice at the same time. What changes from one second to
//! the next (the workers, what is late, how long calls take) is read each time.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use naptime_core::load::{self, Figures};
use naptime_core::plan::{Demand, Late, Supply};
use naptime_core::spread::Moments;
use naptime_core::worker::Worker;
use naptime_core::{Pool, Tier, Time};
use naptime_store::plan::DueWork;
use naptime_store::{Error, PageRef, Result, WebStore};
use tokio::sync::{Mutex, watch};
use tokio::time::Instant;

use crate::app::App;

/// The jobs that are read at once.
const PAGE: usize = 500;
/// It is kept for so many times as long as it took to add up, so that this never costs more than a fiftieth of a core.
const KEPT: u32 = 50;
const KEPT_AT_LEAST: Duration = Duration::from_secs(5);
const KEPT_AT_MOST: Duration = Duration::from_secs(600);
/// What is older is not shown any more, not even while it is being added up anew.
const OLD: Duration = Duration::from_secs(1_200);

/// How long calls take on the mean is read off the figures of so long.
const HOUR: Duration = Duration::from_secs(3600);

/// What has waited for so long is late.
const LATE: Duration = Duration::from_secs(1);

/// Work and workers, set against each other.
pub(crate) struct Plan {
    /// The work that is due; none while it is being added up for the first time.
    pub(crate) planned: Option<Arc<Planned>>,
    /// The workers.
    pub(crate) supply: Supply,
    /// How long a call took on the mean; none if there was no call.
    pub(super) mean_call: Option<Duration>,
    /// What is late.
    pub(crate) late: Late,
}

impl Plan {
    /// The figures of all workers over the last hour.
    pub(crate) async fn last_hour(app: &App) -> Result<Figures> {
        let now = app.now();
        let rows = app.store.load(Tier::Minute, now - HOUR, now).await?;
        Ok(load::total(&rows))
    }

    /// The plan as of now, by how long calls took in the last hour.
    pub(crate) async fn by_last_hour(app: &App, patience: Duration) -> Result<Self> {
        let (workers, hour) = tokio::try_join!(app.store.workers(), Self::last_hour(app))?;
        Self::make(app, &workers, &hour, patience).await
    }

    /// The plan as of now. The work that is due is waited for no longer than `patience`.
    pub(crate) async fn make(app: &App, workers: &[Worker], hour: &Figures, patience: Duration) -> Result<Self> {
        let (late, planned) = tokio::join!(app.store.late(LATE), app.planner.planned(&app.store, patience));
        let (supply, mean_call) = (Supply::of(workers), hour.mean_took());
        let late = supply.judge(late?, planned.as_ref().map(|planned| &planned.demand), mean_call);
        Ok(Self { planned, supply, mean_call, late })
    }

    #[cfg(test)]
    pub(super) fn of(calls: u64, demand: Option<Demand>, supply: Supply, mean: Option<Duration>, now: Time) -> Self {
        let late = supply.judge(calls, demand.as_ref(), mean);
        let planned = demand.map(|demand| {
            Arc::new(Planned {
                as_of: now,
                demand,
                moments: Moments::default(),
                left_out: 0,
                made: Instant::now(),
                kept: KEPT_AT_LEAST,
            })
        });
        Self { planned, supply, mean_call: mean, late }
    }

    /// The slots that the work keeps busy in the long run, if that is known.
    pub(super) fn slots_needed(&self) -> Option<f64> {
        Some(self.planned.as_ref()?.demand.slots(self.mean_call?))
    }

    /// The workers that the work takes in the long run, if that is known.
    pub(super) fn workers_needed(&self) -> Option<u32> {
        self.supply.workers_for(self.slots_needed()?)
    }

    /// How many workers an autoscaler is to run, if that is known.
    pub(crate) fn workers_to_run(&self) -> Option<u32> {
        let demand = self.planned.as_ref().map(|planned| &planned.demand);
        self.supply.workers_to_run(&self.late, demand, self.mean_call)
    }

    /// The calls per second that the workers can carry, if that is known.
    pub(crate) fn capacity(&self) -> Option<f64> {
        Some(self.supply.per_second(self.mean_call?))
    }

    /// The calls due in each step of so many minutes, of the coming day. Nothing if it is not known.
    pub(super) fn forecast(&self, minutes: usize) -> Vec<(Time, f64)> {
        let steps = self.planned.iter().flat_map(|planned| planned.demand.per_step(minutes));
        steps.collect()
    }
}

/// The work that is due, as it was at a time.
pub(crate) struct Planned {
    /// When.
    pub(crate) as_of: Time,
    /// The work.
    pub(crate) demand: Demand,
    /// The moments at which it comes.
    pub(crate) moments: Moments,
    /// How many endpoints and jobs of pools that are switched off are left out.
    pub(crate) left_out: u64,
    made: Instant,
    kept: Duration,
}

/// Adds up the work that is due.
#[derive(Default)]
pub(crate) struct Planner {
    latest: watch::Sender<Option<Arc<Planned>>>,
    /// Held by whoever is at it.
    turn: Arc<Mutex<()>>,
}

impl Planner {
    /// The work that is due, if it is known within `patience`.
    pub(crate) async fn planned(&self, store: &Arc<dyn WebStore>, patience: Duration) -> Option<Arc<Planned>> {
        let fresh = |planned: &Option<Arc<Planned>>| planned.as_ref().is_some_and(|it| it.made.elapsed() < it.kept);
        let mut latest = self.latest.subscribe();
        if !fresh(&latest.borrow()) {
            if let Ok(turn) = Arc::clone(&self.turn).try_lock_owned() {
                let (store, latest) = (Arc::clone(store), self.latest.clone());
                tokio::spawn(async move {
                    let _turn = turn;
                    match add_up(&*store).await {
                        Ok(planned) => drop(latest.send_replace(Some(Arc::new(planned)))),
                        Err(error) => tracing::warn!(%error, "the work that is due could not be added up"),
                    }
                });
            }
            // If that is not enough, what there is has to do.
            let _ = tokio::time::timeout(patience, latest.wait_for(fresh)).await;
        }
        let planned = self.latest.borrow().clone();
        planned.filter(|it| it.made.elapsed() < OLD)
    }
}

async fn add_up(store: &dyn WebStore) -> Result<Planned> {
    let (as_of, began) = (store.now(), Instant::now());
    let (mut demand, mut moments, mut page) = (Demand::new(as_of), Moments::default(), PageRef::first(PAGE));
    let (mut is_off, mut left_out) = (HashMap::new(), 0);
    loop {
        let mut found = store.due_work(&page).await?;
        note_gates(store, &found.items, &mut is_off).await?;
        let all = found.items.len();
        found.items.retain(|work| work.gate.as_ref().is_none_or(|pool| is_off.get(pool) != Some(&true)));
        left_out += (all - found.items.len()) as u64;
        // Away from the runtime's threads: to find the coming times of so many patterns may take a while.
        let count = move || {
            for work in &found.items {
                demand.add(&work.schedule, work.due);
                moments.add(&work.schedule, work.due);
            }
            (demand, moments)
        };
        (demand, moments) = away(count).await?;
        page.cursor = found.next;
        if page.cursor.is_none() {
            break;
        }
    }
    let moments = away(|| moments.sorted()).await?;
    let made = Instant::now();
    let kept = ((made - began) * KEPT).clamp(KEPT_AT_LEAST, KEPT_AT_MOST);
    tracing::debug!(took = ?made - began, "the work that is due is added up");
    Ok(Planned { as_of, demand, moments, left_out, made, kept })
}

/// Looks at the gated pools of this work that are not known yet: each is limited, or it is off.
async fn note_gates(store: &dyn WebStore, work: &[DueWork], is_off: &mut HashMap<Pool, bool>) -> Result<()> {
    let new: HashSet<&Pool> = work.iter().filter_map(|work| work.gate.as_ref()).collect();
    let new: Vec<Pool> = new.into_iter().filter(|pool| !is_off.contains_key(*pool)).cloned().collect();
    if !new.is_empty() {
        let found = store.pool_settings(&new).await?;
        is_off.extend(found.into_iter().map(|settings| (settings.pool, !settings.active)));
    }
    Ok(())
}

async fn away<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::Unavailable(error.to_string()))
}
