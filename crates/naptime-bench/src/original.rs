//! The algorithm of the program that Naptime replaces, written plainly, to compare with.
//!
//! A worker is a number of slots. Each slot takes the document at the head of the index on `next_update` by itself,
//! sets its lock and its next time, calls, unlocks, and adds a record to the log. Writes are acknowledged by a
//! majority, as Naptime's are; the original did less.

mod measure;

use std::time::Duration;

use anyhow::Result;
use mongodb::bson::{Bson, DateTime, Document, doc};
use mongodb::options::{ClientOptions, WriteConcern};
use mongodb::{Client, Collection, Database, IndexModel};
use naptime_core::Time;
use naptime_prove::Target;
use reqwest::Client as Http;
use serde::Deserialize;
use tokio::task::JoinSet;

pub use self::measure::{Measured, Original};
use crate::http;

/// The slots of one worker.
const SLOTS: u32 = 20;
/// How long a slot waits when nothing is due.
const PAUSE: Duration = Duration::from_millis(20);
/// How many documents are inserted at once.
const CHUNK: usize = 1_000;

/// Fills the database: an endpoint of the target for each first due time, with this period; without one, each is
/// called once.
async fn fill(db: &Database, target: &Target, every: Option<Duration>, due: &[Time]) -> Result<()> {
    let endpoints = db.collection::<Document>("endpoints");
    endpoints.create_index(IndexModel::builder().keys(doc! {"next_update": 1}).build()).await?;
    let period = every.map(|every| i64::try_from(every.as_millis()).unwrap_or(i64::MAX));
    let document = |(id, due): (usize, &Time)| {
        let first = DateTime::from_millis(due.millis());
        doc! {"_id": Bson::from(id as i64), "url": target.url(id), "period": period, "next_update": first, "locked": false}
    };
    let documents: Vec<Document> = due.iter().enumerate().map(document).collect();
    for chunk in documents.chunks(CHUNK) {
        endpoints.insert_many(chunk).await?;
    }
    Ok(())
}

/// Works as one worker on the database that `uri` names, for ever.
///
/// # Errors
/// If the database fails a slot.
pub async fn work(uri: &str) -> Result<()> {
    let mut options = ClientOptions::parse(uri).await?;
    options.write_concern = Some(WriteConcern::majority());
    options.max_pool_size = Some(SLOTS);
    let client = Client::with_options(options)?;
    let db = client.default_database().ok_or_else(|| anyhow::anyhow!("the URI names no database"))?;
    let http = http::client()?;
    let mut slots = JoinSet::new();
    for _ in 0..SLOTS {
        let slot = Slot { endpoints: db.collection("endpoints"), logs: db.collection("logs"), http: http.clone() };
        slots.spawn(async move {
            loop {
                if !slot.work().await? {
                    tokio::time::sleep(PAUSE).await;
                }
            }
        });
    }
    // A slot ends by an error only.
    slots.join_next().await.map_or(Ok(()), |ended| ended?)
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
    http: Http,
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
