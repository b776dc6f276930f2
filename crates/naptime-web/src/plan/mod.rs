//! The capacity plan: how much work is due, and how many workers that takes. It is a part of the overview.

mod api;
mod part;
mod planner;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;

pub(crate) use api::{PATIENCE, rounded};
pub(crate) use part::section;
pub(crate) use planner::{Plan, Planner};

pub(crate) fn api() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(api::plan))
}
