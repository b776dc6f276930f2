//! Who may. People log in with the password and get a cookie, which [`login`](crate::login) looks after; programs send a
//! token.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};
use tokio::time::Instant;

use super::guard;
use super::problem::Problem;
use super::throttle::Attempt;
use crate::app::{App, Shared};
use crate::kit::PageError;

/// Why a request is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// It carries the token. Nobody can be talked into that, so it may come from anywhere.
    Token,
    /// It carries a session.
    Session,
    /// Nothing is asked for.
    Anyone,
}

/// Lets in requests that the other sites of a browser did not send.
pub(crate) async fn same_site_page(request: Request, next: Next) -> Response {
    if !guard::same_site(request.method(), request.headers(), request.uri()) {
        let detail = "This request came from another site, so nothing was changed. Open the page here and try again.";
        return PageError::forbidden("From another site", detail).into_response();
    }
    next.run(request).await
}

/// Lets in requests of programs, and of pages on behalf of who is logged in.
pub(crate) async fn api(State(app): State<Shared>, mut request: Request, next: Next) -> Response {
    let client = app.client(request.headers(), request.extensions());
    let caller = match caller(&app, request.headers(), client).await {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    if caller != Caller::Token && !guard::same_site(request.method(), request.headers(), request.uri()) {
        let detail = "the request came from another site; programs send a bearer token instead";
        return Problem::forbidden("cross_site", detail).into_response();
    }
    request.extensions_mut().insert(caller);
    next.run(request).await
}

/// Who sent an API request, or why it is refused.
async fn caller(app: &App, headers: &HeaderMap, client: Option<IpAddr>) -> Result<Caller, Problem> {
    match (bearer(headers), &app.settings.api_token) {
        (Some(token), Some(secret)) => {
            return match app.token_throttle.attempt(client, Instant::now(), || secret.matches(token)) {
                Attempt::Right => app.token_rate.check().map(|()| Caller::Token).map_err(Problem::too_many_requests),
                Attempt::Wrong => {
                    tracing::warn!(?client, "a request with a wrong API token was refused");
                    Err(Problem::unauthorized())
                }
                Attempt::TooMany(wait) => Err(Problem::too_many_attempts(wait)),
            };
        }
        // Whoever sends a token where there is none was told wrong, and should hear it.
        (Some(_), None) if app.login.is_some() => return Err(Problem::unauthorized()),
        _ => {}
    }
    match (&app.login, &app.settings.api_token) {
        (Some(login), _) if login.is_entered(headers).await? => Ok(Caller::Session),
        (None, token) if token.is_none() || app.settings.is_guarded => Ok(Caller::Anyone),
        _ => Err(Problem::unauthorized()),
    }
}

/// The token of an `Authorization: Bearer` header.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

/// `next`, if it is a path on this server, or else `/`. Anything else would lead people who log in here elsewhere.
pub(crate) fn local_path(next: &str) -> &str {
    let local = next.starts_with('/')
        && !next.starts_with("//")
        && next.bytes().all(|byte| (0x21..0x7f).contains(&byte) && byte != b'\\');
    if local { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_local_paths_are_led_to() {
        for path in ["/", "/endpoints?q=a%20b", "/endpoints/x#y"] {
            assert_eq!(local_path(path), path);
        }
        for path in ["", "x", "//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example", "/ä"] {
            assert_eq!(local_path(path), "/", "{path:?}");
        }
    }
}
