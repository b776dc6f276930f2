//! Logging in and out.

use std::net::SocketAddr;
use std::time::Instant;

use axum::extract::{ConnectInfo, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::{Extensions, HeaderMap, HeaderValue, StatusCode, header};
use maud::{Markup, html};

use super::layout::Layout;
use crate::app::Shared;
use crate::auth::local_path;
use crate::body::FormBody;
use crate::query::Query;
use crate::throttle::Attempt;

pub(super) async fn show(State(app): State<Shared>, headers: HeaderMap, query: Query) -> Response {
    let next = local_path(query.get("next").unwrap_or("/"));
    match &app.login {
        Some(login) if !login.sessions.valid(&headers, app.now()) => page(next, None).into_response(),
        _ => Redirect::to(next).into_response(),
    }
}

pub(super) async fn enter(
    State(app): State<Shared>,
    headers: HeaderMap,
    extensions: Extensions,
    FormBody(fields): FormBody,
) -> Response {
    let field = |name: &str| fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    let next = local_path(field("next"));
    let Some(login) = &app.login else { return Redirect::to(next).into_response() };
    // Without the address, all count as one.
    let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    match login.throttle.attempt(peer, Instant::now(), || login.password.matches(field("password").as_bytes())) {
        Attempt::Right => (login.sessions.begin(&headers, app.now()), Redirect::to(next)).into_response(),
        Attempt::Wrong => {
            tracing::warn!(?peer, "a login failed: wrong password");
            (StatusCode::UNAUTHORIZED, page(next, Some("That is not the password."))).into_response()
        }
        Attempt::TooMany(wait) => {
            let seconds = wait.as_secs() + 1;
            let text = format!("Too many wrong passwords. Try again in {seconds} s.");
            let mut response = (StatusCode::TOO_MANY_REQUESTS, page(next, Some(&text))).into_response();
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            response
        }
    }
}

/// Ends the session in this browser. Sessions are kept nowhere else, so a stolen cookie ends only with its time, or with
/// a new password.
pub(super) async fn leave(State(app): State<Shared>, headers: HeaderMap) -> Response {
    match &app.login {
        Some(login) => (login.sessions.end(&headers), Redirect::to("/login")).into_response(),
        None => Redirect::to("/").into_response(),
    }
}

fn page(next: &str, fault: Option<&str>) -> Markup {
    let body = html! {
        section.login {
            h1 { "Log in" }
            form method="post" action="/login" {
                input type="hidden" name="next" value=(next);
                div.field.faulty[fault.is_some()] {
                    label for="password" { "Password" }
                    input #password type="password" name="password" autocomplete="current-password" required autofocus
                        aria-invalid=[fault.map(|_| "true")] aria-describedby=[fault.map(|_| "fault")];
                    @if let Some(fault) = fault { p.fault #fault role="alert" { (fault) } }
                }
                button.primary { "Log in" }
            }
        }
    };
    Layout::outside("Log in").page(&body)
}
