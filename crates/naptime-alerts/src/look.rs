//! What is wrong now, found from what the store knows.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use futures::future::BoxFuture;
use naptime_core::load::Figures;
use naptime_core::plan::{Demand, Supply};
use naptime_core::problem::{Ailing, Facts, Found, by_host, find};
use naptime_core::{JobId, Pool, Stage, Tier, Time, Trouble};
use naptime_store::{Error, JobQuery, JobSummary, LATE_AFTER, PageRef, QueuedQuery, Result, WebStore};

use crate::TAG;

/// The most late calls that are counted.
const MAX_LATE_COUNTED: usize = 10_000;
/// So many attempts at an alert may fail before that is told: by then, half a minute has passed.
const QUIET_ATTEMPTS: u32 = 3;
/// The most failed alerts that are counted.
const MAX_FAILED_ALERTS: usize = 500;
/// The most failed one-off jobs that are counted.
const MAX_FAILED_JOBS: usize = 1_000;
/// The most pools of which it is asked whether they are down.
pub(crate) const MAX_POOLS: usize = 20;
const HOUR: Duration = Duration::from_secs(3600);

/// What is known without looking.
pub struct Known<'a> {
    /// Why the store takes no writes, if it takes none.
    pub fault: Option<String>,
    /// The receivers of alerts, and when each was added.
    pub receivers: BTreeMap<String, Time>,
    /// The endpoints in breach of their SLA, if there are more than are looked at.
    pub breached: u64,
    /// The one-off jobs that failed for good, alerts included; none: not known, so they are counted up to a thousand.
    pub failed_jobs: Option<u64>,
    /// The work that is due. It is asked for where calls are late, and only there.
    pub demand: BoxFuture<'a, Option<Demand>>,
    /// The most endpoints of each trouble that are looked at one by one.
    pub most: usize,
}

/// Looks for problems. What that costs grows with what is wrong, not with how many endpoints there are.
///
/// # Errors
/// Those of the store.
pub async fn look(store: &dyn WebStore, known: Known<'_>) -> Result<(Found, Time)> {
    let now = store.now();
    let page = PageRef::first(known.most);
    let [fails, puts_off, flaps] = Trouble::ALL.map(JobQuery::of_state);
    let staged = |stages: &[Stage], tag: Option<&str>| QueuedQuery {
        stages: stages.to_vec(),
        q: None,
        pool: None,
        tag: tag.map(str::to_owned),
    };
    let (failed_jobs, failed_alerts) =
        (staged(&[Stage::Failed], None), staged(&[Stage::Failed, Stage::Retrying], Some(TAG)));
    let count = async {
        match known.failed_jobs {
            Some(count) => Ok(count),
            None => Ok(store.queued(&failed_jobs, &PageRef::first(MAX_FAILED_JOBS)).await?.items.len() as u64),
        }
    };
    let alerts_page = PageRef::first(MAX_FAILED_ALERTS);
    let (workers, overdue, waiting, troubles, failing, put_off, flapping, breached, failed_jobs, failed_alerts) = tokio::try_join!(
        store.workers(),
        store.overdue(LATE_AFTER, MAX_LATE_COUNTED),
        store.waiting(),
        store.troubles(),
        store.list(&fails, &page),
        store.list(&puts_off, &page),
        store.list(&flaps, &page),
        store.in_breach(&page),
        count,
        store.queued(&failed_alerts, &alerts_page),
    )?;
    let all_alerts = failed_alerts.items.iter().filter(|job| job.stage == Some(Stage::Failed)).count() as u64;
    let mut by_receiver: BTreeMap<String, u64> = BTreeMap::new();
    for job in &failed_alerts.items {
        let to = job.tags.iter().find_map(|tag| tag.strip_prefix("to-"));
        let Some((name, added_at)) = to.and_then(|name| known.receivers.get_key_value(name)) else { continue };
        // What failed an hour ago is history, though its job is kept longer.
        let is_undelivered = match job.ended_at {
            Some(ended) => now.since(ended) < HOUR,
            None => job.attempt > QUIET_ATTEMPTS,
        };
        if is_undelivered && job.created_at >= *added_at {
            *by_receiver.entry(name.clone()).or_default() += 1;
        }
    }
    let supply = Supply::of(&workers);
    let late_calls = overdue.iter().map(|overdue| overdue.jobs).sum();
    // What takes longer to know is asked only where it matters.
    let active = if supply.workers == 0 { store.count().await?.active } else { 0 };
    let late = match late_calls {
        0 => supply.judge(0, None, None),
        _ => {
            let (rows, demand) = tokio::join!(store.load(Tier::Minute, now - HOUR, now), known.demand);
            let mut hour = Figures::default();
            rows?.iter().for_each(|row| hour.add(&row.figures));
            supply.judge(late_calls, demand.as_ref(), hour.mean_took())
        }
    };
    let in_breach = breached.items.len() as u64;
    let in_breach = if breached.next.is_some() { known.breached.max(in_breach) } else { in_breach };

    let mut ailing: BTreeMap<JobId, Ailing> = BTreeMap::new();
    for job in failing.items.into_iter().chain(put_off.items).chain(flapping.items) {
        ailing.insert(job.id, of(job));
    }
    for breached in breached.items {
        let Some(job) = breached.job else { continue };
        ailing.entry(job.id).or_insert_with(|| of(job)).breach = Some(breached.breach);
    }
    let ailing: Vec<Ailing> = ailing.into_values().collect();
    let mut pool_sizes = HashMap::new();
    for pool in by_host(&ailing).into_keys().take(MAX_POOLS) {
        pool_sizes.insert(pool.clone(), active_in(store, pool).await?);
    }
    let of_trouble = |trouble| troubles.get(&trouble).copied().unwrap_or(0);
    let found = find(&Facts {
        now,
        fault: known.fault.as_deref(),
        active,
        workers: &workers,
        late,
        late_since: overdue.iter().map(|overdue| overdue.since).min(),
        waiting: &waiting,
        ailing: &ailing,
        failing: of_trouble(Trouble::Failing),
        put_off: of_trouble(Trouble::PutOff),
        flapping: of_trouble(Trouble::Flapping),
        in_breach,
        failed_jobs: failed_jobs.saturating_sub(all_alerts),
        failed_alerts: &by_receiver,
        pool_sizes: &pool_sizes,
    });
    Ok((found, now))
}

/// How many endpoints of a pool are switched on.
pub(crate) async fn active_in(store: &dyn WebStore, pool: &Pool) -> Result<u64> {
    match store.pool(pool).await {
        Ok(summary) => Ok(summary.endpoints.active),
        Err(Error::NotFound) => Ok(0),
        Err(error) => Err(error),
    }
}

pub(crate) fn of(job: JobSummary) -> Ailing {
    let JobSummary { id, endpoint, name, tags, due, trouble, recent, last, .. } = job;
    Ailing { id, endpoint, name, tags, due, trouble, breach: None, recent, last }
}
