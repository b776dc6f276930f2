//! One-off jobs: what is called once.

use jiff::Timestamp;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::client::{Client, Request};
use crate::endpoints::LastRun;
use crate::error::{ProblemDocument, Result};
use crate::filter::Filter;
use crate::item::Item;
use crate::list::List;
use crate::time;

/// A one-off job, in a list or by itself.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Job {
    /// Its id.
    pub id: Uuid,
    /// `waiting`, `running`, `retrying`, `failed`, `done` or `cancelled`.
    pub state: String,
    /// What is called, credentials masked.
    pub url: String,
    /// The HTTP method.
    pub method: String,
    /// When it is to be called.
    #[serde(deserialize_with = "time::maybe")]
    pub at: Option<Timestamp>,
    /// The next attempt; none while it is called and once it is over.
    #[serde(deserialize_with = "time::maybe")]
    pub next_at: Option<Timestamp>,
    /// How many attempts have begun; 0 once it is over.
    pub attempt: u32,
    /// How the last attempt ended.
    pub last: Option<LastRun>,
    /// What its owner knows it by.
    pub key: Option<String>,
    /// A name, which may be blank.
    pub name: String,
    /// What whoever asked for it ought to know, such as that there is a job of its key already.
    #[serde(default)]
    pub note: Option<String>,
}

impl Job {
    /// Whether no attempt is to come.
    pub fn is_over(&self) -> bool {
        ["done", "failed", "cancelled"].contains(&&*self.state)
    }
}

/// What became of many jobs.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct ManyEnqueued {
    /// How many were added.
    pub added: usize,
    /// Of how many there was one of the same key already.
    pub existing: usize,
    /// How many cannot be used.
    pub refused: usize,
    /// What became of each, in the order that they were sent in.
    pub items: Vec<Enqueued>,
}

/// What became of one of many jobs.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Enqueued {
    /// Its place among those that were sent, from 1.
    pub line: usize,
    /// Its id, or that of the job of its key; none if it was refused.
    #[serde(default)]
    pub id: Option<Uuid>,
    /// Why it was refused.
    #[serde(default)]
    pub error: Option<ProblemDocument>,
}

impl Client {
    /// Asks for a one-off job: a [`NewJob`](crate::NewJob), or fields by the names of the API. If there is a job of its
    /// key already, that one is returned, with a `note`.
    ///
    /// # Errors
    /// See [`Error`](crate::Error); `Problem` names the fields that cannot be used.
    pub async fn enqueue(&self, job: &impl Serialize) -> Result<Item<Job>> {
        self.ask(Request::new(Method::POST, &["jobs"]).json(job)).await
    }

    /// Asks for many one-off jobs, at most 10,000 and 32 MiB of JSON. Each is added or refused by itself.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn enqueue_many<J: Serialize>(&self, jobs: &[J]) -> Result<ManyEnqueued> {
        self.ask(Request::new(Method::POST, &["jobs"]).lines(jobs)).await
    }

    /// The one-off jobs, newest first: by `state` (several with commas between), `q`, `pool`, `tag`.
    pub fn jobs(&self, filter: Filter) -> List<Job> {
        List::new(self, &["jobs"], filter)
    }

    /// One one-off job with all there is to it.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn job(&self, id: Uuid) -> Result<Item<Job>> {
        self.ask(Request::new(Method::GET, &["jobs", &id.to_string()])).await
    }

    /// Cancels a one-off job.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn cancel(&self, id: Uuid) -> Result<()> {
        self.send(Request::new(Method::DELETE, &["jobs", &id.to_string()])).await.map(drop)
    }

    /// Has a one-off job called again that failed or is done.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn retry(&self, id: Uuid) -> Result<Item<Job>> {
        self.ask(Request::new(Method::POST, &["jobs", &id.to_string(), "retry"])).await
    }
}
