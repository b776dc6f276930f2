//! Jobs that are kept no longer: both documents of each.

use futures::{FutureExt, TryStreamExt};
use mongodb::Collection;
use mongodb::bson::{Bson, DateTime, Document, doc};
use mongodb::options::Hint;
use naptime_core::Stage;
use naptime_store::Result;

use crate::MongoStore;
use crate::command::{self, MAX_TIME};

/// The most jobs removed at once.
const STEP: i64 = 1_000;

impl MongoStore {
    /// Removes the jobs that were deleted before then, and the one-off jobs that ended before then. One that is still held
    /// stays until whoever holds it, or finds it lost, has set it free.
    pub(crate) async fn purge_jobs(&self, old: DateTime) -> Result<()> {
        let past = doc! {"$gt": DateTime::from_millis(0), "$lt": old};
        let deleted = doc! {"deleted_at": &past};
        self.purge_found(&self.jobs, "deleted_at", deleted.clone(), (deleted, doc! {"lock": null})).await?;
        let ended = doc! {"ended_at": past, "stage": {"$in": [Stage::Done.as_str(), Stage::Failed.as_str()]}};
        self.purge_found(&self.due, "ended_at", ended.clone(), (Document::new(), ended)).await
    }

    /// Removes the jobs that `filter` finds in one of the collections, by the index of this field, as far as `still` finds
    /// them in both when it comes to it: somebody may restore or repeat one meanwhile.
    async fn purge_found(
        &self,
        from: &Collection<Document>,
        field: &str,
        filter: Document,
        still: (Document, Document),
    ) -> Result<()> {
        loop {
            let (from, filter) = (from.clone(), filter.clone());
            let oldest = doc! {field: 1};
            let find = async move {
                let find = from.find(filter).hint(Hint::Keys(oldest.clone())).sort(oldest).limit(STEP);
                let find = find.projection(doc! {"_id": 1}).max_time(MAX_TIME);
                find.await?.try_collect::<Vec<Document>>().await
            };
            let found = command::bounded(find).await?;
            let ids: Vec<Bson> = found.iter().filter_map(|it| it.get("_id").cloned()).collect();
            // What cannot be removed yet is for the next time.
            if ids.is_empty() || self.remove_jobs(ids, still.clone()).await? == 0 {
                return Ok(());
            }
        }
    }

    /// Returns how many were removed.
    async fn remove_jobs(&self, ids: Vec<Bson>, still: (Document, Document)) -> Result<u64> {
        let db = self.db.clone();
        let remove = async move {
            let mut session = db.client().start_session().await?;
            let context = (db, ids, still);
            let transaction = session.start_transaction().and_run(context, |session, (db, ids, still)| {
                async move {
                    let (jobs, due) = (db.collection::<Document>("jobs"), db.collection::<Document>("due"));
                    let among = |filter: &Document, ids: &[Bson]| {
                        let mut filter = filter.clone();
                        filter.insert("_id", doc! {"$in": ids});
                        filter
                    };
                    let mut removable = Vec::new();
                    let find = due.find(among(&still.1, ids)).projection(doc! {"_id": 1});
                    let mut found = find.session(&mut *session).await?;
                    while let Some(it) = found.stream(&mut *session).try_next().await? {
                        removable.extend(it.get("_id").cloned());
                    }
                    let mut both = Vec::new();
                    let find = jobs.find(among(&still.0, &removable)).projection(doc! {"_id": 1});
                    let mut found = find.session(&mut *session).await?;
                    while let Some(it) = found.stream(&mut *session).try_next().await? {
                        both.extend(it.get("_id").cloned());
                    }
                    let by_id = Hint::Keys(doc! {"_id": 1});
                    due.delete_many(among(&still.1, &both)).hint(by_id.clone()).session(&mut *session).await?;
                    let removed = jobs.delete_many(among(&still.0, &both)).hint(by_id).session(&mut *session).await?;
                    Ok(removed.deleted_count)
                }
                .boxed()
            });
            transaction.await
        };
        command::bounded(remove).await
    }
}
