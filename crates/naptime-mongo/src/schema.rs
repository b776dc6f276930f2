//! Collections, indexes, and what the server must be.

mod split_jobs;
mod steps;

pub(crate) use steps::VERSION;

use mongodb::IndexModel;
use mongodb::bson::{DateTime, Document, doc};
use mongodb::error::ErrorKind;
use mongodb::options::IndexOptions;

use crate::MongoStore;
use crate::open::{OpenError, ask};

/// The server's code for a collection that is there.
const NAMESPACE_EXISTS: i32 = 48;

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

    /// Makes the collections of which the server is to refuse documents, where they are missing.
    pub(crate) async fn make_collections(&self) -> Result<(), OpenError> {
        for (collection, validator) in demanded() {
            let db = self.db.clone();
            let create = async move {
                match db.create_collection(collection).validator(validator).await {
                    Err(error) if !is_there(&error) => Err(error),
                    _ => Ok(()),
                }
            };
            ask(create).await?;
        }
        Ok(())
    }

    pub(crate) async fn make_indexes(&self) -> Result<(), OpenError> {
        for (collection, indexes) in indexes() {
            let collection = self.db.collection::<Document>(collection);
            ask(async move { collection.create_indexes(indexes).await }).await?;
        }
        Ok(())
    }
}

/// What documents must have, by collection, so that programs of earlier versions, which do not write it, cannot add any.
fn demanded() -> [(&'static str, Document); 2] {
    [("jobs", doc! {"shelf": {"$exists": true}}), ("workers", doc! {"schema": {"$exists": true}})]
}

/// Whether an error says that a collection is there.
pub(crate) fn is_there(error: &mongodb::error::Error) -> bool {
    matches!(error.kind.as_ref(), ErrorKind::Command(why) if why.code == NAMESPACE_EXISTS)
}

/// All indexes, by collection. The collections with indexes are those that transactions write to: a collection is not to
/// be made in one.
fn indexes() -> [(&'static str, Vec<IndexModel>); 10] {
    let ever = || doc! {"$gt": DateTime::from_millis(0)};
    let due = vec![
        // The peek reads this index alone, no document. Partial, so that a missing date (which counts as less than any
        // date) is never due; `gate` is "" and not null, which would force the document to be read.
        partial(peek(), doc! {"claim_at": ever()}),
        // The others are of what not all jobs have, or of what no worker changes: every claim and every settle has to
        // look after each.
        partial(crate::gates::by_gate(), doc! {"gate": {"$gt": ""}, "claim_at": ever()}),
        plain(crate::pools::by_pool_and_gate()),
        partial(crate::queued::index(), doc! {"stage": {"$gt": ""}}),
        partial(doc! {"ended_at": 1}, doc! {"ended_at": ever()}),
        partial(crate::queue::by_edits(), doc! {"lock.edits": {"$gt": 0}}),
        partial(crate::sla::index(), doc! {"watch.deadline": ever()}),
        partial(crate::plan::index(), crate::plan::planned()),
        partial(crate::troubles::index(), doc! {"trouble": {"$gt": ""}}),
        // Of endpoints: a call that ends as the one before changes nothing in it.
        partial(crate::list::by_outcome(), crate::list::called()),
    ];
    let jobs = vec![
        plain(crate::list::by_search()),
        plain(crate::list::by_schedule()),
        plain(crate::list::by_pool()),
        plain(crate::list::by_tag()),
        plain(crate::list::by_name()),
        partial(crate::list::by_pause(), doc! {"schedule.pause": {"$exists": true}}),
        partial(crate::list::by_project(), doc! {"applied.project": {"$gt": ""}}),
        plain(doc! {"shelf": 1, "active": 1}),
        plain(crate::deleted::by_deletion()),
        partial(doc! {"deleted_at": 1}, doc! {"deleted_at": ever()}),
        partial(crate::jobs::by_edit(), crate::jobs::recurring()),
        plain(crate::queued::by_text()),
        // Keys of one-off jobs and keys of rules are two spaces.
        unique(doc! {"live_key": 1, "shelf": 1}, doc! {"live_key": {"$type": "string"}}),
    ];
    let tiered = || vec![plain(doc! {"tier": 1, "at": 1})];
    [
        ("load", tiered()),
        ("due", due),
        ("jobs", jobs),
        ("runs", vec![plain(doc! {"job": 1, "started": -1, "_id": -1}), plain(doc! {"finished": 1})]),
        ("answers", vec![plain(doc! {"job": 1, "at": -1}), plain(doc! {"at": 1})]),
        ("pools", vec![partial(doc! {"known": 1}, doc! {"known": true})]),
        ("rules", vec![crate::rules::index()]),
        ("begun_events", vec![crate::begun::index()]),
        ("breaches", vec![plain(doc! {"job": 1, "to": -1, "_id.from": 1}), plain(doc! {"to": -1, "job": -1})]),
        ("sla", tiered()),
    ]
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
