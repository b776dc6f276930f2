//! What tests of moves and backups stand on.

use std::path::PathBuf;
use std::time::Duration;

use naptime_core::{Endpoint, JobId, NewJob, Schedule, Spec};
use naptime_sqlite::{Options, SqliteStore};
use naptime_store::Clock;
use uuid::Uuid;

/// A database file of its own.
pub(crate) struct File {
    path: PathBuf,
    pub(crate) store: SqliteStore,
}

impl File {
    pub(crate) fn fresh() -> Self {
        let path = std::env::temp_dir().join(format!("naptime-test-{}.db", Uuid::new_v4()));
        let store = SqliteStore::open(&path, Options::default()).expect("a store");
        Self { path, store }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm", ".lock"] {
            let mut path = self.path.clone().into_os_string();
            path.push(suffix);
            let _ = std::fs::remove_file(path);
        }
    }
}

/// A one-off job of this key, an hour ahead.
pub(crate) fn keyed(store: &SqliteStore, key: &str) -> NewJob {
    let at = store.now() + Duration::from_secs(3600);
    let mut spec = Spec::new(Endpoint::parse("http://target.test/").expect("a URL"), Schedule::Once { at });
    spec.key = Some(key.to_owned());
    NewJob { id: JobId::from(Uuid::now_v7()), spec, active: true }
}
