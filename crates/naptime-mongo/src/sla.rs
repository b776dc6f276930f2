//! How endpoints stand to their SLAs: what lasts, read off the jobs, and what has ended, as `breaches` has recorded it.

use std::collections::BTreeSet;

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::action::Action;
use mongodb::bson::{Bson, DateTime, Document, doc};
use mongodb::options::Hint;
use naptime_core::standing::Amount;
use naptime_core::{Breach, Job, JobId, Lookback, Standing, Time, worker};
use naptime_store::{Breached, Clock, Error, History, JobSummary, Page, PageRef, Position, Result, Slas};

use crate::MongoStore;
use crate::breaches::BreachDocument;
use crate::command::{self, MAX_TIME, number};
use crate::document::{date, millis, time, uuid};
use crate::joined::place;
use crate::queue::read_uuid;

/// The index that all reading of what lasts goes by.
pub(crate) fn index() -> Document {
    doc! {"watch.deadline": 1, "_id": 1, "watch.since": 1, "watch.sla_ms": 1, "watch.longest_ms": 1}
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
        if let Some(after) = page.after()? {
            let (deadline, id) = (date(after.at), uuid(after.id));
            filter.insert("watch.deadline", doc! {"$gte": deadline, "$lt": date(now)});
            filter.insert(
                "$or",
                vec![doc! {"watch.deadline": {"$gt": deadline}}, doc! {"watch.deadline": deadline, "_id": {"$gt": id}}],
            );
        }
        let due = self.due.clone();
        let limit = page.probe();
        let find = async move {
            let find = due.find(filter).sort(doc! {"watch.deadline": 1, "_id": 1}).limit(limit);
            let find = find.hint(Hint::Keys(index())).projection(doc! {"watch.deadline": 1});
            find.max_time(MAX_TIME).await?.try_collect::<Vec<Document>>().await
        };
        let (found, workers) = tokio::try_join!(command::bounded(find), self.workers())?;
        let since = worker::present_since(&workers, now);
        let ids = Page::of(found, page, place_of);
        let Page { items: found, next, prev, unreadable } = self.listed_by_id(ids.map(|it| id_of(&it))).await?;
        let off = self.pools_off(&found).await?;
        let breached = |job: Job| {
            let off_at = off.contains(job.spec.endpoint.pool()).then_some(now);
            let breach = job.breach(now, since)?.in_pool_off_at(off_at);
            Some(Breached { breach, job: Some(job.into()) })
        };
        Ok(Page { items: found.into_iter().filter_map(breached).collect(), next, prev, unreadable })
    }

    async fn breaches(&self, job: Option<JobId>, page: &PageRef) -> Result<Page<Breached>> {
        let mut filter = Document::new();
        if let Some(job) = job {
            filter.insert("job", uuid(job.uuid()));
        }
        if let Some(after) = page.after()? {
            let (to, id) = (date(after.at), uuid(after.id));
            filter.insert("to", doc! {"$lte": to});
            filter.insert("$or", vec![doc! {"to": {"$lt": to}}, doc! {"job": {"$lt": id}}]);
        }
        let breaches = self.breaches.clone_with_type::<BreachDocument>();
        let limit = page.probe();
        let find = async move {
            let find = breaches.find(filter).sort(doc! {"to": -1, "job": -1}).limit(limit).max_time(MAX_TIME);
            find.await?.try_collect::<Vec<_>>().await
        };
        let found: Vec<Breach> = command::bounded(find).await?.into_iter().map(Breach::from).collect();
        let ids: BTreeSet<JobId> = found.iter().map(|breach| breach.job).collect();
        let ids = Page { items: ids.into_iter().collect(), next: None, prev: None, unreadable: Vec::new() };
        let jobs = self.listed_by_id(ids).await?.map(JobSummary::from).items;
        let summary = |id: JobId| jobs.iter().find(|job| job.id == id).cloned();
        let items = found.into_iter().map(|breach| Breached { job: summary(breach.job), breach }).collect();
        Ok(Page::of(items, page, |last| cursor(last.breach.to.unwrap_or(last.breach.from), last)))
    }
}

impl MongoStore {
    /// What lasts, of all jobs under a promise, by the index alone. Both halves of it at once: they take a while.
    async fn lasting(&self, now: Time, starts: [Time; 4]) -> Result<Standing> {
        let sum = async |deadlines: Document, from: &str| {
            let mut group = doc! {
                "_id": null,
                "count": {"$sum": 1},
                "began": {"$min": {"$subtract": ["$watch.deadline", "$watch.sla_ms"]}},
                "longest": {"$max": "$watch.longest_ms"},
            };
            for (lookback, start) in Lookback::ALL.into_iter().zip(starts) {
                let lasted = doc! {"$min": [millis(now.since(start)), {"$subtract": [date(now), from]}]};
                group.insert(lookback.as_str(), doc! {"$sum": lasted});
            }
            let stages = vec![doc! {"$match": {"watch.deadline": deadlines}}, doc! {"$group": group}];
            let found = self.aggregate("due", stages, Some(index())).await?;
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
}

/// The time from `from` or `start`, whichever is later, to `to`; zero if that is earlier.
fn lasts(from: &str, to: Bson, start: Time) -> Document {
    doc! {"$max": [0, {"$subtract": [to, {"$max": [from, date(start)]}]}]}
}

fn id_of(due: &Document) -> JobId {
    read_uuid(due, "_id").unwrap_or_default().into()
}

fn place_of(due: &Document) -> String {
    place(due.get_document("watch").and_then(|watch| watch.get_datetime("deadline")), read_uuid(due, "_id"))
}

fn cursor(at: Time, last: &Breached) -> String {
    Position { at, id: last.breach.job.uuid() }.write()
}

fn unsigned(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}
