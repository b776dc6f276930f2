//! Jobs as the join of their two documents: what people wrote, and the due work.
//!
//! Every edit writes both in one transaction and raises the revision in both, so two documents that were read one after
//! the other belong together if they have the same revision.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use mongodb::bson::{Bson, DateTime, Document, RawDocumentBuf, doc};
use naptime_core::{Job, JobId, Plan, State, Time, Token};
use naptime_store::{Error, Page, Position, Read, Result, Unreadable};

use crate::MongoStore;
use crate::command::{self, MAX_TIME};
use crate::document::{Due, partition, time, to_config, to_due, uuid};
use crate::queue::read_uuid;

/// How often two documents are read anew because an edit came between.
pub(crate) const MAX_TRIES: usize = 20;
/// The pause before that: on a sharded cluster the two parts of a transaction appear one after the other.
pub(crate) const BETWEEN_TRIES: Duration = Duration::from_millis(2);

impl MongoStore {
    /// The job of this id, deleted ones included.
    pub(crate) async fn find_job(&self, id: JobId) -> Result<Job> {
        for _ in 0..MAX_TRIES {
            // The due work first: without an edit in between, the configuration is that of its revision or a later one.
            let due = self.find_due(among(&[id])).await?.pop();
            let config = self.find_configs(by_ids(&[id])).await?.pop().ok_or(Error::NotFound)?;
            match due {
                Some(due) if due.is_of(&config) => return Ok(config.in_state(due.plan, due.state)),
                Some(_) => tokio::time::sleep(BETWEEN_TRIES).await,
                None => return Ok(config),
            }
        }
        Err(Error::Unavailable(format!("the job was edited {MAX_TRIES} times while it was read")))
    }

    /// The jobs whose configurations a filter finds, whole. Where an edit comes between the two reads, the due work may be
    /// the one after it.
    pub(crate) async fn find_whole(&self, filter: Document) -> Result<Vec<Job>> {
        let configs = self.find_configs(filter).await?;
        self.in_their_states(configs).await
    }

    /// The jobs of these configurations, in their order. One whose due work cannot be read is one that is off.
    async fn in_their_states(&self, configs: Vec<Job>) -> Result<Vec<Job>> {
        if configs.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<JobId> = configs.iter().map(|config| config.id).collect();
        let mut states: HashMap<JobId, (Plan, State)> =
            self.find_due(among(&ids)).await?.into_iter().map(|due| (due.id, (due.plan, due.state))).collect();
        let join = |config: Job| match states.remove(&config.id) {
            Some((plan, state)) => config.in_state(plan, state),
            None => config,
        };
        Ok(configs.into_iter().map(join).collect())
    }

    /// The jobs of a page of configurations, which were read [`without_request`].
    pub(crate) async fn listed(&self, page: Page<Document>) -> Result<Page<Job>> {
        let configs = page.map(|document| read_row(document.get("_id").cloned(), to_config(document))).sorted_out();
        if configs.items.is_empty() {
            return Ok(configs);
        }
        let ids: Vec<JobId> = configs.items.iter().map(|config| config.id).collect();
        let due = self.find_raw_due(among(&ids)).await?;
        let mut due: HashMap<JobId, RawDocumentBuf> =
            due.into_iter().filter_map(|it| Some((raw_id(&it)?, it))).collect();
        let join = |config: Job| {
            let due = due.remove(&config.id).ok_or_else(|| Error::Corrupt("it has no due work".to_owned()));
            let due = read_row(Some(uuid(config.id.uuid()).into()), due.and_then(|due| to_due(&due)))?;
            Ok(config.in_state(due.plan, due.state))
        };
        Ok(configs.map(join).sorted_out())
    }

    /// The jobs of a page of ids, without body and headers, as far as they are there.
    pub(crate) async fn listed_by_id(&self, page: Page<JobId>) -> Result<Page<Job>> {
        let Page { items: ids, next, prev, unreadable } = page;
        if ids.is_empty() {
            return Ok(Page { items: Vec::new(), next, prev, unreadable });
        }
        let mut items = self.find_documents(by_ids(&ids), Some(without_request())).await?;
        items.sort_by_key(|config| {
            let id = read_uuid(config, "_id").map(JobId::from);
            ids.iter().position(|it| Some(*it) == id)
        });
        self.listed(Page { items, next, prev, unreadable }).await
    }

    /// Those of these jobs that these tokens hold. Asked by id, since the token has no index.
    pub(crate) async fn held(&self, tokens: impl IntoIterator<Item = Token>, ids: &[JobId]) -> Result<Vec<Job>> {
        let tokens: HashSet<Token> = tokens.into_iter().collect();
        let held = self.find_held(&tokens, ids).await?;
        self.with_configs_of_held(tokens, held).await
    }

    /// The jobs of this due work, which these tokens hold, with configurations that are kept or read in one go. A job
    /// without a configuration that can be read, or with one that does not go with it, is left out.
    pub(crate) async fn with_configs_of_held(
        &self,
        tokens: impl IntoIterator<Item = Token>,
        mut held: Vec<Due>,
    ) -> Result<Vec<Job>> {
        let tokens: HashSet<Token> = tokens.into_iter().collect();
        let mut jobs = Vec::with_capacity(held.len());
        for _ in 0..MAX_TRIES {
            let edited = self.with_configs(held, &mut jobs).await?;
            if edited.is_empty() {
                return Ok(jobs);
            }
            tokio::time::sleep(BETWEEN_TRIES).await;
            held = self.find_held(&tokens, &edited).await?;
        }
        for Due { id, .. } in held {
            // As after a restore of a copy that was made while it was edited. It must not keep the rest from being called.
            tracing::error!(job = %id, "job {id} has due work of another revision, so it is not called");
        }
        Ok(jobs)
    }

    /// Adds the jobs of this due work, and returns those that were edited meanwhile.
    async fn with_configs(&self, due: Vec<Due>, jobs: &mut Vec<Job>) -> Result<Vec<JobId>> {
        let (kept, open): (Vec<_>, Vec<_>) = due
            .into_iter()
            .map(|due| (self.configs.get(due.id, due.rev).filter(|it| due.is_of(it)), due))
            .partition(|(kept, _)| kept.is_some());
        jobs.extend(kept.into_iter().filter_map(|(config, due)| Some(config?.in_state(due.plan, due.state))));
        if open.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<JobId> = open.iter().map(|(_, due)| due.id).collect();
        let found = self.find_configs(by_ids(&ids)).await?;
        let found: HashMap<JobId, Arc<Job>> = found.into_iter().map(|config| (config.id, Arc::new(config))).collect();
        let mut edited = Vec::new();
        for (_, due) in open {
            match found.get(&due.id) {
                Some(config) if due.is_of(config) => {
                    jobs.push(config.in_state(due.plan, due.state));
                    self.configs.keep(config.clone());
                }
                Some(_) => edited.push(due.id),
                None => {}
            }
        }
        Ok(edited)
    }

    async fn find_held(&self, tokens: &HashSet<Token>, ids: &[JobId]) -> Result<Vec<Due>> {
        let mut filter = among(ids);
        let tokens: Vec<Bson> = tokens.iter().map(|token| uuid(token.uuid()).into()).collect();
        filter.insert("lock.token", doc! {"$in": tokens});
        self.find_due(filter).await
    }

    /// The due work that a filter finds.
    pub(crate) async fn find_due(&self, filter: Document) -> Result<Vec<Due>> {
        Ok(readable(self.find_raw_due(filter).await?))
    }

    async fn find_raw_due(&self, filter: Document) -> Result<Vec<RawDocumentBuf>> {
        let due = self.due.clone_with_type::<RawDocumentBuf>();
        command::bounded(async move { due.find(filter).max_time(MAX_TIME).await?.try_collect().await }).await
    }

    /// The configurations that a filter finds. One that cannot be read is left out, and named in the log.
    pub(crate) async fn find_configs(&self, filter: Document) -> Result<Vec<Job>> {
        let found = self.find_documents(filter, None).await?;
        let read = |document: Document| read_row(document.get("_id").cloned(), to_config(document)).ok();
        Ok(found.into_iter().filter_map(read).collect())
    }

    async fn find_documents(&self, filter: Document, projection: Option<Document>) -> Result<Vec<Document>> {
        let jobs = self.jobs.clone();
        let find = async move {
            let find = jobs.find(filter).max_time(MAX_TIME);
            let find = if let Some(projection) = projection { find.projection(projection) } else { find };
            find.await?.try_collect().await
        };
        command::bounded(find).await
    }
}

/// What was read of the row of this id. If it cannot be read, the log names it.
pub(crate) fn read_row<T>(id: Option<Bson>, read: Result<T>) -> Read<T> {
    read.map_err(|error| {
        let name = name_of(id.as_ref());
        tracing::error!(id = name, %error, "cannot read {name}");
        Unreadable { id: name, why: error.to_string() }
    })
}

/// The name of a document, for people: its id, of a run the token.
pub(crate) fn name_of(id: Option<&Bson>) -> String {
    match id {
        Some(Bson::Binary(id)) => uuid::Uuid::from_slice(&id.bytes).unwrap_or_default().to_string(),
        Some(Bson::String(name)) => name.clone(),
        Some(Bson::Document(run)) => name_of(run.get("token")),
        other => other.map(ToString::to_string).unwrap_or_default(),
    }
}

/// The place of a document in a list by time, as a cursor, from what it has of both.
pub(crate) fn place<E>(at: std::result::Result<&DateTime, E>, id: Option<uuid::Uuid>) -> String {
    let at = at.map_or(Time::from_millis(0), |at| time(*at));
    Position { at, id: id.unwrap_or_default() }.write()
}

fn raw_id(document: &RawDocumentBuf) -> Option<JobId> {
    let id = document.get_binary("_id").ok()?;
    uuid::Uuid::from_slice(id.bytes).ok().map(JobId::from)
}

/// The due work of these documents. What cannot be read is left out, so that it doesn't keep the rest from being called,
/// and named in the log.
pub(crate) fn readable(documents: impl IntoIterator<Item = RawDocumentBuf>) -> Vec<Due> {
    let read = |document: RawDocumentBuf| {
        let id = || document.get("_id").ok().flatten();
        to_due(&document)
            .inspect_err(|error| tracing::error!(job = ?id(), %error, "cannot read the due work of a job"))
            .ok()
    };
    documents.into_iter().filter_map(read).collect()
}

/// The projection that leaves out body and headers, which may be large, and keys, which nobody is to see.
pub(crate) fn without_request() -> Document {
    doc! {"request.body": 0, "request.headers": 0, "request.sign": 0}
}

/// The filter that finds configurations by id.
pub(crate) fn by_ids(ids: &[JobId]) -> Document {
    doc! {"_id": {"$in": ids.iter().map(|id| Bson::from(uuid(id.uuid()))).collect::<Vec<_>>()}}
}

/// The filter that finds due work by id, and by the partitions that follow from it.
pub(crate) fn among(ids: &[JobId]) -> Document {
    let mut partitions: Vec<i32> = ids.iter().map(|&id| partition(id)).collect();
    partitions.sort_unstable();
    partitions.dedup();
    let mut filter = by_ids(ids);
    filter.insert("partition", doc! {"$in": partitions});
    filter
}
