//! Alerts: who is told of problems, what is muted, and what was sent.

mod api;
mod form;
mod page;
mod view;

use axum::Router;
use axum::routing::{get, post};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;

pub(crate) use view::lengths;

pub(crate) fn pages() -> Router<Shared> {
    Router::new()
        .route("/alerts", get(page::show))
        .route("/alerts/new", get(form::blank).post(form::create))
        .route("/alerts/mutes", post(page::mute))
        .route("/alerts/mutes/{id}/delete", post(page::unmute))
        .route("/alerts/acknowledge", post(page::acknowledge))
        .route("/alerts/receivers/{name}", get(form::filled).post(form::change))
        .route("/alerts/receivers/{name}/switch", post(page::switch))
        .route("/alerts/receivers/{name}/test", post(page::test))
        .route("/alerts/receivers/{name}/delete", get(page::confirm_delete).post(page::delete))
}

pub(crate) fn api() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(api::receivers))
        .routes(routes!(api::receiver, api::put, api::delete))
        .routes(routes!(api::test))
        .routes(routes!(api::mutes, api::mute))
        .routes(routes!(api::unmute))
}
