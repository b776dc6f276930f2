//! Logging in and out.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::{Extensions, HeaderMap, HeaderValue, StatusCode, header};
use maud::{Markup, html};

use super::error::PageError;
use super::layout::Layout;
use crate::app::Shared;
use crate::auth::local_path;
use crate::body::FormBody;
use crate::query::Query;
use crate::throttle::Attempt;

pub(super) async fn show(State(app): State<Shared>, headers: HeaderMap, query: Query) -> Result<Response, PageError> {
    let next = local_path(query.get("next").unwrap_or("/"));
    if app.login.is_some() && !app.is_logged_in(&headers).await? {
        return Ok(page(next, None).into_response());
    }
    Ok(Redirect::to(next).into_response())
}

pub(super) async fn enter(
    State(app): State<Shared>,
    headers: HeaderMap,
    extensions: Extensions,
    form: FormBody,
) -> Result<Response, PageError> {
    let next = local_path(form.field("next").unwrap_or(""));
    let Some(login) = &app.login else { return Ok(Redirect::to(next).into_response()) };
    let client = app.client(&headers, &extensions);
    match login.attempt(client, form.field("password").unwrap_or("")).await {
        Attempt::Right => Ok((login.enter(&headers).await?, Redirect::to(next)).into_response()),
        Attempt::Wrong => {
            tracing::warn!(?client, "a login failed: wrong password");
            Ok((StatusCode::UNAUTHORIZED, page(next, Some("That is not the password."))).into_response())
        }
        Attempt::TooMany(wait) => {
            let seconds = wait.as_secs() + 1;
            let text = format!("Too many wrong passwords from your address. Try again in {seconds} s.");
            let mut response = (StatusCode::TOO_MANY_REQUESTS, page(next, Some(&text))).into_response();
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            Ok(response)
        }
    }
}

pub(super) async fn leave(State(app): State<Shared>, headers: HeaderMap) -> Result<Response, PageError> {
    Ok(match &app.login {
        Some(login) => (login.leave(&headers).await?, Redirect::to("/login")).into_response(),
        None => Redirect::to("/").into_response(),
    })
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
