//! The suite of `naptime-store`, on SQLite.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use naptime_sqlite::{Options, SqliteStore};
use naptime_store::Store;
use naptime_store::conformance::Backend;

/// A file of its own, in a folder that goes with it.
struct Sqlite {
    folder: tempfile::TempDir,
    clock_offset: Arc<AtomicI64>,
    store: SqliteStore,
}

fn open(folder: &tempfile::TempDir, clock_offset: &Arc<AtomicI64>) -> SqliteStore {
    let options = Options { clock_offset: Arc::clone(clock_offset), ..Options::default() };
    SqliteStore::open(folder.path().join("naptime.db"), options).expect("a store")
}

#[async_trait::async_trait]
impl Backend for Sqlite {
    const PARTITIONED: bool = false;
    const PURGES: bool = true;
    const RETENTION: Duration = Duration::from_secs(7 * 24 * 3600);

    async fn fresh() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock_offset = Arc::default();
        Self { store: open(&folder, &clock_offset), folder, clock_offset }
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.store.clone())
    }

    async fn another(&self) -> Arc<dyn Store> {
        Arc::new(open(&self.folder, &self.clock_offset))
    }

    async fn advance(&self, by: Duration) {
        self.clock_offset.fetch_add(i64::try_from(by.as_millis()).expect("small"), Ordering::SeqCst);
    }

    async fn set_back(&self, by: Duration) {
        self.clock_offset.fetch_sub(i64::try_from(by.as_millis()).expect("small"), Ordering::SeqCst);
    }
}

naptime_store::conformance!(Sqlite);
