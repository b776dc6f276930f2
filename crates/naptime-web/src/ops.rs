//! What platforms and monitoring ask for, and the assets.

use std::borrow::Cow;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{StatusCode, header};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::app::Shared;
use crate::problem::Problem;
use crate::{assets, auth};

/// The longest the store may take to answer while the web counts as ready.
const READY_WITHIN: Duration = Duration::from_secs(2);
/// How long an answer of the store counts. Anybody may ask, so many who ask at once must not each ask the store.
const READY_FOR: Duration = Duration::from_millis(500);

/// Whether the store answers, as of when.
type Readiness = Mutex<Option<(Instant, Result<(), Cow<'static, str>>)>>;

pub(crate) fn router(app: &Shared) -> Router {
    let metrics = Router::new().route("/metrics", get(metrics)).layer(from_fn_with_state(app.clone(), auth::api));
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

/// The figures of this process, and those of all workers as the store knows them.
async fn metrics(State(app): State<Shared>) -> Response {
    let mut text = app.settings.metrics.as_ref().map(PrometheusHandle::render).unwrap_or_default();
    let mut gauge = |name: &str, help: &str, value: u64| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}");
    };
    let standing = app.recent.standing(&app.store).await.ok();
    match app.store.workers().await {
        Ok(workers) => {
            let alive: Vec<_> = workers.iter().filter(|worker| worker.alive).map(|worker| &worker.beat).collect();
            gauge("naptime_store_up", "Whether the store answers.", 1);
            gauge("naptime_workers_alive", "Workers alive.", alive.len() as u64);
            gauge(
                "naptime_workers_capacity",
                "Claims that the workers alive can hold.",
                sum(&alive, |beat| beat.capacity),
            );
            gauge("naptime_workers_held", "Claims that the workers alive hold.", sum(&alive, |beat| beat.held));
            if let Some(stood) = standing {
                gauge("naptime_sla_endpoints", "Endpoints with an SLA that runs.", stood.standing.endpoints);
                gauge("naptime_sla_breached", "Endpoints whose SLA is not met now.", stood.standing.breached);
            }
        }
        Err(error) => {
            tracing::warn!(%error, "no figures of the workers: the store does not answer");
            gauge("naptime_store_up", "Whether the store answers.", 0);
        }
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

fn sum(beats: &[&naptime_core::Heartbeat], figure: impl Fn(&naptime_core::Heartbeat) -> u32) -> u64 {
    beats.iter().map(|beat| u64::from(figure(beat))).sum()
}
