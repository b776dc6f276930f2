//! The suite of `naptime-store`, on MongoDB. On SQLite it is in that crate, which needs no server.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use naptime_mongo::{MongoStore, Options};
use naptime_store::Store;
use naptime_store::conformance::Backend;
use naptime_tests::mongo::{self, Database};

struct Mongo {
    database: Database,
    clock_offset: Arc<AtomicI64>,
    store: MongoStore,
}

fn open(database: &Database, clock_offset: &Arc<AtomicI64>) -> MongoStore {
    let options = Options { clock_offset: clock_offset.clone(), ..Options::default() };
    // Longer than this machine stands still.
    let uri = format!("{}&serverSelectionTimeoutMS=60000&connectTimeoutMS=60000", database.uri);
    wait(MongoStore::open(&uri, options)).unwrap()
}

/// Waits in place: the compiler cannot see that these futures may be sent to another thread.
fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(future))
}

#[async_trait::async_trait]
impl Backend for Mongo {
    const PARTITIONED: bool = true;
    const PURGES: bool = true;
    const RETENTION: Duration = Duration::from_secs(7 * 24 * 3600);

    async fn fresh() -> Self {
        let database = wait(mongo::fresh_database());
        let clock_offset = Arc::default();
        let store = open(&database, &clock_offset);
        Self { database, clock_offset, store }
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.store.clone())
    }

    async fn another(&self) -> Arc<dyn Store> {
        Arc::new(open(&self.database, &self.clock_offset))
    }

    async fn advance(&self, by: Duration) {
        self.clock_offset.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }

    async fn set_back(&self, by: Duration) {
        self.clock_offset.fetch_sub(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

naptime_store::conformance!(Mongo);
