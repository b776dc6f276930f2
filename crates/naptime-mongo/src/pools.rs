//! Pools as documents, and the gate that their jobs carry.
//!
//! `gate` in a job is a copy of `gate` in its pool: the pool's name if the pool is gated, or else "". A copy can be
//! out of date, for a job may be added, or moved to the pool, while the gate changes. So whoever writes one looks at the
//! pool once more after that, and puts it right; and for a minute after a change, which is longer than any such write
//! takes, every worker puts right what it finds (`regate_until`), whoever died in between.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::{Bson, DateTime, Document, doc};
use mongodb::options::Hint;
use naptime_core::{Headers, Pool, PoolChange, PoolSettings, Rev, Stage, Transport};
use naptime_store::{Clock, Error, JobCount, Page, PageRef, PoolSummary, Pools, Result};
use serde::Deserialize;

use crate::MongoStore;
use crate::command::{self, MAX_TIME, Update};
use crate::document::{Shelf, bson, date, duration, millis, read, time};
use crate::jobs::{by_pool, escape};
use crate::joined::{name_of, read_row};
use crate::pipeline::{cond, is_null};

/// How long after a change of a pool the gates of its jobs are looked after: longer than adding a job may take.
pub(crate) const REGATED: Duration = Duration::from_secs(60);
/// How often a change is tried anew when another came between.
const MAX_TRIES: usize = 20;

/// A pool's document, but for its passes.
#[derive(Deserialize)]
struct PoolDocument {
    _id: String,
    active: bool,
    headers: Headers,
    max_in_flight: Option<u32>,
    max_per_second: Option<u32>,
    #[serde(default)]
    max_timeout_ms: Option<i64>,
    #[serde(default)]
    transport: Transport,
    rev: Rev,
    updated_at: DateTime,
    gate: String,
    regate_until: Option<DateTime>,
    #[serde(default)]
    deleted: bool,
}

/// The gate that jobs of a pool carry.
struct GateDocument {
    gate: String,
    deleted: bool,
}

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
        let read = |it: Document| read_row(it.get("_id").cloned(), read(it).and_then(settings));
        let Page { items, next, unreadable } = found.map(read).sorted_out();
        Ok(Page { items: self.summaries(items).await?, next, unreadable })
    }

    async fn pool_settings(&self, pools: &[Pool]) -> Result<Vec<PoolSettings>> {
        let mut filter = there();
        filter.insert("_id", doc! {"$in": pools.iter().map(Pool::as_str).collect::<Vec<_>>()});
        let pools = self.pools.clone();
        let find = async move {
            let find = pools.find(filter).projection(without_passes()).max_time(MAX_TIME);
            find.await?.try_collect::<Vec<Document>>().await
        };
        let read = |it: Document| read_row(it.get("_id").cloned(), read(it).and_then(settings)).ok();
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
        for _ in 0..MAX_TRIES {
            let before = settings(self.find_pool(pool).await?)?;
            if expect.is_some_and(|rev| rev != before.rev) {
                return Err(Error::Stale(before.rev));
            }
            let mut after = before.clone();
            if !after.change(change.clone(), self.now()) {
                return Ok(before);
            }
            let gate = if after.is_gated() { pool.as_str() } else { "" };
            let now = self.clock.server_now();
            let set = doc! {
                "active": after.active,
                "headers": {"$literal": bson(&after.headers)?},
                "max_in_flight": after.max_in_flight,
                "max_per_second": after.max_per_second,
                "max_timeout_ms": after.max_timeout.map(millis),
                "transport": {"$literal": bson(&after.transport)?},
                "rev": after.rev.0,
                "updated_at": date(after.updated_at),
                "gate": {"$literal": gate},
                "regate_until": {"$add": [now, millis(REGATED)]},
                "known": true,
            };
            let filter = of_rev(pool, before.rev);
            let pools = self.pools.clone();
            let update = async move {
                let update = pools.find_one_and_update(filter, vec![doc! {"$set": set}]);
                update.projection(doc! {"_id": 1}).max_time(MAX_TIME).await
            };
            if command::bounded(update).await?.is_some() {
                if let Err(error) = self.regate(pool.as_str(), gate).await {
                    tracing::debug!(%pool, %error, "the workers go on with what is left of a change of a pool");
                }
                self.wake_workers();
                return Ok(after);
            }
        }
        Err(Error::Unavailable(format!("the pool was changed {MAX_TRIES} times while this change was tried")))
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

/// How a pool is deleted. Its document stays for as long as adding a job may take, as one without limits that is in no
/// list: a job that was added meanwhile finds no gate that nobody opens. A job that joins it brings it back.
impl MongoStore {
    /// Fails if there is a job of this pool that is neither deleted nor over.
    async fn check_unused(&self, pool: &Pool) -> Result<()> {
        let count = |from: &Collection<Document>, filter: Document, index: Document| {
            let from = from.clone();
            command::bounded(
                async move { from.count_documents(filter).hint(Hint::Keys(index)).max_time(MAX_TIME).await },
            )
        };
        let recurring = doc! {"pool": pool.as_str(), "shelf": Shelf::Endpoints.as_str()};
        let not_over = doc! {"$gt": "", "$ne": Stage::Cancelled.as_str()};
        let once = doc! {"pool": pool.as_str(), "stage": not_over, "ended_at": null};
        let (endpoints, once) =
            tokio::try_join!(count(&self.jobs, recurring, by_pool()), count(&self.due, once, by_pool_and_gate()))?;
        match (endpoints, once) {
            (0, 0) => Ok(()),
            (endpoints, once) => Err(Error::PoolInUse { endpoints, once }),
        }
    }

    /// Puts a plain, hidden document in the place of the pool's of this revision, and returns that.
    async fn mark_deleted(&self, pool: &Pool, rev: Rev) -> Result<Option<Document>> {
        let now = self.now();
        let mut hidden = new_document(pool.as_str(), date(now));
        hidden.extend(doc! {"deleted": true, "known": true, "regate_until": date(now + REGATED)});
        let (pools, filter) = (self.pools.clone(), of_rev(pool, rev));
        command::bounded(async move { pools.find_one_and_replace(filter, hidden).max_time(MAX_TIME).await }).await
    }

    /// Puts the document back that was there. Returns whether it did: a job that joined may have brought the pool back.
    async fn undo_delete(&self, pool: &Pool, mut before: Document) -> Result<bool> {
        before.extend(doc! {"known": true, "regate_until": date(self.now() + REGATED)});
        let gate = before.get_str("gate").unwrap_or_default().to_owned();
        let (pools, filter) = (self.pools.clone(), doc! {"_id": pool.as_str(), "deleted": true});
        let undo = async move { pools.find_one_and_replace(filter, before).max_time(MAX_TIME).await };
        let undone = command::bounded(undo).await?.is_some();
        if undone {
            self.regate(pool.as_str(), &gate).await?;
        }
        Ok(undone)
    }

    /// Brings deleted pools back, as new ones.
    async fn revive(&self, pools: &[&str]) -> Result<()> {
        let filter = doc! {"_id": {"$in": pools}, "deleted": true};
        let set = doc! {"deleted": false, "updated_at": date(self.now())};
        command::update(&self.db, "pools", vec![Update::many(filter, set)]).await.map(drop)
    }

    /// Removes the document of a deleted pool, or brings the pool back, if it has a job after all.
    async fn bury(&self, pool: &str) -> Result<()> {
        let parsed = Pool::parse(pool).map_err(|error| Error::Corrupt(error.to_string()))?;
        match self.check_unused(&parsed).await {
            Ok(()) => command::remove(&self.db, "pools", doc! {"_id": pool, "deleted": true}).await,
            Err(Error::PoolInUse { .. }) => self.revive(&[pool]).await,
            Err(error) => Err(error),
        }
    }
}

impl MongoStore {
    /// The gates that jobs of these pools are to carry, by pool. A pool that is not there yet, or is deleted, is made.
    pub(crate) async fn gates<'a>(&self, pools: impl Iterator<Item = &'a Pool>) -> Result<HashMap<String, String>> {
        self.gates_of(pools.map(Pool::as_str).collect()).await
    }

    async fn gates_of(&self, pools: HashSet<&str>) -> Result<HashMap<String, String>> {
        if pools.is_empty() {
            return Ok(HashMap::new());
        }
        let found = self.find_gates(pools.iter().copied()).await?;
        let missing: Vec<&str> = pools.iter().copied().filter(|&pool| !found.contains_key(pool)).collect();
        if !missing.is_empty() {
            let now = date(self.now());
            command::insert_new(&self.pools, missing.iter().map(|pool| new_document(pool, now)).collect()).await?;
        }
        let deleted: Vec<&str> = found.iter().filter(|(_, it)| it.deleted).map(|(pool, _)| pool.as_str()).collect();
        if !deleted.is_empty() {
            self.revive(&deleted).await?;
        }
        let mut gates: HashMap<String, String> = found.into_iter().map(|(pool, it)| (pool, it.gate)).collect();
        gates.extend(missing.into_iter().map(|pool| (pool.to_owned(), String::new())));
        Ok(gates)
    }

    /// Puts right the gates of jobs that were written with these, where a pool has changed or was deleted meanwhile. If
    /// that fails, a worker will do it.
    pub(crate) async fn mend_gates(&self, used: &HashMap<String, String>) {
        if used.is_empty() {
            return;
        }
        let mend = async {
            let gates = self.gates_of(used.keys().map(String::as_str).collect()).await?;
            for (pool, gate) in gates.iter().filter(|(pool, gate)| used.get(*pool) != Some(gate)) {
                self.regate(pool, gate).await?;
            }
            Ok::<_, Error>(())
        };
        if let Err(error) = mend.await {
            tracing::warn!(%error, "cannot see whether a pool has changed while jobs were added to it");
        }
    }

    /// The settings of pools that are not as all others. Where one has changed lately, the gates of its jobs are put
    /// right.
    pub(crate) async fn look_after_pools(&self) -> Result<Vec<PoolSettings>> {
        let pools = self.pools.clone();
        let find = async move {
            let find = pools.find(doc! {"known": true}).projection(without_passes()).max_time(MAX_TIME);
            find.await?.try_collect::<Vec<Document>>().await
        };
        // From before the look: by now no write goes on that began before the change.
        let now = self.now();
        let mut known = Vec::new();
        for document in command::bounded(find).await? {
            let whole = |document: PoolDocument| {
                let (deleted, regate_until, gate) = (document.deleted, document.regate_until, document.gate.clone());
                Ok((deleted, regate_until, gate, settings(document)?))
            };
            // One that cannot be read must not keep the endpoints of others from being called.
            let Ok((deleted, regate_until, gate, settings)) =
                read_row(document.get("_id").cloned(), read(document).and_then(whole))
            else {
                continue;
            };
            if let Some(until) = regate_until {
                let pool = settings.pool.as_str();
                match self.regate(pool, &gate).await {
                    Ok(()) if time(until) < now && deleted => self.bury(pool).await?,
                    Ok(()) if time(until) < now => self.forget_change(&settings).await?,
                    Ok(()) => {}
                    Err(error) => {
                        tracing::debug!(pool = %settings.pool, %error, "cannot finish a change of a pool yet");
                    }
                }
            }
            if !deleted {
                known.push(settings);
            }
        }
        Ok(known)
    }

    /// Gives this gate to those jobs of a pool that have another. Whoever does that may have been stopped for a while
    /// since the pool was read; so if it has another gate by now, they get that.
    async fn regate(&self, pool: &str, gate: &str) -> Result<()> {
        let mut gate = gate.to_owned();
        loop {
            let others = doc! {"pool": pool, "gate": {"$ne": &gate}};
            // Whoever holds one of them is to see it, as after an edit.
            let edited = doc! {"$mergeObjects": ["$lock", {"edits": {"$add": ["$lock.edits", 1]}}]};
            let lock = cond(is_null("$lock"), Bson::Null, edited);
            let set = doc! {"gate": {"$literal": &gate}, "lock": lock};
            command::update(&self.db, "due", vec![Update::many(others, set)]).await?;
            match self.find_gates([pool].into_iter()).await?.remove(pool) {
                Some(present) if present.gate != gate => gate = present.gate,
                _ => return Ok(()),
            }
        }
    }

    /// Notes that the gates of all jobs are right, unless the pool has changed again.
    async fn forget_change(&self, settings: &PoolSettings) -> Result<()> {
        let mut filter = there();
        filter.extend(doc! {"_id": settings.pool.as_str(), "rev": settings.rev.0});
        let set = doc! {"regate_until": null, "known": !settings.is_plain()};
        command::update(&self.db, "pools", vec![Update::one(filter, set)]).await.map(drop)
    }

    async fn find_pool(&self, pool: &Pool) -> Result<PoolDocument> {
        let mut filter = there();
        filter.insert("_id", pool.as_str());
        let pools = self.pools.clone();
        let find = async move { pools.find_one(filter).projection(without_passes()).max_time(MAX_TIME).await };
        read(command::bounded(find).await?.ok_or(Error::NotFound)?)
    }

    async fn find_gates(&self, pools: impl Iterator<Item = &str>) -> Result<HashMap<String, GateDocument>> {
        let filter = doc! {"_id": {"$in": pools.collect::<Vec<_>>()}};
        let pools = self.pools.clone();
        let find = async move {
            pools
                .find(filter)
                .projection(doc! {"gate": 1, "deleted": 1})
                .max_time(MAX_TIME)
                .await?
                .try_collect::<Vec<_>>()
                .await
        };
        let gate = |it: &Document| {
            let gate = it.get_str("gate").ok()?.to_owned();
            let deleted = it.get_bool("deleted").unwrap_or(false);
            Some((it.get_str("_id").ok()?.to_owned(), GateDocument { gate, deleted }))
        };
        Ok(command::bounded(find).await?.iter().filter_map(gate).collect())
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

/// The keys of the index in which the due work of a pool with another gate than that has is found. No worker changes
/// either.
pub(crate) fn by_pool_and_gate() -> Document {
    doc! {"pool": 1, "gate": 1}
}

fn new_document(pool: &str, now: DateTime) -> Document {
    doc! {
        "_id": pool, "active": true, "headers": [], "max_in_flight": null, "max_per_second": null, "rev": 1_i64,
        "updated_at": now, "gate": "", "regate_until": null, "known": false, "flights": [], "starts": [],
    }
}

/// The filter of the pools that are not deleted.
fn there() -> Document {
    doc! {"deleted": {"$ne": true}}
}

/// The filter of a pool of this revision.
fn of_rev(pool: &Pool, rev: Rev) -> Document {
    let mut filter = there();
    filter.extend(doc! {"_id": pool.as_str(), "rev": rev.0});
    filter
}

fn without_passes() -> Document {
    doc! {"flights": 0, "starts": 0}
}

fn settings(d: PoolDocument) -> Result<PoolSettings> {
    Ok(PoolSettings {
        pool: Pool::parse(&d._id).map_err(|error| Error::Corrupt(error.to_string()))?,
        active: d.active,
        headers: d.headers,
        max_in_flight: d.max_in_flight,
        max_per_second: d.max_per_second,
        max_timeout: d.max_timeout_ms.map(duration),
        transport: d.transport,
        rev: d.rev,
        updated_at: time(d.updated_at),
    })
}
