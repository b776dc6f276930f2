//! What the capacity plan is made from.

use std::time::Duration;

use async_trait::async_trait;
use naptime_core::{Pool, Spec, State, Time};
use naptime_store::plan::{DueWork, MOST_LATE, Planning};
use naptime_store::{Error, Page, PageRef, Result};
use rusqlite::Row;

use crate::SqliteStore;
use crate::rows::{json, page_of, placed, uuid};

#[async_trait]
impl Planning for SqliteStore {
    async fn due_work(&self, page: &PageRef) -> Result<Page<DueWork>> {
        // In the order in which jobs were added.
        let after: i64 = page.cursor.as_deref().map_or(Ok(0), str::parse).map_err(|_| Error::BadCursor)?;
        let page = page.clone();
        self.read(move |connection, _| {
            const SQL: &str = "SELECT seq, jobs.id AS id, spec, state, gate FROM due CROSS JOIN jobs USING (seq)
                WHERE seq > ?1 AND ended_at IS NULL AND active AND deleted_at IS NULL ORDER BY seq LIMIT ?2";
            let work = |row: &Row<'_>| {
                let (spec, state): (Spec, State) = (json(row, "spec")?, json(row, "state")?);
                let gate = Pool::parse(&row.get::<_, String>("gate")?).ok();
                Ok(state.due.map(|due| DueWork { schedule: spec.schedule, due, gate }))
            };
            let read =
                |row: &Row<'_>| placed(uuid(row, "id")?, || Ok(row.get::<_, i64>("seq")?.to_string()), work(row));
            let mut statement = connection.prepare_cached(SQL)?;
            let Page { items, next, prev, unreadable } =
                page_of(statement.query_map((after, page.probe()), read)?, &page)?;
            Ok(Page { items: items.into_iter().flatten().collect(), next, prev, unreadable })
        })
        .await
    }

    async fn late(&self, by: Duration) -> Result<u64> {
        self.read(move |connection, now| {
            const SQL: &str = "SELECT count(*) FROM (SELECT 1 FROM due INDEXED BY due_peek
                WHERE gate = '' AND claim_at <= ?1 LIMIT ?2)";
            let (before, most): (Time, i64) = (now - by, i64::try_from(MOST_LATE).unwrap_or(i64::MAX));
            Ok(connection
                .prepare_cached(SQL)?
                .query_row((before.millis(), most), |row| row.get::<_, i64>(0))?
                .unsigned_abs())
        })
        .await
    }
}
