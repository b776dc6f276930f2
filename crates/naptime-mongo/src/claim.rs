//! Peek, lock, read back.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::TryStreamExt;
use mongodb::bson::{DateTime, Document, RawDocumentBuf, Uuid, doc};
use mongodb::options::{FindOptions, Hint, ReturnDocument};
use naptime_core::{Candidate, Claim, Job, JobId, Pick, Picked, Then, Time, Token};
use naptime_store::{Queue, Result, Taken, Want};
use serde::Deserialize;

use crate::command::{self, MAX_TIME, Update};
use crate::document::{by_id, date, time};
use crate::gates::by_gate;
use crate::joined::{among, readable};
use crate::{MongoStore, pipeline, schema};

/// The most jobs claimed at once. More would take longer than it saves.
const MAX_BATCH: usize = 300;

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

impl Entry {
    fn candidate(&self) -> Candidate<'_> {
        Candidate {
            job: self._id.to_uuid_1().into(),
            claim_at: time(self.claim_at),
            size: usize::try_from(self.size).unwrap_or(usize::MAX),
            pool: &self.pool,
        }
    }
}

impl MongoStore {
    pub(crate) async fn claim_due(&self, want: &Want) -> Result<Taken> {
        self.give_back_doubtful().await?;
        let Picked { jobs: picked, next: after, passed_over } = self.peek(want).await?;
        let after = after.map(|at| at + want.late);
        if picked.is_empty() {
            return Ok(Taken { claims: Vec::new(), next: after, passed_over });
        }
        let ids: Vec<JobId> = picked.iter().map(|(id, _)| *id).collect();
        let jobs = match self.lock(want, &ids).await {
            Ok(jobs) => jobs,
            // The lock may have been taken, or may be yet: no call until that is settled.
            Err(error) => {
                self.doubt(want.token, ids);
                return Err(error);
            }
        };
        let claims: Vec<Claim> = jobs.into_iter().filter_map(claimed).collect();
        // Others were faster, or the job is held until its lease ends within the lookahead.
        let taken: HashSet<JobId> = claims.iter().map(|claim| claim.job.id).collect();
        let left = picked.iter().find(|(id, _)| !taken.contains(id));
        let next = left.map(|(_, claim_at)| *claim_at).or(after);
        match self.record_lost(claims).await {
            Ok(claims) => Ok(Taken { claims, next, passed_over }),
            Err(error) => {
                self.doubt(want.token, ids);
                Err(error)
            }
        }
    }

    /// Takes note of claims that nobody will call.
    fn doubt(&self, token: Token, ids: Vec<JobId>) {
        self.doubtful.lock().unwrap_or_else(PoisonError::into_inner).push((token, ids));
    }

    /// The jobs to lock. Reads the index and no document.
    async fn peek(&self, want: &Want) -> Result<Picked> {
        let limit = want.slots.min(MAX_BATCH);
        let horizon =
            if want.late.is_zero() { self.clock.now() + want.lookahead } else { self.clock.now() - want.late };
        let (found, is_whole) = match &want.gate {
            None => self.in_partitions(want, horizon, limit + 1).await?,
            Some(pool) => {
                let filter = doc! {"gate": pool.as_str(), "claim_at": {"$gt": DateTime::from_millis(0)}};
                (self.entries(filter, by_index(by_gate(), limit + 1, true)).await?, true)
            }
        };
        let mut pick = Pick::new(horizon, limit, want.bytes, want.rooms.clone());
        let _ = found.iter().all(|entry| pick.offer(entry.candidate()));
        if let Some((pool, within)) = pick.look_past() {
            let seen: HashSet<Uuid> = found.iter().map(|entry| entry._id).collect();
            match self.past(pool, want, horizon + within, limit + 1).await? {
                Some(behind) => {
                    let mut unseen = behind.iter().filter(|entry| !seen.contains(&entry._id));
                    let _ = unseen.all(|entry| pick.offer(entry.candidate()));
                }
                // There may be others.
                None => pick.leave(horizon),
            }
        }
        let mut picked = pick.end();
        if !is_whole {
            picked.next = picked.next.or(Some(horizon));
        }
        Ok(picked)
    }

    /// The first jobs of these partitions, in the order of their times.
    ///
    /// To merge the partitions in order costs the server several times what it costs to read them one after the other.
    /// So all that is due within sight is read in any order, and only where that is more than wanted are the first of
    /// them asked for.
    /// Of other workers' partitions it is only told that there is more within sight, where that is more than wanted.
    async fn in_partitions(&self, want: &Want, horizon: Time, limit: usize) -> Result<(Vec<Entry>, bool)> {
        let at_home = want.late.is_zero();
        let filter = until(want, horizon + want.sight());
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

    /// The first jobs of other pools than this; none if it takes too long to get to them.
    ///
    /// It reads past all jobs of that pool: 1 us for each, so 0.1 s where 100,000 are overdue.
    async fn past(&self, pool: &str, want: &Want, horizon: Time, limit: usize) -> Result<Option<Vec<Entry>>> {
        let mut filter = until(want, horizon);
        filter.insert("pool", doc! {"$ne": pool});
        let mut options = by_index(schema::peek(), limit, true);
        options.max_time = Some(LONGEST_LOOK);
        let due = self.due.clone_with_type::<Entry>();
        command::bounded(async move {
            let found = async { due.find(filter).with_options(options).await?.try_collect().await };
            match found.await {
                Err(error) if command::took_too_long(&error) => Ok(None),
                found => found.map(Some),
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
    async fn lock(&self, want: &Want, ids: &[JobId]) -> Result<Vec<Job>> {
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
    let lock = job.state.lock.clone()?;
    Some(Claim { job: job.into(), lock, recorded: None })
}
