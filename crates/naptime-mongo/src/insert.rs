//! Adding jobs, a thousand at a time.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

use futures::FutureExt;
use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};
use mongodb::error::ErrorKind;
use naptime_core::{Job, JobId, NewJob};
use naptime_store::{Added, Clock, Error, Result};

use crate::MongoStore;
use crate::command::{self, DUPLICATE_KEY};
use crate::document::{from_config, from_due};
use crate::joined::by_ids;

/// The most jobs in one transaction.
const MAX_CHUNK: usize = 1_000;
/// The most bytes of requests in one transaction, if it is of more than one job.
const MAX_CHUNK_BYTES: usize = 8 * 1024 * 1024;
/// How long the jobs of one transaction may take to be added.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);
/// How often jobs are tried of which some id or key was taken when they were tried, and free when they were looked for.
const MAX_TRIES: usize = 20;

impl MongoStore {
    /// Adds jobs, each by itself. What is there is looked for first: where the id is taken, an earlier try has added this
    /// job; where the key is, another job of the kind has it. The unique indexes decide; whoever comes second looks again.
    pub(crate) async fn insert_each(&self, new: Vec<NewJob>) -> Result<Vec<Added>> {
        let now = self.now();
        let jobs: Vec<Job> = new.into_iter().map(|job| job.into_job(now)).collect();
        let mut added = Vec::with_capacity(jobs.len());
        let mut rest = &jobs[..];
        while !rest.is_empty() {
            let (chunk, later) = rest.split_at(chunk_of(rest));
            added.extend(self.insert_chunk(chunk).await?);
            rest = later;
        }
        Ok(added)
    }

    async fn insert_chunk(&self, jobs: &[Job]) -> Result<Vec<Added>> {
        for _ in 0..MAX_TRIES {
            let mut there = self.already_there(jobs).await?;
            // Of those with the same key the first is added.
            let mut firsts: HashMap<(&str, bool), &Job> = HashMap::new();
            let mut new = Vec::new();
            let mut ids = HashSet::new();
            for job in jobs.iter().filter(|job| !there.contains_key(&job.id) && ids.insert(job.id)) {
                match key_of(job).map(|key| firsts.entry(key)) {
                    Some(Entry::Occupied(_)) => {}
                    Some(Entry::Vacant(first)) => new.push(*first.insert(job)),
                    None => new.push(job),
                }
            }
            if !self.insert_new_jobs(&new).await? {
                continue;
            }
            let become_of = |job: &Job| match there.remove(&job.id) {
                Some(found) => found,
                None => match key_of(job).and_then(|key| firsts.get(&key)) {
                    Some(first) if first.id != job.id => Added::Existing(Job::clone(first)),
                    _ => Added::New(job.clone()),
                },
            };
            return Ok(jobs.iter().map(become_of).collect());
        }
        Err(Error::Unavailable(format!("a key was taken and free again {MAX_TRIES} times while a job was added")))
    }

    /// Adds these jobs in one transaction. Returns whether it did: none of their ids and keys was taken meanwhile.
    async fn insert_new_jobs(&self, new: &[&Job]) -> Result<bool> {
        if new.is_empty() {
            return Ok(true);
        }
        let gates = self.gates(new.iter().map(|job| job.spec.endpoint.pool())).await?;
        let gate = |job: &Job| gates.get(job.spec.endpoint.pool().as_str()).map_or("", String::as_str);
        let configs = new.iter().map(|job| from_config(job)).collect::<Result<Vec<Document>>>()?;
        let due = new.iter().map(|job| from_due(job, gate(job))).collect::<Result<Vec<RawDocumentBuf>>>()?;
        let db = self.db.clone();
        let insert = async move {
            let mut session = db.client().start_session().await?;
            let context = (db, configs, due);
            let transaction = session.start_transaction().and_run(context, |session, (db, configs, due)| {
                async move {
                    let jobs = db.collection::<Document>("jobs");
                    jobs.insert_many(&*configs).session(&mut *session).await?;
                    let collection = db.collection::<RawDocumentBuf>("due");
                    collection.insert_many(&*due).session(&mut *session).await.map(drop)
                }
                .boxed()
            });
            match transaction.await {
                Err(error) if is_taken(&error) => Ok(false),
                other => other.map(|()| true),
            }
        };
        let inserted = self.orphans.ending(command::bounded_by(TIMEOUT, insert)).await?;
        self.mend_gates(&gates).await;
        self.wake_if_soon(new.iter().copied());
        Ok(inserted)
    }

    /// Those of the jobs that are there already, or else the jobs that have their keys.
    async fn already_there(&self, new: &[Job]) -> Result<HashMap<JobId, Added>> {
        let ids: Vec<JobId> = new.iter().map(|job| job.id).collect();
        let own = self.find_whole(by_ids(&ids)).await?;
        let mut there: HashMap<JobId, Added> = own.into_iter().map(|job| (job.id, Added::New(job))).collect();
        let keys: Vec<Bson> = new.iter().filter_map(|job| job.spec.key.as_deref()).map(Bson::from).collect();
        if keys.is_empty() {
            return Ok(there);
        }
        let others = self.find_whole(doc! {"live_key": {"$in": keys, "$type": "string"}}).await?;
        let others: HashMap<(&str, bool), &Job> = others.iter().filter_map(|job| Some((key_of(job)?, job))).collect();
        for job in new {
            if !there.contains_key(&job.id)
                && let Some(&other) = key_of(job).and_then(|key| others.get(&key))
            {
                there.insert(job.id, Added::Existing(other.clone()));
            }
        }
        Ok(there)
    }
}

/// How many of these jobs, which are some, go into one transaction.
pub(crate) fn chunk_of(jobs: &[Job]) -> usize {
    let mut bytes = 0;
    let fits = |job: &&Job| {
        bytes += job.spec.request.size();
        bytes <= MAX_CHUNK_BYTES
    };
    jobs.iter().take(MAX_CHUNK).take_while(fits).count().max(1)
}

/// Whether an id or a key was taken.
fn is_taken(error: &mongodb::error::Error) -> bool {
    match error.kind.as_ref() {
        ErrorKind::InsertMany(inner) => inner.write_errors.iter().flatten().any(|error| error.code == DUPLICATE_KEY),
        _ => false,
    }
}

/// What no two jobs that are not deleted share: a key, among one-off jobs or among those that recur.
fn key_of(job: &Job) -> Option<(&str, bool)> {
    Some((job.spec.key.as_deref()?, job.spec.schedule.is_once()))
}
