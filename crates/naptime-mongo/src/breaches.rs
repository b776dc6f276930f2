//! Breaches of SLAs that end, and what they add to the sums of what has ended.
//!
//! A breach and what it adds to the sums are written in one transaction, so that the sums count each breach once,
//! however often its settle is repeated. That is dear, and rare.

use std::collections::HashSet;
use std::time::Duration;

use futures::{FutureExt, TryStreamExt};
use mongodb::bson::{DateTime, Document, Uuid, doc};
use mongodb::{ClientSession, Database};
use naptime_core::standing::{self, Amount, Ended};
use naptime_core::{Breach, Cause, Job, JobId, Lookback, Outcome, Pool, Settled, Tier, Time, worker};
use naptime_store::{Clock, History, Pools, Result};
use serde::{Deserialize, Serialize};

use crate::MongoStore;
use crate::command::{self, Update};
use crate::document::{date, time, uuid};
use crate::queue::of_claim;

/// A breach that has ended, as its document.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct BreachDocument {
    _id: BreachId,
    job: Uuid,
    to: DateTime,
    cause: Cause,
}

#[derive(Clone, Serialize, Deserialize)]
struct BreachId {
    job: Uuid,
    from: DateTime,
}

impl MongoStore {
    /// Records the breaches that these settles end, before the settles themselves. Of a claim that is not held any
    /// more, or whose job has another deadline by now, there is none to record.
    pub(crate) async fn record_breaches(&self, done: &[Settled]) -> Result<()> {
        let ending = done.iter().filter_map(|settled| Some((settled, settled.breach.clone()?)));
        let held = |(settled, breach): (&Settled, Breach)| {
            let mut filter = of_claim(&settled.claim);
            filter.insert("watch.deadline", date(breach.from));
            // The last call ends a breach only if no edit has given the job further ones.
            if settled.run.as_ref().is_none_or(|run| run.outcome != Outcome::Ok) {
                filter.insert("plan", settled.job.plan.0);
            }
            (filter, breach)
        };
        let (held, breaches): (Vec<Document>, Vec<Breach>) = ending.map(held).unzip();
        if held.is_empty() {
            return Ok(());
        }
        let (db, now, retention) = (self.db.clone(), self.now(), self.retention);
        let record = async move {
            let mut session = db.client().start_session().await?;
            let context = (db, held, breaches);
            let transaction = session.start_transaction().and_run(context, move |session, (db, held, breaches)| {
                async move {
                    let due = db.collection::<Document>("due");
                    let find = due.find(doc! {"$or": held.clone()}).projection(doc! {"_id": 1});
                    let mut found = find.session(&mut *session).await?;
                    let ids: HashSet<JobId> = found.stream(&mut *session).try_filter_map(id_of).try_collect().await?;
                    let held = breaches.iter().filter(|breach| ids.contains(&breach.job)).cloned().collect();
                    keep(db, session, held, Vec::new(), now, retention).await
                }
                .boxed()
            });
            transaction.await
        };
        command::bounded(record).await
    }

    /// The breaches that an edit ends, of jobs before and after it.
    pub(crate) async fn breaches_ended(&self, edited: &[(Job, Job)], now: Time) -> Result<Vec<Breach>> {
        let ends = |(before, after): &&(Job, Job)| {
            before.breach(now, None).is_some() && after.promise_ended_since(before, now).is_some()
        };
        let (before, after): (Vec<Job>, Vec<Job>) = edited.iter().filter(ends).cloned().unzip();
        if before.is_empty() {
            return Ok(Vec::new());
        }
        let since = worker::present_since(&self.workers().await?, now);
        let off = self.pools_off(&before).await?;
        let ended = before.iter().zip(&after).filter_map(|(before, after)| {
            let off_at = off.contains(before.spec.endpoint.pool()).then_some(now);
            Some(after.breach_ended_since(before, now, since)?.in_pool_off_at(off_at))
        });
        Ok(ended.collect())
    }

    /// The pools of these jobs that are switched off.
    pub(crate) async fn pools_off(&self, jobs: &[Job]) -> Result<Vec<Pool>> {
        let pools: HashSet<Pool> = jobs.iter().map(|job| job.spec.endpoint.pool().clone()).collect();
        let settings = self.pool_settings(&pools.into_iter().collect::<Vec<_>>()).await?;
        Ok(settings.into_iter().filter(|settings| !settings.active).map(|settings| settings.pool).collect())
    }

    /// Removes what is kept no longer.
    pub(crate) async fn purge_slas(&self) -> Result<()> {
        let now = self.now();
        command::remove(&self.db, "breaches", doc! {"to": {"$lt": date(now - self.retention)}}).await?;
        for tier in Tier::ALL {
            let mut old = doc! {"tier": i32::from(tier.seconds())};
            if let Some(kept) = Lookback::kept(tier, now, self.retention) {
                old.insert("at", doc! {"$lt": date(kept)});
            }
            command::remove(&self.db, "sla", old).await?;
        }
        Ok(())
    }
}

/// Keeps breaches, and what they and `ended` add to the sums. A breach that is there already stays as it is, and adds
/// nothing.
pub(crate) async fn keep(
    db: &Database,
    session: &mut ClientSession,
    breaches: Vec<Breach>,
    mut ended: Vec<Ended>,
    now: Time,
    retention: Duration,
) -> mongodb::error::Result<()> {
    let collection = db.collection::<BreachDocument>("breaches");
    let ids: Vec<Document> = breaches.iter().map(|breach| breach_id(breach.job, breach.from)).collect();
    let mut there = HashSet::new();
    if !ids.is_empty() {
        let mut found = collection.find(doc! {"_id": {"$in": ids}}).session(&mut *session).await?;
        let mut found = found.stream(&mut *session);
        while let Some(document) = found.try_next().await? {
            there.insert((document._id.job, document._id.from));
        }
    }
    let new: Vec<BreachDocument> = breaches
        .iter()
        .map(BreachDocument::from)
        .filter(|document| !there.contains(&(document._id.job, document._id.from)))
        .collect();
    if !new.is_empty() {
        ended.extend(new.iter().map(|it| Ended::Breach(time(it._id.from), time(it.to))));
        collection.insert_many(new).session(&mut *session).await?;
    }
    let add = |((tier, at), amount): ((Tier, Time), Amount)| {
        let more = doc! {"promised_ms": signed(amount.promised_ms), "breached_ms": signed(amount.breached_ms)};
        Update::increase(sum_key(tier, at), more)
    };
    let updates = standing::sums(&ended, now, retention).into_iter().map(add).collect();
    command::update_within(db, session, "sla", updates).await.map(drop)
}

/// A sum of what has ended, as its document.
pub(crate) fn from_sum(tier: Tier, at: Time, amount: Amount) -> Document {
    let mut document = sum_key(tier, at);
    document.insert("_id", document.clone());
    document.extend(doc! {"promised_ms": signed(amount.promised_ms), "breached_ms": signed(amount.breached_ms)});
    document
}

fn sum_key(tier: Tier, at: Time) -> Document {
    doc! {"tier": i32::from(tier.seconds()), "at": date(at)}
}

async fn id_of(document: Document) -> mongodb::error::Result<Option<JobId>> {
    Ok(crate::queue::read_uuid(&document, "_id").map(JobId::from))
}

/// The id of the breach of a job that began then.
pub(crate) fn breach_id(job: JobId, from: Time) -> Document {
    doc! {"job": uuid(job.uuid()), "from": date(from)}
}

impl From<&Breach> for BreachDocument {
    fn from(breach: &Breach) -> Self {
        let job = uuid(breach.job.uuid());
        let _id = BreachId { job, from: date(breach.from) };
        Self { _id, job, to: date(breach.to.unwrap_or(breach.from)), cause: breach.cause }
    }
}

impl From<BreachDocument> for Breach {
    fn from(d: BreachDocument) -> Self {
        Self { job: d.job.to_uuid_1().into(), from: time(d._id.from), to: Some(time(d.to)), cause: d.cause }
    }
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
