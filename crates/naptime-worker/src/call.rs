//! Outbound calls, and every rule they obey.
//!
//! | rule | where |
//! |---|---|
//! | the deadline covers name lookup, connection, TLS and the whole answer | [`Caller::call`] |
//! | only permitted addresses are connected to, whatever name they hide behind | [`Caller::call`], `resolve` |
//! | redirects are not followed, proxies in the environment not used, cookies not kept, bodies not inflated | `client` |
//! | of an answer's body, 64 KiB are read; then the connection is dropped and the status decides | `read_body` |
//! | which statuses mean success is for the job to say | `outcome` |
//! | nothing that may have reached the target is sent twice | below |
//! | every end of a call has a named outcome, found by the types of the errors | `fault` |
//!
//! **No automatic resend.** Retries are decided by the job's [`Retry`](naptime_core::Retry) and nowhere else, so
//! reqwest's own are off. What remains is hyper's: it takes another connection if the pooled one turned out to be
//! closed while the request was still waiting in front of it, not a byte of it written. From the moment the request is
//! handed to a connection hyper never sends it again; if the target closes just then, nobody can know how far it got,
//! and the call ends as `connection_reset`. To make that rare, an idle connection is kept for less time than servers
//! keep theirs.

mod answer;
mod fault;
mod resolve;

use std::sync::Arc;
use std::time::Duration;

use naptime_core::{AllowedNetworks, Endpoint, JobId, Outcome, Request, Statuses, Time};
use reqwest::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, ClientBuilder, Response, StatusCode};
use url::{Host, Url};

use fault::Fault;
use resolve::{Blocked, Resolver};

/// How much of an answer's body is read, in bytes.
pub const MAX_ANSWER: usize = 64 * 1024;

/// How much of it is kept in memory, to find the first lines in.
const KEPT: usize = 4 * 1024;

/// How long a connection may idle before it is closed. Shorter than the 2 s of the least patient servers in common use
/// (gunicorn; Node, Apache and uvicorn wait 5 s), longer than the shortest usual period.
const POOL_IDLE: Duration = Duration::from_millis(1_500);

/// Makes calls. One serves a whole worker; a clone shares its connections.
#[derive(Clone, Debug)]
pub struct Caller {
    client: Client,
    networks: Arc<AllowedNetworks>,
}

/// The headers with which Naptime says what a call is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallHeaders {
    /// `Idempotency-Key`: the same for every attempt at one occurrence, and for no other.
    pub idempotency_key: String,
    /// `Naptime-Due`: the occurrence, or when the call was asked for.
    pub due: Time,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// How it ended.
    pub outcome: Outcome,
    /// The HTTP status, if it came. It did even if the body after it took too long or was cut.
    pub status: Option<u16>,
    /// The first two lines of the body that say something, or what went wrong; at most
    /// [`MAX_MESSAGE`](naptime_core::run::MAX_MESSAGE) characters, without query strings.
    pub message: String,
    /// The pause that the target asked for, with status 429 or 503.
    pub retry_after: Option<Duration>,
    /// The period that the target asked for (`Naptime-Every`), as it wrote it, with a whole 2xx answer.
    pub every: Option<String>,
}

/// The HTTP client could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client cannot be set up")]
pub struct SetupError(#[from] reqwest::Error);

impl CallHeaders {
    /// Those of a call of `job` for the occurrence `due`; if it is `manual`, `due` is when it was asked for.
    pub fn new(job: JobId, due: Time, manual: bool) -> Self {
        let kind = if manual { "-manual" } else { "" };
        Self { idempotency_key: format!("{job}-{}{kind}", due.millis()), due }
    }
}

impl Caller {
    /// A caller that reaches the public internet and `networks`, and calls itself `Naptime/<version>`.
    ///
    /// # Errors
    /// If TLS cannot be set up, or the version cannot be sent as a header.
    pub fn new(networks: AllowedNetworks, version: &str) -> Result<Self, SetupError> {
        // Whoever installed a provider before us chose it for the process; any will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let networks = Arc::new(networks);
        let client = client(&networks, version).build().or_else(|error| {
            // A slim container has no CA certificates, and needs none for plain HTTP. HTTPS calls then end as `tls`.
            let client = client(&networks, version).tls_certs_only([]).build()?;
            tracing::warn!(%error, "no CA certificates on this machine: all https calls will fail");
            Ok::<_, reqwest::Error>(client)
        })?;
        Ok(Self { client, networks })
    }

    /// Makes a call, within the timeout of `request`. It ends well with one of the statuses of `success`. Dropping the
    /// future aborts the call and its connection.
    pub async fn call(
        &self,
        endpoint: &Endpoint,
        request: &Request,
        success: &Statuses,
        headers: &CallHeaders,
    ) -> Answer {
        // Set as soon as the status is known, so that it is kept if the body never ends.
        let mut head = None;
        let mut every = None;
        let exchange = async {
            let outgoing = self.outgoing(endpoint, request, headers)?;
            let mut response = self.client.execute(outgoing).await?;
            let status = response.status();
            head = Some((status, answer::retry_after(status, response.headers())));
            let body = read_body(&mut response).await?;
            every = answer::every(status, response.headers());
            let outcome = outcome(status, success);
            let message = match outcome {
                Outcome::RedirectNotFollowed => answer::redirect_message(status, response.headers(), response.url()),
                _ => answer::message(outcome, status, response.headers(), &body),
            };
            Ok::<_, Fault>((outcome, message))
        };
        let (outcome, message) = match tokio::time::timeout(request.timeout, exchange).await {
            Ok(Ok(end)) => end,
            Ok(Err(fault)) => (fault.outcome, fault.message),
            Err(_) => {
                let limit = naptime_core::duration::show(request.timeout);
                let what = if head.is_some() { "the answer was not complete" } else { "no answer" };
                (Outcome::Timeout, format!("{what} within {limit}"))
            }
        };
        Answer {
            outcome,
            status: head.map(|(status, _)| status.as_u16()),
            message: answer::clip(&message),
            retry_after: head.and_then(|(_, pause)| pause),
            every,
        }
    }

    /// The request as it is sent.
    fn outgoing(&self, endpoint: &Endpoint, request: &Request, own: &CallHeaders) -> Result<reqwest::Request, Fault> {
        let unsendable = |what: &str| Fault::new(Outcome::ConnectionFailed, format!("the {what} cannot be sent"));
        let url = Url::parse(&endpoint.to_string()).map_err(|_| unsendable("URL"))?;
        // The client does not ask its resolver about these.
        let literal = match url.host() {
            Some(Host::Ipv4(ip)) => Some(ip.into()),
            Some(Host::Ipv6(ip)) => Some(ip.into()),
            Some(Host::Domain(_)) | None => None,
        };
        if let Some(ip) = literal.filter(|ip| !self.networks.permits(*ip)) {
            return Err(Fault::from(&Blocked { host: ip.to_string() }));
        }
        let method = request.method.as_str().parse().map_err(|_| unsendable("method"))?;
        let mut outgoing = reqwest::Request::new(method, url);
        let headers = outgoing.headers_mut();
        for (name, value) in request.headers.iter() {
            let name = name.parse::<HeaderName>().map_err(|_| unsendable("headers"))?;
            headers.append(name, HeaderValue::from_str(value).map_err(|_| unsendable("headers"))?);
        }
        let key = HeaderValue::from_str(&own.idempotency_key).map_err(|_| unsendable("idempotency key"))?;
        let due = HeaderValue::from_str(&own.due.to_string()).map_err(|_| unsendable("due time"))?;
        headers.insert(HeaderName::from_static("idempotency-key"), key);
        headers.insert(HeaderName::from_static("naptime-due"), due);
        *outgoing.body_mut() = request.body.clone().map(Into::into);
        Ok(outgoing)
    }
}

/// The client's settings.
fn client(networks: &Arc<AllowedNetworks>, version: &str) -> ClientBuilder {
    Client::builder()
        .user_agent(format!("Naptime/{version}"))
        .default_headers(HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("*/*"))]))
        .dns_resolver(Resolver::new(Arc::clone(networks)))
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .no_proxy()
        // Off already unless another crate switches the features on.
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        .tcp_nodelay(true)
        .pool_idle_timeout(POOL_IDLE)
        // More could be under way than is ever read: these bound what a target makes us hold.
        .http2_initial_stream_window_size(u32::try_from(MAX_ANSWER).ok())
        .http2_initial_connection_window_size(1024 * 1024)
}

/// Reads the body up to [`MAX_ANSWER`] and returns its beginning. What is longer stays unread; dropping the response
/// then closes the connection.
async fn read_body(response: &mut Response) -> Result<Vec<u8>, reqwest::Error> {
    let (mut kept, mut read) = (Vec::new(), 0);
    while let Some(chunk) = response.chunk().await? {
        let room = KEPT - kept.len();
        kept.extend_from_slice(&chunk[..chunk.len().min(room)]);
        read += chunk.len();
        if read >= MAX_ANSWER {
            break;
        }
    }
    Ok(kept)
}

/// How a call with this status ended.
fn outcome(status: StatusCode, success: &Statuses) -> Outcome {
    match status.as_u16() {
        status if success.contains(status) => Outcome::Ok,
        300..=399 => Outcome::RedirectNotFollowed,
        _ => Outcome::Failed,
    }
}
