//! The JSON API. Errors are problem documents, those of the router included.

pub(crate) mod alerts;
mod endpoints;
mod enqueue;
mod events;
pub(crate) mod job_view;
pub(crate) mod jobs;
mod load;
mod plan;
mod pools;
mod problems;
pub(crate) mod rule_input;
pub(crate) mod rules;
mod runs;
mod sla;
mod view;

use axum::Router;
use axum::extract::State;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use http::StatusCode;
use tower_http::catch_panic::CatchPanicLayer;

use crate::app::Shared;
use crate::auth;
use crate::bulk::Bulk;
use crate::problem::Problem;
use crate::query::Query;

/// `/api` and all that is under it.
pub(crate) fn router(app: &Shared) -> Router {
    let api = Router::new()
        .route("/endpoints", get(endpoints::list).post(endpoints::create))
        .route("/endpoints/{id}", get(endpoints::get).patch(endpoints::patch).delete(endpoints::delete))
        .route("/endpoints/{id}/restore", post(endpoints::restore))
        .route("/endpoints/{id}/call", post(endpoints::call))
        .route("/endpoints/{id}/runs", get(endpoints::runs))
        .route("/jobs", get(jobs::list).post(enqueue::enqueue))
        .route("/jobs/retry", post(jobs::retry_all))
        .route("/jobs/cancel", post(jobs::cancel_all))
        .route("/jobs/{id}", get(jobs::get).delete(jobs::cancel))
        .route("/jobs/{id}/retry", post(jobs::retry))
        .route("/jobs/{id}/runs", get(jobs::runs))
        .route("/runs", get(runs::list))
        .route("/runs/{job}/{run}", get(runs::get))
        .route("/pools", get(pools::list))
        .route("/pools/{*pool}", get(pools::get).patch(pools::patch).delete(pools::delete))
        .route("/endpoints/{id}/sla", get(sla::endpoint))
        .route("/sla", get(sla::all))
        .route("/sla/breaches", get(sla::breaches))
        .route("/rules", get(rules::list))
        .route("/rules/{name}", get(rules::get).put(rules::put).delete(rules::delete))
        .route("/events", post(events::receive))
        .route("/load", get(load::load))
        .route("/workers", get(load::workers))
        .route("/plan", get(plan::plan))
        .route("/problems", get(problems::list))
        .route("/problems/acknowledge", post(problems::acknowledge))
        .route("/receivers", get(alerts::receivers))
        .route("/receivers/{name}", get(alerts::receiver).put(alerts::put).delete(alerts::delete))
        .route("/receivers/{name}/test", post(alerts::test))
        .route("/mutes", get(alerts::mutes).post(alerts::mute))
        .route("/mutes/{id}", axum::routing::delete(alerts::unmute))
        .merge(bulk())
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
        .layer(from_fn_with_state(app.clone(), auth::api))
}

/// What is done to many endpoints at once.
fn bulk() -> Router<Shared> {
    Bulk::ALL.into_iter().fold(Router::new(), |router, bulk| {
        let act = async move |State(app): State<Shared>, query: Query| endpoints::bulk(app, bulk, query).await;
        router.route(&format!("/endpoints/{}", bulk.as_str()), post(act))
    })
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
