//! Filling the file: from a backup. The row of `moves` shuts it from the announcement on, so jobs are put as they are.
//!
//! Its time tells who fills the file: each beginning writes a later one, and each write looks at it within its own
//! transaction. So whoever fills the file with the same beside another puts nothing more.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use naptime_core::{Job, JobId, Time};
use naptime_store::Result;
use naptime_store::moving::{Arrival, Filling, HistoryItems, Move, MoveError, MoveResult, MoveStage, Settings};
use rusqlite::Connection;
use uuid::Uuid;

use crate::fault::Fault;
use crate::moving::{Row, put_filling, remove_row, row};
use crate::rows::blob;
use crate::{SqliteStore, answers, deleted, load, pools, records, rows, rules, runs, sla};

#[async_trait]
impl Filling for SqliteStore {
    async fn announce(&self, id: Uuid, from: &str) -> MoveResult<Arrival> {
        let from = from.to_owned();
        let since = self.write(move |connection, now| announce(connection, id, &from, now)).await??;
        self.inner.filler.note(id, since);
        // From its commit on, no process can do anything with the file.
        Ok(Arrival::Filling)
    }

    async fn begin_filling(&self, id: Uuid) -> MoveResult<()> {
        let begun = self.write(move |connection, now| {
            let Some(Row::Filling { from, since, .. }) = filled_with(connection, id)? else {
                return Ok(Err(MoveError::NotThere));
            };
            // Later than what is there, even where the clock was set back.
            let since = now.max(since + Duration::from_millis(1));
            put_filling(connection, id, &from, since)?;
            remove_all(connection)?;
            Ok(Ok(since))
        });
        self.inner.filler.note(id, begun.await??);
        Ok(())
    }

    async fn put_jobs(&self, jobs: &[Job]) -> Result<Vec<JobId>> {
        let jobs = jobs.to_vec();
        self.fill(move |connection| {
            let mut left_out = Vec::new();
            for job in jobs {
                if job.deleted_at.is_none() && deleted::is_key_taken(connection, &job)? {
                    left_out.push(job.id);
                } else {
                    rows::write(connection, rows::find(connection, job.id)?.as_ref(), &job)?;
                }
            }
            Ok(left_out)
        })
        .await
    }

    async fn remove_jobs(&self, ids: &[JobId]) -> Result<()> {
        let ids = ids.to_vec();
        self.fill(move |connection| {
            // Due work and requests go with their jobs.
            let mut delete = connection.prepare_cached("DELETE FROM jobs WHERE id = ?1")?;
            for id in ids {
                delete.execute([blob(id.uuid())])?;
            }
            Ok(())
        })
        .await
    }

    async fn put_settings(&self, settings: &Settings) -> Result<()> {
        let settings = settings.clone();
        self.fill(move |connection| {
            let Settings { pools, rules, records, sums, total } = &settings;
            pools.iter().try_for_each(|pool| pools::put(connection, pool))?;
            rules.iter().try_for_each(|rule| rules::put(connection, rule))?;
            records.iter().try_for_each(|record| records::put(connection, record))?;
            sums.iter().try_for_each(|(&(tier, at), &amount)| sla::put_sum(connection, tier, at, amount))?;
            load::put_total(connection, total)
        })
        .await
    }

    async fn put_history(&self, items: HistoryItems) -> Result<()> {
        self.fill(move |connection| match items {
            HistoryItems::Runs(runs) => runs.iter().try_for_each(|run| runs::record(connection, run).map(drop)),
            HistoryItems::Answers(answers) => answers.iter().try_for_each(|answer| answers::keep(connection, answer)),
            HistoryItems::Breaches(breaches) => {
                breaches.iter().try_for_each(|breach| sla::put_breach(connection, breach).map(drop))
            }
            HistoryItems::Load(rows) => rows.iter().try_for_each(|(tier, row)| load::put(connection, *tier, row)),
        })
        .await
    }

    async fn open_up(&self, id: Uuid) -> MoveResult<()> {
        let inner = Arc::clone(&self.inner);
        let opened = self.write(move |connection, _| {
            let Some(Row::Filling { since, .. }) = filled_with(connection, id)? else {
                return Ok(Err(MoveError::NotThere));
            };
            if !inner.filler.may_end(id, since) {
                return Ok(Err(MoveError::TakenOver));
            }
            pools::mend_gates(connection)?;
            remove_row(connection)?;
            Ok(Ok(()))
        });
        opened.await??;
        self.wake_up();
        Ok(())
    }

    async fn take_back(&self, id: Uuid) -> Result<()> {
        let inner = Arc::clone(&self.inner);
        self.write(move |connection, _| {
            if let Some(Row::Filling { since, .. }) = filled_with(connection, id)?
                && inner.filler.may_end(id, since)
            {
                remove_all(connection)?;
                remove_row(connection)?;
            }
            Ok(())
        })
        .await
    }
}

impl SqliteStore {
    /// Runs `work` in a write transaction, if it is still this handle that fills the file.
    async fn fill<T, W>(&self, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> std::result::Result<T, Fault> + Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        self.write(move |connection, _| {
            let found = match row(connection)? {
                Some(Row::Filling { id, since, .. }) => Some((id, since)),
                _ => None,
            };
            inner.filler.check(found)?;
            work(connection)
        })
        .await
    }
}

/// Shuts the file for what is to fill it, or finds that it is shut for that. Returns since when it is.
fn announce(connection: &Connection, id: Uuid, from: &str, now: Time) -> std::result::Result<MoveResult<Time>, Fault> {
    const KINDS: [(&str, &str); 4] = [
        ("jobs", "endpoints or jobs"),
        ("rules", "rules"),
        ("records", "settings of alerts, or what was applied"),
        // A pool without settings stays when its jobs are gone.
        ("pools WHERE known", "settings of pools"),
    ];
    match row(connection)? {
        Some(Row::Filling { id: other, since, .. }) if other == id => return Ok(Ok(since)),
        Some(Row::Filling { from, .. }) => return Ok(Err(MoveError::OtherMove { from })),
        Some(Row::Leaving(Move { stage: MoveStage::HandedOver, to, since, .. })) => {
            return Ok(Err(MoveError::HandedOver { to, since }));
        }
        Some(Row::Leaving(Move { stage, to, .. })) if stage != MoveStage::TakenBack => {
            return Ok(Err(MoveError::Elsewhere { to }));
        }
        Some(Row::Leaving(_)) | None => {}
    }
    for (rows, what) in KINDS {
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {rows})");
        if connection.query_row(&sql, [], |row| row.get(0))? {
            return Ok(Err(MoveError::NotEmpty(what)));
        }
    }
    put_filling(connection, id, from, now)?;
    Ok(Ok(now))
}

/// The row, if it says that the file is being filled with this.
fn filled_with(connection: &Connection, id: Uuid) -> std::result::Result<Option<Row>, Fault> {
    Ok(row(connection)?.filter(|row| matches!(row, Row::Filling { id: by, .. } if *by == id)))
}

/// Removes what a backup brings, and with it the figures of workers that had nothing to call.
fn remove_all(connection: &Connection) -> std::result::Result<(), Fault> {
    // Due work and requests go with their jobs.
    for table in ["jobs", "pools", "passes", "rules", "records", "sla", "runs", "answers", "breaches", "load"] {
        connection.execute(&format!("DELETE FROM {table}"), [])?;
    }
    Ok(())
}
