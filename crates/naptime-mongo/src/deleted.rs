//! The list of deleted endpoints.

use futures::TryStreamExt;
use mongodb::bson::{Document, doc};
use mongodb::options::Hint;
use naptime_core::Job;
use naptime_store::{JobQuery, JobSummary, Page, PageRef, Result};

use crate::MongoStore;
use crate::command::{self, MAX_TIME};
use crate::document::{Shelf, date, uuid};
use crate::joined::{place, without_request};
use crate::list::wanted;
use crate::queue::read_uuid;

impl MongoStore {
    /// A page of the endpoints that are deleted and match, the last deleted first.
    pub(crate) async fn list_deleted(&self, query: &JobQuery, page: &PageRef) -> Result<Page<JobSummary>> {
        if query.state.is_some() {
            // A deleted endpoint is in none.
            page.after()?;
            return Ok(Page::of(Vec::new(), page, |_| String::new()));
        }
        let mut filter = doc! {"shelf": Shelf::DeletedEndpoints.as_str()};
        if let Some(after) = page.after()? {
            let (at, id) = (date(after.at), uuid(after.id));
            let later = doc! {"deleted_at": at, "_id": {"$lt": id}};
            filter.insert("$or", vec![doc! {"deleted_at": {"$lt": at}}, later]);
        }
        let mut wanted = wanted(query);
        if let Some(ended) = query.outcome {
            wanted.push(self.whose_last_call(ended).await?);
        }
        if !wanted.is_empty() {
            filter.insert("$and", wanted);
        }
        let limit = page.probe();
        let jobs = self.jobs.clone();
        let find = async move {
            let newest = doc! {"deleted_at": -1, "_id": -1};
            let find = jobs.find(filter).sort(newest).limit(limit).hint(Hint::Keys(by_deletion()));
            let cursor = find.projection(without_request()).max_time(MAX_TIME).await?;
            cursor.try_collect::<Vec<Document>>().await
        };
        let found = Page::of(command::bounded(find).await?, page, |last| {
            place(last.get_datetime("deleted_at"), read_uuid(last, "_id"))
        });
        Ok(self.listed(found).await?.map(JobSummary::from))
    }

    /// Whether another job has the key that this one is to have, so that it can be neither restored nor given the key. If
    /// one comes to have it a moment later, the index refuses the edit.
    pub(crate) async fn is_key_taken(&self, job: &Job) -> Result<bool> {
        let Some(key) = &job.spec.key else { return Ok(false) };
        let mut other = of_key(key, job.spec.schedule.is_once());
        other.insert("_id", doc! {"$ne": uuid(job.id.uuid())});
        let jobs = self.jobs.clone();
        Ok(command::bounded(async move { jobs.count_documents(other).limit(1).max_time(MAX_TIME).await }).await? > 0)
    }
}

/// The keys of the index of that list.
pub(crate) fn by_deletion() -> Document {
    doc! {"shelf": 1, "deleted_at": -1, "_id": -1}
}

/// The filter of the job of a key that is not deleted: a one-off job, or one that recurs.
pub(crate) fn of_key(key: &str, once: bool) -> Document {
    let shelf = if once { Shelf::Once } else { Shelf::Endpoints };
    // The second condition says that the partial index will do.
    doc! {"live_key": {"$eq": key, "$type": "string"}, "shelf": shelf.as_str()}
}
