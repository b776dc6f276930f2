//! The algorithm of the program that Naptime replaces, written plainly, to compare with.
//!
//! A worker is a number of slots. Each slot takes the document at the head of the index on `next_update` by itself,
//! sets its lock and its next time, calls, unlocks, and adds a record to the log. Writes are acknowledged by a
//! majority, as Naptime's are; the original did less.

use std::time::Duration;

use anyhow::Result;
use mongodb::bson::{DateTime, Document, doc};
use mongodb::options::{ClientOptions, IndexOptions, WriteConcern};
use mongodb::{Client, Collection, IndexModel};
use naptime_core::Time;
use naptime_tests::mongo::Database;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::target::Target;

/// The slots of one worker.
pub(crate) const SLOTS: usize = 20;
/// How long a slot waits when nothing is due.
const PAUSE: Duration = Duration::from_millis(20);
/// How many documents are inserted at once.
const CHUNK: usize = 1_000;

/// Fills the database: endpoints of one period, the first due times as given.
pub(crate) async fn fill(database: &Database, target: &Target, period: Duration, due: &[Time]) -> Result<()> {
    let endpoints = database.open().await.collection::<Document>("endpoints");
    let index = IndexModel::builder().keys(doc! {"next_update": 1}).options(IndexOptions::default()).build();
    endpoints.create_index(index).await?;
    let period = i64::try_from(period.as_millis())?;
    let documents: Vec<Document> = (0_i64..)
        .zip(due)
        .map(|(id, due)| {
            let url = target.url(usize::try_from(id).unwrap_or_default());
            doc! {"_id": id, "url": url, "period": period, "next_update": DateTime::from_millis(due.millis()), "locked": false}
        })
        .collect();
    for chunk in documents.chunks(CHUNK) {
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
    /// Starts `workers` workers, each with connections of its own.
    pub(crate) async fn start(database: &Database, workers: usize) -> Result<Self> {
        let stop = CancellationToken::new();
        let mut slots = JoinSet::new();
        for _ in 0..workers {
            let mut options = ClientOptions::parse(&database.uri).await?;
            options.write_concern = Some(WriteConcern::majority());
            options.max_pool_size = Some(u32::try_from(SLOTS)?);
            let db = Client::with_options(options)?.database(&database.name);
            let http = naptime_tests::http::client();
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
    pub(crate) async fn stop(mut self) -> Result<()> {
        self.stop.cancel();
        while let Some(ended) = self.slots.join_next().await {
            ended??;
        }
        Ok(())
    }
}

struct Slot {
    endpoints: Collection<Document>,
    logs: Collection<Document>,
    http: reqwest::Client,
}

impl Slot {
    /// One round. Returns whether there was anything to do.
    async fn work(&self) -> Result<bool> {
        let now = DateTime::now();
        let filter = doc! {"next_update": {"$lte": now}, "locked": false};
        let next = doc! {"$add": [now, "$period"]};
        let update = vec![doc! {"$set": {"locked": true, "next_update": next}}];
        let found = self.endpoints.find_one_and_update(filter, update).sort(doc! {"next_update": 1}).await?;
        let Some(endpoint) = found else { return Ok(false) };

        let due = endpoint.get_datetime("next_update")?.timestamp_millis();
        let url = endpoint.get_str("url")?;
        let answer = self.http.get(url).header("naptime-due", Time::from_millis(due).to_string()).send().await?;
        let status = i32::from(answer.status().as_u16());
        let message = answer.text().await?;

        let id = endpoint.get_i64("_id")?;
        self.endpoints.update_one(doc! {"_id": id}, doc! {"$set": {"locked": false}}).await?;
        let log = doc! {"endpoint": id, "at": now, "finished": DateTime::now(), "status": status, "message": message};
        self.logs.insert_one(log).await?;
        Ok(true)
    }
}
