//! Naptime as code: a document that says which endpoints, pools, rules and receivers there are to be, and what it takes to
//! get there from what there is.
//!
//! What each part may say is decided by the readers of the API, so a document knows no fields of its own. All of it is
//! read before anything is stored.

mod api;
mod carry_out;
mod difference;
mod document;
mod export;
mod load;
mod planned;
mod read;
pub(crate) mod said;
mod view;
mod work;
pub(crate) mod written;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;

/// The most endpoints of a document.
const MAX_ENDPOINTS: usize = 10_000;
/// The most pools of a document.
const MAX_POOLS: usize = 10_000;
/// The most bytes of headers, bodies and changed fields that are held while endpoints are applied. Masks make this more
/// than the document has.
const MAX_HELD_BYTES: usize = 32 * 1024 * 1024;
/// The endpoints that are read or written at the same time.
const ENDPOINTS_AT_A_TIME: usize = 8;

pub(crate) fn api() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(api::apply)).routes(routes!(api::export))
}
