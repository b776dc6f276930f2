//! What a worker gets: claim, renew, settle, heartbeat.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::{Document, doc};
use mongodb::options::Hint;
use naptime_core::worker::DEAD_AFTER;
use naptime_core::{Claim, ClaimRef, Heartbeat, JobId, Peer, Seen, Settled, WorkerId};
use naptime_store::{MAX_RUNS, Queue, Result, Want};

use crate::command::{self, MAX_TIME, Update};
use crate::document::{by_id, date, millis, uuid};
use crate::joined::among;
use crate::schema::VERSION;
use crate::{MongoStore, pipeline};

/// A job's runs are cut to the maximum once in so many runs settled here: its turn comes the more often, the more it
/// is called.
const TRIM_EVERY: i64 = 500;

#[async_trait]
impl Queue for MongoStore {
    async fn peek(&self, want: &Want, past: Option<&str>) -> Result<Seen> {
        self.look(want, past).await
    }

    async fn lock(&self, want: &Want, ids: &[JobId]) -> Result<Vec<Claim>> {
        self.lock_all(want, ids).await
    }

    async fn renew(&self, held: &[ClaimRef]) -> Result<Vec<ClaimRef>> {
        if held.is_empty() {
            return Ok(Vec::new());
        }
        let now = self.clock.server_now();
        let tokens: HashSet<_> = held.iter().map(|claim| claim.token).collect();
        let tokens: Vec<_> = tokens.into_iter().map(|token| uuid(token.uuid())).collect();
        let ids: Vec<JobId> = held.iter().map(|claim| claim.job).collect();
        // Should another of these tokens hold a job by now, then it is renewed too: all are this worker's.
        let mut filter = among(&ids);
        filter.insert("lock.token", doc! {"$in": tokens});
        let renew = vec![Update::many(filter.clone(), pipeline::renew(&now))];
        self.orphans.ending(command::update(&self.db, "due", renew)).await?;
        let due = self.due.clone();
        let still = async move { due.find(filter).projection(doc! {"lock.token": 1}).await?.try_collect().await };
        let still: Vec<Document> = command::bounded(still).await?;
        let still: HashSet<ClaimRef> = still.iter().filter_map(claim_ref).collect();
        Ok(held.iter().filter(|claim| !still.contains(claim)).copied().collect())
    }

    async fn settle(&self, done: &[Settled]) -> Result<Vec<Claim>> {
        self.orphans.ending(self.settle_all(done)).await
    }

    async fn edited(&self, me: WorkerId) -> Result<Vec<ClaimRef>> {
        let filter = doc! {"lock.edits": {"$gt": 0}, "lock.worker": uuid(me.uuid())};
        let due = self.due.clone();
        let edited = async move {
            let find = due.find(filter).hint(Hint::Keys(by_edits())).projection(doc! {"lock.token": 1});
            find.max_time(MAX_TIME).await?.try_collect::<Vec<Document>>().await
        };
        Ok(command::bounded(edited).await?.iter().filter_map(claim_ref).collect())
    }

    async fn beat(&self, me: &Heartbeat) -> Result<Vec<Peer>> {
        let now = self.clock.server_now();
        let set = doc! {
            "host": {"$literal": &me.host},
            "pid": i64::from(me.pid),
            "version": {"$literal": &me.version},
            "tzdb": {"$literal": me.tzdb.as_deref()},
            "capacity": i64::from(me.capacity),
            "held": i64::from(me.held),
            "started_at": date(me.started_at),
            "stopping": me.stopping,
            "trouble": {"$literal": me.trouble.as_deref()},
            "seen_at": &now,
            "schema": VERSION,
            "left": false,
        };
        let filter = doc! {"_id": uuid(me.id.uuid())};
        command::update(&self.db, "workers", vec![Update::upsert(filter, set)]).await?;
        let alive = doc! {
            "left": false,
            "stopping": {"$ne": true},
            "$expr": {"$gt": ["$seen_at", {"$subtract": [&now, millis(DEAD_AFTER)]}]},
        };
        let workers = self.workers.clone();
        let shown = doc! {"capacity": 1, "held": 1, "now": "$$NOW"};
        let asked_at = self.clock.elapsed();
        let living = async move { workers.find(alive).projection(shown).await?.try_collect::<Vec<_>>().await };
        let living = command::bounded(living).await?;
        self.clock.note(living.first().and_then(|worker| worker.get_datetime("now").ok()), asked_at);
        Ok(living.iter().filter_map(peer).collect())
    }

    async fn woken(&self, seen: u64) -> Result<u64> {
        Ok(if self.next_wake().await? { seen + 1 } else { seen })
    }

    async fn wake(&self) -> Result<()> {
        self.send_wake().await
    }

    async fn leave(&self, me: WorkerId) -> Result<()> {
        self.give_back_doubtful().await?;
        let filter = doc! {"_id": uuid(me.uuid())};
        command::update(&self.db, "workers", vec![Update::one(filter, doc! {"left": true, "held": 0})]).await.map(drop)
    }
}

impl MongoStore {
    /// Now and then cuts one of these jobs to the most runs that are kept, in the background.
    pub(crate) fn trim(&self, jobs: &[JobId]) {
        let Ok(count) = i64::try_from(jobs.len()) else { return };
        let before = self.settled.fetch_add(count, Ordering::Relaxed);
        let (Some(&job), true) = (jobs.first(), before / TRIM_EVERY != (before + count) / TRIM_EVERY) else { return };
        cut(self.runs.clone(), job, "started", MAX_RUNS);
    }
}

/// Cuts what a collection has of a job to the newest by this time, in the background.
pub(crate) fn cut(collection: Collection<Document>, job: JobId, by: &'static str, most: u64) {
    let name = collection.name().to_owned();
    let cut = async move {
        let of_job = doc! {"job": uuid(job.uuid())};
        let oldest = collection.find_one(of_job.clone()).sort(doc! {by: -1}).skip(most);
        if let Some(oldest) = oldest.projection(doc! {by: 1}).await? {
            let mut older = of_job;
            older.insert(by, doc! {"$lte": oldest.get(by)});
            collection.delete_many(older).await?;
        }
        Ok(())
    };
    tokio::spawn(async move {
        if let Err(error) = command::bounded(cut).await {
            tracing::warn!(%job, %error, "cannot remove the oldest {name} of job {job}");
        }
    });
}

/// The keys of the index of what was edited while it is held, which is rare.
pub(crate) fn by_edits() -> Document {
    doc! {"lock.edits": 1}
}

/// The filter that finds a job if this claim holds it.
pub(crate) fn of_claim(claim: &ClaimRef) -> Document {
    let mut filter = by_id(claim.job);
    filter.insert("lock.token", uuid(claim.token.uuid()));
    filter
}

fn peer(worker: &Document) -> Option<Peer> {
    let count = |field| worker.get_i64(field).ok().and_then(|count| u32::try_from(count).ok());
    Some(Peer::new(read_uuid(worker, "_id")?.into(), count("capacity")?, count("held")?))
}

fn claim_ref(document: &Document) -> Option<ClaimRef> {
    let job = read_uuid(document, "_id")?.into();
    let token = read_uuid(document.get_document("lock").ok()?, "token")?.into();
    Some(ClaimRef { job, token })
}

pub(crate) fn read_uuid(document: &Document, field: &str) -> Option<uuid::Uuid> {
    match document.get(field)? {
        mongodb::bson::Bson::Binary(binary) => uuid::Uuid::from_slice(&binary.bytes).ok(),
        _ => None,
    }
}
