//! Runs, which are what came of calls: those of all jobs, those of one, and each by itself.

mod api;
mod curl;
mod detail;
mod filter;
mod list;
mod table;
mod view;

use axum::Router;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;

pub(crate) use detail::as_curl;
pub(crate) use filter::Filter;
pub(crate) use table::{charts, ending, ending_heads, link, table};
pub(crate) use view::{EndedView, RunView, WorkerRef, last, run};

pub(crate) fn pages() -> Router<Shared> {
    Router::new().route("/runs", get(list::show)).route("/runs/{job}/{run}", get(detail::show))
}

pub(crate) fn api() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(api::list)).routes(routes!(api::get))
}
