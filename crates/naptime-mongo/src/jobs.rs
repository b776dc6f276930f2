//! What the web gets: add, look, list, edit.

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::bson::{Document, doc};
use mongodb::options::Hint;
use naptime_core::{Edit, Job, JobId, NewJob, Rev, search_range};
use naptime_store::{Added, Error, JobCount, JobQuery, JobSummary, Jobs, Page, PageRef, Result};

use crate::MongoStore;
use crate::command::{self, MAX_TIME};
use crate::document::{Shelf, uuid};
use crate::joined::without_request;

#[async_trait]
impl Jobs for MongoStore {
    async fn insert(&self, new: Vec<NewJob>) -> Result<Vec<Added>> {
        self.insert_each(new).await
    }

    async fn get(&self, id: JobId) -> Result<Job> {
        self.find_job(id).await
    }

    async fn list(&self, query: &JobQuery, page: &PageRef) -> Result<Page<JobSummary>> {
        if query.deleted {
            return self.list_deleted(query, page).await;
        }
        if let Some(trouble) = query.trouble {
            return self.list_in_trouble(trouble, query, page).await;
        }
        let mut filter = doc! {"shelf": Shelf::Endpoints.as_str()};
        let mut all = Vec::new();
        if let Some(cursor) = &page.cursor {
            let (id, search) = read_cursor(cursor)?;
            filter.insert("$or", vec![doc! {"search": {"$gt": &search}}, doc! {"search": &search, "_id": {"$gt": id}}]);
            all.push(doc! {"search": {"$gte": search}});
        }
        if let Some(q) = query.q.as_ref().filter(|q| !q.is_empty()) {
            all.push(doc! {"search": {"$regex": escape(&q.to_lowercase())}});
        }
        if let Some(url) = &query.url {
            let (start, end) = search_range(url);
            all.push(doc! {"search": {"$gte": start, "$lt": end}});
            all.push(doc! {"pool": url.pool().as_str(), "channel": url.channel().as_str()});
        }
        if !all.is_empty() {
            filter.insert("$and", all);
        }
        // The index is named, because the planner's trials take longer than the list where nothing matches.
        let mut index = by_search();
        if let Some(pool) = &query.pool {
            filter.insert("pool", pool);
            index = by_pool();
        }
        if let Some(tag) = &query.tag {
            filter.insert("tags", tag);
            index = by_tag();
        }
        if let Some(active) = query.active {
            filter.insert("active", active);
        }
        let limit = page.probe();
        let jobs = self.jobs.clone();
        let find = async move {
            let find = jobs.find(filter).sort(doc! {"search": 1, "_id": 1}).limit(limit).hint(Hint::Keys(index));
            let cursor = find.projection(without_request()).max_time(MAX_TIME).await?;
            cursor.try_collect::<Vec<Document>>().await
        };
        let found = Page::of(command::bounded(find).await?, page, write_cursor);
        Ok(self.listed(found).await?.map(JobSummary::from))
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

    async fn edit(&self, id: JobId, expect: Option<Rev>, edit: Edit) -> Result<Job> {
        self.edit_with(id, expect, |_| Ok(edit.clone())).await
    }
}

/// What a query asks of a configuration, wherever the index of the list does not help with it.
pub(crate) fn wanted(query: &JobQuery) -> Document {
    let mut filter = Document::new();
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
    filter
}

/// The keys of the index of lists of endpoints: in their order, with what they are filtered by.
pub(crate) fn by_search() -> Document {
    doc! {"shelf": 1, "search": 1, "_id": 1, "active": 1}
}

/// The same for those of one pool. The jobs of pools are counted in it, too.
pub(crate) fn by_pool() -> Document {
    doc! {"pool": 1, "shelf": 1, "search": 1, "_id": 1, "active": 1}
}

/// The same for those of one tag.
pub(crate) fn by_tag() -> Document {
    doc! {"tags": 1, "shelf": 1, "search": 1, "_id": 1, "active": 1}
}

/// The cursor of the page after this document.
fn write_cursor(last: &Document) -> String {
    let id = crate::queue::read_uuid(last, "_id").unwrap_or_default();
    format!("{id}{}", last.get_str("search").unwrap_or_default())
}

/// A cursor is the id (36 characters) and the search text of the last job seen.
fn read_cursor(cursor: &str) -> Result<(mongodb::bson::Uuid, String)> {
    let (id, search) = cursor.split_at_checked(36).filter(|(_, search)| !search.is_empty()).ok_or(Error::BadCursor)?;
    let id = uuid::Uuid::try_parse(id).map_err(|_| Error::BadCursor)?;
    Ok((uuid(id), search.to_owned()))
}

/// A text as a regular expression that matches it and nothing else.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            // The server takes no zero byte in an expression.
            '\0' => escaped.push_str("\\x00"),
            c if c.is_ascii_punctuation() => escaped.extend(['\\', c]),
            c => escaped.push(c),
        }
    }
    escaped
}
