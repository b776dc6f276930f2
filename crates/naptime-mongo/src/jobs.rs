//! What the web gets: add, look, list, edit.

use std::collections::BTreeMap;

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::bson::{Document, doc};
use mongodb::options::Hint;
use naptime_core::{Edit, Job, JobId, NewJob, Rev, Time};
use naptime_store::{Added, Edited, EndpointState, JobCount, JobQuery, JobSummary, Jobs, Page, PageRef, Result};

use crate::MongoStore;
use crate::command::{self, MAX_TIME};
use crate::document::{Shelf, date, time};
use crate::queue::read_uuid;

#[async_trait]
impl Jobs for MongoStore {
    async fn insert(&self, new: Vec<NewJob>) -> Result<Vec<Added>> {
        self.insert_each(new).await
    }

    async fn get(&self, id: JobId) -> Result<Job> {
        self.find_job(id).await
    }

    async fn list(&self, query: &JobQuery, page: &PageRef) -> Result<Page<JobSummary>> {
        if query.deleted { self.list_deleted(query, page).await } else { self.list_endpoints(query, page).await }
    }

    async fn count(&self) -> Result<JobCount> {
        let count = |active: bool| {
            let filter = doc! {"shelf": Shelf::Endpoints.as_str(), "active": active};
            let (jobs, index) = (self.jobs.clone(), Hint::Keys(doc! {"shelf": 1, "active": 1}));
            command::bounded(async move { jobs.count_documents(filter).hint(index).await })
        };
        let (active, off) = tokio::try_join!(count(true), count(false))?;
        Ok(JobCount { total: active + off, active })
    }

    async fn states(&self) -> Result<BTreeMap<EndpointState, u64>> {
        self.count_states().await
    }

    async fn last_edits(&self, from: Time, limit: usize) -> Result<Vec<Edited>> {
        let mut filter = recurring();
        filter.insert("updated_at", doc! {"$gte": date(from)});
        let (jobs, limit) = (self.jobs.clone(), i64::try_from(limit).unwrap_or(i64::MAX));
        let find = async move {
            let find = jobs.find(filter).sort(doc! {"updated_at": -1}).limit(limit).hint(Hint::Keys(by_edit()));
            let cursor = find.projection(doc! {"rev": 1, "updated_at": 1, "deleted_at": 1}).max_time(MAX_TIME).await?;
            cursor.try_collect::<Vec<Document>>().await
        };
        // What cannot be read is no news.
        Ok(command::bounded(find).await?.iter().filter_map(edit_of).collect())
    }

    async fn edit(&self, id: JobId, expect: Option<Rev>, edit: Edit) -> Result<Job> {
        self.edit_with(id, expect, |_| Ok(edit.clone())).await
    }

    async fn edit_each(&self, ids: &[JobId], edit: &Edit) -> Result<u64> {
        self.edit_alike(ids, edit).await
    }
}

/// What is on the shelves of endpoints, deleted ones included: their names are neighbours.
pub(crate) fn recurring() -> Document {
    doc! {"shelf": {"$gte": Shelf::DeletedEndpoints.as_str(), "$lte": Shelf::Endpoints.as_str()}}
}

/// The keys of the index of endpoints by their last edit.
pub(crate) fn by_edit() -> Document {
    doc! {"updated_at": 1}
}

fn edit_of(found: &Document) -> Option<Edited> {
    Some(Edited {
        id: read_uuid(found, "_id")?.into(),
        rev: Rev(found.get_i64("rev").ok()?),
        at: time(*found.get_datetime("updated_at").ok()?),
        deleted: found.get_datetime("deleted_at").is_ok(),
    })
}
