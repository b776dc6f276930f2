//! Everything a browser or an API client sees: pages, JSON API, charts, login.
//!
//! The web reads and edits jobs and reads history; it cannot claim. Everything works without JavaScript: pages are
//! rendered here, charts included, and forms are plain forms.
//!
//! One request passes, from the outside in: log, security headers, `guard` (which host names are answered), then
//! `auth` (who may), then a handler of `api` or `pages`. What people type and what programs send becomes a
//! `draft`, which is read in one place.

#![warn(missing_docs)]

mod api;
mod app;
mod assets;
mod auth;
mod body;
mod charts;
mod draft;
mod fault;
mod format;
mod guard;
mod json;
mod log;
mod mask;
mod ops;
mod pages;
mod problem;
mod query;
mod scale;
mod secret;
mod session;
mod settings;
mod throttle;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use naptime_store::WebStore;
use tokio::net::TcpListener;

pub use secret::Secret;
pub use settings::Settings;

use app::App;

/// How long open requests may take to end once the server is to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// The whole web: pages under `/`, the API under `/api`, `/healthz`, `/readyz` and `/metrics`.
pub fn router(store: Arc<dyn WebStore>, settings: Settings) -> Router {
    let app = Arc::new(App::new(store, settings));
    pages::router(&app)
        .merge(ops::router(&app))
        .merge(api::router(&app))
        .layer(from_fn_with_state(app.clone(), guard::host))
        .layer(from_fn(guard::headers))
        .layer(from_fn(log::requests))
}

/// Answers requests that come in on `listener` until `shutdown` ends; then those under way get up to 10 s.
///
/// # Errors
/// If the listener fails.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let signal = async move {
        shutdown.await;
        // The receiver is gone only if serving ended by itself.
        let _ = stop.send(());
    };
    // The address of the other side is what login attempts are counted by.
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum::serve(listener, service).with_graceful_shutdown(signal).into_future();
    let too_long = async {
        match stopped.await {
            Ok(()) => tokio::time::sleep(DRAIN).await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        result = serving => result,
        () = too_long => Ok(()),
    }
}
