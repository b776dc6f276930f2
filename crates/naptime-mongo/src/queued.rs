//! One-off jobs: listed by stage, counted, called again, cancelled.

use std::collections::BTreeMap;

use async_trait::async_trait;
use futures::{TryStreamExt, future};
use mongodb::Collection;
use mongodb::bson::{Bson, Document, doc};
use mongodb::options::Hint;
use naptime_core::{Job, JobId, Rev, Stage};
use naptime_store::{Clock, JobSummary, MAX_COUNTED, Page, PageRef, Position, Queued, QueuedQuery, Result, Treatment};

use crate::MongoStore;
use crate::command::{self, MAX_TIME};
use crate::document::{Shelf, date};
use crate::joined::place;
use crate::list::{Direction, with_words};
use crate::queue::read_uuid;

/// The index of the queue: the due work of one-off jobs.
pub(crate) fn index() -> Document {
    doc! {"stage": 1, "created_at": -1, "_id": -1, "pool": 1}
}

/// The index of one-off jobs that are looked for by what people wrote.
pub(crate) fn by_text() -> Document {
    doc! {"shelf": 1, "created_at": -1, "_id": -1, "search": 1, "pool": 1}
}

#[async_trait]
impl Queued for MongoStore {
    async fn queued(&self, query: &QueuedQuery, page: &PageRef) -> Result<Page<JobSummary>> {
        let (from, back) = page.beside();
        let direction = Direction::new(!back);
        let beyond = match from.map(Position::read).transpose()? {
            Some(Position { at, id }) => direction.beyond("created_at", date(at).into(), id),
            None => Document::new(),
        };
        let mut found = self.found(query, beyond, Some(direction.sort("created_at")));
        found.stages.extend([doc! {"$limit": page.probe()}, doc! {"$project": {"created_at": 1}}]);
        let found = found.read().await?;
        let ids = Page::of_both(found, page, |last| place(last.get_datetime("created_at"), read_uuid(last, "_id")))
            .map(|it| read_uuid(&it, "_id").unwrap_or_default());
        Ok(self.listed_by_id(ids.map(JobId::from)).await?.map(JobSummary::from))
    }

    async fn count_queued(&self, query: &QueuedQuery) -> Result<u64> {
        let mut found = self.found(query, Document::new(), None);
        let most = i64::try_from(MAX_COUNTED).unwrap_or(i64::MAX);
        found.stages.extend([doc! {"$limit": most}, doc! {"$count": "n"}]);
        Ok(found.read().await?.first().map_or(0, |counted| command::number(counted.get("n"))))
    }

    async fn stages(&self) -> Result<BTreeMap<Stage, u64>> {
        // The command counts keys of the index; an aggregation would read them.
        let count = |stage: Stage| async move {
            let query = doc! {"stage": stage.as_str()};
            let reply = command::run(&self.db, doc! {"count": "due", "query": query, "hint": index()}).await?;
            Ok((stage, command::number(reply.get("n"))))
        };
        Ok(future::try_join_all(Stage::ALL.map(count)).await?.into_iter().collect())
    }

    async fn treat(&self, id: JobId, expect: Option<Rev>, treatment: Treatment) -> Result<Job> {
        self.edit_with(id, expect, |job| treatment.edit(job, self.now())).await
    }
}

/// Where one-off jobs are looked for, and how.
struct Found {
    from: Collection<Document>,
    stages: Vec<Document>,
    index: Document,
}

impl MongoStore {
    /// The one-off jobs that match and lie `beyond` a place, in this order.
    fn found(&self, query: &QueuedQuery, beyond: Document, order: Option<Document>) -> Found {
        let stages = if query.stages.is_empty() { &Stage::ALL[..] } else { &query.stages };
        let stages: Vec<Bson> = stages.iter().map(|stage| stage.as_str().into()).collect();
        let mut filter = beyond;
        if let Some(pool) = &query.pool {
            filter.insert("pool", pool);
        }
        let order = order.map(|order| doc! {"$sort": order});
        let words = with_words(query.q.as_deref());
        if words.is_empty() && query.tag.is_none() {
            // The second condition says that the partial index will do.
            filter.insert("stage", doc! {"$in": stages, "$gt": ""});
            let stages = [doc! {"$match": filter}].into_iter().chain(order).collect();
            return Found { from: self.due.clone(), stages, index: index() };
        }
        filter.insert("shelf", doc! {"$in": [Shelf::Once.as_str(), Shelf::CancelledOnce.as_str()]});
        if !words.is_empty() {
            filter.insert("$and", words);
        }
        if let Some(tag) = &query.tag {
            filter.insert("tags", tag);
        }
        let mut found: Vec<Document> = [doc! {"$match": filter}].into_iter().chain(order).collect();
        if !query.stages.is_empty() {
            found.push(doc! {"$project": {"created_at": 1}});
            found.push(doc! {"$lookup": {"from": "due", "localField": "_id", "foreignField": "_id", "as": "due"}});
            found.push(doc! {"$match": {"due.stage": {"$in": stages}}});
        }
        Found { from: self.jobs.clone(), stages: found, index: by_text() }
    }
}

impl Found {
    async fn read(self) -> Result<Vec<Document>> {
        let find = async move {
            let find = self.from.aggregate(self.stages).hint(Hint::Keys(self.index)).max_time(MAX_TIME);
            find.await?.try_collect::<Vec<Document>>().await
        };
        command::bounded(find).await
    }
}
