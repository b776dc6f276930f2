//! Endpoints, which are called again and again: the list, each by itself, the form, and what is done to one or many.

mod actions;
mod api;
mod bulk;
mod by_key;
mod changes;
mod deleted;
mod detail;
pub(crate) mod facts;
mod filter;
mod filter_view;
mod form;
mod list;
mod timing;
mod view;

use axum::Router;
use axum::routing::{get, post};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;

pub(crate) use list::{link, table, url};
pub(crate) use view::{RetryView, SlaFieldView, retry};

pub(crate) fn pages() -> Router<Shared> {
    Router::new()
        .route("/endpoints", get(list::show))
        .route("/endpoints/deleted", get(deleted::show))
        .route("/endpoints/{id}", get(detail::show))
        .route("/endpoints/{id}/delete", get(actions::confirm_delete).post(actions::delete))
        .route("/endpoints/{id}/restore", post(actions::restore))
        .route("/endpoints/{id}/switch", post(actions::switch))
        .route("/endpoints/{id}/resume", post(actions::resume))
        .route("/endpoints/{id}/call", post(actions::call))
        .merge(form::pages())
        .merge(bulk::pages())
}

pub(crate) fn api() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(api::list, api::create))
        .merge(bulk::api())
        .routes(routes!(api::get, api::patch, api::delete))
        .routes(routes!(by_key::get, by_key::put, by_key::delete))
        .routes(routes!(api::restore))
        .routes(routes!(api::call))
        .routes(routes!(api::runs))
}
