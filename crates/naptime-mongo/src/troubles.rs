//! What does not go as it should, by indexes that hold nothing else.

use std::collections::BTreeMap;

use async_trait::async_trait;
use futures::{TryStreamExt, future};
use mongodb::bson::{DateTime, Document, doc};
use mongodb::options::Hint;
use naptime_core::{Partition, Pool, PoolSettings, Time, Trouble};
use naptime_store::{Clock, JobQuery, JobSummary, Overdue, Page, PageRef, Result, Troubles};

use crate::command::{self, MAX_TIME};
use crate::document::{date, time, uuid};
use crate::joined::place;
use crate::queue::read_uuid;
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

impl MongoStore {
    /// A page of the endpoints in this trouble that match, those that are so for longest first.
    pub(crate) async fn list_in_trouble(
        &self,
        trouble: Trouble,
        query: &JobQuery,
        page: &PageRef,
    ) -> Result<Page<JobSummary>> {
        let mut filter = doc! {"trouble": trouble.as_str()};
        if let Some(after) = page.after()? {
            let (since, id) = (date(after.at), uuid(after.id));
            filter.insert("trouble_since", doc! {"$gte": since});
            filter.insert(
                "$or",
                vec![doc! {"trouble_since": {"$gt": since}}, doc! {"trouble_since": since, "_id": {"$gt": id}}],
            );
        }
        let mut stages = vec![doc! {"$match": filter}, doc! {"$sort": index()}];
        let wanted = crate::jobs::wanted(query);
        if !wanted.is_empty() {
            // What people wrote is in the other document.
            let found = vec![doc! {"$match": wanted}, doc! {"$project": {"_id": 1}}];
            let lookup =
                doc! {"from": "jobs", "localField": "_id", "foreignField": "_id", "pipeline": found, "as": "job"};
            stages.push(doc! {"$project": {"trouble_since": 1}});
            stages.push(doc! {"$lookup": lookup});
            stages.push(doc! {"$match": {"job": {"$ne": []}}});
        }
        stages.push(doc! {"$limit": page.probe()});
        stages.push(doc! {"$project": {"trouble_since": 1}});
        let due = self.due.clone();
        let find = async move {
            let find = due.aggregate(stages).hint(Hint::Keys(index())).max_time(MAX_TIME);
            find.await?.try_collect::<Vec<Document>>().await
        };
        let found = command::bounded(find).await?;
        let ids = Page::of(found, page, |last| place(last.get_datetime("trouble_since"), read_uuid(last, "_id")))
            .map(|it| read_uuid(&it, "_id").unwrap_or_default().into());
        Ok(self.listed_by_id(ids).await?.map(JobSummary::from))
    }
}
