//! What the capacity plan is made from.

use std::time::Duration;

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::bson::{Bson, DateTime, Document, Uuid, doc};
use mongodb::options::Hint;
use naptime_core::Partition;
use naptime_store::plan::{DueWork, MOST_LATE, Planning};
use naptime_store::{Clock, Error, Page, PageRef, Result};

use crate::command::{self, MAX_TIME};
use crate::document::{date, to_due_work};
use crate::{MongoStore, schema};

/// The index of the jobs that something is due of. Its keys stay as they are through a claim and a settle, so that it
/// costs those nothing; the one-off jobs that are done with, of which there may be many, are not in it.
pub(crate) fn index() -> Document {
    doc! {"partition": 1, "_id": 1}
}

/// The filter of those jobs.
pub(crate) fn planned() -> Document {
    doc! {"due": {"$gt": DateTime::from_millis(0)}}
}

#[async_trait]
impl Planning for MongoStore {
    async fn due_work(&self, page: &PageRef) -> Result<Page<DueWork>> {
        let mut filter = planned();
        if let Some(cursor) = &page.cursor {
            let (partition, id) = read_cursor(cursor)?;
            filter.insert("partition", doc! {"$gte": partition});
            filter.insert("$or", vec![doc! {"partition": {"$gt": partition}}, doc! {"_id": {"$gt": id}}]);
        }
        let limit = page.probe();
        let jobs = self.jobs.clone();
        let find = async move {
            let find = jobs.find(filter).sort(index()).limit(limit).hint(Hint::Keys(index()));
            find.projection(doc! {"partition": 1, "schedule": 1, "due": 1})
                .max_time(MAX_TIME)
                .await?
                .try_collect::<Vec<Document>>()
                .await
        };
        let read = |document| Ok((cursor_at(&document)?, to_due_work(document)?));
        let found = command::bounded(find).await?.into_iter().map(read).collect::<Result<Vec<_>>>()?;
        Ok(Page::of(found, page, |(cursor, _)| cursor.clone()).map(|(_, work)| work))
    }

    async fn late(&self, by: Duration) -> Result<u64> {
        let partitions: Vec<i32> = Partition::all().map(|partition| i32::from(partition.number())).collect();
        let filter = doc! {
            "gate": "",
            "partition": {"$in": partitions},
            "claim_at": {"$gt": DateTime::from_millis(0), "$lte": date(self.now() - by)},
        };
        let jobs = self.jobs.clone();
        let count = async move {
            jobs.count_documents(filter).hint(Hint::Keys(schema::peek())).limit(MOST_LATE).max_time(MAX_TIME).await
        };
        command::bounded(count).await
    }
}

fn cursor_at(document: &Document) -> Result<String> {
    let corrupt = |error: &dyn std::fmt::Display| Error::Corrupt(error.to_string());
    let partition = document.get_i32("partition").map_err(|error| corrupt(&error))?;
    match document.get("_id") {
        Some(Bson::Binary(id)) => Ok(format!("{partition}.{}", id.to_uuid().map_err(|error| corrupt(&error))?)),
        _ => Err(corrupt(&"the id of a job is not a UUID")),
    }
}

fn read_cursor(cursor: &str) -> Result<(i32, Uuid)> {
    let (partition, id) = cursor.split_once('.').ok_or(Error::BadCursor)?;
    let id = Uuid::parse_str(id).map_err(|_| Error::BadCursor)?;
    Ok((partition.parse().map_err(|_| Error::BadCursor)?, id))
}
