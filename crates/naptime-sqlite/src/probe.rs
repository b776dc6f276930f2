//! Whether the file can be written, and checks of it for `naptime doctor`.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use naptime_core::Check;
use naptime_core::check::{bytes, disk, pace};
use naptime_store::{Error, Probe, Result};
use tokio::time::Instant;

use crate::SqliteStore;

/// How long a refused write counts. A small write may succeed where a larger one is refused.
const REFUSED_FOR: Duration = Duration::from_secs(5);
/// How many writes the time of one is taken from.
const TIMED_WRITES: usize = 5;
/// From here on a write is slow: two of them come before each call.
const SLOW_WRITE: Duration = Duration::from_millis(30);

#[async_trait]
impl Probe for SqliteStore {
    async fn probe(&self) -> Result<()> {
        if let Some(refused) = self.inner.writer.last_refused().filter(|it| it.at.elapsed() < REFUSED_FOR) {
            return Err(Error::Refused { refusal: refused.refusal, detail: refused.detail });
        }
        // A page is written, though nothing in it changes.
        self.write(|connection, _| Ok(connection.execute("UPDATE clock SET seen = seen", []).map(drop)?)).await
    }

    async fn examine(&self) -> Vec<Check> {
        vec![self.look_at_file().await, self.time_writes().await, look_at_disk(&self.inner.path)]
    }
}

impl SqliteStore {
    async fn look_at_file(&self) -> Check {
        let journal = |connection: &rusqlite::Connection, _| {
            Ok(connection.query_row("PRAGMA journal_mode", [], |row| row.get::<_, String>(0))?)
        };
        let (path, size) = (self.inner.path.display(), std::fs::metadata(&self.inner.path).map(|file| file.len()));
        match (self.read(journal).await, size) {
            (Ok(journal), Ok(size)) if journal == "wal" => {
                let text = format!("the database is the file {path} ({}), with a write-ahead log", bytes(size));
                Check::ok("database", text)
            }
            (Ok(journal), Ok(_)) => {
                let text = format!("the database is the file {path}, with the journal `{journal}` in place of `wal`");
                Check::bad("database", text, "keep it on a disk of this machine, and start Naptime again")
            }
            (Err(error), _) => Check::bad("database", format!("{path} cannot be read: {error}"), "look at its disk"),
            (_, Err(error)) => Check::bad("database", format!("{path} is gone: {error}"), "put it back"),
        }
    }

    async fn time_writes(&self) -> Check {
        let mut times = Vec::new();
        for _ in 0..TIMED_WRITES {
            let begun = Instant::now();
            if let Err(error) = self.probe().await {
                let text = format!("the database takes no writes: {error}");
                return Check::bad("writes", text, "nothing is called until it does");
            }
            times.push(begun.elapsed());
        }
        let what = "the database takes writes; to have one on disk";
        pace("writes", what, times, SLOW_WRITE, "use a faster disk: each call waits for it")
    }
}

/// How much room there is beside the file.
fn look_at_disk(file: &Path) -> Check {
    match rustix::fs::statvfs(file) {
        Ok(found) => {
            let size = |blocks: u64| blocks.saturating_mul(found.f_frsize);
            disk("the disk that it is on", size(found.f_bavail), size(found.f_blocks))
        }
        Err(error) => Check::unknown("disk", "how much room its disk has", error),
    }
}
