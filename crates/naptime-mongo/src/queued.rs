//! One-off jobs: listed by stage, counted, called again, cancelled.

use std::collections::BTreeMap;

use async_trait::async_trait;
use futures::{TryStreamExt, future};
use mongodb::bson::{Bson, Document, doc};
use mongodb::options::Hint;
use naptime_core::{Job, JobId, Rev, Stage};
use naptime_store::{Clock, JobSummary, Page, PageRef, Position, Queued, QueuedQuery, Result, Treatment};

use crate::MongoStore;
use crate::command::{self, MAX_TIME};
use crate::document::{date, uuid};
use crate::jobs::{escape, summary, without_request};

/// The index of the queue.
pub(crate) fn index() -> Document {
    doc! {"stage": 1, "created_at": -1, "_id": -1, "search": 1, "pool": 1}
}

#[async_trait]
impl Queued for MongoStore {
    async fn queued(&self, query: &QueuedQuery, page: &PageRef) -> Result<Page<JobSummary>> {
        let stages = if query.stages.is_empty() { &Stage::ALL[..] } else { &query.stages };
        let stages: Vec<Bson> = stages.iter().map(|stage| stage.as_str().into()).collect();
        // The second condition says that the partial index will do.
        let mut filter = doc! {"stage": {"$in": stages, "$gt": ""}};
        if let Some(after) = page.after()? {
            let (at, id) = (date(after.at), uuid(after.id));
            filter.insert("created_at", doc! {"$lte": at});
            filter.insert("$or", vec![doc! {"created_at": {"$lt": at}}, doc! {"_id": {"$lt": id}}]);
        }
        if let Some(q) = query.q.as_ref().filter(|q| !q.is_empty()) {
            filter.insert("search", doc! {"$regex": escape(&q.to_lowercase())});
        }
        if let Some(pool) = &query.pool {
            filter.insert("pool", pool);
        }
        if let Some(tag) = &query.tag {
            filter.insert("tags", tag);
        }
        let limit = page.probe();
        let jobs = self.jobs.clone();
        let find = async move {
            let find =
                jobs.find(filter).sort(doc! {"created_at": -1, "_id": -1}).limit(limit).hint(Hint::Keys(index()));
            let cursor = find.projection(without_request()).max_time(MAX_TIME).await?;
            cursor.try_collect::<Vec<Document>>().await
        };
        let found = command::bounded(find).await?.into_iter().map(summary).collect::<Result<_>>()?;
        Ok(Page::of(found, page, |last: &JobSummary| Position { at: last.created_at, id: last.id.uuid() }.write()))
    }

    async fn stages(&self) -> Result<BTreeMap<Stage, u64>> {
        // The command counts keys of the index; an aggregation would read them.
        let count = |stage: Stage| async move {
            let query = doc! {"stage": stage.as_str()};
            let reply = command::run(&self.db, doc! {"count": "jobs", "query": query, "hint": index()}).await?;
            let count = reply.get("n").and_then(|n| n.as_i64().or(n.as_i32().map(i64::from)));
            Ok((stage, count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0)))
        };
        Ok(future::try_join_all(Stage::ALL.map(count)).await?.into_iter().collect())
    }

    async fn treat(&self, id: JobId, expect: Option<Rev>, treatment: Treatment) -> Result<Job> {
        self.edit_with(id, expect, |job| treatment.edit(job, self.now())).await
    }
}
