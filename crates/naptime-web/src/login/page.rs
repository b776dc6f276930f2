//! Logging in and out.

use std::net::IpAddr;

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::{Extensions, HeaderMap, HeaderValue, StatusCode, header};
use maud::{Markup, html};

use crate::app::Shared;
use crate::http::auth::local_path;
use crate::http::body::FormBody;
use crate::http::query::Query;
use crate::http::throttle::Attempt;
use crate::kit::PageError;
use crate::kit::controls::PREVIEW;
use crate::kit::layout::Layout;

/// The field that holds the password.
pub(super) const PASSWORD: &str = "password";

/// Where a login leads.
pub(super) enum Then<'a> {
    /// To a page.
    Page(&'a str),
    /// Back to a form, with what was typed in it.
    Form { path: &'a str, fields: &'a [(String, String)] },
}

pub(super) async fn show(State(app): State<Shared>, headers: HeaderMap, query: Query) -> Result<Response, PageError> {
    let next = local_path(query.get("next").unwrap_or("/"));
    if app.login.is_some() && !app.is_logged_in(&headers).await? {
        return Ok(page(&Then::Page(next), None).into_response());
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
    match login.attempt(client, form.field(PASSWORD).unwrap_or("")).await {
        Attempt::Right => Ok((login.enter(&headers).await?, Redirect::to(next)).into_response()),
        attempt => Ok(refused(attempt, client, &Then::Page(next))),
    }
}

pub(super) async fn leave(State(app): State<Shared>, headers: HeaderMap) -> Result<Response, PageError> {
    Ok(match &app.login {
        Some(login) => (login.leave(&headers).await?, Redirect::to("/login")).into_response(),
        None => Redirect::to("/").into_response(),
    })
}

/// The login again, after an attempt that was not right.
pub(super) fn refused(attempt: Attempt, client: Option<IpAddr>, then: &Then<'_>) -> Response {
    let Attempt::TooMany(wait) = attempt else {
        tracing::warn!(?client, "a login failed: wrong password");
        return (StatusCode::UNAUTHORIZED, page(then, Some("That is not the password."))).into_response();
    };
    let seconds = wait.as_secs() + 1;
    let text = format!("Too many wrong passwords from your address. Try again in {seconds} s.");
    let mut response = (StatusCode::TOO_MANY_REQUESTS, page(then, Some(&text))).into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

pub(super) fn page(then: &Then<'_>, fault: Option<&str>) -> Markup {
    let action = match then {
        Then::Page(_) => "/login",
        // A browser takes a path that begins with two slashes for another host, which would be sent the password.
        Then::Form { path, .. } => local_path(path),
    };
    let body = html! {
        section.login {
            h1 { "Log in" }
            form method="post" action=(action) {
                @match then {
                    Then::Page(next) => input type="hidden" name="next" value=(next);,
                    Then::Form { fields, .. } => {
                        p { "You are logged out by now. What you typed is kept: it is shown again, and not saved yet." }
                        @for (name, value) in *fields { input type="hidden" name=(name) value=(value); }
                        // Whoever has logged in elsewhere meanwhile is shown it as well.
                        input type="hidden" name=(PREVIEW) value="true";
                    }
                }
                div.field.faulty[fault.is_some()] {
                    label for="password" { "Password" }
                    input #password type="password" name=(PASSWORD) autocomplete="current-password" required autofocus
                        aria-invalid=[fault.map(|_| "true")] aria-describedby=[fault.map(|_| "fault")];
                    @if let Some(fault) = fault { p.fault #fault role="alert" { (fault) } }
                }
                button.primary { "Log in" }
            }
        }
    };
    Layout::outside("Log in").page(&body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_sent_to_this_host_only() {
        let action = |path| page(&Then::Form { path, fields: &[] }, None).into_string();
        assert!(action("/rules/new").contains("action=\"/rules/new\""));
        let foreign = action("//evil.example/rules/new");
        assert!(foreign.contains("action=\"/\"") && !foreign.contains("evil"), "{foreign}");
    }
}
