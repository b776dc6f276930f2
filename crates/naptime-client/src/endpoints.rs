//! Endpoints: what is called again and again.

use jiff::Timestamp;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::client::{Client, Request};
use crate::error::Result;
use crate::filter::Filter;
use crate::item::Item;
use crate::list::List;
use crate::runs::Run;
use crate::time;

/// An endpoint, in a list or by itself.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Endpoint {
    /// Its id.
    pub id: Uuid,
    /// What is called, credentials masked.
    pub url: String,
    /// The scheme and host of the URL.
    pub pool: String,
    /// The HTTP method.
    pub method: String,
    /// A name, which may be blank.
    pub name: String,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// What its owner knows it by.
    #[serde(default)]
    pub key: Option<String>,
    /// When it is called.
    pub schedule: Schedule,
    /// Whether it is switched on.
    pub active: bool,
    /// The next call; none if there is none to come.
    #[serde(deserialize_with = "time::maybe")]
    pub due: Option<Timestamp>,
    /// Whether it is being called.
    pub held: bool,
    /// When somebody asked for a call that has not begun; only of one by itself.
    #[serde(default, deserialize_with = "time::maybe")]
    pub asked_at: Option<Timestamp>,
    /// How the last call ended.
    pub last: Option<LastRun>,
    /// How the calls of the last 24 hours went; none without calls.
    #[serde(default)]
    pub last_day: Option<LastDay>,
    /// What is wrong with it by how its last calls ended.
    pub trouble: Option<Trouble>,
    /// The number that each edit raises.
    pub rev: i64,
    /// When it was deleted.
    #[serde(deserialize_with = "time::maybe")]
    pub deleted_at: Option<Timestamp>,
    /// What is to be said of an addition: that nothing was added, as an endpoint has this key.
    #[serde(default)]
    pub note: Option<String>,
}

/// When an endpoint is called.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Schedule {
    /// `every`, `cron` or `random`.
    pub kind: String,
    /// All of it in words: `every 5m`.
    pub text: String,
    /// `{"until", "note"}`, as it was set. A pause may be over.
    #[serde(default)]
    pub pause: Option<Value>,
}

/// How the last call ended.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct LastRun {
    /// When it was due.
    #[serde(deserialize_with = "time::at")]
    pub due: Timestamp,
    /// When it began.
    #[serde(deserialize_with = "time::at")]
    pub started: Timestamp,
    /// When it ended.
    #[serde(deserialize_with = "time::at")]
    pub finished: Timestamp,
    /// `ok`, `failed`, `timeout`, ...
    pub outcome: String,
    /// The HTTP status of the answer, if there was one.
    pub status: Option<u16>,
    /// The beginning of the answer, or what went wrong.
    pub message: String,
}

/// How the calls of the last 24 hours went.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct LastDay {
    /// How many there were.
    pub calls: u64,
    /// How many ended well.
    pub ok: u64,
    /// The share of those, from 0 to 1.
    pub success: f64,
    /// How late 99 of 100 left at most, further attempts left out.
    pub lag_p99_ms: Option<u64>,
}

/// What is wrong with an endpoint.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Trouble {
    /// `failing`, `put_off` or `flapping`.
    pub kind: String,
    /// Since when.
    #[serde(deserialize_with = "time::at")]
    pub since: Timestamp,
}

impl Client {
    /// Adds an endpoint: a [`NewEndpoint`](crate::NewEndpoint), or fields by the names of the API.
    ///
    /// # Errors
    /// See [`Error`](crate::Error); `Problem` names the fields that cannot be used.
    pub async fn add(&self, endpoint: &impl Serialize) -> Result<Item<Endpoint>> {
        self.ask(Request::new(Method::POST, &["endpoints"]).json(endpoint)).await
    }

    /// The endpoints: by `q`, `pool`, `tag`, `active`, `state`, `outcome`, or `deleted=true`.
    pub fn endpoints(&self, filter: Filter) -> List<Endpoint> {
        List::new(self, &["endpoints"], filter)
    }

    /// One endpoint with all there is to it.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn endpoint(&self, id: Uuid) -> Result<Item<Endpoint>> {
        self.ask(Request::new(Method::GET, &["endpoints", &id.to_string()])).await
    }

    /// The endpoint of a key.
    ///
    /// # Errors
    /// See [`Error`](crate::Error); [`is_not_found`](crate::Error::is_not_found) if there is none.
    pub async fn endpoint_by_key(&self, key: &str) -> Result<Item<Endpoint>> {
        self.ask(Request::new(Method::GET, &["endpoints", "by-key", key])).await
    }

    /// Adds the endpoint of a key, or makes it what the fields say: one that is not named has its default, but for
    /// `active` and `pause`, which stay. What is as it was makes no new revision.
    ///
    /// # Errors
    /// See [`Error`](crate::Error); `Problem` names the fields that cannot be used.
    pub async fn put_by_key(&self, key: &str, fields: &impl Serialize) -> Result<Item<Endpoint>> {
        self.ask(Request::new(Method::PUT, &["endpoints", "by-key", key]).json(fields)).await
    }

    /// Changes the fields that are named; one that is null has its default again.
    ///
    /// # Errors
    /// See [`Error`](crate::Error); `Problem` names the fields that cannot be used.
    pub async fn change(&self, id: Uuid, fields: &impl Serialize) -> Result<Item<Endpoint>> {
        self.ask(Request::new(Method::PATCH, &["endpoints", &id.to_string()]).json(fields)).await
    }

    /// Deletes an endpoint. It can be restored while its runs are kept.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn delete(&self, id: Uuid) -> Result<()> {
        self.send(Request::new(Method::DELETE, &["endpoints", &id.to_string()])).await.map(drop)
    }

    /// Restores a deleted endpoint. It comes back switched off.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn restore(&self, id: Uuid) -> Result<Item<Endpoint>> {
        self.ask(Request::new(Method::POST, &["endpoints", &id.to_string(), "restore"])).await
    }

    /// Asks for a call now, whether or not the endpoint is switched on. The call itself is still to come.
    ///
    /// # Errors
    /// See [`Error`](crate::Error); the code is `pool_off` if nothing of its host is called.
    pub async fn call(&self, id: Uuid) -> Result<Item<Endpoint>> {
        self.ask(Request::new(Method::POST, &["endpoints", &id.to_string(), "call"])).await
    }

    /// The runs of an endpoint, newest first.
    pub fn runs_of(&self, id: Uuid, filter: Filter) -> List<Run> {
        List::new(self, &["endpoints", &id.to_string(), "runs"], filter)
    }
}
