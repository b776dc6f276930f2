//! Edits: both documents of a job, in one transaction, or those of many jobs that are edited alike.
//!
//! An edit is computed from the job as it was read, and written if nobody has edited, claimed or settled it since. So
//! whatever happens at the same time, it happened before the edit or after it.

use std::time::Duration;

use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use mongodb::bson::doc;
use mongodb::bson::raw::cstr;
use mongodb::{ClientSession, Database};
use naptime_core::standing::Ended;
use naptime_core::{Breach, Edit, Job, JobId, Rev, SkipReason, Time};
use naptime_store::{Clock, Error, Result};

use crate::breaches::keep;
use crate::command::{self, DUPLICATE_KEY, Update};
use crate::document::{Changes, from_config, from_run, run_id, unchanged, uuid};
use crate::insert::{TIMEOUT, chunk_of};
use crate::joined::by_ids;
use crate::refusal::WriteFailed;
use crate::{MongoStore, OPERATION_TIMEOUT};

/// How often an edit is tried anew when another, a claim or a settle came between.
const MAX_TRIES: usize = 20;
/// How many jobs are read at once to be edited alike, and how many such groups are at work at a time: while one waits for
/// a majority, another is read.
const READ_AT_ONCE: usize = 100;
const GROUPS_AT_ONCE: usize = 4;
/// How many are edited at the same time where each is edited alone.
const AT_ONCE: usize = 32;

/// What the edit of some jobs writes.
#[derive(Clone, Default)]
struct Written {
    /// The configurations, each if it is as it was read.
    configs: Vec<Update>,
    /// The new values of the due work, each if it is as it was read.
    due: Vec<Update>,
    /// Rows of the occurrences that are dropped. A settle that this edit overtakes may have left one, which counts less.
    skipped: Vec<Update>,
    /// The promises that end, and the breaches.
    promises: Vec<Ended>,
    breaches: Vec<Breach>,
}

impl Written {
    /// Adds the two parts of a job. `gate` is its new gate; none leaves it as it is.
    fn add(&mut self, before: &Job, after: &Job, gate: Option<&str>) -> Result<()> {
        let as_read = doc! {"_id": uuid(before.id.uuid()), "rev": before.rev.0};
        let mut changes = Changes::between(before, after).raw()?;
        if let Some(gate) = gate {
            changes.append(cstr!("gate"), gate);
        }
        self.configs.push(Update::replace(&as_read, command::raw(&from_config(after)?)));
        self.due.push(Update::plain(command::raw(&unchanged(before)), changes));
        Ok(())
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
                let mut written = Written::default();
                written.add(&before, &after, None)?;
                if self.orphans.ending(command::update(&self.db, "due", written.due)).await? == 1 {
                    self.wake_if_soon([&after]);
                    return Ok(after);
                }
                continue;
            }
            let joins = joins_a_pool(&before, &after, &edit);
            let gates = self.gates(Some(after.spec.endpoint.pool()).into_iter().filter(|_| joins)).await?;
            let gate = gates.values().next().map(String::as_str);
            let edited = [(before, after)];
            if self.write(self.written(&edited, &edit, gate, now).await?).await? {
                let [(_, after)] = edited;
                self.mend_gates(&gates).await;
                self.wake_if_soon([&after]);
                return Ok(after);
            }
        }
        Err(Error::Unavailable(format!("the job was edited {MAX_TRIES} times while this edit was tried")))
    }

    /// Makes the same edit of each of these jobs, and returns how many of them are not deleted.
    pub(crate) async fn edit_alike(&self, ids: &[JobId], edit: &Edit) -> Result<u64> {
        let groups: Vec<Vec<JobId>> = ids.chunks(READ_AT_ONCE).map(<[JobId]>::to_vec).collect();
        let groups = stream::iter(groups).map(|ids| self.edit_group(ids, edit)).buffer_unordered(GROUPS_AT_ONCE);
        groups.try_fold(0, async |sum, there| Ok(sum + there)).await
    }

    /// Makes the same edit of a group of jobs, as many together as one command holds.
    async fn edit_group(&self, ids: Vec<JobId>, edit: &Edit) -> Result<u64> {
        let found = self.find_whole(by_ids(&ids)).await?;
        let (mut left, mut there) = (found.as_slice(), 0);
        while !left.is_empty() {
            let (group, rest) = left.split_at(chunk_of(left));
            there += match self.edit_together(group, edit).await? {
                Some(there) => there,
                None => self.edit_alone(group, edit).await?,
            };
            left = rest;
        }
        Ok(there)
    }

    /// Makes the same edit of jobs as they were read, in one transaction. None, with nothing written, if one of them has
    /// changed since, or its key or its pool have to be looked at.
    async fn edit_together(&self, jobs: &[Job], edit: &Edit) -> Result<Option<u64>> {
        let (now, mut there, mut edited) = (self.now(), 0, Vec::new());
        for before in jobs {
            let mut after = before.clone();
            let Ok(changed) = after.edit(edit.clone(), now) else { continue };
            there += 1;
            if !changed || after == *before {
                continue;
            }
            let takes_key = after.spec.key != before.spec.key;
            if takes_key || *edit == Edit::CallNow || joins_a_pool(before, &after, edit) {
                return Ok(None);
            }
            edited.push((before.clone(), after));
        }
        if !self.write(self.written(&edited, edit, None, now).await?).await? {
            return Ok(None);
        }
        self.wake_if_soon(edited.iter().map(|(_, after)| after));
        Ok(Some(there))
    }

    /// Makes the same edit of each of these jobs by itself.
    async fn edit_alone(&self, jobs: &[Job], edit: &Edit) -> Result<u64> {
        let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
        let edits = stream::iter(ids).map(|id| self.edit_with(id, None, |_| Ok(edit.clone())));
        let edits = edits.buffer_unordered(AT_ONCE).map(is_there);
        edits.try_fold(0, async |sum, there| Ok(sum + u64::from(there))).await
    }

    /// Writes a job as it is after a change of its configuration. Returns whether it was still as before.
    pub(crate) async fn write_both(&self, before: &Job, after: &Job) -> Result<bool> {
        let mut written = Written::default();
        written.add(before, after, None)?;
        self.write(written).await
    }

    /// What is written for jobs, before and after an edit.
    async fn written(&self, edited: &[(Job, Job)], edit: &Edit, gate: Option<&str>, now: Time) -> Result<Written> {
        let mut written = Written { breaches: self.breaches_ended(edited, now).await?, ..Written::default() };
        for (before, after) in edited {
            written.add(before, after, gate)?;
            if let Some(row) = after.skipped_since(before, SkipReason::of_edit(edit), now) {
                let id = doc! {"_id": run_id(row.token, row.job)};
                written.skipped.push(Update::put(&id, from_run(&row)?));
            }
            written.promises.extend(after.promise_ended_since(before, now));
        }
        Ok(written)
    }

    /// Writes all of it or nothing. Returns whether both parts of each job were as they had been read.
    async fn write(&self, written: Written) -> Result<bool> {
        let limit = match written.due.len() {
            0 => return Ok(true),
            1 => OPERATION_TIMEOUT,
            _ => TIMEOUT,
        };
        let (db, now, retention) = (self.db.clone(), self.now(), self.retention);
        let write = async move {
            let mut session = db.client().start_session().await?;
            let transaction = session.start_transaction().and_run((db, written), move |session, (db, written)| {
                write_within(db, session, written.clone(), now, retention).boxed()
            });
            match transaction.await {
                Err(error) if is_overtaken(&error) => Ok(false),
                other => other.map(|()| true),
            }
        };
        self.orphans.ending(command::bounded_by(limit, write)).await
    }
}

async fn write_within(
    db: &Database,
    session: &mut ClientSession,
    written: Written,
    now: Time,
    retention: Duration,
) -> mongodb::error::Result<()> {
    let Written { configs, due, skipped, promises, breaches } = written;
    update_as_read(db, session, "jobs", configs).await?;
    command::update_within(db, session, "runs", skipped).await?;
    if !promises.is_empty() {
        keep(db, session, breaches, promises, now, retention).await?;
    }
    // Last, as it locks the job for workers.
    update_as_read(db, session, "due", due).await
}

/// Updates documents each of which must be as it was read. Otherwise the transaction is aborted, so that nothing is written
/// of any job.
async fn update_as_read(
    db: &Database,
    session: &mut ClientSession,
    collection: &str,
    updates: Vec<Update>,
) -> mongodb::error::Result<()> {
    let all = updates.len();
    match command::update_within(db, session, collection, updates).await? {
        found if found == all => Ok(()),
        _ => Err(mongodb::error::Error::custom(Overtaken)),
    }
}

/// Whether a job was there to be edited.
fn is_there(edited: Result<Job>) -> Result<bool> {
    match edited {
        Ok(_) => Ok(true),
        Err(Error::NotFound | Error::Deleted) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether the gate of a job's pool is to be looked at: the pool is another, or the job was deleted or over, and its pool may
/// have been deleted meanwhile.
fn joins_a_pool(before: &Job, after: &Job, edit: &Edit) -> bool {
    let returns = *edit == Edit::Restore || before.state.ended_at.is_some();
    returns || after.spec.endpoint.pool() != before.spec.endpoint.pool()
}

/// Somebody claimed, settled or edited the job since it was read.
struct Overtaken;

/// Whether somebody came between: with the job, or with the key that it was to have.
fn is_overtaken(error: &mongodb::error::Error) -> bool {
    let took_key = error.get_custom::<WriteFailed>().is_some_and(|failed| failed.code == Some(DUPLICATE_KEY));
    took_key || error.get_custom::<Overtaken>().is_some()
}
