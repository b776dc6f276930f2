//! Pools.

mod deleted;
mod document;
mod gates;

use std::collections::HashMap;

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::bson::{Document, doc};
use mongodb::options::Hint;
use naptime_core::{Pool, PoolChange, PoolSettings, Rev, Time};
use naptime_store::{Clock, Error, JobCount, Page, PageRef, PoolSummary, Pools, Result};
use serde::Deserialize;

pub(crate) use self::document::{DownDocument, from_settings, there, to_settings};
use self::document::{PoolDocument, as_it_is, gate_of, settings, without_passes};
pub(crate) use self::gates::{REGATED, by_pool_and_gate};
use crate::MongoStore;
use crate::command::{self, MAX_TIME};
use crate::document::{Shelf, bson, date, millis, read};
use crate::joined::{name_of, read_row};
use crate::list::{by_pool, escape};
use crate::pipeline::cond;

/// How often a change is tried anew when another came between.
const MAX_TRIES: usize = 20;

#[derive(Deserialize)]
struct CountDocument {
    _id: String,
    total: i64,
    active: i64,
}

#[async_trait]
impl Pools for MongoStore {
    async fn pool(&self, pool: &Pool) -> Result<PoolSummary> {
        let settings = settings(self.find_pool(pool).await?)?;
        Ok(self.summaries(vec![settings]).await?.remove(0))
    }

    async fn pools(&self, q: Option<&str>, page: &PageRef) -> Result<Page<PoolSummary>> {
        let mut name = Document::new();
        if let Some(cursor) = &page.cursor {
            name.insert("$gt", Pool::parse(cursor).map_err(|_| Error::BadCursor)?.as_str());
        }
        if let Some(q) = q {
            name.insert("$regex", escape(&q.to_lowercase()));
        }
        let mut filter = there();
        if !name.is_empty() {
            filter.insert("_id", name);
        }
        let limit = page.probe();
        let pools = self.pools.clone();
        let find = async move {
            let find = pools.find(filter).sort(doc! {"_id": 1}).limit(limit).projection(without_passes());
            find.max_time(MAX_TIME).await?.try_collect::<Vec<Document>>().await
        };
        let found = Page::of(command::bounded(find).await?, page, |last| name_of(last.get("_id")));
        let read = |it: Document| read_row(it.get("_id").cloned(), to_settings(it));
        let Page { items, next, prev, unreadable } = found.map(read).sorted_out();
        Ok(Page { items: self.summaries(items).await?, next, prev, unreadable })
    }

    async fn pool_settings(&self, pools: &[Pool]) -> Result<Vec<PoolSettings>> {
        let mut filter = there();
        filter.insert("_id", doc! {"$in": pools.iter().map(Pool::as_str).collect::<Vec<_>>()});
        let pools = self.pools.clone();
        let find = async move {
            let find = pools.find(filter).projection(without_passes()).max_time(MAX_TIME);
            find.await?.try_collect::<Vec<Document>>().await
        };
        let read = |it: Document| read_row(it.get("_id").cloned(), to_settings(it)).ok();
        Ok(command::bounded(find).await?.into_iter().filter_map(read).collect())
    }

    async fn in_flight(&self, pool: &Pool) -> Result<u32> {
        let alive = doc! {"$filter": {
            "input": "$flights", "as": "it", "cond": {"$gt": ["$$it.until", self.clock.server_now()]},
        }};
        let (pools, filter) = (self.pools.clone(), doc! {"_id": pool.as_str()});
        let shown = doc! {"_id": 0, "held": {"$size": alive}};
        let count = async move { pools.find_one(filter).projection(shown).max_time(MAX_TIME).await };
        let held = command::bounded(count).await?.and_then(|found| found.get_i32("held").ok());
        Ok(held.and_then(|held| u32::try_from(held).ok()).unwrap_or(0))
    }

    async fn change_pool(&self, pool: &Pool, expect: Option<Rev>, change: PoolChange) -> Result<PoolSettings> {
        let change = |settings: &mut PoolSettings, now| match expect {
            Some(rev) if rev != settings.rev => Err(Error::Stale(settings.rev)),
            _ => Ok(settings.change(change.clone(), now)),
        };
        self.change(pool, Document::new(), change).await.map(|(settings, _)| settings)
    }

    async fn delete_pool(&self, pool: &Pool, expect: Option<Rev>) -> Result<()> {
        for _ in 0..MAX_TRIES {
            let before = self.find_pool(pool).await?;
            if expect.is_some_and(|rev| rev != before.rev) {
                return Err(Error::Stale(before.rev));
            }
            self.check_unused(pool).await?;
            if let Some(before) = self.mark_deleted(pool, before.rev).await? {
                // Somebody may have added a job who looked at the pool before, and may have died since.
                if let Err(in_use) = self.check_unused(pool).await {
                    return if self.undo_delete(pool, before).await? { Err(in_use) } else { Ok(()) };
                }
                return self.regate(pool.as_str(), "").await;
            }
        }
        Err(Error::Unavailable(format!("the pool was changed {MAX_TRIES} times while it was to be deleted")))
    }
}

impl MongoStore {
    /// Changes a pool by `change`, which says whether it changed anything. Where it did, `set` is set beside. Returns the
    /// pool as it is after that, and whether it was changed.
    pub(crate) async fn change(
        &self,
        pool: &Pool,
        set: Document,
        change: impl Fn(&mut PoolSettings, Time) -> Result<bool> + Send + Sync,
    ) -> Result<(PoolSettings, bool)> {
        for _ in 0..MAX_TRIES {
            let before = settings(self.find_pool(pool).await?)?;
            let mut after = before.clone();
            if !change(&mut after, self.now())? {
                return Ok((before, false));
            }
            let gate = gate_of(&after);
            let now = self.clock.server_now();
            let mut set = set.clone();
            set.extend(doc! {
                "active": after.active,
                "headers": {"$literal": bson(&after.headers)?},
                "max_in_flight": after.max_in_flight,
                "max_per_second": after.max_per_second,
                "max_timeout_ms": after.max_timeout.map(millis),
                "transport": {"$literal": bson(&after.transport)?},
                "probe": after.probe,
                "down": after.down.map(DownDocument::write),
                "rev": after.rev.0,
                "updated_at": date(after.updated_at),
                "gate": {"$literal": gate},
                "regate_until": {"$add": [now, millis(REGATED)]},
                "known": true,
            });
            let filter = as_it_is(&before);
            // A field in a pipeline is merged into the document that was there.
            let stages = vec![doc! {"$unset": "down"}, doc! {"$set": set}];
            let pools = self.pools.clone();
            let update = async move {
                let update = pools.find_one_and_update(filter, stages);
                update.projection(doc! {"_id": 1}).max_time(MAX_TIME).await
            };
            if command::bounded(update).await?.is_some() {
                if before.is_gated() != after.is_gated()
                    && let Err(error) = self.regate(pool.as_str(), gate).await
                {
                    tracing::debug!(%pool, %error, "the workers go on with what is left of a change of a pool");
                }
                self.wake_workers();
                return Ok((after, true));
            }
        }
        Err(Error::Unavailable(format!("the pool was changed {MAX_TRIES} times while this change was tried")))
    }

    async fn find_pool(&self, pool: &Pool) -> Result<PoolDocument> {
        let mut filter = there();
        filter.insert("_id", pool.as_str());
        let pools = self.pools.clone();
        let find = async move { pools.find_one(filter).projection(without_passes()).max_time(MAX_TIME).await };
        read(command::bounded(find).await?.ok_or(Error::NotFound)?)
    }

    /// The pools with the numbers of their endpoints, which are counted in an index alone.
    async fn summaries(&self, pools: Vec<PoolSettings>) -> Result<Vec<PoolSummary>> {
        let names: Vec<&str> = pools.iter().map(|it| it.pool.as_str()).collect();
        let count = [
            doc! {"$match": {"pool": {"$in": names}, "shelf": Shelf::Endpoints.as_str()}},
            doc! {"$group": {
                "_id": "$pool", "total": {"$sum": 1_i64}, "active": {"$sum": cond("$active", 1_i64, 0_i64)},
            }},
        ];
        let jobs = self.jobs.clone();
        let count = async move {
            let count = jobs.aggregate(count).hint(Hint::Keys(by_pool())).max_time(MAX_TIME);
            count.with_type::<CountDocument>().await?.try_collect::<Vec<_>>().await
        };
        let counts: HashMap<String, CountDocument> =
            command::bounded(count).await?.into_iter().map(|count| (count._id.clone(), count)).collect();
        let summary = |settings: PoolSettings| {
            let count = counts.get(settings.pool.as_str());
            let number = |of: fn(&CountDocument) -> i64| u64::try_from(count.map_or(0, of)).unwrap_or(0);
            let endpoints = JobCount { total: number(|it| it.total), active: number(|it| it.active) };
            PoolSummary { settings, endpoints }
        };
        Ok(pools.into_iter().map(summary).collect())
    }
}
