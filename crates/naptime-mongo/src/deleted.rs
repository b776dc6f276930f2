//! The list of deleted endpoints.

use futures::TryStreamExt;
use mongodb::bson::{DateTime, Document, doc};
use mongodb::options::Hint;
use naptime_core::{Job, Time};
use naptime_store::{Error, JobQuery, JobSummary, Page, PageRef, Result};

use crate::MongoStore;
use crate::command::{self, MAX_TIME};
use crate::document::{date, uuid};
use crate::jobs::{escape, summary};

impl MongoStore {
    /// A page of the endpoints that are deleted and match, the last deleted first.
    pub(crate) async fn list_deleted(&self, query: &JobQuery, page: &PageRef) -> Result<Page<JobSummary>> {
        // The filter of the index below.
        let mut filter = doc! {"deleted_at": {"$gt": DateTime::from_millis(0)}, "stage": null};
        if let Some(cursor) = &page.cursor {
            let (at, id) = read_cursor(cursor)?;
            let later = doc! {"deleted_at": date(at), "_id": {"$lt": id}};
            filter.insert("$or", vec![doc! {"deleted_at": {"$lt": date(at)}}, later]);
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
        let limit = i64::try_from(page.limit).unwrap_or(i64::MAX).saturating_add(1);
        let jobs = self.jobs.clone();
        let find = async move {
            let newest = doc! {"deleted_at": -1, "_id": -1};
            let find = jobs.find(filter).sort(newest.clone()).limit(limit).hint(Hint::Keys(newest));
            let cursor = find.projection(doc! {"request.body": 0, "request.headers": 0}).max_time(MAX_TIME).await?;
            cursor.try_collect::<Vec<Document>>().await
        };
        let mut found = command::bounded(find).await?;
        let more = found.len() > page.limit;
        found.truncate(page.limit);
        let items = found.into_iter().map(summary).collect::<Result<Vec<_>>>()?;
        let next = items.last().filter(|_| more).and_then(cursor_after);
        Ok(Page { items, next })
    }

    /// Whether another job has the key of this one by now, so that it cannot be restored. If one comes to have it a
    /// moment later, the index refuses the restoration.
    pub(crate) async fn is_key_taken(&self, job: &Job) -> Result<bool> {
        let Some(key) = &job.spec.key else { return Ok(false) };
        let other = doc! {"key": key, "deleted_at": null, "_id": {"$ne": uuid(job.id.uuid())}};
        let jobs = self.jobs.clone();
        Ok(command::bounded(async move { jobs.count_documents(other).limit(1).max_time(MAX_TIME).await }).await? > 0)
    }
}

/// A cursor is the time of deletion and the id of the last job seen.
fn cursor_after(job: &JobSummary) -> Option<String> {
    Some(format!("{}~{}", job.deleted_at?.millis(), job.id))
}

fn read_cursor(cursor: &str) -> Result<(Time, mongodb::bson::Uuid)> {
    let (at, id) = cursor.split_once('~').ok_or(Error::BadCursor)?;
    let at = at.parse().map_err(|_| Error::BadCursor)?;
    let id = uuid::Uuid::try_parse(id).map_err(|_| Error::BadCursor)?;
    Ok((Time::from_millis(at), uuid(id)))
}
