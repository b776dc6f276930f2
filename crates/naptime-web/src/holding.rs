//! What the web answers while it waits for its store: that it is alive, and not ready. A platform ends a process that
//! does not listen in its first minute.

use axum::Router;
use axum::routing::get;
use http::{StatusCode, header};

/// The router for as long as there is no store. It answers 200 at `/healthz`, and 503 whatever else is asked for.
pub fn holding_router() -> Router {
    let not_ready = async || {
        let headers = [(header::RETRY_AFTER, "5"), (header::CACHE_CONTROL, "no-store")];
        (StatusCode::SERVICE_UNAVAILABLE, headers, "Naptime is waiting for its database. Please try again.\n")
    };
    Router::new().route("/healthz", get(async || "ok")).fallback(not_ready)
}
