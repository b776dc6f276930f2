//! An HTTP client like that of a worker.

use std::time::Duration;

use naptime_core::Time;
use reqwest::Client;
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;

/// The longest that a call may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A client with connections of its own.
pub(crate) fn client() -> reqwest::Result<Client> {
    // The workspace builds reqwest without a cryptography of its own. An error says that one is chosen already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .user_agent(concat!("Naptime/", env!("CARGO_PKG_VERSION")))
        .default_headers(HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("*/*"))]))
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .tcp_nodelay(true)
        .timeout(TIMEOUT)
        .build()
}

/// Makes the call that is `due`, with the headers of a call, and returns status and body.
pub(crate) async fn call(client: &Client, url: &str, key: &str, due: Time) -> reqwest::Result<(u16, String)> {
    let request = client.get(url).header("idempotency-key", key).header("naptime-due", due.to_string());
    let answer = request.send().await?;
    Ok((answer.status().as_u16(), answer.text().await?))
}
