//! Whether the SLAs are met: all together, what is in breach, and how one endpoint stands.

mod api;
mod page;
mod recent;
mod view;

use axum::Router;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;

pub(crate) use page::{overview_tile, part};
pub(crate) use recent::Recent;

pub(crate) fn pages() -> Router<Shared> {
    Router::new().route("/sla", get(page::show)).route("/endpoints/{id}/breaches", get(page::of_endpoint))
}

pub(crate) fn api() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(api::endpoint)).routes(routes!(api::all)).routes(routes!(api::breaches))
}
