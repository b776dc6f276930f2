//! Whether the file can be written.

use std::time::Duration;

use async_trait::async_trait;
use naptime_store::{Error, Probe, Result};

use crate::SqliteStore;

/// How long a refused write counts. A small write may succeed where a larger one is refused.
const REFUSED_FOR: Duration = Duration::from_secs(5);

#[async_trait]
impl Probe for SqliteStore {
    async fn probe(&self) -> Result<()> {
        if let Some(refused) = self.inner.writer.last_refused().filter(|it| it.at.elapsed() < REFUSED_FOR) {
            return Err(Error::Refused { refusal: refused.refusal, detail: refused.detail });
        }
        // A page is written, though nothing in it changes.
        self.write(|connection, _| Ok(connection.execute("UPDATE clock SET seen = seen", []).map(drop)?)).await
    }
}
