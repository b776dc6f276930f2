//! What a browser could be talked into: requests under a foreign host name (DNS rebinding), requests from other sites,
//! foreign scripts and frames. And what a proxy brings that nobody meant to be open to the world.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, Uri, header};

use super::client::{came_by_https, came_through_proxy};
use super::problem::Problem;
use crate::app::Shared;
use crate::kit::PageError;

/// Only what this server sends, no frames around it, forms that lead here alone.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// How browsers that came by https once come from then on, for a year.
const HTTPS_ONLY: &str = "max-age=31536000";

/// Adds the headers that every answer carries.
pub(crate) async fn headers(request: Request, next: Next) -> Response {
    let is_local = host_of(request.headers(), request.uri()).is_none_or(|host| is_loopback(&host));
    // A browser would then come by https to everything else that its own machine serves under that name.
    let https_only = came_by_https(request.headers()) && !is_local;
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    if https_only {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HTTPS_ONLY));
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    // Assets say otherwise themselves.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Without a password, answers only what comes from this machine. A foreign name that resolves to 127.0.0.1 would
/// otherwise let any web page read and edit everything through its visitor's browser, and a proxy on this machine would
/// let everybody.
pub(crate) async fn unguarded(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_open = app.login.is_some()
        || app.settings.is_guarded
        || matches!(path, "/healthz" | "/readyz")
        || path.starts_with("/assets/");
    let (code, title, detail) = if is_open {
        return next.run(request).await;
    } else if !host_of(request.headers(), request.uri()).is_some_and(|host| is_loopback(&host)) {
        let detail = "Without a password, Naptime answers only under the names localhost, 127.0.0.1 and [::1]. Set \
                      NAPTIME_PASSWORD to use it under other names.";
        ("host_not_allowed", "Not under this name", detail)
    } else if came_through_proxy(request.headers(), request.version()) {
        let detail = "This request came through a proxy (it has a header such as X-Forwarded-For, or is HTTP/1.0, as \
                      proxies send it). Without a password, everybody who can reach the proxy could use Naptime. Set \
                      NAPTIME_PASSWORD to use it behind one.";
        ("proxy_not_allowed", "Not through a proxy", detail)
    } else {
        return next.run(request).await;
    };
    if is_api(path) {
        Problem::forbidden(code, detail).into_response()
    } else {
        PageError::shut(title, detail).into_response()
    }
}

/// Whether errors under this path are for programs.
pub(crate) fn is_api(path: &str) -> bool {
    path == "/api" || path.starts_with("/api/") || path == "/metrics"
}

/// Whether a request that changes something may come from where it comes from. Requests that change nothing always may.
///
/// Browsers say where a request comes from, and scripts cannot forge it. Programs that are no browsers say nothing, and
/// nobody can talk them into sending somebody's cookie.
pub(crate) fn same_site(method: &Method, headers: &HeaderMap, uri: &Uri) -> bool {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return true;
    }
    let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or(""));
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    match text("origin") {
        // The scheme may differ where a proxy speaks https for us.
        Some(origin) => origin.split_once("://").is_some_and(|(_, authority)| {
            authority_of(headers, uri).is_some_and(|own| own.eq_ignore_ascii_case(authority))
        }),
        None => true,
    }
}

/// The host and port the request was sent to.
fn authority_of<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    match uri.authority() {
        Some(authority) => Some(authority.as_str()),
        None => headers.get(header::HOST)?.to_str().ok(),
    }
}

/// The host the request was sent to, without the port.
fn host_of(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let authority = authority_of(headers, uri)?;
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map(|(host, _)| host)?,
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    };
    Some(host.to_ascii_lowercase())
}

/// Whether this host name can only mean this machine.
fn is_loopback(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    match host.parse::<std::net::IpAddr>() {
        Ok(ip) => ip.is_loopback(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    fn check_host(host: &'static str, expect: bool) {
        let found = host_of(&with(&[("host", host)]), &Uri::from_static("/"));
        assert_eq!(found.is_some_and(|host| is_loopback(&host)), expect, "{host}");
    }

    #[test]
    fn loopback_names_mean_this_machine() {
        for host in ["localhost", "LOCALHOST:8080", "127.0.0.1", "127.1.2.3:80", "[::1]", "[::1]:8080", "a.localhost:1"]
        {
            check_host(host, true);
        }
        for host in
            ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "[::2]", "[::1"]
        {
            check_host(host, false);
        }
    }

    fn check_site(method: Method, pairs: &[(&'static str, &'static str)], expect: bool) {
        assert_eq!(same_site(&method, &with(pairs), &Uri::from_static("/x")), expect, "{method} {pairs:?}");
    }

    #[test]
    fn other_sites_change_nothing() {
        let host = ("host", "naptime.example:8080");
        check_site(Method::POST, &[host], true);
        check_site(Method::POST, &[host, ("sec-fetch-site", "same-origin")], true);
        check_site(Method::POST, &[host, ("sec-fetch-site", "none")], true);
        check_site(Method::POST, &[host, ("sec-fetch-site", "same-site")], false);
        check_site(Method::DELETE, &[host, ("sec-fetch-site", "cross-site")], false);
        check_site(Method::GET, &[host, ("sec-fetch-site", "cross-site")], true);
        check_site(Method::POST, &[host, ("origin", "https://naptime.example:8080")], true);
        check_site(Method::POST, &[host, ("origin", "http://naptime.example")], false);
        check_site(Method::POST, &[host, ("origin", "https://evil.example")], false);
        check_site(Method::POST, &[host, ("origin", "null")], false);
        check_site(Method::POST, &[("origin", "https://evil.example")], false);
    }
}
