//! Adding jobs, a thousand at a time.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use futures::TryStreamExt;
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::ErrorKind;
use mongodb::options::Hint;
use naptime_core::{Job, JobId, NewJob};
use naptime_store::{Added, Clock, Error, Result};

use crate::MongoStore;
use crate::claim::among;
use crate::command::{self, DUPLICATE_KEY};
use crate::document::{from_job, to_job};
use crate::schema;

/// The most jobs in one command.
const CHUNK: usize = 1_000;
/// How long the jobs of one command may take to be added.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How often a job is tried whose key was taken when it was tried, and free when it was asked by whom.
const MAX_TRIES: usize = 5;

impl MongoStore {
    /// Adds jobs, each by itself. The unique indexes decide: where the id is taken, an earlier try has added this job;
    /// where the key is, another job of the kind has it.
    pub(crate) async fn insert_each(&self, new: Vec<NewJob>) -> Result<Vec<Added>> {
        let now = self.now();
        let jobs: Vec<Job> = new.into_iter().map(|job| job.into_job(now)).collect();
        let mut added: HashMap<usize, Added> = HashMap::new();
        let mut open: Vec<usize> = (0..jobs.len()).collect();
        for tried in 0..MAX_TRIES {
            // Of those with the same key the first has to be there before the others are tried, all at once.
            let mut keys = HashSet::new();
            let is_first = |&index: &usize| key_of(&jobs[index]).is_none_or(|key| keys.insert(key));
            let (first, later): (Vec<usize>, Vec<usize>) =
                if tried == 0 { open.into_iter().partition(is_first) } else { (open, Vec::new()) };
            open = later;
            for chunk in first.chunks(CHUNK) {
                let refused = self.insert_chunk(chunk.iter().map(|&index| &jobs[index])).await?;
                let refused: HashSet<usize> = refused.into_iter().filter_map(|at| chunk.get(at).copied()).collect();
                let new = chunk.iter().filter(|index| !refused.contains(index));
                added.extend(new.map(|&index| (index, Added::New(jobs[index].clone()))));
                let mut there = self.already_there(refused.iter().map(|&index| &jobs[index]).collect()).await?;
                for index in refused {
                    match there.remove(&jobs[index].id) {
                        Some(job) => drop(added.insert(index, job)),
                        None => open.push(index),
                    }
                }
            }
            if open.is_empty() {
                return Ok((0..jobs.len()).filter_map(|index| added.remove(&index)).collect());
            }
            open.sort_unstable();
        }
        Err(Error::Unavailable(format!("a key was taken and free again {MAX_TRIES} times while a job was added")))
    }

    /// Adds these jobs, and returns the places of those whose id or key is taken.
    async fn insert_chunk(&self, new: impl Iterator<Item = &Job> + Clone) -> Result<Vec<usize>> {
        let gates = self.gates(new.clone().map(|job| job.spec.endpoint.pool())).await?;
        let document = |job: &Job| {
            let mut document = from_job(job)?;
            document.insert("gate", gates.get(job.spec.endpoint.pool().as_str()));
            Ok(document)
        };
        let documents = new.map(document).collect::<Result<Vec<Document>>>()?;
        let jobs = self.jobs.clone();
        let refused = command::bounded_by(TIMEOUT, async move {
            let Err(error) = jobs.insert_many(documents).ordered(false).await else { return Ok(Vec::new()) };
            if let ErrorKind::InsertMany(inner) = error.kind.as_ref()
                && inner.write_concern_error.is_none()
                && let Some(errors) = &inner.write_errors
                && errors.iter().all(|error| error.code == DUPLICATE_KEY)
            {
                return Ok(errors.iter().map(|error| error.index).collect());
            }
            Err(error)
        })
        .await?;
        self.mend_gates(&gates).await;
        Ok(refused)
    }

    /// Those of the jobs that are there already, or else the jobs that have their keys.
    async fn already_there(&self, refused: Vec<&Job>) -> Result<HashMap<JobId, Added>> {
        if refused.is_empty() {
            return Ok(HashMap::new());
        }
        let ids: Vec<JobId> = refused.iter().map(|job| job.id).collect();
        let own = self.find_jobs(among(&ids), doc! {"_id": 1}).await?;
        let mut there: HashMap<JobId, Added> = own.into_iter().map(|job| (job.id, Added::New(job))).collect();
        let mut others = Vec::new();
        for (once, index) in [(true, schema::key_once()), (false, schema::key_recurring())] {
            let of_kind = refused.iter().filter(|job| job.spec.schedule.is_once() == once);
            let keys: Vec<Bson> = of_kind.filter_map(|job| job.spec.key.as_deref()).map(Bson::from).collect();
            if !keys.is_empty() {
                let mut by_key = schema::keyed(once);
                by_key.insert("key", doc! {"$in": keys, "$type": "string"});
                others.extend(self.find_jobs(by_key, index).await?);
            }
        }
        let others: HashMap<(&str, bool), &Job> = others.iter().filter_map(|job| Some((key_of(job)?, job))).collect();
        for job in refused {
            if !there.contains_key(&job.id)
                && let Some(&other) = key_of(job).and_then(|key| others.get(&key))
            {
                there.insert(job.id, Added::Existing(other.clone()));
            }
        }
        Ok(there)
    }

    async fn find_jobs(&self, filter: Document, index: Document) -> Result<Vec<Job>> {
        let jobs = self.jobs.clone();
        let find = async move { jobs.find(filter).hint(Hint::Keys(index)).await?.try_collect::<Vec<Document>>().await };
        command::bounded_by(TIMEOUT, find).await?.into_iter().map(to_job).collect()
    }
}

/// What no two jobs that are not deleted share: a key, among one-off jobs or among those that recur.
fn key_of(job: &Job) -> Option<(&str, bool)> {
    Some((job.spec.key.as_deref()?, job.spec.schedule.is_once()))
}
