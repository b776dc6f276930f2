//! Databases of one's own: on the given MongoDB, or in a folder.

mod uri;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mongodb::Client;
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::ErrorKind;
use mongodb::options::ClientOptions;
use naptime_mongo::{MongoStore, Orphans};
use naptime_sqlite::SqliteStore;
use naptime_store::Store;

use crate::error::{Error, Result};
use crate::ground::Server;

/// The commands that jobs are claimed, settled and looked at with. `getMore` is left out: replicas follow with it.
const COMMANDS: [&str; 6] = ["find", "findAndModify", "update", "insert", "delete", "aggregate"];
/// The server's code for what its user may not do: `Unauthorized`.
const FORBIDDEN: i32 = 13;
/// How long a database may take to be dropped.
const DROP_LIMIT: Duration = Duration::from_secs(20);
/// After it was dropped, the time for what a worker had sent when it was killed; it is to stay away twice as long.
const STRAGGLERS: Duration = Duration::from_millis(500);

/// A database that is dropped when done with, by [`Database::drop`].
pub(crate) enum Database {
    /// On a MongoDB.
    Mongo(Mongo),
    /// A file in a folder of one's own.
    File(PathBuf),
}

/// A database on a MongoDB.
pub(crate) struct Mongo {
    /// The connection string, with its name.
    pub(crate) uri: String,
    /// Its name.
    pub(crate) name: String,
    /// What its workers leave open when they are killed.
    orphans: Orphans,
    /// The database.
    pub(crate) db: mongodb::Database,
}

impl Database {
    /// One of this name on the MongoDB of `uri`.
    ///
    /// # Errors
    /// If it does not answer, or its user may not make one.
    pub(crate) async fn on_mongo(uri: &str, name: &str) -> Result<Self> {
        let unusable = |error: mongodb::error::Error| Error::Unusable(error.kind.to_string());
        let given = ClientOptions::parse(uri).await.map_err(unusable)?;
        let uri = uri::named(uri, name, given.credential.and_then(|credential| credential.source).as_deref());
        let mut options = ClientOptions::parse(&uri).await.map_err(unusable)?;
        options.server_selection_timeout.get_or_insert(Duration::from_secs(5));
        options.connect_timeout.get_or_insert(Duration::from_secs(5));
        let db = Client::with_options(options).map_err(unusable)?.database(name);
        match db.create_collection("jobs").await {
            Ok(()) => {
                Ok(Self::Mongo(Mongo { uri, name: name.to_owned(), orphans: Orphans::of(db.client().clone()), db }))
            }
            Err(error) if is_forbidden(&error) => Err(Error::Forbidden(error.kind.to_string())),
            Err(error) => Err(unusable(error)),
        }
    }

    /// One in this folder.
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self::File(folder.join("naptime.db"))
    }

    /// The store in it.
    pub(crate) async fn store(&self) -> Result<Arc<dyn Store>> {
        Ok(match self {
            Self::Mongo(mongo) => Arc::new(MongoStore::open(&mongo.uri, naptime_mongo::Options::default()).await?),
            Self::File(file) => {
                let store = SqliteStore::open(file, naptime_sqlite::Options::default());
                Arc::new(store.map_err(|error| Error::Unusable(error.to_string()))?)
            }
        })
    }

    /// Of a MongoDB.
    pub(crate) fn mongo(&self) -> Option<&Mongo> {
        match self {
            Self::Mongo(mongo) => Some(mongo),
            Self::File(_) => None,
        }
    }

    /// How a process is told of it.
    pub(crate) fn variable(&self) -> (&'static str, String) {
        match self {
            Self::Mongo(mongo) => ("MONGODB_URI", mongo.uri.clone()),
            Self::File(file) => ("NAPTIME_DB", file.display().to_string()),
        }
    }

    /// Drops it. Whoever worked on it has ended. A file goes with its folder.
    pub(crate) async fn drop(self) -> Result<()> {
        let Self::Mongo(mongo) = self else { return Ok(()) };
        let why = match tokio::time::timeout(DROP_LIMIT, mongo.drop_for_good()).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error.kind.to_string(),
            Err(_) => format!("no answer within {} s", DROP_LIMIT.as_secs()),
        };
        Err(Error::NotDropped { name: mongo.name, why, because: None })
    }

    /// Drops it after `result`, which is told whatever becomes of that.
    pub(crate) async fn drop_after<T>(self, result: Result<T>) -> Result<T> {
        match (result, self.drop().await) {
            (result, Ok(())) => result,
            (Err(because), Err(Error::NotDropped { name, why, .. })) => {
                Err(Error::NotDropped { name, why, because: Some(Box::new(because)) })
            }
            (_, Err(error)) => Err(error),
        }
    }
}

impl Mongo {
    /// What the server says of itself.
    pub(crate) async fn status(&self) -> Result<Document> {
        Ok(self.db.run_command(doc! {"serverStatus": 1}).await?)
    }

    /// How many commands the server has carried out so far, for whomever: each is one round trip.
    pub(crate) async fn commands(&self) -> Result<i64> {
        let status = self.status().await?;
        let commands = status.get_document("metrics").and_then(|metrics| metrics.get_document("commands"));
        let total = |name: &&str| number(commands.as_ref().ok()?.get_document(name).ok()?.get("total"));
        Ok(COMMANDS.iter().filter_map(total).sum())
    }

    /// The server, as far as its user may know.
    pub(crate) async fn server(&self) -> Server {
        let status = self.status().await.unwrap_or_default();
        let version = self.db.run_command(doc! {"buildInfo": 1}).await.unwrap_or_default();
        let pid = number(status.get("pid")).and_then(|pid| u32::try_from(pid).ok()).filter(|pid| {
            let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            is_here(&status) && status.get_str("process").is_ok_and(|process| process == name.trim())
        });
        Server { name: format!("MongoDB {}", version.get_str("version").unwrap_or_default()).trim().to_owned(), pid }
    }

    /// Drops it until it stays away: a write that was under way makes it anew. Transactions of workers that were
    /// killed would hold it for a minute.
    async fn drop_for_good(&self) -> mongodb::error::Result<()> {
        let mut absent = 0;
        while absent < 2 {
            if absent == 0 {
                self.orphans.ending(async { self.db.drop().await }).await?;
            }
            tokio::time::sleep(STRAGGLERS).await;
            let names = self.db.client().list_database_names().filter(doc! {"name": &self.name}).await?;
            absent = if names.is_empty() { absent + 1 } else { 0 };
        }
        Ok(())
    }
}

/// Whether a server runs under the name of this machine.
fn is_here(status: &Document) -> bool {
    let ours = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let theirs = status.get_str("host").unwrap_or_default();
    theirs.split(':').next() == Some(ours.trim())
}

fn is_forbidden(error: &mongodb::error::Error) -> bool {
    matches!(error.kind.as_ref(), ErrorKind::Command(command) if command.code == FORBIDDEN)
}

/// A number of whichever size the server chose.
fn number(value: Option<&Bson>) -> Option<i64> {
    let value = value?;
    value.as_i64().or_else(|| value.as_i32().map(i64::from))
}
