//! Who is let in to the pages. Where something was typed in a form whose session is over, it is kept over the login.

use axum::body::Body;
use axum::extract::{FromRequest, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use http::{Method, StatusCode, header};
use url::form_urlencoded;

use super::page::{PASSWORD, Then, page, refused};
use super::{Attempt, Login};
use crate::app::{App, Shared};
use crate::http::auth::same_site_page;
use crate::http::body::FormBody;
use crate::http::guard;
use crate::kit::PageError;
use crate::kit::address::address;
use crate::kit::controls::{DRAFT, PREVIEW};

/// The longest form that is kept. Nobody knows yet who sends it, and as many as there may be connections fit in the memory
/// for bodies.
const MAX_DRAFT_BYTES: usize = 64 * 1024;

/// Lets in requests of people: who is not logged in is led to the login. Where there is a token and no password, nobody
/// is let in, since the pages can do all that the token is asked for.
pub(crate) async fn let_in(State(app): State<Shared>, request: Request, next: Next) -> Response {
    if let Some(login) = &app.login {
        match login.is_entered(request.headers()).await {
            Ok(true) => {}
            Ok(false) => return without_session(&app, login, request, next).await,
            Err(error) => return PageError::from(error).into_response(),
        }
    } else if app.settings.api_token.is_some() && !app.settings.is_guarded {
        let detail = "NAPTIME_API_TOKEN is set and NAPTIME_PASSWORD is not, so only programs that send the token are \
                      let in. To use the pages, set NAPTIME_PASSWORD as well and start Naptime again.";
        return PageError::shut("The pages have no password", detail).into_response();
    }
    same_site_page(request, next).await
}

/// Answers with the login, which leads back to where the request wanted to go. A form is asked for the password in its
/// place, with what was typed in it, and is shown again once that is right.
async fn without_session(app: &App, login: &Login, request: Request, next: Next) -> Response {
    let to_login = Redirect::to(&login_path(&request));
    let path = request.uri().path().to_owned();
    let (mut parts, body) = request.into_parts();
    if parts.method != Method::POST || !guard::same_site(&parts.method, &parts.headers, &parts.uri) {
        return to_login.into_response();
    }
    let sent = Request::from_parts(parts.clone(), body);
    let Ok(FormBody(mut fields)) = FormBody::<MAX_DRAFT_BYTES>::from_request(sent, &()).await else {
        return to_login.into_response();
    };
    if !fields.iter().any(|(name, _)| name == DRAFT) {
        return to_login.into_response();
    }
    // Of an attempt before.
    fields.retain(|(name, _)| name != PREVIEW);
    let password = fields.iter().position(|(name, _)| name == PASSWORD).map(|at| fields.remove(at).1);
    let then = Then::Form { path: &path, fields: &fields };
    let Some(password) = password else {
        return (StatusCode::UNAUTHORIZED, page(&then, None)).into_response();
    };
    let client = app.client(&parts.headers, &parts.extensions);
    match login.attempt(client, &password).await {
        Attempt::Right => {}
        attempt => return refused(attempt, client, &then),
    }
    let cookie = match login.enter(&parts.headers).await {
        Ok(cookie) => cookie,
        Err(error) => return PageError::from(error).into_response(),
    };
    // As it was typed, but for the password. Nothing is done yet but to show it.
    let shown = [(PREVIEW.to_owned(), "true".to_owned())];
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields.iter().chain(&shown)).finish();
    parts.headers.remove(header::CONTENT_LENGTH);
    (cookie, next.run(Request::from_parts(parts, Body::from(body))).await).into_response()
}

/// The login that leads back to where the request wanted to go.
fn login_path(request: &Request) -> String {
    let wanted = request.uri().path_and_query().map_or("/", |wanted| wanted.as_str());
    let next = Some(wanted).filter(|wanted| request.method() == Method::GET && *wanted != "/");
    address("/login", next.map(|next| ("next", next)))
}
