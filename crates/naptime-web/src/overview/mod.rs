//! The overview: whether calls happen on time, who makes them, and the figures of that for programs.

mod api;
mod headline;
mod load_table;
mod page;
mod span;
mod view;

use axum::Router;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;

pub(crate) fn pages() -> Router<Shared> {
    Router::new().route("/", get(page::show))
}

pub(crate) fn api() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(api::load)).routes(routes!(api::workers))
}
