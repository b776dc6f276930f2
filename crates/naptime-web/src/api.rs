//! The JSON API. Errors are problem documents, those of the router included.

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http::StatusCode;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;

use crate::app::Shared;
use crate::http::problem::Problem;
use crate::http::{auth, prefer, shut};
use crate::{
    alerts, as_code, endpoints, jobs, openapi, ops, overview, plan, pools, problems, rules, runs, sla, stream,
};

/// `/api` and all that is under it.
pub(crate) fn router(app: &Shared) -> Router {
    let (api, _) = routes().split_for_parts();
    let api = api
        .merge(openapi::api())
        .fallback(nothing)
        .method_not_allowed_fallback(async || {
            let detail = "this method is not offered here; see Allow";
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
        })
        .with_state(app.clone());
    // Nesting leaves out the path that ends in a slash.
    Router::new()
        .nest("/api", api)
        .route("/api/", any(nothing))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(prefer::minimal))
        .layer(from_fn_with_state(app.clone(), shut::api))
        .layer(from_fn_with_state(app.clone(), auth::api))
}

/// What is served under `/api`, each with what the document says of it.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    endpoints::api()
        .merge(jobs::api())
        .merge(runs::api())
        .merge(pools::api())
        .merge(rules::api())
        .merge(sla::api())
        .merge(overview::api())
        .merge(plan::api())
        .merge(problems::api())
        .merge(alerts::api())
        .merge(stream::api())
        .merge(ops::api())
        .merge(as_code::api())
}

async fn nothing() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not_found", "there is nothing at this path")
}

/// What is said when a handler panicked. What it panicked with is in the log, by the panic hook.
#[allow(clippy::needless_pass_by_value)] // The layer asks for it.
fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    let detail = "something went wrong here; it is in the log";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail).into_response()
}
