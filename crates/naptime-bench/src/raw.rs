//! What the parts of a call cost by themselves: each as often as this machine can, with nothing else going on.
//!
//! A claim and a settle are made as a worker makes them, in batches. Runs are inserted as documents of their real shape
//! into the collection with its real indexes. Calls carry the headers of a call.

use std::time::{Duration, Instant};

use anyhow::Result;
use mongodb::Collection;
use mongodb::bson::{Document, doc};
use mongodb::options::{CollectionOptions, WriteConcern};
use naptime_core::worker::home_partitions;
use naptime_core::{
    Claim, Endpoint, JobId, NewJob, Outcome, Partition, Rooms, Run, Schedule, Settled, Spec, Then, Time, WorkerId,
};
use naptime_mongo::MongoStore;
use naptime_prove::{Clock, Target};
use naptime_store::{Clock as _, Jobs, Queue, Want};
use naptime_tests::mongo::ReplicaSet;
use reqwest::Client;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::http;
use crate::meter::Meter;

/// How long each part is measured.
const LENGTH: Duration = Duration::from_secs(4);
/// The jobs that are claimed over and over.
const JOBS: usize = 10_000;
/// All of them are due within this time, and stay so.
const PERIOD: Duration = Duration::from_secs(1);
/// How many tasks the database works for at once.
const TASKS: usize = 4;
/// The jobs of a claim, the runs of an insert.
const BATCH: usize = 300;
/// How many calls are under way at once.
const CALLS: usize = 200;

/// The costs of the parts, each by itself, per second on all cores.
#[derive(Debug)]
pub struct Raw {
    /// Claims and settles in batches, without runs.
    pub cycles: f64,
    /// Runs inserted.
    pub runs: f64,
    /// HTTP calls to the target.
    pub calls: f64,
    /// How many cores everything else on this machine kept busy meanwhile.
    pub strangers: f64,
}

/// Measures the parts on a database that nobody else works on.
///
/// # Errors
/// If the database or a call fails.
pub async fn measure(mongo: &ReplicaSet) -> Result<Raw> {
    let (target, database) = (Target::start(Duration::ZERO, Clock::default())?, mongo.fresh_database());
    let (store, db) =
        (MongoStore::open(&database.uri, naptime_mongo::Options::default()).await?, database.open().await);
    fill(&store, &target).await?;
    tokio::time::sleep(PERIOD).await;
    let takers = Taker::all(&store);
    let majority = CollectionOptions::builder().write_concern(WriteConcern::majority()).build();
    let runs = db.collection_with_options::<Document>("runs", majority);
    let sample = takers[0].sample(&runs).await?;

    let before = Meter::read(&[], mongo.pid(0));
    let end = Instant::now() + LENGTH;
    let cycles = rate(takers.into_iter().map(|taker| taker.take(end))).await?;
    let end = Instant::now() + LENGTH;
    let inserted = rate((0..TASKS).map(|_| insert(runs.clone(), sample.clone(), end))).await?;
    let (client, url, due) = (http::client()?, target.url(0), store.now());
    let end = Instant::now() + LENGTH;
    let calls = rate((0..CALLS).map(|_| call(client.clone(), url.clone(), due, end))).await?;
    let used = before.until(&Meter::read(&[], mongo.pid(0)), 0.0);
    db.drop().await?;
    Ok(Raw { cycles, runs: inserted, calls, strangers: used.strangers })
}

/// Starts all of these at once, and adds up what they counted: so much per second.
async fn rate<P>(parts: impl Iterator<Item = P>) -> Result<f64>
where
    P: Future<Output = Result<usize>> + Send + 'static,
{
    let start = Instant::now();
    let mut parts: JoinSet<_> = parts.collect();
    let mut count = 0;
    while let Some(ended) = parts.join_next().await {
        count += ended??;
    }
    Ok(count as f64 / start.elapsed().as_secs_f64())
}

async fn fill(store: &MongoStore, target: &Target) -> Result<()> {
    let job = |number| {
        let id = JobId::from(Uuid::now_v7());
        let endpoint = Endpoint::parse(&target.url(number)).expect("the target's address is one that can be called");
        NewJob { id, spec: Spec::new(endpoint, Schedule::every(PERIOD, id)), active: true }
    };
    store.insert((0..JOBS).map(job).collect()).await?;
    Ok(())
}

/// Who claims and settles: a worker with partitions of its own, that calls nobody.
struct Taker {
    store: MongoStore,
    id: WorkerId,
    home: Vec<Partition>,
}

impl Taker {
    /// All of them: they share the partitions.
    fn all(store: &MongoStore) -> Vec<Self> {
        let ids: Vec<WorkerId> = (0..TASKS).map(|_| Uuid::now_v7().into()).collect();
        ids.iter().map(|&id| Self { store: store.clone(), id, home: home_partitions(id, &ids) }).collect()
    }

    /// Claims and settles until `end`, and returns how many jobs.
    async fn take(self, end: Instant) -> Result<usize> {
        let mut count = 0;
        while Instant::now() < end {
            let claims = self.claim(BATCH).await?;
            // Due again at once, as if it had never been called.
            let settled: Vec<_> = claims
                .iter()
                .map(|claim| claim.settled(None, Then::Next { due: Some(claim.lock.since), missed: 0 }))
                .collect();
            self.store.settle(&settled).await?;
            count += settled.len();
        }
        Ok(count)
    }

    async fn claim(&self, slots: usize) -> Result<Vec<Claim>> {
        let want = Want {
            worker: self.id,
            token: Uuid::now_v7().into(),
            slots,
            bytes: usize::MAX,
            partitions: self.home.clone(),
            late: Duration::ZERO,
            lookahead: Duration::ZERO,
            gate: None,
            rooms: Rooms::default(),
        };
        Ok(self.store.claim(&want).await?.claims)
    }

    /// A run as the store writes it.
    async fn sample(&self, runs: &Collection<Document>) -> Result<Document> {
        let claims = self.claim(1).await?;
        let settled: Vec<_> = claims.iter().map(|claim| self.called(claim)).collect();
        self.store.settle(&settled).await?;
        Ok(runs.find_one(doc! {}).await?.unwrap_or_default())
    }

    fn called(&self, claim: &Claim) -> Settled {
        let now = claim.lock.since;
        let run = Run {
            token: claim.lock.token,
            job: claim.job.id,
            worker: self.id,
            due: now,
            started: now,
            finished: now,
            outcome: Outcome::Ok,
            status: Some(200),
            message: "ok".to_owned(),
            attempt: 1,
            manual: false,
            skipped: None,
        };
        claim.settled(Some(run), Then::Next { due: Some(now), missed: 0 })
    }
}

/// Inserts runs like `sample` until `end`, and returns how many.
async fn insert(runs: Collection<Document>, sample: Document, end: Instant) -> Result<usize> {
    let mut count = 0;
    while Instant::now() < end {
        let token = binary(Uuid::now_v7());
        let run = |_| {
            let job = binary(Uuid::new_v4());
            let mut run = sample.clone();
            run.insert("_id", doc! {"token": token, "job": job});
            run.insert("job", job);
            run
        };
        runs.insert_many((0..BATCH).map(run)).ordered(false).await?;
        count += BATCH;
    }
    Ok(count)
}

fn binary(id: Uuid) -> mongodb::bson::Uuid {
    mongodb::bson::Uuid::from_bytes(id.into_bytes())
}

/// Calls one after the other until `end`, and returns how often.
async fn call(client: Client, url: String, due: Time, end: Instant) -> Result<usize> {
    let mut count = 0;
    while Instant::now() < end {
        let key = format!("{}-{}", Uuid::new_v4(), due.millis());
        http::call(&client, &url, &key, due).await?;
        count += 1;
    }
    Ok(count)
}
