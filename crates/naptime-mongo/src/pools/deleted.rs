//! How a pool is deleted.
//!
//! Its document stays for as long as adding a job may take, as one without limits that is in no list: a job that was
//! added meanwhile finds no gate that nobody opens. A job that joins it brings it back.

use mongodb::Collection;
use mongodb::bson::{Document, doc};
use mongodb::options::Hint;
use naptime_core::{Pool, Rev, Stage};
use naptime_store::{Clock, Error, Result};

use super::document::{new_document, of_rev};
use super::gates::{REGATED, by_pool_and_gate};
use crate::MongoStore;
use crate::command::{self, MAX_TIME, Update};
use crate::document::{Shelf, date};
use crate::list::by_pool;

impl MongoStore {
    /// Fails if there is a job of this pool that is neither deleted nor over.
    pub(super) async fn check_unused(&self, pool: &Pool) -> Result<()> {
        let count = |from: &Collection<Document>, filter: Document, index: Document| {
            let from = from.clone();
            command::bounded(
                async move { from.count_documents(filter).hint(Hint::Keys(index)).max_time(MAX_TIME).await },
            )
        };
        let recurring = doc! {"pool": pool.as_str(), "shelf": Shelf::Endpoints.as_str()};
        let not_over = doc! {"$gt": "", "$ne": Stage::Cancelled.as_str()};
        let once = doc! {"pool": pool.as_str(), "stage": not_over, "ended_at": null};
        let (endpoints, once) =
            tokio::try_join!(count(&self.jobs, recurring, by_pool()), count(&self.due, once, by_pool_and_gate()))?;
        match (endpoints, once) {
            (0, 0) => Ok(()),
            (endpoints, once) => Err(Error::PoolInUse { endpoints, once }),
        }
    }

    /// Puts a plain, hidden document in the place of the pool's of this revision, and returns that.
    pub(super) async fn mark_deleted(&self, pool: &Pool, rev: Rev) -> Result<Option<Document>> {
        let now = self.now();
        let mut hidden = new_document(pool.as_str(), date(now));
        hidden.extend(doc! {"deleted": true, "known": true, "regate_until": date(now + REGATED)});
        let (pools, filter) = (self.pools.clone(), of_rev(pool, rev));
        command::bounded(async move { pools.find_one_and_replace(filter, hidden).max_time(MAX_TIME).await }).await
    }

    /// Puts the document back that was there. Returns whether it did: a job that joined may have brought the pool back.
    pub(super) async fn undo_delete(&self, pool: &Pool, mut before: Document) -> Result<bool> {
        before.extend(doc! {"known": true, "regate_until": date(self.now() + REGATED)});
        let gate = before.get_str("gate").unwrap_or_default().to_owned();
        let (pools, filter) = (self.pools.clone(), doc! {"_id": pool.as_str(), "deleted": true});
        let undo = async move { pools.find_one_and_replace(filter, before).max_time(MAX_TIME).await };
        let undone = command::bounded(undo).await?.is_some();
        if undone {
            self.regate(pool.as_str(), &gate).await?;
        }
        Ok(undone)
    }

    /// Brings deleted pools back, as new ones.
    pub(super) async fn revive(&self, pools: &[&str]) -> Result<()> {
        let filter = doc! {"_id": {"$in": pools}, "deleted": true};
        let set = doc! {"deleted": false, "updated_at": date(self.now())};
        command::update(&self.db, "pools", vec![Update::many(filter, set)]).await.map(drop)
    }

    /// Removes the document of a deleted pool, or brings the pool back, if it has a job after all.
    pub(super) async fn bury(&self, pool: &str) -> Result<()> {
        let parsed = Pool::parse(pool).map_err(|error| Error::Corrupt(error.to_string()))?;
        match self.check_unused(&parsed).await {
            Ok(()) => command::remove(&self.db, "pools", doc! {"_id": pool, "deleted": true}).await,
            Err(Error::PoolInUse { .. }) => self.revive(&[pool]).await,
            Err(error) => Err(error),
        }
    }
}
