//! What a job's document is changed to after the server's clock was set back.

use mongodb::bson::{Document, doc};
use naptime_core::{Job, Stage};
use naptime_store::Result;

use super::job::{LastDocument, LostDocument, WatchDocument, noted};
use super::schedule::schedule;
use super::{bson, date};

/// The fields that `Job::after_set_back` may change, as plain values.
pub(crate) fn set_back(job: &Job) -> Result<Document> {
    let state = &job.state;
    let mut set = doc! {
        "rev": job.rev.0,
        "plan": job.plan.0,
        "schedule": bson(&schedule(&job.spec.schedule))?,
        "due": state.due.map(date),
        "asked_at": state.asked_at.map(date),
        "claim_at": state.claim_at.map(date),
        "attempt": i64::from(state.attempt),
        "stage": job.stage().map(Stage::as_str),
        "last": bson(&state.last.as_ref().map(LastDocument::from))?,
        "last_ok": state.last_ok.map(date),
        "watch": bson(&state.watch.map(WatchDocument::from))?,
        "ended_at": state.ended_at.map(date),
        "created_at": date(job.created_at),
        "updated_at": date(job.updated_at),
        "deleted_at": job.deleted_at.map(date),
        "changes": bson(&job.changes.iter().map(noted).collect::<Vec<_>>())?,
    };
    if let Some(lock) = &state.lock {
        set.extend(doc! {
            "lock.edits": i64::from(lock.edits),
            "lock.since": date(lock.since),
            "lock.at": date(lock.at),
            "lock.asked_at": lock.asked_at.map(date),
            "lock.lost": bson(&lock.lost.iter().map(LostDocument::from).collect::<Vec<_>>())?,
        });
    }
    Ok(set)
}
