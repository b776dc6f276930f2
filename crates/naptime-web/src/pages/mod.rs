//! What people see: pages rendered here, with plain forms. Where the script runs, it keeps the parts marked as live up
//! to date; without it, everything works just the same.

mod actions;
mod detail;
mod endpoints;
mod error;
mod fields;
mod form;
mod form_view;
mod headline;
mod layout;
mod login;
mod overview;
mod runs;
mod status;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::StatusCode;
use tower_http::catch_panic::CatchPanicLayer;

use crate::app::Shared;
use crate::auth;

pub(crate) use error::PageError;

/// The pages.
pub(crate) fn router(app: &Shared) -> Router {
    let pages = Router::new()
        .route("/", get(overview::show))
        .route("/endpoints", get(endpoints::show))
        .route("/endpoints/new", get(form::blank).post(form::create))
        .route("/endpoints/{id}", get(detail::show))
        .route("/endpoints/{id}/edit", get(form::filled).post(form::change))
        .route("/endpoints/{id}/delete", get(actions::confirm_delete).post(actions::delete))
        .route("/endpoints/{id}/restore", post(actions::restore))
        .route("/endpoints/{id}/switch", post(actions::switch))
        .route("/endpoints/{id}/call", post(actions::call))
        .fallback(async || PageError::not_found())
        .method_not_allowed_fallback(async || {
            PageError::new(StatusCode::METHOD_NOT_ALLOWED, "Not like this", "This address takes other requests.")
        })
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(app.clone(), auth::page))
        .with_state(app.clone());
    let login = Router::new()
        .route("/login", get(login::show).post(login::enter))
        .route("/logout", post(login::leave))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(auth::same_site_page))
        .with_state(app.clone());
    pages.merge(login)
}

/// What is said when a handler panicked. What it panicked with is in the log, by the panic hook.
#[allow(clippy::needless_pass_by_value)] // The layer asks for it.
fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    let text = "The page could not be made. What went wrong is in the log.";
    PageError::new(StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong", text).into_response()
}
