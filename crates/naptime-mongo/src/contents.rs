//! All that the database holds, read part by part.

mod history;

use std::collections::HashMap;

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::bson::{DateTime, Document, doc};
use naptime_core::standing::Amount;
use naptime_core::{Job, JobId, PoolSettings, Tier, Time};
use naptime_store::moving::{Contents, HistoryCursor, HistoryPart, Settings, check_records};
use naptime_store::{Error, History, Records, Result, Rules};
use serde::Deserialize;

use crate::MongoStore;
use crate::command::{self, MAX_TIME};
use crate::document::{Due, read, time, to_config, uuid};
use crate::joined::{BETWEEN_TRIES, MAX_TRIES, among, by_ids, name_of};

#[derive(Deserialize)]
struct SumDocument {
    tier: i64,
    at: DateTime,
    promised_ms: i64,
    breached_ms: i64,
}

#[async_trait]
impl Contents for MongoStore {
    async fn jobs_after(&self, after: Option<JobId>, limit: usize) -> Result<Vec<Job>> {
        let filter = after.map_or_else(Document::new, |after| doc! {"_id": {"$gt": uuid(after.uuid())}});
        self.find_readable(filter, limit).await
    }

    async fn jobs_of(&self, ids: &[JobId]) -> Result<Vec<Job>> {
        self.find_readable(by_ids(ids), ids.len()).await
    }

    async fn settings(&self) -> Result<Settings> {
        let records = self.records().await?;
        check_records(&records)?;
        Ok(Settings {
            pools: self.all_pools().await?,
            rules: self.rules(None).await?,
            records,
            sums: self.sums().await?,
            total: self.total().await?,
        })
    }

    async fn history_after(&self, after: HistoryCursor, limit: usize) -> Result<HistoryPart> {
        self.history_part(after, limit).await
    }
}

impl MongoStore {
    /// The first jobs that a filter finds, whole, in the order of their ids. If an edit or a purge comes between the two
    /// reads, both are made again: none may be missing.
    async fn find_readable(&self, filter: Document, limit: usize) -> Result<Vec<Job>> {
        let mut torn = None;
        for _ in 0..MAX_TRIES {
            let configs = self.find_first("jobs", filter.clone(), limit).await?;
            let configs = configs.into_iter().map(config).collect::<Result<Vec<_>>>()?;
            if configs.is_empty() {
                return Ok(configs);
            }
            let ids: Vec<JobId> = configs.iter().map(|config| config.id).collect();
            let due = self.find_due(among(&ids)).await?;
            match join(configs, due) {
                Ok(jobs) => return Ok(jobs),
                Err(id) => torn = Some(id),
            }
            tokio::time::sleep(BETWEEN_TRIES).await;
        }
        let id = torn.map(|id| id.to_string()).unwrap_or_default();
        Err(Error::Corrupt(format!("job {id} has no due work of its revision that can be read")))
    }

    /// The first documents that a filter finds, by their ids.
    pub(crate) async fn find_first(&self, collection: &str, filter: Document, limit: usize) -> Result<Vec<Document>> {
        let collection = self.db.collection::<Document>(collection);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let find = async move {
            let find = collection.find(filter).sort(doc! {"_id": 1}).limit(limit).max_time(MAX_TIME);
            find.await?.try_collect().await
        };
        command::bounded(find).await
    }

    async fn all_pools(&self) -> Result<Vec<PoolSettings>> {
        let found = self.find_first("pools", crate::pools::there(), usize::MAX).await?;
        found.into_iter().map(crate::pools::to_settings).collect()
    }

    /// The sums of what has ended of SLAs.
    async fn sums(&self) -> Result<HashMap<(Tier, Time), Amount>> {
        self.find_first("sla", Document::new(), usize::MAX).await?.into_iter().map(sum).collect()
    }
}

fn config(document: Document) -> Result<Job> {
    let id = document.get("_id").cloned();
    to_config(document).map_err(|error| Error::Corrupt(format!("job {}: {error}", name_of(id.as_ref()))))
}

/// The jobs of these configurations; the id of one that has no due work of its revision.
fn join(configs: Vec<Job>, due: Vec<Due>) -> std::result::Result<Vec<Job>, JobId> {
    let mut due: HashMap<JobId, Due> = due.into_iter().map(|due| (due.id, due)).collect();
    let join = |config: Job| match due.remove(&config.id).filter(|due| due.is_of(&config)) {
        Some(due) => Ok(config.in_state(due.plan, due.state)),
        None => Err(config.id),
    };
    configs.into_iter().map(join).collect()
}

fn sum(document: Document) -> Result<((Tier, Time), Amount)> {
    let SumDocument { tier, at, promised_ms, breached_ms } = read(document)?;
    let [promised_ms, breached_ms] = [promised_ms, breached_ms].map(i64::unsigned_abs);
    Ok(((to_tier(tier)?, time(at)), Amount { promised_ms, breached_ms }))
}

/// The tier of a document, which is stored by its seconds.
fn to_tier(seconds: i64) -> Result<Tier> {
    let tier = Tier::ALL.into_iter().find(|tier| i64::from(tier.seconds()) == seconds);
    tier.ok_or_else(|| Error::Corrupt(format!("there is no tier of {seconds} s")))
}
