//! The algorithm of the program that Naptime replaces, written plainly, to compare with.
//!
//! A worker is a number of slots. Each slot takes the document at the head of the index on `next_update` by itself,
//! sets its lock and its next time, calls, unlocks, and adds a record to the log. Writes are acknowledged by a
//! majority, as Naptime's are; the original did less.

use std::time::Duration;

use mongodb::bson::{Bson, DateTime, Document, doc};
use mongodb::options::{ClientOptions, WriteConcern};
use mongodb::{Client, Collection, Database, IndexModel};
use naptime_core::Time;
use serde::Deserialize;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::error::Result;
use crate::ground::Ground;
use crate::http;
use crate::target::Target;

/// The slots of one worker.
const SLOTS: u32 = 20;
/// How long a slot waits when nothing is due.
const PAUSE: Duration = Duration::from_millis(20);
/// How many documents are inserted at once.
const CHUNK: usize = 1_000;

/// Fills the database: an endpoint of the target for each first due time, with this period; without one, each is
/// called once.
pub(crate) async fn fill(
    db: &Database,
    target: &Target,
    every: Option<Duration>,
    due: &[Time],
    ground: &Ground,
) -> Result<()> {
    let endpoints = db.collection::<Document>("endpoints");
    endpoints.create_index(IndexModel::builder().keys(doc! {"next_update": 1}).build()).await?;
    let period = every.map(|every| i64::try_from(every.as_millis()).unwrap_or(i64::MAX));
    let document = |(id, due): (usize, &Time)| {
        let first = DateTime::from_millis(due.millis());
        doc! {"_id": Bson::from(id as i64), "url": target.url(id), "period": period, "next_update": first, "locked": false}
    };
    let documents: Vec<Document> = due.iter().enumerate().map(document).collect();
    for chunk in documents.chunks(CHUNK) {
        ground.go_on()?;
        endpoints.insert_many(chunk).await?;
    }
    Ok(())
}

/// Workers at work. They end when this is stopped or dropped.
pub(crate) struct Reference {
    stop: CancellationToken,
    slots: JoinSet<Result<()>>,
}

impl Reference {
    /// Starts `workers` workers on the database `name`, each with connections of its own.
    pub(crate) async fn start(uri: &str, name: &str, workers: usize) -> Result<Self> {
        let stop = CancellationToken::new();
        let mut slots = JoinSet::new();
        for _ in 0..workers {
            let mut options = ClientOptions::parse(uri).await?;
            options.write_concern = Some(WriteConcern::majority());
            options.max_pool_size = Some(SLOTS);
            let db = Client::with_options(options)?.database(name);
            let http = http::client()?;
            for _ in 0..SLOTS {
                let slot =
                    Slot { endpoints: db.collection("endpoints"), logs: db.collection("logs"), http: http.clone() };
                let stop = stop.clone();
                slots.spawn(async move {
                    while !stop.is_cancelled() {
                        if !slot.work().await? {
                            tokio::time::sleep(PAUSE).await;
                        }
                    }
                    Ok(())
                });
            }
        }
        Ok(Self { stop, slots })
    }

    /// Lets the slots finish what they are at.
    ///
    /// # Errors
    /// What ended a slot before its time: the database failed it.
    pub(crate) async fn stop(mut self) -> Result<()> {
        self.stop.cancel();
        while let Some(ended) = self.slots.join_next().await {
            // Nobody aborts a slot, and none panics.
            ended.unwrap_or(Ok(()))?;
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Endpoint {
    _id: i64,
    url: String,
    next_update: DateTime,
}

struct Slot {
    endpoints: Collection<Endpoint>,
    logs: Collection<Document>,
    http: reqwest::Client,
}

impl Slot {
    /// One round. Returns whether there was anything to do.
    async fn work(&self) -> Result<bool> {
        let now = DateTime::now();
        let filter = doc! {"next_update": {"$lte": now}, "locked": false};
        // Without a period it is null, which no filter by a date finds.
        let next = doc! {"$add": [now, "$period"]};
        let update = vec![doc! {"$set": {"locked": true, "next_update": next}}];
        let found = self.endpoints.find_one_and_update(filter, update).sort(doc! {"next_update": 1}).await?;
        let Some(endpoint) = found else { return Ok(false) };

        // The document is as it was before the update.
        let Endpoint { _id: id, url, next_update } = endpoint;
        let due = Time::from_millis(next_update.timestamp_millis());
        let answer = http::call(&self.http, &url, &format!("{id}-{}", due.millis()), due).await;
        // A call that fails is written down like any other.
        let (status, message) = answer.unwrap_or_else(|error| (0, error.to_string()));

        self.endpoints.update_one(doc! {"_id": id}, doc! {"$set": {"locked": false}}).await?;
        let (status, finished) = (i32::from(status), DateTime::now());
        let log = doc! {"endpoint": id, "at": now, "finished": finished, "status": status, "message": message};
        self.logs.insert_one(log).await?;
        Ok(true)
    }
}
