//! What does not go as it should, by indexes that hold nothing else.

use std::collections::BTreeMap;

use async_trait::async_trait;
use futures::{TryStreamExt, future};
use mongodb::bson::{DateTime, Document, doc};
use mongodb::options::Hint;
use naptime_core::{Partition, Pool, PoolSettings, Time, Trouble};
use naptime_store::{Clock, Overdue, Result, Troubles};

use crate::command::{self, MAX_TIME};
use crate::document::{date, time};
use crate::{MongoStore, schema};

/// The index of the endpoints in trouble.
pub(crate) fn index() -> Document {
    doc! {"trouble": 1, "trouble_since": 1, "_id": 1}
}

#[async_trait]
impl Troubles for MongoStore {
    async fn troubles(&self) -> Result<BTreeMap<Trouble, u64>> {
        let count = |trouble: Trouble| async move {
            let query = doc! {"trouble": trouble.as_str()};
            let reply = command::run(&self.db, doc! {"count": "due", "query": query, "hint": index()}).await?;
            Ok((trouble, command::number(reply.get("n"))))
        };
        Ok(future::try_join_all(Trouble::ALL.map(count)).await?.into_iter().collect())
    }

    async fn overdue(&self, by: std::time::Duration, most: usize) -> Result<Vec<Overdue>> {
        let partitions: Vec<i32> = Partition::all().map(|partition| i32::from(partition.number())).collect();
        let filter = doc! {
            "gate": "",
            "partition": {"$in": partitions},
            "claim_at": {"$gt": DateTime::from_millis(0), "$lte": date(self.now() - by)},
        };
        let stages = vec![
            doc! {"$match": filter},
            doc! {"$limit": i64::try_from(most).unwrap_or(i64::MAX)},
            doc! {"$group": {"_id": "$pool", "jobs": {"$sum": 1}, "since": {"$min": "$claim_at"}}},
        ];
        let due = self.due.clone();
        let find = async move {
            let find = due.aggregate(stages).hint(Hint::Keys(schema::peek())).max_time(MAX_TIME);
            find.await?.try_collect::<Vec<Document>>().await
        };
        let read = |it: &Document| {
            let pool = Pool::parse(it.get_str("_id").ok()?).ok()?;
            Some(Overdue { pool, jobs: command::number(it.get("jobs")), since: time(*it.get_datetime("since").ok()?) })
        };
        Ok(command::bounded(find).await?.iter().filter_map(read).collect())
    }

    async fn waiting(&self) -> Result<Vec<(PoolSettings, Time)>> {
        naptime_store::troubles::waiting(self).await
    }
}
