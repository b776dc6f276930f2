//! Who may. People log in with the password and get a cookie; programs send a token.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, Method, header};
use url::form_urlencoded;

use crate::app::{App, Shared};
use crate::guard;
use crate::pages::PageError;
use crate::problem::Problem;

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

/// Lets in requests of people: who is not logged in is led to the login.
pub(crate) async fn page(State(app): State<Shared>, request: Request, next: Next) -> Response {
    if app.login.is_some() && session(&app, request.headers()).is_none() {
        return Redirect::to(&login_path(&request)).into_response();
    }
    same_site_page(request, next).await
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
pub(crate) async fn api(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let Some(caller) = caller(&app, request.headers()) else {
        return Problem::unauthorized().into_response();
    };
    if caller != Caller::Token && !guard::same_site(request.method(), request.headers(), request.uri()) {
        let detail = "the request came from another site; programs send a bearer token instead";
        return Problem::forbidden("cross_site", detail).into_response();
    }
    next.run(request).await
}

/// Who sent an API request; none if it may not.
fn caller(app: &App, headers: &HeaderMap) -> Option<Caller> {
    match (bearer(headers), &app.settings.api_token) {
        (Some(token), Some(secret)) => return secret.matches(token).then_some(Caller::Token),
        // Whoever sends a token where there is none was told wrong, and should hear it.
        (Some(_), None) if app.login.is_some() => return None,
        _ => {}
    }
    if app.login.is_some() {
        return session(app, headers);
    }
    app.settings.api_token.is_none().then_some(Caller::Anyone)
}

fn session(app: &App, headers: &HeaderMap) -> Option<Caller> {
    let login = app.login.as_ref()?;
    login.sessions.valid(headers, app.now()).then_some(Caller::Session)
}

/// The token of an `Authorization: Bearer` header.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

/// The login that leads back to where the request wanted to go.
fn login_path(request: &Request) -> String {
    let wanted = request.uri().path_and_query().map_or("/", |wanted| wanted.as_str());
    if request.method() != Method::GET || wanted == "/" {
        return "/login".to_owned();
    }
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("next", wanted).finish();
    format!("/login?{query}")
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
