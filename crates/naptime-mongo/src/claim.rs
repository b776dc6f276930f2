//! Peek, lock, read back.

use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::TryStreamExt;
use mongodb::bson::{DateTime, Document, RawDocumentBuf, Uuid, doc};
use mongodb::options::{FindOptions, Hint, ReturnDocument};
use naptime_core::{Candidate, Claim, Job, JobId, Seen, Then, Time, Token};
use naptime_store::{Queue, Result, Want};
use serde::Deserialize;

use crate::command::{self, MAX_TIME, Update};
use crate::document::{by_id, date, time};
use crate::gates::by_gate;
use crate::joined::{among, readable};
use crate::{MongoStore, pipeline, schema};

/// The longest look past the jobs of one pool: some million index entries. One that takes longer has seen nothing.
const LONGEST_LOOK: Duration = Duration::from_secs(1);

/// Claims whose lock was sent and whose outcome is unknown.
pub(crate) type Doubtful = Mutex<Vec<(Token, Vec<JobId>)>>;

/// What the index tells of a job.
#[derive(Deserialize)]
struct Entry {
    _id: Uuid,
    claim_at: DateTime,
    size: i64,
    /// Only asked for where it matters.
    #[serde(default)]
    pool: String,
}

impl From<Entry> for Candidate {
    fn from(entry: Entry) -> Self {
        Candidate {
            job: entry._id.to_uuid_1().into(),
            claim_at: time(entry.claim_at),
            size: usize::try_from(entry.size).unwrap_or(usize::MAX),
            pool: entry.pool,
        }
    }
}

impl MongoStore {
    /// As [`Queue::lock`] has it.
    pub(crate) async fn lock_all(&self, want: &Want, ids: &[JobId]) -> Result<Vec<Claim>> {
        let locked = async {
            let jobs = self.orphans.ending(self.lock_jobs(want, ids)).await?;
            self.record_lost(jobs.into_iter().filter_map(claimed).collect()).await
        };
        // The lock may have been taken, or may be yet: no call until that is settled.
        locked.await.inspect_err(|_| self.doubt(want.token, ids))
    }

    /// Takes note of claims that nobody will call.
    fn doubt(&self, token: Token, ids: &[JobId]) {
        self.doubtful.lock().unwrap_or_else(PoisonError::into_inner).push((token, ids.to_vec()));
    }

    /// As [`Queue::peek`] has it. Reads the index and no document.
    pub(crate) async fn look(&self, want: &Want, past: Option<&str>) -> Result<Seen> {
        self.give_back_doubtful().await?;
        let now = self.clock.now();
        let (horizon, until) = (want.horizon(now), want.sees_until(past, now));
        let (found, is_whole) = match (&want.gate, past) {
            (Some(pool), _) => {
                let filter =
                    doc! {"gate": pool.as_str(), "claim_at": {"$gt": DateTime::from_millis(0), "$lte": date(until)}};
                (self.entries(filter, by_index(by_gate(), want.slots + 1, true)).await?, true)
            }
            (None, Some(pool)) => self.past(pool, want, until).await?,
            (None, None) => self.in_partitions(want, horizon, until).await?,
        };
        Ok(Seen { jobs: found.into_iter().map(Candidate::from).collect(), is_whole })
    }

    /// The first jobs of these partitions, in the order of their times.
    ///
    /// To merge the partitions in order costs the server several times what it costs to read them one after the other.
    /// So all that is due within sight is read in any order, and only where that is more than wanted are the first of
    /// them asked for.
    /// Of other workers' partitions it is only told that there is more within sight, where that is more than wanted.
    async fn in_partitions(&self, want: &Want, horizon: Time, sight: Time) -> Result<(Vec<Entry>, bool)> {
        let (at_home, limit) = (want.late.is_zero(), want.slots + 1);
        let filter = until(want, sight);
        if !(at_home && self.dense.load(Ordering::Relaxed)) {
            let mut found = self.entries(filter.clone(), by_index(schema::peek(), limit, false)).await?;
            if found.len() < limit {
                found.sort_by_key(|entry| (entry.claim_at, entry._id));
                return Ok((found, true));
            }
        }
        if !at_home {
            // Others are busy, and to sort what they are about to do is dear.
            let late = self.entries(until(want, horizon), by_index(schema::peek(), limit, true)).await?;
            return Ok((late, false));
        }
        let found = self.entries(filter, by_index(schema::peek(), limit, true)).await?;
        self.dense.store(found.len() == limit, Ordering::Relaxed);
        Ok((found, true))
    }

    /// The first jobs of other pools than this, unless it takes too long to get to them.
    ///
    /// It reads past all jobs of that pool: 1 us for each, so 0.1 s where 100,000 are overdue.
    async fn past(&self, pool: &str, want: &Want, sight: Time) -> Result<(Vec<Entry>, bool)> {
        let mut filter = until(want, sight);
        filter.insert("pool", doc! {"$ne": pool});
        let mut options = by_index(schema::peek(), want.slots + 1, true);
        options.max_time = Some(LONGEST_LOOK);
        let due = self.due.clone_with_type::<Entry>();
        command::bounded(async move {
            let found = async { due.find(filter).with_options(options).await?.try_collect().await };
            match found.await {
                Err(error) if command::took_too_long(&error) => Ok((Vec::new(), false)),
                found => Ok((found?, true)),
            }
        })
        .await
    }

    /// What the index tells of jobs, and no document.
    async fn entries(&self, filter: Document, options: FindOptions) -> Result<Vec<Entry>> {
        let due = self.due.clone_with_type::<Entry>();
        command::bounded(async move { due.find(filter).with_options(options).await?.try_collect().await }).await
    }

    /// Locks those of the jobs that can still be claimed. Each document is locked whole or not at all; who loses the
    /// race for one loses that one only.
    async fn lock_jobs(&self, want: &Want, ids: &[JobId]) -> Result<Vec<Job>> {
        let now = self.clock.server_now();
        let guard = pipeline::claimable(&now, want);
        let set = pipeline::claim(&now, want);
        if let &[id] = ids {
            let mut filter = by_id(id);
            filter.extend(guard);
            let due = self.due.clone_with_type::<RawDocumentBuf>();
            let lock = async move {
                let update = due.find_one_and_update(filter, vec![doc! {"$set": set}]);
                let update = update.return_document(ReturnDocument::After).max_time(MAX_TIME);
                update.hint(Hint::Keys(doc! {"_id": 1})).await
            };
            let locked = command::bounded(lock).await?;
            return self.with_configs_of_held([want.token], readable(locked)).await;
        }
        let mut filter = among(ids);
        filter.extend(guard);
        command::update(&self.db, "due", vec![Update::many(filter, set)]).await?;
        self.held([want.token], ids).await
    }
}

impl MongoStore {
    /// Gives back what a lock of unknown outcome may have taken. Until this has succeeded nothing further is claimed:
    /// otherwise such jobs could pile up, held by nobody for as long as a lease.
    pub(crate) async fn give_back_doubtful(&self) -> Result<()> {
        let doubtful = self.doubtful.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (token, ids) in doubtful {
            let held = self.held([token], &ids).await?;
            let claims = self.record_lost(held.into_iter().filter_map(claimed).collect()).await?;
            let given_back: Vec<_> = claims.iter().map(|claim| claim.settled(None, Then::GiveBack)).collect();
            self.settle(&given_back).await?;
            self.doubtful.lock().unwrap_or_else(PoisonError::into_inner).retain(|(other, _)| *other != token);
        }
        Ok(())
    }
}

/// The filter that finds the jobs of the wanted partitions that can be claimed until then.
fn until(want: &Want, until: Time) -> Document {
    let partitions: Vec<i32> = want.partitions.iter().map(|it| i32::from(it.number())).collect();
    let claim_at = doc! {"$gt": DateTime::from_millis(0), "$lte": date(until)};
    doc! {"gate": "", "partition": {"$in": partitions}, "claim_at": claim_at}
}

/// So many jobs by an index that has all that is asked for, in the order of their times or of the index.
fn by_index(index: Document, limit: usize, sorted: bool) -> FindOptions {
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    let shown = ["_id", "claim_at", "size", "pool"].into_iter().filter(|key| index.contains_key(key));
    let shown: Document = shown.map(|key| (key.to_owned(), 1.into())).collect();
    let sort = sorted.then(|| doc! {"claim_at": 1, "_id": 1});
    let options = FindOptions::builder().sort(sort).limit(i64::from(limit)).batch_size(limit).projection(shown);
    options.hint(Hint::Keys(index)).build()
}

/// The claim of a job that is held.
fn claimed(job: Job) -> Option<Claim> {
    let lock = job.state.lock().cloned()?;
    Some(Claim { job: job.into(), lock, recorded: None })
}
