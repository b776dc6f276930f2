//! What happened: load, workers, and how long all is kept.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::bson::{DateTime, Document, Uuid, doc};
use naptime_core::load::{self, Figures, Load};
use naptime_core::worker::{DEAD_AFTER, Worker};
use naptime_core::{Heartbeat, Histogram, Outcome, Tier, Time, WorkerId};
use naptime_store::{Clock, History, Result};
use serde::Deserialize;

use crate::MongoStore;
use crate::command::{self, MAX_TIME, Update};
use crate::document::{date, read, time, uuid};

/// How long a worker that is gone is shown.
const WORKERS_KEPT: Duration = Duration::from_secs(86_400);

/// The most rows of figures put by one command.
const MAX_LOAD: usize = 500;

/// A row of figures as its document.
#[derive(Deserialize)]
pub(crate) struct LoadDocument {
    /// In seconds.
    pub(crate) tier: i64,
    at: DateTime,
    worker: Uuid,
    calls: i64,
    errors: i64,
    held: i64,
    capacity: i64,
    samples: i64,
    #[serde(default)]
    outcomes: BTreeMap<Outcome, i64>,
    #[serde(default)]
    lag: Document,
    #[serde(default)]
    lag_ms: i64,
    #[serde(default)]
    took: Document,
    #[serde(default)]
    took_ms: i64,
}

#[derive(Deserialize)]
struct WorkerDocument {
    _id: Uuid,
    host: String,
    pid: u32,
    version: String,
    #[serde(default)]
    tzdb: Option<String>,
    capacity: u32,
    held: u32,
    started_at: DateTime,
    seen_at: DateTime,
    left: bool,
    #[serde(default)]
    stopping: bool,
    #[serde(default)]
    trouble: Option<String>,
}

#[async_trait]
impl History for MongoStore {
    async fn add_load(&self, load: &[Load]) -> Result<()> {
        if load.is_empty() {
            return Ok(());
        }
        let tiers = load::sums(load).into_iter();
        let tiers = tiers.map(|((tier, at, worker), figures)| (row_id(tier.seconds(), at, worker), figures));
        let statements = tiers.chain([(of_total(), load::total(load))]);
        let statements = statements.map(|(key, figures)| Update::increase(key, increments(&figures)));
        command::update(&self.db, "load", statements.collect()).await.map(drop)
    }

    async fn load(&self, tier: Tier, from: Time, to: Time) -> Result<Vec<Load>> {
        let filter = doc! {"tier": i32::from(tier.seconds()), "at": {"$gte": date(from), "$lt": date(to)}};
        let load = self.load.clone_with_type::<LoadDocument>();
        let find = async move { load.find(filter).max_time(MAX_TIME).await?.try_collect::<Vec<_>>().await };
        Ok(command::bounded(find).await?.into_iter().map(Load::from).collect())
    }

    async fn total(&self) -> Result<Figures> {
        let load = self.load.clone_with_type::<LoadDocument>();
        let find = async move { load.find_one(doc! {"_id": of_total()}).max_time(MAX_TIME).await };
        Ok(command::bounded(find).await?.map(|found| Load::from(found).figures).unwrap_or_default())
    }

    async fn workers(&self) -> Result<Vec<Worker>> {
        let now = self.now();
        let filter = doc! {"seen_at": {"$gt": date(now - WORKERS_KEPT)}};
        let workers = self.workers.clone();
        let found: Vec<Document> =
            command::bounded(async move { workers.find(filter).await?.try_collect().await }).await?;
        let worker = |document: Document| {
            let d: WorkerDocument = read(document)?;
            let seen_at = time(d.seen_at);
            let beat = Heartbeat {
                id: d._id.to_uuid_1().into(),
                host: d.host,
                pid: d.pid,
                version: d.version,
                tzdb: d.tzdb,
                capacity: d.capacity,
                held: d.held,
                started_at: time(d.started_at),
                stopping: d.stopping,
                trouble: d.trouble,
            };
            Ok(Worker { beat, seen_at, alive: !d.left && now.since(seen_at) < DEAD_AFTER })
        };
        let mut workers = found.into_iter().map(worker).collect::<Result<Vec<_>>>()?;
        workers.sort_by_key(|worker| (!worker.alive, worker.beat.started_at, worker.beat.id));
        Ok(workers)
    }

    async fn purge(&self) -> Result<()> {
        self.clear_ahead().await?;
        let now = self.now();
        let old = date(now - self.retention);
        command::remove(&self.db, "runs", doc! {"finished": {"$lt": old}}).await?;
        command::remove(&self.db, "answers", doc! {"at": {"$lt": old}}).await?;
        self.purge_jobs(old).await?;
        command::remove(&self.db, "workers", doc! {"seen_at": {"$lt": date(now - WORKERS_KEPT)}}).await?;
        for tier in Tier::ALL {
            let too_old = doc! {"tier": i32::from(tier.seconds()), "at": {"$lt": date(now - tier.kept())}};
            command::remove(&self.db, "load", too_old).await?;
        }
        self.purge_slas().await
    }
}

impl MongoStore {
    /// Puts rows as they are, in the place of those that are there.
    pub(crate) async fn put_load(&self, rows: &[(Tier, Load)]) -> Result<()> {
        let put = |(tier, row): &(Tier, Load)| {
            let key = row_id(tier.seconds(), row.at, row.worker);
            let change = doc! {"$set": increments(&row.figures), "$setOnInsert": key.clone()};
            doc! {"q": {"_id": key}, "u": change, "upsert": true}
        };
        for rows in rows.chunks(MAX_LOAD) {
            let updates: Vec<Document> = rows.iter().map(put).collect();
            let command = doc! {"update": "load", "updates": updates, "ordered": false};
            command::write(&self.db, command::raw(&command)).await?;
        }
        Ok(())
    }

    /// Puts the total in the place of the one that is there.
    pub(crate) async fn put_total(&self, total: &Figures) -> Result<()> {
        let change = doc! {"$set": increments(total), "$setOnInsert": of_total()};
        let put = doc! {"q": {"_id": of_total()}, "u": change, "upsert": true};
        let command = doc! {"update": "load", "updates": [put]};
        command::write(&self.db, command::raw(&command)).await.map(drop)
    }
}

/// The id of a row.
pub(crate) fn row_id(tier: u16, at: Time, worker: WorkerId) -> Document {
    doc! {"tier": i32::from(tier), "at": date(at), "worker": uuid(worker.uuid())}
}

/// The id of the row of all workers and all times.
fn of_total() -> Document {
    row_id(0, Time::from_millis(0), WorkerId::NOBODY)
}

/// The figures as what they add to their row. Buckets are fields of their own: `lag.b12`.
fn increments(figures: &Figures) -> Document {
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let mut add = doc! {
        "calls": number(figures.calls),
        "errors": number(figures.errors),
        "lag_ms": number(figures.lag_ms),
        "took_ms": number(figures.took_ms),
        "held": number(figures.held),
        "capacity": number(figures.capacity),
        "samples": number(figures.samples),
    };
    for (outcome, &count) in &figures.outcomes {
        add.insert(format!("outcomes.{}", outcome.as_str()), number(count));
    }
    for (name, histogram) in [("lag", &figures.lag), ("took", &figures.took)] {
        for (bucket, count) in histogram.buckets() {
            add.insert(format!("{name}.b{bucket}"), number(count));
        }
    }
    add
}

fn histogram(buckets: &Document) -> Histogram {
    let bucket = |(name, count): (&String, &mongodb::bson::Bson)| {
        Some((name.strip_prefix('b')?.parse().ok()?, u64::try_from(count.as_i64()?).ok()?))
    };
    Histogram::from_buckets(buckets.iter().filter_map(bucket))
}

impl From<LoadDocument> for Load {
    fn from(d: LoadDocument) -> Self {
        let number = |n: i64| u64::try_from(n).unwrap_or(0);
        Load {
            at: time(d.at),
            worker: d.worker.to_uuid_1().into(),
            figures: Figures {
                calls: number(d.calls),
                errors: number(d.errors),
                outcomes: d.outcomes.into_iter().map(|(outcome, count)| (outcome, number(count))).collect(),
                lag: histogram(&d.lag),
                lag_ms: number(d.lag_ms),
                took: histogram(&d.took),
                took_ms: number(d.took_ms),
                held: number(d.held),
                capacity: number(d.capacity),
                samples: number(d.samples),
            },
        }
    }
}
