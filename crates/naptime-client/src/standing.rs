//! How things stand: problems, the capacity plan, workers, and who is told.

use jiff::Timestamp;
use reqwest::Method;
use serde::Deserialize;
use uuid::Uuid;

use crate::client::{Client, Request};
use crate::error::Result;
use crate::item::Item;
use crate::list::Page;
use crate::time;

/// What needs somebody now.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Problems {
    /// As of when, by the clock of the database.
    #[serde(deserialize_with = "time::at")]
    pub at: Timestamp,
    /// The worst in one sentence; none if there is no problem.
    pub headline: Option<String>,
    /// How many there are, those included that are not listed.
    pub total: u64,
    /// The worst first.
    pub items: Vec<Item<Problem>>,
}

/// Something that needs somebody.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Problem {
    /// The same for as long as it lasts: `endpoint:01a2…`, `fleet:no_worker`.
    pub id: String,
    /// `failing`, `late`, `no_worker`, ...
    pub kind: String,
    /// `bad` or `warn`.
    pub severity: String,
    /// Whose it is, in words.
    pub title: String,
    /// The pool, if it is that of one or of an endpoint.
    pub pool: Option<String>,
    /// The tags of the endpoints whose problem it is.
    pub tags: Vec<String>,
    /// Since when, as far as that is known.
    #[serde(deserialize_with = "time::maybe")]
    pub since: Option<Timestamp>,
    /// What is wrong, as a sentence.
    pub cause: String,
    /// What may be done about it.
    pub remedy: Option<String>,
    /// What the target said last, or what went wrong.
    pub message: Option<String>,
}

/// How many workers the work takes. What is not known is none.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Plan {
    /// Calls due a second.
    pub rate_per_s: Option<f64>,
    /// How long a call takes, in milliseconds.
    pub mean_call_ms: Option<f64>,
    /// How many calls are under way at a time, on average.
    pub slots_needed: Option<f64>,
    /// How many calls the workers can make at a time.
    pub slots: u32,
    /// How many workers live.
    pub workers: u32,
    /// How many it takes.
    pub workers_needed: Option<u32>,
    /// What is late.
    pub late: Late,
}

/// What is late.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Late {
    /// How many calls.
    pub calls: u64,
    /// Why.
    pub because: Option<String>,
}

/// A worker.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Worker {
    /// Its id.
    pub id: Uuid,
    /// Its name: `brave-otter`.
    pub name: String,
    /// The machine that it runs on.
    pub host: String,
    /// The version of Naptime.
    pub version: String,
    /// The release of the time zones that it goes by.
    pub tzdb: Option<String>,
    /// The most calls that it makes at once.
    pub capacity: u32,
    /// The calls under way.
    pub held: u32,
    /// When it was started.
    #[serde(deserialize_with = "time::at")]
    pub started_at: Timestamp,
    /// When it last said that it lives.
    #[serde(deserialize_with = "time::at")]
    pub seen_at: Timestamp,
    /// Whether it lives.
    pub alive: bool,
    /// Whether it ends its calls and takes no more.
    pub stopping: bool,
    /// What its machine has run out of.
    pub trouble: Option<String>,
}

/// Whether what Naptime is run with is as it should be.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Checks {
    /// When that was looked at, by the clock of the database.
    #[serde(deserialize_with = "time::at")]
    pub at: Timestamp,
    /// The version of the server.
    pub version: String,
    /// Where the page is, as the server was told.
    pub url: Option<String>,
    /// What was found.
    pub items: Vec<Item<Check>>,
}

/// Something that was looked at, and what was found.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Check {
    /// What was looked at: `disk`.
    pub name: String,
    /// `ok`, `warn` or `bad`.
    pub state: String,
    /// What was found, as a sentence without a full stop.
    pub text: String,
    /// What may be done about it.
    pub remedy: Option<String>,
}

/// Who is told of problems.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Receiver {
    /// Its name.
    pub name: String,
    /// `webhook`, `slack`, `email`, ...
    pub kind: String,
    /// Whether it is sent anything.
    pub active: bool,
    /// `bad`: it is told only of what is bad. `warn` or none: of everything.
    pub severity: Option<String>,
}

impl Client {
    /// Looks whether the database answers and takes writes.
    ///
    /// # Errors
    /// See [`Error`](crate::Error); `Unexpected` says why the database is not ready.
    pub async fn ready(&self) -> Result<()> {
        self.look("readyz").await
    }

    /// What needs somebody now.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn problems(&self) -> Result<Problems> {
        self.ask(Request::new(Method::GET, &["problems"])).await
    }

    /// Looks whether what Naptime is run with is as it should be: the database, the workers, the time zones.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn checks(&self) -> Result<Checks> {
        self.ask(Request::new(Method::GET, &["checks"])).await
    }

    /// How many workers the work takes.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn plan(&self) -> Result<Item<Plan>> {
        self.ask(Request::new(Method::GET, &["plan"])).await
    }

    /// The workers, those included that ended a while ago.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn workers(&self) -> Result<Vec<Item<Worker>>> {
        Ok(self.ask::<Page<Worker>>(Request::new(Method::GET, &["workers"])).await?.items)
    }

    /// Who is told of problems.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn receivers(&self) -> Result<Vec<Item<Receiver>>> {
        Ok(self.ask::<Page<Receiver>>(Request::new(Method::GET, &["receivers"])).await?.items)
    }
}
