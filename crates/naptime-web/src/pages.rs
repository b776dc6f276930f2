//! The pages of all features, which are rendered here, with plain forms. Where the script runs, it keeps the parts marked
//! as live up to date; without it, everything works just the same.

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use tower_http::catch_panic::CatchPanicLayer;

use crate::app::Shared;
use crate::http::{auth, shut};
use crate::kit::{PageError, notice};
use crate::{alerts, endpoints, jobs, login, openapi, overview, pools, rules, runs, sla};

/// The pages.
pub(crate) fn router(app: &Shared) -> Router {
    let pages = overview::pages()
        .merge(endpoints::pages())
        .merge(runs::pages())
        .merge(jobs::pages())
        .merge(pools::pages())
        .merge(sla::pages())
        .merge(alerts::pages())
        .merge(rules::pages())
        .merge(openapi::pages())
        .fallback(async || PageError::not_found())
        .method_not_allowed_fallback(async || {
            PageError::new(StatusCode::METHOD_NOT_ALLOWED, "Not like this", "This address takes other requests.")
        })
        .layer(from_fn(notice::tell))
        .layer(from_fn_with_state(app.clone(), keep_looking))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(app.clone(), shut::page))
        .layer(from_fn_with_state(app.clone(), login::let_in))
        .with_state(app.clone());
    let login = login::pages()
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(auth::same_site_page))
        .with_state(app.clone());
    pages.merge(login)
}

/// Every page says in its title how many problems there are. What it waits for is not that.
async fn keep_looking(State(app): State<Shared>, request: Request, next: Next) -> Response {
    if app.watcher.is_stale() {
        let looker = app.clone();
        tokio::spawn(async move {
            if let Err(error) = looker.watcher.look(&looker).await {
                tracing::debug!(%error, "cannot look for problems");
            }
        });
    }
    next.run(request).await
}

/// What is said when a handler panicked. What it panicked with is in the log, by the panic hook.
#[allow(clippy::needless_pass_by_value)] // The layer asks for it.
fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    let text = "The page could not be made. What went wrong is in the log.";
    PageError::new(StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong", text).into_response()
}
