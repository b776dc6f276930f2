//! Indexes, and what the server must be.

use mongodb::IndexModel;
use mongodb::bson::{Bson, DateTime, Document, bson, doc};
use mongodb::error::ErrorKind;
use mongodb::options::IndexOptions;

use crate::MongoStore;
use crate::open::{OpenError, ask};

impl MongoStore {
    /// A write to a lone server is acknowledged before it is safe, and not repeated by the driver.
    pub(crate) async fn check_replica_set(&self) -> Result<(), OpenError> {
        let db = self.db.clone();
        let hello = ask(async move { db.run_command(doc! {"hello": 1}).await }).await?;
        let sharded = hello.get_str("msg").is_ok_and(|msg| msg == "isdbgrid");
        if hello.contains_key("setName") || sharded {
            return Ok(());
        }
        Err(OpenError::NoReplicaSet { server: self.server_name().await })
    }

    pub(crate) async fn make_indexes(&self) -> Result<(), OpenError> {
        // The peek reads this index alone, no document. Partial, so that a missing date (which counts as less than any
        // date) is never due; `gate` is "" and not null, which would force the document to be read.
        let peek = partial(peek(), doc! {"claim_at": {"$gt": DateTime::from_millis(0)}});
        // Lists of endpoints: in the order of `search`, with what they filter by in the index.
        let list = partial(doc! {"search": 1, "_id": 1, "active": 1}, endpoints());
        let pool = partial(doc! {"pool": 1, "search": 1, "_id": 1, "active": 1}, endpoints());
        let tag = partial(doc! {"tags": 1, "search": 1, "_id": 1, "active": 1}, endpoints());
        let deleted = partial(doc! {"deleted_at": 1}, doc! {"deleted_at": {"$gt": DateTime::from_millis(0)}});
        let count = plain(doc! {"active": 1, "stage": 1});
        let jobs = self.jobs.clone();
        ask(async move { jobs.create_indexes([peek, list, pool, tag, deleted, count]).await }).await?;
        self.make_later_indexes().await?;
        self.make_pool_indexes().await?;
        let runs = self.runs.clone();
        let of_a_job = plain(doc! {"job": 1, "started": -1, "_id": -1});
        let by_age = plain(doc! {"finished": 1});
        ask(async move { runs.create_indexes([of_a_job, by_age]).await }).await?;
        let load = self.load.clone();
        ask(async move { load.create_index(plain(doc! {"tier": 1, "at": 1})).await }).await?;
        let rules = self.rules.clone();
        ask(async move { rules.create_index(crate::rules::index()).await }).await?;
        let begun = self.begun_events.clone();
        ask(async move { begun.create_index(crate::begun::index()).await }).await?;
        self.make_sla_indexes().await
    }

    /// Indexes of what not every job has: to the others they cost nothing.
    async fn make_later_indexes(&self) -> Result<(), OpenError> {
        // Keys of one-off jobs and keys of rules are two spaces.
        let key_once = unique(key_once(), keyed(true));
        let key_recurring = unique(key_recurring(), keyed(false));
        // The queue is filtered in the index, too.
        let stage = partial(crate::queued::index(), doc! {"stage": {"$gt": ""}});
        // The deleted endpoints, without the one-off jobs, of which there may be many.
        let deleted = partial(
            doc! {"deleted_at": -1, "_id": -1},
            doc! {"deleted_at": {"$gt": DateTime::from_millis(0)}, "stage": null},
        );
        let ended = partial(doc! {"ended_at": 1}, doc! {"ended_at": {"$gt": DateTime::from_millis(0)}});
        let deadline = partial(crate::sla::index(), doc! {"watch.deadline": {"$gt": DateTime::from_millis(0)}});
        let planned = partial(crate::plan::index(), crate::plan::planned());
        let all = [key_once, key_recurring, stage, deleted, ended, deadline, planned];
        let jobs = self.jobs.clone();
        ask(async move { jobs.create_indexes(all).await }).await?;
        self.drop_index_of_all_keys().await
    }

    /// Drops the index by which, until the version before, no two jobs of any kind could have the same key.
    async fn drop_index_of_all_keys(&self) -> Result<(), OpenError> {
        const INDEX_NOT_FOUND: i32 = 27;
        let jobs = self.jobs.clone();
        let drop = async move {
            match jobs.drop_index("key_1").await {
                Err(error) if matches!(error.kind.as_ref(), ErrorKind::Command(why) if why.code == INDEX_NOT_FOUND) => {
                    Ok(())
                }
                dropped => dropped,
            }
        };
        ask(drop).await
    }
}

/// The filter of the jobs that have a key and are not deleted: one-off jobs, or recurring ones.
pub(crate) fn keyed(once: bool) -> Document {
    let stage = if once { bson!({"$gt": ""}) } else { Bson::Null };
    doc! {"key": {"$type": "string"}, "deleted_at": null, "stage": stage}
}

/// The keys of the index that finds a one-off job by its key.
pub(crate) fn key_once() -> Document {
    doc! {"key": 1, "deleted_at": 1}
}

/// The keys of the index that finds a recurring job by its key.
pub(crate) fn key_recurring() -> Document {
    doc! {"key": 1, "stage": 1}
}

/// The filter of the jobs that lists of endpoints show: those that recur and are not deleted.
pub(crate) fn endpoints() -> Document {
    doc! {"deleted_at": null, "stage": null}
}

/// The keys of the index that a claim finds its candidates in.
pub(crate) fn peek() -> Document {
    doc! {"gate": 1, "partition": 1, "claim_at": 1, "_id": 1, "size": 1, "pool": 1}
}

pub(crate) fn plain(keys: Document) -> IndexModel {
    IndexModel::builder().keys(keys).build()
}

fn unique(keys: Document, filter: Document) -> IndexModel {
    let options = IndexOptions::builder().unique(true).partial_filter_expression(filter).build();
    IndexModel::builder().keys(keys).options(options).build()
}

pub(crate) fn partial(keys: Document, filter: Document) -> IndexModel {
    let options = IndexOptions::builder().partial_filter_expression(filter).build();
    IndexModel::builder().keys(keys).options(options).build()
}
