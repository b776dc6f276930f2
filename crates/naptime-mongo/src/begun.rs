//! Events that were begun and not ended: those that came again, as their worker may have died over them.

use mongodb::IndexModel;
use mongodb::bson::{Document, doc};
use mongodb::options::{IndexOptions, ReturnDocument};
use naptime_store::rules::BEGUN_KEPT;
use naptime_store::{Error, Result};
use uuid::Uuid;

use crate::document::uuid;
use crate::pipeline::cond;
use crate::{MongoStore, command};

/// The index by which the server forgets what nobody ends.
pub(crate) fn index() -> IndexModel {
    let options = IndexOptions::builder().expire_after(BEGUN_KEPT).build();
    IndexModel::builder().keys(doc! {"at": 1}).options(options).build()
}

impl MongoStore {
    /// Returns how many consumers have begun with the event since it was last ended.
    pub(crate) async fn note_begun(&self, event: &str, consumer: Uuid) -> Result<u32> {
        let is_same = doc! {"$eq": ["$consumer", uuid(consumer)]};
        let before = doc! {"$ifNull": ["$consumers", 0]};
        let consumers = cond(is_same, "$consumers", doc! {"$add": [before, 1]});
        let set = doc! {"consumers": consumers, "consumer": uuid(consumer), "at": "$$NOW"};
        let (begun, by_event) = (self.begun_events.clone(), doc! {"_id": event});
        let update = async move {
            let update = begun.find_one_and_update(by_event, vec![doc! {"$set": set}]);
            update.upsert(true).return_document(ReturnDocument::After).await
        };
        let begun: Option<Document> = command::bounded(update).await?;
        let consumers = begun.and_then(|begun| begun.get_i32("consumers").ok());
        consumers
            .and_then(|count| u32::try_from(count).ok())
            .ok_or_else(|| Error::Corrupt("an event begun has no count".to_owned()))
    }

    pub(crate) async fn note_ended(&self, event: &str) -> Result<()> {
        let (begun, by_event) = (self.begun_events.clone(), doc! {"_id": event});
        command::bounded(async move { begun.delete_one(by_event).await }).await.map(drop)
    }
}
