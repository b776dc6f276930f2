//! What does not go as it should, by indexes that hold nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use naptime_core::{Pool, PoolSettings, Time, Trouble};
use naptime_store::{Overdue, Result, Troubles};
use rusqlite::{Connection, Row};

use crate::SqliteStore;
use crate::rows::time;

#[async_trait]
impl Troubles for SqliteStore {
    async fn troubles(&self) -> Result<BTreeMap<Trouble, u64>> {
        const SQL: &str = "SELECT count(*) FROM due INDEXED BY due_trouble WHERE trouble = ?1";
        self.read(|connection: &Connection, _| {
            let mut statement = connection.prepare_cached(SQL)?;
            let mut counts = BTreeMap::new();
            for trouble in Trouble::ALL {
                let count: i64 = statement.query_row([trouble.as_str()], |row| row.get(0))?;
                counts.insert(trouble, count.unsigned_abs());
            }
            Ok(counts)
        })
        .await
    }

    async fn overdue(&self, by: Duration, most: usize) -> Result<Vec<Overdue>> {
        const SQL: &str = "SELECT pool, count(*) AS jobs, min(claim_at) AS since FROM
            (SELECT pool, claim_at FROM due INDEXED BY due_peek WHERE gate = '' AND claim_at <= ?1 ORDER BY claim_at LIMIT ?2)
            GROUP BY pool";
        self.read(move |connection: &Connection, now: Time| {
            let mut statement = connection.prepare_cached(SQL)?;
            let parameters = ((now - by).millis(), i64::try_from(most).unwrap_or(i64::MAX));
            let read = |row: &Row<'_>| {
                let (pool, jobs): (String, i64) = (row.get("pool")?, row.get("jobs")?);
                Ok((pool, jobs.unsigned_abs(), time(row, "since")?))
            };
            let found = statement.query_map(parameters, read)?.collect::<rusqlite::Result<Vec<_>>>()?;
            let overdue = |(pool, jobs, since): (String, u64, Time)| {
                Some(Overdue { pool: Pool::parse(&pool).ok()?, jobs, since })
            };
            Ok(found.into_iter().filter_map(overdue).collect())
        })
        .await
    }

    async fn waiting(&self) -> Result<Vec<(PoolSettings, Time)>> {
        naptime_store::troubles::waiting(self).await
    }
}
