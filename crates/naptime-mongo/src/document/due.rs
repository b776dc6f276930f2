//! What workers write: due work, as documents of `due`.

use mongodb::bson::{Bson, DateTime, Document, RawDocument, RawDocumentBuf, Uuid, doc};
use naptime_core::state::LEASE;
use naptime_core::{
    Counters, Job, JobId, Last, LastDay, Lock, Lost, Outcome, Phase, Plan, Recent, Rev, Stage, State, Time, Trouble,
    Watch, WorkerId,
};
use naptime_store::Result;
use serde::{Deserialize, Serialize};

use super::{by_id, date, duration, millis, partition, read_raw, time, uuid, write_raw};

/// What claims and indexes look at comes first: the server walks a document field by field.
#[derive(Serialize, Deserialize)]
struct DueDocument {
    _id: Uuid,
    partition: i32,
    #[serde(default)]
    gate: String,
    claim_at: Option<DateTime>,
    lock: Option<LockDocument>,
    rev: Rev,
    plan: Plan,
    due: Option<DateTime>,
    #[serde(default)]
    asked_at: Option<DateTime>,
    #[serde(default)]
    attempt: u32,
    stage: Option<Stage>,
    lease_ms: Option<i64>,
    #[serde(default)]
    pool: String,
    #[serde(default)]
    size: i64,
    created_at: DateTime,
    #[serde(default)]
    counters: Counters,
    #[serde(default)]
    recent: RecentDocument,
    /// What follows from the rest, for an index.
    #[serde(skip_deserializing)]
    trouble: Option<Trouble>,
    #[serde(skip_deserializing)]
    trouble_since: Option<DateTime>,
    #[serde(default)]
    last_ok: Option<DateTime>,
    #[serde(default)]
    watch: Option<WatchDocument>,
    #[serde(default)]
    ended_at: Option<DateTime>,
    #[serde(default)]
    last: Option<LastDocument>,
    /// The hour that runs, which each call writes; `hours_before` changes once an hour.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    last_hour: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    hours_before: String,
}

/// How the last occurrences ended.
#[derive(Default, PartialEq, Serialize, Deserialize)]
struct RecentDocument {
    ends: u32,
    failures: u32,
    failing_since: Option<DateTime>,
    flapping_since: Option<DateTime>,
    #[serde(default)]
    put_off_since: Option<DateTime>,
}

/// How a job stands to its SLA, and what that is.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct WatchDocument {
    since: DateTime,
    deadline: DateTime,
    longest_ms: i64,
    on_since: DateTime,
    failed_at: Option<DateTime>,
    #[serde(default)]
    sla_ms: i64,
}

#[derive(Serialize, Deserialize)]
struct LockDocument {
    worker: Uuid,
    token: Uuid,
    since: DateTime,
    lease_ms: Option<i64>,
    at: DateTime,
    due: Option<DateTime>,
    asked_at: Option<DateTime>,
    plan: Plan,
    #[serde(default)]
    attempt: u32,
    #[serde(default)]
    edits: u32,
    #[serde(default)]
    left: bool,
    lost: Vec<LostDocument>,
}

#[derive(Serialize, Deserialize)]
struct LostDocument {
    worker: Uuid,
    token: Uuid,
    since: DateTime,
    at: Option<DateTime>,
    due: Option<DateTime>,
    asked_at: Option<DateTime>,
    plan: Plan,
    #[serde(default)]
    attempt: u32,
    #[serde(default)]
    left: bool,
}

/// How the last run ended.
#[derive(Serialize, Deserialize)]
struct LastDocument {
    due: DateTime,
    started: DateTime,
    finished: DateTime,
    outcome: Outcome,
    status: Option<u16>,
    message: String,
}

/// The due work of a job, without what its configuration says.
pub(crate) struct Due {
    pub(crate) id: JobId,
    pub(crate) rev: Rev,
    pub(crate) plan: Plan,
    pub(crate) created_at: Time,
    pub(crate) state: State,
}

impl Due {
    /// Whether a job's configuration is the one that this goes with. An id may be used again once its job was purged, and
    /// its revisions begin anew.
    pub(crate) fn is_of(&self, config: &Job) -> bool {
        (self.rev, self.created_at) == (config.rev, config.created_at)
    }
}

/// The due work of a job as its document.
pub(crate) fn from_due(job: &Job, gate: &str) -> Result<RawDocumentBuf> {
    let state = &job.state;
    write_raw(&DueDocument {
        _id: uuid(job.id.uuid()),
        partition: partition(job.id),
        gate: gate.to_owned(),
        claim_at: state.claim_at().map(date),
        lock: state.lock().map(LockDocument::from),
        rev: job.rev,
        plan: job.plan,
        due: state.due.map(date),
        asked_at: state.asked_at.map(date),
        attempt: job.attempts(),
        stage: job.stage(),
        lease_ms: Some(millis(job.spec.lease)),
        pool: job.spec.endpoint.pool().to_string(),
        size: size(job),
        created_at: date(job.created_at),
        counters: state.counters,
        recent: RecentDocument::from(&state.recent),
        trouble: job.trouble().map(|(trouble, _)| trouble),
        trouble_since: job.trouble().map(|(_, since)| date(since)),
        last_ok: state.last_ok.map(date),
        watch: watch(job),
        ended_at: state.ended_at.map(date),
        last: state.last.as_ref().map(LastDocument::from),
        last_hour: state.last_day.parts().0.to_owned(),
        hours_before: state.last_day.parts().1.to_owned(),
    })
}

/// The same, but nobody can claim the job before it is told so: what `claim_at` is to be is put aside in `parked`.
pub(crate) fn from_parked_due(job: &Job) -> Result<RawDocumentBuf> {
    let mut document: Document = read_raw(&from_due(job, "")?)?;
    let claim_at = document.insert("claim_at", Bson::Null).unwrap_or(Bson::Null);
    document.insert("parked", doc! {"claim_at": claim_at});
    write_raw(&document)
}

/// The due work of a document, read as it came: that takes half the time.
pub(crate) fn to_due(document: &RawDocument) -> Result<Due> {
    let d: DueDocument = read_raw(document)?;
    let state = State {
        due: d.due.map(time),
        asked_at: d.asked_at.map(time),
        phase: Phase::read(d.claim_at.map(time), d.attempt, d.lock.map(Lock::from)),
        last: d.last.map(Last::from),
        recent: Recent::from(d.recent),
        last_day: LastDay::of_parts(d.last_hour, &d.hours_before),
        last_ok: d.last_ok.map(time),
        watch: d.watch.map(Watch::from),
        ended_at: d.ended_at.map(time),
        counters: d.counters,
    };
    Ok(Due { id: d._id.to_uuid_1().into(), rev: d.rev, plan: d.plan, created_at: time(d.created_at), state })
}

/// The filter that finds due work as long as nobody has claimed, settled or edited it since it was as in `job`. A renewal
/// changes nothing that an edit or a settle is computed from.
pub(crate) fn unchanged(job: &Job) -> Document {
    let mut filter = by_id(job.id);
    let asked_at = job.state.asked_at.map(date);
    filter.extend(doc! {"rev": job.rev.0, "asked_at": asked_at});
    match job.state.lock() {
        Some(lock) => {
            filter.extend(doc! {"lock.token": uuid(lock.token.uuid()), "lock.edits": i64::from(lock.edits)});
        }
        None => filter.extend(doc! {"lock": null, "claim_at": job.state.claim_at().map(date)}),
    }
    filter
}

/// What a transition changed of the due work of a job: an edit or a settle. What it left is not in it.
#[derive(Serialize)]
pub(crate) struct Changes {
    #[serde(skip_serializing_if = "Option::is_none")]
    lock: Option<Option<LockDocument>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claim_at: Option<Option<DateTime>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<Option<DateTime>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    asked_at: Option<Option<DateTime>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<Option<Stage>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    counters: Option<Counters>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<Option<LastDocument>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_hour: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hours_before: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recent: Option<RecentDocument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<Option<Trouble>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble_since: Option<Option<DateTime>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_ok: Option<Option<DateTime>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    watch: Option<Option<WatchDocument>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Option<DateTime>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<DateTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rev: Option<Rev>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<Plan>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lease_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<i64>,
}

impl Changes {
    /// What is another in `after` than in `before`.
    pub(crate) fn between(before: &Job, after: &Job) -> Self {
        fn changed<T: PartialEq>(was: T, is: T) -> Option<T> {
            (was != is).then_some(is)
        }
        let (was, is) = (&before.state, &after.state);
        let (kind, since) =
            (|job: &Job| job.trouble().map(|(kind, _)| kind), |job: &Job| job.trouble().map(|(_, since)| since));
        let moved = |was: Option<Time>, is: Option<Time>| changed(was, is).map(|at| at.map(date));
        let ((was_hour, were_before), (last_hour, hours_before)) = (was.last_day.parts(), is.last_day.parts());
        let mut changes = Self {
            lock: (was.lock() != is.lock()).then(|| is.lock().map(LockDocument::from)),
            claim_at: moved(was.claim_at(), is.claim_at()),
            due: moved(was.due, is.due),
            asked_at: moved(was.asked_at, is.asked_at),
            attempt: changed(before.attempts(), after.attempts()),
            stage: changed(before.stage(), after.stage()),
            counters: changed(was.counters, is.counters),
            last: (was.last != is.last).then(|| is.last.as_ref().map(LastDocument::from)),
            last_hour: changed(was_hour, last_hour).map(str::to_owned),
            hours_before: changed(were_before, hours_before).map(str::to_owned),
            recent: (was.recent != is.recent).then(|| RecentDocument::from(&is.recent)),
            trouble: changed(kind(before), kind(after)),
            trouble_since: moved(since(before), since(after)),
            last_ok: moved(was.last_ok, is.last_ok),
            watch: changed(watch(before), watch(after)),
            ended_at: moved(was.ended_at, is.ended_at),
            created_at: None,
            rev: changed(before.rev, after.rev),
            plan: changed(before.plan, after.plan),
            lease_ms: None,
            pool: None,
            size: None,
        };
        // A settle changes no configuration.
        if changes.rev.is_some() {
            let (old, new) = (&before.spec, &after.spec);
            changes.created_at = changed(before.created_at, after.created_at).map(date);
            changes.lease_ms = changed(old.lease, new.lease).map(millis);
            changes.pool = changed(old.endpoint.pool(), new.endpoint.pool()).map(ToString::to_string);
            changes.size = changed(size(before), size(after));
        }
        changes
    }

    /// As it is sent.
    pub(crate) fn raw(&self) -> Result<RawDocumentBuf> {
        write_raw(self)
    }
}

fn size(job: &Job) -> i64 {
    i64::try_from(job.spec.request.size()).unwrap_or(i64::MAX)
}

fn watch(job: &Job) -> Option<WatchDocument> {
    let watch = job.state.watch?;
    Some(WatchDocument {
        since: date(watch.since),
        deadline: date(watch.deadline),
        longest_ms: i64::try_from(watch.longest_ms).unwrap_or(i64::MAX),
        on_since: date(watch.on_since),
        failed_at: watch.failed_at.map(date),
        sla_ms: job.spec.sla.as_ref().map_or(0, |sla| millis(sla.every())),
    })
}

impl From<&Recent> for RecentDocument {
    fn from(recent: &Recent) -> Self {
        let Recent { ends, failures, failing_since, flapping_since, put_off_since } = *recent;
        let [failing_since, flapping_since, put_off_since] =
            [failing_since, flapping_since, put_off_since].map(|since| since.map(date));
        Self { ends, failures, failing_since, flapping_since, put_off_since }
    }
}

impl From<RecentDocument> for Recent {
    fn from(d: RecentDocument) -> Self {
        Self {
            ends: d.ends,
            failures: d.failures,
            failing_since: d.failing_since.map(time),
            flapping_since: d.flapping_since.map(time),
            put_off_since: d.put_off_since.map(time),
        }
    }
}

impl From<WatchDocument> for Watch {
    fn from(d: WatchDocument) -> Self {
        Watch {
            since: time(d.since),
            deadline: time(d.deadline),
            longest_ms: u64::try_from(d.longest_ms).unwrap_or(0),
            on_since: time(d.on_since),
            failed_at: d.failed_at.map(time),
        }
    }
}

impl From<&Lock> for LockDocument {
    fn from(lock: &Lock) -> Self {
        Self {
            worker: uuid(lock.worker.uuid()),
            token: uuid(lock.token.uuid()),
            since: date(lock.since),
            lease_ms: Some(millis(lock.lease)),
            at: date(lock.at),
            due: lock.due.map(date),
            asked_at: lock.asked_at.map(date),
            plan: lock.plan,
            attempt: lock.attempt,
            edits: lock.edits,
            left: lock.left,
            lost: lock.lost.iter().map(LostDocument::from).collect(),
        }
    }
}

impl From<LockDocument> for Lock {
    fn from(d: LockDocument) -> Self {
        Lock {
            worker: WorkerId::from(d.worker.to_uuid_1()),
            token: d.token.to_uuid_1().into(),
            since: time(d.since),
            lease: d.lease_ms.map_or(LEASE, duration),
            at: time(d.at),
            due: d.due.map(time),
            asked_at: d.asked_at.map(time),
            plan: d.plan,
            attempt: d.attempt,
            edits: d.edits,
            left: d.left,
            lost: d.lost.into_iter().map(Lost::from).collect(),
        }
    }
}

impl From<&Lost> for LostDocument {
    fn from(lost: &Lost) -> Self {
        Self {
            worker: uuid(lost.worker.uuid()),
            token: uuid(lost.token.uuid()),
            since: date(lost.since),
            at: Some(date(lost.at)),
            due: lost.due.map(date),
            asked_at: lost.asked_at.map(date),
            plan: lost.plan,
            attempt: lost.attempt,
            left: lost.left,
        }
    }
}

impl From<LostDocument> for Lost {
    fn from(d: LostDocument) -> Self {
        Lost {
            worker: d.worker.to_uuid_1().into(),
            token: d.token.to_uuid_1().into(),
            since: time(d.since),
            at: d.at.map_or_else(|| Lost::called_at(time(d.since), d.due.map(time)), time),
            due: d.due.map(time),
            asked_at: d.asked_at.map(time),
            plan: d.plan,
            attempt: d.attempt,
            left: d.left,
        }
    }
}

impl From<&Last> for LastDocument {
    fn from(last: &Last) -> Self {
        Self {
            due: date(last.due),
            started: date(last.started),
            finished: date(last.finished),
            outcome: last.outcome,
            status: last.status,
            message: last.message.clone(),
        }
    }
}

impl From<LastDocument> for Last {
    fn from(d: LastDocument) -> Self {
        Last {
            due: time(d.due),
            started: time(d.started),
            finished: time(d.finished),
            outcome: d.outcome,
            status: d.status,
            message: d.message,
        }
    }
}
