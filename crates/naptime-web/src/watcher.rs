//! What needs somebody, as pages and API show it: looked for at most once a second, however many want to know.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use naptime_core::load::Figures;
use naptime_core::plan::Supply;
use naptime_core::problem::{Ailing, Facts, Found, find};
use naptime_core::{JobId, Stage, Tier, Time, Trouble};
use naptime_store::{JobQuery, JobSummary, PageRef, Result};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::app::App;

/// How long what was found is good for.
const GOOD_FOR: Duration = Duration::from_secs(1);
/// A call that could have been made for so long is late.
const LATE: Duration = Duration::from_secs(5);
/// The most late calls that are counted.
const MOST_LATE: usize = 10_000;
/// The most endpoints of each trouble that are looked at one by one.
const MOST_LOOKED_AT: usize = 500;
const HOUR: Duration = Duration::from_secs(3600);

/// What was found, and when.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) found: Found,
    pub(crate) at: Time,
    asked: Instant,
}

/// The last look.
#[derive(Debug, Default)]
pub(crate) struct Watcher {
    last: std::sync::Mutex<Option<Arc<Look>>>,
    /// Held by the one that looks.
    looking: Mutex<()>,
}

impl Watcher {
    /// What is wrong now. One request asks the store, the others wait for it.
    pub(crate) async fn look(&self, app: &App) -> Result<Arc<Look>> {
        let good = || self.last().filter(|last| last.asked.elapsed() < GOOD_FOR);
        if let Some(last) = good() {
            return Ok(last);
        }
        let _looking = self.looking.lock().await;
        // Somebody else may have done so meanwhile.
        if let Some(last) = good() {
            return Ok(last);
        }
        let asked = Instant::now();
        let (found, at) = look(app).await?;
        let look = Arc::new(Look { found, at, asked });
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(look.clone());
        Ok(look)
    }

    /// What was found last, if anybody has looked.
    pub(crate) fn last(&self) -> Option<Arc<Look>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn look(app: &App) -> Result<(Found, Time)> {
    let (store, now) = (&app.store, app.now());
    let fault = app.health.fault(store).await;
    let page = PageRef::first(MOST_LOOKED_AT);
    let [fails, flaps] = [Trouble::Failing, Trouble::Flapping].map(in_trouble);
    let (count, workers, overdue, waiting, troubles, failing, flapping, breached, stood, stages, rows, planned) = tokio::try_join!(
        store.count(),
        store.workers(),
        store.overdue(LATE, MOST_LATE),
        store.waiting(),
        store.troubles(),
        store.list(&fails, &page),
        store.list(&flaps, &page),
        store.in_breach(&page),
        app.recent.standing(store),
        store.stages(),
        store.load(Tier::Minute, now - HOUR, now),
        async { Ok(app.planner.planned(store, Duration::ZERO).await) },
    )?;
    let mut hour = Figures::default();
    rows.iter().for_each(|row| hour.add(&row.figures));
    let late_calls = overdue.iter().map(|overdue| overdue.jobs).sum();
    let demand = planned.as_ref().map(|planned| &planned.demand);
    let in_breach = stood.breached(&page, &breached);

    let mut ailing: BTreeMap<JobId, Ailing> = BTreeMap::new();
    for job in failing.items.into_iter().chain(flapping.items) {
        ailing.insert(job.id, of(job));
    }
    for breached in breached.items {
        let Some(job) = breached.job else { continue };
        ailing.entry(job.id).or_insert_with(|| of(job)).breach = Some(breached.breach);
    }
    let ailing: Vec<Ailing> = ailing.into_values().collect();
    let of_trouble = |trouble| troubles.get(&trouble).copied().unwrap_or(0);
    let found = find(&Facts {
        now,
        fault: fault.as_deref(),
        active: count.active,
        workers: &workers,
        late: Supply::of(&workers).judge(late_calls, demand, hour.mean_took()),
        late_since: overdue.iter().map(|overdue| overdue.since).min(),
        waiting: &waiting,
        ailing: &ailing,
        failing: of_trouble(Trouble::Failing),
        flapping: of_trouble(Trouble::Flapping),
        in_breach,
        failed_jobs: stages.get(&Stage::Failed).copied().unwrap_or(0),
    });
    Ok((found, now))
}

fn in_trouble(trouble: Trouble) -> JobQuery {
    JobQuery { trouble: Some(trouble), ..JobQuery::default() }
}

fn of(job: JobSummary) -> Ailing {
    let JobSummary { id, endpoint, name, trouble, recent, last, .. } = job;
    Ailing { id, endpoint, name, trouble, breach: None, recent, last }
}
