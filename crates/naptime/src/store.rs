//! The one place that tells one backend from another.

use std::sync::Arc;

use naptime_mongo::MongoStore;
use naptime_sqlite::{SqliteStore, WorkerLock};
use naptime_store::{Error, Store};

use crate::settings::{Backend, StoreSettings};

/// The store cannot be opened. The text is for the person who started the program.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct CannotOpen(String);

/// A store, and the right to work on it.
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn Store>,
    /// Held for as long as this process works on an embedded file.
    _lock: Option<WorkerLock>,
}

/// Opens the store. Of the processes that `work` on one file there may be only one.
pub(crate) async fn open(settings: &StoreSettings, work: bool) -> Result<Opened, CannotOpen> {
    let retention = settings.retention;
    match &settings.backend {
        Backend::Mongo(uri) => {
            let options = naptime_mongo::Options { retention, ..Default::default() };
            let store = MongoStore::open(uri, options).await;
            let store = store.map_err(|error| match error {
                Error::Unavailable(why) => CannotOpen(format!("cannot open MongoDB (MONGODB_URI): {why}")),
                other => CannotOpen(format!("cannot open MongoDB (MONGODB_URI): {other}")),
            })?;
            Ok(Opened { store: Arc::new(store), _lock: None })
        }
        Backend::File(path) => {
            let options = naptime_sqlite::Options { retention, ..Default::default() };
            let store = SqliteStore::open(path, options).map_err(|error| CannotOpen(error.to_string()))?;
            let lock = match work {
                true => Some(store.lock_for_worker().await.map_err(|error| CannotOpen(error.to_string()))?),
                false => None,
            };
            Ok(Opened { store: Arc::new(store), _lock: lock })
        }
    }
}
