//! Everything a browser or an API client sees: pages, JSON API, charts, login.
//!
//! The web reads and edits jobs and reads history; it cannot claim. Everything works without JavaScript: pages are
//! rendered here, charts included, and forms are plain forms.
//!
//! One request passes, from the outside in: log, security headers, `guard` (what is answered without a password), then
//! `auth` (who may), then a handler of `api` or `pages`. What people type and what programs send becomes a
//! `Draft`, which is read in one place, in the domain.

#![warn(missing_docs)]

mod api;
mod app;
mod assets;
mod auth;
mod body;
mod budget;
mod bulk;
mod charts;
mod client;
mod format;
mod guard;
mod health;
mod holding;
mod json;
mod latest;
mod log;
mod login;
mod mask;
mod ops;
mod pages;
mod password;
mod plan;
mod pool;
mod problem;
mod query;
mod recent;
mod scale;
mod secret;
mod serve;
mod session;
mod settings;
mod throttle;
mod timing;
mod watcher;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use naptime_store::WebStore;
use tower_http::compression::CompressionLayer;

pub use api::rule_input::read_rules;
pub use holding::holding_router;
pub use secret::Secret;
pub use serve::{MAX_CONNECTIONS, serve};
pub use settings::Settings;

use app::App;
use budget::Budget;

/// The whole web: pages under `/`, the API under `/api`, `/healthz`, `/readyz` and `/metrics`.
///
/// # Errors
/// If there is a password, and the store does not say what to hash it with.
pub async fn router(store: Arc<dyn WebStore>, settings: Settings) -> naptime_store::Result<Router> {
    let app = Arc::new(App::new(store, settings).await?);
    // What the API answers has tags, which a compressed answer would share with one that is not.
    let router = pages::router(&app)
        .layer(CompressionLayer::new())
        .merge(ops::router(&app))
        .merge(api::router(&app))
        .layer(from_fn_with_state(Budget::whole(), budget::share))
        .layer(from_fn_with_state(app.clone(), guard::unguarded))
        .layer(from_fn(guard::headers))
        .layer(from_fn(log::requests));
    Ok(router)
}
