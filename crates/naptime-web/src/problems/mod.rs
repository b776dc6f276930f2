//! Problems, which are what needs somebody. They are shown on the overview.

mod api;
mod view;
mod watcher;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;

pub(crate) use view::{list, tone};
pub(crate) use watcher::Watcher;

pub(crate) fn api() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(api::list)).routes(routes!(api::acknowledge))
}
