//! What is put right after the server's clock was wrong.
//!
//! That it was set back is seen by this process, or at its start by heartbeats and runs that lie ahead.

use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::bson::{Bson, Document, doc};
use naptime_core::pool::PASS_LEASE;
use naptime_core::set_back::{CLOCK_TOLERANCE, is_plausible, is_set_back};
use naptime_core::{Tier, Time};
use naptime_store::pools::START_LASTS;
use naptime_store::{Clock, Repairs, Result, SetBack};

use crate::MongoStore;
use crate::command::{self, MAX_TIME, Update};
use crate::document::{date, time};
use crate::pipeline::cond;
use crate::pools::REGATED;

/// The most jobs looked at, and written, at once.
const STEP: i64 = 100;
/// The most runs moved at once.
const RUNS_STEP: i64 = 2_000;
/// How often jobs are looked at anew because others changed some of them meanwhile.
const MAX_TRIES: usize = 20;

/// The latest time that this process has seen, in milliseconds since 1970; none so far if it is 0.
#[derive(Default)]
pub(crate) struct Seen(AtomicI64);

#[async_trait]
impl Repairs for MongoStore {
    async fn follow_clock(&self) -> Result<Option<SetBack>> {
        let seen = match self.seen.0.load(Ordering::Relaxed) {
            0 => self.seen_by_others().await?,
            millis => Time::from_millis(millis),
        };
        let now = self.now();
        if !is_set_back(seen, now) {
            self.seen.0.fetch_max(now.millis(), Ordering::Relaxed);
            return Ok(None);
        }
        let jobs = self.set_jobs_back(now).await?;
        self.end_waits(now).await?;
        self.seen.0.store(self.now().millis(), Ordering::Relaxed);
        Ok(Some(SetBack { by: seen.since(now), jobs }))
    }
}

impl MongoStore {
    /// The latest heartbeat, or the latest end of a run.
    async fn seen_by_others(&self) -> Result<Time> {
        let (workers, runs) = (self.workers.clone(), self.runs.clone());
        let newest = async move {
            let beat = workers.find_one(doc! {}).sort(doc! {"seen_at": -1}).projection(doc! {"seen_at": 1}).await?;
            let run = runs.find_one(doc! {}).sort(doc! {"finished": -1}).projection(doc! {"finished": 1}).await?;
            Ok((beat, run))
        };
        let (beat, run) = command::bounded(newest).await?;
        let at = |found: Option<Document>, field: &str| found.and_then(|it| it.get_datetime(field).ok().copied());
        let newest = [at(beat, "seen_at"), at(run, "finished")].into_iter().flatten().map(time).max();
        Ok(newest.unwrap_or(Time::from_millis(0)))
    }

    /// Puts all jobs right. Returns how many were changed.
    async fn set_jobs_back(&self, now: Time) -> Result<u64> {
        // Most jobs are due later than now, so nearly all are looked at.
        let (mut changed, mut after) = (0, Bson::MinKey);
        loop {
            let due = self.due.clone();
            let page = doc! {"_id": {"$gt": after}};
            let find = async move {
                let find = due.find(page).sort(doc! {"_id": 1}).limit(STEP).projection(doc! {"_id": 1});
                find.max_time(MAX_TIME).await?.try_collect::<Vec<Document>>().await
            };
            let ids: Vec<Bson> = command::bounded(find).await?.iter().filter_map(|it| it.get("_id").cloned()).collect();
            let Some(last) = ids.last() else { return Ok(changed) };
            after = last.clone();
            changed += self.set_these_back(doc! {"_id": {"$in": ids}}, now).await?;
        }
    }

    async fn set_these_back(&self, these: Document, now: Time) -> Result<u64> {
        let mut changed = 0;
        for job in self.find_whole(these).await? {
            let mut job = job;
            // Others may change it meanwhile: then it is looked at again.
            for _ in 0..MAX_TRIES {
                let Some(after) = job.after_set_back(now) else { break };
                if self.write_both(&job, &after).await? {
                    changed += 1;
                    break;
                }
                job = self.find_job(job.id).await?;
            }
        }
        Ok(changed)
    }

    /// Ends what else would last too long.
    async fn end_waits(&self, now: Time) -> Result<()> {
        let soon = now + CLOCK_TOLERANCE;
        let at_most = |field: &str, latest: Time| {
            Update::many(doc! {field: {"$gt": date(latest)}}, doc! {field: date(latest.min(now))})
        };
        let passes = |field: &str, latest: Time| {
            let pass = doc! {"id": "$$it.id", "until": {"$min": ["$$it.until", date(latest)]}};
            let each = doc! {"$map": {"input": format!("${field}"), "as": "it", "in": pass}};
            Update::many(doc! {format!("{field}.until"): {"$gt": date(latest)}}, doc! {field: each})
        };
        let pools = vec![
            passes("flights", soon + PASS_LEASE),
            passes("starts", soon + START_LASTS),
            at_most("updated_at", soon),
            at_most("regate_until", soon + REGATED),
        ];
        command::update(&self.db, "pools", pools).await?;
        command::update(&self.db, "rules", vec![at_most("updated_at", soon)]).await?;
        command::update(&self.db, "workers", vec![at_most("seen_at", soon)]).await?;
        Ok(())
    }

    /// Moves runs that lie ahead back, as far as the clock was ahead, has answers that do be of now, and removes figures and
    /// breaches that do.
    pub(crate) async fn clear_ahead(&self) -> Result<()> {
        let now = self.now();
        if !is_plausible(now) {
            return Ok(());
        }
        let soon = date(now + CLOCK_TOLERANCE);
        let ahead = doc! {"finished": {"$gt": soon}};
        let runs = self.runs.clone();
        let newest = {
            let (runs, ahead) = (runs.clone(), ahead.clone());
            async move { runs.find_one(ahead).sort(doc! {"finished": -1}).projection(doc! {"finished": 1}).await }
        };
        let newest = command::bounded(newest).await?.and_then(|it| it.get_datetime("finished").ok().copied());
        if let Some(newest) = newest {
            let by = newest.timestamp_millis() - now.millis();
            let moved = |field: &str| {
                let field = format!("${field}");
                cond(doc! {"$gt": [&field, soon]}, doc! {"$subtract": [&field, by]}, field)
            };
            let set = doc! {"due": moved("due"), "started": moved("started"), "finished": moved("finished")};
            loop {
                let (runs, ahead) = (runs.clone(), ahead.clone());
                let find = async move {
                    let find = runs.find(ahead).sort(doc! {"finished": 1}).limit(RUNS_STEP).projection(doc! {"_id": 1});
                    find.await?.try_collect::<Vec<Document>>().await
                };
                let ids: Vec<_> =
                    command::bounded(find).await?.iter().filter_map(|it| it.get("_id").cloned()).collect();
                if ids.is_empty() {
                    break;
                }
                let statement = Update::many(doc! {"_id": {"$in": ids}}, set.clone());
                command::update(&self.db, "runs", vec![statement]).await?;
            }
        }
        for tier in Tier::ALL {
            let ahead = doc! {"tier": i32::from(tier.seconds()), "at": {"$gt": soon}};
            command::remove(&self.db, "load", ahead.clone()).await?;
            command::remove(&self.db, "sla", ahead).await?;
        }
        let answers = Update::many(doc! {"at": {"$gt": soon}}, doc! {"at": date(now)});
        command::update(&self.db, "answers", vec![answers]).await?;
        command::remove(&self.db, "breaches", doc! {"to": {"$gt": soon}}).await
    }
}
