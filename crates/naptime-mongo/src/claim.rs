//! Peek, lock, read back.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use futures::TryStreamExt;
use mongodb::bson::{Bson, DateTime, Document, Uuid, doc};
use mongodb::options::{Hint, ReturnDocument};
use naptime_core::{Claim, JobId, Then, Time, Token};
use naptime_store::{Error, Queue, Result, Taken, Want};
use serde::Deserialize;

use crate::command::{self, MAX_TIME, Update};
use crate::document::{by_id, date, partition, time, to_job, uuid};
use crate::gates::by_gate;
use crate::{MongoStore, pipeline, schema};

/// The most jobs claimed at once. More would take longer than it saves.
const MAX_BATCH: usize = 300;

/// Claims whose lock was sent and whose outcome is unknown.
pub(crate) type Doubtful = Mutex<Vec<(Token, Vec<JobId>)>>;

/// What the index tells of a job.
#[derive(Deserialize)]
struct Candidate {
    _id: Uuid,
    claim_at: DateTime,
    size: i64,
}

impl Candidate {
    fn id(&self) -> JobId {
        self._id.to_uuid_1().into()
    }
}

impl MongoStore {
    pub(crate) async fn claim_due(&self, want: &Want) -> Result<Taken> {
        self.give_back_doubtful().await?;
        let (candidates, after) = self.peek(want).await?;
        if candidates.is_empty() {
            return Ok(Taken { claims: Vec::new(), next: after });
        }
        let ids: Vec<JobId> = candidates.iter().map(Candidate::id).collect();
        let locked = match self.lock(want, &ids).await {
            Ok(locked) => locked,
            // The lock may have been taken, or may be yet: no call until that is settled.
            Err(error) => return Err(self.doubt(want.token, ids, error)),
        };
        let claims: Vec<Claim> = locked.into_iter().filter_map(claimed).collect();
        // Others were faster, or the job is held until its lease ends within the lookahead.
        let taken: HashSet<JobId> = claims.iter().map(|claim| claim.job.id).collect();
        let left = candidates.iter().find(|candidate| !taken.contains(&candidate.id()));
        let next = left.map(|candidate| time(candidate.claim_at)).or(after);
        match self.record_lost(claims).await {
            Ok(claims) => Ok(Taken { claims, next }),
            Err(error) => Err(self.doubt(want.token, ids, error)),
        }
    }

    /// Takes note of claims that nobody will call.
    fn doubt(&self, token: Token, ids: Vec<JobId>, error: Error) -> Error {
        self.doubtful.lock().unwrap_or_else(PoisonError::into_inner).push((token, ids));
        error
    }

    /// The jobs to lock, and when the next one after them can be claimed. Reads the index and no document.
    async fn peek(&self, want: &Want) -> Result<(Vec<Candidate>, Option<Time>)> {
        let limit = want.slots.min(MAX_BATCH);
        let horizon =
            if want.late.is_zero() { self.clock.now() + want.lookahead } else { self.clock.now() - want.late };
        let mut claim_at = doc! {"$gt": DateTime::from_millis(0)};
        if !want.late.is_zero() {
            claim_at.insert("$lte", date(horizon));
        }
        let (filter, index) = match &want.gate {
            None => {
                let partitions: Vec<i32> = want.partitions.iter().map(|it| i32::from(it.number())).collect();
                (doc! {"gate": "", "partition": {"$in": partitions}, "claim_at": claim_at}, schema::peek())
            }
            Some(pool) => (doc! {"gate": pool.as_str(), "claim_at": claim_at}, by_gate()),
        };
        let jobs = self.jobs.clone_with_type::<Candidate>();
        let peek = async move {
            let index = Hint::Keys(index);
            let limit = u32::try_from(limit + 1).unwrap_or(u32::MAX);
            let find = jobs.find(filter).sort(doc! {"claim_at": 1, "_id": 1}).limit(i64::from(limit)).batch_size(limit);
            find.projection(doc! {"_id": 1, "claim_at": 1, "size": 1}).hint(index).await?.try_collect().await
        };
        let mut found: Vec<Candidate> = command::bounded(peek).await?;
        let mut bytes = 0;
        let fits = |candidate: &&Candidate| {
            bytes += usize::try_from(candidate.size).unwrap_or(usize::MAX);
            time(candidate.claim_at) <= horizon && bytes <= want.bytes
        };
        let count = found.iter().take(limit).take_while(fits).count();
        let next = found.get(count).map(|candidate| time(candidate.claim_at));
        found.truncate(count);
        Ok((found, next))
    }

    /// Locks those of the jobs that can still be claimed. Each document is locked whole or not at all; who loses the
    /// race for one loses that one only.
    async fn lock(&self, want: &Want, ids: &[JobId]) -> Result<Vec<Document>> {
        let now = self.clock.server_now();
        let guard = pipeline::claimable(&now, want);
        let set = pipeline::claim(&now, want);
        if let &[id] = ids {
            let mut filter = by_id(id);
            filter.extend(guard);
            let jobs = self.jobs.clone();
            let lock = async move {
                let update = jobs.find_one_and_update(filter, vec![doc! {"$set": set}]);
                let update = update.return_document(ReturnDocument::After).max_time(MAX_TIME);
                update.hint(Hint::Keys(doc! {"_id": 1})).await
            };
            return Ok(command::bounded(lock).await?.into_iter().collect());
        }
        let mut filter = among(ids);
        filter.extend(guard);
        command::update(&self.db, "jobs", vec![Update::many(filter, set)]).await?;
        self.held(want.token, ids).await
    }
}

impl MongoStore {
    /// Those of the jobs that this token holds. Asked by id, since the token has no index.
    pub(crate) async fn held(&self, token: Token, ids: &[JobId]) -> Result<Vec<Document>> {
        let mut filter = among(ids);
        filter.insert("lock.token", uuid(token.uuid()));
        let jobs = self.jobs.clone();
        command::bounded(async move { jobs.find(filter).await?.try_collect().await }).await
    }

    /// Gives back what a lock of unknown outcome may have taken. Until this has succeeded nothing further is claimed:
    /// otherwise such jobs could pile up, held by nobody for as long as a lease.
    pub(crate) async fn give_back_doubtful(&self) -> Result<()> {
        let doubtful = self.doubtful.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (token, ids) in doubtful {
            let claims = self.held(token, &ids).await?.into_iter().filter_map(claimed).collect();
            let claims = self.record_lost(claims).await?;
            let given_back: Vec<_> = claims.iter().map(|claim| claim.settled(None, Then::GiveBack)).collect();
            self.settle(&given_back).await?;
            self.doubtful.lock().unwrap_or_else(PoisonError::into_inner).retain(|(other, _)| *other != token);
        }
        Ok(())
    }
}

/// The filter that finds jobs by id, and by the partitions that follow from it.
pub(crate) fn among(ids: &[JobId]) -> Document {
    let mut partitions: Vec<i32> = ids.iter().map(|&id| partition(id)).collect();
    partitions.sort_unstable();
    partitions.dedup();
    let ids: Vec<Bson> = ids.iter().map(|id| uuid(id.uuid()).into()).collect();
    doc! {"_id": {"$in": ids}, "partition": {"$in": partitions}}
}

/// The claim of a job just locked. One that cannot be read must not keep the others from being called.
fn claimed(document: Document) -> Option<Claim> {
    let id = document.get("_id").cloned();
    let read = to_job(document).and_then(|job| {
        let lock = job.state.lock.clone().ok_or_else(|| Error::Corrupt("it has no lock".to_owned()))?;
        Ok(Claim { job, lock, recorded: None })
    });
    read.inspect_err(|error| tracing::error!(job = ?id, %error, "cannot read a job, so it is not called")).ok()
}
