//! The one place that tells one backend from another.

use std::sync::Arc;

use naptime_mongo::MongoStore;
use naptime_sqlite::{SqliteStore, WorkerLock};
use naptime_store::Store;

use crate::settings::{Backend, StoreSettings};

/// The store cannot be opened. The text is for the person who started the program.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CannotOpen {
    #[error("cannot open MongoDB (MONGODB_URI): {0}")]
    Mongo(naptime_mongo::OpenError),
    #[error(transparent)]
    File(#[from] naptime_sqlite::OpenError),
    #[error(transparent)]
    Locked(#[from] naptime_sqlite::LockError),
}

impl CannotOpen {
    /// Whether the same may succeed later, without anybody changing a setting.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Mongo(error) => error.may_pass(),
            Self::File(_) | Self::Locked(_) => false,
        }
    }
}

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
            let environment = settings.environment.clone();
            let options = naptime_mongo::Options { retention, environment, ..Default::default() };
            let store = MongoStore::connect(uri, options).await.map_err(CannotOpen::Mongo)?;
            Ok(Opened { store: Arc::new(store), _lock: None })
        }
        Backend::File(path) => {
            let options = naptime_sqlite::Options { retention, ..Default::default() };
            let store = SqliteStore::open(path, options)?;
            let lock = match work {
                true => Some(store.lock_for_worker().await?),
                false => None,
            };
            Ok(Opened { store: Arc::new(store), _lock: lock })
        }
    }
}
