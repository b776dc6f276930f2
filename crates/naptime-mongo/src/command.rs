//! Commands to the server, with a bound on their time and with every kind of failure noticed.
//!
//! `update` is sent as a command: several statements with pipelines need a server of version 8 through the driver. A
//! command inherits no write concern, and may answer `ok: 1` with errors inside, so both are seen to here.

use std::future::Future;
use std::time::Duration;

use futures::future::BoxFuture;
use mongodb::bson::raw::cstr;
use mongodb::bson::{Bson, Document, RawArrayBuf, RawBson, RawDocumentBuf, doc, rawdoc};
use mongodb::error::ErrorKind;
use mongodb::{ClientSession, Collection, Database};
use naptime_store::{Error, Refusal, Result};
use serde::Serialize;

use crate::OPERATION_TIMEOUT;
use crate::refusal::{WriteFailed, failure, write_failed};

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
    attempt(OPERATION_TIMEOUT, operation).await.map_err(Failed::into_store)
}

/// Waits for an operation that may take longer than others.
pub(crate) async fn bounded_by<T, F>(limit: Duration, operation: F) -> Result<T>
where
    T: Send + 'static,
    F: Future<Output = mongodb::error::Result<T>> + Send + 'static,
{
    attempt(limit, operation).await.map_err(Failed::into_store)
}

/// Why an operation of the driver did not succeed, with the driver's error where there is one: the store's error no
/// longer tells what kind it was.
pub(crate) enum Failed {
    Driver(mongodb::error::Error),
    /// The outcome is unknown.
    Unanswered(String),
}

/// Waits for an operation, but no longer than `limit`.
pub(crate) async fn attempt<T, F>(limit: Duration, operation: F) -> std::result::Result<T, Failed>
where
    T: Send + 'static,
    F: Future<Output = mongodb::error::Result<T>> + Send + 'static,
{
    // Boxed, because the runtime's code for a task is compiled anew for every type of one.
    let operation: BoxFuture<'static, mongodb::error::Result<T>> = Box::pin(operation);
    let task = tokio::spawn(operation);
    match tokio::time::timeout(limit, task).await {
        Ok(Ok(Ok(value))) => Ok(value),
        Ok(Ok(Err(error))) => Err(Failed::Driver(error)),
        Ok(Err(_)) => Err(Failed::Unanswered("the operation was cancelled".to_owned())),
        Err(_) => Err(Failed::Unanswered(format!("no answer within {} s", limit.as_secs()))),
    }
}

impl Failed {
    fn into_store(self) -> Error {
        match self {
            Self::Driver(error) => failure(&error),
            Self::Unanswered(why) => Error::Unavailable(why),
        }
    }
}

/// Runs a command on the primary.
pub(crate) async fn run(db: &Database, command: Document) -> Result<Document> {
    let db = db.clone();
    bounded(async move { db.run_command(command).await }).await
}

/// One statement of an update: which documents, and how they change.
#[derive(Clone)]
pub(crate) struct Update {
    filter: RawDocumentBuf,
    change: RawBson,
    pub(crate) many: bool,
    pub(crate) upsert: bool,
}

impl Update {
    /// A statement for one document, whose new values are expressions.
    pub(crate) fn one(filter: Document, set: Document) -> Self {
        let mut change = RawArrayBuf::new();
        change.push(rawdoc! {"$set": raw(&set)});
        Self { filter: raw(&filter), change: RawBson::Array(change), many: false, upsert: false }
    }

    /// The same, which adds the document if there is none.
    pub(crate) fn upsert(filter: Document, set: Document) -> Self {
        Self { upsert: true, ..Self::one(filter, set) }
    }

    /// The same with plain values, whatever they look like: no expressions. It costs the server less.
    pub(crate) fn plain(filter: RawDocumentBuf, set: RawDocumentBuf) -> Self {
        Self { filter, change: rawdoc! {"$set": set}.into(), many: false, upsert: false }
    }

    /// A statement that puts a document in the place of another.
    pub(crate) fn replace(filter: &Document, by: RawDocumentBuf) -> Self {
        Self { filter: raw(filter), change: by.into(), many: false, upsert: false }
    }

    /// The same, which adds the document if there is none.
    pub(crate) fn put(filter: &Document, document: RawDocumentBuf) -> Self {
        Self { upsert: true, ..Self::replace(filter, document) }
    }

    /// A statement that adds to the numbers of the document with this key, or adds the document.
    pub(crate) fn increase(key: Document, by: Document) -> Self {
        let change = raw(&doc! {"$inc": by, "$setOnInsert": key.clone()});
        Self { filter: raw(&doc! {"_id": key}), change: change.into(), many: false, upsert: true }
    }

    /// A statement for every document that matches.
    pub(crate) fn many(filter: Document, set: Document) -> Self {
        Self { many: true, ..Self::one(filter, set) }
    }
}

/// Updates, each statement whether the others succeed or not, and returns how many documents were found. Acknowledged by
/// a majority.
pub(crate) async fn update(db: &Database, collection: &str, updates: Vec<Update>) -> Result<usize> {
    let reply = write(db, update_of(collection, updates)).await?;
    Ok(found(&reply))
}

/// Updates within a transaction, and returns how many documents were found. If one statement fails, so do all.
pub(crate) async fn update_within(
    db: &Database,
    session: &mut ClientSession,
    collection: &str,
    updates: Vec<Update>,
) -> mongodb::error::Result<usize> {
    if updates.is_empty() {
        return Ok(0);
    }
    let reply = db.run_raw_command(update_of(collection, updates)).session(session).await?;
    match first_error(&reply) {
        Some((code, detail)) => Err(mongodb::error::Error::custom(WriteFailed { code, detail })),
        None => Ok(found(&reply)),
    }
}

fn update_of(collection: &str, updates: Vec<Update>) -> RawDocumentBuf {
    let mut statements = RawArrayBuf::new();
    for Update { filter, change, many, upsert } in updates {
        let by_id = filter.get("_id").is_ok_and(|id| id.is_some());
        let mut statement = rawdoc! {"q": filter, "u": change, "multi": many, "upsert": upsert};
        if by_id {
            statement.append(cstr!("hint"), rawdoc! {"_id": 1});
        }
        statements.push(statement);
    }
    rawdoc! {"update": collection, "updates": statements, "ordered": false}
}

/// How many documents an update found.
fn found(reply: &Document) -> usize {
    reply.get_i32("n").ok().and_then(|n| usize::try_from(n).ok()).unwrap_or(0)
}

/// The first error inside an answer, with its code.
fn first_error(reply: &Document) -> Option<(Option<i32>, String)> {
    let error = reply.get_array("writeErrors").into_iter().flatten().next()?;
    let code = error.as_document().and_then(|error| error.get_i32("code").ok());
    Some((code, format!("a write failed: {error}")))
}

/// A document as it is sent.
pub(crate) fn raw(document: &Document) -> RawDocumentBuf {
    document.try_into().expect("no key of ours holds a zero byte")
}

/// Inserts documents, keeping those that are there already. Returns whether all were new. Acknowledged by a majority, by
/// the write concern of the client.
pub(crate) async fn insert_new<T>(collection: &Collection<Document>, documents: Vec<T>) -> Result<bool>
where
    T: Serialize + Send + Sync + 'static,
{
    let collection = collection.clone_with_type::<T>();
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

/// Runs a write command, acknowledged by a majority, and returns its answer. Errors inside it are errors.
pub(crate) async fn write(db: &Database, mut command: RawDocumentBuf) -> Result<Document> {
    command.append(cstr!("writeConcern"), rawdoc! {"w": "majority"});
    command.append(cstr!("maxTimeMS"), crate::document::millis(MAX_TIME));
    let db = db.clone();
    let reply = bounded(async move { db.run_raw_command(command).await }).await?;
    if let Some((code, detail)) = first_error(&reply) {
        return Err(write_failed(code, detail));
    }
    match reply.get("writeConcernError") {
        Some(error) => {
            let detail = format!("a write was not acknowledged by a majority: {error}");
            Err(Error::Refused { refusal: Refusal::NoMajority, detail })
        }
        None => Ok(reply),
    }
}

/// A number that a server answers, in whatever type; zero if it is none, or is negative.
pub(crate) fn number(value: Option<&Bson>) -> u64 {
    let number = value.and_then(|value| value.as_i64().or(value.as_i32().map(i64::from)));
    number.and_then(|number| u64::try_from(number).ok()).unwrap_or(0)
}

/// Removes what matches, or as much of it as the server can in the time of one command; the rest is for the next time.
pub(crate) async fn remove(db: &Database, collection: &str, filter: Document) -> Result<()> {
    let deletes = vec![doc! {"q": filter, "limit": 0}];
    let command = doc! {"delete": collection, "deletes": deletes, "maxTimeMS": crate::document::millis(MAX_TIME)};
    let db = db.clone();
    bounded(async move {
        match db.run_command(command).await {
            Err(error) if took_too_long(&error) => Ok(()),
            other => other.map(drop),
        }
    })
    .await
}

/// Whether a command was ended by the server because its time was up.
pub(crate) fn took_too_long(error: &mongodb::error::Error) -> bool {
    matches!(error.kind.as_ref(), ErrorKind::Command(it) if it.code == MAX_TIME_EXPIRED)
}
