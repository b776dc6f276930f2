//! How a client is set up.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::header::HeaderValue;
use reqwest::redirect::Policy;
use url::{Host, Url};

use crate::client::Client;
use crate::error::{Error, Result};

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a request may take, many jobs at once included. Whole documents may take longer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// How long answers of 429 and 503 are waited for unless something else is said.
const PATIENCE: Duration = Duration::from_secs(30);

/// A client to be built.
#[derive(Clone)]
pub struct Builder {
    server: Url,
    token: Option<String>,
    patience: Duration,
}

impl Builder {
    /// Begins with the server's URL.
    ///
    /// # Errors
    /// [`Error::BadServer`] if it is no `http` or `https` URL, or one with a user, a query or a fragment.
    pub(crate) fn new(server: &str) -> Result<Self> {
        let url = Url::parse(server.trim()).ok().filter(is_server);
        let server = url.ok_or(Error::BadServer)?;
        Ok(Self { server, token: None, patience: PATIENCE })
    }

    /// The token that the server was started with (`NAPTIME_API_TOKEN`), if it was started with one.
    #[must_use]
    pub fn token(self, token: Option<impl Into<String>>) -> Self {
        Self { token: token.map(Into::into), ..self }
    }

    /// How long one request waits at most because of answers with 429 or 503 that say `Retry-After`; 30 s unless it is
    /// set. Zero: it does not wait.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Builds the client. No request is sent.
    ///
    /// # Errors
    /// [`Error::BadToken`], and [`Error::NoClient`] if this machine offers no TLS.
    pub fn build(self) -> Result<Client> {
        // reqwest is built without a cryptography of its own. An error says that the program has chosen one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut http = reqwest::Client::builder()
            .user_agent(concat!("naptime-client/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            // The token is for this server, and not for where it may lead.
            .redirect(Policy::none());
        if is_loopback(&self.server) {
            // A proxy of the network cannot reach this machine by that address.
            http = http.no_proxy();
        }
        if self.server.scheme() == "http" {
            // Reading the certificates of this machine takes a while, and there may be none.
            http = http.tls_certs_only(std::iter::empty());
        }
        let http = http.build().map_err(|error| Error::NoClient(error.to_string()))?;
        let token = self.token.map(|token| authorization(&token)).transpose()?;
        Ok(Client { http, server: self.server, token, patience: self.patience })
    }
}

/// A header that shows its value in no debug output.
fn authorization(token: &str) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.trim())).map_err(|_| Error::BadToken)?;
    value.set_sensitive(true);
    Ok(value)
}

fn is_server(url: &Url) -> bool {
    ["http", "https"].contains(&url.scheme())
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => IpAddr::from(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::from(ip).is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_url_without_more() {
        for good in
            ["http://127.0.0.1:8080", "https://naptime.example.com/", "https://example.com/naptime", " http://a "]
        {
            assert!(Builder::new(good).is_ok(), "{good}");
        }
        for bad in ["", "localhost:8080", "127.0.0.1", "ftp://a", "https://u:p@a", "https://a?b", "https://a#b"] {
            assert!(matches!(Builder::new(bad), Err(Error::BadServer)), "{bad}");
        }
    }

    #[test]
    fn a_token_is_not_shown() {
        let client = Builder::new("http://127.0.0.1").unwrap().token(Some("hidden-and-secret")).build().unwrap();
        assert!(!format!("{client:?}").contains("hidden"), "{client:?}");
        let bad = Builder::new("http://127.0.0.1").unwrap().token(Some("a\nb")).build();
        assert!(matches!(bad, Err(Error::BadToken)));
    }
}
