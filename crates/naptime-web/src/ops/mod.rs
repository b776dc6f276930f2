//! What platforms, monitoring and whoever runs it ask for, and the assets.

mod checks;
mod health;
mod holding;
mod metrics;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use tokio::sync::Mutex;
use tokio::time::Instant;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;
use crate::http::problem::Problem;
use crate::http::{auth, shut};
use crate::kit::assets;

pub(crate) use health::Health;
pub use holding::holding_router;
pub use metrics::{OwnFigures, worker_router};

/// The longest the store may take to answer while the web counts as ready.
const READY_WITHIN: Duration = Duration::from_secs(2);
/// How long an answer of the store counts. Anybody may ask, so many who ask at once must not each ask the store.
const READY_FOR: Duration = Duration::from_millis(500);

/// Whether the store answers, as of when.
type Readiness = Mutex<Option<(Instant, Result<(), Cow<'static, str>>)>>;

pub(crate) fn api() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(checks::list))
}

pub(crate) fn router(app: &Shared) -> Router {
    let metrics =
        Router::new().route("/metrics", get(metrics::of_all)).layer(from_fn_with_state(app.clone(), auth::api));
    let readiness = Arc::new(Readiness::default());
    Router::new()
        .route("/healthz", get(async || "ok"))
        .route("/readyz", get(move |State(app): State<Shared>| ready(app, readiness.clone())))
        .route("/assets/{name}", get(assets::get))
        .merge(metrics)
        .with_state(app.clone())
}

/// Whether requests can be served: the store answers, and takes writes.
async fn ready(app: Shared, readiness: Arc<Readiness>) -> Response {
    if shut::shut(&app).is_some() {
        // Whoever asks need not be logged in, so no place is named.
        let why = "everything is being moved, or was moved, to another database";
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", why).into_response();
    }
    let mut known = readiness.lock().await;
    let answer = match known.clone() {
        Some((asked, answer)) if asked.elapsed() < READY_FOR => answer,
        _ => {
            let answer = ask(app).await;
            *known = Some((Instant::now(), answer.clone()));
            answer
        }
    };
    match answer {
        Ok(()) => "ready".into_response(),
        Err(why) => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", why).into_response(),
    }
}

async fn ask(app: Shared) -> Result<(), Cow<'static, str>> {
    let store = app.store.clone();
    // In a task of its own, so that an operation of the driver is never dropped half way.
    let asked = tokio::spawn(async move { store.workers().await });
    match tokio::time::timeout(READY_WITHIN, asked).await {
        Ok(Ok(Ok(_))) => {}
        Ok(Ok(Err(error))) => {
            tracing::warn!(%error, "not ready: the store does not answer");
            return Err("the store does not answer".into());
        }
        Ok(Err(_)) | Err(_) => return Err("the store does not answer in time".into()),
    }
    app.health.fault(&app.store).await.map_or(Ok(()), Err)
}
