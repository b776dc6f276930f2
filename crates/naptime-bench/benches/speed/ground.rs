//! What the pieces stand on that look at `naptime` themselves: jobs, filled stores, the end of a process.

use std::time::Duration;

use anyhow::Result;
use mongodb::bson::doc;
use naptime_core::{Endpoint, JobId, NewJob, Schedule, Spec};
use naptime_mongo::MongoStore;
use naptime_store::Jobs;
use naptime_tests::Naptime;
use naptime_tests::mongo::{Database, ReplicaSet};
use uuid::Uuid;

/// How many jobs go into a store at once.
const CHUNK: usize = 1_000;
/// How long a process may take to end.
const END: Duration = Duration::from_secs(40);

/// An active job that calls `url` by this schedule.
pub(crate) fn job(url: &str, schedule: impl FnOnce(JobId) -> Schedule) -> Result<NewJob> {
    let id = JobId::from(Uuid::now_v7());
    let endpoint = Endpoint::parse(url).map_err(|invalid| anyhow::anyhow!("{url}: {}", invalid.detail))?;
    let spec = Spec::new(endpoint, schedule(id));
    Ok(NewJob { id, spec, active: true })
}

/// Adds jobs to a store.
pub(crate) async fn fill(store: &impl Jobs, jobs: Vec<NewJob>) -> Result<()> {
    let mut jobs = jobs.into_iter().peekable();
    while jobs.peek().is_some() {
        store.insert(jobs.by_ref().take(CHUNK).collect()).await?;
    }
    Ok(())
}

/// Adds jobs to a database, through a store that is closed again.
pub(crate) async fn fill_mongo(database: &Database, jobs: Vec<NewJob>) -> Result<()> {
    let store = MongoStore::open(&database.uri, naptime_mongo::Options::default()).await?;
    fill(&store, jobs).await
}

/// Removes a database, so that it is no burden to what is measured next.
pub(crate) async fn drop_database(database: &Database) -> Result<()> {
    Ok(database.open().await.drop().await?)
}

/// Ends a process as a platform would.
pub(crate) async fn end(naptime: &Naptime) -> Result<()> {
    naptime.sigterm();
    let status = naptime.wait_exit(END).await;
    anyhow::ensure!(status.success(), "naptime ended with {status}:\n{}", naptime.output());
    Ok(())
}

/// Gives the server the cache that one has of its own accord on a machine with 9 GiB: those of the tests are small.
pub(crate) async fn give_room(mongo: &ReplicaSet) -> Result<()> {
    let admin = mongo.fresh_database().client().await.database("admin");
    let command = doc! {"setParameter": 1, "wiredTigerEngineRuntimeConfig": "cache_size=4GB"};
    admin.run_command(command).await?;
    Ok(())
}
