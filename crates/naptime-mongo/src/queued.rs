//! One-off jobs: listed by stage, counted, called again, cancelled.

use std::collections::BTreeMap;

use async_trait::async_trait;
use futures::{TryStreamExt, future};
use mongodb::Collection;
use mongodb::bson::{Bson, Document, doc};
use mongodb::options::Hint;
use naptime_core::{Job, JobId, Rev, Stage};
use naptime_store::{Clock, JobSummary, Page, PageRef, Queued, QueuedQuery, Result, Treatment};

use crate::MongoStore;
use crate::command::{self, MAX_TIME};
use crate::document::{Shelf, date, uuid};
use crate::jobs::escape;
use crate::joined::place;
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
        let stages = if query.stages.is_empty() { &Stage::ALL[..] } else { &query.stages };
        let stages: Vec<Bson> = stages.iter().map(|stage| stage.as_str().into()).collect();
        let mut filter = Document::new();
        if let Some(after) = page.after()? {
            let (at, id) = (date(after.at), uuid(after.id));
            filter.insert("created_at", doc! {"$lte": at});
            filter.insert("$or", vec![doc! {"created_at": {"$lt": at}}, doc! {"_id": {"$lt": id}}]);
        }
        if let Some(pool) = &query.pool {
            filter.insert("pool", pool);
        }
        let q = query.q.as_ref().filter(|q| !q.is_empty());
        let found = if q.is_none() && query.tag.is_none() {
            // The second condition says that the partial index will do.
            filter.insert("stage", doc! {"$in": stages, "$gt": ""});
            let newest = [doc! {"$match": filter}, doc! {"$sort": newest()}, doc! {"$limit": page.probe()}];
            self.ids_of(&self.due, newest.to_vec(), index()).await?
        } else {
            filter.insert("shelf", doc! {"$in": [Shelf::Once.as_str(), Shelf::CancelledOnce.as_str()]});
            if let Some(q) = q {
                filter.insert("search", doc! {"$regex": escape(&q.to_lowercase())});
            }
            if let Some(tag) = &query.tag {
                filter.insert("tags", tag);
            }
            let mut newest = vec![doc! {"$match": filter}, doc! {"$sort": newest()}];
            if !query.stages.is_empty() {
                newest.push(doc! {"$project": {"created_at": 1}});
                newest.push(doc! {"$lookup": {"from": "due", "localField": "_id", "foreignField": "_id", "as": "due"}});
                newest.push(doc! {"$match": {"due.stage": {"$in": stages}}});
            }
            newest.push(doc! {"$limit": page.probe()});
            self.ids_of(&self.jobs, newest, by_text()).await?
        };
        let ids = Page::of(found, page, |last| place(last.get_datetime("created_at"), read_uuid(last, "_id")))
            .map(|it| read_uuid(&it, "_id").unwrap_or_default());
        Ok(self.listed_by_id(ids.map(JobId::from)).await?.map(JobSummary::from))
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

impl MongoStore {
    /// The ids of what these stages find, each with when it was added.
    async fn ids_of(
        &self,
        from: &Collection<Document>,
        mut stages: Vec<Document>,
        index: Document,
    ) -> Result<Vec<Document>> {
        stages.push(doc! {"$project": {"created_at": 1}});
        let from = from.clone();
        let find = async move {
            let find = from.aggregate(stages).hint(Hint::Keys(index)).max_time(MAX_TIME);
            find.await?.try_collect::<Vec<Document>>().await
        };
        command::bounded(find).await
    }
}

/// The order of the queue.
fn newest() -> Document {
    doc! {"created_at": -1, "_id": -1}
}
