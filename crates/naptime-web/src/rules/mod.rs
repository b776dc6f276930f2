//! Rules, which say what an event from elsewhere does to an endpoint, and events themselves.

mod api;
mod events;
mod fields;
mod form;
mod input;
mod page;
mod trial;

use axum::Router;
use axum::routing::{get, post};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;

pub(crate) use api::masked;
pub(crate) use input::read;

pub(crate) fn pages() -> Router<Shared> {
    Router::new()
        .route("/rules", get(page::show))
        .route("/rules/try", post(page::try_event))
        .route("/rules/new", get(page::blank).post(page::create))
        .route("/rules/{name}/edit", get(page::filled).post(page::change))
        .route("/rules/{name}/switch", post(page::switch))
        .route("/rules/{name}/delete", get(page::confirm_delete).post(page::delete))
}

pub(crate) fn api() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(api::list))
        .routes(routes!(api::get, api::put, api::delete))
        .routes(routes!(events::receive))
}
