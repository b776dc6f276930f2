//! Records as rows.

use async_trait::async_trait;
use naptime_core::Rev;
use naptime_store::Result;
use naptime_store::records::{MAX_RECORDS, Record, Records};
use rusqlite::{Connection, Row};
use serde_json::Value;

use crate::SqliteStore;
use crate::fault::Fault;

#[async_trait]
impl Records for SqliteStore {
    async fn records(&self) -> Result<Vec<Record>> {
        self.read(|connection, _| {
            const SQL: &str = "SELECT id, rev, value FROM records ORDER BY id LIMIT ?1";
            let record = |row: &Row<'_>| {
                let value = row.get::<_, String>("value").ok().and_then(|text| serde_json::from_str(&text).ok());
                Ok(Record { id: row.get("id")?, rev: Rev(row.get("rev")?), value: value.unwrap_or_default() })
            };
            let limit = i64::try_from(MAX_RECORDS).unwrap_or(i64::MAX);
            Ok(connection.prepare_cached(SQL)?.query_map([limit], record)?.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn put_record(&self, id: &str, expect: Option<Rev>, value: Value) -> Result<Option<Rev>> {
        let (id, value) = (id.to_owned(), value.to_string());
        self.write_if_open(move |connection, _| {
            const NEW: &str = "INSERT INTO records (id, rev, value) VALUES (?1, 1, ?2) ON CONFLICT (id) DO NOTHING
                RETURNING rev";
            const OLD: &str = "UPDATE records SET rev = rev + 1, value = ?2 WHERE id = ?1 AND rev = ?3 RETURNING rev";
            let rev = |row: &Row<'_>| row.get(0).map(Rev);
            let revs: Vec<Rev> = match expect {
                None => {
                    connection.prepare_cached(NEW)?.query_map((&id, &value), rev)?.collect::<rusqlite::Result<_>>()?
                }
                Some(Rev(old)) => connection
                    .prepare_cached(OLD)?
                    .query_map((&id, &value, old), rev)?
                    .collect::<rusqlite::Result<_>>()?,
            };
            Ok(revs.first().copied())
        })
        .await
    }

    async fn remove_record(&self, id: &str, expect: Rev) -> Result<bool> {
        let id = id.to_owned();
        self.write_if_open(move |connection, _| {
            const SQL: &str = "DELETE FROM records WHERE id = ?1 AND rev = ?2";
            Ok(connection.prepare_cached(SQL)?.execute((&id, expect.0))? > 0)
        })
        .await
    }
}

/// Puts a record in the place of the one of its id.
pub(crate) fn put(connection: &Connection, Record { id, rev, value }: &Record) -> std::result::Result<(), Fault> {
    const SQL: &str = "INSERT OR REPLACE INTO records (id, rev, value) VALUES (?1, ?2, ?3)";
    connection.prepare_cached(SQL)?.execute((id, rev.0, value.to_string()))?;
    Ok(())
}
