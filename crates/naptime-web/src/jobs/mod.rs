//! One-off jobs: the queue, each by itself, and what is done to one or many.

mod actions;
mod api;
mod bulk;
mod detail;
mod enqueue;
mod filter;
mod list;
mod treatment;
mod view;

use axum::Router;
use axum::routing::{get, post};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;

pub(crate) use list::pill;

pub(crate) fn pages() -> Router<Shared> {
    Router::new()
        .route("/jobs", get(list::show))
        .route("/jobs/bulk", get(bulk::choose))
        .route("/jobs/bulk/{action}", get(bulk::confirm).post(bulk::act))
        .route("/jobs/{id}", get(detail::show))
        .route("/jobs/{id}/retry", post(actions::retry))
        .route("/jobs/{id}/cancel", post(actions::cancel))
}

pub(crate) fn api() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(api::list, enqueue::enqueue))
        .routes(routes!(api::retry_all))
        .routes(routes!(api::cancel_all))
        .routes(routes!(api::get, api::cancel))
        .routes(routes!(api::retry))
        .routes(routes!(api::runs))
}
