//! Sends requests, and reads what comes back.

use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::builder::Builder;
use crate::error::{Error, ProblemDocument, Result};
use crate::filter::Filter;
use crate::retry;

/// The longest answer that is read. A page of 500 has some 1 MiB.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;
/// How long an answer without an end may last.
const MAX_STREAM: Duration = Duration::from_secs(24 * 3600);
/// How much of an answer that is not Naptime's is shown.
const EXCERPT_CHARS: usize = 120;

/// A client of one server. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) http: reqwest::Client,
    pub(crate) server: Url,
    pub(crate) token: Option<HeaderValue>,
    pub(crate) patience: Duration,
}

/// A request to be sent, perhaps more than once.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    method: Method,
    /// The segments behind `/api`, not encoded.
    path: &'a [&'a str],
    filter: Option<&'a Filter>,
    /// Its type, and itself unless what was given cannot be written.
    body: Option<(&'static str, serde_json::Result<String>)>,
    streamed: Option<Streamed<'a>>,
    /// How long it may take, if that is longer than other requests may.
    timeout: Option<Duration>,
}

/// The answer has no end.
#[derive(Clone, Copy, Debug)]
struct Streamed<'a> {
    last_id: Option<&'a str>,
}

impl<'a> Request<'a> {
    pub(crate) fn new(method: Method, path: &'a [&'a str]) -> Self {
        Self { method, path, filter: None, body: None, streamed: None, timeout: None }
    }

    pub(crate) fn filtered(self, filter: &'a Filter) -> Self {
        Self { filter: Some(filter), ..self }
    }

    pub(crate) fn json(self, json: &impl Serialize) -> Self {
        Self { body: Some(("application/json", serde_json::to_string(json))), ..self }
    }

    /// A document on each line.
    pub(crate) fn lines(self, documents: &[impl Serialize]) -> Self {
        let lines = documents.iter().map(|document| serde_json::to_string(document).map(|line| line + "\n"));
        Self { body: Some(("application/x-ndjson", lines.collect())), ..self }
    }

    /// May take this long.
    pub(crate) fn taking(self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..self }
    }

    /// What is answered are events without an end, from behind the one of this id.
    pub(crate) fn streamed(self, last_id: Option<&'a str>) -> Self {
        Self { streamed: Some(Streamed { last_id }), ..self }
    }
}

impl Client {
    /// Begins a client of the server at this URL, such as `https://naptime.example.com`.
    ///
    /// # Errors
    /// [`Error::BadServer`] if it is no `http` or `https` URL, or one with a user, a query or a fragment.
    pub fn builder(server: &str) -> Result<Builder> {
        Builder::new(server)
    }

    /// The server's URL, without a slash at its end.
    pub fn server(&self) -> &str {
        self.server.as_str().trim_end_matches('/')
    }

    /// Sends a request and reads the answer.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, request: Request<'_>) -> Result<T> {
        let answer = self.send(request).await?;
        serde_json::from_value(answer).map_err(|error| self.unexpected(error.to_string()))
    }

    /// Sends a request. The answer is null if it has no body.
    pub(crate) async fn send(&self, request: Request<'_>) -> Result<Value> {
        let body = self.read(self.open(&request).await?).await?;
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&body).map_err(|_| self.unexpected(excerpt(&body)))
    }

    /// Sends a request. Of the answer, which is a good one, the body is still to come.
    pub(crate) async fn open(&self, request: &Request<'_>) -> Result<Response> {
        let mut left = self.patience;
        loop {
            let error = match self.open_once(request).await {
                Err(Error::Problem(problem)) => problem,
                other => return other,
            };
            match retry::pause(&request.method, &error) {
                Some(pause) if pause <= left => {
                    left -= pause;
                    tokio::time::sleep(pause).await;
                }
                _ => return Err(Error::Problem(error)),
            }
        }
    }

    /// Looks at a path beside the API that answers platforms with a line of text.
    pub(crate) async fn look(&self, path: &str) -> Result<()> {
        let mut url = self.server.clone();
        // An http URL always has a path.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push(path);
        }
        let response = self.http.get(url).send().await.map_err(|error| self.not_reachable(&error))?;
        if response.status().is_success() {
            return Ok(());
        }
        let body = self.read(response).await?;
        Err(self.unexpected(excerpt(&body)))
    }

    /// The same, without a second try.
    pub(crate) async fn open_once(&self, request: &Request<'_>) -> Result<Response> {
        let mut sent = self.http.request(request.method.clone(), self.url(request));
        if let Some(token) = &self.token {
            sent = sent.header(AUTHORIZATION, token.clone());
        }
        if let Some(timeout) = request.timeout {
            sent = sent.timeout(timeout);
        }
        if let Some((kind, body)) = &request.body {
            let body = body.as_ref().map_err(|error| Error::NotJson(error.to_string()))?;
            sent = sent.header(CONTENT_TYPE, *kind).body(body.clone());
        }
        if let Some(Streamed { last_id }) = request.streamed {
            sent = sent.header(ACCEPT, "text/event-stream").timeout(MAX_STREAM);
            sent = last_id.into_iter().fold(sent, |sent, id| sent.header("Last-Event-ID", id));
        }
        let response = sent.send().await.map_err(|error| self.not_reachable(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let body = self.read(response).await?;
        if status.as_u16() == 401 {
            return Err(Error::Unauthorized { server: self.server().to_owned() });
        }
        let retry_after = retry_after.map(Duration::from_secs);
        match serde_json::from_slice::<ProblemDocument>(&body) {
            Ok(problem) => Err(Error::Problem(Box::new(ProblemDocument { retry_after, ..problem }))),
            // A server that waits for its database says so in plain text.
            Err(_) if status.as_u16() == 503 && retry_after.is_some() => {
                Err(Error::Problem(Box::new(ProblemDocument::unavailable(excerpt(&body), retry_after))))
            }
            Err(_) => Err(self.unexpected(format!("{status} {}", excerpt(&body)))),
        }
    }

    async fn read(&self, mut response: Response) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| self.not_reachable(&error))? {
            if body.len() + part.len() > MAX_ANSWER_BYTES {
                return Err(self.unexpected("the answer has no end".to_owned()));
            }
            body.extend_from_slice(&part);
        }
        Ok(body)
    }

    fn url(&self, request: &Request<'_>) -> Url {
        let mut url = self.server.clone();
        // An http URL always has a path.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("api").extend(request.path);
        }
        if let Some(filter) = request.filter.filter(|filter| !filter.is_empty()) {
            url.query_pairs_mut().extend_pairs(filter.pairs());
        }
        url
    }

    fn not_reachable(&self, error: &reqwest::Error) -> Error {
        let why = if error.is_timeout() { "it took too long".to_owned() } else { root_cause(error) };
        Error::NotReachable { server: self.server().to_owned(), why }
    }

    /// The error of an answer that does not come.
    pub(crate) fn silent(&self) -> Error {
        Error::NotReachable { server: self.server().to_owned(), why: "it took too long".to_owned() }
    }

    fn unexpected(&self, why: String) -> Error {
        Error::Unexpected { server: self.server().to_owned(), why }
    }
}

/// The innermost error: `Connection refused`, where the outermost only says that a request failed.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// The beginning of a body on one line.
fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|it| !it.is_empty()).collect();
    words.join(" ").chars().take(EXCERPT_CHARS).collect()
}
