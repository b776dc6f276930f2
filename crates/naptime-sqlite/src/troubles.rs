//! What does not go as it should, by indexes that hold nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use naptime_core::{Pool, PoolSettings, Time, Trouble};
use naptime_store::{JobQuery, JobSummary, Overdue, Page, PageRef, Position, Result, Troubles};
use rusqlite::{Connection, Row, named_params};

use crate::SqliteStore;
use crate::fault::Fault;
use crate::rows::{self, COLUMNS, WANTED, blob, time, uuid};

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

/// A page of the endpoints in this trouble that match, those that are so for longest first.
pub(crate) fn list(
    connection: &Connection,
    trouble: Trouble,
    query: &JobQuery,
    page: &PageRef,
) -> std::result::Result<Page<JobSummary>, Fault> {
    let (since, id) = page.after()?.map_or((i64::MIN, [0; 16]), |after| (after.at.millis(), blob(after.id)));
    let sql = format!(
        "SELECT {COLUMNS}, trouble_since FROM due INDEXED BY due_trouble CROSS JOIN jobs USING (seq)
         WHERE trouble = :trouble AND (trouble_since, due.id) > (:since, :id) AND {WANTED}
         ORDER BY trouble_since, due.id LIMIT :limit"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let parameters = named_params! {
        ":trouble": trouble.as_str(),
        ":since": since,
        ":id": id,
        ":q": query.q.as_ref().map(|q| q.to_lowercase()),
        ":url": query.url.as_ref().map(ToString::to_string),
        ":pool": query.pool,
        ":active": query.active,
        ":tag": query.tag,
        ":limit": page.probe(),
    };
    let read = |row: &Row<'_>| {
        let last = Position { at: time(row, "trouble_since")?, id: uuid(row, "id")? };
        rows::placed(last.id, || Ok(last.write()), rows::slim_job(row))
    };
    Ok(rows::page_of(statement.query_map(parameters, read)?, page)?.map(Into::into))
}
