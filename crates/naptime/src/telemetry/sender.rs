//! How requests reach the collector.

use std::error::Error;
use std::iter;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response, ResponseBodyTooLarge};
use tokio::runtime::Handle;
use tokio::time::Instant;

/// How long a request may take; what the specification has for an export.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The longest answer that is read, in bytes. It says how many items were refused, and why.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// How often the log says at most that nothing can be sent.
const COMPLAINT_EVERY: Duration = Duration::from_secs(60);

/// What the HTTP client is set up for.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClientSettings {
    /// Whether a collector speaks TLS. Otherwise this machine needs no certificates.
    pub(super) tls: bool,
    /// Whether the collector is on this machine, where no proxy of the network reaches it.
    pub(super) here: bool,
}

/// Sends requests. Clones share their connections.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    http: reqwest::Client,
    /// The SDK sends from threads of its own, where the client finds no runtime.
    runtime: Handle,
    complained: Arc<Mutex<Option<Instant>>>,
}

impl Sender {
    pub(super) fn new(runtime: Handle, settings: ClientSettings) -> reqwest::Result<Self> {
        // reqwest is built without a cryptography of its own. An error says that one is chosen already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            // The headers of the settings are for the collector, and not for where it may lead.
            .redirect(reqwest::redirect::Policy::none());
        if settings.here {
            http = http.no_proxy();
        }
        if !settings.tls {
            http = http.tls_certs_only(iter::empty());
        }
        Ok(Self { http: http.build()?, runtime, complained: Arc::default() })
    }

    /// Says in the log that nothing can be sent, unless that was said a while ago.
    fn complain(&self, why: &str) {
        let mut complained = self.complained.lock().unwrap_or_else(PoisonError::into_inner);
        if complained.is_none_or(|last| last.elapsed() >= COMPLAINT_EVERY) {
            *complained = Some(Instant::now());
            tracing::warn!("telemetry does not reach its collector, and is lost meanwhile: {why}");
        }
    }
}

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let request = reqwest::Request::try_from(request)?;
        let answered = self.runtime.spawn(exchange(self.http.clone(), request)).await?;
        match &answered {
            Ok(answer) if answer.status().is_success() => {}
            Ok(answer) => self.complain(&format!("it answers {}", answer.status())),
            Err(error) => self.complain(&causes(error.as_ref())),
        }
        answered
    }
}

async fn exchange(http: reqwest::Client, request: reqwest::Request) -> Result<Response<Bytes>, HttpError> {
    // An address may hold a credential.
    let mut answer = http.execute(request).await.map_err(reqwest::Error::without_url)?;
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(ResponseBodyTooLarge::new().into());
        }
        body.extend_from_slice(&chunk);
    }
    let mut response = Response::new(body.into());
    *response.status_mut() = answer.status();
    *response.headers_mut() = std::mem::take(answer.headers_mut());
    Ok(response)
}

/// An error and its causes in one line.
fn causes(error: &(dyn Error + 'static)) -> String {
    let all = iter::successors(Some(error), |&error| error.source());
    all.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
