//! What a claim needs of a server, tried before the store looks as if it worked.
//!
//! Products that speak MongoDB's protocol answer `hello` as it does, and differ only where a claim is made. The trial
//! takes seven round trips, on a document of its own in the collection `probe`.

use std::fmt;

use futures::FutureExt;
use mongodb::bson::{Bson, Document, Uuid, doc};
use mongodb::options::{Hint, ReturnDocument};

use crate::MongoStore;
use crate::command::{self, MAX_TIME};
use crate::document::millis;
use crate::open::{OpenError, ask};
use crate::refusal::{passes, write_failed};

/// The most characters of what a server says of itself.
const MAX_NAME_CHARS: usize = 200;

/// Something that a server must be able to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// A write that is acknowledged once a majority of the members has it.
    MajorityWrite,
    /// An update pipeline that goes by the server's clock.
    ServerTime,
    /// A findAndModify that is told its index.
    HintedFindAndModify,
    /// A transaction.
    Transaction,
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MajorityWrite => "a write acknowledged by a majority (writeConcern)",
            Self::ServerTime => "an update pipeline with the server's time ($$NOW)",
            Self::HintedFindAndModify => "findAndModify with a hint",
            Self::Transaction => "a transaction",
        })
    }
}

impl MongoStore {
    /// Tries all that a claim needs.
    ///
    /// A database that takes no writes, as its disk is full or its user may only read, proves nothing. It is opened all
    /// the same, so that the page can say what is wrong.
    pub(crate) async fn check_capabilities(&self) -> Result<(), OpenError> {
        match self.try_capabilities().await {
            Err(OpenError::Store(error)) => {
                tracing::debug!(%error, "what the server can do was not tried");
                Ok(())
            }
            tried => tried,
        }
    }

    /// Tries all that a claim needs, and leaves nothing behind.
    pub(crate) async fn try_capabilities(&self) -> Result<(), OpenError> {
        // Its id is new: of processes that start together, one would change what another is about to find.
        let trial = doc! {"_id": Uuid::new()};
        let tried = self.try_each(trial.clone()).await;
        let probe = self.db.collection::<Document>("probe");
        // If it stays, it is a few bytes that nobody reads.
        let _ = ask(async move { probe.delete_one(trial).await }).await;
        tried
    }

    async fn try_each(&self, trial: Document) -> Result<(), OpenError> {
        let write = doc! {"q": trial.clone(), "u": {"$set": {"tried": true}}, "upsert": true};
        let majority = doc! {"w": "majority"};
        let write =
            doc! {"update": "probe", "updates": [write], "writeConcern": majority, "maxTimeMS": millis(MAX_TIME)};
        self.update(Capability::MajorityWrite, write).await?;

        let by_server_time = doc! {"q": trial.clone(), "u": [{"$set": {"at": "$$NOW"}}]};
        let update = doc! {"update": "probe", "updates": [by_server_time], "maxTimeMS": millis(MAX_TIME)};
        self.update(Capability::ServerTime, update).await?;

        self.find_and_modify(trial).await?;
        self.transaction().await
    }

    /// Sends an update, which must find the document.
    async fn update(&self, capability: Capability, update: Document) -> Result<(), OpenError> {
        let db = self.db.clone();
        let reply = ask(async move { db.run_command(update).await }).await.and_then(without_errors);
        let done = reply.and_then(|reply| match reply.get("n") {
            Some(Bson::Int32(1) | Bson::Int64(1)) => Ok(()),
            other => Err(OpenError::Unusable(format!("the update changed {other:?} documents, not 1"))),
        });
        self.judged(capability, done).await
    }

    /// Changes the document as a claim locks a job.
    async fn find_and_modify(&self, trial: Document) -> Result<(), OpenError> {
        let probe = self.db.collection::<Document>("probe");
        let mut filter = trial;
        filter.insert("$expr", doc! {"$lte": ["$at", "$$NOW"]});
        let set = doc! {"lock": {"since": "$$NOW", "at": {"$max": ["$at", "$$NOW"]}}};
        let lock = async move {
            let update = probe.find_one_and_update(filter, vec![doc! {"$set": set}]);
            let update = update.return_document(ReturnDocument::After).max_time(MAX_TIME);
            update.hint(Hint::Keys(doc! {"_id": 1})).await
        };
        let done = ask(lock).await.and_then(|found| match found {
            Some(found) if found.get_document("lock").is_ok_and(|lock| lock.get_datetime("at").is_ok()) => Ok(()),
            other => Err(OpenError::Unusable(format!("it returned {other:?}"))),
        });
        self.judged(Capability::HintedFindAndModify, done).await
    }

    /// Adds a document and removes it, as one. Its id is new, so that processes that start together don't conflict.
    async fn transaction(&self) -> Result<(), OpenError> {
        let (client, db) = (self.db.client().clone(), self.db.clone());
        let transaction = async move {
            let mut session = client.start_session().await?;
            let transaction = session.start_transaction().and_run(db, |session, db| {
                async move {
                    let probe = db.collection::<Document>("probe");
                    let id = doc! {"_id": Uuid::new()};
                    probe.insert_one(id.clone()).session(&mut *session).await?;
                    Ok(probe.delete_one(id).session(&mut *session).await?.deleted_count)
                }
                .boxed()
            });
            transaction.await
        };
        let done = ask(transaction).await.and_then(|deleted| match deleted {
            1 => Ok(()),
            other => Err(OpenError::Unusable(format!("it found {other} documents, not 1"))),
        });
        self.judged(Capability::Transaction, done).await
    }

    /// What was refused for good is what the server cannot do.
    async fn judged(&self, capability: Capability, done: Result<(), OpenError>) -> Result<(), OpenError> {
        match done {
            Err(OpenError::Unusable(said)) => {
                Err(OpenError::Incapable { server: self.server_name().await, capability, said })
            }
            other => other,
        }
    }

    /// What the server calls itself.
    pub(crate) async fn server_name(&self) -> String {
        name_of(&command::run(&self.db, doc! {"buildInfo": 1}).await.unwrap_or_default())
    }
}

/// An answer that has no errors inside.
fn without_errors(reply: Document) -> Result<Document, OpenError> {
    let error = |list: &str| reply.get_array(list).ok()?.first()?.as_document();
    let concern = reply.get_document("writeConcernError").ok();
    let Some(error) = error("writeErrors").or(concern) else { return Ok(reply) };
    let code = error.get_i32("code").unwrap_or(0);
    let said = error.get_str("errmsg").unwrap_or("a write failed").to_owned();
    Err(match write_failed(Some(code), said.clone()) {
        refused @ naptime_store::Error::Refused { .. } => refused.into(),
        _ if passes(code) => OpenError::Away(said),
        _ => OpenError::Unusable(said),
    })
}

/// The version of a server, and whatever its `buildInfo` has that MongoDB's has not, such as `ferretdb v2.1.0`.
fn name_of(build_info: &Document) -> String {
    const OF_MONGODB: &[&str] = &[
        "version",
        "gitVersion",
        "targetMinOS",
        "modules",
        "allocator",
        "javascriptEngine",
        "sysInfo",
        "versionArray",
        "openssl",
        "buildEnvironment",
        "bits",
        "debug",
        "maxBsonObjectSize",
        "storageEngines",
        "ok",
        "$clusterTime",
        "operationTime",
    ];
    let version = build_info.get_str("version").unwrap_or("unknown");
    let mut name = format!("it calls itself version {version}");
    for (key, value) in build_info.iter().filter(|(key, _)| !OF_MONGODB.contains(&key.as_str())) {
        let value = match value {
            Bson::String(text) => text,
            Bson::Document(parts) => parts.get_str("version").unwrap_or_default(),
            _ => "",
        };
        name = format!("{name}, {key} {value}").trim_end().to_owned();
    }
    name.chars().take(MAX_NAME_CHARS).collect()
}
