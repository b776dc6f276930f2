//! Everything a browser or an API client sees: pages, JSON API, charts, login.
//!
//! The web reads and edits jobs and reads history; it cannot claim. Everything works without JavaScript: pages are
//! rendered here, charts included, and forms are plain forms.
//!
//! Each feature has a folder with its pages, forms, views and handlers of the API, and tells its routes: `pages()` and
//! `api()`. `kit` has what all pages are made of, `http` what all handlers share.
//!
//! One request passes, from the outside in: log, security headers, `guard` (what is answered without a password), then
//! `auth` (who may), then a handler. What people type and what programs send becomes JSON, which is read in one place, in
//! the domain.

#![warn(missing_docs)]

mod alerts;
mod api;
mod app;
mod as_code;
mod endpoints;
mod http;
mod jobs;
mod kit;
mod login;
mod openapi;
mod ops;
mod overview;
mod pages;
mod plan;
mod pools;
mod problems;
mod rules;
mod runs;
mod secret;
mod settings;
mod sla;
mod stream;

use std::sync::Arc;

use axum::middleware::{from_fn, from_fn_with_state};
use naptime_store::WebStore;
use tower_http::compression::CompressionLayer;

/// What the whole web is, as a part of a program of its own or of another's.
pub use axum::Router;

pub use crate::http::json::parse_file;
pub use crate::http::mount::mounted;
pub use crate::http::serve::{MAX_CONNECTIONS, serve};
pub use ops::{OwnFigures, holding_router, worker_router};
pub use secret::Secret;
pub use settings::Settings;

use crate::http::budget::{self, Budget};
use crate::http::{guard, log};
use app::App;

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
