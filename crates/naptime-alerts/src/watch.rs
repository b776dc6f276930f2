//! Looks for problems, and adds the jobs that tell of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use naptime_core::Stage;
use naptime_core::alert::{Receiver, Says};
use naptime_core::problem::Report;
use naptime_store::{PageRef, QueuedQuery, Result, WebStore};
use tokio_util::sync::CancellationToken;

use crate::kept::{Kept, OPEN, SENT};
use crate::look::{Known, look};
use crate::settings::{id, json, settings};
use crate::{Place, render};

/// How often problems are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// The most failed one-off jobs that are counted.
const MAX_FAILED_JOBS: usize = 1_000;

/// Looks for problems, and adds the jobs that tell of them.
pub struct Watch {
    store: Arc<dyn WebStore>,
    place: Place,
    is_my_turn: Box<dyn Fn() -> bool + Send + Sync>,
}

impl Watch {
    /// One that looks while it is its turn: one of all workers is to be at a time, though two do no harm.
    pub fn new(store: Arc<dyn WebStore>, place: Place, is_my_turn: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self { store, place, is_my_turn: Box::new(is_my_turn) }
    }

    /// Looks every three seconds, until `stop`. What cannot be done now is done the next time.
    pub async fn run(self, stop: &CancellationToken) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            if (self.is_my_turn)()
                && let Err(error) = self.pass().await
            {
                tracing::debug!(%error, "cannot look for problems");
            }
        }
    }

    /// Looks once: notes what has opened or is over, adds the alerts, and notes that they were added, in this order. So
    /// none is lost if it is killed in between, and one that comes again has the same id.
    pub(crate) async fn pass(&self) -> Result<()> {
        let store = &*self.store;
        let mut kept = settings(store).await?;
        if kept.receivers.is_empty() {
            return self.forget(&kept).await;
        }
        let reports = self.find().await?;
        let now = store.now();
        let changed = kept.book.note(&reports, now);
        if !self.write(&mut kept, &changed, &BTreeSet::new()).await? {
            return Ok(());
        }
        let receivers: Vec<Receiver> = kept.receivers.values().map(|it| it.value.clone()).collect();
        let mutes: Vec<_> = kept.mutes.values().map(|it| it.value.clone()).collect();
        let alerts = kept.book.alerts(&receivers, &mutes, now);
        let mut jobs = Vec::new();
        for alert in &alerts {
            let Some(receiver) = kept.receivers.get(&alert.receiver) else { continue };
            match render::jobs(alert, &receiver.value, &self.place, now) {
                Ok(made) => jobs.extend(made),
                Err(fault) => tracing::error!(receiver = alert.receiver, %fault, "an alert cannot be sent"),
            }
        }
        if !jobs.is_empty() {
            store.insert(jobs).await?;
        }
        let (mut told, mut sent) = (BTreeSet::new(), BTreeSet::new());
        for alert in &alerts {
            kept.book.note_sent(alert, now);
            sent.insert(alert.receiver.clone());
            match &alert.says {
                Says::One(_, open) => drop(told.insert(open.report.id.clone())),
                Says::Many(events) => told.extend(events.iter().map(|(_, open)| open.report.id.clone())),
            }
        }
        if !self.write(&mut kept, &told, &sent).await? {
            return Ok(());
        }
        for problem in kept.book.done(&receivers, now) {
            self.remove(&kept, &id(OPEN, &problem)).await?;
        }
        Ok(())
    }

    /// What is wrong now.
    async fn find(&self) -> Result<Vec<Report>> {
        let failed = QueuedQuery { stages: vec![Stage::Failed], q: None, pool: None, tag: None };
        let failed = self.store.queued(&failed, &PageRef::first(MAX_FAILED_JOBS)).await?;
        let known = Known {
            // Where nothing can be written, nobody can be told.
            fault: None,
            breached: 0,
            failed_jobs: failed.items.len() as u64,
            demand: async { None }.boxed(),
        };
        let (found, _) = look(&*self.store, known).await?;
        Ok(found.problems.iter().map(Report::from).collect())
    }

    /// Writes the problems and what was sent of which these are. Returns whether nobody else has written any of them.
    async fn write(&self, kept: &mut Kept, open: &BTreeSet<String>, sent: &BTreeSet<String>) -> Result<bool> {
        let mut records = BTreeMap::new();
        for problem in open {
            if let Some(open) = kept.book.open.get(problem) {
                records.insert(id(OPEN, problem), json(open)?);
            }
        }
        for receiver in sent {
            if let Some(sent) = kept.book.sent.get(receiver) {
                records.insert(id(SENT, receiver), json(sent)?);
            }
        }
        for (record, value) in records {
            let rev = kept.revs.get(&record).copied();
            let Some(rev) = self.store.put_record(&record, rev, value).await? else { return Ok(false) };
            kept.revs.insert(record, rev);
        }
        Ok(true)
    }

    async fn remove(&self, kept: &Kept, record: &str) -> Result<()> {
        if let Some(rev) = kept.revs.get(record) {
            // If somebody has written it meanwhile, it is looked at again.
            self.store.remove_record(record, *rev).await?;
        }
        Ok(())
    }

    /// Nobody wants to be told: what is open is new to whoever is added later.
    async fn forget(&self, kept: &Kept) -> Result<()> {
        let open = kept.book.open.keys().map(|name| id(OPEN, name));
        let sent = kept.book.sent.keys().map(|name| id(SENT, name));
        for record in open.chain(sent) {
            self.remove(kept, &record).await?;
        }
        Ok(())
    }
}
