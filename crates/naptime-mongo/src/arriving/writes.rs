//! Writes of many documents at once.

use std::collections::HashMap;

use futures::TryStreamExt;
use mongodb::bson::raw::cstr;
use mongodb::bson::{Document, RawArrayBuf, RawDocumentBuf, Uuid, doc, rawdoc};
use naptime_core::JobId;
use naptime_store::Result;
use serde::{Deserialize, Serialize};

use crate::MongoStore;
use crate::command::{self, MAX_TIME, raw};
use crate::document::read;

/// The most documents in one command, which the server has a few seconds for.
pub(super) const MAX_DOCUMENTS: usize = 500;
/// How long the server may take for a command that concerns all jobs.
const ALL_JOBS_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(600);

/// A document, and the filter that finds the one it takes the place of, if there is one.
pub(super) struct Put {
    pub(super) filter: Document,
    pub(super) document: RawDocumentBuf,
}

/// The key of a job that is not deleted, and the shelf within which it is unique.
type Key = (String, String);

#[derive(Deserialize)]
struct OwnerDocument {
    _id: Uuid,
    live_key: String,
    shelf: String,
}

/// The key that the document of a job takes.
pub(super) fn key_of(config: &Document) -> Option<Key> {
    Some((config.get_str("live_key").ok()?.to_owned(), config.get_str("shelf").ok()?.to_owned()))
}

impl MongoStore {
    /// The jobs that are there with the keys of these documents.
    pub(super) async fn owners_of_keys(&self, configs: impl Iterator<Item = &Document>) -> Result<HashMap<Key, JobId>> {
        let keys: Vec<String> = configs.filter_map(key_of).map(|(key, _)| key).collect();
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        let jobs = self.jobs.clone();
        let find = async move {
            // The second condition says that the partial index will do.
            let find = jobs.find(doc! {"live_key": {"$in": keys, "$type": "string"}});
            let find = find.projection(doc! {"live_key": 1, "shelf": 1}).max_time(MAX_TIME);
            find.await?.try_collect::<Vec<Document>>().await
        };
        let owner = |found: Document| -> Result<(Key, JobId)> {
            let OwnerDocument { _id, live_key, shelf } = read(found)?;
            Ok(((live_key, shelf), _id.to_uuid_1().into()))
        };
        command::bounded(find).await?.into_iter().map(owner).collect()
    }

    /// Puts documents. Acknowledged by a majority.
    pub(super) async fn put_all(&self, collection: &str, puts: Vec<Put>) -> Result<()> {
        let mut statements = RawArrayBuf::new();
        for Put { filter, document } in puts {
            let mut statement = rawdoc! {"q": raw(&filter), "u": document, "upsert": true, "multi": false};
            statement.append(cstr!("hint"), rawdoc! {"_id": 1});
            statements.push(statement);
        }
        let command = rawdoc! {"update": collection, "updates": statements, "ordered": false};
        command::write(&self.db, command).await.map(drop)
    }

    /// Adds documents, but for those that are there.
    pub(super) async fn insert_all<T>(&self, collection: &str, documents: Vec<T>) -> Result<()>
    where
        T: Serialize + Send + Sync + 'static,
    {
        let collection = self.db.collection(collection);
        let mut rest = documents.into_iter().peekable();
        while rest.peek().is_some() {
            command::insert_new(&collection, rest.by_ref().take(MAX_DOCUMENTS).collect()).await?;
        }
        Ok(())
    }

    /// Changes the due work of the jobs that are parked and match.
    pub(super) async fn update_parked(&self, mut filter: Document, change: Vec<Document>) -> Result<()> {
        filter.insert("parked", doc! {"$exists": true});
        let due = self.due.clone();
        command::bounded_by(ALL_JOBS_TIMEOUT, async move { due.update_many(filter, change).await.map(drop) }).await
    }

    /// Removes all documents that match.
    pub(super) async fn remove_all(&self, collection: &str, filter: Document) -> Result<()> {
        let collection = self.db.collection::<Document>(collection);
        command::bounded_by(ALL_JOBS_TIMEOUT, async move { collection.delete_many(filter).await.map(drop) }).await
    }

    /// The pools whose jobs ordinary claims pass by.
    pub(super) async fn gated_pools(&self) -> Result<Vec<String>> {
        let pools = self.pools.clone();
        let find = async move {
            let find = pools.find(doc! {"gate": {"$gt": ""}}).projection(doc! {"_id": 1}).max_time(MAX_TIME);
            find.await?.try_collect::<Vec<Document>>().await
        };
        let name = |it: &Document| it.get_str("_id").ok().map(str::to_owned);
        Ok(command::bounded(find).await?.iter().filter_map(name).collect())
    }
}
