//! Edits: both documents of a job, in one transaction.
//!
//! An edit is computed from the job as it was read, and written if nobody has edited, claimed or settled it since. So
//! whatever happens at the same time, it happened before the edit or after it.

use std::time::Duration;

use futures::FutureExt;
use mongodb::bson::doc;
use mongodb::bson::raw::cstr;
use mongodb::{ClientSession, Database};
use naptime_core::standing::Ended;
use naptime_core::{Breach, Edit, Job, JobId, Rev, SkipReason, Time};
use naptime_store::{Clock, Error, Result, edit_singly};

use crate::MongoStore;
use crate::breaches::keep;
use crate::command::{self, Update};
use crate::document::{Changes, from_config, from_run, run_id, unchanged, uuid};
use crate::joined::by_ids;

/// How often an edit is tried anew when another, a claim or a settle came between.
const MAX_TRIES: usize = 20;
/// How many jobs are edited together: few enough that seldom one of them is claimed or settled meanwhile.
const TOGETHER: usize = 100;
/// The most bytes that are written together: a command has at most 16 MB.
const MAX_BYTES: usize = 8 << 20;

/// What an edit writes.
#[derive(Clone)]
struct Written {
    /// The configuration, if it is as it was read.
    config: Update,
    /// The new values of the due work, if it is as it was read.
    due: Update,
    /// The row of the occurrences that are dropped. A settle that this edit overtakes may have left one, which counts less.
    skipped: Option<Update>,
    /// The promise that ends, and the breach.
    ended: Option<(Ended, Option<Breach>)>,
}

impl Written {
    /// Of a job that is behind this gate from now on; none if that stays as it is.
    fn new(before: &Job, after: &Job, gate: Option<&str>) -> Result<Self> {
        let as_read = doc! {"_id": uuid(before.id.uuid()), "rev": before.rev.0};
        let mut changes = Changes::between(before, after).raw()?;
        if let Some(gate) = gate {
            changes.append(cstr!("gate"), gate);
        }
        Ok(Self {
            config: Update::replace(&as_read, command::raw(&from_config(after)?)),
            due: Update::plain(command::raw(&unchanged(before)), changes),
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
            if edit == Edit::CallNow {
                let due = Written::new(&before, &after, None)?.due;
                if command::update(&self.db, "due", vec![due]).await? == 1 {
                    self.wake_if_soon([&after]);
                    return Ok(after);
                }
                continue;
            }
            let joins = joins_a_pool(&before, &after, &edit);
            let gates = self.gates(Some(after.spec.endpoint.pool()).into_iter().filter(|_| joins)).await?;
            let gate = gates.values().next().map(String::as_str);
            let written = self.written(&before, &after, &edit, gate, now).await?;
            if self.write_edits(vec![written]).await? {
                self.mend_gates(&gates).await;
                self.wake_if_soon([&after]);
                return Ok(after);
            }
        }
        Err(Error::Unavailable(format!("the job was edited {MAX_TRIES} times while this edit was tried")))
    }

    /// Makes the same edit of each of these jobs, and returns how many of them there are.
    pub(crate) async fn edit_all(&self, ids: &[JobId], edit: &Edit) -> Result<u64> {
        let mut edited = 0;
        for group in ids.chunks(TOGETHER) {
            edited += match self.edit_together(group, edit).await? {
                Some(edited) => edited,
                None => edit_singly(self, group, edit).await?,
            };
        }
        Ok(edited)
    }

    /// Makes the same edit of a group of jobs in one transaction, which costs a tenth of one for each. None, and nothing is
    /// written, if somebody came between, or if one of them takes more than to be written.
    async fn edit_together(&self, ids: &[JobId], edit: &Edit) -> Result<Option<u64>> {
        let now = self.now();
        let (mut there, mut edited, mut written, mut bytes) = (0, Vec::new(), Vec::new(), 0);
        for before in self.find_whole(by_ids(ids)).await? {
            let mut after = before.clone();
            let Ok(changed) = after.edit(edit.clone(), now) else { continue };
            there += 1;
            if !changed || after == before {
                continue;
            }
            let takes_key = after.spec.key != before.spec.key;
            if takes_key || *edit == Edit::CallNow || joins_a_pool(&before, &after, edit) {
                return Ok(None);
            }
            let one = self.written(&before, &after, edit, None, now).await?;
            bytes += one.config.size() + one.due.size();
            if bytes > MAX_BYTES {
                return Ok(None);
            }
            written.push(one);
            edited.push(after);
        }
        if !self.write_edits(written).await? {
            return Ok(None);
        }
        self.wake_if_soon(&edited);
        Ok(Some(there))
    }

    /// Writes a job as it is after a change of its configuration. Returns whether it was still as before.
    pub(crate) async fn write_both(&self, before: &Job, after: &Job) -> Result<bool> {
        self.write_edits(vec![Written::new(before, after, None)?]).await
    }

    async fn written(&self, before: &Job, after: &Job, edit: &Edit, gate: Option<&str>, now: Time) -> Result<Written> {
        let mut written = Written::new(before, after, gate)?;
        if let Some(row) = after.skipped_since(before, SkipReason::of_edit(edit), now) {
            let id = doc! {"_id": run_id(row.token, row.job)};
            written.skipped = Some(Update::put(&id, from_run(&row)?));
        }
        if let Some(promise) = after.promise_ended_since(before, now) {
            written.ended = Some((promise, self.breach_ended(before, after, now).await?));
        }
        Ok(written)
    }

    /// Writes all of it or nothing. Returns whether both documents of each job were as they had been read.
    async fn write_edits(&self, edits: Vec<Written>) -> Result<bool> {
        if edits.is_empty() {
            return Ok(true);
        }
        let (db, now, retention) = (self.db.clone(), self.now(), self.retention);
        let write = async move {
            let mut session = db.client().start_session().await?;
            let transaction = session.start_transaction().and_run((db, edits), move |session, (db, edits)| {
                write_within(db, session, edits.clone(), now, retention).boxed()
            });
            match transaction.await {
                Err(error) if error.get_custom::<Overtaken>().is_some() => Ok(false),
                other => other.map(|()| true),
            }
        };
        command::bounded(write).await
    }
}

async fn write_within(
    db: &Database,
    session: &mut ClientSession,
    edits: Vec<Written>,
    now: Time,
    retention: Duration,
) -> mongodb::error::Result<()> {
    let all = edits.len();
    let (mut configs, mut due, mut skipped, mut ended) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for edit in edits {
        configs.push(edit.config);
        due.push(edit.due);
        skipped.extend(edit.skipped);
        ended.extend(edit.ended);
    }
    for (collection, updates) in [("jobs", configs), ("due", due)] {
        if command::update_within(db, session, collection, updates).await? != all {
            // The transaction is aborted, so that nothing is written of any.
            return Err(mongodb::error::Error::custom(Overtaken));
        }
    }
    command::update_within(db, session, "runs", skipped).await?;
    if ended.is_empty() {
        return Ok(());
    }
    let (promises, breaches): (Vec<_>, Vec<_>) = ended.into_iter().unzip();
    keep(db, session, breaches.into_iter().flatten().collect(), promises, now, retention).await
}

/// Whether the gate of a job's pool is to be looked at, because the pool may be another, or may have been deleted meanwhile.
fn joins_a_pool(before: &Job, after: &Job, edit: &Edit) -> bool {
    let returns = *edit == Edit::Restore || before.state.ended_at.is_some();
    returns || after.spec.endpoint.pool() != before.spec.endpoint.pool()
}

/// Somebody claimed, settled or edited the job since it was read.
struct Overtaken;
