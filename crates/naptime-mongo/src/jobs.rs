//! What the web gets: add, look, list, edit.

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::bson::{Bson, DateTime, Document, doc};
use mongodb::options::{Hint, ReturnDocument};
use naptime_core::{Edit, Job, JobId, NewJob, Rev, Stage, search_range};
use naptime_store::{Added, Clock, Error, JobCount, JobQuery, JobSummary, Jobs, Page, PageRef, Result};

use crate::MongoStore;
use crate::command::{self, MAX_TIME};
use crate::document::{by_id, changes, configuration, date, to_job, uuid, watched};
use crate::pipeline::{cond, edited_lock, is_null};
use crate::schema::endpoints;

/// How often an edit is tried anew when another came between.
const MAX_TRIES: usize = 20;

#[async_trait]
impl Jobs for MongoStore {
    async fn insert(&self, new: Vec<NewJob>) -> Result<Vec<Added>> {
        self.insert_each(new).await
    }

    async fn get(&self, id: JobId) -> Result<Job> {
        let jobs = self.jobs.clone();
        let found = command::bounded(async move { jobs.find_one(by_id(id)).max_time(MAX_TIME).await }).await?;
        to_job(found.ok_or(Error::NotFound)?)
    }

    async fn list(&self, query: &JobQuery, page: &PageRef) -> Result<Page<JobSummary>> {
        if query.deleted {
            return self.list_deleted(query, page).await;
        }
        let mut filter = endpoints();
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
        let limit = page.probe();
        let jobs = self.jobs.clone();
        let find = async move {
            let find = jobs.find(filter).sort(doc! {"search": 1, "_id": 1}).limit(limit).hint(Hint::Keys(index));
            let cursor = find.projection(without_request()).max_time(MAX_TIME).await?;
            cursor.try_collect::<Vec<Document>>().await
        };
        let read = |document: Document| {
            let search = document.get_str("search").unwrap_or_default().to_owned();
            Ok((summary(document)?, search))
        };
        let found = command::bounded(find).await?.into_iter().map(read).collect::<Result<Vec<(JobSummary, _)>>>()?;
        Ok(Page::of(found, page, |(last, search)| format!("{}{search}", last.id)).map(|(job, _)| job))
    }

    async fn count(&self) -> Result<JobCount> {
        // By index alone. `stage: null` would read every document, as an index does not tell null from missing; so the
        // one-off jobs and what is deleted, which is off, are counted and taken off.
        let count = |filter: Document, index: Document| {
            let jobs = self.jobs.clone();
            command::bounded(async move { jobs.count_documents(filter).hint(Hint::Keys(index)).await })
        };
        let any = |active: bool| count(doc! {"active": active}, doc! {"active": 1, "stage": 1});
        let once = |active| count(doc! {"active": active, "stage": {"$gte": ""}}, doc! {"active": 1, "stage": 1});
        let deleted = count(doc! {"deleted_at": {"$gt": DateTime::from_millis(0)}}, doc! {"deleted_at": 1});
        let cancelled = count(doc! {"stage": Stage::Cancelled.as_str()}, crate::queued::index());
        let (on, off, once_on, once_off, deleted, cancelled) =
            tokio::try_join!(any(true), any(false), once(true), once(false), deleted, cancelled)?;
        let active = on.saturating_sub(once_on);
        let off = off.saturating_sub(once_off).saturating_sub(deleted.saturating_sub(cancelled));
        Ok(JobCount { total: active + off, active })
    }

    async fn edit(&self, id: JobId, expect: Option<Rev>, edit: Edit) -> Result<Job> {
        self.edit_with(id, expect, |_| Ok(edit.clone())).await
    }
}

impl MongoStore {
    /// Makes the edit that `choose` has for the job as it is.
    pub(crate) async fn edit_with(
        &self,
        id: JobId,
        expect: Option<Rev>,
        choose: impl Fn(&Job) -> Result<Edit> + Send,
    ) -> Result<Job> {
        for _ in 0..MAX_TRIES {
            let before = self.get(id).await?;
            let edit = choose(&before)?;
            let mut after = before.clone();
            let now = self.now();
            let changed = after.edit(edit.clone(), now).map_err(|_| Error::Deleted)?;
            if expect.is_some_and(|rev| rev != before.rev) {
                return Err(Error::Stale(before.rev));
            }
            if !changed {
                return Ok(before);
            }
            if edit == Edit::Restore && self.is_key_taken(&before).await? {
                return Err(Error::KeyTaken);
            }
            let mut filter = by_id(id);
            filter.extend(doc! {"rev": before.rev.0});
            let pool = after.spec.endpoint.pool();
            // The pool of a job that was deleted or over may have been deleted too.
            let returns = edit == Edit::Restore || before.state.ended_at.is_some();
            let joins = returns || pool != before.spec.endpoint.pool();
            let gates = self.gates(Some(pool).into_iter().filter(|_| joins)).await?;
            let mut set = match &edit {
                Edit::CallNow => self.call_now(),
                _ => {
                    filter.extend(unworked(&before, &after));
                    self.changes(&before, &after)?
                }
            };
            set.extend(gates.values().map(|gate| ("gate".to_owned(), doc! {"$literal": gate}.into())));
            let updated = match after.promise_ended_since(&before, now) {
                Some(promise) => {
                    let breach = self.breach_ended(&before, &after, now).await?;
                    self.edit_ending(filter, set, breach, promise).await?
                }
                None => {
                    let jobs = self.jobs.clone();
                    let update = async move {
                        let update = jobs.find_one_and_update(filter, vec![doc! {"$set": set}]);
                        update.return_document(ReturnDocument::After).max_time(MAX_TIME).await
                    };
                    command::bounded(update).await?
                }
            };
            if let Some(job) = updated {
                self.mend_gates(&gates).await;
                return to_job(job);
            }
        }
        Err(Error::Unavailable(format!("the job was edited {MAX_TRIES} times while this edit was tried")))
    }

    /// The twin of `Edit::CallNow`.
    fn call_now(&self) -> Document {
        let now = self.clock.server_now();
        let at_once = doc! {"$min": ["$claim_at", &now]};
        doc! {"asked_at": &now, "lock": edited_lock(), "claim_at": cond(is_null("$lock"), at_once, "$claim_at")}
    }

    /// What `Job::edit` changed, for an edit that raises the revision.
    fn changes(&self, before: &Job, after: &Job) -> Result<Document> {
        let mut set = configuration(&after.spec)?;
        set.extend(doc! {
            "active": after.active,
            "lock": edited_lock(),
            "rev": after.rev.0,
            "updated_at": date(after.updated_at),
            "deleted_at": after.deleted_at.map(date),
            "changes": changes(after)?,
            "stage": after.stage().map(Stage::as_str),
        });
        if after.state.watch != before.state.watch {
            set.insert("watch", doc! {"$literal": watched(after)?});
        }
        if after.plan != before.plan {
            let due: Bson = after.state.due.map(date).into();
            let asked_at: Bson = if after.deleted_at.is_some() { Bson::Null } else { "$asked_at".into() };
            let dropped = after.state.counters.missed.saturating_sub(before.state.counters.missed);
            let idle = doc! {"$min": [&asked_at, due.clone()]};
            set.extend(doc! {
                "plan": after.plan.0,
                "due": due,
                "asked_at": asked_at,
                "attempt": 0,
                "ended_at": null,
                "last": if after.state.last.is_none() { Bson::Null } else { "$last".into() },
                "counters.missed": {"$add": ["$counters.missed", i64::try_from(dropped).unwrap_or(i64::MAX)]},
                "claim_at": cond(is_null("$lock"), idle, "$claim_at"),
            });
        }
        Ok(set)
    }
}

/// The filter that holds as long as no worker has changed what an edit of `before` was computed from.
fn unworked(before: &Job, after: &Job) -> Document {
    let mut filter = Document::new();
    if after.plan != before.plan || before.stage().is_some() {
        let token: Bson = before.state.lock.as_ref().map(|lock| uuid(lock.token.uuid())).into();
        filter.extend(doc! {"due": before.state.due.map(date), "lock.token": token});
    }
    if after.state.watch != before.state.watch {
        filter.insert("watch.deadline", before.state.watch.map(|watch| date(watch.deadline)));
        filter.insert("watch.failed_at", before.state.watch.and_then(|watch| watch.failed_at).map(date));
    }
    filter
}

/// The summary of a job's document, read [`without_request`].
pub(crate) fn summary(document: Document) -> Result<JobSummary> {
    Ok(slim(document)?.into())
}

/// The projection that leaves out body and headers, which may be large.
pub(crate) fn without_request() -> Document {
    doc! {"request.body": 0, "request.headers": 0}
}

/// The job of a document read [`without_request`].
pub(crate) fn slim(mut document: Document) -> Result<Job> {
    if let Ok(request) = document.get_document_mut("request") {
        request.extend(doc! {"body": null, "headers": []});
    }
    to_job(document)
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
