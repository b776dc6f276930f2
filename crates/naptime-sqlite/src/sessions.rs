//! Sessions as rows.

use async_trait::async_trait;
use naptime_store::Result;
use naptime_store::sessions::{MAX_SESSIONS, Salt, SessionId, Sessions, began_within};

use crate::SqliteStore;

#[async_trait]
impl Sessions for SqliteStore {
    async fn salt(&self, new: Salt) -> Result<Salt> {
        self.write(move |connection, _| {
            connection.execute("INSERT OR IGNORE INTO salt (one, salt) VALUES (1, ?1)", [new])?;
            Ok(connection.query_row("SELECT salt FROM salt", [], |row| row.get(0))?)
        })
        .await
    }

    async fn begin_session(&self, id: SessionId) -> Result<()> {
        self.write(move |connection, now| {
            const ENDED: &str = "DELETE FROM sessions WHERE NOT (began > ?1 AND began <= ?2)";
            const TOO_MANY: &str = "DELETE FROM sessions WHERE id IN (
                SELECT id FROM sessions ORDER BY began DESC, id DESC LIMIT -1 OFFSET ?1)";
            const BEGIN: &str = "INSERT OR REPLACE INTO sessions (id, began) VALUES (?1, ?2)";
            let (after, until) = began_within(now);
            connection.prepare_cached(ENDED)?.execute((after.millis(), until.millis()))?;
            connection.prepare_cached(TOO_MANY)?.execute([i64::try_from(MAX_SESSIONS - 1).unwrap_or(i64::MAX)])?;
            connection.prepare_cached(BEGIN)?.execute((id.0, now.millis()))?;
            Ok(())
        })
        .await
    }

    async fn has_session(&self, id: SessionId) -> Result<bool> {
        self.read(move |connection, now| {
            const SQL: &str = "SELECT EXISTS (SELECT 1 FROM sessions WHERE id = ?1 AND began > ?2 AND began <= ?3)";
            let (after, until) = began_within(now);
            let found =
                connection.prepare_cached(SQL)?.query_row((id.0, after.millis(), until.millis()), |row| row.get(0));
            Ok(found?)
        })
        .await
    }

    async fn end_session(&self, id: SessionId) -> Result<()> {
        self.write(move |connection, _| {
            connection.prepare_cached("DELETE FROM sessions WHERE id = ?1")?.execute([id.0])?;
            Ok(())
        })
        .await
    }
}
