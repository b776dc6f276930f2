//! What the capacity plan is made from.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::bson::{DateTime, Document, Uuid, doc};
use mongodb::options::Hint;
use naptime_core::{JobId, Partition, Pool, Schedule, Time};
use naptime_store::plan::{DueWork, MOST_LATE, Planning};
use naptime_store::{Clock, Error, Page, PageRef, Result};

use crate::command::{self, MAX_TIME};
use crate::document::{date, time, to_schedule_of};
use crate::joined::by_ids;
use crate::queue::read_uuid;
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
        let due = self.due.clone();
        let find = async move {
            let find = due.find(filter).sort(index()).limit(limit).hint(Hint::Keys(index()));
            find.projection(doc! {"partition": 1, "due": 1, "gate": 1})
                .max_time(MAX_TIME)
                .await?
                .try_collect::<Vec<Document>>()
                .await
        };
        let Page { items, next, prev, unreadable } = Page::of(command::bounded(find).await?, page, cursor_at);
        let due: Vec<(JobId, Time, Option<Pool>)> = items.iter().filter_map(due_at).collect();
        let mut schedules = self.schedules(due.iter().map(|(id, ..)| *id).collect()).await?;
        let work = |(id, due, gate)| Some(DueWork { schedule: schedules.remove(&id)?, due, gate });
        Ok(Page { items: due.into_iter().filter_map(work).collect(), next, prev, unreadable })
    }

    async fn late(&self, by: Duration) -> Result<u64> {
        let partitions: Vec<i32> = Partition::all().map(|partition| i32::from(partition.number())).collect();
        let filter = doc! {
            "gate": "",
            "partition": {"$in": partitions},
            "claim_at": {"$gt": DateTime::from_millis(0), "$lte": date(self.now() - by)},
        };
        let due = self.due.clone();
        let count = async move {
            due.count_documents(filter).hint(Hint::Keys(schema::peek())).limit(MOST_LATE).max_time(MAX_TIME).await
        };
        command::bounded(count).await
    }
}

impl MongoStore {
    async fn schedules(&self, ids: Vec<JobId>) -> Result<HashMap<JobId, Schedule>> {
        let jobs = self.jobs.clone();
        let find = async move {
            let find = jobs.find(by_ids(&ids)).projection(doc! {"schedule": 1}).max_time(MAX_TIME);
            find.await?.try_collect::<Vec<Document>>().await
        };
        Ok(command::bounded(find).await?.into_iter().filter_map(|it| to_schedule_of(it).ok()).collect())
    }
}

fn due_at(document: &Document) -> Option<(JobId, Time, Option<Pool>)> {
    let gate = document.get_str("gate").ok().and_then(|gate| Pool::parse(gate).ok());
    Some((read_uuid(document, "_id")?.into(), time(*document.get_datetime("due").ok()?), gate))
}

fn cursor_at(document: &Document) -> String {
    let partition = document.get_i32("partition").unwrap_or(0);
    format!("{partition}.{}", read_uuid(document, "_id").unwrap_or_default())
}

fn read_cursor(cursor: &str) -> Result<(i32, Uuid)> {
    let (partition, id) = cursor.split_once('.').ok_or(Error::BadCursor)?;
    let id = Uuid::parse_str(id).map_err(|_| Error::BadCursor)?;
    Ok((partition.parse().map_err(|_| Error::BadCursor)?, id))
}
