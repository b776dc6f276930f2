//! Runs: one for each attempt at a call.

use jiff::Timestamp;
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::client::{Client, Request};
use crate::error::Result;
use crate::filter::Filter;
use crate::item::Item;
use crate::list::List;
use crate::time;

/// One attempt at a call that has ended.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Run {
    /// Its id, which is its own together with the job's.
    pub id: Uuid,
    /// The endpoint or the one-off job.
    pub job: Uuid,
    /// When it was due.
    #[serde(deserialize_with = "time::at")]
    pub due: Timestamp,
    /// When it began.
    #[serde(deserialize_with = "time::at")]
    pub started: Timestamp,
    /// When it ended.
    #[serde(deserialize_with = "time::at")]
    pub finished: Timestamp,
    /// How much later than due it began, in milliseconds.
    pub start_lag_ms: u64,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// `ok`, `failed`, `timeout`, ...
    pub outcome: String,
    /// The HTTP status of the answer, if there was one.
    pub status: Option<u16>,
    /// The first two lines of the answer, or what went wrong.
    pub message: String,
    /// The how many-eth attempt it was, from 1.
    pub attempt: u32,
    /// Whether somebody asked for it.
    pub manual: bool,
    /// Who called; none of occurrences that were not called because of an edit.
    pub worker: Option<WorkerName>,
}

/// A worker by id and name.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct WorkerName {
    /// Its id.
    pub id: Uuid,
    /// Its name: `brave-otter`.
    pub name: String,
}

impl Client {
    /// The runs of all jobs, the last to end first: by `outcome` (`bad`, or one), `job`, `worker`, `q`, `pool`, `tag`,
    /// `from`, `until`.
    pub fn runs(&self, filter: Filter) -> List<Run> {
        List::new(self, &["runs"], filter)
    }

    /// One run. Its JSON has a `transcript` of what was sent and answered, if that is kept.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn run(&self, job: Uuid, id: Uuid) -> Result<Item<Run>> {
        self.ask(Request::new(Method::GET, &["runs", &job.to_string(), &id.to_string()])).await
    }

    /// The log of a one-off job's attempts, newest first. One that is under way has no outcome yet, so these are as they
    /// were sent.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub fn attempts(&self, job: Uuid, filter: Filter) -> List<Value> {
        List::new(self, &["jobs", &job.to_string(), "runs"], filter)
    }
}
