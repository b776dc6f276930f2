//! Wakes workers that sleep: a document in a small capped collection, which each follows with a cursor that the server
//! keeps open. Unlike a change stream, that costs the server nothing for what is written elsewhere.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::error::Error as DriverError;
use mongodb::{ClientSession, Database};
use naptime_core::Job;
use naptime_store::{Clock, Result, is_soon};
use tokio::sync::Mutex;

use crate::schema::is_there;
use crate::{MongoStore, command};

/// The collection.
const WAKES: &str = "wakes";
/// How large it is: a few dozen documents, in bytes.
const BYTES: i64 = 4096;
/// How long the server waits for the next document before it says that there is none.
const AWAITS: Duration = Duration::from_secs(5);
/// How long its answer is waited for.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// What a process knows of wakes.
#[derive(Default)]
pub(crate) struct Wakes {
    following: Mutex<Option<Following>>,
    /// Whether one is about to be sent.
    is_pending: AtomicBool,
}

/// The cursor that follows the collection.
struct Following {
    session: ClientSession,
    cursor: i64,
}

impl MongoStore {
    /// Wakes workers if one of these jobs is due soon.
    pub(crate) fn wake_if_soon<'a>(&self, jobs: impl IntoIterator<Item = &'a Job>) {
        let now = self.now();
        if jobs.into_iter().any(|job| is_soon(job.state.claim_at(), now)) {
            self.wake_workers();
        }
    }

    /// Wakes workers in a moment. If that fails, they find out for themselves some seconds later.
    pub(crate) fn wake_workers(&self) {
        // One that has not been sent yet is for this reason, too.
        if self.wakes.is_pending.swap(true, Ordering::AcqRel) {
            return;
        }
        let store = self.clone();
        tokio::spawn(async move {
            store.wakes.is_pending.store(false, Ordering::Release);
            if let Err(error) = store.send_wake().await {
                tracing::debug!(%error, "cannot wake the workers");
            }
        });
    }

    /// Not by a majority: the job is what must not be lost.
    pub(crate) async fn send_wake(&self) -> Result<()> {
        command::run(&self.db, doc! {"insert": WAKES, "documents": [{}], "writeConcern": {"w": 1}}).await.map(drop)
    }

    /// Waits for the next wake. Returns whether there was one, or may have been.
    pub(crate) async fn next_wake(&self) -> Result<bool> {
        let mut following = self.wakes.following.lock().await;
        let db = self.db.clone();
        let Some(Following { mut session, cursor }) = following.take() else {
            let follow = async move { follow(&db).await };
            *following = Some(command::bounded(follow).await?);
            return Ok(true);
        };
        let awaits = i64::try_from(AWAITS.as_millis()).unwrap_or(i64::MAX);
        let more = doc! {"getMore": cursor, "collection": WAKES, "maxTimeMS": awaits};
        let more = async move {
            let reply = db.run_command(more).session(&mut session).await?;
            Ok((session, batch(&reply, "nextBatch")))
        };
        let (session, (cursor, count)) = command::bounded_by(ANSWERS_WITHIN, more).await?;
        *following = (cursor != 0).then_some(Following { session, cursor });
        Ok(count > 0)
    }
}

/// Opens a cursor behind what is there.
async fn follow(db: &Database) -> mongodb::error::Result<Following> {
    let mut session = db.client().start_session().await?;
    let find = doc! {"find": WAKES, "tailable": true, "awaitData": true};
    for _ in 0..2 {
        let reply = db.run_command(find.clone()).session(&mut session).await?;
        let (cursor, _) = batch(&reply, "firstBatch");
        if cursor != 0 {
            return Ok(Following { session, cursor });
        }
        // The server follows no collection that is not there, or is empty.
        match db.create_collection(WAKES).capped(true).size(BYTES.unsigned_abs()).await {
            Err(error) if !is_there(&error) => return Err(error),
            _ => {}
        }
        db.run_command(doc! {"insert": WAKES, "documents": [{}]}).await?;
    }
    Err(DriverError::custom("the collection of wakes cannot be followed"))
}

/// The cursor of a reply, and how many documents came with it.
fn batch(reply: &Document, batch: &str) -> (i64, usize) {
    let cursor = reply.get_document("cursor").ok();
    let count = cursor.and_then(|cursor| cursor.get_array(batch).ok()).map_or(0, Vec::len);
    (cursor.and_then(|cursor| cursor.get_i64("id").ok()).unwrap_or(0), count)
}
