//! What the web gets: add, look, list, edit.

use std::time::Duration;

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::bson::{Bson, DateTime, Document, doc};
use mongodb::error::UNKNOWN_TRANSACTION_COMMIT_RESULT;
use mongodb::options::{Hint, ReturnDocument};
use naptime_core::{Edit, Job, JobId, NewJob, Rev};
use naptime_store::{Clock, Error, JobCount, JobQuery, JobSummary, Jobs, Page, PageRef, Result};

use crate::MongoStore;
use crate::command::{self, MAX_TIME};
use crate::document::{by_id, configuration, date, from_job, millis, to_job, uuid};
use crate::pipeline::{self, cond, is_null};

/// How long adding many jobs may take.
const INSERT_TIMEOUT: Duration = Duration::from_secs(30);
/// How often an edit is tried anew when another came between, and a commit whose outcome is unknown.
const MAX_TRIES: usize = 20;

#[async_trait]
impl Jobs for MongoStore {
    async fn insert(&self, new: Vec<NewJob>) -> Result<Vec<Job>> {
        let now = self.now();
        let jobs: Vec<Job> = new.into_iter().map(|job| job.into_job(now)).collect();
        let documents = jobs.iter().map(from_job).collect::<Result<Vec<_>>>()?;
        if !documents.is_empty() {
            self.insert_all(documents).await?;
        }
        Ok(jobs)
    }

    async fn get(&self, id: JobId) -> Result<Job> {
        let jobs = self.jobs.clone();
        let found = command::bounded(async move { jobs.find_one(by_id(id)).max_time(MAX_TIME).await }).await?;
        to_job(found.ok_or(Error::NotFound)?)
    }

    async fn list(&self, query: &JobQuery, page: &PageRef) -> Result<Page<JobSummary>> {
        let mut filter = doc! {"deleted_at": null};
        let mut all = Vec::new();
        if let Some(cursor) = &page.cursor {
            let (id, search) = read_cursor(cursor)?;
            filter.insert("$or", vec![doc! {"search": {"$gt": &search}}, doc! {"search": &search, "_id": {"$gt": id}}]);
            all.push(doc! {"search": {"$gte": search}});
        }
        if let Some(q) = query.q.as_ref().filter(|q| !q.is_empty()) {
            all.push(doc! {"search": {"$regex": escape(&q.to_lowercase())}});
        }
        if !all.is_empty() {
            filter.insert("$and", all);
        }
        // The index is named, because the planner's trials take longer than the list where nothing matches.
        let mut index = doc! {"search": 1, "_id": 1, "active": 1};
        if let Some(pool) = &query.pool {
            filter.insert("pool", pool);
            index = doc! {"pool": 1, "search": 1, "_id": 1, "active": 1};
        }
        if let Some(tag) = &query.tag {
            filter.insert("tags", tag);
            index = doc! {"tags": 1, "search": 1, "_id": 1, "active": 1};
        }
        if let Some(active) = query.active {
            filter.insert("active", active);
        }
        let limit = i64::try_from(page.limit).unwrap_or(i64::MAX).saturating_add(1);
        let jobs = self.jobs.clone();
        let find = async move {
            let find = jobs.find(filter).sort(doc! {"search": 1, "_id": 1}).limit(limit).hint(Hint::Keys(index));
            let cursor = find.projection(doc! {"request.body": 0, "request.headers": 0}).max_time(MAX_TIME).await?;
            cursor.try_collect::<Vec<Document>>().await
        };
        let mut found = command::bounded(find).await?;
        let more = found.len() > page.limit;
        found.truncate(page.limit);
        let next = found.last().filter(|_| more).and_then(cursor_after);
        let items = found.into_iter().map(summary).collect::<Result<_>>()?;
        Ok(Page { items, next })
    }

    async fn count(&self) -> Result<JobCount> {
        // By index alone. `deleted_at: null` would read every document, as an index does not tell null from missing; so
        // the deleted ones are counted and taken off.
        let count = |filter: Document| {
            let jobs = self.jobs.clone();
            let index = Hint::Keys(doc! {"active": 1, "deleted_at": 1});
            command::bounded(async move { jobs.count_documents(filter).hint(index).await })
        };
        let deleted = doc! {"$gt": DateTime::from_millis(0)};
        let (on, off, on_deleted, off_deleted) = tokio::try_join!(
            count(doc! {"active": true}),
            count(doc! {"active": false}),
            count(doc! {"active": true, "deleted_at": &deleted}),
            count(doc! {"active": false, "deleted_at": &deleted}),
        )?;
        let active = on.saturating_sub(on_deleted);
        Ok(JobCount { total: active + off.saturating_sub(off_deleted), active })
    }

    async fn edit(&self, id: JobId, expect: Option<Rev>, edit: Edit) -> Result<Job> {
        for _ in 0..MAX_TRIES {
            let before = self.get(id).await?;
            let mut after = before.clone();
            let changed = after.edit(edit.clone(), self.now()).map_err(|_| Error::Deleted)?;
            if expect.is_some_and(|rev| rev != before.rev) {
                return Err(Error::Stale(before.rev));
            }
            if !changed {
                return Ok(before);
            }
            let mut filter = by_id(id);
            filter.extend(doc! {"rev": before.rev.0});
            let set = match &edit {
                Edit::CallNow => self.call_now(),
                _ => self.changes(&before, &after, &edit)?,
            };
            let jobs = self.jobs.clone();
            let update = async move {
                let update = jobs.find_one_and_update(filter, vec![doc! {"$set": set}]);
                update.return_document(ReturnDocument::After).max_time(MAX_TIME).await
            };
            if let Some(job) = command::bounded(update).await? {
                return to_job(job);
            }
        }
        Err(Error::Unavailable(format!("the job was edited {MAX_TRIES} times while this edit was tried")))
    }
}

impl MongoStore {
    /// Inserts all documents or none.
    async fn insert_all(&self, documents: Vec<Document>) -> Result<()> {
        let jobs = self.jobs.clone();
        let insert = async move {
            let mut session = jobs.client().start_session().await?;
            session.start_transaction().await?;
            jobs.insert_many(documents).session(&mut session).await?;
            for _ in 1..MAX_TRIES {
                match session.commit_transaction().await {
                    Err(error) if error.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT) => {}
                    done => return done,
                }
            }
            session.commit_transaction().await
        };
        command::bounded_by(INSERT_TIMEOUT, insert).await
    }

    /// The twin of `Edit::CallNow`.
    fn call_now(&self) -> Document {
        let now = self.clock.server_now();
        let at_once = doc! {"$min": ["$claim_at", &now]};
        doc! {"asked_at": &now, "claim_at": cond(is_null("$lock"), at_once, "$claim_at")}
    }

    /// The twin of `Job::edit` for what raises the revision. The configuration is taken from `after`; what a worker may
    /// have changed since `before` was read is computed by the server.
    fn changes(&self, before: &Job, after: &Job, edit: &Edit) -> Result<Document> {
        let now = self.clock.server_now();
        let mut set = configuration(&after.spec)?;
        set.extend(doc! {"active": after.active, "rev": after.rev.0, "updated_at": &now});
        match edit {
            Edit::Delete => set.extend(doc! {"deleted_at": &now, "asked_at": null}),
            Edit::Restore => set.extend(doc! {"deleted_at": null}),
            _ => {}
        }
        if after.plan != before.plan {
            let naptime_core::Schedule::Every { period, .. } = before.spec.schedule;
            let due: Bson = after.state.due.map(date).into();
            let asked_at: Bson = if after.deleted_at.is_some() { Bson::Null } else { "$asked_at".into() };
            let idle = doc! {"$min": [asked_at, due.clone()]};
            set.extend(doc! {
                "plan": after.plan.0,
                "due": due,
                "attempt": 0,
                "counters.missed": {"$add": ["$counters.missed", pipeline::dropped(&now, millis(period))]},
                "claim_at": cond(is_null("$lock"), idle, "$claim_at"),
            });
        }
        Ok(set)
    }
}

/// The summary of a job's document, read without body and headers.
fn summary(mut document: Document) -> Result<JobSummary> {
    if let Ok(request) = document.get_document_mut("request") {
        request.extend(doc! {"body": null, "headers": []});
    }
    Ok(to_job(document)?.into())
}

/// A cursor is the id (36 characters) and the search text of the last job seen.
fn cursor_after(document: &Document) -> Option<String> {
    let Bson::Binary(id) = document.get("_id")? else { return None };
    let id = uuid::Uuid::from_slice(&id.bytes).ok()?;
    Some(format!("{id}{}", document.get_str("search").ok()?))
}

fn read_cursor(cursor: &str) -> Result<(mongodb::bson::Uuid, String)> {
    let (id, search) = cursor.split_at_checked(36).filter(|(_, search)| !search.is_empty()).ok_or(Error::BadCursor)?;
    let id = uuid::Uuid::try_parse(id).map_err(|_| Error::BadCursor)?;
    Ok((uuid(id), search.to_owned()))
}

/// A text as a regular expression that matches it and nothing else.
fn escape(text: &str) -> String {
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
