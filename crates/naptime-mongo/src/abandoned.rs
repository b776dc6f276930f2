//! Transactions that nobody ends, because their process died within one or was cut off.
//!
//! The server keeps such a transaction open for a minute. Until then nobody else can write what it has changed: a worker
//! that claims one of its jobs waits, and with it all that is due there. A lease is shorter, so they are looked for as
//! soon as a write takes long.

use std::time::Duration;

use futures::TryStreamExt;
use mongodb::Client;
use mongodb::bson::{Document, doc};
use naptime_store::Result;

use crate::MongoStore;
use crate::command::{self, MAX_TIME};

/// What connections are called, unless the connection string says otherwise.
pub const APP_NAME: &str = "naptime";

/// A write that takes longer may be held up.
const PATIENCE: Duration = Duration::from_secs(1);
/// Within our transactions one statement follows the other. One that waits for its next for longer is taken for abandoned;
/// if it was not, the driver begins it anew.
const IDLE: Duration = Duration::from_secs(2);

impl MongoStore {
    /// Waits for a write, and frees it of what holds it up.
    pub(crate) async fn freed<T>(&self, write: impl Future<Output = T>) -> T {
        freed(self.db.client(), &self.app, write).await
    }
}

/// Waits for a write. While it takes long, abandoned transactions are ended: those of clients of this name and of the same
/// user.
pub async fn freed<T>(client: &Client, app: &str, write: impl Future<Output = T>) -> T {
    let free = async {
        loop {
            tokio::time::sleep(PATIENCE).await;
            // Some services allow nobody to look. There the server's minute counts.
            if let Err(error) = end_abandoned(client.clone(), app.to_owned()).await {
                tracing::debug!(%error, "cannot look for abandoned transactions");
            }
        }
    };
    tokio::select! {
        biased;
        written = write => written,
        never = free => never,
    }
}

async fn end_abandoned(client: Client, app: String) -> Result<()> {
    let abandoned = doc! {
        "type": "idleSession",
        "appName": app,
        "transaction.timeInactiveMicros": {"$gt": i64::try_from(IDLE.as_micros()).unwrap_or(i64::MAX)},
    };
    let stages = vec![
        doc! {"$currentOp": {"allUsers": false, "idleSessions": true}},
        doc! {"$match": abandoned},
        doc! {"$project": {"_id": 0, "id": "$lsid.id"}},
    ];
    let end = async move {
        let admin = client.database("admin");
        let sessions: Vec<Document> = admin.aggregate(stages).max_time(MAX_TIME).await?.try_collect().await?;
        if !sessions.is_empty() {
            tracing::info!(count = sessions.len(), "ending transactions that a process has abandoned");
            admin.run_command(doc! {"killSessions": sessions}).await?;
        }
        Ok(())
    };
    command::bounded(end).await
}
