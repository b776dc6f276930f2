//! Breaches of SLAs, and the sums of what has ended.
//!
//! A breach and what it adds to the sums are written in one transaction, so that the sums count each breach once,
//! however often its settle is repeated. That is dear, and rare.

use std::collections::HashSet;

use async_trait::async_trait;
use futures::{FutureExt, TryStreamExt};
use mongodb::action::Action;
use mongodb::bson::{Bson, DateTime, Document, Uuid, doc};
use mongodb::options::{Hint, ReturnDocument};
use mongodb::{ClientSession, Database};
use naptime_core::standing::{self, Amount, Ended};
use naptime_core::{Breach, Cause, ClaimRef, Job, JobId, Lookback, Pool, Settled, Standing, Time, worker};
use naptime_store::{Breached, Clock, Error, History, JobSummary, Page, PageRef, Pools, Result, Slas};
use serde::{Deserialize, Serialize};

use crate::command::{self, MAX_TIME};
use crate::document::{date, millis, time, uuid};
use crate::queue::of_claim;
use crate::schema::plain;
use crate::{MongoStore, jobs};

/// The index that all reading of what lasts goes by.
pub(crate) fn index() -> Document {
    doc! {"watch.deadline": 1, "_id": 1, "watch.since": 1, "sla_ms": 1, "watch.longest_ms": 1}
}

#[derive(Clone, Serialize, Deserialize)]
struct BreachDocument {
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

#[async_trait]
impl Slas for MongoStore {
    async fn standing(&self) -> Result<Standing> {
        let now = self.now();
        let starts = Lookback::starts(now, self.retention);
        let (lasting, ended) = tokio::try_join!(self.lasting(now, starts), self.ended(now))?;
        let mut all = lasting;
        for (amount, more) in all.amounts.iter_mut().zip(ended) {
            amount.promised_ms += more.promised_ms;
            amount.breached_ms += more.breached_ms;
        }
        Ok(all)
    }

    async fn standing_of(&self, job: &Job) -> Result<Option<Standing>> {
        let Some(watch) = job.state.watch else { return Ok(None) };
        let now = self.now();
        let starts = Lookback::starts(now, self.retention);
        let mut group = doc! {"_id": null};
        for (window, start) in Lookback::ALL.into_iter().zip(starts) {
            group.insert(window.as_str(), doc! {"$sum": lasts("$_id.from", "$to".into(), start.max(watch.since))});
        }
        let filter = doc! {"job": uuid(job.id.uuid()), "to": {"$gt": date(watch.since)}};
        let found = self.aggregate("breaches", vec![doc! {"$match": filter}, doc! {"$group": group}], None).await?;
        let sums = found.into_iter().next().unwrap_or_default();
        let ended = Lookback::ALL.map(|window| number(sums.get(window.as_str())));
        Ok(Standing::of(job, ended, now, self.retention))
    }

    async fn in_breach(&self, page: &PageRef) -> Result<Page<Breached>> {
        let now = self.now();
        let mut filter = doc! {"watch.deadline": {"$gt": DateTime::from_millis(0), "$lt": date(now)}};
        if let Some((deadline, id)) = page.cursor.as_deref().map(read_cursor).transpose()? {
            filter.insert("watch.deadline", doc! {"$gte": deadline, "$lt": date(now)});
            filter.insert(
                "$or",
                vec![doc! {"watch.deadline": {"$gt": deadline}}, doc! {"watch.deadline": deadline, "_id": {"$gt": id}}],
            );
        }
        let jobs = self.jobs.clone();
        let limit = limit(page);
        let find = async move {
            let find = jobs.find(filter).sort(doc! {"watch.deadline": 1, "_id": 1}).limit(limit);
            let find = find.hint(Hint::Keys(index())).projection(doc! {"request.body": 0, "request.headers": 0});
            find.max_time(MAX_TIME).await?.try_collect::<Vec<Document>>().await
        };
        let (found, workers) = tokio::try_join!(command::bounded(find), self.workers())?;
        let since = worker::present_since(&workers, now);
        let found = found.into_iter().map(jobs::slim).collect::<Result<Vec<Job>>>()?;
        let off = self.pools_off(&found).await?;
        let breached = |job: Job| {
            let off_at = off.contains(job.spec.endpoint.pool()).then_some(now);
            let breach = job.breach(now, since)?.in_pool_off_at(off_at);
            Some(Breached { breach, job: Some(job.into()) })
        };
        let items = found.into_iter().filter_map(breached).collect();
        Ok(paged(items, page, |breached| breached.breach.from))
    }

    async fn breaches(&self, job: Option<JobId>, page: &PageRef) -> Result<Page<Breached>> {
        let mut filter = Document::new();
        if let Some(job) = job {
            filter.insert("job", uuid(job.uuid()));
        }
        if let Some((to, id)) = page.cursor.as_deref().map(read_cursor).transpose()? {
            filter.insert("to", doc! {"$lte": to});
            filter.insert("$or", vec![doc! {"to": {"$lt": to}}, doc! {"job": {"$lt": id}}]);
        }
        let breaches = self.breaches.clone_with_type::<BreachDocument>();
        let limit = limit(page);
        let find = async move {
            let find = breaches.find(filter).sort(doc! {"to": -1, "job": -1}).limit(limit).max_time(MAX_TIME);
            find.await?.try_collect::<Vec<_>>().await
        };
        let found: Vec<Breach> = command::bounded(find).await?.into_iter().map(Breach::from).collect();
        let jobs = self.jobs_of(found.iter().map(|breach| breach.job).collect()).await?;
        let summary = |id: JobId| jobs.iter().find(|job| job.id == id).cloned();
        let items = found.into_iter().map(|breach| Breached { job: summary(breach.job), breach }).collect();
        Ok(paged(items, page, |breached| breached.breach.to.unwrap_or(breached.breach.from)))
    }
}

impl MongoStore {
    /// Records the breaches that these settles end, before the settles themselves. Of a claim that is not held any
    /// more, or whose job has another deadline by now, there is none to record.
    pub(crate) async fn record_breaches(&self, done: &[Settled]) -> Result<()> {
        let ending = done.iter().filter_map(|settled| Some((settled.claim, settled.breach.clone()?)));
        let ending: Vec<(ClaimRef, Breach)> = ending.collect();
        if ending.is_empty() {
            return Ok(());
        }
        let held = |(claim, breach): &(ClaimRef, Breach)| {
            let mut filter = of_claim(claim);
            filter.insert("watch.deadline", date(breach.from));
            filter
        };
        let held: Vec<Document> = ending.iter().map(held).collect();
        let breaches: Vec<Breach> = ending.into_iter().map(|(_, breach)| breach).collect();
        let (db, now, retention) = (self.db.clone(), self.now(), self.retention);
        let record = async move {
            let mut session = db.client().start_session().await?;
            let context = (db, held, breaches);
            let transaction = session.start_transaction().and_run(context, move |session, (db, held, breaches)| {
                async move {
                    let jobs = db.collection::<Document>("jobs");
                    let find = jobs.find(doc! {"$or": held.clone()}).projection(doc! {"_id": 1});
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

    /// Carries out an edit that ends a promise, and perhaps a breach, and records those. None if the filter finds no
    /// job any more.
    pub(crate) async fn edit_ending(
        &self,
        filter: Document,
        set: Document,
        breach: Option<Breach>,
        promise: Ended,
    ) -> Result<Option<Document>> {
        let (db, now, retention) = (self.db.clone(), self.now(), self.retention);
        let edit = async move {
            let mut session = db.client().start_session().await?;
            let context = (db, filter, set, breach);
            let transaction =
                session.start_transaction().and_run(context, move |session, (db, filter, set, breach)| {
                    async move {
                        let jobs = db.collection::<Document>("jobs");
                        let update = jobs.find_one_and_update(filter.clone(), vec![doc! {"$set": set.clone()}]);
                        let edited = update.return_document(ReturnDocument::After).session(&mut *session).await?;
                        if edited.is_some() {
                            let breach = breach.iter().cloned().collect();
                            keep(db, session, breach, vec![promise], now, retention).await?;
                        }
                        Ok(edited)
                    }
                    .boxed()
                });
            transaction.await
        };
        command::bounded(edit).await
    }

    /// The breach that an edit ends.
    pub(crate) async fn breach_ended(&self, before: &Job, after: &Job, now: Time) -> Result<Option<Breach>> {
        if before.breach(now, None).is_none() {
            return Ok(None);
        }
        let since = worker::present_since(&self.workers().await?, now);
        let off_at = self.pools_off(std::slice::from_ref(before)).await?.first().map(|_| now);
        Ok(after.breach_ended_since(before, now, since).map(|breach| breach.in_pool_off_at(off_at)))
    }

    /// The pools of these jobs that are switched off.
    async fn pools_off(&self, jobs: &[Job]) -> Result<Vec<Pool>> {
        let pools: HashSet<Pool> = jobs.iter().map(|job| job.spec.endpoint.pool().clone()).collect();
        let settings = self.pool_settings(&pools.into_iter().collect::<Vec<_>>()).await?;
        Ok(settings.into_iter().filter(|settings| !settings.active).map(|settings| settings.pool).collect())
    }

    pub(crate) async fn make_sla_indexes(&self) -> Result<()> {
        let breaches = self.breaches.clone();
        let (of_a_job, newest) = (doc! {"job": 1, "to": -1, "_id.from": 1}, doc! {"to": -1, "job": -1});
        let indexes = [plain(of_a_job), plain(newest)];
        command::bounded(async move { breaches.create_indexes(indexes).await }).await?;
        let sums = self.db.collection::<Document>("sla");
        command::bounded(async move { sums.create_index(plain(doc! {"tier": 1, "at": 1})).await }).await?;
        Ok(())
    }

    /// What lasts, of all jobs under a promise, by the index alone. Both halves of it at once: they take a while.
    async fn lasting(&self, now: Time, starts: [Time; 4]) -> Result<Standing> {
        let sum = async |deadlines: Document, from: &str| {
            let mut group = doc! {
                "_id": null,
                "count": {"$sum": 1},
                "began": {"$min": {"$subtract": ["$watch.deadline", "$sla_ms"]}},
                "longest": {"$max": "$watch.longest_ms"},
            };
            for (lookback, start) in Lookback::ALL.into_iter().zip(starts) {
                let lasted = doc! {"$min": [millis(now.since(start)), {"$subtract": [date(now), from]}]};
                group.insert(lookback.as_str(), doc! {"$sum": lasted});
            }
            let stages = vec![doc! {"$match": {"watch.deadline": deadlines}}, doc! {"$group": group}];
            let found = self.aggregate("jobs", stages, Some(index())).await?;
            Ok::<_, Error>(found.into_iter().next().unwrap_or_default())
        };
        let epoch = DateTime::from_millis(0);
        let (promised, breached) = tokio::try_join!(
            sum(doc! {"$gt": epoch}, "$watch.since"),
            sum(doc! {"$gt": epoch, "$lt": date(now)}, "$watch.deadline"),
        )?;
        let lasting = promised.get_datetime("began").map_or(0, |began| unsigned(millis(now.since(time(*began)))));
        Ok(Standing {
            endpoints: number(promised.get("count")),
            breached: number(breached.get("count")),
            amounts: Lookback::ALL.map(|lookback| Amount {
                promised_ms: number(promised.get(lookback.as_str())),
                breached_ms: number(breached.get(lookback.as_str())),
            }),
            longest_ms: lasting.max(number(promised.get("longest"))),
        })
    }

    /// What has ended, over each window.
    async fn ended(&self, now: Time) -> Result<[Amount; 4]> {
        let sum = async |window: Lookback| {
            let tier = i32::from(window.tier().seconds());
            let rows = doc! {"tier": tier, "at": {"$gte": date(window.start(now, self.retention))}};
            let group = doc! {"_id": null, "promised": {"$sum": "$promised_ms"}, "breached": {"$sum": "$breached_ms"}};
            let found = self.aggregate("sla", vec![doc! {"$match": rows}, doc! {"$group": group}], None).await?;
            let found = found.into_iter().next().unwrap_or_default();
            let (promised_ms, breached_ms) = (number(found.get("promised")), number(found.get("breached")));
            Ok::<_, Error>(Amount { promised_ms, breached_ms })
        };
        let [hour, day, week, all] = Lookback::ALL;
        let (hour, day, week, all) = tokio::try_join!(sum(hour), sum(day), sum(week), sum(all))?;
        Ok([hour, day, week, all])
    }

    async fn aggregate(
        &self,
        collection: &str,
        stages: Vec<Document>,
        hint: Option<Document>,
    ) -> Result<Vec<Document>> {
        let collection = self.db.collection::<Document>(collection);
        let aggregate = async move {
            let aggregate =
                collection.aggregate(stages).max_time(MAX_TIME).optional(hint, |it, hint| it.hint(Hint::Keys(hint)));
            aggregate.await?.try_collect().await
        };
        command::bounded(aggregate).await
    }

    async fn jobs_of(&self, ids: Vec<JobId>) -> Result<Vec<JobSummary>> {
        let filter = crate::claim::among(&ids);
        let jobs = self.jobs.clone();
        let find = async move {
            let find = jobs.find(filter).projection(doc! {"request.body": 0, "request.headers": 0}).max_time(MAX_TIME);
            find.await?.try_collect::<Vec<Document>>().await
        };
        command::bounded(find).await?.into_iter().map(|document| Ok(jobs::slim(document)?.into())).collect()
    }

    /// Removes what is kept no longer.
    pub(crate) async fn purge_slas(&self) -> Result<()> {
        let now = self.now();
        command::remove(&self.db, "breaches", doc! {"to": {"$lt": date(now - self.retention)}}).await?;
        for tier in naptime_core::Tier::ALL {
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
async fn keep(
    db: &Database,
    session: &mut ClientSession,
    breaches: Vec<Breach>,
    mut ended: Vec<Ended>,
    now: Time,
    retention: std::time::Duration,
) -> mongodb::error::Result<()> {
    let collection = db.collection::<BreachDocument>("breaches");
    let ids: Vec<Document> = breaches.iter().map(breach_id).collect();
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
    let add = |((tier, at), amount): (_, Amount)| {
        let key = doc! {"tier": i32::from(naptime_core::Tier::seconds(tier)), "at": date(at)};
        let change =
            doc! {"$inc": {"promised_ms": signed(amount.promised_ms), "breached_ms": signed(amount.breached_ms)}};
        let mut update = change;
        update.insert("$setOnInsert", key.clone());
        doc! {"q": {"_id": key}, "u": update, "upsert": true}
    };
    let updates: Vec<Document> = standing::sums(&ended, now, retention).into_iter().map(add).collect();
    if updates.is_empty() {
        return Ok(());
    }
    let reply = db.run_command(doc! {"update": "sla", "updates": updates}).session(&mut *session).await?;
    match reply.get_array("writeErrors").ok().and_then(|errors| errors.first()) {
        Some(error) => Err(mongodb::error::Error::custom(format!("a write failed: {error}"))),
        None => Ok(()),
    }
}

/// The time from `from` or `start`, whichever is later, to `to`; zero if that is earlier.
fn lasts(from: &str, to: Bson, start: Time) -> Document {
    doc! {"$max": [0, {"$subtract": [to, {"$max": [from, date(start)]}]}]}
}

async fn id_of(document: Document) -> mongodb::error::Result<Option<JobId>> {
    Ok(crate::queue::read_uuid(&document, "_id").map(JobId::from))
}

fn breach_id(breach: &Breach) -> Document {
    doc! {"job": uuid(breach.job.uuid()), "from": date(breach.from)}
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

fn limit(page: &PageRef) -> i64 {
    i64::try_from(page.limit).unwrap_or(i64::MAX).saturating_add(1)
}

/// What was found, one more than asked for, as a page.
fn paged(mut items: Vec<Breached>, page: &PageRef, at: impl Fn(&Breached) -> Time) -> Page<Breached> {
    let more = items.len() > page.limit;
    items.truncate(page.limit);
    let next = items.last().filter(|_| more).map(|last| format!("{}.{}", at(last).millis(), last.breach.job));
    Page { items, next }
}

fn read_cursor(cursor: &str) -> Result<(DateTime, Uuid)> {
    let (at, id) = cursor.split_once('.').ok_or(Error::BadCursor)?;
    let at = at.parse().map_err(|_| Error::BadCursor)?;
    let id = uuid::Uuid::try_parse(id).map_err(|_| Error::BadCursor)?;
    Ok((DateTime::from_millis(at), uuid(id)))
}

fn number(value: Option<&Bson>) -> u64 {
    value.and_then(|value| value.as_i64().or(value.as_i32().map(i64::from))).map_or(0, unsigned)
}

fn unsigned(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
