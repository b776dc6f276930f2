//! What is answered while the store is shut, because everything is moved out of it or into it: where it went. Whoever is not
//! logged in is not told.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use naptime_store::{Error, Shut};

use crate::app::{App, Shared};
use crate::http::problem::Problem;
use crate::kit::PageError;

/// Answers in the place of all pages while the store is shut.
pub(crate) async fn page(State(app): State<Shared>, request: Request, next: Next) -> Response {
    match shut(&app) {
        Some(shut) => PageError::from(Error::Shut(shut)).into_response(),
        None => next.run(request).await,
    }
}

/// Answers in the place of the API while the store is shut.
pub(crate) async fn api(State(app): State<Shared>, request: Request, next: Next) -> Response {
    match shut(&app) {
        Some(shut) => Problem::from(Error::Shut(shut)).into_response(),
        None => next.run(request).await,
    }
}

/// Why the store is shut, if it is.
pub(crate) fn shut(app: &App) -> Option<Shut> {
    app.settings.shut.borrow().clone()
}
