//! Whether the database takes writes.

use async_trait::async_trait;
use mongodb::bson::doc;
use naptime_core::Check;
use naptime_store::{Probe, Result};

use crate::MongoStore;
use crate::command::{self, Update};

#[async_trait]
impl Probe for MongoStore {
    async fn probe(&self) -> Result<()> {
        let write = Update::upsert(doc! {"_id": "probe"}, doc! {"at": "$$NOW"});
        command::update(&self.db, "probe", vec![write]).await.map(drop)
    }

    async fn examine(&self) -> Vec<Check> {
        self.look_at_all().await
    }
}
