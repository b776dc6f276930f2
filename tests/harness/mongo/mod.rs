//! A real MongoDB: one replica set shared by the tests of a process, sets of their own for failover tests,
//! and a server on its own.

mod alone;
mod database;
mod member;
mod replica_set;

use tokio::sync::OnceCell;

pub use alone::Alone;
pub use database::Database;
pub use replica_set::ReplicaSet;

static SHARED: OnceCell<ReplicaSet> = OnceCell::const_new();

/// The single-node replica set that all tests of this process share, started when first asked for. Not to be killed
/// or paused: a test that wants to do that starts its own.
pub async fn shared() -> &'static ReplicaSet {
    SHARED.get_or_init(|| ReplicaSet::start(1)).await
}

/// An empty database of one's own on the shared server.
pub async fn fresh_database() -> Database {
    shared().await.fresh_database()
}
