//! Edits: both documents of a job, in one transaction.
//!
//! An edit is computed from the job as it was read, and written if nobody has edited, claimed or settled it since. So
//! whatever happens at the same time, it happened before the edit or after it.

use futures::FutureExt;
use mongodb::bson::raw::cstr;
use mongodb::bson::{Document, RawDocumentBuf, doc, rawdoc};
use mongodb::options::Hint;
use naptime_core::standing::Ended;
use naptime_core::{Breach, Edit, Job, JobId, Rev, SkipReason};
use naptime_store::{Clock, Error, Result};

use crate::MongoStore;
use crate::breaches::keep;
use crate::command::{self, Update};
use crate::document::{Changes, from_config, from_run, run_id, unchanged, uuid};

/// How often an edit is tried anew when another, a claim or a settle came between.
const MAX_TRIES: usize = 20;

/// What an edit writes.
#[derive(Clone)]
struct Written {
    /// The filter of the configuration as it was read, and what takes its place.
    config: (Document, Document),
    /// The filter of the due work as it was read, and its new values.
    due: (RawDocumentBuf, RawDocumentBuf),
    /// The row of the occurrences that are dropped: its id, and the row.
    skipped: Option<(Document, RawDocumentBuf)>,
    /// The promise that ends, and the breach.
    ended: Option<(Ended, Option<Breach>)>,
}

impl Written {
    fn new(before: &Job, after: &Job) -> Result<Self> {
        Ok(Self {
            config: (doc! {"_id": uuid(before.id.uuid()), "rev": before.rev.0}, from_config(after)?),
            due: (command::raw(&unchanged(before)), Changes::between(before, after).raw()?),
            skipped: None,
            ended: None,
        })
    }
}

impl MongoStore {
    /// Makes the edit that `choose` has for the job as it is.
    pub(crate) async fn edit_with(
        &self,
        id: JobId,
        expect: Option<Rev>,
        choose: impl Fn(&Job) -> Result<Edit> + Send,
    ) -> Result<Job> {
        for _ in 0..MAX_TRIES {
            let before = self.find_job(id).await?;
            let edit = choose(&before)?;
            let mut after = before.clone();
            let now = self.now();
            let changed = after.edit(edit.clone(), now).map_err(|_| Error::Deleted)?;
            if expect.is_some_and(|rev| rev != before.rev) {
                return Err(Error::Stale(before.rev));
            }
            if !changed {
                return Ok(before);
            }
            let takes_key = edit == Edit::Restore || after.spec.key != before.spec.key;
            if takes_key && self.is_key_taken(&after).await? {
                return Err(Error::KeyTaken);
            }
            if after == before {
                // Asked for twice in one millisecond.
                return Ok(after);
            }
            let mut written = Written::new(&before, &after)?;
            if let Some(row) = after.skipped_since(&before, SkipReason::of_edit(&edit), now) {
                written.skipped = Some((doc! {"_id": run_id(row.token, row.job)}, from_run(&row)?));
            }
            if edit == Edit::CallNow {
                let (filter, changes) = written.due;
                if command::update(&self.db, "due", vec![Update::plain(filter, changes)]).await? == 1 {
                    self.wake_if_soon([&after]);
                    return Ok(after);
                }
                continue;
            }
            // The pool of a job that was deleted or over may have been deleted too.
            let pool = after.spec.endpoint.pool();
            let returns = edit == Edit::Restore || before.state.ended_at.is_some();
            let joins = returns || pool != before.spec.endpoint.pool();
            let gates = self.gates(Some(pool).into_iter().filter(|_| joins)).await?;
            if let Some(gate) = gates.values().next() {
                written.due.1.append(cstr!("gate"), gate.as_str());
            }
            if let Some(promise) = after.promise_ended_since(&before, now) {
                written.ended = Some((promise, self.breach_ended(&before, &after, now).await?));
            }
            if self.write_edit(written).await? {
                self.mend_gates(&gates).await;
                self.wake_if_soon([&after]);
                return Ok(after);
            }
        }
        Err(Error::Unavailable(format!("the job was edited {MAX_TRIES} times while this edit was tried")))
    }

    /// Writes a job as it is after a change of its configuration. Returns whether it was still as before.
    pub(crate) async fn write_both(&self, before: &Job, after: &Job) -> Result<bool> {
        self.write_edit(Written::new(before, after)?).await
    }

    /// Returns whether both documents were as they had been read.
    async fn write_edit(&self, written: Written) -> Result<bool> {
        let (db, now, retention) = (self.db.clone(), self.now(), self.retention);
        let write = async move {
            let mut session = db.client().start_session().await?;
            let context = (db, written);
            let transaction = session.start_transaction().and_run(context, move |session, (db, written)| {
                async move {
                    let Written { config, due, skipped, ended } = written.clone();
                    let jobs = db.collection::<Document>("jobs");
                    let replace = jobs.replace_one(config.0, config.1).hint(Hint::Keys(doc! {"_id": 1}));
                    if replace.session(&mut *session).await?.matched_count == 0 {
                        return Ok(false);
                    }
                    let statement = rawdoc! {"q": due.0, "u": {"$set": due.1}, "hint": {"_id": 1}};
                    let reply = db.run_raw_command(rawdoc! {"update": "due", "updates": [statement]});
                    let reply = reply.session(&mut *session).await?;
                    if let Some(error) = reply.get_array("writeErrors").ok().and_then(|errors| errors.first()) {
                        return Err(mongodb::error::Error::custom(format!("a write failed: {error}")));
                    }
                    if reply.get_i32("n").ok() != Some(1) {
                        return Err(mongodb::error::Error::custom(Overtaken));
                    }
                    if let Some((id, row)) = skipped {
                        // A settle that this edit overtakes may have left one, which counts less.
                        let runs = db.collection::<RawDocumentBuf>("runs");
                        runs.replace_one(id, row).upsert(true).session(&mut *session).await?;
                    }
                    if let Some((promise, breach)) = ended {
                        keep(db, session, breach.into_iter().collect(), vec![promise], now, retention).await?;
                    }
                    Ok(true)
                }
                .boxed()
            });
            // The transaction is aborted, so that the configuration is not written without the due work.
            match transaction.await {
                Err(error) if error.get_custom::<Overtaken>().is_some() => Ok(false),
                other => other,
            }
        };
        command::bounded(write).await
    }
}

/// Somebody claimed, settled or edited the job since it was read.
struct Overtaken;
