//! The list of deleted endpoints.

use futures::TryStreamExt;
use mongodb::bson::{DateTime, Document, doc};
use mongodb::options::Hint;
use naptime_core::Job;
use naptime_store::{JobQuery, JobSummary, Page, PageRef, Position, Result};

use crate::MongoStore;
use crate::command::{self, MAX_TIME};
use crate::document::{date, uuid};
use crate::jobs::{escape, summary, without_request};
use crate::schema::keyed;

impl MongoStore {
    /// A page of the endpoints that are deleted and match, the last deleted first.
    pub(crate) async fn list_deleted(&self, query: &JobQuery, page: &PageRef) -> Result<Page<JobSummary>> {
        // The filter of the index below.
        let mut filter = doc! {"deleted_at": {"$gt": DateTime::from_millis(0)}, "stage": null};
        if let Some(after) = page.after()? {
            let (at, id) = (date(after.at), uuid(after.id));
            let later = doc! {"deleted_at": at, "_id": {"$lt": id}};
            filter.insert("$or", vec![doc! {"deleted_at": {"$lt": at}}, later]);
        }
        if let Some(q) = query.q.as_ref().filter(|q| !q.is_empty()) {
            filter.insert("search", doc! {"$regex": escape(&q.to_lowercase())});
        }
        if let Some(url) = &query.url {
            filter.insert("$and", vec![doc! {"pool": url.pool().as_str(), "channel": url.channel().as_str()}]);
        }
        if let Some(pool) = &query.pool {
            filter.insert("pool", pool);
        }
        if let Some(tag) = &query.tag {
            filter.insert("tags", tag);
        }
        if let Some(active) = query.active {
            filter.insert("active", active);
        }
        let limit = page.probe();
        let jobs = self.jobs.clone();
        let find = async move {
            let newest = doc! {"deleted_at": -1, "_id": -1};
            let find = jobs.find(filter).sort(newest.clone()).limit(limit).hint(Hint::Keys(newest));
            let cursor = find.projection(without_request()).max_time(MAX_TIME).await?;
            cursor.try_collect::<Vec<Document>>().await
        };
        let found = command::bounded(find).await?.into_iter().map(summary).collect::<Result<_>>()?;
        let deleted_at = |last: &JobSummary| last.deleted_at.unwrap_or(last.updated_at);
        Ok(Page::of(found, page, |last| Position { at: deleted_at(last), id: last.id.uuid() }.write()))
    }

    /// Whether another job has the key of this one by now, so that it cannot be restored. If one comes to have it a
    /// moment later, the index refuses the restoration.
    pub(crate) async fn is_key_taken(&self, job: &Job) -> Result<bool> {
        let Some(key) = &job.spec.key else { return Ok(false) };
        let mut other = keyed(job.spec.schedule.is_once());
        other.insert("key", doc! {"$eq": key, "$type": "string"});
        other.insert("_id", doc! {"$ne": uuid(job.id.uuid())});
        let jobs = self.jobs.clone();
        Ok(command::bounded(async move { jobs.count_documents(other).limit(1).max_time(MAX_TIME).await }).await? > 0)
    }
}
