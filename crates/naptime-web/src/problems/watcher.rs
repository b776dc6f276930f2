//! What needs somebody, as pages and API show it: looked for at most once a second, however many want to know.

use std::borrow::Cow;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use naptime_alerts::Known;
use naptime_core::problem::Found;
use naptime_core::{Stage, Time};
use naptime_store::{Result, WebStore};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::app::App;

/// How long what was found is good for.
const GOOD_FOR: Duration = Duration::from_secs(1);
/// The most endpoints of each trouble that are looked at one by one.
const MAX_LOOKED_AT: usize = 500;
/// How long the number of failed one-off jobs is good for: to count them, those that are done are counted as well.
const COUNT_GOOD_FOR: Duration = Duration::from_secs(5);
/// What was found so long ago is looked for again when somebody opens a page, whichever it is.
const STALE: Duration = Duration::from_secs(5);
/// What was found longer ago says nothing of now.
const OLD: Duration = Duration::from_secs(30);

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
    let store = &app.store;
    let fault = app.health.fault(store).await;
    let (stood, failed_jobs, kept) = tokio::try_join!(
        app.recent.standing(store),
        app.watcher.failed_jobs(store),
        naptime_alerts::settings(&**store),
    )?;
    let receivers = kept.receivers.into_values().map(|it| (it.value.name, it.value.added_at)).collect();
    let demand = async {
        let planned = app.planner.planned(store, Duration::ZERO).await;
        planned.map(|planned| planned.demand.clone())
    };
    let fault = fault.map(Cow::into_owned);
    let known = Known {
        receivers,
        fault,
        breached: stood.standing.breached,
        failed_jobs: Some(failed_jobs),
        demand: demand.boxed(),
        most: MAX_LOOKED_AT,
    };
    naptime_alerts::look(&**store, known).await
}
