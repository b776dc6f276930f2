//! What needs somebody, as pages and API show it: looked for at most once a second, however many want to know.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use naptime_core::load::Figures;
use naptime_core::plan::Supply;
use naptime_core::problem::{Ailing, Facts, Found, find, may_be_down};
use naptime_core::{JobId, Stage, Tier, Time, Trouble};
use naptime_store::{Error, JobQuery, JobSummary, PageRef, Result, WebStore};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::app::App;

/// How long what was found is good for.
const GOOD_FOR: Duration = Duration::from_secs(1);
/// A call that could have been made for so long is late.
const LATE_AFTER: Duration = Duration::from_secs(5);
/// The most late calls that are counted.
const MAX_LATE_COUNTED: usize = 10_000;
/// The most endpoints of each trouble that are looked at one by one.
const MAX_LOOKED_AT: usize = 500;
/// The most pools of which it is asked whether they are down.
const MAX_POOLS: usize = 20;
/// How long the number of failed one-off jobs is good for: to count them, those that are done are counted as well.
const COUNT_GOOD_FOR: Duration = Duration::from_secs(5);
/// What was found so long ago is looked for again when somebody opens a page, whichever it is.
const STALE: Duration = Duration::from_secs(5);
/// What was found longer ago says nothing of now.
const OLD: Duration = Duration::from_secs(30);
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
    /// How many one-off jobs had failed, and when.
    failed_jobs: Mutex<Option<(Instant, u64)>>,
}

impl Watcher {
    /// What is wrong now. One request asks the store, the others wait for it.
    pub(crate) async fn look(&self, app: &App) -> Result<Arc<Look>> {
        let arrived = Instant::now();
        // Whoever waited for a look that was begun before may have it, however long it took.
        let good = || self.last().filter(|last| last.asked + GOOD_FOR > arrived);
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

    /// What was found last, if anybody has looked lately.
    pub(crate) fn last(&self) -> Option<Arc<Look>> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        last.filter(|last| last.asked.elapsed() < OLD)
    }

    /// Whether it is time for another look, for those who only want to know how many problems there are.
    pub(crate) fn is_stale(&self) -> bool {
        self.last().is_none_or(|last| last.asked.elapsed() > STALE)
    }

    async fn failed_jobs(&self, store: &Arc<dyn WebStore>) -> Result<u64> {
        let mut last = self.failed_jobs.lock().await;
        match *last {
            Some((at, count)) if at.elapsed() < COUNT_GOOD_FOR => Ok(count),
            _ => {
                let count = store.stages().await?.get(&Stage::Failed).copied().unwrap_or(0);
                *last = Some((Instant::now(), count));
                Ok(count)
            }
        }
    }
}

async fn look(app: &App) -> Result<(Found, Time)> {
    let (store, now) = (&app.store, app.now());
    let fault = app.health.fault(store).await;
    let page = PageRef::first(MAX_LOOKED_AT);
    let [fails, flaps] = [Trouble::Failing, Trouble::Flapping].map(in_trouble);
    let (workers, overdue, waiting, troubles, failing, flapping, breached, stood, failed_jobs) = tokio::try_join!(
        store.workers(),
        store.overdue(LATE_AFTER, MAX_LATE_COUNTED),
        store.waiting(),
        store.troubles(),
        store.list(&fails, &page),
        store.list(&flaps, &page),
        store.in_breach(&page),
        app.recent.standing(store),
        app.watcher.failed_jobs(store),
    )?;
    let supply = Supply::of(&workers);
    let late_calls = overdue.iter().map(|overdue| overdue.jobs).sum();
    // What takes longer to know is asked only where it matters.
    let active = if supply.workers == 0 { store.count().await?.active } else { 0 };
    let late = match late_calls {
        0 => supply.judge(0, None, None),
        _ => {
            let (rows, planned) =
                tokio::join!(store.load(Tier::Minute, now - HOUR, now), app.planner.planned(store, Duration::ZERO),);
            let mut hour = Figures::default();
            rows?.iter().for_each(|row| hour.add(&row.figures));
            supply.judge(late_calls, planned.as_ref().map(|planned| &planned.demand), hour.mean_took())
        }
    };
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
    let mut pool_sizes = HashMap::new();
    for pool in may_be_down(&ailing).into_iter().take(MAX_POOLS) {
        match store.pool(pool).await {
            Ok(summary) => drop(pool_sizes.insert(pool.clone(), summary.endpoints.active)),
            Err(Error::NotFound) => {}
            Err(error) => return Err(error),
        }
    }
    let of_trouble = |trouble| troubles.get(&trouble).copied().unwrap_or(0);
    let found = find(&Facts {
        now,
        fault: fault.as_deref(),
        active,
        workers: &workers,
        late,
        late_since: overdue.iter().map(|overdue| overdue.since).min(),
        waiting: &waiting,
        ailing: &ailing,
        failing: of_trouble(Trouble::Failing),
        flapping: of_trouble(Trouble::Flapping),
        in_breach,
        failed_jobs,
        pool_sizes: &pool_sizes,
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
