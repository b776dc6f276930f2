//! Settles: the runs, and then the jobs.
//!
//! A settle needs no twin in the server's words: what it does is computed from the job as the claim had it, and written
//! if nobody has edited the job since. For one that was edited, which is rare, it is computed again from the job as it
//! is. Plain values cost the server half of what a pipeline costs that works the same out there. The pause before a retry
//! counts from a lower bound of the server's time, which is behind it by a millisecond, or after this machine slept by up
//! to two seconds.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use mongodb::bson::{DateTime, Uuid};
use naptime_core::{ClaimRef, Job, JobId, Rev, Settled, Stage, Time, Token};
use naptime_store::{Clock, Error, Result};
use serde::Serialize;

use crate::MongoStore;
use crate::command::{self, Update};
use crate::document::{LastDocument, WatchDocument, date, from_run, partition, raw_to_job, uuid, write_raw};

/// How often a settle is computed anew because of edits in between.
const MAX_TRIES: usize = 20;

impl MongoStore {
    pub(crate) async fn settle_all(&self, done: &[Settled]) -> Result<()> {
        let runs: Vec<_> = done.iter().filter_map(|settled| settled.run.as_ref()).collect();
        if !runs.is_empty() {
            let documents = runs.iter().map(|run| from_run(run)).collect::<Result<Vec<_>>>()?;
            // A run that is there already is this one, written before in vain, or says that the claim was lost.
            command::insert_new(&self.runs, documents).await?;
        }
        self.record_breaches(done).await?;
        let mut open: Vec<(&Settled, Arc<Job>)> = done.iter().map(|settled| (settled, settled.job.clone())).collect();
        for _ in 0..MAX_TRIES {
            if self.end(&open).await? == open.len() {
                self.trim(&runs.iter().map(|run| run.job).collect::<Vec<_>>());
                return Ok(());
            }
            // The others were edited, or settled before, or are somebody else's.
            let mut held = self.still_held(open.iter().map(|(settled, _)| settled.claim)).await?;
            open.retain_mut(|(settled, job)| held.remove(&settled.claim).map(|now| *job = now.into()).is_some());
        }
        Err(Error::Unavailable(format!("a job was edited {MAX_TRIES} times while it was settled")))
    }

    /// Ends those of the claims that are held and whose jobs are as they are here. Returns how many those were.
    async fn end(&self, open: &[(&Settled, Arc<Job>)]) -> Result<usize> {
        let now = self.now();
        let mut statements = Vec::with_capacity(open.len());
        for (settled, before) in open {
            let mut after = Job::clone(before);
            if after.settle(settled, now) {
                statements.push(Update::plain(
                    write_raw(&Unedited::new(&settled.claim, before))?,
                    write_raw(&Changes::new(before, &after))?,
                ));
            }
        }
        if statements.is_empty() {
            return Ok(0);
        }
        command::update(&self.db, "jobs", statements).await
    }

    /// Those of the claims that are still held, with their jobs as they are now.
    async fn still_held(&self, claims: impl Iterator<Item = ClaimRef>) -> Result<HashMap<ClaimRef, Job>> {
        let (ids, tokens): (Vec<JobId>, HashSet<Token>) = claims.map(|claim| (claim.job, claim.token)).unzip();
        let claim = |job: Job| Some((ClaimRef { job: job.id, token: job.state.lock.as_ref()?.token }, job));
        let held = self.held(tokens, &ids).await?;
        let held = held.iter().map(|job| raw_to_job(job)).collect::<Result<Vec<_>>>()?;
        Ok(held.into_iter().filter_map(claim).collect())
    }
}

/// The filter that holds while a claim does and nobody has edited its job: "call now" is the one edit that leaves the
/// revision as it is.
#[derive(Serialize)]
struct Unedited {
    _id: Uuid,
    partition: i32,
    #[serde(rename = "lock.token")]
    token: Uuid,
    rev: Rev,
    asked_at: Option<DateTime>,
}

impl Unedited {
    fn new(claim: &ClaimRef, job: &Job) -> Self {
        Self {
            _id: uuid(claim.job.uuid()),
            partition: partition(claim.job),
            token: uuid(claim.token.uuid()),
            rev: job.rev,
            asked_at: job.state.asked_at.map(date),
        }
    }
}

/// What a settle changes; none where it changes nothing.
#[derive(Serialize)]
struct Changes {
    lock: (),
    claim_at: Option<DateTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<Option<DateTime>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    asked_at: Option<Option<DateTime>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<Option<LastDocument>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_ok: Option<Option<DateTime>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Option<DateTime>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    watch: Option<Option<WatchDocument>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<Stage>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "counters.settled")]
    settled: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "counters.missed")]
    missed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "counters.runs")]
    runs: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "counters.ok")]
    ok: Option<u64>,
}

impl Changes {
    fn new(before: &Job, after: &Job) -> Self {
        fn changed<T: PartialEq>(was: &T, is: T) -> Option<T> {
            (*was != is).then_some(is)
        }
        let (was, is) = (&before.state, &after.state);
        let (counted, counts) = (&was.counters, is.counters);
        let moved = |was: &Option<Time>, is: Option<Time>| changed(was, is).map(|at| at.map(date));
        Self {
            lock: (),
            claim_at: is.claim_at.map(date),
            due: moved(&was.due, is.due),
            asked_at: moved(&was.asked_at, is.asked_at),
            attempt: changed(&was.attempt, is.attempt),
            last: (was.last != is.last).then(|| is.last.as_ref().map(LastDocument::from)),
            last_ok: moved(&was.last_ok, is.last_ok),
            ended_at: moved(&was.ended_at, is.ended_at),
            watch: changed(&was.watch, is.watch).map(|watch| watch.map(WatchDocument::from)),
            stage: after.stage(),
            settled: changed(&counted.settled, counts.settled),
            missed: changed(&counted.missed, counts.missed),
            runs: changed(&counted.runs, counts.runs),
            ok: changed(&counted.ok, counts.ok),
        }
    }
}
