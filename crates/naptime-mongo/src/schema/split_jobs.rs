//! Step 1: due work moves from `jobs`, where it was together with the configuration, to `due`.
//!
//! Workers and webs of the version before may still be running. Before anything is moved they are kept from claiming and
//! from adding jobs; what they hold they may settle until it is moved, and afterwards their settles find nothing. Then the
//! run is recorded, and whoever takes the job next settles from that.

use futures::{FutureExt, TryStreamExt};
use mongodb::IndexModel;
use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};
use mongodb::error::ErrorKind;
use mongodb::options::Hint;
use naptime_store::{Error, Refusal};

use super::steps::LONGEST;
use crate::MongoStore;
use crate::command;
use crate::document::{from_config, from_due, to_config, to_due};
use crate::open::{OpenError, ask};

/// The most jobs moved by one transaction.
const STEP: i64 = 100;
/// The server's code for an index that is not there.
const INDEX_NOT_FOUND: i32 = 27;

impl MongoStore {
    pub(super) async fn split_jobs(&self) -> Result<(), OpenError> {
        self.keep_earlier_versions_out().await?;
        let mut after = Bson::MinKey;
        while let Some(last) = self.split_some(after).await? {
            after = last;
        }
        Ok(())
    }

    /// Has the server refuse what programs of the version before do. A job of theirs is not added, since it has no
    /// `shelf`. A worker of theirs does not count as living, since its heartbeat has no `schema`, and finds nothing to
    /// claim: in place of the index of its claims there is one of the same keys in which nothing is. That one keeps them
    /// from starting, too.
    async fn keep_earlier_versions_out(&self) -> Result<(), OpenError> {
        self.demand_of_older_collections().await?;
        command::remove(&self.db, "workers", doc! {"schema": {"$exists": false}}).await?;
        let jobs = self.jobs.clone();
        let there = ask(async move { jobs.list_indexes().await?.try_collect::<Vec<IndexModel>>().await }).await?;
        for index in there.iter().filter(|index| is_obsolete(index)) {
            let (jobs, keys) = (self.jobs.clone(), index.keys.clone());
            let drop = async move {
                match jobs.drop_index(name(&keys)).await {
                    // Another process takes this step, too.
                    Err(error) if matches!(error.kind.as_ref(), ErrorKind::Command(why) if why.code == INDEX_NOT_FOUND) => {
                        Ok(())
                    }
                    dropped => dropped,
                }
            };
            ask(drop).await?;
        }
        let jobs = self.jobs.clone();
        // It looks at all jobs once.
        command::attempt(LONGEST, async move { jobs.create_index(keeper()).await.map(drop) }).await?;
        Ok(())
    }

    /// Has the server refuse documents that programs of this version do not write. Collections made by this version do
    /// from the start: only for those of the version before does this need a right beyond reading and writing.
    async fn demand_of_older_collections(&self) -> Result<(), OpenError> {
        let db = self.db.clone();
        let there = ask(async move { db.list_collections().await?.try_collect::<Vec<_>>().await }).await?;
        for (collection, validator) in super::demanded() {
            if there.iter().any(|it| it.name == collection && it.options.validator.as_ref() == Some(&validator)) {
                continue;
            }
            // What does not meet it already may still be written.
            let demand = doc! {"collMod": collection, "validator": validator, "validationLevel": "moderate"};
            let db = self.db.clone();
            ask(async move { db.run_command(demand).await }).await.map_err(|error| match error {
                OpenError::Store(Error::Refused { refusal: Refusal::NotAllowed, .. }) => {
                    OpenError::NotAllowedToUpgrade { database: self.db.name().to_owned() }
                }
                other => other,
            })?;
        }
        Ok(())
    }

    /// Moves the due work of the next jobs. Returns the last of them; none if there are no more.
    async fn split_some(&self, after: Bson) -> Result<Option<Bson>, OpenError> {
        let jobs = self.jobs.clone();
        let find = async move {
            let find = jobs.find(doc! {"_id": {"$gt": after}, "partition": {"$exists": true}}).sort(doc! {"_id": 1});
            let find = find.limit(STEP).hint(Hint::Keys(doc! {"_id": 1})).projection(doc! {"_id": 1});
            find.max_time(LONGEST).await?.try_collect::<Vec<Document>>().await
        };
        let found = command::attempt(LONGEST, find).await?;
        let ids: Vec<Bson> = found.iter().filter_map(|it| it.get("_id").cloned()).collect();
        let Some(last) = ids.last().cloned() else { return Ok(None) };
        let db = self.db.clone();
        let split = async move {
            let mut session = db.client().start_session().await?;
            let transaction = session.start_transaction().and_run((db, ids), |session, (db, ids)| {
                async move {
                    let jobs = db.collection::<Document>("jobs");
                    let find = jobs.find(doc! {"_id": {"$in": &*ids}, "partition": {"$exists": true}});
                    let mut found = find.session(&mut *session).await?;
                    let whole: Vec<Document> = found.stream(&mut *session).try_collect().await?;
                    let mut due = Vec::new();
                    for (id, config, work) in whole.into_iter().filter_map(parts) {
                        jobs.replace_one(doc! {"_id": id}, config).session(&mut *session).await?;
                        due.push(work);
                    }
                    if !due.is_empty() {
                        let collection = db.collection::<RawDocumentBuf>("due");
                        collection.insert_many(due).session(&mut *session).await?;
                    }
                    Ok(())
                }
                .boxed()
            });
            transaction.await
        };
        command::attempt(LONGEST, split).await?;
        Ok(Some(last))
    }
}

/// The two documents of a job that was one. One that cannot be read stays as it is, and is named in the log.
fn parts(whole: Document) -> Option<(Bson, Document, RawDocumentBuf)> {
    let id = whole.get("_id")?.clone();
    let split = || {
        let gate = whole.get_str("gate").unwrap_or_default();
        let due = to_due(&command::raw(&whole))?;
        let job = to_config(whole.clone())?.in_state(due.plan, due.state);
        Ok((from_config(&job)?, from_due(&job, gate)?))
    };
    let parts: naptime_store::Result<_> = split();
    let (config, due) = parts.inspect_err(|error| tracing::error!(job = %id, %error, "cannot read a job")).ok()?;
    Some((id, config, due))
}

/// Whether an index of `jobs` is one of the version before. The one that keeps it out has the same keys as its peek.
fn is_obsolete(index: &IndexModel) -> bool {
    let filter = index.options.as_ref().and_then(|options| options.partial_filter_expression.as_ref());
    let is_keeper = filter.is_some_and(|filter| *filter == nothing());
    OBSOLETE.contains(&name(&index.keys).as_str()) && !is_keeper
}

/// The name that an index of these keys has by default.
fn name(keys: &Document) -> String {
    let part = |(field, order): (&String, &Bson)| {
        let order = order.as_i64().or(order.as_i32().map(i64::from)).or(order.as_f64().map(|order| order as i64));
        format!("{field}_{}", order.unwrap_or(1))
    };
    keys.iter().map(part).collect::<Vec<_>>().join("_")
}

/// A filter that finds no job: no time is the least of all values.
fn nothing() -> Document {
    doc! {"claim_at": {"$type": "minKey"}}
}

/// The index that keeps programs of the version before from claiming and from starting: theirs of the same keys would
/// hold all that is due.
fn keeper() -> IndexModel {
    super::partial(super::peek(), nothing())
}

/// The indexes of `jobs` until the version before.
const OBSOLETE: [&str; 16] = [
    "gate_1_partition_1_claim_at_1__id_1_size_1_pool_1",
    "gate_1_partition_1_claim_at_1__id_1_size_1",
    "gate_1_claim_at_1__id_1_size_1",
    "partition_1__id_1",
    "pool_1_gate_1_schedule.kind_1_active_1_deleted_at_1",
    "search_1__id_1_active_1",
    "pool_1_search_1__id_1_active_1",
    "tags_1_search_1__id_1_active_1",
    "active_1_stage_1",
    "key_1",
    "key_1_deleted_at_1",
    "key_1_stage_1",
    "stage_1_created_at_-1__id_-1_search_1_pool_1",
    "deleted_at_-1__id_-1",
    "ended_at_1",
    "watch.deadline_1__id_1_watch.since_1_sla_ms_1_watch.longest_ms_1",
];
