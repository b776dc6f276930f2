//! The one place that tells one backend from another.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use naptime_mongo::MongoStore;
use naptime_sqlite::{SqliteStore, WorkerLock};
use naptime_store::moving::{Contents, Filling};
use naptime_store::{Clock, History, Moves, Store};

/// Which store.
#[derive(Clone)]
pub struct StoreSettings {
    /// Where it is.
    pub backend: Backend,
    /// How long runs, breaches, jobs that are done and deleted endpoints are kept (`NAPTIME_RETENTION`).
    pub retention: Duration,
    /// `NAPTIME_ENV`, or the name that a platform gives all processes of an app. An embedded file remembers none: it
    /// stays on its machine.
    pub environment: Option<String>,
}

/// Where a store is.
#[derive(Clone)]
pub enum Backend {
    /// A MongoDB, by its URI (`MONGODB_URI`).
    Mongo(String),
    /// An embedded file (`NAPTIME_DB`).
    File(PathBuf),
}

impl Backend {
    /// For people: without credentials.
    pub fn shown(&self) -> String {
        match self {
            Self::Mongo(uri) => naptime_mongo::shown(uri),
            Self::File(path) => path.display().to_string(),
        }
    }
}

/// The store cannot be opened. The text is for the person who started the program.
#[derive(Debug, thiserror::Error)]
pub enum CannotOpen {
    /// The MongoDB that is worked on.
    #[error("cannot open MongoDB (MONGODB_URI): {0}")]
    Mongo(naptime_mongo::OpenError),
    /// The MongoDB that everything is moved to.
    #[error("cannot open MongoDB (--to): {0}")]
    Target(naptime_mongo::OpenError),
    /// The embedded file.
    #[error(transparent)]
    File(#[from] naptime_sqlite::OpenError),
    /// Another process works on the file, or moves it.
    #[error(transparent)]
    Locked(#[from] naptime_sqlite::LockError),
}

impl CannotOpen {
    /// Whether the same may succeed later, without anybody changing a setting.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Mongo(error) | Self::Target(error) => error.may_pass(),
            Self::File(_) | Self::Locked(_) => false,
        }
    }
}

/// A store, and the right to work on it.
pub struct Opened {
    /// The store.
    pub store: Arc<dyn Store>,
    /// Held for as long as this process works on an embedded file.
    _lock: Option<WorkerLock>,
}

/// A store that all of it is read from, or put into.
pub trait Whole: Contents + Filling + Moves + History + Clock {}
impl<T: Contents + Filling + Moves + History + Clock> Whole for T {}

/// Opens the store. Of the processes that `work` on one file there may be only one.
///
/// # Errors
/// If it is not there, is not as a store must be, or another process works on its file.
pub async fn open(settings: &StoreSettings, work: bool) -> Result<Opened, CannotOpen> {
    match &settings.backend {
        Backend::Mongo(uri) => Ok(Opened { store: Arc::new(open_mongo(settings, uri).await?), _lock: None }),
        Backend::File(path) => {
            let store = open_file(settings, path)?;
            let lock = match work {
                true => Some(store.lock_for_worker().await?),
                false => None,
            };
            Ok(Opened { store: Arc::new(store), _lock: lock })
        }
    }
}

/// Opens the store for a backup. One of an earlier version is upgraded, as by [`open`].
///
/// # Errors
/// As [`open`].
pub async fn open_whole(settings: &StoreSettings) -> Result<Box<dyn Whole>, CannotOpen> {
    Ok(match &settings.backend {
        Backend::Mongo(uri) => Box::new(open_mongo(settings, uri).await?),
        Backend::File(path) => Box::new(open_file(settings, path)?),
    })
}

async fn open_mongo(settings: &StoreSettings, uri: &str) -> Result<MongoStore, CannotOpen> {
    let (retention, environment) = (settings.retention, settings.environment.clone());
    let options = naptime_mongo::Options { retention, environment, ..Default::default() };
    MongoStore::connect(uri, options).await.map_err(CannotOpen::Mongo)
}

fn open_file(settings: &StoreSettings, path: &Path) -> Result<SqliteStore, CannotOpen> {
    let options = naptime_sqlite::Options { retention: settings.retention, ..Default::default() };
    Ok(SqliteStore::open(path, options)?)
}
