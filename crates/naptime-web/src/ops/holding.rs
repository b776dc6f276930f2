//! What the web answers while it waits for its store: that it is alive, and not ready. A platform ends a process that
//! does not listen in its first minute.

use axum::Router;
use axum::routing::get;
use http::{HeaderName, StatusCode, header};

/// No connection is kept: one that a client uses again just when the store is there would be cut under its request.
const CLOSE: (HeaderName, &str) = (header::CONNECTION, "close");

/// The router for as long as there is no store. It answers 200 at `/healthz`, and 503 whatever else is asked for.
pub fn holding_router() -> Router {
    let not_ready = async || {
        // `Refresh` is what browsers go by.
        let headers = [(header::RETRY_AFTER, "5"), (header::REFRESH, "5"), (header::CACHE_CONTROL, "no-store"), CLOSE];
        (StatusCode::SERVICE_UNAVAILABLE, headers, "Naptime is waiting for its database. Please try again.\n")
    };
    Router::new().route("/healthz", get(async || ([CLOSE], "ok"))).fallback(not_ready)
}
