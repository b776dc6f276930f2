//! Pools: hosts, with what is true of all their endpoints.

mod actions;
mod api;
mod detail;
mod form;
mod list;
mod name;
mod view;

use axum::Router;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;

pub(crate) use view::{href, link, mark};

pub(crate) fn pages() -> Router<Shared> {
    Router::new()
        .route("/pools", get(list::show))
        .route("/pools/{scheme}/{host}", get(detail::show))
        .route("/pools/{scheme}/{host}/edit", get(form::filled).post(form::change))
        .route("/pools/{scheme}/{host}/switch", get(actions::confirm).post(actions::switch))
        .route("/pools/{scheme}/{host}/delete", get(actions::confirm_delete).post(actions::delete))
}

pub(crate) fn api() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(api::list)).routes(routes!(api::get, api::patch, api::delete))
}
