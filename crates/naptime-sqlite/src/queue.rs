//! Due work as workers see it: claim, renew, settle, heartbeat.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use naptime_core::{Candidate, Claim, ClaimRef, Heartbeat, JobId, Peer, Phase, Pool, Seen, Settled, Time, WorkerId};
use naptime_store::{Configs, Error, Queue, Result, Want};
use rusqlite::{Connection, OptionalExtension};

use crate::fault::Fault;
use crate::rows::uuid;
use crate::{SqliteStore, answers, due, moving, rows, runs, sla, workers};

#[async_trait]
impl Queue for SqliteStore {
    async fn peek(&self, want: &Want, past: Option<&str>) -> Result<Seen> {
        let (want, past) = (want.clone(), past.map(str::to_owned));
        self.read(move |connection, now| peek(connection, &want, past.as_deref(), now)).await
    }

    async fn lock(&self, want: &Want, ids: &[JobId]) -> Result<Vec<Claim>> {
        let (want, ids, configs) = (want.clone(), ids.to_vec(), self.inner.configs.clone());
        let claims = self.write(move |connection, now| lock(connection, &want, &ids, &configs, now)).await?;
        // Not before they are committed: the same revision might be another's after a commit that failed.
        for Claim { job, .. } in &claims {
            if self.inner.configs.get(job.id, job.rev).is_none_or(|known| known.created_at != job.created_at) {
                self.inner.configs.keep(Arc::clone(job));
            }
        }
        Ok(claims)
    }

    async fn renew(&self, held: &[ClaimRef]) -> Result<Vec<ClaimRef>> {
        if held.is_empty() {
            return Ok(Vec::new());
        }
        let (held, configs) = (held.to_vec(), self.inner.configs.clone());
        self.write(move |connection, now| {
            if moving::is_sealed(connection)? {
                return Ok(held);
            }
            let mut gone = Vec::new();
            for claim in held {
                let known = |rev| configs.get(claim.job, rev);
                if let Some(mut found) = readable(claim.job, due::find(connection, claim.job, known, rows::find_slim))?
                    && found.job.renew(claim.token, now)
                {
                    due::write(connection, &found)?;
                } else {
                    gone.push(claim);
                }
            }
            Ok(gone)
        })
        .await
    }

    async fn settle(&self, done: &[Settled]) -> Result<Vec<Claim>> {
        if done.is_empty() {
            return Ok(Vec::new());
        }
        let done = done.to_vec();
        let retention = self.inner.retention;
        self.write(move |connection, now| {
            // Whoever comes so late has lost its claims: that the other store finds and records.
            if moving::is_sealed(connection)? {
                return Ok(Vec::new());
            }
            for settled in &done {
                let Some(run) = &settled.run else { continue };
                // A run that is there already may say that the claim was lost, and then another has called meanwhile.
                if runs::record(connection, run)?
                    && let Some(answer) = &settled.answer
                {
                    answers::keep(connection, answer)?;
                }
            }
            let (mut breaches, mut held_over) = (Vec::new(), Vec::new());
            for settled in done {
                let id = settled.claim.job;
                let known = |rev| Some(Arc::clone(&settled.job)).filter(|job| job.rev == rev);
                let Some(mut found) = readable(id, due::find(connection, id, known, rows::find))? else {
                    continue;
                };
                let before = found.job.clone();
                let was_held = found.job.settle(&settled, now);
                if was_held {
                    due::write(connection, &found)?;
                    if let Some(row) = found.job.skipped_since(&before, settled.reason, now) {
                        runs::record(connection, &row)?;
                    }
                }
                let deadline = before.state.watch.map(|watch| watch.deadline);
                let after = found.job.state.watch.map(|watch| watch.deadline);
                held_over.extend(Arc::new(found.job).held_over(&settled));
                breaches.extend(settled.breach.filter(|breach| was_held && breach.was_ended(deadline, after)));
            }
            sla::keep(connection, &breaches, None, now, retention)?;
            Ok(held_over)
        })
        .await
    }

    async fn edited(&self, me: WorkerId) -> Result<Vec<ClaimRef>> {
        self.read(move |connection, _| due::edited(connection, me)).await
    }

    async fn beat(&self, me: &Heartbeat) -> Result<Vec<Peer>> {
        let me = me.clone();
        self.write(move |connection, now| {
            workers::beat(connection, &me, now)?;
            workers::living(connection, now)
        })
        .await
    }

    async fn woken(&self, seen: u64) -> Result<u64> {
        let mut wakes = self.inner.wakes.subscribe();
        // Other processes add jobs to the file, too, and cannot say so.
        let woken = tokio::time::timeout(LOOKS_EVERY, wakes.wait_for(|count| *count != seen)).await;
        Ok(woken.map_or(seen + 1, |counted| counted.map_or(seen + 1, |count| *count)))
    }

    async fn wake(&self) -> Result<()> {
        self.wake_up();
        Ok(())
    }

    async fn leave(&self, me: WorkerId) -> Result<()> {
        self.write(move |connection, _| workers::leave(connection, me)).await
    }
}

/// How often a worker looks for what other processes have added.
const LOOKS_EVERY: Duration = Duration::from_millis(250);

/// How long a job that cannot be read is left alone.
const ASIDE: Duration = Duration::from_secs(60);

/// The row that was found. One that cannot be read must not take others with it.
pub(crate) fn readable<T>(
    id: impl Display,
    found: std::result::Result<Option<T>, Fault>,
) -> std::result::Result<Option<T>, Fault> {
    match found.map_err(Error::from) {
        Err(Error::Corrupt(why)) => {
            tracing::error!(%id, error = why, "cannot read {id}");
            Ok(None)
        }
        other => Ok(other?),
    }
}

/// Ends the lease of all claims now. Returns how many there were.
pub(crate) fn release_all(connection: &Connection, now: Time) -> std::result::Result<usize, Fault> {
    let ids = due::held(connection)?;
    for &id in &ids {
        let Some(mut found) = readable(id, due::find(connection, id, |_| None, rows::find_slim))? else { continue };
        if let Phase::Held { until, .. } = &mut found.job.state.phase {
            *until = now.min(*until);
        }
        due::write(connection, &found)?;
    }
    Ok(ids.len())
}

/// Claims those of these jobs that can be had.
fn lock(
    connection: &Connection,
    want: &Want,
    ids: &[JobId],
    configs: &Configs,
    now: Time,
) -> std::result::Result<Vec<Claim>, Fault> {
    let mut claims = Vec::new();
    if moving::is_shut(connection)? {
        return Ok(claims);
    }
    for &id in ids {
        let Some(mut found) = readable(id, due::find(connection, id, |rev| configs.get(id, rev), rows::find))? else {
            due::set_aside(connection, id, now + ASIDE)?;
            continue;
        };
        if found.gate != gate(want) || !found.job.claim(want.worker, want.token, now, want.lookahead) {
            continue;
        }
        due::write(connection, &found)?;
        let Some(lock) = found.job.state.lock().cloned() else { continue };
        let mut claim = Claim { job: found.job.into(), lock, recorded: None };
        for lost in claim.lost_runs(now) {
            if !runs::record(connection, &lost)?
                && let Some(run) = runs::find(connection, lost.job, lost.token)?
            {
                claim.take_over(run);
            }
        }
        claims.push(claim);
    }
    Ok(claims)
}

/// Reads the index alone. To look past a pool takes 50 ms where it has 100,000 overdue jobs.
fn peek(connection: &Connection, want: &Want, past: Option<&str>, now: Time) -> std::result::Result<Seen, Fault> {
    const SQL: &str = "SELECT id, claim_at, size, pool FROM due INDEXED BY due_peek
        WHERE gate = ?1 AND claim_at <= ?2 AND pool IS NOT ?3 ORDER BY claim_at, id LIMIT ?4";
    if moving::is_shut(connection)? {
        return Ok(Seen { jobs: Vec::new(), is_whole: true });
    }
    let until = want.sees_until(past, now);
    let limit = i64::try_from(want.slots + 1).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(SQL)?;
    let mut rows = statement.query((gate(want), until.millis(), past, limit))?;
    let mut jobs = Vec::new();
    while let Some(row) = rows.next()? {
        jobs.push(Candidate {
            job: uuid(row, "id")?.into(),
            claim_at: rows::time(row, "claim_at")?,
            size: usize::try_from(row.get::<_, i64>("size")?).unwrap_or(usize::MAX),
            pool: row.get("pool")?,
        });
    }
    Ok(Seen { jobs, is_whole: true })
}

/// When the first job that carries this gate can be claimed.
pub(crate) fn first_behind(connection: &Connection, gate: &str) -> std::result::Result<Option<Time>, Fault> {
    const SQL: &str = "SELECT claim_at FROM due INDEXED BY due_peek
        WHERE gate = ?1 AND claim_at IS NOT NULL ORDER BY claim_at LIMIT 1";
    let first: Option<i64> = connection.prepare_cached(SQL)?.query_row([gate], |row| row.get(0)).optional()?;
    Ok(first.map(Time::from_millis))
}

/// What the jobs carry that are wanted.
fn gate(want: &Want) -> &str {
    want.gate.as_ref().map_or("", Pool::as_str)
}
