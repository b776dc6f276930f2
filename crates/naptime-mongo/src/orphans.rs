//! Orphans: open transactions whose process died, was stopped or was cut off.
//!
//! The server keeps such a transaction open for a minute, and what it has written is locked until then. A worker that
//! claims one of these jobs gets none of those that it claims along with it either. Therefore a write that takes long
//! looks for orphans and ends them.

use std::collections::HashMap;
use std::time::Duration;

use futures::TryStreamExt;
use mongodb::Client;
use mongodb::bson::{Document, Uuid, doc};
use mongodb::options::DriverInfo;
use naptime_store::Result;
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::command::{self, MAX_TIME};

/// How often a write that waits looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// A transaction that did nothing for so long is an orphan: in ours, one statement follows the other. If its process lives
/// all the same, the driver begins it anew.
const ORPHANED_AFTER: Duration = Duration::from_secs(2);
/// How our connections are told from others of the same user.
const WRAPPER: &str = "naptime";

/// Ends orphans while a write waits for them.
#[derive(Debug)]
pub struct Orphans {
    client: Client,
    seen: Mutex<Seen>,
}

/// What was seen by the last look.
#[derive(Debug, Default)]
struct Seen {
    at: Option<Instant>,
    /// Since when each transaction is known to have done nothing.
    idle: HashMap<Idle, Instant>,
}

/// An open transaction between two statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
struct Idle {
    session: Uuid,
    number: i64,
    /// How long it was at work so far: it grows by each statement.
    active_us: i64,
}

impl Orphans {
    /// Those that Naptime's processes leave on this server.
    pub fn of(client: Client) -> Self {
        Self { client, seen: Mutex::default() }
    }

    /// Waits for a write, and ends orphans while it takes long.
    pub async fn ending<T>(&self, write: impl Future<Output = T>) -> T {
        let look = async {
            loop {
                tokio::time::sleep(LOOK_EVERY).await;
                // Some services let nobody look. There the server's minute counts.
                if let Err(error) = self.look().await {
                    tracing::debug!(%error, "cannot look for orphaned transactions");
                }
            }
        };
        tokio::select! {
            biased;
            written = write => written,
            never = look => never,
        }
    }

    /// Ends those that have done nothing since they were seen. One look serves all writes that wait.
    async fn look(&self) -> Result<()> {
        let Ok(mut seen) = self.seen.try_lock() else { return Ok(()) };
        let asked = Instant::now();
        if seen.at.is_some_and(|at| asked - at < LOOK_EVERY) {
            return Ok(());
        }
        seen.at = Some(asked);
        let found = self.idle().await?;
        let orphans = seen.take(found, asked, Instant::now());
        if orphans.is_empty() { Ok(()) } else { self.end(&orphans).await }
    }

    async fn idle(&self) -> Result<Vec<Idle>> {
        let ours = doc! {
            "type": "idleSession",
            "transaction": {"$exists": true},
            "clientMetadata.driver.name": {"$regex": format!("\\|{WRAPPER}$")},
        };
        let shown = doc! {
            "session": "$lsid.id",
            "number": "$transaction.parameters.txnNumber",
            "active_us": "$transaction.timeActiveMicros",
        };
        let stages = [
            doc! {"$currentOp": {"allUsers": false, "idleSessions": true}},
            doc! {"$match": ours},
            doc! {"$project": shown},
        ];
        let admin = self.client.database("admin");
        command::bounded(async move {
            admin.aggregate(stages).max_time(MAX_TIME).with_type::<Idle>().await?.try_collect().await
        })
        .await
    }

    async fn end(&self, orphans: &[Uuid]) -> Result<()> {
        tracing::info!(count = orphans.len(), "ending transactions that a process has left open");
        let sessions: Vec<Document> = orphans.iter().map(|id| doc! {"id": id}).collect();
        command::run(&self.client.database("admin"), doc! {"killSessions": sessions}).await.map(drop)
    }
}

impl Seen {
    /// Takes in what was found by a look that was asked and answered at these moments. Returns the sessions of orphans.
    ///
    /// What was found holds for some moment between the two, so what counts is the time from the answer to one look until
    /// another is asked.
    fn take(&mut self, found: Vec<Idle>, asked: Instant, answered: Instant) -> Vec<Uuid> {
        self.idle = found.into_iter().map(|it| (it, self.idle.get(&it).copied().unwrap_or(answered))).collect();
        let is_orphan = |since: &Instant| asked.saturating_duration_since(*since) >= ORPHANED_AFTER;
        self.idle.iter().filter(|(_, since)| is_orphan(since)).map(|(it, _)| it.session).collect()
    }
}

/// What the driver tells the server of whom it works for.
pub(crate) fn driver_info() -> DriverInfo {
    DriverInfo::builder().name(WRAPPER.to_owned()).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_did_nothing_between_two_looks_is_an_orphan_however_long_a_look_takes() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let idle = |number, active_us| Idle { session: Uuid::from_bytes([1; 16]), number, active_us };
        let mut seen = Seen::default();
        assert_eq!(seen.take(vec![idle(1, 5)], at(0), at(3_000)), []);
        assert_eq!(seen.take(vec![idle(1, 5)], at(3_500), at(3_600)), [], "seen 0.6 s ago at the earliest");
        assert_eq!(seen.take(vec![idle(1, 5)], at(5_000), at(5_100)), [idle(1, 5).session]);
        assert_eq!(seen.take(vec![idle(1, 6)], at(6_000), at(6_100)), [], "it did something");
        assert_eq!(seen.take(vec![idle(2, 6)], at(9_000), at(9_100)), [], "it is another one");
    }
}
