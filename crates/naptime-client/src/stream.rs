//! What happens, as it happens.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt};
use jiff::Timestamp;
use reqwest::{Method, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::client::{Client, Request};
use crate::error::{Error, Result};
use crate::filter::Filter;
use crate::item::Item;
use crate::runs::Run;
use crate::sse::{Message, Parser};
use crate::standing::Problem;
use crate::time;

/// How long nothing may come. The server sends something every 15 s.
const MAX_SILENCE: Duration = Duration::from_secs(45);
/// The pause before a stream that ended is taken up.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest pause between two tries to take it up.
const MAX_PAUSE: Duration = Duration::from_secs(30);
/// How many things that were told are remembered, since another process of the server may tell them again.
const MAX_REMEMBERED: usize = 20_000;

/// What a stream tells.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The stream has begun, or goes on: what happens from now on is told.
    Open,
    /// A run has ended.
    Run(Item<Run>),
    /// The problems that are open. It comes at the beginning, and where changes may have been left out.
    Problems(Item<OpenProblems>),
    /// A problem opened, changed or ended.
    Problem(Item<ProblemChange>),
    /// An endpoint was added, edited or deleted.
    Endpoint(Item<EndpointChange>),
    /// Some events are missing, as they came too fast or the stream was interrupted for too long.
    Gap(Item<Gap>),
    /// The server is away, for the reason that is told; the stream tries on.
    Lost(String),
}

/// The problems that are open.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct OpenProblems {
    /// As of when.
    #[serde(deserialize_with = "time::at")]
    pub at: Timestamp,
    /// The worst first.
    pub items: Vec<Item<Problem>>,
}

/// What happened to a problem.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct ProblemChange {
    /// `opened`, `changed` or `ended`.
    pub event: String,
    /// When it was found.
    #[serde(deserialize_with = "time::at")]
    pub at: Timestamp,
    /// The problem; if it has ended, as it was.
    pub problem: Item<Problem>,
}

/// What happened to an endpoint.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct EndpointChange {
    /// Its id.
    pub id: Uuid,
    /// Its revision since then.
    pub rev: i64,
    /// `added`, `edited` or `deleted`.
    pub event: String,
    /// When it happened.
    #[serde(deserialize_with = "time::at")]
    pub at: Timestamp,
}

/// That some events are missing.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Gap {
    /// `runs`, `problems` or `endpoints`.
    pub kind: String,
    /// What happened until then was told.
    #[serde(deserialize_with = "time::at")]
    pub since: Timestamp,
}

impl Client {
    /// What happens, as it happens: `kinds` (`runs,problems,endpoints`; all unless it is said), and by `outcome`, `job`,
    /// `q`, `pool`, `tag` and `worker` of it.
    ///
    /// Where the connection breaks or the server is away, the stream takes itself up, goes on where it was, and tells
    /// nothing twice. It ends with the first error that this does not mend, such as a token that is no longer right, and
    /// with any error before it has begun.
    pub fn stream(&self, filter: Filter) -> BoxStream<'static, Result<Event>> {
        let follower = Follower {
            client: self.clone(),
            filter,
            last_id: None,
            connection: None,
            waiting: VecDeque::new(),
            told: Told::default(),
            pause: PAUSE,
            has_begun: false,
            is_lost: false,
        };
        stream::try_unfold(follower, Follower::next).boxed()
    }
}

/// A stream, and where it is.
struct Follower {
    client: Client,
    filter: Filter,
    last_id: Option<String>,
    connection: Option<(Response, Parser)>,
    waiting: VecDeque<Event>,
    told: Told,
    /// How long to wait before the next try.
    pause: Duration,
    has_begun: bool,
    is_lost: bool,
}

impl Follower {
    async fn next(mut self) -> Result<Option<(Event, Self)>> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Ok(Some((event, self)));
            }
            let Some((response, parser)) = &mut self.connection else {
                self.connect().await?;
                continue;
            };
            match timeout(MAX_SILENCE, response.chunk()).await {
                Ok(Ok(Some(part))) => {
                    let messages = parser.feed(&part).map_err(|_| self.unexpected("an event has no end"))?;
                    for message in messages {
                        self.take(message)?;
                    }
                }
                // The server ends a stream now and then.
                Ok(Ok(None) | Err(_)) | Err(_) => self.connection = None,
            }
        }
    }

    async fn connect(&mut self) -> Result<()> {
        if self.has_begun {
            sleep(self.pause).await;
        }
        let (client, has_begun, path) = (&self.client, self.has_begun, ["stream"]);
        let request = Request::new(Method::GET, &path).filtered(&self.filter).streamed(self.last_id.as_deref());
        let open = async { if has_begun { client.open_once(&request).await } else { client.open(&request).await } };
        let opened = timeout(client.patience + MAX_SILENCE, open).await;
        match opened.unwrap_or_else(|_| Err(client.silent())) {
            Ok(response) => {
                self.connection = Some((response, Parser::default()));
                (self.pause, self.has_begun, self.is_lost) = (PAUSE, true, false);
                self.waiting.push_back(Event::Open);
            }
            Err(error) if !self.has_begun || !passes(&error) => return Err(error),
            Err(error) => {
                let asked = if let Error::Problem(problem) = &error { problem.retry_after } else { None };
                self.pause = asked.unwrap_or(self.pause * 2).clamp(PAUSE, MAX_PAUSE);
                if !std::mem::replace(&mut self.is_lost, true) {
                    self.waiting.push_back(Event::Lost(error.to_string()));
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, message: Message) -> Result<()> {
        let Message { event, data, id } = message;
        let event = match &*event {
            "run" => {
                let run: Item<Run> = self.read(&data)?;
                self.told.is_new((run.job, run.id)).then_some(Event::Run(run))
            }
            "endpoint" => {
                let change: Item<EndpointChange> = self.read(&data)?;
                let rev = Uuid::from_u64_pair(0, change.rev.unsigned_abs());
                self.told.is_new((change.id, rev)).then_some(Event::Endpoint(change))
            }
            "problems" => Some(Event::Problems(self.read(&data)?)),
            "problem" => Some(Event::Problem(self.read(&data)?)),
            "gap" => Some(Event::Gap(self.read(&data)?)),
            // A later version may tell more.
            _ => None,
        };
        self.waiting.extend(event);
        self.last_id = id.or(self.last_id.take());
        Ok(())
    }

    fn read<T: DeserializeOwned>(&self, data: &str) -> Result<T> {
        serde_json::from_str(data).map_err(|error| self.unexpected(&error.to_string()))
    }

    fn unexpected(&self, why: &str) -> Error {
        Error::Unexpected { server: self.client.server().to_owned(), why: why.to_owned() }
    }
}

/// Whether what went wrong may be over soon. A proxy whose server is away answers for it, in a form of its own.
fn passes(error: &Error) -> bool {
    match error {
        Error::NotReachable { .. } | Error::Unexpected { .. } => true,
        Error::Problem(problem) => problem.status == 429 || problem.status >= 500,
        _ => false,
    }
}

/// What was told lately.
#[derive(Debug, Default)]
struct Told {
    keys: HashSet<(Uuid, Uuid)>,
    order: VecDeque<(Uuid, Uuid)>,
}

impl Told {
    /// Remembers a thing. Returns whether it was not told before.
    fn is_new(&mut self, key: (Uuid, Uuid)) -> bool {
        if !self.keys.insert(key) {
            return false;
        }
        self.order.push_back(key);
        if self.order.len() > MAX_REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.keys.remove(&oldest);
        }
        true
    }
}
