//! The transitions of a job as update pipelines.
//!
//! Each function here is the twin of a method of `naptime_core::Job`, in the server's words and by the server's clock.
//! Within one `$set` stage every `$field` is the value before the update. A nested object would be merged into the old
//! one, so a lock is always written with all its fields.

use mongodb::bson::{Bson, Document, doc};
use naptime_core::{Outcome, Pool, Run, Settled, Stage, Then};
use naptime_store::{Result, Want};

use crate::document::{date, last, millis, uuid};

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
        "worker": "$lock.worker", "token": "$lock.token", "since": "$lock.since", "due": "$lock.due",
        "asked_at": "$lock.asked_at", "plan": "$lock.plan",
    };
    let at = doc! {"$max": ["$claim_at", now]};
    // The twin of `Lock::has_call`.
    let has_call = doc! {"$or": [{"$not": is_null("$asked_at")}, is_due("$asked_at", "$due", at.clone().into())]};
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
            "lost": cond(is_null("$lock"), Bson::Array(vec![]), doc! {"$slice": [{"$concatArrays": ["$lock.lost", [lost]]}, MAX_LOST]}),
        },
        "attempt": {"$add": ["$attempt", cond(has_call, 1, 0)]},
        "claim_at": doc! {"$add": [now, "$lease_ms"]},
        // Of a recurring job it stays null.
        "stage": cond(listed(), Stage::Running.as_str(), "$stage"),
    }
}

/// Whether a job has a stage that a worker changes: it is a one-off job, and nobody has cancelled it.
fn listed() -> Document {
    doc! {"$and": [{"$not": is_null("$stage")}, is_null("$deleted_at")]}
}

/// The twin of `Lock::took_on`.
fn took_on() -> Document {
    is_due("$lock.asked_at", "$lock.due", "$lock.at".into())
}

/// Whether no call was asked for, and the occurrence has come by `at`.
fn is_due(asked_at: &str, due: &str, at: Bson) -> Document {
    doc! {"$and": [is_null(asked_at), {"$not": is_null(due)}, {"$lte": [due, at]}]}
}

/// The twin of `Job::renew`.
pub(crate) fn renew(now: &Bson) -> Document {
    doc! {"claim_at": {"$add": [now, "$lock.lease_ms"]}}
}

/// The twin of `Job::settle`. What the claim found is read from the lock itself.
pub(crate) fn settle(now: &Bson, settled: &Settled) -> Result<Document> {
    let mut set = end_of_claim(now, settled);
    let abandoned = i64::from(settled.abandoned);
    if abandoned > 0 {
        let missed = set.remove("counters.missed").unwrap_or_else(|| "$counters.missed".into());
        set.insert("counters.missed", doc! {"$add": [missed, abandoned]});
    }
    if let Some(run) = &settled.run {
        set.insert("counters.runs", doc! {"$add": ["$counters.runs", 1]});
        if run.outcome == Outcome::Ok {
            set.insert("counters.ok", doc! {"$add": ["$counters.ok", 1]});
            set.insert("last_ok", date(run.finished));
        }
        if let Some(watch) = called(run) {
            set.insert("watch", cond(is_null("$watch"), Bson::Null, watch));
        }
        set.insert("last", last(run)?);
    }
    Ok(set)
}

/// The twin of `Watch::called`; none if nothing changes.
fn called(run: &Run) -> Option<Document> {
    if run.outcome != Outcome::Ok {
        let failed_at = doc! {"$ifNull": ["$watch.failed_at", date(run.started)]};
        return run.outcome.is_targets().then(|| doc! {"$mergeObjects": ["$watch", {"failed_at": failed_at}]});
    }
    let finished: Bson = date(run.finished).into();
    let gap = doc! {"$subtract": [&finished, {"$subtract": ["$watch.deadline", "$sla_ms"]}]};
    Some(doc! {
        "since": "$watch.since",
        "deadline": {"$max": ["$watch.deadline", {"$add": [&finished, "$sla_ms"]}]},
        "longest_ms": {"$max": ["$watch.longest_ms", gap]},
        "on_since": "$watch.on_since",
        "failed_at": null,
    })
}

/// What ends a claim, but for its run.
fn end_of_claim(now: &Bson, settled: &Settled) -> Document {
    let same_plan = || doc! {"$eq": ["$plan", "$lock.plan"]};
    let answered = cond(doc! {"$eq": ["$asked_at", "$lock.asked_at"]}, Bson::Null, "$asked_at");
    let mut set = doc! {"lock": null, "attempt": 0};
    let base: Bson;
    let mut asked_at: Bson = answered.into();
    // The stage, if nothing further is due.
    let well: Bson = match &settled.run {
        Some(run) => (run.outcome == Outcome::Ok).into(),
        None => doc! {"$eq": ["$last.outcome", Outcome::Ok.as_str()]}.into(),
    };
    match settled.then {
        Then::Next { due, missed } => {
            base = cond(same_plan(), due.map(date), "$due").into();
            set.insert("due", base.clone());
            if due.is_none() {
                set.insert("ended_at", cond(same_plan(), now.clone(), "$ended_at"));
            }
            set.insert("counters.settled", doc! {"$add": ["$counters.settled", 1]});
            if missed > 0 {
                let missed = i64::try_from(missed).unwrap_or(i64::MAX);
                set.insert("counters.missed", doc! {"$add": ["$counters.missed", cond(same_plan(), missed, 0)]});
            }
        }
        Then::Retry { after: pause } => {
            base = cond(same_plan(), after(now, millis(pause)), "$due").into();
            set.insert("attempt", cond(same_plan(), "$attempt", 0));
            set.insert("counters.settled", doc! {"$add": ["$counters.settled", cond(same_plan(), 0, 1)]});
        }
        Then::Keep => base = "$due".into(),
        Then::GiveBack => {
            let waiting = cond(is_null("$due"), Bson::Null, doc! {"$max": ["$due", "$lock.at"]});
            base = cond(same_plan(), waiting, "$due").into();
            set.insert("attempt", doc! {"$max": [0, {"$subtract": ["$attempt", 1]}]});
            let dropped = doc! {"$and": [{"$not": same_plan()}, took_on()]};
            set.insert("counters.missed", doc! {"$add": ["$counters.missed", cond(dropped, 1, 0)]});
            asked_at = "$asked_at".into();
        }
    }
    // The twin of `Job::stage`.
    let due = set.get("due").cloned().unwrap_or_else(|| "$due".into());
    let tried = doc! {"$gt": [set.get("attempt").cloned(), 0]};
    let open = cond(tried, Stage::Retrying.as_str(), Stage::Waiting.as_str());
    let ended = cond(well, Stage::Done.as_str(), Stage::Failed.as_str());
    let stage = cond(doc! {"$eq": [due, null]}, ended, open);
    set.insert("stage", cond(listed(), stage, "$stage"));
    set.insert("claim_at", idle_claim_at(&asked_at, &base));
    set.insert("asked_at", asked_at);
    set
}

/// The twin of `Job::idle_claim_at`: what was asked for or, where the job is on, `base`; `$min` passes over nulls.
fn idle_claim_at(asked_at: &Bson, base: &Bson) -> Document {
    let first = doc! {"$min": [asked_at, cond("$active", base.clone(), Bson::Null)]};
    cond(is_null("$deleted_at"), first, Bson::Null)
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
