//! The stream: what happens, as server-sent events.
//!
//! All streams of a process stand on one [`Tail`], which reads the store while anybody listens. A stream has a place in
//! what the tail keeps, and tells from there on what its filter lets through. So one that goes on after a break is like one
//! that is slow.

mod api;
mod changes;
mod connection;
mod event;
mod ring;
mod subscription;
mod tail;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;

pub(crate) use tail::Tail;

pub(crate) fn api() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(api::follow))
}
