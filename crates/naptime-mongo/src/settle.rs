//! Settles: the runs, and then the due work.
//!
//! A settle needs no twin in the server's words: what it does is computed from the job as the claim had it, and written
//! if nobody has edited the job since. One statement writes a whole batch: it looks each job's new values up in a
//! constant array, which costs the server a third of what a statement for each job does. Jobs that were edited, which is
//! rare, are computed again from what they are. The pause before a retry counts from a lower bound of the server's time,
//! which is behind it by a millisecond, or, until the next heartbeat reads it again, by as long as this machine slept.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use mongodb::bson::{RawArrayBuf, RawBson, doc, rawdoc};
use naptime_core::{Claim, ClaimRef, Job, JobId, Run, Settled, Time, Token};
use naptime_store::{Clock, Error, Result};

use crate::MongoStore;
use crate::command::{self, Update};
use crate::document::{Changes, corrupt, date, from_run, partition, raw_uuid, run_id, unchanged};

/// How often a settle is computed anew because of edits in between.
const MAX_TRIES: usize = 20;

impl MongoStore {
    pub(crate) async fn settle_all(&self, done: &[Settled]) -> Result<Vec<Claim>> {
        let runs: Vec<_> = done.iter().filter_map(|settled| settled.run.as_ref()).collect();
        let now = self.now();
        let skipped: Vec<Run> = done.iter().filter_map(|settled| settled.skipped(now)).collect();
        // If the claim was found lost, another has called meanwhile, whose answer is not to be replaced.
        if self.record(runs.iter().copied().chain(&skipped)).await? {
            self.keep_answers(done).await;
        }
        self.record_breaches(done).await?;
        let held_over = match self.end_all(done).await? {
            Some(held_over) => held_over,
            None => {
                self.end_each(done).await?;
                self.held_over(done).await?
            }
        };
        self.trim(&runs.iter().map(|run| run.job).collect::<Vec<_>>());
        Ok(held_over)
    }

    /// Records runs and rows of skipped occurrences. Returns whether all were new.
    async fn record(&self, runs: impl Iterator<Item = &Run> + Clone + Send) -> Result<bool> {
        let documents = runs.clone().map(from_run).collect::<Result<Vec<_>>>()?;
        // A run that is there already is this one, written before in vain, or says that the claim was lost.
        if documents.is_empty() || command::insert_new(&self.runs, documents).await? {
            return Ok(true);
        }
        // So is a row of skipped occurrences; or it was left by a settle that took no effect, and more are skipped now.
        let grown = runs.filter_map(|run| {
            let count = i64::try_from(run.skipped?.count).unwrap_or(i64::MAX);
            let filter = doc! {"_id": run_id(run.token, run.job), "skipped.count": {"$lt": count}};
            Some(Update::one(filter, doc! {"skipped.count": count, "finished": date(run.finished)}))
        });
        let grown: Vec<Update> = grown.collect();
        if !grown.is_empty() {
            command::update(&self.db, "runs", grown).await?;
        }
        Ok(false)
    }

    /// Ends those of the claims that are held and whose jobs nobody has edited since, by one statement. If those were
    /// all: the claims that hold jobs over.
    async fn end_all(&self, done: &[Settled]) -> Result<Option<Vec<Claim>>> {
        let now = self.now();
        let (mut ids, mut tokens, mut values) = (RawArrayBuf::new(), RawArrayBuf::new(), RawArrayBuf::new());
        let (mut jobs, mut partitions, mut each_token) = (HashSet::new(), HashSet::new(), HashSet::new());
        let mut held_over = Vec::new();
        for settled in done {
            let mut after = Job::clone(&settled.job);
            // A job that is here twice was claimed again before this settle of an earlier claim.
            if !after.settle(settled, now) || !jobs.insert(settled.claim.job) {
                continue;
            }
            ids.push(raw_uuid(settled.claim.job.uuid()).as_raw_bson_ref());
            tokens.push(raw_uuid(settled.claim.token.uuid()).as_raw_bson_ref());
            values.push(Changes::between(&settled.job, &after).raw()?);
            partitions.insert(partition(settled.claim.job));
            each_token.insert(settled.claim.token);
            held_over.extend(Arc::new(after).held_over(settled));
        }
        if jobs.is_empty() {
            return Ok(None);
        }
        let mut all = RawArrayBuf::new();
        each_token.iter().for_each(|token| all.push(raw_uuid(token.uuid()).as_raw_bson_ref()));
        let partitions: RawArrayBuf = partitions.into_iter().collect();
        let filter = rawdoc! {
            "_id": {"$in": ids.clone()},
            "partition": {"$in": partitions},
            "lock.token": {"$in": all},
            "lock.edits": 0,
        };
        let place = rawdoc! {"$indexOfArray": [{"$literal": ids}, "$_id"]};
        // Another of these tokens may hold the job by now.
        let is_held = rawdoc! {"$eq": ["$lock.token", {"$arrayElemAt": [{"$literal": tokens}, "$$place"]}]};
        let mut value = rawdoc! {"$arrayElemAt": [{"$literal": values}, "$$place"]};
        if !held_over.is_empty() {
            // A lease runs by the server's clock.
            let now: RawBson = self.clock.server_now().try_into().map_err(corrupt)?;
            let lease = rawdoc! {"claim_at": {"$add": [now, "$$value.lock.lease_ms"]}};
            let lease = rawdoc! {"$cond": ["$$value.lock", lease, {}]};
            value = rawdoc! {"$let": {"vars": {"value": value}, "in": {"$mergeObjects": ["$$value", lease]}}};
        }
        let change = rawdoc! {"$let": {"vars": {"place": place}, "in": {"$cond": [is_held, value, {}]}}};
        let mut pipeline = RawArrayBuf::new();
        pipeline.push(rawdoc! {"$replaceWith": {"$mergeObjects": ["$$ROOT", change]}});
        let mut statements = RawArrayBuf::new();
        statements.push(rawdoc! {"q": filter, "u": pipeline, "multi": true, "hint": {"_id": 1}});
        let reply = command::write(&self.db, rawdoc! {"update": "due", "updates": statements}).await?;
        let ended = reply.get_i32("nModified").ok().and_then(|n| usize::try_from(n).ok());
        Ok((ended == Some(done.len())).then_some(held_over))
    }

    /// The claims that hold jobs over, of settles that took effect one by one, or some time before.
    async fn held_over(&self, done: &[Settled]) -> Result<Vec<Claim>> {
        let asked = done.iter().filter_map(|settled| Some((settled.claim.job, settled.hold_over?)));
        let (ids, tokens): (Vec<JobId>, Vec<Token>) = asked.unzip();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let held = self.held(tokens, &ids).await?;
        let held: HashMap<JobId, Arc<Job>> = held.into_iter().map(|job| (job.id, Arc::new(job))).collect();
        Ok(done.iter().filter_map(|settled| held.get(&settled.claim.job)?.held_over(settled)).collect())
    }

    /// Ends those of the claims that are still held, each from its job as it is now.
    async fn end_each(&self, done: &[Settled]) -> Result<()> {
        let mut open: Vec<&Settled> = done.iter().collect();
        for _ in 0..MAX_TRIES {
            let (ids, tokens): (Vec<JobId>, Vec<Token>) =
                open.iter().map(|settled| (settled.claim.job, settled.claim.token)).unzip();
            let held = self.held(tokens, &ids).await?;
            let claim = |job: Job| Some((ClaimRef { job: job.id, token: job.state.lock()?.token }, job));
            let held: HashMap<ClaimRef, Job> = held.into_iter().filter_map(claim).collect();
            // The others were settled before, or are somebody else's.
            open.retain(|settled| held.contains_key(&settled.claim));
            if open.is_empty() {
                return Ok(());
            }
            let now = self.now();
            let (mut statements, mut skipped) = (Vec::new(), Vec::new());
            for settled in &open {
                let Some(before) = held.get(&settled.claim) else { continue };
                let Some(after) = settled_from(settled, before, now) else { continue };
                let changes = Changes::between(before, &after).raw()?;
                statements.push(Update::plain(command::raw(&unchanged(before)), changes));
                skipped.extend(after.skipped_since(before, settled.reason, now));
            }
            self.record(skipped.iter()).await?;
            let asked = statements.len();
            if command::update(&self.db, "due", statements).await? == asked {
                return Ok(());
            }
        }
        Err(Error::Unavailable(format!("a job was edited {MAX_TRIES} times while it was settled")))
    }
}

/// The job after this settle; none if the claim does not hold it any more.
fn settled_from(settled: &Settled, before: &Job, now: Time) -> Option<Job> {
    let mut after = before.clone();
    // Held over by this, it would have a lease by our clock, and not by the server's.
    let settled = Settled { hold_over: None, ..settled.clone() };
    after.settle(&settled, now).then_some(after)
}
