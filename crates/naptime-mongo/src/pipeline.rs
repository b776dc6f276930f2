//! A claim and a renewal as update pipelines of due work.
//!
//! Each function here is the twin of a method of `naptime_core::Job`, in the server's words and by the server's clock.
//! Within one `$set` stage every `$field` is the value before the update. A nested object would be merged into the old
//! one, so a lock is always written with all its fields.

use mongodb::bson::{Bson, Document, doc};
use naptime_core::{Pool, Stage};
use naptime_store::Want;

use crate::document::{millis, uuid};

/// The most lost claims a lock remembers, the latest of them. Attempts end long before, but for a job that no worker
/// here can read.
const MAX_LOST: i32 = -32;

/// The filter of `Job::is_claimable`: due, or not held and due within the lookahead; and behind the wanted gate.
pub(crate) fn claimable(now: &Bson, want: &Want) -> Document {
    let due = doc! {"$lte": ["$claim_at", now]};
    let ahead = doc! {"$and": [is_null("$lock"), {"$lte": ["$claim_at", after(now, millis(want.lookahead))]}]};
    let gate = want.gate.as_ref().map_or("", Pool::as_str);
    doc! {"gate": gate, "claim_at": {"$type": "date"}, "$expr": {"$or": [due, ahead]}}
}

/// The twin of `Job::claim`.
pub(crate) fn claim(now: &Bson, want: &Want) -> Document {
    let lost = doc! {
        "worker": "$lock.worker", "token": "$lock.token", "since": "$lock.since", "at": "$lock.at", "due": "$lock.due",
        "asked_at": "$lock.asked_at", "plan": "$lock.plan", "left": "$lock.left",
        // An earlier version stored it beside the lock only.
        "attempt": {"$ifNull": ["$lock.attempt", "$attempt"]},
    };
    let at = doc! {"$max": ["$claim_at", now]};
    // The twin of `Lock::has_call`.
    let is_due = doc! {"$and": [{"$not": is_null("$due")}, {"$lte": ["$due", at.clone()]}]};
    let has_call = doc! {"$or": [{"$not": is_null("$asked_at")}, is_due]};
    let attempt = doc! {"$add": ["$attempt", cond(has_call, 1, 0)]};
    doc! {
        "lock": {
            "worker": uuid(want.worker.uuid()),
            "token": uuid(want.token.uuid()),
            "since": now,
            "lease_ms": "$lease_ms",
            "at": at,
            "due": "$due",
            "asked_at": "$asked_at",
            "plan": "$plan",
            "attempt": attempt.clone(),
            "edits": 0,
            "left": false,
            "lost": cond(is_null("$lock"), Bson::Array(vec![]), doc! {"$slice": [{"$concatArrays": ["$lock.lost", [lost]]}, MAX_LOST]}),
        },
        "attempt": attempt,
        "claim_at": doc! {"$add": [now, "$lease_ms"]},
        // Of a recurring job it stays null, and one that was cancelled stays so.
        "stage": cond(doc! {"$in": ["$stage", [Bson::Null, Bson::from(Stage::Cancelled.as_str())]]}, "$stage", Stage::Running.as_str()),
    }
}

/// The twin of `Job::renew`.
pub(crate) fn renew(now: &Bson) -> Document {
    doc! {"claim_at": {"$add": [now, "$lock.lease_ms"]}}
}

pub(crate) fn cond(when: impl Into<Bson>, then: impl Into<Bson>, otherwise: impl Into<Bson>) -> Document {
    doc! {"$cond": [when.into(), then.into(), otherwise.into()]}
}

/// Whether a field is null. Every field is written, so none is missing.
pub(crate) fn is_null(field: &str) -> Document {
    doc! {"$eq": [field, null]}
}

fn after(now: &Bson, millis: i64) -> Document {
    doc! {"$add": [now, millis]}
}
