//! Commands to the server, with a bound on their time and with every kind of failure noticed.
//!
//! `update` is sent as a command: several statements with pipelines need a server of version 8 through the driver. A
//! command inherits no write concern, and may answer `ok: 1` with errors inside, so both are seen to here.

use std::future::Future;
use std::time::Duration;

use mongodb::bson::{Array, Bson, Document, doc};
use mongodb::error::ErrorKind;
use mongodb::{Collection, Database};
use naptime_store::{Error, Result};

use crate::OPERATION_TIMEOUT;

/// The server's code for a duplicate key.
pub(crate) const DUPLICATE_KEY: i32 = 11_000;
/// The server's code for a command that took longer than allowed.
const MAX_TIME_EXPIRED: i32 = 50;
/// The longest that the server works on one command: less than we wait for it.
pub(crate) const MAX_TIME: Duration = Duration::from_secs(4);

/// Waits for an operation of the driver, but no longer than [`OPERATION_TIMEOUT`].
///
/// It goes on in a task of its own, because the driver's futures are not to be dropped half-way.
pub(crate) async fn bounded<T, F>(operation: F) -> Result<T>
where
    T: Send + 'static,
    F: Future<Output = mongodb::error::Result<T>> + Send + 'static,
{
    bounded_by(OPERATION_TIMEOUT, operation).await
}

/// Waits for an operation that may take longer than others.
pub(crate) async fn bounded_by<T, F>(limit: Duration, operation: F) -> Result<T>
where
    T: Send + 'static,
    F: Future<Output = mongodb::error::Result<T>> + Send + 'static,
{
    let task = tokio::spawn(operation);
    match tokio::time::timeout(limit, task).await {
        Ok(Ok(Ok(value))) => Ok(value),
        Ok(Ok(Err(error))) => Err(unavailable(error)),
        Ok(Err(_)) => Err(Error::Unavailable("the operation was cancelled".to_owned())),
        Err(_) => Err(Error::Unavailable(format!("no answer within {} s", limit.as_secs()))),
    }
}

/// Runs a command on the primary.
pub(crate) async fn run(db: &Database, command: Document) -> Result<Document> {
    let db = db.clone();
    bounded(async move { db.run_command(command).await }).await
}

/// One statement of an update: which documents, and the stage that changes them.
pub(crate) struct Update {
    pub(crate) filter: Document,
    pub(crate) set: Document,
    pub(crate) many: bool,
    pub(crate) upsert: bool,
}

impl Update {
    /// A statement for one document.
    pub(crate) fn one(filter: Document, set: Document) -> Self {
        Self { filter, set, many: false, upsert: false }
    }

    /// A statement for every document that matches.
    pub(crate) fn many(filter: Document, set: Document) -> Self {
        Self { many: true, ..Self::one(filter, set) }
    }
}

/// Updates with `$set` pipelines, each statement whether the others succeed or not. Acknowledged by a majority.
pub(crate) async fn update(db: &Database, collection: &str, updates: Vec<Update>) -> Result<()> {
    let by_id = |filter: &Document| filter.contains_key("_id");
    let statements: Array = updates
        .into_iter()
        .map(|update| {
            let mut statement = doc! {"multi": update.many, "upsert": update.upsert};
            if by_id(&update.filter) {
                statement.insert("hint", doc! {"_id": 1});
            }
            statement.insert("q", update.filter);
            statement.insert("u", vec![doc! {"$set": update.set}]);
            Bson::from(statement)
        })
        .collect();
    write(db, doc! {"update": collection, "updates": statements, "ordered": false}).await
}

/// Inserts documents, keeping those that are there already. Returns whether all were new. Acknowledged by a majority, by
/// the write concern of the client.
pub(crate) async fn insert_new(collection: &Collection<Document>, documents: Vec<Document>) -> Result<bool> {
    let collection = collection.clone();
    bounded(async move {
        // The driver splits what is too much for one message.
        let Err(error) = collection.insert_many(documents).ordered(false).await else { return Ok(true) };
        match error.kind.as_ref() {
            ErrorKind::InsertMany(inner) if inner.write_concern_error.is_none() => {
                let mut errors = inner.write_errors.iter().flatten();
                if errors.all(|error| error.code == DUPLICATE_KEY) { Ok(false) } else { Err(error) }
            }
            _ => Err(error),
        }
    })
    .await
}

/// Runs a write command, acknowledged by a majority. Errors inside the answer are errors.
pub(crate) async fn write(db: &Database, mut command: Document) -> Result<()> {
    command.insert("writeConcern", doc! {"w": "majority"});
    command.insert("maxTimeMS", crate::document::millis(MAX_TIME));
    let reply = run(db, command).await?;
    if let Some(error) = reply.get_array("writeErrors").into_iter().flatten().next() {
        return Err(Error::Unavailable(format!("a write failed: {error}")));
    }
    match reply.get("writeConcernError") {
        Some(error) => Err(Error::Unavailable(format!("a write was not acknowledged by a majority: {error}"))),
        None => Ok(()),
    }
}

/// Removes what matches, or as much of it as the server can in the time of one command; the rest is for the next time.
pub(crate) async fn remove(db: &Database, collection: &str, filter: Document) -> Result<()> {
    let deletes = vec![doc! {"q": filter, "limit": 0}];
    let command = doc! {"delete": collection, "deletes": deletes, "maxTimeMS": crate::document::millis(MAX_TIME)};
    let db = db.clone();
    bounded(async move {
        match db.run_command(command).await {
            Err(error) if matches!(error.kind.as_ref(), ErrorKind::Command(it) if it.code == MAX_TIME_EXPIRED) => {
                Ok(())
            }
            other => other.map(drop),
        }
    })
    .await
}

/// The driver's error as the store's, without the server's whole answer.
pub(crate) fn unavailable(error: mongodb::error::Error) -> Error {
    Error::Unavailable(error.kind.to_string())
}
