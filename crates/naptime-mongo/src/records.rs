//! Records as documents. What they say is a text: no field of it is asked for here, and what a later version adds stays.

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::bson::{Document, doc};
use naptime_core::Rev;
use naptime_store::Result;
use naptime_store::records::{MAX_RECORDS, Record, Records};
use serde::Deserialize;
use serde_json::Value;

use crate::MongoStore;
use crate::command::{self, MAX_TIME};
use crate::document::read;
use crate::rules::is_duplicate;

#[derive(Deserialize)]
struct RecordDocument {
    _id: String,
    rev: Rev,
    value: String,
}

#[async_trait]
impl Records for MongoStore {
    async fn records(&self) -> Result<Vec<Record>> {
        let (records, limit) = (self.records.clone(), i64::try_from(MAX_RECORDS).unwrap_or(i64::MAX));
        let find = async move {
            let find = records.find(doc! {}).sort(doc! {"_id": 1}).limit(limit).max_time(MAX_TIME);
            find.await?.try_collect::<Vec<Document>>().await
        };
        Ok(command::bounded(find).await?.into_iter().filter_map(to_record).collect())
    }

    async fn put_record(&self, id: &str, expect: Option<Rev>, value: Value) -> Result<Option<Rev>> {
        let (records, rev) = (self.records.clone(), Rev(expect.map_or(1, |rev| rev.0 + 1)));
        let document = doc! {"_id": id, "rev": rev.0, "value": value.to_string()};
        let filter = expect.map(|rev| doc! {"_id": id, "rev": rev.0});
        let put = async move {
            match filter {
                Some(filter) => Ok(records.replace_one(filter, document).await?.matched_count > 0),
                None => match records.insert_one(document).await {
                    Ok(_) => Ok(true),
                    Err(error) if is_duplicate(&error) => Ok(false),
                    Err(error) => Err(error),
                },
            }
        };
        Ok(command::bounded(put).await?.then_some(rev))
    }

    async fn remove_record(&self, id: &str, expect: Rev) -> Result<bool> {
        let (records, filter) = (self.records.clone(), doc! {"_id": id, "rev": expect.0});
        Ok(command::bounded(async move { records.delete_one(filter).await }).await?.deleted_count > 0)
    }
}

/// A record as its document.
pub(crate) fn from_record(record: &Record) -> Document {
    doc! {"_id": &record.id, "rev": record.rev.0, "value": record.value.to_string()}
}

/// A record, whose value is null if it is no JSON. What has no id and revision is none.
fn to_record(document: Document) -> Option<Record> {
    let RecordDocument { _id: id, rev, value } = read(document).ok()?;
    Some(Record { id, rev, value: serde_json::from_str(&value).unwrap_or_default() })
}
