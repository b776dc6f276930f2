//! Due work as workers see it: claim, renew, settle, heartbeat.

use std::time::Duration;

use async_trait::async_trait;
use naptime_core::{Claim, ClaimRef, Heartbeat, Job, JobId, Pool, Settled, Time, WorkerId};
use naptime_store::{Error, Queue, Result, Taken, Want};
use rusqlite::{Connection, OptionalExtension, named_params};

use crate::fault::{Fault, corrupt};
use crate::rows::uuid;
use crate::{SqliteStore, rows, runs, sla, workers};

#[async_trait]
impl Queue for SqliteStore {
    async fn claim(&self, want: &Want) -> Result<Taken> {
        // A look first, which nobody waits for: an idle worker writes nothing.
        let look = want.clone();
        let look = move |connection: &Connection, now: Time| {
            let any = !candidates(connection, &Want { slots: look.slots.min(1), ..look.clone() }, now)?.is_empty();
            let next = if any { None } else { next(connection, &look)? };
            Ok((any, next))
        };
        let (any, next) = self.read(look).await?;
        if !any {
            return Ok(Taken { claims: Vec::new(), next });
        }
        let want = want.clone();
        self.write(move |connection, now| take(connection, &want, now)).await
    }

    async fn renew(&self, held: &[ClaimRef]) -> Result<Vec<ClaimRef>> {
        if held.is_empty() {
            return Ok(Vec::new());
        }
        let held = held.to_vec();
        self.write(move |connection, now| {
            let mut gone = Vec::new();
            for claim in held {
                if let Some(mut job) = readable(claim.job, rows::find_slim(connection, claim.job))?
                    && job.renew(claim.token, now)
                {
                    rows::write_state(connection, &job)?;
                } else {
                    gone.push(claim);
                }
            }
            Ok(gone)
        })
        .await
    }

    async fn settle(&self, done: &[Settled]) -> Result<()> {
        if done.is_empty() {
            return Ok(());
        }
        let done = done.to_vec();
        let retention = self.inner.retention;
        self.write(move |connection, now| {
            for run in done.iter().filter_map(|settled| settled.run.as_ref()) {
                runs::record(connection, run)?;
            }
            let mut breaches = Vec::new();
            for settled in done {
                let Some(mut job) = readable(settled.claim.job, rows::find_slim(connection, settled.claim.job))? else {
                    continue;
                };
                let deadline = job.state.watch.map(|watch| watch.deadline);
                if job.settle(&settled, now) {
                    rows::write_state(connection, &job)?;
                    // Where an edit has set another deadline meanwhile, it has ended the breach too.
                    breaches.extend(settled.breach.filter(|breach| Some(breach.from) == deadline));
                }
            }
            sla::keep(connection, &breaches, None, now, retention)
        })
        .await
    }

    async fn beat(&self, me: &Heartbeat) -> Result<Vec<WorkerId>> {
        let me = me.clone();
        self.write(move |connection, now| {
            workers::beat(connection, &me, now)?;
            workers::living(connection, now)
        })
        .await
    }

    async fn leave(&self, me: WorkerId) -> Result<()> {
        self.write(move |connection, _| workers::leave(connection, me)).await
    }
}

/// How long a job that cannot be read is left alone.
const ASIDE: Duration = Duration::from_secs(60);

/// The job that was found. One that cannot be read must not keep the others from being called.
fn readable(id: JobId, found: std::result::Result<Option<Job>, Fault>) -> std::result::Result<Option<Job>, Fault> {
    match found.map_err(Error::from) {
        Err(Error::Corrupt(why)) => {
            tracing::error!(job = %id, error = why, "cannot read job {id}, so it is not called");
            Ok(None)
        }
        other => Ok(other?),
    }
}

/// Ends the lease of all claims now. Returns how many there were.
pub(crate) fn release_all(connection: &Connection, now: Time) -> std::result::Result<usize, Fault> {
    let mut statement = connection.prepare("SELECT id FROM jobs WHERE held")?;
    let ids: Vec<JobId> =
        statement.query_map([], |row| uuid(row, "id").map(JobId::from))?.collect::<rusqlite::Result<_>>()?;
    for &id in &ids {
        let Some(mut job) = readable(id, rows::find_slim(connection, id))? else { continue };
        job.state.claim_at = job.state.claim_at.map(|at| at.min(now));
        rows::write_state(connection, &job)?;
    }
    Ok(ids.len())
}

/// Claims what is wanted and can be had.
fn take(connection: &Connection, want: &Want, now: Time) -> std::result::Result<Taken, Fault> {
    let mut claims = Vec::new();
    for id in candidates(connection, want, now)? {
        let Some(mut job) = readable(id, rows::find(connection, id))? else {
            rows::set_aside(connection, id, now + ASIDE)?;
            continue;
        };
        let lock = if job.claim(want.worker, want.token, now, want.lookahead) { job.state.lock.clone() } else { None };
        let lock = lock.ok_or_else(|| corrupt(format!("job {id} is due in its columns, but not in its state")))?;
        rows::write_state(connection, &job)?;
        let mut claim = Claim { job, lock, recorded: None };
        for lost in claim.lost_runs(now) {
            if !runs::record(connection, &lost)?
                && let Some(run) = runs::find(connection, lost.job, lost.token)?
            {
                claim.take_over(run);
            }
        }
        claims.push(claim);
    }
    Ok(Taken { claims, next: next(connection, want)? })
}

/// The jobs to claim: the first that are due, as many as fit.
fn candidates(connection: &Connection, want: &Want, now: Time) -> std::result::Result<Vec<JobId>, Fault> {
    // As `Job::is_claimable` has it: what is held can be claimed when its lease is over, and not ahead of that.
    const SQL: &str = "SELECT id, size FROM jobs INDEXED BY jobs_due
        WHERE gate = :gate AND claim_at <= :idle AND (NOT held OR claim_at <= :held)
        ORDER BY claim_at, id LIMIT :slots";
    let (idle, held) =
        if want.late.is_zero() { (now + want.lookahead, now) } else { (now - want.late, now - want.late) };
    let mut statement = connection.prepare_cached(SQL)?;
    let mut rows = statement.query(named_params! {
        ":gate": gate(want),
        ":idle": idle.millis(),
        ":held": held.millis(),
        ":slots": i64::try_from(want.slots).unwrap_or(i64::MAX),
    })?;
    let (mut ids, mut bytes) = (Vec::new(), 0_usize);
    while let Some(row) = rows.next()? {
        bytes = bytes.saturating_add(usize::try_from(row.get::<_, i64>("size")?).unwrap_or(usize::MAX));
        if bytes > want.bytes {
            break;
        }
        ids.push(uuid(row, "id")?.into());
    }
    Ok(ids)
}

/// When the next job can be claimed.
fn next(connection: &Connection, want: &Want) -> std::result::Result<Option<Time>, Fault> {
    Ok(first_behind(connection, gate(want))?.map(|at| at + want.late))
}

/// When the first job that carries this gate can be claimed.
pub(crate) fn first_behind(connection: &Connection, gate: &str) -> std::result::Result<Option<Time>, Fault> {
    const SQL: &str = "SELECT claim_at FROM jobs INDEXED BY jobs_due
        WHERE gate = ?1 AND claim_at IS NOT NULL ORDER BY claim_at LIMIT 1";
    let first: Option<i64> = connection.prepare_cached(SQL)?.query_row([gate], |row| row.get(0)).optional()?;
    Ok(first.map(Time::from_millis))
}

/// What the jobs carry that are wanted.
fn gate(want: &Want) -> &str {
    want.gate.as_ref().map_or("", Pool::as_str)
}
