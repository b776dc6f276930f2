//! Due work as rows: what workers write of a job.
//!
//! A worker's write leaves alone what an edit writes of a row: gate, size, pool, revisions.

use std::sync::{Arc, LazyLock};

use naptime_core::{ClaimRef, Job, JobId, Outcome, Plan, Rev, Stage, State, Time, Trouble, Watch, WorkerId};
use rusqlite::{Connection, OptionalExtension, Row, named_params};
use serde_json::to_string;

use crate::fault::{Fault, corrupt};
use crate::rows::{Statements, blob, json, time, uuid};

/// A job, and its row.
pub(crate) struct Found {
    seq: i64,
    /// The gate that it carries.
    pub(crate) gate: String,
    pub(crate) job: Job,
    /// What the row has of how the last call ended. A process of an earlier version knows no such column, and leaves what
    /// was there.
    bad: Option<String>,
    listed: Listed,
}

/// What lists find a job by, beside when it can be claimed. A call of a plain endpoint changes nothing of it.
type Listed = (Option<Stage>, Option<Time>, Option<Watch>, bool, Option<(Trouble, Time)>, Option<Outcome>);

/// The job as it stands. Its configuration is the one that is `known` by id and revision; if none is, it is read.
pub(crate) fn find(
    connection: &Connection,
    id: JobId,
    known: impl FnOnce(Rev) -> Option<Arc<Job>>,
    read: impl FnOnce(&Connection, JobId) -> Result<Option<Job>, Fault>,
) -> Result<Option<Found>, Fault> {
    // The inner look-up is in the index alone.
    const SQL: &str = "SELECT seq, gate, rev, plan, created_at, bad, state FROM due
        WHERE seq = (SELECT seq FROM jobs WHERE id = ?1)";
    let state = |row: &Row<'_>| {
        let (seq, gate, bad) = (row.get("seq")?, row.get("gate")?, row.get("bad")?);
        let (rev, created_at) = (Rev(row.get("rev")?), time(row, "created_at")?);
        // An id may be used again once its job was purged, and its revisions begin anew.
        let Some(known) = known(rev).filter(|known| known.created_at == created_at) else {
            return Ok((seq, gate, bad, None));
        };
        Ok((seq, gate, bad, Some(known.in_state(Plan(row.get("plan")?), json::<State>(row, "state")?))))
    };
    let Some((seq, gate, bad, job)) = connection.prepare_cached(SQL)?.query_row([blob(id.uuid())], state).optional()?
    else {
        return Ok(None);
    };
    let job = match job {
        None => read(connection, id)?,
        known => known,
    };
    Ok(job.map(|job| Found { seq, gate, bad, listed: listed(&job), job }))
}

/// Writes where a job stands, after a transition by a worker.
pub(crate) fn write(connection: &Connection, found: &Found) -> Result<(), Fault> {
    // SQLite writes each index of which a column is named, so most calls name no column but those that they change.
    const TURN: &str = "UPDATE due SET claim_at = ?2, held = ?3, state = ?4 WHERE seq = ?1";
    const LISTED: &str =
        "UPDATE due SET claim_at = ?2, held = ?3, state = ?4, stage = ?5, ended_at = ?6, deadline = ?7,
        longest_ms = ?8, edited = ?9, trouble = ?10, trouble_since = ?11, bad = ?12 WHERE seq = ?1";
    let Found { seq, job, bad, listed: before, .. } = found;
    let (seq, claim_at, held) = (*seq, job.state.claim_at().map(Time::millis), job.state.lock().is_some());
    let (state, after) = (to_string(&job.state)?, listed(job));
    let is_listed = after == *before && bad.as_deref() == self::bad(job).map(Outcome::as_str);
    let changed = if is_listed {
        connection.prepare_cached(TURN)?.execute((seq, claim_at, held, state))?
    } else {
        let (stage, ended_at, watch, edited, trouble, bad) = after;
        let (stage, ended_at) = (stage.map(Stage::as_str), ended_at.map(Time::millis));
        let (trouble, since) = (trouble.map(|it| it.0.as_str()), trouble.map(|it| it.1.millis()));
        let (deadline, longest, bad) = (deadline(watch), longest(watch), bad.map(Outcome::as_str));
        let row = (seq, claim_at, held, state, stage, ended_at, deadline, longest, edited, trouble, since, bad);
        connection.prepare_cached(LISTED)?.execute(row)?
    };
    if changed == 1 { Ok(()) } else { Err(corrupt(format!("job {} went away while it was written", job.id))) }
}

/// Writes the whole row, as an edit does.
pub(crate) fn put(connection: &Connection, seq: i64, job: &Job, gate: &str, is_new: bool) -> Result<(), Fault> {
    static DUE: LazyLock<Statements> = LazyLock::new(|| {
        let written = "id gate claim_at held size pool rev plan stage created_at ended_at deadline promised_since sla_ms \
                       longest_ms edited trouble trouble_since bad state";
        Statements::new("due", "seq", written)
    });
    let (stage, ended_at, watch, edited, trouble, bad) = listed(job);
    connection.prepare_cached(DUE.for_row(is_new))?.execute(named_params! {
        ":seq": seq,
        ":id": blob(job.id.uuid()),
        ":gate": gate,
        ":claim_at": job.state.claim_at().map(Time::millis),
        ":held": job.state.lock().is_some(),
        ":size": i64::try_from(job.spec.request.size()).unwrap_or(i64::MAX),
        ":pool": job.spec.endpoint.pool().as_str(),
        ":rev": job.rev.0,
        ":plan": job.plan.0,
        ":stage": stage.map(Stage::as_str),
        ":created_at": job.created_at.millis(),
        ":ended_at": ended_at.map(Time::millis),
        ":deadline": deadline(watch),
        ":promised_since": watch.map(|watch| watch.since.millis()),
        ":sla_ms": watch.and(job.spec.sla.as_ref()).map(|sla| i64::try_from(sla.every().as_millis()).unwrap_or(i64::MAX)),
        ":longest_ms": longest(watch),
        ":edited": edited,
        ":trouble": trouble.map(|(trouble, _)| trouble.as_str()),
        ":trouble_since": trouble.map(|(_, since)| since.millis()),
        ":bad": bad.map(Outcome::as_str),
        ":state": to_string(&job.state)?,
    })?;
    Ok(())
}

/// Leaves a job alone until `until`.
pub(crate) fn set_aside(connection: &Connection, id: JobId, until: Time) -> Result<(), Fault> {
    const SQL: &str = "UPDATE due SET claim_at = ?2 WHERE seq = (SELECT seq FROM jobs WHERE id = ?1)";
    connection.prepare_cached(SQL)?.execute((blob(id.uuid()), until.millis()))?;
    Ok(())
}

/// Sets the gate that the jobs of a pool carry. Whoever holds one of them is to see it, as after an edit.
pub(crate) fn set_gate(connection: &Connection, pool: &str, gate: &str) -> Result<(), Fault> {
    const SQL: &str = "UPDATE due SET gate = ?2, edited = held,
            state = iif(held, json_set(state, '$.lock.edits', 1 + state ->> '$.lock.edits'), state)
        WHERE seq IN (SELECT seq FROM jobs INDEXED BY jobs_pool WHERE pool = ?1) AND gate <> ?2";
    connection.prepare_cached(SQL)?.execute((pool, gate))?;
    Ok(())
}

/// The jobs that are held.
pub(crate) fn held(connection: &Connection) -> Result<Vec<JobId>, Fault> {
    // The end of a lease is a time at which a job can be claimed.
    const SQL: &str = "SELECT id FROM due INDEXED BY due_peek WHERE claim_at IS NOT NULL AND held";
    let mut statement = connection.prepare(SQL)?;
    let ids = statement.query_map([], |row| uuid(row, "id").map(JobId::from))?;
    Ok(ids.collect::<rusqlite::Result<_>>()?)
}

/// The claims of a worker whose jobs were edited since.
pub(crate) fn edited(connection: &Connection, me: WorkerId) -> Result<Vec<ClaimRef>, Fault> {
    const SQL: &str = "SELECT id, state FROM due INDEXED BY due_edited WHERE edited";
    let mut statement = connection.prepare_cached(SQL)?;
    let (mut rows, mut claims) = (statement.query([])?, Vec::new());
    while let Some(row) = rows.next()? {
        // A row that cannot be read is none of a claim that waits.
        let Ok(state) = json::<State>(row, "state") else { continue };
        let job = uuid(row, "id")?.into();
        let lock = state.lock().filter(|lock| lock.worker == me);
        claims.extend(lock.map(|lock| ClaimRef { job, token: lock.token }));
    }
    Ok(claims)
}

fn listed(job: &Job) -> Listed {
    let edited = job.state.lock().is_some_and(|lock| lock.edits > 0);
    (job.stage(), job.state.ended_at, job.state.watch, edited, job.trouble(), bad(job))
}

/// How the last call of an endpoint ended, if not well.
fn bad(job: &Job) -> Option<Outcome> {
    let last = job.state.last.as_ref().filter(|_| !job.spec.schedule.is_once());
    last.map(|last| last.outcome).filter(|outcome| *outcome != Outcome::Ok)
}

fn deadline(watch: Option<Watch>) -> Option<i64> {
    watch.map(|watch| watch.deadline.millis())
}

fn longest(watch: Option<Watch>) -> Option<i64> {
    watch.map(|watch| i64::try_from(watch.longest_ms).unwrap_or(i64::MAX))
}
