//! Sessions as documents.

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Document, doc};
use mongodb::error::ErrorKind;
use mongodb::options::ReturnDocument;
use naptime_store::sessions::{MAX_SESSIONS, Salt, SessionId, Sessions, began_within};
use naptime_store::{Clock, Error, Result};

use crate::MongoStore;
use crate::command::{self, DUPLICATE_KEY, MAX_TIME};
use crate::document::date;

/// Of those who add the one document at the same time, all but one are told that it is there, and find it next.
const MAX_TRIES: usize = 3;

#[async_trait]
impl Sessions for MongoStore {
    async fn salt(&self, new: Salt) -> Result<Salt> {
        let login = self.login.clone();
        let find_or_add = async move {
            // Also where it changes nothing, it is acknowledged once a majority has what it found.
            let change = doc! {"$setOnInsert": {"salt": binary(&new)}};
            for _ in 1..MAX_TRIES {
                match find_or_add(&login, change.clone()).await {
                    Err(error) if is_duplicate(&error) => {}
                    other => return other,
                }
            }
            find_or_add(&login, change).await
        };
        let found = command::bounded(find_or_add).await?.unwrap_or_default();
        let salt = found.get_binary_generic("salt").ok().and_then(|bytes| bytes.as_slice().try_into().ok());
        salt.ok_or_else(|| Error::Corrupt("the salt is not 16 bytes".to_owned()))
    }

    async fn begin_session(&self, id: SessionId) -> Result<()> {
        let sessions = self.sessions.clone();
        let now = self.now();
        let lasting = lasting(now);
        let begin = async move {
            let begun = sessions.update_one(of(id), doc! {"$set": {"began": date(now)}}).upsert(true);
            begun.await?;
            sessions.delete_many(doc! {"began": {"$not": lasting}}).await?;
            let beyond = sessions.find(doc! {}).sort(doc! {"began": -1, "_id": -1}).skip(MAX_SESSIONS as u64);
            let beyond = beyond.projection(doc! {"_id": 1}).max_time(MAX_TIME).await?;
            let beyond: Vec<Document> = beyond.try_collect().await?;
            let ids: Vec<_> = beyond.iter().filter_map(|session| session.get("_id").cloned()).collect();
            if !ids.is_empty() {
                sessions.delete_many(doc! {"_id": {"$in": ids}}).await?;
            }
            Ok(())
        };
        command::bounded(begin).await
    }

    async fn has_session(&self, id: SessionId) -> Result<bool> {
        let sessions = self.sessions.clone();
        let mut filter = of(id);
        filter.insert("began", lasting(self.now()));
        let found = command::bounded(async move { sessions.find_one(filter).max_time(MAX_TIME).await }).await?;
        Ok(found.is_some())
    }

    async fn end_session(&self, id: SessionId) -> Result<()> {
        let sessions = self.sessions.clone();
        command::bounded(async move { sessions.delete_one(of(id)).await.map(drop) }).await
    }
}

async fn find_or_add(
    login: &mongodb::Collection<Document>,
    change: Document,
) -> mongodb::error::Result<Option<Document>> {
    let find = login.find_one_and_update(doc! {"_id": "salt"}, change).upsert(true);
    find.return_document(ReturnDocument::After).max_time(MAX_TIME).await
}

fn is_duplicate(error: &mongodb::error::Error) -> bool {
    matches!(error.kind.as_ref(), ErrorKind::Command(error) if error.code == DUPLICATE_KEY)
}

fn of(id: SessionId) -> Document {
    doc! {"_id": binary(&id.0)}
}

/// The times at which sessions began that last at `now`.
fn lasting(now: naptime_core::Time) -> Document {
    let (after, until) = began_within(now);
    doc! {"$gt": date(after), "$lte": date(until)}
}

fn binary(bytes: &[u8]) -> Binary {
    Binary { subtype: BinarySubtype::Generic, bytes: bytes.to_owned() }
}
